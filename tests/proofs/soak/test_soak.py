"""The soak in its short form, and that each line of its table notices what it is for."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from bench import manners, soak, soaked
from bench.soaked import Seen
from tests.stories.sample_project import Project

pytestmark = pytest.mark.sandbox
SHORT = soak.Form(seed=7, sessions=22, features=12, every=4.0)
QUIET = (
    "cut off in the middle",
    "does the second half only",
    "deletes a test",
    "writes a secret",
    "deletes a test",
)


def test_nothing_is_lost_or_falsely_done_under_a_loop_that_is_killed_every_few_seconds(
    tmp_path: Path,
) -> None:
    found, said = soak.soaked_by(SHORT, tmp_path)
    assert {what: complaints for what, complaints in found.items() if complaints} == {}, said


def test_a_seed_draws_the_same_sessions_every_time_and_a_deck_has_all_manners() -> None:
    drawn = manners.draw(7, 300)
    assert drawn == manners.draw(7, 300) != manners.draw(8, 300)
    assert {*drawn[: len(manners.MANNERS)]} == {*manners.MANNERS}
    assert len(manners.script(drawn, 10)) == 301


Damage: TypeAlias = Callable[[Project, Seen], object]
Look: TypeAlias = Callable[[Project, Seen], Iterator[str]]


def alone(look: Callable[[Project], Iterator[str]]) -> Look:
    return lambda project, _seen: look(project)


def twice(project: Project, _seen: Seen) -> Iterator[str]:
    return soaked.twice(project, soaked.landed(project))


def false(project: Project, seen: Seen) -> Iterator[str]:
    return soaked.falsely_done(project, seen.plan, soaked.landed(project))


def lost(project: Project, seen: Seen) -> Iterator[str]:
    return soaked.lost_work(project, seen.told, soaked.landed(project))


def edited(name: str, old: str, new: str) -> Damage:
    """A commit by which somebody changes a file."""

    def damage(project: Project, _seen: Seen) -> None:
        text = (project.folder / name).read_text()
        project.write(name, text.replace(old, new))
        assert text != (project.folder / name).read_text()
        project.commit()

    return damage


def again(project: Project, _seen: Seen) -> None:
    project.git(
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "x\n\nNightlatch-Feature: US-1\nNightlatch-Session: r-1-s09",
    )


def dropped(word: str, pattern: str) -> Damage:
    """The first line with this word goes from the first file of this name."""

    def damage(project: Project, _seen: Seen) -> None:
        path = next(
            path for path in sorted(project.folder.glob(pattern)) if word in path.read_text()
        )
        lines = path.read_text().splitlines(keepends=True)
        lines.remove(next(line for line in lines if word in line))
        path.write_text("".join(lines))

    return damage


def without(ref: str) -> Damage:
    return lambda project, seen: project.git(
        "update-ref", "-d", ref or f"refs/nightlatch/sessions/{seen.told[0][1]}"
    )


def object_of(project: Project, rev: str) -> Path:
    name = project.git("rev-parse", rev).strip()
    return project.folder / ".git/objects" / name[:2] / name[2:]


DAMAGES: dict[str, tuple[Damage, Look]] = {
    "work that is not there": (edited("parts/US-1.a", "US-1", "US-2"), false),
    "a flag that nobody earned": (edited("prd.json", "false", "true"), false),
    "another criterion": (edited("prd.json", "both halves", "some halves"), false),
    "a weaker test": (edited("tests/test_till.py", "120", "40 * 3"), false),
    "a test that fails": (edited("till.py", "cents *", "2 * cents *"), false),
    "a second landing": (again, twice),
    "a landing that was said and is not there": (
        lambda project, _: project.write("../log", "2026-11-20T23:47:00Z landed      US-2 x\n"),
        twice,
    ),
    "a candidate lost": (without(""), lost),
    "carried work lost": (without("refs/nightlatch/work/US-2"), lost),
    "a session that did not find the work before it": (lambda _, seen: seen.told[2].pop(), lost),
    "a feature that the person queued": (
        lambda _, seen: seen.plan.append(soak.story(9)),
        soaked.lost_words,
    ),
    "a decision": (lambda _, seen: seen.decisions.append("d-123456"), soaked.lost_words),
    "a page of the diary": (edited("diary.txt", "page 1", "page 2"), soaked.lost_words),
    "a workspace": (
        lambda project, _: (project.folder.parent / "cache/x/ws/1-2").mkdir(parents=True),
        alone(soaked.left_over),
    ),
    "an end in the journal": (
        dropped("session.ended", ".nightlatch/journal.jsonl"),
        alone(soaked.gaps),
    ),
    "a session in the record": (
        edited("progress.txt", "  session ", "  notes "),
        alone(soaked.gaps),
    ),
    "a word in a transcript": (
        dropped("word 1", ".nightlatch/sessions/*/transcript.jsonl"),
        alone(soaked.gaps),
    ),
    "a hook": (lambda project, _: project.write(".git/hooks/pre-commit", ""), alone(soaked.harm)),
    "a branch": (lambda project, _: project.git("branch", "mine"), alone(soaked.harm)),
    "a secret": (
        lambda project, _: project.write(".nightlatch/x", manners.KEY),
        alone(soaked.harm),
    ),
    "a changed checkout": (lambda project, _: project.write("till.py", ""), alone(soaked.harm)),
    "an object": (
        lambda project, _: object_of(project, "main:till.py").unlink(),
        alone(soaked.harm),
    ),
}


def test_every_line_of_the_table_notices_what_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "calm").mkdir()
    with soak.soak_in(tmp_path / "calm", replace(SHORT, features=2)) as calm:
        (tmp_path / "calm/script.json").write_text(json.dumps(manners.script(QUIET, 1)[:-1]))
        calm.write_diary()
        with calm.running() as process:
            soak.hear(calm, process, 60)
            assert process.returncode == 3
        calm.hear(0)
        assert {
            what: found
            for what, found in soaked.table(calm.project, calm.seen, calm.token).items()
            if found
        } == {}
    unseen = []
    for what, (damage, look) in DAMAGES.items():
        shutil.copytree(
            tmp_path / "calm",
            tmp_path / "torn",
            symlinks=True,
            ignore=shutil.ignore_patterns("told"),
        )
        project, seen = (
            replace(calm.project, folder=tmp_path / "torn/shop"),
            replace(calm.seen, told=[[*each] for each in calm.seen.told]),
        )
        seen = replace(seen, plan=[*seen.plan], decisions=[*seen.decisions])
        damage(project, seen)
        unseen += [] if [*look(project, seen)] else [what]
        shutil.rmtree(tmp_path / "torn")
    assert unseen == []


def test_a_process_that_is_left_is_seen_by_its_environment_and_by_its_place(tmp_path: Path) -> None:
    for env, place in (({"SOAK": "soak-x-3"}, Path("/")), ({}, tmp_path / "shop")):
        place.mkdir(exist_ok=True)
        with subprocess.Popen(["sleep", "60"], env={**os.environ, **env}, cwd=place) as process:
            try:
                assert [pid for pid, _ in soaked.alive("soak-x", tmp_path)] == [str(process.pid)]
                assert len(soaked.outlived("soak-x", 4)) == len(env)
                assert soaked.outlived("soak-x", 3) == []
            finally:
                process.kill()
    assert [*soaked.alive("soak-x", tmp_path)] == []
