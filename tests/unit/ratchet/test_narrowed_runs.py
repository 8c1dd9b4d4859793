"""What tells a runner to run less is missed where no ids would show it; what only builds or
moves is not."""

import pytest

from tests.unit.ratchet.test_declared import refused

LESS = [
    ("pom.xml", "<build></build>", "<build><skipTests>true</skipTests></build>"),
    (
        "pom.xml",
        "<excludes></excludes>",
        "<excludes><exclude>**/CartTest.java</exclude></excludes>",
    ),
    (
        "shop/build.gradle.kts",
        "tasks.test { }",
        'tasks.test { filter { excludeTestsMatching("*Cart*") } }',
    ),
    ("build.gradle", "test { }", "test { ignoreFailures = true }"),
    (
        "Shop.Tests/Shop.Tests.csproj",
        "<ItemGroup></ItemGroup>",
        '<ItemGroup><Compile Remove="CartTests.cs" /></ItemGroup>',
    ),
    (".rspec", "--color\n", "--color\n--tag ~slow\n"),
    (
        "spec/spec_helper.rb",
        "RSpec.configure do |c|\nend\n",
        "RSpec.configure do |c|\n  c.filter_run_excluding slow: true\nend\n",
    ),
    ("phpunit.xml", "<directory>tests</directory>", "<directory>tests/Unit</directory>"),
    ("Package.swift", '.testTarget(name: "ShopTests")', ""),
    (
        "CMakeLists.txt",
        "add_executable(t cart_test.cc sum_test.cc)",
        "add_executable(t sum_test.cc)",
    ),
    (
        "CMakeLists.txt",
        "add_test(NAME a COMMAND t)",
        "set_tests_properties(a PROPERTIES DISABLED TRUE)\nadd_test(NAME a COMMAND t)",
    ),
    ("test/test_helper.exs", "ExUnit.start()\n", "ExUnit.start(exclude: [:slow])\n"),
    ("src/lib.rs", "pub mod cart;\n#[cfg(test)]\nmod tests;\n", "pub mod cart;\n"),
    ("build.sbt", "Test / fork := true\n", "Test / fork := true\nTest / test := {}\n"),
]
AS_MUCH = [
    (
        "pom.xml",
        "<dependency></dependency>",
        "<dependency><exclusions><exclusion>x</exclusion></exclusions></dependency>",
    ),
    (
        "build.gradle",
        "dependencies { }",
        "dependencies { implementation('a:b') { exclude group: 'c' } }",
    ),
    (
        "CMakeLists.txt",
        "add_executable(t cart_test.cc)",
        "add_executable(t cart_test.cc sum_test.cc)",
    ),
    (
        "spec/spec_helper.rb",
        "RSpec.configure do |c|\nend\n",
        "RSpec.configure do |c|\n  c.filter_run_when_matching :focus\nend\n",
    ),
    ("mix.exs", "defp deps, do: []\n", 'defp deps, do: [{:mox, "~> 1.0", only: :test}]\n'),
    (
        "phpunit.xml",
        "<directory>tests</directory>",
        "<directory>tests</directory>\n<directory>more</directory>",
    ),
    ("src/lib.rs", "pub mod cart;\n", "pub mod cart;\npub mod price;\n"),
    ("Makefile", "all: shop\n", "all: shop docs\n"),
]


@pytest.mark.parametrize(("path", "old", "new"), LESS)
def test_a_runner_that_is_told_to_run_less_is_missed(path: str, old: str, new: str) -> None:
    assert refused({path: old}, {path: new}) == {"runner-selection"}


@pytest.mark.parametrize(("path", "old", "new"), AS_MUCH)
def test_a_configuration_that_says_as_much_is_refused_nothing(
    path: str, old: str, new: str
) -> None:
    assert refused({path: old}, {path: new}) == set()


def test_where_a_run_gives_ids_they_decide() -> None:
    old, new = "<build></build>", "<build><skipTests>true</skipTests></build>"
    assert refused({"pom.xml": old}, {"pom.xml": new}, ids=("shop.CartTest::adds",)) == set()
