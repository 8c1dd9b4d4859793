"""Reads the tests of a Python file."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlatch.ratchet.languages.python_assertions import claims, true_anyway, unittest_claims
from nightlatch.ratchet.model import (
    CONSTANT,
    EXACT,
    LOOSER,
    MANY,
    MOCKED,
    SKIP,
    SWALLOWED,
    WHEN,
    Assertion,
    Marks,
    Source,
    Test,
    UnreadableError,
)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Found = tuple[str, Function, tuple[ast.ClassDef, ...]]
SKIPS = re.compile(
    r"os\._exit|pytest\.exit|(?:(?:pytest|unittest)\b.*\.)(?:skip\w*|xfail|SkipTest"
    r"|importorskip|expectedFailure)\b"
    r"|\b(?:self|cls)\.skipTest\b"
)
CONDITIONAL = re.compile(r"(?:skipif|skipIf|skipUnless|importorskip)$")
RETRIES = re.compile(r"\b(?:mark\.)?(?:flaky|rerun\w*|retry)\b")
RAISES = re.compile(
    r"(?:^|\.)(?:raises|warns|assertRaises(?:Regex)?|assertWarns(?:Regex)?|deprecated_call"
    r"|assertLogs)$"
)
ASSERTING = re.compile(r"(?:assert|check|verify|expect|ensure|validate)(?:_|[A-Z]|$)")
FAILS = re.compile(r"(?:^|\.)fail$")
SETUPS = re.compile(r"set[uU]p|set_?up_?(?:class|method|module|function)|pytestmark|asyncSetUp")
PATCHES = re.compile(r"(?:^|\.)(?:patch(?:\.object)?|setattr)$")
GATES = re.compile(
    r"environ|getenv|\btime\.|datetime|\bdate\.|platform|gethostname|getuser|\bCI\b"
    r"|sys\.modules|TYPE_CHECKING"
)
SUPPRESSES = re.compile(r"suppress\(.*\b(?:BaseException|Exception|AssertionError)\b")
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
FAIL = Assertion(subject="fail", rank=EXACT, text="fail")
WIDE = {"", "Exception", "BaseException", "AssertionError"}


@dataclass(frozen=True, slots=True)
class _File:
    """What is known of the file around a test.

    `helpers` says how many assertions the functions that a test may call make.
    """

    imports: Mapping[str, str]
    constants: Mapping[str, ast.expr]
    skips: Mapping[str, Marks]
    helpers: Mapping[str, int]

    def scope(self, fn: Function) -> "_Scope":
        """The function with its local names that are assigned once and what they stand for."""
        nodes = tuple(n for n in ast.walk(fn) if n is not fn)
        pairs = [
            (n.targets[0].id, n.value)
            for n in nodes
            if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
        ]
        count = Counter(name for name, _ in pairs)
        return _Scope(self, fn, nodes, {name: value for name, value in pairs if count[name] == 1})

    def full(self, node: ast.AST) -> str:
        """The dotted name with its imported root in full."""
        text = ast.unparse(node)
        root, dot, rest = text.partition(".")
        return f"{self.imports.get(root, root)}{dot}{rest}"


@dataclass(frozen=True, slots=True)
class _Scope:
    """One function and what lies in it."""

    file: _File
    fn: Function
    nodes: Sequence[ast.AST]
    names: Mapping[str, ast.expr]


def read(text: str, helpers: Mapping[str, int] | None = None) -> Source:
    """Raises UnreadableError."""
    try:
        return _read(ast.parse(text), helpers or {})
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError from error


def _read(tree: ast.Module, helpers: Mapping[str, int]) -> Source:
    imports = imported(tree)
    constants = {
        t.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for t in node.targets
        if isinstance(t, ast.Name)
    }
    plain = _File(imports, constants, {}, {})
    skips = {
        name: marks
        for name, value in constants.items()
        if name != "pytestmark" and (marks := _skips(plain, list(ast.walk(value))))
    }
    found = list(_functions(tree.body))
    asked = [plain.scope(fn) for _, fn, _ in found if not fn.name.startswith("test")]
    own = {scope.fn.name: sum(a.weight for a in _walk(scope, scope.fn.body)) for scope in asked}
    skips |= {
        s.fn.name: marks
        for s in asked
        if (marks := _skips(plain, s.nodes)) and not SETUPS.match(s.fn.name)
    }
    file = _File(imports, constants, skips, {**helpers, **own})
    top = _inherited(file, tree.body)
    above = {
        c: _inherited(file, c.body, c.decorator_list) for _, _, classes in found for c in classes
    }
    gated = {id(fn) for fn in _gated(tree)}
    when = Counter({(WHEN, "declared under a condition"): 1})
    outer = {id(fn): top + when if id(fn) in gated else top for _, fn, _ in found}
    tests = [
        _test(file, name, fn, sum((above[c] for c in classes), outer[id(fn)]))
        for name, fn, classes in found
    ]
    names = Counter(test.name for test in tests if not test.helper)
    return Source(
        tests={test.name: test for test in tests if not test.helper or test.assertions},
        imports=imports,
        defined=frozenset(constants)
        | {node.name for node in tree.body if isinstance(node, (Function, ast.ClassDef))},
        shadowed=frozenset(name for name, count in names.items() if count > 1 or name in constants),
        origins=frozenset(_origins(tree)),
        around=tuple(_around(tree, {id(fn) for _, fn, _ in found if fn.name.startswith("test")})),
    )


def _origins(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(name, module) of each import, what the name is called there behind a `#`; "" where it
    brings in everything."""
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
    """The words and literals of a file outside its tests and imports."""
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


def imported(tree: ast.Module) -> dict[str, str]:
    """Every imported name with the full name of what it stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0]
                for a in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            found |= {
                a.asname or a.name: f"{'.' * node.level}{node.module or ''}.{a.name}"
                for a in node.names
            }
    return found


def _functions(
    body: Iterable[ast.stmt], name: str = "", classes: tuple[ast.ClassDef, ...] = ()
) -> Iterator[Found]:
    for node in body:
        if isinstance(node, Function):
            yield f"{name}{node.name}", node, classes
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{name}{node.name}::", (*classes, node))
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _functions([*node.body, *getattr(node, "orelse", ())], name, classes)


def _gated(tree: ast.Module) -> Iterator[Function]:
    """The functions that are only there under a condition: where it does not hold, no runner
    misses a test that it never saw."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and _constant(node.test) is not True:
            branches = (inner for part in (*node.body, *node.orelse) for inner in ast.walk(part))
            yield from (inner for inner in branches if isinstance(inner, Function))


def _skips(file: _File, nodes: Sequence[ast.AST]) -> Marks:
    """How often a skip or an expected failure is asked for, at once or under a condition."""
    marks: Marks = Counter()
    called = {id(n.func): n for n in nodes if isinstance(n, ast.Call)}
    ifs = [n for n in nodes if isinstance(n, ast.If) and _constant(n.test) is None]
    parts = [p for n in ifs for p in (*n.body, *n.orelse)] + [
        p for n in nodes if isinstance(n, ast.ExceptHandler) for p in n.body
    ]
    inside = {id(inner) for part in parts for inner in ast.walk(part)}
    for node in nodes:
        if isinstance(node, ast.Call) and re.match(r"getattr\(.*(?:skip|xfail)", ast.unparse(node)):
            marks[SKIP, "skip"] += 1
        elif isinstance(node, ast.Name) and node.id in file.skips:
            marks += file.skips[node.id]
        elif isinstance(node, (ast.Attribute, ast.Name)) and SKIPS.fullmatch(
            name := file.full(node)
        ):
            call = called.get(id(node))
            fixed = (
                call is not None
                and bool(call.args)
                and isinstance(call.args[0], ast.Constant)
                and not name.endswith("importorskip")
            )
            when = id(node) in inside or (CONDITIONAL.search(name) is not None and not fixed)
            marks[(WHEN, "skip under a condition") if when else (SKIP, "skip")] += 1
    return marks


def _inherited(file: _File, body: Sequence[ast.stmt], decorators: Sequence[ast.expr] = ()) -> Marks:
    """What the top of a file, or a class, does to all of its tests."""
    nodes: list[ast.AST] = list(decorators)
    off = 0
    for node in body:
        names = (
            {t.id for t in node.targets if isinstance(t, ast.Name)}
            if isinstance(node, ast.Assign)
            else set()
        )
        off += (
            isinstance(node, ast.Assign)
            and re.search(r"\b__test__ = (?:False|0|None)$", ast.unparse(node)) is not None
        )
        if isinstance(node, Function):
            autouse = any("autouse=True" in ast.unparse(d) for d in node.decorator_list)
            nodes += [node] if autouse or SETUPS.match(node.name) else []
        elif not isinstance(node, (ast.ClassDef, ast.Import, ast.ImportFrom)) and not (
            names & file.skips.keys()
        ):
            nodes.append(node)
    inner = [n for node in nodes for n in ast.walk(node)]
    return (
        _skips(file, inner)
        + Counter({(SKIP, "__test__"): int(off)})
        + Counter({(MOCKED, name): 1 for name in _mocked(inner)})
    )


def _test(file: _File, name: str, fn: Function, inherited: Marks) -> Test:
    scope = file.scope(fn)
    nodes = scope.nodes
    asked = {a.arg for a in fn.args.args} | {
        n.value for d in fn.decorator_list for n in ast.walk(d) if isinstance(n, ast.Constant)
    }
    marks = inherited + sum(
        (file.skips[str(name)] for name in asked & file.skips.keys()), Counter[tuple[str, str]]()
    )
    marks += _skips(file, nodes) + Counter(
        {(SWALLOWED, "try around an assertion"): sum(_swallows(scope))}
    )
    marks += Counter(
        {(LOOSER, "retry"): sum(1 for d in fn.decorator_list if RETRIES.search(ast.unparse(d)))}
    )
    names = {key: ast.unparse(value) for key, value in scope.names.items()}
    always = sum(1 for n in nodes if isinstance(n, ast.Assert) and true_anyway(n.test, names))
    marks += Counter({(CONSTANT, "always true"): always}) + Counter(
        (MOCKED, mocked) for mocked in _mocked(nodes)
    )
    body = fn.body[1:] if ast.get_docstring(fn) is not None else fn.body
    deep = dict(reversed([*_deep(body, 0)]))
    claimed = (
        replace(
            a,
            inside=deep.get(
                a.text, max((n for text, n in deep.items() if a.text in text), default=0)
            ),
        )
        for a in _walk(scope, fn.body)
    )
    return Test(
        name=name,
        line=fn.lineno,
        text="\n".join(map(ast.unparse, body)),
        assertions=tuple(claimed),
        marks=marks,
        limits=_limits(nodes),
        raises=tuple(_raises(nodes)),
        rows=_rows(file, fn),
        calls=frozenset(_tested(nodes)),
        helper=not fn.name.startswith("test"),
        stands=names,
    )


def _deep(body: Sequence[ast.stmt], depth: int) -> Iterator[tuple[str, int]]:
    """Each statement, or what it asserts, with the number of branches, loops and functions that
    it stands in."""
    for node in body:
        inner = [
            part for name in ("body", "orelse", "finalbody") for part in getattr(node, name, ())
        ]
        inner += [part for handler in getattr(node, "handlers", ()) for part in handler.body]
        if inner:
            yield from _deep(inner, depth + (not isinstance(node, (ast.With, ast.AsyncWith))))
        else:
            yield ast.unparse(node.test if isinstance(node, ast.Assert) else node), depth


def _tested(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names of the outermost calls: what stands in an assertion, is assigned, or stands
    alone."""
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
                outer = isinstance(value, ast.Call) and unittest_claims(value, 1)
                found = [value, *(value.args if outer and isinstance(value, ast.Call) else ())]
            case _:
                continue
        yield from (
            ast.unparse(n.func).rpartition(".")[2] for n in found if isinstance(n, ast.Call)
        )


def _walk(scope: _Scope, body: Sequence[ast.stmt], weight: int = 1) -> Iterator[Assertion]:
    """The assertions that are reached, each as often as can be told."""
    for node in body:
        yield from _assertions_of(scope, node, weight)
        if isinstance(node, (ast.Return, ast.Raise, ast.Continue, ast.Break)):
            return
        if (
            isinstance(node, ast.If)
            and _leaves(node.body)
            and (_constant(node.test) or GATES.search(ast.unparse(node.test)))
        ):
            weight = 0


def _assertions_of(scope: _Scope, node: ast.stmt, weight: int) -> Iterator[Assertion]:
    match node:
        case ast.Assert():
            yield from claims(node.test, weight)
        case ast.If():
            known = _constant(node.test)
            gated = bool(GATES.search(ast.unparse(node.test)))
            yield from _walk(scope, node.body, 0 if known is False or gated else weight)
            yield from _walk(scope, node.orelse, 0 if known else weight)
        case ast.For() | ast.AsyncFor():
            yield from _walk(scope, node.body, weight * _length(scope, node.iter))
        case ast.While():
            yield from _walk(scope, node.body, 0 if _constant(node.test) is False else weight)
        case ast.With() | ast.AsyncWith():
            for item in node.items:
                yield from _called(scope.file, item.context_expr, weight)
            yield from _walk(scope, node.body, weight)
        case ast.Try():
            for part in (node.body, node.orelse, node.finalbody, *(h.body for h in node.handlers)):
                yield from _walk(scope, part, weight)
        case ast.Match():
            for case in node.cases:
                yield from _walk(scope, case.body, weight)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            used = any(isinstance(n, ast.Name) and n.id == node.name for n in scope.nodes) or bool(
                node.decorator_list
            )
            yield from _walk(scope, node.body, weight if used else 0)
        case ast.Raise(exc=exc) if exc and ast.unparse(exc).startswith("AssertionError"):
            yield replace(FAIL, weight=weight)
        case ast.ClassDef():
            return
        case _:
            yield from _called(scope.file, node, weight)


def _called(file: _File, node: ast.AST, weight: int) -> Iterator[Assertion]:
    """Assertions that are calls: unittest's, raises, and helpers, of which those that are not
    in sight count as MANY."""
    for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
        name = ast.unparse(call.func)
        last = name.rpartition(".")[2]
        text = ast.unparse(call)
        if known := unittest_claims(call, weight):
            yield from known
        elif FAILS.search(name):
            yield replace(FAIL, weight=weight)
        elif RAISES.search(name):
            told = [w for w in call.keywords if w.arg == "match"] or (
                name.endswith("Regex") and len(call.args) > 1
            )
            kind = f"raises {ast.unparse(call.args[0]) if call.args else ''}"
            yield Assertion(subject=kind, rank=EXACT, text=kind, weight=weight * (2 if told else 1))
        elif last in file.helpers:
            yield from [
                Assertion(subject=text, rank=EXACT, text=text, weight=weight * file.helpers[last])
            ] * bool(file.helpers[last])
        elif (
            last.startswith("assert_")
            or "assert" in name.partition(".")[0]
            or re.search(r"\btesting\.", name)
        ):
            yield Assertion(subject=text, rank=EXACT, text=text, weight=weight)
        elif ASSERTING.match(last):
            yield Assertion(subject=text, rank=EXACT, text=text, weight=weight * MANY)


def _constant(node: ast.expr) -> bool | None:
    return bool(node.value) if isinstance(node, ast.Constant) else None


def _leaves(body: Sequence[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Return)


def _length(scope: _Scope, node: ast.expr) -> int:
    """How often a loop runs, MANY where that cannot be told."""
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


def _swallows(scope: _Scope) -> Iterator[bool]:
    for node in scope.nodes:
        match node:
            case ast.Try() if any(True for _ in _walk(scope, node.body)):
                for handler in node.handlers:
                    caught = (
                        set(re.findall(r"\w+", ast.unparse(handler.type))) if handler.type else {""}
                    )
                    again = any(
                        isinstance(n, ast.Raise) for part in handler.body for n in ast.walk(part)
                    )
                    yield bool(caught & WIDE) and not again and not any(_walk(scope, handler.body))
            case ast.With() if any(True for _ in _walk(scope, node.body)):
                yield any(SUPPRESSES.search(ast.unparse(item.context_expr)) for item in node.items)


def _mocked(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The last names of what is replaced by a stand-in."""
    for node in nodes:
        match node:
            case ast.Call(func=func, args=[first, *rest]) if PATCHES.search(ast.unparse(func)):
                words = [
                    a.value
                    for a in (first, *rest[:1])
                    if isinstance(a, ast.Constant) and isinstance(a.value, str)
                ]
                yield from (word.rpartition(".")[2] for word in words[:1])
            case ast.Assign(targets=[ast.Attribute(attr=attr)]):
                yield attr


def _limits(nodes: Iterable[ast.AST]) -> dict[str, tuple[float, ...]]:
    """Tolerances, time-outs and thresholds, turned so that larger is looser."""
    found: dict[str, list[float]] = {}
    for node in nodes:
        match node:
            case ast.Call(keywords=words):
                for word in words:
                    if (sign := TOLERANCES.get(word.arg or "")) and (
                        number := _number(word.value)
                    ) is not None:
                        found.setdefault(
                            f"{ast.unparse(node.func).rpartition('.')[2]} {word.arg}", []
                        ).append(sign * number)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                sign = {ast.Lt: 1, ast.LtE: 1, ast.Gt: -1, ast.GtE: -1}.get(type(op), 0)
                for subject, limit, turn in ((left, right, sign), (right, left, -sign)):
                    if turn and (number := _number(limit)) is not None:
                        found.setdefault(f"limit of {ast.unparse(subject)}", []).append(
                            turn * number
                        )
    return {key: tuple(sorted(numbers)) for key, numbers in found.items()}


def _number(node: ast.expr) -> float | None:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -float(value)
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.BinOp(left=left, op=ast.Mult() | ast.Pow() as op, right=right):
            a, b = _number(left), _number(right)
            if a is not None and b is not None and abs(b) < 100:
                return a * b if isinstance(op, ast.Mult) else a**b if abs(a) < 100 else None
    return None


def _raises(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        match node:
            case ast.Call(func=func, args=[kind, *rest], keywords=words) if RAISES.search(
                ast.unparse(func)
            ):
                said = [w.value for w in words if w.arg == "match"] + (
                    rest[:1] if ast.unparse(func).endswith("Regex") else []
                )
                yield ast.unparse(kind), ast.unparse(said[0]) if said else ""


def _rows(file: _File, fn: Function) -> tuple[str, ...] | None:
    """The rows of all parametrize decorators together, None where there are none or one cannot
    be told."""
    rows: tuple[str, ...] | None = None
    for mark in fn.decorator_list:
        if not (
            isinstance(mark, ast.Call)
            and ast.unparse(mark.func).endswith("parametrize")
            and len(mark.args) > 1
        ):
            continue
        value = mark.args[1]
        value = file.constants.get(value.id, value) if isinstance(value, ast.Name) else value
        if not isinstance(value, (ast.List, ast.Tuple, ast.Set)) or any(
            isinstance(e, ast.Starred) for e in value.elts
        ):
            return None
        rows = (*(rows or ()), *(ast.unparse(e) for e in value.elts))
    return rows
