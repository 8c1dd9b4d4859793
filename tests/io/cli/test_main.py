"""The command line as such: what is there, how fast it is there, and how every way to end is
told and numbered."""

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from nightlatch import cli
from nightlatch.cli import COMMANDS, FIRST, main
from nightlatch.errors import NightlatchError, RepoError
from tests import ROOT
from tests.io.cli.cli_project import Project, story

ALL = [name for section in COMMANDS.values() for name in section]
PROGRAM = "import sys; from nightlatch.cli import main; sys.exit(main())"


def nightlatch(
    *args: str, cwd: Path, out: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])}
    command = [sys.executable, "-c", PROGRAM, *args]
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def loop_py(repository: Path, text: str) -> None:
    (repository / "loop.py").write_text(text)


READING = (
    ("status",),
    ("watch",),
    ("report",),
    ("log",),
    ("brief", "US-001"),
    ("handoff", "US-001"),
    ("note", "list"),
    ("clean",),
    ("verify",),
    ("doctor",),
    ("config",),
    ("check", "HEAD"),
    ("ratchet", "HEAD~1..HEAD"),
)


@pytest.mark.parametrize("args", READING, ids=" ".join)
def test_every_command_that_looks_answers_with_one_object(
    args: tuple[str, ...], project: Project
) -> None:
    project.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "none")
    project.plan(story("US-001"))
    project.commit("plan")
    project.commit("more", file="x")
    told = project.nightlatch(*args, "--json")
    assert str(told.at("schema")).startswith("nightlatch/")
    assert told.err == ""


def test_help_names_every_command_and_imports_none() -> None:
    code = (
        f"{PROGRAM.removesuffix('sys.exit(main())')} main(['--help', '--all']);"
        " print(*sorted(sys.modules), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = ran.stderr.split()
    assert [name for name in ALL if f"\n  {name} " not in ran.stdout] == []
    assert [m for m in loaded if m.startswith(("jinja2", "rich", "jsonschema"))] == []
    # --help is the command line itself and nothing that it starts
    own = ("nightlatch.cli", "nightlatch.errors", "nightlatch.safepath", "nightlatch.util")
    parts = [m for m in loaded if m.startswith("nightlatch.")]
    assert [m for m in parts if not f"{m}.".startswith(tuple(f"{name}." for name in own))] == []
    assert [m for m in parts if m.startswith("nightlatch.cli.")] == []


def test_the_first_page_of_help_has_the_commands_of_a_first_night(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert tuple(name for name in ALL if f"\n  {name} " in shown) == FIRST
    assert "Every command: nightlatch --help --all" in shown


@pytest.mark.parametrize("args", [["demo"], ["run"], ["doctor"], []])
def test_another_system_gets_one_sentence(args: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from nightlatch.cli import main; sys.platform = 'darwin';"
        f" sys.exit(main({args}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.splitlines() == [
        "nightlatch: nightlatch runs only on Linux, and this is darwin",
        "fix: use Linux, WSL 2 on Windows, or a Linux virtual machine or container on a Mac",
    ]


@pytest.mark.parametrize("budget", ["0", "0.0", "-1"])
def test_a_budget_of_nothing_is_refused(project: Project, budget: str) -> None:
    project.plan(story("US-001"))
    told = project.nightlatch("run", "--dry-run", "--budget", budget)
    assert told.code == 2
    assert "it must be more than 0; write --budget 20 without a dollar sign" in told.err


def test_a_budget_is_read_with_its_dollar_sign_and_words_are_answered(project: Project) -> None:
    project.plan(story("US-001"))
    assert "$20.00 a run" in project.nightlatch("run", "--dry-run", "--budget", "$20").out
    told = project.nightlatch("run", "--dry-run", "--budget", "much")
    assert (told.code, "'much' is not an amount in dollars, such as --budget 20" in told.err) == (
        2,
        True,
    )


@pytest.mark.parametrize("name", ALL)
def test_the_help_of_every_command_teaches_by_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: nightlatch {name}" in shown
    assert "Example: " in shown


@pytest.mark.parametrize("name", ALL)
def test_every_command_can_be_imported_and_has_a_sentence_of_help(name: str) -> None:
    command = cli.Commands().get_command(click.Context(cli.Commands()), name)
    assert command is not None
    assert command.help


def test_a_misspelt_command_is_answered_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["statsu"]) == 2
    assert capsys.readouterr() == (
        "",
        ("nightlatch: unknown command 'statsu'; did you mean 'status'?\nfix: nightlatch --help\n"),
    )


def test_a_wrong_option_names_its_command_and_where_its_help_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema", "--wrong"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("nightlatch: schema: No such option")
    assert shown.err.endswith("fix: nightlatch schema --help\n")


def test_started_through_loop_py_the_advice_is_to_type_that(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema", "--wrong"], loop=lambda _options: 0) == 2
    assert "fix: python loop.py schema --help" in capsys.readouterr().err


def test_with_json_an_error_is_one_object_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema", "nothing", "--json"]) == 2
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert (told["schema"], told["place"], told["fix"], told["exit"]) == (
        "nightlatch/error/1",
        "schema",
        "nightlatch schema --help",
        2,
    )
    assert shown.err == ""


def test_a_json_that_is_somebodys_words_does_not_ask_for_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.tell(RepoError("no"), ["answer", "US-001", "--", "--json"]) == 2
    assert capsys.readouterr().err == "nightlatch: no\n"


def test_an_error_shows_problem_place_and_fix_and_no_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = NightlatchError(
        "two lines\n  ^ here \x1b[31m", place="prd.json:3:1", fix="do this\nor that"
    )
    assert cli.tell(error, []) == 70
    assert (
        capsys.readouterr().err
        == "nightlatch: prd.json:3:1: two lines\n  ^ here \\x1b[31m\nfix: do this\nor that\n"
    )


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("nightlatch, version ")


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = nightlatch("--help", cwd=tmp_path, out=writing)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_run_runs_the_projects_own_loop_as_a_program(repository: Path) -> None:
    loop_py(
        repository, "import sys\nimport nightlatch\nprint(__name__, *sys.argv[1:])\nsys.exit(7)\n"
    )
    (repository / "deep").mkdir()
    ran = nightlatch("run", "--once", cwd=repository / "deep")
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, "__main__ run --once\n", "")


def test_a_loop_that_imports_what_lies_beside_it_is_told_that_agents_work_lands_there(
    repository: Path,
) -> None:
    loop_py(repository, "import nightlatch\nimport beside\n")
    (repository / "beside.py").write_text("print('I ran')\n")
    env = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])}
    ran = subprocess.run(
        [sys.executable, "-m", "nightlatch"],
        cwd=repository,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "loop.py imports beside from the project" in ran.stderr


@pytest.mark.parametrize("args", [(), ("--once",)])
def test_without_a_command_it_is_run(repository: Path, args: tuple[str, ...]) -> None:
    loop_py(repository, "import sys\nimport nightlatch\nprint(*sys.argv[1:])\n")
    assert nightlatch(*args, cwd=repository).stdout == " ".join(("run", *args)) + "\n"


def test_a_loop_py_that_has_nothing_to_do_with_nightlatch_is_left_alone(repository: Path) -> None:
    loop_py(repository, "print('not for you: nightlatch')\n")
    ran = nightlatch("run", cwd=repository)
    assert "not for you" not in ran.stdout
    assert ran.returncode == 2
    assert "there is no plan" in ran.stderr


def test_a_loop_py_that_calls_main_without_a_loop_gets_the_shipped_one_and_not_itself_for_ever(
    repository: Path,
) -> None:
    loop_py(
        repository, "import sys\nfrom nightlatch.cli import main\nprint('once')\nsys.exit(main())\n"
    )
    ran = nightlatch("run", cwd=repository)
    assert ran.stdout == "once\n"
    assert "there is no plan" in ran.stderr


def test_outside_a_repository_run_says_so_in_a_sentence(tmp_path: Path) -> None:
    ran = nightlatch(cwd=tmp_path)
    assert ran.returncode == 2
    assert "fix: " in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_interrupted_program_ends_with_130(repository: Path) -> None:
    loop_py(repository, "import nightlatch\nraise KeyboardInterrupt\n")
    ran = nightlatch("run", cwd=repository)
    assert (ran.returncode, ran.stderr) == (130, "")


def test_what_nobody_expected_is_kept_in_a_file_and_told_in_a_sentence(repository: Path) -> None:
    (repository / ".nightlatch").mkdir()
    loop_py(repository, "import nightlatch\nraise ValueError('lost the \\udce9 thread')\n")
    ran = nightlatch("run", cwd=repository)
    [kept] = (repository / ".nightlatch").glob("crash-*.txt")
    assert ran.returncode == 70
    assert ran.stderr.startswith("nightlatch: something unexpected happened: ValueError: lost the")
    assert str(kept) in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "Traceback" in kept.read_text()


def test_no_key_stands_in_what_is_kept_and_told_of_a_crash(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "kept-in-the-house-77")
    (repository / ".nightlatch").mkdir()
    (repository / "loop.toml").write_text(
        '[agents.mine]\ncommand = ["true"]\nenv = { MY_TOKEN = "a-value-of-the-shop" }\n'
    )
    loop_py(
        repository,
        "import nightlatch\nraise ValueError(' and '.join(['kept-in-the-' + 'house-77',"
        " 'a-value-of-the-shop']))\n",
    )
    ran = nightlatch("run", cwd=repository)
    [kept] = (repository / ".nightlatch").glob("crash-*.txt")
    for text in (ran.stderr, kept.read_text()):
        assert "ValueError: [hidden:value-of-SHOP_TOKEN] and [hidden:value-of-MY_TOKEN]" in text
        assert "kept-in-the-house-77" not in text
        assert "a-value-of-the-shop" not in text
    assert kept.stat().st_mode & 0o077 == 0
    (repository / "loop.toml").write_text("agent = [")
    monkeypatch.chdir(repository)
    assert cli.hidden("x kept-in-the-house-77") == "x [hidden:value-of-SHOP_TOKEN]"


def test_without_a_journal_the_traceback_itself_is_shown(repository: Path) -> None:
    loop_py(repository, "import nightlatch\nraise ValueError('lost')\n")
    ran = nightlatch("run", cwd=repository)
    assert ran.returncode == 70
    assert "Traceback" in ran.stderr


def test_every_error_class_says_what_it_is_and_has_an_exit_code() -> None:
    errors = [
        e
        for e in vars(import_module("nightlatch.errors")).values()
        if isinstance(e, type) and issubclass(e, NightlatchError)
    ]
    assert {e.exit for e in errors} == {1, 2, 4, 5, 70, 75}
    assert all(e.__doc__ for e in errors)


def test_a_python_without_nightlatch_says_one_sentence_or_finds_the_one_that_has_it(
    tmp_path: Path,
) -> None:
    loop = shutil.copy(ROOT / "loop.py", tmp_path)
    bare = [sys.executable, "-I", "-S", str(loop), "--version"]
    done = subprocess.run(
        bare,
        env={"PATH": "/nowhere", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert (
        "this Python has no nightlatch; fix: pipx install . in a clone of nightlatch" in done.stderr
    )
    (tmp_path / "bin").mkdir()
    landed, installed = (
        tmp_path / "bin/nightlatch",
        tmp_path.with_name(f"{tmp_path.name}-installed") / "nightlatch",
    )
    installed.parent.mkdir()
    for program, says in ((landed, "landed"), (installed, "installed")):
        program.write_text(f'#!/bin/sh\necho "{says} $1"\n')
        program.chmod(0o755)
    env = {"PATH": f":bin:{landed.parent}:{installed.parent}:/bin:/usr/bin"}
    found = subprocess.run(bare, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "installed --version\n")


def test_loop_py_is_an_import_like_any_other_where_nightlatch_is_missing(tmp_path: Path) -> None:
    shutil.copy(ROOT / "loop.py", tmp_path)
    installed = tmp_path / "nightlatch"
    installed.write_text("#!/bin/sh\necho started\n")
    installed.chmod(0o755)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\ntry: import loop\nexcept ImportError:"
        " print('an import error')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "an import error\n"
