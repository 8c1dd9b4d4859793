"""What a Python assertion claims, of what, and how exactly."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from nightlatch.ratchet.model import EXACT, PARTLY, VAGUE, Assertion

RANKS = {
    "assertEqual": EXACT,
    "assertIs": EXACT,
    "assertListEqual": EXACT,
    "assertDictEqual": EXACT,
    "assertSetEqual": EXACT,
    "assertTupleEqual": EXACT,
    "assertSequenceEqual": EXACT,
    "assertMultiLineEqual": EXACT,
    "assertCountEqual": EXACT,
    "assertAlmostEqual": EXACT,
    "assertIsNone": EXACT,
    "assertIn": PARTLY,
    "assertRegex": PARTLY,
    "assertGreater": PARTLY,
    "assertGreaterEqual": PARTLY,
    "assertLess": PARTLY,
    "assertLessEqual": PARTLY,
    "assertNotEqual": VAGUE,
    "assertNotIn": PARTLY,
    "assertIsNot": VAGUE,
    "assertIsNotNone": VAGUE,
    "assertIsInstance": VAGUE,
    "assertNotIsInstance": VAGUE,
    "assertNotAlmostEqual": VAGUE,
}
OLD_NAMES = {
    "assertEquals": "assertEqual",
    "assertRegexpMatches": "assertRegex",
    "assertItemsEqual": "assertCountEqual",
    "assert_": "assertTrue",
}
SINGLE = {"assertIsNone", "assertIsNotNone"}
TURNED = {
    "assertEqual",
    "assertIs",
    "assertNotEqual",
    "assertAlmostEqual",
    "assertListEqual",
    "assertDictEqual",
    "assertSequenceEqual",
}
ALIKE = {
    **dict.fromkeys(
        ("assertEqual", "assertListEqual", "assertDictEqual", "assertSetEqual", "assertTupleEqual"),
        "{} == {}",
    ),
    **dict.fromkeys(("assertSequenceEqual", "assertMultiLineEqual"), "{} == {}"),
    "assertIs": "{} is {}",
    "assertIsNone": "{} is None",
    "assertIsNotNone": "{} is not None",
    "assertIsNot": "{} is not {}",
    "assertNotEqual": "{} != {}",
    "assertIn": "{} in {}",
    "assertNotIn": "{} not in {}",
    "assertGreater": "{} > {}",
    "assertGreaterEqual": "{} >= {}",
    "assertLess": "{} < {}",
    "assertLessEqual": "{} <= {}",
    "assertIsInstance": "isinstance({}, {})",
    "assertNotIsInstance": "not isinstance({}, {})",
    "assertAlmostEqual": "{} == pytest.approx({})",
}
TRUTH = {"True", "False"}
CLOSE = {"isclose", "allclose", "array_equal", "equals", "equal"}
PARTIAL = {
    "startswith",
    "endswith",
    "match",
    "search",
    "fullmatch",
    "issubset",
    "issuperset",
    "all",
    "any",
}


def claims(test: ast.expr, weight: int) -> Iterator[Assertion]:
    """The assertions that one expression makes."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for part in test.values:
            yield from claims(part, weight)
    else:
        subject, rank = _subject(test)
        yield Assertion(
            subject=subject,
            rank=rank,
            text=ast.unparse(test),
            weight=0 if true_anyway(test, {}) else weight,
        )


def unittest_claims(call: ast.Call, weight: int) -> tuple[Assertion, ...]:
    """The same for a method of unittest.TestCase, empty where it is none."""
    if not isinstance(call.func, ast.Attribute) or not call.args:
        return ()
    name, args = OLD_NAMES.get(call.func.attr, call.func.attr), call.args
    if name in {"assertTrue", "assertFalse", "assert_"}:
        test = args[0] if name != "assertFalse" else ast.UnaryOp(op=ast.Not(), operand=args[0])
        return tuple(claims(test, weight))
    if name not in RANKS:
        return ()
    second = args[1] if len(args) > 1 else ast.Constant(value=None)
    subject = (
        second
        if isinstance(args[0], ast.Constant)
        or (name in {"assertIn", "assertNotIn"} and len(args) > 1)
        else args[0]
    )
    rank = (
        VAGUE
        if RANKS[name] == EXACT and TRUTH & {ast.unparse(args[0]), ast.unparse(second)}
        else RANKS[name]
    )
    same = ast.dump(args[0]) == ast.dump(second)
    text = as_expression(name, args) or f"{name}({', '.join(map(ast.unparse, args))})"
    return (
        Assertion(subject=ast.unparse(subject), rank=rank, text=text, weight=0 if same else weight),
    )


def as_expression(name: str, args: Sequence[ast.expr]) -> str:
    """The expression that pytest would be given for a method of unittest, "" where none says
    the same."""
    one, two = (
        ast.unparse(arg) for arg in (*args, ast.Constant(value=None), ast.Constant(value=None))[:2]
    )
    if name in ALIKE and len(args) == 1 + (name not in SINGLE):
        fixed = isinstance(args[0], ast.Constant) and name in TURNED
        one, two = (two, one) if fixed else (one, two)
        return ALIKE[name].format(one, two)
    return ""


def _subject(test: ast.expr) -> tuple[str, int]:
    match test:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            subject = (
                right
                if isinstance(left, ast.Constant) or isinstance(op, (ast.In, ast.NotIn))
                else left
            )
            other = left if subject is right else right
            return ast.unparse(subject), _rank(op, subject, other)
        case ast.Compare(left=left, ops=ops):
            return ast.unparse(left), (
                EXACT if all(isinstance(op, (ast.Eq, ast.Is)) for op in ops) else PARTLY
            )
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _subject(inner)[0], VAGUE
        case ast.BoolOp(values=[first, *_]):
            return _subject(first)[0], PARTLY
        case ast.Call(func=func, args=args):
            last = ast.unparse(func).rpartition(".")[2]
            if last in CLOSE and args:
                return ast.unparse(args[0]), EXACT
            receiver = (
                func.value
                if isinstance(func, ast.Attribute) and not args[1:]
                else args[-1]
                if args
                else func
            )
            return ast.unparse(args[0] if last == "isinstance" and args else receiver), (
                PARTLY if last in PARTIAL else VAGUE
            )
        case ast.Await(value=inner):
            return _subject(inner)
    return ast.unparse(test), VAGUE


def _rank(op: ast.cmpop, subject: ast.expr, other: ast.expr) -> int:
    if isinstance(op, (ast.Eq, ast.Is)):
        vague = (
            ast.unparse(other) in TRUTH
            or ast.unparse(other).endswith("ANY")
            or ast.unparse(subject).startswith("type(")
        )
        return VAGUE if vague else EXACT
    return (
        PARTLY if isinstance(op, (ast.In, ast.NotIn, ast.Lt, ast.LtE, ast.Gt, ast.GtE)) else VAGUE
    )


def true_anyway(test: ast.expr, names: Mapping[str, str]) -> bool:
    """Can this never fail, whatever the code does?"""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Tuple(elts=elts) | ast.List(elts=elts) | ast.Set(elts=elts):
            return bool(elts)
        case ast.JoinedStr(values=[ast.Constant(), *_]) | ast.Lambda() | ast.GeneratorExp():
            return True
        case ast.Dict(keys=keys):
            return bool(keys)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Constant(value=value)):
            return not value
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(true_anyway(v, names) for v in values)
        case ast.BoolOp(values=values):
            return all(true_anyway(v, names) for v in values)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            a, b = (names.get(ast.unparse(side), ast.unparse(side)) for side in (left, right))
            fixed = isinstance(left, ast.Constant) and isinstance(right, ast.Constant)
            nothing = a.startswith("len(") and b == "0" and isinstance(op, ast.GtE)
            return nothing or (
                (a == b or fixed) and isinstance(op, (ast.Eq, ast.Is, ast.LtE, ast.GtE))
            )
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="object")]):
            return True
        case ast.Call(func=ast.Name(id="all"), args=[ast.List(elts=[]) | ast.Tuple(elts=[])]):
            return True
    return False
