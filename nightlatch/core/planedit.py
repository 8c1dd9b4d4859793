"""A plan file with features added, or with fields added to features that are there; every other byte stays as it was."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from nightlatch.core import jsontext, planfile
from nightlatch.core.models import Plan
from nightlatch.core.plandialect import NAMES, Fields
from nightlatch.core.planfile import File

EMPTY = b'{\n  "userStories": []\n}\n'
Added = Mapping[str, Mapping[str, Sequence[str]]]


def with_features(data: bytes, path: str, items: Sequence[Fields], beside: str = "") -> bytes:
    """New features in canonical form, not done, spelled as the file spells its own: at the end of its last list, or of the list that
    holds `beside`."""
    file = planfile.take_apart(data, path)
    text, place = file.text, next((key[:-1] for name, key in zip(file.ids, file.keys, strict=True) if name == beside), file.lists[-1])
    start, end, gap, unit, close = _style(text, jsontext.start_of(text, place))
    lead = gap[gap.rfind("\n") :] if "\n" in gap else "\n"
    newline = "\r" + lead if "\r\n" in text else lead
    shown = [json.dumps(_spelled(file, item), ensure_ascii=False, indent=unit).replace("\n", newline) for item in items]
    return f"{text[:start]}{'[' if close else ','}{gap}{f',{gap}'.join(shown)}{close}{text[end:]}".encode()


def with_fields(data: bytes, path: str, added: Added) -> bytes:
    """The same with lists as values of canonical fields (`verify`, `depends`, `supersedes`) of features, by id."""
    for name, fields in added.items():
        for field, value in fields.items():
            file = planfile.take_apart(data, path)
            at = file.ids.index(name)
            shown = value[0] if field == "verify" and len(value) == 1 else list(value)
            data = _with_field(file, at, field, json.dumps(shown, ensure_ascii=False)).encode()
    return data


def disturbed(old: Plan, new: Plan, added: Added) -> Iterator[str]:
    """What an edit did to features that were there, apart from fields it may add: nothing may come from here before it is written."""
    now = {feature.id: feature for feature in new.features}
    if [f.id for f in old.features if f.id in now] != [name for name in now if old.feature(name)]:
        yield "features would change their order"
    for before in old.features:
        after, may = now.get(before.id), added.get(before.id, {})
        if after is None:
            yield f"{before.id} would be gone"
            continue
        same = {field: getattr(before, field) for field in may}
        if not may and after.raw != before.raw:
            yield f"the text of {before.id} would change"
        elif replace(after, raw="", key=(), **same) != replace(before, raw="", key=()):
            yield f"{before.id} would read otherwise"


def _with_field(file: File, at: int, field: str, value: str) -> str:
    key, item, text = file.keys[at], file.items[at], file.text
    if name := file.dialect.first(field, item):
        start = jsontext.start_of(text, (*key, name))
        return f"{text[:start]}{value}{text[jsontext.end_of(text, start) :]}"
    where, new = jsontext.with_member(text, jsontext.start_of(text, key), _name(file, field), value)
    return text[:where] + new + text[where:]


def _name(file: File, field: str) -> str:
    return (*file.dialect.names[field], NAMES[field][0])[0]


def _spelled(file: File, item: Fields) -> dict[str, object]:
    """The item under the names that the file uses, with the flag that it writes."""
    fields = {aliases[0]: field for field, aliases in NAMES.items()}
    flag, dialect = file.dialect.flag, file.dialect
    named = {_name(file, fields[name]): value for name, value in item.items() if name in fields and name != "passes"}
    head = {name: named.pop(name) for name in (_name(file, "id"), _name(file, "title"))}
    return {**head, flag: dialect.fresh if flag in dialect.names["status"] else False, **named}


def _style(text: str, at: int) -> tuple[int, int, str, str | None, str]:
    """Where new elements go in the array at `at`, the space before each, their own indentation, and what closes an array that was empty."""
    spans = list(jsontext.elements(text, at))
    if not spans:
        line = text[text.rfind("\n", 0, at) + 1 : at]
        lead = line[: len(line) - len(line.lstrip(" \t"))]
        newline, unit = "\r\n" if "\r\n" in text else "\n", lead or "  "
        return at, jsontext.end_of(text, at), f"{newline}{lead}{unit}", unit, f"{newline}{lead}]"
    first, last = spans[0], spans[-1]
    gap = text[spans[-2][1] : last[0]].replace(",", "", 1) if len(spans) > 1 else text[at + 1 : first[0]] or " "
    inner = next((text[first[0] + 1 : member.at] for member in jsontext.members(text, first[0])), "")
    unit = inner.rpartition("\n")[2].removeprefix(gap.rpartition("\n")[2]) or "  "
    return last[1], last[1], gap, unit if "\n" in inner else None, ""
