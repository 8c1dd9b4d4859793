"""Read the journal of a run at work, from its end, without its lock."""

import fcntl
import os
from collections.abc import Mapping

from nightlatch.journal.events import TURNS
from nightlatch.journal.file_io import store_of
from nightlatch.project.project import Project


def holder(project: Project) -> int | None:
    """Return the process of the run that is at work, None where there is none."""
    try:
        fd = os.open(project.state / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(fd, 32) or 0)
    finally:
        os.close(fd)
    return None


def last_turn(project: Project) -> Mapping[str, object]:
    """Return the last thing that the journal says about where a run is: a start or an end, of the
    run or of a session."""
    return next(store_of(project.state).latest(TURNS), {})
