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
    """Return everything that was not plain, in the order in which a person would ask; `pairs` are
    the items and what they read as."""
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
    # Anybody's words, on their way to a terminal.
    known = [plain(name, 60) for name in names]
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return ", ".join(known[:_NAMED]) + more


def falls(values: Sequence[float]) -> bool:
    """Return whether priorities only ever fall down the file."""
    # Where all are the same, the order of the file says nothing.
    return len(set(values)) > 1 and all(a >= b for a, b in pairwise(values))


def numbers_of(dialect: Dialect, items: Sequence[Fields]) -> list[float]:
    """Return the priorities in file order, where all that are given are numbers."""
    if not dialect.names["priority"]:
        return []
    values = [dialect.value("priority", item) for item in items]
    if any(isinstance(value, str) for value in values):
        return []
    return [float(value) for value in values if isinstance(value, int | float)]


def larger_first(values: Sequence[float]) -> bool:
    """Priorities such as 100, 90, 80: they fall down the file and none is small enough to be a
    rank."""
    return falls(values) and min(values) >= 10


def _lists(root: object, places: Sequence[str]) -> Iterator[str]:
    if len(places) > 1:
        yield f"{few(places)} are read as one list, in this order"
    elif "." in places[0]:
        yield f"{places[0]} is the list of features"
    unread = _unread_lists(root, places)
    if unread:
        yield f"{few(unread)} beside {few(places)} is not read"


def _unread_lists(root: object, places: Sequence[str]) -> list[str]:
    """Return the lists in the root and one level down that may hold features and are not read."""
    if not isinstance(root, Mapping):
        return []
    names = [*map(bare, LISTS)]
    values = [(name, name, value) for name, value in root.items()] + [
        (f"{tag}.{name}", name, value)
        for tag, inner in root.items()
        if isinstance(inner, Mapping)
        for name, value in inner.items()
    ]
    lists = [
        path
        for path, name, value in values
        if bare(name) in names and isinstance(value, list) and value
    ]
    return [path for path in lists if path not in places]


def _ids(dialect: Dialect, pairs: _Pairs) -> Iterator[str]:
    made = [f.id for item, f in pairs if dialect.value("id", item) in (None, "")]
    if made:
        yield (
            f"{len(made)} without an id are named by a hash of category and description:"
            f" {few(made)}"
        )


def _states(dialect: Dialect, pairs: _Pairs) -> Iterator[str]:
    flags, statuses = dialect.names["flag"], dialect.names["status"]
    fields = _in_use((*flags, *statuses), pairs)
    words = {name: _words_in(name, pairs) for name in statuses}
    if len(fields) > 1:
        yield (
            f"{', '.join(fields)} all tell the state: the first that a feature has is read and"
            " written, the others stay as they are"
        )
    if fields and fields[0] in words:
        yield _words_read(dialect, fields[0], dict(words[fields[0]]))
    said = [pair for name in statuses for pair in words[name]]
    if odd := _unknown(dialect, dict(said)):
        yield f"the words {few(odd)} are read as not done"
    if torn := [feature.id for word, feature in said if _disagrees(dialect, word, feature)]:
        yield f"{few(torn)}: {fields[0]} and {statuses[0]} disagree, {fields[0]} counts"
    yield from _loose_flags(flags[:1], pairs)
    yield from _stateless(dialect, [f for item, f in pairs if not item.keys() & {*fields}])


def _in_use(names: Iterable[str], pairs: _Pairs) -> list[str]:
    """Return those of the names that some item has."""
    return [name for name in names if any(name in item for item, _ in pairs)]


def _unknown(dialect: Dialect, words: Iterable[str]) -> list[str]:
    """Return the words that say neither done nor not done."""
    known = (*dialect.finished, *OPEN, *SKIPPED)
    return [word for word in words if word_of(word) not in known]


def _words_in(name: str, pairs: _Pairs) -> list[tuple[str, Feature]]:
    """Return the words in a field that tells the state, each with its feature."""
    states = ((status_in(item, name)[1], feature) for item, feature in pairs if name in item)
    return [(word, feature) for word, feature in states if isinstance(word, str)]


def _words_read(dialect: Dialect, field: str, words: Iterable[str]) -> str:
    """Return how the words of a field are read, and which one is written."""
    words = [*words]
    done = [word for word in words if word_of(word) in dialect.finished]
    rest = [word for word in words if word_of(word) in (*OPEN, *SKIPPED)]
    parts = [f"{few(done)} as done"] if done else []
    parts += [f"{few(rest)} as not done"] if rest else []
    return (
        f"{field} tells what is done: {', '.join(parts) or 'nothing yet'} is read,"
        f' "{dialect.done}" is written'
    )


def _disagrees(dialect: Dialect, word: str, feature: Feature) -> bool:
    """Does a word in a status say another thing than what the feature is read as?"""
    state = word_of(word)
    if state == "" or state not in (*dialect.finished, *OPEN):
        return False
    return (state in dialect.finished) != feature.done


def _loose_flags(flags: Sequence[str], pairs: _Pairs) -> Iterator[str]:
    loose = [
        feature.id
        for item, feature in pairs
        for name in flags
        if name in item and not isinstance(item[name], bool)
    ]
    if loose:
        yield (
            f"{few(loose)}: {flags[0]} is neither true nor false, and read by what it says; null is"
            " not done"
        )


def _stateless(dialect: Dialect, features: Sequence[Feature]) -> Iterator[str]:
    """Yield how features are read that have no field for their state."""
    if met := [feature.id for feature in features if feature.done]:
        yield f"{few(met)} without a done field: done, as every criterion says that it is met"
    if rest := [feature.id for feature in features if not feature.done]:
        yield f"{few(rest)} without a done field: not done; {dialect.flag} is added when it is"


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
