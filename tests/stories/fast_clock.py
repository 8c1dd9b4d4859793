"""A night on a clock that is handed in: fast_clock.py SECONDS [SETTING=VALUE...] in a project.

It waits by turning its hands on.

SECONDS is how far the clock is ahead when the night begins.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

sys.path.insert(0, str(Path.cwd()))

from loop import run
from nightlatch.run.context import Clock, Options


class Hands:
    def __init__(self, ahead: float) -> None:
        self.ahead = timedelta(seconds=ahead)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def wait(self, _event: Event, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


if __name__ == "__main__":
    hands, flags = Hands(float(sys.argv[1])), dict(word.split("=", 1) for word in sys.argv[2:])
    sys.exit(
        run(
            Options(
                flags={**flags, "agent": flags["agent"].split(",")},
                clock=Clock(now=hands.now, wait=hands.wait),
            )
        )
    )
