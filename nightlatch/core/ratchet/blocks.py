"""Reads the tests of JavaScript, TypeScript, Go and Rust files."""

from collections.abc import Mapping

from nightlatch.core.ratchet.seen import Source


def read(_path: str, _text: str, _helpers: Mapping[str, int] | None = None) -> Source:
    """Raises UnreadableError."""
    return Source()
