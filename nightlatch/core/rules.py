"""Every reason that a verdict of the laboratory can give: rule id, what it says to people, what the next session must know."""

from collections.abc import Iterable

from nightlatch.core.models import Reason, Rule, Ruling
from nightlatch.core.ratchet.rules import STATIC

MOST_DETAILS = 100
RULES = {
    **STATIC,
    "scope.empty": Rule(
        says="the candidate changes nothing",
        next="The last session left no change. Do the work, or ask in blocked.md.",
    ),
    "ratchet.test-removed": Rule(
        says="tests that passed at the base are gone: {n}",
        next="These tests were restored. Keep them; where a feature must change them, a person names them in its `supersedes`.",
    ),
    "ratchet.test-skipped": Rule(
        says="tests that passed at the base are skipped now: {n}",
        next="These tests were restored. Make them run and pass without a skip or an expected failure.",
    ),
    "ratchet.test-failed": Rule(
        says="tests that passed at the base fail now: {n}",
        next="The base's own version of these tests fails on the new code. Make the code pass them as they were.",
    ),
    "tests.failed": Rule(
        says="new or changed tests fail: {n}",
        next="Make these tests pass, or correct them where they are wrong.",
    ),
    "tests.broken": Rule(
        says="the report of the test run cannot be believed",
        next="The suite must run to its end: no early exit, no changed exit code, no error outside a test.",
    ),
    "tests.fault": Rule(
        says="the tests could not be run: neither red nor green",
        next="The test run was cut off or could not start. Look for an endless loop or for something that the environment lacks.",
    ),
    "tests.flaky": Rule(
        says="tests that are flaky at the base too, left out of this verdict: {n}",
        next="These tests pass and fail by chance, also without your change.",
        ruling=Ruling.FLAG,
    ),
    "tests.unsteady": Rule(
        says="tests that pass and fail by chance on the candidate, and were never seen to at the base: {n}",
        next="Make these tests, or the code under them, steady.",
        ruling=Ruling.HOLD,
    ),
    "check.failed": Rule(
        says="checks that fail: {n}",
        next="Every check must exit 0 on the result. The end of what they printed is quoted.",
    ),
    "check.fault": Rule(
        says="checks that could not be run: {n}",
        next="A check was cut off, or a program it needs is missing: neither red nor green.",
    ),
    "verify.red": Rule(
        says="the feature's own verify command still fails",
        next="The verify command decides. The end of what it printed is quoted.",
    ),
    "verify.fault": Rule(
        says="the feature's verify command could not be run: neither red nor green",
        next="The verify command was cut off, or a program it needs is missing.",
    ),
    "verify.already-green": Rule(
        says="the feature's verify command passes before any work",
        next="Already passes: a person says `done`, or gives the feature a check that fails.",
        ruling=Ruling.HOLD,
    ),
}


def reason(rule: str, detail: Iterable[str] = ()) -> Reason:
    """The reason of one rule, with what it is about."""
    known, lines = RULES[rule], tuple(detail)
    more = (f"and {len(lines) - MOST_DETAILS} more",) if len(lines) > MOST_DETAILS else ()
    return Reason(rule=rule, says=known.says.format(n=len(lines)), ruling=known.ruling, detail=lines[:MOST_DETAILS] + more, next=known.next)
