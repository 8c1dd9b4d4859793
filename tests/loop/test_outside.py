"""What lands never runs outside a sandbox: 300 names planted in the checkout, the night gone on with, every command the morning after."""

import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from nightlatch.core.scope import SHADOW
from tests.loop.village import ROOT, Project, feature, make_project, project_in, writes

pytestmark = pytest.mark.sandbox

# What the program imports: every module of the standard library, and everything that is installed beside it.
MODULES = sorted(name for name in {*sys.stdlib_module_names, *packages_distributions()} if not SHADOW.fullmatch(f"{name}.py"))
# What it starts, or would start if it were there; and what others start.
PROGRAMS = (
    "git", "bwrap", "systemd-run", "systemd-inhibit", "caffeinate", "cp", "true", "ssh", "gpg", "less", "pager", "node", "npm", "strace",
    "nightlatch", "claude", "codex", "gemini", "stty", "uname", "sleep", "ps", "make", "git-log", "git-commit", "git-upload-pack",
)  # fmt: skip
# In the sandbox the person's PATH holds, so what a verify needs is planted only where an empty or a relative entry would find it.
SHELL = ("sh", "bash", "cat", "env", "python", "python3", "test")
FILES = {
    "pyvenv.cfg": "home = /nowhere\n", "site.pth": "import json\n", "zzz.pth": "import json\n", ".npmrc": "script-shell=./sh\n",
    "pip.conf": "[global]\nindex-url = http://127.0.0.1:1/\n", "setup.cfg": "[metadata]\nname = json\n", "tox.ini": "[tox]\n",
    ".gitconfig": "[core]\nfsmonitor = ./git\npager = ./less\n", "gitconfig": "[core]\nfsmonitor = ./git\n", ".pythonrc": "import json\n",
    ".env": "PATH=.\n", ".envrc": "export PATH=.\n", ".python-version": "3.1\n", "python3._pth": ".\n",
}  # fmt: skip
COMMANDS = (
    ("status",), ("status", "--json"), ("report",), ("report", "--html", "../r.html"), ("report", "--md"), ("log",), ("doctor",),
    ("verify",), ("check", "HEAD"), ("check",), ("ratchet", "HEAD~1..HEAD"), ("config",), ("schema",), ("help", "prd"), ("brief", "US-004"),
    ("note", "list"), ("note", "open", "a claim"), ("clean",), ("init",), ("handoff", "US-004"), ("watch",), ("sync",), ("pause",),
    ("resume",), ("stop",), ("hold", "US-004"), ("retry", "US-004"), ("done", "US-004"), ("import", "prd.json"), ("run", "--dry-run"),
    ("events", "nothing"), ("wake", "nothing"), ("doctor", "--notify"), ("run", "--detach", "--agent", "scripted"), ("--version",),
    ("revert", "US-002", "--now"), ("plan", "--prove"),
)  # fmt: skip
# What a command imports does not depend on how it was started, so one start has all of them and the others have the wide ones.
WIDE = (("status",), ("report", "--html", "../r.html"), ("doctor",), ("check", "HEAD"), ("init",), ("note", "list"), ("run", "--dry-run"),
        ("run", "--detach", "--agent", "scripted"))  # fmt: skip
STARTS = {"loop.py": COMMANDS, "nightlatch": WIDE, "-m": WIDE}


def planted(marker: Path) -> dict[str, tuple[str, bool]]:
    """Every name with what lies under it, and whether it is a program: what of them runs outside a sandbox leaves a line in a file."""
    spoken = f"import posix\nposix.write(posix.open({str(marker)!r}, 0o2101, 0o600), (__name__ + chr(10)).encode())\n"
    found = {f"{name}/__init__.py" if at % 3 == 0 else f"{name}.py": (spoken, False) for at, name in enumerate(MODULES)}
    shouted = f"#!/bin/sh\necho \"$0\" >> {marker}\nexit 1\n"
    found |= {f"bin/{name}": (shouted, True) for name in PROGRAMS}
    taken = {name.partition("/")[0] for name in found}
    found |= {name: (shouted, True) for name in (*PROGRAMS, *SHELL) if name not in taken}
    return found | {name: (text, False) for name, text in FILES.items()}


def crooked(project: Project) -> dict[str, str]:
    """An environment that looks into the project first for programs and libraries; no PYTHONPATH, which Python follows by itself."""
    places = ("", ".", "bin", str(project.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**kept, **project.env, "PATH": ":".join(places), "LD_LIBRARY_PATH": ":", "PERL5LIB": ".", "BASH_ENV": "./sh", "ENV": "./sh"}


def started(project: Project, how: str, *args: str) -> subprocess.CompletedProcess[str]:
    """One command, started in the project as a person does."""
    words = {
        "loop.py": [sys.executable, "loop.py"],
        "nightlatch": [str(Path(sys.executable).with_name("nightlatch"))],
        "-m": [sys.executable, "-m", "nightlatch"],
    }[how]
    env = {**crooked(project), "NIGHTLATCH_SCRIPT": str(project.folder.parent / "script.json")}
    return subprocess.run([*words, *args], cwd=project.folder, env=env, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outside")


@pytest.fixture
def marker(_place: Path) -> Path:
    return _place / "ran-outside"


@pytest.fixture
def project(_place: Path, marker: Path) -> Project:
    """A project in which a first session landed all the names, and two more worked after it in the same night; made once."""
    if (_place / "shop").exists():
        return project_in(_place)
    told = f'[land]\nafter = "git log -1 --format=%s >> {_place}/after"\n[notify]\ncommand = "cat >> {_place}/told"\n'
    project = make_project(_place, [feature(n) for n in range(1, 5)], settings=told)
    project.git("rm", "-q", "-r", "tests", "checks/10-tests")  # what is planted would be in the way of any test's own imports
    project.commit("no tests")
    plants = [{"write": name, "text": text} for name, (text, _) in planted(marker).items()]
    modes = "chmod +x " + " ".join(name for name, (_, runs) in planted(marker).items() if runs)
    nights = {"US-001": [[writes(1), *plants, {"run": modes}]], **{f"US-00{n}": [[writes(n)]] for n in (2, 3)}}
    project.script({**nights, "US-004": [[{"say": "nothing"}]]})
    done = started(project, "loop.py", "run", "--agent", "scripted", "--sessions", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def test_the_names_land_and_none_runs_outside_in_the_same_night(project: Project, marker: Path) -> None:
    landed = set(project.git("ls-files").splitlines())
    wanted = {name for name in planted(marker) if name != ".env"}
    assert len(MODULES) > 300
    assert wanted <= landed
    assert project.passing() == ["US-001", "US-002", "US-003"]
    assert len((project.folder.parent / "after").read_text().splitlines()) == 3
    assert not marker.exists(), marker.read_text()


@pytest.mark.parametrize("how", STARTS)
def test_no_command_of_the_morning_after_runs_one(project: Project, marker: Path, how: str) -> None:
    assert all((project.folder / name).exists() for name in planted(marker))
    told = {args: started(project, how, *args) for args in STARTS[how]}
    assert {args: done.stderr for args, done in told.items() if done.returncode in (70, 127) or "Traceback" in done.stderr} == {}
    assert told["status",].returncode == 0
    assert not marker.exists(), marker.read_text()


def test_a_program_that_has_not_left_the_project_runs_them(project: Project, marker: Path) -> None:
    """The control: the same commands without the guard."""
    env = {**crooked(project), "PYTHONPATH": str(ROOT)}
    unguarded = [sys.executable, "-c", "from nightlatch.cli import main; main(['status'])"]
    subprocess.run(unguarded, cwd=project.folder, env=env, capture_output=True, check=False)
    subprocess.run(["git", "log"], cwd=project.folder, env=env, capture_output=True, check=False)  # as Python finds it
    ran = marker.read_text().split()
    marker.unlink()
    assert "git" in ran[-1]
    assert len(ran) > 1


LATE = """
import atexit
EVENING = set(sys.modules)
atexit.register(lambda: open(os.environ["LATE"], "a").write("".join(sorted(f"{name}\\n" for name in set(sys.modules) - EVENING))))
"""


def test_all_that_a_night_imports_is_imported_before_its_first_session(tmp_path: Path) -> None:
    told = '[notify]\ncommand = "cat >> ../told"\n[limits]\nbudget = 9.0\n'
    stories = [feature(1), feature(2, verify=[]), feature(3, phases=[{"name": "implementation"}, {"name": "review"}])]
    project = make_project(tmp_path, stories, settings=told)
    loop = (project.folder / "loop.py").read_text()
    begins = "        while True:\n"
    assert begins in loop
    late = LATE.replace("\n", "\n        ")
    project.write("loop.py", loop.replace(begins, f"{late}\n{begins}"))
    project.commit("a loop that tells what it imports late")
    deletes = [{"spend": 0.1}, {"delete": "tests/test_till.py"}, writes(1)]
    more = (project.folder / "tests/test_till.py").read_text().replace("120", "40 * 3")
    edits = [writes(1), {"write": "tests/test_more.py", "text": more}]
    finds = [{"note": {"claim": "é is two bytes", "state": "verified", "evidence": ["true"]}}, {"ask": "Which?"}]
    script = project.script({"US-001": [deletes, edits], "US-002": [finds], "US-003": [[writes(3)]]})
    env = {**os.environ, **project.env, "NIGHTLATCH_SCRIPT": str(script), "LATE": str(tmp_path / "late")}
    words = [sys.executable, "loop.py", "run", "--agent", "scripted"]
    done = subprocess.run(words, cwd=project.folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert (tmp_path / "late").read_text().split() == []
