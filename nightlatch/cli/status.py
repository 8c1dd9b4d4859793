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
from nightlatch.project.project import Project, begin_with, find_project, plans_near
from nightlatch.report import status_io, unsettled_io
from nightlatch.report.status_io import ProjectStatus
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
    seen = status_io.glance(find_project(Path.cwd()))
    if as_json:
        click.echo(json.dumps(to_json(seen, program.name), indent=2))
    else:
        for word, text in shown(seen, program.name):
            click.echo(f"{word:<7} {plain(text)}")
    return status_io.code(seen.project)


def shown(seen: ProjectStatus, program: str) -> Iterator[tuple[str, str]]:
    """Yield the same as words and lines."""
    stands, project = seen.survey, seen.project
    yield "plan", f"{passing(stands)}; {project.plan}" if seen.plan.features else nothing(project)
    if seen.unread:
        yield "", seen.unread
    if project.rivals or project.elsewhere:
        yield "", f"not read: {', '.join((*project.rivals, *project.elsewhere))}"
    yield "run", running(seen) or "none is going"
    begun = unsettled_io.flight(seen)
    if begun and (notes := unsettled_io.texts(project, begun)):
        listing = f"{program} note list --feature {shlex.quote(begun.feature)}"
        yield (
            "notes",
            f"{len(notes)} of the session on {begun.feature}, not on record yet: {listing}",
        )
    behind = f"your checkout is behind: {program} sync" if seen.behind else ""
    yield "branch", "; ".join(filter(None, (on_branch(seen), pushed(seen), behind)))
    for number, (feature, waiting) in enumerate(stands.left):
        if number < SHOWN and feature.id not in {*stands.asked, *stands.decided}:
            yield (
                "left" if waiting else "next",
                f"{feature.id} {plain(feature.title, 80)}"
                + (f"   {waiting.says}" if waiting else ""),
            )
    if len(stands.left) > SHOWN:
        yield "", f"{len(stands.left)} remain in all"
    for name, ask, what in stands.decisions(program):
        other = ask.other(program)
        yield (
            "DECIDE",
            f"{name} {plain(ask.says, 120)}   {what}{f'   or   {other}' if other else ''}",
        )
        if ask.others:
            yield (
                "",
                (
                    f"what each of them changed: {program} report --html FILE; to refuse"
                    f' one: {program} refuse ID "why"'
                ),
            )
        elif ask.verb == "approve" and shown_page(seen, ask.feature):
            yield "", f"what to look at: {program} log {plain(ask.feature)}"
    for _, said in inbox_io.waiting(project):
        yield "decided", f"{said.feature} {said.verb}: waits for the run"


def shown_page(seen: ProjectStatus, name: str) -> bool:
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
    doing = f"works on {run.get('feature')}" if run.get("feature") else "between two sessions"
    if run.get("process") is None:
        return (
            f"none is running; the last was cut off at {run['feature']}, which the next one"
            " finishes"
            if run
            else ""
        )
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
    return "" if count is None else f"{count} commits not pushed" if count else "all pushed"


def to_json(seen: ProjectStatus, program: str) -> dict[str, object]:
    stands = seen.survey
    run = going(seen.project)
    return {
        "schema": "nightlatch/status/1",
        "plan": seen.project.plan or None,
        "settings": seen.project.settings or None,
        "not_read": [*seen.project.rivals, *seen.project.elsewhere],
        "unread": seen.unread or None,
        **(
            {}
            if seen.project.plan
            else {"problem": "there is no plan", "fix": begin_with(plans_near(seen.project))}
        ),
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
        "noted": (
            len(unsettled_io.texts(seen.project, begun))
            if (begun := unsettled_io.flight(seen))
            else 0
        ),
        "unpushed": queries.unpushed(seen.project.repo, seen.branch),
        "behind": seen.behind,
        "left": [
            {
                "feature": f.id,
                "title": f.title,
                "state": w.word if w else "runnable",
                "says": w.says if w else "",
            }
            for f, w in stands.left
        ],
        "decide": [
            {"name": name, **asdict(ask), "command": what}
            for name, ask, what in stands.decisions(program)
        ],
        "inbox": [
            {"feature": said.feature, "verb": said.verb, "text": said.text}
            for _, said in inbox_io.waiting(seen.project)
        ],
    }
