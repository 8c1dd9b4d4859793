"""A plan file that is no JSON: its items as JSON would have them, each with the places in the
text that say whether it is done."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nightlatch.plan.json_edit import Key, inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A text with marks.

    `starts` has for each key where its value stands, `marks` for an item's field the spans to write
    into, `spell` what is written there for a value, and `added` what puts a field into an item that
    has none: the place and the text. `readings` are what needed judgement.
    """

    text: str
    root: object
    starts: Mapping[Key, int]
    marks: Mapping[Key, tuple[tuple[int, int], ...]]
    spell: Callable[[bool | str], str]
    added: Callable[[Key, str, bool | str], tuple[int, str]] | None = None
    readings: tuple[str, ...] = ()

    def start(self, key: Key) -> int:
        while key and key not in self.starts:
            key = key[:-1]
        return self.starts.get(key, 0)

    def raw(self, key: Key) -> str:
        return json.dumps(inside(self.root, key), ensure_ascii=False, default=str)

    def set(self, key: Key, name: str, value: bool | str) -> list[tuple[int, int, str]]:
        if spans := self.marks.get((*key, name)):
            return [(start, end, self.spell(value)) for start, end in spans]
        if self.added is None:
            return []
        at, new = self.added(key, name, value)
        return [(at, at, new)]
