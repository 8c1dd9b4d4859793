"""One story of the record: a failure that comes and goes, worked on by three sessions on two
machines with two agent CLIs."""

import json
import os
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nightlatch.record.findings.findings import Author, State
from tests.stories.sample_project import Project, Steps, feature, make_project
from tests.stories.test_findings import findings, note
from tests.stories.test_person_edits import events

pytestmark = pytest.mark.sandbox
STORE = '''"""Members, in ten replicas behind a balancer that goes round; three lag behind what was just written."""

import os
from pathlib import Path

LAGGING = (2, 5, 9)
TURN = Path.home() / ".turn"
members = set()


def replica():
    turn = int(os.environ.get("REPLICA") or (TURN.read_text() if TURN.exists() else 0))
    TURN.write_text(str((turn + 1) % 10))
    return turn


def known(guest):
    return replica() not in LAGGING and guest in members
'''
MIDDLEWARE = '''"""What every request goes through."""

import os


def limited(guest):
    return os.environ.get("LIMITER") != "off" and len(guest) > 100


def expired(age):
    return age > int(os.environ.get("LONGEST", 3600))
'''
ACCEPT = '''"""Accept an invite, then open the team's page: its status."""

import sys

import middleware
import store


def accept(guest):
    if middleware.limited(guest) or middleware.expired(age=0):
        return 403
    store.members.add(guest)
    return 200 if store.known(guest) else 403


if __name__ == "__main__":
    sys.exit(accept("ada") != 200)
'''
RUSH = """import unittest

from accept import accept


class Rush(unittest.TestCase):
    def test_ten_guests_get_in(self):
        self.assertEqual([accept(f"guest {n}") for n in range(10)], [200] * 10)
"""
AGAIN = "python3 accept.py"
WANTED = re.compile("objective [0-9a-f]{12}")
FORBIDDEN, LAGS = "403 after accepting an invite", "replica 2 lags behind"
LIMITER, EXPIRED, MAIL = (
    "the rate limiter refuses",
    "the token has expired",
    "does the link in the mail expire",
)
FINDS_OUT: Steps = [
    note(
        "verified", FORBIDDEN, "--reproduce", AGAIN, "--fails", "3/10", "--cite", "accept.py:9-13"
    ),
    note(
        "verified",
        LAGS,
        "--evidence",
        f"REPLICA=2 {AGAIN}; test $? = 1",
        "--cite",
        "store.py:17-18",
    ),
    note(
        "rejected",
        LIMITER,
        "--evidence",
        f"LIMITER=off REPLICA=2 {AGAIN}; test $? = 1",
        "--cite",
        "middleware.py:6-7",
    ),
    note(
        "rejected",
        EXPIRED,
        "--evidence",
        f"LONGEST=9999 REPLICA=2 {AGAIN}; test $? = 1",
        "--cite",
        "middleware.py:10-11",
    ),
    note("open", MAIL, "--next", "make tests/test_rush.py pass in store.py"),
    {"write": "tests/test_rush.py", "text": RUSH},
    {"run": "touch $NIGHTLATCH_OUT/again"},
    {"hang": True},
]
CODER = f'''#!{sys.executable} -I
"""A coder that speaks as Codex does and knows what the brief says, nothing else."""

import json
import re
import subprocess
import sys

brief = sys.stdin.read()


def say(kind, **more):
    print(json.dumps({{"type": kind, **more}}), flush=True)


def run(command):
    item = {{"id": command, "type": "command_execution", "command": command}}
    say("item.started", item=item)
    code = subprocess.run(command, shell=True, capture_output=True).returncode
    say("item.completed", item={{**item, "exit_code": code}})


say("thread.started", thread_id="t")
told = re.search("`([^`]+)` fails 3 of 10", brief)
for _ in range(10 if told else 0):
    run(told[1])
for claim, file in (("{LIMITER}", "middleware.py"), ("{LAGS}", "store.py")):
    if not re.search("N-[0-9a-z]+ rejected: " + claim, brief):
        run("sed -n 1,20p " + file)
run("python3 -m unittest tests.test_rush")
wrong = re.search("(N-[0-9a-z]+) verified: {LAGS}", brief)
if wrong and "verified: the primary" in brief:
    run("nightlatch note challenge " + wrong[1] + " --base 'replica 5 does too' --evidence 'REPLICA=5 {AGAIN}; test $? = 1'")
    run("sed -i 's/replica() not in LAGGING and //' store.py")
else:
    run("nightlatch note verified 'the primary has a guest at once' --evidence 'REPLICA=0 {AGAIN}' --cite store.py:17-18")
say("turn.completed", usage={{}})
'''
SETTINGS = 'agent = ["coder"]\n[agents.coder]\ncommand = ["./coder.py"]\nevents = "codex"\n'


def brief(project: Project, number: int) -> str:
    return sorted(project.folder.glob(".nightlatch/sessions/*/brief.md"))[number].read_text()


def done(project: Project) -> list[str]:
    """What the last session ran."""
    lines = (
        sorted(project.folder.glob(".nightlatch/sessions/*/transcript.jsonl"))[-1]
        .read_text()
        .splitlines()
    )
    told = [json.loads(line) for line in lines if '"item.started"' in line]
    return [str(line["item"]["command"]) for line in told]


def first_machine(folder: Path) -> Project:
    """Session one finds out what it can and adds a failing test; its loop is killed, and the
    next one writes down what it left."""
    files = {"store.py": STORE, "middleware.py": MIDDLEWARE, "accept.py": ACCEPT, "coder.py": CODER}
    story = feature(
        1,
        title="Guests get in",
        acceptanceCriteria=["no 403 "],
        verify="python3 -m unittest tests.test_rush",
    )
    project = make_project(folder, [story], settings=SETTINGS, files=files)
    (project.folder / "coder.py").chmod(0o755)
    project.commit("the coder may run")
    night = project.start(
        "run", "--agent", "scripted", env={"NIGHTLATCH_SCRIPT": str(project.script([FINDS_OUT]))}
    )
    for event in events(project, night):
        if event == "agent.started":
            while not any(folder.glob("cache/*/ws/*/out/again")):
                assert night.poll() is None
            os.kill(night.pid, signal.SIGKILL)
    night.communicate()
    project.run("hold", "US-001", "it goes on elsewhere")
    project.run("run", code=3)
    return project


def second_machine(first: Project, folder: Path) -> Project:
    first.git("clone", "-q", str(first.folder), str(folder / "clone"))
    clone = replace(
        first, folder=folder / "clone", env={"NIGHTLATCH_CACHE": str(folder / "cache2")}
    )
    clone.git("fetch", "-q", "origin", "refs/nightlatch/*:refs/nightlatch/*")
    clone.run("retry", "US-001")
    return clone


def assert_told(project: Project, first: Project) -> None:
    """The second session's brief holds all that the first one found out, and the session goes
    by it."""
    told, ran = brief(project, 0), done(project)
    for claim, each in findings(first).items():
        assert f"{each.id} {each.state}: {claim}" in told
    assert f"`{AGAIN}` fails 3 of 10; it did 1 of 3" in told
    assert "make tests/test_rush.py pass in store.py" in told
    assert re.search(r"differ from the base:.* tests/test_rush\.py", told)
    assert ran[:10] == [AGAIN] * 10
    assert "python3 -m unittest tests.test_rush" in ran
    assert not any("middleware" in command for command in ran)


def assert_contested(project: Project, first: Project) -> None:
    """What was seen and what contradicts it stand under one another, each with its evidence,
    the old text byte for byte."""
    contested = findings(project)[LAGS]
    assert [(event.by, event.challenge, event.state) for event in contested.events] == [
        (Author.LOOP, False, State.VERIFIED),
        (Author.AGENT, True, None),
        (Author.LOOP, False, State.OPEN),
    ]
    assert all(event.evidence for event in contested.events)
    file = f"HEAD:findings/{contested.id}.toml"
    assert project.git("show", file).startswith(first.git("show", file))


def test_an_intermittent_failure_is_worked_on_by_three_sessions_none_of_which_starts_over(
    tmp_path: Path,
) -> None:
    first = first_machine(tmp_path)
    found = findings(first)
    states = {
        LAGS: State.VERIFIED,
        LIMITER: State.REJECTED,
        EXPIRED: State.REJECTED,
        MAIL: State.OPEN,
    }
    assert {claim: each.state for claim, each in found.items()} == {
        FORBIDDEN: State.VERIFIED,
        **states,
    }
    assert found[FORBIDDEN].failure_rate == (1, 3)
    clone = second_machine(first, tmp_path)
    clone.run("run", "--once")
    assert_told(clone, first)
    clone.run("run", "--once")
    assert_contested(clone, first)
    assert clone.passing() == ["US-001"]
    assert [word for word, *_ in clone.outcomes() if word not in ("finding", "decision")] == [
        "interrupted",
        "advanced",
        "landed",
    ]
    changed = clone.git(
        "diff",
        "--name-only",
        first.git("rev-parse", "HEAD").strip(),
        "HEAD",
        "--",
        ":!findings",
        ":!progress.txt",
    )
    assert changed.split() == ["prd.json", "store.py", "tests/test_rush.py"]
    assert (
        len(
            {
                wanted[0]
                for text in (brief(first, 0), brief(clone, 0), brief(clone, 1))
                if (wanted := WANTED.search(text))
            }
        )
        == 1
    )
