"""A run and its terminal: it may close, hang up, or never have been there; and what keeps the
machine awake meanwhile."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nightlatch.journal import file_io
from tests import ROOT
from tests.io.run.test_keep_awake import keeper
from tests.stories.sample_project import Project, left_running
from tests.stories.test_person_edits import village
from tests.stories.test_wake import until

pytestmark = pytest.mark.sandbox
MEETS = "echo 1 > n1.txt\ntouch here\nwhile test ! -e go; do sleep 0.02; done\nrm here go\n"


@contextmanager
def terminal(
    project: Project, *args: str, **env: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The program as the leader of a session with a terminal of its own, and the terminal's
    other end; leaving closes it."""
    master, slave = os.openpty()
    argv = ["setsid", "--ctty", sys.executable, "-m", "nightlatch", *args]
    whole = {**os.environ, "PYTHONPATH": str(ROOT), **project.env, **env}
    process = subprocess.Popen(
        argv, cwd=project.folder, stdin=slave, stdout=slave, stderr=slave, env=whole
    )
    os.close(slave)
    try:
        yield process, master
    finally:
        os.close(master)


def printed(master: int, wanted: bytes = b"") -> bytes:
    """What the terminal shows, until these words or until nobody has it open any more."""
    text = b""
    while not wanted or wanted not in text:
        try:
            text += os.read(master, 4096)
        except OSError:
            return text
    return text


def at_work(project: Project) -> list[Path]:
    """The workspaces whose agent is at the point where it waits."""
    return [file.parent for file in project.folder.parent.glob("cache/*/ws/*/tree/here")]


def let_go(project: Project) -> None:
    for tree in at_work(project):
        (tree / "go").touch()


def test_a_detached_run_goes_on_when_its_terminal_closes(tmp_path: Path) -> None:
    project = village(tmp_path, 1, MEETS)
    with terminal(project, "run", "--detach", "--sessions", "1") as (first, master):
        told = printed(master).decode()
        assert first.wait() == 0, told
    assert "is running in the background, process " in told
    assert "python loop.py watch" in told
    assert "python loop.py stop" in told
    process = int(told.partition("process ")[2].partition(";")[0])
    assert os.getsid(process) == process
    until(lambda: at_work(project))
    for again in (("run", "--detach"), ("run",)):
        refused = project.run(*again, code=75)
        assert f"another run is already going here (process {process})" in refused.stderr
    os.kill(process, signal.SIGHUP)
    let_go(project)
    assert "landed" in project.run("watch").stdout
    until(lambda: not left_running(project))
    assert project.passing() == ["US-001"]
    log = (project.folder / ".nightlatch/run.log").read_text()
    assert "landed      US-001" in log
    assert "== run r-" in log


def test_what_ends_a_detached_run_at_once_is_told_where_it_was_started(tmp_path: Path) -> None:
    project = village(tmp_path, 1)
    project.write("checks/10-tests", "#!/bin/sh\n", mode=0o755)
    refused = project.run("run", "--detach", code=2)
    assert "checks/" in refused.stderr
    assert refused.stdout == ""


def test_a_plain_run_goes_on_when_its_terminal_closes(tmp_path: Path) -> None:
    project = village(
        tmp_path,
        2,
        MEETS.replace("1 > n1", "${NIGHTLATCH_FEATURE#US-00} > n${NIGHTLATCH_FEATURE#US-00}"),
    )
    with terminal(project, "run") as (run, master):
        printed(master, b"US-001 Number 1")
        until(lambda: at_work(project))
    let_go(project)
    until(
        lambda: (
            not (project.folder / ".nightlatch/journal.jsonl").read_text().count("session.started")
            < 2
        )
    )
    until(lambda: at_work(project) or run.poll() is not None)
    let_go(project)
    assert run.wait(60) == 0
    assert project.passing() == ["US-001", "US-002"]
    assert left_running(project) == []


def test_a_run_whose_output_nobody_reads_any_more_goes_on(tmp_path: Path) -> None:
    project = village(tmp_path, 1, MEETS)
    run = project.start("run")
    assert run.stdout
    assert run.stderr
    until(lambda: at_work(project))
    run.stdout.close()
    run.stderr.close()
    let_go(project)
    assert run.wait(60) == 0
    assert project.passing() == ["US-001"]


def test_a_run_that_was_started_with_everything_closed_is_one_like_any_other(
    tmp_path: Path,
) -> None:
    project = village(tmp_path, 1, MEETS)
    argv = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "nightlatch", "run"]
    run = subprocess.Popen(
        argv, cwd=project.folder, env={**os.environ, "PYTHONPATH": str(ROOT), **project.env}
    )
    until(lambda: at_work(project))
    let_go(project)
    assert run.wait(60) == 0
    assert project.passing() == ["US-001"]


def test_ctrl_c_at_a_terminal_reaches_the_loop_and_none_of_its_gits(tmp_path: Path) -> None:
    project = village(
        tmp_path, 1, f"echo half > half.txt; {MEETS}".replace("echo 1 > n1.txt\n", "")
    )
    with terminal(project, "run") as (run, master):
        printed(master, b"US-001 Number 1")
        until(lambda: at_work(project))
        os.write(master, b"\x03")
        told = printed(master)
        assert run.wait(60) == 130, told
    assert [(word, rule) for word, _, rule in project.outcomes()] == [
        ("interrupted", "agent.stopped")
    ]
    assert (
        "half.txt" in project.git("ls-tree", "--name-only", "refs/nightlatch/work/US-001").split()
    )


def test_a_loop_that_is_killed_keeps_nothing_awake(tmp_path: Path) -> None:
    project = village(tmp_path, 1, MEETS)
    log = keeper(tmp_path, "systemd-inhibit")
    run = project.start("run", env={"PATH": f"{log.parent}:{os.environ['PATH']}"})
    until(lambda: at_work(project))
    assert "over" not in log.read_text()
    run.kill()
    run.communicate()
    until(lambda: "over" in log.read_text())


def test_a_machine_that_slept_is_told_and_costs_no_session_its_time(tmp_path: Path) -> None:
    project = village(tmp_path, 1, "echo 1 > n1.txt; sleep 1.5\n")
    driver = tmp_path / "drive.py"
    driver.write_text(SLEEPER)
    env = {**os.environ, "PYTHONPATH": str(ROOT), **project.env}
    done = subprocess.run(
        [sys.executable, str(driver)],
        cwd=project.folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "slept       the machine slept 3h; no time-out counts it" in done.stderr
    events = [
        event for event in file_io.read(project.folder / ".nightlatch/journal.jsonl") if event
    ]
    assert [event["seconds"] for event in events if event["event"] == "machine.slept"] == [10_800]
    assert project.passing() == ["US-001"], (
        "limits.wall is two hours, and three of sleep do not count"
    )
    report = json.loads(project.run("report", "--json").stdout)
    assert [wait["why"] for wait in report["waits"]] == ["the machine slept"]


SLEEPER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
sys.path.insert(0, str(Path.cwd()))
from loop import run
from nightlatch.run.context import Clock, Options

looks = []
def asleep():
    looks.append(1)
    return 10_800.0 if len(looks) > 3 else 0.0

def now():
    return datetime.now(UTC) + timedelta(seconds=10_800 if len(looks) > 3 else 0)

sys.exit(run(Options(flags={"limits.wall": "2h"}, clock=Clock(now=now, asleep=asleep))))
"""


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_the_unit_that_the_page_shows_is_one(tmp_path: Path) -> None:
    found = re.search(r"```ini\n(.*?)```", (ROOT / "docs/overnight.md").read_text(), re.DOTALL)
    assert found
    unit = tmp_path / "night@.service"
    unit.write_text(found[1])
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "night@" in done.stderr) == (0, False), done.stderr


@pytest.mark.skipif(not shutil.which("tmux"), reason="no tmux here")
def test_a_run_in_tmux_goes_on_without_anybody_attached(tmp_path: Path) -> None:
    project = village(tmp_path, 1)
    env = {**os.environ, "PYTHONPATH": str(ROOT), **project.env, "TMUX_TMPDIR": str(tmp_path)}
    line = f"{sys.executable} -m nightlatch run"
    subprocess.run(
        ["tmux", "-f", os.devnull, "new-session", "-d", "-s", "night", line],
        cwd=project.folder,
        env=env,
        check=True,
    )
    until(
        lambda: (
            "exit=0" in project.git("show", "HEAD:progress.txt") if project.landings() else False
        )
    )
    assert project.passing() == ["US-001"]
    until(lambda: not left_running(project))
