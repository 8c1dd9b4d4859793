"""A project for a night in which everything happens that the docs speak of, and commands of
theirs run in it as they stand."""

import os
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests import PATIENCE, ROOT
from tests.stories.sample_project import Project, feature, make_project, writes

GH = '#!/bin/sh\n[ "$1 $2 $4 $5" = "issue comment --body-file -" ] && [ -n "$(cat)" ]\n'
FINDING = """id = "N-7f3k2aa"
kind = "finding"
feature = "US-001"
claim = "the second page is slow"
state = "open"
by = "person"
session = "d-6c4375"
at = "2026-11-20T19:09:06Z"
"""
FILES = {
    "findings/N-7f3k2aa.toml": FINDING,
    "src/limit.py": "# a limit\n" * 30,
    "invite.sh": "#!/bin/sh\n",
    "bench.sh": "#!/bin/sh\n",
    "schema.sql": "create index;\n",
}


def programs(folder: Path) -> str:
    """A PATH on which `nightlatch` and `python` are those of this run, and `gh` is a small
    program that only looks at what it is given."""
    folder.mkdir()
    for name, argv in {
        "nightlatch": (sys.executable, "-m", "nightlatch"),
        "python": (sys.executable,),
    }.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
    (folder / "gh").write_text(GH)
    for file in folder.iterdir():
        file.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def evening(folder: Path) -> Project:
    """Before its first night, in which each feature comes to something else."""
    stories = [
        feature(1),
        feature(2, verify=[]),
        feature(3),
        feature(4, mayChange=["checks/**"]),
        feature(5),
    ]
    script = {
        "US-001": [[writes(1)]],
        "US-002": [[writes(2)]],
        "US-003": [[{"ask": "Which library may I add?"}]],
        "US-004": [[writes(4), {"write": "checks/20-more", "text": "#!/bin/sh\n"}]],
        "US-005": [[{"write": "notes.txt", "text": "half of it\n"}]],
    }
    project = make_project(
        folder, stories, settings='agent = ["scripted"]\n[limits]\nattempts = 1\n', files=FILES
    )
    return Project(
        folder=project.folder, env={**project.env, "NIGHTLATCH_SCRIPT": str(project.script(script))}
    )


@cache
def night(folder: Path) -> Project:
    """The same after it, made once by every worker."""
    folder.mkdir()
    project = evening(folder)
    project.run("run", code=3)
    return project


def copied(project: Project, folder: Path) -> Project:
    """The same project once more, as it is now."""
    shutil.copytree(project.folder, folder / "shop", symlinks=True)
    return Project(
        folder=folder / "shop", env={**project.env, "NIGHTLATCH_CACHE": str(folder / "cache")}
    )


def ran(project: Project, line: str, path: str) -> subprocess.CompletedProcess[str]:
    """A command of a page, as a shell runs it there."""
    env = {**os.environ, **project.env, "PYTHONPATH": str(ROOT), "PATH": path, "BASE": "HEAD~2"}
    return subprocess.run(
        ["sh", "-c", line],
        cwd=project.folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
