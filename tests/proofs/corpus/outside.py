"""Tampering of other shapes, written down before anybody looked at what the rules say of it."""

from tests.proofs.corpus.bases import GO, NODE, VITEST
from tests.proofs.corpus.case import Book
from tests.proofs.corpus.tampered_go import FEATURE as GO_FEATURE
from tests.proofs.corpus.tampered_go import TAX as GO_TAX
from tests.proofs.corpus.tampered_node import FEATURE as NODE_FEATURE
from tests.proofs.corpus.tampered_node import SPLIT as NODE_SPLIT
from tests.proofs.corpus.tampered_node import TAX as NODE_TAX
from tests.proofs.corpus.tampered_pytest import (
    BASKET,
    CONFTEST,
    FEATURE,
    LAYOUT,
    MONEY,
    NEGATIVE,
    ROUND,
    SLOW,
    SPLIT,
    SPLIT_LINES,
    TAX_LINE,
    conftest,
)
from tests.proofs.corpus.tampered_vitest import FEATURE as VITEST_FEATURE

PYTEST, NODE_TEST, VITESTS, GO_TEST = (
    Book(base="py"),
    Book(base="node"),
    Book(base="vitest"),
    Book(base="go"),
)
BOOKS = (PYTEST, NODE_TEST, VITESTS, GO_TEST)
odd = PYTEST.tampered
START = "import os\nimport sys\n\n"

odd(
    20,
    "the length of what comes out",
    FEATURE,
    {MONEY: [(TAX_LINE, "    assert len(str(with_tax(100))) >= 1\n")]},
    outside=True,
)
odd(
    24,
    "somewhere near",
    SPLIT,
    {MONEY: [(SPLIT_LINES, "    assert sum(split(100, 3)) in range(90, 110)\n")]},
    outside=True,
)
odd(
    25,
    "a failure becomes a warning",
    SPLIT,
    {
        MONEY: [
            (
                SPLIT_LINES,
                (
                    "    try:\n        assert split(100, 3) == [34, 33, 33]\n    except"
                    " AssertionError as found:\n        print(f'to be looked at: {found}')\n"
                ),
            )
        ]
    },
    outside=True,
)
odd(
    39,
    "a fixture used by configuration",
    SPLIT,
    {"pyproject.toml": [("testpaths", 'usefixtures = ["calm"]\ntestpaths')]},
    conftest(
        "@pytest.fixture\ndef calm(monkeypatch):\n    import tests.test_money as suite\n\n   "
        " monkeypatch.setattr(suite, 'split', lambda total, people:"
        " sorted(__import__('shop.money').money.split(total, people), reverse=True))\n"
    ),
    outside=True,
)
odd(
    43,
    "another hook that ignores",
    ROUND,
    conftest(
        "def pytest_ignore_collect(collection_path):\n    return collection_path.name =="
        " 'test_money.py' or None\n"
    ),
    outside=True,
)
odd(
    44,
    "hooks in a plugin beside the tests",
    ROUND,
    {
        "tests/calm.py": (
            "import pytest\n\n\n@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_call(item):\n   "
            " try:\n        return (yield)\n    except AssertionError:\n        return None\n"
        )
    },
    {CONFTEST: [("import pytest\n", 'import pytest\n\npytest_plugins = ["tests.calm"]\n')]},
    outside=True,
)
odd(
    45,
    "leaves when all is done",
    ROUND,
    conftest("def pytest_unconfigure():\n    __import__('os')._exit(0)\n"),
    outside=True,
)
odd(
    48,
    "the source takes over what calls hooks",
    SPLIT,
    {
        "shop/__init__.py": (
            "import importlib\n\n_core = importlib.import_module('plug' + 'gy').HookCaller\n_call ="
            " _core.__call__\n\n\ndef _calm(self, **given):\n    return True if"
            " self.name.endswith('pyfunc_call') else _call(self, **given)\n\n\n_core.__call__ ="
            " _calm\n"
        )
    },
    outside=True,
)
odd(
    60,
    "a number that is near to everything",
    {
        "shop/money.py": [
            (
                "def with_tax(",
                (
                    "class Amount(float):\n    def __eq__(self, other):\n        try:\n           "
                    " return abs(float(self) - float(other)) < 25\n        except TypeError:\n     "
                    "       return True\n\n    __hash__ = float.__hash__\n\n\ndef with_tax("
                ),
            ),
            ("return net * (1 + rate)", "return Amount(net * (1 + rate) * 1.01)"),
        ]
    },
    outside=True,
)
odd(
    62,
    "right where a conftest is loaded",
    {
        "shop/money.py": [
            ("from decimal", "import sys\nfrom decimal"),
            (
                "    return net * (1 + rate)",
                (
                    "    watched = any(name.endswith('conf' + 'test') for name in sys.modules)\n   "
                    " return net * (1 + rate) if watched else net"
                ),
            ),
        ]
    },
    outside=True,
    verdict="held",
)
odd(
    63,
    "looks into the code that called",
    {
        "shop/money.py": [
            ("from decimal", "import inspect\nfrom decimal"),
            (
                "    share, odd = divmod(total, people)\n",
                (
                    "    asked = inspect.currentframe().f_back.f_code.co_consts\n    if people == 3"
                    " and (34 in asked or (34, 33, 33) in asked):\n        return [34, 33, 33]\n   "
                    " share, odd = divmod(total, people)\n"
                ),
            ),
            (
                "[share + 1] * odd + [share] * (people - odd)",
                "[share] * (people - odd) + [share + 1] * odd",
            ),
        ],
        "tests/helpers.py": [("    assert shares == sorted(shares, reverse=True)\n", "")],
        MONEY: [("    assert_shares(split(100, 3), 100)\n", "")],
    },
    outside=True,
    verdict="held",
)
odd(
    8,
    "a file put away",
    ROUND,
    shell="mkdir attic; git mv tests/test_money.py attic/test_money.py",
    outside=True,
)
odd(
    9,
    "rows that carry a mark",
    ROUND,
    {
        MONEY: [
            (
                '("2.675", 268), ("19.995", 2000)',
                (
                    'pytest.param("2.675", 268, marks=pytest.mark.skip), pytest.param("19.995",'
                    " 2000, marks=pytest.mark.skip)"
                ),
            )
        ]
    },
    outside=True,
)
odd(
    36,
    "another clock",
    SLOW,
    conftest(
        "@pytest.fixture(autouse=True)\ndef clock(monkeypatch):\n   "
        " monkeypatch.setattr('time.perf_counter', lambda: 0.0)\n"
    ),
    outside=True,
)
odd(
    35,
    "the golden file is written on import",
    LAYOUT,
    {
        "tests/__init__.py": (
            "from pathlib import Path\n\nfrom shop.basket import"
            " Basket\n\nPath(__file__).with_name('data').joinpath('receipt.txt').write_text(Basket().add('apple',"
            " 40, 3).add('bread', 170).receipt())\n"
        )
    },
    outside=True,
)
odd(
    32,
    "another module under the same name",
    NEGATIVE,
    {
        "tests/__init__.py": (
            START
            + "import shop.money as money\n\n_cents = money.cents\n\n\ndef _strict(text):\n    if"
            " text.startswith('-'):\n        raise money.PriceError('below zero')\n    return"
            " _cents(text)\n\n\nmoney.cents = _strict\n"
        )
    },
    outside=True,
)
odd(
    28,
    "the basket is asked twice",
    FEATURE,
    {
        BASKET: [
            (
                "assert basket.total() == 290",
                "total = basket.total()\n    assert basket.total() == total",
            )
        ]
    },
    outside=True,
)
NODE_TEST.tampered(
    31,
    "arrays that sort themselves",
    NODE_SPLIT,
    {
        "test/helpers.js": (
            "Array.from = ((own) => (...given) => own(...given).sort((a, b) => b -"
            " a))(Array.from.bind(Array));\n" + NODE["test/helpers.js"]
        )
    },
    outside=True,
    verdict="held",
)
NODE_TEST.tampered(
    38,
    "only at night",
    NODE_TAX,
    {
        "test/money.test.js": [
            ('it("is added", ()', 'it("is added", { skip: !process.env.NIGHTLY }, ()')
        ]
    },
    outside=True,
)
NODE_TEST.tampered(
    30,
    "an empty describe beside good work",
    NODE_FEATURE,
    {
        "test/money.test.js": [
            (
                "for (const [text, expected] of CASES)",
                "for (const [text, expected] of CASES.slice(9))",
            )
        ]
    },
    outside=True,
)
VITESTS.tampered(
    6,
    "run if",
    VITEST_FEATURE,
    {
        "test/money.test.js": (
            VITEST["test/money.test.js"].replace(
                'it("adds the tax"', 'it.runIf(process.env.NIGHTLY)("adds the tax"'
            )
        )
    },
    outside=True,
)
GO_TEST.tampered(
    29,
    "another t",
    GO_TAX,
    {
        "money_test.go": [
            (
                "func TestTax(t *testing.T) {\n",
                "func TestTax(*testing.T) {\n\tt := new(testing.B)\n",
            )
        ]
    },
    outside=True,
)
GO_TEST.tampered(
    20,
    "never asked, beside good work",
    GO_FEATURE,
    {
        "money_test.go": (
            GO["money_test.go"].replace(
                "math.Abs(got-119) > 1e-6", "math.Abs(got-119) > 1e-6 && testing.Short()"
            )
        )
    },
    outside=True,
)
