"""`pause`, `resume`, `stop`: what the person asks of the run at work, from any terminal."""

from pathlib import Path

import click

from nightlatch.edge import look, wishes
from nightlatch.edge.house import House, find_house
from nightlatch.errors import UsageError

DOES = {
    "pause": (
        "Let the run at work start no new session until you say resume. The session at work goes on"
        " to its end and lands."
    ),
    "resume": (
        "Let a paused run go on, or one that waits for a usage limit; or take a stop back that the"
        " run has not come to yet."
    ),
    "stop": (
        "End the run after the session that is at work, which goes on to its end and lands. Ctrl-C"
        " would cut it off."
    ),
}


def command(name: str) -> click.Command:
    """The click command of one wish."""
    return click.Command(
        name,
        callback=lambda: click.echo(wish(find_house(Path.cwd()), name)),
        help=DOES[name],
        epilog=f"Example: nightlatch {name}",
    )


def wish(house: House, name: str) -> str:
    """Say it to the run at work; returns what becomes of it. UsageError where no run is."""
    process = look.holder(house)
    if name == "resume":
        wishes.lift(house)
    if process is None and name == "resume":
        return (
            "no run is at work; the next one asks every agent again, whatever usage limit was met:"
            " nightlatch run"
        )
    if process is None:
        raise UsageError(
            f"no run is at work here, so there is nothing to {name}",
            place=str(house.repo.project),
            fix="nightlatch run",
        )
    known = wishes.asked(house, process)
    asks = {"pause": wishes.PAUSE, "stop": wishes.STOP, "resume": wishes.NOTHING}[name]
    if known == wishes.STOP and asks == wishes.PAUSE:
        return (
            f"the run (process {process}) stops after this session already; take that back:"
            " nightlatch resume"
        )
    if known != asks:
        wishes.ask(house, process, asks)
    working = look.last_turn(house).get("feature")
    after = f"after its session on {working}" if working else "now: it is between two sessions"
    told = {"pause": f"pauses {after}", "stop": f"stops {after}", "resume": "goes on"}
    return f"the run (process {process}) {told[name]}"
