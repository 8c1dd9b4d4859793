"""docs/languages.md says what the data files say."""

from nightlatch.ratchet.languages.grammar import languages
from nightlatch.ratchet.languages.languages_page import page
from tests import ROOT


def test_the_page_of_the_languages_is_what_the_data_files_make() -> None:
    text = (ROOT / "docs/languages.md").read_text(encoding="utf-8")
    assert text == page(text), "make it anew: ./init.sh python docs/make.py"
    assert [
        language.title for language in languages().values() if f"| {language.title} |" not in text
    ] == []


def test_every_grammar_is_a_dependency() -> None:
    wanted = {
        language.grammar.module.replace("_", "-")
        for language in languages().values()
        if language.grammar.module
    } | {"tree-sitter-typescript"}
    for file in ("pyproject.toml", "requirements.txt"):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert [
            name for name in sorted(wanted) if f"{name}=" not in text and f"{name}>=" not in text
        ] == []
