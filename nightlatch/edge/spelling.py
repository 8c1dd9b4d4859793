"""How a person starts the loop on this machine."""

from shutil import which


def loop_command() -> str:
    """`python loop.py`; where there is no such program, as on a plain Debian, python3."""
    return f"{'python' if which('python') else 'python3'} loop.py"
