"""A run that needs no terminal: started anew in a session of its own, which no hang-up reaches,
its words in a file."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nightlatch.project.discovery import state_folder
from nightlatch.project.project import Project
from nightlatch.util import outside
from nightlatch.util.fs import Lock

LOOK = 0.05  # seconds: the person waits for the prompt
STARTED = re.compile(r"^\S+Z run +(r-\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached:
    """A run in the background, or what came of it at once: `code` is None while it goes on,
    `said` what it has written so far."""

    process: int
    run: str
    log: Path
    code: int | None
    said: str


def detach(project: Project) -> Detached:
    """Start this very command again, without `--detach`, and wait until its run has begun or
    has ended. Raises BusyError."""
    state_folder(project)
    # asked here, so that the sentence stands on the terminal and not in a log that nobody reads
    with Lock(project.state / "lock"):
        pass
    argv = [sys.executable, "-P", *(word for word in sys.orig_argv[1:] if word != "--detach")]
    log = project.state / "run.log"
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "ab") as out:
        before = os.fstat(fd).st_size
        env = outside.environment(None, project.repo.top) | outside.set_aside()
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=env
        )
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
        said = log.read_bytes()[before:].decode("utf-8", "replace")
        begun = STARTED.search(said)
        if begun or process.returncode is not None:
            return Detached(
                process=process.pid,
                run=begun[1] if begun else "",
                log=log,
                code=process.returncode,
                said=said,
            )
