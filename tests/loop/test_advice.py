"""What doctor and the FAQ tell people to do is done here, word for word, and helps."""

import json
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.loop.grounds import project_at
from tests.loop.test_repositories import library_of
from tests.loop.village import Project, feature, make_project, writes

pytestmark = pytest.mark.sandbox
SETTING = re.compile(r"^(?P<key>\w+) = (?P<value>\[.*?\]|\".*?\"|\w+) under \[(?P<table>\w+)\] in loop\.toml")
DOTTED = re.compile(r"(?P<table>\w+)\.(?P<key>\w+) = (?P<value>\[.*?\]|\".*?\"|\w+)")
READS_ENV = 'import unittest\nclass Env(unittest.TestCase):\n    def test_it(self): self.assertTrue(open("local.cfg").read())\n'
CALLS = """import socket, unittest
class Db(unittest.TestCase):
    def test_db(self): socket.create_connection(("127.0.0.1", {port}), 5).close()
"""


def findings(project: Project) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(project.run("doctor", "--json", code=None).stdout)["findings"]
    return [one for one in found if one["level"] != "ok"]


def follow(project: Project, advice: str) -> None:
    """Do what a fix says: run a command of git, or write settings into loop.toml."""
    if advice.startswith("git "):
        subprocess.run(["sh", "-ec", advice.partition(", or ")[0]], cwd=project.folder, check=True, capture_output=True)
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
    return make_project(folder, [feature(1)], files={".gitattributes": "*.bin filter=lfs\n", "a.bin": "not large\n"})


def detached(folder: Path) -> Project:
    project = make_project(folder, [feature(1)])
    project.git("checkout", "-q", "--detach")
    return project


def untracked(folder: Path) -> Project:
    files = {"tests/test_env.py": READS_ENV, ".gitignore": "local.cfg\n"}
    project = make_project(folder, [feature(1)], files=files)
    project.write("local.cfg", "here\n")
    return project


def unlimited(folder: Path) -> Project:
    return make_project(folder, [feature(1)])


@pytest.mark.parametrize(("arrange", "problem"), [
    (lacking_submodule, "submodules that this clone does not have are empty"),
    (lacking_filter, "git has no filter lfs here"),
    (detached, "HEAD is detached"),
    (untracked, "not with the files that git does not have (local.cfg): tests/test_env.py"),
    (unlimited, "no limit of memory and processes"),
])  # fmt: skip
def test_what_doctor_says_helps_when_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrange: Callable[[Path], Project], problem: str
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))  # some of it sets up the person's git
    (tmp_path / "gitconfig").write_text('[user]\n\tname = Ada\n\temail = ada@example.org\n[protocol "file"]\n\tallow = always\n')
    project = arrange(tmp_path)
    told = [one for one in findings(project) if problem in one["says"]]
    assert len(told) == 1

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
        assert [one for one in findings(project) if one["topic"] in ("reach", "network", "base")] == []
        project.night([[writes(1)]])
    assert "green, 2 pass, 0 fail" in project.git("show", "HEAD:progress.txt")


@pytest.mark.parametrize(("side", "line"), [("--ours", "landed"), ("--theirs", "mine")])
def test_a_conflict_is_ended_as_the_faq_says(tmp_path: Path, side: str, line: str) -> None:
    project = make_project(tmp_path, [feature(1, verify="grep -q landed notes.txt")], files={"notes.txt": "first\n"})
    project.write("notes.txt", "mine\n")
    project.night([[{"write": "notes.txt", "text": "landed\n"}]])
    assert project.git("status", "--porcelain") == "UU notes.txt\n"
    faq = (Path(__file__).parents[2] / "docs/faq.md").read_text()
    assert f"`git checkout {side} FILE`" in faq
    project.git("checkout", side, "notes.txt")
    project.git("add", "notes.txt")
    project.git("commit", "-q", "--allow-empty", "-m", "mine")
    assert project.git("show", "HEAD:notes.txt") == f"{line}\n"
    assert project.git("status", "--porcelain") == ""


def test_red_tests_are_tolerated_as_the_faq_says(tmp_path: Path) -> None:
    fails = "import unittest\nclass Red(unittest.TestCase):\n" + "".join(f"    def test_{n}(self): self.fail()\n" for n in range(7))
    project = make_project(tmp_path, [feature(1)], files={"tests/test_red.py": fails})
    project.night([[writes(1)]], code=5)
    project.night([[writes(1)]], "--accept-red")
    assert project.passing() == ["US-001"]


def test_a_whole_night_is_taken_back_as_the_faq_says(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    before = project.git("rev-parse", "HEAD").strip()
    project.night([[writes(1)]])
    base = re.search(r"^== run \S+ start .*\bbase=(\w+)", project.git("show", "HEAD:progress.txt"), re.MULTILINE)
    assert base
    project.git("reset", "-q", "--keep", base[1])
    assert project.git("rev-parse", "HEAD").strip() == before
    assert project.passing() == []
