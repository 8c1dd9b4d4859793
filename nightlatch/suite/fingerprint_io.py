"""A fingerprint of all that results come from beside the tree: settings, variables, shared and
copied files, the tools of the machine."""

import os
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from nightlatch.project.project import Project
from nightlatch.sandbox.base import Sandbox, environment

# Written by who merely uses an environment: a result is none the worse for them.
PASSING = frozenset({"__pycache__", ".cache", ".vite", ".pytest_cache"})
TOOLS = ("python3", "node", "go", "cargo", "java", "ruby", "php", "dotnet", "make", "sh")


def stamp(project: Project, sandbox: Sandbox) -> str:
    """Return what changes when anything outside the repository changes that a suite, a check or
    a verify can see.

    Shared folders are taken by name, size and time of each file, copied ones by their bytes. Costs
    a walk through what is shared.
    """
    wanted, checks = project.config.workspace, project.config.checks
    limits = (wanted.memory, wanted.processes, wanted.tmp)
    settings = (
        wanted.share,
        wanted.copy,
        wanted.see,
        *limits,
        checks.network,
        sandbox.name,
        *checks.reach,
    )
    parts = [repr(settings)]
    # The variables of a room are the ones that can matter; TMPDIR is the room's own.
    parts += [f"{name}={value}" for name, value in sorted(environment({}, wanted.env).items())]
    for name in wanted.share:
        parts += [name, *walked(project.repo.folder / name)]
    for name in wanted.copy:
        parts += [name, *contents(project.repo.folder / name)]
    for tool in TOOLS:
        found = shutil.which(tool)
        parts.append(f"{tool}: {found and stat_line(os.path.realpath(found))}")
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:24]


def walked(place: Path) -> Iterator[str]:
    """Yield each file below a folder with its size and its time of change, in order."""
    if not place.is_dir():
        yield stat_line(str(place))
        return
    for folder, names, files in os.walk(place):
        names[:] = sorted(name for name in names if name not in PASSING)
        yield from (
            f"{folder}/{name} {stat_line(f'{folder}/{name}')}"
            for name in sorted(files)
            if not name.endswith(".pyc")
        )


def contents(place: Path) -> Iterator[str]:
    """Yield each file below a folder with its bytes, in order."""
    files = (
        sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else [place]
    )
    for file in files:
        yield f"{file} {sha256(file.read_bytes()).hexdigest() if file.is_file() else None}"


def stat_line(path: str) -> str:
    """Size, time and mode of a file in one line, without following a link."""
    try:
        about = os.lstat(path)
    except OSError:
        return "is not there"
    return f"{about.st_size} {about.st_mtime_ns} {about.st_mode}"
