"""What can be seen of a project without writing anything: the plan as it stands, the run at
work, what is pushed."""

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from nightlatch.core import planfile
from nightlatch.core.history import History, replay
from nightlatch.core.journal import TURNS
from nightlatch.core.models import Plan
from nightlatch.core.progress import Item, parse
from nightlatch.core.survey import Survey, survey
from nightlatch.edge import inbox
from nightlatch.edge.commits import LANDED
from nightlatch.edge.git import BEHIND, Repo
from nightlatch.edge.house import House
from nightlatch.edge.journal import store_of
from nightlatch.errors import PlanError, RepoError

NO_PLAN = Plan(path="", features=())


@dataclass(frozen=True, kw_only=True)
class View:
    """The plan as it lies in the checkout, and what the branch that it lands on remembers.

    `tip` is "" without commits.

    What the record comes to is worked out when it is asked for.

    `head` is the branch that is checked out, None when HEAD is detached; `behind`: the branch went
    on, and files that are edited in the checkout could not; `unread`: why it is the plan as it was
    committed.
    """

    house: House
    head: str | None
    branch: str
    tip: str
    behind: bool
    items: tuple[Item, ...]
    plan: Plan
    unread: str = ""

    @cached_property
    def history(self) -> History:
        return replay(self.items)

    @cached_property
    def survey(self) -> Survey:
        return survey(self.plan, self.history, self.house.config.limits, inbox.decided(self.house))


def glance(house: House) -> View:
    """For who only looks: in place of a plan that cannot be read, such as half an edit, it is
    the one of the last commit. PlanError where there is none, or that is no better."""
    try:
        return view(house)
    except PlanError as error:
        if (committed := house.repo.read("HEAD", house.plan)) is None:
            raise
        why = (
            f"the plan cannot be read, and is shown as it was committed: {error.place}:"
            f" {error.problem.splitlines()[0]}"
        )
        return replace(view(house, committed), unread=why)


def code(house: House) -> int:
    """The exit code of a command that shows what there is: where the plan in the checkout
    cannot be read, that of a broken plan."""
    try:
        if (data := house.worktree_plan()) is not None:
            planfile.read(data, house.plan, *house.reading)
    except PlanError as error:
        return error.exit
    return 0


def view(house: House, plan_text: bytes | None = None) -> View:
    """With this text, or that of the checkout, as the plan.

    Raises PlanError where it cannot be read.
    """
    repo, data = house.repo, house.worktree_plan() if plan_text is None else plan_text
    plan, head = (
        NO_PLAN if data is None else planfile.read(data, house.plan, *house.reading),
        repo.head(),
    )
    planned = repo.tip(plan.branch) if plan.branch else None
    branch, tip = plan.branch if planned else head or "", planned or repo.tip_of("HEAD") or ""
    behind = repo.tip_of(BEHIND) if head == branch else None
    if data is not None and behind:
        old, new = repo.read(behind, house.plan), repo.read(tip, house.plan)
        now = (
            planfile.carry_flags(old, new, data, house.plan, *house.reading)
            if old and new
            else data
        )
        plan = planfile.read(now, house.plan, *house.reading)
    items = parse(house.progress_text(tip)) if tip else ()
    return View(
        house=house,
        head=head,
        branch=branch,
        tip=tip,
        behind=behind is not None,
        items=items,
        plan=plan,
    )


def with_commit(house: House) -> View:
    """The view where there is a commit; RepoError where there is none yet."""
    seen = view(house)
    if not seen.tip:
        raise RepoError(
            "there is no commit yet to start from",
            place=str(house.repo.top),
            fix="git add -A && git commit -m start",
        )
    return seen


def unpushed(repo: Repo, branch: str) -> int | None:
    """How many commits a branch is ahead of where it is pushed to, None where it is pushed
    nowhere."""
    told = (
        repo.ask("rev-list", "--count", f"{branch}@{{upstream}}..refs/heads/{branch}")
        if branch
        else None
    )
    return None if told is None else int(told)


def holder(house: House) -> int | None:
    """The process of the run that is at work, None where there is none."""
    try:
        fd = os.open(house.state / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(fd, 32) or 0)
    finally:
        os.close(fd)
    return None


def last_turn(house: House) -> Mapping[str, object]:
    """The last thing that the journal says about where a run is: a start or an end, of the run
    or of a session."""
    return next(store_of(house.state).latest(TURNS), {})


def landings(repo: Repo, tip: str, trailer: str = "Session") -> dict[str, str]:
    """The last commit that each session, or each feature, landed as, by the trailers that
    travel with it."""
    log = repo.log(tip, grep=LANDED) if tip else ()
    named = ((commit.id, commit.values(trailer)) for commit in reversed(log))
    # A commit that names several is no landing: somebody put commits together.
    return {names[0]: commit for commit, names in named if len(names) == 1}
