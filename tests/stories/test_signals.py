"""A person stops the loop: once, and it ends after carrying the work; twice, and it ends at
once; nothing is lost either way."""

import signal
from pathlib import Path

import pytest

from tests.stories.sample_project import feature, left_running, make_project, writes
from tests.stories.test_person_edits import events, village

pytestmark = pytest.mark.sandbox
SLOW = (
    "echo half > half.txt\ntest -e again || { touch again; sleep 1000; }\necho 1 > n1.txt\nrm -f"
    " again\n"
)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_ends_the_run_after_the_work_is_carried(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    project = village(tmp_path, 1, SLOW)
    running = project.start("run")
    for event in events(project, running):
        if event == "agent.started":
            while not any(tmp_path.glob("cache/*/ws/*/tree/again")):
                assert running.poll() is None
            running.send_signal(number)
    running.communicate()
    assert running.returncode == code
    assert [(word, rule) for word, _, rule in project.outcomes()] == [
        ("interrupted", "agent.stopped")
    ]
    assert (
        "half.txt" in project.git("ls-tree", "--name-only", "refs/nightlatch/work/US-001").split()
    )
    assert left_running(project) == []
    project.run("run")
    assert project.passing() == ["US-001"]


def test_two_signals_end_it_at_once_and_the_next_run_goes_on(tmp_path: Path) -> None:
    project = village(tmp_path, 1, "trap '' TERM\n" + SLOW)
    running = project.start("run")
    for event in events(project, running):
        if event == "agent.started":
            while not any(tmp_path.glob("cache/*/ws/*/tree/again")):
                assert running.poll() is None
            running.send_signal(signal.SIGINT)
            running.send_signal(signal.SIGTERM)
    running.communicate()
    assert running.returncode == 130
    assert left_running(project) == []
    project.run("run")
    assert project.passing() == ["US-001"]


def test_unproved_work_is_held_where_the_person_wants_that(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, [feature(1, verify=[])], settings='[land]\nunproved = "hold"\n'
    )
    project.night([[writes(1)]], code=3)
    assert project.outcomes() == [("held", "US-001", "land.unproved")]
    assert not (project.folder / "n1.txt").exists()
    project.run("approve", "US-001", "--now")
    assert project.passing() == ["US-001"]
    assert (project.folder / "n1.txt").read_text() == "1\n"
