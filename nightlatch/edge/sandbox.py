"""What a process may see and write: bubblewrap with an allow-list of mounts, or nothing but the
reaper."""

import os
import shutil
import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Protocol

from nightlatch import data, safepath
from nightlatch.core.packages import without_login
from nightlatch.edge import outside, reaper
from nightlatch.edge.bounds import NO_BOUNDS, Bounds, find_bounds
from nightlatch.edge.packages import Pairs as Pairs
from nightlatch.edge.packages import shipped as managers
from nightlatch.edge.tree import DOOR, Command
from nightlatch.errors import ConfigError, SandboxError

RESOLVER = Path("/etc/resolv.conf")
SPARE_HOME = Path("/run/nightlatch/home")
PROGRAMS = ("bin", "sbin", "shims")
BESIDE = ("lib", "lib64", "libexec")
BUS = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
FIX = (
    'install bubblewrap (apt install bubblewrap), or set sandbox = "none" under [workspace] in'
    " loop.toml"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where a command runs: `tree` is seen at `at`, `home` as HOME, and each (real, inside)
    pair where it says; `tmp` in bytes.

    `hidden` are folders that are empty wherever they would be seen. `reach` are the addresses of
    the machine that are open without the network, `through` the words that a sandboxed command is
    started by so that they are.
    """

    tree: Path
    at: Path
    home: Path
    env: Mapping[str, str]
    cwd: str = "."
    writable: Pairs = ()
    readable: Pairs = ()
    hidden: tuple[Path, ...] = ()
    network: bool = False
    reach: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    tmp: int = 10**9

    @property
    def meets_others(self) -> bool:
        """Can what runs here meet what runs in another room, at a port or at a server?"""
        return self.network or bool(self.reach)


class Sandbox(Protocol):
    """A way to run commands in rooms."""

    @property
    def name(self) -> str:
        """What loop.toml calls it."""

    @property
    def bounds(self) -> Bounds:
        """What a command may use at most."""

    def command(self, room: Room, argv: Sequence[str]) -> Command:
        """What to start so that `argv` runs in the room."""

    def inside(self, room: Room, path: Path) -> Path:
        """Where a process in the room finds a real path."""


def find_sandbox(
    setting: str, memory: int = 0, processes: int = 0, disk: int = 0, places: tuple[Path, ...] = ()
) -> Sandbox:
    """The sandbox that loop.toml asks for, tried; "auto" never means none.

    For the limits (0: none) see Bounds.
    """
    if setting == "none":
        return Unconfined(bounds=Bounds(disk=disk, places=places))
    if setting not in ("auto", "bubblewrap"):
        raise ConfigError(
            f'"{setting}" is not a sandbox',
            place="loop.toml [workspace] sandbox",
            fix='use "auto", "bubblewrap" or "none"',
        )
    program = outside.program("bwrap")
    if program is None:
        raise SandboxError("bubblewrap is not installed", fix=FIX)
    trial = [
        program,
        "--unshare-all",
        "--die-with-parent",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "true",
    ]
    tried = outside.asked(trial)
    if tried.returncode:
        said = tried.stderr.decode("utf-8", "replace").strip()
        raise SandboxError(
            f"bubblewrap may not make namespaces here ({said})",
            fix=f"allow unprivileged user namespaces, or {FIX}",
        )
    return Bubblewrap(
        program=program, known=shipped(), bounds=find_bounds(memory, processes, disk, places)
    )


@cache
def shipped() -> Mapping[str, Sequence[str]]:
    """What sandboxes have in common."""
    return data.table("shipped", "sandbox.toml")


def environment(given: Mapping[str, str], passed: Sequence[str] = ()) -> dict[str, str]:
    """What a process gets of the loop's own environment: the allowed names and those passed
    through; `given` goes over it."""
    known = shipped()
    allowed = (*known["environment"], *known["places"], *passed)
    whole = safepath.given()
    own = {name: value for name, value in whole.items() if among(name, allowed)}
    own = {
        **{
            name: without_login(value)
            for name, value in whole.items()
            if among(name, managers().environment)
        },
        **own,
    }
    # an empty or relative entry would let any folder that a candidate makes say what `sh` or `git`
    # is
    if "PATH" in own:
        own["PATH"] = ":".join(filter(os.path.isabs, own["PATH"].split(":"))) or os.defpath
    return {
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        **own,
        "TMPDIR": "/tmp",  # noqa: S108  # in a sandbox it is a private one
        **given,
    }


def among(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def held(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> Command:
    """A command as the person would run it; only its process tree is held."""
    return Command(
        argv=(sys.executable, "-I", "-S", reaper.__file__, str(os.getpid()), *argv),
        env=env,
        cwd=str(cwd),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfined:
    """No sandbox: the command runs as the person would run it, in the workspace itself; only
    its process tree is held."""

    name: str = "none"
    bounds: Bounds = NO_BOUNDS

    def command(self, room: Room, argv: Sequence[str]) -> Command:
        return replace(held(argv, env=room.env, cwd=room.tree / room.cwd), bounds=self.bounds)

    def inside(self, room: Room, path: Path) -> Path:  # noqa: ARG002  # every path is seen as it is
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubblewrap:
    """Namespaces of its own for everything, and a file system that holds what the room and
    shipped/sandbox.toml name."""

    program: str
    known: Mapping[str, Sequence[str]]
    bounds: Bounds = NO_BOUNDS
    name: str = "bubblewrap"

    def command(self, room: Room, argv: Sequence[str]) -> Command:
        home = home_inside(room)
        mounts = [
            *self._machine(room),
            *bind("--bind", [(room.home, home)]),
            *self._tools(room, argv[0]),
        ]
        mounts += bind("--bind", [(room.tree, room.at)])
        pairs = [
            *(("--ro-bind", pair) for pair in room.readable),
            *(("--bind", pair) for pair in room.writable),
        ]
        # what lies in another one comes after it
        pairs.sort(key=lambda each: len(each[1][1].parts))
        mounts += [
            *(word for how, pair in pairs for word in bind(how, [pair])),
            *self._scratch(room),
        ]
        mounts += [*covers(mounts, room.hidden), "--remount-ro", "/dev", "--remount-ro", "/"]
        namespaces = [
            "--unshare-all",
            *(["--share-net"] if room.network else []),
            "--die-with-parent",
            "--cap-drop",
            "ALL",
        ]
        start = ["--chdir", str(room.at / room.cwd), "--", *DOOR, *room.through, *argv]
        env = {**room.env, "HOME": str(home)}
        # What the loader reads is for the command inside: bubblewrap itself, outside, would load
        # the project's libraries by it.
        loaded = {name: env.pop(name) for name in outside.LOADER if name in env}
        bus = {
            name: os.environ[name]
            for name in BUS
            if self.bounds.scope and name in os.environ and name not in env
        }
        # systemd-run needs them, the command does not
        namespaces += [word for name in bus for word in ("--unsetenv", name)]
        namespaces += [word for pair in loaded.items() for word in ("--setenv", *pair)]
        return Command(
            argv=(self.program, *namespaces, *mounts, *start),
            env={**bus, **env},
            cwd="/",
            namespace=True,
            bounds=self.bounds,
        )

    def inside(self, room: Room, path: Path) -> Path:
        pairs = [
            (room.tree, room.at),
            (room.home, home_inside(room)),
            *room.readable,
            *room.writable,
        ]
        found = [(real, seen) for real, seen in pairs if path.is_relative_to(real)]
        if not found:
            return path
        real, seen = max(found, key=lambda pair: len(pair[0].parts))
        return seen / path.relative_to(real)

    def _machine(self, room: Room) -> Iterator[str]:
        """System folders without the machine's secrets, and private places for everything that
        is not a file of anybody."""
        for folder in map(Path, self.known["system"]):
            if folder.is_symlink():
                yield from ("--symlink", str(folder.readlink()), str(folder))
            elif folder.is_dir():
                yield from ("--ro-bind", str(folder), str(folder))
        for secret in (
            name for name in map(Path, self.known["hidden"]) if os.access(name, os.F_OK)
        ):
            cover = (
                ("--tmpfs", str(secret), "--remount-ro")
                if secret.is_dir()
                else ("--ro-bind", os.devnull)
            )
            yield from (*cover, str(secret))
        yield from (
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--symlink",
            "/tmp",  # noqa: S108  # a private one
            "/var/tmp",  # noqa: S108  # a private one
        )
        for place in ("/tmp", "/run", "/dev/shm"):  # noqa: S108  # as above
            yield from ("--size", str(room.tmp), "--tmpfs", place)

    def _scratch(self, room: Room) -> Iterator[str]:
        """Private places for what vite writes into a shared node_modules; without them no
        vitest with a configuration starts."""
        holders = [
            (real, seen)
            for real, seen in room.readable
            if any((real / name).is_dir() for name in self.known["scratch_of"])
        ]
        for real, seen in holders:
            for name in self.known["scratch"]:
                with suppress(OSError):
                    (real / name).mkdir()
                if (real / name).is_dir():
                    yield from ("--size", str(room.tmp), "--tmpfs", str(seen / name))

    def _tools(self, room: Room, program: str) -> Iterator[str]:
        """Toolchains, the program itself and what variables name, each where the person has it."""
        home = Path(room.env.get("HOME", "/"))
        holders = {home, room.at, *home.parents, *room.at.parents}
        wanted = [
            *(home / name for name in self.known["toolchains"]),
            Path(sys.base_prefix),
            Path(sys.prefix),
        ]
        programs = program_files(program, room)
        folders = {
            *map(Path, room.env.get("PATH", "").split(":")),
            *(file.parent for file in programs),
        }
        wanted += [place for folder in folders for place in prefixes(folder, home, holders, wanted)]
        wanted += [
            Path(value) for name, value in room.env.items() if among(name, self.known["places"])
        ]
        wanted += [RESOLVER.resolve()] if room.network else []
        # where its folder may not be shown, as with one that lies in the home itself
        wanted += programs
        shown = {room.at, *map(Path, self.known["system"])}
        for place in sorted(
            {place for place in wanted if place.is_absolute() and os.access(place, os.R_OK)}
            - holders
        ):
            if shown.isdisjoint((place, *place.parents)):
                shown.add(place)
                yield from bind("--ro-bind", [(place, place)])


def binds_in(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What these words for bubblewrap mount, and where it is seen."""
    return (
        (words[n + 1], words[n + 2])
        for n, word in enumerate(words)
        if word in ("--ro-bind", "--bind")
    )


def covers(mounts: Sequence[str], hidden: Iterable[Path]) -> Iterator[str]:
    """An empty place over every folder that these mounts would show and nobody may see."""
    shown = [(Path(real), Path(seen)) for real, seen in binds_in(mounts)]
    for folder in (place.resolve() for place in hidden):
        for real, seen in ((real.resolve(), seen) for real, seen in shown):
            if folder.is_relative_to(real) or real.is_relative_to(folder):
                place = seen / folder.relative_to(real) if folder.is_relative_to(real) else seen
                yield from ("--tmpfs", str(place), "--remount-ro", str(place))


def bind(how: str, pairs: Iterable[tuple[Path, Path]]) -> Iterator[str]:
    for real, seen in pairs:
        yield from (how, str(real), str(seen))


def home_inside(room: Room) -> Path:
    """HOME, unless the repository is it or holds it: then the tree would lie over the private
    home."""
    home = Path(room.env.get("HOME", "/"))
    return (
        home
        if home.is_absolute() and home != Path("/") and not home.is_relative_to(room.at)
        else SPARE_HOME
    )


def program_files(program: str, room: Room) -> tuple[Path, ...]:
    """Where a program is named and where it really lies."""
    found = shutil.which(program, path=room.env.get("PATH", ""))
    return (Path(found).absolute(), Path(found).resolve()) if found else ()


def prefixes(
    folder: Path, home: Path, holders: Container[Path], known: Container[Path]
) -> Iterator[Path]:
    """What has to be visible for the programs of a PATH folder to run: `X` for `X/bin`, but
    never a folder that holds more than tools."""
    modules = next(
        (parent for parent in reversed((folder, *folder.parents)) if parent.name == "node_modules"),
        None,
    )
    prefix = modules or (folder.parent if folder.name in PROGRAMS else folder)
    private = prefix.parent == home and prefix.name.startswith(".") and prefix not in known
    if not (private or len(prefix.parts) <= 2 or prefix in holders):
        yield prefix
    elif prefix != folder:
        yield from (folder, *(prefix / name for name in BESIDE))
