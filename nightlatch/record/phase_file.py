"""The progress file of a feature with phases: a rendering of the record, named, sealed, and
read where people already have one."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain

from nightlatch.model.models import Feature, Phase, Plan
from nightlatch.plan.dialects import bare
from nightlatch.record.phases import PhaseRecord, checklist, completed, sessions, stage, troubles
from nightlatch.record.progress import Entry, line

FULL = 5
# The names of `values`: a template of the person's that uses another one is an error before the
# run, and not in the middle of it.
FIELDS = frozenset(
    re.findall(
        r"\w+",
        "feature status started updated summary full done current pending decisions files depends"
        " blocks blockers errors sessions notes steps todo by_hand quoted before lately as_json",
    )
)
NOTES = (("preference", "prefers"), ("constraint", "constraint"), ("performance target", "target"))
LISTS = {"key_files": "key", "blockers": "blocker", "constraints": "constraint"}
DOMAINS = ("domain", "category", "epic", "area", "module")
BEFORE = "<!-- what was here before, whole -->"
WAS_THERE = "the progress file that was there"
MOST_RETOLD = 60
# neither a rule, a fence nor the line below the head of a table
_SAYS = re.compile(r"(?!```)(?=.*\w)")
_PLANNED = re.compile(r"overview|pending|objective", re.IGNORECASE)
_NAME = re.compile(r"[^\w-]+")
_SEAL = re.compile(
    r"\n<!-- a rendering of progress\.txt by nightlatch; edits are kept apart; ([0-9a-f]{12})"
    r" -->\n\Z"
)
_STATUS = re.compile(
    r"^\W*status\W+(in[ _-]?progress|blocked|completed?|done)\b", re.IGNORECASE | re.MULTILINE
)
_STATUSES = {"inprogress": "in_progress", "blocked": "blocked"}
_HEADING = re.compile(r"^##[ ]+(.*)$", re.MULTILINE)
_MARKS = re.compile(
    r"\[[ x~]\]|[^\w\[]|\[|\d+[.)]|(?:name|current|phase)(?:\s+\d+)?[\s*]*[-:.]", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseFile:
    """What a progress file says for certain, in names of the feature's phases."""

    status: str
    completed: tuple[str, ...]
    current: str
    pending: tuple[str, ...]


def file_name(feature: Feature) -> str:
    """`<domain>-<feature>.md`, for no two features the same: what a file name cannot hold is
    told apart by a digest."""
    try:
        fields = json.loads(feature.raw)
    except ValueError:
        fields = {}
    given = next(
        (text for name in DOMAINS if isinstance(text := fields.get(name), str) and text.strip()),
        "feature",
    )
    domain = slug(given).replace("-", "_").lower() or "feature"
    short = slug(feature.id)[:80]
    if short != feature.id:
        # Without it `a/b` and `a-b` would overwrite each other's file.
        short += f"-{sha256(feature.id.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
    return f"{domain[:40]}-{short}.md"


def slug(text: str) -> str:
    """Return a text as a part of a file name."""
    return _NAME.sub("-", text).strip("-")


def prompt_name(phase: Phase) -> str:
    """Return the template of a phase, in prompts/."""
    return f"phase-{slug(phase.name).lower()}.md"


def values(
    feature: Feature,
    plan: Plan,
    past: Sequence[Entry],
    agent: Callable[[Phase], str],
    *,
    finished: bool = False,
    waiting: str = "",
    now: datetime | None = None,
    todo: str = "",
    lately: Sequence[tuple[str, str]] = (),
) -> Mapping[str, object]:
    """Return what the template shows, all of it from the record; `now` is the start of a session
    that is at work, `lately` what it did so far, `waiting` what for."""
    worked, ahead = sessions(past), stage(feature, past)
    done = [session for session in worked if session.complete]
    phase = None if finished or ahead is None else ahead.phase
    texts = {
        word: _all(done, word) for word in ("decided", "key", "prefers", "constraint", "target")
    }
    return {
        "feature": feature,
        "quoted": quoted,
        "status": "complete" if finished else "blocked" if waiting else "in_progress",
        "started": _clock(worked[0].began if worked else now),
        "updated": _clock(max((entry.at for entry in past), default=now)),
        "summary": _all(done[-1:], "summary") if finished else (),
        "full": len(feature.phases) >= FULL,
        "done": [(one, _clock(one.began), _clock(one.ended), created(worked, one)) for one in done],
        "before": _all(worked, "before"),
        "lately": lately,
        "current": phase and (phase.name, agent(phase), _clock(_begun(phase, worked, now))),
        "pending": [] if finished else _pending(feature, phase, past),
        "decisions": texts["decided"],
        "files": tuple(dict.fromkeys((*texts["key"], *_all(worked, "created")))),
        "depends": feature.depends,
        "blocks": [other.id for other in plan.features if feature.id in other.depends],
        "blockers": _blockers(worked, waiting),
        "errors": [(trouble, _clock(trouble.at)) for trouble in troubles(past)],
        "sessions": [session for session in worked if _has_output(session)],
        "as_json": as_json,
        "notes": [(kind, text) for kind, word in NOTES for text in texts[word]],
        "steps": checklist(feature, past, finished=finished),
        "todo": todo or next(iter(_all(worked[-1:], "todo")), ""),
        "by_hand": _by_hand(past),
    }


def _begun(phase: Phase, worked: Sequence[PhaseRecord], now: datetime | None) -> datetime | None:
    """Return when the first session in a phase began, `now` where none has."""
    return min((session.began for session in worked if session.phase == phase.name), default=now)


def _pending(feature: Feature, current: Phase | None, past: Sequence[Entry]) -> list[Phase]:
    """Return the phases that are neither complete nor at work."""
    complete = completed(past)
    return [other for other in feature.phases if other != current and other.name not in complete]


def _blockers(worked: Sequence[PhaseRecord], waiting: str) -> list[str]:
    """Return what the work waits for, then what the last session named, each once."""
    # What it waits for may be the agent's own blocker, behind a few words of ours.
    named = [text for text in _all(worked[-1:], "blocker") if not waiting.endswith(text)]
    return [waiting, *named] if waiting else named


def _has_output(session: PhaseRecord) -> bool:
    """Did a session leave anything that the next one can read?"""
    return any(session.said.get(word) for word in ("summary", "output", "created"))


def _by_hand(past: Sequence[Entry]) -> tuple[str, ...]:
    """Return what a person wrote into an earlier rendering."""
    return tuple(chain.from_iterable(entry.details[:-1] for entry in past if entry.word == "note"))


def created(worked: Sequence[PhaseRecord], one: PhaseRecord) -> tuple[str, ...]:
    """Return the files that a phase brought, also those of its sessions that were cut off before
    the one that completed it."""
    return _all(
        [each for each in worked[: worked.index(one) + 1] if each.phase == one.phase], "created"
    )


def as_json(one: PhaseRecord) -> str:
    """Return what a session left, in the words of phase.json; nothing in it ends the block that it
    stands in."""
    status = "complete" if one.complete else "blocked" if one.word == "blocked" else "in_progress"
    told = {
        "agent": one.agent,
        "outcome": one.word,
        "status": status,
        "summary": " ".join(one.said.get("summary", ())),
    }
    told |= {"partial_output": " ".join(one.said["output"])} if one.said.get("output") else {}
    lists = {
        "files_created": one.said.get("created", ()),
        "key_decisions": one.said.get("decided", ()),
    }
    lists |= {name: one.said[word] for name, word in LISTS.items() if one.said.get(word)}
    return json.dumps(
        {**told, **{name: [*texts] for name, texts in lists.items()}}, indent=1, ensure_ascii=False
    ).replace("`", "\\u0060")


def _all(known: Sequence[PhaseRecord], word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for one in known for text in one.said.get(word, ())))


def _clock(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}" if moment else ""


def quoted(text: str) -> str:
    """Somebody's words in Markdown: no markup of theirs is read."""
    return f"`{line(text).replace('`', chr(39))}`"


def sealed(text: str, earlier: str = "") -> bytes:
    """Return the file with what was there before, and with its last line, by which an edit is
    known."""
    body = (
        f"{text.rstrip()}\n\n{BEFORE}\n\n{earlier}".rstrip("\n") if earlier else text.rstrip("\n")
    )
    digest = sha256(body.encode("utf-8", "replace")).hexdigest()[:12]
    return (
        f"{body}\n\n<!-- a rendering of progress.txt by nightlatch; edits are kept apart; {digest}"
        " -->\n".encode("utf-8", "replace")
    )


def is_ours(data: bytes) -> bool:
    """Is this what a rendering left, with nobody's edit in it?"""
    text = data.decode("utf-8", "replace")
    is_sealed = _SEAL.search(text) is not None
    return is_sealed and sealed(_SEAL.sub("", text)) == data


def has_seal(data: bytes) -> bool:
    """Was this ever a rendering, with or without edits? What was not is a person's own file."""
    # The digest is not asked for: an edited rendering is still ours, and its edits are kept apart.
    return _SEAL.search(data.decode("utf-8", "replace")) is not None


def earlier(data: bytes) -> str:
    """Return what a file said before it was rendered for the first time: all of a person's own
    file, "" where nothing was there."""
    text = data.decode("utf-8", "replace")
    whole = text.partition(f"\n{BEFORE}\n\n")[2] if has_seal(data) else text
    return f"{kept}\n" if (kept := _SEAL.sub("", whole).strip("\n")) else ""


def retold(text: str) -> list[str]:
    """Return what such a text tells the next agent, line by line under its headings; what the plan
    says better is left out."""
    lines, above = list[str](), ["", ""]
    # Of a text without headings all is told; else what stands above the first one is its title.
    is_free = _HEADING.search(text) is None
    for row in map(str.strip, text.splitlines()):
        if heading := re.match(r"##(#?)#*[ ]+(.*)", row):
            above = [above[0], heading[2]] if heading[1] else [heading[2], ""]
        elif (is_free or above[0]) and _SAYS.match(row) and not _PLANNED.match(above[0]):
            headings = ", ".join(filter(None, (WAS_THERE, *above)))
            lines.append(line(f"{headings}: {row.removeprefix('- ')}"))
    rest = len(lines) - MOST_RETOLD
    if rest > 0:
        return [*lines[:MOST_RETOLD], f"{WAS_THERE}: {rest} more lines"]
    return lines


def by_hand(edited: bytes, rendered: bytes) -> tuple[str, ...]:
    """Return the lines that a rendering does not have."""
    known = {row.strip() for row in rendered.decode("utf-8", "replace").splitlines()}
    rows = (row.strip() for row in edited.decode("utf-8", "replace").splitlines())
    # The seal is no edit, though its digest is another one in each rendering.
    return tuple(
        line(row)
        for row in rows
        if row and row not in known and not row.startswith("<!-- a rendering")
    )


def is_progress(text: str) -> bool:
    """Is this a progress file in this form, anybody's?"""
    return _STATUS.search(text) is not None and _HEADING.search(text) is not None


def read(text: str, phases: Sequence[Phase]) -> PhaseFile | None:
    """Status and phases of a progress file in this form, anybody's; None where it is not, or
    names none of these phases."""
    status = _STATUS.search(text)
    parts = _HEADING.split(text)
    sections = {bare(heading): body for heading, body in zip(parts[1::2], parts[2::2], strict=True)}
    completed, current, pending = (
        _named(_section(sections, word), phases) for word in ("completed", "current", "pending")
    )
    if not status or not (completed or current or pending):
        return None
    at_work = next(iter(current), "")
    # A file may say two things of a phase: then it is not done, for work that is done once more
    # costs a session, and work that is left out costs the feature.
    is_open = {at_work, *pending}
    return PhaseFile(
        status=_STATUSES.get(bare(status[1]), "complete"),
        completed=tuple(name for name in completed if name not in is_open),
        current=at_work,
        pending=pending,
    )


def _section(sections: Mapping[str, str], word: str) -> str:
    """Return the body of the first section whose title begins with a word, "" without one."""
    return next((body for title, body in sections.items() if title.startswith(word)), "")


def _named(section: str, phases: Sequence[Phase]) -> tuple[str, ...]:
    """Return the phases that a section names: at the start of its headings, or of its lines where
    it has none."""
    lines = section.splitlines()
    named = [
        _first(text, phases) for text in [each for each in lines if each.startswith("###")] or lines
    ]
    return tuple(dict.fromkeys(filter(None, named)))


def _first(text: str, phases: Sequence[Phase]) -> str:
    """Return the phase that a line begins with, marks and numbers aside; the longest name where
    several fit."""
    rest = text
    while True:
        names = [phase.name for phase in phases if _begins_with(rest, phase.name)]
        if names:
            return max(names, key=len)
        mark = _MARKS.match(rest)
        if mark is None:
            return ""
        rest = rest[mark.end() :]


def _begins_with(text: str, name: str) -> bool:
    return re.match(rf"{re.escape(name)}(?![\w-])", text, re.IGNORECASE) is not None
