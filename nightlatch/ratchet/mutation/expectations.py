"""Test files that expect something else: whoever still passes them compares nothing, or knew
the answer from the test."""

import ast
import re
from collections.abc import Iterator

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
    """The same file with every literal on an expected side changed, well-formed still; None
    where there is nothing to change."""
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
    """Golden text of the same shape: other digits, or else other words."""
    other = re.sub(r"\d", lambda found: str(int(found[0]) % 9 + 1), text)
    return other if other != text else WORD.sub(r"\g<0>X", text)


def _python(text: str) -> Iterator[Edit]:
    source = Python(text)
    for node in ast.walk(source.tree) if source.tree else ():
        for side in _sides(node):
            for literal in _literals(side):
                at, end = source.span(literal)
                yield Edit(at=at, end=end, text=_other(literal, text[at:end]))


def _sides(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions below a node that say what is expected."""
    match node:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
            yield from [side for side in (right, left) if _states(side)][:1]
        case ast.Compare(left=left, ops=[ast.In()], comparators=[right]):
            yield from [side for side in (left, right) if _states(side)][:1]
        case ast.Call(
            func=ast.Attribute(attr=name) | ast.Name(id=name), args=[first, second, *_]
        ) if PY_CALL.fullmatch(name):
            yield from [side for side in (second, first) if _states(side)][:1]
        case ast.Call(
            func=ast.Attribute(attr="parametrize"),
            args=[ast.Constant(value=str() as names), rows, *_],
        ):
            yield from _rows(re.split(r"[\s,]+", names.strip()), rows)
        case ast.Call(
            func=ast.Attribute(attr="parametrize"),
            args=[ast.List(elts=names) | ast.Tuple(elts=names), rows, *_],
        ):
            yield from _rows(
                [str(name.value) for name in names if isinstance(name, ast.Constant)], rows
            )
        case ast.Call(func=ast.Attribute(attr="approx") | ast.Name(id="approx"), args=[first, *_]):
            yield first
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.keyword(arg=str() as name, value=value)
        ):
            if NAMED.search(name) or (isinstance(node, ast.keyword) and name == "match"):
                yield value


def _states(side: ast.expr) -> bool:
    """Is a value stated here? It holds a literal, and nothing is called but what makes values."""
    calls = [node.func for node in ast.walk(side) if isinstance(node, ast.Call)]
    names = [
        func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls
    ]
    return any(_literals(side)) and all(name[:1].isupper() or name in MAKERS for name in names)


def _rows(names: list[str], rows: ast.expr) -> Iterator[ast.expr]:
    """In rows of parameters: those that are named like an expectation, else the last."""
    places = [i for i, name in enumerate(names) if NAMED.search(name)] or [len(names) - 1]
    for row in rows.elts if isinstance(rows, (ast.List, ast.Tuple)) and len(names) > 1 else ():
        cells = (
            row.args
            if isinstance(row, ast.Call)
            else row.elts
            if isinstance(row, (ast.Tuple, ast.List))
            else []
        )
        yield from (cells[i] for i in places if i < len(cells))


def _literals(side: ast.expr) -> Iterator[ast.Constant]:
    ahead: list[ast.AST] = [side]
    while ahead:
        node = ahead.pop()
        if isinstance(node, ast.Constant) and node.value is not ...:
            yield node
        elif not isinstance(node, (ast.JoinedStr, ast.Subscript)):
            ahead += ast.iter_child_nodes(node)


def _other(literal: ast.Constant, text: str) -> str:
    match literal.value:
        case None:
            return "..."
        case bool() as value:
            return str(not value)
        case int() | float() | complex() as value:
            return repr(2 * value + 1)
    return longer(text, "1" if text[-2:-1].isdigit() else "X")


def _code(text: str, path: str) -> Iterator[Edit]:
    lang, found = language(path), code(tokens(text, path))
    pairs = brackets(found)
    for at, end in _spans(found, dict(pairs), lang):
        for i in range(at, min(end, len(found))):
            field = (
                lang == "js"
                and found[i - 1].text in {"{", ","}
                and "".join(t.text for t in found[i + 1 : i + 2]) == ":"
            )
            new = "" if field or (lang != "js" and found[i].text[0] == "'") else _changed(found[i])
            if new:
                yield Edit(at=found[i].at, end=found[i].at + len(found[i].text), text=new)


def _spans(found: tuple[Token, ...], pairs: dict[int, int], lang: str) -> Iterator[tuple[int, int]]:
    """First token and the one behind the last, of what is expected."""
    for i, token in enumerate(found):
        word, called = (
            token.text,
            i + 1 + (lang == "rust" and "".join(t.text for t in found[i + 1 : i + 2]) == "!"),
        )
        if token.kind == "name" and called in pairs and found[called].text == "(":
            cells = list(_cells(found, pairs, called))
            if lang == "js" and FIRST.fullmatch(word):
                yield from cells[:1]
            elif lang != "go" and SECOND.fullmatch(word):
                yield from cells[1:2]
            elif lang == "go" and GO_CALL.fullmatch(word):
                yield from cells[1:]
            elif lang == "js" and word == "each" and found[called + 1].text == "[":
                rows = (
                    first
                    for first, _ in _cells(found, pairs, called + 1)
                    if found[first].text == "["
                )
                yield from (
                    list(_cells(found, pairs, row))[-1]
                    for row in rows
                    if row in pairs and pairs[row] > row + 1
                )
        elif word == ":" and i and NAMED.search(found[i - 1].text):
            yield i + 1, _until(found, pairs, i + 1)
        elif lang != "js" and word in {"==", "!="} and i + 1 < len(found):
            yield i + 1, i + 2 + (found[i + 1].text == "-")
        elif lang == "go" and word == "{" and i in pairs and found[i - 1].text in {"{", ","}:
            yield from list(_cells(found, pairs, i))[-1:]


def _cells(
    found: tuple[Token, ...], pairs: dict[int, int], opening: int
) -> Iterator[tuple[int, int]]:
    """What the commas between two brackets part."""
    at = opening + 1
    while at < pairs[opening]:
        end = _until(found, pairs, at)
        yield at, end
        at = end + 1


def _until(found: tuple[Token, ...], pairs: dict[int, int], at: int) -> int:
    """The next comma or closing bracket at this depth."""
    while at < len(found) and found[at].text not in {",", ")", "]", "}", ";"}:
        at = pairs.get(at, at) + 1
    return min(at, len(found))


def _changed(token: Token) -> str:
    """Another literal of the same type; "" for what is none."""
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
