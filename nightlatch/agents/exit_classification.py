"""Why an agent stopped: a summary kept from its events, and one judgement over it that sorts
finished, limited and faulty."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from nightlatch.agents.usage_announcements import last_words
from nightlatch.agents.usage_limits import FULL, TAIL, from_epoch, reset_time, sort_of
from nightlatch.model.models import AgentEnd, End, Event, Kind, Usage, UsageWindow

SORTS = {
    "turns": End.TURNS,
    "budget": End.BUDGET,
    "context": End.CONTEXT,
    "credit": End.CREDIT,
    "limit": End.LIMIT,
    "login": End.LOGIN,
}
CUT_OFF = {
    "wall": End.WALL,
    "idle": End.IDLE,
    "tool": End.TOOL,
    "stop": End.STOPPED,
    "budget": End.BUDGET,
    "disk": End.FAULT,
}
# gemini and qwen leave with 53 at their turn limit; gemini with an HTTP status & 255: 429
EXITS = {53: "turns", 173: "limit"}
MOST_TOOLS = 256
LONGEST_SAYING = 500
UNFINISHED = re.compile(
    r"(?im)^\W*(?:(?:this|it|the (?:work|feature|task|story)) is )?(?:not (?:yet"
    r" )?(?:finished|done|complete)|unfinished|incomplete)\b"
)
AFTERWORD = 120  # characters behind a question, such as "Please tell me and I will go on."


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingResult:
    """The agent's own word on its end."""

    ok: bool
    says: str
    cls: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The last words said, whether the next part of a message goes on with them, and output outside
    the dialect."""

    words: str = ""
    speaking: bool = False
    stray: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The error or retry since which nothing went on ("" for none), and its HTTP status."""

    says: str = ""
    status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedLimit:
    """What the last limit event said: whether a limit is enforced and until when (epoch s), when
    the windows end of which nearly all is gone, and whether a subscription pays."""

    enforced: bool = False
    resets_at: int = 0
    full_until: int = 0
    plan: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a stream came to so far, in bounded memory; `todo` pairs each item with whether it is
    done."""

    session: str = ""
    model: str = ""
    output: Output = Output()
    trouble: Trouble = Trouble()
    limit: AnnouncedLimit = AnnouncedLimit()
    result: ClosingResult | None = None
    open_tools: tuple[str, ...] = ()
    turns: int = 0
    usage: Usage = field(default_factory=Usage)
    todo: tuple[tuple[str, bool], ...] = ()


def after(summary: Summary, event: Event) -> Summary:
    """Return the summary with one more event."""
    match event.kind:
        case Kind.OTHER:
            # Only the end of it: a program may print for hours.
            stray = f"{summary.output.stray}\n{event.text}"[-TAIL:]
            output = replace(summary.output, stray=stray)
            return replace(summary, output=output) if event.text else summary
        case Kind.SESSION:
            return _begun(summary, event)
        case Kind.RETRY | Kind.ERROR:
            trouble = Trouble(says=event.text or "retrying", status=_number(event, "status"))
            return replace(summary, trouble=trouble)
        case Kind.USAGE:
            return _counted(summary, event)
        case Kind.LIMIT:
            return _limited(summary, event)
        case Kind.RESULT:
            return _closed(summary, event)
        case _:
            # Whatever it says or does, it got over its trouble.
            return _went_on(replace(summary, trouble=Trouble()), event)


def _begun(summary: Summary, event: Event) -> Summary:
    return replace(
        summary,
        session=_text(event, "id") or summary.session,
        model=_text(event, "model") or summary.model,
    )


def _closed(summary: Summary, event: Event) -> Summary:
    result = ClosingResult(
        ok=event.data.get("ok") is True,
        says=event.text,
        cls=_text(event, "cls"),
        status=_number(event, "status"),
    )
    turns = _number(event, "turns") or summary.turns
    return replace(summary, result=result, turns=turns, open_tools=())


def _went_on(summary: Summary, event: Event) -> Summary:
    output = summary.output
    match event.kind:
        case Kind.MESSAGE:
            before = output.words if output.speaking else ""
            words, is_part = f"{before}{event.text}"[-TAIL:], event.data.get("part") is True
            return replace(summary, output=replace(output, words=words, speaking=is_part))
        case Kind.TOOL_CALL:
            return replace(
                summary,
                output=replace(output, speaking=False),
                open_tools=(*summary.open_tools, _text(event, "id"))[-MOST_TOOLS:],
            )
        case Kind.TOOL_RESULT:
            return replace(
                summary,
                output=replace(output, speaking=False),
                open_tools=tuple(t for t in summary.open_tools if t != event.data.get("id")),
            )
        case Kind.TODO:
            found = event.data.get("items")
            return replace(summary, todo=found if isinstance(found, tuple) else ())
        case _:
            return summary


def _limited(summary: Summary, event: Event) -> Summary:
    windows = event.data.get("windows")
    full = (
        max((resets for share, resets in windows if share >= FULL), default=0)
        if isinstance(windows, tuple)
        else 0
    )
    limit = AnnouncedLimit(
        enforced=_text(event, "status") == "rejected",
        resets_at=_number(event, "resets_at"),
        full_until=full,
        plan=event.data.get("plan") is True,
    )
    return replace(summary, limit=limit)


def _counted(summary: Summary, event: Event) -> Summary:
    """Turns add up until a total replaces them."""
    used = event.data.get("usage")
    if not isinstance(used, Usage):
        return summary
    # After a stream that was begun anew the sum of its turns counts the dead one too.
    if event.data.get("total") is True:
        return replace(summary, usage=used)
    return replace(summary, usage=summary.usage + used, turns=summary.turns + 1)


def ended(
    summary: Summary,
    *,
    events: str,
    code: int | None,
    signal: int | None,
    by: str,
    now: datetime,
    zone: tzinfo,
    seconds: float = 0.0,
    question: str = "",
    why: str = "",
) -> AgentEnd:
    """Return how the agent ended, from its events and from how its process did; `question` is what
    it asked, if it did.

    `why` is the sentence of whoever ended it.
    """
    end, says = _why(summary, events, code, signal, by)
    says = says or (why if end is CUT_OFF.get(by) else "")
    # A question that was written down counts however the agent ended, but not over the person's
    # stop.
    if question and end is not End.STOPPED:
        end, says = End.BLOCKED, question
    resets = _resets(summary, says, now, zone) if end is End.LIMIT else None
    # Also of one that finished: the next session would meet the limit in its middle.
    full = from_epoch(summary.limit.full_until, now) if summary.limit.full_until else None
    says = " ".join(says.split())[:LONGEST_SAYING]
    return AgentEnd(
        end=end,
        says=says,
        usage=summary.usage,
        window=UsageWindow(resets_at=resets, full_until=full, listed=summary.limit.plan),
        question=question,
        seconds=seconds,
        todo=summary.todo,
        model=summary.model,
        wonders=wondered(summary) if end is End.FINISHED else "",
        unfinished=any(map(UNFINISHED.search, last_said(summary))),
    )


def last_said(summary: Summary) -> tuple[str, ...]:
    """Return the last words of an agent, by where they stand: its own word on its end, its last
    message, what it printed beside its stream."""
    return (
        summary.result.says if summary.result else "",
        summary.output.words,
        summary.output.stray,
    )


def wondered(summary: Summary) -> str:
    """Return the question with which an agent ended, "" where its last words are none: the last two
    sentences up to the last question mark."""
    for last in last_said(summary):
        head, mark, tail = " ".join(last.split()).rpartition("?")
        if mark and len(tail) <= AFTERWORD:
            return " ".join(re.split(r"(?<=[.!?:])\s+", f"{head}?")[-2:])[-LONGEST_SAYING:]
    return ""


def _why(
    summary: Summary, events: str, code: int | None, signal: int | None, by: str
) -> tuple[End, str]:
    # Before all else: an agent that said its end and then hung has done its work.
    if summary.result and summary.result.ok:
        return End.FINISHED, ""
    if by in CUT_OFF:
        return _cut_off(summary, by)
    if summary.result:
        return _failed(summary, summary.result, code)
    # Plain text has no other way to say that it is finished.
    if events == "text" and code == 0:
        return End.FINISHED, ""
    return _without_result(summary, events, code, signal)


def _cut_off(summary: Summary, by: str) -> tuple[End, str]:
    """Return the end of an agent; one that was only retrying when its time was up failed at what it
    retried."""
    if by in ("stop", "budget", "disk") or not summary.trouble.says:
        return CUT_OFF[by], ""
    sort = sort_of(summary.trouble.says, summary.trouble.status)
    return SORTS.get(sort, End.FAULT if by == "idle" else CUT_OFF[by]), summary.trouble.says


def _failed(summary: Summary, result: ClosingResult, code: int | None) -> tuple[End, str]:
    says, status = (
        (result.says, result.status)
        if result.says
        else (summary.trouble.says, result.status or summary.trouble.status)
    )
    sort = (
        result.cls
        # An event of the stream is certain, and words are a guess.
        or ("limit" if summary.limit.enforced else sort_of(says, status))
        or EXITS.get(code or 0, "")
    )
    return SORTS.get(sort, End.FAULT), says or f"ended in an error (exit {code})"


def _without_result(
    summary: Summary, events: str, code: int | None, signal: int | None
) -> tuple[End, str]:
    """No result event means not finished, whatever the exit code; only now may plain text say
    why."""
    is_text = events == "text"
    output, trouble = summary.output, summary.trouble
    tail = last_words(output.words) if is_text else f"{output.stray}\n{trouble.says}"
    sort = EXITS.get(code or 0, "") or sort_of(tail[-TAIL:], trouble.status)
    if sort == "limit":
        # All of it: when the limit ends may stand in any line.
        return End.LIMIT, tail
    how = f"exit {code}" if is_text else f"ended without a result (exit {code})"
    if signal:
        how = f"killed by signal {signal}"
    last = next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "")
    return SORTS.get(sort, End.FAULT), f"{how}: {last}" if last else how


def _resets(summary: Summary, says: str, now: datetime, zone: tzinfo) -> datetime | None:
    return (
        from_epoch(summary.limit.resets_at, now)
        if summary.limit.enforced and summary.limit.resets_at
        else reset_time(says, now, zone)
    )


def _text(event: Event, key: str) -> str:
    value = event.data.get(key)
    return value if isinstance(value, str) else ""


def _number(event: Event, key: str) -> int:
    value = event.data.get(key)
    return value if isinstance(value, int) else 0
