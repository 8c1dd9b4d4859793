"""Whether a test is reached at all: what stands around it may keep it from being declared, or built."""

from collections import Counter

from nightlatch.core.ratchet.outline import Outline
from nightlatch.core.ratchet.seen import SKIP, WHEN, Marks
from nightlatch.core.ratchet.treeclaims import NEVER
from nightlatch.core.ratchet.treetests import Found


def unreached(seen: Outline, test: Found) -> Marks:
    """Marks for a branch around a test, for what is only built under a condition, and for a return before it."""
    marks: Marks = Counter()
    for branch in seen.branches:
        if not branch.loop and branch.body[0] <= test.at and test.stop <= branch.body[1] and branch.start < test.at:
            never = NEVER.match(seen.parsed.words(*branch.condition))
            marks += Counter({(SKIP if never else WHEN, "declared under a condition"): 1})
    guarded = sum(start < test.at and test.stop <= end for start, end in seen.guards)
    marks += Counter({(WHEN, "built under a condition"): guarded})
    whole = (0, len(seen.parsed.tokens))
    for start, end in seen.returns:
        if end > test.at:
            continue
        scope = max((s for s in (*seen.scopes, whole) if s[0] <= start < s[1]), key=lambda s: s[0])
        others = any(one[0] <= start < one[1] for one in _bodies(seen, test))
        if scope[0] <= test.at and test.stop <= scope[1] and not others:
            marks += Counter({(SKIP, "behind a return"): 1})
    return marks


def _bodies(seen: Outline, test: Found) -> list[tuple[int, int]]:
    """The bodies of functions that the test is not part of: a return there ends them alone."""
    spans = [seen.parsed.span(nodes["function"][0]) for nodes in seen.kinds.get("function", ())]
    return [span for span in spans if not (span[0] <= test.at and test.stop <= span[1])]
