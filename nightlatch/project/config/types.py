"""The forms that a setting's value can take: how each is read from TOML or from one line of
text, and written back."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nightlatch.util import units


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingType:
    """One form: its name for people, readers that raise ValueError, and what goes back to TOML."""

    form: str
    read: Callable[[Any], object]
    words: Callable[[str], object] = str
    write: Callable[[Any], object] = lambda value: value


def _exactly(*types: type, where: Callable[[Any], bool] = lambda _: True) -> Callable[[Any], Any]:
    """Return a reader of values of these very types (true is no number) for which `where` holds."""

    def read(value: Any) -> Any:
        if type(value) not in types or not where(value):
            raise ValueError(value)
        return value

    return read


def _measure(parse: Callable[[str], object], nothing: object = None) -> Callable[[Any], object]:
    """Return a reader of texts with a unit; `nothing`, where given, is what the empty text says."""
    return lambda value: nothing if value == "" and nothing is not None else parse(_text(value))


def _truth(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def count(least: int = 0) -> SettingType:
    return SettingType(
        form=f"a whole number from {least} up",
        read=_exactly(int, where=lambda number: number >= least),
        words=int,
    )


def choice(*names: str) -> SettingType:
    return SettingType(
        form=" or ".join(json.dumps(name) for name in names),
        read=_exactly(str, where=names.__contains__),
    )


_text = _exactly(str)
_texts = _exactly(list, tuple, where=lambda parts: all(isinstance(part, str) for part in parts))
_pairs = _exactly(dict, where=lambda table: all(isinstance(part, str) for part in table.values()))


def _tables(*names: str) -> Callable[[Any], object]:
    """Return a reader of a list of tables of texts, with these keys and no others."""

    def read(value: Any) -> tuple[dict[str, str], ...]:
        tables = _exactly(
            list, tuple, where=lambda parts: all(isinstance(part, dict) for part in parts)
        )(value)
        for table in tables:
            _pairs(table)
            if not set(table) <= set(names):
                raise ValueError(table)
        return tuple(dict(table) for table in tables)

    return read


# Below 1024 nothing may listen inside a sandbox, and there are no other machines.
_PLACE = re.compile(r"/.+|(?:127(?:\.\d{1,3}){3}|localhost|\[::1\]):(\d{4,5})")


def _reached(value: Any) -> tuple[str, ...]:
    """Return a reader of ports of this machine and of paths of sockets."""
    for part in _texts(value):
        found = _PLACE.fullmatch(part)
        if not found or not 1024 <= int(found[1] or 1024) <= 65_535:
            raise ValueError(part)
    return tuple(value)


TEXT = SettingType(form="a text", read=_text)
FLAG = SettingType(form="true or false", read=_exactly(bool), words=_truth)
MONEY = SettingType(
    form="a number of dollars",
    read=_exactly(int, float, where=lambda usd: 0 <= usd < float("inf")),
    words=float,
)
TEXTS = SettingType(
    form='a list of strings, such as ["a", "b"]',
    read=lambda value: tuple(_texts(value)),
    words=_split,
    write=list,
)
PAIRS = SettingType(
    form='a table of strings, such as { NAME = "value" }', read=_pairs, words=json.loads
)
SUITES = SettingType(
    form="tables with the strings name, folder, command and report",
    read=_tables("name", "folder", "command", "report"),
    words=json.loads,
    write=list,
)
REACH = SettingType(
    form=(
        "a list of ports of this machine from 1024 up and paths of sockets, such as"
        ' ["127.0.0.1:5432", "/var/run/docker.sock"]'
    ),
    read=_reached,
    words=_split,
    write=list,
)
SPAN = SettingType(
    form='a duration, such as "45m" or "1h30m"',
    read=_measure(units.duration),
    write=units.show_duration,
)
SPAN_OR_NONE = SettingType(
    form='a duration, such as "8h", or ""',
    read=_measure(units.duration, 0.0),
    write=units.show_duration,
)
SIZE = SettingType(form='a size, such as "2GB"', read=_measure(units.size), write=units.show_size)
SIZE_OR_NONE = SettingType(
    form='a size, such as "4GB", or ""', read=_measure(units.size, 0), write=units.show_size
)
CLOCK_OR_NONE = SettingType(
    form='a time of day, such as "07:00", or ""',
    read=_measure(lambda text: f"{units.clock(text):%H:%M}", ""),
)
