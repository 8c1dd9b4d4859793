"""Phases of a feature: which one is next, what a session in one came to, and what the record
tells of those that were worked."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

from nightlatch.model.models import (
    LANDS,
    AgentEnd,
    End,
    Feature,
    Outcome,
    Phase,
    Reason,
    Ruling,
    Verdict,
)
from nightlatch.plan.interpretations import few
from nightlatch.record.progress import Entry, line

COMPLETE = "phase.complete"
OPEN = "phase.open"
ASKS = {
    "summary": "summary",
    "output": "partial_output",
    "decided": "key_decisions",
    "key": "key_files",
    "blocker": "blockers",
    "prefers": "preferences",
    "constraint": "constraints",
    "target": "performance_targets",
}
# In the middle of a feature its verify is still red, and a phase may only write a plan.
_EXPECTED = frozenset({"verify.red", "scope.empty"})
_MOST = 8
# the lines on the phase say the rest; no flag, so that its rule is told first
DONE = Reason(rule=COMPLETE, says="", ruling=Ruling.HOLD)
_NEXT = (
    'Finish the phase, then write phase.json to $NIGHTLATCH_OUT with "status": "complete", naming'
    " only files that are there."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The phase that a session works in.

    The last one ends with the verdict; `before` are those that only a person's file says are done.
    """

    phase: Phase
    last: bool
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An agent's phase.json: `said` has its texts by the words of the record, `fault` why it
    cannot be read."""

    status: str = ""
    files: tuple[str, ...] = ()
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRecord:
    """One session in a phase, as its entry tells: `tale` is what became of it, `said` the rest
    by its words."""

    session: str
    phase: str
    agent: str
    began: datetime
    ended: datetime
    word: str
    rule: str
    tale: str
    said: Mapping[str, tuple[str, ...]]

    @property
    def complete(self) -> bool:
        return self.rule == COMPLETE or self.word in LANDS

    @property
    def clear(self) -> bool:
        return self.said.get("verdict") == ("clear",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One entry of the error log; without a resolution it is pending."""

    at: datetime
    kind: str
    phase: str
    agent: str
    error: str
    resolution: str = ""


def output_of(data: bytes | None, schema: Mapping[str, object]) -> Output | None:
    """Return what phase.json says, None where there is none."""
    from jsonschema import Draft202012Validator

    if data is None:
        return None
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        return Output(fault=f"phase.json is not JSON: {line(str(error), 120)}")
    if wrong := next(Draft202012Validator(schema).iter_errors(told), None):
        return Output(
            fault=(
                f"phase.json does not fit its schema: {'.'.join(map(str, wrong.path))}"
                f" {line(wrong.message, 120)}"
            )
        )
    texts = {word: told.get(name, ()) for word, name in ASKS.items()}
    said = {
        word: (text,) if isinstance(text, str) else tuple(text)
        for word, text in texts.items()
        if text
    }
    return Output(status=told["status"], files=tuple(told.get("files_created", ())), said=said)


def stage(
    feature: Feature, past: Sequence[Entry], imported: Sequence[str] = (), current: str = ""
) -> Stage | None:
    """Return the phase of the next session: the first one whose dependencies are complete; None for
    a feature without phases.

    `imported` and `current` come from a file that a person had; they count as long as the record
    knows nothing.
    """
    if not feature.phases:
        return None
    known = bool(sessions(past))
    before = (
        () if known else tuple(phase.name for phase in feature.phases if phase.name in imported)
    )
    done = completed(past) | {*before}
    left = [phase for phase in feature.phases if phase.name not in done]
    # Where all is done the last one is worked on once more: the feature has not landed yet.
    ready = [phase for phase in left if done.issuperset(phase.depends)] or list(feature.phases[-1:])
    wanted = [phase for phase in ready if phase.name == current and not known]
    return Stage(phase=(wanted or ready)[0], last=len(left) <= 1, before=before)


def completed(past: Iterable[Entry]) -> frozenset[str]:
    """Return the names of the phases that are complete."""
    return frozenset(
        name
        for one in sessions(past)
        for name in (*one.said.get("before", ()), *((one.phase,) if one.complete else ()))
    )


def sessions(past: Iterable[Entry]) -> list[PhaseRecord]:
    """Return those of the entries that are sessions in a phase."""
    return [session for entry in past if (session := worked(entry))]


def missing(
    stage: Stage,
    output: Output | None,
    changed: Collection[str],
    absent: Sequence[str],
    findings: int,
    end: End,
) -> str:
    """Return why the phase is not complete, "" where its artifact is there: phase.json, the file
    that the plan names, or a finding (a decision, or one that the loop confirmed).

    `absent` are files that phase.json names and the candidate lacks. Of an agent that was cut off
    only phase.json counts.
    """
    # The agent's own word against it ends the matter; its word for it is checked below.
    if output and (output.fault or output.status != "complete"):
        return output.fault or f"phase.json says {output.status}"
    if output:
        return f"phase.json names files that are not there: {few(absent)}" if absent else ""
    if end is End.FINISHED and (stage.phase.artifact in changed or findings):
        return ""
    return (
        "it left no artifact: no"
        f" phase.json{f', and {stage.phase.artifact} is as it was' if stage.phase.artifact else ''}"
    )


def conclude(verdict: Verdict, stage: Stage, end: AgentEnd, gap: str) -> Verdict:
    """Return what a phase before the last comes to: with its artifact it is complete, and it never
    lands.

    What the verdict objects to is told, and the work is carried on.
    """
    told = tuple(reason for reason in verdict.reasons if reason.rule not in _EXPECTED)
    # A question of the agent's comes first: the next phase would build on its guess.
    if not gap and end.end is not End.BLOCKED:
        return replace(verdict, proved=None, outcome=Outcome.ADVANCED, reasons=(DONE, *told))
    lacks = Reason(
        rule=OPEN, says=f"the phase {stage.phase.name} is not complete: {gap}", next=_NEXT
    )
    outcome = verdict.outcome
    if outcome in (Outcome.LANDED, Outcome.UNPROVED, Outcome.HELD, Outcome.REJECTED):
        outcome = (
            Outcome.ADVANCED
            if verdict.progress and outcome is not Outcome.REJECTED
            else Outcome.REJECTED
        )
    return replace(verdict, proved=None, outcome=outcome, reasons=(*told, lacks) if gap else told)


def lines(
    stage: Stage,
    agent: str,
    output: Output | None,
    created: Sequence[str],
    verdict: Verdict,
    todo: Sequence[tuple[str, bool]],
    noted: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return what a session's entry says of its phase.

    The first line names it, the second who worked; agents' words stand behind one of ours.

    `noted` are decisions that it left among its findings.
    """
    said = dict(output.said) if output else {}
    said |= (
        {"decided": decided}
        if (decided := tuple(dict.fromkeys((*said.get("decided", ()), *noted))))
        else {}
    )
    rules = [reason.rule for reason in verdict.reasons if reason.rule not in (COMPLETE, OPEN)]
    return (
        f"phase {stage.phase.name}",
        f"agent {line(agent)}",
        *(f"before {name}" for name in stage.before),
        *(
            f"{word} {text}"
            for word in ASKS
            for each in said.get(word, ())[:_MOST]
            if (text := line(each))
        ),
        *(f"created {line(path)}" for path in created[:_MOST]),
        *((f"todo {listed(todo)}",) if todo else ()),
        f"verdict {' '.join(dict.fromkeys(rules)) or 'clear'}",
    )


def listed(todo: Sequence[tuple[str, bool]]) -> str:
    """Return an agent's own list in one line."""
    return line(
        "; ".join(f"[{'x' if done else ' '}] {line(text, 60)}" for text, done in todo[:_MOST])
    )


def worked(entry: Entry) -> PhaseRecord | None:
    """Return the session in a phase that an entry tells of, None for any other entry."""
    told, tail = entry.details[:-1], entry.details[-1:]
    # The last of them: what an agent said before may look like the first two lines.
    starts = [
        n
        for n, (one, two) in enumerate(pairwise(told))
        if one.startswith("phase ") and two.startswith("agent ")
    ]
    if not starts or not tail[0].startswith("session "):
        return None
    said: dict[str, tuple[str, ...]] = {}
    for word, _, text in (detail.partition(" ") for detail in told[starts[-1] :]):
        said[word] = (*said.get(word, ()), text)
    return PhaseRecord(
        session=tail[0].split()[1],
        phase=said["phase"][0],
        agent=said["agent"][0],
        began=entry.at - timedelta(minutes=entry.minutes or 0),
        ended=entry.at,
        word=entry.word,
        rule=entry.rule,
        tale="; ".join(detail for detail in told[: starts[-1]] if not detail.startswith("next: ")),
        said=said,
    )


def troubles(past: Sequence[Entry]) -> tuple[Trouble, ...]:
    """Return the error log: what sessions met, oldest first, each with what resolved it."""
    return tuple(
        Trouble(
            at=one.ended,
            kind=kinds,
            phase=one.phase,
            agent=one.agent,
            error=one.tale,
            resolution=_resolution(one, past[n:]),
        )
        for n, entry in enumerate(past, 1)
        if (one := worked(entry)) and (kinds := _kinds(one))
    )


def _kinds(one: PhaseRecord) -> str:
    """Return what a session met, by its rules: those of the verdict, or how it ended."""
    met = () if one.clear else one.said.get("verdict", ())
    return ", ".join(
        dict.fromkeys([*(() if one.complete else (one.rule,)), *" ".join(met).split()])
    )


def _resolution(one: PhaseRecord, later: Sequence[Entry]) -> str:
    """Return an answer to what was asked, else the first session that went on, with nothing to
    object to if that was the error."""
    for entry in later:
        # An answer resolves what was asked, whatever it says.
        if entry.word == "decision" and one.word in ("blocked", "held"):
            return f"the person said {line(entry.title, 200)}"
        if (
            (after := worked(entry))
            and after.word in ("advanced", *LANDS)
            and (one.clear or after.clear)
        ):
            return f"gone in {after.session}"
    return ""


def checklist(
    feature: Feature, past: Sequence[Entry], *, finished: bool = False, before: Collection[str] = ()
) -> tuple[tuple[str, bool], ...]:
    """Return the phases and the steps after them, ticked from facts, and by a person's file
    (`before`) where nothing else is known."""
    done, known = completed(past) | {*before}, sessions(past)
    return (
        *((f"phase {phase.name}", finished or phase.name in done) for phase in feature.phases),
        ("the last verdict has no objection", bool(known) and known[-1].clear),
        (
            "no error is pending",
            bool(known) and all(trouble.resolution for trouble in troubles(past)),
        ),
        ("proved and landed", finished),
    )


def briefed(
    feature: Feature,
    past: Sequence[Entry],
    before: Collection[str] = (),
    retold: Sequence[str] = (),
) -> tuple[tuple[str, ...], ...]:
    """Return what the next agent is told: what complete phases left, errors that are pending,
    latest first, and the checklist.

    `before` are phases that only a person's file says are done, `retold` what else it says.
    """
    known = sessions(past)
    words = ("summary", "decided", "key", "created", "constraint", "prefers", "target")
    earlier = [
        f"{one.phase}, {word}: {text}"
        for one in known
        if one.complete
        for word in words
        for text in one.said.get(word, ())
    ]
    pending = [
        f"{trouble.kind} in {trouble.phase}: {trouble.error}"
        for trouble in troubles(past)
        if not trouble.resolution
    ]
    ticked = [
        f"[{'x' if done else ' '}] {what}" for what, done in checklist(feature, past, before=before)
    ]
    todo = [
        f"the last agent's own list, in its words: {text}"
        for one in known[-1:]
        for text in one.said.get("todo", ())
    ]
    by_hand = [
        f"the person wrote: {text}"
        for entry in past
        if entry.word == "note"
        for text in entry.details[:-1]
    ]
    return (*retold, *earlier, *by_hand), tuple(reversed(pending)), (*ticked, *todo)
