"""Do the candidate's tests notice less than the base's?

Both are run on the same small faults in the code.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from posixpath import basename, dirname
from time import monotonic

from nightlatch.ratchet.mutation.import_graph import reached, users
from nightlatch.ratchet.mutation.mutants import Mutant, mutants
from nightlatch.suite import test_names
from nightlatch.suite.cache_io import digest
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.parallel_io import Job
from nightlatch.suite.results import CheckStatus, SuiteResult, file_of
from nightlatch.suite.reused_checkout_io import ReusedCheckout
from nightlatch.suite.runner_detection import supersedes
from nightlatch.suite.suites import Suite, holders, matching, shared_out
from nightlatch.util.paths import FILES
from nightlatch.verdict.comparison_io import Comparison, text_of
from nightlatch.verdict.evidence import MutationResult

# Faults in all, at least where each run is slow, and in one file: more find little that these miss.
MOST, LEAST, MOST_A_FILE = 60, 10, 20
# Test files beside a changed helper: each of them runs once for every fault.
MOST_USERS = 10
# Survivors after which no more are looked for: a person reads no longer list.
ENOUGH = 3
SECONDS = 120.0
# A run with a fault may take some seconds more, and four times as long, before it counts as a hang.
SPARE_SECONDS, SPARE_TIMES = 5.0, 4
# A run that was cut off on one side alone is given three times as long once more.
PATIENT = 3
# Lines around a difference whose names say which code the tests speak of.
CONTEXT = 6
MutantPair = tuple[Mutant, Mutant]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSide:
    """Some ids that pass in one tree, the room that it is tried in, and the seconds that this
    takes."""

    checkout: ReusedCheckout
    ids: frozenset[str]
    seconds: float
    fault: str = ""

    def kills(self, mutant: Mutant, patience: int = 1) -> SuiteResult | None:
        """Return the results where one of the ids does not pass any more: it fails, hangs, or
        cannot be loaded."""
        found = self.made_ready(mutant, patience)()
        self.checkout.leave_if_written()
        return found if self.missing(found) else None

    def made_ready(self, mutant: Mutant, patience: int = 1) -> Callable[[], SuiteResult]:
        """Return the same run, of which only the suite itself is left to do."""
        timeout = patience * (SPARE_TIMES * self.seconds + SPARE_SECONDS)
        return self.checkout.made_ready(
            self.ids, timeout, self.checkout.evaluator.repo_path(mutant.path), mutant.text
        )

    def missing(self, found: SuiteResult) -> bool:
        """Does one of the ids not pass any more?"""
        return (
            not self.ids <= found.passed or bool(found.broken) or found.answer is CheckStatus.FAULT
        )


def kills_of_both(
    old: TestSide, new: TestSide, mutant: Mutant, twin: Mutant
) -> tuple[SuiteResult | None, SuiteResult | None]:
    """Return what kills the fault on either side, at the same time where there is a processor for
    each: whichever is not asked for costs none."""
    jobs = [
        Job(name=mutant.says, work=side.made_ready(fault))
        for side, fault in ((old, mutant), (new, twin))
    ]
    first, second = old.checkout.evaluator.at_once(jobs, most=2)
    for side in (old, new):
        side.checkout.leave_if_written()
    return (first if old.missing(first) else None), (second if new.missing(second) else None)


def compare_tests(
    evaluator: TreeEvaluator,
    comparison: Comparison,
    before: Collection[str],
    after: Collection[str],
    *,
    seconds: float = SECONDS,
    most: int = MOST,
) -> MutationResult:
    """Return what the base's versions of the changed tests notice and the candidate's do not;
    `before` and `after` are the ids that pass in each.

    Both are run on the candidate's code. Tests of the base that do not pass there, for it behaves
    otherwise now, are run on the base's instead, and count with the faults that can be put into
    both. What there was no time for is named as `untried`.
    """
    began = monotonic()
    every = changed_tests(evaluator, comparison)
    shares = shared_out(comparison.suite.every, sorted(every))
    suites = [one for one in comparison.suite.every if one.by_id and one.name in shares]

    def ids_in(one: Suite, names: Collection[str]) -> frozenset[str]:
        return frozenset(
            name
            for name in names
            if comparison.suite.alone or one in holders(comparison.suite.every, name)
        )

    def part(one: Suite, budget: float) -> MutationResult:
        return compare_suite(
            evaluator,
            comparison,
            one,
            frozenset(shares[one.name]),
            ids_in(one, before),
            ids_in(one, after),
            seconds=budget,
            most=most,
        )

    rest = len(suites)
    parts = []
    for one in suites:
        parts.append(part(one, max(began + seconds - monotonic(), 0) / rest))
        rest -= 1
    return sum_of(parts)


def compare_suite(
    evaluator: TreeEvaluator,
    comparison: Comparison,
    suite: Suite,
    changed: frozenset[str],
    before: Collection[str],
    after: Collection[str],
    *,
    seconds: float,
    most: int,
) -> MutationResult:
    """Return the same for one suite, whose changed files and ids these are."""
    began = monotonic()
    old = ids_of(evaluator, comparison.base, changed, before, suite)
    old = frozenset(i for i in old if not supersedes(comparison.feature.supersedes, i))
    if not old:
        return MutationResult()
    with ExitStack() as stack:

        def side(tree: str, ids: frozenset[str]) -> TestSide:
            checkout = ReusedCheckout(
                evaluator=evaluator, base=comparison.base, tree=tree, suite=suite
            )
            return passing_side(stack.enter_context(checkout), ids)

        new = side(comparison.tree, ids_of(evaluator, comparison.tree, changed, after, suite))
        same = side(evaluator.repo.tree_with(comparison.tree, comparison.restored.tests), old)
        other = side(comparison.base, old - same.ids)
        if fault := new.fault or same.fault or other.fault:
            return MutationResult(untried=(fault,))
        one = max(same.seconds, other.seconds) + new.seconds
        share = min(most, max(LEAST, int(seconds / (1.5 * one)))) // (
            bool(same.ids) + bool(other.ids) or 1
        )
        sides = [
            (s, tree)
            for s, tree in ((same, comparison.tree), (other, evaluator.tree(comparison.base)))
            if s.ids
        ]
        return sum_of(
            try_faults(
                s,
                new,
                mutant_pairs(evaluator, comparison, suite, changed, tree, share),
                began + seconds,
            )
            for s, tree in sides
        )


def changed_tests(evaluator: TreeEvaluator, comparison: Comparison) -> frozenset[str]:
    """Return what differs and is a test, a helper or test data; mere configuration is judged by its
    text."""
    return frozenset(
        path
        for path in map(evaluator.project_path, comparison.restored.tests)
        if comparison.suite.tests(path) or not comparison.suite.config(path)
    )


def passing_side(checkout: ReusedCheckout, ids: frozenset[str]) -> TestSide:
    """Return the ids that pass with nothing changed, and how long they take."""
    began = monotonic()
    found = (
        checkout.run(ids, checkout.evaluator.hands.timeout)
        if ids
        else SuiteResult(answer=CheckStatus.GREEN)
    )
    fault = (
        "the tests cannot be run on their own"
        if found.answer is CheckStatus.FAULT or found.broken
        else ""
    )
    return TestSide(
        checkout=checkout, ids=found.passed & ids, seconds=monotonic() - began, fault=fault
    )


@dataclass(slots=True, kw_only=True)
class FaultTally:
    """What has come of the faults that were tried so far.

    `unloadable` counts those with which the code cannot be loaded at all: they say nothing.
    """

    killed: int = 0
    unloadable: int = 0
    survivors: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)

    def result(self) -> MutationResult:
        """Return what the tests have noticed, and what they have not."""
        untried = [*self.untried]
        if self.unloadable and not self.killed:
            untried.append("the code cannot be loaded with any change in it")
        return MutationResult(
            killed=self.killed, survivors=tuple(self.survivors), untried=tuple(untried)
        )


def try_faults(
    old: TestSide, new: TestSide, faults: Iterable[MutantPair], deadline: float
) -> MutationResult:
    """Show each fault that the old tests notice to the new ones, until enough survive."""
    tally = FaultTally()
    share_network = any(
        side.checkout.room and side.checkout.room.meets_others for side in (old, new)
    )
    # Two that share a network would take each other's ports.
    at_once = bool(new.ids) and old.checkout.evaluator.runs_apart and not share_network
    for mutant, twin in faults:
        if monotonic() > deadline:
            tally.untried.append(mutant.says)
        elif len(tally.survivors) < ENOUGH:
            try_fault(old, new, mutant, twin, tally, at_once=at_once)
    return tally.result()


def try_fault(
    old: TestSide,
    new: TestSide,
    mutant: Mutant,
    twin: Mutant,
    tally: FaultTally,
    *,
    at_once: bool,
) -> None:
    """Add what comes of one fault: it survives where the old tests notice it and the new do not."""
    if at_once:
        noticed, noticed_too = kills_of_both(old, new, mutant, twin)
    else:
        noticed, noticed_too = old.kills(mutant), None
    if not noticed:
        return
    is_cut_off = noticed.answer is CheckStatus.FAULT
    # Not one id of the old tests came: they could not be loaded, so none of them noticed anything.
    if not is_cut_off and old.ids.isdisjoint(noticed.ids):
        tally.unloadable += 1
        return
    tally.killed += 1
    if not at_once and new.ids:
        noticed_too = new.kills(twin)
    if not is_cut_off:
        noticed_too = patient_kill(new, twin, noticed_too)
    # Before it is held against the new tests, the old ones are asked once more.
    if not noticed_too and old.kills(mutant):
        tally.survivors.append(twin.says)


def patient_kill(new: TestSide, twin: Mutant, killed: SuiteResult | None) -> SuiteResult | None:
    """Return what kills a fault, asked once more with patience where the run was only cut off."""
    # A busy machine cuts a run off too, which proves nothing.
    if killed and killed.answer is CheckStatus.FAULT:
        return new.kills(twin, PATIENT)
    return killed


def sum_of(parts: Iterable[MutationResult]) -> MutationResult:
    """Return what several suites came to, as one result."""
    every = tuple(parts)
    return MutationResult(
        killed=sum(part.killed for part in every),
        survivors=tuple(name for part in every for name in part.survivors),
        untried=tuple(name for part in every for name in part.untried),
    )


def mutant_pairs(
    evaluator: TreeEvaluator,
    comparison: Comparison,
    suite: Suite,
    changed: frozenset[str],
    tree: str,
    most: int,
) -> list[MutantPair]:
    """Faults of what the changed tests reach, each with its twin in the candidate's code, in an
    order that the base alone decides."""
    code = code_files(evaluator, suite, tree)
    sources = [
        path for path in code if not comparison.suite.files(path) and not path.startswith("../")
    ]
    helpers = [path for path in code if comparison.suite.files(path)]
    texts = {
        path: text(evaluator, comparison.base, path)
        for path in concerned_files(evaluator, comparison.base, changed, suite)
    }
    near = words_spoken_of(comparison, changed, texts)
    paths = reached(texts, sources, helpers, lambda path: text(evaluator, tree, path))
    most_of_file = max(LEAST // 2, min(MOST_A_FILE, most // max(len(paths), 1)))
    # The base's key as the seed: no candidate can choose which faults it is tried with.
    choose = partial(mutants, seed=evaluator.key(comparison.base), near=near)
    pairs = list[MutantPair]()
    for path in paths:
        faults = choose(path, text(evaluator, tree, path), most=most_of_file)
        twins = faults
        if tree != comparison.tree:
            # Among changed code the twin may be chosen later than its fault.
            twins = choose(path, text(evaluator, comparison.tree, path), most=10 * most_of_file)
        by_name = {mutant.name: mutant for mutant in twins}
        pairs += [(mutant, by_name[mutant.name]) for mutant in faults if mutant.name in by_name]
    return pairs[:most]


def code_files(evaluator: TreeEvaluator, suite: Suite, tree: str) -> list[str]:
    """Return the files of a tree that hold code in the language of a suite, tests among them."""
    is_code = matching(suite.patterns(suite.runner.files.code))
    entries = evaluator.files(tree).items()
    files = [evaluator.project_path(path) for path, (mode, _) in entries if mode in FILES]
    return [path for path in files if is_code(path)]


def words_spoken_of(
    comparison: Comparison, changed: Collection[str], texts: Mapping[str, str]
) -> frozenset[str]:
    """Return the names around what differs in tests, and all names of those that only use it."""
    differing = {t.path: (t.old or "", t.new or "") for t in comparison.texts if t.path in changed}
    users_of_it = [(whole, "") for path, whole in texts.items() if path not in differing]
    return words([*differing.values(), *users_of_it])


def words(texts: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the names around everything that differs."""
    lines = (
        line
        for old, new in texts
        for line in difflib.unified_diff(old.splitlines(), new.splitlines(), n=CONTEXT, lineterm="")
    )
    return frozenset(word for line in lines for word in re.findall(r"\w{2,}", line))


def ids_of(
    evaluator: TreeEvaluator, rev: str, changed: frozenset[str], ids: Collection[str], suite: Suite
) -> frozenset[str]:
    """Return the ids of the test files that changes concern; all of them where ids do not tell
    their files."""
    paths = concerned_files(evaluator, rev, changed, suite)
    there = frozenset(map(evaluator.project_path, evaluator.files(rev)))
    found = frozenset(i for i in ids if belongs(i, paths))
    return found or frozenset(() if any(belongs(i, there) for i in ids) else ids)


def concerned_files(
    evaluator: TreeEvaluator, rev: str, changed: frozenset[str], suite: Suite
) -> frozenset[str]:
    """Changed test files, and a few of those that import changed helpers, also by way of
    others, or name changed data."""
    is_code = matching(suite.patterns(suite.runner.files.code))
    helpers = [
        path for path in changed if is_code(path) and not test_names.NOT_HELPERS.search(path)
    ]
    data = names_of_data(path for path in changed if not is_code(path))
    if not (helpers or data):
        return changed
    is_test = matching(suite.patterns(suite.runner.files.tests))
    paths = map(evaluator.project_path, evaluator.files(rev))
    texts = {path: text(evaluator, rev, path) for path in paths if is_test(path) and is_code(path)}
    importing = users(helpers, texts) if helpers else frozenset[str]()
    concerned = importing | (tests_naming(data, texts) if data else frozenset())
    # By digest: which ones they are is chance, and the same one every time.
    return changed | frozenset(sorted(concerned - changed, key=digest)[:MOST_USERS])


def names_of_data(paths: Iterable[str]) -> frozenset[str]:
    """Return the words by which a test may name these files of data: their own, and their
    folders'."""
    names = (name for path in paths for name in (basename(path), basename(dirname(path))))
    return frozenset(filter(None, names))


def tests_naming(data: Collection[str], texts: Mapping[str, str]) -> frozenset[str]:
    """Return the tests that name changed data; all of them where none does, for any may build the
    name."""
    reading = frozenset(
        path
        for path, whole in texts.items()
        if any(word in whole or basename(path) in word for word in data)
    )
    return reading or frozenset(texts)


def belongs(name: str, paths: Iterable[str]) -> bool:
    """Is this id of one of these files? Go names the package alone."""
    file = file_of(name)
    return any(
        path == file
        or (path.endswith(".go") and f"/{file}/".endswith(f"/{dirname(path)}/".replace("//", "/")))
        for path in paths
    )


def text(evaluator: TreeEvaluator, rev: str, path: str) -> str:
    """Return the text of a file of the project, "" where there is none."""
    return text_of(evaluator.repo.read(rev, evaluator.repo_path(path)) or b"")
