"""The loop is killed where it hurts, and started again: the same landings, nothing twice,
nothing left running."""

import os
import signal
from pathlib import Path

import pytest

from nightlatch.journal import file_io
from tests.stories.sample_project import Project, feature, left_running, make_project

pytestmark = pytest.mark.sandbox
AGENT = """n=${NIGHTLATCH_FEATURE#US-00}
nightlatch note verified "part $n is a till" --evidence "test -f till.py" --cite till.py:4-5
echo "$n" > "n$n.txt"
echo "def f(): return $n" > "part$n.py"
"""
SETTINGS = 'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\n'
FULL = bool(os.environ.get("NIGHTLATCH_FULL"))
MOST_STARTS = 60
FEATURES = 5 if FULL else 2
KILLS = range(1, MOST_STARTS) if FULL else range(3, MOST_STARTS, 4)
STARTS = range(1, 12) if FULL else (3, 8)


def village(folder: Path, features: int) -> Project:
    folder.mkdir(exist_ok=True)
    files = {"agent.sh": f"#!/bin/sh\n{AGENT}\n"}
    project = make_project(
        folder, [feature(n) for n in range(1, features + 1)], settings=SETTINGS, files=files
    )
    (project.folder / "agent.sh").chmod(0o755)
    project.commit("the agent may run")
    return project


def undisturbed(folder: Path, features: int) -> list[str]:
    project = village(folder, features)
    project.run("run")
    return project.landings()


def assert_whole(project: Project, expected: list[str], features: int, edited: str = "") -> None:
    assert project.landings() == expected
    assert project.passing() == [f"US-{n:03}" for n in range(1, features + 1)]
    assert project.git("status", "--porcelain") == edited
    sessions = [
        entry.details[-1].split()[1] for entry in project.entries() if entry.word == "landed"
    ]
    assert len(sessions) == len(set(sessions)) == features
    assert all(
        event is not None for event in file_io.read(project.folder / ".nightlatch/journal.jsonl")
    )
    assert left_running(project) == []
    assert project.git("for-each-ref", "refs/nightlatch/bases") == ""
    found = project.git("ls-tree", "--name-only", "HEAD", "findings/").split()
    told = [
        f"findings/{entry.feature}.toml" for entry in project.entries() if entry.word == "finding"
    ]
    noted = [
        note
        for kept in project.folder.glob(".nightlatch/sessions/*/notes.jsonl")
        for note in kept.read_text().splitlines()
    ]
    assert {*told} == {*found}
    assert len(noted) == len(found) >= features
    assert [
        *project.folder.parent.glob("cache/*/ws/*"),
        *project.folder.parent.glob("cache/*/trash/*"),
    ] == []


def test_a_night_that_is_killed_again_and_again_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """NIGHTLATCH_FULL takes five features and more starts."""
    expected = undisturbed(tmp_path / "calm", FEATURES)
    project, points = village(tmp_path / "storm", FEATURES), tmp_path / "points"
    codes = [project.killed(at, points) for at in KILLS]
    assert codes.count(-signal.SIGKILL) > 5
    project.run("run")
    assert_whole(project, expected, FEATURES)


@pytest.mark.parametrize("start", STARTS)
def test_one_kill_at_every_point_of_a_session(tmp_path: Path, start: int) -> None:
    """Each takes every eleventh point of a night of one feature; NIGHTLATCH_FULL takes every
    point of one of five."""
    features = 5 if FULL else 1
    expected = undisturbed(tmp_path / "calm", features)
    for at in range(start, 500, 11):
        folder = tmp_path / f"at{at}"
        project = village(folder, features)
        if project.killed(at, tmp_path / "points") == 0:
            break
        project.run("run")
        assert_whole(project, expected, features)
