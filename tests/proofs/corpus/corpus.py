"""All cases of the corpus.

A few of each kind are tried each time; NIGHTLATCH_FULL=1 tries them all, which takes half an hour.
"""

from zlib import crc32

from tests.proofs.corpus import (
    honest_go,
    honest_node,
    honest_pytest,
    honest_vitest,
    outside,
    tampered_go,
    tampered_node,
    tampered_pytest,
    tampered_vitest,
)
from tests.proofs.corpus.case import Case

BOOKS = (
    tampered_pytest.BOOK,
    tampered_node.BOOK,
    tampered_vitest.BOOK,
    tampered_go.BOOK,
    *outside.BOOKS,
    honest_pytest.BOOK,
    honest_node.BOOK,
    honest_vitest.BOOK,
    honest_go.BOOK,
)
CASES: tuple[Case, ...] = tuple(case for book in BOOKS for case in book.cases)
TAMPERED = tuple(case for case in CASES if case.kind and not case.outside)
OUTSIDE = tuple(case for case in CASES if case.outside)
HONEST = tuple(case for case in CASES if not case.kind)
FEW = {("py", True): 10, ("py", False): 4, ("vitest", False): 1}


def few(base: str, tampered: bool) -> list[Case]:
    """Some of the cases, always the same ones, and of every fourth first."""
    marks = {
        crc32(f"{case.base} {case.name}".encode()): case
        for case in CASES
        if (case.base, bool(case.kind)) == (base, tampered)
    }
    return [marks[mark] for mark in sorted(marks, key=lambda mark: (mark % 4, -mark))][
        : FEW.get((base, tampered), 4 if tampered else 2)
    ]


SHORT = tuple(
    case
    for base in ("py", "node", "vitest", "go")
    for tampered in (True, False)
    for case in few(base, tampered)
)
