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
from nightlatch.ratchet.model import Source, Test
from nightlatch.ratchet.static import test_data, unparsed_tests
from nightlatch.ratchet.static.kept_assertions import GONE, Claims, claims_of
from nightlatch.ratchet.static.moved_tests import in_place_of, is_class, is_named, successors
from nightlatch.ratchet.static.test_subjects import Place, is_superseded, words_of
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
    """Return what was said already, and what a change takes away of the tests that no id of the
    base stands for, or one that fails there.

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
    """Return a function that says whether the results of a run, by id, cover the tests that a
    file declares."""
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
    """Yield (rule, detail) for each declaration that is gone and found nowhere else, and for each
    focus that puts others aside.

    An id that fails at the base stands for nothing: it may go without anybody missing it.
    """
    old, new = read_all(texts, "old"), read_all(texts, "new")
    for place in _gone(old, new, texts):
        if is_superseded(names, place):
            continue
        if not covers(place[0]) or any(is_named(wanted, place) for wanted in failing):
            yield REMOVED, shown(place)
    yield from _focused(old, new, names, covers)


def _gone(old: Sources, new: Sources, texts: Sequence[Text]) -> Iterator[Place]:
    """Yield the tests of the base that stand in no file any more that a runner would take."""
    kept = {path: source for path, source in new.items() if path in old or taken(path, old)}
    moved = successors(old, kept, texts)
    for path, source in old.items():
        if _is_torn(path, old, new):
            continue
        now = kept.get(path, Source()).tests
        for name, test in source.tests.items():
            is_here = name in now and not now[name].helper
            if not test.helper and not is_here and (path, name) not in moved:
                yield path, name


def reclaimed(
    texts: Sequence[Text],
    names: Sequence[str],
    covers: Callable[[str], bool],
    ids: Iterable[str] = (),
) -> Iterator[tuple[str, str]]:
    """Yield (rule, detail) for each test of the base that claims, asks or looks at something
    else now, where no run tells which is right."""
    old, new = read_all(texts, "old"), read_all(texts, "new")
    claims, moved = claims_of(texts, old, new), successors(old, new, texts)
    spoken, used = _languages(map(file_of, ids)), _words_of_tests(old)
    for path, source in old.items():
        if covers(path) or _is_torn(path, old, new):
            continue
        # Where all tests of a file are gone, `lost` says so; a file of helpers has none to lose.
        stays = _has_only_helpers(source)
        for name, test in source.tests.items():
            place = (path, name)
            now = in_place_of(place, test, new, moved)
            # What a helper asserted may be written out in the tests that called it.
            if not now and test.helper and name.rpartition("::")[2] in used:
                now = [*claims.fresh]
            if now and not is_superseded(names, place):
                stays = True
                yield from _objection(place, test, now, claims)
        # Where ids tell of a language, its values around tests are used by tests that are run.
        is_run = bool(_languages([path]) & spoken)
        if stays and not is_run and not supersedes(names, path):
            yield from _lost_around(path, claims)


def _is_torn(path: str, old: Sources, new: Sources) -> bool:
    """Can a file of the base not be read any more, so that nothing tells what became of it?"""
    return path in new and unreadable(old[path], new[path])


def _has_only_helpers(source: Source) -> bool:
    """Does a file declare no test of its own?"""
    return all(test.helper for test in source.tests.values())


def _lost_around(path: str, claims: Claims) -> Iterator[tuple[str, str]]:
    """Yield a value that stood around the tests of a file and is nowhere any more."""
    if value := claims.lost_around(path):
        yield CHANGED, f"{path}: {value[:40]} is not in it any more"


def _objection(
    place: Place, test: Test, now: Sequence[tuple[str, Test]], claims: Claims
) -> Iterator[tuple[str, str]]:
    """Yield the first thing that a test claims no more, so that one edit is one objection."""
    path, name = place
    where, first = now[0]
    if name == unparsed_tests.WHOLE:
        texts = claims.whole
        changes = unparsed_tests.rewritten(texts[path].old or "", texts[where].new or "")
    else:
        changes = claims.gone(place, test, now)
    for what in islice(changes, 1):
        yield CHANGED, f"{where}::{first.name} (line {first.line}): {what[:80]}"


def _languages(paths: Iterable[str]) -> set[str]:
    """Return the languages of these files, as far as they are known."""
    return {language.name for path in paths if (language := grammar.language_of(path))}


def _words_of_tests(sources: Sources) -> frozenset[str]:
    """Return every word in the tests of one side, helpers aside."""
    tests = (test for source in sources.values() for test in source.tests.values())
    return frozenset[str]().union(*(words_of(test) for test in tests if not test.helper))


def forgotten(texts: Sequence[Text], names: Sequence[str], ids: Iterable[str]) -> dict[str, str]:
    """Return what each of these ids asked and does not ask any more, though there is a test of its
    name.

    Whether that is held against anybody only a run tells: what the new code fails had to change.
    """
    every = tuple(ids)
    covers, old, new = covering(every), read_all(texts, "old"), read_all(texts, "new")
    claims, forgotten_by_id = claims_of(texts, old, new), dict[str, str]()
    for place in _edited(old, new):
        path, name = place
        test, now = old[path].tests[name], new[path].tests[name]
        if not covers(path) or test.helper or is_superseded(names, place):
            continue
        lines = [line for line in claims.gone(place, test, [(path, now)]) if line.endswith(GONE)]
        if lines:
            forgotten_by_id |= {
                wanted: f"{wanted} (line {now.line}): {lines[0][:80]}"
                for wanted in every
                if is_named(wanted, place)
            }
    return forgotten_by_id


def _edited(old: Sources, new: Sources) -> Iterator[Place]:
    """Yield the tests that have another text in the same place, in files that can be read still."""
    for path, source in old.items():
        if path not in new or _is_torn(path, old, new):
            continue
        now = new[path].tests
        for name in source.tests.keys() & now:
            if source.tests[name].text != now[name].text:
                yield path, name


def narrowed(
    texts: Sequence[Text], names: Sequence[str], ids: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield (rule, detail) for each file that tells a runner what to run and that tells it less,
    where no ids would show it."""
    shown_by_id = _languages(map(file_of, ids))
    # Some runners name classes in the place of files, whatever the language of these is.
    if any("/" not in file_of(name) and "." in file_of(name) for name in ids):
        shown_by_id |= CLASSES
    deleted = _languages(text.path for text in texts if text.new is None)
    for language in grammar.languages().values():
        if language.select is None or language.name in shown_by_id:
            continue
        # A file of tests that is gone takes its name out of the list with it.
        names_count = language.name not in deleted
        for text in texts:
            less = _selects_less(language.select, text, names_count=names_count)
            if less and not supersedes(names, text.path):
                yield SELECTION, f"{text.path}: {' '.join(less[0].split())[:80]}"


def _selects_less(select: grammar.Select, text: Text, *, names_count: bool) -> list[str]:
    """Return what a file that selects tests says to run fewer of them: words that narrow, names
    gone."""
    if not text.old or not grammar.matches(select.files, text.path):
        return []
    old, new = text.old, text.new or ""
    less = list(Counter(select.narrows.findall(new)) - Counter(select.narrows.findall(old)))
    if select.names and names_count:
        less += sorted(set(select.names.findall(old)) - set(select.names.findall(new)))
    return less


def taken(path: str, old: Sources) -> bool:
    """Would a runner take a new file by itself, as far as customs tell?

    Where the lost ones lay in files of no custom, any will do.
    """
    if unparsed_tests.is_test_file(path):
        return grammar.NEVER_RUN.search(path) is None
    return grammar.collected(path) or not any(
        grammar.collected(before) or unparsed_tests.is_test_file(before) for before in old
    )


def shown(place: Place) -> str:
    """Return a test as an id has it."""
    path, name = place
    return f"{path}::{name}" if name else path


def _focused(
    old: Sources, new: Sources, names: Sequence[str], covers: Callable[[str], bool]
) -> Iterator[tuple[str, str]]:
    """Yield a focus that the base does not have, also in a new file: with many runners it puts
    all other files aside."""
    for path, source in new.items():
        before = old.get(path, Source()).focused
        for name in sorted(source.focused - before):
            if not covers(path) and not is_superseded(names, (path, name)):
                yield (
                    SKIPPED,
                    f"{path}::{name} (line {source.tests[name].line}): only this one runs",
                )
