"""What doctor and the FAQ tell people to do is done here, word for word, and helps."""

import json
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import ROOT
from tests.proofs.nights.test_kinds_of_repository import library_of
from tests.stories.fixtures import project_at
from tests.stories.sample_project import Project, feature, make_project, writes

pytestmark = pytest.mark.sandbox
SETTING = re.compile(
    r"^(?P<key>\w+) = (?P<value>\[.*?\]|\".*?\"|\w+) under \[(?P<table>\w+)\] in loop\.toml"
)
DOTTED = re.compile(r"(?P<table>\w+)\.(?P<key>\w+) = (?P<value>\[.*?\]|\".*?\"|\w+)")
IN_PLAN = re.compile(r'(?P<what>"\w+": \[.*?\]) in (?P<feature>[\w-]+);')
READS_ENV = (
    "import unittest\nclass Env(unittest.TestCase):\n    def test_it(self):"
    ' self.assertTrue(open("local.cfg").read())\n'
)
CALLS = """import socket, unittest
class Db(unittest.TestCase):
    def test_db(self): socket.create_connection(("127.0.0.1", {port}), 5).close()
"""


def findings(project: Project) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(project.run("doctor", "--json", code=None).stdout)[
        "findings"
    ]
    return [one for one in found if one["level"] != "ok"]


def follow(project: Project, advice: str) -> None:
    """Do what a fix says: run its command, say it in the plan, or write settings into loop.toml."""
    advice = advice.replace("commit them, then ", "git commit -qam mine && ")
    if advice.startswith(("git ", "chmod ")):
        # of a rebase that is under way nothing is left to be continued
        ways = advice.split(", or ")
        command = ways[-1] if "--abort" in advice else ways[0]
        subprocess.run(["sh", "-ec", command], cwd=project.folder, check=True, capture_output=True)
        return
    if found := IN_PLAN.match(advice):
        plan = json.loads((project.folder / "prd.json").read_text())
        for story in plan["userStories"]:
            story.update(
                json.loads(f"{{{found['what']}}}") if story["id"] == found["feature"] else {}
            )
        project.write("prd.json", json.dumps(plan))
        return
    settings = [found for found in [SETTING.match(advice)] if found] or [*DOTTED.finditer(advice)]
    assert settings, advice
    for found in settings:
        write_setting(project, found["table"], found["key"], found["value"])
    project.git("commit", "-q", "-am", "as doctor says")


def write_setting(project: Project, table: str, key: str, value: str) -> None:
    """Put a value where init has written its default."""
    lines, at, done = (project.folder / "loop.toml").read_text().splitlines(), "", False
    for n, line in enumerate(lines):
        at = line.strip("[]") if line.startswith("[") else at
        if at == table and line.startswith(f"{key} = "):
            lines[n], done = f"{key} = {value}", True
    assert done, f"{table}.{key}"
    project.write("loop.toml", "\n".join(lines) + "\n")


def lacking_submodule(folder: Path) -> Project:
    origin = make_project(folder, [feature(1)])
    library_of(origin, folder)
    origin.git("clone", "-q", str(origin.folder), str(folder / "clone"))
    return project_at(folder / "clone", folder)


def lacking_filter(folder: Path) -> Project:
    return make_project(
        folder, [feature(1)], files={".gitattributes": "*.bin filter=lfs\n", "a.bin": "not large\n"}
    )


def detached(folder: Path) -> Project:
    project = make_project(folder, [feature(1)])
    project.git("checkout", "-q", "--detach")
    return project


def untracked(folder: Path) -> Project:
    files = {"tests/test_env.py": READS_ENV, ".gitignore": "local.cfg\n"}
    project = make_project(folder, [feature(1)], files=files)
    project.write("local.cfg", "here\n")
    return project


def rebasing(folder: Path) -> Project:
    project = make_project(folder, [feature(1)], files={"notes.txt": "first\n"})
    project.git("switch", "-q", "-c", "other")
    project.write("notes.txt", "theirs\n")
    project.git("commit", "-q", "-am", "theirs")
    project.git("switch", "-q", "main")
    project.write("notes.txt", "mine\n")
    project.git("commit", "-q", "-am", "mine")
    subprocess.run(
        ["git", "rebase", "-q", "other"],
        cwd=project.folder,
        env=project.env,
        check=False,
        capture_output=True,
    )
    return project


def elsewhere(folder: Path) -> Project:
    project = make_project(folder, [feature(1)], files={"notes.txt": "first\n"})
    plan = json.loads((project.folder / "prd.json").read_text())
    project.write("prd.json", json.dumps({"branchName": "night", **plan}))
    project.git("branch", "night")
    project.git("commit", "-q", "-am", "another branch")
    project.git("branch", "-f", "night")
    project.write("notes.txt", "an edit\n")
    return project


def idle_check(folder: Path) -> Project:
    project = make_project(folder, [feature(1)])
    project.write("checks/20-own", "#!/bin/sh\nexit 0\n")
    project.commit("a check that nobody may start")
    return project


def protected_file(folder: Path) -> Project:
    return make_project(folder, [feature(1, title="Have .github/workflows/ci.yml run once a week")])


def without_sandbox(folder: Path) -> Project:
    project = make_project(folder, [feature(1)])
    write_setting(project, "workspace", "sandbox", '"none"')
    project.commit("no sandbox")
    return project


def unlimited(folder: Path) -> Project:
    return make_project(folder, [feature(1)])


@pytest.mark.parametrize(
    ("arrange", "problem"),
    [
        (lacking_submodule, "submodules that this clone does not have are empty"),
        (lacking_filter, "git has no filter lfs here"),
        (detached, "HEAD is detached"),
        (untracked, "not with the files that git does not have (local.cfg): tests/test_env.py"),
        (unlimited, "no limit of memory and processes"),
        (rebasing, "a rebase is under way in the checkout"),
        (elsewhere, "the plan lands on night, and the checkout has edits"),
        (idle_check, "checks/20-own is not executable, so it never runs"),
        (protected_file, "names .github/workflows/ci.yml, which is protected"),
        (without_sandbox, "none: agents can read and write everything that you can"),
    ],
)
def test_what_doctor_says_helps_when_it_is_done(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arrange: Callable[[Path], Project],
    problem: str,
) -> None:
    # some of it sets up the person's git
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text(
        '[user]\n\tname = Ada\n\temail = ada@example.org\n[protocol "file"]\n\tallow = always\n'
    )
    project = arrange(tmp_path)
    found = findings(project)
    told = [one for one in found if problem in one["says"]]
    assert len(told) == 1, found

    follow(project, told[0]["fix"])

    assert [one for one in findings(project) if problem in one["says"]] == []
    project.night([[writes(1)]])
    assert project.passing() == ["US-001"]


def test_the_way_that_doctor_names_opens_the_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        calls = CALLS.format(port=server.getsockname()[1])
        project = make_project(tmp_path, [feature(1)], files={"tests/test_db.py": calls})
        told = [one for one in findings(project) if one["topic"] == "reach"]
        assert len(told) == 1
        follow(project, re.sub(r" opens exactly that.*", "", told[0]["fix"]))
        assert [
            one for one in findings(project) if one["topic"] in ("reach", "network", "base")
        ] == []
        project.night([[writes(1)]])
    assert "green, 2 pass, 0 fail" in project.git("show", "HEAD:progress.txt")


@pytest.mark.parametrize(("side", "line"), [("--ours", "landed"), ("--theirs", "mine")])
def test_a_conflict_is_ended_as_the_faq_says(tmp_path: Path, side: str, line: str) -> None:
    project = make_project(
        tmp_path, [feature(1, verify="grep -q landed notes.txt")], files={"notes.txt": "first\n"}
    )
    project.write("notes.txt", "mine\n")
    project.night([[{"write": "notes.txt", "text": "landed\n"}]])
    assert project.git("status", "--porcelain") == "UU notes.txt\n"
    faq = (ROOT / "docs/faq.md").read_text()
    assert f"`git checkout {side} FILE`" in faq
    project.git("checkout", side, "notes.txt")
    project.git("add", "notes.txt")
    project.git("commit", "-q", "--allow-empty", "-m", "mine")
    assert project.git("show", "HEAD:notes.txt") == f"{line}\n"
    assert project.git("status", "--porcelain") == ""


def test_red_tests_are_tolerated_as_the_faq_says(tmp_path: Path) -> None:
    fails = "import unittest\nclass Red(unittest.TestCase):\n" + "".join(
        f"    def test_{n}(self): self.fail()\n" for n in range(7)
    )
    project = make_project(tmp_path, [feature(1)], files={"tests/test_red.py": fails})
    project.night([[writes(1)]], code=5)
    project.night([[writes(1)]], "--accept-red")
    assert project.passing() == ["US-001"]


def test_a_whole_night_is_taken_back_as_the_faq_says(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    before = project.git("rev-parse", "HEAD").strip()
    project.night([[writes(1)]])
    base = re.search(
        r"^== run \S+ start .*\bbase=(\w+)", project.git("show", "HEAD:progress.txt"), re.MULTILINE
    )
    assert base
    project.git("reset", "-q", "--keep", base[1])
    assert project.git("rev-parse", "HEAD").strip() == before
    assert project.passing() == []
