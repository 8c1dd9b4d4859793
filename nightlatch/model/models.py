"""The words of the house as values: features, reasons, verdicts, agent events and what a
session came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

MOST_TOLD = 20_000  # bytes of one feature; a brief has 24,000, and words of its own


class Outcome(StrEnum):
    """The way in which a session ended: a closed list, also column 2 of progress.txt."""

    LANDED = "landed"
    UNPROVED = "unproved"
    ADVANCED = "advanced"
    REJECTED = "rejected"
    HELD = "held"
    BLOCKED = "blocked"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


LANDS = frozenset({Outcome.LANDED, Outcome.UNPROVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One part of the work on a feature, done in a session of its own.

    `agent` and `model` are "" where the run's own are meant.

    `artifact` is the file that says that it is complete, "" for none.
    """

    name: str
    depends: tuple[str, ...] = ()
    agent: str = ""
    model: str = ""
    artifact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One item of the plan, whatever dialect it was written in.

    `raw` is the item's own text in the plan file, byte for byte (for a plan that is no JSON: the
    same fields as JSON). `key` finds the item again in the file it was read from. `more` are the
    fields that have no meaning here, with their texts: a session is told them too.
    """

    id: str
    title: str
    done: bool
    description: str = ""
    criteria: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    priority: float | None = None
    depends: tuple[str, ...] = ()
    verify: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()
    may_change: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()
    skip: bool = False
    hold: bool = False
    answer: str = ""
    notes: str = ""
    agent: str = ""
    model: str = ""
    raw: str = ""
    key: tuple[str | int, ...] = ()
    more: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        """Six hex digits over id, title and criteria: editing any of them makes it another
        feature to the attempt counter."""
        return sha256(
            "\0".join((self.id, self.title, *self.criteria)).encode("utf-8", "surrogatepass")
        ).hexdigest()[:6]

    @property
    def too_long(self) -> bool:
        """Return whether the texts that an agent must be told word for word fill a brief.

        Most are far from it, and their characters need no counting.
        """
        told = (self.title, self.description, *self.criteria, *self.steps, *self.verify, self.notes)
        return (
            sum(map(len, told)) > MOST_TOLD // 4
            and sum(len(text.encode("utf-8", "replace")) for text in told) > MOST_TOLD
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The features in file order, the branch they land on ("" when the file names none) and how
    the file was read.

    `readings` are the rules that needed judgement, one sentence each. `gates` are plan-level check
    commands.
    """

    path: str
    features: tuple[Feature, ...]
    branch: str = ""
    readings: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()

    def feature(self, name: str) -> Feature | None:
        return next((f for f in self.features if f.id == name), None)


class Ruling(StrEnum):
    """The answer that one reason asks for."""

    REJECT = "reject"
    HOLD = "hold"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason of a verdict: a stable rule id, one sentence for people, one for the next
    session."""

    rule: str
    says: str
    ruling: Ruling = Ruling.REJECT
    detail: tuple[str, ...] = ()
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The meaning of a rule id.

    `says` may hold {n}, the number of details; `next` is what the next session must know. `example`
    is something that it refuses, `wrong` what to do where it is mistaken: both for docs/ratchet.md.
    `layer` is the part of the ratchet that a control may leave out. `mended`: in a run it is
    refused instead of held.
    """

    says: str
    next: str = ""
    ruling: Ruling = Ruling.REJECT
    example: str = ""
    wrong: str = ""
    layer: str = ""
    mended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one step of a verdict: runs of the suite or of a part of it, and seconds.
    `budget` is the most that it may take, 0 without a limit."""

    step: str
    runs: int
    seconds: float
    budget: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and dollars as an agent reported them; `usd` is None where it said nothing of
    money."""

    input: int = 0
    cached: int = 0
    output: int = 0
    usd: float | None = None

    def __add__(self, other: "Usage") -> "Usage":
        usd = (
            None
            if self.usd is None and other.usd is None
            else (self.usd or 0.0) + (other.usd or 0.0)
        )
        return Usage(
            input=self.input + other.input,
            cached=self.cached + other.cached,
            output=self.output + other.output,
            usd=usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RanChecks:
    """What each kind of proof came to, in a few words; "" where it did not run."""

    checks: str = ""
    tests: str = ""
    verify: str = ""
    judge: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The two answers about a candidate: is it safe, is it proved?

    `proved` is None where it was not asked or cannot be told; `usage` is what the judge cost.
    """

    safe: bool
    proved: bool | None
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    ran: RanChecks = field(default_factory=RanChecks)
    usage: Usage = field(default_factory=Usage)
    progress: bool = False
    costs: tuple[Cost, ...] = ()
    chances: Mapping[str, tuple[int, int]] = field(default_factory=dict)


class Kind(StrEnum):
    """The kind of a line of an agent's stream."""

    SESSION = "session"
    THOUGHT = "thought"
    MESSAGE = "message"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    USAGE = "usage"
    RETRY = "retry"
    LIMIT = "limit"
    ERROR = "error"
    RESULT = "result"
    TODO = "todo"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One normalised event of an agent's stream.

    `raw` is the line it came from; `data` holds what the kind needs.

    data: session {id, model} · tool_call {id, tool, args} · tool_result {id, ok} · usage {usage:
    Usage, total: bool} · retry {delay, status} · limit {status, resets_at (epoch s), type, windows,
    plan} · error {cls, status} · result {ok, cls, turns}
    """

    kind: Kind
    text: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
    raw: str = ""


class End(StrEnum):
    """The way in which an agent stopped, as the loop saw it."""

    FINISHED = "finished"
    BLOCKED = "blocked"
    LIMIT = "limit"
    BUDGET = "budget"
    CONTEXT = "context full"
    TURNS = "turn limit"
    WALL = "wall time-out"
    IDLE = "idle time-out"
    TOOL = "tool time-out"
    STOPPED = "stopped by a person"
    CRASHED = "loop ended"
    LOGIN = "login"
    CREDIT = "credit"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageWindow:
    """What an agent said of its usage limit: when one that it met ends, and when a window ends of
    which nearly all is gone. `listed`: a subscription pays, so the dollars are a list price."""

    resets_at: datetime | None = None
    full_until: datetime | None = None
    listed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEnd:
    """The end of one agent: it only sorts finished, limited and faulty, and says nothing about the
    work.

    `todo` is the agent's own list as it last told it, each item with whether it is done. `model` is
    what it said that it is. `wonders` is the
    question that it ended with, which counts where it left nothing else. `unfinished`: its last
    words say so.
    """

    end: End
    says: str = ""
    usage: Usage = field(default_factory=Usage)
    window: UsageWindow = field(default_factory=UsageWindow)
    question: str = ""
    seconds: float = 0.0
    todo: tuple[tuple[str, bool], ...] = ()
    model: str = ""
    wonders: str = ""
    unfinished: bool = False

    @property
    def limited(self) -> bool:
        """Whether the agent is not to be asked again before its window ends."""
        return self.end is End.LIMIT or self.window.full_until is not None

    @property
    def free_at(self) -> datetime | None:
        """When that is, None where nobody says."""
        known = (self.window.resets_at, self.window.full_until)
        return max((moment for moment in known if moment), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkDone:
    """The work of a session: what landed and what proves it, as which commit, and what is left to
    the next session; each "" for nothing."""

    landed: str = ""
    commit: str = ""
    carried: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """The result of a session: everything that its entry in progress.txt says.

    `phase` are the details on its phase, if it worked in one.
    """

    session: str
    feature: Feature
    outcome: Outcome
    end: AgentEnd
    reasons: tuple[Reason, ...] = ()
    details: tuple[str, ...] = ()
    phase: tuple[str, ...] = ()
    work: WorkDone = field(default_factory=WorkDone)
    findings: str = ""
