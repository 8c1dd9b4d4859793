"""Every decision lands, refuses and answers exactly once, also given twice or from two places,
with a run at work and without."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightlatch.journal import file_io, inbox_io
from nightlatch.plan import file
from nightlatch.project.project import find_project
from nightlatch.record.progress import Entry, RunStart, render
from tests import PATIENCE
from tests.stories.sample_project import Project, feature, make_project, writes
from tests.stories.test_person_edits import events, village

AT = datetime(2026, 11, 20, 22, 1, tzinfo=UTC)
pytestmark = pytest.mark.sandbox
WAITS = "while ! test -e go; do sleep 0.02; done; rm go"
HONEST = f'{WAITS}\nn=${{NIGHTLATCH_FEATURE#US-}}\nexpr $n + 0 > "n$(expr $n + 0).txt"\n'
SAYS = {
    "US-001": ("answer", "ReportLab"),
    "US-002": ("approve", ""),
    "US-003": ("refuse", "tax is missing"),
    "US-004": ("revert", ""),
    "US-005": ("done", ""),
    "US-006": ("retry", "--fresh"),
    "US-007": ("hold", "not before the release"),
    "US-008": ("skip", ""),
}
RUN = "r-20261120-220100"
STANDS = (
    ("US-001", "blocked", ("asks Which library?",)),
    ("US-002", "unproved", ()),
    ("US-003", "unproved", ()),
    ("US-004", "landed", ()),
    ("US-005", "rejected", ()),
    ("US-006", "rejected", ()),
)


def asked(folder: Path) -> Project:
    """After a night that left a feature for every kind of decision, as the branch tells of it."""
    more: dict[int, dict[str, object]] = {
        4: {"passes": True},
        7: {"dependsOn": ["US-001"]},
        8: {"dependsOn": ["US-001"]},
    }
    stories = [feature(n, **more.get(n, {})) for n in range(1, 9)]
    project = make_project(
        folder, stories, settings='agent = ["scripted"]\n[limits]\nattempts = 1\n'
    )
    plan, told = file.read((project.folder / "prd.json").read_bytes(), "prd.json"), []
    for name, word, details in STANDS:
        known = plan.feature(name)
        assert known
        if word in ("landed", "unproved"):
            project.write(f"n{name[-1]}.txt", f"{name[-1]}\n")
            project.commit(f"{name} {known.title}\n\nNightlatch-Session: {RUN}-{name}")
        last = f"session {RUN}-{name}  digest {known.digest}"
        told.append(
            Entry(at=AT, word=word, feature=name, title=known.title, details=(*details, last))
        )
    project.write("progress.txt", render((RunStart(run=RUN), *told)))
    project.commit("progress")
    return project


def decided(project: Project) -> dict[str, list[str]]:
    """What progress.txt has under each feature as decisions."""
    told: dict[str, list[str]] = {}
    for entry in project.entries():
        if entry.word == "decision":
            told.setdefault(entry.feature, []).append(entry.title)
    return told


def twice(project: Project) -> None:
    """Every decision by command, and at the same moment from another place."""
    house = find_project(project.folder)
    for name, (verb, text) in SAYS.items():
        inbox_io.leave(house, verb, name, text, datetime.now(UTC))
    commands = [[verb, name, *([text] if text else [])] for name, (verb, text) in SAYS.items()]
    both = [project.start(*args) for args in commands[:3]]
    told = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0] * len(both), told


def once(project: Project) -> None:
    """What must be so after all of them."""
    said = {
        name: [f"{verb} {json.dumps(text)}" if text else verb]
        for name, (verb, text) in SAYS.items()
    }
    assert decided(project) == said
    assert {"US-002", "US-005"} <= set(project.passing())
    assert not {"US-001", "US-003", "US-004", "US-006"} & set(project.passing())
    assert not (project.folder / "n3.txt").exists()
    assert not (project.folder / "n4.txt").exists()
    assert sum(subject.startswith('Revert "') for subject in project.subjects()) == 2
    assert not list((project.folder / ".nightlatch/inbox").glob("*.json"))
    assert project.git("status", "--porcelain") == ""


def test_while_no_run_is_at_work_each_is_carried_out_once_and_told_to_the_next_session(
    tmp_path: Path,
) -> None:
    project = asked(tmp_path)
    twice(project)
    project.run("skip", "US-008", "--now")
    once(project)
    assert "\nReportLab\n" in project.run("brief", "US-001").stdout
    assert "- tax is missing" in project.run("brief", "US-003").stdout
    assert "the person said retry: --fresh" in project.run("brief", "US-006").stdout


def test_while_a_run_is_at_work_it_carries_each_out_once_before_its_next_session(
    tmp_path: Path,
) -> None:
    project = asked(tmp_path)
    plan = json.loads((project.folder / "prd.json").read_text())
    plan["userStories"].append(feature(9))
    project.write("prd.json", json.dumps(plan, indent=2) + "\n")
    script = project.script({"US-009": [[{"run": WAITS}, writes(9)]]})
    running = project.start("run", "--sessions", "1", env={"NIGHTLATCH_SCRIPT": str(script)})
    for event in events(project, running):
        if event == "agent.started":
            twice(project)
            go(project)
    running.communicate()
    once(project)
    assert "US-009" in project.passing()


def test_two_places_carry_out_at_once_and_both_are_answered(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1, verify=[]), feature(2)])
    project.night([[writes(1)]], "--sessions", "1", code=0)
    both = [project.start("approve", "US-001", "--now"), project.start("skip", "US-002", "--now")]
    told = [(*process.communicate(), process.returncode) for process in both]
    assert [code for *_, code in told] == [0, 0], told
    assert all("is carried out" in out for out, *_ in told), told
    assert decided(project) == {"US-001": ["approve"], "US-002": ["skip"]}


def test_of_an_answer_by_command_and_one_in_the_plan_the_later_counts_and_none_answers_twice(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    asks = [[{"ask": "Which?"}]] * 2
    project.night(asks, code=3)
    project.run("answer", "US-001", "A by command")
    in_the_plan(project, "B in the plan")
    project.night(asks, "--sessions", "1")
    assert decided(project)["US-001"] == ['answer "A by command"', 'answer "B in the plan"']
    assert "B in the plan" in brief_of_the_last_session(project)
    project.night(asks, code=3)
    in_the_plan(project, "C in the plan")
    project.run("answer", "US-001", "D by command", "--now")
    project.night([[writes(1)]])
    assert decided(project)["US-001"][2:] == ['answer "C in the plan"', 'answer "D by command"']
    assert "D by command" in brief_of_the_last_session(project)


def in_the_plan(project: Project, answer: str) -> None:
    plan = json.loads((project.folder / "prd.json").read_text())
    plan["userStories"][0]["answer"] = answer
    project.write("prd.json", json.dumps(plan, indent=2) + "\n")


def brief_of_the_last_session(project: Project) -> str:
    return max(
        (project.folder / ".nightlatch/sessions").glob("*/brief.md"),
        key=lambda path: path.stat().st_mtime_ns,
    ).read_text()


def go(project: Project) -> None:
    """Let the agent that waits for it go on."""
    told = [
        event
        for event in file_io.read(project.folder / ".nightlatch/journal.jsonl")
        if event and event["event"] == "session.started"
    ]
    (Path(str(told[-1]["folder"])) / "tree/go").touch()


def said(running: subprocess.Popen[str], words: str) -> str:
    """The next line of the run that has these words."""
    assert running.stderr
    lines: list[str] = []
    for line in running.stderr:
        lines.append(line)
        if words in line:
            return line
    raise AssertionError("".join(lines))


def test_pause_resume_and_stop_each_work_once_and_the_session_at_work_lands(tmp_path: Path) -> None:
    project = village(tmp_path, 3, HONEST)
    running = project.start("run")
    said(running, " session ")
    first = [project.run("pause").stdout for _ in range(2)]
    assert first == [f"the run (process {running.pid}) pauses after its session on US-001\n"] * 2
    go(project)
    assert said(running, " waiting ").endswith(
        "paused: no new session starts; go on: nightlatch resume\n"
    )
    assert project.passing() == ["US-001"]
    assert (
        project.run("pause").stdout
        == f"the run (process {running.pid}) pauses now: it is between two sessions\n"
    )
    assert "paused" in project.run("status").stdout
    assert project.run("resume").stdout == f"the run (process {running.pid}) goes on\n"
    said(running, " session ")
    assert "stops after its session on US-002" in project.run("stop").stdout
    assert "already stops after this session" in project.run("pause").stdout
    assert "stops after its session on US-002" in project.run("stop").stdout
    go(project)
    out, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0
    assert "stop    stopped between two sessions, as you asked by nightlatch stop\n" in out
    assert project.passing() == ["US-001", "US-002"]
    for name in ("pause", "stop"):
        assert (
            f"no run is going here, so there is nothing to {name}"
            in project.run(name, code=2).stderr
        )


def test_a_run_that_stays_takes_approvals_and_new_features_until_it_is_stopped(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1, verify=[])])
    script = {"US-001": [[writes(1)]], "US-002": [[writes(2)]]}
    running = project.start(
        "run",
        "--agent",
        "scripted",
        "--stay",
        env={"NIGHTLATCH_SCRIPT": str(project.script(script))},
    )
    assert "US-001 has landed unproved" in said(running, " waiting ")
    assert "the running loop carries it out" in project.run("approve", "US-001").stdout
    assert "every feature passes; waiting for answers" in said(running, " waiting ")
    plan = json.loads((project.folder / "prd.json").read_text())
    plan["userStories"].append(feature(2))
    project.write("prd.json", json.dumps(plan, indent=2) + "\n")
    said(running, " landed ")
    project.run("stop")
    out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, out + err
    assert project.passing() == ["US-001", "US-002"]
    assert [entry.word for entry in project.entries()] == ["unproved", "decision", "landed"]
