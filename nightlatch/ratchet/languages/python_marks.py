"""What weakens Python tests: skips, stand-ins for the unit, and failures that are swallowed."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from nightlatch.ratchet.languages.python_reached import walk
from nightlatch.ratchet.languages.python_scope import File, Function, Scope, constant
from nightlatch.ratchet.model import MOCKED, SKIP, WHEN, Marks

SKIPS = re.compile(
    r"os\._exit|pytest\.exit|(?:(?:pytest|unittest)\b.*\.)(?:skip\w*|xfail|SkipTest"
    r"|importorskip|expectedFailure)\b"
    r"|\b(?:self|cls)\.skipTest\b"
)
# A skip that is asked for by its name as a text is asked for all the same.
BY_NAME = re.compile(r"getattr\(.*(?:skip|xfail)")
CONDITIONAL = re.compile(r"(?:skipif|skipIf|skipUnless|importorskip)$")
SETUPS = re.compile(r"set[uU]p|set_?up_?(?:class|method|module|function)|pytestmark|asyncSetUp")
PATCHES = re.compile(r"(?:^|\.)(?:patch(?:\.object)?|setattr)$")
# A block in which a failed assertion is swallowed as if nothing had failed.
SUPPRESSES = re.compile(r"suppress\(.*\b(?:BaseException|Exception|AssertionError)\b")
WIDE = {"", "Exception", "BaseException", "AssertionError"}


def gated(tree: ast.Module) -> Iterator[Function]:
    """Yield the functions that are only there under a condition: where it does not hold, no
    runner misses a test that it never saw."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and constant(node.test) is not True:
            branches = (inner for part in (*node.body, *node.orelse) for inner in ast.walk(part))
            yield from (inner for inner in branches if isinstance(inner, Function))


def skips(file: File, nodes: Sequence[ast.AST]) -> Marks:
    """Return how often a skip or an expected failure is asked for, at once or under a condition."""
    marks: Marks = Counter()
    calls = {id(n.func): n for n in nodes if isinstance(n, ast.Call)}
    conditional = _ids_under_conditions(nodes)
    for node in nodes:
        if isinstance(node, ast.Call) and BY_NAME.match(ast.unparse(node)):
            marks[SKIP, "skip"] += 1
        elif isinstance(node, ast.Name) and node.id in file.skips:
            marks += file.skips[node.id]
        elif isinstance(node, (ast.Attribute, ast.Name)) and SKIPS.fullmatch(
            name := file.full(node)
        ):
            when = id(node) in conditional or _has_condition(name, calls.get(id(node)))
            marks[(WHEN, "skip under a condition") if when else (SKIP, "skip")] += 1
    return marks


def _ids_under_conditions(nodes: Sequence[ast.AST]) -> set[int]:
    """Return the ids of all nodes that stand in a branch or behind a failure."""
    parts = [part for node in nodes for part in _conditional_parts(node)]
    return {id(inner) for part in parts for inner in ast.walk(part)}


def _conditional_parts(node: ast.AST) -> Sequence[ast.stmt]:
    """Return the statements in a node that only run under a condition, or after a failure."""
    if isinstance(node, ast.If) and constant(node.test) is None:
        return [*node.body, *node.orelse]
    return node.body if isinstance(node, ast.ExceptHandler) else ()


def _has_condition(name: str, call: ast.Call | None) -> bool:
    """Does a mark skip under a condition that is more than a constant?"""
    if not CONDITIONAL.search(name):
        return False
    # the name of a module is a constant, and whether it is there is not
    if name.endswith("importorskip") or call is None or not call.args:
        return True
    return not isinstance(call.args[0], ast.Constant)


def inherited(file: File, body: Sequence[ast.stmt], decorators: Sequence[ast.expr] = ()) -> Marks:
    """Return what the top of a file, or a class, does to all of its tests."""
    nodes = [*decorators, *(node for node in body if _acts_on_all(file, node))]
    inner = [n for node in nodes for n in ast.walk(node)]
    off = sum(map(_takes_tests_away, body))
    return (
        skips(file, inner)
        + Counter({(SKIP, "__test__"): off})
        + Counter({(MOCKED, name): 1 for name in mocked(inner)})
    )


def _acts_on_all(file: File, node: ast.stmt) -> bool:
    """Does a statement of a file or a class act on all tests in it?"""
    if isinstance(node, Function):
        autouse = any("autouse=True" in ast.unparse(d) for d in node.decorator_list)
        return autouse or SETUPS.match(node.name) is not None
    # A skip under a name only acts on the tests that ask for it.
    if isinstance(node, ast.Assign):
        names = {t.id for t in node.targets if isinstance(t, ast.Name)}
        return not names & file.skips.keys()
    return not isinstance(node, (ast.ClassDef, ast.Import, ast.ImportFrom))


def _takes_tests_away(node: ast.stmt) -> bool:
    """Does a statement tell pytest that a file or a class holds no tests?"""
    return (
        isinstance(node, ast.Assign)
        and re.search(r"\b__test__ = (?:False|0|None)$", ast.unparse(node)) is not None
    )


def swallowed(scope: Scope) -> Iterator[bool]:
    """Tell of each handler around an assertion whether it swallows the assertion's failure."""
    for node in scope.nodes:
        match node:
            case ast.Try() if any(True for _ in walk(scope, node.body)):
                for handler in node.handlers:
                    yield _swallows(scope, handler)
            case ast.With() if any(True for _ in walk(scope, node.body)):
                yield any(SUPPRESSES.search(ast.unparse(item.context_expr)) for item in node.items)


def _swallows(scope: Scope, handler: ast.ExceptHandler) -> bool:
    """Does a handler catch a failed assertion, and neither raise nor assert anything itself?"""
    caught = set(re.findall(r"\w+", ast.unparse(handler.type))) if handler.type else {""}
    if not caught & WIDE:
        return False
    raises = any(isinstance(n, ast.Raise) for part in handler.body for n in ast.walk(part))
    return not raises and not any(walk(scope, handler.body))


def mocked(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the last names of what is replaced by a stand-in."""
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
