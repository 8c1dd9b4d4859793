"""One suite in its room, and several of them at once."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from nightlatch.core.results import Answer, Results
from nightlatch.core.suites import Suite
from nightlatch.edge import runner
from nightlatch.edge.runner import Hands
from nightlatch.edge.sandbox import Room


def run_one(hands: Hands, room: Room, one: Suite, names: Sequence[str]) -> Results:
    """One suite in its room. Where its folder is gone so are its tests."""
    inner = within(room, one.folder)
    if one.folder and not (inner.tree / inner.cwd).is_dir():
        return Results(answer=Answer.GREEN)
    own = [one.local(name) for name in names if name != one.name]
    return runner.run_suite(hands, inner, one.runner, one.python, own, up=depth(one.folder))


def within(room: Room, folder: str) -> Room:
    """The room, seen from a folder of the project."""
    return replace(room, cwd=os.path.normpath(os.path.join(room.cwd, folder))) if folder else room  # noqa: PTH118  # words, not a path


def depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0


def in_threads(jobs: Sequence[Callable[[], Results]]) -> list[Results]:
    """What these jobs come to, all at once. The threads are no reason for a process to stay: what they run dies with them."""
    found: dict[int, Results | BaseException] = {}

    def work(number: int, job: Callable[[], Results]) -> None:
        try:
            found[number] = job()
        except BaseException as error:  # noqa: BLE001  # raised again below, in the thread that asked
            found[number] = error

    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for told in (found[number] for number in range(len(jobs))):
        if isinstance(told, BaseException):
            raise told
    return [told for number in range(len(jobs)) if isinstance(told := found[number], Results)]
