"""Whole nights with the scripted agent: what lands, what does not, and what the branch says of
it."""

from pathlib import Path

import pytest

from nightlatch.journal import file_io
from tests.stories.sample_project import Project, feature, make_project, writes

pytestmark = pytest.mark.sandbox


def test_a_night_of_honest_work_lands_one_commit_a_feature(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(n) for n in (1, 2, 3)])
    start = project.git("rev-parse", "HEAD").strip()
    project.night([[writes(1)], [writes(2)], [writes(3)]])
    assert project.passing() == ["US-001", "US-002", "US-003"]
    assert project.subjects()[-4:-1] == ["US-001 Number 1", "US-002 Number 2", "US-003 Number 3"]
    assert len(project.git("rev-list", f"{start}..HEAD").split()) == 4
    assert project.git("status", "--porcelain") == ""
    assert [*tmp_path.glob("cache/*/ws/*"), *tmp_path.glob("cache/*/trash/*")] == []
    assert (project.folder / "n2.txt").read_text() == "2\n"
    trailers = project.git("log", "-1", "--skip=1", "--format=%(trailers:unfold)")
    assert "Nightlatch-Feature: US-003" in trailers
    assert "Nightlatch-Verify: red->green" in trailers


def test_a_run_keeps_which_limits_nothing_holds(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)], settings="[workspace]\nprocesses = 500\n")
    project.night([[writes(1)]])
    assert project.passing() == ["US-001"]
    begun = next(
        event
        for event in file_io.read(project.folder / ".nightlatch/journal.jsonl")
        if event and event["event"] == "run.started"
    )
    assert begun["sandbox"] == "bubblewrap"
    assert [*begun["unheld"]][:1] == ["no limit of memory: a session may use what the machine has"]  # type: ignore[misc]  # a list, as JSON has it


def test_an_agent_that_deletes_a_test_never_lands(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)], settings="[limits]\nattempts = 1\n")
    broken = {"write": "till.py", "text": "def price(cents, count):\n    return 0\n"}
    project.night(
        [[writes(1), broken, {"delete": "tests/test_till.py"}, {"say": "all tests pass"}]], code=3
    )
    assert project.passing() == []
    assert project.outcomes() == [("rejected", "US-001", "ratchet.test-removed")]
    assert (project.folder / "tests/test_till.py").exists()
    assert project.git("status", "--porcelain") == ""


def test_a_claim_without_work_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)], settings="[limits]\nattempts = 2\n")
    project.night([[{"say": "done, everything passes"}]], code=3)
    assert project.outcomes() == [("rejected", "US-001", "scope.empty")] * 2


def test_flags_and_criteria_that_an_agent_changes_are_put_back(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1), feature(2)], settings="[limits]\nattempts = 1\n")
    before = (project.folder / "prd.json").read_bytes()
    flip = {"run": "sed -i 's/false/true/' prd.json && sed -i 's/holds 1/is there/' prd.json"}
    project.night([[flip]], "--sessions", "1")
    assert (project.folder / "prd.json").read_bytes() == before
    assert project.outcomes() == [("rejected", "US-001", "scope.empty")]


STAGES = """
if test -e b.txt; then echo c > c.txt
elif test -e a.txt; then echo b > b.txt; echo 'Claude AI usage limit reached|4102444800'; exit 1
else echo a > a.txt; sleep 1000
fi
"""
TWO_AGENTS = """agent = ["first", "second"]
[agents.first]
command = ["./agent.sh"]
[agents.second]
command = ["./agent.sh"]
[limits]
idle = "3s"
"""


def story_of_three_sessions(folder: Path) -> Project:
    project = make_project(
        folder, [feature(1, verify="cat a.txt b.txt c.txt")], settings=TWO_AGENTS
    )
    project.write("agent.sh", f"#!/bin/sh\n{STAGES}", mode=0o755)
    project.commit("the agent")
    return project


def test_a_story_of_two_and_a_half_sessions_lands_in_the_third(tmp_path: Path) -> None:
    project = story_of_three_sessions(tmp_path)
    project.run("run")
    told = [("interrupted", "agent.idle"), ("interrupted", "agent.limit"), ("landed", "")]
    assert [(word, rule) for word, _, rule in project.outcomes()] == told
    assert project.passing() == ["US-001"]


def test_without_its_work_tree_the_same_story_never_lands(tmp_path: Path) -> None:
    project = story_of_three_sessions(tmp_path)
    for _ in range(3):
        project.run("run", "--once", code=None)
        project.git("update-ref", "-d", "refs/nightlatch/work/US-001")
    assert project.passing() == []


def test_a_question_blocks_the_feature_and_its_answer_reaches_the_next_brief(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    project.night([[{"ask": "Which library may I add?"}]], code=3)
    assert project.outcomes() == [("blocked", "US-001", "agent.question")]
    assert "Which library may I add?" in project.git("show", "HEAD:progress.txt")
    project.run("answer", "US-001", "none at all")
    project.night([[{"run": "grep 'none at all' $NIGHTLATCH_BRIEF && echo 1 > n1.txt"}]])
    assert project.passing() == ["US-001"]


def test_the_persons_own_command_runs_once_after_a_landing(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        [feature(1)],
        settings='[land]\nafter = "git log -1 --format=%s >> ../after.txt"\n',
    )
    said = project.night([[writes(1)]]).stderr
    assert (tmp_path / "after.txt").read_text() == "US-001 Number 1\n"
    assert "exit code 0" in said


def test_a_command_after_a_landing_that_never_ends_is_ended_with_all_that_it_started(
    tmp_path: Path,
) -> None:
    settings = '[limits]\ncheck = "12s"\n[land]\nafter = "sleep 1000 & echo $! > ../child; wait"\n'
    project = make_project(tmp_path, [feature(1)], settings=settings)
    said = project.night([[writes(1)]]).stderr
    assert "timed out after 12 s" in said
    assert not Path("/proc", (tmp_path / "child").read_text().strip()).exists()
    assert project.passing() == ["US-001"]
