"""Is a restart note operational: could somebody go on from it alone?

By rules over its text, whose words are data.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nightlatch.record.findings.findings import ID
from nightlatch.record.findings.staleness import CHANGED
from nightlatch.record.progress import line

HEADING = re.compile(r"^#{1,6}\s+(.*?)[\s#:]*$")
ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?")
FENCED = re.compile(r"^\s*(`{3,}|~{3,})(.*)$")
CLAIM = re.compile(r"^(N-[0-9a-z]{5,12})[^:`]*: (`+) ?.*? ?\2(?!`)")
WHERE = re.compile(
    r"[\w.-]+/[\w./-]+|\b\w[\w-]*\.[a-z]{1,5}\b(?::\d+)?|\b\w+(?:\.\w+)*\(\)|::|`[^`]+`"
    r"|\bN-[0-9a-z]{5,12}\b|https?://"
)
FILE = r"\b[\w./-]+\.(?:\w{1,5}:\d+|(?:log|txt|json|png|xml|har)\b)"
PROOF = re.compile(
    rf"`[^`]+`|\bexit (?:code )?\d+|\b\d+ (?:of|in) \d+|\b\d+/\d+\b|sha256|{FILE}|https?://"
)
TIMES = r"\[?(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d"
LOGGED = re.compile(
    rf"""^\s*(?:{TIMES}|Traceback |File "|at [\w.$<>]+\(|\$ |(?:DEBUG|INFO|WARN|WARNING|ERROR)\b)"""
)
BLOB = re.compile(r"[0-9A-Za-z+/=_-]{100,}")
ROWS = re.compile(r"^\s*(?:[\[{].*[\]}],?|\|.*\||[^,]*(?:,[^,]*){4,}|[-\d.,;\s]{8,})\s*$")
LONG, MANY, TOO_LONG = 12, 4, 2_500
CLAIMS = ("verified", "rejected")
SEEN = ("reproduc", "how to reproduc")
PAST = ("done", "completed", "steps")
Words = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LintIssue:
    """What keeps a note from being operational: a rule's id and the line that it is about, ""
    where something is missing."""

    rule: str
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note by its sections, names in lower case: the items of each, and for "" everything
    above the first heading; and its fences."""

    sections: Mapping[str, Sequence[str]]
    fences: Mapping[str, Sequence[Sequence[str]]]

    def of(self, *names: str) -> list[str]:
        return [
            item
            for name, items in self.sections.items()
            if name.startswith(names)
            for item in items
            if item.lower() != "none."
        ]


def read(text: str) -> Note:
    """Items are list items, with the lines that continue them, and paragraphs."""
    sections: dict[str, list[str]] = {"": []}
    fences: dict[str, list[list[str]]] = {"": []}
    name = ""
    fence = ""
    fresh = True
    for row in text.splitlines():
        mark = FENCED.match(row)
        if mark and is_fence(mark, fence):
            fence = "" if fence else mark[1]
            if fence:
                fences[name].append([])
        elif fence:
            fences[name][-1].append(row)
        elif heading := HEADING.match(row):
            name = heading[1].strip().lower()
            # A note may have the same heading twice.
            sections.setdefault(name, [])
            fences.setdefault(name, [])
            fresh = True
        elif not row.strip():
            fresh = True
        elif fresh or ITEM.match(row):
            sections[name].append(ITEM.sub("", row).strip())
            fresh = False
        else:
            sections[name][-1] += f"\n{row.strip()}"
    return Note(sections=sections, fences=fences)


def is_fence(mark: re.Match[str], opened: str) -> bool:
    """Does such a line open a fence, or close the one that is open?"""
    # A fence in a longer one is a part of what it shows.
    return not opened or (mark[1].startswith(opened) and not mark[2].strip())


def lint(text: str, words: Words, stale: Container[str] = ()) -> tuple[LintIssue, ...]:
    """Return every rule that a note breaks, each with the first lines it is broken by.

    `stale`: ids of findings whose code has changed.
    """
    note = read(text)
    broken: Mapping[str, Iterator[str]] = {
        "note.no-reproduction": missing(note.of(*SEEN) or fenced(note, *SEEN)),
        "note.no-next": missing(note.of("next")),
        "note.vague-next": (item for item in note.of("next")[:1] if not specific(item, words)),
        "note.no-evidence": (item for item in note.of(*CLAIMS) if not proved(item, note)),
        "note.looked-into": (
            item for item in everything(note) if has_any_word(bare(item), words["busy"])
        ),
        "note.transcript": transcripts(note, words["speakers"]),
        "note.raw-data": raw(note),
        "note.no-outcome": (item for item in note.of(*PAST) if not came_to(item, words)),
        "note.stale": (
            name for item in outside_stale(note) for name in ID.findall(item) if name in stale
        ),
    }
    return tuple(
        LintIssue(rule=rule, at=line(at, 120))
        for rule, places in broken.items()
        for at in dict.fromkeys(places)
    )


def missing(items: Sequence[object]) -> Iterator[str]:
    if not items:
        yield ""


def fenced(note: Note, *names: str) -> list[Sequence[str]]:
    return [
        block
        for name, blocks in note.fences.items()
        if name.startswith(names)
        for block in blocks
        if any(map(str.strip, block))
    ]


def everything(note: Note) -> Iterator[str]:
    """Yield what the note itself says; the objective is the plan's."""
    yield from (
        item
        for name, items in note.sections.items()
        if not name.startswith("objective")
        for item in items
    )


def outside_stale(note: Note) -> Iterator[str]:
    """Yield what is claimed elsewhere, without itself saying that the code has changed; what was
    done is history, and no claim."""
    told = (
        item
        for name, items in note.sections.items()
        if not name.startswith(("stale", "evidence", *PAST))
        for item in items
    )
    yield from (item for item in told if CHANGED not in item)


def bare(item: str) -> str:
    return item.replace("`", "")


def has_any_word(text: str, words: Sequence[str]) -> bool:
    return bool(
        re.search(
            "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in words), text, re.IGNORECASE
        )
    )


def specific(item: str, words: Words) -> bool:
    """It begins with a thing to do, not with going on, and names where."""
    # Texts of the record stand in code spans.
    text = item.strip("` ")
    first = re.match(r"[\W_]*(?:then |please |to )?([\w-]+)", text, re.IGNORECASE)
    return (
        first is not None
        and first[1].lower() not in words["vague"]
        and len(text.split()) > 1
        and bool(WHERE.search(text))
    )


def proved(item: str, note: Note) -> bool:
    """Return a claim with evidence beside it, or under Evidence by its id; what stands in a quoted
    claim's own words is none."""
    name = CLAIM.match(item)
    return (
        # Words of a claim may look like a proof: of one with an id only what stands under Evidence
        # counts.
        any(other.startswith(f"{name[1]}:") for other in note.of("evidence"))
        if name
        else bool(PROOF.search(item))
    )


def came_to(item: str, words: Words) -> bool:
    return has_any_word(bare(item), words["outcome"]) or bool(
        re.search(r"\b\d+ (?:of|in) \d+", item)
    )


def transcripts(note: Note, speakers: Sequence[str]) -> Iterator[str]:
    spoken = re.compile(rf"\W*(?:{'|'.join(speakers)})\W*:\s", re.IGNORECASE)
    for text in blocks(note):
        logged = [each for each in text if LOGGED.match(each)]
        talk = [each for each in text if spoken.match(each)]
        # One quoted sentence is no transcript.
        if len(logged) > MANY or len(talk) > 1:
            yield (logged if len(logged) > MANY else talk)[0]


def raw(note: Note) -> Iterator[str]:
    for text in blocks(note):
        # Lines of a log are a rule of their own: one line breaks one rule.
        rows = [each for each in text if ROWS.match(each) and not LOGGED.match(each)]
        long = [each for each in text if BLOB.search(each) or len(each) > TOO_LONG]
        if long or len(rows) > MANY or len(text) > LONG:
            yield (long or rows or text)[0]


def blocks(note: Note) -> Iterator[Sequence[str]]:
    """Yield the lines of each section's items together, and of each fence; the objective is the
    plan's."""
    for name in note.sections:
        if not name.startswith("objective"):
            yield from note.fences.get(name, ())
            for item in note.sections[name]:
                yield item.splitlines()
