"""Tests that must fail, run in the same kind of run as the candidate's own: canaries, and
base's tests with other expected values."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlatch.git.tree_objects import Entry
from nightlatch.ratchet import canary
from nightlatch.ratchet.canary import PlantedCanary
from nightlatch.ratchet.mutation.expectations import KEPT, other_expectations
from nightlatch.suite import results as codec
from nightlatch.suite.cache_io import digest
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.evaluation import RunRequest
from nightlatch.suite.results import CheckStatus, SuiteResult, file_of, function_of
from nightlatch.suite.runner_detection import Canary, supersedes
from nightlatch.suite.suites import Suite, holders, matching
from nightlatch.util.paths import FILE
from nightlatch.verdict.comparison_io import Comparison, text_of
from nightlatch.verdict.evidence import Evidence, IntegrityResult

SHARE = 0.25  # of limits.check
# Test files that are read to find those beside the changed code.
MOST_READ = 400
# Test and golden files that get other expected values, and ids that are run: each costs time twice.
MOST_FILES = 5
MOST_IDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSample:
    """A few test and golden files of the base with other expected values, test files that run
    `beside` them, and a canary for the base and for the candidate."""

    files: Mapping[str, Entry]
    beside: tuple[str, ...]
    ids: tuple[str, ...]
    base: PlantedCanary
    own: PlantedCanary


def sample_of(
    evaluator: TreeEvaluator, comparison: Comparison, suite: Suite, e: Evidence
) -> ProbeSample | None:
    """Return what a suite's tests of the base that speak of the changed code have to say; None
    where there is nothing to put beside them."""
    kind = suite.runner.canary
    texts = test_texts(evaluator, comparison, suite, e)
    if kind is None or not texts:
        return None
    files = canary.ranked([*texts], [*texts.values()], comparison.sources)
    kept = goldens(evaluator, comparison, suite)
    sampled = kept | {path: texts[path] for path in files[:MOST_FILES]}
    entries = with_other_values(evaluator, sampled)
    # A golden file is read by some test file, which has to run for it to be noticed.
    reading = [
        path
        for path in files[MOST_FILES:]
        if any(golden_of(golden, path, texts[path]) for golden in kept)
    ]
    ran = [*files[:MOST_FILES], *reading[:MOST_FILES]]
    ids = ids_of_files(comparison, e, ran)
    beside, modules = (files[0], texts[files[0]]), changed_modules(evaluator, comparison, suite)
    base = plant(kind, suite, (comparison.base,), beside, ())
    own = plant(kind, suite, (comparison.base, comparison.tree), beside, modules)
    return ProbeSample(
        files=entries, beside=tuple(ran), ids=tuple(ids[:MOST_IDS]), base=base, own=own
    )


def with_other_values(evaluator: TreeEvaluator, texts: Mapping[str, str]) -> dict[str, Entry]:
    """Return these files with other expected values, those left out that expect nothing."""
    changed = {path: other_expectations(path, text) for path, text in texts.items()}
    return {
        evaluator.repo_path(path): (
            FILE,
            evaluator.repo.write_blob(text.encode("utf-8", "surrogateescape")),
        )
        for path, text in changed.items()
        if text
    }


def ids_of_files(comparison: Comparison, e: Evidence, files: Collection[str]) -> list[str]:
    """Return the ids of these files that pass at the base and are to go on passing."""
    passed = (i for i in e.base_tests.passed if any(is_of_file(file_of(i), path) for path in files))
    return sorted(i for i in passed if not supersedes(comparison.feature.supersedes, i))


def plant(
    kind: Canary, suite: Suite, seed: Iterable[str], beside: tuple[str, str], modules: Sequence[str]
) -> PlantedCanary:
    """Return a canary beside a test file, whose name and text these are; the seed gives it its
    name."""
    file, text = beside
    # The name follows from trees alone, so nobody can know it before the work is done.
    canary_file = canary.plant(kind, f"q{digest(*seed)[:10]}", suite.local(file), text, modules)
    return replace(canary_file, path=suite.named(canary_file.path))


def changed_modules(evaluator: TreeEvaluator, comparison: Comparison, suite: Suite) -> list[str]:
    """Return the files of code that changed below a suite's folder, as it names them."""
    paths = map(evaluator.project_path, comparison.sources)
    return [suite.local(path) for path in paths if suite.below(path)]


def test_texts(
    evaluator: TreeEvaluator, comparison: Comparison, suite: Suite, e: Evidence
) -> dict[str, str]:
    """Return the base's test files that have ids which pass, as texts: those beside changed code
    first, where there are many."""
    is_test = matching(suite.patterns(suite.runner.files.tests))
    is_code = matching(suite.patterns(suite.runner.files.code))
    listed = (
        (evaluator.project_path(path), entry)
        for path, entry in evaluator.test_files(comparison.base, comparison.suite).items()
    )
    inner = tuple(f"{suite.folder}/{other}/".removeprefix("/") for other in suite.without)
    entries = {
        path: entry
        for path, entry in listed
        if is_test(path) and is_code(path) and not path.startswith(inner)
    }
    passing_files = {file_of(i) for i in e.base_tests.passed}
    with_ids = [path for path in entries if has_ids(path, passing_files)]
    chosen = canary.ranked(with_ids, with_ids, comparison.sources)[:MOST_READ]
    with evaluator.repo.stand("cat-file", "--batch").talking() as blobs:
        return {path: text_of(blobs.object(entries[path][1])) for path in chosen}


def has_ids(path: str, files: Collection[str]) -> bool:
    """Is a test file among the files, or for Go the packages, that ids name?"""
    return path in files or (path.endswith(".go") and any(is_of_file(file, path) for file in files))


def goldens(evaluator: TreeEvaluator, comparison: Comparison, suite: Suite) -> dict[str, str]:
    """Return the base's files of expected output, as texts."""
    files = evaluator.test_files(comparison.base, comparison.suite)
    paths = [
        path
        for path in files
        if KEPT.search(evaluator.project_path(path))
        and suite in holders(comparison.suite.every, evaluator.project_path(path))
    ]
    return {
        evaluator.project_path(path): text_of(evaluator.repo.read(comparison.base, path) or b"")
        for path in sorted(paths)[:MOST_FILES]
    }


def golden_of(golden: str, path: str, text: str) -> bool:
    """Does a test file read this golden file, by what it says or by their names?"""
    name = golden.rpartition("/")[2]
    return name.startswith(path.rpartition("/")[2]) or name.partition(".")[0] in text


def is_of_file(file: str, path: str) -> bool:
    """Does this part of an id mean the file? Go's ids name its package instead."""
    folder = path.rpartition("/")[0]
    return file == path or (
        path.endswith("_test.go")
        and (f"/{file}/".endswith(f"/{folder}/") if folder else "::" not in file)
    )


def examine(evaluator: TreeEvaluator, comparison: Comparison, e: Evidence) -> IntegrityResult:
    """Return what comes out green on the candidate though it has to fail, in each suite that what
    changed may bend."""
    parts = [
        examine_suite(evaluator, comparison, one, e)
        for one in suites_in_question(evaluator, comparison, e)
    ]
    return IntegrityResult(
        canaries=tuple(name for part in parts for name in part.canaries),
        ignored=tuple(name for part in parts for name in part.ignored),
        not_run=tuple(name for part in parts for name in part.not_run),
        blind="; ".join(part.blind for part in parts if part.blind),
    )


def suites_in_question(
    evaluator: TreeEvaluator, comparison: Comparison, e: Evidence
) -> list[Suite]:
    """Return the suites that what changed may bend, as far as they can be asked."""
    absent = e.base_tests.absent_suites
    bent = comparison.suite.concerned(
        evaluator.project_path(change.path) for change in comparison.changes
    )
    return [one for one in bent if one.runner.canary and one.by_id and one.name not in absent]


def examine_suite(
    evaluator: TreeEvaluator, comparison: Comparison, suite: Suite, e: Evidence
) -> IntegrityResult:
    """Return the same for one suite; what the base's own run cannot tell apart is left aside."""
    sample = sample_of(evaluator, comparison, suite, e)
    if sample is None:
        return IntegrityResult()
    before = on_base(evaluator, comparison, suite, sample)
    if before.answer is CheckStatus.FAULT:
        return IntegrityResult(not_run=("tests that must fail: their run on the base was cut off",))
    found = compare_runs(
        e,
        sample,
        before,
        run_planted(evaluator, comparison, suite, comparison.tree, sample, sample.own),
    )
    if not (found.canaries or found.ignored):
        return found
    # before any refusal both run once more
    before = run_planted(evaluator, comparison, suite, comparison.base, sample, sample.base)
    again = compare_runs(
        e,
        sample,
        before,
        run_planted(evaluator, comparison, suite, comparison.tree, sample, sample.own),
    )
    # a compiled test of the base cannot be built beside one that moved: the canary runs
    # alone
    if again.canaries:
        alone = run_planted(
            evaluator, comparison, suite, comparison.tree, replace(sample, files={}), sample.own
        )
        again = replace(again, canaries=compare_runs(e, sample, before, alone).canaries)
    return replace(again, ignored=tuple(i for i in again.ignored if i in found.ignored))


def requests_ahead(
    evaluator: TreeEvaluator, comparison: Comparison, e: Evidence
) -> Iterator[RunRequest]:
    """Yield the runs that `examined` is going to ask for, so that they may be done beside
    others."""
    for suite in suites_in_question(evaluator, comparison, e):
        sample = sample_of(evaluator, comparison, suite, e)
        if sample:
            known = evaluator.cache.recall(
                name_on_base(evaluator, comparison, suite, sample), codec.results_from
            )
            yield from (
                ()
                if known
                else (
                    request_of(evaluator, comparison, suite, comparison.base, sample, sample.base),
                )
            )
            yield request_of(evaluator, comparison, suite, comparison.tree, sample, sample.own)


def name_on_base(
    evaluator: TreeEvaluator, comparison: Comparison, suite: Suite, sample: ProbeSample
) -> str:
    """Return the name by which the sample's run on the base is kept."""
    files = (f"{path}\0{oid}" for path, (_, oid) in sample.files.items())
    return "must-fail-" + digest(
        evaluator.part_name(comparison.base, suite), sample.base.path, *files
    )


def on_base(
    evaluator: TreeEvaluator, comparison: Comparison, suite: Suite, sample: ProbeSample
) -> SuiteResult:
    """Return the sample's run on the base, which is made once."""
    name = name_on_base(evaluator, comparison, suite, sample)
    known = evaluator.cache.recall(name, codec.results_from)
    if known is None:
        known = run_planted(evaluator, comparison, suite, comparison.base, sample, sample.base)
        evaluator.cache.save(name, known)
    return known


def run_planted(
    evaluator: TreeEvaluator,
    comparison: Comparison,
    suite: Suite,
    tree: str,
    sample: ProbeSample,
    planted: PlantedCanary,
) -> SuiteResult:
    """Return a run of the sample, with a canary, on a tree."""
    asked = request_of(evaluator, comparison, suite, tree, sample, planted)
    return evaluator.run(
        comparison.base, asked.tree, comparison.suite, [*asked.only], asked.seconds
    )


def request_of(
    evaluator: TreeEvaluator,
    comparison: Comparison,
    suite: Suite,
    tree: str,
    sample: ProbeSample,
    planted: PlantedCanary,
) -> RunRequest:
    """Return the run of a sample and a canary on a tree."""
    entry = (FILE, evaluator.repo.write_blob(planted.text.encode()))
    whole = evaluator.repo.tree_with(
        tree, {**sample.files, evaluator.repo_path(planted.path): entry}
    )
    changed = (
        evaluator.project_path(c.path)
        for c in comparison.tests
        if c.status != "D" and tree == comparison.tree
    )
    fresh = (
        path
        for path in changed
        if comparison.suite.code(path) and suite in holders(comparison.suite.every, path)
    )
    # the canary comes last
    names = dict.fromkeys((*fresh, *sample.beside, *sample.ids, *planted.names_to_run()))
    return RunRequest(tree=whole, only=(*names,), seconds=SHARE * evaluator.hands.timeout)


def compare_runs(
    e: Evidence, sample: ProbeSample, before: SuiteResult, after: SuiteResult
) -> IntegrityResult:
    """Return the candidate's run beside the base's."""
    if after.answer is CheckStatus.FAULT:
        return IntegrityResult(not_run=("tests that must fail: their run was cut off",))
    plain = e.runs.old or e.runs.own or e.base_tests
    by_chance = plain.failing | e.runs.flakiness.ids
    steady = {function_of(i) for i in sample.ids if i in plain.passed} - set(
        map(function_of, by_chance)
    )
    ignored = sorted(i for i in before.failing & after.passed if function_of(i) in steady)
    blind = sample.base.wrong(before)
    wrong = "" if blind else sample.own.wrong(after)
    return IntegrityResult(canaries=(wrong,) if wrong else (), ignored=tuple(ignored), blind=blind)
