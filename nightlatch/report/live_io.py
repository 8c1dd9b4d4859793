"""A run as it is at this moment, read from the branch, the journal and a transcript; nothing is
written."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from nightlatch.journal import control_io, read_io, transcripts_io
from nightlatch.journal.events import TURNS, Fields
from nightlatch.journal.file_io import BEGINNING, Position, store_of
from nightlatch.project.project import Project
from nightlatch.record.progress import SESSION_WORDS, Entry, RunStart
from nightlatch.report import status_io
from nightlatch.report.live import PHASES, RunSnapshot
from nightlatch.report.status_io import ProjectStatus
from nightlatch.util.text import plain

TAIL = 60_000


@dataclass(slots=True, kw_only=True)
class SnapshotReader:
    """Looks again and again; the branch and the journal are only read where they have changed
    since."""

    project: Project
    _key: object = None
    _known: RunSnapshot | None = None
    _transcript: Path | None = None
    _position: Position = BEGINNING
    _events: list[Fields] = field(default_factory=list)

    def look(self) -> RunSnapshot:
        """Raises NightlatchError where the plan cannot be read."""
        project, now = self.project, datetime.now(UTC)
        process = read_io.holder(project)
        tip = project.repo.tip(self._known.branch) if self._known else None
        self.follow()
        key = (process, self._position, project.plan_stat(), tip)
        if self._known is None or key != self._key:
            latest = self._events[::-1]
            self._known, self._key = at_rest(project, process, latest), key
            self._transcript = (
                project.state / "sessions" / self._known.session / transcripts_io.NAME
                if self._known.session
                else None
            )
        heard, said = last_words(project, self._known.agent, self._transcript)
        return replace(
            self._known, now=now, wish=control_io.asked(project, process), heard=heard, said=said
        )

    def follow(self) -> None:
        """Take in what the journal has new, as far as it is about the last run."""
        news, self._position = store_of(self.project.state).follow(self._position)
        for event in news:
            if event.get("event") == "run.started":
                self._events.clear()
            self._events.append(event)


def at_rest(project: Project, process: int | None, events: list[Fields]) -> RunSnapshot:
    """What does not change from one second to the next; the events of the last run, latest
    first."""
    seen = status_io.glance(project)
    opening = next((event for event in events if event.get("event") == "run.started"), {})
    run, config = str(opening.get("run", "")), project.config
    start, entries = record(seen, run)
    before = start.get("passing", f"{seen.survey.passing}/").partition("/")[0]
    scene = RunSnapshot(
        project=project.repo.folder.name,
        now=datetime.now(UTC),
        process=process,
        run=run,
        branch=seen.branch,
        began=moment(opening),
        until=config.limits.until,
        tests=tests(seen),
        passing=seen.survey.passing,
        total=len(seen.plan.features),
        gained=seen.survey.passing - int(before) if before.isdecimal() else 0,
        waiting=seen.survey.waiting,
        spent=seen.history.spent(run),
        budget=config.limits.budget,
        used=len(entries),
        sessions=config.limits.sessions,
        limits=limits(events),
        entries=entries,
        ending=ending(events),
        unread=seen.unread,
        next=tuple(
            f"{f.id} {plain(f.title, 60)}" for f, waiting in seen.survey.left if waiting is None
        )[:3],
    )
    return with_session(scene, seen, events) if process is not None else scene


def with_session(scene: RunSnapshot, seen: ProjectStatus, events: list[Fields]) -> RunSnapshot:
    """The same with the session at work, if one is."""
    turn: Fields = next((event for event in events if event.get("event") in TURNS), {})
    if turn.get("event") != "session.started":
        return scene
    phase = next((event for event in events if event.get("event") in PHASES), turn)
    name = str(turn.get("feature", ""))
    feature = seen.plan.feature(name)
    tries = seen.history.of(feature).attempts + 1 if feature else 1
    others = tuple(item for item in scene.next if not item.startswith(f"{name} "))
    return replace(
        scene,
        session=str(turn.get("session", "")),
        feature=plain(name, 60),
        title=plain(feature.title, 80) if feature else "",
        agent=str(turn.get("agent", "")),
        phase=PHASES[str(phase["event"])],
        since=moment(phase),
        next=others,
        tries=f"try {tries} of {seen.project.config.limits.attempts}",
    )


def record(seen: ProjectStatus, run: str) -> tuple[Mapping[str, str], tuple[Entry, ...]]:
    """The fields of this run's opening line, and its sessions and decisions."""
    begun = (
        at
        for at, item in enumerate(seen.items)
        if run and isinstance(item, RunStart) and item.run == run
    )
    items = seen.items[max(begun, default=len(seen.items)) :]
    start = next((dict(item.fields) for item in items if isinstance(item, RunStart)), {})
    return start, tuple(
        item for item in items if isinstance(item, Entry) and item.word in SESSION_WORDS
    )


def tests(seen: ProjectStatus) -> str:
    """What the last landing's trailer says of the branch's tests."""
    told = (
        (
            commit.trailers.get("Nightlatch-Tests", "")
            for commit in seen.project.repo.log(seen.tip, 30)
        )
        if seen.tip
        else ()
    )
    return next(filter(None, told), "")


def limits(events: list[Fields]) -> tuple[str, ...]:
    """The agents that are limited now, each until when."""
    met = [event for event in reversed(events) if event.get("event") == "limit.met"]
    untils = {str(event["agent"]): datetime.fromisoformat(str(event["until"])) for event in met}
    return tuple(
        f"{plain(agent, 40)} until {until:%H:%M %Z}"
        for agent, until in untils.items()
        if until > datetime.now(UTC)
    )


def ending(events: list[Fields]) -> str:
    """How the last run ended, in a sentence."""
    turn: Fields = next((event for event in events if event.get("event") in TURNS), {})
    match turn.get("event"):
        case "run.ended":
            return f"the run ended with {turn.get('code')}: {plain(str(turn.get('why', '')), 300)}"
        case "session.started":
            return (
                f"the run is gone; it was cut off at {plain(str(turn.get('feature')), 60)}, and the"
                " next one finishes that"
            )
    return "the run is gone" if turn else "no run is going here"


def last_words(
    project: Project, agent: str, transcript: Path | None
) -> tuple[datetime | None, str]:
    """When the agent was last heard, and what it said, made harmless."""
    try:
        with (transcript or Path()).open("rb") as file:
            size, at = os.fstat(file.fileno()).st_size, os.fstat(file.fileno()).st_mtime
            file.seek(max(0, size - TAIL))
            lines = file.read().splitlines()[1 if size > TAIL else 0 :]
    except OSError:
        return None, ""
    said = (
        [*transcripts_io.words(transcripts_io.reader_of(project, agent), lines[-40:])]
        if agent
        else []
    )
    return datetime.fromtimestamp(at, UTC), plain(said[-1], 200) if said else ""


def moment(event: Fields) -> datetime | None:
    return datetime.fromisoformat(str(event["at"])) if event.get("at") else None
