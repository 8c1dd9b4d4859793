"""What package managers are told by a person's settings, without their keys; what makes an
environment; what lock files name."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname
from typing import Any

from nightlatch.util.globs import matcher
from nightlatch.util.paths import NOT_SUITES

KEY = re.compile(r"auth|token|passw|secret|credential|key", re.IGNORECASE)
PLACE = re.compile(
    r"""\s*["']?(cache|cache[-_]dir|prefix|store[-_]?dir|tmp|target|cacheFolder|globalFolder|GOPATH|GOMODCACHE|GOCACHE|GOBIN|GOTMPDIR)\b""",
    re.IGNORECASE,
)
LOGIN = re.compile(r"(://)[^/@\s\"']+@")
HEADER = re.compile(r"\s*\[+\s*([\w-]+)")
REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
# What installs the others must not be taken out, though no list names it.
INSTALLERS = frozenset(("pip", "setuptools", "wheel"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A folder that a person shares and that a candidate needs another one of: the file `by`
    beside it says so, `command` fills it. With a `script` it is added to what the person
    has: its words are the distributions that are no longer wanted, then `-r FILE` for each
    file.
    """

    by: str
    folder: str
    command: str = ""
    script: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A folder of HOME with packages that builds read.

    Where a manifest `by` lies, `command` fetches what `lock` names, unless the project has it all
    in `vendored`.
    """

    folder: str
    by: str = ""
    lock: str = ""
    command: str = ""
    vendored: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A file of HOME that says where packages come from; of a TOML file only these `tables`."""

    file: str
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Managers:
    """What is known of package managers, from shipped/packages.toml.

    `environment` are names of variables.
    """

    environment: tuple[str, ...]
    settings: tuple[Settings, ...]
    filled: tuple[Filled, ...]
    stores: tuple[Store, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """A command that makes an environment, or a part of it: a folder that the person shares, or
    a store. Paths are the repository's.

    `lists` are the files that name what the command adds to a copy of what the person has.
    """

    argv: tuple[str, ...]
    cwd: str = ""
    folder: str = ""
    lists: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people call it."""
        return "pip" if self.lists else basename(self.argv[0])

    def fills(self, shared: str) -> bool:
        """Does it fill this folder that is shared?

        Workspaces of a package manager have one each, by the lock file at the top.
        """
        below = not self.cwd or shared.startswith(f"{self.cwd}/")
        return bool(self.folder) and below and basename(shared) == basename(self.folder)


def managers_of(data: Mapping[str, Any]) -> Managers:
    """Return the tables of shipped/packages.toml."""
    return Managers(
        environment=tuple(data["environment"]),
        settings=tuple(
            Settings(file=each["file"], tables=tuple(each.get("tables", ())))
            for each in data["settings"]
        ),
        filled=tuple(Filled(**each) for each in data["filled"]),
        stores=tuple(Store(**each) for each in data["stores"]),
    )


def makers(
    known: Managers,
    shares: Iterable[str],
    files: Iterable[str],
    top: str,
    has: Callable[[str], bool],
) -> Iterator[Maker]:
    """Yield what makes the environment of a tree with these files where no init.sh does: folders by
    what lies beside each, and stores.

    The folders are those that are shared, and at the top also those that nobody has yet, where the
    machine `has` the program for it.
    """
    names, given = frozenset(files), [*shares]
    at_top = [f"{top}/{filled.folder}".removeprefix("/") for filled in known.filled]
    for folder in dict.fromkeys((*given, *at_top)):
        maker = maker_of_folder(known, folder, names, has, is_shared=folder in given)
        if maker:
            yield maker
    for store in known.stores:
        words = tuple(store.command.split())
        yield from (Maker(argv=words, cwd=folder) for folder in sorted(homes_of(store, names)))


def maker_of_folder(
    known: Managers,
    shared: str,
    names: frozenset[str],
    has: Callable[[str], bool],
    *,
    is_shared: bool,
) -> Maker | None:
    """Return what fills a folder, by the first list of packages that lies beside it."""
    above, folder = dirname(shared), basename(shared)
    beside = sorted(path for path in names if dirname(path) == above)
    for filled in known.filled:
        if filled.folder != folder:
            continue
        fits = matcher([filled.by])
        lists = tuple(path for path in beside if fits(basename(path)))
        if not lists:
            continue
        words = tuple(filled.command.split())
        if filled.script and is_shared:
            argv = ("sh", "-c", filled.script, "pip")
            return Maker(argv=argv, cwd=above, folder=shared, lists=lists)
        if words and (is_shared or has(words[0])):
            return Maker(argv=words, cwd=above, folder=shared)
        # Two managers would fill one folder: the one whose list comes first has it.
        return None
    return None


def homes_of(store: Store, names: frozenset[str]) -> set[str]:
    """Return the folders whose packages are in a store, and not beside them in the tree."""
    if not store.by:
        return set()
    homes = {
        dirname(path)
        for path in names
        if basename(path) == store.by and not NOT_SUITES.search(path)
    }
    if not store.vendored:
        return homes
    return {home for home in homes if f"{home}/{store.vendored}".removeprefix("/") not in names}


def pip_words(lists: Sequence[str], before: Iterable[str], now: Iterable[str]) -> tuple[str, ...]:
    """Return the words for the script that installs what requirements files name, given what they
    named before."""
    gone = (
        frozenset[str]().union(*map(requirements, before))
        - frozenset[str]().union(*map(requirements, now))
        - INSTALLERS
    )
    return (" ".join(sorted(gone)), *(word for path in lists for word in ("-r", basename(path))))


def without_login(value: str) -> str:
    """Return an address without the name and the password in it."""
    return LOGIN.sub(r"\1", value)


def without_keys(text: str, sections: Sequence[str] = ()) -> str:
    """Return the lines of a settings file that say where packages come from, of a TOML file only of
    these tables.

    None that may hold a key, and none that names a place to write to, which no workspace has.
    """
    kept, shown = [], True
    for line in text.splitlines():
        header = HEADER.match(line) if sections else None
        if header:
            shown = header[1] in sections
        # A login within an address is taken out of it, and is no reason to lose the line.
        if shown and not KEY.search(LOGIN.sub("", line)) and not PLACE.match(line):
            kept.append(without_login(line))
    return "".join(f"{line}\n" for line in kept)


def requirements(text: str) -> frozenset[str]:
    """Return the distributions that a requirements file names, in the one spelling that all
    spellings of a name have."""
    names = filter(None, map(REQUIREMENT.match, text.splitlines()))
    return frozenset(re.sub(r"[-_.]+", "-", name[1]).lower() for name in names)


def go_files(sums: str) -> Iterator[str]:
    """Yield where Go's module cache keeps what a go.sum names, as patterns below it."""
    for words in (line.split() for line in sums.splitlines()):
        # A line in another form is of a Go that is not known here.
        if len(words) == 3:
            module, version = (escaped(word.removesuffix("/go.mod")) for word in words[:2])
            yield f"cache/download/{module}/@v/{version}.*"


def escaped(name: str) -> str:
    """Return a name as Go writes it where large and small letters may be the same."""
    return re.sub("[A-Z]", lambda letter: f"!{letter[0].lower()}", name)


def cargo_files(lock: str) -> Iterator[str]:
    """Yield where Cargo's registry keeps what a Cargo.lock names, as patterns below it."""
    try:
        packages = tomllib.loads(lock).get("package", [])
    except tomllib.TOMLDecodeError:
        return
    yield "index/*/config.json"
    # An agent may have written the file.
    for package in packages if isinstance(packages, list) else ():
        name, version = str(package.get("name", "")), str(package.get("version", ""))
        if "source" in package and name:
            yield f"cache/*/{name}-{version}.crate"
            yield f"index/*/.cache/{index_folder(name.lower())}/{name.lower()}"


def index_folder(name: str) -> str:
    """Return the folder of a crate in an index: by its length, or by its first four letters."""
    if len(name) < 3:
        return str(len(name))
    return f"3/{name[0]}" if len(name) == 3 else f"{name[:2]}/{name[2:4]}"
