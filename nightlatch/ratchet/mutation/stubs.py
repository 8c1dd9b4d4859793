"""Code with every function that a change added emptied: it has the right shape, and does
nothing."""

import ast
from collections.abc import Collection
from dataclasses import dataclass

from nightlatch.ratchet.languages import grammar
from nightlatch.ratchet.mutation.edits import Edit, Python, applied
from nightlatch.ratchet.mutation.empty_bodies import empty_body, without_idle_imports

SCRIPTS = frozenset({"js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts"})
CONSTRUCTORS = frozenset({"constructor", "initialize", "init", "new", "__construct", "main"})
KEPT = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__"})


def stubbed(path: str, old: str | None, new: str) -> str | None:
    """Return the new text with an empty body for each function that the old one does not have.

    None where the language is not known, nothing was added, or what was added does nothing anyway.
    Constructors stay: without their attributes an object would not have the right shape. Where a
    language wants a value returned it is the empty one of its type; where that is not known, the
    body ends the call instead.
    """
    if not path.endswith(".py"):
        return _by_grammar(path, old or "", new)
    before = _functions(Python(old or "").tree).keys()
    source = Python(new)
    functions = _functions(source.tree)
    added = functions.keys() - before
    edits = [
        _emptied(source, node)
        for name, node in functions.items()
        if name in added and node.name not in KEPT and not _is_inside(name, added)
    ]
    text = applied(new, edits)
    return text if text != new else None


def _is_inside(name: str, others: Collection[str]) -> bool:
    """Does a function stand in another one of these, whose body is emptied with it?"""
    return any(name.startswith(f"{other}.") for other in others)


def _emptied(source: Python, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Edit:
    """Return an edit that leaves of a function nothing but its texts."""
    body = [part for part in node.body if not _is_text(part)] or node.body
    start, end = source.span(body[0])[0], source.span(body[-1])[1]
    return Edit(at=start, end=end, text="return None")


def _by_grammar(path: str, old: str, new: str) -> str | None:
    """Return the same for a language that a grammar reads."""
    language = grammar.language_of(path)
    if language is None or not language.grammar.stub:
        return None
    kept = CONSTRUCTORS | {body.name for body in _bodies(path, old, language)}
    source, end, parts = new.encode("utf-8", "surrogatepass"), 0, list[bytes]()
    for body in sorted(_bodies(path, new, language), key=lambda body: body.start):
        if body.name in kept or body.start < end:
            continue  # known already, or inside another function that is emptied
        is_arrow = _is_arrow(path, source[body.start : body.stop])
        empty = "undefined" if is_arrow else body.empty or language.grammar.stub
        parts += [source[end : body.start], empty.encode()]
        end = body.stop
    text = b"".join([*parts, source[end:]]).decode("utf-8", "surrogatepass")
    if text == new:
        return None
    return without_idle_imports(text) if path.endswith(".go") else text


def _is_arrow(path: str, body: bytes) -> bool:
    """Is this the body of an arrow function without braces, which wants a value in its place?"""
    return path.rpartition(".")[2] in SCRIPTS and not body.startswith(b"{")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """The body of one function: the function's name, the body's first byte and the one after
    its last, and an empty body of its type."""

    name: str
    start: int
    stop: int
    empty: str


def _bodies(path: str, text: str, language: grammar.Language) -> list[_Body]:
    """Return the body of every function that has one."""
    found = []
    for captures in grammar.parse(path, text, language).finds if text else ():
        if "function" in captures and captures.get("name") and captures.get("body"):
            name, body, whole = captures["name"][0], captures["body"][0], captures["function"][0]
            known = (name.text or b"").decode("utf-8", "replace")
            found.append(
                _Body(
                    name=known,
                    start=body.start_byte,
                    stop=body.end_byte,
                    empty=empty_body(path, whole, text),
                )
            )
    return found


def _functions(tree: ast.AST | None) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return every function by its dotted name."""
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
    """Is this a statement that is only a text, such as a docstring?"""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
