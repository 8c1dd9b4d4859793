"""Is a restart note enough: a real session goes on from it alone, another from nothing, and
what each repeats is counted."""

import sys
from pathlib import Path

import pytest

from tests.stories.sample_project import Project, feature, make_project, writes
from tests.stories.test_findings import note

pytestmark = pytest.mark.sandbox
READER = f'''#!{sys.executable} -I
"""Tries out what nobody has told it, then goes on with the work; it looks for other notes than the brief, too."""

import glob
import json
import subprocess
import sys

brief = sys.stdin.read()


def call(command):
    print(json.dumps({{"kind": "tool_call", "id": command, "tool": "sh", "args": {{"command": command}}}}), flush=True)
    subprocess.run(command, shell=True, stdout=subprocess.DEVNULL)
    print(json.dumps({{"kind": "tool_result", "id": command}}), flush=True)


told = brief + "".join(open(file).read() for file in glob.glob("findings/*") + glob.glob("progress*"))
told += subprocess.run(["git", "log", "-p", "--", "progress.txt", "findings"], capture_output=True, text=True).stdout
for idea, command in (("the till multiplies", "grep -q '[*]' till.py"), ("the tests are empty", "cat tests/test_till.py")):
    if idea not in told:
        call(command)
call("cat half.txt && echo 1 > n1.txt")
print(json.dumps({{"kind": "result", "ok": True}}))
'''
SETTINGS = 'agent = ["reader"]\n[agents.reader]\ncommand = ["./reader.py"]\nevents = "jsonl"\n'


def found_out(folder: Path) -> Project:
    """One session has verified something, ruled something out, and left half of the work."""
    project = make_project(folder, [feature(1)], settings=SETTINGS, files={"reader.py": READER})
    (project.folder / "reader.py").chmod(0o755)
    project.commit("the reader may run")
    settled = note(
        "verified",
        "the till multiplies",
        "--evidence",
        'grep -q "[*]" till.py',
        "--cite",
        "till.py:4-5",
    )
    ruled_out = note(
        "rejected",
        "the tests are empty",
        "--evidence",
        "test -s tests/test_till.py",
        "--cite",
        "tests/test_till.py",
    )
    project.night([[settled, ruled_out, {"write": "half.txt", "text": "half\n"}]], "--once")
    return project


def test_a_session_with_the_note_repeats_nothing_and_one_without_it_does(
    tmp_path: Path,
) -> None:
    project = found_out(tmp_path)
    before = (
        project.git("for-each-ref"),
        project.git("status", "--porcelain"),
        {*project.folder.glob(".nightlatch/**/*")},
    )
    told = project.run("handoff", "US-001", "--trial").stdout.splitlines()
    assert told[0] == "with the note  repeated work: 0 in 1 tool calls"
    assert told[1] == "with none      repeated work: 2 in 3 tool calls"
    assert [line.split(" again")[0].strip() for line in told[2:]] == [
        'ran `grep -q "[*]" till.py`',
        "touched `tests/test_till.py`",
    ]
    after = (
        project.git("for-each-ref"),
        project.git("status", "--porcelain"),
        {*project.folder.glob(".nightlatch/**/*")},
    )
    assert after == before
    assert not any(tmp_path.glob("cache/*/ws/*"))


def test_the_trial_is_one_object_and_its_agent_can_be_another(tmp_path: Path) -> None:
    project = found_out(tmp_path)
    script = project.script([[writes(1), {"run": "head -3 tests/test_till.py"}]])
    told = project.run(
        "handoff",
        "US-001",
        "--trial",
        "--agent",
        "scripted",
        "--json",
        env={"NIGHTLATCH_SCRIPT": str(script)},
    ).stdout
    assert '"schema": "nightlatch/handoff-trial/1"' in told
    assert told.count('"repeated": 1,\n    "calls": 2') == 2
