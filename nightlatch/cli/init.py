"""`init`: finds what a project has, writes what is missing, and says both, one line each."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from nightlatch import data
from nightlatch.cli import Program
from nightlatch.errors import RepoError
from nightlatch.git.command import words
from nightlatch.preflight import detect
from nightlatch.preflight.detect_io import DetectedProject, look
from nightlatch.preflight.forecast import unproven
from nightlatch.project.config.settings import default_toml
from nightlatch.project.project import Project, find_project, has_settings
from nightlatch.suite.suites import loose, weak
from nightlatch.util.text import plain

EXAMPLE = {
    "userStories": [
        {
            "id": "US-001",
            "title": "Say in one line what will be there when it is done",
            "passes": False,
            "acceptanceCriteria": ["one sentence for each thing that a person could check"],
            "verify": "a command that fails today and succeeds when this is done",
            "skip": True,
            "notes": (
                "An example, which the loop leaves alone: edit it and take out skip, or replace it."
            ),
        }
    ]
}
NO_RUNNER = (
    "no test runner: that of the first tests is found by itself once they are there; "
    "or write checks/10-tests, an executable that exits with 0 when all is well"
)
Wanted = tuple[str, str, int]


@click.command(epilog="Example: nightlatch init --commit")
@click.option(
    "--commit",
    is_flag=True,
    help="Commit these files and nothing else. A run starts only when they are committed.",
)
@click.pass_obj
def command(program: Program, commit: bool) -> None:
    """Write the files that a run needs and the project does not have yet. Existing files stay as
    they are.

    These are loop.py, loop.toml, checks/ and prompts/, an example prd.json where there is no plan,
    and .nightlatch/, which git ignores.
    """
    project = here()
    found = look(project)
    for word, text in detected_lines(project, found):
        tell(word, text)
    for name, text, mode in missing_files(project, found):
        write(project.repo.folder / name, text, mode)
        tell("wrote", name)
    loose = uncommitted(project)
    if commit and loose:
        commit_only(project, loose)
        tell("commit", f"nightlatch: set up ({len(loose)} files)")
    says, _ = unproven(found.plan.left)
    if says and found.agents:
        tell("note", says)
    for step in next_steps(program.name, found, loose=bool(loose) and not commit):
        tell("next", step)


def here() -> Project:
    """Return the project of this folder; without plan and settings, this folder is the project."""
    project = find_project(Path.cwd())
    if project.plan or has_settings(project.repo.folder):
        return project
    own = replace(project, repo=replace(project.repo, folder=Path.cwd().resolve()))
    return replace(own, progress=own.path(project.config.progress))


def detected_lines(project: Project, found: DetectedProject) -> Iterator[tuple[str, str]]:
    """Yield what was found, and what was looked for and not found."""
    if found.plan.path:
        count = found.plan.features
        yield "found", f"plan {found.plan.path}, {count} feature{'s' * (count != 1)}"
    own = detect.own_plan(found.plan.elsewhere)
    if own:
        yield "found", f"{own}, which has features: it becomes the plan, and flags are set in it"
    for path in (path for path in found.plan.elsewhere if path != own):
        yield (
            "note",
            (
                f"{path} has the name of a plan: to use it, write plan = {json.dumps(path)} in"
                " loop.toml"
            ),
        )
    yield from suites_told(found)
    yield from (("found", f"{tool.program}, for checks/{tool.check}") for tool in found.tools)
    yield from (
        ("note", f"{tool.program} is configured but not installed: no checks/{tool.check} for it")
        for tool in found.absent
    )
    yield agents_told(project, found)
    if found.hooks[0]:
        yield (
            "found",
            f"hooks {', '.join(found.hooks[0])}, for checks/60-hooks: no hook runs at night",
        )
    yield from (("found", f"{name}, shared read-only with every workspace") for name in found.share)
    if found.unsafe:
        yield "note", f"no sandbox: {found.unsafe.problem}; {found.unsafe.fix}"
    else:
        yield "found", "sandbox bubblewrap, tried"


def agents_told(project: Project, found: DetectedProject) -> tuple[str, str]:
    """Return the line on who will work."""
    if has_settings(project.repo.folder):
        return "found", f"agent {', '.join(project.config.agent)}, by your settings"
    if not found.agents:
        return "note", "no agent CLI on PATH: install one, or name your own command in loop.toml"
    return (
        "found",
        (
            f"agents {', '.join(found.agents)}: {found.agents[0]} works, unless loop.toml says"
            " otherwise"
        ),
    )


def suites_told(found: DetectedProject) -> Iterator[tuple[str, str]]:
    """Yield the suites, how far each is protected, and the test files that none of them runs."""
    if not found.suites:
        yield "note", NO_RUNNER
    if len(found.suites) == 1 and not found.suites[0].folder:
        yield "found", f"test runner {found.suites[0].runner.name}, for checks/10-tests"
    else:
        yield from (
            ("found", f"suite {suite.name}: its tests are protected {suite.protection}")
            for suite in found.suites
        )
    for suite in found.suites:
        if suite.weak:
            yield "note", weak(suite)
    yield from (("note", loose(folder, paths)) for folder, paths in found.loose.items())


def missing_files(project: Project, found: DetectedProject) -> Iterator[Wanted]:
    """Yield name, text and mode of every file that is missing. Folders that are there are left
    alone, also with files missing in them."""
    root = project.repo.folder
    if not (root / "loop.py").exists():
        yield "loop.py", data.text("shipped", "loop.py"), 0o755
    if not found.plan.path and not found.plan.elsewhere:
        yield "prd.json", json.dumps(EXAMPLE, indent=2) + "\n", 0o644
    if not has_settings(root):
        yield "loop.toml", default_toml(**settings(found)), 0o644
    # A check that the person took out must not come back.
    if not (root / "checks").exists():
        yield from checks(found)
    if not (root / "prompts").exists():
        for prompt in sorted(data.path("prompts").iterdir()):
            yield f"prompts/{prompt.name}", prompt.read_text(encoding="utf-8"), 0o644
    if not (root / ".nightlatch/.gitignore").exists():
        yield ".nightlatch/.gitignore", "*\n", 0o644


def checks(found: DetectedProject) -> Iterator[Wanted]:
    """Yield the scripts for the suites, the tools and the hooks that were found."""
    if found.suites:
        yield "checks/10-tests", detect.suite_text(found.suites), 0o755
    for name in sorted({tool.check for tool in found.tools}):
        tools = (tool for tool in found.tools if tool.check == name)
        yield f"checks/{name}", detect.check_text(tools), 0o755
    if found.hooks[1]:
        yield "checks/60-hooks", found.hooks[1], 0o755


def settings(found: DetectedProject) -> dict[str, object]:
    """Return what loop.toml says otherwise than by default."""
    # Only what differs: a setting that is spelled out keeps an old default for ever.
    known: dict[str, object] = {}
    if own := detect.own_plan(found.plan.elsewhere):
        known["plan"] = own
    if found.agents:
        known["agent"] = [found.agents[0]]
    if found.share:
        known["workspace.share"] = list(found.share)
    if not found.unsafe:
        known["workspace.sandbox"] = "bubblewrap"
    return known


def write(path: Path, text: str, mode: int) -> None:
    """Make a file that is not there; one that appeared meanwhile stays."""
    try:
        path.parent.mkdir(
            0o700 if path.parent.name == ".nightlatch" else 0o777, parents=True, exist_ok=True
        )
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        path.chmod(mode)
    except OSError as error:
        raise RepoError(
            f"cannot write it: {error.strerror}",
            place=str(path),
            fix=f"ls -ld {shlex.quote(str(path.parent))}",
        ) from error


def uncommitted(project: Project) -> tuple[str, ...]:
    """Return the files of the set-up that the last commit does not hold as they are; of the plan
    only one that git does not know yet."""
    plan = project.plan or project.path("prd.json")
    names = [project.path(name) for name in ("loop.py", "loop.toml", "checks", "prompts")]
    status = words(
        project.repo.as_person(
            "status", "--porcelain", "-z", "--no-renames", "-uall", "--", *names, plan
        ).output()
    )
    return tuple(line[3:] for line in status if line[3:] != plan or line.startswith("??"))


def commit_only(project: Project, paths: tuple[str, ...]) -> None:
    """One commit of exactly these files; what else is staged stays staged."""
    project.repo.ident("AUTHOR")
    if project.repo.head() is None:
        raise RepoError(
            "HEAD is detached, so a commit would belong to no branch", fix="git switch -c NAME"
        )
    project.repo.as_person("add", "--intent-to-add", "--", *paths).output()
    project.repo.as_person(
        "commit", "-q", "--only", "-m", "nightlatch: set up", "--", *paths
    ).output()


def next_steps(name: str, found: DetectedProject, loose: bool) -> Iterator[str]:
    if not found.plan.path:
        yield "edit prd.json: one item for each feature that you want in the morning"
    if loose:
        yield f"{name} init --commit"
    if found.agents and unproven(found.plan.left)[0]:
        yield f"{name} plan --prove"
    yield f"{name} doctor"
    yield f"{name} run"


def tell(word: str, text: str) -> None:
    click.echo(f"{word:<7} {plain(text)}")
