"""Real agent CLIs as judges: they are told the brief, only read, and their answer and their
failures come out as what they are."""

from pathlib import Path

import pytest

from nightlatch.verdict.judge import Met, NoAnswer, NotMet
from tests.proofs.agents import clis, judging
from tests.proofs.agents.loopback import alone
from tests.proofs.agents.model_server import OVERLOAD, RATE_LIMIT

pytestmark = [pytest.mark.agents, pytest.mark.sandbox]
every_cli = pytest.mark.parametrize("name", clis.NAMES)
# Codex offers its shell in any case, and runs it in a sandbox of its own that only reads.
WRITERS = {
    "Bash",
    "Edit",
    "Write",
    "bash",
    "edit",
    "write",
    "run_shell_command",
    "replace",
    "write_file",
}


@every_cli
def test_it_judges_in_two_looks_and_only_reads(name: str, programs: Path, tmp_path: Path) -> None:
    came = alone(judging.judge, name, tmp_path, programs)
    assert came.judged == Met(of=1)
    assert (came.usage.input, came.usage.output) == (2000, 80)
    assert came.journal == ["judge.started", "judge.ended"] * 2
    assert set(came.tools).isdisjoint(WRITERS)
    heard = sorted(file.name for file in (tmp_path / "heard").iterdir())
    assert heard == ["judge-1.jsonl", "judge-1.md", "judge-2.jsonl", "judge-2.md"]
    assert "all of it is done" in (tmp_path / "heard/judge-1.md").read_text()
    assert "all of it is done" not in (tmp_path / "heard/judge-2.md").read_text()


@every_cli
def test_what_it_says_and_how_it_fails_is_told_apart(
    name: str, programs: Path, tmp_path: Path
) -> None:
    for folder in ("said", "limited", "down"):
        (tmp_path / folder).mkdir()
    assert isinstance(
        alone(judging.judge, name, tmp_path / "said", programs, "not_met").judged, NotMet
    )
    for folder, failure in (("limited", RATE_LIMIT), ("down", OVERLOAD)):
        assert isinstance(
            alone(judging.judge, name, tmp_path / folder, programs, "met", failure).judged, NoAnswer
        )
