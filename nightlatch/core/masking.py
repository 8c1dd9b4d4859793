"""Texts without what could talk to their reader: no comments, no prose in strings, no names that are sentences."""

import re
from collections.abc import Callable
from hashlib import sha256

LONGEST_WORD = 40
TRIPLE = r'"""(?:\\.|[^\\])*?(?:"""|\Z)' + r"|'''(?:\\.|[^\\])*?(?:'''|\Z)"
QUOTED = r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'" + r"|`(?:\\.|[^`\\])*`"
COMMENTS = {
    "hash": r"(?:\A|(?<=[\s;,({\[\]})]))#[^\n]*|^=begin\b.*?^=end\b[^\n]*",
    "c": r"//[^\n]*|/\*.*?(?:\*/|\Z)|<!--[^\n]*|^#if 0\b.*?^#endif",
    "dash": r"--[^\n]*|/\*.*?(?:\*/|\Z)|\{-.*?(?:-\}|\Z)",
    "python": r"#[^\n]*",
    "markup": r"<!--.*?(?:-->|\Z)|/\*.*?(?:\*/|\Z)|(?<!:)//[^\n]*",
    "lisp": r";[^\n]*|#\|.*?\|#",
    "percent": r"%[^\n]*",
}
ENDINGS = {
    "python": "py pyi pyx",
    "hash": "sh bash zsh fish rb pl pm r jl ex exs nim tcl mk tf",
    "c": "js jsx mjs cjs ts tsx mts cts go rs c h cc cpp cxx hpp cs java kt kts swift scala dart php css scss less groovy zig proto sol",
    "dash": "sql lua hs elm ada adb vhd",
    "markup": "html htm xml svg vue svelte astro erb ejs hbs xhtml",
    "lisp": "clj cljs el lisp scm rkt",
    "percent": "erl hrl tex m",
}
FAMILIES = {ending: family for family, endings in ENDINGS.items() for ending in endings.split()}
TOKENS = {
    family: re.compile(rf"(?P<comment>{pattern})|(?P<string>{TRIPLE}|{QUOTED})", re.DOTALL | re.MULTILINE)
    for family, pattern in {**COMMENTS, "": r"(?!)"}.items()
}
WORD = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}|[^\W\d_a-zA-Z]{2}")
NAME = re.compile(r"[^\W\d][\w-]*")
CHAIN = re.compile(r"[^\W\d][\w-]*(?:[./:]+[^\W\d][\w-]*){5,}")
IN_A_ROW = {"python": 0, "c": 6, "dash": 6}  # in Python two words never stand side by side
ROWS = {least: re.compile(rf"(?:[^\W\d_]+['’]?[^\W\d_]*[,.;:!?\"')]*\s+){{{least - 1},}}[^\W\d_]+") for least in (4, 6)}
PLAIN_PATH = re.compile(r"[\w./@+-]*")
ANSWERS = frozenset({"met", "not_met", "cannot_tell"})


def masker(own: str) -> Callable[[str, str], str]:
    """A function of (path, text) that gives the text without comments and prose. What stands in `own`, the person's words, stays."""
    said = folded(own)

    def known(piece: str) -> bool:
        return folded(piece).strip(".,;:!?'\"") in said

    def token(found: re.Match[str]) -> str:
        whole = found[0]
        if found["comment"] is not None:
            return ""
        quote = whole[:3] if whole[:3] in ('"""', "'''") else whole[0]
        body = whole[len(quote) :].removesuffix(quote)
        hides = words(body) > 1 or len(body) > LONGEST_WORD or body in ANSWERS
        return f"{quote}{hidden(body)}{quote}" if hides and not known(body) else whole

    def named(most: int) -> Callable[[re.Match[str]], str]:
        return lambda found: alias(found[0]) if words(found[0]) > most and not known(found[0]) else found[0]

    def mask(path: str, text: str) -> str:
        family = FAMILIES.get(path.rpartition(".")[2].lower(), "")
        text = TOKENS[family].sub(token, text)
        if least := IN_A_ROW.get(family, 4):
            text = ROWS[least].sub(lambda found: found[0] if known(found[0]) else hidden(found[0]), text)
        return NAME.sub(named(4), CHAIN.sub(named(6), text))

    return mask


def path_masker(own: str) -> Callable[[str], str]:
    """A function that gives paths another name where theirs may be a sentence."""
    said = folded(own)

    def mask(path: str) -> str:
        strange = PLAIN_PATH.fullmatch(path) is None or any(words(part) > 3 for part in path.split("/"))
        if not strange or folded(path) in said:
            return path
        ending = path.rpartition(".")[2]
        return f"file_{alias(path)[5:]}" + (f".{ending}" if ending.lower() in FAMILIES else "")

    return mask


def words(text: str) -> int:
    return len(WORD.findall(text))


def hidden(text: str) -> str:
    return f"⟦{words(text)} words⟧"


def alias(name: str) -> str:
    """The same for the same name, wherever it stands."""
    return f"name_{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def folded(text: str) -> str:
    return " ".join(text.casefold().split())
