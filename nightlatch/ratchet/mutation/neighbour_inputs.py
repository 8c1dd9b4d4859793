"""Does code only know the inputs of its tests?

Tests are copied with other inputs beside the known ones, where both stand in the code.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

# Each probe is run with the suite: a few say as much as hundreds.
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
    """Return inputs beside a literal one.

    A single word has none: whoever knows a few words by name is honest.
    """
    if NUMBER.match(literal):
        number = float(literal) if "." in literal else int(literal)
        near = [number + 1, number - 1, number * 2]
        return [repr(one) for one in dict.fromkeys(near) if one != number]
    quote, inner = literal[:1], literal[1:-1]
    # Of a text with escapes no other one is sure to be well-formed.
    if quote not in ("'", '"') or "\\" in inner or WORD.match(inner):
        return []
    texts = []
    if digit := re.search(r"\d(?=\D*\Z)", inner):
        texts.append(_with_other(inner, digit, str((int(digit[0]) + 1) % 10)))
    if letter := re.search(r"[A-Za-z](?=[^A-Za-z]*\Z)", inner):
        texts.append(_with_other(inner, letter, "b" if letter[0] != "b" else "c"))
    texts += [inner[:-1], f"{inner}{inner[-1]}"]
    return [f"{quote}{one}{quote}" for one in dict.fromkeys(texts) if one != inner]


def _with_other(text: str, place: re.Match[str], sign: str) -> str:
    """Return a text with another sign in one place."""
    return text[: place.start()] + sign + text[place.end() :]


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
    return all(_is_named(key, tests) for key in _keys_near(inputs, written))


def _keys_near(inputs: Sequence[str], written: str) -> Iterator[str]:
    """Yield the keys on the lines that have one of these inputs, and on two lines before and
    after."""
    lines = written.splitlines()
    hits = {n for n, line in enumerate(lines) if any(stands(one, line) for one in inputs)}
    near = {other for n in hits for other in range(n - 2, n + 3)}
    for n, line in enumerate(lines):
        if n in near:
            yield from _keys(line)


def _is_named(key: str, tests: str) -> bool:
    """Do the tests name this key, or each part of it?"""
    parts = re.findall(r"[\w.]+", key[1:-1]) if key[:1] in ("'", '"') else []
    return stands(key, tests) or (
        len(parts) > 1 and all(re.search(rf"\b{re.escape(part)}\b", tests) for part in parts)
    )


def _keys(line: str) -> Iterator[str]:
    """Yield the literals on a line that are keys of a table, cases, or compared with."""
    for found in KEYS.finditer(line):
        for part in PART.finditer(next(group for group in found.groups() if group)):
            yield part[0]


def varied(call: str, inputs: Iterable[tuple[int, int]]) -> list[str]:
    """Return the call with one of its literal inputs changed, in turn; `inputs` are where they
    stand in its text."""
    rows = [
        [call[:start] + other + call[end:] for other in others(call[start:end])]
        for start, end in inputs
    ]
    # In turn, so that the first few calls change each of the inputs.
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
    """Return a Python test file with probes for these test functions; None where nothing in them
    is a sign of a table."""
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
    """Yield the test functions of these names, and those of classes."""
    for node in tree.body:
        owner = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for inner in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, ast.FunctionDef) and f"{owner}{inner.name}" in names:
                yield inner


def rows_of(function: ast.FunctionDef) -> list[dict[str, ast.expr]]:
    """Return the first rows of a parametrized test, by names; one without any where there are
    none."""
    for mark in function.decorator_list:
        if (
            isinstance(mark, ast.Call)
            and ast.unparse(mark.func).endswith("mark.parametrize")
            and len(mark.args) > 1
        ):
            names = _parameters(mark.args[0])
            rows = [_cells(row, len(names)) for row in getattr(mark.args[1], "elts", ())]
            full = [dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names)]
            return full[:MOST_ROWS]
    return [{}]


def _parameters(names: ast.expr) -> list[str]:
    """Return the names that a mark gives to the values of its rows."""
    if isinstance(names, ast.Constant):
        return [word.strip() for word in str(names.value).split(",")]
    parts = getattr(names, "elts", ())
    return [str(part.value) for part in parts if isinstance(part, ast.Constant)]


def _cells(row: ast.expr, count: int) -> list[ast.expr]:
    """Return the values of a row for so many parameters; a single one may be a tuple itself."""
    return row.elts if isinstance(row, (ast.Tuple, ast.List)) and count > 1 else [row]


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
    """Return a function that does what a test does before one of its assertions, and tries other
    inputs there."""
    both = _compared(function.body[at])
    if both is None:
        return None
    call, expected = (_filled(side, row) for side in both)
    # One of so few results says little: a call may give it for any input.
    if expected in ("True", "False", "None"):
        return None
    calls = _calls_beside(call, expected, written, text)
    if len(calls) <= LEAST:
        return None
    arguments = [arg.arg for arg in function.args.args if arg.arg not in row and arg.arg != "self"]
    before = _lines_before(function, at, row)
    tried = ", ".join(f"lambda: {one}" for one in calls)
    if re.search(r"\bself\b", before + tried):
        return None  # this needs the object that the test is of
    return (
        f"def {own}({', '.join(arguments)}):\n{before}    came = []\n    for call in [{tried}]:\n  "
        "      try:\n            came.append((call(),))\n        except BaseException:\n          "
        f"  came.append(None)\n    assert not _nothing(came, {expected})"
    )


def _filled(side: ast.expr, row: Mapping[str, ast.expr]) -> str:
    """Return one side of an assertion with the values of a row in the place of their names."""
    # Parsed anew: the transformer changes what it is given, which other rows need as it was.
    return ast.unparse(_Filled(row).visit(ast.parse(ast.unparse(side), mode="eval").body))


def _calls_beside(call: str, expected: str, written: str, text: str) -> list[str]:
    """Return the call and others beside it; none where its values are no sign of a table."""
    spans = _literals(call)
    results = [expected[start:end] for start, end in _literals(expected, whole=True)]
    inputs = [call[start:end] for start, end in spans]
    return [call, *varied(call, spans)] if closed(inputs, results, written, text) else []


def _lines_before(function: ast.FunctionDef, at: int, row: Mapping[str, ast.expr]) -> str:
    """Return the values of a row under their names, and what a test does before one of its
    steps."""
    values = [f"{key} = {ast.unparse(value)}" for key, value in row.items()]
    steps = [line for step in function.body[:at] for line in ast.unparse(step).splitlines()]
    return "".join(f"    {line}\n" for line in (*values, *steps))


def _compared(step: ast.stmt) -> tuple[ast.expr, ast.expr] | None:
    """Return (the call, what it is compared with) of an assertion of equality."""
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
    """Return where numbers and texts stand in an expression: in what is handed to a call, or in
    the `whole` of it."""
    tree = ast.parse(text, mode="eval").body
    inside = (
        [tree]
        if whole or not isinstance(tree, ast.Call)
        else [*tree.args, *(word.value for word in tree.keywords)]
    )
    # ast counts bytes, and what cuts the text counts characters.
    source = text.encode()
    return sorted(
        (_characters(source, node.col_offset), _characters(source, node.end_col_offset or 0))
        for part in inside
        for node in ast.walk(part)
        if isinstance(node, ast.Constant) and _is_input(node.value)
    )


def _is_input(value: object) -> bool:
    """Is this a number or a text? Of true and false there is no other one beside."""
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def _characters(source: bytes, offset: int) -> int:
    """Return how many characters the first bytes are."""
    return len(source[:offset].decode("utf-8", "ignore"))
