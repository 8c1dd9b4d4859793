"""A person's own test command is read down to its runner, whatever it is wrapped in, or left as
it is with a reason."""

from collections.abc import Mapping

import pytest

from nightlatch.suite import run_io
from nightlatch.suite.suites import Suite
from nightlatch.suite.test_command import Named, as_named, read_command, suites_from
from nightlatch.suite.test_scripts import ScriptSources, UnreadableError

SCRIPTS = (
    '{"scripts": {"test": "vitest run --coverage", "pretest": "tsc", "unit": "node --test src/",'
    ' "ci": "npm run unit && eslint ."}}'
)
MAKEFILE = """PYTEST ?= python3 -m pytest
.PHONY: test all
all: lint test
lint:
	ruff check
test: build
	@$(PYTEST) -q -m 'not slow'
build:
	@echo built
web:
	cd web && npm test
both: test web
odd:
	for f in *; do sh $$f; done
sub:
	$(MAKE) -C web
"""
NOXFILE = """import nox

@nox.session
def tests(session):
    session.install('.')
    session.run('pytest', '-x', *session.posargs)
"""
JUSTFILE = """flags := '-q'
test *args='':
    uv run pytest {{flags}} {{args}}
all: test
    npm test --prefix web
"""
FILES = {
    "package.json": SCRIPTS,
    "web/package.json": '{"scripts": {"test": "jest --ci --silent"}}',
    "app/package.json": '{"scripts": {"test": "mocha"}}',
    "Makefile": MAKEFILE,
    "web/Makefile": "default:\n\tnpm test\n",
    "justfile": JUSTFILE,
    "tox.ini": (
        "[tox]\nenvlist = py\n[testenv]\ncommands =\n    pytest"
        " {posargs:tests}\n[testenv:lint]\ncommands = ruff check\n"
    ),
    "noxfile.py": NOXFILE,
    "composer.json": '{"scripts": {"test": ["@php vendor/bin/phpunit --testdox"]}}',
    "ci.sh": (
        '#!/usr/bin/env bash\nset -euo pipefail\ncd "$(dirname "$0")"\nexport APP=test\nruff'
        " check\npytest tests\n"
    ),
    "loop.sh": "#!/bin/sh\nfor file in tests/*.sh; do sh $file || exit 1; done\n",
    "pyproject.toml": "[tool.tox]\nlegacy_tox_ini = '''\n[testenv]\ncommands = pytest\n'''\n",
}
GROUND = ScriptSources(runners=run_io.shipped(), paths=FILES, read=FILES.__getitem__)

READ: Mapping[str, list[tuple[str, str, tuple[str, ...]]]] = {
    "pytest": [("pytest", "", ())],
    "pytest -q -x --maxfail=1 --junitxml out.xml": [("pytest", "", ())],
    "pytest tests/unit -k 'not slow' -m fast": [
        ("pytest", "", ("tests/unit", "-k", "not slow", "-m", "fast"))
    ],
    "py.test -v": [("pytest", "", ())],
    "python -m pytest -q": [("pytest", "", ())],
    "python3.12 -m pytest --tb=short tests": [("pytest", "", ("tests",))],
    ".venv/bin/pytest": [("pytest", "", ())],
    ". .venv/bin/activate && pytest": [("pytest", "", ())],
    "CI=1 pytest": [("pytest", "", ())],
    "uv run pytest": [("pytest", "", ())],
    "uv run --with pytest-xdist --frozen python -m pytest -n auto": [("pytest", "", ())],
    "poetry run pytest tests/": [("pytest", "", ("tests/",))],
    "pdm run pytest": [("pytest", "", ())],
    "pipenv run python -m pytest": [("pytest", "", ())],
    "hatch run pytest": [("pytest", "", ())],
    "hatch test": [("pytest", "", ())],
    "coverage run -m pytest": [("pytest", "", ())],
    "coverage run --source=pkg -m unittest discover -s tests": [
        ("unittest", "", ("discover", "-s", "tests"))
    ],
    "timeout 600 pytest 2>&1 | tee out.log": [("pytest", "", ())],
    "env CI=1 nice -n 5 pytest": [("pytest", "", ())],
    "sh -c 'pytest -q'": [("pytest", "", ())],
    "tox": [("pytest", "", ("tests",))],
    "tox -e py311 -- tests/unit": [("pytest", "", ("tests/unit",))],
    "nox -s tests": [("pytest", "", ())],
    "make test": [("pytest", "", ("-m", "not slow"))],
    "make -s test PYTEST='uv run pytest'": [("pytest", "", ("-m", "not slow"))],
    "make web": [("jest", "web", ())],
    "make both": [("pytest", "", ("-m", "not slow")), ("jest", "web", ())],
    "make -C web": [("jest", "web", ())],
    "make sub": [("jest", "web", ())],
    "just test": [("pytest", "", ())],
    "just all": [("pytest", "", ()), ("jest", "web", ())],
    "./ci.sh": [("pytest", "", ("tests",))],
    "bash ci.sh": [("pytest", "", ("tests",))],
    "python3 -m unittest": [("unittest", "", ())],
    "python -m unittest discover -s tests -p '*_test.py'": [
        ("unittest", "", ("discover", "-s", "tests", "-p", "*_test.py"))
    ],
    "npm test": [("vitest", "", ())],
    "npm t": [("vitest", "", ())],
    "npm run unit": [("node --test", "", ("src/",))],
    "npm test -- -t adds": [("vitest", "", ("-t", "adds"))],
    "pnpm test": [("vitest", "", ())],
    "yarn test": [("vitest", "", ())],
    "bun run test": [("vitest", "", ())],
    "npx vitest": [("vitest", "", ())],
    "npx --yes vitest run --reporter=dot": [("vitest", "", ())],
    "pnpm exec vitest run --project unit": [("vitest", "", ("--project", "unit"))],
    "cd web && npm test": [("jest", "web", ())],
    "npm --prefix web test": [("jest", "web", ())],
    "yarn --cwd web test": [("jest", "web", ())],
    "node_modules/.bin/jest --watchAll=false": [("jest", "", ())],
    "node --test 'src/**/*.test.js'": [("node --test", "", ("src/**/*.test.js",))],
    "node --import tsx --test": [("node --test", "", ("--import", "tsx"))],
    "go test ./... -v -race -count=1": [("go test", "", ("./...", "-race"))],
    "cd svc && go test -tags integration ./...": [
        ("go test", "svc", ("-tags", "integration", "./..."))
    ],
    "npm --prefix app test": [("mocha", "app", ())],
    "bun test --bail src": [("bun test", "", ("src",))],
    "bundle exec rspec --format doc spec/models": [("rspec", "", ("spec/models",))],
    "bundle exec rake test": [("minitest", "", ())],
    "composer test": [("phpunit", "", ())],
    "vendor/bin/pest --filter cart": [("pest", "", ("--filter", "cart"))],
    "mix test --only unit": [("mix test", "", ("--only", "unit"))],
    "swift test --filter Cart": [("swift test", "", ("--filter", "Cart"))],
    "cmake -B out && cmake --build out && ctest --test-dir out -j4": [
        ("ctest", "", ("--test-dir", "out", "-j4"))
    ],
    "bats --tap test": [("bats", "", ("test",))],
    "./mvnw -q verify -Pci": [("maven", "", ("verify", "-Pci"))],
    "mvn test": [("maven", "", ("test",))],
    "./gradlew check --info": [("gradle", "", ("check",))],
    "dotnet test -c Release --logger trx": [("dotnet test", "", ("-c", "Release"))],
    "cargo test --workspace --quiet -- --test-threads=1": [("cargo test", "", ("--workspace",))],
    "pytest || true": [("pytest", "", ())],
    "pytest -q | grep -v warn": [("pytest", "", ())],
    "(cd web && npm test) && pytest": [("jest", "web", ()), ("pytest", "", ())],
    "pytest && cd web && npm test": [("pytest", "", ()), ("jest", "web", ())],
}


@pytest.mark.parametrize("line", READ)
def test_a_command_is_read_down_to_its_runner(line: str) -> None:
    told = [each for each in read_command(line, GROUND) if each.runner]
    assert [(each.runner.name, each.folder, each.options) for each in told if each.runner] == READ[
        line
    ]


NOT_READ = {
    "./other.sh || pytest": "the shell's || stands in it",
    "cat list | xargs pytest": "the shell's | stands in it",
    "pytest &": "the shell's & stands in it",
    "pytest < list": "the shell's < stands in it",
    "if true; then pytest; fi": "the shell's if stands in it",
    "cd $HOME && pytest": "it changes to a folder that is known only when it runs",
    "cd .. && pytest": "it leaves the project",
    "X=$(date) pytest": "the shell would have to fill in a variable",
    "pytest 'open": "the shell could not read it: No closing quotation",
    "./loop.sh": "the shell's for stands in it",
    "make odd": "the shell's for stands in it",
}


@pytest.mark.parametrize("line", NOT_READ)
def test_what_only_a_shell_can_tell_is_left_to_it(line: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        read_command(line, GROUND)
    assert str(caught.value) == NOT_READ[line]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("pytest tests/test_*.py", "the shell would have to fill in one of its options"),
        ("pytest $ARGS", "the shell would have to fill in one of its options"),
        ("./other.sh", "other.sh is not a known runner"),
        ("make nothing", "make is not a known runner"),
        ("docker compose run test", "docker is not a known runner"),
        ("npm run nothing", "npm is not a known runner"),
    ],
)
def test_what_is_not_read_stays_as_it_is_and_says_why(line: str, why: str) -> None:
    [suite] = suites_from(Named(command=line), GROUND)
    assert (suite.weak, suite.runner.run.command, suite.by_id) == (why, ("sh", "-c", line), False)


def made(line: str, folder: str = "") -> list[Suite]:
    return suites_from(Named(command=line, folder=folder), GROUND)


def test_a_wrapper_that_gives_the_environment_runs_the_loops_own_runner() -> None:
    [suite] = made("uv run --frozen pytest -q tests")
    assert suite.runner.run.command[:4] == ("uv", "run", "--frozen", "python")
    assert suite.runner.run.command[4].endswith("nightlatch_pytest.py")
    assert suite.runner.run.command[-2:] == ("tests", "{options}")
    assert (suite.runner.python, suite.runner.canary is None, suite.by_id) == (False, False, True)


def test_what_stands_before_the_runner_goes_before_it() -> None:
    [suite] = made("npm test")
    assert suite.runner.run.command[:4] == ("sh", "-c", '(cd . && tsc) && exec "$@"', "sh")
    assert suite.runner.run.command[4:6] == ("node_modules/.bin/vitest", "run")


def test_what_stands_after_the_runner_stays_a_suite_by_its_exit_code() -> None:
    pytest_suite, types = made("pytest && mypy .")
    assert (pytest_suite.by_id, types.by_id, types.runner.run.command, types.name) == (
        True,
        False,
        ("sh", "-c", "mypy ."),
        "mypy .",
    )


def test_variables_that_a_command_sets_are_set() -> None:
    [suite] = made("APP=1 make test")
    assert suite.runner.run.env["APP"] == "1"
    [suite] = made("export MORE=3 && ruff check && APP=2 pytest")
    assert (suite.runner.run.env["APP"], suite.runner.run.env["MORE"]) == ("2", "3")


def test_one_command_for_the_whole_of_which_nothing_is_known_stands_alone() -> None:
    files = {"pyproject.toml": "[tool.pytest]\n", "test_a.py": "", "web/a.test.js": ""}
    files["web/package.json"] = '{"scripts": {"test": "node --test"}}'

    def named(tests: str, *more: Named) -> list[str]:
        return [
            suite.name
            for suite in as_named(
                tests,
                more,
                run_io.shipped(),
                files,
                lambda path: files.get(path, ""),
                lambda *_: True,
            )
        ]

    assert named("") == ["pytest", "web (node --test)"]
    assert named("./all.sh") == ["tests"]
    assert named("pytest -q") == ["pytest", "web (node --test)"]
    assert named("", Named(folder="web")) == ["pytest"]
    assert named("", Named(folder="web", command="./x.sh")) == ["pytest", "web (./x.sh)"]
    assert named("", Named(folder="web", command="npm test", name="page")) == ["pytest", "page"]
    assert named("", Named(folder="svc", command="go test ./...")) == [
        "pytest",
        "svc (go test)",
        "web (node --test)",
    ]
    assert named("", Named(folder="svc", command="make check", report="out/*.xml")) == [
        "pytest",
        "svc (make check)",
        "web (node --test)",
    ]
