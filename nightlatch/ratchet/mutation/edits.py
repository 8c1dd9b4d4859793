"""Spans of a text that are replaced, where the text must stay well-formed."""

import ast
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from nightlatch.ratchet.languages.tokenizer import faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Replace what lies from offset `at` to `end`; `place` is the function around it, `line`
    counts from 1."""

    at: int
    end: int
    text: str
    says: str = ""
    place: str = ""
    line: int = 0


def applied(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with all edits made; of two that overlap the first one by offset."""
    parts, at = [], 0
    for edit in sorted(edits, key=lambda e: (e.at, e.end)):
        if edit.at >= at:
            parts += [text[at : edit.at], edit.text]
            at = edit.end
    return "".join([*parts, text[at:]])


def python(text: str) -> ast.Module | None:
    """Return the syntax tree; None where this Python cannot read it."""
    with warnings.catch_warnings():
        # a strange escape in somebody's file is no news for the terminal
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def parses(path: str, text: str, beside: str = "") -> bool:
    """Is it syntactically right, as far as its grammar can tell, or no worse than the text that
    it was made from?"""
    return (
        python(text) is not None
        if path.endswith(".py")
        else faults(text, path) <= faults(beside, path)
    )


class Python:
    """Python source whose nodes have offsets."""

    def __init__(self, text: str) -> None:
        self.text, self.tree = text, python(text)
        self.lines = text.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a position as ast gives it: line from 1, column in bytes."""
        before = self.lines[line - 1].encode("utf-8", "surrogatepass")[:column]
        return self.starts[line - 1] + len(before.decode("utf-8", "replace"))

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        """Return the offsets of a node: its first character and the one behind its last."""
        return self.offset(node.lineno, node.col_offset), self.offset(
            node.end_lineno or 0, node.end_col_offset or 0
        )

    def of(self, node: ast.expr | ast.stmt) -> str:
        """Return the text of a node."""
        at, end = self.span(node)
        return self.text[at:end]


def longer(literal: str, more: str = "X") -> str:
    """Return a string literal, quotes and all, with something at its end."""
    quote = literal[-3:] if len(literal) >= 6 and literal[-3:] in {'"""', "'''"} else literal[-1:]
    return f"{literal[: -len(quote)]}{more}{quote}"
