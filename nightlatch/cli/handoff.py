"""`handoff`: the restart note of a feature, for a person, an issue or a pull request."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from nightlatch.errors import UsageError
from nightlatch.model.models import Feature
from nightlatch.project.project import Project, find_project, require_plan
from nightlatch.prompt.handoff import note as handoff
from nightlatch.prompt.handoff.repeats import RepeatCounter, trodden
from nightlatch.record.findings.retrieval import RetrievedContext
from nightlatch.record.foreign_progress import before
from nightlatch.report import status_io
from nightlatch.util.text import harmless


@click.command(epilog="Example: nightlatch handoff US-004 | gh issue comment 12 --body-file -")
@click.argument("feature")
@click.option(
    "--trial",
    is_flag=True,
    help="Run one session with only this note and one without it; count what each repeats.",
)
@click.option(
    "--agent", metavar="NAME", help="The agent for the trial, instead of the configured one."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all of it.")
def command(feature: str, agent: str | None, *, trial: bool, as_json: bool) -> None:
    """Print the restart note of FEATURE as Markdown: the goal, what is done and known, and what is
    next.

    A trial costs two agent sessions. It uses workspaces that are thrown away, lands nothing and
    records nothing.
    """
    if agent and not trial:
        raise UsageError("--agent is only valid with --trial", fix="add --trial")
    project = require_plan(find_project(Path.cwd(), {"agent": (agent,)} if agent else {}))
    seen = status_io.with_commit(project)
    found, known, text = restart_note(project, seen, feature)
    if trial:
        tried = compare(project, seen, found, known, text)
        each = {
            name: {"repeated": one.repeated, "calls": one.calls, "what": one.descriptions}
            for name, one in tried.items()
        }
        told = {"schema": "nightlatch/handoff-trial/1", "feature": found.id, **each}
        click.echo(json.dumps(told, indent=2) if as_json else "\n".join(shown(tried)))
    else:
        told = {"schema": "nightlatch/handoff/1", "feature": found.id, "text": text}
        click.echo(json.dumps(told, indent=2) if as_json else harmless(text), nl=as_json)


def restart_note(
    project: Project, seen: status_io.ProjectStatus, feature: str
) -> tuple[Feature, RetrievedContext, str]:
    """Return the feature, what is known of it, and its note as the record stands."""
    from nightlatch.loop.session import remembered, touched
    from nightlatch.report import unsettled_io

    found = seen.survey.find(feature)
    history = unsettled_io.history(seen)
    past = history.of(found)
    known = remembered(
        project, seen.tip, found, history, unsettled_io.findings(seen), seen.plan, handoff.MOST
    )
    carried = sorted(touched(project.repo, found, past)) if past.carried else []
    earlier = before(found, seen.plan.features, history.foreign)
    return (
        found,
        known,
        handoff.note(found, past, history.phases_of(found), known, carried, seen.tip, earlier),
    )


def compare(
    project: Project,
    seen: status_io.ProjectStatus,
    feature: Feature,
    known: RetrievedContext,
    text: str,
) -> dict[str, RepeatCounter]:
    """Return what a session repeats that has the note, and one that has none."""
    from nightlatch.agents import registry_io
    from nightlatch.prompt.handoff import trial_io as trial

    # Two sessions cost money, and would show nothing.
    settled = trodden(known.findings)
    if not settled:
        raise UsageError(
            f"nothing is settled about {feature.id}, so no session could repeat it",
            fix="nightlatch note list",
        )
    hired = registry_io.load(project.config.agent[0], project.config.agents)
    place = trial.ground(project, seen.tip, feature, seen.branch)
    try:
        return {
            name: trial.session(place, hired, note, settled)
            for name, note in (("note", text), ("empty", ""))
        }
    finally:
        # Also when an agent fails: its workspace holds a whole checkout.
        place.pool.close()


def shown(tried: Mapping[str, RepeatCounter]) -> Iterator[str]:
    for name, words in (("note", "with the note"), ("empty", "with none")):
        yield f"{words:<14} repeated work: {tried[name].repeated} in {tried[name].calls} tool calls"
        yield from (f"{'':<14} {what}" for what in tried[name].descriptions)
