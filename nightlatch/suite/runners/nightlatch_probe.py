"""Asks a project's own Python for its program, where it would import packages from, and which
modules pytest would load as plugins. Imports none of them."""

import importlib.metadata
import importlib.util
import json
import os
import sys


def origin(name: str) -> str:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return ""
    places = (
        [found.origin]
        if found and found.origin
        else list(found.submodule_search_locations or ())
        if found
        else []
    )
    return os.path.realpath(places[0]) if places else ""


def plugins() -> list[str]:
    """The top modules of everything that pytest loads by itself."""
    points = importlib.metadata.entry_points()
    # Python 3.9 has no select
    found = (
        points.select(group="pytest11") if hasattr(points, "select") else points.get("pytest11", ())
    )
    return sorted({point.value.partition(":")[0].partition(".")[0] for point in found})


if __name__ == "__main__":
    own = plugins()
    sys.path[0] = ""
    print(
        json.dumps(
            {
                "program": sys.executable,
                "plugins": own,
                "origins": {name: origin(name) for name in sys.argv[1:]},
            }
        )
    )
