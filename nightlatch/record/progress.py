"""The grammar of progress.txt: entries and runs to text and back, with anybody else's text kept
as it stands."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import TypeAlias

from nightlatch.model.models import AgentEnd, End, Feature, Outcome, Ruling, SessionEnded

SESSION_WORDS = tuple(outcome.value for outcome in Outcome)
DECISION = "decision"
OTHER_WORDS = ("waiting", "finding", DECISION, "note")
LIST_PRICE = "the dollars are a list price: a subscription pays, and no budget counts them"
END_LINES = 8
DETAILS = 12
TITLE = 120
DETAIL = 300
QUESTION = 500
QUESTION_LINES = 20  # after the first
MORE = "| "
KEPT_WORK = "kept: "  # begins the detail that says what did not land
MOST_TRIED = 6  # of what was tried before, as many are remembered
ENDS = {
    End.BLOCKED: "the agent stopped to ask",
    End.LIMIT: "the agent met its usage limit",
    End.BUDGET: "the agent was ended by the budget",
    End.CONTEXT: "the agent's context was full",
    End.TURNS: "the agent used up its turns",
    End.WALL: "the agent was ended before it was finished",
    End.IDLE: "the agent hung and was ended",
    End.TOOL: "the agent was ended, because one tool call did not come to its end",
    End.STOPPED: "you stopped the run while the agent worked",
    End.CRASHED: "the run was cut off: it was killed or crashed, or the machine stopped",
    End.LOGIN: "the agent needs a login",
    End.CREDIT: "the agent's account has no credit left",
    End.FAULT: "the agent failed",
}
RULE_OF_END = {
    End.BLOCKED: "agent.question",
    End.LIMIT: "agent.limit",
    End.BUDGET: "agent.budget",
    End.CONTEXT: "agent.context",
    End.TURNS: "agent.turns",
    End.WALL: "agent.wall",
    End.IDLE: "agent.idle",
    End.TOOL: "agent.tool",
    End.STOPPED: "agent.stopped",
    End.CRASHED: "loop.crash",
    End.LOGIN: "agent.login",
    End.CREDIT: "agent.credit",
    End.FAULT: "agent.fault",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Lines between the entries: untouched, never read as an entry."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A header with details below it.

    `eol` is its line ending; `cut` says that nothing ends its last line (the end of a file).

    `joined`: the last detail, which names session and digest, stands at the end of the line before
    it.
    """

    details: tuple[str, ...] = ()
    eol: str = "\n"
    cut: bool = False
    joined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Block):
    """One session, decision, finding, note or wait, at a UTC minute; only sessions have tries,
    minutes, dollars and a rule."""

    at: datetime
    word: str
    feature: str = ""
    tries: int | None = None
    minutes: int | None = None
    usd: float | None = None
    rule: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart(Block):
    """The line a run opens with."""

    run: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFeatures(Block):
    """What became of each feature in a run, a line each, above the block that closes it: an
    entry is part of the commit that it is about, so only what comes later can name that
    commit."""

    run: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd(Block):
    """The block a run closes with; its details are the morning."""

    run: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One decision that waits for the person: the command is `verb`, the feature, `rest`.

    `others` are features that it is about too.
    """

    feature: str
    says: str
    verb: str
    rest: str = ""
    others: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        return (self.feature, *self.others)

    @property
    def name(self) -> str:
        return f"{self.feature} and {len(self.others)} more" if self.others else self.feature

    def command(self, program: str) -> str:
        return " ".join(filter(None, (program, self.verb, shlex.join(self.features), self.rest)))

    def other(self, program: str) -> str:
        """Return the command for the opposite answer, "" where there is only one."""
        verb, rest = _OPPOSITES.get(self.verb, ("", ""))
        return replace(self, verb=verb, rest=rest).command(program) if verb else ""


Run: TypeAlias = RunStart | RunFeatures | RunEnd
Item: TypeAlias = Text | Entry | Run
RUNS: Mapping[str, type[Run]] = {"start": RunStart, "features": RunFeatures, "end": RunEnd}


def _words(words: Iterable[str]) -> str:
    return "|".join(f"{word:11}".replace(" ", "[ ]") for word in words)


_ONE_WORD = r"[^\s\x00-\x1f\x7f-\x9f]+"
_LINES = r"(\r?\n|\Z)((?:[ ]{4}[^\r\n]+(?:\r?\n|\Z))*)"
# One expression for all kinds of blocks: a run of months is thousands of entries, and each session
# reads them all. What is not exactly as it is written here is somebody else's text.
_BLOCK = re.compile(
    rf"""
    ([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}Z)[ ]
    (?: ({_words(SESSION_WORDS)})[ ]({_ONE_WORD})[ ]
        try=(-|[1-9][0-9]*)[ ]
        ([ ]{{3}}-|[ ]{{2}}[0-9]m|[ ][1-9][0-9]m|[1-9][0-9]{{2,}}m)[ ]
        ([ ]{{5}}-|[ ]\$[0-9]\.[0-9]{{2}}|\$[1-9][0-9]+\.[0-9]{{2}})[ ]
        ({_ONE_WORD})(?:[ ]{{2}}([^\r\n]+))?
    |   ({_words(OTHER_WORDS)})[ ]({_ONE_WORD})(?:[ ]([^\r\n]+))?
    ){_LINES}
    | ==[ ]run[ ]({_ONE_WORD})[ ]({"|".join(RUNS)})
      ((?:[ ][\w-]+=(?:"(?:[^"\\\r\n]|\\[^\r\n])*"|[^\s"]*))*){_LINES}
    | [^\n]*(?:\n|\Z)
    """,
    re.VERBOSE,
)
_FIELD = re.compile(r' ([\w-]+)=("(?:[^"\\\r\n]|\\[^\r\n])*"|[^\s"]*)')
_PLAIN = re.compile(r'[^\s"]*')
_QUOTED = re.compile(r"[\s%\x00-\x1f\x7f-\x9f]")
_ESCAPE = re.compile(r"(?:%[0-9A-F]{2})+")
_DECIDES = re.compile(r"DECIDE  (\d+) (\S+) ")
_JOINED = re.compile(r"(?!session \S+  digest )(.*?\S)  ((?:session \S+  )?digest [0-9a-f]{6})")
_AGAIN = re.compile(r"the same again, .+ in a row")
_OPPOSITES = {
    "approve": ("refuse", '"why"'),
    "retry": ("skip", ""),
    "done": ("hold", ""),
    "answer": ("skip", ""),
}
_PATTERNS = re.compile(
    r"^##[ ]+codebase patterns[^\n]*\n(.*?)(?=^##? |^---|^== run |^[0-9]{4}-[0-9]{2}-[0-9]{2}T|\Z)",
    re.I | re.M | re.S,
)


def parse(text: str) -> tuple[Item, ...]:
    """Return the items of a progress file, or of what was appended to one; `render` gives the same
    text back."""
    items: list[Item] = []
    other = 0
    # Editors of Windows begin a file with a mark, which belongs to nobody's first line.
    for match in _BLOCK.finditer(text, 1 if text.startswith("\ufeff") else 0):
        if (item := _item(match)) is not None:
            if match.start() > other:
                items.append(Text(text=text[other : match.start()]))
            items.append(item)
            other = match.end()
    if other < len(text):
        items.append(Text(text=text[other:]))
    return tuple(items)


def render(items: Sequence[Item]) -> str:
    """Return the text of the items: each detail indented, each header one line, whatever the fields
    hold."""
    last = len(items) - 1
    return "".join(
        item.text if isinstance(item, Text) else _text(item, cut=item.cut and n == last)
        for n, item in enumerate(items)
    )


def appended(text: str, items: Sequence[Item]) -> str:
    """Return what to write after `text` so that the items follow it on lines of their own."""
    return ("\n" if text and not text.endswith("\n") else "") + render(items)


def _item(match: re.Match[str]) -> Entry | Run | None:
    """Return what one match of the grammar says, or None where it is somebody else's line."""
    if match[1] is not None:
        return _entry(match)
    if match[14] is not None:
        block = _details(match[17], match[18], match[0])
        return _run(match, block) if block is not None else None
    return None


def _details(eol: str, text: str, whole: str) -> tuple[tuple[str, ...], str, bool] | None:
    """Return details, line ending and whether the last line is cut; None where line endings are
    mixed."""
    cut = whole[-1] != "\n"
    if not text:
        return (), eol or "\n", cut
    rows = text.split(eol)
    breaks = len(rows) - 1
    # Written again with one line ending, mixed ones would come back changed: nobody's text is.
    if text.count("\n") != breaks or text.count("\r") != breaks * (eol == "\r\n"):
        return None
    return tuple([row[4:] for row in (rows if cut else rows[:-1])]), eol, cut


def _entry(match: re.Match[str]) -> Entry | None:
    """Return the entry of one match, None where it would not be written like this again."""
    other = (match[9] or "").rstrip()
    block = _details(match[12], match[13], match[0])
    try:
        at = datetime.fromisoformat(match[1])
    except ValueError:
        return None
    if block is None:
        return None
    details, eol, cut = block
    has_digest = not other or other == DECISION
    details, joined = _parted(details) if has_digest else (details, False)
    entry = Entry(at=at, word=other, details=details, eol=eol, cut=cut, joined=joined)
    entry = _with_subject(entry, match) if other else _with_session(entry, match)
    # An escape that we would not write is somebody else's: its bytes must come back as they were.
    return entry if "%" not in match[0] or _text(entry, cut=cut) == match[0] else None


def _with_subject(entry: Entry, match: re.Match[str]) -> Entry:
    """Return the entry of a decision, finding, note or wait."""
    return replace(entry, feature=_unquote(match[10]), title=match[11] or "")


def _with_session(entry: Entry, match: re.Match[str]) -> Entry:
    """Return the entry of a session."""
    word, feature, tries, minutes, usd, rule, title = match.groups()[1:8]
    return replace(
        entry,
        word=word.rstrip(),
        feature=_unquote(feature),
        tries=None if tries == "-" else int(tries),
        minutes=None if minutes == "   -" else int(minutes[:-1]),
        usd=None if usd == "     -" else float(usd.lstrip(" $")),
        rule="" if rule == "-" else _unquote(rule),
        title=title or "",
    )


def _parted(details: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """Return the details with session and digest as one of their own, and whether they stood at the
    end of another."""
    found = _JOINED.fullmatch(details[-1]) if details else None
    return ((*details[:-1], found[1], found[2]), True) if found else (details, False)


def _run(match: re.Match[str], block: tuple[tuple[str, ...], str, bool]) -> Run | None:
    kind = RUNS[match[15]]
    details, eol, cut = block
    try:
        fields = tuple(
            (name, json.loads(value) if value.startswith('"') else value)
            for name, value in _FIELD.findall(match[16])
        )
    except ValueError:
        return None
    item = kind(run=_unquote(match[14]), fields=fields, details=details, eol=eol, cut=cut)
    return item if _text(item, cut=cut) == match[0] else None


def _text(item: Entry | Run, *, cut: bool) -> str:
    details = (*item.details[:-2], "  ".join(item.details[-2:])) if item.joined else item.details
    # A line break in a detail would begin a line of its own, which could be read as an entry.
    rows = [f"    {row}" for detail in details for row in re.split(r"[\r\n]+", detail) if row]
    header = re.sub(r"[\r\n]+", " ", _header(item))
    return item.eol.join([header, *rows]) + ("" if cut else item.eol)


def _header(item: Entry | Run) -> str:
    if not isinstance(item, Entry):
        fields = "".join(f" {name}={_value(value)}" for name, value in item.fields)
        word = next(word for word, kind in RUNS.items() if isinstance(item, kind))
        return f"== run {_quote(item.run)} {word}{fields}"
    head = (
        f"{item.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='minutes')}Z"
        f" {item.word:11} {_quote(item.feature)}"
    )
    if item.word in OTHER_WORDS:
        return f"{head} {item.title}" if item.title else head
    tries = "-" if item.tries is None else item.tries
    minutes = "-" if item.minutes is None else f"{item.minutes}m"
    usd = "-" if item.usd is None else f"${item.usd:.2f}"
    head = f"{head} try={tries} {minutes:>4} {usd:>6} {_quote(item.rule)}"
    return f"{head}  {item.title}" if item.title else head


def _quote(word: str) -> str:
    """Return one word without spaces: "-" stands for nothing."""
    # So a feature that is called "-" needs an escape.
    if word in ("", "-"):
        return "%2D" if word else "-"
    return _QUOTED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), word)


def _unquote(word: str) -> str:
    if "%" in word:
        return _ESCAPE.sub(
            lambda found: bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "replace"), word
        )
    return "" if word == "-" else word


def _value(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def line(text: str, limit: int = DETAIL) -> str:
    """Return anybody's text as one printable line: white space folded, control and direction
    characters shown as escapes, cut at the limit."""
    flat = " ".join(text.split())
    if not flat.isprintable():
        flat = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in flat)
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


def lines(text: str, limit: int = DETAIL) -> tuple[str, ...]:
    """Return anybody's text as printable lines, empty ones left out."""
    return tuple(kept for part in text.splitlines() if (kept := line(part, limit)))


def entry_of(
    ended: SessionEnded, at: datetime, tries: int | None = None, tried: Sequence[Entry] = ()
) -> Entry:
    """Return the entry of a session; `tries` is the number of the attempt that it was, `tried` what
    was tried before, latest first.

    A refusal in the same words as the one before it says only that, and how many they are by now.
    """
    usd = ended.end.usage.usd
    listed = (LIST_PRICE,) if ended.end.window.listed else ()
    story = _story(ended)
    again = sum(1 for _ in takewhile(lambda before: _same(ended, story, before), tried))
    if again:
        # Only the last few are remembered, so nobody knows how many a long row is.
        count = again + 1 if again < MOST_TRIED else f"more than {MOST_TRIED}"
        story = (f"the same again, {count} in a row",)
    return Entry(
        at=minute(at),
        word=ended.outcome.value,
        feature=ended.feature.id,
        tries=tries,
        minutes=round(ended.end.seconds / 60),
        # An agent states its own price: what is no price must not spend the budget.
        usd=round(usd, 2) if usd is not None and 0 <= usd < 1e9 else None,
        rule=rule_of(ended),
        title=line(ended.feature.title, TITLE),
        details=(
            *story,
            *listed,
            *ended.phase,
            f"session {ended.session}  digest {ended.feature.digest}",
        ),
        joined=bool(story or listed or ended.phase),
    )


def _same(ended: SessionEnded, story: tuple[str, ...], before: Entry) -> bool:
    """Return whether this refusal has the same words as the one before it.

    One that tells of a phase or a finding is always told whole.
    """
    if ended.outcome is not Outcome.REJECTED or before.word != Outcome.REJECTED:
        return False
    if ended.phase or ended.findings:
        return False
    return before.rule == rule_of(ended) and _story_of(before) == story


def _story_of(entry: Entry) -> tuple[str, ...]:
    """Return the story of an entry: its details without price, session and digest."""
    return tuple(detail for detail in entry.details[:-1] if detail != LIST_PRICE)


def unfolded(entry: Entry, before: Entry | None) -> Entry:
    """Return a refusal that only says that it was the same again, with what the one before it
    tells."""
    if before is None or not is_folded(entry):
        return entry
    return replace(entry, details=(*_story_of(before), *entry.details[1:]))


def is_folded(entry: Entry) -> bool:
    return bool(entry.details) and _AGAIN.fullmatch(entry.details[0]) is not None


def billed(entry: Entry) -> float | None:
    """Return the dollars that somebody pays, None where nothing is known of them; those of a list
    price are none."""
    return 0.0 if LIST_PRICE in entry.details else entry.usd


def minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def rule_of(ended: SessionEnded) -> str:
    """Return how the agent ended where that decided, else the first reason that is more than a
    flag."""
    by_end = RULE_OF_END.get(ended.end.end, "")
    if by_end and ended.outcome in (Outcome.INTERRUPTED, Outcome.FAILED, Outcome.BLOCKED):
        return by_end
    reasons = sorted(ended.reasons, key=lambda reason: reason.ruling is Ruling.FLAG)
    return reasons[0].rule if reasons else ""


def _story(ended: SessionEnded) -> tuple[str, ...]:
    """Return what happened, each thing once: what was done, the question or the agent's end, the
    reasons with what is next, further details, and what the next session finds."""
    end = ended.end
    story = [line(ended.work.landed), *asked(end.question)]
    if end.end in ENDS and not _is_in_reasons(ended):
        story.append(line(in_words(end)))
    story += _reasons(ended)
    story += [part for detail in ended.details for part in lines(detail)]
    if ended.work.carried and not ended.phase:
        story.append(line(f"{KEPT_WORK}{ended.work.carried}"))
    # A question has a room of its own: cut off in the middle nobody could answer it.
    return tuple(dict.fromkeys(filter(None, story)))[: DETAILS + len(asked(end.question))]


def _is_in_reasons(ended: SessionEnded) -> bool:
    """Do the question or a reason say already how the agent ended?"""
    end = ended.end
    if end.question:
        return True
    return bool(end.says) and any(reason.says == end.says for reason in ended.reasons)


def _reasons(ended: SessionEnded) -> Iterator[str]:
    """Yield each reason in a line, and in another one what is to be done next."""
    for reason in ended.reasons:
        if reason.says != ended.end.question:
            detail = ", ".join(filter(None, reason.detail))
            yield line(": ".join(filter(None, (reason.says, detail))))
        if reason.next:
            yield line(f"next: {reason.next}")


def in_words(end: AgentEnd) -> str:
    """Return how an agent ended, as a sentence; its question is one."""
    if end.question:
        return end.says
    return ": ".join(filter(None, (ENDS.get(end.end, ""), end.says)))


def asked(question: str) -> list[str]:
    """Return a question as details: its first line after "asks", the others behind a bar."""
    first, *more = lines(question, QUESTION) or ("",)
    if not first:
        return []
    # The bar keeps a line of the question from being read as a detail of ours.
    return [line(f"asks {first}", QUESTION), *(f"{MORE}{row}" for row in more[:QUESTION_LINES])]


def question_of(details: Sequence[str]) -> str:
    """Return the question of a session, whole; a candidate that is held asks by its first
    reason."""
    more = takewhile(lambda detail: detail.startswith(MORE), details[1:])
    return "\n".join((details[0].removeprefix("asks "), *(row.removeprefix(MORE) for row in more)))


def decision(verb: str, text: str, feature: Feature, at: datetime) -> Entry:
    """Return what the person decided, under the digest of the feature as it stood: answer, approve,
    refuse, done, retry, hold, skip, revert."""
    said = f"{verb} {json.dumps(text, ensure_ascii=False)}" if text else verb
    return Entry(
        at=minute(at),
        word=DECISION,
        feature=feature.id,
        title=said,
        details=(f"digest {feature.digest}",),
    )


def decisions(
    asks: Sequence[Ask], program: str, numbers: Mapping[str, int]
) -> Iterator[tuple[str, Ask, str]]:
    """Yield each decision under the name that it is shown by, its number before it where it has
    one, with the command that answers it."""
    for ask in asks:
        number = f"{numbers[ask.feature]} " if ask.feature in numbers and not ask.others else ""
        yield f"{number}{ask.name}", ask, ask.command(program)


def numbers(ended: RunEnd) -> Mapping[str, str]:
    """Return the features by the numbers that the end of a run gave them; they keep them until the
    next one ends."""
    found = (_DECIDES.match(detail) for detail in ended.details)
    return {one[1]: one[2] for one in found if one}


def patterns(text: str) -> str:
    """Return the body of the section "## Codebase Patterns", wherever in the file it stands."""
    found = _PATTERNS.search(text)
    return found[1].strip() if found else ""
