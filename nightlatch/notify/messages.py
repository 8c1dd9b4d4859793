"""What a person is told who is not there: a closed list of events, counts and ids; never an
agent's words, unless the person wants them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nightlatch.model.models import Outcome
from nightlatch.plan.interpretations import few
from nightlatch.util.text import plain

RUN_ENDED, NEEDS_YOU, FAULT, BRANCH_RED, TEST = (
    "run-ended",
    "needs-you",
    "fault",
    "branch-red",
    "test",
)
COUNTED = (Outcome.LANDED, Outcome.UNPROVED, Outcome.REJECTED, Outcome.HELD, Outcome.BLOCKED)
QUESTION = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One event as it is told: a sentence, and the same as fields.

    `code` is the exit code of a run that ended, None before.
    """

    event: str
    says: str
    features: tuple[str, ...] = ()
    counts: Mapping[str, int] | None = None
    code: int | None = None


def run_ended(code: int, words: Iterable[str], passing: str) -> Notice:
    """`words` are the outcomes of the run's sessions, `passing` such as 47/50."""
    had = list(words)
    counts = {word.value: had.count(word) for word in COUNTED}
    came = (
        ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        or "no session landed or was rejected"
    )
    return Notice(
        event=RUN_ENDED,
        says=f"the run ended: {came}; {passing} pass; exit code {code}",
        counts=counts,
        code=code,
    )


def needs_you(asked: Mapping[str, str], *, question: bool) -> Notice:
    """`asked` are the features that wait, each with its question; that is told only where the
    person allows it."""
    # It goes to services of others: ids and counts, and the question only where it is allowed.
    names = [plain(name, 60) for name in asked]
    told = "; ".join(
        f"{plain(name, 60)}: {plain(text, QUESTION)}"
        for name, text in asked.items()
        if question and text
    )
    says = f"{few(names)} {'wait' if len(names) > 1 else 'waits'} for you: nightlatch status"
    return Notice(event=NEEDS_YOU, says=f"{says}; {told}" if told else says, features=tuple(names))


def stopped(code: int, why: str) -> Notice:
    """Return a run that something is wrong with; `why` is a sentence of the program's own."""
    red = code == 5
    return Notice(
        event=BRANCH_RED if red else FAULT,
        says=f"{why} The run stops" if red else f"the run stopped because of a fault: {why}",
        code=code,
    )


def body(notice: Notice, *, project: str, branch: str, run: str) -> dict[str, object]:
    """Return the notice as JSON.

    `text` and `content` are the same sentence: chat services take the one or the other.
    """
    text = f"{plain(project, 60)}: {notice.says}"
    return {
        "schema": "nightlatch/notice/1",
        "event": notice.event,
        "project": project,
        "branch": branch,
        "run": run,
        "text": text,
        "content": text,
        "features": list(notice.features),
        "counts": notice.counts,
        "exit": notice.code,
    }


def failures(told: Sequence[Mapping[str, object]]) -> list[str]:
    """Return what went wrong, of what a sender reports."""
    return [f"{one['channel']}: {one['says']}" for one in told if not one["ok"]]
