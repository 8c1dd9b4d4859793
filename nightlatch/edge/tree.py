"""A started command with every process that comes of it: its pipes or terminal, its processor time, its end."""

import os
import re
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from nightlatch.edge.reaper import descendants, stat
from nightlatch.errors import FaultError

CHUNK = 65_536
END_OF_INPUT = b"\x04"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to start, as a sandbox made it: bubblewrap with a process namespace (`namespace`), or the reaper."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    namespace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process as its ends: `hang_up` says that no more input follows, `wait` gives Popen's return code and closes the rest."""

    pid: int
    stdin: int
    outputs: tuple[int, ...]
    data: bytes
    hang_up: Callable[[], None]
    wait: Callable[[], int]


def on_pipes(argv: list[str], command: Command, keep: tuple[int, ...], data: bytes, merged: bool) -> Started:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        argv,
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.STDOUT if merged else pipe,
        env=dict(command.env),
        cwd=command.cwd,
        start_new_session=True,
        pass_fds=keep,
        bufsize=0,
    )
    streams = [stream for stream in (process.stdout, process.stderr) if stream]

    def wait() -> int:
        with process:
            return process.wait()

    assert process.stdin  # noqa: S101  # asked for above
    outputs = tuple(stream.fileno() for stream in streams)
    return Started(pid=process.pid, stdin=process.stdin.fileno(), outputs=outputs, data=data, hang_up=process.stdin.close, wait=wait)


def on_terminal(argv: list[str], command: Command, keep: tuple[int, ...], data: bytes) -> Started:
    """Under a pseudo-terminal of its own, wide and without echo; the input ends as a person ends it, by Ctrl-D on a new line."""
    from ptyprocess import PtyProcess  # type: ignore[import-untyped]  # pexpect's allocator: pexpect itself cannot hand a descriptor on

    for descriptor in keep:
        os.set_inheritable(descriptor, True)
    process = PtyProcess.spawn(argv, cwd=command.cwd, env=dict(command.env), echo=False, dimensions=(60, 500), pass_fds=keep)
    process.delayafterclose = 0

    def wait() -> int:
        process.wait()
        process.close()
        return -process.signalstatus if process.signalstatus else int(process.exitstatus)

    typed = data if not data or data.endswith(b"\n") else data + b"\n"
    return Started(pid=process.pid, stdin=process.fd, outputs=(process.fd,), data=typed + END_OF_INPUT, hang_up=lambda: None, wait=wait)


class Tree:
    """A started command and everything that came of it; leaving the context ends them all. `code` is Popen's, known after that."""

    def __init__(self, command: Command, *, stdin: bytes = b"", tty: bool = False, merged: bool = False) -> None:
        self._namespace = command.namespace
        self._status, write = os.pipe()
        argv, keep = list(command.argv), (write,) if command.namespace else ()
        if command.namespace:
            argv[1:1] = ["--json-status-fd", str(write), *([] if tty else ["--new-session"])]
        try:
            started = on_terminal(argv, command, keep, stdin) if tty else on_pipes(argv, command, keep, stdin, merged)
        except OSError as error:
            os.close(self._status)
            raise FaultError(f"{argv[0]} does not start: {error.strerror}", fix="nightlatch doctor") from error
        finally:
            os.close(write)
        self._process = started
        self._said = os.read(self._status, CHUNK)
        child = re.search(rb'"child-pid": *(\d+)', self._said)
        self.pid, self.root = started.pid, int(child[1]) if child else started.pid
        self._handles = [handle for handle in map(handle_of, (self.pid, self.root)) if handle is not None]
        self._input = memoryview(started.data)
        self.outputs, self.ended, self.code, self._killed = started.outputs, False, 0, False
        self._selector = selectors.DefaultSelector()
        self._listen()

    def _listen(self) -> None:
        self._selector.register(self._handles[0], selectors.EVENT_READ)
        for end in {*self.outputs, self._process.stdin}:
            os.set_blocking(end, False)
        for output in self.outputs:
            self._selector.register(output, selectors.EVENT_READ)
        if not self._input:
            self._process.hang_up()
        elif self._process.stdin in self.outputs:
            self._selector.modify(self._process.stdin, selectors.EVENT_READ | selectors.EVENT_WRITE)
        else:
            self._selector.register(self._process.stdin, selectors.EVENT_WRITE)

    def __enter__(self) -> "Tree":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()
        self._selector.close()
        self.code = self._process.wait()
        os.set_blocking(self._status, False)
        with suppress(BlockingIOError):
            self._said += os.read(self._status, CHUNK)
        for descriptor in (self._status, *self._handles):
            os.close(descriptor)

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
            if mask & selectors.EVENT_WRITE:
                self._feed(key.fd)
            if mask & selectors.EVENT_READ:
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

    def _feed(self, stdin: int) -> None:
        try:
            self._input = self._input[os.write(stdin, self._input[:CHUNK]) :]
        except BlockingIOError:
            return
        except OSError:  # it reads no more
            self._input = self._input[:0]
        if self._input:
            return
        if stdin in self.outputs:
            self._selector.modify(stdin, selectors.EVENT_READ)
        else:
            self._selector.unregister(stdin)
        self._process.hang_up()

    def terminate(self) -> None:
        """Ask the command itself, not what holds it, so that it may write down what it knows."""
        below = next(iter(descendants(self.root)), self.root)
        with suppress(ProcessLookupError):
            os.kill(below, signal.SIGTERM)

    def end(self) -> None:
        """End every process and wait until they are gone: a namespace goes with its first process; the reaper ends what it holds."""
        below = descendants(self.root) if not self._namespace else ()
        send(self._handles[-1], signal.SIGKILL if self._namespace else signal.SIGTERM)
        if not gone(self._handles, 5):
            for pid in (*below, self.root, self.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            gone(self._handles, 5)
        self._killed = self._killed or not self.ended

    def cpu(self) -> float:
        """Seconds of processor time that what the command started has used; the command itself and its holders do not count."""
        below = descendants(self.root)
        holders = {self.root, next(iter(below), self.root)}
        ticks = 0
        for pid, fields in (below | {self.root: stat(self.root)}).items():
            ticks += sum(map(int, fields[13:15] if pid in holders else fields[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")


def handle_of(pid: int) -> int | None:
    """A descriptor that names this process and never another one that gets its number later."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def send(handle: int, number: int) -> None:
    with suppress(ProcessLookupError):
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
    pid = int(name.partition(":")[0] or 0)
    handle = handle_of(pid) if pid and identity(pid) == name else None
    if handle is None:
        return False
    below = [found for found in map(handle_of, descendants(pid)) if found is not None]
    try:
        if identity(pid) != name:
            return False
        send(handle, signal.SIGTERM)
        if not gone([handle, *below], grace):
            for each in (handle, *below):
                send(each, signal.SIGKILL)
            gone([handle, *below], grace)
        return True
    finally:
        for each in (handle, *below):
            os.close(each)
