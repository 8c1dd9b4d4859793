"""Engines by single settings: a test says what differs, wherever in the engine that is kept."""

from dataclasses import fields
from typing import Any

from nightlatch.edge.evaluation import Layout, ProjectCommands, Surroundings
from nightlatch.edge.lab import VerdictEngine
from nightlatch.edge.trials import TreeEvaluator


def engine_of(**settings: Any) -> VerdictEngine:
    """Return an engine, with each setting in the part that has it."""

    def of(part: type) -> dict[str, Any]:
        names = {field.name for field in fields(part)}
        return {name: settings.pop(name) for name in names & settings.keys()}

    evaluator = TreeEvaluator(
        layout=Layout(**of(Layout)),
        commands=ProjectCommands(**of(ProjectCommands)),
        surroundings=Surroundings(**of(Surroundings)),
        **of(TreeEvaluator),
    )
    return VerdictEngine(evaluator=evaluator, **settings)
