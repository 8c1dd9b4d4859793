"""`ratchet --tests CMD`, however the command is written: it decides as without it, and by the
same ids."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.io.cli.cli_project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A small repository with two tests of one runner, and tampering that takes one of them
    away."""

    needs: str
    files: Mapping[str, str]
    tampered: Mapping[str, str]
    ids: frozenset[str]


# What is tested is a list, and no code that could be changed to see what the tests notice: that
# takes many runs, and is not asked here.
PRICES = "apple 3\npear 2\n"
FROM = (
    "from pathlib import Path\n\nPRICES ="
    ' Path(__file__).with_name("prices.txt").read_text().splitlines()\n'
)
APPLE, PEAR = (
    f'\n\ndef test_{name}():\n    assert "{name} {n}" in PRICES\n'
    for name, n in (("apple", 3), ("pear", 2))
)
CART_TEST = """import test from "node:test";
import assert from "node:assert";
import { readFileSync } from "node:fs";

const prices = readFileSync("prices.txt", "utf8").split("\\n");
test("apples", () => assert.ok(prices.includes("apple 3")));
"""
CART_PEAR = 'test("pears", () => assert.ok(prices.includes("pear 2")));\n'
STOCK_TEST = """package stock

import (
	"os"
	"strings"
	"testing"
)

func has(t *testing.T, line string) {
	text, _ := os.ReadFile("prices.txt")
	if !strings.Contains(string(text), line) {
		t.Fatal(line)
	}
}

func TestApple(t *testing.T) { has(t, "apple 3") }
"""
STOCK_PEAR = '\nfunc TestPear(t *testing.T) { has(t, "pear 2") }\n'
MORE = {"prices.txt": f"{PRICES}plum 1\n"}
NOXFILE = (
    "import nox\n\n@nox.session\ndef tests(session):\n    session.run('pytest', *session.posargs)\n"
)
SHOPS = {
    "pytest": Shop(
        needs="python3",
        files={
            "prices.txt": PRICES,
            "test_prices.py": f"{FROM}{APPLE}{PEAR}",
            "Makefile": "test:\n\tpython3 -m pytest -q\nall: test\n",
            "justfile": "test:\n    uv run pytest\n",
            "tox.ini": "[testenv]\ncommands = pytest {posargs}\n",
            "noxfile.py": NOXFILE,
            "ci.sh": '#!/bin/sh\nset -eu\ncd "$(dirname "$0")"\npytest -q\n',
        },
        tampered={"test_prices.py": f"{FROM}{APPLE}"},
        ids=frozenset({"test_prices.py::test_pear"}),
    ),
    "node": Shop(
        needs="node",
        files={
            "package.json": (
                '{"type": "module", "scripts": {"test": "node --test", "ci": "npm test"}}\n'
            ),
            "prices.txt": PRICES,
            "cart.test.mjs": CART_TEST + CART_PEAR,
            "Makefile": "test:\n\tnpm test\n",
        },
        tampered={"cart.test.mjs": CART_TEST},
        ids=frozenset({"cart.test.mjs::pears"}),
    ),
    "go": Shop(
        needs="go",
        files={
            "go.mod": "module stock\n\ngo 1.19\n",
            "prices.txt": PRICES,
            "stock_test.go": STOCK_TEST + STOCK_PEAR,
            "Makefile": "test:\n\tgo test ./...\n",
        },
        tampered={"stock_test.go": STOCK_TEST},
        ids=frozenset({"stock::TestPear"}),
    ),
}
SPELLINGS = {
    "pytest": (
        *(
            "pytest -q",
            "python3 -m pytest -x",
            "py.test",
            "sh -c 'pytest -q'",
            "pytest || true",
            "coverage run -m pytest",
        ),
        *(
            "uv run --frozen python -m pytest",
            "poetry run pytest -q",
            "pdm run pytest",
            "tox -e py311",
            "nox -s tests",
        ),
        *("make -s all", "just test", "./ci.sh"),
    ),
    "node": (
        "npm test",
        "npm run -s test",
        "npm test --silent",
        "node --test",
        "yarn test",
        "bun run test",
        "make test",
    ),
    "go": ("go test ./...", "go test -v -count=1 ./...", "make test"),
}
EVERY = [(name, spelling) for name, spellings in SPELLINGS.items() for spelling in spellings]
HONEST_EVERY = 4  # of the spellings this often one is also given honest work, which takes more runs
Decided = tuple[int, str, dict[str, tuple[str, ...]]]


@pytest.fixture(autouse=True)
def _alone(project: Project, tmp_path: Path, slim_pytest: Path) -> None:
    """No sandbox, which costs and changes nothing here, and small programs in the place of
    those that only give an environment."""
    folder = tmp_path / "wrappers"
    folder.mkdir()
    for name in ("uv", "poetry", "pdm", "pipenv", "hatch"):
        (folder / name).write_text(
            '#!/bin/sh\nshift\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n'
        )
        (folder / name).chmod(0o755)
    project.monkeypatch.setenv("PATH", f"{folder}:{slim_pytest}:{os.environ['PATH']}")
    project.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "none")


@pytest.fixture(scope="module")
def without() -> dict[tuple[str, str], Decided]:
    """What was decided where nothing was said of the tests, by shop and change: asked for once."""
    return {}


def decided(project: Project, *args: str) -> Decided:
    """(exit code, the summary of the tests, what each rule says it of)."""
    told = project.nightlatch("ratchet", "HEAD~1..HEAD", "--json", *args)
    reasons = told.at("reasons")
    assert isinstance(reasons, list)
    return (
        told.code,
        str(told.at("tests")),
        {each["rule"]: tuple(each["detail"]) for each in reasons},
    )


@pytest.mark.parametrize(
    ("name", "spelling"), EVERY, ids=[f"{name}: {spelling}" for name, spelling in EVERY]
)
def test_it_is_decided_as_without_and_by_the_same_ids(
    project: Project, without: dict[tuple[str, str], Decided], name: str, spelling: str
) -> None:
    shop = SHOPS[name]
    if not shutil.which(shop.needs):
        pytest.skip(f"{shop.needs} is not here")
    base = project.commit("the shop", **shop.files)
    honest = (("honest", MORE, 0),) if EVERY.index((name, spelling)) % HONEST_EVERY == 0 else ()
    for what, files, code in (("tampered", shop.tampered, 1), *honest):
        project.git("reset", "-q", "--hard", base)
        project.commit(what, **files)
        if (name, what) not in without:
            without[name, what] = decided(project)
        found = decided(project, "--tests", spelling)
        assert found == without[name, what]
        assert found[0] == code
        if what == "tampered":
            assert shop.ids <= {detail for details in found[2].values() for detail in details}, (
                found
            )
        else:
            assert found[1].startswith("2 pass, 0 fail"), found


def test_there_are_more_than_twenty() -> None:
    assert len(EVERY) > 20
