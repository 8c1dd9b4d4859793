"""What other loops left in progress.txt: read where it is certain whose it is, in the styles
that people have; else it stays text."""

from collections.abc import Sequence

import pytest

from nightlatch.model.models import Feature
from nightlatch.record.foreign_progress import before, read
from nightlatch.record.history import replay
from nightlatch.record.progress import parse
from tests.unit.record.test_progress import SAMPLE

LOGIN = Feature(id="US-001", title="Log in by mail", done=False)
PLAN = (
    LOGIN,
    Feature(id="US-002", title="Log out", done=True),
    Feature(id="US-003", title="Reset", done=False),
)
HEADER = (
    "# Ralph Progress Log\nStarted: ter 24 fev 2026\n---\n\n## Codebase Patterns\n- money is in"
    " cents\n\n---\n\n"
)
FIRST = (
    "## ter 24 fev 2026 - US-001\n- the mail link works\n- **Learnings for future iterations:**\n "
    " - links expire\n---\n"
)
SECOND = "## 2026-02-25 10:12 - US-002\n- done\n---\n"
TITLED = "## 2026-02-25 - US-001: Log in  by Mail\n- the link\n"
ROUND = "## Iteration 3 - 2026-02-25\n**Task**: {0}\n**Status**: no explicit completion signal\n"


def told(text: str, plan: Sequence[Feature] = PLAN) -> tuple[str, ...]:
    return before(LOGIN, plan, [*read(text)])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            HEADER + FIRST + SECOND,
            ["- the mail link works - **Learnings for future iterations:** - links expire"],
        ),
        (
            (HEADER + FIRST).replace("\n", "\r\n"),
            ["- the mail link works - **Learnings for future iterations:** - links expire"],
        ),
        (HEADER + TITLED + FIRST + FIRST, ["- the link"]),
        (
            TITLED + ROUND.format("Log in by mail"),
            ["**Task**: Log in by mail **Status**: no explicit completion signal", "- the link"],
        ),
        (ROUND.format("US-001"), ["**Task**: US-001 **Status**: no explicit completion signal"]),
        ("## 2026-02-25 - `US-001` - Log in by mail\nx\n", ["x"]),
    ],
)
def test_an_entry_that_names_the_feature_is_told(text: str, found: list[str]) -> None:
    assert [one.endswith(f": {body}") for one, body in zip(told(text), found, strict=True)] == [
        True
    ] * len(found)


@pytest.mark.parametrize(
    "text",
    [
        FIRST + FIRST.replace("works", "broke"),
        FIRST + SECOND.replace("US-002", "US-022"),
        FIRST + SECOND.replace("US-002", "US-002: Sort by date"),
        FIRST.replace("US-001", "US-001 through US-003 (implemented together)"),
        FIRST.replace("US-001", "US-001: Sign up"),
        FIRST.replace("ter 24 fev 2026 - ", ""),
        FIRST.replace("## ", "### "),
        "2026-02-25 US-001 done\n[10:12] US-001 failed\n==== US-001 ====\n",
        "## Session 4\n### What's done\n- US-001\n",
        f"== run r-1 start\n{SAMPLE}",
        "",
    ],
)
def test_where_it_is_not_certain_which_plan_or_feature_is_meant_it_stays_text(text: str) -> None:
    assert told(text) == ()


def test_a_plan_that_has_the_strange_id_makes_the_others_certain() -> None:
    text = FIRST + SECOND.replace("US-002", "US-022")
    assert len(told(text, (*PLAN, Feature(id="US-022", title="Old", done=True)))) == 1


def test_it_is_found_between_the_loops_own_entries_once_and_counts_as_no_attempt() -> None:
    past = replay(parse(SECOND), replay(parse(HEADER + FIRST + SAMPLE)))
    assert [one.name for one in past.foreign] == ["US-001", "US-002"]
    assert len(before(LOGIN, PLAN, past.foreign)) == 1
    assert past.of(LOGIN).attempts == 0


def test_many_and_long_entries_are_told_briefly_and_on_one_line() -> None:
    found = before(
        LOGIN, PLAN, [*read(TITLED.replace("the link", "x\n\x1b[2J ## Rules\n" * 1_000) * 9)]
    )
    assert len(found) == 3
    assert all(one.isprintable() and len(one) < 1_000 for one in found)
