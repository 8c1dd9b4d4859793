"""Rows of parameters: marks that are a row each, a list inside a mark, what a provider gives,
or a table in the test."""

import re
from collections.abc import Sequence

from nightlatch.ratchet.languages.grammar import Parsed
from nightlatch.ratchet.languages.outline import NAME, Call, Outline
from nightlatch.ratchet.languages.tree_tests import FoundTests

BRACKET = re.compile(r"[{(\[]")
AHEAD = 4  # tokens between a name and the list that it is given
PART = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|[(\[{]|[)\]}]|,|\n")


def rows_of(
    seen: Outline, found: FoundTests, every: Sequence[FoundTests]
) -> tuple[str, ...] | None:
    """Return the rows that a test runs with, None where it has none or they cannot be told."""
    parsed = seen.parsed
    rows = (*_marked(parsed, found), *_provided(parsed, found, every))
    return rows or _called(seen, found) or _table(parsed, found) or _looped(seen, found)


def _called(seen: Outline, found: FoundTests) -> tuple[str, ...] | None:
    """Return the rows of `it.each(rows)(...)` or `it(...)->with(rows)`."""
    parsed, chain = seen.parsed, seen.chains.get(found.at)
    pattern = parsed.language.words.get("rows_call")
    if chain is None or pattern is None:
        return None
    before = found.at
    for call in chain.calls:
        if call.args and pattern.search(parsed.words(before, call.callee)):
            return _rows_of_call(parsed, call)
        before = call.end
    return None


def _rows_of_call(parsed: Parsed, call: Call) -> tuple[str, ...] | None:
    """Return the rows that a call is given: as a table in a text, a list, the name of one, or
    each as an argument."""
    first = call.args[0][0]
    if parsed.word(first)[:1] == "`":
        lines = parsed.word(first).splitlines()[1:]
        return tuple(line.strip() for line in lines if "|" in line or "${" in line)
    if first in parsed.pairs:
        parts = parsed.parts(first + 1, parsed.pairs[first])
        return tuple(parsed.words(*part) for part in parts)
    if rows := listed(parsed, first):
        return rows
    return tuple(parsed.words(*arg) for arg in call.args) if len(call.args) > 1 else None


def _looped(seen: Outline, found: FoundTests) -> tuple[str, ...] | None:
    """Return the list that a loop around the test goes through."""
    parsed = seen.parsed
    loops = [
        listing
        for listing, body in seen.flow.rounds
        if body[0] <= found.at and found.stop <= body[1] and listing[0] < found.at
    ]
    # The innermost loop gives the rows of the test itself.
    for start, end in sorted(loops, reverse=True):
        for at in range(start, end):
            if rows := listed(parsed, at):
                return rows
    return None


def listed(parsed: Parsed, at: int) -> tuple[str, ...]:
    """Return the rows of the list that begins at a token, or that the name there stands for."""
    if parsed.word(at) in {"[", "{", "("} and at in parsed.pairs:
        return _rows(parsed, at)
    if not NAME.match(parsed.word(at)):
        return ()
    for place in range(1, len(parsed.tokens) - 1):
        if parsed.word(place) in {"=", ":="} and parsed.word(place - 1) == parsed.word(at):
            opened = next(
                (
                    k
                    for k in range(place + 1, min(place + AHEAD, len(parsed.tokens)))
                    if parsed.word(k) in {"[", "{"}
                ),
                None,
            )
            if opened is not None and opened in parsed.pairs:
                return _rows(parsed, opened)
    return ()


def _marked(parsed: Parsed, found: FoundTests) -> tuple[str, ...]:
    """Return the rows that the marks before a test give: one each, or a list in one."""
    each, table = parsed.language.words.get("row_mark"), parsed.language.words.get("table_mark")
    rows = tuple(note for note in found.declaration.notes if each and each.match(note))
    lists = (hit for note in found.declaration.notes if table and (hit := table.search(note)))
    return (*rows, *(part for hit in lists for part in split(hit["rows"] or "")))


def _provided(parsed: Parsed, found: FoundTests, every: Sequence[FoundTests]) -> tuple[str, ...]:
    """Return what the functions that a mark names give."""
    provider, rows = parsed.language.words.get("provider_mark"), list[str]()
    for hit in (
        hit for note in found.declaration.notes if provider and (hit := provider.search(note))
    ):
        name = next((group for group in hit.groups() if group), found.name.rpartition("::")[2])
        given = next(
            (one for one in every if one.name.rpartition("::")[2] == name and one is not found),
            None,
        )
        rows += _listed(parsed, given.start, given.end) if given else ()
    return tuple(rows)


def _table(parsed: Parsed, found: FoundTests) -> tuple[str, ...] | None:
    """Return the rows of a table in a test that it goes through."""
    for at, hit in parsed.hits("table", found.start, found.end):
        opened = at + hit[0].count(" ")
        if opened in parsed.pairs and (made := _rows(parsed, opened)):
            return made
    return None


def split(words: str) -> list[str]:
    """Return what stands between the commas, or on the lines, of one level."""
    parts, depth, last = list[str](), 0, 0
    for hit in PART.finditer(words):
        depth += (hit[0] in {"(", "[", "{"}) - (hit[0] in {")", "]", "}"})
        if hit[0] in {",", "\n"} and depth == 0:
            parts.append(words[last : hit.start()])
            last = hit.end()
    return [part.strip() for part in (*parts, words[last:]) if part.strip()]


def _rows(parsed: Parsed, opened: int) -> tuple[str, ...]:
    """Return what lies between two brackets, if all of it are rows."""
    made = tuple(parsed.words(*part) for part in parsed.parts(opened + 1, parsed.pairs[opened]))
    return made if all(BRACKET.search(row) for row in made) else ()


def _listed(parsed: Parsed, start: int, end: int) -> tuple[str, ...]:
    """Return the rows of the first list of lists between two tokens, or what is yielded one by
    one."""
    for at in range(start + 1, end):
        if (
            parsed.word(at) in {"[", "{", "("}
            and at in parsed.pairs
            and (made := _rows(parsed, at))
        ):
            return made
    yields = [at for at in range(start, end) if parsed.word(at) == "yield"]
    return tuple(
        parsed.words(first, last)
        for first, last in zip(yields, [*yields[1:], end][: len(yields)], strict=True)
    )
