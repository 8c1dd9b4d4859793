"""Checks run on the candidate with the base's configuration too: what passes only with its own
is held, a harmless change of it lands."""

import sys
from pathlib import Path

import pytest

from nightlatch.model.models import Outcome
from tests.io.verdict.world import BASE, SUB, TEST_SUB, World, rules
from tests.io.verdict.world import world as world  # the fixture

RUFF = Path(sys.executable).with_name("ruff")
OWN, LOOSENED = "check.own-configuration", "ratchet.check-loosened"
LINT = f"#!/bin/sh\nexec {RUFF} check --no-cache --config ruff.toml calc.py\n"
CONFIG = '[lint]\nselect = ["F", "I"]\n'
FIRST = "import os\nimport sys\n\nPLACES = (os.sep, sys.path)\n\n\n"
TOGETHER = "import sys\nimport os\n\nPLACES = (os.sep, sys.path)\n\n\n"
STYLE = CONFIG + '[lint.isort]\nforce-sort-within-sections = true\nforce-to-top = ["sys"]\n'
SPARE = SUB.replace("return a - b", "spare = a\n    return a - b")
UNUSED = CONFIG + 'dummy-variable-rgx = "^spare$"\n'

pytestmark = pytest.mark.skipif(not RUFF.exists(), reason="ruff is not installed")


@pytest.mark.parametrize(
    ("config", "code", "outcome", "said"),
    [
        # Nothing that is read as looser: how imports are sorted enforces neither more nor less.
        (STYLE, TOGETHER + SUB, Outcome.HELD, [OWN]),
        (STYLE, SUB, Outcome.LANDED, []),
        (STYLE, FIRST + SUB, Outcome.HELD, None),
        # A setting of which nobody knows what it means: the check itself settles it.
        (UNUSED, SPARE, Outcome.HELD, [OWN, LOOSENED]),
        (UNUSED, SUB, Outcome.LANDED, []),
        # Known to let more pass: held, whether this change makes use of it or a later one.
        (CONFIG.replace('"F", ', ""), SUB, Outcome.HELD, [LOOSENED]),
        (CONFIG.replace('"I"]', '"I", "B"]'), SUB, Outcome.LANDED, []),
    ],
)
def test_checks_with_the_base_s_configuration_decide(
    world: World, config: str, code: str, outcome: Outcome, said: list[str] | None
) -> None:
    base = {**BASE, "checks/20-lint": LINT, "ruff.toml": CONFIG}
    verdict = world.examine(base, {"calc.py": code, "test_sub.py": TEST_SUB, "ruff.toml": config})
    # with its own configuration the check fails: it is the candidate that is wrong
    if said is None:
        assert rules(verdict) == ["check.failed"], verdict
        return
    assert (verdict.outcome, sorted(rules(verdict))) == (outcome, said), verdict
    if OWN in said:
        detail = next(reason.detail for reason in verdict.reasons if reason.rule == OWN)
        assert detail[0] == "ruff.toml"
        assert any(line.startswith("+") for line in detail)


def test_without_the_second_run_it_would_land(world: World) -> None:
    base = {**BASE, "checks/20-lint": LINT, "ruff.toml": CONFIG}
    candidate = {"calc.py": TOGETHER + SUB, "test_sub.py": TEST_SUB, "ruff.toml": STYLE}
    assert (
        world.examine(base, candidate, off=frozenset({"own-configuration"})).outcome
        is Outcome.LANDED
    )
