"""The rules that needed judgement to read a plan, one sentence each, for a person to agree or disagree with."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from nightlatch.core.models import Feature
from nightlatch.core.plandialect import DONE, LISTS, OPEN, SKIPPED, Dialect, Fields, bare
from nightlatch.core.text import plain

_NAMED = 3
_Pairs: TypeAlias = Sequence[tuple[Fields, Feature]]


def readings(dialect: Dialect, root: object, places: Sequence[str], pairs: _Pairs) -> tuple[str, ...]:
    """Everything that was not plain, in the order in which a person would ask; `pairs` are the items and what they read as."""
    return (
        *_lists(root, places),
        *_ids(dialect, pairs),
        *_states(dialect, pairs),
        *_skips(dialect, pairs),
        *_priorities(dialect, pairs),
        *_commands(dialect, [item for item, _ in pairs]),
    )


def few(names: Iterable[str]) -> str:
    """A list of names that stays short however long it is."""
    known = [plain(name, 60) for name in names]
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return ", ".join(known[:_NAMED]) + more


def falls(values: Sequence[float]) -> bool:
    """Whether priorities only ever fall down the file."""
    return len(set(values)) > 1 and all(a >= b for a, b in pairwise(values))


def numbers_of(dialect: Dialect, items: Sequence[Fields]) -> list[float]:
    """The priorities in file order, where all that are given are numbers."""
    values = [value for item in items if (value := dialect.value("priority", item)) is not None] if dialect.names["priority"] else []
    return [] if any(isinstance(value, str) for value in values) else [float(v) for v in values if isinstance(v, int | float)]


def larger_first(values: Sequence[float]) -> bool:
    """Priorities such as 100, 90, 80: they fall down the file and none is small enough to be a rank."""
    return falls(values) and min(values) >= 10


def _lists(root: object, places: Sequence[str]) -> Iterator[str]:
    if len(places) > 1:
        yield f"{few(places)} are read as one list, in this order"
    elif "." in places[0]:
        yield f"{places[0]} is the list of features"
    if isinstance(root, Mapping):
        others = [n for n in root if bare(n) in map(bare, LISTS) and n not in places and isinstance(root[n], list) and root[n]]
        if others:
            yield f"{few(others)} beside {few(places)} is not read"


def _ids(dialect: Dialect, pairs: _Pairs) -> Iterator[str]:
    made = [f.id for item, f in pairs if dialect.value("id", item) in (None, "")]
    if made:
        yield f"{len(made)} without an id are named by a hash of category and description: {few(made)}"


def _states(dialect: Dialect, pairs: _Pairs) -> Iterator[str]:
    flags, statuses = dialect.names["flag"], dialect.names["status"]
    several = [name for name in (*flags, *statuses) if any(name in item for item, _ in pairs)]
    if len(several) > 1:
        yield f"{', '.join(several)} all tell the state: the first that a feature has is read and written, the others stay as they are"
    elif several and statuses:
        yield f'{several[0]} tells what is done: {", ".join(DONE)} are read as done, "{dialect.done}" is written'
    words = {item[name]: None for name in statuses for item, f in pairs if isinstance(item.get(name), str)}
    if odd := [word for word in words if bare(word) not in (*DONE, *OPEN, *SKIPPED)]:
        yield f"the words {few(odd)} are read as not done"
    known = frozenset((*DONE, *OPEN)) - {""}
    if torn := [f.id for item, f in pairs if any(bare(item.get(n)) in known and (bare(item.get(n)) in DONE) != f.done for n in statuses)]:
        yield f"{few(torn)}: {several[0]} and {statuses[0]} disagree, {several[0]} counts"
    if none := [f.id for item, f in pairs if not any(name in item for name in several)]:
        yield f"{few(none)} without a done field: not done; {dialect.flag} is added when it is"


def _skips(dialect: Dialect, pairs: _Pairs) -> Iterator[str]:
    if skipped := [f.id for item, f in pairs if f.skip and dialect.value("skip", item) is not True]:
        yield f"{few(skipped)} skipped, as deferred, deprecated or cancelled"


def _priorities(dialect: Dialect, pairs: _Pairs) -> Iterator[str]:
    given = [value for item, _ in pairs if (value := dialect.value("priority", item)) is not None]
    numbers = numbers_of(dialect, [item for item, _ in pairs])
    if any(isinstance(value, str) for value in given):
        yield "priority in words: critical (P0), high (P1), medium (P2), low (P3), in this order"
    if larger_first(numbers):
        yield f"priorities fall down the file from {numbers[0]:g} to {numbers[-1]:g}: the larger goes first"
    elif falls(numbers):
        yield "priorities fall down the file: the lower number still goes first"
    if given and (last := [f.id for _, f in pairs if f.priority is None and not f.done]):
        yield f"{few(last)} without a priority that is a number or a known word: after the others"


def _commands(dialect: Dialect, items: Sequence[Fields]) -> Iterator[str]:
    for name in dialect.names["command"]:
        count = sum(name in item for item in items)
        yield f"{name} of {count} feature{'s' * (count > 1)} is never run; a command that proves one goes into verify"
