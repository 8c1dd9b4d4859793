"""Findings: claims with a state, evidence and citations, one append-only TOML file each, and
who may say what of them."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import Field, dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias

from nightlatch.errors import FindingError

ID = re.compile(r"\bN-[0-9a-z]{5,12}\b")
_HEAD = re.compile(r"(\[\[?)([a-z.]+)\]\]?")
_JSON_ONLY = re.compile(r"\\/|\\u[dD]")
_KEY = re.compile(r"[a-z0-9]+")
_DIFFERENT = {"born": "state", "events": "event"}
_ALWAYS = ("state", "kind")
_TYPES = {"exit": int, "fails": int, "of": int, "failed": int, "runs": int, "challenge": bool}
_ITEMS = {"lines": int, "alternatives": str}
Table: TypeAlias = dict[str, Any]


class State(StrEnum):
    """The state of a claim. Stale is computed from the code, never written by an agent."""

    VERIFIED = "verified"
    REJECTED = "rejected"
    OPEN = "open"
    BLOCKED = "blocked"
    STALE = "stale"


class FindingKind(StrEnum):
    """The kind of a finding: a claim, a decision, or a pattern of the project."""

    FINDING = "finding"
    DECISION = "decision"
    PATTERN = "pattern"


class Author(StrEnum):
    """The author of a statement."""

    AGENT = "agent"
    LOOP = "loop"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cite:
    """Code that a claim is about, as it was at `commit`: the file's blob, of each cited line
    that is not blank six hex digits (`text`), and for Python the enclosing symbol with a
    digest of its syntax tree. Without `lines` it is the whole file.
    """

    path: str
    lines: tuple[int, int] | None = None
    commit: str = ""
    blob: str = ""
    text: str = ""
    symbol: str = ""
    syntax: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A command with its exit code, what it printed and a digest of that; a file with its
    sha256; or the name of a trace or run.

    `output` is the beginning and the end of what was printed, or of a file that is in no commit.
    """

    command: str = ""
    exit: int | None = None
    digest: str = ""
    output: str = ""
    file: str = ""
    sha256: str = ""
    trace: str = ""
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """A command that is expected to fail `fails` times of `of`."""

    command: str
    fails: int = 1
    of: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedRuns:
    """How often a reproduction failed when the loop ran it, and at which commit that was."""

    failed: int = 0
    runs: int = 0
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingEvent:
    """One thing that was added to a finding.

    Without a state it leaves that as it was; new cites take the place of the old ones.
    """

    at: datetime
    by: Author
    session: str = ""
    state: State | None = None
    challenge: bool = False
    why: str = ""
    observed: ObservedRuns = ObservedRuns()
    next: str = ""
    evidence: tuple[Evidence, ...] = ()
    cites: tuple[Cite, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who wrote a finding, in which session ("" for none), and when."""

    by: Author
    session: str = ""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarks:
    """What its author says beside a claim: what was chosen, why, instead of what, and what is to be
    done next."""

    choice: str = ""
    why: str = ""
    alternatives: tuple[str, ...] = ()
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What a claim rests on, and the code that it is about."""

    reproduction: Reproduction | None = None
    evidence: tuple[Evidence, ...] = ()
    cites: tuple[Cite, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A claim and all that was ever said about it.

    `born` is its state when it was written, `says` what its author held it to be.
    """

    id: str
    kind: FindingKind = FindingKind.FINDING
    feature: str = ""
    claim: str
    born: State = State.OPEN
    says: State = State.OPEN
    origin: Origin
    remarks: Remarks = Remarks()
    grounds: Grounds = Grounds()
    events: tuple[FindingEvent, ...] = ()

    @property
    def state(self) -> State:
        """As the last event left it."""
        return next((event.state for event in reversed(self.events) if event.state), self.born)

    @property
    def word_of(self) -> Author:
        """Whose word the state is."""
        return next((event.by for event in reversed(self.events) if event.state), self.origin.by)

    @property
    def standing_cites(self) -> tuple[Cite, ...]:
        """The code that it was last seen to hold for."""
        return next(
            (event.cites for event in reversed(self.events) if event.cites), self.grounds.cites
        )

    @property
    def next_action(self) -> str:
        return next(
            (event.next for event in reversed(self.events) if event.next), self.remarks.next
        )

    @property
    def failure_rate(self) -> tuple[int, int]:
        """How often the reproduction failed, of how many runs of the loop."""
        observed = [event.observed for event in self.events]
        return sum(each.failed for each in observed), sum(each.runs for each in observed)

    @property
    def challenges(self) -> tuple[FindingEvent, ...]:
        return tuple(event for event in self.events if event.challenge)

    @property
    def commands(self) -> tuple[str, ...]:
        """What can be run again to confirm it."""
        reproduction = self.grounds.reproduction
        own = (reproduction.command,) if reproduction else ()
        return (*own, *(each.command for each in self.grounds.evidence if each.command))


_BUILT = {
    Finding: ("kind", "born", "says", "origin", "remarks", "grounds", "events"),
    Origin: ("by", "at"),
    FindingEvent: ("at", "by", "state", "observed", "evidence", "cites"),
}
# A file has their keys among those of the value that they are part of.
_INLINE = (ObservedRuns, Origin, Remarks, Grounds)


def ruled(by: Author, says: State, *, seen: bool = False) -> State:
    """Return the state that a word amounts to: a person's is what it says, the loop's only after
    its own run, an agent's is open."""
    # What an agent could confirm by its word, the next one would build on without a look.
    is_claim = says in (State.VERIFIED, State.REJECTED)
    if by is Author.PERSON or (by is Author.LOOP and (seen or not is_claim)):
        return says
    return State.OPEN


def challenge(
    at: datetime,
    by: Author,
    why: str,
    evidence: tuple[Evidence, ...],
    session: str = "",
    state: State | None = None,
) -> FindingEvent:
    """Return a contradiction, added under the finding that it contradicts.

    Raises FindingError where it comes without evidence.
    """
    # Against a claim that a run bore out a word alone says nothing.
    if not evidence:
        raise FindingError(
            "a challenge needs evidence",
            fix="give --evidence CMD or --file PATH",
        )
    given = state if by is Author.PERSON else None
    return FindingEvent(
        at=at, by=by, session=session, state=given, challenge=True, why=why, evidence=evidence
    )


def render(finding: Finding) -> str:
    """Return the text of its file."""
    return _text(finding, "")


def event_text(event: FindingEvent) -> str:
    """Return what is written at the end of a finding's file to add an event."""
    return f"\n[[event]]\n{_text(event, 'event.')}"


def added(text: str, *events: FindingEvent) -> str:
    """Return a finding's file with these events at its end; what it held stays byte for byte."""
    return text + ("" if text.endswith("\n") else "\n") + "".join(map(event_text, events))


def read(text: str, place: str) -> Finding:
    """Return the finding that a file holds; unknown keys are passed over.

    Raises FindingError where it is not one.
    """
    try:
        return _finding(_tables(text))
    # The file may have been written by anybody: whatever does not fit is its fault, not ours.
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = (
            f"not a valid finding: {error}"
            if not isinstance(error, KeyError)
            else f"not a valid finding: it has no {error}"
        )
        raise FindingError(
            problem, place=place, fix=f"git log -p -- {place}; findings are only ever added to"
        ) from error


def _text(value: object, prefix: str) -> str:
    """Keys, then tables; what is as it is by default is left out."""
    rows, blocks = [], []
    for field, part in _parts(value):
        name = _DIFFERENT.get(field.name, field.name)
        is_default = part == field.default and name not in _ALWAYS
        if part is None or part == () or is_default:
            continue
        if is_dataclass(part):
            blocks.append(f"\n[{prefix}{name}]\n{_text(part, f'{prefix}{name}.')}")
        elif isinstance(part, tuple) and is_dataclass(part[0]):
            blocks += [f"\n[[{prefix}{name}]]\n{_text(item, f'{prefix}{name}.')}" for item in part]
        else:
            rows.append(f"{name} = {_value(part)}\n")
    # Keys come first: behind the header of a table they would be that table's.
    return "".join((*rows, *blocks))


def _parts(value: object) -> Iterator[tuple[Field[Any], Any]]:
    """Yield each part of a value that a file has, in its order there."""
    for field in fields(value):  # type: ignore[arg-type]  # always one of the classes above
        part = getattr(value, field.name)
        if isinstance(part, _INLINE):
            yield from _parts(part)
        else:
            yield field, part


def _value(held: object) -> str:
    """JSON, which for these values is TOML too."""
    wire = f"{held.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if isinstance(held, datetime) else held
    return json.dumps(wire, ensure_ascii=False).replace("\x7f", "\\u007f")


def _tables(text: str) -> Table:
    """Return the tables of a file: at once where every line is one that this program writes, else
    by the whole grammar of TOML."""
    # Thousands of findings are read before a session, and tomllib takes many times as long.
    top: Table = {}
    here = top
    for line in text.split("\n"):
        name, equals, value = line.partition(" = ")
        if equals and _KEY.fullmatch(name) and name not in here:
            try:
                here[name] = json.loads(value)
            except ValueError:
                return tomllib.loads(text)
        elif found := _HEAD.fullmatch(line):
            if (opened := _opened(top, found[2].split("."), many=found[1] == "[[")) is None:
                return tomllib.loads(text)
            here = opened
        elif line:
            return tomllib.loads(text)
    # These two mean something in JSON, and nothing or an error in TOML, which has the last word.
    return tomllib.loads(text) if _JSON_ONLY.search(text) else top


def _opened(top: Table, path: list[str], *, many: bool) -> Table | None:
    """Return the table that a header opens; None where this is not the plain case."""
    here = top
    for name in path[:-1]:
        held = here.get(name)
        if not isinstance(held, list) or not isinstance(held[-1], dict):
            return None
        here = held[-1]
    made: Table = {}
    if many:
        held = here.setdefault(path[-1], [])
        if not isinstance(held, list) or (held and not isinstance(held[-1], dict)):
            return None
        held.append(made)
        return made
    return None if path[-1] in here else here.setdefault(path[-1], made)


def _finding(table: Table) -> Finding:
    values = dict(_plain(Finding, table))
    reproduction = table.get("reproduction")
    return Finding(
        **values,
        kind=FindingKind(table.get("kind", FindingKind.FINDING)),
        born=State(table.get("state", State.OPEN)),
        says=State(table.get("says", State.OPEN)),
        origin=Origin(
            **dict(_plain(Origin, table)), by=Author(table["by"]), at=_moment(table["at"])
        ),
        remarks=Remarks(**dict(_plain(Remarks, table))),
        grounds=Grounds(
            reproduction=(
                Reproduction(**dict(_plain(Reproduction, reproduction))) if reproduction else None
            ),
            **_proof(table),
        ),
        events=tuple(map(_event, table.get("event", ()))),
    )


def _event(table: Table) -> FindingEvent:
    state = table.get("state")
    values = dict(_plain(FindingEvent, table))
    return FindingEvent(
        **values,
        at=_moment(table["at"]),
        by=Author(table["by"]),
        state=State(state) if state else None,
        observed=ObservedRuns(**dict(_plain(ObservedRuns, table))),
        **_proof(table),
    )


def _proof(table: Table) -> Table:
    evidence = tuple(Evidence(**dict(_plain(Evidence, each))) for each in table.get("evidence", ()))
    return {
        "evidence": evidence,
        "cites": tuple(Cite(**dict(_plain(Cite, each))) for each in table.get("cites", ())),
    }


def _moment(text: str | datetime) -> datetime:
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    # A time by hand without a zone cannot be put in order with the others.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _plain(kind: type, table: Table) -> Iterator[tuple[str, Any]]:
    """Yield the keys that hold words, numbers and lists, each of the right type."""
    built = _BUILT.get(kind, ())
    for name, value in table.items():
        if name in kind.__slots__ and name not in built:  # type: ignore[attr-defined]  # every class above has slots
            yield name, _checked(name, value)


def _checked(name: str, value: Any) -> Any:
    """Return the value of a key. Raise ValueError where it is of another type."""
    item = _ITEMS.get(name)
    if item is None:
        if not isinstance(value, _TYPES.get(name, str)):
            raise ValueError(f"{name} is {value!r}")
        return value
    # By type and not by isinstance: true is an int too, and no number of a line.
    if not isinstance(value, list) or any(type(part) is not item for part in value):
        raise ValueError(f"{name} is {value!r}")
    if name == "lines" and len(value) != 2:
        raise ValueError("lines are a first and a last")
    return tuple(value)
