"""Source text in JavaScript, TypeScript, Go and Rust as tokens: enough to tell code from strings, comments and patterns."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

LANGUAGES = dict.fromkeys(("js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"), "js") | {"go": "go", "rs": "rust"}
QUOTED = r'"(?:[^"\\\n]|\\.)*"'
TICKED = r"'(?:[^'\\\n]|\\.)*'"
SPECIAL = {
    "js": rf"(?P<string>{QUOTED}|{TICKED})|(?P<template>`)|(?P<regex>/(?![*/])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*)",
    "go": rf"(?P<string>{QUOTED}|`[^`]*`|{TICKED})",
    "rust": r"""(?P<string>[bc]?r(?P<fence>#*)".*?"(?P=fence)|[bc]?"(?:[^"\\]|\\.)*"|b?'(?:[^'\\\n]|\\(?:x..|u\{\w+\}|.))')"""
    r"|(?P<lifetime>'\w+)",
}
COMMON = (
    r"(?P<space>\s+)|(?P<comment>//[^\n]*|/\*.*?\*/)|{special}"
    r"|(?P<number>0[xXbBoO][\da-fA-F_]+\w*|(?:\d[\d_]*(?:\.\d[\d_]*)?|(?<![\w)\]])\.\d+)(?:[eE][+-]?\d+)?\w*)"
    r"|(?P<name>[^\W\d][\w$]*|[$#@][\w$]+)"
    r"|(?P<op>>>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?=|\.\.=|&\^=|=>|==|!=|<=|>=|&&|\|\||\+\+|--|[-+*/%&|^]=|<<|>>"
    r"|\?\?|\?\.|->|<-|:=|::|\.\.|\*\*|&\^|.)"
)
STRING = re.compile(f"{QUOTED}|{TICKED}")
PATTERNS = {name: re.compile(COMMON.replace("{special}", special), re.DOTALL) for name, special in SPECIAL.items()}
BEFORE_PATTERN = frozenset({"return", "typeof", "case", "in", "of", "do", "else", "void", "delete", "throw", "new", "await", "yield"})
ASIDE = frozenset({"space", "comment"})
OPEN = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """kind: space, comment, string, template, regex, lifetime, number, name or op; `at` is the offset of its first character."""

    kind: str
    text: str
    at: int


def language(path: str) -> str:
    """js (TypeScript too), go or rust; "" where this module knows nothing of a file."""
    return LANGUAGES.get(path.rpartition(".")[2].lower(), "") if "." in path else ""


def tokens(text: str, lang: str) -> tuple[Token, ...]:
    """All of the text, in order; what cannot be read comes as single characters."""
    return tuple(_tokens(text, PATTERNS[lang]))


def _tokens(text: str, pattern: re.Pattern[str]) -> Iterator[Token]:
    at, before = 0, Token(kind="op", text="", at=0)
    while found := pattern.match(text, at):
        kind, end = found.lastgroup or "op", found.end()
        if kind == "regex" and _ends_value(before):
            kind, end = "op", at + 1
        elif kind == "template":
            end = _template_end(text, at + 1)
        token = Token(kind="string" if kind == "fence" else kind, text=text[at:end], at=at)
        yield token
        before, at = (before if kind in ASIDE else token), end


def _ends_value(token: Token) -> bool:
    """A slash after this one divides."""
    if token.kind == "op":
        return token.text in {")", "]", "}", "++", "--"}
    return token.text not in BEFORE_PATTERN


def _template_end(text: str, at: int) -> int:
    """Behind the closing tick of a template literal, templates inside its ${} included."""
    depths = [0]
    while at < len(text) and depths:
        one = text[at]
        if one == "`":
            depths = [*depths, 0] if depths[-1] else depths[:-1]
        elif one == "\\":
            at += 1
        elif not depths[-1]:
            depths[-1] = int(text.startswith("${", at))
            at += depths[-1]
        elif quoted := STRING.match(text, at):
            at = quoted.end() - 1
        else:
            depths[-1] += {"{": 1, "}": -1}.get(one, 0)
        at += 1
    return at


def code(found: Sequence[Token]) -> tuple[Token, ...]:
    """Without spaces and comments."""
    return tuple(token for token in found if token.kind not in ASIDE)


def brackets(found: Sequence[Token]) -> Mapping[int, int]:
    """Index of each opening bracket to that of its closing one; a bracket without partner is left out."""
    pairs, waiting = {}, list[tuple[str, int]]()
    for i, token in enumerate(found):
        if token.kind != "op":
            continue
        if token.text in OPEN:
            waiting.append((OPEN[token.text], i))
        elif waiting and token.text == waiting[-1][0]:
            pairs[waiting.pop()[1]] = i
    return pairs
