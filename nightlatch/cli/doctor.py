"""`doctor`: everything that would stop the night, each with its fix, and a forecast of what
will prove each feature."""

import json
from dataclasses import asdict
from pathlib import Path
from time import monotonic

import click

from nightlatch.preflight import probes_io
from nightlatch.preflight.forecast import Diagnostic, Level
from nightlatch.project.project import find_project
from nightlatch.util.console import Console
from nightlatch.util.text import plain

FORECAST = ("prove", "cost", "overhead")  # topics of the forecast that are no feature's


@click.command(
    epilog="Example: nightlatch doctor --json | jq '.findings[] | select(.level == \"FAIL\")'"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--notify",
    is_flag=True,
    help="Only send a test notification through every channel of [notify], and show the results.",
)
def command(as_json: bool, notify: bool) -> int:
    """Look at git, plan, checks, sandbox, agents, disk and the branch's own tests, and say what
    will prove each feature.

    What would stop the night comes first, then warnings, then the forecast. Each agent is asked for
    a one-word reply, which may cost a little. Exits with 1 if something would stop the night.
    """
    found = []
    project = find_project(Path.cwd())
    began = monotonic()
    console = Console(hide=project.secrets.hide)
    for finding in probes_io.notified(project) if notify else probes_io.examine(project, console):
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


def order(finding: Diagnostic) -> int:
    """Return what fails, what is worth knowing, the forecast, and what is fine."""
    # What has to be done stands first: a person reads the top of a long list.
    if finding.level is Level.FAIL:
        return 0
    if finding.proof or finding.topic in FORECAST:
        return 2
    return 1 if finding.level is Level.WARN else 3


def show(finding: Diagnostic) -> None:
    click.echo(f"{finding.level:<5} {finding.topic}: {plain(finding.says)}")
    if finding.fix:
        click.echo(f"      fix: {plain(finding.fix)}")
