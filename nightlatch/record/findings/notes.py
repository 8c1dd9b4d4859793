"""Notes: the lines that agents and the person write, made into findings; and how often a
command has to run before it shows anything."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from nightlatch.record.findings.findings import (
    Author,
    Cite,
    Evidence,
    Finding,
    FindingEvent,
    FindingKind,
    Grounds,
    Origin,
    Remarks,
    Reproduction,
    State,
    challenge,
    ruled,
)
from nightlatch.record.findings.near_notes import mended
from nightlatch.record.progress import TITLE, Entry, line, minute

MOST = 100
LONGEST = 16_000
# Enough to rule out a failure that is said to come in one run of twenty: that takes 59 of them.
MOST_RUNS = 60
SURE = 0.05
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_CITE = re.compile(r"(.+?)(?::([1-9][0-9]{0,8})(?:-([1-9][0-9]{0,8}))?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One line as it was read: a new finding, or an event for the one called `id`.

    `at_base`: the claim is about the code before.

    `settles`: what the event holds that finding to be.
    """

    id: str
    finding: Finding | None = None
    event: FindingEvent | None = None
    settles: State | None = None
    at_base: bool = False

    @property
    def text(self) -> str:
        if self.finding:
            return self.finding.claim
        return self.event.why if self.event else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedNote:
    """What a session adds to the record: new findings, events for known ones by id, and the ids
    that it went by.

    `confirmed` are the ids of claims that the loop's own run bore out and that nobody had shown
    before.
    """

    new: tuple[Finding, ...] = ()
    events: tuple[tuple[str, FindingEvent], ...] = ()
    confirmed: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def goes_on(self) -> bool:
        """Does an open question of the session say what is to be done next?"""
        return any(
            f.kind is FindingKind.FINDING and f.says is State.OPEN and f.next_action
            for f in self.new
        )

    @property
    def summary(self) -> str:
        """The ids, by what became of them."""
        challenged = tuple(name for name, event in self.events if event.challenge)
        added = tuple(finding.id for finding in self.new if finding.id not in self.confirmed)
        words = {
            "confirmed": self.confirmed,
            "challenged": challenged,
            "added": added,
            "reused": self.reused,
        }
        return "; ".join(
            f"{word} {' '.join(dict.fromkeys(ids))}" for word, ids in words.items() if ids
        )


NOTHING_FOUND = CheckedNote()


class Shown(StrEnum):
    """What the runs of a command came to, beside what was said of it."""

    AS_SAID = "as said"
    NOT_SO = "not so"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A command that is expected to fail `fails` times of `of`, and how often it failed in how
    many runs of the loop."""

    command: str
    fails: int = 0
    of: int = 1
    failed: int = 0
    runs: int = 0
    fault: str = ""

    @property
    def enough(self) -> int:
        """So many runs without a failure are no longer chance, at 95%: 9 for 3 of 10."""
        rate = self.fails / self.of
        return math.ceil(math.log(SURE) / math.log1p(-rate)) if 0 < rate < 1 else 1

    @property
    def shown(self) -> Shown:
        if self.fault or not self.runs:
            return Shown.UNSURE
        if self.fails in (0, self.of):
            return (
                Shown.AS_SAID if self.failed == (self.runs if self.fails else 0) else Shown.NOT_SO
            )
        if 0 < self.failed < self.runs:
            return Shown.AS_SAID
        return Shown.NOT_SO if self.runs >= self.enough else Shown.UNSURE

    @property
    def open(self) -> bool:
        """Whether another run could tell more."""
        return self.shown is Shown.UNSURE and not self.fault and self.runs < MOST_RUNS


def trials(finding: Finding) -> tuple[Trial, ...]:
    """Return what the loop runs to see a claim for itself."""
    again = finding.grounds.reproduction
    own = (
        (Trial(command=again.command, fails=min(again.fails, again.of), of=again.of),)
        if again
        else ()
    )
    return (
        *own,
        *(Trial(command=each.command) for each in finding.grounds.evidence if each.command),
    )


def outcome(says: State, done: Iterable[Trial], *, unchanged: bool) -> State:
    """Return what a claim is once its commands have run.

    A failure that never came is ruled out only on code that the session did not change.
    """
    ran = tuple(done)
    # A claim without a command has nothing that the loop could have seen.
    if ran and all(trial.shown is Shown.AS_SAID for trial in ran):
        return ruled(Author.LOOP, says, seen=True)
    never = any(trial.fails and not trial.failed and trial.shown is Shown.NOT_SO for trial in ran)
    return ruled(
        Author.LOOP,
        State.REJECTED if never and unchanged and says is not State.REJECTED else State.OPEN,
        seen=True,
    )


def contested(
    known: Finding,
    against: Iterable[Trial],
    again: Callable[[], Iterable[Trial]],
    settles: State | None,
) -> State | None:
    """Return what a finding is once somebody contradicted it with evidence that the loop ran
    (`against`), None where it stays as it is.

    An open question is settled as the contradiction says. What was verified is open again. What was
    ruled out is open again only where its own commands, run `again`, no longer bear that out: a
    command may succeed and have nothing to do with it.
    """
    ran = tuple(against)
    if not ran or any(trial.shown is not Shown.AS_SAID for trial in ran):
        return None
    if known.state in (State.OPEN, State.BLOCKED):
        return settles if settles in (State.VERIFIED, State.REJECTED) else None
    if known.state is State.VERIFIED:
        return State.OPEN
    # What a person ruled out no agent's command opens again.
    if known.word_of is Author.PERSON:
        return None
    return State.OPEN if _no_longer_ruled_out(known, tuple(again())) else None


def _no_longer_ruled_out(known: Finding, own: tuple[Trial, ...]) -> bool:
    """Do the finding's own commands, run once more, speak against what was ruled out?"""
    as_said = all(trial.shown is Shown.AS_SAID for trial in own)
    if known.says is State.REJECTED:
        return bool(own) and not as_said
    # It was ruled out because the failure that it claims never came: now it does.
    return bool(own) and as_said


def told_of(trial: Trial) -> str:
    if trial.fault:
        return f"`{trial.command}` could not be run: {trial.fault}"
    if not trial.fails:
        return f"`{trial.command}` {'failed' if trial.failed else 'succeeded'}: {trial.shown.value}"
    return (
        f"`{trial.command}` failed {trial.failed} of {trial.runs}, stated {trial.fails} of"
        f" {trial.of}: {trial.shown.value}"
    )


def name_of(*parts: str) -> str:
    """Return the id of a finding, always the same for the same line of the same session."""
    # So a session that is recorded twice, after a crash in between, adds nothing twice.
    number = int.from_bytes(sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()[:8])
    return "N-" + "".join(_LETTERS[number >> shift & 31] for shift in range(0, 35, 5))


def problem(text: str, schema: Mapping[str, object]) -> str:
    """Return why a line is not a valid note, "" where it is."""
    from jsonschema import Draft202012Validator

    try:
        note = json.loads(text)
        json.dumps(note, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        return f"invalid JSON: {error}"
    errors = sorted(
        Draft202012Validator(schema).iter_errors(note),
        key=lambda error: len(error.absolute_path),
        reverse=True,
    )
    return (
        line(f"{'.'.join(map(str, errors[0].absolute_path))} {errors[0].message}".strip(), 200)
        if errors
        else ""
    )


def take(
    texts: Iterable[str], schema: Mapping[str, object], feature: str, session: str, at: datetime
) -> Iterator[Note]:
    """Yield the notes of an agent's lines; one in nearly the right form is mended; one that is none
    becomes a finding with its text as the claim, and says so."""
    for text in texts:
        name, right = name_of(session, text), text
        if why := problem(text, schema):
            right = mended(text)
        # Kept, not dropped: what an agent learned is worth more than its form.
        if why and problem(right, schema):
            says = f"kept as text: {why}; `nightlatch note --help` says how to write it"
            plain = Finding(
                id=name,
                feature=feature,
                claim=line(text, 500),
                origin=Origin(by=Author.AGENT, session=session, at=at),
                remarks=Remarks(why=says),
            )
            yield Note(id=name, finding=plain)
        else:
            yield from_fields(
                name, json.loads(right), feature=feature, session=session, at=at, by=Author.AGENT
            )


def from_fields(
    name: str, note: Mapping[str, object], *, feature: str, session: str, at: datetime, by: Author
) -> Note:
    """Return a note that validates, as what it adds to the record."""
    words = {key: str(note[key]) for key in ("choice", "why", "next") if key in note}
    kind = FindingKind(str(note.get("kind", FindingKind.FINDING)))
    settled = by is Author.PERSON and kind is not FindingKind.FINDING
    claim = str(note["claim"])
    says = State(str(note.get("state", State.VERIFIED if settled else State.OPEN)))
    proof = tuple(map(_evidence, _list(note.get("evidence"))))
    at_base = note.get("at") == "base"
    if "challenge" in note:
        given = says if "state" in note else None
        return Note(
            id=str(note["challenge"]),
            event=challenge(at, by, claim, proof, session, given),
            settles=given,
            at_base=at_base,
        )
    again = note.get("reproduction")
    # To wait is no claim: anybody's word is enough for it
    born = says if says is State.BLOCKED else ruled(by, says)
    finding = Finding(
        id=name,
        claim=claim,
        origin=Origin(by=by, session=session, at=at),
        says=says,
        born=born,
        remarks=Remarks(**words, alternatives=tuple(map(str, _list(note.get("alternatives"))))),
        feature=str(note.get("feature", feature)),
        kind=kind,
        grounds=Grounds(
            reproduction=Reproduction(**again) if isinstance(again, dict) else None,
            evidence=proof,
            cites=tuple(map(cite, map(str, _list(note.get("cites"))))),
        ),
    )
    return Note(id=name, finding=finding, at_base=at_base)


def cite(text: str) -> Cite:
    """`path`, `path:10` or `path:10-20`."""
    found = _CITE.fullmatch(text)
    path, first, last = found.groups() if found else (text, None, None)
    return Cite(
        path=path, lines=(int(first), max(int(first), int(last or first))) if first else None
    )


def entry(finding: Finding, state: State, why: str, at: datetime) -> Entry:
    """Return a finding's line in progress.txt."""
    title = line(" ".join(filter(None, (state, finding.feature, finding.claim))), TITLE)
    return Entry(
        at=minute(at),
        word="finding",
        feature=finding.id,
        title=title,
        details=(line(why),) if why else (),
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _evidence(proof: object) -> Evidence:
    return Evidence(**proof) if isinstance(proof, dict) else Evidence(command=str(proof))
