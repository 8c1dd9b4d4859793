"""Every command that a page of docs or the skill mentions, also in the middle of a sentence, is one that the program knows."""

import pytest

from tests.docs.pages import said_commands, unknown_words
from tests.loop.village import ROOT

PAGES = sorted(str(file.relative_to(ROOT)) for folder in ("docs", "skills") for file in (ROOT / folder).rglob("*.md"))


@pytest.mark.parametrize("name", ["README.md", *PAGES])
def test_every_command_that_is_said_is_known(name: str) -> None:
    lines = said_commands((ROOT / name).read_text(encoding="utf-8"))
    assert {line: unknown for line in lines if (unknown := unknown_words(line))} == {}


def test_an_unknown_command_and_an_unknown_option_are_seen() -> None:
    assert said_commands("`nightlatch frobnicate F` and\n\n```sh\nnightlatch run --frob  # no\n```\n") == [
        "nightlatch run --frob", "nightlatch frobnicate F"]  # fmt: skip
    assert (unknown_words("nightlatch frobnicate F"), unknown_words("nightlatch run --frob")) == (["frobnicate"], ["--frob"])
    assert unknown_words("python loop.py --until 07:00") == []
