"""A room that is used for one run of a suite after another, as long as no run leaves a trace in
it."""

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType

from nightlatch.sandbox.base import SandboxSpec
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.parallel_io import run_one
from nightlatch.suite.results import SuiteResult
from nightlatch.suite.suites import Suite, as_project
from nightlatch.util.globs import matcher
from nightlatch.util.safe_fs import entered, put

Trace = tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class ReusedCheckout:
    """One tree with at most one other text in it.

    Not even a file's times can be set back unseen: whoever writes costs a fresh room.
    """

    evaluator: TreeEvaluator
    base: str
    tree: str
    suite: Suite
    stack: ExitStack = field(default_factory=ExitStack)
    room: SandboxSpec | None = None
    traces: dict[str, Trace] = field(default_factory=dict)
    other: str = ""

    def __enter__(self) -> "ReusedCheckout":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self.stack.close()

    def run(
        self, only: Iterable[str], timeout: float, path: str = "", text: str = ""
    ) -> SuiteResult:
        """Return the results of these ids with another text in one file.

        Bytecode is not written, so that none can be stale.
        """
        found = self.made_ready(only, timeout, path, text)()
        self.leave_if_written()
        return found

    def made_ready(
        self, only: Iterable[str], timeout: float, path: str = "", text: str = ""
    ) -> Callable[[], SuiteResult]:
        """Return the same run, of which only the suite itself is left to do: that may be done
        beside others."""
        room = self.room or self.enter()
        self.put(room, path, text)
        self.evaluator.progress.runs += 1
        hands = replace(self.evaluator.hands, timeout=min(timeout, self.evaluator.hands.timeout))
        names = sorted(only)
        return lambda: as_project(self.suite, run_one(hands, room, self.suite, names))

    def leave_if_written(self) -> None:
        """Have the next run begin in a fresh room where the last one left a trace."""
        if self.room and traces(self.room, self.built) != self.traces:
            self.stack.close()
            self.room = None

    def enter(self) -> SandboxSpec:
        """Open a fresh room, in which Python writes no bytecode."""
        room = self.stack.enter_context(
            self.evaluator.open_room(self.base, self.evaluator.clean(self.base, self.tree))
        )
        # Python compares times by the second: bytecode of one text could pass for that of the next.
        self.room = replace(room, env={**room.env, "PYTHONDONTWRITEBYTECODE": "1"})
        self.traces = dict(traces(room, self.built))
        self.other = ""
        return self.room

    @property
    def built(self) -> tuple[str, ...]:
        """What the toolchain itself keeps, as the room names it: below HOME at its top, below
        the tree in the suite's folder."""
        runner = self.suite.runner
        return (
            *runner.files.built,
            *(
                self.evaluator.repo_path(pattern)
                for pattern in self.suite.patterns(runner.files.built)
            ),
        )

    def put(self, room: SandboxSpec, path: str, text: str) -> None:
        """This file with this text, and the last one as the tree has it."""
        files = self.evaluator.files(self.tree)
        with entered(room.tree) as top:
            for name, data in ((self.other, None), (path, text.encode("utf-8", "surrogateescape"))):
                if name:
                    put(
                        top,
                        name,
                        files[name][0],
                        self.evaluator.repo.read(self.tree, name) or b"" if data is None else data,
                    )
                    self.traces[f"{room.tree}/{name}"] = trace(f"{room.tree}/{name}")
        self.other = path


def traces(room: SandboxSpec, built: Iterable[str]) -> Mapping[str, Trace]:
    """Return what tells whether anything was written below the tree and HOME, `built` files
    aside."""
    aside = matcher(built)
    found = dict[str, Trace]()
    for top in (room.tree, room.home):
        for folder, folders, names in os.walk(top):
            below = "" if folder == str(top) else f"{os.path.relpath(folder, top)}/"
            folders[:] = [name for name in folders if not aside(below + name)]
            found.update(
                (f"{folder}/{name}", trace(f"{folder}/{name}"))
                for name in (*folders, *names)
                if not aside(below + name)
            )
    return found


def trace(path: str) -> Trace:
    """Return what is known of a folder; its own times change with every file in it, and are left
    out."""
    info = os.lstat(path)
    # The change time (ctime) is the kernel's own: no program can set it back.
    both = info.st_ino, info.st_mode
    return (
        both
        if stat.S_ISDIR(info.st_mode)
        else (*both, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
    )
