"""Every objection and remark that the evidence about a candidate gives."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from nightlatch.core.approvals import settle
from nightlatch.core.evidence import (
    Compared,
    Evidence,
    Integrity,
    Kept,
    Said,
    Strict,
    fewer_cases,
    last_lines,
    lost_ids,
    newly_failing,
    slipped,
)
from nightlatch.core.judge import ruled
from nightlatch.core.models import Reason, Ruling
from nightlatch.core.ratchet.enforced import LOOSENED, UNKNOWN
from nightlatch.core.results import NOT_GREEN, Answer, Check, Result, Results
from nightlatch.core.rules import MENDED, WEAKER, layer_of, reason
from nightlatch.core.testfiles import supersedes

UNNAMED, FAILED, REMOVED = (
    "ratchet.superseded-unnamed",
    "ratchet.test-failed",
    "ratchet.test-removed",
)
LEFT, UNSTEADY = "ratchet.not-measured", "tests.unsteady"
PASSES = frozenset({Answer.GREEN, Answer.SKIP})
QUESTIONS = ("scope.", "judge.", "ratchet.protected-path", "ratchet.runner-dependency")


def reasons(e: Evidence) -> tuple[Reason, ...]:
    """Every objection and remark that the evidence gives so far."""
    named = {"tests.flaky": e.flaky, UNSTEADY: e.unsteady}
    found = (
        *e.scope,
        *_settled(e),
        *((reason("scope.empty"),) if e.empty else ()),
        *_suite(e),
        *(reason(rule, sorted(ids)) for rule, ids in named.items() if ids),
        *_measured(e),
        *_checks(e),
        *_verify(e),
        *(e.held_back or ()),
        *ruled(e.judged),
    )
    said = settle((r for r in found if layer_of(r.rule) not in e.off), e.approved)
    return combined(refused(r, MENDED) if e.in_run and r.ruling is Ruling.HOLD else r for r in said)


def _settled(e: Evidence) -> Iterator[Reason]:
    """What was seen in texts, without doubts that the checks themselves settled: they pass with
    the base's configuration as well."""
    for said in e.static:
        if (
            said.rule != LOOSENED
            or e.strict is None
            or not all(check.answer in PASSES for check in e.strict.checks)
        ):
            yield said
            continue
        tools = e.strict.tools
        left = [
            line
            for line in said.detail
            if not (line.endswith(UNKNOWN) and line.partition("::")[2].partition(" ")[0] in tools)
        ]
        if left:
            yield reason(said.rule, left)


def combined(found: Iterable[Reason]) -> tuple[Reason, ...]:
    """Two signs of weakening together are a refusal; changed tests wait for a person only where
    nothing else is objected to."""
    said = tuple(found)
    objections = {
        r.rule for r in said if r.ruling is not Ruling.FLAG and not r.rule.startswith(QUESTIONS)
    } - {LEFT, UNSTEADY}
    signs = objections & WEAKER - (
        {"ratchet.fewer-rows"} if "ratchet.fewer-cases" in objections else set()
    )
    if UNNAMED in objections and len(objections) > 1:
        return tuple(
            reason(FAILED, r.detail) if r.rule == UNNAMED else refused(r, signs) for r in said
        )
    return tuple(refused(r, signs) if len(signs) > 1 else r for r in said)


def refused(found: Reason, rules: Collection[str]) -> Reason:
    return replace(found, ruling=Ruling.REJECT) if found.rule in rules else found


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
    gone = {
        name: why
        for name, why in results.absent_suites.items()
        if name in base.parts and name not in base.absent_suites
    }
    if gone:
        return reason(
            "tests.fault",
            (
                f"{name} ran at the base and cannot be started now: {why}"
                for name, why in gone.items()
            ),
        )
    if unsound := {name: why for name, why in results.unsound.items() if name not in base.unsound}:
        return reason("tests.broken", (*(f"{name}: {why}" for name, why in unsound.items()), *said))
    if not results.by_id and base.by_id and base.ids:
        return reason(
            "tests.broken", ("no report was written, though there was one at the base", *said)
        )
    return reason(rule, said) if not results.by_id and results.red and not base.red else None


def _suite(e: Evidence) -> Iterator[Reason]:
    for results, rule in ((e.own, "tests.failed"), (e.old, "ratchet.test-failed")):
        if objection := _whole_run(e, results, rule):
            yield objection
            return
    yield from _rewritten(e)
    if forgotten := _forgotten(e):
        yield reason("ratchet.input-gone", forgotten)
    if left := {**e.base.tests.absent_suites, **(e.own.absent_suites if e.own else {})}:
        yield reason("tests.suite-absent", (f"{name}: {why}" for name, why in sorted(left.items())))
    chance = e.flaky | e.unsteady
    own, old = (
        {i: rule for i, rule in slipped(e, run).items() if i not in chance}
        for run in (e.own, e.old)
    )
    worst = {**old, **own}
    removed = tuple(
        _removed(e, [i for i in own if own[i] == REMOVED], [i for i in old if worst[i] == REMOVED])
    )
    yield from removed
    if names := sorted(i for i in worst if worst[i] == "ratchet.test-skipped"):
        yield reason("ratchet.test-skipped", names)
    gone = {i for r in removed for i in r.detail}
    told = {i for r in removed if r.ruling is Ruling.REJECT for i in r.detail}
    failed = {i for i in worst if worst[i] == FAILED} | {
        i for i in old if (old[i], worst[i]) == (FAILED, REMOVED)
    } - told
    if names := sorted(failed):
        renamed = {
            i
            for i in own
            if own[i] == REMOVED and i not in gone and i not in e.moved.keys() - e.intact
        }
        bent = own.keys() <= renamed and all(
            i in renamed or (e.own is not None and e.own.ids.get(i) is Result.PASSED) for i in names
        )
        yield (
            reason(UNNAMED, (*names, *e.goldens))
            if bent and e.weaker and not e.weaker.survivors
            else reason(FAILED, names)
        )
    if e.own and (names := sorted(newly_failing(e, e.own) - chance)):
        yield reason("tests.failed", names)


def _forgotten(e: Evidence) -> list[str]:
    """What tests of the base do not ask any more, though the candidate passes them as they were
    and nothing had to change."""
    kept = e.old.passed if e.old else frozenset[str]()
    # one edit is one objection
    told = {line.partition(" (line ")[0] for said in e.static for line in said.detail}
    names = (name for name in e.forgotten if name in kept and name not in told)
    return sorted(e.forgotten[name] for name in names if not supersedes(e.feature.supersedes, name))


def _removed(e: Evidence, own: Collection[str], old: Collection[str]) -> Iterator[Reason]:
    """What became of ids that are not there any more, in the candidate's own suite and in the
    base's on its code."""
    before, passed = e.base.tests.passed, e.own.passed if e.own else frozenset()
    gone, fewer = fewer_cases(before, passed, [i for i in own if i not in e.moved])
    still_gone, still_fewer = fewer_cases(
        before, e.old.passed if e.old else (), set(old) - set(own)
    )
    unmatched = bool(e.weaker and e.weaker.no_weaker) and not still_gone and not e.in_run
    if names := sorted({*gone, *still_gone}):
        yield reason("ratchet.test-unmatched" if unmatched else "ratchet.test-removed", names)
    if names := sorted({*fewer, *still_fewer}):
        yield reason("ratchet.fewer-cases", names)


def _rewritten(e: Evidence) -> Iterator[Reason]:
    """Test files that a run changed, those aside that the base's own run changes too, or that
    the feature is meant to change."""
    changed = {name for run in (e.own, e.old) if run for name in run.rewritten} - set(
        e.base.tests.rewritten
    )
    if names := sorted(name for name in changed if not supersedes(e.feature.supersedes, name)):
        yield reason("ratchet.tests-rewritten", names)


def _measured(e: Evidence) -> Iterator[Reason]:
    """What came of tests that must fail, and of changed code."""
    seen, told = e.integrity or Integrity(), e.weaker or Compared()
    lost = [i for i, rule in slipped(e, e.own).items() if rule == REMOVED]
    gone, _ = fewer_cases(e.base.tests.passed, e.own.passed if e.own else (), lost)
    for rule, detail in (
        ("ratchet.canary", seen.canaries),
        ("ratchet.expected-ignored", seen.ignored),
    ):
        if detail:
            yield reason(rule, detail)
    if told.survivors:
        mended = e.in_run and not e.feature.supersedes
        yield reason("ratchet.weaker", told.survivors, Ruling.REJECT if gone or mended else None)
    if seen.blind:
        yield reason("ratchet.canary-blind", (seen.blind,))
    if left := (*seen.left, *told.left):
        yield reason(LEFT, left)
    if e.unwatched and e.unwatched.only:
        yield reason("unwatched.fails", e.unwatched.only)
    if e.unwatched and e.unwatched.unsure:
        yield reason("unwatched.differs", e.unwatched.unsure)


def _checks(e: Evidence) -> Iterator[Reason]:
    base = {check.name: check for check in e.base.checks}
    checks = e.checks or ()
    if faults := [c for c in checks if c.answer is Answer.FAULT]:
        yield reason("check.fault", (_quoted(c) for c in faults))
    if failed := [
        c for c in checks if c.answer is Answer.RED and not _tolerated(c, base.get(c.name))
    ]:
        yield reason("check.failed", (_quoted(c) for c in failed))
    if e.strict:
        yield from _own_configuration(e.strict, {check.name: check for check in checks}, base)
    lost = {
        i: rule
        for c in checks
        if c.name in base
        for i, rule in lost_ids(base[c.name].ids, c.ids).items()
    }
    for rule in sorted(set(lost.values())):
        if names := sorted(
            i for i in lost if lost[i] == rule and not supersedes(e.feature.supersedes, i)
        ):
            yield reason(rule, names)


def _own_configuration(
    strict: Strict, own: Mapping[str, Check], base: Mapping[str, Check]
) -> Iterator[Reason]:
    """Checks that pass with the candidate's configuration alone."""
    only = [
        c
        for c in strict.checks
        if c.answer is Answer.RED and c.name in own and own[c.name].answer is Answer.GREEN
    ]
    if told := [c for c in only if not _tolerated(c, base.get(c.name))]:
        yield reason("check.own-configuration", (*strict.says, *(_quoted(c) for c in told)))


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
    if e.through and e.through.answer is not Answer.GREEN:
        yield reason("verify.harness-changed", e.bent)
    if e.kept:
        yield from _kept(e.kept)
    if e.strength and e.strength.weak:
        yield reason(
            "verify.hollow" if e.strength.hollow else "verify.notices-nothing", e.strength.tried
        )
    if e.strength and e.strength.known_only:
        yield reason("verify.only-known-inputs", e.strength.known_only)


def _kept(kept: Kept) -> Iterator[Reason]:
    """What became of the features that passed at the base."""
    named = {
        "verify.broken": kept.broken,
        "verify.unsteady": kept.unsteady,
        "verify.left": kept.left,
    }
    yield from (reason(rule, names) for rule, names in named.items() if names)


def already_green(e: Evidence) -> bool:
    return green(e.before) and not e.seen_red


def green(said: Said | None) -> bool:
    return said is not None and said.answer is Answer.GREEN
