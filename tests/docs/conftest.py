"""The Python that the projects of these pages have: the standard library alone, which starts
fast."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _python(plain_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{plain_python}{os.pathsep}{os.environ['PATH']}")
