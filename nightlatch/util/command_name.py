"""How a person starts the program on this machine, in a shell of their own."""

import os
import sys
from shutil import which

from nightlatch import data

CLONE = data.ABOVE


def loop_command() -> str:
    """`python loop.py`; where there is no such program, as on a plain Debian, python3."""
    return f"{'python' if there('python') else 'python3'} loop.py"


def install_command() -> str | None:
    """What makes `nightlatch` a command, for a program that was started in its clone; None
    where it is one."""
    if there("nightlatch") or not (CLONE / "pyproject.toml").is_file():
        return None
    return (
        f"uv tool install {CLONE}" if there("uv") and not there("pipx") else f"pipx install {CLONE}"
    )


def there(program: str) -> bool:
    """Is this a program in a shell of the person's?

    The environment that init.sh made is not on its PATH.
    """
    ours = os.path.realpath(sys.prefix)
    known = [
        place
        for place in os.environ.get("PATH", "").split(":")
        if not os.path.realpath(place).startswith(f"{ours}/")
    ]
    return which(program, path=":".join(known)) is not None
