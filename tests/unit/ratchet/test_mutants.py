"""Small faults in sources: well-formed, different, repeatable, and where they are wanted."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.ratchet.mutation.edits import parses
from nightlatch.ratchet.mutation.mutants import Mutant, mutants
from tests import ROOT
from tests.conftest import TRIES

OWN = sorted(ROOT.glob("nightlatch/**/*.py"))[:: max(1200 // TRIES, 1)]
JS = """import { log } from "./log.js";
export function price(n, rate = 0.5) {
  if (n < 0 && !rate) {
    throw new RangeError(`negative`);
  }
  log.info("price", n);
  const t = n * rate + 1;
  return t > 100
    ? "much"
    : t
}
const twice = (a) => { return a * 2; };
"""
GO = """package a

import (
	"errors"
	"fmt"
)

func Price(n int, rate float64) (float64, error) {
	if m := n; m < 0 {
		return 0, errors.New("negative")
	}
	fmt.Println(n)
	return float64(n) * rate, nil
}

func (s *Set) Has(x string) bool {
	if x == "" {
		panic("empty")
	}
	return true
}
"""
RUST = """use std::fmt;

pub fn price(n: i32) -> i32 {
    if n < 0 && n != -9 {
        panic!("negative {}", n);
    }
    let v: Vec<Vec<u8>> = Vec::new();
    n * 2 + 1
}

#[cfg(test)]
mod tests {
    fn two() { assert_eq!(price(2), 5); }
}
"""


def all_of(path: str, text: str) -> tuple[Mutant, ...]:
    return mutants(path, text, most=10_000, seed="s")


def lines_of(path: str, text: str) -> set[str]:
    """Every line that some mutant has and the text has not."""
    return {
        line.strip()
        for mutant in all_of(path, text)
        for line in mutant.text.splitlines()
        if line not in text.splitlines()
    }


@pytest.mark.parametrize(
    ("line", "became"),
    [
        ("return a + b", {"return a - b", "return None"}),
        ("return (a) // (b)", {"return (a) * (b)"}),
        ("x = a <= b", {"x = a < b"}),
        ("x = a not in b", {"x = a in b"}),
        ("x = a and b", {"x = a or b"}),
        ("x = not a", {"x = a"}),
        ("x += 1", {"x -= 1", "x += 2"}),
        ("x = -2.0", {"x = 2.0", "x = -2.002"}),
        ("x = 'é' + 'b'", {"x = 'éX' + 'b'", "x = 'é' + 'bX'", "x = '' + 'b'", "x = 'é' + ''"}),
        ('x = r"""a"""', {'x = r"""aX"""', "x = ''"}),
        ("x = b'a'", {"x = b'aX'", "x = b''"}),
        ("raise ValueError('a')", {"pass", "raise RuntimeError('a')", "raise ValueError('aX')"}),
        ("raise", set()),
        ("f(a)", {"pass"}),
        (
            "x = 1 if a else 2",
            {"x = 1 if True else 2", "x = 1 if False else 2", "x = 1 if not (a) else 2"},
        ),
        ("return True", {"return False", "return None"}),
        ("while a: g = b", {"while False: g = b"}),
        ("x = a > b > c", set()),
        ("'a docstring'", set()),
        ("x: 'int' = a", set()),
        ("import a", set()),
    ],
)
def test_python_faults(line: str, became: set[str]) -> None:
    found = lines_of("a.py", f"def f(a, b):\n    {line}\n")
    assert became <= found
    assert became or not found


def test_a_returned_number_is_nudged_and_nothing_else_is() -> None:
    text = "def f(a):\n    return g(\n        a\n    )\n\ndef g(a):\n    return a\n"
    nudged = next(m for m in all_of("a.py", text) if "thousandth" in m.says)
    given: dict[str, object] = {}
    exec(nudged.text, given)  # noqa: S102  # the mutant is what is tested
    f = given["f"]
    assert [f(v) for v in ("a", True, None)] == ["a", True, None]  # type: ignore[operator]  # a function, as the text says
    assert (f(2), f(0)) == (2.002, 0.001)  # type: ignore[operator]  # as above


@pytest.mark.parametrize(
    ("path", "text", "became"),
    [
        (
            "a.js",
            JS,
            {
                "if (false && (n < 0 && !rate)) {",
                "if (true || (n < 0 && !rate)) {",
                "if (!(n < 0 && !rate)) {",
                "if (n <= 0 && !rate) {",
                "if (n < 0 || !rate) {",
                "if (n < 0 && rate) {",
                "throw new Error(`negative`);",
                "throw new RangeError(`negativeX`);",
                ";",
                "const t = n / rate + 1;",
                "const t = n * rate - 1;",
                "const t = n * rate + 2;",
                "return undefined",
                "export function price(n, rate = 0.5005) {",
                "const twice = (a) => { return undefined; };",
            },
        ),
        (
            "a.go",
            GO,
            {
                "if m := n; false && (m < 0) {",
                "if m := n; m <= 0 {",
                "return 0, nil",
                'return (0) * 1.001, errors.New("negative")',
                'return 0, errors.New("negativeX")',
                "return float64(n) / rate, nil",
                'if x != "" {',
                '_ =("empty")',
                "return !(true)",
            },
        ),
        (
            "a.rs",
            RUST,
            {
                "if n <= 0 && n != -9 {",
                "if false && (n < 0 && n != -9) {",
                'let _ = format!("negative {}", n);',
                "n / 2 + 1",
                "n * 2 - 1",
                "if n < 0 && n == -9 {",
            },
        ),
    ],
)
def test_faults_in_other_languages(path: str, text: str, became: set[str]) -> None:
    assert became - lines_of(path, text) == set()


@pytest.mark.parametrize(("path", "text"), [("a.js", JS), ("a.go", GO), ("a.rs", RUST)])
def test_imports_and_tests_in_the_source_stay_as_they_are(path: str, text: str) -> None:
    aside = [
        line
        for line in text.splitlines()
        if line.startswith(("import", "use", '\t"', "package")) or "assert_eq" in line
    ]
    assert aside
    assert all(line in mutant.text.splitlines() for mutant in all_of(path, text) for line in aside)


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.stem)
def test_mutants_of_real_python_are_well_formed_and_differ(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    found = mutants(f"src/{file.name}", text, most=40, seed=file.name)
    assert found or len(text) < 300
    assert len({mutant.text for mutant in found} | {text}) == len(found) + 1
    assert all(parses(mutant.path, mutant.text) for mutant in found)
    assert found == mutants(f"src/{file.name}", text, most=40, seed=file.name)
    assert len({m.name for m in found}) == len(found)


PIECES = st.sampled_from(
    [
        "x",
        "1",
        "'a'",
        "f(x)",
        "not x",
        "(x)",
        "-1",
        "x + 1",
        "x == 2",
        "x or y",
        "f'{1 + 1}'",
        "[1, 2]",
        "x if y else z",
        "'é'",
        "(yield)",
        "lambda: 1",
        "x[1:2]",
        "await_",
        '"""a\nb"""',
        "(a :=\n 2)",
        "*x",
        "x  # 1 + 1\n",
        "b'z'",
        "1.5",
        "True",
        "None",
        "'a' 'b'",
    ]
)
LINES = st.sampled_from(
    [
        "return {}",
        "y = {}",
        "y += {}",
        "raise E({})",
        "f({})",
        "if {}: pass",
        "while {}: break",
        "{}",
        "assert {}",
    ]
)


@given(st.lists(st.tuples(LINES, PIECES, PIECES), max_size=6))
def test_no_mutant_of_python_is_a_syntax_error(lines: list[tuple[str, str, str]]) -> None:
    text = (
        "def f(x):\n"
        + "".join(f"    {line.format(f'{a} + {b}')}\n" for line, a, b in lines)
        + "    return 0\n"
    )
    for mutant in all_of("a.py", text):
        ast.parse(mutant.text)
        assert mutant.text != text


@given(
    st.sampled_from([("a.ts", JS), ("a.go", GO), ("a.rs", RUST)]),
    st.integers(0, 400),
    st.text("(){}[];\"'`/\n <a1", max_size=5),
)
def test_torn_sources_break_nothing(source: tuple[str, str], at: int, more: str) -> None:
    path, text = source
    for mutant in all_of(path, text[:at] + more + text[at:]):
        assert mutant.text != text[:at] + more + text[at:]


@given(st.text())
def test_any_text_may_come(text: str) -> None:
    for path in ("a.py", "a.js", "a.go", "a.rs", "a.txt"):
        all_of(path, text)


def test_the_seed_decides_and_every_function_has_its_turn() -> None:
    text = "".join(f"def f{n}(a):\n    return a + {n} * 2 - 3\n\n\n" for n in range(8))
    first, second = (mutants("a.py", text, most=8, seed=seed) for seed in "ab")
    assert first == mutants("a.py", text, most=8, seed="a")
    assert first != second
    assert {m.name.split(":")[0] for m in first} == {f"a.py f{n}" for n in range(8)}


def test_the_choice_in_one_function_does_not_hang_on_another() -> None:
    one = "def f(a):\n    return a + 3 - 1\n"
    names = {m.name for m in mutants("a.py", one, most=3, seed="s")}
    more = {
        m.name for m in mutants("a.py", f"def g(a):\n    return a * 9\n\n\n{one}", most=6, seed="s")
    }
    assert names <= more


def test_lines_narrow_the_choice() -> None:
    found = mutants(
        "a.py", "def f(a):\n    b = a + 1\n    return b\n", most=99, seed="s", lines={2}
    )
    assert {m.says for m in found} == {"a.py:2 + became -", "a.py:2 1 became 2"}
