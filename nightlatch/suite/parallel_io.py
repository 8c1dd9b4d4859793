"""One suite in its room, several of them at once, and what a person sees meanwhile."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

from nightlatch.sandbox.base import SandboxSpec
from nightlatch.suite import run_io
from nightlatch.suite.results import CheckStatus, SuiteResult
from nightlatch.suite.run_io import CommandRunner
from nightlatch.suite.suites import Suite

T = TypeVar("T")
LOOK = 1.0  # seconds between two signs of life
PATIENCE = 5.0  # seconds for commands that are ended to be gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[T]):
    """Something to run, by the name that a person knows it by."""

    name: str
    work: Callable[[], T]


@dataclass(slots=True, kw_only=True)
class Progress:
    """What a person sees while they wait.

    `show` gets the seconds since the whole of it began, and a line on what runs now. `runs` counts
    the runs of suites, for what a verdict costs.
    """

    show: Callable[[float, str], None] = lambda _elapsed, _text: None
    about: str = ""
    step: str = ""
    began: float = 0.0
    runs: int = 0

    @contextmanager
    def showing(self, about: str) -> Iterator[None]:
        """Show this before everything that runs meanwhile."""
        self.about, self.began = about, monotonic()
        try:
            yield
        finally:
            self.about, self.step = "", ""

    def tell(self, running: Sequence[tuple[str, float]], done: int, total: int) -> None:
        """Show what runs, each since how long, and how many of how many are done."""
        now = monotonic()
        began = self.began if self.about else min((since for _, since in running), default=now)
        count = f", {done} of {total} done" if total > 1 else ""
        names = ", ".join(f"{name} for {now - since:.0f}s" for name, since in running)
        self.show(
            now - began,
            ": ".join(filter(None, (self.about, f"{self.step}{count}".removeprefix(", "), names))),
        )


def run_one(
    hands: CommandRunner, room: SandboxSpec, one: Suite, names: Sequence[str]
) -> SuiteResult:
    """Run one suite in its room. Where its folder is gone so are its tests."""
    inner = within(room, one.folder)
    if one.folder and not (inner.tree / inner.cwd).is_dir():
        return SuiteResult(answer=CheckStatus.GREEN)
    own = [one.local(name) for name in names if name != one.name]
    return run_io.run_suite(hands, inner, one.runner, one.python, own, up=depth(one.folder))


def within(room: SandboxSpec, folder: str) -> SandboxSpec:
    """Return the room, seen from a folder of the project."""
    return replace(room, cwd=os.path.normpath(os.path.join(room.cwd, folder))) if folder else room  # noqa: PTH118  # words, not a path


def depth(folder: str) -> int:
    """Return how many folders above a folder the project's top is."""
    return folder.count("/") + 1 if folder else 0


@dataclass(slots=True, kw_only=True)
class JobQueue(Generic[T]):
    """Jobs that several threads take from, with what became of each by its number.

    One operation on a deque, a dictionary or a queue is whole in any thread, so no lock is held.
    """

    waiting: deque[tuple[int, Job[T]]]
    stop: threading.Event
    running: dict[int, tuple[str, float]] = field(default_factory=dict)
    results: dict[int, T] = field(default_factory=dict)
    errors: dict[int, BaseException] = field(default_factory=dict)
    ended: SimpleQueue[int] = field(default_factory=SimpleQueue)

    def work(self) -> None:
        """Do one job after another, until none waits or all is to stop."""
        while self.waiting and not self.stop.is_set():
            try:
                number, job = self.waiting.popleft()
            except IndexError:  # another thread was quicker
                return
            self.running[number] = job.name, monotonic()
            try:
                self.results[number] = job.work()
            except BaseException as error:  # noqa: BLE001  # raised again below, in the thread that asked
                self.errors[number] = error
            del self.running[number]
            self.ended.put(number)

    def wait(self, total: int, progress: Progress) -> None:
        """Return once every job is done or all is to stop; show meanwhile what runs."""
        while (done := len(self.results) + len(self.errors)) < total and not self.stop.is_set():
            try:
                self.ended.get(timeout=LOOK)
            except Empty:
                progress.tell(list(self.running.values()), done, total)


def in_threads(
    jobs: Sequence[Job[T]], *, most: int, stop: threading.Event, progress: Progress
) -> list[T]:
    """Return what these jobs come to, in their order; at most so many run at once.

    The caller shows meanwhile what runs.

    Where the caller is interrupted, `stop` is set, which ends every command, and it goes on when
    they are gone.
    """
    queue = JobQueue(waiting=deque(enumerate(jobs)), stop=stop)
    # Daemons, which are no reason for a process to stay: what they run dies with them.
    threads = [
        threading.Thread(target=queue.work, daemon=True) for _ in range(min(most, len(jobs)))
    ]
    try:
        for thread in threads:
            thread.start()
        queue.wait(len(jobs), progress)
    except BaseException:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        raise
    if stop.is_set():  # nobody takes up what still waits
        raise KeyboardInterrupt
    # By number, not by time: the same jobs raise the same error every time.
    for number in sorted(queue.errors):
        raise queue.errors[number]
    return [queue.results[number] for number in range(len(jobs))]
