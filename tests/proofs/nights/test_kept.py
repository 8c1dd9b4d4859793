"""Nights in which what passed is broken again: by later sessions, by the person's commits, by
what surrounds the repository."""

import json
import sys
import venv
from pathlib import Path

import pytest

from tests import PATIENCE
from tests.stories.sample_project import Project, feature, make_project, writes

SCRIPTED = 'agent = ["scripted"]\n'

# Ten ways in which a session can break what US-001 is verified by: n1.txt holds 1.
WAYS: dict[str, list[dict[str, object]]] = {
    "taken away": [{"delete": "n1.txt"}],
    "another text": [{"write": "n1.txt", "text": "2\n"}],
    "emptied": [{"write": "n1.txt", "text": ""}],
    "a line more": [{"append": "n1.txt", "text": "1\n"}],
    "moved": [{"run": "mkdir -p kept && mv n1.txt kept/"}],
    "renamed": [{"run": "mv n1.txt n01.txt"}],
    "a folder in its place": [{"run": "rm n1.txt && mkdir n1.txt && echo 1 > n1.txt/text"}],
    "a link to another": [{"run": "echo 7 > other.txt && ln -sf other.txt n1.txt"}],
    "a link to nothing": [{"run": "ln -sf nowhere n1.txt"}],
    "another encoding": [{"run": r"printf '\376\377\0001\0\n' > n1.txt"}],
}


def test_a_night_of_thirty_in_which_ten_sessions_break_what_passed(tmp_path: Path) -> None:
    """None of the ten lands as it is, and at the end everything that says it passes is proved."""
    project = make_project(tmp_path, [feature(n) for n in range(1, 31)], settings=SCRIPTED)
    repaired: list[dict[str, object]] = [{"run": "rm -rf n1.txt kept n01.txt other.txt"}, writes(1)]
    nights = {f"US-{n:03}": [[writes(n)]] for n in range(1, 31)}
    broken = {f"US-{3 * k + 2:03}": steps for k, steps in enumerate(WAYS.values())}
    for name, steps in broken.items():
        own = writes(int(name[-3:]))
        nights[name] = [[own, *steps], [own, *repaired]]
    script = project.script(nights)
    process = project.start("run", env={"NIGHTLATCH_SCRIPT": str(script)})
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, f"{out}\n{err}"
    outcomes = project.outcomes()
    assert [
        name for word, name, rule in outcomes if (word, rule) == ("rejected", "verify.broken")
    ] == list(broken)
    assert sum(word == "landed" for word, _, _ in outcomes) == 30
    assert "every feature passes" in project.git("show", "HEAD:progress.txt")
    assert "30 proved again, 0 by a person's word, 0 failed" in project.run("verify").stdout


def test_what_a_persons_commit_broke_is_work_again(tmp_path: Path) -> None:
    """The flag of a feature that the loop had proved does not outlive its proof, whoever ended
    it."""
    project = make_project(tmp_path, [feature(1), feature(2)], settings=SCRIPTED)
    project.night([[writes(1)]], "--once")
    project.write("n1.txt", "something else\n")
    project.commit("tidy")
    honest = {"US-001": [[writes(1)]], "US-002": [[writes(2)]]}
    project.night(honest, "--once")
    notes = [entry for entry in project.entries() if entry.word == "note"]
    assert [(entry.feature, entry.title.partition(" red")[0]) for entry in notes] == [
        ("US-001", "slipped: its verify is")
    ]
    # it was repaired in the same night
    assert "DECIDE" not in project.git("show", "HEAD:progress.txt")
    project.night(honest)
    assert project.passing() == ["US-001", "US-002"]
    assert "2 proved again, 0 by a person's word, 0 failed" in project.run("verify").stdout


def test_a_flag_that_slipped_back_is_a_decision_in_the_morning(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1), feature(2)], settings=SCRIPTED)
    project.night([[writes(1)]], "--once")
    project.write("n1.txt", "something else\n")
    project.commit("tidy")
    told = project.night([[{"say": "nothing"}]], "--once", code=None).stdout
    assert "DECIDE  US-001 Number 1 slipped: its verify is red at" in told
    assert "python loop.py hold US-001" in told
    [one] = json.loads(project.run("report", "--json").stdout)["decide"]
    assert (one["feature"], one["kind"]) == ("US-001", "slipped")
    project.night([[writes(1)]], "--once")
    assert json.loads(project.run("report", "--json").stdout)["decide"] == []


def test_a_run_never_says_that_everything_passes_where_it_does_not(tmp_path: Path) -> None:
    """A flag that a person gave stays as they gave it, and the run ends by saying that its
    verify is red."""
    project = make_project(tmp_path, [feature(1, passes=True), feature(2)], settings=SCRIPTED)
    told = project.night([[writes(2)]], code=3)
    assert "US-001 is marked as passing, but its verify is red: nightlatch verify" in told.stdout
    assert "every feature passes" not in told.stdout
    report = project.run("report").stdout
    assert "its verify is red: repair it, or set its flag to false" in " ".join(report.split())
    assert "nothing is left to do" not in report
    assert project.passing() == ["US-001", "US-002"]
    project.write("n1.txt", "1\n")
    project.commit("there it is")
    assert "every feature passes" in project.night([[]]).stdout


def test_a_verify_that_cannot_be_run_at_the_end_is_a_fault(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, [feature(1, passes=True, verify="no-such-program")], settings=SCRIPTED
    )
    told = project.night([[]], code=4)
    assert "the verify of US-001 cannot be run" in told.stdout


def test_two_features_that_slip_at_once_are_both_work_again(tmp_path: Path) -> None:
    """What the last landing broke beside the tree is taken back for each of them, none is left to
    the person as if they had marked it."""
    verify = "test -e n{0}.txt && grep -qx on state/switch"
    project = make_project(
        tmp_path,
        [feature(1, verify=verify.format(1)), feature(2, verify=verify.format(2)), feature(3)],
        settings=(
            f'{SCRIPTED}[workspace]\nshare = ["state"]\n[limits]\nsessions = 4\n[land]\n'
            'after = "git log -1 --format=%s | grep -q US-003 && echo off > state/switch; true"\n'
        ),
        files={".gitignore": "state/\n"},
    )
    project.write("state/switch", "on\n")
    nights = {f"US-00{n}": [[writes(n)]] for n in (1, 2, 3)}
    told = project.night(nights, code=None)
    notes = [entry for entry in project.entries() if entry.word == "note"]
    assert [(entry.feature, entry.title.partition(" red")[0]) for entry in notes] == [
        ("US-001", "slipped: its verify is"),
        ("US-002", "slipped: its verify is"),
    ], told.stdout
    assert project.passing() == ["US-003"]


def python_project(
    tmp_path: Path, stories: list[dict[str, object]], settings: str, files: dict[str, str]
) -> Project:
    return make_project(
        tmp_path,
        stories,
        settings=settings,
        files={".gitignore": ".venv/\n.env.test\n__pycache__/\n", **files},
    )


def with_package(project: Project, version: int) -> None:
    """An environment of the person's own, untracked and shared with every workspace, that has a
    package of this version."""
    place = project.folder / ".venv"
    if not place.exists():
        venv.create(place, symlinks=True)
    packages = place / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    (packages / "depx.py").write_text(f"V = {version}\n")


NEEDS = (
    "import unittest\nimport depx\n\n\nclass Dep(unittest.TestCase):\n    def test_dep(self):\n    "
    "    self.assertEqual(depx.V, 1)\n"
)
SHARED = f'{SCRIPTED}[workspace]\nshare = [".venv"]\n'


@pytest.mark.sandbox
def test_a_dependency_that_changed_is_seen_before_anything_is_held_against_a_session(
    tmp_path: Path,
) -> None:
    project = python_project(tmp_path, [feature(1)], SHARED, {"tests/test_dep.py": NEEDS})
    with_package(project, 1)
    assert "base: 2 pass, 0 fail" in project.run("doctor", code=None).stdout
    with_package(project, 22)
    assert "base: 1 pass, 1 fail" in project.run("doctor", code=None).stdout
    told = project.night([[writes(1)]])
    assert project.passing() == ["US-001"]
    assert "branch  red, 1 pass, 1 fail" in told.stdout


@pytest.mark.sandbox
def test_a_verify_finds_what_the_suite_finds(tmp_path: Path) -> None:
    """The project's own environment comes first on PATH for verify commands and checks as well."""
    story = feature(1, verify='python3 -c \'import depx; assert open("n1.txt").read() == "1\\n"\'')
    check = "#!/bin/sh\nexec python3 -c 'import depx'\n"
    project = python_project(
        tmp_path, [story], SHARED, {"tests/test_dep.py": NEEDS, "checks/20-dep": check}
    )
    (project.folder / "checks/20-dep").chmod(0o755)
    project.commit("the check may run")
    with_package(project, 1)
    assert "its verify is red now (FileNotFoundError" in project.run("doctor", code=None).stdout
    project.night([[writes(1)]])
    assert project.passing() == ["US-001"]


@pytest.mark.sandbox
def test_what_a_fix_changes_beside_the_tree_has_its_effect_at_once(tmp_path: Path) -> None:
    test = (
        "import pathlib\nimport unittest\n\n\nclass Env(unittest.TestCase):\n    def"
        " test_env(self):\n"
    )
    test += '        self.assertTrue(pathlib.Path(".env.test").exists())\n'
    project = python_project(tmp_path, [feature(1)], SCRIPTED, {"tests/test_env.py": test})
    project.write(".env.test", "A=1\n")
    assert "base: 1 pass, 1 fail" in project.run("doctor", code=None).stdout
    project.write("loop.toml", f'{SCRIPTED}[workspace]\ncopy = [".env.test"]\n')
    assert "base: 2 pass, 0 fail" in project.run("doctor", code=None).stdout


def test_what_a_verify_lacks_is_said_before_anything_is_paid_for(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        [feature(1, verify="python3 -c 'import depy'")],
        settings=SCRIPTED,
        files={"requirements.txt": "depy==1\n"},
    )
    told = project.run("doctor", code=1).stdout
    assert "FAIL  US-001: its verify is red because the module depy is missing" in told
    project.night([[writes(1)]], code=4)
    assert {(word, rule) for word, _, rule in project.outcomes()} == {("failed", "verify.fault")}
    costs = json.loads(project.run("report", "--json").stdout)["cost"]
    assert costs["usd"] in (None, 0, 0.0)


def test_each_run_sees_its_base_green_itself(tmp_path: Path) -> None:
    """A result that was kept is not what a night begins with."""
    project = make_project(tmp_path, [feature(1), feature(2)], settings=SCRIPTED)
    project.night([[writes(1)]], "--once")
    for file in (project.folder / ".nightlatch/cache").glob("tests-*.json"):
        kept = json.loads(file.read_text())
        kept["ids"] = {"tests/test_gone.py::Gone::test_it": "passed"}
        file.write_text(json.dumps(kept))
    project.night([[writes(2)]])
    assert project.passing() == ["US-001", "US-002"]
