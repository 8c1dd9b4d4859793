"""Tokens of the languages that Python cannot parse: nothing is lost, and strings are never
taken for code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.ratchet.languages.tokenizer import brackets, code, language, tokens

TABLE = [
    ("js", "a / 2 / 3", "a / 2 / 3"),
    ("js", "return /a[/]'/g.test(b)", "return /a[/]'/g . test ( b )"),
    ("js", "(a) / b; x = /y/", "( a ) / b ; x = /y/"),
    ("js", "`a${b ? `}${c}` : '}'}d` + e", "`a${b ? `}${c}` : '}'}d` + e"),
    ("js", "`{` === '{' // }\n/* } */ !== 1", "`{` === '{' !== 1"),
    ("js", "a?.b ?? c >>> 2 ** -.5", "a ?. b ?? c >>> 2 ** - .5"),
    ("go", "x := `a\n\"b` + '\\'' &^ 3", "x := `a\n\"b` + '\\'' &^ 3"),
    ("go", 'f(xs...) // "\nreturn', "f ( xs ... ) return"),
    ("rs", "f(r#\"a \" b\"#, 'a', '\\u{1F}');", "f ( r#\"a \" b\"# , 'a' , '\\u{1F}' ) ;"),
    ("rs", "fn g<'a>(x: &'a str) {}", "fn g < 'a > ( x : & 'a str ) { }"),
    ("rs", "0..5 t.0 1.5e3f64 1.max(2)", "0 .. 5 t . 0 1.5e3f64 1 . max ( 2 )"),
]


@pytest.mark.parametrize(("lang", "text", "shown"), TABLE)
def test_code_is_told_from_what_is_not_code(lang: str, text: str, shown: str) -> None:
    assert " ".join(token.text for token in code(tokens(text, f"a.{lang}"))) == shown


@given(st.sampled_from(["js", "go", "rs"]), st.text("ab1.'\"`/\\${}()[]#=<>!&|*+- \n") | st.text())
def test_no_character_is_lost(lang: str, text: str) -> None:
    found = tokens(text, f"a.{lang}")
    assert "".join(token.text for token in found) == text
    assert [token.at for token in found] == [
        sum(len(t.text) for t in found[:i]) for i in range(len(found))
    ]


def test_brackets_find_their_partners() -> None:
    assert brackets(code(tokens("f(a[1], `)`, {b: ')'}) ]", "a.js"))) == {1: 14, 3: 5, 9: 13}


@pytest.mark.parametrize(
    ("path", "lang"),
    [("a/b.test.TS", "js"), ("x.go", "go"), ("src/lib.rs", "rust"), ("a.py", ""), ("js", "")],
)
def test_the_language_is_in_the_name(path: str, lang: str) -> None:
    assert language(path) == lang


def test_templates_in_templates_may_go_deep() -> None:
    text = "`${" * 5000 + "1" + "}`" * 5000
    assert [token.kind for token in tokens(text + "+", "a.js")] == ["template", "op"]
