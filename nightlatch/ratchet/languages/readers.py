"""Finds the reader for each text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.languages import grammar, python_tests, tree_reader
from nightlatch.ratchet.model import Source, UnreadableError
from nightlatch.ratchet.mutation.brace import RUST_TESTS
from nightlatch.ratchet.static import unparsed_tests

Sources = Mapping[str, Source]
Side = Literal["old", "new"]
MOST_KEPT = 256


def read(path: str, text: str, helpers: Mapping[str, int] | None = None) -> Source:
    """Return the tests of one file, none where nothing here knows its language. Raises
    UnreadableError."""
    language = grammar.language_of(path)
    if language is None:
        return Source()
    return (
        tree_reader.read(path, text, language, helpers)
        if language.grammar.module
        else python_tests.read(text, helpers)
    )


def read_all(texts: Sequence[Text], side: Side) -> Sources:
    """Return the test files that can be read; the helpers of one file count in those that import
    them."""
    held = readable(texts)
    sides = {t.path: t.old if side == "old" else t.new for t in held}
    by_file = {
        t.path: unparsed_tests.read(text) for t in held if (text := sides[t.path]) and _by_file(t)
    }
    parsed = {path: text for path, text in sides.items() if path not in by_file}
    alone = {
        path: source
        for path, text in parsed.items()
        if text is not None and (source := _tried(path, text))
    }
    # Read a second time only where a file imports a helper of another one: see _with.
    helpers = _weights_of_helpers(alone)
    return {
        path: _with(path, parsed[path] or "", source, helpers) for path, source in alone.items()
    } | by_file


def _weights_of_helpers(sources: Sources) -> dict[str, int]:
    """Return how often the helpers of some files assert, by their last names."""
    return {
        name.rpartition("::")[2]: sum(a.weight for a in test.assertions)
        for source in sources.values()
        for name, test in source.tests.items()
        if test.helper
    }


def readable(texts: Sequence[Text]) -> list[Text]:
    """Return the texts that hold tests, marked as such; of a Rust source file what lies in its
    own tests."""
    tests = [replace(text, test=True) for text in texts if text.test or text.declares]
    # Rust keeps unit tests beside the code: the code above them is no test.
    crates = [
        text for text in texts if not text.test and text.path.endswith(".rs") and _has_tests(text)
    ]
    return [*tests, *map(_inside, crates)]


def _has_tests(text: Text) -> bool:
    """Has a Rust source file, or one that is new, tests of its own?"""
    return RUST_TESTS.search((text.new if text.old is None else text.old) or "") is not None


def _inside(text: Text) -> Text:
    """Return a Rust source file without what stands before its own tests, which keep their
    lines."""
    old, new = (version and _blanked(version) for version in (text.old, text.new))
    return replace(text, old=old, new=new, test=True)


def _blanked(version: str) -> str:
    """Return a Rust source file with empty lines in the place of its code."""
    found = RUST_TESTS.search(version)
    return "\n" * version.count("\n", 0, found.start()) + version[found.start() :] if found else ""


def _by_file(text: Text) -> bool:
    """Is this a test file of which nothing can be read at the base, or, where it is new, at all?"""
    version = text.old if text.old is not None else text.new
    language = grammar.language_of(text.path)
    if not version or (language is None and not unparsed_tests.is_test_file(text.path)):
        return False
    if language is None:
        return True
    source = (
        _tried(text.path, version)
        if language.grammar.module and unparsed_tests.says_test(text.path)
        else None
    )
    return source is not None and not source.tests


def unreadable(old: Source, new: Source) -> bool:
    """Can a file not be read any more that could be at the base: is a test lost, or another
    one, where its grammar stumbles?"""
    # A file that its grammar could not read at the base either is nobody's doing.
    if not new.broken or old.broken:
        return False
    kept = {name: new.tests.get(name) for name, test in old.tests.items() if not test.helper}
    return any(
        test is None or (name in new.torn and test.text != old.tests[name].text)
        for name, test in kept.items()
    )


def _with(path: str, text: str, source: Source, helpers: Mapping[str, int]) -> Source:
    """Return a file read once more with the helpers that it imports, if it imports any."""
    known = {name: helpers[name] for name in helpers.keys() & source.imports.keys()}
    return (_tried(path, text, known) or source) if known else source


def _tried(path: str, text: str, helpers: Mapping[str, int] | None = None) -> Source | None:
    """Return the tests of a file, None where it cannot be read."""
    if not helpers:
        return _alone(path, text)
    try:
        return read(path, text, helpers)
    except UnreadableError:
        return None


@lru_cache(maxsize=MOST_KEPT)
def _alone(path: str, text: str) -> Source | None:
    """Return a file read by itself, which several layers ask for one after another."""
    try:
        return read(path, text)
    except UnreadableError:
        return None
