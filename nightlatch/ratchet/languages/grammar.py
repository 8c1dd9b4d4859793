"""Source text as its grammar reads it: one data file a language, one parser for all of them.

The grammars and their data are part of the installed package: they are found once, like modules,
and never change while a program runs.
"""

import importlib
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from nightlatch import data
from nightlatch.ratchet.model import EXACT, PARTLY, VAGUE
from nightlatch.util.globs import matcher

if TYPE_CHECKING:
    from tree_sitter import Node, Query, Tree, TreeCursor

OPEN = {
    "(": ")",
    "[": "]",
    "{": "}",
    "#{": "}",
    "${": "}",
    "#[": "]",
    "[[": "]]",
    "%{": "}",
    "%w(": ")",
}
FILL = "_"
# Folders in which no runner looks: a test that moves there is a test that is gone.
NEVER_RUN = re.compile(
    r"(?:^|/)(?:node_modules|bower_components|vendor|third_party|dist|build|target|out"
    r"|coverage|obj|testdata|__pycache__|__fixtures__"
    r"|fixtures|disabled|_?old|archived?|attic|\.[^/]+)/"
)
Span = tuple[int, int]

# A language is one file here; `ranks` says how exact its matchers are.
DATA = "ratchet/languages/data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """Files by which runners of a language are told what to run: what narrows that, and what
    names tests or where they lie."""

    files: tuple[str, ...]
    narrows: re.Pattern[str]
    names: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """How a text is read: by which function of which module, "" where none reads the language.

    `variants` give another function for some endings. `query` finds what counts in a tree. `atoms`
    are node types that count as one token, `stub` is a body that does nothing. `rewrite` turns what
    the grammar does not know into something of the same length that it does.
    """

    module: str
    function: str
    query: str
    atoms: frozenset[str]
    variants: Mapping[str, str] = field(default_factory=dict)
    stub: str = ""
    rewrite: tuple[tuple[re.Pattern[str], str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """How the frameworks of a language assert: rules by the words at the head of a call, what
    its matchers are worth, and what limits a value, with -1 where less is looser."""

    rules: tuple[Mapping[str, Any], ...] = ()
    ranks: Mapping[str, int] = field(default_factory=dict)
    limits: tuple[tuple[str, re.Pattern[str], int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language, as its data file says.

    `files` are patterns of paths that hold tests by custom, `collected` those that the runners of
    the language take by themselves. `words` are regular expressions over tokens that are parted by
    one space.
    """

    name: str
    title: str
    frameworks: str
    endings: tuple[str, ...]
    files: tuple[str, ...]
    collected: tuple[str, ...]
    grammar: Grammar
    claims: Claims
    words: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    select: Select | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A leaf of the tree: the type of its node, its text, and where its first byte stands."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """One text, its tokens without comments, and what its language's query finds in it, as
    spans of tokens."""

    language: Language
    text: str
    source: bytes
    tokens: Sequence[Token]
    starts: Sequence[int]
    pairs: Mapping[int, int]
    finds: Sequence[Mapping[str, Sequence["Node"]]]
    faults: Sequence[Span]
    breaks: Sequence[int]

    def span(self, node: "Node") -> Span:
        """Return a node as the tokens in it."""
        return bisect_left(self.starts, node.start_byte), bisect_left(self.starts, node.end_byte)

    def words(self, start: int, end: int) -> str:
        """Return the tokens between two of them, with a space between each."""
        return " ".join(token.text for token in self.tokens[start:end])

    def word(self, at: int) -> str:
        """Return the text of a token, "" where there is none."""
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def line(self, at: int) -> int:
        """Return the line of a token, counted from 1."""
        return bisect_left(self.breaks, self.starts[at]) + 1 if at < len(self.starts) else 1

    def parts(self, start: int, end: int) -> list[Span]:
        """Return what stands between the commas of a bracket."""
        cuts, at = [start], start
        while at < end:
            if self.tokens[at].text == ",":
                cuts.append(at + 1)
            at = max(self.pairs.get(at, at), at) + 1
        return [
            (a, b) for a, b in zip(cuts, [*(c - 1 for c in cuts[1:]), end], strict=True) if a < b
        ]

    def hits(self, name: str, start: int, end: int) -> Iterator[tuple[int, re.Match[str]]]:
        """Yield the first token of each place where a pattern of the language is found, and the
        match."""
        pattern = self.language.words.get(name)
        if pattern is None or start >= end:
            return
        offsets, at = [], 0
        for token in self.tokens[start:end]:
            offsets.append(at)
            at += len(token.text) + 1
        for found in pattern.finditer(self.words(start, end)):
            yield start + max(bisect_left(offsets, found.start() + 1) - 1, 0), found


@cache
def languages() -> Mapping[str, Language]:
    """Return every language by its name, from its data file."""
    ranks = data.table(DATA, "ranks.toml")
    names = (name for name in data.names(DATA, ".toml") if name != "ranks")
    return {name: _language(data.table(DATA, f"{name}.toml"), ranks) for name in names}


def _language(table: Mapping[str, Any], ranks: Mapping[str, Sequence[str]]) -> Language:
    """Return a language as its data file says it."""
    return Language(
        name=table["name"],
        title=table["title"],
        frameworks=table["frameworks"],
        endings=tuple(table["endings"]),
        files=tuple(table["files"]),
        collected=tuple(table.get("collected", table["files"])),
        grammar=_grammar_from(table.get("grammar", {})),
        claims=_claims(table, ranks),
        words={
            key: re.compile(value, re.MULTILINE) for key, value in table.get("words", {}).items()
        },
        select=_select(table["select"]) if "select" in table else None,
    )


def _grammar_from(table: Mapping[str, Any]) -> Grammar:
    """Return how a language is read, from that table of its data file."""
    return Grammar(
        module=table.get("module", ""),
        function=table.get("function", "language"),
        variants=table.get("variants", {}),
        stub=table.get("stub", ""),
        query=table.get("query", ""),
        atoms=frozenset(table.get("atoms", ())),
        rewrite=tuple(
            (re.compile(r["find"], re.MULTILINE), r["as"]) for r in table.get("rewrite", ())
        ),
    )


def _claims(table: Mapping[str, Any], ranks: Mapping[str, Sequence[str]]) -> Claims:
    """Return how a language asserts; its own words go before those of all languages."""
    return Claims(
        rules=tuple({**rule, "head": re.compile(rule["head"])} for rule in table.get("claims", ())),
        ranks={
            word: rank
            for rank, key in ((EXACT, "exact"), (PARTLY, "partly"), (VAGUE, "vague"))
            for word in (*ranks[key], *table.get(key, ()))
        },
        limits=tuple(
            (limit["name"], re.compile(limit["find"]), limit.get("turn", 1))
            for limit in table.get("limits", ())
        ),
    )


def _select(data: Mapping[str, Any]) -> Select:
    """Return the files that select tests, from that table of a data file."""
    names = re.compile(data["names"], re.MULTILINE) if "names" in data else None
    return Select(
        files=tuple(data["files"]), narrows=re.compile(data["narrows"], re.MULTILINE), names=names
    )


# Asked for every file of a change, and by every layer.
@cache
def _by_ending() -> Mapping[str, Language]:
    """Return the languages by the endings of their files."""
    return {ending: language for language in languages().values() for ending in language.endings}


def language_of(path: str) -> Language | None:
    """Return the language of a file by its ending; None where no data file knows it."""
    name = path.rpartition("/")[2]
    return _by_ending().get(name.rpartition(".")[2].lower()) if "." in name else None


@cache
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Return a function that says whether a path fits one of these patterns."""
    return matcher(patterns)


def matches(patterns: tuple[str, ...], path: str) -> bool:
    """Is a path named by one of a language's patterns?"""
    return _matcher(patterns)(path)


def is_named_test(path: str) -> bool:
    """Does the path say that tests lie here, by the customs of its language?"""
    language = language_of(path)
    return language is not None and matches(language.files, path)


def collected(path: str) -> bool:
    """Would a runner of its language take this file by itself?"""
    language = language_of(path)
    if language is None or NEVER_RUN.search(path):
        return False
    # Some runners leave single names out of what their patterns take.
    never = language.words.get("never_run")
    return matches(language.collected, path) and not (never and never.search(path))


# A grammar is a library of its own: each is loaded once a process.
@cache
def _grammar(module: str, function: str) -> Any:
    """Return the grammar that a function of a module gives."""
    core = importlib.import_module("tree_sitter")
    return core.Language(getattr(importlib.import_module(module), function)())


@cache
def _query(language: str, module: str, function: str) -> "Query":
    """Return what is looked for in trees of a language, made ready for one grammar."""
    core = importlib.import_module("tree_sitter")
    found: Query = core.Query(_grammar(module, function), languages()[language].grammar.query)
    return found


def preload() -> None:
    """Load every grammar and all data: nothing of them is looked for on disk later."""
    for language in languages().values():
        for place in _places(language) if language.grammar.module else ():
            _grammar(*place)


def _places(language: Language) -> set[tuple[str, str]]:
    """Return the modules and functions of a language's grammars."""
    return {
        (language.grammar.module, language.grammar.function),
        *(_entry_point(variant) for variant in language.grammar.variants.values()),
    }


def _entry_point(variant: str) -> tuple[str, str]:
    """Return the module and the function of `module:function`."""
    module, _, function = variant.partition(":")
    return module, function


def parse(path: str, text: str, language: Language) -> Parsed:
    """Return the text as its language's grammar reads it, faults included."""
    # The library is heavy: it is loaded where a text is read, not where this module is.
    core = importlib.import_module("tree_sitter")
    source = rewritten(text, language).encode("utf-8", "surrogatepass")
    found = tree(path, source, language)
    tokens = tuple(leaves(found, source, language.grammar.atoms))
    # Places are bytes of the rewritten source, which is as long as the text: lines are found in it.
    breaks = [hit.start() for hit in re.finditer(b"\n", source)]
    query = _query(language.name, *_grammar_of(path, language))
    finds = [captures for _, captures in core.QueryCursor(query).matches(found.root_node)]
    return Parsed(
        language,
        text,
        source,
        tokens,
        [t.at for t in tokens],
        brackets(tokens),
        finds,
        faults(found),
        breaks,
    )


def _grammar_of(path: str, language: Language) -> tuple[str, str]:
    """Return the module and the function of the grammar for a path: TypeScript and its markup
    have their own."""
    variant = language.grammar.variants.get(path.rpartition(".")[2].lower())
    return (
        _entry_point(variant) if variant else (language.grammar.module, language.grammar.function)
    )


def tree(path: str, source: bytes, language: Language) -> "Tree":
    """Return the syntax tree of a text in the language of a path."""
    core = importlib.import_module("tree_sitter")
    found: Tree = core.Parser(_grammar(*_grammar_of(path, language))).parse(source)
    return found


def rewritten(text: str, language: Language) -> str:
    """Return the text with what its grammar does not know put as something that it knows, byte
    for byte as long."""
    for pattern, shape in language.grammar.rewrite:
        text = pattern.sub(lambda found, shape=shape: _filled(found, shape), text)  # type: ignore[misc]  # a default argument
    return text


def _filled(found: re.Match[str], shape: str) -> str:
    """Return what a match is replaced by, filled up to its length; the match itself where that
    is too long."""
    length = len(found[0].encode("utf-8", "surrogatepass"))
    before, mark, after = found.expand(shape).partition("<fill>")
    free = length - len((before + after).encode("utf-8", "surrogatepass"))
    return before + (FILL if "<fill>" in mark else " ") * free + after if free >= 0 else found[0]


def leaves(
    tree: "Tree", source: bytes, atoms: Iterable[str], *, comments: bool = False
) -> Iterator[Token]:
    """Yield all tokens in order, comments only where they are asked for."""
    single = frozenset(atoms)
    # A cursor and no recursion: generated code nests deeper than Python's stack.
    cursor = tree.walk()
    while True:
        node = cursor.node
        is_comment = node is not None and "comment" in node.type
        if node is not None and (comments or not is_comment):
            if is_comment or node.child_count == 0 or node.type in single:
                if token := _token(node, source):
                    yield token
            elif cursor.goto_first_child():
                continue
        if not _goes_on(cursor):
            return


def _token(node: "Node", source: bytes) -> Token | None:
    """Return a leaf as a token, None for what is nothing but space."""
    text = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
    return Token(kind=node.type, text=text, at=node.start_byte) if text.strip() else None


def _goes_on(cursor: "TreeCursor") -> bool:
    """Move to the next node that does not lie below this one, if there is one."""
    while not cursor.goto_next_sibling():
        if not cursor.goto_parent():
            return False
    return True


def brackets(tokens: Sequence[Token]) -> dict[int, int]:
    """Return index of each opening bracket to that of its closing one."""
    pairs, waiting = dict[int, int](), list[tuple[str, int]]()
    for i, token in enumerate(tokens):
        if token.text in OPEN:
            waiting.append((OPEN[token.text], i))
        elif waiting and token.text == waiting[-1][0]:
            pairs[waiting.pop()[1]] = i
    return pairs


def faults(tree: "Tree") -> tuple[Span, ...]:
    """Return where the grammar met something that it cannot read, in bytes."""
    found, waiting = list[Span](), [tree.root_node] if tree.root_node.has_error else []
    while waiting:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            found.append((node.start_byte, node.end_byte))
        # Only branches with an error in them are gone down: a sound file costs one look.
        elif node.has_error:
            waiting += node.children
    return tuple(found)
