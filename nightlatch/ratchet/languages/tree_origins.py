"""Where the names of a parsed file come from, and what stands in it outside its tests, in any
language that a grammar reads."""

import re
from collections.abc import Iterable, Iterator

from nightlatch.ratchet.languages.grammar import Parsed
from nightlatch.ratchet.languages.tree_tests import FoundTests

RENAMED = re.compile(r"(?:(\w+) (?:as|:|=>) )?(\w+)")
QUOTED = re.compile(r'(?:(?!import )([\w.]+) )?"([^"]*)"')
SPACED = re.compile(r"\s*(\.|::|\\|/)\s*")
# Words that take the place of a name and bring in all of a module, or itself.
EVERYTHING = frozenset({"*", "_", "self"})
WORD = re.compile(r"[^\W\d]\w*[?!]?|\d[\w.]*|\"[^\"]*\"|'[^']*'|`[^`]*`")


def origins(parsed: Parsed) -> frozenset[tuple[str, str]]:
    """Return (name, module) for each name that is imported, as the file writes the module; "" for
    the name where it brings in all of it.

    What the name is called in its module stands behind a `#` where the file says it.
    """
    pattern, words = parsed.language.words.get("refers"), parsed.words(0, len(parsed.tokens))
    return frozenset(
        pair for hit in (pattern.finditer(words) if pattern else ()) for pair in _named(hit)
    )


def _named(hit: re.Match[str]) -> Iterator[tuple[str, str]]:
    """Yield (name, module) of one import."""
    groups = {key.rstrip("23"): value for key, value in hit.groupdict().items() if value}
    if path := groups.get("path"):
        yield from _of_path(SPACED.sub(r"\1", path.strip()))
    elif "module" in groups:
        module, names = (
            SPACED.sub(r"\1", groups["module"].strip("\"'")),
            groups.get("names", "").replace("* as ", ""),
        )
        inside = "{" in names
        for was, name in RENAMED.findall(names):
            yield (name, f"{module}#{was or name}" if inside else module)
        if not names:
            yield "", module
    else:
        yield from (
            (alias or path.rpartition("/")[2], path) for alias, path in QUOTED.findall(hit[0])
        )


def _of_path(path: str) -> Iterator[tuple[str, str]]:
    """`shop::cart::{add, total}`, `shop.Cart`, `App\\Cart`: the last part is what is brought in."""
    bare, _, alias = path.partition(" as ")
    head, braces, listed = bare.partition("{")
    module, mark, last = re.fullmatch(
        r"(.*?)(\.|::|\\|)([^.:\\]*)", head.rstrip(" .:\\") if braces else bare, re.DOTALL
    ).groups()  # type: ignore[union-attr]  # every text has these parts
    if braces:
        whole = f"{module}{mark}{last}"
        yield from (
            (name, f"{whole}#{was or name}")
            for was, name in RENAMED.findall(listed)
            if name not in EVERYTHING
        )
    elif last in EVERYTHING:
        yield "", module
    else:
        yield alias or last, f"{module}#{last}"


def package(parsed: Parsed) -> str:
    """Return the package that a file says it is part of."""
    pattern = parsed.language.words.get("package")
    found = pattern.search(parsed.words(0, len(parsed.tokens))) if pattern else None
    return SPACED.sub(r"\1", found[1]) if found else ""


def around(parsed: Parsed, tests: Iterable[FoundTests]) -> tuple[str, ...]:
    """Return the words and literals outside the tests of a file, without what its imports say."""
    inside = [False] * (len(parsed.tokens) + 1)
    for test in tests:
        inside[test.at : test.stop] = [True] * (test.stop - test.at)
    pattern = parsed.language.words.get("refers")
    rest = " ".join(token.text for at, token in enumerate(parsed.tokens) if not inside[at])
    return tuple(WORD.findall(pattern.sub(" ", rest) if pattern else rest))
