"""A machine that goes to sleep: kept from it while a run is at work, where a program can, and
noticed where it slept all the same."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nightlatch.util import outside

POWER = Path("/sys/power/state")
KEEPER = "systemd-inhibit"
HELD = ("--what=sleep:idle", "--mode=block", "--who=nightlatch", "--why=agents are at work")
NEEDED = ("PATH", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
PATIENCE = 10.0  # seconds: a bus that hangs must not hold up the end of a run


def asleep() -> float:
    """Return how many seconds this machine has slept since it started; only differences mean
    anything.

    0 where no clock tells.
    """
    return (
        time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
        if hasattr(time, "CLOCK_BOOTTIME")
        else 0.0
    )


def keeper() -> tuple[str, ...]:
    """Return what keeps this machine awake for as long as the command lasts that is put behind it;
    () without such a program."""
    program = outside.program(KEEPER)
    return (program, *HELD) if program else ()


@contextmanager
def kept(patience: float = PATIENCE) -> Iterator[None]:
    """Awake inside `with`, and no longer than this process lives: what keeps it waits for the
    end of a pipe that this one holds."""
    if not (command := keeper()):
        yield
        return
    nowhere, safe = subprocess.DEVNULL, outside.environment()
    env = {name: safe[name] for name in NEEDED if name in safe}
    # In a session of its own, or Ctrl-C would reach it; in no folder of the project, which it has
    # nothing to do with.
    holding = subprocess.Popen(
        [*command, "cat"],
        stdin=subprocess.PIPE,
        stdout=nowhere,
        stderr=nowhere,
        env=env,
        cwd=outside.NOWHERE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        with suppress(subprocess.TimeoutExpired):
            holding.communicate(timeout=patience)
        holding.kill()
        holding.wait()


def tried(power: Path = POWER) -> tuple[bool, str]:
    """Return whether the machine stays awake during a run, and why."""
    command = keeper()
    if not command:
        says = f"{KEEPER} is not installed"
    else:
        try:
            done = outside.asked([*command, "true"], timeout=PATIENCE)
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            says = f"{KEEPER}: {said[-1] if said else 'it said nothing'}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            says = f"{KEEPER} does not answer"
    if not says:
        return True, f"{KEEPER} keeps the machine awake during a run"
    if power.is_file() and not power.read_text(encoding="ascii").split():
        return True, "this machine does not support suspend"
    return False, f"nothing keeps the machine awake during a run: {says}"
