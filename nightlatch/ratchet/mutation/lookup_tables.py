"""Code that is a table of what its tests ask and expect: `KNOWN.get((a, b), 0)`, branches on
their inputs, a data file of both.

A table whose keys are names, such as countries or codes, is what many a program is made of, and its
tests say some of it again. One whose keys are the very numbers or texts that tests work with, each
beside the result that they expect, answers those tests and nothing else.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.languages.readers import read
from nightlatch.ratchet.model import EXACT, Test, UnreadableError
from nightlatch.ratchet.static.moved_tests import inlined

KNOWS, WHAT = "ratchet.knows-tests", "a table of the tests' own values"
VALUE = re.compile(
    r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`[^`\n]*`|(?<![\w.])-?\d[\d_]*(?:\.\d+)?"
)
NUMBER = re.compile(r"-?\d[\d_]*(?:\.\d+)?")
COMMENT = re.compile(r"(?m)^\s*(?:#|//|--|\*|;).*$|/\*.*?\*/", re.DOTALL)
CODE = re.compile(
    r"\.(?:[cm]?[jt]sx?|py|go|rs|java|kts?|scala|cs|rb|php|swift|exs?|cc|cpp|cxx|h|hpp|sh|lua"
    r"|pl|pm|r|jl|dart"
    r"|json|csv|tsv|ya?ml|toml)$"
)
CLOSING = {"(": ")", "[": "]", "{": "}"}
# An input and its result are two values; a single pair that tests know may be chance.
FEW, MANY_ALONE = 2, 3
# A longer text is what a program works on, and no code or name that it has a table of.
LONG_NAME = 12
# Data files can be long, and each bracket of them is read sign by sign.
MOST_ENTRIES = 400
LONGEST_ENTRY = 400
MOST_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class TableEntry:
    """One piece of a table, or one line: its values in order, and where it begins."""

    values: tuple[str, ...]
    at: int


def tabled(
    texts: Sequence[Text], asked: Sequence[Text], commands: Iterable[str] = ()
) -> Iterator[tuple[str, str]]:
    """Yield (rule, detail) for each new table in the code of which the better part is what tests
    ask and expect.

    `asked` are the tests that stay as they are and the checks, `commands` what a verify runs.
    """
    suspects = [(text, tables) for text in texts if (tables := list(new_tables(text)))]
    # Tests are read only where there is a table at all: most changes have none.
    if not suspects:
        return
    tests = [t for t in texts if t.test or t.declares]
    known = points((*tests, *asked), commands)
    for text, tables in suspects:
        found = next((table for table in tables if _is_known(table, known)), None)
        if found:
            yield (
                KNOWS,
                f"{text.path} (line {(text.new or '').count(chr(10), 0, found[0].at) + 1}): {WHAT}",
            )


def new_tables(text: Text) -> Iterator[list[TableEntry]]:
    """Yield the groups of entries that a file of code or data has now and did not have: inside
    one bracket, or on lines that follow."""
    if not text.new or not _may_hold_tables(text):
        return
    before = {entry.values for group in _groups(text.old or "") for entry in group}
    for group in _groups(text.new):
        fresh = [entry for entry in group if entry.values not in before]
        if len(fresh) >= FEW:
            yield fresh


def _may_hold_tables(text: Text) -> bool:
    """Is this a file of code or data, and short enough to be read sign by sign?"""
    if text.test or text.declares:
        return False
    return len(text.new or "") <= MOST_TEXT and CODE.search(text.path) is not None


def _groups(text: str) -> Iterator[list[TableEntry]]:
    """Yield the entries of each bracket, and the lines, each with the next one, that have at
    least two values."""
    # Comments become spaces, so that every place stays where it was.
    bare = COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    for edges in _brackets(bare):
        yield _entries(bare, [(a + 1, b) for a, b in pairwise(edges)])
    lines = [found.span() for found in re.finditer(r"[^\n]*\S[^\n]*", bare)]
    yield _entries(bare, lines)
    yield _entries(bare, [(a, d) for (a, _), (_, d) in pairwise(lines)])


def _brackets(text: str) -> list[list[int]]:
    """Return each bracket as the places of its opening sign, of what parts its entries, and of
    its closing sign, the inner ones first."""
    inside = _in_texts(text)
    brackets, waiting = list[list[int]](), list[tuple[str, list[int]]]()
    for at, sign in enumerate(text):
        if inside[at]:
            continue
        if sign in CLOSING:
            waiting.append((CLOSING[sign], [at]))
        elif waiting and sign == waiting[-1][0]:
            brackets.append([*waiting.pop()[1], at])
        elif waiting and sign in ",;\n":
            waiting[-1][1].append(at)
    return brackets


def _in_texts(text: str) -> bytearray:
    """For each place whether it lies inside quotes, where a bracket is only a sign."""
    inside = bytearray(len(text) + 1)
    for found in VALUE.finditer(text):
        if found[0][0] in "\"'`":
            inside[found.start() : found.end()] = b"\1" * (found.end() - found.start())
    return inside


def _entries(text: str, spans: Iterable[tuple[int, int]]) -> list[TableEntry]:
    """Return the first entries with at least two values among these pieces."""
    pieces = (
        (start, _values(text[start:end])) for start, end in spans if end - start <= LONGEST_ENTRY
    )
    return list(
        islice(
            (TableEntry(values, start) for start, values in pieces if len(values) >= FEW),
            MOST_ENTRIES,
        )
    )


def _values(text: str) -> tuple[str, ...]:
    """Return the numbers and texts of a piece, and the numbers in a text of nothing else:
    `"100,250"` is two."""
    found = list[str]()
    for value in VALUE.findall(text):
        inner = value.strip("\"'`")
        numbers = NUMBER.findall(inner)
        only = value[:1] in "\"'`" and numbers and not re.sub(r"[-\d_., |:/;+()]", "", inner)
        found += (
            map(_plain, numbers) if only else [_plain(inner) if value[:1] not in "\"'`" else inner]
        )
    return tuple(found)


def _plain(number: str) -> str:
    """Return one form for a number."""
    bare = number.replace("_", "")
    return bare.rstrip("0").rstrip(".") if "." in bare else bare


def points(tests: Iterable[Text], commands: Iterable[str] = ()) -> frozenset[tuple[str, ...]]:
    """Return what tests ask beside what they expect, as sorted values: from their assertions,
    and from the lines of checks and commands."""
    asked = {values for text in tests for values in _points_of(text)}
    asked |= {values for command in commands for values in _script_values(command)}
    # One value alone, or names alone, stand in any code.
    return frozenset(
        values for values in asked if len(values) >= FEW and any(map(_is_worked_with, values))
    )


def _points_of(text: Text) -> Iterator[tuple[str, ...]]:
    """Yield the sorted values of each assertion of a test file, or of each piece of a check."""
    version = text.new if text.new is not None else text.old
    if version is None:
        return
    try:
        source = read(text.path, version)
    except UnreadableError:
        return
    if not source.tests:
        yield from _script_values(version)
    for test in source.tests.values():
        yield from (tuple(sorted(values)) for values in _asked(test))


def _script_values(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the values of each piece of a script, those inside its quotes too."""
    for part in re.split(r"[;\n]|&&", text):
        yield from (
            tuple(sorted(_values(piece)))
            for piece in (part, part.replace("'", " "), part.replace('"', " "))
        )


def _asked(test: Test) -> Iterator[tuple[str, ...]]:
    """Yield the values of each exact assertion of a test, alone and with each of its rows."""
    for a in test.assertions:
        if a.rank == EXACT and a.weight:
            values = _values(inlined(a.text, test))
            yield values
            yield from ((*values, *_values(row)) for row in test.rows or ())


def _is_worked_with(value: str) -> bool:
    """Is this a number, or a text that is no name?"""
    return NUMBER.fullmatch(value) is not None or " " in value or len(value) > LONG_NAME


def _is_worked_out(key: str, value: str) -> bool:
    """Is this a number for a number, or what a text becomes that is no name?"""
    numbers = [NUMBER.fullmatch(one) is not None for one in (key, value)]
    return all(numbers) or (not numbers[0] and _is_worked_with(key))


def _is_known(table: Sequence[TableEntry], known: frozenset[tuple[str, ...]]) -> bool:
    """Are the entries of a table what tests ask and expect?

    A pair of one value and its result says less than one of several.
    """
    compound = [
        entry
        for entry in table
        if len(entry.values) > FEW and all(map(_is_worked_with, entry.values))
    ]
    hits = [entry for entry in compound if tuple(sorted(entry.values)) in known]
    if len({entry.values for entry in hits}) >= FEW and len(hits) * 2 >= len(compound):
        return True
    pairs = Counter(
        entry.values
        for entry in table
        if len(entry.values) == FEW and _is_worked_out(*entry.values)
    )
    alone = [values for values in pairs if tuple(sorted(values)) in known]
    return len(alone) >= MANY_ALONE and len(alone) == len(pairs)
