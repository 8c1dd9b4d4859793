"""Test files as people write them, put together by chance: what confuses a reader of
JavaScript, TypeScript, JSX, Go and Python."""

from collections.abc import Iterator
from itertools import count
from random import Random

TITLES = (
    '"adds two prices"',
    "'refuses what is no price'",
    "`renders a ${1 + 1} template`",
    '"it\'s \\"quoted\\""',
    "'a `tick` in it'",
    "\"describe('no', () => {})\"",
    '"/* no comment */"',
    "`// nor this: it('x', () => {})`",
    '"<b>markup</b> isn\'t code"',
    '"percent of 100"',
    "'braces } ) ] {'",
    '"ümläute und 日本"',
)
ASIDE = (
    "// it('is a comment', () => {});",
    "/* describe('so is this', () => { it('x', () => {}); }); */",
    "const text = `it('not this', () => {})`;",
    "const one = /it\\('no', \\(\\) => [\"'`{]/g;",
    "const half = (a: number, b: number) => a / 2 / b;",
    'const quote = "`";',
    "const deep = `a ${`b ${'c'} \\``} d`;",
    (
        "type Box<T extends { a: string }> = { value: T; map: <U>(f: (t: T) => U) => Box<{ a:"
        " string }> };"
    ),
    "async function* count<T>(from: T[]): AsyncGenerator<T> { for (const x of from) yield x; }",
    "const same = <T,>(x: T): T => x;",
    "const lines = [1, 2]\n  .map((x) => x * 2)\n  .filter(Boolean)",
    "label: for (const x of [1]) { if (x > 1) continue label; }",
    (
        "class Till { #sum = 0; static it(x: string, f: () => void) { return [x, f]; } get test() {"
        " return this.#sum; } }\nTill.it('no', () => {});"
    ),
    (
        "const odd = { it: 1, test: { only: 2 }, 'describe': (x: string) => x"
        " };\nodd.describe('neither');"
    ),
)
MARKUP = (
    (
        "const Shelf = ({ n }: { n: number }) => <p title=\"don't\">it's {n} `ticks` {/* it('x') '"
        " ` */} &amp; <b>isn't it</b></p>;"
    ),
    (
        "const List = <T,>({ of }: { of: T[] }) => (\n  <ul>\n    {of.map((x, i) => <li"
        " key={i}>{`${x}` /* ' */}</li>)}\n    it('shows text', why)\n  </ul>\n);"
    ),
    "const Empty = () => <></>;\nconst Tick = () => <code>`</code>;",
    'const Form = () => <input pattern="[\'`]" onChange={(e) => e.target.value > "`" && null} />;',
)
BODIES = (
    "expect(1 + 1).toBe(2);",
    "const got = `${'`'}`;\n  expect(got).toEqual(\"`\");",
    "expect(/['\"`]/.test('`')).toBe(true);",
    "if (1 < 2) {\n    expect([1, 2]).toHaveLength(2);\n  }",
    "await expect(Promise.resolve(`x`)).resolves.toBe('x');",
    "for (const x of [1, 2]) expect(x / 1).toBeGreaterThan(0);",
)


def javascript(chance: Random, *, typed: bool, markup: bool) -> str:
    """A file for vitest; without types it is plain JavaScript."""
    aside = [
        line
        for line in ASIDE
        if typed or not any(sign in line for sign in (": number", "<T", "type ", ": string"))
    ]
    lines = ['import { describe, expect, it, test } from "vitest";']
    lines += chance.sample(aside, 3)
    lines += (
        chance.sample(
            MARKUP if typed else [m for m in MARKUP if ": {" not in m and "<T" not in m], 2
        )
        if markup
        else []
    )
    titles = (f"{title[:-1]} {n}{title[-1]}" for n in count() for title in [chance.choice(TITLES)])
    for _ in range(chance.randint(2, 4)):
        lines += block(chance, titles, depth=0)
        lines += [line for line in chance.sample(aside, 1) if line not in lines]
    return "\n".join(lines) + "\n"


def block(chance: Random, titles: Iterator[str], depth: int) -> list[str]:
    """A test, a table of tests, or a group of them."""
    title = next(titles)
    kind = chance.choice(("it", "test", "each", "table", "concurrent", "group", "group"))
    body = f"async () => {{\n  // isn't a ` problem\n  {chance.choice(BODIES)}\n}}"
    if kind == "group" and depth < 2:
        inner = [line for _ in range(2) for line in block(chance, titles, depth + 1)]
        return [f"describe({title}, () => {{", *inner, "});"]
    if kind == "each":
        rows = f"it.each([[1, '`'], [2, \"'\"]])({title[:-1]} %i{title[-1]}, (n) => {{\n "
        return [rows + " expect(n).toBeLessThan(3);\n});"]
    if kind == "table":
        return [
            "test.each`",
            "  a | b",
            "  ${1} | ${'`'}",
            "  ${2} | ${\"it('x')\"}",
            f"`({title[:-1]} $a{title[-1]}, ({{ a }}) => {{\n  expect(a).toBeLessThan(3);\n}});",
        ]
    word = {"concurrent": "test.concurrent", "group": "it"}.get(kind, kind)
    return [f"{word}({title}, {body});"]


def go(chance: Random, number: int) -> str:
    """A test file of Go: names are unique within the package."""
    lines = ["package shop", "", "import (", '\t"strings"', '\t"testing"', ")", ""]
    for n in range(chance.randint(1, 4)):
        name = f"Test{chance.choice(('Adds', 'Ümlaut', '_odd', 'X'))}{number}n{n}"
        lines += chance.sample(
            (
                "// func TestNot(t *testing.T) {}",
                f"/* func TestNeither{number}n{n}(t *testing.T) {{}} */",
                f"var raw{number}n{n} = `func TestNo(t *testing.T) {{ '\"' }}`",
                f"func testHelper{number}n{n}(t *testing.T) {{ t.Helper() }}",
                f"type Tested{number}n{n} struct{{ f func(a, b int) (int, error) }}",
                f"func Testament{number}n{n}() rune {{ return '`' }}",
                (
                    f"func (x Tested{number}n{n}X) TestMethod(t *testing.T) {{}}\n\ntype"
                    f" Tested{number}n{n}X struct{{}}"
                ),
            ),
            2,
        )
        lines += [
            f"func {name}(t *testing.T) {{",
            '\tif strings.ToUpper("`") != `` + "`" {',
            '\t\tt.Errorf("got %q", \'"\')',
            "\t}",
            "}",
            "",
        ]
    return "\n".join(lines) + "\n"


def python(chance: Random) -> str:
    """A test file of pytest."""
    lines = [
        "import pytest",
        "",
        '"""def test_in_a_docstring(): pass"""',
        "# def test_comment(): pass",
        "",
    ]
    for n in range(chance.randint(1, 3)):
        lines += chance.sample(
            (
                f"def test_adds_{n}():\n    assert 1 + 1 == 2\n",
                (
                    f"async def helper_{n}():\n    text = '''\ndef test_no(): pass\n'''\n    return"
                    " text\n"
                ),
                (
                    f"class TestTill{n}:\n    def test_inside(self):\n        assert f'{{1}}' =="
                    " '1'\n\n    class TestDeep:\n        def test_deeper(self):\n           "
                    " assert True\n"
                ),
                (
                    f"@pytest.mark.parametrize('a', [1, 2], ids=str)\ndef test_rows_{n}(a):\n   "
                    " assert a < 3\n"
                ),
                f"class Helper{n}:\n    def test_not_collected(self):\n        assert False\n",
            ),
            3,
        )
    return "\n".join(lines) + "\n"
