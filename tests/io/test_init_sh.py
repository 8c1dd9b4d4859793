"""init.sh, with a python3 that only writes down what it was asked for: what is made, when, and
what a command then sees."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import ROOT

PYTHON = """#!/bin/sh
case "$1 $2" in
  "-c "*) exit "${TOO_OLD:-0}" ;;
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip") [ -z "${OFFLINE:-}" ] || exit 1 ;;
esac
echo "$*" >> "$LOG"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A copy of the project's set-up files in a folder of its own."""

    folder: Path
    log: Path
    env: dict[str, str]

    def init(
        self, *args: str, cwd: Path | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        command = [str(self.folder / "init.sh"), *args]
        return subprocess.run(
            command,
            cwd=cwd or self.folder,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            check=False,
        )

    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def project(tmp_path: Path) -> House:
    folder, programs = tmp_path / "a project", tmp_path / "bin"
    for place in (folder, programs):
        place.mkdir()
    for name in ("init.sh", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    (programs / "python3").write_text(PYTHON)
    (programs / "python3").chmod(0o755)
    log = tmp_path / "log"
    return House(
        folder=folder,
        log=log,
        env={"PATH": f"{programs}:/usr/bin:/bin", "LOG": str(log), "WORD": "a b"},
    )


def test_the_environment_is_made_once_from_what_is_pinned_and_then_left_alone(
    project: House,
) -> None:
    first = project.init()
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    made = project.asked()
    assert made[0] == f"-m venv {project.folder}/.venv"
    assert made[1].endswith(f"-r {project.folder}/requirements.txt")
    assert made[2].endswith(f"--no-deps -e {project.folder}")
    second = project.init()
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert project.asked() == made


@pytest.mark.parametrize("name", ["init.sh", "requirements.txt", "pyproject.toml"])
def test_it_is_made_again_when_what_it_is_made_from_changed(project: House, name: str) -> None:
    project.init()
    with (project.folder / name).open("a") as file:
        file.write("# one more line\n")
    project.init()
    assert len(project.asked()) == 6


def test_it_is_made_again_in_another_place_because_environments_cannot_move(project: House) -> None:
    project.init()
    moved = project.folder.rename(project.folder.with_name("moved"))
    subprocess.run([moved / "init.sh"], env=project.env, check=True)
    assert project.asked()[3] == f"-m venv {moved}/.venv"


def test_an_installation_that_was_cut_off_is_not_taken_for_a_whole_one(project: House) -> None:
    assert project.init(OFFLINE="1").returncode != 0
    assert project.init().returncode == 0
    assert len(project.asked()) == 4


def test_a_command_runs_in_the_callers_folder_and_sees_only_path_and_virtual_env_changed(
    project: House, tmp_path: Path
) -> None:
    program = (
        "import json, os, sys; print(json.dumps([os.getcwd(), dict(os.environ), sys.argv[1:]]))"
    )
    reader = tmp_path / "reader"
    reader.write_text(f"#!{sys.executable}\n{program}\n")
    reader.chmod(0o755)
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    env = {**project.env, "PWD": str(elsewhere), "VIRTUAL_ENV": "/another"}
    bare = subprocess.run(
        [reader, "x  y", ""], cwd=elsewhere, env=env, capture_output=True, text=True, check=True
    )
    folder, seen, args = json.loads(bare.stdout)
    changed = {
        "PATH": f"{project.folder}/.venv/bin:{seen['PATH']}",
        "VIRTUAL_ENV": f"{project.folder}/.venv",
    }
    inside = project.init(
        str(reader), "x  y", "", cwd=elsewhere, PWD=str(elsewhere), VIRTUAL_ENV="/another"
    )
    assert json.loads(inside.stdout) == [folder, {**seen, **changed}, args]


def test_the_exit_code_is_the_commands(project: House) -> None:
    assert project.init("sh", "-c", "exit 7").returncode == 7


def test_a_python_that_is_too_old_is_named_with_what_to_do(project: House) -> None:
    ran = project.init(TOO_OLD="1")
    assert ran.returncode == 1
    assert "is older than 3.11: put a newer python3 first on PATH" in ran.stderr


def test_without_python_it_says_so(project: House, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("sh", "dirname", "cksum", "cut", "tr", "cat"):
        (bare / name).symlink_to(str(shutil.which(name)))
    ran = project.init(PATH=str(bare))
    assert ran.returncode == 1
    assert "python3 (3.11 or newer) is needed" in ran.stderr
