"""Tests that a class has from another one: their ids name the class that inherits, their text
stands in the one that does not."""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from nightlatch.ratchet.file_diffs import Text

ALIKE = 0.8
Place = tuple[str, str]
Classes = Mapping[Place, ast.ClassDef]


def moved(
    lost: Collection[str],
    fresh: Collection[str],
    texts: Sequence[Text],
    found: Mapping[Place, Sequence[Place]],
) -> dict[str, str]:
    """For each lost id of an inherited test the id in its place.

    `found`: where tests went that stand in a changed text themselves.
    """
    old = dict(classes((t.path, t.old) for t in texts if t.test))
    new = dict(classes((t.path, t.new) for t in texts if t.test))
    names = {place: bases(node) for place, node in old.items()}
    renamed = {
        place: after for place in old if place not in new and (after := _renamed(place, old, new))
    }
    gone = {}
    for wanted in lost:
        path, _, inner = wanted.partition("::")
        owner, _, test = inner.rpartition("::")
        place = (path, owner)
        options = [f"{path}::{renamed[place]}::{test}"] if place in renamed else []
        options += [
            f"{path}::{owner}::{name}"
            for name in _renamed_above(names.get(place, ()), test.partition("[")[0], found)
        ]
        # Only an id that the run reports is there: a name in the text may never be collected.
        if there := next((option for option in options if option in fresh), None):
            gone[wanted] = there
    return gone


def _renamed_above(
    above: Collection[str], test: str, found: Mapping[Place, Sequence[Place]]
) -> Iterator[str]:
    """Yield the names that a test of one of these classes has now, in whatever file the class
    stands."""
    for (_, before), after in found.items():
        owner, _, name = before.rpartition("::")
        if owner in above and name == test:
            yield from (now.rpartition("::")[2] for _, now in after)


def classes(texts: Iterable[tuple[str, str | None]]) -> Iterator[tuple[Place, ast.ClassDef]]:
    """Yield every class at the top of a file in Python."""
    for path, text in texts:
        try:
            body = ast.parse(text).body if text and path.endswith(".py") else []
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        yield from (((path, node.name), node) for node in body if isinstance(node, ast.ClassDef))


def bases(node: ast.ClassDef) -> tuple[str, ...]:
    """Return the names of the classes that a class inherits from, without their modules."""
    return tuple(ast.unparse(base).rpartition(".")[2] for base in node.bases)


def _renamed(place: Place, old: Classes, new: Classes) -> str:
    """Return the new name of a class whose bases are the same ones and whose body is much the
    same."""
    path, before = place[0], old[place]
    for (file, name), after in new.items():
        # A class that the base has already cannot be the new name of another one.
        if file == path and (file, name) not in old and bases(after) == bases(before):
            one, other = ("\n".join(map(ast.unparse, each.body)) for each in (before, after))
            if SequenceMatcher(None, one, other, autojunk=False).ratio() >= ALIKE:
                return name
    return ""
