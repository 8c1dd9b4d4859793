"""Texts without what could talk to their reader: no comments, no prose in strings, no names
that are sentences."""

import re
from collections.abc import Callable
from hashlib import sha256

from nightlatch.util.text import folded

LONGEST_WORD = 40
# What does not end hides the rest, rather than nothing.
TRIPLE = r'"""(?:\\.|[^\\])*?(?:"""|\\?\Z)' + r"|'''(?:\\.|[^\\])*?(?:'''|\\?\Z)"
QUOTED = r'"(?:\\.|[^"\\\n])*+(?:"|\\?$)|`(?:\\.|[^`\\])*+(?:`|\\?\Z)'
APOSTROPHES = r"'(?:\\.|[^'\\\n])*+(?:'|\\?$)"
TICKED = {"rust": r"'(?:\\.|[^'\\\n])'"}
COMMENTS = {
    "hash": r"(?:\A|(?<=[\s;,({\[\]})]))#[^\n]*|^=begin\b.*?(?:^=end\b[^\n]*|\Z)",
    "c": r"//[^\n]*|/\*.*?(?:\*/|\Z)|<!--[^\n]*|^#if 0\b.*?(?:^#endif|\Z)",
    "php": r"#(?!\[)[^\n]*|//[^\n]*|/\*.*?(?:\*/|\Z)",
    "rust": r"//[^\n]*|/\*.*?(?:\*/|\Z)",
    "dash": r"--[^\n]*|/\*.*?(?:\*/|\Z)|\{-.*?(?:-\}|\Z)",
    "python": r"#[^\n]*",
    "markup": r"<!--.*?(?:-->|\Z)|/\*.*?(?:\*/|\Z)|(?<!:)//[^\n]*",
    "lisp": r";[^\n]*|#\|.*?(?:\|#|\Z)",
    "percent": r"%[^\n]*",
    "json": r"(?!)",
}
ENDINGS = {
    "python": "py pyi pyx",
    "hash": "sh bash zsh fish rb pl pm r jl ex exs nim tcl mk tf",
    "c": (
        "js jsx mjs cjs ts tsx mts cts go c h cc cpp cxx hpp cs java kt kts swift scala dart css"
        " scss less groovy zig proto sol"
    ),
    "php": "php",
    "rust": "rs",
    "dash": "sql lua hs elm ada adb vhd",
    "markup": "html htm xml svg vue svelte astro erb ejs hbs xhtml",
    "lisp": "clj cljs el lisp scm rkt",
    "percent": "erl hrl tex m",
    "json": "json jsonc ipynb",
}
FAMILIES = {ending: family for family, endings in ENDINGS.items() for ending in endings.split()}
TOKENS = {
    family: re.compile(
        rf"(?P<comment>{pattern})|(?P<string>{TRIPLE}|{QUOTED}|{TICKED.get(family, APOSTROPHES)})",
        re.DOTALL | re.MULTILINE,
    )
    for family, pattern in {**COMMENTS, "": r"(?!)"}.items()
}
WORD = re.compile(r"[^\W\d_a-z]?[a-z]{2,}|[^\W\d_]{2,}")
FOREIGN = re.compile(r"[^\W\d_a-zA-Z]")
NAME = re.compile(r"[^\W\d][\w-]*")
CHAIN = re.compile(r"(?<![\w-])[^\W\d][\w-]*+(?:[./:]++[^\W\d][\w-]*+){5,}")
PAGE_TEXT = re.compile(r"(?<=>)[^<>{}=;()\n]++(?=</)")
# So many words in a row are prose; in Python two never stand side by side.
IN_A_ROW = {"python": 0, "json": 0, "c": 6, "php": 6, "rust": 6, "dash": 6, "hash": 4, "lisp": 4}
WORD_OF_ROW = r"[^\W\d_]++(?:['’][^\W\d_]++)*+"
BETWEEN = {2: r"[^\w{}\[\]=:<>/]++", 4: r"[,.;:!?\"')]*+\s++", 6: r"[,.;:!?\"')]*+\s++"}
ROWS = {
    least: re.compile(rf"(?<![\w'’])(?:{WORD_OF_ROW}{gap}){{{least - 1},}}{WORD_OF_ROW}")
    for least, gap in BETWEEN.items()
}
PLAIN_PATH = re.compile(r"[\w./@+-]*")
ANSWERS = frozenset({"met", "not_met", "cannot_tell"})


def masker(own: str) -> Callable[[str, str], str]:
    """Return a function of (path, text) that gives the text without comments and prose.

    What stands in `own`, the person's words, stays.
    """
    said = folded(own)

    def is_persons(piece: str) -> bool:
        return folded(piece).strip(".,;:!?'\"") in said

    def token(found: re.Match[str]) -> str:
        if found["comment"] is not None:
            return ""
        quote, body = parts_of_string(found[0])
        hides = may_speak(body) and not is_persons(body)
        return f"{quote}{hidden(body)}{quote}" if hides else found[0]

    def prose(found: re.Match[str]) -> str:
        return hidden(found[0]) if words(found[0]) > 1 and not is_persons(found[0]) else found[0]

    def named(most: int) -> Callable[[re.Match[str]], str]:
        return lambda found: (
            alias(found[0]) if words(found[0]) > most and not is_persons(found[0]) else found[0]
        )

    def mask(path: str, text: str) -> str:
        family = FAMILIES.get(path.rpartition(".")[2].lower(), "")
        # Comments and strings first: what is left is code, where words in a row are rare.
        text = TOKENS[family].sub(token, text)
        if family == "c":
            text = PAGE_TEXT.sub(prose, text)
        if least := IN_A_ROW.get(family, 2):
            text = ROWS[least].sub(prose, text)
        return NAME.sub(named(3), CHAIN.sub(named(6), text))

    return mask


def parts_of_string(literal: str) -> tuple[str, str]:
    """Return the quotes of a string, and what stands between them; the end may be missing."""
    quote = literal[:3] if literal[:3] in ('"""', "'''") else literal[0]
    return quote, literal[len(quote) :].removesuffix(quote)


def may_speak(body: str) -> bool:
    """Could a string say something to its reader?"""
    # One long word may be a sentence without blanks, and an answer's word alone may answer.
    return words(body) > 1 or len(body) > LONGEST_WORD or body in ANSWERS


def path_masker(own: str) -> Callable[[str], str]:
    """Return a function that gives paths another name where theirs may be a sentence."""
    said = folded(own)

    def mask(path: str) -> str:
        strange = (
            PLAIN_PATH.fullmatch(path) is None
            or words(path) > 8
            or any(words(part) > 3 for part in path.split("/"))
        )
        if not strange or folded(path) in said:
            return path
        ending = path.rpartition(".")[2]
        return f"file_{alias(path)[5:]}" + (f".{ending}" if ending.lower() in FAMILIES else "")

    return mask


def words(text: str) -> int:
    """Return how many words there are, also in scripts that do not part them."""
    return max(len(WORD.findall(text)), len(FOREIGN.findall(text)) // 2)


def hidden(text: str) -> str:
    """Return what stands in place of a text: how many words it had."""
    return f"⟦{words(text)} words⟧"


def alias(name: str) -> str:
    """Return the same for the same name, wherever it stands."""
    return f"name_{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
