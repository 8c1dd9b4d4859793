"""Tests that are called one by one without their framework: what has to lie in a tree for that,
and what came of it."""

import configparser
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from nightlatch.suite.results import function_of

PASSED, FAILED = "passed", "failed"
BY_RUNNER = {
    "pytest": "python",
    "unittest": "python",
    "node --test": "node",
    "vitest": "vite",
    "go test": "go",
}
BETWEEN = {"node": "::", "vite": " > "}
STARTS = frozenset({"node", "tsx"})
ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
LOADING = frozenset(
    {"--import", "--require", "-r", "--loader", "--experimental-loader", "--conditions", "-C"}
)
SETTINGS = (
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be called in one suite, by the ids that its runner reports, and what that needs.

    `name` is a word that nothing else in the project has. `files` lie in the tree beside the
    project's own.
    """

    how: str
    name: str
    ids: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    given: str = ""

    def outcomes(self, told: Mapping[str, str]) -> dict[str, str]:
        """Return what each id came to, by what was written down; an id of rows comes to what its
        function does.

        `file::*` and `*` stand for what was not even come to.
        """
        found: dict[str, str] = {}
        for name in self.ids:
            # What ended before a test was come to stands for all tests behind it.
            keys = (called(self.how, name), f"{name.split('::', 1)[0]}::*", "*")
            came = next((told[key] for key in keys if key in told), "")
            found |= {name: came} if came else {}
        return found


def called(how: str, name: str) -> str:
    """Return how the caller of functions names an id: without its row where the rows are the
    function's own."""
    return name if how in BETWEEN else function_of(name)


def python_work(name: str, ids: Iterable[str], read: Callable[[str], str | None]) -> Work:
    """Return what is needed for test functions of Python.

    `read` gives the text of a file in the suite's folder.
    """
    names = tuple(ids)
    wanted = sorted({tuple(function_of(one).split("::", 1)) for one in names if "::" in one})
    given = json.dumps({"paths": [*module_paths(read), ""], "wanted": wanted})
    return Work(how="python", name=name, ids=names, given=given)


def script_work(how: str, name: str, ids: Iterable[str]) -> Work:
    """Return the same for JavaScript and TypeScript, where a file's tests are only known by
    running it."""
    names = tuple(ids)
    files = sorted({one.split("::", 1)[0] for one in names})
    given = json.dumps({"files": files, "between": BETWEEN[how], "vite": how == "vite"})
    return Work(how=how, name=name, ids=names, given=given)


# A test with types that does nothing: where even that cannot be called, files with types are not to
# be loaded in this way.
TYPED = """import { test } from "node:test";

const one: number = 1;
test("part", (): void => {
  if (one !== 1) throw new Error();
});
"""


def node_words(command: Iterable[str]) -> list[str]:
    """Return how a suite's command starts node: the program, with all by which files are loaded,
    and what is set in its environment."""
    words = [*command]
    try:
        if words[:2] == ["sh", "-c"] and len(words) > 2:
            words = shlex.split(words[2].partition(";")[2] or words[2])
    except ValueError:
        return ["node"]
    at = next((n for n, word in enumerate(words) if word.rpartition("/")[2] in STARTS), None)
    if at is None:
        return ["node"]
    first = next((n for n in range(at, 0, -1) if not ASSIGNED.match(words[n - 1])), 0)
    env = words[first:at]
    return [*(["env", *env] if env else []), words[at], *_options(words[at + 1 :])]


def _options(words: Iterable[str]) -> list[str]:
    """Return the options before the first file, with their values."""
    options, rest = list[str](), iter(words)
    for word in rest:
        if not word.startswith("-"):
            break
        # With these node would look for tests itself, and run no single file.
        if word.startswith("--test"):
            continue
        options += [word, next(rest, "")] if word in LOADING else [word]
    return options


def module_paths(read: Callable[[str], str | None]) -> list[str]:
    """Return where pytest would look for modules of the project: its folder, and what the
    setting `pythonpath` names."""
    found = [""]
    for name in SETTINGS:
        text = read(name)
        if text:
            found += _pythonpath(name, text)
    return [*dict.fromkeys(found), "src"]


def _pythonpath(name: str, text: str) -> list[str]:
    """Return the folders that a setting of pytest names for modules, none where it cannot be
    read."""
    try:
        if name.endswith(".toml"):
            data = tomllib.loads(text)
            pytest = data.get("tool", {}).get("pytest", {}) if name == "pyproject.toml" else data
            value = {**pytest, **pytest.get("ini_options", {}), **data.get("pytest", {})}.get(
                "pythonpath", []
            )
            return value.split() if isinstance(value, str) else [str(one) for one in value]
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(text)
        section = "tool:pytest" if name == "setup.cfg" else "pytest"
        return parser.get(section, "pythonpath", fallback="").split()
    except (ValueError, TypeError, AttributeError, configparser.Error):
        return []


def python_in_clothes(work: Work, source: str) -> dict[str, str]:
    """Return a test file that calls the same functions in the same way inside of the framework,
    with one test for each id."""
    wanted = json.loads(work.given)["wanted"]
    tail = f"""

import pytest

WANTED = {wanted!r}


@pytest.mark.parametrize("n", range({len(wanted)}))
def test_{work.name}(n):
    assert set(every([WANTED[n]], os.getcwd(), False).values()) == {{"passed"}}
"""
    return {f"test_{work.name}.py": source + tail}


def script_in_clothes(work: Work, source: str, path: str) -> dict[str, str]:
    """Return the same for JavaScript."""
    framework = "node:test" if work.how == "node" else "vitest"
    names = json.dumps(list(work.ids))
    tail = f"""
import {{ test as part }} from "{framework}";

const came = every({work.given});
for (const [n, name] of {names}.entries()) {{
  part(`{work.name} ${{n}}`, async () => {{
    if ((await came)[name] !== "passed") throw new Error(name);
  }});
}}
"""
    return {path: source + tail}


def clothed_id(work: Work, name: str, path: str) -> str:
    """Return the id under which the test file above reports one of the work's ids."""
    if work.how == "python":
        wanted = [tuple(one) for one in json.loads(work.given)["wanted"]]
        row = wanted.index(tuple(function_of(name).split("::", 1)))
        return f"test_{work.name}.py::test_{work.name}[{row}]"
    return f"{path}::{work.name} {work.ids.index(name)}"


def speaks_of(aspect: str, texts: Iterable[str], top: str) -> bool:
    """Does any of these texts, which the candidate did not write, name what this aspect is
    about?"""
    pattern = re.compile(NAMED.get(aspect) or rf"{re.escape(top)}(?![\w.-])")
    return any(pattern.search(text) for text in texts)


NAMED = {
    "the repository's history": r"\bgit\b|\.git\b|setuptools_scm|versioneer|hatch-vcs",
    "the variables of a check": r"NIGHTLATCH_|\bCI\b|PYTHONHASHSEED",
}
