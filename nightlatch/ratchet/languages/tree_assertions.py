"""What the assertions of a parsed file claim, of what, and how exactly, by the words of its
language's data file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from nightlatch.ratchet.languages.grammar import Parsed, Span
from nightlatch.ratchet.languages.outline import MEMBER, NAME, Branch, Call, Chain, Outline
from nightlatch.ratchet.languages.tree_matchers import (
    NEGATED,
    NEVER,
    ORDER,
    TRUTHS,
    Claim,
    Matched,
    compared,
    limits_of,
    matched,
    norm,
    truth,
)
from nightlatch.ratchet.model import EXACT, MANY, PARTLY, VAGUE, Assertion

GO_SAME = re.compile(
    r"! (?:\w+ \. (?:DeepEqual|Equal|EqualFold|Is|As)|cmp \. Diff) \( (.+?) [,)]|cmp \. Diff \("
    r" (.+?) ,"
)
# What stands before a promise that something waits for.
WAITS = frozenset({"await", "return", "=>", ",", "[", "(", "void", "="})
OWN = frozenset({"this", "self", "$this", "@", "Self", "static"})
DECLARING = frozenset({"func", "fn", "function", "def", "defp"})


def claims(seen: Outline, start: int, end: int, helpers: Mapping[str, int]) -> Iterator[Claim]:
    """Yield every assertion between two tokens, in order of what kind it is."""
    parsed = seen.parsed
    branches = [b for b in seen.flow.branches if not b.loop]
    for chain in seen.between(start, end):
        yield from _of_chain(seen, chain, branches, helpers)
    yield from _of_infixes(seen, start, end)
    for span in seen.stated:
        # The condition of a branch decides, and claims nothing.
        asked = any(b.condition[0] <= span[0] < b.condition[1] for b in seen.flow.branches)
        if start <= span[0] < end and not asked:
            yield truth(span[0], parsed.words(*span), parsed.words(*span))


def _of_infixes(seen: Outline, start: int, end: int) -> Iterator[Claim]:
    """Yield the assertions between two tokens that a word between two values makes."""
    word = seen.parsed.language.words.get("infix")
    if word is None:
        return
    for left, op, right in seen.infixes:
        if start <= left[0] < end and word.fullmatch(seen.parsed.words(*op)):
            yield _of_infix(seen, left, op, right)


def _of_chain(
    seen: Outline, chain: Chain, branches: Sequence[Branch], helpers: Mapping[str, int]
) -> Iterator[Claim]:
    """Yield what a chain of calls claims: as a helper that can be read, by a framework's words,
    or as a helper by its name."""
    parsed = seen.parsed
    head = parsed.words(chain.start, chain.calls[0].callee)
    last = head.rpartition(" ")[2]
    is_own = _calls_own(parsed, chain, head, last)
    if is_own and last in helpers and last not in {"expect", "assert"}:
        if helpers[last]:
            yield _whole_chain(parsed, chain, helpers[last])
        return
    rule = next(
        (rule for rule in parsed.language.claims.rules if rule["head"].fullmatch(head)), None
    )
    if rule is not None:
        yield from _by_rule(seen, chain, rule, branches)
    elif is_own and parsed.word(chain.start - 1) not in MEMBER and _is_named_helper(parsed, last):
        # What it asserts cannot be seen from here: it may be anything.
        yield _whole_chain(parsed, chain, MANY)


def _calls_own(parsed: Parsed, chain: Chain, head: str, last: str) -> bool:
    """Is this a call of a function of the file or of the test itself, and not its declaration?"""
    is_plain = head == last or head.split(" ")[0] in OWN
    return is_plain and parsed.word(chain.start - 1) not in DECLARING


def _by_rule(
    seen: Outline, chain: Chain, rule: Mapping[str, object], branches: Sequence[Branch]
) -> Iterator[Claim]:
    """Yield what a chain claims by a rule of its language's data file."""
    yield from _steps(seen, chain, rule)
    if claim := STYLES[str(rule["style"])](seen, chain, rule, branches):
        yield claim


def _is_named_helper(parsed: Parsed, name: str) -> bool:
    """Does a name say that what it calls asserts something?"""
    helper = parsed.language.words.get("helper")
    return helper is not None and helper.match(name) is not None


def _whole_chain(parsed: Parsed, chain: Chain, weight: int) -> Claim:
    """Return a chain that counts as so many assertions, by its text alone."""
    text = parsed.words(chain.start, chain.end)
    return Claim(
        at=chain.start, assertion=Assertion(subject=text, rank=EXACT, text=text, weight=weight)
    )


def _steps(seen: Outline, chain: Chain, rule: Mapping[str, object]) -> Iterator[Claim]:
    """Yield the matchers before the last one: `assertThat(x).isNotNull().isEqualTo(3)` claims
    two things."""
    parsed, ranks = seen.parsed, seen.parsed.language.claims.ranks
    if rule["style"] != "chain" or len(chain.calls) < 3:
        return
    first = chain.calls[0]
    subject = (
        parsed.words(*first.args[0]) if first.args else parsed.words(chain.start, first.callee)
    )
    # The last one is the claim of the chain itself.
    for before, call in zip(chain.calls, chain.calls[1:-1], strict=False):
        names = tuple(t.text for t in parsed.tokens[before.end : call.callee] if NAME.match(t.text))
        if names and norm(names[-1]) in ranks:
            text = f"{parsed.words(chain.start, first.end)} {parsed.words(before.end, call.end)}"
            found = Matched(
                name=names[-1], names=names[:-1], args=tuple(parsed.words(*a) for a in call.args)
            )
            yield matched(call.callee, found, subject, text, ranks)


def _none(
    _seen: Outline, _chain: Chain, _rule: Mapping[str, object], _branches: Sequence[Branch]
) -> None:
    """Claim nothing: the rule only says that a call is no assertion."""


def _by_call(
    seen: Outline, chain: Chain, rule: Mapping[str, object], _branches: Sequence[Branch]
) -> Claim | None:
    """assertEquals(a, b), assert.Equal(t, a, b), assert_eq!(a, b), EXPECT_EQ(a, b), and
    assert(expression) in its many names."""
    parsed, call = seen.parsed, chain.calls[0]
    first = rule.get("first", 0)
    spans = call.args[first if isinstance(first, int) else 0 :]
    args = tuple(parsed.words(*a) for a in spans) + (
        (parsed.words(*call.block),) if call.block else ()
    )
    head = parsed.words(chain.start, call.callee)
    name = re.split(r" (?:<|\[|!)", head)[0].rpartition(" ")[2]
    text = parsed.words(chain.start, chain.end)
    if rule.get("unwrap") and len(spans) > 1:
        return matched(
            chain.start, _matcher(seen, spans[1]), args[0], text, parsed.language.claims.ranks
        )
    if norm(name) in TRUTHS and args:
        claim = truth(
            chain.start,
            args[0],
            text,
            negated=norm(name).startswith("false") or bool(NEGATED.match(name)),
        )
    else:
        claim = compared(parsed, chain.start, name, args, text, head)
    return _waited(parsed, chain, claim, name.lower() == "rejects")


def _waited(parsed: Parsed, chain: Chain, claim: Claim, promised: bool) -> Claim:
    """Return the claim; marked where it is a promise that nothing waits for, so that its failure
    is lost."""
    lost = (
        promised
        and parsed.language.words.get("promised") is not None
        and parsed.word(chain.start - 1) not in WAITS
    )
    return replace(claim, marks=("not awaited", *claim.marks)) if lost else claim


def _by_chain(
    seen: Outline, chain: Chain, rule: Mapping[str, object], _branches: Sequence[Branch]
) -> Claim | None:
    """expect(x).not.toBe(y), assertThat(x).isEqualTo(y), expect(x).to eq(y), x.Should().Be(y),
    Assert.That(x, Is.EqualTo(y))."""
    parsed, ranks = seen.parsed, seen.parsed.language.claims.ranks
    subject, text = _chain_subject(parsed, chain, rule), _chain_text(parsed, chain)
    call = chain.calls[0]
    is_single = len(chain.calls) == 1 and not rule.get("receiver")
    if is_single and rule.get("unwrap") and len(call.args) > 1:
        return matched(chain.start, _matcher(seen, call.args[1]), subject, text, ranks)
    names, final = _names_and_last_call(parsed, chain, rule)
    claim = matched(chain.start, _last_matcher(seen, names, final), subject, text, ranks)
    promised = bool({"rejects", "resolves"} & set(names))
    return _waited(parsed, chain, claim, promised)


def _chain_subject(parsed: Parsed, chain: Chain, rule: Mapping[str, object]) -> str:
    """Return what a chain looks at: what stands before its first call, or what that is given."""
    call = chain.calls[0]
    if rule.get("receiver"):
        return parsed.words(chain.start, max(call.callee - 2, chain.start))
    span = call.args[0] if call.args else call.block
    return parsed.words(*span) if span else ""


def _chain_text(parsed: Parsed, chain: Chain) -> str:
    """Return a chain without the matchers between its first call and its last one, which are
    claims of their own."""
    if len(chain.calls) <= 2:
        return parsed.words(chain.start, chain.end)
    first, last = chain.calls[0], chain.calls[-2]
    return f"{parsed.words(chain.start, first.end)} {parsed.words(last.end, chain.end)}"


def _names_and_last_call(
    parsed: Parsed, chain: Chain, rule: Mapping[str, object]
) -> tuple[tuple[str, ...], Call | None]:
    """Return the names on the way to the last matcher, and its call where it is one."""
    names = _names(parsed, replace(chain, calls=chain.calls[-2:]))
    last = chain.calls[-1]
    if len(chain.calls) > 1 and last.end == chain.end:
        return names, last
    if names or not rule.get("receiver"):
        return names, None
    # `x.shouldBe(3)`: the first call is the matcher itself.
    head = parsed.words(chain.start, chain.calls[0].callee)
    return (head.rpartition(" ")[2],), chain.calls[0]


def _last_matcher(seen: Outline, names: tuple[str, ...], final: Call | None) -> Matched:
    """Return the matcher that a chain ends with, or the one that its last call is given."""
    parsed = seen.parsed
    turn = parsed.language.words.get("to_matcher")
    if turn and final and names and turn.fullmatch(names[-1]) and final.args:
        inner = _matcher(seen, final.args[0])
        return Matched(name=inner.name, names=(*names, *inner.names), args=inner.args)
    return Matched(
        name=names[-1] if names else "",
        names=names[:-1],
        args=tuple(parsed.words(*a) for a in final.args) if final else (),
        called=final is not None,
    )


def _names(parsed: Parsed, chain: Chain) -> tuple[str, ...]:
    """Return the names that follow the first call, its own aside."""
    names = list[str]()
    for one, other in zip(chain.calls, chain.calls[1:], strict=False):
        names += _names_between(parsed, one.end, other.callee)
    return (*names, *_names_between(parsed, chain.calls[-1].end, chain.end))


def _matcher(seen: Outline, span: Span) -> Matched:
    """Return what stands as an argument and says how to compare: eq(3), Is.Not.EqualTo(3),
    be_nil, be > 3."""
    parsed, chain = seen.parsed, seen.chains.get(span[0])
    if chain and chain.end <= span[1]:
        return _matcher_of_chain(seen, chain)
    words = parsed.words(*span)
    if found := ORDER.match(words):
        name = "above" if found[2].startswith(">") else "below"
        return Matched(name=name, names=(), args=(found[3],))
    if found := re.match(r"(?:be )?==? (.+)", words):
        return Matched(name="eq", names=(), args=(found[1],))
    names = _names_between(parsed, *span)
    return Matched(name=names[-1] if names else words, names=names[:-1], args=())


def _matcher_of_chain(seen: Outline, chain: Chain) -> Matched:
    """Return a matcher that is called: `is(equalTo(3))` is the inner one."""
    parsed = seen.parsed
    head = _names_between(parsed, chain.start, chain.calls[0].callee)
    names = (*head, *_names(parsed, chain))
    filled = next((c for c in reversed(chain.calls) if c.args), chain.calls[0])
    name = head[-1] if head else ""
    passes_on = norm(name) in {"is", "not", "be"}
    inner = seen.chains.get(filled.args[0][0]) if passes_on and filled.args else None
    if inner:
        deeper = _matcher(seen, (inner.start, inner.end))
        return Matched(name=deeper.name, names=(*names, *deeper.names), args=deeper.args)
    return Matched(
        name=name,
        names=tuple(n for n in names if n != name),
        args=tuple(parsed.words(*a) for a in filled.args),
    )


def _names_between(parsed: Parsed, start: int, end: int) -> tuple[str, ...]:
    """Return the names among the tokens between two of them."""
    return tuple(t.text for t in parsed.tokens[start:end] if NAME.match(t.text))


def _of_infix(seen: Outline, left: Span, op: Span, right: Span) -> Claim:
    """`x shouldBe 3`, `x should equal (3)`."""
    parsed = seen.parsed
    word, text = parsed.words(*op), parsed.words(left[0], right[1])
    subject = parsed.words(*left)
    names: tuple[str, ...] = ()
    if found := re.match(r"(.+?) (should|must|shouldNot|must not|should not)\b ?(.*)", subject):
        subject, names = found[1], tuple(found[2].split()) + tuple(found[3].split())
    turn = parsed.language.words.get("to_matcher")
    if turn and turn.fullmatch(word):
        inner = _matcher(seen, right)
        found_matcher = Matched(
            name=inner.name, names=(word, *names, *inner.names), args=inner.args
        )
    else:
        found_matcher = Matched(name=word, names=names, args=(parsed.words(*right),))
    return matched(left[0], found_matcher, subject, text, parsed.language.claims.ranks)


def _failure(
    seen: Outline, chain: Chain, _rule: Mapping[str, object], branches: Sequence[Branch]
) -> Claim:
    """`if got != want { t.Errorf(...) }`: the condition says what must not be."""
    inside = [b for b in branches if b.body[0] <= chain.start < b.body[1]]
    nearest = max(inside, key=lambda b: b.body[0], default=None)
    condition = seen.parsed.words(*nearest.condition) if nearest else ""
    bare = (
        condition.removeprefix("( ").removesuffix(" )") if condition.startswith("( ") else condition
    )
    setup, _, test = bare.rpartition(" ; ")
    subject, rank = _failing_condition(test)
    # `if got := Add(1, 2); got != 3`: what is looked at is what the call gave.
    made = re.match(rf"(?:\w+ , )?{re.escape(subject)}(?: , \w+)? := (.+)", setup)
    return Claim(
        at=chain.start,
        limits=limits_of(test, -1),
        assertion=Assertion(
            subject=made[1] if made else subject,
            rank=rank,
            text=condition or "fail",
            weight=0 if _never_holds(test) else 1,
        ),
        spared=int(nearest is not None),
    )


def _failing_condition(test: str) -> tuple[str, int]:
    """Return what a condition looks at under which a test fails, and how exactly."""
    if found := GO_SAME.search(test):
        return found[1] or found[2], EXACT
    if found := re.match(r"(.+?) !==? (.+)", test):
        is_vague = found[2].split(" ")[0] in {"nil", "true", "false", "null"}
        return found[1], VAGUE if is_vague else EXACT
    if found := ORDER.match(test):
        return found[1], PARTLY
    if found := re.match(r"(.+?) ===? (.+)|! (.+)", test):
        is_part = "Contains (" in test or "HasPrefix (" in test
        return found[1] or found[3], PARTLY if is_part else VAGUE
    return test, VAGUE


def _never_holds(test: str) -> bool:
    """Does a condition hold never: is it false, or something that differs from itself?"""
    sides = re.fullmatch(r"(.+?) !==? (.+)", test)
    is_never = bool(test and NEVER.match(test))
    return is_never or (sides is not None and sides[1] == sides[2])


def _by_last(
    seen: Outline, chain: Chain, _rule: Mapping[str, object], _branches: Sequence[Branch]
) -> Claim:
    """s.Require().Equal(3, x): the last call of the chain compares."""
    parsed, call = seen.parsed, chain.calls[-1]
    args, text = tuple(parsed.words(*a) for a in call.args), parsed.words(chain.start, chain.end)
    return compared(parsed, chain.start, parsed.word(call.callee - 1), args, text, text)


STYLES = {"last": _by_last, "call": _by_call, "chain": _by_chain, "fail": _failure, "none": _none}
