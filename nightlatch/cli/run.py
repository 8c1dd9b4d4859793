"""`run`: work through the plan. The loop itself is loop.py."""

from pathlib import Path

import click

from nightlatch.cli import Program
from nightlatch.core.text import plain
from nightlatch.edge import look
from nightlatch.edge.house import find_house, require_plan
from nightlatch.edge.site import Options

LIMITS = ("until", "budget", "sessions")


@click.command()
@click.option("--once", is_flag=True, help="One session, then stop.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and start and write nothing.")
@click.option("--feature", default="", metavar="ID", help="Work on this feature only.")
@click.option("--until", metavar="07:00", help="Start no session after this local time.")
@click.option("--budget", type=float, metavar="DOLLARS", help="Stop when the agents say that they have cost this much.")
@click.option("--sessions", "--max-iterations", "sessions", type=int, metavar="N", help="Stop after so many sessions.")
@click.option("--stay", is_flag=True, help="With nothing left to run, wait for answers, approvals and new features.")
@click.option("--agent", metavar="NAME", help="Use this agent instead of the configured ones.")
@click.option("--detach", is_flag=True, help="Go on in the background, whatever becomes of this terminal.")
@click.option("--accept-red", is_flag=True, help="Go on although more tests fail on the branch than is usual.")
@click.pass_obj
def command(
    program: Program, /, *, once: bool, dry_run: bool, feature: str, accept_red: bool, stay: bool, detach: bool, agent: str | None,
    **limits: object,
) -> int:  # fmt: skip
    """Work through the plan until nothing is left to run; this is what `python loop.py` does.

    \b
    Example: python loop.py run --until 07:00 --budget 20
    """
    flags: dict[str, object] = {f"limits.{name}": limits[name] for name in LIMITS if limits[name] is not None}
    flags |= {"agent": (agent,)} if agent else {}
    options = Options(once=once, feature=feature, accept_red=accept_red, stay=stay, flags=flags)
    if feature:
        look.view(require_plan(find_house(Path.cwd(), options.flags))).survey.find(feature)
    if dry_run:
        return rehearse(options)
    if detach:
        return background(program, options)
    return program.loop(options) if program.loop else 0


def background(program: Program, options: Options) -> int:
    """Start the run without this terminal, and say how to see and end it; what ends it at once is told here."""
    from nightlatch.edge import detached

    run = detached.detach(require_plan(find_house(Path.cwd(), options.flags)))
    if run.code is not None:
        click.echo(run.said, err=True, nl=False)
        return run.code
    click.echo(f"{run.run} is at work in the background, process {run.process}; it goes on when this terminal closes")
    for does, how in (("watch", f"{program.name} watch"), ("stop", f"{program.name} stop"), ("output", str(run.log))):
        click.echo(f"  {does:<8}{how}")
    return 0


def rehearse(options: Options) -> int:
    """Which features would run, in what order, and why the others would not."""
    seen = look.view(require_plan(find_house(Path.cwd(), options.flags)))
    limits, verb = seen.house.config.limits, "would run"
    for feature, waiting in seen.survey.left:
        if options.feature in ("", feature.id):
            word = verb if waiting is None else "then" if waiting.word == "behind" else "passes over"
            click.echo(f"{word:<12} {plain(feature.id)} {plain(feature.title, 60)}" + (f"   {plain(waiting.says)}" if waiting else ""))
            verb = "then"
    click.echo(f"{'agent':<12} {', '.join(seen.house.config.agent)}")
    click.echo(f"{'limits':<12} {limits.sessions} sessions, {limits.attempts} tries a feature, {limits.session / 60:.0f} minutes a session")
    click.echo("nothing was started or written")
    return 0
