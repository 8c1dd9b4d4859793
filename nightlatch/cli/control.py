"""`pause`, `resume`, `stop`: what the person asks of the run at work, from any terminal."""

from pathlib import Path

import click

from nightlatch.errors import UsageError
from nightlatch.journal import control_io, read_io
from nightlatch.project.project import Project, find_project

DOES = {
    "pause": (
        "Start no new session until `nightlatch resume`. The current session finishes and lands."
    ),
    "resume": (
        "Continue a run that is paused or waits for a usage limit. Also cancels a `nightlatch"
        " stop` that has not taken effect yet."
    ),
    "stop": (
        "End the run after the current session, which finishes and lands. Ctrl-C would cut it off."
    ),
}


def command(name: str) -> click.Command:
    """The click command of one wish."""
    return click.Command(
        name,
        callback=lambda: click.echo(wish(find_project(Path.cwd()), name)),
        help=DOES[name],
        epilog=f"Example: nightlatch {name}",
    )


def wish(project: Project, name: str) -> str:
    """Say it to the run at work; returns what becomes of it. UsageError where no run is."""
    process = read_io.holder(project)
    # Also without a run: a usage limit that was met is asked about again.
    if name == "resume":
        control_io.lift(project)
    if process is None and name == "resume":
        return (
            "no run is going; the next one tries every agent again, whatever usage limit was"
            " reached: nightlatch run"
        )
    if process is None:
        raise UsageError(
            f"no run is going here, so there is nothing to {name}",
            place=str(project.repo.folder),
            fix="nightlatch run",
        )
    known = control_io.asked(project, process)
    asks = {"pause": control_io.PAUSE, "stop": control_io.STOP, "resume": control_io.NOTHING}[name]
    # The one file holds one wish: a pause would take back the stop without a word.
    if known == control_io.STOP and asks == control_io.PAUSE:
        return (
            f"the run (process {process}) already stops after this session; to cancel that:"
            " nightlatch resume"
        )
    if known != asks:
        control_io.ask(project, process, asks)
    working = read_io.last_turn(project).get("feature")
    after = f"after its session on {working}" if working else "now: it is between two sessions"
    told = {"pause": f"pauses {after}", "stop": f"stops {after}", "resume": "goes on"}
    return f"the run (process {process}) {told[name]}"
