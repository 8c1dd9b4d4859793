"""Repositories of any shape to spend a night on, and what every morning after must show."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightlatch.record.progress import Entry, RunEnd, parse
from tests.stories.sample_project import Project

MINE = 'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\n'
HONEST = 'n=$(expr "${NIGHTLATCH_FEATURE#US-}" + 0); echo "$n" > "n$n.txt"'
LANDS = {"landed", "unproved"}
Told = Sequence[tuple[str, str, str]]


def plant(
    folder: Path,
    files: Mapping[str, str | bytes],
    stories: Sequence[Mapping[str, object]],
    *,
    agent: str = HONEST,
    settings: str = MINE,
    branch: str = "",
) -> Project:
    """A committed repository with these files, a snarktank plan and a shell script as the
    agent; `init` has not run yet."""
    project = project_at(folder / "shop", folder)
    project.folder.mkdir()
    project.git("init", "-q", "-b", "main")
    plan = {
        "project": "Shop",
        **({"branchName": branch} if branch else {}),
        "description": "A small shop",
        "userStories": list(stories),
    }
    texts = {
        "prd.json": json.dumps(plan, indent=2) + "\n",
        "loop.toml": settings,
        "agent.sh": f"#!/bin/sh\nset -e\n{agent}\n",
        **files,
    }
    lay(project.folder, texts)
    (project.folder / "agent.sh").chmod(0o755)
    project.commit("a small shop")
    return project


def project_at(folder: Path, home: Path) -> Project:
    return Project(folder=folder, env={"NIGHTLATCH_CACHE": str(home / "cache")})


def lay(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())


def assert_morning(
    project: Project,
    told: Told,
    *,
    passing: Sequence[str],
    branch: str = "main",
    plan: str = "prd.json",
    progress: str = "progress.txt",
    loose: Sequence[str] = (),
) -> None:
    """Branch, plan, progress, trailers and checkout tell one and the same story, and nothing
    else lies about."""
    assert project.git("symbolic-ref", "--short", "HEAD").strip() == branch
    assert done(project.git("show", f"HEAD:{plan}")) == list(passing)
    items = parse(project.git("show", f"HEAD:{progress}"))
    assert [
        (item.word, item.feature, item.rule)
        for item in items
        if isinstance(item, Entry) and item.word != "finding"
    ] == list(told)
    assert isinstance(items[-1], RunEnd)
    assert landed(project) == [feature for word, feature, _ in told if word in LANDS]
    assert project.git("status", "--porcelain").splitlines() == list(loose)


def done(text: str) -> list[str]:
    return [story["id"] for story in json.loads(text)["userStories"] if story["passes"]]


def landed(project: Project) -> list[str]:
    """The feature of every landing commit, oldest first, by the trailers that each must carry."""
    values = "|".join(
        f"%(trailers:key=Nightlatch-{key},valueonly,separator=%x2C)"
        for key in ("Session", "Feature")
    )
    log = project.git("log", "--reverse", f"--format={values}")
    pairs = [line.split("|") for line in log.splitlines() if line != "|"]
    assert all(session and feature for session, feature in pairs)
    assert len({session for session, _ in pairs}) == len(pairs)
    return [feature for _, feature in pairs]


def agents_started(project: Project) -> int:
    """How many agents this project has ever paid for."""
    journal = project.folder / ".nightlatch/journal.jsonl"
    return journal.read_text().count('"agent.started"') if journal.exists() else 0
