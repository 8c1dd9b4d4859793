"""What init.sh makes for a candidate beside what it makes for the base: what came in, and what changed that nothing asked to change.

A package's scripts run where init.sh runs, in the sandbox. They may bring in what they like, but not touch what was there: the test runner
that decides is part of it.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from filecmp import cmp
from pathlib import Path

from nightlatch.core.models import Reason
from nightlatch.core.rules import reason

SITE, NODE = "site-packages", "node_modules"
METADATA = (".dist-info", ".egg-info")
# What a package manager writes anew each time, and what only says how a package came here.
BOOKS = frozenset(
    ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", ".package-lock.json", ".yarn-integrity", ".yarn-state.yml", ".modules.yaml",
     "uv_cache.json", ".lock", "CACHEDIR.TAG")
)  # fmt: skip
AT_START = ("sitecustomize.py", "usercustomize.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The files of one environment by path, the packages in it with their versions, and which package has which file."""

    files: Mapping[str, Path]
    versions: Mapping[str, str]
    owners: Mapping[str, str]


def compared(old: Path, new: Path) -> Iterator[Reason]:
    """What there is to say of a new environment, given that of the base."""
    before, after = made(old), made(new)
    if touched := sorted(tampered(before, after)):
        yield reason("tests.environment-tampered", touched)
    said = [f"{name} {version}" for name, version in sorted(after.versions.items()) if name not in before.versions]
    said += [f"{name} {before.versions[name]} -> {version}" for name, version in sorted(after.versions.items())
             if before.versions.get(name, version) != version]  # fmt: skip
    said += [f"{name} is gone" for name in sorted(before.versions.keys() - after.versions.keys())]
    if said:
        yield reason("tests.environment-changed", said)


def tampered(before: Made, after: Made) -> Iterator[str]:
    """Files that changed, or went, while their package stayed as it was, and new ones that run at every start and that no package has."""
    for path, file in before.files.items():
        owner = before.owners.get(path, "")
        same = not owner or before.versions.get(owner) == after.versions.get(owner)
        if not same or path.rpartition("/")[2] in BOOKS or not watched(path):
            continue
        other = after.files.get(path)
        if other is None:
            yield from [path] if owner else []
        elif differs(file, other):
            yield path
    for path in after.files.keys() - before.files.keys():
        name = path.rpartition("/")[2]
        if path not in after.owners and (name in AT_START or (name.endswith(".pth") and f"/{SITE}/" in f"/{path}")):
            yield path


def watched(path: str) -> bool:
    """Does this path belong to installed packages or to the programs beside them? Builds of the project's own change as they like."""
    parts = path.split("/")
    return SITE in parts or NODE in parts or "bin" in parts[:-1]


def differs(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return not (one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink())
    return not cmp(one, other, shallow=False) or one.stat().st_mode != other.stat().st_mode


def made(top: Path) -> Made:
    """The packages of Python and Node in a folder that init.sh filled."""
    files: dict[str, Path] = {}
    versions: dict[str, str] = {}
    owners: dict[str, str] = {}
    for folder, folders, names in os.walk(top):
        below = os.path.relpath(folder, top)
        folders[:] = [name for name in folders if name != "__pycache__"]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in (*names, *links):
            if not name.endswith(".pyc"):
                path = name if below == "." else f"{below}/{name}"
                files[path] = Path(folder, name)
        if folder.endswith(METADATA):
            owners |= python_package(top, Path(folder), versions)
    for path in files:
        if owner := node_package(path):
            owners[path] = owner
            if path == f"{owner}/package.json":
                versions[owner] = version_in(files[path])
    return Made(files=files, versions=versions, owners=owners)


def python_package(top: Path, folder: Path, versions: dict[str, str]) -> dict[str, str]:
    """The files that an installed distribution says are its own; its version is noted."""
    metadata, record = folder / "METADATA", folder / "RECORD"
    if not metadata.is_file():
        return {}
    head = HeaderParser().parsestr(metadata.read_text("utf-8", "replace"))
    name = str(head.get("Name", folder.name))
    versions[name] = str(head.get("Version", ""))
    lines = record.read_text("utf-8", "replace").splitlines() if record.is_file() else []
    places = (os.path.normpath(folder.parent / line.rpartition(",")[0].rpartition(",")[0].strip('"')) for line in lines)
    own = {os.path.relpath(place, top): name for place in places}
    return {path: name for path, name in own.items() if not path.startswith("../")}


def node_package(path: str) -> str:
    """The folder of the Node package that a file belongs to, "" for none."""
    head, found, rest = path.rpartition(f"{NODE}/")
    parts = rest.split("/")
    count = 2 if parts[0].startswith("@") else 1
    return f"{head}{NODE}/{'/'.join(parts[:count])}" if found and len(parts) > count and not parts[0].startswith(".") else ""


def version_in(file: Path) -> str:
    try:
        told = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return str(told.get("version", "")) if isinstance(told, dict) else ""
