"""A repository as a person may have left it, and the program started in it inside this process."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nightlatch.cli import main
from nightlatch.model.models import Feature
from nightlatch.plan import file
from nightlatch.record.progress import Entry, Item, RunStart, render

START = datetime(2026, 11, 20, 22, 1, tzinfo=UTC)
RUN = "r-20261120-220100"
HOLD = """
import sys; from pathlib import Path; from nightlatch.util.fs import Lock
with Lock(Path(sys.argv[1])): print(flush=True); sys.stdin.read()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        body: dict[str, object] = json.loads(self.out)
        return body

    def at(self, *path: str | int) -> object:
        """One value of the JSON."""
        found: object = self.json
        for step in path:
            found = found[step]  # type: ignore[index]  # whatever the JSON holds there
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A repository with a plan; `nightlatch` runs a command in it as the person would."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def nightlatch(self, *args: str, cwd: str = ".") -> Told:
        self.monkeypatch.chdir(self.folder / cwd)
        self.capsys.readouterr()
        code = main(list(args))
        shown = self.capsys.readouterr()
        return Told(code=code, out=shown.out, err=shown.err)

    def git(self, *args: str) -> str:
        return subprocess.run(
            ["git", *args], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, message: str = "more", **files: str) -> str:
        for name, text in files.items():
            self.write(name, text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def plan(self, *stories: Mapping[str, object], **more: object) -> None:
        self.write("prd.json", json.dumps({**more, "userStories": stories}, indent=2))

    def feature(self, name: str) -> Feature:
        found = file.read((self.folder / "prd.json").read_bytes(), "prd.json").feature(name)
        assert found
        return found

    def session(
        self, feature: str, word: str, *details: str, number: int = 1, **more: object
    ) -> Entry:
        """The entry of one session on a feature of the plan."""
        known = self.feature(feature)
        last = f"session {RUN}-s{number:02}  digest {known.digest}"
        values = {"tries": 1, "minutes": 4, "usd": 0.5, "title": known.title, **more}
        return Entry(
            at=START + timedelta(minutes=number),
            word=word,
            feature=feature,
            details=(*details, last),
            **values,  # type: ignore[arg-type]  # told by keyword
        )

    def record(self, entries: Iterable[Item]) -> None:
        """progress.txt with one run, committed."""
        self.write(
            "progress.txt", render((RunStart(run=RUN, fields=(("agent", "scripted"),)), *entries))
        )
        self.commit("progress")

    def files(self) -> set[str]:
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if ".git" not in path.parts
        }


def story(name: str, title: str = "", **more: object) -> dict[str, object]:
    return {"id": name, "title": title or f"The story {name}", "passes": False, **more}
