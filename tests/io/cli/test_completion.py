"""Shell completion, as each shell asks for it; and the topics of help."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.io.cli.cli_project import Project, story

SHELLS = {
    "bash": "complete -o nosort -F",
    "zsh": "#compdef nightlatch",
    "fish": "complete --no-files --command nightlatch",
}
ASK = """
eval "$(_NIGHTLATCH_COMPLETE=bash_source nightlatch)"
COMP_WORDS=(nightlatch {words}) COMP_CWORD={n}
_nightlatch_completion nightlatch
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def asked(project: Project, **env: str) -> str:
    own = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    argv = [sys.executable, "-m", "nightlatch"]
    return subprocess.run(
        argv, cwd=project.folder, env=own, capture_output=True, text=True, check=False
    ).stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_script_and_its_answers(project: Project, shell: str) -> None:
    project.plan(story("US-001", "Search ignores accents"), story("US-002"), story("EX-1"))
    assert SHELLS[shell] in asked(project, _NIGHTLATCH_COMPLETE=f"{shell}_source")
    words = "nightlatch approve US" if shell != "fish" else "nightlatch approve"
    told = asked(
        project,
        _NIGHTLATCH_COMPLETE=f"{shell}_complete",
        COMP_WORDS=words,
        COMP_CWORD="US" if shell == "fish" else "2",
    )
    assert "US-001" in told
    assert "US-002" in told
    assert "EX-1" not in told


def test_bash_completes_a_command_and_a_feature(project: Project, tmp_path: Path) -> None:
    project.plan(story("US-001"), story("US-002"))
    program = tmp_path / "nightlatch"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m nightlatch "$@"\n')
    program.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for words, n, wanted in (("app", 1, ["approve"]), ("hold US-", 2, ["US-001", "US-002"])):
        script = ASK.format(words=words, n=n)
        done = subprocess.run(
            ["bash", "--norc", "-c", script],
            cwd=project.folder,
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines() == wanted, done.stderr


def test_without_a_plan_there_is_nothing_to_offer(project: Project) -> None:
    ask = {
        "_NIGHTLATCH_COMPLETE": "bash_complete",
        "COMP_WORDS": "nightlatch approve ",
        "COMP_CWORD": "2",
    }
    assert asked(project, **ask) == "\n"
    assert asked(project, **{**ask, "COMP_WORDS": "nightlatch nonsense "}) == ""


def test_the_help_on_exit_codes_knows_those_of_the_docs_and_no_other(project: Project) -> None:
    told = project.nightlatch("help", "exit-codes").out
    docs = re.findall(r"^\| (\d+) \|", (ROOT / "docs/exit-codes.md").read_text(), re.MULTILINE)
    assert sorted(re.findall(r"(?:^  |; )(\d+) ", told, re.MULTILINE), key=int) == docs


def test_the_help_says_how(project: Project) -> None:
    for shell in SHELLS:
        assert (
            f"_NIGHTLATCH_COMPLETE={shell}_source nightlatch"
            in project.nightlatch("help", "completion").out
        )
