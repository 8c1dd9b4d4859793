"""Measure what the steps of a verdict cost, in seconds and in runs of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from nightlatch.model.models import Cost
from nightlatch.suite.parallel_io import Progress


@dataclass(slots=True, kw_only=True)
class StepTimer:
    """What each step of a verdict costs."""

    progress: Progress
    costs: list[Cost] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, budget: float = 0.0) -> Iterator[None]:
        runs, start = self.progress.runs, monotonic()
        self.progress.step = str(name)
        yield
        self.progress.step = ""
        self.costs.append(
            Cost(
                step=str(name),
                runs=self.progress.runs - runs,
                seconds=monotonic() - start,
                budget=budget,
            )
        )
