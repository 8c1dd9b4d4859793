"""`log`: list the sessions and how each ended, as progress.txt tells them. Writes nothing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from nightlatch.errors import UsageError
from nightlatch.git import queries
from nightlatch.journal import transcripts_io
from nightlatch.project.project import Project, find_project
from nightlatch.record.progress import SESSION_WORDS, Entry, Item, RunStart, render
from nightlatch.report import status_io
from nightlatch.report.status_io import ProjectStatus
from nightlatch.util.text import harmless, plain

LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session of the record. `commit` is its landing, "" where nothing landed; `agent` is
    the one that its run began with."""

    id: str
    entry: Entry
    agent: str
    commit: str


@click.command(epilog="Example: nightlatch log US-033")
@click.argument("name", metavar="[SESSION|FEATURE]", default="")
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=0),
    default=LINES,
    show_default=True,
    help="Show only this many of the last sessions; 0: all.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(name: str, count: int, as_json: bool) -> int:
    """Show how each session ended, of all features or of one. Of a single session it shows the
    details and the end of its transcript too."""
    # A look only: it shows the last committed plan while an edit of it is half done.
    status = status_io.glance(find_project(Path.cwd()))
    # `-n 0` means all, and so does a slice from -0.
    project, sessions = status.project, chosen(status, name)[-count:]
    if as_json:
        body = {
            "schema": "nightlatch/log/1",
            "unread": status.unread or None,
            "sessions": [to_json(project, session) for session in sessions],
        }
        click.echo(json.dumps(body, indent=2))
        return status_io.code(project)
    if status.unread:
        click.echo(plain(status.unread), err=True)
    if not sessions and not name:
        click.echo("no session yet", err=True)
    for session in sessions:
        show(session, details=bool(name))
    if name and sessions:
        show_last(project, name, sessions)
    return status_io.code(project)


def show(session: Session, *, details: bool) -> None:
    """Print the line of a session, and what stands below it in the record."""
    header, *lines = render((session.entry,)).splitlines()
    click.echo(plain(f"{header}   {session.commit[:9] or '-'} {session.id}"))
    if details:
        click.echo("".join(f"{plain(line)}\n" for line in lines), nl=False)


def show_last(project: Project, name: str, sessions: Sequence[Session]) -> None:
    """Print the end of the transcript of a session that was named, and what is held of the last."""
    if [session.id for session in sessions] == [name]:
        click.echo("".join(f"{line}\n" for line in ending(project, sessions[0])), nl=False)
    if page := about_held(project, sessions[-1]):
        click.echo(f"\n{harmless(page)}", nl=False)


def chosen(status: ProjectStatus, name: str) -> list[Session]:
    """Return the sessions of this name, or of the feature of this name."""
    every = list(sessions_of(status.items, queries.landings(status.project.repo, status.tip)))
    sessions = [session for session in every if name in ("", session.id, session.entry.feature)]
    if name and not sessions:
        if status.plan.feature(name) is None:
            raise UsageError(
                f"no session or feature {plain(name)} found",
                place=status.project.progress,
                fix="nightlatch log",
            )
        # No error: a feature before its first session is as it should be.
        click.echo(f"{plain(name)} has had no session yet", err=True)
    return sessions


def sessions_of(items: Sequence[Item], commits: Mapping[str, str]) -> Iterator[Session]:
    agent = ""
    for item in items:
        if isinstance(item, RunStart):
            agent = dict(item.fields).get("agent", "")
        elif (
            isinstance(item, Entry)
            and item.word in SESSION_WORDS
            and item.details
            and item.details[-1].startswith("session ")
        ):
            session = item.details[-1].split()[1]
            yield Session(id=session, entry=item, agent=agent, commit=commits.get(session, ""))


def folder(project: Project, session: Session) -> Path | None:
    """Return where its brief and its transcript lie, None where this machine has neither."""
    # The id comes from progress.txt, which anybody may have written: it names no other folder.
    place = project.state / "sessions" / session.id
    return place if "/" not in session.id and place.is_dir() else None


def about_held(project: Project, session: Session) -> str:
    """Return the page about what is held of a session, "" where nothing is."""
    page = project.state / "sessions" / session.id / "held.md"
    return (
        page.read_text(encoding="utf-8")
        if session.entry.word == "held" and folder(project, session) and page.is_file()
        else ""
    )


def to_json(project: Project, session: Session) -> dict[str, object]:
    entry, kept = session.entry, folder(project, session)
    return {
        "session": session.id,
        "at": entry.at.isoformat(),
        "feature": entry.feature,
        "title": entry.title,
        "outcome": entry.word,
        "rule": entry.rule,
        "try": entry.tries,
        "minutes": entry.minutes,
        "usd": entry.usd,
        "details": list(entry.details[:-1]),
        "commit": session.commit or None,
        "folder": str(kept) if kept else None,
    }


def ending(project: Project, session: Session) -> Iterator[str]:
    """Yield where the transcript lies, and its last lines as the agent's own words."""
    place = transcripts_io.path(project, session.id)
    if place is None:
        yield "its transcript is not on this machine"
        return
    yield f"transcript: {place}, ending:"
    yield from [
        f"    {said}"
        for said in transcripts_io.ending(project, session.id, session.agent, LINES, 300)
    ]
