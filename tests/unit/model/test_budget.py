"""Budgets: what is left, what pays for nothing more, and when an hour pays again."""

from datetime import UTC, datetime, timedelta

import pytest

from nightlatch.model.budget import Budget, SpendCap
from nightlatch.model.models import Usage
from nightlatch.scheduler.budget import free_again, within

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
RUN = Budget(what="the budget", most=20.0, spent=18.0)
TOKENS = Budget(what="the number of tokens", most=1000, spent=400, tokens=True)


@pytest.mark.parametrize(
    ("used", "listed", "says"),
    [
        (Usage(usd=1.99), False, ""),
        (Usage(usd=2.0), False, "the budget is used up: $20.00 of $20.00"),
        (Usage(usd=9.0), True, ""),
        (Usage(input=599), False, ""),
        (
            Usage(input=300, cached=200, output=100),
            True,
            "the number of tokens is used up: 1,000 of 1,000",
        ),
        (Usage(), False, ""),
    ],
)
def test_a_session_at_work_ends_at_the_first_purse_that_it_empties(
    used: Usage, listed: bool, says: str
) -> None:
    assert SpendCap(purses=(RUN, TOKENS)).reached(used, listed=listed) == says


def test_the_dollars_that_a_session_may_take_are_the_least_that_any_purse_holds() -> None:
    assert SpendCap(purses=(RUN, TOKENS, Budget(what="the day", most=5, spent=4))).usd == 1.0
    assert SpendCap(purses=(TOKENS,)).usd is None


def test_an_hour_pays_again_once_enough_of_it_is_long_ago() -> None:
    ago = {minutes: NOW - timedelta(minutes=minutes) for minutes in (90, 50, 30, 10)}
    minutes = {ago[90]: 9.0, ago[50]: 1.0, ago[30]: 1.0, ago[10]: 1.0}
    assert within(minutes, NOW) == 3.0
    assert free_again(minutes, NOW, 2.5) == ago[50] + timedelta(hours=1)
    assert free_again(minutes, NOW, 1.5) == ago[30] + timedelta(hours=1)
    assert free_again(minutes, NOW, 0.5) == ago[10] + timedelta(hours=1)
    assert free_again(minutes, NOW, 9.0) <= NOW + timedelta(minutes=10), "nobody asks while it pays"
