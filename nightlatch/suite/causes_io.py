"""Why a test run did not come to its tests, in words that help: a module, a program, a server,
a browser or the network is missing."""

import re
from dataclasses import dataclass
from functools import cache

from nightlatch import data
from nightlatch.errors import FaultError, NightlatchError, RedBaseError
from nightlatch.suite.results import BaselineState
from nightlatch.util.text import plain
from nightlatch.util.units import show_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What is missing, and the next step."""

    says: str
    fix: str


@cache
def causes() -> tuple[tuple[re.Pattern[str], Cause], ...]:
    """Return the causes that ship, in their order."""
    table = data.table("shipped", "causes.toml")["cause"]
    return tuple(
        (re.compile(one["pattern"]), Cause(says=one["says"], fix=one["fix"])) for one in table
    )


def cause_of(tail: str) -> Cause | None:
    """Return what the end of a command's output says is missing, None where it says nothing of the
    kind."""
    for pattern, cause in causes():
        if found := pattern.search(tail):
            caught = next((group for group in found.groups() if group), "")
            return Cause(says=cause.says.replace("{0}", plain(caught, 80)), fix=cause.fix)
    return None


def said_why(error: NightlatchError, state: BaselineState, limit: float) -> NightlatchError:
    """Return the error about a base, with what its tests lack and what helps; as it is where they
    do not say. `limit` is limits.check."""
    if not isinstance(error, (FaultError, RedBaseError)):
        return error
    tails = (state.tests.tail, *(check.tail for check in state.checks if check.tail))
    # A time-out says nothing of what is missing, and its output breaks off anywhere.
    if isinstance(error, FaultError) and "timed out after" in error.problem:
        raised = (
            f"raise limits.check in loop.toml, which is {show_duration(limit)}, to twice the length"
            " of the suite"
        )
        return FaultError(
            error.problem,
            place=error.place,
            fix=f"{raised}, or name a quicker one: command under [[checks.suite]]",
        )
    cause = next((found for found in map(cause_of, tails) if found), None)
    if cause is None:
        return error
    more = f"; {error.fix}" if isinstance(error, RedBaseError) else ""
    return type(error)(
        f"{error.problem}; {cause.says}", place=error.place, fix=f"{cause.fix}{more}"
    )
