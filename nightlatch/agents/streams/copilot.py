"""Copilot CLI's `--output-format json`."""

from collections.abc import Iterator

import nightlatch.agents.streams.base as wire
from nightlatch.model.models import Event


class Copilot(wire.JsonReader):
    """Names its session on the last line, and tokens only in a file that it is asked for."""

    def read(self, line: wire.Json) -> Iterator[Event]:
        data = wire.obj(line.get("data"))
        match line.get("type"):
            case "assistant.message":
                yield from _message_events(data)
            case "assistant.reasoning":
                yield wire.thought(data.get("content") or data.get("text"))
            case "tool.execution_complete":
                yield wire.tool_result(
                    data.get("toolCallId"),
                    data.get("success") is True,
                    wire.obj(data.get("result")).get("content"),
                )
            case "model.call_failure":
                yield wire.retry(
                    data.get("errorMessage") or data.get("errorCode"), status=data.get("statusCode")
                )
            case "session.error":
                yield wire.error(data.get("message"), status=data.get("statusCode"))
            case "result":
                yield wire.session(line.get("sessionId") or data.get("sessionId"))
                yield wire.result(line.get("exitCode", data.get("exitCode")) == 0)


def _message_events(data: wire.Json) -> Iterator[Event]:
    if data.get("model"):
        yield wire.session("", data.get("model"))
    if wire.text(data.get("content")).strip():
        yield wire.message(data.get("content"))
    for call in wire.items(data.get("toolRequests")):
        yield wire.tool_call(call.get("toolCallId"), call.get("name"), call.get("arguments"))
