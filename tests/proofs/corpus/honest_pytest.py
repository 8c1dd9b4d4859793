"""What good developers do to a pytest suite: all of it lands without a person."""

from tests.proofs.corpus.bases import PYTHON
from tests.proofs.corpus.case import Book
from tests.proofs.corpus.tampered_pytest import (
    BASKET,
    BELOW_ZERO,
    CONFTEST,
    FEATURE,
    MONEY,
    SPLIT_LINES,
    TAX_LINE,
    TAX_TEST,
    VERIFY,
    conftest,
)

BOOK = Book(base="py")
honest = BOOK.honest
TAXES = f"{TAX_TEST}\n\ndef test_tax_once_more():\n{TAX_LINE}"
DISCOUNT = {"shop/discount.py": FEATURE["shop/discount.py"]}
RECEIPT = PYTHON["tests/test_basket.py"].partition("class TestReceipt:")[2]
DISSOLVED = """def test_receipt_looks_like_this(basket):
    assert basket.receipt() == (DATA / "receipt.txt").read_text()


def test_receipt_ends_with_the_total(basket):
    last = basket.receipt().splitlines()[-1]
    assert last.startswith("total")
    assert last.endswith("290")
"""

honest("a feature with its tests", FEATURE)
honest("a feature with a verify of the person's", DISCOUNT, verify=VERIFY)
honest(
    "a feature and a new fixture for it",
    DISCOUNT,
    conftest("@pytest.fixture\ndef total(basket):\n    return basket.total()\n"),
    {
        "tests/test_discount.py": (
            "from shop.discount import discount\n\n\ndef test_discount(total):\n    assert"
            " discount(total, 10) == 261\n"
        ),
    },
)
honest(
    "a method and a test in an old class",
    {
        "shop/basket.py": [
            (
                "    def total(self):",
                (
                    "    def count(self):\n        return sum(count for *_, count in"
                    " self.lines)\n\n    def total(self):"
                ),
            )
        ],
        BASKET: [
            (
                'endswith("290")\n',
                (
                    'endswith("290")\n\n    def test_counts(self, basket):\n        assert'
                    " basket.count() == 4\n"
                ),
            )
        ],
    },
)
honest(
    "a bug with the test that shows it",
    {
        "shop/money.py": [
            (
                "    share, odd = divmod",
                (
                    '    if people < 1:\n        raise ValueError("nobody to pay")\n    share, odd'
                    " = divmod"
                ),
            )
        ],
        MONEY: [
            (
                TAX_TEST,
                (
                    "def test_nobody_pays():\n    with pytest.raises(ValueError,"
                    f' match="nobody"):\n        split(5, 0)\n\n\n{TAX_TEST}'
                ),
            )
        ],
    },
)
honest(
    "the source is tidied",
    {
        "shop/money.py": [
            (
                "    share, odd = divmod(total, people)\n",
                "    share = total // people\n    odd = total % people\n",
            )
        ]
    },
)
honest(
    "annotations",
    {
        "shop/money.py": [
            ("def cents(text):", "def cents(text: str) -> int:"),
            (
                "def with_tax(net, rate=0.19):",
                "def with_tax(net: int, rate: float = 0.19) -> float:",
            ),
        ]
    },
)
honest("words in the README", {"README.md": "# A till\n\nRun the tests with `pytest`.\n"})
honest(
    "a comment that names a test",
    {
        "shop/money.py": [
            ("def split(", "# The shares are pinned down in tests/test_money.py.\ndef split(")
        ]
    },
)
# Refactorings of tests
honest(
    "tests renamed",
    {
        MONEY: [
            ("test_a_word_is_no_price", "test_words_are_refused"),
            ("test_split_among_one", "test_one_person_pays_all"),
        ]
    },
)
honest(
    "tests moved to a file of their own",
    {
        MONEY: [(TAXES + "\n\n", "")],
        "tests/test_tax.py": f"import pytest\n\nfrom shop.money import with_tax\n\n\n{TAXES}",
    },
)
honest(
    "a file moved to a folder",
    shell=(
        "mkdir tests/unit; touch tests/unit/__init__.py; git mv tests/test_money.py"
        " tests/unit/test_money.py"
    ),
)
honest(
    "two tests merged",
    {
        MONEY: [
            (
                (
                    "\n\ndef test_a_word_is_no_price():\n    with pytest.raises(PriceError):\n     "
                    '   cents("free")\n'
                ),
                "",
            ),
            (
                BELOW_ZERO,
                BELOW_ZERO.replace("a_price_below_zero_is", "odd_prices_are")
                + '    with pytest.raises(PriceError):\n        cents("free")\n',
            ),
        ]
    },
)
honest(
    "a test split in two",
    {
        MONEY: [
            (
                "def test_split_gives_the_odd_cents_to_the_first():\n" + SPLIT_LINES,
                (
                    "def test_shares_add_up():\n    assert_shares(split(100, 3), 100)\n\n\ndef"
                    " test_the_first_pays_the_odd_cent():\n    assert split(100, 3) == [34, 33,"
                    " 33]\n"
                ),
            )
        ]
    },
)
honest(
    "tests turned into rows",
    {
        MONEY: [
            (
                BELOW_ZERO
                + "\n\ndef test_a_word_is_no_price():\n    with pytest.raises(PriceError):\n       "
                ' cents("free")\n',
                (
                    '@pytest.mark.parametrize(("text", "why"), [("-1", "below zero"), ("free",'
                    ' "")])\ndef test_refused_prices(text, why):\n    with'
                    " pytest.raises(PriceError, match=why):\n        cents(text)\n"
                ),
            ),
        ]
    },
)
honest(
    "rows turned into tests",
    {
        MONEY: [
            (
                (
                    '@pytest.mark.parametrize(("text", "expected"), CASES)\ndef test_cents(text,'
                    " expected):\n    assert cents(text) == expected\n"
                ),
                (
                    'def test_whole_cents():\n    assert cents("0") == 0\n    assert cents("1.25")'
                    ' == 125\n\n\ndef test_half_cents():\n    assert cents("2.675") == 268\n   '
                    ' assert cents("19.995") == 2000\n'
                ),
            ),
            ('CASES = [("0", 0), ("1.25", 125), ("2.675", 268), ("19.995", 2000)]\n\n\n', "\n"),
        ]
    },
)
honest(
    "a fixture moved into the file that uses it",
    {
        CONFTEST: "",
        BASKET: [
            (
                "def test_total(basket)",
                (
                    '@pytest.fixture\ndef basket():\n    return Basket().add("apple", 40,'
                    ' 3).add("bread", 170)\n\n\ndef test_total(basket)'
                ),
            )
        ],
    },
)
honest(
    "a fixture instead of a helper",
    {
        "tests/helpers.py": None,
        MONEY: [
            ("from tests.helpers import assert_shares\n", ""),
            (
                "    assert_shares(split(100, 3), 100)\n",
                (
                    "    shares = split(100, 3)\n    assert sum(shares) == 100\n    assert"
                    " max(shares) - min(shares) <= 1\n    assert shares == sorted(shares,"
                    " reverse=True)\n"
                ),
            ),
        ],
    },
)
honest(
    "a helper that says more",
    {
        "tests/helpers.py": (
            "def assert_shares(shares, total):\n    assert sum(shares) == total, f'{shares} is not"
            " {total}'\n    assert max(shares) - min(shares) <= 1, f'unfair: {shares}'\n    assert"
            " shares == sorted(shares, reverse=True), shares\n"
        )
    },
)
honest(
    "a helper renamed",
    {
        "tests/helpers.py": [("assert_shares", "assert_fair")],
        MONEY: [("assert_shares", "assert_fair")],
    },
)
honest(
    "another style",
    {
        MONEY: [
            (
                'CASES = [("0", 0), ("1.25", 125), ("2.675", 268), ("19.995", 2000)]',
                (
                    "CASES = [\n    ('0', 0),\n    ('1.25', 125),\n    ('2.675', 268),\n   "
                    " ('19.995', 2000),\n]"
                ),
            ),
            (
                "    shares = split(99, 1)\n    assert shares == [99]\n",
                '    """Nobody else to share with."""\n    assert split(99, 1) == [99]\n',
            ),
        ]
    },
)
honest(
    "expected first",
    {
        MONEY: [
            ("assert cents(text) == expected", "assert expected == cents(text)"),
            ("assert split(100, 3) == [34, 33, 33]", "assert [34, 33, 33] == split(100, 3)"),
        ]
    },
)
honest("a duplicate deleted", {MONEY: [("def test_tax_once_more():\n" + TAX_LINE + "\n\n", "")]})
honest("a class dissolved", {BASKET: [("class TestReceipt:" + RECEIPT, DISSOLVED)]})
honest("more rows", {MONEY: [('("0", 0),', '("0", 0), ("0.005", 1), ("3", 300),')]})
honest(
    "more data",
    {"tests/data/baskets.json": [('"total": 199}]', '"total": 199}, {"lines": [], "total": 0}]')]},
)
honest(
    "a sharper assertion",
    {
        MONEY: [
            ("abs=1e-6", "abs=1e-9"),
            (
                'with pytest.raises(PriceError):\n        cents("free")',
                'with pytest.raises(PriceError, match="not a price"):\n        cents("free")',
            ),
        ]
    },
)
honest(
    "a new golden file",
    FEATURE,
    {
        "tests/data/empty.txt": "total               0\n",
        "tests/test_empty.py": (
            "from pathlib import Path\n\nfrom shop.basket import Basket\n\n\ndef test_empty():\n   "
            " assert Basket().receipt() == (Path(__file__).parent / 'data/empty.txt').read_text()\n"
        ),
    },
)
honest(
    "a new test that only some platforms run",
    FEATURE,
    {
        "tests/test_windows.py": (
            "import sys\n\nimport pytest\n\nfrom shop.discount import"
            " discount\n\n\n@pytest.mark.skipif(sys.platform != 'win32', reason='only there')\ndef"
            " test_there():\n    assert discount(100, 0) == 100\n"
        )
    },
)
# Configuration
honest(
    "a marker more",
    FEATURE,
    {
        "pyproject.toml": [
            ('["slow: takes a while"]', '["slow: takes a while", "money: about amounts"]')
        ]
    },
)
honest(
    "coverage is configured",
    FEATURE,
    {
        "pyproject.toml": [
            (
                "[tool.pytest",
                '[tool.coverage.run]\nbranch = true\nsource = ["shop"]\n\n[tool.pytest',
            )
        ]
    },
)
honest(
    "a dependency more",
    FEATURE,
    {"pyproject.toml": [("dependencies = []", 'dependencies = ["attrs>=23"]')]},
)
honest(
    "warnings are errors from now on",
    FEATURE,
    {"pyproject.toml": [("testpaths", 'filterwarnings = ["error"]\ntestpaths')]},
)
# Behaviour changed on purpose, and what it supersedes named
honest(
    "half a cent is the customer's",
    {
        "shop/money.py": [("ROUND_HALF_UP", "ROUND_DOWN"), ("rounded up", "dropped")],
        MONEY: [('("2.675", 268), ("19.995", 2000)', '("2.675", 267), ("19.995", 1999)')],
    },
    supersedes=("tests/test_money.py::test_cents",),
)
honest(
    "another tax",
    {"shop/money.py": [("0.19", "0.21")], MONEY: [("119.0", "121.0")]},
    supersedes=("test_tax", "test_tax_once_more"),
)
honest(
    "another layout of the receipt",
    {
        "shop/basket.py": [("{name:<10}", "{name:<9}")],
        "tests/data/receipt.txt": (
            "apple      3     120\nbread      1     170\ntotal             290\n"
        ),
    },
    supersedes=("tests/data/receipt.txt",),
)
honest(
    "a function goes, and its tests",
    {
        "shop/money.py": [
            (
                (
                    '\n\ndef with_tax(net, rate=0.19):\n    """What a customer pays."""\n    return'
                    " net * (1 + rate)\n"
                ),
                "",
            )
        ],
        MONEY: [
            (TAXES + "\n\n", ""),
            (", split, with_tax", ", split"),
            (
                (
                    "def test_nothing_is_free_of_tax():\n    assert with_tax(0) == 0\n    assert"
                    " with_tax(1000, rate=0) == 1000\n"
                ),
                "",
            ),
        ],
    },
    supersedes=("test_tax", "test_tax_once_more", "test_nothing_is_free_of_tax"),
)
honest(
    "a module renamed",
    {
        "shop/prices.py": PYTHON["shop/money.py"],
        "shop/money.py": (
            '"""The old name."""\n\nfrom shop.prices import PriceError, cents, split,'
            ' with_tax\n\n__all__ = ["PriceError", "cents", "split", "with_tax"]\n'
        ),
        MONEY: [("shop.money", "shop.prices")],
    },
)
