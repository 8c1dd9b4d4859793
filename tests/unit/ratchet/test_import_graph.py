"""What tests reach, by their imports."""

import pytest

from nightlatch.ratchet.mutation.import_graph import reached, users

PY = [
    "src/pkg/__init__.py",
    "src/pkg/a.py",
    "src/pkg/b.py",
    "src/pkg/sub/__init__.py",
    "src/pkg/sub/c.py",
    "setup.py",
]
JS = ["src/a.js", "src/b.ts", "src/c/index.ts", "lib/a.js", "index.js"]
GO = ["main.go", "ring/ring.go", "ring/node.go", "list/list.go"]
RUST = ["src/lib.rs", "src/a.rs", "src/b.rs", "other/src/lib.rs"]


@pytest.mark.parametrize(
    ("path", "text", "sources", "found"),
    [
        ("tests/test_x.py", "import pkg.a", PY, ("src/pkg/a.py",)),
        (
            "tests/test_x.py",
            "from pkg import (\n  a,\n  thing)",
            PY,
            ("src/pkg/a.py", "src/pkg/__init__.py"),
        ),
        ("tests/test_x.py", "from pkg.sub.c import f, g", PY, ("src/pkg/sub/c.py",)),
        (
            "src/pkg/tests/test_x.py",
            "from ..sub import c\nfrom ... import pkg",
            PY,
            ("src/pkg/sub/c.py", "src/pkg/__init__.py"),
        ),
        ("test_x.py", "def test():\n    from setup import x", PY, ("setup.py",)),
        ("tests/a.test.js", "import { a } from '../src/a.js';", JS, ("src/a.js",)),
        (
            "tests/a.test.ts",
            "import b from '../src/b.js'\nvi.mock('../src/c')",
            JS,
            ("src/b.ts", "src/c/index.ts"),
        ),
        (
            "tests/a.test.ts",
            "const b = require('@/src/b'); await import(`../index`)",
            JS,
            ("src/b.ts", "index.js"),
        ),
        ("ring/ring_test.go", "package ring", GO, ("ring/node.go", "ring/ring.go")),
        (
            "ring/ring_test.go",
            'package ring_test\nimport (\n\t"testing"\n\t"example.com/me/x/list"\n)\n',
            GO,
            ("ring/node.go", "ring/ring.go", "list/list.go"),
        ),
        (
            "ring/ring_test.go",
            'package ring_test\n\nimport "example.com/me/x"\n',
            GO,
            ("ring/node.go", "ring/ring.go", "main.go"),
        ),
        ("tests/it.rs", "use mine::b::f;", RUST, ("src/b.rs", "src/a.rs", "src/lib.rs")),
        (
            "tests/test_a.py",
            "import subprocess",
            ["src/pkg/a.py", "src/pkg/b.py"],
            ("src/pkg/a.py",),
        ),
        ("pkg/test_x.py", "(", ["b.py", "pkg/a.py", "x.css"], ("pkg/a.py", "b.py")),
        ("tests/a.txt", "", [], ()),
    ],
)
def test_imports_lead_to_sources(
    path: str, text: str, sources: list[str], found: tuple[str, ...]
) -> None:
    assert reached({path: text}, sources) == found


def test_what_is_imported_by_what_is_imported_comes_later() -> None:
    texts = {
        "a.py": "import b",
        "b.py": "import c",
        "c.py": "import a",
        "tests/help.py": "import d",
        "d.py": "",
    }
    sources = ["a.py", "b.py", "c.py", "d.py"]
    found = reached(
        {"tests/test_x.py": "from help import *\nimport a"},
        sources,
        ["tests/help.py"],
        texts.__getitem__,
    )
    assert found == ("a.py", "d.py", "b.py", "c.py")
    assert reached({"tests/test_x.py": "import a"}, sources, (), texts.__getitem__, 2) == (
        "a.py",
        "b.py",
    )


def test_fixtures_lead_to_sources_through_conftest() -> None:
    texts = {"tests/conftest.py": "import a", "a.py": ""}
    tests = {"tests/sub/test_x.py": "def test(calc): calc()"}
    assert reached(tests, ["a.py", "b.py"], ["tests/conftest.py"], texts.__getitem__) == ("a.py",)


def test_a_helper_has_its_users() -> None:
    tests = {
        "tests/test_a.py": "from helpers import near",
        "tests/test_b.py": "import x",
        "tests/more.py": "import tests.helpers",
    }
    tests |= {"tests/test_c.py": "from .more import *"}
    assert users(["tests/helpers.py"], tests) == {
        "tests/helpers.py",
        "tests/test_a.py",
        "tests/more.py",
        "tests/test_c.py",
    }
    assert users(["tests/conftest.py"], tests) == {"tests/conftest.py", *tests}
