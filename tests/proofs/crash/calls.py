"""Nights under strace: the loop, or one of its gits, is killed or told of an error at the n-th
call of a kind.

Calls are counted in the main thread of the loop, and in each git by itself: `update-ref.2` is the
third update-ref of a night.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from tests import PATIENCE, ROOT
from tests.stories.sample_project import Project

MOST = {
    "write": 160,
    "openat": 30,
    "unlinkat": 40,
    "mkdir": 40,
    **dict.fromkeys(
        ("fsync", "fdatasync", "rename", "unlink", "rmdir", "mkdirat", "ftruncate", "pwrite64"), 30
    ),
}
OF_GIT = ("write", "fsync", "rename", "link", "unlink", "mkdir", "sync_file_range")
KILL = "signal=SIGKILL"
ERRORS = {
    "ENOSPC": ("write", "mkdir", "mkdirat", "rename", "ftruncate", "pwrite64"),
    "EIO": ("write", "fsync", "fdatasync", "rename", "unlink", "unlinkat"),
}
ALL = {"AT_GIT": "all", "AT_CALL": ",".join(OF_GIT)}
WRITERS = "commit-tree|update-ref|hash-object|read-tree|update-index|merge-tree"
SHIM = """#!/bin/sh
for word; do
  case "$word" in {writers}) verb=$word; break;; esac
done
[ -n "$verb" ] || exec {git} "$@"
exec 9>>"$GITS.$verb"
flock 9
n=$(wc -c <"$GITS.$verb")
printf . >&9
exec 9>&-
[ "$AT_GIT" != all ] || exec {strace} -o "$GITS.$verb.$n" -e trace="$AT_CALL" {git} "$@"
[ "$verb.$n" = "$AT_GIT" ] || exec {git} "$@"
{strace} -o "$GITS.met" -e trace="$AT_CALL" $AT_INJECT {git} "$@"
code=$?
[ "$code" != 137 ] || [ -z "$AT_BOTH" ] || kill -9 $PPID
exit $code
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The `when`-th `call` of the loop, or of this git of its own, meets `what`: KILL, or
    error=NAME. With `on` every later one too."""

    call: str
    when: int
    what: str = KILL
    on: bool = False
    git: str = ""
    both: bool = False

    def __str__(self) -> str:
        who = "loop" if not self.git else f"git {self.git}{' and loop' * self.both}"
        return f"{who}: {self.call} {self.when}{'+' * self.on} {self.what}"

    @property
    def kills(self) -> bool:
        """Is it the end of the loop?"""
        return self.what == KILL and (not self.git or self.both)

    @property
    def inject(self) -> str:
        return f"inject={self.call}:{self.what}:when={self.when}{'+' * self.on}"


def run_at(project: Project, point: Point | None, folder: Path) -> tuple[bool, int]:
    """One night under strace: whether it met the point, and how it ended.

    None: the calls of an undisturbed one go to `folder`.
    """
    env = {**os.environ, **project.env, "PYTHONPATH": str(ROOT)}
    night = [sys.executable, "-m", "nightlatch", "run"]
    strace = ["strace", "-o", str(folder / "calls"), "-e", f"trace={','.join(MOST)}"]
    if point is None or point.git:
        env = {**env, **counting(folder, point)}
    if point and not point.git:
        strace = [*strace[:-1], f"trace={point.call}", "-e", point.inject]
    words = night if point and point.git else [*strace, *night]
    done = subprocess.run(
        words,
        cwd=project.folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    trace = folder / ("gits.met" if point and point.git else "calls")
    met = trace.exists() and (" = ?\n" in (told := trace.read_text()) or "(INJECTED)" in told)
    fine = (
        {0}
        if not point or not met
        else {-signal.SIGKILL}
        if point.kills
        else {0, 2 if point.git else 4, 4, 120 * point.on}
    )
    assert done.returncode in fine, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return met, done.returncode


def counting(folder: Path, point: Point | None) -> dict[str, str]:
    """An environment whose git counts its starts, and meets the point in one of them."""
    git, strace, shim = shutil.which("git"), shutil.which("strace"), folder / "bin/git"
    shim.parent.mkdir(exist_ok=True)
    shim.write_text(SHIM.format(git=git, strace=strace, writers=WRITERS))
    shim.chmod(0o755)
    for counted in folder.glob("gits.*"):
        counted.unlink()
    at = (
        {"AT_GIT": point.git, "AT_CALL": point.call, "AT_INJECT": f"-e {point.inject}"}
        if point
        else ALL
    )
    both = {"AT_BOTH": "yes"} if point and point.both else {}
    return {
        "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}",
        "GITS": str(folder / "gits"),
        **at,
        **both,
    }


def counted(trace: Path) -> Counter[str]:
    """How many calls of each kind a trace has."""
    return Counter(
        found[0]
        for line in trace.read_text().splitlines()
        if (found := re.match(r"\w+(?=\()", line))
    )


def points(folder: Path) -> list[Point]:
    """The points that are looked at of the night whose calls are in a folder, in their order
    within it: rare calls each, common ones as far apart as makes a few hundred."""
    calls, placed = counted(folder / "calls"), []
    for call, most in MOST.items():
        placed += [(n / calls[call], Point(call=call, when=n)) for n in spread(calls[call], most)]
    for error, kinds in ERRORS.items():
        for call in kinds:
            chosen = enumerate(spread(calls[call], 12))
            placed += [
                (n / calls[call], Point(call=call, when=n, what=f"error={error}", on=i % 2 == 0))
                for i, n in chosen
            ]
    traces = sorted(folder.glob("gits.*.*"), key=lambda trace: trace.stat().st_mtime)
    for n, trace in enumerate(traces):
        for i, (call, count) in enumerate(counted(trace).items()):
            met = Point(
                call=call, when=1 + n % count, git=trace.name.removeprefix("gits."), both=n % 2 == 0
            )
            wrong = replace(met, what=f"error={('ENOSPC', 'EIO')[n % 2]}", on=i == 0, both=False)
            placed.append((n / len(traces), met if (n + i) % 3 else wrong))
    return [point for _, point in sorted(placed, key=lambda each: each[0])]


def spread(count: int, most: int) -> range:
    """About so many numbers of calls, evenly over all."""
    return range(1, count + 1, max(1, round(count / most)))
