"""What counts as repeated work: a settled command in whatever quotes, a file of an idea that
was ruled out, and nothing else."""

import pytest

from nightlatch.model.models import Event, Kind
from nightlatch.prompt.handoff.repeats import RepeatCounter, trodden
from nightlatch.record.findings.findings import Cite, Reproduction, State
from nightlatch.record.findings.retrieval import RelevantFinding
from tests.unit.record.test_retrieval import finding, recalled

KNOWN = recalled(
    finding(1, reproduction=Reproduction(command="./invite.sh"), cites=(Cite(path="src/auth.py"),)),
    finding(2, State.REJECTED, cites=(Cite(path="src/limit.py"), Cite(path="src/auth.py"))),
    finding(3, State.OPEN, cites=(Cite(path="src/mail.py"),)),
).findings


def count(*args: dict[str, str], known: tuple[RelevantFinding, ...] = KNOWN) -> RepeatCounter:
    counted = RepeatCounter(known=trodden(known), top="/home/ada/shop")
    for each in args:
        counted.hear(Event(kind=Kind.TOOL_CALL, data={"id": "1", "tool": "x", "args": each}))
        counted.hear(Event(kind=Kind.TOOL_RESULT, text="./check.sh 1"))
    return counted


@pytest.mark.parametrize(
    ("args", "repeated"),
    [
        ({"command": "./check.sh 1"}, 1),
        ({"command": "bash -lc 'cd x && ./check.sh  1 | tail'"}, 1),
        ({"command": '["bash", "-lc", "./check.sh 2"]'}, 1),
        ({"command": "./check.sh 12"}, 0),
        ({"command": "./recheck.sh 1"}, 0),
        ({"command": "./check.sh 3"}, 0),
        ({"command": "./invite.sh"}, 0),
        ({"file_path": "/home/ada/shop/src/limit.py", "new_string": "x"}, 1),
        ({"command": "sed -n 1,9p ./src/limit.py"}, 1),
        ({"file_path": "src/auth.py"}, 0),
        ({"file_path": "src/mail.py"}, 0),
        ({"file_path": "src/limit.py.orig"}, 0),
        ({"file_path": "lib/src/limit.py"}, 0),
    ],
)
def test_a_tool_call_repeats_a_settled_command_or_touches_a_dead_end(
    args: dict[str, str], repeated: int
) -> None:
    assert count(args).repeated == repeated


def test_a_call_counts_once_and_what_it_repeats_is_named_most_often_first() -> None:
    counted = count(
        {"command": "cat src/limit.py; ./check.sh 2"},
        {"command": "./check.sh 2"},
        {"command": "ls"},
    )
    assert (counted.calls, counted.repeated) == (3, 2)
    assert counted.descriptions == (
        "2 times ran `./check.sh 2` again (N-00002)",
        "touched `src/limit.py` again (N-00002)",
    )


def test_what_is_stale_may_be_run_again() -> None:
    stale = recalled(
        finding(1, State.REJECTED, cites=(Cite(path="src/limit.py"),)), stale=["N-00001"]
    ).findings
    assert not trodden(stale)
    assert count({"command": "./check.sh 1; cat src/limit.py"}, known=stale).repeated == 0
