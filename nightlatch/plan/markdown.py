"""Plans in Markdown: boxes to tick, and what stands around them."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from nightlatch.plan.json_edit import Key, error_at
from nightlatch.plan.marked_items import Marked

BOX = re.compile(
    r"^(?P<lead>[ \t>]*)(?:[-*+]|\d{1,9}[.)])[ \t]+\[(?P<mark>[^\]\n])\](?P<optional>\*?)["
    r" \t]+(?P<title>\S.*?)[ \t]*$"
)
HEADING = re.compile(r"^ {0,3}(?P<level>#{1,6})[ \t]+(?P<title>.*?)[ \t#]*$")
FENCE = re.compile(r"^ {0,12}(?P<fence>`{3,}|~{3,})")
# `US-001`, `T012` and `1.2.3` name an item; a number alone does so with a dot, a colon or a bracket
# behind it.
ID = re.compile(
    r"^[*_`\[(]{0,3}(?P<id>(?:[A-Z][A-Za-z]{0,9}-\d+(?:[.-]\d+)*|[A-Z]{1,8}\d{2,}(?:\.\d+)*"
    r"|\d+(?:\.\d+)+)(?![\w-])|\d+(?=[.):]))"
    r"[*_`\])]{0,3}[.:)]?[*_]{0,3}[ \t]+(?:[-\u2013\u2014:][ \t]+)?"
)
STORY = re.compile(
    r"^(?:\d+[.)]["
    r" \t]+)?[*_`\[]{0,3}(?P<id>[A-Z][A-Za-z]{0,9}-\d+(?:\.\d+)*|(?:Story|Task|Feature|Issue)["
    r" \t]+#?\d+(?:\.\d+)*)[*_`\]]{0,3}"
    r"[ \t]*(?:[:.)\u2013\u2014-][ \t]*|[ \t])(?P<title>\S.*)$"
)
FIELD = re.compile(
    r"^[-*+]?[ \t]*[*_]{0,3}(?P<name>verify|depends[ \t]*on|depends|dependencies|blocked["
    r" \t]*by|priority)[*_]{0,3}[ \t]*:[*_]{0,3}"
    r"[ \t]*(?P<value>\S.*)$",
    re.IGNORECASE,
)
DONE, FRESH = "x", " "
NO_BOXES = 'write "- [ ] Add the login page", one line for each feature'


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where the mark of a box stands in the text, and whether it is ticked."""

    start: int
    end: int
    ticked: bool


@dataclass(slots=True, kw_only=True)
class Item:
    """A box, or a heading with boxes under it: what it says, and where its marks stand."""

    title: str
    at: int
    indent: int = 0
    id: str = ""
    section: str = ""
    optional: bool = False
    boxes: list[Box] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    criteria: list[str] = field(default_factory=list)
    parent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the text, where it begins, and whether it is plain Markdown and no code or
    comment."""

    text: str
    at: int
    plain: bool


def parse(text: str, path: str) -> Marked:
    """Return the boxes of a Markdown file as items, or its headings with an id where all boxes
    stand under such.

    Raises PlanError where there is neither.
    """
    lines = list(_lines(text))
    if _is_one_task(lines):
        fix = (
            "name a file with a list of boxes, or make a plan of this one: nightlatch plan " + path
        )
        raise error_at(
            text,
            path,
            0,
            "this Markdown file is one task of a tracker, not a list of features",
            fix,
        )
    items = _items(lines)
    if not items:
        fix = f"{NO_BOXES}, or make a plan of it: nightlatch plan {path}"
        raise error_at(text, path, 0, "this Markdown file has no boxes to tick", fix)
    _name(items)
    starts: dict[Key, int] = {(): 0, ("tasks",): items[0].at}
    marks: dict[Key, tuple[tuple[int, int], ...]] = {}
    for n, item in enumerate(items):
        starts["tasks", n] = item.at
        marks["tasks", n, "done"] = tuple((box.start, box.end) for box in item.boxes)
    root = {"tasks": [_fields(item, n, items) for n, item in enumerate(items)]}
    return Marked(
        text=text,
        root=root,
        starts=starts,
        marks=marks,
        spell=lambda value: DONE if value else FRESH,
        readings=tuple(_interpretations(items)),
    )


def _is_one_task(lines: Sequence[Line]) -> bool:
    """Does a file begin with fields between two rules, and have no box?"""
    if not lines or lines[0].text.lstrip("\ufeff").strip() != "---":
        return False
    return not any(line.plain and BOX.match(line.text) for line in lines)


def _interpretations(items: Sequence[Item]) -> Iterator[str]:
    """Yield what needed judgement."""
    if any(item.criteria for item in items):
        yield (
            f"the {len(items)} headings with an id are the features, the boxes under each its"
            " criteria; it is done when all are ticked"
        )
        return
    yield f"the {len(items)} boxes are the features, in this order; a ticked one is done"
    if any(item.parent is not None for item in items):
        yield "a box with boxes below it comes after them"
    if any(item.optional for item in items):
        yield "boxes that end in * are optional, and skipped"


def _lines(text: str) -> Iterator[Line]:
    at = 0
    fence = ""
    comment = False
    for whole in text.splitlines(keepends=True):
        line = whole.rstrip("\r\n")
        opened = FENCE.match(line)
        plain = not fence and not comment
        # A box in an example of code or in a comment is nobody's task.
        if fence:
            fence = "" if opened and opened["fence"].startswith(fence) else fence
        elif opened and not comment:
            fence, plain = opened["fence"], False
        elif comment or "<!--" in line:
            comment = "-->" not in line.rpartition("<!--")[2]
            plain = plain and bool(BOX.match(line))
        yield Line(text=line, at=at, plain=plain)
        at += len(whole)


def _items(lines: Sequence[Line]) -> list[Item]:
    stories, loose = _headed(lines)
    # One box outside of the stories, and nobody can tell what the boxes in them are.
    if stories and not loose:
        return stories
    return _boxes(lines)


def _headed(lines: Sequence[Line]) -> tuple[list[Item], bool]:
    """Return the headings with an id that have boxes under them, and whether a box stands
    elsewhere."""
    stories: list[Item] = []
    level, current = 0, None
    loose = False
    for line in lines:
        if heading := _match(HEADING, line):
            if story := STORY.match(heading["title"]):
                level, current = len(heading["level"]), _story(story, line.at)
                stories.append(current)
            elif len(heading["level"]) <= level:
                current = None
        elif box := _match(BOX, line):
            if current is None:
                loose = True
            else:
                _add_criterion(current, box, line.at)
        elif current and line.text.strip():
            current.body.append(line.text.strip())
    return [story for story in stories if story.boxes], loose


def _match(pattern: re.Pattern[str], line: Line) -> re.Match[str] | None:
    """Return the match of a line that is plain Markdown."""
    return pattern.match(line.text) if line.plain else None


def _story(match: re.Match[str], at: int) -> Item:
    return Item(title=match["title"].strip("*_ "), at=at, id=" ".join(match["id"].split()))


def _add_criterion(story: Item, box: re.Match[str], at: int) -> None:
    story.boxes.append(_box(box, at))
    story.criteria.append(box["title"])


def _box(match: re.Match[str], at: int) -> Box:
    return Box(
        start=at + match.start("mark"), end=at + match.end("mark"), ticked=match["mark"] in "xX"
    )


def _boxes(lines: Sequence[Line]) -> list[Item]:
    """Return every box, with the lines that stand below it and further in."""
    items: list[Item] = []
    headings: list[tuple[int, str]] = []
    open_items: list[int] = []
    for line in lines:
        if heading := _match(HEADING, line):
            level = len(heading["level"])
            headings = [above for above in headings if above[0] < level]
            headings.append((level, heading["title"]))
            open_items = []
            continue
        box = _match(BOX, line)
        if not box and not line.text.strip():
            continue
        # What stands no further in than a box has nothing to do with it.
        indent = _indent(line)
        open_items = [n for n in open_items if items[n].indent < indent]
        parent = open_items[-1] if open_items else None
        if box:
            items.append(_task(box, line, _section(headings), parent))
            open_items.append(len(items) - 1)
        elif parent is not None:
            items[parent].body.append(line.text.strip())
    return items


def _indent(line: Line) -> int:
    flat = line.text.expandtabs(4)
    return len(flat) - len(flat.lstrip())


def _section(headings: Sequence[tuple[int, str]]) -> str:
    """Return the headings above a place; that of the whole file is told only where it is alone."""
    return " / ".join(title for level, title in headings if level > 1 or len(headings) == 1)


def _task(box: re.Match[str], line: Line, section: str, parent: int | None) -> Item:
    return Item(
        title=box["title"],
        at=line.at,
        indent=_indent(line),
        boxes=[_box(box, line.at)],
        section=section,
        optional=bool(box["optional"]),
        parent=parent,
    )


def _name(items: Sequence[Item]) -> None:
    """An id for every item: the one that it begins with, where no other has it, else a digest
    of its section and words."""
    for item in items:
        if not item.id and (named := ID.match(item.title)):
            item.id, item.title = named["id"], item.title[named.end() :].strip("*_ ") or item.title
    often = Counter(item.id for item in items)
    made: Counter[str] = Counter()
    for item in items:
        # Not by its number in the file: a box that is put above would take over its history.
        if not item.id or often[item.id] > 1:
            words = "\0".join((item.section, item.id, item.title))
            stem = f"f-{sha256(words.encode()).hexdigest()[:8]}"
            made[stem] += 1
            item.id = stem if made[stem] == 1 else f"{stem}-{made[stem]}"


def _fields(item: Item, n: int, items: Sequence[Item]) -> dict[str, Any]:
    """Return the item as a plan in JSON would have it."""
    fields, depends, body = _read_body(item)
    # Whoever has parts is done after them.
    parts = [other.id for other in items if other.parent == n]
    whole = None if item.parent is None else items[item.parent]
    more = {
        "description": "\n".join(body),
        "acceptanceCriteria": item.criteria,
        "dependsOn": [*parts, *depends],
        "section": item.section,
        "partOf": f"{whole.id} {whole.title}" if whole else "",
        "skip": "optional" if item.optional else "",
    }
    head = {"id": item.id, "title": item.title, "done": all(box.ticked for box in item.boxes)}
    return {**head, **fields, **{name: value for name, value in more.items() if value}}


def _read_body(item: Item) -> tuple[dict[str, Any], list[str], list[str]]:
    """Return the fields that the lines below an item give, what it depends on, and all other
    lines."""
    fields: dict[str, Any] = {}
    depends: list[str] = []
    body: list[str] = []
    for line in item.body:
        given = FIELD.match(line)
        if given is None:
            body.append(line)
            continue
        match "".join(given["name"].lower().split()):
            case "verify":
                fields.setdefault("verify", []).append(given["value"].strip().strip("`"))
            case "priority":
                fields["priority"] = given["value"].strip()
            case _:
                depends += [name.strip(" `*_.[]") for name in given["value"].split(",")]
    return fields, depends, body
