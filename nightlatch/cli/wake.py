"""`wake`: go on with a session that died."""

from pathlib import Path

import click

from nightlatch.cli import Program
from nightlatch.errors import UsageError
from nightlatch.journal import file_io
from nightlatch.model.models import LANDS
from nightlatch.project.project import Project, find_project, require_plan
from nightlatch.record.progress import SESSION_WORDS, Entry, parse
from nightlatch.report import status_io
from nightlatch.run.context import Options
from nightlatch.util.text import plain


@click.command(epilog="Example: nightlatch wake r-20261120-220100-s03")
@click.argument("session")
@click.option("--agent", metavar="NAME", help="Use this agent instead of the configured ones.")
@click.pass_obj
def command(program: Program, /, session: str, *, agent: str | None) -> int:
    """Continue SESSION in a fresh workspace: from what it left or its last snapshot, with the
    end of its transcript in the brief.

    \b
    This works on any machine that has the repository, its refs/nightlatch/* and the folder
    .nightlatch.
    """
    flags: dict[str, object] = {"agent": (agent,)} if agent else {}
    project = require_plan(find_project(Path.cwd(), flags))
    options = Options(once=True, feature=feature_of(project, session), wake=session, flags=flags)
    return program.loop(options) if program.loop else 0


def feature_of(project: Project, session: str) -> str:
    """Return what a session worked on: by the journal while it is in flight, by the record
    afterwards. UsageError where nobody knows."""
    # First the journal: what is in flight stands in no record yet.
    flight = file_io.load(project.state / file_io.NAME)[0].flight
    if flight and flight.session == session:
        return flight.feature
    seen = status_io.with_commit(project)
    for item in reversed(parse(project.progress_text(seen.tip))):
        own = isinstance(item, Entry) and item.word in SESSION_WORDS and item.details[-1:]
        if isinstance(item, Entry) and own and own[0].startswith(f"session {session} "):
            if item.word in LANDS:
                raise UsageError(
                    f"{plain(session, 60)} has landed, so there is nothing to wake",
                    fix="nightlatch status",
                )
            return item.feature
    raise UsageError(
        f"session {plain(session, 60)} not found", place=project.progress, fix="nightlatch log"
    )
