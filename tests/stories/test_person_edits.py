"""A person who edits the plan, commits and changes their mind while the loop runs loses nothing."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightlatch.journal import file_io
from tests.stories.sample_project import Project, feature, make_project, writes

pytestmark = pytest.mark.sandbox
SESSIONS, EDITS = (4, 50) if os.environ.get("NIGHTLATCH_FULL") else (2, 20)
HONEST = 'n=${NIGHTLATCH_FEATURE#US-}\nexpr $n + 0 > "n$(expr $n + 0).txt"\n'
SETTINGS = 'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\n'


def village(folder: Path, features: int, script: str = HONEST) -> Project:
    stories = [feature(n) for n in range(1, features + 1)]
    project = make_project(
        folder, stories, settings=SETTINGS, files={"agent.sh": f"#!/bin/sh\n{script}"}
    )
    (project.folder / "agent.sh").chmod(0o755)
    project.commit("the agent may run")
    return project


def events(project: Project, running: subprocess.Popen[str]) -> Iterator[str]:
    """The names of the journal's events as they come, until the run is over."""
    path, seen = project.folder / ".nightlatch/journal.jsonl", 0
    while True:
        over = has_ended(running, 0.02)
        told = [event for event in file_io.read(path) if event]
        yield from (str(event["event"]) for event in told[seen:])
        seen = len(told)
        if over:
            return


def patiently(project: Project, *args: str) -> None:
    """A git command as a person gives it: again, when another git has the index for a moment."""
    for _ in range(100):
        done = subprocess.run(
            ["git", *args], cwd=project.folder, check=False, capture_output=True, text=True
        )
        if done.returncode == 0:
            return
        assert "index.lock" in done.stderr or "cannot lock ref" in done.stderr, done.stderr
    raise AssertionError(done.stderr)


def has_ended(running: subprocess.Popen[str], seconds: float) -> bool:
    try:
        running.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_fifty_edits_of_the_plan_and_ten_commits_during_a_night_lose_nothing(
    tmp_path: Path,
) -> None:
    """NIGHTLATCH_FULL makes so many, during four sessions; otherwise it is twenty and four,
    during two."""
    project = village(tmp_path, SESSIONS)
    plan, edits = project.folder / "prd.json", 0
    running = project.start("run")
    for _ in events(project, running):
        for n in range(edits, min(edits + 2, EDITS)):
            body = json.loads(plan.read_text())
            body["userStories"].append({**feature(100 + n), "skip": True, "notes": f"edit {n}"})
            plan.write_text(json.dumps(body, indent=2) + "\n")
            if n % 5 == 0:
                project.write(f"mine{n}.txt", f"{n}\n")
                patiently(project, "add", f"mine{n}.txt")
                patiently(project, "commit", "-q", "-m", f"mine {n}", "--", f"mine{n}.txt")
        edits = min(edits + 2, EDITS)
    out, err = running.communicate()
    assert running.returncode == 0, f"{out}\n{err}"
    assert edits == EDITS
    project.run("run")
    assert {f"US-{n:03}" for n in range(1, SESSIONS + 1)} <= set(project.passing())
    assert {story.get("notes") for story in project.plan()} >= {f"edit {n}" for n in range(EDITS)}
    assert {f"mine{n}.txt" for n in range(0, EDITS, 5)} <= set(
        project.git("ls-tree", "--name-only", "HEAD").split()
    )
    assert [subject for subject in project.subjects() if subject.startswith("mine")] == [
        f"mine {n}" for n in range(0, EDITS, 5)
    ]
    assert project.git("status", "--porcelain") == ""


def test_a_landing_that_meets_a_conflict_is_resolved_by_the_next_session(tmp_path: Path) -> None:
    script = (
        'if grep -q "<<<<<<<" n1.txt 2>/dev/null; then echo merged >> seen.txt; fi\necho 1 >'
        " n1.txt\ntouch written\n"
    )
    project = village(
        tmp_path,
        1,
        script + "test -e seen.txt || while ! test -e go; do sleep 0.02; done; rm -f go written\n",
    )
    running = project.start("run")
    for _ in iter(lambda: has_ended(running, 0.02), True):
        if not (project.folder / "n1.txt").exists() and (
            place := next(tmp_path.glob("cache/*/ws/*/tree/written"), None)
        ):
            project.write("n1.txt", "the person's\n")
            project.git("add", "n1.txt")
            project.git("commit", "-q", "-m", "mine")
            place.with_name("go").touch()
    running.communicate()
    assert [(word, rule) for word, _, rule in project.outcomes()] == [
        ("advanced", "land.conflict"),
        ("landed", ""),
    ]
    assert project.git("show", "HEAD:n1.txt") == "1\n"
    assert project.git("show", "HEAD:seen.txt") == "merged\n"
    assert "mine" in project.subjects()
    assert project.git("status", "--porcelain") == ""


def test_the_persons_uncommitted_work_stays_as_it_is(tmp_path: Path) -> None:
    project = village(tmp_path, 1)
    project.write("till.py", "# half an idea\n")
    project.write("new.txt", "untracked\n")
    project.git("add", "new.txt")
    project.run("run")
    assert project.passing() == ["US-001"]
    assert project.git("status", "--porcelain").splitlines() == ["A  new.txt", " M till.py"]
    assert (project.folder / "till.py").read_text() == "# half an idea\n"


def test_a_file_in_the_way_is_a_conflict_that_git_shows_with_both_sides_in_it(
    tmp_path: Path,
) -> None:
    project = village(tmp_path, 1)
    project.write("n1.txt", "in the way\n")
    project.run("run")
    assert (
        project.folder / "n1.txt"
    ).read_text() == "<<<<<<< landed\n1\n=======\nin the way\n>>>>>>> your edit\n"
    assert project.git("show", ":3:n1.txt") == "in the way\n"
    assert project.git("show", "HEAD:n1.txt") == "1\n"
    project.git("checkout", "-q", "--ours", "n1.txt")
    project.git("add", "n1.txt")
    assert (project.folder / "n1.txt").read_text() == "1\n"
    assert project.git("status", "--porcelain") == ""


def test_a_broken_plan_is_told_with_its_place_and_during_a_run_the_last_good_one_stays_in_force(
    tmp_path: Path,
) -> None:
    project = village(tmp_path, 2)
    good, broken = (project.folder / "prd.json").read_text(), '{"userStories": [}'
    project.write("prd.json", broken)
    assert "prd.json:1:18" in project.run("run", code=2).stderr
    project.write("prd.json", good)
    running = project.start("run")
    for event in events(project, running):
        if event == "session.started":
            project.write("prd.json", broken)
    running.communicate()
    assert len([entry for entry in project.entries() if entry.word == "landed"]) == 2
    assert (project.folder / "prd.json").read_text() == broken


def test_a_feature_that_was_taken_away_during_its_session_does_not_land(tmp_path: Path) -> None:
    project = village(tmp_path, 2)
    running = project.start("run")
    for event in events(project, running):
        if event == "session.started":
            plan = json.loads((project.folder / "prd.json").read_text())
            plan["userStories"] = [
                story for story in plan["userStories"] if story["id"] != "US-001"
            ]
            project.write("prd.json", json.dumps(plan, indent=2) + "\n")
    running.communicate()
    assert project.outcomes() == [
        ("advanced", "US-001", "land.feature-changed"),
        ("landed", "US-002", ""),
    ]
    assert [story["id"] for story in project.plan()] == ["US-002"]


def test_decisions_are_recorded_at_once_and_carried_out_by_the_next_run(tmp_path: Path) -> None:
    story = {**feature(1), "verify": []}
    project = make_project(tmp_path, [story])
    project.night([[writes(1)]], code=3)
    assert project.outcomes() == [("unproved", "US-001", "")]
    project.run("approve", "1")
    project.run("approve", "1", code=None)
    project.night([[{"say": "nothing to do"}]])
    assert project.passing() == ["US-001"]
    assert project.subjects().count("US-001 approve by the person") == 1


def test_refused_work_is_taken_back_by_a_commit(tmp_path: Path) -> None:
    project = make_project(tmp_path, [{**feature(1), "verify": []}])
    project.night([[writes(1)]], code=3)
    assert (project.folder / "n1.txt").exists()
    project.run("refuse", "US-001", "not like this", "--now")
    assert not (project.folder / "n1.txt").exists()
    assert project.git("status", "--porcelain") == ""
    project.night(
        [[{"run": "grep 'not like this' $NIGHTLATCH_BRIEF > seen.txt"}]],
        "--sessions",
        "1",
        code=None,
    )
    assert "not like this" in project.git("show", "HEAD:seen.txt")
