"""What a wheel holds: the package with its data, the command, and no module called loop."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

BUILD = "from setuptools import setup; setup()"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a wheel would hold, built offline from a copy of the sources."""
    pytest.importorskip(
        "setuptools",
        reason="this Python's environments come without setuptools, and tests fetch nothing",
    )
    source, lib = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("lib")
    for name in ("pyproject.toml", "README.md"):
        (source / name).write_bytes((ROOT / name).read_bytes() if (ROOT / name).exists() else b"")
    shutil.copytree(
        ROOT / "nightlatch", source / "nightlatch", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "loop.py", source)
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", BUILD, "-q", "build", "--build-lib", str(lib)]
    subprocess.run(command, cwd=source, env=env, check=True, capture_output=True)
    return lib


def test_a_wheel_holds_one_package_and_no_module_called_loop(built: Path) -> None:
    assert [entry.name for entry in built.iterdir()] == ["nightlatch"]


def test_a_wheel_holds_every_file_of_the_package(built: Path) -> None:
    package = ROOT / "nightlatch"
    wanted = {
        f.relative_to(package)
        for f in package.rglob("*")
        if f.is_file() and "__pycache__" not in f.parts
    }
    assert wanted - {f.relative_to(built / "nightlatch") for f in built.rglob("*")} == set()


def test_what_was_built_runs_without_the_sources(built: Path, repository: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(built)}
    program = "import sys; from nightlatch.cli import main; sys.exit(main())"
    for args in (["init"], ["schema"], ["help", "prd"]):
        subprocess.run(
            [sys.executable, "-c", program, *args],
            cwd=repository,
            env=env,
            check=True,
            capture_output=True,
        )
    assert (repository / "loop.py").read_bytes() == (ROOT / "loop.py").read_bytes()
