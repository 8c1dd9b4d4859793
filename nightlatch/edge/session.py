"""One session, verb by verb: provision, brief, work, collect, examine; and what it becomes when
the branch moved meanwhile."""

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from nightlatch.core import brief as briefs
from nightlatch.core import closing, recall, scope
from nightlatch.core.closing import dropped
from nightlatch.core.findings import Finding
from nightlatch.core.foreign import before
from nightlatch.core.history import FeatureHistory, History
from nightlatch.core.mentions import named_files
from nightlatch.core.models import (
    LANDS,
    AgentEnd,
    End,
    Event,
    Feature,
    Kind,
    Plan,
    SessionEnded,
    Verdict,
)
from nightlatch.core.paths import PROGRAM
from nightlatch.core.phases import listed
from nightlatch.core.policy import Choice
from nightlatch.core.progress import line
from nightlatch.core.results import Answer
from nightlatch.core.spending import Cap
from nightlatch.core.testfiles import SUITE_MARK
from nightlatch.edge import (
    agents,
    candidate,
    deciding,
    freshness,
    judge,
    landing,
    notebook,
    ownfiles,
    phases,
    rooms,
    transcripts,
    workspace,
)
from nightlatch.edge.files import disk_full, is_full, make_folder, write_private
from nightlatch.edge.git import Repo, base_ref, session_ref
from nightlatch.edge.house import House, templates
from nightlatch.edge.knock import knock
from nightlatch.edge.site import Candidate, Site, Started
from nightlatch.errors import DiskError, RepoError

SNAPSHOT, SOON = 180.0, 20.0
LARGE = 8_000
RENDERING = 1800.0
LANDINGS = 12
LOOKED_BACK = 3
NAMED_FILES = 20
# what init writes around the command of the tests
STAND_IN = re.compile(r'PATH="[^"]*" (?:exec )?|\Aexec ')
PICTURES = 4


def provision(site: Site, choice: Choice) -> Started:
    """A fresh workspace at the branch's tip, with the feature's carried work in it as
    uncommitted changes."""
    base = site.tip()
    number = site.sessions_used(base) + 1
    stage = phases.stage_at(site, base, choice.feature) if choice.feature.phases else None
    agent = phases.hired(site, choice.feature, stage)
    # before anything begins that would have to be recorded
    agents.find(agent, site.house.repo.project, os.environ)
    site.house.repo.ident("AUTHOR")
    started = Started(
        id=f"{site.run}-s{number:02}",
        feature=choice.feature,
        base=base,
        workspace=site.pool.take(base),
        agent=agent,
        stage=stage,
    )
    workspace.note_submodules(site.house.repo, started.workspace)
    started = lay_carried(site, started, fresh=choice.fresh)
    # what its workspace borrows stays, whatever becomes of the branch
    site.house.repo.set_ref(base_ref(started.id), started.base)
    site.journal.write(
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
    part = f", phase {stage.phase.name} by {started.agent.name}" if stage else ""
    part = part or f", by {started.agent.name}" * bool(choice.feature.agent)
    site.console.say("session", f"{choice.feature.id} {choice.feature.title}{part}: {choice.rule}")
    say_who_stands_in(site, phases.crew(site, choice.feature, stage)[0], started.agent)
    return started


def say_who_stands_in(site: Site, first: agents.Agent, now: agents.Agent) -> None:
    """Another agent is another bill: it is said before it works."""
    if now.name != first.name and (until := site.limited(first)):
        billed = agents.billed(now, {**os.environ, **now.env})
        site.console.say(
            "agent",
            f"{now.name} stands in for {first.name}, which is limited until"
            f" {until:%Y-%m-%d %H:%M %Z}; {billed}",
        )


def lay_carried(site: Site, started: Started, *, fresh: bool) -> Started:
    """Merge the feature's work tree onto the base and lay it down; a conflict lies there with
    its marks.

    A fresh start of a feature with phases is the tree of the last one that is complete.
    """
    repo = site.house.repo
    ref, woken = repo.work_ref(started.feature.id), site.options.wake
    if woken and woken not in site.history(started.base).of(started.feature).sessions[-1:]:
        ref = session_ref(woken)
    elif fresh:
        repo.delete_ref(ref)
    complete = phases.last_complete(site, started.feature, started.base) if fresh else ""
    work = repo.tip_of(session_ref(complete) if complete else ref)
    if work is None:
        return started
    merged = repo.merge(started.base, work)
    workspace.lay(repo, started.workspace, merged.tree)
    changed = tuple(change.path for change in repo.diff(started.base, merged.tree))
    return replace(started, laid=merged.tree, conflicts=merged.conflicts, carried=changed)


def already_green(site: Site, started: Started) -> SessionEnded | None:
    """A verify that is green before any agent worked: done if this branch has seen it red, else
    a person looks. None: work is needed."""
    verdict = site.engine.needless(started.base, site.memory.start_base, started.feature)
    if verdict is None:
        return None
    nothing = Candidate(tree=site.house.repo.tree_of(started.base), base=started.base)
    end = AgentEnd(end=End.FINISHED)
    landed = (
        landing.land(site, started, nothing, verdict, end) if verdict.outcome in LANDS else None
    )
    return landed or landing.carry(site, started, nothing, verdict, end)


def brief(site: Site, started: Started) -> str:
    """The prompt of this session."""
    past, house = site.history(started.base), site.house
    plan = site.plan(started.base)
    known = remembered(
        house, started.base, started.feature, past, site.findings(started.base), plan
    )
    parts = brief_parts(
        house, started.base, started.feature, past, site.memory.patterns, known, plan
    )
    parts = phases.briefed(
        house, started.base, parts, started.stage, past.phases_of(started.feature)
    )
    carried = (
        (f"{len(started.carried)} files differ from the base: {', '.join(started.carried[:20])}",)
        if started.carried
        else ()
    )
    woken = (
        tuple(reversed(transcripts.ending(house, site.options.wake)))
        if site.options.wake
        else parts.woken
    )
    return briefs.compose(
        replace(parts, carried=carried, conflicts=started.conflicts, woken=woken), templates(house)
    ).text


def remembered(
    house: House,
    rev: str,
    feature: Feature,
    past: History,
    findings: Sequence[Finding],
    plan: Plan | None,
    most: int = recall.MOST,
) -> recall.Recalled:
    """What the record holds for any session on this feature, and how it stands at a commit."""
    said = "\n".join((*briefs.wanted(feature), *feature.supersedes))
    files = touched(house.repo, feature, past.of(feature)) | named_files(
        said, house.repo.files(rev), house.inside
    )
    return recall.choose(
        findings, feature, past, files, partial(freshness.standings, house.repo, rev), most, plan
    )


def touched(repo: Repo, feature: Feature, past: FeatureHistory) -> frozenset[str]:
    """The files of the feature's carried work and of what its last sessions left."""
    names = (repo.work_ref(feature.id), *map(session_ref, past.sessions[-LOOKED_BACK:]))
    return frozenset[str]().union(*(changed_by(repo, name) for name in names))


def changed_by(repo: Repo, ref: str) -> frozenset[str]:
    """The files of the commit that a ref names, none where there is no such ref."""
    tip = repo.tip_of(ref)
    parent = repo.tip_of(f"{tip}^") if tip else None
    return (
        frozenset(change.path for change in repo.diff(parent, tip))
        if tip and parent
        else frozenset()
    )


def handover(house: House, past: FeatureHistory) -> tuple[str, ...]:
    """How the last session ended, what it changed, and what its transcript tells."""
    if not past.sessions:
        return ()
    session = past.sessions[-1]
    files = sorted(changed_by(house.repo, session_ref(session)))
    more = f" and {len(files) - NAMED_FILES} more" if len(files) > NAMED_FILES else ""
    changed = f"it changed: {', '.join(files[:NAMED_FILES])}{more}" if files else ""
    return tuple(
        filter(None, (f"it ended: {past.ended}", changed, *transcripts.handover(house, session)))
    )


def brief_parts(
    house: House,
    rev: str,
    feature: Feature,
    history: History,
    section: str,
    known: recall.Recalled,
    plan: Plan | None,
) -> briefs.BriefParts:
    """What any session on this feature is told, apart from what lies in its workspace."""
    past, earlier = (
        history.of(feature),
        before(feature, plan.features if plan else (), history.foreign),
    )
    landed = [
        commit
        for commit in house.repo.log(rev, 4 * LANDINGS)
        if "Nightlatch-Session" in commit.trailers
    ]
    patterns = (section, *(f"- {each.told}" for each in known.patterns))
    return briefs.BriefParts(
        feature=feature,
        asked=(
            tuple((past.asked or past.question).splitlines())
            if past.answer or feature.answer
            else ()
        ),
        answer=past.answer or feature.answer,
        refusals=past.refusals,
        woken=handover(house, past),
        next=known.next,
        tried=(*past.reasons, *earlier),
        protected=house.protected(),
        landings=tuple(f"{commit.id[:9]} {commit.subject}" for commit in landed[:LANDINGS]),
        findings=tuple(each.told for each in (*known.findings, *known.more)),
        spare=len(known.more),
        decisions=tuple(each.told for each in known.decisions),
        reproductions=known.reproductions,
        patterns="\n".join(filter(None, patterns)),
        quick=house.config.checks.quick,
        checks=checks(house, rev, plan),
    )


def checks(house: House, rev: str, plan: Plan | None) -> tuple[str, ...]:
    """The command of the tests, the checks, and the gates of the plan, as an agent runs them."""
    folder, files = house.path("checks/"), house.repo.files(rev)
    names = sorted(
        path for path, (mode, _) in files.items() if path.startswith(folder) and mode == PROGRAM
    )
    texts = {
        name: (house.repo.read(rev, name) or b"").decode("utf-8", "replace").splitlines()
        for name in names
    }
    suites = [
        line
        for lines in texts.values()
        if SUITE_MARK in lines
        for line in lines
        if line[:1] != "#" and line not in ("", "set -e")
    ]
    asked = [STAND_IN.sub("", line) for line in suites]
    own = (
        f"./{name.removeprefix(folder.removesuffix('checks/'))}"
        for name, lines in texts.items()
        if SUITE_MARK not in lines
    )
    return (
        *([house.config.checks.tests] if house.config.checks.tests else asked),
        *own,
        *(plan.gates if plan else ()),
    )


def work(site: Site, started: Started, text: str) -> AgentEnd:
    """Run the agent on the brief until it ends or is ended; the journal knows its process, so
    that no later loop leaves it running."""
    place, folder = started.workspace, site.house.state / "sessions" / started.id
    make_folder(folder)
    snapshots = Snapshots(site=site, started=started)
    write_private(folder / "brief.md", text)
    env = {"NIGHTLATCH_PHASE": started.stage.phase.name} if started.stage else {}
    if script := script_digest(started.agent.name):
        turn = len(site.history(started.base).of(started.feature).sessions) + 1
        env |= {
            "NIGHTLATCH_SESSION_NUMBER": str(site.journal.state.scripts[script]),
            "NIGHTLATCH_FEATURE_SESSION": str(turn),
        }

    spec = rooms.agent_spec(
        site.house, place, site.sandbox, session=started.id, feature=started.feature.id, **env
    )
    spec = rooms.with_notes(spec, place, site.sandbox)
    usual = rooms.invocation(site.house, place, site.sandbox, spec, folder / "brief.md")

    def begun(process: str) -> None:
        site.journal.write("agent.started", process=process)
        site.pool.ahead(started.base)

    invocation = replace(
        usual,
        transcript=folder / transcripts.NAME,
        on_start=begun,
        stop=lambda: bool(site.signals.asked),
        on_event=snapshots.hear,
        tick=snapshots.tick,
        now=site.now,
        cap=Cap(purses=deciding.purses(site, started.base)),
    )
    return took(site, started, agents.invoke(started.agent, invocation))


def took(site: Site, started: Started, ran: agents.AgentRun) -> AgentEnd:
    """How the agent ended, written down; a limit first, so that no loop that is started next
    forgets it."""
    end = phases.asked(site, started, believed(site, started, ran))
    if end.end is End.FINISHED and end.wonders and untouched(site, started):
        # nothing was done, and something asked
        end = replace(end, end=End.BLOCKED, says=end.wonders, question=end.wonders)
    # the agent met that too; the run ends, and says so
    if end.end is End.FAULT and is_full(site.house.cache):
        end = replace(end, end=End.CRASHED)
    if end.limited:
        site.met_limit(started.agent, end.free_at)
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
    site.journal.write("agent.ended", **told, model=line(end.model, 80), listed=end.listed)
    return end


def believed(site: Site, started: Started, ran: agents.AgentRun) -> AgentEnd:
    """How the agent ended, once last words that read like a limit, a missing login or credit
    were tried by one short call.

    They count for nothing where the program ended well and left work.
    """
    if ran.doubt is None or (ran.end.end is End.FINISHED and not untouched(site, started)):
        return ran.end
    name = started.agent.name
    site.console.say(
        "agent",
        f"{name} ended with words that read like {ran.doubt.end}; one short call tells whether it"
        " is so",
    )
    answer = knock(site.house, site.pool, started.agent, started.base)
    # an agent that does not answer may well be limited
    said_again = answer if answer.end in agents.BY_WORDS else ran.doubt
    end = ran.end if answer.end is End.FINISHED else said_again
    return replace(end, usage=ran.end.usage + answer.usage, seconds=ran.end.seconds)


def untouched(site: Site, started: Started) -> bool:
    """Did the agent leave its workspace as it found it?"""
    return build(site, started).tree == (started.laid or site.house.repo.tree_of(started.base))


class Snapshots:
    """Saves the workspace every few minutes, and soon after a large result of a tool, so that
    not even a lost machine costs more than that; and shows a sign of life.

    The progress file of a long phase is rendered beside its transcript: the committed one follows
    with the session's commit.
    """

    def __init__(self, *, site: Site, started: Started) -> None:
        self._site, self._started, self._saved, self._rendered = site, started, -SOON, -RENDERING
        self._began, self._todo, self._large = site.now(), "", False

    def hear(self, event: Event) -> None:
        self._large = self._large or (event.kind is Kind.TOOL_RESULT and len(event.text) >= LARGE)
        items = event.data.get("items") if event.kind is Kind.TODO else None
        self._todo = listed(items) if isinstance(items, tuple) else self._todo

    def tick(self, elapsed: float, silence: float) -> None:
        self._site.notice_sleep()
        self._site.notifier.ping()
        self._site.console.alive(
            elapsed, f"{self._started.feature.id} agent, last output {silence:.0f}s ago"
        )
        if self._started.stage and elapsed - self._rendered >= RENDERING:
            self._rendered = elapsed
            phases.sketch(self._site, self._started, self._began, self._todo)
        if elapsed - self._saved >= (SOON if self._large else SNAPSHOT):
            self._saved, self._large = elapsed, False
            # a file that the agent changes under the reader: the next snapshot has it
            with suppress(RepoError, DiskError, OSError):
                notebook.harvest(self._site, self._started)
                keep(self._site, self._started, build(self._site, self._started).tree)


def script_digest(agent: str) -> str:
    """What the scripted agent's sessions are counted by: a new script begins at its first list.

    "" for any other agent.
    """
    script = os.environ.get("NIGHTLATCH_SCRIPT", "")
    return (
        sha256(Path(script).read_bytes()).hexdigest()[:12]
        if agent == "scripted" and Path(script).is_file()
        else ""
    )


def build(site: Site, started: Started) -> candidate.Candidate:
    allowed = tuple(map(site.house.path, started.feature.may_change))
    rules = scope.Rules(
        protected=ownfiles.guards(site.house), may_change=allowed, project=site.house.inside
    )
    return candidate.build(site.house.repo, started.workspace, rules, hidden=site.house.secrets)


def keep(site: Site, started: Started, tree: str) -> None:
    """Name a session's tree, so that git keeps it."""
    repo = site.house.repo
    repo.set_ref(
        session_ref(started.id), repo.commit(tree, [started.base], f"candidate of {started.id}")
    )


def collect(site: Site, started: Started) -> Candidate:
    """The tree that the session produced, built from files alone, protected paths put back; and
    what it noted, confirmed or not."""
    built = build(site, started)
    keep(site, started, built.tree)
    if not site.house.repo.has_all_of(started.base, built.tree):  # collected before a ref named it
        built = build(site, started)
        keep(site, started, built.tree)
    site.journal.write("candidate.built", tree=built.tree)
    return Candidate(
        tree=built.tree,
        base=started.base,
        reasons=built.oddities,
        found=notebook.gather(site, started, built.tree),
    )


def examine(site: Site, started: Started, made: Candidate, end: AgentEnd) -> Verdict:
    """The verdict on the candidate against its base, and with the agent's end the outcome."""
    site.console.say(
        "verdict",
        f"{started.feature.id} agent: {end.end}{f' ({end.says})' if end.says else ''}; checks"
        " run now",
    )
    finished, carried = end.end is End.FINISHED, started.laid
    with site.engine.evaluator.progress.whole(started.feature.id):
        seen_red = (
            bool(started.feature.verify)
            and site.engine.verify_at(started.base, started.feature).answer is Answer.RED
        )
        verdict = site.engine.examine(
            made.base,
            made.tree,
            started.feature,
            made.reasons,
            finished=finished,
            seen_red=seen_red,
            carried=carried,
            judge=bench(site, started),
            met_before=site.history(started.base).of(started.feature).met,
        )
    pictures(site, started, made)
    verdict = phases.conclude(site, started, made, verdict, end)
    closed = closing.close(
        verdict,
        end,
        hold_unproved=site.house.config.land.unproved == "hold",
        confirmed=bool(made.found.confirmed),
        named=closing.named_paths(started.feature, site.house.inside),
        goes_on=made.found.goes_on,
    )
    # then a check may be red that is not
    if closed.outcome not in LANDS and is_full(site.house.cache):
        raise disk_full(site.house.cache)
    return closed


def pictures(site: Site, started: Started, made: Candidate) -> None:
    """Put the pictures that checks left, before and after, beside the session's transcript: the
    cache that they lie in forgets."""
    trees = {"before": made.base, "after": made.tree}
    evaluator = site.engine.evaluator
    outputs = {name: evaluator.check_output(made.base, tree) for name, tree in trees.items()}
    found = [
        (name, file)
        for name, output in outputs.items()
        for file in judge.left_by_checks(output)[1][:PICTURES]
    ]
    for name, file in found:
        folder = site.house.state / "sessions" / started.id / "pictures" / name
        with suppress(OSError):  # the page does without
            make_folder(folder)
            shutil.copyfile(file, folder / file.name)


def bench(site: Site, started: Started) -> judge.Bench | None:
    """Where this session's work is judged; an earlier phase than the last one is not meant to
    be done."""
    if started.stage and not started.stage.last:
        return None
    return judge.bench(
        site.house,
        started.agent.name,
        site.sandbox,
        templates(site.house),
        site.house.state / "sessions" / started.id,
        note=site.journal.write,
        limited=site.met_limit,
        stop=lambda: bool(site.signals.asked),
    )


def again(
    site: Site, started: Started, made: Candidate, examined: Verdict, end: AgentEnd
) -> tuple[Candidate, Verdict]:
    """The branch moved: merge in memory and judge the merged tree; a conflict, or a feature
    that changed, is carried on.

    Where nothing but the plan and the record moved, the verdict stands.
    """
    repo, tip = site.house.repo, site.tip()
    plan = site.plan(tip)
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
    if site.engine.evaluator.key(tip) == site.engine.evaluator.key(made.base):
        return moved, examined
    verdict = examine(site, started, moved, end)
    return moved, replace(verdict, usage=examined.usage + verdict.usage)
