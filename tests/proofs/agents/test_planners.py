"""Real agent CLIs as planners: a good answer is written, also only after it was told what is
wrong; a bad one never."""

import json
from pathlib import Path

import pytest

from tests.proofs.agents.agent_cli_project import plan
from tests.proofs.agents.loopback import alone
from tests.stories.sample_project import feature

pytestmark = [pytest.mark.agents, pytest.mark.sandbox]
some_clis = pytest.mark.parametrize("name", ["claude", "codex"])
TENTH = {key: value for key, value in feature(10).items() if key != "priority"}


def writes(text: str) -> str:
    return f"cat > $NIGHTLATCH_OUT/plan.json <<'END'\n{text}\nEND"


@some_clis
def test_it_is_told_what_is_wrong_and_then_writes_it_right(
    name: str, programs: Path, tmp_path: Path
) -> None:
    good = json.dumps({"userStories": [TENTH]})
    came = alone(plan, name, tmp_path, programs, writes(good[:-2]), writes(good), "Done.")
    assert came.code == 0, came.said
    assert [(story["id"], story["passes"]) for story in came.project.plan()] == [
        ("US-001", False),
        ("US-010", False),
    ]
    assert came.project.plan()[1] == {**TENTH, "passes": False}
    briefs = [(came.project.folder / f".nightlatch/plan/brief-{n}.md").read_text() for n in (1, 2)]
    assert ["The tenth number is kept" in text for text in briefs] == [True, True]
    assert ["- plan.json:" in text for text in briefs] == [False, True]
    assert came.left == []


@some_clis
def test_what_it_says_in_its_last_message_counts_and_no_other_feature_is_touched(
    name: str, programs: Path, tmp_path: Path
) -> None:
    for folder in ("good", "bad"):
        (tmp_path / folder).mkdir()
    told = f"The plan:\n```json\n{json.dumps({'userStories': [TENTH]}, indent=1)}\n```"
    came = alone(
        plan, name, tmp_path / "good", programs, "sed -i s/false/true/ prd.json", "true", told
    )
    assert came.code == 0, came.said
    assert [(story["id"], story["passes"]) for story in came.project.plan()] == [
        ("US-001", False),
        ("US-010", False),
    ]
    assert (
        "it edited prd.json in its workspace, which counts for nothing (plan: US-001 done)"
        in came.said
    )
    bad = json.dumps({"userStories": [{**TENTH, "passes": True, "verify": "pytest || true"}]})
    came = alone(plan, name, tmp_path / "bad", programs, writes(bad), "true", "It is all done.")
    assert came.code == 1, came.said
    assert (
        "US-010 is marked done: only a check that the loop ran, or a person, does that" in came.said
    )
    assert [story["id"] for story in came.project.plan()] == ["US-001"]
