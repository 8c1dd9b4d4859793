"""Runs pytest in a project's own Python, and is the plugin that writes each result down as soon
as it is known."""

import json
import os
import sys
from typing import Any

import pytest

TAKE_NEXT = (
    "-p",
    "-o",
    "-c",
    "-W",
    "--deselect",
    "--ignore",
    "--ignore-glob",
    "--rootdir",
    "--import-mode",
    "--confcutdir",
    "--override-ini",
    "--config-file",
)


class Recorder:
    """One line of JSON for every result: a report that breaks off still tells what ran."""

    def __init__(self, path: str) -> None:
        self.out = open(path, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # open as long as the process lives

    def line(self, **item: object) -> None:
        print(json.dumps(item), file=self.out, flush=True)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.line(uncollected=report.nodeid)
        elif report.skipped:
            self.line(id=report.nodeid, result="skipped")

    def pytest_runtest_logreport(self, report: Any) -> None:
        # setup and teardown that pass say nothing of the test; a skip is told by setup alone
        is_told = report.when == "call" or not report.passed
        if report.failed and report.when != "call":
            self.line(id=report.nodeid, result="error")
        elif is_told and report.outcome in ("passed", "failed", "skipped"):
            self.line(id=report.nodeid, result=report.outcome)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.line(end=int(exitstatus))


def pytest_configure(config: Any) -> None:
    # the workers of pytest-xdist report to the first process
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(os.environ["NIGHTLATCH_REPORT"]))


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """The project's folder comes before site-packages, as with `python -m pytest`, but only now
    that every plugin is loaded."""
    here = os.getcwd()  # noqa: PTH109  # the project's Python may be any
    if here in sys.path[1:]:
        sys.path.remove(here)
        sys.path.insert(
            next(
                (i for i, place in enumerate(sys.path) if "site-packages" in place), len(sys.path)
            ),
            here,
        )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[Any]) -> None:
    if wanted := frozenset(wanted_ids()):
        items[:] = [
            item for item in items if item.nodeid in wanted or item.nodeid.split("::")[0] in wanted
        ]


def wanted_ids() -> list[str]:
    with open(os.environ["NIGHTLATCH_ONLY"], encoding="utf-8") as only:  # noqa: PTH123  # the project's Python may be any
        return only.read().splitlines()


def config_file() -> str:
    """The configuration that pytest finds when it is told of no file: one beside some test
    would else win where only that test runs."""
    marks = {
        "pytest.toml": "",
        ".pytest.toml": "",
        "pytest.ini": "",
        ".pytest.ini": "",
        "pyproject.toml": "[tool.pytest",
    }
    folder = "."
    while True:
        for name, mark in {**marks, "tox.ini": "[pytest]", "setup.cfg": "[tool:pytest]"}.items():
            path = os.path.join(folder, name)  # noqa: PTH118  # as above
            if os.path.isfile(path) and mark in text_of(path):  # noqa: PTH113  # as above
                return path
        if os.path.exists(os.path.join(folder, ".git")) or os.path.samefile(folder, "/"):  # noqa: PTH110, PTH118, PTH121  # as above
            return os.devnull
        folder = os.path.join(folder, "..")  # noqa: PTH118  # as above


def text_of(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # as above
        return file.read()


def chosen(words: list[str], *, some: bool) -> list[str]:
    """The person's own options.

    Where only some tests are wanted they name all there is to choose: paths, -k and -m have had
    their say.
    """
    if not some:
        return words
    kept, rest = [], iter(words)
    for word in rest:
        if word in ("-k", "-m"):
            next(rest, "")
        elif word in TAKE_NEXT:
            kept += [word, next(rest, "")]
        elif word.startswith("-") and not word.startswith(("-k", "-m")):
            kept.append(word)
    return kept


if __name__ == "__main__":
    os.environ["NIGHTLATCH_REPORT"], os.environ["NIGHTLATCH_ONLY"] = sys.argv[1:3]
    files = list(dict.fromkeys(name.split("::")[0] for name in wanted_ids()))
    sys.path.append(os.getcwd())  # noqa: PTH109  # as above
    config = config_file()
    top = os.path.dirname(config) if config != os.devnull else "."  # noqa: PTH120  # as above
    options = [
        "-c",
        config,
        "--rootdir=.",
        f"--confcutdir={top}",
        "--maxfail=0",
        "--continue-on-collection-errors",
    ]
    options += ["-p", "no:cacheprovider", "-p", "nightlatch_pytest"]
    options += chosen(sys.argv[3:], some=bool(files))
    sys.exit(pytest.main([*options, *(file for file in files if os.path.exists(file))]))  # noqa: PTH110  # as above
