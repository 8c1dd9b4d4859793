"""What is held waits with one page about it, and a person's answer lands it, or sends it back
with their reason."""

import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nightlatch.journal import inbox_io
from nightlatch.project.project import find_project
from tests import PATIENCE
from tests.stories.sample_project import (
    TESTS,
    TILL,
    Project,
    Steps,
    feature,
    make_project,
    project_in,
    writes,
)

pytestmark = pytest.mark.sandbox
QUIET = '\n\ndef quiet():\n    return "pytest" in sys.modules\n'
WORK: Steps = [writes(1), {"write": "till.py", "text": f"import sys\n{TILL}{QUIET}"}]
RULE, NAME = "ratchet.knows-tests", "till.py: loaded test runners"
TAXED: Steps = [
    writes(1),
    {
        "write": "till.py",
        "text": TILL.replace("cents * count", "cents * count + cents * count // 20"),
    },
    {"write": "tests/test_till.py", "text": TESTS.replace("120", "126")},
]
MORE = """import unittest

import till


class More(unittest.TestCase):
    def test_small(self):
        self.assertFalse(hasattr(till, "quiet"))
"""


def held(folder: Path) -> Project:
    """A night that ended with a feature held, because its code looks at how it is tested."""
    shutil.copytree(night().name, folder, symlinks=True, dirs_exist_ok=True)
    return project_in(folder)


@cache
def night() -> TemporaryDirectory[str]:
    """That night, worked through once by every worker."""
    place = TemporaryDirectory()
    project = make_project(Path(place.name), [feature(1)])
    project.night([WORK], code=3)
    assert project.outcomes() == [("held", "US-001", RULE)]
    return place


def approved(project: Project) -> str:
    """What is said to an approval that is carried out at once."""
    return project.run("approve", "US-001", "--now").stderr


def test_what_is_held_is_shown_on_one_page_and_lands_by_approval_without_a_new_session(
    tmp_path: Path,
) -> None:
    project = held(tmp_path)
    entry, _, page = project.run("log", "US-001").stdout.partition("\n\n")
    assert "kept: +6 -0 in n1.txt, till.py" in entry
    assert f"## {RULE}\n" in page
    assert "    till.py (line 10): loaded test runners\n" in page
    assert '    +    return "pytest" in sys.modules\n' in page
    assert "n1.txt" not in page
    assert "what to look at: nightlatch log US-001" in project.run("status").stdout
    assert "US-001 approve: landed" in approved(project)
    assert project.passing() == ["US-001"]
    assert project.git("show", "HEAD:till.py").endswith(QUIET)
    assert project.outcomes() == [("held", "US-001", RULE), ("decision", "US-001", "")]
    assert f"\nNightlatch-Approved: {RULE} {NAME}\n" in project.git("log", "-1", "--format=%B")
    assert project.git("status", "--porcelain") == ""


def test_an_approval_is_remembered_by_every_later_look_at_the_range(tmp_path: Path) -> None:
    project = held(tmp_path)
    before = project.git("rev-parse", "HEAD").strip()
    approved(project)
    project.run("ratchet", f"{before}..HEAD")
    assert project.run("check", "HEAD", "--json").returncode == 0
    bare = project.git(
        "commit-tree", "HEAD^{tree}", "-p", before, "-m", "the same without a word"
    ).strip()
    assert RULE in project.run("ratchet", f"{before}..{bare}", code=3).stdout


def test_a_refusal_takes_its_reason_into_the_next_brief(tmp_path: Path) -> None:
    project = held(tmp_path)
    project.run("refuse", "US-001", "tax belongs to the receipt")
    project.night(
        [[{"run": "grep 'tax belongs' $NIGHTLATCH_BRIEF > seen.txt"}]], "--sessions", "1", code=None
    )
    assert "tax belongs to the receipt" in project.git(
        "show", "refs/nightlatch/work/US-001:seen.txt"
    )
    assert project.passing() == []


def test_two_approvals_at_once_land_it_once(tmp_path: Path) -> None:
    project = held(tmp_path)
    both = [project.start("approve", "US-001", "--now") for _ in range(2)]
    told = [(process.communicate(timeout=PATIENCE), process.returncode) for process in both]
    assert {code for _, code in told} <= {0, 2, 75}, told
    project.night([[]], code=None)
    assert project.passing() == ["US-001"]
    assert [subject for subject in project.subjects() if "(approved)" in subject] == [
        "US-001 Number 1 (approved)"
    ]
    assert len(project.landings()) == 1


def test_an_approval_holds_on_a_branch_that_moved_elsewhere(tmp_path: Path) -> None:
    project = held(tmp_path)
    project.write("mine.txt", "mine\n")
    project.write("till.py", TILL.replace("cents, count", "cents, count=1"))
    project.commit("mine")
    assert "US-001 approve: landed" in approved(project)
    assert (
        project.git("show", "HEAD:till.py")
        == "import sys\n" + TILL.replace("cents, count", "cents, count=1") + QUIET
    )
    assert "mine.txt" in project.git("ls-tree", "--name-only", "HEAD")


def test_an_approval_that_meets_a_conflict_sends_the_merge_to_the_next_session(
    tmp_path: Path,
) -> None:
    project = held(tmp_path)
    project.write("till.py", f"{TILL}\n\n# the end\n")
    project.commit("mine")
    assert "does not land, the branch changed the same lines (till.py)" in approved(project)
    assert project.passing() == []
    look = (
        "grep -c '<<<<<<<' till.py > marks.txt; grep -o 'same lines (till.py)' $NIGHTLATCH_BRIEF |"
        " head -n 1 > seen.txt"
    )
    project.night([[{"run": look}]], "--sessions", "1", code=None)
    assert project.git("show", "refs/nightlatch/work/US-001:marks.txt") == "1\n"
    assert project.git("show", "refs/nightlatch/work/US-001:seen.txt") == "same lines (till.py)\n"


def test_an_approval_on_a_branch_where_the_work_fails_lands_nothing_and_says_why(
    tmp_path: Path,
) -> None:
    project = held(tmp_path)
    project.write("tests/test_more.py", MORE)
    project.commit("the till is not to grow")
    said = approved(project)
    assert (
        "does not land, on the branch as it is now: tests that passed at the base fail now: 1:"
        " tests/test_more.py::More" in said
    )
    assert project.passing() == []
    assert project.git("show", "HEAD:till.py") == TILL


def test_what_is_held_for_another_reason_meanwhile_waits_for_another_answer(tmp_path: Path) -> None:
    project = held(tmp_path)
    project.write("n1.txt", "1\n")
    project.commit("half of it was needed at once")
    assert "held again on the branch as it is now: " in approved(project)
    assert project.passing() == []
    assert project.git("show", "HEAD:till.py") == TILL
    assert "DECIDE  1 US-001" in project.run("status").stdout
    assert "US-001 approve: landed" in approved(project)
    assert project.git("show", "HEAD:till.py").endswith(QUIET)


def test_an_approval_given_twice_does_not_cover_what_neither_had_seen(tmp_path: Path) -> None:
    project = held(tmp_path)
    project.write("n1.txt", "1\n")
    project.commit("half of it was needed at once")
    for _ in range(2):
        inbox_io.leave(find_project(project.folder), "approve", "US-001", "", datetime.now(UTC))
    assert "held again on the branch as it is now: " in approved(project)
    assert project.passing() == []
    assert "DECIDE  1 US-001" in project.run("status").stdout


def test_a_feature_that_names_what_it_supersedes_lands_by_itself(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, [feature(1, supersedes=["tests/test_till.py::Till::test_three_apples"])]
    )
    project.night([TAXED])
    assert project.outcomes() == [("landed", "US-001", "")]


def test_tests_that_changed_with_what_they_test_are_asked_about_by_id_and_then_land(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    before = project.git("rev-parse", "HEAD").strip()
    project.night([TAXED], code=3)
    rule, test = "ratchet.superseded-unnamed", "tests/test_till.py::Till::test_three_apples"
    assert project.outcomes() == [("held", "US-001", rule)]
    page = project.run("log", "US-001").stdout
    assert f"## {rule}\n" in page
    assert (
        "    -        self.assertEqual(price(40, 3), 120)\n    +        self.assertEqual(price(40,"
        " 3), 126)\n" in page
    )
    assert "US-001 approve: landed" in approved(project)
    assert f"\nNightlatch-Approved: {rule} {test}\n" in project.git("log", "-1", "--format=%B")
    project.run("ratchet", f"{before}..HEAD")
