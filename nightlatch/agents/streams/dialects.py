"""The dialects in which agent CLIs print what they do, each with its reader."""

from collections.abc import Callable
from functools import partial

from nightlatch.agents.streams.base import Reader
from nightlatch.agents.streams.claude import Claude
from nightlatch.agents.streams.codex import Codex
from nightlatch.agents.streams.copilot import Copilot
from nightlatch.agents.streams.gemini import Gemini
from nightlatch.agents.streams.generic import JsonLines, Text
from nightlatch.agents.streams.opencode import OpenCode
from nightlatch.agents.streams.pi import Pi
from nightlatch.errors import ConfigError

DIALECTS: dict[str, Callable[[], Reader]] = {
    "claude": Claude,
    "qwen": partial(Claude, input_holds_cached=True),
    "codex": Codex,
    "gemini": Gemini,
    "pi": Pi,
    "opencode": OpenCode,
    "copilot": Copilot,
    "jsonl": JsonLines,
    "text": Text,
}


def reader(dialect: str) -> Reader:
    """Return a fresh reader for one stream of that dialect."""
    if dialect not in DIALECTS:
        raise ConfigError(
            f"unknown event dialect {dialect!r}", fix=f"use one of: {', '.join(DIALECTS)}"
        )
    return DIALECTS[dialect]()


__all__ = ["DIALECTS", "Reader", "reader"]
