"""Whether a test is reached at all: what stands around it may keep it from being declared, or
built."""

from collections import Counter

from nightlatch.ratchet.languages.outline import Outline
from nightlatch.ratchet.languages.tree_assertions import NEVER
from nightlatch.ratchet.languages.tree_tests import FoundTests
from nightlatch.ratchet.model import SKIP, WHEN, Marks


def unreached(seen: Outline, test: FoundTests) -> Marks:
    """Marks for a branch around a test, for what is only built under a condition, and for a
    return before it."""
    marks: Marks = Counter()
    for branch in seen.branches:
        if (
            not branch.loop
            and branch.body[0] <= test.at
            and test.stop <= branch.body[1]
            and branch.start < test.at
        ):
            never = NEVER.match(seen.parsed.words(*branch.condition))
            marks += Counter({(SKIP if never else WHEN, "declared under a condition"): 1})
    guarded = sum(start < test.at and test.stop <= end for start, end in seen.guards)
    marks += Counter({(WHEN, "built under a condition"): guarded})
    for end, scope, function in seen.leaving:
        reaches = scope[0] <= test.at and test.stop <= scope[1]
        alone = function is not None and not (function[0] <= test.at and test.stop <= function[1])
        if end <= test.at and reaches and not alone:
            marks += Counter({(SKIP, "behind a return"): 1})
    return marks
