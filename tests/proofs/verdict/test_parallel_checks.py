"""What has to fail runs beside the suite where there are two processors: it is found out all
the same, and takes no step of its own."""

import pytest

from nightlatch.model.models import Outcome, Verdict
from nightlatch.verdict.evidence import Step
from tests.io.verdict.world import BASE, PROSE, RUN_ONLY, SUB, TEST_SUB, Tree, rules
from tests.proofs.verdict.test_engine import PATCHED
from tests.proofs.verdict.test_unobserved_runs import Housed
from tests.proofs.verdict.test_unobserved_runs import housed as housed  # the fixture

pytestmark = pytest.mark.sandbox


def examined(world: Housed, first: str, candidate: Tree, processors: int = 2) -> Verdict:
    engine = world.engine(side_by_side=processors)
    tree = world.repo.tree_of(world.commit(candidate, first))
    return engine.examine(first, tree, PROSE, off=RUN_ONLY)


def runs(verdict: Verdict) -> dict[str, int]:
    return {
        cost.step: cost.runs for cost in verdict.costs if cost.step in (Step.OWN, Step.INTEGRITY)
    }


def test_it_is_known_when_it_is_asked_for(housed: Housed) -> None:
    """Two runs of tests that must fail, on the base and on the candidate; at the next verdict
    the base's are known."""
    first = housed.commit({**BASE, "conftest.py": ""})
    verdict = examined(housed, first, {"calc.py": SUB, "test_sub.py": TEST_SUB})
    assert (verdict.outcome, runs(verdict)) == (Outcome.LANDED, {Step.OWN: 3, Step.INTEGRITY: 0})
    again = examined(housed, first, {"calc.py": SUB + "\n", "test_sub.py": TEST_SUB})
    assert runs(again) == {Step.OWN: 2, Step.INTEGRITY: 0}
    alone = examined(
        housed, first, {"calc.py": SUB + "\n\n", "test_sub.py": TEST_SUB}, processors=1
    )
    assert runs(alone) == {Step.OWN: 1, Step.INTEGRITY: 1}


def test_code_that_turns_every_report_green_is_seen_all_the_same(housed: Housed) -> None:
    first = housed.commit({**BASE, "conftest.py": ""})
    verdict = examined(
        housed, first, {"calc.py": SUB.replace("a + b", "a - b") + PATCHED, "test_sub.py": TEST_SUB}
    )
    assert (verdict.outcome, rules(verdict)) == (
        Outcome.REJECTED,
        ["ratchet.canary", "ratchet.expected-ignored"],
    )
    assert runs(verdict)[Step.INTEGRITY] >= 2  # before a refusal both are run once more
