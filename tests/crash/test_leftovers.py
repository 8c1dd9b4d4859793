"""What a killed loop leaves besides its session: drafts and workspaces."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nightlatch.edge import files, workspace
from tests.loop.village import ROOT, feature, make_project, writes

TORN = """
import os, signal, sys
from pathlib import Path
from nightlatch.edge import files
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
files.replace(Path(sys.argv[1]), b"new")
"""


def torn(path: Path) -> None:
    """A file is replaced by a process that is killed just before its draft has all its bytes."""
    done = subprocess.run([sys.executable, "-c", TORN, str(path)], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL


def test_the_draft_of_a_killed_process_goes_and_that_of_a_living_one_and_a_persons_file_stay(tmp_path: Path) -> None:
    torn(tmp_path / "a")
    kept = [f".nightlatch-{files.mark()}-{0:032x}", ".nightlatch-1.1-mine", ".nightlatch-notes"]
    for name in kept:
        (tmp_path / name).write_text("x")
    assert len([*tmp_path.iterdir()]) == 4
    files.drop_drafts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_a_workspace_goes_when_another_process_has_the_number_of_its_own(tmp_path: Path) -> None:
    """As in a container, where each loop may be process 7."""
    pid, _, began = files.mark().partition(".")
    earlier = f"{pid}.{int(began) - 1}"
    names = {f"{pid}.{began}-now": True, f"{earlier}-before": False, f"{earlier}-flight": True, "999999998.5-gone": False}
    for name in names:
        (tmp_path / "ws" / name).mkdir(parents=True)
    workspace.sweep(tmp_path, keep=str(tmp_path / f"ws/{earlier}-flight"))
    assert {path.name for path in (tmp_path / "ws").iterdir()} == {name for name, stays in names.items() if stays}


@pytest.mark.sandbox
def test_nothing_of_a_killed_loop_stays_in_the_persons_checkout(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    torn(project.folder / "prd.json")
    assert project.git("status", "--porcelain").startswith("?? .nightlatch-")
    project.night([[writes(1)]])
    assert project.git("status", "--porcelain") == ""
