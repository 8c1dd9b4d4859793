"""Test files that expect something else: whoever still passes them compares nothing, or knew
the answer from the test."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nightlatch.ratchet.languages.tokenizer import Token, brackets, code, language, tokens
from nightlatch.ratchet.mutation.edits import Edit, Python, applied, longer, parses

KEPT = re.compile(
    r"(?:^|/)(?:goldens?|__snapshots__|snapshots?|testdata|approved|expected)/|\.(?:snap"
    r"|golden)$|\.approved\.\w+$"
)
NAMED = re.compile(
    r"(?:^|_)(?:expect|expected|exp|want|wanted|result|results|output|answer)(?:_|$)", re.IGNORECASE
)
WORD = re.compile(r"\b(?!true\b|false\b|null\b|exports\b)[A-Za-z]{4,}\b")
MAKERS = frozenset(
    {
        "approx",
        "set",
        "frozenset",
        "tuple",
        "list",
        "dict",
        "bytes",
        "bytearray",
        "date",
        "datetime",
        "timedelta",
        "time",
    }
)
PY_CALL = re.compile(
    r"assert(?:\w*Equals?|Is|In|Regex|CountEqual|\w*Almost\w*)|assert_(?:\w*equal\w*|allclose\w*)"
)
SECOND = re.compile(
    r"(?:not)?(?:deep|strict|deepStrict|loose)?equal|match|throws|rejects|assert_(?:eq|ne)",
    re.IGNORECASE,
)
FIRST = re.compile(
    r"to(?:Be|Equal|StrictEqual|BeCloseTo|HaveLength|Contain|ContainEqual|Match|MatchObject"
    r"|Throw|ThrowError|HaveProperty)"
)
GO_CALL = re.compile(
    r"(?:Not)?(?:Equal|EqualValues|Exactly|Len|Contains|ErrorContains|EqualError"
    r"|ElementsMatch|InDelta)"
)


def other_expectations(path: str, text: str) -> str | None:
    """Return the same file with every literal on an expected side changed, well-formed still;
    None where there is nothing to change."""
    if KEPT.search(path):
        changed = _kept(text)
    elif path.endswith(".py"):
        changed = applied(text, _python(text))
    else:
        changed = applied(text, _code(text, path)) if language(path) else text
    return (
        changed if changed != text and (KEPT.search(path) or parses(path, changed, text)) else None
    )


def _kept(text: str) -> str:
    """Return golden text of the same shape: other digits, or else other words."""
    # Of the same length and shape, so that only the values differ.
    other = re.sub(r"\d", lambda found: str(int(found[0]) % 9 + 1), text)
    return other if other != text else WORD.sub(r"\g<0>X", text)


def _python(text: str) -> Iterator[Edit]:
    """Yield another literal for each on an expected side."""
    source = Python(text)
    for node in ast.walk(source.tree) if source.tree else ():
        for side in _sides(node):
            for literal in _literals(side):
                at, end = source.span(literal)
                yield Edit(at=at, end=end, text=_other(literal, text[at:end]))


def _sides(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions below a node that say what is expected."""
    match node:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
            yield from _first_stated(right, left)
        case ast.Compare(left=left, ops=[ast.In()], comparators=[right]):
            yield from _first_stated(left, right)
        case ast.Call(
            func=ast.Attribute(attr=name) | ast.Name(id=name), args=[first, second, *_]
        ) if PY_CALL.fullmatch(name):
            yield from _first_stated(second, first)
        case ast.Call(func=ast.Attribute(attr="parametrize"), args=[names, rows, *_]):
            yield from _rows(_names(names), rows)
        case ast.Call(func=ast.Attribute(attr="approx") | ast.Name(id="approx"), args=[first, *_]):
            yield first
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if NAMED.search(name):
            yield value
        case ast.keyword(arg=str() as name, value=value) if name == "match" or NAMED.search(name):
            yield value


def _first_stated(*sides: ast.expr) -> list[ast.expr]:
    """Return the first of these that states a value, if any does: the other one is looked at."""
    return [side for side in sides if _states(side)][:1]


def _names(names: ast.expr) -> list[str]:
    """Return the names of parameters, as one text or as a list of texts; none where it is
    neither."""
    match names:
        case ast.Constant(value=str() as words):
            return re.split(r"[\s,]+", words.strip())
        case ast.List(elts=elts) | ast.Tuple(elts=elts):
            return [str(name.value) for name in elts if isinstance(name, ast.Constant)]
    return []


def _states(side: ast.expr) -> bool:
    """Is a value stated here? It holds a literal, and nothing is called but what makes values."""
    calls = [node.func for node in ast.walk(side) if isinstance(node, ast.Call)]
    names = [
        func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls
    ]
    return any(_literals(side)) and all(name[:1].isupper() or name in MAKERS for name in names)


def _rows(names: list[str], rows: ast.expr) -> Iterator[ast.expr]:
    """In rows of parameters: those that are named like an expectation, else the last."""
    # A single parameter is what is asked.
    if len(names) < 2 or not isinstance(rows, (ast.List, ast.Tuple)):
        return
    places = [i for i, name in enumerate(names) if NAMED.search(name)] or [len(names) - 1]
    for row in rows.elts:
        cells = _cells_of_row(row)
        yield from (cells[i] for i in places if i < len(cells))


def _cells_of_row(row: ast.expr) -> list[ast.expr]:
    """Return the values of one row; `pytest.param` has them as its arguments."""
    if isinstance(row, ast.Call):
        return row.args
    return row.elts if isinstance(row, (ast.Tuple, ast.List)) else []


def _literals(side: ast.expr) -> Iterator[ast.Constant]:
    """Yield the literals in an expression, those in an f-string or an index aside."""
    ahead: list[ast.AST] = [side]
    while ahead:
        node = ahead.pop()
        if isinstance(node, ast.Constant) and node.value is not ...:
            yield node
        elif not isinstance(node, (ast.JoinedStr, ast.Subscript)):
            ahead += ast.iter_child_nodes(node)


def _other(literal: ast.Constant, text: str) -> str:
    """Return another literal of the same type."""
    match literal.value:
        case None:
            return "..."
        case bool() as value:
            return str(not value)
        case int() | float() | complex() as value:
            return repr(2 * value + 1)
    return longer(text, "1" if text[-2:-1].isdigit() else "X")


def _code(text: str, path: str) -> Iterator[Edit]:
    """Yield another literal for each on an expected side, in a language that has tokens here."""
    lang, found = language(path), code(tokens(text, path))
    for at, end in _spans(_Code(lang, found, dict(brackets(found)))):
        for i in range(at, min(end, len(found))):
            token = found[i]
            is_field = (
                lang == "js"
                and found[i - 1].text in {"{", ","}
                and "".join(t.text for t in found[i + 1 : i + 2]) == ":"
            )
            # 'x' is a character in Go and Rust: with one more it would not compile
            is_character = lang != "js" and token.text[0] == "'"
            new = "" if is_field or is_character else _changed(token)
            if new:
                yield Edit(at=token.at, end=token.at + len(token.text), text=new)


@dataclass(frozen=True, slots=True)
class _Code:
    """One test file as tokens, and which bracket closes which."""

    lang: str
    found: Sequence[Token]
    pairs: Mapping[int, int]

    def word(self, at: int) -> str:
        """Return the text of a token, "" behind the last one."""
        return self.found[at].text if at < len(self.found) else ""

    def cells(self, opening: int) -> list[tuple[int, int]]:
        """Return what the commas between two brackets part."""
        cells, at = [], opening + 1
        while at < self.pairs[opening]:
            end = self.until(at)
            cells.append((at, end))
            at = end + 1
        return cells

    def until(self, at: int) -> int:
        """Return the next comma or closing bracket at this depth."""
        while at < len(self.found) and self.found[at].text not in {",", ")", "]", "}", ";"}:
            at = self.pairs.get(at, at) + 1
        return min(at, len(self.found))


def _spans(source: _Code) -> Iterator[tuple[int, int]]:
    """Yield first token and the one behind the last, of what is expected."""
    for i, token in enumerate(source.found):
        # a macro of Rust has a sign between its name and its arguments
        is_macro = source.lang == "rust" and source.word(i + 1) == "!"
        opening = i + 1 + is_macro
        if token.kind == "name" and opening in source.pairs and source.word(opening) == "(":
            yield from _in_call(source, token.text, opening)
        else:
            yield from _beside_sign(source, i)


def _in_call(source: _Code, name: str, opening: int) -> Iterator[tuple[int, int]]:
    """Yield what a call expects: an argument by the place that its framework gives it."""
    is_js, is_go = source.lang == "js", source.lang == "go"
    if is_js and FIRST.fullmatch(name):
        yield from source.cells(opening)[:1]
    elif not is_go and SECOND.fullmatch(name):
        yield from source.cells(opening)[1:2]
    elif is_go and GO_CALL.fullmatch(name):
        yield from source.cells(opening)[1:]
    elif is_js and name == "each" and source.word(opening + 1) == "[":
        yield from _last_of_rows(source, opening + 1)


def _last_of_rows(source: _Code, opening: int) -> Iterator[tuple[int, int]]:
    """Yield the last value of each row in a list of rows: where tests have what they expect."""
    for row, _ in source.cells(opening):
        if source.word(row) == "[" and source.pairs.get(row, 0) > row + 1:
            yield source.cells(row)[-1]


def _beside_sign(source: _Code, i: int) -> Iterator[tuple[int, int]]:
    """Yield what is expected by the sign before it: of a field of that name, of a comparison, or
    last in a row of a table in Go."""
    sign, before = source.word(i), source.found[i - 1].text
    if sign == ":" and i and NAMED.search(before):
        yield i + 1, source.until(i + 1)
    elif source.lang != "js" and sign in {"==", "!="} and i + 1 < len(source.found):
        yield i + 1, i + 2 + (source.word(i + 1) == "-")
    elif source.lang == "go" and sign == "{" and i in source.pairs and before in {"{", ","}:
        yield from source.cells(i)[-1:]


def _changed(token: Token) -> str:
    """Return another literal of the same type; "" for what is none."""
    text = token.text
    if token.kind == "number" and (number := re.fullmatch(r"(\d+)(\.\d+)?([a-z]\w*)?", text)):
        return (
            repr(float(number[1] + number[2]) * 2 + 1)
            if number[2]
            else str(abs(int(number[1]) - 1))
        ) + (number[3] or "")
    if token.kind in {"string", "template"}:
        return longer(text) if len(text) > 1 and text[-1] in "\"'`" else ""
    if token.kind == "regex":
        return f"{text[: text.rindex('/')]}X{text[text.rindex('/') :]}"
    return {"true": "false", "false": "true", "null": "0"}.get(text, "")
