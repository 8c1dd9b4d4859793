"""A person who edits the plan, commits and changes their mind while the loop runs loses nothing."""

import json
import threading
from pathlib import Path

import pytest

from tests.loop.village import Project, feature, make_project, writes

pytestmark = pytest.mark.sandbox
HONEST = 'n=${NIGHTLATCH_FEATURE#US-}\nexpr $n + 0 > "n$(expr $n + 0).txt"\n'
SETTINGS = 'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\n'


def village(folder: Path, features: int, script: str = HONEST) -> Project:
    stories = [feature(n) for n in range(1, features + 1)]
    project = make_project(folder, stories, settings=SETTINGS, files={"agent.sh": f"#!/bin/sh\n{script}"})
    (project.folder / "agent.sh").chmod(0o755)
    project.commit("the agent may run")
    return project


def test_fifty_edits_of_the_plan_and_ten_commits_during_a_night_lose_nothing(tmp_path: Path) -> None:
    project = village(tmp_path, 4)
    running = project.start("run")
    over = threading.Event()

    def person() -> None:
        plan = project.folder / "prd.json"
        for n in range(50):
            body = json.loads(plan.read_text())
            body["userStories"].append({**feature(100 + n), "skip": True, "notes": f"edit {n}"})
            plan.write_text(json.dumps(body, indent=2) + "\n")
            if n % 5 == 0:
                project.write(f"mine{n}.txt", f"{n}\n")
                project.git("add", f"mine{n}.txt")
                project.git("commit", "-q", "-m", f"mine {n}", "--", f"mine{n}.txt")
            over.wait(0.1)

    thread = threading.Thread(target=person)
    thread.start()
    thread.join()
    over.set()
    out, err = running.communicate(timeout=240)
    assert running.returncode == 0, f"{out}\n{err}"
    project.run("run", code=None)
    assert {f"US-{n:03}" for n in range(1, 5)} <= set(project.passing())
    assert {story.get("notes") for story in project.plan()} >= {f"edit {n}" for n in range(50)}
    assert project.subjects().count("mine 0") == 1
    assert {f"mine{n}.txt" for n in range(0, 50, 5)} <= set(project.git("ls-tree", "--name-only", "HEAD").split())
    assert project.git("status", "--porcelain") == ""


def test_a_commit_of_the_person_during_a_session_is_merged_and_the_verdict_given_on_the_result(tmp_path: Path) -> None:
    project = village(tmp_path, 1)
    fifo = tmp_path / "go"
    meet = project.start("run", env={"MEET": str(fifo)})
    meet.communicate(timeout=120)
    assert project.passing() == ["US-001"]


def test_the_persons_uncommitted_work_stays_as_it_is(tmp_path: Path) -> None:
    project = village(tmp_path, 1)
    project.write("till.py", "# half an idea\n")
    project.write("new.txt", "untracked\n")
    project.git("add", "new.txt")
    project.run("run")
    assert project.passing() == ["US-001"]
    assert project.git("status", "--porcelain").splitlines() == ["A  new.txt", " M till.py"]
    assert (project.folder / "till.py").read_text() == "# half an idea\n"


def test_an_edit_in_the_way_stays_and_sync_brings_the_rest_later(tmp_path: Path) -> None:
    project = village(tmp_path, 1)
    project.write("n1.txt", "in the way\n")
    project.run("run")
    assert (project.folder / "n1.txt").read_text() == "in the way\n"
    assert project.git("show", "HEAD:n1.txt") == "1\n"
    (project.folder / "n1.txt").unlink()
    project.run("sync")
    assert (project.folder / "n1.txt").read_text() == "1\n"
    assert project.git("status", "--porcelain") == ""


def test_a_broken_plan_during_the_run_leaves_the_last_good_one_in_force(tmp_path: Path) -> None:
    breaks = HONEST + "true\n"
    project = village(tmp_path, 2, breaks)
    (project.folder / "prd.json").write_text('{"userStories": [}')
    done = project.run("run", code=2)
    assert "prd.json:1:18" in done.stderr


def test_a_feature_that_was_taken_away_during_its_session_does_not_land(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1), feature(2)])
    project.night([[writes(1)]], "--sessions", "1")
    assert project.passing() == ["US-001"]


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
    project.night([[{"run": "grep 'not like this' $NIGHTLATCH_BRIEF > seen.txt"}]], "--sessions", "1", code=None)
    assert "not like this" in project.git("show", "HEAD:seen.txt")
