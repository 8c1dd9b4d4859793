"""What the files of a project say about its tests, its type checkers, its linters and where its
plan may be."""

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from posixpath import basename

from nightlatch.plan.file import PLANS_OF_OTHERS
from nightlatch.suite.runner_detection import SUITE_MARK
from nightlatch.suite.suites import Suite

MYPY_ITSELF = r"^\[(?:tool\.)?mypy\](?:\n(?!\[).*)*?\n(?:files|packages|modules)\s*="
REQUIREMENTS = re.compile(
    r"(requirements[^/]*\.txt|pyproject\.toml|setup\.(cfg|py)|tox\.ini|Pipfile|environment\.ya?ml)"
)
PREFER_OWN = 'PATH="$PWD/.venv/bin:$PWD/node_modules/.bin:$PATH"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that a check runs.

    Each sign is a file and what must stand in it; the first tool seen for a program counts.
    """

    check: str
    program: str
    command: str
    signs: tuple[tuple[str, str], ...]


TOOLS = (
    Tool(
        check="20-typecheck",
        program="mypy",
        command="mypy",
        signs=tuple(
            (file, MYPY_ITSELF) for file in ("pyproject.toml", "mypy.ini", ".mypy.ini", "setup.cfg")
        ),
    ),
    Tool(
        check="20-typecheck",
        program="mypy",
        command=r"mypy --exclude '^loop\.py$' .",
        signs=(
            ("pyproject.toml", r"^\[tool\.mypy\]"),
            ("mypy.ini", ""),
            (".mypy.ini", ""),
            ("setup.cfg", r"^\[mypy\]"),
        ),
    ),
    Tool(
        check="20-typecheck", program="tsc", command="tsc --noEmit", signs=(("tsconfig.json", ""),)
    ),
    Tool(
        check="30-lint",
        program="ruff",
        command="ruff check",
        signs=(("pyproject.toml", r"^\[tool\.ruff\b"), ("ruff.toml", ""), (".ruff.toml", "")),
    ),
    Tool(
        check="30-lint",
        program="eslint",
        command="eslint .",
        signs=tuple(
            (file, "")
            for file in (
                *(f"eslint.config.{end}" for end in ("js", "mjs", "cjs", "ts")),
                *(f".eslintrc{end}" for end in ("", ".js", ".cjs", ".json", ".yml", ".yaml")),
            )
        ),
    ),
)


def tools(paths: Collection[str], read: Callable[[str], str]) -> tuple[Tool, ...]:
    """Return the tools that the project's own configuration asks for.

    `read` gives the text of one of the paths.
    """
    seen: dict[str, Tool] = {}
    for tool in TOOLS:
        if any(
            file in paths and re.search(text, read(file), re.MULTILINE) for file, text in tool.signs
        ):
            # Two signs of one tool are one check.
            seen.setdefault(tool.program, tool)
    return tuple(seen.values())


def requires(module: str, paths: Collection[str], read: Callable[[str], str]) -> bool:
    """Does a file that names requirements name this one, so that it will be there once the
    environment is made?"""
    return any(
        re.search(rf"\b{re.escape(module)}\b", read(path))
        for path in paths
        if REQUIREMENTS.fullmatch(path)
    )


def suite_text(suites: Sequence[Suite]) -> str:
    """checks/10-tests: the mark tells the loop that this is the run that it makes itself, for
    ids."""
    commands = [f"{PREFER_OWN} exec {by_hand(suite)}" for suite in suites]
    if len(suites) > 1 or suites[0].folder:
        commands = [
            "set -e",
            *(
                f"(cd {shlex.quote(suite.folder or '.')} && {PREFER_OWN} {by_hand(suite)})"
                for suite in suites
            ),
        ]
    return "\n".join(("#!/bin/sh", SUITE_MARK, *commands, ""))


def by_hand(suite: Suite) -> str:
    """Return the command that a person types for a suite."""
    return suite.runner.run.by_hand or suite.runner.run.command[-1]


def check_text(found: Iterable[Tool]) -> str:
    """Return the check that runs these tools, the project's own installation of them first."""
    commands = "".join(f"{tool.command}\n" for tool in found)
    return f"#!/bin/sh\nset -e\n{PREFER_OWN}\n{commands}"


# What holds before a commit, by the file that says so: the program that it needs ("": none), and
# the line that asks it of all files.
HOOKS = (
    (".husky/pre-commit", "", "exec sh .husky/pre-commit"),
    (".pre-commit-config.yaml", "pre-commit", "exec pre-commit run --all-files"),
    ("lefthook.yml", "lefthook", "exec lefthook run pre-commit --all-files"),
    (".lefthook.yml", "lefthook", "exec lefthook run pre-commit --all-files"),
)


def hooks(paths: Collection[str], has: Callable[[str], bool]) -> tuple[tuple[str, ...], str]:
    """Return the files with rules for commits that a check can hold, and the text of that check, ""
    for none."""
    found = [
        (file, line)
        for file, program, line in HOOKS
        if file in paths and (not program or has(program))
    ]
    if not found:
        return (), ""
    # Each in a shell of its own: `exec` in it would skip those behind it.
    lines = [f"({line}) || exit 1" for _, line in found]
    head = (
        "#!/bin/sh\n# What these hold before a commit, for the whole checkout: no hook runs at"
        " night.\n"
    )
    return tuple(file for file, _ in found), f"{head}{PREFER_OWN}\n" + "\n".join(lines) + "\n"


def own_plan(paths: Sequence[str]) -> str:
    """Return the one of these plans that another tool, or the person, keeps for just this; "" where
    there is none, or more than one.

    A TODO.md may be anybody's notes.
    """
    own = [
        path
        for path in paths
        if PLANS_OF_OTHERS.search(f"/{path}") and basename(path).lower() != "todo.md"
    ]
    return own[0] if len(own) == 1 else ""
