"""`verify`: every feature that says it passes, proved again in a fresh checkout of HEAD."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from nightlatch.errors import UsageError
from nightlatch.git import queries
from nightlatch.model.models import Feature
from nightlatch.project.project import Project, find_project, require_plan
from nightlatch.report import status_io
from nightlatch.suite.results import last_lines
from nightlatch.util.text import plain
from nightlatch.verdict import standalone_io
from nightlatch.verdict.engine_io import VerdictEngine
from nightlatch.verdict.reverification import Proof, by_tests


@click.command(epilog="Example: nightlatch verify US-004")
@click.argument("name", metavar="[F]", default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(name: str, as_json: bool) -> int:
    """Prove again every feature that is marked as passing, or only F: by its verify command, or by
    the tests of its landing.

    Features that only a person marked as done are listed, but cannot fail. Exits with 1 if anything
    fails.
    """
    project = require_plan(find_project(Path.cwd()))
    proofs = []
    for proof in proved(project, passing(project, name)):
        proofs.append(proof)
        if not as_json:
            show(proof)
    failed = sum(proof.failed for proof in proofs)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "schema": "nightlatch/verify/1",
                    "failed": failed,
                    "features": [to_json(proof) for proof in proofs],
                },
                indent=2,
            )
        )
    else:
        person = sum(proof.answer is None for proof in proofs)
        click.echo(
            f"{len(proofs) - failed - person} proved again, {person} by a person's word, {failed}"
            " failed"
        )
    return int(failed > 0)


def passing(project: Project, name: str) -> list[Feature]:
    """Return the features to prove, as the plan at HEAD says."""
    stands = status_io.with_commit(project).survey
    asked = stands.find(name) if name else None
    if asked and not asked.done:
        raise UsageError(
            f"{plain(asked.id)} is not marked as passing",
            place=project.plan,
            fix="nightlatch status",
        )
    # Not the person's edit: the proof is of what is committed, and so are the flags.
    plan = project.read_plan("HEAD")
    if plan is None:
        raise UsageError(
            f"{project.plan} has uncommitted changes, and only what HEAD holds can be proved",
            fix=f"git add {project.plan} && git commit",
        )
    return [
        feature
        for feature in plan.features
        if feature.done and (asked is None or feature.id == asked.id)
    ]


def proved(project: Project, features: list[Feature]) -> Iterator[Proof]:
    """Yield one proof after another."""
    head = project.repo.tip_of("HEAD")
    if not head or not features:
        return
    landed = queries.landings(project.repo, head, "Feature")
    with standalone_io.opened(project) as (_, engine):
        for feature in features:
            if feature.verify:
                said = engine.evaluator.verify(head, head, feature)
                yield Proof(feature=feature, how="verify", answer=said.answer, tail=said.tail)
            else:
                yield by_landing(engine, head, landed.get(feature.id, ""), feature)


def by_landing(engine: VerdictEngine, head: str, commit: str, feature: Feature) -> Proof:
    """Proved by the test files that its landing added or changed."""
    suite = engine.evaluator.suite(head, head)
    changes = engine.evaluator.repo.diff(f"{commit}^", commit) if commit else ()
    files = {
        engine.evaluator.project_path(change.path)
        for change in changes
        if change.status != "D" and suite.files(engine.evaluator.project_path(change.path))
    }
    # Nothing of it can be run again: the flag is a person's word, and that cannot fail.
    if not files:
        return Proof(feature=feature, how="person")
    return by_tests(
        feature,
        files,
        engine.evaluator.results(head, head, suite),
        {engine.evaluator.project_path(path) for path in engine.evaluator.repo.files(head)},
    )


def show(proof: Proof) -> None:
    word = "FAIL" if proof.failed else "ok" if proof.answer else "-"
    hows = {
        "verify": "its verify command",
        "tests": "the tests of its landing",
        "person": "a person's word alone",
    }
    click.echo(
        f"{word:<5} {plain(proof.feature.id)} {plain(proof.feature.title, 60)}: {hows[proof.how]}"
    )
    if proof.failed:
        click.echo(
            "".join(f"    {plain(line)}\n" for line in last_lines(proof.tail) if line.strip()),
            nl=False,
        )


def to_json(proof: Proof) -> dict[str, object]:
    return {
        "feature": proof.feature.id,
        "title": proof.feature.title,
        "how": proof.how,
        "answer": proof.answer,
        "tail": list(last_lines(proof.tail)) if proof.failed else [],
    }
