"""Plans with one JSON object a line, as trackers export them."""

import json

from nightlatch.errors import PlanError
from nightlatch.plan import json_edit
from nightlatch.plan.json_edit import Key
from nightlatch.plan.marked_items import Marked


def parse(text: str, path: str) -> Marked:
    """Return one item for each line that is not empty. Raises PlanError with line and column."""
    items: list[object] = []
    starts: dict[Key, int] = {}
    marks: dict[Key, tuple[tuple[int, int], ...]] = {}
    at = 0
    for number, line in enumerate(text.splitlines(keepends=True)):
        body = line.rstrip("\r\n")
        if body.strip("\ufeff \t"):
            n, lead = len(items), len(body) - len(body.lstrip("\ufeff \t"))
            items.append(_value(path, number, body))
            starts[(n,)] = at + lead
            if isinstance(items[-1], dict):
                for member in json_edit.members(body[lead:], 0):
                    start = at + lead + member.start
                    starts[n, member.name] = start
                    marks[n, member.name] = (
                        (start, at + lead + json_edit.end_of(body[lead:], member.start)),
                    )
        at += len(line)

    def added(key: Key, name: str, value: bool | str) -> tuple[int, str]:
        rest = text[starts[key] :]
        where, new = json_edit.with_member(
            rest.splitlines()[0], 0, name, json.dumps(value, ensure_ascii=False)
        )
        return starts[key] + where, new

    return Marked(
        text=text,
        root=items,
        starts=starts,
        marks=marks,
        spell=lambda value: json.dumps(value, ensure_ascii=False),
        added=added,
    )


def _value(path: str, number: int, body: str) -> object:
    """Return what a line holds. Raises PlanError, with the place in the whole file, where it is not
    JSON."""
    try:
        return json_edit.parse(body, path)
    except PlanError:
        # the same error, with the number of the line
        return json_edit.parse("\n" * number + body, path)
