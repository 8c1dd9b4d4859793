"""Takes pytest out of sight while it calls a test function: a plugin for tests that cannot be
called without it."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

NAMES = ("pytest", "_pytest", "pluggy", "iniconfig")


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_pyfunc_call() -> Iterator[Any]:
    """The function finds none of its modules, variables and words; all of them are back when it
    has ended."""
    modules = {
        name: module for name, module in sys.modules.items() if name.partition(".")[0] in NAMES
    }
    variables = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
    words = sys.argv
    for name in modules:
        del sys.modules[name]
    for name in variables:
        del os.environ[name]
    sys.argv = ["app"]
    yield
    sys.argv = words
    sys.modules.update(modules)
    os.environ.update(variables)
