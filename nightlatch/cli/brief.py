"""`brief`: what the next agent will be told about a feature, by the composition that the loop uses."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from nightlatch.core import brief as briefs
from nightlatch.core.progress import patterns
from nightlatch.edge import look, phases
from nightlatch.edge.house import find_house, require_plan
from nightlatch.edge.session import brief_parts, templates


@click.command(epilog="Example: nightlatch brief US-004 --explain")
@click.argument("feature")
@click.option("--explain", is_flag=True, help="Instead of the text: its parts, what was cut, and the bytes of each.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all of it.")
def command(feature: str, explain: bool, as_json: bool) -> None:
    """Print what the next agent on FEATURE will be told, apart from carried work that meets new commits."""
    house = require_plan(find_house(Path.cwd()))
    seen = look.with_commit(house)
    found = seen.survey.find(feature)
    known = patterns(house.progress_text(seen.tip))
    parts = brief_parts(house, seen.tip, found, seen.history.of(found), known, house.findings(seen.tip, {}))
    record = seen.history.phases_of(found)
    parts = phases.briefed(house, parts, phases.stage(house, seen.tip, found, record), record)
    made = briefs.compose(parts, templates(house))
    if as_json:
        click.echo(json.dumps({"schema": "nightlatch/brief/1", "feature": found.id, **asdict(made)}, indent=2))
    elif explain:
        for word, part in (*(("kept", part) for part in made.kept), *(("cut", part) for part in made.cut)):
            click.echo(f"{word:<5} {part.size:>6} bytes  {part.name}")
        click.echo(f"all   {len(made.text.encode()):>6} of {briefs.BUDGET} bytes")
    else:
        click.echo(made.text, nl=False)
