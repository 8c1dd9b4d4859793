"""The loop is killed, or told of an error, at the n-th system call of a night, and started
again: nothing is lost, nothing lands twice.

NIGHTLATCH_FULL takes every point of `calls.points`; otherwise it is a dozen, drawn with
NIGHTLATCH_SEED, by default always the same.
"""

import os
import random
import shutil
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from tempfile import mkdtemp
from typing import TextIO

import pytest

from nightlatch.journal import events as lines
from nightlatch.journal import file_io
from tests.proofs.crash.calls import Point, points, run_at
from tests.proofs.crash.test_kill import FULL, assert_whole, village
from tests.stories.sample_project import Project, project_in

SHARDS, SAMPLE = (12, 0) if FULL else (3, 4)
LOG = os.environ.get("NIGHTLATCH_LOG", os.devnull)
MINE = "the person is at work on this\n"

pytestmark = [pytest.mark.sandbox, pytest.mark.strace]


def shop(folder: Path) -> Project:
    """Two features to do, and an edit of the person's that they did not commit."""
    project = village(folder, 2)
    project.write("mine.txt", "as it was committed\n")
    project.commit("mine")
    project.write("mine.txt", MINE)
    return project


def assert_recovered(project: Project, expected: list[str]) -> None:
    """Both features landed once, and nothing is in flight, lost or left."""
    assert_whole(project, expected, 2, edited=" M mine.txt\n")
    assert (project.folder / "mine.txt").read_text() == MINE
    events = [
        event
        for event in file_io.read(project.folder / ".nightlatch/journal.jsonl")
        if event is not None
    ]
    state = reduce(lines.after, events, lines.JournalState())
    assert state.flight is None
    assert state.publishing == {}
    begun, ended = (
        [event["session"] for event in events if event["event"] == f"session.{what}"]
        for what in ("started", "ended")
    )
    assert {*begun} <= {*ended}
    assert events[-1]["event"] == "run.ended"
    project.git("fsck", "--strict", "--connectivity-only")


def drawn(every: list[Point], shard: int) -> list[list[Point]]:
    """Pairs of points, one from the night's later and one from its earlier part: the start
    after the first meets the second."""
    if SAMPLE:
        chance = random.Random(int(os.environ.get("NIGHTLATCH_SEED", "5")) + shard)  # noqa: S311  # a sample that comes again
        every = [point for point in every if point in chance.sample(every, SAMPLE)]
    else:
        every = every[shard::SHARDS]
    half = len(every) // 2
    return [[late, early] for late, early in zip(reversed(every[half:]), every, strict=False)]


@pytest.fixture
def log() -> Iterator[TextIO]:
    """A line for each point: met or not, and the exit code; where NIGHTLATCH_LOG names a file,
    there."""
    with Path(LOG).open("a", buffering=1) as file:
        yield file


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_night_that_is_cut_off_at_any_call_is_finished_by_a_plain_start(
    tmp_path: Path, shard: int, log: TextIO
) -> None:
    calm, wrong = shop(tmp_path / "calm"), []
    shutil.copytree(calm.folder, tmp_path / "shop", symlinks=True)
    run_at(calm, None, tmp_path)
    queue = drawn(points(tmp_path), shard)
    while queue:
        pair = queue.pop()
        place = Path(mkdtemp(dir=tmp_path))
        shutil.copytree(tmp_path / "shop", place / "shop", symlinks=True)
        project = project_in(place)
        try:
            for point in pair:
                met, code = run_at(project, point, place)
                log.write(f"{point}: {f'exit {code}' if met else 'not met'}\n")
                queue += [[point]] if not met and point is not pair[0] else []
            project.run("run")
            assert_recovered(project, calm.landings())
        except AssertionError as error:
            wrong.append(f"{' and '.join(map(str, pair))}: {error}")
            log.write(f"WRONG {wrong[-1]}\n")
        else:
            shutil.rmtree(place)
    assert wrong == []
