"""The project that the tests of the command line begin with."""

from pathlib import Path

import pytest

from tests.io.cli.cli_project import Project


@pytest.fixture
def project(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Project:
    return Project(folder=repository, capsys=capsys, monkeypatch=monkeypatch)
