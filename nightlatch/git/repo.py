"""The person's repository as one frozen value, in plumbing form."""

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from nightlatch.errors import RepoError, SigningError
from nightlatch.git.command import (
    HANDED,
    HOOKLESS,
    PRIVATE,
    PRIVATELY,
    SYNCED,
    GitCommand,
    GitServer,
    SlowError,
    printed_id,
    words,
)
from nightlatch.git.log import LOG, Commit, logged
from nightlatch.git.model import Change
from nightlatch.git.tree_objects import Entry, Trees, differing
from nightlatch.util.memo import Memo
from nightlatch.util.paths import GITLINK

NOTHING: Mapping[str, str] = MappingProxyType({})
# Comparisons that are kept: those of a session at work. One may be thousands of files long.
MOST_DIFFS = 20
SIGNING = 60.0  # seconds; a key that is unlocked signs at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Ident:
    """The name and address of a committer."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A tree merged in memory; the files in `conflicts` lie in it with conflict marks."""

    tree: str
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalRules:
    """The files with rules of the person's that no commit holds: what git ignores, and the
    attributes of files."""

    ignores: tuple[Path, ...]
    attributes: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class RepoMemory:
    """What need not be asked of git again: the processes that answer, the differences of two trees,
    the trees of commits."""

    servers: Memo[tuple[str, ...], GitServer] = field(default_factory=Memo)
    diffs: Memo[tuple[str, str], tuple[Change, ...]] = field(
        default_factory=partial(Memo, MOST_DIFFS)
    )
    trees: Memo[str, str] = field(default_factory=Memo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    """The person's repository.

    `top` is their checkout, `project` the folder in it that the plan is about.

    Paths inside the repository are str with surrogate escapes, relative to the top; commits, trees
    and blobs are hex ids; an entry is (mode, id). `env` is what every git process gets. A git
    command that fails is a RepoError.
    """

    top: Path
    folder: Path
    git_dir: Path
    common_dir: Path
    objects: Path
    object_format: str
    rules: PersonalRules
    idents: Mapping[str, Ident]
    env: Mapping[str, str] = field(repr=False)
    memory: RepoMemory = field(default_factory=RepoMemory, repr=False, compare=False)

    def private(
        self,
        *args: str,
        settings: tuple[str, ...] = HANDED,
        env: Mapping[str, Path | str] = NOTHING,
    ) -> GitCommand:
        """Return a git command without the person's global configuration, hooks, filters, prompts
        or network."""
        own = {"GIT_DIR": self.git_dir, **env}
        full = {**self.env, **PRIVATE, **{name: str(value) for name, value in own.items()}}
        return GitCommand(
            args=args,
            settings=(*PRIVATELY, *settings),
            env=full,
            cwd=Path(own.get("GIT_WORK_TREE", self.top)),
        )

    def as_person(
        self, *args: str, settings: tuple[str, ...] = (), env: Mapping[str, str] = NOTHING
    ) -> GitCommand:
        """Return a git command on the person's own checkout, with all their configuration but their
        hooks."""
        full = {**self.env, "GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(self.top), **env}
        return GitCommand(
            args=args, settings=(*HOOKLESS, "core.fsync=index", *settings), env=full, cwd=self.top
        )

    def lenders(self) -> tuple[Path, ...]:
        """Return the object folders that this repository itself borrows from, as after `git clone
        --shared`."""
        return tuple(lenders_of(self.objects))

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        index: Path | None = None,
        work_tree: Path | None = None,
        git_dir: Path | None = None,
        accept: Collection[int] = (0,),
        timeout: float | None = None,
    ) -> bytes:
        """Run a private command and return its output.

        With `git_dir` it runs in that one, on this repository's objects.

        Raises RepoError for an exit code that is not accepted, SlowError after `timeout` seconds.
        """
        own = {"GIT_DIR": git_dir, "GIT_OBJECT_DIRECTORY": self.objects} if git_dir else {}
        places = {
            **own,
            **({"GIT_INDEX_FILE": index} if index else {}),
            **({"GIT_WORK_TREE": work_tree} if work_tree else {}),
        }
        return self.private(*args, env=places).output(stdin, timeout, accept=accept)

    def ask(self, *args: str, stdin: bytes = b"") -> bytes | None:
        """Run a private command and return its output, None where git exits with an error."""
        done = self.private(*args).finish(stdin)
        return None if done.returncode else done.stdout

    def head(self) -> str | None:
        """Return the branch that the checkout is on, also one without commits; None when HEAD is
        detached."""
        name = self.ask("symbolic-ref", "-q", "HEAD")
        return None if name is None else os.fsdecode(name).strip().removeprefix("refs/heads/")

    def tip(self, branch: str) -> str | None:
        return self.tip_of(f"refs/heads/{branch}")

    @property
    def width(self) -> int:
        """How many bytes an id takes in a tree."""
        return 32 if self.object_format == "sha256" else 20

    def stand(self, *args: str, settings: tuple[str, ...] = HANDED) -> GitServer:
        """Return a git process that stays for the next question of its kind: to start one takes
        longer than most answers."""
        # Made once: its environment is a copy of all variables.
        return self.memory.servers.get(
            (*args, *settings), lambda: GitServer(self.private(*args, settings=settings))
        )

    def find(self, name: str) -> tuple[str, str, bytes] | None:
        """Return id, type and bytes of what a name such as `main:a.py` means; None where it means
        nothing."""
        # The standing process takes one name a line: a line break would be two questions.
        if "\n" in name:
            oid = self.ask("rev-parse", "-q", "--verify", "--end-of-options", name)
            return self.find(printed_id(oid)) if oid else None
        with self.stand("cat-file", "--batch").talking() as talk:
            return talk.find(name)

    def tip_of(self, ref: str) -> str | None:
        """Return the commit that a ref or another revision names; None where it names nothing."""
        found = self.find(ref)
        return found[0] if found else None

    def is_id(self, rev: str) -> bool:
        """Tell whether this is the whole id of an object: such a name never changes its meaning."""
        return len(rev) == 2 * self.width and not rev.strip("0123456789abcdef")

    def tree_of(self, rev: str) -> str:
        """Return the id of a revision's tree. Answers about ids are kept.

        Raises RepoError where it has none.
        """
        if known := self.memory.trees.peek(rev):
            return known
        found = self.find(f"{rev}^{{tree}}")
        if found is None:
            raise RepoError(f"{rev} is not a tree", place=str(self.top), fix="git fsck")
        tree = found[0]
        # A branch may mean another tree at the next question.
        if self.is_id(rev):
            self.memory.trees.put({rev: tree})
        return tree

    def read(self, rev: str, path: str) -> bytes | None:
        """Return the bytes of one file, None where there is none."""
        found = self.find(f"{rev}:{path}")
        return found[2] if found and found[1] == "blob" else None

    def entry(self, rev: str, path: str) -> Entry | None:
        """Return the entry of one path of a tree, None where there is none."""
        line = words(self.run("ls-tree", "-z", "--full-tree", rev, "--", path))
        return next(
            (
                (meta[:6], meta.rpartition(" ")[2])
                for meta, _, _ in (each.partition("\t") for each in line)
            ),
            None,
        )

    def files(self, rev: str) -> dict[str, Entry]:
        """Return every file of a tree and its entry; submodules are among them, with mode
        160000."""
        lines = (
            line.partition("\t")
            for line in words(self.run("ls-tree", "-r", "-z", "--full-tree", rev))
        )
        return {path: (meta[:6], meta.rpartition(" ")[2]) for meta, _, path in lines}

    def write_blob(
        self, data: bytes, kind: str = "blob", settings: tuple[str, ...] = HANDED
    ) -> str:
        # By a file in memory: the process that stays reads paths, and nothing has to be put on a
        # disk.
        with os.fdopen(os.memfd_create("blob"), "w+b") as file:
            file.write(data)
            file.flush()
            return self.write_files([file.fileno()], kind, settings)[0]

    def write_tree(self, data: bytes) -> str:
        """Write a tree with hash-object, because mktree does not sync it to the disk.

        What is in the tree was checked where it came from.
        """
        return self.write_blob(data, "tree")

    def id_of(self, data: bytes, kind: str = "blob") -> str:
        """Return the id under which git would keep these bytes; nothing is written."""
        return hashlib.new(
            self.object_format, b"%s %d\0" % (kind.encode(), len(data)) + data
        ).hexdigest()

    def write_files(
        self, fds: Iterable[int], kind: str = "blob", settings: tuple[str, ...] = HANDED
    ) -> list[str]:
        """Write what open files hold into the repository, by their descriptors.

        Returns the ids in the same order.
        """
        args = (
            "hash-object",
            "-w",
            # A tree comes from trees that git has checked; a commit is put together here.
            *(() if kind == "commit" else ("--literally",)),
            "-t",
            kind,
            "--no-filters",
            "--stdin-paths",
        )
        with self.stand(*args, settings=settings).talking() as talk:
            return [talk.answer(f"/proc/{os.getpid()}/fd/{fd}\n".encode()).decode() for fd in fds]

    def tree_with(
        self, tree: str, changes: Mapping[str, Entry | None], *, keep: bool = True
    ) -> str:
        """Return the tree with these paths set, or gone where None.

        A file gives way to a folder and a folder to a file; no folder stays empty.

        Without `keep` it is only named, and nothing is written.
        """
        if not changes:
            return self.tree_of(tree)
        with self.stand("cat-file", "--batch").talking() as reading:
            trees = Trees(
                reader=reading,
                writer=self.write_tree if keep else partial(self.id_of, kind="tree"),
                width=self.width,
            )
            return trees.graft(f"{tree}^{{tree}}", changes) or trees.write({})

    def commit(self, tree: str, parents: Iterable[str], message: str, sign: bool = False) -> str:
        """Make a new commit by the person, durable with everything it holds, and return its id.

        No hooks run; signing follows their configuration.
        """
        whose = {role: self.ident(role) for role in ("AUTHOR", "COMMITTER")}
        text = message.replace("\0", "").rstrip("\n") + "\n"
        # what is signed, and the ways to write a date, are git's
        if sign or any(f"GIT_{role}_DATE" in self.env for role in whose):
            args = (
                "commit-tree",
                tree,
                *(word for parent in parents for word in ("-p", parent)),
                "-F",
                "-",
            )
            if sign:
                return self._signed(self.as_person(*args, "-S", settings=SYNCED), text)
            return printed_id(
                self.private(*args, settings=SYNCED).output(text.encode("utf-8", "surrogateescape"))
            )
        return self._plain_commit(tree, parents, text, SYNCED)

    def _plain_commit(
        self, tree: str, parents: Iterable[str], text: str, settings: tuple[str, ...]
    ) -> str:
        """Make an unsigned commit with the present time; `tree` is an id."""
        now = f"{int(time.time())} {time.strftime('%z')}"
        people = ((role, self.ident(role)) for role in ("AUTHOR", "COMMITTER"))
        made_by = (f"{role.lower()} {who.name} <{who.email}> {now}" for role, who in people)
        head = "\n".join(
            (f"tree {tree}", *(f"parent {self.tip_of(parent)}" for parent in parents), *made_by)
        )
        return self.write_blob(
            f"{head}\n\n{text}".encode("utf-8", "surrogateescape"), "commit", settings
        )

    def _signed(self, call: GitCommand, text: str) -> str:
        """Make a commit that the person's own program signs. Raises SigningError where it fails, or
        asks for a passphrase."""
        try:
            return printed_id(call.output(text.encode("utf-8", "surrogateescape"), SIGNING))
        except RepoError as error:
            why = (
                "it waited for something"
                if isinstance(error, SlowError)
                else error.problem.partition("failed: ")[2] or error.problem
            )
            fix = (
                "unlock the key for the night (ssh-add, gpg-agent), or set sign = false under"
                " [land] in loop.toml; then run again"
            )
            said = " ".join(why.split())[:300]
            raise SigningError(
                f"commits cannot be signed: {said}", place=str(self.top), fix=fix
            ) from error

    def quick_commit(self, tree: str, parent: str) -> str:
        """Make a commit for a checkout that is thrown away: unsigned and not synced to the disk."""
        return self._plain_commit(self.tree_of(tree), [parent], "work in progress\n", HANDED)

    def ident(self, role: str) -> Ident:
        """Return AUTHOR or COMMITTER, as git knows the person. Raises RepoError where user.name and
        user.email are not set."""
        known = self.idents.get(role)
        if known is None:
            fix = (
                "git config --global user.name 'Your Name' && git config --global user.email"
                " you@example.org"
            )
            raise RepoError(
                "git user.name and user.email are not set", place=str(self.top), fix=fix
            )
        return known

    def advance(self, ref: str, new: str, old: str) -> bool:
        """Move a ref from `old` ("": it must not exist) to `new`, durably; False where somebody
        else moved it first, or took `new` away.

        A git that was killed may have moved it all the same: where the ref is counts.
        """
        try:
            self._move(f"update {ref} {new} {old or '0' * len(new)}", SYNCED)
        except RepoError:
            tip = self.tip_of(ref) or ""
            if tip == old and self.tip_of(new):
                raise
            return tip == new
        return True

    def _move(self, order: str, settings: tuple[str, ...] = HANDED) -> None:
        """Change one ref, in a transaction of its own."""
        with self.stand(
            "update-ref", "-m", "nightlatch", "--stdin", settings=settings
        ).talking() as talk:
            talk.answer(b"start\n")
            talk.answer(f"{order}\ncommit\n".encode())

    def set_ref(self, ref: str, new: str) -> None:
        self._move(f"update {ref} {new}")

    def delete_ref(self, ref: str) -> None:
        """Take a ref away; one that is not there stays not there."""
        if self.tip_of(ref) is None:
            return
        self._move(f"delete {ref}")

    def refs(self, prefix: str) -> dict[str, str]:
        """Return every ref below a prefix such as refs/nightlatch/work, and what it names."""
        lines = os.fsdecode(
            self.run("for-each-ref", "--format=%(objectname) %(refname)", prefix)
        ).splitlines()
        return {name: oid for oid, _, name in (line.partition(" ") for line in lines)}

    @staticmethod
    def work_ref(feature: str) -> str:
        """Return the ref of a feature's carried work, for any id that a plan may hold."""
        name = (
            quote(feature, safe="", errors="surrogatepass").replace(".", "%2E").replace("~", "%7E")
        )
        short = (
            name if len(name) <= 120 else f"{name[:80]}-{hashlib.sha256(name.encode()).hexdigest()}"
        )
        return f"refs/nightlatch/work/{short}"

    def diff(self, old: str, new: str) -> tuple[Change, ...]:
        """Return what differs between two trees, by path; a file that moved is a deletion and an
        addition.

        Ids never change what they name, so the last answers are kept.
        """
        if not (self.is_id(old) and self.is_id(new)):
            return self._diff(old, new)
        return self.memory.diffs.get((old, new), lambda: self._diff(old, new))

    def _diff(self, old: str, new: str) -> tuple[Change, ...]:
        with self.stand("cat-file", "--batch").talking() as reader:
            found = differing(reader, self.width, f"{old}^{{tree}}", f"{new}^{{tree}}")
            return tuple(
                sorted(
                    (change_of(path, was, now) for path, was, now in found),
                    key=lambda change: change.path,
                )
            )

    def difference(self, old: str, new: str, *paths: str) -> str:
        """Return what differs between two trees, as lines for a person."""
        args = (
            "diff-tree",
            "-r",
            "-p",
            "--no-ext-diff",
            "--no-textconv",
            "--no-renames",
            old,
            new,
            "--",
            *paths,
        )
        return self.run(*args).decode("utf-8", "replace")

    def is_ancestor(self, old: str, new: str) -> bool:
        return self.ask("merge-base", "--is-ancestor", old, new) is not None

    def has_all_of(self, old: str, new: str) -> bool:
        """Return whether every object in which one tree differs from another is in the repository.

        `git gc --prune=now` takes what no ref names yet.
        """
        try:
            wanted = [
                change.new_oid
                for change in self._diff(old, new)
                if change.new_mode not in ("", GITLINK)
            ]
        except RepoError:  # a tree is gone
            return False
        with self.stand("cat-file", "--batch-check").talking() as talk:
            return all(not talk.answer(f"{oid}\n".encode()).endswith(b" missing") for oid in wanted)

    def merge(self, ours: str, theirs: str) -> Merged:
        """Return what `theirs` changes over its parent, brought to `ours` in memory, by the rules
        of the repository's own attributes.

        A plain merge where `ours` has that parent. Where it has not, because the person took
        commits back or rewrote them, the parent is what both are compared with all the same: what
        was taken back does not come again with the work that was done on it.
        """
        parent = self.tip_of(f"{theirs}^")
        if parent and not self.is_ancestor(parent, ours):
            root = self.commit(self.tree_of(parent), [], "what both are compared with")
            ours, theirs = (
                self.commit(self.tree_of(side), [root], "a side") for side in (ours, theirs)
            )
        options = (
            "--write-tree",
            "-z",
            "--name-only",
            "--no-messages",
            "--allow-unrelated-histories",
        )
        tree, *conflicts = words(self.run("merge-tree", *options, ours, theirs, accept=(0, 1)))
        return Merged(tree=tree, conflicts=tuple(conflicts))

    def log(self, revs: str, n: int = -1, *, grep: str = "") -> tuple[Commit, ...]:
        """Return the newest `n` commits (-1: all) of a revision or a range, newest first.

        `grep` leaves out those whose message has no line that matches it.
        """
        only = (f"--grep={grep}",) if grep else ()
        return logged(self.run(*LOG, f"-n{n}", *only, "--end-of-options", revs))

    @contextmanager
    def log_begun(self, rev: str) -> Iterator[Callable[[], tuple[Commit, ...]]]:
        """All of it, while something else is done: what is handed out waits for it."""
        with self.private(*LOG, "--end-of-options", rev).begun() as printed:
            yield lambda: logged(printed())


# The tree that the person's checkout is at while the branch went on and their edits could not.
BEHIND = "refs/nightlatch/checkout"


def session_ref(session: str) -> str:
    """Return the ref of the candidate that a session left."""
    return f"refs/nightlatch/sessions/{session}"


def base_ref(session: str) -> str:
    """Return the ref that keeps what the workspace of a session in flight borrows."""
    return f"refs/nightlatch/bases/{session}"


def raw_change(meta: str, path: str) -> Change:
    """Return one item of diff-tree --raw: ":old-mode new-mode old-id new-id status"."""
    old_mode, new_mode, old_oid, new_oid, status = meta.removeprefix(":").split(" ")
    sides = {"old_mode": old_mode, "old_oid": old_oid} if status != "A" else {}
    sides |= {"new_mode": new_mode, "new_oid": new_oid} if status != "D" else {}
    return Change(path=path, status=status, **sides)


def index_info(changes: Iterable[Change], width: int) -> bytes:
    """Return these changes as `update-index -z --index-info` reads them, removals first; ids take
    `width` bytes."""
    lines = sorted(
        f"{c.new_mode or '0'} {c.new_oid or '0' * 2 * width}\t{c.path}\0" for c in changes
    )
    return os.fsencode("".join(lines))


def change_of(path: str, was: Entry | None, now: Entry | None) -> Change:
    """Return the change from one entry to another, None where there is none."""
    (old_mode, old_oid), (new_mode, new_oid) = was or ("", ""), now or ("", "")
    status = "A" if not was else "D" if not now else "M" if old_mode[:3] == new_mode[:3] else "T"
    return Change(
        path=path,
        status=status,
        old_mode=old_mode,
        old_oid=old_oid,
        new_mode=new_mode,
        new_oid=new_oid,
    )


def lenders_of(objects: Path, depth: int = 5) -> Iterator[Path]:
    listed = objects / "info/alternates"
    for line in listed.read_text().splitlines() if depth and listed.is_file() else ():
        if line and not line.startswith("#"):
            yield (objects / line).resolve()
            yield from lenders_of((objects / line).resolve(), depth - 1)
