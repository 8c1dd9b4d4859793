"""The runners beyond Python, Node, Go and Rust, each on a small real project, where the machine
has it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from nightlatch.suite import run_io
from nightlatch.suite.results import CheckStatus, SuiteResult
from nightlatch.suite.suite_finder import find
from tests.io.suite.test_runners import HANDS, Project, needs, project, words

__all__ = ["project"]


@dataclass(frozen=True)
class Kind:
    """One runner: the program that it needs, a project with a test that passes, one that fails
    and one that is skipped, and its ids."""

    program: str
    files: Mapping[str, str]
    ids: Mapping[str, str]
    early: Mapping[str, str]


RSPEC = """RSpec.describe "Cart" do
  it("adds") { expect(1 + 2).to eq(3) }
  it("is wrong") { expect(1).to eq(2) }
  xit("comes later") { expect(1).to eq(1) }
end
"""
MINITEST = """require "minitest/autorun"
class CartTest < Minitest::Test
  def test_adds = assert_equal(3, 1 + 2)
  def test_wrong = assert_equal(2, 1)
  def test_later = skip
end
"""
PHPUNIT = """<?php
use PHPUnit\\Framework\\TestCase;
final class CartTest extends TestCase {
    public function testAdds(): void { $this->assertSame(3, 1 + 2); }
    public function testWrong(): void { $this->assertSame(2, 1); }
    public function testLater(): void { $this->markTestSkipped(); }
}
"""
PHPUNIT_XML = (
    "<phpunit><testsuites><testsuite"
    ' name="all"><directory>tests</directory></testsuite></testsuites></phpunit>\n'
)
BATS = (
    '@test "adds" { [ $((1 + 2)) -eq 3 ]; }\n@test "is wrong" { false; }\n@test "comes later" {'
    " skip; }\n"
)
CMAKE = """cmake_minimum_required(VERSION 3.20)
project(cart NONE)
enable_testing()
add_test(NAME adds COMMAND true)
add_test(NAME wrong COMMAND false)
add_test(NAME later COMMAND true)
set_tests_properties(later PROPERTIES DISABLED TRUE)
"""
MOCHA = """const assert = require("node:assert");
describe("cart", () => {
  it("adds", () => assert.equal(1 + 2, 3));
  it("is wrong", () => assert.equal(1, 2));
  it.skip("comes later", () => {});
});
"""
BUN = MOCHA.replace(
    'const assert = require("node:assert");',
    'import { describe, it } from "bun:test";\nimport assert from "node:assert";',
)
MIX = {
    "mix.exs": (
        "defmodule Cart.MixProject do\n  use Mix.Project\n  def project, do: [app: :cart, version:"
        ' "0.1.0"]\nend\n'
    ),
    "test/test_helper.exs": "ExUnit.start()\n",
    "test/cart_test.exs": (
        """defmodule CartTest do
  use ExUnit.Case
  test "adds", do: assert(1 + 2 == 3)
  test "is wrong", do: assert(1 == 2)
  @tag :skip
  test "comes later", do: assert(true)
end
"""
    ),
}
KINDS = {
    "rspec": Kind(
        program="rspec",
        files={"spec/cart_spec.rb": RSPEC},
        ids={
            "spec/cart_spec.rb::Cart adds": "passed",
            "spec/cart_spec.rb::Cart is wrong": "failed",
            "spec/cart_spec.rb::Cart comes later": "skipped",
        },
        early={"spec/b_spec.rb": "exit!(0)\n"},
    ),
    "minitest": Kind(
        program="ruby",
        files={"test/cart_test.rb": MINITEST},
        ids={
            "CartTest::test_adds": "passed",
            "CartTest::test_wrong": "failed",
            "CartTest::test_later": "skipped",
        },
        early={"test/b_test.rb": "exit!(0)\n"},
    ),
    "phpunit": Kind(
        program="phpunit",
        files={"tests/CartTest.php": PHPUNIT, "phpunit.xml": PHPUNIT_XML},
        ids={
            "tests/CartTest.php::testAdds": "passed",
            "tests/CartTest.php::testWrong": "failed",
            "tests/CartTest.php::testLater": "skipped",
        },
        early={"tests/AaaTest.php": "<?php exit(0);\n"},
    ),
    "bats": Kind(
        program="bats",
        files={"test/cart.bats": BATS},
        ids={
            "test/cart.bats::adds": "passed",
            "test/cart.bats::is wrong": "failed",
            "test/cart.bats::comes later": "skipped",
        },
        early={},
    ),
    "ctest": Kind(
        program="ctest",
        files={"CMakeLists.txt": CMAKE, "test/x.c": ""},
        ids={"adds": "passed", "wrong": "failed", "later": "skipped"},
        early={},
    ),
    "mix test": Kind(
        program="mix",
        files=MIX,
        ids={
            "test/cart_test.exs::CartTest::adds": "passed",
            "test/cart_test.exs::CartTest::is wrong": "failed",
            "test/cart_test.exs::CartTest::comes later": "skipped",
        },
        early={"test/b_test.exs": "System.halt(0)\n"},
    ),
    "mocha": Kind(
        program="node",
        files={"package.json": json.dumps({"scripts": {"test": "mocha"}}), "test/cart.js": MOCHA},
        ids={
            "test/cart.js::cart adds": "passed",
            "test/cart.js::cart is wrong": "failed",
            "test/cart.js::cart comes later": "skipped",
        },
        early={"test/b.js": "process.exit(0);\n"},
    ),
    "bun test": Kind(
        program="node",
        files={"package.json": json.dumps({"scripts": {"test": "bun test"}}), "cart.test.ts": BUN},
        ids={
            "cart.test.ts::cart::adds": "passed",
            "cart.test.ts::cart::is wrong": "failed",
            "cart.test.ts::cart::comes later": "skipped",
        },
        early={"b.test.ts": "process.exit(0);\n"},
    ),
}
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
MODULES = os.environ.get("NIGHTLATCH_TEST_RUNNERS") or CACHE / "nightlatch-tests/runners"


def ran(project: Project, name: str, more: Mapping[str, str]) -> SuiteResult:
    """The suite of this kind in its project, with some files more."""
    kind = KINDS[name]
    needs(kind.program)
    project.write({**kind.files, **more})
    tree = project.folder / "tree"
    if kind.program == "node":
        modules = Path(MODULES, "node_modules")
        if not (modules / ".bin" / name.split()[0]).exists():
            pytest.skip(f"{name} is not installed: tests/io/suite/install.sh")
        (tree / "node_modules").symlink_to(modules)
    paths = frozenset(
        str(path.relative_to(tree))
        for path in tree.rglob("*")
        if path.is_file() and "node_modules" not in path.parts
    )
    [suite] = find(
        run_io.shipped(),
        paths,
        lambda path: (tree / path).read_text() if (tree / path).is_file() else "",
        lambda *_: False,
    )
    assert suite.runner.name == name
    room = project.room
    room.env["PATH"] = f"{tree}/node_modules/.bin:{room.env['PATH']}"  # type: ignore[index]  # a room of its own
    return run_io.run_suite(HANDS, room, suite.runner, "")


@pytest.mark.parametrize("name", KINDS)
def test_every_test_has_its_id_and_its_result(project: Project, name: str) -> None:
    results = ran(project, name, {})
    assert (words(results), results.answer, results.broken) == (
        KINDS[name].ids,
        CheckStatus.RED,
        "",
    ), results.tail


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.early])
def test_a_run_that_leaves_early_takes_its_ids_along(project: Project, name: str) -> None:
    results = ran(project, name, KINDS[name].early)
    passing = {i for i, word in KINDS[name].ids.items() if word == "passed"}
    assert results.broken or not passing <= results.passed, results


MAVEN = """#!/bin/sh
# As mvn does: what a module's tests came to lies below its target folder.
mkdir -p cart/target/surefire-reports
cd cart/target/surefire-reports
printf '%s' '<testsuite name="CartTest"><testcase name="adds" classname="shop.CartTest"/></testsuite>' > TEST-shop.CartTest.xml
"""
STALE = '<testsuite name="OldTest"><testcase name="old" classname="shop.OldTest"/></testsuite>'


def test_reports_that_a_build_leaves_are_read_and_those_that_lay_there_are_not(
    project: Project,
) -> None:
    """A candidate may bring along a report of tests that never ran."""
    project.write(
        {"pom.xml": "<project/>", "cart/src/test/java/shop/CartTest.java": "", "bin/mvn": MAVEN}
    )
    project.write({"cart/target/surefire-reports/TEST-shop.OldTest.xml": STALE})
    tree = project.folder / "tree"
    (tree / "bin/mvn").chmod(0o755)
    paths = frozenset(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file())
    [suite] = find(
        run_io.shipped(), paths, lambda path: (tree / path).read_text(), lambda *_: False
    )
    assert suite.runner.name == "maven"
    room = project.room
    room.env["PATH"] = f"{tree}/bin:{room.env['PATH']}"  # type: ignore[index]  # a room of its own
    results = run_io.run_suite(HANDS, room, suite.runner, "")
    assert (words(results), results.answer) == (
        {"shop.CartTest::adds": "passed"},
        CheckStatus.GREEN,
    )
    (tree / "bin/mvn").write_text("#!/bin/sh\nexit 1\n")
    assert (
        run_io.run_suite(HANDS, room, suite.runner, "").broken
        == "no report was written (exit code 1)"
    )
