"""What stands in a parsed file, whatever its language: calls and chains of them, branches,
loops, and what is tried."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nightlatch.ratchet.languages.grammar import Parsed, Span

if TYPE_CHECKING:
    from tree_sitter import Node

Nodes = Mapping[str, Sequence["Node"]]
KINDS = (
    "function",
    "group",
    "call",
    "mark",
    "if",
    "loop",
    "try",
    "return",
    "lambda",
    "infix",
    "assert",
    "guard",
)
# `if (true) { return }` is a return, whatever it looks like.
TAKEN = re.compile(r"\(? ?(?:true|True|TRUE|1|not false|! ?false) ?\)?")
# Calls that go through a list as a loop does.
EACH = frozenset({"forEach", "each", "map", "foreach"})
MEMBER = frozenset({".", "?.", "->", "?->", "!.", "!!."})
NAME = re.compile(r"[^\W\d]\w*[?!]?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call; its callee ends where its arguments, or its block, begin."""

    start: int
    end: int
    callee: int
    args: tuple[Span, ...]
    block: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Calls that hang on one another, `a(b).c(d)`, the inner one first, with the members behind
    the last one."""

    start: int
    end: int
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """An if or a loop: what it depends on, and what it decides over."""

    loop: bool
    start: int
    condition: Span
    body: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A try: what is tried, and what is done with an error."""

    tried: Span
    handlers: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What decides whether something in a file is run: branches and loops, what is tried,
    returns, the scopes that these lie in, and guards under which a part of it is built.

    `rounds` go through a list: where the list stands, and what is done with each of its rows.
    `leaving` says of each return where it ends, the innermost scope that it leaves, and the
    innermost function that it stands in.
    """

    branches: Sequence[Branch]
    attempts: Sequence[Attempt]
    returns: Sequence[Span]
    scopes: Sequence[Span]
    guards: Sequence[Span]
    rounds: Sequence[tuple[Span, Span]]
    leaving: Sequence[tuple[int, Span, Span | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """All of one file; `order` are the first tokens of its chains, and `stated` are statements
    that assert by themselves."""

    parsed: Parsed
    kinds: Mapping[str, Sequence[Nodes]]
    chains: Mapping[int, Chain]
    order: Sequence[int]
    infixes: Sequence[tuple[Span, Span, Span]]
    stated: Sequence[Span]
    flow: Flow

    def between(self, start: int, end: int) -> Iterator[Chain]:
        """Yield the chains that start between two tokens."""
        for at in self.order[bisect_left(self.order, start) : bisect_left(self.order, end)]:
            yield self.chains[at]


def outline(parsed: Parsed) -> Outline:
    """Return everything that the query of its language finds in a file."""
    kinds = _by_kind(parsed)
    chains = _chains(parsed, kinds.get("call", ()))
    return Outline(
        parsed=parsed,
        kinds=kinds,
        chains=chains,
        order=sorted(chains),
        infixes=_infixes(parsed, kinds.get("infix", ())),
        stated=_spans(parsed, kinds, "assert"),
        flow=_flow(parsed, kinds, chains),
    )


def _flow(
    parsed: Parsed, kinds: Mapping[str, Sequence[Nodes]], chains: Mapping[int, Chain]
) -> Flow:
    """Return the branches, loops, tries and returns of a file, and what follows from them."""
    branches = [
        _branch(parsed, nodes, kind) for kind in ("if", "loop") for nodes in kinds.get(kind, ())
    ]
    attempts = _attempts(parsed, kinds.get("try", ()))
    lambdas = [parsed.span(node) for nodes in kinds.get("lambda", ()) for node in nodes["lambda"]]
    handlers = [handler for attempt in attempts for handler in attempt.handlers]
    bodies = [b.body for b in branches if not _is_always(parsed, b)]
    scopes = [*bodies, *handlers, *lambdas]
    returns = _spans(parsed, kinds, "return")
    return Flow(
        branches=branches,
        attempts=attempts,
        returns=returns,
        scopes=scopes,
        guards=_spans(parsed, kinds, "guard"),
        rounds=[*_rounds(parsed, branches, chains)],
        leaving=_leaving(parsed, kinds, returns, scopes),
    )


def _by_kind(parsed: Parsed) -> dict[str, list[Nodes]]:
    """Return what the query finds, by what each of its patterns is for."""
    kinds: dict[str, list[Nodes]] = {}
    for nodes in parsed.finds:
        for kind in KINDS:
            if kind in nodes:
                kinds.setdefault(kind, []).append(nodes)
    return kinds


def _spans(parsed: Parsed, kinds: Mapping[str, Sequence[Nodes]], kind: str) -> list[Span]:
    """Return where everything of one kind stands."""
    return [parsed.span(nodes[kind][0]) for nodes in kinds.get(kind, ())]


def _is_always(parsed: Parsed, branch: Branch) -> bool:
    """Is a branch taken whatever happens?

    Then it is none, and a return in it leaves what is around it.
    """
    return not branch.loop and TAKEN.fullmatch(parsed.words(*branch.condition)) is not None


def _rounds(
    parsed: Parsed, branches: Sequence[Branch], chains: Mapping[int, Chain]
) -> Iterator[tuple[Span, Span]]:
    """Yield what goes through a list: where the list stands, and what is done with each of its
    rows."""
    yield from ((branch.condition, branch.body) for branch in branches if branch.loop)
    for chain in chains.values():
        for call in chain.calls:
            if parsed.word(call.callee - 1) in EACH:
                yield (chain.start, call.callee), (call.callee, call.end)


def _leaving(
    parsed: Parsed,
    kinds: Mapping[str, Sequence[Nodes]],
    returns: Sequence[Span],
    scopes: Sequence[Span],
) -> list[tuple[int, Span, Span | None]]:
    """For each return where it ends, the innermost scope that it leaves, and the innermost
    function that it stands in."""
    functions = _spans(parsed, kinds, "function")
    whole = (0, len(parsed.tokens))
    leaving = []
    for start, end in returns:
        scope = max((s for s in (*scopes, whole) if s[0] <= start < s[1]), key=lambda s: s[0])
        function = max((f for f in functions if f[0] <= start < f[1]), default=None)
        leaving.append((end, scope, function))
    return leaving


def _chains(parsed: Parsed, found: Sequence[Nodes]) -> dict[int, Chain]:
    """By the token that they start with."""
    by_start: dict[int, list[Call]] = {}
    for call in sorted(_distinct_calls(parsed, found), key=lambda c: c.end):
        by_start.setdefault(call.start, []).append(call)
    chains = {}
    for start, members in by_start.items():
        end = members[-1].end
        # Members without a call, such as `.not.toBe` or `.rejects`, are part of what is asserted.
        while parsed.word(end) in MEMBER and NAME.match(parsed.word(end + 1)):
            end += 2
        chains[start] = Chain(start=start, end=end, calls=tuple(members))
    return chains


def _distinct_calls(parsed: Parsed, found: Sequence[Nodes]) -> Iterable[Call]:
    """Return each call once.

    Of several readings of one call the one with more arguments counts; a block that only one of
    them has belongs to it.
    """
    calls: dict[Span, Call] = {}
    for nodes in found:
        call = _call(parsed, nodes)
        span = (call.start, call.end)
        known = calls.get(span)
        if known is None:
            calls[span] = call
        elif _fullness(call) > _fullness(known):
            calls[span] = replace(call, block=call.block or known.block)
        elif known.block is None and call.block:
            calls[span] = replace(known, block=call.block, callee=min(known.callee, call.callee))
    return calls.values()


def _fullness(call: Call) -> tuple[int, bool]:
    """Return how much of a call one reading of it has."""
    return len(call.args), call.block is not None


def _call(parsed: Parsed, nodes: Nodes) -> Call:
    """Return one call: where its callee ends, its arguments, and a block that it is given."""
    start, end = parsed.span(nodes["call"][0])
    args: list[Span] = [parsed.span(node) for node in nodes.get("arg", ())]
    edges = [first for first, _ in args]
    for node in nodes.get("args", ()):
        first, last = parsed.span(node)
        edges.append(first)
        # The arguments of a macro in Rust are tokens to its grammar, and no expressions.
        if node.type == "token_tree":
            args += parsed.parts(first + 1, last - 1)
        elif node.child_count == 0 or node.type in parsed.language.grammar.atoms:
            args.append((first, last))
        else:
            args += [
                parsed.span(child) for child in node.named_children if "comment" not in child.type
            ]
    block = parsed.span(nodes["block"][0]) if nodes.get("block") else None
    callee = min([*edges, *([block[0]] if block else []), end])
    return Call(
        start=start, end=end, callee=callee, args=tuple(a for a in args if a[0] < a[1]), block=block
    )


def _infixes(parsed: Parsed, found: Sequence[Nodes]) -> list[tuple[Span, Span, Span]]:
    """Of those that begin at the same place the longest: `x should not be empty` is one."""
    longest: dict[int, tuple[Span, Span, Span]] = {}
    for nodes in found:
        left, op, right = (parsed.span(nodes[key][0]) for key in ("left", "op", "right"))
        if left[0] not in longest or longest[left[0]][2][1] < right[1]:
            longest[left[0]] = (left, op, right)
    return list(longest.values())


def _branch(parsed: Parsed, nodes: Nodes, kind: str) -> Branch:
    """Return one branch or loop; what it depends on ends where its body begins."""
    start, end = parsed.span(nodes[kind][0])
    body = parsed.span(nodes["body"][0]) if nodes.get("body") else (end, end)
    told = parsed.span(nodes["condition"][0]) if nodes.get("condition") else (start + 1, body[0])
    # Where a grammar gives a part of the condition, all of it up to the body counts.
    condition = (start + 1, body[0]) if start + 1 <= told[0] < body[0] else told
    while condition[1] > condition[0] + 1 and parsed.word(condition[1] - 1) in {
        "{",
        "then",
        ";",
        "do",
    }:
        condition = (condition[0], condition[1] - 1)
    return Branch(loop=kind == "loop", start=start, condition=condition, body=body)


def _attempts(parsed: Parsed, found: Sequence[Nodes]) -> list[Attempt]:
    """Return what is tried, each with all of its handlers."""
    tries: dict[Span, tuple[Span, list[Span]]] = {}
    for nodes in found:
        whole = parsed.span(nodes["try"][0])
        handlers = [parsed.span(node) for node in nodes.get("handler", ())]
        tried = (
            parsed.span(nodes["tried"][0])
            if nodes.get("tried")
            else (whole[0], handlers[0][0] if handlers else whole[1])
        )
        # Each handler comes as a match of its own, all with the same try.
        tries.setdefault(whole, (tried, []))[1].extend(handlers)
    return [Attempt(tried=tried, handlers=tuple(handlers)) for tried, handlers in tries.values()]
