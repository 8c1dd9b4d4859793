"""What init.sh makes for a candidate beside what it makes for the base: what came in, and what
changed that nothing asked to change.

A package's scripts run where init.sh runs, in the sandbox. They may bring in what they like, but
not touch what was there: the test runner that decides is part of it.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from filecmp import cmp
from pathlib import Path

from nightlatch.model.models import Reason
from nightlatch.model.rules import reason

SITE, NODE = "site-packages", "node_modules"
METADATA = (".dist-info", ".egg-info")
# What a package manager writes anew each time, and what only says how a package came here.
BOOKS = frozenset(
    (
        "RECORD",
        "INSTALLER",
        "REQUESTED",
        "direct_url.json",
        ".package-lock.json",
        ".yarn-integrity",
        ".yarn-state.yml",
        ".modules.yaml",
        "uv_cache.json",
        ".lock",
        "CACHEDIR.TAG",
    )
)
AT_START = ("sitecustomize.py", "usercustomize.py")
HOME, HOME_MARK = "home", "~/"
# Of the stores in HOME: what is not of a package but says what there is, and the archives, whose
# names tell the package and its version. what a manager of Node notes beside its packages
BOOK = re.compile(r"(?:.*/)?node_modules/(?:\.pnpm/)?[^/]+\.(?:json|ya?ml)")
INDEX = re.compile(
    r"/index/|/metadata/|/git/db/|/cache/(lock$|vcs/|download/sumdb/)"
    r"|/cache/download/.*(/list|\.lock|\.info)$"
)
ARCHIVES = (
    re.compile(
        r"~/\.cargo/registry/cache/[^/]+/(?P<name>.+?)-(?P<version>\d+\.\d+\.\d+[^/]*)\.crate"
    ),
    re.compile(r"~/go/pkg/mod/cache/download/(?P<name>.+)/@v/(?P<version>[^/]+)\.zip"),
    re.compile(
        r"~/\.yarn/berry/cache/(?P<name>.+)-npm-(?P<version>\d[^/]*)-[0-9a-f]{10}-[^/]*\.zip"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltEnvironment:
    """The files of one environment by path, the packages in it with their versions, and which
    package has which file."""

    files: Mapping[str, Path]
    versions: Mapping[str, str]
    owners: Mapping[str, str]


def compared(old: Path, new: Path) -> Iterator[Reason]:
    """Yield what there is to say of a new environment, given that of the base.

    Beside each may lie what it has in HOME.
    """
    before, after = packages_built(old), packages_built(new)
    if touched := sorted(tampered(before, after)):
        yield reason("tests.environment-tampered", touched)
    if said := list(news(before.versions, after.versions)):
        yield reason("tests.environment-changed", said)


def news(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Yield what came, moved and went. What pnpm keeps below .pnpm is said by the link to it."""
    names = sorted(name for name in before.keys() | after.keys() if "/.pnpm/" not in name)
    yield from (f"{name} {after[name]}" for name in names if name not in before)
    both = [name for name in names if name in before and name in after]
    yield from (
        f"{name} {before[name]} -> {after[name]}" for name in both if before[name] != after[name]
    )
    yield from (f"{name} is gone" for name in names if name not in after)


def tampered(before: BuiltEnvironment, after: BuiltEnvironment) -> Iterator[str]:
    """Files that changed, or went, while their package stayed as it was, and new ones that run
    at every start and that no package has."""
    for path, file in before.files.items():
        if may_change(path, before, after):
            continue
        other = after.files.get(path)
        if other is None:
            # A file that no package has, such as a cache, may be gone without harm.
            yield from [path] if path in before.owners else []
        elif differs(file, other):
            yield path
    for path in after.files.keys() - before.files.keys():
        if path not in after.owners and runs_at_start(path):
            yield path


def may_change(path: str, before: BuiltEnvironment, after: BuiltEnvironment) -> bool:
    """May this file of the base's environment be another one now?"""
    if path in before.owners:
        owner = before.owners[path]
        if before.versions.get(owner) != after.versions.get(owner):
            return True
    is_book = path.rpartition("/")[2] in BOOKS or bool(BOOK.fullmatch(path))
    return is_book or not watched(path)


def runs_at_start(path: str) -> bool:
    """Does Python run this file whenever it starts, whatever it is started for?"""
    name = path.rpartition("/")[2]
    return name in AT_START or (name.endswith(".pth") and f"/{SITE}/" in f"/{path}")


def watched(path: str) -> bool:
    """Does this path belong to installed packages or to the programs beside them?

    Builds of the project's own change as they like.
    """
    if path.startswith(HOME_MARK):
        return not INDEX.search(path)
    parts = path.split("/")
    return SITE in parts or NODE in parts or "bin" in parts[:-1]


def differs(one: Path, other: Path) -> bool:
    """Is one file another one: in its bytes, its mode, or where it leads?"""
    if one.is_symlink() or other.is_symlink():
        return not (one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink())
    # By their bytes: sizes and times can be set to whatever looks the same.
    return not cmp(one, other, shallow=False) or one.stat().st_mode != other.stat().st_mode


def packages_built(top: Path) -> BuiltEnvironment:
    """Return the packages in a folder that init.sh filled, and in the stores beside it."""
    files = dict(files_in(top))
    versions: dict[str, str] = {}
    owners: dict[str, str] = {}
    parents = (file.parent for file in files.values())
    for folder in sorted({str(parent) for parent in parents if parent.name.endswith(METADATA)}):
        owners |= python_package(top, Path(folder), versions)
    owners |= node_packages(files, versions)
    files |= {f"{HOME_MARK}{path}": file for path, file in files_in(top.with_name(HOME))}
    for name, version in archives_in(files):
        # else they are unpacked there
        if not any(path.endswith(f"{NODE}/{name}") for path in versions):
            versions[name] = ", ".join(filter(None, (versions.get(name), version)))
    return BuiltEnvironment(files=files, versions=versions, owners=owners)


def node_packages(files: Mapping[str, Path], versions: dict[str, str]) -> dict[str, str]:
    """Return the Node package that each of these files belongs to; the packages' versions are
    noted."""
    owners: dict[str, str] = {}
    for path, file in files.items():
        linked = linked_package(path) if file.is_symlink() else ""
        owner = linked or node_package(path)
        if not owner:
            continue
        owners[path] = owner
        if linked or path == f"{owner}/package.json":
            manifest = read_manifest(file / "package.json" if linked else file)
            versions[owner] = str(manifest.get("version", ""))
            # Its programs lie in the .bin beside it, where no name tells whose they are.
            beside = f"{owner[: owner.rindex(NODE)]}{NODE}/.bin"
            owners |= {f"{beside}/{name}": owner for name in programs(owner, manifest)}
    return owners


def archives_in(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Return the names and versions of packages that a store in HOME keeps as archives, in
    order."""
    listed = list(paths)
    matches = (match for form in ARCHIVES for match in filter(None, map(form.fullmatch, listed)))
    return sorted((match["name"], match["version"]) for match in matches)


def files_in(top: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file and link below a folder, by its path there."""
    for folder, folders, names in os.walk(top):
        below = os.path.relpath(folder, top)
        # Bytecode is written by whoever imports first; pnpm's store repeats node_modules.
        folders[:] = [name for name in folders if name not in ("__pycache__", ".pnpm-store")]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in (*names, *links):
            if not name.endswith(".pyc"):
                yield name if below == "." else f"{below}/{name}", Path(folder, name)


def python_package(top: Path, folder: Path, versions: dict[str, str]) -> dict[str, str]:
    """Return the files that an installed distribution says are its own; its version is noted."""
    metadata, record = folder / "METADATA", folder / "RECORD"
    if not metadata.is_file():
        return {}
    head = HeaderParser().parsestr(metadata.read_text("utf-8", "replace"))
    name = str(head.get("Name", folder.name))
    versions[name] = str(head.get("Version", ""))
    lines = record.read_text("utf-8", "replace").splitlines() if record.is_file() else []
    places = (
        os.path.normpath(folder.parent / line.rpartition(",")[0].rpartition(",")[0].strip('"'))
        for line in lines
    )
    own = {os.path.relpath(place, top): name for place in places}
    return {path: name for path, name in own.items() if not path.startswith("../")}


def node_package(path: str) -> str:
    """Return the folder of the Node package that a file belongs to, "" for none."""
    head, found, rest = path.rpartition(f"{NODE}/")
    parts = rest.split("/")
    count = 2 if parts[0].startswith("@") else 1
    return (
        f"{head}{NODE}/{'/'.join(parts[:count])}"
        if found and len(parts) > count and not parts[0].startswith(".")
        else ""
    )


def linked_package(path: str) -> str:
    """Return the same where the folder itself is a link, as pnpm makes them; "" for any other
    path."""
    return owner if (owner := node_package(f"{path}/x")) == path else ""


def read_manifest(file: Path) -> Mapping[str, object]:
    """Return the package.json of a package, empty where it cannot be read."""
    try:
        told = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def programs(owner: str, manifest: Mapping[str, object]) -> Iterator[str]:
    """Yield the programs that a Node package has in the .bin beside it."""
    told = manifest.get("bin")
    yield from (
        map(str, told)
        if isinstance(told, dict)
        else (owner.rpartition("/")[2],)
        if isinstance(told, str)
        else ()
    )
