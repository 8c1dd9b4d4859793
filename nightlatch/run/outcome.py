"""What a session comes to: how the agent ended and the verdict on its candidate, put together
into one outcome and its words."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from nightlatch.git.model import Change, changed
from nightlatch.model.models import (
    AgentEnd,
    End,
    Feature,
    Outcome,
    Reason,
    Ruling,
    SessionEnded,
    Verdict,
)
from nightlatch.model.rules import reason
from nightlatch.record.findings.notes import CheckedNote
from nightlatch.record.history import NO_FAULT_OF_THE_FEATURE
from nightlatch.record.phases import COMPLETE
from nightlatch.record.progress import RULE_OF_END, rule_of
from nightlatch.verdict.approvals import Approved, written
from nightlatch.verdict.verdict import UNFINISHED

PATH = re.compile(r"\.?[\w@-][\w.@-]*(?:/[\w.@-]+)*\.\w+")
NO_PROOF = ("verify.hollow", "verify.notices-nothing", "judge.cannot-tell", "judge.no-answer")
FAULTS = frozenset({End.LOGIN, End.CREDIT, End.FAULT})


def dropped(rule: str) -> Verdict:
    """Return the verdict on work that cannot land as it is, and is carried to the next session."""
    return Verdict(safe=False, proved=None, outcome=Outcome.ADVANCED, reasons=(reason(rule),))


def close(
    verdict: Verdict,
    end: AgentEnd,
    *,
    hold_unproved: bool = False,
    confirmed: bool = False,
    goes_on: bool = False,
    named: Collection[str] = (),
) -> Verdict:
    """Return the verdict with its final outcome: proved work lands however the agent ended,
    anything less waits for a normal end.

    Work that nothing proves is carried where its session says what is to be done next (`goes_on`),
    or that it is not finished. A session that only found something out has advanced, once the loop
    has `confirmed` it and only unfinished work speaks against it. One that changed nothing but
    protected files which the feature names (`named`) asks for them.
    """
    says_unfinished = goes_on or end.unfinished
    if says_unfinished and _is_finished_unproved(verdict, end):
        reasons = (*verdict.reasons, reason("land.not-finished"))
        return replace(verdict, outcome=Outcome.ADVANCED, progress=True, reasons=reasons)
    closed = _closed(verdict, end, hold_unproved=hold_unproved)
    rejects = {reason.rule for reason in verdict.reasons if reason.ruling is Ruling.REJECT}
    asks_for_protected = rejects == {"scope.empty"} and not {*named}.isdisjoint(
        protected_in(closed)
    )
    if closed.outcome is Outcome.REJECTED and asks_for_protected:
        # nothing but what only a person may let it change
        return replace(closed, outcome=Outcome.BLOCKED, reasons=_without_empty(closed.reasons))
    only_unfinished = rejects <= {*UNFINISHED, "scope.empty"}
    if confirmed and only_unfinished and _came_to_nothing(closed, end):
        reasons = _without_empty(closed.reasons)
        return replace(closed, outcome=Outcome.ADVANCED, progress=True, reasons=reasons)
    return closed


def _is_finished_unproved(verdict: Verdict, end: AgentEnd) -> bool:
    return verdict.outcome is Outcome.UNPROVED and end.end is End.FINISHED


def _came_to_nothing(closed: Verdict, end: AgentEnd) -> bool:
    """Was the work rejected, or the agent cut off by something that is about this feature? What
    stops every agent alike, such as a usage limit, says nothing of what a session found out."""
    if closed.outcome is Outcome.REJECTED:
        return True
    is_about_feature = RULE_OF_END.get(end.end) not in NO_FAULT_OF_THE_FEATURE
    return closed.outcome is Outcome.INTERRUPTED and is_about_feature


def _without_empty(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return the reasons but that nothing was changed: why a session ended says more."""
    return tuple(reason for reason in reasons if reason.rule != "scope.empty")


def named_paths(feature: Feature, inside: str = "") -> tuple[str, ...]:
    """Return the files that a feature's words name, as git does; `inside` is the project's
    folder."""
    words = " ".join(
        (feature.title, feature.description, *feature.criteria, *feature.steps, *feature.verify)
    )
    above = f"{inside}/" if inside else ""
    return tuple(dict.fromkeys(f"{above}{path}" for path in PATH.findall(words)))


def protected_in(verdict: Verdict) -> tuple[str, ...]:
    """Return the protected files that a candidate changed, which were put back."""
    return tuple(
        path
        for reason in verdict.reasons
        if reason.rule == "scope.protected-path"
        for path in reason.detail
    )


def _closed(verdict: Verdict, end: AgentEnd, *, hold_unproved: bool) -> Verdict:
    if hold_unproved and _is_finished_unproved(verdict, end):
        reasons = (*verdict.reasons, reason("land.unproved"))
        return replace(verdict, outcome=Outcome.HELD, reasons=reasons)
    if verdict.outcome is Outcome.LANDED or end.end is End.FINISHED or phase_complete(verdict):
        return verdict
    if end.end is End.BLOCKED:
        outcome = Outcome.BLOCKED
    else:
        outcome = Outcome.FAILED if end.end in FAULTS else Outcome.INTERRUPTED
    return replace(verdict, outcome=outcome, reasons=_without_empty(verdict.reasons))


def phase_complete(verdict: Verdict) -> bool:
    return any(reason.rule == COMPLETE for reason in verdict.reasons)


def ended(
    session: str, feature: Feature, verdict: Verdict, end: AgentEnd, found: CheckedNote
) -> SessionEnded:
    """Return the session as its line in progress.txt will tell it; what its judge cost is part of
    what it cost."""
    details = (*((f"findings: {found.summary}",) if found.summary else ()), *found.remarks)
    whole = replace(end, usage=end.usage + verdict.usage)
    paths = protected_in(verdict) if verdict.outcome is Outcome.BLOCKED else ()
    if paths and not end.question:
        asks = (
            f"may it change {', '.join(paths[:3])}? What is protected is yours: name it in"
            f" mayChange of {feature.id}, then retry"
        )
        whole = replace(whole, end=End.BLOCKED, says=asks, question=asks)
    return SessionEnded(
        session=session,
        feature=feature,
        outcome=verdict.outcome,
        end=whole,
        reasons=verdict.reasons,
        details=details,
        findings=found.summary,
    )


def done(feature: Feature, verdict: Verdict, size: str) -> str:
    """Return what a landing changes and what proves it, in one line; why nothing does comes
    first."""
    size = size or "no file changed"
    if verdict.outcome is Outcome.UNPROVED:
        return f"{unproved_by(feature, verdict)}: {size}"
    by = (
        "its verify was red and is green"
        if verdict.ran.verify.startswith("red->green")
        else "a new test fails without it"
    )
    judged = ", and the judge finds its criteria met" if verdict.ran.judge.startswith("met") else ""
    return f"{size}; proof: {by}{judged}"


def unproved_by(feature: Feature, verdict: Verdict) -> str:
    """Return why nothing proves a feature whose work is safe."""
    said = [reason.says for reason in verdict.reasons if reason.rule in NO_PROOF]
    if not feature.verify:
        return " and ".join(("it has no verify", *(said or ["no new test fails without it"])))
    return " and ".join(said or ["its verify passes only by tests that the same session wrote"])


def trailers(done: SessionEnded, verdict: Verdict) -> Mapping[str, str]:
    """Return the proof of a landing, as it travels with the commit."""
    cost = (
        "unknown"
        if done.end.usage.usd is None
        else f"${done.end.usage.usd:.2f}{' (list price)' if done.end.window.listed else ''}"
    )
    return proof(done.feature, done.session, verdict, {"Cost": cost, "Findings": done.findings})


def proof(
    feature: Feature, session: str, verdict: Verdict, more: Mapping[str, str]
) -> Mapping[str, str]:
    said = {
        "Feature": feature.id,
        "Session": session,
        "Checks": verdict.ran.checks,
        "Tests": verdict.ran.tests,
        "Verify": verdict.ran.verify,
    }
    said |= {"Judge": verdict.ran.judge, **more}
    return {f"Nightlatch-{name}": one_line(value) for name, value in said.items() if value}


def message(feature: Feature, note: str, lines: Mapping[str, str]) -> str:
    tail = "\n".join(f"{name}: {value}" for name, value in lines.items())
    return f"{one_line(feature.id)} {one_line(feature.title)}{note}\n\n{tail}\n"


def landing_message(done: SessionEnded, verdict: Verdict, changes: Iterable[Change]) -> str:
    """Subject and trailers of a landing commit that changes this."""
    lines = {**trailers(done, verdict), "Nightlatch-Changed": changed(changes)}
    return message(done.feature, "" if done.outcome is Outcome.LANDED else " (unproved)", lines)


def approved_message(feature: Feature, session: str, verdict: Verdict, approved: Approved) -> str:
    """Subject and trailers of a held candidate that a person approved: one line for each rule
    that they were asked about."""
    lines = "".join(f"Nightlatch-Approved: {value}\n" for value in written(approved) or ("held",))
    return message(feature, " (approved)", proof(feature, session, verdict, {})) + lines


def progress_subject(done: SessionEnded) -> str:
    """Subject of the commit that only writes down what happened."""
    rule = rule_of(done)
    return f"progress: {one_line(done.feature.id)} {done.outcome}" + (f" ({rule})" if rule else "")


def one_line(text: str) -> str:
    return " ".join(text.split())
