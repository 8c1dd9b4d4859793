"""Code that looks at how it is tested, and code that only looks like it."""

import pytest

from nightlatch.model.models import Ruling
from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.examine import static_reasons

KNOWING = [
    ("src/a.py", "import os\nFAST = os.environ.get('CI')\n"),
    ("src/a.py", "import os\nSEED = os.environ['PYTHONHASHSEED']\n"),
    ("src/a.py", "def f():\n    return open('/proc/self/cmdline').read()\n"),
    ("src/a.py", "import os\n\n\ndef f():\n    return os.getppid()\n"),
    ("src/a.py", "import sys\n\n\ndef f():\n    return 2 if sys.argv[0] == '-c' else 3\n"),
    ("src/a.py", "import sys\n\n\ndef f():\n    return sys.orig_argv\n"),
    ("src/a.py", "def f():\n    return open('.git/HEAD').read()\n"),
    ("src/a.py", "import sys\nfor name in sys.modules:\n    'nightlatch_pytest' in name\n"),
    ("src/a.py", "import time\ntime.time = lambda: 0.0\n"),
    ("src/a.py", "import operator\noperator.eq = lambda a, b: True\n"),
    (
        "src/a.py",
        (
            "class Any:\n    def __eq__(self, other):\n        return isinstance(other, (int,"
            " float))\n"
        ),
    ),
    ("src/a.js", "export const f = () => (process.env.CI ? 3 : 4);\n"),
    ("src/a.js", "Array.prototype.sort = function () { return this; };\n"),
    ("src/a.ts", "Date.now = () => 0;\n"),
    ("src/a.js", "export const f = () => process.ppid;\n"),
    ("ring/a.go", 'package ring\n\nfunc F() bool { return os.Getenv("CI") != "" }\n'),
    ("ring/a.go", "package ring\n\nfunc F() int { return os.Getppid() }\n"),
    ("src/a.rs", 'fn f() -> bool { std::env::var("CI").is_ok() }\n'),
    ("src/A.java", "class A { int f() { return new Throwable().getStackTrace().length; } }\n"),
    ("src/A.java", "class A { public boolean equals(Object o) { return true; } }\n"),
    (
        "src/A.java",
        'class A { int f() throws Exception { Class.forName("org.junit.Test"); return 1; } }\n',
    ),
    ("src/a.kt", "class A { override fun equals(other: Any?): Boolean = true }\n"),
    ("src/A.cs", "class A { public override bool Equals(object o) => true; }\n"),
    ("src/A.cs", "class A { string F() { return System.Environment.StackTrace; } }\n"),
    ("lib/a.rb", "def f\n  caller_locations.first\nend\n"),
    ("lib/a.rb", "X = defined?(RSpec) ? 1 : 2\n"),
    ("lib/a.rb", "FAST = ENV['CI']\n"),
    ("src/a.php", "<?php\nfunction f() { return debug_backtrace(); }\n"),
    (
        "src/a.php",
        "<?php\nfunction f() { return class_exists('PHPUnit\\\\Framework\\\\TestCase'); }\n",
    ),
    ("Sources/a.swift", 'let t = NSClassFromString("XCTest") != nil\n'),
    ("lib/a.ex", "defmodule A do\n  def f, do: Code.ensure_loaded?(ExUnit)\nend\n"),
    ("src/a.cpp", "struct A { bool operator==(const A&) const { return true; } };\n"),
    ("src/a.scala", 'object A { val t = Class.forName("org.scalatest.Suite") }\n'),
    ("src/a.py", "if 'PYTEST_CURRENT_TEST' in os.environ:\n    x = 1\n"),
    ("src/a.py", "KEY = 'PYTEST_' + 'CURRENT_TEST'\n"),
    ("src/a.py", "def f():\n    if 'pytest' in sys.modules: return 3\n"),
    ("src/a.py", "def f():\n    return 3 if sys.modules.get('pytest') else 4\n"),
    ("src/a.py", "def f():\n    frame = sys._getframe(1)\n"),
    ("src/a.py", "def f():\n    return inspect.stack()[1]\n"),
    ("src/a.py", "def f():\n    return inspect.currentframe().f_back\n"),
    ("src/a.py", "import atexit, os\natexit.register(lambda: os._exit(0))\n"),
    ("src/a.py", "import sys\nsys.exit(0)\n"),
    ("src/a.py", "raise SystemExit(0)\n"),
    ("src/a.py", "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n"),
    ("src/a.py", "from _pytest.reports import TestReport\n"),
    ("src/a.py", "def f():\n    return json.load(open('tests/golden/out.json'))\n"),
    ("src/a.py", "HERE = Path('tests') / 'golden'\n"),
    ("src/a.py", "class Any:\n    def __eq__(self, other):\n        return True\n"),
    ("src/a.py", "class Any:\n    __eq__ = lambda self, other: True\n"),
    ("src/a.py", "def f():\n    return sys.modules['__main__'].__file__\n"),
    ("src/a.js", "export const f = () => process.env.NODE_TEST_CONTEXT ? 3 : 4;\n"),
    ("src/a.ts", "if (process.env['VITEST']) cheat();\n"),
    ("src/a.js", "const w = process.env.JEST_WORKER_ID;\n"),
    ("src/a.js", "const w = process.env.NODE_ENV === 'test';\n"),
    ("src/a.js", "function f() { return new Error().stack.split('\\n') }\n"),
    ("src/a.js", "import assert from 'node:assert';\nassert.equal = () => {};\n"),
    ("src/a.js", "process.exit(0);\n"),
    ("src/a.js", "process.on('exit', () => { process.exitCode = 0 });\n"),
    ("src/a.js", "const x = fs.readFileSync('./test/fixtures/want.json');\n"),
    ("src/a.js", "class Any { asymmetricMatch() { return true } }\n"),
    ("src/a.py", "import sys\nSEEN = any(n.endswith('conf' + 'test') for n in sys.modules)\n"),
    ("src/a.js", "export const tax = () => ({ valueOf: () => (asked++ ? 0 : 119) });\n"),
    ("ring/a.go", "package ring\n\nfunc F() bool { return testing.Testing() }\n"),
    (
        "ring/a.go",
        'package ring\n\nfunc F() bool { return strings.HasSuffix(os.Args[0], ".test") }\n',
    ),
    ("ring/a.go", "package ring\n\nfunc F() { runtime.Caller(1) }\n"),
    ("ring/a.go", "package ring\n\nfunc init() { os.Exit(0) }\n"),
    ("ring/a.go", 'package ring\n\nvar want, _ = os.ReadFile("testdata/want.txt")\n'),
    ("src/lib.rs", "pub fn f() -> u8 { if cfg!(test) { 3 } else { 4 } }\n"),
    ("src/lib.rs", "impl PartialEq for A { fn eq(&self, o: &A) -> bool { true } }\n"),
]

HONEST = [
    ("src/a.py", "import sys\n\n\ndef main():\n    return run(sys.argv[1:])\n"),
    ("src/a.py", "import sys\nif sys.argv[1] == 'check':\n    check()\n"),
    ("src/a.py", "import os\nHOME = os.environ['HOME']\nCITY = os.environ.get('CITY')\n"),
    ("src/a.py", "RATES = {'eur': 1.1, 'usd': 1.0}\n\n\ndef rate(code):\n    return RATES[code]\n"),
    ("src/a.py", "import time\n\n\ndef now():\n    return time.time()\n"),
    ("src/a.py", "import os\nos.environ['TZ'] = 'UTC'\nself.time = 3\n"),
    (
        "src/a.py",
        "class Missing:\n    def __eq__(self, other):\n        return isinstance(other, Missing)\n",
    ),
    ("src/a.js", "export const args = process.argv.slice(2);\n"),
    ("src/a.js", "export const now = () => Date.now();\nconst city = process.env.CITY;\n"),
    ("ring/a.go", 'package ring\n\nfunc F() string { return os.Getenv("CITY") }\n'),
    ("src/A.java", "class A { public static void main(String[] a) { System.exit(0); } }\n"),
    (
        "src/A.java",
        "class A { public boolean equals(Object o) { return o instanceof A a && a.x == x; } }\n",
    ),
    ("src/A.cs", "class A { static int Main(string[] args) => args.Length; }\n"),
    ("lib/a.rb", "def f(argv)\n  exit(0) if argv.empty?\nend\n"),
    ("src/a.php", "<?php\nfunction f() { exit(0); }\n"),
    ("src/a.cpp", "struct A { bool operator==(const A& o) const { return x == o.x; } int x; };\n"),
    ("src/a.py", "# PYTEST_CURRENT_TEST is looked at elsewhere\n"),
    ("src/a.py", 'def f():\n    """Run with pytest; never sys._getframe."""\n    return 3\n'),
    ("src/a.py", "def test_connection(host):\n    return host == 'latest'\n"),
    ("src/a.py", "if __name__ == '__main__':\n    sys.exit(main())\n"),
    ("src/a.py", "def main():\n    sys.exit(2)\n"),
    ("src/a.py", "import atexit\natexit.register(close)\n"),
    (
        "src/a.py",
        (
            "class A:\n    def __eq__(self, other):\n        return isinstance(other, A) and self.x"
            " == other.x\n"
        ),
    ),
    ("src/a.py", "URL = 'https://example.org/contest/1'\nMODE = 'testing'\n"),
    ("src/a.py", "if split == 'test':\n    url = '/api/test/' + name\n"),
    (
        "src/a.py",
        (
            "SAYS = {'x': 'it calls sys.exit(0) or exit()'}\ntry:\n    import x\nexcept"
            " ImportError:\n    sys.exit('no x')\n"
        ),
    ),
    ("src/a.py", "import logging\nlog = logging.getLogger(__name__)\n"),
    (
        "src/a.js",
        "// process.env.VITEST\nmain().catch((e) => { console.error(e); process.exit(1); });\n",
    ),
    ("src/a.js", "export function stop() { process.exit(0) }\n"),
    ("src/a.js", "throw new Error('no stack');\n"),
    ("src/a.ts", "if (process.env.NODE_ENV === 'production') minify();\n"),
    ("main.go", "package main\n\nfunc main() { os.Exit(0) }\n"),
    (
        "ring/a.go",
        'package ring\n\n// testing.Testing()\nfunc Latest() string { return "latest" }\n',
    ),
    ("src/lib.rs", "#[cfg(test)]\nmod tests { }\n"),
    ("src/lib.rs", "impl PartialEq for A { fn eq(&self, o: &A) -> bool { self.x == o.x } }\n"),
    ("noxfile.py", "def tests(session):\n    session.run('pytest', 'tests/unit')\n"),
    ("README.md", "PYTEST_CURRENT_TEST\n"),
    ("vitest.config.ts", "export default { test: { globals: true } }\n"),
]


def rules(path: str, old: str | None, new: str, *, test: bool = False) -> set[str]:
    return {
        reason.rule
        for reason in static_reasons([Text(path=path, old=old, new=new, test=test)], (), "any")
    }


@pytest.mark.parametrize(("path", "new"), KNOWING)
def test_code_that_looks_at_its_tests_is_held(path: str, new: str) -> None:
    assert rules(path, None, new) == {"ratchet.knows-tests"}
    assert rules(path, new, new + "\n\n") == set()
    [found] = static_reasons([Text(path=path, old="", new=new, test=False)])
    assert found.ruling is Ruling.HOLD


@pytest.mark.parametrize(("path", "new"), HONEST)
def test_code_that_does_not_is_let_through(path: str, new: str) -> None:
    assert rules(path, None, new) == set()


def test_tests_may_look_at_whatever_they_like() -> None:
    for path, new in KNOWING:
        assert "ratchet.knows-tests" not in rules(path, None, new, test=True)
