"""A started command with every process that comes of it: its pipes or terminal, its processor
time, its end."""

import os
import re
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from nightlatch.errors import FaultError
from nightlatch.sandbox.process.resources import NO_BOUNDS, ResourceLimits, leave, starved
from nightlatch.util.reaper import descendants, stat

if TYPE_CHECKING:
    import pexpect

CHUNK = 65_536  # bytes: what a pipe of Linux holds
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
# A sandboxed command first says that it is up and waits for a line. If the loop died meanwhile,
# before bubblewrap could ask to die with it, there is nobody to send the line; and no command can
# be over before the loop has a hold of its namespace.
READY_HANDSHAKE = ("/bin/sh", "-c", r'''printf '\0'; IFS= read -r _ && exec "$@"''', "sh")
# A control character typed into a terminal is a command to it: Ctrl-C would end the agent.
NOT_TYPED = bytes({*range(32), 127} - {*b"\t\n"})
# Seconds, far more than either takes on a busy machine: for a sandbox to be up, for the kernel or
# the reaper to end a tree. Who is over them is killed one by one.
UP, PATIENCE = 60.0, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to start, as a sandbox made it: bubblewrap with a process namespace (`namespace`)
    and within `bounds`, or the reaper."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    namespace: bool = False
    bounds: ResourceLimits = NO_BOUNDS


class ProcessTree:
    """A command and all its descendants; leaving the context ends them all.

    `root` is the process whose end ends the tree: the first of the namespace, or the reaper. `code`
    is as Popen gives it, and `starved` says whether memory ran out in it: both are known at the
    end.
    """

    def __init__(
        self, command: Command, *, stdin: bytes = b"", tty: bool = False, merged: bool = False
    ) -> None:
        self._namespace = command.namespace
        self.ended = False
        self.code = 0
        self._killed = False
        self._unread = b""
        self._input, self._bounds = memoryview(typed(stdin) if tty else stdin), command.bounds
        self._least = min(self._bounds.disk, self._bounds.free() // 2)
        try:
            (self._on_terminal if tty else self._on_pipes)(command, merged)
        except OSError as error:
            raise FaultError(
                f"{command.argv[0]} does not start: {error.strerror}", fix="nightlatch doctor"
            ) from error
        self.root = self.pid
        self._begun = True
        self._groups = tuple[Path, ...]()
        self._handles, self._selector = handles_of((self.pid,)), selectors.DefaultSelector()
        try:
            if self._namespace:
                self._let_in()
            self._listen()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def _on_pipes(self, command: Command, merged: bool) -> None:
        pipe, errors = subprocess.PIPE, subprocess.STDOUT if merged else subprocess.PIPE
        argv, env = with_session(command), dict(command.env)
        process = subprocess.Popen(
            argv,
            0,
            stdin=pipe,
            stdout=pipe,
            stderr=errors,
            env=env,
            cwd=command.cwd,
            start_new_session=True,
        )
        self.pid = process.pid
        self._source = process.stdin
        self._wait = partial(end_of_pipes, process)
        self._stdin, *outputs = (
            stream.fileno() for stream in (process.stdin, process.stdout, process.stderr) if stream
        )
        self.outputs = tuple(outputs)

    def _on_terminal(self, command: Command, _merged: bool) -> None:
        import pexpect

        program, *rest = (*command.bounds.scope, *command.argv)
        process = pexpect.spawn(
            program, rest, cwd=command.cwd, env=dict(command.env), echo=False, dimensions=(60, 500)
        )
        self.pid = process.pid or 0
        self._source = None
        self._wait = partial(end_of_terminal, process)
        self._stdin, self.outputs = process.fileno(), (process.fileno(),)

    def _let_in(self) -> None:
        """Wait until the command is up (see READY_HANDSHAKE), get hold of its namespace, then let
        it go on within its bounds."""
        door = self.outputs[0]
        select.select([door, *self._handles], [], [], UP)
        os.set_blocking(door, False)
        with suppress(OSError):
            self._unread = os.read(door, 1)
        self._begun = self._unread == b"\0"
        if self._begun:
            self._unread, self._input = b"", memoryview(b"\n" + self._input)
            self.root = first_child(self.pid)
            self._handles += handles_of((self.root,))
            self._groups = self._bounds.enter(first_child(self.root))

    def _listen(self) -> None:
        self._selector.register(self._handles[0], READ)
        for output in self.outputs:
            self._selector.register(output, READ)
        for end in {*self.outputs, self._stdin}:
            os.set_blocking(end, False)
        if self._source:
            self._selector.register(self._stdin, WRITE)
        else:
            self._selector.modify(self._stdin, READ | WRITE)

    def __enter__(self) -> "ProcessTree":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
        self._selector.close()
        self.code = self._wait()
        for handle in self._handles:
            os.close(handle)
        self.starved = starved(self._groups)
        leave(self._groups)

    @property
    def unstarted(self) -> bool:
        """Whether the sandbox ended by itself before it came to the command."""
        return not self._begun and not self._killed

    @property
    def crowded(self) -> bool:
        """Whether the disk got too full meanwhile: less than limits.disk, and less than half of
        what was free at the start."""
        return self._bounds.free() < self._least

    def turn(self, timeout: float) -> Iterator[tuple[int, bytes]]:
        """Wait at most `timeout` seconds for output, room for input or the end; what was read,
        with the descriptor it came from."""
        for key, mask in self._selector.select(timeout):
            if key.fd == self._handles[0]:
                self.ended = True
                self._selector.unregister(key.fd)
                continue
            if mask & WRITE:
                self._feed()
            if mask & READ:
                yield key.fd, self._take(key.fd)

    def drain(self, seconds: float) -> Iterator[tuple[int, bytes]]:
        """Yield what is still in the pipes after the end: until all are closed, but no longer than
        that."""
        until = time.monotonic() + seconds
        while self._selector.get_map() and (left := until - time.monotonic()) > 0:
            yield from self.turn(left)

    def _take(self, output: int) -> bytes:
        try:
            chunk, self._unread = self._unread + os.read(output, CHUNK), b""
        except BlockingIOError:
            return b""
        except OSError:  # EIO: the last process has let go of the terminal
            chunk = b""
        if not chunk:
            self._selector.unregister(output)
        return chunk

    def _feed(self) -> None:
        try:
            self._input = self._input[os.write(self._stdin, self._input[:CHUNK]) :]
        except BlockingIOError:
            return
        except OSError:  # it reads no more
            self._input = self._input[:0]
        if self._input:
            return
        if self._source:
            self._selector.unregister(self._stdin)
            self._source.close()
        else:
            self._selector.modify(self._stdin, READ)

    def terminate(self) -> None:
        """Ask the command itself, not what holds it, so that it may write down what it knows."""
        with suppress(ProcessLookupError):
            os.kill(next(iter(descendants(self.root)), self.root), signal.SIGTERM)

    def end(self) -> None:
        """End every process and wait until they are gone: a namespace goes with its first
        process; the reaper ends what it holds."""
        self._killed = self._killed or not self.ended
        below = () if self._namespace else descendants(self.root)
        send(self._handles[-1:], signal.SIGKILL if self._namespace else signal.SIGTERM)
        if not gone(self._handles, PATIENCE):
            for pid in (*below, self.root, self.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            gone(self._handles, PATIENCE)

    def cpu(self) -> float:
        """Seconds of processor time that what the command started has used; the command itself
        and its holders do not count."""
        below = descendants(self.root)
        holders = {self.root, next(iter(below), self.root)}
        used = (
            fields[13:15] if pid in holders else fields[11:15]
            for pid, fields in (below | {self.root: stat(self.root)}).items()
        )
        return sum(int(ticks) for times in used for ticks in times) / os.sysconf("SC_CLK_TCK")


def typed(text: bytes) -> bytes:
    """Input as a person gives it to a terminal: no control characters, the last line ended,
    then Ctrl-D.

    A terminal drops what a line has beyond 4095 bytes; Ctrl-D inside a line hands over what there
    is of it.
    """
    lines = re.sub(rb"[^\n]{1000}(?=[^\n])", b"\\g<0>\x04", text.translate(None, NOT_TYPED))
    return (lines if not lines or lines.endswith(b"\n") else lines + b"\n") + b"\x04"


def end_of_pipes(process: subprocess.Popen[bytes]) -> int:
    with process:
        return process.wait()


def end_of_terminal(process: "pexpect.spawn[str]") -> int:
    process.wait()
    process.ptyproc.delayafterclose = 0  # type: ignore[attr-defined]  # missing in the stubs
    process.close()
    return -process.signalstatus if process.signalstatus else process.exitstatus or 0


def with_session(command: Command) -> list[str]:
    """On pipes the command has a session of its own, so that signals to its group miss
    bubblewrap; the reaper does this itself."""
    program, *rest = command.argv
    return [
        *command.bounds.scope,
        program,
        *(["--new-session"] if command.namespace else []),
        *rest,
    ]


def first_child(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0])
    except (OSError, IndexError):  # a kernel without this file
        return next(iter(descendants(pid)), pid)


def handles_of(pids: Iterable[int]) -> list[int]:
    """Descriptors that name these processes, and never others that get their numbers later;
    those that are gone are left out."""
    handles = []
    for pid in pids:
        with suppress(OSError):
            handles.append(os.pidfd_open(pid))
    return handles


def send(handles: Iterable[int], number: int) -> None:
    for handle in handles:
        with suppress(OSError):
            signal.pidfd_send_signal(handle, number)


def gone(handles: Iterable[int], seconds: float) -> bool:
    """Wait until all of these processes have ended; false when the time was too short."""
    until = time.monotonic() + seconds
    return all(
        select.select([handle], [], [], max(until - time.monotonic(), 0))[0] for handle in handles
    )


def identity(pid: int) -> str:
    """Return the process as "pid:start time:boot id", which no other process ever has; "" when
    there is none."""
    fields = stat(pid)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{pid}:{fields[19].decode()}:{boot}" if fields else ""


def end_orphan(name: str, grace: float = 2) -> bool:
    """End what an earlier loop left, with everything below it, if exactly that process still
    runs; whether it did."""
    pid = int(name.partition(":")[0] or -1)
    handles = handles_of((pid, *descendants(pid)))
    try:
        if not handles or identity(pid) != name:
            return False
        send(handles, signal.SIGTERM)
        if not gone(handles, grace):
            send(handles, signal.SIGKILL)
            gone(handles, grace)
        return True
    finally:
        for handle in handles:
            os.close(handle)
