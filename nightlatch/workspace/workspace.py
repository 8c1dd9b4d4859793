"""Workspaces: disposable checkouts outside the repository, each with a .git that the agent may
use and the loop never trusts."""

import json
import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from nightlatch.git import filters
from nightlatch.git.command import words
from nightlatch.git.model import Change
from nightlatch.git.repo import Repo, index_info
from nightlatch.util.fs import orphaned
from nightlatch.util.paths import FILES, GITLINK, INSIDE
from nightlatch.util.safe_fs import entered, put, remove
from nightlatch.workspace import submodules

RULES = (".gitignore", ".gitattributes")
OBJECTS_INSIDE = f"{INSIDE}/objects"
# The checkout is the tree byte for byte, and so is what is read back: no filter, line end, keyword
# or encoding of any .gitattributes.
AS_IT_IS = "* -text -filter -ident !working-tree-encoding\n"
# What tools and people leave in a checkout and no candidate brings in, even where nobody ignores
# it.
CACHES = (
    *(
        "__pycache__/",
        "*.py[cod]",
        ".pytest_cache/",
        ".mypy_cache/",
        ".ruff_cache/",
        ".hypothesis/",
        ".tox/",
        ".nox/",
        ".coverage",
    ),
    *(".env", ".env.local", ".env.*.local"),
    *(
        "node_modules/",
        ".vite/",
        ".turbo/",
        ".parcel-cache/",
        ".eslintcache",
        "*.tsbuildinfo",
        ".venv/",
        ".nightlatch/",
        ".DS_Store",
    ),
    *(
        ".next/",
        ".nuxt/",
        ".svelte-kit/",
        ".angular/",
        ".gradle/",
        ".nyc_output/",
        ".terraform/",
        ".ipynb_checkpoints/",
        "*.egg-info/",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One folder of the cache, `<cache>/ws/<name>`. `env` names what init.sh left in it."""

    folder: Path
    base: str
    branch: str = ""
    sandboxed: bool = True
    env: str = ""

    @property
    def tree(self) -> Path:
        """The checkout; its .git is the agent's."""
        return self.folder / "tree"

    @property
    def index(self) -> Path:
        """The loop's own index, at the base."""
        return self.folder / "index"

    @property
    def git(self) -> Path:
        """The loop's own git folder: attributes and ignore rules, no refs, no objects."""
        return self.folder / "git"

    @property
    def rules(self) -> Path:
        """A folder with the base's .gitignore and .gitattributes files and nothing else."""
        return self.folder / "rules"

    @property
    def shown(self) -> Path:
        """The paths whose content a filter made, each with a zero byte behind it."""
        return self.folder / "shown"

    @property
    def beneath(self) -> Path:
        """What init.sh made of the submodules before an agent came, as JSON."""
        return self.folder / "beneath"

    @property
    def replacing(self) -> Path:
        """A folder with an entry for each shared folder that this workspace has, or is to get,
        one of its own in place of."""
        return self.folder / "own"

    def has_own(self, name: str) -> bool:
        """Does a folder of this name in the tree take the place of the person's?

        A place to mount theirs on is empty.
        """
        place = self.tree / name
        return (self.replacing / name).exists() or (place.is_dir() and any(place.iterdir()))

    @property
    def stores(self) -> Path:
        """Packages that are this workspace's own, in place of those in folders of HOME."""
        return self.folder / "stores"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def home(self) -> Path:
        return self.folder / "home"


def prepare(
    repo: Repo, folder: Path, base: str, branch: str, *, sandboxed: bool = True, env: str = ""
) -> Workspace:
    """Return a new checkout of a commit.

    Inside a sandbox the agent's .git borrows the objects from OBJECTS_INSIDE, else from where they
    are.
    """
    space = Workspace(folder=folder, base=base, branch=branch, sandboxed=sandboxed, env=env)
    for made in (space.tree, space.out, space.home, space.rules):
        made.mkdir(parents=True)
    write_git(repo, space.git, base)
    git(repo, space, "read-tree", "-m", "-u", base)
    keep_rules(repo, space)
    if filters.rule_files(repo, space.rules) or repo.find(f"{base}:.gitmodules"):
        show(
            repo,
            space,
            [
                Change(path=path, status="A", new_mode=mode, new_oid=oid)
                for path, (mode, oid) in repo.files(base).items()
            ],
        )
    give_git(repo, space)
    return space


def show(repo: Repo, space: Workspace, changes: Collection[Change]) -> None:
    """Give these files the content that a filter of the person's shows for what git keeps, as a
    large file in place of its pointer, and submodules their files."""
    submodules.fill(
        repo,
        space.tree,
        ((change.path, change.new_oid) for change in changes if change.new_mode == GITLINK),
    )
    blobs = {change.path: change for change in changes if change.new_mode in FILES}
    with entered(space.tree) as top:
        for path, data in filters.as_seen(
            repo, space.rules, ((path, change.new_oid) for path, change in blobs.items())
        ):
            put(top, path, blobs[path].new_mode, data)
            with space.shown.open("ab") as noted:
                noted.write(os.fsencode(f"{path}\0"))


def note_submodules(repo: Repo, space: Workspace) -> None:
    """Remember what lies in the submodules before an agent works: only what differs from that
    is the agent's."""
    if links := submodules.links_of(repo, space.base):
        space.beneath.write_text(json.dumps(submodules.differing(repo, space.tree, links)))


def edited_submodules(repo: Repo, space: Workspace) -> dict[str, str]:
    """Return what an agent changed in submodules, none of which can land, with what it is now."""
    links = submodules.links_of(repo, space.base)
    if not links:
        return {}
    before = json.loads(space.beneath.read_text()) if space.beneath.is_file() else {}
    now = submodules.differing(repo, space.tree, links)
    return {path: what for path, what in now.items() if before.get(path) != what}


def quiet(repo: Repo, space: Workspace, index: Path) -> None:
    """Have an index for the agent say that files with content from a filter are as they should
    be."""
    if space.shown.is_file():
        known = {*words(git(repo, space, "ls-files", "-z"))}
        paths = os.fsencode(
            "".join(
                f"{path}\0"
                for path in dict.fromkeys(words(space.shown.read_bytes()))
                if path in known
            )
        )
        repo.run(
            "update-index",
            "-z",
            "--assume-unchanged",
            "--stdin",
            stdin=paths,
            git_dir=space.git,
            index=index,
            work_tree=space.tree,
        )


def reopen(folder: Path, base: str) -> Workspace | None:
    """Return a workspace that an earlier process left, None where it is gone."""
    space = Workspace(folder=folder, base=base)
    return space if space.tree.is_dir() and space.index.is_file() else None


def git(
    repo: Repo, space: Workspace, *args: str, stdin: bytes = b"", timeout: float | None = None
) -> bytes:
    """Return a git command on the workspace's files, which never looks at the .git that lies among
    them."""
    return repo.run(
        *args,
        stdin=stdin,
        git_dir=space.git,
        index=space.index,
        work_tree=space.tree,
        timeout=timeout,
    )


def tracked(repo: Repo, space: Workspace, names: Collection[str]) -> list[str]:
    """Return the files of the base that are called so, in any folder."""
    return words(
        git(repo, space, "ls-files", "-z", "-c", "-i", *(f"--exclude={name}" for name in names))
    )


def lay(repo: Repo, space: Workspace, tree: str) -> None:
    """Put another tree's files over a pristine checkout, as uncommitted changes: the index
    stays at the base."""
    spread(repo, space, repo.diff(space.base, tree))


def commit(repo: Repo, space: Workspace, tree: str) -> None:
    """Have the checkout's own .git, which nobody has used yet, say that this tree is committed:
    tests and checks may ask git for it."""
    changes = repo.diff(space.base, tree)
    if not changes:
        return
    # A copy, beside the tree: the loop's own index stays at the base.
    laid = space.folder / "laid"
    shutil.copyfile(space.index, laid)
    lines = index_info(changes, repo.width)
    repo.run(
        "update-index",
        "-z",
        "--index-info",
        stdin=lines,
        git_dir=space.git,
        index=laid,
        work_tree=space.tree,
    )
    quiet(repo, space, laid)
    laid.replace(space.tree / ".git/index")
    (space.tree / ".git/refs/heads" / space.branch).write_text(
        f"{repo.quick_commit(tree, space.base)}\n"
    )


def retarget(repo: Repo, space: Workspace, base: str) -> Workspace:
    """Return a pristine workspace moved to another commit; only what differs is written."""
    if base == space.base:
        return space
    moved = replace(space, base=base)
    changes = repo.diff(space.base, base)
    spread(repo, space, changes)
    git(repo, space, "update-index", "-z", "--index-info", stdin=index_info(changes, repo.width))
    # The rules of the base count, so they move with it.
    if any(change.path.rpartition("/")[2] in RULES for change in changes):
        shutil.rmtree(moved.rules)
        moved.rules.mkdir()
        keep_rules(repo, moved)
    # Made anew and not moved: nothing of what was in it may be trusted.
    shutil.rmtree(moved.tree / ".git")
    give_git(repo, moved)
    return moved


def spread(repo: Repo, space: Workspace, changes: tuple[Change, ...]) -> None:
    """Carry changes out on the files of a checkout, without its index: what this costs does not
    grow with the repository."""
    with entered(space.tree) as top, repo.stand("cat-file", "--batch").talking() as blobs:
        for change in changes:
            if change.old_mode == GITLINK:
                # what a submodule was filled with
                shutil.rmtree(space.tree / change.path, ignore_errors=True)
            if not change.new_mode:
                remove(top, change.path)
        for change in changes:
            if change.new_mode:
                put(
                    top,
                    change.path,
                    change.new_mode,
                    b"" if change.new_mode == GITLINK else blobs.object(change.new_oid),
                )
    show(repo, space, changes)


def discard(space: Workspace) -> None:
    """Out of the way at once; `empty_trash` removes it."""
    trash = space.folder.parent.parent / "trash"
    trash.mkdir(exist_ok=True)
    # A rename takes no time; to remove a tree with its packages may take seconds.
    space.folder.rename(trash / uuid4().hex)


def sweep(cache: Path, keep: str) -> None:
    """Put away the workspaces that processes left which are no more, apart from the one that is
    still in flight."""
    for folder in (cache / "ws").glob("*-*"):
        if orphaned(folder.name.partition("-")[0]) and str(folder) != keep:
            discard(Workspace(folder=folder, base=""))


def empty_trash(cache: Path, stop: Callable[[], bool] = bool) -> None:
    """Remove what was discarded below <cache>, one by one until there is something better to do.

    What is still being written to stays for the next time.
    """
    for folder in [*(cache / "trash").glob("*")]:
        if stop():
            return
        shutil.rmtree(folder, ignore_errors=True)
        # A folder without the right to write, as Go's module cache has them, keeps its files.
        if folder.exists():
            unlock(folder)
            shutil.rmtree(folder, ignore_errors=True)


def unlock(folder: Path) -> None:
    """Take back the rights to folders that an agent, or its package manager, made read-only."""
    for place, names, _ in os.walk(folder):
        for name in names:
            inner = Path(place, name)
            if not inner.is_symlink():
                inner.chmod(0o700)


def keep_rules(repo: Repo, space: Workspace) -> None:
    """Copy the base's .gitignore and .gitattributes files aside, where no agent can soften them."""
    names = os.fsencode("".join(f"{name}\0" for name in tracked(repo, space, RULES)))
    git(repo, space, "checkout-index", "-z", "--stdin", f"--prefix={space.rules}/", stdin=names)


def write_git(repo: Repo, folder: Path, head: str) -> None:
    """A git folder by hand, with nothing in it that could run."""
    person = [
        file.read_text(encoding="utf-8", errors="surrogateescape")
        for file in repo.rules.ignores
        if file.is_file()
    ]
    extension = (
        ""
        if repo.object_format == "sha1"
        else f"[extensions]\n\tobjectFormat = {repo.object_format}\n"
    )
    version = 1 if extension else 0
    files = {
        "HEAD": f"{head}\n",
        "config": (
            f"[core]\n\trepositoryFormatVersion = {version}\n\tbare = false\n[gc]\n\tauto ="
            f" 0\n[index]\n\tversion = 4\n{extension}"
        ),
        "info/attributes": AS_IT_IS,
        "info/exclude": "\n".join((*person, *CACHES, "")),
    }
    for name in ("info", "objects/info", "refs/heads"):
        (folder / name).mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")


def give_git(repo: Repo, space: Workspace) -> None:
    """The agent's own .git: this branch at the base and the tags, the objects borrowed, no
    other ref, remote or hook, a clean status."""
    own = space.tree / ".git"
    write_git(repo, own, f"ref: refs/heads/{space.branch}")
    tip = own / "refs/heads" / space.branch
    tip.parent.mkdir(parents=True, exist_ok=True)
    tip.write_text(f"{space.base}\n")
    objects = OBJECTS_INSIDE if space.sandboxed else repo.objects
    (own / "objects/info/alternates").write_bytes(
        os.fsencode("".join(f"{place}\n" for place in (objects, *repo.lenders())))
    )
    shutil.copyfile(space.index, own / "index")
    quiet(repo, space, own / "index")
    if tags := repo.refs("refs/tags"):
        (own / "packed-refs").write_bytes(
            os.fsencode("".join(f"{oid} {name}\n" for name, oid in sorted(tags.items())))
        )
    shallow = repo.common_dir / "shallow"
    if shallow.is_file():
        shutil.copyfile(shallow, own / "shallow")
