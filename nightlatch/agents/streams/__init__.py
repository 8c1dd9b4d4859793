"""The streams of the agent CLIs, each read into the same events."""

from collections.abc import Callable
from functools import partial

from nightlatch.agents.streams import claude, codex, copilot, gemini, generic, opencode, pi
from nightlatch.agents.streams.base import Reader
from nightlatch.errors import ConfigError

DIALECTS: dict[str, Callable[[], Reader]] = {
    "claude": claude.Claude,
    "qwen": partial(claude.Claude, input_holds_cached=True),
    "codex": codex.Codex,
    "gemini": gemini.Gemini,
    "pi": pi.Pi,
    "opencode": opencode.OpenCode,
    "copilot": copilot.Copilot,
    "jsonl": generic.JsonLines,
    "text": generic.Text,
}


def reader(dialect: str) -> Reader:
    """Return a fresh reader for one stream of that dialect."""
    if dialect not in DIALECTS:
        raise ConfigError(
            f"unknown event dialect {dialect!r}", fix=f"use one of: {', '.join(DIALECTS)}"
        )
    return DIALECTS[dialect]()


__all__ = ["DIALECTS", "Reader", "reader"]
