"""Code that asks a tool to look away: counted like assertions, so that what moves is not new."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.checkers import Checkers, Suppression, named

ADDED = "ratchet.suppression-added"
SHOWN = 80
Finding = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSuppression:
    """One suppression: what it says, the code that it is for, and where it stands."""

    says: str
    code: str
    path: str
    line: int
    only_lint: bool


def added(texts: Sequence[Text], known: Checkers) -> Iterator[Finding]:
    """Yield (rule, detail) for each suppression that the base did not have; the same for a line
    that was there already is none, where it can hide nothing new in it."""
    changed = [text for text in texts if text.old != text.new]
    lines = _old_lines(changed)
    gone = {text.path for text in changed if text.new is None}
    for tool in known.tools:
        for kind in tool.suppressions:
            read = [text for text in changed if named(text.path, kind.code)]
            had = _all_suppressions(((text.path, text.old) for text in read), kind)
            has = _all_suppressions(((text.path, text.new) for text in read), kind)
            for seen in _new(had, has, lines, gone):
                yield ADDED, f"{seen.path}::{tool.name} (line {seen.line}): {seen.says[:SHOWN]}"


def _old_lines(texts: Iterable[Text]) -> set[str]:
    """Return the lines of the base's versions, wherever they stand."""
    return {line.strip() for text in texts for line in (text.old or "").splitlines()}


def _all_suppressions(
    texts: Iterable[tuple[str, str | None]], kind: Suppression
) -> list[FoundSuppression]:
    """Return every suppression of a kind in some files."""
    return [seen for path, text in texts for seen in _suppressions_of(path, text or "", kind)]


def _new(
    had: Sequence[FoundSuppression],
    has: Sequence[FoundSuppression],
    lines: set[str],
    gone: set[str],
) -> Iterator[FoundSuppression]:
    """Yield those that no suppression of the base stands for: one with the same code anywhere,
    or one that is gone from the same file, whose line was edited, or from a file that is no
    more."""
    spare = Counter((seen.says, seen.code) for seen in had)
    # Those with the same code go first: an edited line must not use up one that has only moved.
    unmatched = [seen for seen in has if not _take_one(spare, (seen.says, seen.code))]
    lost = Counter[tuple[str, str]]()
    for seen in had:
        if _take_one(spare, (seen.says, seen.code)):
            lost[seen.says, "" if seen.path in gone else seen.path] += 1
    for seen in unmatched:
        if _take_one(lost, (seen.says, seen.path)) or _take_one(lost, (seen.says, "")):
            continue
        hides_nothing_new = seen.only_lint and seen.code in lines
        if not hides_nothing_new:
            yield seen


def _take_one(counts: Counter[tuple[str, str]], key: tuple[str, str]) -> bool:
    """Use up one of these, if there is one."""
    if not counts[key]:
        return False
    counts[key] -= 1
    return True


def _suppressions_of(path: str, text: str, kind: Suppression) -> Iterator[FoundSuppression]:
    """Yield every suppression of a kind.

    One at the end of a line is for that line; one on a line of its own may be for all that follows,
    but where it says that it is for the next line.
    """
    for found in kind.find.finditer(text):
        start = text.rfind("\n", 0, found.start()) + 1
        # The signs that begin a comment are no code.
        before = text[start : found.start()].rstrip().rstrip("/*#{<!-").strip()
        lines_below = (line.strip() for line in text[found.end() :].splitlines()[1:])
        below = next(filter(None, lines_below), "")
        says = " ".join(found[0].split()).rstrip("*/ ")
        is_for_next = "next" in says.lower()
        is_behind_code = kind.at == "line" and bool(before)
        is_for_line = is_for_next or is_behind_code
        code = before if is_behind_code else below
        # A line that stays may hold a type that another change made wrong; its lint is as it was.
        only_lint = kind.kind == "lint" and kind.at != "block" and is_for_line and bool(code)
        yield FoundSuppression(
            says=says,
            code="" if kind.at == "block" else code,
            path=path,
            line=text.count("\n", 0, found.start()) + 1,
            only_lint=only_lint,
        )
