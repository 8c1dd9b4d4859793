"""Every small fault that can be put into JavaScript, TypeScript, Go and Rust, by tokens: now
and then one does not compile."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nightlatch.ratchet.languages.tokenizer import Token, brackets, code, language, tokens
from nightlatch.ratchet.mutation.edits import Edit, longer

SWAPS = {
    "==": "!=",
    "!=": "==",
    "===": "!==",
    "!==": "===",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "&&": "||",
    "||": "&&",
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "%": "*",
    "+=": "-=",
    "-=": "+=",
    "**": "*",
    "<<": ">>",
    ">>": "<<",
}
STARTS = re.compile(
    r"\b(?:function\*?|fn|func(?:\s*\([^)]*\))?)\s+(\w+)"
    r"|^\s*(?:export\s+)?(?:const|let|var)\s+(\w+)[^=\n]*=\s*(?:async\s*)?(?:\(|\w+\s*=>|function)"
    r"|^[ \t]+(?:(?:async|static|get|set|public|private)\s+)*(?!(?:if|for|while|switch|catch"
    r"|function|return)\b)(\w+)"
    r"\s*\([^()]*\)[^;{}\n]*\{",
    re.MULTILINE,
)
# A fault in an import or an attribute fails to load or compile, and every test notices that.
UNTOUCHED = re.compile(
    (
        r"^[ \t]*(?:import\b[^\n;(]*(?:\{[^}]*\}[^\n;]*|\([^)]*\))?|package\b[^\n]*|use\b[^;]*"
        r"|export\b[^\n=]*\bfrom\b[^\n]*|#!?\[[^\n]*)"
    ),
    re.MULTILINE,
)
RUST_TESTS = re.compile(r"^\s*#\[cfg\(test\)\]", re.MULTILINE)
# A thousandth more: a test that compares with a tolerance as wide as the result notices nothing.
NUDGE = '((v) => typeof v === "number" ? v + 1e-3 * (Math.abs(v) || 1) : v)(({}))'
GO_OTHER = {
    "float64": "({}) * 1.001",
    "int": "({}) + 1",
    "string": '({}) + "X"',
    "bool": "!({})",
    "error": "nil",
}
# Words that stand before a bracket as a call does.
NO_CALL = frozenset(
    {
        "if",
        "for",
        "while",
        "switch",
        "catch",
        "return",
        "function",
        "fn",
        "func",
        "super",
        "require",
        "import",
        "else",
        "match",
    }
)
Fault = tuple[int, int, str, str]  # from, to, what comes there, and what is said of it
VALUE = frozenset({"name", "number", "string", "template", "regex"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One file, its tokens without spaces and comments, and which bracket closes which."""

    text: str
    lang: str
    found: Sequence[Token]
    pairs: Mapping[int, int]

    def word(self, i: int) -> str:
        """Return the text of a token, "" where there is none."""
        return self.found[i].text if 0 <= i < len(self.found) else ""

    def until(self, i: int, ends: str) -> int:
        """Return the first token from here on, at this depth, that is one of these, begins a new
        line where "\\n" is among them, or closes."""
        first = i
        while i < len(self.found):
            if (
                self.word(i) in ends.split()
                or self.word(i) in {")", "]", "}"}
                or ("\n" in ends and i > first and self.new_line(i))
            ):
                return i
            i = self.pairs.get(i, i) + 1
        return i

    def new_line(self, i: int) -> bool:
        """Does a statement begin on this token's line, as far as its looks tell?"""
        joined = self.found[i].kind == "op" and self.word(i) not in {
            "(",
            "[",
            "{",
            "}",
            "!",
            "++",
            "--",
        }
        open_end = self.word(i - 1) in {"=", ",", "=>", "+", "&&", "||"}
        return "\n" in self.text[self.end(i - 1) : self.found[i].at] and not joined and not open_end

    def end(self, i: int) -> int:
        """Return the offset behind a token."""
        return self.found[i].at + len(self.found[i].text)

    def begins(self, i: int) -> bool:
        """Does a statement begin with this token?"""
        return i == 0 or self.word(i - 1) in {";", "{", "}"} or self.new_line(i)


def edits(text: str, path: str) -> Iterator[Edit]:
    """Yield all single faults, in the order of the source.

    Imports, attributes and the tests inside a Rust file stay as they are.
    """
    lang = language(path)
    own = RUST_TESTS.search(text) if lang == "rust" else None
    found = code(tokens(text[: own.start()] if own else text, path))
    source = Code(text=text, lang=lang, found=found, pairs=dict(brackets(found)))
    names = [(m.start(), m[m.lastindex or 0]) for m in STARTS.finditer(text)]
    places = [at for at, _ in names]
    for at, end, new, says in _faults(source):
        n = bisect_right(places, at)
        yield Edit(
            at=at,
            end=end,
            text=new,
            says=says or f"{' '.join(text[at:end].split())[:60]} became {new[:60]}",
            place=names[n - 1][1] if n else "",
            line=text.count("\n", 0, at) + 1,
        )


def _faults(c: Code) -> Iterator[Fault]:
    """Yield the faults of each token and each statement, where they touch nothing that only
    brings names in."""
    aside = [m.span() for m in UNTOUCHED.finditer(c.text)]
    for i, token in enumerate(c.found):
        if not any(at <= token.at < end for at, end in aside):
            yield from _of_token(c, i, token)
            yield from _of_statement(c, i, token)


def _of_token(c: Code, i: int, token: Token) -> Iterator[Fault]:
    """Yield another operator, another value, or none."""
    at, end, text = token.at, c.end(i), token.text
    match token.kind:
        case "op" if text in SWAPS and _binary(c, i):
            yield at, end, SWAPS[text], ""
        # a tuple's field in Rust, `pair.0`, is no number
        case "number" if c.word(i - 1) != ".":
            yield from _other_number(token, end)
        case "template" if len(text) > 1:
            yield at, end, longer(text), f"{text[:60]} has an X at its end"
        case "string" if _is_text(c, i):
            yield from _other_string(token, end)
        case _ if text == "!" and not _value(c, i - 1) and re.match(r"[\w(]", c.word(i + 1)):
            yield at, end, "", "! dropped"
        case _ if text in {"true", "false"}:
            yield at, end, "false" if text == "true" else "true", ""


def _other_string(token: Token, end: int) -> Iterator[Fault]:
    """Yield a longer text, and an empty one."""
    yield token.at, end, longer(token.text), f"{token.text[:60]} has an X at its end"
    if len(token.text) > 2:
        yield token.at, end, token.text[0] * 2, f"{token.text[:60]} emptied"


def _other_number(token: Token, end: int) -> Iterator[Fault]:
    """Yield one more, or a thousandth more where it has a point; hexadecimal and the like stay."""
    digits = re.match(r"(\d+)(\.\d+)?(?![\dxXbBoO_eE])", token.text)
    if digits:
        new = repr(float(digits[0]) * 1.001 or 1.0) if digits[2] else str(int(digits[0]) + 1)
        yield token.at, end, new + token.text[digits.end() :], ""


def _is_text(c: Code, i: int) -> bool:
    """Is this string a value: no character of Go or Rust, and no name of a property?"""
    quote = c.found[i].text[0]
    is_string = quote == '"' or (quote == "'" and c.lang == "js")
    return is_string and c.word(i + 1) != ":"


def _value(c: Code, i: int) -> bool:
    """Does a value end with this token?"""
    return i >= 0 and (
        c.word(i) in {")", "]"}
        or (c.found[i].kind in VALUE and c.word(i) not in {"return", "case", "typeof", "in"})
    )


def _binary(c: Code, i: int) -> bool:
    """Between two values, with spaces on both sides, as no type argument and no pointer has
    them; texts are not subtracted."""
    token = c.found[i]
    around = c.text[token.at - 1 : token.at] + c.text[c.end(i) : c.end(i) + 1]
    if not _value(c, i - 1) or around.strip() != "" or len(around) != 2:
        return False
    beside = (*c.found[i - 1 : i], *c.found[i + 1 : i + 2])
    joins_texts = any(t.kind in {"string", "template"} for t in beside)
    return not (joins_texts and token.text in {"+", "+="})


def _of_statement(c: Code, i: int, token: Token) -> Iterator[Fault]:
    """Yield a result, a condition, an error or a call that is left out or another."""
    match token.text:
        case "return" if c.lang != "rust":
            yield from _of_return(c, i)
        case "throw" if (end := c.until(i + 1, "; \n")) > i + 1:
            yield from _thrown(c, i, end)
        case "panic" if c.word(i + 1) == "(":
            yield token.at, c.end(i), "_ =", "panic dropped"
        case "panic" if c.word(i + 1) == "!":
            yield token.at, c.end(i), "let _ = format", "panic dropped"
        # `if let` binds names: a constant in its place would not compile
        case "if" | "while" if c.word(i + 1) != "let":
            yield from _condition(c, i, token)
        case word if token.kind == "name" and word not in NO_CALL and c.begins(i):
            yield from _call(c, i, token)


def _of_return(c: Code, i: int) -> Iterator[Fault]:
    """Yield another result, where a return has one on its line."""
    end = c.until(i + 1, "; \n")
    if end > i + 1 and not c.new_line(i + 1):
        yield from _returned(c, i, c.found[i + 1].at, end)


def _thrown(c: Code, i: int, end: int) -> Iterator[Fault]:
    """Yield an error that is not thrown, or one of another type."""
    at, stop = c.found[i].at, c.end(end - 1)
    yield at, stop, "", f"{' '.join(c.text[at:stop].split())[:60]} dropped"
    if c.word(i + 1) == "new":
        was = c.word(i + 2)
        other = "TypeError" if was == "Error" else "Error"
        yield c.found[i + 2].at, c.end(i + 2), other, f"throw {was} became throw {other}"


def _condition(c: Code, i: int, token: Token) -> Iterator[Fault]:
    """Yield a condition that is fixed, or turned round."""
    first, last = (
        (i + 2, c.pairs.get(i + 1, i + 2)) if c.lang == "js" else (i + 1, c.until(i + 1, "{"))
    )
    while c.lang == "go" and (semicolon := c.until(first, ";")) < last:
        first = semicolon + 1
    if first < last:
        at, end = c.found[first].at, c.end(last - 1)
        inner = c.text[at:end]
        words = {
            "false && ({})": "became false",
            **({"true || ({})": "became true", "!({})": "negated"} if token.text == "if" else {}),
        }
        yield from (
            (at, end, form.format(inner), f"condition {says}") for form, says in words.items()
        )


def _returned(c: Code, i: int, at: int, last: int) -> Iterator[Fault]:
    """Yield other results of a return; in Go of the types that its function declares."""
    end = c.end(last - 1)
    if c.lang == "js":
        yield at, end, "undefined", "return value became undefined"
        if c.found[i + 1].kind not in {"string", "template"} and c.word(i + 1) not in {
            "{",
            "[",
            "<",
        }:
            yield at, end, NUDGE.format(c.text[at:end]), "returned number off by a thousandth"
        return
    results = re.findall(
        r"^func\b[^\n]*?\)\s*\(?([\w.*\[\], ]+?)\)?\s*\{", c.text[:at], re.MULTILINE
    )
    kinds = [kind.split()[-1] for kind in results[-1].split(",") if kind.strip()] if results else []
    first = i + 1
    for kind in kinds:
        comma = min(c.until(first, ","), last)
        at, end = c.found[first].at, c.end(comma - 1)
        if kind in GO_OTHER and c.text[at:end] != "nil":
            yield at, end, GO_OTHER[kind].format(c.text[at:end]), f"returned {kind} is another"
        first = comma + 1
        if first >= last:
            break


def _call(c: Code, i: int, token: Token) -> Iterator[Fault]:
    """Yield a statement that is one call and no more."""
    last = i
    while c.word(last + 1) in {".", "?.", "::"}:
        last += 2
    closing = c.pairs.get(last + 1, 0) if c.word(last + 1) == "(" else 0
    if not closing:
        return
    behind = c.word(closing + 1)
    # A method's declaration in JavaScript looks like a call up to its brace.
    if behind in {"", ";", "}"} or (c.new_line(closing + 1) and behind != "{"):
        yield token.at, c.end(closing), "", f"call of {c.text[token.at : c.end(last)][:60]} dropped"
