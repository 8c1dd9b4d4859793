"""What a run may still spend: each budget with its sentence, and where a session at work has to
stop."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from nightlatch.model.budget import Budget
from nightlatch.project.config.settings import Limits
from nightlatch.record.history import History

HOUR = timedelta(hours=1)


def day_purse(limits: Limits, history: History, now: datetime) -> Budget:
    """Return the budget of the UTC day, over all runs."""
    return Budget(
        what="the daily budget",
        most=limits.budget_day,
        spent=history.spending.on_day(now.date()),
        cheapest=min(history.spending.costs, default=0.0),
    )


def purses_of(
    limits: Limits, history: History, now: datetime, *, run: str, tokens: int
) -> tuple[Budget, ...]:
    """Return the budgets that are set: the run's, the daily one, the run's tokens, the hourly one.

    `tokens` is what the run has used of them.
    """
    of_run = Budget(
        what="the budget",
        most=limits.budget,
        spent=history.spending.of_run(run),
        cheapest=min(history.spending.costs, default=0.0),
    )
    of_tokens = Budget(
        what="the run's number of tokens", most=limits.tokens, spent=tokens, tokens=True
    )
    of_hour = Budget(
        what="the hourly budget",
        most=limits.budget_hour,
        spent=within(history.spending.minutes, now),
        free_at=free_again(history.spending.minutes, now, limits.budget_hour),
    )
    # in this order they are named where several are empty: the run's own comes first
    every = (of_run, day_purse(limits, history, now), of_tokens, of_hour)
    return tuple(purse for purse in every if purse.most)


def within(minutes: Mapping[datetime, float], now: datetime) -> float:
    """Return what was spent in the hour before `now`."""
    return sum(usd for at, usd in minutes.items() if at > now - HOUR)


def free_again(minutes: Mapping[datetime, float], now: datetime, most: float) -> datetime:
    """Return when the dollars of one hour are less than `most` again."""
    last, left = (
        sorted((at, usd) for at, usd in minutes.items() if at > now - HOUR),
        within(minutes, now),
    )
    for at, usd in last:
        left -= usd
        if left < most:
            return at + HOUR
    return now
