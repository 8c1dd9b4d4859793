"""`watch`: the run at work as a live screen that only reads; plain lines where there is no
terminal."""

import json
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from nightlatch.cli import control, log
from nightlatch.errors import NightlatchError
from nightlatch.project.project import find_project, require_plan
from nightlatch.report.live import RunSnapshot, news, rows
from nightlatch.report.live_io import SnapshotReader
from nightlatch.util.text import plain

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

EVERY = 0.5
STYLES = {
    "RUNNING": "bold green",
    "PAUSED": "bold yellow",
    "PAUSING": "bold yellow",
    "STOPPING": "bold yellow",
    "NO RUN": "bold red",
    "landed": "green",
    "unproved": "yellow",
    "rejected": "red",
    "failed": "red",
    "held": "yellow",
    "blocked": "yellow",
    "note": "bold",
}


@click.command(epilog="Example: nightlatch watch")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a line for everything that happens, on a terminal too.",
)
def command(*, as_json: bool) -> None:
    """Watch the run: what it does, since when, what it cost, what landed, what is next.

    Leave it whenever you like: the run goes on. The keys p and s stand for the commands pause,
    resume and stop. Without a terminal it prints a line for everything that happens. It ends with
    the run.
    """
    watcher = SnapshotReader(project=require_plan(find_project(Path.cwd())))
    # Rows go to the one and keys come from the other.
    terminal = (
        sys.stdin.isatty()
        and sys.stdout.isatty()
        and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    )
    first = watcher.look()
    if as_json:
        printed(watcher, first, as_json=True)
        return
    if first.unread:
        click.echo(plain(first.unread), err=True)
    last = first if first.process is None else (screen if terminal else printed)(watcher, first)
    if last.process is None and (terminal or first.process is None):
        click.echo(last.ending)


def printed(watcher: SnapshotReader, scene: RunSnapshot, *, as_json: bool = False) -> RunSnapshot:
    """Print a line for everything new, until the run is gone."""
    before: RunSnapshot | None = None
    while True:
        for word, text in news(before, scene):
            click.echo(
                to_json_line(scene, word, text)
                if as_json
                else f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {word:<11} {plain(text)}"
            )
        sys.stdout.flush()
        if scene.process is None:
            return scene
        select.select([], [], [], EVERY)
        before, scene = scene, looked(watcher, scene)[0]


def to_json_line(scene: RunSnapshot, word: str, text: str) -> str:
    work = scene.work
    return json.dumps(
        {
            "schema": "nightlatch/watch/1",
            "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "event": word,
            "says": text,
            "run": scene.run.name,
            "branch": scene.run.branch,
            "process": scene.process,
            "session": work.session if work else "",
            "feature": work.feature if work else "",
            "agent": work.agent if work else "",
            "phase": work.phase if work else "",
            "passing": scene.features.passing,
            "total": scene.features.total,
            "waiting": scene.features.waiting,
            "spent": scene.run.spent,
            "unread": scene.unread,
        }
    )


def looked(watcher: SnapshotReader, before: RunSnapshot) -> tuple[RunSnapshot, str]:
    """Return the scene now; where the plan cannot be read for the moment, the one before and
    why."""
    try:
        return (scene := watcher.look()), plain(scene.unread)
    except NightlatchError as error:
        return replace(before, now=datetime.now(UTC)), plain(str(error).splitlines()[0])


def screen(watcher: SnapshotReader, scene: RunSnapshot) -> RunSnapshot:
    """Show the live screen, until the run is gone or the person leaves."""
    from rich.console import Console
    from rich.live import Live

    # the terminal knows its size better than the variables of the shell that was resized
    environment = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")
    }
    note, console = "", Console(_environ=environment)
    with keyboard(), Live(console=console, screen=True, auto_refresh=False) as live:
        while scene.process is not None:
            live.update(picture(scene, console.width, note), refresh=True)
            if key := pressed():
                if key in "q\x03":
                    break
                note = obeyed(watcher, scene, live, key)
            scene, problem = looked(watcher, scene)
            note = problem or note
    return scene


def picture(scene: RunSnapshot, width: int, note: str = "") -> "Group":
    """Return the rows with their colours, none of which says more than its word; a row that is too
    wide for the terminal is cut, not folded."""
    from rich.console import Group
    from rich.text import Text

    lines = [
        ((word, STYLES.get(word.strip(), "bold")), f" {rest}")
        for word, rest in rows(scene, width, note)
    ]
    return Group(*(Text.assemble(*parts, no_wrap=True, overflow="ellipsis") for parts in lines))


def obeyed(watcher: SnapshotReader, scene: RunSnapshot, live: "Live", key: str) -> str:
    """Carry out what a key asks for by the command of that name, and return its message."""
    name = {"p": "resume" if scene.wish == "pause" else "pause", "s": "stop", "l": "log"}.get(key)
    # The page has the terminal to itself, and the screen is drawn anew behind it.
    if name == "log":
        live.stop()
        log.command.main(["-n", "12"], standalone_mode=False)
        click.echo("any key goes back")
        while not pressed():
            pass
        live.start(refresh=True)
        return ""
    try:
        return (
            control.wish(watcher.project, name)
            if name
            else "p pause or resume, s stop after this session, l log, q leave"
        )
    except NightlatchError as error:
        return error.problem


def pressed() -> str:
    """Return the key that is pressed within half a second, "" for none; a terminal that is gone is
    left."""
    if not select.select([sys.stdin], [], [], EVERY)[0]:
        return ""
    return os.read(sys.stdin.fileno(), 1).decode("ascii", "replace") or "q"


@contextmanager
def keyboard() -> Iterator[None]:
    """Keys come one by one and unseen; whatever ends the screen gives the terminal back as it
    was."""

    def leave(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = termios.tcgetattr(sys.stdin)
    handlers = {kind: signal.signal(kind, leave) for kind in (signal.SIGTERM, signal.SIGHUP)}
    # After the handlers: a signal in between would leave a terminal that shows no keys.
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        for kind, handler in handlers.items():
            signal.signal(kind, handler)
