"""Ctrl-C while suites or checks run: what runs is gone within a second, also where several
suites run side by side."""

import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pexpect
import pytest

from tests import PATIENCE, ROOT
from tests.stories.sample_project import Project, feature, left_running, make_project

pytestmark = pytest.mark.sandbox
NUMBERS = count(os.getpid() * 1000)
# It sleeps where the file `slow` is in its tree, for a time that no other test's sleeps for: so its
# process can be told from others.
SUITE = "test ! -e ../slow || sleep {}\n"
AGENT = "#!/bin/sh\necho 1 > n1.txt\n: > slow\n"
SETTINGS = """agent = ["helper"]

[agents.helper]
command = ["./agent.sh"]

[[checks.suite]]
name = "one"
folder = "one"
command = "sh run.sh"

[[checks.suite]]
name = "two"
folder = "two"
command = "sh run.sh"
"""


def shop(folder: Path, slow: tuple[str, ...]) -> tuple[Project, list[int]]:
    """A project of two suites; those named, and a check or an init.sh, sleep as soon as its one
    feature is written."""
    naps = {name: next(NUMBERS) for name in slow}
    files = {
        f"{name}/run.sh": SUITE.format(naps[name]) if name in naps else "true\n"
        for name in ("one", "two")
    }
    project = make_project(
        folder, [feature(1)], settings=SETTINGS, files={**files, "agent.sh": AGENT}
    )
    (project.folder / "agent.sh").chmod(0o755)
    if "check" in naps:
        project.write(
            "checks/20-slow", f"#!/bin/sh\ntest ! -e slow || sleep {naps['check']}\n", mode=0o755
        )
    if "init" in naps:
        project.write("init.sh", f"#!/bin/sh\ntest ! -e slow || sleep {naps['init']}\n", mode=0o755)
    project.commit("the agent may run")
    return project, [*naps.values()]


def asleep(nap: int) -> bool:
    """Does a process sleep for this time?"""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if process.read_bytes() == f"sleep\0{nap}\0".encode():
                return True
        except OSError:
            continue
    return False


def until_all_sleep(running: "subprocess.Popen[str]", naps: list[int]) -> None:
    while not all(map(asleep, naps)):
        assert running.poll() is None, running.communicate()


def gone_after(naps: list[int]) -> float:
    """The seconds until none of these processes is left."""
    began = time.monotonic()
    while any(map(asleep, naps)):
        assert time.monotonic() - began < 30, "still there"
    return time.monotonic() - began


def pressed(running: "subprocess.Popen[str]", naps: list[int], times: int) -> float:
    """Ctrl-C so often, and the program's end; the seconds until what ran was gone."""
    for _ in range(times - 1):
        running.send_signal(signal.SIGINT)
        assert running.stderr
        while "Ctrl-C again" not in running.stderr.readline():
            assert running.poll() is None
    running.send_signal(signal.SIGINT)
    try:
        gone = gone_after(naps)
        _, said = running.communicate(timeout=PATIENCE)
    finally:
        running.kill()  # nothing, where it has ended
    assert running.returncode == 130, said
    return gone


def assert_at_once(gone: float) -> None:
    """What ran was gone within a second; on a machine on which even Python takes long to start,
    later."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
    slow = 20 * (time.monotonic() - began)
    assert gone < 1 + slow, f"gone after {gone:.1f} s"


@pytest.mark.parametrize("slow", [("one", "two"), ("two",), ("check",)])
def test_two_signals_end_the_suites_and_checks_of_a_verdict_and_the_next_run_goes_on(
    tmp_path: Path, slow: tuple[str, ...]
) -> None:
    project, naps = shop(tmp_path, slow)
    running = project.start("run")
    until_all_sleep(running, naps)
    gone = pressed(running, naps, 2)
    assert left_running(project) == []
    assert_at_once(gone)


@pytest.mark.parametrize("slow", [("one", "two"), ("check",), ("init",)])
def test_one_signal_ends_what_is_found_out_about_the_branch_before_any_agent_works(
    tmp_path: Path, slow: tuple[str, ...]
) -> None:
    project, naps = shop(tmp_path, slow)
    project.write("slow", "")
    project.commit("everything is slow now")
    running = project.start("run")
    until_all_sleep(running, naps)
    gone = pressed(running, naps, 1)
    assert left_running(project) == []
    assert project.entries() == []
    assert_at_once(gone)


@pytest.mark.parametrize("left", [0, 1])
def test_one_signal_ends_the_verify_that_proves_once_more_what_passes(
    tmp_path: Path, left: int
) -> None:
    nap = next(NUMBERS)
    stories = [
        feature(1, passes=True, verify=f"sleep {nap}"),
        *(feature(n) for n in range(2, 2 + left)),
    ]
    project = make_project(tmp_path, stories)
    running = project.start("run")
    until_all_sleep(running, [nap])
    gone = pressed(running, [nap], 1)
    assert left_running(project) == []
    assert project.entries() == []
    assert_at_once(gone)


def test_one_signal_ends_a_ratchet(tmp_path: Path) -> None:
    project, _ = shop(tmp_path, ())
    project.write("more.py", "more = 1\n")
    project.commit("more")
    naps = [next(NUMBERS)]
    running = project.start("ratchet", "HEAD~1..HEAD", "--tests", f"sleep {naps[0]}")
    until_all_sleep(running, naps)
    gone = pressed(running, naps, 1)
    assert left_running(project) == []
    assert_at_once(gone)


def test_a_verdict_says_what_runs_and_how_many_of_how_many_since_when(tmp_path: Path) -> None:
    project, naps = shop(tmp_path, ("two",))
    env = {**os.environ, "PYTHONPATH": str(ROOT), **project.env}
    argv = ["-m", "nightlatch", "run"]
    with pexpect.spawn(
        sys.executable, argv, cwd=project.folder, env=env, dimensions=(40, 200), timeout=PATIENCE
    ) as terminal:
        terminal.expect(
            r"\d+s  US-001: the candidate's tests on its code, \d of \d done: two for \d+s"
        )
        assert all(map(asleep, naps))
        terminal.sendintr()
        terminal.expect("Ctrl-C again ends the run at once")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
    assert left_running(project) == []
