"""How strong is the proof?

Small faults are put into what a feature added, and what proves the feature is asked whether it
notices.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import islice
from time import monotonic

from nightlatch.git.tree_objects import Entry
from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.mutation.mutants import mutants
from nightlatch.ratchet.mutation.stubs import stubbed
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.results import CheckStatus, VerifyResult
from nightlatch.verdict.comparison_io import Comparison
from nightlatch.verdict.evidence import ProofStrength

# Faults that are tried before the proof is called weak, and how few say nothing yet.
MOST, LEAST = 8, 3
SHARE = 0.1  # of limits.check

Fault = tuple[str, dict[str, str]]


def examine(
    evaluator: TreeEvaluator,
    comparison: Comparison,
    proof: frozenset[str],
    verify: VerifyResult | None,
) -> ProofStrength:
    """Try faults until one is noticed: first everything new emptied at once, then small ones in
    the lines that were added.

    What proves the feature is its verify (what it said, None where it proves nothing) and its proof
    tests (`proof`, by id). Whoever does not notice that the new functions do nothing asks only
    whether they are there; unless what it asks about is no code: then it notices when that is taken
    back.
    """
    deadline = monotonic() + SHARE * evaluator.hands.timeout
    tried = list[str]()
    small = list[str]()
    for says, texts in faults(evaluator, comparison):
        if monotonic() > deadline and tried:
            return ProofStrength(tried=tuple(tried), out_of_time=True)
        tried.append(says)
        seen = notices(
            evaluator,
            comparison,
            entries(evaluator, comparison, texts),
            proof,
            by_verify=verify is not None,
        )
        if says == EMPTIED:
            if not seen:
                return ProofStrength(
                    tried=tuple(tried),
                    hollow=True,
                    noticed=data_matters(evaluator, comparison, proof, verify),
                )
            continue
        small.append(says)
        if seen:
            return ProofStrength(tried=tuple(tried), noticed=True)
    if small:
        # One or two faults say little: the only one may be none, such as a limit of a range that
        # nobody reaches.
        few = len(small) < LEAST
        return ProofStrength(
            tried=tuple(tried),
            out_of_time=few,
            noticed=not few and data_matters(evaluator, comparison, proof, verify),
        )
    # Nothing small could be tried: that the emptied code was noticed is all that is known.
    return ProofStrength(tried=tuple(tried), noticed=bool(tried))


def data_matters(
    evaluator: TreeEvaluator,
    comparison: Comparison,
    proof: frozenset[str],
    verify: VerifyResult | None,
) -> bool:
    """Is it noticed when what the feature changed in files that are no code is taken back?"""
    tests = {change.path for change in comparison.tests}
    read = verify.read if verify else None
    back: dict[str, Entry | None] = {
        change.path: (change.old_mode, change.old_oid) if change.old_mode else None
        for change in comparison.changes
        if change.path not in tests
        and change.path not in comparison.sources
        and (not read or change.path in read)
    }
    return bool(back) and notices(evaluator, comparison, back, proof, by_verify=verify is not None)


EMPTIED = "every function that was added does nothing"


def faults(evaluator: TreeEvaluator, comparison: Comparison) -> Iterator[Fault]:
    """Yield what each fault is, with the texts of the files that have it."""
    own = [
        text
        for text in comparison.texts
        if evaluator.repo_path(text.path) in comparison.sources and text.new is not None
    ]
    stubs = {text.path: stubbed(text.path, text.old, text.new or "") for text in own}
    emptied = {path: stub for path, stub in stubs.items() if stub}
    # All new code at once: one run tells whether anything asks more than whether it is there.
    if emptied:
        yield EMPTIED, emptied
    yield from islice(small_faults(own, evaluator.key(comparison.base)), MOST)


def small_faults(texts: Sequence[Text], seed: str) -> Iterator[Fault]:
    """Yield one small fault after another in the lines that were added, from every file in turn."""
    most_of_file = max(2, MOST // max(len(texts), 1))
    for text in texts:
        lines = added(text.old or "", text.new or "")
        for mutant in mutants(text.path, text.new or "", most=most_of_file, seed=seed, lines=lines):
            yield mutant.says, {text.path: mutant.text}


def added(old: str, new: str) -> frozenset[int]:
    """Return the numbers of the lines that only the new text has."""
    matcher = SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False)
    return frozenset(
        line
        for tag, _, _, start, end in matcher.get_opcodes()
        if tag != "equal"
        for line in range(start + 1, end + 1)
    )


def entries(
    evaluator: TreeEvaluator, comparison: Comparison, texts: Mapping[str, str]
) -> dict[str, Entry | None]:
    """Return these files of the project with other texts."""
    made: dict[str, Entry | None] = {}
    for path, text in texts.items():
        place = evaluator.repo_path(path)
        mode, _ = evaluator.files(comparison.tree)[place]
        made[place] = (mode, evaluator.repo.write_blob(text.encode("utf-8", "surrogateescape")))
    return made


def notices(
    evaluator: TreeEvaluator,
    comparison: Comparison,
    changed: Mapping[str, Entry | None],
    proof: frozenset[str],
    *,
    by_verify: bool,
) -> bool:
    """Does the verify, or one of the proof tests, fail with these files in the candidate?"""
    tree = evaluator.repo.tree_with(comparison.tree, changed)
    if (
        by_verify
        and evaluator.verify(comparison.base, tree, comparison.feature).answer
        is not CheckStatus.GREEN
    ):
        return True
    if not proof:
        return False
    found = evaluator.run(comparison.base, tree, comparison.suite, proof)
    return not proof <= found.passed
