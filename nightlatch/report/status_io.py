"""What can be seen of a project without writing anything: the plan as it stands, the run at
work, what is pushed."""

from dataclasses import dataclass, replace
from functools import cached_property

from nightlatch.errors import PlanError, RepoError
from nightlatch.git.repo import BEHIND
from nightlatch.journal import inbox_io
from nightlatch.model.models import Plan
from nightlatch.plan import file
from nightlatch.project.project import Project
from nightlatch.record.history import History, replay
from nightlatch.record.progress import Item, parse
from nightlatch.scheduler.status import PlanStatus, survey

NO_PLAN = Plan(path="", features=())


@dataclass(frozen=True, kw_only=True)
class ProjectStatus:
    """The plan as it lies in the checkout, and what the branch that it lands on remembers.

    `tip` is "" without commits.

    What the record comes to is worked out when it is asked for.

    `head` is the branch that is checked out, None when HEAD is detached; `behind`: the branch went
    on, and files that are edited in the checkout could not; `unread`: why it is the plan as it was
    committed.
    """

    project: Project
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
    def survey(self) -> PlanStatus:
        return survey(
            self.plan, self.history, self.project.config.limits, inbox_io.decided(self.project)
        )


def glance(project: Project) -> ProjectStatus:
    """For who only looks: in place of a plan that cannot be read, such as half an edit, it is
    the one of the last commit. PlanError where there is none, or that is no better."""
    try:
        return view(project)
    except PlanError as error:
        if (committed := project.repo.read("HEAD", project.plan)) is None:
            raise
        why = (
            f"the plan cannot be read, and is shown as it was committed: {error.place}:"
            f" {error.problem.splitlines()[0]}"
        )
        return replace(view(project, committed), unread=why)


def code(project: Project) -> int:
    """Return the exit code of a command that shows what there is: where the plan in the checkout
    cannot be read, that of a broken plan."""
    try:
        if (data := project.worktree_plan()) is not None:
            file.read(data, project.plan, *project.reading)
    except PlanError as error:
        return error.exit
    return 0


def view(project: Project, plan_text: bytes | None = None) -> ProjectStatus:
    """With this text, or that of the checkout, as the plan.

    Raises PlanError where it cannot be read.
    """
    repo = project.repo
    data = project.worktree_plan() if plan_text is None else plan_text
    plan = NO_PLAN if data is None else file.read(data, project.plan, *project.reading)
    head = repo.head()
    planned = repo.tip(plan.branch) if plan.branch else None
    branch = plan.branch if planned else head or ""
    tip = planned or repo.tip_of("HEAD") or ""
    behind = repo.tip_of(BEHIND) if head == branch else None
    if data is not None and behind:
        plan = _with_landed_flags(project, data, behind, tip)
    items = parse(project.progress_text(tip)) if tip else ()
    return ProjectStatus(
        project=project,
        head=head,
        branch=branch,
        tip=tip,
        behind=behind is not None,
        items=items,
        plan=plan,
    )


def _with_landed_flags(project: Project, data: bytes, behind: str, tip: str) -> Plan:
    """Return the plan of the checkout with the flags that have landed since the commit on which
    the checkout stands: the person's edit stays, and what landed is not work again."""
    old, new = project.repo.read(behind, project.plan), project.repo.read(tip, project.plan)
    if old and new:
        data = file.carry_flags(old, new, data, project.plan, *project.reading)
    return file.read(data, project.plan, *project.reading)


def with_commit(project: Project) -> ProjectStatus:
    """Return the view where there is a commit; RepoError where there is none yet."""
    seen = view(project)
    if not seen.tip:
        raise RepoError(
            "the repository has no commits",
            place=str(project.repo.top),
            fix="git add -A && git commit -m start",
        )
    return seen
