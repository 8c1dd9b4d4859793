"""What CLIs print at a limit is told from what agents honestly say about limits, logins and
credit."""

import pytest

from nightlatch.agents.usage_announcements import announced
from tests.unit.agents.last_words import ANNOUNCED, HONEST

FRAMES = ("{}", "I read the code and changed nothing. {}", "Looked at it.\n{}\nThat is all.")


def test_a_hundred_texts_of_limits_are_recognised() -> None:
    assert len(set(ANNOUNCED)) >= 100
    assert [text for text in ANNOUNCED if not announced(f"Reading the code.\n{text}\n")] == []


@pytest.mark.parametrize("frame", FRAMES)
def test_three_hundred_honest_sentences_announce_nothing(frame: str) -> None:
    assert len(set(HONEST)) * len(FRAMES) >= 300
    assert [text for text in HONEST if announced(frame.format(text))] == []


def test_what_was_printed_long_before_the_end_is_not_its_last_words() -> None:
    assert (
        announced("\n".join(["Error: 429 Too Many Requests", *(f"line {n}" for n in range(6))]))
        == ""
    )


def test_the_sort_of_what_is_announced_is_told() -> None:
    told = {
        "Usage limit reached": "limit",
        "Credit balance is too low": "credit",
        "Not logged in": "login",
    }
    assert {text: announced(text) for text in told} == told
