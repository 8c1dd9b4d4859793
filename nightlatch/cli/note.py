"""`note`: what is known, said and seen by agents, the loop and you."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import click

from nightlatch import data
from nightlatch.agents import note_cli
from nightlatch.errors import BusyError, FaultError, FindingError, UsageError
from nightlatch.journal import read_io
from nightlatch.project import discovery
from nightlatch.record.findings.findings import Finding
from nightlatch.util.text import harmless, plain

ANY = {"ignore_unknown_options": True, "help_option_names": []}


class Notes(click.Group):
    """`list`, `show` and `lint` look; every other word is said as agents say it."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in note_cli.WORDS:
            return super().get_command(ctx, cmd_name)
        words = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
        return click.Command(
            cmd_name, params=[words], callback=saying(cmd_name), context_settings=dict(ANY)
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*note_cli.WORDS, *super().list_commands(ctx)]


@click.group(
    cls=Notes,
    epilog='Example: nightlatch note open "Why is the second page slow?" --cite src/page.py:10-20',
)
def command() -> None:
    """Write down what you found out, or see what is known. A note from a workspace counts once the
    loop has checked it; a note of yours counts at once."""


def saying(word: str) -> Callable[..., int]:
    def callback(words: tuple[str, ...]) -> int:
        # In a workspace it is an agent that speaks: its words go to the loop, which checks them
        # first.
        if os.environ.get("NIGHTLATCH_OUT") or "--help" in words:
            return note_cli.main(["note", word, *words], os.environ)
        try:
            note = note_cli.read([word, *words])
        except ValueError as error:
            raise UsageError(
                str(error), place=f"note {word}", fix=f"nightlatch note {word} --help"
            ) from error
        click.echo(record_note(note))
        return 0

    return callback


def record_note(note: dict[str, object]) -> str:
    """Leave the person's note for the loop, or write it at once where no run is going."""
    from nightlatch.cli.decide import carry_out, progress_of
    from nightlatch.journal import inbox_io
    from nightlatch.project.project import find_project, require_plan
    from nightlatch.record.findings.notes import name_of
    from nightlatch.report import status_io

    project = require_plan(find_project(Path.cwd()))
    seen = status_io.with_commit(project)
    feature = seen.survey.find(str(note["feature"])).id if "feature" in note else ""
    against = str(note.get("challenge", ""))
    if against and against not in {finding.id for finding in project.findings(seen.tip, {})}:
        raise FindingError(f"finding {against!r} not found", fix="nightlatch note list")
    # The first note may come before the first run, which otherwise makes it.
    discovery.state_folder(project)
    left = inbox_io.leave(
        project,
        "note",
        feature,
        json.dumps({**note, **({"feature": feature} if feature else {})}),
        datetime.now(UTC),
    )
    if read_io.holder(project) is None:
        with suppress(FaultError, BusyError):  # the next run can do what this machine cannot do now
            carry_out(project)
    return (
        f"{against or name_of(left.id)}: {'challenge' if against else 'note'}"
        f" {progress_of(project, left.id)}"
    )


@command.command(name="list")
@click.option("--feature", metavar="F", help="Of this feature only.")
@click.option("--state", metavar="S", help="verified, rejected, open, blocked or stale.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all of it.")
def listing(feature: str | None, state: str | None, *, as_json: bool) -> None:
    """List the findings on record, oldest first. A finding whose cited code has changed since is
    stale."""
    told = [
        each
        for each in list_findings()
        if feature in (None, each["feature"]) and state in (None, each["state"])
    ]
    if as_json:
        click.echo(json.dumps({"schema": "nightlatch/notes/1", "findings": told}, indent=2))
        return
    if not told:
        click.echo("no such finding yet" if feature or state else "no finding yet", err=True)
    for each in told:
        shown = (
            f"{each['id']} {each['state']:<8} {each['by']:<6} {each['feature'] or '-'}"
            f" {each['claim']}"
        )
        click.echo(plain(shown, 200))
    if waiting := sum(not each["recorded"] for each in told):
        click.echo(
            f"{waiting} of them not on record yet, and nothing of it run: the loop does so when"
            " their session is over",
            err=True,
        )


@command.command(epilog="Example: nightlatch note show N-7f3k2aa")
@click.argument("name", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all of it.")
def show(name: str, *, as_json: bool) -> None:
    """Print everything that was said about one finding: its file first, then its present state."""
    found = next((each for each in list_findings(name) if each["id"] == name), None)
    if found is None:
        raise FindingError(f"finding {name!r} not found", fix="nightlatch note list")
    if as_json:
        click.echo(json.dumps({"schema": "nightlatch/note/1", **found}, indent=2))
        return
    for line in str(found["file"]).splitlines():
        if not line.startswith("output = "):  # below, as it was printed
            click.echo(plain(line))
    printed = cast("list[dict[str, str]]", found["printed"])
    for each in printed:
        click.echo(plain(f"\n# {each['of']}:"[1:]))
        click.echo(
            harmless("".join(f"#   {line}\n" for line in each["output"].splitlines())), nl=False
        )
    click.echo(plain(f"\n# {found['state']}{': ' if found['stands'] else ''}{found['stands']}"[1:]))


@command.command(name="lint", epilog="Example: nightlatch note lint US-004")
@click.argument("name", metavar="FILE|F")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all of it.")
def lint(name: str, *, as_json: bool) -> int:
    """Say whether somebody could go on from a restart note alone: from a file, or from the note
    that `handoff F` writes. 1: not so."""
    from nightlatch.prompt.handoff.lint import lint as flaws_of

    table = data.table("shipped", "lint.toml")
    text = note_of(name)
    stale = {str(each["id"]) for each in list_findings() if each["state"] == "stale"}
    flaws = [
        {"rule": each.rule, "says": table["rules"][each.rule], "at": each.at}
        for each in flaws_of(text, table["words"], stale)
    ]
    if as_json:
        click.echo(
            json.dumps(
                {"schema": "nightlatch/lint/1", "operational": not flaws, "flaws": flaws}, indent=2
            )
        )
    else:
        for each in flaws:
            click.echo(
                plain(f"{each['rule']:<20} {each['says']}{': ' if each['at'] else ''}{each['at']}")
            )
        click.echo("" if flaws else "operational\n", nl=False)
    return int(bool(flaws))


def note_of(name: str) -> str:
    """Return the text of a file, or else the restart note of a feature."""
    if (file := Path(name)).is_file():
        return file.read_text(encoding="utf-8", errors="replace")
    from nightlatch.cli.handoff import restart_note
    from nightlatch.project.project import find_project, require_plan
    from nightlatch.report import status_io

    project = require_plan(find_project(Path.cwd()))
    return restart_note(project, status_io.with_commit(project), name)[-1]


def list_findings(blame: str = "") -> list[dict[str, object]]:
    """Return the findings of the branch as they stand now; for the one called `blame` also the
    commit that made it stale."""
    from nightlatch.project.project import find_project, require_plan
    from nightlatch.record.findings import staleness_io
    from nightlatch.record.findings.findings import render
    from nightlatch.report import status_io, unsettled_io

    project = require_plan(find_project(Path.cwd()))
    seen = status_io.with_commit(project)
    tip = seen.tip
    findings = unsettled_io.findings(seen)
    recorded = {each.id for each in project.findings(seen.tip, {})}
    standings = staleness_io.standings(project.repo, tip, findings)
    told = []
    for each in findings:
        stands = standings.get(each.id)
        stands = (
            staleness_io.blamed(project.repo, tip, each, stands)
            if stands and each.id == blame
            else stands
        )
        state = "stale" if stands and not stands.fresh else str(each.state)
        word = {
            "id": each.id,
            "kind": str(each.kind),
            "state": state,
            "was": str(each.state),
            "feature": each.feature,
            "claim": each.claim,
        }
        who = {
            "says": str(each.says),
            "by": str(each.word_of),
            "session": each.origin.session,
            "recorded": each.id in recorded,
        }
        ran = {
            "failed": each.failure_rate[0],
            "runs": each.failure_rate[1],
            "challenges": len(each.challenges),
            "next": each.next_action,
        }
        told.append(
            {
                **word,
                **who,
                **ran,
                "printed": printed(each),
                "stands": stands.summary if stands else "",
                "file": render(each),
            }
        )
    return told


def printed(finding: Finding) -> list[dict[str, str]]:
    """Return what its commands printed when the loop ran them last, and what its files held:
    beginning and end."""
    shown = (
        *finding.grounds.evidence,
        *(each for event in finding.events for each in event.evidence),
    )
    record_note = {each.file or each.command: each.output for each in shown if each.output}
    return [{"of": name, "output": output} for name, output in record_note.items()]
