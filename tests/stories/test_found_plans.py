"""Nights over plans as people and other tools keep them, and over files that a person is
editing meanwhile."""

import json
from pathlib import Path

import pytest

from tests.stories.sample_project import TILL, Project, feature, make_project, writes

pytestmark = pytest.mark.sandbox
BOXES = """# Till

- [x] T001 A till
- [ ] T002 Number two
  - mind the walnut drawer
  - verify: `test "$(cat n2.txt)" = 2`
- [ ] T003 Number three
  verify: test "$(cat n3.txt)" = 3
"""


def plan_named(folder: Path, name: str, text: str) -> Project:
    """The till with another plan than prd.json."""
    project = make_project(folder, [])
    project.git("rm", "-q", "prd.json")
    settings = (project.folder / "loop.toml").read_text()
    project.write("loop.toml", settings.replace('plan = ""', f"plan = {json.dumps(name)}"))
    project.write(name, text)
    project.commit("the plan")
    return project


def test_boxes_are_ticked_as_their_features_land(tmp_path: Path) -> None:
    project = plan_named(tmp_path, "docs/PRD.md", BOXES)
    assert "mind the walnut drawer" in project.run("brief", "T002").stdout

    project.night([[writes(2)], [writes(3)]])

    assert project.git("show", "HEAD:docs/PRD.md") == BOXES.replace("[ ]", "[x]")
    assert [word for word, _, _ in project.outcomes()] == ["landed", "landed"]
    assert project.git("status", "--porcelain") == ""


def test_an_agent_that_ticks_its_own_box_is_not_believed(tmp_path: Path) -> None:
    project = plan_named(tmp_path, "PRD.md", BOXES)
    project.night(
        [[{"write": "PRD.md", "text": BOXES.replace("[ ]", "[x]")}]],
        "--feature",
        "T002",
        "--sessions",
        "1",
        code=None,
    )
    assert project.git("show", "HEAD:PRD.md") == BOXES


def test_a_plan_in_yaml_is_worked_through(tmp_path: Path) -> None:
    text = (
        'tasks:\n  - id: a\n    title: One   # first\n    passes: false\n    verify: test "$(cat'
        ' n1.txt)" = 1\n'
    )
    project = plan_named(tmp_path, ".ralph/prd.yaml", text)
    project.night([[writes(1)]])
    assert project.git("show", "HEAD:.ralph/prd.yaml") == text.replace("false", "true")


def test_no_plan_but_a_list_of_boxes_is_named_and_init_takes_it(tmp_path: Path) -> None:
    project = make_project(tmp_path, [])
    project.git("rm", "-q", "prd.json", "loop.toml")
    project.write("PRD.md", BOXES)
    project.commit("boxes")
    refused = project.run("run", "--agent", "scripted", code=2).stderr
    assert 'PRD.md has features: write plan = "PRD.md" into loop.toml' in refused
    assert json.loads(project.run("status", "--json").stdout)["problem"] == "there is no plan"
    assert "it becomes the plan" in project.run("init").stdout
    assert "1 of 3 pass" in project.run("status").stdout


def test_a_plan_that_was_corrected_on_disk_is_the_one_that_counts(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    good = (project.folder / "prd.json").read_text()
    project.write("prd.json", good.replace('"passes"', '"dependsOn": ["US-000"], "passes"'))
    project.commit("broken")
    assert (
        project.run("run", "--agent", "scripted", code=2).stderr.count(
            "US-000, which is not in the plan"
        )
        == 1
    )
    project.write("prd.json", good)
    findings = json.loads(project.run("doctor", "--json", code=None).stdout)["findings"]
    assert [one["says"] for one in findings if "US-000" in one["says"]] == []

    project.night([[writes(1)]])

    assert project.passing() == ["US-001"]


def test_an_edit_of_what_lands_takes_it_in_and_a_plain_commit_keeps_both(tmp_path: Path) -> None:
    """The person's edit is at the top of the file, the landings are at its end."""
    stories = [
        feature(n, verify=f"python3 -c 'import till; assert till.f{n}(2) == {2 * n}'")
        for n in (1, 2)
    ]
    project = make_project(tmp_path, stories)
    project.write("till.py", f"# a comment of mine\n{TILL}")
    adds = [
        {"append": "till.py", "text": f"\n\ndef f{n}(value):\n    return value * {n}\n"}
        for n in (1, 2)
    ]

    project.night([[step] for step in adds])
    project.git("commit", "-q", "-am", "my comment")

    text = project.git("show", "HEAD:till.py")
    assert text.startswith("# a comment of mine\n")
    assert ("def f1" in text, "def f2" in text) == (True, True)
    assert "2 proved" in project.run("verify").stdout
    assert project.git("status", "--porcelain") == ""


def test_an_edit_of_the_same_lines_is_a_conflict_that_is_said_and_that_git_refuses_to_commit_over(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    project.write("till.py", TILL.replace("cents * count", "mine"))
    told = project.night(
        [[writes(1), {"write": "till.py", "text": TILL.replace("cents * count", "count * cents")}]]
    ).stderr
    assert "till.py: your edit and what landed change the same lines" in told
    assert "git checkout --theirs -- till.py" in told
    assert "UU till.py" in project.git("status", "--porcelain")
    assert project.git("show", ":3:till.py") == TILL.replace("cents * count", "mine")


def test_a_progress_file_that_the_person_left_untracked_takes_in_what_is_written(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    project.write("progress.txt", "# mine\nremember the till\n")

    project.night([[writes(1)]])

    assert "remember the till" in (project.folder / "progress.txt").read_text()
    project.write("other.txt", "x")
    project.git("add", "other.txt")
    project.git("commit", "-q", "-m", "other")
    assert [word for word, _, _ in project.outcomes()] == ["landed"]


def test_ids_that_begin_anew_in_each_phase_are_worked_through(tmp_path: Path) -> None:
    def task(number: int, n: int, state: str) -> dict[str, object]:
        return {
            "id": number,
            "title": f"Number {n}",
            "status": state,
            "verify": f'test "$(cat n{n}.txt)" = {n}',
        }

    base, more = [task(1, 1, "done"), task(2, 2, "pending")], [task(1, 3, "pending")]
    parts = [{"name": "Base", "tasks": base}, {"name": "More", "tasks": more}]
    project = plan_named(tmp_path, "prd.json", json.dumps({"phases": parts}))
    project.write("n1.txt", "1\n")
    project.commit("what is done")
    assert (
        "interpreted as: ids begin anew in each part of the plan: the 1 of a later part is More-1"
        in project.run("doctor", code=None).stdout
    )
    project.night({"2": [[writes(2)]], "More-1": [[writes(3)]]})
    assert [(word, name) for word, name, _ in project.outcomes()] == [
        ("landed", "2"),
        ("landed", "More-1"),
    ]
    tasks = [
        task
        for part in json.loads(project.git("show", "HEAD:prd.json"))["phases"]
        for task in part["tasks"]
    ]
    assert [task["status"] for task in tasks] == ["done", "done", "done"]


def test_a_word_of_the_settings_says_what_is_done(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "title": "Un", "status": "livré", "verify": "test -f till.py"},
        {"id": "b", "title": "Deux", "status": "à faire", "verify": 'test "$(cat n2.txt)" = 2'},
    ]
    text = json.dumps(rows, ensure_ascii=False, indent=1)
    project = plan_named(tmp_path, "prd.json", text)
    settings = (project.folder / "loop.toml").read_text()
    project.write("loop.toml", settings.replace("done_words = []", 'done_words = ["livré"]'))
    project.commit("our words")
    assert "1 of 2 pass" in project.run("status").stdout
    project.night([[writes(2)]])
    assert project.git("show", "HEAD:prd.json") == text.replace("à faire", "livré")


def test_a_feature_is_worked_on_by_the_agent_that_it_names(tmp_path: Path) -> None:
    own = feature(2, agent="mine", model="large")
    project = make_project(
        tmp_path, [feature(1), own, feature(3, agent="frontend-dev")], settings=MINE
    )
    project.write("agent.sh", "#!/bin/sh\ncat > brief.txt\necho 2 > n2.txt\n", mode=0o755)
    project.commit("an agent of our own")
    told = project.run("doctor", code=None).stdout
    assert "ok    agent: mine is installed, for US-002" in told
    assert "warn  agent: US-003: unknown agent 'frontend-dev'; scripted is used instead" in told
    said = project.night({"US-001": [[writes(1)]], "US-003": [[writes(3)]]}).stderr
    assert "US-002 Number 2, by mine" in said
    assert "unknown agent 'frontend-dev': scripted is used instead" in said
    assert project.passing() == ["US-001", "US-002", "US-003"]
    assert "Number 2" in project.git("show", "HEAD:brief.txt")


MINE = 'agent = ["scripted"]\n[agents.mine]\ncommand = ["./agent.sh"]\nevents = "text"\n'
