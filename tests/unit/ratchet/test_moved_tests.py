"""Tests that went elsewhere, and changes that touch no test of the base."""

import re
from dataclasses import replace
from textwrap import indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.examine import static_reasons
from nightlatch.ratchet.static.moved_tests import explained, word_for_word

A, B = "tests/test_a.py", "tests/test_b.py"
HEAD = "import pytest\nfrom calc import add\n\n"
ONE = "def test_one():\n    assert add(1, 2) == 3\n    assert add(2, 2) == 4\n"
TWO = "def test_two():\n    assert add(5, 5) == 10\n"
SIX = TWO.replace("two", "six").replace("5, 5", "5, 6")
MIXED = (
    "class Mixin:\n"
    + indent(TWO.replace("()", "(self)"), "    ")
    + "\n\nclass TestTen(Mixin):\n    limit = 10\n"
)
SORTED = MIXED.replace("two", "ten").replace("add(5, 5) == 10", "sorted([2, 1])")
OWN = "\n\nclass TestOwn:\n" + indent(TWO.replace("()", "(self)"), "    ")
MORE = MIXED.replace("test_two", "test_all").replace(
    "== 10\n", "== 10\n        assert add(1, 1) == 2\n"
)
ROWS = """@pytest.mark.parametrize(("a", "b", "c"), [(1, 2, 3), (2, 2, 4), (5, 5, 10)])
def test_rows(a, b, c):
    assert add(a, b) == c
"""
ROW_IDS = tuple(f"{A}::test_rows[{i}]" for i in ("1-2-3", "2-2-4", "5-5-10"))


def texts(old: str, new: str, old_b: str | None = None, new_b: str | None = None) -> list[Text]:
    found = [
        Text(path=A, old=HEAD + old, new=HEAD + new, test=True),
        Text(path=B, old=old_b, new=new_b, test=True),
    ]
    return [text for text in found if text.old != text.new]


@pytest.mark.parametrize(
    ("lost", "added", "change"),
    [
        (f"{A}::test_one", (f"{A}::test_sums",), texts(ONE, ONE.replace("test_one", "test_sums"))),
        (f"{A}::test_one", (f"{B}::test_one",), texts(ONE, "", None, HEAD + ONE)),
        (
            f"{A}::test_one",
            (f"{A}::TestAdd::test_one",),
            texts(ONE, "class TestAdd:\n" + indent(ONE.replace("()", "(self)"), "    ")),
        ),
        (
            f"{A}::test_two",
            (f"{A}::test_all",),
            texts(ONE + TWO, ONE.replace("one", "all") + "    assert add(5, 5) == 10\n"),
        ),
        (f"{A}::test_two", ROW_IDS, texts(ONE + TWO, ROWS)),
        (f"{A}::test_one", ROW_IDS, texts(ONE + TWO, ROWS)),
        (
            f"{A}::test_one",
            (f"{A}::test_x", f"{A}::test_y"),
            texts(
                ONE,
                "def test_x():\n    assert add(1, 2) == 3\n\ndef test_y():\n    assert add(2, 2)"
                " == 4\n",
            ),
        ),
        (
            f"{A}::test_rows[1-2-3]",
            (f"{A}::test_x", f"{A}::test_y"),
            texts(ROWS, ONE.replace("one", "x") + TWO.replace("two", "y")),
        ),
        (
            f"{A}::TestTen::test_two",
            (f"{A}::TestTen::test_ten",),
            texts(MIXED, MIXED.replace("test_two", "test_ten")),
        ),
        (
            f"{A}::TestTen::test_two",
            (f"{A}::TestMore::test_two",),
            texts(MIXED, MIXED.replace("TestTen", "TestMore")),
        ),
        (
            f"{A}::TestOwn::test_two",
            (f"{A}::TestOwn::test_ten",),
            texts(MIXED + OWN, MORE + OWN.replace("test_two", "test_ten")),
        ),
        (
            f"{A}::test_two",
            (f"{A}::test_also_two",),
            texts(TWO + TWO.replace("two", "also_two"), TWO.replace("two", "also_two")),
        ),
    ],
)
def test_a_test_that_went_elsewhere_is_explained(
    lost: str, added: tuple[str, ...], change: list[Text]
) -> None:
    assert list(explained([lost], added, change)) == [lost]


@pytest.mark.parametrize(
    ("lost", "added", "change"),
    [
        (f"{A}::test_one", (), texts(ONE + TWO, TWO)),
        (
            f"{A}::test_one",
            (f"{A}::test_new",),
            texts(ONE, "def test_new():\n    assert sorted([3, 1]) == [1, 3]\n"),
        ),
        (
            f"{A}::test_one",
            (f"{A}::test_x",),
            texts(ONE, "def test_x():\n    assert add(1, 2) == 3\n"),
        ),
        (f"{A}::test_two", ROW_IDS[:2], texts(ONE + TWO, ROWS.replace(", (5, 5, 10)", ""))),
        (
            f"{A}::test_one",
            (f"{A}::test_x",),
            texts(ONE, ONE.replace("one():", "x():\n    return")),
        ),
        (f"{A}::test_one", (), texts(ONE, ONE.replace("test_one", "check_one"))),
        (f"{A}::test_rows[1-2-3]", (f"{A}::test_x",), texts(ROWS, ONE.replace("one", "x"))),
        (f"{A}::TestTen::test_two", (f"{A}::TestTen::test_ten",), texts(MIXED, SORTED)),
        (
            f"{A}::TestTen::test_two",
            (f"{A}::TestMore::test_ten",),
            texts(MIXED, MIXED.replace("TestTen", "TestMore")),
        ),
        (
            f"{A}::TestTen::test_two",
            (f"{A}::TestMore::test_two",),
            texts(MIXED, MIXED.replace("TestTen(Mixin)", "TestMore")),
        ),
        (f"{A}::test_two", (f"{A}::test_six",), texts(TWO + SIX, SIX)),
        (f"{A}::test_one", (), texts(ONE, '"""' + ONE + '"""\n')),
    ],
)
def test_a_test_that_is_gone_is_not(lost: str, added: tuple[str, ...], change: list[Text]) -> None:
    assert explained([lost], added, change) == {}


def test_a_test_that_says_the_same_elsewhere_is_told_from_one_that_says_it_otherwise() -> None:
    gone = {f"{A}::test_one": f"{B}::test_one"}
    assert word_for_word(gone, texts(ONE, "", None, HEAD + ONE)) == gone.keys()
    assert (
        word_for_word(gone, texts(ONE, "", None, HEAD + ONE.replace("== 3", "== 4"))) == frozenset()
    )


def test_titles_of_javascript_and_tests_of_a_go_package_are_found() -> None:
    js = (
        "describe('sum', () => { it('adds', () => { expect(add(1, 2)).toBe(3); expect(add(2,"
        " 2)).toBe(4) }) })\n"
    )
    text = Text(path="test/a.test.js", old=js, new=js.replace("'adds'", "'sums up'"), test=True)
    assert explained(["test/a.test.js::sum > adds"], ["test/a.test.js::sum > sums up"], [text])
    assert explained(["test/a.test.js::sum::adds"], ["test/a.test.js::sum::sums up"], [text])
    rows = (
        "describe('sum', () => { it.each([[1, 3], [2, 4]])('adds 2 to %s', (n, sum) => {"
        " expect(add(n, 2)).toBe(sum) }) })\n"
    )
    plain = (
        "describe('sum', () => { it('adds two', () => { expect(add(1, 2)).toBe(3); expect(add(2,"
        " 2)).toBe(4) }) })\n"
    )
    there = Text(path="test/a.test.js", old=rows, new=plain, test=True)
    assert explained(
        ["test/a.test.js::sum::adds 2 to 1"], ["test/a.test.js::sum::adds two"], [there]
    )
    wrong = replace(there, new=plain.replace("(4)", "(5)"))
    assert not explained(
        ["test/a.test.js::sum::adds 2 to 1"], ["test/a.test.js::sum::adds two"], [wrong]
    )
    assert not explained(
        ["test/a.test.js::sum::adds 3 to 1"], ["test/a.test.js::sum::adds two"], [there]
    )
    go = (
        "package ring\n\nfunc TestPush(t *testing.T) { if got := Push(1); got != 1 { t.Fatal(got)"
        " } }\n"
    )
    there = Text(
        path="ring/ring_test.go", old=go, new=go.replace("TestPush", "TestPushes"), test=True
    )
    assert explained(["example.org/x/ring::TestPush"], ["example.org/x/ring::TestPushes"], [there])


LINES = st.sampled_from(
    [
        "assert add({n}, 1) == {n}",
        "assert add({n}, 1)",
        "assert add(1, {n}) > {n}",
        "with pytest.raises(KeyError):\n        add({n})",
        "try:\n        add({n})\n    except ValueError:\n        pass",
        "for i in range({n}):\n        assert add(i, 1) == i + 1",
        "x = add({n}, {n})",
        "pytest.skip(1)",
        "return",
        "if {n}:\n        return",
        "monkeypatch.setattr(calc, 'add', {n})",
        "assert True",
        "raise KeyError({n})",
        "assert add(.1, {n}) == pytest.approx({n}, abs={n})",
        "def inner():\n        assert add({n}, 0)",
        "calc.add = {n}",
        "check_sum({n})",
    ]
)
MARKS = st.sampled_from(
    [
        "",
        "",
        "@pytest.mark.skip\n",
        "@pytest.mark.skipif({n} > 1)\n",
        "@pytest.mark.parametrize('a', [{n}, 2])\n",
    ]
)
BODIES = st.lists(st.tuples(LINES, st.integers(0, 99)), min_size=1, max_size=6)


@st.composite
def suites(draw: st.DrawFn, prefix: str) -> str:
    made = []
    for number in range(draw(st.integers(0, 4))):
        lines = [line.replace("{n}", str(n)) for line, n in draw(BODIES)]
        body = "".join(f"    {line}\n" for line in lines)
        made.append(
            f"{draw(MARKS).replace('{n}', '3')}def test_{prefix}_{number}(monkeypatch):\n{body}\n"
        )
    return "".join(made)


@given(suites("old"), suites("new"), suites("other"), st.booleans())
def test_what_only_adds_tests_is_never_objected_to(
    old: str, new: str, other: str, first: bool
) -> None:
    both = HEAD + (new + old if first else old + new)
    change = [
        Text(path=A, old=HEAD + old, new=both, test=True),
        Text(path=B, old=None, new=HEAD + other, test=True),
    ]
    assert static_reasons(change, (), "pytest") == ()


@given(suites("old"))
def test_what_changes_nothing_is_never_objected_to(old: str) -> None:
    commented = HEAD + re.sub(r"(?m)^( +)assert", r"\1# as before\n\1assert", old)
    assert (
        static_reasons([Text(path=A, old=HEAD + old, new=commented, test=True)], (), "pytest") == ()
    )
    assert static_reasons([Text(path=A, old=old, new=old, test=True)], (), "pytest") == ()


READ = [
    A,
    "conftest.py",
    "a.test.ts",
    "a_test.go",
    "src/lib.rs",
    "pyproject.toml",
    "package.json",
    "src/a.py",
    "vitest.config.ts",
    "go.mod",
    "pytest.ini",
]


@given(st.text(), st.text(), st.sampled_from(READ))
def test_no_text_breaks_it(old: str, new: str, path: str) -> None:
    for test in (True, False):
        static_reasons([Text(path=path, old=old, new=new, test=test)], (), "pytest")
