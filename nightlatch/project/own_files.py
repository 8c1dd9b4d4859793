"""The files of a repository that the program itself reads: settings, plans, checks, prompts,
its record, and what it is started by."""

import posixpath
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nightlatch.plan.file import USUAL_PLACES
from nightlatch.project.protected import PUT_BACK

SETTINGS, TABLE_FILE = "loop.toml", "pyproject.toml"
# A command that is started in a folder takes the settings and the plan that lie nearest, so these
# names are the person's everywhere. The state folder holds decisions of the person, and is none
# that git would be told of.
ANYWHERE = (
    f"**/{SETTINGS}",
    *sorted({f"**/{posixpath.basename(place)}" for place in USUAL_PLACES}),
    "**/.nightlatch/**",
)
# Whatever else [protect] says: this file runs as the person.
LOOP = "loop.py"
OURS = re.compile(r"[ \t]*\[+[ \t]*[\"']?tool[\"']?[ \t]*\.[ \t]*[\"']?nightlatch[\"']?[ \t]*[.\]]")
LOADED = ("{}.py", "{}.pyc", "{}.so", "{}.*.so", "{}/**")
IMPORTS_US = re.compile(r"^\s*(from|import)\s+nightlatch\b", re.MULTILINE)
# Options of git whose value is a command, or names one.
RUNS = re.compile(
    r"(?:filter\..*\.(?:clean|smudge|process)|diff\..*\.(?:command|textconv)|diff\.external"
    r"|merge\..*\.driver|core\.fsmonitor"
    r"|core\.sshcommand|core\.askpass|gpg\..*program|credential\..*helper|credential\.helper)",
    re.DOTALL,
)
# Programs that do what a file of the project says, which a command does not name.
READERS = frozenset(
    (
        "make",
        "gmake",
        "just",
        "task",
        "npm",
        "npx",
        "pnpm",
        "yarn",
        "bun",
        "rake",
        "invoke",
        "inv",
        "nox",
        "tox",
        "gradle",
        "mvn",
        "ant",
        "composer",
        "mix",
        "cargo",
        "poetry",
        "pdm",
        "hatch",
        "uv",
        "docker-compose",
        "pre-commit",
    )
)
INCLUDES = re.compile(r"include(?:if\..*)?\.path", re.DOTALL)


def projects(files: Iterable[str], tables: Iterable[str]) -> set[str]:
    """Return the folders that could be projects by these files: with settings of their own, or with
    a plan at a usual place."""
    names = tuple(files)
    found = {
        posixpath.dirname(name)
        for name in (*names, *tables)
        if posixpath.basename(name) in (SETTINGS, TABLE_FILE)
    }
    for place in USUAL_PLACES:
        found |= {
            name.removesuffix(place).rstrip("/")
            for name in names
            if f"/{name}".endswith(f"/{place}")
        }
    return found


def of_project(folder: str) -> tuple[str, ...]:
    """Return the patterns of what a project in this folder is made of."""
    return tuple(posixpath.join(folder, pattern) for pattern in (*PUT_BACK, LOOP))


def is_unguarded(loop: str) -> bool:
    """Return whether a loop.py imports from its own folder before this package can remove that
    folder from sys.path.

    Those of older versions do.
    """
    return IMPORTS_US.search(loop) is not None and "sys.path" not in loop


def shadows(folder: str, modules: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns of what Python would import from a folder in place of these modules."""
    return tuple(
        posixpath.join(folder, form.format(name)) for name in sorted(modules) for form in LOADED
    )


def words(command: str) -> Iterator[str]:
    """Yield the words of a command of the person's that may name files, the right sides of
    assignments and options among them."""
    try:
        found = shlex.split(command, comments=True)
    except ValueError:
        found = command.split()
    for word in found:
        for part in (word, word.rpartition("=")[2]):
            yield from (piece.removeprefix("@") for piece in re.split(r"[;&|()<>]", part))


def table(text: str) -> Mapping[str, Any] | None:
    """[tool.nightlatch] of a pyproject.toml, None for none. Raises tomllib.TOMLDecodeError."""
    tools = tomllib.loads(text.removeprefix("\ufeff")).get("tool")
    return tools.get("nightlatch") if isinstance(tools, dict) else None


def with_table_of(old: str, new: str) -> str | None:
    """`new` with the [tool.nightlatch] of `old`, or with none where that has none; None where
    it cannot be told from the rest."""
    text = "".join(line for line, ours in marked(new) if not ours)
    kept = "".join(line for line, ours in marked(old) if ours)
    if kept:
        text = f"{text.rstrip()}\n\n{kept}" if text.strip() else kept
    try:
        same = table(text) == safe_table(old) and without_table(text) == without_table(new)
    except tomllib.TOMLDecodeError:
        return None
    return text if same else None


def same_table(old: str, new: str) -> bool:
    """Return whether the file gives the same settings as before.

    One that speaks of this program and is no TOML gives none, and ends every command.
    """
    try:
        return table(new) == safe_table(old)
    except tomllib.TOMLDecodeError:
        return "nightlatch" not in new and safe_table(old) is None


def safe_table(text: str) -> Mapping[str, Any] | None:
    """Return the table, None also for a file that is no TOML: it gives no settings."""
    try:
        return table(text)
    except tomllib.TOMLDecodeError:
        return None


def safe_whole(text: str) -> Mapping[str, Any]:
    """Return what a loop.toml says; nothing where it is no TOML."""
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        return {}


def dotted(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a table and of those in it, by dotted key."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from dotted(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def without_table(text: str) -> Mapping[str, Any]:
    read = tomllib.loads(text.removeprefix("\ufeff"))
    tools = read.get("tool")
    if isinstance(tools, dict):
        rest = {name: value for name, value in tools.items() if name != "nightlatch"}
        read = (
            {**read, "tool": rest}
            if rest
            else {name: value for name, value in read.items() if name != "tool"}
        )
    return read


def marked(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it stands in a table of ours, as far as that can be told without
    parsing."""
    ours = False
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("["):
            ours = OURS.match(line) is not None
        yield line, ours
