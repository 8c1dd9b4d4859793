"""Trees put together in memory: no index, no checkout, whatever the size of the repository."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from nightlatch.git.command import GitSession
from nightlatch.util.paths import FOLDER

Entry = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Single trees, read by a `cat-file --batch` and written by whoever makes an object of
    their bytes. An entry is (mode, id)."""

    reader: GitSession
    writer: Callable[[bytes], str]
    width: int

    def graft(self, tree: str | None, changes: Mapping[str, Entry | None]) -> str | None:
        """Return the tree with these paths set, or gone where None; None where nothing is left of
        it."""
        entries = self.read(tree) if tree else {}
        below: defaultdict[str, dict[str, Entry | None]] = defaultdict(dict)
        for path, entry in changes.items():
            name, _, rest = path.partition("/")
            if rest:
                below[name][rest] = entry
            elif entry:
                entries[name] = entry
            else:
                entries.pop(name, None)
        for name, inner in below.items():
            self._graft_folder(entries, name, inner)
        return self.write(entries) if entries else None

    def _graft_folder(
        self, entries: dict[str, Entry], name: str, inner: Mapping[str, Entry | None]
    ) -> None:
        mode, oid = entries.get(name, (FOLDER, None))
        grafted = self.graft(oid if mode == FOLDER else None, inner)
        if grafted:
            entries[name] = (FOLDER, grafted)
        elif mode == FOLDER:
            entries.pop(name, None)

    def read(self, tree: str) -> dict[str, Entry]:
        return dict(entries_of(self.reader.object(tree), self.width))

    def write(self, entries: Mapping[str, Entry]) -> str:
        ordered = sorted(
            (os.fsencode(f"{name}/" if mode == FOLDER else name), mode, oid)
            for name, (mode, oid) in entries.items()
        )
        lines = (
            b"%s %s\0%s" % (mode.lstrip("0").encode(), name.removesuffix(b"/"), bytes.fromhex(oid))
            for name, mode, oid in ordered
        )
        return self.writer(b"".join(lines))


def differing(
    reader: GitSession, width: int, old: str, new: str, folder: str = ""
) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """Yield every path whose entry differs between two trees ("": none), with both entries; only
    folders that differ are read."""
    before, after = (
        {} if not tree else dict(entries_of(reader.object(tree), width)) for tree in (old, new)
    )
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        # One side may be a folder and the other a file: then both of these have something to say.
        was_tree, now_tree = tree_of(was), tree_of(now)
        if was_tree or now_tree:
            yield from differing(reader, width, was_tree, now_tree, f"{folder}{name}/")
        was_file, now_file = file_of(was), file_of(now)
        if was_file or now_file:
            yield f"{folder}{name}", was_file, now_file


def tree_of(entry: Entry | None) -> str:
    """Return the id of the folder that an entry is, "" for any other entry."""
    return entry[1] if entry and entry[0] == FOLDER else ""


def file_of(entry: Entry | None) -> Entry | None:
    """Return an entry that is no folder."""
    return entry if entry and entry[0] != FOLDER else None


def entries_of(tree: bytes, width: int) -> Iterator[tuple[str, Entry]]:
    """Yield the names and entries in a tree object, whose ids are `width` bytes wide."""
    at = 0
    while at < len(tree):
        space, end = tree.index(b" ", at), tree.index(b"\0", at)
        yield (
            os.fsdecode(tree[space + 1 : end]),
            (tree[at:space].decode().rjust(6, "0"), tree[end + 1 : end + 1 + width].hex()),
        )
        at = end + 1 + width
