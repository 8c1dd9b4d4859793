"""Whatever a test file holds, it is read: no text ends the verdict, and a large one takes no
longer than its size tells."""

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlatch.ratchet.languages.readers import read
from nightlatch.ratchet.model import UnreadableError
from tests.conftest import tries
from tests.unit.ratchet.declared_samples import SAMPLES, Sample
from tests.unit.ratchet.test_declared import refused

PIECES = st.sampled_from(
    [
        '"',
        "'",
        "`",
        "(",
        "{",
        "}",
        ")",
        "é",
        "\u2028",
        "\x00",
        "#",
        "//",
        "/*",
        "[",
        "]",
        "\\",
        ":=",
        "=",
        ";",
        "\n",
        "end\n",
        "do",
        "<<<",
        "🙂",
    ]
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES), min_size=1, max_size=6)
LARGE = 60


def torn(text: str, edits: list[tuple[float, int, str]]) -> str:
    for place, length, piece in edits:
        at = int(place * len(text))
        text = text[:at] + piece + text[at + length :]
    return text


@settings(max_examples=tries(60))
@given(st.sampled_from(SAMPLES), EDITS)
def test_no_text_ends_the_verdict(sample: Sample, edits: list[tuple[float, int, str]]) -> None:
    text = torn(sample.text, edits)
    refused({sample.path: sample.text}, {sample.path: text})
    refused({sample.path: text}, {sample.path: sample.text})


@settings(max_examples=tries(40))
@given(st.sampled_from([sample.path for sample in SAMPLES]), st.text())
def test_any_text_is_read_or_refused_as_unreadable(path: str, text: str) -> None:
    try:
        read(path, text)
    except UnreadableError:
        assert path.endswith(".py")


@pytest.mark.parametrize("sample", [pytest.param(sample, id=sample.language) for sample in SAMPLES])
def test_a_file_of_thrice_the_size_takes_no_nine_times_as_long(sample: Sample) -> None:
    def seconds(times: int) -> float:
        start = process_time()
        read(sample.path, sample.text * times)
        return process_time() - start

    seconds(1)
    # Another process may take the caches away for a moment: one of three looks is enough.
    assert any(seconds(3 * LARGE) < 9 * seconds(LARGE) + 0.2 for _ in range(3))
