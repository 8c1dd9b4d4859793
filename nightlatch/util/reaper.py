"""Runs a command where there is no sandbox; when the command or the loop ends, every process
that came of it is ended.

Started as `python -I -S reaper.py PARENT ARGV...`: nothing but the standard library, for speed.
"""

import os
import signal
import sys
from contextlib import suppress

SUBREAPER, DEATH_SIGNAL = 36, 1  # PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG of prctl(2)
ENDINGS = frozenset({signal.SIGTERM, signal.SIGHUP})
HEARD = ENDINGS | {signal.SIGCHLD}


def stat(pid: int) -> list[bytes]:
    """Return the fields of /proc/PID/stat from the state on (field 3 of proc(5) is index 0); empty
    when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  # pathlib would double the start-up time of this program
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def descendants(root: int) -> dict[int, list[bytes]]:
    """Return every process below `root`, with its fields of stat, parents before their children,
    older before younger."""
    everyone = {int(name): stat(int(name)) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208  # as above
    children: dict[int, list[int]] = {}
    for pid, fields in everyone.items():
        if fields:
            children.setdefault(int(fields[1]), []).append(pid)
    found: dict[int, list[bytes]] = {}
    waiting = [root]
    for parent in waiting:
        below = sorted(children.get(parent, ()), key=lambda pid: (int(everyone[pid][19]), pid))
        found |= {pid: everyone[pid] for pid in below}
        waiting += below
    return found


def prctl(option: int, value: int) -> None:
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def become(argv: list[str]) -> None:
    """Become the command, in the child: with default signals, in a session of its own unless it has
    a terminal."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    prctl(DEATH_SIGNAL, signal.SIGKILL)
    if not os.isatty(0):
        os.setsid()
    try:
        os.execvp(argv[0], argv)  # noqa: S606  # the command is an argument list: no shell is wanted
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def reap(main: int = 0) -> int | None:
    """Collect ended children; return the exit code of `main` (128+n for signal n) if it is among
    them.

    ChildProcessError when no child is left.
    """
    code = None
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return code
        if pid == main:
            ended = os.waitstatus_to_exitcode(status)
            return ended if ended >= 0 else 128 - ended


def watch(child: int) -> int:
    """Wait until the command ends, or until the loop asks or dies."""
    while signal.sigwait(HEARD) == signal.SIGCHLD:
        code = reap(child)
        if code is not None:
            return code
    return 128 + signal.SIGTERM


def end_all() -> None:
    """Kill and collect until no descendant is left; double-forked ones are re-parented to this
    process."""
    with suppress(ChildProcessError):
        while True:
            reap()
            for pid in descendants(os.getpid()):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            signal.sigtimedwait({signal.SIGCHLD}, 0.05)


def main(parent: int, argv: list[str]) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD | {signal.SIGINT, signal.SIGQUIT})
    prctl(SUBREAPER, 1)
    prctl(DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the death signal was asked for
        return 128 + signal.SIGTERM
    child = os.fork()
    if not child:
        become(argv)
    code = watch(child)
    end_all()
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
