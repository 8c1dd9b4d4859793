"""How strong is the proof: what would pass with nothing done, or with any fault in it, proves
nothing."""

import shutil
from dataclasses import replace

import pytest

from nightlatch.model.models import Outcome
from tests.io.verdict.world import BASE, CALC, PROSE, SUB, TEST_SUB, World, rules
from tests.io.verdict.world import world as world  # the fixture
from tests.proofs.verdict.test_unobserved_runs import GO_BASE, GO_SUB

SMALL = frozenset({"strength-of-proof"})
HOLLOW = {
    "only asks whether it is there": (
        "import calc\n\n\ndef test_sub():\n    assert hasattr(calc, 'sub')\n"
    ),
    "only imports it": "def test_sub():\n    from calc import sub\n",
    "mocks the very function": (
        "from unittest.mock import patch\n\nimport calc\n\n\ndef test_sub():\n"
        "    with patch('calc.sub', return_value=2):\n        assert calc.sub(3, 1) == 2\n"
    ),
    "is callable": "import calc\n\n\ndef test_sub():\n    assert callable(calc.sub)\n",
    "calls it and looks at nothing": "from calc import sub\n\n\ndef test_sub():\n    sub(3, 1)\n",
    "compares it with itself": (
        "from calc import sub\n\n\ndef test_sub():\n    assert sub(3, 1) == sub(3, 1)\n"
    ),
    "a snapshot of nothing": (
        "import inspect\n\nimport calc\n\n\ndef test_sub():\n    assert"
        " inspect.signature(calc.sub)\n"
    ),
}


@pytest.mark.parametrize("name", HOLLOW)
def test_a_hollow_proof_proves_nothing(world: World, name: str) -> None:
    candidate = {"calc.py": SUB, "test_sub.py": HOLLOW[name]}
    verdict = world.examine(BASE, candidate)
    assert (verdict.outcome, rules(verdict)) == (Outcome.UNPROVED, ["verify.hollow"])
    assert world.examine(BASE, candidate, off=SMALL).outcome is Outcome.LANDED


HONEST = {
    "that compares": TEST_SUB,
    "of an entry point that also asserts": (
        "import calc\n\n\ndef test_sub():\n"
        "    assert hasattr(calc, 'sub')\n    assert calc.sub(3, 1) == 2\n"
    ),
    "that mocks something else": (
        "import time\nfrom unittest.mock import patch\n\nfrom calc import sub\n\n\ndef"
        " test_sub():\n    with patch('time.time', return_value=1):\n        assert sub(3,"
        " time.time()) == 2\n"
    ),
    "of an error": (
        "import pytest\n\nfrom calc import sub\n\n\ndef test_sub():\n    with"
        " pytest.raises(TypeError):\n        sub('a', 1)\n"
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_proof_lands(world: World, name: str) -> None:
    verdict = world.examine(BASE, {"calc.py": SUB, "test_sub.py": HONEST[name]})
    assert verdict.outcome is Outcome.LANDED, rules(verdict)


@pytest.mark.parametrize(
    "verify",
    [
        "grep -q 'def sub' calc.py",
        "python3 -m compileall -q . && grep -q sub calc.py",
        "python3 -c 'from calc import sub'",
    ],
)
def test_a_verify_that_notices_nothing_is_said_and_proves_nothing(
    world: World, verify: str
) -> None:
    feature = replace(PROSE, verify=(verify,))
    verdict = world.examine(BASE, {"calc.py": SUB}, feature)
    assert (verdict.outcome, rules(verdict)) == (Outcome.UNPROVED, ["verify.hollow"])
    assert verdict.ran.verify == "red->green weak"
    enough = world.engine(weak_is_enough=True)
    first = world.commit(BASE)
    verdict = enough.examine(
        first, world.repo.tree_of(world.commit({"calc.py": SUB}, first)), feature
    )
    assert (verdict.outcome, rules(verdict)) == (Outcome.LANDED, ["verify.hollow"])


def test_small_faults_in_lines_of_an_old_function_count_too(world: World) -> None:
    """Nothing new can be emptied here: the lines that were added are all that faults can be put
    into."""
    better = CALC.replace(
        "return a + b", "if b is None:\n        return a * 1000\n    return a + b"
    )
    counts = "import inspect, calc; assert len(inspect.getsource(calc.add).splitlines()) == 4"
    weak = replace(PROSE, verify=(f"python3 -c '{counts}'",))
    verdict = world.examine(BASE, {"calc.py": better}, weak)
    assert (verdict.outcome, rules(verdict)) == (Outcome.UNPROVED, ["verify.notices-nothing"])
    strong = replace(
        PROSE, verify=("python3 -c 'from calc import add; assert add(2, None) == 2000'",)
    )
    assert world.examine(BASE, {"calc.py": better}, strong).outcome is Outcome.LANDED


def test_what_is_no_code_is_not_tried(world: World) -> None:
    feature = replace(PROSE, verify=("grep -q accents README.md",))
    assert (
        world.examine(BASE, {"README.md": "Search ignores accents.\n"}, feature).outcome
        is Outcome.LANDED
    )


def test_a_verify_that_looks_at_data_is_not_hollow_for_the_code_beside_it(world: World) -> None:
    """The feature is the file; a helper beside it is nothing that its verify was written for."""
    feature = replace(PROSE, verify=('test "$(cat answer.txt)" = 42',))
    verdict = world.examine(BASE, {"calc.py": SUB, "answer.txt": "42\n"}, feature)
    assert (verdict.outcome, rules(verdict)) == (Outcome.LANDED, [])


@pytest.mark.skipif(not shutil.which("go"), reason="go is not installed")
def test_a_hollow_proof_in_go_proves_nothing_though_go_wants_values(world: World) -> None:
    """An emptied function gives back what is empty of its types, and its imports stay; so a
    call alone is no proof."""
    code = GO_BASE["calc/calc.go"].replace("package calc\n", 'package calc\n\nimport "strconv"\n')
    code += "\nfunc Sub(a, b int) (int, error) { return strconv.Atoi(strconv.Itoa(a - b)) }\n"
    calls = GO_SUB.replace(
        'if Sub(3, 1) != 2 {\n\t\tt.Fatal("sub")\n\t}',
        "if _, err := Sub(3, 1); err != nil {\n\t\tt.Fatal(err)\n\t}",
    )
    verdict = world.examine(GO_BASE, {"calc/calc.go": code, "calc/sub_test.go": calls})
    assert (verdict.outcome, rules(verdict)) == (Outcome.UNPROVED, ["verify.hollow"]), verdict
    compares = calls.replace(
        "if _, err := Sub(3, 1); err != nil", "if n, err := Sub(3, 1); err != nil || n != 2"
    )
    assert (
        world.examine(GO_BASE, {"calc/calc.go": code, "calc/sub_test.go": compares}).outcome
        is Outcome.LANDED
    )
