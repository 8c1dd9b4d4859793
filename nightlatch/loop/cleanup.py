"""What a project keeps that it may need no more: refs, workspaces, environments, results,
transcripts; listed, and removed when asked."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nightlatch.git.repo import base_ref, session_ref
from nightlatch.journal import file_io
from nightlatch.journal.events import InFlight
from nightlatch.model.models import Outcome
from nightlatch.project.project import Project
from nightlatch.report import status_io
from nightlatch.report.status_io import ProjectStatus
from nightlatch.util.fs import orphaned
from nightlatch.workspace import workspace

SESSIONS, WORK, BASES = "refs/nightlatch/sessions", "refs/nightlatch/work", "refs/nightlatch/bases"
# a candidate is a few objects: what is kept costs little, and may be the only copy of some work
OLD, MANY = 90 * 86_400.0, 500
KINDS = {
    "refs": (
        "candidates and carried work that no feature waits for (the objects go when git next"
        " collects them)"
    ),
    "workspaces": "workspaces of processes that are no more",
    "environments": "what init.sh made for earlier inputs",
    "results": "results of checks that were not asked for lately",
    "transcripts": "transcripts, briefs and notes of sessions",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Removable:
    """One thing that can go: a ref by its name, or a file or folder.

    `size` is in bytes, 0 for a ref.
    """

    kind: str
    name: str
    size: int = 0


def leftovers(project: Project, before: float, keep: int) -> Iterator[Removable]:
    """Yield what is older than a moment (epoch seconds), refs also beyond the newest `keep`.

    Nothing of a session in flight, of work that is held, or of the last session of a feature that
    is open, is among it.
    """
    seen, flight = status_io.view(project), file_io.load(project.state / file_io.NAME)[0].flight
    needed = needed_sessions(seen, flight)
    yield from old_refs(seen, before, keep, needed)
    for folder in (project.cache / "ws").glob("*-*"):
        # named by its process: a command of the person may be at work in it now
        if orphaned(folder.name.partition("-")[0]) and not (
            flight and str(folder) == flight.folder
        ):
            yield of(folder, "workspaces")
    yield from (of(folder, "workspaces") for folder in (project.cache / "trash").glob("*"))
    yield from (
        of(folder, "environments")
        for folder in (project.cache / "env").glob("*")
        if folder.stat().st_mtime < before
    )
    yield from (
        of(file, "results")
        for file in (project.state / "cache").glob("*")
        if file.stat().st_mtime < before
    )
    for folder in (project.state / "sessions").glob("*"):
        if folder.name not in needed and newest(folder) < before:
            yield of(folder, "transcripts")


def needed_sessions(seen: ProjectStatus, flight: InFlight | None) -> set[str]:
    """Sessions that a feature still goes on from, whose candidate waits for the person, or that
    are in flight."""
    known = [(feature, seen.history.of(feature)) for feature in seen.plan.features]
    going_on = {past.sessions[-1] for feature, past in known if past.sessions and not feature.done}
    waiting = {past.held for _, past in known if past.waiting is Outcome.HELD and past.held}
    return going_on | waiting | ({flight.session} if flight else set())


def old_refs(
    seen: ProjectStatus, before: float, keep: int, needed: set[str]
) -> Iterator[Removable]:
    """By age and count: what is young stays, and so do the newest, however old."""
    project, plan = seen.project, seen.plan
    form = "--format=%(committerdate:unix) %(refname)"
    told = os.fsdecode(
        project.repo.run("for-each-ref", "--sort=-committerdate", form, SESSIONS, WORK, BASES)
    ).splitlines()
    refs = [(name, float(at or 0)) for at, _, name in (line.partition(" ") for line in told)]
    kept = {
        *map(session_ref, needed),
        *map(base_ref, needed),
        *(project.repo.work_ref(f.id) for f in plan.features if not f.done),
    }
    sessions = [name for name, _ in refs if name.startswith(SESSIONS)]
    young = {name for name, at in refs if at >= before} | {*sessions[:keep]}
    yield from (Removable(kind="refs", name=name) for name, _ in refs if name not in kept | young)


def prune(project: Project, now: float, keep: int = MANY) -> None:
    """Let go of candidates that are both old and beyond many, and that nobody goes on from."""
    if len(project.repo.refs(SESSIONS)) > keep:
        seen, flight = status_io.view(project), file_io.load(project.state / file_io.NAME)[0].flight
        for one in old_refs(seen, now - OLD, keep, needed_sessions(seen, flight)):
            if one.name.startswith(SESSIONS):
                project.repo.delete_ref(one.name)


def remove(project: Project, one: Removable) -> None:
    if one.kind == "refs":
        project.repo.delete_ref(one.name)
    elif (path := Path(one.name)).is_dir():
        # an agent may have made folders that not even their owner may enter
        workspace.unlock(path)
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def of(path: Path, kind: str) -> Removable:
    return Removable(kind=kind, name=str(path), size=sum(info.st_size for info in inside(path)))


def newest(path: Path) -> float:
    return max((info.st_mtime for info in inside(path)), default=path.stat().st_mtime)


def inside(path: Path) -> Iterator[os.stat_result]:
    """Return every file at or below a path, no link followed."""
    files = (
        (Path(place, name) for place, _, names in os.walk(path) for name in names)
        if path.is_dir()
        else iter([path])
    )
    return (file.lstat() for file in files)
