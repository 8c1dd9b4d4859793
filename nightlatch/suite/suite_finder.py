"""Which suites the files of a repository point to: a runner in each folder that is a project of
its own."""

import posixpath
import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nightlatch.suite.runner_detection import Runner, RunnerSign, own_patterns, own_script
from nightlatch.suite.suites import Suite, matching
from nightlatch.util.globs import matcher
from nightlatch.util.paths import NOT_SUITES

PACKAGE_LINES = {"go": re.compile(r"^module\s+(\S+)", re.MULTILINE)}
# Files that are read in search of one sign: in a large folder the first ones tell enough.
MOST_READ = 50
Read = Callable[[str], str]
Has = Callable[[str, str], bool]


@dataclass(slots=True, kw_only=True)
class ProjectFiles:
    """The files of a tree, arranged so that many patterns in many folders are looked for
    quickly."""

    paths: Collection[str]
    read: Read
    ordered: tuple[str, ...] = ()
    named: Mapping[str, Sequence[str]] = field(default_factory=dict)
    known: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def fitting(self, pattern: str) -> tuple[str, ...]:
        """Return the paths whose last part is like this, in order."""
        if pattern not in self.known:
            names = [pattern] if not set(pattern) & set("*?") else filter(like(pattern), self.named)
            self.known[pattern] = tuple(
                sorted(path for name in names for path in self.named.get(name, ()))
            )
        return self.known[pattern]

    def hits(self, folder: str, file: str) -> Sequence[str]:
        """Return the paths in a folder that a sign's file names."""
        above = f"{folder}/" if folder else ""
        if not set(file) & set("*?"):
            return [above + file] if above + file in self.paths else []
        found = below(self.fitting(posixpath.basename(file)), folder)
        fits = matcher([file])
        return [path for path in found if fits(path.removeprefix(above))]

    def shows(self, folder: str, sign: RunnerSign) -> bool:
        """Is this sign in the folder?"""
        hits = self.hits(folder, sign.file)
        return bool(hits) and (
            not sign.text
            or any(re.search(sign.text, self.read(path), re.MULTILINE) for path in hits[:MOST_READ])
        )

    def inside(self, folder: str) -> "SubfolderFiles":
        return SubfolderFiles(files=self, folder=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubfolderFiles:
    """The files of one folder, as it names them."""

    files: ProjectFiles
    folder: str

    def __contains__(self, name: object) -> bool:
        return f"{self.folder}/{name}".removeprefix("/") in self.files.paths

    def __iter__(self) -> Iterator[str]:
        above = f"{self.folder}/" if self.folder else ""
        return (path.removeprefix(above) for path in below(self.files.ordered, self.folder))

    def __len__(self) -> int:
        return len(below(self.files.ordered, self.folder))

    def read(self, name: str) -> str:
        return self.files.read(f"{self.folder}/{name}".removeprefix("/"))


def like(pattern: str) -> Callable[[str], bool]:
    """Is a file's name like this?

    What stands around a single star is looked at first: it is much quicker than an expression.
    """
    start, star, end = pattern.partition("*")
    if not star or set(start + end) & set("*?"):
        return matcher([pattern])
    return lambda name: (
        name.endswith(end) and name.startswith(start) and len(name) >= len(start) + len(end)
    )


def below(ordered: Sequence[str], folder: str) -> Sequence[str]:
    """Of paths in order those that lie in a folder."""
    if not folder:
        return ordered
    # "0" comes after "/"
    return ordered[bisect_left(ordered, f"{folder}/") : bisect_left(ordered, f"{folder}0")]


def arranged(paths: Collection[str], read: Read) -> ProjectFiles:
    """Return the files of a tree, arranged for quick look-ups."""
    named: dict[str, list[str]] = {}
    for path in paths:
        named.setdefault(posixpath.basename(path), []).append(path)
    return ProjectFiles(
        paths=frozenset(paths), read=read, ordered=tuple(sorted(paths)), named=named
    )


def find(
    runners: Sequence[Runner], paths: Collection[str], read: Read, has: Has
) -> tuple[Suite, ...]:
    """Return every suite that the files point to, those of the top first.

    `has(module, folder)`: can the Python of that folder import this?
    """
    files = arranged(paths, read)
    found: list[Suite] = []
    for language in dict.fromkeys(runner.language for runner in runners):
        found += _of_language(
            [runner for runner in runners if runner.language == language], files, has
        )
    tops = [suite for suite in found if not suite.folder]
    data = matching(
        tuple(
            pattern
            for suite in tops
            for pattern in suite.runner.files.tests
            if pattern.endswith("/**")
        )
    )
    # a project among the tests is their data
    kept = [suite for suite in found if not (suite.folder and data(f"{suite.folder}/x"))]
    order = [runner.name for runner in runners]
    return tuple(
        sorted(
            kept,
            key=lambda suite: (bool(suite.folder), suite.folder, order.index(suite.runner.name)),
        )
    )


def runner_in(kinds: Iterable[Runner], files: ProjectFiles, folder: str, has: Has) -> Runner | None:
    """Return the first runner of a language that a folder's files point to, as the folder
    configures it."""
    for kind in kinds:
        is_shown = any(files.shows(folder, sign) for sign in kind.signs.found)
        # Asked last: to look into the project's Python costs a start of it.
        if is_shown and (not kind.signs.module or has(kind.signs.module, folder)):
            inside = files.inside(folder)
            return own_script(own_patterns(kind, inside, inside.read), inside, inside.read)
    return None


def _of_language(kinds: Sequence[Runner], files: ProjectFiles, has: Has) -> list[Suite]:
    """Return the suites of one language: the topmost folders first, then those below that nothing
    above runs."""
    anchored = _project_folders(kinds, files)
    accepted: dict[str, Runner] = {}
    # From the top down: whether a folder is a suite depends on what was accepted above it.
    for folder in sorted({"", *anchored}, key=lambda name: (name.count("/") + bool(name), name)):
        above = _nearest(folder, accepted)
        kind = runner_in(kinds, files, folder, has)
        if kind is None:
            continue
        if above is None or _apart(kind, folder, accepted[above], above, anchored, files):
            accepted[folder] = kind
    return list(_with_tests(accepted, anchored, files))


def _project_folders(kinds: Sequence[Runner], files: ProjectFiles) -> set[str]:
    """Return the folders with a file that makes them a project of this language."""
    signs = {sign.file for kind in kinds for sign in kind.signs.found}
    manifests = {name for kind in kinds for name in kind.files.manifests}
    # A sign with a folder in its name lies in the project, and not at its top.
    marks = manifests | {file for file in signs if "/" not in file}
    homes = {posixpath.dirname(path) for mark in marks for path in files.fitting(mark)}
    # What lies in folders of examples, fixtures and third-party code is nobody's suite.
    return {home for home in homes if not home or not NOT_SUITES.search(f"{home}/")}


def _apart(
    kind: Runner,
    folder: str,
    parent: Runner,
    above: str,
    anchored: Collection[str],
    files: ProjectFiles,
) -> bool:
    """Does nothing of what runs the folder above run this one too?"""
    if any(files.shows(above, sign) for sign in parent.signs.spreads):
        return False
    configured = any(files.shows(folder, sign) for sign in kind.signs.found if "/" not in sign.file)
    return (
        kind.signs.nested == "own"
        or above not in anchored
        or (kind.signs.nested == "config" and configured)
    )


def _with_tests(
    accepted: Mapping[str, Runner], anchored: Collection[str], files: ProjectFiles
) -> Iterator[Suite]:
    """Yield the folders that have a test of their own: what lies in a suite further down is that
    one's."""
    for folder, kind in accepted.items():
        inner = _suites_below(folder, accepted)
        # Rust's tests may stand in any of its files
        anywhere = kind.output.report == "cargo" and folder in anchored
        # A project that is all one suite is one before its first test is written.
        is_only_one = not inner and not folder
        if not (is_only_one or anywhere or _has_test(kind, files.inside(folder), inner)):
            continue
        spread = kind.options.spreading and any(
            files.shows(folder, sign) for sign in kind.signs.spreads
        )
        words = (*kind.options.usual, *(kind.options.spreading if spread else ()))
        usual = with_words(kind, words)
        yield placed(usual, folder, files.read, inner if kind.options.ignoring else ())


def _suites_below(folder: str, accepted: Iterable[str]) -> tuple[str, ...]:
    """Return the folders of other suites inside this one, as it names them."""
    inner = (other for other in accepted if other != folder and _holds(folder, other))
    return tuple(sorted(posixpath.relpath(other, folder or ".") for other in inner))


def _holds(folder: str, other: str) -> bool:
    return not folder or other.startswith(f"{folder}/")


def _has_test(kind: Runner, paths: Iterable[str], inner: tuple[str, ...]) -> bool:
    """Is there a test among these paths that lies in none of the inner suites?"""
    is_test, is_code = matcher(kind.files.tests), matcher(kind.files.code)
    others = tuple(f"{other}/" for other in inner)
    return any(not path.startswith(others) and is_code(path) and is_test(path) for path in paths)


def placed(runner: Runner, folder: str, read: Read, without: tuple[str, ...] = ()) -> Suite:
    """Return a shipped runner in a folder, under the name that people see."""
    line = PACKAGE_LINES.get(runner.output.report)
    told = line.search(read(f"{folder}/go.mod")) if line and folder else None
    words = tuple(
        word.replace("{folder}", name) for name in without for word in runner.options.ignoring
    )
    return Suite(
        name=f"{folder} ({runner.name})" if folder else runner.name,
        folder=folder,
        runner=with_words(runner, words),
        module=told[1] if told else "",
        without=without,
    )


def with_words(runner: Runner, words: Collection[str]) -> Runner:
    """Return the runner, with these words among its options."""
    command, again = (spliced(part, words) for part in (runner.run.command, runner.run.again))
    return replace(runner, run=replace(runner.run, command=command, again=again))


def spliced(command: Sequence[str], words: Iterable[str]) -> tuple[str, ...]:
    """Return a command with these words where it says {options}, which stays for more of them."""
    more = tuple(words)
    return tuple(
        part for word in command for part in ((*more, word) if word == "{options}" else (word,))
    )


def _nearest(folder: str, known: Collection[str]) -> str | None:
    """Return the nearest folder above this one that is known."""
    above = folder
    while above:
        above = posixpath.dirname(above)
        if above in known:
            return above
    return None


def sign_files(runners: Iterable[Runner]) -> Callable[[str], bool]:
    """Is this a file by which a suite may be found, or told how to run?"""
    signs = {sign.file for kind in runners for sign in (*kind.signs.found, *kind.signs.spreads)}
    named = {name for kind in runners for name in (*kind.files.manifests, *kind.files.config)}
    return matcher(
        [name if name.startswith("**/") else f"**/{name}" for name in sorted(signs | named)]
    )


def manifest_files(runners: Iterable[Runner]) -> Callable[[str], bool]:
    """Is this a file without which a suite may not be found, test files aside?"""
    signs = {
        sign.file
        for kind in runners
        for sign in (*kind.signs.found, *kind.signs.spreads)
        if not sign.file.startswith("**/")
    }
    return matcher(
        [f"**/{name}" for name in sorted(signs.union(*(kind.files.manifests for kind in runners)))]
    )
