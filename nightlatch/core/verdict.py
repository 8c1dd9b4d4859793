"""The verdict: what to look at next, whether a candidate is safe, whether its feature is
proved, and what the session came to."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from nightlatch.core.evidence import Compared, Evidence, Step, new_passing, progress
from nightlatch.core.judge import Met, NotMet, summary
from nightlatch.core.models import Outcome, Reason, Ruling, Verdict
from nightlatch.core.objections import already_green, green, reasons
from nightlatch.core.results import Answer, Check

NOT_DONE = frozenset({"verify.red", "judge.not-met"})
UNFINISHED = frozenset({"tests.failed", "check.held-back", *NOT_DONE})


def next_step(e: Evidence) -> Step | None:
    """What to find out next, cheapest refusal first; None where the rest is pointless."""
    rejects = {r.rule for r in reasons(hopeful(e)) if r.ruling is Ruling.REJECT}
    if hopeless(e) or already_green(e):
        return None
    useful = [Step.PROOF] if "tests.failed" in rejects else list(Step)
    wishes = (*_wishes(e), *(() if rejects else _last_wishes(e)))
    return next((step for step, wanted in wishes if wanted and step in useful), None)


def hopeless(e: Evidence) -> bool:
    """Is there something that nothing which could still be found out would lift?"""
    return any(r.ruling is Ruling.REJECT and r.rule not in UNFINISHED for r in reasons(hopeful(e)))


def hopeful(e: Evidence) -> Evidence:
    """The evidence with the best that changed code could still show: what not even that lifts
    is beyond help."""
    return (
        replace(e, weaker=Compared(killed=1)) if Step.WEAKER in e.wants and e.weaker is None else e
    )


def _wishes(e: Evidence) -> Iterator[tuple[Step, bool]]:
    asked = bool(e.feature.verify)
    yield Step.BEFORE, asked and e.before is None
    yield Step.OWN, e.own is None
    yield Step.CHECKS, e.checks is None
    yield Step.OLD, e.old is None and e.tests_changed
    yield Step.NOW, asked and e.now is None
    yield Step.THROUGH, green(e.now) and bool(e.bent) and e.through is None
    yield Step.OWNED, green(e.now) and e.proof_changed and e.owned is None
    yield Step.KEPT, Step.KEPT in e.wants and e.kept is None
    yield (
        Step.PROOF,
        (asked or bool(e.feature.title))
        and not base_owned(e)
        and e.proof is None
        and bool(new_passing(e)),
    )
    yield Step.INTEGRITY, Step.INTEGRITY in e.wants and e.integrity is None
    yield Step.WEAKER, Step.WEAKER in e.wants and e.weaker is None


def _last_wishes(e: Evidence) -> Iterator[tuple[Step, bool]]:
    """What is only asked where nothing was refused, of a session that ended by itself or has a
    proof. A person decides what is held."""
    could_land = e.finished or base_owned(e) or bool(e.proof)
    held = any(r.ruling is Ruling.HOLD for r in reasons(e))
    proven = base_owned(e) or bool(e.proof)
    yield (
        Step.UNWATCHED,
        could_land and not held and Step.UNWATCHED in e.wants and e.unwatched is None,
    )
    yield Step.STRENGTH, proven and not held and Step.STRENGTH in e.wants and e.strength is None
    yield Step.HELD, could_land and Step.HELD in e.wants and e.held_back is None
    yield (
        Step.JUDGE,
        could_land
        and Step.JUDGE in e.wants
        and e.judged is None
        and not held
        and (e.always or not base_owned(e)),
    )


def decide(e: Evidence) -> Verdict:
    """The two answers, from what was found out."""
    said, gained = reasons(e), progress(e)
    safe = not any(
        r.ruling in (Ruling.REJECT, Ruling.HOLD) and r.rule not in NOT_DONE for r in said
    )
    answer = proved(e) if safe else None
    return Verdict(
        safe=safe,
        proved=answer,
        outcome=outcome(said, answer, finished=e.finished, progress=gained),
        reasons=said,
        checks=_checks_text(e.checks),
        tests=e.own.summary() if e.own else "",
        verify="->".join(s.answer.value for s in (e.before, e.now) if s)
        + (" weak" if e.strength and e.strength.weak else ""),
        judge=summary(e.judged, e.feature),
        usage=e.usage,
        progress=gained,
        chances=e.chances,
    )


def outcome(
    said: Sequence[Reason], answer: bool | None, *, finished: bool, progress: bool
) -> Outcome:
    """What the session came to.

    Whoever was cut off lands only what is proved; all else is carried on.
    """
    rejects = {r.rule for r in said if r.ruling is Ruling.REJECT}
    held = any(r.ruling is Ruling.HOLD for r in said)
    if not finished:
        return Outcome.LANDED if answer and not held else Outcome.INTERRUPTED
    if any(rule.endswith(".fault") for rule in rejects):
        return Outcome.FAILED
    if rejects:
        return Outcome.ADVANCED if progress and rejects <= UNFINISHED else Outcome.REJECTED
    if held:
        return Outcome.HELD
    return Outcome.LANDED if answer else Outcome.UNPROVED


def proved(e: Evidence) -> bool | None:
    """Is the feature done? Only asked of what is safe; None where nothing tells."""
    if e.feature.verify and not green(e.now):
        return False
    if isinstance(e.judged, NotMet):
        return False
    weak = e.strength is not None and e.strength.weak
    if base_owned(e) and (e.enough or not weak):
        return True
    if weak:
        return True if isinstance(e.judged, Met) else None
    return True if e.proof and (Step.JUDGE not in e.wants or isinstance(e.judged, Met)) else None


def base_owned(e: Evidence) -> bool:
    """Is verify green by tests, checks and programs that the candidate did not write?"""
    rests = [
        said for said, changed in ((e.owned, e.proof_changed), (e.through, bool(e.bent))) if changed
    ]
    return green(e.now) and all(green(said) for said in rests)


def _checks_text(checks: Sequence[Check] | None) -> str:
    ran = [c for c in checks or () if c.answer is not Answer.SKIP]
    return f"{sum(c.answer is Answer.GREEN for c in ran)}/{len(ran)}" if ran else ""
