"""Codex's `exec --json`."""

from collections.abc import Iterator

import nightlatch.agents.streams.base as wire
from nightlatch.model.models import Event, Kind, Usage

ARGUMENTS = {"command", "changes", "tool", "query", "arguments"}
QUIET = {"agent_message", "reasoning", "todo_list", "error"}


class Codex(wire.JsonReader):
    """Each thing is an item that starts and completes; every item that is no talk is a tool."""

    def read(self, line: wire.Json) -> Iterator[Event]:
        match line.get("type"):
            case "thread.started":
                yield wire.session(line.get("thread_id"))
            case "item.started" | "item.updated" | "item.completed" as stage:
                yield from _item(str(stage), wire.obj(line.get("item")))
            case "error":
                words = wire.text(line.get("message"))
                # Not its end: it goes on by itself.
                yield wire.retry(words) if words.startswith("Reconnecting") else wire.error(words)
            case "turn.completed":
                yield wire.usage(_used(wire.obj(line.get("usage"))), total=True)
                yield wire.result(True)
            case "turn.failed":
                yield wire.result(False, wire.obj(line.get("error")).get("message"))


def _item(stage: str, item: wire.Json) -> Iterator[Event]:
    kind = wire.text(item.get("type"))
    if kind == "todo_list":
        yield wire.todo(
            (t.get("text"), t.get("completed") is True) for t in wire.items(item.get("items"))
        )
    elif stage == "item.started" and kind not in QUIET:
        yield wire.tool_call(
            item.get("id"), kind, {k: v for k, v in item.items() if k in ARGUMENTS}
        )
    elif stage == "item.completed":
        yield from _completed(kind, item)


def _completed(kind: str, item: wire.Json) -> Iterator[Event]:
    match kind:
        case "agent_message":
            yield wire.message(item.get("text"))
        case "reasoning":
            yield wire.thought(item.get("text"))
        case "error":
            yield Event(kind=Kind.OTHER, text=wire.text(item.get("message")))
        case _:
            ok = item.get("status") != "failed" and item.get("exit_code") in {0, None}
            yield wire.tool_result(item.get("id"), ok, item.get("aggregated_output"))


def _used(used: wire.Json) -> Usage:
    cached, output = used.get("cached_input_tokens"), used.get("output_tokens")
    return wire.tokens(
        fresh=used.get("input_tokens"), cached=cached, output=output, holds_cached=True
    )
