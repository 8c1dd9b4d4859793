"""What the assertions of a parsed file claim, of what, and how exactly, by the words of its
language's data file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlatch.ratchet.languages.grammar import Parsed, Span
from nightlatch.ratchet.languages.outline import MEMBER, NAME, Branch, Chain, Outline
from nightlatch.ratchet.model import EXACT, MANY, PARTLY, VAGUE, Assertion

LEAD = re.compile(
    r"(?:xct)?(?:assert_?that|assert|expect|check|require|refute|should|must|wont|to(?=[a-z])"
    r"|is(?=equal|same|null|nil|empty|true|false))"
)
NEGATED = re.compile(
    r"(?:.*_)?(?:not|never|wont|refute|no)(?:_|$)|.*(?:Not(?!hing|ebook|if|ic)|Never)(?=[A-Z]"
    r"|$)|(?:wont|refute|DoesNot|doesNot)"
)
TRUTHS = frozenset(
    {"", "true", "false", "ok", "truthy", "that", "expression", "istrue", "isfalse", "unwrap"}
)
FIXED = re.compile(
    r"(?:true|false|null|undefined|nil|None|NULL|nullptr|TRUE|FALSE|-?"
    r" ?[\d_.]+\w*|[ru@]?\"(?:[^\"$]|\$(?![\w{(]))*\"|'[^']*'"
    r"|`[^`$]*`|:\w+)\Z",
    re.DOTALL,
)
ALWAYS = re.compile(
    r"(?:true|! false|not"
    r" false|[1-9]\d*|\"[^\"]+\"|'[^']+'|\[.*\]|\{.*\}|:\w+|TRUE)$|(?:^|.*(?:\|\|| or) )true$",
    re.DOTALL,
)
NEVER = re.compile(
    r"\(? ?(?:.+ (?:&&|and) )?(?:false|False|0|! true|! 1|nil)(?: (?:&&|and) .*)? ?\)?$", re.DOTALL
)
EQUAL = re.compile(r"(.+?) (?:={1,3}|-eq|is|shouldBe|eq) (.+)", re.DOTALL)
ORDER = re.compile(r"(.+?) (<=?|>=?|-l[te]|-g[te]) (.+)", re.DOTALL)
PARTIAL = re.compile(
    r"matches !|=~|(?:\.|->|\?\.|::|^)"
    r" ?(?:includes\??|contains\??|include\?|startsWith|starts_with\?*|start_with\?|end_with\?"
    r"|endsWith|hasPrefix|hasSuffix|member\?|has_key\?|test|match\??|find|in_array"
    r"|str_contains|isSuperset)"
    r" \(|\bin\b|\bStringMatch\b"
)
ANY_VALUE = re.compile(
    r"(?:expect \. any(?:thing)?|any(?:thing)?|Arg \. Any|It \."
    r" IsAny|anything|an_instance_of|_$)(?: \(| <|$)"
)
SOME_VALUE = re.compile(
    r"expect \. (?:not \. )?(?:\w+Containing|stringMatching|closeTo)"
    r" \(|(?:a_)?(?:string|hash|array)_including|a_\w+_matching"
)
NUMBER = re.compile(r"-? ?[\d_]+(?:\.[\d_]*)?(?:e-?\d+)?[fFdDmMlL]?\Z")
GO_SAME = re.compile(
    r"! (?:\w+ \. (?:DeepEqual|Equal|EqualFold|Is|As)|cmp \. Diff) \( (.+?) [,)]|cmp \. Diff \("
    r" (.+?) ,"
)
WAITS = frozenset({"await", "return", "=>", ",", "[", "(", "void", "="})
TURNS = {"<": 1, "<=": 1, ">": -1, ">=": -1, "-lt": 1, "-le": 1, "-gt": -1, "-ge": -1}
BELOW = re.compile(
    r"(?:be)?(?:lessthan|lessthanorequal|lessthanorequalto|below|less|lessorequal|lt|le|atmost)\Z"
)
ABOVE = re.compile(
    r"(?:be)?(?:greaterthan|greaterthanorequal|greaterthanorequalto|above|greater"
    r"|greaterorequal|gt|ge|atleast)\Z"
)
THROWS = re.compile(
    r"(?:a|any)?(?:throws?|throwerror|throwsexactly|throwsasync|raises?|raiseerror|failswith"
    r"|erroris|erroras|rejects|throwas|throwsas"
    r"|exception|intercept|expectthrows|expectedexception)\Z"
)
CLOSE = re.compile(
    r"(?:becloseto|closeto|indelta|inepsilon|approximately|near|equalwithdelta|bewithin"
    r"|within|delta)\Z"
)
CALLED_ONLY = re.compile(r"to[A-Z]\w*\Z")  # `expect(x).toBe` without a call says nothing
OWN = frozenset({"this", "self", "$this", "@", "Self", "static"})
DECLARING = frozenset({"func", "fn", "function", "def", "defp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One assertion, the token where it stands, and what else it says.

    `spared`: it stands in a branch of its own.
    """

    at: int
    assertion: Assertion
    marks: tuple[str, ...] = ()
    limits: tuple[tuple[str, float], ...] = ()
    raises: tuple[tuple[str, str], ...] = ()
    spared: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A matcher, the names on the way to it, and its arguments."""

    name: str
    names: tuple[str, ...]
    args: tuple[str, ...]
    called: bool = True


def claims(seen: Outline, start: int, end: int, helpers: Mapping[str, int]) -> Iterator[Claim]:
    """Every assertion between two tokens, in order of what kind it is."""
    parsed = seen.parsed
    branches = [b for b in seen.branches if not b.loop]
    for chain in seen.between(start, end):
        yield from _of_chain(seen, chain, branches, helpers)
    for left, op, right in seen.infixes:
        if (
            start <= left[0] < end
            and (word := parsed.language.words.get("infix"))
            and word.fullmatch(parsed.words(*op))
        ):
            yield _of_infix(seen, left, op, right)
    for span in seen.stated:
        asked = any(b.condition[0] <= span[0] < b.condition[1] for b in seen.branches)
        if start <= span[0] < end and not asked:
            yield _truth(span[0], parsed.words(*span), parsed.words(*span))


def norm(name: str) -> str:
    """A matcher's name without what frameworks put before it."""
    bare = name.replace("_", "").lower().strip("?!")
    stripped = LEAD.sub("", bare, count=1)
    if not stripped and bare.startswith("should"):
        return "be"
    return stripped.removeprefix("to") if stripped.startswith("tobe") else stripped


def _of_chain(
    seen: Outline, chain: Chain, branches: Sequence[Branch], helpers: Mapping[str, int]
) -> Iterator[Claim]:
    parsed = seen.parsed
    head = parsed.words(chain.start, chain.calls[0].callee)
    last = head.rpartition(" ")[2]
    own = head == last or head.split(" ")[0] in OWN
    before = parsed.word(chain.start - 1)
    if last in helpers and own and last not in {"expect", "assert"} and before not in DECLARING:
        text = parsed.words(chain.start, chain.end)
        if helpers[last]:
            yield Claim(
                at=chain.start,
                assertion=Assertion(subject=text, rank=EXACT, text=text, weight=helpers[last]),
            )
        return
    for rule in parsed.language.claims:
        if rule["head"].fullmatch(head):
            yield from _steps(seen, chain, rule)
            if claim := STYLES[rule["style"]](seen, chain, rule, branches):
                yield claim
            return
    helper = parsed.language.words.get("helper")
    if helper and own and helper.match(last) and before not in DECLARING | MEMBER:
        text = parsed.words(chain.start, chain.end)
        yield Claim(
            at=chain.start, assertion=Assertion(subject=text, rank=EXACT, text=text, weight=MANY)
        )


def _steps(seen: Outline, chain: Chain, rule: Mapping[str, object]) -> Iterator[Claim]:
    """The matchers before the last one: `assertThat(x).isNotNull().isEqualTo(3)` claims two
    things."""
    parsed, ranks = seen.parsed, seen.parsed.language.ranks
    if rule["style"] != "chain" or len(chain.calls) < 3:
        return
    first = chain.calls[0]
    subject = (
        parsed.words(*first.args[0]) if first.args else parsed.words(chain.start, first.callee)
    )
    for before, call in zip(chain.calls, chain.calls[1:-1], strict=False):
        names = tuple(t.text for t in parsed.tokens[before.end : call.callee] if NAME.match(t.text))
        if names and norm(names[-1]) in ranks:
            text = f"{parsed.words(chain.start, first.end)} {parsed.words(before.end, call.end)}"
            found = Matched(
                name=names[-1], names=names[:-1], args=tuple(parsed.words(*a) for a in call.args)
            )
            yield _matched(call.callee, found, subject, text, ranks)


def _none(
    _seen: Outline, _chain: Chain, _rule: Mapping[str, object], _branches: Sequence[Branch]
) -> None:
    return None


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
        return _matched(chain.start, _matcher(seen, spans[1]), args[0], text, parsed.language.ranks)
    if norm(name) in TRUTHS and args:
        claim = _truth(
            chain.start,
            args[0],
            text,
            negated=norm(name).startswith("false") or bool(NEGATED.match(name)),
        )
    else:
        claim = _compared(parsed, chain.start, name, args, text, head)
    return _waited(parsed, chain, claim, name.lower() == "rejects")


def _waited(parsed: Parsed, chain: Chain, claim: Claim, promised: bool) -> Claim:
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
    parsed, call = seen.parsed, chain.calls[0]
    head = parsed.words(chain.start, call.callee)
    text = parsed.words(chain.start, chain.end)
    if len(chain.calls) > 2:
        text = (
            f"{parsed.words(chain.start, call.end)} {parsed.words(chain.calls[-2].end, chain.end)}"
        )
    if rule.get("receiver"):
        subject = parsed.words(chain.start, max(call.callee - 2, chain.start))
    else:
        subject = (
            parsed.words(*call.args[0])
            if call.args
            else parsed.words(*call.block)
            if call.block
            else ""
        )
    if (
        len(call.args) > 1
        and len(chain.calls) == 1
        and not rule.get("receiver")
        and rule.get("unwrap")
    ):
        return _matched(
            chain.start, _matcher(seen, call.args[1]), subject, text, parsed.language.ranks
        )
    names = (
        _names(parsed, replace(chain, calls=chain.calls[-2:]))
        if len(chain.calls) > 2
        else _names(parsed, chain)
    )
    final = chain.calls[-1] if len(chain.calls) > 1 and chain.calls[-1].end == chain.end else None
    if final is None and not names and rule.get("receiver"):
        names = (head.rpartition(" ")[2],)
        final = call
    args = tuple(parsed.words(*a) for a in final.args) if final else ()
    turn = parsed.language.words.get("to_matcher")
    found = Matched(
        name=names[-1] if names else "", names=names[:-1], args=args, called=final is not None
    )
    if turn and final and names and turn.fullmatch(names[-1]) and final.args:
        inner = _matcher(seen, final.args[0])
        found = Matched(name=inner.name, names=(*names, *inner.names), args=inner.args)
    promised = bool({"rejects", "resolves"} & set(names))
    return _waited(
        parsed, chain, _matched(chain.start, found, subject, text, parsed.language.ranks), promised
    )


def _names(parsed: Parsed, chain: Chain) -> tuple[str, ...]:
    """The names that follow the first call, its own aside."""
    names = list[str]()
    for one, other in zip(chain.calls, chain.calls[1:], strict=False):
        names += [t.text for t in parsed.tokens[one.end : other.callee] if NAME.match(t.text)]
    names += [t.text for t in parsed.tokens[chain.calls[-1].end : chain.end] if NAME.match(t.text)]
    return tuple(names)


def _matcher(seen: Outline, span: Span) -> Matched:
    """What stands as an argument and says how to compare: eq(3), Is.Not.EqualTo(3), be_nil, be
    > 3."""
    parsed, chain = seen.parsed, seen.chains.get(span[0])
    if chain and chain.end <= span[1]:
        head = [
            t.text for t in parsed.tokens[chain.start : chain.calls[0].callee] if NAME.match(t.text)
        ]
        names = (*head, *_names(parsed, chain))
        wanted = next((c for c in reversed(chain.calls) if c.args), chain.calls[0])
        args = tuple(parsed.words(*a) for a in wanted.args)
        name = head[-1] if head else ""
        if (
            norm(name) in {"is", "not", "be"}
            and wanted.args
            and (inner := seen.chains.get(wanted.args[0][0]))
        ):
            deeper = _matcher(seen, (inner.start, inner.end))
            return Matched(name=deeper.name, names=(*names, *deeper.names), args=deeper.args)
        return Matched(name=name, names=tuple(n for n in names if n != name), args=args)
    words = parsed.words(*span)
    if found := ORDER.match(words):
        return Matched(
            name="above" if found[2].startswith(">") else "below", names=(), args=(found[3],)
        )
    if found := re.match(r"(?:be )?==? (.+)", words):
        return Matched(name="eq", names=(), args=(found[1],))
    names = tuple(t.text for t in parsed.tokens[span[0] : span[1]] if NAME.match(t.text))
    return Matched(name=names[-1] if names else words, names=names[:-1], args=())


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
    return _matched(left[0], found_matcher, subject, text, parsed.language.ranks)


def _matched(at: int, found: Matched, subject: str, text: str, ranks: Mapping[str, int]) -> Claim:
    name, wanted = norm(found.name), found.args[0] if found.args else ""
    negated = any(NEGATED.match(n) for n in (*found.names, found.name)) or any(
        n in {"not", "never"} for n in found.names
    )
    silent = not found.name or (not found.called and CALLED_ONLY.match(found.name) is not None)
    rank = VAGUE if negated or silent else ranks.get(name, ranks.get(found.name.lower(), PARTLY))
    rank = min(
        rank, VAGUE if ANY_VALUE.match(wanted) else PARTLY if SOME_VALUE.match(wanted) else rank
    )
    if {"true", "false"} & {wanted} or name in {
        "true",
        "false",
        "betrue",
        "befalse",
        "istrue",
        "isfalse",
    }:
        rank = VAGUE
    raises = (
        ((_type(wanted), found.args[1] if len(found.args) > 1 else ""),)
        if THROWS.match(name) and not negated
        else ()
    )
    fixed = bool(FIXED.match(subject)) and (not found.args or bool(FIXED.match(wanted)))
    same = (subject == wanted or silent or fixed) and not (raises and subject != wanted)
    limits = list[tuple[str, float]]()
    if CLOSE.match(name):
        limits += _tolerance(name, found)
    elif (BELOW.match(name) or ABOVE.match(name)) and (number := _number(wanted)) is not None:
        limits.append((f"limit of {subject}", (1 if BELOW.match(name) else -1) * number))
    return Claim(
        at=at,
        marks=("always true",) if same else (),
        limits=tuple(limits),
        raises=raises,
        assertion=Assertion(subject=subject, rank=rank, text=text, weight=0 if same else 1),
    )


def _tolerance(name: str, found: Matched) -> Iterator[tuple[str, float]]:
    """Decimal places where larger is tighter, else a distance."""
    number = (
        _number(found.args[-1])
        if found.args and (len(found.args) > 1 or name in {"bewithin", "within"})
        else None
    )
    if name == "becloseto" and found.name.startswith("to"):
        yield "toBeCloseTo", -2.0 if number is None else -number
    elif number is not None:
        yield found.name, number


def _compared(
    parsed: Parsed, at: int, name: str, args: tuple[str, ...], text: str, head: str
) -> Claim:
    one, two = (*args, "", "")[:2]
    bare, ranks = norm(name), parsed.language.ranks
    thrown = THROWS.match(bare)
    subject = two if FIXED.match(one) and two else one
    # `assert.is_not.equal(a, b)`: what turns a matcher round may stand before its name.
    negated = any(NEGATED.match(word) for word in (name, *re.findall(r"\w+", head)[1:]))
    rank = VAGUE if negated else ranks.get(bare, ranks.get(name.lower(), PARTLY))
    same = not thrown and bool(two) and (one == two or bool(FIXED.match(one) and FIXED.match(two)))
    rank = VAGUE if rank == EXACT and {"true", "false"} & {one, two} else rank
    limits: tuple[tuple[str, float], ...] = ()
    third = _number(re.sub(r"^\w+ (?:[:=]|=>) ", "", args[2])) if len(args) > 2 else None
    if third is not None and (CLOSE.match(bare) or bare in {"equals", "equal", "almostequals"}):
        limits = ((name, third),)
    elif (BELOW.match(bare) or ABOVE.match(bare)) and (number := _number(two)) is not None:
        limits = ((f"limit of {one}", (1 if BELOW.match(bare) else -1) * number),)
    raises = (_raised(parsed, head, args),) if thrown else ()
    assertion = Assertion(subject=subject, rank=rank, text=text, weight=0 if same else 1)
    return Claim(
        at=at,
        assertion=assertion,
        marks=("always true",) if same else (),
        limits=limits,
        raises=raises,
    )


def _raised(parsed: Parsed, head: str, args: Sequence[str]) -> tuple[str, str]:
    """The type of the error that is expected: between angles, or the argument that looks like
    one, and the message."""
    if found := re.search(r"(?:<|\[) (.+?) (?:>|\])", head):
        return _type(found[1]), ""
    if "throw_second" in parsed.language.words:
        return (_type(args[1]) if len(args) > 1 else ""), ""
    kinds = [a for a in args if re.match(r"[A-Z\\:]|std ::", a) and "{" not in a]
    return (_type(kinds[0]) if kinds else ""), next((a for a in args if a[:1] in "\"'/"), "")


def _type(words: str) -> str:
    return re.sub(r" (?:\. class|:: class|:: class \. java|\. self|\. type)$", "", words).lstrip(
        "\\ "
    )


def _truth(at: int, expression: str, text: str, *, negated: bool = False) -> Claim:
    subject, rank = _expression(
        expression.removeprefix("( ").removesuffix(" )")
        if expression.startswith("( ")
        else expression
    )
    sides = EQUAL.fullmatch(expression.removeprefix("( ").removesuffix(" )"))
    same = (
        bool(ALWAYS.match(expression)) or (sides is not None and sides[1] == sides[2])
    ) and not negated
    same = same or (negated and bool(NEVER.match(expression)))
    assertion = Assertion(
        subject=subject,
        rank=VAGUE if negated and rank == EXACT else rank,
        text=text,
        weight=0 if same else 1,
    )
    return Claim(
        at=at,
        assertion=assertion,
        marks=("always true",) if same else (),
        limits=_limits(expression, 1),
    )


def _expression(text: str) -> tuple[str, int]:
    if found := EQUAL.match(text):
        left, right = found.groups()
        return (right if FIXED.match(left) else left), (
            VAGUE
            if {left, right}
            & {
                "true",
                "false",
            }
            else EXACT
        )
    if found := ORDER.match(text):
        return found[1], PARTLY
    return text.removeprefix("! "), PARTLY if PARTIAL.search(text) else VAGUE


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
    rank, subject = VAGUE, test
    if found := GO_SAME.search(test):
        rank, subject = EXACT, found[1] or found[2]
    elif found := re.match(r"(.+?) !==? (.+)", test):
        rank, subject = (
            VAGUE if found[2].split(" ")[0] in {"nil", "true", "false", "null"} else EXACT,
            found[1],
        )
    elif found := ORDER.match(test):
        rank, subject = PARTLY, found[1]
    elif found := re.match(r"(.+?) ===? (.+)|! (.+)", test):
        rank, subject = (
            PARTLY if "Contains (" in test or "HasPrefix (" in test else VAGUE,
            found[1] or found[3],
        )
    made = re.match(rf"(?:\w+ , )?{re.escape(subject)}(?: , \w+)? := (.+)", setup)
    sides = re.fullmatch(r"(.+?) !==? (.+)", test)
    never = bool(test and NEVER.match(test)) or (sides is not None and sides[1] == sides[2])
    weight = 0 if never else 1
    told = Assertion(
        subject=made[1] if made else subject, rank=rank, text=condition or "fail", weight=weight
    )
    return Claim(
        at=chain.start, limits=_limits(test, -1), assertion=told, spared=int(nearest is not None)
    )


def _limits(text: str, turn: int) -> tuple[tuple[str, float], ...]:
    found = ORDER.match(text)
    number = _number(found[3].removesuffix(" )")) if found else None
    return (
        ()
        if found is None or number is None
        else ((f"limit of {found[1]}", turn * TURNS[found[2]] * number),)
    )


def _number(text: str) -> float | None:
    try:
        return (
            float(text.replace("_", "").replace(" ", "").rstrip("fFdDmMlL"))
            if NUMBER.match(text)
            else None
        )
    except ValueError:
        return None


def _by_last(
    seen: Outline, chain: Chain, _rule: Mapping[str, object], _branches: Sequence[Branch]
) -> Claim:
    """s.Require().Equal(3, x): the last call of the chain compares."""
    parsed, call = seen.parsed, chain.calls[-1]
    args, text = tuple(parsed.words(*a) for a in call.args), parsed.words(chain.start, chain.end)
    return _compared(parsed, chain.start, parsed.word(call.callee - 1), args, text, text)


STYLES = {"last": _by_last, "call": _by_call, "chain": _by_chain, "fail": _failure, "none": _none}
