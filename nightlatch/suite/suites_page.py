"""What docs/suites.md says of each runner, made from their data files."""

from collections.abc import Iterable, Iterator

from nightlatch.suite.runner_detection import Runner
from nightlatch.util.made_pages import between_marks

LEVELS = {True: "by id, with mutation", False: "by id"}


def page(text: str, runners: Iterable[Runner]) -> str:
    """Return docs/suites.md with its table of runners made anew."""
    head = ("| runner | language | by hand | protected |", "|---|---|---|---|")
    return between_marks(text, "runners", (*head, *rows(runners)))


def rows(runners: Iterable[Runner]) -> Iterator[str]:
    for runner in runners:
        yield (
            f"| {runner.name} | {runner.language} | `{runner.run.by_hand}` |"
            f" {LEVELS[runner.canary is not None]} |"
        )
