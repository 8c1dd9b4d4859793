"""Agents: found, given a private home, run in a sandbox, and read while they run."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from time import monotonic

from nightlatch import data
from nightlatch.agents.credentials_io import CredentialCopy, lend, read_inside
from nightlatch.agents.exit_classification import Summary, after, ended
from nightlatch.agents.streams.dialects import Reader, reader
from nightlatch.agents.usage_announcements import announced
from nightlatch.errors import ConfigError, FaultError
from nightlatch.model.budget import SpendCap
from nightlatch.model.models import AgentEnd, End, Event
from nightlatch.project.config.settings import AgentSettings
from nightlatch.redaction.patterns import NO_SECRETS, Secrets
from nightlatch.sandbox.base import Sandbox, SandboxSpec
from nightlatch.sandbox.process.supervisor import FILLED, ProcessExit, Timeouts, supervise
from nightlatch.util.clock import local
from nightlatch.util.paths import INSIDE
from nightlatch.util.units import show_duration

SCRIPTED = data.program("nightlatch.agents.scripted")
LONGEST_QUESTION = 2_000
# what only its words tell of a program of plain text
BY_WORDS = frozenset({End.LIMIT, End.CREDIT, End.LOGIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """How one agent CLI is driven.

    `{brief}` in the command stands for the brief's file; without it the brief comes on standard
    input. `passes` are patterns of variables that it may see, `keys` those of them whose presence
    means that an API key pays; then it gets `cap`, which makes it end itself when it has spent
    `{usd}`. `home` gets a private copy of each, `credentials` too, and they are brought back when
    they were refreshed.
    """

    name: str
    command: tuple[str, ...]
    events: str
    model: str = ""
    env: Mapping[str, str]
    passes: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    cap: tuple[str, ...] = ()
    home: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    tty: bool = False
    login: str = ""
    tested: str = ""
    shipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRun:
    """What came of one agent: how it ended, and what its stream came to.

    `doubt`: how it ended if the last words of a program of plain text are taken for the
    announcement of a limit, a missing login or credit. They may as well be about the project's own.
    """

    end: AgentEnd
    summary: Summary
    doubt: AgentEnd | None = None

    @property
    def believed_end(self) -> AgentEnd:
        """How it ended; the last words of one that failed are believed, those of one that ended
        well are not."""
        return self.doubt if self.doubt and self.end.end is not End.FINISHED else self.end


def shipped() -> tuple[str, ...]:
    """Return the names of the agents that come with the package."""
    return data.names("agents/data", ".toml")


def load(
    name: str, adjusted: Mapping[str, AgentSettings], model: str = "", *, judging: bool = False
) -> Agent:
    """Return the agent of that name: a shipped one with the person's adjustments, or a command of
    their own.

    `judging`: a shipped one is started so that it only reads, where it knows how to.
    """
    given = adjusted.get(name, AgentSettings())
    if name in shipped() and not given.command:
        agent = _shipped(name, given, model or given.model, "judge" if judging else "command")
    elif given.command:
        agent = Agent(
            name=name,
            command=(*given.command, *given.args),
            events=given.events or "text",
            model=model or given.model,
            env=given.env,
            home=given.home,
            tty=bool(given.tty),
        )
    else:
        known = sorted({*shipped(), *adjusted})
        near = get_close_matches(name, known, 1)
        fix = (
            f"did you mean {near[0]}?"
            if near
            else f"use one of {', '.join(known)}, or give it a command in [agents.{name}]"
        )
        raise ConfigError(f"unknown agent {name!r}", fix=fix)
    reader(agent.events)
    return agent


def _shipped(name: str, given: AgentSettings, model: str, how: str) -> Agent:
    table = data.table("agents/data", f"{name}.toml")
    fill = {"{python}": os.path.realpath(sys.executable), "{model}": model}
    words = (
        *table.get(how, table["command"]),
        *(table.get("model", ()) if model else ()),
        *given.args,
    )
    lists = {key: tuple(table.get(key, ())) for key in ("passes", "keys", "cap", "credentials")}
    return Agent(
        name=name,
        command=tuple(fill.get(w, w) for w in words),
        events=given.events or table["events"],
        model=model,
        env={**table.get("env", {}), **given.env},
        home=(*table.get("home", ()), *given.home),
        tty=bool(given.tty),
        login=table.get("login", ""),
        tested=table["tested"],
        shipped=True,
        **lists,
    )


def which(agent: Agent, project: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the agent's program: in the project if its command names a file there, else on
    PATH."""
    program = agent.command[0]
    # By the checkout of the person, and never by that of an agent.
    if "/" in program and not program.startswith("/"):
        return project / program if os.access(project / program, os.X_OK) else None
    found = shutil.which(program, path=environ.get("PATH", os.defpath))
    return Path(found) if found else None


def find(agent: Agent, project: Path, environ: Mapping[str, str]) -> Path:
    """As `which`, or the fault that names what is missing."""
    found, script = which(agent, project, environ), environ.get("NIGHTLATCH_SCRIPT", "")
    if "{scripted}" in agent.command and not Path(script).is_file():
        fix = "set NIGHTLATCH_SCRIPT to a file of steps; docs/agents.md lists them"
        raise FaultError("the scripted agent has no script to follow", place=script, fix=fix)
    if found is None:
        fix = (
            "install it, or choose another with --agent"
            if agent.shipped
            else f"correct command in [agents.{agent.name}]"
        )
        raise FaultError(
            f"agent {agent.name} is not installed ({agent.command[0]!r} not found)", fix=fix
        )
    return found


def billed(agent: Agent, environ: Mapping[str, str]) -> str:
    """Return who pays for the agent, as far as the environment tells."""
    if key := paying_key(agent, environ):
        return f"{agent.name} is billed to the API key in {key}"
    return (
        f"{agent.name} is billed to the account it is logged in to"
        if agent.login
        else f"who is billed for {agent.name} is not known"
    )


def paying_key(agent: Agent, environ: Mapping[str, str]) -> str:
    """Return the variable that holds the API key, "" for none."""
    return next((name for name in agent.keys if environ.get(name)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFiles:
    """Where an agent's brief is, where it leaves what is for the loop (the real NIGHTLATCH_OUT),
    and where its stream is kept, if it is."""

    brief: Path
    out: Path
    transcript: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentHooks:
    """Who listens to an agent while it runs.

    `stop` is asked, and `tick` is told the seconds since the start and the seconds of silence,
    about once a second; `on_start` gets the identity that ends an orphan.
    """

    on_event: Callable[[Event], None] = lambda _: None
    on_start: Callable[[str], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False
    tick: Callable[[float, float], None] = lambda _elapsed, _silence: None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentClocks:
    """`now` is what clocks show, and limits go by `steady`, which never jumps."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    steady: Callable[[], float] = monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentInvocation:
    """One run of an agent: its files, the spec by which it runs, its limits, and who listens.

    `project` is the folder in which a command such as ./my-agent.sh is looked for, `environ` the
    loop's own environment; `secrets` are hidden in all that is heard and written. Where `cap` is
    reached, the agent is ended.
    """

    project: Path
    files: AgentFiles
    spec: SandboxSpec
    sandbox: Sandbox
    limits: Timeouts
    cap: SpendCap = field(default_factory=SpendCap)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    secrets: Secrets = NO_SECRETS
    hooks: AgentHooks = field(default_factory=AgentHooks)
    clocks: AgentClocks = field(default_factory=AgentClocks)

    def program(self, agent: Agent) -> Path:
        """Return the agent's program. Raises FaultError where it is not installed."""
        return find(agent, self.project, self.environ)


@dataclass(slots=True, kw_only=True)
class AgentStreamListener:
    """Reads an agent's stream as it comes, and answers the supervisor's questions about it."""

    stream: Reader
    invocation: AgentInvocation
    loan: CredentialCopy
    summary: Summary = field(default_factory=Summary)
    gave_up: bool = False
    spent: str = ""
    _went_on: float = 0.0

    def hear(self, line: bytes) -> None:
        for event in self.stream.feed(line):
            self.summary = after(self.summary, event)
            self.invocation.hooks.on_event(event)

    def open_tools(self) -> int:
        return len(self.summary.open_tools)

    def finished(self) -> bool:
        return self.summary.result is not None

    def stop(self) -> bool:
        return bool(self.spent) or self.gave_up or self.invocation.hooks.stop()

    def tick(self, elapsed: float, silence: float) -> None:
        """An agent that does nothing but retry is idle, however much it says about it."""
        self._went_on = self._went_on if self.summary.trouble.says else elapsed
        self.gave_up = 0 < self.invocation.limits.idle < elapsed - self._went_on
        self.spent = self.spent or self.invocation.cap.reached(
            self.summary.usage, listed=self.summary.limit.plan
        )
        # At every tick, for the loop may be killed: the login of before is worth nothing by then.
        self.loan.bring_back()
        self.invocation.hooks.tick(elapsed, silence)


def invoke(agent: Agent, invocation: AgentInvocation) -> AgentRun:
    """Run the agent on the brief until it ends or is ended; a FaultError if it does not even
    start."""
    spec = furnished(agent, invocation)
    home = Path(invocation.environ.get("HOME", "/"))
    loan = lend(agent.credentials, agent.home, home, spec.home)
    listener = AgentStreamListener(stream=reader(agent.events), invocation=invocation, loan=loan)
    argv = argv_of(agent, invocation, spec)
    try:
        done = supervise(
            invocation.sandbox.command(spec, argv),
            stdin=(
                b""
                if any("{brief}" in arg for arg in agent.command)
                else invocation.files.brief.read_bytes()
            ),
            on_line=listener.hear,
            transcript=invocation.files.transcript,
            limits=invocation.limits,
            watch=listener,
            tty=agent.tty,
            on_start=invocation.hooks.on_start,
            secrets=invocation.secrets,
            clock=invocation.clocks.steady,
        )
    finally:
        loan.bring_back()
    return outcome_of(agent, invocation, listener, done)


def outcome_of(
    agent: Agent, invocation: AgentInvocation, listener: AgentStreamListener, done: ProcessExit
) -> AgentRun:
    """Return how the agent ended, by its stream, its exit code and what asked it to end."""
    by = ended_by(invocation, listener, done)
    now = local(invocation.clocks.now())
    end_of = partial(
        ended,
        listener.summary,
        events=agent.events,
        signal=done.signal,
        by=by,
        now=now,
        zone=now.tzinfo or UTC,
        why=reasons(invocation.limits).get(by, listener.spent),
        seconds=done.seconds,
        question=question(invocation.files.out),
    )
    end, failed = (hidden(end_of(code=code), invocation.secrets) for code in (done.exit, 1))
    if agent.events != "text":
        return AgentRun(end=end, summary=listener.summary)
    # In plain text an announcement of the agent's looks like any other words of its own.
    if (
        end.end is End.FINISHED
        and announced(listener.summary.output.words)
        and failed.end in BY_WORDS
    ):
        return AgentRun(end=end, summary=listener.summary, doubt=failed)
    if end.end in BY_WORDS:
        return AgentRun(end=replace(end, end=End.FAULT), summary=listener.summary, doubt=end)
    return AgentRun(end=end, summary=listener.summary)


def ended_by(invocation: AgentInvocation, listener: AgentStreamListener, done: ProcessExit) -> str:
    """Return what asked the agent to end: what its stream showed, unless the person did."""
    shown = "budget" if listener.spent else "idle" if listener.gave_up else ""
    is_shown = bool(shown) and done.by == "stop" and not invocation.hooks.stop()
    return shown if is_shown else done.by


def reasons(limits: Timeouts) -> dict[str, str]:
    """Return the words for an end by a limit, each with its setting."""
    wall, idle, tool = map(show_duration, (limits.wall, limits.idle, limits.tool))
    return {
        "wall": f"it had {wall}: limits.session",
        "idle": f"nothing came from it for {idle}: limits.idle",
        "tool": f"it took {tool}: limits.tool",
        "disk": FILLED,
    }


def hidden(end: AgentEnd, secrets: Secrets) -> AgentEnd:
    """Return the end without what is secret in its words."""
    todo = tuple((secrets.hide(words), finished) for words, finished in end.todo)
    return replace(
        end,
        says=secrets.hide(end.says),
        question=secrets.hide(end.question),
        wonders=secrets.hide(end.wonders),
        todo=todo,
    )


def argv_of(agent: Agent, invocation: AgentInvocation, spec: SandboxSpec) -> list[str]:
    """Return the command with the places of its files as it sees them."""
    seen = {
        "{brief}": spec.env["NIGHTLATCH_BRIEF"],
        "{scripted}": str(invocation.sandbox.inside(spec, SCRIPTED)),
    }
    first, *rest = agent.command
    for word, path in seen.items():
        rest = [arg.replace(word, path) for arg in rest]
    usd = invocation.cap.usd if paying_key(agent, {**invocation.environ, **agent.env}) else None
    cap = [] if usd is None else [arg.replace("{usd}", f"{usd:.2f}") for arg in agent.cap]
    return [first if "/" in first else str(invocation.program(agent)), *rest, *cap]


def question(out: Path) -> str:
    """Return what the agent wrote to blocked.md, without empty lines; "" where there is none."""
    lines = (
        (read_inside(out, "blocked.md", LONGEST_QUESTION) or b"")
        .decode("utf-8", "replace")
        .splitlines()
    )
    return "\n".join(line.strip() for line in lines if line.strip())


def furnished(agent: Agent, invocation: AgentInvocation) -> SandboxSpec:
    """Return the spec with the agent's program, its brief and its variables in it."""
    passed = {
        name: value
        for name, value in invocation.environ.items()
        if any(fnmatchcase(name, pattern) for pattern in agent.passes)
    }
    places = {"NIGHTLATCH_BRIEF": (invocation.files.brief, Path(INSIDE, "brief.md"))}
    places |= {"": (SCRIPTED, Path(INSIDE, "scripted.py"))} if "{scripted}" in agent.command else {}
    if "NIGHTLATCH_SCRIPT" in passed:
        places["NIGHTLATCH_SCRIPT"] = (
            Path(passed["NIGHTLATCH_SCRIPT"]).absolute(),
            Path(INSIDE, "script.json"),
        )
    readable = (*invocation.spec.readable, *places.values())
    spec = replace(invocation.spec, readable=readable)
    seen = {
        name: str(invocation.sandbox.inside(spec, real))
        for name, (real, _) in places.items()
        if name
    }
    path = f"{invocation.program(agent).parent}:{spec.env.get('PATH', os.defpath)}"
    return replace(spec, env={**spec.env, "PATH": path, **passed, **agent.env, **seen})
