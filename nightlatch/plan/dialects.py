"""What the dialects of plan files call things, and how one item of any of them reads as a
feature."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import Any, TypeAlias

from nightlatch.errors import PlanError
from nightlatch.model.models import Feature, Phase
from nightlatch.plan.document import Document
from nightlatch.plan.json_edit import Key, end_of, error_at, members
from nightlatch.plan.vocabulary import (
    DONE,
    FLAGS,
    FRESH,
    INNER_ID,
    INNER_STATUS,
    INNER_TEXT,
    KEPT_BY_TOOLS,
    LINKS,
    LONGEST_PHASE,
    NAMES,
    NOTHING,
    OPEN,
    OPPOSITES,
    PRIORITIES,
    SKIPPED,
    SPENT,
    TICKS,
    TOOLS,
    WORDS,
)

Fields: TypeAlias = Mapping[str, Any]

YES, NO = ("true", "yes", "y", "1"), ("false", "no", "n", "0", "", "none", "null")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The spelling of one file: the names of its fields, and the done-flag and words that it
    writes."""

    path: str
    doc: Document
    names: Mapping[str, tuple[str, ...]]
    flag: str
    done: str
    fresh: str
    finished: frozenset[str] = frozenset(DONE)

    def error(self, key: Key, problem: str, fix: str) -> PlanError:
        """Return the error at a value of the file."""
        return error_at(self.doc.text, self.path, self.doc.start(key), problem, fix)

    def first(self, field: str, item: Fields) -> str:
        """Return the name under which the item has the field, or ""."""
        for name in self.names[field]:
            if name in item:
                return name
        return ""

    def value(self, field: str, item: Fields) -> Any:
        """Return what the item has there, None without the field."""
        name = self.first(field, item)
        return item[name] if name else None


def bare(word: object) -> str:
    """Return a name or word without case and separators, "" for what is not text."""
    return (
        word.lower().replace("_", "").replace("-", "").replace(" ", "")
        if isinstance(word, str)
        else ""
    )


def word_of(value: object) -> str:
    """Return a word for a state without case, separators and signs; a tick alone is "done"."""
    if not isinstance(value, str):
        return ""
    word = "".join(sign for sign in value.lower() if sign.isalnum())
    return word or ("done" if any(tick in value for tick in TICKS) else "")


def dialect_of(
    path: str, doc: Document, items: Sequence[Fields], more: Sequence[str] = ()
) -> Dialect:
    """Return the dialect that these items are written in; `more` are words that say done in it, the
    first one to be written."""
    names = names_of(items)
    finished = frozenset((*DONE, *map(word_of, more))) - {""}
    done, fresh = state_words(items, names["status"][:1], finished, more)
    flag = (*names["flag"], *names["status"], "passes")[0]
    return Dialect(
        path=path, doc=doc, names=names, flag=flag, done=done, fresh=fresh, finished=finished
    )


def names_of(items: Sequence[Fields]) -> dict[str, tuple[str, ...]]:
    """Return the names that these items have for each field that means something here."""
    used: dict[str, list[str]] = {}
    for name in sorted(set().union(*items)):
        used.setdefault(bare(name), []).append(name)
    return {
        field: tuple(name for alias in aliases for name in used.get(bare(alias), ()))
        for field, aliases in NAMES.items()
    }


def state_words(
    items: Sequence[Fields], statuses: Sequence[str], finished: frozenset[str], more: Sequence[str]
) -> tuple[str, str]:
    """Return the words to write for done and for not done: those that the file has most often, else
    those of the tool that it looks like, else each the opposite of the other."""
    words = words_by_use(items, statuses)
    done = next((word for word in words if word_of(word) in finished), "")
    fresh = next((word for word in words if word_of(word) in FRESH), "")
    if more and not fresh:
        # Words of the person's own: what is none of them is not done, whatever it means elsewhere.
        fresh = next((word for word in words if word_of(word) not in finished), "")
    tool_done, tool_fresh = words_of_tool(items)
    done = next(filter(None, (done, *more[:1], tool_done)), "")
    done = done or cased(OPPOSITES.get(word_of(fresh), "done"), fresh)
    return done, fresh or opposite_of(done) or tool_fresh or "pending"


def words_by_use(items: Sequence[Fields], statuses: Sequence[str]) -> list[str]:
    """Return the words that these fields hold, the most frequent first."""
    states = [status_in(item, name)[1] for name in statuses for item in items if name in item]
    words = Counter(word for word in states if isinstance(word, str))
    return [word for word, _ in words.most_common()]


def opposite_of(done: str) -> str:
    """Return the word for what is not done beside a word for done, "" where none is known."""
    words = (word for word, opposite in OPPOSITES.items() if opposite == word_of(done))
    return next(words, "")


def words_of_tool(items: Sequence[Fields]) -> tuple[str, str]:
    """Return the words for done and not done of the tool whose fields these are, "" for none."""
    names = {bare(name) for name in names_in(items)}
    tools = ((done, fresh) for fields, done, fresh in TOOLS if fields <= names)
    return next(tools, ("", ""))


def cased(word: str, like: str) -> str:
    """Return the word in the case of another."""
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word.capitalize() if like[:1].isupper() else word


def names_in(items: Iterable[Fields]) -> set[str]:
    """Return the names of the fields of items, and of the objects in their lists."""
    found: set[str] = set()
    for item in items:
        found |= {*item}
        for value in item.values():
            found |= {
                name
                for each in (value if isinstance(value, list) else ())
                if isinstance(each, dict)
                for name in each
            }
    return found


def status_in(item: Fields, name: str) -> tuple[Key, Any]:
    """Return where below the item its status stands, and what it says: an object may hold it."""
    value = item[name]
    inner = next((each for each in INNER_STATUS if isinstance(value, dict) and each in value), None)
    return ((name, inner), value[inner]) if inner and isinstance(value, dict) else ((name,), value)


def state_of(dialect: Dialect, key: Key, item: Fields) -> tuple[Key, bool]:
    """Return where below the item the field stands that says whether it is done (() when none
    does), and what it says."""
    if name := dialect.first("flag", item):
        return (name,), flag_of(dialect, (*key, name), item[name])
    name = dialect.first("status", item)
    if not name:
        return (), met_by_criteria(dialect, item)
    place, value = status_in(item, name)
    if isinstance(value, bool):
        return place, value
    if not isinstance(value, str | None):
        raise dialect.error(
            (*key, *place),
            f'"{name}" is not a word',
            f'write "{name}": "{dialect.done}" or "{name}": "{dialect.fresh}"',
        )
    return place, word_of(value) in dialect.finished


def flag_of(dialect: Dialect, place: Key, value: object) -> bool:
    """Return what a flag says, also as a word or a number; null is not done.

    Raises PlanError for anything else.
    """
    if isinstance(value, bool):
        return value
    word = (
        "" if value is None else str(value).strip().lower() if isinstance(value, str | int) else "?"
    )
    if word in YES or word_of(value) in dialect.finished:
        return True
    if word in NO or (word_of(value) in (*OPEN, *SKIPPED) and isinstance(value, str)):
        return False
    name = place[-1]
    problem = f'"{name}" is {json.dumps(value, default=str)[:40]}, which is neither true nor false'
    raise dialect.error(place, problem, f'write "{name}": true or "{name}": false')


def met_by_criteria(dialect: Dialect, item: Fields) -> bool:
    """Return whether an item without a state of its own has all its criteria marked as met."""
    listed = [
        each
        for name in dialect.names["criteria"]
        if isinstance(item.get(name), list)
        for each in item[name]
    ]
    flags = [
        (
            next((each[name] for name in each if bare(name) in FLAGS), None)
            if isinstance(each, dict)
            else None
        )
        for each in listed
    ]
    # Without any mark nothing is said: all() alone would call the feature done.
    return bool(flags) and all(flag is True for flag in flags)


def own_ids(dialect: Dialect, keys: Sequence[Key], items: Sequence[Fields]) -> list[str]:
    """Return the id that every item has, as text, "" for none.

    Raises PlanError for what is none, and where one list has it twice.
    """
    ids, seen = [], set()
    for key, item in zip(keys, items, strict=True):
        name = dialect.first("id", item)
        own = _id(item[name]) if name else ""
        if own is None:
            raise dialect.error(
                (*key, name), f'"{name}" is neither text nor a number', f'write "{name}": "US-001"'
            )
        if own and (key[:-1], own) in seen:
            raise dialect.error(
                (*key, name), f"two features are called {own}", "give one of them another id"
            )
        ids.append(own)
        seen.add((key[:-1], own))
    return ids


def ids_of(
    dialect: Dialect, items: Sequence[Fields], own: Sequence[str], parts: Sequence[str]
) -> list[str]:
    """Return an id for every item that no other has: its own, that with the name of its part where
    an earlier part has it, else a hash of category and description that survives moving it."""
    seen = {*own}
    taken: set[str] = set()
    ids = []
    for item, called, part in zip(items, own, parts, strict=True):
        if not called:
            ids.append(_derived_id(dialect, item, seen))
        elif called in taken:
            ids.append(_free(f"{part}-{called}", seen))
        else:
            ids.append(called)
        taken.add(called)
    return ids


def _free(stem: str, seen: set[str]) -> str:
    """Return the name, with a number where another has it; from now on it is taken."""
    made = (
        stem
        if stem not in seen
        else next(tied for n in count(2) if (tied := f"{stem}-{n}") not in seen)
    )
    seen.add(made)
    return made


def _id(value: object) -> str | None:
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    return (
        json.dumps(value)
        if isinstance(value, int | float) and not isinstance(value, bool)
        else None
    )


def _derived_id(dialect: Dialect, item: Fields, seen: set[str]) -> str:
    names = dialect.names
    wanted = _text(item, names["description"]) or _text(item, names["title"])
    # Not by its place in the list: a feature that is moved keeps its history.
    text = f"{item.get('category')}\0{wanted}"
    return _free(f"f-{sha256(text.encode()).hexdigest()[:8]}", seen)


def priority_of(dialect: Dialect, item: Fields) -> float | None:
    """Return the number of an item's priority, or the rank of the first known word in it; the lower
    goes first."""
    value = dialect.value("priority", item)
    if isinstance(value, dict):
        value = next((value[name] for name in ("name", "value", "level") if name in value), None)
    if isinstance(value, str):
        if value.strip().isdecimal():
            return float(value)
        words = (bare(value), *(word.lower() for word in WORDS.findall(value)))
        return next((PRIORITIES[word] for word in words if word in PRIORITIES), None)
    # True is an integer to Python, and no priority.
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def feature_of(
    dialect: Dialect, key: Key, item: Fields, called: str, priority: float | None, raw: str
) -> Feature:
    """Return one item as a feature. Raises PlanError where a field cannot mean what its name
    says."""
    found = {
        field: reader(item, names)
        for field, reader in _READERS.items()
        if (names := dialect.names[field])
    }
    title = found.pop("title", "") or " ".join(found.get("description", "").split())
    if not title:
        raise dialect.error(
            key, "this feature has neither title nor description", 'give it a "title"'
        )
    status = dialect.first("status", item)
    found["skip"] = found.get("skip", False) or bool(
        status and word_of(status_in(item, status)[1]) in SKIPPED
    )
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
        more=tuple(other_fields(dialect, item, raw)),
        **found,
    )


def other_fields(dialect: Dialect, item: Fields, raw: str) -> Iterator[tuple[str, str]]:
    """Yield what an item holds in fields that have no meaning here, under their own names: texts as
    they are, anything else as it is written."""
    spent = _spent_names(dialect, item)
    for member in members(raw, 0):
        value = item.get(member.name)
        if member.name in spent or bare(member.name) in KEPT_BY_TOOLS:
            continue
        if value in (None, "", [], {}):
            continue
        if isinstance(value, str):
            yield member.name, value
        elif isinstance(value, list) and all(isinstance(part, str) for part in value):
            yield member.name, "\n".join(f"- {part}" for part in value)
        else:
            yield member.name, raw[member.start : end_of(raw, member.start)]


def _spent_names(dialect: Dialect, item: Fields) -> set[str]:
    """Return the names of an item's fields that are told elsewhere."""
    spent = {name for field in SPENT for name in dialect.names[field]}
    # Of several names for a text only the first that has one was read: the others are still news.
    for field in ("title", "description", "notes"):
        names = dialect.names[field]
        spent.add(next((name for name in names if _plain(item.get(name))), ""))
    # A status that is an object says more than the state.
    return spent | {
        name for name in dialect.names["status"] if not isinstance(item.get(name), dict)
    }


def depends_of(dialect: Dialect, key: Key, item: Fields) -> Iterator[tuple[str, Key]]:
    """Yield the names that an item gives of what it depends on, each with the place where it
    stands."""
    for name in dialect.names["depends"]:
        value = item.get(name)
        # Also "US-001, US-002", and one alone.
        names = value.split(",") if isinstance(value, str) else [value]
        listed = value if isinstance(value, list) else names
        for n, other in enumerate(listed):
            if isinstance(other, dict) and word_of(other.get("type")) not in LINKS:
                continue  # a link of another kind
            called = _id(linked(other) if isinstance(other, dict) else other)
            place = (*key, name, n) if listed is value else (*key, name)
            if called is None:
                raise dialect.error(
                    place, "this is not the id of a feature", f'write "{name}": ["US-001"]'
                )
            if word_of(called) not in NOTHING:
                yield called, place


def linked(link: Fields) -> Any:
    """Return what an object that stands for a dependency calls the other feature; a list, which is
    no id, where it says nothing."""
    return next(
        (link[name] for alias in INNER_ID for name in link if bare(name) == bare(alias)), []
    )


def _phases(dialect: Dialect, key: Key, item: Fields) -> Iterator[Phase]:
    """Yield the phases of an item. Raises PlanError."""
    field, value = dialect.first("phases", item), dialect.value("phases", item)
    steps = _steps(value)
    if value and not steps:
        raise dialect.error(
            (*key, field),
            f'"{field}" is not a list of phases',
            f'write "{field}": [{{"name": "architecture"}}]',
        )
    if not steps:
        return
    # Phases may call things otherwise than the features around them.
    inner = dialect_of(dialect.path, dialect.doc, [fields for _, fields in steps])
    for step, fields in steps:
        place = (*key, field, step)
        texts = {bare(name): text for name, text in fields.items() if isinstance(text, str)}
        name = _phase_name(texts)
        # It stands on a line of its own in the record.
        if not name.isprintable() or not 0 < len(name) <= LONGEST_PHASE:
            problem = f"this phase has no name of one line, up to {LONGEST_PHASE} characters"
            raise dialect.error(place, problem, 'write {"name": "architecture"}')
        depends = tuple(dict.fromkeys(other for other, _ in depends_of(inner, place, fields)))
        more = {word: texts.get(word, "").strip() for word in ("agent", "model", "artifact")}
        yield Phase(name=name, depends=depends, **more)


def _steps(value: object) -> list[tuple[str | int, Fields]]:
    """Return the phases of a value by their place in it: a list of objects or of bare names, or an
    object with one for each name."""
    if isinstance(value, dict):
        rows: Iterable[tuple[str | int, object]] = value.items()
    else:
        rows = enumerate(value) if isinstance(value, list) else ()
    return [
        (step, {"name": step, **phase} if isinstance(phase, dict) else {"name": phase})
        for step, phase in rows
    ]


def _phase_name(texts: Mapping[str, str]) -> str:
    """Return what a phase is called, on one line, "" where nothing names it."""
    names = (" ".join(texts.get(alias, "").split()) for alias in ("name", "phase", "title", "id"))
    return next(filter(None, names), "")


def _commands(dialect: Dialect, key: Key, item: Fields) -> tuple[str, ...]:
    """Return the item's own check: only `verify` is ever run."""
    value = dialect.value("verify", item)
    commands = value if isinstance(value, list) else [value or ""]
    if not all(isinstance(each, str) for each in commands):
        name, fix = dialect.first("verify", item), '"verify": "pytest tests/test_it.py"'
        raise dialect.error(
            (*key, name), f'"{name}" is neither a command nor a list of commands', f"write {fix}"
        )
    return tuple(each for each in commands if each.strip())


def _text(item: Fields, names: Iterable[str]) -> str:
    for name in names:
        if text := _plain(item.get(name)):
            return text
    return ""


def _texts(item: Fields, names: Iterable[str]) -> tuple[str, ...]:
    """Return the texts of all these fields; an element may be an object that holds its text."""
    found: list[str] = []
    for name in names:
        value = item.get(name)
        found += [
            text
            for each in (value if isinstance(value, list) else [value])
            if (text := _plain(each))
        ]
    return tuple(found)


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        inner = next((value[name] for name in INNER_TEXT if name in value), value)
        return inner if isinstance(inner, str) else json.dumps(value, ensure_ascii=False)
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _yes(item: Fields, names: Iterable[str]) -> bool:
    """Return whether one of these is true or a reason in words."""
    values = [item.get(name) for name in names]
    return any(
        value.strip().lower() not in ("", "false", "no") if isinstance(value, str) else value
        for value in values
    )


_READERS: Mapping[str, Callable[[Fields, Iterable[str]], Any]] = {
    **dict.fromkeys(("title", "description", "answer", "notes", "agent", "model"), _text),
    **dict.fromkeys(("criteria", "steps", "supersedes", "may_change"), _texts),
    **dict.fromkeys(("skip", "hold"), _yes),
}
