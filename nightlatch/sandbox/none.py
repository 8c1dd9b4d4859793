"""The back end "none": a command runs as the person would run it, in the workspace itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nightlatch.sandbox.base import RequestedLimits, SandboxSpec, Traits
from nightlatch.sandbox.process.process_tree import Command
from nightlatch.sandbox.process.resources import NO_BOUNDS, ResourceLimits
from nightlatch.sandbox.process.supervisor import supervised

TRAITS = Traits(isolates_files=False, own_paths=False, network=False, resources=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSandbox:
    """No sandbox: only the process tree of a command is held, so that nothing of it outlives the
    command or the loop."""

    name: str = "none"
    traits: Traits = TRAITS
    bounds: ResourceLimits = NO_BOUNDS

    def command(self, spec: SandboxSpec, argv: Sequence[str]) -> Command:
        """Return the command under the reaper, in the tree where it really lies."""
        plain = supervised(argv, env=spec.env, cwd=spec.tree / spec.cwd)
        return replace(plain, bounds=self.bounds)

    def inside(self, spec: SandboxSpec, path: Path) -> Path:  # noqa: ARG002  # every path is seen as it is
        """Return the path itself."""
        return path


def find(limits: RequestedLimits) -> NoSandbox:
    """Return the back end, which is always there.

    Memory and processes are not held without a sandbox; the disk is.
    """
    return NoSandbox(bounds=ResourceLimits(disk=limits.disk, places=limits.places))
