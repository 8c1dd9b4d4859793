"""Locks that a git left which was killed: they go when it is certain enough that nobody holds
them."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from nightlatch.git.repo import Repo
from nightlatch.util.reaper import descendants

SLACK = 0.01  # seconds: files are dated by a coarser clock
# seconds that a lock is looked at: one that is closed and not yet renamed is in nobody's hands
# either
ALONE = 1.0


def free_index(repo: Repo, since: float) -> bool:
    """Remove the lock of the checkout's index if it is a dead git's and no older than a moment
    (epoch seconds). True where it was one: what that git was to move may be half moved."""
    return bool(free(repo, [repo.git_dir / "index.lock"], since))


def free_refs(repo: Repo, ref: str) -> None:
    """Remove a dead git's locks of a ref and of what moves with it, and of the loop's own refs."""
    places = (
        repo.git_dir / "HEAD.lock",
        repo.common_dir / "packed-refs.lock",
        repo.common_dir / f"{ref}.lock",
    )
    free(repo, (*places, *(repo.common_dir / "refs/nightlatch").rglob("*.lock")), 0.0)


def free(repo: Repo, locks: Iterable[Path], since: float) -> list[Path]:
    """Remove those that are no older than a moment, and that nobody holds for a while; returns
    them."""
    dead = {
        lock: info.st_ino
        for lock in locks
        if (info := stat_of(lock)) and info.st_mtime >= since - SLACK
    }
    if not dead or any(at_work(repo, dead)):
        return []
    time.sleep(ALONE)
    gone = [
        lock
        for lock, inode in dead.items()
        if (info := stat_of(lock)) and info.st_ino == inode and not any(at_work(repo, [lock]))
    ]
    for lock in gone:
        lock.unlink(missing_ok=True)
    return gone


def stat_of(lock: Path) -> os.stat_result | None:
    with suppress(OSError):
        return lock.stat()
    return None


def at_work(repo: Repo, locks: Iterable[Path]) -> Iterator[int]:
    """Return the processes that hold one of these files open, and git processes in the repository,
    which keep locks also while an editor is open for them.

    Of other users' processes nothing can be seen; git processes of this loop are ignored, also
    those that another thread starts just now.
    """
    held = {(info.st_dev, info.st_ino) for info in map(stat_of, locks) if info}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            git = (process / "comm").read_bytes().startswith(b"git") and (
                process / "cwd"
            ).resolve().is_relative_to(repo.top)
            if git and int(process.name) not in descendants(os.getpid()) and process.exists():
                yield int(process.name)
            if any(
                (info.st_dev, info.st_ino) in held
                for info in map(os.stat, (process / "fd").iterdir())
            ):
                yield int(process.name)
