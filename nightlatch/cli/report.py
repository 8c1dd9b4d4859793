"""`report`: the morning on one screen or one page. Writes nothing but the page that it is asked
for."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from nightlatch import data
from nightlatch.cli import Program
from nightlatch.errors import UsageError
from nightlatch.project.project import Project, find_project
from nightlatch.report import json_view
from nightlatch.report.model import Report, on_clocks


@click.command(epilog="Example: nightlatch report --html morning.html")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write one self-contained page.",
)
@click.option("--md", is_flag=True, help="Markdown, for a job summary.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--run", default="", metavar="ID", help="This run instead of the last one.")
@click.option(
    "--since",
    default="",
    metavar="T",
    help="All runs since a date, a time (UTC) or a duration ago: 2026-11-20, 12h.",
)
@click.pass_obj
def command(
    program: Program, /, *, page: Path | None, md: bool, as_json: bool, run: str, since: str
) -> int:
    """Show what landed, what was rejected and why, what needs your decision and how to give it,
    what it cost and what to read first.

    Changes nothing: safe at any time, also during a run.
    """
    from nightlatch.report import collect_io, status_io
    from nightlatch.report import text as reportviews
    from nightlatch.util import clock

    project = find_project(Path.cwd())
    moment = collect_io.when(since, datetime.now(UTC)) if since else None
    told = collect_io.report(project, program.name, run, moment, prepare if page else bool)
    # For people only: scripts get UTC, the same on every machine.
    shown = on_clocks(told, clock.zone())
    if page:
        write_page(project, shown, page)
    elif as_json:
        click.echo(json.dumps(json_view.to_json(told), indent=2))
    elif md:
        click.echo(reportviews.markdown(shown), nl=False)
    else:
        click.echo("\n".join(reportviews.text(shown)))
    return status_io.code(project)


def template() -> str:
    return data.text("pages", "report.html.j2")


def prepare() -> None:
    from nightlatch.report import html

    html.compiled(template())


def write_page(project: Project, told: Report, page: Path) -> None:
    """The page, with what held, unproved and flagged work changes and the pictures that checks
    left."""
    from nightlatch.report import collect_io, html

    asked = [
        (each.work.session, each.work.commit) for each in told.asks.pending if each.work.session
    ]
    asked += [(part.id, part.commit) for part in told.parts if part.id]
    shown = dict((*asked, *((one.id, one.commit) for one in (*told.of("held"), *told.read))))
    # Nobody reads more differences on a page, and each is a git process.
    known = [*shown.items()][: 2 * html.MOST]
    text = html.page(
        told,
        template(),
        collect_io.differences(project, told.branch.tip, known),
        collect_io.pictures(project, [*dict(known)]),
    )
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        fix = "name a file in a folder that exists"
        raise UsageError(
            f"the page cannot be written: {error.strerror}", place=str(page), fix=fix
        ) from error
    click.echo(f"{page} is written", err=True)
