"""A run as it is at this moment, read from the branch, the journal and a transcript; nothing is
written."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from nightlatch.core.journal import TURNS, Fields
from nightlatch.core.progress import SESSION_WORDS, Entry, RunStart, parse
from nightlatch.core.text import plain
from nightlatch.core.watch import PHASES, Scene
from nightlatch.edge import look, transcripts, wishes
from nightlatch.edge.house import House
from nightlatch.edge.journal import BEGINNING, Position, store_of
from nightlatch.edge.look import View

TAIL = 60_000


@dataclass(slots=True, kw_only=True)
class Watcher:
    """Looks again and again; the branch and the journal are only read where they have changed
    since."""

    house: House
    _key: object = None
    _known: Scene | None = None
    _transcript: Path | None = None
    _position: Position = BEGINNING
    _events: list[Fields] = field(default_factory=list)

    def look(self) -> Scene:
        """Raises NightlatchError where the plan cannot be read."""
        house, now = self.house, datetime.now(UTC)
        process = look.holder(house)
        tip = house.repo.tip(self._known.branch) if self._known else None
        self.follow()
        key = (process, self._position, house.plan_stat(), tip)
        if self._known is None or key != self._key:
            latest = self._events[::-1]
            self._known, self._key = at_rest(house, process, latest), key
            self._transcript = (
                house.state / "sessions" / self._known.session / transcripts.NAME
                if self._known.session
                else None
            )
        heard, said = last_words(house, self._known.agent, self._transcript)
        return replace(
            self._known, now=now, wish=wishes.asked(house, process), heard=heard, said=said
        )

    def follow(self) -> None:
        """Take in what the journal has new, as far as it is about the last run."""
        news, self._position = store_of(self.house.state).follow(self._position)
        for event in news:
            if event.get("event") == "run.started":
                self._events.clear()
            self._events.append(event)


def at_rest(house: House, process: int | None, events: list[Fields]) -> Scene:
    """What does not change from one second to the next; the events of the last run, latest
    first."""
    seen = look.glance(house)
    opening = next((event for event in events if event.get("event") == "run.started"), {})
    run, config = str(opening.get("run", "")), house.config
    start, entries = record(seen, run)
    before = start.get("passing", f"{seen.survey.passing}/").partition("/")[0]
    scene = Scene(
        project=house.repo.project.name,
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


def with_session(scene: Scene, seen: View, events: list[Fields]) -> Scene:
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
        tries=f"try {tries} of {seen.house.config.limits.attempts}",
    )


def record(seen: View, run: str) -> tuple[Mapping[str, str], tuple[Entry, ...]]:
    """The fields of this run's opening line, and its sessions and decisions."""
    text = seen.house.progress_text(seen.tip) if seen.tip and run else ""
    at = text.rfind(f"== run {run} start")
    items = parse(text[at:]) if at >= 0 else ()
    start = next((dict(item.fields) for item in items if isinstance(item, RunStart)), {})
    return start, tuple(
        item for item in items if isinstance(item, Entry) and item.word in SESSION_WORDS
    )


def tests(seen: View) -> str:
    """What the last landing's trailer says of the branch's tests."""
    told = (
        (
            commit.trailers.get("Nightlatch-Tests", "")
            for commit in seen.house.repo.log(seen.tip, 30)
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
    return "the run is gone" if turn else "no run is at work here"


def last_words(house: House, agent: str, transcript: Path | None) -> tuple[datetime | None, str]:
    """When the agent was last heard, and what it said, made harmless."""
    try:
        with (transcript or Path()).open("rb") as file:
            size, at = os.fstat(file.fileno()).st_size, os.fstat(file.fileno()).st_mtime
            file.seek(max(0, size - TAIL))
            lines = file.read().splitlines()[1 if size > TAIL else 0 :]
    except OSError:
        return None, ""
    said = [*transcripts.words(transcripts.reader_of(house, agent), lines[-40:])] if agent else []
    return datetime.fromtimestamp(at, UTC), plain(said[-1], 200) if said else ""


def moment(event: Fields) -> datetime | None:
    return datetime.fromisoformat(str(event["at"])) if event.get("at") else None
