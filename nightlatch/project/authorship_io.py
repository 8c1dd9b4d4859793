"""Whether settings, plan and loop are what the person wrote: what an agent's session landed of
them is not taken for theirs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nightlatch.errors import SettingsError
from nightlatch.git.log import LOG, Commit, logged
from nightlatch.git.model import changed
from nightlatch.git.repo import Repo
from nightlatch.project import own_files
from nightlatch.project.own_files import LOOP, SETTINGS, TABLE_FILE
from nightlatch.project.project import Project

MOST = 500


def require(project: Project) -> None:
    """Raise SettingsError for what came with a session, and not by the person's hand."""
    for problem in problems(project):
        raise problem


def problems(project: Project) -> Iterator[SettingsError]:
    """Yield everything of the kind, each with where it came from and what to do."""
    yield from settings(project)
    yield from added_plan(project)
    yield from loop(project)


def settings(project: Project) -> Iterator[SettingsError]:
    """Settings that differ from what the person last committed, or have in the checkout."""
    name = project.settings
    if not name:
        return
    now = project.repo.read("HEAD", name)
    past = None
    by = None
    for commit in history(project, name):
        if not by_session(project.repo, commit):
            past = project.repo.read(commit.id, name)
            break
        by = commit
    here = project.repo.top / name
    # nobody's but the person's
    if now is None or by is None or (here.is_file() and here.read_bytes() != now):
        return
    had, has = (read_settings(name, data) for data in (past, now))
    # Another order or a comment changes nothing that the person would have to look at.
    if changed := sorted(key for key in {*had, *has} if had.get(key) != has.get(key)):
        yield not_by_hand(
            project, f"{name} has settings that a session landed: {', '.join(changed)}", name, by
        )


def added_plan(project: Project) -> Iterator[SettingsError]:
    """Yield a plan that a session brought."""
    added = (
        next(iter(history(project, project.plan, "--diff-filter=A")), None)
        if project.plan
        else None
    )
    if added and by_session(project.repo, added):
        yield not_by_hand(
            project, f"the plan {project.plan} was landed by a session", project.plan, added
        )


def loop(project: Project) -> Iterator[SettingsError]:
    """Yield a loop.py that a session changed."""
    name = project.path(LOOP)
    last = next(iter(history(project, name)), None) if (project.repo.top / name).is_file() else None
    if last and by_session(project.repo, last):
        yield not_by_hand(project, f"{name} was changed by a session", name, last)


def history(project: Project, name: str, *more: str) -> tuple[Commit, ...]:
    """Return the commits that changed a file, newest first."""
    tip = project.repo.tip_of("HEAD")
    return (
        logged(project.repo.run(*LOG, f"-n{MOST}", *more, "--end-of-options", tip, "--", name))
        if tip
        else ()
    )


def by_session(repo: Repo, commit: Commit) -> bool:
    """Return whether a session landed this commit without a person's approval.

    What has the trailers of several sessions, or changes other paths than the landing did, is
    somebody's own commit: they put commits together, with theirs among them.
    """
    if (
        len(commit.values("Session")) != 1
        or "Nightlatch-Approved" in commit.trailers
        or not commit.parents
    ):
        return False
    # Trailers are copied along when somebody amends or squashes: the paths tell whose it is.
    said = commit.trailers.get("Nightlatch-Changed")
    return said is None or said == changed(repo.diff(commit.parents[0], commit.id))


def read_settings(name: str, data: bytes | None) -> Mapping[str, Any]:
    """Return the settings in a file, by dotted key; none in one that cannot be read, which is an
    error of its own elsewhere."""
    text = (data or b"").decode("utf-8", "replace")
    whole = text if Path(name).name == SETTINGS else ""
    table = (
        own_files.safe_table(text) if Path(name).name == TABLE_FILE else own_files.safe_whole(whole)
    )
    return dict(own_files.dotted(table or {}))


def not_by_hand(project: Project, problem: str, name: str, commit: Commit) -> SettingsError:
    session = commit.trailers["Nightlatch-Session"]
    place = f"{project.repo.top / name}, commit {commit.id[:7]} of {session}"
    fix = (
        f"git show {commit.id[:7]} -- {name}; take it out, or keep it by changing the file in a"
        " commit of your own"
    )
    return SettingsError(problem, place=place, fix=fix)
