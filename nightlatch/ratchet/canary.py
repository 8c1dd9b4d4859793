"""Canaries: tests that must fail wherever tests are judged at all, put beside the project's own."""

import json
import posixpath
import re
from collections.abc import Iterable, Sequence
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

    def wanted(self) -> tuple[str, ...]:
        return (self.path, *(f"{self.path}{end}" for end in self.ids))

    def wrong(self, found: SuiteResult) -> str:
        """What the runner's report has wrong, "" where it is right."""
        if found.broken:
            return found.broken
        told = {
            end: result
            for end in self.ids
            for name, result in found.ids.items()
            if name.endswith(end)
        }
        green = sum(told.get(end) not in NOT_GREEN for end in self.ids[:MUST_FAIL])
        passed = told.get(self.ids[-1]) is Result.PASSED
        return (
            f"{green} of {MUST_FAIL} tests that must fail did not"
            if green
            else ""
            if passed
            else "a test that must pass did not"
        )


def plant(kind: Canary, name: str, beside: str, text: str, sources: Iterable[str]) -> PlantedCanary:
    """The canary beside a test file of the base, whose text is given; it imports these files of
    code first."""
    folder, base = posixpath.split(beside)
    shape = test_names.SHAPE.fullmatch(base)
    own = (
        "".join((shape[1] or "", name, shape[2] or "", shape[3]))
        if shape and kind.file == "{name}"
        else kind.file
    )
    package = re.search(r"^package (\w+)", text, re.MULTILINE)
    modules = [module(path) if path.endswith(".py") else relative(path, folder) for path in sources]
    words = {
        "{name}": name,
        "{modules}": json.dumps(modules),
        "{package}": package[1] if package else "main",
    }
    path, filled, ends = (
        posixpath.join(folder, own),
        kind.text,
        [kind.id.replace("{n}", str(n + 1)) for n in range(MUST_FAIL + 1)],
    )
    for word, value in words.items():
        path, filled, ends = (
            path.replace(word, value),
            filled.replace(word, value),
            [end.replace(word, value) for end in ends],
        )
    return PlantedCanary(path=path, text=filled, ids=tuple(ends))


def module(path: str) -> str:
    """The dotted name that a Python file is usually imported by."""
    inner = path.rpartition("src/")[2].removesuffix(".py").removesuffix("/__init__")
    return inner.replace("/", ".")


def relative(path: str, folder: str) -> str:
    found = posixpath.relpath(path, folder or ".")
    return found if found.startswith("../") else f"./{found}"


def ranked(files: Sequence[str], texts: Sequence[str], sources: Iterable[str]) -> list[str]:
    """Test files, those first that speak of the changed files."""
    stems = "|".join(
        re.escape(stem)
        for stem in sorted({posixpath.basename(path).partition(".")[0] for path in sources})
    )
    speaks = re.compile(rf"\b(?:{stems})\b")
    return [
        file
        for _, file in sorted(zip((not speaks.search(text) for text in texts), files, strict=True))
    ]
