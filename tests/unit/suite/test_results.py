"""Reports of every kind become ids, and what a report and an exit code say together becomes
results."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.suite.report_formats import read_report
from nightlatch.suite.results import (
    Check,
    CheckStatus,
    Report,
    Result,
    SuiteResult,
    checks_from,
    dump,
    file_of,
    merge,
    passing,
    results_from,
    weigh,
)

JUNIT = b"""<?xml version="1.0"?>
<testsuites>
  <testcase classname="loose" name="one"/>
  <testsuite name="outer"><testsuite name="inner">
    <testcase file="tests/a.py" classname="tests.a.Group" name="two"><failure message="no">text</failure></testcase>
    <testcase classname="b" name="three"><skipped/></testcase>
  </testsuite>
  <testcase classname="b" name="four"><error/></testcase>
  <testcase classname="b" name="five"><system-out>said</system-out></testcase></testsuite>
</testsuites>"""


def words(report: Report | None) -> dict[str, str]:
    assert report is not None
    return {name: result.value for name, result in report.ids.items()}


def test_junit_is_read_wherever_its_cases_stand() -> None:
    expected = {
        "loose::one": "passed",
        "tests/a.py::Group::two": "failed",
        "b::three": "skipped",
        "b::four": "error",
        "b::five": "passed",
    }
    assert words(read_report("junit", JUNIT, "")) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"  \n",
        b"<testsuite>",
        b"not xml",
        b"<other/>",
        (
            b'<!DOCTYPE x [<!ENTITY a "b">]><testsuite><testcase classname="a"'
            b' name="&a;"/></testsuite>'
        ),
        (
            '<!DOCTYPE x [<!ENTITY a "b">]><testsuite><testcase classname="a" '
            'name="&a;"/></testsuite>'
        ).encode("utf-16"),
    ],
)
def test_junit_that_is_torn_or_brings_a_document_type_is_no_report(data: bytes) -> None:
    assert read_report("junit", data, "") is None


TAP = b"""TAP version 13
# Subtest: sums
    ok 1 - adds
    not ok 2 - carries
    1..2
not ok 1 - sums
ok 2 later # SKIP no network
not ok 3 - wished # TODO
ok 4
# a remark
1..4
"""


def test_tap_is_read_with_the_titles_that_subtests_lie_in() -> None:
    assert words(read_report("tap", TAP, "unit")) == {
        "unit::sums::adds": "passed",
        "unit::sums::carries": "failed",
        "unit::sums": "failed",
        "unit::later": "skipped",
        "unit::wished": "skipped",
        "unit::4": "passed",
    }


@pytest.mark.parametrize(
    "data",
    [
        b"ok 1\n",
        b"1..2\nok 1\n",
        b"1..1\nok 1\nok 2\n",
        b"1..2\nok 1\nBail out! no disk\nok 2\n",
        b"hello\n",
    ],
)
def test_tap_that_breaks_off_or_promises_something_else_is_no_report(data: bytes) -> None:
    assert read_report("tap", data, "") is None


@pytest.mark.parametrize("kind", ["junit", "jest", "go", "cargo", "lines", "tap"])
@given(data=st.binary(max_size=60))
def test_no_report_however_mangled_raises(kind: str, data: bytes) -> None:
    read_report(kind, data, "")


@pytest.mark.parametrize("kind", ["jest", "lines", "go"])
@given(
    data=st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda x: st.lists(x) | st.dictionaries(st.text(max_size=9), x),
    )
)
def test_no_json_however_shaped_raises(kind: str, data: object) -> None:
    read_report(kind, json.dumps(data).encode(), "")


def test_jest_is_read_by_file_and_titles() -> None:
    cases = [
        {"ancestorTitles": ["group", "deep"], "title": "one", "status": "passed"},
        {"ancestorTitles": [], "title": "two", "status": "failed"},
        {"ancestorTitles": [], "title": "three", "status": "todo"},
    ]
    suites = [
        {"name": "/p/src/a.test.ts", "status": "failed", "assertionResults": cases},
        {"name": "/p/src/b.test.ts", "status": "failed", "assertionResults": []},
    ]
    report = read_report("jest", json.dumps({"testResults": suites}).encode(), "/p")
    assert words(report) == {
        "src/a.test.ts::group > deep > one": "passed",
        "src/a.test.ts::two": "failed",
        "src/a.test.ts::three": "skipped",
    }
    assert report is not None
    assert report.uncollected == ("src/b.test.ts",)


def test_go_is_read_by_package_and_test() -> None:
    events = [
        {"Action": "run", "Package": "x/a", "Test": "TestOne"},
        {"Action": "pass", "Package": "x/a", "Test": "TestOne/sub"},
        {"Action": "fail", "Package": "x/a", "Test": "TestTwo"},
        {"Action": "fail", "Package": "x/a"},
        {"Action": "skip", "Package": "x/c", "Test": "TestThree"},
        {"Action": "fail", "Package": "x/b"},
    ]
    report = read_report(
        "go", b"# x/b: does not compile\n" + "\n".join(map(json.dumps, events)).encode(), ""
    )
    assert words(report) == {
        "x/a::TestOne/sub": "passed",
        "x/a::TestTwo": "failed",
        "x/c::TestThree": "skipped",
    }
    assert report is not None
    assert report.uncollected == ("x/b",)


def test_lines_end_or_are_not_whole() -> None:
    lines = b'{"id": "a::b", "result": "passed"}\n{"uncollected": "c"}\n'
    torn, whole = read_report("lines", lines, ""), read_report("lines", lines + b'{"end": 0}\n', "")
    assert torn is not None
    assert whole is not None
    assert (torn.whole, whole.whole, whole.uncollected) == (False, True, ("c",))


def test_an_id_that_comes_twice_keeps_the_worst() -> None:
    pairs = [
        ("a", Result.PASSED),
        ("a", Result.FAILED),
        ("a", Result.SKIPPED),
        ("b", Result.SKIPPED),
        ("b", Result.PASSED),
    ]
    assert merge(pairs) == {"a": Result.FAILED, "b": Result.SKIPPED}


GOOD, BAD = Report(ids={"a::b": Result.PASSED}), Report(ids={"a::b": Result.FAILED})


@pytest.mark.parametrize(
    ("report", "code", "answer", "broken"),
    [
        (GOOD, 0, CheckStatus.GREEN, ""),
        (BAD, 1, CheckStatus.RED, ""),
        (BAD, 0, CheckStatus.RED, "tests failed, yet the exit code is 0"),
        (GOOD, 1, CheckStatus.RED, "no test failed, yet the exit code is 1"),
        (Report(uncollected=("a",)), 2, CheckStatus.RED, ""),
        (Report(), 5, CheckStatus.GREEN, ""),
        (GOOD, 5, CheckStatus.RED, "no test failed, yet the exit code is 5"),
        (Report(), 0, CheckStatus.GREEN, ""),
        (None, 0, CheckStatus.RED, "no report was written (exit code 0)"),
        (None, 5, CheckStatus.GREEN, ""),
        (
            Report(ids=GOOD.ids, whole=False),
            0,
            CheckStatus.RED,
            "the report breaks off (exit code 0)",
        ),
    ],
)
def test_report_and_exit_code_must_agree(
    report: Report | None, code: int, answer: CheckStatus, broken: str
) -> None:
    results = weigh(report, code, "", empty=(5,))
    assert (results.answer, results.broken) == (answer, broken)


def test_what_failed_by_chance_passes_after_all() -> None:
    red = weigh(BAD, 1, "")
    assert passing(red, frozenset({"a::b"})).answer is CheckStatus.GREEN
    assert passing(red, frozenset()) == red
    assert passing(weigh(BAD, 0, ""), frozenset({"a::b"})).answer is CheckStatus.RED


ids = st.dictionaries(st.text(), st.sampled_from(Result))


@given(
    ids=ids, text=st.text(), uncollected=st.lists(st.text()), answer=st.sampled_from(CheckStatus)
)
def test_what_is_kept_is_read_back_the_same(
    ids: dict[str, Result], text: str, uncollected: list[str], answer: CheckStatus
) -> None:
    results = SuiteResult(
        answer=answer, ids=ids, uncollected=tuple(uncollected), broken=text, tail=text
    )
    assert results_from(dump(results)) == results
    checks = (Check(name=text, answer=answer, tail=text, ids=ids),)
    assert checks_from(dump(checks)) == checks


def test_results_are_summed_up_in_a_few_words() -> None:
    mixed = {"a": Result.PASSED, "b": Result.PASSED, "c": Result.ERROR, "d": Result.SKIPPED}
    assert (
        SuiteResult(answer=CheckStatus.RED, ids=mixed, uncollected=("e",)).summary()
        == "2 pass, 2 fail, 1 skipped"
    )
    assert SuiteResult(answer=CheckStatus.RED, by_id=False).summary() == "fail"
    assert SuiteResult(answer=CheckStatus.FAULT).summary() == "not known"
    assert file_of("tests/a.py::b::c") == "tests/a.py"
