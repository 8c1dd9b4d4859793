"""Before every decision: finish what an earlier process left, then take in what the person
changed and decided meanwhile."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from nightlatch.core.journal import Flight
from nightlatch.core.models import LANDS, AgentEnd, End, Outcome, SessionEnded, Usage
from nightlatch.core.notes import Found
from nightlatch.core.progress import in_words, rule_of
from nightlatch.edge import (
    decisions,
    notebook,
    outside,
    phases,
    process,
    proving,
    runner,
    workspace,
)
from nightlatch.edge.git import base_ref, session_ref
from nightlatch.edge.landing import commit_plan_edits, finish_publishing, write_down
from nightlatch.edge.process import supervised
from nightlatch.edge.site import Site, Started
from nightlatch.edge.workspace import Workspace

Conclude = Callable[[Site, Started, AgentEnd], SessionEnded]


def settle(site: Site, conclude: Conclude) -> None:
    """Bring the branch, the refs and the journal to a state that a new session can start from.

    What a killed loop left is taken through the same verdict as any other work: its agent is ended,
    its workspace becomes a candidate, and the session gets the one commit that it had not got yet.
    """
    finish_publishing(site)
    finish_session(site, conclude)
    site.memory.plan_stat = site.house.plan_stat()
    commit_plan_edits(site)
    decisions.carry_out(site)
    # what lies around the repository is looked at once a session, for it costs a walk
    site.engine.evaluator.memory.stamps.forget()
    proving.prove_tip(site)


def finish_session(site: Site, conclude: Conclude) -> None:
    flight = site.journal.state.flight
    if flight is None:
        return
    if flight.process and ours(site, flight):
        process.end_orphan(flight.process)
    tip = site.tip()
    started = left_behind(site)
    known = site.history(tip).sessions.get(flight.session)
    if known or started is None:
        if known in LANDS:
            site.house.repo.delete_ref(site.house.repo.work_ref(flight.feature))
        elif not known:
            keep_notes(
                site,
                notebook.left(site, flight.session, flight.feature, flight.base),
                flight.session,
            )
        end(site, flight.session)
    else:
        site.console.say(
            "settle", f"{flight.session} was cut off; its work goes through the verdict now"
        )
        record(site, conclude(site, started, how_it_ended(site)))


def keep_notes(site: Site, found: Found, session: str) -> None:
    """The notes of a session of which nothing else is left."""
    if found.new or found.events:
        files = partial(notebook.record, site.house, found=found)
        write_down(
            site, notebook.entries(site, found), f"progress: what {session} had noted", files=files
        )


def end(site: Site, session: str) -> None:
    """Nothing of a session is in flight any more: the journal says so, and its workspace goes."""
    flight = site.journal.state.flight
    place = (
        workspace.reopen(Path(flight.folder), flight.base)
        if flight and ours(site, flight)
        else None
    )
    site.journal.write("session.ended", session=session)
    site.house.repo.delete_ref(base_ref(session))
    if place:
        workspace.discard(place)


def left_behind(site: Site) -> Started | None:
    """The session in flight with its workspace, or None where the workspace or the feature is
    gone."""
    flight = site.journal.state.flight
    if flight is None:
        return None
    plan = site.plan(flight.base)
    feature = plan.feature(flight.feature) if plan else None
    place = workspace.reopen(Path(flight.folder), flight.base) if ours(site, flight) else None
    place = place or (
        restored(site, flight)
        if feature and flight.session not in site.history(site.tip()).sessions
        else None
    )
    if feature is None or place is None:
        return None
    stage = phases.stage_at(site, flight.base, feature) if feature.phases else None
    agent = next(
        (a for a in phases.crew(site, feature, stage) if a.name == flight.agent), site.agents[0]
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


def ours(site: Site, flight: Flight) -> bool:
    """Is the workspace in flight this project's own?

    Where the repository was copied, or moved, it is another's.
    """
    return Path(flight.folder).is_relative_to(site.house.cache)


def restored(site: Site, flight: Flight) -> Workspace | None:
    """A fresh workspace with the last snapshot in it, for a session whose own is gone; None
    where there is no snapshot."""
    repo, saved = site.house.repo, session_ref(flight.session)
    if repo.tip_of(saved) is None or repo.tip_of(f"{saved}^") != flight.base:
        return None
    place = site.pool.take(flight.base)
    workspace.lay(repo, place, repo.tree_of(saved))
    site.journal.write("session.restored", session=flight.session, folder=str(place.folder))
    return place


def how_it_ended(site: Site) -> AgentEnd:
    """The agent's end as the journal has it, or that the loop itself was cut off."""
    flight = site.journal.state.flight
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
        listed=told.get("listed") is True,
        seconds=float(str(told["seconds"])),
        todo=tuple((str(words), bool(done)) for words, done in list_of(told.get("todo"))),
    )


def list_of(value: object) -> list[list[object]]:
    return value if isinstance(value, list) else []


def record(site: Site, ended: SessionEnded) -> None:
    """The session is over: say so, put its workspace away, and run the person's own command
    after a landing."""
    end(site, ended.session)
    rule = rule_of(ended)
    says = next(
        (reason.says for reason in ended.reasons if reason.rule == rule), in_words(ended.end)
    )
    why = f" ({': '.join(filter(None, (rule, says)))})" if rule else ""
    site.console.say(ended.outcome, f"{ended.feature.id} {ended.feature.title}{why}")
    if ended.outcome in (Outcome.BLOCKED, Outcome.HELD):
        site.notifier.needs({ended.feature.id: ended.end.question})
    site.notifier.ping(now=True)
    command = site.house.config.land.after
    if command and ended.outcome in LANDS:
        repo, patience = site.house.repo, site.house.config.limits.check
        env = {**outside.environment(None, repo.top), **landed_as(ended)}
        done = process.run(
            supervised(["sh", "-c", command], env=env, cwd=repo.project), timeout=patience
        )
        site.console.say("after", f"{command}: {runner.ended(done)}")


def landed_as(ended: SessionEnded) -> dict[str, str]:
    """What the person's command after a landing is told of it."""
    told = {"SESSION": ended.session, "FEATURE": ended.feature.id, "TITLE": ended.feature.title}
    told |= {"COMMIT": ended.commit, "OUTCOME": str(ended.outcome)}
    return {f"NIGHTLATCH_{name}": text.replace("\0", "") for name, text in told.items()}
