"""What tests and checks came to, by test id where a report can be had; reportformats has the
formats."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

# A line for a person: a repository with fifty suites would fill the screen with their names.
MOST_NAMED = 6


class Result(StrEnum):
    """How one test id came out."""

    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"
    ERROR = "error"


WORST_LAST = (Result.PASSED, Result.SKIPPED, Result.FAILED, Result.ERROR)
NOT_GREEN = frozenset({Result.FAILED, Result.ERROR})


class CheckStatus(StrEnum):
    """What one command said. A fault is the environment's: neither red nor green."""

    GREEN = "green"
    RED = "red"
    SKIP = "skip"
    FAULT = "fault"


def merge(pairs: Iterable[tuple[str, Result]]) -> dict[str, Result]:
    """Return one result for each id: the worst, where an id came more than once."""
    ids: dict[str, Result] = {}
    for name, result in pairs:
        ids[name] = max(ids.get(name, result), result, key=WORST_LAST.index)
    return ids


def file_of(name: str) -> str:
    """Return the part of an id that names its file (or its package)."""
    return name.split("::", 1)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a runner wrote: ids, the files it could not load, and whether it came to its end."""

    ids: Mapping[str, Result] = field(default_factory=dict)
    uncollected: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePart:
    """One suite of several: what it came to, and how many ids and files its report told of.

    `absent` says why it was not run at all, `broken` why its report cannot be believed.
    """

    answer: CheckStatus
    summary: str
    told: int = 0
    by_id: bool = True
    broken: str = ""
    absent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """What a run showed beside its results: the tracked test files that differ after it, and the
    ids that passed only when they ran again."""

    rewritten: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """One run of a suite, or of several, which `parts` then names.

    `broken` says why its report cannot be believed; `by_id` is False where only the exit code is
    known; `absent`: the runner itself is not there. `seconds` is how long it took, of several
    suites together.
    """

    answer: CheckStatus
    ids: Mapping[str, Result] = field(default_factory=dict)
    uncollected: tuple[str, ...] = ()
    by_id: bool = True
    broken: str = ""
    tail: str = ""
    absent: bool = False
    noticed: Noticed = field(default_factory=Noticed)
    parts: Mapping[str, SuitePart] = field(default_factory=dict)
    seconds: float = field(default=0.0, compare=False)

    def having(self, *wanted: Result) -> frozenset[str]:
        """Return the ids with one of these results."""
        return frozenset(name for name, result in self.ids.items() if result in wanted)

    @property
    def passed(self) -> frozenset[str]:
        return self.having(Result.PASSED)

    @property
    def failing(self) -> frozenset[str]:
        """Ids that fail, and files that cannot be loaded."""
        return self.having(*NOT_GREEN) | frozenset(self.uncollected)

    @property
    def red(self) -> bool:
        return self.answer is CheckStatus.RED

    @property
    def unsound(self) -> Mapping[str, str]:
        """The suites whose report cannot be believed, with why."""
        return {name: part.broken for name, part in self.parts.items() if part.broken}

    def has_ids(self, suite: str) -> bool:
        """Did this suite's run tell of single tests?"""
        return self.parts[suite].by_id if suite in self.parts else self.by_id

    @property
    def absent_suites(self) -> Mapping[str, str]:
        """The suites that could not be started, with why."""
        return {name: part.absent for name, part in self.parts.items() if part.absent}

    def summary(self) -> str:
        """Return the results in a few words, for a person."""
        if self.answer is CheckStatus.FAULT:
            return "not known"
        if not self.by_id:
            return "pass" if self.answer is CheckStatus.GREEN else "fail"
        skipped = len(self.having(Result.SKIPPED))
        counts = f"{len(self.passed)} pass, {len(self.failing)} fail, {skipped} skipped"
        ran = [name for name, part in self.parts.items() if not part.absent]
        more = f" and {len(ran) - MOST_NAMED} more" if ran[MOST_NAMED:] else ""
        return f"{counts} in {', '.join(ran[:MOST_NAMED])}{more}" if self.parts else counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One executable of checks/, or one gate of the plan."""

    name: str
    answer: CheckStatus
    tail: str = ""
    ids: Mapping[str, Result] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineState:
    """All that is known about one tree: its suite by id and its checks."""

    tests: SuiteResult
    checks: tuple[Check, ...] = ()


def weigh(
    report: Report | None, exit_code: int, tail: str, *, empty: Iterable[int] = ()
) -> SuiteResult:
    """Return the results of a run that ended by itself, once report and exit code are held against
    each other."""
    if report is None and exit_code in empty:
        return SuiteResult(answer=CheckStatus.GREEN, tail=tail)
    if report is None or not report.whole:
        problem = "no report was written" if report is None else "the report breaks off"
        return SuiteResult(
            answer=CheckStatus.RED,
            ids=report.ids if report else {},
            broken=f"{problem} (exit code {exit_code})",
            tail=tail,
        )
    results = SuiteResult(
        answer=CheckStatus.RED, ids=report.ids, uncollected=report.uncollected, tail=tail
    )
    is_fine = exit_code == 0 or (exit_code in empty and not results.passed)
    # Code under test runs in the runner's own process: it can end it with any code it likes, and
    # can write to the report. Only where both say the same is either believed.
    if is_fine == bool(results.failing):
        return replace(results, broken=contradiction(exit_code, is_fine=is_fine))
    return replace(results, answer=CheckStatus.GREEN if is_fine else CheckStatus.RED)


def contradiction(exit_code: int, *, is_fine: bool) -> str:
    """Return how report and exit code contradict each other, in words."""
    failed = "tests" if is_fine else "no test"
    return f"{failed} failed, yet the exit code is {exit_code}"


def passing(found: SuiteResult, names: frozenset[str]) -> SuiteResult:
    """Return the results with these ids passed after all."""
    better = replace(found, ids={**found.ids, **dict.fromkeys(names, Result.PASSED)})
    green = bool(names) and not better.failing and not better.broken
    return replace(better, answer=CheckStatus.GREEN) if green else better


def dump(value: SuiteResult | tuple[Check, ...]) -> str:
    """JSON that one of the two functions below reads again."""
    return json.dumps(
        [asdict(check) for check in value] if isinstance(value, tuple) else asdict(value),
        separators=(",", ":"),
    )


def results_from(text: str) -> SuiteResult:
    """Raises ValueError, KeyError or TypeError for anything that `dump` did not write."""
    data = json.loads(text)
    noticed = {key: tuple(names) for key, names in data["noticed"].items()}
    parts = {
        name: SuitePart(**{**part, "answer": CheckStatus(part["answer"])})
        for name, part in data.get("parts", {}).items()
    }
    return SuiteResult(
        **{
            **data,
            "uncollected": tuple(data["uncollected"]),
            "noticed": Noticed(**noticed),
            "answer": CheckStatus(data["answer"]),
            "ids": _ids(data["ids"]),
            "parts": parts,
        }
    )


def checks_from(text: str) -> tuple[Check, ...]:
    """Raises as above."""
    return tuple(
        Check(**{**data, "answer": CheckStatus(data["answer"]), "ids": _ids(data["ids"])})
        for data in json.loads(text)
    )


def _ids(data: Mapping[str, str]) -> dict[str, Result]:
    return {name: Result(value) for name, value in data.items()}


# The error is at the end of what a command prints; more than a screen of it is not read.
LAST_LINES = 20


# The function of an id: pytest puts the case in brackets, Go behind a slash. A folder before the
# first `::` is no function, so at least one `::` has to come first.
FUNCTION = re.compile(r"(.*?::(?:\w+::)*\w+)[\[/]")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """The answer of a verify command, the end of its output, and its duration in seconds.

    `read` are the files of the repository that it read, None where that is not known. `carried`:
    the answer is from an earlier tree, and no change since then could reach it.
    """

    answer: CheckStatus
    tail: str = ""
    read: frozenset[str] | None = None
    seconds: float = 0.0
    carried: bool = False


def last_lines(text: str) -> tuple[str, ...]:
    """Return the end of what a command printed."""
    return tuple(text.strip("\n").splitlines()[-LAST_LINES:])


def function_of(name: str) -> str:
    """Return the id without its case: of `file::test[case]` and Go's `package::Test/case`."""
    match = FUNCTION.match(name)
    return match[1] if match else name


def dump_said(known: Mapping[str, VerifyResult]) -> str:
    """JSON that `said_from` reads again."""
    return json.dumps(
        {
            name: {
                "answer": said.answer,
                "tail": said.tail,
                "seconds": said.seconds,
                "carried": said.carried,
                "read": sorted(said.read) if said.read else None,
            }
            for name, said in known.items()
        },
        separators=(",", ":"),
    )


def said_from(text: str) -> dict[str, VerifyResult]:
    """Raises ValueError, KeyError or TypeError for anything that `dump_said` did not write."""
    return {
        name: VerifyResult(
            answer=CheckStatus(item["answer"]),
            tail=item["tail"],
            seconds=item["seconds"],
            carried=item["carried"],
            read=None if item["read"] is None else frozenset(item["read"]),
        )
        for name, item in json.loads(text).items()
    }
