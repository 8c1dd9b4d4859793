"""Finds the reader for each text."""

from collections.abc import Mapping, Sequence
from typing import Literal

from nightlatch.core.ratchet import blocks, python
from nightlatch.core.ratchet.seen import Source, UnreadableError
from nightlatch.core.ratchet.texts import Text

Sources = Mapping[str, Source]
Side = Literal["old", "new"]


def read(path: str, text: str, helpers: Mapping[str, int] | None = None) -> Source:
    """The tests of one file, none where nothing here knows its language. Raises UnreadableError."""
    return python.read(text, helpers) if path.endswith((".py", ".pyi")) else blocks.read(path, text, helpers)


def read_all(texts: Sequence[Text], side: Side) -> Sources:
    """The test files that can be read; helpers of one file count in all of them."""
    sides = {t.path: t.old if side == "old" else t.new for t in texts if t.test}
    there = {path: text for path, text in sides.items() if text is not None}
    first = {path: source for path, text in there.items() if (source := _tried(path, text))}
    helpers = {n.rpartition("::")[2]: sum(a.weight for a in t.assertions) for s in first.values() for n, t in s.tests.items() if t.helper}
    return {path: _tried(path, there[path], helpers) or source for path, source in first.items()} if helpers else first


def readable(path: str, text: str) -> bool:
    return _tried(path, text) is not None


def _tried(path: str, text: str, helpers: Mapping[str, int] | None = None) -> Source | None:
    try:
        return read(path, text, helpers)
    except UnreadableError:
        return None
