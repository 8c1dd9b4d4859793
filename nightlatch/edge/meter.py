"""What the steps of a verdict cost, in seconds and in runs of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from nightlatch.core.models import Cost
from nightlatch.edge.trials import Trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What each step of a verdict costs."""

    trials: Trials
    costs: list[Cost] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, budget: float = 0.0) -> Iterator[None]:
        runs, start = len(self.trials.ran), monotonic()
        self.trials.progress.step = str(name)
        yield
        self.trials.progress.step = ""
        self.costs.append(
            Cost(
                step=str(name),
                runs=len(self.trials.ran) - runs,
                seconds=monotonic() - start,
                budget=budget,
            )
        )
