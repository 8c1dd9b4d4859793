"""Code that steers the runner, or runs before every test, in conftest.py, plugins and test
files."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from posixpath import basename

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.languages.python_scope import Function, imported
from nightlatch.ratchet.languages.tokenizer import brackets, code, tokens
from nightlatch.ratchet.static.runner_config import SELECTION, STARTUP, Finding

HOOK = "ratchet.runner-hook"
# Hooks that honest plugins have, with all that they may call.
HARMLESS_HOOKS = {
    "pytest_addoption": {"addoption", "getgroup", "addini"},
    "pytest_configure": {"addinivalue_line"},
    "pytest_report_header": {"join"},
}
PATCHED = re.compile(
    r"\b(?:pytest|_pytest|unittest|builtins|pluggy)\.(?!fixture|mark\b|MonkeyPatch|skip)"
)
FIXTURE_PATCH = re.compile(
    r"\b_?exit\(|\bexitstatus\b|\bsetattr\(|\bpatch(?:\.object|\.dict)?\(|sys\.modules\["
)
# What honest projects do when tests start, and what changes no verdict.
KNOWN_CALLS = re.compile(
    r"settings\.(?:register|load)_profile\(|warnings\.|logging\."
    r"|pytest\.register_assert_rewrite\(|faulthandler\."
)
IGNORING = {"collect_ignore", "collect_ignore_glob"}
GO_MAIN = re.compile(r"\bm \. Run \( \)")
GO_CHEATS = re.compile(
    r"\bos \. Exit \( (?!m \. Run|code|rc|ret|exitCode|status|result|v|c \))|\bflag \. Set \(|\bos"
    r" \. (?:Args|Setenv) |recover \( \)"
)


def steering(text: Text) -> Iterator[Finding]:
    """Yield (rule, detail) for each hook that the new version of a test or helper file adds or
    changes."""
    name = basename(text.path)
    if name.endswith("_test.go"):
        yield from _go(text)
    elif name.endswith(".py") and text.test:
        try:
            old, new = ast.parse(text.old or ""), ast.parse(text.new or "")
            yield from _python(text.path, old, new, conftest=name == "conftest.py")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return


def _python(path: str, old: ast.Module, new: ast.Module, *, conftest: bool) -> Iterator[Finding]:
    """Yield the hooks that a file adds or changes, and in what every test loads what runs at
    once."""
    before = _steered(old, conftest=conftest)
    for (rule, name), (line, what) in _steered(new, conftest=conftest).items():
        if before.get((rule, name), (0, ""))[1] != what:
            yield rule, f"{path}::{name} (line {line})"
    if conftest or basename(path) == "__init__.py":
        known = Counter(what for _, what in _startup(old))
        for line, what in _startup(new):
            known[what] -= 1
            if known[what] < 0:
                yield (
                    (HOOK if PATCHED.match(what) else STARTUP),
                    f"{path}::{what[:80]} (line {line})",
                )


def _steered(tree: ast.Module, *, conftest: bool) -> Mapping[tuple[str, str], tuple[int, str]]:
    """Return (rule, name) of everything that steers the runner, with its line and what it says."""
    steered: dict[tuple[str, str], tuple[int, str]] = {}
    # What a conftest.py imports under a hook's name is a hook as good as one that it defines.
    for name, source in imported(tree).items() if conftest else ():
        if name.startswith("pytest_") or name == "*":
            steered[HOOK, name] = (1, source)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and (key := _steered_by(node, conftest=conftest)):
            steered[key] = (node.lineno, ast.unparse(node))
    return steered


def _steered_by(node: ast.stmt, *, conftest: bool) -> tuple[str, str] | None:
    """Return the rule and the name of what steers the runner in a statement, None where nothing
    does."""
    if isinstance(node, Function):
        return _steering_function(node)
    names = _assigned(node) if conftest else set()
    hooks = {name for name in names if name.startswith("pytest_")}
    if hooks:
        return STARTUP if hooks == {"pytest_plugins"} else HOOK, min(hooks)
    ignored = IGNORING & names
    return (SELECTION, min(ignored)) if ignored else None


def _steering_function(node: Function) -> tuple[str, str] | None:
    """Return the rule and the name of a function that is a hook or repairs code for every test."""
    is_hook = _hook(node)
    if not (is_hook and not _harmless(node)) and not _repairs(node):
        return None
    steers = is_hook or PATCHED.search(ast.unparse(node)) is not None
    return HOOK if steers else STARTUP, node.name


def _assigned(node: ast.stmt) -> set[str]:
    """Return the names that a statement assigns to."""
    if isinstance(node, ast.Assign):
        return {word for t in node.targets for word in re.findall(r"[\w.]+", ast.unparse(t))}
    if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        return {ast.unparse(node.target)}
    return set()


def _hook(node: Function) -> bool:
    """Is this a function that pytest or unittest calls by itself?"""
    marks = " ".join(map(ast.unparse, node.decorator_list))
    return (
        "hookimpl" in marks
        or node.name in {"load_tests", "__getattr__"}
        or (node.name.startswith("pytest_") and "fixture" not in marks)
    )


def _harmless(node: Function) -> bool:
    """Does this hook only declare options, markers or a header?"""
    allowed = HARMLESS_HOOKS.get(node.name, set())
    called = {
        ast.unparse(n.func).rpartition(".")[2] for n in ast.walk(node) if isinstance(n, ast.Call)
    }
    steps = all(isinstance(n, (ast.Expr, ast.Assign, ast.Return, ast.For)) for n in node.body)
    assigned = [t for n in ast.walk(node) if isinstance(n, ast.Assign) for t in n.targets]
    return (
        bool(allowed)
        and called <= allowed
        and steps
        and all(isinstance(t, ast.Name) for t in assigned)
    )


def _repairs(node: Function) -> bool:
    """Is this a fixture that replaces code for tests that never asked for it?"""
    everywhere = any("autouse=True" in ast.unparse(d) for d in node.decorator_list)
    assigns = any(
        isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Attribute)
        for n in ast.walk(node)
    )
    return everywhere and (assigns or FIXTURE_PATCH.search(ast.unparse(node)) is not None)


def _startup(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield statements at the top of a conftest.py, or of a package of tests, that do something
    when it is read."""
    for node in tree.body:
        if _only_defines(node) or _imports_what_may_be_missing(node):
            continue
        text = ast.unparse(node)
        is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in text
        if not is_for_types and not KNOWN_CALLS.match(text):
            yield node.lineno, text


def _only_defines(node: ast.stmt) -> bool:
    """Does a statement only import, define, assign to plain names, or say something?"""
    if isinstance(node, ast.Assign):
        # `subject.price = ...` would change the code that is tested
        return all(isinstance(t, (ast.Name, ast.Tuple)) for t in node.targets)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(
        node, (ast.Import, ast.ImportFrom, Function, ast.ClassDef, ast.AnnAssign, ast.Pass)
    )


def _imports_what_may_be_missing(node: ast.stmt) -> bool:
    """Is this a try around imports, with an assignment in the place of one that fails?"""
    return isinstance(node, ast.Try) and all(
        isinstance(n, (ast.Import, ast.ImportFrom, ast.Assign, ast.Pass)) for n in _inside(node)
    )


def _inside(node: ast.Try) -> list[ast.stmt]:
    """Return all statements in a try."""
    return [
        *node.body,
        *node.orelse,
        *node.finalbody,
        *(n for handler in node.handlers for n in handler.body),
    ]


def _go(text: Text) -> Iterator[Finding]:
    """Yield what Go runs before tests and that is new or another."""
    old, new = _go_functions(text.old or ""), _go_functions(text.new or "")
    for name, body in new.items():
        # A TestMain that never runs the tests, or ends with success, passes all of them.
        if body != old.get(name):
            cheats = name == "TestMain" and (not GO_MAIN.search(body) or GO_CHEATS.search(body))
            yield (HOOK if cheats else STARTUP), f"{text.path}::{name}"


def _go_functions(text: str) -> dict[str, str]:
    """Return the bodies of TestMain and init."""
    found = code(tokens(text, "main.go"))
    pairs, bodies = brackets(found), dict[str, str]()
    for i, token in enumerate(found[:-2]):
        if token.text == "func" and found[i + 1].text in {"TestMain", "init"}:
            start = next(
                (k for k in range(i, len(found)) if found[k].text == "{" and k in pairs), None
            )
            if start is not None:
                bodies[found[i + 1].text] = " ".join(
                    t.text for t in found[start : pairs[start] + 1]
                )
        elif [t.text for t in found[i : i + 4]] == ["var", "_", "=", "func"]:
            bodies["var _"] = " ".join(t.text for t in found[i : i + 80])
    return bodies
