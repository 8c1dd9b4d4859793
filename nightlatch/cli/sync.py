"""`sync`: moves the person's checkout to the tip of the branch, as far as their edits let it."""

from pathlib import Path

import click

from nightlatch.core.text import plain
from nightlatch.edge import checkout, look
from nightlatch.edge.house import find_house
from nightlatch.errors import RepoError


@click.command(epilog="Example: nightlatch sync")
def command() -> None:
    """Move your checkout to the tip of the branch. Files that you edited stay as they are and are named."""
    house = find_house(Path.cwd())
    seen = look.with_commit(house)
    if seen.head is None or seen.head != seen.branch:
        problem = f"the checkout is on {seen.head or 'no branch'}, and the plan lands on {seen.branch or 'none yet'}"
        raise RepoError(problem, place=str(house.repo.top), fix=f"git switch {seen.branch or 'main'}")
    stays = checkout.sync(house.repo, seen.branch, seen.tip, seen.tip, texts=(house.plan,)) if seen.behind else ()
    for path in stays:
        click.echo(f"stays as you edited it: {plain(path)}")
    click.echo(f"your checkout is {'nearly ' * bool(stays)}at the tip of {seen.branch}, {seen.tip[:9]}")
    if stays:
        click.echo("for the rest: commit or put back your edits, then sync again")
