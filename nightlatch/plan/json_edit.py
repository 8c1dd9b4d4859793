"""JSON read strictly and found again by position, so that one value can be changed and every
other byte kept."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn, TypeAlias

from nightlatch.errors import PlanError

Key: TypeAlias = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t\r\n]*")
_COMMA = re.compile(r"[ \t\r\n,]*")
_COLON = re.compile(r"[ \t\r\n:]*")
_CONSTANT = re.compile(r"NaN|-?Infinity")
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7})(?: |\r?$)", re.MULTILINE)
# Python reads half of a pair of escapes, and could not write it to a file again.
_HALF = re.compile(
    (
        r"(?<!\\)(?:\\\\)*(\\u(?:d[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})"
        r"|(?<!\\ud[89ab][0-9a-f]{2}\\u)d[c-f][0-9a-f]{2}))"
    ),
    re.IGNORECASE,
)
_SHOWN = 120
_STOPS = (
    ("Unterminated string", None, "this string is not closed", 'close it with "'),
    (
        "Invalid control",
        None,
        "a string contains a line break or control character",
        "write it as \\n, or close the string",
    ),
    ("Invalid \\", None, "not a valid JSON escape", "write \\\\ for a backslash"),
    ("", "", "the file ends in the middle", "close what is open with } and ]"),
    ("", "/#", "JSON has no comments", "take the comment out"),
    ("", "'\u2018\u201c\u201d", 'JSON strings are written between two "', 'use "'),
    (
        "delimiter",
        "}]",
        "unmatched {here}",
        "check that every { has its } and every [ its ]",
    ),
    ("',' delimiter", None, "a comma is missing before this", "put a comma between the two"),
    ("':' delimiter", None, "a colon is missing before this", "put a colon between name and value"),
    ("property name", None, 'a name in " is expected here', 'put the name between "'),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of an object: its name, where the name's quote stands and where its value
    starts."""

    name: str
    at: int
    start: int


class _OddError(ValueError):
    """A value that Python's JSON reader accepts and JSON does not allow."""


def decode(data: bytes, path: str) -> str:
    """Return the file's text; a byte order mark stays in it, so that encoding it again gives the
    same bytes. Raises PlanError."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8")
        raise error_at(
            good, path, len(good), "the file is not valid UTF-8 from here on", "save it as UTF-8"
        ) from None


def parse(text: str, path: str) -> object:
    """Return the value of a JSON text.

    Raises PlanError with line, column and a caret, also for names given twice and for NaN.
    """
    try:
        value, end = _strict(text, path)
    except json.JSONDecodeError as error:
        raise _broken(text, path, error) from None
    except RecursionError:
        raise error_at(
            text, path, 0, "it is nested too deeply for a plan", "keep features in one flat list"
        ) from None
    except ValueError:
        # Python refuses an integer of thousands of digits without a word on where it stands.
        number = re.search(r"[0-9]{4000,}", text)
        raise error_at(
            text,
            path,
            number.start() if number else 0,
            "this number is too long to read",
            "shorten it",
        ) from None
    if (after := _gap(_SPACE, text, end)) < len(text):
        raise error_at(
            text,
            path,
            after,
            "the plan has ended before this",
            "take out what follows, or join the two",
        )
    if half := _HALF.search(text) if "\\u" in text else None:
        raise error_at(
            text,
            path,
            half.start(1),
            f"unpaired surrogate {half[1]}",
            "write both halves, or take it out",
        )
    return value


def inside(root: Any, key: Key) -> Any:
    """Return the value that a key leads to, in a value that has it."""
    for step in key:
        root = root[step]
    return root


def start_of(text: str, key: Key) -> int:
    """Return where the value at `key` starts; the text is known to parse and to have it."""
    at = _begin(text)
    for step in key:
        if isinstance(step, int):
            at = next(islice(elements(text, at), step, None))[0]
        else:
            at = next(member.start for member in members(text, at) if member.name == step)
    return at


def end_of(text: str, start: int) -> int:
    """Return where the value that starts at `start` ends."""
    return json.JSONDecoder().raw_decode(text, start)[1]


def elements(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of every element of the array at `at`."""
    skip = json.JSONDecoder().raw_decode
    at = _gap(_COMMA, text, at + 1)
    while text[at] != "]":
        end = skip(text, at)[1]
        yield at, end
        at = _gap(_COMMA, text, end)


def members(text: str, at: int) -> Iterator[Member]:
    """Yield the members of the object at `at`; a value is only skipped when the next member is
    asked for."""
    skip = json.JSONDecoder().raw_decode
    at = _gap(_COMMA, text, at + 1)
    while text[at] != "}":
        name, end = skip(text, at)
        start = _gap(_COLON, text, end)
        yield Member(name=name, at=at, start=start)
        at = _gap(_COMMA, text, skip(text, start)[1])


def with_member(text: str, at: int, name: str, value: str) -> tuple[int, str]:
    """Return where to insert what, so that the object at `at` (not empty) gets one more member in
    its own style."""
    known = list(members(text, at))
    last = known[-1]
    before = end_of(text, known[-2].start) if len(known) > 1 else at + 1
    # What stands between two members is the style of the file: a new line, or a space.
    gap = text[before : last.at].replace(",", "", 1)
    colon = text[end_of(text, last.at) : last.start]
    return (
        end_of(text, last.start),
        f",{gap or ' ' * (colon != ':')}{json.dumps(name)}{colon}{value}",
    )


def error_at(text: str, path: str, at: int, problem: str, fix: str) -> PlanError:
    """Return the error at a position of the text, with its line and a caret under the place."""
    head = text[:at]
    line, begin = head.count("\n") + 1, head.rfind("\n") + 1
    # The byte order mark has no width: the caret would stand one column off.
    begin += text.startswith("\ufeff", begin)
    whole = text[begin:].partition("\n")[0].rstrip("\r")
    # Some plans are one line of a megabyte.
    cut = max(0, at - begin - _SHOWN // 2)
    shown = "".join(
        c if c.isprintable() or c == "\t" else "\N{MIDDLE DOT}" for c in whole[cut : cut + _SHOWN]
    )
    pad = "".join("\t" if c == "\t" else " " for c in shown[: at - begin - cut])
    picture = f"{line} | {shown}\n{' ' * len(str(line))} | {pad}^"
    return PlanError(
        f"{problem}\n{picture}", place=f"{path}:{line}:{max(at - begin, 0) + 1}", fix=fix
    )


def _gap(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _begin(text: str) -> int:
    return _gap(_SPACE, text, int(text.startswith("\ufeff")))


def _strict(text: str, path: str) -> tuple[object, int]:
    """Return the value and where it ends."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
    try:
        return decoder.raw_decode(text, _begin(text))
    except _OddError:
        raise error_at(text, path, *next(_oddities(text, _begin(text)))) from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Of a name given twice Python keeps the last and other tools the first: a flag would be set in
    # one, and read in the other.
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _OddError
    return value


def _refuse(_name: str) -> NoReturn:
    raise _OddError


def _oddities(text: str, at: int) -> Iterator[tuple[int, str, str]]:
    """Place, problem and fix of every name given twice and every constant that is not JSON."""
    seen = set()
    if text[at] == "{":
        for member in members(text, at):
            if member.name in seen:
                yield (
                    member.at,
                    f'"{member.name}" appears twice in the same object',
                    "keep one of the two",
                )
            seen.add(member.name)
            yield from _oddities(text, member.start)
    elif text[at] == "[":
        for start, _ in elements(text, at):
            yield from _oddities(text, start)
    elif constant := _CONSTANT.match(text, at):
        yield at, f"{constant[0]} is not JSON", "write a number or null"


def _broken(text: str, path: str, error: json.JSONDecodeError) -> PlanError:
    """Return what is wrong where Python's reader stopped, in words that do not depend on its
    version."""
    # First of all: the reader stops at the marks with words that help nobody.
    if conflict := _CONFLICT.search(text):
        return error_at(
            text,
            path,
            conflict.start(),
            "a merge conflict is still in the file",
            "choose one side, and take the marks out",
        )
    at, said = min(error.pos, len(text)), error.msg
    before = text[:at].rstrip(" \t\r\n")
    if not before.strip("\ufeff") and not text[at:].strip():
        return error_at(
            text,
            path,
            0,
            "the file is empty",
            "write a plan, or remove the file and run: nightlatch init",
        )
    if said.startswith("Illegal trailing comma") or (
        before.endswith(",") and text[at : at + 1] in ("}", "]")
    ):
        return error_at(
            text,
            path,
            text.rfind(",", 0, at + 1),
            "nothing follows this comma",
            "take the comma out",
        )
    return error_at(text, path, at, *_stopped(text, at, said))


def _stopped(text: str, at: int, said: str) -> tuple[str, str]:
    here = text[at : at + 1]
    for message, chars, problem, fix in _STOPS:
        if message in said and (chars is None or (here in chars if here else not chars)):
            return problem.format(here=here), fix
    return (
        "a value is expected here",
        "write a string, a number, true, false, null, a list or an object",
    )
