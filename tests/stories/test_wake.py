"""A session that died is continued: elsewhere, by somebody else's start, from its last
snapshot; and its log is a stream without gaps."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import pytest

from nightlatch.journal import transcripts_io
from nightlatch.project.project import find_project
from tests import PATIENCE, ROOT
from tests.stories.sample_project import Project, feature, left_running, make_project, writes

MINE = 'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\nevents = "jsonl"\n'
AGENT = """say() { printf '{"kind":"%s","text":"%s","id":"1","ok":true}\\n' "$1" "$2"; }
if test -e half.txt; then cp half.txt seen.txt; echo 1 >n1.txt; say result done; exit; fi
echo half >half.txt
say tool_call list
say tool_result "$(yes 'a long listing' | head -n 1000 | tr '\\n' ' ')"
say message "now it is wound up"
exec sleep infinity"""


def until(condition: object, seconds: float = PATIENCE) -> None:
    """Wait for what another process does."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]  # a function without arguments
        assert time.monotonic() < end, "it never came"
        Event().wait(0.05)


def dead(project: Project) -> str:
    """A run that is killed, agent and all, once its session has been saved; the session's name."""
    run = project.start("run")
    sessions = project.folder / ".nightlatch/sessions"
    refs = ["git", "for-each-ref", "--format=%(refname)", "refs/nightlatch/sessions"]
    until(
        lambda: (
            subprocess.run(
                refs, cwd=project.folder, capture_output=True, text=True, check=True
            ).stdout
        )
    )
    until(
        lambda: any(
            b"wound up" in file.read_bytes() for file in sessions.glob("*/transcript.jsonl")
        )
    )
    run.send_signal(signal.SIGKILL)
    run.communicate()
    until(lambda: not left_running(project))
    return next(sessions.iterdir()).name


@pytest.mark.sandbox
def test_a_session_that_died_is_continued_from_a_copy_under_another_path(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, [feature(1)], settings=MINE, files={"agent.sh": f"#!/bin/sh\n{AGENT}\n"}
    )
    (project.folder / "agent.sh").chmod(0o755)
    project.commit("the agent may run")
    session = dead(project)
    elsewhere = tmp_path / "another machine"
    elsewhere.mkdir()
    shutil.copytree(project.folder, elsewhere / "copy", symlinks=True)
    workspaces = sorted(tmp_path.glob("cache/*/ws/*"))
    copy = replace(
        project, folder=elsewhere / "copy", env={"NIGHTLATCH_CACHE": str(elsewhere / "cache")}
    )
    ran = copy.run("wake", session)

    assert [(word, rule) for word, _, rule in copy.outcomes()] == [
        ("interrupted", "loop.crash"),
        ("landed", ""),
    ], ran.stderr
    assert copy.git("show", "HEAD:seen.txt") == "half\n", (
        "what the snapshot had lay in the fresh workspace"
    )
    brief = max(
        (copy.folder / ".nightlatch/sessions").glob("*/brief.md"),
        key=lambda file: file.stat().st_mtime,
    ).read_text()
    assert "How the last session ended" in brief
    assert "- message: now it is wound up" in brief
    assert sorted(tmp_path.glob("cache/*/ws/*")) == workspaces, (
        "the workspace of the first one is not touched from the copy"
    )
    assert copy.git("for-each-ref", "refs/nightlatch/bases") == ""
    again = copy.run("wake", session)
    assert "passes" in again.stdout
    landed = copy.entries()[-1].details[-1].split()[1]
    assert "has landed, so there is nothing to wake" in copy.run("wake", landed, code=2).stderr
    assert len(copy.landings()) == 1

    base = project.git("rev-parse", "refs/nightlatch/bases/" + session).strip()
    project.git("update-ref", "refs/heads/main", f"{base}~1")
    project.git("update-ref", "-d", f"refs/nightlatch/sessions/{session}")
    project.git("reflog", "expire", "--all", "--expire=now")
    project.git("gc", "-q", "--prune=now")
    assert project.git("cat-file", "-t", base) == "commit\n", (
        "what a workspace in flight borrows is never collected"
    )


STRANGER = 54_321


def as_stranger(project: Project, *args: str) -> subprocess.CompletedProcess[str]:
    """The program as a user whom this machine does not know, with a home of their own."""
    home = project.folder.parent / "home"
    if not home.exists():
        home.mkdir()
        os.chown(home, STRANGER, STRANGER)
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        **project.env,
    }
    argv = [
        "setpriv",
        f"--reuid={STRANGER}",
        f"--regid={STRANGER}",
        "--clear-groups",
        sys.executable,
        "-m",
        "nightlatch",
        *args,
    ]
    return subprocess.run(
        argv,
        cwd=project.folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that other users can go to, as they cannot to pytest's own; a skip where this
    machine has no other user to be."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can be another user")
    argv = [
        "setpriv",
        f"--reuid={STRANGER}",
        f"--regid={STRANGER}",
        "--clear-groups",
        sys.executable,
        "-c",
        "import nightlatch.cli, click",
    ]
    if subprocess.run(argv, cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip("another user may not read this project, or its Python")
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.sandbox
def test_a_session_that_died_is_continued_by_another_user(tmp_path: Path, open_place: Path) -> None:
    project = make_project(
        tmp_path, [feature(1)], settings=MINE, files={"agent.sh": f"#!/bin/sh\n{AGENT}\n"}
    )
    (project.folder / "agent.sh").chmod(0o755)
    project.commit("the agent may run")
    session = dead(project)
    copy = replace(
        project,
        folder=open_place / "copy",
        env={"NIGHTLATCH_CACHE": str(open_place / "home/cache")},
    )
    shutil.copytree(project.folder, copy.folder, symlinks=True)

    told = as_stranger(copy, "wake", session)
    assert told.returncode == 2
    assert "git does not trust this folder, because it belongs to another user" in told.stderr
    assert f"fix: git config --global --add safe.directory {copy.folder}" in told.stderr
    for place in (copy.folder, copy.folder / ".git"):
        os.chown(place, STRANGER, STRANGER)
    for args in (("wake", session), ("run",), ("events", session), ("status",), ("report",)):
        told = as_stranger(copy, *args)
        assert "Traceback" not in told.stderr
        assert "something unexpected" not in told.stderr
        if args[0] in ("wake", "run", "events"):
            assert told.returncode == 2
            assert "this belongs to another user, and you have no access to it" in told.stderr
            assert 'sudo chown -R "$(id -un)" FOLDER' in told.stderr

    for place in (copy.folder, *copy.folder.rglob("*")):
        os.chown(place, STRANGER, STRANGER, follow_symlinks=False)
    ran = as_stranger(copy, "wake", session)
    assert ran.returncode == 0, ran.stderr
    whole = {
        path.owner() if path.stat().st_uid != STRANGER else STRANGER
        for path in copy.folder.rglob("*")
    }
    assert whole == {STRANGER}
    subprocess.run(["chown", "-R", "0:0", copy.folder], check=True)
    assert [(word, rule) for word, _, rule in copy.outcomes()] == [
        ("interrupted", "loop.crash"),
        ("landed", ""),
    ]
    assert copy.git("show", "HEAD:seen.txt") == "half\n"
    assert len(copy.landings()) == 1


@pytest.mark.sandbox
def test_a_repository_that_was_moved_between_two_runs_goes_on_where_it_is(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        [feature(1), feature(2)],
        settings=MINE,
        files={"agent.sh": f"#!/bin/sh\n{AGENT}\n"},
    )
    (project.folder / "agent.sh").chmod(0o755)
    project.commit("the agent may run")
    dead(project)
    moved = replace(project, folder=tmp_path / "another place" / "shop")
    moved.folder.parent.mkdir()
    project.folder.rename(moved.folder)
    ran = moved.run("run", "--sessions", "2", "--feature", "US-001", code=None)
    assert moved.passing() == ["US-001"], ran.stderr
    assert [(word, rule) for word, _, rule in moved.outcomes()] == [
        ("interrupted", "loop.crash"),
        ("landed", ""),
    ], ran.stderr
    assert moved.git("show", "HEAD:seen.txt") == "half\n", "what the snapshot had went along"
    assert len(moved.landings()) == 1
    assert moved.git("for-each-ref", "refs/nightlatch/bases") == ""
    assert moved.git("status", "--porcelain") == ""
    assert left_running(moved) == []


@pytest.mark.sandbox
def test_the_log_of_a_session_is_a_stream_without_gaps(tmp_path: Path) -> None:
    """Read by one who follows from the start, one who comes later, and one who reads when it is
    over and packed."""
    project = make_project(tmp_path, [feature(1)])
    steps = [{"say": f"word {n}"} for n in range(40)]
    wait = {"run": "for n in $(seq 200); do test -e gone && break; sleep 0.1; done"}
    script = project.script([[*steps, wait, *steps, writes(1), {"say": "the end"}]])
    run = project.start("run", "--agent", "scripted", env={"NIGHTLATCH_SCRIPT": str(script)})
    sessions, trees = project.folder / ".nightlatch/sessions", tmp_path / "cache"
    until(
        lambda: any(b"seq 200" in file.read_bytes() for file in sessions.glob("*/transcript.jsonl"))
    )
    session = next(sessions.iterdir()).name
    followers = [
        project.start("events", session, "--follow", "--json", *more)
        for more in ((), ("--since", "20"))
    ]
    until(lambda: [*trees.glob("*/ws/*/tree/till.py")])
    for tree in trees.glob("*/ws/*/tree"):
        (tree / "gone").touch()
    streams = [
        [json.loads(line) for line in follower.communicate(timeout=PATIENCE)[0].splitlines()]
        for follower in followers
    ]
    assert run.communicate(timeout=PATIENCE) is not None

    house = find_project(project.folder)
    numbers = [event["n"] for event in streams[0]]
    assert numbers == [*range(1, len(numbers) + 1)]
    assert streams[1] == streams[0][20:]
    said = [event["text"] for event in streams[0] if event["kind"] == "message"]
    assert said == [*(f"word {n}" for n in range(40)), *(f"word {n}" for n in range(40)), "the end"]
    assert (
        "".join(f"{event['raw']}\n" for event in streams[0] if event["raw"])
        == (sessions / session / transcripts_io.NAME).read_text()
    )
    transcripts_io.pack(house, time.time() + 60)
    assert [file.name for file in (sessions / session).glob("transcript*")] == [
        "transcript.jsonl.gz"
    ]
    packed = sessions / session / "transcript.jsonl.gz"
    assert gzip.decompress(packed.read_bytes()).count(b"\n") > 80
    assert packed.stat().st_mode & 0o077 == 0
    after = project.run("events", session, "--json").stdout
    assert [json.loads(line) for line in after.splitlines()] == streams[0]
    assert "message: the end" in project.run("log", session).stdout
