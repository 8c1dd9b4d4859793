"""What docs/ci.md shows works: the hook by a real push, the workflow by its own lines, and
SARIF by the validator of its makers."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nightlatch
from nightlatch.model.rules import reason, rules
from nightlatch.verdict.rules_page import listing
from nightlatch.verdict.sarif import location, points, sarif
from tests.io.cli.cli_project import Project
from tests.io.cli.test_ratchet import SUITE

ROOT = Path(nightlatch.__file__).parents[1]
EXAMPLES = ROOT / "docs/examples"


@pytest.fixture
def shop(project: Project) -> Project:
    """A repository with a remote, and a `nightlatch` on PATH that runs its own suite."""
    project.write("suite.sh", SUITE)
    project.write("tests/list", "one grep -q 1 till\ntwo grep -q 2 till\n")
    project.commit("the shop", till="1 2\n", **{"requirements.txt": "\n"})
    tools = project.folder.parent / "tools"
    tools.mkdir()
    for name, line in {
        "nightlatch": (
            f'[ "$1" = ratchet ] || exit 9; shift; exec "{sys.executable}" -m nightlatch ratchet'
            ' "$@" --tests "sh suite.sh"'
        ),
        "pip": "exit 0",
        "sudo": "exit 0",
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    for name, value in {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "NIGHTLATCH_WORKSPACE_SANDBOX": "none",
    }.items():
        project.monkeypatch.setenv(name, value)
    project.git("init", "-q", "--bare", "../remote.git")
    project.git("remote", "add", "origin", "../remote.git")
    project.git("push", "-q", "-u", "origin", "main")
    project.git("remote", "set-head", "origin", "main")
    return project


def pushed(shop: Project, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "push", "origin", *args],
        cwd=shop.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_hook_lets_good_work_through_and_stops_what_weakens(shop: Project) -> None:
    hook = shutil.copy(EXAMPLES / "pre-push", shop.folder / ".git/hooks/pre-push")
    assert os.access(hook, os.X_OK)
    shop.commit(till="1 2 3\n")
    assert pushed(shop, "main").returncode == 0
    shop.git("switch", "-q", "-c", "side")
    shop.commit(**{"tests/list": "one grep -q 1 till\n"})
    for branch in ("side", "side:main"):
        stopped = pushed(shop, branch)
        assert stopped.returncode != 0
        assert "ratchet.test-removed" in stopped.stderr
    assert shop.git("ls-remote", "origin", "refs/heads/side") == ""
    assert pushed(shop, "--no-verify", "side").returncode == 0
    assert pushed(shop, "--delete", "side").returncode == 0


def scripts(text: str) -> list[str]:
    """The shell scripts of a workflow, in their order."""
    return [
        re.sub(r"^ {10}", "", block, flags=re.MULTILINE)
        for block in re.findall(r"run: \|\n((?: {10}.*\n)+)", text)
    ]


@pytest.mark.parametrize(
    ("list_of_tests", "code"),
    [("one grep -q 1 till\ntwo grep -q 2 till\n", 0), ("one grep -q 1 till\n", 1)],
)
def test_the_lines_of_the_workflow_do_what_they_say(
    shop: Project, list_of_tests: str, code: int
) -> None:
    shop.commit(till="1 2 4\n", **{"tests/list": list_of_tests})
    temp = shop.folder.parent / "temp"
    temp.mkdir()
    given = {
        "RUNNER_TEMP": str(temp),
        "GITHUB_BASE_REF": "main",
        "GITHUB_STEP_SUMMARY": str(temp / "summary"),
    }
    env = {**os.environ, **given}
    sandbox, needs, ratchet = scripts((EXAMPLES / "github-actions.yml").read_text())
    ran = [
        subprocess.run(
            ["bash", "-e", "-c", s],
            cwd=shop.folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        for s in (sandbox, needs, ratchet)
    ]
    assert [done.returncode for done in ran] == [0, 0, code], ran[-1].stderr
    assert len(json.loads((temp / "ratchet.sarif").read_text())["runs"][0]["results"]) == code
    assert ("::error file=tests/list,line=" in ran[-1].stderr) is bool(code)
    assert (
        (temp / "summary")
        .read_text()
        .startswith(f"### nightlatch: {'reject' if code else 'accept'}")
    )


@pytest.fixture(scope="session")
def validator() -> str:
    """SARIF's own validator, from npm, once for all tests."""
    if not shutil.which("npm"):
        pytest.skip("npm is missing: install Node.js 20 or newer")
    return subprocess.run(
        [ROOT / "tests/proofs/docs/sarif.sh"], check=True, capture_output=True, text=True
    ).stdout.strip()


def complaints(program: str, file: Path) -> list[str]:
    """What the validator calls an error."""
    done = subprocess.run(
        [program, "validate", file],
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Done. 1 files scanned." in done.stdout, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if ": error " in line]


def test_its_sarif_is_valid_for_every_rule_and_any_name(validator: str, tmp_path: Path) -> None:
    names = [
        "tests/a.py::test_x[1, 2]",
        "tests/ä ö%.py::t",
        "src/a.py:3 == became",
        "tests/a.py (line 2): a\u202etext",
        "..",
        "p::TestGo",
    ]
    texts = {
        "tests/a.py": "\ndef test_x(): pass\n",
        "src/a.py": "\n" * 5,
        "tests/ä ö%.py": "def t(): pass\n",
    }
    given = [reason(rule, names if "{n}" in listing()[rule].says else ()) for rule in rules()]
    found = points(given, ["src/a.py"], lambda path: [texts[path]] if path in texts else [])
    body = sarif(found, "reject", nightlatch.__version__)
    file = tmp_path / "all.sarif"
    file.write_text(json.dumps(body))
    assert complaints(validator, file) == []
    file.write_text(json.dumps({**body, "runs": [{"results": "none"}]}))
    assert complaints(validator, file) != []


@pytest.mark.parametrize(
    ("detail", "where"),
    [
        ("tests/a.py::T::test_b[1::2/3]", ("tests/a.py", 5)),
        ("tests/a.py::test_b", ("tests/a.py", 2)),
        ("tests/a.py::test_b (line 2): two assertions fewer", ("tests/a.py", 2)),
        ("tests/a.py (line 4): loaded test runners", ("tests/a.py", 4)),
        ("tests/a.py:3 == became != (tests/b.py::x)", ("tests/a.py", 3)),
        ("tests/a.py::test_gone", ("tests/a.py", 5)),
        ("tests/a.py", ("tests/a.py", 1)),
        ("example.org/till::TestSum/zero", ("till_test.go", 3)),
        ("src/a.test.js::till > adds up", ("src/a.test.js", 2)),
        ("nothing that has a place", ("tests/a.py", 1)),
    ],
)
def test_an_annotation_points_at_the_line_of_what_it_names(
    detail: str, where: tuple[str, int]
) -> None:
    files = {
        "tests/a.py": [
            "# test_bc\ndef test_b(): ...\n\nclass T:\n    def test_b(self): ...\n",
            "\n" * 30 + "def test_gone(): ...\n",
        ],
        "till_test.go": ["package till\n\nfunc TestSum(t *testing.T) {\n"],
        "src/a.test.js": ["describe('till', () => {\n  it('adds up', () => {})\n"],
    }
    assert location(detail, list(files), lambda path: files.get(path, [])) == where
