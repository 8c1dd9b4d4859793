"""Honest refactorings that touch every line of a test land, by ids and by declaration; the same
with less in it do not."""

from dataclasses import dataclass

import pytest

from nightlatch.ratchet.static.moved_tests import explained
from tests.unit.ratchet.test_declared import Files, change, refused

UNITTEST = """import unittest
from cart import add, Cart

class CartTest(unittest.TestCase):
    def setUp(self):
        self.cart = Cart()

    def test_adds(self):
        self.assertEqual(add(1, 2), 3)
        self.assertEqual(4, add(2, 2))

    def test_total(self):
        self.cart.put(350)
        self.assertEqual(self.cart.total(), 350)
        self.assertIn("total", str(self.cart))
        self.assertTrue(self.cart.full)

    def test_refuses(self):
        with self.assertRaises(ValueError):
            add(-1, 2)

    def test_near(self):
        self.assertAlmostEqual(add(0.1, 0.2), 0.3)
        self.assertIsNone(self.cart.note)
        self.assertFalse(self.cart.empty)
        self.assertGreater(add(1, 1), 1)
        self.assertIsInstance(add(1, 1), int)

if __name__ == "__main__":
    unittest.main()
"""
PYTEST = """import pytest
from cart import add, Cart


@pytest.fixture
def cart():
    return Cart()


def test_adds():
    assert add(1, 2) == 3
    assert add(2, 2) == 4


def test_total(cart):
    cart.put(350)
    assert cart.total() == 350
    assert "total" in str(cart)
    assert cart.full


def test_refuses():
    with pytest.raises(ValueError):
        add(-1, 2)


def test_near(cart):
    assert add(0.1, 0.2) == pytest.approx(0.3)
    assert cart.note is None
    assert not cart.empty
    assert add(1, 1) > 1
    assert isinstance(add(1, 1), int)
"""
SINGLE = """import { it, expect } from "vitest";
import { add } from "./cart";
it("adds small", () => {
  expect(add(1, 2)).toBe(3);
});
it("adds big", () => {
  expect(add(100, 250)).toBe(350);
});
it("adds nothing", () => {
  expect(add(0, 0)).toBe(0);
});
"""
ROWS = """import { it, expect } from "vitest";
import { add } from "./cart";
it.each([
  ["small", 1, 2, 3],
  ["big", 100, 250, 350],
  ["nothing", 0, 0, 0],
])("adds %s", (_name, a, b, sum) => {
  expect(add(a, b)).toBe(sum);
});
"""
OBJECTS = ROWS.replace(
    """  ["small", 1, 2, 3],
  ["big", 100, 250, 350],
  ["nothing", 0, 0, 0],
""",
    """  { a: 1, b: 2, sum: 3 },
  { a: 100, b: 250, sum: 350 },
  { a: 0, b: 0, sum: 0 },
""",
).replace('"adds %s", (_name, a, b, sum)', '"adds $a and $b", ({ a, b, sum })')
NAMED = """import { it, expect } from "vitest";
import { add } from "./cart";
const cases = [
  ["small", 1, 2, 3],
  ["big", 100, 250, 350],
  ["nothing", 0, 0, 0],
];
it.each(cases)("adds %s", (_name, a, b, sum) => {
  expect(add(a, b)).toBe(sum);
});
"""
LOOP = """import { it, expect } from "vitest";
import { add } from "./cart";
for (const [name, a, b, sum] of [
  ["small", 1, 2, 3],
  ["big", 100, 250, 350],
  ["nothing", 0, 0, 0],
]) {
  it(`adds ${name}`, () => {
    expect(add(a, b)).toBe(sum);
  });
}
"""
TABLE = """import { test, expect } from "vitest";
import { add } from "./cart";
test.each`
  a      | b      | sum
  ${1}   | ${2}   | ${3}
  ${100} | ${250} | ${350}
  ${0}   | ${0}   | ${0}
`("$a + $b = $sum", ({ a, b, sum }) => {
  expect(add(a, b)).toBe(sum);
});
"""
GO = """package cart

import "testing"

func TestAddsSmall(t *testing.T) {
	if got := Add(1, 2); got != 3 {
		t.Errorf("got %d", got)
	}
}

func TestAddsBig(t *testing.T) {
	got := Add(100, 250)
	if got != 350 {
		t.Errorf("Add = %d, want 350", got)
	}
}
"""
GO_TABLE = """package cart

import "testing"

func TestAdd(t *testing.T) {
	tests := []struct {
		name string
		a, b int
		want int
	}{
		{"small", 1, 2, 3},
		{"big", 100, 250, 350},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Add(tt.a, tt.b); got != tt.want {
				t.Errorf("Add(%d, %d) = %d, want %d", tt.a, tt.b, got, tt.want)
			}
		})
	}
}
"""
GO_NAMED = GO_TABLE.replace('{"small", 1, 2, 3}', '{name: "small", a: 1, b: 2, want: 3}').replace(
    '{"big", 100, 250, 350}', '{name: "big", a: 100, b: 250, want: 350}'
)
PHP = """<?php
final class CartTest extends TestCase
{
    public function testAddsSmall(): void
    {
        $this->assertSame(3, Cart::add(1, 2));
    }

    public function testAddsBig(): void
    {
        $total = Cart::add(100, 250);
        $this->assertSame(350, $total);
    }
}
"""
PROVIDED = """<?php
final class CartTest extends TestCase
{
    #[DataProvider('additions')]
    public function testAdds(int $a, int $b, int $sum): void
    {
        $this->assertSame($sum, Cart::add($a, $b));
    }

    public static function additions(): array
    {
        return [
            'small' => [1, 2, 3],
            'big' => [100, 250, 350],
        ];
    }
}
"""
YIELDED = (
    PROVIDED.replace("#[DataProvider('additions')]", "/** @dataProvider additions */")
    .replace("return [\n", "")
    .replace("        ];\n", "")
    .replace("            'small' => [1, 2, 3],", "        yield 'small' => [1, 2, 3];")
    .replace("            'big' => [100, 250, 350],", "        yield 'big' => [100, 250, 350];")
)
RUST = """pub fn add(a: i32, b: i32) -> i32 { a + b }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_small() {
        assert_eq!(add(1, 2), 3);
    }

    #[test]
    fn adds_big() {
        let total = add(100, 250);
        assert_eq!(total, 350, "a big sum");
    }
}
"""
RUST_CODE = """pub fn add(a: i32, b: i32) -> i32 { a + b }
"""
RUST_TESTS = """use shop::add;

#[test]
fn adds_small() {
    assert_eq!(add(1, 2), 3);
}

#[test]
fn adds_big() {
    let total = add(100, 250);
    assert_eq!(total, 350, "a big sum");
}
"""


SPLIT = """import { describe, expect, it } from "vitest";
import { split, line } from "./money";

describe("split", () => {
  it("gives the odd cents to the first", () => {
    expect(split(100, 3)).toEqual([34, 33, 33]);
  });
  it("works for one", () => {
    expect(split(99, 1)).toEqual([99]);
  });
});
it("is a line", () => {
  expect(line("tea", 2)).toEqual({ name: "tea", prices: [2, 2] });
});
it("is no line", () => {
  expect(line("salt", 0)).toEqual({ name: "salt", prices: [] });
});
"""
SPLIT_TABLE = """import { expect, it } from "vitest";
import { split, line } from "./money";

it.each([
  [100, 3, [34, 33, 33]],
  [99, 1, [99]],
])("splits %d among %d", (total, people, shares) => {
  expect(split(total, people)).toEqual(shares);
});
it.each([
  ["tea", 2, { name: "tea", prices: [2, 2] }],
  ["salt", 0, { name: "salt", prices: [] }],
])("%s is a line", (name, count, whole) => {
  expect(line(name, count)).toEqual(whole);
});
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refactoring:
    """The files before and after; what went and came of the ids of a run; and an edit (old,
    new) that takes something away."""

    name: str
    old: Files
    new: Files
    went: tuple[str, ...]
    came: tuple[str, ...]
    less: tuple[str, str]

    @property
    def lesser(self) -> Files:
        """The same with less in it."""
        changed = {path: text.replace(*self.less) for path, text in self.new.items()}
        assert changed != self.new, self.name
        return changed


def ids(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{file}::{name}" for name in names)


def vitest(name: str, text: str, came: tuple[str, ...], less: tuple[str, str]) -> Refactoring:
    went = ids("cart.test.ts", "adds small", "adds big", "adds nothing")
    return Refactoring(
        name=name,
        old={"cart.test.ts": SINGLE},
        new={"cart.test.ts": text},
        went=went,
        came=came,
        less=less,
    )


def renamed(path: str) -> Refactoring:
    text = SINGLE.replace('"./cart"', '"../cart"') if "/" in path else SINGLE
    went, came = (
        ids(file, "adds small", "adds big", "adds nothing") for file in ("cart.test.js", path)
    )
    return Refactoring(
        name=path,
        old={"cart.test.js": SINGLE},
        new={path: text},
        went=went,
        came=came,
        less=("toBe(350)", "toBeTruthy()"),
    )


TESTS = ("test_adds", "test_total", "test_refuses", "test_near")
THREE = ids("cart.test.ts", "adds small", "adds big", "adds nothing")
REFACTORINGS = (
    Refactoring(
        name="unittest turned into pytest",
        old={"tests/test_cart.py": UNITTEST},
        new={"tests/test_cart.py": PYTEST},
        went=ids("tests/test_cart.py", *(f"CartTest::{name}" for name in TESTS)),
        came=ids("tests/test_cart.py", *TESTS),
        less=("assert cart.total() == 350", "assert cart.total()"),
    ),
    vitest("a table of rows", ROWS, THREE, ('  ["big", 100, 250, 350],\n', "")),
    vitest(
        "a table of objects",
        OBJECTS,
        ids("cart.test.ts", "adds 1 and 2", "adds 0 and 0"),
        ("  { a: 100, b: 250, sum: 350 },\n", ""),
    ),
    vitest("a table with a name", NAMED, THREE, ("toBe(sum)", "toBeDefined()")),
    vitest("a loop around a test", LOOP, THREE, ('  ["big", 100, 250, 350],\n', "")),
    Refactoring(
        name="expected lists turned into a table",
        old={"money.test.ts": SPLIT},
        new={"money.test.ts": SPLIT_TABLE},
        went=ids(
            "money.test.ts",
            "split::gives the odd cents to the first",
            "split::works for one",
            "is a line",
            "is no line",
        ),
        came=ids(
            "money.test.ts",
            "splits 100 among 3",
            "splits 99 among 1",
            "tea is a line",
            "salt is a line",
        ),
        less=("[34, 33, 33]", "[33, 33]"),
    ),
    vitest(
        "a table in a template",
        TABLE,
        ids("cart.test.ts", "1 + 2 = 3"),
        ("  ${100} | ${250} | ${350}\n", ""),
    ),
    *(
        Refactoring(
            name=f"a table in Go {n}",
            old={"cart/cart_test.go": GO},
            new={"cart/cart_test.go": text},
            went=ids("shop/cart", "TestAddsSmall", "TestAddsBig"),
            came=ids("shop/cart", "TestAdd", "TestAdd/small", "TestAdd/big"),
            less=less,
        )
        for n, text, less in (
            (1, GO_TABLE, ("got != tt.want", "got == 0")),
            (2, GO_NAMED, ("want: 350", "want: 3")),
        )
    ),
    *(
        Refactoring(
            name=f"a provider of PHPUnit {n}",
            old={"tests/CartTest.php": PHP},
            new={"tests/CartTest.php": text},
            went=ids("CartTest", "testAddsSmall", "testAddsBig"),
            came=ids("CartTest", "testAdds"),
            less=("100, 250, 350", "1, 2, 3"),
        )
        for n, text in enumerate((PROVIDED, YIELDED))
    ),
    Refactoring(
        name="tests of Rust in a folder",
        old={"src/cart.rs": RUST},
        new={"src/cart.rs": RUST_CODE, "tests/cart.rs": RUST_TESTS},
        went=ids("src/lib.rs", "cart::tests::adds_small", "cart::tests::adds_big"),
        came=ids("tests/cart.rs", "adds_small", "adds_big"),
        less=("assert_eq!(add(1, 2), 3)", "assert!(add(1, 2) > 0)"),
    ),
    *map(
        renamed, ("cart.spec.js", "__tests__/cart.js", "__tests__/cart.test.js", "src/cart.test.ts")
    ),
)
EVERY = [pytest.param(one, id=one.name) for one in REFACTORINGS]


@pytest.mark.parametrize("one", EVERY)
def test_a_refactoring_with_as_much_in_it_is_refused_nothing(one: Refactoring) -> None:
    assert refused(one.old, one.new) == set()


@pytest.mark.parametrize("one", EVERY)
def test_the_same_with_less_in_it_is_missed(one: Refactoring) -> None:
    assert refused(one.old, one.lesser)


@pytest.mark.parametrize("one", [one for one in EVERY if "PHPUnit" not in str(one.id)])
def test_where_a_run_gives_ids_each_lost_one_is_explained(one: Refactoring) -> None:
    assert refused(one.old, one.new, one.went) == set()
    assert set(explained(one.went, one.came, change(one.old, one.new))) == set(one.went)
