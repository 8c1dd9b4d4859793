"""`brief`: print what the next agent will be told about a feature, by the composition that the loop
uses."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from nightlatch.loop.session import brief_parts, remembered
from nightlatch.project.project import find_project, require_plan, templates
from nightlatch.prompt import brief as briefs
from nightlatch.record.findings.retrieval import RelevantFinding, RetrievedContext
from nightlatch.record.progress import patterns
from nightlatch.report import status_io, unsettled_io
from nightlatch.run import phases_io
from nightlatch.util.text import harmless, plain


@click.command(epilog="Example: nightlatch brief US-004 --explain")
@click.argument("feature")
@click.option(
    "--explain",
    is_flag=True,
    help="List the parts instead: why each is in, what was cut, and the bytes of each.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all of it.")
def command(feature: str, explain: bool, as_json: bool) -> None:
    """Print what the next agent on FEATURE will be told. Only conflicts of carried work with new
    commits are left out."""
    project = require_plan(find_project(Path.cwd()))
    seen = status_io.with_commit(project)
    found = seen.survey.find(feature)
    # With what a cut-off session left: the next run records that first, and the brief is of after.
    past = unsettled_io.history(seen)
    record = past.phases_of(found)
    known = remembered(project, seen.tip, found, past, unsettled_io.findings(seen), seen.plan)
    parts = brief_parts(
        project, seen.tip, found, past, patterns(project.progress_text(seen.tip)), known, seen.plan
    )
    parts = phases_io.briefed(
        project, seen.tip, parts, phases_io.stage(project, seen.tip, found, record), record
    )
    made = briefs.compose(parts, templates(project))
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


def told_of(known: RetrievedContext) -> tuple[RelevantFinding, ...]:
    return (*known.decisions, *known.findings, *known.more, *known.patterns)


def explained(made: briefs.Brief, known: RetrievedContext) -> Iterator[str]:
    """Yield each part and each finding with its reason, then what is left out and why."""
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
