"""Six first evenings: what init and doctor say of a suite that is missing, red, slow, flaky, or
in want of a server or a browser."""

from pathlib import Path

import pytest

from tests.stories.fixtures import agents_started
from tests.stories.sample_project import Project, feature, make_project, writes

pytestmark = pytest.mark.sandbox
UNIT = "import unittest\n\n\nclass Shop(unittest.TestCase):\n"


def told(project: Project, *wanted: str, code: int | None = None) -> str:
    """What doctor says, which must hold these; no agent was started for it."""
    done = project.run("doctor", code=code)
    for text in wanted:
        assert text in done.stdout, done.stdout
    assert agents_started(project) == 0
    return done.stdout


def suite_of(*lines: str) -> str:
    return UNIT + "".join(
        f"    def test_{n}(self):\n        {line}\n\n" for n, line in enumerate(lines)
    )


def test_no_suite_at_all(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1), feature(2)])
    project.git("rm", "-rq", "tests", "checks")
    project.commit("no tests")
    out = told(
        project,
        "warn  suite: there is no test, so nothing that works today is protected; a feature is"
        " proved by its verify",
    )
    assert "fix: write a test of what must not break: its runner is found by itself" in out
    project.night([[writes(1)], [writes(2)]])  # and the night works
    assert project.passing() == ["US-001", "US-002"]


def test_a_red_suite(tmp_path: Path) -> None:
    bad = suite_of(*["import nothing_of_this_name"] * 7)
    project = make_project(tmp_path, [feature(1)], files={"tests/test_shop.py": bad})
    lacks = "the Python module nothing_of_this_name is not installed where the tests run"
    out = told(project, "FAIL  base: the branch itself is red", lacks, code=1)
    assert "fix: make init.sh install it" in out
    assert "nightlatch run --accept-red" in out
    done = project.night([[writes(1)]], code=5)
    assert "the Python module nothing_of_this_name is not installed" in done.stderr
    assert agents_started(project) == 0


def test_a_suite_that_takes_longer_than_a_check_may(tmp_path: Path) -> None:
    slow = suite_of("import subprocess; subprocess.run(['tail', '-f', '/dev/null'])")
    project = make_project(
        tmp_path,
        [feature(1)],
        files={"tests/test_shop.py": slow},
        settings='[limits]\ncheck = "3s"\n',
    )
    out = told(project, "the tests could not be run at the base: timed out after 3 s", code=1)
    assert "raise limits.check in loop.toml, which is 3s, to twice the length of the suite" in out
    assert "or name a quicker one: command under [[checks.suite]]" in out
    done = project.night([[writes(1)]], code=4)
    assert "raise limits.check" in done.stderr
    assert agents_started(project) == 0


def test_a_flaky_suite(tmp_path: Path) -> None:
    """It fails whenever a shared folder, which outlives each checkout, does not hold its mark,
    and leaves the mark."""
    mark = tmp_path / "marks"
    mark.mkdir()
    flaky = suite_of(
        f"import os; first = not os.path.exists('{mark}/x'); open('{mark}/x', 'w').close();"
        " self.assertFalse(first)"
    )
    settings = '[workspace]\nsandbox = "none"\n'
    project = make_project(
        tmp_path, [feature(1)], files={"tests/test_shop.py": flaky}, settings=settings
    )
    out = told(
        project,
        "warn  flaky: passed only when run again: tests/test_shop.py::Shop::test_0; they cost time,"
        " and excuse no feature",
    )
    assert "fix: make them pass every time, or skip them" in out
    project.night([[writes(1)]])
    assert project.passing() == ["US-001"]


def test_a_suite_that_needs_a_database(tmp_path: Path) -> None:
    line = "import socket; socket.create_connection(('127.0.0.1', 1), 5).close()"
    project = make_project(
        tmp_path, [feature(1)], files={"tests/test_shop.py": suite_of(*[line] * 7, "pass")}
    )
    out = told(
        project,
        "it needs a server, such as a database, that does not answer where the tests run",
        code=1,
    )
    assert (
        "start it in the suite's own command under [[checks.suite]], or set checks.network = true"
        in out
    )
    assert "nightlatch run --accept-red" in out
    project.night([[writes(1)]], code=5)
    assert agents_started(project) == 0
    project.night([[writes(1)]], "--accept-red")  # what works now: the rest is protected
    assert project.passing() == ["US-001"]


def test_a_suite_that_needs_a_browser(tmp_path: Path) -> None:
    line = (
        "raise RuntimeError(\"browserType.launch: Executable doesn't exist at"
        ' /ms-playwright/chromium")'
    )
    project = make_project(
        tmp_path, [feature(1)], files={"tests/test_shop.py": suite_of(line, "pass")}
    )
    out = told(
        project,
        "warn  suite: of what fails: it needs a browser, which is not installed where the"
        " tests run",
    )
    assert "workspace.see a cache such as .cache/ms-playwright" in out
    project.night([[writes(1)]])  # one known failure is tolerated by its id
    assert project.passing() == ["US-001"]
