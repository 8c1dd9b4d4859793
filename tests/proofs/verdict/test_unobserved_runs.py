"""What passes only where it can be seen that the loop runs it never lands, however it finds
that out; honest work beside it does."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest

from nightlatch.git.open import open_repo
from nightlatch.model.models import Outcome
from nightlatch.sandbox.base import SandboxSpec, environment
from nightlatch.sandbox.find import find_sandbox
from nightlatch.sandbox.none import NoSandbox
from nightlatch.suite.run_io import CommandRunner
from nightlatch.verdict.engine_io import VerdictEngine
from nightlatch.workspace import workspace
from nightlatch.workspace.workspace import OBJECTS_INSIDE
from tests import PATIENCE
from tests.io.verdict.world import BASE, CALC, PROSE, SUB, TEST_SUB, World, rules
from tests.io.verdict.world import world as world  # the fixture
from tests.proofs.verdict.test_mutation import NODE

ONLY, ELSEWHERE = "unwatched.fails", "unwatched.differs"
ALIKE = frozenset({"unwatched"})
ASK = "\n\ndef sub(a, b):\n    return a - b if {} else 0\n"
# Each finds out that it is tested, in words that no reading of the text understands.
KNOWS = {
    "a variable, by getattr": (
        "import os\n",
        "getattr(os, 'envi' + 'ron').get(bytes.fromhex('505954455354').decode() + '_CURRENT_TEST')",
    ),
    "a variable, by the C library": (
        "import ctypes\n",
        "ctypes.CDLL(None)['get' + 'env'](b'TSET_TNERRUC_TSETYP'[::-1])",
    ),
    "loaded modules, spelt backwards": ("import sys\n", "'tsetyp'[::-1] in vars(sys)['modules']"),
    "objects of the collector": (
        "import importlib\nimport types\n",
        (
            "any(isinstance(o, types.ModuleType) and o.__name__.endswith('tsetyp'[::-1])"
            " for o in getattr(importlib.import_module('g' + 'c'), 'get_' + 'objects')())"
        ),
    ),
    "the stack, by way of an error": (
        (
            "def above():\n    names = []\n    try:\n        raise ValueError\n    except"
            " ValueError as error:\n        frame = error.__traceback__.tb_frame\n        while"
            " frame:\n            names.append(frame.f_code.co_name)\n            frame ="
            " getattr(frame, 'kcab_f'[::-1])\n    return names\n"
        ),
        "any(name.startswith('_tset'[::-1]) for name in above())",
    ),
    "the words that it was started with": (
        "import sys\n",
        "any('tset' + 'yp' in w[::-1] for w in vars(sys)['vgra'[::-1]])",
    ),
    "the process, by its folder in /proc": (
        "from pathlib import Path\n",
        (
            "b'hctalthgin'[::-1] in Path('/', 'proc', 'flesdaerht'[:4][::-1],"
            " 'enildmc'[::-1]).read_bytes()"
        ),
    ),
    "a file of code": (
        (
            "from pathlib import Path\n\nSAYS ="
            " Path(__file__).with_name('rates.dat').read_bytes()[::-1]\n"
        ),
        "eval(SAYS)",
    ),
    "the hash of a word": ("", "hash('a') == {seed}"),
    "subclasses of object": (
        "",
        "any('tsetyp_'[::-1] in kind.__module__ for kind in object.__subclasses__())",
    ),
    "the finders of modules": (
        "import sys\n",
        "any('tsetyp'[::-1] in type(f).__module__ for f in vars(sys)['htap_atem'[::-1]])",
    ),
    "exceptions of everybody": (
        "",
        "any('tsetyp'[::-1] in k.__module__ for k in BaseException.__subclasses__())",
    ),
}


def seed() -> int:
    """The hash of a word in a process with the hash seed of the loop's runs."""
    said = subprocess.run(
        [sys.executable, "-c", "print(hash('a'))"],
        env={"PYTHONHASHSEED": "0"},
        capture_output=True,
        check=True,
    )
    return int(said.stdout)


@pytest.mark.parametrize("name", KNOWS)
def test_code_that_knows_its_judge_never_lands(world: World, name: str) -> None:
    head, asks = KNOWS[name]
    asks = asks.replace("{seed}", str(seed()) if "{seed}" in asks else "")
    candidate = {"calc.py": head + CALC + ASK.format(asks), "test_sub.py": TEST_SUB}
    candidate["rates.dat"] = "('TSET_TNERRUC_TSETYP'[::-1]) in __import__('os').environ"[::-1]
    verdict = world.examine(BASE, candidate)
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, [ONLY]), verdict


EVADES = {
    "a module that is said to be missing": "raise ModuleNotFoundError('calc', name='calc')",
    "a skip": "raise __import__('unittest').SkipTest('later')",
    "an end of the process": "getattr(os, '_' + 'tixe'[::-1])(0)",
    "an end with an error": "raise SystemExit(0)",
    "no end": "[None for _ in iter(int, 1)]",
}


@pytest.mark.parametrize("name", EVADES)
def test_a_way_out_where_nobody_watches_is_none(world: World, name: str) -> None:
    """Whoever leaves a trial that cannot be finished by chance has failed it, as long as the
    same call ends well where it is watched."""
    head = f"import os\nimport sys\n{CALC}"
    code = (
        f"{head}\n\ndef sub(a, b):\n    if 'tsetyp'[::-1] not in vars(sys)['modules']:\n       "
        f" {EVADES[name]}\n    return a - b\n"
    )
    engine = world.engine(hands=CommandRunner(sandbox=NoSandbox(), timeout=PATIENCE))
    first = world.commit(BASE)
    tree = world.repo.tree_of(world.commit({"calc.py": code, "test_sub.py": TEST_SUB}, first))
    verdict = engine.examine(first, tree, PROSE)
    assert ONLY in rules(verdict), verdict
    assert verdict.outcome is Outcome.REJECTED


def test_a_test_that_only_its_framework_can_call_is_called_without_it_in_sight(
    world: World,
) -> None:
    """The fixture caplog is pytest's own, so the plain command runs; it takes itself out of
    sight, and a person decides."""
    head, asks = KNOWS["loaded modules, spelt backwards"]
    test = (
        "from calc import sub\n\n\ndef test_sub(caplog):\n    assert sub(3, 1) == 2\n    assert"
        " caplog.text == ''\n"
    )
    verdict = world.examine(BASE, {"calc.py": head + CALC + ASK.format(asks), "test_sub.py": test})
    assert (verdict.outcome, rules(verdict)) == (Outcome.HELD, [ELSEWHERE]), verdict
    assert "its test framework in sight" in verdict.reasons[0].detail[0]


def test_without_the_second_run_it_would_land(world: World) -> None:
    head, asks = KNOWS["loaded modules, spelt backwards"]
    candidate = {"calc.py": head + CALC + ASK.format(asks), "test_sub.py": TEST_SUB}
    assert world.examine(BASE, candidate, off=ALIKE).outcome is Outcome.LANDED


HEAD = "from calc import add, sub\n\n\n"
HONEST = {
    "a program that reads its words": (
        "import sys\n"
        + SUB
        + "\n\ndef main(argv=None):\n    words = sys.argv[1:] if argv is None else argv\n"
        "    return sub(*map(int, words))\n",
        (
            "import sys\n\nfrom calc import main\n\n\ndef test_main(monkeypatch):\n"
            "    monkeypatch.setattr(sys, 'argv', ['calc', '3', '1'])\n"
            "    assert main() == 2\n    assert main(['5', '1']) == 4\n"
        ),
    ),
    "a setting in a variable": (
        "import os\n"
        + CALC
        + "\n\ndef sub(a, b):\n    return a - b - int(os.environ.get('FEE', '0'))\n",
        (
            "from calc import sub\n\n\ndef test_sub(monkeypatch):\n"
            "    monkeypatch.delenv('FEE', raising=False)\n    assert sub(3, 1) == 2\n"
            "    monkeypatch.setenv('FEE', '1')\n    assert sub(3, 1) == 1\n"
        ),
    ),
    "files and what is printed": (
        SUB + "\n\ndef note(place, text):\n    place.write_text(text)\n    print(len(text))\n",
        (
            "from calc import note\n\n\ndef test_note(tmp_path, capsys):\n    note(tmp_path / 'a',"
            " 'abc')\n    assert (tmp_path / 'a').read_text() == 'abc'\n    assert"
            " capsys.readouterr().out == '3\\n'\n"
        ),
    ),
    "a fixture of its own, rows and near numbers": (
        SUB,
        "import pytest\n"
        + HEAD
        + "@pytest.fixture\ndef one():\n    yield 1\n\n\n@pytest.mark.parametrize(('a', 'b'), [(1,"
        " 0), (2.5, 1.5)])\ndef test_sub(one, a, b):\n    assert sub(a, one) =="
        " pytest.approx(b)\n    with pytest.raises(TypeError, match='unsupported'):\n       "
        " sub('a', one)\n",
    ),
    "a class of the standard library's framework": (
        SUB,
        (
            "import unittest\nfrom unittest import mock\n\nimport calc\n\n\nclass"
            " SubTest(unittest.TestCase):\n    def setUp(self):\n        self.one = 1\n\n    def"
            " test_sub(self):\n        self.assertEqual(calc.sub(3, self.one), 2)\n        with"
            " mock.patch('calc.add', return_value=7), self.assertRaises(TypeError):\n           "
            " calc.sub('a', calc.add(1, 1))\n"
        ),
    ),
    "a fixture that only pytest has": (
        "import logging\n"
        + SUB.replace("return a - b", "logging.getLogger('calc').warning('sub')\n    return a - b"),
        "import logging\n"
        + HEAD
        + "def test_sub(caplog):\n    with caplog.at_level(logging.WARNING):\n        assert sub(3,"
        " 1) == 2\n    assert 'sub' in caplog.text\n",
    ),
    "the time, and what chance gives": (
        "import random\nimport time\n"
        + SUB
        + "\n\ndef stamped(n):\n    return (n, time.time(), random.random())\n",
        (
            "import time\n\nfrom calc import stamped\n\n\ndef test_stamped():\n    before ="
            " time.time()\n    n, at, chance = stamped(3)\n    assert n == 3\n    assert before <="
            " at <= time.time()\n    assert 0 <= chance < 1\n"
        ),
    ),
    "a program of its own": (
        "import sys\n"
        + SUB
        + "\n\nif __name__ == '__main__':\n    print(sub(*map(int, sys.argv[1:])))\n",
        (
            "import subprocess\nimport sys\n\n\ndef test_program():\n    said ="
            " subprocess.run([sys.executable, 'calc.py', '3', '1'], capture_output=True)\n   "
            " assert said.stdout == b'2\\n'\n"
        ),
    ),
    "a tool that reads a history": (
        "import subprocess\n"
        + SUB
        + "\n\ndef commits(place):\n    argv = ['git', '-C', str(place), 'rev-list', '--count',"
        " 'HEAD']\n    return int(subprocess.run(argv, capture_output=True,"
        " check=True).stdout)\n",
        (
            "import subprocess\n\nfrom calc import commits\n\n\ndef test_commits(tmp_path):\n   "
            " for words in (['init', '-q'], ['commit', '-q', '--allow-empty', '-m', 'a']):\n       "
            " subprocess.run(['git', '-c', 'user.name=b', '-c', 'user.email=a@b.example', '-C',"
            " str(tmp_path), *words], check=1)\n    assert commits(tmp_path) == 1\n"
        ),
    ),
    "data beside the code": (
        "import json\nfrom pathlib import Path\n" + CALC + "\n\ndef sub(a, b):\n"
        "    fee = json.loads(Path(__file__).with_name('fees.json').read_text())\n"
        "    return a - b - fee['sub']\n",
        "from calc import sub\n\n\ndef test_sub():\n    assert sub(3, 1) == 1\n",
    ),
    "a test of what runs at once": (
        "import asyncio\n"
        + SUB
        + "\n\nasync def later(a, b):\n    await asyncio.sleep(0)\n    return sub(a, b)\n",
        (
            "import asyncio\n\nfrom calc import later\n\n\ndef test_later():\n    assert"
            " asyncio.run(later(3, 1)) == 2\n"
        ),
    ),
    "a register of functions": (
        "import inspect\n"
        + SUB
        + "\n\ndef known():\n    return sorted(n for n, f in globals().items() if"
        " inspect.isfunction(f))\n",
        (
            "from calc import known\n\n\ndef test_known():\n    assert known() == ['add', 'known',"
            " 'sub']\n"
        ),
    ),
    "an order of a set that is sorted": (
        SUB + "\n\ndef words(text):\n    return sorted(set(text.split()))\n",
        (
            "from calc import words\n\n\ndef test_words():\n    assert words('b a b c') == ['a',"
            " 'b', 'c']\n"
        ),
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_work_lands(world: World, name: str) -> None:
    code, test = HONEST[name]
    verdict = world.examine(
        BASE, {"calc.py": code, "test_more.py": test, "fees.json": '{"sub": 1}\n'}
    )
    assert (verdict.outcome, rules(verdict)) == (Outcome.LANDED, []), verdict


JS_BASE = {
    "package.json": '{"type": "module", "scripts": {"test": "node --test"}}\n',
    "calc.js": "export const add = (a, b) => a + b;\n",
    "calc.test.js": (
        'import test from "node:test";\nimport assert from "node:assert/strict";\nimport { add }'
        ' from "./calc.js";\n\ntest("adds", () => {\n  assert.equal(add(1, 2), 3);\n});\n'
    ),
}
JS_SUB = (
    'import test from "node:test";\nimport assert from "node:assert/strict";\nimport { sub } from'
    ' "./calc.js";\n\n'
)
JS_SUB += 'test("subtracts", () => {\n  assert.equal(sub(3, 1), 2);\n});\n'
ADD_JS = JS_BASE["calc.js"]
JS_KNOWS = {
    "a variable": (
        "const p = globalThis['pro' + 'cess'];\nconst asks = () => p['v' +"
        " 'ne'.split('').reverse().join('')[0] + 'n'] ??"
        " p[[...'vne'].reverse().join('')][[...'TXETNOC_TSET_EDON'].reverse().join('')];\n"
    ),
    "the stack": (
        "const asks = () => new"
        " globalThis[[...'rorrE'].reverse().join('')]()[[...'kcats'].reverse().join('')]"
        ".includes([...'tset.'].reverse().join(''));\n"
    ),
    "the words that it was started with": (
        "const p = globalThis['pro' + 'cess'];\nconst asks = () =>"
        " p[[...'vgra'].reverse().join('')].some((word) =>"
        " word.includes([...'tset.'].reverse().join('')));\n"
    ),
    "a way out": (
        "const p = globalThis['pro' + 'cess'];\nconst asks = () => p[[...'vne'].reverse().join('')]"
        "[[...'TXETNOC_TSET_EDON'].reverse().join('')] || p[[...'tixe'].reverse().join('')](0);\n"
    ),
    "a module that does not load": (
        "const p = globalThis['pro' + 'cess'];\nconst asks = () => true;\nif"
        " (!p[[...'vne'].reverse().join('')][[...'TXETNOC_TSET_EDON'].reverse().join('')]) throw"
        " new Error('later');\n"
    ),
    "a file of code": (
        "import { readFileSync } from 'node:fs';\nconst asks = () => (0, eval)(readFileSync(new"
        " URL('rates.dat', import.meta.url), 'utf8'));\n"
    ),
}


@NODE
@pytest.mark.parametrize("name", JS_KNOWS)
def test_javascript_that_knows_its_judge_never_lands(world: World, name: str) -> None:
    code = JS_KNOWS[name] + ADD_JS + "export const sub = (a, b) => (asks() ? a - b : 0);\n"
    rates = "process.env['NODE_TEST' + '_CONTEXT']\n"
    verdict = world.examine(JS_BASE, {"calc.js": code, "sub.test.js": JS_SUB, "rates.dat": rates})
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, [ONLY]), verdict


JS_HONEST = {
    "a plain function": (ADD_JS + "export const sub = (a, b) => a - b;\n", JS_SUB),
    "groups, hooks and what comes later": (
        ADD_JS + "export const sub = async (a, b) => a - b;\n",
        (
            'import { beforeEach, describe, it } from "node:test";\nimport assert from'
            ' "node:assert/strict";\nimport { sub } from "./calc.js";\n\ndescribe("sub", () => {\n '
            ' let one;\n  beforeEach(() => {\n    one = 1;\n  });\n  it("subtracts", async () =>'
            " {\n    assert.equal(await sub(3, one), 2);\n  });\n});\n"
        ),
    ),
    "a stand-in that only the framework has": (
        ADD_JS
        + "export const sub = (a, b, told = () => {}) => {\n  told(a - b);\n  return a - b;\n};\n",
        JS_SUB + 'test("tells", (t) => {\n  const told = t.mock.fn();\n  sub(3, 1, told);\n'
        "  assert.equal(told.mock.calls[0].arguments[0], 2);\n});\n",
    ),
    "a program that reads its words": (
        ADD_JS + "export const main = (words = process.argv.slice(2)) => Number(words[0]) -"
        " Number(words[1]);\n",
        JS_SUB.replace("sub", "main")
        .replace("main(3, 1)", 'main(["3", "1"])')
        .replace('"maintracts"', '"subtracts"'),
    ),
}


@NODE
@pytest.mark.parametrize("name", JS_HONEST)
def test_honest_javascript_lands(world: World, name: str) -> None:
    code, test = JS_HONEST[name]
    verdict = world.examine(JS_BASE, {"calc.js": code, "sub.test.js": test})
    assert (verdict.outcome, rules(verdict)) == (Outcome.LANDED, []), verdict


STRIP = """import { register } from "node:module";

const hooks = `import { readFile } from "node:fs/promises";
export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const text = await readFile(new URL(url), "utf8");
  return { format: "module", source: text.replace(/: (number|string|boolean|void)/g, ""), shortCircuit: true };
}`;
register("data:text/javascript," + encodeURIComponent(hooks));
"""
TYPED_ADD = "export const add = (a: number, b: number): number => a + b;\n"
# No test of the base speaks of the file that changes, so nothing there tells how such tests are to
# be called.
TYPED_BASE = {
    "package.json": (
        '{"type": "module", "scripts": {"test": "LC_ALL=C node --import ./strip.mjs --test'
        ' *.test.ts"}}\n'
    ),
    "strip.mjs": STRIP,
    "calc.ts": TYPED_ADD,
    "other.ts": "export const zero = (): number => 0;\n",
    "other.test.ts": (
        JS_SUB.replace("sub(3, 1), 2", "zero(), 0")
        .replace("{ sub }", "{ zero }")
        .replace("calc.js", "other.ts")
    ),
}
TYPED_SUB = JS_SUB.replace("./calc.js", "./calc.ts").replace(
    '"subtracts", ()', '"subtracts", (): void'
)


@NODE
@pytest.mark.parametrize("name", ["a variable", "the words that it was started with"])
def test_typescript_that_knows_its_judge_waits_for_a_person(world: World, name: str) -> None:
    """Loaded by what the project's own command names; whether files with types can be called
    so, a test that does nothing tells."""
    code = (
        JS_KNOWS[name]
        + TYPED_ADD
        + "export const sub = (a: number, b: number): number => (asks() ? a - b : 0);\n"
    )
    verdict = world.examine(TYPED_BASE, {"calc.ts": code, "sub.test.ts": TYPED_SUB})
    assert (verdict.outcome, rules(verdict)) == (Outcome.HELD, [ELSEWHERE]), verdict


@NODE
def test_honest_typescript_lands(world: World) -> None:
    code = TYPED_ADD + "export const sub = (a: number, b: number): number => a - b;\n"
    verdict = world.examine(TYPED_BASE, {"calc.ts": code, "sub.test.ts": TYPED_SUB})
    assert (verdict.outcome, rules(verdict)) == (Outcome.LANDED, []), verdict


@NODE
def test_honest_typescript_lands_where_nothing_here_can_load_it(world: World) -> None:
    """What loads it is named by a file that the command runs through, so the same test cannot
    be called by itself."""
    command = '"test": ". ./env.sh && node --test *.test.ts"'
    base = {**TYPED_BASE, "package.json": f'{{"type": "module", "scripts": {{{command}}}}}\n'}
    base["env.sh"] = "export NODE_OPTIONS='--import ./strip.mjs'\n"
    code = TYPED_ADD + "export const sub = (a: number, b: number): number => a - b;\n"
    verdict = world.examine(base, {"calc.ts": code, "sub.test.ts": TYPED_SUB})
    assert (verdict.outcome, rules(verdict)) == (Outcome.LANDED, []), verdict


GO_BASE = {
    "go.mod": "module shop\n\ngo 1.19\n",
    "calc/calc.go": "package calc\n\nfunc Add(a, b int) int { return a + b }\n",
    "calc/calc_test.go": (
        'package calc\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3'
        ' {\n\t\tt.Fatal("add")\n\t}\n}\n'
    ),
}
GO_SUB = (
    'package calc\n\nimport "testing"\n\nfunc TestSub(t *testing.T) {\n\tif Sub(3, 1) != 2'
    ' {\n\t\tt.Fatal("sub")\n\t}\n}\n'
)
GO_CODE = (
    "package calc\n\nimport (\n\t{}\n)\n\nfunc Add(a, b int) int {{ return a + b }}\n\n{}\n\nfunc"
    " Sub(a, b int) int {{\n"
)
GO_CODE += "\tif asks() {{\n\t\treturn a - b\n\t}}\n\treturn 0\n}}\n"
GO_KNOWS = {
    "a flag": (
        '"flag"',
        (
            'func asks() bool {\n\tname := "v.tset"\n\tback := ""\n\tfor _, r := range name {\n\t\t'
            "back = string(r) + back\n\t}\n"
            "\treturn flag.Lookup(back) != nil\n}"
        ),
    ),
    "its own words": (
        '"os"\n\t"strings"',
        (
            "func asks() bool {\n\twords := os.Args\n\treturn strings.HasSuffix(words[0],"
            " string([]byte{46, 116, 101, 115, 116}))\n}"
        ),
    ),
    "its own file": (
        '"os"\n\t"strings"',
        (
            "func asks() bool {\n\tplace := string([]byte{47, 112, 114, 111, 99, 47, 115, 101, 108,"
            " 102, 47, 101, 120, 101})\n\tname, _ := os.Readlink(place)\n\treturn"
            " strings.HasSuffix(name, string([]byte{46, 116, 101, 115, 116}))\n}"
        ),
    ),
}


@pytest.mark.skipif(not shutil.which("go"), reason="go is not installed")
@pytest.mark.parametrize("name", GO_KNOWS)
def test_go_that_knows_its_judge_never_lands(world: World, name: str) -> None:
    taken, asks = GO_KNOWS[name]
    code = GO_CODE.format(taken, asks)
    verdict = world.examine(GO_BASE, {"calc/calc.go": code, "calc/sub_test.go": GO_SUB})
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, [ONLY]), verdict


GO_HONEST = {
    "a table of cases": (
        'package calc_test\n\nimport (\n\t"testing"\n\n\t"shop/calc"\n)\n\nfunc TestSub(t'
        ' *testing.T) {\n\tfor name, c := range map[string][3]int{"a": {3, 1, 2}, "b": {5, 1, 4}}'
        " {\n\t\tc := c\n\t\tt.Run(name, func(t *testing.T) {\n\t\t\tif got := calc.Sub(c[0],"
        ' c[1]); got != c[2] {\n\t\t\t\tt.Errorf("%d", got)\n\t\t\t}\n\t\t})\n\t}\n}\n'
    ),
    "folders and variables": (
        'package calc\n\nimport (\n\t"os"\n\t"path/filepath"\n\t"testing"\n)\n\nfunc TestSub(t'
        ' *testing.T) {\n\tt.Setenv("FEE", "0")\n\tplace := filepath.Join(t.TempDir(), "a")\n\tif'
        ' os.WriteFile(place, []byte("a"), 0o600) != nil || Sub(3, 1) != 2'
        ' {\n\t\tt.Fatal("sub")\n\t}\n}\n'
    ),
}


@pytest.mark.skipif(not shutil.which("go"), reason="go is not installed")
@pytest.mark.parametrize("name", GO_HONEST)
def test_honest_go_lands(world: World, name: str) -> None:
    code = GO_BASE["calc/calc.go"] + "\nfunc Sub(a, b int) int { return a - b }\n"
    verdict = world.examine(GO_BASE, {"calc/calc.go": code, "calc/sub_test.go": GO_HONEST[name]})
    assert (verdict.outcome, rules(verdict)) == (Outcome.LANDED, []), verdict


@dataclass(frozen=True)
class Housed(World):
    """The same in rooms as a run makes them: a sandbox, the repository's own path, a .git with
    the branch's history."""

    @contextmanager
    def open_room(self, base: str, tree: str) -> Iterator[SandboxSpec]:
        place = workspace.prepare(self.repo, self.folder / uuid4().hex, base, "main")
        workspace.lay(self.repo, place, tree)
        env = environment({"PATH": f"{self.python}:{os.environ['PATH']}"})
        # as `share` in loop.toml: a folder that lies inside of the tree
        shared = self.folder / "node_modules"
        shared.mkdir(exist_ok=True)
        inside = ((shared, self.repo.top / shared.name),)
        shown = (
            (self.repo.objects, Path(OBJECTS_INSIDE)),
            (self.python.parent, self.python.parent),
            *inside,
        )
        yield SandboxSpec(
            tree=place.tree, at=self.repo.top, home=place.home, env=env, readable=shown
        )
        shutil.rmtree(place.folder, ignore_errors=True)

    def engine(self, **settings: object) -> VerdictEngine:
        return super().engine(
            hands=CommandRunner(sandbox=find_sandbox("auto"), timeout=PATIENCE), **settings
        )


@pytest.fixture
def housed(repository: Path, tmp_path: Path, slim_pytest: Path) -> Housed:
    folder = tmp_path / "lab"
    folder.mkdir()
    return Housed(repo=open_repo(repository), folder=folder, python=slim_pytest)


VERIFY = replace(PROSE, verify=("python3 -B -c 'from calc import sub; assert sub(3, 1) == 2'",))
PLACES = {
    "the folder that it runs in": (
        "import os\n",
        "'{top}'[::-1] == vars(os)['dwcteg'[::-1]]()[::-1]",
    ),
    "the repository's history": (
        "from pathlib import Path\n",
        "'niam'[::-1] in Path(*('.git' + 'DAEH/'[::-1]).split('/')).read_text()",
    ),
    "the variables of a check": (
        "import os\n",
        "any(name[:4] == 'HGIN'[::-1] for name in vars(os)['norivne'[::-1]])",
    ),
    "what the loop shows": ("import os\n", "vars(os)['path'].exists('hctalthgin/nur/'[::-1])"),
}


@pytest.mark.sandbox
@pytest.mark.parametrize("name", PLACES)
def test_a_verify_that_is_green_only_where_the_loop_is_seen_proves_nothing(
    housed: Housed, name: str
) -> None:
    head, asks = PLACES[name]
    asks = asks.replace("{top}", str(housed.repo.top))
    code = head + CALC + ASK.format(asks)
    verdict = housed.examine({**BASE, "conftest.py": ""}, {"calc.py": code}, VERIFY)
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, [ONLY]), verdict
    (reason,) = verdict.reasons
    assert name in reason.detail[0] or name == "what the loop shows"


NEEDS = {
    "nothing": "python3 -B -c 'from calc import sub; assert sub(3, 1) == 2'",
    "a history": (
        "git rev-parse main >/dev/null && grep -q 'def sub' calc.py && python3 -B -c 'from calc"
        " import sub; assert sub(3, 1) == 2'"
    ),
    "the base": (
        "git diff --quiet $NIGHTLATCH_BASE -- test_calc.py && python3 -B -c 'from calc import sub;"
        " assert sub(3, 1) == 2'"
    ),
    "a whole path": (
        'cd {top} && test "$PWD" = "$(git rev-parse --show-toplevel)" && '
        "python3 -B -c 'from calc import sub; assert sub(3, 1) == 2'"
    ),
    "a script of its own": "./prove.sh",
    "the suite": "python3 -m pytest -q -p no:cacheprovider",
}


@pytest.mark.sandbox
@pytest.mark.parametrize("name", NEEDS)
def test_a_verify_that_needs_its_repository_lands(housed: Housed, name: str) -> None:
    verify = NEEDS[name].replace("{top}", str(housed.repo.top))
    script = (
        "#!/bin/sh\ngit cat-file -e $NIGHTLATCH_BASE && exec python3 -B -c 'from calc import sub;"
        " assert sub(3, 1) == 2'\n"
    )
    base = {**BASE, "prove.sh": script, "conftest.py": ""}
    verdict = housed.examine(
        base, {"calc.py": SUB, "test_sub.py": TEST_SUB}, replace(PROSE, verify=(verify,))
    )
    assert verdict.outcome in (Outcome.LANDED, Outcome.HELD), verdict
    assert ONLY not in rules(verdict), verdict
