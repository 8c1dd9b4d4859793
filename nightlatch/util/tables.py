"""Settings that somebody else wrote, read as tables: what cannot be read is empty."""

import json
import tomllib
from typing import Any


def read_toml(text: str) -> dict[str, Any]:
    """Return a TOML file, empty where it cannot be read."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def read_json(text: str) -> dict[str, Any]:
    """Return a JSON file, empty where it cannot be read or is no table."""
    try:
        data = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def table_of(data: object, key: str) -> dict[str, Any]:
    """Return the table of this name, empty where there is none."""
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}
