"""What can be read of each of this project's last commits without running anything: one line a
commit. Ends with 1 for a refusal."""

import sys
from collections.abc import Iterator
from pathlib import Path

from nightlatch.model.models import Feature, Ruling
from nightlatch.project.project import Project
from nightlatch.ratchet.static.examine import static_reasons
from nightlatch.verdict import range_io, standalone_io
from nightlatch.verdict.comparison_io import compare
from nightlatch.verdict.range_io import Range

COMMITS = 20


def said(project: Project) -> Iterator[tuple[str, set[str], bool]]:
    """(commit, what is said of it, is any of it a refusal), newest first; what any of the
    commits names as superseded is meant."""
    commits = [commit for commit in project.repo.log("HEAD", COMMITS) if len(commit.parents) == 1]
    named = range_io.superseded(project.repo, Range(base=commits[-1].parents[0], head="HEAD"))
    with standalone_io.opened(project) as (_, engine):
        for commit in commits:
            nameless = Feature(id="", title="", done=False)
            comparison = compare(engine.evaluator, commit.parents[0], commit.tree, nameless)
            reasons = static_reasons(comparison.texts, named, "", range_io.peoples(project))
            head = f"{commit.id[:9]} {len(comparison.texts):3} files  {commit.subject[:60]:60}"
            yield (
                head,
                {reason.rule for reason in reasons},
                any(reason.ruling is Ruling.REJECT for reason in reasons),
            )


if __name__ == "__main__":
    with range_io.opened(Path.cwd(), "true") as opened:
        told = list(said(opened))
    for head, rules, _ in told:
        print(head, *sorted(rules))
    sys.exit(any(refused for _, _, refused in told))
