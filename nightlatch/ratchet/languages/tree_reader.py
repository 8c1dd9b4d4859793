"""Reads the tests of any language that has a grammar, into the same values as those of Python."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlatch.ratchet.languages.grammar import Language, Parsed, Span, parse
from nightlatch.ratchet.languages.outline import Outline, outline
from nightlatch.ratchet.languages.tree_assertions import NEVER, Claim, claims, norm
from nightlatch.ratchet.languages.tree_locals import stands
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
    """The tests of one file; `broken` says that the grammar met something that it cannot read."""
    seen = outline(parse(path, text, language))
    parsed, every = seen.parsed, tests(seen)
    declared = [f for f in every if f.kind == "test"]
    helping = [
        f for f in every if f.kind == "helper" and not any(t.at <= f.at < t.stop for t in declared)
    ]
    known = dict(helpers or {})
    counts = {
        h.name: sum(c.assertion.weight for c in claims(seen, h.start, h.end, known))
        for h in helping
    }
    known |= {name: count for name, count in counts.items() if count}
    skippers = frozenset(h.name for h in helping if any(_skips(seen, h, frozenset())))
    around = _Around(every, known, skippers)
    imports = dict(_imports(parsed))
    outside = _outside(seen, declared, helping, imports)
    focused = frozenset(t.name for t in declared if t.focus)
    outside += _replaced(parsed, every)
    made = {
        one.name: _test(seen, one, outside + _aside(one, focused) + unreached(seen, one), around)
        for one in declared
    }
    for one in helping:
        test = _test(seen, one, Counter(), around)
        if test.assertions:
            made.setdefault(one.name, test)
    twice = Counter(t.name for t in declared)
    return Source(
        tests=made,
        imports=imports,
        defined=_defined(parsed),
        broken=bool(parsed.faults),
        focused=focused,
        shadowed=frozenset(name for name, count in twice.items() if count > 1),
        torn=frozenset(t.name for t in declared if _is_torn(parsed, t)),
        origins=origins(parsed),
        package=package(parsed),
        around=words_around(parsed, declared),
    )


def _is_torn(parsed: Parsed, test: FoundTests) -> bool:
    """Does something that the grammar cannot read lie inside a test?"""
    ends = (*parsed.starts, len(parsed.source))
    first, last = ends[min(test.at, len(parsed.starts))], ends[min(test.stop, len(parsed.starts))]
    return any(first <= start < last for start, _ in parsed.faults)


def _replaced(parsed: Parsed, every: Sequence[FoundTests]) -> Marks:
    """Words of its frameworks that a file defines anew: its own `it`, its own `assertEquals`."""
    own = {one.name.rpartition("::")[2] for one in every if one.kind == "helper"}
    words = [
        parsed.language.words[key]
        for key in ("test_call", "suite_call")
        if key in parsed.language.words
    ]
    tests = {name for name in own if any(pattern.fullmatch(name) for pattern in words)}
    ranks = parsed.language.ranks
    asserting = {
        name for name in own for rule in parsed.language.claims if rule["head"].fullmatch(name)
    }
    asserting |= {
        name
        for name in own
        for rule in parsed.language.claims
        if rule["head"].fullmatch(f"{name} !")
    }
    known = {name for name in asserting if norm(name) in {"", "that"} or norm(name) in ranks}
    foreign = parsed.language.words.get("foreign")
    others = [
        name
        for hit in (foreign.finditer(parsed.words(0, len(parsed.tokens))) if foreign else ())
        for name in hit.groups()
        if name
    ]
    taken = Counter({(WHEN, f"{name} from another file"): 1 for name in others})
    return taken + Counter(
        {
            **{(SKIP, f"its own {name}"): 1 for name in tests},
            **{(CONSTANT, f"its own {name}"): 1 for name in known},
        }
    )


def _aside(one: FoundTests, focused: frozenset[str]) -> Marks:
    """What a focus on others does to a test."""
    return Counter({(SKIP, "only others run"): int(bool(focused) and one.name not in focused)})


def _test(seen: Outline, found: FoundTests, outside: Marks, around: _Around) -> Test:
    parsed, words = seen.parsed, seen.parsed.language.words
    text = parsed.words(found.start, found.end)
    whole = " ".join((*found.notes, text))
    dead = tuple(_dead(seen, found))
    known = {name: count for name, count in around.helpers.items() if name != found.name}
    made = sorted(
        (_alive(claim, dead) for claim in claims(seen, found.start, found.end, known)),
        key=lambda c: c.at,
    )
    held = [*_enclosing(seen, found)]
    marks = found.marks + outside + Counter(_skips(seen, found, around.skippers))
    marks += Counter(
        {(LOOSER, "retry"): len(words["retry"].findall(whole)) if "retry" in words else 0}
    )
    marks += Counter(
        {
            (SWALLOWED, "a catch around an assertion"): sum(
                _swallowing(seen, found, [c.at for c in made])
            )
        }
    )
    marks += Counter((CONSTANT, mark) for claim in made for mark in dict.fromkeys(claim.marks))
    mocked = (
        name
        for hit in (words["mock"].finditer(text) if "mock" in words else ())
        for name in hit.groups()
        if name
    )
    marks += Counter(dict.fromkeys(((MOCKED, name) for name in mocked), 1))
    return Test(
        name=found.name,
        line=parsed.line(found.start if found.titled else found.at),
        text=text,
        marks=marks,
        assertions=tuple(
            replace(c.assertion, inside=sum(a <= c.at < b for a, b in held) - c.spared)
            for c in made
        ),
        limits=_limits(parsed.language, made, whole),
        raises=tuple(r for c in made for r in c.raises),
        rows=rows_of(seen, found, around.every),
        calls=frozenset((words.get("called") or CALLED).findall(text)),
        helper=found.kind == "helper",
        stands=stands(parsed, found.start, found.end),
    )


def _enclosing(seen: Outline, found: FoundTests) -> Iterator[Span]:
    """The branches, loops, handlers and functions inside a test, those aside that a framework
    is handed to run at once."""
    parsed = seen.parsed
    functions = [
        parsed.span(nodes["body"][0])
        for nodes in seen.kinds.get("function", ())
        if nodes.get("body")
    ]
    every = {
        *seen.scopes,
        *functions,
        *(a.tried for a in seen.attempts),
        *(b.body for b in seen.branches if b.loop),
    }
    for start, end in every:
        if (
            found.start < start
            and end <= found.end
            and not RUN_AT_ONCE.search(parsed.words(max(found.start, start - AHEAD), start))
        ):
            yield start, end


def _limits(language: Language, made: Sequence[Claim], text: str) -> dict[str, tuple[float, ...]]:
    """Tolerances, time-outs and thresholds, turned so that larger is looser."""
    found: dict[str, list[float]] = {}
    for key, number in (pair for claim in made for pair in claim.limits):
        found.setdefault(key, []).append(number)
    for name, pattern, turn in language.limits:
        for hit in pattern.finditer(text):
            digits = (
                next((group for group in hit.groups() if group), "0")
                .replace("_", "")
                .rstrip("fFlLdDmM.")
            )
            found.setdefault(name, []).append(turn * float(digits or 0))
    return {key: tuple(sorted(numbers)) for key, numbers in found.items()}


def _alive(claim: Claim, dead: Sequence[Span]) -> Claim:
    """The claim; without weight where it is never reached."""
    reached = not any(start <= claim.at < end for start, end in dead)
    return claim if reached else replace(claim, assertion=replace(claim.assertion, weight=0))


def _skips(seen: Outline, found: FoundTests, skippers: frozenset[str]) -> Iterator[tuple[str, str]]:
    """A skip from inside, at once or under a condition."""
    parsed, words = seen.parsed, seen.parsed.language.words
    ifs = [
        b.body
        for b in seen.branches
        if not b.loop and not ALWAYS_TRUE.match(parsed.words(*b.condition))
    ]
    own, assumes = words.get("skip_taken"), words.get("assumes")
    taken = own and own.search(parsed.words(found.start, min(found.start + OPENING, found.end)))
    names = skippers | {"skip"} if taken else skippers
    called = {
        at for key in ("skips", "leaves") for at, _ in parsed.hits(key, found.start, found.end)
    }
    called |= {at for at in range(found.start, found.end) if _helped(parsed, at, names)}
    for at in sorted(called):
        said = parsed.words(at, min(at + OPENING, found.end))
        assumed = bool(assumes and assumes.match(said)) and not CONSTANT_ARGUMENT.search(said)
        inside = any(start <= at < end for start, end in ifs)
        yield (WHEN if inside or assumed else SKIP), "skip from inside"


def _helped(parsed: Parsed, at: int, names: frozenset[str]) -> bool:
    """Is this a call of a helper that skips?"""
    return (
        parsed.word(at) in names
        and parsed.word(at + 1) == "("
        and parsed.word(at - 1) not in {".", "func", "fn", "function"}
    )


def _dead(seen: Outline, found: FoundTests) -> Iterator[Span]:
    """What is not run, as far as it shows: never entered, looped over nothing, or behind a
    return."""
    parsed, words = seen.parsed, seen.parsed.language.words
    gate, nothing = words.get("gate"), words.get("empty_loop")
    for branch in (b for b in seen.branches if found.start <= b.start < found.end):
        head = parsed.words(*branch.condition)
        gated = not branch.loop and gate is not None and gate.search(head) is not None
        empty = (
            branch.loop
            and nothing is not None
            and nothing.search(f"{head} {parsed.word(branch.body[0])}") is not None
        )
        if gated or empty or NEVER.match(head):
            yield branch.body
        if gated and any(branch.body[0] <= start < branch.body[1] for start, _ in seen.returns):
            yield branch.body[1], found.end
    for at, _ in parsed.hits("empty_each", found.start, found.end):
        yield at, seen.chains[at].end if at in seen.chains else found.end
    inner = [scope for scope in seen.scopes if found.start <= scope[0] < found.end]
    body = min(
        (scope for scope in inner if scope[1] >= found.end - 2), default=(found.start, found.end)
    )
    inner = [scope for scope in inner if scope != body and scope[0] >= body[0]]
    for start, end in seen.returns:
        if found.start <= start < found.end and not any(
            first <= start < last for first, last in inner
        ):
            yield end, found.end


def _swallowing(seen: Outline, found: FoundTests, claimed: Sequence[int]) -> Iterator[bool]:
    parsed, handled = seen.parsed, seen.parsed.language.words.get("handled")
    for attempt in seen.attempts:
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
    """What the file does to all of its tests: stand-ins, skips before each of them, and what
    keeps it from being built."""
    parsed, words = seen.parsed, seen.parsed.language.words
    inside = [False] * (len(parsed.tokens) + 1)
    for test in (
        *declared,
        *(one for one in helping if not SETUP.match(one.name.rpartition("::")[2])),
    ):
        inside[test.at : test.stop] = [True] * (test.stop - test.at)
    around = " ".join(token.text for at, token in enumerate(parsed.tokens) if not inside[at])
    marks: Marks = Counter()
    for key in ("skips", "leaves"):
        if key in words:
            marks += Counter({(SKIP, "before each test"): len(words[key].findall(around))})
    if "module_mock" in words:
        hits = words["module_mock"].finditer(parsed.words(0, len(parsed.tokens)))
        away = {_module(hit[1]) for hit in hits if hit[1][:1] == "."}
        marks += Counter(
            {
                (MOCKED, name): 1
                for name, source in imports.items()
                if source.rpartition(".")[0] in away
            }
        )
    if "spied" in words:
        marks += Counter(
            {
                (MOCKED, name): 1
                for hit in words["spied"].finditer(around)
                for name in hit.groups()
                if name
            }
        )
    if "outside_skip" in words:
        marks += Counter({(SKIP, "before each test"): len(words["outside_skip"].findall(around))})
    if "file_when" in words:
        marks += Counter(
            {(WHEN, "built under a condition"): len(words["file_when"].findall(parsed.text))}
        )
    if "file_skip" in words:
        marks += Counter(
            {(SKIP, "the file is left out"): len(words["file_skip"].findall(parsed.text))}
        )
    return marks


def _imports(parsed: Parsed) -> Iterator[tuple[str, str]]:
    """Every imported name with the full name of what it stands for."""
    pattern = parsed.language.words.get("import")
    for hit in pattern.finditer(parsed.words(0, len(parsed.tokens))) if pattern else ():
        first, module, second, other = hit.groups()
        for name in re.findall(r"(?:\w+ (?:as|:) )?(\w+)", first or second or ""):
            yield name, f"{_module(module or other or '')}.{name}"


def _module(path: str) -> str:
    return re.sub(r"\.[cm]?[jt]sx?$", "", re.sub(r"^(?:\.{1,2}/)+", "", path)).replace("/", ".")


def _defined(parsed: Parsed) -> frozenset[str]:
    """What the file defines at its top."""
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
