"""Supervises commands: output in bounded memory, time limits on a clock that cannot jump, and
nothing left when it returns."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

from nightlatch.errors import SandboxError
from nightlatch.redaction.patterns import NO_SECRETS, Secrets
from nightlatch.sandbox.process.output import Excerpt, Lines, Transcript, plain
from nightlatch.sandbox.process.process_tree import Command, ProcessTree, end_orphan, identity
from nightlatch.util import reaper

__all__ = [
    "Command",
    "CommandResult",
    "ProcessExit",
    "StreamObserver",
    "Timeouts",
    "end_orphan",
    "identity",
    "run",
    "supervise",
    "supervised",
]

# Bytes of the last output: enough for the words by which an agent says why it ended.
TAIL = 16_384
# Bytes: an agent that never stops talking must not fill the disk.
TRANSCRIPT = 512 * 1024 * 1024
# Signals that end a process by accident; 128+n beyond these is an exit code of its own.
CRASHES = frozenset({*range(1, 16), 24, 25, 31})
FILLED = "killed: free disk space fell below limits.disk"
STARVED = b"\nnightlatch: something here was ended because workspace.memory was used up\n"
STOPPING = 0.1  # seconds between two looks at whether everything is to end
BUSY = 0.02  # of one processor: what an idle event loop stays under


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds; 0 means no limit for the first three.

    `grace` lies between asking and killing, `linger` between the result and asking, `drain` bounds
    reading after the end, `tick` is how often all of this is looked at.
    """

    wall: float = 0
    idle: float = 0
    tool: float = 0
    grace: float = 10
    linger: float = 10
    drain: float = 2
    tick: float = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessExit:
    """How a process ended: `exit` as a shell gives it (128+n for signal n, which is then
    `signal`), None when what held it was killed.

    `by` is self, or what asked it to end: wall, idle, tool, stop, result or disk. `tail` is the
    last of its output.
    """

    exit: int | None
    signal: int | None
    by: str
    seconds: float
    tail: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """What a check came to; `output` keeps head and tail of what it printed.

    `crowded`: it was ended because it filled the disk.
    """

    exit: int | None
    signal: int | None
    timed_out: bool
    output: bytes
    seconds: float
    crowded: bool = False


class StreamObserver(Protocol):
    """What the supervisor asks of whoever reads the stream."""

    def open_tools(self) -> int:
        """Return how many tool calls have begun and not ended."""

    def finished(self) -> bool:
        """Return whether the result has been seen."""

    def stop(self) -> bool:
        """Return whether a person wants it to end."""

    def tick(self, elapsed: float, silence: float) -> None:
        """Called every second with the seconds since the start and since the last output."""


class OutputReader:
    """Hands on every line of every stream, whole, and keeps the last of them."""

    def __init__(
        self,
        outputs: Iterable[int],
        on_line: Callable[[bytes], None],
        record: Transcript,
        tty: bool,
        secrets: Secrets,
    ) -> None:
        self._streams = {output: Lines() for output in outputs}
        self._on_line = on_line
        self._record = record
        self._tty = tty
        self._secrets = secrets
        self.tail = bytearray()

    def take(self, got: Iterable[tuple[int, bytes]]) -> bool:
        """Return whether anything came."""
        came = False
        for output, chunk in got:
            came = came or bool(chunk)
            for line in self._streams[output].feed(chunk):
                self._hand_on(line)
        return came

    def finish(self) -> None:
        for stream in self._streams.values():
            for line in stream.rest():
                self._hand_on(line)

    def _hand_on(self, line: bytes) -> None:
        line = plain(line) if self._tty else line
        self._record.write(line)
        line = self._secrets.hide_line(line)
        self.tail += line[-TAIL:] + b"\n"
        del self.tail[:-TAIL]
        self._on_line(line)


class PatienceTimer:
    """How long to wait for a process: `by` is self until a limit, a person or a result that was
    followed by nothing asks it to end."""

    def __init__(self, limits: Timeouts, watch: StreamObserver, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._watch = watch
        self._clock = clock
        self._began = self._heard = self._next = clock()
        self._finished = self._tool = self._asked = 0.0
        self._open, self._cpu = 0, 0.0
        self.by = "self"

    @property
    def seconds(self) -> float:
        return self._clock() - self._began

    def wait(self) -> float:
        """Until the next look."""
        return max(self._next - self._clock(), 0)

    def heard(self) -> None:
        self._heard = self._clock()

    def look(self, tree: ProcessTree) -> None:
        """Once a tick: ask the process to end when there is a reason, and end it when it was
        asked long enough ago."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._limits.tick
        self._notice(now, tree)
        self._watch.tick(now - self._began, now - self._heard)
        if self.by != "self":
            if now - self._asked >= self._limits.grace:
                tree.end()
        elif tree.crowded:
            self.by, self._asked = "disk", now
            tree.end()
        elif reason := self._reason(now):
            self.by, self._asked = reason, now
            tree.terminate()

    def _notice(self, now: float, tree: ProcessTree) -> None:
        """Since when the result is there and a tool call is open; work that a tool does in
        silence counts as output."""
        if not self._finished and self._watch.finished():
            self._finished = now
        before, self._open = self._open, self._watch.open_tools()
        if self._open < before or not before:
            self._tool = now
        if self._open and self._limits.idle and now - self._heard >= self._limits.tick:
            before_cpu, self._cpu = self._cpu, tree.cpu()
            if self._cpu - before_cpu > BUSY * self._limits.tick:
                self._heard = now

    def _reason(self, now: float) -> str:
        """Return the first that applies, or nothing."""
        limits = self._limits
        rules = {
            "stop": self._watch.stop(),
            "result": bool(self._finished) and now - self._finished >= limits.linger,
            "wall": 0 < limits.wall <= now - self._began,
            "tool": bool(self._open) and 0 < limits.tool <= now - self._tool,
            "idle": 0 < limits.idle <= now - self._heard,
        }
        return next((name for name, applies in rules.items() if applies), "")


def supervised(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> Command:
    """Return a command as the person would run it, under the reaper, so that nothing of it outlives
    it or the loop."""
    words = (sys.executable, "-I", "-S", reaper.__file__, str(os.getpid()), *argv)
    return Command(argv=words, env=env, cwd=str(cwd))


def supervise(
    command: Command,
    *,
    stdin: bytes = b"",
    on_line: Callable[[bytes], None],
    transcript: Path | None,
    limits: Timeouts,
    watch: StreamObserver,
    tty: bool = False,
    on_start: Callable[[str], None] = lambda _: None,
    secrets: Secrets = NO_SECRETS,
    clock: Callable[[], float] = time.monotonic,
) -> ProcessExit:
    """Run an agent to its end, or to the end that a limit sets.

    Lines of both streams go to `on_line`; `on_start` gets the identity.

    No line is heard, and none is written, with one of the `secrets` in it. Limits go by `clock`,
    in seconds.
    """
    patience = PatienceTimer(limits, watch, clock)
    with closing(Transcript(transcript, TRANSCRIPT, secrets)) as record:
        with ProcessTree(command, stdin=stdin, tty=tty) as tree:
            on_start(identity(tree.root))
            feed = OutputReader(tree.outputs, on_line, record, tty, secrets)
            while not tree.ended:
                if feed.take(tree.turn(patience.wait())):
                    patience.heard()
                patience.look(tree)
            feed.take(tree.drain(limits.drain))
        feed.take([(tree.outputs[0], STARVED)] if tree.starved else [])
        feed.finish()
    code, number = status(tree, bytes(feed.tail))
    return ProcessExit(
        exit=code, signal=number, by=patience.by, seconds=patience.seconds, tail=bytes(feed.tail)
    )


def run(
    command: Command,
    *,
    stdin: bytes = b"",
    timeout: float,
    keep: int = 200_000,
    drain: float = 2,
    over: Callable[[int], bool] | None = None,
    stop: Event | None = None,
) -> CommandResult:
    """Run a check: both streams together, head and tail of them kept; at the time-out the whole
    tree is killed.

    `over` is asked again and again whether the process of this number is to be treated as if its
    time were up. It is up as soon as another thread sets `stop`.
    """
    look = STOPPING if stop else 1
    began = time.monotonic()
    output = Excerpt(keep)
    timed_out = False
    crowded = False
    with ProcessTree(command, stdin=stdin, merged=True) as tree:
        while not tree.ended:
            left = began + timeout - time.monotonic()
            timed_out = timed_out or left <= 0 or is_over(tree, over, stop)
            crowded = crowded or tree.crowded
            if timed_out or crowded:
                tree.end()
            for _, chunk in tree.turn(min(max(left, 0), look)):
                output.add(chunk)
        for _, chunk in tree.drain(drain):
            output.add(chunk)
    if tree.starved:
        output.add(STARVED)
    code, number = status(tree, output.bytes())
    seconds = time.monotonic() - began
    return CommandResult(
        exit=code,
        signal=number,
        timed_out=timed_out,
        crowded=crowded,
        output=output.bytes(),
        seconds=seconds,
    )


def is_over(tree: ProcessTree, over: Callable[[int], bool] | None, stop: Event | None) -> bool:
    """Return whether a process is to be treated as if its time were up."""
    if over is not None and over(tree.pid):
        return True
    return stop is not None and stop.is_set()


def status(tree: ProcessTree, output: bytes) -> tuple[int | None, int | None]:
    """Exit code and signal; a sandbox that never came to the command is a fault and not a
    result."""
    if tree.unstarted:
        said = output.decode("utf-8", "replace").strip()[-600:]
        raise SandboxError(
            f"the sandbox does not start: {said or 'it said nothing'}", fix="nightlatch doctor"
        )
    if tree.code < 0:
        return None, -tree.code
    # A shell says so of a command that a signal ended.
    return tree.code, tree.code - 128 if tree.code - 128 in CRASHES else None


def ended(ran: CommandResult) -> str:
    if ran.timed_out:
        return f"timed out after {ran.seconds:.0f} s"
    if ran.crowded:
        return FILLED
    return f"ended by signal {ran.signal}" if ran.signal else f"exit code {ran.exit}"
