"""`verify`, `check`, `brief` and `sync` on small projects."""

import json
import os
from pathlib import Path

import pytest

from nightlatch.model.models import Feature
from nightlatch.suite.results import CheckStatus, Result, SuiteResult
from nightlatch.verdict.reverification import by_tests
from tests.io.cli.cli_project import RUN, Project, story

TEST = """import unittest
import till
class {name}(unittest.TestCase):
    def test_{name}(self): self.assertTrue(till.{name})
"""
FEATURE = Feature(id="F", title="", done=True)


@pytest.fixture
def till(project: Project, plain_python: Path) -> Project:
    """A till with one test, and a plan of which four features say that they pass."""
    project.monkeypatch.setenv("PATH", f"{plain_python}{os.pathsep}{os.environ['PATH']}")
    project.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "none")
    project.write("till.py", "old = True\n")
    project.write("test_old.py", TEST.format(name="old"))
    first = story("US-001", passes=True, verify="test -f one")
    project.plan(first, *(story(f"US-00{n}", passes=n < 5) for n in range(2, 6)))
    project.commit("start")
    return project


def landed(project: Project, feature: str, **files: str) -> None:
    for name, text in files.items():
        project.write(f"{name}.py", text)
    project.commit(
        f"{feature} done\n\nNightlatch-Feature: {feature}\nNightlatch-Session: {RUN}-s01"
    )


def test_every_feature_that_says_it_passes_is_proved_again(till: Project) -> None:
    till.commit(one="1")
    landed(till, "US-002", till="old = True\nnew = True\n", test_new=TEST.format(name="new"))
    told = till.nightlatch("verify")
    assert (
        told.out == "ok    US-001 The story US-001: its verify command\n"
        "ok    US-002 The story US-002: the tests of its landing\n"
        "-     US-003 The story US-003: a person's word alone\n"
        "-     US-004 The story US-004: a person's word alone\n"
        "2 proved again, 2 by a person's word, 0 failed\n"
    )
    assert told.code == 0


def test_a_verify_that_fails_now_is_shown_with_the_end_of_its_output(till: Project) -> None:
    told = till.nightlatch("verify", "US-001")
    assert (
        told.out
        == "FAIL  US-001 The story US-001: its verify command\n    $ test -f one\n    exit code 1\n"
        "0 proved again, 0 by a person's word, 1 failed\n"
    )
    assert told.code == 1


def test_a_landing_whose_tests_fail_now_or_are_gone_is_not_proved(till: Project) -> None:
    landed(till, "US-002", till="old = True\nnew = True\n", test_new=TEST.format(name="new"))
    till.write("till.py", "old = True\n")
    till.commit()
    told = till.nightlatch("verify", "US-002", "--json")
    assert (told.code, told.at("failed")) == (1, 1)
    assert told.at("features", 0) == {
        "feature": "US-002",
        "title": "The story US-002",
        "how": "tests",
        "answer": "red",
        "tail": ["test_new.py::new::test_new"],
    }
    till.git("rm", "-q", "test_new.py")
    till.commit()
    assert "    none of its tests is there any more\n" in till.nightlatch("verify", "US-002").out


def test_in_a_fresh_clone_on_no_branch_everything_can_be_proved(till: Project) -> None:
    till.commit(one="1")
    till.git("clone", "-q", ".", "../clone")
    till.git("-C", "../clone", "checkout", "-q", "--detach")
    assert till.nightlatch("verify", "US-001", cwd="../clone").code == 0


def test_what_is_not_committed_proves_nothing(till: Project) -> None:
    till.write("one", "1")
    assert till.nightlatch("verify", "US-001").code == 1


@pytest.mark.sandbox
def test_it_is_proved_in_the_sandbox(till: Project) -> None:
    till.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "bubblewrap")
    till.plan(
        story(
            "US-001",
            passes=True,
            verify=f"test ! -e {till.folder}/untracked && test ! -e {till.folder.parent}/beside",
        )
    )
    till.commit()
    till.write("untracked", "")
    till.write("../beside", "")
    assert till.nightlatch("verify").code == 0


def test_where_ids_name_no_files_the_whole_suite_speaks_for_a_landing() -> None:
    suite = SuiteResult(answer=CheckStatus.GREEN, ids={"example.com/till::TestNew": Result.PASSED})
    assert by_tests(FEATURE, {"new_test.go"}, suite, {"new_test.go"}).answer is CheckStatus.GREEN
    assert by_tests(
        FEATURE, {"a.py"}, SuiteResult(answer=CheckStatus.RED, by_id=False), {"a.py"}
    ).failed


def test_good_work_in_the_checkout_is_accepted_and_nothing_is_written(till: Project) -> None:
    till.write("till.py", "old = True\nnew = True\n")
    till.write("test_new.py", TEST.format(name="new"))
    before = till.git("status", "--porcelain"), till.git("rev-parse", "HEAD")
    told = till.nightlatch("check", "--feature", "US-005", "--json")
    assert told.code == 0
    assert [told.at(key) for key in ("schema", "verdict", "safe", "proved", "reasons")] == [
        "nightlatch/check/1",
        "accept",
        True,
        True,
        [],
    ]
    assert (till.git("status", "--porcelain"), till.git("rev-parse", "HEAD")) == before
    assert till.nightlatch("check").out.startswith(
        "accept: safe, nothing shows whether it is proved; tests 2 pass, 0 fail"
    )


def test_a_deleted_test_is_rejected_by_its_rule(till: Project) -> None:
    (till.folder / "test_old.py").unlink()
    told = till.nightlatch("check")
    assert told.code == 1
    wanted = (
        "reject ratchet.test-removed",
        "       tests that passed at the base are gone: 1",
        "         test_old.py::old::test_old",
        "",
    )
    assert "\n".join(wanted) in told.out


def test_a_change_of_what_checks_is_held_where_a_person_may_have_meant_it(till: Project) -> None:
    till.write("checks/20-more", "#!/bin/sh\n")
    till.write(".github/workflows/tests.yml", "on: push\n")
    told = till.nightlatch("check", "--json")
    assert (told.code, told.at("verdict"), told.at("reasons", 0, "rule")) == (
        0,
        "hold",
        "ratchet.protected-path",
    )
    assert told.at("reasons", 0, "detail") == [".github/workflows/tests.yml", "checks/20-more"]
    till.commit(
        "meant\n\nNightlatch-Approved: ratchet.protected-path .github/workflows/tests.yml,"
        " checks/20-more"
    )
    assert till.nightlatch("check", "HEAD", "--json").at("verdict") == "accept"


def test_a_verdict_is_read_at_80_columns_with_what_it_cost(till: Project) -> None:
    till.write("test_old.py", TEST.format(name="old") + "    def test_more(self): pass\n")
    out = till.nightlatch("check").out
    assert max(map(len, out.splitlines())) <= 80
    assert " run" in out.splitlines()[-1]


def test_a_commit_is_judged_against_its_first_parent(till: Project) -> None:
    landed(till, "US-005", till="old = True\nnew = True\n", test_new=TEST.format(name="new"))
    till.write("till.py", "old = False\n")
    till.commit("later")
    told = till.nightlatch("check", "HEAD~", "--json")
    assert [told.at(key) for key in ("verdict", "feature", "proved")] == ["accept", "US-005", True]
    later = till.nightlatch("check", "HEAD", "--json")
    assert [later.at(key) for key in ("verdict", "feature", "proved")] == ["reject", None, None]


def test_work_whose_verify_is_red_is_rejected(till: Project) -> None:
    till.plan(story("US-001", verify="test -f one"))
    till.commit()
    till.write("two", "2")
    told = till.nightlatch("check", "--feature", "US-001", "--json")
    assert (told.code, told.at("verdict"), told.at("proved"), told.at("reasons", 0, "rule")) == (
        1,
        "reject",
        False,
        "verify.red",
    )


def test_the_brief_tells_the_feature_the_answer_and_what_was_tried(till: Project) -> None:
    before = till.nightlatch("brief", "US-005").out
    till.record(
        [
            till.session(
                "US-005",
                "rejected",
                "tests are gone: t.py::a",
                rule="ratchet.test-removed",
                number=1,
            ),
            till.session("US-005", "blocked", "asks Which?", number=2),
        ]
    )
    shown = till.nightlatch("brief", "US-005").out
    assert "The story US-005" in shown
    assert "tests are gone: t.py::a" in shown
    objective = [line for line in shown.splitlines() if line.startswith("objective ")]
    assert len(objective) == 1
    assert objective[0] in before


def test_the_brief_explains_its_parts_and_stays_within_its_bytes(till: Project) -> None:
    explained = till.nightlatch("brief", "US-005", "--explain").out
    assert "objective     what the plan says, byte for byte" in explained
    assert explained.splitlines()[-1].endswith(" of 24000 bytes")
    told = till.nightlatch("brief", "US-005", "--json")
    assert told.at("schema") == "nightlatch/brief/1"
    assert json.loads(told.out)["text"] == till.nightlatch("brief", "US-005").out


def test_sync_brings_what_it_can_and_names_what_stays(till: Project) -> None:
    start = till.git("rev-parse", "HEAD")
    till.write("till.py", "newer = True\n")
    till.commit("further", other="1")
    tip = till.git("rev-parse", "HEAD")
    till.git("reset", "-q", "--hard", start)
    till.write("till.py", "mine = True\n")
    till.git("update-ref", "refs/heads/main", tip)
    till.git("update-ref", "refs/nightlatch/checkout", f"{start}^{{tree}}")
    assert till.nightlatch("status", "--json").at("behind") is True
    assert "your checkout is behind: nightlatch sync\n" in till.nightlatch("status").out
    told = till.nightlatch("sync").out
    assert told.startswith("your edit and what landed change the same lines: till.py\n")
    assert (till.folder / "other").read_text() == "1"
    assert "<<<<<<< landed\nnewer = True\n" in (till.folder / "till.py").read_text()
    till.git("checkout", "-q", "--theirs", "till.py")
    assert (till.folder / "till.py").read_text() == "mine = True\n"
    till.git("checkout", "-q", "HEAD", "--", "till.py")
    assert till.nightlatch("sync").out == f"your checkout is at the tip of main, {tip[:9]}\n"
    assert (till.folder / "till.py").read_text() == "newer = True\n"
    assert till.git("status", "--porcelain") == ""
    assert till.nightlatch("status", "--json").at("behind") is False
