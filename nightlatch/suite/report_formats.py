"""How the reports of the runners are read, each in its own format."""

import json
import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from nightlatch.suite.results import Report, Result, merge

# A report comes from code that nobody vouches for, and reading it takes many times its size.
MOST_BYTES = 64_000_000


def read_report(kind: str, data: bytes, root: str) -> Report | None:
    """Return the report in its runner's own format, None where it is not one; `root` is the folder
    that its absolute paths begin with."""
    if not data.strip() or len(data) > MOST_BYTES:
        return None
    try:
        match kind:
            case "junit":
                return Report(ids=merge(_junit(data, f"{root.rstrip('/')}/")))
            case "mocha":
                return _mocha(data, f"{root.rstrip('/')}/")
            case "rspec":
                return _rspec(data)
            case "trx":
                return Report(ids=merge(_trx(data)))
            case "minitest":
                return Report(ids=merge(_minitest(data.decode("utf-8", "replace"))))
            case "exunit":
                return Report(ids=merge(_exunit(data.decode("utf-8", "replace"))))
            case "jest":
                return _jest(data, root.rstrip("/") + "/")
            case "go":
                return _go(data)
            case "cargo":
                return _cargo(data.decode("utf-8", "replace"), root)
            case "tap":
                return Report(ids=merge(_tap(data.decode("utf-8", "replace"), root)))
        return _lines(data)
    except (ValueError, KeyError, TypeError, AttributeError, SyntaxError):
        # a torn XML file is a SyntaxError
        return None


def _lines(data: bytes) -> Report:
    """Return one JSON object a line, from the runner scripts shipped with the package: {id, result}
    · {uncollected} · {end}."""
    items = [json.loads(line) for line in data.splitlines() if line.strip()]
    return Report(
        ids=merge((item["id"], Result(item["result"])) for item in items if "id" in item),
        uncollected=tuple(
            dict.fromkeys(item["uncollected"] for item in items if "uncollected" in item)
        ),
        whole=any("end" in item for item in items),
    )


JUNIT_TAGS = {"error": Result.ERROR, "failure": Result.FAILED, "skipped": Result.SKIPPED}


class _Plain(ET.TreeBuilder):
    """Builds no tree of a document that brings a document type, for its entities may grow
    without end."""

    def doctype(self, name: str, _public: str | None, _system: str | None) -> None:
        raise ValueError(f"a report with a document type is not read: {name}")


def _tree(data: bytes) -> ET.Element:
    """Return the document of a report in XML."""
    parser = ET.XMLParser(target=_Plain())  # noqa: S314  # entities are only there in a document type, which is refused
    return ET.fromstring(data, parser)  # noqa: S314  # as above


def _junit(data: bytes, root: str) -> Iterator[tuple[str, Result]]:
    """JUnit XML: the file where it is told, and the class where the file does not say it; else
    the class."""
    tree = _tree(data)
    if tree.tag not in {"testsuites", "testsuite"}:
        raise ValueError(f"not a JUnit report: {tree.tag}")
    for case in tree.iter("testcase"):
        file = (case.get("file") or "").removeprefix(root)
        owner = (case.get("classname") or "").removeprefix("./")
        owner = "" if owner == case.get("name") else owner
        parts = (file or owner, _class(file, owner), case.get("name") or "")
        yield "::".join(filter(None, parts)), _junit_result(case)


def _junit_result(case: ET.Element) -> Result:
    """Return the result of a test case, which has an element for everything but passing."""
    # CTest and googletest say in an attribute alone that a test did not run
    if case.get("status") in {"notrun", "disabled"}:
        return Result.SKIPPED
    results = (result for tag, result in JUNIT_TAGS.items() if case.find(tag) is not None)
    return next(results, Result.PASSED)


def _class(file: str, owner: str) -> str:
    """Return the class of a test, where it says more than its file does."""
    stem = file.rpartition(".")[0]
    dotted = stem.replace("/", ".")
    # A Java class is called like its file: saying it once is enough.
    is_named_alike = owner.rpartition(".")[2] == stem.rpartition("/")[2]
    if not file or owner in {file, dotted} or is_named_alike:
        return ""
    return owner.removeprefix(f"{dotted}.")


def _mocha(data: bytes, root: str) -> Report:
    """mocha's JSON, from its first brace on: whoever prints may do so before it."""
    report = json.loads(data[data.index(b"{") :])
    results = dict.fromkeys((_mocha_id(test, root) for test in report["pending"]), Result.SKIPPED)
    results |= dict.fromkeys((_mocha_id(test, root) for test in report["failures"]), Result.FAILED)
    # A hook that fails is among the failures, and no test.
    names = [_mocha_id(test, root) for test in (*report["tests"], *report["failures"])]
    ids = merge((name, results.get(name, Result.PASSED)) for name in names)
    return Report(ids=ids, whole="stats" in report)


def _mocha_id(test: Mapping[str, str], root: str) -> str:
    return f"{(test.get('file') or '').removeprefix(root)}::{test['fullTitle']}"


def _rspec(data: bytes) -> Report:
    """RSpec's JSON."""
    report = json.loads(data)
    words = {"passed": Result.PASSED, "failed": Result.FAILED}
    named = (
        (f"{test['file_path'].removeprefix('./')}::{test['full_description']}", test["status"])
        for test in report["examples"]
    )
    ids = [(name, words.get(status, Result.SKIPPED)) for name, status in named]
    outside = report.get("summary", {}).get("errors_outside_of_examples_count", 0)
    return Report(ids=merge(ids), uncollected=("files that cannot be loaded",) if outside else ())


def _trx(data: bytes) -> Iterator[tuple[str, Result]]:
    """Yield the report of .NET's own test host: a test's class is told beside its result, by the id
    of both."""
    tree = _tree(data)
    space = tree.tag.partition("}")[0] + "}" if tree.tag.startswith("{") else ""
    owners = {
        test.get("id"): method.get("className", "").partition(",")[0]
        for test in tree.iter(f"{space}UnitTest")
        for method in test.iter(f"{space}TestMethod")
    }
    words = {
        "Passed": Result.PASSED,
        "NotExecuted": Result.SKIPPED,
        "Inconclusive": Result.SKIPPED,
        "Pending": Result.SKIPPED,
    }
    for test in tree.iter(f"{space}UnitTestResult"):
        owner = owners.get(test.get("testId"), "")
        name = test.get("testName", "").removeprefix(f"{owner}.")
        # An outcome that is not known, such as Timeout or Aborted, is no success.
        result = words.get(test.get("outcome", ""), Result.FAILED)
        yield "::".join(filter(None, (owner, name))), result


MINITEST = re.compile(r"^(\S+)#(test_.*?) = \d+\.\d+ s = ([.SFE])$", re.MULTILINE)
MINITEST_END = re.compile(r"^\d+ (?:runs|tests), \d+ assertions", re.MULTILINE)


def _minitest(text: str) -> Iterator[tuple[str, Result]]:
    """minitest's verbose text; without its closing line it broke off."""
    words = {".": Result.PASSED, "S": Result.SKIPPED, "F": Result.FAILED, "E": Result.ERROR}
    if not MINITEST_END.search(text):
        raise ValueError("the run did not finish")
    yield from ((f"{owner}::{name}", words[sign]) for owner, name, sign in MINITEST.findall(text))


EXUNIT_FILE = re.compile(r"^(\S+) \[(.+?\.exs)\]$")
EXUNIT_TEST = re.compile(
    r"^\s*\* (?:test |doctest |property )?(.*?) \((?:(\d[\d.]*ms)|(skipped|excluded)[^)]*)\)(?:"
    r" \[L#\d+\])?$"
)
EXUNIT_FAILED = re.compile(r"^\s*\d+\) (?:test |doctest |property )?(.*) \((\S+)\)$", re.MULTILINE)


def _exunit(text: str) -> Iterator[tuple[str, Result]]:
    """Yield the text of `mix test --trace`: each test below its module, what failed told once more
    below."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r", "\n")
    if (
        not re.search(r"^\d+ (?:tests?|doctests?|propert\w+).*\d+ failures?", plain, re.MULTILINE)
        and "no tests to run" not in plain
    ):
        raise ValueError("the run did not finish")
    failed = {(module, name) for name, module in EXUNIT_FAILED.findall(plain)}
    module = file = ""
    for line in plain.splitlines():
        if found := EXUNIT_FILE.match(line):
            module, file = found[1], found[2]
        elif found := EXUNIT_TEST.match(line):
            result = (
                Result.SKIPPED
                if found[3]
                else Result.FAILED
                if (module, found[1]) in failed
                else Result.PASSED
            )
            yield f"{file}::{module}::{found[1]}", result


def _jest(data: bytes, root: str) -> Report:
    """Return the JSON of jest, which vitest writes too."""
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
    return Report(
        ids=merge(ids), uncollected=tuple(p for p in dict.fromkeys(failed) if p and p not in ran)
    )


CARGO_BINARY = re.compile(
    r"^\s*(?:Running (?:unittests )?|(Doc-tests) )(\S+)(?: \((?:.*/)?(\S+)\))?"
)
CARGO_TEST = re.compile(r"^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)")


def _crates(text: str, root: str) -> dict[str, str]:
    """Return the folder of each program and library of a workspace, as cargo tells of them in JSON:
    two crates may have files of one name."""
    homes: dict[str, str] = {}
    for line in text.splitlines():
        told = json.loads(line) if line.startswith('{"reason":"compiler-artifact"') else {}
        home = str(told.get("manifest_path", "")).removesuffix("/Cargo.toml")
        inside = "" if home == root.rstrip("/") else home.removeprefix(f"{root.rstrip('/')}/")
        if told and home.startswith(root.rstrip("/")):
            homes[told["target"]["name"].replace("-", "_")] = inside
            homes[str(told.get("executable")).rpartition("/")[2]] = inside
    return homes


def _cargo(text: str, root: str) -> Report | None:
    """Return the text of `cargo test`; where nothing compiled there is not one result line."""
    words = {"ok": Result.PASSED, "FAILED": Result.FAILED, "ignored": Result.SKIPPED}
    ids, binary, ended, homes = [], "", False, _crates(text, root)
    for line in text.splitlines():
        if found := CARGO_BINARY.match(line):
            home = homes.get(found[2] if found[1] else found[3] or "", "")
            binary = f"{home}/{found[2]}".removeprefix("/")
        elif found := CARGO_TEST.match(line):
            ids.append((f"{binary}::{found[1]}", words[found[2]]))
        ended = ended or line.startswith("test result:")
    return Report(ids=merge(ids)) if ended else None


TAP = re.compile(
    r"( *)(?:(not )?ok\b(?:\s+\d+)?(?:\s*-)?\s*(.*?)(?:\s+#\s*(skip|todo)\b.*)?|# Subtest:"
    r" (.*)|1\.\.(\d+).*|(Bail out!).*)",
    re.IGNORECASE,
)


def _tap(text: str, root: str) -> Iterator[tuple[str, Result]]:
    """Yield the Test Anything Protocol: results by their titles, those of subtests below their own.

    What breaks off is no report.
    """
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
            yield "::".join((root, *outer, title or str(seen))), _tap_result(bad, aside)
    if planned != seen:
        raise ValueError(f"{planned} results were promised, and {seen} came")


def _tap_result(bad: str | None, aside: str | None) -> Result:
    """Return the result of one line: `not ok` fails, but for what is marked as skip or todo."""
    if aside:
        return Result.SKIPPED
    return Result.FAILED if bad else Result.PASSED
