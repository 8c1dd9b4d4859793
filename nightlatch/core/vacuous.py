"""What a shell line comes to whatever the project holds, as far as its words alone tell."""

import re
from collections.abc import Sequence

_WORD = re.compile(r"""(?:[^\s;&|"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+""", re.DOTALL)
_TOKEN = re.compile(rf"[ \t\r]*(?:(&&|\|\||[;&|\n])|({_WORD.pattern}))", re.DOTALL | re.VERBOSE)
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'""", re.DOTALL)
_GREEN = frozenset(("true", ":", "echo", "printf", "/bin/true", "/usr/bin/true"))
_RED = frozenset(("false", "/bin/false", "/usr/bin/false"))
_OPEN = frozenset(("if", "while", "until", "for", "case", "set", "trap", "exec", "return"))


def constant(command: str) -> bool | None:
    """True where it always succeeds, False where it always fails, None where that depends on something or cannot be told."""
    steps = _steps(command)
    if steps is None:
        return None
    value: bool | None = True
    for n, (joined, words) in enumerate(steps):
        now = _alone(words)
        leaves = words[:1] == ["exit"]
        if leaves and joined in ("&&", "||") and n < len(steps) - 1:
            return None
        if joined == "&&":
            value = False if False in (value, now) else True if value and now else None
        elif joined == "||":
            value = True if True in (value, now) else False if value is False and now is False else None
        else:
            value = now
        if leaves and joined == ";":
            break
    return value


def _steps(command: str) -> list[tuple[str, list[str]]] | None:
    """The commands of a line, each with what joins it to the one before; of a pipe the last. None for more than a plain list."""
    outside, end = _QUOTED.sub("", command), 0
    steps: list[tuple[str, list[str]]] = [(";", [])]
    for token in _TOKEN.finditer(command):
        if token.start() != end:
            return None
        end = token.end()
        if token[2]:
            steps[-1][1].append(token[2])
        elif token[1] == "|":
            steps[-1][1].clear()
        else:
            steps.append((token[1] if token[1] in ("&&", "||") else ";", []))
    plain = not command[end:].strip() and not re.search(r"[(){}<>`#]|(?<!&)&(?!&)", outside)
    steps = [step for step in steps if step[1]]
    return steps if plain and not any(words[0] in _OPEN for _, words in steps) else None


def _alone(words: Sequence[str]) -> bool | None:
    match words:
        case ["!", *rest]:
            return None if (value := _alone(rest)) is None else not value
        case ["exit"]:
            return True
        case ["exit", number] if number.isdecimal():
            return int(number) == 0
        case ["test", *args] | ["[", *args, "]"]:
            return _tested(args)
        case ["sh" | "bash", "-c", line]:
            return None if '"' in line and "$" in line else constant(_bare(line))
        case [name, *_] if name in _GREEN or name in _RED:
            return name in _GREEN
    return None


def _tested(args: Sequence[str]) -> bool | None:
    """`test` on words that stand there as they are."""
    if any(re.search(r"[$`*?\[]", arg) for arg in args):
        return None
    match [_bare(arg) for arg in args]:
        case []:
            return False
        case [text]:
            return text != ""
        case ["!", *rest] if len(rest) != 2:
            return None if (value := _tested(rest)) is None else not value
        case ["-n" | "-z" as kind, text]:
            return (text != "") == (kind == "-n")
        case [one, "=" | "==" | "-eq" | "!=" | "-ne" as kind, other]:
            return (one == other) == (kind in ("=", "==", "-eq"))
    return None


def _bare(word: str) -> str:
    return word[1:-1] if _QUOTED.fullmatch(word) else word
