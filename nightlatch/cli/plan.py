"""`plan`: a planner expands a specification into features, splits one, or adds what proves
them; a person says yes."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nightlatch.errors import UsageError
from nightlatch.project.project import Project, find_project, require_plan
from nightlatch.report.status_io import ProjectStatus, with_commit
from nightlatch.util.text import plain

if TYPE_CHECKING:
    from nightlatch.planner.planner_io import Draft, Task

LONGEST = 200_000
# The exit code of everything that waits for a person.
NOT_ASKED = 3


@click.command(epilog="Example: nightlatch plan SPEC.md --agent claude")
@click.argument("spec", required=False, type=click.Path(path_type=Path))
@click.option(
    "--refine",
    metavar="F",
    default="",
    help="Split this feature into smaller ones, which it then waits for.",
)
@click.option(
    "--prove",
    is_flag=True,
    help="Only add verify, dependsOn and supersedes where they are missing.",
)
@click.option(
    "--agent",
    metavar="NAME",
    default="",
    help="The agent that plans; default: the first agent of loop.toml.",
)
@click.option("--yes", is_flag=True, help="Write without asking.")
def command(spec: Path | None, refine: str, *, prove: bool, agent: str, yes: bool) -> int:
    """Have an agent expand SPEC into features with criteria and verify commands. It also proposes
    init.sh and checks/ where they are missing.

    The agent works in a workspace that is thrown away. Existing features are never removed,
    reworded or marked done. Its answer is shown as a diff once all of it is valid: every verify
    runs and is red now, every check passes now. Exits with 1 if it is not valid.
    """
    from nightlatch.agents import registry_io
    from nightlatch.planner import planner_io

    if [spec is not None, bool(refine), prove].count(True) != 1:
        raise UsageError(
            "plan takes a specification, or --refine F, or --prove", fix="nightlatch plan SPEC.md"
        )
    project = find_project(Path.cwd())
    project = (
        require_plan(project) if project.plan else replace(project, plan=project.path("prd.json"))
    )
    seen, old = with_commit(project), project.worktree_plan()
    task = asked(seen, spec, refine)
    hired = registry_io.load(agent or project.config.agent[0], project.config.agents)
    click.echo(
        f"plan    {hired.name} plans; what it answers is tried out before it is shown", err=True
    )
    draft = planner_io.drafted(project, seen, hired, task)
    for remark in draft.remarks:
        click.echo(f"note    {plain(remark)}", err=True)
    for text in shown(project, old, draft):
        click.echo(plain(text))
    # Nobody is there to say yes, and a proposal that nobody read is not written.
    if not yes and not sys.stdin.isatty():
        click.echo(
            "plan    nothing is written: --yes writes without asking, and on a terminal you are"
            " asked",
            err=True,
        )
        return NOT_ASKED
    if yes or click.confirm("Write this?", err=True):
        planner_io.write(project, old, draft)
        for text in after(project, draft, task):
            click.echo(text, err=True)
    return 0


def asked(seen: ProjectStatus, spec: Path | None, refine: str) -> "Task":
    from nightlatch.planner.planner_io import Task
    from nightlatch.planner.proposal import Aim

    if refine:
        feature = seen.survey.find(refine)
        if feature.done:
            says = f"{plain(feature.id)} passes already, so there is nothing to split"
            raise UsageError(says, place=seen.project.plan, fix="nightlatch status")
        return Task(aim=Aim.REFINE, feature=feature, tried=seen.history.of(feature).reasons)
    if spec is None:
        return Task(aim=Aim.PROVE)
    try:
        text = spec.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the specification cannot be read: {plain(str(error))}", fix="name a file of text"
        ) from error
    if not 0 < len(text.strip()) <= LONGEST:
        raise UsageError(
            f"the specification has {len(text)} characters",
            place=plain(str(spec)),
            fix=f"write it, in at most {LONGEST}",
        )
    return Task(aim=Aim.SPEC, spec=text)


def shown(project: Project, old: bytes | None, draft: "Draft") -> Iterator[str]:
    """Yield all that would be written, as a diff."""
    files = {
        project.plan: (old or b"", draft.plan),
        **{project.path(name): (b"", data) for name, data in draft.files.items()},
    }
    for path, sides in files.items():
        before, now = (side.decode("utf-8", "replace").splitlines() for side in sides)
        yield from unified_diff(
            before, now, f"a/{path}" if sides[0] else "/dev/null", f"b/{path}", lineterm=""
        )


def after(project: Project, draft: "Draft", task: "Task") -> Iterator[str]:
    yield f"wrote   {', '.join((project.plan, *map(project.path, draft.files)))}"
    if draft.files:
        yield f"next    git add {' '.join(draft.files)} && git commit"
    if task.feature:
        yield (
            f"next    nightlatch retry {plain(task.feature.id)}, if it was given up: it runs again"
            " once all of these pass"
        )
    yield "next    nightlatch run"
