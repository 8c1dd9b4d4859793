"""What the commits of a branch say: plan, history and findings, each read once."""

from threading import Lock
from typing import NamedTuple, Protocol

from nightlatch.git.repo import Repo
from nightlatch.model.models import Plan
from nightlatch.record.findings.findings import Finding
from nightlatch.record.history import History, replay
from nightlatch.record.progress import parse
from nightlatch.util.memo import Memo

# A session asks about its base and about the tip; of older commits nobody asks again.
MOST_KEPT = 4


class Source(Protocol):
    """Reads one commit of a project."""

    @property
    def repo(self) -> Repo: ...

    def read_plan(self, rev: str) -> Plan | None:
        """Raise PlanError where it cannot be read."""

    def progress_text(self, rev: str) -> str: ...

    def findings(self, rev: str, known: dict[str, Finding]) -> tuple[Finding, ...]: ...


class Progress(NamedTuple):
    """progress.txt of a commit, and what it comes to."""

    text: str
    history: History


class BranchReader:
    """Answer what a commit says, and remember it by the commit's id.

    Safe to share between threads. A name such as HEAD may mean another commit next time: what it
    stands for is found out each time.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._plans = Memo[str, Plan | None](MOST_KEPT)
        self._progress = Memo[str, Progress](MOST_KEPT)
        self._findings = Memo[str, tuple[Finding, ...]](MOST_KEPT)
        self._blobs: dict[str, Finding] = {}
        self._lock = Lock()

    def plan(self, commit: str) -> Plan | None:
        """Return the plan, None where there is none. Raise PlanError where it cannot be read."""
        if not self._source.repo.is_id(commit):
            return self._source.read_plan(commit)
        return self._plans.get(commit, lambda: self._source.read_plan(commit))

    def progress_text(self, commit: str) -> str:
        return self._progress_at(commit).text

    def history(self, commit: str) -> History:
        """Return attempts and outcomes."""
        return self._progress_at(commit).history

    def findings(self, commit: str) -> tuple[Finding, ...]:
        """Return everything that is on record, oldest first."""
        if not self._source.repo.is_id(commit):
            return self._read_findings(commit)
        return self._findings.get(commit, lambda: self._read_findings(commit))

    def _progress_at(self, commit: str) -> Progress:
        if not self._source.repo.is_id(commit):
            return self._read_progress(commit)
        return self._progress.get(commit, lambda: self._read_progress(commit))

    def _read_progress(self, commit: str) -> Progress:
        """Parse what was appended to one that is known; without such a one, all of it."""
        text = self._source.progress_text(commit)
        for _, known in self._progress.newest_first():
            if text == known.text:
                return known
            # The file only grows, so most commits cost as much as their last entry.
            if known.text and text.startswith(known.text):
                return Progress(text, replay(parse(text[len(known.text) :]), known.history))
        return Progress(text, replay(parse(text)))

    def _read_findings(self, commit: str) -> tuple[Finding, ...]:
        # What was read is kept by blob, and two that add to it at once would read the same twice.
        with self._lock:
            return self._source.findings(commit, self._blobs)
