"""docs/suites.md says what the data files of the runners say."""

from nightlatch.suite import run_io
from nightlatch.suite.suites_page import page
from tests import ROOT

PAGE = ROOT / "docs/suites.md"


def test_the_page_of_the_suites_is_what_the_data_files_make() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text, run_io.shipped()), "make it anew: ./init.sh python docs/make.py"


def test_every_runner_says_all_that_a_suite_needs() -> None:
    for each in run_io.shipped():
        assert each.language, each.name
        assert each.run.by_hand, each.name
        assert each.signs.found, each.name
        assert each.options.calls, each.name
        assert each.signs.nested in {"own", "config"}, each.name
        assert any(
            "{options}" in command
            for command in (each.run.command, *(call.command for call in each.options.calls))
        ), each.name
