"""docs/ratchet.md says what the code says."""

from nightlatch.verdict.rules_page import FAMILIES, listing, page
from tests import ROOT

DOCS = ROOT / "docs"


def test_the_page_of_the_rules_is_what_the_code_makes() -> None:
    text = (DOCS / "ratchet.md").read_text(encoding="utf-8")
    assert page(text) == text, "make it anew: ./init.sh python docs/make.py"
    assert [name for name in listing() if f"### `{name}`" not in text] == []
    assert page(text.replace("### `scope.gitlink`", "### `scope.else`")) == text


def test_every_rule_has_its_family_an_example_and_a_way_out() -> None:
    assert {name.partition(".")[0] for name in listing()} <= set(FAMILIES)
    assert [
        name for name, rule in listing().items() if not (rule.says and rule.example and rule.wrong)
    ] == []
