"""A night on a Python project with pytest and on a TypeScript one with node's test runner: what
is proved passes, the rest says so."""

import shutil
from pathlib import Path

import pytest

from tests.stories.fixtures import assert_morning, plant

pytestmark = pytest.mark.sandbox


def story(
    n: int, title: str, *criteria: str, priority: int = 0, **more: object
) -> dict[str, object]:
    """One user story as snarktank's ralph writes them."""
    texts = {
        "title": title,
        "description": f"As a clerk, I want this: {title}",
        "acceptanceCriteria": [*criteria, "All tests pass"],
    }
    return {
        "id": f"US-{n:03}",
        **texts,
        "priority": priority or n,
        "passes": False,
        "notes": "",
        **more,
    }


PYTHON = {
    "pyproject.toml": (
        '[tool.pytest.ini_options]\ntestpaths = ["tests"]\npythonpath = ["src"]\naddopts = "-q'
        ' --strict-markers"\n'
    ),
    ".gitignore": "__pycache__/\n.pytest_cache/\n",
    "src/shop/__init__.py": "",
    "src/shop/till.py": "def total(prices):\n    return sum(prices)\n",
    "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef prices():\n    return [40, 60]\n",
    "tests/test_till.py": (
        "from shop.till import total\n\n\ndef test_total(prices):\n    assert total(prices) =="
        " 100\n"
    ),
    "tests/test_discount.py": (
        "def test_discount(prices):\n    from shop.discount import reduced\n\n    assert"
        " reduced(prices, 10) == [36, 54]\n"
    ),
}
PYTHON_STORIES = [
    story(
        1,
        "Tax",
        "shop.tax.gross adds 20 %",
        priority=2,
        verify="python3 -m pytest tests/test_tax.py",
    ),
    story(
        2,
        "Discount",
        "shop.discount.reduced lowers prices by percent",
        priority=1,
        verify="python3 -m pytest tests/test_discount.py",
    ),
    story(3, "Count", "shop.till.count says how many"),
    story(4, "Receipt", "shop.receipt prints a line a price"),
    story(
        5,
        "Signed receipt",
        "receipts carry a name",
        dependsOn=["US-004"],
        verify=[
            "test -f src/shop/receipt.py",
            "PYTHONPATH=src python3 -c 'from shop.receipt import SIGNED; assert SIGNED'",
        ],
    ),
]
PYTHON_AGENT = r"""
case $NIGHTLATCH_FEATURE in
US-001) printf 'def gross(net):\n    return net * 120 // 100\n' > src/shop/tax.py
        printf 'from shop.tax import gross\n\n\ndef test_gross():\n    assert gross(100) == 120\n' > tests/test_tax.py;;
US-002) printf 'def reduced(prices, percent):\n    return [p * (100 - percent) // 100 for p in prices]\n' > src/shop/discount.py;;
US-003) printf '\n\ndef count(prices):\n    return len(prices)\n' >> src/shop/till.py
        printf 'from shop import till\n\n\ndef test_count(prices):\n    assert till.count(prices) == 2\n' > tests/test_count.py;;
US-004) printf 'def lines(prices):\n    return [str(p) for p in prices]\n' > src/shop/receipt.py;;
US-005) printf '\n\nSIGNED = True\n' >> src/shop/receipt.py;;
esac
python3 -m pytest
"""


@pytest.mark.usefixtures("python_with_pytest")
def test_a_night_on_a_python_project_with_pytest(tmp_path: Path) -> None:
    project = plant(tmp_path, PYTHON, PYTHON_STORIES, agent=PYTHON_AGENT, branch="ralph/shop")
    assert "test runner pytest" in project.run("init", "--commit").stdout
    set_up = project.git("rev-parse", "HEAD")
    done = project.run("run", code=3)
    told = [("unproved" if n == 4 else "landed", f"US-{n:03}", "") for n in (2, 1, 3, 4, 5)]
    assert_morning(
        project, told, passing=["US-001", "US-002", "US-003", "US-005"], branch="ralph/shop"
    )
    assert "nothing left to run: US-004" in done.stdout
    assert project.git("rev-parse", "main") == set_up
    assert project.git("rev-list", "--count", "main..ralph/shop").strip() == "6"
    assert project.git("show", "--name-only", "--format=", ":/^US-003").split() == [
        "prd.json",
        "progress.txt",
        "src/shop/till.py",
        "tests/test_count.py",
    ]
    trailers = project.git("log", "-1", "--format=%(trailers:unfold)", ":/^US-002").splitlines()
    assert {"Nightlatch-Tests: 2 pass, 0 fail, 0 skipped", "Nightlatch-Verify: red->green"} <= set(
        trailers
    )


STRIP = """import { readFile } from "node:fs/promises";
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";

if (isMainThread) register(import.meta.url);

export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const text = await readFile(new URL(url), "utf8");
  const source = text.replace(/^export type .*$/gm, "").replace(/: (number|string|Price)(\\[\\])?(?=[,) {])/g, "");
  return { format: "module", shortCircuit: true, source };
}
"""
TYPESCRIPT = {
    "package.json": (
        '{"name": "shop", "type": "module", "scripts": {"test": "node --import ./tools/strip.mjs'
        ' --test tests/*.test.ts"}}\n'
    ),
    "tsconfig.json": (
        '{"compilerOptions": {"strict": true, "module": "nodenext", "noEmit": true}}\n'
    ),
    ".gitignore": "node_modules/\n",
    "tools/strip.mjs": STRIP,
    "src/till.ts": (
        "export type Price = number;\nexport function total(prices: Price[]): number {\n  return"
        " prices.reduce((a, b) => a + b, 0);\n}\n"
    ),
    "tests/till.test.ts": (
        'import assert from "node:assert/strict";\nimport { describe, it } from'
        ' "node:test";\nimport { total } from "../src/till.ts";\n\ndescribe("the till", () => {\n '
        ' it("adds", () => assert.equal(total([40, 60]), 100));\n});\n'
    ),
}
NODE = "node --import ./tools/strip.mjs"
COUNTS = f"""{NODE} -e 'import("./src/till.ts").then((m) => process.exit(m.count([1, 2]) - 2))'"""
TYPESCRIPT_STORIES = [
    story(1, "Tax", "gross adds 20 %", verify=f"{NODE} --test tests/tax.test.ts"),
    story(2, "Count", "count says how many", verify=COUNTS),
    story(3, "Average", "average of no prices is 0"),
    story(4, "Receipt", "a line for each price"),
    story(
        5,
        "Signed receipt",
        "receipts carry a name",
        dependsOn=["US-004"],
        verify="grep -q 'signed = .Ada.;' src/receipt.ts",
    ),
]
TYPESCRIPT_AGENT = r"""
proof() {
  printf 'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { %s } from "../src/%s.ts";\n\n' "$2" "$1"
  printf 'test("%s", () => assert.equal(%s, %s));\n' "$2" "$3" "$4"
}
case $NIGHTLATCH_FEATURE in
US-001) echo 'export function gross(net: number): number { return (net * 120) / 100; }' > src/tax.ts
        proof tax gross 'gross(100)' 120 > tests/tax.test.ts;;
US-002) echo 'export function count(prices: Price[]): number { return prices.length; }' >> src/till.ts;;
US-003) echo 'export function average(prices: Price[]): number { return total(prices) / (prices.length || 1); }' >> src/till.ts
        proof till average 'average([])' 0 > tests/average.test.ts;;
US-004) echo 'export function lines(prices: number[]): string[] { return prices.map(String); }' > src/receipt.ts;;
US-005) echo 'export const signed = "Ada";' >> src/receipt.ts;;
esac
npm test 2>/dev/null || node --import ./tools/strip.mjs --test tests/*.test.ts
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_night_on_a_typescript_project_with_nodes_own_runner(tmp_path: Path) -> None:
    project = plant(
        tmp_path, TYPESCRIPT, TYPESCRIPT_STORIES, agent=TYPESCRIPT_AGENT, branch="ralph/shop"
    )
    assert "test runner node --test" in project.run("init", "--commit").stdout
    done = project.run("run", code=3)
    told = [("unproved" if n == 4 else "landed", f"US-{n:03}", "") for n in (1, 2, 3, 4, 5)]
    assert_morning(
        project, told, passing=["US-001", "US-002", "US-003", "US-005"], branch="ralph/shop"
    )
    assert "nothing left to run: US-004" in done.stdout
    assert project.git("rev-list", "--count", "main..ralph/shop").strip() == "6"
    trailers = project.git("log", "-1", "--format=%(trailers:unfold)", ":/^US-003").splitlines()
    assert "Nightlatch-Tests: 3 pass, 0 fail, 0 skipped" in trailers
