"""`wake`: go on with a session that died."""

from pathlib import Path

import click

from nightlatch.cli import Program
from nightlatch.core.models import LANDS
from nightlatch.core.progress import SESSION_WORDS, Entry, parse
from nightlatch.core.text import plain
from nightlatch.edge import journal, look
from nightlatch.edge.house import House, find_house, require_plan
from nightlatch.edge.site import Options
from nightlatch.errors import UsageError


@click.command(epilog="Example: nightlatch wake r-20261120-220100-s03")
@click.argument("session")
@click.option("--agent", metavar="NAME", help="Use this agent instead of the configured ones.")
@click.pass_obj
def command(program: Program, /, session: str, *, agent: str | None) -> int:
    """Continue SESSION in a fresh workspace: from what it left or its last snapshot, with the
    end of its transcript in the brief.

    \b
    Any machine can that has the repository, its refs/nightlatch/* and the folder .nightlatch.
    """
    flags: dict[str, object] = {"agent": (agent,)} if agent else {}
    house = require_plan(find_house(Path.cwd(), flags))
    options = Options(once=True, feature=feature_of(house, session), wake=session, flags=flags)
    return program.loop(options) if program.loop else 0


def feature_of(house: House, session: str) -> str:
    """What a session worked on: by the journal while it is in flight, by the record afterwards.
    UsageError where nobody knows."""
    flight = journal.load(house.state / journal.NAME)[0].flight
    if flight and flight.session == session:
        return flight.feature
    seen = look.with_commit(house)
    for item in reversed(parse(house.progress_text(seen.tip))):
        own = isinstance(item, Entry) and item.word in SESSION_WORDS and item.details[-1:]
        if isinstance(item, Entry) and own and own[0].startswith(f"session {session} "):
            if item.word in LANDS:
                raise UsageError(
                    f"{plain(session, 60)} has landed, so there is nothing to wake",
                    fix="nightlatch status",
                )
            return item.feature
    raise UsageError(
        f"no session is called {plain(session, 60)}", place=house.progress, fix="nightlatch log"
    )
