"""What this machine knows to be secret, and the files of a workspace looked through for it
before they are kept."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from nightlatch import data
from nightlatch.git.repo import Repo
from nightlatch.redaction.patterns import (
    ALLOWED,
    LONGEST_BLOCK,
    Secrets,
    Shape,
    known_values,
    shapes_of,
)

# Bytes of a file that are looked through at once; each part reaches into the next one by the
# longest key.
AT_ONCE = 1_000_000
NAMED = 5
MARK = "[nightlatch kept this line out: {}]"
MARKED = re.compile(re.escape(MARK).replace(r"\{\}", r"([\w-]+(?:, [\w-]+)*)"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedLine:
    """What is kept out of a file: these bytes of it, from this line on, for a secret of this
    kind."""

    start: int
    end: int
    line: int
    breaks: int
    kind: str


@cache
def shapes() -> tuple[Shape, ...]:
    """The shapes of keys that the package knows."""
    return shapes_of(data.table("shipped", "secrets.toml"))


def guard(environ: Mapping[str, str]) -> Secrets:
    """Return what is to be hidden where these variables are set."""
    return Secrets(values=known_values(environ), shapes=shapes())


def in_file(secrets: Secrets, fd: int) -> Iterator[tuple[str, RedactedLine]]:
    """Yield the text of every secret in an open file that no comment on its line allows, and what
    is to be cut; what is known to be one, none does. What stands in the place of one that was cut
    before counts as one."""
    line, at = 1, 0
    while text := os.pread(fd, AT_ONCE + LONGEST_BLOCK, at).decode("latin-1"):
        for hit in secrets.hits(text):
            begin, end = text.rfind("\n", 0, hit.start) + 1, text.find("\n", hit.end)
            end = end if end >= 0 else len(text)
            if hit.start < AT_ONCE and (hit.known or ALLOWED not in text[begin:end]):
                breaks = text.count("\n", begin, end)
                first = line + text.count("\n", 0, hit.start)
                yield (
                    text[hit.start : hit.end],
                    RedactedLine(
                        start=at + begin, end=at + end, line=first, breaks=breaks, kind=hit.name
                    ),
                )
        for mark in MARKED.finditer(text):
            if mark.start() < AT_ONCE:
                cut = RedactedLine(
                    start=at + mark.start(),
                    end=at + mark.end(),
                    line=line + text.count("\n", 0, mark.start()),
                    breaks=0,
                    kind="",
                )
                yield from ((mark[0], replace(cut, kind=kind)) for kind in mark[1].split(", "))
        line, at = line + text.count("\n", 0, AT_ONCE), at + AT_ONCE


def fresh(repo: Repo, base: str) -> Callable[[str], bool]:
    """Return whether a secret is new: one that a file of the base holds already is not."""
    known: dict[str, bool] = {}

    def new(text: str) -> bool:
        if text not in known:
            # git grep knows lines: of a key of many lines the longest one tells it from any other.
            longest = max(text.splitlines(), key=len).encode("latin-1")
            known[text] = (
                repo.ask("grep", "-q", "-a", "-F", "-f", "-", base, stdin=longest + b"\n") is None
            )
        return known[text]

    return new


def cuts(secrets: Secrets, fd: int, new: Callable[[str], bool]) -> list[RedactedLine]:
    """Return where a file holds secrets that the base does not, in their order."""
    return sorted(
        (found for text, found in in_file(secrets, fd) if new(text)),
        key=lambda found: (found.line, found.start),
    )


def remarks(found: Sequence[RedactedLine], path: str) -> tuple[str, ...]:
    """Return path, line and kind of each secret."""
    said = [f"{path}:{each.line} {each.kind}" for each in found]
    more = (f"{path}: {len(said) - NAMED} more",) if len(said) > NAMED else ()
    return (*dict.fromkeys(said[:NAMED]), *more)


def without(fd: int, found: Sequence[RedactedLine]) -> int:
    """Return a file that holds the same but for what is cut: a mark stands there, and every line
    keeps its number."""
    kept, done = os.memfd_create("without"), 0
    for start, end, breaks, kinds in joined(found):
        copy(fd, kept, done, start)
        os.write(kept, MARK.format(", ".join(kinds)).encode() + b"\n" * breaks)
        done = end
    copy(fd, kept, done, os.fstat(fd).st_size)
    return kept


def joined(found: Sequence[RedactedLine]) -> list[tuple[int, int, int, list[str]]]:
    """Return start, end, line breaks and kinds of what is cut, where what overlaps is one."""
    parts: list[tuple[int, int, int, list[str]]] = []
    for each in sorted(found, key=lambda one: (one.start, -one.end)):
        if parts and each.start < parts[-1][1]:
            start, end, breaks, kinds = parts[-1]
            # two overlap in the line that both begin or end in
            more = each.breaks if each.end > end else 0
            parts[-1] = (
                start,
                max(end, each.end),
                breaks + more,
                [*dict.fromkeys([*kinds, each.kind])],
            )
        else:
            parts.append((each.start, each.end, each.breaks, [each.kind]))
    return parts


def copy(source: int, target: int, start: int, end: int) -> None:
    """Copy these bytes of a file to the end of another one."""
    while start < end and (chunk := os.pread(source, min(end - start, AT_ONCE), start)):
        start += os.write(target, chunk)
