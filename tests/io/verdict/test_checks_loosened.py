"""Checks are protected like tests: what loosens them is held with its line, what only tidies
passes."""

from pathlib import Path

import pytest

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.checkers import NOTHING_KNOWN, Checkers
from nightlatch.ratchet.static.examine import static_reasons
from nightlatch.verdict.checkers_io import shipped
from tests.stories.sample_project import feature, make_project, writes

LOOSENED, ADDED = "ratchet.check-loosened", "ratchet.suppression-added"
Files = dict[str, tuple[str | None, str | None]]

PYPROJECT = """[project]
name = "till"

[tool.ruff]
line-length = 100

[tool.ruff.lint]
select = ["E", "F"]
ignore = ["E501"]

[tool.mypy]
strict = true

[tool.coverage.report]
fail_under = 80

[tool.pytest.ini_options]
filterwarnings = ["error"]
"""
MYPY = "[mypy]\nstrict = True\n"
ESLINT = '{"rules": {"no-unused-vars": "error", "eqeqeq": ["warn", "smart"]}}\n'
FLAT = 'export default [\n  { rules: { "no-unused-vars": "error", eqeqeq: "error" } },\n];\n'
TSCONFIG = (
    '{\n  // strict\n  "compilerOptions": {"strict": true, "target": "es2020", "skipLibCheck":'
    " false,},\n}\n"
)
GOLANGCI = (
    "linters:\n  enable:\n    - errcheck\n    - govet\nissues:\n  exclude-use-default: false\n"
)
RUBOCOP = "Metrics/MethodLength:\n  Max: 20\nStyle/Documentation:\n  Enabled: true\n"
CARGO = '[package]\nname = "till"\n\n[lints.rust]\nunused = "deny"\n'
PACKAGE = '{"scripts": {"lint": "eslint .", "types": "tsc --noEmit", "build": "vite build"}}\n'
TODO = "Style/Foo:\n  Exclude:\n    - 'a.rb'\n"


def becomes(old: str, *pairs: tuple[str, str]) -> tuple[str, str]:
    """A file and what it becomes by these changes, each of which has to be one."""
    new = old
    for was, now in pairs:
        assert was in new
        new = new.replace(was, now)
    return old, new


TAMPERED: dict[str, tuple[str, Files]] = {
    # Python
    "a rule that ruff ignores": (
        LOOSENED,
        {"pyproject.toml": becomes(PYPROJECT, ('"E501"', '"E501", "F401"'))},
    ),
    "a rule that ruff selects no more": (
        LOOSENED,
        {"pyproject.toml": becomes(PYPROJECT, ('["E", "F"]', '["E"]'))},
    ),
    "rules ignored for some files": (
        LOOSENED,
        {
            "pyproject.toml": becomes(
                PYPROJECT,
                (
                    "[tool.mypy]",
                    '[tool.ruff.lint.per-file-ignores]\n"till.py" = ["F"]\n[tool.mypy]',
                ),
            )
        },
    ),
    "a ruff.toml that takes precedence": (
        LOOSENED,
        {"pyproject.toml": (PYPROJECT, PYPROJECT), "ruff.toml": (None, "line-length = 100\n")},
    ),
    "longer lines for ruff": (
        LOOSENED,
        {"pyproject.toml": becomes(PYPROJECT, ("line-length = 100", "line-length = 999"))},
    ),
    "mypy is strict no more": (
        LOOSENED,
        {"pyproject.toml": becomes(PYPROJECT, ("strict = true", "strict = false"))},
    ),
    "mypy overlooks a module": (
        LOOSENED,
        {
            "pyproject.toml": becomes(
                PYPROJECT,
                (
                    "[tool.cov",
                    '[[tool.mypy.overrides]]\nmodule = "till"\nignore_errors = true\n[tool.cov',
                ),
            )
        },
    ),
    "a mypy.ini that takes precedence": (
        LOOSENED,
        {"pyproject.toml": (PYPROJECT, PYPROJECT), "mypy.ini": (None, "[mypy]\n")},
    ),
    "mypy overlooks a module, in mypy.ini": (
        LOOSENED,
        {"mypy.ini": (MYPY, MYPY + "[mypy-till]\nignore_errors = True\n")},
    ),
    "mypy's own codes": (LOOSENED, {"mypy.ini": (MYPY, MYPY + "disable_error_code = arg-type\n")}),
    "a ruff.toml of its own for a folder": (
        LOOSENED,
        {"pyproject.toml": (PYPROJECT, PYPROJECT), "till/ruff.toml": (None, "")},
    ),
    "a shared part of the configuration": (
        LOOSENED,
        {
            "ruff.toml": ('extend = "../base-rules.toml"\n',) * 2,
            "base-rules.toml": ('select = ["F"]\n', "select = []\n"),
        },
    ),
    "noqa that takes another's number": (
        ADDED,
        {
            "a.py": ("import a  # noqa: F401\n", "\n"),
            "b.py": ("b = 1\n", "b = 1\nimport os  # noqa: F401\n"),
        },
    ),
    "pylint off for all that follows": (
        ADDED,
        {"till.py": ("def f():\n    pass\n", "# pylint: disable=all\ndef f():\n    pass\n")},
    ),
    "NOQA": (ADDED, {"till.py": ("a = 1\n", "a = 1\nimport os  # NOQA\n")}),
    "a lower threshold": (
        LOOSENED,
        {"pyproject.toml": becomes(PYPROJECT, ("fail_under = 80", "fail_under = 60"))},
    ),
    "files that coverage omits": (
        LOOSENED,
        {
            "pyproject.toml": becomes(
                PYPROJECT, ("fail_under = 80", 'fail_under = 80\nomit = ["till.py"]')
            )
        },
    ),
    "warnings are errors no more": (
        LOOSENED,
        {"pyproject.toml": becomes(PYPROJECT, ('["error"]', '["error", "ignore::UserWarning"]'))},
    ),
    "warnings are let pass": (
        LOOSENED,
        {"pyproject.toml": becomes(PYPROJECT, ('filterwarnings = ["error"]', ""))},
    ),
    "a setting nobody knows": (
        LOOSENED,
        {"pyproject.toml": becomes(PYPROJECT, ("[tool.mypy]", "[tool.mypy]\nquite_new = 3"))},
    ),
    "noqa on a new line": (ADDED, {"till.py": ("a = 1\n", "a = 1\nimport os  # noqa: F401\n")}),
    "noqa for a whole file": (ADDED, {"till.py": ("a = 1\n", "# ruff: noqa\na = 1\n")}),
    "a wider noqa": (
        ADDED,
        {"till.py": ("import os  # noqa: F401\n", "import os  # noqa\nimport re\n")},
    ),
    "type: ignore on an old line": (
        ADDED,
        {"till.py": ("a = f(1)\n", "a = f(1)  # type: ignore[arg-type]\n")},
    ),
    "pragma: no cover": (
        ADDED,
        {"till.py": ("def f():\n", "def g():  # pragma: no cover\n    return 2\n\n\ndef f():\n")},
    ),
    "fewer tries of a property": (
        LOOSENED,
        {
            "tests/test_p.py": becomes(
                "@settings(max_examples=500)\n@given(x)\ndef test_p(): ...\n", ("500", "5")
            )
        },
    ),
    # JavaScript and TypeScript
    "an eslint rule off": (
        LOOSENED,
        {
            ".eslintrc.json": becomes(
                ESLINT, ('"no-unused-vars": "error"', '"no-unused-vars": "off"')
            )
        },
    ),
    "an eslint rule that only warns": (
        LOOSENED,
        {"eslint.config.js": becomes(FLAT, ('eqeqeq: "error"', 'eqeqeq: "warn"'))},
    ),
    "files that eslint ignores": (
        LOOSENED,
        {"eslint.config.js": becomes(FLAT, ("[\n", '[\n  { ignores: ["till.js"] },\n'))},
    ),
    "an eslint.config.js beside the old form": (
        LOOSENED,
        {".eslintrc.json": (ESLINT, ESLINT), "eslint.config.js": (None, "export default [];\n")},
    ),
    "a longer .eslintignore": (LOOSENED, {".eslintignore": ("dist\n", "dist\nsrc/till.js\n")}),
    "tsc is strict no more": (
        LOOSENED,
        {"tsconfig.json": becomes(TSCONFIG, ('"strict": true', '"strict": false'))},
    ),
    "tsc leaves files out": (
        LOOSENED,
        {"tsconfig.json": becomes(TSCONFIG, ("},\n}", '},\n  "exclude": ["src/till.ts"]\n}'))},
    ),
    "a script that cannot fail": (
        LOOSENED,
        {"package.json": becomes(PACKAGE, ('"eslint ."', '"eslint . || true"'))},
    ),
    "a script that does nothing": (
        LOOSENED,
        {"package.json": becomes(PACKAGE, ('"tsc --noEmit"', '"echo ok"'))},
    ),
    "a script that is gone": (
        LOOSENED,
        {"package.json": becomes(PACKAGE, ('"lint": "eslint .", ', ""))},
    ),
    "eslint-disable-next-line": (
        ADDED,
        {
            "till.ts": (
                "let a = 1;\n",
                "let a = 1;\n// eslint-disable-next-line no-eval\neval('1');\n",
            )
        },
    ),
    "eslint-disable": (ADDED, {"till.ts": ("let a = 1;\n", "/* eslint-disable */\nlet a = 1;\n")}),
    "@ts-expect-error on an old line": (
        ADDED,
        {"till.ts": ("f(1);\n", "// @ts-expect-error\nf(1);\n")},
    ),
    "@ts-ignore in a comment for tools": (
        ADDED,
        {"till.ts": ("f(1);\n", "/** @ts-ignore */\nf(1);\n")},
    ),
    "eslintIgnore": (
        LOOSENED,
        {"package.json": becomes(PACKAGE, ("}}", '}, "eslintIgnore": ["till.js"]}'))},
    ),
    "@ts-nocheck": (ADDED, {"till.ts": ("f(1);\n", "// @ts-nocheck\nf(1);\n")}),
    "istanbul ignore": (
        ADDED,
        {"till.js": ("f(1);\n", "/* istanbul ignore next */\nfunction g() {}\nf(1);\n")},
    ),
    # Go, Rust, Ruby and others
    "a linter disabled": (LOOSENED, {".golangci.yml": becomes(GOLANGCI, ("    - errcheck\n", ""))}),
    "an exclusion for golangci": (
        LOOSENED,
        {
            ".golangci.yml": (
                GOLANGCI,
                GOLANGCI + "  exclude-rules:\n    - path: till.go\n      linters: [errcheck]\n",
            )
        },
    ),
    "nolint": (ADDED, {"till.go": ("x := 1\n", "x := 1\n_ = f() //nolint:errcheck\n")}),
    "allow for a crate": (
        ADDED,
        {"src/lib.rs": ("fn f() {}\n", "#![allow(dead_code)]\nfn f() {}\n")},
    ),
    "allow over several lines": (
        ADDED,
        {"src/lib.rs": ("fn f() {}\n", "#[allow(\n    dead_code,\n)]\nfn g() {}\nfn f() {}\n")},
    ),
    "a rule of C# that is silent": (
        LOOSENED,
        {
            ".editorconfig": (
                "[*.cs]\nindent_size = 2\n",
                "[*.cs]\nindent_size = 2\ndotnet_diagnostic.CA1062.severity = none\n",
            )
        },
    ),
    "rubocop off for all that follows": (
        ADDED,
        {"till.rb": ("a = 1\n", "# rubocop:disable all\na = 1\n")},
    ),
    "allow for an item": (
        ADDED,
        {"src/lib.rs": ("fn f() {}\n", "#[allow(unused)]\nfn g() {}\nfn f() {}\n")},
    ),
    "a lint that only warns": (LOOSENED, {"Cargo.toml": becomes(CARGO, ('"deny"', '"warn"'))}),
    "deny(warnings) is gone": (
        LOOSENED,
        {"src/lib.rs": ("#![deny(warnings)]\nfn f() {}\n", "fn f() {}\n")},
    ),
    "a lint of the workspace": (
        LOOSENED,
        {
            "Cargo.toml": (
                '[workspace.lints.clippy]\nall = "deny"\n',
                '[workspace.lints.clippy]\nall = "allow"\n',
            )
        },
    ),
    "a rule under a name put together": (
        LOOSENED,
        {
            "eslint.config.js": becomes(
                FLAT, ('eqeqeq: "error"', 'eqeqeq: "error", ["no-" + "eval"]: "off"')
            )
        },
    ),
    "a cop off": (
        LOOSENED,
        {".rubocop.yml": becomes(RUBOCOP, ("Enabled: true", "Enabled: false"))},
    ),
    "longer methods": (LOOSENED, {".rubocop.yml": becomes(RUBOCOP, ("Max: 20", "Max: 200"))}),
    "a list of offences that grows": (
        LOOSENED,
        {".rubocop_todo.yml": (TODO, TODO + "    - 'b.rb'\n")},
    ),
    "rubocop:disable": (
        ADDED,
        {"till.rb": ("a = 1\n", "a = 1\neval('1') # rubocop:disable Security/Eval\n")},
    ),
    "a baseline that grows": (
        LOOSENED,
        {
            "phpstan-baseline.neon": (
                "- message: a\n  count: 1\n",
                "- message: a\n  count: 1\n- message: b\n",
            )
        },
    ),
    "a pom that skips": (
        LOOSENED,
        {"pom.xml": ("<p><failOnViolation>true</failOnViolation></p>\n", "<p></p>\n")},
    ),
    "SuppressWarnings": (
        ADDED,
        {"Till.java": ("class Till {}\n", '@SuppressWarnings("unchecked")\nclass Till {}\n')},
    ),
    "pragma warning disable": (
        ADDED,
        {"Till.cs": ("class T {}\n", "#pragma warning disable CS0168\nclass T {}\n")},
    ),
    "NOLINT": (ADDED, {"till.cpp": ("int a;\n", "int a;\nint b = f(); // NOLINT\n")}),
    "shellcheck disable": (
        ADDED,
        {"till.sh": ("a=1\n", "a=1\n# shellcheck disable=SC2086\necho $a $b\n")},
    ),
    "a Makefile that cannot fail": (
        LOOSENED,
        {"Makefile": ("lint:\n\truff check\n", "lint:\n\truff check || true\n")},
    ),
}

HONEST: dict[str, Files] = {
    "another key of pyproject.toml": {
        "pyproject.toml": becomes(PYPROJECT, ('name = "till"', 'name = "till"\nversion = "2"'))
    },
    "another order and form": {
        "pyproject.toml": becomes(
            PYPROJECT,
            ('["E", "F"]', '[\n  "F",\n  "E",\n]'),
            ('ignore = ["E501"]', "ignore = ['E501']"),
        )
    },
    "more rules": {
        "pyproject.toml": becomes(PYPROJECT, ('["E", "F"]', '["E", "F", "B"]'), ('["E501"]', "[]"))
    },
    "shorter lines": {
        "pyproject.toml": becomes(PYPROJECT, ("line-length = 100", "line-length = 88"))
    },
    "a stricter mypy for a module": {
        "pyproject.toml": becomes(
            PYPROJECT,
            (
                "[tool.cov",
                '[[tool.mypy.overrides]]\nmodule = "x"\ndisallow_any_expr = true\n[tool.cov',
            ),
        ),
    },
    "a higher threshold": {
        "pyproject.toml": becomes(PYPROJECT, ("fail_under = 80", "fail_under = 90"))
    },
    "how ruff formats": {
        "pyproject.toml": (PYPROJECT, PYPROJECT + '[tool.ruff.format]\nquote-style = "double"\n')
    },
    "pytest's markers": {
        "pyproject.toml": becomes(
            PYPROJECT, ('["error"]', '["error"]\nmarkers = ["slow: takes long"]')
        )
    },
    "a configuration that moves to its own file": {
        "pyproject.toml": becomes(PYPROJECT, ("[tool.mypy]\nstrict = true\n", "")),
        "mypy.ini": (None, "[mypy]\nstrict = true\n"),
    },
    "flake8 moves": {
        "setup.cfg": ("[flake8]\nmax-line-length = 100\n", ""),
        ".flake8": (None, "[flake8]\n# as before\nmax-line-length = 100\n"),
    },
    "a noqa for a line that was there": {"till.py": ("import os\n", "import os  # noqa: F401\n")},
    "a line that moves with its noqa": {
        "till.py": ("import os  # noqa: F401\na = 1\n", "a = 1\n"),
        "b.py": ("", "import os  # noqa: F401\n"),
    },
    "a line with noqa that changes": {
        "till.py": ("import os  # noqa: F401\n", "import os, re  # noqa: F401\n")
    },
    "eslint-disable-next-line for a line that was there": {
        "till.js": ("eval('1');\n", "// eslint-disable-next-line no-eval\neval('1');\n")
    },
    "a file that moves, with an edited line": {
        "a.py": ("import os  # noqa: F401\n", None),
        "b.py": (None, "import os, re  # noqa: F401\n"),
    },
    "another indent": {".editorconfig": ("[*]\nindent_size = 2\n", "[*]\nindent_size = 4\n")},
    "suppressions that go": {
        "till.py": ("a = f(1)  # type: ignore\nb = g()  # noqa\n", "a = f('1')\nb = g()\n")
    },
    "a tighter suppression": {"till.py": ("import os  # noqa\n", "import os\n")},
    "more tries": {
        "tests/test_p.py": (
            "@settings(max_examples=50)\n@given(x)\n",
            "@settings(max_examples=500)\n@given(x)\n",
        )
    },
    "a new property with few tries": {
        "tests/test_p.py": (
            "@given(x)\ndef test_a(): ...\n",
            (
                "@given(x)\ndef test_a(): ...\n@settings(max_examples=20)\n@given(y)\ndef test_b():"
                " ...\n"
            ),
        )
    },
    "a stricter eslint": {
        ".eslintrc.json": becomes(ESLINT, ('["warn", "smart"]', '["error", "smart"]'))
    },
    "eslint rules in another order": {
        "eslint.config.js": becomes(
            FLAT,
            (
                '"no-unused-vars": "error", eqeqeq: "error"',
                "eqeqeq: 'error', 'no-unused-vars': 'error'",
            ),
        )
    },
    "eslint's rules as yaml": {
        ".eslintrc.json": (ESLINT, None),
        ".eslintrc.yml": (None, "rules:\n  no-unused-vars: error\n  eqeqeq: [warn, smart]\n"),
    },
    "a new rule of eslint": {
        "eslint.config.js": becomes(
            FLAT, ('eqeqeq: "error"', 'eqeqeq: "error", "no-eval": "error"')
        )
    },
    "a target and paths for tsc": {
        "tsconfig.json": becomes(TSCONFIG, ('"es2020"', '"es2022", "paths": {"@/*": ["./src/*"]}'))
    },
    "tsconfig reformatted": {
        "tsconfig.json": becomes(
            TSCONFIG, ("  // strict\n", ""), ('"skipLibCheck": false,', '"skipLibCheck": false')
        )
    },
    "a script that does more": {
        "package.json": becomes(PACKAGE, ('"eslint ."', '"eslint . && tsc --noEmit"'))
    },
    "a script of the build": {
        "package.json": becomes(PACKAGE, ('"vite build"', '"vite build --mode x || true"'))
    },
    "one linter more": {
        ".golangci.yml": becomes(GOLANGCI, ("    - govet\n", "    - govet\n    - gosec\n"))
    },
    "golangci in another order": {
        ".golangci.yml": becomes(
            GOLANGCI, ("    - errcheck\n    - govet\n", "    - govet # first\n    - errcheck\n")
        )
    },
    "a line that moves with its nolint": {
        "a.go": ("_ = f() //nolint:errcheck\n", ""),
        "b.go": ("", "\t_ = f() //nolint:errcheck\n"),
    },
    "a stricter crate": {"Cargo.toml": becomes(CARGO, ('"deny"', '"forbid"'))},
    "one dependency more": {"Cargo.toml": (CARGO, CARGO + '[dependencies]\nserde = "1"\n')},
    "derive and cfg": {
        "src/lib.rs": (
            "fn f() {}\n",
            "#[derive(Debug)]\nstruct S;\n#[cfg(test)]\nmod t {}\nfn f() {}\n",
        )
    },
    "a stricter cop": {".rubocop.yml": becomes(RUBOCOP, ("Max: 20", "Max: 10"))},
    "a list of offences that shrinks": {".rubocop_todo.yml": (TODO + "    - 'b.rb'\n", TODO)},
    "a baseline with other lines": {
        "phpstan-baseline.neon": ("- message: a\n  line: 1\n", "- message: a\n  line: 12\n")
    },
    "words about it": {
        "till.py": (
            "a = 1\n",
            'a = 1\ntext = "we never write type ignore"\n# about nolint and such\n',
        )
    },
    "a data file that no tool takes in": {
        "ruff.toml": ("line-length = 100\n",) * 2,
        "rates.toml": ("a = 1\n", "a = 2\n"),
    },
    "a first configuration of a tool": {"ruff.toml": (None, 'extend-select = ["B"]\n')},
    "a Makefile with one more rule": {
        "Makefile": ("lint:\n\truff check\n", "lint:\n\truff check\nfmt:\n\truff format\n")
    },
}


def said(files: Files, checkers: Checkers) -> dict[str, tuple[str, ...]]:
    texts = [
        Text(path=path, old=old, new=new, test=path.startswith("tests/"))
        for path, (old, new) in files.items()
    ]
    beside = [text for text in texts if text.old == text.new]
    reasons = static_reasons(
        [text for text in texts if text.old != text.new], checkers=checkers, beside=beside
    )
    return {reason.rule: reason.detail for reason in reasons if reason.rule in (LOOSENED, ADDED)}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_loosens_a_check_is_said_with_its_place(name: str) -> None:
    rule, files = TAMPERED[name]
    found = said(files, shipped())
    assert [*found] == [rule]
    assert all(line.partition("::")[0] in files for line in found[rule])
    assert said(files, NOTHING_KNOWN) == {}  # the control: without the layer nobody says anything


@pytest.mark.parametrize("name", HONEST)
def test_what_only_tidies_or_is_stricter_passes(name: str) -> None:
    assert said(HONEST[name], shipped()) == {}


def test_there_are_enough_of_both() -> None:
    assert len(TAMPERED) >= 45
    assert len(HONEST) >= 30


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("edit", "outcome"),
    [
        (
            {"write": "pyproject.toml", "text": PYPROJECT.replace('["E", "F"]', '["E"]')},
            ("held", LOOSENED),
        ),
        (
            {
                "write": "till.py",
                "text": (
                    "import os  # noqa: F401\n\n\ndef price(cents, count):\n    return cents *"
                    " count\n"
                ),
            },
            ("held", ADDED),
        ),
        # nobody runs rubocop here
        (
            {"write": "till.rb", "text": "eval('1') # rubocop:disable Security/Eval\n"},
            ("landed", ""),
        ),
        (
            {"write": "pyproject.toml", "text": PYPROJECT.replace('["E", "F"]', '["E", "F", "B"]')},
            ("landed", ""),
        ),
    ],
)
def test_a_night_holds_it_where_the_tool_is_in_force(
    tmp_path: Path, edit: dict[str, object], outcome: tuple[str, str]
) -> None:
    project = make_project(
        tmp_path, [feature(1)], files={"pyproject.toml": PYPROJECT.partition("[tool.pytest")[0]}
    )
    text = str(edit["text"]).partition("[tool.pytest")[0]
    project.night([[writes(1), {**edit, "text": text}]], "--sessions", "1", code=None)
    assert [(word, rule) for word, _, rule in project.outcomes()] == [outcome]
