"""A started command with every process that comes of it: its pipes or terminal, its processor time, its end."""

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
from pathlib import Path
from types import TracebackType

from nightlatch.edge.reaper import descendants, stat
from nightlatch.errors import FaultError

CHUNK = 65_536
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
END_OF_INPUT = b"\x04"  # Ctrl-D, as a person ends the input of a terminal
PATIENCE = 5.0  # seconds for the kernel or the reaper to end a tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to start, as a sandbox made it: bubblewrap with a process namespace (`namespace`), or the reaper."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    namespace: bool = False


class Tree:
    """A started command and everything that came of it; leaving the context ends them all.

    `root` is the process whose end ends the tree: the first of the namespace, or the reaper. `code` is as Popen gives it, known at the end.
    """

    def __init__(self, command: Command, *, stdin: bytes = b"", tty: bool = False, merged: bool = False) -> None:
        self._namespace, self.ended, self.code, self._killed = command.namespace, False, 0, False
        self._status, status = os.pipe()
        try:
            self._start(command, (status,) if command.namespace else (), stdin, tty, merged)
        except OSError as error:
            os.close(self._status)
            raise FaultError(f"{command.argv[0]} does not start: {error.strerror}", fix="nightlatch doctor") from error
        finally:
            os.close(status)
        self._said = os.read(self._status, CHUNK)
        child = re.search(rb'"child-pid": *(\d+)', self._said)
        self.root = int(child[1]) if child else self.pid
        self._handles = handles_of((self.pid, self.root))
        self._selector = selectors.DefaultSelector()
        self._listen()

    def _start(self, command: Command, kept: tuple[int, ...], stdin: bytes, tty: bool, merged: bool) -> None:
        program, *rest = command.argv
        told = ["--json-status-fd", str(kept[0]), *([] if tty else ["--new-session"])] if kept else []
        (self._on_terminal if tty else self._on_pipes)([program, *told, *rest], command, kept, stdin, merged)

    def _on_pipes(self, argv: list[str], command: Command, kept: tuple[int, ...], stdin: bytes, merged: bool) -> None:
        pipe, errors = subprocess.PIPE, subprocess.STDOUT if merged else subprocess.PIPE
        process = subprocess.Popen(
            argv, bufsize=0, stdin=pipe, stdout=pipe, stderr=errors,
            env=dict(command.env), cwd=command.cwd, start_new_session=True, pass_fds=kept,
        )
        self.pid, self._process, self._input, self._source = process.pid, process, memoryview(stdin), process.stdin
        self._stdin, *outputs = (stream.fileno() for stream in (process.stdin, process.stdout, process.stderr) if stream)
        self.outputs = tuple(outputs)

    def _on_terminal(self, argv: list[str], command: Command, kept: tuple[int, ...], stdin: bytes, _merged: bool) -> None:
        from ptyprocess import PtyProcess  # type: ignore[import-untyped]  # pexpect's allocator: pexpect itself cannot hand a descriptor on

        for descriptor in kept:
            os.set_inheritable(descriptor, True)
        process = PtyProcess.spawn(argv, cwd=command.cwd, env=dict(command.env), echo=False, dimensions=(60, 500), pass_fds=kept)
        process.delayafterclose = 0
        typed = stdin if not stdin or stdin.endswith(b"\n") else stdin + b"\n"
        self.pid, self._process, self._input, self._source = process.pid, process, memoryview(typed + END_OF_INPUT), None
        self._stdin, self.outputs = process.fd, (process.fd,)

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

    def __enter__(self) -> "Tree":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()
        self._selector.close()
        self.code = self._wait()
        os.set_blocking(self._status, False)
        with suppress(BlockingIOError):
            self._said += os.read(self._status, CHUNK)
        for descriptor in (self._status, *self._handles):
            os.close(descriptor)

    def _wait(self) -> int:
        if isinstance(self._process, subprocess.Popen):
            with self._process as process:
                return process.wait()
        self._process.wait()
        self._process.close()
        return -self._process.signalstatus if self._process.signalstatus else int(self._process.exitstatus)

    @property
    def unstarted(self) -> bool:
        """Whether bubblewrap ended by itself before the command had begun: only then does it name no exit code."""
        return self._namespace and not self._killed and self.code > 0 and b'"exit-code"' not in self._said

    def turn(self, timeout: float) -> Iterator[tuple[int, bytes]]:
        """Wait at most `timeout` seconds for output, room for input or the end; what was read, with the descriptor it came from."""
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
        """What is still in the pipes after the end: until all are closed, but no longer than that."""
        until = time.monotonic() + seconds
        while self._selector.get_map() and (left := until - time.monotonic()) > 0:
            yield from self.turn(left)

    def _take(self, output: int) -> bytes:
        try:
            chunk = os.read(output, CHUNK)
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
        """End every process and wait until they are gone: a namespace goes with its first process; the reaper ends what it holds."""
        self._killed = self._killed or not self.ended
        below = () if self._namespace else descendants(self.root)
        send(self._handles[-1:], signal.SIGKILL if self._namespace else signal.SIGTERM)
        if not gone(self._handles, PATIENCE):
            for pid in (*below, self.root, self.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            gone(self._handles, PATIENCE)

    def cpu(self) -> float:
        """Seconds of processor time that what the command started has used; the command itself and its holders do not count."""
        below = descendants(self.root)
        holders = {self.root, next(iter(below), self.root)}
        used = (fields[13:15] if pid in holders else fields[11:15] for pid, fields in (below | {self.root: stat(self.root)}).items())
        return sum(int(ticks) for times in used for ticks in times) / os.sysconf("SC_CLK_TCK")


def handles_of(pids: Iterable[int]) -> list[int]:
    """Descriptors that name these processes, and never others that get their numbers later; those that are gone are left out."""
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
    return all(select.select([handle], [], [], max(until - time.monotonic(), 0))[0] for handle in handles)


def identity(pid: int) -> str:
    """The process as "pid:start time:boot id", which no other process ever has; "" when there is none."""
    fields = stat(pid)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{pid}:{fields[19].decode()}:{boot}" if fields else ""


def end_orphan(name: str, grace: float = 2) -> bool:
    """End what an earlier loop left, with everything below it, if exactly that process still runs; whether it did."""
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
