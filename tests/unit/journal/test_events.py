"""Journal lines: whole or not there, and what they add up to."""

from datetime import UTC, datetime, timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from nightlatch.journal.events import Fields, JournalState, after, decode, encode, run_id

NOW = datetime(2026, 11, 20, 22, 1, tzinfo=UTC)
VALUES = st.one_of(
    st.text(), st.integers(), st.booleans(), st.none(), st.lists(st.text(max_size=5), max_size=3)
)
STARTED = {
    "event": "session.started",
    "session": "s1",
    "feature": "US-001",
    "digest": "abcdef",
    "base": "b",
    "folder": "/w",
    "agent": "a",
}


def replay(*events: Fields) -> JournalState:
    return reduce(after, events, JournalState())


@given(
    st.dictionaries(
        st.text(min_size=1).filter(lambda k: k not in {"event", "at", "crc"}), VALUES, max_size=5
    )
)
def test_what_is_written_is_read(fields: dict[str, object]) -> None:
    line = encode("note", NOW, fields)
    assert line.count(b"\n") == 1
    assert decode(line) == {
        "event": "note",
        "at": "2026-11-20T22:01:00.000+00:00",
        **fields,
        "crc": line[-11:-3].decode(),
    } or (
        {k: v for k, v in (decode(line) or {}).items() if k != "crc"}
        == {"event": "note", "at": "2026-11-20T22:01:00.000+00:00", **fields}
    )


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_line_with_one_byte_changed_is_not_read(place: int, flip: int) -> None:
    line = bytearray(encode("landed", NOW, {"commit": "4f1c2a", "title": "Search ignores accents"}))
    line[place % (len(line) - 1)] ^= flip
    assert decode(bytes(line)) is None


def test_a_session_is_in_flight_from_its_start_to_its_end() -> None:
    begun = replay(STARTED, {"event": "agent.started", "process": "1:2:3"})
    assert begun.flight is not None
    assert (begun.flight.session, begun.flight.process) == ("s1", "1:2:3")
    ended = reduce(
        after,
        [{"event": "agent.ended", "end": "finished"}, {"event": "candidate.built", "tree": "t"}],
        begun,
    )
    assert ended.flight is not None
    assert (ended.flight.process, ended.flight.tree, ended.flight.end["end"]) == (
        "",
        "t",
        "finished",
    )
    assert after(ended, {"event": "session.ended", "session": "s1"}).flight is None


def test_a_commit_is_being_published_until_that_has_ended() -> None:
    begun = replay({"event": "publish.started", "commit": "c", "parent": "p", "branch": "main"})
    assert begun.publishing["commit"] == "c"
    assert after(begun, {"event": "publish.ended", "commit": "c", "moved": True}).publishing == {}


def test_limits_and_scripts_are_remembered_over_sessions() -> None:
    until = NOW + timedelta(hours=5)
    state = replay(
        {**STARTED, "script": "x"},
        {**STARTED, "script": "x"},
        {"event": "limit.met", "agent": "a", "until": until.isoformat()},
    )
    assert state.scripts == {"x": 2}
    assert state.limits == {"a": until}


def test_an_event_of_a_later_version_changes_nothing() -> None:
    assert replay({"event": "something.new", "session": "s9"}) == JournalState()


def test_runs_that_begin_within_one_second_have_names_of_their_own_and_in_order() -> None:
    names = [""]
    for _ in range(4):
        names.append(run_id(NOW, names[-1]))
    assert names[1:] == [
        "r-20261120-220100",
        "r-20261120-220101",
        "r-20261120-220102",
        "r-20261120-220103",
    ]


def test_a_run_named_by_a_clock_that_was_wrong_does_not_lead_the_later_ones() -> None:
    assert (
        run_id(NOW, "r-20300101-000000")
        == run_id(NOW, "")
        == run_id(NOW, "a name of another kind")
        == "r-20261120-220100"
    )
