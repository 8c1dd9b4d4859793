"""What can be read of each of this project's last commits without running anything: one line a
commit. Ends with 1 for a refusal."""

import sys
from collections.abc import Iterator
from pathlib import Path

from nightlatch.core.models import Feature, Ruling
from nightlatch.core.ratchet.static import static_reasons
from nightlatch.edge import ranges, workshop
from nightlatch.edge.case import compare
from nightlatch.edge.house import House
from nightlatch.edge.ranges import Range

COMMITS = 20


def said(house: House) -> Iterator[tuple[str, set[str], bool]]:
    """(commit, what is said of it, is any of it a refusal), newest first; what any of the
    commits names as superseded is meant."""
    commits = [commit for commit in house.repo.log("HEAD", COMMITS) if len(commit.parents) == 1]
    named = ranges.superseded(house.repo, Range(base=commits[-1].parents[0], head="HEAD"))
    with workshop.opened(house) as (_, engine):
        for commit in commits:
            nameless = Feature(id="", title="", done=False)
            comparison = compare(engine.evaluator, commit.parents[0], commit.tree, nameless)
            reasons = static_reasons(comparison.texts, named, "", ranges.peoples(house))
            head = f"{commit.id[:9]} {len(comparison.texts):3} files  {commit.subject[:60]:60}"
            yield (
                head,
                {reason.rule for reason in reasons},
                any(reason.ruling is Ruling.REJECT for reason in reasons),
            )


if __name__ == "__main__":
    with ranges.opened(Path.cwd(), "true") as opened:
        told = list(said(opened))
    for head, rules, _ in told:
        print(head, *sorted(rules))
    sys.exit(any(refused for _, _, refused in told))
