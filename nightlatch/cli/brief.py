"""`brief`: what the next agent will be told about a feature, by the composition that the loop
uses."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from nightlatch.core import brief as briefs
from nightlatch.core.progress import patterns
from nightlatch.core.recall import Known, Recalled
from nightlatch.core.text import harmless, plain
from nightlatch.edge import look, phases, unsettled
from nightlatch.edge.house import find_house, require_plan, templates
from nightlatch.edge.session import brief_parts, remembered


@click.command(epilog="Example: nightlatch brief US-004 --explain")
@click.argument("feature")
@click.option(
    "--explain",
    is_flag=True,
    help="Instead of the text: its parts, why each is in, what was cut, and the bytes of each.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all of it.")
def command(feature: str, explain: bool, as_json: bool) -> None:
    """Print what the next agent on FEATURE will be told, apart from carried work that meets new
    commits."""
    house = require_plan(find_house(Path.cwd()))
    seen = look.with_commit(house)
    found = seen.survey.find(feature)
    past = unsettled.history(seen)
    record = past.phases_of(found)
    known = remembered(house, seen.tip, found, past, unsettled.findings(seen), seen.plan)
    parts = brief_parts(
        house, seen.tip, found, past, patterns(house.progress_text(seen.tip)), known, seen.plan
    )
    parts = phases.briefed(
        house, seen.tip, parts, phases.stage(house, seen.tip, found, record), record
    )
    made = briefs.compose(parts, templates(house))
    if as_json:
        why = {each.finding.id: each.why for each in told_of(known)}
        told = {
            "feature": found.id,
            "objective": briefs.objective(found),
            **asdict(made),
            "findings": why,
            "left": dict(known.left or {}),
        }
        click.echo(json.dumps({"schema": "nightlatch/brief/1", **told}, indent=2))
    elif explain:
        for line in explained(made, known):
            click.echo(plain(line))
    else:
        # click takes nothing out
        click.echo(harmless(made.text) if sys.stdout.isatty() else made.text, nl=False, color=True)


def told_of(known: Recalled) -> tuple[Known, ...]:
    return (*known.decisions, *known.findings, *known.more, *known.patterns)


def explained(made: briefs.Brief, known: Recalled) -> Iterator[str]:
    """Each part and each finding with its reason, then what is left out and why."""
    for part in made.kept:
        yield f"kept  {part.size:>6} bytes  {part.name:<13} {briefs.WHY[part.name]}"
    for each in told_of(known):
        same = f"; the same as {' '.join(each.twins)}" if each.twins else ""
        yield f"      {each.finding.id:<12} {each.state:<8} {each.why}{same}"
    for part in made.cut:
        order = (
            f"number {briefs.CUT_FIRST.index(part.name) + 1} of {len(briefs.CUT_FIRST)} to be cut,"
            " from its end"
        )
        yield f"cut   {part.size:>6} bytes  {part.name:<13} {order}"
    for why, count in (known.left or {}).items():
        yield f"left  {count:>6} findings that {why}"
    yield f"all   {len(made.text.encode()):>6} of {briefs.BUDGET} bytes"
