"""Real agent CLIs, run as in a night: each completes its work, and each failure ends as what it
is and never as a finish."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import pytest

from nightlatch.agents import registry_io
from nightlatch.agents.exit_classification import Summary, after
from nightlatch.agents.streams.dialects import reader
from nightlatch.model.models import End
from tests.proofs.agents import clis
from tests.proofs.agents.drive import drive
from tests.proofs.agents.loopback import alone
from tests.proofs.agents.model_server import (
    CONTEXT,
    DROPPED,
    OVERLOAD,
    RATE_LIMIT,
    STALLED,
    Failure,
    usage_limit,
)

pytestmark = [pytest.mark.agents, pytest.mark.sandbox]
every_cli = pytest.mark.parametrize("name", clis.NAMES)


def without_stray(summary: Summary) -> Summary:
    return replace(summary, output=replace(summary.output, stray=""))


@every_cli
def test_it_reads_the_brief_works_and_finishes(name: str, programs: Path, tmp_path: Path) -> None:
    came = alone(drive, name, tmp_path, programs)
    summary, end = came.run.summary, came.run.end
    assert (end.end, summary.output.words, came.briefed) == (End.FINISHED, "Done.", True)
    assert [p.name for p in (tmp_path / "tree").iterdir()] == ["hello.txt"]
    assert summary.session
    assert (end.usage.input, end.usage.cached, end.usage.output) == (2000, 400, 80)
    assert end.usage.usd == pytest.approx(0.00732 if name in {"claude", "pi"} else None)
    stream = (tmp_path / "transcript").read_bytes().splitlines()
    again = reader(registry_io.load(name, {}).events)
    read_again = reduce(after, (e for line in stream for e in again.feed(line)), Summary())
    assert without_stray(read_again) == without_stray(summary)


@every_cli
@pytest.mark.parametrize(
    ("failure", "end"),
    [(RATE_LIMIT, End.LIMIT), (OVERLOAD, End.FAULT), (CONTEXT, End.CONTEXT), (DROPPED, End.FAULT)],
    ids=["rate limit", "overload", "context full", "dropped stream"],
)
def test_a_failure_of_the_provider_ends_as_what_it_is(
    name: str, failure: Failure, end: End, programs: Path, tmp_path: Path
) -> None:
    came = alone(drive, name, tmp_path, programs, failure=failure)
    assert (came.run.end.end, came.briefed) == (end, True)
    assert came.run.end.says
    assert not list((tmp_path / "tree").iterdir())


@every_cli
def test_a_refused_connection_is_a_fault(name: str, programs: Path, tmp_path: Path) -> None:
    came = alone(drive, name, tmp_path, programs, refused=True, idle=4)
    assert (came.run.end.end, came.requests) == (End.FAULT, 0)


@every_cli
def test_a_stalled_stream_is_ended_as_idle(name: str, programs: Path, tmp_path: Path) -> None:
    came = alone(drive, name, tmp_path, programs, failure=STALLED, idle=4)
    assert (came.run.end.end, came.briefed) == (End.IDLE, True)


@every_cli
def test_a_failure_in_the_middle_of_work_is_no_finish(
    name: str, programs: Path, tmp_path: Path
) -> None:
    came = alone(
        drive,
        name,
        tmp_path,
        programs,
        commands=["echo hello > hello.txt"] * 3,
        failure=RATE_LIMIT,
        good=2,
    )
    assert came.run.end.end is End.LIMIT
    assert [p.name for p in (tmp_path / "tree").iterdir()] == ["hello.txt"]


@pytest.mark.parametrize("name", ["claude", "pi"])
def test_a_stream_that_is_dropped_once_is_retried_and_counted_once(
    name: str, programs: Path, tmp_path: Path
) -> None:
    came = alone(drive, name, tmp_path, programs, failure=DROPPED, failing=1)
    assert came.run.end.end is End.FINISHED
    # with the beginning of the dropped answer, if that was there when the stream ended
    usage = came.run.end.usage
    assert (usage.input, usage.output) in {(2000, 80), (3000, 81)}


@pytest.mark.parametrize("name", ["claude", "gemini"])
def test_a_turn_limit_is_told_apart(name: str, programs: Path, tmp_path: Path) -> None:
    came = alone(drive, name, tmp_path, programs, commands=["echo hello >> hello.txt"] * 9, turns=2)
    assert came.run.end.end is End.TURNS
    assert (tmp_path / "tree/hello.txt").exists()


@pytest.mark.parametrize("name", ["claude", "pi"])
def test_an_agent_that_tells_dollars_ends_at_its_cap(
    name: str, programs: Path, tmp_path: Path
) -> None:
    came = alone(
        drive, name, tmp_path, programs, commands=["echo hello >> hello.txt"] * 9, dollars=0.009
    )
    assert came.run.end.end is End.BUDGET, came.run.end
    assert came.requests < 9
    assert (tmp_path / "tree/hello.txt").exists()


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_subscription_that_is_used_up_says_when_it_ends(
    name: str, programs: Path, tmp_path: Path
) -> None:
    resets = int(time.time()) // 60 * 60 + 7200
    login = (
        {"ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": f"sk-ant-oat01-{clis.DUMMY}"}
        if name == "claude"
        else {}
    )
    came = alone(drive, name, tmp_path, programs, failure=usage_limit(resets), environ=login)
    assert (came.run.end.end, came.run.end.window.resets_at) == (
        End.LIMIT,
        datetime.fromtimestamp(resets, UTC),
    )


@every_cli
def test_the_shipped_file_names_the_version_that_is_tested(name: str) -> None:
    pinned = json.loads((clis.HERE / "package.json").read_text())["dependencies"]
    assert registry_io.load(name, {}).tested == pinned[clis.PACKAGES[name]]
