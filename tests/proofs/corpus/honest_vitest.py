"""What good developers do to a vitest suite."""

from tests.proofs.corpus.bases import SNAPSHOT, VITEST_BASKET, VITEST_MONEY
from tests.proofs.corpus.case import Book
from tests.proofs.corpus.tampered_vitest import (
    BASKET,
    CONFIG,
    FEATURE,
    INCLUDE,
    LAYOUT,
    MONEY,
    SNAP,
    SPLIT_LINE,
    TAX_LINE,
)

BOOK = Book(base="vitest")
honest = BOOK.honest
TAX_TEST = f'it("adds the tax", () => {{\n{TAX_LINE}}});\n'

honest("a feature with its tests", FEATURE)
honest("a test renamed", {MONEY: [("refuses words", "takes no words")]})
honest(
    "a test moved to a file of its own",
    {
        MONEY: [(f"\n{TAX_TEST}", ""), (", split, withTax", ", split")],
        "test/tax.test.js": (
            'import { expect, it } from "vitest";\nimport { withTax } from'
            f' "../src/money.js";\n\n{TAX_TEST}'
        ),
    },
)
honest(
    "rows turned into tests",
    {
        MONEY: [
            (
                (
                    '  it.each([["0", 0], ["1.25", 125], ["2.675", 268], ["19.995", 2000]])("reads'
                    ' %s", (text, expected) => {\n    expect(cents(text)).toBe(expected);\n  });\n'
                ),
                (
                    '  it("reads whole cents", () => {\n    expect(cents("0")).toBe(0);\n   '
                    ' expect(cents("1.25")).toBe(125);\n  });\n\n  it("rounds half a cent up", ()'
                    ' => {\n    expect(cents("2.675")).toBe(268);\n   '
                    ' expect(cents("19.995")).toBe(2000);\n  });\n'
                ),
            )
        ]
    },
)
honest(
    "a snapshot that the feature names",
    LAYOUT,
    {SNAP: [("apple          120\nbread          170", "apple         120\nbread         170")]},
    supersedes=(SNAP,),
)
honest(
    "coverage is configured",
    FEATURE,
    {CONFIG: [(INCLUDE, INCLUDE.replace(" }", ', coverage: { reporter: ["text"] } }'))]},
)
honest(
    "a sharper assertion",
    {
        MONEY: [
            ("toBeCloseTo(119, 6)", "toBeCloseTo(119, 8)"),
            (SPLIT_LINE, SPLIT_LINE + "    expect(split(7, 7)).toEqual([1, 1, 1, 1, 1, 1, 1]);\n"),
        ],
        BASKET: [("const made = () =>", "/** Two things. */\nconst made = () =>")],
    },
)
honest(
    "a test turned into a table",
    {
        MONEY: [
            (
                f'it("adds the tax", () => {{\n{TAX_LINE}}});\n',
                (
                    'it.each([[100, 119], [0, 0]])("adds the tax to %d", (net, gross) => {\n '
                    " expect(withTax(net)).toBeCloseTo(gross, 6);\n});\n"
                ),
            )
        ]
    },
)
honest("a test file renamed", {MONEY: None, "test/cents.test.js": VITEST_MONEY})
honest(
    "a test file renamed with its snapshots",
    {
        BASKET: None,
        SNAP: None,
        "test/till.test.js": VITEST_BASKET,
        "test/__snapshots__/till.test.js.snap": SNAPSHOT,
    },
)
honest(
    "a snapshot folder moved along with its test",
    {
        BASKET: None,
        SNAP: None,
        "test/till/basket.test.js": VITEST_BASKET.replace("../src", "../../src"),
        "test/till/__snapshots__/basket.test.js.snap": SNAPSHOT,
    },
)
honest(
    "a test with a snapshot renamed, and its snapshot with it",
    {
        BASKET: [('test("the receipt"', 'test("a receipt"')],
        SNAP: [("the receipt 1", "a receipt 1")],
    },
)
