"""`run --dry-run`: what would happen and why, with nothing started or written."""

from datetime import UTC, datetime

import pytest

from nightlatch.journal import inbox_io
from nightlatch.project.project import find_project
from tests.io.cli.cli_project import Project, story

AGENT = 'agent = ["mine"]\n[agents.mine]\ncommand = ["true"]\n[limits]\ndisk = "1kB"\n'
END = (
    "agent        mine\nlimits       100 sessions, 3 tries a feature, 45 minutes a session\nnothing"
    " was started or written\n"
)


@pytest.fixture
def planned(project: Project) -> Project:
    project.write("loop.toml", AGENT)
    project.plan(
        story("US-001"),
        story("US-002", dependsOn=["US-001"]),
        story("US-003", hold=True),
        story("US-004", passes=True),
    )
    project.commit("ready")
    return project


def test_it_says_what_runs_first_and_by_which_rule_and_what_keeps_the_others(
    planned: Project,
) -> None:
    before = planned.files()
    told = planned.nightlatch("run", "--dry-run")
    assert told.out == (
        "would run    US-001 The story US-001: first in file order of 3 left\n"
        "then         US-002 The story US-002   waits for US-001\n"
        "passes over  US-003 The story US-003   is on hold in the plan\n" + END
    )
    assert (told.code, told.err, planned.files(), planned.git("status", "--porcelain")) == (
        0,
        "",
        before,
        "",
    )


def test_a_plan_that_cannot_be_read_ends_it_as_it_ends_a_run(planned: Project) -> None:
    planned.write("prd.json", "{")
    told, run = planned.nightlatch("run", "--dry-run"), planned.nightlatch("run")
    assert (told.code, told.out, told.err) == (2, "", run.err)


def test_it_says_what_was_asked_of_the_run(planned: Project) -> None:
    told = planned.nightlatch(
        "run", "--dry-run", "--feature", "US-001", "--until", "07:00", "--budget", "20", "--once"
    )
    assert told.out.splitlines() == [
        "would run    US-001 The story US-001: asked for by name",
        "agent        mine",
        (
            "limits       1 session, 3 tries a feature, 45 minutes a session, until 07:00, $20.00"
            " a run"
        ),
        "nothing was started or written",
    ]


def test_it_says_what_would_stop_the_run_and_its_fix(planned: Project) -> None:
    planned.write("checks/20-lint", "")
    planned.git("checkout", "-q", "--detach")
    planned.monkeypatch.setenv("NIGHTLATCH_AGENT", "claude")
    planned.monkeypatch.setenv("PATH", "/usr/bin:/bin")
    told = planned.nightlatch("run", "--dry-run").out
    assert (
        "would stop   HEAD is detached, so there is no branch to land on; fix: git switch main, or"
        " git switch -c night\n" in told
    )
    assert "would stop   not committed: checks/20-lint (" in told
    assert (
        "would stop   agent claude is not installed ('claude' not found); fix: install it, or"
        " choose another with --agent\n" in told
    )


@pytest.mark.parametrize(
    ("stories", "says"),
    [
        ([], "the plan has no features: add one to it (exit code 3)"),
        ([story("US-001", passes=True)], "every feature passes (exit code 0)"),
        (
            [story("US-001", hold=True)],
            "nothing left to run: US-001 is on hold in the plan (exit code 3)",
        ),
    ],
)
def test_it_says_why_a_run_would_end_at_once(
    planned: Project, stories: list[dict[str, object]], says: str
) -> None:
    planned.plan(*stories)
    planned.commit("another plan")
    assert planned.nightlatch("run", "--dry-run").out.splitlines()[0] == f"would stop   {says}"


def test_it_says_what_comes_before_the_first_session(planned: Project) -> None:
    planned.plan(story("US-001"), story("US-005"))
    inbox_io.leave(
        find_project(planned.folder), "done", "US-001", "", datetime(2026, 11, 20, tzinfo=UTC)
    )
    lines = planned.nightlatch("run", "--dry-run").out.splitlines()
    assert lines[:2] == [
        "first        your edits of prd.json become a commit of their own",
        "first        done US-001, as you decided",
    ]
