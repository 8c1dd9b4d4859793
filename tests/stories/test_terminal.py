"""An agent that works only at a terminal, as some CLIs do."""

from pathlib import Path

import pytest

from tests.stories.fixtures import assert_morning, plant
from tests.stories.sample_project import feature

pytestmark = pytest.mark.sandbox
AGENT = r'''#!/usr/bin/env python3
"""Refuses pipes, draws in colour, echoes nothing, and reads its prompt from the terminal until the end that Ctrl-D makes."""
import os
import re
import sys
import termios

for stream in (sys.stdin, sys.stdout, sys.stderr):
    if not stream.isatty():
        sys.exit("this agent needs a terminal")
columns, lines = os.get_terminal_size()
mode = termios.tcgetattr(0)
mode[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, mode)
print(f"\033[2J\033[1;32m{columns} by {lines}: what shall I do?\033[0m", flush=True)
with open("/dev/tty", encoding="utf-8") as keyboard:
    prompt = keyboard.read()
number = re.search(r"n(\d)\.txt holds", prompt)[1]
with open(f"n{number}.txt", "w") as file:
    file.write(f"{number}\n")
print(f"\033[32mread {len(prompt.splitlines()) > 20}, café {'café ✓' in prompt}\033[0m", flush=True)
'''
SETTINGS = (
    'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.py"]\n[limits]\nattempts = 1\nfaults'
    " = 1\n"
)


@pytest.mark.parametrize("tty", [True, False])
def test_an_agent_that_insists_on_a_terminal_completes_a_feature_where_it_gets_one(
    tmp_path: Path, tty: bool
) -> None:
    settings = SETTINGS.replace("[limits]", f"tty = {str(tty).lower()}\n[limits]")
    stories = [
        feature(n, description=f"Café ✓: a number, café ✓ {'and so on ' * 800}") for n in (1, 2)
    ]
    project = plant(tmp_path, {"agent.py": AGENT}, stories, settings=settings)
    (project.folder / "agent.py").chmod(0o755)
    project.commit("the agent may run")
    project.run("init", "--commit")
    project.run("run", code=0 if tty else 4)
    if not tty:
        assert_morning(project, [("failed", "US-001", "agent.fault")], passing=[])
        assert "this agent needs a terminal" in project.git("show", "HEAD:progress.txt")
        return
    assert_morning(
        project, [("landed", "US-001", ""), ("landed", "US-002", "")], passing=["US-001", "US-002"]
    )
    transcripts = [
        file.read_text()
        for file in sorted((project.folder / ".nightlatch/sessions").glob("*/transcript.jsonl"))
    ]
    assert [text.splitlines()[-1] for text in transcripts] == ["read True, café True"] * 2
    assert "\033" not in "".join(transcripts)
