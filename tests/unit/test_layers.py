"""The house stays in order: package order, purity, no hidden state, reasons on every exception,
modules and functions of a bearable size."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests import ROOT

# What reaches a clock, a disk, a process or the network, beside modules whose name ends in `_io`.
EFFECTS = {
    "nightlatch.__main__",
    "nightlatch.safepath",
    "nightlatch.git",
    "nightlatch.sandbox",
    "nightlatch.loop",
    "nightlatch.cli",
    "nightlatch.edge",
    "nightlatch.suite.runners",
    "nightlatch.agents.note_cli",
    "nightlatch.agents.scripted",
    "nightlatch.util.clock",
    "nightlatch.util.command_name",
    "nightlatch.util.console",
    "nightlatch.util.fs",
    "nightlatch.util.memo",
    "nightlatch.util.outside",
    "nightlatch.util.reaper",
    "nightlatch.util.safe_fs",
    "nightlatch.project.discovery",
    "nightlatch.project.project",
    "nightlatch.workspace.build",
    "nightlatch.workspace.environment",
    "nightlatch.workspace.pool",
    "nightlatch.workspace.profiles",
    "nightlatch.workspace.submodules",
    "nightlatch.workspace.workspace",
    "nightlatch.run.context",
    "nightlatch.run.keep_awake",
    "nightlatch.run.preload",
    "nightlatch.landing.landing",
    "nightlatch.notify.delivery",
}
# Values of a package of effects that are nothing but values, and the data that comes with the
# program, which is read once and never changes.
VALUES = {"nightlatch.errors", "nightlatch.data", "nightlatch.git.model"}
PROGRAMS = ("loop", "nightlatch.__main__")
PURE = {
    "__future__",
    "ast",
    "base64",
    "bisect",
    "codecs",
    "collections",
    "configparser",
    "contextlib",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "fnmatch",
    "functools",
    "graphlib",
    "hashlib",
    "heapq",
    "html",
    "importlib",
    "io",
    "itertools",
    "jinja2",
    "json",
    "jsonschema",
    "junitparser",
    "math",
    "operator",
    "posixpath",
    "re",
    "shlex",
    "statistics",
    "string",
    "textwrap",
    "tokenize",
    "tomli_w",
    "tomllib",
    "tree_sitter",
    "types",
    "typing",
    "unicodedata",
    "urllib.parse",
    "warnings",
    "xml",
    "yaml",
    "zlib",
    "zoneinfo",
}
HEAVY = {"apprise", "jinja2", "jsonschema", "junitparser", "pexpect", "rich", "tree_sitter", "yaml"}
MUTATORS = {
    "add",
    "append",
    "appendleft",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "popitem",
    "remove",
    "setdefault",
    "update",
}
MUTABLE = re.compile(r"(?:dict|list|set|bytearray|Counter|defaultdict|deque)\b")
EXCUSE = re.compile(r"#\s*(noqa|type:\s*ignore)", re.IGNORECASE)
REASONED = re.compile(r"# (noqa: [A-Z0-9, ]+|type: ignore\[[a-z, -]+\])  # \S+ \S+")

Rule = Callable[[str, ast.Module], Iterator[str]]


def sources(*folders: str) -> dict[str, Path]:
    """Module name to file, for every Python file of these folders."""
    found = [f for folder in folders for f in sorted((ROOT / folder).rglob("*.py"))]
    return {
        ".".join(f.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): f
        for f in found
    }


@cache
def package() -> dict[str, Path]:
    """Every module that is installed, and the loop, of which nightlatch/shipped holds the copy."""
    modules = sources("nightlatch")
    return {
        name: file for name, file in modules.items() if not name.startswith("nightlatch.shipped")
    } | {"loop": ROOT / "loop.py"}


def complaints(rule: "Rule", modules: dict[str, Path]) -> list[str]:
    return [
        f"{name} {complaint}"
        for name, file in modules.items()
        for complaint in rule(name, ast.parse(file.read_bytes()))
    ]


def imports(tree: ast.AST) -> Iterator[str]:
    """Everything a tree imports; of `from a import b` both a and a.b, as b may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def needs(tree: ast.AST, modules: set[str]) -> set[str]:
    """The modules that a tree imports: b alone where it says `from a import b` and b is one."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            paths = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {path if path in modules else str(node.module) for path in paths}
    return found & modules


def within(name: str, allowed: set[str]) -> bool:
    return any(name == a or name.startswith(f"{a}.") for a in allowed)


def has_effects(name: str) -> bool:
    """Whether a module may reach the world: its name says so, or its package."""
    named = name.endswith("_io") or within(name, EFFECTS) or name == "loop"
    return named and not within(name, VALUES)


def impure(name: str, tree: ast.Module) -> Iterator[str]:
    """A pure module reaches no clock, disk, process or network, also not through another module."""
    if has_effects(name) or within(name, VALUES) or name == "nightlatch":
        return
    modules = set(package())
    for other in needs(tree, modules):
        if has_effects(other):
            yield f"imports {other}"
    for other in imports(tree):
        if not within(other, PURE | {"nightlatch"}):
            yield f"imports {other}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            clock = re.search(r"\b(date|datetime)\.(now|today|utcnow)$", called)
            if called in {"open", "print", "input"} or clock:
                yield f"calls {called} in line {node.lineno}"


def stateful(_name: str, tree: ast.Module) -> Iterator[str]:
    """No module keeps state: no `global`, and nothing assigned at the top is changed later."""
    assigned = [node for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    tops = {
        n.id
        for node in assigned
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Global():
                yield f"says global in line {node.lineno}"
            case ast.Subscript(value=ast.Name(id=owner), ctx=ast.Store() | ast.Del()) if (
                owner in tops
            ):
                yield f"changes {owner} in line {node.lineno}"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=verb)) if (
                owner in tops and verb in MUTATORS
            ):
                yield f"changes {owner} in line {node.lineno}"


def roomy(_name: str, tree: ast.Module) -> Iterator[str]:
    """No module over 600 lines and no function over 60: new code is 100 columns wide."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > 60:
                yield f"{node.name} has {length} lines"
    last = max((node.end_lineno or 0 for node in tree.body), default=0)
    if last > 600:
        yield f"has {last} lines"


def loose(_name: str, tree: ast.Module) -> Iterator[str]:
    """What is frozen holds nothing that somebody else can change: not a list, a dict, a set."""
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    for owner in classes:
        if any(map(is_frozen, owner.decorator_list)):
            fields = (node for node in owner.body if isinstance(node, ast.AnnAssign))
            for each in fields:
                if MUTABLE.match(ast.unparse(each.annotation)):
                    yield f"{owner.name} is frozen, and {ast.unparse(each.target)} is not"


def is_frozen(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and any(
        keyword.arg == "frozen" and ast.unparse(keyword.value) == "True"
        for keyword in decorator.keywords
    )


def faking(_name: str, tree: ast.Module) -> Iterator[str]:
    """Tests use real things, and wait for events instead of sleeping."""
    yield from (
        f"imports {other}"
        for other in imports(tree)
        if other.startswith("unittest.mock") or other in {"mock", "time.sleep"}
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {
            "monkeypatch.setattr",
            "time.sleep",
            "mocker.patch",
        }:
            yield f"uses {ast.unparse(node)} in line {node.lineno}"


def unreasoned(source: str) -> list[str]:
    """Comments that silence a checker without saying why, on the line or on the line above."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [t for t in tokens if t.type == tokenize.COMMENT]
    above = {t.start[0] + 1 for t in comments if t.line.lstrip().startswith("#")}
    return [
        f"line {t.start[0]}: {t.string}"
        for t in comments
        if EXCUSE.search(t.string) and not REASONED.search(t.string) and t.start[0] not in above
    ]


@pytest.mark.parametrize("rule", [impure, stateful, roomy, loose])
def test_the_package_keeps_the_rules_of_the_house(rule: Rule) -> None:
    assert complaints(rule, package()) == []


def test_tests_fake_nothing_and_never_sleep() -> None:
    assert complaints(faking, sources("tests")) == []


@pytest.mark.parametrize(
    ("rule", "name", "bad"),
    [
        (impure, "nightlatch.plan.file", "from os import path"),
        (impure, "nightlatch.plan.file", "import urllib.request"),
        (impure, "nightlatch.plan.file", "from nightlatch.git.repo import Repo"),
        (impure, "nightlatch.verdict.judge", "from nightlatch.verdict import judge_io"),
        (impure, "nightlatch.plan.file", "now = datetime.now(UTC)"),
        (impure, "nightlatch.plan.file", "text = open('x').read()"),
        (stateful, "nightlatch.git.repo", "def f():\n    global seen"),
        (stateful, "nightlatch.git.repo", "SEEN: dict[str, int] = {}\ndef f():\n    SEEN['a'] = 1"),
        (stateful, "nightlatch.git.repo", "seen = []\ndef f():\n    seen.append(1)"),
        (roomy, "nightlatch.git.repo", "def f():\n" + "    pass\n" * 60),
        (roomy, "nightlatch.git.repo", "\n" * 600 + "x = 1"),
        (loose, "nightlatch.git.repo", "@dataclass(frozen=True)\nclass A:\n    a: dict[str, int]"),
        (loose, "nightlatch.git.repo", "@dataclass(frozen=True)\nclass A:\n    a: list[int] = []"),
        (faking, "tests.test_x", "from unittest.mock import patch"),
        (faking, "tests.test_x", "def f(monkeypatch):\n    monkeypatch.setattr('a', 1)"),
        (faking, "tests.test_x", "import time\ntime.sleep(1)"),
        (faking, "tests.test_x", "from time import sleep"),
    ],
)
def test_each_rule_speaks_up_where_it_is_broken(rule: Rule, name: str, bad: str) -> None:
    assert list(rule(name, ast.parse(bad))) != []


def order(config: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What import-linter says of the package by this configuration."""
    named = folder / "pyproject.toml"
    named.write_text(config, encoding="utf-8")
    program = Path(sys.executable).with_name("lint-imports")
    argv: list[str | Path] = [program, "--no-cache", "--config", named]
    return subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)


def test_packages_import_only_what_stands_below_them(tmp_path: Path) -> None:
    config = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    held = order(config, tmp_path)
    assert held.returncode == 0, held.stdout + held.stderr
    swapped = config.replace('  "cli",\n', "").replace('  "errors",\n', '  "errors",\n  "cli",\n')
    assert "cli" in order(swapped, tmp_path).stdout
    assert order(swapped, tmp_path).returncode == 1


def test_no_import_goes_in_circles() -> None:
    modules = package()
    list(
        TopologicalSorter(
            {
                name: needs(ast.parse(file.read_bytes()), set(modules))
                for name, file in modules.items()
            }
        ).static_order()
    )
    with pytest.raises(CycleError):
        list(TopologicalSorter({"a": {"b"}, "b": {"a"}}).static_order())


def at_start(tree: ast.Module) -> ast.Module:
    """What runs when a module is imported, as far as imports go."""
    return ast.Module(
        body=[node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))],
        type_ignores=[],
    )


def slow_to_start(modules: dict[str, ast.Module], program: str) -> list[str]:
    """The heavy libraries that starting a program imports, and the modules that do it."""
    seen, ahead = set(), [program]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += needs(modules[name], set(modules))
    return [
        f"{name} imports {other}"
        for name in sorted(seen)
        for other in sorted(set(imports(modules[name])))
        if within(other, HEAVY)
    ]


def test_no_command_waits_for_a_library_that_it_may_not_need() -> None:
    modules = {name: at_start(ast.parse(file.read_bytes())) for name, file in package().items()}
    starts = [name for name in modules if name in PROGRAMS or name.startswith("nightlatch.cli")]
    assert {
        program: slow_to_start(modules, program)
        for program in starts
        if slow_to_start(modules, program)
    } == {}
    bad = {
        "a": at_start(ast.parse("import b")),
        "b": at_start(ast.parse("from rich.text import Text")),
    }
    assert slow_to_start(bad, "a") == ["b imports rich.text", "b imports rich.text.Text"]


def test_every_silenced_warning_carries_its_reason() -> None:
    files = sources("nightlatch", "tests", "bench") | {"loop": ROOT / "loop.py"}
    assert [
        f"{name} {complaint}"
        for name, file in files.items()
        for complaint in unreasoned(file.read_text(encoding="utf-8"))
    ] == []
    assert unreasoned("x = 1  # noqa: E501\n") != []
    assert unreasoned("x = 1  # type: ignore\n") != []
    assert unreasoned("# the person's own shell line\nx = 1  # noqa: S602\n") == []
    assert unreasoned("x = 1  # noqa: S602  # the person's own shell line\n") == []


def test_the_loop_is_short_and_its_copies_are_equal() -> None:
    loop = (ROOT / "loop.py").read_bytes()
    assert loop == (ROOT / "nightlatch" / "shipped" / "loop.py").read_bytes()
    assert len(loop.splitlines()) < 80
