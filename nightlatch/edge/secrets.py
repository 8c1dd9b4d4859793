"""What this machine knows to be secret, and the files of a workspace looked through for it before they are kept."""

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from nightlatch.core.secrets import ALLOWED, LONGEST_BLOCK, Found, Secrets, Shape, known_values, shapes_of
from nightlatch.edge.git import Repo

DATA = Path(__file__).resolve().parents[1] / "shipped" / "secrets.toml"
AT_ONCE, LONGEST_NOTE = 1_000_000, 1_000
NAMED = 5
NOTE = "nightlatch kept nothing of this file: there are secrets in it ({})\n"
NOTED = re.compile(re.escape(NOTE).replace(r"\{\}", "(.+)"))


@cache
def shapes() -> tuple[Shape, ...]:
    return shapes_of(tomllib.loads(DATA.read_text(encoding="utf-8")))


def guard(environ: Mapping[str, str]) -> Secrets:
    """What is to be hidden where these variables are set."""
    return Secrets(values=known_values(environ), shapes=shapes())


def in_file(secrets: Secrets, fd: int) -> Iterator[tuple[int, Found, str]]:
    """Line, kind and text of every secret in an open file that no comment on its line allows; what is known to be one, none does."""
    line, at = 1, 0
    while text := os.pread(fd, AT_ONCE + LONGEST_BLOCK, at).decode("latin-1"):
        for hit in secrets.found(text):
            begin, end = text.rfind("\n", 0, hit.start) + 1, text.find("\n", hit.start)
            allowed = not hit.known and ALLOWED in text[begin : end if end >= 0 else None]
            if hit.start < AT_ONCE and not allowed:
                yield line + text.count("\n", 0, hit.start), hit, text[hit.start : hit.end]
        line, at = line + text.count("\n", 0, AT_ONCE), at + AT_ONCE


def fresh(repo: Repo, base: str) -> Callable[[str], bool]:
    """Is a secret new? What any file of the base holds is nothing that a candidate adds."""
    known: dict[str, bool] = {}

    def new(text: str) -> bool:
        if text not in known:
            longest = max(text.splitlines(), key=len).encode("latin-1")
            known[text] = repo.ask("grep", "-q", "-a", "-F", "-f", "-", base, stdin=longest + b"\n") is None
        return known[text]

    return new


def remarks(secrets: Secrets, fd: int, path: str, new: Callable[[str], bool]) -> tuple[str, ...]:
    """Where a file holds secrets that the base does not: path, line and kind of each. The note of an earlier session stands for them."""
    found = [f"{path}:{line} {hit.name}" for line, hit, text in in_file(secrets, fd) if new(text)] if secrets.shapes else []
    if noted := NOTED.fullmatch(os.pread(fd, LONGEST_NOTE, 0).decode("latin-1")):
        found = [f"{path}:1 {kind}" for kind in noted[1].split(", ")]
    more = (f"{path}: {len(found) - NAMED} more",) if len(found) > NAMED else ()
    return (*dict.fromkeys(found[:NAMED]), *more)


def note(remarks: tuple[str, ...]) -> bytes:
    """What stands in the place of such a file, in one line."""
    kinds = ", ".join(dict.fromkeys(remark.rpartition(" ")[2] for remark in remarks))
    return NOTE.format(kinds).encode()
