"""Phases at work: the agent of each, what it left behind, and its progress file, which goes
with the commits of the record."""

import json
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from itertools import count
from typing import TypeAlias

from nightlatch import data
from nightlatch.agents import registry_io
from nightlatch.agents.credentials_io import read_inside
from nightlatch.agents.registry_io import Agent
from nightlatch.errors import ConfigError
from nightlatch.git.repo import session_ref
from nightlatch.journal import transcripts_io
from nightlatch.model.models import (
    LANDS,
    AgentEnd,
    End,
    Feature,
    Phase,
    Plan,
    SessionEnded,
    Verdict,
)
from nightlatch.plan.interpretations import few
from nightlatch.project.project import Project
from nightlatch.prompt.brief import BRIEF, BriefParts
from nightlatch.record import phase_file
from nightlatch.record import phases as core
from nightlatch.record.findings.findings import FindingKind
from nightlatch.record.history import FeatureHistory, replay
from nightlatch.record.phases import Output, Stage
from nightlatch.record.progress import DETAILS, SESSION_WORDS, Entry, Item, minute
from nightlatch.run.context import Candidate, RunContext, Started
from nightlatch.util.fs import replace as replace_file
from nightlatch.util.text import plain

OUTPUT = "phase.json"
LONGEST = 100_000  # bytes of it; it is a summary, and a longer one is not read
ARCHIVE = "archived"
LAST_LINES, LAST_LONGEST = 3, 200
Changes: TypeAlias = tuple[tuple[Entry, ...], dict[str, bytes | None]]
TEMPLATE = "progress.md.j2"


def stage(project: Project, tip: str, feature: Feature, past: Sequence[Entry]) -> Stage | None:
    """Return the phase that is next.

    Where the record knows of none, a progress file that a person had says where to start.
    """
    known = {} if not feature.phases or core.sessions(past) else folder(project, tip)
    found = next(
        filter(
            None,
            (phase_file.read(known[name], feature.phases) for name in own_files(known, feature)),
        ),
        None,
    )
    return (
        core.stage(feature, past, found.completed, found.current)
        if found
        else core.stage(feature, past)
    )


def stage_at(context: RunContext, tip: str, feature: Feature) -> Stage | None:
    return stage(context.project, tip, feature, context.history(tip).phases_of(feature))


def own_files(known: Mapping[str, str], feature: Feature) -> list[str]:
    """Return which of these progress files are a feature's: the one with its name first, then those
    called by its id or title, in any domain."""
    called = {f"{phase_file.slug(name)}.md".casefold() for name in (feature.id, feature.title)}
    exact = phase_file.file_name(feature)
    return [
        *filter(known.__contains__, [exact]),
        *(
            name
            for name in known
            if name != exact and called & {name.casefold(), name.casefold().partition("-")[2]}
        ),
    ]


def folder(project: Project, tip: str) -> dict[str, str]:
    """Return the progress files that are not archived, by name."""
    place = f"{tip}:{project.sheets}"
    known = project.repo.files(place) if project.repo.find(place) else {}
    # what lies deeper is the archive
    names = [name for name in known if name.endswith(".md") and "/" not in name]
    texts = {name: project.repo.read(tip, f"{project.sheets}/{name}") for name in names}
    return {
        name: data.decode("utf-8", "replace") for name, data in texts.items() if data is not None
    }


def named(context: RunContext, named_in: Phase | Feature) -> tuple[Agent, ...]:
    """Return the own agent of a phase or a feature, if it has one. ConfigError where it names
    nobody."""
    own = named_in.agent or named_in.model
    return (
        (
            registry_io.load(
                named_in.agent or context.agents[0].name,
                context.project.config.agents,
                named_in.model,
            ),
        )
        if own
        else ()
    )


def crew(context: RunContext, feature: Feature, at: Stage | None) -> tuple[Agent, ...]:
    """Return who may work, in order: the phase's own agent, the feature's, then those of the run.

    A name that nobody has stops no night that is under way.
    """
    try:
        return (
            *(named(context, at.phase) if at else ()),
            *named(context, feature),
            *context.agents,
        )
    except ConfigError as error:
        context.console.say(
            "agent", f"{error.problem}: {context.agents[0].name} is used instead; {error.fix}"
        )
        return context.agents


def hired(context: RunContext, feature: Feature, at: Stage | None) -> Agent:
    """Return the first of them that no usage limit holds back and that needs nothing of the
    person."""
    every = crew(context, feature, at)
    # where all of them need the person, the first says so once more and ends the run
    known = [agent for agent in every if agent.name not in context.memory.out] or [*every]
    return next((agent for agent in known if not context.limited(agent)), known[0])


def briefed(
    project: Project, tip: str, parts: BriefParts, at: Stage | None, past: Sequence[Entry]
) -> BriefParts:
    """Return the parts of a brief with what there is to say of the phase, and with its template:
    the person's, a shipped one, or the usual."""
    if at is None:
        return parts
    name = phase_file.prompt_name(at.phase)
    own, shipped = project.repo.folder / "prompts" / name, data.path("prompts", name)
    template = name if own.is_file() or shipped.is_file() else BRIEF
    retold = phase_file.retold(was_there(project, tip, parts.feature))
    earlier, errors, checklist = core.briefed(parts.feature, past, at.before, retold)
    return replace(
        parts,
        template=template,
        phase=at.phase,
        last_phase=at.last,
        earlier=earlier,
        errors=errors,
        checklist=checklist,
    )


def was_there(project: Project, tip: str, feature: Feature) -> str:
    """Return what a person's progress file of a feature said before this program had one: kept in
    ours, or in a file that is left alone."""
    known, exact = folder(project, tip), phase_file.file_name(feature)
    texts = {name: phase_file.earlier(known[name].encode()) for name in own_files(known, feature)}
    return next(
        (
            text
            for name, text in texts.items()
            if text and (name == exact or phase_file.is_progress(text))
        ),
        "",
    )


@cache
def schema() -> Mapping[str, object]:
    document: Mapping[str, object] = json.loads(data.text("schema", OUTPUT))
    return document


def output(context: RunContext, started: Started) -> Output | None:
    """Return the agent's phase.json, as it lies in its workspace, without what is secret in it."""
    data = read_inside(started.workspace.out, OUTPUT, LONGEST)
    return core.output_of(context.project.secrets.hide_line(data) if data else data, schema())


def asked(context: RunContext, started: Started, end: AgentEnd) -> AgentEnd:
    """Return the end of the agent; one that says in phase.json that it is blocked asks, like one
    that wrote blocked.md."""
    left = output(context, started) if started.stage and end.end is End.FINISHED else None
    if left is None or left.status != "blocked":
        return end
    says = (*left.said.get("blocker", ()), *left.said.get("summary", ()))
    question = " ".join(says[0].split()) or left.status
    return replace(end, end=End.BLOCKED, says=question, question=question)


def conclude(
    context: RunContext, started: Started, made: Candidate, verdict: Verdict, end: AgentEnd
) -> Verdict:
    """Return the verdict of a phase: the last one's as it is, an earlier one's by whether its
    artifact is there."""
    at, repo, project = started.stage, context.project.repo, context.project
    if at is None or at.last:
        return verdict
    left = output(context, started)
    named = {
        path: project.path(posixpath.normpath(path.removeprefix(f"{repo.folder}/")))
        for path in (left.files if left else ())
    }
    # compared with a listing: what an agent names is no text for git to read
    there = repo.files(made.tree) if named else {}
    absent = [
        name
        for name, path in named.items()
        if not any(f"{each}/".startswith(f"{path}/") for each in there)
    ]
    changed = {change.path for change in repo.diff(starting_work(context, started), made.tree)}
    own = replace(
        at, phase=replace(at.phase, artifact=at.phase.artifact and project.path(at.phase.artifact))
    )
    found = len(made.found.confirmed) + sum(
        finding.kind is FindingKind.DECISION for finding in made.found.new
    )
    return core.conclude(verdict, at, end, core.missing(own, left, changed, absent, found, end.end))


def starting_work(context: RunContext, started: Started) -> str:
    """Return the work that the session started from."""
    return (
        started.laid
        or context.project.repo.tip_of(context.project.repo.work_ref(started.feature.id))
        or started.base
    )


def phase_record(
    context: RunContext,
    started: Started,
    candidate: Candidate,
    verdict: Verdict,
    ended: SessionEnded,
) -> SessionEnded:
    """Return the session with the lines on its phase."""
    if started.stage is None:
        return ended
    created = [
        change.path
        for change in context.project.repo.diff(starting_work(context, started), candidate.tree)
        if change.status == "A"
    ]
    noted = [
        finding.claim for finding in candidate.found.new if finding.kind is FindingKind.DECISION
    ]
    said = output(context, started)
    return replace(
        ended,
        phase=core.lines(
            started.stage, started.agent.name, said, created, verdict, ended.end.todo, noted
        ),
    )


def last_complete(context: RunContext, feature: Feature, tip: str) -> str:
    """Return the session that completed a phase last: a fresh start goes back to its tree, not
    behind it."""
    sessions = core.sessions(context.history(tip).phases_of(feature))
    return next((one.session for one in reversed(sessions) if one.complete), "")


def sheets(context: RunContext, tip: str, items: Iterable[Item], done: str = "") -> Changes:
    """Return what a commit with these items changes of the progress files, and items that say what
    a person had edited there.

    `done` is the feature whose flag the commit sets.
    """
    own = [
        item
        for item in items
        if isinstance(item, Entry) and item.word in (*SESSION_WORDS, "decision")
    ]
    plan = context.plan(tip) if own else None
    touched = (
        [plan.feature(name) for name in dict.fromkeys(entry.feature for entry in own)]
        if plan
        else []
    )
    return together(
        sheet(
            context,
            tip,
            plan,
            feature,
            [entry for entry in own if entry.feature == feature.id],
            done=done == feature.id,
        )
        for feature in touched
        if plan and feature and feature.phases
    )


def edited(context: RunContext, tip: str, old: Plan | None, new: Plan) -> Changes:
    """Return the same for an edit of the plan: every progress file whose feature has another text
    now."""
    known = {feature.id: feature.raw for feature in old.features} if old else {}
    moved = [
        feature
        for feature in new.features
        if feature.phases and known.get(feature.id, feature.raw) != feature.raw
    ]
    return together(sheet(context, tip, new, feature, done=feature.done) for feature in moved)


def together(made: Iterable[Changes]) -> Changes:
    each = list(made)
    return tuple(note for notes, _ in each for note in notes), {
        path: data for _, changed in each for path, data in changed.items()
    }


def sheet(
    context: RunContext,
    tip: str,
    plan: Plan,
    feature: Feature,
    items: Sequence[Entry] = (),
    *,
    done: bool = False,
) -> Changes:
    """Return the progress file of one feature after these items: rendered, archived when it is
    finished and holds decisions, else deleted."""
    project, history = context.project, context.history(tip)
    after = replay(items, history)
    finished = done or any(entry.word in LANDS for entry in items)
    now = (*history.phases_of(feature), *items) if finished else after.phases_of(feature)
    path = progress_path(project, feature)
    old = project.repo.read(tip, path)
    earlier = phase_file.earlier(old or b"")
    sessions = core.sessions(now)
    if not sessions:
        return (), _without_sessions(path, old, earlier)
    notes, changed = kept(context, tip, plan, feature, old or b"")
    waiting = waits_for(after.of(feature), feature)
    text = rendered(
        project, plan, feature, (*now, *notes), finished=finished, waiting=waiting, earlier=earlier
    )
    if not finished:
        # a feature of one phase says all in its brief, but a file that is there is kept true
        has_file = len(feature.phases) > 1 or old is not None
        return notes, ({**changed, path: text} if has_file else changed)
    if earlier or any(session.said.get("decided") for session in sessions):
        changed = {**changed, free(project, tip, path, ""): text}
    return notes, (changed if old is None else {**changed, path: None})


def _without_sessions(path: str, old: bytes | None, earlier: str) -> dict[str, bytes | None]:
    """Return the change of a progress file of which the record says that nothing happened: a
    rendering goes, a person's own file stays."""
    is_rendering = old is not None and phase_file.is_ours(old)
    return {path: earlier.encode() or None} if is_rendering else {}


def kept(context: RunContext, tip: str, plan: Plan, feature: Feature, old: bytes) -> Changes:
    """Return what a person wrote into a progress file stays: their own file whole in ours, below;
    an edited rendering in the archive."""
    if not old or phase_file.is_ours(old):
        return (), {}
    if phase_file.has_seal(old):
        return kept_by_hand(context, tip, plan, feature, old)
    path = progress_path(context.project, feature)
    title = f"{plain(path)} was there before: its text is kept whole, at the end of the new one"
    context.console.say("progress", title)
    note = Entry(
        at=minute(context.now()),
        word="note",
        feature=feature.id,
        title=title,
        details=(f"digest {feature.digest}",),
    )
    as_it_is = old.decode("utf-8", "replace").encode() == old
    return (note,), {} if as_it_is else {free(context.project, tip, path, "-by-hand"): old}


def kept_by_hand(
    context: RunContext, tip: str, plan: Plan, feature: Feature, edited: bytes
) -> Changes:
    """Return an edited rendering: the file as it was in the archive, its lines in the record."""
    path, past = progress_path(context.project, feature), context.history(tip).phases_of(feature)
    kept = free(context.project, tip, path, "-by-hand")
    lines = phase_file.by_hand(
        edited, rendered(context.project, plan, feature, past, earlier=phase_file.earlier(edited))
    )
    title = f"{plain(path)} was edited by hand; it is kept as {plain(kept)}"
    context.console.say("progress", title)
    details = (*lines[:DETAILS], f"digest {feature.digest}")
    return (
        Entry(
            at=minute(context.now()), word="note", feature=feature.id, title=title, details=details
        ),
    ), {kept: edited}


def rendered(
    project: Project,
    plan: Plan,
    feature: Feature,
    past: Sequence[Entry],
    *,
    finished: bool = False,
    waiting: str = "",
    now: datetime | None = None,
    todo: str = "",
    lately: Sequence[tuple[str, str]] = (),
    earlier: str = "",
) -> bytes:
    """Return the progress file of a feature, whether or not the record has one: also for whoever
    asks for it."""
    from nightlatch.util.templates import renderer

    source = data.text("shipped", TEMPLATE)
    show = renderer(TEMPLATE, lambda _name: (source, TEMPLATE), phase_file.FIELDS)
    own = project.config.agent[0]
    shown = phase_file.values(
        feature,
        plan,
        past,
        lambda phase: phase.agent or own,
        finished=finished,
        waiting=waiting,
        now=now,
        todo=todo,
        lately=lately,
    )
    return phase_file.sealed(show(shown), earlier)


def sketch(context: RunContext, started: Started, began: datetime, todo: str) -> None:
    """The progress file as it stands inside a session: it is not committed, and the next one
    replaces it.

    It tells what the agent said and did last, and what it has changed as of the last snapshot.
    """
    plan, past = (
        context.plan(started.base),
        context.history(started.base).phases_of(started.feature),
    )
    lately = [("as of", f"{minute(context.now()):%Y-%m-%dT%H:%MZ}"), *under_way(context, started)]
    text = (
        rendered(context.project, plan, started.feature, past, now=began, todo=todo, lately=lately)
        if plan
        else b""
    )
    replace_file(context.project.state / "sessions" / started.id / "progress.md", text)


def under_way(context: RunContext, started: Started) -> list[tuple[str, str]]:
    """Return what a session has written so far: the files of its last snapshot, and what its
    phase.json says."""
    repo, said = context.project.repo, output(context, started)
    tree = repo.tip_of(session_ref(started.id))
    changed = (
        [change.path for change in repo.diff(starting_work(context, started), tree)] if tree else []
    )
    some = [("changed so far", few(changed))] if changed else []
    texts = [
        text for word in ("summary", "output") for text in (said.said.get(word, ()) if said else ())
    ]
    last = transcripts_io.ending(
        context.project, started.id, started.agent.name, LAST_LINES, LAST_LONGEST
    )
    return [*some, *(("says so far", text) for text in texts), *(("last", text) for text in last)]


def waits_for(past: FeatureHistory, feature: Feature) -> str:
    """Return what a feature waits for, in words; "" when it can go on."""
    word = (
        past.waiting.value
        if past.waiting
        else "skipped"
        if past.skipped or feature.skip
        else "held"
        if feature.hold
        else ""
    )
    return f"{word}: {past.question}" if word and past.question else word


def progress_path(project: Project, feature: Feature) -> str:
    return f"{project.sheets}/{phase_file.file_name(feature)}"


def free(project: Project, tip: str, path: str, ending: str) -> str:
    """Return the first name in the archive that nothing has."""
    above, _, name = path.rpartition("/")
    stems = (f"{name.removesuffix('.md')}{ending}{f'-{n}' if n > 1 else ''}" for n in count(1))
    return next(
        there
        for stem in stems
        if not project.repo.find(f"{tip}:{(there := f'{above}/{ARCHIVE}/{stem}.md')}")
    )


def resume(context: RunContext) -> None:
    """Name what is unfinished, with the phase that is next; ConfigError where a phase names an
    agent that there is not."""
    tip = context.tip()
    plan = context.plan(tip)
    for feature in plan.features if plan else ():
        if not feature.phases or feature.done:
            continue
        for phase in feature.phases:
            named(context, phase)
        past, at = context.history(tip).phases_of(feature), stage_at(context, tip, feature)
        if at and (core.sessions(past) or at.before):
            done, pending = (
                core.completed(past) | {*at.before},
                sum(not trouble.resolution for trouble in core.troubles(past)),
            )
            path = progress_path(context.project, feature)
            context.console.say(
                "resume",
                f"{feature.id} at phase {at.phase.name}: {len(done)} of {len(feature.phases)}"
                f" complete, {pending} errors pending; {path}",
            )
    for name in unfinished(context.project, tip, plan):
        sheet = f"{context.project.sheets}/{name}"
        context.console.say(
            "resume", f"{sheet} is unfinished, and belongs to no feature that is left"
        )


def unfinished(project: Project, tip: str, plan: Plan | None) -> list[str]:
    """Progress files that nothing will ever finish: their feature is gone, done, or has no
    phases any more."""
    known = folder(project, tip)
    left = (
        [feature for feature in plan.features if feature.phases and not feature.done]
        if plan and known
        else []
    )
    owned = {name for feature in left for name in own_files(known, feature)}
    return [
        name for name, text in known.items() if name not in owned and phase_file.is_progress(text)
    ]
