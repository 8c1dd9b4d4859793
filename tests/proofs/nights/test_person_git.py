"""A person who uses git while the loop is at work, in a session or in a landing: nothing is
lost, and nothing is done twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import PATIENCE, ROOT
from tests.stories.concurrent_editor import POINTS
from tests.stories.sample_project import Project, left_running
from tests.stories.test_detached import MEETS, at_work, let_go
from tests.stories.test_person_edits import HONEST, village
from tests.stories.test_wake import until

pytestmark = pytest.mark.sandbox
TAKES_BACK = "takes back the last commit"
FULL = bool(os.environ.get("NIGHTLATCH_FULL"))
MINE = "echo mine > mine.txt; git add mine.txt; git commit -q -m mine -- mine.txt"
LINES = {
    "commits": f"{MINE}",
    "goes to another branch": (
        "git switch -q -c elsewhere; echo there > there.txt; git add there.txt; git commit -q -m"
        " there"
    ),
    "rewrites the last commit": "git commit -q --amend -m 'said better'",
    "rebases": (
        "git switch -q -c topic HEAD~1; echo mine > mine.txt; git add mine.txt; git commit -q -m"
        " mine; git rebase -q main; git switch -q main; git merge -q --ff-only topic"
    ),
    TAKES_BACK: "git reset -q --hard HEAD~1",
    "puts edits away and back": (
        "echo '# idea' >> till.py; git stash -q; git stash pop -q; grep -q idea till.py; git"
        " checkout -q till.py"
    ),
    "collects": "git reflog expire --expire=now --all; git gc -q --prune=now",
    "takes the loop's refs": (
        "git for-each-ref --format='%(refname)' refs/nightlatch | xargs -rn1 git update-ref -d"
    ),
}
# While the branch has moved and the index has not yet, a commit of the whole index takes the
# landing out again: in git there is no help.
MOMENTS = [
    (at, what)
    for n, at in enumerate(POINTS)
    for m, what in enumerate(LINES)
    if (FULL or n == (m + 4) % 5) and not (what.startswith("rewrites") and 1 < n < 4)
]


def shop(folder: Path, script: str) -> Project:
    """A project whose last commit is one that a person may want to take back."""
    project = village(folder, 1, script)
    project.write("extra.txt", "extra\n")
    project.commit("extra")
    return project


def person(project: Project, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-ec", line], cwd=project.folder, capture_output=True, text=True, check=False
    )


def assert_nothing_lost(project: Project, what: str, *, extra: bool) -> None:
    """One landing, on the branch and whole; what the person did stands, and what they took back
    stays away."""
    names = project.git("ls-tree", "--name-only", "main").split()
    landed = project.git(
        "log", "--format=%(trailers:key=Nightlatch-Session,valueonly)", "main"
    ).split()
    assert len(landed) == 1
    assert "n1.txt" in names
    assert ("extra.txt" in names) == extra
    if what in ("commits", "rebases"):
        assert project.git("show", "main:mine.txt") == "mine\n"
        assert project.git("log", "--format=%s", "main").split("\n").count("mine") == 1
    if what == "goes to another branch":
        assert project.git("ls-tree", "--name-only", "elsewhere").split().count("there.txt") == 1
        assert project.git("symbolic-ref", "--short", "HEAD") == "elsewhere\n"
        project.git("switch", "-q", "main")
    assert project.passing() == ["US-001"]
    assert [entry.word for entry in project.entries()].count("landed") == 1
    assert project.git("status", "--porcelain") == ""
    project.git("fsck", "--connectivity-only", "--no-dangling")
    assert left_running(project) == []


@pytest.mark.parametrize("what", LINES)
def test_a_person_uses_git_in_the_middle_of_a_session(tmp_path: Path, what: str) -> None:
    project = shop(tmp_path, MEETS)
    run = project.start("run")
    until(lambda: at_work(project))
    done = person(project, LINES[what])
    assert done.returncode == 0, done.stderr
    let_go(project)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, f"{out}\n{err}"
    assert_nothing_lost(project, what, extra=what != TAKES_BACK)


@pytest.mark.parametrize(("at", "what"), MOMENTS)
def test_a_person_uses_git_in_the_middle_of_a_landing(tmp_path: Path, at: str, what: str) -> None:
    project = shop(tmp_path, "echo 1 > n1.txt\n")
    env = {**os.environ, **project.env, "PYTHONPATH": str(ROOT), "AT": at, "DO": LINES[what]}
    meddler = [sys.executable, str(ROOT / "tests/stories/concurrent_editor.py"), "run"]
    done = subprocess.run(
        meddler, cwd=project.folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "meddled").read_text().startswith("0 ")
    assert_nothing_lost(project, what, extra=what != TAKES_BACK or POINTS.index(at) > 1)


def test_a_branch_that_is_being_rebased_is_not_moved_until_that_is_over(tmp_path: Path) -> None:
    project = shop(tmp_path, MEETS)
    run = project.start("run")
    until(lambda: at_work(project))
    done = person(
        project,
        "GIT_SEQUENCE_EDITOR='sed -i s/^pick/edit/' git rebase -q -i HEAD~1; echo mine > mine.txt;"
        " git add mine.txt",
    )
    assert done.returncode == 0, done.stderr
    tip = project.git("rev-parse", "main")
    let_go(project)
    assert run.stderr
    assert any("main is being rebased in your checkout" in line for line in run.stderr)
    assert project.git("rev-parse", "main") == tip
    done = person(project, "git -c core.editor=true rebase --continue")
    assert done.returncode == 0, done.stderr
    run.communicate(timeout=PATIENCE)
    assert run.returncode == 0
    assert project.git("show", "HEAD:mine.txt") == "mine\n"
    assert_nothing_lost(project, "rebases on the spot", extra=True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_waits_for_a_rebase_can_be_ended_and_the_next_one_lands(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    project, told = shop(tmp_path, MEETS), tmp_path / "told"
    run = project.start("run", env={"NIGHTLATCH_NOTIFY_COMMAND": f"cat >> {told}"})
    until(lambda: at_work(project))
    person(project, "GIT_SEQUENCE_EDITOR='sed -i s/^pick/edit/' git rebase -q -i HEAD~1")
    let_go(project)
    assert run.stderr
    assert any("main is being rebased in your checkout" in line for line in run.stderr)
    run.send_signal(number)
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == code
    assert "main is being rebased, so nothing can land" in err
    assert "git rebase --abort" in err
    until(lambda: told.exists() and "run-ended" in told.read_text())
    assert '"fault"' not in told.read_text()
    person(project, "git rebase --abort")
    project.run("run")
    assert_nothing_lost(project, "puts it back", extra=True)


@pytest.mark.parametrize(
    "line", ["git branch -m main night", "git switch -q -c night; git branch -D main"]
)
def test_a_branch_that_is_gone_ends_the_run_and_its_work_lands_where_the_person_went(
    tmp_path: Path, line: str
) -> None:
    project = shop(tmp_path, MEETS)
    run = project.start("run")
    until(lambda: at_work(project))
    person(project, line)
    let_go(project)
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 2, err
    assert "the branch main is gone" in err
    assert "Traceback" not in err
    ran = project.run("run", code=None)
    assert project.passing() == ["US-001"], ran.stderr
    assert len(project.landings()) == 1
    assert project.git("show", "HEAD:n1.txt") == "1\n"
    assert left_running(project) == []


def test_collecting_all_the_time_breaks_nothing(tmp_path: Path) -> None:
    """As often as git can; what it took before a ref named it is written again."""
    project = village(
        tmp_path, 3, f"{HONEST}for i in 1 2 3 4 5 6 7 8; do echo $n $i > f$n-$i.txt; done\n"
    )
    run = project.start("run")
    times = 0
    while run.poll() is None:
        person(project, "git reflog expire --expire=now --all; git gc -q --prune=now")
        times += 1
    out, err = run.communicate()
    if run.returncode:
        print(out, err)
        project.run("run")
    assert times > 3
    assert project.passing() == ["US-001", "US-002", "US-003"]
    project.git("fsck", "--connectivity-only", "--no-dangling")
