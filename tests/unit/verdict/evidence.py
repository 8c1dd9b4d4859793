"""Evidence by single fields: a table says what differs, wherever in the evidence that is kept."""

from dataclasses import fields, replace
from typing import Any

from nightlatch.model.models import Feature
from nightlatch.suite.results import BaselineState
from nightlatch.verdict.evidence import (
    Baseline,
    Context,
    Evidence,
    Flakiness,
    MovedTests,
    Probes,
    Runs,
)


def evidence(feature: Feature, state: BaselineState, **changes: Any) -> Evidence:
    """Return evidence on this feature and base, with some fields as named."""
    return but(Evidence(baseline=Baseline(feature=feature, state=state)), **changes)


def but(e: Evidence, **changes: Any) -> Evidence:
    """Return the evidence with some fields as named; each stands in exactly one of its values."""
    values = (Baseline, Context, Runs, Probes, Flakiness, MovedTests)
    known = [field.name for value in values for field in fields(value)]
    assert [known.count(name) for name in changes] == [1] * len(changes), (known, changes)

    def of(value: type) -> dict[str, Any]:
        return {f.name: changes[f.name] for f in fields(value) if f.name in changes}

    flakiness = replace(e.runs.flakiness, **of(Flakiness))
    moved = replace(e.runs.moved, **of(MovedTests))
    return Evidence(
        baseline=replace(e.baseline, **of(Baseline)),
        context=replace(e.context, **of(Context)),
        runs=replace(e.runs, **{"flakiness": flakiness, "moved": moved, **of(Runs)}),
        probes=replace(e.probes, **of(Probes)),
    )
