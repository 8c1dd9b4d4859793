"""Whether tests of the base were weakened: each beside the test of its name, or the one that
has taken its place."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.languages.readers import Sources, read_all, unreadable
from nightlatch.ratchet.model import (
    CONSTANT,
    EXACT,
    LOOSER,
    MOCKED,
    SKIP,
    SWALLOWED,
    WHEN,
    Assertion,
    Source,
    Test,
)
from nightlatch.ratchet.static.moved_tests import (
    MOST_PAIRS,
    covers,
    in_place_of,
    inlined,
    is_made_up,
    successors,
)
from nightlatch.ratchet.static.test_subjects import Units, is_superseded, sides
from nightlatch.suite.runner_detection import supersedes

NARROW = 1e-3
# Names under which any failure passes for the expected one.
ANY_ERROR = {
    "Exception",
    "BaseException",
    "Error",
    "",
    "Throwable",
    "RuntimeException",
    "StandardError",
    "RuntimeError",
    "AssertionError",
    "std :: exception",
    "System . Exception",
    "Object",
    "any Error",
}
# The children that tests name most: a parent in the place of one takes in more.
PARENTS = {
    "LookupError": {"KeyError", "IndexError"},
    "ArithmeticError": {"ZeroDivisionError", "OverflowError"},
    "ValueError": {"UnicodeError", "UnicodeDecodeError", "json.JSONDecodeError"},
    "RuntimeError": {"NotImplementedError", "RecursionError"},
    "OSError": {
        "FileNotFoundError",
        "PermissionError",
        "FileExistsError",
        "ConnectionError",
        "TimeoutError",
        "NotADirectoryError",
    },
}
CALLED = re.compile(r"(?:await )?([\w. ]+?) ?\(")
Finding = tuple[str, str]


def weakened(texts: Sequence[Text], names: Sequence[str]) -> Iterator[Finding]:
    """Yield (rule, detail) for every test of the base that says less now; `names` are the
    feature's superseded tests."""
    old, new = read_all(texts, "old"), read_all(texts, "new")
    torn = {path for path, source in new.items() if path in old and unreadable(old[path], source)}
    # Where a grammar stumbles, tests seem to be gone that are not: a person looks at the file.
    new = {path: source for path, source in new.items() if path not in torn}
    yield from (
        ("ratchet.unreadable-test", t.path)
        for t in texts
        if t.path in old and t.new is not None and t.path not in new
    )
    yield from _weaker_tests(old, new, texts, names)
    yield from _shadowed(old, new, names)


def _weaker_tests(
    old: Sources, new: Sources, texts: Sequence[Text], names: Sequence[str]
) -> Iterator[Finding]:
    """Compare every test of the base with the tests that stand in its place."""
    moved = successors(old, new, texts)
    units = Units(old, new, sides(texts))
    # Too many to ask each: what others assert excuses nothing then.
    fresh = _fresh(old, new)
    others = fresh if len(fresh) * len(moved) <= MOST_PAIRS else []
    for path, source in old.items():
        for name, test in source.tests.items():
            place = (path, name)
            if is_superseded(names, place):
                continue
            after = in_place_of(place, test, new, moved)
            if not after:
                continue
            related = [t for p, t in others if units.same(place, test, [(p, t)])]
            substitutes = replaced(source, new.get(path), texts)
            for rule, what in _compared(test, [t for _, t in after], substitutes, _apart(related)):
                where, now = after[0]
                yield rule, f"{where}::{now.name} (line {now.line}): {what}"


def _shadowed(old: Sources, new: Sources, names: Sequence[str]) -> Iterator[Finding]:
    """Yield tests whose name is given to something else further down, so that they never run."""
    for path, source in new.items():
        before = old.get(path, Source())
        for name in source.shadowed - before.shadowed:
            if name in before.tests and not supersedes(names, f"{path}::{name}"):
                yield "ratchet.shadowed", f"{path}::{name} (line {source.tests[name].line})"


def _fresh(old: Sources, new: Sources) -> list[tuple[str, Test]]:
    """Return the tests that the base does not have and that nothing skips, each with its file."""
    before = {(path, name) for path, source in old.items() for name in source.tests}
    return [
        (path, test)
        for path, source in new.items()
        for name, test in source.tests.items()
        if (path, name) not in before
        and not test.helper
        and not any(rule == SKIP for rule, _ in test.marks)
    ]


def _apart(tests: Sequence[Test]) -> frozenset[str]:
    """Return what some tests assert, and their rows."""
    claims = frozenset(
        a.text for t in tests for a in t.assertions if a.weight and not is_made_up(a, t)
    )
    return claims | frozenset(row for t in tests for row in t.rows or ())


def _compared(
    old: Test, new: Sequence[Test], replaced: frozenset[str], apart: frozenset[str]
) -> Iterator[Finding]:
    """Yield what is weaker: a skip, and the first of all else, so that one edit is one
    objection."""
    is_unchanged = len(new) == 1 and new[0] == old
    if is_unchanged and not replaced & old.names.calls:
        return
    marks = sum((t.marks for t in new), Counter[tuple[str, str]]()) - old.marks
    for rule in (SKIP, WHEN):
        if skipped := sorted(what for name, what in marks if name == rule):
            yield rule, ", ".join(skipped)
            return
    # Tests that were split, or merged under another name, assert all of it elsewhere.
    covered = len(new) > 1 or (new[0].name != old.name and covers(old, new))
    looks = (_marked(old, marks, new), _mocked(old, marks, replaced), _made_up(old, new))
    others = (*looks, () if covered else _narrowed(old, new[0], apart))
    yield from islice(chain.from_iterable(others), 1)


def _marked(old: Test, marks: Counter[tuple[str, str]], new: Sequence[Test]) -> Iterator[Finding]:
    """Yield marks that the tests did not have: swallowed failures, looser matchers, constants."""
    kept = {a.text for t in new for a in t.assertions}
    loses_claims = any(a.text not in kept for a in old.assertions)
    more = sum(len(t.assertions) for t in new) - len(old.assertions)
    for (rule, what), count in sorted(marks.items()):
        # A constant beside all that was asserted before weakens nothing; in the place of one of
        # these it does.
        is_in_place = rule == CONSTANT and (loses_claims or count > more or "await" in what)
        if rule in {SWALLOWED, LOOSER} or is_in_place:
            yield rule, what


def _made_up(old: Test, new: Sequence[Test]) -> Iterator[Finding]:
    """Yield assertions that looked at what a call gives, and look at a constant of their own
    now."""
    for test in new:
        for a in test.assertions:
            was = inlined(a.subject, old)
            if "(" in was and is_made_up(a, test):
                yield (
                    CONSTANT,
                    f"{a.subject[:40]} is {inlined(a.subject, test)[:40]}, and was {was[:80]}",
                )


def _mocked(
    old: Test, marks: Counter[tuple[str, str]], replaced: frozenset[str]
) -> Iterator[Finding]:
    """Yield the names of what a test asserts that a stand-in has taken the place of."""
    asserted = {
        found[1].rpartition(".")[2].strip()
        for a in old.assertions
        if (found := CALLED.match(a.subject))
    }
    names = {what for rule, what in marks if rule == MOCKED} & old.names.calls
    yield from ((MOCKED, name) for name in sorted(names | replaced & asserted))


def replaced(old: Source, new: Source | None, texts: Sequence[Text]) -> frozenset[str]:
    """Return names that the file imported and that it defines itself now, or takes from another
    test file."""
    if new is None:
        return frozenset()
    # A stand-in from another test file takes the unit's place as one in this file does.
    files = {
        t.path.rpartition(".")[0].replace("/", ".")
        for t in texts
        if (t.test or t.declares) and t.new is not None
    }
    moved = {
        n
        for n, source in new.imports.items()
        if old.imports.get(n, source) != source and _from(source, files)
    }
    own = {name for name, source in old.imports.items() if not _from(source, files)}
    return frozenset(own & (new.defined - old.defined | moved))


def _from(source: str, files: set[str]) -> bool:
    """Does a name come from one of these files?"""
    module = source.rpartition(".")[0].strip(".")
    return bool(module) and any(file == module or file.endswith(f".{module}") for file in files)


def _narrowed(old: Test, new: Test, apart: frozenset[str]) -> Iterator[Finding]:
    """Yield what one test asserts less than it did; `apart` is what other new tests assert
    instead."""
    missing, gained = _difference(old, new), _difference(new, old)
    lost = [a for a in missing if a.text not in apart and not any(_merged(a, g) for g in gained)]
    yield from _wider(old, new)
    yield from _looser(old, new, lost, gained)
    yield from _fewer_rows(old, new, apart)
    before, after = _total(old.assertions, old, new), _total(new.assertions, new, old)
    excused = sum(a.weight for a in missing) - sum(a.weight for a in lost)
    # The text of a test may stay while a helper, which is read into it, asserts less: that is said
    # of the helper.
    may_assert_less = old.text == new.text and not old.helper
    if after < before - excused and not may_assert_less:
        yield (
            "ratchet.fewer-assertions",
            ", ".join(a.text[:80] for a in lost[:3]) or "they are not reached any more",
        )


def _fewer_rows(old: Test, new: Test, apart: frozenset[str]) -> Iterator[Finding]:
    """Yield rows of parameters that are gone, and that no other new test has."""
    if not old.rows or not new.rows or len(new.rows) >= len(old.rows):
        return
    if not set(old.rows) - set(new.rows) <= apart:
        yield "ratchet.fewer-rows", f"{len(old.rows)} became {len(new.rows)}"


def _difference(one: Test, other: Test) -> list[Assertion]:
    """Return the assertions that only the first test makes."""
    # Counted, not collected: the same claim made twice and once is one claim less.
    unmatched = Counter(a.text for a in other.assertions if a.weight)
    only = []
    for a in one.assertions:
        unmatched[a.text] -= 1
        if a.weight and unmatched[a.text] < 0:
            only.append(a)
    return only


def _merged(lost: Assertion, gained: Assertion) -> bool:
    """Is what was claimed of a part claimed of the whole now?"""
    part, whole = lost.subject, gained.subject
    within = part in whole and whole[:1] in {"(", "[", "{"}
    return (
        gained.rank == EXACT
        and gained.weight > 0
        and part != whole
        and ((whole in part and bool(whole)) or within)
    )


def _total(assertions: Sequence[Assertion], test: Test, other: Test) -> int:
    """Return how often a test asserts; each row counts where the other test has none."""
    total = sum(a.weight for a in assertions)
    return total * (len(test.rows) if test.rows is not None and other.rows is None else 1)


def _wider(old: Test, new: Test) -> Iterator[Finding]:
    """Yield expected exceptions that take in more than they did."""
    # With one more or less nothing tells which of them stands for which.
    if len(old.raises) != len(new.raises):
        return
    for (kind, message), (now, now_message) in zip(old.raises, new.raises, strict=True):
        drops_message = message and not now_message and _kinds(kind) == _kinds(now)
        if _is_wider(kind, now) or drops_message:
            was = f"{kind or 'any error'}{f' {message}' if message else ''}"
            yield "ratchet.wider-exception", f"{was} became {now or 'any error'}"


def _is_wider(kind: str, now: str) -> bool:
    """Does one expected exception take in another one and more?"""
    is_any_error = now in ANY_ERROR and kind not in ANY_ERROR
    return is_any_error or _kinds(kind) < _kinds(now) or kind in PARENTS.get(now, ())


def _kinds(kind: str) -> set[str]:
    """Return the exceptions of a tuple of them."""
    return set(kind.strip("()").split(", "))


def _looser(
    old: Test, new: Test, lost: Sequence[Assertion], gained: Sequence[Assertion]
) -> Iterator[Finding]:
    """Yield what is compared less exactly: by a limit, of one subject, or of the test as a
    whole."""
    yield from _looser_limits(old, new, lost)
    yield from _lower_ranks(new, lost, gained)
    exact = sum(a.rank == EXACT for a in lost) - sum(a.rank == EXACT for a in gained)
    vague = sum(a.rank < EXACT for a in gained) - sum(a.rank < EXACT for a in lost)
    if 0 < exact <= vague:
        yield LOOSER, f"{lost[0].text[:80]} became {gained[-1].text[:80]}"


def _looser_limits(old: Test, new: Test, lost: Sequence[Assertion]) -> Iterator[Finding]:
    """Yield limits that are larger than they were, and tolerances in the place of exact values."""
    is_longer = len(new.assertions) > len(old.assertions)
    for key, numbers in new.limits.items():
        before = old.limits.get(key)
        if before is None:
            # Beside all that was asserted before, or with a further assertion, it is a new claim.
            if lost and not is_longer and _is_wide_tolerance(key, numbers):
                yield LOOSER, f"{key} {max(numbers):g}"
        elif _has_larger(before, numbers):
            yield LOOSER, f"{key}: {_magnitudes(before)} became {_magnitudes(numbers)}"


def _is_wide_tolerance(key: str, numbers: Sequence[float]) -> bool:
    """Does this limit say how near is near enough, and more than rounding needs?"""
    counts_places = key.endswith(("places", "decimal"))
    is_other_limit = key.startswith("limit of") or "timeout" in key
    return not counts_places and not is_other_limit and max(numbers) > NARROW


def _has_larger(before: Sequence[float], numbers: Sequence[float]) -> bool:
    """Is one of these numbers larger than the one in its place was?"""
    return len(before) == len(numbers) and any(
        now > was for was, now in zip(before, numbers, strict=True)
    )


def _magnitudes(numbers: Sequence[float]) -> str:
    """Return numbers for a detail, without the sign that makes larger ones looser."""
    return ", ".join(f"{abs(n):g}" for n in numbers)


def _lower_ranks(
    new: Test, lost: Sequence[Assertion], gained: Sequence[Assertion]
) -> Iterator[Finding]:
    """Yield assertions in whose place the same subject is compared less exactly."""
    for a in lost:
        successor = next((g for g in gained if g.subject == a.subject), None)
        best = max((b.rank for b in new.assertions if b.subject == a.subject), default=0)
        if successor is not None and 0 < best < a.rank:
            yield LOOSER, f"{a.text[:80]} became {successor.text[:80]}"
