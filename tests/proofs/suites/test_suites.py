"""A repository with several suites: all of them protect it, each by its own ids, whatever
folder a change lies in."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from nightlatch.model.models import Feature, Outcome
from nightlatch.suite.cache_io import ResultCache
from nightlatch.suite.results import CheckStatus
from nightlatch.suite.test_command import Named
from tests.io.verdict.world import CALC, SUB, TEST_SUB, TESTS, Tree, World, rules, world

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("go")), reason="node and go are needed"
)

__all__ = ["world"]
CART = "export const total = (prices) => prices.reduce((sum, one) => sum + one, 0);\n"
NODE = "import { test } from 'node:test';\nimport assert from 'node:assert';\n"
CART_TEST = (
    NODE + "import { total } from './cart.mjs';\ntest('adds up', () => assert.equal(total([1, 2]),"
    " 3));\n"
)
CART_TEST += "test('nothing costs nothing', () => assert.equal(total([]), 0));\n"
GO = "package stock\n\nfunc Left(have, sold int) int { return have - sold }\n"
GO_TEST = (
    'package stock\n\nimport "testing"\n\nfunc TestLeft(t *testing.T) {\n\tif Left(3, 1) != 2'
    ' {\n\t\tt.Error("no")\n\t}\n}\n\n'
)
GO_TEST += 'func TestNone(t *testing.T) {\n\tif Left(1, 1) != 0 {\n\t\tt.Error("no")\n\t}\n}\n'
SOLD_TEST = """package stock

import "testing"

func TestSold(t *testing.T) {
	for left, sold := range map[int]int{0: 5, 2: 3, 5: 0} {
		if found := Sold(5, left); found != sold {
			t.Errorf("%d left of 5: %d sold", left, found)
		}
	}
}
"""
BASE = {
    "calc.py": CALC,
    "test_calc.py": TESTS,
    "pyproject.toml": "[tool.pytest.ini_options]\n",
    "web/package.json": '{"scripts": {"test": "node --test"}}',
    "web/cart.mjs": CART,
    "web/cart.test.mjs": CART_TEST,
    "svc/go.mod": "module example.org/shop/stock\n\ngo 1.19\n",
    "svc/stock.go": GO,
    "svc/stock_test.go": GO_TEST,
}
IDS = {
    "test_calc.py::test_add",
    "test_calc.py::test_zero",
    "web/cart.test.mjs::adds up",
    "web/cart.test.mjs::nothing costs nothing",
    "svc::TestLeft",
    "svc::TestNone",
}


def test_every_suite_is_found_and_run_and_its_ids_are_the_projects(world: World) -> None:
    base = world.commit(BASE)
    engine = world.engine()
    assert [suite.name for suite in engine.evaluator.suite(base, base).every] == [
        "pytest",
        "svc (go test)",
        "web (node --test)",
    ]
    results = engine.state(base).tests
    assert (set(results.passed), results.answer) == (IDS, CheckStatus.GREEN)
    assert [*results.parts] == ["pytest", "svc (go test)", "web (node --test)"]


HONEST: Mapping[str, Tree] = {
    "the top": {"calc.py": SUB, "test_sub.py": TEST_SUB},
    "web": {
        "web/cart.mjs": CART + "export const count = (prices) => prices.length;\n",
        "web/count.test.mjs": (
            NODE
            + "import { count } from './cart.mjs';\ntest('counts', () => assert.equal(count([1,"
            " 2]), 2));\n"
        ),
    },
    "svc": {
        "svc/stock.go": GO + "\nfunc Sold(have, left int) int { return have - left }\n",
        "svc/sold_test.go": SOLD_TEST,
    },
}


@pytest.mark.parametrize("where", HONEST)
def test_honest_work_in_each_folder_lands_proved(world: World, where: str) -> None:
    verdict = world.examine(BASE, HONEST[where])
    assert (verdict.outcome, verdict.reasons) == (Outcome.LANDED, ())


TAMPERED: Mapping[str, Tree] = {
    "web test file deleted": {"web/cart.test.mjs": None},
    "web test deleted with its code": {"web/cart.test.mjs": None, "web/cart.mjs": None},
    "web folder deleted": {name: None for name in BASE if name.startswith("web/")},
    "one web test deleted": {"web/cart.test.mjs": CART_TEST.rpartition("test(")[0]},
    "web code broken": {"web/cart.mjs": CART.replace(", 0)", ", 1)")},
    "go test file deleted": {"svc/stock_test.go": None},
    "go module deleted": {name: None for name in BASE if name.startswith("svc/")},
    "one go test deleted": {"svc/stock_test.go": GO_TEST.partition("func TestNone")[0]},
    "go code broken": {"svc/stock.go": GO.replace("have - sold", "have - sold + 1")},
    "py test deleted": {"test_calc.py": None},
    "web test renamed so that nothing collects it": {
        "web/cart.test.mjs": None,
        "web/cart.checks.mjs": CART_TEST,
    },
    "go test renamed so that nothing collects it": {
        "svc/stock_test.go": None,
        "svc/stock_tests.go": GO_TEST,
    },
}
RUN_ONLY = frozenset({"selection", "strength", "source", "dependencies"})


# What takes code away too is tried beside one piece of honest work: it is the same by another name
# beside the others.
PAIRS = [
    (how, where) for how in TAMPERED for where in HONEST if where == "the top" or "test" in how
]


@pytest.mark.parametrize(("how", "where"), PAIRS)
def test_a_test_lost_in_any_folder_is_refused_by_what_the_runs_tell(
    world: World, how: str, where: str
) -> None:
    """Whatever honest work surrounds it, and with the static layers off: the ids of the suites
    alone see it."""
    verdict = world.examine(BASE, {**HONEST[where], **TAMPERED[how]}, off=RUN_ONLY)
    assert verdict.outcome is Outcome.REJECTED, verdict


def test_only_the_suites_in_folders_see_it(
    world: World, root_only: Callable[[World], World]
) -> None:
    """The control: with suites looked for at the top alone, the web test goes together with its
    code."""
    tampered = {**HONEST["the top"], "web/cart.test.mjs": None, "web/cart.mjs": None}
    assert world.examine(BASE, tampered, off=RUN_ONLY).outcome is Outcome.REJECTED
    off = RUN_ONLY | {"declared"}  # declarations would see it too
    assert root_only(world).examine(BASE, tampered, off=off).outcome is Outcome.LANDED


@pytest.fixture
def root_only() -> Callable[[World], World]:
    """A world in which the person takes the other suites out by hand."""
    return lambda world: Rooted(repo=world.repo, folder=world.folder, python=world.python)


class Rooted(World):
    """The person names web/ and svc/ as folders whose suites are not run."""

    def engine(self, **settings: object):  # type: ignore[no-untyped-def]  # as its parent's
        return super().engine(
            named=(Named(folder="web"), Named(folder="svc")),
            cache=ResultCache(self.folder / "other"),
            **settings,
        )


def test_a_suite_that_nothing_would_run_any_more_is_missed_though_its_tests_still_pass(
    world: World,
) -> None:
    """Its files are there, and the base's own suites run them once more; with the candidate as
    the base there is no such suite."""
    lost = {**HONEST["the top"], "web/package.json": None}
    off = frozenset({"selection"})  # the script of package.json would be missed too
    verdict = world.examine(BASE, lost, off=off)
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.suite-lost"])
    assert verdict.reasons[0].detail == ("web (node --test)",)
    # The control: with that rule left out it lands, and a person may name the suite.
    assert world.examine(BASE, lost, off=off | {"suites"}).outcome is Outcome.LANDED
    named = Feature(id="US-1", title="No web", done=False, supersedes=("web (node --test)",))
    assert world.examine(BASE, lost, named, off=off).outcome is Outcome.LANDED


def test_a_suite_that_goes_with_all_its_tests_is_left_to_its_ids(world: World) -> None:
    gone: Tree = {name: None for name in BASE if name.startswith("web/")}
    verdict = world.examine(BASE, {**HONEST["the top"], **gone})
    assert verdict.outcome is Outcome.REJECTED
    assert "ratchet.suite-lost" not in rules(verdict)


def test_single_ids_run_again_only_in_the_suites_that_hold_them(world: World) -> None:
    base = world.commit(BASE)
    engine = world.engine()
    suites = engine.evaluator.suite(base, base)
    for only in (["web/cart.test.mjs::adds up"], ["svc::TestNone"], ["test_calc.py::test_add"]):
        before = len(world.rooms)
        results = engine.evaluator.run(base, base, suites, only)
        assert set(only) <= results.passed
        assert (len(results.parts), len(world.rooms)) == (1, before + 1)


def test_what_a_suite_came_to_is_kept_where_another_one_joins(world: World) -> None:
    base = world.commit({name: text for name, text in BASE.items() if not name.startswith("svc/")})
    engine = world.engine()
    engine.state(base)
    before = len(world.rooms)
    more = {name: text for name, text in BASE.items() if name.startswith("svc/")}
    verdict = engine.examine(
        base,
        world.repo.tree_of(world.commit(more, base)),
        Feature(id="US-1", title="Stock", done=False),
    )
    assert (verdict.outcome, verdict.reasons) == (Outcome.LANDED, ())
    assert len(world.rooms) > before


def test_a_suite_that_cannot_be_started_is_said_and_takes_nothing_from_the_others(
    world: World,
) -> None:
    broken = {
        "app/package.json": '{"devDependencies": {"vitest": "3"}}',
        "app/a.test.ts": "test('a', () => {});\n",
    }
    base = {**BASE, **broken}
    verdict = world.examine(base, HONEST["web"])
    assert (verdict.outcome, rules(verdict)) == (Outcome.LANDED, ["tests.suite-absent"])
    assert "app (vitest)" in verdict.reasons[0].detail[0]
    assert (
        world.examine(base, {**HONEST["web"], "web/cart.test.mjs": None}).outcome
        is Outcome.REJECTED
    )


def test_a_suite_without_ids_does_not_take_them_from_the_others(world: World) -> None:
    shell = {"tool/check.sh": "#!/bin/sh\n[ -f ./kept ]\n", "tool/kept": ""}
    first = world.commit({**BASE, **shell})
    engine = world.engine(named=(Named(folder="tool", command="./check.sh | cat && test -f kept"),))
    name = "tool (./check.sh | cat && test -f kept)"
    assert engine.state(first).tests.passed == {*IDS, name}
    for files, refused in (
        ({"tool/kept": None}, True),
        ({"web/cart.test.mjs": None}, True),
        ({}, False),
    ):
        candidate = world.repo.tree_of(world.commit({**HONEST["the top"], **files}, first))
        verdict = engine.examine(
            first, candidate, Feature(id="US-1", title="Subtract", done=False), off=RUN_ONLY
        )
        assert (verdict.outcome is Outcome.REJECTED) is refused, verdict


@pytest.mark.skipif(not shutil.which("cargo"), reason="cargo is not installed")
def test_crates_of_a_workspace_keep_their_ids_apart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have src/lib.rs and tests/out.rs with tests of one name: what one of them loses, the
    other does not cover."""
    monkeypatch.setenv("HOME", str(Path(shutil.which("cargo") or "/").parents[2]))
    unit = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn good() {}\n}\n"
    crates = {
        f"crates/{name}/{file}": text
        for name in ("a", "b-b")
        for file, text in {
            "Cargo.toml": f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n',
            "src/lib.rs": unit,
            "tests/out.rs": "#[test]\nfn outer() {}\n",
        }.items()
    }
    top = (
        '[workspace]\nmembers = ["crates/*"]\nresolver = "2"\n[package]\nname = "top"\nversion ='
        ' "0.1.0"\nedition = "2021"\n'
    )
    base = world.commit({**crates, "Cargo.toml": top, "src/lib.rs": unit})
    engine = world.engine()
    [suite] = engine.evaluator.suite(base, base).every
    assert suite.name == "cargo test"
    ids = {
        f"{home}{name}"
        for home in ("crates/a/", "crates/b-b/")
        for name in ("src/lib.rs::tests::good", "tests/out.rs::outer")
    }
    assert set(engine.state(base).tests.passed) == {*ids, "src/lib.rs::tests::good"}
    tree = world.repo.tree_of(world.commit({"crates/a/tests/out.rs": None}, base))
    verdict = engine.examine(base, tree, Feature(id="US-1", title="Less", done=False), off=RUN_ONLY)
    assert verdict.outcome is Outcome.REJECTED
    assert verdict.reasons[0].detail == ("crates/a/tests/out.rs::outer",)
