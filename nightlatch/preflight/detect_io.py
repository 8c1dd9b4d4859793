"""What `init` finds in a repository: plan, test runner, tools, agents, sandbox, and folders
that workspaces can share."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nightlatch.agents import registry_io
from nightlatch.errors import SandboxError
from nightlatch.model.models import Feature
from nightlatch.plan import file
from nightlatch.preflight import detect
from nightlatch.preflight.detect import Tool
from nightlatch.project.project import (
    Project,
    made_environments,
    plans_near,
    project_files,
    untracked,
)
from nightlatch.sandbox.find import find_sandbox
from nightlatch.suite import run_io
from nightlatch.suite.suites import Suite, run_by_nothing
from nightlatch.suite.test_command import Named, as_named
from nightlatch.util import outside
from nightlatch.workspace.profiles import ENVIRONMENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedPlan:
    """The plan ("" for none), how many features it has, and which of them are to be done;
    `elsewhere` are files that look like plans where there is none."""

    path: str
    features: int
    left: tuple[Feature, ...]
    elsewhere: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedProject:
    """What is there; paths are relative to the project.

    `loose` are test files that no suite runs, by their folder, `absent` are tools that are
    configured but not installed, `unsafe` says why there is no sandbox, `hooks` are files with
    rules for commits and the check that holds them.
    """

    plan: DetectedPlan
    suites: tuple[Suite, ...]
    loose: Mapping[str, Sequence[str]]
    tools: tuple[Tool, ...]
    absent: tuple[Tool, ...]
    agents: tuple[str, ...]
    share: tuple[str, ...]
    unsafe: SandboxError | None
    hooks: tuple[tuple[str, ...], str] = ((), "")


def look(project: Project) -> DetectedProject:
    """Return everything that can be told without running anything of the project's.

    Raises PlanError for a plan that cannot be read.
    """
    root = project.repo.folder
    paths = project_files(project)
    plan = project.repo.top / project.plan if project.plan else None
    read = reading(root)
    tools = detect.tools(paths, read)
    features = file.read(plan.read_bytes(), project.plan, *project.reading).features if plan else ()
    suites = tuple(suites_in(project, paths, read))
    return DetectedProject(
        plan=DetectedPlan(
            path=os.path.relpath(plan, root) if plan else "",
            features=len(features),
            left=tuple(feature for feature in features if not (feature.done or feature.skip)),
            elsewhere=() if plan else plans_near(project),
        ),
        suites=suites,
        loose=run_by_nothing(paths, suites, run_io.shipped()),
        tools=tuple(tool for tool in tools if has_program(root, tool.program)),
        absent=tuple(tool for tool in tools if not has_program(root, tool.program)),
        agents=agents_on_path(root),
        # An init.sh makes the environment itself, in each workspace.
        share=() if "init.sh" in paths else environments(project),
        unsafe=unsafe(),
        hooks=detect.hooks(paths, lambda program: has_program(root, program)),
    )


def suites_in(project: Project, paths: frozenset[str], read: Callable[[str], str]) -> list[Suite]:
    """Return the suites of the checkout, by its files and the settings."""

    def has(module: str, folder: str) -> bool:
        inner = (
            frozenset(
                path.removeprefix(f"{folder}/") for path in paths if path.startswith(f"{folder}/")
            )
            if folder
            else paths
        )
        own = detect.requires(
            module, inner, lambda path: read(f"{folder}/{path}" if folder else path)
        )
        return own or imports(project, module, folder)

    checks = project.config.checks
    return as_named(
        checks.tests, [Named(**one) for one in checks.suite], run_io.shipped(), paths, read, has
    )


def reading(root: Path) -> Callable[[str], str]:
    """Return the text of the project's files, each read once."""
    return cache(
        lambda path: (
            (root / path).read_text(encoding="utf-8", errors="replace")
            if (root / path).is_file()
            else ""
        )
    )


def imports(project: Project, module: str, folder: str = "") -> bool:
    """Can the project's own Python, or that of a folder in it, import this?

    One that git knows of is not started: it may be an agent's.
    """
    root = project.repo.folder
    homes = [
        root / folder,
        *(above for above in (root / folder).parents if above.is_relative_to(root)),
    ]
    own = (
        home / name
        for home in homes
        for name in (".venv", "venv")
        if (home / name / "bin/python").exists()
    )
    made = (
        str(place / "bin/python")
        for place in own
        if not project.repo.as_person("ls-files", "--", str(place)).output()
    )
    # What is imported here runs as the person.
    python = next(made, None) or outside.program("python3")
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    return python is not None and outside.asked([python, "-P", "-c", code, module]).returncode == 0


def has_program(root: Path, program: str) -> bool:
    own = (root / ".venv/bin" / program, root / "node_modules/.bin" / program)
    return any(os.access(path, os.X_OK) for path in own) or shutil.which(program) is not None


def agents_on_path(root: Path) -> tuple[str, ...]:
    """Return the shipped agents that are installed, those tested with the real CLI first."""
    known = [registry_io.load(name, {}) for name in registry_io.shipped() if name != "scripted"]
    there = [agent for agent in known if registry_io.which(agent, root, os.environ)]
    return tuple(
        agent.name
        for agent in sorted(there, key=lambda agent: (not agent.tested[:1].isdigit(), agent.name))
    )


def environments(project: Project) -> tuple[str, ...]:
    """Return the folders of environments that git is told to ignore, also those of packages further
    down; others where a tool has made them."""
    ignored = (
        path.rstrip("/")
        for path in untracked(project, "--ignored", "--exclude-standard")
        if path.endswith("/")
    )
    return tuple(
        sorted(
            {
                path
                for path in (*ignored, *made_environments(project))
                if Path(path).name in ENVIRONMENTS
            }
        )
    )


def unsafe() -> SandboxError | None:
    """Return why no sandbox starts here, None where one does."""
    try:
        find_sandbox("auto")
    except SandboxError as error:
        return error
    return None
