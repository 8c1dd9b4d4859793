"""What a report is made of, gathered without writing anything: the branch's record and commits,
the journal, the findings."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from nightlatch.errors import RepoError, UsageError
from nightlatch.git import queries
from nightlatch.git.command import words
from nightlatch.git.log import Commit
from nightlatch.git.repo import session_ref
from nightlatch.journal import events as lines
from nightlatch.journal import file_io, read_io
from nightlatch.journal.file_io import store_of
from nightlatch.project.project import Project, readable
from nightlatch.record.findings.findings import ID, Finding
from nightlatch.record.history import named
from nightlatch.record.progress import Entry, Item, RunEnd, line
from nightlatch.report import model, status_io
from nightlatch.report.build import build
from nightlatch.report.model import FileStat, Report
from nightlatch.report.pending import reaching
from nightlatch.report.source import (
    BranchTip,
    FindingsNow,
    JournalTimes,
    LandedCommit,
    LatestRun,
    RunRecord,
    Source,
    chosen,
    nights,
)
from nightlatch.scheduler.status import PlanStatus
from nightlatch.util.globs import matcher

EVENTS = (
    *("session.started", "agent.ended", "limit.met"),
    *("run.started", "run.ended", "machine.slept"),
)
BROKE = ("4", "5", "70")
# The page has to open on a phone: what it embeds is bounded, whatever a night left.
MOST_COMMITS = 400
MOST_FINDINGS = 60
MOST_PICTURES, PICTURE_BYTES, MOST_PATHS = 8, 300_000, 100
# a path may hold tabs and line ends
COUNTED = re.compile(r"\s*([0-9a-f]{40,64})?\s*(?:(\d+|-)\t(\d+|-)\t(.+))?", re.DOTALL)
PLAIN_NAME = re.compile(r"[\w-]+")
KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif"}
Picture: TypeAlias = tuple[str, str, bytes]


def report(
    project: Project,
    program: str,
    run: str = "",
    since: datetime | None = None,
    meanwhile: Callable[[], object] = bool,
) -> Report:
    """Return the last run, the run of this name, or all since a moment.

    Raises UsageError for a run that is not on record.

    `meanwhile` is done while git goes through the commits, which takes as long as much else here.
    """
    seen = status_io.glance(project)
    picked = chosen(seen.items, run, since)
    known = [night.run for night in nights(seen.items) if night.run]
    if run and run not in known:
        raise _not_found(project, run, known)
    times, last = journal_of(project, {night.run for night in picked})
    going = last if read_io.holder(project) else ""
    nothing_chosen = not run and not since
    if nothing_chosen and last and last not in known:
        broke = times.stops.get(last, ("",))[0] in BROKE
        if going or broke or not picked:
            # it has left nothing on the branch, and says more than the run before it
            picked = [RunRecord(run=last)]
    with landings(project, seen.tip, reaching(seen.items, picked, seen.survey.together)) as landed:
        # git goes through the commits beside this
        survey = seen.survey
        meanwhile()
        at = (seen.branch, seen.tip)
        facts = source(project, at, survey, seen.items, picked, program, landed)
    unread = (seen.unread,) if seen.unread else ()
    latest = LatestRun(going=going)
    facts = replace(facts, times=times, latest=latest, missing=(*unread, *facts.missing))
    return build(facts, picked)


def _not_found(project: Project, run: str, known: Sequence[str]) -> UsageError:
    names = ", ".join(line(name, 40) for name in known[-3:])
    fix = f"one of: {names}" if known else "nightlatch run"
    return UsageError(f"run {line(run, 60)} not found", place=project.progress, fix=fix)


def source(
    project: Project,
    branch: tuple[str, str],
    survey: PlanStatus,
    items: tuple[Item, ...],
    picked: Sequence[RunRecord],
    program: str,
    landed: Callable[[], dict[str, LandedCommit]],
    stop: RunEnd | None = None,
) -> Source:
    """Return everything that these runs have left on a branch (name, tip); what is not on this
    machine is named."""
    name, tip = branch
    here = store_of(project.state).path.is_file() or not picked
    missing = (
        () if here else ("this machine has no journal: agents, models and exact times are unknown",)
    )
    entries = [entry for night in picked for entry in night.entries]
    findings, stale = findings_of(project, tip, entries)
    unpushed = queries.unpushed(project.repo, name)
    return Source(
        project=project.repo.folder.name,
        program=program,
        branch=BranchTip(name=name or "detached HEAD", tip=tip, unpushed=unpushed),
        items=items,
        survey=survey,
        landings=landed(),
        findings=FindingsNow(known=findings, stale=stale),
        latest=LatestRun(end=stop),
        missing=missing,
    )


@contextmanager
def landings(
    project: Project, tip: str, picked: Sequence[RunRecord]
) -> Iterator[Callable[[], dict[str, LandedCommit]]]:
    """What the sessions of these runs landed as, for when git has gone through the commits."""
    if not picked or not tip:
        yield dict
        return
    base = dict(picked[0].start.fields).get("base", "") if picked[0].start else ""
    repo = project.repo
    known = base and repo.ask(
        "rev-parse", "-q", "--verify", "--end-of-options", f"{base}^{{commit}}"
    )
    with repo.log_begun(f"{base}..{tip}" if known else tip) as log:
        yield lambda: landed_as(project, log())


def landed_as(project: Project, log: Iterable[Commit]) -> dict[str, LandedCommit]:
    """By session. Only the last ones' files are looked at, however many there are."""
    commits = [commit for commit in log if "Nightlatch-Session" in commit.trailers]
    # counting lines is what costs: the rows of older sessions do without
    changed = changes(project, [commit.id for commit in commits[:MOST_COMMITS]])
    return {
        commit.trailers["Nightlatch-Session"]: LandedCommit(
            commit=commit.id,
            changes=changed.get(commit.id),
            trailers={
                name.removeprefix("Nightlatch-"): value for name, value in commit.trailers.items()
            },
        )
        for commit in reversed(commits)
    }


def changes(project: Project, commits: Iterable[str]) -> dict[str, tuple[FileStat, ...]]:
    """Lines in and out of each file, the record's own aside, in one git process for all commits."""
    asked = "".join(f"{commit}\n" for commit in commits)
    return counted(project, "--stdin", "--root", stdin=asked.encode()) if asked else {}


def counted(project: Project, *args: str, stdin: bytes = b"") -> dict[str, tuple[FileStat, ...]]:
    """Lines in and out by commit ("" between two trees), as `git diff-tree` counts them; the
    record's own files aside."""
    found: dict[str, list[FileStat]] = {}
    current = ""
    for word in words(
        project.repo.run("diff-tree", "-r", "-z", "--numstat", "--no-renames", *args, stdin=stdin)
    ):
        if (parts := COUNTED.fullmatch(word)) is None:
            continue
        commit, added, removed, path = parts.groups("")
        current = commit or current
        found.setdefault(current, []).extend(
            [FileStat(path=path, added=number(added), removed=number(removed))] if path else []
        )
    own = recorded(project)
    return {
        commit: tuple(change for change in each if not own(change.path))
        for commit, each in found.items()
    }


def size(project: Project, old: str, new: str) -> str:
    """Return what differs between two trees, in a few words."""
    return model.size(counted(project, old, new).get(""))


def recorded(project: Project) -> Callable[[str], bool]:
    """Is a path the loop's own: the plan, or the record?"""
    return matcher(
        filter(None, (project.plan, project.progress, project.path("findings"), project.sheets))
    )


def number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def journal_of(project: Project, runs: Collection[str]) -> tuple[JournalTimes, str]:
    """Return what the journal tells of these runs, and the run that it speaks of last."""
    began: dict[str, datetime] = {}
    agents: dict[str, tuple[str, str]] = {}
    stops: dict[str, tuple[str, str, datetime]] = {}
    limits, slept, session, run = (
        list[tuple[datetime, str]](),
        list[tuple[datetime, datetime]](),
        "",
        "",
    )
    for event in events(project.state, runs):
        text = {
            name: str(event.get(name, ""))
            for name in ("event", "session", "run", "agent", "model", "code", "why")
        }
        at, session = datetime.fromisoformat(str(event["at"])), text["session"] or session
        match text["event"]:
            case "run.started":
                run = text["run"]
            case "run.ended":
                stops[text["run"]] = (text["code"], line(text["why"]), at)
            case "session.started":
                began[session], agents[session] = at, (text["agent"], "")
            case "agent.ended" if session in agents:
                agents[session] = (agents[session][0], text["model"])
            case "limit.met":
                limits.append((at, text["agent"]))
            case "machine.slept":
                slept.append((at - timedelta(seconds=float(str(event["seconds"]))), at))
    return (
        JournalTimes(
            began=began, agents=agents, limits=tuple(limits), slept=tuple(slept), stops=stops
        ),
        run,
    )


def events(state: Path, runs: Collection[str]) -> Iterator[lines.Fields]:
    """Yield the events that a report needs, oldest first, from as many segments as reach back to
    these runs."""
    found: list[lines.Fields] = []
    for segment in store_of(state).segments():
        found = [event for event in file_io.read(segment, EVENTS) if event] + found
        begun = (event.get("run") for event in found if event["event"] == "run.started")
        if not runs or any(name in runs for name in begun):
            break
    yield from found


def findings_of(
    project: Project, tip: str, entries: Iterable[Entry]
) -> tuple[tuple[Finding, ...], frozenset[str]]:
    """Return the findings that these entries name, and which of them the code has left behind."""
    told = [entry.feature for entry in entries if entry.word == "finding"]
    by_name = dict.fromkeys([name for entry in entries for _, name in named(entry.details)] + told)
    asked = [name for name in by_name if ID.fullmatch(name)][-MOST_FINDINGS:]
    texts = {name: project.repo.read(tip, project.finding_path(name)) for name in asked}
    found = tuple(readable(text, name) for name, text in texts.items() if text is not None)
    if not found:
        return (), frozenset()
    from nightlatch.record.findings import staleness_io

    return found, frozenset(
        name
        for name, standing in staleness_io.standings(project.repo, tip, found).items()
        if not standing.fresh
    )


def differences(project: Project, tip: str, shown: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what held work would change, and what landed work has changed, by session; what is
    gone is left out.

    `shown` are sessions, each with the commit that it landed as where that is known.
    """
    found, own, landed = dict[str, str](), recorded(project), None
    for session, known in shown:
        commit = known or project.repo.tip_of(session_ref(session))
        if not commit:
            landed = queries.landings(project.repo, tip) if landed is None else landed
            commit = landed.get(session, "")
        try:
            paths = (
                [
                    change.path
                    for change in project.repo.diff(f"{commit}^", commit)
                    if not own(change.path)
                ][:MOST_PATHS]
                if commit
                else []
            )
            found |= (
                {session: project.repo.difference(f"{commit}^", str(commit), *paths)}
                if paths
                else {}
            )
        # collected by git, or of a clone that never had it: the page does without
        except RepoError:
            continue
    return found


def pictures(project: Project, shown: Iterable[str]) -> dict[str, list[Picture]]:
    """(name, type, bytes) of the pictures that checks left for sessions, before and after where
    they differ; a few, and none large."""
    found: dict[str, list[Picture]] = {}
    left = MOST_PICTURES
    for session in shown:
        # the record is text of a branch: no path comes out of it
        if not PLAIN_NAME.fullmatch(session):
            continue
        before, after = (
            dict(read_pictures(project.state / "sessions" / session / "pictures" / when))
            for when in ("before", "after")
        )
        pairs = [
            (f"{name}, {word}", side.get(name))
            for name in after
            for word, side in (("before", before), ("after", after))
            if before.get(name) != after[name]
        ]
        told = [
            (name, KINDS[name.rpartition(", ")[0][-4:].lower()], data)
            for name, data in pairs
            if data
        ][:left]
        left -= len(told)
        found |= {session: told} if told else {}
    return found


def read_pictures(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (
            file.suffix.lower() in KINDS
            and file.is_file()
            # a link would take a file of the person's onto a page that is shown around
            and not file.is_symlink()
            and file.stat().st_size <= PICTURE_BYTES
        ):
            yield file.name, file.read_bytes()


def when(text: str, now: datetime) -> datetime:
    """Return the moment that `--since` names: a date or a time (UTC where it does not say), or how
    long ago. Raises UsageError."""
    from nightlatch.util.units import duration

    try:
        return now - timedelta(seconds=duration(text))
    except (ValueError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        fix = "give a date (2026-11-20), a time (2026-11-20T22:00) or a duration (12h)"
        says = f"--since {line(text, 40)} is not a date, time or duration"
        raise UsageError(says, fix=fix) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
