"""What a page of docs shows, for tests that do with it what the reader would."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import click

from nightlatch.cli import Commands
from nightlatch.edge import noting
from tests.loop.village import ROOT

FILE = re.compile(r"^`([^`\n]+)`\n\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEAD = re.compile(r"^\*\*(.+?)\.\*\*", re.MULTILINE)
TOLD = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What stands beneath one bold sentence of a chapter: the files that it shows by name, and its text."""

    lead: str
    text: str

    @property
    def files(self) -> Mapping[str, str]:
        return dict(FILE.findall(self.text))

    @property
    def feature(self) -> str:
        """The feature that a session is about, "" where it is no session."""
        found = re.search(r"\((US-\d+)\)", self.lead)
        return found[1] if found else ""

    def told(self) -> list[tuple[str, str, str]]:
        """(outcome, feature, rule) of each line of its text block."""
        (block,) = TOLD.findall(self.text)
        words = [[*line.split(), ""] for line in block.splitlines()]
        return [(word, feature, rule) for word, feature, rule, *_ in words]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def chapters(name: str) -> dict[str, tuple[Part, ...]]:
    """The second-level headings of a page, each with its parts."""
    _, *found = re.split(r"^## (.+)$", page(name), flags=re.MULTILINE)
    return {title: parts(text) for title, text in zip(found[::2], found[1::2], strict=True)}


def parts(text: str) -> tuple[Part, ...]:
    _, *found = LEAD.split(text)
    return tuple(Part(lead=lead, text=body) for lead, body in zip(found[::2], found[1::2], strict=True))


def said_commands(text: str) -> list[str]:
    """Every command of this program that a text shows, in a line of its own or within a sentence."""
    fenced = [line for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) for line in block.splitlines()]
    inline = re.findall(r"`((?:nightlatch|python loop\.py)(?: [^`]+)?)`", text.replace("\n", " "))
    return [line.partition("  #")[0].strip() for line in (*fenced, *inline) if re.match(r"(nightlatch|python loop\.py)\b", line)]


def unknown_words(line: str) -> list[str]:
    """The command, the options and the closed choices of a line that the program does not know; [] where it knows all."""
    words = shlex.split(line.removeprefix("python loop.py").removeprefix("nightlatch"))
    words = words[: words.index("|")] if "|" in words else words
    if words[:1] == ["note"] and words[1:2] and words[1] in noting.WORDS:
        noting.read(words[1:])
        return []
    group: click.Command | None = Commands()
    if words and words[0].startswith("-") and words[0] not in ("--help", "--version"):
        words = ["run", *words]
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        if (group := group.get_command(click.Context(group), name)) is None:
            return [name]
    options = {option for each in group.params for option in each.opts} | {"--help", "--version", "-h"} if group else set()
    return [word for word in words if word.startswith("-") and word.partition("=")[0] not in options]
