"""Remember what was found out about trees: in memory for one process, on disk from run to run."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from nightlatch.git.tree_objects import Entry
from nightlatch.suite import results as codec
from nightlatch.suite.evaluation import RunRequest
from nightlatch.suite.results import Check, CheckStatus, SuiteResult
from nightlatch.suite.suites import Suites
from nightlatch.util.fs import make_folder
from nightlatch.util.memo import Memo, Value

# A night asks about some thirty trees, two or three entries each: this keeps the last day or so.
MOST_CACHED = 100
# On a disk with less free bytes than this anything may come out red: nothing of it is kept.
LEAST_FREE = 100_000_000
# A verdict goes back and forth between base, candidate and a few variants of it; a listing of a
# large repository takes megabytes.
MOST_LISTED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeMemory:
    """What is known of trees, for as long as the process runs. Safe to share between threads.

    Keys are ids of trees, which never name anything else, but for `pythons` (what init.sh makes),
    `test_files` (a base) and `stamps` (nothing: forgotten when the settings are read again).
    `keys` are trees without what no test depends on, `ahead` results of runs that are going to be
    asked for.
    """

    keys: Memo[str, str] = field(default_factory=Memo)
    listings: Memo[str, dict[str, Entry]] = field(default_factory=lambda: Memo(MOST_LISTED))
    bytecode: Memo[str, tuple[str, ...]] = field(default_factory=Memo)
    base_only: Memo[str, Callable[[str], bool]] = field(default_factory=Memo)
    test_files: Memo[str, dict[str, Entry]] = field(default_factory=Memo)
    suites: Memo[str, Suites] = field(default_factory=Memo)
    pythons: Memo[str, tuple[str, tuple[str, ...]]] = field(default_factory=Memo)
    stamps: Memo[str, str] = field(default_factory=Memo)
    ahead: Memo[RunRequest, SuiteResult] = field(default_factory=Memo)


@dataclass(frozen=True, slots=True)
class ResultCache:
    """Results in files of a folder, by a name that says all that they depend on.

    A file holds until MOST_CACHED newer ones push it out. Safe to share between threads and
    processes: whoever writes the same name writes the same text, and a torn file, which cannot be
    read, only costs another run.
    """

    folder: Path

    def recall(self, name: str, read: Callable[[str], Value]) -> Value | None:
        """Return what was found out before; a file that cannot be read is as good as none."""
        try:
            return read((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, name: str, value: SuiteResult | tuple[Check, ...]) -> None:
        """Keep what is known for certain; a fault says nothing about the tree."""
        answers = [check.answer for check in value] if isinstance(value, tuple) else [value.answer]
        if CheckStatus.FAULT not in answers:
            self.write(name, codec.dump(value))

    def write(self, name: str, text: str) -> None:
        """Keep a text by this name, where the disk has room for it."""
        make_folder(self.folder)
        if shutil.disk_usage(self.folder).free < LEAST_FREE:
            return
        oldest_first = sorted(self.folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for file in oldest_first[: max(len(oldest_first) - MOST_CACHED, 0)]:
            file.unlink(missing_ok=True)
            # What checks left beside their answers goes with them.
            shutil.rmtree(file.with_suffix(""), ignore_errors=True)
        (self.folder / f"{name}.json").write_bytes(text.encode("utf-8", "surrogatepass"))


def digest(*parts: str) -> str:
    """Return a short name for texts, for file names: equal texts, equal names."""
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]
