"""`status`: what passes, what is left, what waits for the person, and whether a run is going.
Writes nothing."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from nightlatch.cli import Program
from nightlatch.git import queries
from nightlatch.journal import control_io, inbox_io, read_io
from nightlatch.model.models import Feature
from nightlatch.project.project import Project, begin_with, find_project, plans_near
from nightlatch.report import status_io, unsettled_io
from nightlatch.report.status_io import ProjectStatus
from nightlatch.scheduler.policy import Waiting
from nightlatch.scheduler.status import PlanStatus
from nightlatch.util.text import plain

SHOWN = 10


@click.command(epilog="Example: nightlatch status --json | jq .features")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def command(program: Program, /, *, as_json: bool) -> int:
    """Show what passes, what remains and what waits for you, each decision with its command.

    Changes nothing: safe at any time, also during a run.
    """
    # A look only: it shows the last committed plan while an edit of it is half done.
    seen = status_io.glance(find_project(Path.cwd()))
    if as_json:
        click.echo(json.dumps(to_json(seen, program.name), indent=2))
    else:
        for word, text in status_lines(seen, program.name):
            click.echo(f"{word:<7} {plain(text)}")
    return status_io.code(seen.project)


def status_lines(seen: ProjectStatus, program: str) -> Iterator[tuple[str, str]]:
    """Yield the same as words and lines."""
    survey, project = seen.survey, seen.project
    yield "plan", f"{passing(survey)}; {project.plan}" if seen.plan.features else nothing(project)
    if seen.unread:
        yield "", seen.unread
    if project.rivals or project.elsewhere:
        yield "", f"not read: {', '.join((*project.rivals, *project.elsewhere))}"
    yield "run", running(seen) or "none is going"
    yield from note_lines(seen, program)
    behind = f"your checkout is behind: {program} sync" if seen.behind else ""
    yield "branch", "; ".join(filter(None, (on_branch(seen), pushed(seen), behind)))
    yield from remaining_lines(survey)
    yield from decision_lines(seen, program)
    for _, decision in inbox_io.waiting(project):
        yield "decided", f"{decision.feature} {decision.verb}: waits for the run"


def note_lines(seen: ProjectStatus, program: str) -> Iterator[tuple[str, str]]:
    """Yield how many notes of a session at work are not on record yet."""
    begun = unsettled_io.flight(seen)
    if begun and (notes := unsettled_io.texts(seen.project, begun)):
        listing = f"{program} note list --feature {shlex.quote(begun.feature)}"
        yield (
            "notes",
            f"{len(notes)} of the session on {begun.feature}, not on record yet: {listing}",
        )


def remaining_lines(survey: PlanStatus) -> Iterator[tuple[str, str]]:
    """Yield the first features that are left, apart from those that wait for a decision."""
    # Those that wait for a decision stand below, beside the commands that answer it.
    for feature, waiting in survey.left[:SHOWN]:
        if feature.id not in {*survey.asked, *survey.decided}:
            name = f"{feature.id} {plain(feature.title, 80)}"
            yield ("left", f"{name}   {waiting.says}") if waiting else ("next", name)
    if len(survey.left) > SHOWN:
        yield "", f"{len(survey.left)} remain in all"


def decision_lines(seen: ProjectStatus, program: str) -> Iterator[tuple[str, str]]:
    """Yield each decision that waits for the person, with its commands."""
    for name, ask, what in seen.survey.decisions(program):
        other = ask.other(program)
        commands = f"{what}   or   {other}" if other else what
        yield "DECIDE", f"{name} {plain(ask.says, 120)}   {commands}"
        if ask.others:
            yield (
                "",
                (
                    f"what each of them changed: {program} report --html FILE; to refuse"
                    f' one: {program} refuse ID "why"'
                ),
            )
        elif ask.verb == "approve" and has_page(seen, ask.feature):
            yield "", f"what to look at: {program} log {plain(ask.feature)}"


def has_page(seen: ProjectStatus, name: str) -> bool:
    """Return whether there is a page about the held work of this feature."""
    feature = seen.plan.feature(name)
    session = seen.history.of(feature).held if feature else ""
    return bool(session) and (seen.project.state / "sessions" / session / "held.md").is_file()


def passing(stands: PlanStatus) -> str:
    return (
        f"{stands.passing} of {len(stands.plan.features)} pass, {stands.count()} can run,"
        f" {stands.waiting} wait for you"
    )


def nothing(project: Project) -> str:
    """Return why there is nothing to say about features."""
    if project.plan:
        return f"no features in {project.plan}: add one to it"
    near = plans_near(project)
    return f"none here, so 0 features; {begin_with(near) if near else 'nightlatch init writes one'}"


def running(seen: ProjectStatus) -> str:
    """Return what the run at work is doing, or what was cut off; "" when nothing is going on."""
    run = going(seen.project)
    if not run:
        return ""
    if run["process"] is None:
        return (
            f"none is running; the last was cut off at {run['feature']}, which the next one"
            " finishes"
        )
    doing = f"works on {run['feature']}" if run["feature"] else "between two sessions"
    wish = control_io.TOLD[control_io.asked(seen.project, read_io.holder(seen.project))]
    return f"{doing} since {str(run['since'])[:16]}Z (process {run['process']}){wish}"


def going(project: Project) -> dict[str, object]:
    """Return the run at work, or with process None the session that a killed run left."""
    process, turn = read_io.holder(project), read_io.last_turn(project)
    started = turn.get("event") == "session.started"
    if process is None and not started:
        return {}
    names = ("session", "feature", "agent")
    return {
        "process": process,
        "since": turn.get("at"),
        **{name: turn.get(name) if started else None for name in names},
    }


def on_branch(seen: ProjectStatus) -> str:
    checked_out = seen.head or "detached HEAD"
    here = f"{checked_out}{'' if seen.tip else ', no commit yet'}"
    return here if seen.branch in ("", checked_out) else f"{here}; the plan lands on {seen.branch}"


def pushed(seen: ProjectStatus) -> str:
    count = queries.unpushed(seen.project.repo, seen.branch)
    if count is None:
        return ""
    return f"{count} commits not pushed" if count else "all pushed"


def noted(seen: ProjectStatus) -> int:
    """Return how many notes of a session at work are not on record yet."""
    begun = unsettled_io.flight(seen)
    return len(unsettled_io.texts(seen.project, begun)) if begun else 0


def without_plan(project: Project) -> dict[str, str]:
    if project.plan:
        return {}
    return {"problem": "there is no plan", "fix": begin_with(plans_near(project))}


def remaining_json(feature: Feature, waiting: Waiting | None) -> dict[str, str]:
    return {
        "feature": feature.id,
        "title": feature.title,
        "state": waiting.word if waiting else "runnable",
        "says": waiting.says if waiting else "",
    }


def to_json(seen: ProjectStatus, program: str) -> dict[str, object]:
    stands = seen.survey
    run = going(seen.project)
    return {
        "schema": "nightlatch/status/1",
        "plan": seen.project.plan or None,
        "settings": seen.project.settings or None,
        "not_read": [*seen.project.rivals, *seen.project.elsewhere],
        "unread": seen.unread or None,
        **without_plan(seen.project),
        "branch": seen.head,
        "features": {
            "total": len(stands.plan.features),
            "passing": stands.passing,
            "runnable": stands.count(),
            "waiting": stands.waiting,
            "behind": stands.count("behind"),
            "skipped": stands.count("skipped"),
        },
        "run": run if run.get("process") is not None else None,
        "cut_off": run if run and run["process"] is None else None,
        # Notes of a session at work stand in no commit: without this a kill before the next run
        # would hide them.
        "noted": noted(seen),
        "unpushed": queries.unpushed(seen.project.repo, seen.branch),
        "behind": seen.behind,
        "left": [remaining_json(feature, waiting) for feature, waiting in stands.left],
        "decide": [
            {"name": name, **asdict(ask), "command": what}
            for name, ask, what in stands.decisions(program)
        ],
        "inbox": [
            {"feature": said.feature, "verb": said.verb, "text": said.text}
            for _, said in inbox_io.waiting(seen.project)
        ],
    }
