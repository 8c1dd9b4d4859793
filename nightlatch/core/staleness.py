"""Does a finding still hold for the code it cites? Asked of the code, never of an agent: pure over texts and ids that are handed in."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import TypeAlias
from zlib import crc32

from nightlatch.core.findings import Cite

Symbol: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Lines: TypeAlias = tuple[int, int]
BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
MOST_SOURCE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A file as it is now; what is found out about it is found out once, however many findings cite it."""

    path: str
    oid: str
    data: bytes

    @cached_property
    def lines(self) -> list[str]:
        return self.data.decode("utf-8", "replace").splitlines()

    @property
    def python(self) -> bool:
        return self.path.endswith(".py") and len(self.data) < MOST_SOURCE

    @cached_property
    def marked(self) -> list["Marked"]:
        """The lines that are not blank, marked: once for each depth that a cited block may have begun at."""
        bases = sorted({depth(line) for line in self.lines if line.strip()}) if self.python else [0]
        numbers = [number for number, line in enumerate(self.lines, 1) if line.strip()]
        return [Marked(numbers, [mark(self.lines[number - 1], base, python=self.python) for number in numbers]) for base in bases]

    @cached_property
    def module(self) -> ast.Module | None:
        """Its syntax tree without docstrings; None where it has none."""
        try:
            tree = ast.parse(self.data) if self.python else None
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        for node in (tree, *(symbol for _, symbol in below(tree, ""))) if tree else ():
            if node.body and ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        return tree

    @cached_property
    def symbols(self) -> dict[str, Symbol]:
        return dict(below(self.module, "")) if self.module else {}

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {}

    def syntax(self, symbol: str) -> str:
        """A digest of what a symbol, or the module, does; "" where there is no such thing."""
        node = self.symbols.get(symbol) if symbol else self.module
        if node and symbol not in self._digests:
            self._digests[symbol] = sha256(ast.dump(node).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return self._digests.get(symbol, "")

    def symbol_at(self, lines: Lines | None) -> str:
        """The innermost function or class that holds these lines, as `Class.method`; "" for the module."""
        spans = ((name, first_line(node), node.end_lineno or 0) for name, node in self.symbols.items()) if lines else ()
        held = (name for name, first, last in spans if lines and first <= lines[0] and lines[1] <= last)
        return max(held, key=lambda name: name.count("."), default="")


class Marked:
    """The marks of a file's lines, found again by any of them."""

    def __init__(self, numbers: Sequence[int], marks: Sequence[str]) -> None:
        self._numbers, self._marks = numbers, marks
        self.at: dict[str, list[int]] = {}
        for place, each in enumerate(marks):
            self.at.setdefault(each, []).append(place)

    def places(self, wanted: list[str]) -> Iterator[Lines]:
        """Wherever these lines stand one after the other: first and last line."""
        for at in self.at.get(wanted[0], ()) if wanted else ():
            if self._marks[at : at + len(wanted)] == wanted:
                yield self._numbers[at], self._numbers[at + len(wanted) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a cite stands: fresh, or stale with the share of its lines that are gone. `path` and `lines` are where it is now.

    `lost`: an evidence file changed or is gone; `orphaned`: there is no such file any more. `commit` did it, where that was looked for.
    """

    fresh: bool
    path: str
    lines: Lines | None = None
    share: float = 0.0
    orphaned: bool = False
    lost: bool = False
    commit: str = ""

    @property
    def told(self) -> str:
        where = f"{self.path}:{self.lines[0]}-{self.lines[1]}" if self.lines else self.path
        if self.fresh:
            return f"fresh, {where}" if where else ""
        by = f" by {self.commit[:9]}" if self.commit else ""
        what = "is gone" if self.orphaned else "is another file now" if self.lost else f"has {self.share:.0%} of its lines changed"
        return f"{where} {what}{by}"


def anchor(cite: Cite, blob: Blob, commit: str) -> Cite:
    """A cite with all that is needed to find its code again."""
    text = ""
    if cite.lines:
        cited = [line for line in blob.lines[cite.lines[0] - 1 : cite.lines[1]] if line.strip()]
        text = " ".join(mark(line, depth(cited[0]), python=blob.python) for line in cited)
    symbol = blob.symbol_at(cite.lines)
    return replace(cite, commit=commit, blob=blob.oid, text=text, symbol=symbol, syntax=blob.syntax(symbol))


def judge(cite: Cite, blob: Blob | None) -> Standing:
    """The cheapest answer first: same blob, cited text anywhere in the file, same syntax tree, else stale."""
    if blob is None:
        return Standing(fresh=False, path=cite.path, lines=cite.lines, share=1.0, orphaned=True)
    if blob.oid == cite.blob:
        return Standing(fresh=True, path=blob.path, lines=cite.lines)
    wanted = cite.text.split()
    places = [place for marked in blob.marked for place in marked.places(wanted)]
    if cite.symbol in blob.symbols:  # the same words in another function are other code
        places = [place for place in places if blob.symbol_at(place).startswith(cite.symbol)]
    if places:
        near = cite.lines[0] if cite.lines else 1
        return Standing(fresh=True, path=blob.path, lines=min(places, key=lambda place: abs(place[0] - near)))
    if cite.syntax and cite.syntax == blob.syntax(cite.symbol):
        return Standing(fresh=True, path=blob.path, lines=cite.lines)
    gone = min((sum(each not in marked.at for each in wanted) for marked in blob.marked), default=len(wanted))
    return Standing(fresh=False, path=blob.path, lines=cite.lines, share=max(gone, 1) / len(wanted) if wanted else 1.0)


def depth(line: str) -> int:
    flat = line.expandtabs()
    return len(flat) - len(flat.lstrip())


def mark(line: str, base: int, *, python: bool) -> str:
    """Six hex digits for a line whatever its spacing; in Python its depth, counted from `base`, is part of what it says."""
    flat = " ".join(line.split())
    return f"{crc32((f'{depth(line) - base} {flat}' if python else flat).encode('utf-8', 'replace')) & 0xFFFFFF:06x}"


def first_line(node: Symbol) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def below(node: ast.AST, prefix: str) -> Iterator[tuple[str, Symbol]]:
    """Every function and class below a node, by its dotted name; they stand among statements only."""
    for child in (each for name in BLOCKS for each in getattr(node, name, ())):
        if isinstance(child, Symbol):
            yield f"{prefix}{child.name}", child
            yield from below(child, f"{prefix}{child.name}.")
        else:
            yield from below(child, prefix)
