"""Notes become findings, and how often a command runs depends on how often it is said to fail."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files

import pytest

from nightlatch.record.findings.findings import (
    Author,
    Evidence,
    Finding,
    FindingEvent,
    Grounds,
    Origin,
    State,
)
from nightlatch.record.findings.notes import (
    MOST_RUNS,
    Note,
    Shown,
    Trial,
    cite,
    contested,
    outcome,
    problem,
    take,
    trials,
)

AT = datetime(2026, 11, 21, 6, 10, tzinfo=UTC)
SCHEMA = json.loads(files("nightlatch").joinpath("schema/note.json").read_text())


def taken(*lines: str) -> list[Note]:
    return [*take(lines, SCHEMA, "US-001", "r-1-s01", AT)]


def ran(fails: int, of: int, failed: int, runs: int) -> Trial:
    return Trial(command="./invite.sh", fails=fails, of=of, failed=failed, runs=runs)


@pytest.mark.parametrize(
    ("trial", "shown"),
    [
        (ran(0, 1, 0, 1), Shown.AS_SAID),
        (ran(0, 1, 1, 1), Shown.NOT_SO),
        (ran(1, 1, 1, 1), Shown.AS_SAID),
        (ran(1, 1, 0, 1), Shown.NOT_SO),
        (ran(3, 10, 0, 3), Shown.UNSURE),
        (ran(3, 10, 0, 8), Shown.UNSURE),
        (ran(3, 10, 0, 9), Shown.NOT_SO),
        (ran(3, 10, 1, 4), Shown.AS_SAID),
        (ran(3, 10, 4, 4), Shown.UNSURE),
        (ran(3, 10, 9, 9), Shown.NOT_SO),
        (ran(1, 100, 0, MOST_RUNS), Shown.UNSURE),
    ],
)
def test_what_runs_show_depends_on_the_rate_that_was_stated(trial: Trial, shown: Shown) -> None:
    assert trial.shown is shown


@pytest.mark.parametrize(
    ("fails", "of", "runs"),
    [(1, 1, 1), (0, 1, 1), (1, 2, 5), (3, 10, 9), (1, 10, 29), (1, 20, 59), (1, 100, 299)],
)
def test_the_runs_that_are_enough_at_95_percent(fails: int, of: int, runs: int) -> None:
    assert ran(fails, of, 0, 0).enough == runs


def test_a_rare_failure_is_tried_up_to_the_cap_and_then_left_open() -> None:
    assert ran(1, 100, 0, MOST_RUNS - 1).open
    assert not ran(1, 100, 0, MOST_RUNS).open
    assert outcome(State.VERIFIED, [ran(1, 100, 0, MOST_RUNS)], unchanged=True) is State.OPEN


@pytest.mark.parametrize(
    ("says", "trial", "unchanged", "state"),
    [
        (State.VERIFIED, ran(0, 1, 0, 1), False, State.VERIFIED),
        (State.REJECTED, ran(0, 1, 0, 1), False, State.REJECTED),
        (State.OPEN, ran(0, 1, 0, 1), True, State.OPEN),
        (State.VERIFIED, ran(0, 1, 1, 1), True, State.OPEN),
        (State.REJECTED, ran(0, 1, 1, 1), True, State.OPEN),
        (State.VERIFIED, ran(3, 10, 2, 5), False, State.VERIFIED),
        (State.VERIFIED, ran(3, 10, 0, 3), True, State.OPEN),
        (State.VERIFIED, ran(3, 10, 0, 9), True, State.REJECTED),
        (State.VERIFIED, ran(3, 10, 0, 9), False, State.OPEN),
        (State.REJECTED, ran(3, 10, 0, 9), True, State.OPEN),
        (State.VERIFIED, ran(3, 10, 9, 9), True, State.OPEN),
        (State.VERIFIED, replace(ran(1, 1, 1, 1), fault="exit code 127"), True, State.OPEN),
    ],
)
def test_what_a_claim_is_once_its_command_has_run(
    says: State, trial: Trial, state: State, *, unchanged: bool
) -> None:
    assert outcome(says, [trial], unchanged=unchanged) is state


def test_a_claim_without_a_command_stays_open() -> None:
    assert outcome(State.VERIFIED, [], unchanged=True) is State.OPEN
    [note] = taken(
        '{"claim": "it is the cache", "state": "verified", "evidence": {"file": "slow.log"}}'
    )
    assert note.finding
    assert (note.finding.state, note.finding.says, trials(note.finding)) == (
        State.OPEN,
        State.VERIFIED,
        (),
    )


def test_a_note_carries_what_was_said() -> None:
    line = {
        "claim": "403 after invite",
        "evidence": ["a", {"trace": "t-9", "says": "see row 3"}],
        "cites": ["src/a.py:10-20", "b.txt", "c.py:7"],
        "reproduction": {"command": "./invite.sh", "fails": 3, "of": 10},
        "next": "read src/a.py",
        "at": "base",
    }
    [note] = taken(json.dumps(line))
    found = note.finding
    assert found
    assert note.at_base
    assert [(each.path, each.lines) for each in found.grounds.cites] == [
        ("src/a.py", (10, 20)),
        ("b.txt", None),
        ("c.py", (7, 7)),
    ]
    assert [(each.command, each.fails, each.of) for each in trials(found)] == [
        ("./invite.sh", 3, 10),
        ("a", 0, 1),
    ]
    assert (
        found.origin.by,
        found.feature,
        found.remarks.next,
        found.grounds.evidence[1].trace,
    ) == (
        Author.AGENT,
        "US-001",
        "read src/a.py",
        "t-9",
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("I looked into it", "invalid JSON"),
        ('"a text"', "is not of type 'object'"),
        ('{"claim": ""}', "claim"),
        ('{"state": "open"}', "'claim' is a required property"),
        ('{"claim": "x", "state": "stale"}', "state"),
        ('{"claim": "x", "claims": "y"}', "claims"),
        ('{"claim": "x", "challenge": "N-7f3k2"}', "evidence"),
        ('{"claim": "x", "reproduction": {"command": "x", "fails": 0}}', "reproduction.fails"),
        ('{"claim": "x", "evidence": "a\\u0000b"}', "evidence"),
        ('{"claim": "\\ud800"}', "invalid JSON"),
        ("[" * 100_000, "invalid JSON"),
    ],
)
def test_what_does_not_validate_is_kept_as_text_and_says_why(line: str, why: str) -> None:
    assert why in problem(line, SCHEMA)
    [note] = taken(line)
    assert note.finding
    assert note.finding.remarks.why.startswith("kept as text: ")
    assert (note.finding.state, note.finding.claim[:200]) == (State.OPEN, line[:200])


def test_the_same_line_of_a_session_is_the_same_finding_whenever_it_is_read() -> None:
    first, again, other = (
        next(take(["a"], SCHEMA, "US-001", session, AT)).id for session in ("s1", "s1", "s2")
    )
    assert first == again != other


def test_a_contradiction_is_an_event_of_the_finding_that_it_names() -> None:
    [note] = taken(
        '{"claim": "no, the cache", "challenge": "N-7f3k2", "evidence": "./slow.sh", "state":'
        ' "rejected"}'
    )
    assert (note.id, note.finding) == ("N-7f3k2", None)
    assert note.event
    assert (note.event.why, note.event.state, note.event.challenge) == ("no, the cache", None, True)


@pytest.mark.parametrize("text", ["a.py:0", "a:b.py", "a.py:3-", "C:3-4:9"])
def test_a_cite_that_is_no_range_is_a_path(text: str) -> None:
    assert cite(text).path == text.removesuffix(":9")


def known(
    state: State, says: State, *, by: Author = Author.LOOP, command: str = "test -s a"
) -> Finding:
    event = FindingEvent(at=AT, by=by, state=state)
    return Finding(
        id="N-00001",
        claim="x",
        says=says,
        origin=Origin(by=Author.AGENT, at=AT),
        grounds=Grounds(evidence=(Evidence(command=command),)),
        events=(event,),
    )


TRUE, FALSE = ran(0, 1, 0, 1), ran(0, 1, 1, 1)


@pytest.mark.parametrize(
    ("finding", "against", "again", "settles", "state"),
    [
        (known(State.OPEN, State.OPEN), TRUE, TRUE, State.REJECTED, State.REJECTED),
        (known(State.BLOCKED, State.BLOCKED), TRUE, TRUE, State.VERIFIED, State.VERIFIED),
        (known(State.OPEN, State.OPEN), TRUE, TRUE, None, None),
        (known(State.OPEN, State.OPEN), FALSE, TRUE, State.REJECTED, None),
        (known(State.VERIFIED, State.VERIFIED), TRUE, TRUE, None, State.OPEN),
        (known(State.REJECTED, State.REJECTED), TRUE, TRUE, None, None),
        (known(State.REJECTED, State.REJECTED), TRUE, FALSE, None, State.OPEN),
        (known(State.REJECTED, State.REJECTED), FALSE, FALSE, None, None),
        (known(State.REJECTED, State.VERIFIED), TRUE, ran(3, 10, 0, 9), None, None),
        (known(State.REJECTED, State.VERIFIED), TRUE, ran(3, 10, 2, 9), None, State.OPEN),
        (
            known(State.REJECTED, State.REJECTED, by=Author.PERSON),
            TRUE,
            FALSE,
            State.VERIFIED,
            None,
        ),
    ],
)
def test_what_a_contradiction_makes_of_a_finding(
    finding: Finding, against: Trial, again: Trial, settles: State | None, state: State | None
) -> None:
    assert contested(finding, [against], lambda: [again], settles) is state


def test_an_agents_word_is_enough_to_say_that_it_waits() -> None:
    [note] = taken('{"claim": "no access to the log", "state": "blocked"}')
    assert note.finding
    assert note.finding.state is State.BLOCKED
