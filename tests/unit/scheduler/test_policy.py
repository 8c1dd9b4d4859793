"""What the loop does next: the order, every wait and every stop, each with the sentence that a
person reads."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.model.budget import Budget
from nightlatch.model.models import Feature, Outcome, Plan
from nightlatch.record.history import FeatureHistory, FeatureRecord, History
from nightlatch.record.progress import Entry
from nightlatch.scheduler.policy import (
    FOREVER,
    PAUSED,
    Choice,
    Decision,
    FeatureLimits,
    RunBudget,
    RunLimits,
    RunTroubles,
    RunWishes,
    Stop,
    Wait,
    decide,
    standing,
)

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=4)


def feature(name: str, **fields: Any) -> Feature:
    return Feature(**{"id": name, "title": name, "done": False, **fields})


def plan(*features: Feature | str) -> Plan:
    return Plan(
        path="prd.json", features=tuple(feature(f) if isinstance(f, str) else f for f in features)
    )


def past(of: Plan, **known: FeatureHistory) -> History:
    records = {
        (f.id, f.digest): FeatureRecord(before=known[f.id]) for f in of.features if f.id in known
    }
    return History(records=records)


def limits(
    *,
    faults_allowed: int = 3,
    attempts: int = 3,
    continues: int = 6,
    faults: tuple[str, ...] = (),
    fault: Stop | None = None,
    barren: int = 0,
    limited_until: datetime | None = None,
    only: str = "",
    stop: Stop | None = None,
    paused: bool = False,
    stay: bool = False,
    **budget: Any,
) -> RunLimits:
    return RunLimits(
        feature=FeatureLimits(attempts=attempts, continues=continues, faults=faults_allowed),
        budget=RunBudget(**budget),
        troubles=RunTroubles(stop=fault, faults=faults, barren=barren, limited_until=limited_until),
        wishes=RunWishes(only=only, stop=stop, paused=paused, stay=stay),
    )


def decision(of: Plan, budget: RunLimits | None = None, **known: FeatureHistory) -> Decision:
    return decide(of, past(of, **known), budget or RunLimits(), NOW)


def chosen(of: Plan, budget: RunLimits | None = None, **known: FeatureHistory) -> tuple[str, str]:
    found = decision(of, budget, **known)
    assert isinstance(found, Choice), found
    return found.feature.id, found.rule


def stop(
    of: Plan, budget: RunLimits | None = None, **known: FeatureHistory
) -> tuple[int, str, tuple[str, ...]]:
    found = decision(of, budget, **known)
    assert isinstance(found, Stop), found
    return found.code, found.why, found.waits


HELD = FeatureHistory(waiting=Outcome.HELD, question="two old tests disagree")
UNPROVED = FeatureHistory(waiting=Outcome.UNPROVED)
BLOCKED = FeatureHistory(waiting=Outcome.BLOCKED, question="Which PDF library may I add?")
WORN = FeatureHistory(attempts=3)
CARRIED = FeatureHistory(continues=6)
SAME = FeatureHistory(
    attempts=3, same=3, tried=(Entry(at=NOW, word="rejected", rule="ratchet.test-removed"),)
)


@pytest.mark.parametrize(
    ("features", "first", "rule"),
    [
        (["A", "B"], "A", "first in file order of 2 left"),
        ([feature("A", done=True), "B"], "B", "first in file order of 1 left"),
        (
            [feature("A", priority=2.0), feature("B", priority=1.0)],
            "B",
            "first by priority of 2 left",
        ),
        (
            [feature("A", priority=1.0), feature("B", priority=1.0)],
            "A",
            "first by priority of 2 left",
        ),
        (["A", feature("B", priority=9.0)], "B", "first by priority of 2 left"),
        (
            [feature("A", priority=0.0), feature("B", priority=1.0)],
            "A",
            "first by priority of 2 left",
        ),
        (
            [feature("A", depends=("B",)), "B"],
            "B",
            "first in file order of 2 left, passing over A (behind)",
        ),
        (
            [feature("A", priority=1, depends=("B",)), feature("B", priority=9)],
            "B",
            "first by priority of 2 left, passing over A (behind)",
        ),
        (
            [feature("A", depends=("B",)), feature("B", done=True)],
            "A",
            "first in file order of 1 left",
        ),
        (
            [feature("A", hold=True), feature("B", skip=True), "C"],
            "C",
            "first in file order of 3 left, passing over A (held)",
        ),
    ],
)
def test_dependencies_come_first_then_priority_then_file_order(
    features: list[Feature | str], first: str, rule: str
) -> None:
    assert chosen(plan(*features)) == (first, rule)


@pytest.mark.parametrize(
    ("known", "word", "says"),
    [
        (HELD, "held", "is held: two old tests disagree"),
        (UNPROVED, "unproved", "has landed unproved"),
        (BLOCKED, "blocked", "asks: Which PDF library may I add?"),
        (WORN, "worn out", "was given up after 3 attempts"),
        (CARRIED, "worn out", "was given up after 6 sessions that only carried its work on"),
        (SAME, "worn out", "was rejected 3 times in a row by the same rule, ratchet.test-removed"),
        (FeatureHistory(skipped=True), "skipped", "is skipped"),
    ],
)
def test_what_waits_for_a_person_is_passed_over_and_named_at_the_end(
    known: FeatureHistory, word: str, says: str
) -> None:
    assert chosen(plan("A", "B"), A=known)[0] == "B"
    ((_, waiting),) = standing(plan("A"), past(plan("A"), A=known), limits())
    assert waiting is not None
    assert (waiting.word, waiting.says, waiting.for_person) == (word, says, word != "skipped")


@pytest.mark.parametrize(
    ("features", "known", "why", "waits"),
    [
        (
            ["A"],
            {"A": BLOCKED},
            "nothing left to run: A asks: Which PDF library may I add?",
            ("A",),
        ),
        (
            ["A", "B"],
            {"A": UNPROVED, "B": WORN},
            "nothing left to run: A has landed unproved; B was given up after 3 attempts",
            ("A", "B"),
        ),
        (
            [feature("A", depends=("B",)), "B"],
            {"B": WORN},
            "nothing left to run: B was given up after 3 attempts",
            ("B",),
        ),
        (
            [feature("A", depends=("B",)), feature("B", skip=True)],
            {},
            "nothing left to run: A waits for B",
            (),
        ),
        ([feature("A", hold=True)], {}, "nothing left to run: A is on hold in the plan", ("A",)),
        (
            list("ABCDEFG"),
            dict.fromkeys("ABCDEFG", UNPROVED),
            "nothing left to run: A and 6 more have landed unproved",
            tuple("ABCDEFG"),
        ),
        (
            list("ABCDEFG"),
            {**dict.fromkeys("BCDEFG", WORN), "A": UNPROVED, "C": UNPROVED},
            (
                "nothing left to run: A and 1 more have landed unproved; "
                f"{'; '.join(f'{name} was given up after 3 attempts' for name in 'BDEF')}; 1 more"
            ),
            tuple("ABCDEFG"),
        ),
    ],
)
def test_when_nothing_can_run_the_person_is_asked_with_code_3(
    features: Sequence[Feature | str],
    known: dict[str, FeatureHistory],
    why: str,
    waits: tuple[str, ...],
) -> None:
    assert stop(plan(*features), None, **known) == (3, why, waits)


def test_an_agents_question_is_shown_on_one_harmless_line() -> None:
    _, why, _ = stop(plan("A"), None, A=replace(BLOCKED, question="\x1b[31mred\n== run r-1 end"))
    assert why == "nothing left to run: A asks: \\x1b[31mred == run r-1 end"


def test_dependants_of_unproved_work_may_go_on() -> None:
    assert chosen(plan("A", feature("B", depends=("A",))), A=UNPROVED)[0] == "B"
    assert stop(plan("A", feature("B", depends=("A",))), None, A=HELD)[2] == ("A",)


def test_an_answer_in_the_plan_lets_a_blocked_feature_go_on_once() -> None:
    asked = feature("A", answer="reportlab")
    assert chosen(plan(asked), A=BLOCKED)[0] == "A"
    assert stop(plan(asked), None, A=replace(BLOCKED, answers=("reportlab",)))[0] == 3
    assert (
        chosen(plan(feature("A", answer="fpdf")), A=replace(BLOCKED, answers=("reportlab",)))[0]
        == "A"
    )


def test_paused_no_session_starts_and_a_run_with_nothing_left_ends_all_the_same() -> None:
    assert decision(plan("A"), limits(paused=True)) == Wait(until=FOREVER, why=PAUSED)
    assert decision(plan("A"), limits(paused=True, until=LATER)) == Wait(until=LATER, why=PAUSED)
    assert (
        stop(plan("A"), limits(paused=True, stop=Stop(code=130, why="stopped by SIGINT")))[0] == 130
    )
    assert stop(plan(feature("A", done=True)), limits(paused=True)) == (
        0,
        "every feature passes",
        (),
    )


def test_a_run_that_stays_waits_with_nothing_left_until_its_end_and_for_no_other_stop() -> None:
    held = decision(plan("A"), limits(stay=True, until=LATER), A=HELD)
    assert isinstance(held, Wait)
    assert (held.until, held.waits) == (LATER, ("A",))
    for done in (plan(), plan(feature("A", done=True)), plan(feature("A", skip=True))):
        assert isinstance(decision(done, limits(stay=True)), Wait)
    assert stop(plan("A"), limits(stay=True, until=NOW), A=HELD)[0] == 0
    assert (
        stop(plan(feature("A", done=True)), limits(stay=True, until=NOW))[1]
        == "every feature passes"
    )
    assert stop(plan("A"), limits(stay=True, purses=(replace(RUN, spent=20.0),)))[0] == 0
    assert stop(plan("A"), limits(stay=True, faults=("agent.fault",) * 3))[0] == 4


@pytest.mark.parametrize("known", [HELD, UNPROVED])
def test_an_answer_does_not_undo_a_hold(known: FeatureHistory) -> None:
    assert stop(plan(feature("A", answer="yes")), None, A=known)[0] == 3


@pytest.mark.parametrize("known", [FeatureHistory(attempts=2), FeatureHistory(continues=5)])
def test_a_feature_runs_until_its_limit(known: FeatureHistory) -> None:
    assert chosen(plan("A"), A=known)[0] == "A"


def test_the_same_refusal_wears_a_feature_out_by_its_own_number_and_never_the_first_time() -> None:
    again = replace(SAME, attempts=2, same=2)
    assert chosen(plan("A"), limits(faults_allowed=1), A=again)[0] == "A"
    assert chosen(plan("A"), limits(faults_allowed=4, attempts=9), A=SAME)[0] == "A"
    assert stop(plan("A"), limits(faults_allowed=1), A=SAME)[0] == 3


@pytest.mark.parametrize("known", [WORN, CARRIED])
def test_a_limit_of_zero_is_no_limit(known: FeatureHistory) -> None:
    assert chosen(plan("A"), limits(attempts=0, continues=0), A=known)[0] == "A"


@pytest.mark.parametrize("fresh", [True, False])
def test_a_clean_start_is_asked_for_by_the_history(fresh: bool) -> None:
    found = decision(plan("A"), None, A=FeatureHistory(fresh=fresh))
    assert isinstance(found, Choice)
    assert found.fresh is fresh


DONE = plan(feature("A", done=True), feature("B", skip=True))
RUN = Budget(what="the budget", most=20.0, spent=1.0)
DAY = Budget(what="the daily budget", most=9, spent=10)
HOUR = Budget(what="the hourly budget", most=2.0, spent=2.5, free_at=LATER)
CANNOT_PAY = (
    "the budget is too small for another session: $1.00 of $20.00 is left, the last ones took"
    " $1.50 and more"
)


@pytest.mark.parametrize(
    ("of", "budget", "code", "why"),
    [
        (plan(feature("A", done=True)), {}, 0, "every feature passes"),
        (DONE, {}, 0, "every feature that is not skipped passes"),
        (
            DONE,
            {"faults": ("agent.fault",) * 3, "once": True, "used": 1},
            0,
            "every feature that is not skipped passes",
        ),
        (
            plan(feature("A", skip=True)),
            {},
            3,
            "every feature is skipped: there is nothing to work on",
        ),
        (plan(), {}, 3, "the plan has no features: add one to it"),
        (
            plan("A"),
            {"stop": Stop(code=130, why="stopped by Ctrl-C")},
            130,
            "stopped by Ctrl-C",
        ),
        (plan("A"), {"stop": Stop(code=0, why="stopped, as asked")}, 0, "stopped, as asked"),
        (plan("A"), {"once": True, "used": 1}, 0, "one session has run, as asked"),
        (plan("A"), {"sessions": 2, "used": 2}, 0, "all 2 sessions of this run are used"),
        (plan("A"), {"purses": (RUN, DAY)}, 0, "the daily budget is used up: $10.00 of $9.00"),
        (
            plan("A"),
            {"purses": (replace(RUN, spent=20.5),)},
            0,
            "the budget is used up: $20.50 of $20.00",
        ),
        (plan("A"), {"purses": (replace(RUN, spent=19.0, cheapest=1.5),)}, 0, CANNOT_PAY),
        (
            plan("A"),
            {"purses": (Budget(what="tokens", most=1000, spent=12345, tokens=True),)},
            0,
            "tokens is used up: 12,345 of 1,000",
        ),
        (
            plan("A"),
            {"wall": NOW},
            0,
            "it is 2026-11-21 03:00 UTC, and this run has lasted for limits.wall",
        ),
        (plan("A"), {"barren": 12}, 4, "no progress: nothing came of 12 sessions in a row"),
        (plan("A"), {"until": NOW}, 0, "it is 2026-11-21 03:00 UTC, the end of this run"),
        (
            plan("A"),
            {"faults": ("agent.fault",) * 3},
            4,
            "the same fault 3 times in a row: agent.fault",
        ),
        (
            plan("A"),
            {"fault": Stop(code=4, why="claude is not logged in")},
            4,
            "claude is not logged in",
        ),
        (plan("A"), {"only": "X"}, 3, "X is no longer in the plan"),
        (plan(feature("A", done=True), "B"), {"only": "A"}, 0, "A passes"),
        (
            plan(feature("A", hold=True), "B"),
            {"only": "A"},
            3,
            "nothing left to run: A is on hold in the plan",
        ),
        (
            plan(feature("A", depends=("B",)), "B"),
            {"only": "A"},
            3,
            "nothing left to run: A waits for B",
        ),
        (plan(feature("A", skip=True), "B"), {"only": "A"}, 3, "nothing left to run: A is skipped"),
    ],
)
def test_every_stop_has_its_code_and_its_sentence(
    of: Plan, budget: dict[str, Any], code: int, why: str
) -> None:
    assert stop(of, limits(**budget))[:2] == (code, why)


def test_a_plan_whose_last_feature_a_person_skipped_is_done() -> None:
    told = stop(plan(feature("A", done=True), "B"), None, B=FeatureHistory(skipped=True))
    assert told[:2] == (0, "every feature that is not skipped passes")


@pytest.mark.parametrize(
    "budget",
    [
        {"once": True},
        {"sessions": 2, "used": 1},
        {"used": 99},
        {"purses": (replace(RUN, spent=19.99),)},
        {"purses": (replace(RUN, spent=18.5, cheapest=1.5),)},
        {"purses": (replace(HOUR, spent=1.99),)},
        {"until": LATER},
        {"wall": LATER},
        {"barren": 11},
        {"faults": ("agent.fault", "agent.idle", "agent.fault")},
        {"faults": ("agent.fault",) * 2},
        {"faults": ("agent.fault",) * 9, "faults_allowed": 0},
        {"faults": ("agent.fault",) * 3 + ("agent.idle",)},
        {"limited_until": NOW},
        {"limited_until": NOW - timedelta(hours=1)},
    ],
)
def test_what_is_not_used_up_does_not_stop_the_run(budget: dict[str, Any]) -> None:
    assert chosen(plan("A"), limits(**budget))[0] == "A"


def test_only_the_feature_that_was_asked_for_runs() -> None:
    assert chosen(plan(feature("A", priority=1.0), "B"), limits(only="B")) == (
        "B",
        "asked for by name",
    )


def test_when_every_agent_is_limited_the_loop_waits_for_the_reset() -> None:
    assert decision(plan("A"), limits(limited_until=LATER)) == Wait(
        until=LATER, why="every agent is limited until 2026-11-21 07:00 UTC"
    )


def test_a_limit_beyond_the_end_of_the_run_is_not_waited_for() -> None:
    code, why, _ = stop(plan("A"), limits(limited_until=LATER, until=NOW + timedelta(hours=1)))
    assert (code, why) == (
        75,
        (
            "every agent is limited until 2026-11-21 07:00 UTC, past the end of this run at"
            " 2026-11-21 04:00 UTC"
        ),
    )


def test_an_hour_that_is_paid_for_is_waited_out_unless_the_run_ends_in_it() -> None:
    why = "the hourly budget is used up: $2.50 of $2.00; resuming at 2026-11-21 07:00 UTC"
    assert decision(plan("A"), limits(purses=(HOUR,))) == Wait(until=LATER, why=why)
    assert decision(
        plan("A"), limits(purses=(HOUR,), limited_until=NOW + timedelta(hours=1))
    ) == Wait(until=LATER, why=why)
    ends = limits(purses=(HOUR,), wall=NOW + timedelta(hours=1))
    assert stop(plan("A"), ends)[:2] == (
        0,
        f"{why}, past the end of this run at 2026-11-21 04:00 UTC",
    )


def test_nobody_waits_for_a_limit_when_nothing_could_run_after_it() -> None:
    assert stop(plan("A"), limits(limited_until=LATER), A=HELD)[0] == 3


outcomes = st.sampled_from([None, Outcome.HELD, Outcome.BLOCKED, Outcome.UNPROVED])
histories = st.builds(
    FeatureHistory,
    waiting=outcomes,
    attempts=st.integers(0, 4),
    continues=st.integers(0, 7),
    skipped=st.booleans(),
)


@st.composite
def nights(draw: st.DrawFn) -> tuple[Plan, History]:
    names = [str(n) for n in range(draw(st.integers(0, 6)))]
    features = [
        feature(
            name,
            done=draw(st.booleans()),
            skip=draw(st.booleans()),
            hold=draw(st.booleans()),
            priority=draw(st.none() | st.sampled_from([0.0, 1.0, 2.0])),
            depends=(
                tuple(draw(st.lists(st.sampled_from(names[:n]), max_size=2, unique=True)))
                if n
                else ()
            ),
        )
        for n, name in enumerate(names)
    ]
    of = plan(*draw(st.permutations(features)))
    return of, past(of, **{name: draw(histories) for name in names})


@given(nights())
def test_what_is_chosen_can_run_and_nothing_that_can_run_is_left_behind(
    night: tuple[Plan, History],
) -> None:
    of, history = night
    found = decide(of, history, limits(), NOW)
    can_run = [f for f, waiting in standing(of, history, limits()) if waiting is None]
    if isinstance(found, Choice):
        assert found.feature is can_run[0]
        assert not found.feature.done
        assert not found.feature.skip
        known = {f.id: f for f in of.features}
        assert all(
            known[d].done or history.of(known[d]).waiting is Outcome.UNPROVED
            for d in found.feature.depends
        )
    else:
        assert isinstance(found, Stop)
        assert not can_run
        over = any(f.done for f in of.features) and all(
            f.done or f.skip or history.of(f).skipped for f in of.features
        )
        assert found.code == (0 if over else 3)
        assert found.why
