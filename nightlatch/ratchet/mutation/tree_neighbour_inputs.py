"""The same for JavaScript, TypeScript and Go, by their grammars."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from nightlatch.ratchet.languages import grammar
from nightlatch.ratchet.mutation.neighbour_inputs import LEAST, MOST_PROBES, Probes, closed, varied

if TYPE_CHECKING:
    from tree_sitter import Node

NUMBERS = frozenset({"number", "int_literal", "float_literal"})
TEXTS = frozenset({"string", "interpreted_string_literal", "template_string"})
MATCHERS = frozenset({"toBe", "toEqual", "toStrictEqual"})
EQUALS = frozenset({"equal", "strictEqual", "deepEqual", "deepStrictEqual", "Equal", "EqualValues"})
CALLS = frozenset({"call_expression"})
SCRIPT = """
const nothing{name} = (came) => {{
  const [known, ...rest] = came;
  const empty = (one) =>
    one === null || !one[0] || (Array.isArray(one[0]) && one[0].length === 0)
    || Number.isNaN(one[0]);
  if (empty(known) || typeof known[0] === "boolean") return false;
  const told = rest.filter((one) => !empty(one)).map((one) => JSON.stringify(one[0]));
  const same = told.length === rest.length && new Set(told).size === 1
    && told[0] !== JSON.stringify(known[0]);
  return told.length === 0 || (same && told.length > 2);
}};
"""
SCRIPT_PROBE = """
{test}("{own}", async () => {{
  const came = [];
  for (const call of [{calls}]) {{
    try {{
      came.push([await call()]);
    }} catch {{
      came.push(null);
    }}
  }}
  if (nothing{name}(came)) throw new Error("{own}");
}});
"""
GO = """
func nothing{name}(came [][]any) bool {{
	empty := func(one []any) bool {{
		if len(one) == 0 || one[0] == nil {{
			return true
		}}
		if len(one) > 1 {{
			if err, bad := one[len(one)-1].(error); bad && err != nil {{
				return true
			}}
		}}
		said := fmt{name}.Sprint(one[0])
		return said == "" || said == "0" || said == "[]" || said == "map[]" || said == "<nil>"
	}}
	if empty(came[0]) {{
		return false
	}}
	if _, yes := came[0][0].(bool); yes {{
		return false
	}}
	told := map[string]int{{}}
	count := 0
	for _, one := range came[1:] {{
		if !empty(one) {{
			told[fmt{name}.Sprint(one[0])]++
			count++
		}}
	}}
	_, known := told[fmt{name}.Sprint(came[0][0])]
	return count == 0 || (count == len(came)-1 && len(told) == 1 && !known && count > 2)
}}

func pack{name}(values ...any) []any {{ return values }}

func try{name}(call func() []any) (came []any) {{
	defer func() {{
		if recover() != nil {{
			came = nil
		}}
	}}()
	return call()
}}
"""
GO_PROBE = """
func Test_{own}(t *testing.T) {{
	came := [][]any{{}}
	for _, call := range []func() []any{{{calls}}} {{
		came = append(came, try{name}(call))
	}}
	if nothing{name}(came) {{
		t.Fail()
	}}
}}
"""


def tree_probes(path: str, text: str, written: str, name: str) -> Probes | None:
    """Return a test file with probes; None where nothing in it is a sign of a table, or its
    language is not known here."""
    language = grammar.language_of(path)
    if language is None or language.name not in ("javascript", "go"):
        return None
    source = text.encode("utf-8", "surrogatepass")
    made, says = list[str](), dict[str, str]()
    for call, expected in _pairs(grammar.tree(path, source, language).root_node):
        if len(made) == MOST_PROBES:
            break
        calls = _calls_beside(call, expected, written, text)
        if len(calls) > LEAST:
            own = f"{name}_{len(made)}"
            made.append(_probe(language.name, text, name, own, calls))
            line = call.start_point[0] + 1
            says[own] = f"{path} (line {line}): {calls[0][:80]} is {_text(expected)[:40]}"
    if not made:
        return None
    return Probes(path=path, text=_with_script(language.name, text, name, made), says=says)


def _calls_beside(call: "Node", expected: "Node", written: str, text: str) -> list[str]:
    """Return the call as it is written and others beside it; none where its values are no sign
    of a table."""
    literals, words = _literals(_arguments(call)), _text(call)
    inputs = [_text(node) for node in literals]
    results = [_text(node) for node in _literals([expected])]
    # Places in a node are bytes, and those in a text are characters.
    if not words.isascii() or not closed(inputs, results, written, text):
        return []
    spans = [
        (node.start_byte - call.start_byte, node.end_byte - call.start_byte) for node in literals
    ]
    return [words, *varied(words, spans)]


def _probe(language: str, text: str, name: str, own: str, calls: Sequence[str]) -> str:
    """Return one probe: a test that tries these calls."""
    if language == "go":
        tried = ", ".join(f"func() []any {{ return pack{name}({call}) }}" for call in calls)
        return GO_PROBE.format(own=own, name=name, calls=tried)
    test = "test" if re.search(r"\btest\b\s*(?:[,}(]|from)", text) else "it"
    tried = ", ".join(f"() => {call}" for call in calls)
    return SCRIPT_PROBE.format(test=test, own=own, name=name, calls=tried)


def _with_script(language: str, text: str, name: str, made: Sequence[str]) -> str:
    """Return a test file with its probes and what they call."""
    if language != "go":
        return "".join((text, SCRIPT.format(name=name), *made))
    head = re.search(r"^package \w+[^\n]*\n", text, re.MULTILINE)
    at = head.end() if head else 0
    return "".join(
        (text[:at], f'\nimport fmt{name} "fmt"\n', text[at:], GO.format(name=name), *made)
    )


def _pairs(root: "Node") -> Iterator[tuple["Node", "Node"]]:
    """Yield (the call, what it is compared with) of every assertion of equality that a test
    makes, in their order."""
    nodes = sorted(_walk(root), key=lambda node: node.start_byte)
    named = [found for node in nodes for found in _declared(node)]

    def called(node: "Node") -> "Node | None":
        """Return the call itself, or the one that a name was last given before."""
        if node.type in CALLS:
            return node
        # A name stands for the last call that it was given above this place.
        before = [
            call
            for name, call in named
            if node.type == "identifier"
            and name == _text(node)
            and call.start_byte < node.start_byte
        ]
        return before[-1] if before else None

    for node in nodes:
        for value, expected in (*_matched(node), *_differs(node)):
            call = called(value)
            if call is not None:
                yield call, expected


def _declared(node: "Node") -> Iterator[tuple[str, "Node"]]:
    """Yield a name, and the call whose value it gets."""
    if node.type == "variable_declarator":
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    elif node.type == "short_var_declaration":
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        single = left is not None and right is not None and right.named_child_count == 1
        name, value = (
            (left.named_child(0), right.named_child(0))
            if single and left and right
            else (None, None)
        )
    else:
        return
    if name is not None and value is not None and value.type in CALLS:
        yield _text(name), value


def _differs(node: "Node") -> Iterator[tuple["Node", "Node"]]:
    """`call != x`, as Go's tests ask."""
    if node.type == "binary_expression" and _between(node) == "!=":
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None and right.type in NUMBERS | TEXTS:
            yield left, right


def _matched(node: "Node") -> Iterator[tuple["Node", "Node"]]:
    """`expect(call).toBe(x)`, `assert.equal(call, x)`, `assert.Equal(t, x, call)`."""
    parts = _owner_and_name(node)
    if parts is None:
        return
    owner, last = parts
    given = _arguments(node)
    if _text(last) in MATCHERS and owner.type in CALLS and _text(owner).startswith("expect"):
        yield from _expected(_arguments(owner), given)
    elif _text(last) in EQUALS:
        plain = [one for one in given if _is_plain(one)]
        values = [one for one in given if one not in plain and _text(one) != "t"]
        if len(values) == 1 and plain:
            yield values[0], plain[0]


def _owner_and_name(node: "Node") -> tuple["Node", "Node"] | None:
    """Of a call of a method what that belongs to, and its name."""
    function = node.child_by_field_name("function") if node.type in CALLS else None
    if function is None or function.type not in ("member_expression", "selector_expression"):
        return None
    owner, last = function.child(0), function.child(function.child_count - 1)
    return None if owner is None or last is None else (owner, last)


def _expected(inner: Sequence["Node"], given: Sequence["Node"]) -> Iterator[tuple["Node", "Node"]]:
    """Yield what `expect` is given and what its matcher is, where both are one value."""
    if len(inner) == 1 and len(given) == 1 and _is_plain(given[0]):
        yield inner[0], given[0]


def _arguments(call: "Node") -> list["Node"]:
    """Return the arguments of a call, without comments."""
    found = call.child_by_field_name("arguments")
    return (
        [child for child in found.named_children if "comment" not in child.type]
        if found is not None
        else []
    )


def _is_plain(node: "Node") -> bool:
    """Is this written down with literals alone?"""
    leaves = [*_walk(node, only=_is_leaf)]
    plain = all(
        leaf.type in NUMBERS | TEXTS or not leaf.is_named or _in_text(leaf) for leaf in leaves
    )
    return plain and any(leaf.is_named or leaf.type in TEXTS for leaf in leaves)


def _in_text(leaf: "Node") -> bool:
    """Is this a part of a text?"""
    above = leaf.parent
    return above is not None and above.type in TEXTS


def _is_leaf(node: "Node") -> bool:
    return node.child_count == 0


def _literals(nodes: Sequence["Node"]) -> list["Node"]:
    """Return the numbers and texts below these nodes, in their order."""
    kinds = NUMBERS | TEXTS
    found = [one for node in nodes for one in _walk(node) if one.type in kinds]
    return sorted(found, key=lambda one: one.start_byte)


def _between(node: "Node") -> str:
    """Return the operator of an expression."""
    operator = node.child_by_field_name("operator")
    return _text(operator) if operator is not None else ""


def _walk(node: "Node", only: Callable[["Node"], bool] = lambda _node: True) -> Iterator["Node"]:
    """Yield a node and all below it."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if only(here):
            yield here
        waiting += here.children


def _text(node: "Node") -> str:
    """Return the text of a node."""
    return (node.text or b"").decode("utf-8", "replace")
