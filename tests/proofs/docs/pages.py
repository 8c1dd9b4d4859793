"""What a page of docs shows, for tests that do with it what the reader would."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests import ROOT

FILE = re.compile(r"^`([^`\n]+)`\n\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEAD = re.compile(r"^\*\*(.+?)\.\*\*", re.MULTILINE)
TOLD = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What stands beneath one bold sentence of a chapter: the files that it shows by name, and
    its text."""

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
    return tuple(
        Part(lead=lead, text=body) for lead, body in zip(found[::2], found[1::2], strict=True)
    )
