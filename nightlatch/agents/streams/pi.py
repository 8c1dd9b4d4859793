"""pi's `--mode json`."""

from collections.abc import Iterator
from dataclasses import dataclass

import nightlatch.agents.streams.base as wire
from nightlatch.model.models import Event, Usage


@dataclass(slots=True)
class Pi(wire.JsonReader):
    """Exits 0 on errors; only the stop reason of its last message tells, and retries come
    between, so it is kept until all is settled."""

    _stop: str = ""
    _error: str = ""

    def read(self, line: wire.Json) -> Iterator[Event]:
        match line.get("type"):
            case "session":
                yield wire.session(line.get("id"))
            case "message_end" if wire.obj(line.get("message")).get("role") == "assistant":
                yield from self._message_events(wire.obj(line.get("message")))
            case "tool_execution_start":
                yield wire.tool_call(line.get("toolCallId"), line.get("toolName"), line.get("args"))
            case "tool_execution_end":
                yield wire.tool_result(
                    line.get("toolCallId"),
                    line.get("isError") is not True,
                    wire.obj(line.get("result")).get("content"),
                )
            case "auto_retry_start":
                yield wire.retry(
                    line.get("errorMessage"), delay=wire.number(line.get("delayMs")) / 1000
                )
            case "agent_settled":
                yield wire.result(self._stop == "stop", self._error or self._stop)

    def _message_events(self, message: wire.Json) -> Iterator[Event]:
        self._stop = wire.text(message.get("stopReason"))
        self._error = wire.text(message.get("errorMessage"))
        yield wire.usage(_used(wire.obj(message.get("usage"))), total=False)
        for block in wire.items(message.get("content")):
            if block.get("type") == "text":
                yield wire.message(block.get("text"))
            elif block.get("type") == "thinking":
                yield wire.thought(block.get("thinking"))


def _used(used: wire.Json) -> Usage:
    cost, written = wire.obj(used.get("cost")).get("total"), used.get("cacheWrite")
    return wire.tokens(
        fresh=used.get("input"),
        cached=used.get("cacheRead"),
        written=written,
        output=used.get("output"),
        usd=cost,
    )
