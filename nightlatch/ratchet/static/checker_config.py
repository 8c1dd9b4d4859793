"""What tools that check code enforce, before and after a change: configuration, baselines,
words in build files, tries of properties."""

import re
from collections.abc import Iterable, Iterator, Sequence
from posixpath import basename, dirname
from typing import Any

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.checkers import Checkers, Source, Tool, named
from nightlatch.ratchet.static.tool_settings import Flat, UnreadableError, read

LOOSENED = "ratchet.check-loosened"
# The end of a line about a setting of which nothing tells whether it enforces more or less:
# measuring may settle it.
UNKNOWN = ", and what that means is not known"
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
    """(rule, detail) for everything by which a check lets more pass.

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
    """What changed in a tool's configuration, folder by folder: a file that takes another's
    place with the same meaning changes nothing."""
    own = [
        text for text in texts if any(named(text.path, [source.name]) for source in tool.sources)
    ]
    for folder in sorted({dirname(text.path) for text in own if text.old != text.new}):
        here = [text for text in own if dirname(text.path) == folder]
        try:
            (had, _), (has, text) = (
                _effective(tool, here, old=True),
                _effective(tool, here, old=False),
            )
        except UnreadableError:
            yield LOOSENED, f"{here[0].path}::{tool.name}: it cannot be read"
            continue
        old, new = had or {}, has or {}
        if (
            had is None
            and has is not None
            and any(_is_above(dirname(other.path), folder) for other in own)
        ):
            yield (
                LOOSENED,
                f"{text.path}::{tool.name}: it takes the place of the configuration further up",
            )
        for key in sorted(old.keys() | new.keys()):
            if looser(tool.sort(key), old.get(key), new.get(key)):
                was, now = (_shown(side.get(key)) for side in (old, new))
                more = UNKNOWN if tool.sort(key) == "same" else ""
                yield (
                    LOOSENED,
                    (
                        f"{text.path}::{tool.name} {key[:SHOWN]}{_line(text.new, key)}: {was}"
                        f" became {now}{more}"
                    ),
                )

    yield from _parts(tool, own, texts)


def _is_above(folder: str, other: str) -> bool:
    return folder != other and f"{other}/".startswith(f"{folder}/" if folder else "")


def _parts(tool: Tool, own: Sequence[Text], texts: Sequence[Text]) -> Iterator[Finding]:
    """What changed in files that the tool's own configuration names: a shared part of it,
    however it is called."""
    said = "\n".join(text.old or "" for text in own)
    for text in texts:
        name = basename(text.path)
        if text in own or text.old is None or text.old == text.new or not PART.search(name):
            continue
        named_here = re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", said)
        if named_here and (text.new is None or read(text.old, "lines") != read(text.new, "lines")):
            yield LOOSENED, f"{text.path}::{tool.name}: the configuration takes it in"


def _effective(tool: Tool, here: Sequence[Text], *, old: bool) -> tuple[Flat | None, Text]:
    """The settings that the tool takes in a folder, None for none, and the file that they come
    from."""
    for source in tool.sources:
        for text in here:
            version = text.old if old else text.new
            found = _settings(source, text.path, version)
            if found is not None:
                return found, text
    return None, next((text for text in here if text.old != text.new), here[0])


def _settings(source: Source, path: str, version: str | None) -> Flat | None:
    return (
        None
        if version is None or not named(path, [source.name])
        else read(version, source.form, source.table)
    )


def looser(sort: str, old: Any, new: Any) -> bool:
    """May what a setting of this sort became let more pass?

    None: it is not there, and the tool's default holds.
    """
    if _plain(old) == _plain(new):
        return False
    match sort:
        case "free":
            return False
        case "more" | "only":
            return bool(_set(old) - _set(new)) or (sort == "only" and (old is None or new is None))
        case "less":
            return bool(_set(new) - _set(old))
        case "on" | "off":
            before, after = (
                _truth(value) if sort == "on" else 1 - _truth(value) for value in (old, new)
            )
            return after < before
        case "max" | "min":
            return _number(sort, old, new)
        case "level":
            return _level(old, LEVELS) > _level(new, LEVELS) or (
                _options(old) != _options(new) and _level(new, LEVELS) > 0
            )
        case "lint_level":
            return _level(old, LINTS) > _level(new, LINTS) or (
                old is None and _level(new, LINTS) == 0
            )
        case "warnings":
            return _warnings(old, new)
    return True


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
    """pytest's filters: an error taken out, or anything else put in, lets a warning pass."""
    before, after = ({line.strip() for line in _list(value)} for value in (old, new))
    return any(line.startswith("error") for line in before - after) or any(
        not line.startswith("error") for line in after - before
    )


def _list(value: Any) -> list[str]:
    return (
        [str(part) for part in value] if isinstance(value, list) else str(value or "").splitlines()
    )


def _set(value: Any) -> set[str]:
    if isinstance(value, list):
        return {str(part) for part in value}
    return set(filter(None, re.split(r"[,\s]+", str(value)))) if value is not None else set()


def _truth(value: Any) -> float:
    if value is None:
        return 0.5
    return float(str(value).strip().lower() not in NO)


def _level(value: Any, levels: dict[str, Any]) -> float:
    first = (
        value[0]
        if isinstance(value, list) and value
        else value.get("level")
        if isinstance(value, dict)
        else value
    )
    return 0.25 if value is None else float(levels.get(str(first).strip().lower(), 1))


def _options(value: Any) -> str:
    return str(value[1:]) if isinstance(value, list) else ""


def _plain(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(part, str | int) for part in value):
        return frozenset(map(str, value))
    return (
        " ".join(str(value).split()).lower()
        if isinstance(value, str | bool | int | float)
        else value
    )


def _baseline(text: Text, known: Checkers) -> Iterator[Finding]:
    """A list of what is overlooked that has grown; numbers of lines in it do not matter."""
    if not named(text.path, known.baselines) or text.new is None:
        return
    before, after = (
        re.sub(r"\d+|[,\s]+$", "", version or "", flags=re.MULTILINE).splitlines()
        for version in (text.old, text.new)
    )
    left = list(map(str.strip, before))
    for number, line in enumerate(map(str.strip, after), 1):
        if line in left:
            left.remove(line)
        elif re.search(r"\w", line):
            yield LOOSENED, f"{text.path}::baseline (line {number}): more is overlooked"
            return


def _words(text: Text, known: Checkers) -> Iterator[Finding]:
    for words in known.words:
        if not named(text.path, words.files):
            continue
        for patterns, grows in ((words.fewer, False), (words.more, True)):
            for pattern in patterns:
                before, after = (pattern.findall(version or "") for version in (text.old, text.new))
                lost, gained = (
                    len(before) > len(after) and text.new is not None,
                    len(after) > len(before) and text.old is not None,
                )
                if gained if grows else lost:
                    found = pattern.search((text.new if grows else text.old) or "")
                    what = (found[0].strip() if found else pattern.pattern)[:SHOWN]
                    where = _at(text.new, pattern) if grows else ""
                    yield LOOSENED, f"{text.path}::{what}{where}: {len(before)} became {len(after)}"


def _tries(text: Text, known: Checkers) -> Iterator[Finding]:
    """Properties that are tried less often than before; a new property may be tried as often as
    it likes."""
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
    left = list(others)
    return [number for number in numbers if number not in left or left.remove(number)]  # type: ignore[func-returns-value]  # None: one is used up


def _scripts(text: Text, known: Checkers) -> Iterator[Finding]:
    """Scripts that start a checker and no longer end as it does."""
    try:
        old, new = (
            read(version or "{}", "json", "scripts") or {} for version in (text.old, text.new)
        )
    except UnreadableError:
        return
    names = "|".join(map(re.escape, known.programs or ("nothing at all",)))
    for name, was in sorted(old.items()):
        now = str(new.get(name, ""))
        if was == now or not re.search(rf"(?<![\w-])(?:{names})(?![\w-])", str(was)):
            continue
        parts = [part.strip() for part in re.split(r"&&", now)]
        if not {part.strip() for part in str(was).split("&&")} <= set(parts) or re.search(
            r"\|\||;", now.replace(str(was), "")
        ):
            yield (
                LOOSENED,
                (
                    f"{text.path}::scripts.{name}{_line(text.new, name)}: {_shown(was)} became"
                    f" {_shown(now or None)}"
                ),
            )


def _shown(value: Any) -> str:
    return (
        "nothing"
        if value is None
        else (" ".join(map(str, value)) if isinstance(value, list) else str(value))[:SHOWN]
        or "empty"
    )


def _line(text: str | None, key: str) -> str:
    """Where the last part of a dotted name stands first."""
    word = (
        key.removeprefix("line ").rpartition(".")[2]
        if not key.startswith("line ")
        else key.removeprefix("line ")
    )
    return _at(text, re.compile(re.escape(word))) if word else ""


def _at(text: str | None, pattern: re.Pattern[str]) -> str:
    found = pattern.search(text or "")
    return f" (line {(text or '').count(chr(10), 0, found.start()) + 1})" if found else ""
