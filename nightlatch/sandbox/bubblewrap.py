"""The back end "bubblewrap": namespaces of its own for everything, and an allow-list of mounts."""

import os
import shutil
import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nightlatch.errors import SandboxError
from nightlatch.sandbox.base import (
    RequestedLimits,
    SandboxSpec,
    Traits,
    among,
    home_inside,
    shipped,
)
from nightlatch.sandbox.process.process_tree import READY_HANDSHAKE, Command
from nightlatch.sandbox.process.resources import NO_BOUNDS, ResourceLimits, find_bounds
from nightlatch.util import outside

RESOLVER = Path("/etc/resolv.conf")
# Folders of programs, and what lies beside them that these programs read.
PROGRAMS = ("bin", "sbin", "shims")
BESIDE = ("lib", "lib64", "libexec")
# What systemd-run needs to find the person's manager.
BUS = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
TRAITS = Traits(isolates_files=True, own_paths=True, network=True, resources=True)
FIX = (
    "install bubblewrap (apt install bubblewrap), "
    'or set sandbox = "none" under [workspace] in loop.toml'
)


def find(limits: RequestedLimits) -> "Bubblewrap":
    """Return the back end, after one command was run in it.

    Raises SandboxError where that does not work.
    """
    program = outside.program("bwrap")
    if program is None:
        raise SandboxError("bubblewrap is not installed", fix=FIX)
    namespaces = ("--unshare-all", "--die-with-parent")
    mounts = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
    done = outside.asked([program, *namespaces, *mounts, "true"])
    if done.returncode:
        message = done.stderr.decode("utf-8", "replace").strip()
        raise SandboxError(
            f"bubblewrap cannot create user namespaces here ({message})",
            fix=f"allow unprivileged user namespaces, or {FIX}",
        )
    bounds = find_bounds(limits.memory, limits.processes, limits.disk, limits.places)
    return Bubblewrap(program=program, known=shipped(), bounds=bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubblewrap:
    """Namespaces for everything, and a file system that holds what the spec and
    shipped/sandbox.toml name."""

    program: str
    known: Mapping[str, Sequence[str]]
    name: str = "bubblewrap"
    traits: Traits = TRAITS
    bounds: ResourceLimits = NO_BOUNDS

    def command(self, spec: SandboxSpec, argv: Sequence[str]) -> Command:
        """Return the command line for bubblewrap.

        The order of mounts matters: a later one covers an earlier one.
        """
        home = home_inside(spec)
        mounts = [*self._machine(spec), *bind("--bind", [(spec.home, home)])]
        mounts += self._tools(spec, argv[0])
        mounts += bind("--bind", [(spec.tree, spec.at)])
        mounts += self._shown(spec)
        mounts += self._scratch(spec)
        mounts += masks(mounts, spec.hidden)
        # Last, for the mounts above make folders in both.
        mounts += ["--remount-ro", "/dev", "--remount-ro", "/"]
        env = {**spec.env, "HOME": str(home)}
        # What the loader reads is for the command inside: bubblewrap itself, outside, would load
        # the project's libraries by it.
        loaded = {name: env.pop(name) for name in outside.LOADER if name in env}
        bus = self._bus(env)
        options = ["--unshare-all", *(["--share-net"] if spec.network.shared else [])]
        options += ["--die-with-parent", "--cap-drop", "ALL"]
        options += [word for name in bus for word in ("--unsetenv", name)]
        options += [word for pair in loaded.items() for word in ("--setenv", *pair)]
        start = (
            "--chdir",
            str(spec.at / spec.cwd),
            "--",
            *READY_HANDSHAKE,
            *spec.network.through,
            *argv,
        )
        return Command(
            argv=(self.program, *options, *mounts, *start),
            env={**bus, **env},
            cwd="/",
            namespace=True,
            bounds=self.bounds,
        )

    def inside(self, spec: SandboxSpec, path: Path) -> Path:
        """Return where the innermost mount that holds the path shows it."""
        pairs = [(spec.tree, spec.at), (spec.home, home_inside(spec))]
        pairs += [*spec.readable, *spec.writable]
        holders = [(real, seen) for real, seen in pairs if path.is_relative_to(real)]
        if not holders:
            return path
        real, seen = max(holders, key=lambda pair: len(pair[0].parts))
        return seen / path.relative_to(real)

    def _bus(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return the variables by which systemd-run, which starts bubblewrap, finds its manager;
        the command does not get them."""
        if not self.bounds.scope:
            return {}
        return {name: os.environ[name] for name in BUS if name in os.environ and name not in env}

    def _machine(self, spec: SandboxSpec) -> Iterator[str]:
        """Show system folders without the machine's secrets, and give private places for what is
        nobody's file."""
        for folder in map(Path, self.known["system"]):
            if folder.is_symlink():
                yield from ("--symlink", str(folder.readlink()), str(folder))
            elif folder.is_dir():
                yield from ("--ro-bind", str(folder), str(folder))
        for secret in map(Path, self.known["hidden"]):
            if not os.access(secret, os.F_OK):
                continue
            is_folder = secret.is_dir()
            mask = (
                ("--tmpfs", str(secret), "--remount-ro") if is_folder else ("--ro-bind", os.devnull)
            )
            yield from (*mask, str(secret))
        yield from ("--proc", "/proc", "--dev", "/dev")
        yield from ("--symlink", "/tmp", "/var/tmp")  # noqa: S108  # a private one
        for private in ("/tmp", "/run", "/dev/shm"):  # noqa: S108  # as above
            yield from ("--size", str(spec.tmp), "--tmpfs", private)

    def _shown(self, spec: SandboxSpec) -> Iterator[str]:
        """Show what the spec names, a folder that lies in another one after that."""
        pairs = [*(("--ro-bind", pair) for pair in spec.readable)]
        pairs += [*(("--bind", pair) for pair in spec.writable)]
        pairs.sort(key=lambda item: len(item[1][1].parts))
        for option, pair in pairs:
            yield from bind(option, [pair])

    def _scratch(self, spec: SandboxSpec) -> Iterator[str]:
        """Give private places for what vite writes into a shared node_modules: without them no
        vitest with a configuration starts."""
        for real, seen in spec.readable:
            if not any((real / name).is_dir() for name in self.known["scratch_of"]):
                continue
            for name in self.known["scratch"]:
                with suppress(OSError):
                    (real / name).mkdir()
                if (real / name).is_dir():
                    yield from ("--size", str(spec.tmp), "--tmpfs", str(seen / name))

    def _tools(self, spec: SandboxSpec, program: str) -> Iterator[str]:
        """Show toolchains, the program itself and what variables name, each where the person has
        it."""
        home = Path(spec.env.get("HOME", "/"))
        # Folders that hold the home or the project: shown as a whole they would show everything.
        holders = {home, spec.at, *home.parents, *spec.at.parents}
        wanted = [*(home / name for name in self.known["toolchains"])]
        wanted += [Path(sys.base_prefix), Path(sys.prefix)]
        programs = program_files(program, spec)
        folders = {*map(Path, spec.env.get("PATH", "").split(":"))}
        folders |= {file.parent for file in programs}
        wanted += [root for folder in folders for root in tool_roots(folder, home, holders, wanted)]
        wanted += [
            Path(value) for name, value in spec.env.items() if among(name, self.known["places"])
        ]
        wanted += [RESOLVER.resolve()] if spec.network.shared else []
        wanted += (
            programs  # where its folder may not be shown, as with one that lies in the home itself
        )
        readable = {path for path in wanted if path.is_absolute() and os.access(path, os.R_OK)}
        shown = {spec.at, *map(Path, self.known["system"])}
        for path in sorted(readable - holders):
            if shown.isdisjoint((path, *path.parents)):
                shown.add(path)
                yield from bind("--ro-bind", [(path, path)])


def bind(option: str, pairs: Iterable[tuple[Path, Path]]) -> Iterator[str]:
    """Return the words that mount each real path where it is to be seen."""
    for real, seen in pairs:
        yield from (option, str(real), str(seen))


def binds_in(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Return what these words for bubblewrap mount, and where it is seen."""
    for n, word in enumerate(words):
        if word in ("--ro-bind", "--bind"):
            yield words[n + 1], words[n + 2]


def masks(mounts: Sequence[str], hidden: Iterable[Path]) -> Iterator[str]:
    """Put an empty folder over every hidden one that these mounts would show, by whatever path."""
    shown = [(Path(real).resolve(), Path(seen)) for real, seen in binds_in(mounts)]
    for folder in (path.resolve() for path in hidden):
        for real, seen in shown:
            if folder.is_relative_to(real):
                place = seen / folder.relative_to(real)
            elif real.is_relative_to(folder):
                place = seen
            else:
                continue
            yield from ("--tmpfs", str(place), "--remount-ro", str(place))


def program_files(program: str, spec: SandboxSpec) -> tuple[Path, ...]:
    """Return where a program is named and where it really lies."""
    found = shutil.which(program, path=spec.env.get("PATH", ""))
    return (Path(found).absolute(), Path(found).resolve()) if found else ()


def tool_roots(
    folder: Path, home: Path, holders: Container[Path], known: Container[Path]
) -> Iterator[Path]:
    """Return what has to be visible for the programs of a PATH folder to run: `X` for `X/bin`.

    Never a folder that holds more than tools, such as a folder of the home, or one just below the
    root.
    """
    parents = reversed((folder, *folder.parents))
    modules = next((parent for parent in parents if parent.name == "node_modules"), None)
    prefix = modules or (folder.parent if folder.name in PROGRAMS else folder)
    is_private = prefix.parent == home and prefix.name.startswith(".") and prefix not in known
    holds_more = is_private or len(prefix.parts) <= 2 or prefix in holders
    if not holds_more:
        yield prefix
    elif prefix != folder:
        yield from (folder, *(prefix / name for name in BESIDE))
