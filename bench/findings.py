"""A repository full of findings, and how long it takes to read them all and to see how each
stands."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.project.project import find_project
from nightlatch.record.findings import staleness_io
from nightlatch.record.findings.findings import (
    Author,
    Cite,
    Evidence,
    Finding,
    FindingEvent,
    Grounds,
    ObservedRuns,
    Origin,
    Remarks,
    State,
    render,
)
from nightlatch.record.findings.staleness import Blob, anchor

AT = datetime(2026, 11, 20, 22, 1, tzinfo=UTC)
WHO = {
    f"GIT_{role}_{word}": value
    for role in ("AUTHOR", "COMMITTER")
    for word, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
}


def source(n: int, changed: str = "") -> str:
    """A file of some 300 lines."""
    more = [changed if k % 9 == 0 else "" for k in range(50)]
    return "\n".join(
        f"def f{k}(x):\n    '''Number {k}.'''\n    y = x * {n}{add}\n    return y + {k}\n\n"
        for k, add in enumerate(more)
    )


@contextmanager
def full(findings: int, files: int) -> Iterator[Path]:
    """Findings on the functions of so many files, of which a third changed since and some were
    renamed."""
    with TemporaryDirectory(prefix="nightlatch-bench-") as name:
        top = Path(name)

        def git(*args: str) -> str:
            env = {**os.environ, **WHO}
            return subprocess.run(
                ["git", *args], cwd=top, check=True, capture_output=True, text=True, env=env
            ).stdout.strip()

        git("init", "-q", "-b", "main")
        (top / "findings").mkdir()
        (top / "src").mkdir()
        (top / "prd.json").write_text('{"userStories": []}')
        for n in range(files):
            (top / f"src/m{n}.py").write_text(source(n))
        git("add", "-A")
        git("commit", "-q", "-m", "start")
        commit = git("rev-parse", "HEAD")
        oids = {
            line.split()[3]: line.split()[2]
            for line in git("ls-tree", "-r", "HEAD", "src/").splitlines()
        }
        blobs = [
            Blob(path=f"src/m{n}.py", oid=oids[f"src/m{n}.py"], data=source(n).encode())
            for n in range(files)
        ]
        for n in range(findings):
            blob, first = blobs[n % files], 1 + 6 * (n // files % 50)
            cite = anchor(Cite(path=blob.path, lines=(first, first + 3)), blob, commit)
            (top / f"findings/N-{n:07}.toml").write_text(render(finding(n, cite)))
        for n in range(0, files, 3):
            (top / f"src/m{n}.py").write_text(source(n, " + 1"))
        for n in range(1, files, 20):
            git("mv", f"src/m{n}.py", f"src/moved{n}.py")
        git("add", "-A")
        git("commit", "-q", "-m", "more")
        yield top


def finding(n: int, cite: Cite) -> Finding:
    at = AT + timedelta(minutes=n)
    seen = (Evidence(command=f"./check.sh {n}", exit=0, digest="e3b0c44298fc1c14"),)
    told = FindingEvent(
        at=at,
        by=Author.LOOP,
        session=f"r-1-s{n}",
        state=State.VERIFIED,
        why="failed 0 of 1",
        observed=ObservedRuns(runs=1),
        evidence=seen,
    )
    claim = f"Number {n} is slow because the index is missing"
    found = Finding(
        id=f"N-{n:07}",
        feature=f"US-{n % 200:03}",
        claim=claim,
        origin=Origin(by=Author.AGENT, at=at, session=f"r-1-s{n}"),
    )
    return replace(
        found,
        grounds=Grounds(cites=(cite,), evidence=(Evidence(command=f"./check.sh {n}"),)),
        events=(told,),
        remarks=Remarks(next="add the index in src/db/schema.sql"),
    )


def took(top: Path, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds to read all cold, to see how each stands, and to read all at the next commit."""
    cold: list[float] = []
    judged: list[float] = []
    warm: list[float] = []
    for _ in range(rounds):
        project, known = find_project(top), dict[str, Finding]()
        tip = project.repo.tip_of("HEAD") or ""
        marks = [time.perf_counter()]
        found = project.findings(tip, known)
        marks.append(time.perf_counter())
        staleness_io.standings(project.repo, tip, found)
        marks.append(time.perf_counter())
        project.findings(tip, known)
        marks.append(time.perf_counter())
        for kept, began, ended in zip((cold, judged, warm), marks, marks[1:], strict=False):
            kept.append(1000 * (ended - began))
    return cold, judged, warm
