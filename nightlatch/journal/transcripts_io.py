"""The transcripts of sessions as numbered events: read while they grow and after, packed when
they are old, never dropped here."""

import gzip
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from nightlatch.agents import registry_io
from nightlatch.agents.streams.dialects import Reader, reader
from nightlatch.errors import ConfigError
from nightlatch.journal import read_io
from nightlatch.journal.events import TURNS
from nightlatch.journal.file_io import store_of
from nightlatch.model.models import Event, Kind
from nightlatch.project.project import Project
from nightlatch.record.phases import listed
from nightlatch.util import fs
from nightlatch.util.text import plain

NAME = "transcript.jsonl"
CHUNK = 1 << 16
LOOK = 0.2
PACKED_AFTER = 3 * 86_400.0
# What ends a transcript: the agent itself is mostly gone before its session has ended.
ENDS = TURNS | {"agent.ended"}
TOLD, LONGEST, TAIL = 30, 240, 200_000
LAST = 900  # characters of a last message, or of a command that failed and what it printed


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One event of a transcript.

    `raw` is the line that it came from, with the first of the line's events only.
    """

    number: int
    event: Event
    raw: str


def path(project: Project, session: str) -> Path | None:
    """Return where a session's transcript lies, packed or not; None where this machine has none."""
    folder = project.state / "sessions" / session
    places = (folder / NAME, folder / f"{NAME}.gz")
    return next((place for place in places if "/" not in session and place.is_file()), None)


def dialect(project: Project, session: str, agent: str = "") -> Reader:
    """Return the reader for a session's stream: by the agent that the journal names, else by the
    one handed in, else as plain JSON lines."""
    # The newest first: mostly its session is meant.
    started = store_of(project.state).latest({"session.started"}, old=True)
    return reader_of(
        project,
        next(
            (str(event.get("agent")) for event in started if event.get("session") == session), agent
        ),
    )


def reader_of(project: Project, agent: str) -> Reader:
    """Return the reader for what an agent prints; plain JSON lines where nobody knows the agent any
    more."""
    with suppress(ConfigError):
        return reader(registry_io.load(agent, project.config.agents).events)
    return reader("jsonl")


def heard(
    project: Project, session: str, over: Callable[[], bool] = lambda: True, agent: str = ""
) -> Iterator[Heard]:
    """Yield every event of a session, once and in order; what is still to come until it is
    `over`."""
    stream, number = dialect(project, session, agent), 0
    for line in lines(project, session, over):
        for first, event in enumerate(stream.feed(line)):
            number += 1
            yield Heard(
                number=number, event=event, raw="" if first else line.decode("utf-8", "replace")
            )


def lines(project: Project, session: str, over: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the whole lines; one that nothing ends is given when no more can come."""
    rest, ended = b"", False
    while not (place := path(project, session)) and not ended:
        ended = over()
        time.sleep(0 if ended else LOOK)
    if place is None:
        return
    with unpacked(place) as file:
        while True:
            if chunk := file.read(CHUNK):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
            elif ended:
                break
            elif not (ended := over()):
                time.sleep(LOOK)
    if rest:
        yield rest


def unpacked(place: Path) -> BufferedIOBase:
    return gzip.open(place) if place.suffix == ".gz" else place.open("rb")


def over(project: Project, session: str) -> bool:
    """Is a session's agent at work no more? The journal says so, or that no run is."""
    turn = next(store_of(project.state).latest(ENDS), {})
    return (
        turn.get("event") != "session.started"
        or turn.get("session") != session
        or read_io.holder(project) is None
    )


def ending(
    project: Project, session: str, agent: str = "", most: int = TOLD, longest: int = LONGEST
) -> list[str]:
    """Return the last words of a session, a line each, oldest first."""
    return [
        plain(each, longest)
        for each in deque(text_lines(last_events(project, session, agent)), maxlen=most)
    ]


def handover(project: Project, session: str) -> tuple[str, ...]:
    """Return what the next agent should know of how a session went: its list, the last command that
    failed, the one that never ended, its last message; () where this machine has no transcript of
    it."""
    return tuple(plain(each, LAST) for each in last_of(last_events(project, session)))


def last_events(project: Project, session: str, agent: str = "") -> Iterator[Event]:
    """Yield the events at the end of a session's transcript, oldest first; none where this machine
    has no transcript of it."""
    place = path(project, session)
    if place is None:
        return
    with unpacked(place) as file:
        # A packed one can only be read from its beginning.
        file.seek(0 if place.suffix == ".gz" else max(0, place.stat().st_size - TAIL))
        stream = dialect(project, session, agent)
        for line in file:
            yield from stream.feed(line)


def last_of(events: Iterable[Event]) -> Iterator[str]:
    """Return what the events of a session tell of its end."""
    ending = _Ending()
    for event in events:
        ending.see(event)
    return ending.lines()


class _Ending:
    """What was going on when a session ended, kept while its events are read."""

    def __init__(self) -> None:
        self._items: object = ()
        self._calls: dict[object, str] = {}
        self._open_calls: dict[object, str] = {}
        self._message = ""
        self._failed = ""
        self._speaking = False

    def see(self, event: Event) -> None:
        call = event.data.get("id")
        match event.kind:
            case Kind.MESSAGE:
                # Many agents write a message in pieces: only another event ends it.
                before = self._message if self._speaking else ""
                self._message = f"{before}{event.text}\n"[-LAST:]
                self._speaking = True
            case Kind.TOOL_CALL:
                self._calls[call] = self._open_calls[call] = event.text
                self._speaking = False
            case Kind.TOOL_RESULT:
                self._open_calls.pop(call, None)
                self._speaking = False
                if event.data.get("ok") is False:
                    self._failed = f"{self._calls.get(call, '')}: {event.text[-LAST // 2 :]}"
            case Kind.TODO:
                self._items = event.data.get("items")
            case Kind.RESULT:
                self._open_calls.clear()

    def lines(self) -> Iterator[str]:
        if isinstance(self._items, tuple) and self._items:
            yield f"its list: {listed(self._items)}"
        if self._failed:
            yield f"the last command that failed: {self._failed}"
        if self._open_calls:
            yield f"a command that never ended: {[*self._open_calls.values()][-1]}"
        if self._message.strip():
            yield f"its last words: {self._message}"


def words(stream: Reader, raw: Iterable[bytes]) -> Iterator[str]:
    """Return what the lines of a stream say."""
    return text_lines(event for line in raw for event in stream.feed(line))


def text_lines(events: Iterable[Event]) -> Iterator[str]:
    return (f"{event.kind}: {event.text}" for event in events if event.text.strip())


def pack(project: Project, before: float) -> None:
    """Pack the transcripts that nobody has written to since; each is there at every moment, as
    it was or packed."""
    for place in (project.state / "sessions").glob("*/*.jsonl"):
        if place.name == "notes.jsonl" or place.stat().st_mtime > before:
            continue
        # By another name first: killed in the middle, it must not look like a whole transcript.
        draft = place.with_name(f"{place.name}.draft")
        draft.touch(mode=0o600)
        with place.open("rb") as source, draft.open("wb") as file:
            with gzip.open(file, "wb") as target:
                shutil.copyfileobj(source, target)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place.with_name(f"{place.name}.gz"))
        fs.sync_folder(place.parent)
        place.unlink()
