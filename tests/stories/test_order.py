"""Which feature is next, and what its verify must have said before any agent is paid for it."""

from pathlib import Path

import pytest

from tests.stories.fixtures import HONEST, agents_started, assert_morning, plant
from tests.stories.sample_project import feature

pytestmark = pytest.mark.sandbox


def test_dependencies_come_first_then_priority_then_file_order(tmp_path: Path) -> None:
    stories = [
        feature(4),
        feature(1, dependsOn=["US-003"]),
        feature(3),
        feature(2, priority=4),
        feature(5),
    ]
    del stories[4]["priority"]
    project = plant(tmp_path, {}, stories)
    project.run("init", "--commit")
    done = project.run("run")
    order = ["US-003", "US-001", "US-004", "US-002", "US-005"]
    assert_morning(
        project,
        [("landed", name, "") for name in order],
        passing=["US-004", "US-001", "US-003", "US-002", "US-005"],
    )
    assert (
        "US-003 Number 3: first by priority of 5 left, passing over US-001 (behind)" in done.stderr
    )


def test_an_unproved_dependency_lets_the_others_go_on_and_a_blocked_one_does_not(
    tmp_path: Path,
) -> None:
    stories = [
        feature(1, verify=[]),
        feature(2, dependsOn=["US-001"]),
        feature(3),
        feature(4, dependsOn=["US-003"]),
    ]
    asks = (
        'if test $NIGHTLATCH_FEATURE = US-003; then echo "Which one?" > $NIGHTLATCH_OUT/blocked.md;'
        " exit; fi"
    )
    project = plant(tmp_path, {}, stories, agent=f"{asks}\n{HONEST}")
    project.run("init", "--commit")
    done = project.run("run", code=3)
    told = [
        ("unproved", "US-001", ""),
        ("landed", "US-002", ""),
        ("blocked", "US-003", "agent.question"),
    ]
    assert_morning(project, told, passing=["US-002"])
    assert agents_started(project) == 3
    assert "Which one?" in done.stdout
    status = project.run("status", "--json", code=None).stdout
    assert '"passing": 1' in status
    assert '"waiting": 2' in status


def test_a_verify_that_is_green_when_first_seen_is_held_before_any_agent_is_paid_for(
    tmp_path: Path,
) -> None:
    project = plant(tmp_path, {"n1.txt": "1\n"}, [feature(1), feature(2)])
    project.run("init", "--commit")
    done = project.run("run", code=3)
    assert_morning(
        project,
        [("held", "US-001", "verify.already-green"), ("landed", "US-002", "")],
        passing=["US-002"],
    )
    assert agents_started(project) == 1
    assert "the feature's verify command passes before any work" in project.git(
        "show", "HEAD:progress.txt"
    )
    assert "python loop.py done US-001   or   python loop.py hold US-001\n" in done.stdout
    assert "done is recorded" in project.run("approve", "US-001").stdout
    project.run("done", "1", "--now")
    project.run("run")
    assert agents_started(project) == 1


def test_a_verify_that_other_work_of_the_night_turned_green_is_proved_without_an_agent(
    tmp_path: Path,
) -> None:
    project = plant(
        tmp_path, {}, [feature(1), feature(2)], agent="echo 1 > n1.txt; echo 2 > n2.txt"
    )
    project.run("init", "--commit")
    project.run("run")
    assert_morning(
        project, [("landed", "US-001", ""), ("landed", "US-002", "")], passing=["US-001", "US-002"]
    )
    assert agents_started(project) == 1


TAX = r"""
mkdir -p tests
printf 'def gross(net):\n    return net * 120 // 100\n' > tax.py
printf 'import unittest\n\nfrom tax import gross\n\n\nclass Tax(unittest.TestCase):\n' > tests/test_tax.py
printf '    def test_gross(self):\n        self.assertEqual(gross(100), 120)\n' >> tests/test_tax.py
printf '#!/bin/sh\npython3 -m unittest tests.test_tax\n' > tests/tax.sh
chmod +x tests/tax.sh
"""


@pytest.mark.parametrize(
    "verify", ["python3 -m unittest tests/test_tax.py", "./tests/tax.sh", "sh tests/tax.sh"]
)
def test_a_verify_whose_test_file_is_missing_is_red_and_the_test_that_the_agent_writes_proves(
    tmp_path: Path, verify: str
) -> None:
    project = plant(tmp_path, {"tests/__init__.py": ""}, [feature(1, verify=verify)], agent=TAX)
    project.run("init", "--commit")
    project.run("run")
    assert_morning(project, [("landed", "US-001", "")], passing=["US-001"])
    assert "Nightlatch-Verify: red->green" in project.git("log", "-1", "--skip=1", "--format=%b")


@pytest.mark.parametrize(
    ("verify", "says"),
    [
        ("no-such-program --check", "not found"),
        ("./data.txt", "Permission denied"),
        ("kill -9 $$", "signal 9"),
        ("exec sleep 1000", "timed out"),
    ],
)
def test_a_verify_that_cannot_be_run_is_a_fault_and_neither_red_nor_green(
    tmp_path: Path, verify: str, says: str
) -> None:
    check = "5s" if says == "timed out" else "30m"
    settings = (
        'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\n'
        f'[limits]\ncheck = "{check}"\nfaults = 2\n'
    )
    project = plant(tmp_path, {"data.txt": "1\n"}, [feature(1, verify=verify)], settings=settings)
    project.run("init", "--commit")
    project.run("run", code=4)
    assert_morning(project, [("failed", "US-001", "verify.fault")] * 2, passing=[])
    assert agents_started(project) == 0
    assert says in project.git("show", "HEAD:progress.txt")
