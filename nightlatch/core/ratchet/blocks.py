"""Reads the tests of JavaScript, TypeScript, Go and Rust files, by their tokens."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlatch.core.ratchet.blockclaims import Claim, claims, names
from nightlatch.core.ratchet.languages import (
    CALLS,
    DEFINED,
    EMPTY_LOOP,
    GATE,
    GO_TEST,
    HANDLED,
    HELPER,
    IMPORT,
    LEAVES,
    MOCK,
    MODULE_MOCK,
    NEVER,
    OPTION,
    RECEIVERS,
    RETRY,
    ROWS,
    RUST_OFF,
    RUST_TEST,
    SKIP_CALLS,
    SKIPPED,
    SKIPPERS,
    SPIED,
    SUITES,
    TIMEOUT,
)  # fmt: skip
from nightlatch.core.ratchet.seen import (
    CONSTANT,
    LOOSER,
    MANY,
    MOCKED,
    SKIP,
    SWALLOWED,
    WHEN,
    Assertion,
    Marks,
    Source,
    Test,
    UnreadableError,
)
from nightlatch.core.ratchet.tokens import Token, brackets, code, language, tokens


@dataclass(frozen=True, slots=True)
class _File:
    lang: str
    found: Sequence[Token]
    pairs: Mapping[int, int]
    breaks: Sequence[int]
    helpers: Mapping[str, int]
    skippers: frozenset[str] = frozenset()

    def words(self, start: int, end: int) -> str:
        return " ".join(t.text for t in self.found[start:end])

    def text(self, at: int) -> str:
        return self.found[at].text if 0 <= at < len(self.found) else ""

    def line(self, at: int) -> int:
        return bisect_right(self.breaks, self.found[at].at) + 1

    def parts(self, start: int, end: int) -> list[tuple[int, int]]:
        """What stands between the commas of a bracket."""
        cuts, at = [start], start
        while at < end:
            if self.found[at].text == ",":
                cuts.append(at + 1)
            at = self.pairs.get(at, at) + 1
        return [(a, b) for a, b in zip(cuts, [*(c - 1 for c in cuts[1:]), end], strict=True) if a < b]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A test or a helper: where its text lies, and what it brings from above."""

    name: str
    start: int
    end: int
    marks: Marks
    rows: tuple[str, ...] | None = None
    focus: bool = False
    helper: bool = False


def read(path: str, text: str, helpers: Mapping[str, int] | None = None) -> Source:
    """Raises UnreadableError where brackets do not match; a file in another language has no tests."""
    lang = language(path)
    if not lang:
        return Source()
    found = code(tokens(text, lang))
    pairs = brackets(found)
    count = Counter(t.text for t in found if t.kind == "op" and t.text in "()[]{}")
    if not path.endswith("x") and (sum(count.values()) != 2 * len(pairs)):
        raise UnreadableError
    file = _File(lang, found, pairs, [m.start() for m in re.finditer("\n", text)], helpers or {})
    return _source(file)


def _source(file: _File) -> Source:
    if file.lang == "js":
        tests = list(_js(file, 0, len(file.found), "", Counter(), focus=False))
    else:
        tests = list(_functions(file, 0, len(file.found), "", Counter()))
    tests += [h for h in _helpers(file) if not any(t.start <= h.start < t.end for t in tests)]
    counts = {h.name: sum(a.weight for a in _test(file, h, Counter()).assertions) for h in tests if h.helper}
    wide = replace(
        file, helpers={**file.helpers, **counts}, skippers=file.skippers | {t.name for t in tests if t.helper and any(_skips(file, t))},
    )  # fmt: skip
    imports = dict(_imports(file.words(0, len(file.found))))
    outside = _outside(wide, tests, imports)
    focused = any(t.focus for t in tests)
    made: dict[str, Test] = {}
    for test in tests:
        away = Counter({(SKIP, "only others run"): int(focused and not test.focus and not test.helper)})
        one = _test(wide, test, outside + away)
        if one.assertions or not one.helper:
            made[test.name] = one
    names = Counter(test.name for test in tests if not test.helper)
    twice = frozenset(name for name, count in names.items() if count > 1)
    return Source(tests=made, imports=imports, defined=frozenset(DEFINED.findall(_top(file))), shadowed=twice)


def _js(file: _File, start: int, end: int, above: str, marks: Marks, *, focus: bool) -> Iterator[_Found]:
    at = start
    while at < end:
        call = _call(file, at)
        if call is None:
            at += 1
            continue
        opened, words, rows = call
        closed = file.pairs[opened]
        args = file.parts(opened + 1, closed)
        title = file.words(*args[0]) if args else ""
        name = f"{above}{title.strip(chr(34) + chr(39) + '`')}"
        options = set(OPTION.findall(" ".join(file.words(*a) for a in args[1:] if file.text(a[0]) == "{")))
        when = bool({"skipIf", "runIf"} & words) and not ({"true", "false"} & set(file.words(at, opened).split()))
        off = bool(SKIPPED & words) or file.text(at).startswith("x") or bool(options & SKIPPED) or len(args) == 1
        only = focus or "only" in words or "only" in options or file.text(at) in {"fit", "ftest", "fdescribe"}
        own = marks + Counter({(WHEN if when else SKIP, "skip"): int(off)})
        if file.text(at) not in SUITES:
            yield _Found(name=name, start=opened + 1, end=closed, marks=own, rows=rows, focus=only)
        yield from _js(file, opened + 1, closed, f"{name} > ", own, focus=only)
        at = closed + 1


def _call(file: _File, at: int) -> tuple[int, set[str], tuple[str, ...] | None] | None:
    """The bracket of a call of it, test, describe ..., the words between, and its rows; None where there is none."""
    method = file.text(at - 1) == "." and file.text(at - 2) not in RECEIVERS
    if file.text(at) not in CALLS or file.found[at].kind != "name" or method or file.text(at - 1) == "function":
        return None
    words, rows, at = set[str](), None, at + 1
    while file.text(at) == ".":
        words.add(file.text(at + 1))
        at += 2
    if words & (ROWS | SKIPPED) and file.text(at) == "(" and file.text(file.pairs.get(at, -2) + 1) == "(":
        first = file.text(at + 1) == "[" and file.pairs.get(at + 1)
        rows = tuple(file.words(*part) for part in file.parts(at + 2, first)) if first and words & ROWS else None
        at = file.pairs[at] + 1
    elif words & ROWS and file.found[at].kind == "template":
        rows = tuple(line.strip() for line in file.text(at).splitlines()[1:] if "|" in line or "${" in line)
        at += 1
    return (at, words, rows) if file.text(at) == "(" and at in file.pairs else None


def _functions(file: _File, start: int, end: int, above: str, marks: Marks) -> Iterator[_Found]:
    """The test functions of Go and Rust."""
    at, notes = start, list[str]()
    if file.lang == "rust" and not above and "# ! [ cfg" in file.words(0, len(file.found)):
        marks = marks + Counter({(SKIP, "cfg"): 1})
    while at < end:
        word = file.text(at)
        if word == "#" and file.text(at + 1) == "[":
            closed = file.pairs[at + 1]
            notes.append(file.words(at + 2, closed))
            at = closed + 1
        elif word == "mod" and file.text(at + 2) == "{":
            own = marks + _notes([n for n in notes if n != "cfg ( test )"])
            yield from _functions(file, at + 3, file.pairs[at + 2], f"{above}{file.text(at + 1)}::", own)
            at, notes = file.pairs[at + 2] + 1, []
        elif word in {"func", "fn"} and (opened := _body(file, at, end)) is not None:
            name = file.text(at + 1) if file.text(at + 1) != "(" else file.text(file.pairs[at + 1] + 1)
            if (GO_TEST.match(name) and name != "TestMain") if file.lang == "go" else any(map(RUST_TEST.match, notes)):
                rows = tuple(n for n in notes if n.startswith(("case", "test_case"))) or _table(file, opened)
                yield _Found(name=f"{above}{name}", start=opened, end=file.pairs[opened], marks=marks + _notes(notes), rows=rows)
            at, notes = file.pairs[opened] + 1, []
        else:
            notes = notes if word in {"pub", "async", "unsafe", "const"} else []
            at += 1


def _notes(notes: Sequence[str]) -> Marks:
    off = [n for n in notes if RUST_OFF.match(n)]
    return Counter((WHEN if n.startswith("cfg") and n != "cfg ( any ( ) )" else SKIP, "attribute") for n in off)


def _body(file: _File, at: int, end: int) -> int | None:
    """The bracket of a function's body."""
    while at < end:
        if file.text(at) == "{" and file.text(at - 1) not in {"interface", "struct"}:
            return at if at in file.pairs else None
        if file.text(at) == ";":
            return None
        at = file.pairs.get(at, at) + 1
    return None


def _table(file: _File, opened: int) -> tuple[str, ...] | None:
    """The rows of the first table of a test function."""
    for at in range(opened, file.pairs[opened]):
        if file.text(at) == "]" and file.lang == "go":
            start = file.pairs.get(at + 2, -2) + 1 if file.text(at + 1) == "struct" else at + 2
            if file.text(start) == "{" and start in file.pairs:
                rows = tuple(file.words(*part) for part in file.parts(start + 1, file.pairs[start]))
                if rows and all("{" in row for row in rows):
                    return rows
    return None


def _helpers(file: _File) -> Iterator[_Found]:
    for at, token in enumerate(file.found):
        if token.text in {"function", "func", "fn"} and (opened := _body(file, at, len(file.found))) is not None:
            yield _Found(name=file.text(at + 1), start=opened, end=file.pairs[opened], marks=Counter(), helper=True)
        elif token.text == "=>" and file.text(at + 1) == "{" and at + 1 in file.pairs:
            near = range(at, max(at - 40, 0), -1)
            start = next((k for k in near if file.text(k) == "=" and file.text(k - 2) in {"const", "let", "var"}), None)
            if start is not None:
                yield _Found(name=file.text(start - 1), start=at + 1, end=file.pairs[at + 1], marks=Counter(), helper=True)


def _test(file: _File, found: _Found, outside: Marks) -> Test:
    text = file.words(found.start, found.end)
    dead = list(_dead(file, found))
    made = [_unless(c, any(a <= c.at < b for a, b in dead)) for c in _claims(file, found)]
    marks = found.marks + (Counter() if found.helper else outside)
    marks += Counter(_skips(file, found)) + Counter({(LOOSER, "retry"): len(RETRY.findall(text))})
    marks += Counter({(SWALLOWED, "a catch around an assertion"): sum(_swallowing(file, found, [c.at for c in made]))})
    for claim in made:
        marks += Counter({(CONSTANT, mark): 1 for mark in claim.marks})
    marks += Counter({(MOCKED, name): 1 for pair in MOCK.findall(text) for name in pair if name})
    limits: dict[str, tuple[float, ...]] = {}
    for key, number in (pair for c in made for pair in c.limits):
        limits[key] = tuple(sorted((*limits.get(key, ()), number)))
    times = [float(number.replace("_", "")) for pair in TIMEOUT.findall(text) for number in pair if number]
    return Test(
        name=found.name, line=file.line(found.start), text=text, assertions=tuple(c.assertion for c in made), marks=marks,
        limits=limits | ({"timeout": tuple(sorted(times))} if times else {}), raises=tuple(r for c in made for r in c.raises),
        rows=found.rows, calls=frozenset(re.findall(r"(\w+) \(", text)), helper=found.helper,
    )  # fmt: skip


def _skips(file: _File, found: _Found) -> Iterator[tuple[str, str]]:
    """A skip from inside, at once or under a condition."""
    ifs = [(b, file.pairs[b]) for at, b in _heads(file, found) if file.text(at) == "if" and file.words(at + 1, b).strip("( )") != "true"]
    own = re.search(r"\( \{ [^}]*\bskip\b", file.words(found.start, min(found.start + 40, found.end)))
    names = file.skippers | ({"skip"} if own else set())
    for at in range(found.start, found.end):
        called = file.text(at) == "." and file.text(at + 1) in SKIP_CALLS and file.text(at - 1) in SKIPPERS
        helped = file.text(at) in names and file.text(at + 1) == "(" and file.text(at - 1) != "."
        if called or helped or LEAVES.match(file.words(at, at + 4)):
            yield (WHEN if any(a < at < b for a, b in ifs) else SKIP), "skip from inside"


def _heads(file: _File, found: _Found) -> Iterator[tuple[int, int]]:
    """Where an if, for or while stands, and the bracket of what it decides over."""
    for at in range(found.start, found.end):
        if file.text(at) in {"if", "for", "while"} and (opened := _body(file, at, found.end)) is not None:
            yield at, opened


def _unless(claim: Claim, dead: object) -> Claim:
    return replace(claim, assertion=replace(claim.assertion, weight=0)) if dead else claim


def _claims(file: _File, found: _Found) -> Iterator[Claim]:
    yield from claims(file.lang, file.found, file.pairs, found.start, found.end, file.parts)
    for at in range(found.start, found.end):
        name = file.text(at)
        if file.text(at + 1) == "(" and at + 1 in file.pairs and file.text(at - 1) not in {"func", "fn", "function", "."}:
            text = file.words(at, file.pairs[at + 1] + 1)
            if name in file.helpers and not names(name):
                yield Claim(at=at, assertion=Assertion(subject=text, rank=3, text=text, weight=file.helpers[name]))
            elif HELPER.match(name):
                yield Claim(at=at, assertion=Assertion(subject=text, rank=3, text=text, weight=MANY))


def _dead(file: _File, found: _Found) -> Iterator[tuple[int, int]]:
    """What is not run, as far as it shows: never entered, looped over nothing, or behind a return."""
    for at, opened in _heads(file, found):
        head = file.words(at + 1, opened)
        gated = file.text(at) == "if" and GATE.search(head)
        if gated or NEVER.match(head) or (file.text(at) == "for" and EMPTY_LOOP.search(file.words(at + 1, opened + 1))):
            yield opened, file.pairs[opened]
            if "return" in file.words(opened, file.pairs[opened]).split():
                yield file.pairs[opened], found.end
    yield from ((at, file.pairs[at + 4]) for at in range(found.start, found.end) if file.words(at, at + 5) == "[ ] . forEach (")
    inside = range(found.start - (file.lang == "js"), found.end)
    body = next((k for k in inside if file.text(k) == "{" and (file.lang != "js" or file.text(k - 1) in {"=>", ")"})), found.end)
    at = body + 1
    while at < file.pairs.get(body, 0):
        if file.text(at) == "return":
            bare = file.lang == "go" or file.text(at + 1) in {";", "}"} or file.line(at + 1) > file.line(at)
            stop = at if bare else next((k for k in range(at, found.end) if file.text(k) == ";"), found.end)
            yield stop, found.end
        at = file.pairs.get(at, at) + 1


def _swallowing(file: _File, found: _Found, claimed: Sequence[int]) -> Iterator[bool]:
    for at in range(found.start, found.end):
        if file.text(at) == "try" and file.text(at + 1) == "{" and at + 1 in file.pairs:
            after = file.pairs[at + 1] + 1
            opened = _body(file, after, found.end) if file.text(after) == "catch" else None
            handled = opened is None or HANDLED.search(file.words(opened, file.pairs[opened]))
            yield not handled and any(at < c < after for c in claimed)
        elif file.text(at) in {"recover", "catch_unwind"} and file.text(at + 1) == "(":
            yield True


def _outside(file: _File, tests: Sequence[_Found], imports: Mapping[str, str]) -> Marks:
    """What stand-ins the file sets up for all of its tests."""
    inside = [(t.start, t.end) for t in tests]
    words = " ".join(t.text for k, t in enumerate(file.found) if not any(a <= k < b for a, b in inside))
    whole = file.words(0, len(file.found)) if file.lang == "js" else ""
    away = {_module(path) for path in MODULE_MOCK.findall(whole) if path[:1] == "."}
    mocked = {name for name, source in imports.items() if source.rpartition(".")[0] in away}
    return Counter({(MOCKED, name): 1 for name in mocked | set(SPIED.findall(words))})


def _imports(words: str) -> Iterator[tuple[str, str]]:
    for first, module, second, other in IMPORT.findall(words):
        for name in re.findall(r"(?:\w+ (?:as|:) )?(\w+)", first or second):
            yield name, f"{_module(module or other)}.{name}"


def _module(path: str) -> str:
    return re.sub(r"\.[cm]?[jt]sx?$", "", re.sub(r"^(?:\.{1,2}/)+", "", path)).replace("/", ".")


def _top(file: _File) -> str:
    """The words that stand in no bracket."""
    depth, words, ends = 0, list[str](), dict.fromkeys(file.pairs.values(), True)
    for at, token in enumerate(file.found):
        depth -= at in ends
        if depth == 0:
            words.append(token.text)
        depth += at in file.pairs
    return " ".join(words)
