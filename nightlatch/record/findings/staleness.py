"""Does a finding still hold for the code it cites?

Asked of the code, never of an agent: pure over texts and ids that are handed in.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import TypeAlias
from zlib import crc32

from nightlatch.record.findings.findings import Cite

Symbol: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Lines: TypeAlias = tuple[int, int]
BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
MOST_SOURCE = 1_000_000
STRING = "|".join(
    (
        r"'''(?s:\\.|[^\\])*?'''",
        r'"""(?s:\\.|[^\\])*?"""',
        r"'(?:\\(?s:.)|[^'\\\n])*'",
        r'"(?:\\(?s:.)|[^"\\\n])*"',
    )
)
TOKEN = re.compile(rf"\n|([(\[{{])|([)\]}}])|#[^\n]*|\\\r?\n|{STRING}")
BEGINS = re.compile(r"([ \t]*)(?:(@)|(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|[^\s#])")
CHANGED = "the code that it cites has changed since"


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A file as it is now; what is found out about it is found out once, however many findings
    cite it."""

    path: str
    oid: str
    data: bytes

    @cached_property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def python(self) -> bool:
        return self.path.endswith(".py") and len(self.data) < MOST_SOURCE

    @cached_property
    def code_lines(self) -> list[tuple[int, int, str]]:
        """(number, depth, words) of every line that is not blank; only in Python is the depth
        part of what a line says."""
        return [
            (n, depth(line) if self.python else 0, " ".join(line.split()))
            for n, line in enumerate(self.lines, 1)
            if line.strip()
        ]

    @cached_property
    def starts(self) -> dict[str, list[int]]:
        """Where among those a cited block may begin, by the mark of its first line."""
        found: dict[str, list[int]] = {}
        for place, (_, _, words) in enumerate(self.code_lines):
            found.setdefault(self.mark(0, words), []).append(place)
        return found

    def mark(self, below: int, words: str) -> str:
        """Return six hex digits for a line whatever its spacing; in Python how far below the
        block's first line it stands is part of it."""
        # Elsewhere a formatter may indent as it likes; in Python it is another block then.
        text = f"{below} {words}" if self.python else words
        return f"{crc32(text.encode('utf-8', 'replace')) & 0xFFFFFF:06x}"

    def places(self, wanted: list[str]) -> Iterator[Lines]:
        """Yield wherever lines with these marks stand one after the other: first and last line."""
        for at in self.starts.get(wanted[0], ()) if wanted else ():
            block = self.code_lines[at : at + len(wanted)]
            marks = [self.mark(deep - block[0][1], words) for _, deep, words in block]
            if marks == wanted:
                yield block[0][0], block[-1][0]

    def gone(self, wanted: list[str]) -> int:
        """Return how many of these lines are nowhere in the file, at whatever depth the block may
        stand now."""
        bases = {deep for _, deep, _ in self.code_lines}
        return min(
            (len([each for each in wanted if each not in self.marks(base)]) for base in bases),
            default=len(wanted),
        )

    def marks(self, base: int) -> set[str]:
        if base not in self._marks:
            self._marks[base] = {
                self.mark(deep - base, words) for _, deep, words in self.code_lines
            }
        return self._marks[base]

    @cached_property
    def _marks(self) -> dict[int, set[str]]:
        return {}

    @cached_property
    def symbols(self) -> dict[str, Lines]:
        """First and last line of every function and class, decorators included, by its dotted
        name."""
        return dict(outline(self.text)) if self.python else {}

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {}

    def syntax(self, symbol: str) -> str:
        """Return a digest of what a symbol, or the module, does; "" where there is no such thing.

        No more than that is parsed.
        """
        if self.python and symbol not in self._digests and (not symbol or symbol in self.symbols):
            # Parsing is what costs here, and one function is a hundredth of most files.
            self._digests[symbol] = digest(self.source(symbol), whole=not symbol)
        return self._digests.get(symbol, "")

    def source(self, symbol: str) -> str:
        """Return the text of a symbol, below a line that makes room for its depth; of the module
        without one."""
        first, last = self.symbols[symbol] if symbol else (1, None)
        text = self.text.split("\n")[first - 1 : last]
        return "\n".join(["if True:"] * bool(symbol and depth(text[0])) + text)

    def symbol_at(self, lines: Lines | None) -> str:
        """Return the innermost function or class that holds these lines, as `Class.method`; "" for
        the module."""
        spans = self.symbols.items() if lines else ()
        held = (
            name
            for name, (first, last) in spans
            if lines and first <= lines[0] and lines[1] <= last
        )
        return max(held, key=lambda name: name.count("."), default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How a cite stands: fresh, or stale with the share of its lines that are gone.

    `path` and `lines` are where it is now.

    `lost`: an evidence file changed or is gone; `orphaned`: there is no such file any more.
    `commit` did it, where that was looked for.
    """

    fresh: bool
    path: str
    lines: Lines | None = None
    share: float = 0.0
    orphaned: bool = False
    lost: bool = False
    commit: str = ""

    @property
    def summary(self) -> str:
        where = f"{self.path}:{self.lines[0]}-{self.lines[1]}" if self.lines else self.path
        if self.fresh:
            return f"fresh, {where}" if where else ""
        by = f" by {self.commit[:9]}" if self.commit else ""
        if self.orphaned:
            return f"{where} is gone{by}"
        if self.lost:
            return f"{where} is another file now{by}"
        return f"{where} has {self.share:.0%} of its lines changed{by}"


def anchor(cite: Cite, blob: Blob, commit: str) -> Cite:
    """Return a cite with all that is needed to find its code again."""
    text = ""
    if cite.lines:
        cited = [
            (deep, words)
            for number, deep, words in blob.code_lines
            if cite.lines[0] <= number <= cite.lines[1]
        ]
        text = " ".join(blob.mark(deep - cited[0][0], words) for deep, words in cited)
    symbol = blob.symbol_at(cite.lines)
    return replace(
        cite, commit=commit, blob=blob.oid, text=text, symbol=symbol, syntax=blob.syntax(symbol)
    )


def judge(cite: Cite, blob: Blob | None) -> Freshness:
    """Return the cheapest answer first: same blob, cited text anywhere in the file, same syntax
    tree, else stale."""
    if blob is None:
        return Freshness(fresh=False, path=cite.path, lines=cite.lines, share=1.0, orphaned=True)
    if blob.oid == cite.blob:
        return Freshness(fresh=True, path=blob.path, lines=cite.lines)
    wanted = cite.text.split()
    places = [*blob.places(wanted)]
    # The same words in another function are other code.
    if places and cite.symbol in blob.symbols:
        places = [place for place in places if blob.symbol_at(place).startswith(cite.symbol)]
    if places:
        near = cite.lines[0] if cite.lines else 1
        nearest = min(places, key=lambda place: abs(place[0] - near))
        return Freshness(fresh=True, path=blob.path, lines=nearest)
    # A comment that was reworded, or a line that was broken, changes nothing that the code does.
    if cite.syntax and cite.syntax == blob.syntax(cite.symbol):
        return Freshness(fresh=True, path=blob.path, lines=cite.lines)
    # At least one line: marks may all be there, only not one after the other.
    share = max(blob.gone(wanted), 1) / len(wanted) if wanted else 1.0
    return Freshness(fresh=False, path=blob.path, lines=cite.lines, share=share)


def depth(line: str) -> int:
    flat = line.expandtabs()
    return len(flat) - len(flat.lstrip())


def outline(text: str) -> Iterator[tuple[str, Lines]]:
    """Yield every function and class of a Python source by its dotted name, without parsing it: a
    block lasts until code stands no deeper."""
    # By a scanner and not by `ast`: to parse every cited file took more than half of the time that
    # 5,000 findings take.
    opened: list[tuple[str, int, int]] = []
    decorated, last = 0, 0
    for number, end, (indent, decorator, name) in statements(text):
        deep = len(indent.expandtabs())
        while opened and opened[-1][1] >= deep:
            yield named(opened), (opened.pop()[2], last)
        if name:
            opened.append((name, deep, decorated or number))
        decorated = (decorated or number) if decorator else 0
        last = end
    while opened:
        yield named(opened), (opened.pop()[2], last)


def named(opened: list[tuple[str, int, int]]) -> str:
    return ".".join(name for name, _, _ in opened)


def statements(text: str) -> Iterator[tuple[int, int, tuple[str, str, str]]]:
    """Yield first and last line of each logical line, and how it begins; what stands in strings and
    brackets begins none."""
    number = 1
    within = 0
    began = 1
    begins = BEGINS.match(text)
    for token in TOKEN.finditer(text):
        if token[0] != "\n":
            number += token[0].count("\n")
            within = max(0, within + bool(token[1]) - bool(token[2]))
            continue
        if not within:
            if begins:
                yield began, number, begins.groups("")  # type: ignore[misc]  # three of them
            began, begins = number + 1, BEGINS.match(text, token.end())
        number += 1
    if begins:
        yield began, number, begins.groups("")  # type: ignore[misc]  # three of them


def digest(source: str, *, whole: bool) -> str:
    """Of the syntax tree of a module, or of the function or class that a source holds, without
    docstrings; "" where it has none."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    root = tree if whole else next(below(tree), None)
    if root is None:
        return ""
    for node in (root, *below(root)):
        if node.body and ast.get_docstring(node, clean=False) is not None:
            # What is nothing but its docstring does what `pass` does.
            node.body = node.body[1:] or [ast.Pass()]
    return sha256(ast.dump(root).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def below(node: ast.AST) -> Iterator[Symbol]:
    """Yield every function and class below a node; they stand among statements only."""
    for child in (each for name in BLOCKS for each in getattr(node, name, ())):
        if isinstance(child, Symbol):
            yield child
        yield from below(child)
