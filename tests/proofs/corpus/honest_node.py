"""What good developers do to a suite of node's own runner."""

from tests.proofs.corpus.bases import NODE
from tests.proofs.corpus.case import Book
from tests.proofs.corpus.tampered_node import BASKET, FEATURE, HELPERS, MONEY, SPLIT_LINES, TAX_TEST

BOOK = Book(base="node")
honest = BOOK.honest
WORDS = (
    '  it("refuses words", () => {\n    assert.throws(() => cents("free"), PriceError);\n  });\n'
)
ZERO = (
    '  it("refuses a price below zero", () => {\n    assert.throws(() => cents("-1"), { name:'
    ' "RangeError", message: /below zero/ });\n  });\n\n'
)

honest("a feature with its tests", FEATURE)
honest(
    "the source is tidied",
    {"src/money.js": [("const odd = total % people;", "const odd = total - share * people;")]},
)
honest(
    "a test renamed",
    {MONEY: [("refuses words", "takes no words"), ("works for one", "gives all to one")]},
)
honest(
    "a test moved to a file of its own",
    {
        MONEY: [(f"\n{TAX_TEST}", ""), (", split, withTax", ", split")],
        "test/tax.test.js": (
            'import assert from "node:assert/strict";\nimport { describe, it } from'
            f' "node:test";\nimport {{ withTax }} from "../src/money.js";\n\n{TAX_TEST}'
        ),
    },
)
honest(
    "two tests merged",
    {
        MONEY: [
            (
                ZERO + WORDS,
                ZERO.replace("a price below zero", "odd prices").replace(
                    "  });\n\n", '    assert.throws(() => cents("free"), PriceError);\n  });\n'
                ),
            )
        ]
    },
)
honest(
    "a helper that says more",
    {HELPERS: [("(...shares) <= 1)", "(...shares) <= 1, `unfair: ${shares}`)")]},
)
honest(
    "a test split in two",
    {
        MONEY: [
            (
                f'  it("gives the odd cents to the first", () => {{\n{SPLIT_LINES}  }});\n',
                (
                    '  it("adds up", () => {\n    assertShares(split(100, 3), 100);\n  });\n\n '
                    ' it("gives the odd cents to the first", () => {\n   '
                    " assert.deepEqual(split(100, 3), [34, 33, 33]);\n  });\n"
                ),
            )
        ]
    },
)
honest(
    "another style",
    {BASKET: NODE["test/basket.test.js"].replace('"', "'").replace("  assert", "    assert")},
)
honest(
    "a dependency more",
    FEATURE,
    {
        "package.json": [
            (
                '"type": "module",',
                '"type": "module",\n  "dependencies": {\n    "nanoid": "^5"\n  },',
            )
        ]
    },
)
honest(
    "another tax",
    {"src/money.js": [("0.19", "0.21")], MONEY: [("- 119)", "- 121)")]},
    supersedes=("test/money.test.js::tax::is added",),
)
honest("a sharper assertion", {MONEY: [("< 1e-6", "< 1e-9")]})
