"""Whether a test is reached at all: what stands around it may keep it from being declared, or
built."""

from collections import Counter
from collections.abc import Iterator

from nightlatch.ratchet.languages.grammar import Span
from nightlatch.ratchet.languages.outline import Outline
from nightlatch.ratchet.languages.tree_matchers import NEVER
from nightlatch.ratchet.languages.tree_tests import FoundTests
from nightlatch.ratchet.model import SKIP, WHEN, Marks


def unreached(seen: Outline, test: FoundTests) -> Marks:
    """Return marks for a branch around a test, for what is only built under a condition, and for
    a return before it."""
    guards = [
        (start, end) for start, end in seen.flow.guards if start < test.at and test.stop <= end
    ]
    return Counter(
        [
            *_branches_around(seen, test),
            *[(WHEN, "built under a condition")] * len(guards),
            *_returns_before(seen, test),
        ]
    )


def _branches_around(seen: Outline, test: FoundTests) -> Iterator[tuple[str, str]]:
    """Yield a mark for each branch that a test is declared in."""
    for branch in seen.flow.branches:
        if not branch.loop and branch.start < test.at and _is_around(branch.body, test):
            never = NEVER.match(seen.parsed.words(*branch.condition))
            yield SKIP if never else WHEN, "declared under a condition"


def _returns_before(seen: Outline, test: FoundTests) -> Iterator[tuple[str, str]]:
    """Yield a mark for each return that leaves what declares a test before it comes to it."""
    for end, scope, function in seen.flow.leaving:
        # A return in a function beside the test only leaves that function.
        leaves = function is None or _is_around(function, test)
        if end <= test.at and _is_around(scope, test) and leaves:
            yield SKIP, "behind a return"


def _is_around(span: Span, test: FoundTests) -> bool:
    """Does a test lie in this span?"""
    return span[0] <= test.at and test.stop <= span[1]
