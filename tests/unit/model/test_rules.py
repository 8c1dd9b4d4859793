"""The rules as data: each is complete, and a text that is wrong is no rule with a gap in it."""

import pytest

from nightlatch.model.models import Rule, Ruling
from nightlatch.model.rules import layer_of, mended, parse_rules, rules, weakening
from nightlatch.verdict.rules_page import FAMILIES, RULINGS

ADVICE = '[advice]\nhold = "Approve it."\n'
ONE = '[tests.odd]\nsays = "odd: {n}"\nexample = "an odd test"\n'


def test_every_rule_says_what_it_is_what_it_refuses_and_what_to_do_where_it_is_wrong() -> None:
    for name, rule in rules().items():
        assert name.partition(".")[0] in FAMILIES
        assert rule.says
        assert rule.example
        assert rule.wrong
        assert rule.ruling in RULINGS


def test_only_what_is_held_is_mended_by_the_next_session_instead() -> None:
    assert mended()
    assert all(rules()[name].ruling is Ruling.HOLD for name in mended())
    assert all(rules()[name].next for name in mended())
    assert weakening() <= rules().keys()


def test_a_rule_of_a_text_has_what_it_says_and_the_advice_that_it_names() -> None:
    found = parse_rules(f'{ADVICE}{ONE}advice = "hold"\nruling = "hold"\nmended = true\n')
    assert found == {
        "tests.odd": Rule(
            says="odd: {n}",
            example="an odd test",
            wrong="Approve it.",
            ruling=Ruling.HOLD,
            mended=True,
        )
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (f'{ADVICE}{ONE}advise = "hold"\n', TypeError),
        (f'{ADVICE}{ONE}advice = "other"\n', KeyError),
        (f'{ADVICE}{ONE}ruling = "refuse"\n', ValueError),
        (f"{ADVICE}[tests.odd]\n", TypeError),
        (ONE, KeyError),
    ],
)
def test_a_text_that_is_wrong_is_no_rule_with_a_gap_in_it(
    text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        parse_rules(text)


def test_a_rule_that_there_is_not_belongs_to_the_layer_of_its_family() -> None:
    assert layer_of("scope.other") == "scope"
