"""What is known of programs that run other files, as shipped/harness.toml says it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Programs, and the patterns of what each of them reads to know what to do."""

    names: frozenset[str]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A file of which only the tables named in `scripts` (dotted) say what is run."""

    file: str
    names: frozenset[str]
    scripts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreters:
    """Programs that run a text or a file, by their names or, with a number of a version in it, by
    a pattern.

    A program text follows the options `code`, another value the options `values`; `shells` are
    those whose text is a shell's.
    """

    names: frozenset[str]
    versions: re.Pattern[str]
    code: frozenset[str]
    values: frozenset[str]
    shells: frozenset[str]

    def __contains__(self, program: str) -> bool:
        return program in self.names or bool(self.versions.match(program))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """All that is known of programs that run other files; from shipped/harness.toml."""

    wrappers: Mapping[str, int]
    runners: frozenset[str]
    interpreters: Interpreters
    tools: tuple[Tool, ...]
    manifests: tuple[Manifest, ...]
    compares: frozenset[str]
    folders: frozenset[str]
    judging: re.Pattern[str]
    testing: re.Pattern[str]


def parse_tools(text: str) -> Tools:
    """Return the tools of a TOML text."""
    data = tomllib.loads(text)
    own: dict[str, Any] = data["interpreters"]
    return Tools(
        wrappers=data["wrappers"],
        runners=frozenset(data["runners"]["words"]),
        interpreters=Interpreters(
            names=frozenset(own["names"]),
            versions=re.compile(own["versions"]),
            code=frozenset(own["code"]),
            values=frozenset(own["values"]),
            shells=frozenset(own["shells"]),
        ),
        tools=tuple(
            Tool(names=frozenset(each["names"]), files=tuple(each["files"]))
            for each in data["tools"]
        ),
        manifests=tuple(
            Manifest(
                file=each["file"], names=frozenset(each["names"]), scripts=tuple(each["scripts"])
            )
            for each in data["manifests"]
        ),
        compares=frozenset(data["compares"]["words"]),
        folders=frozenset(data["folders"]["tools"]),
        judging=re.compile(data["judges"]["text"]),
        testing=re.compile(data["judges"]["name"], re.IGNORECASE),
    )
