"""What an agent gets of the person's home: private copies, of which only refreshed credentials
come back."""

import json
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from nightlatch.util.fs import replace

MOST = 32_000_000


def read_inside(top: Path, name: str, most: int = MOST) -> bytes | None:
    """Return a file below `top`, never through a link and never waiting: an agent may have left a
    link, or a pipe that nobody writes to."""
    *folders, last = Path(name).parts
    try:
        with ExitStack() as stack:
            here = opened(stack, top, os.O_DIRECTORY)
            for folder in folders:
                here = opened(stack, folder, os.O_DIRECTORY | os.O_NOFOLLOW, here)
            return os.read(opened(stack, last, os.O_NOFOLLOW | os.O_NONBLOCK, here), most)
    except OSError:
        return None


def opened(stack: ExitStack, path: Path | str, flags: int, folder: int | None = None) -> int:
    """Return a descriptor for reading that is closed with the stack."""
    number = os.open(path, os.O_RDONLY | flags, dir_fd=folder)
    stack.callback(os.close, number)
    return number


@dataclass(slots=True, kw_only=True)
class CredentialCopy:
    """Private copies of what an agent is configured with; `lent` holds the plain files as the
    person's home has them."""

    home: Path
    private: Path
    credentials: tuple[str, ...]
    lent: dict[str, bytes]

    def bring_back(self) -> None:
        """Credentials that the agent refreshed go home: if they still are JSON, and the
        person's own are still those that were lent."""
        for name in self.credentials:
            fresh, own = read_inside(self.private, name), Path(os.path.realpath(self.home / name))
            # Half written, or no JSON any more: an agent must not log the person out.
            if fresh is None or fresh == self.lent.get(name, fresh) or not is_object(fresh):
                continue
            # The person, or another session, may have logged in anew meanwhile: theirs is the newer
            # one.
            if own.is_file() and own.read_bytes() == self.lent[name]:
                replace(own, fresh)
                self.lent[name] = fresh


def lend(
    credentials: tuple[str, ...], settings: tuple[str, ...], home: Path, private: Path
) -> CredentialCopy:
    """Copies what there is of these files and folders from the person's home into a private one."""
    lent = {}
    for name in (*credentials, *settings):
        source, target = home / name, cleared(private, name)
        if source.is_dir():
            shutil.copytree(source, target, ignore_dangling_symlinks=True)
        elif source.is_file():
            lent[name] = source.read_bytes()
            # Before it holds anything: nobody else may open it.
            target.touch(mode=0o600)
            target.write_bytes(lent[name])
    return CredentialCopy(home=home, private=private, credentials=credentials, lent=lent)


def cleared(private: Path, name: str) -> Path:
    """Return a place for a copy: nothing that an earlier session left there is written through or
    kept."""
    here = private
    for part in Path(name).parts:
        if here.is_symlink() or (here.exists() and not here.is_dir()):
            here.unlink()
        here.mkdir(parents=True, exist_ok=True)
        here /= part
    if here.is_dir() and not here.is_symlink():
        shutil.rmtree(here)
    here.unlink(missing_ok=True)
    return here


def is_object(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False
