"""Which branch a run lands on, and what must be committed before it starts."""

from nightlatch.core import planfile
from nightlatch.edge import checkout
from nightlatch.edge.house import House
from nightlatch.errors import PlanError, RepoError, UsageError


def choose(house: House) -> str:
    """The plan's own branch, made at HEAD and checked out where needed, else the branch that is checked out.

    Raises RepoError where HEAD is detached, or where the checkout holds changes that a switch could touch.
    """
    repo = house.repo
    head = repo.head()
    wanted = planned(house) or head
    if wanted is None:
        raise RepoError("HEAD is detached, so there is no branch to land on", fix="git switch -c NAME")
    if wanted == head:
        return wanted
    if repo.tip(wanted) is None:
        start = repo.tip_of("HEAD")
        if start is None:
            raise RepoError("there is no commit yet, so there is nothing to start from", fix="git add . && git commit -m start")
        repo.advance(f"refs/heads/{wanted}", start, "")
    checkout.switch(repo, wanted)
    return wanted


def planned(house: House) -> str:
    """`branchName` of the plan as it lies in the checkout; a broken plan is an error before anything is started."""
    data = house.worktree_plan()
    if data is None:
        raise PlanError("the plan is not in the checkout", place=house.plan, fix=f"git checkout -- {house.plan}")
    return planfile.read(data, house.plan).branch


def require_committed(house: House, branch: str) -> None:
    """The loop, its prompts and its checks are what the branch holds: an uncommitted one would be neither run nor protected."""
    names = [house.path(name) for name in ("checks", "prompts", "loop.py")]
    loose = checkout.uncommitted(house.repo, branch, names)
    if loose:
        shown = ", ".join(loose[:3]) + (f" and {len(loose) - 3} more" if len(loose) > 3 else "")
        raise UsageError(f"not committed: {shown}", place=str(house.repo.project), fix="nightlatch init --commit")
