"""`schema`: the JSON Schemas that ship with the package, for editors and scripts."""

from importlib.resources import files

import click

NAMES = {"note": "note.json", "plan": "prd.json", "phase": "phase.json", "judge": "judge.json"}


@click.command(epilog="Example: nightlatch schema > prd.schema.json")
@click.argument("name", type=click.Choice(list(NAMES)), default="plan")
def command(name: str) -> None:
    """Print a JSON Schema (draft 2020-12): of the plan, of what an agent leaves at the end of a
    phase, of a judge's answer."""
    click.echo(
        files("nightlatch").joinpath("schema", NAMES[name]).read_text(encoding="utf-8"), nl=False
    )
