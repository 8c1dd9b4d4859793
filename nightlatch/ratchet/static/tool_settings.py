"""Configuration files of tools, read as one flat table of dotted names, whatever their form."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from fnmatch import fnmatchcase
from typing import Any

Flat = dict[str, Any]
NAMES = ("module", "files", "name", "id", "repo", "linters", "path", "rule")
MOST_ANCHORS = 50
COMMENT = re.compile(r"^\s*(?:#|//|;|\*|/\*|<!--).*$")
RULE = re.compile(
    r"""["']?([\w@/-]+)["']?\s*:\s*\[?\s*["']?(off|warn|error|[012])["']?(?=\s*[,\]}\n])"""
)
# Configuration in JSON has comments and trailing commas more often than not.
IN_JSON = re.compile(
    r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|,(?=\s*(?:(?://[^\n]*|/\*.*?\*/)\s*)*[}\]])', re.DOTALL
)


class UnreadableError(ValueError):
    """A file is not in its form."""


def read(text: str, form: str, table: str = "") -> Flat | None:
    """Return the settings in a file, None where it has no such table. Raises UnreadableError."""
    try:
        match form:
            case "toml":
                return _below(tomllib.loads(text.removeprefix("\ufeff")), table)
            case "json":
                return _below(
                    json.loads(
                        IN_JSON.sub(
                            lambda found: found[0] if found[0].startswith('"') else "", text
                        )
                        or "{}"
                    ),
                    table,
                )
            case "ini":
                return _ini(text, table)
            case "yaml" | "hooks":
                return _below(_yaml(text), table)
            case "js":
                return _js(text)
            case "set":
                return {"patterns": sorted(_lines(text))}
    except (ValueError, RecursionError, Error) as error:
        raise UnreadableError(str(error)) from error
    return {f"line {line}": count for line, count in _lines(text).items()}


def _below(data: object, table: str) -> Flat | None:
    """Return the tables that a dotted pattern names, flat."""
    if not isinstance(data, dict):
        return {} if data is None else {"value": str(data)}
    if not table:
        return dict(flat(data))
    found = [
        (path, value)
        for path, value in _tables(data, table.count(".") + 1 + ("*" in table))
        if fnmatchcase(path, table)
    ]
    if not found:
        return None
    several = "*" in table
    return {
        key: value
        for path, below in found
        for key, value in flat(below, f"{path}." if several else "")
    }


def _tables(
    data: Mapping[str, Any], depth: int, above: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the tables of a file by their dotted names, down to this depth."""
    for name, value in data.items():
        if isinstance(value, list) and depth == 1:
            yield f"{above}{name}", {"patterns": value}
        elif isinstance(value, dict):
            yield f"{above}{name}", value
            if depth > 1:
                yield from _tables(value, depth - 1, f"{above}{name}.")


def flat(data: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value by its dotted name; of lists of tables each by what it is for."""
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _flat_or_empty(f"{above}{name}", value)
        elif isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
            for part in value:
                purpose = _purpose(part)
                rest = {key: inner for key, inner in part.items() if str(inner) != purpose}
                yield from _flat_or_empty(f"{above}{name}.{purpose}", rest)
        else:
            yield f"{above}{name}", value


def _flat_or_empty(name: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the values of a table; that an empty one is there is a value as well."""
    yield from flat(table, f"{name}.") if table else [(name, "")]


def _purpose(part: Mapping[str, Any]) -> str:
    """Return what one table of a list is for, so that it keeps its name when the list is sorted."""
    for key in NAMES:
        if key in part:
            return str(part[key])
    return json.dumps(part, sort_keys=True, default=str)


def _ini(text: str, table: str) -> Flat | None:
    """Return the settings of an INI file, None where it has no such section."""
    parser = RawConfigParser(strict=False, allow_no_value=True)
    # Some of these files have no header at all.
    headed = text if re.search(r"^\s*\[", text, re.MULTILINE) else f"[top]\n{text}"
    parser.read_string(headed)
    sections = [name for name in parser.sections() if not table or fnmatchcase(name, table)]
    if table and not sections:
        return None
    return {
        f"{_prefix(name, table)}{key}": value or ""
        for name in sections
        for key, value in parser.items(name)
    }


def _prefix(section: str, table: str) -> str:
    """Return what a section's keys are called by, so that they are called the same in every form
    of file."""
    if not table:
        return f"{section.lower()}."
    rest = section.removeprefix(table.rstrip("*")).strip("-:. ").lower() if "*" in table else ""
    return "" if not rest else f"{rest}." if table.endswith(":*") else f"overrides.{rest}."


def _yaml(text: str) -> object:
    """Return what a YAML file holds. Raises UnreadableError."""
    import yaml

    # a few lines of aliases can stand for more than any memory holds
    if text.count("&") > MOST_ANCHORS:
        raise UnreadableError("too many anchors")
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UnreadableError(str(error)) from error


def _js(text: str) -> Flat:
    """Return the rules that a program sets, and the rest of it by lines."""
    found = {f"rules.{name}": level for name, level in RULE.findall(text)}
    rest = Counter(
        " ".join(re.findall(r"[\w./@*-]+", line)) for line in _lines(RULE.sub("", text)).elements()
    )
    return found | {f"line {line}": count for line, count in rest.items() if line}


def _lines(text: str) -> Counter[str]:
    """Return what a file says line by line: neither comments nor blanks."""
    return Counter(
        " ".join(line.split()).rstrip(",")
        for line in text.splitlines()
        if line.strip() and not COMMENT.match(line)
    )
