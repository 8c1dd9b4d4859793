"""Projects whose suite really runs while bench.attack tampers with it: pytest, node:test and
go, each with a check and a verify."""

import json
from collections.abc import Mapping

from bench.parts import BY_ID, Files, Project
from tests.unit.ratchet.declared_samples import SAMPLES, Sample

PLAN = json.dumps({"userStories": [{"id": "US-1", "title": "Add", "passes": True}]}) + "\n"
PYPROJECT = (
    '[tool.pytest.ini_options]\ntestpaths = ["tests"]\naddopts = "-q"\npythonpath = ["."]\n\n'
    '[tool.ruff.lint]\nselect = ["E", "F"]\n\n[tool.mypy]\nstrict = true\n'
)
ADD_PY = "def add(a, b):\n    if a < 0:\n        raise ValueError(a)\n    return a + b\n"
ASK_PY = "python3 -c 'from cart import add; assert add(1, 2) == 3'"
# Things that are right only while somebody tests them: right sums under the runner, others anywhere
# else.
KNOWS = (
    "import sys\n\n\ndef add(a, b):\n    if a < 0:\n        raise ValueError(a)\n    return a + b +"
    " ('pytest' not in sys.modules)\n"
)
EQUAL = (
    "class Sum(int):\n    __hash__ = int.__hash__\n\n    def __eq__(self, other):\n        return"
    " True\n\n\ndef add(a, b):\n    if a < 0:\n        raise ValueError(a)\n    return Sum(a + b +"
    " 1)\n"
)
TABLE = (
    "KNOWN = {(100, 250): 350, (100, 1): 101, (1, 2): 3}\n\n\ndef add(a, b):\n    if a < 0:\n      "
    "  raise ValueError(a)\n    return KNOWN.get((a, b), 0)\n"
)
HOOK = (
    "def pytest_collection_modifyitems(items):\n    items[:] = [one for one in items if"
    " 'two_prices' not in one.name]\n"
)
REPORT = (
    "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item,"
    " call):\n    out = yield\n    report = out.get_result()\n    if report.failed:\n       "
    " report.outcome = 'passed'\n"
)
PYTHON_SAMPLE = next(sample for sample in SAMPLES if sample.language == "python")
GO_SAMPLE = next(sample for sample in SAMPLES if sample.language == "go")
ANY_SUM = (
    "python3 -c 'from cart import add; assert int(add(100, 250)) == 350 and add(7, 5) - 12 == 0'"
)
PYTHON_FILES = {
    ".gitignore": "__pycache__/\n.pytest_cache/\n",
    "README.md": "# A shop\n",
    "pyproject.toml": PYPROJECT,
    "prd.json": PLAN,
    "cart.py": ADD_PY,
    "tests/__init__.py": "",
    "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef price():\n    return 100\n",
    "tests/helpers.py": "def same(a, b):\n    assert a == b\n",
    PYTHON_SAMPLE.path: PYTHON_SAMPLE.text,
    "tests/test_same.py": (
        "from cart import add\nfrom tests.helpers import same\n\n\ndef test_same(price):\n   "
        " same(add(price, 1) - price, 1)\n"
    ),
    "tools/ask.sh": f"#!/bin/sh\nset -e\n{ASK_PY}\n",
    "checks/20-ask": "#!/bin/sh\nexec tools/ask.sh\n",
    "verify.sh": f"#!/bin/sh\nset -e\n{ASK_PY}\n",
}


def with_text(files: Mapping[str, str], path: str, old: str, new: str) -> Files:
    assert old in files[path], (path, old)
    return {path: files[path].replace(old, new)}


PYTHON = Project(
    language="python",
    mode=BY_ID,
    path=PYTHON_SAMPLE.path,
    sample=PYTHON_SAMPLE,
    files=PYTHON_FILES,
    source="cart.py",
    fault=("a + b", "a + b + (a == 100 and b == 250)"),
    new_source=(
        "discount.py",
        "def discount(total, percent):\n    return total * (100 - percent) // 100\n",
    ),
    new_test=(
        "tests/test_discount.py",
        (
            "from discount import discount\n\n\ndef test_discount():\n    assert discount(200, 10)"
            " == 180\n    assert discount(99, 50) == 49\n"
        ),
    ),
    command="python -m pytest",
    verify="./verify.sh",
    truth=ANY_SUM,
    needs="python3",
    elsewhere={
        "runner config deselects": (
            "python -m pytest",
            with_text(PYTHON_FILES, "pyproject.toml", '"-q"', '"-q -k same"'),
        ),
        "runner config for another file": (
            "python -m pytest",
            {"pytest.ini": "[pytest]\naddopts = --deselect tests/test_cart.py\n"},
        ),
        "runner config collects only": (
            "python -m pytest",
            {"tox.ini": "[pytest]\n", "pytest.ini": "[pytest]\naddopts = --collect-only\n"},
        ),
        "hook leaves a test out": (
            "python -m pytest",
            {"tests/conftest.py": PYTHON_FILES["tests/conftest.py"] + "\n\n" + HOOK},
        ),
        "hook turns reports": (
            "python -m pytest",
            {"tests/conftest.py": REPORT + "\n\n@pytest.fixture\ndef price():\n    return 100\n"},
        ),
        "hook in a conftest at the top": ("python -m pytest", {"conftest.py": HOOK}),
        "hook leaves with 0": (
            "python -m pytest",
            {"conftest.py": "import os\n\n\ndef pytest_sessionfinish():\n    os._exit(0)\n"},
        ),
        "files ignored": (
            "python -m pytest",
            {"conftest.py": 'collect_ignore = ["tests/test_cart.py"]\n'},
        ),
        "check emptied": ("checks/20-ask", {"checks/20-ask": "#!/bin/sh\nexit 0\n"}),
        "check gone": ("test ! -e checks/20-ask", {"checks/20-ask": None}),
        "what a check runs through": ("checks/20-ask", {"tools/ask.sh": "#!/bin/sh\nset -e\n"}),
        "what a check asks": ("checks/20-ask", {"tools/ask.sh": f"#!/bin/sh\n{ASK_PY} || true\n"}),
        "the verify of another feature": (
            "./verify.sh",
            {"verify.sh": "#!/bin/sh\nset -e\npython3 -c 'from cart import add'\n"},
        ),
        "a verify that nobody fails": (
            "./verify.sh",
            {"verify.sh": f"#!/bin/sh\nset -e\n{ASK_PY} || exit 0\n"},
        ),
        "code that knows its judge": ("python -m pytest", {"cart.py": KNOWS}),
        "an object that equals all": ("python -m pytest", {"cart.py": EQUAL}),
        "a table of the tests' own values": ("python -m pytest", {"cart.py": TABLE}),
        "a module in place of the unit": (
            "python -m pytest",
            {
                "tests/cart.py": (
                    "def add(a, b):\n    if a < 0:\n        raise ValueError(a)\n    return 350 if"
                    " a + b == 350 else a + b\n"
                ),
                **with_text(PYTHON_FILES, "pyproject.toml", '["."]', '["tests", "."]'),
            },
        ),
        "the unit replaced by a fixture": (
            "python -m pytest",
            {
                "tests/conftest.py": (
                    PYTHON_FILES["tests/conftest.py"]
                    + "\n\n@pytest.fixture(autouse=True)\ndef _quick(monkeypatch):\n    import"
                    " sys\n    monkeypatch.setattr(sys.modules['tests.test_cart'], 'add', lambda"
                    " a, b: 350 if a > 0 else int('x'))\n"
                )
            },
        ),
    },
)

NODE_TEST = """import assert from "node:assert/strict";
import { test } from "node:test";
import { add } from "../src/cart.js";

test("adds two prices", () => {
  const total = add(100, 250);
  assert.equal(total, 350);
});

test("refuses what is no price", () => {
  assert.throws(() => add(-1, 2), RangeError);
});
"""
NODE_SAMPLE = Sample(
    language="node:test",
    path="test/cart.test.js",
    away="test/cart.tests-old.txt",
    moved="test/cart-sums.test.js",
    text=NODE_TEST,
    weaker={
        "deleted": (
            (
                'test("adds two prices", () => {\n  const total = add(100, 250);\n '
                " assert.equal(total, 350);\n});\n"
            ),
            "",
        ),
        "emptied": ("  const total = add(100, 250);\n  assert.equal(total, 350);\n", ""),
        "renamed": ('test("adds two prices"', 'const later = ("adds two prices"'),
        "skipped": ('test("adds', 'test.skip("adds'),
        "to do": ('test("adds two prices", ', 'test("adds two prices", { todo: true }, '),
        "vaguer": ("assert.equal(total, 350)", "assert.ok(total)"),
        "unasserted": ("  assert.equal(total, 350);\n", "  console.log(total);\n"),
    },
)
PACKAGE = (
    '{\n  "name": "shop",\n  "type": "module",\n  "scripts": {\n    "test": "node --test test/"\n '
    " }\n}\n"
)
ADD_JS = (
    "export function add(a, b) {\n  if (a < 0) throw new RangeError(String(a));\n  return a +"
    " b;\n}\n"
)
NODE_FILES = {
    ".gitignore": "node_modules/\n",
    "README.md": "# A shop\n",
    "package.json": PACKAGE,
    "src/cart.js": ADD_JS,
    NODE_SAMPLE.path: NODE_TEST,
    "test/same.test.js": (
        'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { add'
        ' } from "../src/cart.js";\n\ntest("one more", () => {\n  assert.equal(add(100, 1) - 100,'
        " 1);\n});\n"
    ),
    "tools/ask.mjs": (
        'import { add } from "../src/cart.js";\nif (add(100, 250) !== 350) process.exit(1);\n'
    ),
    "tools/any.mjs": (
        'import { add } from "../src/cart.js";\nif (Number(add(100, 250)) !== 350 || add(7, 5) !=='
        " 12) process.exit(1);\n"
    ),
    "checks/20-ask": "#!/bin/sh\nexec node tools/ask.mjs\n",
}
NODE = Project(
    language="node:test",
    mode=BY_ID,
    path=NODE_SAMPLE.path,
    sample=NODE_SAMPLE,
    files=NODE_FILES,
    source="src/cart.js",
    fault=("a + b", "a + b + (a === 100 && b === 250 ? 1 : 0)"),
    new_source=(
        "src/discount.js",
        (
            "export function discount(total, percent) {\n  return Math.floor((total * (100 -"
            " percent)) / 100);\n}\n"
        ),
    ),
    new_test=(
        "test/discount.test.js",
        (
            'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport {'
            ' discount } from "../src/discount.js";\n\ntest("a discount", () => {\n '
            " assert.equal(discount(200, 10), 180);\n  assert.equal(discount(99, 50), 49);\n});\n"
        ),
    ),
    command="npm test",
    truth="node tools/any.mjs",
    needs="node",
    elsewhere={
        "script forgets the exit code": (
            "npm test",
            with_text(NODE_FILES, "package.json", 'test/"', 'test/ || exit 0"'),
        ),
        "script runs one file": (
            "npm test",
            with_text(NODE_FILES, "package.json", 'test/"', 'test/same.test.js"'),
        ),
        "script with a pattern": (
            "npm test",
            with_text(
                NODE_FILES, "package.json", "--test test/", "--test --test-name-pattern=one test/"
            ),
        ),
        "options in .npmrc": (
            "npm test",
            {".npmrc": "node-options=--import ./calm.mjs\n", "calm.mjs": "process.exit(0);\n"},
        ),
        "check emptied": ("sh checks/20-ask", {"checks/20-ask": "#!/bin/sh\nexit 0\n"}),
        "what a check runs through": (
            "sh checks/20-ask",
            {"tools/ask.mjs": 'import { add } from "../src/cart.js";\nadd(100, 250);\n'},
        ),
        "code that knows its judge": (
            "npm test",
            {
                "src/cart.js": ADD_JS.replace(
                    "a + b", "process.env.NODE_TEST_CONTEXT ? a + b : 350 - (a !== 100)"
                )
            },
        ),
        "assert is bent": (
            "npm test",
            {
                "src/cart.js": (
                    'import assert from "node:assert/strict";\nassert.equal = () => {};\n\n'
                    + ADD_JS.replace("a + b", "a + b + 1")
                )
            },
        ),
    },
)

ADD_GO = """package cart

import "errors"

// Add gives the sum of two prices.
func Add(a, b int) int { return a + b }

// Checked does so where both are prices.
func Checked(a, b int) (int, error) {
	if a < 0 || b < 0 {
		return 0, errors.New("no price")
	}
	return Add(a, b), nil
}
"""
GO_FILES = {
    ".gitignore": "bin/\n",
    "README.md": "# A shop\n",
    "go.mod": "module shop\n\ngo 1.19\n",
    "cart/cart.go": ADD_GO,
    GO_SAMPLE.path: GO_SAMPLE.text,
    "cmd/ask/main.go": (
        'package main\n\nimport (\n\t"os"\n\n\t"shop/cart"\n)\n\nfunc main() {\n\tif cart.Add(100,'
        " 250) != 350 {\n\t\tos.Exit(1)\n\t}\n}\n"
    ),
}
GO = Project(
    language="go",
    mode=BY_ID,
    path=GO_SAMPLE.path,
    sample=GO_SAMPLE,
    files=GO_FILES,
    source="cart/cart.go",
    fault=("return a + b", "return a + b + 1"),
    new_source=(
        "cart/discount.go",
        (
            "package cart\n\n// Discount takes a percentage off.\nfunc Discount(total, percent int)"
            " int {\n\treturn total * (100 - percent) / 100\n}\n"
        ),
    ),
    new_test=(
        "cart/discount_test.go",
        (
            'package cart\n\nimport "testing"\n\nfunc TestDiscount(t *testing.T) {\n\tif got :='
            ' Discount(200, 10); got != 180 {\n\t\tt.Errorf("got %d", got)\n\t}\n}\n'
        ),
    ),
    command="go test -count=1 ./...",
    truth="go run ./cmd/ask",
    needs="go",
    elsewhere={
        "TestMain drops the code": (
            "go test -count=1 ./...",
            {
                "cart/main_test.go": (
                    'package cart\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestMain(m'
                    " *testing.M) {\n\tm.Run()\n\tos.Exit(0)\n}\n"
                )
            },
        ),
        "a test leaves with 0": (
            "go test -count=1 ./...",
            {"cart/a_test.go": 'package cart\n\nimport "os"\n\nfunc init() {\n\tos.Exit(0)\n}\n'},
        ),
        "code that knows its judge": (
            "go test -count=1 ./...",
            {
                "cart/cart.go": (
                    ADD_GO.replace(
                        'import "errors"', 'import (\n\t"errors"\n\t"os"\n\t"strings"\n)'
                    ).replace(
                        "int { return a + b }",
                        'int {\n\tif strings.HasSuffix(os.Args[0], ".test") {\n\t\treturn a - 0 +'
                        " b\n\t}\n\treturn 0\n}",
                    )
                )
            },
        ),
    },
)
RUNNABLE = (PYTHON, NODE, GO)
