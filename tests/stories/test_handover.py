"""What the next agent is told of the session before it, however that ended, and of what the
record holds on its files."""

import json
from pathlib import Path

import pytest

from tests.stories.sample_project import Project, feature, make_project, writes

pytestmark = pytest.mark.sandbox

HUNT = feature(1, verify=[], description="Some invited users get a 403. Repair till.py.")
OPEN = (
    'nightlatch note open "who writes the row" --reproduce "./flow.sh" --fails 1/1 --next "trace'
    ' the role in till.py" --cite till.py:4-5'
)
REASONED = (
    "python3 - <<'E'\np = 'till.py'; s = open(p).read(); open(p, 'w').write(s.replace('return',"
    " 'print(cents)\\n    return'))\nE\n"
)


def brief(project: Project, name: str = "US-001") -> str:
    return project.run("brief", name).stdout


def part(text: str, heading: str) -> str:
    """The part of a brief under a heading, "" where it has none."""
    _, found, rest = text.partition(f"## {heading}\n")
    return rest.partition("\n## ")[0] if found else ""


def hunted(folder: Path, script: str, *, once: str = "--once", **more: object) -> Project:
    project = make_project(
        folder,
        [{**HUNT, **more}],
        settings='agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\n',
    )
    project.write("flow.sh", "#!/bin/sh\nexit 1\n", mode=0o755)
    project.agent(script)
    project.commit("the agent")
    project.run("run", once, code=None)
    return project


@pytest.mark.parametrize(
    "says",
    [OPEN, "echo 'Not finished: next I would trace the role in till.py.'"],
    ids=["a note", "last words"],
)
def test_a_session_that_says_what_is_next_is_carried_with_its_debug_line_and_not_landed(
    tmp_path: Path, says: str
) -> None:
    project = hunted(tmp_path, f"{REASONED}{says}\n")
    assert project.outcomes()[0] == ("advanced", "US-001", "land.not-finished")
    assert "print" not in project.git("show", "HEAD:till.py")
    assert "till.py" in part(brief(project), "How the last session ended") + part(
        brief(project), "Where to go on"
    )


def test_work_that_its_verify_proves_lands_whatever_its_session_says(tmp_path: Path) -> None:
    project = hunted(
        tmp_path, f"{OPEN}\necho 1 > n1.txt\necho Not finished.\n", verify=feature(1)["verify"]
    )
    assert project.outcomes()[0] == ("landed", "US-001", "")


def test_unproved_work_of_a_session_that_says_nothing_of_the_kind_lands(tmp_path: Path) -> None:
    assert hunted(tmp_path, REASONED).outcomes() == [("unproved", "US-001", "")]


def test_a_session_that_did_nothing_but_fail_leaves_its_list_its_failed_command_and_its_last_words(
    tmp_path: Path,
) -> None:
    stream = [
        {
            "kind": "todo",
            "items": [{"text": "read till.py", "done": True}, {"text": "mend the price"}],
        },
        {"kind": "tool_call", "id": "1", "tool": "bash", "args": {"command": "./flow.sh --trace"}},
        {"kind": "tool_result", "id": "1", "ok": False, "text": "403 at step two"},
        {"kind": "message", "text": "The row is written too late, I think."},
    ]
    lines = "\n".join(map(json.dumps, stream))
    settings = 'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\nevents = "jsonl"\n'
    project = make_project(tmp_path, [HUNT], settings=settings)
    project.agent(f"cat > /dev/null\ncat <<'E'\n{lines}\nE\nexit 1\n")
    project.commit("the agent")
    project.run("run", "--once", code=None)
    told = part(brief(project), "How the last session ended")
    assert "[x] read till.py; [ ] mend the price" in told
    assert "./flow.sh --trace: 403 at step two" in told
    assert "The row is written too late, I think." in told


def test_a_question_is_kept_whole_and_stands_beside_its_answer(tmp_path: Path) -> None:
    lines = [
        "Which library?",
        "Option 1: reportlab, 3 MB",
        "Option 2: fpdf2, small",
        "I would take 2, since CI has no fonts.",
    ]
    project = make_project(tmp_path, [feature(1)])
    project.night([[{"ask": "\n".join(lines)}]], code=3)
    assert all(line in project.run("report").stdout for line in lines)
    assert all(line in (project.folder / "progress.txt").read_text() for line in lines)
    project.run("answer", "US-001", "Take 2.", "--now")
    told = part(brief(project), "The person's answer")
    assert [line[2:] for line in told.splitlines() if line.startswith("> ")] == lines
    assert told.rstrip().endswith("Take 2.")


def refused(folder: Path) -> Project:
    """US-001 landed unproved, and a later landing changed the same lines."""
    project = make_project(folder, [feature(1, verify=[]), feature(2)])
    end = "    return cents * count\n"
    work = {"write": "till.py", "text": f"def price(cents, count):\n{end}# one\n"}
    project.night([[work], [{**work, "text": f"{work['text']}# two\n"}, writes(2)]], code=3)
    assert [word for word, *_ in project.outcomes()] == ["unproved", "landed"]
    return project


def test_a_refusal_that_cannot_be_taken_back_says_so_and_what_to_do_and_is_an_instruction(
    tmp_path: Path,
) -> None:
    project = refused(tmp_path)
    ended = project.run("refuse", "US-001", "It must print, too", "--now", code=3)
    assert "not taken back: later commits changed the same lines (till.py)" in ended.stdout
    assert "git revert " in ended.stdout
    assert "is carried out" not in ended.stdout
    told = part(brief(project), "What the person refused")
    assert "It must print, too" in told
    project.night([[]], "--once", code=None)
    assert "It must print, too" in part(brief(project), "What the person refused"), "until it lands"


def test_what_one_decision_could_not_do_is_not_said_of_another(tmp_path: Path) -> None:
    project = refused(tmp_path)
    project.run("refuse", "US-001", "It must print, too")
    ended = project.run("revert", "US-002", "--now")
    assert "US-002 Number 2: revert is carried out" in ended.stdout
    assert "not taken back" in (project.folder / "progress.txt").read_text()


def test_a_revert_that_cannot_be_done_changes_no_flag(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1), feature(2)])
    project.night(
        [
            [writes(1), {"write": "b.txt", "text": "1\n"}],
            [writes(2), {"write": "b.txt", "text": "2\n"}],
        ]
    )
    ended = project.run("revert", "US-001", "--now", code=3)
    assert "not taken back" in ended.stdout
    assert project.passing() == ["US-001", "US-002"]


def test_what_is_known_of_the_files_that_a_feature_names_is_told(tmp_path: Path) -> None:
    others = [
        feature(n, verify=[], description=text)
        for n, text in ((2, "Repair till.py."), (3, "`import till` works."), (4, "Else."))
    ]
    project = make_project(tmp_path, [HUNT, *others])
    project.run(
        "note",
        "verified",
        "prices are in cents",
        "--evidence",
        "true",
        "--cite",
        "till.py:4-5",
        "--feature",
        "US-001",
    )
    assert [
        "prices are in cents" in part(brief(project, f"US-00{n}"), "Findings") for n in (2, 3, 4)
    ] == [True, True, False]


def test_a_reproduction_outlives_a_change_of_the_code_that_it_cites(tmp_path: Path) -> None:
    project = hunted(tmp_path, OPEN)
    assert "`./flow.sh` fails every time" in part(brief(project), "How the failure is seen")
    till = project.folder / "till.py"
    till.write_text(till.read_text().replace("cents * count", "count * cents"))
    project.commit("a change")
    told = part(brief(project), "How the failure is seen")
    assert "`./flow.sh` fails every time" in told
    assert "the code that it cites has changed since" in told
    assert "note.stale" not in project.run("note", "lint", "US-001", code=None).stdout


def test_a_brief_names_the_command_of_the_tests_the_checks_and_the_gates(tmp_path: Path) -> None:
    project = make_project(tmp_path, [HUNT])
    project.write("checks/20-lint", "#!/bin/sh\nexit 0\n", mode=0o755)
    project.commit("a check")
    rules = part(brief(project), "Rules")
    assert (
        "The program itself runs these on what you leave: `python3 -m unittest -q`,"
        " `./checks/20-lint`.\n" in rules
    )
    project.write("loop.toml", '[checks]\ntests = "make test"\n')
    project.commit("another command")
    assert "what you leave: `make test`, `./checks/20-lint`.\n" in part(brief(project), "Rules")
