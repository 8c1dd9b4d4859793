"""What decides which tests run, and code that steers the runner."""

import json

import pytest

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.examine import static_reasons

TOML = "[tool.pytest.ini_options]\n"
INI = "[pytest]\n"
HOOK = "def pytest_runtest_makereport(item, call):\n    pass\n"
GO = 'package ring\n\nimport (\n\t"os"\n\t"testing"\n)\n\n'


def rules(
    path: str, old: str | None, new: str | None, *more: Text, runner: str = "any"
) -> set[str]:
    test = "test" in path or path.endswith(("conftest.py", ".ini", ".toml", ".cfg", "package.json"))
    texts = [Text(path=path, old=old, new=new, test=test), *more]
    return {reason.rule.removeprefix("ratchet.") for reason in static_reasons(texts, (), runner)}


def package(**keys: object) -> str:
    return json.dumps({"name": "x", **keys}, indent=2)


def vitest(inside: str) -> str:
    return (
        "import { defineConfig } from 'vitest/config'\nexport default defineConfig({ test: {"
        f" {inside} }} }})\n"
    )


WEAKER = [
    ("runner-selection", "pyproject.toml", TOML, TOML + 'addopts = "-k not slow"\n'),
    (
        "runner-selection",
        "pyproject.toml",
        TOML,
        TOML + 'addopts = ["-q", "--deselect=tests/test_a.py::test_b"]\n',
    ),
    ("runner-selection", "pyproject.toml", TOML, TOML + 'addopts = "--ignore tests/test_a.py"\n'),
    ("runner-selection", "pyproject.toml", TOML, TOML + 'addopts = "--collect-only"\n'),
    ("runner-selection", "pyproject.toml", TOML, TOML + 'addopts = "-p tests.plugin"\n'),
    ("runner-selection", "pyproject.toml", TOML, TOML + 'addopts = "--reruns 5"\n'),
    ("runner-selection", "pyproject.toml", TOML, TOML + 'testpaths = ["tests/unit"]\n'),
    (
        "runner-selection",
        "pyproject.toml",
        TOML + 'testpaths = ["tests", "more"]\n',
        TOML + 'testpaths = ["tests"]\n',
    ),
    ("runner-selection", "pyproject.toml", TOML, TOML + 'python_files = ["test_one.py"]\n'),
    ("runner-selection", "pyproject.toml", TOML, TOML + 'python_functions = "check_*"\n'),
    ("runner-selection", "pyproject.toml", TOML, TOML + 'norecursedirs = ["slow"]\n'),
    ("runner-selection", "pyproject.toml", TOML, TOML + 'pythonpath = ["tests/shim"]\n'),
    (
        "runner-selection",
        "pyproject.toml",
        TOML + "xfail_strict = true\n",
        TOML + "xfail_strict = false\n",
    ),
    (
        "runner-selection",
        "setup.cfg",
        "[tool:pytest]\naddopts = -q\n",
        "[tool:pytest]\naddopts =\n    -q\n    -m fast\n",
    ),
    ("runner-selection", "pytest.ini", None, INI + "addopts = -k nothing\n"),
    ("runner-selection", "pytest.ini", None, INI + "testpaths = tests/unit\n"),
    ("runner-selection", "tox.ini", "[tox]\n", "[tox]\n[pytest]\npython_files = check_*.py\n"),
    (
        "looser",
        "pyproject.toml",
        "[tool.coverage.report]\nfail_under = 90\n",
        "[tool.coverage.report]\nfail_under = 10\n",
    ),
    ("runner-selection", "tests/conftest.py", "", "collect_ignore = ['test_a.py']\n"),
    (
        "runner-selection",
        "tests/conftest.py",
        "",
        "collect_ignore_glob: list[str] = ['*_slow.py']\n",
    ),
    ("runner-hook", "conftest.py", "", HOOK),
    ("runner-hook", "conftest.py", HOOK, HOOK.replace("pass", "call.excinfo = None")),
    (
        "runner-hook",
        "conftest.py",
        "",
        (
            "import pytest\n@pytest.hookimpl(specname='pytest_sessionfinish')\ndef end(session):\n "
            "   pass\n"
        ),
    ),
    ("runner-hook", "conftest.py", "", "from helpers import pytest_collection_modifyitems\n"),
    ("runner-hook", "conftest.py", "", "from helpers import *\n"),
    ("runner-hook", "conftest.py", "", "pytest_sessionfinish = lambda session: None\n"),
    (
        "runner-hook",
        "conftest.py",
        "",
        "def pytest_configure(config):\n    config.pluginmanager.register(object())\n",
    ),
    ("runner-hook", "tests/plugin_test.py", "", HOOK),
    (
        "runner-hook",
        "conftest.py",
        "import pytest\n",
        "import pytest\npytest.approx = lambda *a, **k: 1\n",
    ),
    (
        "test-startup",
        "conftest.py",
        "",
        (
            "@pytest.fixture(autouse=True)\ndef fix(monkeypatch):\n   "
            " monkeypatch.setattr('calc.add', int)\n"
        ),
    ),
    (
        "test-startup",
        "conftest.py",
        "",
        "@pytest.fixture(autouse=True)\ndef fix():\n    calc.add = int\n",
    ),
    ("test-startup", "tests/__init__.py", "", "import calc\ncalc.add = int\n"),
    (
        "runner-hook",
        "conftest.py",
        "",
        "@pytest.fixture(autouse=True)\ndef fix():\n    unittest.TestCase.assertEqual = print\n",
    ),
    (
        "runner-hook",
        "tests/test_a.py",
        "",
        "def load_tests(loader, tests, pattern):\n    return loader.suiteClass()\n",
    ),
    ("runner-hook", "conftest.py", "", "def __getattr__(name):\n    return print\n"),
    ("runner-hook", "conftest.py", "", "(pytest_sessionfinish,) = (print,)\n"),
    (
        "runner-hook",
        "conftest.py",
        "",
        (
            "def pytest_configure(config):\n    config.addinivalue_line('markers',"
            " str(register(config)))\n"
        ),
    ),
    (
        "test-startup",
        "conftest.py",
        "",
        "@pytest.fixture(autouse=True)\ndef end():\n    yield\n    os._exit(0)\n",
    ),
    (
        "runner-selection",
        "pyproject.toml",
        TOML + 'addopts = "-k fast"\n',
        TOML + 'addopts = "-k auto"\n',
    ),
    (
        "test-startup",
        "vitest.config.ts",
        vitest("globals: true"),
        "import './fake.js'\n" + vitest("globals: true"),
    ),
    (
        "test-startup",
        "vitest.config.ts",
        vitest("globals: true"),
        vitest("globals: true, ['ex' + 'clude']: ['a']"),
    ),
    (
        "test-startup",
        "vitest.config.ts",
        "const files = 1\n" + vitest("dir: files"),
        "const files = 2\n" + vitest("dir: files"),
    ),
    (
        "test-startup",
        "ring/ring_test.go",
        GO,
        GO + "var _ = func() int { Push = fake; return 0 }()\n",
    ),
    ("test-startup", "conftest.py", "", "import os\nos.environ['MODE'] = 'fake'\n"),
    ("test-startup", "conftest.py", "", "install()\n"),
    ("test-startup", "conftest.py", "", "pytest_plugins = ['tests.plugin']\n"),
    (
        "runner-selection",
        "package.json",
        package(scripts={"test": "node --test"}),
        package(scripts={"test": "node --test || true"}),
    ),
    (
        "runner-selection",
        "package.json",
        package(scripts={"test": "jest"}),
        package(scripts={"test": "jest", "pretest": "rm -r test"}),
    ),
    (
        "runner-selection",
        "package.json",
        package(),
        package(jest={"testPathIgnorePatterns": ["core"]}),
    ),
    (
        "runner-selection",
        "package.json",
        package(jest={"testMatch": ["a", "b"]}),
        package(jest={"testMatch": ["a"]}),
    ),
    (
        "runner-selection",
        "vitest.config.ts",
        vitest("globals: true"),
        vitest("globals: true, exclude: ['src/core.test.ts']"),
    ),
    (
        "runner-selection",
        "vitest.config.ts",
        vitest("include: ['a', 'b']"),
        vitest("include: ['a']"),
    ),
    ("runner-selection", "vitest.config.ts", vitest(""), vitest("passWithNoTests: true")),
    ("runner-selection", "vitest.config.ts", vitest(""), vitest("retry: 60")),
    ("runner-selection", "vitest.config.ts", vitest(""), vitest("setupFiles, globals: true")),
    ("runner-selection", "vitest.config.ts", None, vitest("'testNamePattern': 'fast'")),
    (
        "runner-selection",
        "jest.config.js",
        "module.exports = {}\n",
        "module.exports = { moduleNameMapper: { '^./sum$': './shim' } }\n",
    ),
    ("runner-selection", "vite.config.ts", vitest(""), vitest("environment: './fake.ts'")),
    ("runner-selection", "ring/ring_test.go", GO, "//go:build integration\n\n" + GO),
    ("runner-selection", "ring/ring_test.go", GO, "// +build never\n\n" + GO),
    (
        "runner-hook",
        "ring/ring_test.go",
        GO,
        GO + "func TestMain(m *testing.M) { m.Run(); os.Exit(0) }\n",
    ),
    ("runner-hook", "ring/ring_test.go", GO, GO + "func TestMain(m *testing.M) { os.Exit(0) }\n"),
    (
        "runner-hook",
        "ring/ring_test.go",
        GO,
        GO + "func TestMain(m *testing.M) { defer recover(); os.Exit(m.Run()) }\n",
    ),
    ("test-startup", "ring/ring_test.go", GO, GO + "func init() { Push = fake }\n"),
    ("runner-selection", "go.work", None, "go 1.22\nuse ./shim\n"),
    (
        "runner-dependency",
        "go.mod",
        "module x\n",
        "module x\nreplace github.com/stretchr/testify => ./shim\n",
    ),
    (
        "runner-dependency",
        "go.mod",
        "module x\n",
        "module x\nreplace (\n\texample.org/ring v1.0.0 => ../ring\n)\n",
    ),
    (
        "runner-selection",
        "Cargo.toml",
        "[package]\nname = 'x'\n",
        "[package]\nname = 'x'\n[[test]]\nname = 'a'\nharness = false\n",
    ),
    (
        "runner-selection",
        "Cargo.toml",
        "[package]\nname = 'x'\n",
        "[package]\nname = 'x'\nautotests = false\n",
    ),
    (
        "runner-selection",
        ".cargo/config.toml",
        None,
        "[target.x86_64-unknown-linux-gnu]\nrunner = 'true'\n",
    ),
    ("runner-selection", ".config/nextest.toml", "", "[profile.default]\nretries = 60\n"),
    ("test-startup", "build.rs", "fn main() {}\n", "fn main() { println!(); }\n"),
    (
        "runner-dependency",
        "requirements-dev.txt",
        "pytest==8.0\n",
        "pytest==8.0\npytest-rerunfailures\n",
    ),
    ("runner-dependency", "requirements-dev.txt", "", "pytest @ https://example.org/pytest.zip\n"),
    (
        "runner-dependency",
        "package.json",
        package(),
        package(devDependencies={"jest-retries": "^1"}),
    ),
    ("runner-dependency", "package.json", package(), package(overrides={"vitest": "file:./shim"})),
    (
        "runner-dependency",
        "pyproject.toml",
        "",
        '[project.entry-points.pytest11]\nmine = "calc.plugin"\n',
    ),
    (
        "new-dependency",
        "pyproject.toml",
        "[project]\ndependencies = []\n",
        '[project]\ndependencies = ["requests>=2"]\n',
    ),
    ("new-dependency", "Cargo.toml", "", '[dependencies]\nserde = "1"\n'),
    ("new-dependency", "go.mod", "module x\n", "module x\nrequire golang.org/x/text v0.3.0\n"),
]

HONEST = [
    (
        "pyproject.toml",
        TOML,
        TOML + 'addopts = "-ra -q --strict-markers --tb=short"\nmarkers = ["slow: takes long"]\n',
    ),
    ("pyproject.toml", TOML + 'addopts = "-k fast"\n', TOML + 'addopts = ""\n'),
    (
        "pyproject.toml",
        TOML,
        TOML
        + 'addopts = "-n auto --cov=calc"\nfilterwarnings = ["error"]\nasyncio_mode = "auto"\n',
    ),
    ("pyproject.toml", "", TOML + 'testpaths = ["tests"]\npythonpath = ["src", "."]\n'),
    ("pyproject.toml", TOML + 'testpaths = ["tests"]\n', TOML + 'testpaths = ["tests", "more"]\n'),
    ("pyproject.toml", TOML, TOML + 'python_files = ["test_*.py", "*_test.py", "check_*.py"]\n'),
    (
        "pyproject.toml",
        TOML + 'addopts = "-k fast"\n[project]\nversion = "1"\n',
        TOML + 'addopts = "-k fast"\n[project]\nversion = "2"\n',
    ),
    ("pyproject.toml", TOML, TOML + "xfail_strict = true\n"),
    (
        "conftest.py",
        HOOK,
        HOOK + "\n\nimport pytest\n\n@pytest.fixture\ndef calc():\n    return 1\n",
    ),
    (
        "conftest.py",
        "",
        "@pytest.fixture(autouse=True)\ndef a(monkeypatch):\n    monkeypatch.setenv('A', '1')\n",
    ),
    (
        "conftest.py",
        "",
        (
            'def pytest_configure(config):\n    """Marks."""\n   '
            ' config.addinivalue_line("markers", "slow: takes long")\n'
        ),
    ),
    (
        "conftest.py",
        "",
        "def pytest_addoption(parser):\n    parser.addoption('--slow', action='store_true')\n",
    ),
    (
        "conftest.py",
        "x = 1\n",
        "from hypothesis import settings\nDATA = {'a': 1}\nsettings.register_profile('ci')\n",
    ),
    (
        "conftest.py",
        "import os\nos.environ['A'] = '1'\n",
        'import os\n\nos.environ["A"] = "1"  # for the tests\n',
    ),
    (
        "tests/test_a.py",
        "",
        "import calc\ncalc.setup()\n\ndef test_a():\n    assert calc.add(1, 2) == 3\n",
    ),
    (
        "package.json",
        package(scripts={"test": "node --test"}),
        package(scripts={"test": "eslint . && node --test", "lint": "eslint ."}),
    ),
    ("package.json", package(), package(scripts={"test": "vitest run"})),
    (
        "package.json",
        package(scripts={"test": 'echo "Error: no test specified" && exit 1'}),
        package(scripts={"test": "jest"}),
    ),
    (
        "vitest.config.ts",
        vitest("include: ['a']"),
        vitest("include: ['a', 'b'], coverage: { reporter: ['text'] }, globals: true"),
    ),
    ("vitest.config.ts", vitest("exclude: ['a']"), vitest("/* exclude: ['x'] */ globals: true")),
    (
        "vite.config.ts",
        vitest(""),
        "export default { resolve: { alias: { '@': './src' } }, plugins: [react()], test: {} }\n",
    ),
    ("ring/ring_test.go", GO, GO + "func TestPush(t *testing.T) { Push(1) }\n"),
    ("ring/new_test.go", None, "//go:build linux\n\n" + GO),
    (
        "Cargo.toml",
        "[package]\nname = 'x'\nversion = '1'\n",
        "[package]\nname = 'x'\nversion = '2'\n",
    ),
    (
        "Cargo.toml",
        "[[bench]]\nname = 'a'\nharness = false\n",
        "[[bench]]\nname = 'a'\nharness = false\n[features]\nfast = []\n",
    ),
    ("requirements.txt", "requests==1\n", "# pinned\nrequests==2\n"),
    ("go.mod", "module x\n\ngo 1.21\n", "module x\n\ngo 1.22\n"),
    ("README.md", "pytest", "addopts = -k nothing\ndef pytest_sessionfinish(): ..."),
]


@pytest.mark.parametrize(("rule", "path", "old", "new"), WEAKER)
def test_a_change_of_how_tests_run_is_named(
    rule: str, path: str, old: str | None, new: str
) -> None:
    assert rules(path, old, new) == {rule}


@pytest.mark.parametrize(("path", "old", "new"), HONEST)
def test_an_honest_change_of_configuration_is_not(path: str, old: str | None, new: str) -> None:
    assert rules(path, old, new) == set()


def test_settings_may_move_to_another_file_as_they_are() -> None:
    there = Text(
        path="pyproject.toml",
        old="",
        new=TOML + 'addopts = "-k fast"\ntestpaths = ["unit"]\n',
        test=True,
    )
    assert (
        rules("setup.cfg", "[tool:pytest]\naddopts = -k fast\ntestpaths = unit\n", "", there)
        == set()
    )
    assert rules("setup.cfg", "[tool:pytest]\naddopts = -q\ntestpaths = unit\n", "", there) == {
        "runner-selection"
    }


def test_a_new_file_that_takes_precedence_is_compared_with_the_one_that_it_replaces() -> None:
    same = Text(
        path="pyproject.toml", old=TOML + 'python_files = ["check_*.py"]\n', new=TOML, test=True
    )
    assert rules("pytest.ini", None, INI + "python_files = check_*.py\n", same) == set()
    assert rules("pytest.ini", None, INI, same) == {"runner-selection"}


def test_a_project_without_tests_may_choose_its_runner() -> None:
    assert rules("pytest.ini", None, INI + "testpaths = unit\n", runner="") == set()
    assert rules("requirements.txt", None, "pytest\n", runner="") == {"new-dependency"}


PROTECTED = ("checks/**", "loop.toml", ".github/**", "**/Makefile")


def test_files_that_only_people_change_are_held_where_nobody_puts_them_back() -> None:
    for path in (
        "checks/10-tests",
        ".github/workflows/ci.yml",
        "Makefile",
        "pkg/Makefile",
        "loop.toml",
    ):
        text = Text(path=path, old="a\n", new="b\n", test=False)
        assert [r.rule for r in static_reasons([text], (), "any", PROTECTED)] == [
            "ratchet.protected-path"
        ]
        assert static_reasons([text], (), "any") == ()
    assert (
        static_reasons(
            [Text(path="src/a.py", old="a\n", new="b\n", test=False)], (), "any", PROTECTED
        )
        == ()
    )
