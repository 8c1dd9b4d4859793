"""Find what a project keeps beside its files: its state folder and the plan that counts."""

import os
from collections.abc import Callable

from nightlatch.errors import PlanError, RepoError
from nightlatch.model.models import Plan
from nightlatch.plan import file
from nightlatch.project.project import Project
from nightlatch.util import fs
from nightlatch.util.memo import Memo


def read_plan(project: Project, data: bytes) -> Plan:
    """A plan that was committed; where that one is broken and the person has corrected it
    since, the one in their checkout.

    Raises PlanError where neither can be read.
    """
    try:
        return file.read(data, project.plan, *project.reading)
    except PlanError:
        now = project.worktree_plan()
        if now is None or now == data:
            raise
        return file.read(now, project.plan, *project.reading)


def plan_reader(project: Project) -> Callable[[str], Plan | None]:
    """Return what gives the plan at a commit, None where there is none.

    It is read once for each commit and parsed once for each text: several gates of one session ask
    for the same.
    """
    by_commit, by_text = Memo[str, Plan](), Memo[str, Plan]()

    def plan(base: str) -> Plan | None:
        if known := by_commit.peek(base):
            return known
        blob = project.repo.find(f"{base}:{project.plan}") if project.plan else None
        if blob is None:
            return None
        found = by_text.get(blob[0], lambda: read_plan(project, blob[2]))
        # A name such as HEAD may mean another commit next time.
        if project.repo.is_id(base):
            by_commit.put({base: found})
        return found

    return plan


def state_folder(project: Project) -> None:
    """Make .nightlatch, which ignores itself.

    Raises RepoError where a file is in its place, or another user left what a run writes to.
    """
    repo = project.repo
    for place in (
        repo.folder,
        project.state,
        *project.state.glob("*"),
        repo.git_dir,
        repo.objects,
        repo.common_dir / "refs",
    ):
        if (
            place.exists()
            and place.stat().st_uid != os.geteuid()
            and not os.access(place, os.R_OK | os.W_OK)
        ):
            raise fs.not_yours(place)
    if project.state.exists() and not project.state.is_dir():
        raise RepoError(
            ".nightlatch is a file; expected a directory",
            place=str(project.state),
            fix="move it away",
        )
    fs.make_folder(project.state / "sessions")
    fs.lay_ballast(project.state / "ballast")
    if not (ignore := project.state / ".gitignore").exists():
        fs.replace(ignore, b"*\n")
