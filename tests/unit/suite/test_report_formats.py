"""Reports of runners that CI cannot install, as their own documentation shows them; the others
run for real in test_more_runners.py."""

from nightlatch.suite.report_formats import read_report
from nightlatch.suite.results import Report, Result

SUREFIRE = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0" name="com.shop.CartTest" time="0.05" tests="3" failures="1">
  <testcase name="adds" classname="com.shop.CartTest" time="0.02"/>
  <testcase name="wrong" classname="com.shop.CartTest" time="0.01">
    <failure message="expected: 2" type="org.opentest4j.AssertionFailedError"><![CDATA[org.opentest4j]]></failure>
  </testcase>
  <testcase name="later" classname="com.shop.CartTest" time="0"><skipped message="not yet"/></testcase>
  <testcase name="rows(int)[1]" classname="com.shop.CartTest" time="0.01"/>
</testsuite>
"""
GRADLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="com.shop.CartTest" tests="2" skipped="0" failures="0" errors="0" timestamp="2026-01-01T00:00:00" hostname="h" time="0.1">
  <properties/>
  <testcase name="adds()" classname="com.shop.CartTest" time="0.1"/>
  <system-out><![CDATA[]]></system-out>
</testsuite>
"""
SWIFT = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites><testsuite name="TestResults" errors="0" tests="2" failures="1" time="0.01">
<testcase classname="ShopTests.CartTests" name="testAdds" time="0.001"></testcase>
<testcase classname="ShopTests.CartTests" name="testWrong" time="0.001"><failure message="failed"></failure></testcase>
</testsuite></testsuites>
"""
TRX = b"""<?xml version="1.0" encoding="utf-8"?>
<TestRun id="1" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
  <Results>
    <UnitTestResult testId="a" testName="Shop.Tests.CartTests.Adds" outcome="Passed" />
    <UnitTestResult testId="b" testName="Shop.Tests.CartTests.Rows(n: 1)" outcome="Failed"><Output><ErrorInfo/></Output></UnitTestResult>
    <UnitTestResult testId="c" testName="Later" outcome="NotExecuted" />
  </Results>
  <TestDefinitions>
    <UnitTest name="Adds" id="a"><TestMethod className="Shop.Tests.CartTests" name="Adds" /></UnitTest>
    <UnitTest name="Rows" id="b"><TestMethod className="Shop.Tests.CartTests" name="Rows" /></UnitTest>
    <UnitTest name="Later" id="c"><TestMethod className="Shop.Tests.CartTests, Shop.Tests" name="Later" /></UnitTest>
  </TestDefinitions>
</TestRun>
"""


def words(report: Report | None) -> dict[str, str]:
    assert report is not None
    return {name: result.value for name, result in report.ids.items()}


def test_maven_surefire() -> None:
    assert words(read_report("junit", SUREFIRE, "/p")) == {
        "com.shop.CartTest::adds": "passed",
        "com.shop.CartTest::wrong": "failed",
        "com.shop.CartTest::later": "skipped",
        "com.shop.CartTest::rows(int)[1]": "passed",
    }


def test_gradle() -> None:
    assert words(read_report("junit", GRADLE, "/p")) == {"com.shop.CartTest::adds()": "passed"}


def test_xctest() -> None:
    assert words(read_report("junit", SWIFT, "/p")) == {
        "ShopTests.CartTests::testAdds": "passed",
        "ShopTests.CartTests::testWrong": "failed",
    }


def test_dotnet_trx() -> None:
    assert words(read_report("trx", TRX, "")) == {
        "Shop.Tests.CartTests::Adds": "passed",
        "Shop.Tests.CartTests::Rows(n: 1)": "failed",
        "Shop.Tests.CartTests::Later": "skipped",
    }


def test_a_class_is_told_beside_its_file_only_where_it_says_more() -> None:
    case = '<testsuite><testcase file="/p/tests/test_a.py" classname="{}" name="t"/></testsuite>'
    owners = ("tests.test_a", "tests.test_a.Group", "")
    told = {
        owner: [*words(read_report("junit", case.format(owner).encode(), "/p"))] for owner in owners
    }
    assert told == {
        "tests.test_a": ["tests/test_a.py::t"],
        "tests.test_a.Group": ["tests/test_a.py::Group::t"],
        "": ["tests/test_a.py::t"],
    }


def test_a_text_that_breaks_off_is_no_report() -> None:
    assert read_report("minitest", b"CartTest#test_adds = 0.00 s = .\n", "") is None
    assert (
        read_report("exunit", b"CartTest [test/cart_test.exs]\n  * test adds (0.1ms) [L#3]\n", "")
        is None
    )
    assert read_report("mocha", b'{"tests": [', "") is None
    assert read_report("rspec", b"{}", "") is None
    assert read_report("trx", b"<html/>", "") == Report()


def test_rspec_says_when_a_file_could_not_be_loaded() -> None:
    found = read_report(
        "rspec", b'{"examples": [], "summary": {"errors_outside_of_examples_count": 1}}', ""
    )
    assert found is not None
    assert (found.ids, len(found.uncollected)) == ({}, 1)
    assert Result.PASSED not in found.ids.values()
