"""What tests of the base claim, held to where nothing runs them: each claim has to be made
still, with the values that it had.

By ids the base's own tests are run on the new code. Where no run tells, a test that expects
something else, asks for something else, or asks another unit, cannot be told from one that was bent
to the code: a person looks at it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.languages.grammar import language_of
from nightlatch.ratchet.languages.readers import Sources
from nightlatch.ratchet.languages.tree_matchers import CLOSE, TRUTHS, norm
from nightlatch.ratchet.languages.tree_rows import split
from nightlatch.ratchet.model import EXACT, SKIP, Assertion, Source, Test
from nightlatch.ratchet.static.moved_tests import LITERAL, TITLE, inlined, is_made_up, shape
from nightlatch.ratchet.static.test_subjects import (
    FRAMEWORK,
    STRING,
    Place,
    Units,
    joined,
    looks,
    sides,
    words_of,
)

NAME = re.compile(r"(?<![\w'\"$])[$@]{0,2}[^\W\d][\w$]*[?!]?")
SIGN = re.compile(r"(?<=[\w)\]] )(?:\*\*|<<|>>|[-+*/%^&|])(?= )|-(?=\s*[\d(\w])")
TURNED = re.compile(
    r"(?:[a-z]*_)?(?:not|never|no|refute|wont|false|falsy|falsey)(?:_|$)|!=*$|\w*(?:Not|Never"
    r"|False|Falsy|Null$|Nil$)"
)
LINKING = re.compile(r"(?:are|is|has|have|be|been|an?|of|that|which|with|all|deep|does|do|to)$")
BELOW = re.compile(r"<=?$|-l[te]$|\w*(?:[lL]ess|[bB]elow|[aA]tMost|at_most|less)")
PIECE = re.compile(r"[^\W\d]\w*|[<>!=]=?=?|-[lg][te]\b")
NUMBER = re.compile(r"(?<![\w.])\d[\d_]*(?:\.[\d_]+)?(?:[eE][-+]?\d+)?")
ASSERTS = re.compile(r"\S*(?:[Aa]ssert|ASSERT)\w*(?: [.:]+ \w+)* ?[!]? ?\(|\S*assert\S*\(")
DEFINES = (
    (
        r"\b(?:class|module|defmodule|object|struct|trait|enum|fun|func|fn|function|def|sub|let"
        r"|const|var|val|auto|local|my)\s+(?:self\.)?\$?{n}\b"
    ),
    r"(?<![\w.$:>]){n}\s*(?::=|=(?![=>~]))",
    r"^\s*{n}\s*\(\)\s*\{",
    r"#\s*define\s+{n}\b",
    r"[\w>\]]\s+{n}\s*\([^;()]*\)\s*(?:\{|=>)",
    (
        r"(?<![\w.]){n}\s*\.\s*(?:define_singleton_method|define_method|class_eval|instance_eval"
        r"|singleton_class|prototype)\b"
    ),
    r"(?<![\w.]){n}\s*(?:\.|->|::)\s*\w+\s*=(?![=>~])",
)
# More places than any test writes, fewer than a float is sure of.
PLACES = 12
GONE = " is not in it any more"
TABLE = 2  # a loop, and what runs each of its rows


@dataclass(frozen=True, slots=True)
class Key:
    """An assertion by what it looks at and what it compares that with, whatever framework says
    it."""

    subject: str
    text: str
    inside: frozenset[tuple[str, int]]
    rest: frozenset[tuple[str, int]]
    bare: frozenset[tuple[str, int]]
    turned: bool

    def compares_like(self, other: "Key") -> bool:
        """Does another assertion compare the same?

        What is looked at and what is expected may have changed their places.
        """
        both = (self.subject, other.subject)
        may_be_turned = any(LITERAL.fullmatch(subject) for subject in both) or (
            both[0] in other.text and both[1] in self.text
        )
        same_parts = Counter(dict(self.inside)) + Counter(dict(self.rest)) == Counter(
            dict(other.inside)
        ) + Counter(dict(other.rest))
        # How near is near enough is compared as a limit, where less is more.
        same_values = self.rest == other.rest or self.bare == other.bare
        same = self.subject == other.subject and same_values
        return (same or (may_be_turned and same_parts)) and self.turned == other.turned


@dataclass(frozen=True, slots=True)
class _MadeClaim:
    """One assertion of the new tests, with the test that makes it."""

    claim: Assertion
    test: Test
    key: Key


@dataclass(frozen=True, slots=True)
class Claims:
    """Two versions of the tests of a project, and what a change does to their names."""

    units: Units
    fresh: Sequence[tuple[str, Test]]
    helpers: Mapping[str, Test]
    renamed: frozenset[str]
    whole: Mapping[str, Text]

    def gone(self, place: Place, test: Test, now: Sequence[tuple[str, Test]]) -> Iterator[str]:
        """Yield what a test of the base claims, asks or looks at, and the tests in its place do
        not.

        `now`: each with its file.
        """
        elsewhere = "" if test.helper else self._elsewhere(place, test, now)
        if not elsewhere and _reads_the_same(test, now):
            yield from self._redefined(place, test, now)
            return
        # What one test claimed may be split: the rest of it is a new test of the same unit.
        tests = [
            *now,
            *(one for one in self.fresh if one not in now and self._is_part(place, test, one)),
        ]
        yield from self._unclaimed(test, place[0], self._claims_made(tests))
        if elsewhere:
            yield f"it looked at {elsewhere}"
        yield from self._redefined(place, test, now)
        bare = frozenset(map(_bare, self._values_in(tests)))
        yield from (
            f"{value[:40]}{GONE}" for value in sorted(_asked(test)) if _bare(value) not in bare
        )
        yield from _raises_gone(test, [other for _, other in tests], bare)

    def _unclaimed(self, test: Test, path: str, made: Sequence[_MadeClaim]) -> Iterator[str]:
        """Yield the assertions of a test of the base that are not among those that are made now."""
        for a in test.assertions:
            # What is never reached, or looks at a constant of its own, claimed nothing before.
            claims_something = a.weight and not is_made_up(a, test)
            if claims_something and not self._is_kept(a, test, path, made):
                yield f"{_shortened(a.text)} is claimed no more"

    def _claims_made(self, tests: Sequence[tuple[str, Test]]) -> list[_MadeClaim]:
        """Return the assertions of these tests that claim something of what the unit gives."""
        made = [
            _MadeClaim(a, other, self.key(a, other, path))
            for path, other in tests
            for a in other.assertions
            if a.weight
        ]
        # What compares a constant of its own with another one, and with nothing that the unit
        # gives, claims nothing.
        return [
            one
            for one in made
            if not is_made_up(one.claim, one.test)
            or any(NAME.match(piece) for piece, _ in one.key.rest)
        ]

    def _values_in(self, tests: Sequence[tuple[str, Test]]) -> frozenset[str]:
        """Return the values of these tests, and those that stand around them in their files."""
        return frozenset[str]().union(
            *(_values(test).union(self.units.new[path].around) for path, test in tests)
        )

    def _redefined(
        self, place: Place, test: Test, now: Sequence[tuple[str, Test]]
    ) -> Iterator[str]:
        """Say which name of the unit has another meaning in the tests' own files."""
        if name := self._anew(place, test, now):
            yield f"{name} is given another meaning"

    def _anew(self, place: Place, test: Test, now: Sequence[tuple[str, Test]]) -> str:
        """Return a name of the unit that a test file defines, or assigns to, more often than it
        did."""
        before = self.whole[place[0]].old or ""
        names = {
            name
            for name in looks(place[0], test)
            if re.search(rf"(?<![\w.:>]){re.escape(name)}(?!\w)", joined(test.text))
        }
        for path in dict.fromkeys(path for path, _ in now):
            after = self.whole[path].new or ""
            for name in sorted(names):
                if name in after and _defined(name, after) > _defined(name, before):
                    return name
        return ""

    def lost_around(self, path: str) -> str:
        """Return a value that stood outside the tests of a file, such as a constant or what a
        fixture gives, and is in no test file any more."""
        source = self.units.old[path]
        before, after = (
            Counter(map(_bare, filter(LITERAL.fullmatch, one.around)))
            for one in (source, self.units.new.get(path, Source()))
        )
        # Nearly every file keeps its values: all other files are read only for one that does not.
        if not before - after:
            return ""
        others = [one for there, one in self.units.new.items() if there != path]
        moved = sum((Counter(map(_bare, one.around)) for one in others), Counter[str]())
        moved += _values_of_tests(self.units.new) - _values_of_tests(self.units.old)
        aside = _looked_at_elsewhere(source)
        candidates = sorted(before - after - moved)
        return next((value for value in candidates if " " not in value and value not in aside), "")

    def _is_part(self, place: Place, test: Test, one: tuple[str, Test]) -> bool:
        """Is this new test one of the same unit?"""
        own = looks(place[0], test) - self.units.sides.gone
        # It looks at something of the unit, and at nothing that the test did not name.
        related = (not own or bool(own & words_of(one[1]))) and looks(*one) <= words_of(
            test
        ) | self.renamed
        return (
            related
            and self.units.near(place, test, one[0])
            and not self.units.is_swapped(place, test, [one])
        )

    def _elsewhere(self, place: Place, test: Test, now: Sequence[tuple[str, Test]]) -> str:
        """Return what a test looked at and the tests in its place do not, or not from the same
        module."""
        if self.units.same(place, test, now):
            return ""
        missing = sorted(looks(place[0], test) - self.units.words_in(now) - self.renamed)
        return missing[0] if missing else f"what {place[0]} imported"

    def key(self, a: Assertion, test: Test, path: str) -> Key:
        """Return what an assertion compares, without the words of its framework and without what
        it says when it fails."""
        said = self._plain(_without_message(inlined(a.text, test)))
        subject = self._plain(inlined(a.subject, test))
        language = language_of(path)
        ranks = language.claims.ranks if language is not None else {}
        inside = Counter(_pieces(subject))
        rest = Counter(piece for piece in _pieces(said) if not _is_spoken(piece, ranks)) - inside
        words = PIECE.findall(STRING.sub(" ", said.replace(subject, " ") if subject else said))
        turned = sum(1 for word in words if TURNED.match(word)) + sum(
            1 for word in words if BELOW.match(word)
        )
        return Key(
            "".join(subject.split()),
            "".join(said.split()),
            frozenset(inside.items()),
            frozenset(rest.items()),
            frozenset((rest - _tolerances(test)).items()),
            a.rank < EXACT and turned % 2 == 1,
        )

    def _plain(self, text: str) -> str:
        """Return numbers and quotes in one form, and names that the change itself renames as one
        name."""
        text = STRING.sub(lambda found: f'"{found[0][1:-1]}"', text)
        text = NUMBER.sub(lambda found: _plain_number(found[0]), text)
        return (
            NAME.sub(lambda found: "_" if found[0] in self.renamed else found[0], text)
            if self.renamed
            else text
        )

    def _is_kept(self, a: Assertion, test: Test, path: str, made: Sequence[_MadeClaim]) -> bool:
        """Is one assertion made still: with the same values, by rows that have all of them, or
        by what its helper asserted?"""
        near = [one for one in made if _is_near(one, a, test)]
        own = self.key(a, test, path)
        same = [one for one in near if one.key.compares_like(own) and one.claim.rank >= a.rank]
        rows = _rows_of_values(test)
        if any(rows <= _rows_of_values(one.test) for one in same):
            return True
        return _is_made_by_rows(a, test, near) or self._is_asserted_by_helper(a, test, made)

    def _is_asserted_by_helper(self, a: Assertion, test: Test, made: Sequence[_MadeClaim]) -> bool:
        """Is what a helper asserted of its parameters asserted of values in their place, or the
        other way round?"""
        helper = self.helpers.get(a.text.partition("(")[0].strip().rpartition(".")[2].strip())
        asked = helper.assertions if helper is not None else (a,) if test.helper else ()
        if not asked:
            return False
        forms = {shape(one.claim.text) for one in made}
        values = {value for one in made for value in _values(one.test)}
        return (
            all(shape(c.text) in forms for c in asked if c.weight)
            and set(_literals(a.text)) <= values
        )


def claims_of(texts: Sequence[Text], old: Sources, new: Sources) -> Claims:
    """Return what is asked of two versions of the tests of a project."""
    units = Units(old, new, sides(texts))
    before = {
        (path, name): test for path, source in old.items() for name, test in source.tests.items()
    }
    helpers = {name.rpartition("::")[2]: test for (_, name), test in before.items() if test.helper}
    return Claims(
        units,
        _changed_or_new(before, new),
        helpers,
        _renamed(units, old, new),
        {text.path: text for text in texts},
    )


def _reads_the_same(test: Test, now: Sequence[tuple[str, Test]]) -> bool:
    """Have the tests in the place of one its text and its rows?"""
    return all(other.text == test.text and other.rows == test.rows for _, other in now)


def _changed_or_new(before: Mapping[Place, Test], new: Sources) -> list[tuple[str, Test]]:
    """Return the tests that the base does not have so and that nothing skips, each with its
    file."""
    return [
        (path, test)
        for path, source in new.items()
        for name, test in source.tests.items()
        if not any(rule == SKIP for rule, _ in test.marks)
        and ((path, name) not in before or before[path, name].text != test.text)
    ]


def _renamed(units: Units, old: Sources, new: Sources) -> frozenset[str]:
    """Return the names that a change takes away and those that it brings, where it takes any
    away."""
    defined, still = (
        frozenset[str]().union(*(source.defined for source in side.values())) for side in (old, new)
    )
    gone, came = units.sides.gone | (defined - still), units.sides.came | (still - defined)
    return gone | came if gone else frozenset()


def _values_of_tests(sources: Sources) -> Counter[str]:
    """Return the values in all tests of one side, each as often as it stands there; what helpers
    have stands around them."""
    tests = [
        test for source in sources.values() for test in source.tests.values() if not test.helper
    ]
    return Counter(_bare(value) for test in tests for value in _literals(test.text))


def _looked_at_elsewhere(source: Source) -> set[str]:
    """Return the values around the tests of a file that are looked at with the tests: their
    names, and what they take from a table outside of them."""
    parts = {part for name in source.tests for part in re.split(r" > |::", name)}
    rows = {
        _bare(value)
        for test in source.tests.values()
        for row in test.rows or ()
        for value in _literals(row)
    }
    return {"__main__", *parts, *rows}


def _raises_gone(test: Test, others: Sequence[Test], bare: frozenset[str]) -> Iterator[str]:
    """Yield the exceptions that a test expects and none of the others does; `bare` are their
    values."""
    raised = [pair for other in others for pair in other.raises]
    for kind, message in test.raises:
        is_expected = any(
            kind == now_kind and (message in {"", now_message} or _bare(message) in bare)
            for now_kind, now_message in raised
        )
        if not is_expected:
            yield f"{kind or 'an error'}{f' {message}' if message else ''} is expected no more"


def _is_near(one: _MadeClaim, a: Assertion, test: Test) -> bool:
    """Does an assertion stand no deeper than that of the base did?

    What stands in one branch, loop or function more than before may not be reached; rows are gone
    through by a loop in a table.
    """
    more = TABLE if one.test.rows and not test.rows else 0
    return one.claim.inside <= a.inside + more


def _rows_of_values(test: Test) -> set[tuple[str, ...]]:
    """Return the rows of a test, each as its values."""
    return {tuple(_literals(row)) for row in test.rows or ()}


def _is_made_by_rows(a: Assertion, test: Test, near: Sequence[_MadeClaim]) -> bool:
    """Is an assertion made with each of its rows of values, by a test that has rows or in the
    place of one that had?"""
    in_rows = [one for one in near if test.rows or one.test.rows]
    if not in_rows:
        return False
    text = inlined(a.text, test)
    form, literals = shape(text), Counter(LITERAL.findall(text))
    rows = [literals + Counter(LITERAL.findall(row)) for row in test.rows or ()] or [literals]
    return all(any(_has(values, form, one) for one in in_rows) for values in rows)


def _defined(name: str, text: str) -> int:
    """Return how often a text gives a name a meaning: defines it, assigns to it or to what
    belongs to it."""
    word = re.escape(name)
    return sum(
        len(re.findall(pattern.replace("{n}", word), STRING.sub('""', text), re.MULTILINE))
        for pattern in DEFINES
    )


def _shortened(text: str) -> str:
    """Return an assertion for a detail."""
    return re.sub(r" ?([.(),]) ?", r"\1", " ".join(text.split()))[:80]


def _plain_number(text: str) -> str:
    """Return one form for 1_000, 1000 and 1e3, for 0.50 and .5."""
    try:
        return f"{float(text.replace('_', '')):.{PLACES}f}".rstrip("0").rstrip(".")
    except (ValueError, OverflowError):
        return text


def _without_message(text: str) -> str:
    """Return an assertion that compares one or two values, without the text that stands behind
    them."""
    head = ASSERTS.match(text)
    if head is None:
        return text
    name = re.split(r"[ (!]", head[0].rstrip(" (!"))[-1].rpartition(".")[2]
    parts = split(text[head.end() : text.rindex(")")] if ")" in text else text[head.end() :])
    kept = 1 if norm(name) in TRUTHS else len(parts) if CLOSE.match(norm(name)) else 2
    # Only a text can be a message: a third number is a tolerance.
    message = parts[kept:] and re.match(r"[a-zA-Z@$]{0,3}[\"'`]|format\b", parts[kept])
    return f"{head[0]}{' , '.join(parts[:kept])} )" if message else text


def _pieces(text: str) -> list[str]:
    """Return the literals, the names and the arithmetic of an expression."""
    bare = STRING.sub(" ", text)
    return [*LITERAL.findall(text), *NAME.findall(bare), *SIGN.findall(bare)]


def _is_spoken(piece: str, ranks: Mapping[str, int]) -> bool:
    """Is this a word of a framework?"""
    if NAME.match(piece) is None:
        return False
    return (
        any(pattern.match(piece) for pattern in (FRAMEWORK, LINKING, TURNED))
        or norm(piece) in ranks
        or norm(piece) == ""
    )


def _has(values: Counter[str], form: str, one: _MadeClaim) -> bool:
    """Does an assertion of this form have these values: its own, or with those of one of its
    rows?"""
    # Assertions are made of a name or of what it stands for: either form will do.
    text = inlined(one.claim.text, one.test)
    if form not in {shape(text), shape(one.claim.text)}:
        return False
    own = Counter(LITERAL.findall(text))
    return any(not values - (own + Counter(LITERAL.findall(row))) for row in one.test.rows or ("",))


def _literals(text: str) -> list[str]:
    """Return the numbers and texts of an expression, the numbers in one form."""
    return LITERAL.findall(NUMBER.sub(lambda found: _plain_number(found[0]), text))


def _values(test: Test) -> frozenset[str]:
    """Return the values of a test, of its rows, and of what its names stand for."""
    return frozenset(
        _literals("\n".join((test.text, *(test.rows or ()), *test.names.stands.values())))
    )


def _bare(value: str) -> str:
    """Return a value without quotes, or a number in one form."""
    return _plain_number(value) if value[:1].isdigit() else value.strip("\"'`")


def _asked(test: Test) -> frozenset[str]:
    """Return the values that a test uses, those aside that only talk, its title and texts with
    spaces, and how near is near enough."""
    found = _literals("\n".join((TITLE.sub("", test.text), *(test.rows or ()))))
    return (
        frozenset(value for value in found if " " not in value.strip()) - _tolerances(test).keys()
    )


def _tolerances(test: Test) -> Counter[str]:
    """Return the numbers that say how near is near enough."""
    return Counter(
        _plain_number(f"{abs(number):.{PLACES}f}")
        for numbers in test.limits.values()
        for number in numbers
    )
