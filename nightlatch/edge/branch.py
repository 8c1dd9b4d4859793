"""Which branch a run lands on, and what must be committed before it starts."""

from nightlatch.core import planfile
from nightlatch.edge import checkout
from nightlatch.edge.gitcall import words
from nightlatch.edge.house import House
from nightlatch.errors import PlanError, UsageError


def choose(house: House) -> str:
    """The plan's own branch, made at HEAD and checked out where needed, else the one that is
    checked out; RepoError where it cannot be."""
    data = house.worktree_plan()
    if data is None:
        raise PlanError(
            "the plan is not in the checkout", place=house.plan, fix=f"git checkout -- {house.plan}"
        )
    return checkout.take_branch(house.repo, planfile.read(data, house.plan, *house.reading).branch)


def require_committed(house: House) -> None:
    """The loop, its prompts and its checks are what the branch holds: an uncommitted one would
    be neither run nor protected."""
    names = [house.path(name) for name in ("checks", "prompts", "loop.py")]
    told = words(
        house.repo.as_person(
            "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *names
        ).output()
    )
    if told:
        loose = [entry[3:] for entry in told]
        shown = ", ".join(loose[:3]) + (f" and {len(loose) - 3} more" if len(loose) > 3 else "")
        raise UsageError(
            f"not committed: {shown}", place=str(house.repo.project), fix="nightlatch init --commit"
        )
