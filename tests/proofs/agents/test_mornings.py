"""A plan of ten stories in prose with real agent CLIs: the morning asks for at most one
decision, and claims no proof that is not there."""

from pathlib import Path

import pytest

from tests.proofs.agents import mornings
from tests.proofs.agents.loopback import alone

pytestmark = [pytest.mark.agents, pytest.mark.sandbox]
some_clis = pytest.mark.parametrize("name", ["claude", "codex"])


@some_clis
def test_ten_stories_in_prose_leave_nothing_to_decide_where_the_judge_can_tell(
    name: str, programs: Path, tmp_path: Path
) -> None:
    came = alone(mornings.night, name, tmp_path, programs, able=True, prove=True)
    assert came.verifies == 8, came.proposed
    assert (
        "left out, for it does not hold: US-009: its verify is green at the base" in came.proposed
    )
    assert "left out, for it does not hold: US-010: its verify cannot be run" in came.proposed
    assert came.init.count("next    nightlatch plan --prove\n") == 1, came.init
    assert [word for word, *_ in came.outcomes] == ["landed"] * 10, came.said
    assert (came.code, came.decide, came.passing, came.left) == (0, [], 10, []), came.said


@some_clis
def test_where_the_judge_cannot_tell_all_of_it_is_one_decision_and_no_flag_is_set(
    name: str, programs: Path, tmp_path: Path
) -> None:
    came = alone(mornings.night, name, tmp_path, programs, able=False, prove=False)
    assert [word for word, *_ in came.outcomes] == ["unproved"] * 10, came.said
    assert (came.code, came.passing, len(came.decide)) == (3, 0, 1), came.said
    assert len(came.decide[0]["parts"]) == 10
    assert (came.after, came.left) == (10, []), "one command answers it"
