"""Which branch a run lands on, and what must be committed before it starts."""

from nightlatch.errors import PlanError, UsageError
from nightlatch.git import checkout
from nightlatch.git.command import words
from nightlatch.plan import file
from nightlatch.project.project import Project


def choose(project: Project) -> str:
    """Return the plan's own branch, made at HEAD and checked out where needed, else the one that is
    checked out; RepoError where it cannot be."""
    data = project.worktree_plan()
    if data is None:
        raise PlanError(
            "the plan is not in the checkout",
            place=project.plan,
            fix=f"git checkout -- {project.plan}",
        )
    return checkout.take_branch(
        project.repo, file.read(data, project.plan, *project.reading).branch
    )


def require_committed(project: Project) -> None:
    """The loop, its prompts and its checks are what the branch holds: an uncommitted one would
    be neither run nor protected."""
    names = [project.path(name) for name in ("checks", "prompts", "loop.py")]
    told = words(
        project.repo.as_person(
            "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *names
        ).output()
    )
    if told:
        loose = [entry[3:] for entry in told]
        shown = ", ".join(loose[:3]) + (f" and {len(loose) - 3} more" if len(loose) > 3 else "")
        raise UsageError(
            f"not committed: {shown}",
            place=str(project.repo.folder),
            fix="nightlatch init --commit",
        )
