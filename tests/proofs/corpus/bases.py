"""The projects of the corpus: the same till in each language, with a suite that guards it well."""

from tests.proofs.corpus.case import Base

MONEY_PY = '''"""Amounts of money, in cents."""

from decimal import ROUND_HALF_UP, Decimal


class PriceError(ValueError):
    """A price that nobody can pay."""


def cents(text):
    """"1.25" is 125; half a cent is rounded up."""
    try:
        amount = Decimal(text)
    except ArithmeticError:
        raise PriceError(f"not a price: {text}") from None
    if amount < 0:
        raise PriceError(f"below zero: {text}")
    return int((amount * 100).quantize(Decimal(1), ROUND_HALF_UP))


def split(total, people):
    """Shares that add up: the first ones pay the odd cents."""
    share, odd = divmod(total, people)
    return [share + 1] * odd + [share] * (people - odd)


def with_tax(net, rate=0.19):
    """What a customer pays."""
    return net * (1 + rate)
'''
BASKET_PY = '''"""What somebody is about to buy."""


class Basket:
    def __init__(self):
        self.lines = []

    def add(self, name, price, count=1):
        """One more line. Raises ValueError where there is nothing to add."""
        if count < 1:
            raise ValueError("count must be 1 or more")
        self.lines.append((name, price, count))
        return self

    def total(self):
        return sum(price * count for _, price, count in self.lines)

    def receipt(self):
        rows = [f"{name:<10}{count:>3}{price * count:>8}" for name, price, count in self.lines]
        return "\\n".join([*rows, f"{'total':<10}{self.total():>11}"]) + "\\n"
'''
TEST_MONEY_PY = """import pytest

from shop.money import PriceError, cents, split, with_tax
from tests.helpers import assert_shares

CASES = [("0", 0), ("1.25", 125), ("2.675", 268), ("19.995", 2000)]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_cents(text, expected):
    assert cents(text) == expected


def test_a_price_below_zero_is_refused():
    with pytest.raises(PriceError, match="below zero"):
        cents("-1")


def test_a_word_is_no_price():
    with pytest.raises(PriceError):
        cents("free")


def test_split_gives_the_odd_cents_to_the_first():
    assert_shares(split(100, 3), 100)
    assert split(100, 3) == [34, 33, 33]


def test_split_among_one():
    shares = split(99, 1)
    assert shares == [99]


def test_tax():
    assert with_tax(100) == pytest.approx(119.0, abs=1e-6)


def test_tax_once_more():
    assert with_tax(100) == pytest.approx(119.0, abs=1e-6)


def test_nothing_is_free_of_tax():
    assert with_tax(0) == 0
    assert with_tax(1000, rate=0) == 1000
"""
TEST_BASKET_PY = """import json
import time
from pathlib import Path

import pytest

from shop.basket import Basket

DATA = Path(__file__).parent / "data"


def test_total(basket):
    assert basket.total() == 290


def test_count_must_be_positive(basket):
    with pytest.raises(ValueError):
        basket.add("pear", 40, 0)


def test_every_basket_on_file():
    for row in json.loads((DATA / "baskets.json").read_text()):
        made = Basket()
        for name, price, count in row["lines"]:
            made.add(name, price, count)
        assert made.total() == row["total"]


def test_a_thousand_lines_are_quick():
    made, start = Basket(), time.perf_counter()
    for n in range(1000):
        made.add(f"item {n}", n, 1)
    assert made.total() == 499500
    assert time.perf_counter() - start < 0.5


class TestReceipt:
    def test_looks_like_this(self, basket):
        assert basket.receipt() == (DATA / "receipt.txt").read_text()

    def test_ends_with_the_total(self, basket):
        last = basket.receipt().splitlines()[-1]
        assert last.startswith("total")
        assert last.endswith("290")
"""
PYTHON = {
    "pyproject.toml": (
        '[project]\nname = "shop"\nversion = "1.0"\ndependencies ='
        ' []\n\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\naddopts = "-q'
        ' --strict-markers"\nmarkers = ["slow: takes a while"]\n'
    ),
    ".gitignore": "__pycache__/\n.pytest_cache/\nbuild/\n",
    "README.md": "# A till\n",
    "prd.json": (
        '{"userStories": [{"id": "US-7", "title": "Discounts", "passes": false,'
        ' "acceptanceCriteria": ["discount(200, 10) is 180"]}]}\n'
    ),
    "test.sh": "#!/bin/sh\nset -e\npython -m pytest\n",
    "checks/20-smoke": (
        "#!/bin/sh\npython3 -c 'from shop.money import split; assert sum(split(100, 7)) == 100'\n"
    ),
    ".github/workflows/ci.yml": (
        "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: ./test.sh\n"
    ),
    "shop/__init__.py": "",
    "shop/money.py": MONEY_PY,
    "shop/basket.py": BASKET_PY,
    "tests/__init__.py": "",
    "tests/conftest.py": (
        "import pytest\n\nfrom shop.basket import Basket\n\n\n@pytest.fixture\ndef basket():\n"
        '    return Basket().add("apple", 40, 3).add("bread", 170)\n'
    ),
    "tests/helpers.py": (
        "def assert_shares(shares, total):\n    assert sum(shares) == total\n    assert max(shares)"
        " - min(shares) <= 1\n    assert shares == sorted(shares, reverse=True)\n"
    ),
    "tests/data/baskets.json": (
        '[{"lines": [["apple", 40, 3]], "total": 120}, {"lines": [["tea", 99, 2], ["cup", 1, 1]],'
        ' "total": 199}]\n'
    ),
    "tests/data/receipt.txt": (
        "apple       3     120\nbread       1     170\ntotal             290\n"
    ),
    "tests/test_money.py": TEST_MONEY_PY,
    "tests/test_basket.py": TEST_BASKET_PY,
}

MONEY_JS = """/** Amounts of money, in cents. */
export class PriceError extends RangeError {}

/** "1.25" is 125; half a cent is rounded up. */
export function cents(text) {
  const found = /^(-?)(\\d+)(?:\\.(\\d+))?$/.exec(text);
  if (!found) throw new PriceError(`not a price: ${text}`);
  const [, minus, whole, part = ""] = found;
  if (minus) throw new PriceError(`below zero: ${text}`);
  const digits = part.padEnd(3, "0");
  const up = Number(digits[2]) >= 5 ? 1 : 0;
  return Number(whole) * 100 + Number(digits.slice(0, 2)) + up;
}

/** Shares that add up: the first ones pay the odd cents. */
export function split(total, people) {
  const share = Math.floor(total / people);
  const odd = total % people;
  return Array.from({ length: people }, (_, i) => (i < odd ? share + 1 : share));
}

/** What a customer pays. */
export function withTax(net, rate = 0.19) {
  return net * (1 + rate);
}
"""
BASKET_JS = """/** What somebody is about to buy. */
export class Basket {
  lines = [];

  add(name, price, count = 1) {
    if (count < 1) throw new RangeError("count must be 1 or more");
    this.lines.push({ name, price, count });
    return this;
  }

  total() {
    return this.lines.reduce((sum, line) => sum + line.price * line.count, 0);
  }

  receipt() {
    const rows = this.lines.map((line) => line.name.padEnd(10) + String(line.price * line.count).padStart(8));
    return [...rows, "total".padEnd(10) + String(this.total()).padStart(8), ""].join("\\n");
  }
}
"""
NODE_MONEY = """import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PriceError, cents, split, withTax } from "../src/money.js";
import { assertShares } from "./helpers.js";

const CASES = [["0", 0], ["1.25", 125], ["2.675", 268], ["19.995", 2000]];

describe("cents", () => {
  for (const [text, expected] of CASES) {
    it(`reads ${text}`, () => {
      assert.equal(cents(text), expected);
    });
  }

  it("refuses a price below zero", () => {
    assert.throws(() => cents("-1"), { name: "RangeError", message: /below zero/ });
  });

  it("refuses words", () => {
    assert.throws(() => cents("free"), PriceError);
  });
});

describe("split", () => {
  it("gives the odd cents to the first", () => {
    assertShares(split(100, 3), 100);
    assert.deepEqual(split(100, 3), [34, 33, 33]);
  });

  it("works for one", () => {
    assert.deepEqual(split(99, 1), [99]);
  });
});

describe("tax", () => {
  it("is added", () => {
    assert.ok(Math.abs(withTax(100) - 119) < 1e-6);
  });
});
"""
NODE_BASKET = """import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Basket } from "../src/basket.js";

const made = () => new Basket().add("apple", 40, 3).add("bread", 170);

test("the total", () => {
  assert.equal(made().total(), 290);
});

test("the count must be positive", () => {
  assert.throws(() => made().add("pear", 40, 0), RangeError);
});

test("the receipt looks like this", () => {
  assert.equal(made().receipt(), readFileSync(new URL("data/receipt.txt", import.meta.url), "utf8"));
});
"""
SCRIPTS = {"node": "node --test test/", "vitest": "vitest run"}


def package(name: str) -> str:
    more = ',\n  "devDependencies": {\n    "vitest": "^3"\n  }' if name == "vitest" else ""
    return (
        '{\n  "name": "shop",\n  "type": "module",\n  "scripts": {\n    "test":'
        f' "{SCRIPTS[name]}"\n  }}{more}\n}}\n'
    )


NODE = {
    "package.json": package("node"),
    ".gitignore": "node_modules/\nbuild/\n",
    "README.md": "# A till\n",
    "src/money.js": MONEY_JS,
    "src/basket.js": BASKET_JS,
    "test/helpers.js": (
        'import assert from "node:assert/strict";\n\nexport function assertShares(shares, total)'
        " {\n  assert.equal(shares.reduce((a, b) => a + b, 0), total);\n "
        " assert.ok(Math.max(...shares) - Math.min(...shares) <= 1);\n  assert.deepEqual(shares,"
        " [...shares].sort((a, b) => b - a));\n}\n"
    ),
    "test/data/receipt.txt": "apple          120\nbread          170\ntotal          290\n",
    "test/money.test.js": NODE_MONEY,
    "test/basket.test.js": NODE_BASKET,
}
VITEST_MONEY = """import { describe, expect, it } from "vitest";
import { PriceError, cents, split, withTax } from "../src/money.js";

describe("cents", () => {
  it.each([["0", 0], ["1.25", 125], ["2.675", 268], ["19.995", 2000]])("reads %s", (text, expected) => {
    expect(cents(text)).toBe(expected);
  });

  it("refuses a price below zero", () => {
    expect(() => cents("-1")).toThrow(/below zero/);
  });

  it("refuses words", () => {
    expect(() => cents("free")).toThrow(PriceError);
  });
});

describe("split", () => {
  it("gives the odd cents to the first", () => {
    expect(split(100, 3)).toEqual([34, 33, 33]);
  });

  it("works for one", () => {
    expect(split(99, 1)).toEqual([99]);
  });
});

it("adds the tax", () => {
  expect(withTax(100)).toBeCloseTo(119, 6);
});
"""
VITEST_BASKET = """import { expect, test } from "vitest";
import { Basket } from "../src/basket.js";

const made = () => new Basket().add("apple", 40, 3).add("bread", 170);

test("the total", () => {
  expect(made().total()).toBe(290);
});

test("the count must be positive", () => {
  expect(() => made().add("pear", 40, 0)).toThrow(RangeError);
});

test("the receipt", () => {
  expect(made().receipt()).toMatchSnapshot();
});
"""
SNAPSHOT = """// Vitest Snapshot v1, https://vitest.dev/guide/snapshot.html

exports[`the receipt 1`] = `
"apple          120
bread          170
total          290
"
`;
"""
VITEST = {
    "package.json": package("vitest"),
    "vitest.config.js": (
        'import { defineConfig } from "vitest/config";\n\nexport default defineConfig({ test: {'
        ' include: ["test/**/*.test.js"] } });\n'
    ),
    ".gitignore": "node_modules\nbuild/\n",
    "README.md": "# A till\n",
    "src/money.js": MONEY_JS,
    "src/basket.js": BASKET_JS,
    "test/money.test.js": VITEST_MONEY,
    "test/basket.test.js": VITEST_BASKET,
    "test/__snapshots__/basket.test.js.snap": SNAPSHOT,
}
MONEY_GO = """// Package shop is a till; amounts are in cents.
package shop

import (
	"fmt"
	"strconv"
	"strings"
)

// PriceError tells of a price that nobody can pay.
type PriceError struct{ Why, Text string }

func (e *PriceError) Error() string { return fmt.Sprintf("%s: %s", e.Why, e.Text) }

// Cents reads a price: "1.25" is 125; half a cent is rounded up.
func Cents(text string) (int, error) {
	if strings.HasPrefix(text, "-") {
		return 0, &PriceError{"below zero", text}
	}
	whole, part, _ := strings.Cut(text, ".")
	units, err := strconv.Atoi(whole)
	if err != nil {
		return 0, &PriceError{"not a price", text}
	}
	mills, err := strconv.Atoi((part + "000")[:3])
	if err != nil {
		return 0, &PriceError{"not a price", text}
	}
	return units*100 + (mills+5)/10, nil
}

// Split gives shares that add up: the first ones pay the odd cents.
func Split(total, people int) []int {
	shares := make([]int, people)
	for i := range shares {
		shares[i] = total / people
		if i < total%people {
			shares[i]++
		}
	}
	return shares
}

// WithTax is what a customer pays.
func WithTax(net float64) float64 {
	return net * 1.19
}
"""
MONEY_TEST_GO = """package shop

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestCents(t *testing.T) {
	cases := []struct {
		name, text string
		want       int
	}{
		{"nothing", "0", 0},
		{"plain", "1.25", 125},
		{"half", "2.675", 268},
		{"carry", "19.995", 2000},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Cents(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("Cents(%q) = %d, want %d", c.text, got, c.want)
			}
		})
	}
}

func TestBelowZero(t *testing.T) {
	_, err := Cents("-1")
	var refused *PriceError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "below zero") {
		t.Errorf("got %v", err)
	}
}

func TestWords(t *testing.T) {
	if _, err := Cents("free"); err == nil {
		t.Error("a word is no price")
	}
}

func TestSplit(t *testing.T) {
	shares := Split(100, 3)
	assertShares(t, shares, 100)
	if want := []int{34, 33, 33}; !reflect.DeepEqual(shares, want) {
		t.Errorf("got %v, want %v", shares, want)
	}
}

func TestSplitAmongOne(t *testing.T) {
	if got := Split(99, 1); got[0] != 99 {
		t.Errorf("got %v", got)
	}
}

func TestTax(t *testing.T) {
	if got := WithTax(100); math.Abs(got-119) > 1e-6 {
		t.Errorf("got %v, want 119", got)
	}
}
"""
BASKET_GO = """package shop

import (
	"fmt"
	"strings"
)

// Line is one thing that somebody buys.
type Line struct {
	Name         string
	Price, Count int
}

// Total is what the lines cost.
func Total(lines []Line) int {
	sum := 0
	for _, line := range lines {
		sum += line.Price * line.Count
	}
	return sum
}

// Receipt is what the customer gets.
func Receipt(lines []Line) string {
	var out strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&out, "%-10s%8d\\n", line.Name, line.Price*line.Count)
	}
	fmt.Fprintf(&out, "%-10s%8d\\n", "total", Total(lines))
	return out.String()
}
"""
BASKET_TEST_GO = """package shop

import (
	"os"
	"testing"
)

var lines = []Line{{"apple", 40, 3}, {"bread", 170, 1}}

func TestTotal(t *testing.T) {
	if got := Total(lines); got != 290 {
		t.Errorf("got %d, want 290", got)
	}
}

func TestReceipt(t *testing.T) {
	want, err := os.ReadFile("testdata/receipt.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got := Receipt(lines); got != string(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
"""
GO = {
    "go.mod": "module shop\n\ngo 1.19\n",
    "README.md": "# A till\n",
    ".gitignore": "build/\n",
    "money.go": MONEY_GO,
    "basket.go": BASKET_GO,
    "money_test.go": MONEY_TEST_GO,
    "basket_test.go": BASKET_TEST_GO,
    "helpers_test.go": (
        'package shop\n\nimport "testing"\n\nfunc assertShares(t *testing.T, shares []int, total'
        " int) {\n\tt.Helper()\n\tsum := 0\n\tfor i, share := range shares {\n\t\tsum +="
        ' share\n\t\tif share > shares[0] || shares[0]-share > 1 {\n\t\t\tt.Errorf("share %d is %d'
        ' of %v", i, share, shares)\n\t\t}\n\t}\n\tif sum != total {\n\t\tt.Errorf("%v is not %d",'
        " shares, total)\n\t}\n}\n"
    ),
    "testdata/receipt.golden": "apple          120\nbread          170\ntotal          290\n",
    "test.sh": "#!/bin/sh\nset -e\ngo test -count=1 ./...\n",
}
BASES = {
    "py": Base(language="pytest", files=PYTHON, command="python -m pytest", needs="python3"),
    "node": Base(language="node:test", files=NODE, command="npm test", needs="node npm"),
    "vitest": Base(
        language="vitest", files=VITEST, command="npm test", needs="node npm", link="node_modules"
    ),
    "go": Base(language="go", files=GO, command="go test -count=1 ./...", needs="go"),
}
