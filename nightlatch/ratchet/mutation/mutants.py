"""Small faults put into source files, to see which tests notice: the same ones for the same
seed, spread over all functions."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice, zip_longest

from nightlatch.ratchet.languages.tokenizer import language
from nightlatch.ratchet.mutation import brace, python
from nightlatch.ratchet.mutation.edits import Edit, applied, parses
from nightlatch.util.text import plain

Named = tuple[str, Edit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One fault in one file: the file's text with it, what it is, and a name that stays the
    same where the code around it changes."""

    path: str
    text: str
    says: str
    name: str


def mutants(
    path: str,
    text: str,
    *,
    most: int,
    seed: str,
    lines: Collection[int] | None = None,
    near: Collection[str] = (),
) -> tuple[Mutant, ...]:
    """At most `most` faults of one source file, three of four in functions that `near` names;
    () where its language is not known."""
    found = [edit for edit in _edits(path, text) if lines is None or edit.line in lines]
    chosen: dict[str, Mutant] = {}
    parts: tuple[list[Edit], list[Edit]] = ([], [])
    for edit in found:
        parts[edit.place.rpartition(".")[2] not in near].append(edit)
    close, far = (_spread(part, f"{seed}\0{path}") for part in parts)
    for name, edit in _mixed(close, far):
        if len(chosen) == most:
            break
        whole = applied(text, [edit])
        # A fault that does not parse would be noticed by everything, and says nothing of the tests.
        if whole not in {text, *chosen} and parses(path, whole, text):
            says = plain(f"{path}:{edit.line} {edit.says}", 160)
            chosen[whole] = Mutant(path=path, text=whole, says=says, name=f"{path} {name}")
    return tuple(chosen.values())


def _edits(path: str, text: str) -> Iterator[Edit]:
    """Return all faults of a file, none where its language is not known."""
    if path.endswith(".py"):
        return python.edits(text)
    return brace.edits(text, path) if language(path) else iter(())


def _mixed(close: Iterator[Named], far: Iterator[Named]) -> Iterator[Named]:
    """Yield three faults from near the change, and then one from elsewhere."""
    # Mostly near the change, and always some elsewhere: what a test reaches is not known for sure.
    while row := [*islice(close, 3), *islice(far, 1)]:
        yield from row


def _spread(edits: Iterable[Edit], seed: str) -> Iterator[Named]:
    """Yield the edits by name, one of each function in turn.

    The order hangs on the names alone, so it outlives edits elsewhere.
    """
    places: dict[str, dict[str, Edit]] = defaultdict(dict)
    for edit in edits:
        named, name, n = places[edit.place], f"{edit.place}: {edit.says}", 1
        while name in named:
            name, n = f"{edit.place}: {edit.says} ({n + 1})", n + 1
        named[name] = edit
    # One function after the other: a long one would have all the faults else.
    rows = [
        sorted(places[place].items(), key=lambda item: _rank(seed, item[0]))
        for place in sorted(places, key=lambda p: _rank(seed, p))
    ]
    for turn in zip_longest(*rows):
        yield from (item for item in turn if item)


def _rank(seed: str, name: str) -> str:
    """Return where a seed puts a name in order."""
    return sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()
