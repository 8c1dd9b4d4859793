"""`schema`: the JSON Schemas that ship with the package, for editors and scripts."""

import click

from nightlatch import data

NAMES = {"note": "note.json", "plan": "prd.json", "phase": "phase.json", "judge": "judge.json"}


@click.command(epilog="Example: nightlatch schema > prd.schema.json")
@click.argument("name", type=click.Choice(list(NAMES)), default="plan")
def command(name: str) -> None:
    """Print a JSON Schema (draft 2020-12): of the plan (the default), of a note, of an agent's
    phase.json, of a judge's answer."""
    click.echo(data.text("schema", NAMES[name]), nl=False)
