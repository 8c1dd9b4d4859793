"""What a test looks at: the names that it calls, and the modules that they come from.

Two tests of two units are never one test.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from posixpath import dirname, join, normpath

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.languages.grammar import language_of, languages
from nightlatch.ratchet.languages.readers import Sources
from nightlatch.ratchet.languages.tree_matchers import norm
from nightlatch.ratchet.model import Source, Test
from nightlatch.suite.runner_detection import supersedes

Place = tuple[str, str]  # a file and the name of a test in it
Words = Mapping[str, frozenset[str] | None]
STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`")
JOINED = re.compile(r"\s*(::|->|\?\.|\.)\s*|\s+(?=\()")
CALLED = re.compile(r"([^\W\d][\w$]*[?!]?)\(")
OWNED = re.compile(r"(?<![\w$.])([^\W\d][\w$]*)\.([^\W\d]\w*[?!]?)")
MEMBER = re.compile(r"\.([^\W\d]\w*[?!]?)")
TYPE = re.compile(r"(?<![\w$])[A-Z]\w*")
WORD = re.compile(r"[^\W\d][\w$]*[?!]?")
# Lines that bring in a name or pass it on: it is not there for that.
PASSED_ON = re.compile(
    r"^[ \t]*(?:from [\w.]+ import (?:\([^)]*\)|.*)|__all__ = (?:\[[^\]]*\]|.*)|(?:pub )?use"
    r" .*;|(?:import|export) [^;]* from .*)$",
    re.MULTILINE,
)
PARTS = re.compile(r"[./\\:]+")
ENDING = re.compile(r"\.(?:[cm]?[jt]sx?|py|rb|php|lua|h|hh|hpp|hxx|cc|cpp|bash|sh)$")
ABOVE = re.compile(r"\.+")
# What frameworks, runners and languages call so: a test may say the same with other words of these.
FRAMEWORK = re.compile(
    r"(?:XCT)?[Aa]ssert|ASSERT|EXPECT|[Ee]xpect(?:$|[A-Z_])|REQUIRE|CHECK(?:_|$)|SECTION$"
    r"|TEST|should|refute|must_|wont_|to[A-Z]|[Tt]est(?:[A-Z_]|$)"
    r"|(?:it|describe|context|suite|given|when|then|and|or|not|run|Run|fail|flunk|fn|func"
    r"|function|lambda|def|fun|let|if|elif|for|while"
    r"|switch|match|case|catch|try|do|end|return|await|async|new|in|with|self|this|super|cls"
    r"|str|int|float|bool|len|list|dict|set|tuple"
    r"|sorted|range|print|println|printf|puts|log|console|echo|Error|Errorf|Fatal|Fatalf|Log"
    r"|Logf|Helper|Parallel|Fail|FailNow"
    r"|raises|warns|approx|intercept|thrownBy|Is|Has|Does|Throws|Some|None|Ok|Err|True|False"
    r"|String|Integer|Int|Float|Double|Boolean"
    r"|Bool|List|Map|Set|Array|Object|Vec|T|unwrap|clone|toString|to_string|to_s|close|setUp"
    r"|setup|tearDown|before|after|beforeEach"
    r"|afterEach|before_each|after_each|screen|cy|vi|jest|mark|parametrize|pytest|unittest"
    r"|mock|class|Class|java|Test|Fact|Theory"
    r"|InlineData|DataProvider|TestWith|each|forEach|map|sleep|wait|timeout|setTimeout|seed)$"
)


@dataclass(frozen=True, slots=True)
class Sides:
    """The words of the changed files of code that hold no tests, before and after; None where a
    file is not there."""

    old: Words
    new: Words
    gone: frozenset[str]
    came: frozenset[str]


def sides(texts: Iterable[Text]) -> Sides:
    """Return what a change does to the names of the code."""
    code = [
        text
        for text in texts
        if not (text.test or text.declares)
        and (language_of(text.path) or text.path.endswith(".py"))
    ]
    old = {text.path: _words(text.old) for text in code}
    new = {text.path: _words(text.new) for text in code}
    before, after = (
        frozenset[str]().union(*(words or () for words in side.values())) for side in (old, new)
    )
    return Sides(old, new, before - after, after - before)


def _words(text: str | None) -> frozenset[str] | None:
    """Return the names that a file uses, those that it only passes on aside."""
    return None if text is None else frozenset(WORD.findall(PASSED_ON.sub(" ", text)))


@dataclass(frozen=True, slots=True)
class Units:
    """Tells whether tests of two versions of a project look at the same unit."""

    old: Sources
    new: Sources
    sides: Sides

    def near(self, place: Place, test: Test, there: str) -> bool:
        """Do the names that a test uses come from the same modules in another file, or from
        where those have moved?"""
        one, other = self.old[place[0]], self.new[there]
        if one == other and place[0] == there:
            return True
        used = words_of(test)
        return self._is_beside(place, test, there, other) and not any(
            self._is_other(name, module, place[0], there, other)
            for name, module in one.origins
            if name in used or name in one.around
        )

    def same(self, place: Place, test: Test, others: Sequence[tuple[str, Test]]) -> bool:
        """Do these tests, each with its file, look at all that the first one looks at, from the
        same modules?"""
        there, looked_at = self.words_in(others), looks(place[0], test)
        helpers = {name.rpartition("::")[2] for name in self.old[place[0]].defined}
        missing = looked_at - there - helpers
        # Names that the change takes away may be missing, where others have come for them.
        if missing - self.sides.gone or (missing and not there & self.sides.came):
            return False
        if self.is_swapped(place, test, others):
            return False
        unit = looked_at - _expected_errors(test) - self.sides.gone
        if unit and self._is_part_of_another(unit, others):
            return False
        files = dict.fromkeys(path for path, _ in others)
        return all(self.near(place, test, path) for path in files)

    def words_in(self, tests: Sequence[tuple[str, Test]]) -> frozenset[str]:
        """Return the words of some tests, and those that stand around them in their files."""
        return frozenset[str]().union(
            *(words_of(test).union(self.new[path].around) for path, test in tests)
        )

    def _is_part_of_another(self, unit: frozenset[str], others: Sequence[tuple[str, Test]]) -> bool:
        """Has one of several tests nothing to do with the unit?

        One that only expects the same error may be of any other.
        """
        return len(others) > 1 and any(not unit & self.words_in([other]) for other in others)

    def is_swapped(self, place: Place, test: Test, others: Sequence[tuple[str, Test]]) -> bool:
        """Is something asked of another module or class now that was asked of one before:
        `discount.add` where it was `cart.add`?"""
        before = owned(test, self.old[place[0]])
        after = {pair for path, other in others for pair in owned(other, self.new[path])}
        for owner, name in before - after:
            now = {other for other, called in after if called == name}
            # A module that the change takes away has to be replaced by another one.
            if now and owner not in self.sides.gone:
                return True
        return False

    def _is_other(self, name: str, module: str, path: str, there: str, other: Source) -> bool:
        """Does a name that one file imports come from elsewhere in another file, or from that
        file itself?"""
        if not name:
            return False
        modules = [found for known_as, found in other.origins if known_as == name]
        if not modules:
            return name in other.defined and name not in self.old[path].defined
        return not any(self._is_same(module, path, found, there, (name,)) for found in modules)

    def _is_beside(self, place: Place, test: Test, there: str, other: Source) -> bool:
        """Is another file part of the same package, and does it bring in the modules that this
        one brings in whole?"""
        path, one = place[0], self.old[place[0]]
        before, after = (
            [module for name, module in source.origins if not name] for source in (one, other)
        )
        if (path, before, one.package) == (there, after, other.package):
            return True
        names = looks(path, test)
        lost = [
            module
            for module in before
            if not any(self._is_same(module, path, found, there, names) for found in after)
        ]
        more = [
            found
            for found in after
            if not any(self._is_same(module, path, found, there, names) for module in before)
        ]
        return not (lost and more) and self._is_in_package(path, there, one, other)

    def _is_in_package(self, path: str, there: str, one: Source, other: Source) -> bool:
        """Does another file lie in the package that this one tests, or where that has moved?"""
        if not one.package:
            return True
        inner = path.endswith(".go") and not one.package.endswith("_test")
        if inner:  # a test of Go that names no package tests the folder that it lies in
            return (one.package, dirname(path)) == (
                other.package,
                dirname(there),
            ) or self._has_moved(dirname(path), dirname(there), ())
        named = any(module.partition("#")[0] == one.package for _, module in other.origins)
        return (
            one.package == other.package or named or self._has_moved(one.package, other.package, ())
        )

    def _is_same(
        self, module: str, path: str, found: str, there: str, names: Collection[str]
    ) -> bool:
        """Do two files name the same module, or one that has moved to where the other looks?"""
        (one, symbol), (other, again) = (
            _resolved(*pair) for pair in ((path, module), (there, found))
        )
        if symbol != again and not {symbol, again} & (self.sides.gone | self.sides.came):
            return False
        # A path from the file and one from a root name one module where one ends with the other.
        loose = _is_relative(module) != _is_relative(found) or "" in (one, other)
        alike = one == other or (
            loose and (f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}"))
        )
        return alike or self._has_moved(
            f"{one}#{symbol}", f"{other}#{again}", {symbol} if symbol else names
        )

    def _has_moved(self, module: str, found: str, names: Collection[str]) -> bool:
        """Has a module, or what has one of these names in it, left its place for another one in
        this change?"""
        return _is_less(module, names, self.sides.old, self.sides.new) and _is_less(
            found, names, self.sides.new, self.sides.old
        )


def _is_less(module: str, names: Collection[str], here: Words, there: Words) -> bool:
    """Is a file that could be this module on one side alone, or has it one of these names on
    that side alone?"""
    for path, words in here.items():
        if words is not None and _is_of(module, path):
            others = there.get(path)
            if others is None or any(name in words and name not in others for name in names):
                return True
    return False


@lru_cache(maxsize=65536)  # asked for every name of every test, of every changed file
def _is_of(module: str, path: str) -> bool:
    """Could a file be this module, or lie in this package, by its name?"""
    whole, _, symbol = module.partition("#")
    names = {symbol, ([part for part in PARTS.split(whole) if part] or [""])[-1]} - {""}
    folder, _, file = path.rpartition("/")
    return bool(names & {file.partition(".")[0], folder.rpartition("/")[2]})


def _is_relative(module: str) -> bool:
    """Does a file name a module by where it lies?"""
    return module.startswith((".", "@/", "~", "#"))


@lru_cache(maxsize=4096)
def _resolved(path: str, module: str) -> tuple[str, str]:
    """Return a module as a path of the project, as far as its own file tells, and what is taken
    out of it."""
    whole, _, symbol = module.partition("#")
    whole = ENDING.sub("", whole)
    if whole.startswith(("./", "../")) or whole in {".", ".."}:
        return normpath(join(dirname(path), whole)).removesuffix("/index"), symbol
    if path.endswith(".rs") and PARTS.split(whole)[0] in {"super", "self"}:
        return "/".join((path.removesuffix(".rs"), *PARTS.split(whole)[1:])), symbol
    if dots := ABOVE.match(whole):  # as Python writes it: `..cart`
        folder = path
        for _ in dots[0]:
            folder = dirname(folder)
        return join(folder, whole[len(dots[0]) :].replace(".", "/")), symbol
    return "/".join(part for part in PARTS.split(whole.lstrip("@~#/")) if part), symbol


@lru_cache(maxsize=1024)
def joined(text: str) -> str:
    """Return a test's text without spaces between the parts of a name, and without its strings."""
    return JOINED.sub(r"\1", STRING.sub('""', text))


def owned(test: Test, source: Source) -> frozenset[tuple[str, str]]:
    """Return what a test asks of modules and classes: (owner, name)."""
    brought = {name for name, _ in source.origins}
    pairs = OWNED.findall(joined(test.text).replace("::", ".").replace("->", "."))
    return frozenset(
        (owner, name)
        for owner, name in pairs
        if (owner in brought or owner[:1].isupper()) and not FRAMEWORK.match(owner)
    )


def words_of(test: Test) -> frozenset[str]:
    """Return every word of a test and its rows."""
    return frozenset(WORD.findall("\n".join((test.text, *(test.rows or ())))))


def _expected_errors(test: Test) -> frozenset[str]:
    """Return the names of the exceptions that a test expects."""
    return frozenset(name for kind, _ in test.raises for name in WORD.findall(kind))


def is_superseded(names: Iterable[str], place: Place) -> bool:
    """Does a feature name this test, with its groups written in either way?"""
    path, name = place
    return supersedes(names, f"{path}::{name.replace(' > ', '::')}") or supersedes(
        names, f"{path}::{name}"
    )


def looks(path: str, test: Test) -> frozenset[str]:
    """Return the names that a test calls and the types that it names, those of frameworks and
    its own aside."""
    language = language_of(path)
    text = joined(test.text)
    names = {*CALLED.findall(text), *TYPE.findall(text), *test.names.calls}
    # a language in which calls need no brackets
    if language is not None and "called" in language.words:
        names = {*CALLED.findall(text), *TYPE.findall(text), *MEMBER.findall(text)}
    if language is not None and (command := language.words.get("command")):
        names |= set(command.findall(test.text))
    ranks = language.claims.ranks if language is not None else languages()["python"].claims.ranks
    return frozenset(
        name
        for name in names
        if name not in test.names.stands and not FRAMEWORK.match(name) and norm(name) not in ranks
    )
