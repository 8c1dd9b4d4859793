"""Take the steps of a verdict: each finds one thing out and adds it to the evidence."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nightlatch.model.models import Feature, Usage
from nightlatch.ratchet.static import declared_tests
from nightlatch.ratchet.static.moved_tests import explained, word_for_word
from nightlatch.ratchet.static.superseded import pruned
from nightlatch.suite.evaluate_io import MOST_AGAIN, TreeEvaluator, proof_name
from nightlatch.suite.results import CheckStatus, SuiteResult, VerifyResult, file_of, passing
from nightlatch.suite.suites import holders
from nightlatch.util.paths import FILE
from nightlatch.verdict import (
    checkers_io,
    harness_io,
    hidden_checks_io,
    integrity_io,
    kept_features_io,
    mutation_io,
    neighbour_inputs_io,
    proof_strength_io,
    unwatched_io,
)
from nightlatch.verdict.comparison_io import Comparison
from nightlatch.verdict.evidence import (
    Evidence,
    Flakiness,
    MovedTests,
    Step,
    by_chance,
    chances,
    new_passing,
    suspects,
)
from nightlatch.verdict.judge import asked, came_to
from nightlatch.verdict.judge_io import JudgeInput, JudgeRunner, left_by_checks
from nightlatch.verdict.verdict import base_owned
from nightlatch.verdict.violations import REMOVED

# What is in question runs twice more on base and candidate: one more run may be luck again.
ROUNDS = 2
# An id that wavers on the candidate alone is only held where the base passes it this often as well.
MORE_BASE_ROUNDS = 4
# Shares of limits.check that the steps which run things again and again may take.
SHARES = {
    Step.PROOF: 0.25,
    Step.INTEGRITY: integrity_io.SHARE,
    Step.WEAKER: 0.25,
    Step.KEPT: kept_features_io.SHARE,
    Step.UNWATCHED: unwatched_io.SHARE,
    Step.STRENGTH: proof_strength_io.SHARE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """One candidate, and what there is to examine it with.

    `held_back` is the folder of the checks that nobody else may see, `most_mutants` how many faults
    are tried at most.
    """

    evaluator: TreeEvaluator
    comparison: Comparison
    judge: JudgeRunner | None = None
    held_back: Path | None = None
    most_mutants: int = 24

    def share(self, step: Step) -> float:
        """Return the seconds that a step may take, 0 without a limit of its own."""
        return SHARES.get(step, 0.0) * self.evaluator.hands.timeout

    def verify(self, tree: str) -> VerifyResult:
        """Return what the candidate's feature says of a tree, by the base's settings."""
        return self.evaluator.verify(self.comparison.base, tree, self.comparison.feature)


def verify_at(evaluator: TreeEvaluator, base: str, feature: Feature) -> VerifyResult:
    """Return what a feature's verify says at a base, which is found out once."""
    name = proof_name(feature)
    known = evaluator.proofs(base)
    if name in known:
        return known[name]
    result = evaluator.verify(base, base, feature)
    evaluator.keep_proofs(base, {name: result})
    return result


def _verify_at_base(x: Examination, e: Evidence) -> Evidence:
    before = verify_at(x.evaluator, x.comparison.base, x.comparison.feature)
    return replace(e, runs=replace(e.runs, before=before))


def _run_own_tests(x: Examination, e: Evidence) -> Evidence:
    evaluator, comparison = x.evaluator, x.comparison
    wants_integrity = Step.INTEGRITY in e.context.wanted_steps
    # Where there is a processor for it, what has to fail is run at the same time: it takes no
    # longer than the suite then.
    is_beside = wants_integrity and evaluator.runs_apart
    beside = integrity_io.requests_ahead(evaluator, comparison, e) if is_beside else ()
    results = evaluator.results(comparison.base, comparison.tree, comparison.suite, beside=beside)
    moved = _moved_tests(comparison, e, results)
    e = replace(e, runs=replace(e.runs, own=results, moved=moved))
    e = _again(x, e, comparison.tree, results)
    if results.broken and not results.ids and e.base_tests.ids:
        e = _with_removals_by_text(comparison, e)
    if comparison.suite.runner:
        # Chance is no loss: where this work is gone on with, its results say so.
        recovered = e.runs.flakiness.ids & results.failing
        name = evaluator.tests_name(comparison.tree, comparison.suite)
        evaluator.cache.save(name, passing(results, recovered))
    return e


def _moved_tests(comparison: Comparison, e: Evidence, results: SuiteResult) -> MovedTests:
    """Return where ids went that passed at the base and do not pass here."""
    lost = e.base_tests.passed - results.passed
    if not lost:
        return MovedTests()
    by_text = explained(lost, results.passed, comparison.texts)
    by_file = moved_with_files(lost, results.passed, e.baseline.moved_files)
    intact = frozenset((*word_for_word(by_text, comparison.texts), *by_file))
    return MovedTests(moved_to={**by_text, **by_file}, intact=intact)


def moved_with_files(
    lost: Iterable[str], passed: Collection[str], moved_files: Mapping[str, str]
) -> dict[str, str]:
    """Return where lost ids are whose file moved as it is.

    Whatever its runner calls them, there is one of the same name in the new place.
    """
    moved = {}
    for name in lost:
        file = file_of(name)
        options = (new + name.removeprefix(file) for new, old in moved_files.items() if old == file)
        if now := next((option for option in options if option in passed), None):
            moved[name] = now
    return moved


def _with_removals_by_text(comparison: Comparison, e: Evidence) -> Evidence:
    """Return the evidence with the tests that are gone by what their files say.

    After a run without ids only the texts can tell, and the next session needs to know it.
    """
    supersedes = comparison.feature.supersedes
    by_text = declared_tests.beside((), comparison.texts, supersedes, ())
    gone = (r for r in by_text if r.rule == REMOVED)
    others = (r for r in e.baseline.static if r.rule != REMOVED)
    return replace(e, baseline=replace(e.baseline, static=(*others, *gone)))


def _run_old_tests(x: Examination, e: Evidence) -> Evidence:
    evaluator, comparison = x.evaluator, x.comparison
    tree = evaluator.repo.tree_with(comparison.tree, comparison.restored.tests)
    results = evaluator.run(comparison.base, tree, comparison.suite)
    shorter = _without_superseded(x, results.uncollected)
    if shorter:
        tree = evaluator.repo.tree_with(tree, shorter)
        results = evaluator.run(comparison.base, tree, comparison.suite)
    return _again(x, replace(e, runs=replace(e.runs, old=results)), tree, results)


def _without_superseded(x: Examination, files: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return test files of the base without what the feature supersedes.

    A file that cannot be loaded on the new code, because it imports what is meant to go, would hide
    all the other tests in it.
    """
    evaluator, names = x.evaluator, x.comparison.feature.supersedes
    entries = {}
    for file in files if names else ():
        path = evaluator.repo_path(file)
        data = evaluator.repo.read(x.comparison.base, path) or b""
        if text := pruned(file, data.decode("utf-8", "replace"), names):
            entries[path] = (FILE, evaluator.repo.write_blob(text.encode()))
    return entries


def _again(x: Examination, e: Evidence, tree: str, results: SuiteResult) -> Evidence:
    """Run the ids in question again before any refusal, on base and candidate in turn."""
    evaluator, comparison, flakiness = x.evaluator, x.comparison, e.runs.flakiness
    names = suspects(e, results) - flakiness.ids
    has_crashed = results.broken or results.unsound.keys() - e.base_tests.unsound.keys()
    if not 0 < len(names) <= MOST_AGAIN or has_crashed or results.answer is CheckStatus.FAULT:
        return e
    base_ids = frozenset(e.base_tests.ids) & names

    def run(rev: str, ids: Collection[str]) -> SuiteResult:
        return evaluator.run(comparison.base, rev, comparison.suite, ids)

    # In turn: a machine that is busy for a while is so for both.
    base, candidate = [], []
    for _ in range(ROUNDS):
        base += [run(comparison.base, base_ids)] if base_ids else []
        candidate.append(run(tree, names))
    flaky, unsteady = by_chance(names, base, candidate, base_ids)
    for _ in range(MORE_BASE_ROUNDS):
        if not unsteady & base_ids:
            break
        base.append(run(comparison.base, unsteady & base_ids))
        flaky, unsteady = by_chance(names, base, candidate, base_ids)
    together = Flakiness(
        flaky=flakiness.flaky | flaky,
        unsteady=flakiness.unsteady | unsteady,
        failures={**flakiness.failures, **chances(flaky, (results, *base, *candidate))},
    )
    return replace(e, runs=replace(e.runs, flakiness=together))


def _run_checks(x: Examination, e: Evidence) -> Evidence:
    tree = as_at_base(x)
    checks = x.evaluator.checks(x.comparison.base, tree, x.comparison.feature.id)
    e = replace(e, runs=replace(e.runs, checks=checks))
    # Where no check passes there is none that a looser configuration could have made pass.
    some_pass = any(check.answer is CheckStatus.GREEN for check in checks)
    if not some_pass or "own-configuration" in e.context.layers_off:
        return e
    strict = checkers_io.strictly(x.evaluator, x.comparison, tree)
    return replace(e, probes=replace(e.probes, strict=strict))


def as_at_base(x: Examination) -> str:
    """Return the candidate with everything that commands run through as the base has it."""
    tree, own = x.comparison.tree, x.comparison.restored.harness
    return x.evaluator.repo.tree_with(tree, own) if own else tree


def _verify_candidate(x: Examination, e: Evidence) -> Evidence:
    result = x.verify(x.comparison.tree)
    runs = replace(e.runs, now=result)
    if result.answer is CheckStatus.GREEN:
        name = proof_name(x.comparison.feature)
        x.evaluator.keep_proofs(x.comparison.tree, {name: result})
        if "harness" not in e.context.layers_off:
            more = harness_io.changes_on_the_way(x.evaluator, x.comparison, result).own_lines
            changes = tuple(dict.fromkeys((*runs.harness_changes, *more)))
            runs = replace(runs, harness_changes=changes)
    return replace(e, runs=runs)


def _verify_through_base(x: Examination, e: Evidence) -> Evidence:
    comparison, now = x.comparison, e.runs.now
    # What only the run shows to belong to the harness is put back as well.
    more = harness_io.changes_on_the_way(x.evaluator, comparison, now).own if now else {}
    own = {**comparison.restored.own_harness, **more}
    through = x.verify(x.evaluator.repo.tree_with(comparison.tree, own))
    return replace(e, runs=replace(e.runs, through=through))


def _verify_with_base_tests(x: Examination, e: Evidence) -> Evidence:
    tree = x.evaluator.repo.tree_with(x.comparison.tree, x.comparison.restored.proof)
    return replace(e, runs=replace(e.runs, owned=x.verify(tree)))


def _verify_others(x: Examination, e: Evidence) -> Evidence:
    reverified = kept_features_io.reverify(x.evaluator, x.comparison, as_at_base(x))
    return replace(e, probes=replace(e.probes, reverified=reverified))


def _run_proof(x: Examination, e: Evidence) -> Evidence:
    """Run the candidate's new tests over the base's source.

    What fails there, or cannot even be loaded, proves something. A test that the candidate's code
    answers in a moment may go on for ever with the base's: what is cut off proves nothing.
    """
    evaluator, comparison, new = x.evaluator, x.comparison, new_passing(e)
    tests = {c.path: (c.new_mode, c.new_oid) for c in comparison.tests if c.status != "D"}
    tree = evaluator.repo.tree_with(comparison.base, tests)
    results = evaluator.run(comparison.base, tree, comparison.suite, new, x.share(Step.PROOF))
    proof = _failing_of(x.comparison, new, results)
    return replace(e, probes=replace(e.probes, proof=proof))


def _failing_of(
    comparison: Comparison, names: frozenset[str], results: SuiteResult
) -> frozenset[str]:
    """Return those of these ids that fail on the base's code, or cannot even be built there."""
    if results.answer is CheckStatus.FAULT:
        return frozenset()
    nothing_ran = bool(results.broken) and not results.ids and not results.uncollected
    if nothing_ran:
        return names
    # A compiled suite that cannot be built on the base's code tells of no test at all.
    unbuilt = {name for name, part in results.parts.items() if part.broken and not part.told}
    suites, failing = comparison.suite.every, results.failing

    def fails(name: str) -> bool:
        is_unbuilt = bool(unbuilt) and any(one.name in unbuilt for one in holders(suites, name))
        return is_unbuilt or name in failing or file_of(name) in results.uncollected

    return frozenset(filter(fails, names))


def _probe_integrity(x: Examination, e: Evidence) -> Evidence:
    found = integrity_io.examine(x.evaluator, x.comparison, e)
    return replace(e, probes=replace(e.probes, integrity=found))


def _probe_unwatched(x: Examination, e: Evidence) -> Evidence:
    found = unwatched_io.examine(x.evaluator, x.comparison, e)
    return replace(e, probes=replace(e.probes, unwatched=found))


def _probe_strength(x: Examination, e: Evidence) -> Evidence:
    proof = e.probes.proof or frozenset()
    verify = e.runs.now if base_owned(e) else None
    found = proof_strength_io.examine(x.evaluator, x.comparison, proof, verify)
    known_only = neighbour_inputs_io.known_only(x.evaluator, x.comparison, e)
    return replace(e, probes=replace(e.probes, strength=replace(found, known_only=known_only)))


def _run_held_back(x: Examination, e: Evidence) -> Evidence:
    # They run on the whole candidate, in a fresh room of their own: no agent's process sees them.
    evaluator, comparison = x.evaluator, x.comparison
    env = {"NIGHTLATCH_BASE": comparison.base, "NIGHTLATCH_FEATURE": comparison.feature.id}
    clean = evaluator.clean(comparison.base, comparison.tree)
    with evaluator.open_room(comparison.base, clean) as room:
        folder = x.held_back
        reasons = hidden_checks_io.examine(evaluator.hands, room, folder, env) if folder else ()
    return replace(e, probes=replace(e.probes, held_back=reasons))


def _ask_judge(x: Examination, e: Evidence) -> Evidence:
    comparison, own, checks = x.comparison, e.runs.own, e.runs.checks or ()
    texts, pictures = left_by_checks(x.evaluator.check_output(comparison.base, comparison.tree))
    green = ["tests"] if own and own.passed and own.answer is CheckStatus.GREEN else []
    green += [check.name for check in checks if check.answer is CheckStatus.GREEN]
    verify = "\n".join(comparison.feature.verify) if e.runs.now else ""
    results = came_to(own, checks, e.probes.proof or (), verify)
    brought = JudgeInput(
        feature=comparison.feature,
        asked=asked(comparison.feature, green),
        texts=comparison.texts,
        pictures=pictures,
        results={**results, **texts},
    )
    judged, usage = x.judge.hear(brought) if x.judge else (None, Usage())
    return replace(e, probes=replace(e.probes, judged=judged, usage=usage))


def _compare_mutants(x: Examination, e: Evidence) -> Evidence:
    found = mutation_io.compare_tests(
        x.evaluator,
        x.comparison,
        e.base_tests.passed,
        e.runs.own.passed if e.runs.own else frozenset[str](),
        seconds=x.share(Step.WEAKER),
        most=x.most_mutants,
    )
    return replace(e, probes=replace(e.probes, weaker=found))


STEPS: Mapping[Step, Callable[[Examination, Evidence], Evidence]] = {
    Step.BEFORE: _verify_at_base,
    Step.OWN: _run_own_tests,
    Step.CHECKS: _run_checks,
    Step.OLD: _run_old_tests,
    Step.NOW: _verify_candidate,
    Step.THROUGH: _verify_through_base,
    Step.OWNED: _verify_with_base_tests,
    Step.KEPT: _verify_others,
    Step.PROOF: _run_proof,
    Step.INTEGRITY: _probe_integrity,
    Step.WEAKER: _compare_mutants,
    Step.UNWATCHED: _probe_unwatched,
    Step.STRENGTH: _probe_strength,
    Step.HELD: _run_held_back,
    Step.JUDGE: _ask_judge,
}
