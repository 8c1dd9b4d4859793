"""Ask a repository what landed on a branch, and what of it is not pushed."""

from nightlatch.git.log import LANDED
from nightlatch.git.repo import Repo


def unpushed(repo: Repo, branch: str) -> int | None:
    """Return how many commits a branch is ahead of its upstream, None where it has none."""
    told = (
        repo.ask("rev-list", "--count", f"{branch}@{{upstream}}..refs/heads/{branch}")
        if branch
        else None
    )
    return None if told is None else int(told)


def landings(repo: Repo, tip: str, trailer: str = "Session") -> dict[str, str]:
    """Return the last commit that each session, or each feature, landed as, from the trailers of
    the commits."""
    log = repo.log(tip, grep=LANDED) if tip else ()
    named = ((commit.id, commit.values(trailer)) for commit in reversed(log))
    # A commit that names several is no landing: somebody put commits together.
    return {names[0]: commit for commit, names in named if len(names) == 1}
