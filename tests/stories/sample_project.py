"""A small project with a plan, an agent of any manners, and nights worked through on it by the
real program."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.record.progress import Entry, parse
from tests import PATIENCE, ROOT
from tests.stories import forked

TILL = '"""The till."""\n\n\ndef price(cents, count):\n    return cents * count\n'
TESTS = """import unittest

from till import price


class Till(unittest.TestCase):
    def test_three_apples(self):
        self.assertEqual(price(40, 3), 120)
"""
Steps = Sequence[Mapping[str, object]]


def feature(n: int, **more: object) -> dict[str, object]:
    """A feature whose verify asks for a file with its own number in it."""
    return {
        "id": f"US-{n:03}",
        "title": f"Number {n}",
        "priority": n,
        "passes": False,
        "acceptanceCriteria": [f"n{n}.txt holds {n}"],
        "verify": f'test "$(cat n{n}.txt)" = {n}',
        **more,
    }


def writes(n: int) -> dict[str, object]:
    """The honest step for `feature(n)`."""
    return {"write": f"n{n}.txt", "text": f"{n}\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A repository on disk and how the program is started in it."""

    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    patience: float = PATIENCE

    def git(self, *args: str) -> str:
        return subprocess.run(
            ["git", *args],
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
            errors="surrogateescape",
        ).stdout

    def write(self, name: str, text: str, *, mode: int = 0o644) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def commit(self, message: str = "more") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def start(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "nightlatch", *args],
            cwd=self.folder,
            env=self.environment(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), **self.env, **(more or {})}

    def run(
        self, *args: str, env: Mapping[str, str] | None = None, code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """The program to its end; its exit code is checked unless `code` is None."""
        if any(name.startswith("PYTHON") for name in {**self.env, **(env or {})}):
            done = self.started(*args, env=env)  # Python itself follows these when it starts
        else:
            done = forked.run(args, self.folder, self.environment(env), self.patience)
        assert code is None or done.returncode == code, (
            f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def started(
        self, *args: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The same, by a Python of its own."""
        process = self.start(*args, env=env)
        out, err = process.communicate(timeout=self.patience)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def killed(self, at: int | str, points: Path) -> int:
        """One run that is killed at its `at`-th point, or at that of this name; its return code.

        The names of the points go to a file.
        """
        env = {
            **os.environ,
            **self.env,
            "PYTHONPATH": str(ROOT),
            "KILL_AT": str(at),
            "POINTS": str(points),
        }
        killer = [sys.executable, str(ROOT / "tests/proofs/crash/killer.py"), "run"]
        done = subprocess.run(
            killer, cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode in {-signal.SIGKILL, 0}, done.stderr
        return done.returncode

    def night(
        self,
        script: Sequence[Steps] | Mapping[str, Sequence[Steps]],
        *args: str,
        code: int | None = 0,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """A run with the scripted agent."""
        return self.run(
            "run",
            "--agent",
            "scripted",
            *args,
            env={**(env or {}), "NIGHTLATCH_SCRIPT": str(self.script(script))},
            code=code,
        )

    def fast_night(
        self, script: Sequence[Steps] | None, *settings: str, ahead: float = 0, code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """A run with the scripted agent on a clock that is `ahead` by so many seconds and waits
        in no time; None: the script as it was."""
        file = self.folder.parent / "script.json" if script is None else self.script(script)
        words = [f"{ahead}", "agent=scripted", *settings]
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests/stories/fast_clock.py"), *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.env, "NIGHTLATCH_SCRIPT": str(file)},
            check=False,
            timeout=PATIENCE,
        )
        assert code is None or done.returncode == code, (
            f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def script(self, steps: object) -> Path:
        file = self.folder.parent / "script.json"
        file.write_text(json.dumps(steps))
        return file

    def agent(self, text: str) -> None:
        """A command of the person's own as the agent: a shell script outside the tree's
        protected paths."""
        self.write("agent.sh", f"#!/bin/sh\n{text}\n", mode=0o755)

    def plan(self) -> list[dict[str, object]]:
        stories: list[dict[str, object]] = json.loads((self.folder / "prd.json").read_text())[
            "userStories"
        ]
        return stories

    def passing(self) -> list[str]:
        return [str(story["id"]) for story in self.plan() if story["passes"]]

    def entries(self) -> list[Entry]:
        return [
            item for item in parse(self.git("show", "HEAD:progress.txt")) if isinstance(item, Entry)
        ]

    def outcomes(self) -> list[tuple[str, str, str]]:
        """(outcome, feature, rule) of every session, oldest first."""
        return [(entry.word, entry.feature, entry.rule) for entry in self.entries()]

    def subjects(self) -> list[str]:
        return self.git("log", "--reverse", "--format=%s").splitlines()

    def landings(self) -> list[str]:
        """Trees of the landing commits, oldest first, without plan, progress and findings."""
        commits = self.git(
            "log",
            "--reverse",
            "--format=%H %(trailers:key=Nightlatch-Session,valueonly,separator=%x2C)",
        ).splitlines()
        return [self.bare_tree(line.split()[0]) for line in commits if len(line.split()) > 1]

    def bare_tree(self, commit: str) -> str:
        lines = self.git("ls-tree", "-r", commit).splitlines()
        return "\n".join(
            line
            for line in lines
            if not line.partition("\t")[2].startswith(("prd.json", "progress", "findings"))
        )


def project_in(folder: Path) -> Project:
    """The shop of this folder, and a cache beside it."""
    return Project(folder=folder / "shop", env={"NIGHTLATCH_CACHE": str(folder / "cache")})


def make_project(
    folder: Path,
    stories: Sequence[Mapping[str, object]],
    *,
    settings: str = "",
    files: Mapping[str, str] | None = None,
) -> Project:
    """A till with one test, set up by `init --commit`, with these stories as its plan."""
    texts = {"till.py": TILL, "tests/__init__.py": "", "tests/test_till.py": TESTS, **(files or {})}
    texts["prd.json"] = json.dumps({"userStories": list(stories)}, indent=2) + "\n"
    if settings:
        texts["loop.toml"] = settings
    shutil.copytree(
        Path(prepared(tuple(texts.items())).name, "shop"), folder / "shop", symlinks=True
    )
    return project_in(folder)


@cache
def prepared(texts: Sequence[tuple[str, str]]) -> TemporaryDirectory[str]:
    """A repository with these files, set up: made once by every worker, and copied for each
    story that begins with it."""
    place = TemporaryDirectory()
    project = project_in(Path(place.name))
    project.folder.mkdir()
    project.git("init", "-q", "-b", "main")
    for name, text in texts:
        project.write(name, text)
    project.commit("a small shop")
    project.run("init", "--commit")
    return place


def left_running(project: Project) -> list[str]:
    """Processes whose working folder or command names this project."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + os.fsencode((process / "cwd").readlink())
        except OSError:
            continue
        if os.fsencode(project.folder.parent) in told:
            found.append(told.decode(errors="replace"))
    return found
