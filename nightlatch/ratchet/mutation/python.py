"""Every small fault that can be put into Python source."""

import ast
import math
from collections.abc import Iterator
from typing import Any

from nightlatch.ratchet.mutation.edits import Edit, Python, longer

SWAPS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
}
NUDGE = (
    "(lambda _v: _v + 1e-3 * (abs(_v) or 1) if isinstance(_v, (int, float)) and not isinstance(_v,"
    " bool) else _v)(({}))"
)
UNLIKE_NUMBERS = (
    ast.Constant,
    ast.JoinedStr,
    ast.Tuple,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.Compare,
    ast.Lambda,
)
# Annotations and decorators run when a module is loaded, if at all: a fault there breaks all or
# nothing.
ASIDE = frozenset({"annotation", "returns", "decorator_list", "type_params", "bases"})
Change = tuple[ast.expr | ast.stmt | tuple[int, int], str, str]


def edits(text: str) -> Iterator[Edit]:
    """Yield all single faults, in the order of the source; annotations, decorators, docstrings
    and f-strings stay as they are."""
    source = Python(text)
    ahead: list[tuple[ast.AST, str]] = [(source.tree, "")] if source.tree else []
    while ahead:
        node, place = ahead.pop()
        for where, new, says in _changes(source, node):
            at, end = where if isinstance(where, tuple) else source.span(where)
            said = says or f"{' '.join(text[at:end].split())[:60]} became {new[:60]}"
            yield Edit(
                at=at, end=end, text=new, says=said, place=place, line=text.count("\n", 0, at) + 1
            )
        ahead += reversed(list(_below(node, place)))


def _below(node: ast.AST, place: str) -> Iterator[tuple[ast.AST, str]]:
    """Yield the parts of a node in which a fault may be put, with the function that they stand
    in."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        place = f"{place}.{node.name}" if place else node.name
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and name not in ASIDE and not _left_alone(child):
                yield child, place


def _left_alone(node: ast.AST) -> bool:
    """Does a fault in this node say nothing of the tests, because nothing of it is run by them?"""
    match node:
        case ast.JoinedStr() | ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name == "TYPE_CHECKING"
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name.startswith("__") and name.endswith("__")
    return False


def _changes(source: Python, node: ast.AST) -> Iterator[Change]:
    """Yield the faults that can be put into one node."""
    match node:
        case ast.BinOp(left=left, op=op, right=right) if not (_text(left) or _text(right)):
            yield from _swap(source, left, op, right)
        case ast.AugAssign(target=left, op=op, value=right) if not _text(right):
            yield from _swap(source, left, op, right)
        case (
            ast.Compare(left=left, ops=[op], comparators=[right])
            | ast.BoolOp(op=op, values=[left, right])
        ):
            yield from _swap(source, left, op, right)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield node, source.of(operand), "not or minus dropped"
        case ast.Constant():
            yield from _constant(source, node)
        case ast.Return(value=ast.expr() as value):
            yield from _returned(source, value)
        case ast.Raise(exc=ast.expr() as exc):
            yield from _raised(source, node, exc)
        case ast.If(test=test) | ast.IfExp(test=test):
            yield test, "True", "condition became True"
            yield test, "False", "condition became False"
            yield test, f"not ({source.of(test)})", "condition negated"
        case ast.While(test=test):
            # the other way round it would never end
            yield test, "False", "loop never entered"
        case ast.Continue():
            yield node, "break", ""
        case ast.Expr(value=ast.Call(func=func) | ast.Await(value=ast.Call(func=func))):
            yield node, "pass", f"call of {source.of(func)[:60]} dropped"


def _swap(source: Python, left: ast.AST, op: ast.AST, right: ast.AST) -> Iterator[Change]:
    """Yield another operator between two operands; brackets may stand beside it, a comment may
    not."""
    old, new = SWAPS.get(type(op), ("", ""))
    at, end = source.span(_located(left))[1], source.span(_located(right))[0]
    between = source.text[at:end]
    found = between.find(old)
    if old and found >= 0 and "#" not in between:
        yield (at + found, at + found + len(old)), new, f"{old} became {new}"


def _located(node: Any) -> ast.expr:
    """Return an operand as the expression that it is."""
    return node  # type: ignore[no-any-return]  # operands are expressions, as the grammar has it


def _text(node: ast.AST) -> bool:
    """Is this a text, of which nothing can be subtracted?"""
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
    )


def _constant(source: Python, node: ast.Constant) -> Iterator[Change]:
    """Yield another value of the same type, and the empty one of a text."""
    match node.value:
        case bool():
            yield node, str(not node.value), ""
        case int():
            yield node, str(node.value + 1) if abs(node.value) < 10**15 else "1", ""
        case float() if math.isfinite(node.value):
            yield node, repr(node.value * 1.001 or 1.0), ""
        case str() | bytes():
            literal = source.of(node)
            yield node, longer(literal), f"{literal[:60]} has an X at its end"
            if node.value:
                yield (
                    node,
                    "b''" if isinstance(node.value, bytes) else "''",
                    f"{literal[:60]} emptied",
                )


def _returned(source: Python, value: ast.expr) -> Iterator[Change]:
    """Yield no result, and one that is off by a thousandth."""
    if not (isinstance(value, ast.Constant) and value.value is None):
        yield value, "None", "return value became None"
    if not isinstance(value, UNLIKE_NUMBERS):
        yield value, NUDGE.format(source.of(value)), "returned number off by a thousandth"


def _raised(source: Python, node: ast.Raise, exc: ast.expr) -> Iterator[Change]:
    """Yield an error that is not raised, and one of another type."""
    yield node, "pass", f"{source.of(node)[:60]} dropped"
    named = exc.func if isinstance(exc, ast.Call) and not exc.keywords else exc
    if isinstance(named, ast.Name) and (named is not exc or named.id[:1].isupper()):
        other = "LookupError" if named.id == "RuntimeError" else "RuntimeError"
        yield named, other, f"raise {named.id} became raise {other}"
