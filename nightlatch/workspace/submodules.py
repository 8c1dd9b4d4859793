"""Submodules that the person's clone has, as plain files in a workspace: a test that needs them
finds them, and nothing of them lands."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.errors import RepoError
from nightlatch.git.command import words
from nightlatch.git.repo import Repo
from nightlatch.util.globs import matcher
from nightlatch.util.paths import BYTECODE, ENVIRONMENT, GITLINK
from nightlatch.util.safe_fs import entered, held_entry

# Submodules in submodules: a repository that names itself as one would have no end.
DEEPEST = 5
# Bytes of a file that are read at once: it may be larger than memory.
AT_ONCE = 1_000_000
# What programs write beside the sources of a submodule without anybody having changed it.
MADE = matcher(
    (
        *BYTECODE,
        *ENVIRONMENT,
        ".git",
        ".git/**",
        "**/.git",
        "**/.git/**",
        "**/.pytest_cache/**",
        "**/.mypy_cache/**",
    )
)


def fill(repo: Repo, tree: Path, links: Iterable[tuple[str, str]]) -> None:
    """Lay the files of these (path, commit) into a pristine checkout, those of submodules in
    them too; what the clone lacks stays empty."""
    for path, commit in links:
        lay(repo, repo.top / path, tree / path, commit, DEEPEST)


def lay(repo: Repo, source: Path, target: Path, commit: str, depth: int) -> None:
    """One submodule, by its own git folder."""
    folder = git_folder(source)
    if folder is None or not is_fillable(target, depth):
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
        if meta.startswith(f"{GITLINK} "):
            (target / path).mkdir(parents=True, exist_ok=True)
            lay(repo, source / path, target / path, meta.split(" ")[1], depth - 1)


def missing(repo: Repo, links: Iterable[tuple[str, str]]) -> list[str]:
    """Return the submodules whose commit the clone does not have."""
    found = []
    for path, commit in links:
        folder = git_folder(repo.top / path)
        known = (
            folder
            and repo.private("cat-file", "-e", f"{commit}^{{commit}}", env={"GIT_DIR": folder})
            .finish()
            .returncode
            == 0
        )
        found += [] if known else [path]
    return found


def links_of(repo: Repo, commit: str) -> list[tuple[str, str]]:
    """Return the submodules of a commit, by path; few repositories have any, and those have a
    .gitmodules."""
    if not repo.find(f"{commit}:.gitmodules"):
        return []
    return [(path, oid) for path, (mode, oid) in repo.files(commit).items() if mode == GITLINK]


def differing(repo: Repo, tree: Path, links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what lies otherwise in the submodules of a workspace than their commits say, with what
    it is now: "new" and a digest, a digest, or "gone". No git runs there: an agent can write to all
    of it."""
    found: dict[str, str] = {}
    for path, commit in links:
        found |= {
            f"{path}/{name}": now
            for name, now in compared(repo, repo.top / path, tree / path, commit, DEEPEST)
        }
    return found


def compared(
    repo: Repo, source: Path, target: Path, commit: str, depth: int
) -> Iterator[tuple[str, str]]:
    """Yield one submodule, and those in it. Of one that the clone does not have nothing is
    known."""
    folder = git_folder(source)
    if folder is None or not is_fillable(target, depth):
        return
    entries = entries_of(repo, folder, commit)
    if entries is None:
        return
    inner = {path: oid for path, (mode, oid) in entries.items() if mode == GITLINK}
    files = {path: " ".join(entry) for path, entry in entries.items() if path not in inner}
    yield from differing_files(target, files, inner, len(commit))
    for path, oid in inner.items():
        for name, now in compared(repo, source / path, target / path, oid, depth - 1):
            yield f"{path}/{name}", now


def is_fillable(target: Path, depth: int) -> bool:
    """Can this folder hold a submodule, no deeper than so many more?"""
    # A link in its place could lead anywhere on the machine.
    return depth > 0 and not target.is_symlink() and target.is_dir()


def differing_files(
    target: Path, files: Mapping[str, str], inner: Mapping[str, str], width: int
) -> Iterator[tuple[str, str]]:
    """Yield the files of one submodule that are not as its commit has them, and what they are
    now."""
    with entered(target) as top:
        for path, then in files.items():
            now = digest(top, path, width)
            if now != then:
                yield path, now or "gone"
        for path in files_below(target, inner):
            if path not in files and path not in inner and not MADE(path):
                yield path, f"new {digest(top, path, width)}"


def entries_of(repo: Repo, folder: Path, commit: str) -> dict[str, tuple[str, str]] | None:
    """Mode and id of each path of a submodule's commit; None where it was never fetched."""
    listed = repo.private("ls-tree", "-r", "-z", commit, env={"GIT_DIR": folder}).finish()
    if listed.returncode:
        return None
    entries = {}
    for line in words(listed.stdout):
        meta, _, path = line.partition("\t")
        mode, _, oid = meta.split(" ")
        entries[path] = mode, oid
    return entries


def digest(top: int, path: str, width: int) -> str:
    """Mode and id that git would give to a file; "" where none is there that can be read."""
    with held_entry(top, path) as grip:
        if grip.fd < 0:
            return ""
        size = os.fstat(grip.fd).st_size
        made = hashlib.new(
            "sha1" if width == 40 else "sha256", f"blob {size}\0".encode(), usedforsecurity=False
        )
        at = 0
        while chunk := os.pread(grip.fd, AT_ONCE, at):
            made.update(chunk)
            at += len(chunk)
        return f"{grip.mode} {made.hexdigest()}"


def files_below(target: Path, inner: Mapping[str, str]) -> Iterator[str]:
    """Yield every file of a submodule that is not one of a submodule in it."""
    for place, folders, names in os.walk(target):
        below = os.path.relpath(place, target)
        paths = [os.path.normpath(f"{below}/{name}") for name in folders]
        folders[:] = [
            name
            for name, path in zip(folders, paths, strict=True)
            if path not in inner and not MADE(f"{path}/x")
        ]
        yield from (os.path.normpath(f"{below}/{name}") for name in names)


def git_folder(source: Path) -> Path | None:
    """Return the git folder of a submodule's checkout: its .git, or the one that a file of that
    name points to; None where it was never filled."""
    own = source / ".git"
    try:
        kind = own.lstat().st_mode
    except OSError:
        return None
    if stat.S_ISDIR(kind):
        return own
    text = own.read_text("utf-8", "surrogateescape") if stat.S_ISREG(kind) else ""
    named = (
        Path(os.path.normpath(source / text.removeprefix("gitdir:").strip()))
        if text.startswith("gitdir:")
        else None
    )
    return named if named and named.is_dir() else None
