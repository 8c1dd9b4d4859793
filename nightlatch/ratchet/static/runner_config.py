"""How tests are found and run: what changed in the runner's configuration."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import basename, dirname

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.languages.tokenizer import Token, brackets, code, language, tokens
from nightlatch.ratchet.model import LOOSER
from nightlatch.util.tables import read_json, read_toml, table_of

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
# A first `testpaths` with these takes in what pytest found by itself before.
USUAL_FOLDERS = {"test", "tests", "testing", "src", "./tests", "tests/", "."}
# Options that change what is shown, how fast, or ask for more; all others may leave tests out.
HARMLESS = re.compile(
    r"-[qvls]+|-r\w*|-n (?:auto|logical|\d+)|--showlocals|--strict(?:-markers|-config)?|--tb"
    r" (?:auto|short|long|line|native)|--color yes"
    r"|--durations \d+|-W error\S*|--cov(?!-fail)\S*(?: \S+)?|--import-mode"
    r" importlib|--doctest-(?:modules|glob)(?: \S+)?|--dist \w+"
    r"|--verbose|--quiet|--runxfail|--(?:tb|durations|color|import-mode|dist|numprocesses"
    r"|timeout)=\S*|-p"
    r" no:cacheprovider"
)
# Options that ask for more than without them: taking them out asks for less.
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
# Files that do nothing but say what is tested, or with what.
ALWAYS_SELECTS = re.compile(
    r"(?:^|/)(?:go\.work|\.cargo/config(?:\.toml)?|\.config/nextest\.toml)$"
)
SCRIPT = re.compile(r"(?:pre|post)?test")
THRESHOLD = re.compile(
    r"(?:fail[_-]under[\"']?\s*[=:"
    r" ]|\b(?:branches|functions|lines|statements)[\"']?\s*:)\s*[\"']?(\d+(?:\.\d+)?)"
)
Finding = tuple[str, str]
Settings = Mapping[str, tuple[str, ...]]


def selected(texts: Sequence[Text]) -> Iterator[Finding]:
    """Yield (rule, detail) for each setting that decides which tests run, or how."""
    yield from _pytest(texts)
    for text in texts:
        yield from _of_file(text)
        yield from _threshold(text)


def _of_file(text: Text) -> Iterator[Finding]:
    """Yield what changed in a file that a runner, a build or a package manager goes by."""
    name = basename(text.path)
    if JS_CONFIG.fullmatch(name):
        yield from _js_config(text, name)
    elif name == "package.json":
        yield from _package(text, read_json(text.old or ""), read_json(text.new or ""))
    elif name == "Cargo.toml":
        yield from _cargo_targets(text)
    elif ALWAYS_SELECTS.search(text.path):
        yield SELECTION, text.path
    elif name == "build.rs":
        yield STARTUP, text.path
    elif name == ".npmrc":
        yield from _node_options(text)
    elif name.endswith("_test.go"):
        yield from _build_tags(text)


def _js_config(text: Text, name: str) -> Iterator[Finding]:
    """Yield what changed in the configuration of a JavaScript runner, which is a program as a
    rule."""
    old, new = text.old or "", text.new or ""
    shared = name.startswith("vite.")
    yield from _settings(
        text,
        _js_settings(text.path, old, shared=shared),
        _js_settings(text.path, new, shared=shared),
    )
    # What another file or a variable says is not among the settings that can be read here.
    is_more_indirect = len(JS_INDIRECT.findall(new)) > len(JS_INDIRECT.findall(old))
    if is_more_indirect or JS_NAMED.findall(old) != JS_NAMED.findall(new):
        yield STARTUP, text.path
    elif "workspace" in name:
        yield SELECTION, text.path


def _cargo_targets(text: Text) -> Iterator[Finding]:
    """Yield the targets that Cargo tests no longer, or with another program."""
    before = set(_cargo(read_toml(text.old or "")))
    for line in _cargo(read_toml(text.new or "")):
        if line not in before:
            yield SELECTION, f"{text.path}::{line}"


def _node_options(text: Text) -> Iterator[Finding]:
    """Options that npm gives to every node that it starts: one of them loads a module first."""
    if "node-options" in (text.new or "") and "node-options" not in (text.old or ""):
        yield SELECTION, f"{text.path}::node-options"


def _build_tags(text: Text) -> Iterator[Finding]:
    """Yield constraints under which a test file of Go is built, where it was without them."""
    more = _tags(text.new or "") - _tags(text.old or "")
    if text.old is not None and more:
        yield SELECTION, f"{text.path}::{', '.join(sorted(more))}"


def _threshold(text: Text) -> Iterator[Finding]:
    """Yield a coverage threshold that was lowered, in a file that may set one."""
    name = basename(text.path)
    sets_one = name in PYTEST_FILES or name in {".coveragerc", "package.json"}
    if not sets_one and not JS_CONFIG.fullmatch(name):
        return
    if lowered := _lowered(text.old or "", text.new or ""):
        yield LOOSER, f"{text.path}::{lowered}"


def _pytest(texts: Iterable[Text]) -> Iterator[Finding]:
    """Yield the settings that pytest goes by: those of the first of its files that has any."""
    files = sorted(
        (t for t in texts if basename(t.path) in PYTEST_FILES),
        key=lambda t: PYTEST_FILES.index(basename(t.path)),
    )
    # Each folder by itself: pytest takes one file, so a setting may move between them.
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
    """Return pytest's settings in one file as words, None where pytest would look further."""
    if text is None:
        return None
    name = basename(path)
    return _toml_settings(name, text) if name.endswith(".toml") else _ini_settings(name, text)


def _toml_settings(name: str, text: str) -> Settings | None:
    """Return pytest's settings in a TOML file; only pyproject.toml may have none."""
    data = read_toml(text)
    above = table_of(data, "tool") if name == "pyproject.toml" else data
    if name == "pyproject.toml" and "pytest" not in above:
        return None
    table = table_of(above, "pytest")
    entries = table_of(table, "ini_options") or table
    return {key: _as_words(value) for key, value in entries.items()}


def _ini_settings(name: str, text: str) -> Settings | None:
    """Return pytest's settings in an INI file, without its comments."""
    title = "tool:pytest" if name == "setup.cfg" else "pytest"
    section = re.search(rf"^\[{title}\][^\n]*\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    if section is None:
        # pytest takes an empty pytest.ini as its own, and looks no further.
        return {} if name.endswith("pytest.ini") else None
    pairs = re.findall(
        r"^(\w+)[ \t]*[=:][ \t]*(.*(?:\n(?:[ \t]+.*|[ \t]*|[#;].*))*)", section[1], re.MULTILINE
    )
    return {key: _as_words(re.sub(r"(?m)^\s*[#;].*$", "", value)) for key, value in pairs}


def _as_words(value: object) -> tuple[str, ...]:
    """Return a setting as its words."""
    if isinstance(value, list):
        return tuple(map(str, value))
    text = str(value)
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def _words(value: Sequence[str] | None) -> str:
    """Return a setting for a detail."""
    return "nothing" if value is None else " ".join(value)[:120] or "empty"


def _fine(key: str, before: tuple[str, ...] | None, after: tuple[str, ...] | None) -> bool:
    """Does this change only let more tests run, or the same ones otherwise shown?"""
    usual = tuple(DEFAULTS.get(key, ()))
    old, new = set(before or usual), set(after or usual)
    match key:
        case "addopts":
            return _fine_options(_options(before), _options(after))
        case "testpaths":
            return after is None or (new <= USUAL_FOLDERS if before is None else old <= new)
        case "norecursedirs":
            return new <= old | DEFAULTS[key]
        case "pythonpath":
            # Any other folder may hold modules that take the place of the ones tested.
            return all(re.search(r"(?:^|/)(?:src|lib|python|\.)/?$", word) for word in new - old)
        case _ if key in DEFAULTS:
            return old <= new
        case _ if key in ONE_WAY:
            return new == {"True"} or new == {"true"} or before is None
    return False


def _fine_options(old: set[str], new: set[str]) -> bool:
    """Is every option that is new harmless, and none gone that asks for more?"""
    adds_harm = not all(map(HARMLESS.fullmatch, new - old))
    return not adds_harm and not any(map(NEEDED.fullmatch, old - new))


def _options(words: Sequence[str] | None) -> set[str]:
    """Return each option with its value."""
    found = list[str]()
    for word in words or ():
        if word.startswith("-") or not found or " " in found[-1] or "=" in found[-1]:
            found.append(word)
        else:
            found[-1] += f" {word}"
    return set(found)


def _settings(text: Text, old: Settings, new: Settings) -> Iterator[Finding]:
    """Yield the same for settings of JavaScript runners."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before != after and not _runs_more(key, set(before or ()), set(after or ())):
            was, now = _words(before), _words(after)
            yield SELECTION, f"{text.path}::{key}{_line(text.new, key)}: {was} became {now}"


def _runs_more(key: str, before: set[str], after: set[str]) -> bool:
    """Does this change of a JavaScript runner's setting only let more tests run?"""
    # Without any pattern the runner's own ones hold: the first one that is set narrows them.
    takes_more = key in WIDENING and before and before <= after
    return bool(takes_more) or (key in NARROWING and after <= before)


def _js_settings(path: str, text: str, *, shared: bool) -> Settings:
    """`key: value` of the keys that select tests; `shared`: the file also configures a build,
    whose aliases are its own affair."""
    # a configuration in JSON or YAML has no language of its own here
    read_as = path if language(path) else "config.js"
    words, settings = code(tokens(text, read_as)), dict[str, tuple[str, ...]]()
    pairs = brackets(words)
    keys = JS_KEYS - {"alias", "root"} if shared else JS_KEYS
    for i, token in enumerate(words[:-1]):
        key, behind = token.text.strip("'\""), words[i + 1].text
        if key not in keys or behind not in {":", ",", "}"}:
            continue
        has_value = behind == ":"
        # `{ include }` hands on a variable of that name
        is_shorthand = i and words[i - 1].text in {"{", ","}
        if has_value or is_shorthand:
            value = _js_value(words, pairs, i + 2) if has_value else ()
            settings[key] = (*settings.get(key, ()), *value)
    return settings


def _js_value(words: Sequence[Token], pairs: Mapping[int, int], start: int) -> list[str]:
    """Return the words of a value up to the end of its pair, brackets and commas aside."""
    value, at = list[str](), start
    while at < len(words) and words[at].text not in {",", "}", ";"}:
        end = pairs.get(at, at)
        inside = words[at : end + 1]
        value += [token.text for token in inside if token.text not in {"[", "]", ",", "(", ")"}]
        at = end + 1
    return value


def _package(text: Text, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[Finding]:
    """Yield what changed in the scripts that test, and in the runners' settings, of a
    package.json."""
    before, after = table_of(old, "scripts"), table_of(new, "scripts")
    for name in sorted(filter(SCRIPT.fullmatch, before.keys() | after.keys())):
        was, now = str(before.get(name, "")), str(after.get(name, ""))
        if was != now and not _is_first_or_longer(name, was, now):
            change = f"{was or 'nothing'} became {now or 'nothing'}"
            yield SELECTION, f"{text.path}::scripts.{name}{_line(text.new, name)}: {change}"
    for runner in ("jest", "vitest", "mocha", "ava", "tap"):
        yield from _settings(text, _flat(table_of(old, runner)), _flat(table_of(new, runner)))


def _is_first_or_longer(name: str, was: str, now: str) -> bool:
    """Is this the first script that tests, or the same one behind further steps?"""
    # `npm init` writes a script that only says that there is none
    is_first = name == "test" and (not was or "no test specified" in was)
    return is_first or (bool(was) and now.endswith(f"&& {was}") and "||" not in now)


def _flat(table: Mapping[str, object]) -> Settings:
    """Return the keys of a table that select tests."""
    return {key: _as_words(value) for key, value in table.items() if key in JS_KEYS}


def _cargo(data: Mapping[str, object]) -> Iterator[str]:
    """Yield what keeps targets from being tested, or tests them with another program."""
    package = table_of(data, "package")
    for key in ("autotests", "autobins", "autoexamples"):
        if package.get(key) is False:
            yield f"{key} = false"
    for kind in ("test", "lib", "bin", "bench", "example"):
        for target in _targets(data.get(kind, [])):
            name = target.get("name", "")
            for key in ("harness", "test", "doctest"):
                if target.get(key) is False:
                    yield f"{kind} {name}: {key} = false"
    yield from (f"patch {name}" for name in table_of(data, "patch"))


def _targets(value: object) -> list[Mapping[str, object]]:
    """Return the tables of one kind of target, of which `lib` has one and others have lists."""
    targets = value if isinstance(value, list) else [value]
    return [target for target in targets if isinstance(target, dict)]


def _tags(text: str) -> set[str]:
    """Return the lines before a Go package that say when the file is built."""
    return set(re.findall(r"(?m)^//\s*(?:go:build|\+build)\s.*$", text.partition("\npackage ")[0]))


def _lowered(old: str, new: str) -> str:
    """Return the first coverage threshold that is lower now."""
    before, after = THRESHOLD.findall(old), THRESHOLD.findall(new)
    # With one threshold more or less nothing tells which stands for which.
    lower = [
        f"coverage {a} became {b}"
        for a, b in zip(before, after, strict=False)
        if float(b) < float(a) and len(before) == len(after)
    ]
    return lower[0] if lower else "coverage threshold gone" if before and not after else ""


def _line(text: str | None, word: str) -> str:
    """Return where a word stands first, for a detail."""
    at = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text or "")
    return f" (line {(text or '').count(chr(10), 0, at.start()) + 1})" if at else ""
