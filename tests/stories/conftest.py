"""The Python that the projects of these stories have."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _python(plain_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{plain_python}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def python_with_pytest(_python: None, slim_pytest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the stories whose project runs its tests with pytest."""
    monkeypatch.setenv("PATH", f"{slim_pytest}{os.pathsep}{os.environ['PATH']}")
