"""What files alone say: tests, tools that the project configures, and plans at unusual places."""

from pathlib import Path

import pytest

from nightlatch.plan.file import plans_elsewhere
from nightlatch.preflight.detect import check_text, requires, suite_text, tools
from nightlatch.suite import runner_detection
from nightlatch.suite.suite_finder import placed

BUT_THE_LOOP = r"mypy --exclude '^loop\.py$' ."


def commands(files: dict[str, str]) -> list[tuple[str, str]]:
    return [(tool.check, tool.command) for tool in tools(files, files.__getitem__)]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, []),
        ({"pyproject.toml": "[project]\nname = 'mypy-ruff'\n"}, []),
        ({"mypy.ini": "[mypy]\nstrict = True\n"}, [("20-typecheck", BUT_THE_LOOP)]),
        ({"mypy.ini": "[mypy]\nstrict = True\nfiles = src\n"}, [("20-typecheck", "mypy")]),
        ({"pyproject.toml": '[tool.mypy]\nplugins = ["a"]\n'}, [("20-typecheck", BUT_THE_LOOP)]),
        (
            {"pyproject.toml": '[tool.mypy]\nplugins = ["a"]\nfiles = ["src"]\n'},
            [("20-typecheck", "mypy")],
        ),
        (
            {"pyproject.toml": "[tool.mypy]\nstrict = true\n[tool.other]\nfiles = ['src']\n"},
            [("20-typecheck", BUT_THE_LOOP)],
        ),
        (
            {"tsconfig.json": "{}", "eslint.config.mjs": ""},
            [("20-typecheck", "tsc --noEmit"), ("30-lint", "eslint .")],
        ),
        (
            {"pyproject.toml": "[tool.ruff.lint]\n", ".eslintrc.json": "{}"},
            [("30-lint", "ruff check"), ("30-lint", "eslint .")],
        ),
        ({"ruff.toml": ""}, [("30-lint", "ruff check")]),
    ],
)
def test_a_tool_is_found_by_its_configuration_and_run_as_configured(
    files: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert commands(files) == expected


def test_a_check_fails_with_the_first_of_its_tools_and_prefers_the_projects_own() -> None:
    text = check_text(tools(["ruff.toml", ".eslintrc"], lambda _path: ""))
    assert text.startswith(
        '#!/bin/sh\nset -e\nPATH="$PWD/.venv/bin:$PWD/node_modules/.bin:$PATH"\n'
    )
    assert text.endswith("\nruff check\neslint .\n")


def test_plans_elsewhere_leaves_out_usual_places_examples_and_projects_of_their_own() -> None:
    paths = {
        "prd.json",
        "scripts/ralph/prd.json",
        "docs/prd.json",
        "planning/feature_list.json",
        "tests/data/prd.json",
        "examples/prd.json",
        "node_modules/x/prd.json",
        "packages/app/prd.json",
        "packages/app/package.json",
        "docs/other.json",
    }
    assert plans_elsewhere(paths) == ("docs/prd.json", "planning/feature_list.json")


def test_every_runner_that_ships_has_a_command_for_people() -> None:
    shipped = [
        runner_detection.parse(file.read_text())
        for file in (Path(runner_detection.__file__).parent / "runners").glob("*.toml")
    ]
    assert all(runner.run.by_hand and runner.language for runner in shipped)
    assert all(
        suite_text([placed(runner, "", lambda _path: "")]).startswith(
            f"#!/bin/sh\n{runner_detection.SUITE_MARK}\n"
        )
        for runner in shipped
    )


@pytest.mark.parametrize(
    ("path", "text", "named"),
    [
        ("requirements-dev.txt", "flask\npytest>=8\n", True),
        ("pyproject.toml", 'dev = ["pytest-xdist", "pytest"]', True),
        ("requirements.txt", "mypytest\n", False),
        ("notes.txt", "pytest\n", False),
    ],
)
def test_a_requirement_that_is_not_installed_yet_counts_as_there(
    path: str, text: str, named: bool
) -> None:
    assert requires("pytest", [path], lambda _path: text) is named
