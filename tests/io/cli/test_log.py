"""`log`: what each session came to, from the record alone."""

import json

from tests.io.cli.cli_project import RUN, Project, story


def nights(project: Project) -> None:
    project.plan(story("US-001"), story("US-002"))
    project.record(
        [
            project.session(
                "US-001",
                "rejected",
                "tests that passed at the base are gone: 1: t.py::a",
                number=1,
                rule="ratchet.test-removed",
            ),
            project.session("US-001", "landed", number=2),
            project.session(
                "US-002", "blocked", "asks Which?", number=3, usd=None, rule="agent.question"
            ),
        ]
    )
    project.git(
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        f"US-001 done\n\nNightlatch-Feature: US-001\nNightlatch-Session: {RUN}-s02",
    )


def test_each_session_is_one_line_with_its_landing_commit(project: Project) -> None:
    nights(project)
    commit = project.git("rev-parse", "--short=9", "HEAD")
    assert (
        project.nightlatch("log").out
        == "2026-11-20T22:02Z rejected    US-001 try=1   4m  $0.50 ratchet.test-removed  The story"
        f" US-001   - {RUN}-s01\n2026-11-20T22:03Z landed      US-001 try=1   4m  $0.50 -  The"
        f" story US-001   {commit} {RUN}-s02\n2026-11-20T22:04Z blocked     US-002 try=1   4m   "
        f"   - agent.question  The story US-002   - {RUN}-s03\n"
    )


def test_of_a_feature_the_details_are_shown_too(project: Project) -> None:
    nights(project)
    shown = project.nightlatch("log", "US-001").out
    assert "    tests that passed at the base are gone: 1: t.py::a\n" in shown
    assert "US-002" not in shown


def test_of_a_session_the_agents_last_words_are_shown_and_no_control_character(
    project: Project,
) -> None:
    nights(project)
    lines = [
        {"kind": "message", "text": "I will look\x1b[31m"},
        {"kind": "message", "text": "Which one?"},
        {"kind": "usage", "input": 1},
    ]
    project.write(
        f".nightlatch/sessions/{RUN}-s03/transcript.jsonl",
        "".join(f"{json.dumps(line)}\n" for line in lines),
    )
    shown = project.nightlatch("log", f"{RUN}-s03").out
    assert shown.endswith(
        "transcript.jsonl, ending:\n    message: I will look\\x1b[31m\n    message: Which one?\n"
    )


def test_a_line_that_is_no_event_is_shown_as_it_is(project: Project) -> None:
    nights(project)
    project.write(f".nightlatch/sessions/{RUN}-s03/transcript.jsonl", "plain words\n")
    assert project.nightlatch("log", f"{RUN}-s03").out.endswith("    other: plain words\n")


def test_in_a_fresh_clone_the_transcript_is_elsewhere_and_said_to_be(project: Project) -> None:
    nights(project)
    assert "its transcript is not on this machine\n" in project.nightlatch("log", f"{RUN}-s02").out


def test_only_so_many_of_the_last_are_shown(project: Project) -> None:
    nights(project)
    assert project.nightlatch("log", "-n", "1").out.count("\n") == 1
    assert project.nightlatch("log", "-n", "0").out.count("\n") == 3


def test_as_json(project: Project) -> None:
    nights(project)
    told = project.nightlatch("log", "US-002", "--json")
    assert told.json == {
        "schema": "nightlatch/log/1",
        "unread": None,
        "sessions": [
            {
                "session": f"{RUN}-s03",
                "at": "2026-11-20T22:04:00+00:00",
                "feature": "US-002",
                "title": "The story US-002",
                "outcome": "blocked",
                "rule": "agent.question",
                "try": 1,
                "minutes": 4,
                "usd": None,
                "details": ["asks Which?"],
                "commit": None,
                "folder": None,
            }
        ],
    }
    assert project.nightlatch("log", "--json").at("sessions", 1, "commit") == project.git(
        "rev-parse", "HEAD"
    )


def test_a_feature_without_a_session_and_a_name_that_is_nothing(project: Project) -> None:
    project.plan(story("US-001"))
    assert project.nightlatch("log", "US-001").err == "US-001 has had no session yet\n"
    assert project.nightlatch("log").out == ""
    assert project.nightlatch("log", "nobody").code == 2
