"""Test files whose expectations were changed: what is expected is another, what is given is the
same."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.ratchet.mutation.edits import parses
from nightlatch.ratchet.mutation.expectations import other_expectations
from tests import ROOT

OWN = sorted((ROOT / "tests").glob("**/test_*.py"))[::6]
PYTHON = [
    ("assert f(1) == 2", "assert f(1) == 5"),
    ("assert 2 == f(1)", "assert 5 == f(1)"),
    ("assert f(1) == -2.5", "assert f(1) == -6.0"),
    ("assert f('a') == ['b', {'c': None}, b'e']", "assert f('a') == ['bX', {'cX': ...}, b'eX']"),
    ("assert f() is True", "assert f() is False"),
    ("assert f() is None", "assert f() is ..."),
    ("assert 'a' in f('b')", "assert 'aX' in f('b')"),
    ("assert f(1) == approx(0.5, abs=1)", "assert f(1) == approx(2.0, abs=3)"),
    ("x = pytest.approx(1)", "x = pytest.approx(3)"),
    ("assert f(1) == Decimal('1.5')", "assert f(1) == Decimal('1.51')"),
    ("self.assertEqual(f(1), 'é')", "self.assertEqual(f(1), 'éX')"),
    ("self.assertEqual('a', f(1))", "self.assertEqual('aX', f(1))"),
    ("self.assertAlmostEqual(f(1), 2.5, 3)", "self.assertAlmostEqual(f(1), 6.0, 3)"),
    ("with pytest.raises(E, match='no'): f(1)", "with pytest.raises(E, match='noX'): f(1)"),
    (
        "@pytest.mark.parametrize('a, b', [(1, 2), pytest.param(3, 4, id='x')])\ndef f(): 0",
        "@pytest.mark.parametrize('a, b', [(1, 5), pytest.param(3, 9, id='x')])\ndef f(): 0",
    ),
    (
        "@mark.parametrize(['want', 'b'], [[1, 2]])\ndef f(): 0",
        "@mark.parametrize(['want', 'b'], [[3, 2]])\ndef f(): 0",
    ),
    ("expected = {'a': 1}", "expected = {'aX': 3}"),
    ("assert f(1)", None),
    ("assert f(1) == g()", None),
    ("assert 'a' in ['b']", "assert 'aX' in ['b']"),
    ("assert f(1) == f'{2}'", None),
    ("x = 1", None),
    ("assert (", None),
]
OTHERS = [
    ("a.test.js", "assert.equal(f(1), 2);", "assert.equal(f(1), 1);"),
    (
        "a.test.js",
        "assert.deepStrictEqual(f('a'), { b: 'c', d: null }, 'm');",
        "assert.deepStrictEqual(f('a'), { b: 'cX', d: 0 }, 'm');",
    ),
    ("a.test.ts", "expect(f(1)).toBe(0.5)", "expect(f(1)).toBe(2.0)"),
    (
        "a.test.ts",
        "expect(f(1)).not.toEqual([true, `x${1}`])",
        "expect(f(1)).not.toEqual([false, `x${1}X`])",
    ),
    ("a.test.ts", "expect(() => f(1)).toThrow(/no/i)", "expect(() => f(1)).toThrow(/noX/i)"),
    (
        "a.test.ts",
        "it.each([[1, 2], [3, 4]])('%i', (a, b) => {})",
        "it.each([[1, 1], [3, 3]])('%i', (a, b) => {})",
    ),
    (
        "a.test.ts",
        "const rows = [{ n: 1, expected: 'a' }];",
        "const rows = [{ n: 1, expected: 'aX' }];",
    ),
    ("a.test.js", "f(1, 2); expect(f(1)).toBeTruthy()", None),
    ("a_test.go", '{in: "a", want: "b"}', '{in: "a", want: "bX"}'),
    (
        "a_test.go",
        'if got := F(1); got != 3 { t.Errorf("F(1) = %d", got) }',
        'if got := F(1); got != 2 { t.Errorf("F(1) = %d", got) }',
    ),
    ("a_test.go", "if got != 'a' && got != `b` {}", "if got != 'a' && got != `bX` {}"),
    ("a_test.go", "if err != nil { t.Fatal(err) }", None),
    ("a_test.go", "rows := []row{{1, 2}, {3, -0}}", "rows := []row{{1, 1}, {3, -1}}"),
    ("a_test.go", "assert.Equal(t, 3, F(x))", "assert.Equal(t, 2, F(x))"),
    (
        "tests/a.rs",
        'assert_eq!(f(1), 3u8); assert!(g("a") == "b");',
        'assert_eq!(f(1), 2u8); assert!(g("a") == "bX");',
    ),
    ("tests/golden/a.json", '{"a": [10, 9, true]}', '{"a": [21, 1, true]}'),
    (
        "tests/__snapshots__/a.test.js.snap",
        "exports[`f`] = `true hello`;",
        "exports[`f`] = `true helloX`;",
    ),
    ("pkg/testdata/a.txt", "---", None),
    ("a.css", "a { b: 1 }", None),
]


@pytest.mark.parametrize(("text", "became"), PYTHON)
def test_python_expectations(text: str, became: str | None) -> None:
    assert other_expectations("tests/test_a.py", text) == became


@pytest.mark.parametrize(("path", "text", "became"), OTHERS)
def test_expectations_elsewhere(path: str, text: str, became: str | None) -> None:
    assert other_expectations(path, text) == became


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.stem)
def test_real_test_files_stay_readable(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    changed = other_expectations(f"tests/{file.name}", text) or ""
    assert changed != text
    ast.parse(changed)
    assert changed == other_expectations(f"tests/{file.name}", text) or not changed


@given(st.text("ab1.'\"`/\\${}()[]#=!,: \n") | st.text())
def test_any_text_may_come(text: str) -> None:
    for path in ("test_a.py", "a.test.js", "a_test.go", "tests/a.rs", "golden/a"):
        for whole in (
            text,
            f"assert_eq!({text}, 1)",
            f"expect({text}).toBe({text})",
            f"assert x == {text}",
        ):
            changed = other_expectations(path, whole)
            assert changed is None or (
                changed != whole and (path == "golden/a" or parses(path, changed, whole))
            )
