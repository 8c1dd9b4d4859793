"""How strong is the proof?

Small faults are put into what a feature added, and what proves the feature is asked whether it
notices.
"""

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from time import monotonic

from nightlatch.core.evidence import Noticed, Said
from nightlatch.core.ratchet.mutants import mutants
from nightlatch.core.ratchet.stubs import stubbed
from nightlatch.core.results import Answer
from nightlatch.edge.case import Case
from nightlatch.edge.trees import Entry
from nightlatch.edge.trials import Trials

MOST, LEAST = 8, 3
SHARE = 0.1  # of limits.check

Fault = tuple[str, dict[str, str]]


def examine(trials: Trials, case: Case, proof: frozenset[str], verify: Said | None) -> Noticed:
    """Try faults until one is noticed: first everything new emptied at once, then small ones in
    the lines that were added.

    What proves the feature is its verify (what it said, None where it proves nothing) and its proof
    tests (`proof`, by id). Whoever does not notice that the new functions do nothing asks only
    whether they are there; unless what it asks about is no code: then it notices when that is taken
    back.
    """
    deadline = monotonic() + SHARE * trials.hands.timeout
    tried = list[str]()
    small = list[str]()
    for says, texts in faults(trials, case):
        if monotonic() > deadline and tried:
            return Noticed(tried=tuple(tried), left=True)
        tried.append(says)
        seen = notices(
            trials, case, entries(trials, case, texts), proof, by_verify=verify is not None
        )
        if says == EMPTIED:
            if not seen:
                return Noticed(
                    tried=tuple(tried),
                    hollow=True,
                    noticed=data_matters(trials, case, proof, verify),
                )
            continue
        small.append(says)
        if seen:
            return Noticed(tried=tuple(tried), noticed=True)
    if small:
        # One or two faults say little: the only one may be none, such as a limit of a range that
        # nobody reaches.
        few = len(small) < LEAST
        return Noticed(
            tried=tuple(tried),
            left=few,
            noticed=not few and data_matters(trials, case, proof, verify),
        )
    # Nothing small could be tried: that the emptied code was noticed is all that is known.
    return Noticed(tried=tuple(tried), noticed=bool(tried))


def data_matters(trials: Trials, case: Case, proof: frozenset[str], verify: Said | None) -> bool:
    """Is it noticed when what the feature changed in files that are no code is taken back?"""
    tests = {change.path for change in case.tests}
    read = verify.read if verify else None
    back: dict[str, Entry | None] = {
        change.path: (change.old_mode, change.old_oid) if change.old_mode else None
        for change in case.changes
        if change.path not in tests
        and change.path not in case.sources
        and (not read or change.path in read)
    }
    return bool(back) and notices(trials, case, back, proof, by_verify=verify is not None)


EMPTIED = "every function that was added does nothing"


def faults(trials: Trials, case: Case) -> Iterator[Fault]:
    """What each fault is, with the texts of the files that have it."""
    own = {
        text.path: text
        for text in case.texts
        if trials.path(text.path) in case.sources and text.new is not None
    }
    empty = {
        path: stub
        for path, text in own.items()
        if (stub := stubbed(path, text.old, text.new or ""))
    }
    if empty:
        yield EMPTIED, empty
    seed, count = trials.key(case.base), 0
    each = max(2, MOST // max(len(own), 1))
    for path, text in own.items():
        lines = added(text.old or "", text.new or "")
        for mutant in mutants(path, text.new or "", most=each, seed=seed, lines=lines):
            if count < MOST:
                count += 1
                yield mutant.says, {path: mutant.text}


def added(old: str, new: str) -> frozenset[int]:
    """The numbers of the lines that only the new text has."""
    matcher = SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False)
    return frozenset(
        line
        for tag, _, _, start, end in matcher.get_opcodes()
        if tag != "equal"
        for line in range(start + 1, end + 1)
    )


def entries(trials: Trials, case: Case, texts: Mapping[str, str]) -> dict[str, Entry | None]:
    """These files of the project with other texts."""
    made: dict[str, Entry | None] = {}
    for path, text in texts.items():
        place = trials.path(path)
        mode, _ = trials.files(case.tree)[place]
        made[place] = (mode, trials.repo.write_blob(text.encode("utf-8", "surrogateescape")))
    return made


def notices(
    trials: Trials,
    case: Case,
    changed: Mapping[str, Entry | None],
    proof: frozenset[str],
    *,
    by_verify: bool,
) -> bool:
    """Does the verify, or one of the proof tests, fail with these files in the candidate?"""
    tree = trials.repo.tree_with(case.tree, changed)
    if by_verify and trials.verify(case.base, tree, case.feature).answer is not Answer.GREEN:
        return True
    if not proof:
        return False
    found = trials.run(case.base, tree, case.suite, proof)
    return not proof <= found.passed
