"""Nights on a disk that runs full: small_disk.py FOLDER LEFT... in a namespace where a small
file system is mounted on FOLDER.

For each LEFT the disk is filled until so many kilobytes are left, a night is begun, the filler is
taken away, and a plain start goes on. What each night came to is printed, a line each.
"""

import os
import shutil
import sys
from pathlib import Path
from subprocess import CompletedProcess

from nightlatch.journal import file_io
from nightlatch.util import fs
from tests.proofs.crash.test_calls import assert_recovered, shop
from tests.stories.sample_project import Project, project_in

ROOM = 1000


def fill(folder: Path, left: int) -> Path:
    """Take what is free but for so many bytes."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(shutil.disk_usage(folder).free - left, 1))
    return filler


def start(project: Project, left: int, code: int | None = 0) -> CompletedProcess[str]:
    """A run that asks for less room than there is where `left` is much, and for more where it
    is little."""
    return project.run(
        "run", code=code, env={"NIGHTLATCH_LIMITS_DISK": "1B" if left >= ROOM else "1MB"}
    )


def on_a_full_disk(project: Project, left: int) -> str:
    """A night that has so many kilobytes, after an earlier run that ended; and what it said and
    wrote of its own end."""
    state = project.folder / ".nightlatch"
    state.mkdir(exist_ok=True)
    fs.lay_ballast(state / "ballast")
    filler = fill(project.folder.parent, left * 1000)
    done = start(project, left, code=None)
    filler.unlink()
    assert "Traceback" not in done.stderr, done.stderr
    if not done.returncode:
        return "exit 0"
    assert done.returncode == 4, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    ends = [
        event
        for event in file_io.read(state / "journal.jsonl")
        if event and event["event"] == "run.ended"
    ]
    assert [end["code"] for end in ends] == [4], f"{left}: {done.stderr}"
    assert "exit=4" in done.stdout, f"{left}: {done.stderr}"
    assert "exit=4" in project.git("show", "HEAD:progress.txt")
    return f"exit 4, {ends[0]['why']}"


def main(folder: Path, *lefts: str) -> None:
    calm = shop(folder / "calm")
    shutil.copytree(calm.folder, folder / "shop", symlinks=True)
    start(calm, ROOM)
    expected = calm.landings()
    shutil.rmtree(calm.folder.parent)
    for left in lefts:
        place = folder / left
        shutil.copytree(folder / "shop", place / "shop", symlinks=True)
        project = project_in(place)
        said = on_a_full_disk(project, int(left))
        start(project, int(left))
        assert_recovered(project, expected)
        assert {word for word, _, _ in project.outcomes()} <= {
            "landed",
            "finding",
            "interrupted",
        }, f"{left}: {project.outcomes()}"
        shutil.rmtree(place)
        print(left, said, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
