"""One session, verb by verb: provision, brief, work, collect, examine; and what it becomes when
the branch moved meanwhile."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from nightlatch.agents import invoke_io, registry_io
from nightlatch.agents.knock_io import knock
from nightlatch.git.repo import Repo, base_ref, session_ref
from nightlatch.journal import transcripts_io
from nightlatch.landing import landing
from nightlatch.loop.schedule import purses
from nightlatch.loop.snapshots import Snapshots, build, keep
from nightlatch.model.budget import SpendCap
from nightlatch.model.models import (
    LANDS,
    AgentEnd,
    End,
    Feature,
    Plan,
    SessionEnded,
    Verdict,
)
from nightlatch.project.project import Project, templates
from nightlatch.prompt import brief as briefs
from nightlatch.record.findings import retrieval, staleness_io
from nightlatch.record.findings.findings import Finding
from nightlatch.record.findings.mentions import named_files
from nightlatch.record.foreign_progress import before
from nightlatch.record.history import FeatureHistory, History
from nightlatch.record.progress import line, patterns
from nightlatch.run import notes_io, outcome, phases_io
from nightlatch.run.context import Candidate, RunContext, Started
from nightlatch.run.outcome import dropped
from nightlatch.scheduler.policy import Choice
from nightlatch.suite.results import CheckStatus
from nightlatch.suite.runner_detection import SUITE_MARK
from nightlatch.util.fs import disk_full, is_full, make_folder, write_private
from nightlatch.util.paths import PROGRAM
from nightlatch.verdict import judge_io
from nightlatch.workspace import profiles, workspace

LANDINGS = 12  # enough to see what kind of work lands here; the brief has other things to say
LOOKED_BACK = 3  # sessions: what an older one touched was given up or has landed
NAMED_FILES = 20  # in the brief; a list that is longer is skimmed
# what init writes around the command of the tests
STAND_IN = re.compile(r'PATH="[^"]*" (?:exec )?|\Aexec ')
PICTURES = 4  # a side; more than the morning page shows


def provision(context: RunContext, choice: Choice) -> Started:
    """Take a fresh workspace at the branch's tip, with the feature's carried work in it as
    uncommitted changes."""
    base = context.tip()
    number = context.sessions_used(base) + 1
    stage = phases_io.stage_at(context, base, choice.feature) if choice.feature.phases else None
    agent = phases_io.hired(context, choice.feature, stage)
    # before anything begins that would have to be recorded
    registry_io.find(agent, context.project.repo.folder, os.environ)
    context.project.repo.ident("AUTHOR")
    started = Started(
        id=f"{context.run}-s{number:02}",
        feature=choice.feature,
        base=base,
        workspace=context.pool.take(base),
        agent=agent,
        stage=stage,
    )
    workspace.note_submodules(context.project.repo, started.workspace)
    started = lay_carried(context, started, fresh=choice.fresh)
    # before the ref below: killed in between, the next run ends this session, and the ref with it
    context.journal.write(
        "session.started",
        session=started.id,
        feature=choice.feature.id,
        digest=choice.feature.digest,
        base=base,
        folder=str(started.workspace.folder),
        agent=started.agent.name,
        laid=started.laid,
        script=script_digest(started.agent.name),
    )
    # what its workspace borrows stays, whatever becomes of the branch
    context.project.repo.set_ref(base_ref(started.id), started.base)
    part = f", phase {stage.phase.name} by {started.agent.name}" if stage else ""
    part = part or f", by {started.agent.name}" * bool(choice.feature.agent)
    context.console.say(
        "session", f"{choice.feature.id} {choice.feature.title}{part}: {choice.rule}"
    )
    say_who_stands_in(context, phases_io.crew(context, choice.feature, stage)[0], started.agent)
    return started


def say_who_stands_in(
    context: RunContext, first: registry_io.Agent, now: registry_io.Agent
) -> None:
    """Another agent is another bill: it is said before it works."""
    if now.name != first.name and (until := context.limited(first)):
        billed = registry_io.billed(now, {**os.environ, **now.env})
        context.console.say(
            "agent",
            f"{now.name} stands in for {first.name}, which is limited until"
            f" {until:%Y-%m-%d %H:%M %Z}; {billed}",
        )


def lay_carried(context: RunContext, started: Started, *, fresh: bool) -> Started:
    """Merge the feature's work tree onto the base and lay it down; a conflict lies there with
    its marks.

    A fresh start of a feature with phases is the tree of the last one that is complete.
    """
    repo = context.project.repo
    ref, woken = repo.work_ref(started.feature.id), context.options.wake
    # a session that the person wakes goes on from its own tree, unless that is the carried one
    if woken and woken not in context.history(started.base).of(started.feature).sessions[-1:]:
        ref = session_ref(woken)
    elif fresh:
        # refused again and again: the next session must not inherit what led there
        repo.delete_ref(ref)
    complete = phases_io.last_complete(context, started.feature, started.base) if fresh else ""
    work = repo.tip_of(session_ref(complete) if complete else ref)
    if work is None:
        return started
    merged = repo.merge(started.base, work)
    workspace.lay(repo, started.workspace, merged.tree)
    changed = tuple(change.path for change in repo.diff(started.base, merged.tree))
    return replace(started, laid=merged.tree, conflicts=merged.conflicts, carried=changed)


def already_green(context: RunContext, started: Started) -> SessionEnded | None:
    """End a session before it begins where its verify is green already: done if this branch has
    seen it red, else a person looks. None: work is needed."""
    verdict = context.engine.needless(started.base, context.memory.start_base, started.feature)
    if verdict is None:
        return None
    # it lands or waits like any other work, as a candidate without a change
    nothing = Candidate(tree=context.project.repo.tree_of(started.base), base=started.base)
    end = AgentEnd(end=End.FINISHED)
    landed = (
        landing.land(context, started, nothing, verdict, end) if verdict.outcome in LANDS else None
    )
    return landed or landing.carry(context, started, nothing, verdict, end)


def brief(context: RunContext, started: Started) -> str:
    """Return the prompt of this session."""
    past, project = context.history(started.base), context.project
    plan = context.plan(started.base)
    known = remembered(
        project, started.base, started.feature, past, context.findings(started.base), plan
    )
    learned = patterns(context.progress_text(started.base))
    parts = brief_parts(project, started.base, started.feature, past, learned, known, plan)
    parts = phases_io.briefed(
        project, started.base, parts, started.stage, past.phases_of(started.feature)
    )
    carried = (
        (f"{len(started.carried)} files differ from the base: {', '.join(started.carried[:20])}",)
        if started.carried
        else ()
    )
    woken = (
        tuple(reversed(transcripts_io.ending(project, context.options.wake)))
        if context.options.wake
        else parts.woken
    )
    return briefs.compose(
        replace(parts, carried=carried, conflicts=started.conflicts, woken=woken),
        templates(project),
    ).text


def remembered(
    project: Project,
    rev: str,
    feature: Feature,
    past: History,
    findings: Sequence[Finding],
    plan: Plan | None,
    most: int = retrieval.MOST,
) -> retrieval.RetrievedContext:
    """Return what the record holds for any session on this feature, and how it stands at a
    commit."""
    said = "\n".join((*retrieval.texts_of(feature), *feature.supersedes))
    files = touched(project.repo, feature, past.of(feature)) | named_files(
        said, project.repo.files(rev), project.inside
    )
    return retrieval.choose(
        findings,
        feature,
        past,
        files,
        partial(staleness_io.standings, project.repo, rev),
        most,
        plan,
    )


def touched(repo: Repo, feature: Feature, past: FeatureHistory) -> frozenset[str]:
    """Return the files of the feature's carried work and of what its last sessions left."""
    names = (repo.work_ref(feature.id), *map(session_ref, past.sessions[-LOOKED_BACK:]))
    return frozenset[str]().union(*(changed_by(repo, name) for name in names))


def changed_by(repo: Repo, ref: str) -> frozenset[str]:
    """Return the files of the commit that a ref names, none where there is no such ref."""
    tip = repo.tip_of(ref)
    parent = repo.tip_of(f"{tip}^") if tip else None
    return (
        frozenset(change.path for change in repo.diff(parent, tip))
        if tip and parent
        else frozenset()
    )


def handover(project: Project, past: FeatureHistory) -> tuple[str, ...]:
    """Return how the last session ended, what it changed, and what its transcript tells."""
    if not past.sessions:
        return ()
    session = past.sessions[-1]
    files = sorted(changed_by(project.repo, session_ref(session)))
    more = f" and {len(files) - NAMED_FILES} more" if len(files) > NAMED_FILES else ""
    changed = f"it changed: {', '.join(files[:NAMED_FILES])}{more}" if files else ""
    return tuple(
        filter(
            None, (f"it ended: {past.ended}", changed, *transcripts_io.handover(project, session))
        )
    )


def brief_parts(
    project: Project,
    rev: str,
    feature: Feature,
    history: History,
    section: str,
    known: retrieval.RetrievedContext,
    plan: Plan | None,
) -> briefs.BriefParts:
    """Return what any session on this feature is told, apart from what lies in its workspace."""
    past, earlier = (
        history.of(feature),
        before(feature, plan.features if plan else (), history.foreign),
    )
    landed = [
        commit
        for commit in project.repo.log(rev, 4 * LANDINGS)
        if "Nightlatch-Session" in commit.trailers
    ]
    patterns = (section, *(f"- {each.brief_line}" for each in known.patterns))
    return briefs.BriefParts(
        feature=feature,
        asked=(
            tuple((past.asked or past.question).splitlines())
            if past.answer or feature.answer
            else ()
        ),
        answer=past.answer or feature.answer,
        refusals=past.refusals,
        woken=handover(project, past),
        next=known.next,
        tried=(*past.reasons, *earlier),
        protected=project.protected(),
        landings=tuple(f"{commit.id[:9]} {commit.subject}" for commit in landed[:LANDINGS]),
        findings=tuple(each.brief_line for each in (*known.findings, *known.more)),
        spare=len(known.more),
        decisions=tuple(each.brief_line for each in known.decisions),
        reproductions=known.reproductions,
        patterns="\n".join(filter(None, patterns)),
        quick=project.config.checks.quick,
        checks=checks(project, rev, plan),
    )


def checks(project: Project, rev: str, plan: Plan | None) -> tuple[str, ...]:
    """Return the command of the tests, the checks, and the gates of the plan, as an agent runs
    them."""
    folder = project.path("checks/")
    own, suites = list[str](), list[str]()
    for name, (mode, _) in sorted(project.repo.files(rev).items()):
        if not name.startswith(folder) or mode != PROGRAM:
            continue
        lines = (project.repo.read(rev, name) or b"").decode("utf-8", "replace").splitlines()
        if SUITE_MARK in lines:
            suites += suite_commands(lines)
        else:
            own.append(f"./{name.removeprefix(folder.removesuffix('checks/'))}")
    tests = [project.config.checks.tests] if project.config.checks.tests else suites
    return (*tests, *own, *(plan.gates if plan else ()))


def suite_commands(lines: Iterable[str]) -> Iterator[str]:
    """Yield the commands of a generated check, without what only the loop puts before them."""
    for command in lines:
        if command[:1] != "#" and command not in ("", "set -e"):
            yield STAND_IN.sub("", command)


def work(context: RunContext, started: Started, text: str) -> AgentEnd:
    """Run the agent on the brief until it ends or is ended; the journal knows its process, so
    that no later loop leaves it running."""
    place, folder = started.workspace, context.project.state / "sessions" / started.id
    make_folder(folder)
    snapshots = Snapshots(context=context, started=started)
    write_private(folder / "brief.md", text)
    env = {"NIGHTLATCH_PHASE": started.stage.phase.name} if started.stage else {}
    # the scripted agent counts its sessions by these; a real one is told nothing of the sort
    if script := script_digest(started.agent.name):
        turn = len(context.history(started.base).of(started.feature).sessions) + 1
        env |= {
            "NIGHTLATCH_SESSION_NUMBER": str(context.journal.state.scripts[script]),
            "NIGHTLATCH_FEATURE_SESSION": str(turn),
        }

    spec = profiles.agent_spec(
        context.project,
        place,
        context.sandbox,
        session=started.id,
        feature=started.feature.id,
        **env,
    )
    spec = profiles.with_notes(spec, place, context.sandbox)
    usual = invoke_io.invocation(context.project, place, context.sandbox, spec, folder / "brief.md")

    def begun(process: str) -> None:
        # first of all: a loop that is killed now must be able to end this process later
        context.journal.write("agent.started", process=process)
        context.pool.ahead(started.base)

    invocation = replace(
        usual,
        files=replace(usual.files, transcript=folder / transcripts_io.NAME),
        hooks=registry_io.AgentHooks(
            on_event=snapshots.hear,
            on_start=begun,
            stop=lambda: bool(context.signals.asked),
            tick=snapshots.tick,
        ),
        clocks=replace(usual.clocks, now=context.now),
        cap=SpendCap(purses=purses(context, started.base)),
    )
    return took(context, started, registry_io.invoke(started.agent, invocation))


def took(context: RunContext, started: Started, ran: registry_io.AgentRun) -> AgentEnd:
    """Return how the agent ended, written down; a limit first, so that no loop that is started next
    forgets it."""
    end = phases_io.asked(context, started, believed(context, started, ran))
    if end.end is End.FINISHED and end.wonders and untouched(context, started):
        # nothing was done, and something asked
        end = replace(end, end=End.BLOCKED, says=end.wonders, question=end.wonders)
    # the agent met that too; the run ends, and says so
    if end.end is End.FAULT and is_full(context.project.cache):
        end = replace(end, end=End.CRASHED)
    if end.limited:
        context.met_limit(started.agent, end.free_at)
    told: dict[str, object] = {
        "input": end.usage.input,
        "cached": end.usage.cached,
        "output": end.usage.output,
        "usd": end.usage.usd,
    }
    told |= {
        "end": end.end.value,
        "says": end.says,
        "question": end.question,
        "seconds": end.seconds,
        "todo": end.todo,
    }
    context.journal.write(
        "agent.ended", **told, model=line(end.model, 80), listed=end.window.listed
    )
    return end


def believed(context: RunContext, started: Started, ran: registry_io.AgentRun) -> AgentEnd:
    """Return how the agent ended, once last words that read like a limit, a missing login or credit
    were tried by one short call.

    They count for nothing where the program ended well and left work.
    """
    if ran.doubt is None or (ran.end.end is End.FINISHED and not untouched(context, started)):
        return ran.end
    name = started.agent.name
    context.console.say(
        "agent",
        f"{name} ended with words that read like {ran.doubt.end}; one short call tells whether it"
        " is so",
    )
    answer = knock(context.project, context.pool, started.agent, started.base)
    # an agent that does not answer may well be limited: its own words are believed then
    said_again = answer if answer.end in registry_io.BY_WORDS else ran.doubt
    end = ran.end if answer.end is End.FINISHED else said_again
    return replace(end, usage=ran.end.usage + answer.usage, seconds=ran.end.seconds)


def untouched(context: RunContext, started: Started) -> bool:
    """Did the agent leave its workspace as it found it?"""
    return build(context, started).tree == (
        started.laid or context.project.repo.tree_of(started.base)
    )


def script_digest(agent: str) -> str:
    """Return what the scripted agent's sessions are counted by: a new script begins at its first
    list.

    "" for any other agent.
    """
    script = os.environ.get("NIGHTLATCH_SCRIPT", "")
    return (
        sha256(Path(script).read_bytes()).hexdigest()[:12]
        if agent == "scripted" and Path(script).is_file()
        else ""
    )


def collect(context: RunContext, started: Started) -> Candidate:
    """Return the tree that the session produced, built from files alone, protected paths put back;
    and what it noted, confirmed or not."""
    built = build(context, started)
    # named before anything looks at it: `git gc` of the person may run at any moment
    keep(context, started, built.tree)
    if not context.project.repo.has_all_of(
        started.base, built.tree
    ):  # collected before a ref named it
        built = build(context, started)
        keep(context, started, built.tree)
    context.journal.write("candidate.built", tree=built.tree)
    return Candidate(
        tree=built.tree,
        base=started.base,
        reasons=built.oddities,
        found=notes_io.gather(context, started, built.tree),
    )


def examine(context: RunContext, started: Started, made: Candidate, end: AgentEnd) -> Verdict:
    """Return the verdict on the candidate against its base, and with the agent's end the
    outcome."""
    context.console.say(
        "verdict",
        f"{started.feature.id} agent: {end.end}{f' ({end.says})' if end.says else ''}; checks"
        " run now",
    )
    finished, carried = end.end is End.FINISHED, started.laid
    with context.engine.evaluator.progress.showing(started.feature.id):
        seen_red = (
            bool(started.feature.verify)
            and context.engine.verify_at(started.base, started.feature).answer is CheckStatus.RED
        )
        verdict = context.engine.examine(
            made.base,
            made.tree,
            started.feature,
            made.reasons,
            finished=finished,
            seen_red=seen_red,
            carried=carried,
            judge=bench(context, started),
            met_before=context.history(started.base).of(started.feature).met,
        )
    pictures(context, started, made)
    verdict = phases_io.conclude(context, started, made, verdict, end)
    closed = outcome.close(
        verdict,
        end,
        hold_unproved=context.project.config.land.unproved == "hold",
        confirmed=bool(made.found.confirmed),
        named=outcome.named_paths(started.feature, context.project.inside),
        goes_on=made.found.goes_on,
    )
    # a check that is red for want of room says nothing of the work
    if closed.outcome not in LANDS and is_full(context.project.cache):
        raise disk_full(context.project.cache)
    return closed


def pictures(context: RunContext, started: Started, made: Candidate) -> None:
    """Put the pictures that checks left, before and after, beside the session's transcript: the
    cache that they lie in forgets."""
    trees = {"before": made.base, "after": made.tree}
    evaluator = context.engine.evaluator
    outputs = {name: evaluator.check_output(made.base, tree) for name, tree in trees.items()}
    found = [
        (name, file)
        for name, output in outputs.items()
        for file in judge_io.left_by_checks(output)[1][:PICTURES]
    ]
    for name, file in found:
        folder = context.project.state / "sessions" / started.id / "pictures" / name
        with suppress(OSError):  # the page does without
            make_folder(folder)
            shutil.copyfile(file, folder / file.name)


def bench(context: RunContext, started: Started) -> judge_io.JudgeRunner | None:
    """Return where this session's work is judged; an earlier phase than the last one is not meant
    to be done."""
    if started.stage and not started.stage.last:
        return None
    return judge_io.bench(
        context.project,
        started.agent.name,
        context.sandbox,
        templates(context.project),
        context.project.state / "sessions" / started.id,
        note=context.journal.write,
        limited=context.met_limit,
        stop=lambda: bool(context.signals.asked),
    )


def again(
    context: RunContext, started: Started, made: Candidate, examined: Verdict, end: AgentEnd
) -> tuple[Candidate, Verdict]:
    """Merge in memory where the branch moved, and judge the merged tree; a conflict, or a feature
    that changed, is carried on.

    Where nothing but the plan and the record moved, the verdict stands.
    """
    repo, tip = context.project.repo, context.tip()
    plan = context.plan(tip)
    now = plan.feature(started.feature.id) if plan else None
    if (
        now is None
        or now.digest != started.feature.digest
        or now.verify != started.feature.verify
        or now.skip
        or now.hold
    ):
        return made, replace(dropped("land.feature-changed"), usage=examined.usage)
    merged = repo.merge(tip, repo.commit(made.tree, [made.base], f"candidate of {started.id}"))
    if merged.conflicts:
        conflict = dropped("land.conflict")
        return made, replace(
            conflict,
            usage=examined.usage,
            reasons=(replace(conflict.reasons[0], detail=merged.conflicts),),
        )
    moved = replace(made, tree=merged.tree, base=tip)
    if context.engine.evaluator.key(tip) == context.engine.evaluator.key(made.base):
        return moved, examined
    verdict = examine(context, started, moved, end)
    return moved, replace(verdict, usage=examined.usage + verdict.usage)
