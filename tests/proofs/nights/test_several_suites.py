"""A whole night on a repository with pytest, vitest and a Go module in three folders, default
settings."""

import json
import shutil
from pathlib import Path

import pytest

from tests import PATIENCE
from tests.proofs.docs.test_cookbook_languages import VITEST, linked
from tests.stories.fixtures import assert_morning, lay, project_at
from tests.stories.sample_project import Project

NEEDED = pytest.mark.skipif(
    VITEST is None or shutil.which("go") is None,
    reason="run tests/proofs/corpus/install.sh first, and install go",
)
pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("python_with_pytest"), NEEDED]
GO = (
    "package stock\n\n// Left says how many are left.\nfunc Left(have, sold int) int { return have"
    " - sold }\n"
)
GO_TEST = (
    'package stock\n\nimport "testing"\n\nfunc TestLeft(t *testing.T) {\n\tif Left(3, 1) != 2'
    ' {\n\t\tt.Error("no")\n\t}\n}\n'
)
CART = "export const total = (prices: number[]) => prices.reduce((sum, one) => sum + one, 0);\n"
CART_TEST = 'import { expect, test } from "vitest";\nimport { total } from "./cart";\n'
CART_TEST += 'test("adds up", () => expect(total([1, 2])).toBe(3));\n'
FILES = {
    "pyproject.toml": "[tool.pytest.ini_options]\n",
    ".gitignore": "node_modules/\n__pycache__/\n",
    "till.py": "def price(cents, count):\n    return cents * count\n",
    "tests/test_till.py": (
        "from till import price\n\n\ndef test_price():\n    assert price(40, 3) == 120\n"
    ),
    "web/package.json": (
        '{"type": "module", "scripts": {"test": "vitest run"}, "devDependencies": {"vitest":'
        ' "3"}}\n'
    ),
    "web/src/cart.ts": CART,
    "web/src/cart.test.ts": CART_TEST,
    "svc/go.mod": "module example.org/shop/stock\n\ngo 1.19\n",
    "svc/stock.go": GO,
    "svc/stock_test.go": GO_TEST,
}
COUNT = (
    'import { expect, test } from "vitest";\nimport { count } from "./count";\ntest("counts", () =>'
    " expect(count([1, 2])).toBe(2));\n"
)
SOLD = (
    'package stock\n\nimport "testing"\n\nfunc TestSold(t *testing.T) {\n\tfor left, sold := range'
    " map[int]int{0: 5, 5: 0} {\n\t\tif found := Sold(5, left); found != sold"
    ' {\n\t\t\tt.Errorf("%d", found)\n\t\t}\n\t}\n}\n'
)
HONEST = {
    "US-001": {
        "tax.py": "def gross(net):\n    return net * 120 // 100\n",
        "tests/test_tax.py": (
            "from tax import gross\n\n\ndef test_gross():\n    assert gross(100) == 120\n"
        ),
    },
    "US-002": {
        "web/src/count.ts": "export const count = (prices: number[]) => prices.length;\n",
        "web/src/count.test.ts": COUNT,
    },
    "US-003": {
        "svc/sold.go": (
            "package stock\n\n// Sold says how many are sold.\nfunc Sold(have, left int) int {"
            " return have - left }\n"
        ),
        "svc/sold_test.go": SOLD,
    },
}
TAMPERED = {
    "US-004": ["web/src/cart.test.ts", "web/src/cart.ts"],
    "US-005": ["svc/stock_test.go"],
    "US-006": ["tests/test_till.py"],
}


def shop(folder: Path) -> Project:
    """The repository with what npm would have made, and six features: three done honestly,
    three with a test lost on the way."""
    assert VITEST is not None
    project = project_at(folder / "shop", folder)
    project.folder.mkdir()
    project.git("init", "-q", "-b", "main")
    names = {
        "US-001": "Tax",
        "US-002": "Count",
        "US-003": "Sold",
        "US-004": "A page",
        "US-005": "A shelf",
        "US-006": "A drawer",
    }
    stories = [
        {
            "id": name,
            "title": title,
            "priority": n,
            "passes": False,
            "acceptanceCriteria": [f"{title} works"],
        }
        | ({"verify": f"test -f {title.split()[-1]}.txt"} if name in TAMPERED else {})
        for n, (name, title) in enumerate(names.items(), 1)
    ]
    settings = 'agent = ["scripted"]\n[limits]\nattempts = 1\n'
    lay(
        project.folder,
        {
            **FILES,
            "prd.json": json.dumps({"userStories": stories}, indent=2) + "\n",
            "loop.toml": settings,
        },
    )
    shutil.copytree(
        VITEST, project.folder / "web/node_modules", copy_function=linked, symlinks=True
    )
    project.commit("a small shop")
    return project


def script() -> dict[str, list[list[dict[str, str]]]]:
    told = {
        name: [[{"write": file, "text": text} for file, text in files.items()]]
        for name, files in HONEST.items()
    }
    words = {"US-004": "page", "US-005": "shelf", "US-006": "drawer"}
    told |= {
        n: [[{"write": f"{words[n]}.txt", "text": "x\n"}, *({"delete": file} for file in files)]]
        for n, files in TAMPERED.items()
    }
    return told


def test_a_night_on_three_suites_lands_what_is_honest_and_names_every_suite(tmp_path: Path) -> None:
    project = shop(tmp_path)
    said = project.run("init", "--commit").stdout
    for name in ("pytest", "svc (go test)", "web (vitest)"):
        assert f"found   suite {name}: its tests are protected by id, with mutation\n" in said
    settings = project.folder / "loop.toml"
    settings.write_text(settings.read_text() + '[workspace]\nshare = ["web/node_modules"]\n')
    project.commit("share what npm made")
    process = project.start("run", env={"NIGHTLATCH_SCRIPT": str(project.script(script()))})
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, f"{out}\n{err}"
    outcomes = [
        (word, name) for word, name, _ in project.outcomes() if word in ("landed", "rejected")
    ]
    assert outcomes == [("landed", name) for name in HONEST] + [
        ("rejected", name) for name in TAMPERED
    ], f"{out}\n{err}"
    rules = {name: rule for word, name, rule in project.outcomes() if word == "rejected"}
    assert set(rules.values()) <= {"ratchet.test-removed", "ratchet.test-failed"}, rules
    trailers = project.git("log", "--format=%(trailers:unfold)", ":/^US-003").splitlines()
    assert (
        "Nightlatch-Tests: 6 pass, 0 fail, 0 skipped in pytest, svc (go test), web (vitest)"
        in trailers
    )
    assert "in pytest, svc (go test), web (vitest)" in project.run("report", code=None).stdout
    assert_morning(project, project.outcomes(), passing=[*HONEST])


def test_doctor_names_the_suites_and_what_nothing_runs(tmp_path: Path) -> None:
    project = shop(tmp_path)
    lay(
        project.folder,
        {
            "examples/web/a.test.ts": CART_TEST,
            "examples/web/package.json": '{"devDependencies": {"vitest": "3"}}',
        },
    )
    project.run("init", "--commit")
    project.commit("an example")
    done = project.run("doctor", code=None)
    assert "web (vitest) cannot be started" in done.stdout  # nothing shares web/node_modules
    assert (
        "ok    suite: svc (go test): 1 pass, 0 fail, 0 skipped; protected by id, with mutation"
        in done.stdout
    )
    assert "1 test file in examples is run by nothing: examples/web/a.test.ts" in done.stdout
