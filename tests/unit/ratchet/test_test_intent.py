"""What no run tells apart: a test that claims, asks or looks at something else than at the base
waits for a person, or is missed."""

import pytest

from nightlatch.model.models import Ruling
from nightlatch.ratchet.static.declared_tests import beside
from nightlatch.ratchet.static.examine import static_reasons
from nightlatch.ratchet.static.moved_tests import explained
from tests.unit.ratchet.declared_samples import SAMPLES
from tests.unit.ratchet.test_declared import Files, change, refused

TEXTS = {sample.language: sample.text for sample in SAMPLES}
PATHS = {sample.language: sample.path for sample in SAMPLES}
CHANGED = "expectation-changed"
PY = """from cart import Cart, add, sub

PRICE = 100


def check(cart):
    assert cart.total() <= 350


def test_total():
    cart = Cart(PRICE)
    cart.put(250)
    assert cart.total() == 350
    assert cart.is_open()
    check(cart)


def test_sub():
    old = 351
    assert sub(250, 100) == 150
"""
PY_PATH = "tests/test_cart.py"
GO = """package cart

import "testing"

func TestChecks(t *testing.T) {
	if err := Check(100); err != nil {
		t.Fatal(err)
	}
}

func TestRows(t *testing.T) {
	for _, row := range []struct{ a, b, want int }{{1, 2, 3}, {100, 250, 350}} {
		if got := Add(row.a, row.b); got != row.want {
			t.Errorf("got %d", got)
		}
	}
}
"""
GO_PATH = "cart/cart_test.go"
# A language, its file and the edits of it. Each of them leaves as many assertions, of the same
# kinds.
BENT = [
    ("python", "another value", [("== 350", "== 351")]),
    (
        "python",
        "another value beside the old one",
        [("== 150", "== 351"), ("old = 351", "old = 150")],
    ),
    ("python", "one more", [("== 350", "== 350 + 1")]),
    ("python", "another input", [("put(250)", "put(251)")]),
    ("python", "another constant outside", [("PRICE = 100", "PRICE = 101")]),
    ("python", "turned round", [("assert cart.is_open()", "assert not cart.is_open()")]),
    ("python", "the other way round", [("sub(250, 100)", "sub(100, 250)")]),
    ("python", "another function", [("sub(250", "add(250")]),
    (
        "python",
        "another module",
        [
            (
                "from cart import Cart, add, sub",
                "from cart import Cart, add\nfrom discount import sub",
            )
        ],
    ),
    (
        "python",
        "another name of the module",
        [("import Cart, add, sub", "import Cart, add, add as sub")],
    ),
    (
        "python",
        "a unit of its own",
        [("import Cart, add, sub", "import Cart, add\n\ndef sub(a, b):\n    return 150\n")],
    ),
    ("python", "a helper lets more pass", [("<= 350", "<= 450")]),
    ("go", "an error that is none", [("err != nil", "err == nil")]),
    ("go", "another row", [("100, 250, 350", "100, 250, 351")]),
    ("go", "values of two rows", [("{1, 2, 3}, {100, 250, 350}", "{1, 2, 350}, {100, 250, 3}")]),
    ("javascript", "another error", [("RangeError", "TypeError")]),
    ("javascript", "another module", [('"../src/cart.js"', '"../src/discount.js"')]),
    ("javascript", "another name of the module", [("{ add }", "{ subtract as add }")]),
    (
        "tsx",
        "another component",
        [("<Cart items={[1, 2]}>", "<Shelf items={[1, 2]}>"), ("it?</Cart>", "it?</Shelf>")],
    ),
    ("java", "another class", [("total = Cart.add", "total = Basket.add")]),
    (
        "ruby",
        "another file",
        [
            ('"spec_helper"\n', '"spec_helper"\nrequire "discount"\n'),
            ("total = Cart.add", "total = Discount.add"),
        ],
    ),
    ("rust", "another crate", [("use shop::add", "use store::add")]),
    ("catch2", "another header", [('"cart.hpp"', '"discount.hpp"')]),
    ("bats", "another command", [("run cart add 100", "run basket add 100")]),
    ("bats", "another input", [("run cart add 100 250", "run cart add 100 249")]),
    ("lua", "another module", [('require "cart"', 'require "discount"')]),
    ("elixir", "another module", [("total = Cart.add", "total = Basket.add")]),
]
HONEST = [
    (
        "python",
        "a comment and a message",
        [
            ("    cart = Cart", "    # the price\n    cart = Cart"),
            ("== 350\n", "== 350, 'the sum'\n"),
        ],
    ),
    ("python", "one more claim", [("== 350\n", "== 350\n    assert cart.total() > 0\n")]),
    ("python", "expected first", [("sub(250, 100) == 150", "150 == sub(250, 100)")]),
    (
        "python",
        "a constant with a name",
        [("== 150", "== wanted"), ("old = 351", "old = 351\n    wanted = 150")],
    ),
    ("go", "one more row", [("{1, 2, 3}", "{1, 2, 3}, {0, 0, 0}")]),
    ("go", "rows with names", [("{100, 250, 350}", "{a: 100, b: 250, want: 350}")]),
    ("javascript", "the same module, another ending", [("cart.js", "cart")]),
    (
        "java",
        "AssertJ",
        [("assertEquals(350, total)", 'assertThat(total).as("the sum").isEqualTo(350)')],
    ),
    ("csharp", "FluentAssertions", [("Assert.Equal(350, total)", "total.Should().Be(350)")]),
    (
        "rspec",
        "another wording",
        [("expect(total).to eq(350)", "expect(Cart.add(100, 250)).to eq 350")],
    ),
]


def sample(language: str) -> tuple[str, str]:
    own = {"python": (PY_PATH, PY), "go": (GO_PATH, GO), "ruby": (PATHS["rspec"], TEXTS["rspec"])}
    return own.get(language) or (PATHS[language], TEXTS[language])


def edited(language: str, edits: list[tuple[str, str]]) -> tuple[str, str, str]:
    path, text = sample(language)
    new = text
    for one, other in edits:
        assert one in new, (language, one)
        new = new.replace(one, other, 1)
    return path, text, new


def named(cases: list[tuple[str, str, list[tuple[str, str]]]]) -> list[object]:
    return [
        pytest.param(language, edits, id=f"{language}: {what}") for language, what, edits in cases
    ]


@pytest.mark.parametrize(("language", "edits"), named(BENT))
def test_what_is_bent_to_the_code_waits_for_a_person(
    language: str, edits: list[tuple[str, str]]
) -> None:
    path, old, new = edited(language, edits)
    assert refused({path: old}, {path: new})


@pytest.mark.parametrize(("language", "edits"), named(HONEST))
def test_what_says_the_same_in_other_words_lands(
    language: str, edits: list[tuple[str, str]]
) -> None:
    path, old, new = edited(language, edits)
    assert refused({path: old}, {path: new}) == set()


def test_a_run_that_gives_ids_decides_and_a_feature_may_name_what_it_changes() -> None:
    old, new = {PY_PATH: PY}, {PY_PATH: PY.replace("== 350", "== 351")}
    assert refused(old, new) == {CHANGED}
    assert refused(old, new, (f"{PY_PATH}::test_total", f"{PY_PATH}::test_sub")) == set()
    assert refused(old, new, names=(f"{PY_PATH}::test_total",)) == set()
    assert refused(old, new, names=(f"{PY_PATH}::test_sub",)) == {CHANGED}
    texts = change(old, new)
    [said] = beside(static_reasons(texts), texts, (), ())
    assert said.ruling is Ruling.HOLD
    assert said.detail == (
        f"{PY_PATH}::test_total (line 10): cart.total()== 350 is claimed no more",
    )


RUST = """pub fn add(a: i32, b: i32) -> i32 { a + b }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds() {
        let total = add(100, 250);
        assert_eq!(total, 350);
    }
}
"""
CODE = RUST.partition("#[cfg")[0]
JS, GO_SAMPLE, PYTHON = TEXTS["javascript"], TEXTS["go"], TEXTS["python"]
CART_PY = "def add(a, b):\n    return a + b\n"
# What the base has, what the change makes of it; the tests of a copy of the unit read like those
# that go.
COPIES: list[tuple[str, Files, Files]] = [
    (
        "the tests inside another file of Rust",
        {"src/cart.rs": RUST},
        {"src/cart.rs": CODE, "src/discount.rs": RUST},
    ),
    (
        "a package of the same name in another folder",
        {GO_PATH: GO_SAMPLE, "cart/cart.go": "package cart\n"},
        {"discount/cart_test.go": GO_SAMPLE, "cart/cart.go": "package cart\n"},
    ),
    (
        "a file to which the same path leads elsewhere",
        {"tests/cart.test.js": JS},
        {"web/tests/cart.test.js": JS},
    ),
    (
        "a module beside the one that was tested",
        {PY_PATH: PYTHON, "cart.py": CART_PY},
        {
            "tests/test_sum.py": PYTHON.replace("from cart", "from shop.cart"),
            "cart.py": CART_PY,
            "shop/cart.py": CART_PY,
        },
    ),
    (
        "a test that calls something else in the same file",
        {GO_PATH: GO_SAMPLE},
        {
            GO_PATH: (
                GO_SAMPLE.replace("Add(100, 250)", "Sub(600, 250)").replace(
                    "TestAddsTwoPrices", "TestTakesOneAway"
                )
            )
        },
    ),
    (
        "what is named after another module",
        {"spec/cart_spec.rb": TEXTS["rspec"]},
        {"spec/basket_spec.rb": TEXTS["rspec"].replace("Cart", "Basket")},
    ),
]
MOVES: list[tuple[str, Files, Files]] = [
    (
        "a module and its tests",
        {PY_PATH: PYTHON, "cart.py": CART_PY},
        {"tests/test_basket.py": PYTHON.replace("from cart", "from basket"), "basket.py": CART_PY},
    ),
    (
        "a function and its tests, passed on at its old place",
        {PY_PATH: PYTHON, "cart.py": CART_PY, "money.py": "X = 1\n"},
        {
            "tests/test_money.py": PYTHON.replace("from cart", "from money"),
            "cart.py": "from money import add\n",
            "money.py": f"X = 1\n{CART_PY}",
        },
    ),
    (
        "a function with another name",
        {PY_PATH: PYTHON, "cart.py": CART_PY},
        {
            PY_PATH: PYTHON.replace("add(", "plus(").replace("import add", "import plus"),
            "cart.py": CART_PY.replace("add", "plus"),
        },
    ),
    (
        "a package of Go",
        {GO_PATH: GO_SAMPLE, "cart/cart.go": "package cart\n\nfunc Add() {}\n"},
        {
            "till/till_test.go": GO_SAMPLE.replace("package cart", "package till"),
            "till/till.go": "package till\n\nfunc Add() {}\n",
        },
    ),
    (
        "a class of Ruby",
        {"spec/cart_spec.rb": TEXTS["rspec"], "lib/cart.rb": "module Cart\nend\n"},
        {
            "spec/basket_spec.rb": TEXTS["rspec"].replace("Cart", "Basket"),
            "lib/basket.rb": "module Basket\nend\n",
        },
    ),
    (
        "a test file beside another path",
        {"tests/cart.test.js": JS},
        {"tests/web/cart.test.js": JS.replace('"../src', '"../../src')},
    ),
    ("the tests inside a file of Rust that moves", {"src/cart.rs": RUST}, {"src/basket.rs": RUST}),
]


@pytest.mark.parametrize(
    ("old", "new"), [pytest.param(old, new, id=what) for what, old, new in COPIES]
)
def test_the_tests_of_a_copy_make_up_for_nothing(old: Files, new: Files) -> None:
    assert "test-removed" in refused(old, new)


@pytest.mark.parametrize(
    ("old", "new"), [pytest.param(old, new, id=what) for what, old, new in MOVES]
)
def test_tests_that_move_or_are_renamed_with_their_unit_land(old: Files, new: Files) -> None:
    assert refused(old, new) == set()


def test_where_a_run_gives_ids_a_test_of_something_else_explains_none_that_is_gone() -> None:
    _, old, new = COPIES[4]
    gone, came = "shop/cart::TestAddsTwoPrices", "shop/cart::TestTakesOneAway"
    assert explained([gone], [came], change(old, new)) == {}
    renamed = {
        path: text.replace("TestAddsTwoPrices", "TestTakesOneAway") for path, text in old.items()
    }
    assert explained([gone], [came], change(old, renamed)) == {gone: f"{GO_PATH}::TestTakesOneAway"}


DATA = "tests/data/totals.json"
DATA_EDITS = [
    (DATA, '{\n  "a": 350\n}\n', '{\n  "a": 351\n}\n', {CHANGED}),
    (DATA, '{\n  "a": 350\n}\n', '{\n  "a": 350,\n  "b": 2\n}\n', set()),
    (
        "web/__snapshots__/cart.test.js.snap",
        "exports[`a 1`] = `350`;\n",
        "exports[`a 1`] = `351`;\n",
        {CHANGED},
    ),
    ("tests/tsconfig.json", '{\n  "strict": true\n}\n', '{\n  "strict": true, "x": 1\n}\n', set()),
    ("docs/data/totals.json", "350\n", "351\n", set()),
]


@pytest.mark.parametrize(("path", "old", "new", "rules"), DATA_EDITS)
def test_what_tests_compare_with_stays_as_it_is(
    path: str, old: str, new: str, rules: set[str]
) -> None:
    assert refused({path: old}, {path: new}) == rules
    folder = path.partition("/")[0]
    assert refused({path: old}, {path: new}, (f"{folder}/test_cart.py::test_a",)) == set()
    assert refused({path: old}, {path: new}, ("elsewhere/test_cart.py::test_a",)) == (
        rules if folder == "web" else set()
    )
    assert refused({path: old}, {f"moved/{path}": old}) == set()
