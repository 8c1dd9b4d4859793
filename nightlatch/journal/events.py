"""Journal lines and what they add up to: the one session that may be in flight, and the limits
that still hold."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zlib import crc32

Fields: TypeAlias = Mapping[str, object]

# The starts and ends of a run and of its sessions: the last of them says where a run is.
TURNS = frozenset({"run.started", "session.started", "session.ended", "run.ended"})
RUN = "r-%Y%m%d-%H%M%S"
# a last run that is further ahead than this was named by a clock that went wrong
BURST = timedelta(minutes=1)


def encode(event: str, at: datetime, fields: Fields) -> bytes:
    """Return one line, its checksum last. Lone surrogates of file names survive as JSON escapes."""
    body = json.dumps(
        {"event": event, "at": at.isoformat(timespec="milliseconds"), **fields},
        ensure_ascii=True,
        separators=(",", ":"),
    )
    return f'{body[:-1]},"crc":"{crc32(body.encode()):08x}"}}\n'.encode()


def decode(line: bytes) -> Fields | None:
    """Return the fields of one line, or None where the line is torn or its checksum does not
    hold."""
    text, comma, crc = line.rstrip(b"\n").rpartition(b',"crc":"')
    body = text + b"}"
    if not comma or crc != b'%08x"}' % crc32(body):
        return None
    try:
        fields = json.loads(body)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """A session between its start and its end, as far as the journal tells.

    `process` names the agent's process (pid, start time, boot) until it ended; `tree` is the
    candidate once it was built, `laid` the tree of earlier work that it started from.
    """

    session: str
    feature: str
    digest: str
    base: str
    folder: str
    agent: str = ""
    process: str = ""
    end: Fields = field(default_factory=dict)
    tree: str = ""
    laid: str = ""


def run_id(now: datetime, last: str) -> str:
    """Return the name of a run that begins now, by the second; the next second where the last run
    has this one already."""
    wanted = f"{now.astimezone(UTC):{RUN}}"
    try:
        after = datetime.strptime(last, RUN).replace(tzinfo=UTC) + timedelta(seconds=1)
    except ValueError:
        return wanted
    return f"{after:{RUN}}" if wanted <= last and after - now < BURST else wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalState:
    """What the journal says of work in flight; everything else is read from the branch.

    `publishing` is a commit about to become the branch's tip: commit, parent and branch. `scripts`
    counts the sessions that each script of the scripted agent has had. `agent` is the last one that
    worked. `limits` has when each agent may be asked again, `guesses` how often in a row that was a
    guess, `tokens` what the run has used: one that was cut off goes on in the next.
    """

    run: str = ""
    agent: str = ""
    flight: InFlight | None = None
    limits: Mapping[str, datetime] = field(default_factory=dict)
    guesses: Mapping[str, int] = field(default_factory=dict)
    tokens: int = 0
    scripts: Mapping[str, int] = field(default_factory=dict)
    publishing: Fields = field(default_factory=dict)


def carried(state: JournalState) -> Fields:
    """Return what `segment.started`, the first event of a segment, holds of all the earlier ones:
    everything but work in flight."""
    limits = {agent: until.isoformat() for agent, until in state.limits.items()}
    return {
        **{name: getattr(state, name) for name in ("run", "agent", "guesses", "tokens", "scripts")},
        "limits": limits,
    }


def after(state: JournalState, line: Fields) -> JournalState:
    """Return the state once one more event has happened; unknown events change nothing."""
    names = (
        "run",
        "session",
        "feature",
        "digest",
        "base",
        "folder",
        "agent",
        "process",
        "tree",
        "laid",
    )
    text = {name: str(line.get(name, "")) for name in names}
    flight = state.flight
    match line.get("event"):
        case "run.started":
            return replace(state, run=text["run"])
        case "session.started":
            return _begun(state, text, str(line.get("script", "")))
        case "session.restored" if flight:
            return replace(state, flight=replace(flight, folder=text["folder"], process=""))
        case "agent.started" if flight:
            return replace(state, flight=replace(flight, process=text["process"]))
        case "agent.ended" if flight:
            return _over(state, flight, line)
        case "judge.started" if flight:
            return replace(state, flight=replace(flight, process=text["process"]))
        case "judge.ended" if flight:
            whole = replace(flight, process="", end=_with_cost(flight.end, line))
            return replace(state, flight=whole, tokens=state.tokens + _tokens(line))
        case "candidate.built" if flight:
            return replace(state, flight=replace(flight, tree=text["tree"]))
        case "publish.started":
            return replace(state, publishing=line)
        case "publish.ended":
            return replace(state, publishing={})
        case "session.ended":
            return replace(state, flight=None)
        case "segment.started":
            return _carried(text, line)
        case "run.ended":
            return replace(state, tokens=0)
        case "limit.lifted":
            return replace(state, limits={})
        case "limit.met":
            return _limited(state, text["agent"], line)
    return state


def _carried(text: Mapping[str, str], line: Fields) -> JournalState:
    limits, guesses, scripts = (
        dict(each) if isinstance(each := line.get(name), dict) else {}
        for name in ("limits", "guesses", "scripts")
    )
    untils = {agent: datetime.fromisoformat(str(until)) for agent, until in limits.items()}
    return JournalState(
        run=text["run"],
        agent=text["agent"],
        limits=untils,
        guesses=guesses,
        tokens=int(_number(line, "tokens")),
        scripts=scripts,
    )


def _begun(state: JournalState, text: Mapping[str, str], script: str) -> JournalState:
    counted = (
        {**state.scripts, script: state.scripts.get(script, 0) + 1} if script else state.scripts
    )
    flight = InFlight(
        session=text["session"],
        feature=text["feature"],
        digest=text["digest"],
        base=text["base"],
        folder=text["folder"],
        agent=text["agent"],
        laid=text["laid"],
    )
    return replace(state, agent=flight.agent, flight=flight, scripts=counted)


def _over(state: JournalState, flight: InFlight, line: Fields) -> JournalState:
    """Return the state after an agent ended: anything but a limit has shown that the last guess was
    long enough."""
    kept = line.get("end") == "limit"
    guesses = {name: count for name, count in state.guesses.items() if kept or name != flight.agent}
    return replace(
        state,
        flight=replace(flight, process="", end=line),
        guesses=guesses,
        tokens=state.tokens + _tokens(line),
    )


def _limited(state: JournalState, agent: str, line: Fields) -> JournalState:
    until = datetime.fromisoformat(str(line["until"]))
    more = {agent: state.guesses.get(agent, 0) + 1} if line.get("guessed") else {}
    return replace(state, limits={**state.limits, agent: until}, guesses={**state.guesses, **more})


def _with_cost(end: Fields, judge: Fields) -> Fields:
    """Return the agent's end with what a judge took besides."""
    sums = {
        name: _number(end, name) + _number(judge, name)
        for name in ("input", "cached", "output", "usd")
        if judge.get(name) is not None
    }
    return {**end, **sums} if end else end


def _tokens(line: Fields) -> int:
    return int(sum(_number(line, name) for name in ("input", "cached", "output")))


def _number(fields: Fields, name: str) -> int | float:
    value = fields.get(name)
    return value if isinstance(value, int | float) else 0
