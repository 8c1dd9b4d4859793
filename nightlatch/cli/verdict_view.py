"""How `check` and `ratchet` tell a verdict: to a person at 80 columns, and as JSON."""

from collections.abc import Iterator
from textwrap import wrap

from nightlatch.model.models import Outcome, Verdict
from nightlatch.util.text import plain

WIDTH = 80
TO_TELL = 0.05
WORDS = {Outcome.LANDED: "accept", Outcome.UNPROVED: "accept", Outcome.HELD: "hold"}
ANSWERS = {True: "proved", False: "not proved", None: "nothing shows whether it is proved"}


def word(verdict: Verdict) -> str:
    return WORDS.get(verdict.outcome, "reject")


def to_json(verdict: Verdict, proved: bool | None) -> dict[str, object]:
    reasons = [
        {"rule": r.rule, "says": r.says, "detail": list(r.detail), "verdict": r.ruling.value}
        for r in verdict.reasons
    ]
    runs = {"checks": verdict.ran.checks, "tests": verdict.ran.tests, "verify": verdict.ran.verify}
    return {
        "verdict": word(verdict),
        "safe": verdict.safe,
        "proved": proved,
        "reasons": reasons,
        "costs": costs(verdict),
        **runs,
    }


def costs(verdict: Verdict) -> list[dict[str, object]]:
    """Return what each step took, and what it might: seconds, and runs of the suite or of a part of
    it."""
    return [
        {"step": c.step, "runs": c.runs, "seconds": round(c.seconds, 2), "budget": c.budget or None}
        for c in verdict.costs
    ]


def spent(verdict: Verdict) -> Iterator[str]:
    """Yield the same as a table for people, without what was known already."""
    for cost in verdict.costs:
        if cost.runs or cost.seconds >= TO_TELL:
            limit = f" of {cost.budget:.0f} s" if cost.budget else " s"
            yield (
                f"{cost.seconds:7.1f}{limit:<9} {cost.runs:2} run{'s' if cost.runs != 1 else ' '}"
                f" {cost.step}"
            )


def shown(verdict: Verdict, proved: bool | None) -> Iterator[str]:
    """Yield the answer, then each reason with what it names and what to do about it."""
    yield from folded(head(verdict, proved), 0)
    for reason in verdict.reasons:
        yield f"{reason.ruling:<6} {reason.rule}"
        yield from folded(reason.says, 7)
        for detail in reason.detail:
            yield from (line for part in detail.splitlines() for line in folded(part, 9))
        yield from folded(f"next: {reason.next}" if reason.next else "", 7)
    yield from spent(verdict)


def head(verdict: Verdict, proved: bool | None) -> str:
    return (
        f"{word(verdict)}: {'safe' if verdict.safe else 'not safe'}, {ANSWERS[proved]}; tests"
        f" {verdict.ran.tests or 'not run'}"
    )


def folded(text: str, indent: int) -> list[str]:
    """Return anybody's text, wrapped; ids and paths are never broken."""
    space = " " * indent
    return wrap(
        plain(text),
        WIDTH,
        initial_indent=space,
        subsequent_indent=f"{space}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
