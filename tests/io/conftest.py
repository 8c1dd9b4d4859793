"""Another user, for tests run by root."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory

import pytest

from tests import ROOT

NOBODY = 65534


@pytest.fixture
def as_user() -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Runs a Python program as an ordinary user with a home of their own."""
    with TemporaryDirectory() as home:
        os.chown(home, NOBODY, NOBODY)
        env = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

        def run_it(program: str, interpreter: str = "") -> subprocess.CompletedProcess[str]:
            interpreter = interpreter or next(
                filter(works, (sys.executable, "/usr/bin/python3")), ""
            )
            if not interpreter:
                pytest.skip(
                    "another user can read neither the interpreter of these tests nor a system one"
                    " of 3.11 or newer"
                )
            argv = [interpreter, "-c", program]
            return subprocess.run(
                argv,
                cwd="/",
                env=env,
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                check=False,
                capture_output=True,
                text=True,
            )

        def works(interpreter: str) -> bool:
            try:
                return run_it("import nightlatch.sandbox.find", interpreter).returncode == 0
            except PermissionError:
                return False

        yield run_it
