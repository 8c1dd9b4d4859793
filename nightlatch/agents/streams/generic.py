"""The two dialects for a command of the person's own: plain text, and JSON lines in the loop's
own words."""

from collections.abc import Iterator

import nightlatch.agents.streams.base as wire
from nightlatch.model.models import Event, Kind, Usage


class Text:
    """Every line is something said."""

    def feed(self, line: bytes) -> tuple[Event, ...]:
        raw = line[: wire.LONGEST_RAW].decode("utf-8", "replace").rstrip("\r\n")
        return (Event(kind=Kind.MESSAGE, text=f"{raw}\n", data={"part": True}, raw=raw),)


class JsonLines(wire.JsonReader):
    """`{"kind": ..., "text": ..., ...}`, as docs/agents.md has it."""

    def read(self, line: wire.Json) -> Iterator[Event]:
        words, key = line.get("text"), line.get("id")
        match line.get("kind"):
            case "session":
                yield wire.session(key, line.get("model"))
            case "thought":
                yield wire.thought(words)
            case "message":
                yield wire.message(words, part=line.get("part") is True)
            case "tool_call":
                yield wire.tool_call(key, line.get("tool"), wire.obj(line.get("args")))
            case "tool_result":
                yield wire.tool_result(key, line.get("ok") is not False, words)
            case "usage":
                yield wire.usage(_used(line), total=line.get("total") is True)
            case "retry":
                yield wire.retry(
                    words, status=line.get("status"), delay=wire.number(line.get("delay"))
                )
            case "limit":
                resets, full = line.get("resets_at"), line.get("full")
                yield wire.limit(
                    line.get("status"),
                    resets,
                    words,
                    [(full, resets)],
                    plan=line.get("plan") is True,
                )
            case "error":
                yield wire.error(words, status=line.get("status"))
            case "result":
                ok, cls = line.get("ok") is True, wire.text(line.get("cls"))
                yield wire.result(
                    ok, words, status=line.get("status"), cls=cls, turns=line.get("turns")
                )
            case "todo":
                yield wire.todo(
                    (t.get("text"), t.get("done") is True) for t in wire.items(line.get("items"))
                )


def _used(line: wire.Json) -> Usage:
    return wire.tokens(
        fresh=line.get("input"),
        cached=line.get("cached"),
        output=line.get("output"),
        usd=line.get("usd"),
    )
