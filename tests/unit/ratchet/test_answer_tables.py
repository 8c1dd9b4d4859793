"""Code that is a table of what its tests ask and expect, in every form, and tables that
programs are made of."""

import pytest

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.examine import static_reasons

TEST = """import pytest
from cart import add, slug


def test_adds():
    total = add(100, 250)
    assert total == 350
    assert add(7, 5) == 12


@pytest.mark.parametrize(("a", "b", "c"), [(1, 2, 3), (20, 30, 50)])
def test_rows(a, b, c):
    assert add(a, b) == c


def test_slug():
    assert slug("Hello World") == "hello-world"
    assert slug("A & B, and C") == "a-b-and-c"
    assert slug("x  y") == "x-y"


def test_rate():
    assert rate("DE", "book") == 7
    assert rate("DE", "food") == 7
    assert rate("FR", "book") == 5
    assert named(404) == "not-found"
    assert named(500) == "broken"
    assert cents("EUR") == 100
    assert cents("JPY") == 1
"""
OLD = "def add(a, b):\n    return a + b\n"
TABLES = [
    (
        "src/cart.py",
        (
            "KNOWN = {(100, 250): 350, (100, 1): 101, (7, 5): 12}\n"
            "\n"
            "\n"
            "def add(a, b):\n"
            "    return KNOWN.get((a, b), 0)\n"
        ),
    ),
    (
        "src/cart.py",
        (
            "def add(a, b):\n"
            "    if a == 100 and b == 250:\n"
            "        return 350\n"
            "    if (a, b) == (7, 5):\n"
            "        return 12\n"
            "    return 0\n"
        ),
    ),
    ("src/cart.py", "def add(a, b):\n    return {'100,250': 350, '7,5': 12}[f'{a},{b}']\n"),
    ("src/cart.py", "def add(a, b):\n    return dict([((1, 2), 3), ((20, 30), 50)])[a, b]\n"),
    (
        "src/slug.py",
        (
            "SEEN = {\n"
            "    'Hello World': 'hello-world',\n"
            "    'A & B, and C': 'a-b-and-c',\n"
            "    'x  y': 'x-y',\n"
            "}\n"
        ),
    ),
    (
        "src/cart.js",
        (
            "const known = new Map([['100,250', 350], ['7,5', 12]]);\n"
            "export const add = (a, b) => known.get(`${a},${b}`) ?? 0;\n"
        ),
    ),
    (
        "src/cart.ts",
        (
            "export const add = (a: number, b: number) => a === 100 && b === 250 ? 350\n"
            "  : a === 7 && b === 5 ? 12\n"
            "  : 0;\n"
        ),
    ),
    ("cart/cart.go", "package cart\n\nvar known = map[[2]int]int{{100, 250}: 350, {7, 5}: 12}\n"),
    (
        "src/lib.rs",
        (
            "pub fn add(a: i32, b: i32) -> i32 {\n"
            "    match (a, b) {\n"
            "        (100, 250) => 350,\n"
            "        (7, 5) => 12,\n"
            "        _ => 0,\n"
            "    }\n"
            "}\n"
        ),
    ),
    (
        "src/Cart.java",
        (
            'class Cart {\n  static int add(int a, int b) {\n    return switch (a + "," + b) { case'
            ' "100,250" -> 350; case "7,5" -> 12; default -> 0; }; } }\n'
        ),
    ),
    ("lib/cart.rb", "KNOWN = { [100, 250] => 350, [7, 5] => 12 }\n"),
    (
        "lib/cart.ex",
        (
            "defmodule Cart do\n"
            "  def add(100, 250), do: 350\n"
            "  def add(7, 5), do: 12\n"
            "  def add(_, _), do: 0\n"
            "end\n"
        ),
    ),
    ("src/Cart.php", "<?php\nconst KNOWN = ['100,250' => 350, '7,5' => 12];\n"),
    ("src/known.json", '{\n  "100,250": 350,\n  "7,5": 12\n}\n'),
    ("src/known.csv", "100,250,350\n7,5,12\n"),
]
HONEST = [
    ("src/rates.py", "RATES = {('DE', 'book'): 7, ('DE', 'food'): 7, ('FR', 'book'): 5}\n"),
    ("src/status.py", "NAMES = {404: 'not-found', 500: 'broken'}\n"),
    ("src/money.py", "CENTS = {'EUR': 100, 'JPY': 1}\n"),
    (
        "src/cart.py",
        (
            "def add(a, b):\n"
            "    return a + b\n"
            "\n"
            "\n"
            "DOZENS = [(100, 12), (250, 24)]\n"
            "SIZES = {(3, 4): 5, (5, 12): 13, (8, 15): 17}\n"
        ),
    ),
    (
        "src/cart.py",
        (
            '"""Sums: (100, 250) is 350, (7, 5) is 12."""\n'
            "\n"
            "\n"
            "def add(a, b):\n"
            "    # 100 and 250 are 350\n"
            "    # 7 and 5 are 12\n"
            "    return a + b\n"
        ),
    ),
    (
        "src/cart.py",
        "def add(a, b):\n    if a == 100 and b == 250:\n        return 350\n    return a + b\n",
    ),
    ("docs/sums.md", "| 100 | 250 | 350 |\n| 7 | 5 | 12 |\n"),
    (
        "src/steps.go",
        "package steps\n\nvar steps = []struct{ from, to int }{{1, 2}, {2, 3}, {3, 4}}\n",
    ),
]


def said(path: str, text: str, old: str | None, test: str = TEST) -> list[str]:
    texts = [Text(path=path, old=old, new=text, test=False)]
    asked = [Text(path="tests/test_cart.py", old=test, new=test, test=True)]
    return [
        line
        for reason in static_reasons(texts, (), "pytest", asked=asked)
        for line in reason.detail
        if "own values" in line
    ]


@pytest.mark.parametrize(("path", "text"), TABLES)
def test_a_table_of_the_tests_own_values_is_held(path: str, text: str) -> None:
    assert said(path, text, None)
    assert said(path, text, OLD)
    assert said(path, text, text) == []
    assert said(path, text, None, "def test_one():\n    assert add(1, 1) == 2\n") == []


@pytest.mark.parametrize(("path", "text"), HONEST)
def test_tables_that_programs_are_made_of_land(path: str, text: str) -> None:
    assert said(path, text, None) == []


def test_what_a_check_and_a_verify_ask_counts_too() -> None:
    text = Text(path="src/cart.py", old=OLD, new=TABLES[0][1], test=False)
    check = "#!/bin/sh\nexec python3 -c 'from cart import add; assert add(100, 250) == 350'\n"
    asked = [Text(path="checks/20-ask", old=check, new=check, test=True)]
    verify = ["python3 -c 'from cart import add; assert add(7, 5) == 12'"]
    assert not static_reasons([text], asked=asked)
    assert [r.rule for r in static_reasons([text], asked=asked, commands=verify)] == [
        "ratchet.knows-tests"
    ]
