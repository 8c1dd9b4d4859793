"""How a person starts the program on this machine, in a shell of their own."""

import os
import sys
from shutil import which

from nightlatch import data

CLONE = data.ABOVE


def loop_command() -> str:
    """Return `python loop.py`, or `python3 loop.py` where `python` is not on PATH."""
    return f"{'python' if there('python') else 'python3'} loop.py"


def install_command() -> str | None:
    """Return the command that installs `nightlatch`, for a program that was started in its clone;
    None where it is installed."""
    if there("nightlatch") or not (CLONE / "pyproject.toml").is_file():
        return None
    return (
        f"uv tool install {CLONE}" if there("uv") and not there("pipx") else f"pipx install {CLONE}"
    )


def there(program: str) -> bool:
    """Return whether this program is on the person's PATH.

    The environment that init.sh made is not on its PATH.
    """
    ours = os.path.realpath(sys.prefix)
    known = [
        place
        for place in os.environ.get("PATH", "").split(":")
        if not os.path.realpath(place).startswith(f"{ours}/")
    ]
    return which(program, path=":".join(known)) is not None
