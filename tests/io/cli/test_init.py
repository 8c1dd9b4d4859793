"""`init`: what it finds, what it writes, what it never touches, and what --commit commits."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nightlatch.cli import main
from nightlatch.plan import file as planfile
from nightlatch.project.project import find_project, project_files

PLAN = '{"userStories": [{"id": "A", "title": "a", "passes": false}]}\n'


def git(folder: Path, *args: str) -> str:
    return subprocess.run(
        ["git", *args], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(f.relative_to(folder)): f.read_bytes()
        for f in sorted(folder.rglob("*"))
        if f.is_file() and ".git" not in f.parts
    }


def program(path: Path, does: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)


@pytest.fixture
def project(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository as current folder, on a machine that has git, Python and perhaps
    bubblewrap, and neither agents nor tools."""
    (tmp_path / "bin").mkdir()
    for name in ("git", "sh", "true", "bwrap"):
        if found := shutil.which(name):
            (tmp_path / "bin" / name).symlink_to(found)
    (tmp_path / "bin/python3").symlink_to(Path(sys.executable).resolve())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(repository)
    return repository


def test_an_empty_project_gets_everything_that_a_night_needs(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init"]) == 0
    there = files(project)
    shipped = Path(planfile.__file__).parents[1]
    assert there["loop.py"] == (shipped / "shipped/loop.py").read_bytes()
    assert (project / "loop.py").stat().st_mode & stat.S_IXUSR
    assert there[".nightlatch/.gitignore"] == b"*\n"
    assert {n for n in there if n.startswith("prompts/")} == {
        f"prompts/{f.name}" for f in (shipped / "prompts").iterdir()
    }
    assert tomllib.loads(there["loop.toml"].decode())["limits"]["attempts"] == 3
    assert "progress.txt" not in there
    said = capsys.readouterr().out
    assert [name for name in there if f"wrote   {name}\n" not in said] == []
    assert said.endswith(
        "next    nightlatch init --commit\nnext    nightlatch doctor\nnext    nightlatch run\n"
    )


def test_the_example_feature_is_a_plan_that_the_loop_leaves_alone(project: Path) -> None:
    main(["init"])
    [feature] = planfile.read((project / "prd.json").read_bytes(), "prd.json").features
    assert (feature.skip, feature.done) == (True, False)


def test_a_second_init_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init"])
    before = files(project)
    capsys.readouterr()
    assert main(["init"]) == 0
    assert files(project) == before
    assert "wrote" not in capsys.readouterr().out


def test_nothing_that_is_there_is_changed(project: Path) -> None:
    mine = {
        "loop.py": "mine\n",
        "loop.toml": "agent = ['pi']\n",
        "checks/mine": "mine\n",
        "prompts/mine": "mine\n",
        "plans/prd.json": PLAN,
    }
    mine |= {".nightlatch/.gitignore": "# mine\n*\n", "ruff.toml": ""}
    for name, text in mine.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    assert main(["init"]) == 0
    assert files(project) == {name: text.encode() for name, text in mine.items()}


def test_settings_in_pyproject_are_settings(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.nightlatch]\nagent = ['pi']\n")
    assert main(["init"]) == 0
    assert not (project / "loop.toml").exists()


def test_a_plan_at_a_usual_place_is_found_and_none_is_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "scripts/ralph").mkdir(parents=True)
    (project / "scripts/ralph/prd.json").write_text(PLAN)
    main(["init"])
    assert "found   plan scripts/ralph/prd.json, 1 feature\n" in capsys.readouterr().out
    assert not (project / "prd.json").exists()


def test_a_plan_at_an_unusual_place_is_named_and_no_second_one_is_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "docs").mkdir()
    (project / "docs/prd.json").write_text(PLAN)
    main(["init"])
    assert 'write plan = "docs/prd.json" in loop.toml' in capsys.readouterr().out
    assert not (project / "prd.json").exists()


def test_a_broken_plan_is_an_error_before_anything_is_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "prd.json").write_text('{"userStories": [}')
    assert main(["init"]) == 2
    assert "prd.json:1:" in capsys.readouterr().err
    assert list(files(project)) == ["prd.json"]


def test_agents_that_are_installed_are_named_the_tested_ones_first(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("aider", "gemini", "codex"):
        program(tmp_path / "bin" / name)
    main(["init"])
    assert "found   agents codex, gemini, aider: codex works" in capsys.readouterr().out
    assert tomllib.loads((project / "loop.toml").read_text())["agent"] == ["codex"]


def test_an_agent_that_the_settings_name_is_the_one_that_is_told(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path / "bin/codex")
    (project / "loop.toml").write_text('agent = ["mine"]\n[agents.mine]\ncommand = ["./mine.sh"]\n')
    main(["init"])
    told = capsys.readouterr().out
    assert "found   agent mine, by your settings\n" in told
    assert "codex" not in told


@pytest.mark.parametrize(
    ("written", "name", "command"),
    [
        ({"test_a.py": "import unittest\n"}, "unittest", "python3 -m unittest -q"),
        ({"test_a.py": "", "requirements.txt": "pytest\n"}, "pytest", "python3 -m pytest -q"),
        ({"package.json": '{"scripts": {"test": "node --test"}}'}, "node --test", "node --test"),
        ({"go.mod": "module a\n"}, "go test", "go test ./..."),
    ],
)
def test_the_test_runner_is_found_and_the_check_runs_it(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    written: dict[str, str],
    name: str,
    command: str,
) -> None:
    for file, text in written.items():
        (project / file).write_text(text)
    program(project / ".venv/bin/python", "exit 1")
    main(["init"])
    assert f"found   test runner {name}, for checks/10-tests\n" in capsys.readouterr().out
    assert (project / "checks/10-tests").read_text().endswith(f" exec {command}\n")


def test_the_projects_own_python_says_whether_pytest_is_there(project: Path) -> None:
    (project / "test_a.py").write_text("")
    program(project / ".venv/bin/python")
    main(["init"])
    assert (project / "checks/10-tests").read_text().endswith("python3 -m pytest -q\n")


def test_the_check_that_was_written_is_red_when_a_test_is(project: Path) -> None:
    (project / "test_a.py").write_text(
        "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): self.fail()\n"
    )
    program(project / ".venv/bin/python", "exit 1")
    main(["init"])
    run = [str(project / "checks/10-tests")]
    assert subprocess.run(run, cwd=project, capture_output=True, check=False).returncode == 1
    (project / "test_a.py").write_text(
        "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): pass\n"
    )
    assert subprocess.run(run, cwd=project, capture_output=True, check=False).returncode == 0


def test_checks_are_written_for_tools_that_are_configured_and_installed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "pyproject.toml").write_text("[tool.mypy]\nstrict = true\n[tool.ruff]\n")
    program(project / ".venv/bin/ruff")
    main(["init"])
    assert not (project / "checks/20-typecheck").exists()
    assert "mypy is configured but not installed" in capsys.readouterr().out
    assert os.access(project / "checks/30-lint", os.X_OK)
    program(project / ".venv/bin/ruff", 'echo "ruff $*"; exit 3')
    ran = subprocess.run(
        [project / "checks/30-lint"], cwd=project, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (3, "ruff check\n")


def test_environments_of_packages_are_shared_too_and_what_lies_in_a_shared_one_is_not_named(
    project: Path,
) -> None:
    (project / ".gitignore").write_text("node_modules/\nbuild/\n")
    for name in (
        "node_modules/a/node_modules/b",
        "packages/till/node_modules/a",
        "packages/till/src",
        "build/node_modules/c",
    ):
        (project / name).mkdir(parents=True)
        (project / name / "x.js").write_text("")
    main(["init"])
    assert tomllib.loads((project / "loop.toml").read_text())["workspace"]["share"] == [
        "node_modules",
        "packages/till/node_modules",
    ]


def test_an_environment_that_git_does_not_ignore_is_nobodys_code(project: Path) -> None:
    program(project / ".venv/bin/python")
    (project / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    for name in (
        ".venv/lib/python3/site-packages/shop/test_a.py",
        ".venv/lib/site/tests.json",
        "node_modules/.package-lock.json",
    ):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("{}")
    main(["init"])
    assert tomllib.loads((project / "loop.toml").read_text())["workspace"]["share"] == [
        ".venv",
        "node_modules",
    ]
    assert not [
        path
        for path in project_files(find_project(project))
        if path.startswith((".venv", "node_modules"))
    ]


@pytest.mark.parametrize(
    ("ignored", "init_sh", "share"),
    [(True, False, [".venv"]), (False, False, []), (True, True, [])],
)
def test_an_ignored_environment_is_shared_where_no_init_sh_makes_one(
    project: Path, ignored: bool, init_sh: bool, share: list[str]
) -> None:
    program(project / ".venv/bin/python")
    if ignored:
        (project / ".gitignore").write_text(".venv/\n")
    if init_sh:
        program(project / "init.sh")
    main(["init"])
    assert tomllib.loads((project / "loop.toml").read_text())["workspace"]["share"] == share


@pytest.mark.sandbox
def test_a_sandbox_that_was_tried_is_written_down(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init"])
    assert "found   sandbox bubblewrap, tried\n" in capsys.readouterr().out
    assert (
        tomllib.loads((project / "loop.toml").read_text())["workspace"]["sandbox"] == "bubblewrap"
    )


def test_without_a_sandbox_it_says_so_and_never_chooses_none(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin/bwrap").unlink(missing_ok=True)
    main(["init"])
    assert "note    no sandbox: " in capsys.readouterr().out
    assert tomllib.loads((project / "loop.toml").read_text())["workspace"]["sandbox"] == "auto"


def test_commit_commits_the_set_up_and_nothing_else(project: Path) -> None:
    for name in ("staged.txt", "loose.txt"):
        (project / name).write_text("mine\n")
    git(project, "add", "staged.txt")
    assert main(["init", "--commit"]) == 0
    committed = git(project, "show", "--name-only", "--format=%an %s", "HEAD").split("\n")
    assert committed[0] == "Ada nightlatch: set up"
    assert {"loop.py", "loop.toml", "prd.json"} <= set(committed)
    assert not {"staged.txt", "loose.txt"} & set(committed)
    assert git(project, "status", "--porcelain") == "A  staged.txt\n?? loose.txt\n"


def test_commit_after_init_commits_what_init_wrote_and_then_has_nothing_more_to_do(
    project: Path,
) -> None:
    main(["init"])
    main(["init", "--commit"])
    main(["init", "--commit"])
    assert git(project, "log", "--format=%s") == "nightlatch: set up\nstart\n"


def test_commit_takes_changed_checks_along_but_not_an_edit_of_the_plan(project: Path) -> None:
    main(["init", "--commit"])
    program(project / "checks/40-mine")
    (project / "prompts/brief.md.j2").write_text("mine\n")
    (project / "prd.json").write_text(PLAN)
    main(["init", "--commit"])
    assert (
        git(project, "show", "--name-only", "--format=", "HEAD")
        == "checks/40-mine\nprompts/brief.md.j2\n"
    )
    assert git(project, "status", "--porcelain") == " M prd.json\n"


def test_commit_makes_the_first_commit_of_a_repository_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "new")
    monkeypatch.chdir(tmp_path / "new")
    assert main(["init", "--commit"]) == 0
    assert git(tmp_path / "new", "log", "--format=%s", "main") == "nightlatch: set up\n"


def test_commit_runs_no_hook(project: Path) -> None:
    program(project / ".git/hooks/pre-commit", "exit 1")
    assert main(["init", "--commit"]) == 0


def test_on_a_detached_head_it_does_not_commit(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(project, "switch", "-q", "--detach")
    assert main(["init", "--commit"]) == 2
    assert "fix: git switch -c NAME" in capsys.readouterr().err


def test_in_a_folder_of_a_monorepo_that_folder_is_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "packages/app").mkdir(parents=True)
    monkeypatch.chdir(project / "packages/app")
    assert main(["init", "--commit"]) == 0
    assert (project / "packages/app/prd.json").exists()
    assert not (project / "prd.json").exists()
    assert git(project, "status", "--porcelain") == ""


def test_below_a_project_with_a_plan_the_project_is_set_up_and_not_the_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "prd.json").write_text(PLAN)
    (project / "src").mkdir()
    monkeypatch.chdir(project / "src")
    main(["init"])
    assert (project / "loop.py").exists()
    assert list((project / "src").iterdir()) == []


def test_outside_a_repository_it_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 2
    assert "fix: git init" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_an_error_with_its_place(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".nightlatch").write_text("a file where a folder should be")
    assert main(["init"]) == 2
    shown = capsys.readouterr().err
    assert ".nightlatch/.gitignore: cannot write it" in shown


def test_the_plan_that_init_writes_validates_against_the_schema_that_ships(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from jsonschema import Draft202012Validator

    main(["init"])
    capsys.readouterr()
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    assert (
        list(
            Draft202012Validator(schema).iter_errors(json.loads((project / "prd.json").read_text()))
        )
        == []
    )


def test_what_hooks_hold_before_a_commit_becomes_a_check(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".husky").mkdir()
    (project / ".husky/pre-commit").write_text(
        '#!/bin/sh\nread -r line < code.py\ntest "$line" = "x = 1"\n'
    )
    main(["init"])
    check = project / "checks/60-hooks"
    assert "no hook runs at night" in capsys.readouterr().out
    (project / "code.py").write_text("x = 1\n")
    assert subprocess.run([str(check)], cwd=project, check=False).returncode == 0
    (project / "code.py").write_text("x = 1  # TODO\n")
    assert subprocess.run([str(check)], cwd=project, check=False).returncode == 1
