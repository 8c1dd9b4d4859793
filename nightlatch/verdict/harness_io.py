"""What commands run through at a base and in a candidate, read from the trees of the repository."""

import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from nightlatch import data
from nightlatch.git.model import Change
from nightlatch.git.tree_objects import Entry
from nightlatch.suite import test_names
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.harness import (
    HarnessFile,
    Item,
    counts,
    of_command,
    of_file,
    part,
    put_back,
    traced_harness,
)
from nightlatch.suite.harness_tools import Tools, parse_tools
from nightlatch.suite.results import VerifyResult
from nightlatch.suite.runner_detection import CHECKS, supersedes
from nightlatch.util.globs import matcher
from nightlatch.util.memo import Memo
from nightlatch.util.outside import search_folders
from nightlatch.util.paths import FILES
from nightlatch.verdict.comparison_io import Comparison, difference, is_config, text_of

# Files that are followed from one command: a loop of includes must end somewhere.
MOST_FILES = 200
PATH_WORD = re.compile(r"(?<![\w$.-])(?:\.{1,2}/)*[\w.-]+(?:/[\w.-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessUse:
    """One file that commands run through: its text, and each way in which it is used with the
    part of it that counts there."""

    text: str
    parts: tuple[tuple[Item, str], ...]


Harness = Mapping[str, HarnessUse]


@cache
def shipped_tools() -> Tools:
    """Return the tools that the package knows."""
    return parse_tools(data.text("shipped", "harness.toml"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFiles:
    """The files of one tree as the project names them, and how to read one; "" for what is
    binary, too large or not there.

    `programs` are folders of the project that are on PATH.
    """

    paths: frozenset[str]
    read: Callable[[str], str]
    programs: tuple[str, ...] = ()
    texts: Memo[str, str] = field(default_factory=Memo)

    def text(self, path: str) -> str:
        """Return the text of one file, read once."""
        return self.texts.get(path, lambda: self.read(path))


def harness_of(commands: Iterable[str], tree: TreeFiles, *, whole: bool = False) -> Harness:
    """Return every file that the commands run through, followed from file to file; `whole`: also
    what judges nothing."""
    tools = shipped_tools()
    place = HarnessFile(paths=tree.paths, programs=tree.programs)
    # Breadth first: where MOST_FILES is reached, what the commands themselves name was looked at.
    waiting = [item for command in commands for item in of_command(command, tools, place)]
    found: dict[str, HarnessUse] = {}
    seen: set[Item] = set()
    while waiting and len(seen) < MOST_FILES:
        item = waiting.pop(0)
        text = tree.text(item.path)
        if item in seen or not (whole or counts(item, text, tools)):
            continue
        seen.add(item)
        before = found[item.path].parts if item.path in found else ()
        found[item.path] = HarnessUse(text=text, parts=(*before, (item, part(item, text, tools))))
        waiting += of_file(item, text, tools, place, whole=whole)
    return found


def changed(harness: Harness, candidate: TreeFiles) -> Iterator[tuple[str, str, str | None]]:
    """(path, the base's text, the candidate's) of the files whose part that counts is another
    one now; None where the file is gone."""
    tools = shipped_tools()
    for path, used in harness.items():
        new = candidate.text(path) if path in candidate.paths else None
        if new is None:
            yield path, used.text, None
        elif new != used.text and any(part(item, new, tools) != own for item, own in used.parts):
            yield path, used.text, new


def restored(harness: Harness, path: str, new: str | None) -> str:
    """Return the text of a file with the base's part of it."""
    used = harness[path]
    return put_back(used.parts[0][0], used.text, new, shipped_tools())


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessChanges:
    """What a candidate changed of what commands run through.

    It is put back for its own verify (`own`) and for all others (`shared`); `own_lines` and
    `shared_lines` show how they differ, `outside` how that does which the person's own commands run
    as the person. `new` are programs that the candidate brought, on whose exit code its own verify
    would rest.
    """

    own: Mapping[str, Entry] = field(default_factory=dict)
    shared: Mapping[str, Entry] = field(default_factory=dict)
    own_lines: tuple[str, ...] = ()
    shared_lines: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


def changes_of(evaluator: TreeEvaluator, comparison: Comparison) -> HarnessChanges:
    """Compare what the verify of a candidate's feature, and every other command of the plan and
    the checks, runs through."""
    if not comparison.changes:
        return HarnessChanges()
    base, head = files_of(evaluator, comparison.base), files_of(evaluator, comparison.tree)
    own = harness_of(comparison.feature.verify, base)
    shared = harness_of(other_commands(evaluator, comparison), base)
    free = spared(evaluator, comparison)
    mine = {path: (old, new) for path, old, new in changed(own, head) if not free(path)}
    others = {path: (old, new) for path, old, new in changed(shared, head) if not free(path)}
    brought = [
        path
        for path in harness_of(comparison.feature.verify, head)
        if path not in base.paths and not free(path)
    ]
    return HarnessChanges(
        own={
            evaluator.repo_path(path): entry(evaluator, comparison.base, own, path, new)
            for path, (_, new) in mine.items()
        },
        shared={
            evaluator.repo_path(path): entry(evaluator, comparison.base, shared, path, new)
            for path, (_, new) in others.items()
        },
        own_lines=tuple(shown(path, old, new) for path, (old, new) in mine.items()),
        shared_lines=tuple(shown(path, old, new) for path, (old, new) in others.items()),
        outside=tuple(run_outside(evaluator, base, head, free)),
        new=tuple(map(evaluator.repo_path, brought)),
    )


def run_outside(
    evaluator: TreeEvaluator, base: TreeFiles, head: TreeFiles, free: Callable[[str], bool]
) -> Iterator[str]:
    """Yield the files that differ of those that the person's own commands run as the person,
    outside every sandbox, with the lines.

    Whatever such a command leads to counts, whether it judges anything or not, and what is not
    there yet counts where it is named.
    """
    run = harness_of(evaluator.commands.outside, base, whole=True)
    yield from (shown(path, old, new) for path, old, new in changed(run, head) if not free(path))
    # Whatever is there when the command runs would run as the person, though the base lacks it.
    named = {path for at, used in run.items() for path in paths_named(at, used.text)}
    yield from (
        shown(path, "", head.text(path))
        for path in sorted(named & head.paths - base.paths)
        if not free(path)
    )


def paths_named(at: str, text: str) -> Iterator[str]:
    """Yield the paths that a file's words may stand for, seen from the project and from the file's
    own folder."""
    for word in set(PATH_WORD.findall(text)):
        yield from (
            posixpath.normpath(posixpath.join(folder, word))
            for folder in ("", posixpath.dirname(at))
        )


def changes_on_the_way(
    evaluator: TreeEvaluator, comparison: Comparison, said: VerifyResult
) -> HarnessChanges:
    """Return the same for files that only the run itself shows: what a verify read of its tests'
    own programs, and of tools.

    A test is compared with the base's in other ways; what it starts or loads from beside it is not.
    """
    base = files_of(evaluator, comparison.base)
    free = spared(evaluator, replace(comparison, tests=()))
    read = said.read or frozenset()
    changes = [
        change for change in comparison.changes if change.path in read and change.old_mode in FILES
    ]
    judging = (
        *beside_tests(evaluator, comparison, changes),
        *programs_of_tools(evaluator, base, changes),
    )
    named = {c.path: c for c in judging if not free(evaluator.project_path(c.path))}
    head = files_of(evaluator, comparison.tree)
    return HarnessChanges(
        own={path: (change.old_mode, change.old_oid) for path, change in named.items()},
        own_lines=tuple(
            shown(own, base.text(own), head.text(own) if own in head.paths else None)
            for own in map(evaluator.project_path, named)
        ),
    )


def beside_tests(
    evaluator: TreeEvaluator, comparison: Comparison, changes: Iterable[Change]
) -> list[Change]:
    """Return the changes of what lies among the tests and is neither collected nor
    configuration."""
    tests = {change.path for change in comparison.tests}
    return [
        change
        for change in changes
        if change.path in tests
        and not test_names.COLLECTED.search(change.path)
        and not is_config(evaluator, comparison.suite, change.path)
    ]


def programs_of_tools(
    evaluator: TreeEvaluator, base: TreeFiles, changes: Sequence[Change]
) -> list[Change]:
    """Return the changes of programs that belong to a tool, whatever words led to them."""
    texts = {own: base.text(own) for own in (evaluator.project_path(c.path) for c in changes)}
    tools = {item.path for item in traced_harness(texts, texts, shipped_tools())}
    return [c for c in changes if evaluator.project_path(c.path) in tools]


def other_commands(evaluator: TreeEvaluator, comparison: Comparison) -> list[str]:
    """Return the commands that judge anything but this feature: checks, gates, a test command of
    the settings, other features' verify."""
    checks = [f"./{file}" for file in evaluator.check_files(comparison.base)]
    rest = [
        command
        for feature in evaluator.commands.planned(comparison.base)
        if feature.id != comparison.feature.id
        for command in feature.verify
    ]
    suites = [
        f"cd {shlex.quote(named.folder or '.')} && {named.command}"
        for named in evaluator.commands.named
        if named.command
    ]
    return [
        *checks,
        *evaluator.commands.gates(comparison.base),
        *filter(None, [evaluator.commands.tests]),
        *suites,
        *rest,
    ]


def spared(evaluator: TreeEvaluator, comparison: Comparison) -> Callable[[str], bool]:
    """Return the paths that are looked after elsewhere, as tests and checks are, or that the person
    lets this feature change."""
    is_check, may_change = matcher([CHECKS]), matcher(comparison.feature.may_change)
    tests = {
        evaluator.project_path(change.path)
        for change in comparison.tests
        if not is_config(evaluator, comparison.suite, change.path)
    }
    names = comparison.feature.supersedes
    return lambda path: (
        path in tests or is_check(path) or may_change(path) or supersedes(names, path)
    )


def files_of(evaluator: TreeEvaluator, rev: str) -> TreeFiles:
    """Return the files of a tree, each read when it is asked for."""
    entries = {evaluator.project_path(path): entry for path, entry in evaluator.files(rev).items()}

    def read(path: str) -> str:
        mode, oid = entries.get(path, ("", ""))
        found = evaluator.repo.find(oid) if mode in FILES else None
        return text_of(found[2]) if found else ""

    folders = search_folders(evaluator.repo.top)
    programs = tuple(
        inner for inner in map(evaluator.project_path, folders) if not inner.startswith("../")
    )
    return TreeFiles(paths=frozenset(entries), read=read, programs=programs)


def entry(
    evaluator: TreeEvaluator, base: str, harness: Harness, path: str, new: str | None
) -> Entry:
    """Return the file with the base's part of it."""
    mode, oid = evaluator.files(base)[evaluator.repo_path(path)]
    text = restored(harness, path, new)
    return (
        (mode, oid)
        if text == harness[path].text
        else (mode, evaluator.repo.write_blob(text.encode("utf-8", "surrogateescape")))
    )


def shown(path: str, old: str, new: str | None) -> str:
    """Return a path and the lines of it that differ."""
    lines = ["is gone"] if new is None else difference(old, new)
    return "\n".join([path, *lines])
