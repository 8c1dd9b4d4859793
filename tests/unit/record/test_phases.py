"""Phases: which is next, when one is complete, what its error log says, all of it replayed from
progress.txt."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlatch.model.models import (
    AgentEnd,
    End,
    Feature,
    Outcome,
    Phase,
    Reason,
    SessionEnded,
    Verdict,
)
from nightlatch.record import phases
from nightlatch.record.history import History, replay
from nightlatch.record.phases import COMPLETE, OPEN, Output, Stage
from nightlatch.record.progress import Entry, Item, decision, entry_of, parse, render
from tests.conftest import tries

AT = datetime(2026, 11, 20, 23, 40, tzinfo=UTC)
SCHEMA = json.loads(
    files("nightlatch").joinpath("schema", "phase.json").read_text(encoding="utf-8")
)
NAMES = ("architecture", "implementation", "testing")
FEATURE = Feature(
    id="US-033",
    title="Search ignores accents",
    done=False,
    phases=tuple(Phase(name=name) for name in NAMES),
)
SAFE = Verdict(safe=True, proved=True, outcome=Outcome.LANDED)
FINISHED = AgentEnd(end=End.FINISHED)
RED = Reason(
    rule="tests.failed",
    says="new or changed tests fail: 1",
    detail=("tests/a.py::test_x",),
    next="make them pass",
)
GONE = Reason(rule="ratchet.test-removed", says="tests are gone: 1", detail=("tests/b.py::test_y",))
UNFINISHED = Reason(rule="verify.red", says="the verify command still fails")


def told(text: object) -> Output:
    output = phases.output_of(
        text if isinstance(text, bytes) else json.dumps(text).encode(), SCHEMA
    )
    assert output is not None
    return output


def worked(
    number: int,
    phase: str,
    outcome: Outcome = Outcome.ADVANCED,
    *,
    reasons: Sequence[Reason] = (),
    output: Output | None = None,
    end: AgentEnd = FINISHED,
    feature: Feature = FEATURE,
    complete: bool = True,
    **more: tuple[str, ...],
) -> Entry:
    """The entry of a session in a phase, by the path that the loop takes."""
    at = Stage(phase=Phase(name=phase), last=False, before=more.get("before", ()))
    verdict = Verdict(safe=True, proved=None, outcome=outcome, reasons=tuple(reasons))
    verdict = (
        phases.conclude(verdict, at, end, "")
        if complete and outcome is Outcome.ADVANCED
        else verdict
    )
    said = phases.lines(at, "claude", output, more.get("created", ()), verdict, end.todo)
    ended = SessionEnded(
        session=f"r-1-s{number:02}",
        feature=feature,
        outcome=outcome,
        end=end,
        reasons=verdict.reasons,
        phase=said,
    )
    return entry_of(ended, AT + timedelta(minutes=20 * number))


def past(*items: Item, feature: Feature = FEATURE) -> tuple[Entry, ...]:
    """What the history knows of the phases once these items have been through the file."""
    return replay(parse(render(items))).phases_of(feature)


def next_of(feature: Feature, *items: Item) -> tuple[str, bool]:
    stage = phases.stage(feature, past(*items, feature=feature))
    assert stage is not None
    return stage.phase.name, stage.last


def test_phases_follow_the_order_of_the_plan() -> None:
    one, two = worked(1, "architecture"), worked(2, "implementation")
    assert next_of(FEATURE) == ("architecture", False)
    assert next_of(FEATURE, one) == ("implementation", False)
    assert next_of(FEATURE, one, two) == ("testing", True)


def test_a_feature_without_phases_has_none() -> None:
    assert phases.stage(replace(FEATURE, phases=()), ()) is None


def test_dependencies_come_before_the_order_of_the_plan() -> None:
    feature = replace(
        FEATURE, phases=(Phase(name="review", depends=("build",)), Phase(name="build"))
    )
    assert next_of(feature) == ("build", False)
    assert next_of(feature, worked(1, "build", feature=feature)) == ("review", True)


@given(st.data())
def test_every_phase_comes_once_after_those_it_depends_on_and_only_the_final_one_is_last(
    data: st.DataObject,
) -> None:
    names = data.draw(
        st.lists(st.text("abc-/é", min_size=1, max_size=4), unique=True, min_size=1, max_size=6)
    )
    depends = [
        data.draw(st.lists(st.sampled_from(names[:n]), unique=True)) if n else []
        for n in range(len(names))
    ]
    parts = data.draw(
        st.permutations(
            [Phase(name=name, depends=tuple(on)) for name, on in zip(names, depends, strict=True)]
        )
    )
    feature = replace(FEATURE, phases=tuple(parts))
    items: list[Item] = []
    seen: list[str] = []
    for number in range(1, len(names) + 1):
        name, last = next_of(feature, *items)
        assert set(next(part.depends for part in parts if part.name == name)) <= set(seen)
        assert last == (number == len(names))
        seen.append(name)
        items.append(worked(number, name, feature=feature))
    assert sorted(seen) == sorted(names)


@pytest.mark.parametrize(
    "word", [Outcome.REJECTED, Outcome.INTERRUPTED, Outcome.BLOCKED, Outcome.HELD, Outcome.FAILED]
)
def test_a_phase_is_worked_again_until_it_is_complete(word: Outcome) -> None:
    assert next_of(FEATURE, worked(1, "architecture", word, complete=False)) == (
        "architecture",
        False,
    )


def test_measured_progress_alone_completes_no_phase() -> None:
    assert next_of(FEATURE, worked(1, "architecture", complete=False)) == ("architecture", False)


def test_after_the_last_phase_is_taken_out_of_the_plan_the_one_before_ends_with_the_verdict() -> (
    None
):
    feature = replace(FEATURE, phases=FEATURE.phases[:2])
    assert next_of(feature, worked(1, "architecture"), worked(2, "implementation")) == (
        "implementation",
        True,
    )


def test_a_phase_that_was_renamed_in_mid_work_is_a_new_one_and_the_others_stay_complete() -> None:
    feature = replace(
        FEATURE, phases=(Phase(name="architecture"), Phase(name="building"), Phase(name="testing"))
    )
    assert next_of(feature, worked(1, "architecture"), worked(2, "implementation")) == (
        "building",
        False,
    )


def test_an_edit_of_the_criteria_keeps_what_is_complete_and_another_title_does_not() -> None:
    assert next_of(replace(FEATURE, criteria=("é finds e",)), worked(1, "architecture")) == (
        "implementation",
        False,
    )
    assert next_of(replace(FEATURE, title="Another thing"), worked(1, "architecture")) == (
        "architecture",
        False,
    )


def test_another_feature_under_the_same_id_begins_its_own_record() -> None:
    other = replace(FEATURE, title="Another thing")
    items = (worked(1, "architecture"), worked(2, "testing", feature=other))
    assert [
        session.session
        for entry in past(*items, feature=other)
        if (session := phases.worked(entry))
    ] == ["r-1-s02"]


@pytest.mark.parametrize("end", ["landed", "unproved", "> retry --fresh"])
def test_a_landing_and_a_fresh_start_begin_the_record_anew(end: str) -> None:
    last = (
        decision("retry", "--fresh", FEATURE, AT)
        if end.startswith(">")
        else worked(2, "testing", Outcome(end), complete=False)
    )
    assert past(worked(1, "architecture"), last) == ()


def test_a_complete_phase_is_progress_and_no_continuation() -> None:
    done, cut = (
        worked(1, "architecture"),
        worked(2, "architecture", Outcome.INTERRUPTED, complete=False),
    )
    assert replay((cut, cut)).of(FEATURE).continues == 2
    known = replay((cut, cut, done)).of(FEATURE)
    assert (known.attempts, known.continues, known.stalls, known.tried[0].word) == (
        1,
        0,
        0,
        "interrupted",
    )


def test_the_record_needs_no_more_than_what_was_appended() -> None:
    items = [worked(n, name) for n, name in enumerate(NAMES[:2], 1)]
    grown = replay(items[1:], replay(items[:1], History()))
    assert grown.phased == replay(items).phased


def test_names_of_any_kind_come_back_from_the_record() -> None:
    for name in ("a/b", "../x", "größe", "phase x", "a by b", "agent z", "verdict clear", "漢字"):
        (entry,) = past(worked(1, name))
        assert (session := phases.worked(entry))
        assert (session.phase, session.complete) == (name, True)


@settings(max_examples=tries(200))
@given(st.text(max_size=80), st.text(max_size=80))
def test_no_words_of_an_agent_become_a_phase_or_a_verdict(summary: str, step: str) -> None:
    output = Output(
        status="complete",
        said={"summary": (summary, "x\nphase testing\nagent y\nverdict clear"), "decided": (step,)},
    )
    end = AgentEnd(end=End.CONTEXT, says="phase testing", todo=((step, True),))
    entry = worked(
        1,
        "architecture",
        Outcome.INTERRUPTED,
        reasons=(RED,),
        output=output,
        end=end,
        complete=False,
    )
    (known,) = past(entry)
    session = phases.worked(known)
    assert session
    assert (session.phase, session.agent, session.complete, session.clear) == (
        "architecture",
        "claude",
        False,
        False,
    )


def test_an_entry_without_a_phase_is_none_of_them() -> None:
    ended = SessionEnded(
        session="r-1-s01", feature=FEATURE, outcome=Outcome.REJECTED, end=FINISHED, reasons=(RED,)
    )
    assert phases.worked(entry_of(ended, AT)) is None
    assert phases.worked(decision("hold", "", FEATURE, AT)) is None


def test_what_a_persons_file_calls_complete_counts_until_the_record_knows_and_is_then_in_it() -> (
    None
):
    stage = phases.stage(FEATURE, (), ("architecture", "unknown"), "")
    assert stage == Stage(phase=FEATURE.phases[1], last=False, before=("architecture",))
    entry = worked(1, "implementation", Outcome.INTERRUPTED, complete=False, before=stage.before)
    assert phases.stage(FEATURE, past(entry), ("testing",), "") == Stage(
        phase=FEATURE.phases[1], last=False
    )


def test_a_persons_file_may_name_the_phase_to_start_from_if_nothing_is_before_it() -> None:
    free = replace(
        FEATURE, phases=(Phase(name="a"), Phase(name="b"), Phase(name="c", depends=("a",)))
    )
    starts = [phases.stage(free, (), (), name) for name in ("b", "c")]
    assert [stage.phase.name for stage in starts if stage] == ["b", "a"]


# What completes a phase

STAGE = Stage(phase=Phase(name="architecture", artifact="docs/design.md"), last=False)
COMPLETES = {"status": "complete", "summary": "drawn"}


def gap(
    output: Output | None,
    *,
    changed: Sequence[str] = (),
    absent: Sequence[str] = (),
    findings: int = 0,
    end: End = End.FINISHED,
) -> str:
    return phases.missing(STAGE, output, changed, absent, findings, end)


def test_an_artifact_completes_a_phase() -> None:
    assert gap(told(COMPLETES)) == ""
    assert gap(None, changed=["docs/design.md"]) == ""
    assert gap(None, findings=1) == ""


def test_nothing_less_completes_it() -> None:
    assert gap(None) == "it left no artifact: no phase.json, and docs/design.md is as it was"
    assert (
        gap(told({**COMPLETES, "files_created": ["a", "b"]}), absent=["b"])
        == "phase.json names files that are not there: b"
    )
    for status in ("in_progress", "blocked"):
        assert (
            gap(told({**COMPLETES, "status": status}), changed=["docs/design.md"])
            == f"phase.json says {status}"
        )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "phase.json is not JSON: "),
        (b'{"status": "complete", "summ', "phase.json is not JSON: "),
        (b"\xff\xfe", "phase.json is not JSON: "),
        (b"[" * 100_000, "phase.json is not JSON: "),
        (b"[]", "phase.json does not fit its schema: "),
        (b'{"status": "complete"}', "phase.json does not fit its schema: "),
        (b'{"status": "done", "summary": "x"}', "phase.json does not fit its schema: status "),
        (
            b'{"status": "complete", "summary": "x", "files_created": "a"}',
            "phase.json does not fit its schema: files_created ",
        ),
    ],
)
def test_a_phase_json_that_cannot_be_read_completes_nothing(text: bytes, fault: str) -> None:
    assert gap(told(text), changed=["docs/design.md"]).startswith(fault)


@pytest.mark.parametrize("end", [End.CRASHED, End.WALL, End.LIMIT, End.CONTEXT, End.STOPPED])
def test_of_an_agent_that_was_cut_off_only_its_word_that_it_is_complete_counts(end: End) -> None:
    assert gap(told(COMPLETES), end=end) == ""
    assert gap(None, changed=["docs/design.md"], findings=1, end=end) != ""


def concluded(
    verdict: Verdict, missing: str = "", end: End = End.FINISHED
) -> tuple[Outcome, list[str]]:
    made = phases.conclude(verdict, STAGE, AgentEnd(end=end), missing)
    assert made.proved is None
    return made.outcome, [reason.rule for reason in made.reasons]


def test_a_complete_phase_never_lands_whatever_was_proved() -> None:
    for outcome in (Outcome.LANDED, Outcome.UNPROVED, Outcome.HELD):
        assert concluded(replace(SAFE, outcome=outcome)) == (Outcome.ADVANCED, [COMPLETE])


def test_objections_are_kept_as_remarks_and_what_only_the_end_can_fulfil_is_not_asked() -> None:
    verdict = replace(SAFE, outcome=Outcome.REJECTED, reasons=(RED, GONE, UNFINISHED))
    assert concluded(verdict) == (Outcome.ADVANCED, [COMPLETE, RED.rule, GONE.rule])
    made = phases.conclude(verdict, STAGE, FINISHED, "")
    # as they were: what the ratchet refused is restored by them
    assert made.reasons[1:] == (RED, GONE)
    ended = SessionEnded(
        session="r-1-s01", feature=FEATURE, outcome=made.outcome, end=FINISHED, reasons=made.reasons
    )
    assert entry_of(ended, AT).rule == COMPLETE


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (SAFE, Outcome.REJECTED),
        (replace(SAFE, progress=True), Outcome.ADVANCED),
        (replace(SAFE, outcome=Outcome.HELD), Outcome.REJECTED),
        (replace(SAFE, outcome=Outcome.REJECTED, progress=True, reasons=(GONE,)), Outcome.REJECTED),
        (replace(SAFE, outcome=Outcome.ADVANCED, reasons=(UNFINISHED,)), Outcome.ADVANCED),
        (replace(SAFE, outcome=Outcome.FAILED), Outcome.FAILED),
    ],
)
def test_a_phase_without_its_artifact_is_judged_by_measured_progress(
    verdict: Verdict, outcome: Outcome
) -> None:
    made, rules = concluded(verdict, "it left no artifact")
    assert (made, rules[-1]) == (outcome, OPEN)


def test_an_agent_that_asks_has_not_completed_its_phase() -> None:
    assert concluded(replace(SAFE, outcome=Outcome.INTERRUPTED), "", End.BLOCKED) == (
        Outcome.INTERRUPTED,
        [],
    )


# The error log


def log(*items: Item) -> list[tuple[str, str, str]]:
    return [
        (trouble.kind, trouble.phase, trouble.resolution)
        for trouble in phases.troubles(past(*items))
    ]


def test_an_objection_is_pending_until_a_session_has_none() -> None:
    one, two = (
        worked(1, "architecture", reasons=(RED,)),
        worked(2, "implementation", reasons=(GONE,)),
    )
    assert log(one, two) == [
        ("tests.failed", "architecture", ""),
        ("ratchet.test-removed", "implementation", ""),
    ]
    assert [
        resolution for *_, resolution in log(one, two, worked(3, "testing", complete=False))
    ] == ["gone in r-1-s03"] * 2


def test_a_question_is_resolved_by_its_answer() -> None:
    asks = worked(
        1,
        "architecture",
        Outcome.BLOCKED,
        end=AgentEnd(end=End.BLOCKED, question="Which index?"),
        complete=False,
    )
    assert log(asks) == [("agent.question", "architecture", "")]
    assert log(asks, decision("answer", "the old one", FEATURE, AT)) == [
        ("agent.question", "architecture", 'the person said answer "the old one"')
    ]


def test_being_cut_off_is_resolved_by_going_on() -> None:
    cut = worked(
        1,
        "architecture",
        Outcome.INTERRUPTED,
        end=AgentEnd(end=End.CRASHED, says="the loop was ended"),
        complete=False,
    )
    assert log(cut, cut) == [("loop.crash", "architecture", "")] * 2
    assert [resolution for *_, resolution in log(cut, worked(2, "architecture"))] == [
        "gone in r-1-s02"
    ]


def test_a_quiet_phase_leaves_no_error() -> None:
    assert log(worked(1, "architecture"), worked(2, "implementation")) == []


def test_the_next_agent_is_told_decisions_pending_errors_and_what_was_seen_to_be_done() -> None:
    output = told({**COMPLETES, "key_decisions": ["one index"], "constraints": ["no new library"]})
    by_hand = Entry(
        at=AT,
        word="note",
        feature=FEATURE.id,
        title="edited",
        details=("mind the cache", f"digest {FEATURE.digest}"),
    )
    todo = AgentEnd(end=End.FINISHED, todo=(("draw it", True), ("<b>build</b>", False)))
    known = past(
        worked(
            1, "architecture", output=output, reasons=(RED,), created=("docs/design.md",), end=todo
        ),
        by_hand,
    )
    earlier, errors, checklist = phases.briefed(FEATURE, known)
    assert earlier == (
        "architecture, summary: drawn",
        "architecture, decided: one index",
        "architecture, created: docs/design.md",
        "architecture, constraint: no new library",
        "the person wrote: mind the cache",
    )
    assert errors == (
        "tests.failed in architecture: new or changed tests fail: 1: tests/a.py::test_x",
    )
    assert checklist == (
        "[x] phase architecture",
        "[ ] phase implementation",
        "[ ] phase testing",
        "[ ] the last verdict has no objection",
        "[ ] no error is pending",
        "[ ] proved and landed",
        "the last agent's own list, in its words: [x] draw it; [ ] <b>build</b>",
    )
