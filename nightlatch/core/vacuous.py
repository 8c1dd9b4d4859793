"""What a shell line comes to whatever the project holds, as far as its words alone tell."""

import re
from collections.abc import Sequence

_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'""", re.DOTALL)
_TOKEN = re.compile(rf"""[ \t\r]*(?:(&&|\|\||[;|\n])|((?:[^\s;&|"'\\]|\\.|{_QUOTED.pattern})+))""", re.DOTALL)
_MORE = re.compile(r"[(){}<>`#]|(?<!&)&(?!&)|(?:^|[\s;&|])(?:if|while|until|for|case|set|trap|exec)(?:\s|$)")
_KNOWN = {"true": True, ":": True, "echo": True, "printf": True, "false": False}
Steps = list[tuple[str, list[str]]]


def constant(command: str) -> bool | None:
    """True where it always succeeds, False where it always fails, None where that depends on something or cannot be told."""
    value: bool | None = True
    steps = _steps(command)
    for n, (joined, words) in enumerate(steps or ()):
        now, leaves = _alone(words), words[0] == "exit"
        if leaves and joined != ";" and n < len(steps or ()) - 1:
            return None
        if joined == ";":
            value = now
        elif (joined == "||") in (value, now):
            value = joined == "||"
        else:
            value = None if None in (value, now) else now
        if leaves:
            break
    return None if steps is None else value


def _steps(command: str) -> Steps | None:
    """The commands of a line, each with what joins it to the one before; of a pipe the last. None for more than a plain list."""
    steps: Steps = [(";", [])]
    end = 0
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
    plain = not command[end:].strip() and not _MORE.search(_QUOTED.sub("", command))
    return [step for step in steps if step[1]] if plain else None


def _alone(words: Sequence[str]) -> bool | None:
    match [_bare(word) for word in words]:
        case ["!", *_]:
            return None if (value := _alone(words[1:])) is None else not value
        case ["exit", *number] if not number or number[0].isdecimal():
            return not number or int(number[0]) == 0
        case ["test", *args] | ["[", *args, "]"]:
            return _tested(args)
        case ["sh" | "bash", "-c", line] if "$" not in line:
            return constant(line)
        case [name, *_]:
            return _KNOWN.get(name.removeprefix("/usr").removeprefix("/bin/"))
    return None


def _tested(args: Sequence[str]) -> bool | None:
    """`test` on words that stand there as they are."""
    if any(re.search(r"[$`*?\[]", arg) for arg in args):
        return None
    match args:
        case [] | [""]:
            return False
        case [_]:
            return True
        case ["!", *rest] if len(rest) != 2:
            return None if (value := _tested(rest)) is None else not value
        case ["-n" | "-z" as kind, text]:
            return (text != "") == (kind == "-n")
        case [one, "=" | "==" | "-eq" | "!=" | "-ne" as kind, other]:
            return (one == other) == (kind in ("=", "==", "-eq"))
    return None


def _bare(word: str) -> str:
    return word[1:-1] if _QUOTED.fullmatch(word) else word
