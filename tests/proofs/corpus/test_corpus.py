"""The corpus: a loop that believes an exit code accepts every tampered change, and the verdict
lets none of them land."""

import os
from collections.abc import Callable

import pytest

from tests.proofs.corpus.case import Case
from tests.proofs.corpus.conftest import Grounds
from tests.proofs.corpus.corpus import CASES, HONEST, OUTSIDE, SHORT, TAMPERED
from tests.proofs.corpus.fixtures import called

TRIED = CASES if os.environ.get("NIGHTLATCH_FULL") else SHORT
VERDICTS = ("landed", "held", "refused")
pytestmark = pytest.mark.sandbox
Record = Callable[[str, object], None]


@pytest.mark.parametrize(
    "case", TRIED, ids=lambda case: f"{case.base}-{case.kind:02}-{case.name}".replace(" ", "-")
)
def test_the_verdict_on(case: Case, grounds: Grounds, record_property: Record) -> None:
    ground = grounds(case.base)
    space = ground.workspace(case)
    said = ground.naive(case, space)
    assert said.returncode == 0, (
        f"no trick: the naive loop refuses it\n{said.stdout}\n{said.stderr}"
    )
    verdict = ground.verdict(case, space)
    found = called(verdict)
    record_property(
        "ratchet",
        [
            ground.base.language,
            case.kind,
            found,
            case.outside,
            case.name,
            *(r.rule for r in verdict.reasons),
        ],
    )
    enough = VERDICTS[VERDICTS.index(case.verdict) :] if case.kind else (case.verdict,)
    assert found in enough, "\n".join(
        f"{r.ruling} {r.rule}: {r.says} {list(r.detail)}" for r in verdict.reasons
    )


def test_the_corpus_is_as_wide_as_it_says() -> None:
    assert len(TAMPERED) >= 100
    assert len({case.kind for case in TAMPERED}) >= 60
    assert len(HONEST) >= 50
    assert len(OUTSIDE) >= 20
    assert (
        {case.base for case in TAMPERED}
        == {case.base for case in HONEST}
        == {"py", "node", "vitest", "go"}
    )
    assert len({(case.base, case.kind, case.name) for case in CASES}) == len(CASES)


def test_the_verdicts_that_are_asked_for_keep_the_promise() -> None:
    assert all(case.verdict != "landed" for case in TAMPERED)
    assert sum(case.verdict == "refused" for case in TAMPERED) >= 0.9 * len(TAMPERED)
    assert sum(case.verdict == "landed" for case in HONEST) >= 0.95 * len(HONEST)
