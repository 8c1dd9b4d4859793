"""Canaries on every runner that the machine has: five red and one green beside honest code, and
seen through where code cheats."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from nightlatch.ratchet import canary
from nightlatch.ratchet.canary import PlantedCanary
from nightlatch.sandbox.base import SandboxSpec
from nightlatch.suite import run_io
from nightlatch.suite.results import CheckStatus, Result, SuiteResult
from tests.io.suite.test_runners import CARGO, HANDS, Project, needs

PY_TEST = "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
PY = {"calc.py": "def add(a, b):\n    return a + b\n", "tests/test_calc.py": PY_TEST}
UNIT = (
    "import unittest\nfrom calc import add\n\n\nclass Sums(unittest.TestCase):\n    def"
    " test_add(self):\n"
)
UNIT += "        self.assertEqual(add(1, 2), 3)\n"
NODE = (
    "import { test } from 'node:test';\nimport assert from 'node:assert';\nimport { add } from"
    " '../calc.mjs';\n"
)
NODE += "test('adds', () => assert.equal(add(1, 2), 3));\n"
GO_TEST = (
    'package thing\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3'
    ' {\n\t\tt.Error("no")\n\t}\n}\n'
)
GO_CODE = "package thing\n\nfunc Add(a, b int) int { return a + b }\n"
GO = {
    "go.mod": "module example.org/thing\n\ngo 1.19\n",
    "calc.go": GO_CODE,
    "calc_test.go": GO_TEST,
}
GO_MAIN = (
    'package thing\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestMain(m *testing.M)'
    " {\n\tm.Run()\n\tos.Exit(0)\n}\n"
)
RUST_TEST = "#[test]\nfn adds() { assert_eq!(thing::add(1, 2), 3); }\n"
RUST = {
    "Cargo.toml": CARGO,
    "src/lib.rs": "pub fn add(a: u8, b: u8) -> u8 { a + b }\n",
    "tests/calc.rs": RUST_TEST,
}
JS = {
    "package.json": "{}",
    "calc.mjs": "export const add = (a, b) => a + b;\n",
    "test/calc.test.mjs": NODE,
}
PROJECTS: Mapping[str, tuple[str, Mapping[str, str], str, str]] = {
    "pytest": ("python3", PY, "tests/test_calc.py", "calc.py"),
    "unittest": ("python3", {**PY, "tests/test_calc.py": UNIT}, "tests/test_calc.py", "calc.py"),
    "node --test": ("node", JS, "test/calc.test.mjs", "calc.mjs"),
    "go test": ("go", GO, "calc_test.go", "calc.go"),
    "cargo test": ("cargo", RUST, "tests/calc.rs", "src/lib.rs"),
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "tree").mkdir()
    return Project(folder=tmp_path)


def flown(
    project: Project, name: str, more: Mapping[str, str]
) -> tuple[PlantedCanary, SuiteResult]:
    """The canary of one runner in its project, with some files changed."""
    program, files, beside, source = PROJECTS[name]
    needs(program)
    project.write({**files, **more})
    chosen = project.found(has_pytest=name == "pytest")
    assert chosen is not None
    assert (chosen.name, chosen.canary is None) == (name, False)
    assert chosen.canary is not None
    laid = canary.plant(chosen.canary, "q1a2b3c4d5", beside, files[beside], [source])
    project.write({laid.path: laid.text})
    room = project.room
    if program == "cargo":
        env = {
            **room.env,
            "HOME": str(Path(shutil.which("cargo") or "/").parents[2]),
            "CARGO_TARGET_DIR": str(project.folder / "target"),
        }
        room = SandboxSpec(tree=room.tree, at=room.at, home=room.home, env=env)
    return laid, run_io.run_suite(HANDS, room, chosen, "python3", laid.names_to_run())


@pytest.mark.parametrize("name", PROJECTS)
def test_five_come_out_red_and_one_green(project: Project, name: str) -> None:
    laid, results = flown(project, name, {})
    told = [next((r for i, r in results.ids.items() if i.endswith(end)), None) for end in laid.ids]
    assert laid.wrong(results) == "", results
    assert told[-1] is Result.PASSED
    assert all(result in (Result.FAILED, Result.ERROR) for result in told[:-1])


CHEATS = {
    "pytest": {
        "calc.py": PY["calc.py"] + "\n\nimport os\nimport atexit\n\natexit.register(os._exit, 0)\n"
    },
    "unittest": {
        "calc.py": (
            PY["calc.py"]
            + "\n\nimport unittest\n\nunittest.TestCase.assertEqual = lambda *_: None\n"
        )
    },
    "node --test": {
        "calc.mjs": (
            "import assert from 'node:assert';\nassert.strictEqual = () => {};\nexport const add ="
            " (a, b) => a + b;\n"
        )
    },
    "go test": {"init_test.go": GO_MAIN},
}


@pytest.mark.parametrize("name", CHEATS)
def test_code_that_cheats_is_seen_through(project: Project, name: str) -> None:
    laid, results = flown(project, name, CHEATS[name])
    assert laid.wrong(results), results


def test_a_run_without_the_canary_says_nothing_of_it() -> None:
    laid = PlantedCanary(path="test_q.py", text="", ids=tuple(f"::q_{n}" for n in range(6)))
    assert (
        laid.wrong(SuiteResult(answer=CheckStatus.GREEN)) == "5 of 5 tests that must fail did not"
    )
    red = {f"test_q.py::q_{n}": Result.FAILED for n in range(5)}
    assert (
        laid.wrong(SuiteResult(answer=CheckStatus.RED, ids=red)) == "a test that must pass did not"
    )
    assert (
        laid.wrong(
            SuiteResult(answer=CheckStatus.RED, ids={**red, "test_q.py::q_5": Result.PASSED})
        )
        == ""
    )
    assert (
        laid.wrong(SuiteResult(answer=CheckStatus.RED, ids=red, broken="the report breaks off"))
        == "the report breaks off"
    )


@pytest.mark.parametrize(
    ("kind", "beside", "path"),
    [
        ("pytest", "tests/check_calc.py", "tests/test_q.py"),
        ("node --test", "src/calc.test.ts", "src/q.test.ts"),
        ("node --test", "test/calc.js", "test/q.js"),
        ("vitest", "src/deep/calc.spec.tsx", "src/deep/q.spec.tsx"),
        ("jest", "__tests__/calc.js", "__tests__/q.js"),
        ("go test", "ring/ring_test.go", "ring/q_test.go"),
        ("cargo test", "tests/calc.rs", "tests/q.rs"),
    ],
)
def test_a_canary_is_named_as_its_neighbours_are(kind: str, beside: str, path: str) -> None:
    chosen = next(each for each in run_io.shipped() if each.name == kind)
    assert chosen.canary is not None
    laid = canary.plant(
        chosen.canary, "q", beside, "package ring\n", ["src/calc.py", "lib/calc.js"]
    )
    assert laid.path == path
    assert "{name}" not in laid.text
    assert "{modules}" not in laid.text
