"""What the branch remembers of each feature: attempts, waits, answers and costs, replayed from
progress.txt."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property, reduce

from nightlatch.model.models import LANDS, Feature, Outcome
from nightlatch.record import progress as grammar
from nightlatch.record.findings.findings import ID
from nightlatch.record.foreign_progress import ForeignEntry, read
from nightlatch.record.phases import COMPLETE, worked
from nightlatch.record.progress import (
    LIST_PRICE,
    MORE,
    OTHER_WORDS,
    TITLE,
    Entry,
    Item,
    RunEnd,
    RunStart,
    Text,
    billed,
    line,
    numbers,
    question_of,
)

PROGRESS = ("landed", "unproved", "advanced")
# held before any work: there is no candidate that could land
GREEN_ALREADY = "verify.already-green"
WAITING = ("held", "unproved", "blocked")
NO_FAULT_OF_THE_FEATURE = ("agent.limit", "agent.stopped", "loop.crash")
NEVER_AN_ATTEMPT = (
    *NO_FAULT_OF_THE_FEATURE,
    "agent.budget",
    "agent.context",
    "agent.turns",
    "agent.login",
    "agent.credit",
)
FRUITLESS = ("rejected", "interrupted", "failed")
CONFLICT = "land.conflict"
# begins the detail of a decision whose landing could not be undone
NOT_TAKEN_BACK = "not taken back"
STALLS = 2
KEPT = grammar.MOST_TRIED
_FOUND = re.compile(r"\b(confirmed|challenged|added|reused) ([^;]+)")
_MET = re.compile(r"the judge finds (\d+) of \d+ criteria met")
_TAIL = re.compile(r"(?:session (\S+)  )?digest ([0-9a-f]{6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureHistory:
    """What happened to one feature, as long as its id, title and criteria stayed the same.

    attempts: sessions that count against it · continues: sessions in a row that only carried work
    on · waiting: held, unproved or blocked · question: what it waits for, in words · tried: what
    was refused, latest first · sessions: ids, oldest first · ended: how the last one ended, in a
    line · answer: the person's · asked: the question that it answers · fresh: the next session
    starts clean · conflict: the carried work met the branch · held: the session whose candidate is
    kept · approved: it may land · skipped: by the person · landed: the session that landed · given:
    done by the person's word · decided, said: their last decision since the last session, and its
    words · answers: every answer of theirs that is on record · refusals: why they refused work on
    it, latest first, until it lands · carried: there may be work to carry on · stalls, cuts:
    continuations, and sessions cut off, since the last measured progress · met: the most criteria
    that a judge found met · same: refusals in a row by the same rule.
    """

    attempts: int = 0
    continues: int = 0
    waiting: Outcome | None = None
    question: str = ""
    last: Outcome | None = None
    tried: tuple[Entry, ...] = ()
    sessions: tuple[str, ...] = ()
    ended: str = ""
    answer: str = ""
    asked: str = ""
    fresh: bool = False
    conflict: bool = False
    held: str = ""
    approved: bool = False
    skipped: bool = False
    landed: str = ""
    given: bool = False
    decided: str = ""
    said: str = ""
    answers: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    carried: bool = False
    stalls: int = 0
    cuts: int = 0
    met: int = 0
    same: int = 0

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was tried and why it was refused, latest first, one paragraph each."""
        return tuple(_paragraph(entry) for entry in self.tried)


NEW = FeatureHistory()


@dataclass(frozen=True, kw_only=True)
class FeatureRecord:
    """The sessions (with their ids) and decisions of one feature, oldest first, and what they come
    to, which is found when it is first asked for: of thousands on record a plan names a few.

    `before` is what they follow.
    """

    entries: tuple[tuple[Entry, str], ...] = ()
    before: FeatureHistory = NEW

    @cached_property
    def history(self) -> FeatureHistory:
        return reduce(
            lambda past, pair: _session(past, *pair) if pair[1] else _decided(past, pair[0]),
            self.entries,
            self.before,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The dollars that were paid, by run, by UTC day and by minute; `costs` are those of the last
    sessions.

    `run` is the last one. A run that was `cut` off goes on in the next one, which pays for it too.
    """

    runs: Mapping[str, float] = field(default_factory=dict)
    days: Mapping[date, float] = field(default_factory=dict)
    minutes: Mapping[datetime, float] = field(default_factory=dict)
    costs: tuple[float, ...] = ()
    run: str = ""
    cut: bool = False

    def of_run(self, run: str) -> float:
        return self.runs.get(run, self.runs.get(self.run, 0.0) if self.cut else 0.0)

    def on_day(self, day: date) -> float:
        """Dollars of the sessions that ended on this UTC day."""
        return self.days.get(day, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything progress.txt says that decisions stand on; `sessions` maps each recorded
    session to its outcome.

    `records` has what was recorded of each feature, by its id and digest. `phased` has the sessions
    in phases since the last landing, with the decisions between them, by the feature's id.
    `foreign` is what other tools wrote, `used` how many sessions went by a finding, by its id;
    `numbers` are the features by the numbers that the end of the last run gave them. `landings` are
    the last ones, latest first; `faults` the rules of the failed sessions at the very end of the
    current run, `barren` how many sessions at its end came to nothing.
    """

    records: Mapping[tuple[str, str], FeatureRecord] = field(default_factory=dict)
    sessions: Mapping[str, str] = field(default_factory=dict)
    spending: Spending = field(default_factory=Spending)
    landings: tuple[Entry, ...] = ()
    faults: tuple[str, ...] = ()
    barren: int = 0
    phased: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    foreign: tuple[ForeignEntry, ...] = ()
    used: Mapping[str, int] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)

    def phases_of(self, feature: Feature) -> tuple[Entry, ...]:
        """Return what was recorded of the phases of a feature: an edit of its criteria changes
        nothing, another title is another feature."""
        past = self.phased.get(feature.id, ())
        title = line(feature.title, TITLE)
        is_same = any(entry.title == title for entry in past if worked(entry))
        return past if is_same else ()

    def of(self, feature: Feature) -> FeatureHistory:
        record = self.records.get((feature.id, feature.digest))
        return record.history if record else NEW


def after(history: History, item: Item) -> History:
    """Return the history once one more item has been written."""
    return replay((item,), history)


def replay(items: Iterable[Item], history: History | None = None) -> History:
    """Return the history of these items, or of a history and what was appended since."""
    replayed = _Replay(history or History())
    for item in items:
        replayed.read(item)
    return replayed.history()


class _Replay:
    """A history, while items are added to it."""

    def __init__(self, past: History) -> None:
        self._past = past
        self._purse = _Purse(past.spending)
        # By feature, and joined to the records once at the end: thousands of sessions of one
        # feature would else copy its entries at each of them.
        self._added: dict[tuple[str, str], list[tuple[Entry, str]]] = {}
        self._sessions = dict(past.sessions)
        self._used = dict(past.used)
        self._phased = dict(past.phased)
        self._foreign = [*past.foreign]
        self._landings = past.landings
        self._faults = past.faults
        self._barren = past.barren
        self._numbers = past.numbers

    def read(self, item: Item) -> None:
        self._purse.hear(item)
        match item:
            case Text():
                self._foreign += read(item.text)
            case RunStart():
                # Both stop a run that gets nowhere: what an earlier run met must not stop this one.
                self._faults = ()
                self._barren = 0
            case RunEnd():
                self._numbers = numbers(item)
            case Entry():
                self._read_entry(item)

    def _read_entry(self, entry: Entry) -> None:
        tail = _TAIL.fullmatch(entry.details[-1]) if entry.details else None
        if tail is None:
            return
        session, digest = tail[1], tail[2]
        _phased(self._phased, entry)
        if entry.word == "decision":
            self._added.setdefault((entry.feature, digest), []).append((entry, ""))
        elif entry.word not in OTHER_WORDS and session:
            self._added.setdefault((entry.feature, digest), []).append((entry, session))
            self._read_session(entry, session)

    def _read_session(self, entry: Entry, session: str) -> None:
        self._sessions[session] = entry.word
        for word, name in named(entry.details):
            if word == "reused":
                self._used[name] = self._used.get(name, 0) + 1
        self._purse.pay(entry)
        if entry.word in LANDS:
            self._landings = (entry, *self._landings)[:KEPT]
        self._faults = (*self._faults, entry.rule)[-KEPT:] if entry.word == "failed" else ()
        if entry.word not in FRUITLESS:
            self._barren = 0
        # A limit or a login is no sign that work comes to nothing: it neither counts nor resets.
        elif entry.rule not in NEVER_AN_ATTEMPT:
            self._barren += 1

    def history(self) -> History:
        records = dict(self._past.records)
        for key, added in self._added.items():
            record = records.get(key, FeatureRecord())
            records[key] = replace(record, entries=(*record.entries, *added))
        return History(
            records=records,
            sessions=self._sessions,
            spending=self._purse.spending(),
            landings=self._landings,
            faults=self._faults,
            barren=self._barren,
            phased=self._phased,
            foreign=tuple(self._foreign),
            used=self._used,
            numbers=self._numbers,
        )


def named(details: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(word, id) of each finding that the lines of a session name (`CheckedNote.summary`)."""
    lists = (
        found
        for detail in details
        if detail.startswith("findings: ")
        for found in _FOUND.findall(detail)
    )
    return ((word, name) for word, names in lists for name in ID.findall(names))


class _Purse:
    """The dollars of a history, while it is replayed."""

    def __init__(self, past: Spending) -> None:
        self.runs = dict(past.runs)
        self.days = dict(past.days)
        self.minutes = dict(past.minutes)
        self.costs = past.costs
        self.run = past.run
        self.cut = past.cut

    def hear(self, item: Item) -> None:
        if isinstance(item, RunStart):
            # The budget of a run that was cut off goes on: a crash buys no second budget.
            self.runs[item.run] = self.runs.get(self.run, 0.0) if self.cut else 0.0
            self.run = item.run
            self.cut = True
        elif isinstance(item, RunEnd):
            self.cut = False

    def pay(self, entry: Entry) -> None:
        usd = billed(entry) or 0.0
        minute = entry.at
        day = entry.at.date()
        self.runs[self.run] = self.runs.get(self.run, 0.0) + usd
        self.days[day] = self.days.get(day, 0.0) + usd
        self.minutes[minute] = self.minutes.get(minute, 0.0) + usd
        # A budget must have room for the cheapest of these: a free one would always fit.
        self.costs = (*self.costs, usd)[-KEPT:] if usd else self.costs

    def spending(self) -> Spending:
        return Spending(
            runs=self.runs,
            days=self.days,
            minutes=self.minutes,
            costs=self.costs,
            run=self.run,
            cut=self.cut,
        )


def _phased(phased: dict[str, tuple[Entry, ...]], entry: Entry) -> None:
    """Keep what belongs to the phases of a feature, until it lands, begins afresh, or another
    one has its id."""
    past, session = phased.get(entry.feature, ()), entry.word not in OTHER_WORDS
    fresh = entry.word == "decision" and decision_of(entry) in (
        ("retry", "fresh"),
        ("retry", "--fresh"),
    )
    if entry.word in LANDS or fresh:
        phased.pop(entry.feature, None)
    elif session and worked(entry):
        same = [one for one in past if one.title == entry.title or not worked(one)]
        phased[entry.feature] = (*same, entry)
    elif past and not session:
        phased[entry.feature] = (*past, entry)


def _session(past: FeatureHistory, entry: Entry, session: str) -> FeatureHistory:
    """Return the history of a feature after one more session."""
    entry = grammar.unfolded(entry, next(iter(past.tried), None))
    word, rule = entry.word, entry.rule
    landed, is_waiting = word in LANDS, word in WAITING
    stalls = _stalls(past, entry)
    # What was answered and refused was about work that is on the branch now.
    spoken = replace(past, answer="", asked="", refusals=()) if word == "landed" else past
    return FeatureHistory(
        attempts=_attempts(past, entry),
        cuts=0 if word in PROGRESS else past.cuts + _is_cut(entry),
        continues=_continues(past, entry),
        waiting=Outcome(word) if is_waiting else None,
        question=_question(entry) if is_waiting else "",
        last=Outcome(word),
        tried=_tried(past, entry),
        sessions=(*past.sessions, session),
        ended=_ended(entry),
        answer=spoken.answer,
        asked=spoken.asked,
        answers=past.answers,
        refusals=spoken.refusals,
        fresh=stalls >= STALLS,
        stalls=stalls,
        conflict=rule == CONFLICT,
        held=session if word == "held" and rule != GREEN_ALREADY else "",
        skipped=past.skipped,
        landed=session if landed else past.landed,
        carried=not landed and (past.carried or _left_work(entry)),
        same=_same(past, entry),
        met=0 if landed else max(past.met, _met(entry)),
    )


def _is_cut(entry: Entry) -> bool:
    """Was the session cut off by something that may be the feature's fault?"""
    return entry.word in ("interrupted", "failed") and entry.rule not in NEVER_AN_ATTEMPT


def _attempts(past: FeatureHistory, entry: Entry) -> int:
    """Return the attempts so far: refusals, and sessions cut off without progress in between."""
    if entry.word in LANDS:
        return 0
    # Only a cut that repeats without progress counts: the first may be bad luck.
    is_attempt = entry.word == "rejected" or (_is_cut(entry) and past.cuts > 0)
    return past.attempts + is_attempt


def _continues(past: FeatureHistory, entry: Entry) -> int:
    """Return how many sessions in a row only carried work on; a complete phase is a new start."""
    if entry.word in LANDS or entry.rule == COMPLETE:
        return 0
    carried_on = entry.word in ("advanced", "interrupted")
    return past.continues + (carried_on and entry.rule not in NO_FAULT_OF_THE_FEATURE)


def _stalls(past: FeatureHistory, entry: Entry) -> int:
    """Return how many sessions began with carried work and brought no progress."""
    if entry.word in PROGRESS or past.fresh:
        return 0
    is_at_fault = entry.word != "failed" and entry.rule not in NO_FAULT_OF_THE_FEATURE
    return past.stalls + (past.carried and is_at_fault)


def _met(entry: Entry) -> int:
    """Return the most criteria that the judge of a session found met."""
    counts = (_MET.match(detail) for detail in entry.details)
    return max((int(count[1]) for count in counts if count), default=0)


def _left_work(entry: Entry) -> bool:
    """Is there work of this session that the next one begins with?

    One that failed, or was cut off before it began, may have left none.
    """
    kept = any(detail.startswith(grammar.KEPT_WORK) for detail in entry.details)
    return entry.word != "failed" and (kept or entry.rule not in NO_FAULT_OF_THE_FEATURE)


def _same(past: FeatureHistory, entry: Entry) -> int:
    """Return how often in a row the same rule refused the work, limits and crashes aside."""
    if entry.rule in NO_FAULT_OF_THE_FEATURE:
        return past.same
    again = bool(past.same and past.tried) and past.tried[0].rule == entry.rule
    return (past.same if again else 0) + 1 if entry.word == "rejected" else 0


def _decided(past: FeatureHistory, entry: Entry) -> FeatureHistory:
    """Return the history after a decision: each ends the wait; the rest depends on its verb."""
    verb, text = decision_of(entry)
    if verb == "revert" and entry.details[0].startswith(NOT_TAKEN_BACK):
        return past
    now = replace(
        past,
        waiting=None,
        question="",
        continues=0,
        cuts=0,
        stalls=0,
        same=0,
        fresh=False,
        approved=False,
    )
    now = replace(now, decided=verb, said=text)
    told = (entry, *past.tried)[:KEPT]
    match verb:
        case "answer":
            return replace(
                now, answer=text, asked=past.question or past.asked, answers=(*past.answers, text)
            )
        case "approve":
            if text:  # it could not be followed, and says why
                return replace(now, tried=told)
            held = past.waiting is Outcome.HELD and bool(past.held)
            return replace(
                now,
                approved=held,
                landed=past.held if held else past.landed,
                given=past.waiting is Outcome.UNPROVED,
            )
        case "done":
            return replace(now, given=True, attempts=0)
        case "refuse" | "revert":
            if text:
                return replace(
                    now,
                    held="",
                    landed="",
                    given=False,
                    attempts=0,
                    refusals=(text, *past.refusals),
                )
            return replace(now, held="", landed="", given=False, attempts=0, tried=told)
        case "retry":
            return replace(
                now, attempts=0, skipped=False, fresh=text.lstrip("-") == "fresh", tried=told
            )
        case "hold":
            return replace(now, waiting=Outcome.HELD, question=text or "held by you", tried=told)
        case "skip":
            return replace(now, skipped=True, tried=told)
    return past


def decision_of(entry: Entry) -> tuple[str, str]:
    """Return the verb and the text of a decision."""
    verb, _, said = entry.title.partition(" ")
    try:
        text = json.loads(said) if said else ""
    except ValueError:
        text = said
    return verb, text if isinstance(text, str) else said


def _question(entry: Entry) -> str:
    """Return what the person is asked: the agent's question, or why the work waits; "" where
    nothing more is known."""
    said = _work_lines(entry)
    return question_of(said) if said and not said[0].startswith("phase ") else ""


def _work_lines(entry: Entry) -> list[str]:
    """Return what a line tells of the work itself."""
    return [detail for detail in entry.details[:-1] if detail != LIST_PRICE]


def _tried(past: FeatureHistory, entry: Entry) -> tuple[Entry, ...]:
    if entry.word == "landed":
        return ()
    says_something = entry.word != "failed" and entry.rule not in (
        *NO_FAULT_OF_THE_FEATURE,
        COMPLETE,
    )
    return (entry, *past.tried)[:KEPT] if says_something else past.tried


def _ended(entry: Entry) -> str:
    """Of a session's line what tells how it ended: the outcome, its rule and why, and when."""
    elsewhere = ("findings: ", "asks ", MORE, "next: ", "phase ")
    why = "; ".join(said for said in _work_lines(entry) if not said.startswith(elsewhere))
    took = f", after {entry.minutes} minutes" if entry.minutes else ""
    return (
        f"{entry.word}{f' ({entry.rule})' if entry.rule else ''}{f': {why}' if why else ''};"
        f" {entry.at:%Y-%m-%d %H:%M} UTC{took}"
    )


def _paragraph(entry: Entry) -> str:
    """Return one paragraph on what became of a session, or on the person's refusal of its work."""
    if entry.word == "decision":
        verb, text = decision_of(entry)
        return f"the person said {verb}{f': {text}' if text else ''}"
    rule = f" ({entry.rule})" if entry.rule else ""
    return f"{entry.word}{rule}: {'; '.join(_work_lines(entry))}".rstrip(": ")
