"""Code that asks a tool to look away: counted like assertions, so that what moves is not new."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nightlatch.core.ratchet.checkers import Checkers, Suppression, Tool, named
from nightlatch.core.ratchet.texts import Text

ADDED = "ratchet.suppression-added"
SHOWN = 80
Finding = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One suppression: what it says, the code that it is for, and where it stands."""

    says: str
    code: str
    path: str
    line: int
    only_lint: bool


def added(texts: Sequence[Text], known: Checkers) -> Iterator[Finding]:
    """(rule, detail) for each suppression that the base did not have; the same for a line that was there already is none, where it can
    hide nothing new in it."""
    changed = [text for text in texts if text.old != text.new]
    lines = {line.strip() for text in changed for line in (text.old or "").splitlines()}
    for tool in known.tools:
        for kind in tool.suppressions:
            own = [text for text in changed if named(text.path, kind.code)]
            had = [seen for text in own for seen in _found(text.path, text.old or "", kind)]
            has = [seen for text in own for seen in _found(text.path, text.new or "", kind)]
            yield from _new(tool, had, has, lines)


def _new(tool: Tool, had: Sequence[Seen], has: Sequence[Seen], lines: set[str]) -> Iterator[Finding]:
    more = Counter(seen.says for seen in has) - Counter(seen.says for seen in had)
    known = Counter((seen.says, seen.code) for seen in had)
    for seen in has:
        if known[seen.says, seen.code]:
            known[seen.says, seen.code] -= 1
        elif more[seen.says] and not (seen.only_lint and seen.code in lines):
            more[seen.says] -= 1
            yield ADDED, f"{seen.path}::{tool.name} (line {seen.line}): {seen.says[:SHOWN]}"


def _found(path: str, text: str, kind: Suppression) -> Iterator[Seen]:
    lines = text.splitlines()
    for at, line in enumerate(lines):
        for found in kind.find.finditer(line):
            before = line[: found.start()].rstrip().rstrip("/*#{<!-").strip()
            below = next((text.strip() for text in lines[at + 1 :] if text.strip()), "")
            code = before if kind.at == "line" and before else "" if kind.at == "block" else below
            only_lint = kind.kind == "lint" and kind.at != "block" and bool(code)
            says = " ".join(found[0].split()).rstrip("*/ ")
            yield Seen(says=says, code=code, path=path, line=at + 1, only_lint=only_lint)
