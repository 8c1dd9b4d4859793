"""Runs a function in a process whose network is a loopback of its own: nothing it starts can
reach anything else."""

import functools
import importlib
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from tests import PATIENCE, ROOT

P = ParamSpec("P")
T = TypeVar("T")


def alone(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a module's function returns when it is called in a network of its own; everything
    passed must pickle."""
    asked = pickle.dumps((function.__module__, function.__name__, args, kwargs))
    command = [*namespace(), sys.executable, "-m", "tests.proofs.agents.loopback"]
    done = subprocess.run(
        command, input=asked, capture_output=True, cwd=ROOT, timeout=2 * PATIENCE, check=False
    )
    if done.returncode:
        raise AssertionError(done.stderr.decode("utf-8", "replace"))
    return cast("T", pickle.loads(done.stdout))  # noqa: S301  # our own child wrote it


@functools.cache
def namespace() -> tuple[str, ...]:
    """The command that makes the namespace; an ordinary user becomes root in it to bring the
    loopback up."""
    return ("unshare", "--net") if os.getuid() == 0 else ("unshare", "--net", "--map-root-user")


@functools.cache
def missing() -> str:
    """Why there can be no such network here, or nothing."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        return "unshare or ip is not installed"
    tried = subprocess.run(
        [*namespace(), "ip", "link", "set", "lo", "up"], capture_output=True, check=False
    )
    return "no network namespaces may be made here" if tried.returncode else ""


def answer() -> None:
    """The other side: call what was asked for, with what it prints on standard error."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    module, name, args, kwargs = pickle.loads(sys.stdin.buffer.read())  # noqa: S301  # our own parent wrote it
    result = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    found = getattr(importlib.import_module(module), name)(*args, **kwargs)
    with result:
        pickle.dump(found, result)


if __name__ == "__main__":
    answer()
