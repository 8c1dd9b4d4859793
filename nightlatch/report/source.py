"""What a report is built from: the branch's record and commits, and the journal's times."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from nightlatch.record.findings.findings import Finding
from nightlatch.record.progress import (
    SESSION_WORDS,
    Entry,
    Item,
    RunEnd,
    RunStart,
    line,
)
from nightlatch.report.model import FileStat
from nightlatch.scheduler.status import PlanStatus

MOST_COMMAND = 8_000  # a command that is cut is no command


SLIPPED = "slipped: "  # how the title of a note begins by which the loop takes a flag back


STOPS = {
    "0": "ended",
    "3": "needs you",
    "4": "fault",
    "5": "red",
    "75": "limited",
    "130": "signal",
    "143": "signal",
}


_SESSION = re.compile(r"session (\S+)  digest ([0-9a-f]{6})")


_RUN = re.compile(r"r-(\d{8}-\d{6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedCommit:
    """The commit that a session landed as: its files (None where they were not looked at), its
    trailers without their prefix."""

    commit: str
    trailers: Mapping[str, str]
    changes: tuple[FileStat, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalTimes:
    """What the journal on this machine adds to the record: all of it is empty in a fresh clone."""

    began: Mapping[str, datetime] = field(default_factory=dict)
    agents: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    limits: tuple[tuple[datetime, str], ...] = ()
    slept: tuple[tuple[datetime, datetime], ...] = ()
    stops: Mapping[str, tuple[str, str, datetime]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchTip:
    """The branch, the commit that it names, and how many commits are not pushed (None: it is
    pushed nowhere)."""

    name: str
    tip: str
    unpushed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsNow:
    """The findings that the chosen time touched, and the ids of those that the code has left
    behind."""

    known: tuple[Finding, ...] = ()
    stale: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestRun:
    """The run at work ("" for none), or the end that is about to be written of it."""

    going: str = ""
    end: RunEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Everything a report is made of: the record's items, the plan as it stands, the commits that
    sessions landed as, and what this machine knows beside them."""

    project: str
    program: str
    branch: BranchTip
    items: tuple[Item, ...]
    survey: PlanStatus
    landings: Mapping[str, LandedCommit] = field(default_factory=dict)
    times: JournalTimes = field(default_factory=JournalTimes)
    findings: FindingsNow = field(default_factory=FindingsNow)
    latest: LatestRun = field(default_factory=LatestRun)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run of the record: what opened it, what closed it (None: nothing did), and its
    entries."""

    run: str = ""
    start: RunStart | None = None
    end: RunEnd | None = None
    entries: tuple[Entry, ...] = ()


def nights(items: Iterable[Item]) -> list[RunRecord]:
    """Return the runs of a record, oldest first; what stands before the first one belongs to a run
    without a name."""
    found, entries = [RunRecord()], list[Entry]()
    for item in items:
        # a run that was killed has no end: the next one's start closes it
        if isinstance(item, RunStart):
            found[-1] = replace(found[-1], entries=tuple(entries))
            found.append(RunRecord(run=item.run, start=item))
            entries = []
        elif isinstance(item, RunEnd):
            found[-1] = replace(found[-1], run=found[-1].run or item.run, end=item)
        elif isinstance(item, Entry):
            entries.append(item)
    found[-1] = replace(found[-1], entries=tuple(entries))
    return [night for night in found if night.run or night.entries]


def chosen(items: Iterable[Item], run: str = "", since: datetime | None = None) -> list[RunRecord]:
    """Return the last run with those before it that were cut off, for it goes on with them; or the
    run of this name; since a moment, what happened in all of them."""
    found = [night for night in nights(items) if run in ("", night.run)]
    if since is None:
        return last_with_interrupted(found) if not run else found[-1:]
    kept = (
        replace(night, entries=tuple(entry for entry in night.entries if entry.at >= since))
        for night in found
    )
    return [night for night in kept if night.entries or (began(night) or since) > since]


def last_with_interrupted(found: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the last of these runs, with those directly before it that did not come to their
    end."""
    first = len(found) - 1
    while first > 0 and found[first - 1].end is None and found[first - 1].start:
        first -= 1
    return [*found[max(first, 0) :]]


def began(night: RunRecord) -> datetime | None:
    """Return when a run began: its name says so."""
    found = _RUN.match(night.run)
    try:
        return (
            datetime.strptime(found[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
            if found
            else night.entries[0].at
        )
    except (ValueError, IndexError):
        return None


def _proof(landing: LandedCommit) -> Iterator[str]:
    """Yield what proved it, as its commit says."""
    for name in ("Verify", "Checks", "Tests", "Judge", "Approved"):
        if value := landing.trailers.get(name):
            yield f"{name.lower()} {line(value, 160)}"


def is_slip(entry: Entry) -> bool:
    """Does this note take a flag back that the loop had given?"""
    return entry.word == "note" and entry.title.startswith(SLIPPED)


def is_of(entry: Entry, feature: str, digest: str) -> bool:
    """Is this a session on the feature as it stands now?"""
    found = (
        _SESSION.fullmatch(entry.details[-1])
        if entry.feature == feature and entry.details
        else None
    )
    return entry.word in SESSION_WORDS and found is not None and found[2] == digest
