"""The one value that every effect of a run goes through: repository, journal, sandbox, agents,
verdict engine, console, clock."""

import secrets
import shlex
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from threading import Event
from types import FrameType

from nightlatch.agents.registry_io import Agent
from nightlatch.agents.usage_limits import unknown
from nightlatch.errors import RepoError
from nightlatch.journal import control_io
from nightlatch.journal.file_io import Journal
from nightlatch.model.models import Feature, Plan, Reason
from nightlatch.notify.notifier_io import Notifier
from nightlatch.project.project import Project
from nightlatch.record.branch_io import BranchReader
from nightlatch.record.findings.findings import Finding
from nightlatch.record.findings.notes import NOTHING_FOUND, CheckedNote
from nightlatch.record.history import History
from nightlatch.record.phases import Stage
from nightlatch.record.progress import Item, RunStart
from nightlatch.run.keep_awake import asleep
from nightlatch.sandbox.base import Sandbox
from nightlatch.util.console import Console
from nightlatch.util.units import show_duration
from nightlatch.verdict.engine_io import VerdictEngine
from nightlatch.workspace.pool import Pool
from nightlatch.workspace.workspace import Workspace

JITTER = 50  # seconds
SLEPT = 60.0  # seconds: less is a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time as a run sees it: what it is, waiting for so many seconds or until an event is set,
    how long the machine has slept in all."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    wait: Callable[[Event, float], object] = Event.wait
    asleep: Callable[[], float] = asleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What one invocation asked for, over the configuration, and the clock that it goes by."""

    once: bool = False
    feature: str = ""
    accept_red: bool = False
    stay: bool = False
    wake: str = ""
    flags: Mapping[str, object] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)


class Stopped(KeyboardInterrupt):
    """A person ended what ran while nothing was at work that could be carried."""


@dataclass(slots=True, kw_only=True)
class Signals:
    """What a person asked by signal: once ends the run after the work is carried, twice ends it
    at once."""

    asked: str = ""
    code: int = 0
    clock: Clock = field(default_factory=Clock)
    _heard: Event = field(default_factory=Event)
    told: bool = False
    _idle: bool = False

    def hear(self, number: int, _frame: FrameType | None) -> None:
        # the second one is meant: no work is carried any more
        if self.asked:
            raise KeyboardInterrupt
        self.asked, self.code = signal.Signals(number).name, 128 + number
        self._heard.set()
        if self._idle:
            raise Stopped

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Nothing is at work that could be carried: the first signal raises Stopped."""
        self._idle = True
        try:
            yield
        finally:
            self._idle = False

    def pause(self, seconds: float) -> None:
        """Wait that long, or until a signal is heard."""
        self.clock.wait(self._heard, seconds)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A closed terminal ends nothing; Ctrl-C and TERM are heard.

        What is ignored would be ignored by every child too: so nothing is.
        """
        before = {kind: signal.signal(kind, self.hear) for kind in (signal.SIGINT, signal.SIGTERM)}
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda _number, _frame: None)
        try:
            yield
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)


@dataclass(slots=True, kw_only=True)
class RunTimes:
    """When the run ends by `limits.until` and by `limits.wall`, which sleep moves on; `asleep` is
    how many seconds the machine had slept in all at the last look (None: nobody looked)."""

    until: datetime | None = None
    wall: datetime | None = None
    asleep: float | None = None


@dataclass(slots=True, kw_only=True)
class RunMemory:
    """What the run knows from one verb to the next, and no commit says.

    `plan_seen` is the plan as it was last looked at. `plan_stat`, `wish` and `waiting` are what the
    last decision knew of: the plan's file, what is asked of the run, why it waits. `proven` is the
    commit at which what passes was last proved, `base_seen`: this run itself has seen the suite of
    its base. `out` are the agents that need the person first, a login or credit, and what each
    said.
    """

    plan_seen: bytes | None = None
    plan_stat: tuple[int, int] | None = None
    wish: str = ""
    waiting: str = ""
    start_base: str = ""
    proven: str = ""
    base_seen: bool = False
    out: dict[str, str] = field(default_factory=dict)
    times: RunTimes = field(default_factory=RunTimes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A session from its provision on.

    `stage` is the phase that it works in, None for a feature without phases. `laid` is the tree of
    earlier work that lies in its workspace, "" for none; `carried` are the files in which it
    differs from the base, `conflicts` those with conflict marks.
    """

    id: str
    feature: Feature
    base: str
    workspace: Workspace
    agent: Agent
    stage: Stage | None = None
    laid: str = ""
    conflicts: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A tree that a session produced, the commit it is compared with, what was seen while it
    was built, and what the session noted."""

    tree: str
    base: str
    reasons: tuple[Reason, ...] = ()
    found: CheckedNote = NOTHING_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all lanes of a run have together; one of each, whoever asks."""

    project: Project
    branch: str
    run: str
    options: Options
    journal: Journal
    record: BranchReader
    signals: Signals
    notifier: Notifier
    now: Callable[[], datetime]
    memory: RunMemory = field(default_factory=RunMemory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What one worker of a run has to itself: its agents, the workspaces that they work in, what
    examines their work, and the place where it tells of it."""

    agents: tuple[Agent, ...]
    sandbox: Sandbox
    pool: Pool
    engine: VerdictEngine
    console: Console


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Everything that the verbs of the loop can do to the world, in one lane of a run."""

    shared: Shared
    lane: Lane

    @property
    def project(self) -> Project:
        return self.shared.project

    @property
    def branch(self) -> str:
        return self.shared.branch

    @property
    def run(self) -> str:
        return self.shared.run

    @property
    def options(self) -> Options:
        return self.shared.options

    @property
    def journal(self) -> Journal:
        return self.shared.journal

    @property
    def record(self) -> BranchReader:
        return self.shared.record

    @property
    def signals(self) -> Signals:
        return self.shared.signals

    @property
    def notifier(self) -> Notifier:
        return self.shared.notifier

    @property
    def now(self) -> Callable[[], datetime]:
        return self.shared.now

    @property
    def memory(self) -> RunMemory:
        return self.shared.memory

    @property
    def agents(self) -> tuple[Agent, ...]:
        return self.lane.agents

    @property
    def sandbox(self) -> Sandbox:
        return self.lane.sandbox

    @property
    def pool(self) -> Pool:
        return self.lane.pool

    @property
    def engine(self) -> VerdictEngine:
        return self.lane.engine

    @property
    def console(self) -> Console:
        return self.lane.console

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"

    @property
    def sign(self) -> bool:
        return self.project.config.land.sign

    def tip(self) -> str:
        """Return the commit that the branch names now. RepoError where somebody renamed or deleted
        it."""
        if tip := self.project.repo.tip(self.branch):
            return tip
        fix = (
            f"git branch {shlex.quote(self.branch)} COMMIT, or run again on the branch that is"
            " checked out now"
        )
        raise RepoError(
            f"the branch {self.branch} is gone", place=str(self.project.repo.top), fix=fix
        )

    def history(self, tip: str) -> History:
        return self.record.history(tip)

    def progress_text(self, tip: str) -> str:
        return self.record.progress_text(tip)

    def plan(self, tip: str) -> Plan | None:
        return self.record.plan(tip)

    def findings(self, tip: str) -> tuple[Finding, ...]:
        """Return everything that is on record, oldest first."""
        return self.record.findings(tip)

    def sessions_used(self, tip: str) -> int:
        """Return how many sessions of this run the branch has on record."""
        # from the end: a branch of a year has thousands of them, and this run's are its last
        latest = reversed([*self.history(tip).sessions])
        return sum(1 for _ in takewhile(lambda name: name.startswith(f"{self.run}-"), latest))

    def words(self, tip: str) -> list[str]:
        """Return what the sessions of this run came to, as far as the branch has them."""
        return [
            word
            for session, word in self.history(tip).sessions.items()
            if session.startswith(f"{self.run}-")
        ]

    def asked(self, waits: Iterable[str]) -> dict[str, str]:
        """Return these features with what each asks of the person."""
        tip = self.tip()
        plan, history = self.plan(tip), self.history(tip)
        found = {name: plan.feature(name) for name in waits} if plan else {}
        return {
            name: history.of(feature).question if feature else "" for name, feature in found.items()
        }

    def limited(self, agent: Agent) -> datetime | None:
        """Return when an agent's usage limit ends, None when none holds."""
        until = self.journal.state.limits.get(agent.name)
        return until if until and until > self.now() else None

    def met_limit(self, agent: Agent, resets_at: datetime | None) -> None:
        """An agent met its usage limit, or is about to: it is not asked again before the reset,
        nor in the same second as everybody else.

        Without a word on when that is, it is a guess that grows each time that it was too short.
        """
        free = resets_at or self.now() + unknown(self.journal.state.guesses.get(agent.name, 0))
        # many runs share one login: not all of them may knock in the same second
        until = free + timedelta(seconds=5 + secrets.randbelow(JITTER))
        self.journal.write(
            "limit.met", agent=agent.name, until=until.isoformat(), guessed=resets_at is None
        )
        told = "" if resets_at else ", as a guess"
        self.console.say("limit", f"{agent.name} is limited until {until:%Y-%m-%d %H:%M %Z}{told}")

    def take_lifted(self) -> None:
        """Where the person said that usage limits are over, every agent is asked again."""
        if control_io.are_lifted(self.project):
            if self.journal.state.limits:
                self.journal.write("limit.lifted")
                self.console.say("limit", "lifted by you: every agent is asked again")
            control_io.taken_as_lifted(self.project)

    def notice_sleep(self) -> None:
        """Write down that the machine slept since the last look.

        No time-out counts that: they go by a clock that stood still meanwhile, and the run's own
        wall time is moved on.
        """
        times, total = self.memory.times, self.options.clock.asleep()
        # the first look only remembers: the machine slept before this run
        seconds = 0.0 if times.asleep is None else total - times.asleep
        times.asleep = total
        if seconds < SLEPT:
            return
        self.journal.write("machine.slept", seconds=round(seconds))
        self.console.say(
            "slept",
            f"the machine slept {show_duration(60 * round(seconds / 60))}; no time-out counts it",
        )
        times.wall = times.wall and times.wall + timedelta(seconds=seconds)

    def run_is_open(self, tip: str) -> bool:
        """Return whether progress.txt has this run's opening line."""
        return self.history(tip).spending.run == self.run

    def run_start(self, tip: str) -> Item:
        """Return the line that opens this run in progress.txt."""
        budget = self.project.config.limits.budget
        spend = f"${budget:.2f}" if budget else "none"
        fields = {
            "base": tip[:7],
            "passing": self.passing(tip),
            "budget": spend,
            "agent": self.agents[0].name,
        }
        cut = self.cut(tip)
        says = (
            f"{cut} was cut off: killed or crashed, or the machine stopped; this run goes on from"
            " there"
        )
        return RunStart(run=self.run, fields=tuple(fields.items()), details=(says,) if cut else ())

    def cut(self, tip: str) -> str:
        """Return the run before this one, if it did not come to its end, which may have left a
        session in flight and nothing on the branch."""
        past, flight = self.history(tip).spending, self.journal.state.flight
        began = flight.session.rpartition("-")[0] if flight else ""
        return began if began not in ("", self.run) else past.run if past.cut else ""

    def passing(self, tip: str) -> str:
        features = plan.features if (plan := self.plan(tip)) else ()
        return f"{sum(feature.done for feature in features)}/{len(features)}"
