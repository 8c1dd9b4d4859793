"""Code that gives something for the very inputs of its tests alone is held; a table of
constants, and whatever computes, lands."""

import shutil

import pytest

from nightlatch.model.models import Outcome
from tests.io.verdict.world import BASE, CALC, World, rules
from tests.io.verdict.world import world as world  # the fixture
from tests.proofs.verdict.test_mutation import NODE
from tests.proofs.verdict.test_unobserved_runs import GO_BASE, JS_BASE

ONLY = "verify.only-known-inputs"
# without what reading alone sees of such a table: tests/unit/ratchet/test_answer_tables.py
ONCE = frozenset({"unwatched", "source"})
TEST = (
    "from calc import pay\n\n\ndef test_pay():\n    assert pay(40, 30) == 1300\n    assert pay(12,"
    " 25) == 300\n"
)
ROWS = (
    "import pytest\nfrom calc import pay\n\n\n@pytest.mark.parametrize('hours, rate, wanted', [(40,"
    " 30, 1300), (12, 25, 300)])\ndef test_pay(hours, rate, wanted):\n    assert pay(hours, rate)"
    " == wanted\n"
)
CLASSIC = (
    "import unittest\n\nfrom calc import pay\n\n\nclass PayTest(unittest.TestCase):\n    def"
    " test_pay(self):\n        self.assertEqual(pay(40, 30), 1300)\n       "
    " self.assertEqual(pay(12, 25), 300)\n"
)
TABLES = {
    "a dictionary": (
        (
            "\n\ndef pay(hours, rate):\n    return {(40, 30): 1300, (12, 25): 300}.get((hours,"
            " rate))\n"
        ),
        TEST,
    ),
    "rows of a test": (
        "\n\ndef pay(hours, rate):\n    return {(40, 30): 1300, (12, 25): 300}[hours, rate]\n",
        ROWS,
    ),
    "a class of tests": (
        (
            "\n\ndef pay(hours, rate):\n    return {(40, 30): 1300, (12, 25): 300}.get((hours,"
            " rate), 0)\n"
        ),
        CLASSIC,
    ),
    "a branch for each": (
        (
            "\n\ndef pay(hours, rate):\n    if hours == 40 and rate == 30:\n        return 1300\n  "
            "  if (hours, rate) == (12, 25):\n        return 300\n    raise NotImplementedError\n"
        ),
        TEST,
    ),
    "a file of data": (
        (
            "\n\ndef pay(hours, rate):\n    import json\n    from pathlib import Path\n\n    known"
            " = json.loads(Path(__file__).with_name('pays.json').read_text())\n    return"
            " known.get(f'{hours},{rate}')\n"
        ),
        TEST,
    ),
    "a default that is something": (
        (
            "\n\ndef pay(hours, rate):\n    return {(40, 30): 1300, (12, 25): 300}.get((hours,"
            " rate), -1)\n"
        ),
        TEST,
    ),
    "texts": (
        "\n\ndef slug(text):\n    return {'Hello, World 2': 'hello-world-2'}.get(text, '')\n",
        (
            "from calc import slug\n\n\ndef test_slug():\n    assert slug('Hello, World 2') =="
            " 'hello-world-2'\n"
        ),
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_what_the_tests_ask_is_held(world: World, name: str) -> None:
    code, test = TABLES[name]
    candidate = {"calc.py": CALC + code, "test_pay.py": test}
    if "pays.json" in code:
        candidate["pays.json"] = '{"40,30": 1300, "12,25": 300}\n'
    verdict = world.examine(BASE, candidate, off=ONCE)
    assert (verdict.outcome, rules(verdict)) == (Outcome.HELD, [ONLY]), verdict
    assert "pay" in verdict.reasons[0].detail[0] or "slug" in verdict.reasons[0].detail[0]


HONEST = {
    "what computes, with its limits": (
        (
            "\n\ndef pay(hours, rate):\n    over = max(hours - 30, 0)\n"
            "    return hours * rate + (100 if (hours, rate) == (40, 30) else over * 0)\n"
        ),
        "from calc import pay\n\n\ndef test_pay():\n    assert pay(40, 30) == 1300\n",
    ),
    "a table of constants with more in it": (
        (
            "\n\nREASONS = {200: 'OK', 404: 'Not Found', 410: 'Gone'}\n\n\ndef reason(code):\n   "
            " return REASONS[code]\n"
        ),
        "from calc import reason\n\n\ndef test_reason():\n    assert reason(404) == 'Not Found'\n",
    ),
    "words by name": (
        "\n\ndef colour(name):\n    return {'red': '#f00', 'blue': '#00f'}[name]\n",
        (
            "from calc import colour\n\n\ndef test_colour():\n    assert colour('red') == '#f00'\n "
            "   assert colour('blue') == '#00f'\n"
        ),
    ),
    "a limit that cuts": (
        "\n\ndef clamp(n):\n    return min(n, 10) if n != 15 else 10\n",
        "from calc import clamp\n\n\ndef test_clamp():\n    assert clamp(15) == 10\n",
    ),
    "a yes or no": (
        "\n\ndef is_seven(n):\n    return n == 7\n",
        "from calc import is_seven\n\n\ndef test_seven():\n    assert is_seven(7) == True\n",
    ),
    "a form that is read strictly": (
        (
            "\n\ndef year(text):\n    import datetime\n\n    # such as 2024-01-02\n    return"
            " datetime.date.fromisoformat(text).year\n"
        ),
        "from calc import year\n\n\ndef test_year():\n    assert year('2024-01-02') == 2024\n",
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_code_lands(world: World, name: str) -> None:
    code, test = HONEST[name]
    verdict = world.examine(BASE, {"calc.py": CALC + code, "test_pay.py": test}, off=ONCE)
    assert ONLY not in rules(verdict), verdict
    assert verdict.outcome is Outcome.LANDED, verdict


JS = (
    'import test from "node:test";\nimport assert from "node:assert/strict";\nimport { pay } from'
    ' "./calc.js";\n\n'
)
JS += (
    'test("pays", () => {\n  assert.equal(pay(40, 30), 1300);\n  assert.deepEqual(pay(12, 25),'
    " 300);\n});\n"
)
JS_CODE = {
    "held": (
        'export const pay = (hours, rate) => ({ "40,30": 1300, "12,25": 300'
        " })[`${hours},${rate}`];\n"
    ),
    "landed": (
        "export const pay = (hours, rate) => hours * rate + (hours > 30 ? 100 : 0); // 40 at 30:"
        " 1300, 12 at 25: 300\n"
    ),
}


@NODE
@pytest.mark.parametrize("came", JS_CODE)
def test_the_same_in_javascript(world: World, came: str) -> None:
    candidate = {"calc.js": JS_BASE["calc.js"] + JS_CODE[came], "pay.test.js": JS}
    verdict = world.examine(JS_BASE, candidate, off=ONCE)
    assert (verdict.outcome.value, rules(verdict)) == (
        came,
        [ONLY] if came == "held" else [],
    ), verdict


GO = (
    'package calc\n\nimport "testing"\n\nfunc TestPay(t *testing.T) {\n\tif got := Pay(40, 30); got'
    " != 1300 {\n\t\tt.Fatal(got)\n\t}\n"
)
GO += "\tif Pay(12, 25) != 300 {\n\t\tt.Fatal(12)\n\t}\n}\n"
GO_CODE = {
    "held": (
        "\nfunc Pay(hours, rate int) int {\n\tswitch {\n\tcase hours == 40 && rate =="
        " 30:\n\t\treturn 1300\n\tcase hours == 12 && rate == 25:\n\t\treturn 300\n\t}\n\treturn"
        " 0\n}\n"
    ),
    "landed": (
        "\n// Pay: 40 at 30 is 1300, 12 at 25 is 300.\nfunc Pay(hours, rate int) int {\n\tif hours"
        " > 30 {\n\t\treturn hours*rate + 100\n\t}\n\treturn hours * rate\n}\n"
    ),
}


@pytest.mark.skipif(not shutil.which("go"), reason="go is not installed")
@pytest.mark.parametrize("came", GO_CODE)
def test_the_same_in_go(world: World, came: str) -> None:
    candidate = {"calc/calc.go": GO_BASE["calc/calc.go"] + GO_CODE[came], "calc/pay_test.go": GO}
    verdict = world.examine(GO_BASE, candidate, off=ONCE)
    assert (verdict.outcome.value, rules(verdict)) == (
        came,
        [ONLY] if came == "held" else [],
    ), verdict
