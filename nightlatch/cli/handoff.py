"""`handoff`: the restart note of a feature, for a person, an issue or a pull request."""

import json
from pathlib import Path

import click

from nightlatch.core import handoff
from nightlatch.edge import look
from nightlatch.edge.house import House, find_house, require_plan


@click.command(epilog="Example: nightlatch handoff US-004 | gh issue comment 12 --body-file -")
@click.argument("feature")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all of it.")
def command(feature: str, as_json: bool) -> None:
    """Print the restart note of FEATURE as Markdown: what is wanted, what is done and known, and what is next."""
    house = require_plan(find_house(Path.cwd()))
    name, text = restart_note(house, look.with_commit(house), feature)
    click.echo(json.dumps({"schema": "nightlatch/handoff/1", "feature": name, "text": text}, indent=2) if as_json else text, nl=as_json)


def restart_note(house: House, seen: look.View, feature: str) -> tuple[str, str]:
    """The feature's id, and its note as the record stands."""
    from nightlatch.edge.session import remembered, touched

    found = seen.survey.find(feature)
    past = seen.history.of(found)
    known = remembered(house, seen.tip, found, past, house.findings(seen.tip, {}), handoff.MOST)
    carried = sorted(touched(house.repo, found, past)) if past.carried else []
    return found.id, handoff.note(found, past, seen.history.phases_of(found), known, carried, seen.tip)
