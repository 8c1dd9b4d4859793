"""A run as it is at this moment, read from the branch, the journal and a transcript; nothing is
written."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from nightlatch.journal import control_io, read_io, transcripts_io
from nightlatch.journal.events import TURNS, Fields
from nightlatch.journal.file_io import BEGINNING, Position, store_of
from nightlatch.project.project import Project
from nightlatch.record.progress import SESSION_WORDS, Entry, RunStart
from nightlatch.report import status_io
from nightlatch.report.live import (
    PHASES,
    FeatureCounts,
    RunAtWork,
    RunSnapshot,
    SessionAtWork,
)
from nightlatch.report.status_io import ProjectStatus
from nightlatch.util.text import plain

TAIL = 60_000  # bytes of a transcript: its last event, however long, is in them
NEXT_SHOWN = 3  # features that come next


@dataclass(slots=True, kw_only=True)
class SnapshotReader:
    """Looks again and again; the branch and the journal are only read where they have changed
    since."""

    project: Project
    _key: object = None
    _known: RunSnapshot | None = None
    _position: Position = BEGINNING
    _events: list[Fields] = field(default_factory=list)

    def look(self) -> RunSnapshot:
        """Raises NightlatchError where the plan cannot be read."""
        project, now = self.project, datetime.now(UTC)
        process = read_io.holder(project)
        tip = project.repo.tip(self._known.run.branch) if self._known else None
        self.follow()
        # reading branch and plan costs git processes: twice a second only where something moved
        key = (process, self._position, project.plan_stat(), tip)
        if self._known is None or key != self._key:
            latest = self._events[::-1]
            self._known, self._key = at_rest(project, process, latest), key
        work = self._known.work
        if work is not None:
            heard, said = last_words(project, work)
            work = replace(work, heard=heard, said=said)
        wish = control_io.asked(project, process)
        return replace(self._known, now=now, wish=wish, work=work)

    def follow(self) -> None:
        """Take in what the journal has new, as far as it is about the last run."""
        news, self._position = store_of(self.project.state).follow(self._position)
        for event in news:
            # the events of earlier runs are of no use here, and would grow for weeks
            if event.get("event") == "run.started":
                self._events.clear()
            self._events.append(event)


def at_rest(project: Project, process: int | None, events: list[Fields]) -> RunSnapshot:
    """Return what does not change from one second to the next; the events of the last run, latest
    first."""
    seen = status_io.glance(project)
    opening = next((event for event in events if event.get("event") == "run.started"), {})
    name, limits = str(opening.get("run", "")), project.config.limits
    start, entries = record(seen, name)
    work = session_at_work(seen, events) if process is not None else None
    return RunSnapshot(
        project=project.repo.folder.name,
        now=datetime.now(UTC),
        process=process,
        run=RunAtWork(
            name=name,
            branch=seen.branch,
            began=moment(opening),
            until=limits.until,
            spent=seen.history.spending.of_run(name),
            budget=limits.budget,
            used=len(entries),
            sessions=limits.sessions,
            limited=limited(events),
        ),
        work=work,
        features=feature_counts(seen, start, work.feature if work else ""),
        entries=entries,
        ending=ending(events),
        unread=seen.unread,
    )


def feature_counts(seen: ProjectStatus, start: Mapping[str, str], at_work: str) -> FeatureCounts:
    """Return how many features pass; the one at work is not among the next."""
    passing = seen.survey.passing
    before = start.get("passing", f"{passing}/").partition("/")[0]
    can_run = [feature for feature, waiting in seen.survey.left if waiting is None][:NEXT_SHOWN]
    return FeatureCounts(
        passing=passing,
        total=len(seen.plan.features),
        gained=passing - int(before) if before.isdecimal() else 0,
        waiting=seen.survey.waiting,
        next=tuple(f"{f.id} {plain(f.title, 60)}" for f in can_run if plain(f.id, 60) != at_work),
        tests=tests(seen),
    )


def session_at_work(seen: ProjectStatus, events: list[Fields]) -> SessionAtWork | None:
    """Return the session at work, None between two."""
    turn: Fields = next((event for event in events if event.get("event") in TURNS), {})
    if turn.get("event") != "session.started":
        return None
    phase = next((event for event in events if event.get("event") in PHASES), turn)
    name = str(turn.get("feature", ""))
    feature = seen.plan.feature(name)
    tries = seen.history.of(feature).attempts + 1 if feature else 1
    return SessionAtWork(
        session=str(turn.get("session", "")),
        feature=plain(name, 60),
        title=plain(feature.title, 80) if feature else "",
        agent=str(turn.get("agent", "")),
        phase=PHASES[str(phase["event"])],
        since=moment(phase),
        tries=f"try {tries} of {seen.project.config.limits.attempts}",
    )


def record(seen: ProjectStatus, run: str) -> tuple[Mapping[str, str], tuple[Entry, ...]]:
    """Return the fields of this run's opening line, and its sessions and decisions."""
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
    """Return what the last landing's trailer says of the branch's tests."""
    told = (
        (
            commit.trailers.get("Nightlatch-Tests", "")
            for commit in seen.project.repo.log(seen.tip, 30)
        )
        if seen.tip
        else ()
    )
    return next(filter(None, told), "")


def limited(events: list[Fields]) -> tuple[str, ...]:
    """Return the agents that are limited now, each until when."""
    met = [event for event in reversed(events) if event.get("event") == "limit.met"]
    untils = {str(event["agent"]): datetime.fromisoformat(str(event["until"])) for event in met}
    return tuple(
        f"{plain(agent, 40)} until {until:%H:%M %Z}"
        for agent, until in untils.items()
        if until > datetime.now(UTC)
    )


def ending(events: list[Fields]) -> str:
    """Return how the last run ended, in a sentence."""
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


def last_words(project: Project, work: SessionAtWork) -> tuple[datetime | None, str]:
    """Return when the agent was last heard, and what it said, made harmless."""
    try:
        with (project.state / "sessions" / work.session / transcripts_io.NAME).open("rb") as file:
            size, at = os.fstat(file.fileno()).st_size, os.fstat(file.fileno()).st_mtime
            file.seek(max(0, size - TAIL))
            # where the tail begins in the middle of a line, that line is no event
            lines = file.read().splitlines()[1 if size > TAIL else 0 :]
    except OSError:
        return None, ""
    reader = transcripts_io.reader_of(project, work.agent)
    said = [*transcripts_io.words(reader, lines[-40:])] if work.agent else []
    return datetime.fromtimestamp(at, UTC), plain(said[-1], 200) if said else ""


def moment(event: Fields) -> datetime | None:
    return datetime.fromisoformat(str(event["at"])) if event.get("at") else None
