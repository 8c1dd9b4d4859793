"""Find what a project keeps beside its files: its state folder and the plan that counts."""

import os

from nightlatch.errors import PlanError, RepoError
from nightlatch.model.models import Plan
from nightlatch.plan import file
from nightlatch.project.project import Project
from nightlatch.record.branch_io import BranchReader
from nightlatch.util import fs


def plan_in_force(project: Project, record: BranchReader, commit: str) -> Plan | None:
    """Return the plan of a commit, None where there is none; where that one is broken and the
    person has corrected it since, the one in their checkout.

    Raises PlanError where neither can be read.
    """
    try:
        return record.plan(commit)
    except PlanError:
        now = project.worktree_plan()
        if now is None or now == project.repo.read(commit, project.plan):
            raise
        return file.read(now, project.plan, *project.reading)


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
