"""Before every decision: finish what an earlier process left, then take in what the person
changed and decided meanwhile."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from nightlatch.git.repo import base_ref, session_ref
from nightlatch.journal.events import InFlight
from nightlatch.landing import decisions_io
from nightlatch.landing.landing import commit_plan_edits, finish_publishing, write_down
from nightlatch.loop.reverify import prove_tip
from nightlatch.model.models import LANDS, AgentEnd, End, Outcome, SessionEnded, Usage, UsageWindow
from nightlatch.record.findings.notes import CheckedNote
from nightlatch.record.progress import in_words, rule_of
from nightlatch.run import notes_io, phases_io
from nightlatch.run.context import RunContext, Started
from nightlatch.sandbox.process import supervisor
from nightlatch.sandbox.process.supervisor import supervised
from nightlatch.util import outside
from nightlatch.workspace import workspace
from nightlatch.workspace.workspace import Workspace

Conclude = Callable[[RunContext, Started, AgentEnd], SessionEnded]


def settle(context: RunContext, conclude: Conclude) -> None:
    """Bring the branch, the refs and the journal to a state that a new session can start from.

    What a killed loop left is taken through the same verdict as any other work: its agent is ended,
    its workspace becomes a candidate, and the session gets the one commit that it had not got yet.
    """
    # the order matters: what began to land lands first, or the session would land twice; edits of
    # the plan come before decisions, which may be about features that they add
    finish_publishing(context)
    finish_session(context, conclude)
    context.memory.plan_stat = context.project.plan_stat()
    commit_plan_edits(context)
    decisions_io.carry_out(context)
    # what lies around the repository is looked at once a session, for it costs a walk
    context.engine.evaluator.memory.stamps.forget()
    prove_tip(context)


def finish_session(context: RunContext, conclude: Conclude) -> None:
    flight = context.journal.state.flight
    if flight is None:
        return
    # a copy of the repository holds the same journal: it must not end the original's agent
    if flight.process and ours(context, flight):
        supervisor.end_orphan(flight.process)
    tip = context.tip()
    started = left_behind(context)
    known = context.history(tip).sessions.get(flight.session)
    if known or started is None:
        if known in LANDS:
            context.project.repo.delete_ref(context.project.repo.work_ref(flight.feature))
        elif not known:
            keep_notes(
                context,
                notes_io.notes_of_lost_session(
                    context, flight.session, flight.feature, flight.base
                ),
                flight.session,
            )
        end(context, flight.session)
    else:
        context.console.say(
            "settle", f"{flight.session} was cut off; its work goes through the verdict now"
        )
        record(context, conclude(context, started, how_it_ended(context)))


def keep_notes(context: RunContext, found: CheckedNote, session: str) -> None:
    """The notes of a session of which nothing else is left."""
    if found.new or found.events:
        files = partial(notes_io.record, context.project, found=found)
        write_down(
            context,
            notes_io.entries(context, found),
            f"progress: what {session} had noted",
            files=files,
        )


def end(context: RunContext, session: str) -> None:
    """Nothing of a session is in flight any more: the journal says so, and its workspace goes."""
    flight = context.journal.state.flight
    place = (
        workspace.reopen(Path(flight.folder), flight.base)
        if flight and ours(context, flight)
        else None
    )
    # before the journal: killed in between, the next run comes here again, and nothing is left
    context.project.repo.delete_ref(base_ref(session))
    context.journal.write("session.ended", session=session)
    if place:
        workspace.discard(place)


def left_behind(context: RunContext) -> Started | None:
    """Return the session in flight with its workspace, or None where the workspace or the feature
    is gone."""
    flight = context.journal.state.flight
    if flight is None:
        return None
    plan = context.plan(flight.base)
    feature = plan.feature(flight.feature) if plan else None
    place = workspace.reopen(Path(flight.folder), flight.base) if ours(context, flight) else None
    place = place or (
        restored(context, flight)
        if feature and flight.session not in context.history(context.tip()).sessions
        else None
    )
    if feature is None or place is None:
        return None
    stage = phases_io.stage_at(context, flight.base, feature) if feature.phases else None
    agent = next(
        (a for a in phases_io.crew(context, feature, stage) if a.name == flight.agent),
        context.agents[0],
    )
    return Started(
        id=flight.session,
        feature=feature,
        base=flight.base,
        workspace=place,
        agent=agent,
        stage=stage,
        laid=flight.laid,
    )


def ours(context: RunContext, flight: InFlight) -> bool:
    """Is the workspace in flight this project's own?

    Where the repository was copied, or moved, it is another's.
    """
    return Path(flight.folder).is_relative_to(context.project.cache)


def restored(context: RunContext, flight: InFlight) -> Workspace | None:
    """Return a fresh workspace with the last snapshot in it, for a session whose own is gone; None
    where there is no snapshot."""
    repo, saved = context.project.repo, session_ref(flight.session)
    # a snapshot of another base belongs to an earlier life of this session
    if repo.tip_of(saved) is None or repo.tip_of(f"{saved}^") != flight.base:
        return None
    place = context.pool.take(flight.base)
    workspace.lay(repo, place, repo.tree_of(saved))
    context.journal.write("session.restored", session=flight.session, folder=str(place.folder))
    return place


def how_it_ended(context: RunContext) -> AgentEnd:
    """Return the agent's end as the journal has it, or that the loop itself was cut off."""
    flight = context.journal.state.flight
    told = flight.end if flight else {}
    if not told:
        return AgentEnd(end=End.CRASHED)
    usd = told.get("usd")
    tokens = {name: int(str(told.get(name, 0))) for name in ("input", "cached", "output")}
    return AgentEnd(
        end=End(str(told["end"])),
        says=str(told["says"]),
        question=str(told["question"]),
        usage=Usage(**tokens, usd=None if usd is None else float(str(usd))),
        window=UsageWindow(listed=told.get("listed") is True),
        seconds=float(str(told["seconds"])),
        todo=tuple((str(words), bool(done)) for words, done in list_of(told.get("todo"))),
    )


def list_of(value: object) -> list[list[object]]:
    return value if isinstance(value, list) else []


def record(context: RunContext, ended: SessionEnded) -> None:
    """The session is over: say so, put its workspace away, and run the person's own command
    after a landing."""
    end(context, ended.session)
    rule = rule_of(ended)
    says = next(
        (reason.says for reason in ended.reasons if reason.rule == rule), in_words(ended.end)
    )
    why = f" ({': '.join(filter(None, (rule, says)))})" if rule else ""
    context.console.say(ended.outcome, f"{ended.feature.id} {ended.feature.title}{why}")
    if ended.outcome in (Outcome.BLOCKED, Outcome.HELD):
        context.notifier.needs({ended.feature.id: ended.end.question})
    context.notifier.ping(now=True)
    command = context.project.config.land.after
    if command and ended.outcome in LANDS:
        repo, patience = context.project.repo, context.project.config.limits.check
        # outside any sandbox, so it gets the person's environment and nothing that an agent set
        env = {**outside.environment(None, repo.top), **landed_as(ended)}
        done = supervisor.run(
            supervised(["sh", "-c", command], env=env, cwd=repo.folder), timeout=patience
        )
        context.console.say("after", f"{command}: {supervisor.ended(done)}")


def landed_as(ended: SessionEnded) -> dict[str, str]:
    """Return what the person's command after a landing is told of it."""
    told = {"SESSION": ended.session, "FEATURE": ended.feature.id, "TITLE": ended.feature.title}
    told |= {"COMMIT": ended.work.commit, "OUTCOME": str(ended.outcome)}
    return {f"NIGHTLATCH_{name}": text.replace("\0", "") for name, text in told.items()}
