"""What tests and checks came to, by test id where a report can be had, and how the reports of the runners are read."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from xml.etree import ElementTree as ET

MOST_BYTES = 64_000_000


class Result(StrEnum):
    """How one test id came out."""

    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"
    ERROR = "error"


WORST_LAST = (Result.PASSED, Result.SKIPPED, Result.FAILED, Result.ERROR)
NOT_GREEN = frozenset({Result.FAILED, Result.ERROR})


class Answer(StrEnum):
    """What one command said. A fault is the environment's: neither red nor green."""

    GREEN = "green"
    RED = "red"
    SKIP = "skip"
    FAULT = "fault"


def merge(pairs: Iterable[tuple[str, Result]]) -> dict[str, Result]:
    """One result for each id: the worst, where an id came more than once."""
    ids: dict[str, Result] = {}
    for name, result in pairs:
        ids[name] = max(ids.get(name, result), result, key=WORST_LAST.index)
    return ids


def file_of(name: str) -> str:
    """The part of an id that names its file (or its package)."""
    return name.split("::", 1)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a runner wrote: ids, the files it could not load, and whether it came to its end."""

    ids: Mapping[str, Result] = field(default_factory=dict)
    uncollected: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One suite of several: what it came to, and how many ids and files its report told of.

    `absent` says why it was not run at all, `broken` why its report cannot be believed.
    """

    answer: Answer
    summary: str
    told: int = 0
    by_id: bool = True
    broken: str = ""
    absent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run of a suite, or of several, which `parts` then names.

    `broken` says why its report cannot be believed; `by_id` is False where only the exit code is known; `absent`: the runner itself is
    not there; `rewritten` are the tracked test files that differ after the run.
    """

    answer: Answer
    ids: Mapping[str, Result] = field(default_factory=dict)
    uncollected: tuple[str, ...] = ()
    by_id: bool = True
    broken: str = ""
    tail: str = ""
    absent: bool = False
    rewritten: tuple[str, ...] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)

    def having(self, *wanted: Result) -> frozenset[str]:
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
        return self.answer is Answer.RED

    @property
    def unsound(self) -> Mapping[str, str]:
        """The suites whose report cannot be believed, with why."""
        return {name: part.broken for name, part in self.parts.items() if part.broken}

    @property
    def absent_suites(self) -> Mapping[str, str]:
        """The suites that could not be started, with why."""
        return {name: part.absent for name, part in self.parts.items() if part.absent}

    def summary(self) -> str:
        if self.answer is Answer.FAULT:
            return "not known"
        if not self.by_id:
            return "pass" if self.answer is Answer.GREEN else "fail"
        skipped = len(self.having(Result.SKIPPED))
        return f"{len(self.passed)} pass, {len(self.failing)} fail, {skipped} skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One executable of checks/, or one gate of the plan."""

    name: str
    answer: Answer
    tail: str = ""
    ids: Mapping[str, Result] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that is known about one tree: its suite by id and its checks."""

    tests: Results
    checks: tuple[Check, ...] = ()


def weigh(report: Report | None, exit_code: int, tail: str, *, empty: Iterable[int] = ()) -> Results:
    """The results of a run that ended by itself, once report and exit code are held against each other."""
    if report is None and exit_code in empty:
        return Results(answer=Answer.GREEN, tail=tail)
    if report is None or not report.whole:
        said = "no report was written" if report is None else "the report breaks off"
        return Results(answer=Answer.RED, ids=report.ids if report else {}, broken=f"{said} (exit code {exit_code})", tail=tail)
    known = Results(answer=Answer.RED, ids=report.ids, uncollected=report.uncollected, tail=tail)
    fine = exit_code == 0 or (exit_code in empty and not known.passed)
    if fine == bool(known.failing):
        return replace(known, broken=f"{'tests' if fine else 'no test'} failed, yet the exit code is {exit_code}")
    return replace(known, answer=Answer.GREEN if fine else Answer.RED)


def passing(found: Results, names: frozenset[str]) -> Results:
    """The results with these ids passed after all."""
    better = replace(found, ids={**found.ids, **dict.fromkeys(names, Result.PASSED)})
    green = bool(names) and not better.failing and not better.broken
    return replace(better, answer=Answer.GREEN) if green else better


def read_report(kind: str, data: bytes, root: str) -> Report | None:
    """The report in its runner's own format, None where it is not one; `root` is the folder that its absolute paths begin with."""
    if not data.strip() or len(data) > MOST_BYTES:
        return None
    try:
        match kind:
            case "junit":
                return Report(ids=merge(_junit(data)))
            case "jest":
                return _jest(data, root.rstrip("/") + "/")
            case "go":
                return _go(data)
            case "cargo":
                return _cargo(data.decode("utf-8", "replace"))
            case "tap":
                return Report(ids=merge(_tap(data.decode("utf-8", "replace"), root)))
        return _lines(data)
    except (ValueError, KeyError, TypeError, AttributeError, SyntaxError):  # a torn XML file is a SyntaxError
        return None


def _lines(data: bytes) -> Report:
    """One JSON object a line, from the runner scripts shipped with the package: {id, result} · {uncollected} · {end}."""
    items = [json.loads(line) for line in data.splitlines() if line.strip()]
    return Report(
        ids=merge((item["id"], Result(item["result"])) for item in items if "id" in item),
        uncollected=tuple(dict.fromkeys(item["uncollected"] for item in items if "uncollected" in item)),
        whole=any("end" in item for item in items),
    )


JUNIT_TAGS = {"error": Result.ERROR, "failure": Result.FAILED, "skipped": Result.SKIPPED}


class _Plain(ET.TreeBuilder):
    """Builds no tree of a document that brings a document type, for its entities may grow without end."""

    def doctype(self, name: str, _public: str | None, _system: str | None) -> None:
        raise ValueError(f"a report with a document type is not read: {name}")


def _junit(data: bytes) -> Iterator[tuple[str, Result]]:
    parser = ET.XMLParser(target=_Plain())  # noqa: S314  # entities are only there in a document type, which is refused
    root = ET.fromstring(data, parser)  # noqa: S314  # as above
    if root.tag not in {"testsuites", "testsuite"}:
        raise ValueError(f"not a JUnit report: {root.tag}")
    for case in root.iter("testcase"):
        where = case.get("file") or case.get("classname") or ""
        result = next((result for tag, result in JUNIT_TAGS.items() if case.find(tag) is not None), Result.PASSED)
        yield "::".join(part for part in (where, case.get("name") or "") if part), result


def _jest(data: bytes, root: str) -> Report:
    """The JSON of jest, which vitest writes too."""
    words = {"passed": Result.PASSED, "failed": Result.FAILED}
    ids, uncollected = [], []
    for suite in json.loads(data)["testResults"]:
        file = suite["name"].removeprefix(root)
        cases = suite["assertionResults"]
        if suite["status"] == "failed" and not any(case["status"] == "failed" for case in cases):
            uncollected.append(file)
        for case in cases:
            title = " > ".join((*case["ancestorTitles"], case["title"]))
            ids.append((f"{file}::{title}", words.get(case["status"], Result.SKIPPED)))
    return Report(ids=merge(ids), uncollected=tuple(uncollected))


def _go(data: bytes) -> Report:
    """`go test -json`: one event a line; lines that are not JSON are the compiler's."""
    words = {"pass": Result.PASSED, "fail": Result.FAILED, "skip": Result.SKIPPED}
    ids, failed, ran = [], [], set()
    for line in data.splitlines():
        event = json.loads(line) if line.startswith(b"{") else {}
        action, package, test = event.get("Action"), event.get("Package", ""), event.get("Test")
        if test and action in words:
            ids.append((f"{package}::{test}", words[action]))
            ran |= {package} if action == "fail" else set()
        elif action == "fail":
            failed.append(package)
    return Report(ids=merge(ids), uncollected=tuple(p for p in dict.fromkeys(failed) if p and p not in ran))


CARGO_BINARY = re.compile(r"^\s*(?:Running (?:unittests )?|Doc-tests )(\S+)")
CARGO_TEST = re.compile(r"^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)")


def _cargo(text: str) -> Report | None:
    """The text of `cargo test`; where nothing compiled there is not one result line."""
    words = {"ok": Result.PASSED, "FAILED": Result.FAILED, "ignored": Result.SKIPPED}
    ids, binary, ended = [], "", False
    for line in text.splitlines():
        if found := CARGO_BINARY.match(line):
            binary = found[1]
        elif found := CARGO_TEST.match(line):
            ids.append((f"{binary}::{found[1]}", words[found[2]]))
        ended = ended or line.startswith("test result:")
    return Report(ids=merge(ids)) if ended else None


TAP = re.compile(
    r"( *)(?:(not )?ok\b(?:\s+\d+)?(?:\s*-)?\s*(.*?)(?:\s+#\s*(skip|todo)\b.*)?|# Subtest: (.*)|1\.\.(\d+).*|(Bail out!).*)", re.IGNORECASE
)


def _tap(text: str, root: str) -> Iterator[tuple[str, Result]]:
    """The Test Anything Protocol: results by their titles, those of subtests below their own. What breaks off is no report."""
    above: dict[int, str] = {}
    planned, seen = -1, 0
    for found in filter(None, map(TAP.fullmatch, text.splitlines())):
        spaces, bad, title, aside, subtest, plan, bail = found.groups()
        depth = len(spaces)
        if bail:
            raise ValueError("the run bailed out")
        if subtest is not None:
            above = {at: name for at, name in above.items() if at < depth} | {depth: subtest}
        elif plan:
            planned = int(plan) if not depth else planned
        else:
            seen += not depth
            outer = [name for at, name in sorted(above.items()) if at < depth]
            yield "::".join((root, *outer, title or str(seen))), Result.SKIPPED if aside else Result.FAILED if bad else Result.PASSED
    if planned != seen:
        raise ValueError(f"{planned} results were promised, and {seen} came")


def dump(value: Results | tuple[Check, ...]) -> str:
    """JSON that one of the two functions below reads again."""
    return json.dumps([asdict(check) for check in value] if isinstance(value, tuple) else asdict(value), separators=(",", ":"))


def results_from(text: str) -> Results:
    """Raises ValueError, KeyError or TypeError for anything that `dump` did not write."""
    data = json.loads(text)
    lists = {key: tuple(data[key]) for key in ("uncollected", "rewritten")}
    parts = {name: Part(**{**part, "answer": Answer(part["answer"])}) for name, part in data.get("parts", {}).items()}
    return Results(**{**data, **lists, "answer": Answer(data["answer"]), "ids": _ids(data["ids"]), "parts": parts})


def checks_from(text: str) -> tuple[Check, ...]:
    """Raises as above."""
    return tuple(Check(**{**data, "answer": Answer(data["answer"]), "ids": _ids(data["ids"])}) for data in json.loads(text))


def _ids(data: Mapping[str, str]) -> dict[str, Result]:
    return {name: Result(value) for name, value in data.items()}
