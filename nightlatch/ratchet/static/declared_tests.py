"""Test declarations as ids: what protects tests of which no run says an id, whatever runs them,
and if nothing does."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice

from nightlatch.model.models import Reason
from nightlatch.model.rules import reason
from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.languages import grammar
from nightlatch.ratchet.languages.readers import Sources, read_all, unreadable
from nightlatch.ratchet.model import Source
from nightlatch.ratchet.static import test_data, unparsed_tests
from nightlatch.ratchet.static.kept_assertions import GONE, claims_of
from nightlatch.ratchet.static.moved_tests import is_class, is_named, successors
from nightlatch.ratchet.static.test_subjects import Place, words_of
from nightlatch.suite.results import file_of
from nightlatch.suite.runner_detection import supersedes

REMOVED, SKIPPED, SELECTION = (
    "ratchet.test-removed",
    "ratchet.skip-added",
    "ratchet.runner-selection",
)
CHANGED = "ratchet.expectation-changed"
CLASSES = frozenset({"java", "kotlin", "scala", "csharp", "php", "swift"})


def is_test(path: str) -> bool:
    """Do tests lie in this file, by the customs of any ecosystem?"""
    return grammar.is_named_test(path) or unparsed_tests.is_test_file(path)


def declares(path: str, *versions: str | None) -> bool:
    """Does one of these versions of a file look as if it declared tests, wherever it lies?"""
    language = grammar.language_of(path)
    hint = language.words.get("hint") if language else None
    return hint is not None and any(hint.search(text) for text in versions if text)


def beside(
    said: Iterable[Reason],
    texts: Sequence[Text],
    names: Sequence[str],
    ids: Iterable[str],
    failing: Iterable[str] = (),
) -> tuple[Reason, ...]:
    """What was said already, and what a change takes away of the tests that no id of the base
    stands for, or one that fails there.

    `names` are what the feature supersedes.
    """
    known = {r.rule: r for r in said}
    every = tuple(ids)
    covers = covering(every)
    told = {line.partition(" (line ")[0] for r in known.values() for line in r.detail}
    # One edit is one objection: what is said to be weaker is not said to claim something else too.
    changed = (
        (rule, line)
        for rule, line in reclaimed(texts, names, covers, every)
        if line.partition(" (line ")[0] not in told
    )
    data = ((CHANGED, line) for line in test_data.changed(texts, names, every))
    for rule, line in sorted(
        {
            *lost(texts, names, covers, tuple(failing)),
            *changed,
            *data,
            *narrowed(texts, names, every),
        }
    ):
        lines = known[rule].detail if rule in known else ()
        known[rule] = reason(rule, dict.fromkeys((*lines, line)))
    return tuple(known[rule] for rule in sorted(known))


def covering(ids: Iterable[str]) -> Callable[[str], bool]:
    """A function that says whether the results of a run, by id, cover the tests that a file
    declares."""
    every = tuple(ids)
    files = {file_of(name) for name in every}
    classes: dict[str, list[str]] = {}
    for file in files:
        classes.setdefault(file.rpartition("/")[2].rpartition(".")[2], []).append(file)

    @cache
    def in_package(path: str) -> bool:
        """Go and Rust name a package: a file is covered where one of the ids could lie in it."""
        return any(
            is_named(name, (path, name.partition("::")[2].partition("/")[0].partition("[")[0]))
            for name in every
        )

    def covers(path: str) -> bool:
        if path in files:
            return True
        ending = path.rpartition(".")[2]
        if ending in {"go", "rs"}:
            return in_package(path)
        return any(
            is_class(file, path)
            for file in classes.get(path.rpartition("/")[2].rpartition(".")[0], ())
        )

    return covers


def lost(
    texts: Sequence[Text],
    names: Sequence[str],
    covers: Callable[[str], bool],
    failing: Sequence[str] = (),
) -> Iterator[tuple[str, str]]:
    """(rule, detail) for each declaration that is gone and found nowhere else, and for each
    focus that puts others aside.

    An id that fails at the base stands for nothing: it may go without anybody missing it.
    """
    old, new = read_all(texts, "old"), read_all(texts, "new")
    kept = {path: source for path, source in new.items() if path in old or taken(path, old)}
    moved = successors(old, kept, texts)
    for path, source in old.items():
        if path in new and unreadable(source, new[path]):
            continue
        for name, test in source.tests.items():
            place = (path, name)
            here = kept[path].tests.get(name) if path in kept else None
            if test.helper or (here and not here.helper) or place in moved or named(names, place):
                continue
            if not covers(path) or any(is_named(each, place) for each in failing):
                yield REMOVED, shown(place)
    yield from _focused(old, new, names, covers)


def reclaimed(
    texts: Sequence[Text],
    names: Sequence[str],
    covers: Callable[[str], bool],
    ids: Iterable[str] = (),
) -> Iterator[tuple[str, str]]:
    """(rule, detail) for each test of the base that claims, asks or looks at something else
    now, where no run tells which is right."""
    old, new = read_all(texts, "old"), read_all(texts, "new")
    claims, moved = claims_of(texts, old, new), successors(old, new, texts)
    whole = {text.path: text for text in texts}
    spoken = {language.name for name in ids if (language := grammar.language_of(file_of(name)))}
    used = frozenset[str]().union(
        *(
            words_of(test)
            for source in old.values()
            for test in source.tests.values()
            if not test.helper
        )
    )
    for path, source in old.items():
        if covers(path) or (path in new and unreadable(source, new[path])):
            continue
        stays = not any(not test.helper for test in source.tests.values())
        for name, test in source.tests.items():
            here = new[path].tests.get(name) if path in new else None
            places = (
                ((path, name),)
                if here and here.helper == test.helper
                else moved.get((path, name), ())
            )
            now = [(there, new[there].tests[called]) for there, called in places]
            if not now and test.helper and name.rpartition("::")[2] in used:
                now = [*claims.fresh]
            if not now or named(names, (path, name)):
                continue
            stays, (where, first) = True, now[0]
            by_line = name == unparsed_tests.WHOLE
            told = (
                unparsed_tests.rewritten(whole[path].old or "", whole[where].new or "")
                if by_line
                else claims.gone((path, name), test, now)
            )
            yield from (
                (CHANGED, f"{where}::{first.name} (line {first.line}): {what[:80]}")
                for what in islice(told, 1)
            )
        own = grammar.language_of(path)
        held_to = stays and not (own and own.name in spoken) and not supersedes(names, path)
        if held_to and (value := claims.lost_around(path)):
            yield CHANGED, f"{path}: {value[:40]} is not in it any more"


def forgotten(texts: Sequence[Text], names: Sequence[str], ids: Iterable[str]) -> dict[str, str]:
    """What each of these ids asked and does not ask any more, though there is a test of its name.

    Whether that is held against anybody only a run tells: what the new code fails had to change.
    """
    every = tuple(ids)
    covers, old, new = covering(every), read_all(texts, "old"), read_all(texts, "new")
    claims, found = claims_of(texts, old, new), dict[str, str]()
    both = (
        (path, name)
        for path, source in old.items()
        if path in new and covers(path)
        for name in source.tests.keys() & new[path].tests
    )
    for path, name in both:
        test, now = old[path].tests[name], new[path].tests[name]
        if (
            test.text == now.text
            or test.helper
            or named(names, (path, name))
            or unreadable(old[path], new[path])
        ):
            continue
        lines = [
            told for told in claims.gone((path, name), test, [(path, now)]) if told.endswith(GONE)
        ]
        found |= {
            each: f"{each} (line {now.line}): {lines[0][:80]}"
            for each in every
            if lines and is_named(each, (path, name))
        }
    return found


def narrowed(
    texts: Sequence[Text], names: Sequence[str], ids: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """(rule, detail) for each file that tells a runner what to run and that tells it less,
    where no ids would show it."""
    shown_by_id = {
        language.name for name in ids if (language := grammar.language_of(file_of(name)))
    }
    by_class = any("/" not in file_of(name) and "." in file_of(name) for name in ids)
    gone = {
        language.name
        for text in texts
        if text.new is None and (language := grammar.language_of(text.path))
    }
    for language in grammar.languages().values():
        select = language.select
        if (
            select is None
            or language.name in shown_by_id
            or (by_class and language.name in CLASSES)
        ):
            continue
        for text in (
            t
            for t in texts
            if t.old and grammar.matches(select.files, t.path) and not supersedes(names, t.path)
        ):
            old, new = text.old or "", text.new or ""
            less = [
                hit
                for hit, more in (
                    Counter(select.narrows.findall(new)) - Counter(select.narrows.findall(old))
                ).items()
                if more
            ]
            if select.names and language.name not in gone:
                less += sorted(set(select.names.findall(old)) - set(select.names.findall(new)))
            if less:
                yield SELECTION, f"{text.path}: {' '.join(less[0].split())[:80]}"


def taken(path: str, old: Sources) -> bool:
    """Would a runner take a new file by itself, as far as customs tell?

    Where the lost ones lay in files of no custom, any will do.
    """
    if unparsed_tests.is_test_file(path):
        return grammar.NEVER_RUN.search(path) is None
    return grammar.collected(path) or not any(
        grammar.collected(before) or unparsed_tests.is_test_file(before) for before in old
    )


def named(names: Sequence[str], place: Place) -> bool:
    path, name = place
    return supersedes(names, f"{path}::{name.replace(' > ', '::')}") or supersedes(
        names, f"{path}::{name}"
    )


def shown(place: Place) -> str:
    path, name = place
    return f"{path}::{name}" if name else path


def _focused(
    old: Sources, new: Sources, names: Sequence[str], covers: Callable[[str], bool]
) -> Iterator[tuple[str, str]]:
    """A focus that the base does not have, also in a new file: with many runners it puts all
    other files aside."""
    for path, source in new.items():
        before = old.get(path, Source()).focused
        for name in sorted(source.focused - before):
            if not covers(path) and not named(names, (path, name)):
                yield (
                    SKIPPED,
                    f"{path}::{name} (line {source.tests[name].line}): only this one runs",
                )
