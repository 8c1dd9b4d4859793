"""Old and new tests on the same faults: honest refactorings notice as much as before, weakened
tests do not."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from zlib import crc32

import pytest

from nightlatch.model.models import Feature
from nightlatch.suite.reused_checkout_io import ReusedCheckout
from nightlatch.verdict.comparison_io import compare
from nightlatch.verdict.evidence import MutationResult
from nightlatch.verdict.mutation_io import compare_tests
from tests.io.verdict.world import PROSE, Tree, World, world

__all__ = ["world"]
MOST = 10 if os.environ.get("NIGHTLATCH_FULL") else 6
SHOP = """import math


def price(n, rate=0.5):
    if n < 0:
        raise ValueError("negative count")
    return n * rate + 1


def label(n):
    return "few" if n < 3 else "many"
"""
HEAD = "import pytest\n\nfrom shop import label, price\n\n\n"
PRICE = "def test_price():\n    assert price(4) == pytest.approx(3.0)\n    assert price(0) == 1\n"
ERROR = (
    "def test_error():\n    with pytest.raises(ValueError, match='negative'):\n        price(-1)\n"
)
LABEL = "def test_label():\n    assert label(2) == 'few'\n    assert label(3) == 'many'\n"
PYTHON = {
    "shop.py": SHOP,
    "test_shop.py": f"{HEAD}{PRICE}\n\n{ERROR}\n\n{LABEL}",
    "pytest.ini": "[pytest]\n",
}
HONEST: dict[str, Tree] = {
    "moved, renamed and merged": {
        "test_shop.py": None,
        "tests/test_all.py": (
            HEAD
            + PRICE.replace("_price():", "_everything():")
            + LABEL.partition("\n")[2]
            + ERROR.partition("\n")[2]
        ),
    },
    "split, parametrised, restyled, with a fixture": {
        "conftest.py": (
            "import pytest\nimport shop\n\n\n@pytest.fixture\ndef the_shop():\n    return shop\n"
        ),
        "test_shop.py": (
            f"{HEAD}def test_price(the_shop):\n    assert [the_shop.price(4), the_shop.price(0)] =="
            " [3.0, 1]\n\n\n@pytest.mark.parametrize('n, want', [(2, 'few'), (3, 'many')])\ndef"
            " test_label(n, want):\n    assert label(n) == want\n"
        ),
        "test_errors.py": (
            "import unittest\nimport shop\n\n\nclass TestShop(unittest.TestCase):\n    def"
            " test_error(self):\n        self.assertRaisesRegex(ValueError, 'negative', shop.price,"
            " -1)\n"
        ),
    },
}
RENAMED: Tree = {"test_shop.py": PYTHON["test_shop.py"].replace("def test_", "def test_the_")}
WEAKER: dict[str, Tree] = {
    "loosened": {
        "test_shop.py": (
            PYTHON["test_shop.py"]
            .replace("approx(3.0)", "approx(3.0, abs=9)")
            .replace("price(0) ==", "price(0) >=")
        )
    },
    "copy of the unit": {
        "_shop.py": SHOP,
        "test_shop.py": PYTHON["test_shop.py"].replace("from shop", "from _shop"),
    },
    "test gone": {"test_shop.py": f"{HEAD}{PRICE}\n\n{ERROR}"},
    "file gone": {"test_shop.py": None},
}
JS = {
    "package.json": '{"type": "module", "scripts": {"test": "node --test"}}\n',
    "shop.js": (
        "export function price(n, rate = 0.5) {\n  if (n < 0) {\n    throw new"
        " RangeError('negative');\n  }\n  return n * rate + 1;\n}\n"
    ),
    "shop.test.js": (
        "import test from 'node:test';\nimport assert from 'node:assert';\nimport { price } from"
        " './shop.js';\n\ntest('price', () => {\n  assert.equal(price(4), 3);\n});\ntest('error',"
        " () => {\n  assert.throws(() => price(-1), RangeError);\n});\n"
    ),
}
GO = {
    "go.mod": "module example.com/shop\n\ngo 1.20\n",
    "shop.go": (
        "package shop\n\nfunc Price(n int) int {\n\tif n < 0 {\n\t\treturn 0\n\t}\n\treturn n*2 +"
        " 1\n}\n"
    ),
    "shop_test.go": (
        'package shop\n\nimport "testing"\n\nfunc TestPrice(t *testing.T) {\n'
        "\tif got := Price(4); got != 9 {\n\t\tt.Fatal(got)\n\t}\n"
        "\tif got := Price(-3); got != 0 {\n\t\tt.Fatal(got)\n\t}\n}\n"
    ),
}


def compared(
    world: World,
    base: Tree,
    candidate: Tree,
    feature: Feature = PROSE,
    seconds: float = 900,
    most: int = MOST,
) -> MutationResult:
    engine, first = world.engine(), world.commit(base)
    tree = engine.evaluator.repo.tree_of(world.commit(candidate, first))
    comparison = compare(engine.evaluator, first, tree, feature)
    before, after = (
        engine.evaluator.results(first, rev, comparison.suite) for rev in (first, tree)
    )
    assert before.passed
    return compare_tests(
        engine.evaluator, comparison, before.passed, after.passed, seconds=seconds, most=most
    )


@pytest.mark.parametrize("candidate", HONEST.values(), ids=HONEST)
def test_an_honest_refactoring_of_tests_loses_nothing(world: World, candidate: Tree) -> None:
    found = compared(world, PYTHON, candidate, most=10)
    assert found.killed > 4
    assert found.no_weaker


@pytest.mark.parametrize("candidate", WEAKER.values(), ids=WEAKER)
def test_weaker_tests_let_faults_live(world: World, candidate: Tree) -> None:
    found = compared(world, PYTHON, candidate)
    assert found.survivors
    assert all(name.startswith("shop.py:") for name in found.survivors)


def test_a_weakened_helper_is_the_tests_own_weakness(world: World) -> None:
    base = {
        **PYTHON,
        "tests/help.py": "def same(a, b):\n    assert a == b\n",
        "test_shop.py": (
            "import sys\nsys.path.insert(0, 'tests')\nfrom help import same\nfrom shop import"
            " label\n\n\ndef test_label():\n    same(label(2), 'few')\n"
        ),
    }
    assert compared(world, base, {"tests/help.py": "def same(a, b):\n    assert a\n"}).survivors
    assert compared(
        world, base, {"tests/help.py": "def same(x, y):\n    assert x == y, (x, y)\n"}
    ).no_weaker


def test_old_tests_that_the_new_behaviour_breaks_are_weighed_on_their_own_code(
    world: World,
) -> None:
    dearer = {"shop.py": SHOP.replace("+ 1", "+ 2")}
    named = f"{HEAD}{PRICE}".replace("3.0", "4.0").replace("== 1", "== 2")
    base = {**PYTHON, "test_shop.py": HEAD + PRICE}
    assert compared(world, base, {**dearer, "test_shop.py": named}).no_weaker
    lax = compared(
        world, base, {**dearer, "test_shop.py": f"{HEAD}def test_price():\n    assert price(4)\n"}
    )
    assert lax.survivors


def test_superseded_tests_are_not_asked_for(world: World) -> None:
    feature = replace(PROSE, supersedes=("test_shop.py::test_label",))
    assert compared(world, PYTHON, WEAKER["test gone"], feature).no_weaker


def test_what_there_was_no_time_for_is_said(world: World) -> None:
    found = compared(world, PYTHON, RENAMED, seconds=0)
    assert not found.killed
    assert len(found.untried) == MOST
    assert not found.no_weaker


def test_the_choice_is_the_same_every_time(world: World) -> None:
    first, second = (compared(world, PYTHON, WEAKER["test gone"]) for _ in range(2))
    assert first == second


def test_a_run_that_was_cut_off_has_noticed_nothing_unless_it_is_cut_off_again(
    world: World,
) -> None:
    """As on a machine that was busy for a while: this test asserts nothing, and only takes too
    long the first time."""
    test = "from shop import price\n\n\ndef test_price():\n    assert price(4) == 9\n"
    base = {"shop.py": "def price(n):\n    return n + 5\n", "test_shop.py": test, "pytest.ini": ""}
    late = (
        "import os\nimport pathlib\nimport time\n\nfrom shop import price\n\n\ndef test_price():\n"
    )
    late += (
        "    mark = pathlib.Path(os.environ['COINS'], 'late')\n    if price(4) != 9 and not"
        " mark.exists():\n"
    )
    late += "        mark.touch()\n        time.sleep(600)\n"
    assert compared(world, base, {"test_shop.py": late}, most=1).survivors


def test_mutants_that_hang_are_ended(world: World) -> None:
    loop = "def down(n):\n    while n > 0:\n        n -= 1\n    return n\n"
    base = {
        "shop.py": loop,
        "test_shop.py": "from shop import down\n\n\ndef test_down():\n    assert down(3) == 0\n",
        "pytest.ini": "",
    }
    found = compared(
        world, base, {"test_shop.py": base["test_shop.py"].replace("test_down", "test_to_zero")}
    )
    assert found.no_weaker


def test_code_that_writes_into_its_room_gets_a_fresh_one(world: World) -> None:
    """A planted module that puts the right code back would hide every later fault from the
    base's tests."""
    planted = (
        "import"
        ' pathlib\npathlib.Path("sitecustomize.py").write_text("")\npathlib.Path("conftest.py").write_text("import'
        ' os\\n")\n'
    )
    before = len(world.rooms)
    assert compared(world, PYTHON, {"shop.py": planted + SHOP, **WEAKER["test gone"]}).survivors
    assert len(world.rooms) - before > 10


def test_no_bytecode_of_an_earlier_fault_is_run(world: World) -> None:
    engine, tree = world.engine(), world.commit({**PYTHON, "test_shop.py": HEAD + PRICE})
    suite = engine.evaluator.suite(tree, tree)
    assert suite.runner
    with ReusedCheckout(
        evaluator=engine.evaluator, base=tree, tree=tree, suite=suite.every[0]
    ) as room:
        texts = [SHOP.replace("+ 1", "- 1"), SHOP, SHOP.replace("+ 1", "* 1"), ""]
        failing = [
            bool(
                room.run(["test_shop.py::test_price"], 60, "shop.py" if text else "", text).failing
            )
            for text in texts
        ]
    assert failing == [True, False, True, False]


def test_data_concerns_the_tests_that_name_it(world: World) -> None:
    data = {"tests/data/few.txt": "few", "tests/data/many.txt": "many"}
    reading = "from pathlib import Path\nfrom shop import label\n\n\ndef test_label():\n"
    few = "    assert label(2) == Path('tests/data/few.txt').read_text()[:9]\n"
    base = {
        "shop.py": SHOP,
        "pytest.ini": "",
        **data,
        "tests/test_few.py": reading + few,
        "tests/test_x.py": "def test_x():\n    pass\n",
    }
    assert compared(
        world, base, {"shop.py": SHOP.replace("few", "less"), "tests/data/few.txt": "less"}, most=6
    ).no_weaker


def test_a_clean_run_leaves_its_room_to_the_next(world: World) -> None:
    before = len(world.rooms)
    compared(world, PYTHON, RENAMED, most=5)
    assert len(world.rooms) - before <= 6


NODE = pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
OLD_JS = JS["shop.test.js"]
HONEST_JS = {
    "renamed": OLD_JS.replace("'price'", "'the price'"),
    "restyled": OLD_JS.replace(
        "assert.equal(price(4), 3);",
        "const paid = price(4);\n  assert.deepStrictEqual([paid], [3]);",
    ),
    "merged": OLD_JS.replace("});\ntest('error', () => {\n", ""),
    "split": OLD_JS.replace(
        "price(4), 3);", "price(4), 3);\n});\ntest('more', () => {\n  assert.equal(price(1), 1.5);"
    ),
    "parametrised": OLD_JS.replace(
        "test('price', () => {\n  assert.equal(price(4), 3);\n});",
        "for (const [n, paid] of [[4, 3]]) test(`price ${n}`, () => assert.equal(price(n), paid));",
    ),
    "set up before": OLD_JS.replace(
        "test('price', () => {\n  assert.equal(price(4), 3)",
        "let n;\ntest.beforeEach(() => { n = price(4); });\ntest('price', () => {\n "
        " assert.equal(n, 3)",
    ),
}
WEAKER_JS = {
    "assertion removed": OLD_JS.replace("assert.equal(price(4), 3)", "price(4)"),
    "made constant": OLD_JS.replace("assert.equal(price(4), 3)", "assert.ok(true)"),
    "loosened": OLD_JS.replace("assert.equal(price(4), 3)", "assert.ok(price(4) > 0)"),
    "unit mocked": OLD_JS.replace("'price', () => {", "'price', (_, price = () => 3) => {"),
    "expected from the unit": OLD_JS.replace("price(4), 3", "price(4), price(4)"),
    "swallowed": OLD_JS.replace(
        "assert.equal(price(4), 3);", "try { assert.equal(price(4), 3); } catch {}"
    ),
    "early return": OLD_JS.replace("'price', () => {", "'price', () => {\n  return;"),
    "endless loop of none": OLD_JS.replace("  assert.equal", "  for (const n of []) assert.equal"),
    "test gone": OLD_JS.replace("test('price', () => {\n  assert.equal(price(4), 3);\n});\n", ""),
}


def some(cases: Mapping[str, str]) -> list[str]:
    """A third of the names, always the same ones; NIGHTLATCH_FULL takes them all."""
    names = sorted(cases, key=lambda name: crc32(name.encode()))
    return names if os.environ.get("NIGHTLATCH_FULL") else names[: len(names) // 3]


@NODE
@pytest.mark.parametrize("name", some(HONEST_JS))
def test_honest_javascript(world: World, name: str) -> None:
    text = HONEST_JS[name]
    assert text != OLD_JS
    assert compared(world, JS, {"shop.test.js": text}, most=6).no_weaker


@NODE
@pytest.mark.parametrize("name", some(WEAKER_JS))
def test_weaker_javascript(world: World, name: str) -> None:
    text = WEAKER_JS[name]
    assert text != OLD_JS
    assert compared(world, JS, {"shop.test.js": text}).survivors


@pytest.mark.skipif(not shutil.which("go"), reason="go is not installed")
def test_go(world: World) -> None:
    text = GO["shop_test.go"]
    assert compared(
        world, GO, {"shop_test.go": text.replace("TestPrice", "TestThePrice")}, most=5
    ).no_weaker
    assert compared(world, GO, {"shop_test.go": text.replace("got != 9", "got < 0")}).survivors
