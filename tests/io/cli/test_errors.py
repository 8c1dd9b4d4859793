"""Every error that a person can cause at the command line: its one sentence, its next step and
its exit code.

What can be wrong inside a plan or a loop.toml has tables of its own
(tests/unit/plan/test_errors.py, tests/unit/project/test_config.py).
"""

import ast
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from nightlatch import errors
from nightlatch.git.open import no_checkout
from tests import ROOT
from tests.io.cli.cli_project import HOLD, RUN, Project, story

Arrange = Callable[[Project], object]
PACKAGE = Path(errors.__file__).parent
ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.NightlatchError)
}
NOT_BY_A_PERSON = {
    "the plan is not in the checkout": "it went away between two looks at the same folder",
    " failed: ": "a git command that has no reason to fail",
    " is not in the repository": "an object is missing that a tree names",
    "the sandbox does not start: ": "it did when it was tried",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How it comes about, what is typed, and what is said; {top} stands for the repository."""

    args: Sequence[str]
    says: str
    fix: str
    code: int = 2
    arrange: Sequence[Arrange] = ()
    cwd: str = "."
    env: dict[str, str] = field(default_factory=dict)


def write(name: str, text: str) -> Arrange:
    return lambda project: project.write(name, text)


def git(*args: str) -> Arrange:
    return lambda project: project.git(*args)


def saved(project: Project) -> None:
    project.commit("as it stands")


def planned(*stories: dict[str, object], **more: object) -> Arrange:
    """A committed plan; by default of one feature."""

    def arrange(project: Project) -> None:
        project.plan(*(stories or (story("US-001", verify="test -f done"),)), **more)
        project.commit("plan")

    return arrange


def no_identity(project: Project) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        for what in ("NAME", "EMAIL"):
            project.monkeypatch.delenv(f"GIT_{role}_{what}")
    project.git("config", "user.useConfigOnly", "true")


def program(name: str, text: str) -> Arrange:
    return lambda project: project.write(name, f"#!/bin/sh\n{text}\n").chmod(0o755)


def conflict(project: Project) -> None:
    project.commit("a", file="a")
    project.git("switch", "-q", "-c", "other", "HEAD~")
    project.commit("b", file="b")
    subprocess.run(["git", "merge", "main"], cwd=project.folder, capture_output=True, check=False)


def no_bubblewrap(project: Project) -> None:
    tools = project.folder.parent / "tools"
    tools.mkdir()
    (tools / "git").symlink_to(str(shutil.which("git")))
    project.monkeypatch.setenv("PATH", str(tools))


# a sandbox around these tests has little room
NONE = {"NIGHTLATCH_WORKSPACE_SANDBOX": "none", "NIGHTLATCH_LIMITS_DISK": "1kB"}
SCRIPTED = ("run", "--agent", "scripted")
STATUS = "see what waits for you: nightlatch status"

REPOSITORY = {
    "a bare repository": Case(
        args=["status"],
        arrange=[git("init", "-q", "--bare", "bare")],
        cwd="bare",
        says="{top}/bare: this is a bare repository, without a checkout to work from",
        fix="git clone {top}/bare",
    ),
    "inside .git": Case(
        args=["status"],
        cwd=".git",
        says="{top}/.git: this folder is inside .git",
        fix="cd to the checkout",
    ),
    "a partial clone": Case(
        args=["run"],
        arrange=[git("config", "remote.origin.promisor", "true")],
        says=(
            "{top}: this is a partial clone: agents work offline and would miss what it has not"
            " fetched"
        ),
        fix=(
            "git config --unset remote.origin.partialclonefilter; git fetch --refetch && git config"
            " --unset remote.origin.promisor"
        ),
    ),
    "nobody to commit as": Case(
        args=["done", "US-001", "--now"],
        arrange=[planned(), no_identity],
        env=NONE,
        says="{top}: git user.name and user.email are not set",
        fix=(
            "git config --global user.name 'Your Name' && git config --global user.email"
            " you@example.org"
        ),
    ),
    "no commit": Case(
        args=SCRIPTED,
        arrange=[git("update-ref", "-d", "HEAD"), lambda p: p.plan(story("US-001"))],
        env=NONE,
        says="{top}: the repository has no commits",
        fix="git add -A && git commit -m start",
    ),
    "a detached HEAD": Case(
        args=SCRIPTED,
        arrange=[planned(), git("checkout", "-q", "--detach")],
        env=NONE,
        says="{top}: HEAD is detached, so there is no branch to land on",
        fix="git switch main, or git switch -c night",
    ),
    "a merge under way": Case(
        args=SCRIPTED,
        arrange=[planned(), conflict],
        env=NONE,
        says="{top}: a merge is under way in the checkout",
        fix="git merge --continue, or git merge --abort",
    ),
    "another branch, with edits in the checkout": Case(
        args=SCRIPTED,
        env=NONE,
        arrange=[
            planned(branchName="night"),
            git("branch", "night"),
            write("prd.json", '{"branchName": "night", "tasks": []}'),
        ],
        says="{top}: the plan lands on night, and the checkout is on main with uncommitted edits",
        fix="git switch night",
    ),
    "a branch of no name": Case(
        args=SCRIPTED,
        arrange=[planned(branchName="a..b")],
        env=NONE,
        says="{top}: 'a..b' is not a valid branch name",
        fix="correct branchName in the plan",
    ),
    "a repository that git cannot read": Case(
        args=["status"],
        arrange=[write(".git/config", "[core")],
        says="{top}: git cannot open this repository: fatal: bad config line 2 in file .git/config",
        fix="git status",
    ),
    "sync on another branch": Case(
        args=["sync"],
        arrange=[planned(branchName="night"), git("branch", "night")],
        says="{top}: the checkout is on main, and the plan lands on night",
        fix="git switch night",
    ),
}
PLAN = {
    "no plan": Case(
        args=SCRIPTED, says="{top}: there is no plan", fix="nightlatch init, or write a prd.json"
    ),
    "no plan for a decision": Case(
        args=["done", "1"],
        says="{top}: there is no plan",
        fix="nightlatch init, or write a prd.json",
    ),
    "a plan that is named and not there": Case(
        args=["status"],
        arrange=[write("loop.toml", 'plan = "todo.json"')],
        says="{top}: the plan todo.json does not exist",
        fix="correct `plan` in loop.toml",
    ),
    "a plan outside": Case(
        args=["status"],
        arrange=[
            lambda p: p.write("../todo.json", "[]"),
            write("loop.toml", 'plan = "../todo.json"'),
        ],
        says="the plan {top}/../todo.json is outside the repository",
        fix="keep the plan in the repository that it plans",
    ),
    "an ignored plan": Case(
        args=SCRIPTED,
        arrange=[write(".gitignore", "prd.json\n"), write("prd.json", "[]")],
        says="git ignores prd.json, so its changes would be lost",
        fix="take prd.json out of .gitignore",
    ),
    "a plan that is a link": Case(
        args=SCRIPTED,
        arrange=[
            planned(),
            lambda p: (p.folder / "prd.json").rename(p.folder / "todo.json"),
            lambda p: (p.folder / "prd.json").symlink_to("todo.json"),
        ],
        says="prd.json is a symbolic link, and git stores only its target",
        fix="name the file itself: plan = ... in loop.toml",
    ),
    "broken JSON": Case(
        args=["run"],
        arrange=[write("prd.json", '{"userStories": [\n  {"id": 1 "title": "x"}\n]}')],
        says=(
            'prd.json:2:12: a comma is missing before this\n2 |   {"id": 1 "title": "x"}\n  |      '
            "      ^"
        ),
        fix="put a comma between the two",
    ),
    "two features of one name": Case(
        args=["status"],
        arrange=[lambda p: p.plan(story("A"), story("A"))],
        says='prd.json:9:13: two features are called A\n9 |       "id": "A",\n  |             ^',
        fix="give one of them another id",
    ),
    "uncommitted checks": Case(
        args=SCRIPTED,
        arrange=[planned(), write("checks/10-tests", "true")],
        env=NONE,
        says="{top}: not committed: checks/10-tests",
        fix="nightlatch init --commit",
    ),
    "an unknown feature": Case(
        args=["skip", "US-01"],
        arrange=[planned()],
        says="prd.json: feature US-01 not found",
        fix="did you mean US-001?",
    ),
    "a feature that is like no other": Case(
        args=["skip", "zz"],
        arrange=[planned()],
        says="prd.json: feature zz not found",
        fix="take an id from: nightlatch status",
    ),
}
SETTINGS = {
    "an unknown key": Case(
        args=["status"],
        arrange=[write("loop.toml", "[limits]\nattmpts = 3")],
        says="loop.toml:2: limits.attmpts is not a setting",
        fix="did you mean limits.attempts?",
    ),
    "a wrong value": Case(
        args=["status"],
        arrange=[write("loop.toml", '[limits]\nsession = "45"')],
        says='loop.toml:2: limits.session must be a duration, such as "45m" or "1h30m", not "45"',
        fix='correct it, or remove it to use the default, "45m"',
    ),
    "a setting where a table belongs": Case(
        args=["status"],
        arrange=[write("loop.toml", "limits = 3")],
        says="loop.toml:1: limits is a table of settings",
        fix="write [limits] and its keys below it",
    ),
    "a word where a list belongs": Case(
        args=["status"],
        arrange=[write("loop.toml", 'agent = "claude"')],
        says='loop.toml:1: agent must be a list of strings, such as ["a", "b"], not "claude"',
        fix='write agent = ["claude"]',
    ),
    "agents for agent": Case(
        args=["status"],
        arrange=[write("loop.toml", 'agents = ["mine"]')],
        says="loop.toml:1: agents is a table of settings",
        fix="write agent = [...] to choose agents, or [agents.NAME] to adjust one",
    ),
    "what is not TOML": Case(
        args=["status"],
        arrange=[write("loop.toml", "plan = ")],
        says="loop.toml: this is not TOML: Invalid value",
        fix="correct loop.toml",
    ),
    "what is not UTF-8": Case(
        args=["status"],
        arrange=[
            lambda p: p.write("loop.toml", "").write_bytes(b"agent = ['x']\nplan = 'caf\xe9'\n")
        ],
        says="loop.toml:2: file is not valid UTF-8",
        fix="save the file as UTF-8",
    ),
    "settings in two files": Case(
        args=["status"],
        arrange=[write("loop.toml", ""), write("pyproject.toml", "[tool.nightlatch]\nplan = 'a'")],
        says=(
            "pyproject.toml: there are settings in loop.toml and in [tool.nightlatch] of"
            " pyproject.toml"
        ),
        fix="move the table [tool.nightlatch] to loop.toml and delete it here",
    ),
    "a wrong flag": Case(
        args=["run", "--until", "dawn"],
        says='command line: limits.until must be a time of day, such as "07:00", or "", not "dawn"',
        fix='correct it, or remove it to use the default, ""',
    ),
    "an unknown agent": Case(
        args=["run", "--agent", "claud"],
        arrange=[planned()],
        env=NONE,
        says="unknown agent 'claud'",
        fix="did you mean claude?",
    ),
    "an unknown judge": Case(
        args=["run", "--agent", "scripted"],
        arrange=[planned(), write("loop.toml", '[judge]\nagent = "codx"')],
        env=NONE,
        says="unknown agent 'codx'",
        fix="did you mean codex?",
    ),
    "held-back checks where agents work": Case(
        args=["run", "--agent", "scripted"],
        arrange=[planned(), write("loop.toml", '[checks]\nheld_back = "held"')],
        env=NONE,
        says="{top}/held: checks.held_back is inside the repository, where agents can read it",
        fix="move it out of the repository and name it there",
    ),
    "held-back checks that are not there": Case(
        args=["run", "--agent", "scripted"],
        arrange=[planned(), write("loop.toml", '[checks]\nheld_back = "/no/such"')],
        env=NONE,
        says="/no/such: checks.held_back: no such directory",
        fix="make it, or correct checks.held_back",
    ),
    "an unknown dialect": Case(
        args=["run"],
        arrange=[
            planned(),
            write("loop.toml", 'agent = ["a"]\n[agents.a]\ncommand = ["x"]\nevents = "xml"'),
        ],
        env=NONE,
        says="unknown event dialect 'xml'",
        fix="use one of: claude, qwen, codex, gemini, pi, opencode, copilot, jsonl, text",
    ),
}
ENVIRONMENT = {
    "no bubblewrap": Case(
        args=SCRIPTED,
        arrange=[planned(), no_bubblewrap],
        code=4,
        says="bubblewrap is not installed",
        fix=(
            'install bubblewrap (apt install bubblewrap), or set sandbox = "none" under [workspace]'
            " in loop.toml"
        ),
    ),
    "a bubblewrap that may not": Case(
        args=SCRIPTED,
        arrange=[
            planned(),
            no_bubblewrap,
            program("../tools/bwrap", "echo no permission >&2; exit 1"),
        ],
        code=4,
        says="bubblewrap cannot create user namespaces here (no permission)",
        fix="allow unprivileged user namespaces, or install bubblewrap*",
    ),
    "a Python of the project's own that does not start": Case(
        args=SCRIPTED,
        arrange=[
            planned(),
            program("venv/bin/python", "echo broken; exit 1"),
            write("test_a.py", "import pytest"),
            saved,
        ],
        env=NONE,
        code=4,
        says="*: the project's Python cannot be started: *",
        fix="make init.sh create .venv, or name it under share in [workspace] of loop.toml",
    ),
    "an installation that points back at the checkout": Case(
        args=SCRIPTED,
        env=NONE,
        code=4,
        arrange=[
            planned(),
            write("src/shop/__init__.py", ""),
            write("test_a.py", "import pytest"),
            saved,
            lambda p: program(
                "venv/bin/python", f'exec env PYTHONPATH="{p.folder}/src" {sys.executable} "$@"'
            )(p),
            saved,
        ],
        says=(
            "{top}/src/shop/__init__.py: the checks would import shop from the main checkout, not"
            " from the candidate"
        ),
        fix=(
            'set sandbox = "auto" under [workspace], or make init.sh install shop into a .venv of'
            " its own"
        ),
    ),
    "an init.sh that fails": Case(
        args=SCRIPTED,
        arrange=[planned(), program("init.sh", "echo no network; exit 3"), saved],
        code=4,
        env={**NONE, "NIGHTLATCH_SCRIPT": "init.sh"},
        says="init.sh: it failed in a fresh workspace: no network",
        fix="make it succeed in a fresh clone",
    ),
    "a file where the state belongs": Case(
        args=SCRIPTED,
        arrange=[planned(), write(".nightlatch", "")],
        env=NONE,
        says=("{top}/.nightlatch: .nightlatch is a file; expected a directory"),
        fix="move it away",
    ),
    "an init.sh that fails without a word": Case(
        args=SCRIPTED,
        arrange=[planned(), program("init.sh", "exit 3"), saved],
        code=4,
        env={**NONE, "NIGHTLATCH_SCRIPT": "init.sh"},
        says="init.sh: it failed in a fresh workspace: exit code 3",
        fix="make it succeed in a fresh clone",
    ),
    "an init.sh that fails and prints a key": Case(
        args=SCRIPTED,
        arrange=[planned(), program("init.sh", "echo no entry for correct-horse-9; exit 3"), saved],
        code=4,
        env={**NONE, "NIGHTLATCH_SCRIPT": "init.sh", "SHOP_TOKEN": "correct-horse-9"},
        says="init.sh: it failed in a fresh workspace: no entry for [hidden:value-of-SHOP_TOKEN]",
        fix="make it succeed in a fresh clone",
    ),
    "a folder to copy where a file is": Case(
        args=SCRIPTED,
        arrange=[
            planned(),
            write("conf", "one file"),
            write("loop.toml", '[workspace]\ncopy = ["conf"]\n'),
            saved,
            lambda p: (p.folder / "conf").unlink(),
            write("conf/local", "now a folder"),
        ],
        env={**NONE, "NIGHTLATCH_SCRIPT": "conf/local"},
        code=4,
        says="{top}/conf: this cannot be copied into a workspace: *",
        fix="correct copy under [workspace] in loop.toml, or what init.sh makes",
    ),
    "a check that cannot be run": Case(
        args=SCRIPTED,
        arrange=[planned(), program("checks/20-lint", "exec nowhere"), saved],
        env=NONE,
        code=4,
        says=(
            "checks/20-lint: checks/20-lint could not be run at the base: * / exit code 127;"
            " the program nowhere is not installed where the tests run"
        ),
        fix=(
            "install it, make init.sh install it, or name its folder under share in [workspace] of"
            " loop.toml"
        ),
    ),
    "a branch that is red": Case(
        args=SCRIPTED,
        arrange=[planned(story("US-001")), program("checks/20-lint", "exit 1"), saved],
        env=NONE,
        code=5,
        says="the branch itself is red: checks/20-lint",
        fix="repair the branch, or accept these failures: nightlatch run --accept-red",
    ),
    "an agent that is not installed": Case(
        args=["run"],
        arrange=[
            planned(),
            write("loop.toml", 'agent = ["mine"]\n[agents.mine]\ncommand = ["nowhere"]'),
        ],
        env=NONE,
        code=4,
        says="agent mine is not installed ('nowhere' not found)",
        fix="correct command in [agents.mine]",
    ),
    "a script that is not there": Case(
        args=SCRIPTED,
        arrange=[planned()],
        env={**NONE, "NIGHTLATCH_SCRIPT": "/no/such"},
        code=4,
        says="/no/such: the scripted agent has no script to follow",
        fix="set NIGHTLATCH_SCRIPT to a file of steps; docs/agents.md lists them",
    ),
}
COMMANDS = {
    "an unknown command": Case(
        args=["statsu"],
        says="unknown command 'statsu'; did you mean 'status'?",
        fix="nightlatch --help",
    ),
    "an unknown option": Case(
        args=["status", "--jsno"],
        says="status: No such option* Did you mean *--json*?",
        fix="nightlatch status --help",
    ),
    "too little": Case(
        args=["answer", "1"],
        says="answer: Missing argument 'TEXT'.",
        fix="nightlatch answer --help",
    ),
    "an answer to no question": Case(
        args=["answer", "US-001", "x"],
        arrange=[planned()],
        says="prd.json: US-001 has asked nothing, so there is nothing to answer",
        fix=STATUS,
    ),
    "a stop where no run is": Case(
        args=["stop"],
        arrange=[planned()],
        says="{top}: no run is going here, so there is nothing to stop",
        fix="nightlatch run",
    ),
    "a refusal of nothing": Case(
        args=["refuse", "US-001"],
        arrange=[planned()],
        says="prd.json: US-001 has no held or unproved work, so there is nothing to refuse",
        fix=STATUS,
    ),
    "a retry of nothing": Case(
        args=["retry", "US-001"],
        arrange=[planned()],
        says=(
            "prd.json: US-001 has not been tried yet: it runs when its turn comes, so there is"
            " nothing to retry"
        ),
        fix=STATUS,
    ),
    "a revert of what never landed": Case(
        args=["revert", "US-001"],
        arrange=[planned(story("US-001", passes=True))],
        says="prd.json: US-001 has no landing on this branch, so there is nothing to revert",
        fix="set its done-flag to false in the plan",
    ),
    "a hold on what passes": Case(
        args=["hold", "US-001"],
        arrange=[planned(story("US-001", passes=True))],
        says="prd.json: US-001 passes already, so there is nothing to hold",
        fix="nightlatch revert US-001",
    ),
    "proof of what does not pass": Case(
        args=["verify", "US-001"],
        arrange=[planned()],
        says="prd.json: US-001 is not marked as passing",
        fix="nightlatch status",
    ),
    "proof of a plan that is not committed": Case(
        args=["verify"],
        arrange=[write("prd.json", '[{"id": "A", "title": "a", "passes": true}]')],
        says="prd.json has uncommitted changes, and only what HEAD holds can be proved",
        fix="git add prd.json && git commit",
    ),
    "a brief before the first commit": Case(
        args=["brief", "US-001"],
        arrange=[git("update-ref", "-d", "HEAD"), lambda p: p.plan(story("US-001"))],
        says="{top}: the repository has no commits",
        fix="git add -A && git commit -m start",
    ),
    "a trial of a note in which nothing is settled": Case(
        args=["handoff", "US-001", "--trial"],
        arrange=[planned()],
        says="nothing is settled about US-001, so no session could repeat it",
        fix="nightlatch note list",
    ),
    "a trial with an agent that does nothing": Case(
        args=["handoff", "US-001", "--trial"],
        env=NONE,
        code=4,
        arrange=[
            planned(),
            write(
                "loop.toml",
                'agent = ["mine"]\n[agents.mine]\ncommand = ["true"]\n[workspace]\nsandbox ='
                ' "none"',
            ),
            saved,
            lambda p: p.nightlatch(
                "note", "verified", "it is so", "--feature", "US-001", "--evidence", "true"
            ),
        ],
        says="the trial is inconclusive: mine made 0 tool calls and ended so: finished",
        fix="use an agent whose stream tells its tool calls, and that can work here",
    ),
    "an agent for no trial": Case(
        args=["handoff", "US-001", "--agent", "claude"],
        says="--agent is only valid with --trial",
        fix="add --trial",
    ),
    "no such session": Case(
        args=["log", "r-1"],
        arrange=[planned()],
        says="progress.txt: no session or feature r-1 found",
        fix="nightlatch log",
    ),
    "a report on no such run": Case(
        args=["report", "--run", "r-1"],
        arrange=[planned()],
        says="progress.txt: run r-1 not found",
        fix="nightlatch run",
    ),
    "a report on no such run, where there are others": Case(
        args=["report", "--run", "r-1"],
        arrange=[planned(), write("progress.txt", "== run r-2 start\n"), saved],
        says="progress.txt: run r-1 not found",
        fix="one of: r-2",
    ),
    "a report since no time": Case(
        args=["report", "--since", "dawn"],
        arrange=[planned()],
        says="--since dawn is not a date, time or duration",
        fix="give a date (2026-11-20), a time (2026-11-20T22:00) or a duration (12h)",
    ),
    "a page where nothing can be written": Case(
        args=["report", "--html", "no/such.html"],
        arrange=[planned()],
        fix="name a file in a folder that exists",
        says="no/such.html: the page cannot be written: No such file or directory",
    ),
    "an age that is none": Case(
        args=["clean", "--older", "30"],
        says="--older 30 is not a duration",
        fix='give one such as "14d" or "12h"',
    ),
    "no such transcript": Case(
        args=["events", "r-1", "--follow"],
        arrange=[planned()],
        says="transcript of session r-1 not found on this machine",
        fix="nightlatch log",
    ),
    "nothing to wake": Case(
        args=["wake", "r-1"],
        arrange=[planned()],
        says="progress.txt: session r-1 not found",
        fix="nightlatch log",
    ),
    "a session that landed cannot be woken": Case(
        args=["wake", f"{RUN}-s01"],
        arrange=[planned(), lambda p: p.record([p.session("US-001", "landed")])],
        says=f"{RUN}-s01 has landed, so there is nothing to wake",
        fix="nightlatch status",
    ),
    "no such commit": Case(
        args=["check", "v9"],
        arrange=[planned()],
        says="{top}: commit v9 not found",
        fix="git log --oneline",
    ),
    "the first commit": Case(
        args=["check", "HEAD~"],
        arrange=[planned()],
        says="HEAD~ is the first commit, so it has nothing to compare with",
        fix="name a later one",
    ),
    "an unknown name in a template": Case(
        args=["brief", "US-001"],
        arrange=[planned(), write("prompts/brief.md.j2", "Do it.\n{{ featur.title }}\n")],
        says="{top}/prompts/brief.md.j2:2: the template uses featur, which does not exist",
        fix="use one of answer, asked, *",
    ),
    "a broken template": Case(
        args=["brief", "US-001"],
        arrange=[planned(), write("prompts/brief.md.j2", "{% if %}")],
        says="{top}/prompts/brief.md.j2:1: TemplateSyntaxError: *",
        fix="correct it there, or delete the file to use the shipped one",
    ),
    "a template that is not UTF-8": Case(
        args=["brief", "US-001"],
        arrange=[planned(), lambda p: p.write("prompts/brief.md.j2", "").write_bytes(b"caf\xe9")],
        says="{top}/prompts/brief.md.j2: file is not valid UTF-8",
        fix="save the file as UTF-8",
    ),
    "a feature too long for a brief": Case(
        args=["brief", "US-001"],
        arrange=[planned(story("US-001", description="x" * 30_000))],
        says="*the brief of US-001 takes * bytes with nothing left to cut; 24000 is the most",
        fix="split US-001, or move its detail to a file that it names",
    ),
    "a plan of nothing": Case(
        args=["plan"],
        arrange=[planned()],
        says="plan takes a specification, or --refine F, or --prove",
        fix="nightlatch plan SPEC.md",
    ),
    "a specification that is not there": Case(
        args=["plan", "SPEC.md"],
        arrange=[planned()],
        says="the specification cannot be read: *",
        fix="name a file of text",
    ),
    "an empty specification": Case(
        args=["plan", "SPEC.md"],
        arrange=[planned(), write("SPEC.md", "\n")],
        says="SPEC.md: the specification has 1 characters",
        fix="write it, in at most 200000",
    ),
    "a split of what passes": Case(
        args=["plan", "--refine", "US-001"],
        arrange=[planned(story("US-001", passes=True))],
        says="prd.json: US-001 passes already, so there is nothing to split",
        fix="nightlatch status",
    ),
    "a planner that answers nothing": Case(
        args=["plan", "--prove", "--agent", "scripted"],
        arrange=[planned(), write("s.json", "[]")],
        code=1,
        env={**NONE, "NIGHTLATCH_SCRIPT": "s.json"},
        says=("scripted's plan was rejected twice:\n  - it answered nothing: *"),
        fix=(
            "say more clearly what is wanted, or name another with --agent; what it said is in"
            " {top}/.nightlatch/plan"
        ),
    ),
    "init on a detached HEAD": Case(
        args=["init", "--commit"],
        arrange=[planned(), git("checkout", "-q", "--detach")],
        says="HEAD is detached, so a commit would belong to no branch",
        fix="git switch -c NAME",
    ),
}
RANGES = {
    "no range": Case(
        args=["ratchet", "main"],
        says="main is not a range BASE..HEAD",
        fix="write two commits with two dots: nightlatch ratchet $(git merge-base main HEAD)..HEAD",
    ),
    "three dots": Case(
        args=["ratchet", "v1...v2"],
        says="v1...v2 is not a range BASE..HEAD",
        fix="write two commits with two dots: nightlatch ratchet $(git merge-base v1 v2)..v2",
    ),
    "a range from no commit": Case(
        args=["ratchet", "nope\n..HEAD"],
        says="{top}: commit nope  not found",
        fix="git log --oneline",
    ),
    "a range from a tree": Case(
        args=["ratchet", "HEAD^{tree}..HEAD"],
        says="{top}: commit HEAD^{tree} not found",
        fix="git log --oneline",
    ),
    "a range backwards": Case(
        args=["ratchet", "HEAD..HEAD~"],
        arrange=[write("a", ""), saved],
        says="{top}: HEAD is not an ancestor of HEAD~",
        fix="take the commit where the two parted: git merge-base HEAD HEAD~",
    ),
    "a range of a bare repository": Case(
        args=["ratchet", "HEAD~..HEAD"],
        arrange=[git("init", "-q", "--bare", "bare")],
        cwd="bare",
        says="{top}/bare: this is a bare repository, without a checkout to work from",
        fix="git clone {top}/bare",
    ),
}
ALL = {**REPOSITORY, **PLAN, **SETTINGS, **ENVIRONMENT, **COMMANDS, **RANGES}
INSIDE = {"an init.sh that fails", "a check that cannot be run", "a branch that is red"}
CASES = [
    pytest.param(case, id=name, marks=[pytest.mark.sandbox] if name in INSIDE else [])
    for name, case in ALL.items()
]


def arranged(case: Case, project: Project) -> Project:
    for step in case.arrange:
        step(project)
    for name, value in case.env.items():
        project.monkeypatch.setenv(name, value)
    return project


def alike(text: str, wanted: str) -> bool:
    """Equal, where a star stands for anything."""
    parts = wanted.split("*")
    at = 0
    for part in parts:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return text.startswith(parts[0]) and text.endswith(parts[-1])


@pytest.mark.parametrize("case", CASES)
def test_each_error_has_its_sentence_its_next_step_and_its_exit_code(
    case: Case, project: Project
) -> None:
    told = arranged(case, project).nightlatch(*case.args, cwd=case.cwd)
    wanted = f"nightlatch: {case.says}\nfix: {case.fix}\n".replace("{top}", str(project.folder))
    said = told.err[told.err.find("nightlatch: ") :]
    assert alike(said, wanted), f"\n{told.err}\nwanted\n{wanted}"
    assert told.code == case.code


@pytest.mark.parametrize("name", ["no plan", "an unknown key", "no bubblewrap", "no such commit"])
def test_each_error_is_one_object_where_json_is_asked_for(name: str, project: Project) -> None:
    case = ALL[name]
    told = arranged(case, project).nightlatch(
        "check", *(["v9"] if name == "no such commit" else []), "--json"
    )
    body = json.loads(told.out)
    assert set(body) == {"schema", "problem", "place", "fix", "exit"}
    assert (body["exit"], told.err) == (told.code, "")


@pytest.mark.parametrize("name", ["an agent that is not installed", "a script that is not there"])
def test_a_session_that_cannot_begin_leaves_nothing_to_finish(name: str, project: Project) -> None:
    told = arranged(ALL[name], project).nightlatch(*ALL[name].args)
    assert (told.code, "session " in told.err) == (4, False)
    assert "session.started" not in (project.folder / ".nightlatch/journal.jsonl").read_text()


def test_a_second_run_is_told_to_try_later(project: Project) -> None:
    planned()(project)
    lock = project.write(".nightlatch/lock", "")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        told = project.nightlatch(*SCRIPTED)
        holder.terminate()
    assert told.code == 75
    fix = f"wait for it, or end it, its work carried: kill -INT {holder.pid}"
    assert (
        told.err == f"nightlatch: {lock}: another run is already going here (process"
        f" {holder.pid})\nfix: {fix}\n"
    )


def test_zero_features_are_not_all_done(project: Project) -> None:
    project.plan()
    project.commit("no features")
    project.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "none")
    told = project.nightlatch(*SCRIPTED)
    assert told.code == 3
    assert "stop    the plan has no features: add one to it\n" in told.out


def test_outside_a_repository(project: Project, tmp_path: Path) -> None:
    told = project.nightlatch("status", cwd=str(tmp_path))
    wanted = f"nightlatch: {tmp_path}: not inside a git repository\n"
    wanted += "fix: git init && git add -A && git commit --allow-empty -m start\n"
    assert (told.code, told.err) == (2, wanted)


def test_a_folder_with_a_line_break_in_its_name(project: Project) -> None:
    odd = project.folder.with_name("two\nlines")
    project.folder.rename(odd)
    told = project.nightlatch("status", cwd=str(odd))
    assert told.code == 2
    assert told.err.endswith(": the repository path contains a newline\nfix: rename the folder\n")


def test_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m nightlatch status"
    told = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (
        2,
        "nightlatch: the current folder no longer exists\nfix: cd to the project\n",
    )


def test_a_pyproject_of_another_encoding_that_says_nothing_of_ours(project: Project) -> None:
    project.write("pyproject.toml", "").write_bytes(b"# caf\xe9\n")
    assert project.nightlatch("status").code == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["log"], "no session yet\n"),
        (["note", "list"], "no finding yet\n"),
        (["note", "list", "--state", "open"], "no such finding yet\n"),
    ],
)
def test_where_there_is_nothing_to_show_that_is_said(
    project: Project, args: list[str], says: str
) -> None:
    planned()(project)
    told = project.nightlatch(*args)
    assert (told.code, told.out, told.err) == (0, "", says)


def test_a_repository_of_somebody_else(tmp_path: Path) -> None:
    error = no_checkout(tmp_path, [], "fatal: detected dubious ownership in repository at '/x'")
    assert (
        str(error)
        == f"{tmp_path}: git does not trust this folder, because it belongs to another user\n"
        f"fix: git config --global --add safe.directory {tmp_path}"
    )


def test_without_git(project: Project, tmp_path: Path) -> None:
    project.monkeypatch.setenv("PATH", str(tmp_path))
    told = project.nightlatch("status")
    assert (told.code, told.err) == (
        2,
        ("nightlatch: git: git, or the folder to run it in, was not found\nfix: git --version\n"),
    )


def test_a_folder_that_may_not_be_written(project: Project) -> None:
    project.write(".nightlatch", "a file where a folder belongs")
    told = project.nightlatch("init")
    assert told.code == 2
    assert told.err.endswith(
        f"cannot write it: {os.strerror(errno.EEXIST)}\nfix: ls -ld {project.folder}/.nightlatch\n"
    )


def sentences(path: Path) -> list[str]:
    """The longest fixed part of the sentence of every error that a module can raise."""
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    told = [
        call.args[0]
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in ERRORS and call.args
    ]
    pieces = (
        [
            part
            for part in ast.walk(text)
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        ]
        for text in told
    )
    return [max((str(part.value) for part in parts), key=len) for parts in pieces if parts]


@cache
def read_by_tests() -> str:
    """Every text in every test, line by line; long ones are written in parts."""
    trees = (ast.parse(file.read_text()) for file in (ROOT / "tests").rglob("*.py"))
    texts = (
        str(node.value)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return "\n".join(texts)


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_error_is_without_a_test_that_reads_its_sentence(path: Path) -> None:
    missing = [
        text
        for text in sentences(path)
        if text.strip() not in read_by_tests() and text not in NOT_BY_A_PERSON
    ]
    assert missing == []
