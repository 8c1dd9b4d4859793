"""What a session may still spend."""

from dataclasses import dataclass
from datetime import datetime

from nightlatch.model.models import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
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
    def remaining(self) -> float:
        return max(0.0, self.most - self.spent)

    @property
    def empty(self) -> str:
        """The sentence of a budget that is too small for another session, else ""."""
        if self.remaining <= 0:
            return f"{self.what} is used up: {self.show(self.spent)} of {self.show(self.most)}"
        if self.remaining < self.cheapest:
            left, last = self.show(self.remaining), self.show(self.cheapest)
            return (
                f"{self.what} is too small for another session: {left} of {self.show(self.most)} is"
                f" left, the last ones took {last} and more"
            )
        return ""

    def show(self, amount: float) -> str:
        return f"{amount:,.0f}" if self.tokens else f"${amount:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendCap:
    """The budgets that end a session at work when they are used up."""

    purses: tuple[Budget, ...] = ()

    @property
    def usd(self) -> float | None:
        """The dollars that are left, None where none are counted."""
        return min((purse.remaining for purse in self.purses if not purse.tokens), default=None)

    def reached(self, used: Usage, *, listed: bool) -> str:
        """Return the sentence of the first purse that is empty by what the session has used so far;
        a list price empties none."""
        for purse in self.purses:
            amount = count(used) if purse.tokens else 0.0 if listed else used.usd or 0.0
            if amount >= purse.remaining:
                return (
                    f"{purse.what} is used up: {purse.show(purse.spent + amount)} of"
                    f" {purse.show(purse.most)}"
                )
        return ""


def count(used: Usage) -> int:
    """Return the tokens that an agent reports: read, read from a cache, and written."""
    return used.input + used.cached + used.output
