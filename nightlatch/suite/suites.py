"""The suites of a repository: whose an id or a file is, and what several of them came to
together."""

import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain

from nightlatch.suite.results import (
    CheckStatus,
    Noticed,
    Result,
    SuitePart,
    SuiteResult,
    file_of,
    merge,
)
from nightlatch.suite.runner_detection import Runner
from nightlatch.util.globs import matcher

# Patterns of tests fit these too, and they hold no test.
HELPERS = frozenset({"conftest.py", "__init__.py"})
# Formats whose ids begin with a file. In the others an id names a class or a package, which may lie
# in any folder.
NAMES_FILES = frozenset({"lines", "jest", "mocha", "rspec"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One runner in one folder of the project ("" for its top), with the Python that runs it.

    `module` is what the runner's report calls the folder where it names packages, `without` are
    folders below that other suites of the same language run. `weak` says why there are no ids and
    what would give some, "" where there are.
    """

    name: str
    folder: str
    runner: Runner
    python: str = ""
    module: str = ""
    without: tuple[str, ...] = ()
    weak: str = ""

    @property
    def by_id(self) -> bool:
        return not self.weak

    @property
    def protection(self) -> str:
        """How far its tests are protected, in the words that people are told."""
        if self.weak:
            return "by declaration"
        return "by id, with mutation" if self.runner.canary else "by id"

    def patterns(self, kinds: Iterable[str]) -> tuple[str, ...]:
        """Patterns of the runner, as the project names the files."""
        return (
            tuple(f"{self.folder}/{pattern}" for pattern in kinds) if self.folder else tuple(kinds)
        )

    def configs(self) -> Iterator[str]:
        """Yield the patterns of its configuration, which may also lie in a folder above."""
        yield from self.patterns(self.runner.files.config)
        above = self.folder
        while above:
            above = posixpath.dirname(above)
            yield from (
                f"{above}/{name}" if above else name
                for name in self.runner.files.config
                if not name.startswith("**/")
            )

    def local(self, name: str) -> str:
        """Return an id or a path of the project as the suite itself calls it."""
        return name.removeprefix(f"{self.folder}/") if self.folder else name

    def named(self, name: str) -> str:
        """Return an id or a file of the suite's own report as the project calls it."""
        if not self.folder:
            return name
        is_of_module = name == self.module or name.startswith(
            (f"{self.module}/", f"{self.module}::")
        )
        if self.module and is_of_module:
            return self.folder + name.removeprefix(self.module)
        return name if name.startswith("::") else f"{self.folder}/{name}"

    def below(self, file: str) -> bool:
        """Does this path lie in its folder?"""
        return not self.folder or file == self.folder or file.startswith(f"{self.folder}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suites:
    """All the suites of a tree.

    `files` tells tests, helpers and configuration from other files; paths are the project's.
    """

    every: tuple[Suite, ...]
    files: Callable[[str], bool] = field(compare=False)

    @property
    def runner(self) -> Runner | None:
        """The first runner, None where there are no tests at all."""
        return self.every[0].runner if self.every else None

    @property
    def python(self) -> str:
        return self.every[0].python if self.every else ""

    @property
    def alone(self) -> bool:
        """Is there one suite only, at the project's top?

        Then its results are the whole answer, as it gave it.
        """
        return len(self.every) == 1 and not self.every[0].folder

    def tests(self, path: str) -> bool:
        return matching(*(suite.patterns(suite.runner.files.tests) for suite in self.every))(path)

    def code(self, path: str) -> bool:
        return matching(*(suite.patterns(suite.runner.files.code) for suite in self.every))(path)

    def config(self, path: str) -> bool:
        return matching(*(tuple(suite.configs()) for suite in self.every))(path)

    def concerned(self, paths: Iterable[str]) -> tuple[Suite, ...]:
        """Return the suites that changes of these files may bend: those of their folders, all where
        a file is of no language that is known."""
        found = {suite.name for path in paths for suite in holders(self.every, path)}
        return tuple(suite for suite in self.every if suite.name in found)


# Kept: the same few tuples of patterns are asked for once a path, and compiling them is slow.
def matching(*patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Return what tells whether a path is like one of these patterns."""
    return _matching(tuple(pattern for each in patterns for pattern in each))


@cache
def _matching(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    return matcher(patterns)


def suites_of(every: Sequence[Suite], runners: Sequence[Runner]) -> Suites:
    """Return these suites together; whose files nobody tells apart, all runners' patterns hold for
    it."""
    known = [(suite, [suite.runner] if suite.runner.files.tests else runners) for suite in every]
    patterns = [
        pattern
        for suite, kinds in known
        for kind in kinds
        for pattern in suite.patterns((*kind.files.tests, *kind.files.config))
    ]
    configs = [pattern for suite in every for pattern in suite.configs()]
    usual = (
        ()
        if every
        else [pattern for kind in runners for pattern in (*kind.files.tests, *kind.files.config)]
    )
    return Suites(every=tuple(every), files=matcher(dict.fromkeys((*patterns, *configs, *usual))))


def holders(suites: Sequence[Suite], name: str) -> tuple[Suite, ...]:
    """Return the suites that an id, or a file, may belong to: by its language in the deepest
    folder, else all that its folder allows."""
    file = file_of(name)
    exact = tuple(suite for suite in suites if suite.name == name)
    here = tuple(suite for suite in suites if suite.below(file))
    told = tuple(
        suite for suite in here if _matching(suite.patterns(suite.runner.files.code))(file)
    )
    loose = tuple(suite for suite in here if suite.runner.output.report not in NAMES_FILES) or here
    return exact or _deepest(told) or (_deepest(loose) if "::" in name else here) or tuple(suites)


def _deepest(suites: Sequence[Suite]) -> tuple[Suite, ...]:
    """Return those of these suites whose folder lies deepest."""
    most = max((len(suite.folder) for suite in suites), default=0)
    return tuple(suite for suite in suites if len(suite.folder) == most)


def shared_out(suites: Sequence[Suite], names: Sequence[str]) -> dict[str, list[str]]:
    """Names of ids and files by the suite that runs them, in their order."""
    shares: dict[str, list[str]] = {}
    for name in names:
        for suite in holders(suites, name):
            shares.setdefault(suite.name, []).append(name)
    return shares


def as_project(suite: Suite, found: SuiteResult) -> SuiteResult:
    """Return a suite's results as the project names them."""
    if not suite.folder:
        return found
    ids = {suite.named(name): result for name, result in found.ids.items()}
    return replace(found, ids=ids, uncollected=tuple(map(suite.named, found.uncollected)))


def together(runs: Sequence[tuple[Suite, SuiteResult]]) -> SuiteResult:
    """Return what several suites came to, as one: each by its ids, those without any by one that is
    called like the suite.

    A suite that could not even be started has no part in the answer where another one ran; what it
    says of itself stays in `parts`.
    """
    parts = {suite.name: part_of(results) for suite, results in runs}
    ran = [run for run in runs if not parts[run[0].name].absent] or list(runs)
    answer = worst_answer({results.answer for _, results in ran})
    believed = [results for _, results in ran if not results.broken]
    tails = [
        f"{suite.name}:\n{results.tail}"
        for suite, results in ran
        if results.answer is answer and answer is not CheckStatus.GREEN
    ]
    return SuiteResult(
        answer=answer,
        ids=ids_together(ran),
        uncollected=_in_order(results.uncollected for results in believed),
        tail="\n".join(tails)[-20_000:],
        noticed=Noticed(rewritten=_in_order(results.noticed.rewritten for _, results in ran)),
        parts=parts,
        seconds=sum(results.seconds for _, results in ran),
    )


def worst_answer(answers: Collection[CheckStatus]) -> CheckStatus:
    """Return one answer for several: a fault leaves the others open, so it comes before red."""
    if CheckStatus.FAULT in answers:
        return CheckStatus.FAULT
    return CheckStatus.RED if CheckStatus.RED in answers else CheckStatus.GREEN


def ids_together(runs: Sequence[tuple[Suite, SuiteResult]]) -> dict[str, Result]:
    """Return the ids of several suites; a report that cannot be believed leaves the suite, as an
    error."""
    believed = [(suite, results) for suite, results in runs if not results.broken]
    pairs = [pair for suite, results in believed for pair in named_ids(suite, results).items()]
    pairs += [(suite.name, Result.ERROR) for suite, results in runs if results.broken]
    return merge(pairs)


def _in_order(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return all of these once, in the order in which they come."""
    return tuple(dict.fromkeys(chain.from_iterable(lists)))


def named_ids(suite: Suite, found: SuiteResult) -> Mapping[str, Result]:
    """Return the ids of a suite's run; the suite's own name where single tests are not known."""
    if found.by_id:
        return found.ids
    return {suite.name: Result.PASSED if found.answer is CheckStatus.GREEN else Result.FAILED}


def part_of(found: SuiteResult) -> SuitePart:
    """Return what stays known of one suite's run once it is put together with others."""
    return SuitePart(
        answer=found.answer,
        summary=found.summary(),
        told=len(found.ids) + len(found.uncollected),
        by_id=found.by_id,
        broken=found.broken,
        absent=why_absent(found.tail) if found.absent else "",
    )


def why_absent(tail: str) -> str:
    """Return the last line that a program printed which could not be started, its exit code
    aside."""
    lines = (line.strip() for line in reversed(tail.splitlines()) if "exit code" not in line)
    return next(filter(None, lines), "it cannot be started")


def run_by_nothing(
    paths: Iterable[str], suites: Sequence[Suite], runners: Sequence[Runner]
) -> dict[str, list[str]]:
    """Files that look like tests and that no suite collects, by the folder at the project's top."""
    looks_like_test = test_pattern(runners)
    collected = matching(*(suite.patterns(suite.runner.files.tests or ("**",)) for suite in suites))
    loose_files: dict[str, list[str]] = {}
    for path in paths:
        if not looks_like_test(path) or _is_aside(path):
            continue
        if not (collected(path) and any(_runs(one, path) for one in suites)):
            folder = path.partition("/")[0] if "/" in path else ""
            loose_files.setdefault(folder, []).append(path)
    return loose_files


def test_pattern(runners: Sequence[Runner]) -> Callable[[str], bool]:
    """Return what tells files that look like a test to any of these runners."""
    # A whole folder of tests holds data and helpers too, so by its folder alone no file is one.
    tests = [
        pattern for kind in runners for pattern in kind.files.tests if not pattern.endswith("/**")
    ]
    is_test, is_code = matcher(tests), matcher(p for kind in runners for p in kind.files.code)
    return lambda path: is_test(path) and is_code(path)


def _is_aside(path: str) -> bool:
    """Return whether a file is a helper of tests, or somebody else's."""
    return "node_modules/" in path or posixpath.basename(path) in HELPERS


def loose(folder: str, files: Sequence[str]) -> str:
    """Return what there is to say of test files that nothing runs."""
    count = f"{len(files)} test file{'s' * (len(files) != 1)} in {folder or 'the project'}"
    which = f"{', '.join(sorted(files)[:3])}{' and more' * (len(files) > 3)}"
    return (
        f"{count} {'is' if len(files) == 1 else 'are'} run by nothing: {which}; [[checks.suite]] in"
        " loop.toml names a suite for them"
    )


def weak(suite: Suite) -> str:
    """Return why the tests of a suite have no ids, and what would give them some."""
    helps = "write the runner's own command, or let it leave JUnit XML in $NIGHTLATCH_REPORTS"
    name = suite.name if suite.folder else f"the command {suite.runner.run.command[-1]}"
    return (
        f"{name} is known by its exit code alone, and its tests by what their files say:"
        f" {suite.weak}; {helps}"
    )


def _runs(suite: Suite, path: str) -> bool:
    """Would this suite collect the file?"""
    inside = suite.below(path) and not any(
        suite.local(path).startswith(f"{other}/") for other in suite.without
    )
    return inside and (
        not suite.runner.files.code or matching(suite.patterns(suite.runner.files.code))(path)
    )
