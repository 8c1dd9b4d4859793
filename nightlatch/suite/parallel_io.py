"""One suite in its room, several of them at once, and what a person sees meanwhile."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
    def whole(self, about: str) -> Iterator[None]:
        """What is shown meanwhile is part of this."""
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
    """One suite in its room. Where its folder is gone so are its tests."""
    inner = within(room, one.folder)
    if one.folder and not (inner.tree / inner.cwd).is_dir():
        return SuiteResult(answer=CheckStatus.GREEN)
    own = [one.local(name) for name in names if name != one.name]
    return run_io.run_suite(hands, inner, one.runner, one.python, own, up=depth(one.folder))


def within(room: SandboxSpec, folder: str) -> SandboxSpec:
    """The room, seen from a folder of the project."""
    return replace(room, cwd=os.path.normpath(os.path.join(room.cwd, folder))) if folder else room  # noqa: PTH118  # words, not a path


def depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0


def in_threads(
    jobs: Sequence[Job[T]], *, most: int, stop: threading.Event, progress: Progress
) -> list[T]:
    """What these jobs come to, in their order; at most so many run at once.

    The caller shows meanwhile what runs.

    Where the caller is interrupted, `stop` is set, which ends every command, and it goes on when
    they are gone.
    """
    waiting, running = deque(enumerate(jobs)), dict[int, tuple[str, float]]()
    ended = SimpleQueue[int]()
    found, errors = dict[int, T](), dict[int, BaseException]()

    def work() -> None:
        while waiting and not stop.is_set():
            try:
                number, job = waiting.popleft()
            except IndexError:  # another thread was quicker
                return
            running[number] = job.name, monotonic()
            try:
                found[number] = job.work()
            except BaseException as error:  # noqa: BLE001  # raised again below, in the thread that asked
                errors[number] = error
            del running[number]
            ended.put(number)

    # Daemons, which are no reason for a process to stay: what they run dies with them.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(most, len(jobs)))]
    try:
        for thread in threads:
            thread.start()
        while (done := len(found) + len(errors)) < len(jobs) and not stop.is_set():
            try:
                ended.get(timeout=LOOK)
            except Empty:
                progress.tell(list(running.values()), done, len(jobs))
    except BaseException:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        raise
    if stop.is_set():  # nobody takes up what still waits
        raise KeyboardInterrupt
    for number in sorted(errors):
        raise errors[number]
    return [found[number] for number in range(len(jobs))]
