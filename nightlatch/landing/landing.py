"""The branch moves here and nowhere else: landings, progress, the person's plan edits, each one
commit by compare-and-swap."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from shlex import quote
from types import MappingProxyType
from typing import TypeAlias

from nightlatch.errors import PlanError, RepoError, SigningError
from nightlatch.git import checkout
from nightlatch.git.locks import free_refs
from nightlatch.git.log import Commit
from nightlatch.git.repo import Merged, session_ref
from nightlatch.landing import held_io
from nightlatch.model.models import (
    LANDS,
    AgentEnd,
    Feature,
    Outcome,
    Plan,
    Ruling,
    SessionEnded,
    Verdict,
    WorkDone,
)
from nightlatch.plan import file
from nightlatch.project.project import Project
from nightlatch.record.progress import (
    SESSION_WORDS,
    Entry,
    Item,
    appended,
    decision,
    entry_of,
    line,
)
from nightlatch.report import collect_io
from nightlatch.run import notes_io, outcome, phases_io
from nightlatch.run.context import Candidate, RunContext, Started
from nightlatch.util.command_name import loop_command
from nightlatch.util.globs import matcher
from nightlatch.util.paths import FILE
from nightlatch.util.text import plain
from nightlatch.verdict.approvals import NOTHING

# Seconds in which a person may settle a rebase; after that the run ends and says why.
REBASE = 1800.0
Flag: TypeAlias = tuple[str, bool] | None
Files: TypeAlias = Mapping[str, bytes | None]
NO_FILES: Files = MappingProxyType({})


def publish(context: RunContext, commit: str, parent: str) -> bool:
    """Move the branch from `parent` to `commit`, or say False and leave it: somebody else moved
    it first.

    The journal knows of the commit before the branch does, so a loop killed in between finishes
    here (`finish_publishing`).
    """
    wait_for_rebase(context)
    context.journal.write("publish.started", commit=commit, parent=parent, branch=context.branch)
    # A `git gc --prune=now` meanwhile takes objects that no ref names yet.
    moved = context.project.repo.has_all_of(parent, commit) and context.project.repo.advance(
        context.ref, commit, parent
    )
    if moved:
        context.pool.follow(commit)
        bring_checkout(context, parent, commit)
    context.journal.write("publish.ended", commit=commit, moved=moved)
    return moved


def wait_for_rebase(context: RunContext) -> None:
    """A branch that is being rebased is not moved: its end would put it where the rebase has
    it, without what landed meanwhile.

    Raises RepoError where that takes too long, or a person wants the run to end, with the code of
    their signal; the session is concluded by the next run.
    """
    until, told = time.monotonic() + REBASE, False
    while checkout.rebasing(context.project.repo, context.branch):
        if time.monotonic() > until or context.signals.asked:
            fix = "git rebase --continue, or git rebase --abort; then run again"
            waited = RepoError(
                f"{context.branch} is being rebased, so nothing can land",
                place=str(context.project.repo.top),
                fix=fix,
            )
            waited.exit = context.signals.code or waited.exit
            raise waited
        if not told:
            context.console.say(
                "waiting",
                f"{context.branch} is being rebased in your checkout; this goes on after that",
            )
        told = True
        context.signals.pause(0.2)


def finish_publishing(context: RunContext) -> None:
    """What a killed loop left between moving the branch and moving the checkout."""
    left = context.journal.state.publishing
    # A process that was killed leaves git's lock files, on which every later update would fail.
    free_refs(context.project.repo, context.ref)
    if not left:
        return
    began = datetime.fromisoformat(str(left["at"])).timestamp()
    commit = str(left["commit"])
    parent = str(left["parent"])
    tip = context.tip()
    moved = left.get("branch") == context.branch and context.project.repo.is_ancestor(commit, tip)
    if moved:
        bring_checkout(context, parent, commit, began)
    context.journal.write("publish.ended", commit=commit, moved=moved)


def bring_checkout(context: RunContext, old: str, new: str, since: float | None = None) -> None:
    """Move the person's checkout along; where they edited what landed, both are brought
    together, and a conflict is said."""
    project = context.project
    synced = checkout.sync(
        project.repo,
        context.branch,
        old,
        new,
        texts=project.texts,
        logs=(project.progress,),
        since=since,
    )
    for path in synced.conflicts:
        says = (
            f"{plain(path)}: your edit and what landed change the same lines, and git status shows"
            " the conflict"
        )
        context.console.say(
            "checkout", f"{says}; yours alone: git checkout --theirs -- {quote(plain(path))}"
        )
    if synced.stays:
        context.console.say(
            "checkout",
            f"{len(synced.stays)} files could not be moved in your checkout; later:"
            f" {loop_command()} sync",
        )


def write_down(
    context: RunContext,
    items: tuple[Item, ...],
    message: str,
    *,
    flag: Flag = None,
    tree: Callable[[str], str] | None = None,
    files: Callable[[str], Files] = lambda _tip: NO_FILES,
) -> str:
    """Return one commit on the branch's tip with these lines in progress.txt, and with it a
    done-flag, files or another tree. Returns its id."""
    while True:
        tip = context.tip()
        onto = (tree or context.project.repo.tree_of)(tip)
        whole = with_record(context, tip, onto, items, flag, files(tip))
        commit = context.project.repo.commit(
            whole, [tip], context.project.secrets.hide(message), sign=context.sign
        )
        if publish(context, commit, tip):
            return commit


def with_record(
    context: RunContext,
    tip: str,
    tree: str,
    items: tuple[Item, ...],
    flag: Flag = None,
    files: Files = NO_FILES,
) -> str:
    """Return the tree with the tip's progress plus these lines, with the tip's plan, one flag of it
    changed, and with these files of the record.

    A file of None is taken away; paths are the repository's.
    """
    project = context.project
    items = tuple(hidden(project, item) for item in items)
    notes, sheets = phases_io.sheets(context, tip, items, flag[0] if flag and flag[1] else "")
    items, files = (*items, *notes), {**files, **sheets}
    whole = dict(files)
    if progress := progress_with(context, tip, items):
        whole[project.progress] = progress.encode("utf-8", "surrogateescape")
    if flag:
        whole[project.plan] = file.set_done(
            project.repo.read(tip, project.plan) or b"", project.plan, *flag, *project.reading
        )
    return project.repo.tree_with(
        tree,
        {
            path: None if data is None else (FILE, project.repo.write_blob(data))
            for path, data in whole.items()
        },
    )


def progress_with(context: RunContext, tip: str, items: tuple[Item, ...]) -> str:
    """Return the tip's progress with these entries, below the head of the run where it has none
    yet."""
    text = context.progress_text(tip)
    head = (context.run_start(tip),) if context.run and not context.run_is_open(tip) else ()
    return text + appended(text, (*head, *items)) if items else text


def hidden(project: Project, item: Item) -> Item:
    """Return an entry of the record without what is secret in its details, or in what a person
    said."""
    if not isinstance(item, Entry):
        return item
    hide = project.secrets.hide
    title = item.title if item.word in SESSION_WORDS else hide(item.title)
    return replace(item, title=title, details=tuple(map(hide, item.details)))


def commit_plan_edits(context: RunContext) -> str:
    """Commit what the person changed in the plan, as its own commit, and return the tip.

    A flag that a landing set since the last look is kept: the edit was begun on the text before it.
    A plan that cannot be read stays where it is, and the last good one in force.
    """
    project = context.project
    edit = checkout.plan_edit(project.repo, context.branch, project.plan)
    tip = context.tip()
    ancestor, known = context.memory.plan_seen, project.repo.read(tip, project.plan)
    # Before anything can fail: what the person edits next begins with this text.
    context.memory.plan_seen = known
    if edit is None:
        return tip
    try:
        file.read(edit.data, project.plan, *project.reading)
        text = file.carry_flags(
            ancestor or edit.ancestor or b"",
            known or b"",
            edit.data,
            project.plan,
            *project.reading,
        )
    except PlanError as error:
        context.console.say(
            "plan", f"kept as it was, because {error.problem.splitlines()[0]} ({error.place})"
        )
        return tip
    if text == known:
        checkout.put_back(project.repo, project.plan, edit.seen, text)
        return tip
    old = readable(known, project.plan, *project.reading)
    new = file.read(text, project.plan, *project.reading)
    subject = file.describe(old, new)
    notes, sheets = phases_io.edited(context, tip, old, new)
    tree = project.repo.tree_with(tip, {project.plan: (edit.mode, project.repo.write_blob(text))})
    tree = with_record(context, tip, tree, notes, files=sheets) if sheets else tree
    commit = project.repo.commit(tree, [tip], subject, sign=context.sign)
    checkout.put_back(project.repo, project.plan, edit.seen, text)
    if not publish(context, commit, tip):
        return commit_plan_edits(context)
    context.memory.plan_seen = text
    context.console.say("plan", subject)
    return commit


def readable(data: bytes | None, path: str, tag: str, words: tuple[str, ...]) -> Plan | None:
    """Return a plan that was committed once, None where it is gone or broken."""
    try:
        return None if data is None else file.read(data, path, tag, words)
    except PlanError:
        return None


def land(
    context: RunContext, started: Started, candidate: Candidate, verdict: Verdict, end: AgentEnd
) -> SessionEnded | None:
    """Advance the branch by one commit: code, flag and progress together.

    None when the branch has moved: look again.
    """
    repo = context.project.repo
    tip = commit_plan_edits(context)
    # The verdict is about this base: on another one the work is looked at again.
    if tip != candidate.base:
        return None
    candidate = notes_io.with_chances(context, candidate, verdict, started.id)
    ended = outcome.ended(started.id, started.feature, verdict, end, candidate.found)
    ended = phases_io.phase_record(context, started, candidate, verdict, ended)
    size = collect_io.size(context.project, tip, candidate.tree)
    landed = WorkDone(landed=outcome.done(started.feature, verdict, size))
    ended = replace(ended, work=landed)
    flag = (started.feature.id, True) if verdict.outcome is Outcome.LANDED else None
    past = context.history(tip).of(started.feature)
    lines = (
        entry_of(ended, context.now(), past.attempts + 1),
        *notes_io.entries(context, candidate.found),
    )
    tree = with_record(
        context,
        tip,
        candidate.tree,
        lines,
        flag,
        notes_io.record(context.project, tip, candidate.found),
    )
    message = outcome.landing_message(ended, verdict, repo.diff(tip, tree))
    try:
        commit = repo.commit(tree, [tip], context.project.secrets.hide(message), sign=context.sign)
    except SigningError:
        # Only the signature is missing: the next session begins with the work.
        kept = repo.commit(
            candidate.tree,
            [candidate.base],
            f"work on {started.feature.id} that could not be signed, from {started.id}",
        )
        repo.set_ref(repo.work_ref(started.feature.id), kept)
        raise
    if not publish(context, commit, tip):
        return None
    repo.delete_ref(repo.work_ref(started.feature.id))
    return replace(ended, work=replace(ended.work, commit=commit))


def carry(
    context: RunContext, started: Started, candidate: Candidate, verdict: Verdict, end: AgentEnd
) -> SessionEnded:
    """Keep work that does not land where the next session finds it, and write down what
    happened."""
    repo = context.project.repo
    candidate = notes_io.with_chances(context, candidate, verdict, started.id)
    ended = outcome.ended(started.id, started.feature, verdict, end, candidate.found)
    ended = phases_io.phase_record(context, started, candidate, verdict, ended)
    ref = repo.work_ref(started.feature.id)
    # The next session would begin with the weakened tests, and be refused for them again.
    tree = context.engine.without_weakened_tests(candidate.base, candidate.tree, verdict)
    if tree == repo.tree_of(candidate.base):
        repo.delete_ref(ref)
    else:
        repo.set_ref(
            ref,
            repo.commit(
                tree, [candidate.base], f"work on {started.feature.id} carried from {started.id}"
            ),
        )
        size = collect_io.size(context.project, candidate.base, tree)
        ended = replace(ended, work=WorkDone(carried=size))
    past = context.history(context.tip()).of(started.feature)
    lines = (
        entry_of(ended, context.now(), past.attempts + 1, past.tried),
        *notes_io.entries(context, candidate.found),
    )
    files = partial(notes_io.record, context.project, found=candidate.found)
    if verdict.outcome is Outcome.HELD:
        held_io.keep(
            context.project, started.id, started.feature, candidate.base, candidate.tree, verdict
        )
    commit = write_down(context, lines, outcome.progress_subject(ended), files=files)
    return replace(ended, work=replace(ended.work, commit=commit))


def land_held(context: RunContext, feature: Feature, session: str, said: Entry) -> str:
    """Land a candidate that was held, by the person's approval: merged onto the tip, judged
    there once more, its flag set.

    What they were asked is not asked again while the candidate changes the same lines. Anything
    else that is held now waits for them anew; what is refused now goes to the next session.
    """
    repo, known = context.project.repo, held_io.find(context.project.repo, session)
    while True:
        tip = commit_plan_edits(context)
        merged = repo.merge(tip, session_ref(session))
        if merged.conflicts:
            where = ", ".join(merged.conflicts[:3])
            return back(
                context,
                feature,
                said,
                f"the branch changed the same lines ({where}); the next session begins with the"
                " merge",
            )
        # The person saw these lines: an approval of other ones is none.
        approved = known.asked if held_io.same_patch(repo, known, tip, merged.tree) else NOTHING
        verdict = context.engine.examine(
            tip, merged.tree, feature, (), finished=True, approved=approved
        )
        if verdict.outcome is Outcome.HELD:
            held_io.keep(context.project, session, feature, tip, merged.tree, verdict, approved)
            asks = f"held again on the branch as it is now: {first(verdict, Ruling.HOLD)}"
            note = replace(said, word="note", title=line(f"approve: {asks}"))
            write_down(context, (note,), f"progress: {feature.id} held again")
            return asks
        if verdict.outcome not in LANDS:
            return back(
                context,
                feature,
                said,
                f"on the branch as it is now: {first(verdict, Ruling.REJECT)}",
            )
        message = context.project.secrets.hide(
            outcome.approved_message(feature, session, verdict, approved)
        )
        commit = repo.commit(
            with_record(context, tip, merged.tree, (said,), (feature.id, True)),
            [tip],
            message,
            sign=context.sign,
        )
        if publish(context, commit, tip):
            repo.delete_ref(repo.work_ref(feature.id))
            return "landed"


def back(context: RunContext, feature: Feature, said: Entry, why: str) -> str:
    """Write into the record why an approval could not be followed, which the next session is
    told."""
    told = decision("approve", f"but it does not land, {why}", feature, said.at)
    write_down(context, (replace(told, details=said.details),), f"progress: {feature.id} approve")
    return f"does not land, {why}"


def first(verdict: Verdict, ruling: Ruling) -> str:
    """Return the first reason of a kind, with what it names."""
    found = next((reason for reason in verdict.reasons if reason.ruling is ruling), None)
    return (
        line(": ".join((found.says, ", ".join(found.detail[:3])))).rstrip(": ")
        if found
        else str(verdict.outcome)
    )


def undone(context: RunContext, landed: Commit) -> Callable[[str], Merged]:
    """For any tip: the tip without what one landing changed, its plan and record aside."""
    repo, project = context.project.repo, context.project
    kept = repo.files(landed.id)
    recorded = matcher((project.plan, project.progress, project.path("findings"), project.sheets))
    changed = (change.path for change in repo.diff(f"{landed.id}^", landed.id))
    record = {path: kept.get(path) for path in changed if recorded(path)}
    before = repo.commit(
        repo.tree_with(f"{landed.id}^", record), [landed.id], f"before {landed.subject}"
    )
    return lambda tip: repo.merge(tip, before)
