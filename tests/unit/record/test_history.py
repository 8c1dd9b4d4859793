"""History: what counts, what waits and what is forgotten, replayed from entries alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.model.models import Feature, Outcome
from nightlatch.record import history
from nightlatch.record.history import FeatureHistory, History, after, replay
from nightlatch.record.progress import (
    LIST_PRICE,
    Entry,
    Item,
    RunEnd,
    RunStart,
    Text,
    decision,
    parse,
    render,
)

AT = datetime(2026, 11, 20, 23, 47, tzinfo=UTC)
FEATURE = Feature(id="US-033", title="Search ignores accents", done=False, criteria=("é finds e",))
UNCOUNTED = (
    "agent.limit",
    "agent.budget",
    "agent.context",
    "agent.turns",
    "agent.stopped",
    "agent.login",
    "agent.credit",
    "loop.crash",
)


def session(
    word: str,
    rule: str = "",
    *,
    feature: Feature = FEATURE,
    number: int = 1,
    usd: float | None = None,
    says: str = "",
) -> Entry:
    tail = f"session r-1-s{number:02}  digest {feature.digest}"
    return Entry(
        at=AT,
        word=word,
        feature=feature.id,
        rule=rule,
        usd=usd,
        title=feature.title,
        details=(says, tail) if says else (tail,),
    )


def after_all(*told: Item | str) -> FeatureHistory:
    """The feature's history after sessions given as "word" or "word rule", decisions as "> verb
    text", or items."""
    items: list[Item] = []
    for number, item in enumerate(told, 1):
        match item.split(" ", 2) if isinstance(item, str) else item:
            case [">", verb, *text]:
                items.append(decision(verb, " ".join(text), FEATURE, AT))
            case [word, *rule]:
                items.append(session(word, " ".join(rule), number=number))
            case _ if not isinstance(item, str):
                items.append(item)
    return replay(items).of(FEATURE)


def test_a_feature_nobody_worked_on_has_no_history() -> None:
    assert History().of(FEATURE) == FeatureHistory()


def test_each_rejection_is_an_attempt() -> None:
    assert after_all("rejected suite.red", "rejected ratchet.test-removed").attempts == 2


@pytest.mark.parametrize("word", ["interrupted", "failed"])
def test_being_cut_off_counts_only_when_it_repeats(word: str) -> None:
    assert after_all(f"{word} agent.wall").attempts == 0
    assert after_all(f"{word} agent.wall", f"{word} agent.idle").attempts == 1
    assert after_all(f"{word} agent.wall", f"{word} agent.idle", f"{word} agent.tool").attempts == 2


@pytest.mark.parametrize("rule", UNCOUNTED)
def test_limits_full_contexts_signals_and_logins_never_count(rule: str) -> None:
    assert after_all(*[f"interrupted {rule}"] * 5).attempts == 0
    assert after_all(*[f"failed {rule}"] * 5).attempts == 0
    assert after_all("interrupted agent.wall", f"interrupted {rule}").attempts == 0


def test_measured_progress_between_two_cuts_forgives_the_first() -> None:
    assert after_all("interrupted agent.wall", "advanced", "interrupted agent.wall").attempts == 0
    assert after_all("interrupted agent.wall", "rejected", "interrupted agent.wall").attempts == 2


@pytest.mark.parametrize("word", ["held", "blocked", "advanced"])
def test_waiting_and_advancing_are_no_attempts(word: str) -> None:
    assert after_all(word, word).attempts == 0


@pytest.mark.parametrize("word", ["landed", "unproved"])
def test_what_landed_starts_counting_anew(word: str) -> None:
    now = after_all("rejected", "advanced", word)
    assert (now.attempts, now.continues, now.landed) == (0, 0, "r-1-s03")


def test_continuations_are_counted_until_something_lands_or_a_person_decides() -> None:
    assert after_all("advanced", "interrupted agent.context", "advanced").continues == 3
    assert after_all("advanced", "rejected", "advanced").continues == 2
    assert after_all("advanced", "landed").continues == 0
    assert after_all("advanced", "advanced", "> answer go on").continues == 0


@pytest.mark.parametrize("rule", ["agent.limit", "agent.stopped"])
def test_a_limit_or_a_persons_signal_is_no_continuation(rule: str) -> None:
    assert after_all(*[f"interrupted {rule}"] * 9).continues == 0


def test_two_continuations_without_progress_start_clean_once() -> None:
    assert not after_all("advanced", "rejected").fresh
    assert after_all("advanced", "rejected", "interrupted agent.wall").fresh
    assert not after_all("advanced", "rejected", "advanced", "rejected").fresh
    assert not after_all("advanced", "rejected", "rejected", "rejected").fresh
    assert not after_all("rejected", "interrupted agent.wall").fresh
    assert not after_all("failed", "rejected", "rejected").fresh
    assert after_all("failed", "rejected", "rejected", "rejected").fresh
    # killed before anything was left
    assert not after_all("interrupted loop.crash", "rejected", "rejected").fresh
    assert after_all("interrupted loop.crash", "rejected", "rejected", "rejected").fresh
    assert after_all(
        session("interrupted", "loop.crash", says="kept: +2 -0 in a.py"), "rejected", "rejected"
    ).fresh


@pytest.mark.parametrize(
    "told", ["interrupted agent.limit", "interrupted agent.stopped", "failed agent.login"]
)
def test_what_was_no_fault_of_the_work_throws_no_work_away(told: str) -> None:
    assert not after_all("advanced", told, told, told, told).fresh


def test_retry_gives_fresh_attempts_and_starts_clean_only_on_request() -> None:
    worn = ("rejected", "rejected", "rejected")
    assert after_all(*worn, "> retry") == replace(
        after_all(*worn, "> retry"), attempts=0, fresh=False
    )
    assert after_all(*worn, "> retry fresh").fresh
    assert after_all(*worn, "> retry --fresh").fresh
    assert not after_all(*worn, "> retry fresh", "rejected").fresh


@pytest.mark.parametrize("word", ["held", "unproved", "blocked"])
@pytest.mark.parametrize("verb", ["answer", "approve", "refuse", "done", "retry"])
def test_every_decision_ends_the_wait(word: str, verb: str) -> None:
    assert after_all(word).waiting is Outcome(word)
    now = after_all(word, f"> {verb} so be it")
    assert (now.waiting, now.question, now.decided) == (None, "", verb)


def test_a_blocked_feature_asks_its_question_and_keeps_the_answer_until_it_lands() -> None:
    asked = after_all(session("blocked", "agent.question", says="asks Which library?"))
    assert asked.question == "Which library?"
    answered = after_all("blocked", '> answer use "reportlab"\nplease', "rejected")
    assert answered.answer == 'use "reportlab"\nplease'
    assert after_all("blocked", "> answer yes", "landed").answer == ""


def test_an_answer_gives_no_fresh_attempts() -> None:
    assert after_all("rejected", "rejected", "blocked", "> answer yes").attempts == 2


def test_a_held_candidate_is_remembered_and_may_land_once_approved() -> None:
    held = after_all(
        "advanced", session("held", "ratchet.old-test", number=7, says="an old test fails")
    )
    assert (held.held, held.question, held.approved) == ("r-1-s07", "an old test fails", False)
    approved = after_all(session("held", number=7), "> approve")
    assert (approved.held, approved.approved, approved.given) == ("r-1-s07", True, False)
    assert not after_all(session("held", number=7), "> approve", "held").approved
    assert not after_all(session("held", number=7), "> refuse").held


def test_approving_unproved_work_is_the_persons_word_that_it_is_done() -> None:
    approved = after_all("unproved", "> approve")
    assert (approved.given, approved.approved) == (True, False)
    assert after_all("> done").given
    assert not after_all("> done", "> revert").given
    assert not after_all("> done", "landed").given


def test_refused_work_is_told_to_the_next_session_and_no_longer_landed() -> None:
    refused = after_all("unproved", "> refuse the button must be red")
    assert refused.landed == ""
    assert refused.refusals == ("the button must be red",)
    assert (
        after_all("unproved", "> refuse the button must be red", "rejected").refusals
        == refused.refusals
    ), "until it lands"
    assert after_all("unproved", "> refuse the button must be red", "landed").refusals == ()
    assert after_all("unproved", "> refuse").reasons[0] == "the person said refuse"


def test_hold_waits_for_the_person_and_skip_passes_over() -> None:
    held = after_all("> hold")
    assert (held.waiting, held.question, held.held) == (Outcome.HELD, "held by you", "")
    assert after_all("> skip").skipped
    assert after_all("> skip", "rejected").skipped
    assert not after_all("> skip", "> retry").skipped
    assert not after_all("> hold", "> approve").approved


def test_what_was_tried_is_told_latest_first_until_the_feature_lands() -> None:
    first = session("rejected", "ratchet.test-removed", says="2 tests gone: test_a, test_b")
    tried = after_all(
        first,
        "interrupted agent.limit",
        "failed agent.login",
        session("rejected", "suite.red", says="3 fail"),
    )
    assert tried.reasons == (
        "rejected (suite.red): 3 fail",
        "rejected (ratchet.test-removed): 2 tests gone: test_a, test_b",
    )
    assert after_all(first, "landed").reasons == ()
    assert len(after_all(*["rejected"] * 50).tried) == history.KEPT


def test_a_conflict_with_the_branch_is_remembered_for_the_next_session_only() -> None:
    assert after_all(f"advanced {history.CONFLICT}").conflict
    assert not after_all(f"advanced {history.CONFLICT}", "advanced").conflict


def test_an_edited_feature_starts_anew_and_an_edit_taken_back_remembers() -> None:
    told = replay([session("rejected"), session("rejected")])
    assert told.of(replace(FEATURE, criteria=("é and è find e",))).attempts == 0
    assert told.of(replace(FEATURE, title="Another plan's US-033")).attempts == 0
    assert (
        told.of(replace(FEATURE, done=True, notes="new", verify=("true",), priority=1)).attempts
        == 2
    )


def test_only_the_last_line_of_an_entry_says_whose_it_is() -> None:
    forged = session("rejected", says="session r-9-s09  digest 000000")
    assert replay([forged]).of(FEATURE).sessions == ("r-1-s01",)
    nameless = Entry(at=AT, word="rejected", feature="US-033", details=("no session here",))
    assert replay([nameless, Text(text="rejected US-033\n")]) == History()


def test_each_session_is_found_by_its_id() -> None:
    told = replay([session("rejected", number=1), session("landed", number=2)])
    assert told.sessions == {"r-1-s01": "rejected", "r-1-s02": "landed"}
    assert told.of(FEATURE).sessions == ("r-1-s01", "r-1-s02")


def test_costs_add_up_by_run_and_by_utc_day() -> None:
    tomorrow = replace(session("landed", usd=0.5), at=AT + timedelta(minutes=20))
    first: list[Item] = [
        RunStart(run="r-1"),
        session("rejected", usd=3.41),
        session("failed"),
        tomorrow,
    ]
    told = replay(
        [
            *first,
            RunEnd(run="r-1"),
            RunStart(run="r-2"),
            session("landed", usd=1.0),
            RunEnd(run="r-2"),
        ]
    )
    assert (
        told.spending.of_run("r-1"),
        told.spending.of_run("r-2"),
        told.spending.of_run("r-3"),
    ) == (3.91, 1.0, 0.0)
    assert (told.spending.costs, told.spending.minutes) == (
        (3.41, 0.5, 1.0),
        {AT: 4.41, AT + timedelta(minutes=20): 0.5},
    )
    assert (
        told.spending.on_day(date(2026, 11, 20)),
        told.spending.on_day(date(2026, 11, 21)),
        told.spending.on_day(date(2026, 1, 1)),
    ) == (4.41, 0.5, 0.0)


def test_a_run_that_was_cut_off_goes_on_in_the_next_which_pays_for_it_too() -> None:
    cut = replay([RunStart(run="r-1"), session("rejected", usd=3.0)])
    assert cut.spending.of_run("r-2") == 3.0
    on = replay([RunStart(run="r-2"), session("landed", usd=1.0)], cut)
    assert (on.spending.of_run("r-1"), on.spending.of_run("r-2"), on.spending.of_run("r-3")) == (
        3.0,
        4.0,
        4.0,
    )
    assert replay([RunEnd(run="r-2")], on).spending.of_run("r-3") == 0.0


def test_a_list_price_is_paid_by_nobody() -> None:
    told = session("landed", usd=9.0)
    told = replace(told, details=(LIST_PRICE, *told.details))
    listed = replay([RunStart(run="r-1"), told])
    assert (
        listed.spending.of_run("r-1"),
        listed.spending.on_day(AT.date()),
        listed.spending.costs,
    ) == (0.0, 0.0, ())
    asks, refused = (
        replace(session(word), details=(LIST_PRICE, told.details[-1]))
        for word in ("unproved", "rejected")
    )
    assert after_all(asks).question == ""
    assert after_all(refused).reasons == ("rejected",)


def test_sessions_that_come_to_nothing_are_counted_until_one_comes_to_something() -> None:
    assert after_barren("rejected", "failed", "interrupted") == 3
    for good in ("landed", "unproved", "advanced", "held", "blocked"):
        assert after_barren("rejected", good) == 0
    assert (
        replay(
            [
                session("rejected"),
                session("interrupted", "agent.limit"),
                session("interrupted", "loop.crash"),
            ]
        ).barren
        == 1
    )
    assert replay([session("rejected"), RunStart(run="r-2")]).barren == 0


def after_barren(*words: str) -> int:
    return replay([session(word) for word in words]).barren


def test_the_same_refusal_in_a_row_is_counted_by_its_rule() -> None:
    one, other = session("rejected", "ratchet.test-removed"), session("rejected", "check.verify")
    limited = session("interrupted", "agent.limit")
    assert [
        after_all(*told).same
        for told in ((one,), (one, one), (one, other), (one, other, one), (one, limited, one))
    ] == [1, 2, 1, 1, 2]
    assert after_all(one, one, "advanced").same == 0
    assert after_all(one, one, "> retry").same == 0


def test_the_last_landings_are_at_hand_latest_first() -> None:
    others = [
        session("landed", feature=Feature(id=f"US-{n}", title="x", done=False), number=n)
        for n in range(20)
    ]
    assert [entry.feature for entry in replay([*others, session("rejected")]).landings[:2]] == [
        "US-19",
        "US-18",
    ]
    assert len(replay(others).landings) == history.KEPT


def test_faults_in_a_row_are_counted_across_features_until_anything_else_happens() -> None:
    failed = [
        session("failed", "agent.login"),
        session("failed", "agent.login", feature=Feature(id="US-1", title="x", done=False)),
    ]
    assert replay(failed).faults == ("agent.login", "agent.login")
    assert replay([*failed, session("rejected")]).faults == ()
    assert replay([*failed, RunStart(run="r-2")]).faults == ()


words = st.sampled_from([*Outcome]).map(str)
rules = st.sampled_from(["", "suite.red", "agent.wall", history.CONFLICT, *UNCOUNTED])
dollars = st.integers(0, 400).map(lambda quarters: quarters / 4)
sessions = st.builds(session, words, rules, number=st.integers(1, 5), usd=st.none() | dollars)
verbs = st.sampled_from(
    ["answer", "approve", "refuse", "done", "retry", "hold", "skip", "revert", "dance"]
)
decisions = st.builds(decision, verbs, st.text(max_size=9), st.just(FEATURE), st.just(AT))
starts = st.builds(RunStart, run=st.sampled_from(["r-1", "r-2"]))
nights: st.SearchStrategy[list[Item]] = st.lists(sessions | decisions | starts, max_size=12)


@given(nights, st.integers(0, 12))
def test_replaying_what_was_appended_gives_the_history_of_the_whole(
    items: Sequence[Item], cut: int
) -> None:
    whole = replay(items)
    assert replay(items[cut:], replay(items[:cut])) == whole
    assert reduce(after, items, History()) == whole
    assert replay(parse(render(items))) == whole
    first = replay(items[:cut])
    assert (first.of(FEATURE), replay(items[cut:], first).of(FEATURE)) == (
        after_all(*items[:cut]),
        after_all(*items),
    )


@given(nights)
def test_no_session_that_was_at_fault_goes_uncounted(items: Sequence[Item]) -> None:
    alone = [
        item
        for item in items
        if isinstance(item, Entry) and item.word in ("advanced", "interrupted", "rejected")
    ]
    counted = [entry for entry in alone if entry.rule not in history.NO_FAULT_OF_THE_FEATURE]
    told = replay(alone).of(FEATURE)
    assert told.attempts + told.continues >= len(counted)


def test_a_refusal_that_only_says_the_same_again_is_told_to_the_next_agent_in_full() -> None:
    first = session("rejected", "scope.empty", says="the candidate changes nothing")
    again = session("rejected", "scope.empty", number=2, says="the same again, 2 in a row")
    past = replay(
        parse(render((first, session("interrupted", "agent.limit", number=3), again)))
    ).of(FEATURE)
    assert past.reasons == ("rejected (scope.empty): the candidate changes nothing",) * 2
    assert (past.attempts, past.same) == (2, 2)
