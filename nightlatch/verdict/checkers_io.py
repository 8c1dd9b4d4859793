"""Which tools check a project, and what of their configuration lies beside what changed."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from functools import cache
from posixpath import basename, dirname

from nightlatch import data
from nightlatch.git.tree_objects import Entry
from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static import checkers
from nightlatch.ratchet.static.checkers import Checkers, Tool
from nightlatch.ratchet.static.tool_settings import UnreadableError, read
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.runner_detection import supersedes
from nightlatch.verdict.comparison_io import Comparison, difference, put_back, text_of
from nightlatch.verdict.evidence import StrictChecks

# What starts checks: a tool that one of these names is in force. Scripts count where their names
# say that they check.
STARTER_FOLDERS = ("checks/", ".husky/", ".github/workflows/", ".circleci/")
STARTERS = re.compile(
    r"[Mm]akefile|GNUmakefile|.*\.mk|justfile|Taskfile\.ya?ml|package\.json|pyproject\.toml"
    r"|tox\.ini|noxfile\.py|setup\.cfg|Jenkinsfile"
    r"|\.pre-commit-config\.ya?ml|lefthook\.ya?ml|\.gitlab-ci\.ya?ml|azure-pipelines\.ya?ml"
    r"|pom\.xml|.*\.gradle|.*\.gradle\.kts"
    r"|composer\.json|Gemfile|Rakefile|mix\.exs|Cargo\.toml|.*\.csproj"
    r"|Directory\.Build\.props|CMakeLists\.txt|build\.sbt"
    r"|requirements.*\.txt|.*(?:lint|check).*\.sh|ci|ci\.sh"
)
# Files that may start checks and are read: in a monorepo the rest repeats them.
MOST_STARTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckerConfig:
    """The tools in force at a base, and the unchanged configuration beside what changed."""

    known: Checkers
    beside: tuple[Text, ...] = ()


@cache
def shipped() -> Checkers:
    """Return all tools that the package knows."""
    return checkers.parse(data.text("shipped", "checkers.toml"))


def watched(evaluator: TreeEvaluator, comparison: Comparison) -> CheckerConfig:
    """Return what holds for a candidate of this base."""
    known = shipped()
    base = evaluator.files(comparison.base)
    names = {path: basename(path) for path in base}
    folders = tuple(map(evaluator.repo_path, STARTER_FOLDERS))
    starters = [
        path for path, name in names.items() if STARTERS.fullmatch(name) or path.startswith(folders)
    ][:MOST_STARTERS]
    configs = [path for path, name in names.items() if configures(name)]
    text = starting_text(evaluator, comparison.base, starters)

    def has_settings(tool: Tool, path: str) -> bool:
        own = (source for source in tool.sources if fits(path, source.name))
        return any(
            gives(evaluator, comparison.base, path, source.form, source.table) for source in own
        )

    used = checkers.in_force(known, configs, text, has_settings)
    near = unchanged_beside(configs, {change.path for change in comparison.changes})
    return CheckerConfig(known=used, beside=tuple(unchanged(evaluator, comparison.base, near)))


def starting_text(evaluator: TreeEvaluator, base: str, starters: Iterable[str]) -> str:
    """Return all that may start a check at a base: these files, and the plan's gates."""
    texts = (content(evaluator, base, path) for path in starters)
    return "\n".join((*texts, *evaluator.commands.gates(base)))


def unchanged_beside(configs: Iterable[str], changed: Collection[str]) -> list[str]:
    """Return the configuration that did not change, in the folders of what did and above them."""
    folders = {dirname(path) for path in changed}
    return [
        path
        for path in configs
        if path not in changed and any(is_above(dirname(path), folder) for folder in folders)
    ]


def as_base_has_it(evaluator: TreeEvaluator, comparison: Comparison) -> dict[str, Entry | None]:
    """Return what puts back every changed file that a tool reads as configuration, those aside that
    the base's checks already run with."""
    changed = [
        change
        for change in comparison.changes
        if configures(basename(change.path)) and change.path not in comparison.restored.harness
    ]
    fresh = [
        change
        for change in changed
        if change.status != "A" or takes_place(evaluator, comparison, change.path)
    ]
    named = [
        change
        for change in fresh
        if not supersedes(comparison.feature.supersedes, evaluator.project_path(change.path))
    ]
    return put_back(named)


def takes_place(evaluator: TreeEvaluator, comparison: Comparison, path: str) -> bool:
    """May a new file come before configuration that the base has?

    A tool that is new as a whole takes nothing's place.
    """
    own = [
        tool for tool in shipped().tools if any(fits(path, source.name) for source in tool.sources)
    ]
    names = {source.name for tool in own for source in tool.sources}
    return any(
        fits(other, name)
        for other in evaluator.files(comparison.base)
        if configures(basename(other))
        for name in names
    )


def strictly(evaluator: TreeEvaluator, comparison: Comparison, tree: str) -> StrictChecks | None:
    """Return the base's checks on a tree with the base's configuration; None where nothing of it
    differs, or there are no checks."""
    back = as_base_has_it(evaluator, comparison)
    starters = [*map(evaluator.repo_path, evaluator.check_files(comparison.base))]
    if not back or not (starters or evaluator.commands.gates(comparison.base)):
        return None
    through = [
        path for path in evaluator.files(comparison.base) if STARTERS.fullmatch(basename(path))
    ][:MOST_STARTERS]
    text = starting_text(evaluator, comparison.base, (*starters, *through))
    found = evaluator.checks(
        comparison.base, evaluator.repo.tree_with(tree, back), comparison.feature.id
    )
    paths = set(back)
    differences = [
        line
        for part in comparison.texts
        if evaluator.repo_path(part.path) in paths
        for line in (part.path, *difference(part.old or "", part.new or ""))
    ]
    tools = frozenset(tool.name for tool in shipped().tools if checkers.starts(tool, text))
    return StrictChecks(checks=found, tools=tools, differences=tuple(differences))


@cache
def names_of_sources() -> re.Pattern[str]:
    """Return the names of all configuration files that are known, as one expression: a repository
    may have very many files."""
    return re.compile(
        "|".join(translate(source.name) for tool in shipped().tools for source in tool.sources)
    )


def configures(name: str) -> bool:
    """Is a file of this name the configuration of a tool that is known?"""
    return names_of_sources().match(name) is not None


def is_above(folder: str, other: str) -> bool:
    """Is a folder the other one, or one that it lies in?"""
    return not folder or f"{other}/".startswith(f"{folder}/")


def fits(path: str, pattern: str) -> bool:
    """Is the name of this file like the pattern?"""
    return fnmatchcase(basename(path), pattern)


def gives(evaluator: TreeEvaluator, base: str, path: str, form: str, table: str) -> bool:
    """Is there such a table in a file? A file of the tool's own counts as it is."""
    if not table:
        return True
    try:
        return read(content(evaluator, base, path), form, table) is not None
    except UnreadableError:
        return False


def unchanged(evaluator: TreeEvaluator, base: str, paths: list[str]) -> Iterator[Text]:
    """Yield the texts of these files, the same on both sides."""
    for path in paths:
        text = content(evaluator, base, path)
        yield Text(path=evaluator.project_path(path), old=text, new=text, test=False)


def content(evaluator: TreeEvaluator, base: str, path: str) -> str:
    """Return the text of a file at the base."""
    return text_of(evaluator.repo.read(base, path) or b"")
