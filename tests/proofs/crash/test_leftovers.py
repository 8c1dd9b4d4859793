"""What a killed loop leaves besides its session: drafts, workspaces, and what was known when
the session began."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nightlatch.util import fs
from nightlatch.workspace import workspace
from tests import ROOT
from tests.stories.sample_project import Project, feature, make_project, writes

TORN = """
import os, signal, sys
from pathlib import Path
from nightlatch.util import fs
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
fs.replace(Path(sys.argv[1]), b"new")
"""
HALF_AGENT = """#!/bin/sh
if [ -e part.py ]; then echo more >more.txt; exit; fi
echo 'def part(): return 1' >part.py
printf 'import unittest, part\\nclass T(unittest.TestCase):\\n    def test_it(self): self.assertTrue(part.part())\\n' >tests/test_part.py
"""
SETTINGS = 'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\n'


def torn(path: Path) -> None:
    """A file is replaced by a process that is killed just before its draft has all its bytes."""
    done = subprocess.run(
        [sys.executable, "-c", TORN, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def test_the_draft_of_a_killed_process_goes_and_that_of_a_living_one_and_a_persons_file_stay(
    tmp_path: Path,
) -> None:
    torn(tmp_path / "a")
    kept = [f".nightlatch-{fs.mark()}-{0:032x}", ".nightlatch-1.1-mine", ".nightlatch-notes"]
    for name in kept:
        (tmp_path / name).write_text("x")
    assert len([*tmp_path.iterdir()]) == 4
    fs.drop_drafts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_a_workspace_goes_when_another_process_has_the_number_of_its_own(tmp_path: Path) -> None:
    """As in a container, where each loop may be process 7."""
    pid, _, began = fs.mark().partition(".")
    earlier = f"{pid}.{int(began) - 1}"
    names = {
        f"{pid}.{began}-now": True,
        f"{earlier}-before": False,
        f"{earlier}-flight": True,
        "999999998.5-gone": False,
    }
    for name in names:
        (tmp_path / "ws" / name).mkdir(parents=True)
    workspace.sweep(tmp_path, keep=str(tmp_path / f"ws/{earlier}-flight"))
    assert {path.name for path in (tmp_path / "ws").iterdir()} == {
        name for name, stays in names.items() if stays
    }


@pytest.mark.sandbox
def test_nothing_of_a_killed_loop_stays_in_the_persons_checkout(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    torn(project.folder / "prd.json")
    assert project.git("status", "--porcelain").startswith("?? .nightlatch-")
    project.night([[writes(1)]])
    assert project.git("status", "--porcelain") == ""


@pytest.mark.sandbox
def test_a_loop_that_is_killed_during_a_check_leaves_nothing_where_temporary_files_lie(
    tmp_path: Path,
) -> None:
    project, temporary = (
        make_project(tmp_path, [feature(1, verify="touch here; sleep 1000")]),
        tmp_path / "tmp",
    )
    temporary.mkdir()
    script = {"TMPDIR": str(temporary), "NIGHTLATCH_SCRIPT": str(project.script([[writes(1)]]))}
    with project.start("run", "--agent", "scripted", env=script) as loop:
        while not any(tmp_path.glob("cache/*/ws/*/tree/here")):
            assert loop.poll() is None
        loop.kill()
        loop.communicate()
    assert [*temporary.iterdir()] == []


@pytest.mark.sandbox
def test_the_room_of_a_judge_whose_loop_is_killed_goes_with_the_next_start(tmp_path: Path) -> None:
    judge = (
        '[judge]\nagent = "slow"\n[agents.slow]\ncommand = ["sh", "-c", "touch here; sleep 1000"]\n'
    )
    project, temporary = (
        make_project(tmp_path, [feature(1, verify=[])], settings=judge),
        tmp_path / "tmp",
    )
    temporary.mkdir()
    env = {"TMPDIR": str(temporary), "NIGHTLATCH_SCRIPT": str(project.script([[writes(1)]]))}
    with project.start("run", "--agent", "scripted", env=env) as loop:
        while not (rooms := [*tmp_path.glob("cache/*/ws/*/case/here")]):
            assert loop.poll() is None
        loop.kill()
        loop.communicate()
    assert [*temporary.iterdir()] == []
    assert rooms[0].exists(), "nobody was left to take it away"
    project.run("run", "--agent", "scripted", env={**env, "NIGHTLATCH_JUDGE_WHEN": "never"}, code=3)
    assert [*tmp_path.glob("cache/*/ws/*"), *tmp_path.glob("cache/*/trash/*")] == []


@pytest.mark.sandbox
def test_a_session_that_added_nothing_is_refused_also_when_the_loop_is_killed_before_it_looked(
    tmp_path: Path,
) -> None:
    """What it began with is no progress of its own."""
    project: Project = make_project(
        tmp_path, [feature(1)], settings=SETTINGS, files={"agent.sh": HALF_AGENT}
    )
    (project.folder / "agent.sh").chmod(0o755)
    project.commit("the agent may run")
    project.run("run", "--sessions", "1")
    assert project.killed("before candidate.built", tmp_path / "points") == -signal.SIGKILL
    project.run("run", "--sessions", "1")
    assert [(word, rule) for word, _, rule in project.outcomes()][:2] == [
        ("advanced", "verify.red"),
        ("rejected", "verify.red"),
    ]
