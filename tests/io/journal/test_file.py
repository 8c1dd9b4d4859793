"""The journal on a real disk: torn tails, bad lines, segments."""

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightlatch.journal import file_io
from nightlatch.journal.events import JournalState, carried, encode
from nightlatch.journal.file_io import open_journal

SESSION = {
    "session": "s1",
    "feature": "US-001",
    "digest": "abcdef",
    "base": "b",
    "folder": "/w",
    "agent": "a",
}


def written(path: Path) -> Path:
    book = open_journal(path)
    book.write("run.started", run="r-1")
    book.write("session.started", **SESSION)
    book.close()
    return path


def test_who_writes_the_journal_knows_what_its_next_reader_will(tmp_path: Path) -> None:
    path, book = tmp_path / "journal.jsonl", open_journal(tmp_path / "journal.jsonl")
    for event, told in (
        ("run.started", {"run": "r-1"}),
        ("session.started", {**SESSION, "script": "x"}),
        ("agent.started", {"process": "1:2:3"}),
        ("limit.met", {"agent": "a", "until": "2026-11-21T10:00:00+00:00"}),
        ("agent.ended", {"end": "finished", "input": 5}),
        ("candidate.built", {"tree": "t"}),
        ("publish.started", {"commit": "c", "parent": "p", "branch": "main"}),
        ("publish.ended", {"commit": "c", "moved": True}),
        ("session.ended", {"session": "s1"}),
    ):
        book.write(event, **told)
        assert file_io.load(path) == (book.state, 0), event
    book.close()


def test_a_torn_tail_is_dropped_and_the_next_event_stands_on_its_own_line(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.jsonl")
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        book = open_journal(path)
        book.write("note", text="after")
        book.close()
        kept = whole[: whole[:cut].rfind(b"\n") + 1]
        assert path.read_bytes().startswith(kept)
        assert all(event is not None for event in file_io.read(path))
        assert path.read_bytes().count(b"\n") == kept.count(b"\n") + 1


def test_a_bad_line_in_the_middle_is_counted_and_costs_no_later_event(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.jsonl")
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b'{"event":"forged"}\n' + second)
    book = open_journal(path)
    assert book.bad == 1
    assert book.state.flight is not None
    book.close()


def test_a_full_segment_is_put_aside_between_sessions_only(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.jsonl")
    book = open_journal(path)
    book.write("note", text="x" * (file_io.SEGMENT + 1))
    book.close()
    book = open_journal(path)
    assert path.stat().st_size > file_io.SEGMENT, "a session is in flight"
    book.write("session.ended", session="s1")
    book.close()
    book = open_journal(path)
    book.close()
    assert path.stat().st_size < 1000
    assert [old.name for old in tmp_path.glob("journal-*.jsonl")] == ["journal-0001.jsonl"]


def test_the_next_segment_knows_all_that_the_full_one_did(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    book = open_journal(path)
    book.write("run.started", run="r-1")
    for name in ("a", "b"):
        book.write("session.started", **{**SESSION, "agent": name}, script="x")
        book.write("limit.met", agent=name, until="2026-11-21T03:00:00+00:00", guessed=True)
        book.write("agent.ended", end="limit", input=7, output=2)
        book.write("session.ended", session="s1")
    book.write("note", text="x" * (file_io.SEGMENT + 1))
    book.close()
    before = book.state
    empty = {each.name for each in fields(JournalState) if not getattr(before, each.name)}
    assert empty == {
        "flight",
        "publishing",
    }, "a full segment waits for these to end; whatever else the state holds is looked at here"
    book = open_journal(path)
    book.close()
    assert path.stat().st_size < 1000
    assert path.stat().st_mode & 0o077 == 0
    assert book.state == file_io.load(path)[0] == before
    assert [event and event["event"] for event in file_io.read(path)] == ["segment.started"]


@pytest.mark.parametrize("renamed", [False, True])
def test_a_loop_that_was_killed_between_two_segments_has_forgotten_nothing(
    tmp_path: Path, *, renamed: bool
) -> None:
    path = written(tmp_path / "journal.jsonl")
    book = open_journal(path)
    book.write("session.ended", session="s1")
    book.write("note", text="x" * (file_io.SEGMENT + 1))
    book.close()
    (tmp_path / "journal.next").write_bytes(
        encode("segment.started", datetime.now(UTC), carried(book.state))
    )
    if renamed:
        path.rename(tmp_path / "journal-0001.jsonl")
    again = open_journal(path)
    again.close()
    assert again.state == book.state
    assert [old.name for old in tmp_path.glob("journal-*.jsonl")] == ["journal-0001.jsonl"]
    assert not (tmp_path / "journal.next").exists()


def test_who_follows_gets_each_event_once_also_those_of_a_new_segment(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    store = file_io.FileStore(path)
    assert store.follow(file_io.BEGINNING) == ([], file_io.BEGINNING), "there is none yet"
    book, seen, position = open_journal(path), list[object](), file_io.BEGINNING
    for text in ("a", "b", "x" * (file_io.SEGMENT + 1)):
        book.write("note", text=text)
        news, position = store.follow(position)
        seen += [event["text"] for event in news]
    assert seen == ["a", "b", "x" * (file_io.SEGMENT + 1)]
    path.write_bytes(path.read_bytes() + b'{"event":"torn')
    assert store.follow(position) == ([], position), "half an event is none"
    book.close()
    book = open_journal(path)
    book.write("note", text="c")
    book.close()
    news, _ = store.follow(position)
    assert [event["event"] for event in news] == ["segment.started", "note"]


def test_the_latest_come_first_and_older_segments_where_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    book = open_journal(path)
    for text in ("a", "again"):
        book.write("note", text=text)
    book.write("other", text="x" * (file_io.SEGMENT + 1))
    book.close()
    book = open_journal(path)
    book.write("note", text="b")
    book.close()
    store = file_io.FileStore(path)
    assert [event["text"] for event in store.latest({"note"})] == ["b"]
    old = [event["text"] for event in store.latest({"note"}, old=True)]
    assert old == ["b", "again", "a"]
    assert len([*store.latest()]) == len([*store.replay()]) == 2
