"""Is a restart note enough?

A fresh session goes on from it alone, in a workspace that is thrown away, and what it repeats is
counted.
"""

from dataclasses import dataclass, replace

from nightlatch.core import brief as briefs
from nightlatch.core.globs import matcher
from nightlatch.core.models import End, Feature
from nightlatch.core.repeats import Count, Trodden
from nightlatch.edge import agents, rooms
from nightlatch.edge.agents import Agent
from nightlatch.edge.house import House, templates
from nightlatch.edge.pool import Pool
from nightlatch.errors import FaultError

SHOWS = frozenset({End.FINISHED, End.BLOCKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where sessions are tried: a commit without past, without progress and without findings,
    and the carried work to lay over it."""

    house: House
    pool: Pool
    feature: Feature
    start: str
    laid: str


def ground(house: House, tip: str, feature: Feature, branch: str) -> Ground:
    repo = house.repo
    work = repo.tip_of(repo.work_ref(feature.id))
    start, laid = (bare(house, tree) for tree in (tip, repo.merge(tip, work).tree if work else tip))
    pool = Pool(house=house, sandbox=rooms.sandbox_of(house), branch=branch)
    return Ground(
        house=house,
        pool=pool,
        feature=feature,
        start=repo.commit(start, [], "the code as it is"),
        laid=laid,
    )


def bare(house: House, tree: str) -> str:
    """A tree without the record: the note is all that is told."""
    recorded = matcher((house.progress, house.path("findings"), house.sheets))
    return house.repo.tree_with(
        tree, {path: None for path in house.repo.files(tree) if recorded(path)}
    )


def session(place: Ground, agent: Agent, note: str, known: Trodden) -> Count:
    """One agent with a note and nothing else.

    Raises FaultError where it shows nothing, because it made no tool call or did not finish.
    """
    house, sandbox = place.house, place.pool.sandbox
    with place.pool.checkout(place.start, place.laid) as space:
        brief = space.folder / "brief.md"
        parts = briefs.BriefParts(
            feature=place.feature, protected=house.protected(), quick=house.config.checks.quick
        )
        brief.write_text(
            f"{briefs.compose(parts, templates(house)).text}\n{note}",
            encoding="utf-8",
            errors="surrogateescape",
        )
        spec = rooms.agent_spec(house, space, sandbox, session="trial", feature=place.feature.id)
        count = Count(known=known, top=str(sandbox.inside(spec, spec.tree)))
        spec = rooms.with_notes(spec, space, sandbox)
        usual = rooms.invocation(house, space, sandbox, spec, brief)
        end = agents.invoke(agent, replace(usual, on_event=count.hear)).known
    if not count.calls or end.end not in SHOWS:
        says = (
            f"{agent.name} made {count.calls} tool calls and ended so:"
            f" {end.end}{f', {end.says}' if end.says else ''}"
        )
        raise FaultError(
            f"the trial shows nothing: {says}",
            fix="use an agent whose stream tells its tool calls, and that can work here",
        )
    return count
