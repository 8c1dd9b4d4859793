"""What a brief costs beside a long record: of many sessions, and of many findings."""

import subprocess
import time
from datetime import timedelta
from pathlib import Path

from bench.findings import AT, full
from nightlatch.loop.session import brief_parts, remembered
from nightlatch.model.models import Feature
from nightlatch.project.project import find_project, templates
from nightlatch.prompt.brief import compose
from nightlatch.record.progress import Entry, patterns, render

FEATURE = Feature(
    id="US-003",
    title="Search ignores accents",
    done=False,
    criteria=("e finds é",),
    verify=("./check.sh 3",),
)


def record(top: Path, sessions: int) -> None:
    """A progress.txt of so many sessions on 200 features, committed."""
    entries = []
    for n in range(sessions):
        name = f"US-{n % 200:03}"
        tail = f"session r-1-s{n}  digest {FEATURE.digest if name == FEATURE.id else '4f1c2a'}"
        told = ("1 test is gone: tests/test_search.py::test_accent", "next: put it back", tail)
        at = AT + timedelta(minutes=n)
        entries.append(
            Entry(
                at=at,
                word="rejected",
                feature=name,
                tries=1,
                minutes=4,
                usd=0.5,
                rule="ratchet.test-removed",
                details=told,
            )
        )
    (top / "progress.txt").write_text(render(entries))
    subprocess.run(["git", "add", "-A"], cwd=top, check=True)
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", *who, "commit", "-qm", "record"], cwd=top, check=True)


def briefs(sessions: int, findings: int, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds for a brief once the record is read, as between two sessions, and its bytes."""
    with full(findings, min(500, findings)) as top:
        record(top, sessions)
        project = find_project(top)
        tip = project.repo.tip_of("HEAD") or ""
        past, known, section = (
            project.history(tip),
            project.findings(tip, {}),
            patterns(project.progress_text(tip)),
        )
        took, sizes = [], []
        for _ in range(rounds):
            began = time.perf_counter()
            parts = brief_parts(
                project,
                tip,
                FEATURE,
                past,
                section,
                remembered(project, tip, FEATURE, past, known, None),
                None,
            )
            made = compose(parts, templates(project))
            took.append(1000 * (time.perf_counter() - began))
            sizes.append(float(len(made.text.encode())))
        return took, sizes
