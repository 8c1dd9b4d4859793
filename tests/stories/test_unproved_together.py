"""Work that landed unproved is one decision, however much of it there is: one command, one
page, and any of it can be refused alone."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.stories.sample_project import Project, Steps, feature, make_project

pytestmark = pytest.mark.sandbox
PROSE = 4


def prose(n: int) -> dict[str, object]:
    return {key: value for key, value in feature(n).items() if key != "verify"}


def unproved(folder: Path) -> Project:
    """A night that landed four features which nothing proves, and asked about a fifth."""
    project = make_project(folder, [prose(n) for n in range(1, PROSE + 2)])
    script: list[Steps] = [[{"write": f"n{n}.txt", "text": f"{n}\n"}] for n in range(1, PROSE + 1)]
    project.night([*script, [{"ask": "Which font?"}]], code=3)
    return project


def said(project: Project, *args: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(project.run(*args, "--json").stdout)
    return found


def test_all_unproved_work_is_one_decision_with_one_command_and_one_page(tmp_path: Path) -> None:
    project = unproved(tmp_path)
    told = [
        line
        for line in project.git("show", "HEAD:progress.txt").splitlines()
        if line.startswith("    DECIDE")
    ]
    command = "python loop.py approve US-001 US-002 US-003 US-004"
    assert [command in line for line in told] == [True, False], told
    assert (
        "DECIDE  US-001 and 3 more have landed unproved: it has no verify and no new test fails"
        " without it (4)" in told[0]
    )
    assert told[0].endswith('   or   python loop.py refuse US-001 US-002 US-003 US-004 "why"')
    assert [one["name"] for one in said(project, "status")["decide"]] == [
        "US-001 and 3 more",
        "2 US-005",
    ]
    decided = said(project, "report")["decide"]
    assert [one["feature"] for one in decided] == ["US-001", "US-005"]
    assert [part["command"] for part in decided[0]["parts"]] == [
        f"nightlatch approve US-00{n}" for n in range(1, 5)
    ]
    project.run("report", "--html", "page.html")
    page = (project.folder / "page.html").read_text()
    assert page.count('<div class="card">') == 2
    assert [page.count(f"+++ b/n{n}.txt") for n in range(1, 5)] == [
        1,
        1,
        1,
        1,
    ], "what each changed, once"
    assert all(f"nightlatch refuse US-00{n} &#34;why&#34;" in page for n in range(1, 5))
    assert "Landed unproved (" not in page


def test_what_was_refused_first_stays_refused_and_nothing_else_is_marked_done(
    tmp_path: Path,
) -> None:
    project = unproved(tmp_path)
    project.run("refuse", "US-002", "The number must be in words.", "--now")
    first = next(one for one in said(project, "status")["decide"] if one["verb"] == "approve")
    assert first["command"] == "nightlatch approve US-001 US-003 US-004"
    done = project.run("approve", "US-001", "US-002", "US-003", "US-004", "US-005", "--now").stdout
    assert "US-002 Number 2: has no held or unproved work, so it is left alone" in done
    assert "US-005 Number 5: has no held or unproved work, so it is left alone" in done
    assert project.passing() == ["US-001", "US-003", "US-004"]
    assert not (project.folder / "n2.txt").exists()


def test_all_of_it_can_be_refused_with_the_same_words(tmp_path: Path) -> None:
    project = unproved(tmp_path)
    refuse = next(one for one in said(project, "report")["decide"] if one["kind"] == "unproved")[
        "other"
    ]
    _, *words = shlex.split(str(refuse))
    project.run(*words[:-1], "Numbers in words, please.", "--now")
    assert [path.name for path in sorted(project.folder.glob("n*.txt"))] == []
    assert (
        project.git("show", "HEAD:progress.txt").count('refuse "Numbers in words, please."')
        == PROSE
    )


def test_what_an_earlier_night_landed_unproved_is_on_the_page_too(tmp_path: Path) -> None:
    project = unproved(tmp_path)
    project.run("answer", "US-005", "Any.", "--now")
    project.night([[{"write": "n5.txt", "text": "5\n"}]], code=3)
    decided = said(project, "report")["decide"]
    assert [len(one["parts"]) for one in decided] == [5]
    assert all(part["commit"] and part["proof"] for part in decided[0]["parts"])
    project.run("report", "--html", "page.html")
    page = (project.folder / "page.html").read_text()
    assert [page.count(f"+++ b/n{n}.txt") for n in range(1, 6)] == [1, 1, 1, 1, 1]
