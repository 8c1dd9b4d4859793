"""Features that say they pass are proved again: at the start, after commits that are not the
loop's, and before the run says "every"."""

from collections.abc import Iterable
from dataclasses import replace

from nightlatch.landing.landing import write_down
from nightlatch.model.models import Feature, Plan
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
    features = claimed(plan) if plan and seen != tip else []
    if not features or (seen and own_work(context, seen, tip)):
        return
    engine = context.engine
    aside = matcher(engine.evaluator.layout.aside)
    changes = (
        [
            change
            for change in engine.evaluator.repo.diff(
                engine.evaluator.tree(seen), engine.evaluator.tree(tip)
            )
            if not aside(change.path)
        ]
        if seen
        else []
    )
    before = engine.evaluator.proofs(seen) if seen else {}
    known, found = engine.evaluator.proofs(tip), dict[str, VerifyResult]()
    budget = kept_features_io.SHARE * engine.evaluator.hands.timeout
    for feature in features:
        name = proof_name(feature)
        earlier = before.get(name)
        if name in known or budget <= 0 or context.signals.asked:
            continue
        if earlier and not may_reach(feature, earlier, changes):
            found[name] = replace(earlier, carried=True)
            continue
        if not found:
            context.console.say(
                "proving",
                f"{len(features)} features are marked as passing: their verify commands run now",
            )
        if (said := verified(context, tip, feature)) is None:
            memory.proven = seen
            break
        found[name], budget = said, budget - said.seconds
    engine.evaluator.keep_proofs(tip, found)
    slip(
        context,
        tip,
        [
            f
            for f in features
            if (said := found.get(proof_name(f))) and said.answer is CheckStatus.RED
        ],
    )


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


def claimed(plan: Plan) -> list[Feature]:
    """The features that say they pass and that a command can be asked about."""
    return [feature for feature in plan.features if feature.done and feature.verify]


def confirm(context: RunContext, tip: str, features: Iterable[Feature]) -> Stop | None:
    """See every one of these features pass at this very commit, so that the run may say so.

    None where all do.

    What the loop itself had proved and is red now becomes work again. What only a person's word
    stands for stays as they gave it, and is said.
    """
    engine = context.engine
    known, found = engine.evaluator.proofs(tip), dict[str, VerifyResult]()
    left = [feature for feature in features if feature.done and feature.verify]
    for number, feature in enumerate(left, 1):
        said = known.get(proof_name(feature))
        if said is None or said.carried:
            context.console.say(
                "proving",
                f"{number} of {len(left)}: the verify of {plain(feature.id)}, at the last commit",
            )
            said = verified(context, tip, feature)
            engine.evaluator.keep_proofs(tip, {proof_name(feature): said} if said else {})
        if said is None:
            return None
        found[feature.id] = said
        if context.signals.asked:
            return None
    red = [feature for feature in left if found[feature.id].answer is CheckStatus.RED]
    given = [feature for feature in red if feature not in slip(context, tip, red)]
    odd = [feature for feature in left if found[feature.id].answer is CheckStatus.FAULT]
    if odd:
        tail = last_lines(found[odd[0].id].tail)
        why = (
            f"the verify of {names(odd)} cannot be run: {plain(' / '.join(tail[-2:]), 200)};"
            " nightlatch doctor"
        )
        return Stop(code=4, why=why)
    if given:
        says = (
            "are marked as passing, but their verify is red"
            if given[1:]
            else "is marked as passing, but its verify is red"
        )
        return Stop(
            code=3,
            why=f"{names(given)} {says}: nightlatch verify",
            waits=tuple(feature.id for feature in given),
        )
    return None


def verified(context: RunContext, tip: str, feature: Feature) -> VerifyResult | None:
    """What the verify of a feature says at the tip; None where a signal ended it.

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
