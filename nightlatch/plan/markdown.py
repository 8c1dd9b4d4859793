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


@dataclass(slots=True, kw_only=True)
class Item:
    """A box, or a heading with boxes under it: what it says, and where its marks stand."""

    title: str
    at: int
    indent: int = 0
    id: str = ""
    section: str = ""
    optional: bool = False
    marks: list[tuple[int, int]] = field(default_factory=list)
    ticked: list[bool] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    criteria: list[str] = field(default_factory=list)
    parent: int | None = None
    under: int | None = None


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
    if (
        lines
        and lines[0].text.lstrip("\ufeff").strip() == "---"
        and not any(line.plain and BOX.match(line.text) for line in lines)
    ):
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
        marks["tasks", n, "done"] = tuple(item.marks)
    root = {"tasks": [_fields(item, n, items) for n, item in enumerate(items)]}
    return Marked(
        text=text,
        root=root,
        starts=starts,
        marks=marks,
        spell=lambda value: DONE if value else FRESH,
        says=tuple(_interpretations(items)),
    )


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
    at, fence, comment = 0, "", False
    for whole in text.splitlines(keepends=True):
        line = whole.rstrip("\r\n")
        opened = FENCE.match(line)
        plain = not fence and not comment
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
    if stories and not loose:
        return stories
    return _boxes(lines)


def _headed(lines: Sequence[Line]) -> tuple[list[Item], bool]:
    """Return the headings with an id that have boxes under them, and whether a box stands
    elsewhere."""
    found: list[Item] = []
    current: tuple[int, Item] | None = None
    loose = False
    for line in lines:
        heading = HEADING.match(line.text) if line.plain else None
        if heading:
            story, level = STORY.match(heading["title"]), len(heading["level"])
            if story:
                item = Item(
                    title=story["title"].strip("*_ "), at=line.at, id=" ".join(story["id"].split())
                )
                found.append(item)
                current = (level, item)
            elif current and level <= current[0]:
                current = None
        elif box := BOX.match(line.text) if line.plain else None:
            if current is None:
                loose = True
                continue
            item = current[1]
            item.marks.append((line.at + box.start("mark"), line.at + box.end("mark")))
            item.ticked.append(box["mark"] in "xX")
            item.criteria.append(box["title"])
        elif current and line.text.strip():
            current[1].body.append(line.text.strip())
    return [item for item in found if item.marks], loose


def _boxes(lines: Sequence[Line]) -> list[Item]:
    """Return every box, with the lines that stand below it and further in."""
    found: list[Item] = []
    headings: list[tuple[int, str]] = []
    open_items: list[int] = []
    for line in lines:
        indent = len(line.text.expandtabs(4)) - len(line.text.expandtabs(4).lstrip())
        if line.plain and (heading := HEADING.match(line.text)):
            headings = [each for each in headings if each[0] < len(heading["level"])] + [
                (len(heading["level"]), heading["title"])
            ]
            open_items = []
        elif line.plain and (box := BOX.match(line.text)):
            open_items = [n for n in open_items if found[n].indent < indent]
            mark = (line.at + box.start("mark"), line.at + box.end("mark"))
            section = " / ".join(
                title for level, title in headings if level > 1 or len(headings) == 1
            )
            found.append(
                Item(
                    title=box["title"],
                    at=line.at,
                    indent=indent,
                    marks=[mark],
                    ticked=[box["mark"] in "xX"],
                    section=section,
                    optional=bool(box["optional"]),
                    parent=open_items[-1] if open_items else None,
                )
            )
            open_items.append(len(found) - 1)
        elif line.text.strip():
            open_items = [n for n in open_items if found[n].indent < indent]
            if open_items:
                found[open_items[-1]].body.append(line.text.strip())
    return found


def _name(items: Sequence[Item]) -> None:
    """An id for every item: the one that it begins with, where no other has it, else a digest
    of its section and words."""
    for item in items:
        if not item.id and (named := ID.match(item.title)):
            item.id, item.title = named["id"], item.title[named.end() :].strip("*_ ") or item.title
    often = Counter(item.id for item in items)
    made: Counter[str] = Counter()
    for item in items:
        if not item.id or often[item.id] > 1:
            words = "\0".join((item.section, item.id, item.title))
            stem = f"f-{sha256(words.encode()).hexdigest()[:8]}"
            made[stem] += 1
            item.id = stem if made[stem] == 1 else f"{stem}-{made[stem]}"


def _fields(item: Item, n: int, items: Sequence[Item]) -> dict[str, Any]:
    """Return the item as a plan in JSON would have it."""
    said: dict[str, Any] = {"id": item.id, "title": item.title, "done": all(item.ticked)}
    # whoever has parts is done after them
    depends = [other.id for other in items if other.parent == n]
    body = []
    for line in item.body:
        given = FIELD.match(line)
        name = "".join(given["name"].lower().split()) if given else ""
        if given and name == "verify":
            said.setdefault("verify", []).append(given["value"].strip().strip("`"))
        elif given and name == "priority":
            said["priority"] = given["value"].strip()
        elif given:
            depends += [each.strip(" `*_.[]") for each in given["value"].split(",")]
        else:
            body.append(line)
    if body:
        said["description"] = "\n".join(body)
    if item.criteria:
        said["acceptanceCriteria"] = item.criteria
    if depends:
        said["dependsOn"] = depends
    if item.section:
        said["section"] = item.section
    if item.parent is not None:
        said["partOf"] = f"{items[item.parent].id} {items[item.parent].title}"
    if item.optional:
        said["skip"] = "optional"
    return said
