"""Files below a folder, reached through no symbolic link: not even one that is put in the way
between two looks."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nightlatch.util.paths import FILE, GITLINK, LINK, PROGRAM, folders

ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# EINVAL: what was a link when it was looked at is none any more
NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEntry:
    """An open handle on what is at one path.

    `problem` is "", gone, folder, special or unreadable, or, to a candidate, large; a link is held
    as a file with its target.
    """

    path: str
    fd: int = -1
    mode: str = ""
    size: int = 0
    target: str = ""
    problem: str = ""


@contextmanager
def entered(folder: Path) -> Iterator[int]:
    """Open a folder as a descriptor."""
    fd = os.open(folder, ENTER)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def parent_of(top: int, path: str, *, make: bool = False) -> Iterator[int]:
    """Open the folder that a path is in; with `make`, create it, and remove what is in the way."""
    at = os.dup(top)
    try:
        for name in path.split("/")[:-1]:
            if make:
                make_folder(at, name)
            below = os.open(name, ENTER, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def make_folder(at: int, name: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=at)
    if not stat.S_ISDIR(os.lstat(name, dir_fd=at).st_mode):
        os.unlink(name, dir_fd=at)
        os.mkdir(name, dir_fd=at)


@contextmanager
def held_entry(top: int, path: str) -> Iterator[OpenEntry]:
    """Open what is at a path, for as long as the context lasts."""
    grip = hold(top, path)
    try:
        yield grip
    finally:
        if grip.fd >= 0:
            os.close(grip.fd)


def hold(top: int, path: str) -> OpenEntry:
    try:
        with parent_of(top, path) as folder:
            return hold_in(folder, path)
    except PermissionError:
        return OpenEntry(path=path, problem="unreadable")
    except OSError as error:
        if error.errno in NO_FILE:
            return OpenEntry(path=path, problem="gone")
        if error.errno == errno.ENXIO:  # what open says to a socket
            return OpenEntry(path=path, problem="special")
        raise


def hold_in(folder: int, path: str) -> OpenEntry:
    name = path.rpartition("/")[2]
    if stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
        target = os.readlink(name, dir_fd=folder)
        fd = os.memfd_create("link")
        os.write(fd, os.fsencode(target))
        return OpenEntry(path=path, fd=fd, mode=LINK, target=target)
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    info = os.fstat(fd)
    if stat.S_ISREG(info.st_mode):
        return OpenEntry(
            path=path,
            fd=fd,
            mode=PROGRAM if info.st_mode & stat.S_IXUSR else FILE,
            size=info.st_size,
        )
    os.close(fd)
    return OpenEntry(path=path, problem="folder" if stat.S_ISDIR(info.st_mode) else "special")


def put(top: int, path: str, mode: str, data: bytes) -> None:
    """Make a path what git says it is, whatever was there."""
    with parent_of(top, path, make=True) as folder:
        name = path.rpartition("/")[2]
        clear(folder, name)
        if mode == LINK:
            os.symlink(os.fsdecode(data), name, dir_fd=folder)
        elif mode == GITLINK:
            os.mkdir(name, dir_fd=folder)
        else:
            fd = os.open(
                name,
                os.O_WRONLY | os.O_CREAT | os.O_EXCL,
                0o777 if mode == PROGRAM else 0o666,
                dir_fd=folder,
            )
            with os.fdopen(fd, "wb") as file:
                file.write(data)


def remove(top: int, path: str) -> None:
    """Take away what is at a path, and the folders that are empty then."""
    try:
        with parent_of(top, path) as folder:
            clear(folder, path.rpartition("/")[2])
        for above in reversed([*folders(path)]):
            os.rmdir(above, dir_fd=top)
    except OSError as error:
        if error.errno not in {*NO_FILE, errno.ENOTEMPTY}:
            raise


def clear(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        shutil.rmtree(name, dir_fd=folder)
