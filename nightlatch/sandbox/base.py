"""What every sandbox back end answers, and what all of them have in common: specs, traits, the
environment of a command."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Protocol

from nightlatch import data, safepath
from nightlatch.project.packages import without_login
from nightlatch.sandbox.package_stores import Pairs as Pairs
from nightlatch.sandbox.package_stores import shipped as managers
from nightlatch.sandbox.process.process_tree import Command
from nightlatch.sandbox.process.resources import ResourceLimits
from nightlatch.util.paths import INSIDE

SPARE_HOME = Path(INSIDE, "home")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAccess:
    """Whether a command shares the machine's network; `reach` are the addresses of the machine that
    are open without it, `through` the words that the command is started by so that they are."""

    shared: bool = False
    reach: tuple[str, ...] = ()
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpec:
    """What a command is to see, and where it runs.

    `tree` is seen at `at`, `home` as HOME, and each pair (real path, path inside) of `readable` and
    `writable` where it says. `hidden` are folders that are empty wherever they would be seen. `tmp`
    is the size of each private temporary folder, in bytes.
    """

    tree: Path
    at: Path
    home: Path
    env: Mapping[str, str]
    cwd: str = "."
    writable: Pairs = ()
    readable: Pairs = ()
    hidden: tuple[Path, ...] = ()
    network: NetworkAccess = field(default_factory=NetworkAccess)
    tmp: int = 10**9

    @property
    def meets_others(self) -> bool:
        """Tell whether what runs here can meet what runs by another spec, at a port or at a
        server."""
        return self.network.shared or bool(self.network.reach)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a back end keeps from a command.

    Callers make up for the rest, or tell the person that it is not there.

    `isolates_files`: a command sees what its spec names and the system's own files, changes nothing
    else, and has the spec's home as HOME. `own_paths`: it sees files where the spec says, whatever
    folder they really lie in. `network`: it reaches the network only where the spec says so.
    `resources`: the back end's limits of memory and processes hold.
    """

    isolates_files: bool
    own_paths: bool
    network: bool
    resources: bool


class Sandbox(Protocol):
    """A way to run commands by specs.

    A back end is one module with a class like this and a function `find(limits)` that tries it, and
    its name among the SANDBOXES of the settings.
    """

    @property
    def name(self) -> str:
        """The name of the back end in loop.toml.

        Only for people and for fingerprints: decisions ask `traits`.
        """

    @property
    def traits(self) -> Traits:
        """What this back end keeps from a command."""

    @property
    def bounds(self) -> ResourceLimits:
        """What a command may use at most."""

    def command(self, spec: SandboxSpec, argv: Sequence[str]) -> Command:
        """Return what to start so that `argv` runs as the spec says.

        Nothing is started yet. The command must end with the process that starts it, whatever ends
        that one, and take all its descendants along; its exit code is that of `argv`. Each call
        stands for itself: two commands by one spec share the folders of the spec and nothing else.
        """

    def inside(self, spec: SandboxSpec, path: Path) -> Path:
        """Return where a command by this spec finds a real path; the path itself where the spec
        does not show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedLimits:
    """The limits that the settings ask for; 0 means none.

    `memory` and `disk` are bytes, `disk` is what stays free on the disks of `places`; `processes`
    is a number.
    """

    memory: int = 0
    processes: int = 0
    disk: int = 0
    places: tuple[Path, ...] = ()


@cache
def shipped() -> Mapping[str, Sequence[str]]:
    """Return the lists that back ends have in common, from shipped/sandbox.toml."""
    return data.table("shipped", "sandbox.toml")


def environment(given: Mapping[str, str], passed: Sequence[str] = ()) -> dict[str, str]:
    """Return what a command gets of the loop's own environment: the allowed names and those of
    `passed`, with `given` over it."""
    known = shipped()
    allowed = (*known["environment"], *known["places"], *passed)
    whole = safepath.given_environment()
    own = {name: value for name, value in whole.items() if among(name, allowed)}
    from_managers = {
        name: without_login(value)
        for name, value in whole.items()
        if among(name, managers().environment)
    }
    own = {**from_managers, **own}
    # An empty or relative entry would let any folder that a candidate makes say what `sh` or `git`
    # is.
    if "PATH" in own:
        own["PATH"] = ":".join(filter(os.path.isabs, own["PATH"].split(":"))) or os.defpath
    temporary = "/tmp"  # noqa: S108  # in a sandbox it is a private one
    return {"LANG": "C.UTF-8", "TERM": "dumb", **own, "TMPDIR": temporary, **given}


def among(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a name matches one of these patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def home_inside(spec: SandboxSpec) -> Path:
    """Return HOME as a command sees it: the person's own path, unless the repository is that folder
    or holds it.

    In that case the tree would be shown over the private home.
    """
    home = Path(spec.env.get("HOME", "/"))
    hides_nothing = home.is_absolute() and home != Path("/") and not home.is_relative_to(spec.at)
    return home if hides_nothing else SPARE_HOME
