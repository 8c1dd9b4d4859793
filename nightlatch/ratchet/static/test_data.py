"""Files that tests compare with, or read what they ask from: golden files, snapshots, tables of
cases.

Where a run gives ids, the base's own files are put back beside the new code. Where none does, what
such a file said has to stay in it.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.mutation.expectations import KEPT
from nightlatch.suite.results import file_of
from nightlatch.suite.runner_detection import supersedes

FOLDER = re.compile(
    r"(?:^|.*?/)(?:tests?|specs?|__tests__|t|testdata|test[-_]data|fixtures|__fixtures__"
    r"|goldens?|__snapshots__|snapshots?|approved|expected)/"
)
DATA = re.compile(
    r"\.(?:json[5cl]?|ya?ml|csv|tsv|xml|html?|txt|golden|snap|out|expected|sql|toml|ini|dat"
    r"|tap|svg|md)$"
)
# Settings and locks lie among tests, and no test compares with them.
SETTINGS = re.compile(
    (
        r"^(?:package|tsconfig|jsconfig|\.?\w+rc)\b|\.config\.|^(?:README|CMakeLists|requirements"
        r"|pyproject|setup)\b|lock\b"
    ),
    re.IGNORECASE,
)
MOST_SHOWN = 80


def changed(texts: Sequence[Text], names: Sequence[str], ids: Iterable[str]) -> Iterator[str]:
    """Yield a detail for each such file of the base that says something else now, where no suite
    with ids lies beside it."""
    covers = _beside(ids)
    # A file that only moved says what it said.
    there = {text.new for text in texts if text.new is not None and text.old != text.new}
    for text in texts:
        if (
            not text.old
            or text.old in there
            or not is_data(text.path)
            or covers(text.path)
            or supersedes(names, text.path)
        ):
            continue
        lost = _lines(text.old) - _lines(text.new or "")
        if lost:
            yield f"{text.path}: {next(iter(lost))[:MOST_SHOWN]} is not in it any more"


def is_data(path: str) -> bool:
    """Is this a file that tests compare with or read, by where it lies and what it is called?"""
    name = posixpath.basename(path)
    named = KEPT.search(path) is not None or (
        FOLDER.match(path) is not None and DATA.search(name) is not None
    )
    return named and not SETTINGS.search(name)


def _lines(text: str) -> Counter[str]:
    """Return the lines of a file; a comma behind one says nothing."""
    return Counter(
        line for line in (line.strip().rstrip(",") for line in text.splitlines()) if line
    )


def _beside(ids: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that says whether tests whose ids a run gives lie in the folder of which
    a file is part."""
    files = {f"/{file_of(name)}" for name in ids}

    def covers(path: str) -> bool:
        found = FOLDER.match(path)
        folder = posixpath.dirname((found[0] if found else path).rstrip("/"))
        return any(
            not folder or file.startswith(f"/{folder}/") or file.endswith(f"/{folder}")
            for file in files
        )

    return covers
