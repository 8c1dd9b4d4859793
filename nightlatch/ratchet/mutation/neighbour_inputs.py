"""Does code only know the inputs of its tests?

Tests are copied with other inputs beside the known ones, where both stand in the code.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

MOST_CALLS, MOST_PROBES, MOST_ROWS, LEAST = 8, 12, 4, 2
NUMBER = re.compile(r"-?\d+(?:\.\d+)?\Z")
WORD = re.compile(r"[A-Za-z_]*\Z")
LITERAL = (
    r"\(?(?:-?\d[\d.]*|\"[^\"\n]*\"|'[^'\n]*')(?:\s*,\s*(?:-?\d[\d.]*|\"[^\"\n]*\"|'[^'\n]*'))*\)?"
)
KEYS = re.compile(rf"({LITERAL})\s*(?::|=>)|\bcase\s+({LITERAL})|==\s*({LITERAL})")
PART = re.compile(r"-?\d[\d.]*|\"([^\"\n]*)\"|'([^'\n]*)'")
EQUAL = frozenset(
    {"assertEqual", "assertEquals", "assertListEqual", "assertDictEqual", "assertTupleEqual"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """A test file with more tests in it, each of which passes where some other input gives
    something; `says` names them."""

    path: str
    text: str
    says: Mapping[str, str]


def others(literal: str) -> list[str]:
    """Inputs beside a literal one.

    A single word has none: whoever knows a few words by name is honest.
    """
    if NUMBER.match(literal):
        number = float(literal) if "." in literal else int(literal)
        found = [number + 1, number - 1, number * 2]
        return [repr(one) for one in dict.fromkeys(found) if one != number]
    quote, inner = literal[:1], literal[1:-1]
    if quote not in ("'", '"') or "\\" in inner or WORD.match(inner):
        return []
    digit = re.search(r"\d(?=\D*\Z)", inner)
    letter = re.search(r"[A-Za-z](?=[^A-Za-z]*\Z)", inner)
    found_texts = []
    if digit:
        found_texts.append(
            inner[: digit.start()] + str((int(digit[0]) + 1) % 10) + inner[digit.end() :]
        )
    if letter:
        found_texts.append(
            inner[: letter.start()] + ("b" if letter[0] != "b" else "c") + inner[letter.end() :]
        )
    found_texts += [inner[:-1], f"{inner}{inner[-1]}"]
    return [f"{quote}{one}{quote}" for one in dict.fromkeys(found_texts) if one != inner]


def stands(literal: str, written: str) -> bool:
    """Is a literal in what the feature wrote?"""
    if NUMBER.match(literal):
        return re.search(rf"(?<![\w.]){re.escape(literal)}(?!\w|\.\d)", written) is not None
    return literal[1:-1] in written


def closed(inputs: Sequence[str], expected: Sequence[str], written: str, tests: str) -> bool:
    """Do a test's inputs and what it expects stand in the code, and nothing beside them that no
    test knows?

    A table that has more entries than its tests name is one of constants.
    """
    if not inputs or not expected or not all(stands(one, written) for one in (*inputs, *expected)):
        return False
    lines = written.splitlines()
    near = {n for n, line in enumerate(lines) if any(stands(one, line) for one in inputs)}
    close = {other for n in near for other in range(n - 2, n + 3)}
    keys = [part for n, line in enumerate(lines) if n in close for part in _keys(line)]
    return all(_is_named(part, tests) for part in keys)


def _is_named(key: str, tests: str) -> bool:
    """Do the tests name this key, or each part of it?"""
    parts = re.findall(r"[\w.]+", key[1:-1]) if key[:1] in ("'", '"') else []
    return stands(key, tests) or (
        len(parts) > 1 and all(re.search(rf"\b{re.escape(part)}\b", tests) for part in parts)
    )


def _keys(line: str) -> Iterator[str]:
    for found in KEYS.finditer(line):
        for part in PART.finditer(next(group for group in found.groups() if group)):
            yield part[0]


def varied(call: str, inputs: Iterable[tuple[int, int]]) -> list[str]:
    """The call with one of its literal inputs changed, in turn; `inputs` are where they stand
    in its text."""
    rows = [
        [call[:start] + other + call[end:] for other in others(call[start:end])]
        for start, end in inputs
    ]
    mixed = [row[n] for n in range(max(map(len, rows), default=0)) for row in rows if n < len(row)]
    return list(dict.fromkeys(mixed))[:MOST_CALLS]


NOTHING = """

def _nothing(came, expected):
    known, rest = came[0], came[1:]
    if known is None or not known[0] or isinstance(known[0], bool):
        return False
    told = [one[0] for one in rest if one is not None and one[0]]
    same = len(told) == len(rest) and all(one == told[0] for one in told) and told[0] != known[0]
    return not told or (same and len(told) > 2)
"""


def python_probes(
    path: str, text: str, names: Iterable[str], written: str, name: str
) -> Probes | None:
    """A Python test file with probes for these test functions; None where nothing in them is a
    sign of a table."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    made, says = list[str](), dict[str, str]()
    for function in _functions(tree, frozenset(names)):
        for at, step in enumerate(function.body):
            for row in rows_of(function) if len(made) < MOST_PROBES else ():
                own = f"test_{name}_{len(made)}"
                probe = _python_probe(function, at, row, written, text, own)
                if probe:
                    made.append(probe)
                    says[own] = (
                        f"{path}::{function.name} (line {step.lineno}): {ast.unparse(step)[:100]}"
                    )
    if not made:
        return None
    return Probes(path=path, text="\n\n".join((text, NOTHING, *made)) + "\n", says=says)


def _functions(tree: ast.Module, names: frozenset[str]) -> Iterator[ast.FunctionDef]:
    """The test functions of these names, and those of classes."""
    for node in tree.body:
        owner = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for inner in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, ast.FunctionDef) and f"{owner}{inner.name}" in names:
                yield inner


def rows_of(function: ast.FunctionDef) -> list[dict[str, ast.expr]]:
    """The first rows of a parametrized test, by names; one without any where there are none."""
    for mark in function.decorator_list:
        if (
            isinstance(mark, ast.Call)
            and ast.unparse(mark.func).endswith("mark.parametrize")
            and len(mark.args) > 1
        ):
            told, table = mark.args[0], mark.args[1]
            if isinstance(told, ast.Constant):
                names = [word.strip() for word in str(told.value).split(",")]
            else:
                names = [
                    str(part.value)
                    for part in getattr(told, "elts", ())
                    if isinstance(part, ast.Constant)
                ]
            rows = [
                row.elts if isinstance(row, (ast.Tuple, ast.List)) and len(names) > 1 else [row]
                for row in getattr(table, "elts", ())
            ]
            whole = [dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names)]
            return whole[:MOST_ROWS]
    return [{}]


class _Filled(ast.NodeTransformer):
    """Puts the values of a row in the place of their names."""

    def __init__(self, row: Mapping[str, ast.expr]) -> None:
        self.row = row

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.row.get(node.id, node)


def _python_probe(
    function: ast.FunctionDef,
    at: int,
    row: Mapping[str, ast.expr],
    written: str,
    text: str,
    own: str,
) -> str | None:
    """A function that does what a test does before one of its assertions, and tries other
    inputs there."""
    both = _compared(function.body[at])
    if both is None:
        return None
    call, expected = (
        ast.unparse(_Filled(row).visit(ast.parse(ast.unparse(side), mode="eval").body))
        for side in both
    )
    spans = _literals(call)
    wants = [expected[start:end] for start, end in _literals(expected, whole=True)]
    inputs = [call[start:end] for start, end in spans]
    if not closed(inputs, wants, written, text) or expected in ("True", "False", "None"):
        return None
    calls = [call, *varied(call, spans)]
    if len(calls) <= LEAST:
        return None
    arguments = [arg.arg for arg in function.args.args if arg.arg not in row and arg.arg != "self"]
    before = "".join(
        f"    {line}\n" for one in function.body[:at] for line in ast.unparse(one).splitlines()
    )
    before = "".join(f"    {key} = {ast.unparse(value)}\n" for key, value in row.items()) + before
    tried = ", ".join(f"lambda: {one}" for one in calls)
    if re.search(r"\bself\b", before + tried):
        return None  # this needs the object that the test is of
    return (
        f"def {own}({', '.join(arguments)}):\n{before}    came = []\n    for call in [{tried}]:\n  "
        "      try:\n            came.append((call(),))\n        except BaseException:\n          "
        f"  came.append(None)\n    assert not _nothing(came, {expected})"
    )


def _compared(step: ast.stmt) -> tuple[ast.expr, ast.expr] | None:
    """(the call, what it is compared with) of an assertion of equality."""
    sides: list[ast.expr] = []
    if (
        isinstance(step, ast.Assert)
        and isinstance(step.test, ast.Compare)
        and isinstance(step.test.ops[0], ast.Eq)
    ):
        sides = [step.test.left, *step.test.comparators]
    elif (
        isinstance(step, ast.Expr)
        and isinstance(step.value, ast.Call)
        and isinstance(step.value.func, ast.Attribute)
    ):
        sides = step.value.args[:2] if step.value.func.attr in EQUAL else []
    if len(sides) != 2:
        return None
    first, second = sides
    return (
        (first, second)
        if isinstance(first, ast.Call)
        else (second, first)
        if isinstance(second, ast.Call)
        else None
    )


def _literals(text: str, *, whole: bool = False) -> list[tuple[int, int]]:
    """Where numbers and texts stand in an expression: in what is handed to a call, or in the
    `whole` of it."""
    tree = ast.parse(text, mode="eval").body
    inside = (
        [tree]
        if whole or not isinstance(tree, ast.Call)
        else [*tree.args, *(word.value for word in tree.keywords)]
    )
    spans = []
    for part in inside:
        for node in ast.walk(part):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, (int, float, str))
                and not isinstance(node.value, bool)
            ):
                start = len(text.encode()[: node.col_offset].decode("utf-8", "ignore"))
                spans.append(
                    (
                        start,
                        start
                        + len(
                            text.encode()[node.col_offset : node.end_col_offset].decode(
                                "utf-8", "ignore"
                            )
                        ),
                    )
                )
    return sorted(spans)
