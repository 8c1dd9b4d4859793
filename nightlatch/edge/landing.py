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

from nightlatch.core import closing, planfile
from nightlatch.core.approvals import NOTHING
from nightlatch.core.globs import matcher
from nightlatch.core.models import (
    LANDS,
    AgentEnd,
    Feature,
    Outcome,
    Plan,
    Ruling,
    SessionEnded,
    Verdict,
)
from nightlatch.core.paths import FILE
from nightlatch.core.progress import SESSION_WORDS, Entry, Item, appended, decision, entry_of, line
from nightlatch.core.text import plain
from nightlatch.edge import checkout, held, notebook, phases, reporting
from nightlatch.edge.commits import Commit
from nightlatch.edge.git import Merged, session_ref
from nightlatch.edge.house import House
from nightlatch.edge.site import Candidate, Site, Started
from nightlatch.edge.spelling import loop_command
from nightlatch.edge.stale import free_refs
from nightlatch.errors import PlanError, RepoError, SigningError

REBASE = 1800.0
Flag: TypeAlias = tuple[str, bool] | None
Files: TypeAlias = Mapping[str, bytes | None]
NO_FILES: Files = MappingProxyType({})


def publish(site: Site, commit: str, parent: str) -> bool:
    """Move the branch from `parent` to `commit`, or say False and leave it: somebody else moved
    it first.

    The journal knows of the commit before the branch does, so a loop killed in between finishes
    here (`finish_publishing`).
    """
    wait_for_rebase(site)
    site.journal.write("publish.started", commit=commit, parent=parent, branch=site.branch)
    moved = site.house.repo.has_all_of(parent, commit) and site.house.repo.advance(
        site.ref, commit, parent
    )
    if moved:
        site.pool.follow(commit)
        bring_checkout(site, parent, commit)
    site.journal.write("publish.ended", commit=commit, moved=moved)
    return moved


def wait_for_rebase(site: Site) -> None:
    """A branch that is being rebased is not moved: its end would put it where the rebase has
    it, without what landed meanwhile.

    Raises RepoError where that takes too long, or a person wants the run to end, with the code of
    their signal; the session is concluded by the next run.
    """
    until, told = time.monotonic() + REBASE, False
    while checkout.rebasing(site.house.repo, site.branch):
        if time.monotonic() > until or site.signals.asked:
            fix = "git rebase --continue, or git rebase --abort; then run again"
            waited = RepoError(
                f"{site.branch} is being rebased, so nothing can land",
                place=str(site.house.repo.top),
                fix=fix,
            )
            waited.exit = site.signals.code or waited.exit
            raise waited
        if not told:
            site.console.say(
                "waiting",
                f"{site.branch} is being rebased in your checkout; this goes on when that is over",
            )
        told = True
        site.signals.pause(0.2)


def finish_publishing(site: Site) -> None:
    """What a killed loop left between moving the branch and moving the checkout."""
    left = site.journal.state.publishing
    free_refs(site.house.repo, site.ref)
    if not left:
        return
    began = datetime.fromisoformat(str(left["at"])).timestamp()
    commit, parent, tip = str(left["commit"]), str(left["parent"]), site.tip()
    moved = left.get("branch") == site.branch and site.house.repo.is_ancestor(commit, tip)
    if moved:
        bring_checkout(site, parent, commit, began)
    site.journal.write("publish.ended", commit=commit, moved=moved)


def bring_checkout(site: Site, old: str, new: str, since: float | None = None) -> None:
    """Move the person's checkout along; where they edited what landed, both are brought
    together, and a conflict is said."""
    house = site.house
    synced = checkout.sync(
        house.repo, site.branch, old, new, texts=house.texts, logs=(house.progress,), since=since
    )
    for path in synced.conflicts:
        says = (
            f"{plain(path)}: your edit and what landed change the same lines, and git status shows"
            " the conflict"
        )
        site.console.say(
            "checkout", f"{says}; yours alone: git checkout --theirs -- {quote(plain(path))}"
        )
    if synced.stays:
        site.console.say(
            "checkout",
            f"{len(synced.stays)} files could not be moved in your checkout; later:"
            f" {loop_command()} sync",
        )


def write_down(
    site: Site,
    items: tuple[Item, ...],
    message: str,
    *,
    flag: Flag = None,
    tree: Callable[[str], str] | None = None,
    files: Callable[[str], Files] = lambda _tip: NO_FILES,
) -> str:
    """One commit on the branch's tip with these lines in progress.txt, and with it a done-flag,
    files or another tree. Returns its id."""
    while True:
        tip = site.tip()
        onto = (tree or site.house.repo.tree_of)(tip)
        whole = with_record(site, tip, onto, items, flag, files(tip))
        commit = site.house.repo.commit(
            whole, [tip], site.house.secrets.hide(message), sign=site.sign
        )
        if publish(site, commit, tip):
            return commit


def with_record(
    site: Site,
    tip: str,
    tree: str,
    items: tuple[Item, ...],
    flag: Flag = None,
    files: Files = NO_FILES,
) -> str:
    """The tree with the tip's progress plus these lines, with the tip's plan, one flag of it
    changed, and with these files of the record.

    A file of None is taken away; paths are the repository's.
    """
    house = site.house
    items = tuple(hidden(house, item) for item in items)
    notes, sheets = phases.sheets(site, tip, items, flag[0] if flag and flag[1] else "")
    items, files = (*items, *notes), {**files, **sheets}
    text = site.progress_text(tip)
    head = (site.run_start(tip),) if site.run and not site.run_is_open(tip) else ()
    told = text + appended(text, (*head, *items)) if items else text
    whole = {**files, **({house.progress: told.encode("utf-8", "surrogateescape")} if told else {})}
    if flag:
        whole[house.plan] = planfile.set_done(
            house.repo.read(tip, house.plan) or b"", house.plan, *flag, *house.reading
        )
    return house.repo.tree_with(
        tree,
        {
            path: None if data is None else (FILE, house.repo.write_blob(data))
            for path, data in whole.items()
        },
    )


def hidden(house: House, item: Item) -> Item:
    """An entry of the record without what is secret in its details, or in what a person said."""
    if not isinstance(item, Entry):
        return item
    hide = house.secrets.hide
    title = item.title if item.word in SESSION_WORDS else hide(item.title)
    return replace(item, title=title, details=tuple(map(hide, item.details)))


def commit_plan_edits(site: Site) -> str:
    """Commit what the person changed in the plan, as its own commit, and return the tip.

    A flag that a landing set since the last look is kept: the edit was begun on the text before it.
    A plan that cannot be read stays where it is, and the last good one in force.
    """
    house = site.house
    edit, tip = checkout.plan_edit(house.repo, site.branch, house.plan), site.tip()
    ancestor, known = site.memory.plan_seen, house.repo.read(tip, house.plan)
    site.memory.plan_seen = known
    if edit is None:
        return tip
    try:
        planfile.read(edit.data, house.plan, *house.reading)
        text = planfile.carry_flags(
            ancestor or edit.ancestor or b"", known or b"", edit.data, house.plan, *house.reading
        )
    except PlanError as error:
        site.console.say(
            "plan", f"kept as it was, because {error.problem.splitlines()[0]} ({error.place})"
        )
        return tip
    if text == known:
        checkout.put_back(house.repo, house.plan, edit.seen, text)
        return tip
    old, new = (
        readable(known, house.plan, *house.reading),
        planfile.read(text, house.plan, *house.reading),
    )
    subject = planfile.describe(old, new)
    notes, sheets = phases.edited(site, tip, old, new)
    tree = house.repo.tree_with(tip, {house.plan: (edit.mode, house.repo.write_blob(text))})
    tree = with_record(site, tip, tree, notes, files=sheets) if sheets else tree
    commit = house.repo.commit(tree, [tip], subject, sign=site.sign)
    checkout.put_back(house.repo, house.plan, edit.seen, text)
    if not publish(site, commit, tip):
        return commit_plan_edits(site)
    site.memory.plan_seen = text
    site.console.say("plan", subject)
    return commit


def readable(data: bytes | None, path: str, tag: str, words: tuple[str, ...]) -> Plan | None:
    """A plan that was committed once, None where it is gone or broken."""
    try:
        return None if data is None else planfile.read(data, path, tag, words)
    except PlanError:
        return None


def land(
    site: Site, started: Started, candidate: Candidate, verdict: Verdict, end: AgentEnd
) -> SessionEnded | None:
    """Advance the branch by one commit: code, flag and progress together.

    None when the branch has moved: look again.
    """
    repo = site.house.repo
    tip = commit_plan_edits(site)
    if tip != candidate.base:
        return None
    candidate = notebook.with_chances(site, candidate, verdict, started.id)
    ended = closing.ended(started.id, started.feature, verdict, end, candidate.found)
    ended = phases.told(site, started, candidate, verdict, ended)
    ended = replace(
        ended,
        done=closing.done(
            started.feature, verdict, reporting.size(site.house, tip, candidate.tree)
        ),
    )
    flag = (started.feature.id, True) if verdict.outcome is Outcome.LANDED else None
    past = site.history(tip).of(started.feature)
    lines = (
        entry_of(ended, site.now(), past.attempts + 1),
        *notebook.entries(site, candidate.found),
    )
    tree = with_record(
        site, tip, candidate.tree, lines, flag, notebook.record(site.house, tip, candidate.found)
    )
    message = closing.landing_message(ended, verdict, repo.diff(tip, tree))
    try:
        commit = repo.commit(tree, [tip], site.house.secrets.hide(message), sign=site.sign)
    except SigningError:
        kept = repo.commit(
            candidate.tree,
            [candidate.base],
            f"work on {started.feature.id} that could not be signed, from {started.id}",
        )
        repo.set_ref(repo.work_ref(started.feature.id), kept)
        raise
    if not publish(site, commit, tip):
        return None
    repo.delete_ref(repo.work_ref(started.feature.id))
    return replace(ended, commit=commit)


def carry(
    site: Site, started: Started, candidate: Candidate, verdict: Verdict, end: AgentEnd
) -> SessionEnded:
    """Keep work that does not land where the next session finds it, and write down what
    happened."""
    repo = site.house.repo
    candidate = notebook.with_chances(site, candidate, verdict, started.id)
    ended = closing.ended(started.id, started.feature, verdict, end, candidate.found)
    ended = phases.told(site, started, candidate, verdict, ended)
    ref = repo.work_ref(started.feature.id)
    tree = site.engine.without_weakened_tests(candidate.base, candidate.tree, verdict)
    if tree == repo.tree_of(candidate.base):
        repo.delete_ref(ref)
    else:
        repo.set_ref(
            ref,
            repo.commit(
                tree, [candidate.base], f"work on {started.feature.id} carried from {started.id}"
            ),
        )
        ended = replace(ended, carried=reporting.size(site.house, candidate.base, tree))
    past = site.history(site.tip()).of(started.feature)
    lines = (
        entry_of(ended, site.now(), past.attempts + 1, past.tried),
        *notebook.entries(site, candidate.found),
    )
    files = partial(notebook.record, site.house, found=candidate.found)
    if verdict.outcome is Outcome.HELD:
        held.keep(site.house, started.id, started.feature, candidate.base, candidate.tree, verdict)
    commit = write_down(site, lines, closing.progress_subject(ended), files=files)
    return replace(ended, commit=commit)


def land_held(site: Site, feature: Feature, session: str, said: Entry) -> str:
    """Land a candidate that was held, by the person's approval: merged onto the tip, judged
    there once more, its flag set.

    What they were asked is not asked again while the candidate changes the same lines. Anything
    else that is held now waits for them anew; what is refused now goes to the next session.
    """
    repo, known = site.house.repo, held.find(site.house.repo, session)
    while True:
        tip = commit_plan_edits(site)
        merged = repo.merge(tip, session_ref(session))
        if merged.conflicts:
            where = ", ".join(merged.conflicts[:3])
            return back(
                site,
                feature,
                said,
                f"the branch changed the same lines ({where}); the next session begins with the"
                " merge",
            )
        approved = known.asked if held.same_patch(repo, known, tip, merged.tree) else NOTHING
        verdict = site.engine.examine(
            tip, merged.tree, feature, (), finished=True, approved=approved
        )
        if verdict.outcome is Outcome.HELD:
            held.keep(site.house, session, feature, tip, merged.tree, verdict, approved)
            asks = f"held again on the branch as it is now: {first(verdict, Ruling.HOLD)}"
            note = replace(said, word="note", title=line(f"approve: {asks}"))
            write_down(site, (note,), f"progress: {feature.id} held again")
            return asks
        if verdict.outcome not in LANDS:
            return back(
                site, feature, said, f"on the branch as it is now: {first(verdict, Ruling.REJECT)}"
            )
        message = site.house.secrets.hide(
            closing.approved_message(feature, session, verdict, approved)
        )
        commit = repo.commit(
            with_record(site, tip, merged.tree, (said,), (feature.id, True)),
            [tip],
            message,
            sign=site.sign,
        )
        if publish(site, commit, tip):
            repo.delete_ref(repo.work_ref(feature.id))
            return "landed"


def back(site: Site, feature: Feature, said: Entry, why: str) -> str:
    """The approval stands in the record with why it could not be followed, which the next
    session is told."""
    told = decision("approve", f"but it does not land, {why}", feature, said.at)
    write_down(site, (replace(told, details=said.details),), f"progress: {feature.id} approve")
    return f"does not land, {why}"


def first(verdict: Verdict, ruling: Ruling) -> str:
    """The first reason of a kind, with what it names."""
    found = next((reason for reason in verdict.reasons if reason.ruling is ruling), None)
    return (
        line(": ".join((found.says, ", ".join(found.detail[:3])))).rstrip(": ")
        if found
        else str(verdict.outcome)
    )


def undone(site: Site, landed: Commit) -> Callable[[str], Merged]:
    """For any tip: the tip without what one landing changed, its plan and record aside."""
    repo, house = site.house.repo, site.house
    kept, recorded = (
        repo.files(landed.id),
        matcher((house.plan, house.progress, house.path("findings"), house.sheets)),
    )
    changed = (change.path for change in repo.diff(f"{landed.id}^", landed.id))
    record = {path: kept.get(path) for path in changed if recorded(path)}
    before = repo.commit(
        repo.tree_with(f"{landed.id}^", record), [landed.id], f"before {landed.subject}"
    )
    return lambda tip: repo.merge(tip, before)
