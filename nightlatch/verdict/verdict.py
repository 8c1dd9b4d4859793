"""Decide what to look at next, and in the end what a candidate comes to."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from nightlatch.model.models import Outcome, RanChecks, Reason, Ruling, Verdict
from nightlatch.suite.results import Check, CheckStatus
from nightlatch.verdict.evidence import Evidence, MutationResult, Step, new_passing, progress
from nightlatch.verdict.judge import Met, NotMet, summary
from nightlatch.verdict.violations import already_green, is_green, violations

# Both say that the feature is not done yet, not that anything is worse: the work stays safe.
NOT_DONE = frozenset({"verify.red", "judge.not-met"})
# What another session can finish: work refused for nothing else has advanced, if it has progress.
UNFINISHED = frozenset({"tests.failed", "check.held-back", *NOT_DONE})


def next_step(e: Evidence) -> Step | None:
    """Return what to find out next, cheapest refusal first; None where the rest is pointless."""
    outlook = violations(hopeful(e))
    if _is_beyond_help(outlook) or already_green(e):
        return None
    refused = rules_of(outlook, Ruling.REJECT)
    # Work whose own tests fail may still have advanced: only its new tests can show that.
    useful = {Step.PROOF} if "tests.failed" in refused else set(Step)
    for step, is_wanted in _wishes(e):
        if is_wanted and step in useful:
            return step
    if refused:
        return None
    # Nothing was assumed for the outlook here: a missing WEAKER would have been asked for above.
    is_held = bool(rules_of(outlook, Ruling.HOLD))
    return next((step for step, is_wanted in _last_wishes(e, is_held=is_held) if is_wanted), None)


def hopeless(e: Evidence) -> bool:
    """Is there something that nothing which could still be found out would lift?"""
    return _is_beyond_help(violations(hopeful(e)))


def hopeful(e: Evidence) -> Evidence:
    """Return the evidence with the best that changed code could still show.

    What not even that lifts is beyond help.
    """
    if e.probes.weaker is None and Step.WEAKER in e.context.wanted_steps:
        return replace(e, probes=replace(e.probes, weaker=MutationResult(killed=1)))
    return e


def _is_beyond_help(outlook: Iterable[Reason]) -> bool:
    return any(r.ruling is Ruling.REJECT and r.rule not in UNFINISHED for r in outlook)


def _wishes(e: Evidence) -> Iterator[tuple[Step, bool]]:
    """Yield each plain step, in the order of its cost, and whether it is still to be taken."""
    context, runs, probes = e.context, e.runs, e.probes
    has_verify = bool(e.feature.verify)
    passes = is_green(runs.now)
    yield Step.BEFORE, has_verify and runs.before is None
    yield Step.OWN, runs.own is None
    yield Step.CHECKS, runs.checks is None
    yield Step.OLD, context.tests_changed and runs.old is None
    yield Step.NOW, has_verify and runs.now is None
    yield Step.THROUGH, passes and bool(runs.harness_changes) and runs.through is None
    yield Step.OWNED, passes and context.proof_changed and runs.owned is None
    yield Step.KEPT, Step.KEPT in context.wanted_steps and probes.reverified is None
    yield Step.PROOF, _wants_proof(e)
    yield Step.INTEGRITY, Step.INTEGRITY in context.wanted_steps and probes.integrity is None
    yield Step.WEAKER, Step.WEAKER in context.wanted_steps and probes.weaker is None


def _wants_proof(e: Evidence) -> bool:
    """Is there a feature to be proved, no proof of it yet, and new tests that may be one?"""
    asks_for_something = bool(e.feature.verify or e.feature.title)
    is_open = e.probes.proof is None and not base_owned(e)
    return asks_for_something and is_open and bool(new_passing(e))


def _last_wishes(e: Evidence, *, is_held: bool) -> Iterator[tuple[Step, bool]]:
    """Yield what is only asked where nothing was refused, and whether it is still to be asked.

    It is asked of a session that ended by itself or has a proof. A person decides what is held.
    """
    wanted, probes = e.context.wanted_steps, e.probes
    is_owned = base_owned(e)
    is_proven = is_owned or bool(probes.proof)
    could_land = is_proven or e.context.finished
    judge_can_matter = e.context.always_judge or not is_owned
    # In the order of their cost: the judge, who is paid for, comes last.
    useful = {
        Step.UNWATCHED: could_land and not is_held,
        Step.STRENGTH: is_proven and not is_held,
        Step.HELD: could_land,
        Step.JUDGE: could_land and not is_held and judge_can_matter,
    }
    results = {
        Step.UNWATCHED: probes.unwatched,
        Step.STRENGTH: probes.strength,
        Step.HELD: probes.held_back,
        Step.JUDGE: probes.judged,
    }
    for step, is_useful in useful.items():
        yield step, is_useful and step in wanted and results[step] is None


def decide(e: Evidence) -> Verdict:
    """Return the two answers, from what was found out."""
    reasons = violations(e)
    has_progress = progress(e)
    stopped = {r.rule for r in reasons if r.ruling is not Ruling.FLAG}
    is_safe = stopped <= NOT_DONE
    is_proved = proved(e) if is_safe else None
    own = e.runs.own
    return Verdict(
        safe=is_safe,
        proved=is_proved,
        outcome=outcome(reasons, is_proved, finished=e.context.finished, progress=has_progress),
        reasons=reasons,
        ran=RanChecks(
            checks=_checks_text(e.runs.checks),
            tests=own.summary() if own else "",
            verify=_verify_text(e),
            judge=summary(e.probes.judged, e.feature),
        ),
        usage=e.probes.usage,
        progress=has_progress,
        chances=e.runs.flakiness.failures,
    )


def outcome(
    reasons: Sequence[Reason], is_proved: bool | None, *, finished: bool, progress: bool
) -> Outcome:
    """Return what the session came to.

    A session that was cut off lands only what is proved; all else is carried on (decision 8).
    """
    rejects = rules_of(reasons, Ruling.REJECT)
    is_held = bool(rules_of(reasons, Ruling.HOLD))
    if not finished:
        return Outcome.LANDED if is_proved and not is_held else Outcome.INTERRUPTED
    # A fault is the machine's: it says nothing about the work, so nothing is held against it.
    if any(rule.endswith(".fault") for rule in rejects):
        return Outcome.FAILED
    if rejects:
        return Outcome.ADVANCED if progress and rejects <= UNFINISHED else Outcome.REJECTED
    if is_held:
        return Outcome.HELD
    return Outcome.LANDED if is_proved else Outcome.UNPROVED


def rules_of(reasons: Iterable[Reason], ruling: Ruling) -> set[str]:
    """Return the rules of the reasons with this ruling."""
    return {r.rule for r in reasons if r.ruling is ruling}


def proved(e: Evidence) -> bool | None:
    """Is the feature done? Only asked of what is safe; None where nothing tells."""
    judged = e.probes.judged
    if _is_refuted(e):
        return False
    is_weak = _is_weak(e)
    if base_owned(e) and (e.context.weak_is_enough or not is_weak):
        return True
    if is_weak:
        return True if isinstance(judged, Met) else None
    # The candidate wrote this proof itself: a judge that is to be asked must say met as well.
    judge_agrees = isinstance(judged, Met) or Step.JUDGE not in e.context.wanted_steps
    return True if e.probes.proof and judge_agrees else None


def _is_refuted(e: Evidence) -> bool:
    """Does its own verify, or the judge, say that the feature is not done?"""
    verify_is_red = bool(e.feature.verify) and not is_green(e.runs.now)
    return verify_is_red or isinstance(e.probes.judged, NotMet)


def _is_weak(e: Evidence) -> bool:
    """Is it known that the proof notices too little?"""
    return e.probes.strength is not None and e.probes.strength.weak


def base_owned(e: Evidence) -> bool:
    """Is verify green by tests, checks and programs that the candidate did not write?"""
    runs = e.runs
    if e.context.proof_changed and not is_green(runs.owned):
        return False
    if runs.harness_changes and not is_green(runs.through):
        return False
    return is_green(runs.now)


def _verify_text(e: Evidence) -> str:
    """Return what verify said before and now, in two words."""
    answers = "->".join(result.answer.value for result in (e.runs.before, e.runs.now) if result)
    return f"{answers} weak" if _is_weak(e) else answers


def _checks_text(checks: Sequence[Check] | None) -> str:
    """Return how many of the checks that ran are green."""
    ran = [c for c in checks or () if c.answer is not CheckStatus.SKIP]
    return f"{sum(c.answer is CheckStatus.GREEN for c in ran)}/{len(ran)}" if ran else ""
