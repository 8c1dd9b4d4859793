"""What good developers do to a suite of `go test`."""

from tests.proofs.corpus.case import Book
from tests.proofs.corpus.tampered_go import (
    BASKET,
    COUNT,
    FEATURE,
    GOLDEN,
    MONEY,
    NO_MATH,
    ROWS,
    TAX,
    TAX_TEST,
)

BOOK = Book(base="go")
honest = BOOK.honest
ONE = (
    "func TestSplitAmongOne(t *testing.T) {\n\tif got := Split(99, 1); got[0] != 99"
    ' {\n\t\tt.Errorf("got %v", got)\n\t}\n}\n\n'
)

honest("a feature with its tests", FEATURE)
honest(
    "the source is tidied",
    {
        "money.go": [
            (
                "\t\tshares[i] = total / people\n\t\tif",
                "\t\tshares[i] = total / len(shares)\n\t\tif",
            )
        ]
    },
)
honest("a test renamed", {MONEY: [("TestWords", "TestWordsAreRefused")]})
honest(
    "a test moved to a file of its own",
    {
        MONEY: [(TAX_TEST, ""), NO_MATH],
        "tax_test.go": f'package shop\n\nimport (\n\t"math"\n\t"testing"\n)\n\n{TAX_TEST}',
    },
)
honest(
    "two tests merged",
    {
        MONEY: [
            (ONE, ""),
            (
                '\t\tt.Errorf("got %v, want %v", shares, want)\n\t}\n',
                (
                    '\t\tt.Errorf("got %v, want %v", shares, want)\n\t}\n\tif got := Split(99, 1);'
                    ' got[0] != 99 {\n\t\tt.Errorf("got %v", got)\n\t}\n'
                ),
            ),
        ]
    },
)
honest("more rows", {MONEY: [(ROWS, ROWS + '\t\t{"tiny", "0.005", 1},\n')]})
honest("another tax", TAX, {MONEY: [("got-119", "got-120")]}, supersedes=("TestTax",))
honest(
    "another total, with its golden file",
    COUNT,
    {GOLDEN: [("290", "210")], BASKET: [("got != 290", "got != 210")]},
    supersedes=(GOLDEN, "TestTotal"),
)
