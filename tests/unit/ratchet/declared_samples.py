"""A test file in each language, and what somebody does to it: taken away, emptied, hidden,
weakened, or moved as it is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Edit = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One test file.

    `away` is a name under which no runner finds it, `moved` one under which it does; each of
    `weaker` are edits (old, new) that take something from its first test, by what they do.
    """

    language: str
    path: str
    text: str
    away: str
    moved: str
    weaker: Mapping[str, Edit]
    edits: Mapping[str, Edit] = field(default_factory=dict)

    def weakened(self, what: str) -> str:
        old, new = self.weaker[what]
        assert old in self.text, (self.language, what)
        return self.text.replace(old, new, 1)

    def there(self, text: str) -> str:
        """A version of the file as it reads where it is moved to: what it imports by a relative
        path is found from there."""
        deeper = "../" * (self.moved.count("/") - self.path.count("/"))
        return re.sub(r'(from ")(?=\.\./)', rf"\1{deeper}", text)


JS = """import { test, expect } from "vitest";
import { add } from "../src/cart.js";

test("adds two prices", () => {
  const total = add(100, 250);
  expect(total).toBe(350);
});

test("refuses what is no price", () => {
  expect(() => add(-1, 2)).toThrow(RangeError);
});
"""
TSX = """import { render, screen } from "@testing-library/react";
import { Cart } from "../src/Cart";

const Shelf = <T,>({ items }: { items: T[] }) => <ul>{items.map((i) => <li>{`${i}`}</li>)}</ul>;

describe("<Cart/>", () => {
  it("shows the sum it's got", () => {
    render(<Cart items={[1, 2]}>It's a ` tick, isn't it?</Cart>);
    expect(screen.getByRole("status").textContent).toBe("3");
  });

  it("is empty at first", () => {
    render(<Cart items={[] as number[]} />);
    expect(screen.queryByText("nothing")).toBeNull();
  });
});
"""
SAMPLES = (
    Sample(
        language="python",
        path="tests/test_cart.py",
        away="tests/cart_checks.py",
        moved="tests/shop/test_cart.py",
        text="""import unittest

from cart import add


def test_adds_two_prices():
    total = add(100, 250)
    assert total == 350


def test_refuses_what_is_no_price():
    with unittest.TestCase().assertRaises(ValueError):
        add(-1, 2)
""",
        weaker={
            "deleted": (
                "def test_adds_two_prices():\n    total = add(100, 250)\n    assert total == 350\n",
                "",
            ),
            "emptied": ("    total = add(100, 250)\n    assert total == 350\n", "    pass\n"),
            "renamed": ("def test_adds_two_prices", "def check_adds_two_prices"),
            "skipped": ("def test_adds", '@unittest.skip("later")\ndef test_adds'),
            "vaguer": ("assert total == 350", "assert total is not None"),
            "unasserted": ("    assert total == 350\n", "    print(total)\n"),
        },
    ),
    Sample(
        language="javascript",
        path="tests/cart.test.js",
        away="tests/cart.tests-old.txt",
        moved="tests/shop/cart.test.js",
        text=JS,
        weaker={
            "deleted": (
                (
                    'test("adds two prices", () => {\n  const total = add(100, 250);\n '
                    " expect(total).toBe(350);\n});\n"
                ),
                "",
            ),
            "emptied": ("  const total = add(100, 250);\n  expect(total).toBe(350);\n", ""),
            "renamed": ('test("adds two prices"', 'const later = ("adds two prices"'),
            "skipped": ('test("adds', 'test.skip("adds'),
            "focused": ('test("refuses', 'test.only("refuses'),
            "vaguer": ("toBe(350)", "toBeTruthy()"),
            "unasserted": ("  expect(total).toBe(350);\n", "  console.log(total);\n"),
        },
    ),
    Sample(
        language="typescript",
        path="src/cart.spec.ts",
        away="src/cart.checks.md",
        moved="src/shop/cart.spec.ts",
        text=JS.replace("const total", "const total: number"),
        weaker={
            "deleted": (
                (
                    'test("adds two prices", () => {\n  const total: number = add(100, 250);\n '
                    " expect(total).toBe(350);\n});\n"
                ),
                "",
            ),
            "emptied": ("  const total: number = add(100, 250);\n  expect(total).toBe(350);\n", ""),
            "skipped": ('test("adds', 'test.todo("adds'),
            "focused": ('test("refuses', 'test.only("refuses'),
            "vaguer": ("toBe(350)", "toBeDefined()"),
        },
    ),
    Sample(
        language="tsx",
        path="web/Cart.test.tsx",
        away="web/Cart.old.txt",
        moved="web/cart/Cart.test.tsx",
        text=TSX,
        weaker={
            "deleted": (
                (
                    '  it("is empty at first", () => {\n    render(<Cart items={[] as number[]}'
                    ' />);\n    expect(screen.queryByText("nothing")).toBeNull();\n  });\n'
                ),
                "",
            ),
            "emptied": (
                (
                    "    render(<Cart items={[1, 2]}>It's a ` tick, isn't it?</Cart>);\n"
                    '    expect(screen.getByRole("status").textContent).toBe("3");\n'
                ),
                "",
            ),
            "skipped": ('it("shows', 'it.skip("shows'),
            "focused": ('it("is empty', 'it.only("is empty'),
            "vaguer": ('.toBe("3")', ".toBeTruthy()"),
            "whole": ('describe("<Cart/>"', 'describe.skip("<Cart/>"'),
        },
    ),
    Sample(
        language="go",
        path="cart/cart_test.go",
        away="cart/cart_testing.go",
        moved="cart/sum_test.go",
        text="""package cart

import "testing"

func TestAddsTwoPrices(t *testing.T) {
	total := Add(100, 250)
	if total != 350 {
		t.Errorf("got %d", total)
	}
}

func TestRefusesWhatIsNoPrice(t *testing.T) {
	if _, err := Checked(-1, 2); err == nil {
		t.Fatal("no error")
	}
}
""",
        weaker={
            "deleted": (
                (
                    "func TestAddsTwoPrices(t *testing.T) {\n\ttotal := Add(100, 250)\n\tif total"
                    ' != 350 {\n\t\tt.Errorf("got %d", total)\n\t}\n}\n'
                ),
                "",
            ),
            "emptied": (
                (
                    '\ttotal := Add(100, 250)\n\tif total != 350 {\n\t\tt.Errorf("got %d",'
                    " total)\n\t}\n"
                ),
                "",
            ),
            "renamed": ("func TestAddsTwoPrices", "func testAddsTwoPrices"),
            "skipped": ("\ttotal := Add", '\tt.Skip("later")\n\ttotal := Add'),
            "vaguer": ("if total != 350", "if total == 0"),
            "unasserted": (
                '\tif total != 350 {\n\t\tt.Errorf("got %d", total)\n\t}\n',
                "\t_ = total\n",
            ),
            "whole": ("package cart\n", "//go:build never\n\npackage cart\n"),
        },
    ),
    Sample(
        language="rust",
        path="tests/cart.rs",
        away="tests/cart.rs.old",
        moved="crates/shop/tests/cart.rs",
        text="""use shop::add;

#[test]
fn adds_two_prices() {
    let total = add(100, 250);
    assert_eq!(total, 350);
}

#[test]
#[should_panic(expected = "no price")]
fn refuses_what_is_no_price() {
    add(-1, 2);
}
""",
        weaker={
            "deleted": (
                (
                    "#[test]\nfn adds_two_prices() {\n    let total = add(100, 250);\n   "
                    " assert_eq!(total, 350);\n}\n"
                ),
                "",
            ),
            "emptied": ("    let total = add(100, 250);\n    assert_eq!(total, 350);\n", ""),
            "renamed": ("#[test]\nfn adds", "fn adds"),
            "skipped": ("#[test]\nfn adds", "#[test]\n#[ignore]\nfn adds"),
            "vaguer": ("assert_eq!(total, 350)", "assert!(total > 0)"),
            "unasserted": ("    assert_eq!(total, 350);\n", "    dbg!(total);\n"),
            "whole": ("use shop", "#![cfg(any())]\nuse shop"),
        },
    ),
    Sample(
        language="java",
        path="src/test/java/shop/CartTest.java",
        away="src/test/java/shop/CartChecks.java",
        moved="src/test/java/shop/core/CartTest.java",
        text="""package shop;

import static org.junit.jupiter.api.Assertions.*;
import org.junit.jupiter.api.Test;

class CartTest {
  @Test
  void addsTwoPrices() {
    int total = Cart.add(100, 250);
    assertEquals(350, total);
  }

  @Test
  void refusesWhatIsNoPrice() {
    assertThrows(IllegalArgumentException.class, () -> Cart.add(-1, 2));
  }
}
""",
        weaker={
            "deleted": (
                (
                    "  @Test\n  void addsTwoPrices() {\n    int total = Cart.add(100, 250);\n   "
                    " assertEquals(350, total);\n  }\n"
                ),
                "",
            ),
            "emptied": ("    int total = Cart.add(100, 250);\n    assertEquals(350, total);\n", ""),
            "renamed": ("  @Test\n  void adds", "  void adds"),
            "skipped": ("  @Test\n  void adds", '  @Test\n  @Disabled("later")\n  void adds'),
            "assumed": ("    int total", "    assumeTrue(false);\n    int total"),
            "vaguer": ("assertEquals(350, total)", "assertNotNull(total)"),
            "unasserted": ("    assertEquals(350, total);\n", "    System.out.println(total);\n"),
            "widened": ("IllegalArgumentException.class", "Throwable.class"),
            "swallowed": (
                "    assertEquals(350, total);\n",
                "    try { assertEquals(350, total); } catch (Throwable t) { }\n",
            ),
            "whole": ("class CartTest {", '@Disabled("later")\nclass CartTest {'),
        },
    ),
    Sample(
        language="kotlin",
        path="src/test/kotlin/CartTest.kt",
        away="src/test/kotlin/CartTest.kt.bak",
        moved="src/test/kotlin/shop/CartTest.kt",
        text="""package shop

import kotlin.test.*

class CartTest {
    @Test
    fun `adds two prices`() {
        val total = add(100, 250)
        assertEquals(350, total)
    }

    @Test
    fun refusesWhatIsNoPrice() {
        assertFailsWith<IllegalArgumentException> { add(-1, 2) }
    }
}

class PriceSpec : StringSpec({
    "halves a price" {
        half(100) shouldBe 50
    }
})
""",
        weaker={
            "deleted": (
                (
                    "    @Test\n    fun `adds two prices`() {\n        val total = add(100, 250)\n "
                    "       assertEquals(350, total)\n    }\n"
                ),
                "",
            ),
            "deleted too": ('    "halves a price" {\n        half(100) shouldBe 50\n    }\n', ""),
            "emptied": (
                "        val total = add(100, 250)\n        assertEquals(350, total)\n",
                "",
            ),
            "renamed": ("    @Test\n    fun `adds", "    fun `adds"),
            "skipped": ("    @Test\n    fun `adds", "    @Test\n    @Ignore\n    fun `adds"),
            "skipped too": ('"halves', '"!halves'),
            "focused": ('"halves', '"f:halves'),
            "vaguer": ("assertEquals(350, total)", "assertNotNull(total)"),
            "vaguer too": ("shouldBe 50", "shouldNotBe null"),
            "unasserted": ("        assertEquals(350, total)\n", "        println(total)\n"),
        },
    ),
    Sample(
        language="csharp",
        path="Shop.Tests/CartTests.cs",
        away="Shop.Tests/CartTests.txt",
        moved="Shop.Tests/Core/CartTests.cs",
        text="""using Xunit;

namespace Shop.Tests;

public class CartTests
{
    [Fact]
    public void AddsTwoPrices()
    {
        var total = Cart.Add(100, 250);
        Assert.Equal(350, total);
    }

    [Theory]
    [InlineData(-1, 2)]
    [InlineData(1, -2)]
    public void RefusesWhatIsNoPrice(int a, int b)
    {
        Assert.Throws<ArgumentException>(() => Cart.Add(a, b));
    }

    [Test]
    public void Halves()
    {
        Assert.That(Cart.Half(100), Is.EqualTo(50));
    }
}
""",
        weaker={
            "deleted": (
                (
                    "    [Fact]\n    public void AddsTwoPrices()\n    {\n        var total ="
                    " Cart.Add(100, 250);\n        Assert.Equal(350, total);\n    }\n"
                ),
                "",
            ),
            "emptied": (
                "        var total = Cart.Add(100, 250);\n        Assert.Equal(350, total);\n",
                "",
            ),
            "renamed": ("    [Fact]\n    public void Adds", "    public void Adds"),
            "skipped": ("[Fact]", '[Fact(Skip = "later")]'),
            "ignored": ("    [Test]\n", '    [Test, Ignore("later")]\n'),
            "vaguer": ("Assert.Equal(350, total)", "Assert.NotEqual(0, total)"),
            "vaguer too": ("Is.EqualTo(50)", "Is.Not.Null"),
            "unasserted": (
                "        Assert.Equal(350, total);\n",
                "        Console.WriteLine(total);\n",
            ),
            "fewer rows": ("    [InlineData(1, -2)]\n", ""),
            "widened": ("Throws<ArgumentException>", "Throws<Exception>"),
        },
    ),
    Sample(
        language="rspec",
        path="spec/cart_spec.rb",
        away="spec/cart_checks.rb",
        moved="spec/shop/cart_spec.rb",
        text="""require "spec_helper"

RSpec.describe Cart do
  context "with two prices" do
    it "adds them" do
      total = Cart.add(100, 250)
      expect(total).to eq(350)
    end
  end

  it "refuses what is no price" do
    expect { Cart.add(-1, 2) }.to raise_error(ArgumentError, "no price")
  end
end
""",
        weaker={
            "deleted": (
                (
                    '    it "adds them" do\n      total = Cart.add(100, 250)\n     '
                    " expect(total).to eq(350)\n    end\n"
                ),
                "",
            ),
            "emptied": ("      total = Cart.add(100, 250)\n      expect(total).to eq(350)\n", ""),
            "renamed": ('it "adds them"', 'later "adds them"'),
            "skipped": ('it "adds', 'xit "adds'),
            "pending": ('    it "adds them" do', '    it "adds them", :skip do'),
            "inside": ("      total = Cart", '      skip "later"\n      total = Cart'),
            "focused": ('  it "refuses', '  fit "refuses'),
            "vaguer": ("to eq(350)", "to be_truthy"),
            "turned": ("to eq(350)", "not_to be_nil"),
            "unasserted": ("      expect(total).to eq(350)\n", "      puts total\n"),
            "widened": ('raise_error(ArgumentError, "no price")', "raise_error(StandardError)"),
            "whole": ("RSpec.describe Cart", "RSpec.xdescribe Cart"),
        },
    ),
    Sample(
        language="minitest",
        path="test/cart_test.rb",
        away="test/cart_check.rb",
        moved="test/shop/cart_test.rb",
        text="""require "minitest/autorun"

class CartTest < Minitest::Test
  def test_adds_two_prices
    total = Cart.add(100, 250)
    assert_equal 350, total
  end

  def test_refuses_what_is_no_price
    assert_raises(ArgumentError) { Cart.add(-1, 2) }
  end
end
""",
        weaker={
            "deleted": (
                (
                    "  def test_adds_two_prices\n    total = Cart.add(100, 250)\n    assert_equal"
                    " 350, total\n  end\n"
                ),
                "",
            ),
            "emptied": ("    total = Cart.add(100, 250)\n    assert_equal 350, total\n", ""),
            "renamed": ("def test_adds", "def later_adds"),
            "skipped": ("    total = Cart", '    skip "later"\n    total = Cart'),
            "vaguer": ("assert_equal 350, total", "refute_nil total"),
            "unasserted": ("    assert_equal 350, total\n", "    puts total\n"),
        },
    ),
    Sample(
        language="phpunit",
        path="tests/CartTest.php",
        away="tests/CartChecks.php",
        moved="tests/Unit/CartTest.php",
        text="""<?php

use PHPUnit\\Framework\\Attributes\\DataProvider;
use PHPUnit\\Framework\\TestCase;

final class CartTest extends TestCase
{
    public function testAddsTwoPrices(): void
    {
        $total = Cart::add(100, 250);
        $this->assertSame(350, $total);
    }

    #[DataProvider('noPrices')]
    public function testRefusesWhatIsNoPrice(int $a, int $b): void
    {
        $this->expectException(InvalidArgumentException::class);
        Cart::add($a, $b);
    }

    public static function noPrices(): array
    {
        return [[-1, 2], [1, -2]];
    }
}
""",
        weaker={
            "deleted": (
                (
                    "    public function testAddsTwoPrices(): void\n    {\n        $total ="
                    " Cart::add(100, 250);\n        $this->assertSame(350, $total);\n    }\n"
                ),
                "",
            ),
            "emptied": (
                "        $total = Cart::add(100, 250);\n        $this->assertSame(350, $total);\n",
                "",
            ),
            "renamed": ("function testAdds", "function laterAdds"),
            "skipped": (
                "        $total = Cart",
                "        $this->markTestSkipped('later');\n        $total = Cart",
            ),
            "vaguer": ("assertSame(350, $total)", "assertNotNull($total)"),
            "unasserted": ("        $this->assertSame(350, $total);\n", "        echo $total;\n"),
            "fewer rows": ("[[-1, 2], [1, -2]]", "[[-1, 2]]"),
            "widened": ("InvalidArgumentException::class", "Throwable::class"),
        },
    ),
    Sample(
        language="pest",
        path="tests/Feature/CartTest.php",
        away="tests/Feature/cart.txt",
        moved="tests/Unit/CartTest.php",
        text="""<?php

it('adds two prices', function () {
    $total = Cart::add(100, 250);
    expect($total)->toBe(350)->and($total)->not->toBeNull();
});

test('refuses what is no price', function (int $a, int $b) {
    expect(fn () => Cart::add($a, $b))->toThrow(InvalidArgumentException::class);
})->with([[-1, 2], [1, -2]]);
""",
        weaker={
            "deleted": (
                (
                    "it('adds two prices', function () {\n    $total = Cart::add(100, 250);\n"
                    "    expect($total)->toBe(350)->and($total)->not->toBeNull();\n});\n"
                ),
                "",
            ),
            "emptied": (
                (
                    "    $total = Cart::add(100, 250);\n   "
                    " expect($total)->toBe(350)->and($total)->not->toBeNull();\n"
                ),
                "",
            ),
            "skipped": ("->not->toBeNull();\n});", "->not->toBeNull();\n})->skip('later');"),
            "focused": ("->with([[-1, 2], [1, -2]]);", "->with([[-1, 2], [1, -2]])->only();"),
            "vaguer": ("->toBe(350)", "->toBeInt()"),
            "fewer": ("->toBe(350)->and($total)->not->toBeNull()", "->not->toBeNull()"),
            "fewer rows": ("[[-1, 2], [1, -2]]", "[[-1, 2]]"),
        },
    ),
    Sample(
        language="xctest",
        path="Tests/ShopTests/CartTests.swift",
        away="Tests/ShopTests/CartTests.txt",
        moved="Tests/CoreTests/CartTests.swift",
        text="""import XCTest
@testable import Shop

final class CartTests: XCTestCase {
    func testAddsTwoPrices() throws {
        let total = add(100, 250)
        XCTAssertEqual(total, 350)
    }

    func testRefusesWhatIsNoPrice() {
        XCTAssertThrowsError(try checked(-1, 2))
    }
}
""",
        weaker={
            "deleted": (
                (
                    "    func testAddsTwoPrices() throws {\n        let total = add(100, 250)\n    "
                    "    XCTAssertEqual(total, 350)\n    }\n"
                ),
                "",
            ),
            "emptied": (
                "        let total = add(100, 250)\n        XCTAssertEqual(total, 350)\n",
                "",
            ),
            "renamed": ("func testAdds", "func laterAdds"),
            "skipped": ("        let total", '        throw XCTSkip("later")\n        let total'),
            "vaguer": ("XCTAssertEqual(total, 350)", "XCTAssertNotNil(total)"),
            "unasserted": ("        XCTAssertEqual(total, 350)\n", "        print(total)\n"),
        },
    ),
    Sample(
        language="swift-testing",
        path="Tests/ShopTests/CartSuite.swift",
        away="Tests/ShopTests/CartSuite.txt",
        moved="Tests/CoreTests/CartSuite.swift",
        text="""import Testing
@testable import Shop

@Suite struct CartSuite {
    @Test func addsTwoPrices() {
        let total = add(100, 250)
        #expect(total == 350)
    }

    @Test("refuses what is no price", arguments: [-1, -2])
    func refuses(price: Int) throws {
        #expect(throws: PriceError.self) { try checked(price, 2) }
    }
}
""",
        weaker={
            "deleted": (
                (
                    "    @Test func addsTwoPrices() {\n        let total = add(100, 250)\n       "
                    " #expect(total == 350)\n    }\n"
                ),
                "",
            ),
            "emptied": ("        let total = add(100, 250)\n        #expect(total == 350)\n", ""),
            "renamed": ("    @Test func adds", "    func adds"),
            "skipped": ("    @Test func adds", '    @Test(.disabled("later")) func adds'),
            "vaguer": ("#expect(total == 350)", "#expect(total > 0)"),
            "fewer rows": ("[-1, -2]", "[-1]"),
        },
    ),
    Sample(
        language="googletest",
        path="tests/cart_test.cc",
        away="tests/cart_test.cc.txt",
        moved="tests/shop/cart_test.cc",
        text="""#include <gtest/gtest.h>
#include "cart.h"

TEST(Cart, AddsTwoPrices) {
  int total = add(100, 250);
  EXPECT_EQ(total, 350);
}

TEST_F(CartTest, RefusesWhatIsNoPrice) {
  EXPECT_THROW(add(-1, 2), std::invalid_argument);
}
""",
        weaker={
            "deleted": (
                (
                    "TEST(Cart, AddsTwoPrices) {\n  int total = add(100, 250);\n  EXPECT_EQ(total,"
                    " 350);\n}\n"
                ),
                "",
            ),
            "emptied": ("  int total = add(100, 250);\n  EXPECT_EQ(total, 350);\n", ""),
            "renamed": ("TEST(Cart, AddsTwoPrices)", "void Cart_AddsTwoPrices()"),
            "skipped": ("Cart, AddsTwo", "Cart, DISABLED_AddsTwo"),
            "inside": ("  int total", "  GTEST_SKIP();\n  int total"),
            "vaguer": ("EXPECT_EQ(total, 350)", "EXPECT_NE(total, 0)"),
            "unasserted": ("  EXPECT_EQ(total, 350);\n", "  std::cout << total;\n"),
            "widened": (
                "EXPECT_THROW(add(-1, 2), std::invalid_argument)",
                "EXPECT_ANY_THROW(add(-1, 2))",
            ),
            "whole": ("TEST(Cart", "#if 0\n#endif\nTEST(Cart"),
        },
    ),
    Sample(
        language="catch2",
        path="tests/cart_tests.cpp",
        away="tests/cart_tests.old",
        moved="tests/shop/cart_tests.cpp",
        text="""#include <catch2/catch_test_macros.hpp>
#include "cart.hpp"

TEST_CASE("adds two prices", "[cart]") {
  const auto total = add(100, 250);
  REQUIRE(total == 350);

  SECTION("and a third") {
    CHECK(add(total, 1) == 351);
  }
}

TEST_CASE("refuses what is no price", "[cart]") {
  REQUIRE_THROWS_AS(add(-1, 2), std::invalid_argument);
}
""",
        weaker={
            "deleted": (
                (
                    'TEST_CASE("refuses what is no price", "[cart]") {\n  REQUIRE_THROWS_AS(add(-1,'
                    " 2), std::invalid_argument);\n}\n"
                ),
                "",
            ),
            "fewer": ('  SECTION("and a third") {\n    CHECK(add(total, 1) == 351);\n  }\n', ""),
            "emptied": ("  REQUIRE_THROWS_AS(add(-1, 2), std::invalid_argument);\n", ""),
            "hidden": ('"adds two prices", "[cart]"', '"adds two prices", "[.][cart]"'),
            "may fail": ('"adds two prices", "[cart]"', '"adds two prices", "[cart][!mayfail]"'),
            "vaguer": ("REQUIRE(total == 350)", "REQUIRE(total > 0)"),
        },
    ),
    Sample(
        language="elixir",
        path="test/cart_test.exs",
        away="test/cart_checks.exs",
        moved="test/shop/cart_test.exs",
        text="""defmodule CartTest do
  use ExUnit.Case, async: true

  describe "add/2" do
    test "adds two prices" do
      total = Cart.add(100, 250)
      assert total == 350
    end
  end

  test "refuses what is no price" do
    assert_raise ArgumentError, fn -> Cart.add(-1, 2) end
  end
end
""",
        weaker={
            "deleted": (
                (
                    '    test "adds two prices" do\n      total = Cart.add(100, 250)\n      assert'
                    " total == 350\n    end\n"
                ),
                "",
            ),
            "emptied": ("      total = Cart.add(100, 250)\n      assert total == 350\n", ""),
            "renamed": ('test "adds two', 'later "adds two'),
            "skipped": ('    test "adds', '    @tag :skip\n    test "adds'),
            "why": ('    test "adds', '    @tag skip: "later"\n    test "adds'),
            "vaguer": ("assert total == 350", "assert total"),
            "unasserted": ("      assert total == 350\n", "      IO.inspect(total)\n"),
            "widened": ("assert_raise ArgumentError, fn -> Cart.add(-1, 2) end", "Cart.add(-1, 2)"),
            "whole": ("  describe", "  @moduletag :skip\n\n  describe"),
        },
    ),
    Sample(
        language="munit",
        path="src/test/scala/CartSuite.scala",
        away="src/test/scala/CartSuite.txt",
        moved="src/test/scala/shop/CartSuite.scala",
        text="""package shop

class CartSuite extends munit.FunSuite {
  test("adds two prices") {
    val total = Cart.add(100, 250)
    assertEquals(total, 350)
  }

  test("refuses what is no price") {
    intercept[IllegalArgumentException] { Cart.add(-1, 2) }
  }
}
""",
        weaker={
            "deleted": (
                (
                    '  test("adds two prices") {\n    val total = Cart.add(100, 250)\n   '
                    " assertEquals(total, 350)\n  }\n"
                ),
                "",
            ),
            "emptied": ("    val total = Cart.add(100, 250)\n    assertEquals(total, 350)\n", ""),
            "skipped": ('test("adds two prices")', 'test("adds two prices".ignore)'),
            "focused": (
                'test("refuses what is no price")',
                'test("refuses what is no price".only)',
            ),
            "vaguer": ("assertEquals(total, 350)", "assert(total > 0)"),
            "unasserted": ("    assertEquals(total, 350)\n", "    println(total)\n"),
            "widened": ("intercept[IllegalArgumentException]", "intercept[Throwable]"),
        },
    ),
    Sample(
        language="scalatest",
        path="src/test/scala/CartSpec.scala",
        away="src/test/scala/CartSpec.txt",
        moved="src/test/scala/shop/CartSpec.scala",
        text="""package shop

class CartSpec extends AnyFlatSpec with Matchers {
  "A cart" should "add two prices" in {
    val total = Cart.add(100, 250)
    total shouldBe 350
  }

  it should "refuse what is no price" in {
    an [IllegalArgumentException] should be thrownBy Cart.add(-1, 2)
  }
}
""",
        weaker={
            "deleted": (
                (
                    '  "A cart" should "add two prices" in {\n    val total = Cart.add(100, 250)\n '
                    "   total shouldBe 350\n  }\n"
                ),
                "",
            ),
            "emptied": ("    val total = Cart.add(100, 250)\n    total shouldBe 350\n", ""),
            "skipped": ('"add two prices" in', '"add two prices" ignore'),
            "vaguer": ("total shouldBe 350", "total should not be null"),
            "unasserted": ("    total shouldBe 350\n", "    println(total)\n"),
        },
    ),
    Sample(
        language="bats",
        path="test/cart.bats",
        away="test/cart.bash-old",
        moved="test/shop/cart.bats",
        text="""setup() {
  load helper
}

@test "adds two prices" {
  run cart add 100 250
  [ "$status" -eq 0 ]
  [ "$output" = "350" ]
}

@test "refuses what is no price" {
  run cart add -1 2
  assert_failure
  assert_output --partial "no price"
}
""",
        weaker={
            "deleted": (
                (
                    '@test "adds two prices" {\n  run cart add 100 250\n  [ "$status" -eq 0 ]\n  ['
                    ' "$output" = "350" ]\n}\n'
                ),
                "",
            ),
            "emptied": (
                '  run cart add 100 250\n  [ "$status" -eq 0 ]\n  [ "$output" = "350" ]\n',
                "  :\n",
            ),
            "renamed": ('@test "adds two prices"', "adds_two_prices()"),
            "skipped": ("  run cart add 100 250\n", '  skip "later"\n  run cart add 100 250\n'),
            "vaguer": ('[ "$output" = "350" ]', '[ -n "$output" ]'),
            "unasserted": ('  [ "$output" = "350" ]\n', '  echo "$output"\n'),
            "left": ('  [ "$status" -eq 0 ]\n', '  return 0\n  [ "$status" -eq 0 ]\n'),
        },
    ),
    Sample(
        language="lua",
        path="spec/cart_spec.lua",
        away="spec/cart_notes.txt",
        moved="spec/shop/cart_spec.lua",
        text="""local cart = require "cart"

describe("cart", function()
  it("adds two prices", function()
    local total = cart.add(100, 250)
    assert.are.equal(350, total)
  end)

  it("refuses what is no price", function()
    assert.has_error(function() cart.add(-1, 2) end)
  end)
end)
""",
        weaker={
            "deleted": (
                (
                    '  it("adds two prices", function()\n    local total = cart.add(100, 250)\n   '
                    " assert.are.equal(350, total)\n  end)\n"
                ),
                "",
            ),
            "unasserted": ("    assert.are.equal(350, total)\n", "    print(total)\n"),
            "skipped": ('it("adds', 'pending("adds'),
        },
    ),
    Sample(
        language="perl",
        path="t/cart.t",
        away="t/cart.t.old",
        moved="t/shop/cart.t",
        text="""use strict;
use Test::More tests => 2;
use Cart;

subtest 'adds two prices' => sub {
    my $total = Cart::add(100, 250);
    is($total, 350, 'the sum');
};

subtest 'refuses what is no price' => sub {
    ok(!eval { Cart::add(-1, 2); 1 });
};
""",
        weaker={
            "deleted": (
                (
                    "subtest 'adds two prices' => sub {\n    my $total = Cart::add(100, 250);\n   "
                    " is($total, 350, 'the sum');\n};\n"
                ),
                "",
            ),
            "emptied": (
                "    my $total = Cart::add(100, 250);\n    is($total, 350, 'the sum');\n",
                "",
            ),
            "unasserted": ("    is($total, 350, 'the sum');\n", "    print $total;\n"),
            "vaguer": ("is($total, 350, 'the sum')", "ok($total)"),
            "skipped": ("    my $total", "    plan skip_all => 'later';\n    my $total"),
        },
    ),
    Sample(
        language="r",
        path="tests/testthat/test-cart.R",
        away="tests/testthat/cart.txt",
        moved="tests/testthat/test-cart-sums.R",
        text="""library(testthat)

test_that("adds two prices", {
  total <- add(100, 250)
  expect_equal(total, 350)
})

test_that("refuses what is no price", {
  expect_error(add(-1, 2))
})
""",
        weaker={
            "deleted": (
                (
                    'test_that("adds two prices", {\n  total <- add(100, 250)\n '
                    " expect_equal(total, 350)\n})\n"
                ),
                "",
            ),
            "emptied": ("  total <- add(100, 250)\n  expect_equal(total, 350)\n", ""),
            "unasserted": ("  expect_equal(total, 350)\n", "  print(total)\n"),
            "vaguer": ("expect_equal(total, 350)", "expect_true(total > 0)"),
            "skipped": ("  total <-", '  skip("later")\n  total <-'),
        },
    ),
)
