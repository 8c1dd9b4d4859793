"""What the live screen shows: a run at this moment, as rows of a width; and what is new between
two moments, as plain lines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from nightlatch.record.progress import Entry
from nightlatch.util.text import plain

NARROW = 60  # columns: below it, the short rows
WIDEST = 160  # longer lines are not read on any screen
BAR = 30
SHOWN = 5  # entries: the screen is for now, `log` for what was
KEYS = "p pause or resume   s stop after this session   l log   q leave"
PHASES = {
    "session.started": "prepares",
    "agent.started": "agent works",
    "agent.ended": "checks",
    "candidate.built": "checks",
    "judge.started": "judge",
    "judge.ended": "checks",
    "publish.started": "lands",
}
Row: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAtWork:
    """The session at work: what it is about, what it does and since when; `said` is what its
    agent said last, `heard` when."""

    session: str
    feature: str
    title: str
    tries: str
    agent: str
    phase: str
    since: datetime | None = None
    said: str = ""
    heard: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAtWork:
    """The run: when it began (None: not known), and what is left of its limits.

    `spent` and `budget` are dollars, 0 for none; `used` of `sessions` sessions have ended;
    `limited` names the agents that wait for a usage limit, each until when.
    """

    name: str = ""
    branch: str = ""
    began: datetime | None = None
    until: str = ""
    spent: float = 0.0
    budget: float = 0.0
    used: int = 0
    sessions: int = 0
    limited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureCounts:
    """How many features pass, of how many; how many this run gained; how many wait for the
    person; which ones come next. `tests` is what the last landing says of the branch's tests."""

    passing: int = 0
    total: int = 0
    gained: int = 0
    waiting: int = 0
    next: tuple[str, ...] = ()
    tests: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSnapshot:
    """One moment. `process` is None without a run at work, and `ending` says why; `work` is None
    between two sessions.

    `wish` is what the person asked of the run; `unread`: why the plan is the one that was
    committed.
    """

    project: str
    now: datetime
    process: int | None = None
    run: RunAtWork
    work: SessionAtWork | None = None
    features: FeatureCounts
    entries: tuple[Entry, ...] = ()
    wish: str = ""
    ending: str = ""
    unread: str = ""


def rows(scene: RunSnapshot, width: int, note: str = "") -> list[Row]:
    """Return each row as its word and the rest; together no wider than `width`, in characters.

    `note` answers the last key.
    """
    told = [*(_narrow if width < NARROW else _wide)(scene), *([("note", note)] if note else [])]
    words = [(plain(word, 14), text) for word, text in told]
    return [(word, plain(text, max(min(width, WIDEST) - len(word) - 1, 8))) for word, text in words]


def _wide(scene: RunSnapshot) -> Iterator[Row]:
    run, features = scene.run, scene.features
    up = f", up {span(scene.now, run.began)}" if run.began else ""
    until = f", until {run.until}" if run.until else ""
    at = f"{scene.now:%H:%M} UTC"
    yield state(scene), f"{scene.project}  {run.name} on {run.branch}  {at}{up}{until}"
    if scene.work:
        yield from _wide_work(scene, scene.work)
    yield "tests   ", features.tests or "not known yet"
    share = f"{features.passing}/{features.total} {bar(features.passing, features.total)}"
    yield "passing ", f"{share} {features.gained:+} in this run"
    of = f" of ${run.budget:.2f} {bar(run.spent, run.budget)}" if run.budget else ", no budget"
    yield "budget  ", f"${run.spent:.2f}{of}"
    yield "limits  ", "; ".join(run.limited) or "no agent is limited"
    yield "this run", counted(scene)
    for entry in scene.entries[-SHOWN:]:
        yield (
            f"  {entry.word:<11}",
            f"{entry.at:%H:%M} {entry.feature} {entry.rule} {entry.title}".replace("  ", " "),
        )
    yield "next    ", ", ".join(features.next) or "nothing"
    yield "keys    ", KEYS


def _wide_work(scene: RunSnapshot, work: SessionAtWork) -> Iterator[Row]:
    yield "feature ", f"{work.feature} {work.title}"
    number = f"session {scene.run.used + 1} of {scene.run.sessions}"
    yield "phase   ", f"{work.phase}, {span(scene.now, work.since)}   {work.tries}, {number}"
    ago = f"last output {span(scene.now, work.heard)} ago" if work.heard else "no output yet"
    yield "agent   ", f"{work.agent}, {ago}{': ' if work.said else ''}{work.said}"


def _narrow(scene: RunSnapshot) -> Iterator[Row]:
    run, features, work = scene.run, scene.features, scene.work
    yield state(scene), f"{scene.project} {scene.now:%H:%M} {span(scene.now, run.began)}"
    if work:
        yield work.feature, f"{work.phase} {span(scene.now, work.since)}"
        ago = f"{span(scene.now, work.heard)} ago: {work.said}"
        yield "agent", ago if work.heard else "no output yet"
    of = f" of ${run.budget:.2f}" if run.budget else ""
    passing = f"{features.passing}/{features.total} ({features.gained:+})"
    yield "passing", f"{passing}  ${run.spent:.2f}{of}"
    yield "run", counted(scene)
    if run.limited:
        yield "limit", "; ".join(run.limited)
    if scene.entries:
        last = scene.entries[-1]
        yield "last", f"{last.at:%H:%M} {last.word} {last.feature}"
    yield "next", ", ".join(features.next) or "nothing"
    yield "keys", "p pause  s stop  l log  q leave"


def state(scene: RunSnapshot) -> str:
    """Return the first word of the screen."""
    if scene.process is None:
        return "NO RUN"
    if scene.wish == "stop":
        return "STOPPING"
    working, idle = ("PAUSING", "PAUSED") if scene.wish == "pause" else ("RUNNING", "WAITING")
    return working if scene.work else idle


def counted(scene: RunSnapshot) -> str:
    """Return what the sessions of this run came to."""
    counts = Counter(entry.word for entry in scene.entries)
    came = (
        ", ".join(f"{count} {word}" for word, count in counts.items()) or "no session has ended yet"
    )
    return f"{came}; {scene.features.waiting} wait for you"


def span(now: datetime, then: datetime | None) -> str:
    """Return how long ago, in two units at most."""
    seconds = max(int((now - then).total_seconds()), 0) if then else 0
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return (
        f"{hours}h{minutes:02}m"
        if hours
        else f"{minutes}m{seconds % 60:02}s"
        if minutes
        else f"{seconds}s"
    )


def bar(part: float, whole: float) -> str:
    """Return how much of it, in plain characters."""
    full = round(BAR * min(max(part / whole, 0.0), 1.0)) if whole > 0 else 0
    return "#" * full + "." * (BAR - full)


def news(before: RunSnapshot | None, now: RunSnapshot) -> Iterator[Row]:
    """Yield what happened between two moments, for whoever reads lines."""
    is_same_run = before is not None and before.run.name == now.run.name
    known = before.entries if before and is_same_run else ()
    for entry in now.entries[len(known) :]:
        yield entry.word, f"{entry.feature} {entry.rule} {entry.title}".replace("  ", " ")
    if now.process is None:
        yield "ended", now.ending
    elif before is None or session_and_phase(before) != session_and_phase(now):
        yield _work_row(now.work)
    if before is not None and now.wish != before.wish:
        yield "asked", now.wish or "resume"


def _work_row(work: SessionAtWork | None) -> Row:
    if work is None:
        return "waiting", "between two sessions"
    return "session", f"{work.feature} {work.title}: {work.phase}"


def session_and_phase(scene: RunSnapshot) -> Sequence[str]:
    return (scene.work.session, scene.work.phase) if scene.work else ()
