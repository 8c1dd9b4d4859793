"""The base as it is when the night begins: flaky, empty, red, or not to be run at all."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.stories.fixtures import HONEST, MINE, agents_started, assert_morning, plant
from tests.stories.sample_project import TESTS, TILL, Project, feature

SHOP = {"till.py": TILL, "tests/__init__.py": "", "tests/test_till.py": TESTS}
OWN_SUITE = '[checks]\ntests = "sh suite.sh"\n'
SUITE = "import unittest\n\n\nclass Suite(unittest.TestCase):\n"
BREAKS = "printf 'def price(cents, count):\\n    return 0\\n' > till.py"


def village(
    folder: Path,
    files: Mapping[str, str],
    stories: list[dict[str, object]],
    *,
    agent: str = HONEST,
    more: str = "",
) -> Project:
    project = plant(folder, {**SHOP, **files}, stories, agent=agent, settings=MINE + more)
    project.run("init", "--commit")
    return project


def suite(names: Mapping[str, str]) -> str:
    """A test file with one test for each name, and what stands in it."""
    return SUITE + "".join(
        f"    def test_{name}(self):\n        {body}\n\n" for name, body in names.items()
    )


def failing(count: int, first: int = 0) -> str:
    return suite(
        {
            f"old_{n}": f"import os; self.assertTrue(os.path.exists('old_{n}'))"
            for n in range(first, first + count)
        }
    )


def every_third_time(counts: Path) -> str:
    """Three tests of which every run fails one, in turn: they count their runs in a folder
    outside, as no sandbox would let them."""
    body = (
        "import os; n = len(os.listdir('{0}')); open(f'{0}/{{n}}', 'w').close();"
        " self.assertNotEqual(n % 3, {1})"
    )
    for n in range(3):
        (counts / str(n)).mkdir(parents=True)
    return suite(
        {
            f"flaky_{n}": body.format(counts / str(n), n).replace("{{", "{").replace("}}", "}")
            for n in range(3)
        }
    )


def test_three_flaky_tests_of_the_base_refuse_no_honest_work_and_excuse_no_broken_test(
    tmp_path: Path,
) -> None:
    files = {"tests/test_flaky.py": every_third_time(tmp_path / "counts")}
    agent = f"if mkdir {tmp_path}/broke; then {BREAKS}; else git checkout -q till.py; fi\n{HONEST}"
    project = village(
        tmp_path,
        files,
        [feature(1), feature(2)],
        agent=agent,
        more='[workspace]\nsandbox = "none"\n',
    )
    project.run("run")
    # which of them a run happens to meet is chance
    seen = [entry.rule for entry in project.entries() if entry.word == "landed"]
    assert set(seen) <= {"tests.flaky", ""}
    found = [entry.title for entry in project.entries() if entry.word == "finding"]
    assert len({*found}) == len(found) >= bool(any(seen))
    assert all("test_flaky" in title and title.startswith("open ") for title in found)
    told = [
        ("rejected", "US-001", "ratchet.test-failed"),
        *(("landed", f"US-00{n}", rule) for n, rule in enumerate(seen, 1)),
    ]
    assert_morning(project, told, passing=["US-001", "US-002"])
    refused = next(entry for entry in project.entries() if entry.word == "rejected")
    assert (
        refused.details[0]
        == "tests that passed at the base fail now: 1: tests/test_till.py::Till::test_three_apples"
    )


@pytest.mark.sandbox
def test_a_project_without_any_test_is_not_red_and_its_first_test_proves(tmp_path: Path) -> None:
    first = (
        "mkdir tests; printf 'import unittest\\nfrom n2 import N\\n\\n\\nclass"
        " New(unittest.TestCase):\\n    def test_n(self):\\n"
    )
    second = f"echo 'N = 2' > n2.py; {first}        self.assertEqual(N, 2)\\n' > tests/test_n.py"
    agent = f"case $NIGHTLATCH_FEATURE in US-002) {second};; *) {HONEST};; esac"
    project = plant(
        tmp_path,
        {"readme": "a shop\n"},
        [feature(1), feature(2, verify=[]), feature(3)],
        agent=agent,
    )
    assert "no test runner" in project.run("init", "--commit").stdout
    project.run("run")
    assert_morning(
        project,
        [("landed", f"US-00{n}", "") for n in (1, 2, 3)],
        passing=["US-001", "US-002", "US-003"],
    )
    assert "Nightlatch-Tests: 1 pass" in project.git("log", "-1", "--format=%b", ":/^US-003")


@pytest.mark.sandbox
@pytest.mark.usefixtures("python_with_pytest")
def test_a_pytest_suite_that_collects_nothing_is_empty_and_not_red(tmp_path: Path) -> None:
    project = plant(tmp_path, {"pytest.ini": "[pytest]\n", "tests/conftest.py": ""}, [feature(1)])
    project.run("init", "--commit")
    project.run("run")
    assert_morning(project, [("landed", "US-001", "")], passing=["US-001"])


@pytest.mark.sandbox
def test_six_known_failures_stop_the_night_until_accepted_and_then_only_shrink(
    tmp_path: Path,
) -> None:
    agent = f"""{HONEST}
case $NIGHTLATCH_FEATURE in
US-001) touch old_0;;
US-002) sed -i "s/assertEqual(price(40, 3), 120)/fail('too')/" tests/test_till.py;;
esac"""
    more = "[limits]\nattempts = 1\n"
    project = village(
        tmp_path,
        {"tests/test_old.py": failing(6)},
        [feature(1), feature(2), feature(3)],
        agent=agent,
        more=more,
    )
    before = project.git("rev-parse", "HEAD")
    red = project.run("run", code=5)
    assert "the branch itself is red" in red.stderr
    assert "test_old_0" in red.stderr
    assert "--accept-red" in red.stderr
    assert agents_started(project) == 0
    assert project.git("rev-parse", "HEAD") == before
    assert project.git("status", "--porcelain") == ""
    project.run("run", "--accept-red", "--sessions", "1")
    assert_morning(project, [("landed", "US-001", "")], passing=["US-001"])
    project.run("run", code=3)
    told = [
        ("landed", "US-001", ""),
        ("rejected", "US-002", "ratchet.test-failed"),
        ("landed", "US-003", ""),
    ]
    assert_morning(project, told, passing=["US-001", "US-003"])
    assert "Nightlatch-Tests: 2 pass, 5 fail" in project.git(
        "log", "-1", "--format=%b", ":/^US-003"
    )


@pytest.mark.sandbox
def test_five_known_failures_are_tolerated_by_id_and_a_sixth_is_refused(tmp_path: Path) -> None:
    agent = f'{HONEST}\necho "{failing(1, 9)}" > tests/test_new.py'
    project = village(
        tmp_path,
        {"tests/test_old.py": failing(5)},
        [feature(1)],
        agent=agent,
        more="[limits]\nattempts = 1\n",
    )
    project.run("run", code=3)
    assert_morning(project, [("rejected", "US-001", "tests.failed")], passing=[])
    assert "test_old_9" in project.git("show", "HEAD:progress.txt")


@pytest.mark.sandbox
def test_failures_that_the_features_are_about_do_not_make_the_branch_red(tmp_path: Path) -> None:
    wanted = suite({f"new_{n}": f"import made; self.assertIn({n}, made.DONE)" for n in range(8)})
    story = feature(1, verify="python3 -m unittest tests/test_made.py")
    project = village(
        tmp_path, {"tests/test_made.py": wanted}, [story], agent="echo 'DONE = range(8)' > made.py"
    )
    project.run("run")
    assert_morning(project, [("landed", "US-001", "")], passing=["US-001"])


@pytest.mark.sandbox
def test_a_red_suite_without_ids_stops_the_run_where_no_feature_could_turn_it_green(
    tmp_path: Path,
) -> None:
    project = village(
        tmp_path, {"suite.sh": "test -e green.txt\n"}, [feature(1, verify=[])], more=OWN_SUITE
    )
    done = project.run("run", code=5)
    assert "the branch itself is red: the tests" in done.stderr
    assert agents_started(project) == 0
    assert project.git("status", "--porcelain") == ""


@pytest.mark.sandbox
def test_a_red_suite_without_ids_is_worked_on_where_a_feature_could_turn_it_green(
    tmp_path: Path,
) -> None:
    stories = [feature(1, verify="sh suite.sh"), feature(2)]
    project = village(
        tmp_path,
        {"suite.sh": "test -e green.txt\n"},
        stories,
        agent=f"touch green.txt\n{HONEST}",
        more=OWN_SUITE,
    )
    project.run("run")
    assert_morning(
        project, [("landed", "US-001", ""), ("landed", "US-002", "")], passing=["US-001", "US-002"]
    )
    assert "Nightlatch-Tests: pass" in project.git("log", "-1", "--format=%b", ":/^US-001")


@pytest.mark.sandbox
def test_a_suite_without_ids_that_was_green_may_not_become_red(tmp_path: Path) -> None:
    more = f"{OWN_SUITE}[limits]\nattempts = 1\n"
    project = village(
        tmp_path,
        {"suite.sh": "test ! -e red.txt\n"},
        [feature(1)],
        agent=f"touch red.txt\n{HONEST}",
        more=more,
    )
    project.run("run", code=3)
    assert_morning(project, [("rejected", "US-001", "tests.failed")], passing=[])


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("body", "says"),
    [("sleep 1000", "timed out"), ("kill -9 $$", "signal 9"), ("no-such-program", "not found")],
)
def test_a_suite_that_cannot_be_run_is_a_fault_before_any_agent_is_paid_for(
    tmp_path: Path, body: str, says: str
) -> None:
    check = "5s" if says == "timed out" else "30m"
    more = f'[checks]\ntests = "{body}"\n[limits]\ncheck = "{check}"\n'
    project = village(tmp_path, {}, [feature(1)], more=more)
    done = project.run("run", code=4)
    assert "could not be run at the base" in done.stderr
    assert says in done.stderr
    assert agents_started(project) == 0
    assert project.git("status", "--porcelain") == ""


@pytest.mark.sandbox
def test_a_check_that_is_red_at_the_base_stops_a_run_that_will_not_turn_it_green(
    tmp_path: Path,
) -> None:
    project = village(tmp_path, {}, [feature(1, verify=[])])
    project.write("checks/20-ours", "#!/bin/sh\necho no licence; exit 1\n", mode=0o755)
    project.commit("our check")
    done = project.run("run", code=5)
    assert "the branch itself is red: checks/20-ours" in done.stderr
    assert agents_started(project) == 0
    assert project.git("status", "--porcelain") == ""
