"""What the dialects of plan files call things, and how one item of any of them reads as a feature."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import Any, TypeAlias

from nightlatch.core.jsontext import Key, error_at, start_of
from nightlatch.core.models import Feature, Phase
from nightlatch.errors import PlanError

Fields: TypeAlias = Mapping[str, Any]

LISTS = ("userStories", "stories", "features", "tasks", "items", "requirements")
PARTS = ("phases", "epics", "milestones")
BRANCHES = ("branchName", "branch")
GATES = ("verifyCommand", "verifyCommands", "verify", "qualityGates", "qualityCheck", "mustPassBeforeComplete", "typecheckCommand")
NESTED_GATES = ("rules", "testConfiguration")
INNER_TEXT = ("text", "description", "criterion", "title", "step")
TOLD = ("verifyCommand", "verifyCommands", "verificationCommand", "testCommand", "testSteps", "testCases", "suggestedTests")
NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id",),
    "title": ("title", "name"),
    "description": ("description", "details"),
    "criteria": ("acceptanceCriteria", "acceptance", "criteria", "stepsToVerify", "verificationSteps"),
    "steps": ("steps",),
    "priority": ("priority",),
    "depends": ("dependsOn", "dependencies", "blockedBy"),
    "verify": ("verify",),
    "supersedes": ("supersedes",),
    "may_change": ("mayChange",),
    "phases": ("phases",),
    "skip": ("skip", "skipped", "deprecated", "deferred", "deferredReason", "cancelled", "canceled", "obsolete"),
    "hold": ("hold",),
    "answer": ("answer",),
    "notes": ("notes",),
    "flag": ("passes", "passed", "tested", "complete", "completed", "done"),
    "status": ("status", "state"),
    "command": ("verification", "validation", "tests", "test", "check", "checks", "command", "cmd", "layers", *TOLD),
}
DONE = ("done", "completed", "complete", "passing", "passed", "pass", "finished")
FRESH = ("pending", "open", "todo", "notstarted", "failing", "backlog", "planned", "ready", "new")
OPEN = frozenset((*FRESH, "", "fail", "failed", "inprogress", "started", "active", "wip", "review"))
SKIPPED = frozenset(("deferred", "skipped", "skip", "cancelled", "canceled", "deprecated", "obsolete", "wontfix", "archived"))
LONGEST_PHASE = 60
RANKS = (("critical", "urgent", "p0"), ("high", "p1"), ("medium", "normal", "p2"), ("low", "p3"), ("lowest", "p4"))
PRIORITIES = {word: float(rank) for rank, words in enumerate(RANKS) for word in words}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one file spells things: the names it uses for each field, and the done-flag and words it writes."""

    path: str
    text: str
    names: Mapping[str, tuple[str, ...]]
    flag: str
    done: str
    fresh: str

    def error(self, key: Key, problem: str, fix: str) -> PlanError:
        """The error at a value of the file."""
        return error_at(self.text, self.path, start_of(self.text, key), problem, fix)

    def first(self, field: str, item: Fields) -> str:
        """The name under which the item has the field, or ""."""
        for name in self.names[field]:
            if name in item:
                return name
        return ""

    def value(self, field: str, item: Fields) -> Any:
        """What the item has there, None without the field."""
        name = self.first(field, item)
        return item[name] if name else None


def bare(word: object) -> str:
    """A name or word without case and separators, "" for what is not text."""
    return word.lower().replace("_", "").replace("-", "").replace(" ", "") if isinstance(word, str) else ""


def dialect_of(path: str, text: str, items: Sequence[Fields]) -> Dialect:
    """The dialect that these items are written in."""
    used: dict[str, list[str]] = {}
    for name in sorted(set().union(*items)):
        used.setdefault(bare(name), []).append(name)
    names = {field: tuple(name for alias in aliases for name in used.get(bare(alias), ())) for field, aliases in NAMES.items()}
    words = Counter(item[name] for name in names["status"][:1] for item in items if isinstance(item.get(name), str))
    done, fresh = (next((word for word, _ in words.most_common() if bare(word) in known), "") for known in (DONE, FRESH))
    done = done or ("passing" if bare(fresh) == "failing" else "done")
    fresh = fresh or ("failing" if bare(done) == "passing" else "pending")
    return Dialect(path=path, text=text, names=names, flag=(*names["flag"], *names["status"], "passes")[0], done=done, fresh=fresh)


def state_of(dialect: Dialect, key: Key, item: Fields) -> tuple[str, bool]:
    """The name of the field that says whether the item is done ("" when none does), and what it says."""
    if name := dialect.first("flag", item):
        if isinstance(item[name], bool):
            return name, item[name]
        problem = f'"{name}" is {json.dumps(item[name])[:40]}, which is neither true nor false'
        raise dialect.error((*key, name), problem, f'write "{name}": true or "{name}": false')
    name = dialect.first("status", item)
    if name and not isinstance(item[name], str | None):
        raise dialect.error((*key, name), f'"{name}" is not a word', f'write "{name}": "{dialect.done}" or "{name}": "{dialect.fresh}"')
    return name, bool(name) and bare(item[name]) in DONE


def ids_of(dialect: Dialect, keys: Sequence[Key], items: Sequence[Fields]) -> list[str]:
    """An id for every item: its own as text, else a hash of category and description that survives moving it. Raises PlanError."""
    ids, seen = [], set()
    for key, item in zip(keys, items, strict=True):
        name = dialect.first("id", item)
        own = _id(item[name]) if name else ""
        if own is None:
            raise dialect.error((*key, name), f'"{name}" is neither text nor a number', f'write "{name}": "US-001"')
        if own and own in seen:
            raise dialect.error((*key, name), f"two features are called {own}", "give one of them another id")
        ids.append(own)
        seen.add(own)
    return [own or _made(dialect, item, seen) for own, item in zip(ids, items, strict=True)]


def _id(value: object) -> str | None:
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _made(dialect: Dialect, item: Fields, seen: set[str]) -> str:
    text = f"{item.get('category')}\0{_text(item, dialect.names['description']) or _text(item, dialect.names['title'])}"
    stem = f"f-{sha256(text.encode()).hexdigest()[:8]}"
    made = stem if stem not in seen else next(tied for n in count(2) if (tied := f"{stem}-{n}") not in seen)
    seen.add(made)
    return made


def priority_of(dialect: Dialect, item: Fields) -> float | None:
    """The number or the known word an item has as priority; the lower goes first."""
    value = dialect.value("priority", item)
    if isinstance(value, str):
        return PRIORITIES.get(bare(value), float(value) if value.strip().isdecimal() else None)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def feature_of(dialect: Dialect, key: Key, item: Fields, called: str, priority: float | None, raw: str) -> Feature:
    """One item as a feature. Raises PlanError where a field cannot mean what its name says."""
    found = {field: reader(item, names) for field, reader in _READERS.items() if (names := dialect.names[field])}
    title = found.pop("title", "") or " ".join(found.get("description", "").split())
    if not title:
        raise dialect.error(key, "this feature has neither title nor description", 'give it a "title"')
    found["skip"] = found.get("skip", False) or bare(dialect.value("status", item)) in SKIPPED
    return Feature(
        id=called,
        title=title,
        done=state_of(dialect, key, item)[1],
        priority=priority,
        depends=tuple(name for name, _ in depends_of(dialect, key, item)),
        verify=_commands(dialect, key, item),
        phases=tuple(_phases(dialect, key, item)),
        raw=raw,
        key=key,
        **found,
    )


def depends_of(dialect: Dialect, key: Key, item: Fields) -> Iterator[tuple[str, Key]]:
    """The ids that an item depends on, each with the place where it is named."""
    for name in dialect.names["depends"]:
        value = item.get(name)
        listed = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else [value]
        for n, each in enumerate(listed):
            found = _id(each.get("id") if isinstance(each, dict) else each)
            place = (*key, name, n) if listed is value else (*key, name)
            if found is None:
                raise dialect.error(place, "this is not the id of a feature", f'write "{name}": ["US-001"]')
            if found:
                yield found, place


def _phases(dialect: Dialect, key: Key, item: Fields) -> Iterator[Phase]:
    """The phases of an item: a list of objects or of bare names, or an object with one for each name. Raises PlanError."""
    field, value = dialect.first("phases", item), dialect.value("phases", item)
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    given = [(step, {"name": step, **each} if isinstance(each, dict) else {"name": each}) for step, each in rows]
    inner = dialect_of(dialect.path, dialect.text, [each for _, each in given]) if given else dialect
    for step, each in given:
        said = {bare(name): text for name, text in each.items() if isinstance(text, str)}
        name = next((" ".join(said[alias].split()) for alias in ("name", "phase", "title", "id") if said.get(alias, "").strip()), "")
        if not name.isprintable() or not 0 < len(name) <= LONGEST_PHASE:
            problem = f"this phase has no name of one line, up to {LONGEST_PHASE} characters"
            raise dialect.error((*key, field, step), problem, 'write {"name": "architecture"}')
        depends = tuple(dict.fromkeys(other for other, _ in depends_of(inner, (*key, field, step), each)))
        more = {what: said.get(what, "").strip() for what in ("agent", "model", "artifact")}
        yield Phase(name=name, depends=depends, **more)
    if not given and value:
        raise dialect.error((*key, field), f'"{field}" is not a list of phases', f'write "{field}": [{{"name": "architecture"}}]')


def _commands(dialect: Dialect, key: Key, item: Fields) -> tuple[str, ...]:
    """The item's own check: only `verify` is ever run."""
    value = dialect.value("verify", item)
    commands = value if isinstance(value, list) else [value or ""]
    if not all(isinstance(each, str) for each in commands):
        name, fix = dialect.first("verify", item), '"verify": "pytest tests/test_it.py"'
        raise dialect.error((*key, name), f'"{name}" is neither a command nor a list of commands', f"write {fix}")
    return tuple(each for each in commands if each.strip())


def _text(item: Fields, names: Iterable[str]) -> str:
    for name in names:
        if text := _plain(item.get(name)):
            return text
    return ""


def _texts(item: Fields, names: Iterable[str]) -> tuple[str, ...]:
    """The texts of all these fields; an element may be an object that holds its text."""
    found: list[str] = []
    for name in names:
        value = item.get(name)
        found += [text for each in (value if isinstance(value, list) else [value]) if (text := _plain(each))]
    return tuple(found)


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        inner = next((value[name] for name in INNER_TEXT if name in value), value)
        return inner if isinstance(inner, str) else json.dumps(value, ensure_ascii=False)
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _yes(item: Fields, names: Iterable[str]) -> bool:
    """Whether one of these is true or a reason in words."""
    values = [item.get(name) for name in names]
    return any(value.strip().lower() not in ("", "false", "no") if isinstance(value, str) else value for value in values)


_READERS: Mapping[str, Callable[[Fields, Iterable[str]], Any]] = {
    **dict.fromkeys(("title", "description", "answer", "notes"), _text),
    **dict.fromkeys(("criteria", "steps", "supersedes", "may_change"), _texts),
    **dict.fromkeys(("skip", "hold"), _yes),
}
