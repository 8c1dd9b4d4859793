"""What passes stays passing: the verify of every other feature protects the base like a test."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nightlatch.model.models import Feature
from nightlatch.suite.evaluate_io import TreeEvaluator, proof_name
from nightlatch.suite.results import CheckStatus, VerifyResult, last_lines
from nightlatch.suite.runner_detection import supersedes
from nightlatch.verdict.comparison_io import Comparison
from nightlatch.verdict.evidence import Reverified
from nightlatch.verdict.reverification import may_reach

SHARE = 0.25  # of limits.check


def passing(evaluator: TreeEvaluator, base: str, feature: Feature) -> list[Feature]:
    """Return the other features that pass at the base by a command, those aside that this one is
    meant to end."""
    named = feature.supersedes
    return [
        other
        for other in evaluator.commands.planned(base)
        if other.done
        and other.verify
        and other.id != feature.id
        and not supersedes(named, other.id)
    ]


def reverify(evaluator: TreeEvaluator, comparison: Comparison, tree: str) -> Reverified:
    """Run the verify of every passing feature that the change can reach, on the tree: the
    candidate with the base's harness.

    The quick ones come first, until the time is used up. What is red is held against the candidate
    only when it is red twice there and green at the base.
    """
    known = evaluator.proofs(comparison.base)
    features = passing(evaluator, comparison.base, comparison.feature)
    budget = SHARE * evaluator.hands.timeout
    passing_now = dict[str, VerifyResult]()
    broken, unsteady, postponed = list[str](), list[str](), list[str]()
    for other in quickest_first(features, known):
        name = proof_name(other)
        before = known.get(name)
        if before and before.answer is not CheckStatus.GREEN:
            continue  # it was red already, so this candidate did not break it
        if before and not may_reach(other, before, comparison.changes):
            passing_now[name] = replace(before, carried=True)
            continue
        if budget <= 0:
            postponed.append(other.id)
            continue
        now = evaluator.verify(comparison.base, tree, other, budget)
        budget -= now.seconds
        if now.answer is CheckStatus.GREEN:
            passing_now[name] = now
        elif evaluator.verify(comparison.base, comparison.base, other).answer is CheckStatus.GREEN:
            again = evaluator.verify(comparison.base, tree, other)
            lines = "\n".join((f"{other.id} {other.title}", *last_lines(now.tail)))
            (unsteady if again.answer is CheckStatus.GREEN else broken).append(lines)
    # With the base's harness in it, it is another tree, of which nothing will be asked again.
    if tree == comparison.tree:
        evaluator.keep_proofs(tree, passing_now)
    return Reverified(
        passing=len(passing_now),
        broken=tuple(broken),
        unsteady=tuple(unsteady),
        postponed=tuple(postponed),
    )


def quickest_first(features: Iterable[Feature], known: Mapping[str, VerifyResult]) -> list[Feature]:
    """Return the features by how long their verify took at the base; those not run yet come
    first."""

    def seconds(feature: Feature) -> float:
        result = known.get(proof_name(feature))
        return result.seconds if result else 0.0

    return sorted(features, key=seconds)
