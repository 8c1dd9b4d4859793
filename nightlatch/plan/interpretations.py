"""The rules that needed judgement to read a plan, one sentence each, for a person to agree or
disagree with."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from nightlatch.model.models import Feature
from nightlatch.plan.dialects import Dialect, Fields, bare, status_in, word_of
from nightlatch.plan.vocabulary import LISTS, OPEN, SKIPPED
from nightlatch.util.text import plain

_NAMED = 3
_Pairs: TypeAlias = Sequence[tuple[Fields, Feature]]


def readings(
    dialect: Dialect, root: object, places: Sequence[str], pairs: _Pairs
) -> tuple[str, ...]:
    """Everything that was not plain, in the order in which a person would ask; `pairs` are the
    items and what they read as."""
    return (
        *_lists(root, places),
        *_ids(dialect, pairs),
        *_states(dialect, pairs),
        *_skips(dialect, pairs),
        *_priorities(dialect, pairs),
        *_commands(dialect, [item for item, _ in pairs]),
    )


def few(names: Iterable[str]) -> str:
    """Return a list of names that stays short however long it is."""
    known = [plain(name, 60) for name in names]
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return ", ".join(known[:_NAMED]) + more


def falls(values: Sequence[float]) -> bool:
    """Return whether priorities only ever fall down the file."""
    return len(set(values)) > 1 and all(a >= b for a, b in pairwise(values))


def numbers_of(dialect: Dialect, items: Sequence[Fields]) -> list[float]:
    """Return the priorities in file order, where all that are given are numbers."""
    values = (
        [value for item in items if (value := dialect.value("priority", item)) is not None]
        if dialect.names["priority"]
        else []
    )
    return (
        []
        if any(isinstance(value, str) for value in values)
        else [float(v) for v in values if isinstance(v, int | float)]
    )


def larger_first(values: Sequence[float]) -> bool:
    """Priorities such as 100, 90, 80: they fall down the file and none is small enough to be a
    rank."""
    return falls(values) and min(values) >= 10


def _lists(root: object, places: Sequence[str]) -> Iterator[str]:
    if len(places) > 1:
        yield f"{few(places)} are read as one list, in this order"
    elif "." in places[0]:
        yield f"{places[0]} is the list of features"
    if isinstance(root, Mapping):
        others = [
            n
            for n in root
            if bare(n) in map(bare, LISTS)
            and n not in places
            and isinstance(root[n], list)
            and root[n]
        ]
        tags = [
            f"{tag}.{name}"
            for tag, held in root.items()
            for name in (held if isinstance(held, Mapping) else ())
            if bare(name) in map(bare, LISTS)
            and isinstance(held[name], list)
            and held[name]
            and f"{tag}.{name}" not in places
        ]
        if others or tags:
            yield f"{few([*others, *tags])} beside {few(places)} is not read"


def _ids(dialect: Dialect, pairs: _Pairs) -> Iterator[str]:
    made = [f.id for item, f in pairs if dialect.value("id", item) in (None, "")]
    if made:
        yield (
            f"{len(made)} without an id are named by a hash of category and description:"
            f" {few(made)}"
        )


def _states(dialect: Dialect, pairs: _Pairs) -> Iterator[str]:
    flags, statuses = dialect.names["flag"], dialect.names["status"]
    several = [name for name in (*flags, *statuses) if any(name in item for item, _ in pairs)]
    if len(several) > 1:
        yield (
            f"{', '.join(several)} all tell the state: the first that a feature has is read and"
            " written, the others stay as they are"
        )
    said = {
        name: [
            (word, f)
            for item, f in pairs
            if name in item and isinstance(word := status_in(item, name)[1], str)
        ]
        for name in statuses
    }
    if several and statuses and several[0] in said:
        words = dict.fromkeys(word for word, _ in said[several[0]])
        done, rest = (
            [word for word in words if word_of(word) in known]
            for known in (dialect.finished, (*OPEN, *SKIPPED))
        )
        told = [f"{few(done)} as done"] if done else []
        told += [f"{few(rest)} as not done"] if rest else []
        yield (
            f"{several[0]} tells what is done: {', '.join(told) or 'nothing yet'} is read,"
            f' "{dialect.done}" is written'
        )
    words = dict.fromkeys(word for pair in said.values() for word, _ in pair)
    if odd := [word for word in words if word_of(word) not in (*dialect.finished, *OPEN, *SKIPPED)]:
        yield f"the words {few(odd)} are read as not done"
    known = dialect.finished.union(OPEN) - {""}
    told_done = [
        (f, word_of(word) in dialect.finished)
        for pair in said.values()
        for word, f in pair
        if word_of(word) in known
    ]
    if torn := [f.id for f, done in told_done if done != f.done]:
        yield f"{few(torn)}: {several[0]} and {statuses[0]} disagree, {several[0]} counts"
    if loose := [
        f.id
        for item, f in pairs
        for name in flags[:1]
        if name in item and not isinstance(item[name], bool)
    ]:
        yield (
            f"{few(loose)}: {flags[0]} is neither true nor false, and read by what it says; null is"
            " not done"
        )
    none = [f for item, f in pairs if not any(name in item for name in several)]
    if met := [f.id for f in none if f.done]:
        yield f"{few(met)} without a done field: done, as every criterion says that it is met"
    if left := [f.id for f in none if not f.done]:
        yield f"{few(left)} without a done field: not done; {dialect.flag} is added when it is"


def _skips(dialect: Dialect, pairs: _Pairs) -> Iterator[str]:
    if skipped := [f.id for item, f in pairs if f.skip and dialect.value("skip", item) is not True]:
        yield f"{few(skipped)} skipped, as deferred, deprecated or cancelled"


def _priorities(dialect: Dialect, pairs: _Pairs) -> Iterator[str]:
    given = [value for item, _ in pairs if (value := dialect.value("priority", item)) is not None]
    numbers = numbers_of(dialect, [item for item, _ in pairs])
    if any(isinstance(value, str) for value in given):
        yield (
            "priority in words, by the first known word: critical (P0), high (P1), medium (P2), low"
            " (P3), in this order"
        )
    if larger_first(numbers):
        yield (
            f"priorities fall down the file from {numbers[0]:g} to {numbers[-1]:g}: the larger goes"
            " first"
        )
    elif falls(numbers):
        yield "priorities fall down the file: the lower number still goes first"
    if given and (last := [f.id for _, f in pairs if f.priority is None and not f.done]):
        yield f"{few(last)} without a priority that is a number or a known word: after the others"


def _commands(dialect: Dialect, items: Sequence[Fields]) -> Iterator[str]:
    for name in dialect.names["command"]:
        count = sum(name in item for item in items)
        yield (
            f"{name} of {count} feature{'s' * (count > 1)} is never run; a command that proves one"
            " goes into verify"
        )
