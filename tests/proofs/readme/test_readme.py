"""The promises of README.md: its commands run, its output and its picture are real."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import PATIENCE, ROOT
from tests.proofs.docs.fixtures import evening, programs, ran

README = (ROOT / "README.md").read_text(encoding="utf-8")
LIST = tomllib.loads((ROOT / "tests/proofs/docs/commands.toml").read_text(encoding="utf-8"))[
    "README.md"
]
NOT_RUN = {line for line, said in LIST.items() if "why" in said}
FIRST_THINGS = ("nightlatch init --commit", "nightlatch doctor", "python loop.py")
DEMO = "./init.sh python loop.py demo"
CHANGING = {
    r"r-\d{8}-\d{6}": "r-RUN",
    r"\d{4}-\d\d-\d\dT\d\d:\d\dZ": "TIME",
    r"(base|parent)=[0-9a-f]{7}": r"\1=COMMIT",
    r"(US-\d+) [0-9a-f]{7} \(": r"\1 COMMIT (",
    r"landed as [0-9a-f]{7},": "landed as COMMIT,",
    r"\s+\d+m ": " MINUTES ",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every command line of the README, without its comment."""
    return [
        line.partition("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()
    ]


def normal(text: str) -> list[str]:
    for pattern, instead in CHANGING.items():
        text = re.sub(pattern, instead, text)
    return text.strip().splitlines()


def in_readme_order() -> Iterator[str]:
    """What is left to run in a project of the person's own, after its set-up and its night."""
    skipped = {*NOT_RUN, DEMO, *FIRST_THINGS}
    return (line for line in commands() if line not in skipped)


@pytest.mark.sandbox
def test_every_command_of_the_readme_works_in_its_order(
    plain_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{plain_python}:{os.environ['PATH']}")
    morning, path = evening(tmp_path), programs(tmp_path / "bin")
    codes = {line: ran(morning, line, path) for line in FIRST_THINGS}
    assert [done.returncode for done in codes.values()] == [0, 0, 3], [
        done.stderr for done in codes.values()
    ]
    for line in in_readme_order():
        done = ran(morning, line, path)
        assert done.returncode == 0, f"{line}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.stdout or line.startswith("git"), line


def test_a_command_that_is_not_run_is_one_of_the_readme() -> None:
    assert {*NOT_RUN, DEMO, *FIRST_THINGS} <= {*commands()}


def test_the_readme_begins_with_the_loop_and_its_tests() -> None:
    assert commands()[:2] == [DEMO, "./init.sh pytest"]


def test_the_night_in_the_readme_is_the_demos_own() -> None:
    done = subprocess.run(
        shlex.split(DEMO), cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    real = iter(normal(done.stdout.partition("progress.txt, as you would read it")[2]))
    [shown] = blocks("console")
    missing = [line for line in normal(shown) if line != "[...]" and line not in real]
    assert missing == []
    look = [sys.executable, str(ROOT / "docs/record.py"), "--check"]
    drawn = subprocess.run(
        look, input=done.stderr + done.stdout, text=True, capture_output=True, check=False
    )
    assert (drawn.returncode, drawn.stderr, "](docs/night.svg)" in README) == (0, "", True)
