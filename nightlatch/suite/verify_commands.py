"""What can be said of a verify command before any work: what its run wants, why it is red, and
whether it could ever refuse."""

import re
import shlex

from nightlatch.suite.harness import simple_commands, unwrapped
from nightlatch.suite.harness_tools import Tools
from nightlatch.util.text import plain

MODULE = re.compile(
    r"""No module named ['"]?([\w.-]+)|Cannot find (?:module|package) ['"]([^'"./][^'"]*)['"]"""
)
PROGRAM = re.compile(
    r"(?:^|[\s:'\"])([\w.+-]+)['\"]?: (?:command )?not found|No such file or directory:"
    r" '([\w.+-]+)'",
    re.MULTILINE,
)
# Runners and tools that no feature writes itself: where one is missing, the environment is.
KNOWN = frozenset(
    {
        "pytest",
        "nose",
        "nose2",
        "unittest2",
        "hypothesis",
        "tox",
        "nox",
        "mypy",
        "ruff",
        "flake8",
        "coverage",
        "behave",
        "robot",
        "vitest",
        "jest",
        "mocha",
        "ava",
        "tap",
        "playwright",
        "cypress",
        "typescript",
        "ts-node",
        "tsx",
        "eslint",
        "rspec",
        "minitest",
        "phpunit",
        "pest",
        "bats",
    }
)
LOOKS = frozenset({"grep", "egrep", "fgrep", "rg", "ag", "ack"})
IS_THERE = frozenset({"ls", "stat", "file", "find", "which", "command", "type"})
NOTHING = frozenset(
    {"true", ":", "echo", "printf", "exit", "cd", "set", "export", "sleep", "/bin/true"}
)
BUILDS = re.compile(
    r"^(?:make|just)\s+(?:build|all|compile|dist)\b|^(?:npm|pnpm|yarn"
    r"|bun)\s+(?:run\s+)?(?:build|compile|typecheck)\b|^tsc\b"
    r"|^cargo\s+(?:build|check|clippy)\b|^go\s+(?:build|vet)\b"
    r"|^python[\d.]*\s+-m\s+(?:compileall|py_compile|build)\b|^(?:gcc|cc|g\+\+|clang)\b"
    r"|^(?:mvn|\./mvnw)\s+(?:-\S+\s+)*(?:compile|package\s+-DskipTests)\b|^(?:gradle"
    r"|\./gradlew)\s+(?:assemble|classes|compileJava)\b"
    r"|^dotnet\s+build\b|^docker\s+build\b|^cmake\s+--build\b|^mix\s+compile\b|^swift\s+build\b"
)


def wanting(tail: str, declared: str) -> str:
    """Say which module or program a red verify lacks that is not for an agent to write, ""
    where nothing of the kind is seen.

    `declared` are the texts of the project's manifests: what they name is a dependency that should
    be there.
    """
    # Only what comes from outside: any other module may be the feature's own, still to come.
    for found in MODULE.finditer(tail):
        name = found[1] or found[2]
        top = re.split(r"[./]", name.lstrip("@"))[0] if not name.startswith("@") else name
        if top in KNOWN or named(top, declared):
            return f"the module {plain(name, 60)}"
    for found in PROGRAM.finditer(tail):
        name = found[1] or found[2]
        if name in KNOWN or named(name, declared):
            return f"the program {plain(name, 60)}"
    return ""


def named(name: str, declared: str) -> bool:
    """Do the manifests name this package, with `-` for `_`?"""
    pattern = re.escape(name).replace("_", "[-_]").replace(r"\-", "[-_]")
    return bool(re.search(rf"(?<![\w./-]){pattern}(?![\w./-])", declared, re.IGNORECASE))


def why_red(tail: str) -> str:
    """Return the last line that a red verify printed, "" where it printed nothing; its own command
    line and exit code aside."""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    said = [
        line
        for line in lines
        if not line.startswith("$ ") and not re.fullmatch(r"exit code \d+", line)
    ]
    return plain(said[-1], 120) if said else ""


def weakness(commands: tuple[str, ...], tools: Tools) -> str:
    """Say of which kind verify commands are that any change could satisfy, "" where one of them
    runs something that can refuse."""
    # One command that can refuse is enough: it decides, whatever the others do.
    kinds = [kind for command in commands for kind in _kinds(command, tools)]
    if not kinds or "" in kinds:
        return ""
    order = (
        "only looks for words in files",
        "only builds",
        "only looks whether files are there",
        "is always green",
    )
    return next(kind for kind in order if kind in kinds)


def _kinds(command: str, tools: Tools) -> list[str]:
    """Return the kind of each command of a line, those aside whose input is piped from another
    one."""
    if "$(" in command or "`" in command:
        return [""]  # what a program prints is compared
    found, piped_from = [], False
    for words, piped in simple_commands(command):
        plain_words = unwrapped(words, tools)
        if not piped_from and plain_words:
            found.append(_kind(plain_words))
        piped_from = bool(piped)
    return found


def _kind(words: list[str]) -> str:
    """Return the kind of a command that any change could satisfy; "" where it can refuse."""
    program = words[0]
    fails = program == "exit" and words[1:2] not in ([], ["0"])
    if program in NOTHING and not fails:
        return "is always green"
    if program in LOOKS or (program == "git" and words[1:2] == ["grep"]):
        return "only looks for words in files"
    if program in IS_THERE or _asks_for_files(words):
        return "only looks whether files are there"
    return "only builds" if BUILDS.match(shlex.join(words)) else ""


def _asks_for_files(words: list[str]) -> bool:
    """Return whether this is the shell's own `test` of whether a file is there."""
    asks = ("-f", "-e", "-d", "-s", "-x", "-r")
    return words[0] in ("test", "[", "[[") and any(word in asks for word in words)
