"""Reads the tests of any language that has a grammar, into the same values as those of Python."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlatch.ratchet.languages.grammar import Language, Parsed, Span, parse
from nightlatch.ratchet.languages.outline import Branch, Outline, outline
from nightlatch.ratchet.languages.tree_assertions import claims
from nightlatch.ratchet.languages.tree_locals import stands
from nightlatch.ratchet.languages.tree_matchers import NEVER, Claim, norm
from nightlatch.ratchet.languages.tree_origins import around as words_around
from nightlatch.ratchet.languages.tree_origins import origins, package
from nightlatch.ratchet.languages.tree_reach import unreached
from nightlatch.ratchet.languages.tree_rows import rows_of
from nightlatch.ratchet.languages.tree_tests import FoundTests, tests
from nightlatch.ratchet.model import (
    CONSTANT,
    LOOSER,
    MOCKED,
    SKIP,
    SWALLOWED,
    WHEN,
    Marks,
    Source,
    Test,
    UsedNames,
)

CALLED = re.compile(r"(\w+) \(")
ALWAYS_TRUE = re.compile(r"\(? ?true ?\)?$")
CONSTANT_ARGUMENT = re.compile(r"\( (?:false|true) [),]")
SETUP = re.compile(r"_*(?:set_?up|before|init|prepare|arrange)", re.IGNORECASE)
# What takes a block and runs it: a subtest, a group of assertions, what waits until they hold.
RUN_AT_ONCE = re.compile(
    r"(?:\bt \."
    r" Run|\bwaitFor|\bact|\brunTest|\brunBlocking|\bassertAll|\bassertSoftly|\bstep|\bwithin"
    r"|\baggregate_failures|\bwithClue"
    r"|\bmultiple|\brunActivity)\b[^{}]*(?:\{|=>|->|\)|do)? ?(?:\{)?$"
)
AHEAD = 16
OPENING = 40  # tokens at the beginning of a test in which it says what it takes from its runner


@dataclass(frozen=True, slots=True)
class _Around:
    """What is known around a test: the assertions that helpers make, and the helpers that skip."""

    every: Sequence[FoundTests]
    helpers: Mapping[str, int]
    skippers: frozenset[str]


def read(
    path: str, text: str, language: Language, helpers: Mapping[str, int] | None = None
) -> Source:
    """Return the tests of one file; `broken` says that the grammar met something that it cannot
    read."""
    seen = outline(parse(path, text, language))
    parsed, every = seen.parsed, tests(seen)
    declared = [f for f in every if f.kind == "test"]
    helping = _helpers(every, declared)
    around = _around(seen, every, helping, helpers or {})
    imports = dict(_imports(parsed))
    outside = _outside(seen, declared, helping, imports) + _replaced(parsed, every)
    focused = frozenset(t.name for t in declared if t.focus)
    made = {
        one.name: _test(seen, one, outside + _aside(one, focused) + unreached(seen, one), around)
        for one in declared
    }
    for one in helping:
        test = _test(seen, one, Counter(), around)
        # a helper without assertions is any function, and of nobody's concern
        if test.assertions:
            made.setdefault(one.name, test)
    count = Counter(t.name for t in declared)
    return Source(
        tests=made,
        imports=imports,
        defined=_defined(parsed),
        broken=bool(parsed.faults),
        focused=focused,
        shadowed=frozenset(name for name in count if count[name] > 1),
        torn=frozenset(t.name for t in declared if _is_torn(parsed, t)),
        origins=origins(parsed),
        package=package(parsed),
        around=words_around(parsed, declared),
    )


def _helpers(every: Sequence[FoundTests], declared: Sequence[FoundTests]) -> list[FoundTests]:
    """Return the functions that are no tests, those aside that stand in a test and are part of
    its text."""
    return [
        one
        for one in every
        if one.kind == "helper" and not any(test.at <= one.at < test.stop for test in declared)
    ]


def _around(
    seen: Outline,
    every: Sequence[FoundTests],
    helping: Sequence[FoundTests],
    helpers: Mapping[str, int],
) -> _Around:
    """Return what the tests of a file lean on; its own helpers go before those of other files."""
    counts = {
        h.name: sum(c.assertion.weight for c in claims(seen, h.start, h.end, helpers))
        for h in helping
    }
    own = {name: count for name, count in counts.items() if count}
    skippers = frozenset(h.name for h in helping if any(_skips(seen, h, frozenset())))
    return _Around(every, {**helpers, **own}, skippers)


def _is_torn(parsed: Parsed, test: FoundTests) -> bool:
    """Does something that the grammar cannot read lie inside a test?"""
    # A test at the end of the file ends with the source, behind the last token.
    ends = (*parsed.starts, len(parsed.source))
    first, last = ends[min(test.at, len(parsed.starts))], ends[min(test.stop, len(parsed.starts))]
    return any(first <= start < last for start, _ in parsed.faults)


def _replaced(parsed: Parsed, every: Sequence[FoundTests]) -> Marks:
    """Return words of its frameworks that a file defines anew: its own `it`, its own
    `assertEquals`."""
    words, ranks = parsed.language.words, parsed.language.claims.ranks
    own = {one.name.rpartition("::")[2] for one in every if one.kind == "helper"}
    declaring = [words[key] for key in ("test_call", "suite_call") if key in words]
    tests = {name for name in own if any(pattern.fullmatch(name) for pattern in declaring)}
    asserting = {name for name in own if _is_asserting(parsed.language, name)}
    matchers = {name for name in asserting if norm(name) in {"", "that"} or norm(name) in ranks}
    others = _named_in(words.get("foreign"), parsed.words(0, len(parsed.tokens)))
    return Counter(
        {
            **{(WHEN, f"{name} from another file"): 1 for name in others},
            **{(SKIP, f"its own {name}"): 1 for name in tests},
            **{(CONSTANT, f"its own {name}"): 1 for name in matchers},
        }
    )


def _is_asserting(language: Language, name: str) -> bool:
    """Is this how a framework of the language calls what asserts, as a function or as a macro?"""
    return any(
        rule["head"].fullmatch(name) or rule["head"].fullmatch(f"{name} !")
        for rule in language.claims.rules
    )


def _named_in(pattern: re.Pattern[str] | None, text: str) -> list[str]:
    """Return the names that a pattern of the language finds in a text, where the language has
    one."""
    hits = pattern.finditer(text) if pattern else ()
    return [name for hit in hits for name in hit.groups() if name]


def _aside(one: FoundTests, focused: frozenset[str]) -> Marks:
    """Return what a focus on others does to a test."""
    return Counter({(SKIP, "only others run"): int(bool(focused) and one.name not in focused)})


def _test(seen: Outline, found: FoundTests, outside: Marks, around: _Around) -> Test:
    """Read one test or helper; `outside` is what the file does to it."""
    parsed, words = seen.parsed, seen.parsed.language.words
    text = parsed.words(found.start, found.end)
    whole = " ".join((*found.declaration.notes, text))
    made = _claims_in(seen, found, around)
    enclosing = [*_enclosing(seen, found)]
    marks = found.marks + outside + Counter(_skips(seen, found, around.skippers))
    return Test(
        name=found.name,
        line=parsed.line(found.start if found.declaration.titled else found.at),
        text=text,
        marks=marks + _marks(seen, found, made, whole),
        assertions=tuple(
            replace(c.assertion, inside=_depth(c.at, enclosing) - c.spared) for c in made
        ),
        limits=_limits(parsed.language, made, whole),
        raises=tuple(r for c in made for r in c.raises),
        rows=rows_of(seen, found, around.every),
        helper=found.kind == "helper",
        names=UsedNames(
            calls=frozenset((words.get("called") or CALLED).findall(text)),
            stands=stands(parsed, found.start, found.end),
        ),
    )


def _claims_in(seen: Outline, found: FoundTests, around: _Around) -> list[Claim]:
    """Return what a test claims, in the order of its text."""
    dead = tuple(_dead(seen, found))
    # A helper that calls itself does not count what it asserts once more.
    helpers = {name: count for name, count in around.helpers.items() if name != found.name}
    made = [_alive(claim, dead) for claim in claims(seen, found.start, found.end, helpers)]
    return sorted(made, key=lambda c: c.at)


def _marks(seen: Outline, found: FoundTests, made: Sequence[Claim], whole: str) -> Marks:
    """Return what weakens a test in its own text and the marks before it, skips aside."""
    words = seen.parsed.language.words
    retries = len(words["retry"].findall(whole)) if "retry" in words else 0
    swallowed = sum(_swallowing(seen, found, [c.at for c in made]))
    text = seen.parsed.words(found.start, found.end)
    return (
        Counter({(LOOSER, "retry"): retries, (SWALLOWED, "a catch around an assertion"): swallowed})
        + Counter((CONSTANT, mark) for claim in made for mark in dict.fromkeys(claim.marks))
        + Counter(dict.fromkeys(((MOCKED, name) for name in _named_in(words.get("mock"), text)), 1))
    )


def _depth(at: int, enclosing: Sequence[Span]) -> int:
    """Return how many of these spans a token stands in."""
    return sum(start <= at < end for start, end in enclosing)


def _enclosing(seen: Outline, found: FoundTests) -> Iterator[Span]:
    """Yield the branches, loops, handlers and functions inside a test, those aside that a
    framework is handed to run at once."""
    parsed = seen.parsed
    functions = [
        parsed.span(nodes["body"][0])
        for nodes in seen.kinds.get("function", ())
        if nodes.get("body")
    ]
    every = {
        *seen.flow.scopes,
        *functions,
        *(a.tried for a in seen.flow.attempts),
        *(b.body for b in seen.flow.branches if b.loop),
    }
    for start, end in every:
        if (
            found.start < start
            and end <= found.end
            and not RUN_AT_ONCE.search(parsed.words(max(found.start, start - AHEAD), start))
        ):
            yield start, end


def _limits(language: Language, made: Sequence[Claim], text: str) -> dict[str, tuple[float, ...]]:
    """Return tolerances, time-outs and thresholds, turned so that larger is looser."""
    found: dict[str, list[float]] = {}
    for key, number in (pair for claim in made for pair in claim.limits):
        found.setdefault(key, []).append(number)
    for name, pattern, turn in language.claims.limits:
        for hit in pattern.finditer(text):
            digits = (
                next((group for group in hit.groups() if group), "0")
                .replace("_", "")
                .rstrip("fFlLdDmM.")
            )
            found.setdefault(name, []).append(turn * float(digits or 0))
    return {key: tuple(sorted(numbers)) for key, numbers in found.items()}


def _alive(claim: Claim, dead: Sequence[Span]) -> Claim:
    """Return the claim; without weight where it is never reached."""
    reached = not any(start <= claim.at < end for start, end in dead)
    return claim if reached else replace(claim, assertion=replace(claim.assertion, weight=0))


def _skips(seen: Outline, found: FoundTests, skippers: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield a skip from inside, at once or under a condition."""
    parsed, assumes = seen.parsed, seen.parsed.language.words.get("assumes")
    ifs = [
        b.body
        for b in seen.flow.branches
        if not b.loop and not ALWAYS_TRUE.match(parsed.words(*b.condition))
    ]
    for at in sorted(_places_of_skips(parsed, found, skippers)):
        said = parsed.words(at, min(at + OPENING, found.end))
        # What is assumed of a constant skips at once, or never.
        assumed = bool(assumes and assumes.match(said)) and not CONSTANT_ARGUMENT.search(said)
        inside = any(start <= at < end for start, end in ifs)
        yield (WHEN if inside or assumed else SKIP), "skip from inside"


def _places_of_skips(parsed: Parsed, found: FoundTests, skippers: frozenset[str]) -> set[int]:
    """Return the tokens of a test at which it skips itself: by the words of its language, or by
    a helper that does."""
    taken = parsed.language.words.get("skip_taken")
    opening = parsed.words(found.start, min(found.start + OPENING, found.end))
    # A test that takes `skip` from its runner calls it by that name alone.
    names = skippers | {"skip"} if taken and taken.search(opening) else skippers
    places = {
        at for key in ("skips", "leaves") for at, _ in parsed.hits(key, found.start, found.end)
    }
    return places | {at for at in range(found.start, found.end) if _helped(parsed, at, names)}


def _helped(parsed: Parsed, at: int, names: frozenset[str]) -> bool:
    """Is this a call of a helper that skips?"""
    return (
        parsed.word(at) in names
        and parsed.word(at + 1) == "("
        and parsed.word(at - 1) not in {".", "func", "fn", "function"}
    )


def _dead(seen: Outline, found: FoundTests) -> Iterator[Span]:
    """Yield what is not run, as far as it shows: never entered, looped over nothing, or behind a
    return."""
    for branch in seen.flow.branches:
        if found.start <= branch.start < found.end:
            yield from _dead_by_branch(seen, found, branch)
    for at, _ in seen.parsed.hits("empty_each", found.start, found.end):
        yield at, seen.chains[at].end if at in seen.chains else found.end
    yield from _behind_returns(seen, found)


def _dead_by_branch(seen: Outline, found: FoundTests, branch: Branch) -> Iterator[Span]:
    """Yield the body of a branch that is not entered, and what comes after one that may always
    leave."""
    parsed, words = seen.parsed, seen.parsed.language.words
    head = parsed.words(*branch.condition)
    first, last = branch.body
    if branch.loop:
        gated, empty = False, _finds(words.get("empty_loop"), f"{head} {parsed.word(first)}")
    else:
        gated, empty = _finds(words.get("gate"), head), False
    if gated or empty or NEVER.match(head):
        yield branch.body
    # The gate may hold wherever a judge looks: what comes after it is left out there.
    if gated and any(first <= start < last for start, _ in seen.flow.returns):
        yield last, found.end


def _finds(pattern: re.Pattern[str] | None, text: str) -> bool:
    """Does a pattern of the language, where it has one, find anything in a text?"""
    return pattern is not None and pattern.search(text) is not None


def _behind_returns(seen: Outline, found: FoundTests) -> Iterator[Span]:
    """Yield what comes after each return that leaves the test itself, and not a function in it."""
    inner = [scope for scope in seen.flow.scopes if found.start <= scope[0] < found.end]
    body = min(
        (scope for scope in inner if scope[1] >= found.end - 2), default=(found.start, found.end)
    )
    inner = [scope for scope in inner if scope != body and scope[0] >= body[0]]
    for start, end in seen.flow.returns:
        if found.start <= start < found.end and not _depth(start, inner):
            yield end, found.end


def _swallowing(seen: Outline, found: FoundTests, claimed: Sequence[int]) -> Iterator[bool]:
    """Tell of each handler around an assertion whether it swallows the assertion's failure."""
    parsed, handled = seen.parsed, seen.parsed.language.words.get("handled")
    for attempt in seen.flow.attempts:
        first, last = attempt.tried
        if found.start <= first < found.end and any(first <= at < last for at in claimed):
            for start, end in attempt.handlers:
                kept = handled is not None and handled.search(parsed.words(start, end))
                yield not kept and not any(start <= at < end for at in claimed)
    yield from (True for _ in parsed.hits("swallows", found.start, found.end))


def _outside(
    seen: Outline,
    declared: Sequence[FoundTests],
    helping: Sequence[FoundTests],
    imports: Mapping[str, str],
) -> Marks:
    """Return what the file does to all of its tests: stand-ins, skips before each of them, and
    what keeps it from being built."""
    parsed, words = seen.parsed, seen.parsed.language.words
    # A setup runs before each test: where it skips, all of them do.
    others = [one for one in helping if not SETUP.match(one.name.rpartition("::")[2])]
    around = _without(parsed, [*declared, *others])
    marks: Marks = Counter()
    for key, mark, text in (
        ("skips", (SKIP, "before each test"), around),
        ("leaves", (SKIP, "before each test"), around),
        ("outside_skip", (SKIP, "before each test"), around),
        # Comments count here: Go has its build constraints in one.
        ("file_when", (WHEN, "built under a condition"), parsed.text),
        ("file_skip", (SKIP, "the file is left out"), parsed.text),
    ):
        if key in words:
            marks[mark] += len(words[key].findall(text))
    mocked = Counter((MOCKED, name) for name in _mocked_modules(parsed, imports))
    spied = {(MOCKED, name): 1 for name in _named_in(words.get("spied"), around)}
    return marks + mocked + Counter(spied)


def _without(parsed: Parsed, some: Sequence[FoundTests]) -> str:
    """Return the words of a file that stand in none of these."""
    inside = [False] * (len(parsed.tokens) + 1)
    for one in some:
        inside[one.at : one.stop] = [True] * (one.stop - one.at)
    return " ".join(token.text for at, token in enumerate(parsed.tokens) if not inside[at])


def _mocked_modules(parsed: Parsed, imports: Mapping[str, str]) -> Iterator[str]:
    """Yield the names from modules of the project that the file replaces whole."""
    pattern = parsed.language.words.get("module_mock")
    if pattern is None:
        return
    hits = pattern.finditer(parsed.words(0, len(parsed.tokens)))
    away = {_module(hit[1]) for hit in hits if hit[1][:1] == "."}
    yield from (name for name, source in imports.items() if source.rpartition(".")[0] in away)


def _imports(parsed: Parsed) -> Iterator[tuple[str, str]]:
    """Yield every imported name with the full name of what it stands for."""
    pattern = parsed.language.words.get("import")
    for hit in pattern.finditer(parsed.words(0, len(parsed.tokens))) if pattern else ():
        first, module, second, other = hit.groups()
        for name in re.findall(r"(?:\w+ (?:as|:) )?(\w+)", first or second or ""):
            yield name, f"{_module(module or other or '')}.{name}"


def _module(path: str) -> str:
    """Return a path of a module with dots, without its ending and what leads up."""
    return re.sub(r"\.[cm]?[jt]sx?$", "", re.sub(r"^(?:\.{1,2}/)+", "", path)).replace("/", ".")


def _defined(parsed: Parsed) -> frozenset[str]:
    """Return what the file defines at its top."""
    pattern = parsed.language.words.get("defined")
    if pattern is None:
        return frozenset()
    depth, words, ends = 0, list[str](), frozenset(parsed.pairs.values())
    for at, token in enumerate(parsed.tokens):
        depth -= at in ends
        if depth == 0:
            words.append(token.text)
        depth += at in parsed.pairs
    return frozenset(pattern.findall(" ".join(words)))
