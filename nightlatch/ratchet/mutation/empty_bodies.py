"""Bodies of functions that give back the empty value of their type, in languages that want one."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

TYPED_SCRIPTS = frozenset({"ts", "tsx", "mts", "cts"})
JAVA_NUMBERS = frozenset({"byte", "short", "int", "long", "float", "double", "char"})
# Types of Rust whose empty value the standard library knows, whatever is in them.
RUST_EMPTY = re.compile(
    r"(?:std::\w+::)?(?:[iu](?:8|16|32|64|128|size)|f32|f64|bool|char|String|&(?:'static )?str|\(\)"
    r"|(?:Vec|Option|HashMap|BTreeMap|HashSet|BTreeSet|VecDeque)<.*>)"
)
RUST_RESULT = re.compile(r"(?:std::\w+::|\w+::)?Result<(.*)>", re.DOTALL)
GO_IMPORT = re.compile(r"^(\s*(?:import\s+)?)\"([^\"\n]+)\"[ \t]*$", re.MULTILINE)
VERSION = re.compile(r"v\d+\Z")


def empty_body(path: str, function: "Node", text: str) -> str:
    """Return the body that does nothing and has the right type, "" where that is not known.

    `text` is that of the whole file.
    """
    ending = path.rpartition(".")[2]
    if ending in TYPED_SCRIPTS:
        return "{ return undefined as never; }"  # a compiler takes it for any type
    if ending == "go":
        return _go(function.child_by_field_name("result"))
    if ending == "rs":
        return _rust(_text_of(function.child_by_field_name("return_type")), text)
    if ending == "java":
        return _java(_text_of(function.child_by_field_name("type")))
    return ""


def _text_of(node: "Node | None") -> str:
    """Return the text of a node, "" for none."""
    return (node.text or b"").decode("utf-8", "replace").strip() if node is not None else ""


def _go(result: "Node | None") -> str:
    """`*new(T)` is the zero value of any type."""
    if result is None:
        return "{ }"
    types = []
    for part in result.named_children if result.type == "parameter_list" else [result]:
        kind = part.child_by_field_name("type") if part.type == "parameter_declaration" else part
        names = part.children_by_field_name("name") if part.type == "parameter_declaration" else []
        types += [_text_of(kind)] * max(len(names), 1)
    return f"{{ return {', '.join(f'*new({kind})' for kind in types)} }}"


def _rust(kind: str, text: str) -> str:
    """Return a body with the default of its type, "" where the type may have none."""
    if not kind:
        return "{ }"
    result = RUST_RESULT.fullmatch(kind)
    inner = _first(result[1]) if result else kind
    derived = re.search(
        rf"derive\([^)]*\bDefault\b[^)]*\)\][^{{;]*\bstruct {re.escape(inner)}\b", text
    )
    if not (RUST_EMPTY.fullmatch(inner) or derived):
        return ""
    return "{ Ok(Default::default()) }" if result else "{ Default::default() }"


def _first(kinds: str) -> str:
    """Return the first of some types, which may have others in them."""
    depth = 0
    for at, letter in enumerate(kinds):
        depth += (letter in "<([") - (letter in ">)]")
        if letter == "," and depth == 0:
            return kinds[:at].strip()
    return kinds.strip()


def _java(kind: str) -> str:
    """Return a body with nothing, zero or null, as the type wants it."""
    if kind in ("", "void"):
        return "{ }" if kind else ""
    value = "0" if kind in JAVA_NUMBERS else "false" if kind == "boolean" else "null"
    return f"{{ return {value}; }}"


def without_idle_imports(text: str) -> str:
    """Go's text with imports that nothing uses any more taken in for their own sake: else it
    could not be built."""

    def idle(found: re.Match[str]) -> str:
        parts = [part for part in found[2].split("/") if not VERSION.match(part)]
        name = re.sub(r"\.v\d+\Z", "", (parts or [found[2]])[-1])
        return (
            found[0] if re.search(rf"\b{re.escape(name)}\.", text) else f'{found[1]}_ "{found[2]}"'
        )

    return GO_IMPORT.sub(idle, text)
