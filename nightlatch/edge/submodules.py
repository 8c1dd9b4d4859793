"""Submodules that the person's clone has, as plain files in a workspace: a test that needs them finds them, and nothing of them lands."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.edge.git import Repo
from nightlatch.errors import RepoError

DEEPEST = 5


def fill(repo: Repo, tree: Path, links: Iterable[tuple[str, str]]) -> None:
    """Lay the files of these (path, commit) into a pristine checkout, those of submodules in them too; what the clone lacks stays empty."""
    for path, commit in links:
        lay(repo, repo.top / path, tree / path, commit, DEEPEST)


def lay(repo: Repo, source: Path, target: Path, commit: str, depth: int) -> None:
    """One submodule, by its own git folder."""
    folder = git_folder(source)
    if folder is None or not depth or target.is_symlink() or not target.is_dir():
        return
    with TemporaryDirectory() as apart:
        env = {"GIT_DIR": folder, "GIT_INDEX_FILE": Path(apart, "index"), "GIT_WORK_TREE": target}
        try:
            repo.private("read-tree", commit, env=env).output()
            repo.private("checkout-index", "-a", "-f", env=env).output()
            listed = repo.private("ls-files", "-z", "-s", env=env).output()
        except RepoError:  # this commit was never fetched
            return
    for line in os.fsdecode(listed).split("\0"):
        meta, _, path = line.partition("\t")
        if meta.startswith("160000 "):
            (target / path).mkdir(parents=True, exist_ok=True)
            lay(repo, source / path, target / path, meta.split(" ")[1], depth - 1)


def missing(repo: Repo, links: Iterable[tuple[str, str]]) -> list[str]:
    """The submodules whose commit the clone does not have."""
    found = []
    for path, commit in links:
        folder = git_folder(repo.top / path)
        known = folder and repo.private("cat-file", "-e", f"{commit}^{{commit}}", env={"GIT_DIR": folder}).finish().returncode == 0
        found += [] if known else [path]
    return found


def git_folder(source: Path) -> Path | None:
    """The git folder of a submodule's checkout: its .git, or the one that a file of that name points to; None where it was never filled."""
    own = source / ".git"
    try:
        kind = own.lstat().st_mode
    except OSError:
        return None
    if stat.S_ISDIR(kind):
        return own
    text = own.read_text("utf-8", "surrogateescape") if stat.S_ISREG(kind) else ""
    named = Path(os.path.normpath(source / text.removeprefix("gitdir:").strip())) if text.startswith("gitdir:") else None
    return named if named and named.is_dir() else None
