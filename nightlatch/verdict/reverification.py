"""What proves a feature that says it passes, whether it still does, and which changes could
have ended that."""

import posixpath
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from nightlatch.git.model import Change
from nightlatch.model.models import Feature
from nightlatch.suite.results import CheckStatus, Result, SuiteResult, VerifyResult, file_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One feature proved again.

    `how` is verify, tests or person; `answer` is None where only a person's word stands for it.
    """

    feature: Feature
    how: str
    answer: CheckStatus | None = None
    tail: str = ""

    @property
    def failed(self) -> bool:
        return self.answer in (CheckStatus.RED, CheckStatus.FAULT)


def by_tests(
    feature: Feature, files: Collection[str], results: SuiteResult, known: Collection[str]
) -> Proof:
    """Proved by the tests that its landing brought: those in these files, or the whole suite
    where ids name no file that is known."""
    if not any(file_of(name) in known for name in results.ids):
        return Proof(feature=feature, how="tests", answer=results.answer, tail=results.tail)
    own = {name: result for name, result in results.ids.items() if file_of(name) in files}
    gone = [] if own else ["none of its tests is there any more"]
    bad = sorted(name for name, result in own.items() if result is not Result.PASSED) or gone
    return Proof(
        feature=feature,
        how="tests",
        answer=CheckStatus.RED if bad else CheckStatus.GREEN,
        tail="\n".join(bad),
    )


def may_reach(feature: Feature, said: VerifyResult | None, changes: Iterable[Change]) -> bool:
    """Can these changes end what a feature's verify said before?

    Not where its run read none of the changed files.

    A file that came or went counts for its whole folder, and wherever the command names it: a
    program may list the folder, look whether the file is there, or find a module there before the
    one that it found until now.
    """
    # Where access times are not kept nothing is known to have been read, so anything may reach it.
    if said is None or not said.read:
        return True
    folders = {posixpath.dirname(path) for path in said.read}
    words = "\n".join(feature.verify)
    for change in changes:
        if change.path in said.read:
            return True
        if change.old_mode and change.new_mode:
            continue
        folder, name = posixpath.split(change.path)
        if folder in folders or name in words:
            return True
    return False
