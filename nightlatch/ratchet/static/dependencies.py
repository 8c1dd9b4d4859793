"""Dependencies that a change brings in, those of the test runner apart."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from posixpath import basename

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.runner_config import Finding

NEW, RUNNER = "ratchet.new-dependency", "ratchet.runner-dependency"
OF_RUNNER = re.compile(
    r"pytest(?:[-_].*)?|.*[-_]pytest|pluggy|nose2?|unittest2|@vitest/.*|vitest.*|@jest/.*"
    r"|jest(?:-.*)?|ts-jest|babel-jest|mocha.*|chai|ava"
    r"|.*/(?:testify|ginkgo.*|gomega|go-cmp)|gotest\.tools.*|rstest|libtest.*|cargo-nextest"
)
PLAIN = {"pytest", "vitest", "jest", "mocha"}
PLACE = re.compile(r"[:@{]")
NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")
GROUPS = {
    "dependencies",
    "devDependencies",
    "peerDependencies",
    "optionalDependencies",
    "overrides",
    "resolutions",
}
GO_LINE = re.compile(
    r"^\s*(?:require\s+)?([\w.-]+\.[\w.-]+/\S+)\s+(v\S+)[ \t]*(?://.*)?$", re.MULTILINE
)
GO_REPLACE = re.compile(r"^\s*(?:replace\s+)?(\S+)(?:\s+v\S+)?\s+=>\s+(\S.*)$", re.MULTILINE)


def brought_in(text: Text, runner: str) -> Iterator[Finding]:
    """(rule, detail) for each new dependency, and for each change of the runner's own.

    `runner`: "" where the base has none.
    """
    old, new = (
        dict(dependencies_in(text.path, text.old)),
        dict(dependencies_in(text.path, text.new)),
    )
    for name in sorted(old.keys() | new.keys()):
        of_runner = OF_RUNNER.fullmatch(name.removeprefix("replace ")) or name.startswith(
            ("replace ", "pytest11")
        )
        told = name in old or name not in PLAIN or PLACE.search(new[name])
        if of_runner and runner and old.get(name) != new.get(name) and told:
            yield (
                RUNNER,
                (
                    f"{text.path}::{name}: {old.get(name, 'nothing')} became"
                    f" {new.get(name, 'nothing')}"
                ),
            )
        elif name not in old:
            yield NEW, f"{text.path}::{name} {new[name]}".rstrip()


def dependencies_in(path: str, text: str | None) -> Iterator[tuple[str, str]]:
    """(name, version) of what a file asks for."""
    name = basename(path)
    try:
        if not text:
            return
        if name == "package.json":
            data = json.loads(text)
            for group in GROUPS & data.keys():
                instead = "replace " if group in {"overrides", "resolutions"} else ""
                yield from (
                    (f"{instead}{word}", str(version)) for word, version in data[group].items()
                )
        elif name in {"pyproject.toml", "Cargo.toml", "Pipfile"}:
            yield from _tables(tomllib.loads(text))
        elif name == "go.mod":
            yield from GO_LINE.findall(text)
            yield from (
                (f"replace {module}", target.strip()) for module, target in GO_REPLACE.findall(text)
            )
        elif re.fullmatch(r"(?:.*requirements.*|constraints)\.(?:txt|in)", name):
            yield from _specs(
                line for line in text.splitlines() if not line.lstrip().startswith(("#", "-"))
            )
        if name in {"setup.cfg", "setup.py", "pyproject.toml"} and "pytest11" in text:
            yield (
                "pytest11",
                str(sorted(line.strip() for line in text.split("pytest11", 1)[1].splitlines()[:4])),
            )
    except (ValueError, AttributeError, TypeError, RecursionError):
        return


def _specs(lines: Iterable[object]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if found := NAME.match(str(line)):
            yield found[1].lower(), str(line)[found.end() :].partition("#")[0].strip()


def _tables(data: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Every table or list of a TOML file that is called dependencies, whoever's it is."""
    for key, value in data.items():
        if isinstance(value, dict):
            if key.endswith(("dependencies", "dependency-groups", "packages")):
                lists = [v for v in value.values() if isinstance(v, list)]
                yield from _specs(line for group in lists for line in group)
                yield from (
                    (name, str(spec))
                    for name, spec in value.items()
                    if not isinstance(spec, list) and name != "python"
                )
            else:
                yield from _tables(value)
        elif key == "dependencies" and isinstance(value, list):
            yield from _specs(value)
