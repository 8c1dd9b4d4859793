"""What the person sees while the loop runs: one plain line an event, and on a terminal one live
line as well."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TextIO

from nightlatch.util.text import plain

HEARTBEAT = 600.0


@dataclass(slots=True, kw_only=True)
class Console:
    """Progress on standard error.

    Text of agents is made plain first: no escape of theirs reaches the terminal.
    """

    out: TextIO = field(default_factory=lambda: sys.stderr)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    quiet: bool = False
    hide: Callable[[str], str] = str
    _live: object = None
    _beat: float = 0.0

    def say(self, word: str, text: str) -> None:
        """Print one event: time, word, text."""
        if self.quiet:
            return
        self.rest()
        with self._whoever_reads():
            self.out.write(f"{self.now():%Y-%m-%dT%H:%M:%SZ} {word:<11} {plain(self.hide(text))}\n")
            self.out.flush()

    def alive(self, elapsed: float, text: str) -> None:
        """Show a sign of life: the live line on a terminal, elsewhere one line every ten
        minutes."""
        if self.quiet:
            return
        self._beat = min(self._beat, elapsed)  # another session or wait began
        if self.out.isatty():
            with self._whoever_reads():
                self._show(f"{elapsed:5.0f}s  {plain(text)}")
        elif elapsed - self._beat >= HEARTBEAT:
            self._beat = elapsed
            self.say("alive", text)

    def rest(self) -> None:
        """Take the live line away."""
        live, self._live = self._live, None
        if live is not None:
            with self._whoever_reads():
                live.stop()  # type: ignore[attr-defined]  # a rich Status; imported only where there is a terminal

    def result(self, text: str) -> None:
        """Print the run's result to standard output."""
        try:
            print(text, flush=True)
        except OSError:
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # what Python still holds for it goes there when it ends
                os.dup2(nowhere.fileno(), 1)

    @contextmanager
    def _whoever_reads(self) -> Iterator[None]:
        """A terminal that was closed, or a pipe that nobody reads, ends no run: it goes on unseen.

        A full disk may have room later.
        """
        try:
            yield
        except OSError as error:
            self.quiet = error.errno != errno.ENOSPC

    def _show(self, text: str) -> None:
        from rich.console import Console as Terminal
        from rich.status import Status
        from rich.text import Text

        if self._live is None:
            self._live = Status(Text(text), console=Terminal(file=self.out))
            self._live.start()
        elif isinstance(self._live, Status):
            self._live.update(Text(text))
