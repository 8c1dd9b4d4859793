"""Does a finding still hold for the code it cites: seven edits that were tried on other ways to
tell, and random ones beside an oracle.

NIGHTLATCH_MANY=1 tries 2,000 random edits instead of 200.
"""

import argparse
import ast
import dataclasses
import enum
import os
import random
import sys
import typing
from collections.abc import Callable, Iterator
from hashlib import sha1
from pathlib import Path
from types import FrameType

import pytest

from nightlatch.record.findings.findings import Cite
from nightlatch.record.findings.staleness import Blob, Freshness, anchor, judge

MANY = 2_000 if os.environ.get("NIGHTLATCH_MANY") else 200
SOURCE = '''"""Invites."""

LIMIT = 3


def other(n):
    """Something else."""
    return n + 1


def accept(user, invite):
    """Accept an invite."""
    if invite.used > LIMIT:
        raise ValueError(invite)
    user.join(invite.team)
    return user


class Team:
    def add(self, user):
        self.users.append(user)
        return len(self.users)
'''
CITE = Cite(path="src/invite.py", lines=(11, 16))


def blob(text: str, path: str = "src/invite.py") -> Blob:
    # an id, as git makes them
    return Blob(path=path, oid=sha1(text.encode()).hexdigest(), data=text.encode())  # noqa: S324


def judged(edit: Callable[[str], str], cite: Cite = CITE, source: str = SOURCE) -> Freshness:
    return judge(anchor(cite, blob(source, cite.path), "c1"), blob(edit(source), cite.path))


def moved(text: str) -> str:
    start, end = text.index("def accept"), text.index("\n\nclass Team")
    return text[:start] + text[end:].lstrip() + "\n\n" + text[start:end]


@pytest.mark.parametrize(
    ("what", "edit", "fresh"),
    [
        ("another function", lambda text: text.replace("n + 1", "n + 2"), True),
        ("two lines above", lambda text: text.replace("LIMIT = 3", "LIMIT = 3\nMORE = 4\n"), True),
        (
            "one character of logic",
            lambda text: text.replace("used > LIMIT", "used < LIMIT"),
            False,
        ),
        (
            "the docstring",
            lambda text: text.replace("Accept an invite.", "Accept one invite, once."),
            True,
        ),
        (
            "spacing and a comment",
            lambda text: text.replace(
                "invite.used > LIMIT:", "invite.used   >  LIMIT:  # all of it"
            ),
            True,
        ),
        ("moved in the file", moved, True),
        ("nothing at all", lambda text: text, True),
        (
            "a level of nesting",
            lambda text: text.replace("(invite)\n    user", "(invite)\n        user"),
            False,
        ),
        (
            "the same words elsewhere only",
            lambda text: text.replace("    user.join(invite.team)\n", ""),
            False,
        ),
        ("no longer Python", lambda text: text.replace("used > LIMIT", "used > > LIMIT"), False),
    ],
)
def test_the_edits_that_other_ways_to_tell_get_wrong(
    what: str, edit: Callable[[str], str], *, fresh: bool
) -> None:
    assert judged(edit).fresh is fresh, what


def test_a_renamed_file_is_judged_where_it_is_now() -> None:
    cite = anchor(CITE, blob(SOURCE), "c1")
    assert judge(cite, blob(SOURCE, "src/team/invite.py")) == Freshness(
        fresh=True, path="src/team/invite.py", lines=(11, 16)
    )
    edited = blob(SOURCE.replace("n + 1", "n + 2"), "src/team/invite.py")
    assert judge(cite, edited).fresh


def test_a_file_that_is_gone_is_orphaned_and_says_so() -> None:
    gone = judge(anchor(CITE, blob(SOURCE), "c1"), None)
    assert (gone.fresh, gone.orphaned, gone.summary) == (False, True, "src/invite.py:11-16 is gone")


def test_lines_that_moved_are_shown_where_they_are_now() -> None:
    assert judged(lambda text: text.replace("LIMIT = 3", "LIMIT = 3\nMORE = 4\n")).lines == (13, 18)


def test_the_share_of_cited_lines_that_changed_is_told() -> None:
    stale = judged(
        lambda text: text.replace("used > LIMIT", "used < LIMIT").replace(
            "return user\n", "return None\n"
        )
    )
    assert (stale.fresh, round(stale.share, 2)) == (False, 0.33)
    assert stale.summary == "src/invite.py:11-16 has 33% of its lines changed"


@pytest.mark.parametrize(("edit", "fresh"), [("used  >  LIMIT", True), ("used < LIMIT", False)])
def test_other_languages_are_told_by_their_text(edit: str, *, fresh: bool) -> None:
    assert (
        judged(
            lambda text: text.replace("used > LIMIT", edit), Cite(path="a.rb", lines=(11, 16))
        ).fresh
        is fresh
    )


def test_a_short_line_that_also_stands_in_another_function_is_not_taken_for_it() -> None:
    cite = Cite(path="src/invite.py", lines=(8, 8))
    twice = SOURCE.replace("        return len(self.users)\n", "        return n + 1\n")
    assert (
        judged(
            lambda text: text.replace("    return n + 1\n", "    return n + 9\n", 1), cite, twice
        ).fresh
        is False
    )


def test_a_whole_file_is_fresh_as_long_as_it_does_the_same() -> None:
    whole = Cite(path="src/invite.py")
    assert judged(lambda text: text.replace("Invites.", "All invites.") + "# end\n", whole).fresh
    assert not judged(lambda text: text.replace("LIMIT = 3", "LIMIT = 4"), whole).fresh


def test_bytes_that_are_no_text_and_cites_beyond_the_end_hold_nobody_up() -> None:
    odd = Blob(path="src/invite.py", oid="1", data=b"\xff\x00def (\n")
    far = anchor(Cite(path="src/invite.py", lines=(900, 901)), odd, "c1")
    assert judge(far, Blob(path="src/invite.py", oid="2", data=b"\xff")).share == 1.0


def parses(work: Callable[[], object]) -> int:
    """How often something is parsed meanwhile."""
    count = 0

    def hear(_frame: FrameType, event: str, of: object) -> None:
        nonlocal count
        count += event == "c_call" and of is compile

    sys.setprofile(hear)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_only_the_symbol_whose_lines_changed_is_parsed_however_many_findings_cite_it() -> None:
    source = "".join(f"def f{n}(x):\n    y = x + {n}\n    return y * {n}\n\n\n" for n in range(100))
    cites = [
        anchor(Cite(path="m.py", lines=(5 * n + 1, 5 * n + 3)), blob(source, "m.py"), "c")
        for n in range(100)
    ]
    now = blob(f"import os\n{source}".replace("x + 7\n", "x + 8\n"), "m.py")
    found: list[Freshness] = []
    assert parses(lambda: found.extend(judge(cite, now) for cite in (*cites, *cites))) == 1
    assert [n for n, each in enumerate(found) if not each.fresh] == [7, 107]


def spans(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, tuple[int, int]]]:
    """First and last line of every symbol, as the syntax tree has them."""
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{child.name}."
            yield (
                name[:-1],
                (
                    min([child.lineno, *(each.lineno for each in child.decorator_list)]),
                    child.end_lineno or 0,
                ),
            )
        yield from spans(child, name)


ODD = """
@decorated(
    "a",
)
async def f(
    a,
):
    '''def not_one():
class Nor_this: pass'''
    if a:
        def inner(): return 1
    x = a \\
+ 1
    return [
1, '# no', "\\"]"]
    # the end


class C:
\tdef m(self): pass
"""
REAL = [
    Path(module.__file__ or "").read_text(encoding="utf-8")
    for module in (argparse, ast, dataclasses, enum, random, typing)
]


@pytest.mark.parametrize("text", [ODD, *REAL], ids=range(len(REAL) + 1))
def test_where_symbols_stand_is_told_without_parsing_as_the_syntax_tree_has_it(text: str) -> None:
    assert blob(text, "m.py").symbols == dict(spans(ast.parse(text)))


def functions(rng: random.Random) -> list[list[str]]:
    """A module of functions with bodies of their own; every line says something that no other
    line says."""
    bodies = [
        [f"    y{n}_{k} = x + {rng.randrange(10**6)}" for k in range(rng.randrange(2, 6))]
        for n in range(6)
    ]
    return [
        [f"def f{n}(x):", f'    """Number {n}."""', *body, f"    return x * {n}"]
        for n, body in enumerate(bodies)
    ]


def edited(rng: random.Random, parts: list[list[str]]) -> list[list[str]]:
    """One random edit."""
    parts = [list(part) for part in parts]
    at = rng.choice([number for number, part in enumerate(parts) if len(part) > 2])
    line = rng.randrange(2, len(parts[at]))
    match rng.randrange(9):
        case 0:
            parts[at][line] = parts[at][line].replace("x", "x - 1", 1)
        case 1:
            parts[at][1] = f'    """Number {at}, as told {rng.random()}."""'
        case 2:
            parts[at][line] += f"  # {rng.random()}"
        case 3:
            parts[at][line] = parts[at][line].replace(" + ", "  +   ").replace(" * ", " *  ")
        case 4:
            parts.insert(
                rng.randrange(len(parts)), [f"def new{rng.randrange(10**6)}():", "    pass"]
            )
        case 5:
            parts.insert(rng.randrange(len(parts)), parts.pop(at))
        case 6:
            parts[at].insert(line, f"    z = {rng.random()}")
        case 7:
            parts[at].insert(line, f"    # {rng.random()}")
        case 8:
            del parts[at]
    return parts


def holds(part: list[str], lines: list[str], name: str, after: str) -> bool:
    """The oracle: the same words one after the other in that function, or a function of that
    name that does the same."""

    def body(text: str) -> str | None:
        node = next(
            (
                each
                for each in ast.parse(text).body
                if isinstance(each, ast.FunctionDef) and each.name == name
            ),
            None,
        )
        return ast.unparse(node.body[1:]) if node else None  # type: ignore[arg-type]  # a list of statements unparses too

    flat = [" ".join(each.split()) for each in lines]
    now = [" ".join(each.split()) for each in after.splitlines() if each.strip()]
    stands = any(now[i : i + len(flat)] == flat for i in range(len(now)))
    return stands or body("\n".join(part)) == body(after)


@pytest.mark.parametrize("batch", range(10))
def test_random_edits_are_judged_as_an_oracle_does(batch: int) -> None:
    for seed in range(batch, MANY, 10):
        rng = random.Random(seed)  # noqa: S311  # no secret
        parts = functions(rng)
        at = rng.randrange(len(parts))
        first = 1 + sum(len(part) + 1 for part in parts[:at])
        start = rng.randrange(len(parts[at]))
        stop = rng.randrange(start, len(parts[at]))
        after = parts
        for _ in range(rng.randrange(1, 4)):
            after = edited(rng, after)
        before, now = (
            "\n\n".join("\n".join(part) for part in each) + "\n" for each in (parts, after)
        )
        cite = anchor(
            Cite(path="m.py", lines=(first + start, first + stop)), blob(before, "m.py"), "c"
        )
        want = holds(parts[at], parts[at][start : stop + 1], f"f{at}", now)
        assert judge(cite, blob(now, "m.py")).fresh is want, (
            f"seed {seed}, {cite}\n{before}\n---\n{now}"
        )
