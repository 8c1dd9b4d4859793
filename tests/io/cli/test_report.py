"""`report`: every state that a project can be in, what is chosen by run and by time, and that
nothing is written."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.io.cli.cli_project import RUN, Project, story

WAYS = ((), ("--md",), ("--json",), ("--html", "../page.html"))
ESCAPE = "\x1b]0;owned\x07\u202e<script>alert(1)</script>"


def worked(project: Project) -> None:
    """A night with one landing that the branch has, one refusal and one question."""
    project.plan(
        story("US-001", passes=True), story("US-002"), story("US-003", dependsOn=["US-002"])
    )
    project.commit(
        "US-001 The story US-001\n\nNightlatch-Session: r-20261120-220100-s01\nNightlatch-Verify:"
        " red->green",
        a="1\n2\n",
    )
    project.record(
        [
            project.session("US-001", "landed", number=1),
            project.session("US-002", "rejected", "new tests fail: 1: t.py::t", number=2),
            project.session(
                "US-002", "blocked", "asks Which library?", number=3, rule="agent.question"
            ),
        ]
    )


@pytest.mark.parametrize("way", WAYS)
def test_it_reads_and_writes_nothing_but_the_page(project: Project, way: tuple[str, ...]) -> None:
    worked(project)
    before = project.git("for-each-ref"), project.git("status", "--porcelain"), project.files()
    told = project.nightlatch("report", *way)
    assert told.code == 0
    assert (
        project.git("for-each-ref"),
        project.git("status", "--porcelain"),
        project.files(),
    ) == before
    assert (project.folder.parent / "page.html").is_file() == ("--html" in way)


def test_a_fresh_clone_tells_the_same_and_what_it_does_not_know(
    project: Project, tmp_path: Path
) -> None:
    worked(project)
    here = project.nightlatch("report", "--json")
    subprocess.run(["git", "clone", "-q", str(project.folder), str(tmp_path / "clone")], check=True)
    there = Project(
        folder=tmp_path / "clone", capsys=project.capsys, monkeypatch=project.monkeypatch
    ).nightlatch("report", "--json")
    for key in ("verdict", "landed", "rejected", "blocked", "decide", "cost", "features", "next"):
        assert there.at(key) == here.at(key)
    assert (
        there.at("missing", 0)
        == "this machine has no journal: agents, models and exact times are unknown"
    )
    assert (there.at("landed", 0, "added"), there.at("landed", 0, "proof", 0)) == (
        2,
        "verify red->green",
    )


@pytest.mark.parametrize("way", WAYS)
def test_it_works_without_runs_without_commits_and_without_a_plan(
    project: Project, way: tuple[str, ...]
) -> None:
    assert project.nightlatch("report", *way).code == 0
    project.plan(story("US-001"))
    assert project.nightlatch("report", *way).code == 0
    project.git("update-ref", "-d", "HEAD")
    told = project.nightlatch("report")
    assert told.out.startswith("project\n\nNo run on record.\n")
    assert "NEXT    US-001 can run   nightlatch run\n" in told.out


def test_the_keys_that_others_rely_on(project: Project) -> None:
    worked(project)
    told = project.nightlatch("report", "--json")
    assert told.at("schema") == "nightlatch/report/1"
    assert (told.at("run", "id"), told.at("run", "ended")) == (RUN, "cut off")
    assert told.at("cost") == {
        "usd": 1.5,
        "source": "agent-reported",
        "not_landed": 1.0,
        "unknown": 0,
    }
    assert told.at("decide", 0, "command") == 'nightlatch answer US-002 "..."'
    assert {*told.json} >= {
        "run",
        "landed",
        "unproved",
        "rejected",
        "held",
        "blocked",
        "cost",
        "decide",
        "next",
    }


def test_a_time_chooses_what_happened_since(project: Project) -> None:
    worked(project)
    assert project.nightlatch("report", "--json", "--since", "2026-11-20T22:03").at("landed") == []
    assert (
        project.nightlatch("report", "--json", "--since", "2026-11-20").at("landed", 0, "feature")
        == "US-001"
    )
    assert (
        project.nightlatch("report", "--json", "--since", "2026-11-20T23:01+01:00").at(
            "landed", 0, "feature"
        )
        == "US-001"
    )
    assert project.nightlatch("report", "--json", "--since", "1h", "--run", RUN).at("run") is None


def test_a_damaged_journal_and_a_strange_one_only_cost_what_they_knew(project: Project) -> None:
    worked(project)
    project.write(
        ".nightlatch/journal.jsonl", '{"event":"session.started","session":"x"}\nnonsense\n{"torn'
    )
    assert project.nightlatch("report").code == 0


def test_the_record_names_no_file_outside_the_sessions(project: Project) -> None:
    project.plan(story("US-001"))
    project.write("pictures/after/a.png", "not for the page")
    project.write(".nightlatch/sessions/x/pictures/after/a.png", "for the page")
    for name, shown in (("../..", False), ("x", True)):
        held = project.session("US-001", "held")
        project.record(
            [replace(held, details=(f"session {name}  digest {project.feature('US-001').digest}",))]
        )
        project.nightlatch("report", "--html", "../page.html")
        assert ("data:image/png" in (project.folder.parent / "page.html").read_text()) == shown


def test_a_line_of_ten_megabytes_is_cut(project: Project) -> None:
    project.plan(story("US-001", "x" * 10_000_000))
    project.record(
        [project.session("US-001", "blocked", f"asks {'y' * 10_000_000}", rule="agent.question")]
    )
    for way in WAYS[:3]:
        assert len(project.nightlatch("report", *way).out) < 20_000
    project.nightlatch("report", "--html", "../page.html")
    assert (project.folder.parent / "page.html").stat().st_size < 50_000


def test_hostile_words_of_a_plan_and_a_record_reach_no_view(project: Project) -> None:
    project.plan(story("US-001", ESCAPE))
    project.record([project.session("US-001", "blocked", f"asks {ESCAPE}", rule="agent.question")])
    project.nightlatch("report", "--html", "page.html")
    page = (project.folder / "page.html").read_text()
    for shown in (page, *(project.nightlatch("report", *way).out for way in WAYS[:3])):
        assert not {"\x1b", "\x07", "\u202e"} & {*shown}
    assert "<script" not in page
    json.loads(project.nightlatch("report", "--json").out)
