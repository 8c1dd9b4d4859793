"""The append-only event log: one write an event, a checksum a line, fsync at barriers, the torn
tail dropped at open."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

from nightlatch.core import journal as lines
from nightlatch.edge import files

SEGMENT = 4_000_000
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


@dataclass(slots=True, kw_only=True)
class Journal:
    """The open journal and the state that its events add up to.

    `write` returns once the event is with the operating system, and for a barrier once it is on the
    disk. `bad` counts lines in the middle that do not hold their checksum: they are reported, and
    the lines after them still count.
    """

    path: Path
    descriptor: int
    state: lines.State
    bad: int
    now: Callable[[], datetime]

    def write(self, event: str, **fields: object) -> None:
        line = lines.encode(event, self.now(), fields)
        files.append(self.descriptor, line)
        if event in BARRIERS:
            os.fdatasync(self.descriptor)
        # as whoever reads it will have it
        self.state = lines.after(self.state, lines.decode(line) or {})

    def close(self) -> None:
        os.close(self.descriptor)


def read(path: Path) -> Iterator[lines.Fields | None]:
    """Every complete line of one segment; None for a line that does not hold its checksum.

    A torn tail is left out.
    """
    for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else ():
        yield lines.decode(line + b"\n")


def load(path: Path) -> tuple[lines.State, int]:
    """The state and the number of bad lines, without writing anything."""
    events = list(read(path))
    good = [event for event in events if event is not None]
    return reduce(lines.after, good, lines.State()), len(events) - len(good)


def open_journal(path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Journal:
    """Open for appending. A tail without its newline was never acknowledged: it is cut off
    first."""
    files.make_folder(path.parent)
    next_segment = path.with_name("journal.next")
    if next_segment.exists() and not path.exists():  # the last loop was ended between the two names
        next_segment.rename(path)
    state, bad = load(path)
    full = (
        path.exists()
        and path.stat().st_size > SEGMENT
        and state.flight is None
        and not state.publishing
    )
    if full:
        files.replace(next_segment, lines.encode("segment.started", now(), lines.carried(state)))
        path.rename(
            path.with_name(f"journal-{len(list(path.parent.glob('journal-*.jsonl'))) + 1:04}.jsonl")
        )
        files.sync_folder(path.parent)
        next_segment.rename(path)
        state, _ = load(path)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    files.sync_folder(path.parent)
    drop_torn_tail(descriptor)
    return Journal(path=path, descriptor=descriptor, state=state, bad=bad, now=now)


def drop_torn_tail(descriptor: int) -> None:
    """Cut the file after its last newline."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, min(size, 1 << 20), max(0, size - (1 << 20)))
    keep = size - len(tail) + tail.rfind(b"\n") + 1
    if keep < size:
        os.ftruncate(descriptor, keep)
        os.fsync(descriptor)
