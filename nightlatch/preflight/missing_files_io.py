"""Files of the project that git does not have and the tests want: found by running the tests
once more with a copy of them."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from nightlatch.preflight.checks_io import warn
from nightlatch.preflight.forecast import Diagnostic
from nightlatch.project.project import untracked
from nightlatch.report.status_io import ProjectStatus
from nightlatch.suite.results import BaselineState, Result
from nightlatch.util.console import Console
from nightlatch.util.text import plain
from nightlatch.verdict import standalone_io
from nightlatch.workspace.profiles import ENVIRONMENTS

# by tools, and made again
MADE = frozenset(
    {*ENVIRONMENTS, ".nightlatch", "__pycache__", "dist", "build", "target", "out", "coverage"}
)
MADE_ENDINGS = (".pyc", "_cache", ".egg-info")
LARGEST = 20_000_000  # bytes of one file or folder
MOST = 12
FIX = (
    "copy = [{}] under [workspace] in loop.toml, if no secret is in them that an agent may not see"
)
PATH_IN_TEXT = re.compile(r"""['"\s`(]([\w.@+-][\w.@+/-]*)['"\s`):]""")


def tests_without_files(
    seen: ProjectStatus, state: BaselineState, console: Console
) -> Iterator[Diagnostic]:
    """Yield the tests of the branch that are skipped or fail in a fresh checkout, by its `state`,
    and not with a copy of what git lacks."""
    here = unhappy(state)
    there = beside(seen) if here else []
    told = [
        name
        for name in mentioned(state.tests.tail)
        if (seen.project.repo.folder / name).is_file() and within(name, there)
    ]
    # First the files that the output names: the fewer are copied, the less an agent can see.
    for tried in (told, there) if told != there else (there,):
        if tried and (helped := here - unhappy(with_copies(seen, tried, console))):
            names = ", ".join(map(plain, sorted(helped)[:10])) + f" and {len(helped) - 10} more" * (
                len(helped) > 10
            )
            files = ", ".join(map(plain, tried))
            yield warn(
                "copy",
                f"skipped or failing here, not with the files that git does not have ({files}):"
                f" {names}",
                fix(tried),
            )
            return
    if told and state.tests.failing:
        yield warn(
            "copy",
            f"tests that fail name files which git does not have: {', '.join(map(plain, told))}",
            fix(told),
        )


def unhappy(state: BaselineState) -> frozenset[str]:
    """Return the names of the tests that are skipped or do not pass."""
    known = state.tests.failing | state.tests.having(Result.SKIPPED)
    return known | {"the tests"} if state.tests.red and not state.tests.failing else known


def with_copies(seen: ProjectStatus, names: list[str], console: Console) -> BaselineState:
    wanted = seen.project.config.workspace
    config = replace(seen.project.config, workspace=replace(wanted, copy=(*wanted.copy, *names)))
    with standalone_io.opened(replace(seen.project, config=config), console) as (_, engine):
        return engine.state(seen.tip)


def beside(seen: ProjectStatus) -> list[str]:
    """Files and folders in the checkout that git does not hold, that no tool makes again and
    that are not too large to be copied."""
    top, shared = seen.project.repo.folder, {*seen.project.config.workspace.share}
    names = [path.rstrip("/") for path in untracked(seen.project, "--no-empty-directory")]
    own = [
        name
        for name in names
        if MADE.isdisjoint(Path(name).parts)
        and not name.endswith(MADE_ENDINGS)
        and name not in shared
    ]
    return [name for name in own if size(top / name) <= LARGEST][:MOST]


def size(path: Path) -> int:
    """Bytes of a file, or of what a folder holds, counted no further than LARGEST."""
    total = 0
    for folder, _, files in os.walk(path):
        total += sum(Path(folder, name).lstat().st_size for name in files)
        # A folder of models may have millions of files, and is too large anyway.
        if total > LARGEST:
            break
    return total or path.lstat().st_size


def within(name: str, there: list[str]) -> bool:
    return any(name == one or name.startswith(f"{one}/") for one in there)


def mentioned(said: str) -> list[str]:
    """Return what may be a path of the project in a text."""
    # Text of tests: a path in it must not lead out of the project.
    return [name for name in dict.fromkeys(PATH_IN_TEXT.findall(said)) if ".." not in name]


def fix(names: list[str]) -> str:
    return FIX.format(", ".join(f'"{name}"' for name in names))
