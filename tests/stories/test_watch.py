"""`watch` beside a real run: on a terminal, in tmux, through a pipe, without colour, and when
the run dies under it."""

import os
import re
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pexpect.fdpexpect import fdspawn

from tests import PATIENCE, ROOT
from tests.stories.sample_project import Project
from tests.stories.test_decisions import HONEST, go, said
from tests.stories.test_person_edits import village

pytestmark = pytest.mark.sandbox
LEFT = "\x1b[?1049l"


@contextmanager
def terminal(
    project: Project, columns: int, **env: str
) -> Iterator[tuple["fdspawn[str]", subprocess.Popen[bytes]]]:
    """`watch` on a pseudo-terminal of its own."""
    keyboard, screen = os.openpty()
    termios.tcsetwinsize(screen, (24, columns))
    own = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **project.env, **env}
    argv = [sys.executable, "-m", "nightlatch", "watch"]
    watch = subprocess.Popen(
        argv,
        cwd=project.folder,
        env=own,
        stdin=screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
    )
    os.close(screen)
    try:
        yield fdspawn(keyboard, timeout=PATIENCE, encoding="utf-8"), watch
    finally:
        watch.kill()
        watch.wait()
        os.close(keyboard)


def at_work(folder: Path) -> tuple[Project, subprocess.Popen[str]]:
    """A run with its agent at work, until it is told to go on."""
    project = village(folder, 2, f"echo '[/red] thinking \\033[31m about it'\n{HONEST}")
    running = project.start("run")
    said(running, " session ")
    return project, running


def test_keys_are_the_commands_and_leaving_it_leaves_the_run_alone(tmp_path: Path) -> None:
    project, running = at_work(tmp_path)
    with terminal(project, 80) as (screen, watch):
        screen.expect_exact("RUNNING")
        screen.expect_exact("[/red] thinking \\x1b[31m about it")
        screen.send("p")
        screen.expect_exact(f"the run (process {running.pid}) pauses after its session on US-001")
        screen.expect_exact("PAUSING")
        screen.send("p")
        screen.expect_exact(f"the run (process {running.pid}) goes on")
        screen.send("l")
        screen.expect_exact("any key goes back")
        screen.send(" ")
        screen.send("s")
        screen.expect_exact("STOPPING")
        screen.send("q")
        screen.expect_exact(LEFT)
        assert watch.wait(PATIENCE) == 0
    go(project)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == 0
    assert project.passing() == ["US-001"]


def test_it_dies_with_the_run_cleanly_on_a_terminal_without_colour_and_through_a_pipe(
    tmp_path: Path,
) -> None:
    project, running = at_work(tmp_path)
    piped = project.start("watch", env={"FORCE_COLOR": "1"})
    assert piped.stdout
    first = piped.stdout.readline()
    assert re.fullmatch(r"\S+Z session     US-001 Number 1: (prepares|agent works)\n", first), first
    with terminal(project, 40, NO_COLOR="1") as (screen, watch):
        screen.expect_exact("RUNNING")
        running.kill()
        running.communicate()
        screen.expect_exact(LEFT)
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", screen.before or "")
        screen.expect_exact(
            "the run is gone; it was cut off at US-001, and the next one finishes that"
        )
        assert watch.wait(PATIENCE) == 0
    out, err = piped.communicate(timeout=PATIENCE)
    assert (piped.returncode, err) == (0, "")
    assert out.endswith(
        "ended       the run is gone; it was cut off at US-001, and the next one finishes that\n"
    )
    assert "\x1b" not in out
    assert (
        project.run("watch").stdout
        == "the run is gone; it was cut off at US-001, and the next one finishes that\n"
    )


def test_terminated_it_gives_the_terminal_back(tmp_path: Path) -> None:
    project, running = at_work(tmp_path)
    with terminal(project, 200) as (screen, watch):
        screen.expect_exact("RUNNING")
        watch.terminate()
        screen.expect_exact(LEFT)
        assert watch.wait(PATIENCE) == 143
    running.kill()
    running.communicate()


def test_in_tmux_at_40_columns_it_is_whole_and_follows_the_run_to_its_end(tmp_path: Path) -> None:
    tmux = shutil.which("tmux")
    if tmux is None:
        pytest.skip("tmux is not installed")
    project, running = at_work(tmp_path)
    server = [tmux, "-S", str(tmp_path / "tmux"), "-f", os.devnull]
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "COLUMNS": "200",
        "LINES": "1",
        **project.env,
    }
    start = [
        *server,
        "new-session",
        "-d",
        "-x",
        "40",
        "-y",
        "24",
        f"{sys.executable} -m nightlatch watch; sleep 1000",
    ]
    subprocess.run(start, cwd=project.folder, env=env, check=True)
    try:
        shown = pane(server, "RUNNING")
        assert "US-001 " in shown
        assert "keys p pause  s stop  l log  q leave" in shown
        project.run("stop")
        go(project)
        assert "the run ended with 0" in pane(server, "the run ended")
    finally:
        subprocess.run([*server, "kill-server"], env=env, check=False)
        running.kill()
        running.communicate()
    assert project.passing() == ["US-001"]


def pane(server: list[str], words: str) -> str:
    """What the pane shows, once these words are in it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        shown = subprocess.run(
            [*server, "capture-pane", "-p"], check=True, capture_output=True, text=True
        ).stdout
        if words in shown:
            return shown
    raise AssertionError(shown)
