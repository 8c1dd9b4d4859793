"""The README's promises: its commands run, its output is real, its links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loop.village import ROOT, Project, feature, make_project, writes

README = (ROOT / "README.md").read_text(encoding="utf-8")
NOT_RUN = {
    "./init.sh pytest": "it is the run that this test belongs to",
    "pip install .": "it fetches what it needs from a package index; .ci/run installs the package into an environment of its own",
}
FIRST_THINGS = ("nightlatch init --commit", "nightlatch doctor", "python loop.py")
DEMO = "./init.sh python loop.py demo"
CHANGING = {
    r"r-\d{8}-\d{6}": "r-RUN",
    r"\d{4}-\d\d-\d\dT\d\d:\d\dZ": "TIME",
    r"(base|parent)=[0-9a-f]{7}": r"\1=COMMIT",
    r"(US-\d+) [0-9a-f]{7} \(": r"\1 COMMIT (",
    r"\s+\d+m ": " MINUTES ",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every command line of the README, without its comment."""
    return [line.partition("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]


def normal(text: str) -> list[str]:
    for pattern, instead in CHANGING.items():
        text = re.sub(pattern, instead, text)
    return text.strip().splitlines()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which `nightlatch` and `python` are those of this run."""
    folder = tmp_path_factory.mktemp("bin")
    for name, argv in {"nightlatch": (sys.executable, "-m", "nightlatch"), "python": (sys.executable,)}.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.fixture
def morning(tmp_path: Path) -> Project:
    """A project before its first night, in which each feature comes to what the README's commands need of it."""
    stories = [feature(1), feature(2, verify=[]), feature(3), feature(4, mayChange=["checks/**"]), feature(5)]
    script = {
        "US-001": [[writes(1)]],
        "US-002": [[writes(2)]],
        "US-003": [[{"ask": "Which library may I add?"}]],
        "US-004": [[writes(4), {"write": "checks/20-more", "text": "#!/bin/sh\n"}]],
        "US-005": [[{"write": "notes.txt", "text": "half of it\n"}]],
    }
    project = make_project(tmp_path, stories, settings='agent = ["scripted"]\n[limits]\nattempts = 1\n')
    return Project(folder=project.folder, env={**project.env, "NIGHTLATCH_SCRIPT": str(project.script(script))})


def ran(project: Project, line: str, path: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **project.env, "PYTHONPATH": str(ROOT), "PATH": path, "BASE": "HEAD~2"}
    return subprocess.run(["sh", "-c", line], cwd=project.folder, env=env, capture_output=True, text=True, check=False, timeout=240)


def in_readme_order() -> Iterator[str]:
    """What is left to run in a project of the person's own, after its set-up and its night."""
    skipped = {*NOT_RUN, DEMO, *FIRST_THINGS}
    return (line for line in commands() if line not in skipped)


@pytest.mark.sandbox
def test_every_command_of_the_readme_works_in_its_order(morning: Project, path: str) -> None:
    codes = {line: ran(morning, line, path) for line in FIRST_THINGS}
    assert [done.returncode for done in codes.values()] == [0, 0, 3], [done.stderr for done in codes.values()]
    for line in in_readme_order():
        done = ran(morning, line, path)
        assert done.returncode == 0, f"{line}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.stdout or line.startswith("git"), line


def test_a_command_that_is_not_run_is_one_of_the_readme() -> None:
    assert {*NOT_RUN, DEMO, *FIRST_THINGS} <= {*commands()}


def test_the_readme_begins_with_the_loop_and_its_tests() -> None:
    assert commands()[:2] == [DEMO, "./init.sh pytest"]


def test_the_night_in_the_readme_is_the_demos_own() -> None:
    done = subprocess.run(shlex.split(DEMO), cwd=ROOT, capture_output=True, text=True, check=True, timeout=240)
    real = iter(normal(done.stdout.partition("progress.txt, as you would read it")[2]))
    [shown] = blocks("console")
    missing = [line for line in normal(shown) if line != "[...]" and line not in real]
    assert missing == []


@pytest.mark.parametrize("name", [*sorted(file.name for file in (ROOT / "docs").glob("*.md")), "README.md"])
def test_every_link_of_the_docs_leads_to_a_file(name: str) -> None:
    page = ROOT / name if name == "README.md" else ROOT / "docs" / name
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []
