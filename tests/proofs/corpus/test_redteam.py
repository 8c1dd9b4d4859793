"""The table of docs/red-team.md: what is counted as landed, held and refused, and what could
not be run."""

import xml.etree.ElementTree as ET

import pytest

from bench import redteam
from bench.redteam import NOT_RUN, Row, by_reading, needing_runners

REPORT = """<testsuites><testsuite>
<testcase name="test_the_verdict_on[a]"><properties>
<property name="ratchet" value="['pytest', 1, 'held', False, 'the failing test is gone', 'ratchet.test-removed']"/></properties></testcase>
<testcase name="test_the_same_feature_done_honestly_lands[make]"/>
<testcase name="test_what_is_done_falsely[make]"><failure/></testcase>
<testcase name="test_what_is_done_falsely[npm]"><skipped/></testcase>
</testsuite></testsuites>"""


def test_a_report_of_the_tests_says_what_became_of_each_case() -> None:
    told = dict(redteam.told_by(ET.fromstring(REPORT)))  # noqa: S314  # it stands above
    assert told["pytest", "1 the failing test is gone"] == "held"
    assert told["test_the_same_feature_done_honestly_lands", "make"] == "landed"
    assert told["test_what_is_done_falsely", "make"] == "landed"
    assert ("test_what_is_done_falsely", "npm") not in told


def test_what_was_not_run_is_counted_as_not_run() -> None:
    rows = list(needing_runners({}))
    assert {row.verdict for row in rows} == {NOT_RUN}
    last = list(redteam.table("class", rows, lambda row: row.group))[-1]
    assert last.startswith(f"| all | {sum(row.tampered for row in rows)} | 0 | 0 | 0 |")


WRONG = [(True, "landed", 1), (True, "held", 0), (False, "held", 1), (False, "landed", 0)]


@pytest.mark.parametrize(("tampered", "verdict", "told"), WRONG)
def test_each_change_that_came_out_otherwise_than_it_should_is_named(
    tampered: bool, verdict: str, told: int
) -> None:
    row = Row(
        group="ways around", language="go", tampered=tampered, verdict=verdict, name="a build tag"
    )
    assert sum("a build tag" in line for line in redteam.lines([row])) == told


def test_what_reading_decides_is_decided_as_it_should_be() -> None:
    rows = list(by_reading())
    assert [row for row in rows if row.tampered and row.verdict == "landed"] == []
    assert [row for row in rows if not row.tampered and row.verdict != "landed"] == []
    assert len({row.language for row in rows}) >= 12
