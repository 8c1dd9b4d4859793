"""What is not on record yet: the notes of the session at work, or of one that was cut off, and
that it was."""

from datetime import UTC, datetime
from pathlib import Path

from nightlatch.core.findings import Finding
from nightlatch.core.history import History, after
from nightlatch.core.journal import Flight
from nightlatch.core.models import AgentEnd, End, Outcome, SessionEnded
from nightlatch.core.progress import entry_of
from nightlatch.edge import journal, look, notebook
from nightlatch.edge.house import House
from nightlatch.edge.workspace import reopen


def flight(seen: look.View) -> Flight | None:
    """The session that has begun and is not on record, None where there is none."""
    if look.last_turn(seen.house).get("event") != "session.started":
        return None
    state, _ = journal.load(seen.house.state / journal.NAME)
    return (
        state.flight if state.flight and state.flight.session not in seen.history.sessions else None
    )


def findings(seen: look.View) -> tuple[Finding, ...]:
    """What is on record, then what the session in flight has noted, as its agent said it: the
    loop has run nothing of it yet."""
    house, begun = seen.house, flight(seen)
    known = house.findings(seen.tip, {})
    return (*known, *noted(house, begun, frozenset(each.id for each in known))) if begun else known


def noted(house: House, begun: Flight, known: frozenset[str]) -> tuple[Finding, ...]:
    """The notes of a session in flight that are not among the known findings."""
    return notebook.taken(
        house,
        texts(house, begun),
        known,
        begun.session,
        begun.feature,
        begun.base,
        datetime.now(UTC),
    ).new


def texts(house: House, begun: Flight) -> list[str]:
    """The notes of a session in flight, line by line, whether the loop has fetched them or not."""
    place = (
        reopen(Path(begun.folder), begun.base)
        if Path(begun.folder).is_relative_to(house.cache)
        else None
    )
    return notebook.heard(
        house, begun.session, place.out if place else None, over=look.holder(house) is None
    )


def history(seen: look.View) -> History:
    """The record, and where a run was cut off in a session, that it was: the next run writes it
    down so, once it has had a verdict."""
    begun = flight(seen)
    feature = (
        seen.plan.feature(begun.feature) if begun and look.holder(seen.house) is None else None
    )
    if begun is None or feature is None:
        return seen.history
    says = "while the work was looked at" if begun.end else ""
    end = AgentEnd(end=End.CRASHED, says=says)
    cut = SessionEnded(session=begun.session, feature=feature, outcome=Outcome.INTERRUPTED, end=end)
    return after(seen.history, entry_of(cut, datetime.now(UTC)))
