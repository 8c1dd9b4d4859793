"""What is known of tools that check code: the data of shipped/checkers.toml as values."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from posixpath import basename
from typing import Any

SORTS = (
    "warnings",
    "more",
    "only",
    "less",
    "on",
    "off",
    "max",
    "min",
    "level",
    "lint_level",
    "free",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place of a tool's configuration: a pattern of file names, how such a file is read,
    and a dotted pattern of tables in it."""

    name: str
    form: str
    table: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One way in which code asks a tool to look away.

    `kind` is lint or type, `at` is line, next or block.
    """

    find: re.Pattern[str]
    code: tuple[str, ...]
    at: str
    kind: str = "lint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool.

    `sorts` are pairs of a pattern of settings and what kind those are, the first that fits counts.
    """

    name: str
    programs: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    sorts: tuple[tuple[str, str], ...] = ()
    suppressions: tuple[Suppression, ...] = ()

    def sort(self, key: str) -> str:
        """Return what kind of setting this is, "same" for one that may not change."""
        return next((sort for pattern, sort in self.sorts if fnmatchcase(key, pattern)), "same")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Words in files of these names: those in `fewer` may not become fewer, those in `more` not
    more."""

    files: tuple[str, ...]
    fewer: tuple[re.Pattern[str], ...] = ()
    more: tuple[re.Pattern[str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How tests of a language say how often a property is tried."""

    files: tuple[str, ...]
    find: re.Pattern[str]
    each: re.Pattern[str]
    usual: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkers:
    """All of it."""

    tools: tuple[Tool, ...] = ()
    baselines: tuple[str, ...] = ()
    words: tuple[Words, ...] = ()
    tries: tuple[Tries, ...] = ()
    programs: tuple[str, ...] = field(default=())


NOTHING_KNOWN = Checkers()


def parse(text: str) -> Checkers:
    """Return the value of the data file."""
    data = tomllib.loads(text)
    tools = tuple(map(_tool, data["tool"]))
    return Checkers(
        tools=tools,
        baselines=tuple(data["baselines"]["files"]),
        words=tuple(
            Words(
                files=tuple(each["files"]),
                fewer=_patterns(each.get("fewer", ())),
                more=_patterns(each.get("more", ())),
            )
            for each in data["words"]
        ),
        tries=tuple(
            Tries(
                files=tuple(each["files"]),
                find=re.compile(each["find"]),
                each=re.compile(each["each"]),
                usual=each["usual"],
            )
            for each in data["tries"]
        ),
        programs=tuple(sorted({program for tool in tools for program in tool.programs})),
    )


def _tool(data: Mapping[str, Any]) -> Tool:
    """Return one tool from its table."""
    return Tool(
        name=data["name"],
        programs=tuple(data.get("programs", ())),
        sources=tuple(Source(**source) for source in data.get("sources", ())),
        sorts=tuple((pattern, sort) for sort in SORTS for pattern in data.get(sort, ())),
        suppressions=tuple(
            Suppression(
                find=re.compile(each["find"]),
                code=tuple(each["code"]),
                at=each["at"],
                kind=each.get("kind", "lint"),
            )
            for each in data.get("suppress", ())
        ),
    )


def _patterns(texts: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    """Return patterns that look at each line of a text."""
    return tuple(re.compile(text, re.MULTILINE) for text in texts)


def named(path: str, patterns: Iterable[str]) -> bool:
    """Has a file one of these names?"""
    return any(fnmatchcase(basename(path), pattern) for pattern in patterns)


def in_force(
    known: Checkers, paths: Iterable[str], starters: str, has_settings: Callable[[Tool, str], bool]
) -> Checkers:
    """Return those tools that check this project: by a file of theirs among its files, or by
    their names in what starts checks."""
    names = tuple(paths)
    # A tool that nothing starts and nothing configures enforces nothing: its words are only words.
    used = tuple(
        tool
        for tool in known.tools
        if starts(tool, starters) or any(has_settings(tool, path) for path in names)
    )
    return Checkers(
        tools=used,
        baselines=known.baselines,
        words=known.words,
        tries=known.tries,
        programs=known.programs,
    )


def starts(tool: Tool, starters: str) -> bool:
    """Does what starts checks name this tool?"""
    return any(
        re.search(rf"(?<![\w-]){re.escape(program)}(?![\w-])", starters)
        for program in tool.programs
    )
