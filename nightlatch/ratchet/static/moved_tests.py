"""Where tests went: renamed, moved, merged, split, or turned into rows of another test."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.languages.readers import Sources, read_all
from nightlatch.ratchet.model import Assertion, Source, Test
from nightlatch.ratchet.static.inherited_tests import moved
from nightlatch.ratchet.static.test_subjects import Place as Place
from nightlatch.ratchet.static.test_subjects import Units, sides
from nightlatch.suite.results import file_of

ALIKE = 0.8
# Where whole suites move at once, only tests that keep their names are looked for: what is not
# found counts as gone, and a person says that it is meant.
MOST_PAIRS = 2_000_000
MOST_COMPARED = 4_000
LITERAL = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`|(?<![\w.])\d[\w.]*")
TITLE = re.compile(r"\A(?:'[^']*'|\"[^\"]*\"|`[^`]*`) , ")
# in a title, where a row's own value comes
HOLE = re.compile(r"%[sdifjoOp#]|\$\{[^}]*\}|\$[A-Za-z_][\w.]*")
WORD = re.compile(r"\w+|[^\w\s]")
OPERAND = re.compile(r"(?<![\w.])[$@]{0,2}_?[A-Za-z]\w*(?:\s*\.\s*\w+)*(?![\w.]|\s*\()")
# brackets behind a name would ask for one of many
VALUES = re.compile(r"(?<![\w)\]])(?:\[(?:_(?:,_)*,?)?\]|\{_:_(?:,_:_)*,?\})")
SETUP = re.compile(r"(\w+)(?: , \w+)? := (.+)", re.DOTALL)
OWNER = re.compile(r"(?<![\w.])(?:self|this|cls)\s?\.\s?|\$this -> ")
DATA_SET = re.compile(r" with data set (?:#\d+|\".*\")\Z", re.DOTALL)  # PHPUnit's name for a row
# RSpec and ExUnit put the groups of a test before its name with a space
GROUPED_BY_SPACE = ("_spec.rb", ".exs")


def explained(
    lost: Iterable[str], added: Iterable[str], texts: Sequence[Text]
) -> Mapping[str, str]:
    """For each lost id that is explained, the test that has taken its place: `path::name`,
    which may be several ids.

    A lost row of parameters is explained by nothing here: its function is still there.
    """
    old, new = read_all(texts, "old"), read_all(texts, "new")
    found = successors(old, new, texts)
    fresh = frozenset(added)
    names = tuple(lost)
    gone = moved(names, fresh, texts, found)
    for name in names:
        place = next((p for p in found if is_named(name, p)), None)
        if place and any(is_named(i, after) for after in found[place] for i in fresh):
            gone[name] = ", ".join(f"{path}::{test}" for path, test in found[place])
    return gone


def word_for_word(gone: Mapping[str, str], texts: Sequence[Text]) -> frozenset[str]:
    """Of the explained ids those whose test says the same where it is now: nothing but its name
    or its place is another."""
    old, new = read_all(texts, "old"), read_all(texts, "new")
    before = {
        (path, name): test for path, source in old.items() for name, test in source.tests.items()
    }

    def is_same(wanted: str, there: str) -> bool:
        path, _, name = there.partition("::")
        now = new.get(path, Source()).tests.get(name)
        return now is not None and any(
            is_named(wanted, place) and _alike(test) == _alike(now)
            for place, test in before.items()
        )

    return frozenset(wanted for wanted, there in gone.items() if is_same(wanted, there))


def _alike(test: Test) -> Test:
    """Return a test without its name, its title and its place."""
    return replace(test, name="", line=0, text=TITLE.sub("", test.text))


def is_named(wanted: str, place: Place) -> bool:
    """Is this id of that test?

    A package stands for its files, and titles are joined in the runner's own way.
    """
    path, test = place
    file, inner = file_of(wanted), DATA_SET.sub("", wanted.partition("::")[2])
    inner = inner.replace(" > ", "::")
    test = test.replace(" > ", "::")
    of_class = is_class(file, path)
    if path != file and not (of_class or _is_package(file, path)):
        return path.endswith(".rb") and wanted == test  # Minitest names no file
    if HOLE.search(test):
        filled = ".+".join(map(re.escape, HOLE.split(test)))
        return re.fullmatch(rf"(?:.*::)?{filled}", inner, re.DOTALL) is not None
    if path.endswith(GROUPED_BY_SPACE):
        return joined(inner) == joined(test)
    # the class is the file, or part of its name
    if (of_class or path.endswith(".php")) and f"::{test}".endswith(f"::{inner}"):
        return True
    return _is_inner_name(inner, test)


def _is_inner_name(inner: str, test: str) -> bool:
    """Does an id name this test behind its file: the test itself, one of its rows or subtests, or
    the test in a class?"""
    is_row = test == inner.split("[", 1)[0]
    return test == inner or is_row or inner.startswith(f"{test}/") or inner.endswith(f"::{test}")


def _is_package(name: str, path: str) -> bool:
    """May this file lie in the package that an id of Go or Rust names in the place of a file?"""
    if path.endswith(".rs"):
        return True
    folder = path.rpartition("/")[0]
    return path.endswith(".go") and folder.endswith(name.rpartition("/")[2] if folder else "")


def is_class(name: str, path: str) -> bool:
    """Is `shop/com.shop.CartTest` the class of shop/src/test/java/com/shop/CartTest.java?"""
    folder, _, inner = name.rpartition("/")
    return f"/{path.rpartition('.')[0]}".endswith(
        f"/{inner.replace('.', '/')}"
    ) and path.startswith(f"{folder}/" if folder else "")


def joined(test: str) -> str:
    """Return a test with its groups before it, as RSpec and ExUnit write them."""
    return re.sub(r" (?=[#.])", "", test.replace("::", " "))


def in_place_of(
    place: Place, test: Test, new: Sources, moved: Mapping[Place, Sequence[Place]]
) -> list[tuple[str, Test]]:
    """Return the tests that stand for one of the base now, each with its file: its namesake in
    the same place, or its successors."""
    path, name = place
    here = new[path].tests.get(name) if path in new else None
    # A helper that has become a test, or the other way round, only has the name.
    is_namesake = here is not None and here.helper == test.helper
    places = (place,) if is_namesake else moved.get(place, ())
    return [(there, new[there].tests[other]) for there, other in places]


def successors(old: Sources, new: Sources, texts: Sequence[Text]) -> dict[Place, tuple[Place, ...]]:
    """For each test that is no longer where it was, the tests that say the same of the same
    unit, if there are any."""
    before, after = _tests_in(old), _tests_in(new)
    lost = {place: test for place, test in before.items() if place not in after}
    fresh = {
        place: test
        for place, test in after.items()
        if place not in before or before[place].text != test.text
    }
    # Tests that the change leaves alone are looked through as well only where there are few.
    is_large = len(lost) * len(after) > MOST_COMPARED
    kept = {} if is_large else {p: test for p, test in after.items() if p not in fresh}
    units = Units(old, new, sides(texts))
    named = by_last_name(fresh)
    if len(lost) * len(fresh) > MOST_PAIRS:
        fresh = {}
    return {
        place: found
        for place, test in lost.items()
        if (
            found := _namesake(place, test, named.get(_last_name(place), {}), units)
            or _successor(place, test, fresh, units)
            or _twin(place, test, kept)
        )
    }


def _tests_in(sources: Sources) -> dict[Place, Test]:
    """Return all tests of one side by their places, helpers aside."""
    return {
        (path, name): test
        for path, source in sources.items()
        for name, test in source.tests.items()
        if not test.helper
    }


def by_last_name(tests: Mapping[Place, Test]) -> dict[str, dict[Place, Test]]:
    """Return tests by their names without groups: where a whole folder of tests moves, nearly all
    of them keep their names, and comparing each with each takes minutes."""
    named: dict[str, dict[Place, Test]] = {}
    for place, test in tests.items():
        named.setdefault(_last_name(place), {})[place] = test
    return named


def _last_name(place: Place) -> str:
    """Return the name of a test without its groups."""
    return place[1].rpartition("::")[2]


def _namesake(
    place: Place, test: Test, named: Mapping[Place, Test], units: Units
) -> tuple[Place, ...]:
    """Return the test of the same name, with or without its groups, that says the same of the same
    unit."""
    for there in sorted(named, key=lambda p: p[1] != place[1]):
        other = named[there]
        if (
            units.near(place, test, there[0])
            and units.same(place, test, [(there[0], other)])
            and similar(test, other)
        ):
            return (there,)
    return ()


def _twin(place: Place, test: Test, kept: Mapping[Place, Test]) -> tuple[Place, ...]:
    """Return a test of the same file that says the same word for word, and stays."""
    same = (p for p, t in kept.items() if p[0] == place[0] and _alike(t) == _alike(test))
    return tuple(same)[:1] if test.assertions else ()


def _successor(
    place: Place, test: Test, fresh: Mapping[Place, Test], units: Units
) -> tuple[Place, ...]:
    """Return the tests that look at the same unit and say the same, wherever they are."""
    # What looks at another unit, or at the same names of another module, is another test, however
    # alike it reads.
    near = {p: t for p, t in fresh.items() if units.near(place, test, p[0])}
    found = _likely(place, test, near, units)
    return found if found and units.same(place, test, [(p[0], near[p]) for p in found]) else ()


def _likely(
    place: Place, test: Test, fresh: Mapping[Place, Test], units: Units
) -> tuple[Place, ...]:
    """Return the test that asserts as much, else one that reads much like it, else several that
    do so together."""
    alone = {p: t for p, t in fresh.items() if units.same(place, test, [(p[0], t)])}
    for there in sorted(alone, key=lambda p: _far(place, test, p, alone[p])):
        if covers(test, [alone[there]]):
            return (there,)
    nearest = _nearest(test, alone)
    if nearest is not None:
        return (nearest,)
    forms = _forms(test)
    parts = tuple(p for p in fresh if forms & _forms(fresh[p], rows=bool(test.rows)))
    return parts if parts and covers(test, [fresh[p] for p in parts]) else ()


def _nearest(test: Test, alone: Mapping[Place, Test]) -> Place | None:
    """Return the test that reads most like this one, if it is similar and asserts as often."""
    # Likeness compares two texts word by word: with many candidates that takes minutes.
    if not alone or len(alone) >= MOST_COMPARED / 20:
        return None
    nearest = max(alone, key=lambda p: likeness(test, alone[p]))
    other = alone[nearest]
    return nearest if similar(test, other) and reached(other) >= reached(test) else None


def _forms(test: Test, *, rows: bool | None = None) -> set[str]:
    """Return what a test asserts, with its values left open where it has rows of them."""
    open_values = bool(test.rows) if rows is None else rows
    texts = [inlined(a.text, test) for a in test.assertions]
    return (
        {shape(text) for text in texts}
        if open_values
        else {*texts, *(a.text for a in test.assertions)}
    )


def _far(place: Place, test: Test, there: Place, other: Test) -> tuple[bool, bool, bool]:
    """Return how far another test is from where this one was: the same words come first, then
    the same file, then the same class."""
    return (
        test.text != other.text,
        place[0] != there[0],
        place[1].rpartition("::")[0] != there[1].rpartition("::")[0],
    )


def likeness(one: Test, other: Test) -> float:
    """Return how alike two tests read, 0 where they are far from it."""
    matcher = SequenceMatcher(
        None, WORD.findall(one.text), WORD.findall(other.text), autojunk=False
    )
    return matcher.ratio() if matcher.quick_ratio() >= ALIKE else 0.0


def similar(one: Test, other: Test) -> bool:
    """Do two tests read much the same?"""
    return likeness(one, other) >= ALIKE


def reached(test: Test) -> int:
    """Return how often a test asserts something of the unit."""
    return sum(a.weight for a in test.assertions if not is_made_up(a, test))


def is_made_up(a: Assertion, test: Test) -> bool:
    """Does an assertion look at a name that stands for a constant of the test's own, and not at
    what anything gave?"""
    return (
        LITERAL.fullmatch(a.subject) is None
        and LITERAL.fullmatch(inlined(a.subject, test)) is not None
    )


def covers(test: Test, others: Sequence[Test]) -> bool:
    """Do these tests together assert all that the first one does: word for word, its values
    among their rows, or each of its rows?"""
    if not test.assertions:
        return False
    asserted = _Asserted.of(others)
    return all(asserted.has(a, test) for a in test.assertions)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asserted:
    """What some tests assert together: the texts, each assertion's form with its values, and all
    values of the tests."""

    texts: frozenset[str]
    forms: Sequence[tuple[str, set[str]]]
    values: frozenset[str]

    @classmethod
    def of(cls, tests: Sequence[Test]) -> "_Asserted":
        """Put together what these tests assert, made-up constants and what is never reached
        aside."""
        claims = [
            (a.text, inlined(a.text, test))
            for test in tests
            for a in test.assertions
            if a.weight and not is_made_up(a, test)
        ]
        return cls(
            texts=frozenset(text for pair in claims for text in pair),
            forms=[(shape(text), set(LITERAL.findall(text))) for _, text in claims],
            values=frozenset(
                value for test in tests for value in LITERAL.findall(text_with_rows(test))
            ),
        )

    def has(self, a: Assertion, test: Test) -> bool:
        """Is this assertion of a test among these?"""
        text = inlined(a.text, test)
        if self.texts & {a.text, text}:
            return True
        own, form = set(LITERAL.findall(text)), shape(text)
        rows = [own | set(LITERAL.findall(row)) for row in test.rows or ()]
        if rows and all(self._has_row(form, row) for row in rows):
            return True
        values = own.union(*rows)
        # Without any value every call of the same form would be this assertion.
        return (
            bool(values) and values <= self.values and any(form == other for other, _ in self.forms)
        )

    def _has_row(self, form: str, row: set[str]) -> bool:
        """Is there an assertion of this form with these values?"""
        return any(form == other and row <= values for other, values in self.forms)


def text_with_rows(test: Test) -> str:
    """Return a test's text with its rows."""
    return "\n".join((test.text, *(test.rows or ())))


def inlined(text: str, test: Test) -> str:
    """Return an assertion with the names that its test assigns once put as what they stand for,
    those of a condition's own setup too."""
    setup, _, condition = text.rpartition(" ; ")
    made = SETUP.match(setup)
    names = {**test.names.stands, made[1]: made[2]} if made else test.names.stands
    said = condition if made else text
    for name, value in names.items():
        if name in said:
            said = re.sub(
                rf"(?<![\w$.'\"])(?<!\. ){re.escape(name)}(?![\w'\"])",
                value.replace("\\", r"\\"),
                said,
            )
    return OWNER.sub("", said)


def shape(text: str) -> str:
    """Return an assertion with what it is called with, and what it expects, left open; a list or
    an object of values is one value."""
    found = re.sub(r"\s+", "", OPERAND.sub("_", LITERAL.sub("_", text)))
    while (less := VALUES.sub("_", found)) != found:
        found = less
    return found
