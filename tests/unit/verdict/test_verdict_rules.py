"""How the signs of weakening combine: what alone waits for a person, what together is refused,
and what is looked at before it is."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.model.models import Feature, Outcome, Reason, Ruling, Verdict
from nightlatch.model.rules import layer_of, layers, reason, weakening
from nightlatch.model.rules import rules as every_rule
from nightlatch.suite.results import (
    BaselineState,
    CheckStatus,
    Noticed,
    Result,
    SuiteResult,
    VerifyResult,
    function_of,
)
from nightlatch.verdict.evidence import Evidence, IntegrityResult, MutationResult, Step, fewer_cases
from nightlatch.verdict.verdict import decide, next_step
from tests.unit.verdict.evidence import but, evidence

PASSED, FAILED, SKIPPED = Result.PASSED, Result.FAILED, Result.SKIPPED
PROSE = Feature(id="US-1", title="One", done=False)
RED, GREEN = VerifyResult(answer=CheckStatus.RED), VerifyResult(answer=CheckStatus.GREEN)
SAME, LESS, LATE = (
    MutationResult(killed=3),
    MutationResult(killed=3, survivors=("a.py:1 == became !=",)),
    MutationResult(killed=3, untried=("a.py:2",)),
)
NOTHING = MutationResult()
REJECT, HOLD = Ruling.REJECT, Ruling.HOLD


def results(**ids: Result) -> SuiteResult:
    answer = CheckStatus.RED if FAILED in ids.values() else CheckStatus.GREEN
    return SuiteResult(answer=answer, ids={f"t.py::{name}": result for name, result in ids.items()})


def cases(*names: str) -> SuiteResult:
    return SuiteResult(answer=CheckStatus.GREEN, ids={f"t.py::{name}": PASSED for name in names})


BOTH = results(a=PASSED, b=PASSED)
PROOF = frozenset({"t.py::new"})
WANTS = frozenset({Step.WEAKER})
CHANGED = evidence(
    feature=PROSE,
    state=BaselineState(tests=BOTH),
    own=results(a=PASSED, b=PASSED, new=PASSED),
    old=BOTH,
    checks=(),
    proof=PROOF,
    tests_changed=True,
    wanted_steps=WANTS,
    weaker=SAME,
)
BENT = but(CHANGED, old=results(a=FAILED, b=PASSED))
ROWS = but(
    BENT,
    state=BaselineState(tests=results(**{"a[1]": PASSED})),
    own=results(**{"a[2]": PASSED}),
    old=results(**{"a[1]": FAILED}),
)
FEWER = but(
    CHANGED,
    state=BaselineState(tests=results(**{"a[1]": PASSED, "a[2]": PASSED})),
    own=results(**{"a[1]": PASSED}),
)
LOST = but(CHANGED, own=results(a=PASSED, new=PASSED))


def said(verdict: Verdict) -> Mapping[str, Ruling]:
    return {r.rule: r.ruling for r in verdict.reasons}


def sign(*rules: str) -> tuple[Reason, ...]:
    return tuple(reason(f"ratchet.{rule}", ("t.py::a",)) for rule in rules)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (CHANGED, {}),
        (but(CHANGED, weaker=LESS), {"weaker": HOLD}),
        (but(CHANGED, static=sign("looser")), {"looser": HOLD}),
        (but(CHANGED, static=sign("looser"), in_run=True), {"looser": REJECT}),
        (but(LOST, in_run=True), {"test-removed": REJECT}),
        (but(CHANGED, weaker=LESS, in_run=True), {"weaker": REJECT}),
        (
            but(CHANGED, weaker=LESS, in_run=True, feature=replace(PROSE, supersedes=("b",))),
            {"weaker": HOLD},
        ),
        (
            but(CHANGED, static=sign("looser"), weaker=LESS),
            {"looser": REJECT, "weaker": REJECT},
        ),
        (
            but(CHANGED, static=sign("looser", "fewer-assertions")),
            {"looser": REJECT, "fewer-assertions": REJECT},
        ),
        (but(CHANGED, weaker=LATE), {"not-measured": HOLD}),
        (
            but(CHANGED, weaker=LATE, static=sign("looser")),
            {"not-measured": HOLD, "looser": HOLD},
        ),
        (
            but(CHANGED, static=sign("knows-tests", "looser")),
            {"knows-tests": HOLD, "looser": HOLD},
        ),
        (but(CHANGED, static=sign("new-dependency")), {"new-dependency": Ruling.FLAG}),
        # old tests fail on the new code, and the candidate's own version of them passes
        (BENT, {"superseded-unnamed": HOLD}),
        (but(BENT, weaker=None), {"test-failed": REJECT}),
        (but(BENT, weaker=NOTHING), {"superseded-unnamed": HOLD}),
        (but(BENT, weaker=LESS), {"test-failed": REJECT, "weaker": HOLD}),
        (
            but(BENT, unsteady=frozenset({"t.py::c"})),
            {"superseded-unnamed": HOLD, "tests.unsteady": HOLD},
        ),
        (but(BENT, weaker=LATE), {"superseded-unnamed": HOLD, "not-measured": HOLD}),
        (but(BENT, static=sign("looser")), {"looser": REJECT, "test-failed": REJECT}),
        (but(BENT, static=sign("knows-tests")), {"knows-tests": HOLD, "test-failed": REJECT}),
        (
            but(BENT, static=sign("protected-path")),
            {"protected-path": HOLD, "superseded-unnamed": HOLD},
        ),
        (but(BENT, own=results(a=SKIPPED, b=PASSED)), {"test-skipped": REJECT}),
        (but(BENT, own=results(a=FAILED, b=PASSED)), {"test-failed": REJECT}),
        (
            but(BENT, old=results(a=FAILED, b=FAILED), own=results(a=PASSED, b=FAILED)),
            {"test-failed": REJECT},
        ),
        (but(BENT, feature=replace(PROSE, supersedes=("a",))), {}),
        (
            but(BENT, feature=replace(PROSE, verify=("v",)), before=RED, now=GREEN),
            {"superseded-unnamed": HOLD},
        ),
        (
            but(BENT, integrity=IntegrityResult(canaries=("one",))),
            {"canary": REJECT, "test-failed": REJECT},
        ),
        # ids that are gone
        (but(LOST, weaker=None), {"test-removed": REJECT}),
        (but(LOST, weaker=NOTHING), {"test-removed": REJECT}),
        (LOST, {"test-unmatched": HOLD}),
        (but(LOST, weaker=LESS), {"test-removed": REJECT, "weaker": REJECT}),
        (but(LOST, static=sign("looser")), {"looser": REJECT, "test-unmatched": REJECT}),
        (but(LOST, moved_to={"t.py::b": "t.py::new"}), {}),
        (but(LOST, moved_to={"t.py::b": "t.py::new"}, weaker=LESS), {"weaker": REJECT}),
        (but(LOST, feature=replace(PROSE, supersedes=("b",)), weaker=LESS), {"weaker": HOLD}),
        (but(LOST, old=results(a=PASSED)), {"test-unmatched": HOLD}),
        (but(CHANGED, old=results(a=PASSED)), {"test-removed": REJECT}),
        (
            but(LOST, old=results(a=PASSED, b=FAILED)),
            {"test-unmatched": HOLD, "test-failed": REJECT},
        ),
        (
            but(FEWER, old=results(**{"a[1]": PASSED, "a[2]": FAILED})),
            {"fewer-cases": HOLD, "test-failed": REJECT},
        ),
        # ids that have another name, and fail under the old one
        (
            but(BENT, own=results(b=PASSED, new=PASSED), moved_to={"t.py::a": "t.py::new"}),
            {"test-failed": REJECT},
        ),
        (
            but(
                BENT,
                own=results(b=PASSED, new=PASSED),
                moved_to={"t.py::a": "t.py::new"},
                intact=frozenset({"t.py::a"}),
            ),
            {"superseded-unnamed": HOLD},
        ),
        (but(ROWS, weaker=None), {"test-failed": REJECT}),
        (ROWS, {"superseded-unnamed": HOLD}),
        # what must fail
        (
            but(CHANGED, integrity=IntegrityResult(ignored=("t.py::a",))),
            {"expected-ignored": REJECT},
        ),
        (but(CHANGED, integrity=IntegrityResult(not_run=("cut off",))), {"not-measured": HOLD}),
        (
            but(CHANGED, own=replace(BOTH, noticed=Noticed(rewritten=("t.py",)))),
            {"tests-rewritten": REJECT},
        ),
        (
            but(
                CHANGED,
                state=BaselineState(tests=replace(BOTH, noticed=Noticed(rewritten=("t.py",)))),
                own=replace(BOTH, noticed=Noticed(rewritten=("t.py",))),
            ),
            {},
        ),
        (
            but(
                CHANGED,
                feature=replace(PROSE, supersedes=("t.py",)),
                own=replace(BOTH, noticed=Noticed(rewritten=("t.py",))),
            ),
            {},
        ),
    ],
)
def test_the_table_of_signs(known: Evidence, expected: Mapping[str, Ruling]) -> None:
    verdict = decide(known)
    assert said(verdict) == {
        rule if "." in rule else f"ratchet.{rule}": ruling for rule, ruling in expected.items()
    }
    rulings = set(expected.values())
    assert verdict.outcome is (
        Outcome.REJECTED
        if REJECT in rulings
        else Outcome.HELD
        if HOLD in rulings
        else verdict.outcome
    )
    assert verdict.safe is not bool(rulings & {REJECT, HOLD})


def test_old_tests_beside_a_verify_that_stays_red_are_no_question_for_a_person() -> None:
    verdict = decide(but(BENT, feature=replace(PROSE, verify=("v",)), before=RED, now=RED))
    assert said(verdict) == {"ratchet.test-failed": REJECT, "verify.red": REJECT}


def test_what_is_held_names_the_exact_ids_and_how_golden_files_differ() -> None:
    verdict = decide(but(BENT, goldens=("tests/golden.txt\n-1\n+2",)))
    assert verdict.reasons[0].detail == ("t.py::a", "tests/golden.txt\n-1\n+2")


@pytest.mark.parametrize(
    ("known", "step"),
    [
        (but(BENT, weaker=None), Step.WEAKER),
        (but(LOST, weaker=None), Step.WEAKER),
        (but(BENT, weaker=None, wanted_steps=frozenset()), None),
        (but(LOST, weaker=None, wanted_steps=frozenset()), None),
        (but(BENT, weaker=None, static=sign("looser")), None),
        (but(LOST, weaker=None, static=sign("looser")), None),
        (but(CHANGED, weaker=None, static=sign("looser")), Step.WEAKER),
        (but(CHANGED, old=results(a=PASSED), weaker=None), None),
        (but(BENT, weaker=None, wanted_steps=WANTS | {Step.INTEGRITY}), Step.INTEGRITY),
        (but(CHANGED, static=sign("skip-added"), own=None, old=None), None),
    ],
)
def test_changed_code_is_only_asked_where_its_answer_can_matter(
    known: Evidence, step: Step | None
) -> None:
    assert next_step(known) is step


@pytest.mark.parametrize(
    ("before", "after", "gone", "fewer"),
    [
        (["f[1]", "f[2]"], ["f[1]"], [], ["f[2]"]),
        (["f[1]", "f[2]"], ["f[3]", "f[4]"], [], []),
        (["f"], ["f[1]", "f[2]"], [], []),
        (["f[1]", "f[2]"], ["f"], [], ["f[1]", "f[2]"]),
        (["C::f[1]", "D::f[1]"], ["C::f[1]"], ["D::f[1]"], []),
        (["T/a", "T/b", "T"], ["T/a", "T"], [], ["T/b"]),
        (["handles a/b", "handles a/c"], ["handles a/b"], ["handles a/c"], []),
        (["f[1]"], [], ["f[1]"], []),
    ],
)
def test_fewer_cases_of_a_function_are_told_from_a_function_that_is_gone(
    before: list[str], after: list[str], gone: list[str], fewer: list[str]
) -> None:
    was, now = ([f"p/t::{name}" for name in names] for names in (before, after))
    lost = [name for name in was if name not in now]
    assert fewer_cases(was, now, lost) == (
        [f"p/t::{name}" for name in gone],
        [f"p/t::{name}" for name in fewer],
    )
    own, base = (
        SuiteResult(answer=CheckStatus.GREEN, ids=dict.fromkeys(names, PASSED))
        for names in (now, was)
    )
    rules = {"ratchet.test-removed"} if gone else set()
    rules |= {"ratchet.fewer-cases"} if fewer else set()
    assert (
        set(
            said(
                decide(
                    but(CHANGED, state=BaselineState(tests=base), own=own, old=None, weaker=None)
                )
            )
        )
        == rules
    )


def test_fewer_cases_seen_in_the_text_and_in_the_run_are_one_sign() -> None:
    e = but(
        CHANGED,
        state=BaselineState(tests=cases("f[1]", "f[2]")),
        own=cases("f[1]"),
        old=cases("f[1]", "f[2]"),
        static=sign("fewer-rows"),
    )
    assert set(said(decide(e)).values()) == {HOLD}


def test_every_layer_names_rules_that_there_are_and_can_be_left_out() -> None:
    for layer, rules in layers().items():
        for rule in rules:
            assert layer_of(rule) == layer
            assert rule in every_rule()
    assert layer_of("scope.gitlink") == "scope"
    assert layer_of("judge.not-met") == "judge"
    assert not decide(
        but(CHANGED, static=sign("looser"), layers_off=frozenset({"strength"}))
    ).reasons
    assert not decide(but(LOST, weaker=None, layers_off=frozenset({"ids"}))).reasons
    assert not decide(
        but(CHANGED, scope=(Reason(rule="scope.x", says="x"),), layers_off=frozenset({"scope"}))
    ).reasons


results_of = st.dictionaries(st.sampled_from("abc"), st.sampled_from(Result)).map(
    lambda ids: results(**ids)
)
compared = st.sampled_from([None, SAME, LESS, LATE, NOTHING])
SEEN = sorted(weakening() - {"ratchet.superseded-unnamed"})  # which is concluded, never seen
signs = st.lists(st.sampled_from(SEEN), unique=True).map(
    lambda rules: tuple(reason(rule) for rule in rules)
)


@given(
    base=results_of,
    own=results_of,
    old=results_of,
    weaker=compared,
    static=signs,
    proof=st.booleans(),
)
def test_nothing_that_was_weakened_lands_and_nothing_weaker_waits_as_a_change_of_behaviour(
    base: SuiteResult,
    own: SuiteResult,
    old: SuiteResult,
    weaker: MutationResult | None,
    static: tuple[Reason, ...],
    proof: bool,
) -> None:
    e = but(
        CHANGED,
        state=BaselineState(tests=base),
        own=own,
        old=old,
        weaker=weaker,
        static=static,
        proof=PROOF if proof else frozenset(),
    )
    verdict = decide(e)
    rules, rulings = said(verdict), set(said(verdict).values())
    if verdict.outcome in (Outcome.LANDED, Outcome.UNPROVED):
        assert base.passed <= own.passed
        assert base.passed <= old.passed
        assert not static
        assert weaker is None or not (weaker.survivors or weaker.untried)
    if "ratchet.superseded-unnamed" in rules:
        assert rulings == {HOLD}
        assert weaker in (SAME, NOTHING, LATE)
        assert base.passed <= own.passed
    one_sign = {"ratchet.fewer-rows"} if "ratchet.fewer-cases" in rules else set()
    if len(weakening() & rules.keys() - one_sign) > 1:
        assert REJECT in rulings


def test_function_of_leaves_an_id_without_cases_as_it_is() -> None:
    assert [
        function_of(i)
        for i in ("tests/a.py::f", "tests/a.py", "a.py::C::f[x[1]]", "g.test.ts::g > a [b]")
    ] == [
        "tests/a.py::f",
        "tests/a.py",
        "a.py::C::f",
        "g.test.ts::g > a [b]",
    ]
