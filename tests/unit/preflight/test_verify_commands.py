"""What can be said of a verify command in the evening."""

from pathlib import Path

import pytest

import nightlatch
from nightlatch.suite.harness_tools import parse_tools
from nightlatch.suite.verify_commands import wanting, weakness, why_red

TOOLS = parse_tools(
    (Path(nightlatch.__file__).parent / "shipped/harness.toml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("tail", "declared", "wants"),
    [
        ("ModuleNotFoundError: No module named 'pytest'", "", "the module pytest"),
        ("/usr/bin/python3: No module named pytest", "", "the module pytest"),
        ("ModuleNotFoundError: No module named 'yaml.nodes'", "yaml>=6\n", "the module yaml.nodes"),
        ("ModuleNotFoundError: No module named 'my_lib'", "my-lib==1\n", "the module my_lib"),
        (
            "Error: Cannot find module 'express'",
            '{"dependencies": {"express": "^4"}}',
            "the module express",
        ),
        (
            "Error: Cannot find package '@scope/tool' imported from",
            '{"dependencies": {"@scope/tool": "1"}}',
            "the module @scope/tool",
        ),
        ("sh: 1: vitest: not found", "", "the program vitest"),
        ("bash: line 1: jest: command not found", "", "the program jest"),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: 'pytest'",
            "",
            "the program pytest",
        ),
        ("ModuleNotFoundError: No module named 'accents'", "requests\n", ""),
        ("Error: Cannot find module './accents.js'", "", ""),
        ("ImportError: cannot import name 'sub' from 'calc'", "calc", ""),
        ("AssertionError", "pytest", ""),
        ("", "", ""),
    ],
)
def test_what_a_red_verify_lacks(tail: str, declared: str, wants: str) -> None:
    assert wanting(tail, declared) == wants


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("true", "is always green"),
        ("cd web && echo fine", "is always green"),
        ("test -f README.md", "only looks whether files are there"),
        ("[ -d src/search ]", "only looks whether files are there"),
        ("ls src/search.py", "only looks whether files are there"),
        ("grep -q 'def sub' calc.py", "only looks for words in files"),
        ("grep -q sub calc.py && test -f calc.py", "only looks for words in files"),
        ("git grep -q sub", "only looks for words in files"),
        ("grep -v '#' calc.py | grep -q sub", "only looks for words in files"),
        ("npm run build", "only builds"),
        ("npx tsc --noEmit", ""),
        ("tsc --noEmit", "only builds"),
        ("cargo build --release", "only builds"),
        ("go vet ./... && go build ./...", "only builds"),
        ("python3 -m compileall -q src", "only builds"),
        ("make build", "only builds"),
        ("exit 3", ""),
        ("exit 0", "is always green"),
        ("make test", ""),
        ("cargo test", ""),
        ("pytest -q tests/test_a.py", ""),
        ("./shop total | grep -q 42", ""),
        ('test "$(./shop total)" = 42', ""),
        ("python3 -c 'from calc import sub; assert sub(3, 1) == 2'", ""),
        ("test -f calc.py && pytest -q", ""),
        ("", ""),
    ],
)
def test_a_verify_that_can_hardly_refuse_is_known_by_its_kind(command: str, says: str) -> None:
    assert weakness((command,), TOOLS) == says


def test_one_command_that_can_refuse_is_enough() -> None:
    assert weakness(("test -f calc.py", "pytest -q"), TOOLS) == ""
    assert weakness((), TOOLS) == ""


def test_why_a_verify_is_red_is_the_last_thing_that_it_said() -> None:
    assert (
        why_red("$ pytest -q\n\nE   assert 1 == 2\n\nexit code 1\n") == "E   assert 1 == 2".strip()
    )
    assert why_red("$ test -f x\n\nexit code 1") == ""
