"""What others wrote is harmless wherever a command prints it: no markup, no terminal escapes,
no directions, no endless line."""

import json
import re
import sys
from collections.abc import Sequence

import pexpect
import pytest

from nightlatch.journal import events
from tests import PATIENCE
from tests.io.cli.cli_project import RUN, START, Project, story

SESSION = f"{RUN}-s01"
ESCAPES = "\x1b[2J\x1b[31mred\x1b]52;c;ZWNobyBwd25lZA==\x07\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\\x9b5n\r\x08\x07\u202egnp.exe\u2066x\u2069\u200f"
MARKUP = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>[link](javascript:alert(3)) [bold"
    " red]rich[/] {{ 7*7 }} {% raw %} ![i](http://evil)"
)
EVIL = f"{ESCAPES} {MARKUP}"
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
COMMANDS: Sequence[Sequence[str]] = (
    ("status",),
    ("status", "--json"),
    ("watch",),
    ("watch", "--json"),
    ("log",),
    ("log", "US-001"),
    ("log", SESSION),
    ("log", "--json"),
    ("report",),
    ("report", "--md"),
    ("report", "--json"),
    ("report", "--html", "page.html"),
    ("events", SESSION),
    ("events", SESSION, "--json"),
    ("handoff", "US-001"),
    ("handoff", "US-001", "--json"),
    ("brief", "US-002"),
    ("brief", "US-001", "--explain"),
    ("brief", "US-001", "--json"),
    ("note", "list"),
    ("note", "list", "--json"),
    ("note", "show", "N-aaaaaaa"),
    ("note", "lint", "US-001"),
    ("run", "--dry-run"),
    ("doctor",),
    ("doctor", "--json"),
    ("verify",),
    ("approve", "US-001"),
    ("answer", "US-002", "yes"),
    ("import", "prd.json"),
    ("clean",),
    ("config",),
    ("check", "HEAD"),
)
FINDING = """\
id = "N-aaaaaaa"
feature = "US-001"
kind = "finding"
claim = {evil}
state = "open"
by = "agent"
session = "{session}"
at = 2026-11-20T22:03:00Z
next = {evil}
evidence = []
cites = []
"""


@pytest.fixture
def hostile(project: Project) -> Project:
    """A branch and a state folder that somebody wrote who wishes the reader ill."""
    project.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "none")
    loud = f"echo '{MARKUP}'; printf '\\033[2Jred\\007'; false"
    project.plan(story("US-001", EVIL), story("US-002", verify=loud), story("US-003", passes=True))
    project.record(
        [
            project.session("US-001", "held", "MARK", number=1, rule="tests.unsteady"),
            project.session("US-002", "blocked", "asks MARK?", number=2, rule="agent.question"),
        ]
    )
    record = project.folder / "progress.txt"
    record.write_text(record.read_text().replace("MARK", EVIL.replace("\r", "")))
    project.write(
        "findings/N-aaaaaaa.toml",
        FINDING.format(evil=json.dumps(EVIL.replace("\x7f", "")), session=SESSION),
    )
    project.write("findings/N-bbbbbbb.toml", f"claim = {EVIL}")
    project.commit("hostile")
    said = [
        {"kind": "message", "text": EVIL},
        {"kind": "tool_call", "text": EVIL, "tool": EVIL, "id": "1", "args": {"command": EVIL}},
        {"kind": "thought", "text": "x" * 10_000_000},
        {"kind": "error", "text": EVIL},
    ]
    lines = "\n".join(map(json.dumps, said))
    project.write(f".nightlatch/sessions/{SESSION}/transcript.jsonl", f"{lines}\n{EVIL}\n")
    project.write(f".nightlatch/sessions/{SESSION}/held.md", EVIL)
    begun = events.encode("run.started", START, {"run": RUN, "agent": EVIL})
    cut_off = events.encode(
        "session.started", START, {"session": SESSION, "feature": EVIL, "agent": "scripted"}
    )
    project.write(".nightlatch/journal.jsonl", "").write_bytes(begun + cut_off)
    return project


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_what_others_wrote_is_harmless_wherever_it_is_shown(
    args: Sequence[str], hostile: Project
) -> None:
    told = hostile.nightlatch(*args)
    page = (hostile.folder / "page.html").read_text() if "--html" in args else ""
    shown = told.out + told.err + page
    assert told.code in (0, 1, 2, 3)
    assert shown
    assert not FORBIDDEN.search(shown), FORBIDDEN.search(shown)
    if args[0] != "events":
        assert max(map(len, shown.splitlines()), default=0) < 40_000
    if page or "--md" in args:  # in Markdown what stands between back quotes is text
        assert not re.search(
            r"<script>alert|<img src=x", re.sub(r"(`+).*?\1", "", shown) if "--md" in args else page
        )


def test_a_brief_is_the_persons_words_byte_for_byte_but_not_on_a_terminal(hostile: Project) -> None:
    """What an agent is given is what `brief` prints into a file or a pipe."""
    assert EVIL.replace("\r", "") in hostile.nightlatch("brief", "US-001").out.replace("\r", "")
    seen = pexpect.spawn(
        sys.executable,
        ["-m", "nightlatch", "brief", "US-001"],
        cwd=hostile.folder,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    shown = seen.read().replace("\r\n", "\n")
    assert "# US-001: " in shown
    assert not FORBIDDEN.search(shown)
