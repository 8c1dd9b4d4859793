"""What a matcher, a comparison or a condition claims, of what, and how exactly, by the words that
frameworks have for it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nightlatch.ratchet.languages.grammar import Parsed
from nightlatch.ratchet.model import EXACT, PARTLY, VAGUE, Assertion

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
TRUTH_MATCHERS = {"true", "false", "betrue", "befalse", "istrue", "isfalse"}
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
# Placeholders that are equal to anything: an exact matcher with one of them is none.
ANY_VALUE = re.compile(
    r"(?:expect \. any(?:thing)?|any(?:thing)?|Arg \. Any|It \."
    r" IsAny|anything|an_instance_of|_$)(?: \(| <|$)"
)
SOME_VALUE = re.compile(
    r"expect \. (?:not \. )?(?:\w+Containing|stringMatching|closeTo)"
    r" \(|(?:a_)?(?:string|hash|array)_including|a_\w+_matching"
)
NUMBER = re.compile(r"-? ?[\d_]+(?:\.[\d_]*)?(?:e-?\d+)?[fFdDmMlL]?\Z")
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


def norm(name: str) -> str:
    """Return a matcher's name without what frameworks put before it."""
    bare = name.replace("_", "").lower().strip("?!")
    stripped = LEAD.sub("", bare, count=1)
    if not stripped and bare.startswith("should"):
        return "be"
    return stripped.removeprefix("to") if stripped.startswith("tobe") else stripped


def matched(at: int, found: Matched, subject: str, text: str, ranks: Mapping[str, int]) -> Claim:
    """Return what a matcher claims of a subject."""
    name, expected = norm(found.name), found.args[0] if found.args else ""
    negated, is_silent = _is_negated(found), _is_silent(found)
    raises = _error_of(name, found, negated=negated)
    same = subject == expected
    never_fails = same or ((is_silent or _is_fixed(subject, found)) and not raises)
    is_vague = negated or is_silent
    return Claim(
        at=at,
        marks=("always true",) if never_fails else (),
        limits=_limits_of_matcher(name, found, subject),
        raises=raises,
        assertion=Assertion(
            subject=subject,
            rank=VAGUE if is_vague else _rank_of(name, found, expected, ranks),
            text=text,
            weight=0 if never_fails else 1,
        ),
    )


def _is_silent(found: Matched) -> bool:
    """Does a matcher compare nothing: is there none, or is it named and not called?"""
    is_uncalled = not found.called and CALLED_ONLY.match(found.name) is not None
    return not found.name or is_uncalled


def _is_fixed(subject: str, found: Matched) -> bool:
    """Is a constant compared with a constant, or with nothing, so that no code can make it
    fail?"""
    return bool(FIXED.match(subject)) and (not found.args or bool(FIXED.match(found.args[0])))


def _is_negated(found: Matched) -> bool:
    """Does a matcher, or a name on the way to it, turn it round?"""
    return any(NEGATED.match(n) for n in (*found.names, found.name)) or any(
        n in {"not", "never"} for n in found.names
    )


def _rank_of(name: str, found: Matched, expected: str, ranks: Mapping[str, int]) -> int:
    """Return how exactly a matcher compares: no more so than what it expects is told."""
    if expected in {"true", "false"} or name in TRUTH_MATCHERS or ANY_VALUE.match(expected):
        return VAGUE
    rank = ranks.get(name, ranks.get(found.name.lower(), PARTLY))
    return min(rank, PARTLY) if SOME_VALUE.match(expected) else rank


def _error_of(name: str, found: Matched, *, negated: bool) -> tuple[tuple[str, str], ...]:
    """Return the error that a matcher expects, as (type, message)."""
    # That nothing is thrown expects no error.
    if negated or not THROWS.match(name):
        return ()
    kind = _type(found.args[0]) if found.args else ""
    return ((kind, found.args[1] if len(found.args) > 1 else ""),)


def _limits_of_matcher(name: str, found: Matched, subject: str) -> tuple[tuple[str, float], ...]:
    """Return how near is near enough, or what the subject may not pass."""
    if CLOSE.match(name):
        return tuple(_tolerance(name, found))
    return _limit(name, subject, found.args[0] if found.args else "")


def _limit(name: str, subject: str, value: str) -> tuple[tuple[str, float], ...]:
    """Return the number that a comparison by order holds a subject to, turned so that larger is
    looser."""
    is_below = BELOW.match(name) is not None
    number = _number(value) if is_below or ABOVE.match(name) else None
    return () if number is None else ((f"limit of {subject}", number if is_below else -number),)


def _tolerance(name: str, found: Matched) -> Iterator[tuple[str, float]]:
    """Yield decimal places where larger is tighter, else a distance."""
    number = (
        _number(found.args[-1])
        if found.args and (len(found.args) > 1 or name in {"bewithin", "within"})
        else None
    )
    # Jest counts decimal places, two where nothing is said; Chai and others give a distance.
    if name == "becloseto" and found.name.startswith("to"):
        yield "toBeCloseTo", -2.0 if number is None else -number
    elif number is not None:
        yield found.name, number


def compared(
    parsed: Parsed, at: int, name: str, args: tuple[str, ...], text: str, head: str
) -> Claim:
    """Return what a call that is given two values claims of them."""
    one, two = (*args, "", "")[:2]
    bare, ranks = norm(name), parsed.language.claims.ranks
    thrown = THROWS.match(bare)
    # `assert.is_not.equal(a, b)`: what turns a matcher round may stand before its name.
    negated = any(NEGATED.match(word) for word in (name, *re.findall(r"\w+", head)[1:]))
    rank = VAGUE if negated else ranks.get(bare, ranks.get(name.lower(), PARTLY))
    if rank == EXACT and {"true", "false"} & {one, two}:
        rank = VAGUE
    same = not thrown and bool(two) and _compare_alike(one, two)
    return Claim(
        at=at,
        assertion=Assertion(
            subject=_looked_at(one, two), rank=rank, text=text, weight=0 if same else 1
        ),
        marks=("always true",) if same else (),
        limits=_limits_of_call(name, bare, args),
        raises=(_raised(parsed, head, args),) if thrown else (),
    )


def _looked_at(one: str, other: str) -> str:
    """Of two sides the one that is no constant, the first where both may be looked at."""
    return other if FIXED.match(one) and other else one


def _compare_alike(one: str, other: str) -> bool:
    """Are these the same, or two constants, so that no code can make them differ?"""
    return one == other or bool(FIXED.match(one) and FIXED.match(other))


def _limits_of_call(name: str, bare: str, args: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return the tolerance that stands third, or the number that a comparison by order holds to."""
    one, two = (*args, "", "")[:2]
    # JUnit, XCTest and others take a third number in assertEquals as the distance.
    may_be_near = CLOSE.match(bare) or bare in {"equals", "equal", "almostequals"}
    if may_be_near and len(args) > 2:
        distance = _number(re.sub(r"^\w+ (?:[:=]|=>) ", "", args[2]))
        if distance is not None:
            return ((name, distance),)
    return _limit(bare, one, two)


def _raised(parsed: Parsed, head: str, args: Sequence[str]) -> tuple[str, str]:
    """Return the type of the error that is expected: between angles, or the argument that looks
    like one, and the message."""
    if found := re.search(r"(?:<|\[) (.+?) (?:>|\])", head):
        return _type(found[1]), ""
    if "throw_second" in parsed.language.words:
        return (_type(args[1]) if len(args) > 1 else ""), ""
    kinds = [a for a in args if re.match(r"[A-Z\\:]|std ::", a) and "{" not in a]
    return (_type(kinds[0]) if kinds else ""), next((a for a in args if a[:1] in "\"'/"), "")


def _type(words: str) -> str:
    """Return a type without the words by which a language names it as a value."""
    return re.sub(r" (?:\. class|:: class|:: class \. java|\. self|\. type)$", "", words).lstrip(
        "\\ "
    )


def truth(at: int, expression: str, text: str, *, negated: bool = False) -> Claim:
    """Return what an expression claims that has to be true, or false where it is negated."""
    inner = expression.removeprefix("( ").removesuffix(" )")
    subject, rank = _expression(inner if expression.startswith("( ") else expression)
    sides = EQUAL.fullmatch(inner)
    if negated:
        same = bool(NEVER.match(expression))
    else:
        same = bool(ALWAYS.match(expression)) or (sides is not None and sides[1] == sides[2])
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
        limits=limits_of(expression, 1),
    )


def _expression(text: str) -> tuple[str, int]:
    """Return what an expression looks at, and how exactly."""
    if found := EQUAL.match(text):
        left, right = found.groups()
        rank = VAGUE if {left, right} & {"true", "false"} else EXACT
        return right if FIXED.match(left) else left, rank
    if found := ORDER.match(text):
        return found[1], PARTLY
    return text.removeprefix("! "), PARTLY if PARTIAL.search(text) else VAGUE


def limits_of(text: str, turn: int) -> tuple[tuple[str, float], ...]:
    """Return the number that a condition holds something to; `turn` is -1 where it says what
    must not be."""
    found = ORDER.match(text)
    number = _number(found[3].removesuffix(" )")) if found else None
    if found is None or number is None:
        return ()
    return ((f"limit of {found[1]}", turn * TURNS[found[2]] * number),)


def _number(text: str) -> float | None:
    """Return a number as any of the languages writes it, None where it is none."""
    if not NUMBER.match(text):
        return None
    try:
        return float(text.replace("_", "").replace(" ", "").rstrip("fFdDmMlL"))
    except ValueError:
        return None
