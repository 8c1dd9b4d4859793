"""What a run may still spend: each budget with its sentence, and where a session at work has to
stop."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nightlatch.core.config import Limits
from nightlatch.core.history import History
from nightlatch.core.models import Usage

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """One budget, in dollars or in tokens: `what` it is called, how much of it is gone, and
    what the cheapest of the last sessions took.

    `free_at`: from when on a session may be paid for again, None if not in this run.
    """

    what: str
    most: float
    spent: float
    cheapest: float = 0.0
    tokens: bool = False
    free_at: datetime | None = None

    @property
    def left(self) -> float:
        return max(0.0, self.most - self.spent)

    @property
    def empty(self) -> str:
        """The sentence of a budget that pays for no further session, else ""."""
        if self.left <= 0:
            return f"{self.what} is used up: {self.show(self.spent)} of {self.show(self.most)}"
        if self.left < self.cheapest:
            left, last = self.show(self.left), self.show(self.cheapest)
            return (
                f"{self.what} pays for no further session: {left} of {self.show(self.most)} is"
                f" left, the last ones took {last} and more"
            )
        return ""

    def show(self, amount: float) -> str:
        return f"{amount:,.0f}" if self.tokens else f"${amount:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """Where a session at work is ended: the purses that pay for it."""

    purses: tuple[Purse, ...] = ()

    @property
    def usd(self) -> float | None:
        """The dollars that are left, None where none are counted."""
        return min((purse.left for purse in self.purses if not purse.tokens), default=None)

    def reached(self, used: Usage, *, listed: bool) -> str:
        """The sentence of the first purse that is empty by what the session has used so far; a
        list price empties none."""
        for purse in self.purses:
            amount = count(used) if purse.tokens else 0.0 if listed else used.usd or 0.0
            if amount >= purse.left:
                return (
                    f"{purse.what} is used up: {purse.show(purse.spent + amount)} of"
                    f" {purse.show(purse.most)}"
                )
        return ""


def day_purse(limits: Limits, history: History, now: datetime) -> Purse:
    """Return the budget of the UTC day, over all runs."""
    return Purse(
        what="the budget of the day",
        most=limits.budget_day,
        spent=history.spent_on(now.date()),
        cheapest=min(history.costs, default=0.0),
    )


def purses_of(
    limits: Limits, history: History, now: datetime, *, run: str, tokens: int
) -> tuple[Purse, ...]:
    """Return the budgets that are set: of a run and of the day, the run's tokens, of the hour.

    `tokens` is what the run has used of them.
    """
    of_run = Purse(
        what="the budget",
        most=limits.budget,
        spent=history.spent(run),
        cheapest=min(history.costs, default=0.0),
    )
    of_tokens = Purse(
        what="the run's number of tokens", most=limits.tokens, spent=tokens, tokens=True
    )
    of_hour = Purse(
        what="the budget of the hour",
        most=limits.budget_hour,
        spent=within(history.minutes, now),
        free_at=free_again(history.minutes, now, limits.budget_hour),
    )
    every = (of_run, day_purse(limits, history, now), of_tokens, of_hour)
    return tuple(purse for purse in every if purse.most)


def count(used: Usage) -> int:
    """Tokens as agents report them: what was read, from a cache too, and what was written."""
    return used.input + used.cached + used.output


def within(minutes: Mapping[datetime, float], now: datetime) -> float:
    """What was spent in the hour before `now`."""
    return sum(usd for at, usd in minutes.items() if at > now - HOUR)


def free_again(minutes: Mapping[datetime, float], now: datetime, most: float) -> datetime:
    """When the dollars of one hour are less than `most` again."""
    last, left = (
        sorted((at, usd) for at, usd in minutes.items() if at > now - HOUR),
        within(minutes, now),
    )
    for at, usd in last:
        left -= usd
        if left < most:
            return at + HOUR
    return now
