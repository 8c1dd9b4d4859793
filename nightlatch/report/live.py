"""What the live screen shows: a run at this moment, as rows of a width; and what is new between
two moments, as plain lines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from nightlatch.record.progress import Entry
from nightlatch.util.text import plain

NARROW, WIDEST, BAR, SHOWN = 60, 160, 30, 5
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
class RunSnapshot:
    """One moment. `process` is None without a run at work; moments are None where nothing is known.

    feature, title, session, tries, agent, phase and since are of the session at work, "" between
    two; said: what its agent said last, heard: when. `wish` is what the person asked of the run.
    `spent` and `budget` are dollars, 0 for none. `ending`: why there is no run, `unread`: why the
    plan is the one that was committed.
    """

    project: str
    now: datetime
    process: int | None = None
    run: str = ""
    branch: str = ""
    began: datetime | None = None
    until: str = ""
    wish: str = ""
    session: str = ""
    feature: str = ""
    title: str = ""
    tries: str = ""
    agent: str = ""
    phase: str = ""
    since: datetime | None = None
    said: str = ""
    heard: datetime | None = None
    tests: str = ""
    passing: int = 0
    total: int = 0
    gained: int = 0
    waiting: int = 0
    spent: float = 0.0
    budget: float = 0.0
    used: int = 0
    sessions: int = 0
    limits: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    next: tuple[str, ...] = ()
    ending: str = ""
    unread: str = ""


def rows(scene: RunSnapshot, width: int, note: str = "") -> list[Row]:
    """Each row as its word and the rest; together no wider than `width`, in characters.

    `note` answers the last key.
    """
    told = [*(_narrow if width < NARROW else _wide)(scene), *([("note", note)] if note else [])]
    words = [(plain(word, 14), text) for word, text in told]
    return [(word, plain(text, max(min(width, WIDEST) - len(word) - 1, 8))) for word, text in words]


def _wide(scene: RunSnapshot) -> Iterator[Row]:
    up = f", up {span(scene.now, scene.began)}" if scene.began else ""
    until = f", until {scene.until}" if scene.until else ""
    yield (
        state(scene),
        f"{scene.project}  {scene.run} on {scene.branch}  {scene.now:%H:%M} UTC{up}{until}",
    )
    if scene.feature:
        yield "feature ", f"{scene.feature} {scene.title}"
        yield (
            "phase   ",
            (
                f"{scene.phase}, {span(scene.now, scene.since)}   {scene.tries}, session"
                f" {scene.used + 1} of {scene.sessions}"
            ),
        )
        ago = f"last output {span(scene.now, scene.heard)} ago" if scene.heard else "no output yet"
        yield "agent   ", f"{scene.agent}, {ago}{': ' if scene.said else ''}{scene.said}"
    yield "tests   ", scene.tests or "not known yet"
    yield (
        "passing ",
        (
            f"{scene.passing}/{scene.total} {bar(scene.passing, scene.total)} {scene.gained:+} in"
            " this run"
        ),
    )
    of = (
        f" of ${scene.budget:.2f} {bar(scene.spent, scene.budget)}"
        if scene.budget
        else ", no budget"
    )
    yield "budget  ", f"${scene.spent:.2f}{of}"
    yield "limits  ", "; ".join(scene.limits) or "no agent is limited"
    yield "this run", counted(scene)
    for entry in scene.entries[-SHOWN:]:
        yield (
            f"  {entry.word:<11}",
            f"{entry.at:%H:%M} {entry.feature} {entry.rule} {entry.title}".replace("  ", " "),
        )
    yield "next    ", ", ".join(scene.next) or "nothing"
    yield "keys    ", KEYS


def _narrow(scene: RunSnapshot) -> Iterator[Row]:
    yield state(scene), f"{scene.project} {scene.now:%H:%M} {span(scene.now, scene.began)}"
    if scene.feature:
        yield scene.feature, f"{scene.phase} {span(scene.now, scene.since)}"
        yield (
            "agent",
            f"{span(scene.now, scene.heard)} ago: {scene.said}" if scene.heard else "no output yet",
        )
    of = f" of ${scene.budget:.2f}" if scene.budget else ""
    yield "passing", f"{scene.passing}/{scene.total} ({scene.gained:+})  ${scene.spent:.2f}{of}"
    yield "run", counted(scene)
    if scene.limits:
        yield "limit", "; ".join(scene.limits)
    if scene.entries:
        last = scene.entries[-1]
        yield "last", f"{last.at:%H:%M} {last.word} {last.feature}"
    yield "next", ", ".join(scene.next) or "nothing"
    yield "keys", "p pause  s stop  l log  q leave"


def state(scene: RunSnapshot) -> str:
    """The first word of the screen."""
    if scene.process is None:
        return "NO RUN"
    if scene.wish == "stop":
        return "STOPPING"
    working, idle = ("PAUSING", "PAUSED") if scene.wish == "pause" else ("RUNNING", "WAITING")
    return working if scene.feature else idle


def counted(scene: RunSnapshot) -> str:
    """What the sessions of this run came to."""
    counts = Counter(entry.word for entry in scene.entries)
    came = (
        ", ".join(f"{count} {word}" for word, count in counts.items()) or "no session has ended yet"
    )
    return f"{came}; {scene.waiting} wait for you"


def span(now: datetime, then: datetime | None) -> str:
    """How long ago, in two units at most."""
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
    """How much of it, in plain characters."""
    full = round(BAR * min(max(part / whole, 0.0), 1.0)) if whole > 0 else 0
    return "#" * full + "." * (BAR - full)


def news(before: RunSnapshot | None, now: RunSnapshot) -> Iterator[Row]:
    """What happened between two moments, for whoever reads lines."""
    known = before.entries if before and before.run == now.run else ()
    for entry in now.entries[len(known) :]:
        yield entry.word, f"{entry.feature} {entry.rule} {entry.title}".replace("  ", " ")
    if now.process is None:
        yield "ended", now.ending
    elif before is None or session_and_phase(before) != session_and_phase(now):
        yield (
            "session" if now.feature else "waiting",
            f"{now.feature} {now.title}: {now.phase}" if now.feature else "between two sessions",
        )
    if before is not None and now.wish != before.wish:
        yield "asked", now.wish or "resume"


def session_and_phase(scene: RunSnapshot) -> Sequence[str]:
    return scene.session, scene.phase
