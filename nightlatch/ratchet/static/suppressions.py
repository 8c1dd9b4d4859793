"""Code that asks a tool to look away: counted like assertions, so that what moves is not new."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.checkers import Checkers, Suppression, Tool, named

ADDED = "ratchet.suppression-added"
SHOWN = 80
Finding = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressions:
    """One suppression: what it says, the code that it is for, and where it stands."""

    says: str
    code: str
    path: str
    line: int
    only_lint: bool


def added(texts: Sequence[Text], known: Checkers) -> Iterator[Finding]:
    """(rule, detail) for each suppression that the base did not have; the same for a line that
    was there already is none, where it can hide nothing new in it."""
    changed = [text for text in texts if text.old != text.new]
    lines = {line.strip() for text in changed for line in (text.old or "").splitlines()}
    gone = {text.path for text in changed if text.new is None}
    for tool in known.tools:
        for kind in tool.suppressions:
            own = [text for text in changed if named(text.path, kind.code)]
            had = [
                seen for text in own for seen in _suppressions_of(text.path, text.old or "", kind)
            ]
            has = [
                seen for text in own for seen in _suppressions_of(text.path, text.new or "", kind)
            ]
            yield from _new(tool, had, has, lines, gone)


def _new(
    tool: Tool,
    had: Sequence[Suppressions],
    has: Sequence[Suppressions],
    lines: set[str],
    gone: set[str],
) -> Iterator[Finding]:
    """Those that no suppression of the base stands for: one with the same code anywhere, or one
    that is gone from the same file, whose line was edited, or from a file that is no more."""
    moved = Counter((seen.says, seen.code) for seen in had)
    left = []
    for seen in has:
        if moved[seen.says, seen.code]:
            moved[seen.says, seen.code] -= 1
        else:
            left.append(seen)
    lost = Counter[tuple[str, str]]()
    for seen in had:
        if moved[seen.says, seen.code]:
            moved[seen.says, seen.code] -= 1
            lost[seen.says, "" if seen.path in gone else seen.path] += 1
    for seen in left:
        edited = next((key for key in ((seen.says, seen.path), (seen.says, "")) if lost[key]), None)
        if edited:
            lost[edited] -= 1
        elif not (seen.only_lint and seen.code in lines):
            yield ADDED, f"{seen.path}::{tool.name} (line {seen.line}): {seen.says[:SHOWN]}"


def _suppressions_of(path: str, text: str, kind: Suppression) -> Iterator[Suppressions]:
    """Every suppression of a kind.

    One at the end of a line is for that line; one on a line of its own may be for all that follows,
    but where it says that it is for the next line.
    """
    for found in kind.find.finditer(text):
        start = text.rfind("\n", 0, found.start()) + 1
        before = text[start : found.start()].rstrip().rstrip("/*#{<!-").strip()
        below = next(
            (line.strip() for line in text[found.end() :].splitlines()[1:] if line.strip()), ""
        )
        says = " ".join(found[0].split()).rstrip("*/ ")
        for_line = (
            bool(before)
            if kind.at == "line" and "next" not in says.lower()
            else "next" in says.lower()
        )
        code = "" if kind.at == "block" else before if kind.at == "line" and before else below
        only_lint = kind.kind == "lint" and kind.at != "block" and for_line and bool(code)
        yield Suppressions(
            says=says,
            code=code,
            path=path,
            line=text.count("\n", 0, found.start()) + 1,
            only_lint=only_lint,
        )
