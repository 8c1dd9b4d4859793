"""A Python function and the file around it, as the readers of its assertions and of its marks see
them."""

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlatch.ratchet.model import Marks

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class File:
    """What is known of the file around a test.

    `helpers` says how many assertions the functions that a test may call make.
    """

    imports: Mapping[str, str]
    constants: Mapping[str, ast.expr]
    skips: Mapping[str, Marks]
    helpers: Mapping[str, int]

    def scope(self, fn: Function) -> "Scope":
        """Return the function with its local names that are assigned once and what they stand
        for."""
        nodes = tuple(n for n in ast.walk(fn) if n is not fn)
        pairs = [
            (n.targets[0].id, n.value)
            for n in nodes
            if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
        ]
        # A name that is assigned twice stands for whatever came last: nothing is said of it.
        count = Counter(name for name, _ in pairs)
        return Scope(self, fn, nodes, {name: value for name, value in pairs if count[name] == 1})

    def full(self, node: ast.AST) -> str:
        """Return the dotted name with its imported root in full."""
        text = ast.unparse(node)
        root, dot, rest = text.partition(".")
        return f"{self.imports.get(root, root)}{dot}{rest}"


@dataclass(frozen=True, slots=True)
class Scope:
    """One function and what lies in it."""

    file: File
    fn: Function
    nodes: Sequence[ast.AST]
    names: Mapping[str, ast.expr]


def imported(tree: ast.Module) -> dict[str, str]:
    """Return every imported name with the full name of what it stands for."""
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


def constant(node: ast.expr) -> bool | None:
    """Return whether a constant is true, None for what is no constant."""
    return bool(node.value) if isinstance(node, ast.Constant) else None
