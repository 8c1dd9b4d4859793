"""Every runner that the machine has, on a small real project: found, run, read, and run again
by id."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from nightlatch.sandbox.base import SandboxSpec
from nightlatch.sandbox.find import find_sandbox
from nightlatch.sandbox.none import NoSandbox
from nightlatch.suite import run_io
from nightlatch.suite.results import CheckStatus, Result, SuiteResult, file_of
from nightlatch.suite.run_io import CommandRunner
from nightlatch.suite.runner_detection import Runner
from nightlatch.suite.suite_finder import arranged, runner_in
from tests import PATIENCE

HANDS = CommandRunner(sandbox=NoSandbox(), timeout=PATIENCE)


@dataclass(frozen=True)
class Project:
    """A folder with files, seen as a room."""

    folder: Path

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    @property
    def room(self) -> SandboxSpec:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        tree = self.folder / "tree"
        return SandboxSpec(
            tree=tree,
            at=Path("/project"),
            home=self.folder,
            env={"PATH": path, "HOME": str(Path.home())},
        )

    def found(self, *, has_pytest: bool = True) -> Runner | None:
        tree = self.folder / "tree"
        paths = frozenset(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file())
        files = arranged(paths, lambda path: (tree / path).read_text())
        return runner_in(run_io.shipped(), files, "", lambda _module, _folder: has_pytest)

    def run(self, *only: str, has_pytest: bool = True, hands: CommandRunner = HANDS) -> SuiteResult:
        chosen = self.found(has_pytest=has_pytest)
        assert chosen is not None
        return run_io.run_suite(hands, self.room, chosen, "python3", only)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "tree").mkdir()
    return Project(folder=tmp_path)


def needs(program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def words(results: SuiteResult) -> dict[str, str]:
    return {name: result.value for name, result in results.ids.items()}


PYTEST = """import pytest


class TestGroup:
    def test_in_class(self):
        pass


@pytest.mark.parametrize("n", ["a b", "ü", "x::y"])
def test_many(n):
    assert n != "ü"


@pytest.fixture
def broken():
    raise RuntimeError


@pytest.fixture
def untidy():
    yield
    raise RuntimeError


def test_setup(broken):
    pass


def test_teardown(untidy):
    pass


@pytest.mark.skip
def test_skipped():
    pass


@pytest.mark.xfail
def test_expected():
    assert 0
"""


def test_pytest_gives_every_id_its_result(project: Project) -> None:
    project.write(
        {"tests/test_one.py": PYTEST, "tests/test_broken.py": "import nothing_of_this_name\n"}
    )
    results = project.run()
    one = "tests/test_one.py::"
    assert words(results) == {
        one + "TestGroup::test_in_class": "passed",
        one + "test_many[a b]": "passed",
        one + "test_many[\\xfc]": "failed",
        one + "test_many[x::y]": "passed",
        one + "test_setup": "error",
        one + "test_teardown": "error",
        one + "test_skipped": "skipped",
        one + "test_expected": "skipped",
    }
    assert (results.uncollected, results.answer, results.broken) == (
        ("tests/test_broken.py",),
        CheckStatus.RED,
        "",
    )


def test_pytest_runs_again_only_what_is_asked_for_and_only_what_is_there(project: Project) -> None:
    project.write({"tests/test_one.py": PYTEST, "test_two.py": "def test_two():\n    pass\n"})
    wanted = (
        "tests/test_one.py::test_many[a b]",
        "tests/test_one.py::test_gone",
        "test_three.py::test_three",
    )
    assert words(project.run(*wanted)) == {"tests/test_one.py::test_many[a b]": "passed"}


def test_the_projects_own_folder_is_importable_and_cannot_pose_as_the_runner(
    project: Project,
) -> None:
    fake = "import sys\nsys.exit(0)\n"
    project.write(
        dict.fromkeys(("pytest.py", "_pytest.py", "pluggy.py", "unittest.py", "json.py"), fake)
    )
    project.write(
        {"app.py": "", "tests/test_app.py": "import app\n\n\ndef test_app():\n    assert 0\n"}
    )
    assert words(project.run()) == {"tests/test_app.py::test_app": "failed"}


def test_an_option_of_the_project_that_stops_at_the_first_failure_hides_nothing(
    project: Project,
) -> None:
    project.write(
        {
            "pytest.ini": "[pytest]\naddopts = -x\n",
            "test_a.py": "def test_a():\n    assert 0\n\n\ndef test_b():\n    pass\n",
        }
    )
    assert words(project.run()) == {"test_a.py::test_a": "failed", "test_a.py::test_b": "passed"}


def test_the_configuration_is_the_nearest_above_the_project_and_none_below_it(
    project: Project,
) -> None:
    fixture = "import pytest\n\n\n@pytest.fixture\ndef top():\n    return 1\n"
    project.write({"pytest.ini": "[pytest]\npython_functions = check_*\n", "conftest.py": fixture})
    project.write(
        {
            "sub/test_a.py": "def check_a(top):\n    pass\n\n\ndef test_b():\n    pass\n",
            "sub/deep/pytest.ini": "[pytest]\n",
        }
    )
    project.write(
        {
            "sub/deep/test_c.py": "def check_c():\n    pass\n\n\ndef test_d():\n    pass\n",
            ".git/HEAD": "",
        }
    )
    chosen = project.found()
    assert chosen is not None
    below = replace(project.room, cwd="sub")
    wanted = {"test_a.py::check_a": "passed", "deep/test_c.py::check_c": "passed"}
    assert words(run_io.run_suite(HANDS, below, chosen, "python3")) == wanted
    only = run_io.run_suite(
        HANDS, below, chosen, "python3", ("deep/test_c.py", "test_a.py::test_b")
    )
    assert words(only) == {"deep/test_c.py::check_c": "passed"}


def test_tests_that_run_in_parallel_are_recorded_once(project: Project) -> None:
    project.write(
        {
            "pytest.ini": "[pytest]\naddopts = -n 2\n",
            "test_a.py": "def test_a():\n    pass\n\n\ndef test_b():\n    pass\n",
        }
    )
    assert words(project.run()) == {"test_a.py::test_a": "passed", "test_a.py::test_b": "passed"}
    assert words(project.run("test_a.py::test_b")) == {"test_a.py::test_b": "passed"}


def test_a_suite_without_tests_is_green(project: Project) -> None:
    project.write({"conftest.py": ""})
    assert project.run().answer is CheckStatus.GREEN


UNITTEST = """import unittest


class Sums(unittest.TestCase):
    def test_good(self):
        pass

    def test_bad(self):
        self.assertEqual(1, 2)

    def test_error(self):
        raise RuntimeError

    @unittest.skip("later")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_expected(self):
        self.fail()

    @unittest.expectedFailure
    def test_unexpected(self):
        pass

    def test_parts(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertNotEqual(n, 1)
"""


@pytest.mark.parametrize("folder", ["", "tests/", "pkg/tests/"])
def test_unittest_gives_every_id_its_result_with_nothing_installed(
    project: Project, folder: str
) -> None:
    project.write({f"{folder}test_sums.py": "import app\n" + UNITTEST, "app.py": ""})
    project.write({f"{folder}test_broken.py": "import nothing_of_this_name\n"})
    results = project.run(has_pytest=False)
    sums = f"{folder}test_sums.py::Sums::test_"
    assert {name.removeprefix(sums): word for name, word in words(results).items()} == {
        "good": "passed",
        "bad": "failed",
        "error": "error",
        "skipped": "skipped",
        "expected": "skipped",
        "unexpected": "failed",
        "parts": "failed",
    }
    assert [Path(name).name for name in results.uncollected] == ["test_broken.py"]
    assert words(project.run(f"{sums}good", has_pytest=False)) == {f"{sums}good": "passed"}


def test_unittest_names_the_same_ids_in_a_package(project: Project) -> None:
    project.write(
        {"tests/__init__.py": "", "tests/deep/__init__.py": "", "tests/deep/test_sums.py": UNITTEST}
    )
    assert "tests/deep/test_sums.py::Sums::test_good" in project.run(has_pytest=False).passed


def test_a_unittest_suite_that_leaves_early_with_exit_code_0_is_no_pass(project: Project) -> None:
    project.write({"test_a.py": UNITTEST.replace("raise RuntimeError", "import os; os._exit(0)")})
    results = project.run(has_pytest=False)
    assert (results.answer, results.broken) == (
        CheckStatus.RED,
        "the report breaks off (exit code 0)",
    )


NODE = """import { test, describe, it } from "node:test";
import assert from "node:assert";
test("top", () => {});
test("bad", () => assert.equal(1, 2));
test("skipped", { skip: true }, () => {});
test("later", { todo: true }, () => assert.equal(1, 2));
describe("group", () => { it("inner", () => {}); describe("deep", () => { it("inner", () => assert.ok(false)); }); });
"""


def test_node_gives_every_test_its_file_and_its_titles(project: Project) -> None:
    needs("node")
    project.write({"a.test.mjs": NODE, "sub/b.test.mjs": NODE})
    project.write({"c.test.mjs": "import './nothing.mjs'\n", "plain.test.mjs": "console.log(1)\n"})
    results = project.run()
    assert {name: word for name, word in words(results).items() if name.startswith("sub/")} == {
        "sub/b.test.mjs::top": "passed",
        "sub/b.test.mjs::bad": "failed",
        "sub/b.test.mjs::skipped": "skipped",
        "sub/b.test.mjs::later": "skipped",
        "sub/b.test.mjs::group::inner": "passed",
        "sub/b.test.mjs::group::deep::inner": "failed",
    }
    assert (results.uncollected, results.ids["plain.test.mjs"], results.broken) == (
        ("c.test.mjs",),
        Result.PASSED,
        "",
    )
    assert {file_of(name) for name in project.run("a.test.mjs::top").ids} == {"a.test.mjs"}


def test_node_is_started_by_the_projects_own_script_where_it_has_one(project: Project) -> None:
    needs("node")
    script = "node --no-warnings --test --import ./setup.mjs odd/one.mjs"
    project.write(
        {
            "package.json": json.dumps({"scripts": {"test": script}}),
            "setup.mjs": "globalThis.ready = 1\n",
        }
    )
    project.write(
        {
            "odd/one.mjs": (
                "import { test } from 'node:test';\ntest('ready', () => { if (!globalThis.ready)"
                " throw 1 });\n"
            )
        }
    )
    assert words(project.run()) == {"odd/one.mjs::ready": "passed"}


def test_a_node_test_that_leaves_early_takes_its_ids_along(project: Project) -> None:
    needs("node")
    project.write(
        {
            "a.test.mjs": (
                "import { test } from 'node:test';\nprocess.exit(0);\ntest('never', () => {});\n"
            )
        }
    )
    assert "a.test.mjs::never" not in project.run().ids


CARGO = '[package]\nname = "thing"\nversion = "0.1.0"\nedition = "2021"\n'
RUST = """#[cfg(test)]
mod tests {
    #[test]
    fn good() {}
    #[test]
    fn bad() { panic!() }
    #[test]
    #[ignore]
    fn later() {}
}
"""


def test_cargo_is_read_by_binary_and_name(project: Project) -> None:
    needs("cargo")
    project.write(
        {"Cargo.toml": CARGO, "src/lib.rs": RUST, "tests/out.rs": "#[test]\nfn outer() {}\n"}
    )
    home = Path(shutil.which("cargo") or "/").parents[2]
    env = {
        **project.room.env,
        "HOME": str(home),
        "CARGO_TARGET_DIR": str(project.folder / "target"),
    }
    chosen = project.found()
    assert chosen is not None
    room = SandboxSpec(tree=project.room.tree, at=project.room.at, home=project.folder, env=env)
    results = run_io.run_suite(HANDS, room, chosen, "")
    assert words(results) == {
        "src/lib.rs::tests::good": "passed",
        "src/lib.rs::tests::bad": "failed",
        "src/lib.rs::tests::later": "skipped",
        "tests/out.rs::outer": "passed",
    }
    again = run_io.run_suite(HANDS, room, chosen, "", ["src/lib.rs::tests::bad"])
    assert words(again) == {"src/lib.rs::tests::bad": "failed"}


GO = """package thing

import "testing"

func TestGood(t *testing.T) {
	t.Run("inner", func(t *testing.T) {})
}

func TestBad(t *testing.T) { t.Error("no") }

func TestLater(t *testing.T) { t.Skip("later") }
"""


@pytest.mark.parametrize("sandboxed", [False, pytest.param(True, marks=pytest.mark.sandbox)])
def test_go_is_read_by_package_and_name(project: Project, *, sandboxed: bool) -> None:
    needs("go")
    project.write(
        {
            "go.mod": "module example.org/thing\n\ngo 1.19\n",
            "thing.go": "package thing\n",
            "thing_test.go": GO,
        }
    )
    hands = CommandRunner(sandbox=find_sandbox("auto"), timeout=PATIENCE) if sandboxed else HANDS
    told = {
        name.rpartition("::")[2]: result for name, result in words(project.run(hands=hands)).items()
    }
    assert told == {
        "TestGood": "passed",
        "TestGood/inner": "passed",
        "TestBad": "failed",
        "TestLater": "skipped",
    }
    bad = next(name for name in project.run(hands=hands).ids if name.endswith("TestBad"))
    assert {name.rpartition("::")[2] for name in project.run(bad, hands=hands).ids} == {"TestBad"}


def test_a_go_test_that_leaves_early_takes_its_ids_along(project: Project) -> None:
    needs("go")
    early = (
        'package thing\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestMain(m *testing.M) {'
        " os.Exit(0) }\n"
    )
    project.write(
        {
            "go.mod": "module example.org/thing\n\ngo 1.19\n",
            "thing_test.go": GO,
            "main_test.go": early,
        }
    )
    assert not any("TestGood" in name for name in project.run().ids)


def test_a_runner_that_is_not_installed_is_a_fault(project: Project) -> None:
    project.write({"package.json": '{"devDependencies": {"vitest": "3"}}', "a.test.ts": ""})
    results = project.run()
    assert results.answer is CheckStatus.FAULT
    assert "vitest" in results.tail


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"pytest.ini": ""}, "pytest"),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, "pytest"),
        ({"pyproject.toml": "[project]\n"}, ""),
        ({"tests/test_a.py": ""}, "pytest"),
        ({"package.json": '{"devDependencies": {"vitest": "3"}}'}, "vitest"),
        ({"package.json": '{"devDependencies": {"jest": "30"}}'}, "jest"),
        ({"package.json": '{"scripts": {"test": "tsc && node --test dist/"}}'}, "node --test"),
        ({"package.json": "{}", "src/a.test.ts": "import test from 'node:test'"}, "node --test"),
        ({"package.json": "{}", "src/a.test.ts": "import test from 'somewhere'"}, ""),
        ({"go.mod": ""}, "go test"),
        ({"Cargo.toml": ""}, "cargo test"),
        ({"README.md": "test_a.py"}, ""),
    ],
)
def test_the_runner_is_found_by_the_files(
    project: Project, files: dict[str, str], name: str
) -> None:
    project.write(files)
    found = project.found()
    assert (found.name if found else "") == name


def test_without_pytest_in_the_projects_python_its_tests_are_unittests(project: Project) -> None:
    project.write({"tests/test_a.py": ""})
    found = project.found(has_pytest=False)
    assert found is not None
    assert found.name == "unittest"


def test_test_files_are_also_what_the_configuration_says(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": (
                "[tool.pytest.ini_options]\npython_files = ['check_*.py', 'spec/*.py']\n"
            )
        }
    )
    found = project.found()
    assert found is not None
    assert {"**/check_*.py", "**/spec/*.py"} <= set(found.files.tests)


@pytest.mark.sandbox
def test_a_suite_runs_in_the_sandbox_and_its_report_comes_out(project: Project) -> None:
    project.write({"test_a.py": "def test_a():\n    pass\n"})
    hands = CommandRunner(sandbox=find_sandbox("bubblewrap"), timeout=PATIENCE)
    assert words(project.run(hands=hands)) == {"test_a.py::test_a": "passed"}


def test_the_own_python_of_a_project_is_its_virtual_environment(project: Project) -> None:
    project.write({"pkg/__init__.py": "raise SystemExit('never imported')\n"})
    python, origins, _ = run_io.probe(HANDS, project.room, ["pkg", "nothing_of_this_name"])
    assert (python.rpartition("/")[2], origins["nothing_of_this_name"]) == ("python3", "")
    assert origins["pkg"] == str(project.folder.resolve() / "tree" / "pkg" / "__init__.py")
    project.write({".venv/bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'})
    (project.folder / "tree" / ".venv" / "bin" / "python").chmod(0o755)
    assert run_io.probe(HANDS, project.room, [])[0] == ".venv/bin/python"


def test_a_python_behind_a_shim_is_started_by_its_own_name_once_that_is_known(
    project: Project,
) -> None:
    shim = project.folder / "shims/python3"
    shim.parent.mkdir()
    shim.write_text(
        f'#!/bin/sh\necho begun >> {project.folder}/started\nexec {sys.executable} "$@"\n'
    )
    shim.chmod(0o755)
    room = replace(
        project.room, env={**project.room.env, "PATH": f"{shim.parent}:{project.room.env['PATH']}"}
    )
    python, _, _ = run_io.probe(HANDS, room, [])
    assert python == sys.executable
    assert (project.folder / "started").read_text() == "begun\n"
