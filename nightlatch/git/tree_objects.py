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
        inner = [entry[1] if entry and entry[0] == FOLDER else "" for entry in (was, now)]
        if any(inner):
            yield from differing(reader, width, inner[0], inner[1], f"{folder}{name}/")
        sides = tuple(entry if entry and entry[0] != FOLDER else None for entry in (was, now))
        if any(sides):
            yield f"{folder}{name}", sides[0], sides[1]


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
