"""What reaches a brief of all that is known, measured over a made-up repository;
docs/handoff.md shows the same table."""

from functools import cache

import pytest

from bench.recall import NAMED, SEED, Measured, measured, table
from tests import ROOT

PAGE = ROOT / "docs/handoff.md"


@cache
def shown() -> tuple[Measured, ...]:
    return measured(SEED)


def test_every_finding_on_a_file_that_a_feature_names_is_in_its_brief() -> None:
    missing = {
        each.way: sorted(each.own - each.told)
        for each in shown()
        if each.way in NAMED and not each.own <= each.told
    }
    assert missing == {}


@pytest.mark.parametrize(("part", "least"), [("recall", 0.9), ("near", 0.8), ("area", 0.5)])
def test_recall_and_precision_over_fifty_features(part: str, least: float) -> None:
    rows = shown()
    assert len(rows) == 50
    have, of = {
        "recall": (
            sum(len(each.own & each.told) for each in rows),
            sum(len(each.own) for each in rows),
        ),
        "near": (
            sum(len(each.own & each.near) for each in rows),
            sum(len(each.near) for each in rows),
        ),
        "area": (
            sum(len(each.area & each.told) for each in rows),
            sum(len(each.told) for each in rows),
        ),
    }[part]
    assert have / of >= least


def test_the_page_shows_the_table_as_it_is_measured() -> None:
    assert "\n".join(table(shown())) in PAGE.read_text(encoding="utf-8"), (
        "./init.sh python -m bench.recall prints it"
    )
