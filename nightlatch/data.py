"""The files that come with the package, by name: the one place that knows where they lie.

They are real files, in a clone and in an installed wheel alike: folders of them are shown inside
sandboxes, and programs among them are started by other Pythons.
"""

import tomllib
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent
# The folder that Python imports this package from: a clone, or site-packages.
ABOVE = PACKAGE.parent
# What test runners are given to tell their results: shown as a folder to every command that
# decides.
RUNNERS = PACKAGE / "suite" / "runners"


def path(*names: str) -> Path:
    """Return where a file of the package lies, such as path("prompts", "brief.md.j2")."""
    return PACKAGE.joinpath(*names)


def text(*names: str) -> str:
    """Return the text of a file of the package."""
    return path(*names).read_text(encoding="utf-8")


def table(*names: str) -> dict[str, Any]:
    """Return what a TOML file of the package says."""
    return tomllib.loads(text(*names))


def names(folder: str, ending: str) -> tuple[str, ...]:
    """Return the names, without this ending, of a folder's files that have it, in order."""
    files = (file.name for file in path(folder).iterdir())
    return tuple(sorted(name.removesuffix(ending) for name in files if name.endswith(ending)))


def program(module: str) -> Path:
    """Return the file of a module that is started as a program by itself, and never imported."""
    return ABOVE.joinpath(*module.split(".")).with_suffix(".py")
