"""Which files of a checkout a command read, by the access times that the file system keeps."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

Times = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessWatch:
    """A checkout before a command runs in it: the access time of each of its files, in nanoseconds.

    In a fresh checkout no file was read since it was written, so even a file system that is mounted
    with `relatime` notes the first read of each. One that is mounted with `noatime` notes none:
    then nothing was seen, and nothing is concluded from it.
    """

    tree: Path
    before: Times

    def read(self) -> frozenset[str]:
        """Return the files that were read since."""
        return frozenset(
            path
            for path, time in access_times(self.tree, self.before).items()
            if time != self.before[path]
        )


def watch(tree: Path, paths: Iterable[str]) -> AccessWatch:
    """Note the access times of these files of a checkout."""
    return AccessWatch(tree=tree, before=access_times(tree, paths))


def access_times(tree: Path, paths: Iterable[str]) -> dict[str, int]:
    found = {}
    for path in paths:
        try:
            found[path] = os.lstat(f"{tree}/{path}").st_atime_ns
        except OSError:
            continue  # the command took it away, or put something else in the place of its folder
    return found
