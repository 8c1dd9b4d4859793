"""How tests are found and run: what changed in the runner's configuration."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import basename, dirname

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.languages.tokenizer import brackets, code, language, tokens
from nightlatch.ratchet.model import LOOSER

SELECTION, STARTUP = "ratchet.runner-selection", "ratchet.test-startup"
PYTEST_FILES = (
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)
DEFAULTS = {
    "python_files": {"test_*.py", "*_test.py"},
    "python_classes": {"Test"},
    "python_functions": {"test"},
    "norecursedirs": {
        "*.egg",
        ".*",
        "_darcs",
        "build",
        "CVS",
        "dist",
        "node_modules",
        "venv",
        "{arch}",
    },
}
ONE_WAY = ("xfail_strict", "strict", "strict_markers", "strict_config")
KEYS = (
    "addopts",
    "testpaths",
    *DEFAULTS,
    *ONE_WAY,
    "pythonpath",
    "usefixtures",
    "collect_imported_tests",
    "empty_parameter_set_mark",
    "required_plugins",
    "reruns",
    "retries",
    "env",
    "doctest_optionflags",
    "confcutdir",
)
USUAL_FOLDERS = {"test", "tests", "testing", "src", "./tests", "tests/", "."}
HARMLESS = re.compile(
    r"-[qvls]+|-r\w*|-n (?:auto|logical|\d+)|--showlocals|--strict(?:-markers|-config)?|--tb"
    r" (?:auto|short|long|line|native)|--color yes"
    r"|--durations \d+|-W error\S*|--cov(?!-fail)\S*(?: \S+)?|--import-mode"
    r" importlib|--doctest-(?:modules|glob)(?: \S+)?|--dist \w+"
    r"|--verbose|--quiet|--runxfail|--(?:tb|durations|color|import-mode|dist|numprocesses"
    r"|timeout)=\S*|-p"
    r" no:cacheprovider"
)
NEEDED = re.compile(r"--doctest-.*|--runxfail|--strict.*|--cov-fail-under.*|-W error.*")
JS_CONFIG = re.compile(
    r"(?:vitest|vite|jest)\.(?:config|workspace)\.[cm]?[jt]s(?:on)?|\.mocharc\.\w+"
    r"|playwright\.config\.[cm]?[jt]s"
)
JS_KEYS = {
    "include",
    "exclude",
    "includeSource",
    "testNamePattern",
    "testMatch",
    "testRegex",
    "testPathIgnorePatterns",
    "modulePathIgnorePatterns",
    "roots",
    "rootDir",
    "root",
    "dir",
    "projects",
    "workspace",
    "retry",
    "retryTimes",
    "passWithNoTests",
    "allowOnly",
    "bail",
    "setupFiles",
    "setupFilesAfterEnv",
    "globalSetup",
    "globalTeardown",
    "environment",
    "testEnvironment",
    "moduleNameMapper",
    "alias",
    "runner",
    "testRunner",
    "testTimeout",
    "hookTimeout",
    "sequence",
    "shard",
    "related",
    "changed",
    "grep",
    "spec",
    "ignore",
    "require",
    "preset",
    "snapshotResolver",
    "transform",
    "update",
    "dangerouslyIgnoreUnhandledErrors",
    "testIgnore",
    "grepInvert",
}
WIDENING = {"include", "testMatch", "roots", "projects", "spec"}
NARROWING = {"exclude", "testPathIgnorePatterns", "ignore", "testIgnore"}
JS_INDIRECT = re.compile(
    r"(?:import|from|require\()\s*[\"'`]\.|\]\s*:(?!\s*\w+\s*[=;)])|\.test\.\w+\s*="
)
JS_NAMED = re.compile(
    rf"(?m)^(?:const|let|var)\s+(?:\w*(?:{'|'.join(sorted(JS_KEYS))}|list|tests|files|patterns)\w*)\b.*$",
    re.IGNORECASE,
)
SCRIPT = re.compile(r"(?:pre|post)?test")
THRESHOLD = re.compile(
    r"(?:fail[_-]under[\"']?\s*[=:"
    r" ]|\b(?:branches|functions|lines|statements)[\"']?\s*:)\s*[\"']?(\d+(?:\.\d+)?)"
)
Finding = tuple[str, str]
Settings = Mapping[str, tuple[str, ...]]


def selected(texts: Sequence[Text]) -> Iterator[Finding]:
    """(rule, detail) for each setting that decides which tests run, or how."""
    yield from _pytest(texts)
    for text in texts:
        name, old, new = basename(text.path), text.old or "", text.new or ""
        if JS_CONFIG.fullmatch(name):
            shared = name.startswith("vite.")
            yield from _settings(
                text,
                _js_settings(text.path, old, shared=shared),
                _js_settings(text.path, new, shared=shared),
            )
            if len(JS_INDIRECT.findall(new)) > len(JS_INDIRECT.findall(old)) or JS_NAMED.findall(
                old
            ) != JS_NAMED.findall(new):
                yield STARTUP, text.path
            elif "workspace" in name:
                yield SELECTION, text.path
        elif name == "package.json":
            yield from _package(text, _json(old), _json(new))
        elif name == "Cargo.toml":
            before = set(_cargo(_toml(old)))
            yield from (
                (SELECTION, f"{text.path}::{line}")
                for line in _cargo(_toml(new))
                if line not in before
            )
        elif name == "go.work" or re.search(
            r"(?:^|/)\.cargo/config(?:\.toml)?$|(?:^|/)\.config/nextest\.toml$", text.path
        ):
            yield SELECTION, text.path
        elif name == "build.rs":
            yield STARTUP, text.path
        elif name == ".npmrc" and "node-options" in new and "node-options" not in old:
            yield SELECTION, f"{text.path}::node-options"
        elif name.endswith("_test.go") and text.old is not None and _tags(new) - _tags(old):
            yield SELECTION, f"{text.path}::{', '.join(sorted(_tags(new) - _tags(old)))}"
        if (
            name in PYTEST_FILES
            or JS_CONFIG.fullmatch(name)
            or name in {".coveragerc", "package.json"}
        ) and _lowered(old, new):
            yield LOOSER, f"{text.path}::{_lowered(old, new)}"


def _pytest(texts: Iterable[Text]) -> Iterator[Finding]:
    """The settings that pytest goes by: those of the first of its files that has any."""
    files = sorted(
        (t for t in texts if basename(t.path) in PYTEST_FILES),
        key=lambda t: PYTEST_FILES.index(basename(t.path)),
    )
    for folder in sorted({dirname(t.path) for t in files}):
        here = [t for t in files if dirname(t.path) == folder]
        old = next((s for t in here if (s := settings(t.path, t.old)) is not None), None)
        text, new = next(
            ((t, s) for t in here if (s := settings(t.path, t.new)) is not None), (here[0], {})
        )
        for key in KEYS:
            before, after = (old or {}).get(key), new.get(key)
            if before != after and not _fine(key, before, after):
                yield (
                    SELECTION,
                    (
                        f"{text.path}::{key}{_line(text.new, key)}: {_words(before)} became"
                        f" {_words(after)}"
                    ),
                )


def settings(path: str, text: str | None) -> Settings | None:
    """pytest's settings in one file as words, None where pytest would look further."""
    if text is None:
        return None
    name = basename(path)
    if name.endswith(".toml"):
        data = _toml(text)
        above = _table(data, "tool") if name == "pyproject.toml" else data
        table = _table(above, "pytest")
        known = {
            key: _as_words(value) for key, value in (_table(table, "ini_options") or table).items()
        }
        return known if "pytest" in above or name != "pyproject.toml" else None
    title = "tool:pytest" if name == "setup.cfg" else "pytest"
    found = re.search(rf"^\[{title}\][^\n]*\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        return {} if name.endswith("pytest.ini") else None
    pairs = re.findall(
        r"^(\w+)[ \t]*[=:][ \t]*(.*(?:\n(?:[ \t]+.*|[ \t]*|[#;].*))*)", found[1], re.MULTILINE
    )
    return {key: _as_words(re.sub(r"(?m)^\s*[#;].*$", "", value)) for key, value in pairs}


def _as_words(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(map(str, value))
    text = str(value)
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def _words(value: Sequence[str] | None) -> str:
    return "nothing" if value is None else " ".join(value)[:120] or "empty"


def _fine(key: str, before: tuple[str, ...] | None, after: tuple[str, ...] | None) -> bool:
    """Does this change only let more tests run, or the same ones otherwise shown?"""
    usual = tuple(DEFAULTS.get(key, ()))
    old, new = set(before or usual), set(after or usual)
    match key:
        case "addopts":
            had, has = _options(before), _options(after)
            return all(map(HARMLESS.fullmatch, has - had)) and not any(
                map(NEEDED.fullmatch, had - has)
            )
        case "testpaths":
            return after is None or (new <= USUAL_FOLDERS if before is None else old <= new)
        case "norecursedirs":
            return new <= old | DEFAULTS[key]
        case "pythonpath":
            return all(re.search(r"(?:^|/)(?:src|lib|python|\.)/?$", word) for word in new - old)
        case _ if key in DEFAULTS:
            return old <= new
        case _ if key in ONE_WAY:
            return new == {"True"} or new == {"true"} or before is None
    return False


def _options(words: Sequence[str] | None) -> set[str]:
    """Each option with its value."""
    found = list[str]()
    for word in words or ():
        if word.startswith("-") or not found or " " in found[-1] or "=" in found[-1]:
            found.append(word)
        else:
            found[-1] += f" {word}"
    return set(found)


def _settings(text: Text, old: Settings, new: Settings) -> Iterator[Finding]:
    """The same for settings of JavaScript runners."""
    for key in sorted(old.keys() | new.keys()):
        before, after = set(old.get(key, ())), set(new.get(key, ()))
        wider = (key in WIDENING and before and before <= after) or (
            key in NARROWING and after <= before
        )
        if old.get(key) != new.get(key) and not wider:
            yield (
                SELECTION,
                (
                    f"{text.path}::{key}{_line(text.new, key)}: {_words(old.get(key))} became"
                    f" {_words(new.get(key))}"
                ),
            )


def _js_settings(path: str, text: str, *, shared: bool) -> Settings:
    """`key: value` of the keys that select tests; `shared`: the file also configures a build,
    whose aliases are its own affair."""
    # a configuration in JSON or YAML has no language of its own here
    read_as = path if language(path) else "config.js"
    found, settings = code(tokens(text, read_as)), dict[str, tuple[str, ...]]()
    pairs = brackets(found)
    for i, token in enumerate(found[:-1]):
        key = token.text.strip("'\"")
        if (
            key not in JS_KEYS
            or (shared and key in {"alias", "root"})
            or found[i + 1].text not in {":", ",", "}"}
        ):
            continue
        value, at = list[str](), i + 2
        while (
            found[i + 1].text == ":" and at < len(found) and found[at].text not in {",", "}", ";"}
        ):
            end = pairs.get(at, at)
            value += [
                t.text for t in found[at : end + 1] if t.text not in {"[", "]", ",", "(", ")"}
            ]
            at = end + 1
        if found[i + 1].text == ":" or (i and found[i - 1].text in {"{", ","}):
            settings[key] = (*settings.get(key, ()), *value)
    return settings


def _package(text: Text, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[Finding]:
    before, after = _table(old, "scripts"), _table(new, "scripts")
    for name in sorted(filter(SCRIPT.fullmatch, before.keys() | after.keys())):
        was, now = str(before.get(name, "")), str(after.get(name, ""))
        first = name == "test" and (not was or "no test specified" in was)
        if was != now and not first and not (was and now.endswith(f"&& {was}") and "||" not in now):
            yield (
                SELECTION,
                (
                    f"{text.path}::scripts.{name}{_line(text.new, name)}: {was or 'nothing'} became"
                    f" {now or 'nothing'}"
                ),
            )
    for runner in ("jest", "vitest", "mocha", "ava", "tap"):
        yield from _settings(text, _flat(_table(old, runner)), _flat(_table(new, runner)))


def _flat(table: Mapping[str, object]) -> Settings:
    return {key: _as_words(value) for key, value in table.items() if key in JS_KEYS}


def _cargo(data: Mapping[str, object]) -> Iterator[str]:
    """What keeps targets from being tested, or tests them with another program."""
    package = _table(data, "package")
    yield from (
        f"{key} = false"
        for key in ("autotests", "autobins", "autoexamples")
        if package.get(key) is False
    )
    for kind in ("test", "lib", "bin", "bench", "example"):
        found = data.get(kind, [])
        targets = [
            t for t in (found if isinstance(found, list) else [found]) if isinstance(t, dict)
        ]
        for name, key in (
            (t.get("name", ""), key)
            for t in targets
            for key in ("harness", "test", "doctest")
            if t.get(key) is False
        ):
            yield f"{kind} {name}: {key} = false"
    yield from (f"patch {name}" for name in _table(data, "patch"))


def _tags(text: str) -> set[str]:
    return set(re.findall(r"(?m)^//\s*(?:go:build|\+build)\s.*$", text.partition("\npackage ")[0]))


def _lowered(old: str, new: str) -> str:
    """The first coverage threshold that is lower now."""
    before, after = THRESHOLD.findall(old), THRESHOLD.findall(new)
    lower = [
        f"coverage {a} became {b}"
        for a, b in zip(before, after, strict=False)
        if float(b) < float(a) and len(before) == len(after)
    ]
    return lower[0] if lower else "coverage threshold gone" if before and not after else ""


def _toml(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _json(text: str) -> dict[str, object]:
    try:
        data = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _table(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def _line(text: str | None, word: str) -> str:
    """Where a word stands first, for a detail."""
    at = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text or "")
    return f" (line {(text or '').count(chr(10), 0, at.start()) + 1})" if at else ""
