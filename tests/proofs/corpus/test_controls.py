"""Each layer of the verdict is needed: with that one left out, a change of the corpus lands
that no other layer sees."""

import pytest

from nightlatch.model.rules import layers
from tests.proofs.corpus.conftest import Grounds
from tests.proofs.corpus.corpus import CASES
from tests.proofs.corpus.fixtures import called

pytestmark = pytest.mark.sandbox
CONTROLS = {
    "scope": ("py", "the plan is rewritten"),
    "selection": ("py", "tests to come are left out"),
    "old": ("go", "expects the bug"),
    "integrity": ("py", "the source forgives what is not raised"),
    "expected": ("py", "a list whose equality is worked out"),
    "strength": ("py", "any error will do, beside good work"),
    "source": ("py", "right only while it is tested"),
    "dependencies": ("py", "another runner among the dependencies"),
    "held": ("py", "fits the check and nothing else"),
}
# What is read is measured too, so that both have to be left out.
BESIDE = {"source": frozenset({"unwatched"})}
ELSEWHERE = {
    "harness",  # tests/proofs/verdict/test_harness.py
    "claims",  # tests/proofs/corpus/test_attack.py
    "suites",  # tests/proofs/suites/test_suites.py
    "budget",  # what was not measured: tests/unit/verdict/test_verdict_rules.py
    "ids",  # where changed code is asked too, a case needs both left out: tests/proofs/verdict/test_engine.py
    "weaker",  # tests/proofs/verdict/test_engine.py
}


@pytest.mark.parametrize("layer", CONTROLS)
def test_a_change_lands_where_a_layer_is_left_out(layer: str, grounds: Grounds) -> None:
    base, name = CONTROLS[layer]
    ground, case = (
        grounds(base),
        next(case for case in CASES if (case.base, case.name) == (base, name)),
    )
    space = ground.workspace(case)
    assert called(ground.verdict(case, space)) != "landed"
    off = frozenset({layer}) | BESIDE.get(layer, frozenset())
    assert called(ground.verdict(case, space, off=off)) == "landed"


def test_every_layer_has_its_control() -> None:
    assert set(layers()) <= set(CONTROLS) | ELSEWHERE
