"""Do the candidate's tests notice less than the base's?

Both are run on the same small faults in the code.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from posixpath import basename, dirname
from time import monotonic

from nightlatch.core import testnames
from nightlatch.core.evidence import Compared
from nightlatch.core.paths import FILES
from nightlatch.core.ratchet.mutants import Mutant, mutants
from nightlatch.core.ratchet.reach import reached, users
from nightlatch.core.results import Answer, Results, file_of
from nightlatch.core.suites import Suite, holders, matching, shared_out
from nightlatch.core.testfiles import supersedes
from nightlatch.edge.case import Comparison, text_of
from nightlatch.edge.keptroom import KeptRoom
from nightlatch.edge.sidebyside import Job
from nightlatch.edge.trials import TreeEvaluator, digest

MOST, LEAST, MOST_A_FILE, MOST_USERS = 60, 10, 20, 10
ENOUGH = 3
SECONDS = 120.0
SPARE_SECONDS, SPARE_TIMES = 5.0, 4
PATIENT = 3  # times as long
CONTEXT = 6
Pair = tuple[Mutant, Mutant]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Some ids that pass in one tree, the room that it is tried in, and the seconds that this
    takes."""

    place: KeptRoom
    ids: frozenset[str]
    seconds: float
    fault: str = ""

    def kills(self, mutant: Mutant, patience: int = 1) -> Results | None:
        """The results where one of the ids does not pass any more: it fails, hangs, or cannot
        be loaded."""
        found = self.made_ready(mutant, patience)()
        self.place.leave_if_written()
        return found if self.missing(found) else None

    def made_ready(self, mutant: Mutant, patience: int = 1) -> Callable[[], Results]:
        timeout = patience * (SPARE_TIMES * self.seconds + SPARE_SECONDS)
        return self.place.made_ready(
            self.ids, timeout, self.place.evaluator.path(mutant.path), mutant.text
        )

    def missing(self, found: Results) -> bool:
        """Does one of the ids not pass any more?"""
        return not self.ids <= found.passed or bool(found.broken) or found.answer is Answer.FAULT


def both(
    old: Side, new: Side, mutant: Mutant, twin: Mutant
) -> tuple[Results | None, Results | None]:
    """What kills the fault on either side, at the same time where there is a processor for
    each: whichever is not asked for costs none."""
    jobs = [
        Job(name=mutant.says, work=side.made_ready(fault))
        for side, fault in ((old, mutant), (new, twin))
    ]
    first, second = old.place.evaluator.at_once(jobs, most=2)
    for side in (old, new):
        side.place.leave_if_written()
    return (first if old.missing(first) else None), (second if new.missing(second) else None)


def compare_tests(
    evaluator: TreeEvaluator,
    comparison: Comparison,
    before: Collection[str],
    after: Collection[str],
    *,
    seconds: float = SECONDS,
    most: int = MOST,
) -> Compared:
    """What the base's versions of the changed tests notice and the candidate's do not; `before`
    and `after` are the ids that pass in each.

    Both are run on the candidate's code. Tests of the base that do not pass there, for it behaves
    otherwise now, are run on the base's instead, and count with the faults that can be put into
    both. `left` says what there was no time for.
    """
    began, every = monotonic(), changed_tests(evaluator, comparison)
    shares = shared_out(comparison.suite.every, sorted(every))
    suites = [one for one in comparison.suite.every if one.by_id and one.name in shares]

    def own(one: Suite, names: Collection[str]) -> frozenset[str]:
        return frozenset(
            name
            for name in names
            if comparison.suite.alone or one in holders(comparison.suite.every, name)
        )

    def part(one: Suite, left: float) -> Compared:
        return compare_suite(
            evaluator,
            comparison,
            one,
            frozenset(shares[one.name]),
            own(one, before),
            own(one, after),
            seconds=left,
            most=most,
        )

    rest = len(suites)
    parts = []
    for one in suites:
        parts.append(part(one, max(began + seconds - monotonic(), 0) / rest))
        rest -= 1
    return total(parts)


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
) -> Compared:
    """The same for one suite, whose changed files and ids these are."""
    began = monotonic()
    old = ids_of(evaluator, comparison.base, changed, before, suite)
    old = frozenset(i for i in old if not supersedes(comparison.feature.supersedes, i))
    if not old:
        return Compared()
    with ExitStack() as stack:

        def side(tree: str, ids: frozenset[str]) -> Side:
            place = KeptRoom(evaluator=evaluator, base=comparison.base, tree=tree, suite=suite)
            return tried(stack.enter_context(place), ids)

        new = side(comparison.tree, ids_of(evaluator, comparison.tree, changed, after, suite))
        same = side(evaluator.repo.tree_with(comparison.tree, comparison.back), old)
        other = side(comparison.base, old - same.ids)
        if fault := new.fault or same.fault or other.fault:
            return Compared(left=(fault,))
        one = max(same.seconds, other.seconds) + new.seconds
        share = min(most, max(LEAST, int(seconds / (1.5 * one)))) // (
            bool(same.ids) + bool(other.ids) or 1
        )
        sides = [
            (s, tree)
            for s, tree in ((same, comparison.tree), (other, evaluator.tree(comparison.base)))
            if s.ids
        ]
        return total(
            weighed(
                s, new, pairs(evaluator, comparison, suite, changed, tree, share), began + seconds
            )
            for s, tree in sides
        )


def changed_tests(evaluator: TreeEvaluator, comparison: Comparison) -> frozenset[str]:
    """What differs and is a test, a helper or test data; mere configuration is judged by its
    text."""
    return frozenset(
        path
        for path in map(evaluator.own, comparison.back)
        if comparison.suite.tests(path) or not comparison.suite.config(path)
    )


def tried(place: KeptRoom, ids: frozenset[str]) -> Side:
    """The ids that pass with nothing changed, and how long they take."""
    began = monotonic()
    found = place.run(ids, place.evaluator.hands.timeout) if ids else Results(answer=Answer.GREEN)
    fault = (
        "the tests cannot be run on their own"
        if found.answer is Answer.FAULT or found.broken
        else ""
    )
    return Side(place=place, ids=found.passed & ids, seconds=monotonic() - began, fault=fault)


def weighed(old: Side, new: Side, faults: Iterable[Pair], deadline: float) -> Compared:
    """Each fault that the old tests notice is shown to the new ones; before it is held against
    them, to the old ones once more."""
    killed, unloaded, survivors, left = 0, 0, list[str](), list[str]()
    meeting = any(side.place.room and side.place.room.meets_others for side in (old, new))
    apart = bool(new.ids) and old.place.evaluator.runs_apart and not meeting
    for mutant, twin in faults:
        if monotonic() > deadline:
            left.append(mutant.says)
            continue
        if len(survivors) >= ENOUGH:
            continue
        found, seen = both(old, new, mutant, twin) if apart else (old.kills(mutant), None)
        if found:
            loads = found.answer is Answer.FAULT or not old.ids.isdisjoint(found.ids)
            killed, unloaded = killed + loads, unloaded + (not loads)
            noticed = seen if apart else new.kills(twin) if new.ids and loads else None
            if noticed and noticed.answer is Answer.FAULT and found.answer is not Answer.FAULT:
                # it was cut off, which a busy machine does too, and proves nothing
                noticed = new.kills(twin, PATIENT)
            if loads and not noticed and old.kills(mutant):
                survivors.append(twin.says)
    if unloaded and not killed:
        left.append("the code cannot be loaded with any change in it")
    return Compared(killed=killed, survivors=tuple(survivors), left=tuple(left))


def total(parts: Iterable[Compared]) -> Compared:
    every = tuple(parts)
    return Compared(
        killed=sum(part.killed for part in every),
        survivors=tuple(name for part in every for name in part.survivors),
        left=tuple(name for part in every for name in part.left),
    )


def pairs(
    evaluator: TreeEvaluator,
    comparison: Comparison,
    suite: Suite,
    changed: frozenset[str],
    tree: str,
    most: int,
) -> list[Pair]:
    """Faults of what the changed tests reach, each with its twin in the candidate's code, in an
    order that the base alone decides."""
    kind = matching(suite.patterns(suite.runner.code))
    found, seed = list[Pair](), evaluator.key(comparison.base)
    own = {
        evaluator.own(path): entry
        for path, entry in evaluator.files(tree).items()
        if entry[0] in FILES
    }
    sources = [
        path
        for path in own
        if kind(path) and not comparison.suite.files(path) and not path.startswith("../")
    ]
    helpers = [path for path in own if kind(path) and comparison.suite.files(path)]
    texts = {
        path: text(evaluator, comparison.base, path)
        for path in concerned(evaluator, comparison.base, changed, suite)
    }
    differing = {t.path: (t.old or "", t.new or "") for t in comparison.texts if t.path in changed}
    near = words(
        [
            *differing.values(),
            *((whole, "") for path, whole in texts.items() if path not in differing),
        ]
    )
    paths = reached(texts, sources, helpers, lambda path: text(evaluator, tree, path))
    each = max(LEAST // 2, min(MOST_A_FILE, most // max(len(paths), 1)))
    for path in paths:
        mine = mutants(path, text(evaluator, tree, path), most=each, seed=seed, near=near)
        other = (
            mine
            if tree == comparison.tree
            else mutants(
                path, text(evaluator, comparison.tree, path), most=10 * each, seed=seed, near=near
            )
        )
        twins = {mutant.name: mutant for mutant in other}
        found += [(mutant, twins[mutant.name]) for mutant in mine if mutant.name in twins]
    return found[:most]


def words(texts: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The names around everything that differs."""
    lines = (
        line
        for old, new in texts
        for line in difflib.unified_diff(old.splitlines(), new.splitlines(), n=CONTEXT, lineterm="")
    )
    return frozenset(word for line in lines for word in re.findall(r"\w{2,}", line))


def ids_of(
    evaluator: TreeEvaluator, rev: str, changed: frozenset[str], ids: Collection[str], suite: Suite
) -> frozenset[str]:
    """The ids of the test files that changes concern; all of them where ids do not tell their
    files."""
    paths, there = (
        concerned(evaluator, rev, changed, suite),
        frozenset(map(evaluator.own, evaluator.files(rev))),
    )
    found = frozenset(i for i in ids if belongs(i, paths))
    return found or frozenset(() if any(belongs(i, there) for i in ids) else ids)


def concerned(
    evaluator: TreeEvaluator, rev: str, changed: frozenset[str], suite: Suite
) -> frozenset[str]:
    """Changed test files, and a few of those that import changed helpers, also by way of
    others, or name changed data."""
    tests, code = (
        matching(suite.patterns(kind)) for kind in (suite.runner.tests, suite.runner.code)
    )
    there = [
        path for path in map(evaluator.own, evaluator.files(rev)) if tests(path) and code(path)
    ]
    helpers = [path for path in changed if code(path) and not testnames.NOT_HELPERS.search(path)]
    data = {
        word
        for path in changed
        if not code(path)
        for word in (basename(path), basename(dirname(path)))
        if word
    }
    if not (helpers or data):
        return changed
    texts = {path: text(evaluator, rev, path) for path in there}
    reading = {
        path
        for path, whole in texts.items()
        if any(word in whole or basename(path) in word for word in data)
    }
    more = (users(helpers, texts) if helpers else frozenset()) | (
        reading or set(there if data else ())
    )
    return changed | frozenset(sorted(more - changed, key=digest)[:MOST_USERS])


def belongs(name: str, paths: Iterable[str]) -> bool:
    """Is this id of one of these files? Go names the package alone."""
    file = file_of(name)
    return any(
        path == file
        or (path.endswith(".go") and f"/{file}/".endswith(f"/{dirname(path)}/".replace("//", "/")))
        for path in paths
    )


def text(evaluator: TreeEvaluator, rev: str, path: str) -> str:
    return text_of(evaluator.repo.read(rev, evaluator.path(path)) or b"")
