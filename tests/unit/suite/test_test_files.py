"""Which tests a feature names, which a command touches, and which files a verify may rest on."""

import pytest

from nightlatch.suite.runner_detection import (
    Runner,
    RunnerCommand,
    RunnerOptions,
    RunnerOutput,
    own_script,
    proof_files,
    supersedes,
    touches,
)

TEST = "tests/test_a.py::Group::test_one[a-b]"


@pytest.mark.parametrize(
    "name",
    [
        TEST,
        "tests/test_a.py::Group::test_one",
        "tests/test_a.py::Group",
        "Group::test_one",
        "test_one",
        "tests/test_a.py",
        "tests",
        "tests/",
        "tests/*.py",
        "tests/test_a.py::*",
        "*test_one*",
    ],
)
def test_a_feature_may_name_a_test_in_many_ways(name: str) -> None:
    assert supersedes([name], TEST)


@pytest.mark.parametrize(
    "name",
    ["test_on", "tests/test_b.py", "test", "Group", "tests/test_a", "src/*", "test_one2", "[a-b]"],
)
def test_what_is_only_alike_is_not_named(name: str) -> None:
    assert not supersedes([name], TEST)


def test_a_file_is_named_like_a_test() -> None:
    assert supersedes(["tests/data/*"], "tests/data/gold.json")
    assert not supersedes(["gold"], "tests/data/gold.json")
    assert not supersedes([], "tests/data/gold.json")


@pytest.mark.parametrize(
    ("command", "touched"),
    [
        ("pytest tests/test_a.py", True),
        ("pytest -q ./tests", True),
        ("pytest -k test_one", True),
        (f"pytest '{TEST}'", True),
        ("pytest tests/test_b.py", False),
        ("make check", False),
        ("pytest .", False),
        ("echo 'open quote", False),
    ],
)
def test_a_command_touches_the_tests_that_it_names(command: str, touched: bool) -> None:
    assert touches(command, TEST) is touched


def test_a_verify_may_rest_on_files_that_it_names_and_that_look_like_a_check() -> None:
    paths = ["verify/us1.sh", "app.py", "bin/check_all", "other_test.py"]
    commands = ["sh ./verify/us1.sh && python app.py", "bin/check_all>out"]
    assert proof_files(commands, paths) == {"verify/us1.sh", "bin/check_all"}


NODE_COMMAND = ("node", "--test", "--test-reporter=R", "{files}")
NODE = Runner(
    name="node",
    run=RunnerCommand(command=NODE_COMMAND),
    output=RunnerOutput(report="lines"),
    options=RunnerOptions(script=r"(?<=\s)--test(?=\s|$)"),
)


@pytest.mark.parametrize(
    ("manifest", "ends"),
    [
        (
            '{"scripts": {"test": "tsc && node --import tsx --test dist"}}',
            "tsc && node --import tsx '--test' '--test-reporter=R' dist",
        ),
        ('{"scripts": {"test": "mocha"}}', ""),
        ('{"scripts": []}', ""),
        ("[", ""),
    ],
)
def test_the_projects_own_script_only_gets_the_report_added(manifest: str, ends: str) -> None:
    own = own_script(NODE, ["package.json"], lambda _path: manifest)
    assert own.run.command[-1].endswith(ends) if ends else own == NODE
