"""The verdict: what to look at next, whether a candidate is safe, whether its feature is proved, and what the session came to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from nightlatch.core.models import Feature, Outcome, Reason, Ruling, Verdict
from nightlatch.core.results import NOT_GREEN, Answer, Check, Result, Results, State, file_of
from nightlatch.core.rules import reason
from nightlatch.core.testfiles import supersedes

UNFINISHED = frozenset({"tests.failed", "verify.red"})
LAST_LINES = 20


class Step(StrEnum):
    """One thing that can be found out about a candidate."""

    BEFORE = "verify at the base"
    OWN = "the candidate's tests on its code"
    CHECKS = "the base's checks on the candidate"
    OLD = "the base's tests on the candidate's code"
    NOW = "verify on the candidate"
    OWNED = "verify on the candidate with the base's tests"
    PROOF = "the candidate's new tests on the base's code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a verify command answered, and the end of what it printed."""

    answer: Answer
    tail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known about one candidate so far; None is what was not looked at.

    `tests_changed`: a test or configuration file differs from the base. `proof_changed`: a file that verify may rest on does.
    `flaky` ids came out both ways on base and candidate, `unsteady` ones on the candidate alone. `carried` are the ids that passed
    in the work that the session started from.
    """

    feature: Feature
    base: State
    scope: tuple[Reason, ...] = ()
    empty: bool = False
    finished: bool = True
    seen_red: bool = False
    tests_changed: bool = False
    proof_changed: bool = False
    own: Results | None = None
    checks: tuple[Check, ...] | None = None
    old: Results | None = None
    flaky: frozenset[str] = frozenset()
    unsteady: frozenset[str] = frozenset()
    before: Said | None = None
    now: Said | None = None
    owned: Said | None = None
    proof: frozenset[str] | None = None
    carried: frozenset[str] = field(default_factory=frozenset)


def next_step(e: Evidence) -> Step | None:
    """What to find out next, cheapest refusal first; None where the rest is pointless."""
    rejects = {r.rule for r in reasons(e) if r.ruling is Ruling.REJECT}
    if rejects - UNFINISHED or already_green(e):
        return None
    useful = [Step.PROOF] if "tests.failed" in rejects else list(Step)
    return next((step for step, wanted in _wishes(e) if wanted and step in useful), None)


def _wishes(e: Evidence) -> Iterator[tuple[Step, bool]]:
    asked = bool(e.feature.verify)
    yield Step.BEFORE, asked and e.before is None
    yield Step.OWN, e.own is None
    yield Step.CHECKS, e.checks is None
    yield Step.OLD, e.old is None and e.tests_changed
    yield Step.NOW, asked and e.now is None
    yield Step.OWNED, _green(e.now) and e.proof_changed and e.owned is None
    yield Step.PROOF, not base_owned(e) and e.proof is None and bool(new_passing(e))


def decide(e: Evidence) -> Verdict:
    """The two answers, from what was found out."""
    said, gained = reasons(e), progress(e)
    safe = not any(r.ruling in (Ruling.REJECT, Ruling.HOLD) and r.rule != "verify.red" for r in said)
    answer = proved(e) if safe else None
    return Verdict(
        safe=safe,
        proved=answer,
        outcome=outcome(said, answer, finished=e.finished, progress=gained),
        reasons=said,
        checks=_checks_text(e.checks),
        tests=e.own.summary() if e.own else "",
        verify="->".join(s.answer.value for s in (e.before, e.now) if s),
        progress=gained,
    )


def outcome(said: Sequence[Reason], answer: bool | None, *, finished: bool, progress: bool) -> Outcome:
    """What the session came to. Whoever was cut off lands only what is proved; all else is carried on."""
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
    if e.feature.verify and not _green(e.now):
        return False
    return True if base_owned(e) or e.proof else None


def base_owned(e: Evidence) -> bool:
    """Is verify green by tests and checks that the candidate did not write?"""
    return _green(e.now) and (_green(e.owned) if e.proof_changed else True)


def already_green(e: Evidence) -> bool:
    return _green(e.before) and not e.seen_red


def _green(said: Said | None) -> bool:
    return said is not None and said.answer is Answer.GREEN


def new_passing(e: Evidence) -> frozenset[str]:
    """Ids that pass and that the base does not have."""
    return e.own.passed - frozenset(e.base.tests.ids) if e.own else frozenset()


def progress(e: Evidence) -> bool:
    """Do more ids pass than when the session started, of those that fail at the base and new ones that fail on the base's code?"""
    if e.own is None or e.own.broken or e.own.answer is Answer.FAULT:
        return False
    counted = e.base.tests.failing | (e.proof or frozenset())
    known = e.base.tests.uncollected
    won = {i for i in e.own.passed - e.base.tests.passed if i in counted or file_of(i) in known}
    return len(won) > len(won & e.carried)


def reasons(e: Evidence) -> tuple[Reason, ...]:
    """Every objection and remark that the evidence gives so far."""
    named = {"tests.flaky": e.flaky, "tests.unsteady": e.unsteady}
    return (
        *e.scope,
        *((reason("scope.empty"),) if e.empty else ()),
        *_suite(e),
        *(reason(rule, sorted(ids)) for rule, ids in named.items() if ids),
        *_checks(e),
        *_verify(e),
    )


def _whole_run(e: Evidence, results: Results | None, rule: str) -> Reason | None:
    """What there is to say against a run before any of its ids is looked at."""
    base = e.base.tests
    if results is None:
        return None
    said = last_lines(results.tail)
    if results.answer is Answer.FAULT:
        return reason("tests.fault", said)
    if results.broken and not base.broken:
        return reason("tests.broken", (results.broken, *said))
    if not results.by_id and base.by_id and base.ids:
        return reason("tests.broken", ("no report was written, though there was one at the base", *said))
    return reason(rule, said) if not results.by_id and results.red and not base.red else None


def _suite(e: Evidence) -> Iterator[Reason]:
    for results, rule in ((e.own, "tests.failed"), (e.old, "ratchet.test-failed")):
        if objection := _whole_run(e, results, rule):
            yield objection
            return
    chance = e.flaky | e.unsteady
    worst: dict[str, str] = {}
    for results in (e.own, e.old):
        worst |= {name: rule for name, rule in slipped(e, results).items() if name not in chance and name not in worst}
    for rule in ("ratchet.test-removed", "ratchet.test-skipped", "ratchet.test-failed"):
        if names := sorted(name for name in worst if worst[name] == rule):
            yield reason(rule, names)
    if e.own and (names := sorted(newly_failing(e, e.own) - chance)):
        yield reason("tests.failed", names)


def slipped(e: Evidence, results: Results | None) -> Mapping[str, str]:
    """The ids that passed at the base and do not pass in these results, with the rule that each breaks; superseded ones aside."""
    if results is None or results.broken or not (results.by_id and e.base.tests.by_id):
        return {}
    names = e.feature.supersedes
    named_files = {file_of(i) for i in e.base.tests.ids if supersedes(names, i)}
    whole_files = named_files & set(results.uncollected)
    lost = lost_ids(e.base.tests.ids, results.ids, results.uncollected)
    return {i: rule for i, rule in lost.items() if not supersedes(names, i) and not (results is e.old and file_of(i) in whole_files)}


def lost_ids(before: Mapping[str, Result], after: Mapping[str, Result], uncollected: Iterable[str] = ()) -> dict[str, str]:
    """What became of the ids that passed before and do not pass after, by rule."""
    unreadable = frozenset(uncollected)
    lost = {}
    for name in (i for i, result in before.items() if result is Result.PASSED and after.get(i) is not Result.PASSED):
        match after.get(name, after.get(file_of(name))):
            case None:
                lost[name] = "ratchet.test-failed" if file_of(name) in unreadable else "ratchet.test-removed"
            case Result.SKIPPED:
                lost[name] = "ratchet.test-skipped"
            case _:
                lost[name] = "ratchet.test-failed"
    return lost


def newly_failing(e: Evidence, results: Results) -> frozenset[str]:
    """What fails and was not known at the base, by id or by a file that could not be loaded there."""
    known, files = e.base.tests, frozenset(e.base.tests.uncollected)
    return frozenset(i for i in results.failing - known.failing - known.passed if file_of(i) not in files)


def suspects(e: Evidence, results: Results) -> frozenset[str]:
    """The ids that would be held against the candidate: they run again before any refusal."""
    return frozenset(slipped(e, results)) | (newly_failing(e, results) if results is e.own else frozenset())


def by_chance(
    names: Iterable[str], base: Sequence[Results], candidate: Sequence[Results], known: Iterable[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """(flaky on base and candidate, unsteady on the candidate alone) of the ids that were run again; `known` are the base's ids.

    An id that the base itself no longer finds has a name that changes from run to run: flaky.
    """
    at_base = frozenset(known)
    wavered = {name for name in names if name in at_base and any(run.ids.get(name) is not Result.PASSED for run in base)}
    nameless = {name for name in wavered if all(name not in run.ids for run in (*base, *candidate))}
    recovered = {name for name in names if any(run.ids.get(name) is Result.PASSED for run in candidate)}
    return frozenset(recovered & wavered | nameless), frozenset(recovered - wavered)


def _checks(e: Evidence) -> Iterator[Reason]:
    base = {check.name: check for check in e.base.checks}
    checks = e.checks or ()
    if faults := [c for c in checks if c.answer is Answer.FAULT]:
        yield reason("check.fault", (_quoted(c) for c in faults))
    if failed := [c for c in checks if c.answer is Answer.RED and not _tolerated(c, base.get(c.name))]:
        yield reason("check.failed", (_quoted(c) for c in failed))
    lost = {i: rule for c in checks if c.name in base for i, rule in lost_ids(base[c.name].ids, c.ids).items()}
    for rule in sorted(set(lost.values())):
        if names := sorted(i for i in lost if lost[i] == rule and not supersedes(e.feature.supersedes, i)):
            yield reason(rule, names)


def _tolerated(check: Check, before: Check | None) -> bool:
    """A check that was red at the base may stay red, with no further id failing."""
    if before is None or before.answer is not Answer.RED:
        return False
    failing = {i for i, result in check.ids.items() if result in NOT_GREEN}
    return all(before.ids.get(i) in NOT_GREEN for i in failing)


def _quoted(check: Check) -> str:
    return "\n".join((check.name, *last_lines(check.tail)))


def _verify(e: Evidence) -> Iterator[Reason]:
    if already_green(e):
        yield reason("verify.already-green", e.feature.verify)
    for said in (e.before, e.now):
        if said and said.answer is Answer.FAULT:
            yield reason("verify.fault", last_lines(said.tail))
    if e.now and e.now.answer is Answer.RED:
        yield reason("verify.red", last_lines(e.now.tail))


def last_lines(text: str) -> tuple[str, ...]:
    """The end of what a command printed."""
    return tuple(text.strip("\n").splitlines()[-LAST_LINES:])


def _checks_text(checks: Sequence[Check] | None) -> str:
    ran = [c for c in checks or () if c.answer is not Answer.SKIP]
    return f"{sum(c.answer is Answer.GREEN for c in ran)}/{len(ran)}" if ran else ""
