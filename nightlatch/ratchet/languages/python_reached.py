"""The assertions of a Python function that are reached, each as often as can be told."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from nightlatch.ratchet.languages.python_assertions import claims, unittest_claims
from nightlatch.ratchet.languages.python_scope import File, Function, Scope, constant
from nightlatch.ratchet.model import EXACT, MANY, Assertion

RAISES = re.compile(
    r"(?:^|\.)(?:raises|warns|assertRaises(?:Regex)?|assertWarns(?:Regex)?|deprecated_call"
    r"|assertLogs)$"
)
# Names of helpers that lie elsewhere, and say that they assert something.
ASSERTING = re.compile(r"(?:assert|check|verify|expect|ensure|validate)(?:_|[A-Z]|$)")
FAILS = re.compile(r"(?:^|\.)fail$")
# What differs between machines and hours: behind it an assertion may run at the base and not here.
GATES = re.compile(
    r"environ|getenv|\btime\.|datetime|\bdate\.|platform|gethostname|getuser|\bCI\b"
    r"|sys\.modules|TYPE_CHECKING"
)
FAIL = Assertion(subject="fail", rank=EXACT, text="fail")


def walk(scope: Scope, body: Sequence[ast.stmt], weight: int = 1) -> Iterator[Assertion]:
    """Yield the assertions that are reached, each as often as can be told."""
    for node in body:
        yield from _assertions_of(scope, node, weight)
        if isinstance(node, (ast.Return, ast.Raise, ast.Continue, ast.Break)):
            return
        # What comes after a way out that is always or by the clock taken may never run.
        if isinstance(node, ast.If) and _leaves(node.body) and _may_always_hold(node.test):
            weight = 0


def _may_always_hold(test: ast.expr) -> bool:
    """Does a condition hold always, or by what the machine and the hour are?"""
    return bool(constant(test)) or GATES.search(ast.unparse(test)) is not None


def _assertions_of(scope: Scope, node: ast.stmt, weight: int) -> Iterator[Assertion]:
    """Yield the assertions of one statement and of what stands in it."""
    match node:
        case ast.Assert():
            yield from claims(node.test, weight)
        case ast.If():
            yield from _of_branches(scope, node, weight)
        case ast.For() | ast.AsyncFor():
            yield from walk(scope, node.body, weight * _length(scope, node.iter))
        case ast.While():
            yield from walk(scope, node.body, 0 if constant(node.test) is False else weight)
        case ast.With() | ast.AsyncWith():
            for item in node.items:
                yield from _of_calls(scope.file, item.context_expr, weight)
            yield from walk(scope, node.body, weight)
        case ast.Try():
            for part in (node.body, node.orelse, node.finalbody, *(h.body for h in node.handlers)):
                yield from walk(scope, part, weight)
        case ast.Match():
            for case in node.cases:
                yield from walk(scope, case.body, weight)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from walk(scope, node.body, weight if _is_used(scope, node) else 0)
        case ast.Raise(exc=exc) if exc and ast.unparse(exc).startswith("AssertionError"):
            yield replace(FAIL, weight=weight)
        # Methods of a class in a test are functions that something else calls.
        case ast.ClassDef():
            return
        case _:
            yield from _of_calls(scope.file, node, weight)


def _of_branches(scope: Scope, node: ast.If, weight: int) -> Iterator[Assertion]:
    """Yield the assertions of both branches; what never holds, or holds by the clock or the
    machine, counts for nothing."""
    value = constant(node.test)
    gated = bool(GATES.search(ast.unparse(node.test)))
    yield from walk(scope, node.body, 0 if value is False or gated else weight)
    yield from walk(scope, node.orelse, 0 if value else weight)


def _is_used(scope: Scope, node: Function) -> bool:
    """Is a function in a test named in it, or handed to a decorator?"""
    is_named = any(isinstance(n, ast.Name) and n.id == node.name for n in scope.nodes)
    return is_named or bool(node.decorator_list)


def _of_calls(file: File, node: ast.AST, weight: int) -> Iterator[Assertion]:
    """Yield assertions that are calls: unittest's, raises, and helpers, of which those that are
    not in sight count as MANY."""
    for call in ast.walk(node):
        if not isinstance(call, ast.Call):
            continue
        if known := unittest_claims(call, weight):
            yield from known
            continue
        text, count = _claim_of_call(file, call)
        if count:
            yield Assertion(subject=text, rank=EXACT, text=text, weight=weight * count)


def _claim_of_call(file: File, call: ast.Call) -> tuple[str, int]:
    """Return what a call claims, and for how many assertions it stands, 0 where it claims
    nothing."""
    name, text = ast.unparse(call.func), ast.unparse(call)
    last = name.rpartition(".")[2]
    if FAILS.search(name):
        return FAIL.text, 1
    if RAISES.search(name):
        # The message is a claim of its own: without it the same error may come from elsewhere.
        count = 2 if _expects_message(call, name) else 1
        return f"raises {ast.unparse(call.args[0]) if call.args else ''}", count
    if last in file.helpers:
        return text, file.helpers[last]
    is_of_library = "assert" in name.partition(".")[0] or re.search(r"\btesting\.", name)
    if last.startswith("assert_") or is_of_library:
        return text, 1
    return text, MANY if ASSERTING.match(last) else 0


def _expects_message(call: ast.Call, name: str) -> bool:
    """Does a call that expects an exception say something of its message?"""
    by_position = name.endswith("Regex") and len(call.args) > 1
    return by_position or any(word.arg == "match" for word in call.keywords)


def _leaves(body: Sequence[ast.stmt]) -> bool:
    """Does a block end with a return?"""
    return bool(body) and isinstance(body[-1], ast.Return)


def _length(scope: Scope, node: ast.expr) -> int:
    """Return how often a loop runs, MANY where that cannot be told."""
    match node:
        case ast.List() | ast.Tuple() | ast.Set():
            return len(node.elts)
        case ast.Dict():
            return len(node.keys)
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))]):
            return max(0, count)
        case ast.Call(
            func=ast.Name(id="enumerate" | "zip" | "sorted" | "reversed"), args=[first, *_]
        ):
            return _length(scope, first)
        case ast.Call(func=ast.Attribute(value=inner, attr="items" | "values" | "keys")):
            return _length(scope, inner)
        # A list that is built in place can be counted; one that the code returns cannot.
        case ast.Name(id=name):
            value = scope.names.get(name, scope.file.constants.get(name))
            return (
                _length(scope, value)
                if isinstance(value, (ast.List, ast.Tuple, ast.Set, ast.Dict))
                else MANY
            )
        case ast.Subscript(
            value=inner, slice=ast.Slice(lower=None, upper=ast.Constant(value=int(count)))
        ) if count >= 0:
            return min(count, _length(scope, inner))
    return MANY


def depths(body: Sequence[ast.stmt], depth: int) -> Iterator[tuple[str, int]]:
    """Yield each statement, or what it asserts, with the number of branches, loops and functions
    that it stands in."""
    for node in body:
        inner = [
            part for name in ("body", "orelse", "finalbody") for part in getattr(node, name, ())
        ]
        inner += [part for handler in getattr(node, "handlers", ()) for part in handler.body]
        if inner:
            yield from depths(inner, depth + (not isinstance(node, (ast.With, ast.AsyncWith))))
        else:
            yield ast.unparse(node.test if isinstance(node, ast.Assert) else node), depth
