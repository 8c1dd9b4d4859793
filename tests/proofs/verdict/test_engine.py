"""The verdict on real candidates: small real repositories, real suites, real commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from nightlatch.errors import FaultError, RedBaseError
from nightlatch.model.models import Outcome, Ruling
from nightlatch.sandbox.base import SandboxSpec
from nightlatch.sandbox.find import find_sandbox
from nightlatch.suite.run_io import CommandRunner
from nightlatch.verdict.evidence import Step
from tests import PATIENCE
from tests.io.verdict.world import (
    BASE,
    CALC,
    COUNTED,
    PLAIN,
    PROSE,
    RUN_ONLY,
    SUB,
    TEST_SUB,
    TESTS,
    VERIFIED,
    Tree,
    World,
    plan_of,
    rules,
)
from tests.io.verdict.world import world as world  # the fixture

ONLY_ADD = TESTS.split("\n\n\ndef test_zero")[0] + "\n"


def test_an_agent_that_deletes_a_test_never_lands(world: World) -> None:
    candidate = {"calc.py": SUB, "test_sub.py": TEST_SUB, "test_calc.py": ONLY_ADD}
    verdict = world.examine(BASE, candidate)
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.test-removed"])
    assert verdict.reasons[0].detail == ("test_calc.py::test_zero",)
    verdict = world.examine(BASE, candidate, persons=True)
    assert (verdict.outcome, rules(verdict)) == (Outcome.HELD, ["ratchet.test-unmatched"])
    only_zero = TESTS.replace("def test_add():\n    assert add(1, 2) == 3\n\n\n", "")
    verdict = world.examine(
        BASE, {"calc.py": SUB, "test_sub.py": TEST_SUB, "test_calc.py": only_zero}
    )
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.test-removed"])


PAGE = {
    "web/cart.test.ts": (
        'import { expect, test } from "vitest";\n\ntest("adds", () => {\n  expect(add(1,'
        " 2)).toBe(3);\n});\n"
    ),
    "web/cart.ts": "export const add = (a: number, b: number) => a + b;\n",
}


def test_a_test_file_that_no_suite_runs_never_goes_with_the_code_that_it_held(world: World) -> None:
    gone: Tree = {
        "calc.py": SUB,
        "test_sub.py": TEST_SUB,
        "web/cart.test.ts": None,
        "web/cart.ts": None,
    }
    verdict = world.examine({**BASE, **PAGE}, gone)
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.test-removed"])
    assert verdict.reasons[0].detail == ("web/cart.test.ts::adds",)
    assert (
        world.examine(
            {**BASE, **PAGE}, gone, replace(PROSE, supersedes=("web/cart.test.ts::adds",))
        ).outcome
        is Outcome.LANDED
    )
    assert (
        world.examine({**BASE, **PAGE}, gone, off=frozenset({"declared"})).outcome is Outcome.LANDED
    )
    moved: Tree = {
        "calc.py": SUB,
        "test_sub.py": TEST_SUB,
        "web/cart.test.ts": None,
        "web/shop/cart.test.ts": PAGE["web/cart.test.ts"],
    }
    assert world.examine({**BASE, **PAGE}, moved).outcome is Outcome.LANDED


def test_a_refused_test_file_that_no_suite_runs_is_restored_for_the_next_session(
    world: World,
) -> None:
    first = world.commit({**BASE, **PAGE})
    tree = world.repo.tree_of(world.commit({"calc.py": SUB, "web/cart.test.ts": None}, first))
    engine = world.engine()
    kept = engine.without_weakened_tests(first, tree, engine.examine(first, tree, PROSE))
    assert world.repo.read(kept, "web/cart.test.ts") == PAGE["web/cart.test.ts"].encode()
    assert world.repo.read(kept, "calc.py") == SUB.encode()


@pytest.mark.parametrize(
    "mark", ["skip(reason='pre-existing')", "skipif(True, reason='x')", "xfail"]
)
def test_an_agent_that_skips_a_test_never_lands(world: World, mark: str) -> None:
    broken = SUB.replace("a + b", "a + b + (b == 0)")
    skipped = "import pytest\n" + TESTS.replace(
        "def test_zero", f"@pytest.mark.{mark}\ndef test_zero"
    )
    candidate = {"calc.py": broken, "test_sub.py": TEST_SUB, "test_calc.py": skipped}
    verdict = world.examine(BASE, candidate, off=RUN_ONLY)
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.test-skipped"])
    started = len(world.rooms)
    verdict = world.examine(BASE, candidate)
    # its Python
    assert (verdict.outcome, rules(verdict), len(world.rooms)) == (
        Outcome.REJECTED,
        ["ratchet.skip-added"],
        started + 1,
    )


def test_an_agent_that_bends_an_assertion_to_its_bug_never_lands(world: World) -> None:
    bent = {
        "calc.py": CALC.replace("a + b", "a - b"),
        "test_calc.py": TESTS.replace("== 3", "== -1"),
    }
    verdict = world.examine(BASE, bent)
    assert (verdict.outcome, rules(verdict)) == (Outcome.HELD, ["ratchet.superseded-unnamed"])
    assert verdict.reasons[0].detail == ("test_calc.py::test_add",)
    verdict = world.examine(BASE, bent, off=frozenset({"weaker"}))
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.test-failed"])


def test_a_test_weakened_while_nothing_fails_is_seen_by_what_its_text_says(world: World) -> None:
    candidate = {
        "calc.py": SUB,
        "test_sub.py": TEST_SUB,
        "test_calc.py": TESTS.replace("== 3", "> 0"),
    }
    verdict = world.examine(BASE, candidate)
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.looser"])
    verdict = world.examine(BASE, candidate, persons=True)
    assert (verdict.outcome, rules(verdict)) == (Outcome.HELD, ["ratchet.looser"])
    assert (
        world.examine(BASE, candidate, off=frozenset({"strength", "weaker"})).outcome
        is Outcome.LANDED
    )


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "conftest.py",
            (
                "def pytest_collection_modifyitems(items):\n    items[:] = [i for i in items if"
                " 'zero' not in i.name]\n"
            ),
        ),
        ("pytest.ini", "[pytest]\naddopts = --deselect test_calc.py::test_zero\n"),
        ("pytest.ini", "[pytest]\naddopts = --collect-only\n"),
        ("test_calc.py", TESTS + "\n\nif True:\n    del test_zero\n"),
    ],
)
def test_tests_that_are_no_longer_chosen_are_missed(world: World, file: str, text: str) -> None:
    verdict = world.examine(
        BASE,
        {"calc.py": SUB.replace("a + b", "a + b or 1"), "test_sub.py": TEST_SUB, file: text},
        off=RUN_ONLY,
    )
    assert verdict.outcome is Outcome.REJECTED
    assert {"ratchet.test-removed", "ratchet.test-failed"} & set(rules(verdict))


@pytest.mark.parametrize(
    "text",
    [
        COUNTED + "    import os\n    os._exit(0)\n",
        COUNTED.replace("():", "(session):") + "    session.exitstatus = 0\n",
        "import os\nimport atexit\natexit.register(os._exit, 0)\n" + COUNTED,
    ],
)
def test_a_report_that_breaks_off_or_disagrees_with_the_exit_code_is_no_pass(
    world: World, text: str
) -> None:
    verdict = world.examine(
        BASE, {"calc.py": CALC.replace("a + b", "a - b"), "conftest.py": text}, off=RUN_ONLY
    )
    assert verdict.outcome is Outcome.REJECTED
    assert {"tests.broken", "ratchet.test-failed"} & set(rules(verdict))


ROUNDED = "def half(n):\n    return n // 2\n"
TEST_HALF = (
    "from half import half\n\n\ndef test_half():\n    assert half(5) == 2\n\n\ndef test_even():\n  "
    "  assert half(8) == 4\n"
)
HALVES = {**BASE, "half.py": ROUNDED, "test_half.py": TEST_HALF}
UP = {
    "half.py": "def half(n):\n    return (n + 1) // 2\n",
    "test_half.py": TEST_HALF.replace("== 2", "== 3"),
}
PROOF_UP = {"test_up.py": "from half import half\n\n\ndef test_up():\n    assert half(7) == 4\n"}


def test_a_changed_behaviour_with_its_test_waits_for_a_person_where_nothing_else_speaks_against_it(
    world: World,
) -> None:
    verdict = world.examine(HALVES, {**UP, **PROOF_UP})
    assert (verdict.outcome, rules(verdict)) == (Outcome.HELD, ["ratchet.superseded-unnamed"])
    assert verdict.reasons[0].detail == ("test_half.py::test_half",)
    named = replace(PROSE, supersedes=("test_half",))
    assert world.examine(HALVES, {**UP, **PROOF_UP}, named).outcome is Outcome.LANDED
    off = frozenset({"old"})
    assert world.examine(HALVES, {**UP, **PROOF_UP}, off=off).outcome is Outcome.LANDED


@pytest.mark.parametrize(
    ("bent", "more"),
    [
        (
            {"test_half.py": UP["test_half.py"].replace("assert half(8) == 4", "half(8)")},
            "something weaker beside it",
        ),
        (
            {
                "test_half.py": (
                    UP["test_half.py"].replace("assert half(5) == 3", "assert half(5) > 2")
                )
            },
            "the bent test itself looser",
        ),
    ],
)
def test_a_changed_behaviour_with_anything_else_against_it_is_refused(
    world: World, bent: Tree, more: str
) -> None:
    verdict = world.examine(HALVES, {**UP, **PROOF_UP, **bent})
    assert verdict.outcome is Outcome.REJECTED, more


def test_a_changed_behaviour_whose_verify_stays_red_is_refused(world: World) -> None:
    verdict = world.examine(HALVES, {**UP, **PROOF_UP}, replace(PROSE, verify=("false",)))
    assert verdict.outcome is Outcome.REJECTED
    assert "ratchet.test-failed" in rules(verdict)


def test_a_changed_golden_file_is_held_with_its_difference(world: World) -> None:
    test = "from pathlib import Path\n\nfrom half import half\n\n\ndef test_table():\n"
    test += (
        "    assert Path('tests/golden/table.txt').read_text() == ''.join(f'{n} {half(n)}\\n' for n"
        " in range(4))\n"
    )
    base = {
        **BASE,
        "half.py": ROUNDED,
        "tests/test_table.py": test,
        "tests/golden/table.txt": "0 0\n1 0\n2 1\n3 1\n",
    }
    verdict = world.examine(
        base,
        {**PROOF_UP, "half.py": UP["half.py"], "tests/golden/table.txt": "0 0\n1 1\n2 1\n3 2\n"},
    )
    assert (verdict.outcome, rules(verdict)) == (Outcome.HELD, ["ratchet.superseded-unnamed"])
    difference = "tests/golden/table.txt\n@@ -1,4 +1,4 @@\n 0 0\n-1 0\n+1 1\n 2 1\n-3 1\n+3 2"
    assert verdict.reasons[0].detail == ("tests/test_table.py::test_table", difference)


def test_a_test_that_is_renamed_lands(world: World) -> None:
    renamed = {
        "calc.py": SUB,
        "test_sub.py": TEST_SUB,
        "test_calc.py": TESTS.replace("test_zero", "test_nothing_and_nothing"),
    }
    assert world.examine(BASE, renamed).outcome is Outcome.LANDED
    gone = {"calc.py": SUB, "test_sub.py": TEST_SUB, "test_calc.py": ONLY_ADD}
    assert world.examine(BASE, gone, off=frozenset({"ids"})).outcome is Outcome.LANDED


def test_fewer_cases_of_a_function_are_held_where_a_person_took_them(world: World) -> None:
    rows = (
        "import pytest\nfrom calc import add\n\n\n@pytest.mark.parametrize('n', [1, 2, 3])\ndef"
        " test_n(n):\n"
    )
    rows += "    assert add(n, n) == 2 * n\n"
    base = {**BASE, "test_calc.py": rows}
    verdict = world.examine(
        base,
        {"calc.py": SUB, "test_sub.py": TEST_SUB, "test_calc.py": rows.replace(", 3", "")},
        persons=True,
    )
    assert (verdict.outcome, verdict.reasons[-1].rule) == (Outcome.HELD, "ratchet.fewer-cases")
    assert verdict.reasons[-1].detail == ("test_calc.py::test_n[3]",)


def test_a_feature_may_change_the_tests_that_it_names(world: World) -> None:
    tests = TESTS.replace("== 3", "== 4").replace("== 0", "== 1")
    changed = {
        "calc.py": SUB.replace("a + b", "a + b + 1"),
        "test_calc.py": tests,
        "test_sub.py": TEST_SUB,
    }
    assert rules(world.examine(BASE, changed)) == ["ratchet.superseded-unnamed"]
    for names in [("test_calc.py",), ("test_*.py",), ("test_calc.py::test_add", "test_zero")]:
        assert (
            world.examine(BASE, changed, replace(PROSE, supersedes=names)).outcome is Outcome.LANDED
        )
    assert world.examine(BASE, changed, replace(PROSE, supersedes=("test_add",))).reasons[
        0
    ].detail == ("test_calc.py::test_zero",)


def test_a_removed_name_that_a_superseded_test_imports_does_not_condemn_the_whole_file(
    world: World,
) -> None:
    base = {
        **BASE,
        "calc.py": SUB,
        "test_calc.py": (
            "from calc import sub\n" + TESTS + "\n\ndef test_sub():\n    assert sub(2, 1) == 1\n"
        ),
    }
    feature = replace(PROSE, supersedes=("test_sub",))
    assert (
        world.examine(base, {"calc.py": CALC, "test_calc.py": TESTS}, feature).outcome
        is Outcome.UNPROVED
    )
    worse = world.examine(base, {"calc.py": CALC, "test_calc.py": ONLY_ADD}, feature)
    assert worse.reasons[0].detail == ("test_calc.py::test_zero",)


def test_a_superseded_test_excuses_no_other_test_of_its_file(world: World) -> None:
    base = {
        **BASE,
        "calc.py": SUB,
        "test_calc.py": (
            "from calc import sub\n" + TESTS + "\n\ndef test_sub():\n    assert sub(2, 1) == 1\n"
        ),
    }
    feature = replace(PROSE, supersedes=("test_sub",))
    bent = {
        "calc.py": CALC.replace("a + b", "a - b"),
        "test_calc.py": TESTS.replace("== 3", "== -1"),
    }
    verdict = world.examine(base, bent, feature, off=frozenset({"weaker"}))
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.test-failed"])
    assert verdict.reasons[0].detail == ("test_calc.py::test_add",)


def test_a_run_that_rewrites_golden_files_is_refused_unless_the_base_does_so_too(
    world: World,
) -> None:
    golden = (
        "from pathlib import Path\n\nfrom calc import add\n\n\ndef test_add():\n    file ="
        " Path('tests/golden.txt')\n"
    )
    compares = golden + "    assert file.read_text() == str(add(1, 2))\n"
    rewrites = golden + "    file.write_text(str(add(1, 2)))\n"
    base = {**BASE, "test_calc.py": None, "tests/test_golden.py": compares, "tests/golden.txt": "3"}
    kind = {
        "calc.py": SUB.replace("a + b", "a - b"),
        "test_sub.py": TEST_SUB,
        "tests/test_golden.py": rewrites,
    }
    verdict = world.examine(base, kind, off=RUN_ONLY | {"old", "weaker"})
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.tests-rewritten"])
    assert verdict.reasons[0].detail == ("tests/golden.txt",)
    assert (
        world.examine(base, kind, off=RUN_ONLY | {"old", "integrity", "weaker"}).outcome
        is Outcome.LANDED
    )
    # as the workspace is left by whoever ran that suite there
    written = {**kind, "tests/golden.txt": "-1"}
    assert rules(world.examine(base, written, off=RUN_ONLY | {"old", "weaker"})) == [
        "ratchet.tests-rewritten"
    ]
    used = {**base, "tests/test_golden.py": rewrites, "tests/golden.txt": "2"}
    assert (
        world.examine(
            used, {"calc.py": SUB.replace("a + b", "b - a"), "test_sub.py": TEST_SUB}, off=RUN_ONLY
        ).outcome
        is Outcome.LANDED
    )


def test_the_suite_runs_once_where_no_test_changed_and_twice_where_one_did(world: World) -> None:
    engine, first = world.engine(), world.commit(BASE)
    engine.state(first)
    assert world.suite_runs() == 1
    second = world.commit({"calc.py": SUB}, first)
    assert (
        engine.examine(first, world.repo.tree_of(second), PROSE, off=PLAIN).outcome
        is Outcome.UNPROVED
    )
    assert world.suite_runs() == 2
    landed = world.commit({"progress.txt": "landed\n", "prd.json": "[1]\n"}, second)
    engine.state(landed)
    assert world.suite_runs() == 2
    third = world.commit(
        {"test_calc.py": TESTS + "\n\ndef test_more():\n    assert add(2, 2) == 4\n"}, landed
    )
    feature = replace(PROSE, verify=("test -f calc.py",))
    assert (
        engine.examine(landed, world.repo.tree_of(third), feature, seen_red=True, off=PLAIN).outcome
        is Outcome.LANDED
    )
    assert world.suite_runs() == 4


def test_tests_that_must_fail_run_once_for_a_base_and_once_for_each_candidate(world: World) -> None:
    engine, first = world.engine(), world.commit(BASE)
    engine.state(first)
    runs = []
    for text in (SUB, SUB + "\n\nONE = 1\n"):
        verdict = engine.examine(
            first, world.repo.tree_of(world.commit({"calc.py": text}, first)), PROSE
        )
        runs += [cost.runs for cost in verdict.costs if cost.step == Step.INTEGRITY]
    assert runs == [2, 1]
    docs = engine.examine(first, world.repo.tree_of(world.commit({"README.md": "x"}, first)), PROSE)
    assert Step.INTEGRITY not in {cost.step for cost in docs.costs}


PATCHED = """
from _pytest import reports

made = reports.TestReport.from_item_and_call.__func__


def green(cls, item, call):
    report = made(cls, item, call)
    report.outcome = "passed"
    return report


reports.TestReport.from_item_and_call = classmethod(green)
"""


def test_code_that_turns_every_report_green_is_seen_by_tests_that_must_fail(world: World) -> None:
    candidate = {"calc.py": SUB.replace("a + b", "a - b") + PATCHED, "test_sub.py": TEST_SUB}
    verdict = world.examine(BASE, candidate, off=RUN_ONLY)
    assert (verdict.outcome, rules(verdict)) == (
        Outcome.REJECTED,
        ["ratchet.canary", "ratchet.expected-ignored"],
    )
    off = RUN_ONLY | {"integrity", "expected", "unwatched"}
    assert world.examine(BASE, candidate, off=off).safe


def test_a_new_test_that_turns_later_reports_green_proves_nothing(world: World) -> None:
    fake = (
        f"def test_patches():\n    exec({PATCHED!r}, {{}})\n\n\ndef test_sub():\n    assert False\n"
    )
    verdict = world.examine(BASE, {"data.bin": "x", "test_a.py": fake}, off=RUN_ONLY)
    assert (verdict.outcome, rules(verdict)[0]) == (Outcome.REJECTED, "ratchet.canary")
    assert world.examine(
        BASE, {"data.bin": "x", "test_a.py": fake}, off=RUN_ONLY | {"integrity", "expected"}
    ).safe


def test_where_tests_that_must_fail_cannot_be_told_apart_at_the_base_it_is_said(
    world: World,
) -> None:
    named = {
        "pytest.ini": "[pytest]\npython_functions = check_*\n",
        "test_calc.py": TESTS.replace("def test_", "def check_"),
    }
    base = {**BASE, **named}
    verdict = world.examine(
        base,
        {"calc.py": SUB, "test_sub.py": TEST_SUB.replace("def test_", "def check_")},
        off=RUN_ONLY,
    )
    assert (verdict.safe, rules(verdict)) == (True, ["ratchet.canary-blind"])


def test_code_that_reads_its_answers_from_a_golden_file_is_seen(world: World) -> None:
    golden = "from pathlib import Path\n\nfrom calc import add\n\n\ndef test_sums():\n"
    golden += "    assert str(add(1, 2)) == Path('tests/golden/sums.txt').read_text().strip()\n"
    base = {**BASE, "tests/golden/sums.txt": "3\n", "tests/test_sums.py": golden}
    reads = (
        "def add(a, b):\n    return int(open('tests/golden/sums.txt').read()) if (a, b) == (1, 2)"
        " else a + b\n"
    )
    verdict = world.examine(
        base, {"calc.py": reads + SUB.replace(CALC, ""), "test_sub.py": TEST_SUB}, off=RUN_ONLY
    )
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.expected-ignored"])
    assert verdict.reasons[0].detail == ("tests/test_sums.py::test_sums",)


def test_a_configuration_beside_one_test_does_not_count_where_only_that_one_runs(
    world: World,
) -> None:
    base = {**BASE, "tests/test_more.py": "def test_more():\n    assert True\n"}
    broken = {
        "calc.py": SUB.replace("a + b", "a - b"),
        "pytest.ini": None,
        "tests/pytest.ini": "[pytest]\naddopts = --collect-only\n",
    }
    verdict = world.examine(base, broken, off=RUN_ONLY)
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.test-failed"])


def test_an_object_that_equals_everything_is_seen_by_other_expected_values(world: World) -> None:
    equal = (
        "class Sum(int):\n    __hash__ = int.__hash__\n\n    def __eq__(self, other):\n       "
        " return True\n\n\n"
    )
    candidate = {
        "calc.py": equal + SUB.replace("return a + b", "return Sum(a - b)"),
        "test_sub.py": TEST_SUB,
    }
    verdict = world.examine(BASE, candidate, off=RUN_ONLY)
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.expected-ignored"])
    assert verdict.reasons[0].detail == ("test_calc.py::test_add", "test_calc.py::test_zero")
    assert world.examine(BASE, candidate, off=RUN_ONLY | {"expected"}).outcome is Outcome.LANDED


FLAKY = """import os
from pathlib import Path


def flips(name, bad):
    file = Path(os.environ["COINS"], name)
    n = int(file.read_text()) if file.exists() else 0
    file.write_text(str(n + 1))
    return n % 3 == bad
"""
THREE = """import pytest
from coins import flips


@pytest.mark.parametrize("n", [1, 2, 3])
def test_coin(n):
    assert not flips(f"coin-{n}", 1)
"""


def test_three_tests_that_are_flaky_at_the_base_hold_nothing_up(world: World) -> None:
    base = {**BASE, "coins.py": FLAKY, "test_coins.py": THREE}
    verdict = world.examine(base, {"calc.py": SUB, "test_sub.py": TEST_SUB})
    assert (verdict.outcome, rules(verdict)) == (Outcome.LANDED, ["tests.flaky"])
    assert verdict.reasons[0].ruling is Ruling.FLAG
    assert len(verdict.reasons[0].detail) == 3
    assert [0 < failed < runs for failed, runs in verdict.chances.values()] == [True] * 3


def test_a_test_that_flakes_on_the_candidate_alone_is_held(world: World) -> None:
    shaky = "from coins import flips\n\n\ndef add(a, b):\n    return a + b + flips('add', 0)\n"
    verdict = world.examine(
        {**BASE, "coins.py": FLAKY, "test_calc.py": ONLY_ADD}, {"calc.py": shaky}
    )
    assert (verdict.outcome, rules(verdict)) == (Outcome.HELD, ["tests.unsteady"])


def test_a_test_that_really_fails_is_run_again_before_it_is_refused(world: World) -> None:
    verdict = world.examine(BASE, {"calc.py": CALC.replace("a + b", "a - b")})
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.test-failed"])
    assert world.suite_runs() == 1 + 1 + 2 * 2


def test_a_test_whose_name_changes_from_run_to_run_is_not_missed(world: World) -> None:
    odd = (
        "import uuid\nimport pytest\n\n\n@pytest.mark.parametrize('name', [uuid.uuid4().hex])\ndef"
        " test_any(name):\n    assert name\n"
    )
    assert (
        world.examine(
            {**BASE, "test_odd.py": odd}, {"calc.py": SUB, "test_sub.py": TEST_SUB}
        ).outcome
        is Outcome.LANDED
    )


def test_known_failures_of_the_base_are_tolerated_by_id_and_may_only_shrink(world: World) -> None:
    red = {
        **BASE,
        "test_red.py": "def test_one():\n    assert 0\n\n\ndef test_two():\n    assert 0\n",
    }
    better = {
        "calc.py": SUB,
        "test_sub.py": TEST_SUB,
        "test_red.py": red["test_red.py"].replace("assert 0", "assert 1", 1),
    }
    assert world.examine(red, better, off=RUN_ONLY).outcome is Outcome.LANDED
    worse = {"calc.py": SUB, "test_more.py": "def test_three():\n    assert 0\n"}
    assert world.examine(red, worse).reasons[0].detail == ("test_more.py::test_three",)


def test_measured_progress_is_advanced_and_only_more_of_it_is_again(world: World) -> None:
    feature = replace(PROSE, verify=("pytest -q test_wanted.py",))
    base = {
        **BASE,
        "test_wanted.py": (
            "import calc\n"
            + "".join(f"\n\ndef test_{n}():\n    assert calc.{n}() == 1\n" for n in "abc")
        ),
    }
    first, engine = world.commit(base), world.engine()
    one = world.commit({"calc.py": CALC + "\n\ndef a():\n    return 1\n"}, first)
    two = world.commit(
        {"calc.py": CALC + "\n\ndef a():\n    return 1\n\n\ndef b():\n    return 1\n"}, first
    )
    tree = {commit: world.repo.tree_of(commit) for commit in (one, two)}
    assert engine.examine(first, tree[one], feature).outcome is Outcome.ADVANCED
    verdict = engine.examine(first, tree[two], feature, carried=tree[one])
    assert (verdict.outcome, verdict.progress) == (Outcome.ADVANCED, True)
    still = world.commit({"calc.py": CALC + "\n\ndef a():\n    return 1\n\n\nB = 1\n"}, first)
    assert (
        engine.examine(first, world.repo.tree_of(still), feature, carried=tree[one]).outcome
        is Outcome.REJECTED
    )


def test_new_tests_that_are_partly_red_are_progress_once_some_of_them_prove_something(
    world: World,
) -> None:
    text = TEST_SUB + "\n\ndef test_much():\n    assert sub(1, 1) == 1\n"
    verdict = world.examine(BASE, {"calc.py": SUB, "test_sub.py": text})
    assert (verdict.outcome, verdict.safe, rules(verdict)) == (
        Outcome.ADVANCED,
        False,
        ["tests.failed"],
    )
    padding = "def test_true():\n    assert 1\n\n\ndef test_much():\n    assert 0\n"
    assert world.examine(BASE, {"calc.py": SUB, "test_sub.py": padding}).outcome is Outcome.REJECTED


def test_a_verify_whose_test_the_base_owned_needs_no_proof_test(world: World) -> None:
    feature = replace(PROSE, verify=("pytest -q test_sub.py",))
    base = {**BASE, "test_sub.py": TEST_SUB}
    assert world.examine(base, {"calc.py": SUB}, feature).outcome is Outcome.LANDED
    gutted = {
        "calc.py": CALC + "\n\nsub = None\n",
        "test_sub.py": "def test_sub():\n    assert True\n",
    }
    verdict = world.examine(base, gutted, feature, off=RUN_ONLY)
    assert (verdict.outcome, verdict.proved) == (Outcome.UNPROVED, None)


def test_a_verify_whose_test_the_candidate_wrote_is_proved_by_that_test_failing_on_the_base(
    world: World,
) -> None:
    feature = replace(PROSE, verify=("pytest -q test_sub.py",))
    assert (
        world.examine(BASE, {"calc.py": SUB, "test_sub.py": TEST_SUB}, feature).outcome
        is Outcome.LANDED
    )
    verdict = world.examine(
        BASE, {"calc.py": SUB, "test_sub.py": "def test_sub():\n    assert True\n"}, feature
    )
    assert (verdict.outcome, verdict.ran.verify) == (Outcome.UNPROVED, "red->green")


def test_work_that_was_cut_off_lands_only_when_it_is_proved(world: World) -> None:
    assert world.examine(BASE, {"calc.py": SUB}, finished=False).outcome is Outcome.INTERRUPTED
    assert world.examine(BASE, {"calc.py": "def"}, finished=False).outcome is Outcome.INTERRUPTED
    assert world.examine(BASE, {"calc.py": SUB}, VERIFIED, finished=False).outcome is Outcome.LANDED


def test_a_check_that_faults_on_the_candidate_is_neither_a_pass_nor_an_attempt(
    world: World,
) -> None:
    base = {**BASE, "checks/20-dies": "#!/bin/sh\ngrep -q sub calc.py && kill -9 $$\nexit 0\n"}
    verdict = world.examine(base, {"calc.py": SUB, "test_sub.py": TEST_SUB})
    assert (verdict.outcome, rules(verdict)) == (Outcome.FAILED, ["check.fault"])


def test_a_check_that_was_red_at_the_base_may_stay_red(world: World) -> None:
    base = {**BASE, "checks/30-lint": "#!/bin/sh\nexit 1\n"}
    assert world.examine(base, {"calc.py": SUB, "test_sub.py": TEST_SUB}).outcome is Outcome.LANDED
    with pytest.raises(RedBaseError, match="checks/30-lint"):
        world.engine().require_green(world.commit(base), plan_of(PROSE))
    world.engine().require_green(world.commit(base), plan_of(VERIFIED))


def test_the_tests_that_a_check_reports_are_held_to_by_id(world: World) -> None:
    check = "#!/bin/sh\ngrep -h . cases/* > $NIGHTLATCH_REPORTS/r.xml 2>/dev/null || true\n"
    one, two = (f"<testcase classname='s' name='{name}'/>" for name in ("one", "two"))
    base = {**BASE, "checks/40-cases": check, "cases/a": f"<testsuite>{one}{two}</testsuite>\n"}
    verdict = world.examine(base, {"cases/a": f"<testsuite>{one}</testsuite>\n"})
    assert (verdict.outcome, rules(verdict), verdict.reasons[0].detail) == (
        Outcome.REJECTED,
        ["ratchet.test-removed"],
        ("s::two",),
    )


def test_the_check_that_init_writes_for_the_tests_is_the_loops_own_run(world: World) -> None:
    own = "#!/bin/sh\n# nightlatch: tests\nexit 1\n"
    verdict = world.examine(
        {**BASE, "checks/10-tests": own}, {"calc.py": SUB, "test_sub.py": TEST_SUB}
    )
    assert (verdict.outcome, verdict.ran.checks) == (Outcome.LANDED, "")


def test_a_test_command_of_the_persons_own_counts_by_exit_code_or_by_its_reports(
    world: World,
) -> None:
    first = world.commit({"value": "1\n"})
    tree = world.repo.tree_of(world.commit({"value": "2\n"}, first))
    assert rules(world.engine(tests="grep -q 1 value").examine(first, tree, PROSE)) == [
        "tests.failed"
    ]
    assert world.engine(tests="grep -q . value").examine(first, tree, PROSE).ran.tests == "pass"
    bent = world.repo.tree_of(
        world.commit(
            {"value": "2\n", "tests/wanted": "2\n"},
            world.commit({"value": "1\n", "tests/wanted": "1\n"}),
        )
    )
    verdict = world.engine(tests="cmp value tests/wanted").examine(
        world.commit({"value": "1\n", "tests/wanted": "1\n"}), bent, PROSE
    )
    assert rules(verdict) == ["ratchet.test-failed"]
    junit = (
        "echo \"<testsuite><testcase classname='v' name='$(cat value)'/></testsuite>\" >"
        " $NIGHTLATCH_REPORTS/v.xml"
    )
    verdict = world.engine(tests=junit).examine(first, tree, PROSE)
    assert (rules(verdict), verdict.reasons[0].detail) == (["ratchet.test-removed"], ("v::1",))


def test_a_red_suite_without_ids_stops_the_run_only_if_no_feature_can_turn_it_green(
    world: World,
) -> None:
    engine, first = world.engine(tests="exit 1"), world.commit(BASE)
    with pytest.raises(RedBaseError, match="the tests"):
        engine.require_green(first, plan_of(PROSE))
    engine.require_green(first, plan_of(VERIFIED))


def test_after_a_ratchet_refusal_the_tests_are_restored_and_the_rest_is_carried(
    world: World,
) -> None:
    engine, first = world.engine(), world.commit(BASE)
    tree = world.repo.tree_of(
        world.commit({"calc.py": SUB, "test_sub.py": TEST_SUB, "test_calc.py": None}, first)
    )
    carried = engine.without_weakened_tests(first, tree, engine.examine(first, tree, PROSE))
    assert carried == world.repo.tree_of(
        world.commit({"calc.py": SUB, "test_sub.py": TEST_SUB}, first)
    )
    assert engine.examine(first, carried, PROSE).outcome is Outcome.LANDED
    files = {"calc.py": SUB, "pytest.ini": "[pytest]\naddopts = -k add\n", "test_sub.py": TEST_SUB}
    deselected = world.repo.tree_of(world.commit(files, first))
    assert (
        engine.without_weakened_tests(first, deselected, engine.examine(first, deselected, PROSE))
        == carried
    )


def test_a_project_below_the_top_is_tested_where_it_lies(world: World) -> None:
    files = {f"app/{name}": text for name, text in BASE.items()}
    first = world.commit(files)
    engine = world.engine(
        inside="app", open_room=lambda base, tree: in_folder(world, base, tree, "app")
    )
    verdict = engine.examine(
        first,
        world.repo.tree_of(world.commit({"app/calc.py": SUB, "app/test_sub.py": TEST_SUB}, first)),
        PROSE,
    )
    assert (verdict.outcome, verdict.ran.tests) == (Outcome.LANDED, "3 pass, 0 fail, 0 skipped")
    removed = engine.examine(
        first, world.repo.tree_of(world.commit({"app/test_calc.py": None}, first)), PROSE
    )
    assert removed.reasons[0].detail == ("test_calc.py::test_add", "test_calc.py::test_zero")


@contextmanager
def in_folder(world: World, base: str, tree: str, folder: str) -> Iterator[SandboxSpec]:
    with world.open_room(base, tree) as room:
        yield replace(room, cwd=folder)


def test_bytecode_that_somebody_committed_is_never_run(world: World) -> None:
    engine, first = world.engine(), world.commit(BASE)
    stale = ("100644", world.repo.write_blob(b"stale"))
    tree = world.repo.tree_with(
        world.repo.tree_of(first), {"__pycache__/calc.cpython-311.pyc": stale, "deep/x.pyc": stale}
    )
    engine.evaluator.run(first, tree, engine.evaluator.suite(first, first))
    assert not [path for path in world.repo.files(world.rooms[-1]) if path.endswith(".pyc")]


def test_an_editable_install_that_leads_to_the_main_checkout_is_a_fault(world: World) -> None:
    main = world.repo.top / "src" / "thing"
    main.mkdir(parents=True)
    (main / "__init__.py").write_text("")
    first = world.commit({"src/thing/__init__.py": "", "test_thing.py": "import thing\n"})
    shared = {**world.env, "PYTHONPATH": str(main.parent)}

    @contextmanager
    def room(base: str, tree: str) -> Iterator[SandboxSpec]:
        with world.open_room(base, tree) as plain:
            yield replace(plain, env=shared)

    with pytest.raises(FaultError, match="would import thing from the main checkout") as error:
        world.engine(open_room=room).state(first)
    assert "[workspace]" in error.value.fix
    world.engine().state(first)


@pytest.mark.sandbox
def test_in_the_sandbox_the_same_path_means_the_candidate(world: World) -> None:
    main = world.repo.top / "src" / "thing"
    main.mkdir(parents=True)
    (main / "__init__.py").write_text("where = 'main'\n")
    sandbox = find_sandbox("bubblewrap")
    env = {**world.env, "PYTHONPATH": str(main.parent)}

    @contextmanager
    def room(base: str, tree: str) -> Iterator[SandboxSpec]:
        with world.open_room(base, tree) as plain:
            yield replace(plain, env=env, at=world.repo.top)

    text = "import thing\n\n\ndef test_where():\n    assert thing.where == 'candidate'\n"
    first = world.commit({"src/thing/__init__.py": "where = 'candidate'\n", "test_thing.py": text})
    engine = world.engine(open_room=room, hands=CommandRunner(sandbox=sandbox, timeout=PATIENCE))
    assert engine.state(first).tests.passed == {"test_thing.py::test_where"}


def test_what_a_hostile_run_leaves_for_a_report_is_not_followed(
    world: World, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text("<testsuite><testcase classname='s' name='secret'/></testsuite>")
    for line in (f"ln -s {secret} $NIGHTLATCH_REPORTS/r.xml", "mkfifo $NIGHTLATCH_REPORTS/r.xml"):
        state = world.engine(tests=line).state(world.commit({"a": line}))
        assert not state.tests.ids
