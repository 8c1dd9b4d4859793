"""A plan file with features added, or with fields added to features that are there; every other
byte stays as it was."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from nightlatch.errors import PlanError
from nightlatch.model.models import Feature, Plan
from nightlatch.plan import file as planfile
from nightlatch.plan import json_edit
from nightlatch.plan.dialects import Fields
from nightlatch.plan.document import Json
from nightlatch.plan.file import File
from nightlatch.plan.vocabulary import NAMES

EMPTY = b'{\n  "userStories": []\n}\n'
Added = Mapping[str, Mapping[str, Sequence[str]]]


def with_features(data: bytes, path: str, items: Sequence[Fields], beside: str = "") -> bytes:
    """New features in canonical form, not done, spelled as the file spells its own: at the end
    of its last list, or of that of `beside`."""
    file = _json(data, path)
    text = file.doc.text
    lists = (key[:-1] for name, key in zip(file.ids, file.keys, strict=True) if name == beside)
    place = next(lists, file.lists[-1])
    start, end, gap, unit, close = _style(text, json_edit.start_of(text, place))
    lead = gap[gap.rfind("\n") :] if "\n" in gap else "\n"
    # json.dumps writes line ends of its own, and the file has others.
    newline = "\r" + lead if "\r\n" in text else lead
    shown = [
        json.dumps(_spelled(file, item), ensure_ascii=False, indent=unit).replace("\n", newline)
        for item in items
    ]
    # An empty array is written anew, and so is its bracket.
    begin = "[" if close else ","
    added = f",{gap}".join(shown)
    return f"{text[:start]}{begin}{gap}{added}{close}{text[end:]}".encode()


def with_fields(data: bytes, path: str, added: Added) -> bytes:
    """Return the same with lists as values of canonical fields (`verify`, `depends`, `supersedes`)
    of features, by id."""
    file = _json(data, path)
    edits = [
        _edit(file, name, field, value)
        for name, fields in added.items()
        for field, value in fields.items()
    ]
    text, done = [], 0
    # In the order of their places, which are those in the old text.
    for start, end, new in sorted(edits, key=lambda edit: edit[0]):
        text += [file.doc.text[done:start], new]
        done = end
    return "".join((*text, file.doc.text[done:])).encode()


def _json(data: bytes, path: str) -> File:
    """Return the file taken apart.

    Raises PlanError where it is no JSON: there flags are set, and everything else is the person's
    to write.
    """
    file = planfile.take_apart(data, path)
    if not isinstance(file.doc, Json):
        fix = (
            f"edit {path} yourself, or make a JSON plan of it: nightlatch import {path} > prd.json"
        )
        raise PlanError("only in a plan in JSON can features be written", place=path, fix=fix)
    return file


def disturbed(old: Plan, new: Plan, added: Added) -> Iterator[str]:
    """Yield what an edit did to features that were there, apart from fields it may add: where this
    says anything, nothing is written."""
    before, now = ({feature.id: feature for feature in plan.features} for plan in (old, new))
    if [name for name in before if name in now] != [name for name in now if name in before]:
        yield "features would change their order"
    for name, was in before.items():
        change = _disturbance(was, now.get(name), added.get(name, {}))
        if change:
            yield change


def _disturbance(was: Feature, is_now: Feature | None, fields: Iterable[str]) -> str:
    """Return what would happen to a feature that may get these fields, "" where only that does."""
    given = {field: getattr(was, field) for field in fields}
    if is_now is None:
        return f"{was.id} would be gone"
    if not given and is_now.raw != was.raw:
        return f"the text of {was.id} would change"
    if replace(is_now, raw="", key=(), **given) != replace(was, raw="", key=()):
        return f"{was.id} would read otherwise"
    return ""


def _edit(file: File, called: str, field: str, value: Sequence[str]) -> tuple[int, int, str]:
    """Return what to put where, so that one field of one feature has this value."""
    at = file.ids.index(called)
    key, text = file.keys[at], file.doc.text
    is_alone = field == "verify" and len(value) == 1
    shown = json.dumps(value[0] if is_alone else list(value), ensure_ascii=False)
    if name := file.dialect.first(field, file.items[at]):
        start = json_edit.start_of(text, (*key, name))
        return start, json_edit.end_of(text, start), shown
    where, new = json_edit.with_member(
        text, json_edit.start_of(text, key), _name(file, field), shown
    )
    return where, where, new


def _name(file: File, field: str) -> str:
    return (*file.dialect.names[field], NAMES[field][0])[0]


def _spelled(file: File, item: Fields) -> dict[str, object]:
    """Return the item under the names that the file uses, with the flag that it writes."""
    flag, dialect = file.dialect.flag, file.dialect
    fields = {aliases[0]: field for field, aliases in NAMES.items()}
    # A planner never says what is done: the flag of a new feature is ours.
    named = {
        _name(file, fields[name]): value
        for name, value in item.items()
        if name in fields and name != "passes"
    }
    head = {name: named.pop(name) for name in (_name(file, "id"), _name(file, "title"))}
    return {**head, flag: dialect.fresh if flag in dialect.names["status"] else False, **named}


def _style(text: str, at: int) -> tuple[int, int, str, str | None, str]:
    """Return where new elements go in the array at `at`, the space before each, their own
    indentation, and what closes an array that was empty."""
    spans = list(json_edit.elements(text, at))
    if not spans:
        line = text[text.rfind("\n", 0, at) + 1 : at]
        lead = line[: len(line) - len(line.lstrip(" \t"))]
        newline, unit = "\r\n" if "\r\n" in text else "\n", lead or "  "
        return at, json_edit.end_of(text, at), f"{newline}{lead}{unit}", unit, f"{newline}{lead}]"
    first, last = spans[0], spans[-1]
    gap = (
        text[spans[-2][1] : last[0]].replace(",", "", 1)
        if len(spans) > 1
        else text[at + 1 : first[0]] or " "
    )
    inner = next(
        (text[first[0] + 1 : member.at] for member in json_edit.members(text, first[0])), ""
    )
    unit = inner.rpartition("\n")[2].removeprefix(gap.rpartition("\n")[2]) or "  "
    return last[1], last[1], gap, unit if "\n" in inner else None, ""
