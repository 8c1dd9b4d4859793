"""What all readers share: one line in, events out, whatever the line holds, in bounded memory."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from nightlatch.model.models import Event, Kind, Usage

LONGEST_TEXT = 16_000
LONGEST_ARGUMENT = 2_000
LONGEST_RAW = 64_000

Json = Mapping[str, object]


class Reader(Protocol):
    """Reads one stream, line by line."""

    def feed(self, line: bytes) -> tuple[Event, ...]: ...


class JsonReader:
    """Reads a stream of JSON lines; a dialect says what one object means."""

    def feed(self, line: bytes) -> tuple[Event, ...]:
        """Return the events of one line.

        A line that is unknown, broken or too long is kept as OTHER; an empty one is none.
        """
        raw = line[:LONGEST_RAW].decode("utf-8", "replace").rstrip("\r\n")
        if not raw.strip():
            return ()
        found = parsed(line)
        events = () if found is None else tuple(self.read(found))
        return tuple(replace(e, raw=raw) for e in events) or (other(raw, known=found is not None),)

    def read(self, line: Json) -> Iterable[Event]:
        """Return what an object of this dialect means; nothing for what it does not know."""
        raise NotImplementedError


def parsed(line: bytes) -> Json | None:
    """Return the object on a line, or None."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def other(raw: str, *, known: bool) -> Event:
    """Return the event of a line that says nothing to us; words outside the dialect, such as a
    crash on standard error, are kept as its text."""
    return Event(kind=Kind.OTHER, text="" if known else cut(raw), raw=raw)


def cut(value: str, most: int = LONGEST_TEXT) -> str:
    """Return the beginning and the end of a long text."""
    # Both ends: how it began, and the error at its end.
    half = most // 2
    return (
        value
        if len(value) <= most
        else f"{value[:half]}\n... {len(value) - 2 * half} characters left out ...\n{value[-half:]}"
    )


def obj(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Json]:
    return [obj(one) for one in value] if isinstance(value, list) else []


def text(value: object) -> str:
    return cut(value) if isinstance(value, str) else ""


def number(value: object) -> int:
    # Anybody's number: NaN, infinity and what is below nothing count as nothing.
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e15 else 0


def dollars(value: object) -> float | None:
    return (
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9
        else None
    )


def spoken(content: object) -> str:
    """Return the text of a message whose content is a string or a list of blocks."""
    return (
        text(content)
        if isinstance(content, str)
        else cut("\n".join(text(b.get("text")) for b in items(content) if b.get("text")))
    )


def message(words: object, *, part: bool = False) -> Event:
    """Something the agent said; a `part` goes on where the message before it ended."""
    return Event(kind=Kind.MESSAGE, text=text(words), data={"part": True} if part else {})


def thought(words: object) -> Event:
    return Event(kind=Kind.THOUGHT, text=text(words))


def session(name: object, model: object = "") -> Event:
    return Event(kind=Kind.SESSION, data={"id": text(name), "model": text(model)})


def tool_call(key: object, tool: object, args: object) -> Event:
    told = {
        k: cut(v if isinstance(v, str) else json.dumps(v), LONGEST_ARGUMENT)
        for k, v in obj(args).items()
    }
    first = next(iter(told.values()), "")
    return Event(
        kind=Kind.TOOL_CALL, text=first, data={"id": text(key), "tool": text(tool), "args": told}
    )


def tool_result(key: object, ok: bool, output: object = "") -> Event:
    return Event(kind=Kind.TOOL_RESULT, text=spoken(output), data={"id": text(key), "ok": ok})


def tokens(
    *,
    fresh: object,
    cached: object = 0,
    written: object = 0,
    output: object,
    usd: object = None,
    holds_cached: bool = False,
) -> Usage:
    """Counts as a stream gives them; `written` to a cache is fresh input; with `holds_cached`
    the fresh count has the cached in it."""
    # Providers count in two ways, and a cached token must not cost twice.
    read = number(cached)
    new = max(0, number(fresh) - read) if holds_cached else number(fresh)
    return Usage(input=new + number(written), cached=read, output=number(output), usd=dollars(usd))


def usage(used: Usage, *, total: bool) -> Event:
    return Event(kind=Kind.USAGE, data={"usage": used, "total": total})


def todo(found: Iterable[tuple[object, bool]]) -> Event:
    return Event(
        kind=Kind.TODO, data={"items": tuple((text(words), done) for words, done in found)}
    )


def limit(
    status: object,
    resets_at: object,
    name: object,
    windows: Iterable[tuple[object, object]] = (),
    *,
    plan: bool = False,
) -> Event:
    """`windows`: how full each is (1: all of it), and when it resets.

    `plan`: a subscription pays, and dollars are list prices.
    """
    told = tuple(
        (float(full), number(resets)) for full, resets in windows if isinstance(full, int | float)
    )
    data = {
        "status": text(status),
        "resets_at": number(resets_at),
        "type": text(name),
        "windows": told,
        "plan": plan,
    }
    return Event(kind=Kind.LIMIT, text=text(name), data=data)


def retry(words: object, *, status: object = 0, delay: float = 0.0) -> Event:
    return Event(kind=Kind.RETRY, text=text(words), data={"status": number(status), "delay": delay})


def error(words: object, *, status: object = 0, cls: str = "") -> Event:
    return Event(kind=Kind.ERROR, text=text(words), data={"status": number(status), "cls": cls})


def result(
    ok: bool, words: object = "", *, status: object = 0, cls: str = "", turns: object = 0
) -> Event:
    """Return the agent's own end.

    `cls` is one of the sorts of limits.sort_of where the stream names it outright.
    """
    return Event(
        kind=Kind.RESULT,
        text=text(words),
        data={"ok": ok, "cls": cls, "status": number(status), "turns": number(turns)},
    )
