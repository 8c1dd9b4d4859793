"""Code with every function that a change added emptied: it has the right shape, and does nothing."""

import ast

from nightlatch.core.ratchet.edits import Edit, Python, applied

KEPT = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__"})


def stubbed(path: str, old: str | None, new: str) -> str | None:
    """Return the new text with `return None` for the body of each function that the old one does not have.

    None where the language is not known, nothing was added, or what was added does nothing anyway. Constructors stay: without
    their attributes an object would not have the right shape.
    """
    if not path.endswith(".py"):
        return None
    before = frozenset(_functions(Python(old or "").tree))
    source = Python(new)
    edits = []
    for name, node in _functions(source.tree).items():
        inside_another = any(name.startswith(f"{other}.") and other not in before for other in _functions(source.tree))
        if name in before or inside_another or node.name in KEPT:
            continue
        body = [part for part in node.body if not _is_text(part)] or node.body
        start, end = source.span(body[0])[0], source.span(body[-1])[1]
        edits.append(Edit(at=start, end=end, text="return None"))
    text = applied(new, edits)
    return text if text != new else None


def _functions(tree: ast.AST | None) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function by its dotted name."""
    found: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    ahead: list[tuple[ast.AST, str]] = [(tree, "")] if tree else []
    while ahead:
        node, place = ahead.pop()
        for child in ast.iter_child_nodes(node):
            name = place
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                name = f"{place}.{child.name}".lstrip(".")
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found[name] = child
            ahead.append((child, name))
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
