"""The append-only event log: one write an event, a checksum a line, fsync at barriers, the torn
tail dropped at open."""

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Protocol, TypeAlias

from nightlatch.journal import events as lines
from nightlatch.journal.events import Fields
from nightlatch.util import fs

NAME = "journal.jsonl"
# Bytes. A segment is read whole at each start, and only its last part is about what still goes on.
SEGMENT = 4_000_000
# What is decided by these events must not be forgotten, whatever fails next: a session that is not
# known to have begun would leave its agent running, a landing that is not would be made twice.
BARRIERS = frozenset(
    {
        "run.started",
        "session.started",
        "agent.started",
        "candidate.built",
        "publish.started",
        "publish.ended",
        "session.ended",
        "run.ended",
        "limit.met",
    }
)
# Where a reader has got to: which file, and how many bytes of it.
Position: TypeAlias = tuple[int, int]
BEGINNING: Position = (0, 0)


class JournalStore(Protocol):
    """Where the events of a project are kept, in the order in which they came.

    One process writes and any number read meanwhile. An event is there whole or not at all for
    whoever reads, whatever ended the writer; one that was acknowledged is never lost again, and one
    that is damaged later costs no other. A back end is a class like this one.
    """

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add one encoded event behind all others.

        Return once it outlives this process, and with `durable` once it outlives a power cut, with
        all events before it. Raise OSError, or the error of a full disk, and leave nothing of it.
        """

    def replay(self) -> Iterator[Fields | None]:
        """Return the events that the present state comes of, oldest first; None for a damaged
        one."""

    def latest(self, names: Collection[str] = (), *, old: bool = False) -> Iterator[Fields]:
        """Return the good ones of them, or those with these names, newest first.

        With `old` the events follow that the present state does not need any more.
        """

    def follow(self, position: Position) -> tuple[list[Fields], Position]:
        """Return the good events that came behind a position, and the position behind them."""

    def close(self) -> None:
        """Let go of what a writer holds open. Nothing is written here: all of it is there."""


class FileStore:
    """Lines in a file beside which older segments lie, journal-0001.jsonl the oldest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def open(self) -> None:
        """Make it ready for `append`.

        A tail without its newline was never acknowledged: it is cut off first.
        """
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)
        fs.sync_folder(self.path.parent)
        drop_torn_tail(self._descriptor)

    def append(self, line: bytes, *, durable: bool) -> None:
        """See JournalStore."""
        fs.append(self._descriptor, line)
        if durable:
            os.fdatasync(self._descriptor)

    def replay(self) -> Iterator[Fields | None]:
        """See JournalStore."""
        return read(self.path)

    def latest(self, names: Collection[str] = (), *, old: bool = False) -> Iterator[Fields]:
        """See JournalStore. Lines are decoded one by one, for mostly the first is enough."""
        for segment in self.segments() if old else [self.path]:
            for row in reversed(rows(segment)):
                event = lines.decode(row + b"\n")
                if event and (not names or event.get("event") in names):
                    yield event

    def follow(self, position: Position) -> tuple[list[Fields], Position]:
        """See JournalStore. A segment that is new since is read from its beginning."""
        try:
            with self.path.open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                offset = position[1] if position[0] == inode else 0
                file.seek(offset)
                data = file.read()
        except FileNotFoundError:
            return [], BEGINNING
        whole = data[: data.rfind(b"\n") + 1]
        decoded = (lines.decode(row + b"\n") for row in whole.split(b"\n")[:-1])
        return [event for event in decoded if event], (inode, offset + len(whole))

    def segments(self) -> list[Path]:
        """Return the files that events are in, the newest first."""
        return [self.path, *sorted(self.path.parent.glob("journal-*.jsonl"), reverse=True)]

    def begin_segment(self, line: bytes) -> None:
        """Put the full segment aside, and begin a new one with this event.

        The next one is whole before the full one loses its name: who is killed in between leaves
        both, and `settle` ends it.
        """
        fs.replace(self._next, line)
        number = len(self.segments())
        self.path.rename(self.path.with_name(f"journal-{number:04}.jsonl"))
        fs.sync_folder(self.path.parent)
        self._next.rename(self.path)

    def settle(self) -> None:
        """End what a writer began that was killed between two segments."""
        if self._next.exists() and not self.path.exists():
            self._next.rename(self.path)

    def close(self) -> None:
        """See JournalStore."""
        os.close(self._descriptor)

    @property
    def _next(self) -> Path:
        return self.path.with_name("journal.next")


@dataclass(slots=True, kw_only=True)
class Journal:
    """The open journal and the state that its events add up to.

    `write` returns once the event is with the operating system, and for a barrier once it is on the
    disk. `bad` counts lines in the middle that do not hold their checksum: they are reported, and
    the lines after them still count.
    """

    store: JournalStore
    state: lines.JournalState
    bad: int
    now: Callable[[], datetime]

    def write(self, event: str, **fields: object) -> None:
        """Keep an event, and follow it with the state."""
        line = lines.encode(event, self.now(), fields)
        self.store.append(line, durable=event in BARRIERS)
        # as whoever reads it will have it
        self.state = lines.after(self.state, lines.decode(line) or {})

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


def store_of(state: Path) -> FileStore:
    """Return the events of a project, by the folder of its state."""
    return FileStore(state / NAME)


def rows(path: Path) -> list[bytes]:
    """Return the whole lines of one segment, without their ends. A torn tail is left out."""
    return path.read_bytes().split(b"\n")[:-1] if path.is_file() else []


def read(path: Path, names: Collection[str] = ()) -> Iterator[Fields | None]:
    """Return every whole line of one segment as an event, or those with these names only; None
    for a line that does not hold its checksum."""
    # How `encode` begins a line: what is not asked for is not decoded, which takes most of the
    # time.
    begins = tuple(f'{{"event":"{name}"'.encode() for name in names) if names else b""
    for row in rows(path):
        if row.startswith(begins):
            yield lines.decode(row + b"\n")


def load(path: Path) -> tuple[lines.JournalState, int]:
    """Return the state and the number of bad lines, without writing anything."""
    events = list(read(path))
    good = [event for event in events if event is not None]
    return reduce(lines.after, good, lines.JournalState()), len(events) - len(good)


def open_journal(path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Journal:
    """Open the journal for appending, with a new segment where the last one is full."""
    fs.make_folder(path.parent)
    store = FileStore(path)
    store.settle()
    state, bad = load(path)
    is_full = path.exists() and path.stat().st_size > SEGMENT
    if is_full and state.flight is None and not state.publishing:
        store.begin_segment(lines.encode("segment.started", now(), lines.carried(state)))
        state, _ = load(path)
    store.open()
    return Journal(store=store, state=state, bad=bad, now=now)


def drop_torn_tail(descriptor: int) -> None:
    """Cut the file after its last newline."""
    size = os.fstat(descriptor).st_size
    # No line is longer than this by far.
    tail = os.pread(descriptor, min(size, 1 << 20), max(0, size - (1 << 20)))
    keep = size - len(tail) + tail.rfind(b"\n") + 1
    if keep < size:
        os.ftruncate(descriptor, keep)
        os.fsync(descriptor)
