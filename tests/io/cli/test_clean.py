"""`clean`: says what could go, removes it only when told to, and never what somebody goes on
from."""

import os
from datetime import UTC, datetime
from pathlib import Path

from nightlatch.journal import events, transcripts_io
from nightlatch.loop import cleanup
from nightlatch.project.project import find_project
from nightlatch.util import fs
from tests.io.cli.cli_project import RUN, Project, story

LONG_AGO = 1_600_000_000


def old(path: Path) -> Path:
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def nights(project: Project, cache: Path) -> None:
    """Seven sessions of long ago: landed, rejected before the last one, carried, held, in
    flight, and two that nobody knows."""
    project.monkeypatch.setenv("NIGHTLATCH_CACHE", str(cache))
    project.monkeypatch.setenv("GIT_COMMITTER_DATE", f"{LONG_AGO} +0000")
    project.plan(story("US-001", passes=True), story("US-002"), story("US-003"), story("US-004"))
    project.record(
        [
            project.session("US-001", "landed", number=1),
            project.session("US-002", "rejected", number=2),
            project.session("US-002", "advanced", number=3),
            project.session("US-003", "held", number=4),
        ]
    )
    for number in range(1, 8):
        name = f"{RUN}-s{number:02}"
        commit = project.git("commit-tree", "-p", "HEAD", "-m", name, "HEAD^{tree}")
        project.git("update-ref", f"refs/nightlatch/sessions/{name}", commit)
        old(
            project.write(
                f".nightlatch/sessions/{name}/transcript.jsonl",
                '{"kind": "message", "text": "a"}\n',
            )
        )
    for ref in ("work/US-001", "work/US-002", f"bases/{RUN}-s01", f"bases/{RUN}-s05"):
        project.git("update-ref", f"refs/nightlatch/{ref}", "HEAD")
    at = datetime.fromtimestamp(LONG_AGO, UTC)
    home = find_project(project.folder).cache
    for folder in (
        "ws/999999999-left",
        f"ws/{os.getpid()}-mine",
        "ws/999999998-flight",
        "env/abc",
        "trash/x",
    ):
        (home / folder).mkdir(parents=True)
    old(home / "env/abc")
    told = {
        "session": f"{RUN}-s05",
        "feature": "US-004",
        "folder": str(home / "ws/999999998-flight"),
    }
    line = events.encode("session.started", at, told)
    project.write(".nightlatch/journal.jsonl", line.decode())
    old(project.write(".nightlatch/cache/tests-1.json", "{}"))
    project.write(".nightlatch/cache/tests-2.json", "{}")


def left(project: Project) -> list[str]:
    refs = [
        ref.removeprefix("refs/nightlatch/").replace(RUN, "r")
        for ref in project.git("for-each-ref", "--format=%(refname)").split()
    ]
    home = find_project(project.folder).cache
    return sorted(
        [
            *(ref for ref in refs if not ref.startswith("refs/")),
            *(
                str(path.relative_to(home))
                for folder in ("ws", "env", "trash")
                for path in (home / folder).glob("*")
            ),
            *(
                f"log {path.name[-3:]}"
                for path in (project.folder / ".nightlatch/sessions").iterdir()
            ),
            *(path.name for path in (project.folder / ".nightlatch/cache").iterdir()),
        ]
    )


def test_it_shows_what_could_go_and_touches_nothing(project: Project, tmp_path: Path) -> None:
    nights(project, tmp_path / "cache")
    before = left(project)
    shown = project.nightlatch("clean", "--keep", "0")
    assert shown.code == 0
    assert shown.out.endswith("nothing was removed; to remove it: nightlatch clean --yes\n")
    kinds = [line.split()[:2] for line in shown.out.splitlines() if line[5:6].isdigit()]
    assert kinds == [
        ["6", "refs"],
        ["2", "workspaces"],
        ["1", "environments"],
        ["1", "results"],
        ["4", "transcripts"],
    ]
    assert left(project) == before
    assert len(project.nightlatch("clean", "--keep", "0", "--json").json["found"]) == 14  # type: ignore[arg-type]  # a list
    assert project.nightlatch("clean", "--older", "9999d").out.count("refs") == 0


def test_when_told_to_it_removes_that_and_nothing_that_somebody_goes_on_from(
    project: Project, tmp_path: Path
) -> None:
    nights(project, tmp_path / "cache")
    assert project.nightlatch("clean", "--keep", "0", "--yes").out.endswith("removed\n")
    assert left(project) == sorted(
        [
            "bases/r-s05",
            "log s03",
            "log s04",
            "log s05",
            "sessions/r-s03",
            "sessions/r-s04",
            "sessions/r-s05",
            "tests-2.json",
            "work/US-002",
            "ws/999999998-flight",
            f"ws/{os.getpid()}-mine",
        ]
    )
    project.git("gc", "-q", "--prune=now")
    assert project.git("cat-file", "-t", f"refs/nightlatch/bases/{RUN}-s05") == "commit"
    assert "nothing is left over" in project.nightlatch("clean", "--keep", "0").out


def test_the_newest_candidates_stay_however_old(project: Project, tmp_path: Path) -> None:
    nights(project, tmp_path / "cache")
    found = project.nightlatch("clean", "--json").json["found"]
    assert isinstance(found, list)
    assert [one["name"] for one in found if one["kind"] == "refs"] == [
        f"refs/nightlatch/bases/{RUN}-s01",
        "refs/nightlatch/work/US-001",
    ]


def test_it_waits_for_no_run_and_disturbs_none(project: Project, tmp_path: Path) -> None:
    nights(project, tmp_path / "cache")
    before = left(project)
    with fs.Lock(project.folder / ".nightlatch/lock"):
        assert project.nightlatch("clean", "--keep", "0", "--yes").code == 75
        assert project.nightlatch("clean", "--keep", "0").code == 0
    assert left(project) == before


def test_candidates_that_are_both_old_and_many_go_by_themselves(
    project: Project, tmp_path: Path
) -> None:
    nights(project, tmp_path / "cache")
    house = find_project(project.folder)
    cleanup.prune(house, LONG_AGO + cleanup.OLD + 1.0)
    assert "sessions/r-s01" in left(project), "there are not many"
    assert "work/US-001" in left(project), "and carried work only goes when it is asked for"
    cleanup.prune(house, LONG_AGO + cleanup.OLD + 1.0, keep=0)
    assert [name for name in left(project) if name.startswith("sessions/")] == [
        "sessions/r-s03",
        "sessions/r-s04",
        "sessions/r-s05",
    ]


def test_old_transcripts_are_packed_and_read_as_before(project: Project, tmp_path: Path) -> None:
    nights(project, tmp_path / "cache")
    plain = project.nightlatch("events", f"{RUN}-s01", "--json").out
    young = project.write(
        f".nightlatch/sessions/{RUN}-s02/transcript.jsonl", '{"kind": "message", "text": "b"}\n'
    )
    transcripts_io.pack(find_project(project.folder), LONG_AGO + 1)
    names = sorted(file.name for file in (project.folder / ".nightlatch/sessions").glob("*/*"))
    assert names == ["transcript.jsonl", *["transcript.jsonl.gz"] * 6]
    assert young.is_file()
    assert project.nightlatch("events", f"{RUN}-s01", "--json").out == plain
    assert "message: a" in project.nightlatch("log", f"{RUN}-s01").out
