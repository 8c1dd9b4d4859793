"""What the assertions of JavaScript, Go and Rust claim, of what, and how exactly."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nightlatch.core.ratchet.languages import (
    ALWAYS,
    ANY_VALUE,
    EQUAL,
    EXPRESSIONS,
    FIXED,
    GO_FAILS,
    GO_SAME,
    MATCHERS,
    NEVER,
    NUMBER,
    ORDER,
    PARTIAL,
    RUST,
    SOME_VALUE,
)  # fmt: skip
from nightlatch.core.ratchet.seen import EXACT, PARTLY, VAGUE, Assertion
from nightlatch.core.ratchet.tokens import Token

Parts = Callable[[int, int], list[tuple[int, int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One assertion, where it stands, and what else it says."""

    at: int
    assertion: Assertion
    marks: tuple[str, ...] = ()
    limits: tuple[tuple[str, float], ...] = ()
    raises: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Call:
    """A call: its name, where it stands, and its arguments as words."""

    at: int
    name: str
    args: tuple[str, ...]
    text: str


def names(name: str) -> bool:
    """Is this an assertion by itself, whoever defines it?"""
    return name in {"expect", "assert"}


def claims(lang: str, found: Sequence[Token], pairs: Mapping[int, int], start: int, end: int, parts: Parts) -> Iterator[Claim]:
    def words(a: int, b: int) -> str:
        return " ".join(t.text for t in found[a:b])

    def call(at: int, opened: int, name: str) -> _Call:
        return _Call(at, name, tuple(words(*p) for p in parts(opened + 1, pairs[opened])), words(at, pairs[opened] + 1))

    ifs: list[tuple[int, int, str]] = []
    for at in range(start, end):
        word = found[at].text
        if lang == "go" and word == "if":
            opened = next((k for k in range(at, end) if found[k].text == "{" and k in pairs), None)
            ifs += [(opened, pairs[opened], words(at + 1, opened))] if opened is not None else []
        if found[at].kind != "name" or (at and found[at - 1].text == "." and (lang != "js" or found[at - 2].text != "t")):
            continue
        if lang == "js" and word in {"expect", "assert"}:
            yield from _js(word, at, found, pairs, call)
        elif lang == "go" and found[at + 1].text == ".":
            opened, name = at + 3, found[at + 2].text
            if name in GO_FAILS and opened in pairs and word not in {"log", "fmt", "errors"}:
                yield _go_failure(at, next((cond for a, b, cond in reversed(ifs) if a < at < b), ""))
            elif word in {"assert", "require"} and opened in pairs:
                yield _compared(call(at, opened, name.removesuffix("f")), first=1)
        elif lang == "rust" and word in RUST and found[at + 1].text == "!" and at + 2 in pairs:
            yield _compared(call(at, at + 2, word.removeprefix("debug_")), first=0)


def _js(word: str, at: int, found: Sequence[Token], pairs: Mapping[int, int], call: Callable[[int, int, str], _Call]) -> Iterator[Claim]:
    chain, here, subject = [word], at + 1, ""
    while here < len(found):
        if found[here].text in {".", "?."}:
            chain.append(found[here + 1].text)
            here += 2
        elif here in pairs and found[here].text == "(" and word == "expect" and not subject:
            if "assertions" in chain or "extend" in chain:
                return
            subject, here = " ".join(t.text for t in found[here + 1 : pairs[here]]) or " ", pairs[here] + 1
        else:
            break
    called = here in pairs and found[here].text == "("
    waits = at and found[at - 1].text in {"await", "return", "=>", ",", "[", "(", "void", "="}
    lost = ("not awaited",) if not waits and {"rejects", "resolves"} & set(chain) and (word == "expect" or chain[-1] == "rejects") else ()
    if word == "assert":
        if called:
            yield _compared(call(at, here, chain[-1]), first=0, lost=lost)
        return
    made = call(at, here, chain[-1]) if called else _Call(at, chain[-1], (), " ".join(t.text for t in found[at:here]))
    yield _expected(made, subject.strip(), chain[1:], lost)


def _expected(call: _Call, subject: str, chain: Sequence[str], lost: tuple[str, ...]) -> Claim:
    matcher = call.name.lower()
    rank = VAGUE if "not" in chain or not chain else MATCHERS.get(matcher, PARTLY)
    wanted = call.args[0] if call.args else ""
    rank = min(rank, VAGUE if ANY_VALUE.match(wanted) else PARTLY if SOME_VALUE.match(wanted) else rank)
    if {"true", "false"} & {wanted} or matcher in {"true", "false"}:
        rank = VAGUE
    raises = ((wanted, ""),) if matcher.startswith("tothrow") and "not" not in chain else ()
    same = subject == wanted or not chain or (FIXED.match(subject) and (not call.args or FIXED.match(wanted)))
    limits = list[tuple[str, float]]()
    if matcher == "tobecloseto":
        limits.append(("toBeCloseTo", -(_number(call.args[1]) or 0.0) if len(call.args) > 1 else -2.0))
    elif sign := {"tobelessthan": 1, "tobelessthanorequal": 1, "tobegreaterthan": -1, "tobegreaterthanorequal": -1}.get(matcher):
        limits += [(f"limit of {subject}", sign * number)] if (number := _number(wanted)) is not None else []
    return Claim(
        at=call.at, marks=(*lost, *(("always true",) if same else ())), limits=tuple(limits), raises=raises,
        assertion=Assertion(subject=subject, rank=rank, text=call.text, weight=0 if same else 1),
    )  # fmt: skip


def _compared(call: _Call, *, first: int, lost: tuple[str, ...] = ()) -> Claim:
    """assert.equal(a, b), assert.Equal(t, a, b), assert_eq!(a, b), and assert(expression) in its many names."""
    args = call.args[first:]
    one, two = (*args, "", "")[:2]
    if call.name in EXPRESSIONS:
        subject, rank = _expression(one)
        same = bool(ALWAYS.match(one))
        limits = _limits(one, 1)
    else:
        subject = two if FIXED.match(one) and two else one
        rank, same = MATCHERS.get(call.name.lower(), PARTLY), bool(two) and (one == two or bool(FIXED.match(one) and FIXED.match(two)))
        rank = VAGUE if rank == EXACT and {"true", "false"} & {one, two} else rank
        delta = _number(args[2]) if call.name in {"InDelta", "InEpsilon", "closeTo", "approximately"} and len(args) > 2 else None
        limits = (() if delta is None else ((call.name, delta),))
    raises = ((two, ""),) if call.name in {"throws", "rejects", "ErrorIs", "ErrorAs"} else ()
    assertion = Assertion(subject=subject, rank=rank, text=call.text, weight=0 if same else 1)
    return Claim(at=call.at, assertion=assertion, marks=(*lost, *(("always true",) if same else ())), limits=limits, raises=raises)


def _expression(text: str) -> tuple[str, int]:
    if found := EQUAL.match(text):
        left, right = found.groups()
        return (right if FIXED.match(left) else left), VAGUE if {left, right} & {"true", "false"} else EXACT
    if found := ORDER.match(text):
        return found[1], PARTLY
    return text.removeprefix("! "), PARTLY if PARTIAL.search(text) else VAGUE


def _go_failure(at: int, condition: str) -> Claim:
    """`if got != want { t.Errorf(...) }`: the condition says what must not be."""
    setup, _, test = condition.rpartition(" ; ")
    rank, subject = VAGUE, test
    if found := GO_SAME.search(test):
        rank, subject = EXACT, found[1] or found[2]
    elif found := re.match(r"(.+?) != (.+)", test):
        rank, subject = VAGUE if found[2].split(" ")[0] in {"nil", "true", "false"} else EXACT, found[1]
    elif found := ORDER.match(test):
        rank, subject = PARTLY, found[1]
    elif found := re.match(r"(.+?) == (.+)|! (.+)", test):
        rank, subject = PARTLY if "Contains (" in test or "HasPrefix (" in test else VAGUE, found[1] or found[3]
    made = re.match(rf"(?:\w+ , )?{re.escape(subject)}(?: , \w+)? := (.+)", setup)
    told = Assertion(subject=made[1] if made else subject, rank=rank, text=condition or "fail", weight=0 if NEVER.match(test) else 1)
    return Claim(at=at, limits=_limits(test, -1), assertion=told)


def _limits(text: str, turn: int) -> tuple[tuple[str, float], ...]:
    found = ORDER.match(text)
    number = _number(found[3]) if found else None
    return () if found is None or number is None else ((f"limit of {found[1]}", turn * (1 if found[2][0] == "<" else -1) * number),)


def _number(text: str) -> float | None:
    try:
        return float(text.replace("_", "").replace(" ", "")) if NUMBER.match(text) else None
    except ValueError:
        return None
