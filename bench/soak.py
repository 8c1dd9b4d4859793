"""A night in which everything goes wrong at once: ./init.sh python -m bench.soak [--seed 7]
[--sessions 300] [--every 20].

Agents with manners drawn by a seed work on a plan to which a person adds while they work, and the
loop is killed again and again. Afterwards everything is looked at from outside (bench/soaked.py):
the table has a line for each thing that must be zero, and the exit code is 1 where one is not. The
same seed draws the same manners for the same sessions and the same times for the kills; which
session a kill meets, and where, depends on the machine.
"""

import argparse
import json
import os
import random
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from bench import manners, soaked
from nightlatch.journal import file_io
from tests import ROOT
from tests.pythons import make_python
from tests.stories.sample_project import Project, make_project

SETTINGS = """agent = ["scripted"]
[limits]
idle = "3s"
session = "2m"
disk = "100MB"
[workspace]
sandbox = "{sandbox}"
see = [".soak"]
env = ["SOAK"]
"""
WHO = {
    f"GIT_{role}_{part}": "ada@example.org"
    for role in ("AUTHOR", "COMMITTER")
    for part in ("NAME", "EMAIL")
}
CALM = {**WHO, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
ENDED = (0, 3, 4)  # as planned, needs the person, a fault: a breaker did its work
OPEN = 8  # features that can run: with fewer, the person queues more
EARLY = 0.2
LAST = 600.0
PATIENCE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How long a soak is: sessions, features at the start, seconds between two kills on
    average, bytes that a loud agent says."""

    seed: int = 7
    sessions: int = 300
    features: int = 40
    every: float = 20.0
    loud: int = 50_000_000
    sandbox: str = "auto"


def story(number: int) -> soaked.Story:
    """A feature of two halves.

    Its verify is the person's; what is true of it is looked at without it.
    """
    name = f"US-{number}"
    verify = f"grep -qx {name} parts/{name}.a && grep -qx {name} parts/{name}.b"
    return {
        "id": name,
        "title": f"Number {number}",
        "passes": False,
        "acceptanceCriteria": [f"both halves say {name}"],
        "verify": verify,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """A project, its person, and the pipe through which its agents tell what they do, past the
    loop."""

    form: Form
    project: Project
    token: str
    pipe: int
    log: IO[bytes]
    seen: soaked.Seen

    def recorded(self) -> int:
        """How many sessions are on record."""
        return (
            len(soaked.sessions(self.project))
            if self.project.git("ls-tree", "main", "progress.txt")
            else 0
        )

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The loop, on a clock that waits in no time and never goes back; killed in the end."""
        self.seen.runs += 1
        lines = (
            each for each in file_io.read(self.project.folder / ".nightlatch/journal.jsonl") if each
        )
        last = max(
            (datetime.fromisoformat(str(each["at"])).timestamp() for each in lines), default=0.0
        )
        words = [f"{max(0.0, last - time.time())}", "agent=scripted"]
        with subprocess.Popen(
            [sys.executable, "-B", str(ROOT / "tests/stories/fast_clock.py"), *words],
            cwd=self.project.folder,
            stdout=self.log,
            stderr=self.log,
            env={
                **os.environ,
                **self.project.env,
                "PYTHONPATH": str(ROOT),
                "SOAK": f"{self.token}-{self.seen.runs}",
            },
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def hear(self, seconds: float) -> None:
        """What agents tell, for so long."""
        until = time.monotonic() + seconds
        while select.select([self.pipe], [], [], max(until - time.monotonic(), 0))[0]:
            self.seen.told += [
                line.split() for line in os.read(self.pipe, 1 << 20).decode().splitlines()
            ]

    def queue(self, features: int) -> None:
        """The person adds to the plan, on the text as it is in their checkout."""
        path = self.project.folder / "prd.json"
        plan = json.loads(path.read_text())
        more = [story(len(self.seen.plan) + number) for number in range(1, features + 1)]
        plan["userStories"] += more
        draft = path.with_suffix(".mine")
        draft.write_text(json.dumps(plan, indent=2) + "\n")
        draft.replace(path)
        self.seen.plan += more

    def write_diary(self) -> None:
        """The person commits to the branch, once more where another git holds the index just
        now."""
        path = self.project.folder / "diary.txt"
        with path.open("a") as file:
            file.write(f"page {self.seen.diary + 1}\n")
        for _ in range(PATIENCE):
            with suppress(subprocess.CalledProcessError):
                self.project.git("add", "diary.txt")
                self.project.git("commit", "-q", "-m", "diary", "--", "diary.txt")
                self.seen.diary += 1
                return
            self.hear(0.05)
        self.seen.complaints.append("the person could not commit")

    def look(self) -> int:
        """The person looks in: decides what waits for them. How many features can run."""
        told = json.loads(self.project.run("status", "--json").stdout)
        pending = {each["feature"] for each in told["inbox"]}
        for ask in told["decide"]:
            if ask["feature"] not in pending:
                verb = (
                    ("answer", ask["feature"], "yes")
                    if ask["verb"] == "answer"
                    else ("retry", ask["feature"])
                )
                self.decide(*verb)
        return int(told["features"]["runnable"])

    def decide(self, *words: str) -> None:
        inbox = self.project.folder / ".nightlatch/inbox"
        before = {*inbox.glob("*.json")}
        self.project.run(*words)
        self.seen.decisions += [
            path.stem.partition("-")[2] for path in {*inbox.glob("*.json")} - before
        ]


@contextmanager
def soak_in(folder: Path, form: Form) -> Iterator[Soak]:
    """The project, ready to begin."""
    home = folder / "home"
    (home / ".soak").mkdir(parents=True)
    (folder / "tmp").mkdir()
    os.mkfifo(home / ".soak/told")
    stories = [story(number) for number in range(1, form.features + 1)]
    made = make_project(folder, stories, settings=SETTINGS.format(sandbox=form.sandbox))
    drawn = manners.draw(form.seed, form.sessions)
    (folder / "script.json").write_text(json.dumps(manners.script(drawn, form.loud)))
    env = {
        **made.env,
        "HOME": str(home),
        "TMPDIR": str(folder / "tmp"),
        "NIGHTLATCH_SCRIPT": str(folder / "script.json"),
    }
    project = Project(folder=made.folder, env=env)
    pipe = os.open(home / ".soak/told", os.O_RDWR | os.O_NONBLOCK)
    try:
        with (folder / "log").open("ab") as log:
            token, seen = f"soak-{os.getpid()}-{form.seed}", soaked.Seen(plan=stories)
            yield Soak(form=form, project=project, token=token, pipe=pipe, log=log, seen=seen)
    finally:
        os.close(pipe)


def storm(soak: Soak) -> None:
    """Start, kill, start again, until so many sessions are on record."""
    form, chance = soak.form, random.Random(f"{soak.form.seed} kills")  # noqa: S311  # the same every time
    before, patience = 0, 1.0
    while (done := soak.recorded()) < form.sessions:
        # a slow machine gets there too
        patience, before = (1.0 if done > before else patience * 1.5), done
        if soak.look() < OPEN:
            soak.queue(OPEN)
        one_run(
            soak,
            patience * chance.uniform(0.5, 1.5) * form.every,
            queue=chance.randint(0, 2),
            early=chance.random() < EARLY,
        )


def one_run(soak: Soak, seconds: float, queue: int, *, early: bool) -> None:
    """The loop until it is killed, or has ended by itself; in the middle of it the person
    queues some more, and commits.

    The seconds begin with the first word that it says, or with its process when it is to be killed
    `early`.
    """
    said = os.fstat(soak.log.fileno()).st_size
    with soak.running() as process:
        while not early and process.poll() is None and os.fstat(soak.log.fileno()).st_size == said:
            soak.hear(0.05)
        hear(soak, process, seconds / 2)
        if queue:
            soak.queue(queue if len(soak.seen.plan) < soak.form.sessions else 0)
            soak.write_diary()
        hear(soak, process, seconds / 2)
        if process.poll() is None:
            soak.seen.complaints += soaked.outlived(soak.token, soak.seen.runs)
            soak.seen.kills += 1
        elif process.returncode not in ENDED:
            soak.seen.complaints.append(f"run {soak.seen.runs} ended with {process.returncode}")


def rest(soak: Soak) -> None:
    """The last run is left alone: it finishes what was cut off, works once more, and ends."""
    recorded, until = soak.recorded(), time.monotonic() + LAST
    with soak.running() as process:
        while process.poll() is None and soak.recorded() <= recorded and time.monotonic() < until:
            soak.hear(0.5)
        soak.project.run("stop", code=None)
        hear(soak, process, until - time.monotonic())
        if process.poll() not in ENDED:
            soak.seen.complaints.append(f"the last run ended with {process.poll()}")


def hear(soak: Soak, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Listen for so long, or to the end of the run."""
    until = time.monotonic() + seconds
    while process.poll() is None and (left := until - time.monotonic()) > 0:
        soak.hear(min(0.5, left))


def soaked_by(form: Form, folder: Path) -> tuple[dict[str, list[str]], str]:
    """What is not as it must be, by line of the table, and a sentence on what happened."""
    began = time.monotonic()
    with soak_in(folder, form) as soak:
        storm(soak)
        rest(soak)
        soak.hear(0)
        found, seen = soaked.table(soak.project, soak.seen, soak.token), soak.seen
    done = (
        f"{len(soak.project.passing())} of {len(seen.plan)} features landed in {soak.recorded()}"
        " sessions"
    )
    return (
        found,
        (
            f"seed {form.seed}: {done} of {seen.runs} runs, {seen.kills} of them killed, in"
            f" {time.monotonic() - began:.0f} s"
        ),
    )


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__)
    for name, default in (("seed", 7), ("sessions", 300), ("features", 40), ("loud", 50_000_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--every", type=float, default=20.0)
    parser.add_argument("--sandbox", choices=("auto", "none"), default="auto")
    parser.add_argument("--keep", type=Path, help="leave everything in this new folder")
    asked = vars(parser.parse_args(argv))
    keep: Path | None = asked.pop("keep")
    with TemporaryDirectory(prefix="nightlatch-soak-", ignore_cleanup_errors=True) as name:
        folder = keep or Path(name)
        os.environ.update(
            CALM, PATH=f"{make_python(Path(name) / 'plain')}{os.pathsep}{os.environ['PATH']}"
        )
        found, said = soaked_by(Form(**asked), folder)
    print(said)
    for what, complaints in found.items():
        print(f"{what:<24} {len(complaints)}")
        print("".join(f"    {each}\n" for each in complaints[:20]), end="")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
