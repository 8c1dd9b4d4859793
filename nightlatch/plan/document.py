"""A plan file as a document: a value that any dialect can be read from, and the places in the
text at which it is changed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from posixpath import splitext
from typing import Protocol

from nightlatch.errors import PlanError
from nightlatch.plan import json_edit, json_lines, markdown
from nightlatch.plan.json_edit import Key
from nightlatch.plan.marked_items import Marked

Edit = tuple[int, int, str]


def in_yaml(text: str, path: str) -> Marked:
    """Read by a library that only such a plan needs."""
    from nightlatch.plan import yaml_edit

    return yaml_edit.parse(text, path)


READERS: Mapping[str, Callable[[str, str], Marked]] = {
    **dict.fromkeys((".md", ".markdown", ".mdx", ".mdc"), markdown.parse),
    **dict.fromkeys((".yaml", ".yml"), in_yaml),
    **dict.fromkeys((".jsonl", ".ndjson"), json_lines.parse),
}


class Document(Protocol):
    """The interface for reading and writing a plan file. Keys lead through `root`."""

    @property
    def text(self) -> str: ...

    @property
    def root(self) -> object: ...

    @property
    def readings(self) -> tuple[str, ...]:
        """What needed judgement to read the file, one sentence each."""

    def start(self, key: Key) -> int:
        """Return where a value stands, for a sentence about it."""

    def raw(self, key: Key) -> str:
        """Return the text of an item, or for what has no text of its own the same fields as
        JSON."""

    def set(self, key: Key, name: str, value: bool | str) -> list[Edit]:
        """Return what to put where, so that a field of the item at `key` has this value, added
        where it is not there."""


@dataclass(slots=True, kw_only=True)
class Json:
    """A JSON file, changed value by value with every other byte kept."""

    text: str
    root: object
    readings: tuple[str, ...] = ()
    spans: dict[Key, list[tuple[int, int]]] = field(default_factory=dict)

    def start(self, key: Key) -> int:
        return json_edit.start_of(self.text, key)

    def raw(self, key: Key) -> str:
        place, n = key[:-1], key[-1]
        # Each list is walked once: element by element a plan of thousands would take as long as its
        # square.
        if place not in self.spans:
            self.spans[place] = list(
                json_edit.elements(self.text, json_edit.start_of(self.text, place))
            )
        start, end = self.spans[place][int(n)]
        return self.text[start:end]

    def set(self, key: Key, name: str, value: bool | str) -> list[Edit]:
        shown, item = json.dumps(value, ensure_ascii=False), json_edit.inside(self.root, key)
        if isinstance(item, dict) and name in item:
            start = json_edit.start_of(self.text, (*key, name))
            return [(start, json_edit.end_of(self.text, start), shown)]
        at, new = json_edit.with_member(self.text, json_edit.start_of(self.text, key), name, shown)
        return [(at, at, new)]


def document(data: bytes, path: str) -> Document:
    """Return the plan file taken apart by what its name says it is.

    Raises PlanError with line, column and a caret.
    """
    text = json_edit.decode(data, path)
    reader = READERS.get(splitext(path)[1].lower())
    if reader:
        return reader(text, path)
    try:
        return Json(text=text, root=json_edit.parse(text, path))
    except PlanError as error:
        # Else Markdown would be told that JSON has no comments.
        kind = looks_like(text)
        if not kind:
            raise
        what, suffix = kind
        fix = (
            f"give the file a name that ends in {suffix}, or make a plan of it: nightlatch plan"
            f" {path}"
        )
        raise PlanError(
            f"this is {what}, and its name says JSON", place=error.place, fix=fix
        ) from None


def looks_like(text: str) -> tuple[str, str] | None:
    """Return what a file that is no JSON seems to be, with the usual end of its name; None for what
    begins like JSON."""
    begin = text.lstrip("\ufeff \t\r\n")
    # `[ ]` begins a list of boxes, and no list of JSON.
    if begin[:1] in ("{", "[", '"') and not begin.startswith("[ ]"):
        return None
    lines = [line.strip() for line in begin.splitlines()[:60]]
    if any(line.startswith(("# ", "## ", "- [ ]", "- [x]", "* [ ]")) for line in lines):
        return "Markdown", ".md"
    if lines[:1] == ["---"] or sum(":" in line for line in lines[:10]) >= 2:
        return "YAML", ".yaml"
    return None
