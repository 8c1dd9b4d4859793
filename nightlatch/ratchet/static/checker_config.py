"""What tools that check code enforce, before and after a change: configuration, baselines,
words in build files, tries of properties."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from posixpath import basename, dirname
from typing import Any

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.checkers import Checkers, Source, Tool, named
from nightlatch.ratchet.static.tool_settings import Flat, UnreadableError, read

LOOSENED = "ratchet.check-loosened"
# The end of a line about a setting of which nothing tells whether it enforces more or less:
# measuring may settle it.
UNKNOWN = ", and what that means is not known"
# Levels of many tools in one order; a rule that is only there counts as a warning.
LEVELS = {
    "off": 0,
    "0": 0,
    "none": 0,
    "false": 0,
    "silent": 0,
    "suggestion": 0.5,
    "hint": 0.5,
    "information": 0.5,
    "info": 0.5,
    "on": 1,
    "warn": 1,
    "1": 1,
    "warning": 1,
    "true": 1,
    "error": 2,
    "2": 2,
}
LINTS = {"allow": 0, "expect": 0, "warn": 1, "deny": 2, "forbid": 3}
NO = {"false", "0", "no", "off", "none", ""}
SHOWN = 60
PART = re.compile(
    r"\.(?:toml|jsonc?|ya?ml|ini|cfg|neon|xml|conf)\Z|(?:lint|prettier|biome|tsconfig"
    r"|config)\S*\.[cm]?[jt]s\Z"
)
Finding = tuple[str, str]


def loosened(texts: Sequence[Text], known: Checkers) -> Iterator[Finding]:
    """Yield (rule, detail) for everything by which a check lets more pass.

    Unchanged files are among the texts where they decide which counts.
    """
    for tool in known.tools:
        yield from _tool(tool, texts)
    changed = [text for text in texts if text.old != text.new]
    for text in changed:
        yield from _baseline(text, known)
        yield from _words(text, known)
        yield from _tries(text, known)
        if basename(text.path) == "package.json":
            yield from _scripts(text, known)


def _tool(tool: Tool, texts: Sequence[Text]) -> Iterator[Finding]:
    """Yield what changed in a tool's configuration, folder by folder: a file that takes
    another's place with the same meaning changes nothing."""
    files = [source.name for source in tool.sources]
    configs = [text for text in texts if named(text.path, files)]
    for folder in sorted({dirname(text.path) for text in configs if text.old != text.new}):
        try:
            yield from _folder(tool, folder, configs)
        except UnreadableError:
            here = next(text for text in configs if dirname(text.path) == folder)
            yield LOOSENED, f"{here.path}::{tool.name}: it cannot be read"
    yield from _parts(tool, configs, texts)


def _folder(tool: Tool, folder: str, configs: Sequence[Text]) -> Iterator[Finding]:
    """Yield what the settings in a folder let pass now. Raises UnreadableError."""
    here = [text for text in configs if dirname(text.path) == folder]
    (had, _), (has, text) = _effective(tool, here, old=True), _effective(tool, here, old=False)
    # A file where none was cuts the folder off from the configuration above it.
    is_first = had is None and has is not None
    if is_first and any(_is_above(dirname(other.path), folder) for other in configs):
        yield (
            LOOSENED,
            f"{text.path}::{tool.name}: it takes the place of the configuration further up",
        )
    old, new = had or {}, has or {}
    for key in sorted(old.keys() | new.keys()):
        if looser(tool.sort(key), old.get(key), new.get(key)):
            setting = f"{text.path}::{tool.name} {key[:SHOWN]}{_line(text.new, key)}"
            more = UNKNOWN if tool.sort(key) == "same" else ""
            change = f"{_shown(old.get(key))} became {_shown(new.get(key))}"
            yield LOOSENED, f"{setting}: {change}{more}"


def _is_above(folder: str, other: str) -> bool:
    """Does one folder hold another one?"""
    return folder != other and f"{other}/".startswith(f"{folder}/" if folder else "")


def _parts(tool: Tool, configs: Sequence[Text], texts: Sequence[Text]) -> Iterator[Finding]:
    """Yield what changed in files that the tool's own configuration names: a shared part of it,
    however it is called."""
    before = "\n".join(text.old or "" for text in configs)
    for text in texts:
        name = basename(text.path)
        if text in configs or text.old is None or text.old == text.new or not PART.search(name):
            continue
        is_named = re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", before)
        if is_named and (text.new is None or read(text.old, "lines") != read(text.new, "lines")):
            yield LOOSENED, f"{text.path}::{tool.name}: the configuration takes it in"


def _effective(tool: Tool, here: Sequence[Text], *, old: bool) -> tuple[Flat | None, Text]:
    """Return the settings that the tool takes in a folder, None for none, and the file that they
    come from."""
    for source in tool.sources:
        for text in here:
            version = text.old if old else text.new
            found = _settings(source, text.path, version)
            if found is not None:
                return found, text
    return None, next((text for text in here if text.old != text.new), here[0])


def _settings(source: Source, path: str, version: str | None) -> Flat | None:
    """Return the settings in one version of a file, None where it is none of this source."""
    return (
        None
        if version is None or not named(path, [source.name])
        else read(version, source.form, source.table)
    )


def looser(sort: str, old: Any, new: Any) -> bool:
    """May what a setting of this sort became let more pass?

    None: it is not there, and the tool's default holds.
    """
    if _plain(old) == _plain(new) or sort == "free":
        return False
    # What nothing is known of may enforce more or less: a change of it has to be looked at.
    compare = COMPARED_BY.get(sort)
    return True if compare is None else compare(old, new)


def _loses(old: Any, new: Any) -> bool:
    """Is a part of a list gone that asks for more?"""
    return bool(_set(old) - _set(new))


def _loses_only(old: Any, new: Any) -> bool:
    """Is a part gone of a list that, once it is there, is all that counts?"""
    return _loses(old, new) or old is None or new is None


def _lower_level(old: Any, new: Any) -> bool:
    """Is a rule taken less seriously, or with other options?"""
    has_other_options = _options(old) != _options(new) and _level(new, LEVELS) > 0
    return _level(old, LEVELS) > _level(new, LEVELS) or has_other_options


def _lower_lint_level(old: Any, new: Any) -> bool:
    """Is a lint of rustc taken less seriously, or allowed for the first time?"""
    is_first_allowed = old is None and _level(new, LINTS) == 0
    return _level(old, LINTS) > _level(new, LINTS) or is_first_allowed


def _number(sort: str, old: Any, new: Any) -> bool:
    """A limit that was not there may be below or above the default; a threshold that is new
    asks for more than none."""
    if old is None:
        return sort == "max"
    try:
        before, after = (float(str(value).rstrip("%")) for value in (old, new))
    except ValueError:
        return True
    return after > before if sort == "max" else after < before


def _warnings(old: Any, new: Any) -> bool:
    """Return pytest's filters: an error taken out, or anything else put in, lets a warning pass."""
    before, after = ({line.strip() for line in _list(value)} for value in (old, new))
    return any(line.startswith("error") for line in before - after) or any(
        not line.startswith("error") for line in after - before
    )


def _list(value: Any) -> list[str]:
    """Return a setting of several lines as its lines."""
    return (
        [str(part) for part in value] if isinstance(value, list) else str(value or "").splitlines()
    )


def _set(value: Any) -> set[str]:
    """Return the parts of a list, however it is written."""
    if isinstance(value, list):
        return {str(part) for part in value}
    return set(filter(None, re.split(r"[,\s]+", str(value)))) if value is not None else set()


def _truth(value: Any) -> float:
    """Return 1 for on, 0 for off, and a half for what is not said."""
    # A tool's default is not known: between on and off it makes taking out the one, and putting in
    # the other, a loosening.
    if value is None:
        return 0.5
    return float(str(value).strip().lower() not in NO)


def _level(value: Any, levels: dict[str, Any]) -> float:
    """Return how serious a rule is taken, however its level is written."""
    # A rule that is not named has its tool's default: more than off, less than named.
    if value is None:
        return 0.25
    level = value
    if isinstance(value, list) and value:
        level = value[0]
    elif isinstance(value, dict):
        level = value.get("level")
    return float(levels.get(str(level).strip().lower(), 1))


def _options(value: Any) -> str:
    """Return what a rule is given beside its level."""
    return str(value[1:]) if isinstance(value, list) else ""


def _plain(value: Any) -> Any:
    """Return one form for values that mean the same."""
    if isinstance(value, list) and all(isinstance(part, str | int) for part in value):
        return frozenset(map(str, value))
    return (
        " ".join(str(value).split()).lower()
        if isinstance(value, str | bool | int | float)
        else value
    )


COMPARED_BY: Mapping[str, Callable[[Any, Any], bool]] = {
    "more": _loses,
    "only": _loses_only,
    "less": lambda old, new: _loses(new, old),
    "on": lambda old, new: _truth(new) < _truth(old),
    "off": lambda old, new: _truth(new) > _truth(old),
    "max": lambda old, new: _number("max", old, new),
    "min": lambda old, new: _number("min", old, new),
    "level": _lower_level,
    "lint_level": _lower_lint_level,
    "warnings": _warnings,
}


def _baseline(text: Text, known: Checkers) -> Iterator[Finding]:
    """Yield a list of what is overlooked that has grown; numbers of lines in it do not matter."""
    if not named(text.path, known.baselines) or text.new is None:
        return
    before, after = (
        re.sub(r"\d+|[,\s]+$", "", version or "", flags=re.MULTILINE).splitlines()
        for version in (text.old, text.new)
    )
    # Line numbers are gone by now: an entry that only moved is the same one.
    left = list(map(str.strip, before))
    for number, line in enumerate(map(str.strip, after), 1):
        if line in left:
            left.remove(line)
        elif re.search(r"\w", line):
            yield LOOSENED, f"{text.path}::baseline (line {number}): more is overlooked"
            return


def _words(text: Text, known: Checkers) -> Iterator[Finding]:
    """Yield words of build files that switch a check on and are fewer, or off and are more."""
    for words in known.words:
        if named(text.path, words.files):
            for pattern in words.fewer:
                yield from _fewer_words(text, pattern)
            for pattern in words.more:
                yield from _more_words(text, pattern)


def _fewer_words(text: Text, pattern: re.Pattern[str]) -> Iterator[Finding]:
    """Yield a word that stands in a file less often; one that is deleted is another matter."""
    before, after = _counts(text, pattern)
    if before > after and text.new is not None:
        what = _first(pattern, text.old or "")
        yield LOOSENED, f"{text.path}::{what}: {before} became {after}"


def _more_words(text: Text, pattern: re.Pattern[str]) -> Iterator[Finding]:
    """Yield a word that stands in a file more often; a new file may say what it likes."""
    before, after = _counts(text, pattern)
    if after > before and text.old is not None:
        what, where = _first(pattern, text.new or ""), _at(text.new, pattern)
        yield LOOSENED, f"{text.path}::{what}{where}: {before} became {after}"


def _counts(text: Text, pattern: re.Pattern[str]) -> tuple[int, int]:
    """Return how often a pattern stands in a file, before and after."""
    return len(pattern.findall(text.old or "")), len(pattern.findall(text.new or ""))


def _first(pattern: re.Pattern[str], text: str) -> str:
    """Return the first words that fit a pattern, for a detail."""
    found = pattern.search(text)
    return (found[0].strip() if found else pattern.pattern)[:SHOWN]


def _tries(text: Text, known: Checkers) -> Iterator[Finding]:
    """Yield properties that are tried less often than before; a new property may be tried as
    often as it likes."""
    for tries in known.tries:
        if text.old is None or text.new is None or not named(text.path, tries.files):
            continue
        before, after = (
            sorted(map(int, tries.find.findall(version))) for version in (text.old, text.new)
        )
        new_ones = max(len(tries.each.findall(text.new)) - len(tries.each.findall(text.old)), 0)
        gone, come = _without(before, after), _without(after, before)
        lower = [number for number in come if number < max(gone, default=tries.usual)]
        if len(lower) > new_ones:
            yield (
                LOOSENED,
                (
                    f"{text.path}::tries{_at(text.new, tries.find)}: {_shown(gone or tries.usual)}"
                    f" became {_shown(lower)}"
                ),
            )


def _without(numbers: Iterable[int], others: Iterable[int]) -> list[int]:
    """Return the first numbers without the others, each taken out as often as it is there."""
    left = list(others)
    return [number for number in numbers if number not in left or left.remove(number)]  # type: ignore[func-returns-value]  # None: one is used up


def _scripts(text: Text, known: Checkers) -> Iterator[Finding]:
    """Yield scripts that start a checker and no longer end as it does."""
    try:
        old, new = (
            read(version or "{}", "json", "scripts") or {} for version in (text.old, text.new)
        )
    except UnreadableError:
        return
    names = "|".join(map(re.escape, known.programs or ("nothing at all",)))
    starts_checker = re.compile(rf"(?<![\w-])(?:{names})(?![\w-])")
    for name, value in sorted(old.items()):
        was, now = str(value), str(new.get(name, ""))
        # a value that is no string is compared as it stands
        if value != now and starts_checker.search(was) and _may_end_otherwise(was, now):
            change = f"{_shown(value)} became {_shown(now or None)}"
            yield LOOSENED, f"{text.path}::scripts.{name}{_line(text.new, name)}: {change}"


def _may_end_otherwise(was: str, now: str) -> bool:
    """Is a step of a script gone, or may what is new in it hide how a step ends?"""
    steps, steps_now = ({step.strip() for step in script.split("&&")} for script in (was, now))
    return not steps <= steps_now or re.search(r"\|\||;", now.replace(was, "")) is not None


def _shown(value: Any) -> str:
    """Return a value for a detail."""
    if value is None:
        return "nothing"
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text[:SHOWN] or "empty"


def _line(text: str | None, key: str) -> str:
    """Return where the last part of a dotted name stands first."""
    line = key.removeprefix("line ")
    word = line if key.startswith("line ") else line.rpartition(".")[2]
    return _at(text, re.compile(re.escape(word))) if word else ""


def _at(text: str | None, pattern: re.Pattern[str]) -> str:
    """Return the line on which a pattern is found first, for a detail."""
    found = pattern.search(text or "")
    return f" (line {(text or '').count(chr(10), 0, found.start()) + 1})" if found else ""
