"""Eight ways in which a session is cut off, and what the next agent knows from its brief alone."""

import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stories.sample_project import Project, feature, make_project
from tests.stories.test_wake import until

pytestmark = pytest.mark.sandbox

HUNT = feature(
    1, verify=[], title="The first callback answers 403", acceptanceCriteria=["./flow.sh succeeds"]
)
INVESTIGATES = r"""
cat > /dev/null
tell() { printf '%s\n' "$1"; }
tell '{"kind": "session", "id": "x", "model": "m"}'
tell '{"kind": "todo", "items": [{"text": "reproduce it", "done": true}, {"text": "trace the role", "done": false}]}'
tell '{"kind": "tool_call", "id": "1", "tool": "bash", "args": {"command": "./flow.sh"}}'
tell "{\"kind\": \"tool_result\", \"id\": \"1\", \"ok\": false, \"text\": \"$(./flow.sh)\"}"
nightlatch note open "the first callback answers 403" --reproduce ./flow.sh --cite till.py:4-5 NEXT > /dev/null
nightlatch note rejected "the price table is wrong" --evidence 'grep -q "cents [*] count" till.py' --cite till.py:5 > /dev/null
printf '\n\ndef role():\n    return "guest"\n' >> till.py
tell '{"kind": "tool_call", "id": "2", "tool": "bash", "args": {"command": "python3 -c \"import till; till.member()\""}}'
python3 -c "import till; till.member()" 2> /tmp/said && ok=true || ok=false
tell "{\"kind\": \"tool_result\", \"id\": \"2\", \"ok\": $ok, \"text\": \"$(tail -1 /tmp/said | tr '"' "'")\"}"
tell '{"kind": "message", "text": "The role is asked for before the row is written."}'
"""
NEXT = '--next "log the role in price() of till.py"'
DONE = """tell '{"kind": "result", "ok": true, "text": "Not finished."}'"""
CALLS = """tell '{"kind": "tool_call", "id": "3", "tool": "bash", "args": {"command": "./wait.sh"}}'\n"""
SETTINGS = """agent = ["one"]
[agents.one]
command = ["./agent.sh"]
events = "jsonl"
[agents.two]
command = ["cat"]
[limits]
idle = "IDLE"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an agent knows that has read its brief and nothing else."""

    reproductions: tuple[str, ...]
    ruled_out: tuple[str, ...]
    next: str
    ended: str
    todo: str
    words: str
    failed: str
    changed: str


def part(text: str, heading: str) -> str:
    """The part of a brief under a heading, "" where it has none."""
    _, found, rest = text.partition(f"\n## {heading}\n")
    return rest.partition("\n## ")[0] if found else ""


def read(brief: str) -> Known:
    """The brief, as its next agent reads it."""
    how = {
        name: text
        for name, _, text in (
            row[2:].partition(": ")
            for row in part(brief, "How the last session ended").splitlines()
        )
    }
    ways = part(brief, "Where to go on")
    return Known(
        reproductions=tuple(
            re.findall(r"^- `([^`]+)` fails", part(brief, "How the failure is seen"), re.MULTILINE)
        ),
        ruled_out=tuple(
            re.findall(r"^- N-\w+ rejected: ([^;]+)", part(brief, "Findings"), re.MULTILINE)
        ),
        next=next((row[2:] for row in ways.splitlines() if row.startswith("> ")), ""),
        ended=how.get("it ended", ""),
        todo=how.get("its list", ""),
        words=how.get("its last words", ""),
        failed=how.get("the last command that failed", ""),
        changed=how.get("it changed", ""),
    )


def told_of(brief: str) -> tuple[str, ...]:
    """What is told as soon as a session is over, before a next run has looked at its work."""
    known = read(brief)
    return (
        *known.reproductions,
        known.next,
        known.ended.partition("; ")[0],
        known.todo,
        known.words,
        known.failed,
    )


def hunt(folder: Path, end: str, *, then: str = NEXT, idle: str = "10m") -> Project:
    """A project with a bug, and an agent that looks for it, notes what it finds, and ends in
    some way."""
    project = make_project(folder, [HUNT], settings=SETTINGS.replace("IDLE", idle))
    project.write("flow.sh", "#!/bin/sh\necho first callback: 403\nexit 1\n", mode=0o755)
    project.agent(INVESTIGATES.replace("NEXT", then) + end)
    project.commit("the agent")
    return project


def handed_on(project: Project) -> str:
    """The brief that the next agent really gets, another program; the same is printed before."""
    printed = project.run("brief", "US-001").stdout
    project.run("run", "--agent", "two", "--once", code=None)
    given = max(
        project.folder.glob(".nightlatch/sessions/*/brief.md"),
        key=lambda path: path.stat().st_mtime_ns,
    ).read_text()
    assert told_of(printed) == told_of(given)
    return given


def cut_off(project: Project) -> None:
    project.run("run", "--once", code=None)


def killed_loop(project: Project) -> None:
    """The loop gets SIGKILL while its agent works."""
    night = project.start("run", "--once")
    sessions = project.folder / ".nightlatch/sessions"
    until(
        lambda: any(
            b"before the row" in path.read_bytes() for path in sessions.glob("*/transcript.jsonl")
        ),
        90,
    )
    night.send_signal(signal.SIGKILL)
    night.communicate()
    listed = project.run("note", "list")
    assert "the first callback answers 403" in listed.stdout
    assert "2 of them not on record yet" in listed.stderr
    name = re.findall(r"^N-\w+", listed.stdout, re.MULTILINE)[0]
    assert "./flow.sh" in project.run("note", "show", name).stdout
    assert "2 of the session on US-001, not on record yet" in project.run("status").stdout
    assert "log the role in price() of till.py" in project.run("handoff", "US-001").stdout


def answered(project: Project) -> None:
    cut_off(project)
    project.run("answer", "US-001", "They are guests.", "--now")


def refused(project: Project) -> None:
    cut_off(project)
    project.run("refuse", "US-001", "Not in till.py: in the callback", "--now")


WAYS: Mapping[str, tuple[str, str, Callable[[Project], None], str]] = {
    "killed": (
        f"{CALLS}kill -KILL $$\n",
        NEXT,
        cut_off,
        "failed (agent.fault): the agent failed: killed by signal 9",
    ),
    "hung": (
        "sleep 600\n",
        NEXT,
        cut_off,
        "advanced: the agent hung and was ended: nothing came from it for 3s",
    ),
    "context full": (
        """tell '{"kind": "result", "ok": false, "cls": "context", "text": "prompt is too long"}'\nexit 1\n""",
        NEXT,
        cut_off,
        "advanced: the agent's context was full: prompt is too long",
    ),
    "usage limit": (
        """tell '{"kind": "result", "ok": false, "cls": "limit", "text": "usage limit reached"}'\nexit 1\n""",
        NEXT,
        cut_off,
        "interrupted (agent.limit): the agent met its usage limit: usage limit reached",
    ),
    "crash of the loop": (
        "sleep 600\n",
        NEXT,
        killed_loop,
        "interrupted (loop.crash): the run was cut off: it was killed or",
    ),
    "asked": (
        f"echo 'Are invited people guests?' > $NIGHTLATCH_OUT/blocked.md\n{DONE}\n",
        NEXT,
        answered,
        "blocked (agent.question)",
    ),
    "refused": (DONE.replace("Not finished.", "done"), "", refused, "unproved"),
    "handed to another": (DONE, NEXT, cut_off, "advanced (land.not-finished)"),
}


@pytest.mark.parametrize("way", WAYS)
def test_however_a_session_ends_the_next_agent_knows_from_its_brief_alone_where_it_was(
    tmp_path: Path, way: str
) -> None:
    end, then, happens, ended = WAYS[way]
    project = hunt(tmp_path, end, then=then, idle="3s" if way == "hung" else "10m")
    happens(project)
    brief = handed_on(project)
    known = read(brief)
    assert known.reproductions == ("./flow.sh",)
    assert known.ruled_out == ("the price table is wrong",)
    assert known.ended.startswith(ended)
    assert known.todo == "[x] reproduce it; [ ] trace the role"
    assert known.failed.startswith(
        "python3 -c \"import till; till.member()\": AttributeError: module 'till' has no attribute"
        " 'member'"
    )
    assert known.words == "The role is asked for before the row is written."
    assert known.changed == "till.py"
    if way == "refused":
        assert "Not in till.py: in the callback" in part(brief, "What the person refused")
    else:
        assert known.next == "log the role in price() of till.py"
    if way == "killed":
        assert "- a command that never ended: ./wait.sh\n" in brief
    if way == "asked":
        assert "> Are invited people guests?" in part(brief, "The person's answer")
        assert "They are guests." in part(brief, "The person's answer")


def test_a_session_of_plain_text_that_was_killed_before_it_noted_anything_is_told_in_its_own_words(
    tmp_path: Path,
) -> None:
    project = make_project(
        tmp_path, [HUNT], settings=SETTINGS.replace('events = "jsonl"\n', "").replace("IDLE", "10m")
    )
    says = ("Looks like a race in price().", "The role is asked for before the row is written.")
    project.agent(
        "\n".join(("cat > /dev/null", *(f"echo '{each}'" for each in says), "exec sleep 600"))
    )
    project.commit("the agent")
    night = project.start("run", "--once")
    until(
        lambda: any(
            says[1].encode() in path.read_bytes()
            for path in project.folder.glob(".nightlatch/sessions/*/transcript.jsonl")
        )
    )
    night.send_signal(signal.SIGKILL)
    night.communicate()
    known = read(handed_on(project))
    assert known.words == " ".join(says)
    assert known.ended.startswith("interrupted (loop.crash)")
