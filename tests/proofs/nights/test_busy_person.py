"""Whole nights beside a person who uses git all the time: no landed line is lost, and no flag
is true whose proof fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.proofs.nights.busy_person import SLOTS, Person
from tests.stories.sample_project import Project, feature, make_project

NIGHTS = 200 if os.environ.get("NIGHTLATCH_FULL") else 6
SETTINGS = '[workspace]\nsandbox = "none"\n[limits]\nattempts = 2\n'
FEATURES = 3


def landing(n: int) -> list[dict[str, object]]:
    """The work of a feature: a line of its own in a file that everybody writes to."""
    return [
        {"run": f"grep -qx 'landed {n}' shared.txt || sed -i '/^slot {n}$/a landed {n}' shared.txt"}
    ]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    stories = [
        feature(n, verify=f"grep -qx 'landed {n}' shared.txt") for n in range(1, FEATURES + 1)
    ]
    slots = "".join(f"slot {n}\n" for n in range(SLOTS))
    project = make_project(
        tmp_path, stories, settings=SETTINGS, files={"shared.txt": slots, "theirs.txt": "first\n"}
    )
    project.git("clone", "-q", "--bare", ".", "../origin.git")
    project.git("remote", "add", "origin", "../origin.git")
    project.git("clone", "-q", "../origin.git", "../colleague")
    return project


@pytest.mark.parametrize("seed", range(NIGHTS))
def test_a_night_beside_a_person_who_uses_git_loses_no_line_of_anybodys(
    project: Project, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = project.script({f"US-{n:03}": [landing(n)] for n in range(1, FEATURES + 1)})
    env = {
        **os.environ,
        **project.env,
        "PYTHONPATH": str(ROOT),
        "SEED": str(seed),
        "NIGHTLATCH_SCRIPT": str(script),
    }
    busy = [
        sys.executable,
        str(ROOT / "tests/proofs/nights/busy_person.py"),
        "run",
        "--agent",
        "scripted",
    ]
    done = subprocess.run(
        busy, cwd=project.folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 3), done.stderr
    deeds = (project.folder.parent / "deeds").read_text()

    monkeypatch.chdir(project.folder)
    person = Person("the morning")
    person.resolve()
    person.commit_all()
    for _ in project.git("stash", "list").splitlines():
        if not person.git("stash", "pop", "-q"):
            assert person.unmerged(), deeds
            person.resolve()
            person.git("stash", "drop", "-q")  # git keeps one whose pop was a conflict
        person.commit_all()

    kept = project.git("show", "main:shared.txt").splitlines()
    trailers = project.git(
        "log", "--format=%(trailers:key=Nightlatch-Feature,valueonly)", "main"
    ).split()
    landed = {f"landed {int(name.removeprefix('US-'))}" for name in trailers}
    assert landed - {*kept} == set(), deeds
    own = {line.strip() for line in deeds.splitlines() if line.startswith("  mine ")}
    assert own - {*kept} == set(), deeds
    assert project.git("status", "--porcelain") == "", deeds
    assert {f"landed {int(name.removeprefix('US-'))}" for name in project.passing()} <= {*kept}, (
        deeds
    )
    project.run("verify")
