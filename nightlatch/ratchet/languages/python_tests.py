"""Reads the tests of a Python file."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeGuard

from nightlatch.ratchet.languages.python_assertions import true_anyway, unittest_claims
from nightlatch.ratchet.languages.python_marks import (
    SETUPS,
    gated,
    inherited,
    mocked,
    skips,
    swallowed,
)
from nightlatch.ratchet.languages.python_reached import RAISES, depths, walk
from nightlatch.ratchet.languages.python_scope import File, Function, Scope, imported
from nightlatch.ratchet.model import (
    CONSTANT,
    LOOSER,
    MOCKED,
    SWALLOWED,
    WHEN,
    Assertion,
    Marks,
    Source,
    Test,
    UnreadableError,
    UsedNames,
)

Found = tuple[str, Function, tuple[ast.ClassDef, ...]]
RETRIES = re.compile(r"\b(?:mark\.)?(?:flaky|rerun\w*|retry)\b")
# Of decimal places fewer are looser, of all others more: -1 turns them round.
TOLERANCES = {
    "abs": 1,
    "rel": 1,
    "rel_tol": 1,
    "abs_tol": 1,
    "rtol": 1,
    "atol": 1,
    "delta": 1,
    "timeout": 1,
    "places": -1,
    "decimal": -1,
}


def read(text: str, helpers: Mapping[str, int] | None = None) -> Source:
    """Raises UnreadableError."""
    try:
        return _read(ast.parse(text), helpers or {})
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError from error


def _read(tree: ast.Module, helpers: Mapping[str, int]) -> Source:
    """Return the tests of a file and what stands around them."""
    functions = list(_functions(tree.body))
    file = _file_of(tree, functions, helpers)
    tests = [
        _test(file, name, fn, marks)
        for (name, fn, _), marks in zip(
            functions, _marks_from_outside(file, tree, functions), strict=True
        )
    ]
    count = Counter(test.name for test in tests if not test.helper)
    top = {node.name for node in tree.body if isinstance(node, (Function, ast.ClassDef))}
    own_text = {id(fn) for _, fn, _ in functions if fn.name.startswith("test")}
    return Source(
        # a helper without assertions is any function, and of nobody's concern
        tests={test.name: test for test in tests if not test.helper or test.assertions},
        imports=file.imports,
        defined=frozenset(file.constants) | top,
        shadowed=frozenset(name for name in count if count[name] > 1 or name in file.constants),
        origins=frozenset(_origins(tree)),
        around=tuple(_around(tree, own_text)),
    )


def _file_of(tree: ast.Module, functions: Sequence[Found], helpers: Mapping[str, int]) -> File:
    """Return what the tests of a file lean on: its imports, constants, named skips and helpers."""
    plain = File(imported(tree), _constants(tree), {}, {})
    scopes = [plain.scope(fn) for _, fn, _ in functions if not fn.name.startswith("test")]
    own = {scope.fn.name: sum(a.weight for a in walk(scope, scope.fn.body)) for scope in scopes}
    return File(plain.imports, plain.constants, _named_skips(plain, scopes), {**helpers, **own})


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Return the names that are assigned at the top of a file, with what they stand for."""
    return {
        t.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for t in node.targets
        if isinstance(t, ast.Name)
    }


def _named_skips(file: File, scopes: Sequence[Scope]) -> dict[str, Marks]:
    """Return the skips that a test asks for by a name: of a constant that holds a mark, of a
    helper or a fixture that skips."""
    named = {
        name: marks
        for name, value in file.constants.items()
        # pytestmark and setups count for every test already, without being named
        if name != "pytestmark" and (marks := skips(file, list(ast.walk(value))))
    }
    return named | {
        scope.fn.name: marks
        for scope in scopes
        if not SETUPS.match(scope.fn.name) and (marks := skips(file, scope.nodes))
    }


def _marks_from_outside(
    file: File, tree: ast.Module, functions: Sequence[Found]
) -> Iterator[Marks]:
    """For each function what the file, the classes around it and a condition do to it."""
    top = inherited(file, tree.body)
    classes = dict.fromkeys(c for _, _, around in functions for c in around)
    above = {c: inherited(file, c.body, c.decorator_list) for c in classes}
    conditional = {id(fn) for fn in gated(tree)}
    when = Counter({(WHEN, "declared under a condition"): 1})
    for _, fn, around in functions:
        yield sum((above[c] for c in around), top + when if id(fn) in conditional else top)


def _origins(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (name, module) of each import, what the name is called there behind a `#`; "" where
    it brings in everything."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((a.asname or a.name.partition(".")[0], a.name) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = f"{'.' * node.level}{node.module or ''}"
            yield from (
                (a.asname or a.name, f"{module}#{a.name}") if a.name != "*" else ("", module)
                for a in node.names
            )


def _around(node: ast.AST, tests: set[int]) -> Iterator[str]:
    """Yield the words and literals of a file outside its tests and imports."""
    for child in ast.iter_child_nodes(node):
        if id(child) in tests or isinstance(child, (ast.Import, ast.ImportFrom)):
            continue
        match child:
            case (
                ast.Name(id=word)
                | ast.Attribute(attr=word)
                | ast.arg(arg=word)
                | ast.keyword(arg=str() as word)
            ):
                yield word
            case (
                ast.FunctionDef(name=word)
                | ast.AsyncFunctionDef(name=word)
                | ast.ClassDef(name=word)
            ):
                yield word
            case ast.Constant(value=value):
                yield ast.unparse(child) if value is not None else "None"
        yield from _around(child, tests)


def _functions(
    body: Iterable[ast.stmt], name: str = "", classes: tuple[ast.ClassDef, ...] = ()
) -> Iterator[Found]:
    """Yield the functions of a file and of its classes by their dotted names, with the classes
    around them."""
    for node in body:
        if isinstance(node, Function):
            yield f"{name}{node.name}", node, classes
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{name}{node.name}::", (*classes, node))
        # Tests are declared under conditions, too: for a platform, or where a module is there.
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _functions([*node.body, *getattr(node, "orelse", ())], name, classes)


def _test(file: File, name: str, fn: Function, outside: Marks) -> Test:
    """Read one function; `outside` is what the file and its classes do to it."""
    scope = file.scope(fn)
    nodes = scope.nodes
    names = {key: ast.unparse(value) for key, value in scope.names.items()}
    body = fn.body[1:] if ast.get_docstring(fn) is not None else fn.body
    return Test(
        name=name,
        line=fn.lineno,
        text="\n".join(map(ast.unparse, body)),
        assertions=tuple(_claimed(scope, body)),
        marks=outside + _marks(scope, names),
        limits=_limits(nodes),
        raises=tuple(_raises(nodes)),
        rows=_rows(file, fn),
        helper=not fn.name.startswith("test"),
        names=UsedNames(calls=frozenset(_tested(nodes)), stands=names),
    )


def _marks(scope: Scope, names: Mapping[str, str]) -> Marks:
    """Return what weakens a test in its own text and its decorators."""
    file, fn = scope.file, scope.fn
    asked = {a.arg for a in fn.args.args} | {
        n.value for d in fn.decorator_list for n in ast.walk(d) if isinstance(n, ast.Constant)
    }
    marks = Counter[tuple[str, str]]()
    for name in asked & file.skips.keys():
        marks += file.skips[str(name)]
    retries = sum(1 for d in fn.decorator_list if RETRIES.search(ast.unparse(d)))
    asserts = (n for n in scope.nodes if isinstance(n, ast.Assert))
    always = sum(1 for n in asserts if true_anyway(n.test, names))
    counted = {
        (SWALLOWED, "try around an assertion"): sum(swallowed(scope)),
        (LOOSER, "retry"): retries,
        (CONSTANT, "always true"): always,
    }
    stand_ins = Counter((MOCKED, name) for name in mocked(scope.nodes))
    return marks + skips(file, scope.nodes) + Counter(counted) + stand_ins


def _claimed(scope: Scope, body: Sequence[ast.stmt]) -> Iterator[Assertion]:
    """Yield the assertions of a function, each with how deep it stands."""
    # Of an assertion that is made twice the first place counts.
    deep = dict(reversed([*depths(body, 0)]))
    for a in walk(scope, scope.fn.body):
        inside = deep.get(a.text)
        if inside is None:
            inside = max((n for text, n in deep.items() if a.text in text), default=0)
        yield replace(a, inside=inside)


def _tested(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names of the outermost calls: what stands in an assertion, is assigned, or
    stands alone."""
    for node in nodes:
        match node:
            case ast.Assert(test=ast.Compare(left=left, comparators=others)):
                found = [left, *others]
            case (
                ast.Assert(test=value)
                | ast.Assign(value=value)
                | ast.Expr(value=value)
                | ast.Return(value=ast.expr() as value)
            ):
                # `self.assertEqual(add(1, 2), 3)` tests add, and not assertEqual.
                outer = isinstance(value, ast.Call) and unittest_claims(value, 1)
                found = [value, *(value.args if outer and isinstance(value, ast.Call) else ())]
            case _:
                continue
        yield from (
            ast.unparse(n.func).rpartition(".")[2] for n in found if isinstance(n, ast.Call)
        )


def _limits(nodes: Iterable[ast.AST]) -> dict[str, tuple[float, ...]]:
    """Return tolerances, time-outs and thresholds, turned so that larger is looser."""
    limits: dict[str, list[float]] = {}
    for node in nodes:
        for key, number in _limits_of(node):
            limits.setdefault(key, []).append(number)
    return {key: tuple(sorted(numbers)) for key, numbers in limits.items()}


def _limits_of(node: ast.AST) -> Iterator[tuple[str, float]]:
    """Yield what one call or one comparison limits, and by which number."""
    match node:
        case ast.Call(keywords=words):
            for word in words:
                sign = TOLERANCES.get(word.arg or "")
                if sign and (number := _number(word.value)) is not None:
                    yield f"{ast.unparse(node.func).rpartition('.')[2]} {word.arg}", sign * number
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            sign = {ast.Lt: 1, ast.LtE: 1, ast.Gt: -1, ast.GtE: -1}.get(type(op), 0)
            for subject, limit, turn in ((left, right, sign), (right, left, -sign)):
                if turn and (number := _number(limit)) is not None:
                    yield f"limit of {ast.unparse(subject)}", turn * number


def _number(node: ast.expr) -> float | None:
    """Return the number that an expression of constants stands for, None where it is none."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -float(value)
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.BinOp(left=left, op=ast.Mult() | ast.Pow() as op, right=right):
            a, b = _number(left), _number(right)
            # `9 ** 9 ** 9` in a test must not keep the judge busy for hours.
            if a is not None and b is not None and abs(b) < 100:
                return a * b if isinstance(op, ast.Mult) else a**b if abs(a) < 100 else None
    return None


def _raises(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """Yield (type, message) of each exception that is expected."""
    for node in nodes:
        match node:
            case ast.Call(func=func, args=[kind, *rest], keywords=words) if RAISES.search(
                ast.unparse(func)
            ):
                messages = [word.value for word in words if word.arg == "match"]
                if ast.unparse(func).endswith("Regex"):
                    messages += rest[:1]
                yield ast.unparse(kind), ast.unparse(messages[0]) if messages else ""


def _rows(file: File, fn: Function) -> tuple[str, ...] | None:
    """Return the rows of all parametrize decorators together, None where there are none or one
    cannot be told."""
    rows: tuple[str, ...] | None = None
    for mark in fn.decorator_list:
        if not _is_parametrize(mark):
            continue
        value = mark.args[1]
        value = file.constants.get(value.id, value) if isinstance(value, ast.Name) else value
        # `*OTHERS` stands for as many rows as it likes
        if not isinstance(value, (ast.List, ast.Tuple, ast.Set)) or any(
            isinstance(e, ast.Starred) for e in value.elts
        ):
            return None
        rows = (*(rows or ()), *(ast.unparse(e) for e in value.elts))
    return rows


def _is_parametrize(mark: ast.expr) -> TypeGuard[ast.Call]:
    """Does a decorator give a test rows of parameters?"""
    return (
        isinstance(mark, ast.Call)
        and ast.unparse(mark.func).endswith("parametrize")
        and len(mark.args) > 1
    )
