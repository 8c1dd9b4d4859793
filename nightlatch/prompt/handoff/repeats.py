"""What a session repeats of what is known already: commands that settled a claim, and files of
ideas that were ruled out."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nightlatch.model.models import Event, Kind
from nightlatch.record.findings.findings import State
from nightlatch.record.findings.retrieval import CONFIRMED, RelevantFinding, quoted

QUOTES = re.compile(r"[\\\"']")
HERE = re.compile(r"(?<![\w./-])\./")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFacts:
    """Commands that need no further run and files that need no further look, with the ids of
    the findings that say so."""

    commands: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.commands or self.paths)


def trodden(found: Sequence[RelevantFinding]) -> KnownFacts:
    """Return what verified and rejected findings settle.

    The reproduction is to be run again; a file that another finding cites is no dead end.
    """
    # To see the failure again is what a note asks for, and no repetition.
    reproductions = (each.finding.grounds.reproduction for each in found)
    again = {each.command for each in reproductions if each}
    settled = [each for each in found if each.state in CONFIRMED]
    alive = {
        cite.path
        for each in found
        if each.state is not State.REJECTED
        for cite in each.finding.standing_cites
    }
    commands = {
        command: each.finding.id
        for each in settled
        for command in each.finding.commands
        if command not in again
    }
    dead = [each.finding for each in settled if each.state is State.REJECTED]
    return KnownFacts(
        commands=commands,
        paths={
            cite.path: one.id
            for one in dead
            for cite in one.standing_cites
            if cite.path not in alive
        },
    )


@dataclass(slots=True, kw_only=True)
class RepeatCounter:
    """The tool calls of one session, and how many of them repeat something; `top` is where the
    repository lies for the agent."""

    known: KnownFacts
    top: str
    calls: int = 0
    repeated: int = 0
    _seen: Counter[str] = field(default_factory=Counter)

    def hear(self, event: Event) -> None:
        if event.kind is Kind.TOOL_CALL:
            args = event.data.get("args")
            said = " ".join(map(str, args.values())) if isinstance(args, Mapping) else event.text
            found = [*repeats(plain(said.replace(f"{self.top}/", "")), self.known)]
            self.calls += 1
            self.repeated += bool(found)
            self._seen.update(found)

    @property
    def descriptions(self) -> tuple[str, ...]:
        """What was repeated, most often first."""
        return tuple(
            f"{times} times {what}" if times > 1 else what
            for what, times in self._seen.most_common()
        )


def repeats(said: str, known: KnownFacts) -> Iterator[str]:
    """Yield what a tool call repeats, in words."""
    for verb, names in (("ran", known.commands), ("touched", known.paths)):
        yield from (
            f"{verb} {quoted(name, 160)} again ({names[name]})" for name in named(said, names)
        )


def named(said: str, names: Iterable[str]) -> Iterator[str]:
    """Return the names that stand in a text as words of their own."""
    return (
        name
        for name in names
        if re.search(rf"(?<![\w./-]){re.escape(plain(name))}(?![\w/-]|\.\w)", said)
    )


def plain(text: str) -> str:
    """Return a command however it was quoted on its way through a shell or JSON; a path without the
    way to here."""
    return " ".join(HERE.sub("", QUOTES.sub("", text)).split())
