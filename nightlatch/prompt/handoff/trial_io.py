"""Is a restart note enough?

A fresh session goes on from it alone, in a workspace that is thrown away, and what it repeats is
counted.
"""

from dataclasses import dataclass, replace

from nightlatch.agents import invoke_io, registry_io
from nightlatch.agents.registry_io import Agent
from nightlatch.errors import FaultError
from nightlatch.model.models import End, Feature
from nightlatch.project.project import Project, templates
from nightlatch.prompt import brief as briefs
from nightlatch.prompt.handoff.repeats import KnownFacts, RepeatCounter
from nightlatch.util.globs import matcher
from nightlatch.workspace import profiles
from nightlatch.workspace.pool import Pool

SHOWS = frozenset({End.FINISHED, End.BLOCKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSetup:
    """Where sessions are tried: a commit without past, without progress and without findings,
    and the carried work to lay over it."""

    project: Project
    pool: Pool
    feature: Feature
    start: str
    laid: str


def ground(project: Project, tip: str, feature: Feature, branch: str) -> TrialSetup:
    repo = project.repo
    work = repo.tip_of(repo.work_ref(feature.id))
    start, laid = (
        bare(project, tree) for tree in (tip, repo.merge(tip, work).tree if work else tip)
    )
    pool = Pool(project=project, sandbox=profiles.sandbox_of(project), branch=branch)
    return TrialSetup(
        project=project,
        pool=pool,
        feature=feature,
        start=repo.commit(start, [], "the code as it is"),
        laid=laid,
    )


def bare(project: Project, tree: str) -> str:
    """Return a tree without the record: the note is all that is told."""
    # A session that could read them would know what the note leaves out.
    recorded = matcher((project.progress, project.path("findings"), project.sheets))
    return project.repo.tree_with(
        tree, {path: None for path in project.repo.files(tree) if recorded(path)}
    )


def session(place: TrialSetup, agent: Agent, note: str, known: KnownFacts) -> RepeatCounter:
    """Run one agent with a note and nothing else.

    Raises FaultError where it shows nothing, because it made no tool call or did not finish.
    """
    project, sandbox = place.project, place.pool.sandbox
    with place.pool.checkout(place.start, place.laid) as space:
        brief = space.folder / "brief.md"
        parts = briefs.BriefParts(
            feature=place.feature, protected=project.protected(), quick=project.config.checks.quick
        )
        brief.write_text(
            f"{briefs.compose(parts, templates(project)).text}\n{note}",
            encoding="utf-8",
            errors="surrogateescape",
        )
        spec = profiles.agent_spec(
            project, space, sandbox, session="trial", feature=place.feature.id
        )
        count = RepeatCounter(known=known, top=str(sandbox.inside(spec, spec.tree)))
        spec = profiles.with_notes(spec, space, sandbox)
        usual = invoke_io.invocation(project, space, sandbox, spec, brief)
        hooks = registry_io.AgentHooks(on_event=count.hear)
        end = registry_io.invoke(agent, replace(usual, hooks=hooks)).believed_end
    # Nothing repeated by an agent that did nothing would be the best result of all.
    if not count.calls or end.end not in SHOWS:
        says = (
            f"{agent.name} made {count.calls} tool calls and ended so:"
            f" {end.end}{f', {end.says}' if end.says else ''}"
        )
        raise FaultError(
            f"the trial is inconclusive: {says}",
            fix="use an agent whose stream tells its tool calls, and that can work here",
        )
    return count
