"""The tests of a parsed file, its helpers and what groups them: functions by their names and
marks, and calls that declare them."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from nightlatch.ratchet.languages.grammar import Parsed, Span
from nightlatch.ratchet.languages.outline import MEMBER, Call, Chain, Nodes, Outline
from nightlatch.ratchet.model import SKIP, WHEN, Marks

if TYPE_CHECKING:
    from tree_sitter import Node

Marked = Sequence[tuple[int, int, str]]
QUOTES = "\"'`"
STRING = re.compile(r"[a-zA-Z@$]{0,3}[\"'`~]")
QUOTED = re.compile(r"[a-zA-Z@$]{0,3}(\"\"\"|[\"'`])(.*)\1", re.DOTALL)
ESCAPED = re.compile(r"\\([\"'`\\])")
LONGEST_NAME = 200
OPENING = 30  # tokens of a group's body in which it says what it is
LONGEST_OPTION = 60  # tokens: what is longer is code, not options


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """How something is declared: its marks as they stand, what stands before its body, and
    whether by a title, or by nothing but its name."""

    notes: tuple[str, ...] = ()
    header: str = ""
    titled: bool = False
    by_name: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTests:
    """A test, a helper or a group of tests: where it stands, where its text lies, and what it
    brings along."""

    name: str
    at: int
    stop: int
    start: int
    end: int
    marks: Marks
    kind: str
    focus: bool = False
    declaration: Declaration = Declaration()


def tests(seen: Outline) -> list[FoundTests]:
    """Return everything that is a test, may help one, or groups some, with the names and marks
    of what it stands in."""
    parsed, kinds = seen.parsed, seen.kinds
    marks = _marks(parsed, kinds.get("mark", ()))
    return named(
        (
            *_functions(parsed, kinds.get("function", ()), marks),
            *_groups(parsed, kinds.get("group", ()), marks),
            *_calls(seen, marks),
            *_infix_tests(seen),
        ),
        parsed.language.words.get("test_base"),
    )


def _marks(parsed: Parsed, found: Sequence[Nodes]) -> list[tuple[int, int, str]]:
    """Return annotations, attributes and the like: their first and last byte, and their words."""
    marks = []
    for node in (nodes["mark"][0] for nodes in found):
        words = parsed.words(*parsed.span(node))
        text = (
            words
            if words
            else parsed.source[node.start_byte : node.end_byte].decode("utf-8", "replace")
        )
        marks.append((node.start_byte, node.end_byte, text))
    return sorted(set(marks))


def _notes(parsed: Parsed, marks: Marked, first: int, name: int) -> tuple[str, ...]:
    """Return the marks between two bytes, and those that stand right before the first one."""
    inside = [text for start, end, text in marks if first <= start and end <= name]
    before, edge = list[str](), first
    # Backwards, as long as nothing but space stands between one mark and the next.
    for i in range(bisect_left(marks, (first, 0, "")) - 1, -1, -1):
        start, end, text = marks[i]
        if parsed.source[end:edge].strip():
            break
        before.append(text)
        edge = start
    return (*reversed(before), *inside)


def _functions(parsed: Parsed, found: Sequence[Nodes], marks: Marked) -> Iterator[FoundTests]:
    """Yield every function of a file, as a test where its name, a mark or a macro says so, else
    as a helper."""
    words = parsed.language.words
    pattern, macro = words.get("test_name"), words.get("test_macro")
    for nodes in found:
        node, name_node = nodes["function"][0], nodes["name"][0]
        at, stop = parsed.span(node)
        start, end = _body_of(parsed, nodes, (stop, stop))
        notes = _notes(parsed, marks, node.start_byte, name_node.start_byte)
        name = original(parsed, name_node.start_byte, name_node.end_byte).strip("`")
        is_marked = _has_test_mark(parsed, notes)
        is_test = is_marked or (pattern and pattern.match(name))
        header = _header(parsed, node, start) if macro else ""
        made = macro.match(header) if macro else None
        if made:
            name = _macro_name(made["name"])
            notes = (*notes, made[0])
        says = parsed.words(at, start)
        yield FoundTests(
            name=name,
            at=at,
            stop=stop,
            start=start,
            end=end,
            marks=noted(parsed, notes) + _uncollected(parsed, "uncollected", says),
            kind="test" if (made or is_test) and not not_test(parsed, name) else "helper",
            declaration=Declaration(notes=notes, header=says, by_name=not made and not is_marked),
        )


def _body_of(parsed: Parsed, nodes: Nodes, default: Span) -> Span:
    """Return where the body of a function or a group lies."""
    return parsed.span(nodes["body"][0]) if nodes.get("body") else default


def _has_test_mark(parsed: Parsed, notes: Sequence[str]) -> bool:
    """Does an annotation or an attribute say that what it stands before is a test?"""
    mark = parsed.language.words.get("test_mark")
    return mark is not None and any(map(mark.search, notes))


def _header(parsed: Parsed, node: "Node", start: int) -> str:
    """Return a function as it was written up to its body."""
    last = parsed.starts[start] if start < len(parsed.starts) else node.end_byte
    return original(parsed, node.start_byte, last)


def _uncollected(parsed: Parsed, key: str, says: str) -> Marks:
    """Return a mark where the words of a function or a group say that no runner collects it."""
    off = parsed.language.words.get(key)
    return Counter({(SKIP, "not collected"): int(off is not None and off.search(says) is not None)})


def _macro_name(args: str) -> str:
    """Return what a macro's arguments call a test: its suite and its name, or the text up to the
    first string."""
    quoted = re.match(r"(.*?)([\"'])((?:[^\"'\\]|\\.)*)\2", args, re.DOTALL)
    words = f"{quoted[1]}{quoted[3]}" if quoted else args
    return re.sub(r"\s*,\s*", ".", words.strip())


def not_test(parsed: Parsed, name: str) -> bool:
    """Is this a name that the runner never takes for a test?"""
    pattern = parsed.language.words.get("no_test")
    return pattern is not None and pattern.fullmatch(name) is not None


def original(parsed: Parsed, start: int, end: int) -> str:
    """Return what stood between two bytes before anything was rewritten."""
    return parsed.text.encode("utf-8", "surrogatepass")[start:end].decode("utf-8", "replace")


def noted(parsed: Parsed, notes: Sequence[str]) -> Marks:
    """Return what marks take away from what they stand before: all of it, or under a condition."""
    when, off = parsed.language.words.get("when_mark"), parsed.language.words.get("skip_mark")
    found: Marks = Counter()
    for note in notes:
        if when and when.search(note):
            found[WHEN, "attribute"] += 1
        elif off and off.search(note):
            found[SKIP, "attribute"] += 1
    return found


def _groups(parsed: Parsed, found: Sequence[Nodes], marks: Marked) -> Iterator[FoundTests]:
    """Yield every class, module or namespace of a file that may hold tests."""
    for nodes in found:
        node, name_node = nodes["group"][0], nodes["name"][0]
        at, stop = parsed.span(node)
        start, end = _body_of(parsed, nodes, (at, stop))
        notes = _notes(parsed, marks, node.start_byte, name_node.start_byte)
        says = parsed.words(at, min(start + OPENING, end))
        yield FoundTests(
            name=parsed.words(*parsed.span(name_node)).strip(QUOTES),
            at=at,
            stop=stop,
            start=start,
            end=end,
            marks=noted(parsed, notes) + _uncollected(parsed, "uncollected_group", says),
            kind="group",
            declaration=Declaration(notes=notes, header=says),
        )


def _calls(seen: Outline, marks: Marked) -> Iterator[FoundTests]:
    """Yield the tests and groups that a call declares."""
    parsed, words = seen.parsed, seen.parsed.language.words
    test, suite = words.get("test_call"), words.get("suite_call")
    for chain in seen.chains.values() if test or suite else ():
        head = parsed.words(chain.start, chain.calls[0].callee)
        kind = _kind(head, test, suite)
        if kind and (found := _titled(parsed, chain, head, kind, marks)):
            yield found


def _kind(word: str, test: re.Pattern[str] | None, suite: re.Pattern[str] | None) -> str:
    """Return what a word declares, "" for neither a test nor a group."""
    if suite and suite.fullmatch(word):
        return "group"
    return "test" if test and test.fullmatch(word) else ""


def _titled(parsed: Parsed, chain: Chain, head: str, kind: str, marks: Marked) -> FoundTests | None:
    """Return a test or a group that a call declares, with its title."""
    titled = _title(parsed, chain, head)
    if titled is None:
        return None
    title, holder = titled
    around = f"{head} {_words_between(parsed, chain)}"
    bodied = next((call for call in chain.calls if call.block), None)
    empty = bodied is None and _has_only_title(parsed, chain, head)
    start, end = (holder.callee, holder.end) if empty else _body(holder, bodied)
    is_body = partial(_holds, (start, end), bodied)
    options = " ".join(
        parsed.words(*arg) for call in chain.calls for arg in call.args if not is_body(arg)
    )
    before = _notes(parsed, marks, parsed.starts[chain.start], parsed.starts[chain.start])
    own = noted(parsed, before) + _modified(parsed, head, around, options, empty=empty)
    focus = _is_focused(parsed, around, options, title)
    off = parsed.language.words.get("skip_title")
    if off and (found := off.match(title)):
        # Without it the test is the same one, skipped: it must not count as a new test.
        title = title[found.end() :]
        own += Counter({(SKIP, "title"): 1})
    return FoundTests(
        name=title[:LONGEST_NAME],
        at=chain.start,
        stop=chain.end,
        start=start,
        end=end,
        marks=own,
        kind=kind,
        declaration=Declaration(titled=True),
        focus=focus,
    )


def _words_between(parsed: Parsed, chain: Chain) -> str:
    """Return what stands between the calls of a chain and behind the last one: `.only`, `.skip`."""
    between = " ".join(
        parsed.words(a.end, b.callee) for a, b in zip(chain.calls, chain.calls[1:], strict=False)
    )
    return f"{between} {parsed.words(chain.calls[-1].end, chain.end)}"


def _has_only_title(parsed: Parsed, chain: Chain, head: str) -> bool:
    """Is a test without a block given a title and nothing to run, as `it('adds')` is?"""
    alone = parsed.language.words.get("one_arg")
    takes_one = alone is not None and alone.fullmatch(head) is not None
    return not takes_one and all(len(call.args) < 2 for call in chain.calls)


def _is_focused(parsed: Parsed, around: str, options: str, title: str) -> bool:
    """Does a call, one of its options or its title put all other tests aside?"""
    only, first = (parsed.language.words.get(key) for key in ("focus", "focus_title"))
    if only and (only.search(around.strip()) or only.search(f"{{ {options} }}")):
        return True
    return first is not None and first.match(title) is not None


def _title(parsed: Parsed, chain: Chain, head: str) -> tuple[str, Call] | None:
    """Return the title, and the call that has it: an argument, the name itself where that is a
    text, or, without one, what the block says."""
    told = _title_call(parsed, chain)
    if told is not None:
        first, last = told.args[0]
        member = STRING.match(parsed.word(first)) and parsed.word(first + 1) in MEMBER
        return _bare(parsed.words(first, first + 1 if member else last)), told
    if STRING.match(head):
        return _bare(head), chain.calls[-1]
    holder = chain.calls[-1]
    return (parsed.words(*holder.block), holder) if holder.block else None


def _body(holder: Call, bodied: Call | None) -> Span:
    """Return where the text of a test lies: in a block, or among the arguments of the call that
    has its title."""
    if bodied and bodied.block:
        return bodied.block
    return holder.args[0][0], holder.args[-1][1]


def _holds(body: Span, bodied: Call | None, arg: Span) -> bool:
    """Is this argument the body itself, or does it hold code?"""
    return (bodied is not None and body[0] <= arg[0] < body[1]) or arg[1] - arg[0] > LONGEST_OPTION


def _bare(words: str) -> str:
    """Return a title as its runner shows it: without the quotes around it, and without the
    strokes before those in it."""
    found = QUOTED.fullmatch(words)
    return ESCAPED.sub(r"\1", found[2]) if found else words


def _title_call(parsed: Parsed, chain: Chain) -> Call | None:
    """Return the call whose first argument is the title: the first one with a text there, rows
    aside, or else the last with a body."""
    rows = parsed.language.words.get("rows_call")
    for i, call in enumerate(chain.calls):
        callee = parsed.words(chain.calls[i - 1].end if i else chain.start, call.callee)
        if (
            call.args
            and STRING.match(parsed.word(call.args[0][0]))
            and not (rows and rows.search(callee))
        ):
            return call
    return next(
        (
            call
            for call in reversed(chain.calls)
            if call.args and (call.block or len(call.args) > 1)
        ),
        None,
    )


def _modified(parsed: Parsed, head: str, around: str, options: str, *, empty: bool) -> Marks:
    """Return skips that the call itself asks for."""
    words, names = parsed.language.words, set(re.findall(r"\w+", around))
    off, when, option = words.get("skip_call"), words.get("when_call"), words.get("skip_option")
    asked = bool(when and any(map(when.fullmatch, names)))
    fixed = bool({"true", "false"} & set(options.split()))
    named_off = bool(off and (any(map(off.fullmatch, names)) or off.fullmatch(head)))
    if asked and not fixed:
        return Counter({(WHEN, "skip"): 1})
    return Counter(
        {
            (SKIP, "skip"): int(
                asked or empty or named_off or bool(option and option.search(options))
            )
        }
    )


def _infix_tests(seen: Outline) -> Iterator[FoundTests]:
    """`"adds" in { ... }` and the groups around it."""
    parsed, words = seen.parsed, seen.parsed.language.words
    test, suite = words.get("infix_test"), words.get("infix_suite")
    for left, op, right in seen.infixes if test else ():
        word = parsed.words(*op)
        kind = _kind(word, None, suite) if not test or not test.fullmatch(word) else "test"
        if not kind or parsed.word(right[0]) not in {"{", ":"}:
            continue
        title = " ".join(_bare(token.text) for token in parsed.tokens[left[0] : left[1]])
        off = words["skip_call"].fullmatch(word) if "skip_call" in words else None
        yield FoundTests(
            name=title[:LONGEST_NAME],
            at=left[0],
            stop=right[1],
            start=right[0],
            end=right[1],
            declaration=Declaration(titled=True),
            kind=kind,
            marks=Counter({(SKIP, "skip"): 1}) if off else Counter(),
        )


def named(found: Sequence[FoundTests], base: re.Pattern[str] | None) -> list[FoundTests]:
    """Return all of them with the names and the marks of what they stand in; a title inside
    another is joined as its runner joins them."""
    made = list[FoundTests]()
    around = list[FoundTests]()
    # What is outside comes before what is inside, also where both begin at the same token.
    for one in sorted(found, key=lambda f: (f.at, -f.stop)):
        around = [outer for outer in around if outer.stop >= one.stop and outer.at < one.at]
        whole = _within(one, around[-1], base) if around and around[-1].name else one
        made.append(whole)
        if whole.kind != "helper":
            around.append(whole)
    return made


def _within(one: FoundTests, outer: FoundTests, base: re.Pattern[str] | None) -> FoundTests:
    """Return the same with the name and the marks of what is around it; a class may be none that
    a runner collects."""
    link = " > " if one.declaration.titled else "::"
    lost = Counter({(SKIP, "in what is no test class"): int(_is_strange(one, outer, base))})
    return replace(
        one,
        name=f"{outer.name}{link}{one.name}",
        marks=one.marks + outer.marks + lost,
        focus=one.focus or outer.focus,
    )


def _is_strange(one: FoundTests, outer: FoundTests, base: re.Pattern[str] | None) -> bool:
    """Does a test stand in a class that its runner does not take for one of tests?"""
    header = outer.declaration.header
    if base is None or one.kind != "test" or not header:
        return False
    # A mark makes a test of what it stands before, whatever its class is.
    is_marked = not one.declaration.by_name and not one.declaration.titled
    return not is_marked and base.search(header) is None
