"""Dependencies that a change brings in, those of the test runner apart."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from posixpath import basename
from typing import Any

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
    """Yield (rule, detail) for each new dependency, and for each change of the runner's own.

    `runner`: "" where the base has none.
    """
    old = dict(dependencies_in(text.path, text.old))
    new = dict(dependencies_in(text.path, text.new))
    for name in sorted(old.keys() | new.keys()):
        # The plain runner at a plain version is what any project brings in first.
        is_plain = name not in old and name in PLAIN and not PLACE.search(new[name])
        is_changed = old.get(name) != new.get(name)
        if runner and is_changed and not is_plain and _is_of_runner(name):
            was, now = old.get(name, "nothing"), new.get(name, "nothing")
            yield RUNNER, f"{text.path}::{name}: {was} became {now}"
        elif name not in old:
            yield NEW, f"{text.path}::{name} {new[name]}".rstrip()


def _is_of_runner(name: str) -> bool:
    """Is this part of a test runner, or could it take the place of a part?"""
    may_replace = name.startswith(("replace ", "pytest11"))
    return may_replace or OF_RUNNER.fullmatch(name) is not None


def dependencies_in(path: str, text: str | None) -> Iterator[tuple[str, str]]:
    """Yield (name, version) of what a file asks for."""
    if not text:
        return
    name = basename(path)
    # What cannot be read brings nothing in: its own tool could not read it either.
    try:
        yield from _asked_for(name, text)
        if name in {"setup.cfg", "setup.py", "pyproject.toml"} and "pytest11" in text:
            lines = text.split("pytest11", 1)[1].splitlines()[:4]
            yield "pytest11", str(sorted(line.strip() for line in lines))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return


def _asked_for(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, version) in a file of this name."""
    if name == "package.json":
        yield from _node_packages(json.loads(text))
    elif name in {"pyproject.toml", "Cargo.toml", "Pipfile"}:
        yield from _tables(tomllib.loads(text))
    elif name == "go.mod":
        yield from GO_LINE.findall(text)
        for module, target in GO_REPLACE.findall(text):
            yield f"replace {module}", target.strip()
    elif re.fullmatch(r"(?:.*requirements.*|constraints)\.(?:txt|in)", name):
        lines = text.splitlines()
        yield from _specs(line for line in lines if not line.lstrip().startswith(("#", "-")))


def _node_packages(data: Any) -> Iterator[tuple[str, str]]:
    """Yield (name, version) in every group of a package.json."""
    for group in GROUPS & data.keys():
        instead = "replace " if group in {"overrides", "resolutions"} else ""
        for name, version in data[group].items():
            yield f"{instead}{name}", str(version)


def _specs(lines: Iterable[object]) -> Iterator[tuple[str, str]]:
    """Yield (name, version) of lines such as `shop>=1.2`."""
    for line in lines:
        if found := NAME.match(str(line)):
            yield found[1].lower(), str(line)[found.end() :].partition("#")[0].strip()


def _tables(data: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield every table or list of a TOML file that is called dependencies, whoever's it is."""
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
