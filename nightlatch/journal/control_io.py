"""What a person asks of the run at work: to pause before its next session, to go on, to stop
after this one."""

from contextlib import suppress
from pathlib import Path

from nightlatch.project.project import Project
from nightlatch.util import fs

PAUSE, STOP, NOTHING = "pause", "stop", ""
TOLD = {PAUSE: "; paused before the next session", STOP: "; stops after this session", NOTHING: ""}


def ask(project: Project, process: int, wish: str) -> None:
    """Of this process and no other: a run that is started later does not stop for what was
    asked of this one."""
    fs.replace(path(project), f"{process} {wish}\n".encode())


def asked(project: Project, process: int | None) -> str:
    """Return what is asked of this run: pause, stop, or ""."""
    with suppress(OSError):
        of, _, wish = path(project).read_text("utf-8").strip().partition(" ")
        return wish if of == str(process) else NOTHING
    return NOTHING


def forget(project: Project) -> None:
    """A run begins without wishes, also one with the process number of an earlier run."""
    path(project).unlink(missing_ok=True)


def lift(project: Project) -> None:
    """Usage limits count no more: the person knows that they are over, by another account or a
    bigger plan."""
    fs.replace(project.state / "lifted", b"")


def are_lifted(project: Project) -> bool:
    """Did a person say so since the last look?"""
    return (project.state / "lifted").exists()


def taken_as_lifted(project: Project) -> None:
    """It is done, once."""
    (project.state / "lifted").unlink(missing_ok=True)


def path(project: Project) -> Path:
    return project.state / "wish"
