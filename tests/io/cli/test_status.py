"""`status`: what it says of every state a project can be in, and that it writes nothing."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightlatch.journal import events as journal
from nightlatch.record.progress import RunEnd, decision
from nightlatch.util import fs
from tests.io.cli.cli_project import HOLD, RUN, START, Project, story


def waiting_for_the_person(project: Project) -> None:
    """One feature of every kind of wait."""
    names = ("passes", "asks", "held", "unproved", "worn", "next", "behind", "skipped", "kept")
    more: dict[str, dict[str, object]] = {
        "passes": {"passes": True},
        "behind": {"dependsOn": ["next"]},
        "skipped": {"skip": True},
        "kept": {"hold": True},
    }
    project.plan(*({**story(name), **more.get(name, {})} for name in names))
    project.record(
        [
            project.session(
                "asks", "blocked", "asks Which library may I add?", number=1, rule="agent.question"
            ),
            project.session(
                "held",
                "held",
                "tests that pass and fail by chance: 1: t.py::t",
                number=2,
                rule="tests.unsteady",
            ),
            project.session("unproved", "unproved", "nothing proves it", number=3),
            *(project.session("worn", "rejected", number=n, rule="verify.red") for n in (4, 5, 6)),
        ]
    )


def test_each_kind_of_wait_is_told_with_the_command_that_ends_it(project: Project) -> None:
    waiting_for_the_person(project)
    assert (
        project.nightlatch("status").out
        == "plan    1 of 9 pass, 1 can run, 5 wait for you; prd.json\nrun     none is going\nbranch"
        "  main\nnext    next The story next\nleft    behind The story behind   waits for"
        " next\nleft    skipped The story skipped   is skipped\nleft    kept The story kept   is"
        " on hold in the plan\nDECIDE  asks The story asks asks: Which library may I add?  "
        ' nightlatch answer asks "..."   or   nightlatch skip asks\nDECIDE  held The story held'
        " is held: tests that pass and fail by chance: 1: t.py::t   nightlatch approve held   or"
        '   nightlatch refuse held "why"\nDECIDE  unproved The story unproved has landed'
        " unproved: nothing proves it   nightlatch approve unproved   or   nightlatch refuse"
        ' unproved "why"\nDECIDE  worn The story worn was rejected 3 times in a row by the same'
        " rule, verify.red   nightlatch retry worn   or   nightlatch skip worn\n"
    )


def test_a_feature_that_no_brief_can_hold_stops_no_other(project: Project) -> None:
    project.plan(
        story("US-001", description="é" * 12_000),
        story("US-002", description="e" * 12_000),
        story("US-003", hold=True),
    )
    project.commit()
    says = "is too long for a brief: split it, or move its detail to a file that it names"
    assert project.nightlatch("status").out.splitlines()[3:] == [
        f"left    US-001 The story US-001   {says}",
        "next    US-002 The story US-002",
        "left    US-003 The story US-003   is on hold in the plan",
    ]
    project.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "none")
    assert f"warn  US-001: {says}\n" in project.nightlatch("doctor").out
    assert (
        f"passes over  US-001 The story US-001   {says}\n"
        in project.nightlatch("run", "--dry-run").out
    )


def test_the_keys_that_others_rely_on(project: Project) -> None:
    waiting_for_the_person(project)
    told = project.nightlatch("status", "--json")
    assert told.at("schema") == "nightlatch/status/1"
    assert told.at("features") == {
        "total": 9,
        "passing": 1,
        "runnable": 1,
        "waiting": 5,
        "behind": 1,
        "skipped": 1,
    }
    assert (told.at("run"), told.at("branch")) == (None, "main")
    assert told.at("decide", 0, "command") == 'nightlatch answer asks "..."'


def test_a_number_is_that_of_the_last_runs_end_until_the_next(project: Project) -> None:
    project.plan(story("US-001"), story("US-002"), story("US-003"))
    sessions = [
        project.session(name, "held", "?", number=n)
        for n, name in enumerate(("US-001", "US-002", "US-003"))
    ]
    end = RunEnd(run=RUN, details=("DECIDE  1 US-001 is held", "DECIDE  2 US-002 is held"))
    project.record([*sessions, end, decision("approve", "", project.feature("US-001"), START)])
    lines = [
        line for line in project.nightlatch("status").out.splitlines() if line.startswith("DECIDE")
    ]
    assert [line.partition(" The ")[0] for line in lines] == ["DECIDE  2 US-002", "DECIDE  US-003"]
    assert all(f"approve US-00{n}   or   " in line for n, line in enumerate(lines, 2))
    assert "US-001" in project.nightlatch("approve", "1").out, "the feature that had that number"
    assert "US-002 The story US-002: approve is recorded" in project.nightlatch("approve", "2").out
    refused = project.nightlatch("approve", "3")
    assert (refused.code, "feature 3 not found" in refused.err) == (2, True)


def test_a_feature_held_by_command_is_given_free_with_retry(project: Project) -> None:
    project.plan(story("US-001"))
    project.commit()
    project.nightlatch("hold", "US-001", "not before the release")
    assert "decided US-001 hold: waits for the run\n" in project.nightlatch("status").out


def test_where_ids_are_numbers_decide_shows_no_others(project: Project) -> None:
    project.plan(story("1"), story("seven"), story("7"))
    project.record(
        [project.session(name, "held", "?", number=n) for n, name in enumerate(("7", "seven"))]
    )
    told = project.nightlatch("status").out
    assert "DECIDE  7 The story 7 is held: ?   nightlatch approve 7   or   " in told
    assert "DECIDE  seven The story seven is held: ?   nightlatch approve seven   or   " in told


@pytest.mark.parametrize("committed", [True, False])
def test_it_works_and_writes_nothing_without_commits_settings_or_a_tracked_plan(
    project: Project, committed: bool
) -> None:
    if not committed:
        project.git("update-ref", "-d", "HEAD")
    project.plan(story("US-001"), story("US-002", passes=True))
    before = project.git("for-each-ref"), project.files()
    told = project.nightlatch("status", "--json")
    assert told.at("features", "passing") == 1
    assert told.at("branch") == "main"
    assert (project.git("for-each-ref"), project.files()) == before


def test_no_plan_is_said_and_zero_features_are_not_all_done(project: Project) -> None:
    told = project.nightlatch("status")
    assert told.code == 0
    assert "plan    none here, so 0 features; nightlatch init writes one\n" in told.out
    assert project.nightlatch("status", "--json").at("features", "total") == 0
    project.plan()
    assert "plan    no features in prd.json: add one to it\n" in project.nightlatch("status").out


def test_a_detached_head_has_no_branch(project: Project) -> None:
    project.plan(story("US-001"))
    project.commit()
    project.git("checkout", "-q", "--detach")
    assert project.nightlatch("status", "--json").at("branch") is None
    assert "branch  detached HEAD\n" in project.nightlatch("status").out


def test_the_record_is_the_one_of_the_branch_that_the_plan_lands_on(project: Project) -> None:
    project.plan(story("US-001"), branchName="night")
    project.git("checkout", "-q", "-b", "night")
    project.record([project.session("US-001", "unproved")])
    project.git("checkout", "-q", "main")
    project.plan(story("US-001"), branchName="night")
    told = project.nightlatch("status").out
    assert "branch  main; the plan lands on night\n" in told
    assert "DECIDE  US-001" in told


def test_commits_not_pushed_are_counted(project: Project, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "hub")], check=True)
    project.git("push", "-q", "-u", str(tmp_path / "hub"), "main")
    project.git("remote", "add", "hub", str(tmp_path / "hub"))
    project.git("push", "-q", "-u", "hub", "main")
    assert project.nightlatch("status", "--json").at("unpushed") == 0
    project.commit("one more", a="a")
    assert "branch  main; 1 commits not pushed\n" in project.nightlatch("status").out


def went_on(project: Project, *events: dict[str, str]) -> None:
    """What a loop would have written into its journal."""
    lines = [
        journal.encode(fields["event"], datetime(2026, 11, 20, 23, 0, tzinfo=UTC), fields)
        for fields in events
    ]
    (project.folder / ".nightlatch").mkdir(exist_ok=True)
    fs.replace(project.folder / ".nightlatch/journal.jsonl", b"".join(lines) + b'{"torn')


def test_a_run_at_work_is_told_with_its_feature_and_since_when(project: Project) -> None:
    project.plan(story("US-001"))
    started = {
        "event": "session.started",
        "session": f"{RUN}-s01",
        "feature": "US-001",
        "agent": "claude",
    }
    went_on(
        project,
        {"event": "run.started", "run": RUN},
        started,
        {"event": "agent.started", "process": "1:2:3"},
    )
    lock = project.folder / ".nightlatch/lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        told, text = project.nightlatch("status", "--json"), project.nightlatch("status").out
        holder.terminate()
    assert told.at("run") == {
        "process": holder.pid,
        "since": "2026-11-20T23:00:00.000+00:00",
        "session": f"{RUN}-s01",
        "feature": "US-001",
        "agent": "claude",
    }
    assert f"run     works on US-001 since 2026-11-20T23:00Z (process {holder.pid})\n" in text


def test_a_run_that_was_killed_is_told_as_cut_off(project: Project) -> None:
    project.plan(story("US-001"))
    went_on(project, {"event": "session.started", "session": f"{RUN}-s01", "feature": "US-001"})
    (project.folder / ".nightlatch/lock").write_text("12345\n")
    told = project.nightlatch("status", "--json")
    assert (told.at("run"), told.at("cut_off", "feature")) == (None, "US-001")
    assert (
        "run     none is running; the last was cut off at US-001"
        in project.nightlatch("status").out
    )


def test_a_run_that_ended_is_no_longer_going(project: Project) -> None:
    project.plan(story("US-001"))
    went_on(
        project,
        {"event": "session.started", "feature": "US-001"},
        {"event": "session.ended"},
        {"event": "run.ended"},
    )
    assert "run     none is going\n" in project.nightlatch("status").out


def test_text_of_others_reaches_the_terminal_without_its_control_characters(
    project: Project,
) -> None:
    project.plan(story("US-001", "a\x1b[31mred"))
    project.record([project.session("US-001", "blocked", "asks \x1b]0;owned\x07?")])
    shown = project.nightlatch("status").out
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_a_broken_plan_is_an_error_with_its_place(project: Project) -> None:
    project.write("prd.json", '{"userStories": [}')
    told = project.nightlatch("status", "--json")
    assert told.code == 2
    assert json.loads(told.out)["place"] == "prd.json:1:18"


def test_who_only_looks_sees_the_plan_as_it_was_committed_while_an_edit_is_half_done(
    project: Project,
) -> None:
    project.plan(story("US-001"))
    project.record([project.session("US-001", "blocked", "asks which?")])
    project.write("prd.json", '{"userStories": [}')
    says = (
        "the plan cannot be read, and is shown as it was committed: prd.json:1:18: a value is"
        " expected here"
    )
    for name in ("status", "report", "log", "watch"):
        told, asked = project.nightlatch(name), project.nightlatch(name, "--json")
        assert (told.code, asked.code) == ((0, 0) if name == "watch" else (2, 2))
        assert says in told.out + told.err
        body = json.loads(asked.out.splitlines()[0] if name == "watch" else asked.out)
        assert says in (body["missing"] if name == "report" else [body["unread"]])
    assert "asks: which?   nightlatch answer US-001" in project.nightlatch("status").out
    assert project.nightlatch("log", "--json").at("sessions", 0, "feature") == "US-001"
    for name in ("brief", "hold"):
        assert project.nightlatch(name, "US-001").code == 2, (
            "who does something goes by what is there"
        )
    project.commit("broken", **{"prd.json": '{"userStories": ['})
    assert project.nightlatch("status").code == 2
