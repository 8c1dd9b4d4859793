"""Runs the program and kills it, as `kill -9` would, at the n-th point where something becomes
durable: KILL_AT=n killer.py ARGS; n may also be a point's name.

A point lies before and after every journal line, every file that is put in place, and every move of
a ref. The names of all points that were passed are added to the file POINTS.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nightlatch import cli
from nightlatch.git.repo import Repo
from nightlatch.journal import events
from nightlatch.util import fs

AT, POINTS = os.environ["KILL_AT"], Path(os.environ["POINTS"])
passed = 0


def point(name: str) -> None:
    global passed  # noqa: PLW0603  # one counter for one process, which is about to die
    passed += 1
    with POINTS.open("a") as file:
        file.write(f"{name}\n")
    if AT in (str(passed), name):
        os.kill(os.getpid(), signal.SIGKILL)


def around(name: Callable[..., str], act: Callable[..., Any]) -> Callable[..., Any]:
    def act_between(*args: Any, **more: Any) -> Any:
        point(f"before {name(*args)}")
        done = act(*args, **more)
        point(f"after {name(*args)}")
        return done

    return act_between


def event_of(_descriptor: int, line: bytes) -> str:
    return str((events.decode(line) or {}).get("event"))


fs.append = around(event_of, fs.append)
fs.replace = around(lambda path, _data: f"replace {path.suffix}", fs.replace)
for verb in ("advance", "set_ref", "delete_ref"):
    setattr(
        Repo,
        verb,
        around(lambda _repo, ref, *_rest: f"{'/'.join(ref.split('/')[:3])}", getattr(Repo, verb)),
    )
sys.exit(cli.main(sys.argv[1:]))
