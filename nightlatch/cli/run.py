"""`run`: work through the plan. The loop itself is loop.py."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from nightlatch.cli import Program
from nightlatch.journal import inbox_io, read_io
from nightlatch.preflight.forecast import Level, dollars
from nightlatch.project.config.settings import Config
from nightlatch.project.project import find_project, require_plan
from nightlatch.report import status_io
from nightlatch.report.status_io import ProjectStatus
from nightlatch.run.context import Options
from nightlatch.scheduler import policy
from nightlatch.util.text import plain

LIMITS = ("until", "budget", "sessions")


def dollars_of(_ctx: click.Context, _param: click.Parameter, said: str | None) -> float | None:
    """Return the dollars of --budget, which must be more than 0: an unquoted $20 reaches the
    program as 0."""
    try:
        dollars = None if said is None else float(said.removeprefix("$"))
    except ValueError as error:
        raise click.BadParameter(
            f"{said!r} is not an amount in dollars, such as --budget 20"
        ) from error
    if dollars is not None and not dollars > 0:
        raise click.BadParameter(
            "it must be more than 0; write --budget 20 without a dollar sign, for the shell takes"
            " $2 for a variable"
        )
    return dollars


@click.command()
@click.option("--once", is_flag=True, help="One session, then stop.")
@click.option(
    "--dry-run", is_flag=True, help="Show what would happen, without starting or writing anything."
)
@click.option("--feature", default="", metavar="ID", help="Work on this feature only.")
@click.option("--until", metavar="07:00", help="Start no session after this local time.")
@click.option(
    "--budget",
    metavar="DOLLARS",
    callback=dollars_of,
    help="Stop when the agents report this much cost.",
)
@click.option(
    "--sessions",
    "--max-iterations",
    "sessions",
    type=int,
    metavar="N",
    help="Stop after so many sessions.",
)
@click.option(
    "--stay",
    is_flag=True,
    help="When nothing is left to run, wait for answers, approvals and new features.",
)
@click.option("--agent", metavar="NAME", help="Use this agent instead of the configured ones.")
@click.option(
    "--detach", is_flag=True, help="Run in the background; closing the terminal does not stop it."
)
@click.option(
    "--accept-red", is_flag=True, help="Run even though many tests already fail on the branch."
)
@click.pass_obj
def command(
    program: Program,
    /,
    *,
    once: bool,
    dry_run: bool,
    feature: str,
    accept_red: bool,
    stay: bool,
    detach: bool,
    agent: str | None,
    **limits: object,
) -> int:
    """Work through the plan until nothing is left to run; this is what `python loop.py` does.

    \b
    Example: python loop.py run --until 07:00 --budget 20
    """
    flags: dict[str, object] = {
        f"limits.{name}": limits[name] for name in LIMITS if limits[name] is not None
    }
    flags |= {"agent": (agent,)} if agent else {}
    options = Options(once=once, feature=feature, accept_red=accept_red, stay=stay, flags=flags)
    # Before the run begins: an unknown feature must not be the end of a process in the background.
    if feature:
        status_io.view(require_plan(find_project(Path.cwd(), options.flags))).survey.find(feature)
    if dry_run:
        return rehearse(options)
    if detach:
        return background(program, options)
    return program.loop(options) if program.loop else 0


def background(program: Program, options: Options) -> int:
    """Start the run without this terminal, and say how to see and end it; what ends it at once is
    told here."""
    from nightlatch.loop import detach as detached

    run = detached.detach(require_plan(find_project(Path.cwd(), options.flags)))
    if run.code is not None:
        click.echo(run.said, err=True, nl=False)
        return run.code
    click.echo(
        f"{run.run} is running in the background, process {run.process}; it goes on when this"
        " terminal closes"
    )
    for does, how in (
        ("watch", f"{program.name} watch"),
        ("stop", f"{program.name} stop"),
        ("output", str(run.log)),
    ):
        click.echo(f"  {does:<8}{how}")
    return 0


def rehearse(options: Options) -> int:
    """Return what a run that begins now would meet, do first and work on, in what order, and why it
    would not."""
    from nightlatch.preflight import checks_io

    project = require_plan(find_project(Path.cwd(), options.flags))
    status_io.view(project)  # a plan that cannot be read ends this as it ends a run
    seen, found = checks_io.before(project)
    answer = policy.decide(
        seen.plan,
        seen.history,
        checks_io.budget(seen, options.feature, once=options.once),
        datetime.now(UTC),
    )
    for word, text in (*first(seen), *work(seen, options, answer)):
        click.echo(f"{word:<12} {text}")
    for one in found:
        # The plan's own reason to stop is said above.
        if one.level is Level.FAIL and one.topic != "plan":
            click.echo(f"{'would stop':<12} {plain(one.says)}; fix: {plain(one.fix)}")
    for word, text in terms(seen.project.config, once=options.once):
        click.echo(f"{word:<12} {text}")
    click.echo("nothing was started or written")
    return 0


def first(seen: ProjectStatus) -> Iterator[tuple[str, str]]:
    """Yield what comes before any session."""
    project, process = seen.project, read_io.holder(seen.project)
    if process is not None:
        yield "would stop", f"another run is already going here (process {process})"
    turn = read_io.last_turn(project)
    if process is None and turn.get("event") == "session.started":
        yield "first", f"what was cut off at {plain(str(turn.get('feature')), 60)} is finished"
    if seen.tip and project.repo.read(seen.tip, project.plan) != project.worktree_plan():
        yield "first", f"your edits of {project.plan} become a commit of their own"
    yield from (
        ("first", f"{said.verb} {plain(said.feature, 60)}, as you decided")
        for _, said in inbox_io.waiting(project)
    )


def work(
    status: ProjectStatus, options: Options, answer: policy.Decision
) -> Iterator[tuple[str, str]]:
    """Yield the features in the order of work, each with what keeps it."""
    chosen = rule = ""
    match answer:
        case policy.Choice():
            chosen, rule = answer.feature.id, answer.rule
        case policy.Stop():
            yield "would stop", f"{plain(answer.why)} (exit code {answer.code})"
        case _:
            yield "would wait", plain(answer.why)
    for feature, waiting in status.survey.left:
        name = f"{plain(feature.id)} {plain(feature.title, 60)}"
        if feature.id == chosen:
            yield "would run", f"{name}: {plain(rule)}"
        elif options.feature not in ("", feature.id):
            continue
        elif waiting is None:
            yield "then", name
        else:
            word = "then" if waiting.word == "behind" else "passes over"
            yield word, f"{name}   {plain(waiting.says)}"


def terms(config: Config, *, once: bool) -> Iterator[tuple[str, str]]:
    """Yield who works, and how long."""
    limits = config.limits
    each = f"{limits.attempts} tries a feature, {limits.session / 60:.0f} minutes a session"
    until = [f"until {limits.until}"] if limits.until else []
    yield "agent", ", ".join(map(plain, config.agent))
    yield (
        "limits",
        ", ".join(
            (
                "1 session" if once else f"{limits.sessions} sessions",
                each,
                *until,
                *dollars(limits).values(),
            )
        ),
    )
