"""A loop.py that an earlier `init` wrote goes on working: it is the person's file."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import PATIENCE
from tests.stories.sample_project import feature, make_project, writes

OLDER = Path(__file__).with_name("loop_files") / "2026-11.txt"


@pytest.mark.sandbox
def test_a_night_runs_by_the_loop_py_of_the_last_release(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    text = OLDER.read_text(encoding="utf-8")
    marked = text.replace("with night.opened", 'print("an older loop")\n    with night.opened', 1)
    project.write("loop.py", marked, mode=0o755)
    project.commit("the loop that an earlier version wrote")
    done = subprocess.run(
        [sys.executable, "loop.py", "--agent", "scripted"],
        cwd=project.folder,
        env=project.environment({"NIGHTLATCH_SCRIPT": str(project.script([[writes(1)]]))}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, "an older loop" in done.stdout) == (0, True), done.stderr
    assert project.passing() == ["US-001"]
