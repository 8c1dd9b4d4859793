"""How far one has to jump to follow a journey through the code: the files and functions that it
enters, and how often control enters another file."""

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryDirectory
from types import CodeType, FrameType

import nightlatch
from nightlatch.cli.demo import environment

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = f"{Path(nightlatch.__file__).parent}{os.sep}"
# What is counted on commit f9297de, before the packages were made, is the measure of today's.
BEFORE = {
    "landed": {"files": 89, "functions": 698, "calls": 9577, "changes": 2629, "pairs": 219},
    "rejected": {"files": 83, "functions": 606, "calls": 5958, "changes": 1580, "pairs": 198},
    "report": {"files": 42, "functions": 369, "calls": 1658, "changes": 410, "pairs": 58},
}
JOURNEYS = {
    "landed": "a session that lands",
    "rejected": "a session that deleted a test",
    "report": "report --html",
}
CHECK = "python3 -c 'from till import {0}; assert {0}({1}) == {2}'"
FILES = {
    "till.py": "def price(cents, count):\n    return cents * count\n",
    "tests/__init__.py": "",
    "tests/test_till.py": (
        "import unittest\n\nfrom till import price\n\n\nclass Till(unittest.TestCase):\n"
        "    def test_three_apples(self):\n        self.assertEqual(price(40, 3), 120)\n"
    ),
    "prd.json": json.dumps(
        {
            "project": "shop",
            "userStories": [
                {
                    "id": f"US-00{number}",
                    "title": title,
                    "priority": number,
                    "passes": False,
                    "acceptanceCriteria": [title],
                    "verify": verify,
                }
                for number, title, verify in (
                    (1, "A receipt adds up", CHECK.format("total", "[120, 80]", 200)),
                    (2, "Ten for the price of nine", CHECK.format("price", "40, 10", 360)),
                )
            ],
        },
        indent=2,
    ),
}
TOTAL = "\n\ndef total(amounts):\n    return sum(amounts)\n"
TEST_TOTAL = (
    "import unittest\n\nfrom till import total\n\n\nclass Total(unittest.TestCase):\n"
    "    def test_two_lines(self):\n        self.assertEqual(total([120, 80]), 200)\n"
)
SCRIPT = [
    [
        {"append": "till.py", "text": TOTAL},
        {"write": "tests/test_total.py", "text": TEST_TOTAL},
        {"note": "Amounts are whole cents everywhere"},
    ],
    [
        {"write": "till.py", "text": f"def price(cents, count):\n    return cents * 9\n{TOTAL}"},
        {"delete": "tests/test_till.py"},
    ],
]


class Trace:
    """Counts the calls into the package on this thread; what an import runs is none."""

    def __init__(self) -> None:
        self.calls = self.changes = 0
        self.functions: set[CodeType] = set()
        self.pairs: set[tuple[str, str]] = set()
        for module in walk_packages(nightlatch.__path__, "nightlatch."):
            if not module.name.startswith(("nightlatch.__main__", "nightlatch.suite.runners")):
                importlib.import_module(module.name)

    def __enter__(self) -> "Trace":
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(None)

    def _see(self, frame: FrameType, event: str, _given: object) -> None:
        code = frame.f_code
        # Comprehensions and generator expressions stand in the function that they are part of.
        if event != "call" or not code.co_filename.startswith(PACKAGE) or "comp>" in code.co_name:
            return
        self.calls += 1
        self.functions.add(code)
        caller = frame.f_back
        while caller and not caller.f_code.co_filename.startswith(PACKAGE):
            caller = caller.f_back
        if caller and caller.f_code.co_filename != code.co_filename:
            self.changes += 1
            self.pairs.add((caller.f_code.co_filename, code.co_filename))

    def counts(self) -> dict[str, int]:
        files = {code.co_filename for code in self.functions}
        return {
            "files": len(files),
            "functions": len(self.functions),
            "calls": self.calls,
            "changes": self.changes,
            "pairs": len(self.pairs),
        }


def night(found: dict[str, dict[str, int]]) -> None:
    """Trace two sessions, from the decision to the record, by the verbs of loop.py."""
    file = importlib.import_module("loop")
    verbs = file.loop

    def run(options: object) -> int:
        with verbs.opened(options) as context:
            for name in ("landed", "rejected"):
                verbs.settle(context, file.conclude)
                with Trace() as trace:
                    choice = verbs.decide(context)
                    ended = file.session(context, choice)
                    verbs.record(context, ended)
                assert ended.outcome.value == name, ended
                found[name] = trace.counts()
        return 0

    assert file.main(["run", "--agent", "scripted"], loop=run) == 0


def report(found: dict[str, dict[str, int]]) -> None:
    main = importlib.import_module("nightlatch.cli").main
    with Trace() as trace:
        assert main(["report", "--html", "../report.html"]) == 0
    found["report"] = trace.counts()


def measure() -> dict[str, dict[str, int]]:
    """Make the project and trace the three journeys, in a process that has only its environment."""
    with TemporaryDirectory(prefix="nightlatch-journeys-") as name:
        folder, project = Path(name), Path(name, "shop")
        env = {**environment(folder), "PYTHONPATH": str(ROOT)}
        (folder / "script.json").write_text(json.dumps(SCRIPT))
        for path, text in FILES.items():
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).write_text(text)
        git = ["git", "-C", str(project)]
        python = [sys.executable, "-P", "-m"]
        for command in (
            [*git, "init", "-q", "-b", "main"],
            [*git, "add", "."],
            [*git, "commit", "-q", "-m", "a small shop"],
            [*python, "nightlatch", "init", "--commit"],
            [*python, "bench.journeys", "--into", str(folder / "found.json")],
        ):
            subprocess.run(command, cwd=project, env=env, check=True, stdout=subprocess.PIPE)
        found: dict[str, dict[str, int]] = json.loads((folder / "found.json").read_text())
        return found


def table(found: dict[str, dict[str, int]]) -> str:
    rows = ["| journey | files | functions | calls | changes of file | pairs of files |"]
    rows.append("|---|---|---|---|---|---|")
    for name, counts in found.items():
        cells = [f"{counts[what]:,} ({before:,})" for what, before in BEFORE[name].items()]
        rows.append(f"| {' | '.join((JOURNEYS[name], *cells))} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.journeys", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument("--into", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.into:
        found: dict[str, dict[str, int]] = {}
        night(found)
        report(found)
        Path(asked.into).write_text(json.dumps(found))
    else:
        counted = measure()
        print(json.dumps(counted, indent=2) if asked.json else table(counted))


if __name__ == "__main__":
    main()
