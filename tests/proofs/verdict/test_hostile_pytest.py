"""pytest under a hostile tree: one test fails, and whatever lies around it does not change the
verdict.

Every attack has its control: plain `python -m pytest` in the same tree is taken in by it.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import MAGIC_NUMBER, source_hash
from marshal import dumps
from pathlib import Path

import pytest

from nightlatch.git.open import open_repo
from nightlatch.model.models import Outcome
from tests.io.verdict.world import PROSE, RUN_ONLY, World

GOOD = "def add(a, b):\n    return a + b\n"
BAD = "def add(a, b):\n    return a - b\n"
TEST = "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
BASE = {
    "calc.py": GOOD,
    "test_calc.py": TEST,
    "pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['.']\n",
    "prd.json": "[]\n",
}
AT_EXIT = "import atexit\nimport os\n\natexit.register(os._exit, 0)\n"
LEAVE = "import os\nos._exit(0)\n"
GREEN = "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
REPORT = """from _pytest import reports

made = reports.TestReport.from_item_and_call.__func__


def green(cls, item, call):
    report = made(cls, item, call)
    report.outcome = "passed"
    return report


reports.TestReport.from_item_and_call = classmethod(green)


def pytest_unconfigure():
    pass
"""


def pyc(text: str, source: str) -> bytes:
    """Bytecode of one text that says it belongs to another and needs no check."""
    code = compile(text, "calc.py", "exec")
    return MAGIC_NUMBER + (1).to_bytes(4, "little") + source_hash(source.encode()) + dumps(code)


@dataclass(frozen=True)
class Attack:
    """What lies in the candidate beside the bug, and what the environment of a careless run
    would hold; `plugins`: it needs some there."""

    files: Mapping[str, str | bytes]
    env: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = (sys.executable, "-m", "pytest", "-q")
    plugins: bool = False


PASSES = "def test_b():\n    pass\n"
VENV = ("./.venv/bin/python", "-m", "pytest")
CACHED = f"__pycache__/calc.{sys.implementation.cache_tag}.pyc"
POINT = "[pytest11]\nevil = evil\n"
META = "Metadata-Version: 2.1\nName: evil\nVersion: 1\n"
ATTACKS = {
    "pytest.py in the folder": Attack({"pytest.py": LEAVE}),
    "sitecustomize on PYTHONPATH": Attack({"sitecustomize.py": AT_EXIT}, {"PYTHONPATH": "."}),
    "PYTEST_ADDOPTS": Attack({}, {"PYTEST_ADDOPTS": "--collect-only"}),
    "a hook that sets the exit status": Attack({"conftest.py": GREEN}),
    "a hook that ends the process": Attack({"conftest.py": LEAVE}),
    "a new pytest.ini": Attack({"pytest.ini": "[pytest]\naddopts = --collect-only\n"}),
    "addopts in pyproject.toml": Attack(
        {
            "pyproject.toml": (
                BASE["pyproject.toml"] + "addopts = '--deselect test_calc.py::test_add'\n"
            ),
            "test_b.py": PASSES,
        }
    ),
    "a plugin by entry point": Attack(
        {
            "evil.dist-info/entry_points.txt": POINT,
            "evil.dist-info/METADATA": META,
            "evil.py": REPORT,
        }
    ),
    "a plugin of the environment shadowed": Attack(
        {"xdist/__init__.py": LEAVE, "xdist/plugin.py": LEAVE}, plugins=True
    ),
    "bytecode that needs no check": Attack({CACHED: pyc(GOOD, BAD)}),
    "a virtual environment that is committed": Attack(
        {".venv/bin/python": "#!/bin/sh\nexit 0\n"}, command=VENV
    ),
    "a path file in a committed environment": Attack(
        {
            ".venv/bin/python": (
                f'#!/bin/sh\nexec {sys.executable} -c "import site, sys;'
                " site.addsitedir('.venv/site-packages')\"\n"
            ),
            ".venv/site-packages/evil.pth": "import os; os._exit(0)\n",
        },
        command=VENV,
    ),
    "source that replaces the report": Attack({"calc.py": BAD + REPORT}),
    "source that ends the process at exit": Attack({"calc.py": BAD + AT_EXIT}),
}


@pytest.fixture
def world(repository: Path, tmp_path: Path) -> World:
    (tmp_path / "lab").mkdir()
    return World(repo=open_repo(repository), folder=tmp_path / "lab")


def candidate(world: World, base: str, files: Mapping[str, str | bytes]) -> str:
    """The tree of the base with a bug and these files."""
    repo, laid = world.repo, {"calc.py": BAD, **files}
    data = {path: text.encode() if isinstance(text, str) else text for path, text in laid.items()}
    entries = {
        path: ("100755" if text.startswith(b"#!") else "100644", repo.write_blob(text))
        for path, text in data.items()
    }
    return repo.tree_with(repo.tree_of(base), entries)


@pytest.mark.parametrize("name", ATTACKS)
def test_what_lies_around_a_failing_test_changes_no_verdict(
    world: World, slim_pytest: Path, name: str
) -> None:
    attack, base = ATTACKS[name], world.commit(BASE)
    world = world if attack.plugins else replace(world, python=slim_pytest)
    tree = candidate(world, base, attack.files)
    verdict = world.engine().examine(base, tree, PROSE, off=RUN_ONLY)
    assert (verdict.outcome, verdict.safe) == (Outcome.REJECTED, False)


@pytest.mark.parametrize("name", ATTACKS)
def test_the_same_attack_takes_in_a_plain_run(world: World, name: str) -> None:
    attack, base = ATTACKS[name], world.commit(BASE)
    with world.open_room(base, candidate(world, base, attack.files)) as room:
        env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "", **attack.env}
        del env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        ran = subprocess.run(
            attack.command, cwd=room.tree, env=env, capture_output=True, text=True, check=False
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_without_any_attack_the_plain_run_fails(world: World) -> None:
    base = world.commit(BASE)
    with world.open_room(base, candidate(world, base, {})) as room:
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q"],
            cwd=room.tree,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 1, ran.stdout + ran.stderr
