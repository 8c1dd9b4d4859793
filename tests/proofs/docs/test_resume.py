"""docs/resume.md: its commands after a night, and on another machine, where held work is still
there to be approved."""

from pathlib import Path

import pytest

from tests.proofs.docs.fixtures import copied, night, programs, ran
from tests.proofs.docs.reading import blocks, commands
from tests.stories.sample_project import Project

# nothing is left that could run before the person decides
CODES = {"python loop.py": 3, "nightlatch doctor": 1}


def typed(project: Project, lines: list[str], path: str) -> None:
    for line in lines:
        done = ran(project, line, path)
        assert done.returncode == CODES.get(line, 0), (
            f"{line}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        )


@pytest.mark.sandbox
def test_coming_back_on_the_same_machine_and_on_another_one(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    old, path = (
        copied(night(tmp_path_factory.getbasetemp() / "night-of-docs"), tmp_path),
        programs(tmp_path / "bin"),
    )
    here, on_the_old, on_the_new = [list(commands(block)) for block in blocks("docs/resume.md")]
    old.git("init", "-q", "--bare", "-b", "main", "../origin.git")
    old.git("remote", "add", "origin", "../origin.git")
    typed(old, [*here, *on_the_old], path)
    old.git("clone", "-q", str(tmp_path / "origin.git"), str(tmp_path / "new"))
    new = Project(
        folder=tmp_path / "new", env={**old.env, "NIGHTLATCH_CACHE": str(tmp_path / "other-cache")}
    )
    typed(new, [*on_the_new, "nightlatch approve US-004 --now"], path)
    assert "US-004" in new.passing()
