"""A disk that runs full, or takes nothing, ends the run with a reason, and costs nothing: once
there is room, a plain start goes on.

NIGHTLATCH_FULL takes many more moments.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import PATIENCE
from tests.proofs.crash.test_kill import FULL, village

pytestmark = [pytest.mark.sandbox, pytest.mark.mounts]
MOMENTS = (
    (range(0, 2200, 120), range(40, 2200, 120), range(80, 2200, 120))
    if FULL
    else ((0, 1200), (1500, 1700))
)


def mounted(folder: Path, options: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in a namespace of its own, where a file system in memory is mounted on the
    folder."""
    script = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'
    argv = ["unshare", "-Urm", "sh", "-c", script, "sh", options, str(folder), *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize("moments", MOMENTS, ids=str)
def test_a_full_disk_ends_the_run_with_its_reason_and_a_start_with_room_goes_on(
    tmp_path: Path, moments: tuple[int, ...]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = mounted(
        disk,
        "size=60m",
        sys.executable,
        "-m",
        "tests.proofs.crash.small_disk",
        str(disk),
        *map(str, moments),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == len(moments)
    assert "exit 4, the disk is full; fix: make room, then start it again; " in done.stdout


def test_a_journal_folder_that_takes_nothing_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = village(tmp_path, 1)
    state = project.folder / ".nightlatch"
    state.mkdir(exist_ok=True)
    monkeypatch.chdir(project.folder)
    done = mounted(state, "ro", sys.executable, "-m", "nightlatch", "run")
    assert done.returncode == 4, done.stderr
    assert (
        f"{state}/sessions: it cannot be written: Read-only file system\nfix: ls -ld"
        f" {state}/sessions; " in done.stderr
    )
    project.run("run")
    assert project.passing() == ["US-001"]
