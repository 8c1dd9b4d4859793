"""Runs the standard library's unittest in a project's own Python and writes each result down as
soon as it is known."""

import fnmatch
import json
import os
import sys
import unittest
from collections.abc import Iterator
from typing import Any


class Recorder(unittest.TextTestResult):
    """One line of JSON for every result: a report that breaks off still tells what ran."""

    out: Any

    def line(self, test: Any, result: str) -> None:
        name = test_id(test)
        item = {"uncollected": name} if unreadable(test) else {"id": name, "result": result}
        print(json.dumps(item), file=self.out, flush=True)

    def addSuccess(self, test: Any) -> None:  # noqa: N802  # unittest's own name, as all below
        super().addSuccess(test)
        self.line(test, "passed")

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802  # as above
        super().addFailure(test, err)
        self.line(test, "failed")

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802  # as above
        super().addError(test, err)
        self.line(test, "error")

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802  # as above
        super().addSkip(test, reason)
        self.line(test, "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802  # as above
        super().addExpectedFailure(test, err)
        self.line(test, "skipped")

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802  # as above
        super().addUnexpectedSuccess(test)
        self.line(test, "failed")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802  # as above
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.line(test, "failed")


def unreadable(test: Any) -> bool:
    """Is this what discovery puts in the place of a module that cannot be imported?"""
    return type(test).__name__ == "_FailedTest"


def test_id(test: Any) -> str:
    """file::Class::method, with the file relative to the project."""
    module = sys.modules.get(type(test).__module__)
    if unreadable(test):
        return os.path.normpath(f"{test.found_in}/{test._testMethodName.replace('.', '/')}.py")
    if module is None or not isinstance(test, unittest.TestCase):
        return str(test.id())
    file = os.path.relpath(getattr(module, "__file__", None) or type(test).__module__)
    return f"{file}::{type(test).__qualname__}::{test._testMethodName}"


def start_folders(top: str, pattern: str) -> list[str]:
    """The folders where discovery has to begin: the project, and every folder with tests that
    no package leads to."""
    found = []
    for folder, names, files in os.walk(top):
        names[:] = sorted(
            n
            for n in names
            if not n.startswith(".") and n not in ("node_modules", "venv", "__pycache__")
        )
        # the project's Python may be any
        package = os.path.exists(os.path.join(folder, "__init__.py"))  # noqa: PTH110, PTH118
        if folder == top or (not package and any(fnmatch.fnmatch(f, pattern) for f in files)):
            found.append(folder)
    return found


def top_of(folder: str) -> str:
    """The folder that the package of this one lies in, or the folder itself."""
    # as above
    while os.path.exists(os.path.join(folder, "__init__.py")) and folder not in (  # noqa: PTH110, PTH118
        ".",
        "",
    ):
        folder = os.path.dirname(folder) or "."  # noqa: PTH120  # as above
    return folder


def cases(suite: Any) -> Iterator[Any]:
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from cases(item)
        else:
            yield item


def chosen(words: list[str]) -> tuple[list[str], str, tuple[str, ...]]:
    """Where a person's own options let discovery begin, the pattern of its files, and the
    modules that they name."""
    start, pattern, names = read_options(words)
    if words[:1] == ["discover"]:
        # `discover START PATTERN` may say without an option what -s and -p say
        start = start or (names[:1] or [""])[0]
        pattern = (names[1:2] or [pattern])[0]
        names = []
    return start_folders(start or ".", pattern), pattern, tuple(names)


def read_options(words: list[str]) -> tuple[str, str, list[str]]:
    """The values of -s and -p, and the words that are no options."""
    start, pattern, names = "", "test*.py", []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name in ("-s", "--start-directory"):
            start = value if equals else next(rest, "")
        elif name in ("-p", "--pattern"):
            pattern = value if equals else next(rest, "")
        elif name in ("-t", "--top-level-directory", "-k"):
            # taken with its value, which would be a module's name otherwise
            value = value if equals else next(rest, "")
        elif not word.startswith("-") and word != "discover":
            names.append(word)
    return start, pattern, names


def asked(test: Any, names: tuple[str, ...]) -> bool:
    """Is this test in one of the modules, or classes, that are named?"""
    own = test_id(test).replace(".py", "").replace("/", ".").replace("::", ".")
    return not names or any(
        f"{own}.".startswith(f"{name.removesuffix('.py').replace('/', '.')}.") for name in names
    )


def main(report: str, only: str, *words: str) -> int:
    # as `python -m unittest` does, but below the standard library
    sys.path.append(os.getcwd())  # noqa: PTH109
    with open(only, encoding="utf-8") as names:  # noqa: PTH123  # the project's Python may be any
        wanted = frozenset(names.read().splitlines())
    files = {name.split("::")[0] for name in wanted}
    suite = unittest.TestSuite()
    folders, pattern, modules = chosen(list(words))
    for folder in folders:
        for case in cases(unittest.TestLoader().discover(folder, pattern, top_of(folder))):
            case.found_in = top_of(folder)
            name = test_id(case)
            is_wanted = bool({name, name.split("::")[0]} & wanted)
            # of a file that cannot be imported no test can be asked for by itself
            is_unreadable = unreadable(case) and name in files
            if is_wanted or is_unreadable or (not wanted and asked(case, modules)):
                suite.addTest(case)
    with open(report, "w", encoding="utf-8") as Recorder.out:  # noqa: PTH123  # as above
        result = unittest.TextTestRunner(resultclass=Recorder).run(suite)  # type: ignore[arg-type]  # its stubs ask for more than it does
        print(json.dumps({"end": 0 if result.wasSuccessful() else 1}), file=Recorder.out)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
