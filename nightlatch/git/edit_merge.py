"""What a person edited meets what landed in the same file: both are brought together as git
would, and a conflict is one that git shows."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nightlatch.git.command import printed_id, words
from nightlatch.git.model import Change
from nightlatch.git.repo import Repo
from nightlatch.git.tree_objects import Entry
from nightlatch.util import fs
from nightlatch.util.paths import FILE, GITLINK, PROGRAM

LABELS = ("landed", "before", "your edit")
BEFORE, MIDDLE = b"||||||| before", b"======="
BASE, LANDED, EDITED = 1, 2, 3  # the stages of an index entry that is in conflict
REGULAR = (FILE, PROGRAM)
NO_ENTRY = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditMerge:
    """A path as it lies in the index and on disk: the entry that is staged (None: none), the
    one that git would make of the file."""

    staged: Entry | None
    disk: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditConflict:
    """One path where the person's edit and a landing meet.

    `staged` is its index entry afterwards, `disk` what the file becomes (None: it stays as it is),
    `seen` the bytes that it must still have then. With a conflict `edited` is the person's side,
    and `disk` holds both sides between marks.
    """

    change: Change
    conflict: bool
    staged: Entry | None = None
    disk: Entry | None = None
    seen: bytes = b""
    edited: Entry | None = None


def meet(
    repo: Repo, change: Change, seen: EditMerge, *, union: bool, ignored: bool
) -> EditConflict:
    """Return what becomes of a path that a landing changed and the person edited, staged or not.

    Nothing is written but blobs.

    `union`: both sides' lines stay, as in a file to which lines are only added. The text of an
    `ignored` file is never stored.
    """
    path = change.path
    old = old_side(change)
    new = new_side(change)
    mine = None if ignored else stored(repo, path, seen.disk)
    staged, staged_is_clean = brought(repo, path, old, seen.staged, new, union=union)
    disk, disk_is_clean = brought(repo, path, old, mine, new, union=union)
    if seen.staged is None and old is None:
        # Git did not know the file, so nothing is staged.
        staged, staged_is_clean = new, True
    # What the file must still be when it is replaced: an editor may save meanwhile.
    bytes_seen = bytes_of(repo, path)
    is_clean = disk_is_clean and not ignored
    become = disk if disk != mine and not ignored else None
    if is_clean and staged_is_clean:
        return EditConflict(
            change=change, conflict=False, staged=staged, disk=become, seen=bytes_seen
        )
    return EditConflict(
        change=change,
        conflict=True,
        disk=become,
        seen=bytes_seen,
        edited=seen.staged if is_clean else mine,
    )


def old_side(change: Change) -> Entry | None:
    return (change.old_mode, change.old_oid) if change.old_mode else None


def new_side(change: Change) -> Entry | None:
    return (change.new_mode, change.new_oid) if change.new_mode else None


def stored(repo: Repo, path: str, disk: Entry | None) -> Entry | None:
    """Return the entry of a file on disk, with its content in the repository; None for what no
    entry can be made of."""
    if disk is None or not disk[1] or disk[0] == GITLINK:
        return None
    if disk[0] in REGULAR:
        return disk[0], printed_id(
            repo.as_person("hash-object", "-w", "--stdin", f"--path={path}").output(
                bytes_of(repo, path)
            )
        )
    return disk[0], repo.write_blob(os.fsencode((repo.top / path).readlink()))


def bytes_of(repo: Repo, path: str) -> bytes:
    file = repo.top / path
    return file.read_bytes() if file.is_file() and not file.is_symlink() else b""


def brought(
    repo: Repo, path: str, old: Entry | None, edited: Entry | None, new: Entry | None, union: bool
) -> tuple[Entry | None, bool]:
    """Return a side of the person's with what landed in it, and whether that went without a
    conflict.

    Marks stand in one with.
    """
    if edited in (old, new):
        return new, True
    if edited is None or new is None or not are_regular(old, edited, new):
        return None, False
    before = old[1] if old else ""
    text, clean = three_way(repo, path, new[1], before, edited[1], union=union)
    # Whoever changed it has made the file a program, or no longer one.
    mode = edited[0] if old and edited[0] != old[0] else new[0]
    return ((mode, text), clean) if text else (None, False)


def are_regular(*entries: Entry | None) -> bool:
    """Return whether all that is there is a file with a text that can be merged."""
    return all(entry is None or entry[0] in REGULAR for entry in entries)


def three_way(
    repo: Repo, path: str, landed: str, before: str, edited: str, *, union: bool
) -> tuple[str, bool]:
    """Return the blob of a merge of three blobs ("": nothing there), and whether it has no
    conflict; "" where these are no texts to merge.

    A merge driver of the person's is not run: what goes through it has landed.
    """
    driver = words(repo.as_person("check-attr", "-z", "merge", "--", path).output())[2]
    if driver not in ("unspecified", "set", "text", "union"):
        return "", False
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / name for name in ("landed", "before", "edited")]
        for place, blob in zip(places, (landed, before, edited), strict=True):
            place.write_bytes(repo.run("cat-file", "blob", blob) if blob else b"")
        union = union or driver == "union"
        done = merged_files(repo, places, *(("--union",) if union else ()))
        # The exit code is the number of conflicts; from 128 on git could not merge at all.
        has_conflict = 0 < done.returncode < 128
        if before and has_conflict:
            marked = merged_files(repo, places, "--diff3").stdout
            if only_added(marked):
                done = merged_files(repo, places, "--union")
    if not 0 <= done.returncode < 128:
        return "", False
    return repo.write_blob(done.stdout), done.returncode == 0


def merged_files(
    repo: Repo, places: Iterable[Path], *how: str
) -> subprocess.CompletedProcess[bytes]:
    """Return what git makes of three files, with marks where it cannot tell; its exit code is the
    number of conflicts."""
    named = [word for label in LABELS for word in ("-L", label)]
    return repo.private("merge-file", "-p", "-q", *how, *named, *map(str, places)).finish()


def only_added(marked: bytes) -> bool:
    """Return whether both sides of every conflict only add lines, as at the end of a file.

    Then neither is against the other.
    """
    lines = marked.splitlines()
    before = [n for n, line in enumerate(lines) if line == BEFORE]
    return bool(before) and all(lines[n + 1] == MIDDLE for n in before)


def finish(repo: Repo, meetings: Iterable[EditConflict]) -> list[str]:
    """Write the outcome of the merges to the index and to the files.

    Returns the paths whose file was saved anew meanwhile: they are to meet again.

    The index comes first: should this be cut off, git refuses to commit a path in conflict, and the
    next call writes the marks.
    """
    meetings = list(meetings)
    order(repo, (line for each in meetings for line in lines_of(each)))
    return [
        each.change.path
        for each in meetings
        if each.disk and not replaced(repo, each.change.path, each.seen, each.disk)
    ]


def lines_of(meeting: EditConflict) -> Iterable[tuple[str, int, Entry | None]]:
    """Yield the index entries of a path as `order` takes them."""
    path, change = meeting.change.path, meeting.change
    if not meeting.conflict:
        yield path, 0, meeting.staged
        return
    yield path, 0, None
    stages = {BASE: old_side(change), LANDED: new_side(change), EDITED: meeting.edited}
    yield from ((path, stage, entry) for stage, entry in stages.items() if entry)


def order(repo: Repo, entries: Iterable[tuple[str, int, Entry | None]]) -> None:
    """Set index entries, each at its stage, all in one step; None takes a path out, with every
    stage that it has."""
    none = "0" * 2 * repo.width
    lines = (
        f"{mode} {oid} {stage}\t{path}\0"
        for path, stage, entry in entries
        for mode, oid in (entry or (NO_ENTRY, none),)
    )
    if text := "".join(lines):
        repo.as_person("update-index", "-z", "--index-info").output(os.fsencode(text))


def replaced(repo: Repo, path: str, seen: bytes, wanted: Entry) -> bool:
    """Give a file of the checkout this content, as the person's configuration wants it there;
    False where it no longer holds the bytes that were seen.

    They are compared last thing before the file is replaced whole: only an editor that writes into
    the old file in those microseconds loses what it wrote.
    """
    file, (mode, blob) = repo.top / path, wanted
    text = repo.as_person("cat-file", "--filters", f"--path={path}", blob).output()
    if file.is_symlink() or not file.is_file() or file.read_bytes() != seen:
        return False
    if text != seen:
        fs.replace(file, text)
    rights = file.stat().st_mode
    if bool(rights & stat.S_IXUSR) != (mode == PROGRAM):
        readers = (rights & 0o444) >> 2
        file.chmod(rights | readers if mode == PROGRAM else rights & ~0o111)
    return True


def unmerged(repo: Repo) -> dict[str, dict[int, Entry]]:
    """Return the paths that are in conflict in the index, with the entry at each stage."""
    found: dict[str, dict[int, Entry]] = {}
    for line in words(repo.as_person("ls-files", "-z", "-u").output()):
        meta, _, path = line.partition("\t")
        mode, oid, stage = meta.split(" ")
        found.setdefault(path, {})[int(stage)] = (mode, oid)
    return found


def put_aside(
    repo: Repo, since: str, changes: Mapping[str, Change], conflicts: Collection[str]
) -> None:
    """Have the index say that paths in conflict are as the landing has them: git moves nothing
    while a path is in conflict."""
    lines: list[tuple[str, int, Entry | None]] = []
    for path in conflicts:
        change = changes.get(path)
        now = new_side(change) if change else repo.entry(since, path)
        lines += [(path, 0, None), *([(path, 0, now)] if now else [])]
    order(repo, lines)


def put_again(
    repo: Repo, changes: Mapping[str, Change], conflicts: Mapping[str, Mapping[int, Entry]]
) -> None:
    """The conflicts as they were, on what has landed since: its side moves on, and the file
    with the marks takes in what it changed."""
    lines: list[tuple[str, int, Entry | None]] = []
    for path, stages in conflicts.items():
        now = {**stages, **landed_since(changes.get(path), stages)}
        lines += [
            (path, 0, None),
            *((path, stage, entry) for stage, entry in sorted(now.items()) if entry),
        ]
    order(repo, lines)
    for path in conflicts.keys() & changes.keys():
        mark_again(repo, changes[path], conflicts[path])


def landed_since(change: Change | None, stages: Mapping[int, Entry]) -> dict[int, Entry | None]:
    """Return the landed side of a conflict where a landing changed it once more; nothing where that
    side is not what it was changed from."""
    if change is None or stages.get(LANDED) != old_side(change):
        return {}
    return {LANDED: new_side(change)}


def mark_again(repo: Repo, change: Change, stages: Mapping[int, Entry]) -> None:
    """A file in conflict, once more with what landed now: marked anew where nobody touched it,
    else with the new change in it."""
    path, seen = change.path, bytes_of(repo, change.path)
    if not seen or change.old_mode not in REGULAR or change.new_mode not in REGULAR:
        return
    kept = printed_id(repo.as_person("hash-object", "-w", "--stdin", f"--path={path}").output(seen))
    before, edited = (stages[stage][1] if stage in stages else "" for stage in (BASE, EDITED))
    untouched = (
        bool(edited)
        and three_way(repo, path, change.old_oid, before, edited, union=False)[0] == kept
    )
    sides = (before, edited) if untouched else (change.old_oid, kept)
    text, _ = three_way(repo, path, change.new_oid, *sides, union=False)
    if text:
        replaced(repo, path, seen, (change.new_mode, text))
