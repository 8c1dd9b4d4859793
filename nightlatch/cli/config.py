"""`config`: every setting in force, as TOML, and on request where each comes from."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from nightlatch.project.config.settings import items
from nightlatch.project.project import find_project


@click.command(epilog="Example: nightlatch config --show-origin | grep limits")
@click.option(
    "--show-origin",
    is_flag=True,
    help="Show where each value comes from: default, loop.toml, env or flag.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the origins.")
def command(show_origin: bool, as_json: bool) -> None:
    """Print every setting in force, as TOML.

    Environment variables (NIGHTLATCH_LIMITS_ATTEMPTS=5) override loop.toml, which overrides the
    defaults.
    """
    settings = list(items(find_project(Path.cwd()).config))
    if as_json:
        table = {name: {"value": value, "origin": origin} for name, value, origin in settings}
        click.echo(json.dumps({"schema": "nightlatch/config/1", "settings": table}, indent=2))
        return
    for name, value, origin in settings:
        click.echo(f"{name} = {toml(value)}" + (f"  # {origin}" if show_origin else ""))


def toml(value: object) -> str:
    """Return a value on one line; JSON's strings, numbers and arrays are TOML's as well."""
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{json.dumps(name)} = {toml(inner)}" for name, inner in value.items())
            + "}"
        )
    return json.dumps(value, ensure_ascii=False)
