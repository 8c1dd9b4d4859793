"""The person's decisions, carried out on the branch: each exactly once, each with its line in
progress.txt."""

import json
from dataclasses import replace
from functools import partial

from nightlatch.git.log import Commit
from nightlatch.git.repo import session_ref
from nightlatch.journal import inbox_io
from nightlatch.journal.inbox_io import Decision
from nightlatch.landing import landing
from nightlatch.landing.decision_rules import needless, objection
from nightlatch.model.models import Feature, Outcome
from nightlatch.record.findings import notes
from nightlatch.record.findings.findings import Author
from nightlatch.record.history import NOT_TAKEN_BACK, FeatureHistory
from nightlatch.record.progress import Entry, decision, line
from nightlatch.run import notes_io
from nightlatch.run.context import RunContext


def carry_out(context: RunContext) -> dict[str, str]:
    """Return every decision that waits, oldest first; what could not be done, with what to do, by
    the decision's id.

    A decision whose line the branch already has was carried out before a crash. Duplicates given by
    then count once: a second approval says nothing about what the person has not seen yet.
    """
    failed: dict[str, str] = {}
    while left := next(inbox_io.waiting(context.project), None):
        path, said = left
        if said.verb == "note":
            take_note(context, said)
        # What the branch has on record was carried out, whatever the inbox still holds.
        elif f"as {said.id}" not in context.progress_text(context.tip()):
            failed |= {said.id: why} if (why := decide(context, said)) else {}
        for again in inbox_io.echoes(context.project, said):
            again.unlink()
        path.unlink()
    take_answers(context)
    return failed


def take_note(context: RunContext, said: Decision) -> None:
    """The person's note, in a commit of its own, exactly once: its finding's id, or its event's
    session, follows from the decision.

    It has no line in progress.txt, so that branches on which notes were made merge without
    conflict.
    """
    tip = context.tip()
    name = notes.name_of(said.id)
    made = notes.from_fields(
        name,
        json.loads(said.text),
        feature=said.feature,
        session=said.id,
        at=said.at,
        by=Author.PERSON,
    )
    on_record = {finding.id: finding for finding in context.findings(tip)}
    known = on_record.get(made.id)
    # The finding is gone, or a loop that was killed has written this very event already.
    is_settled = known is None or any(event.session == said.id for event in known.events)
    if made.event and is_settled:
        return
    if made.finding and known:
        return
    new = (notes_io.anchored(context.project, tip, tip, made.finding),) if made.finding else ()
    events = (
        (
            (
                made.id,
                replace(
                    made.event,
                    evidence=notes_io.pinned(context.project, tip, made.event.evidence, None),
                ),
            ),
        )
        if made.event
        else ()
    )
    found = notes.CheckedNote(new=new, events=events)
    landing.write_down(
        context,
        (),
        f"note: {made.id} {line(made.text, 60)}",
        files=partial(notes_io.record, context.project, found=found),
    )
    context.console.say("note", f"{made.id} is on record")


def take_answers(context: RunContext) -> None:
    """An answer that the person wrote into the plan counts as one given by command; each text
    once: none answers two questions."""
    tip = context.tip()
    plan, history = context.plan(tip), context.history(tip)
    for feature in plan.features if plan else ():
        past = history.of(feature)
        asked = past.waiting is Outcome.BLOCKED or past.decided == "answer"
        if asked and not feature.done and feature.answer not in ("", *past.answers):
            line = decision("answer", feature.answer, feature, context.now())
            landing.write_down(context, (line,), f"progress: {feature.id} answered in the plan")


def decide(context: RunContext, said: Decision) -> str:
    """Carry out one decision; why it could not be done as it was meant, "" where it was."""
    plan = context.plan(context.tip())
    feature = plan.feature(said.feature) if plan else None
    if feature is None:
        context.console.say(
            "decision", f"{said.verb} {said.feature}: the plan has no such feature any more"
        )
        return ""
    past = context.history(context.tip()).of(feature)
    says, _ = objection(said.verb, feature, past)
    # The plan may have changed since the person decided; the decision is then told, and left.
    if says or needless(said.verb, feature, past, said.text):
        context.console.say(
            "decision", f"{said.verb} {feature.id}: {says or 'nothing is left to change'}"
        )
        return ""
    outcome, why = act_on(context, feature, past, said)
    context.console.say("decision", f"{feature.id} {said.verb}: {why or outcome}")
    return why


def act_on(
    context: RunContext, feature: Feature, past: FeatureHistory, said: Decision
) -> tuple[str, str]:
    """Do what a decision says: what came of it, and why it could not be done as it was meant."""
    match said.verb:
        # The ref may be gone, as in a new clone: then the word alone counts.
        case "approve" if past.held and context.project.repo.tip_of(session_ref(past.held)):
            return landing.land_held(context, feature, past.held, line_of(said, feature)), ""
        case "approve" | "done":
            return set_flag(context, feature, said), ""
        case "refuse" if past.waiting is Outcome.UNPROVED:
            return take_back(context, feature, past.landed, said)
        case "revert":
            return take_back(context, feature, past.landed, said)
    return write(context, feature, said), ""


def line_of(said: Decision, feature: Feature, *more: str) -> Entry:
    """Return the line of the record for a decision, with its id."""
    entry = decision(said.verb, said.text, feature, said.at)
    return replace(entry, details=(*more, f"as {said.id}", *entry.details), joined=True)


def write(context: RunContext, feature: Feature, said: Decision, *more: str) -> str:
    """Write the line alone: the next decision of the loop reads it."""
    landing.write_down(
        context, (line_of(said, feature, *more),), f"progress: {feature.id} {said.verb}"
    )
    return "written down"


def set_flag(context: RunContext, feature: Feature, said: Decision) -> str:
    """Set the flag by the person's word, in one commit with its line."""
    message = (
        f"{feature.id} {said.verb} by the person\n\nNightlatch-Feature:"
        f" {feature.id}\nNightlatch-Approved: {said.verb}\n"
    )
    landing.write_down(context, (line_of(said, feature),), message, flag=(feature.id, True))
    return "done"


def take_back(
    context: RunContext, feature: Feature, session: str, said: Decision
) -> tuple[str, str]:
    """Undo a landing by a commit of its own: what came of it, and why it could not be undone,
    "" where it was.

    Where later commits changed the same lines, the decision is written down with that, and the work
    stays on the branch.
    """
    commit = next(
        (c for c in context.project.repo.log(context.tip()) if is_landing(c, session)), None
    )
    if commit is None:
        return f"no landing of this feature is on the branch; {write(context, feature, said)}", ""
    undone = landing.undone(context, commit)
    # The branch is the person's: a conflict is theirs to settle, and nothing is forced.
    if conflicts := undone(context.tip()).conflicts:
        lines = f"later commits changed the same lines ({', '.join(conflicts[:3])})"
        stays = f"{commit.id[:9]} stays on the branch"
        why = (
            f"{NOT_TAKEN_BACK}: {lines}, so {stays}; to undo it: git revert {commit.id[:9]},"
            " and settle the conflict"
        )
        write(context, feature, said, why)
        return "", why
    message = (
        f'Revert "{commit.subject}"\n\nNightlatch-Feature: {feature.id}\nNightlatch-Reverts:'
        f" {commit.id}\n"
    )
    landing.write_down(
        context,
        (line_of(said, feature),),
        message,
        flag=(feature.id, False),
        tree=lambda tip: undone(tip).tree,
    )
    return "taken back", ""


def is_landing(commit: Commit, session: str) -> bool:
    """Is this the commit by which a session landed?"""
    return bool(session) and commit.trailers.get("Nightlatch-Session") == session
