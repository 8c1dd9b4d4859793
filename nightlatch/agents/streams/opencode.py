"""opencode's `run --format json`."""

from collections.abc import Iterator
from dataclasses import dataclass

import nightlatch.agents.streams.base as wire
from nightlatch.model.models import Event


@dataclass(slots=True)
class OpenCode(wire.JsonReader):
    """Every line names the session; a tool is told once, after it ran; the last step ends for a
    reason that is no tool call."""

    _known: bool = False

    def read(self, line: wire.Json) -> Iterator[Event]:
        if line.get("sessionID") and not self._known:
            self._known = True
            yield wire.session(line.get("sessionID"))
        part = wire.obj(line.get("part"))
        match line.get("type"):
            case "text":
                yield wire.message(part.get("text"))
            case "tool_use":
                yield from _tool(part)
            case "step_finish":
                yield from _step(part)
            case "error":
                yield from _failed(wire.obj(line.get("error")))


def _tool(part: wire.Json) -> Iterator[Event]:
    state = wire.obj(part.get("state"))
    key = part.get("callID") or part.get("id")
    yield wire.tool_call(key, part.get("tool"), state.get("input"))
    ok = state.get("status") != "error" and wire.obj(state.get("metadata")).get("exit") in {0, None}
    yield wire.tool_result(key, ok, state.get("output") or state.get("error"))


def _step(part: wire.Json) -> Iterator[Event]:
    tokens = wire.obj(part.get("tokens"))
    cache = wire.obj(tokens.get("cache"))
    output = wire.number(tokens.get("output")) + wire.number(tokens.get("reasoning"))
    fresh = tokens.get("input")
    written = cache.get("write")
    cached = cache.get("read")
    yield wire.usage(
        wire.tokens(
            fresh=fresh, cached=cached, written=written, output=output, usd=part.get("cost")
        ),
        total=False,
    )
    if part.get("reason") in {"stop", "length"}:
        yield wire.result(part.get("reason") == "stop", part.get("reason"))


def _failed(told: wire.Json) -> Iterator[Event]:
    data = wire.obj(told.get("data"))
    words = (
        f"{wire.text(data.get('message')) or wire.text(told.get('name'))}"
        f" {wire.text(data.get('responseBody'))}".strip()
    )
    # When a limit ends stands in a header only, and is read from words.
    later = wire.text(wire.obj(data.get("responseHeaders")).get("retry-after"))
    words += f" retry-after: {later}" if later else ""
    yield wire.error(words, status=data.get("statusCode"))
    yield wire.result(False, words, status=data.get("statusCode"))
