"""What proves a feature that says it passes, and whether it still does."""

from collections.abc import Collection
from dataclasses import dataclass

from nightlatch.core.models import Feature
from nightlatch.core.results import Answer, Result, Results, file_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One feature proved again. `how` is verify, tests or person; `answer` is None where only a person's word stands for it."""

    feature: Feature
    how: str
    answer: Answer | None = None
    tail: str = ""

    @property
    def failed(self) -> bool:
        return self.answer in (Answer.RED, Answer.FAULT)


def by_tests(feature: Feature, files: Collection[str], results: Results, known: Collection[str]) -> Proof:
    """Proved by the tests that its landing brought: those in these files, or the whole suite where ids name no file that is known."""
    if not any(file_of(name) in known for name in results.ids):
        return Proof(feature=feature, how="tests", answer=results.answer, tail=results.tail)
    own = {name: result for name, result in results.ids.items() if file_of(name) in files}
    gone = [] if own else ["none of its tests is there any more"]
    bad = sorted(name for name, result in own.items() if result is not Result.PASSED) or gone
    return Proof(feature=feature, how="tests", answer=Answer.RED if bad else Answer.GREEN, tail="\n".join(bad))
