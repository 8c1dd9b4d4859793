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
    """The test files that can be read; the helpers of one file count in those that import them."""
    sides = {t.path: t.old if side == "old" else t.new for t in texts if t.test}
    first = {path: source for path, text in sides.items() if text is not None and (source := _tried(path, text))}
    helpers = {n.rpartition("::")[2]: sum(a.weight for a in t.assertions) for s in first.values() for n, t in s.tests.items() if t.helper}
    return {path: _with(path, sides[path] or "", source, helpers) for path, source in first.items()}


def _with(path: str, text: str, source: Source, helpers: Mapping[str, int]) -> Source:
    known = {name: helpers[name] for name in helpers.keys() & source.imports.keys()}
    return (_tried(path, text, known) or source) if known else source


def _tried(path: str, text: str, helpers: Mapping[str, int] | None = None) -> Source | None:
    try:
        return read(path, text, helpers)
    except UnreadableError:
        return None
