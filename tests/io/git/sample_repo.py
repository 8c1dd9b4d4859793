"""Repositories for tests: real ones, in a few words."""

import os
import subprocess
from pathlib import Path

from nightlatch.git.open import open_repo
from nightlatch.git.repo import Repo
from nightlatch.util.paths import LINK
from nightlatch.workspace.workspace import Workspace, prepare

ODD = os.fsdecode(b'odd \n\xff \xc3\xbc\t"name"')


def git(folder: Path, *args: str, check: bool = True) -> str:
    """What git says in a folder, the naive way."""
    done = subprocess.run(["git", *args], cwd=folder, check=check, capture_output=True)
    return os.fsdecode(done.stdout).strip()


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else os.fsencode(text))


def committed(folder: Path, files: dict[str, str | bytes]) -> str:
    """Write, add and commit files; the commit's id."""
    write(folder, files)
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", "more")
    return git(folder, "rev-parse", "HEAD")


def tree_after(repo: Repo, rev: str, files: dict[str, str | bytes | None]) -> str:
    """A tree like that of a revision, with other files."""
    blobs = {
        path: text if isinstance(text, bytes) else os.fsencode(text)
        for path, text in files.items()
        if text is not None
    }
    return repo.tree_with(
        rev,
        {
            path: ("100644", repo.write_blob(blobs[path])) if path in blobs else None
            for path in files
        },
    )


def commit_after(repo: Repo, rev: str, files: dict[str, str | bytes | None]) -> str:
    parent = repo.tip_of(rev) or ""
    return repo.commit(tree_after(repo, rev, files), [parent], "after")


def workspace_of(folder: Path, cache: Path, *, sandboxed: bool = False) -> tuple[Repo, Workspace]:
    repo = open_repo(folder)
    return repo, prepare(
        repo, cache / "ws/one", repo.tip_of("HEAD") or "", "main", sandboxed=sandboxed
    )


def export(repo: Repo, tree: str, into: Path) -> None:
    """A plain checkout of a tree."""
    into.mkdir()
    with repo.stand("cat-file", "--batch").talking() as blobs:
        for path, (mode, oid) in repo.files(tree).items():
            file = into / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if mode == LINK:
                file.symlink_to(os.fsdecode(blobs.object(oid)))
                continue
            file.write_bytes(blobs.object(oid))
            file.chmod(0o755 if mode == "100755" else 0o644)
