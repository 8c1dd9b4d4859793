"""Does a process, or one that it started, wait for connections?

A script that was to make an environment has started a server then.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

LISTENS = "0A"
SERVES = 20.0  # seconds that a server waits for connections before it is taken for one
IDLE = 1.0  # seconds of processor that a server needs meanwhile, at most


@dataclass(slots=True, kw_only=True)
class ListeningProcess:
    """Whether what was to end has become a server: `port` is where it listens, known once it
    has done so for a while and done nothing else. A build may have a server beside it."""

    began: float = 0.0
    worked: float = 0.0
    port: int | None = None

    def stays(self, pid: int) -> bool:
        """To be asked again and again while a process runs."""
        found = listening(pid)
        now = monotonic()
        used = worked(pid)
        if found is None or used - self.worked > IDLE:
            self.began, self.worked = 0.0, used
            return False
        self.began = self.began or now
        self.port = found if now - self.began > SERVES else None
        return self.port is not None


def listening(root: int) -> int | None:
    """Return a port on which the process or one below it listens, None where none does.

    By /proc: address families 4 and 6, any namespace.
    """
    for process in below(root):
        own = sockets(process)
        for kind in ("tcp", "tcp6") if own else ():
            with suppress(OSError):
                for line in (
                    Path(f"/proc/{process}/net/{kind}")
                    .read_text("ascii", "replace")
                    .splitlines()[1:]
                ):
                    fields = line.split()
                    if len(fields) > 9 and fields[3] == LISTENS and fields[9] in own:
                        return int(fields[1].rpartition(":")[2], 16)
    return None


def worked(root: int) -> float:
    """Seconds of processor that a process and all below it have used."""
    ticks = 0
    for process in below(root):
        with suppress(OSError, ValueError, IndexError):
            fields = (
                Path(f"/proc/{process}/stat")
                .read_text("ascii", "replace")
                .rpartition(")")[2]
                .split()
            )
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def below(root: int) -> Iterator[int]:
    """Yield the process and all that descend from it, as far as they can be seen."""
    yield root
    with suppress(OSError):
        for thread in Path(f"/proc/{root}/task").iterdir():
            with suppress(OSError):
                for child in (thread / "children").read_text("ascii").split():
                    yield from below(int(child))


def sockets(process: int) -> set[str]:
    """Return the inodes of the sockets that a process has open."""
    found: set[str] = set()
    with suppress(OSError):
        for opened in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                target = str(opened.readlink())
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found
