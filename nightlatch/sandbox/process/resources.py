"""How much memory and how many processes a sandboxed command may use, and what holds it to that
on this machine."""

import os
import re
import resource
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nightlatch.errors import SandboxError
from nightlatch.util import outside
from nightlatch.util.fs import orphaned

GROUPS = Path("/sys/fs/cgroup")
CALLED = {
    "memory": ("memory", 'workspace.memory = "8GB"'),
    "pids": ("processes", "workspace.processes = 2000"),
}
FIX = (
    "run where you may start systemd scopes (systemd-run --user --scope true) or write to a control"
    " group"
)
# Version 2 of control groups, then version 1, which holds the controllers on machines that have
# both versions. What a kernel lacks is left out, and swap is no way around the limit.
MEMORY = {"memory.max": "{}", "memory.swap.max": "0"}
MEMORY |= {
    "memory.use_hierarchy": "1",
    "memory.limit_in_bytes": "{}",
    "memory.memsw.limit_in_bytes": "{}",
}
FILES = {"memory": MEMORY, "pids": {"pids.max": "{}"}}
SHOW = 'cd "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)" && cat memory.max pids.max'
# since this Linux, RLIMIT_NPROC set inside a user namespace counts what is in it and nothing else
COUNTS_BY_NAMESPACE = (5, 14)
# Processes are in a group inside the one with the limit: who makes a namespace of control groups
# sees the inner one as the top of all, and could write to its files.
INNER = "in"
EMPTYING = 2.0  # seconds: until the kernel has taken the last process out of a group


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimits:
    """The limits of each command, by "memory" (bytes) and "pids"; and the bytes of `disk` that
    are to stay free at `places`.

    systemd holds them if `scope`, the words that start a command in a scope, is not empty. Else
    those in `groups` are held by a group of their own in that control group, and the others as far
    as limits of a single process go.
    """

    limits: Mapping[str, int] = field(default_factory=dict)
    scope: tuple[str, ...] = ()
    groups: Mapping[str, Path] = field(default_factory=dict)
    disk: int = 0
    places: tuple[Path, ...] = ()

    def free(self) -> int:
        """Bytes that are free where there are fewest."""
        seen = (
            os.statvfs(next(filter(Path.exists, (place, *place.parents)))) for place in self.places
        )
        return min((disk.f_bavail * disk.f_frsize for disk in seen), default=self.disk)

    def short(self) -> str:
        """Return a sentence when the disk is too full to start anything, else ""."""
        free, wanted = self.free(), self.disk
        return (
            f"only {free / 1e9:.1f} GB are free on the disk, and limits.disk wants"
            f" {wanted / 1e9:.1f} GB"
            if free < wanted
            else ""
        )

    def enter(self, pid: int) -> tuple[Path, ...]:
        """Put a process that has started nothing yet, and its later descendants, under the limits;
        return the handle to pass to `leave`."""
        made = tuple(place / f"nightlatch-{os.getpid()}-{pid}" for place in self.groups.values())
        try:
            for what, folder in zip(self.groups, made, strict=True):
                folder.mkdir()
                limit(folder, what, self.limits[what])
                (folder / INNER).mkdir()
                (folder / INNER / "cgroup.procs").write_text(str(pid), encoding="ascii")
            for what in self._alone():
                kind = resource.RLIMIT_DATA if what == "memory" else resource.RLIMIT_NPROC
                resource.prlimit(pid, kind, (self.limits[what], self.limits[what]))
        except OSError as error:
            leave(made)
            raise SandboxError(
                f"memory and processes cannot be limited: {error}", fix="nightlatch doctor"
            ) from error
        return made

    def lacks(self) -> Iterator[tuple[str, str]]:
        """Yield what is not held here, a sentence each, with what would hold it."""
        free = [
            (called, example)
            for what, (called, example) in CALLED.items()
            if what not in self.limits
        ]
        if free:
            says = (
                f"no limit of {' and '.join(called for called, _ in free)}: a session may use what"
                " the machine has"
            )
            yield says, f"{' and '.join(example for _, example in free)} in loop.toml"
        for what in self._alone():
            if what == "memory":
                yield (
                    "workspace.memory holds for each process, not for all of a session together",
                    FIX,
                )
            elif os.getuid() == 0 or linux() < COUNTS_BY_NAMESPACE:
                yield "workspace.processes is not enforced", FIX

    def _alone(self) -> list[str]:
        return [] if self.scope else [what for what in self.limits if what not in self.groups]


NO_BOUNDS = ResourceLimits()


def find_bounds(
    memory: int, processes: int, disk: int = 0, places: tuple[Path, ...] = ()
) -> ResourceLimits:
    """Return what holds these limits here (0: none). Groups that a killed loop left are removed."""
    limits = {what: most for what, most in (("memory", memory), ("pids", processes)) if most}
    if scope := systemd(limits):
        return ResourceLimits(limits=limits, scope=scope, disk=disk, places=places)
    groups = {
        what: place
        for what, most in limits.items()
        if (place := own_group(what)) and takes(place, what, most)
    }
    return ResourceLimits(limits=limits, groups=groups, disk=disk, places=places)


def systemd(limits: dict[str, int]) -> tuple[str, ...]:
    """Return the words that start a command in a scope with these limits; none where that fails, or
    does nothing (control groups of version 1)."""
    program = outside.program("systemd-run")
    if not (limits and program):
        return ()
    most = {
        "MemoryMax": limits.get("memory"),
        "MemorySwapMax": 0 if "memory" in limits else None,
        "TasksMax": limits.get("pids"),
    }
    asked = [f"--property={name}={value}" for name, value in most.items() if value is not None]
    words = (
        program,
        *(["--user"] if os.getuid() else []),
        "--scope",
        "--quiet",
        "--collect",
        *asked,
        "--",
    )
    with suppress(OSError, subprocess.TimeoutExpired):
        tried = outside.asked([*words, "sh", "-c", SHOW], timeout=20)
        held = dict(zip(CALLED, tried.stdout.decode().split(), strict=False))
        if all(
            held.get(what, "max").isdigit() and int(held[what]) <= value
            for what, value in limits.items()
        ):
            return words
    return ()


def own_group(what: str) -> Path | None:
    """Return the control group of this process that may limit memory or pids: groups in it can hold
    no more than it may itself."""
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        number, names, path = line.split(":", 2)
        if what in names.split(",") or number == "0":
            found = (GROUPS / what if names else GROUPS) / path.lstrip("/")
            if (found / "cgroup.procs").is_file():
                return found
    return None


def takes(place: Path, what: str, most: int) -> bool:
    """Return whether a group with this limit can be made here."""
    for left in place.glob("nightlatch-*-*"):
        if orphaned(left.name.split("-")[1]):
            leave((left,), 0)
    trial = place / f"nightlatch-{os.getpid()}-0"
    try:
        # version 2, where it does not say so yet; version 1 has no such file
        with suppress(OSError):
            (place / "cgroup.subtree_control").write_text(f"+{what}", encoding="ascii")
        trial.mkdir()
        limit(trial, what, most)
        return os.access(place / "cgroup.procs", os.W_OK)
    except OSError:
        return False
    finally:
        leave((trial,))


def limit(folder: Path, what: str, most: int) -> None:
    """Write the limit to the files that this kernel has for it; OSError if it has none."""
    there = {name: value for name, value in FILES[what].items() if (folder / name).exists()}
    if not there:
        raise OSError(f"{folder} does not limit {what}")
    for name, value in there.items():
        (folder / name).write_text(value.format(most), encoding="ascii")


def starved(made: tuple[Path, ...]) -> bool:
    """Return whether the kernel ended something in these groups because the memory that they may
    have was used up."""
    # version 1 counts where it was, not above
    groups = [group for folder in made for group in (folder, folder / INNER)]
    files = [group / name for group in groups for name in ("memory.events", "memory.oom_control")]
    return any(
        re.search(r"(?m)^oom_kill [1-9]", file.read_text(encoding="ascii"))
        for file in files
        if file.is_file()
    )


def leave(made: tuple[Path, ...], patience: float = EMPTYING) -> None:
    """Remove groups whose processes have ended; one that the kernel still holds is left to the
    next loop."""
    until = time.monotonic() + patience
    for folder in made:
        while folder.exists():
            with suppress(OSError):
                if (folder / INNER).exists():
                    (folder / INNER).rmdir()
                folder.rmdir()
                break
            if time.monotonic() >= until:
                break
            time.sleep(0.005)


def linux() -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))
