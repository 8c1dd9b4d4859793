"""`sync`: moves the person's checkout to the tip of the branch, as far as their edits let it."""

from pathlib import Path

import click

from nightlatch.core.text import plain
from nightlatch.edge import checkout, look
from nightlatch.edge.checkout import Synced
from nightlatch.edge.house import find_house
from nightlatch.errors import RepoError


@click.command(epilog="Example: nightlatch sync")
def command() -> None:
    """Move your checkout to the tip of the branch. What you edited is kept, with what landed in
    it; conflicts are named."""
    house = find_house(Path.cwd())
    seen = look.with_commit(house)
    if seen.head is None or seen.head != seen.branch:
        problem = (
            f"the checkout is on {seen.head or 'no branch'}, and the plan lands on"
            f" {seen.branch or 'none yet'}"
        )
        raise RepoError(
            problem, place=str(house.repo.top), fix=f"git switch {seen.branch or 'main'}"
        )
    synced = Synced()
    if seen.behind:
        synced = checkout.sync(
            house.repo, seen.branch, seen.tip, seen.tip, texts=house.texts, logs=(house.progress,)
        )
    for path in synced.conflicts:
        click.echo(f"your edit and what landed change the same lines: {plain(path)}")
    for path in synced.stays:
        click.echo(f"stays as you edited it: {plain(path)}")
    left = bool(synced.conflicts or synced.stays)
    click.echo(f"your checkout is {'nearly ' * left}at the tip of {seen.branch}, {seen.tip[:9]}")
    if synced.conflicts:
        click.echo(
            "git status names the conflicts; git checkout --ours FILE takes what landed, --theirs"
            " yours; then git add FILE"
        )
    if synced.stays:
        click.echo("for the rest: commit or put back your edits, then sync again")
