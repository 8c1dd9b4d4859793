"""A test that asks another input, though the new code passes it as it was, is put back; what
had to change, or only moves, is not."""

from dataclasses import replace

import pytest

from nightlatch.model.models import Outcome
from tests.io.verdict.world import BASE, CALC, PROSE, SUB, TEST_SUB, TESTS, Tree, World, rules
from tests.io.verdict.world import world as world  # the fixture

GONE = "ratchet.input-gone"
WORK: Tree = {"calc.py": SUB, "test_sub.py": TEST_SUB}
OTHER: Tree = {**WORK, "test_calc.py": TESTS.replace("add(1, 2) == 3", "add(1, 9) == 10")}


def test_another_input_without_need_is_refused_in_a_run_and_held_for_a_person(world: World) -> None:
    verdict = world.examine(BASE, OTHER)
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, [GONE])
    assert verdict.reasons[0].detail == (
        "test_calc.py::test_add (line 4): 2 is not in it any more",
    )
    verdict = world.examine(BASE, OTHER, persons=True)
    assert (verdict.outcome, rules(verdict)) == (Outcome.HELD, [GONE])


def test_the_feature_may_name_it_and_without_this_rule_it_would_land(world: World) -> None:
    assert (
        world.examine(BASE, OTHER, replace(PROSE, supersedes=("test_calc.py::test_add",))).outcome
        is Outcome.LANDED
    )
    assert world.examine(BASE, OTHER, off=frozenset({"claims"})).outcome is Outcome.LANDED


def test_what_the_new_code_fails_had_to_change(world: World) -> None:
    """By another rule it waits for a person, or is refused; that its input is another one is no
    objection of its own."""
    code = CALC.replace("a + b", "a + b if b != 2 else 0") + SUB.removeprefix(CALC)
    assert GONE not in rules(world.examine(BASE, {**OTHER, "calc.py": code}))


ROWS = (
    "@pytest.mark.parametrize('b, sum', [(2, 3), (9, 10)])\ndef test_add(b, sum):\n    assert"
    " add(1, b) == sum"
)
HONEST = {
    "rows": "import pytest\n\n" + TESTS.replace("def test_add():\n    assert add(1, 2) == 3", ROWS),
    "a name for it": TESTS.replace("assert add(1, 2) == 3", "two = 2\n    assert add(1, two) == 3"),
    "more of it": TESTS.replace(
        "assert add(1, 2) == 3", "assert add(1, 2) == 3\n    assert add(1, 9) == 10"
    ),
    "in a test of its own": (
        TESTS.replace("add(1, 2) == 3", "add(1, 9) == 10")
        + "\n\ndef test_two():\n    assert add(1, 2) == 3\n"
    ),
    "in another form": TESTS.replace(
        "assert add(1, 2) == 3", "assert 3 == add(1, 2), 'one and two'"
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_the_same_input_in_another_place_lands(world: World, name: str) -> None:
    verdict = world.examine(BASE, {**WORK, "test_calc.py": HONEST[name]})
    assert (verdict.outcome, rules(verdict)) == (Outcome.LANDED, []), verdict
