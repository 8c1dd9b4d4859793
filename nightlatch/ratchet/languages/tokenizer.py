"""Source text in JavaScript, TypeScript, Go and Rust as the tokens of its grammar, with all
that lies between them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nightlatch.ratchet.languages import grammar

LANGUAGES = {"javascript": "js", "go": "go", "rust": "rust"}
KINDS = {
    "string": "string",
    "interpreted_string_literal": "string",
    "raw_string_literal": "string",
    "rune_literal": "string",
    "string_literal": "string",
    "char_literal": "string",
    "template_string": "template",
    "regex": "regex",
    "lifetime": "lifetime",
    "number": "number",
    "int_literal": "number",
    "float_literal": "number",
    "imaginary_literal": "number",
    "integer_literal": "number",
    "jsx_text": "markup",
}
NAME = re.compile(r"[#$@]?[^\W\d][\w$]*\Z|\$\Z")
ASIDE = frozenset({"space", "comment"})
OPEN = {"(": ")", "[": "]", "{": "}"}
MOST_KEPT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """kind: space, comment, string, template, regex, lifetime, number, markup, name or op; `at`
    is the offset of its first character."""

    kind: str
    text: str
    at: int


def language(path: str) -> str:
    """js (TypeScript too), go or rust; "" where this module knows nothing of a file."""
    found = grammar.language_of(path)
    return LANGUAGES.get(found.name, "") if found else ""


# Several layers ask for the same file one after another.
@lru_cache(maxsize=MOST_KEPT)
def tokens(text: str, path: str) -> tuple[Token, ...]:
    """Return all of the text, in order, in the language of a path; what its grammar cannot read
    comes as single characters."""
    found = grammar.language_of(path)
    return tuple(_tokens_and_gaps(text, path, found)) if found else ()


def _tokens_and_gaps(text: str, path: str, found: grammar.Language) -> Iterator[Token]:
    """Yield the leaves of the tree as tokens, with what lies between them."""
    source = text.encode("utf-8", "surrogatepass")
    # `at` counts characters and `before` bytes: the grammar knows bytes, and edits cut the text.
    at, before = 0, 0
    for leaf in grammar.leaves(
        grammar.tree(path, source, found), source, found.grammar.atoms | {"lifetime"}, comments=True
    ):
        start, end = leaf.at, leaf.at + len(leaf.text.encode("utf-8", "surrogatepass"))
        for token in _between(source[before:start].decode("utf-8", "surrogatepass"), at):
            yield token
            at += len(token.text)
        kind = (
            "comment"
            if "comment" in leaf.kind
            else KINDS.get(leaf.kind) or ("name" if NAME.match(leaf.text) else "op")
        )
        yield Token(kind=kind, text=leaf.text, at=at)
        at, before = at + len(leaf.text), end
    yield from _between(source[before:].decode("utf-8", "surrogatepass"), at)


def _between(text: str, at: int) -> Iterator[Token]:
    """Yield spaces, and what the grammar left out."""
    for found in re.finditer(r"\s+|\S", text):
        yield Token(
            kind="space" if found[0].isspace() else "op", text=found[0], at=at + found.start()
        )


@lru_cache(maxsize=MOST_KEPT)
def faults(text: str, path: str) -> int:
    """In how many places its grammar cannot read a text."""
    found = grammar.language_of(path)
    return (
        len(grammar.faults(grammar.tree(path, text.encode("utf-8", "surrogatepass"), found)))
        if found
        else 0
    )


def code(found: Sequence[Token]) -> tuple[Token, ...]:
    """Without spaces and comments."""
    return tuple(token for token in found if token.kind not in ASIDE)


def brackets(found: Sequence[Token]) -> Mapping[int, int]:
    """Return index of each opening bracket to that of its closing one; a bracket without partner
    is left out."""
    pairs, waiting = {}, list[tuple[str, int]]()
    for i, token in enumerate(found):
        # A bracket in a text or a comment opens nothing.
        if token.kind != "op":
            continue
        if token.text in OPEN:
            waiting.append((OPEN[token.text], i))
        elif waiting and token.text == waiting[-1][0]:
            pairs[waiting.pop()[1]] = i
    return pairs
