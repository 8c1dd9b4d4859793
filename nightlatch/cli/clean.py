"""`clean`: what could go, and with --yes its removal."""

import json
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import click

from nightlatch.errors import UsageError
from nightlatch.loop import cleanup
from nightlatch.loop.cleanup import KINDS, Removable
from nightlatch.project.project import find_project
from nightlatch.util import fs
from nightlatch.util.text import plain
from nightlatch.util.units import duration

SHOWN = 5


@click.command(epilog="Example: nightlatch clean --older 14d --yes")
@click.option(
    "--older",
    default="30d",
    show_default=True,
    metavar="AGE",
    help="Only what has not been touched for this long.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Keep this many of the newest candidates, whatever their age.",
)
@click.option("--yes", is_flag=True, help="Remove it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(*, older: str, keep: int, yes: bool, as_json: bool) -> None:
    """Show what old sessions left and nothing needs any more; with --yes remove it. Carried, held
    and running work always stays."""
    try:
        before = time.time() - duration(older)
    except ValueError:
        raise UsageError(
            f"--older {plain(older, 40)} is not a duration", fix='give one such as "14d" or "12h"'
        ) from None
    project = find_project(Path.cwd())
    # A run that starts meanwhile would need what is being removed; a look disturbs nobody.
    with fs.Lock(project.state / "lock") if yes and project.state.is_dir() else nullcontext():
        found = list(cleanup.leftovers(project, before, keep))
        for one in found if yes else ():
            cleanup.remove(project, one)
    if as_json:
        listed = [{"kind": one.kind, "name": one.name, "bytes": one.size} for one in found]
        click.echo(
            json.dumps({"schema": "nightlatch/clean/1", "removed": yes, "found": listed}, indent=2)
        )
    else:
        tell(found, yes=yes)


def tell(found: Sequence[Removable], *, yes: bool) -> None:
    for kind, says in KINDS.items():
        own = [one for one in found if one.kind == kind]
        if own:
            click.echo(
                f"{len(own):>6} {kind:<12} {sum(one.size for one in own) / 1e6:>8.1f} MB  {says}"
            )
            click.echo("".join(f"         {plain(one.name)}\n" for one in own[:SHOWN]), nl=False)
            click.echo(
                f"         and {len(own) - SHOWN} more\n" if len(own) > SHOWN else "", nl=False
            )
    if not found:
        click.echo("nothing is left over")
    elif yes:
        click.echo("removed")
    else:
        click.echo("nothing was removed; to remove it: nightlatch clean --yes")
