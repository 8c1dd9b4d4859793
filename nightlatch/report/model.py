"""The morning as one frozen value, from which every view is drawn, and the sums over its sessions.

Numbers are the loop's. What somebody else wrote is one printable line each, so no view needs to
know whose it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from nightlatch.model.models import LANDS
from nightlatch.plan.interpretations import few
from nightlatch.suite.test_names import is_reported_test

BROKEN = {
    "fault": "Stopped by a fault.",
    "red": "The branch itself is red.",
    "error": "Stopped by an error.",
    "cut off": "The run was cut off.",
    "going": "The run is still going.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStat:
    """Lines that came in and went out of one file; a file that is not text has none."""

    path: str
    added: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Why a landing is worth a person's eyes: by rule, never by an agent's word.

    The heavier, the sooner.
    """

    rule: str
    says: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """One session as a row.

    `said` are the lines of the record on it; `then` is what happened next to its feature.

    `listed`: a subscription paid, and its dollars are a list price.
    """

    id: str
    feature: str
    digest: str
    title: str
    outcome: str
    rule: str
    said: tuple[str, ...]
    tries: int | None
    began: datetime
    ended: datetime
    minutes: int | None
    usd: float | None
    listed: bool = False
    agent: str = ""
    model: str = ""
    then: str = ""
    commit: str = ""
    changes: tuple[FileStat, ...] | None = None
    proof: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()

    @property
    def lines(self) -> tuple[int, int, int, int]:
        """Lines in and out of all files, and of files of tests."""
        all_of, tests = (
            self.changes or (),
            [change for change in self.changes or () if is_reported_test(change.path)],
        )
        return (
            sum(c.added for c in all_of),
            sum(c.removed for c in all_of),
            sum(c.added for c in tests),
            sum(c.removed for c in tests),
        )

    @property
    def weight(self) -> int:
        return sum(risk.weight for risk in self.risks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One feature of a decision about several: its landing (`id` is the session's), why it
    waits, and the commands for it alone."""

    feature: str
    title: str
    question: str
    id: str
    commit: str
    proof: tuple[str, ...]
    changes: tuple[FileStat, ...] | None
    command: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the person is asked, and whose words that is; `says` is all of it in one line."""

    by: str
    text: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The command that gives a decision, the one for the opposite ("" for none), and the other way
    to decide: an edit of the plan."""

    command: str
    other: str
    otherwise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSoFar:
    """The sessions on what a decision is about: their number, their dollars (None: none reported
    any), and the one that is asked about, which landed as `commit` where it did; `checked` is what
    was run on its work."""

    sessions: int = 0
    usd: float | None = None
    session: str = ""
    commit: str = ""
    checked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingDecision:
    """One decision that waits; one about several features has them as `parts`, and `holds_up` are
    the features that wait behind it."""

    name: str
    feature: str
    title: str
    kind: str
    question: Question
    answers: Answers
    holds_up: tuple[str, ...]
    work: WorkSoFar
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision of the person since the run ended, or one that no run has carried out yet."""

    feature: str
    title: str
    verb: str
    carried_out: bool

    @property
    def state(self) -> str:
        return "carried out" if self.carried_out else "waits for the run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A finding that the chosen time touched: how it stands now, whose word that is, and the
    sessions that went by it."""

    id: str
    state: str
    claim: str
    by: str
    next: str
    reused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sessions added up under one name: a feature, or an agent with its model.

    `unknown` are those that reported no cost.
    """

    name: str
    model: str = ""
    sessions: int = 0
    landed: int = 0
    refused: int = 0
    stopped: int = 0
    usd: float = 0.0
    lost: float = 0.0
    unknown: int = 0
    minutes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """The runs that the report is about: their names, when they began and ended, and how the last
    one ended.

    `kind` is one of: ended, needs you, fault, red, limited, signal, error, cut off, going, "" for
    no run. `stop` is its sentence, `fix` the command against it, `base` the commit before.
    """

    names: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    kind: str
    stop: str
    fix: str
    base: str
    budget: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchFacts:
    """The branch as it is now: what its tests came to, and how many commits are not pushed (None:
    it is pushed nowhere)."""

    name: str
    tip: str
    tests: str
    unpushed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassingFeatures:
    """How many features passed before the runs and pass now, of how many; `burnup` is when how
    many passed."""

    before: int
    now: int
    total: int
    burnup: tuple[tuple[datetime, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """What waits for the person, what the person has decided, and what the next run would do, each
    as (sentence, command)."""

    pending: tuple[PendingDecision, ...]
    decided: tuple[Decided, ...]
    next: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The morning: `waits` are pauses of at least five minutes and why; `missing` are sentences
    about what this machine does not know."""

    project: str
    program: str
    run: RunFacts
    branch: BranchFacts
    passing: PassingFeatures
    asks: Asks
    sessions: tuple[SessionReport, ...]
    waits: tuple[tuple[datetime, datetime, str], ...]
    findings: tuple[Known, ...]
    missing: tuple[str, ...]

    @property
    def apart(self) -> "Report":
        """The same without the sessions that its decisions are about: a page tells each thing
        once."""
        pending = self.asks.pending
        asked = {each.work.session for each in pending} | {part.id for part in self.parts}
        # the decision about a worn-out feature tells its refusals
        worn_out = {each.feature for each in pending if each.kind == "worn out"}
        told = asked | {
            one.id for one in self.sessions if one.outcome == "rejected" and one.feature in worn_out
        }
        return replace(self, sessions=tuple(one for one in self.sessions if one.id not in told))

    def of(self, *outcomes: str) -> tuple[SessionReport, ...]:
        return tuple(session for session in self.sessions if session.outcome in outcomes)

    @property
    def landed(self) -> tuple[SessionReport, ...]:
        """Riskiest first; among equals the larger change."""
        return riskiest(self.of("landed"))

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(part for each in self.asks.pending for part in each.parts)

    @property
    def read(self) -> tuple[SessionReport, ...]:
        """What is worth reading first: unproved work, and the riskiest of what landed."""
        return (*self.of("unproved"), *riskiest(one for one in self.of("landed") if one.risks))

    @property
    def totals(self) -> Totals:
        return tally("", self.sessions)

    @property
    def list_price(self) -> float:
        """What subscriptions would have cost by the use."""
        return sum(one.usd or 0.0 for one in self.sessions if one.listed)

    @property
    def features(self) -> tuple[Totals, ...]:
        """What each feature cost, dearest first; where nobody tells a cost, longest first."""
        found = grouped(self.sessions, lambda one: (one.feature, ""))
        return tuple(sorted(found, key=lambda each: (-each.usd, -each.minutes)))

    @property
    def agents(self) -> tuple[Totals, ...]:
        return grouped(self.sessions, lambda one: (one.agent or "unknown", one.model))

    @property
    def verdict(self) -> tuple[str, ...]:
        """The first line, sentence by sentence; a fault comes first."""
        return tuple(self._verdict())

    def _verdict(self) -> Iterator[str]:
        landed, unproved = len(self.of("landed")), len(self.of("unproved"))
        refused, asks = len(self.of("rejected")), len(self.asks.pending)
        if self.run.kind in BROKEN:
            yield BROKEN[self.run.kind]
        if landed:
            yield f"{landed} landed."
        elif not unproved:
            anything_ran = self.run.names or self.sessions
            yield "Nothing landed." if anything_ran else "No run on record."
        if unproved:
            yield f"{unproved} landed unproved."
        if asks:
            yield f"{asks} decision{'s need' if asks > 1 else ' needs'} you."
        if refused:
            yield f"{refused} attempt{'s' * (refused > 1)} rejected."


def on_clocks(report: Report, zone: tzinfo) -> Report:
    """Return the report with its times in this zone."""

    def at(moment: datetime | None) -> datetime | None:
        return moment and moment.astimezone(zone)

    return replace(
        report,
        run=replace(report.run, start=at(report.run.start), end=at(report.run.end)),
        passing=replace(
            report.passing,
            burnup=tuple(
                (moment.astimezone(zone), count) for moment, count in report.passing.burnup
            ),
        ),
        sessions=tuple(
            replace(one, began=one.began.astimezone(zone), ended=one.ended.astimezone(zone))
            for one in report.sessions
        ),
        waits=tuple(
            (since.astimezone(zone), until.astimezone(zone), why)
            for since, until, why in report.waits
        ),
    )


def size(changes: Sequence[FileStat] | None) -> str:
    """Return what changed, in a few words: "+11 -0 in shop.py, test_total.py"; "" where nothing
    did, or nobody knows."""
    if not changes:
        return ""
    added, removed = sum(each.added for each in changes), sum(each.removed for each in changes)
    return f"+{added} -{removed} in {few(each.path for each in changes)}"


def riskiest(sessions: Iterable[SessionReport]) -> tuple[SessionReport, ...]:
    return tuple(
        sorted(
            sessions,
            key=lambda one: (
                -one.weight,
                -sum(change.added + change.removed for change in one.changes or ()),
            ),
        )
    )


def tally(name: str, sessions: Iterable[SessionReport], model: str = "") -> Totals:
    """Return these sessions added up under a name."""
    rows = [*sessions]
    outcomes = Counter(one.outcome for one in rows)
    return Totals(
        name=name,
        model=model,
        sessions=len(rows),
        landed=sum(outcomes[word] for word in LANDS),
        refused=outcomes["rejected"],
        stopped=outcomes["interrupted"] + outcomes["failed"],
        usd=round(sum(map(paid, rows), 0.0), 2),
        lost=round(sum((paid(one) for one in rows if one.outcome not in LANDS), 0.0), 2),
        unknown=sum(one.usd is None for one in rows),
        minutes=sum(one.minutes or 0 for one in rows),
    )


def paid(session: SessionReport) -> float:
    """Return the dollars that were paid for a session."""
    # a list price was never paid: a subscription was
    return 0.0 if session.listed else session.usd or 0.0


def grouped(
    sessions: Iterable[SessionReport], key: Callable[[SessionReport], tuple[str, str]]
) -> tuple[Totals, ...]:
    """Sessions added up by (name, model)."""
    groups: dict[tuple[str, str], list[SessionReport]] = {}
    for one in sessions:
        groups.setdefault(key(one), []).append(one)
    return tuple(tally(name, found, model) for (name, model), found in groups.items())
