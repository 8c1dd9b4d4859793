"""`ratchet` in a repository of one language whose suite is found and runs: no test goes from it
by id, and what moves lands.

Python, Node, Go and Rust are the corpus of tests/proofs/corpus; these are runners that
tests/io/suite/install.sh brings.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from tests.io.cli.cli_project import Project
from tests.proofs.suites.test_declared_tests import LANDS, project, tampered, verdict
from tests.unit.ratchet.declared_samples import SAMPLES, Sample

__all__ = ["project"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What makes a sample's tests pass: the program that runs them, files beside, and edits
    (old, new) of the sample itself."""

    program: str
    files: Mapping[str, str]
    edits: Mapping[str, str]


RUBY = """class Cart
  def self.add(a, b)
    raise ArgumentError, "no price" if a < 0 || b < 0

    a + b
  end
end
"""
PHP = """<?php
final class Cart
{
    public static function add(int $a, int $b): int
    {
        if ($a < 0 || $b < 0) {
            throw new InvalidArgumentException('no price');
        }
        return $a + $b;
    }
}
"""
BASH = """cart() {
  if [ "$2" -lt 0 ]; then echo "no price" >&2; return 1; fi
  echo $(($2 + $3))
}
assert_failure() { [ "$status" -ne 0 ]; }
assert_output() { case "$output" in *"$2"*) ;; *) return 1 ;; esac; }
"""
ELIXIR = """defmodule Cart do
  def add(a, b) when a < 0 or b < 0, do: raise(ArgumentError, "no price")
  def add(a, b), do: a + b
end
"""
PHPUNIT = """<phpunit bootstrap="src/Cart.php">
<testsuites><testsuite name="all"><directory>tests</directory></testsuite></testsuites>
</phpunit>
"""
MIX = (
    "defmodule Cart.MixProject do\n  use Mix.Project\n  def project, do: [app: :cart, version:"
    ' "0.1.0"]\nend\n'
)
SHOPS = {
    "rspec": Shop(program="rspec", files={"spec/spec_helper.rb": RUBY}, edits={}),
    "minitest": Shop(
        program="ruby",
        files={"lib/cart.rb": RUBY},
        edits={'require "minitest/autorun"\n': 'require "minitest/autorun"\nrequire "cart"\n'},
    ),
    "phpunit": Shop(
        program="phpunit",
        files={"src/Cart.php": PHP, "phpunit.xml": PHPUNIT},
        edits={"#[DataProvider('noPrices')]": "/** @dataProvider noPrices */"},
    ),
    "bats": Shop(
        program="bats",
        files={"test/helper.bash": BASH, "test/shop/helper.bash": BASH},
        edits={},
    ),
    "elixir": Shop(
        program="mix",
        files={"mix.exs": MIX, "lib/cart.ex": ELIXIR, "test/test_helper.exs": "ExUnit.start()\n"},
        edits={},
    ),
}


@pytest.fixture(params=SHOPS)
def sample(request: pytest.FixtureRequest, project: Project) -> Sample:
    """A committed shop whose tests pass."""
    shop = SHOPS[request.param]
    if not shutil.which(shop.program):
        pytest.skip(f"{shop.program} is not installed: tests/io/suite/install.sh")
    [found] = [each for each in SAMPLES if each.language == request.param]
    text = found.text
    for old, new in shop.edits.items():
        assert old in text
        text = text.replace(old, new)
    project.commit("the shop", **{**shop.files, found.path: text})
    return replace(found, text=text)


def test_a_test_that_moves_lands_and_one_that_goes_does_not(
    project: Project, sample: Sample
) -> None:
    moved: dict[str, str | None] = {sample.path: None, sample.moved: sample.there(sample.text)}
    assert verdict(project, moved) == LANDS
    assert [what for what, files in tampered(sample) if verdict(project, files) == LANDS] == []


@pytest.mark.usefixtures("sample")
def test_the_suite_is_known_by_its_ids(project: Project) -> None:
    """Control of the layer: the tests ran, each by its id."""
    base = project.git("rev-parse", "HEAD")
    project.commit("a word more", **{"README.md": "# A shop\n"})
    shown = project.nightlatch("ratchet", f"{base}..HEAD")
    assert (shown.code, re.search(r"[23] pass, 0 fail", shown.out) is not None) == (
        LANDS,
        True,
    ), shown.out


def test_a_test_that_fails_at_the_base_does_not_go_either(project: Project) -> None:
    """Nobody would miss its id: what its file declares is missed."""
    fine, wrong = (
        "def test_fine():\n    assert 1 + 1 == 2\n",
        "\n\ndef test_wrong():\n    assert 1 + 1 == 3\n",
    )
    project.commit("the shop", **{"tests/test_cart.py": fine + wrong})
    assert verdict(project, {"tests/test_cart.py": fine}) != LANDS
    assert verdict(project, {"tests/test_cart.py": fine + wrong.replace("3", "2")}) == LANDS
