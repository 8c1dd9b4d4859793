"""Clocks that go by what happens.

A process is held to its limits by them as by time, and a busy machine changes nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Since:
    """Begins when something has happened: what a busy machine takes until then does not count."""

    happened: Callable[[], bool]
    began: float = 0.0

    def __call__(self) -> float:
        if not self.began and self.happened():
            self.began = time.monotonic()
        return time.monotonic() - self.began if self.began else 0.0


@dataclass
class Talked:
    """Goes on by a second each time that there is more of what is counted."""

    count: Callable[[], int]
    known: int = 0
    seconds: float = 0.0

    def __call__(self) -> float:
        self.seconds += self.count() > self.known
        self.known = self.count()
        return self.seconds
