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
    inlined,
    is_made_up,
    successors,
)
from nightlatch.ratchet.static.test_subjects import Units, sides
from nightlatch.suite.runner_detection import supersedes

NARROW = 1e-3
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
    """(rule, detail) for every test of the base that says less now; `names` are the feature's
    superseded tests."""
    old, new = read_all(texts, "old"), read_all(texts, "new")
    torn = {path for path, source in new.items() if path in old and unreadable(old[path], source)}
    new = {path: source for path, source in new.items() if path not in torn}
    yield from (
        ("ratchet.unreadable-test", t.path)
        for t in texts
        if t.path in old and t.new is not None and t.path not in new
    )
    moved = successors(old, new, texts)
    units = Units(old, new, sides(texts))
    # Too many to ask each: what others assert excuses nothing then.
    fresh = _fresh(old, new)
    others = fresh if len(fresh) * len(moved) <= MOST_PAIRS else []
    for path, source in old.items():
        for name, test in source.tests.items():
            if supersedes(names, f"{path}::{name.replace(' > ', '::')}") or supersedes(
                names, f"{path}::{name}"
            ):
                continue
            here = new[path].tests.get(name) if path in new else None
            places = (
                ((path, name),)
                if here and here.helper == test.helper
                else moved.get((path, name), ())
            )
            after = [(p, new[p].tests[n]) for p, n in places]
            if not after:
                continue
            apart = _apart([t for p, t in others if units.same((path, name), test, [(p, t)])])
            for rule, what in _compared(
                test, [t for _, t in after], replaced(source, new.get(path), texts), apart
            ):
                where, now = after[0]
                yield rule, f"{where}::{now.name} (line {now.line}): {what}"
    for path, source in new.items():
        before = old.get(path, Source())
        for name in source.shadowed - before.shadowed:
            if name in before.tests and not supersedes(names, f"{path}::{name}"):
                yield "ratchet.shadowed", f"{path}::{name} (line {source.tests[name].line})"


def _fresh(old: Sources, new: Sources) -> list[tuple[str, Test]]:
    """The tests that the base does not have and that nothing skips, each with its file."""
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
    """What some tests assert, and their rows."""
    said = frozenset(
        a.text for t in tests for a in t.assertions if a.weight and not is_made_up(a, t)
    )
    return said | frozenset(row for t in tests for row in t.rows or ())


def _compared(
    old: Test, new: Sequence[Test], replaced: frozenset[str], apart: frozenset[str]
) -> Iterator[Finding]:
    """What is weaker: a skip, and the first of all else, so that one edit is one objection."""
    if not new or (len(new) == 1 and new[0] == old and not replaced & old.calls):
        return
    marks = sum((t.marks for t in new), Counter[tuple[str, str]]()) - old.marks
    for rule in (SKIP, WHEN):
        if skipped := sorted(what for name, what in marks if name == rule):
            yield rule, ", ".join(skipped)
            return
    whole = len(new) > 1 or (new[0].name != old.name and covers(old, new))
    looks = (_marked(old, marks, new), _mocked(old, marks, replaced), _made_up(old, new))
    others = (*looks, () if whole else _narrowed(old, new[0], apart))
    yield from islice(chain.from_iterable(others), 1)


def _marked(old: Test, marks: Counter[tuple[str, str]], new: Sequence[Test]) -> Iterator[Finding]:
    kept = {a.text for t in new for a in t.assertions}
    lost = any(a.text not in kept for a in old.assertions)
    more = sum(len(t.assertions) for t in new) - len(old.assertions)
    for (rule, what), count in sorted(marks.items()):
        if rule in {SWALLOWED, LOOSER} or (
            rule == CONSTANT and (lost or count > more or "await" in what)
        ):
            yield rule, what


def _made_up(old: Test, new: Sequence[Test]) -> Iterator[Finding]:
    """Assertions that looked at what a call gives, and look at a constant of their own now."""
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
    asserted = {
        found[1].rpartition(".")[2].strip()
        for a in old.assertions
        if (found := CALLED.match(a.subject))
    }
    names = {what for rule, what in marks if rule == MOCKED} & old.calls
    yield from ((MOCKED, name) for name in sorted(names | replaced & asserted))


def replaced(old: Source, new: Source | None, texts: Sequence[Text]) -> frozenset[str]:
    """Names that the file imported and that it defines itself now, or takes from another test
    file."""
    if new is None:
        return frozenset()
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
    module = source.rpartition(".")[0].strip(".")
    return bool(module) and any(file == module or file.endswith(f".{module}") for file in files)


def _narrowed(old: Test, new: Test, apart: frozenset[str]) -> Iterator[Finding]:
    lost, gained = _difference(old, new), _difference(new, old)
    same = old.text == new.text
    lost = [a for a in lost if a.text not in apart and not any(_merged(a, g) for g in gained)]
    yield from _wider(old, new)
    yield from _looser(old, new, lost, gained)
    if (
        old.rows
        and new.rows
        and len(new.rows) < len(old.rows)
        and not set(old.rows) - set(new.rows) <= apart
    ):
        yield "ratchet.fewer-rows", f"{len(old.rows)} became {len(new.rows)}"
    before, after = _total(old.assertions, old, new), _total(new.assertions, new, old)
    gone = sum(a.weight for a in _difference(old, new)) - sum(a.weight for a in lost)
    if after < before - gone and (not same or old.helper):
        yield (
            "ratchet.fewer-assertions",
            ", ".join(a.text[:80] for a in lost[:3]) or "they are not reached any more",
        )


def _difference(one: Test, other: Test) -> list[Assertion]:
    """The assertions that only the first test makes."""
    left = Counter(a.text for a in other.assertions if a.weight)
    found = []
    for a in one.assertions:
        left[a.text] -= 1
        if a.weight and left[a.text] < 0:
            found.append(a)
    return found


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
    total = sum(a.weight for a in assertions)
    return total * (len(test.rows) if test.rows is not None and other.rows is None else 1)


def _wider(old: Test, new: Test) -> Iterator[Finding]:
    if len(old.raises) != len(new.raises):
        return
    for (kind, said), (now, still) in zip(old.raises, new.raises, strict=True):
        words, more = set(kind.strip("()").split(", ")), set(now.strip("()").split(", "))
        wide = (
            (now in ANY_ERROR and kind not in ANY_ERROR)
            or words < more
            or kind in PARENTS.get(now, ())
        )
        if wide or (said and not still and words == more):
            yield (
                "ratchet.wider-exception",
                f"{kind or 'any error'}{f' {said}' if said else ''} became {now or 'any error'}",
            )


def _looser(
    old: Test, new: Test, lost: Sequence[Assertion], gained: Sequence[Assertion]
) -> Iterator[Finding]:
    for key, numbers in new.limits.items():
        before = old.limits.get(key)
        if before is None:
            tolerance = (
                not key.startswith("limit of")
                and "timeout" not in key
                and len(new.assertions) <= len(old.assertions)
            )
            if (
                tolerance
                and max(numbers) > NARROW
                and not key.endswith(("places", "decimal"))
                and lost
            ):
                yield LOOSER, f"{key} {max(numbers):g}"
        elif len(before) == len(numbers) and any(
            now > was for was, now in zip(before, numbers, strict=True)
        ):
            yield (
                LOOSER,
                (
                    f"{key}: {', '.join(f'{abs(n):g}' for n in before)} became"
                    f" {', '.join(f'{abs(n):g}' for n in numbers)}"
                ),
            )
    best = {
        a.subject: max((b.rank for b in new.assertions if b.subject == a.subject), default=0)
        for a in lost
    }
    for a in lost:
        if any(g.subject == a.subject for g in gained) and 0 < best[a.subject] < a.rank:
            yield (
                LOOSER,
                (
                    f"{a.text[:80]} became"
                    f" {next(g.text for g in gained if g.subject == a.subject)[:80]}"
                ),
            )
    exact = sum(a.rank == EXACT for a in lost) - sum(a.rank == EXACT for a in gained)
    vague = sum(a.rank < EXACT for a in gained) - sum(a.rank < EXACT for a in lost)
    if 0 < exact <= vague:
        yield LOOSER, f"{lost[0].text[:80]} became {gained[-1].text[:80]}"
