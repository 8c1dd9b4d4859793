"""The person's own checkout: it follows the branch where it is clean, and what the person
edited stays as it is."""

import os
import stat
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nightlatch.errors import RepoError
from nightlatch.git import edit_merge
from nightlatch.git.command import printed_id, words
from nightlatch.git.edit_merge import EditConflict, EditMerge, new_side, old_side
from nightlatch.git.locks import free_index
from nightlatch.git.model import Change
from nightlatch.git.repo import BEHIND as BEHIND
from nightlatch.git.repo import Repo, index_info, raw_change
from nightlatch.git.tree_objects import Entry
from nightlatch.util.paths import FILE, FOLDER, GITLINK, LINK, PROGRAM, folders

NAMED = 500
SMALL = 1_000_000
LATELY = 50  # commits
PATIENCE = 1.0  # seconds that another git may have the index
UNDER_WAY = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEdit:
    """A file that the person edited and did not commit.

    `data` is what git would keep of it, `seen` what lies on disk, `ancestor` what the edit started
    from (None: the file is new).
    """

    data: bytes
    seen: bytes
    mode: str
    ancestor: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """The paths that did not move with the others: those that wait for another call, and those that
    git now shows as in conflict."""

    stays: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EditHandling:
    """The two trees between which the checkout moves.

    `resumed`: an earlier call left it in between; `met`: edits that the index is ahead of.
    """

    repo: Repo
    start: str
    new: str
    texts: Collection[str]
    logs: Collection[str]
    resumed: bool
    met: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class SortedOut:
    """The changes that git need not move: those already there, edits that a landing meets, and
    paths that wait."""

    there: list[Change] = field(default_factory=list)
    meetings: list[EditConflict] = field(default_factory=list)
    stays: set[str] = field(default_factory=set)


def take_branch(repo: Repo, wanted: str = "") -> str:
    """Return the branch to land on: the wanted one, made at HEAD and switched to where need be,
    else the one that is checked out.

    Raises RepoError where there is no commit yet, HEAD is detached, a merge or the like is under
    way, or a switch would touch edits.
    """
    top, head = str(repo.top), repo.head()
    refuse_unready(repo, head, wanted)
    if not wanted or wanted == head:
        return head or ""
    if wanted.startswith("-") or repo.ask("check-ref-format", f"refs/heads/{wanted}") is None:
        raise RepoError(
            f"{wanted!r} is not a valid branch name",
            place=top,
            fix="correct branchName in the plan",
        )
    # A branch that is made at HEAD touches no file, so edits stay as they are.
    make = ("-c",) if repo.tip(wanted) is None else ()
    if not make and has_edits(repo):
        problem = (
            f"the plan lands on {wanted}, and the checkout is on {head or 'no branch'} with"
            " uncommitted edits"
        )
        raise RepoError(problem, place=top, fix=f"git switch {wanted}")
    repo.as_person("switch", "-q", *make, wanted).output()
    return wanted


def refuse_unready(repo: Repo, head: str | None, wanted: str) -> None:
    """Raise RepoError where the checkout has no branch that work could land on."""
    top = str(repo.top)
    # A landing in the middle of it would become part of their rebase or merge.
    if what := under_way(repo):
        fix = f"git {what} --continue, or git {what} --abort"
        raise RepoError(f"a {what} is under way in the checkout", place=top, fix=fix)
    if head is None and not wanted:
        raise RepoError(
            "HEAD is detached, so there is no branch to land on",
            place=top,
            fix="git switch main, or git switch -c night",
        )
    if repo.tip_of("HEAD") is None:
        raise RepoError(
            "the repository has no commits",
            place=top,
            fix="git add -A && git commit -m start",
        )


def has_edits(repo: Repo) -> bool:
    """Return whether the person changed a file that git knows and did not commit it."""
    status = ("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
    return bool(repo.as_person(*status).output())


def under_way(repo: Repo) -> str | None:
    """Return the rebase, merge or the like that the person has begun in the checkout and not
    ended."""
    return next((what for file, what in UNDER_WAY.items() if (repo.git_dir / file).exists()), None)


def is_ignored(repo: Repo, path: str) -> bool:
    """Return whether git ignores this existing file."""
    # `check-ignore` takes no literal paths; behind `./` none is read as anything but a path.
    asked = repo.as_person("check-ignore", "-q", f"./{path}", env={"GIT_LITERAL_PATHSPECS": "0"})
    return asked.finish().returncode == 0


def plan_edit(repo: Repo, branch: str, path: str) -> PersonEdit | None:
    """Return what the person changed in the plan since the checkout last followed the branch,
    staged or not.

    None where they changed nothing, where the file is gone, and where the checkout is on another
    branch: its files belong to that one.
    """
    file = repo.top / path
    if not file.is_file() or not on(repo, branch):
        return None
    seen, tip = file.read_bytes(), repo.read(f"refs/heads/{branch}", path)
    if seen == tip:
        return None
    # As git would keep it: line ends or a filter of the person's are no edit.
    stored = repo.as_person("hash-object", "-w", "--stdin", f"--path={path}").output(seen)
    data = repo.run("cat-file", "blob", printed_id(stored))
    behind = repo.tip_of(BEHIND)
    ancestor = repo.read(behind, path) if behind else tip
    if data in (tip, ancestor):
        return None
    return PersonEdit(data=data, seen=seen, mode=mode_of(file), ancestor=ancestor)


def put_back(repo: Repo, path: str, seen: bytes, data: bytes) -> bool:
    """Write a file of the checkout.

    False, and nothing done, where it no longer holds the bytes that were seen.
    """
    return edit_merge.replaced(repo, path, seen, (mode_of(repo.top / path), repo.write_blob(data)))


def within(path: str, names: Collection[str]) -> bool:
    """Return whether the path is one of these, or in one of the folders among them."""
    return path in names or any(name.endswith("/") and path.startswith(name) for name in names)


def mode_of(file: Path) -> str:
    """Return the mode that git would give a regular file."""
    return PROGRAM if file.is_file() and file.stat().st_mode & stat.S_IXUSR else FILE


def sync(
    repo: Repo,
    branch: str,
    old: str,
    new: str,
    texts: Collection[str] = (),
    logs: Collection[str] = (),
    since: float | None = None,
) -> SyncResult:
    """Bring the checkout and its index from one commit of the branch to another.

    Promised: a plain `git commit` of the person afterwards takes nothing back that landed, or git
    refuses it. A path that they edited or staged keeps what is staged and what is not, with what
    landed in it; where both changed the same lines, git shows a conflict, their version is the
    third stage of its index entry, and a text holds both sides between marks. Every other path
    moves; no other staged or unstaged work is touched. Paths in `texts` ("/" at the end: in that
    folder) are replaced as `put_back` does it, and wait where they were edited, though not in the
    index; in `logs`, to which lines are only added, the lines of both sides stay. What stays behind
    is remembered, so that any later call brings it along once it can. Not promised: that all paths
    move at once. While another branch is checked out nothing happens. A git that was killed over
    the same work, now or since a moment (epoch seconds), leaves a lock and half-moved files: both
    are finished.
    """
    if not on(repo, branch):
        return SyncResult()
    torn = since is not None and free_index(repo, since)
    began = time.time()
    await_index(repo)
    behind = repo.tip_of(BEHIND)
    start = caught_up(repo, behind, old) if behind else f"{old}^{{tree}}"
    every = {change.path: change for change in repo.diff(start, new)}
    conflicts = edit_merge.unmerged(repo)
    changes = [change for path, change in every.items() if path not in conflicts]
    way = EditHandling(
        repo=repo, start=start, new=new, texts=texts, logs=logs, resumed=behind is not None
    )
    try:
        edit_merge.put_aside(repo, start, every, conflicts)
        moved = move(way, changes, began, torn=torn)
        edit_merge.put_again(repo, every, conflicts)
    except RepoError:  # another git keeps the index
        moved = None
    if moved is None:
        moved = SyncResult(stays=tuple(sorted(change.path for change in changes)))
        repo.set_ref(BEHIND, repo.tree_of(start))
    return moved


def move(
    way: EditHandling, changes: Sequence[Change], began: float, *, torn: bool
) -> SyncResult | None:
    """Move what can be moved, once more with a closer look where git refuses.

    None where it refuses still, and no file has moved.
    """
    repo = way.repo
    # git takes a file that is gone for one that it may write, and a new one in the way for a reason
    # to refuse everything
    doubtful = [
        c
        for c in changes
        if torn
        or within(c.path, way.texts)
        or bool(c.old_mode) != os.path.lexists(repo.top / c.path)
    ]
    sorted_out = sort_out(way, doubtful, torn=torn)
    moved = try_to_move(way, changes, sorted_out)
    if moved is None:
        way = replace(way, met=frozenset(each.change.path for each in sorted_out.meetings))
        torn = free_index(repo, began) or torn
        await_index(repo)
        sorted_out = sort_out(way, changes, torn=torn)
        refresh(repo)
        moved = try_to_move(way, changes, sorted_out)
    return moved


def refresh(repo: Repo) -> None:
    """Have the index know the files that were put in place here: `git reset --keep` and `git
    checkout` refuse what they call not up to date, and look no closer themselves. Where
    another git has the index, that one does it."""
    repo.as_person("update-index", "-q", "--refresh").finish()


def await_index(repo: Repo) -> None:
    """Let another git that has the index for a moment finish: a person commits while the night
    goes on."""
    until = time.monotonic() + PATIENCE
    while os.path.lexists(repo.git_dir / "index.lock") and time.monotonic() < until:
        time.sleep(0.02)


def caught_up(repo: Repo, behind: str, old: str) -> str:
    """Return the tree that the checkout is at: the one it was left behind at, with what that call
    had put in place before git refused the rest."""
    changes = repo.diff(behind, old)
    index, disk = staged(repo, changes), on_disk(repo, changes)
    known = {path: entry for path, (entry, _) in index.items()}
    done = [
        c
        for c in changes
        if disk.get(c.path) == new_side(c) and known.get(c.path) in (old_side(c), new_side(c))
    ]
    try:
        record(repo, [change for change in done if known.get(change.path) != new_side(change)])
    except RepoError:  # another git keeps the index
        return behind
    return repo.tree_with(behind, {change.path: new_side(change) for change in done})


def record(repo: Repo, changes: Sequence[Change]) -> None:
    """Have the index say that these changes are made, and wait for the disk: a power cut would
    leave an index that git cannot read."""
    if changes:
        repo.as_person("update-index", "-z", "--index-info").output(index_info(changes, repo.width))


def on(repo: Repo, branch: str) -> bool:
    """Return whether this branch is checked out."""
    return (repo.git_dir / "HEAD").read_bytes() == os.fsencode(f"ref: refs/heads/{branch}\n")


def rebasing(repo: Repo, branch: str) -> bool:
    """Return whether this branch is being rebased here.

    HEAD is detached meanwhile, and the branch is moved, or put back, at the end.
    """
    names = (repo.git_dir / kind / "head-name" for kind in ("rebase-merge", "rebase-apply"))
    return any(
        name.is_file() and name.read_bytes().strip() == os.fsencode(f"refs/heads/{branch}")
        for name in names
    )


def try_to_move(
    way: EditHandling, changes: Sequence[Change], sorted_out: SortedOut
) -> SyncResult | None:
    """Have git move what is neither there nor to stay, and bring edits and landings together.

    None where git refuses and no file moved.

    What the checkout was at is remembered until all is done, so that a call that is cut off is
    finished by the next one.
    """
    repo, stays = way.repo, sorted_out.stays
    # Git would call the edited file untracked.
    later = {meeting.change.path for meeting in sorted_out.meetings if not meeting.change.new_mode}
    target = way.new
    if stays or later:
        target = repo.tree_with(way.start, sides_without(changes, stays | later))
    if sorted_out.meetings:
        repo.set_ref(BEHIND, repo.tree_of(way.start))
    edited = [meeting.change for meeting in sorted_out.meetings]
    try:
        # Before `read-tree`, which refuses a path whose index entry is not what it expects.
        record(repo, [*sorted_out.there, *(c for c in edited if c.path not in later)])
        repo.as_person("read-tree", "-m", "-u", way.start, target).output()
    except RepoError:
        return None
    again = edit_merge.finish(repo, sorted_out.meetings)
    if stays or again:
        repo.set_ref(BEHIND, repo.tree_with(way.start, sides_without(changes, {*stays, *again})))
    else:
        repo.delete_ref(BEHIND)
    conflicts = (meeting.change.path for meeting in sorted_out.meetings if meeting.conflict)
    return SyncResult(stays=tuple(sorted({*stays, *again})), conflicts=tuple(sorted(conflicts)))


def sides_without(changes: Iterable[Change], paths: Collection[str]) -> dict[str, Entry | None]:
    """Return what the changes make of their paths, apart from these paths."""
    return {change.path: new_side(change) for change in changes if change.path not in paths}


def sort_out(way: EditHandling, changes: Sequence[Change], *, torn: bool) -> SortedOut:
    """Return the changes that lie in the checkout already, or do from now on, those that meet an
    edit, and the paths that must wait; git can move the others.

    `torn`: a git was killed while it moved them.
    """
    repo, result = way.repo, SortedOut()
    index, disk = staged(repo, changes), on_disk(repo, changes)
    for change in changes:
        path, sides = change.path, (old_side(change), new_side(change))
        # The folder of a submodule is a repository of its own, in which nothing lands.
        if GITLINK in (change.old_mode, change.new_mode):
            continue
        known, hidden = index.get(path, (None, False))
        seen = disk.get(path)
        if was_put_back(way, change, known, seen):
            record(repo, [with_new_side(change, seen)])
            known = seen
        if known in sides and is_there(way, change, known, seen):
            result.there.append(change)
        elif known in sides and git_moves(way, change, seen, hidden=hidden, torn=torn):
            continue
        elif within(path, way.texts):
            result.stays.add(path)
            # What they commit without naming it is what landed.
            result.there += [change] if is_unstaged(way, change, known) else []
        else:
            result.meetings.append(met(way, change, known, seen))
    return result


def was_put_back(
    way: EditHandling, change: Change, known: Entry | None, seen: Entry | None
) -> bool:
    """Return whether a git of the person put the index back, though not the file."""
    sides = (old_side(change), new_side(change))
    is_odd = known not in sides and seen in sides
    return is_odd and rewound(way.repo, way.new, change, known)


def is_unstaged(way: EditHandling, change: Change, known: Entry | None) -> bool:
    """Return whether the index has of a path what the branch had."""
    return known == old_side(change) or rewound(way.repo, way.new, change, known)


def with_new_side(change: Change, entry: Entry | None) -> Change:
    mode, oid = entry or ("", "")
    return replace(change, new_mode=mode, new_oid=oid)


def is_there(way: EditHandling, change: Change, known: Entry | None, seen: Entry | None) -> bool:
    """Return whether a path that nothing is staged of needs no move, or is brought just now."""
    new = new_side(change)
    if seen == new:
        return True
    # An edit of what landed, which the index has already.
    if known == new and not way.resumed and change.path not in way.met:
        return True
    return within(change.path, way.texts) and bring(way.repo, change)


def git_moves(
    way: EditHandling, change: Change, seen: Entry | None, *, hidden: bool, torn: bool
) -> bool:
    """Return whether git can move a path that nothing is staged of: it is as it was, kept away by
    a sparse checkout, or half written."""
    return seen == old_side(change) or hidden or (torn and unwritten(way.repo, change))


def met(way: EditHandling, change: Change, known: Entry | None, seen: Entry | None) -> EditConflict:
    """Return the edit of a path and what landed there, together."""
    repo, path = way.repo, change.path
    ignored = known is None and not change.old_mode and is_ignored(repo, path)
    return edit_merge.meet(
        repo, change, EditMerge(staged=known, disk=seen), union=path in way.logs, ignored=ignored
    )


def rewound(repo: Repo, tip: str, change: Change, known: Entry | None) -> bool:
    """Return whether the index holds what this path was a few commits ago.

    A git of the person that read the index before it was moved, and wrote it after, puts it back
    so: `git commit -- PATH` reads first and locks then.
    """
    printed = words(
        repo.run(
            "log",
            "-z",
            f"-n{LATELY}",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "--format=",
            tip,
            "--",
            change.path,
        )
    )
    past = (raw_change(meta, path) for meta, path in zip(printed[::2], printed[1::2], strict=True))
    return any(known == old_side(each) for each in past)


def unwritten(repo: Repo, change: Change) -> bool:
    """Return whether the file is gone, or is only the beginning of the new one.

    That is what a killed git leaves; the beginning goes.
    """
    file = repo.top / change.path
    if not os.path.lexists(file):
        return bool(change.new_mode)
    if change.new_mode not in (FILE, PROGRAM) or file.is_symlink() or not file.is_file():
        return False
    seen = file.read_bytes()
    show = ("cat-file", "--filters", f"--path={change.path}", change.new_oid)
    text = repo.as_person(*show).output()
    if seen != text and text.startswith(seen):
        file.unlink()
        return True
    return False


def bring(repo: Repo, change: Change) -> bool:
    """Replace a file that is as it was; False where it is not."""
    file = repo.top / change.path
    if change.old_mode != change.new_mode or file.is_symlink() or not file.is_file():
        return False
    seen = file.read_bytes()
    same = repo.id_of(seen) == change.old_oid
    asked = ("hash-object", "--stdin", f"--path={change.path}")
    # Only a filter of the person's makes bytes the same that are not, and it costs a process.
    kept = same or printed_id(repo.as_person(*asked).output(seen)) == change.old_oid
    return kept and edit_merge.replaced(repo, change.path, seen, (change.new_mode, change.new_oid))


def staged(repo: Repo, changes: Sequence[Change]) -> dict[str, tuple[Entry, bool]]:
    """Return what the index has for these paths, and whether a sparse checkout keeps the file
    away."""
    paths = [change.path for change in changes]
    if not paths:
        return {}
    named = ("--", *paths) if len(paths) <= NAMED else ()
    lines = (
        line.partition("\t")
        for line in words(repo.as_person("ls-files", "-z", "-s", "-t", *named).output())
    )
    found = ((path, meta.split(" ")) for meta, _, path in lines)
    return {
        path: ((mode, oid), tag == "S") for path, (tag, mode, oid, stage) in found if stage == "0"
    }


def on_disk(repo: Repo, changes: Sequence[Change]) -> dict[str, Entry]:
    """Return what lies in the checkout at these paths, as git would keep it; a folder stands for
    whatever else is there or in the way."""
    places = {change.path: repo.top / change.path for change in changes}
    ours = {change.path for change in changes if change.old_mode}
    blocked = (
        path
        for path, place in places.items()
        if place.is_dir() or any(in_the_way(repo, f) for f in {*folders(path)} - ours)
    )
    others = dict.fromkeys(blocked, (FOLDER, ""))
    links = {
        path: (LINK, repo.id_of(os.fsencode(place.readlink())))
        for path, place in places.items()
        if place.is_symlink()
    }
    texts = [path for path, place in places.items() if path not in links and place.is_file()]
    modes = (mode_of(places[path]) for path in texts)
    return (
        others
        | links
        | dict(zip(texts, zip(modes, kept_as(repo, changes, texts), strict=True), strict=True))
    )


def kept_as(repo: Repo, changes: Sequence[Change], paths: Sequence[str]) -> list[str]:
    """Return the ids under which git would keep these files.

    Only what is not byte for byte one side of its change is asked of git's filters.
    """
    sides = {change.path: (change.old_oid, change.new_oid) for change in changes}
    raw = {
        path: repo.id_of((repo.top / path).read_bytes())
        for path in paths
        if (repo.top / path).stat().st_size < SMALL
    }
    filtered = [path for path in paths if raw.get(path) not in sides[path]]
    names = os.fsencode("".join(f"{c_quoted(path)}\n" for path in filtered))
    oids = (
        repo.as_person("hash-object", "--stdin-paths").output(names).decode().split()
        if filtered
        else []
    )
    known = raw | dict(zip(filtered, oids, strict=True))
    return [known[path] for path in paths]


def in_the_way(repo: Repo, folder: str) -> bool:
    place = repo.top / folder
    return place.is_symlink() or (place.exists() and not place.is_dir())


def c_quoted(path: str) -> str:
    """Return a path as git reads it from a list of lines."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
