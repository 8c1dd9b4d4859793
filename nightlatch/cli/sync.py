"""`sync`: moves the person's checkout to the tip of the branch, as far as their edits let it."""

from pathlib import Path

import click

from nightlatch.errors import RepoError
from nightlatch.git import checkout
from nightlatch.git.checkout import SyncResult
from nightlatch.project.project import find_project
from nightlatch.report import status_io
from nightlatch.util.text import plain


@click.command(epilog="Example: nightlatch sync")
def command() -> None:
    """Move your checkout to the tip of the branch. Your edits are kept and merged with what landed;
    conflicts are named."""
    project = find_project(Path.cwd())
    seen = status_io.with_commit(project)
    if seen.head is None or seen.head != seen.branch:
        problem = (
            f"the checkout is on {seen.head or 'no branch'}, and the plan lands on"
            f" {seen.branch or 'none yet'}"
        )
        raise RepoError(
            problem, place=str(project.repo.top), fix=f"git switch {seen.branch or 'main'}"
        )
    synced = SyncResult()
    if seen.behind:
        synced = checkout.sync(
            project.repo,
            seen.branch,
            seen.tip,
            seen.tip,
            texts=project.texts,
            logs=(project.progress,),
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
