"""Engines by single settings: a test says what differs, wherever in the engine that is kept."""

from dataclasses import fields
from typing import Any

from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.evaluation import Layout, ProjectCommands, Surroundings
from nightlatch.verdict.engine_io import VerdictEngine


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
