"""Gemini CLI's stream-json."""

from collections.abc import Iterator

import nightlatch.agents.streams.base as wire
from nightlatch.model.models import Event, Usage


class Gemini(wire.JsonReader):
    """Says its messages in parts, keeps its retries to itself, and counts by model at the end."""

    def read(self, line: wire.Json) -> Iterator[Event]:
        match line.get("type"):
            case "init":
                yield wire.session(line.get("session_id"), line.get("model"))
            case "message" if line.get("role") == "assistant":
                yield wire.message(line.get("content"), part=line.get("delta") is True)
            case "tool_use":
                yield wire.tool_call(
                    line.get("tool_id"), line.get("tool_name"), line.get("parameters")
                )
            case "tool_result":
                yield wire.tool_result(
                    line.get("tool_id"), line.get("status") == "success", line.get("output")
                )
            case "error":
                yield wire.error(line.get("message"))
            case "result":
                yield from _ended(line)


def _ended(line: wire.Json) -> Iterator[Event]:
    stats = wire.obj(line.get("stats"))
    models = [wire.obj(m) for m in wire.obj(stats.get("models")).values()] or [stats]
    yield wire.usage(sum((_used(m) for m in models), Usage()), total=True)
    told = wire.obj(line.get("error"))
    turns = "turns" if wire.text(told.get("type")) == "FatalTurnLimitedError" else ""
    yield wire.result(line.get("status") == "success", told.get("message"), cls=turns)


def _used(model: wire.Json) -> Usage:
    return wire.tokens(
        fresh=model.get("input"), cached=model.get("cached"), output=model.get("output_tokens")
    )
