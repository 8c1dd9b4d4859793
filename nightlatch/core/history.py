"""What the branch remembers of each feature: attempts, waits, answers and costs, replayed from progress.txt."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from nightlatch.core.findings import ID
from nightlatch.core.foreign import Told, read
from nightlatch.core.models import Feature, Outcome
from nightlatch.core.phases import COMPLETE, worked
from nightlatch.core.progress import OTHER_WORDS, TITLE, Entry, Item, RunStart, Text, line

PROGRESS = ("landed", "unproved", "advanced")
WAITING = ("held", "unproved", "blocked")
NO_FAULT_OF_THE_FEATURE = ("agent.limit", "agent.budget", "agent.stopped", "loop.crash")
NEVER_AN_ATTEMPT = (*NO_FAULT_OF_THE_FEATURE, "agent.context", "agent.turns", "agent.login", "agent.credit")
CONFLICT = "land.conflict"
STALLS = 2
KEPT = 6
_MET = re.compile(r"the judge finds (\d+) of \d+ criteria met")
_TAIL = re.compile(r"(?:session (\S+)  )?digest ([0-9a-f]{6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureHistory:
    """What happened to one feature, as long as its id, title and criteria stayed the same.

    attempts: sessions that count against it · continues: sessions in a row that only carried work on ·
    waiting: held, unproved or blocked · question: what it waits for, in words · tried: what was refused, latest first ·
    sessions: ids, oldest first · answer: the person's · fresh: the next session starts clean · conflict: the carried work met the branch ·
    held: the session whose candidate is kept · approved: it may land · skipped: by the person · landed: the session that landed ·
    given: done by the person's word · decided, said: their last decision since the last session, and its words ·
    answers: every answer of theirs that is on record · carried: there is work to carry on ·
    stalls, cuts: continuations, and sessions cut off, since the last measured progress · met: the most criteria that a judge found met.
    """

    attempts: int = 0
    continues: int = 0
    waiting: Outcome | None = None
    question: str = ""
    last: Outcome | None = None
    tried: tuple[Entry, ...] = ()
    sessions: tuple[str, ...] = ()
    answer: str = ""
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
    carried: bool = False
    stalls: int = 0
    cuts: int = 0
    met: int = 0

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was tried and why it was refused, latest first, one paragraph each."""
        return tuple(_told(entry) for entry in self.tried)


NEW = FeatureHistory()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything progress.txt says that decisions stand on; `sessions` maps each recorded session to its outcome.

    `phased` has the sessions in phases since the last landing, with the decisions between them, by the feature's id.
    `foreign` is what other tools wrote, `used` how many sessions went by a finding, by its id.
    `landings` are the last ones, latest first; `faults` the rules of the failed sessions at the very end of the current run.
    """

    features: Mapping[tuple[str, str], FeatureHistory] = field(default_factory=dict)
    sessions: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[str, float] = field(default_factory=dict)
    days: Mapping[date, float] = field(default_factory=dict)
    run: str = ""
    landings: tuple[Entry, ...] = ()
    faults: tuple[str, ...] = ()
    phased: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    foreign: tuple[Told, ...] = ()
    used: Mapping[str, int] = field(default_factory=dict)

    def phases_of(self, feature: Feature) -> tuple[Entry, ...]:
        """What was recorded of the phases of a feature: an edit of its criteria changes nothing, another title is another feature."""
        past = self.phased.get(feature.id, ())
        return past if any(entry.title == line(feature.title, TITLE) for entry in past if worked(entry)) else ()

    def of(self, feature: Feature) -> FeatureHistory:
        return self.features.get((feature.id, feature.digest), NEW)

    def spent(self, run: str) -> float:
        return self.runs.get(run, 0.0)

    def spent_on(self, day: date) -> float:
        """Dollars of the sessions that ended on this UTC day."""
        return self.days.get(day, 0.0)


def after(history: History, item: Item) -> History:
    """The history once one more item has been written."""
    return replay((item,), history)


def replay(items: Iterable[Item], history: History | None = None) -> History:
    """The history of these items, or of a history and what was appended since."""
    past = history or History()
    features, sessions, runs, days = dict(past.features), dict(past.sessions), dict(past.runs), dict(past.days)
    run, landings, faults, phased = past.run, past.landings, past.faults, dict(past.phased)
    foreign, used = [*past.foreign], dict(past.used)
    for item in items:
        if isinstance(item, Text):
            foreign += read(item.text)
        if isinstance(item, RunStart):
            run, faults = item.run, ()
            continue
        if not isinstance(item, Entry) or not item.details or not (tail := _TAIL.fullmatch(item.details[-1])):
            continue
        key = (item.feature, tail[2])
        _phased(phased, item)
        known = features.get(key, NEW)
        if item.word == "decision":
            features[key] = _decided(known, item)
        elif item.word not in OTHER_WORDS and tail[1]:
            features[key] = _session(known, item, tail[1])
            sessions[tail[1]] = item.word
            for name in reused(item):
                used[name] = used.get(name, 0) + 1
            runs[run] = runs.get(run, 0.0) + (item.usd or 0.0)
            days[item.at.date()] = days.get(item.at.date(), 0.0) + (item.usd or 0.0)
            landings = (item, *landings)[:KEPT] if item.word in ("landed", "unproved") else landings
            faults = (*faults, item.rule)[-KEPT:] if item.word == "failed" else ()
    return History(features=features, sessions=sessions, runs=runs, days=days, run=run, landings=landings, faults=faults, phased=phased,
                   foreign=tuple(foreign), used=used)  # fmt: skip


def reused(entry: Entry) -> list[str]:
    """The findings that a session went by, as its line tells (`Found.told`)."""
    return [name for detail in entry.details if detail.startswith("findings: ") for name in ID.findall(detail.partition("reused ")[2])]


def _phased(phased: dict[str, tuple[Entry, ...]], entry: Entry) -> None:
    """Keep what belongs to the phases of a feature, until it lands, begins afresh, or another one has its id."""
    past, session = phased.get(entry.feature, ()), entry.word not in OTHER_WORDS
    fresh = entry.word == "decision" and decision_of(entry) in (("retry", "fresh"), ("retry", "--fresh"))
    if entry.word in ("landed", "unproved") or fresh:
        phased.pop(entry.feature, None)
    elif session and worked(entry):
        same = [one for one in past if one.title == entry.title or not worked(one)]
        phased[entry.feature] = (*same, entry)
    elif past and not session:
        phased[entry.feature] = (*past, entry)


def _session(past: FeatureHistory, entry: Entry, session: str) -> FeatureHistory:
    word, rule = entry.word, entry.rule
    progress, landed = word in PROGRESS, word in ("landed", "unproved")
    cut = word in ("interrupted", "failed") and rule not in NEVER_AN_ATTEMPT
    stalled = past.carried and word != "failed" and rule not in NO_FAULT_OF_THE_FEATURE
    stalls = 0 if progress or past.fresh else past.stalls + stalled
    return FeatureHistory(
        attempts=0 if landed else past.attempts + (word == "rejected" or (cut and past.cuts > 0)),
        cuts=0 if progress else past.cuts + cut,
        continues=0
        if landed or rule == COMPLETE
        else past.continues + (word in ("advanced", "interrupted") and rule not in NO_FAULT_OF_THE_FEATURE),
        waiting=Outcome(word) if word in WAITING else None,
        question=_question(entry) if word in WAITING else "",
        last=Outcome(word),
        tried=_tried(past, entry),
        sessions=(*past.sessions, session),
        answer="" if word == "landed" else past.answer,
        answers=past.answers,
        fresh=stalls >= STALLS,
        stalls=stalls,
        conflict=rule == CONFLICT,
        held=session if word == "held" else "",
        skipped=past.skipped,
        landed=session if landed else past.landed,
        carried=not landed,
        met=0 if landed else max(past.met, *(int(found[1]) for detail in entry.details if (found := _MET.match(detail))), 0),
    )


def _decided(past: FeatureHistory, entry: Entry) -> FeatureHistory:
    """Each decision ends the wait; what it says beyond that depends on its verb."""
    verb, text = decision_of(entry)
    now = replace(past, waiting=None, question="", continues=0, cuts=0, stalls=0, fresh=False, approved=False, decided=verb, said=text)
    told = (entry, *past.tried)[:KEPT]
    match verb:
        case "answer":
            return replace(now, answer=text, answers=(*past.answers, text))
        case "approve":
            if text:  # it could not be followed, and says why
                return replace(now, tried=told)
            held = past.waiting is Outcome.HELD and bool(past.held)
            return replace(now, approved=held, landed=past.held if held else past.landed, given=past.waiting is Outcome.UNPROVED)
        case "done":
            return replace(now, given=True, attempts=0)
        case "refuse" | "revert":
            return replace(now, held="", landed="", given=False, attempts=0, tried=told)
        case "retry":
            return replace(now, attempts=0, skipped=False, fresh=text.lstrip("-") == "fresh", tried=told)
        case "hold":
            return replace(now, waiting=Outcome.HELD, question=text or "held by you", tried=told)
        case "skip":
            return replace(now, skipped=True, tried=told)
    return past


def decision_of(entry: Entry) -> tuple[str, str]:
    """The verb and the text of a decision."""
    verb, _, said = entry.title.partition(" ")
    try:
        text = json.loads(said) if said else ""
    except ValueError:
        text = said
    return verb, text if isinstance(text, str) else said


def _question(entry: Entry) -> str:
    """What the person is asked: the agent's question, or why the work waits; "" where nothing more is known."""
    said = entry.details[:-1]
    return said[0].removeprefix("asks ") if said and not said[0].startswith("phase ") else ""


def _tried(past: FeatureHistory, entry: Entry) -> tuple[Entry, ...]:
    if entry.word == "landed":
        return ()
    says_something = entry.word != "failed" and entry.rule not in (*NO_FAULT_OF_THE_FEATURE, COMPLETE)
    return (entry, *past.tried)[:KEPT] if says_something else past.tried


def _told(entry: Entry) -> str:
    """One paragraph on what became of a session, or on the person's refusal of its work."""
    if entry.word == "decision":
        verb, text = decision_of(entry)
        return f"the person said {verb}{f': {text}' if text else ''}"
    rule = f" ({entry.rule})" if entry.rule else ""
    return f"{entry.word}{rule}: {'; '.join(entry.details[:-1])}".rstrip(": ")
