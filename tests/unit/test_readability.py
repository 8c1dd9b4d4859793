"""The code stays readable: functions that decide one thing, values of few fields, names that say
what they name, and comments that say why."""

import ast
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import ROOT

BRANCHES = (ast.If, ast.For, ast.While, ast.IfExp, ast.ExceptHandler, ast.comprehension)
MOST_POINTS = MOST_FIELDS = 10
# Functions that read best as they are: a flat match over kinds, or one list of steps.
FLAT = {
    "agents/streams/generic.py: read",
    "agents/usage_limits.py: sort_of",
    "cli/__init__.py: main",
    "cli/decide.py: record",
    "journal/events.py: after",
    "landing/decision_rules.py: objection",
    "ratchet/languages/grammar.py: leaves",
    "ratchet/languages/python_assertions.py: true_anyway",
    "ratchet/languages/python_reached.py: _assertions_of",
    "ratchet/mutation/python.py: _changes",
    "ratchet/static/declared_tests.py: reclaimed",
    "ratchet/static/runner_config.py: _fine",
    "record/history.py: _decided",
    "record/phase_file.py: values",
    "report/collect_io.py: report",
    "report/status_io.py: view",
    "run/notes_io.py: weighed",
    "run/phases_io.py: sheet",
    "suite/report_formats.py: read_report",
}
# Values that are a table of a file of the person's, or of one row of a report: their fields are
# its columns.
TABLES = {
    "agents/registry_io.py: Agent",
    "model/models.py: Feature",
    "project/config/settings.py: Config",
    "project/config/settings.py: Limits",
    "prompt/brief.py: BriefParts",
    "record/history.py: FeatureHistory",
    "report/model.py: SessionReport",
}
VAGUE = frozenset(
    {"told", "says", "said", "found", "left", "held", "laid", "made", "given"}
    | {"whole", "place", "each", "one", "own", "seen", "known", "wanted"}
)


@cache
def package() -> tuple[tuple[str, Path, ast.Module], ...]:
    """Return the modules of the package: each by its path, with its file and its syntax tree."""
    root = ROOT / "nightlatch"
    return tuple(
        (str(file.relative_to(root)), file, ast.parse(file.read_text(encoding="utf-8")))
        for file in sorted(root.rglob("*.py"))
    )


def points(function: ast.AST) -> int:
    """Return how many decisions a function holds, each part of a condition counted."""
    nodes = [*ast.walk(function)]
    parts = sum(len(node.values) - 1 for node in nodes if isinstance(node, ast.BoolOp))
    cases = sum(isinstance(node, (*BRANCHES, ast.match_case)) for node in nodes)
    return parts + cases


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def many_decisions(path: str, tree: ast.Module) -> Iterator[str]:
    return (f"{path}: {node.name}" for node in functions(tree) if points(node) > MOST_POINTS)


def many_fields(path: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and "dataclass" in map(decorator, node.decorator_list):
            count = sum(isinstance(part, ast.AnnAssign) for part in node.body)
            if count > MOST_FIELDS:
                yield f"{path}: {node.name}"


def decorator(node: ast.expr) -> str:
    return ast.unparse(node.func if isinstance(node, ast.Call) else node)


def vague_names(path: str, tree: ast.Module) -> Iterator[str]:
    return (f"{path}: {node.name}" for node in functions(tree) if node.name.strip("_") in VAGUE)


def test_functions_decide_little_but_for_those_that_read_best_as_they_are() -> None:
    assert {name for path, _, tree in package() for name in many_decisions(path, tree)} == FLAT


def test_values_have_few_fields_but_for_those_that_are_tables() -> None:
    assert {name for path, _, tree in package() for name in many_fields(path, tree)} == TABLES


def test_no_function_has_a_name_that_could_be_any() -> None:
    assert [name for path, _, tree in package() for name in vague_names(path, tree)] == []


def test_twenty_lines_in_a_thousand_say_why() -> None:
    comments = lines = 0
    for _, file, _ in package():
        with file.open("rb") as source:
            tokens = [*tokenize.tokenize(source.readline)]
        comments += sum(token.type == tokenize.COMMENT for token in tokens)
        lines += len(file.read_text(encoding="utf-8").splitlines())
    assert 1000 * comments / lines > 20


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        (many_decisions, "def f(a):\n" + "    if a and a:\n        pass\n" * 6),
        (many_fields, "@dataclass\nclass A:\n" + "".join(f"    a{n}: int\n" for n in range(11))),
        (vague_names, "def told():\n    pass"),
    ],
)
def test_each_rule_speaks_up(rule: object, bad: str) -> None:
    assert callable(rule)
    assert list(rule("a.py", ast.parse(bad))) != []
