"""All cases of the corpus. Every fourth is tried each time; NIGHTLATCH_FULL=1 tries them all, which takes half an hour."""

from zlib import crc32

from tests.ratchet import (
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
from tests.ratchet.case import Case

BOOKS = (
    tampered_pytest.BOOK, tampered_node.BOOK, tampered_vitest.BOOK, tampered_go.BOOK, *outside.BOOKS,
    honest_pytest.BOOK, honest_node.BOOK, honest_vitest.BOOK, honest_go.BOOK,
)  # fmt: skip
CASES: tuple[Case, ...] = tuple(case for book in BOOKS for case in book.cases)
TAMPERED = tuple(case for case in CASES if case.kind and not case.outside)
OUTSIDE = tuple(case for case in CASES if case.outside)
HONEST = tuple(case for case in CASES if not case.kind)
SHORT = tuple(case for case in CASES if crc32(f"{case.base} {case.name}".encode()) % 4 == 0)
