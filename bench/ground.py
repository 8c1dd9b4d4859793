"""The ground that is measured on: a made-up project whose agent and checks tell the time when
they begin and when they end."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TELL = 'tell() { printf "%s %s %s\\n" "$1" "$2" "$EPOCHREALTIME" >"$HOME/.bench/times"; }'
AGENT = """#!/bin/bash
{tell}
tell agent begin
read -r nap noise <"$HOME/.bench/habits"
sleep "$nap"
if [ "$noise" -gt 0 ]; then yes "$(printf '%01000d' 0)" | head -c "$noise"; fi
echo "$NIGHTLATCH_FEATURE" >"$NIGHTLATCH_FEATURE.txt"
{more}
tell agent end
"""
SUITE = """#!/bin/bash
{tell}
tell suite begin
if [ -n "$NIGHTLATCH_REPORTS" ]; then
  printf '<testsuite><testcase classname="a" name="b"/></testsuite>' >"$NIGHTLATCH_REPORTS/all.xml"
fi
tell suite end
"""
CHECK = "#!/bin/bash\n{tell}\ntell check begin\ntell check end\n"
VERIFY = (
    '#!/bin/bash\n{tell}\ntell verify begin\n[ -e "$1.txt" ]\ngood=$?\ntell verify end\nexit'
    " $good\n"
)
INIT = (
    "#!/bin/bash\n{tell}\ntell init begin\nsleep {seconds}\nmkdir -p made && echo made"
    " >made/file\ntell init end\n"
)
SETTINGS = """agent = ["timed"]
[agents.timed]
command = ["./agent"]
[workspace]
see = [".bench"]
[limits]
sessions = 10000
[checks]
tests = "./suite"
"""
ENTRY = (
    "2026-11-20T23:47Z landed      OLD-{n:05} try=1  12m  $0.40 -  An old feature\n    session"
    " r-old-s{n:05}  digest 4f1c2a\n"
)
BARE = (
    "for i in $(seq {sessions}); do NIGHTLATCH_FEATURE=$(printf 'US-%05d' $i) ./agent <prd.json;"
    " git add -A; git commit -q -m $i; done"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a project is like.

    `more` is what its agent does besides, `init` the seconds of its init.sh, None for no init.sh.
    """

    files: int = 20
    features: int = 40
    done: int = 0
    past: int = 0
    init: float | None = None
    more: str = ""
    seed: int = 1


class Stamp(NamedTuple):
    """Somebody's beginning or end, in seconds since the epoch."""

    who: str
    what: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A project on disk.

    Commands of it, also sandboxed ones, tell the time through a pipe that `see` shows them.
    """

    folder: Path
    pipe: int

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def env(self) -> dict[str, str]:
        who = {
            f"GIT_{role}_{part}": "ada@example.org"
            for role in ("AUTHOR", "COMMITTER")
            for part in ("NAME", "EMAIL")
        }
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GIT_", "NIGHTLATCH_"))
        }
        own = {
            "HOME": str(self.folder / "home"),
            "NIGHTLATCH_CACHE": str(self.folder / "cache"),
            "PYTHONPATH": str(ROOT),
        }
        return {**kept, **who, **own, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def habits(self, nap: float, noise: int = 0) -> None:
        """How long the agent works, and how many bytes it says."""
        (self.folder / "home/.bench/habits").write_text(f"{nap} {noise}\n")

    def git(self, *args: str, stdin: bytes = b"") -> None:
        subprocess.run(
            ["git", *args],
            cwd=self.project,
            env=self.env,
            input=stdin,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def nightlatch(self, *args: str) -> tuple[float, float]:
        """One command to its end: seconds, and the most memory that its process held, in MB."""
        began, most = time.perf_counter(), 0.0
        with subprocess.Popen(
            [sys.executable, "-m", "nightlatch", *args],
            cwd=self.project,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            while True:
                try:
                    _, said = process.communicate(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    most = max(most, memory(process.pid))
        if process.returncode:
            sys.exit(f"nightlatch {' '.join(args)}: exit {process.returncode}\n{said.decode()}")
        return time.perf_counter() - began, most

    def bare(self, sessions: int) -> None:
        """The same agent in a shell loop, with a commit after each session and nothing else."""
        subprocess.run(
            ["bash", "-c", BARE.format(sessions=sessions)],
            cwd=self.project,
            env=self.env,
            check=True,
        )

    def stamps(self) -> list[Stamp]:
        """What was told since the last call, in the order of time."""
        told = b"".join(
            iter(
                lambda: os.read(self.pipe, 65_536) if select([self.pipe], [], [], 0)[0] else b"",
                b"",
            )
        )
        lines = (line.split() for line in told.decode().splitlines())
        return sorted(
            (Stamp(who, what, float(at)) for who, what, at in lines), key=lambda stamp: stamp.at
        )

    def moments(self, event: str) -> list[float]:
        """When the journal saw this event."""
        lines = map(
            json.loads, (self.project / ".nightlatch/journal.jsonl").read_text().splitlines()
        )
        return [
            datetime.fromisoformat(line["at"]).timestamp()
            for line in lines
            if line["event"] == event
        ]


def memory(pid: int) -> float:
    """The high-water mark of a process, in MB."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next(
        (int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmHWM")),
        0.0,
    )


@contextmanager
def ground(shape: Shape) -> Iterator[Ground]:
    """A project of this shape in a temporary folder, gone afterwards."""
    with TemporaryDirectory(prefix="nightlatch-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "home/.bench").mkdir(parents=True)
        (folder / "project").mkdir()
        os.mkfifo(folder / "home/.bench/times")
        pipe = os.open(folder / "home/.bench/times", os.O_RDWR | os.O_NONBLOCK)
        made = Ground(folder=folder, pipe=pipe)
        made.habits(0.0)
        try:
            fill(made, shape)
            yield made
        finally:
            os.close(pipe)


def fill(made: Ground, shape: Shape) -> None:
    """The files of the project, its history and its plan, committed."""
    texts = {
        "loop.toml": SETTINGS,
        ".gitignore": "made/\n",
        "prd.json": plan(shape),
        **sources(shape),
    }
    texts |= (
        {"progress.txt": "".join(ENTRY.format(n=n) for n in range(shape.past))}
        if shape.past
        else {}
    )
    programs = {
        "agent": AGENT.replace("{more}", shape.more),
        "suite": SUITE,
        "checks/20-style": CHECK,
        "verify": VERIFY,
    }
    programs |= (
        {"init.sh": INIT.replace("{seconds}", str(shape.init))} if shape.init is not None else {}
    )
    for name, text in {**texts, **programs}.items():
        path = made.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{tell}", TELL))
        path.chmod(0o755 if name in programs else 0o644)
    made.git("init", "-q", "-b", "main")
    if shape.past:
        made.git(
            "fast-import",
            "--quiet",
            stdin="".join(past_commit(n) for n in range(shape.past)).encode(),
        )
        made.git("reset", "-q", "main")
    made.git("add", "-A")
    made.git("commit", "-q", "-m", "a project")


def plan(shape: Shape) -> str:
    def item(n: int) -> dict[str, object]:
        name, criteria = f"US-{n:05}", [f"US-{n:05}.txt is there"]
        more = {
            "passes": n <= shape.done,
            "acceptanceCriteria": criteria,
            "verify": f"./verify {name}",
        }
        return {"id": name, "title": f"Number {n}", "priority": n, **more}

    return (
        json.dumps({"userStories": [item(n) for n in range(1, shape.features + 1)]}, indent=2)
        + "\n"
    )


def sources(shape: Shape) -> dict[str, str]:
    """Text files of 0.1 to 4 kB in folders of about 100."""
    chance = random.Random(shape.seed)  # noqa: S311  # the same project every time
    return {
        f"src/{n // 100:03}/{n:05}.txt": f"{n} a line of text\n" * chance.randint(5, 200)
        for n in range(shape.files)
    }


def past_commit(n: int) -> str:
    message = (
        f"OLD-{n:05} An old feature\n\nNightlatch-Feature: OLD-{n:05}\nNightlatch-Session:"
        f" r-old-s{n:05}\n"
    )
    text = f"{n}\n" * (n % 40 + 1)
    head = (
        f"commit refs/heads/main\ncommitter Ada <ada@example.org> {1_790_000_000 + n} +0000\ndata"
        f" {len(message)}\n{message}\n"
    )
    return f"{head}M 100644 inline past/{n % 200}.txt\ndata {len(text)}\n{text}\n"
