"""How strong is the proof? Small faults are put into what a feature added, and what proves the feature is asked whether it notices."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from time import monotonic

from nightlatch.core.evidence import Noticed
from nightlatch.core.ratchet.mutants import mutants
from nightlatch.core.ratchet.stubs import stubbed
from nightlatch.core.results import Answer
from nightlatch.edge.case import Case
from nightlatch.edge.trials import Trials

MOST = 8
SHARE = 0.1  # of limits.check

Fault = tuple[str, dict[str, str]]


def examine(trials: Trials, case: Case, proof: frozenset[str], *, by_verify: bool) -> Noticed:
    """Try faults until one is noticed: first everything new emptied at once, then small ones in the lines that were added.

    What proves the feature is its verify (`by_verify`) and its proof tests (`proof`, by id). Whoever does not notice that the new
    functions do nothing asks only whether they are there.
    """
    deadline = monotonic() + SHARE * trials.hands.timeout
    tried = list[str]()
    small = list[str]()
    for says, texts in faults(trials, case):
        if monotonic() > deadline and tried:
            return Noticed(tried=tuple(tried), left=True)
        tried.append(says)
        seen = notices(trials, case, texts, proof, by_verify=by_verify)
        if says == EMPTIED:
            if not seen:
                return Noticed(tried=tuple(tried), hollow=True)
            continue
        small.append(says)
        if seen:
            return Noticed(tried=tuple(tried), noticed=True)
    # Nothing small could be tried: that the emptied code was noticed is all that is known.
    return Noticed(tried=tuple(tried), noticed=bool(tried) and not small)


EMPTIED = "every function that was added does nothing"


def faults(trials: Trials, case: Case) -> Iterator[Fault]:
    """What each fault is, with the texts of the files that have it."""
    own = {text.path: text for text in case.texts if trials.path(text.path) in case.sources and text.new is not None}
    empty = {path: stub for path, text in own.items() if (stub := stubbed(path, text.old, text.new or ""))}
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
        line for tag, _, _, start, end in matcher.get_opcodes() if tag != "equal" for line in range(start + 1, end + 1)
    )


def notices(trials: Trials, case: Case, texts: dict[str, str], proof: frozenset[str], *, by_verify: bool) -> bool:
    """Does the verify, or one of the proof tests, fail with this fault in the code?"""
    entries = {}
    for path, text in texts.items():
        place = trials.path(path)
        mode, _ = trials.files(case.tree)[place]
        entries[place] = (mode, trials.repo.write_blob(text.encode("utf-8", "surrogateescape")))
    tree = trials.repo.tree_with(case.tree, entries)
    if by_verify and trials.verify(case.base, tree, case.feature).answer is not Answer.GREEN:
        return True
    if not proof:
        return False
    found = trials.run(case.base, tree, case.suite, proof)
    return not proof <= found.passed
