"""Which runner a project's tests belong to, which of its files are tests, and which of them a
feature may change."""

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, TypeVar, get_type_hints

from nightlatch.suite import test_names
from nightlatch.suite.results import file_of

# The person's own checks, which no candidate brings along.
CHECKS = "checks/**"
T = TypeVar("T")
# By this line the check that `init` writes for the tests is known: the suites run them with ids.
SUITE_MARK = "# nightlatch: tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSign:
    """One sign of a runner: a file, and perhaps what stands in it."""

    file: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A test file of which five tests must fail and the sixth must pass: its name, the end of
    its ids, and its text, with {name}, {n}, {modules} and {package} to be filled in."""

    file: str
    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerCall:
    """One way in which people call a runner: the `words` that a command begins with, and what
    of the rest is kept.

    `drop` are options that only say how results are shown or when to stop; `values` are options
    that take the next word. `subs` are words that may follow and change nothing, such as vitest's
    `run`. What begins with one of `never` is another program altogether. `command` is how it is run
    then, where that is another way than the runner's own.
    """

    words: tuple[str, ...]
    subs: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerCommand:
    """How a runner is started: `command` for all tests, `again` for some.

    In both stand {python}, {runners}, {report}, {only} (a file with one id a line; empty: all), and
    as whole arguments {files}, {names} and {pattern} of the wanted ids, and {options}, what a
    person's own command adds. `by_hand` is the command that people type. `plain` is the framework's
    own command, without a word that only the loop would use, and `plain_report` the format of what
    it leaves in {report}; {ids} are the wanted ids there, {kit} is a reporter under a name that
    says nothing.
    """

    command: tuple[str, ...]
    again: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    by_hand: str = ""
    plain: tuple[str, ...] = ()
    plain_report: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerOutput:
    """What a run leaves: a `report` in this format, on `stdout` or in {report}.

    `reports` are patterns of report files that it leaves below its folder, `empty` the exit codes
    that say that there were no tests.
    """

    report: str
    reports: tuple[str, ...] = ()
    stdout: bool = False
    empty: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerFiles:
    """Patterns of the files that are a runner's: its `tests`, its configuration, and all `code` of
    its language.

    `built` is what the toolchain itself keeps below the tree and HOME. `manifests` make a folder a
    project of its own; `patterns` finds further patterns of tests in the configuration.
    """

    tests: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    patterns: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSigns:
    """By what a runner is found: one of these signs, and a `module` that the project's Python must
    be able to import.

    `nested` says whether a project below another one is a suite apart: "own" always, "config" where
    it has a sign of its own. `spreads` are the signs that a runner goes into the projects below its
    folder.
    """

    found: tuple[RunnerSign, ...] = ()
    module: str = ""
    nested: str = "own"
    spreads: tuple[RunnerSign, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerOptions:
    """The ways in which people call a runner, and the options that it gets beside theirs.

    `usual` stands for {options} where nobody says any, `spreading` is for a runner that goes into
    the projects below its folder, `ignoring` keeps it out of one. `script` is what the report's
    options take the place of in a "test" script of package.json.
    """

    calls: tuple[RunnerCall, ...] = ()
    usual: tuple[str, ...] = ()
    spreading: tuple[str, ...] = ()
    ignoring: tuple[str, ...] = ()
    script: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """One way to run tests, as its TOML file says.

    Of the runners of one `language` a folder has at most one.
    """

    name: str
    run: RunnerCommand
    output: RunnerOutput
    language: str = ""
    canary: Canary | None = None
    files: RunnerFiles = field(default_factory=RunnerFiles)
    signs: RunnerSigns = field(default_factory=RunnerSigns)
    options: RunnerOptions = field(default_factory=RunnerOptions)

    @property
    def python(self) -> bool:
        return "{python}" in self.run.command


def parse(text: str) -> Runner:
    """Return a runner from its TOML file, in which all keys stand side by side."""
    data = _tuples(tomllib.loads(text))
    for key in ("found", "spreads"):
        data[key] = tuple(RunnerSign(**sign) for sign in data.get(key, ()))
    data["calls"] = tuple(RunnerCall(**_tuples(call)) for call in data.get("calls", ()))
    canary = data.pop("canary", None)
    return Runner(
        name=data.pop("name"),
        language=data.pop("language", ""),
        run=_part(RunnerCommand, data),
        output=_part(RunnerOutput, data),
        canary=Canary(**canary) if canary else None,
        files=_part(RunnerFiles, data),
        signs=_part(RunnerSigns, data),
        options=_part(RunnerOptions, data),
        # What is still there is misspelled, and no runner takes it.
        **data,
    )


def _part(kind: type[T], data: dict[str, Any]) -> T:
    """Return a value of this kind, made of its keys, which are taken out of the table."""
    names = [name for name in get_type_hints(kind) if name in data]
    return kind(**{name: data.pop(name) for name in names})


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def own_patterns(runner: Runner, paths: Collection[str], read: Callable[[str], str]) -> Runner:
    """Return the runner, with the test-file patterns that the project's own configuration adds."""
    texts = [read(path) for path in runner.files.config if runner.files.patterns and path in paths]
    named = {
        word
        for text in texts
        for line in re.findall(runner.files.patterns, text, re.MULTILINE)
        for word in re.findall(r"[\w*?./-]+", line)
    }
    more = tuple(f"**/{word}" for word in sorted(named))
    files = replace(runner.files, tests=(*runner.files.tests, *more))
    return replace(runner, files=files)


def own_script(runner: Runner, paths: Collection[str], read: Callable[[str], str]) -> Runner:
    """Return the runner, started by the project's own "test" script of package.json where that one
    only lacks the report."""
    if not runner.options.script or "package.json" not in paths:
        return runner
    try:
        line = json.loads(read("package.json"))["scripts"]["test"]
    except (ValueError, KeyError, TypeError):
        return runner
    added = " ".join(
        f"'{argument}'" for argument in runner.run.command if argument.startswith("--test")
    )
    own, count = re.subn(runner.options.script, lambda _: added, str(line))
    shell = ("sh", "-c", f'PATH="$PWD/node_modules/.bin:$PATH"; {own}')
    run = replace(runner.run, command=shell, again=shell)
    return replace(runner, run=run) if count else runner


def supersedes(names: Iterable[str], test: str) -> bool:
    """Is this test id, or this file, named by the feature: by id, class, function, file, folder
    or glob?"""
    file, inner = file_of(test), test.partition("::")[2]
    bare = inner.split("[", 1)[0]
    options = {test, file, inner, bare, bare.rsplit("::", 1)[-1], f"{file}::{bare}"}
    return any(
        name in options
        or test.startswith((f"{name}::", f"{name.rstrip('/')}/"))
        or _globbed(name, test)
        for name in names
    )


def _globbed(name: str, test: str) -> bool:
    return "*" in name and any(fnmatchcase(option, name) for option in (test, file_of(test)))


def touches(command: str, test: str) -> bool:
    """Does this shell line name the test: its id, its file, its folder, or its name after -k?"""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return any(
        supersedes([word.removeprefix("./")], test) for word in words if word not in {".", "/"}
    )


def proof_files(commands: Iterable[str], paths: Iterable[str]) -> frozenset[str]:
    """Of these paths, the ones that a verify command names and that look like a test or a check
    by name."""
    words = {
        word.removeprefix("./")
        for command in commands
        for word in re.split(r"[\s;&|()<>'\"=]+", command)
    }
    return frozenset(path for path in paths if path in words and test_names.PROOF.search(path))
