"""What a person asks of the run at work: to pause before its next session, to go on, to stop
after this one."""

from contextlib import suppress
from pathlib import Path

from nightlatch.edge import files
from nightlatch.edge.house import House

PAUSE, STOP, NOTHING = "pause", "stop", ""
TOLD = {PAUSE: "; paused before the next session", STOP: "; stops after this session", NOTHING: ""}


def ask(house: House, process: int, wish: str) -> None:
    """Of this process and no other: a run that is started later does not stop for what was
    asked of this one."""
    files.replace(path(house), f"{process} {wish}\n".encode())


def asked(house: House, process: int | None) -> str:
    """What is asked of this run: pause, stop, or ""."""
    with suppress(OSError):
        of, _, wish = path(house).read_text("utf-8").strip().partition(" ")
        return wish if of == str(process) else NOTHING
    return NOTHING


def forget(house: House) -> None:
    """A run begins without wishes, also one with the process number of an earlier run."""
    path(house).unlink(missing_ok=True)


def lift(house: House) -> None:
    """Usage limits count no more: the person knows that they are over, by another account or a
    bigger plan."""
    files.replace(house.state / "lifted", b"")


def are_lifted(house: House) -> bool:
    """Did a person say so since the last look?"""
    return (house.state / "lifted").exists()


def taken_as_lifted(house: House) -> None:
    """It is done, once."""
    (house.state / "lifted").unlink(missing_ok=True)


def path(house: House) -> Path:
    return house.state / "wish"
