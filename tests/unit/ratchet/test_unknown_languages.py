"""Test files that no grammar reads: what only adds to them lands, and whatever else happens to
their lines waits for a person."""

import pytest

from nightlatch.ratchet.static.unparsed_tests import rewritten
from tests.unit.ratchet.declared_samples import SAMPLES
from tests.unit.ratchet.test_declared import refused

BY_LANGUAGE = {sample.language: sample for sample in SAMPLES}
DART = """import 'package:test/test.dart';
import 'package:shop/cart.dart';

void main() {
  test('adds two prices', () {
    expect(add(100, 250), equals(350));
  });

  test('refuses what is no price', () {
    expect(() => add(-1, 2), throwsArgumentError);
  });
}
"""
CLOJURE = """(ns cart-test
  (:require [clojure.test :refer [deftest is]]
            [cart :refer [add]]))

(deftest adds-two-prices
  (is (= 350 (add 100 250))))

(deftest refuses-what-is-no-price
  (is (thrown? Exception (add -1 2))))
"""
TEXTS = {
    "perl": BY_LANGUAGE["perl"].text,
    "r": BY_LANGUAGE["r"].text,
    "dart": DART,
    "clojure": CLOJURE,
}
PATHS = {
    "perl": "t/cart.t",
    "r": "tests/testthat/test-cart.R",
    "dart": "test/cart_test.dart",
    "clojure": "test/cart_test.clj",
}
REWRITTEN = [
    ("perl", "another value", [("350,", "351,")]),
    (
        "perl",
        "a branch",
        [("    is($total", "    if ($ENV{FULL}) {\n    is($total"), ("sum');", "sum');\n    }")],
    ),
    ("perl", "a return", [("    is($total", "    return;\n    is($total")]),
    (
        "perl",
        "failures caught",
        [("    is($total", "    eval {\n    is($total"), ("sum');", "sum');\n    };")],
    ),
    ("perl", "its own is", [("use Cart;", "use Cart;\nsub is { }")]),
    (
        "perl",
        "another test around all",
        [
            ("subtest 'adds", "subtest 'all' => sub { if (0) {\nsubtest 'adds"),
            ("1 });\n};\n", "1 });\n};\n}};\n"),
        ],
    ),
    ("perl", "the end before", [("subtest 'refuses", "__END__\nsubtest 'refuses")]),
    (
        "r",
        "its own expectation",
        [('\ntest_that("adds', '\nexpect_equal <- function(...) invisible()\ntest_that("adds')],
    ),
    (
        "r",
        "another file that defines it",
        [("library(testthat)\n", 'library(testthat)\nsource("../calm.R")\n')],
    ),
    ("r", "both sides", [("expect_equal(total, 350)", "expect_equal(total, total)")]),
    (
        "dart",
        "a branch around a test",
        [
            ("  test('adds", "  if (false) {\n  test('adds"),
            ("350));\n  });\n", "350));\n  });\n  }\n"),
        ],
    ),
    ("dart", "a return before", [("    expect(add(100", "    return;\n    expect(add(100")]),
    ("dart", "another module", [("shop/cart.dart", "shop/discount.dart")]),
    ("clojure", "left out by the reader", [("(deftest adds", "#_(deftest adds")]),
    ("clojure", "another value", [("350", "351")]),
]
ADDED = [
    (
        "perl",
        "a test at the end",
        [
            (
                "1 });\n};\n",
                "1 });\n};\n\nsubtest 'halves' => sub {\n    is(Cart::half(4), 2);\n};\n",
            )
        ],
    ),
    (
        "perl",
        "a test between",
        [
            (
                "subtest 'refuses",
                "subtest 'halves' => sub {\n    is(Cart::half(4), 2);\n};\n\nsubtest 'refuses",
            )
        ],
    ),
    (
        "perl",
        "a module and its test",
        [
            ("use Cart;", "use Cart;\nuse Till;"),
            ("subtest 'refuses", "subtest 't' => sub {\n    ok(Till::t());\n};\nsubtest 'refuses"),
        ],
    ),
    (
        "perl",
        "one more assertion",
        [("'the sum');", "'the sum');\n    is(Cart::add(1, 1), 2, 'small');")],
    ),
    ("perl", "a comment, and deeper", [("    my $total", "        # prices\n        my $total")]),
    (
        "r",
        "a test at the end",
        [
            (
                "add(-1, 2))\n})\n",
                'add(-1, 2))\n})\n\ntest_that("halves", {\n  expect_equal(half(4), 2)\n})\n',
            )
        ],
    ),
    (
        "dart",
        "a test between",
        [
            (
                "  test('refuses",
                "  test('halves', () {\n    expect(half(4), equals(2));\n  });\n\n  test('refuses",
            )
        ],
    ),
    (
        "dart",
        "one more assertion",
        [("equals(350));", "equals(350));\n    expect(add(1, 1), equals(2));")],
    ),
    (
        "clojure",
        "a test at the end",
        [("(add -1 2))))\n", "(add -1 2))))\n\n(deftest halves\n  (is (= 2 (half 4))))\n")],
    ),
]


def edited(language: str, edits: list[tuple[str, str]]) -> tuple[str, str, str]:
    """The path of a language's file, its text, and the text with some edits."""
    text = TEXTS[language]
    for old, new in edits:
        assert old in text, (language, old)
        text = text.replace(old, new, 1)
    return PATHS[language], TEXTS[language], text


def named(cases: list[tuple[str, str, list[tuple[str, str]]]]) -> list[object]:
    return [
        pytest.param(language, edits, id=f"{language}: {what}") for language, what, edits in cases
    ]


@pytest.mark.parametrize(("language", "edits"), named(REWRITTEN))
def test_a_rewritten_line_waits_for_a_person(language: str, edits: list[tuple[str, str]]) -> None:
    path, old, new = edited(language, edits)
    assert list(rewritten(old, new))
    assert refused({path: old}, {path: new})
    assert refused({path: old}, {path: new}, names=(path,)) == set()


@pytest.mark.parametrize(("language", "edits"), named(ADDED))
def test_what_only_adds_lands(language: str, edits: list[tuple[str, str]]) -> None:
    path, old, new = edited(language, edits)
    assert list(rewritten(old, new)) == []
    assert refused({path: old}, {path: new}) == set()
