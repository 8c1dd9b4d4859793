"""What is not on record yet: the notes of the session at work, or of one that was cut off, and
that it was."""

from datetime import UTC, datetime
from pathlib import Path

from nightlatch.journal import file_io, read_io
from nightlatch.journal.events import InFlight
from nightlatch.model.models import AgentEnd, End, Outcome, SessionEnded
from nightlatch.project.project import Project
from nightlatch.record.findings.findings import Finding
from nightlatch.record.history import History, after
from nightlatch.record.progress import entry_of
from nightlatch.report import status_io
from nightlatch.run import notes_io
from nightlatch.workspace.workspace import reopen


def flight(seen: status_io.ProjectStatus) -> InFlight | None:
    """Return the session that has begun and is not on record, None where there is none."""
    if read_io.last_turn(seen.project).get("event") != "session.started":
        return None
    state, _ = file_io.load(seen.project.state / file_io.NAME)
    return (
        state.flight if state.flight and state.flight.session not in seen.history.sessions else None
    )


def findings(seen: status_io.ProjectStatus) -> tuple[Finding, ...]:
    """Return what is on record, then what the session in flight has noted, as its agent said it:
    the loop has run nothing of it yet."""
    project, begun = seen.project, flight(seen)
    known = project.findings(seen.tip, {})
    return (
        (*known, *noted(project, begun, frozenset(each.id for each in known))) if begun else known
    )


def noted(project: Project, begun: InFlight, known: frozenset[str]) -> tuple[Finding, ...]:
    """Return the notes of a session in flight that are not among the known findings."""
    return notes_io.taken(
        project,
        texts(project, begun),
        known,
        begun.session,
        begun.feature,
        begun.base,
        datetime.now(UTC),
    ).new


def texts(project: Project, begun: InFlight) -> list[str]:
    """Return the notes of a session in flight, line by line, whether the loop has fetched them or
    not."""
    # the folder stands in a journal that may have been copied with its repository
    place = (
        reopen(Path(begun.folder), begun.base)
        if Path(begun.folder).is_relative_to(project.cache)
        else None
    )
    return notes_io.heard(
        project, begun.session, place.out if place else None, over=read_io.holder(project) is None
    )


def history(seen: status_io.ProjectStatus) -> History:
    """Return the record, and where a run was cut off in a session, that it was: the next run writes
    it down so, once it has had a verdict."""
    begun = flight(seen)
    feature = (
        seen.plan.feature(begun.feature) if begun and read_io.holder(seen.project) is None else None
    )
    if begun is None or feature is None:
        return seen.history
    says = "while the work was looked at" if begun.end else ""
    end = AgentEnd(end=End.CRASHED, says=says)
    cut = SessionEnded(session=begun.session, feature=feature, outcome=Outcome.INTERRUPTED, end=end)
    return after(seen.history, entry_of(cut, datetime.now(UTC)))
