"""Files that are whole or not there: atomic replacement, appending all or nothing, one lock;
and what a disk says that takes no more."""

import errno
import fcntl
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

from nightlatch.errors import BusyError, DiskError, RepoError
from nightlatch.util.reaper import stat

DRAFT = re.compile(r"\.nightlatch-(\d+\.\d*)-[0-9a-f]{32}")
BALLAST = 262_144
FULL = (errno.ENOSPC, errno.EDQUOT)
BROKEN = (errno.EIO, errno.EROFS)


def disk_full(place: object) -> DiskError:
    fix = "make room, then start it again; nightlatch clean --yes removes what nothing needs"
    return DiskError("the disk is full", place=str(place), fix=fix)


def is_full(place: Path) -> bool:
    return shutil.disk_usage(place).free < BALLAST


def disk_error(number: int | None, place: object) -> DiskError | None:
    """Return the DiskError for an OSError of a full or broken disk; None for any other error."""
    if number in FULL:
        return disk_full(place)
    if number not in BROKEN:
        return None
    fix = f"ls -ld {place}; errors of the disk itself are in dmesg"
    return DiskError(f"it cannot be written: {os.strerror(number)}", place=str(place), fix=fix)


def refused(error: BaseException) -> DiskError | None:
    """Return the DiskError for an exception as it was raised; a DiskError is returned as it is."""
    if isinstance(error, OSError):
        return disk_error(error.errno, error.filename or Path.cwd())
    return error if isinstance(error, DiskError) else None


def meant(says: str, place: Path) -> int | None:
    """Return the number of the disk's error in a program's words; they do not always say why
    nothing could be written."""
    if is_full(place):
        return errno.ENOSPC
    return next((number for number in (*FULL, *BROKEN) if os.strerror(number) in says), None)


def lay_ballast(file: Path) -> None:
    """Keep room, so that what ends a run on a full disk can still be written down; where the
    disk is full already, give it back."""
    if is_full(file.parent):
        file.unlink(missing_ok=True)
        return
    with suppress(OSError), file.open("ab") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, BALLAST)


def not_yours(path: Path | str) -> RepoError:
    """Return the error for a file that another user owns, such as in a copy that root made."""
    fix = 'sudo chown -R "$(id -un)" FOLDER, where FOLDER is the repository'
    return RepoError(
        "this belongs to another user, and you have no access to it", place=str(path), fix=fix
    )


def mark() -> str:
    """Return a tag for the names of temporary files, unique to this process."""
    fields = stat(os.getpid())
    return f"{os.getpid()}.{fields[19].decode() if fields else ''}"


def orphaned(mark: str) -> bool:
    """Return whether the process of this tag has ended.

    Its number alone says little: in a container every loop may have the same one.
    """
    pid, _, began = mark.partition(".")
    fields = stat(int(pid)) if pid.isdecimal() else []
    return not fields or began not in ("", fields[19].decode())


def drop_drafts(folder: Path) -> None:
    """Remove what `replace` left in a folder when its process was killed in the middle of it."""
    for draft in folder.glob(".nightlatch-*"):
        if (found := DRAFT.fullmatch(draft.name)) and orphaned(found[1]):
            draft.unlink(missing_ok=True)


def replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put these bytes in place of a file, made durable before this returns; a symbolic link
    stays one and its target changes.

    Whoever reads sees all of the old bytes or all of the new ones, also after a power cut.
    Permissions stay, a new file has those of `mode`; owner, hard links and extended attributes do
    not stay. Raises OSError, and then the old bytes are still there.
    """
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".nightlatch-{mark()}-{uuid4().hex}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            if target.exists():
                os.fchmod(fd, target.stat().st_mode & 0o7777)
            file.write(data)
            file.flush()
            os.fsync(fd)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, and those above it, durable by name."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


def write_private(path: Path, text: str, errors: str = "surrogateescape") -> None:
    """Write a file that only its owner may read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8", errors=errors)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def append(fd: int, data: bytes) -> None:
    """Add bytes to an append-only descriptor with one write: all of them, or none and OSError.

    Not synced: that is the caller's barrier.
    """
    before = os.fstat(fd).st_size
    written = os.write(fd, data)
    if written < len(data):  # a full disk takes a part and says nothing until the next write
        os.ftruncate(fd, before)
        raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes could be written")


@dataclass(slots=True)
class Lock:
    """A lock file that is held inside `with`, by this process alone and no longer than it lives.
    Raises BusyError where another process holds it.

    The file is never removed: a lock on a file that has no name protects nothing. Children do not
    inherit the descriptor.
    """

    path: Path
    _fd: int = -1

    def __enter__(self) -> Self:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            problem = f"another run is already going here (process {holder})"
            raise BusyError(
                problem,
                place=str(self.path),
                fix=f"wait for it, or end it, its work carried: kill -INT {holder}",
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd
        return self

    def __exit__(self, *_exc: object) -> None:
        os.close(self._fd)
        self._fd = -1
