"""Output of any length in bounded memory: excerpts, lines and the transcript file."""

import re
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from nightlatch.redaction.patterns import NO_SECRETS, Screen, Secrets

LINE = 1_000_000  # bytes: agents put whole files into one line; what never ends is cut
FULL = b"[... the transcript is full: what follows was read but is not kept ...]\n"
CONTROLS = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x04\x08\x08"
)


class Excerpt:
    """Head and tail of a stream; where they do not meet, a marker between them counts and signs
    what was left out."""

    def __init__(self, keep: int) -> None:
        self.size = 0
        self._half = keep // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._hash = sha256()

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._hash.update(chunk)
        room = self._half - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        if len(self._tail) > 2 * self._half:
            del self._tail[: -self._half]

    def bytes(self) -> bytes:
        left_out = self.size - 2 * self._half
        if left_out <= 0:
            return bytes(self._head + self._tail)
        marker = (
            f" [... {left_out} of {self.size} bytes left out, sha256 of all"
            f" {self._hash.hexdigest()} ...] "
        )
        return bytes(self._head) + marker.encode() + bytes(self._tail[-self._half :])


class Lines:
    """Cuts a stream into lines without their ends; a line over the limit becomes an excerpt of
    itself."""

    def __init__(self, limit: int = LINE) -> None:
        self._limit = limit
        self._open = Excerpt(limit)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            yield self._close(part)
        if rest:
            self._open.add(rest)

    def rest(self) -> Iterator[bytes]:
        """Yield what came after the last line end, if anything did."""
        if self._open.size:
            yield self._close(b"")

    def _close(self, part: bytes) -> bytes:
        if not self._open.size:
            return part
        self._open.add(part)
        line, self._open = self._open.bytes(), Excerpt(self._limit)
        return line


def plain(line: bytes) -> bytes:
    """Return a terminal's line without colours, cursor movements and carriage returns."""
    return CONTROLS.sub(b"", line).rstrip(b"\r")


class Transcript:
    """A file that gets every line without what is secret, until it holds `limit` bytes; a full
    disk costs lines of it, never the session.

    A line comes at once, but for one that ends where a secret may have begun.
    """

    def __init__(self, path: Path | None, limit: int, secrets: Secrets = NO_SECRETS) -> None:
        self._room = limit
        self._screen = Screen(secrets)
        if path:
            path.touch(mode=0o600)
        self._file = path.open("ab", buffering=0) if path else None

    def write(self, line: bytes) -> None:
        for screened in self._screen.feed(line) if self._file else ():
            self._put(screened)

    def _put(self, line: bytes) -> None:
        if self._file is None:
            return
        self._room -= len(line) + 1
        with suppress(OSError):
            self._file.write(line + b"\n" if self._room >= 0 else FULL)
        if self._room < 0:
            self._file.close()
            self._file = None

    def close(self) -> None:
        for line in self._screen.rest():
            self._put(line)
        if self._file is not None:
            self._file.close()
            self._file = None
