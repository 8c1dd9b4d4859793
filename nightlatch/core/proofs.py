"""What proves a feature that says it passes, whether it still does, and which changes could
have ended that."""

import json
import posixpath
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from nightlatch.core.evidence import VerifyResult
from nightlatch.core.models import Feature
from nightlatch.core.results import Answer, Result, Results, file_of
from nightlatch.core.scope import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One feature proved again.

    `how` is verify, tests or person; `answer` is None where only a person's word stands for it.
    """

    feature: Feature
    how: str
    answer: Answer | None = None
    tail: str = ""

    @property
    def failed(self) -> bool:
        return self.answer in (Answer.RED, Answer.FAULT)


def by_tests(
    feature: Feature, files: Collection[str], results: Results, known: Collection[str]
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
        answer=Answer.RED if bad else Answer.GREEN,
        tail="\n".join(bad),
    )


def may_reach(feature: Feature, said: VerifyResult | None, changes: Iterable[Change]) -> bool:
    """Can these changes end what a feature's verify said before?

    Not where its run read none of the changed files.

    A file that came or went counts for its whole folder, and wherever the command names it: a
    program may list the folder, look whether the file is there, or find a module there before the
    one that it found until now.
    """
    if said is None or not said.read:
        return True
    folders = {posixpath.dirname(path) for path in said.read}
    words = "\n".join(feature.verify)
    for change in changes:
        if change.path in said.read:
            return True
        came_or_went = not (change.old_mode and change.new_mode)
        if came_or_went and (
            posixpath.dirname(change.path) in folders or posixpath.basename(change.path) in words
        ):
            return True
    return False


def dump_said(known: Mapping[str, VerifyResult]) -> str:
    """JSON that `said_from` reads again."""
    return json.dumps(
        {
            name: {
                "answer": said.answer,
                "tail": said.tail,
                "seconds": said.seconds,
                "carried": said.carried,
                "read": sorted(said.read) if said.read else None,
            }
            for name, said in known.items()
        },
        separators=(",", ":"),
    )


def said_from(text: str) -> dict[str, VerifyResult]:
    """Raises ValueError, KeyError or TypeError for anything that `dump_said` did not write."""
    return {
        name: VerifyResult(
            answer=Answer(item["answer"]),
            tail=item["tail"],
            seconds=item["seconds"],
            carried=item["carried"],
            read=None if item["read"] is None else frozenset(item["read"]),
        )
        for name, item in json.loads(text).items()
    }
