"""Draw every violation and remark from the evidence about a candidate."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from nightlatch.model.models import Reason, Ruling
from nightlatch.model.rules import layer_of, mended, reason, weakening
from nightlatch.ratchet.static.checker_config import LOOSENED, UNKNOWN
from nightlatch.suite.results import (
    NOT_GREEN,
    Check,
    CheckStatus,
    Result,
    SuiteResult,
    VerifyResult,
    last_lines,
)
from nightlatch.suite.runner_detection import supersedes
from nightlatch.verdict.approvals import settle
from nightlatch.verdict.evidence import (
    Evidence,
    IntegrityResult,
    MutationResult,
    ProofStrength,
    Reverified,
    Runs,
    StrictChecks,
    fewer_cases,
    lost_ids,
    newly_failing,
    slipped,
)
from nightlatch.verdict.judge import ruled

UNNAMED = "ratchet.superseded-unnamed"
FAILED = "ratchet.test-failed"
REMOVED = "ratchet.test-removed"
SKIPPED = "ratchet.test-skipped"
NOT_MEASURED = "ratchet.not-measured"
UNSTEADY = "tests.unsteady"
PASSES = frozenset({CheckStatus.GREEN, CheckStatus.SKIP})
# Rules that ask a person about something else than weaker tests: beside changed tests they do not
# turn the question about those into a refusal.
QUESTIONS = ("scope.", "judge.", "ratchet.protected-path", "ratchet.runner-dependency")


@dataclass(frozen=True, slots=True, kw_only=True)
class LostTests:
    """The ids that passed at the base and do not any more, with the rule that each breaks.

    `own` are those of the candidate's own tests, `old` those of the base's tests on its code. They
    are found out once for all rules: that walks every id of the suite.
    """

    own: Mapping[str, str]
    old: Mapping[str, str]


def violations(e: Evidence) -> tuple[Reason, ...]:
    """Return every violation and remark that the evidence gives so far."""
    lost = LostTests(own=slipped(e, e.runs.own), old=slipped(e, e.runs.old))
    flakiness = e.runs.flakiness
    by_chance = {"tests.flaky": flakiness.flaky, UNSTEADY: flakiness.unsteady}
    every = (
        *e.baseline.scope,
        *_static(e),
        *((reason("scope.empty"),) if e.context.empty else ()),
        *_suite(e, lost),
        *(reason(rule, sorted(ids)) for rule, ids in by_chance.items() if ids),
        *_probes(e, lost),
        *_checks(e),
        *_verify(e),
        *(e.probes.held_back or ()),
        *ruled(e.probes.judged),
    )
    in_force = (r for r in every if layer_of(r.rule) not in e.context.layers_off)
    answered = settle(in_force, e.baseline.approved)
    if e.context.in_run:
        # The next session can put these right by itself: no person is asked.
        answered = tuple(
            as_refusal(r, mended()) if r.ruling is Ruling.HOLD else r for r in answered
        )
    return combined(answered)


def combined(violations: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return the violations with those refused that together leave no doubt.

    Two signs of weakening together are a refusal; changed tests wait for a person only where there
    is no other violation (decision 9).
    """
    every = tuple(violations)
    rules = {r.rule for r in every if r.ruling is not Ruling.FLAG}
    # Neither says that anything is weaker: one is want of time, the other chance.
    counted = {rule for rule in rules if not rule.startswith(QUESTIONS)} - {NOT_MEASURED, UNSTEADY}
    signs = counted & weakening()
    if "ratchet.fewer-cases" in counted:
        signs = signs - {"ratchet.fewer-rows"}  # one loss, seen in the run and in the text
    if UNNAMED in counted and len(counted) > 1:
        return tuple(
            reason(FAILED, r.detail) if r.rule == UNNAMED else as_refusal(r, signs) for r in every
        )
    return tuple(as_refusal(r, signs) for r in every) if len(signs) > 1 else every


def as_refusal(violation: Reason, rules: Collection[str]) -> Reason:
    """Return the violation as a refusal where its rule is one of these."""
    return replace(violation, ruling=Ruling.REJECT) if violation.rule in rules else violation


def already_green(e: Evidence) -> bool:
    """Did verify pass before any work, and never fail for this feature?"""
    return is_green(e.runs.before) and not e.context.seen_red


def is_green(result: VerifyResult | None) -> bool:
    return result is not None and result.answer is CheckStatus.GREEN


def _static(e: Evidence) -> Iterator[Reason]:
    """Yield what was read in texts, without doubts that the checks themselves settled.

    They are settled where all checks pass with the base's configuration as well.
    """
    strict = e.probes.strict
    if strict is None or not all(check.answer in PASSES for check in strict.checks):
        yield from e.baseline.static
        return
    for violation in e.baseline.static:
        if violation.rule != LOOSENED:
            yield violation
        elif doubts := [line for line in violation.detail if not _is_settled(line, strict.tools)]:
            yield reason(LOOSENED, doubts)


def _is_settled(line: str, tools: Collection[str]) -> bool:
    """Is this a doubt about a tool that the checks started?"""
    tool = line.partition("::")[2].partition(" ")[0]
    return line.endswith(UNKNOWN) and tool in tools


def _suite(e: Evidence, lost: LostTests) -> Iterator[Reason]:
    """Yield what the runs of the tests came to."""
    for results, rule in ((e.runs.own, "tests.failed"), (e.runs.old, FAILED)):
        if violation := _run_as_a_whole(e.base_tests, results, rule):
            # Of a run that cannot be believed no single id is looked at.
            yield violation
            return
    yield from _rewritten_files(e)
    yield from _dropped_inputs(e)
    yield from _absent_suites(e)
    yield from _lost_tests(e, lost)
    yield from _new_failures(e)


def _run_as_a_whole(base: SuiteResult, results: SuiteResult | None, rule: str) -> Reason | None:
    """Return what speaks against a run before any of its ids is looked at."""
    if results is None:
        return None
    tail = last_lines(results.tail)
    if results.answer is CheckStatus.FAULT:
        return reason("tests.fault", tail)
    # What cannot be believed at the base already is not held against the candidate.
    if results.broken and not base.broken:
        return reason("tests.broken", (results.broken, *tail))
    if missing := _suites_that_ran_before(base, results):
        return reason("tests.fault", missing)
    if problems := _problems_of_reports(base, results):
        return reason("tests.broken", (*problems, *tail))
    is_newly_red = results.red and not base.red
    return reason(rule, tail) if is_newly_red and not results.by_id else None


def _problems_of_reports(base: SuiteResult, results: SuiteResult) -> list[str]:
    """Return why the reports cannot be believed, where the base's could be."""
    unsound = results.unsound.items()
    problems = [f"{name}: {why}" for name, why in unsound if name not in base.unsound]
    # Whoever could make the runner write no report would have every id forgotten.
    had_report = base.by_id and bool(base.ids)
    if had_report and not results.by_id and not problems:
        return ["no report was written, though there was one at the base"]
    return problems


def _suites_that_ran_before(base: SuiteResult, results: SuiteResult) -> list[str]:
    """Return the suites that could be started at the base and cannot be now, with why."""
    return [
        f"{name} ran at the base and cannot be started now: {why}"
        for name, why in results.absent_suites.items()
        if name in base.parts and name not in base.absent_suites
    ]


def _rewritten_files(e: Evidence) -> Iterator[Reason]:
    """Yield test files that a run changed.

    Those that the base's own run changes too, or that the feature is meant to change, are left out.
    """
    rewritten = {name for run in (e.runs.own, e.runs.old) if run for name in run.noticed.rewritten}
    candidates = rewritten - set(e.base_tests.noticed.rewritten)
    if names := _not_superseded(e, candidates):
        yield reason("ratchet.tests-rewritten", names)


def _dropped_inputs(e: Evidence) -> Iterator[Reason]:
    """Yield what the base's tests no longer ask, though the candidate passes them as they were."""
    old = e.runs.old
    if old is None or not e.baseline.dropped_inputs:
        return
    passed, dropped = old.passed, e.baseline.dropped_inputs
    # One edit is one violation: what was read in the text already is not said again.
    named = {line.partition(" (line ")[0] for r in e.baseline.static for line in r.detail}
    ids = _not_superseded(e, (i for i in dropped if i in passed and i not in named))
    if ids:
        yield reason("ratchet.input-gone", sorted(dropped[i] for i in ids))


def _absent_suites(e: Evidence) -> Iterator[Reason]:
    """Yield the suites that could not be started, at the base or now."""
    own = e.runs.own.absent_suites if e.runs.own else {}
    if absent := {**e.base_tests.absent_suites, **own}:
        lines = (f"{name}: {why}" for name, why in sorted(absent.items()))
        yield reason("tests.suite-absent", lines)


def _lost_tests(e: Evidence, lost: LostTests) -> Iterator[Reason]:
    """Yield what became of the base's tests, those aside that come out both ways by chance."""
    by_chance = e.runs.flakiness.ids
    own, old = _without(lost.own, by_chance), _without(lost.old, by_chance)
    # What the candidate's own suite says of an id comes before what the base's version says.
    worst = {**old, **own}
    gone_in_own = [i for i, rule in own.items() if rule == REMOVED]
    gone_in_old = [i for i in old if worst[i] == REMOVED]
    removed = tuple(_removed_tests(e, gone_in_own, gone_in_old))
    yield from removed
    if names := sorted(i for i, rule in worst.items() if rule == SKIPPED):
        yield reason(SKIPPED, names)
    refused = {i for r in removed if r.ruling is Ruling.REJECT for i in r.detail}
    failed = {i for i, rule in worst.items() if rule == FAILED}
    failed_then_removed = {i for i in gone_in_old if old[i] == FAILED}
    if names := sorted(failed | (failed_then_removed - refused)):
        yield _failed_tests(e, own, names, removed)


def _without(rules: Mapping[str, str], ids: Collection[str]) -> dict[str, str]:
    """Return the rules of all but these ids."""
    return {i: rule for i, rule in rules.items() if i not in ids}


def _failed_tests(
    e: Evidence, own: Mapping[str, str], names: list[str], removed: Iterable[Reason]
) -> Reason:
    """Return the base's tests that fail: held where only they and the code changed together.

    That is so where the candidate's own version of each passes, or has another name, and the
    mutants of the code show that it notices no less.
    """
    results = e.runs.own.ids if e.runs.own else {}
    renamed = _renamed_tests(e, own, removed)
    has_own_version = all(i in renamed or results.get(i) is Result.PASSED for i in names)
    changed_together = own.keys() <= renamed and has_own_version
    weaker = e.probes.weaker
    if changed_together and weaker and not weaker.survivors:
        return reason(UNNAMED, (*names, *e.baseline.goldens))
    return reason(FAILED, names)


def _renamed_tests(e: Evidence, own: Mapping[str, str], removed: Iterable[Reason]) -> set[str]:
    """Return the ids that are gone from the candidate's suite and have another name there."""
    gone = {i for r in removed for i in r.detail}
    left_out = gone | e.runs.moved.changed
    return {i for i, rule in own.items() if rule == REMOVED and i not in left_out}


def _removed_tests(e: Evidence, own: Collection[str], old: Collection[str]) -> Iterator[Reason]:
    """Yield what became of ids that are gone.

    `own` are gone from the candidate's own suite, `old` from the base's on its code.
    """
    if not own and not old:
        return
    before = e.base_tests.passed
    not_moved = [i for i in own if i not in e.runs.moved.moved_to]
    gone, fewer = fewer_cases(before, _passed(e.runs.own), not_moved)
    still_gone, still_fewer = fewer_cases(before, _passed(e.runs.old), set(old) - set(own))
    weaker = e.probes.weaker
    no_loss_shown = weaker is not None and weaker.no_weaker
    # In a run the tests are put back instead: the next session goes on with them.
    is_unmatched = no_loss_shown and not still_gone and not e.context.in_run
    if names := sorted({*gone, *still_gone}):
        yield reason("ratchet.test-unmatched" if is_unmatched else REMOVED, names)
    if names := sorted({*fewer, *still_fewer}):
        yield reason("ratchet.fewer-cases", names)


def _passed(results: SuiteResult | None) -> frozenset[str]:
    """Return the ids that passed in a run, none where it was not made."""
    return results.passed if results else frozenset()


def _new_failures(e: Evidence) -> Iterator[Reason]:
    """Yield what fails and did not at the base."""
    own = e.runs.own
    if own and (names := sorted(newly_failing(e, own) - e.runs.flakiness.ids)):
        yield reason("tests.failed", names)


def _probes(e: Evidence, lost: LostTests) -> Iterator[Reason]:
    """Yield what came of tests that must fail, of changed code, and of running unrecognised."""
    integrity = e.probes.integrity or IntegrityResult()
    weaker = e.probes.weaker or MutationResult()
    yield from _named(
        {
            "ratchet.canary": integrity.canaries,
            "ratchet.expected-ignored": integrity.ignored,
        }
    )
    if weaker.survivors:
        yield reason("ratchet.weaker", weaker.survivors, _ruling_of_weaker(e, lost))
    if integrity.blind:
        yield reason("ratchet.canary-blind", (integrity.blind,))
    yield from _named({NOT_MEASURED: (*integrity.not_run, *weaker.untried)})
    if unwatched := e.probes.unwatched:
        yield from _named(
            {
                "unwatched.fails": unwatched.only,
                "unwatched.differs": unwatched.unsure,
            }
        )


def _ruling_of_weaker(e: Evidence, lost: LostTests) -> Ruling | None:
    """Return a refusal where tests are gone, or the next session can mend it; else the usual."""
    if e.context.in_run and not e.feature.supersedes:
        return Ruling.REJECT
    removed = [i for i, rule in lost.own.items() if rule == REMOVED]
    gone, _ = fewer_cases(e.base_tests.passed, _passed(e.runs.own), removed)
    return Ruling.REJECT if gone else None


def _checks(e: Evidence) -> Iterator[Reason]:
    """Yield what the base's checks say."""
    before = {check.name: check for check in e.baseline.state.checks}
    checks = e.runs.checks or ()
    if faults := [c for c in checks if c.answer is CheckStatus.FAULT]:
        yield reason("check.fault", map(_quoted, faults))
    red = [c for c in checks if c.answer is CheckStatus.RED]
    if failed := [c for c in red if not _tolerated(c, before.get(c.name))]:
        yield reason("check.failed", map(_quoted, failed))
    if e.probes.strict:
        yield from _own_configuration(e.probes.strict, checks, before)
    yield from _lost_in_checks(e, before)


def _own_configuration(
    strict: StrictChecks, checks: Iterable[Check], before: Mapping[str, Check]
) -> Iterator[Reason]:
    """Yield checks that pass with the candidate's configuration alone."""
    green = {check.name for check in checks if check.answer is CheckStatus.GREEN}
    only = [c for c in strict.checks if c.answer is CheckStatus.RED and c.name in green]
    if failed := [c for c in only if not _tolerated(c, before.get(c.name))]:
        yield reason("check.own-configuration", (*strict.differences, *map(_quoted, failed)))


def _lost_in_checks(e: Evidence, before: Mapping[str, Check]) -> Iterator[Reason]:
    """Yield ids that checks report by themselves and that do not pass any more, by rule."""
    lost: dict[str, str] = {}
    for check in e.runs.checks or ():
        if check.name in before:
            lost.update(lost_ids(before[check.name].ids, check.ids))
    for rule in sorted(set(lost.values())):
        yield from _named({rule: _not_superseded(e, (i for i in lost if lost[i] == rule))})


def _tolerated(check: Check, before: Check | None) -> bool:
    """Return whether a red check was red at the base, and no further id of it fails."""
    if before is None or before.answer is not CheckStatus.RED:
        return False
    failing = {i for i, result in check.ids.items() if result in NOT_GREEN}
    return all(before.ids.get(i) in NOT_GREEN for i in failing)


def _quoted(check: Check) -> str:
    """Return a check's name above the end of what it printed."""
    return "\n".join((check.name, *last_lines(check.tail)))


def _verify(e: Evidence) -> Iterator[Reason]:
    """Yield what the feature's own verify says, and what is known of its strength."""
    if already_green(e):
        yield reason("verify.already-green", e.feature.verify)
    yield from _verify_runs(e.runs)
    if e.probes.reverified:
        yield from _reverified(e.probes.reverified)
    if e.probes.strength:
        yield from _strength(e.probes.strength)


def _verify_runs(runs: Runs) -> Iterator[Reason]:
    """Yield what the runs of the feature's verify came to."""
    for result in (runs.before, runs.now):
        if result and result.answer is CheckStatus.FAULT:
            yield reason("verify.fault", last_lines(result.tail))
    if runs.now and runs.now.answer is CheckStatus.RED:
        yield reason("verify.red", last_lines(runs.now.tail))
    if runs.through and runs.through.answer is not CheckStatus.GREEN:
        yield reason("verify.harness-changed", runs.harness_changes)


def _strength(strength: ProofStrength) -> Iterator[Reason]:
    """Yield what the proof of the feature did not notice."""
    if strength.weak:
        rule = "verify.hollow" if strength.hollow else "verify.notices-nothing"
        yield reason(rule, strength.tried)
    if strength.known_only:
        yield reason("verify.only-known-inputs", strength.known_only)


def _reverified(others: Reverified) -> Iterator[Reason]:
    """Yield what became of the features that passed at the base."""
    yield from _named(
        {
            "verify.broken": others.broken,
            "verify.unsteady": others.unsteady,
            "verify.left": others.postponed,
        }
    )


def _named(details: Mapping[str, Collection[str]]) -> Iterator[Reason]:
    """Yield a reason for each rule that has something to name."""
    return (reason(rule, names) for rule, names in details.items() if names)


def _not_superseded(e: Evidence, names: Iterable[str]) -> list[str]:
    """Return those of these ids or files, sorted, that the feature is not meant to change."""
    return sorted(name for name in names if not supersedes(e.feature.supersedes, name))
