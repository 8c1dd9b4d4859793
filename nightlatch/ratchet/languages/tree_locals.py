"""What the names of a test stand for that are assigned once, in any language: `total := Add(1,
2)`."""

from collections import Counter
from collections.abc import Iterator

from nightlatch.ratchet.languages.grammar import OPEN, Parsed
from nightlatch.ratchet.languages.outline import NAME

ASSIGNS = frozenset({"=", ":="})
AHEAD = frozenset({"await", "try", "&", "new"})
GOES_ON = frozenset(
    {"=", ":=", ",", ".", "+", "-", "*", "/", "->", "?.", "::", "&&", "||", "?", ":", "=>"}
)
LONGEST = 60  # tokens: what is longer is no name for one value


def stands(parsed: Parsed, start: int, end: int) -> dict[str, str]:
    """Return each local name between two tokens that is assigned once, with what it is assigned."""
    pairs = list(_assigned(parsed, start, end))
    count = Counter(name for name, _ in pairs)
    return {name: value for name, value in pairs if count[name] == 1 and value}


def _assigned(parsed: Parsed, start: int, end: int) -> Iterator[tuple[str, str]]:
    """Yield each name that is assigned between two tokens, with its value, "" for a long one."""
    inside = list[str]()
    for at in range(start, end):
        word = parsed.word(at)
        if word in OPEN:
            inside.append(word)
        elif inside and word == OPEN[inside[-1]]:
            inside.pop()
        # Inside brackets an equals sign names an argument.
        elif (
            word in ASSIGNS
            and not (inside and inside[-1] in {"(", "["})
            and (name := _name(parsed, at))
        ):
            first = at + 2 if parsed.word(at + 1) in AHEAD else at + 1
            last = _ends(parsed, first, end)
            yield name, parsed.words(first, last) if last - first <= LONGEST else ""


def _name(parsed: Parsed, at: int) -> str:
    """Return the name before an assignment, or before its type; "" where it is a member of
    something."""
    place = at - 3 if parsed.word(at - 2) == ":" else at - 1
    word = parsed.word(place)
    plain = NAME.match(word.removeprefix("$")) and parsed.word(place - 1) not in {
        ".",
        "->",
        "::",
        ",",
    }
    return word if plain else ""


def _ends(parsed: Parsed, first: int, end: int) -> int:
    """Return where an expression ends: at a semicolon, a comma, a closing bracket, or with its
    line."""
    at = first
    while at < end:
        if parsed.word(at) in {";", ",", ")", "]", "}", "end"}:
            return at
        at = max(parsed.pairs.get(at, at), at) + 1
        if (
            at < end
            and parsed.line(at) > parsed.line(at - 1)
            and not {parsed.word(at - 1), parsed.word(at)} & GOES_ON
        ):
            return at
    return min(at, end)
