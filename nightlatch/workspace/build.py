"""The candidate: a tree built from the files of a workspace alone, never running, trusting or
reading its .git."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nightlatch.git import filters
from nightlatch.git.command import SlowError, words
from nightlatch.git.model import Change, differs
from nightlatch.git.repo import Repo, raw_change
from nightlatch.model.models import Reason
from nightlatch.project import own_files
from nightlatch.redaction import patterns_io
from nightlatch.redaction.patterns import NO_SECRETS, Secrets
from nightlatch.util.paths import FILES, GITLINK, LINK, folders
from nightlatch.util.safe_fs import OpenEntry, entered, held_entry
from nightlatch.workspace import scope, workspace
from nightlatch.workspace.scope import Rules, WorkspaceScan
from nightlatch.workspace.workspace import Workspace

PATIENCE = 60.0
# Files that are open at once: a process may have no more than about a thousand.
TOGETHER = 200
# By these files a tool says that it can make the folder again: the cache convention, and venv's.
MARKS = ("CACHEDIR.TAG", "pyvenv.cfg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The tree that a workspace holds, what it changes over the base, and what was seen while
    it was built."""

    tree: str
    changes: tuple[Change, ...]
    oddities: tuple[Reason, ...]


def build(
    repo: Repo,
    space: Workspace,
    rules: Rules,
    patience: float = PATIENCE,
    hidden: Secrets = NO_SECRETS,
) -> Candidate:
    """Return the candidate of a workspace.

    The workspace stays as it is; nothing in it is run, and no link in it is followed.

    A file that is not tracked at the base is left out where the base's rules, the workspace's own
    or the person's ignore it. Also to be called while an agent works: what changes under the reader
    is a RepoError, or is seen next time. A listing that takes longer than `patience` seconds is
    tried once more without pipes and devices, on which git can wait for ever. A file with one of
    the secrets that are to be `hidden` becomes an object of the repository without the lines that
    hold them. One that is too large stays out.
    """
    seen = look(repo, space, patience, hidden)
    judged = scope.judge(replace(seen, tables=dict(tables(repo, seen.changes))), rules)
    tree = repo.tree_with(
        space.base,
        {c.path: (c.new_mode, c.new_oid) if c.new_mode else None for c in judged.changes},
    )
    return Candidate(tree=tree, changes=judged.changes, oddities=judged.reasons)


def look(repo: Repo, space: Workspace, patience: float, hidden: Secrets) -> WorkspaceScan:
    """Return everything in which a workspace differs from its base."""
    tracked, new, swept = patient_listing(repo, space, patience)
    added = without_ignored(repo, space, new_files(new))
    closed = tuple(filter(is_closed, tracked))
    to_read = {change.path: change for change in (*tracked, *added) if not is_closed(change)}
    # A name stands in the tree's own object, where no line of it can be left out.
    named = tuple(path for path in to_read if hidden.hits(path))
    to_read = {path: change for path, change in to_read.items() if path not in named}
    told: dict[str, tuple[str, ...]] = {}
    old = {path: change.old_oid for path, change in to_read.items()}
    taken = as_git_keeps(
        repo,
        space,
        list(take(repo, space, list(to_read), hidden, told)),
        old,
        partial(in_text, hidden, told),
    )
    read = (found_change(to_read[grip.path], grip, oid) for grip, oid in taken)
    grips = [grip for grip, _ in taken]
    return WorkspaceScan(
        changes=(*closed, *filter(differs, read)),
        links={grip.path: grip.target for grip in grips if grip.mode == LINK},
        sizes={grip.path: grip.size for grip in grips},
        nested=(*(path for path in new if path.endswith("/")), *with_problem(grips, "folder")),
        special=(*swept, *with_problem(grips, "special")),
        unreadable=with_problem(grips, "unreadable"),
        too_large=with_problem(grips, "large"),
        beneath=workspace.edited_submodules(repo, space),
        secrets={**told, **{path: (f"{hidden.hide(path)}: its name",) for path in named}},
    )


def new_files(new: list[str]) -> list[Change]:
    """Return the files of a listing that may come in, as changes; a name with a slash is a
    repository."""
    return [Change(path=path, status="A") for path in without_caches(new) if not path.endswith("/")]


def is_closed(change: Change) -> bool:
    """Is there nothing to read: a file that is gone, or a submodule?"""
    return change.status == "D" or change.old_mode == GITLINK


def patient_listing(
    repo: Repo, space: Workspace, patience: float
) -> tuple[list[Change], list[str], tuple[str, ...]]:
    """Return what `listing` says, and the pipes and devices that had to be removed for it."""
    try:
        return *listing(repo, space, patience), ()
    except SlowError:
        # git opens whatever it lists: a pipe that nobody writes to would keep it for ever.
        swept = tuple(sweep(space))
        return *listing(repo, space, 10 * patience), swept


def as_git_keeps(
    repo: Repo,
    space: Workspace,
    taken: list[tuple[OpenEntry, str]],
    old: Mapping[str, str],
    refuses: Callable[[str, str], bool],
) -> list[tuple[OpenEntry, str]]:
    """Return what was read, with the blobs that the person's own `git add` would make; a file that
    their filter refuses cannot be read."""
    texts = ((grip.path, oid, old[grip.path]) for grip, oid in taken if oid and grip.mode in FILES)
    kept = dict(filters.as_kept(repo, space.rules, texts, refuses))
    return [
        (
            (replace(grip, problem="unreadable"), "")
            if kept.get(grip.path) == ""
            else (grip, kept.get(grip.path, oid))
        )
        for grip, oid in taken
    ]


def in_text(hidden: Secrets, told: dict[str, tuple[str, ...]], path: str, text: str) -> bool:
    """Is there a secret in a text that git would keep in another encoding?

    That is put into `told`; in its bytes nobody sees it.
    """
    if found := hidden.hits(text):
        lines = [text.count("\n", 0, hit.start) + 1 for hit in found]
        told[path] = tuple(
            dict.fromkeys(
                f"{path}:{line} {hit.name}" for line, hit in zip(lines, found, strict=True)
            )
        )
    return bool(found)


def tables(repo: Repo, changes: Iterable[Change]) -> Iterator[tuple[str, str]]:
    """Yield the files whose settings of this program changed, each with a blob of the rest of it
    and the base's settings, "" where those cannot be told apart. A link under such a name is read
    through, so it counts too; so does what is no TOML, and would end every command."""
    for change in changes:
        if change.path.rpartition("/")[2] == own_files.TABLE_FILE:
            blob = blob_with_table(repo, change)
            if blob is not None:
                yield change.path, blob


def blob_with_table(repo: Repo, change: Change) -> str | None:
    """Return the blob of a file with the base's settings; None where they did not change."""
    old = text_of(repo, change.old_mode, change.old_oid) or ""
    new = text_of(repo, change.new_mode, change.new_oid)
    if new is None:
        return ""
    if not change.new_mode:
        # With the file its settings would go.
        return None if own_files.safe_table(old) is None else ""
    if own_files.same_table(old, new):
        return None
    text = own_files.with_table_of(old, new)
    return "" if text is None else repo.write_blob(text.encode("utf-8"))


def text_of(repo: Repo, mode: str, oid: str) -> str | None:
    """Return the text of a file, None for what is none, "" for one that is not there."""
    found = repo.find(oid) if mode in FILES else None
    try:
        return ("" if not mode else None) if found is None else found[2].decode("utf-8")
    except UnicodeDecodeError:
        return None if b"nightlatch" in (found or ("", "", b""))[2] else ""


def with_problem(grips: Iterable[OpenEntry], problem: str) -> tuple[str, ...]:
    """Return the paths that could not be read for this reason."""
    return tuple(grip.path for grip in grips if grip.problem == problem)


def listing(repo: Repo, space: Workspace, patience: float) -> tuple[list[Change], list[str]]:
    """Return the tracked files that may have changed, and what is there beside them; folders, with
    a slash, are repositories of their own."""
    # Two git processes that read different things: together they take as long as the slower one.
    with ThreadPoolExecutor(1) as beside:
        new = beside.submit(
            workspace.git,
            repo,
            space,
            "ls-files",
            "-z",
            "-o",
            "--exclude-standard",
            timeout=patience,
        )
        # Without "dirty" git would run `git status` inside a submodule, and with it whatever its
        # configuration names.
        raw = words(
            workspace.git(
                repo,
                space,
                "diff-files",
                "-z",
                "--raw",
                "--ignore-submodules=dirty",
                timeout=patience,
            )
        )
        return [
            raw_change(meta, path) for meta, path in zip(raw[::2], raw[1::2], strict=True)
        ], words(new.result())


def sweep(space: Workspace) -> Iterator[str]:
    """Remove pipes, sockets and devices; no candidate can hold them."""
    for place, _, names in os.walk(space.tree):
        for file in (Path(place, name) for name in names):
            with suppress(FileNotFoundError):
                kind = file.lstat().st_mode
                if not stat.S_ISREG(kind) and not stat.S_ISLNK(kind):
                    file.unlink()
                    yield os.fspath(file.relative_to(space.tree))


def without_caches(new: list[str]) -> list[str]:
    """Return what does not lie in a folder that its tool has marked as one that it can make again,
    whatever its name: builds of cargo, venvs."""
    marked = {path.rpartition("/")[0] for path in new if path.rpartition("/")[2] in MARKS} - {""}
    return [path for path in new if marked.isdisjoint(folders(path))] if marked else new


def without_ignored(repo: Repo, space: Workspace, added: list[Change]) -> list[Change]:
    """Return what the base's own rules let through: an agent that rewrites .gitignore, or hides a
    second one, does not bring in .env."""
    if not added:
        return added
    names = os.fsencode("".join(f"./{change.path}\0" for change in added))
    # check-ignore knows no literal pathspecs; behind "./" a name such as ":!x" means itself all the
    # same.
    env = {
        "GIT_DIR": str(space.git),
        "GIT_WORK_TREE": str(space.rules),
        "GIT_LITERAL_PATHSPECS": "0",
    }
    ignored = set(
        words(
            repo.private("check-ignore", "-z", "--stdin", "--no-index", env=env).output(
                names, accept=(0, 1)
            )
        )
    )
    return [change for change in added if f"./{change.path}" not in ignored]


def found_change(change: Change, grip: OpenEntry, oid: str) -> Change:
    """Return the change with what was read on its new side; what is not read counts as
    unchanged."""
    mode = grip.mode
    if grip.problem in ("unreadable", "large"):
        mode, oid = change.old_mode, change.old_oid
    status = status_of(change.old_mode, mode)
    return replace(change, status=status, new_mode=mode, new_oid=oid)


def status_of(old_mode: str, new_mode: str) -> str:
    """Return the letter that git gives to a change between these modes."""
    if not new_mode:
        return "D"
    if not old_mode:
        return "A"
    # The first three digits are the type: a file, a link, a submodule.
    return "M" if new_mode[:3] == old_mode[:3] else "T"


def take(
    repo: Repo,
    space: Workspace,
    paths: list[str],
    hidden: Secrets,
    told: dict[str, tuple[str, ...]],
) -> Iterator[tuple[OpenEntry, str]]:
    """Write the bytes of these paths into the repository, through descriptors: a path could be
    swapped for a link between two looks.

    What is found of secrets is put into `told`, by path.
    """
    new = patterns_io.fresh(repo, space.base)

    def cuts(grip: OpenEntry) -> list[patterns_io.RedactedLine]:
        return patterns_io.cuts(hidden, grip.fd, new)

    with entered(space.tree) as top:
        for start in range(0, len(paths), TOGETHER):
            yield from take_some(repo, top, paths[start : start + TOGETHER], cuts, told)


def take_some(
    repo: Repo,
    top: int,
    paths: Iterable[str],
    cuts: Callable[[OpenEntry], list[patterns_io.RedactedLine]],
    told: dict[str, tuple[str, ...]],
) -> list[tuple[OpenEntry, str]]:
    """Write the bytes of some paths, all of them open at once."""
    with ExitStack() as after:
        grips = [sorted_out(after.enter_context(held_entry(top, path))) for path in paths]
        open_files = []
        for grip in grips:
            if grip.fd >= 0 and (found := cuts(grip)):
                told[grip.path] = patterns_io.remarks(found, grip.path)
                open_files.append(patterns_io.without(grip.fd, found))
                after.callback(os.close, open_files[-1])
            elif grip.fd >= 0:
                open_files.append(grip.fd)
        oids = iter(repo.write_files(open_files))
        return [(grip, next(oids) if grip.fd >= 0 else "") for grip in grips]


def sorted_out(grip: OpenEntry) -> OpenEntry:
    """Return the entry; of a file that would fill the person's repository without its content,
    which is not even looked through."""
    return replace(grip, fd=-1, problem="large") if grip.size > scope.TOO_LARGE else grip
