"""Every state in which a power cut may leave what the loop wrote, in the manner of ALICE:
nothing acknowledged is lost, and it starts."""

import gzip
import os
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nightlatch.journal import file_io, inbox_io
from nightlatch.project.project import Project, find_project
from tests import ROOT
from tests.proofs.crash.disk import LOST, Disk, Inode, Op, loose, recorded, settled, states
from tests.proofs.crash.test_kill import FULL, village
from tests.stories.sample_project import feature, make_project, project_in

PLANS = [b"before", b"first" * 400, b"second" * 400]

SHARDS, SAMPLE = (12, 0) if FULL else (2, 4)
OPEN = {"NIGHTLATCH_WORKSPACE_SANDBOX": "none"}  # inside a sandbox the same names mean other files

pytestmark = pytest.mark.strace


def test_whatever_a_power_cut_leaves_of_the_loops_own_files_holds_what_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path, [feature(1)])
    project.write("plan.txt", "before")
    writers = [sys.executable, "-P", "-m", "tests.proofs.crash.writers"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **project.env}
    start, ops = recorded(writers, project.folder, tmp_path / "trace", env)
    monkeypatch.chdir(project.folder)
    house, tried = find_project(project.folder), 0
    for n, how, disk in every(start, ops):
        assert_kept(house, tmp_path / "state", promised(ops, n), disk, how)
        shutil.rmtree(tmp_path / "state")
        tried += 1
    assert tried > 300


def every(start: Disk, ops: list[Op]) -> Iterator[tuple[int, str, Disk]]:
    yield from states(start, ops)
    yield from ((n, LOST, disk) for n, disk in settled(start, ops))
    yield from loose(start, ops, ".nightlatch")


def promised(ops: list[Op], n: int) -> list[str]:
    """What had been acknowledged when so many changes were made."""
    written = b"".join(op.data for op in ops[:n] if op.name == "acks" and op.verb == "write")
    return written.decode().splitlines()


def assert_kept(house: Project, folder: Path, acks: list[str], disk: Disk, how: str) -> None:
    state = {
        name: what
        for name, what in disk.names.items()
        if name.startswith(".nightlatch") or name == "plan.txt"
    }
    Disk(names=state).lay(folder, how)
    there = replace(house, repo=replace(house.repo, top=folder, folder=folder))
    book = file_io.open_journal(there.state / "journal.jsonl")
    book.close()
    assert "limit" not in acks or "a" in book.state.limits
    assert book.state.scripts.get("x", 0) >= sum(
        ack.startswith("journal session.started") for ack in acks
    )
    segments = [*sorted(there.state.glob("journal-*.jsonl")), there.state / "journal.jsonl"]
    events = [
        f"journal {event['event']} {event.get('session')}"
        for segment in segments
        for event in file_io.read(segment)
        if event
    ]
    assert [event for event in events if event in acks] == [
        ack for ack in acks if ack.startswith("journal")
    ]
    waiting = [f"decision {said.id}" for _, said in inbox_io.waiting(there)]
    assert {*waiting} >= {ack for ack in acks if ack.startswith("decision")}
    assert (folder / "plan.txt").read_bytes() in PLANS[
        sum(ack.startswith("plan") for ack in acks) :
    ]
    if "transcript" in acks:
        place = there.state / "sessions/s1/transcript.jsonl"
        told = (
            place.read_bytes()
            if place.exists()
            else gzip.decompress(place.with_name(f"{place.name}.gz").read_bytes())
        )
        assert told == b"words\n" * 500


@pytest.mark.parametrize("shard", range(SHARDS))
def test_whatever_a_power_cut_leaves_of_a_night_a_plain_start_finishes_it(
    tmp_path: Path, shard: int
) -> None:
    """The repository, the journal and the checkout, by git's writes too; the cache folder is gone.

    NIGHTLATCH_FULL takes every state.
    """
    project = village(tmp_path, 2)
    night = [sys.executable, "-m", "nightlatch", "run"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **project.env, **OPEN}
    start, ops = recorded(night, project.folder, tmp_path / "trace", env)
    expected, wrong = project.landings(), []
    found = [*states(start, ops), *((n, LOST, disk) for n, disk in settled(start, ops))]
    # each of them, not the sample alone
    assert [(n, how) for n, how, disk in found if not readable(disk, how)] == []
    for at, (n, how, disk) in enumerate(chosen(found, shard)):
        left = project_in(tmp_path / f"state{at}")
        disk.lay(left.folder, how)
        try:
            left.run("run", env=OPEN)
            assert left.landings() == expected
            assert left.passing() == ["US-001", "US-002"]
            left.git("fsck", "--connectivity-only", "refs/heads/main")
        except AssertionError as error:
            wrong.append(f"{ops[n - 1].verb} {ops[n - 1].name} ({n} of {len(ops)}), {how}: {error}")
        else:
            shutil.rmtree(left.folder.parent)
    assert wrong == []


def readable(disk: Disk, how: str) -> bool:
    """Can git read the index of the checkout?"""
    index = disk.names.get(".git/index")
    return isinstance(index, Inode) and index.left(how).startswith(b"DIRC")


def chosen(every: list[tuple[int, str, Disk]], shard: int) -> list[tuple[int, str, Disk]]:
    """The states of this shard: an even share of all, or a sample that comes again."""
    chance = random.Random(int(os.environ.get("NIGHTLATCH_SEED", "5")) + shard)  # noqa: S311  # as said
    return chance.sample(every, SAMPLE) if SAMPLE else every[shard::SHARDS]
