"""Canaries: tests that must fail wherever tests are judged at all, put beside the project's own."""

import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nightlatch.suite import test_names
from nightlatch.suite.results import NOT_GREEN, Result, SuiteResult
from nightlatch.suite.runner_detection import Canary

MUST_FAIL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedCanary:
    """A canary as it lies in one tree.

    `ids` are the ends of its ids, the last one of the test that must pass.
    """

    path: str
    text: str
    ids: tuple[str, ...]

    def names_to_run(self) -> tuple[str, ...]:
        """Return the names by which a runner is asked for the canary: its file and its tests."""
        return (self.path, *(f"{self.path}{end}" for end in self.ids))

    def wrong(self, found: SuiteResult) -> str:
        """Return what the runner's report has wrong, "" where it is right."""
        if found.broken:
            return found.broken
        # A runner may put more before the end of an id: a folder, a package, a class.
        results = {
            end: result
            for end in self.ids
            for name, result in found.ids.items()
            if name.endswith(end)
        }
        green = sum(results.get(end) not in NOT_GREEN for end in self.ids[:MUST_FAIL])
        if green:
            return f"{green} of {MUST_FAIL} tests that must fail did not"
        # A runner that reports every test as failed would pass for one that judges.
        passed = results.get(self.ids[-1]) is Result.PASSED
        return "" if passed else "a test that must pass did not"


def plant(kind: Canary, name: str, beside: str, text: str, sources: Iterable[str]) -> PlantedCanary:
    """Return the canary beside a test file of the base, whose text is given; it imports these
    files of code first."""
    folder, base = posixpath.split(beside)
    package = re.search(r"^package (\w+)", text, re.MULTILINE)
    modules = [module(path) if path.endswith(".py") else relative(path, folder) for path in sources]
    words = {
        "{name}": name,
        "{modules}": json.dumps(modules),
        "{package}": package[1] if package else "main",
    }
    ends = (kind.id.replace("{n}", str(n + 1)) for n in range(MUST_FAIL + 1))
    return PlantedCanary(
        path=_filled(posixpath.join(folder, _file_name(kind, name, base)), words),
        text=_filled(kind.text, words),
        ids=tuple(_filled(end, words) for end in ends),
    )


def _file_name(kind: Canary, name: str, base: str) -> str:
    """Return a name like that of the test file beside it, so that the project's own patterns
    take it."""
    shape = test_names.SHAPE.fullmatch(base)
    if shape is None or kind.file != "{name}":
        return kind.file
    return "".join((shape[1] or "", name, shape[2] or "", shape[3]))


def _filled(text: str, words: Mapping[str, str]) -> str:
    """Return a text with these words put in their places."""
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def module(path: str) -> str:
    """Return the dotted name that a Python file is usually imported by."""
    inner = path.rpartition("src/")[2].removesuffix(".py").removesuffix("/__init__")
    return inner.replace("/", ".")


def relative(path: str, folder: str) -> str:
    """Return how a script in a folder imports a file."""
    found = posixpath.relpath(path, folder or ".")
    return found if found.startswith("../") else f"./{found}"


def ranked(files: Sequence[str], texts: Sequence[str], sources: Iterable[str]) -> list[str]:
    """Return test files, those first that speak of the changed files."""
    stems = "|".join(
        re.escape(stem)
        for stem in sorted({posixpath.basename(path).partition(".")[0] for path in sources})
    )
    speaks = re.compile(rf"\b(?:{stems})\b")
    return [
        file
        for _, file in sorted(zip((not speaks.search(text) for text in texts), files, strict=True))
    ]
