"""What weakens a test of the base in JavaScript, Go and Rust, and what only looks as if it did."""

import pytest

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.examine import static_reasons
from tests.unit.ratchet.test_weakening import rules


def js(*lines: str, head: str = "it('adds', () => {", tail: str = "});") -> str:
    return "\n".join(
        [
            "import { add, parse } from './sum.js';",
            "import * as sum from './sum.js';",
            head,
            *lines,
            tail,
            "",
        ]
    )


def go(*lines: str) -> str:
    return "\n".join(
        [
            "package ring",
            "",
            'import "testing"',
            "",
            "func TestAdd(t *testing.T) {",
            *lines,
            "}",
            "",
        ]
    )


def rust(*lines: str, head: str = "#[test]") -> str:
    return "\n".join(
        ["#[cfg(test)]", "mod tests {", "use super::*;", head, "fn adds() {", *lines, "}", "}", ""]
    )


JS = ("expect(add(1, 2)).toBe(3);", "expect(add(2, 2)).toBe(4);")
NODE = ("assert.equal(add(1, 2), 3);", "assert.equal(add(2, 2), 4);")
GO = (
    'if got := Add(1, 2); got != 3 { t.Errorf("got %d", got) }',
    'if Add(2, 2) != 4 { t.Fatal("no") }',
)
RUST = ("assert_eq!(add(1, 2), 3);", "assert_eq!(add(2, 2), 4);")
TABLE = (
    "for _, c := range []struct{ a, b int }{ {1, 2}, {3, 4} } { if Add(c.a) != c.b { t.Error(c) } }"
)

JS_WEAKER = [
    ("skip-added", js(*JS), js(*JS, head="it.skip('adds', () => {")),
    ("skip-added", js(*JS), js(*JS, head="xit('adds', () => {")),
    ("skip-added", js(*JS), js(*JS, head="it.todo('adds', () => {")),
    ("skip-added", js(*JS), js(*JS, head="it.skipIf(true)('adds', () => {")),
    ("skip-condition", js(*JS), js(*JS, head="it.skipIf(process.env.CI)('adds', () => {")),
    ("skip-added", js(*JS), js(*JS, head="it('adds', { skip: 'later' }, () => {")),
    ("skip-added", js(*JS), js(*JS, head="it.fails('adds', () => {")),
    (
        "skip-added",
        js(*JS, head="test('adds', (t) => {"),
        js("t.skip();", *JS, head="test('adds', (t) => {"),
    ),
    (
        "skip-added",
        js("it('adds', () => {", *JS, "});", head="describe('sum', () => {"),
        js("it('adds', () => {", *JS, "});", head="describe.skip('sum', () => {"),
    ),
    (
        "skip-added",
        js(*JS),
        js(*JS) + "it.only('more', () => { expect(1 + add(1, 1)).toBe(3) });\n",
    ),
    ("skip-added", js(*JS), js("process.exit(0);", *JS)),
    ("skip-added", js(*JS), js("skip();", *JS, head="it('adds', ({ skip }) => {")),
    ("fewer-assertions", js(*JS), js(JS[0])),
    ("fewer-assertions", js(*JS), js("return;", *JS)),
    ("fewer-assertions", js(*JS), js("add(1, 2);")),
    ("fewer-assertions", js(*JS), js("if (process.env.CI) {", *JS, "}")),
    ("fewer-assertions", js(*JS), js("if (!process.env.SLOW) { return }", *JS)),
    ("fewer-assertions", js(*JS), js("for (const x of []) {", *JS, "}")),
    ("fewer-assertions", js(*JS), js("[].forEach(() => {", *JS, "})")),
    ("fewer-assertions", js(*NODE), js("// " + NODE[0], NODE[1])),
    ("constant-assertion", js(*JS), js("expect(true).toBe(true);")),
    ("constant-assertion", js(*NODE), js("assert.ok(true);", NODE[1])),
    ("constant-assertion", js(*JS), js("expect(add(1, 2)).toBe(add(1, 2));", JS[1])),
    (
        "constant-assertion",
        js("await expect(add(1)).rejects.toThrow();"),
        js("expect(add(1)).rejects.toThrow();"),
    ),
    (
        "constant-assertion",
        js("return assert.rejects(add(1), TypeError);"),
        js("assert.rejects(add(1), TypeError);"),
    ),
    ("looser", js(*JS), js("expect(add(1, 2)).toBeTruthy();", JS[1])),
    ("looser", js(*JS), js("expect(add(1, 2)).toBeDefined();", JS[1])),
    ("looser", js(*JS), js("expect(add(1, 2)).toEqual(expect.any(Number));", JS[1])),
    ("looser", js(*JS), js("const r = add(1, 2);", "expect(typeof r).toMatch('number');", JS[1])),
    ("looser", js(*NODE), js("assert.ok(add(1, 2));", NODE[1])),
    (
        "looser",
        js("expect(add(1, 2)).toBeCloseTo(3, 6);"),
        js("expect(add(1, 2)).toBeCloseTo(3, 0);"),
    ),
    (
        "looser",
        js("expect(add(1, 2)).toBeLessThan(4);"),
        js("expect(add(1, 2)).toBeLessThan(400);"),
    ),
    ("looser", js(*JS), js(*JS, head="it('adds', { retry: 9 }, () => {")),
    (
        "looser",
        js(*JS, head="it('adds', { timeout: 100 }, () => {"),
        js(*JS, head="it('adds', { timeout: 999_999 }, () => {"),
    ),
    (
        "wider-exception",
        js("expect(() => add()).toThrow(RangeError);"),
        js("expect(() => add()).toThrow();"),
    ),
    (
        "wider-exception",
        js("assert.throws(() => add(), RangeError);"),
        js("assert.throws(() => add());"),
    ),
    ("swallowed", js(*JS), js("try {", *JS, "} catch {}")),
    ("swallowed", js(*JS), js("try {", *JS, "} catch (e) { console.log(e) }")),
    ("unit-mocked", js(*JS), "vi.mock('./sum.js');\n" + js(*JS)),
    ("unit-mocked", js(*JS), js("vi.spyOn(sum, 'add').mockReturnValue(3);", *JS)),
    (
        "unit-mocked",
        js(*JS),
        js(*JS).replace("import { add, parse } from './sum.js';", "const add = (a, b) => a + b;"),
    ),
    (
        "shadowed",
        js(*JS),
        js(*JS) + "it('adds', () => { expect(add(1, 2)).toBe(3); expect(add(2, 2)).toBe(4); });\n",
    ),
    (
        "fewer-rows",
        js(JS[0], head="it.each([[1, 2], [3, 4], [5, 6]])('adds', (a, b) => {"),
        js(JS[0], head="it.each([[1, 2], [3, 4]])('adds', (a, b) => {"),
    ),
]
GO_WEAKER = [
    ("skip-added", go(*GO), go('t.Skip("later")', *GO)),
    ("skip-added", go(*GO), go("later(t)", *GO) + "func later(t *testing.T) { t.Skip() }\n"),
    ("skip-added", go(*GO), go("skip := t.Skip", "skip()", *GO)),
    ("skip-added", go(*GO), go("runtime.Goexit()", *GO)),
    ("skip-condition", go(*GO), go("if testing.Short() { t.SkipNow() }", *GO)),
    ("fewer-assertions", go(*GO), go(GO[0])),
    ("fewer-assertions", go(*GO), go("return", *GO)),
    ("fewer-assertions", go(*GO), go("_ = Add(1, 2)")),
    ("fewer-assertions", go(*GO), go('if os.Getenv("CI") == "" {', *GO, "}")),
    ("fewer-assertions", go(*GO), go("if false {", *GO, "}")),
    ("looser", go(*GO), go('if got := Add(1, 2); got == 0 { t.Errorf("got %d", got) }', GO[1])),
    ("looser", go("if Add(1, 2) > 4 { t.Fatal() }"), go("if Add(1, 2) > 400 { t.Fatal() }")),
    (
        "looser",
        go("require.InDelta(t, 3, Add(1, 2), 0.01)"),
        go("require.InDelta(t, 3, Add(1, 2), 10)"),
    ),
    ("looser", go("require.Equal(t, 3, Add(1, 2))"), go("require.NotNil(t, Add(1, 2))")),
    ("swallowed", go(*GO), go("defer func() { recover() }()", *GO)),
    ("unit-mocked", go(*GO), go("Add = func(a, b int) int { return 3 }", *GO)),
    ("fewer-rows", go(TABLE), go(TABLE.replace("{3, 4} ", ""))),
]
RUST_WEAKER = [
    ("skip-added", rust(*RUST), rust(*RUST, head="#[test]\n#[ignore]")),
    ("skip-added", rust(*RUST), rust(*RUST, head="#[test]\n#[should_panic]")),
    ("skip-added", rust(*RUST), "#![cfg(any())]\n" + rust(*RUST)),
    ("fewer-assertions", rust(*RUST), rust(RUST[0])),
    ("fewer-assertions", rust(*RUST), rust("return;", *RUST)),
    ("constant-assertion", rust(*RUST), rust("assert!(true);", RUST[1])),
    ("looser", rust(*RUST), rust("assert!(add(1, 2) > 0);", RUST[1])),
    (
        "looser",
        rust("assert!((add(1, 2) - 3.0).abs() < 0.001);"),
        rust("assert!((add(1, 2) - 3.0).abs() < 1.0);"),
    ),
    ("swallowed", rust(*RUST), rust("let _ = std::panic::catch_unwind(|| {", *RUST, "});")),
]

HONEST = [
    ("js", js(*JS), js(*JS) + "it.skip('new', () => { expect(add(1, 1)).toBe(2) });\n"),
    ("js", js(*JS), js("const got = add(1, 2);", "expect(got).toBe(3);", JS[1])),
    ("js", js(*JS), js("expect(add(1, 2)).toBe(4);", JS[1])),
    ("js", js(*JS), js(*JS, "expect(typeof add(1, 2)).toBe('number');")),
    ("js", js(*JS), js(*JS).replace("it('adds'", "test('adds'")),
    ("js", js(*JS), js(*JS, head="it('sums up', () => {")),
    ("js", js(*JS), js(*JS, head="it('adds', async () => {")),
    ("js", js(*JS), js(*(line + " // exact" for line in JS))),
    ("js", js(*JS), js("it('adds', () => {", *JS, "});", head="describe('sum', () => {")),
    ("js", js(*JS), js(JS[0]) + js(JS[1], head="it('adds twos', () => {")),
    (
        "js",
        js(*JS),
        js(
            "expect(add(a, b)).toBe(c);",
            head="it.each([[1, 2, 3], [2, 2, 4]])('adds %i', (a, b, c) => {",
        ),
    ),
    (
        "js",
        js(*NODE),
        js(
            "for (const [a, b, c] of [[1, 2, 3], [2, 2, 4]]) {",
            "assert.equal(add(a, b), c);",
            *NODE,
            "}",
        ),
    ),
    (
        "js",
        js("try { add() } catch (e) { console.log(e) }", *JS),
        js("try { add() } catch (e) { console.log(e, 1) }", *JS),
    ),
    (
        "js",
        js("try { add(); assert.fail() } catch (e) { assert.equal(e.code, 3) }"),
        js("try { add(); assert.fail('x') } catch (e) { assert.equal(e.code, 3) }"),
    ),
    ("js", js(*JS), js("vi.spyOn(console, 'log');", *JS)),
    ("js", js(*JS), "vi.mock('./http.js');\n" + js(*JS)),
    ("js", js(*JS), js("const x = `${'it.skip(`a`)'} it.only(`;", *JS)),
    (
        "js",
        js("const got = skip(3);", *JS),
        js("const got = skip(3);", "expect(skip(4)).toBe(1);", *JS),
    ),
    ("js", js("parser.skip(3);", *JS), js("parser.skip(3);", "parser.skip(4);", *JS)),
    (
        "js",
        js("await expect(add(1)).rejects.toThrow();"),
        js("await expect(add(2)).rejects.toThrow();"),
    ),
    ("js", js("expect(() => add()).toThrow();"), js("expect(() => add()).toThrow(RangeError);")),
    ("go", go(*GO), go("t.Parallel()", "t.Helper()", *GO)),
    ("go", go(*GO), go(GO[0].replace("got %d", "got %d, want 3"), GO[1])),
    ("go", go(*GO), go(*GO) + 'func TestNew(t *testing.T) { t.Skip("windows") }\n'),
    ("go", go(*GO), go("require.Equal(t, 3, Add(1, 2))", "require.Equal(t, 4, Add(2, 2))")),
    ("go", go(*GO), go(*GO).replace("TestAdd", "TestSums")),
    ("go", go(TABLE), go(TABLE.replace("{3, 4}", "{3, 4}, {5, 6}"))),
    (
        "rs",
        rust(*RUST),
        rust(*RUST) + "#[test]\n#[ignore]\nfn new() { assert_eq!(add(0, 0), 0); }\n",
    ),
    ("rs", rust(*RUST), rust("let got = add(1, 2);", "assert_eq!(got, 3);", RUST[1])),
    ("rs", rust(*RUST), rust(*RUST, "assert!(add(1, 1) > 0);")),
]
PATHS = {"js": "test/sum.test.js", "go": "ring/ring_test.go", "rs": "src/lib.rs"}


@pytest.mark.parametrize(("rule", "old", "new"), JS_WEAKER)
def test_a_weaker_javascript_test_is_named(rule: str, old: str, new: str) -> None:
    assert rules(old, new, PATHS["js"]) == {rule}


@pytest.mark.parametrize(("rule", "old", "new"), GO_WEAKER)
def test_a_weaker_go_test_is_named(rule: str, old: str, new: str) -> None:
    assert rules(old, new, PATHS["go"]) == {rule}


@pytest.mark.parametrize(("rule", "old", "new"), RUST_WEAKER)
def test_a_weaker_rust_test_is_named(rule: str, old: str, new: str) -> None:
    assert rules(old, new, PATHS["rs"]) == {rule}


def crate(
    tests: str,
    code: str = "pub fn add(a: u32, b: u32) -> u32 {\n    assert!(a > 0);\n    a + b\n}\n",
) -> str:
    """A source file with its own tests at its end."""
    return f"{code}\n{tests}"


def inside(old: str, new: str | None) -> list[tuple[str, tuple[str, ...]]]:
    return [
        (each.rule, each.detail)
        for each in static_reasons(
            [Text(path="src/lib.rs", old=old, new=new, test=False)], (), "cargo test"
        )
    ]


def test_a_weaker_test_inside_a_rust_source_is_named_with_its_line() -> None:
    old, new = rust(*RUST), rust("assert!(add(1, 2) > 0);", RUST[1])
    [(rule, (detail,))] = inside(crate(old), crate(new))
    assert (rule, detail[:33]) == ("ratchet.looser", "src/lib.rs::tests::adds (line 10)")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            crate(rust(*RUST)),
            crate(rust(*RUST), "pub fn add(a: u32, b: u32) -> u32 {\n    a + b\n}\n"),
        ),
        (
            crate(rust(*RUST)),
            "pub fn add(a: u32, b: u32) -> u32 {\n    a + b\n}\n\n#[cfg(test)]\nmod tests;\n",
        ),
        (crate(rust(*RUST)), "pub fn add(a: u32, b: u32) -> u32 {\n    a + b\n}\n"),
        (crate(rust(*RUST)), None),
    ],
)
def test_an_assertion_of_the_code_is_no_test_and_tests_may_move_to_a_file_of_their_own(
    old: str, new: str | None
) -> None:
    assert inside(old, new) == []


@pytest.mark.parametrize(("lang", "old", "new"), HONEST)
def test_an_honest_change_of_a_test_is_not(lang: str, old: str, new: str) -> None:
    assert rules(old, new, PATHS[lang]) == set()


def test_a_test_file_with_unclosed_brackets_is_held() -> None:
    assert rules(js(*JS), js(*JS, tail=""), PATHS["js"]) == {"unreadable-test"}
