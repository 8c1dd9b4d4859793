"""`doctor`: everything that would stop the night, each with its fix, and a forecast of what
will prove each feature."""

import json
from dataclasses import asdict
from pathlib import Path
from time import monotonic

import click

from nightlatch.core.forecast import Finding, Level
from nightlatch.core.text import plain
from nightlatch.edge import doctor
from nightlatch.edge.console import Console
from nightlatch.edge.house import find_house

FORECAST = ("prove", "cost", "overhead")  # topics of the forecast that are no feature's


@click.command(
    epilog="Example: nightlatch doctor --json | jq '.findings[] | select(.level == \"FAIL\")'"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--notify",
    is_flag=True,
    help="Only send a test through every channel of [notify], and say what came of it.",
)
def command(as_json: bool, notify: bool) -> int:
    """Look at git, plan, checks, sandbox, agents, disk and the branch's own tests, and say what
    will prove each feature.

    What would stop the night comes first, then what is worth knowing, then the forecast. Calls each
    agent with one word, which it may bill. Ends with 1 if something would stop the night.
    """
    found, house, began = [], find_house(Path.cwd()), monotonic()
    console = Console(hide=house.secrets.hide)
    for finding in doctor.notified(house) if notify else doctor.examine(house, console):
        found.append(finding)
        console.alive(monotonic() - began, f"looked at {finding.topic}")
    console.rest()
    bad = any(finding.level is Level.FAIL for finding in found)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "schema": "nightlatch/doctor/1",
                    "ok": not bad,
                    "findings": [asdict(one) for one in found],
                },
                indent=2,
            )
        )
    else:
        for finding in sorted(found, key=order):
            show(finding)
        click.echo("something would stop the night" if bad else "nothing would stop the night")
    return int(bad)


def order(finding: Finding) -> int:
    """What fails, what is worth knowing, the forecast, and what is fine."""
    forecast = bool(finding.proof) or finding.topic in FORECAST
    return (
        0
        if finding.level is Level.FAIL
        else 2
        if forecast
        else 1
        if finding.level is Level.WARN
        else 3
    )


def show(finding: Finding) -> None:
    click.echo(f"{finding.level:<5} {finding.topic}: {plain(finding.says)}")
    if finding.fix:
        click.echo(f"      fix: {plain(finding.fix)}")
