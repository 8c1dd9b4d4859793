"""Features that say they pass are proved again: at the start, after commits that are not the
loop's, and before the run says "every"."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from nightlatch.git.model import Change
from nightlatch.landing.landing import write_down
from nightlatch.model.models import Feature
from nightlatch.record.progress import DETAILS, Entry, minute
from nightlatch.report.source import SLIPPED
from nightlatch.run.context import RunContext, Stopped
from nightlatch.scheduler.policy import Stop
from nightlatch.suite.evaluate_io import proof_name
from nightlatch.suite.results import CheckStatus, VerifyResult, last_lines
from nightlatch.util.globs import matcher
from nightlatch.util.text import plain
from nightlatch.verdict import kept_features_io
from nightlatch.verdict.reverification import may_reach

LOOKED_BACK = 200


def prove_tip(context: RunContext) -> None:
    """Prove what passes at the branch's tip, where the run has not seen it: all of it at its
    start, later what others' commits reach.

    What is unknown is found out as far as the time for it goes; the rest waits for `confirm`.
    """
    tip, memory = context.tip(), context.memory
    seen, memory.proven = memory.proven, tip
    if seen and context.project.repo.tip_of(seen) is None:
        seen = ""  # rewritten by the person, and collected: nothing is known any more
    plan = context.plan(tip)
    features = claimed(plan.features) if plan and seen != tip else []
    if not features or (seen and own_work(context, seen, tip)):
        return
    results, was_stopped = prove(context, seen, tip, features)
    if was_stopped:
        memory.proven = seen  # the next look begins where this one did
    context.engine.evaluator.keep_proofs(tip, results)
    red = {name for name, result in results.items() if result.answer is CheckStatus.RED}
    slip(context, tip, [feature for feature in features if proof_name(feature) in red])


def prove(
    context: RunContext, seen: str, tip: str, features: Sequence[Feature]
) -> tuple[dict[str, VerifyResult], bool]:
    """Return what is newly known of these features at the tip, by the name of their proof, and
    whether a signal ended the search.

    What no commit since `seen` can have reached is carried over; the rest runs while there is time.
    """
    evaluator = context.engine.evaluator
    changes = changes_since(context, seen, tip) if seen else []
    before = evaluator.proofs(seen) if seen else {}
    known, results = evaluator.proofs(tip), dict[str, VerifyResult]()
    # a plan of a thousand features must not hold up the first agent: `confirm` asks the rest
    seconds_left = kept_features_io.SHARE * evaluator.hands.timeout
    for feature in features:
        name = proof_name(feature)
        if name in known or seconds_left <= 0 or context.signals.asked:
            continue
        earlier = before.get(name)
        if earlier and not may_reach(feature, earlier, changes):
            results[name] = replace(earlier, carried=True)
            continue
        if not results:
            context.console.say(
                "proving",
                f"{len(features)} features are marked as passing: their verify commands run now",
            )
        result = verified(context, tip, feature)
        if result is None:
            return results, True
        results[name] = result
        seconds_left -= result.seconds
    return results, False


def changes_since(context: RunContext, seen: str, tip: str) -> list[Change]:
    """Return what changed between two commits, the loop's own files aside."""
    evaluator = context.engine.evaluator
    is_aside = matcher(evaluator.layout.aside)
    changes = evaluator.repo.diff(evaluator.tree(seen), evaluator.tree(tip))
    return [change for change in changes if not is_aside(change.path)]


def own_work(context: RunContext, old: str, new: str) -> bool:
    """Is everything from one commit to another the loop's own: landings, which had their
    verdict, and its record?"""
    for commit in context.project.repo.log(new, LOOKED_BACK):
        if commit.id == old:
            return True
        same = commit.parents and context.engine.evaluator.key(
            commit.id
        ) == context.engine.evaluator.key(commit.parents[0])
        if not same and "Nightlatch-Session" not in commit.trailers:
            return False
    return False


def claimed(features: Iterable[Feature]) -> list[Feature]:
    """Return the features that are marked as passing and that a command can be asked about."""
    return [feature for feature in features if feature.done and feature.verify]


def confirm(context: RunContext, tip: str, features: Iterable[Feature]) -> Stop | None:
    """See every one of these features pass at this very commit, so that the run may say so.

    None where all do.

    What the loop itself had proved and is red now becomes work again. What only a person's word
    stands for stays as they gave it, and is said.
    """
    marked = claimed(features)
    results = proofs_at(context, tip, marked)
    if results is None:
        return None
    red = [feature for feature in marked if results[feature.id].answer is CheckStatus.RED]
    slipped = slip(context, tip, red) if red else []
    faults = [feature for feature in marked if results[feature.id].answer is CheckStatus.FAULT]
    if faults:
        tail = plain(" / ".join(last_lines(results[faults[0].id].tail)[-2:]), 200)
        return Stop(
            code=4, why=f"the verify of {names(faults)} cannot be run: {tail}; nightlatch doctor"
        )
    given = [feature for feature in red if feature not in slipped]
    return stop_for_word(given) if given else None


def proofs_at(
    context: RunContext, tip: str, features: Sequence[Feature]
) -> dict[str, VerifyResult] | None:
    """Return what the verify of each feature says at this very commit, by feature; None where a
    signal ended the search."""
    evaluator = context.engine.evaluator
    known, results = evaluator.proofs(tip), dict[str, VerifyResult]()
    for number, feature in enumerate(features, 1):
        name = proof_name(feature)
        result = known.get(name)
        # what was only carried over nobody saw at this commit
        if result is None or result.carried:
            context.console.say(
                "proving",
                f"{number} of {len(features)}: the verify of {plain(feature.id)},"
                " at the last commit",
            )
            result = verified(context, tip, feature)
            evaluator.keep_proofs(tip, {name: result} if result else {})
        if result is None or context.signals.asked:
            return None
        results[feature.id] = result
    return results


def stop_for_word(features: Sequence[Feature]) -> Stop:
    """Return the stop for features that pass by a person's word alone, against their verify: the
    loop does not take back what a person said."""
    says = (
        "are marked as passing, but their verify is red"
        if features[1:]
        else "is marked as passing, but its verify is red"
    )
    return Stop(
        code=3,
        why=f"{names(features)} {says}: nightlatch verify",
        waits=tuple(feature.id for feature in features),
    )


def verified(context: RunContext, tip: str, feature: Feature) -> VerifyResult | None:
    """Return what the verify of a feature says at the tip; None where a signal ended it.

    No work is lost by that: it is asked again.
    """
    try:
        with context.signals.idle():
            return context.engine.evaluator.verify(tip, tip, feature)
    except Stopped:
        context.pool.stop.set()
        return None


def slip(context: RunContext, tip: str, red: Iterable[Feature]) -> list[Feature]:
    """Take the flag from each of these features that the loop had proved and that is red twice.

    Returns those.
    """
    slipped = []
    for feature in red:
        past = context.history(context.tip()).of(feature)
        if not past.landed or past.given:
            continue
        again = context.engine.evaluator.verify(tip, tip, feature)
        if again.answer is not CheckStatus.RED:
            continue
        says = f"{SLIPPED}its verify is red at {tip[:7]}, so it is work again"
        details = (*(plain(line, 200) for line in last_lines(again.tail) if line.strip()),)[
            -DETAILS:
        ]
        entry = Entry(
            at=minute(context.now()), word="note", feature=feature.id, title=says, details=details
        )
        write_down(context, (entry,), f"progress: {feature.id} slipped", flag=(feature.id, False))
        context.console.say(
            "slipped", f"{feature.id} {feature.title}: its verify is red at {tip[:7]}"
        )
        slipped.append(feature)
    return slipped


def names(features: Iterable[Feature]) -> str:
    return ", ".join(plain(feature.id, 60) for feature in features)
