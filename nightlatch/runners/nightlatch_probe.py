"""Asks a project's own Python where it would import the project's packages from, and whether it has a test runner. Imports none of them."""

import importlib.util
import json
import os
import sys


def origin(name: str) -> str:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return ""
    places = [found.origin] if found and found.origin else list(found.submodule_search_locations or ()) if found else []
    return os.path.realpath(places[0]) if places else ""


if __name__ == "__main__":
    sys.path[0] = ""
    print(json.dumps({"cwd": os.path.realpath("."), "origins": {name: origin(name) for name in sys.argv[1:]}}))
