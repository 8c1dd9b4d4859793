"""Claude Code's stream-json, and Qwen Code's, which is made like it."""

from collections.abc import Iterator
from dataclasses import dataclass

import nightlatch.agents.streams.base as wire
from nightlatch.model.models import Event, Usage

SORTS = {
    "rate_limit": "limit",
    "billing_error": "credit",
    "authentication_failed": "login",
    "overloaded": "overloaded",
    "error_max_turns": "turns",
    "max_turns": "turns",
    "error_max_budget_usd": "budget",
    "prompt_too_long": "context",
    "model_context_window_exceeded": "context",
}


@dataclass(slots=True)
class Claude(wire.JsonReader):
    """One message comes in several lines that repeat its usage, so the last message's id is
    kept."""

    input_holds_cached: bool = False
    _message: str = ""
    _error: str = ""

    def read(self, line: wire.Json) -> Iterator[Event]:
        match line.get("type"):
            case "system":
                yield from self._system(line)
            case "assistant":
                yield from self._assistant(line)
            case "user":
                yield from _results(wire.obj(line.get("message")))
            case "rate_limit_event":
                yield _limit(wire.obj(line.get("rate_limit_info")))
            case "result":
                yield from self._result(line)

    def _system(self, line: wire.Json) -> Iterator[Event]:
        told = wire.obj(line.get("data")) or line
        match line.get("subtype"):
            case "init":
                yield wire.session(line.get("session_id"), line.get("model"))
            case "api_retry":
                yield wire.retry(
                    line.get("error"),
                    status=line.get("error_status"),
                    delay=wire.number(line.get("retry_delay_ms")) / 1000,
                )
            case "retry":
                yield wire.retry(
                    told.get("error"),
                    status=told.get("status"),
                    delay=wire.number(told.get("delayMs")) / 1000,
                )

    def _assistant(self, line: wire.Json) -> Iterator[Event]:
        said, ours = wire.obj(line.get("message")), line.get("parent_tool_use_id") is None
        # What follows is not said by the model: it is the program's own message on an error.
        self._error = wire.text(line.get("error"))
        if wire.text(said.get("id")) != self._message and said.get("usage") and not self._error:
            self._message = wire.text(said.get("id"))
            yield wire.usage(self._used(wire.obj(said.get("usage"))), total=False)
        for block in wire.items(said.get("content")):
            match block.get("type"):
                case "text" if ours and not self._error:
                    yield wire.message(block.get("text"))
                case "text" | "thinking":
                    yield wire.thought(block.get("text") or block.get("thinking"))
                case "tool_use":
                    yield from _called(block)

    def _used(self, used: wire.Json) -> Usage:
        return wire.tokens(
            fresh=used.get("input_tokens"),
            cached=used.get("cache_read_input_tokens"),
            written=used.get("cache_creation_input_tokens"),
            output=used.get("output_tokens"),
            holds_cached=self.input_holds_cached,
        )

    def _result(self, line: wire.Json) -> Iterator[Event]:
        used = _by_model(wire.obj(line.get("modelUsage"))) or self._used(
            wire.obj(line.get("usage"))
        )
        cost = Usage(usd=wire.dollars(line.get("total_cost_usd")))
        yield wire.usage(used + cost, total=True)
        ok = line.get("subtype") == "success" and line.get("is_error") is not True
        reasons = (line.get("subtype"), line.get("terminal_reason"), self._error)
        cls = (
            "" if ok else next((SORTS[r] for r in reasons if isinstance(r, str) and r in SORTS), "")
        )
        words = wire.text(line.get("result")) or _errors(line)
        yield wire.result(
            ok, words, status=line.get("api_error_status"), cls=cls, turns=line.get("num_turns")
        )


def _limit(told: wire.Json) -> Event:
    """Only a subscription tells of its windows; with `isUsingOverage` it pays by use."""
    windows = [wire.obj(window) for window in wire.obj(told.get("unifiedWindows")).values()] or [
        told
    ]
    full = ((window.get("utilization"), window.get("resetsAt")) for window in windows)
    plan = told.get("isUsingOverage") is not True
    return wire.limit(
        told.get("status"), told.get("resetsAt"), told.get("rateLimitType"), full, plan=plan
    )


def _by_model(models: wire.Json) -> Usage | None:
    """Claude's own count by model: after a retried stream its `usage` counts the dead one too,
    this does not."""
    return sum((_model(wire.obj(m)) for m in models.values()), Usage()) if models else None


def _model(used: wire.Json) -> Usage:
    return wire.tokens(
        fresh=used.get("inputTokens"),
        cached=used.get("cacheReadInputTokens"),
        written=used.get("cacheCreationInputTokens"),
        output=used.get("outputTokens"),
    )


def _called(block: wire.Json) -> Iterator[Event]:
    yield wire.tool_call(block.get("id"), block.get("name"), block.get("input"))
    if block.get("name") in {"TodoWrite", "todo_write"}:
        todos = wire.items(wire.obj(block.get("input")).get("todos"))
        yield wire.todo((t.get("content"), t.get("status") == "completed") for t in todos)


def _results(said: wire.Json) -> Iterator[Event]:
    for block in wire.items(said.get("content")):
        if block.get("type") == "tool_result":
            yield wire.tool_result(
                block.get("tool_use_id"),
                block.get("is_error") is not True,
                wire.spoken(block.get("content")),
            )


def _errors(line: wire.Json) -> str:
    found = line.get("errors")
    return (
        "; ".join(wire.text(e) for e in found)
        if isinstance(found, list)
        else wire.text(wire.obj(line.get("error")).get("message"))
    )
