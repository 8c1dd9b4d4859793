"""`events`: what a session's agent thought, said and did, as a stream. Writes nothing."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from nightlatch.errors import UsageError
from nightlatch.journal import transcripts_io
from nightlatch.model.models import Usage
from nightlatch.project.project import find_project
from nightlatch.util.text import plain


@click.command(epilog="Example: nightlatch events r-20261120-220100-s03 --follow --json")
@click.argument("session")
@click.option("--follow", is_flag=True, help="Keep streaming until the session ends.")
@click.option(
    "--since",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Only events after number N.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a line, with the raw line that it came from.",
)
def command(session: str, *, follow: bool, since: int, as_json: bool) -> None:
    """Stream the log of SESSION: each thought, call and result once, in order, numbered from 1."""
    project = find_project(Path.cwd())
    over = partial(transcripts_io.over, project, session)
    # One that has not begun to speak is waited for.
    if transcripts_io.path(project, session) is None and (not follow or over()):
        raise UsageError(
            f"transcript of session {plain(session, 60)} not found on this machine",
            fix="nightlatch log",
        )
    for one in transcripts_io.heard(project, session, over if follow else lambda: True):
        if one.number > since:
            click.echo(
                to_json(one)
                if as_json
                else f"{one.number:>6} {one.event.kind:<11} {plain(one.event.text)}"
            )


def to_json(one: transcripts_io.Heard) -> str:
    event = one.event
    data = {
        name: asdict(value) if isinstance(value, Usage) else value
        for name, value in event.data.items()
    }
    body = {
        "n": one.number,
        "kind": event.kind.value,
        "text": event.text,
        "data": data,
        "raw": one.raw,
    }
    return json.dumps({"schema": "nightlatch/event/1", **body})
