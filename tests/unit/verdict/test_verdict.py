"""The verdict as a table: what is known, what is asked next, and what it comes to."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.errors import FaultError, RedBaseError
from nightlatch.model.models import Feature, Outcome, Reason, Ruling
from nightlatch.model.rules import MOST_DETAILS, reason
from nightlatch.model.rules import rules as every_rule
from nightlatch.suite.results import (
    BaselineState,
    Check,
    CheckStatus,
    Result,
    SuiteResult,
    VerifyResult,
    function_of,
)
from nightlatch.verdict.base_health import red_names, refuse_red
from nightlatch.verdict.evidence import (
    Evidence,
    IntegrityResult,
    MutationResult,
    Step,
    by_chance,
    chances,
    fewer_cases,
    lost_ids,
)
from nightlatch.verdict.verdict import decide, next_step
from tests.unit.verdict.evidence import but, evidence

PASSED, FAILED, SKIPPED = Result.PASSED, Result.FAILED, Result.SKIPPED
GREEN, RED, FAULT = (
    VerifyResult(answer=answer, tail="said")
    for answer in (CheckStatus.GREEN, CheckStatus.RED, CheckStatus.FAULT)
)
PROSE = Feature(id="US-1", title="One", done=False)
VERIFIED = replace(PROSE, verify=("verify",))


def results(**ids: Result) -> SuiteResult:
    answer = CheckStatus.RED if FAILED in ids.values() else CheckStatus.GREEN
    return SuiteResult(answer=answer, ids={f"t.py::{name}": result for name, result in ids.items()})


BASE = BaselineState(tests=results(a=PASSED, b=PASSED))
FINE = evidence(feature=PROSE, state=BASE, own=results(a=PASSED, b=PASSED, new=PASSED), checks=())
WROTE = but(FINE, feature=VERIFIED, before=RED, now=GREEN, proof_changed=True)


def rules(e: Evidence) -> list[str]:
    return [r.rule for r in decide(e).reasons]


def test_a_proof_is_looked_for_only_where_somebody_asks_for_something() -> None:
    nameless = but(FINE, feature=replace(PROSE, id="", title=""))
    assert next_step(FINE) is Step.PROOF
    assert next_step(nameless) is None
    assert next_step(but(WROTE, feature=replace(VERIFIED, title=""), owned=RED)) is Step.PROOF


@pytest.mark.parametrize(
    ("known", "outcome", "proved"),
    [
        (but(FINE, proof=frozenset({"t.py::new"})), Outcome.LANDED, True),
        (but(FINE, proof=frozenset()), Outcome.UNPROVED, None),
        (but(FINE, feature=VERIFIED, before=RED, now=GREEN), Outcome.LANDED, True),
        (but(WROTE, owned=GREEN), Outcome.LANDED, True),
        (but(WROTE, owned=RED, proof=frozenset()), Outcome.UNPROVED, None),
        (but(WROTE, owned=RED, proof=frozenset({"t.py::new"})), Outcome.LANDED, True),
        (
            but(FINE, feature=VERIFIED, before=RED, now=RED, proof=frozenset()),
            Outcome.REJECTED,
            False,
        ),
        (
            but(FINE, feature=VERIFIED, before=RED, now=RED, proof=frozenset({"t.py::new"})),
            Outcome.ADVANCED,
            False,
        ),
        (but(FINE, feature=VERIFIED, before=RED, now=FAULT), Outcome.FAILED, None),
        (but(FINE, feature=VERIFIED, before=GREEN), Outcome.HELD, None),
        (
            but(FINE, feature=VERIFIED, before=GREEN, seen_red=True, now=GREEN),
            Outcome.LANDED,
            True,
        ),
        (but(FINE, empty=True), Outcome.REJECTED, None),
        (but(FINE, own=SuiteResult(answer=CheckStatus.FAULT)), Outcome.FAILED, None),
        (
            but(FINE, unsteady=frozenset({"t.py::new"}), proof=frozenset({"t.py::new"})),
            Outcome.HELD,
            None,
        ),
        (
            but(FINE, flaky=frozenset({"t.py::a"}), proof=frozenset({"t.py::new"})),
            Outcome.LANDED,
            True,
        ),
    ],
)
def test_the_table_of_the_two_answers(
    known: Evidence, outcome: Outcome, proved: bool | None
) -> None:
    verdict = decide(known)
    assert (verdict.outcome, verdict.proved) == (outcome, proved)
    cut = decide(but(known, finished=False))
    assert cut.outcome is (Outcome.LANDED if outcome is Outcome.LANDED else Outcome.INTERRUPTED)


def test_what_is_asked_comes_cheapest_first_and_stops_when_the_rest_is_pointless() -> None:
    wants = frozenset({Step.INTEGRITY, Step.WEAKER})
    e = evidence(
        feature=VERIFIED, state=BASE, tests_changed=True, proof_changed=True, wanted_steps=wants
    )
    answers: dict[Step, dict[str, object]] = {
        Step.BEFORE: {"before": RED},
        Step.OWN: {"own": FINE.runs.own},
        Step.CHECKS: {"checks": ()},
        Step.OLD: {"old": BASE.tests},
        Step.NOW: {"now": GREEN},
        Step.OWNED: {"owned": RED},
        Step.PROOF: {"proof": frozenset()},
        Step.INTEGRITY: {"integrity": IntegrityResult()},
        Step.WEAKER: {"weaker": MutationResult()},
    }
    asked = []
    while step := next_step(e):
        asked.append(step)
        e = but(e, **answers[step])
    assert asked == [step for step in Step if step in answers]
    assert next_step(but(FINE, own=None, scope=(Reason(rule="scope.link", says="a link"),))) is None
    assert next_step(but(FINE, own=None, empty=True)) is None
    assert next_step(but(FINE, checks=None, own=results(a=PASSED))) is None
    assert next_step(but(FINE, feature=VERIFIED, before=GREEN, checks=None)) is None
    assert next_step(but(FINE, own=results(a=PASSED, b=PASSED))) is None
    held = Reason(rule="scope.outside", says="outside", ruling=Ruling.HOLD)
    assert next_step(but(FINE, scope=(held,), checks=None)) is Step.CHECKS


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (results(a=PASSED), ["ratchet.test-removed"]),
        (results(a=PASSED, b=SKIPPED), ["ratchet.test-skipped"]),
        (results(a=PASSED, b=FAILED), ["ratchet.test-failed"]),
        (results(a=PASSED, b=PASSED, c=FAILED), ["tests.failed"]),
        (
            replace(results(a=PASSED), uncollected=("t.py",)),
            ["ratchet.test-failed", "tests.failed"],
        ),
        (replace(results(), broken="no report"), ["tests.broken"]),
        (SuiteResult(answer=CheckStatus.GREEN, by_id=False), ["tests.broken"]),
        (SuiteResult(answer=CheckStatus.FAULT), ["tests.fault"]),
        (results(a=PASSED, b=PASSED), []),
    ],
)
def test_every_way_to_slip_has_its_rule(own: SuiteResult, expected: list[str]) -> None:
    assert rules(but(FINE, own=own)) == expected
    if expected != ["tests.failed"] and own.by_id:
        assert set(rules(but(FINE, old=own))) <= set(expected)


def test_known_failures_and_files_that_were_never_readable_are_tolerated() -> None:
    base = BaselineState(tests=replace(results(a=PASSED, b=FAILED), uncollected=("u.py",)))
    own = replace(results(a=PASSED, b=FAILED), uncollected=("u.py",))
    assert rules(but(FINE, state=base, own=own)) == []
    readable = replace(own, ids={**own.ids, "u.py::x": FAILED}, uncollected=())
    assert rules(but(FINE, state=base, own=readable)) == []


def test_a_check_that_was_red_tolerates_no_further_failing_id() -> None:
    red = Check(name="c", answer=CheckStatus.RED, ids={"x": FAILED, "y": PASSED})
    base = BaselineState(tests=BASE.tests, checks=(red,))
    assert rules(but(FINE, state=base, checks=(red,))) == []
    worse = replace(red, ids={"x": FAILED, "y": FAILED})
    assert rules(but(FINE, state=base, checks=(worse,))) == [
        "check.failed",
        "ratchet.test-failed",
    ]
    assert rules(but(FINE, checks=(red,))) == ["check.failed"]


def test_what_flakes_on_both_is_flaky_and_on_the_candidate_alone_unsteady() -> None:
    names = ["t.py::a", "t.py::b", "t.py::new"]
    failed, passed = results(a=FAILED, b=PASSED), results(a=PASSED, b=PASSED, new=PASSED)
    assert by_chance(names, [failed], [passed], names[:2]) == (
        frozenset({"t.py::a"}),
        frozenset({"t.py::b", "t.py::new"}),
    )
    assert by_chance(names[:1], [failed], [failed], names[:1]) == (frozenset(), frozenset())
    assert chances(names, [failed, passed, failed]) == {"t.py::a": (2, 3)}
    assert by_chance(["t.py::0x1"], [passed], [passed], ["t.py::0x1"]) == (
        frozenset({"t.py::0x1"}),
        frozenset(),
    )


words = st.sampled_from(["a", "b", "c", "d"])
maps = st.dictionaries(words, st.sampled_from(Result))


@given(before=maps, after=maps)
def test_no_id_that_passed_is_lost_without_a_rule(
    before: dict[str, Result], after: dict[str, Result]
) -> None:
    lost = lost_ids(before, after)
    assert set(lost) == {
        name for name in before if before[name] is PASSED and after.get(name) is not PASSED
    }
    assert set(lost.values()) <= set(every_rule())


@given(
    own=maps,
    old=maps,
    base=maps,
    proof=st.frozensets(words),
    finished=st.booleans(),
    changed=st.booleans(),
)
def test_nothing_lands_that_lost_a_test_or_has_no_proof(
    own: dict[str, Result],
    old: dict[str, Result],
    base: dict[str, Result],
    proof: frozenset[str],
    finished: bool,
    changed: bool,
) -> None:
    known = [
        SuiteResult(
            answer=CheckStatus.RED if FAILED in ids.values() else CheckStatus.GREEN, ids=ids
        )
        for ids in (base, own, old)
    ]
    e = evidence(
        feature=PROSE,
        state=BaselineState(tests=known[0]),
        own=known[1],
        old=known[2] if changed else None,
        checks=(),
        proof=proof,
        finished=finished,
        tests_changed=changed,
    )
    if decide(e).outcome is Outcome.LANDED:
        assert proof
        assert not lost_ids(base, own)
        assert not changed or not lost_ids(base, old)


@pytest.mark.parametrize(
    ("failing", "total", "refused"),
    [(0, 10, False), (5, 10, False), (6, 10, True), (20, 1000, False), (21, 1000, True)],
)
def test_the_larger_of_five_and_two_percent_may_fail_at_the_base(
    failing: int, total: int, refused: bool
) -> None:
    ids = {f"t.py::{n}": FAILED if n < failing else PASSED for n in range(total)}
    state = BaselineState(tests=SuiteResult(answer=CheckStatus.RED, ids=ids))
    refuse_red(state, [PROSE], accept=True)
    if not refused:
        return refuse_red(state, [PROSE], accept=False)
    with pytest.raises(RedBaseError, match="and .* more" if failing > 10 else "t.py::0") as error:
        refuse_red(state, [PROSE], accept=False)
    assert error.value.exit == 5
    return None


def test_what_a_failing_features_verify_runs_is_no_reason_to_stop() -> None:
    state = BaselineState(
        tests=results(a=FAILED, b=FAILED), checks=(Check(name="lint", answer=CheckStatus.RED),)
    )
    assert red_names(state, []) == ["t.py::a", "t.py::b", "lint"]
    assert red_names(state, [replace(PROSE, verify=("pytest t.py::a",))]) == ["t.py::b", "lint"]
    with pytest.raises(RedBaseError, match="lint"):
        refuse_red(state, [replace(VERIFIED, done=True)], accept=False)


def test_a_fault_at_the_base_is_never_accepted() -> None:
    with pytest.raises(FaultError, match="the tests could not be run at the base: timed out"):
        refuse_red(
            BaselineState(tests=SuiteResult(answer=CheckStatus.FAULT, tail="timed out")),
            [PROSE],
            accept=True,
        )


def test_a_long_list_of_tests_is_cut_and_says_so() -> None:
    found = reason("ratchet.test-removed", map(str, range(MOST_DETAILS + 3)))
    assert (found.says, len(found.detail), found.detail[-1]) == (
        "tests that passed at the base are gone: 103",
        101,
        "and 3 more",
    )


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("tests/test_a.py::test_x", "tests/test_a.py::test_x"),
        ("tests/test_a.py::T::test_x[a/b::c]", "tests/test_a.py::T::test_x"),
        ("example.com/till::TestSum/zero", "example.com/till::TestSum"),
        ("src/a.test.js::till > adds a/b [x]", "src/a.test.js::till > adds a/b [x]"),
        ("tests/test_x", "tests/test_x"),
    ],
)
def test_the_folder_of_a_test_is_no_function_with_cases(name: str, function: str) -> None:
    assert function_of(name) == function
    other = name.replace("x", "y").replace("Sum", "Product").replace("adds", "takes")
    assert fewer_cases([name, other], [other], [name]) == ([name], [])
