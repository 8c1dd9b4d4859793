"""A verdict as CI systems read it: SARIF 2.1.0, GitHub's workflow commands, and the summary of
a step."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from nightlatch.model.models import Reason, Ruling
from nightlatch.record.progress import line
from nightlatch.verdict.rules_page import listing

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {Ruling.REJECT: "error", Ruling.HOLD: "warning", Ruling.FLAG: "note"}
# GitHub shows no more of one step, and drops the rest without a word.
MOST_ANNOTATIONS = 10
NUMBERED = re.compile(r"([^\s:]+)(?:::[^\n]*? \(line |:| \(line )(\d+)\b")
INNER = re.compile(r"::| > |/")
Read = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One thing that a reason names, and where it stands."""

    reason: Reason
    path: str
    line: int
    text: str


def points(reasons: Iterable[Reason], changed: Sequence[str], read: Read) -> list[Point]:
    """Return a point for every detail.

    `read` gives the texts of a file that are there, the newer one first.
    """
    told = [(reason, detail) for reason in reasons for detail in reason.detail or ("",)]
    places = [location(detail, changed, read) for _, detail in told]
    return [
        Point(
            reason=reason,
            path=path,
            line=number,
            text=line(": ".join(filter(None, (reason.says, detail.partition("\n")[0])))),
        )
        for (reason, detail), (path, number) in zip(told, places, strict=True)
    ]


def location(detail: str, changed: Sequence[str], read: Read) -> tuple[str, int]:
    """Return the file and line of what a detail names: a test id, `file:line`, or a file; else the
    first changed file."""
    first = detail.partition("\n")[0]
    file, _, inner = first.partition("::")
    if (numbered := NUMBERED.match(first)) and read(numbered[1]):
        return numbered[1], max(int(numbered[2]), 1)
    for path in (file, file.partition(" ")[0]):
        if path and read(path):
            return path, nearest(read(path), inner) or 1
    for path in changed if inner else ():
        if number := nearest(read(path), inner):
            return path, number
    return next(iter(changed), "."), 1


def nearest(versions: Sequence[str], inner: str) -> int:
    """Return where a test stands in a file, or stood in its version before, as a line that the file
    has now; 0 where it is in neither."""
    found = next((number for text in versions if (number := line_of(text, inner))), 0)
    # A line of the version before may lie behind the end of the file, where viewers show nothing.
    return min(found, max(versions[0].count("\n"), 1)) if found else 0


def line_of(text: str, inner: str) -> int:
    """Return where a test stands, its parts looked for one below the other; 0 where it is not
    there."""
    at = 0
    for part in INNER.split(inner.partition("[")[0]):
        found = re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text[at:]) if part else None
        at = at + found.start() if found else at
    return text.count("\n", 0, at) + 1 if at else 0


def sarif(found: Sequence[Point], verdict: str, version: str) -> dict[str, object]:
    """Return one run with a result for every point, as GitHub's code scanning and other viewers
    read it."""
    rules = list(dict.fromkeys(point.reason.rule for point in found))
    driver = {
        "name": "nightlatch",
        "version": version,
        "rules": [described(rule, found) for rule in rules],
    }
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "properties": {"verdict": verdict},
                "results": [result(point, rules.index(point.reason.rule)) for point in found],
            }
        ],
    }


def described(rule: str, found: Iterable[Point]) -> dict[str, object]:
    """Return one rule, as viewers show it beside its results."""
    reason = next(p.reason for p in found if p.reason.rule == rule)
    known = listing()[rule]
    text = f"{reason.next} For example: {known.example}. When it is wrong: {known.wrong}".strip()
    return {
        "id": rule,
        "shortDescription": {"text": f"{rule}: {reason.says}"},
        "help": {"text": text},
        "defaultConfiguration": {"level": LEVELS[reason.ruling]},
    }


def result(point: Point, index: int) -> dict[str, object]:
    """Return one point, as viewers show it beside its line."""
    where = {
        "artifactLocation": {"uri": quote(point.path, errors="surrogatepass")},
        "region": {"startLine": point.line},
    }
    return {
        "ruleId": point.reason.rule,
        "ruleIndex": index,
        "level": LEVELS[point.reason.ruling],
        "message": {"text": point.text},
        "locations": [{"physicalLocation": where}],
    }


def annotations(found: Sequence[Point]) -> Iterator[str]:
    """GitHub's workflow commands, refusals first.

    It shows ten a step, so the tenth says how many more there are.
    """
    words = {"error": "error", "warning": "warning", "note": "notice"}
    ordered = sorted(found, key=lambda point: list(LEVELS).index(point.reason.ruling))
    shown = len(ordered) if len(ordered) <= MOST_ANNOTATIONS else MOST_ANNOTATIONS - 1
    for point in ordered[:shown]:
        path, title = escaped(point.path, ":,"), escaped(point.reason.rule, ":,")
        named = f"file={path},line={point.line},title={title}"
        yield f"::{words[LEVELS[point.reason.ruling]]} {named}::{escaped(point.text)}"
    if len(ordered) > shown:
        yield (
            f"::notice title=nightlatch::and {len(ordered) - shown} more: the summary of this step"
            " has them all"
        )


def escaped(text: str, more: str = "") -> str:
    """Text as a workflow command takes it."""
    # The per cent sign comes first, or the escapes themselves would be escaped.
    for letter in f"%\r\n{more}":
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text.encode("utf-8", "backslashreplace").decode()


def summary(head: str, reasons: Iterable[Reason]) -> str:
    """Return the verdict as Markdown. What others wrote stands in code, where it means nothing."""
    told = [f"### nightlatch: {head}", ""]
    for reason in reasons:
        told += [
            f"- **{reason.ruling}** `{reason.rule}` {coded(reason.says)}",
            *(f"  - {coded(detail)}" for detail in reason.detail),
        ]
    return "\n".join((*told, "", ""))


def coded(text: str) -> str:
    """Return a text in code marks, in which nothing of it is Markdown."""
    return f"`` {line(text).replace('`', chr(0x2019))} ``"
