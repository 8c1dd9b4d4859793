"""What a sandboxed command can reach: each attack in each kind of room, the truth seen from
outside; docs/security.md shows the same."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from nightlatch.sandbox.process import resources
from tests import ROOT
from tests.proofs.escapes.escapes import ATTACKS, DAEMON, LIMITS, NONE, ON, OPTIONS, Attack, table
from tests.proofs.escapes.sandbox_probe import ground_in, marked

pytestmark = pytest.mark.sandbox
DOCS = ROOT / "docs/security.md"
SETTINGS: dict[str, dict[str, object]] = {
    NONE: {"workspace.sandbox": "none"},
    LIMITS: {"workspace.memory": "128MB", "workspace.processes": 64},
}


def arena(option: str) -> dict[str, object]:
    return SETTINGS.get(option, {})


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_an_attack_gets_out_where_the_table_says_so_and_nowhere_else(
    attack: Attack, option: str, tmp_path: Path
) -> None:
    """That it gets out without a sandbox is the control: the attack is a real one."""
    if option == LIMITS and any(
        "is not enforced" in says for says, _ in resources.find_bounds(128_000_000, 64).lacks()
    ):
        pytest.skip("no control group can be made here, and root has no other limit of processes")
    with ground_in(tmp_path, arena(option)) as ground:
        ran = ground.try_it(attack.argv, agents=option == ON)
        got_out = attack.harm(ground, ran.output.decode("utf-8", "replace"))
        left = marked(ground.mark)
    assert got_out == (option in attack.gets_out), ran
    assert left == []


def test_control_a_daemon_outlives_a_command_that_nothing_holds(tmp_path: Path) -> None:
    """Without a sandbox the reaper still ends it; a bare process leaves it behind."""
    with ground_in(tmp_path, {}) as ground:
        subprocess.run(
            ["python3", "-c", DAEMON],
            cwd=tmp_path,
            env={**os.environ, **ground.env},
            start_new_session=True,
            check=True,
        )
        left = marked(ground.mark)
        assert ground.lives_on()
        for pid in left:
            os.kill(pid, signal.SIGKILL)


WANTED = """set -e
cat a.txt; echo 3 > a.txt; git commit -qam mine; git log --format=%s -1; git status --short
touch ~/x; rm "$(mktemp)"; python3 -c 'print(1)'
"""


@pytest.mark.parametrize("option", OPTIONS)
def test_what_a_session_needs_works_all_the_same(option: str, tmp_path: Path) -> None:
    with ground_in(tmp_path, arena(option)) as ground:
        ran = ground.try_it(["sh", "-c", WANTED], agents=option == ON)
    assert (ran.exit, ran.output.split()) == (0, [b"2", b"mine", b"1"]), ran


def test_the_page_on_security_shows_the_table_as_it_is() -> None:
    page = DOCS.read_text(encoding="utf-8")
    assert table() in page
    assert (
        f"```python\n{DOCS.with_name('examples').joinpath('30-page').read_text(encoding='utf-8')}```"
        in page
    )
