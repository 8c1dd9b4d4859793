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
# Names that unittest had before: the same test in newer words is no weaker one.
OLD_NAMES = {
    "assertEquals": "assertEqual",
    "assertRegexpMatches": "assertRegex",
    "assertItemsEqual": "assertCountEqual",
    "assert_": "assertTrue",
}
SINGLE = {"assertIsNone", "assertIsNotNone"}
# Methods of which either argument may be the expected one.
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
    """Yield the assertions that one expression makes."""
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
    """Return the same for a method of unittest.TestCase, empty where it is none."""
    if not isinstance(call.func, ast.Attribute) or not call.args:
        return ()
    name, args = OLD_NAMES.get(call.func.attr, call.func.attr), call.args
    if name in {"assertTrue", "assertFalse", "assert_"}:
        test = args[0] if name != "assertFalse" else ast.UnaryOp(op=ast.Not(), operand=args[0])
        return tuple(claims(test, weight))
    if name not in RANKS:
        return ()
    second = args[1] if len(args) > 1 else ast.Constant(value=None)
    # What is compared with itself can never fail.
    same = ast.dump(args[0]) == ast.dump(second)
    return (
        Assertion(
            subject=ast.unparse(_unittest_subject(name, args)),
            rank=_unittest_rank(name, args[0], second),
            text=as_expression(name, args) or f"{name}({', '.join(map(ast.unparse, args))})",
            weight=0 if same else weight,
        ),
    )


def _unittest_subject(name: str, args: Sequence[ast.expr]) -> ast.expr:
    """Return what a method looks at: the second where the first is a constant, or should be held
    by it."""
    first, second = args[0], args[1] if len(args) > 1 else ast.Constant(value=None)
    is_turned = name in {"assertIn", "assertNotIn"} and len(args) > 1
    return second if is_turned or isinstance(first, ast.Constant) else first


def _unittest_rank(name: str, first: ast.expr, second: ast.expr) -> int:
    """Return how exactly a method compares; what is only true or false says little."""
    says_truth = bool(TRUTH & {ast.unparse(first), ast.unparse(second)})
    return VAGUE if RANKS[name] == EXACT and says_truth else RANKS[name]


def as_expression(name: str, args: Sequence[ast.expr]) -> str:
    """Return the expression that pytest would be given for a method of unittest, "" where none
    says the same."""
    one, two = (
        ast.unparse(arg) for arg in (*args, ast.Constant(value=None), ast.Constant(value=None))[:2]
    )
    # With a message more the call says more than the expression would.
    if name in ALIKE and len(args) == 1 + (name not in SINGLE):
        fixed = isinstance(args[0], ast.Constant) and name in TURNED
        one, two = (two, one) if fixed else (one, two)
        return ALIKE[name].format(one, two)
    return ""


def _subject(test: ast.expr) -> tuple[str, int]:
    """Return what an expression claims something of, and how exactly."""
    match test:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _subject_of_comparison(left, op, right)
        case ast.Compare(left=left, ops=ops):
            is_exact = all(isinstance(op, (ast.Eq, ast.Is)) for op in ops)
            return ast.unparse(left), EXACT if is_exact else PARTLY
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _subject(inner)[0], VAGUE
        case ast.BoolOp(values=[first, *_]):
            return _subject(first)[0], PARTLY
        case ast.Call(func=func, args=args):
            return _subject_of_call(func, args)
        case ast.Await(value=inner):
            return _subject(inner)
    return ast.unparse(test), VAGUE


def _subject_of_comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> tuple[str, int]:
    """Return the side that is looked at: not the constant, and of `in` what should hold the
    other."""
    is_turned = isinstance(left, ast.Constant) or isinstance(op, (ast.In, ast.NotIn))
    subject, other = (right, left) if is_turned else (left, right)
    return ast.unparse(subject), _rank(op, subject, other)


def _subject_of_call(func: ast.expr, args: Sequence[ast.expr]) -> tuple[str, int]:
    """Return what a call that gives a truth value looks at: its receiver, or one of its
    arguments."""
    last = ast.unparse(func).rpartition(".")[2]
    if last in CLOSE and args:
        return ast.unparse(args[0]), EXACT
    rank = PARTLY if last in PARTIAL else VAGUE
    if last == "isinstance" and args:
        return ast.unparse(args[0]), rank
    if isinstance(func, ast.Attribute) and not args[1:]:
        return ast.unparse(func.value), rank
    return ast.unparse(args[-1] if args else func), rank


def _rank(op: ast.cmpop, subject: ast.expr, other: ast.expr) -> int:
    """Return how exactly an operator compares two sides."""
    # `== ANY`, `is True` and `type(x) ==` hold for many a wrong result.
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
        # `assert (x == 1, "message")`
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
            return _always_compares(left, op, right, names)
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="object")]):
            return True
        case ast.Call(func=ast.Name(id="all"), args=[ast.List(elts=[]) | ast.Tuple(elts=[])]):
            return True
    return False


def _always_compares(
    left: ast.expr, op: ast.cmpop, right: ast.expr, names: Mapping[str, str]
) -> bool:
    """Does a comparison hold of itself: of the same on both sides, of two constants, of a length
    and nothing?"""
    one, other = (names.get(ast.unparse(side), ast.unparse(side)) for side in (left, right))
    if one.startswith("len(") and other == "0" and isinstance(op, ast.GtE):
        return True
    # Two constants that differ would have failed at the base.
    are_fixed = isinstance(left, ast.Constant) and isinstance(right, ast.Constant)
    is_reflexive = isinstance(op, (ast.Eq, ast.Is, ast.LtE, ast.GtE))
    return (one == other or are_fixed) and is_reflexive
