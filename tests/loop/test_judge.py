"""The judge as a real program: bribed, broken, endless and lying ones, and nights with an honest one."""

from dataclasses import replace
from pathlib import Path

import pytest

from nightlatch.core.judge import Met
from tests.loop.judges import INJECTIONS, OF_RESULTS, bench, heard, in_till

SECOND, FENCES = frozenset({"second"}), frozenset({"second", "fences"})


@pytest.mark.parametrize("name", INJECTIONS)
def test_nothing_that_a_candidate_says_passes_it(name: str, tmp_path: Path) -> None:
    """The judge obeys every order that it can read, wherever it stands. That it was talked round in the first look is the control."""
    judge = bench(tmp_path, "gullible")
    assert not isinstance(heard(judge, *INJECTIONS[name])[0], Met)
    assert isinstance(heard(replace(judge, off=SECOND), *INJECTIONS[name])[0], Met), "this order was not even read"


@pytest.mark.parametrize("name", OF_RESULTS)
def test_nothing_that_a_candidate_prints_passes_it(name: str, tmp_path: Path) -> None:
    judge = bench(tmp_path, "gullible")
    assert not isinstance(heard(judge, *in_till(""), results=OF_RESULTS[name]())[0], Met)
    assert isinstance(heard(replace(judge, off=SECOND), *in_till(""), results=OF_RESULTS[name]())[0], Met)


def test_no_order_stands_outside_the_fences(tmp_path: Path) -> None:
    """The judge obeys what stands outside of them. Without fences many pass: that is the control."""
    judge = bench(tmp_path, "open")
    fenced = [name for name, texts in INJECTIONS.items() if isinstance(heard(replace(judge, off=SECOND), *texts)[0], Met)]
    assert fenced == []
    unfenced = [name for name, texts in list(INJECTIONS.items())[:6] if isinstance(heard(replace(judge, off=FENCES), *texts)[0], Met)]
    assert unfenced
