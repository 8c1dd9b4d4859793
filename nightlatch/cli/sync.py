"""`sync`: moves the person's checkout to the tip of the branch, as far as their edits let it."""

from collections.abc import Iterator
from pathlib import Path

import click

from nightlatch.errors import RepoError
from nightlatch.git import checkout
from nightlatch.git.checkout import SyncResult
from nightlatch.project.project import find_project
from nightlatch.report import status_io
from nightlatch.report.status_io import ProjectStatus
from nightlatch.util.text import plain


@click.command(epilog="Example: nightlatch sync")
def command() -> None:
    """Move your checkout to the tip of the branch. Your edits are kept and merged with what landed;
    conflicts are named."""
    project = find_project(Path.cwd())
    status = status_io.with_commit(project)
    if status.head is None or status.head != status.branch:
        problem = (
            f"the checkout is on {status.head or 'no branch'}, and the plan lands on"
            f" {status.branch or 'none yet'}"
        )
        raise RepoError(
            problem, place=str(project.repo.top), fix=f"git switch {status.branch or 'main'}"
        )
    synced = SyncResult()
    if status.behind:
        synced = checkout.sync(
            project.repo,
            status.branch,
            status.tip,
            status.tip,
            texts=project.texts,
            logs=(project.progress,),
        )
    for line in outcome(synced, status):
        click.echo(line)


def outcome(synced: SyncResult, status: ProjectStatus) -> Iterator[str]:
    """Yield what became of the checkout, and what is left to do by hand."""
    for path in synced.conflicts:
        yield f"your edit and what landed change the same lines: {plain(path)}"
    for path in synced.stays:
        yield f"stays as you edited it: {plain(path)}"
    nearly = "nearly " if synced.conflicts or synced.stays else ""
    yield f"your checkout is {nearly}at the tip of {status.branch}, {status.tip[:9]}"
    if synced.conflicts:
        yield (
            "git status names the conflicts; git checkout --ours FILE takes what landed, --theirs"
            " yours; then git add FILE"
        )
    if synced.stays:
        yield "for the rest: commit or put back your edits, then sync again"
