"""A test module without the tests that a feature supersedes, so that a name which is gone with
them does not take the others along."""

import ast
from collections.abc import Iterable, Iterator

from nightlatch.suite.runner_detection import supersedes


def pruned(path: str, text: str, names: Iterable[str]) -> str | None:
    """Return the Python module without its superseded tests and without what it imports for them
    alone; None where nothing of that is there."""
    try:
        tree, wanted = ast.parse(text), tuple(names)
    except (SyntaxError, ValueError, RecursionError):
        return None
    gone = [
        (owner, node) for owner, node, name in _tests(tree) if supersedes(wanted, f"{path}::{name}")
    ]
    if not gone:
        return None
    for owner, node in gone:
        # A body of nothing would be no Python.
        owner.body[:] = [other for other in owner.body if other is not node] or [ast.Pass()]
    used_by_gone = {name for _, node in gone for name in _names(node)}
    _take_out_imports(tree, used_by_gone - set(_names(tree)))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _take_out_imports(tree: ast.Module, names: set[str]) -> None:
    """Remove the imports of these names, at the top or in a try or an if."""
    for block in ast.walk(tree):
        if isinstance(block, (ast.Module, ast.Try, ast.If)):
            kept = [node for node in block.body if not _emptied(node, names)]
            block.body[:] = kept or [ast.Pass()]


def _tests(tree: ast.Module) -> Iterator[tuple[ast.Module | ast.ClassDef, ast.stmt, str]]:
    """Yield every function and class that may be a test, where it stands, and its name as an id
    has it."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield tree, node, node.name
        if isinstance(node, ast.ClassDef):
            yield from (
                (node, inner, f"{node.name}::{inner.name}")
                for inner in node.body
                if isinstance(inner, ast.FunctionDef)
            )


def _names(tree: ast.AST) -> Iterator[str]:
    """Yield every name that is used: as such, as a fixture, or in a string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _emptied(node: ast.stmt, names: set[str]) -> bool:
    """Is this an import of nothing but these names? They are taken out of it."""
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return False
    node.names[:] = [
        alias for alias in node.names if (alias.asname or alias.name).partition(".")[0] not in names
    ]
    return not node.names
