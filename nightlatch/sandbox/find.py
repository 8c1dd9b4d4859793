"""The sandbox that the settings ask for, found and tried."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from nightlatch.errors import ConfigError, SandboxError
from nightlatch.project.config.settings import SANDBOXES
from nightlatch.sandbox.base import RequestedLimits, Sandbox

BACK_ENDS: Mapping[str, Callable[[RequestedLimits], Sandbox]] = {
    name: import_module(f"nightlatch.sandbox.{name}").find for name in SANDBOXES
}
# What "auto" tries, the first that works. Never "none": who runs agents without a sandbox has said
# so.
AUTO: Sequence[str] = ("bubblewrap",)


def find_sandbox(
    setting: str,
    memory: int = 0,
    processes: int = 0,
    disk: int = 0,
    places: tuple[Path, ...] = (),
) -> Sandbox:
    """Return the sandbox that a setting names, after it was tried.

    For the limits (0: none) see `RequestedLimits`.

    Raises ConfigError for an unknown name, SandboxError where the back end does not work on this
    machine.
    """
    limits = RequestedLimits(memory=memory, processes=processes, disk=disk, places=places)
    if setting == "auto":
        return first_that_works(limits)
    if setting not in BACK_ENDS:
        names = [f'"{name}"' for name in ("auto", *BACK_ENDS)]
        raise ConfigError(
            f'"{setting}" is not a sandbox',
            place="loop.toml [workspace] sandbox",
            fix=f"use {', '.join(names[:-1])} or {names[-1]}",
        )
    return BACK_ENDS[setting](limits)


def first_that_works(limits: RequestedLimits) -> Sandbox:
    """Return the first back end of AUTO that works here.

    Raises the SandboxError of the last one where none does.
    """
    for name in AUTO[:-1]:
        try:
            return BACK_ENDS[name](limits)
        except SandboxError:
            continue
    return BACK_ENDS[AUTO[-1]](limits)
