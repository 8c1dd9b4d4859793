"""The form in which a command works in the person's own shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

ASK = (
    "from nightlatch.util.command_name import install_command, loop_command; print(loop_command());"
    " print(install_command())"
)


def asked(*folders: Path) -> list[str]:
    path = os.pathsep.join([f"{sys.prefix}/bin", *map(str, folders)])
    env = {"PATH": path, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-P", "-c", ASK], env=env, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.mark.parametrize(
    ("programs", "loop", "install"),
    [
        ((), "python3 loop.py", f"pipx install {ROOT}"),
        (("python",), "python loop.py", f"pipx install {ROOT}"),
        (("uv",), "python3 loop.py", f"uv tool install {ROOT}"),
        (("uv", "pipx"), "python3 loop.py", f"pipx install {ROOT}"),
        (("nightlatch",), "python3 loop.py", "None"),
    ],
)
def test_what_init_sh_made_is_not_in_the_persons_shell(
    tmp_path: Path, programs: tuple[str, ...], loop: str, install: str
) -> None:
    for name in programs:
        (tmp_path / name).touch(0o755)
    assert asked(tmp_path) == [loop, install]
