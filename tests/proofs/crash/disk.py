"""A disk that may lose power: what a program wrote below a folder, recorded by strace, and
every state that the folder may be found in.

The disk keeps names in the order in which they were made, as journalling file systems do, and
promises nothing of contents before they are synced: they may be there, be missing, be zeros or be
there in part. What was handed to it (sync_file_range) is there before any later name. Where names
are `loose` even their order is not promised: one that no sync of its folder covers may be lost
alone.
"""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from tests import PATIENCE

TRACED = (
    "openat,write,pwrite64,writev,ftruncate,fallocate,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,"
    "mkdir,mkdirat,chdir,symlink,symlinkat,chmod,fchmod,fchmodat,copy_file_range,sendfile"
)
LINE = re.compile(r"([\d.]+) (\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?", re.DOTALL)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
OPEN_FILE = re.compile(r"\d+<([^>]*)>")
VERBS = {
    "mk": "mkdir",
    "rm": "unlink",
    "un": "unlink",
    "re": "rename",
    "li": "link",
    "sy": "symlink",
    "ch": "chmod",
    "fc": "chmod",
}
WHOLE, LOST, ZEROS, TORN = "whole", "lost", "zeros", "torn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One change: `verb` of `name` below the folder; `data` are bytes at `at` (None: the end),
    `other` is a second name."""

    verb: str
    name: str
    other: str = ""
    data: bytes = b""
    at: int | None = None


@dataclass(slots=True, kw_only=True)
class Inode:
    """Contents as programs see them, and as far as they are surely on the disk."""

    data: bytes = b""
    safe: bytes = b""
    mode: int = 0o644

    def left(self, how: str) -> bytes:
        if how == WHOLE or self.data == self.safe:
            return self.data
        if how == LOST:
            return self.safe
        if how == ZEROS:
            return self.safe + bytes(max(len(self.data) - len(self.safe), 0))
        new = self.data[len(self.safe) :] if self.data.startswith(self.safe) else self.data
        return self.data[: len(self.data) - len(new) + len(new) // 2]


@dataclass(slots=True, kw_only=True)
class Disk:
    """Names and what they stand for: an inode, "" for a folder, or the target of a link."""

    names: dict[str, Inode | str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> "Disk":
        disk = cls()
        for path in sorted(folder.rglob("*")):
            data = b"" if path.is_symlink() or path.is_dir() else path.read_bytes()
            inode = Inode(data=data, safe=data, mode=stat.S_IMODE(path.lstat().st_mode))
            disk.names[str(path.relative_to(folder))] = (
                str(path.readlink()) if path.is_symlink() else "" if path.is_dir() else inode
            )
        return disk

    def do(self, op: Op) -> None:
        """Carry out one change; one whose name or folder is not there, for it was lost, changes
        nothing."""
        inode = self.names.get(op.name)
        if (inode is None or op.other) and str(
            Path(op.name if inode is None else op.other).parent
        ) not in {".", *self.names}:
            return
        match op.verb:
            case "create" if op.name not in self.names:
                self.names[op.name] = Inode()
            case "mkdir":
                self.names[op.name] = ""
            case "symlink":
                self.names[op.name] = op.other
            case "rename" if op.name in self.names:
                inside = [name for name in self.names if name.startswith(f"{op.name}/")]
                for name in (op.name, *inside):
                    self.names[op.other + name.removeprefix(op.name)] = self.names.pop(name)
            case "link" if isinstance(inode, Inode):
                self.names[op.other] = inode
            case "unlink":
                self.names.pop(op.name, None)
            case _ if isinstance(inode, Inode):
                change(inode, op)

    def told(self, how: str = WHOLE) -> dict[str, str]:
        """What every name stands for, in short."""
        return {
            name: what if isinstance(what, str) else sha256(what.left(how)).hexdigest()
            for name, what in sorted(self.names.items())
        }

    def digest(self, how: str) -> str:
        return sha256(repr(self.told(how)).encode()).hexdigest()

    def lay(self, folder: Path, how: str) -> None:
        """Write the state out."""
        folder.mkdir(parents=True)
        for name, what in sorted(self.names.items()):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(what, Inode):
                path.write_bytes(what.left(how))
                path.chmod(what.mode | 0o600)
            elif what:
                path.symlink_to(what)
            else:
                path.mkdir(exist_ok=True)


def change(inode: Inode, op: Op) -> None:
    match op.verb:
        case "write":
            at = len(inode.data) if op.at is None else op.at
            inode.data = (
                inode.data[:at].ljust(at, b"\0") + op.data + inode.data[at + len(op.data) :]
            )
        case "truncate":
            inode.data = inode.data[: op.at]
        case "sync" | "flush":
            inode.safe = inode.data
        case "chmod":
            inode.mode = op.at or 0


def recorded(
    argv: Sequence[str], folder: Path, trace: Path, env: Mapping[str, str]
) -> tuple[Disk, list[Op]]:
    """Run a command in the folder, and what it starts; give how the folder was, and what became
    of files below it, in order."""
    start, ops = Disk.of(folder), []
    trace.mkdir()
    stamps = "--absolute-timestamps=format:unix,precision:ns"
    words = [
        "strace",
        "-ff",
        "-y",
        "-s",
        "10000000",
        stamps,
        "-e",
        f"trace={TRACED}",
        "-e",
        "signal=none",
        "-o",
        str(trace / "of"),
        *argv,
    ]
    subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True, timeout=PATIENCE)
    found = [each for file in trace.iterdir() for each in calls(file, folder)]
    shutil.rmtree(trace)
    disk = deepcopy(start)
    for op in (
        op for m, at in sorted(found, key=lambda each: each[0][1]) for op in ops_of(m, folder, at)
    ):
        ops += [op] if op.verb != "create" or op.name not in disk.names else []
        disk.do(op)
    assert disk.told() == Disk.of(folder).told(), "the recording is not the whole story"
    return start, ops


def calls(file: Path, cwd: Path) -> Iterator[tuple["re.Match[str]", str]]:
    """The calls of one process that succeeded, each with the folder that it was made from."""
    at = str(cwd)
    for line in file.read_text("latin-1").splitlines():
        if (m := LINE.match(line)) and int(m[4]) >= 0:
            at = os.path.join(at, STRING.findall(m[3])[0]) if m[2] == "chdir" else at  # noqa: PTH118  # what is absolute stays as it is
            yield m, at


def ops_of(m: "re.Match[str]", folder: Path, cwd: str) -> Iterator[Op]:
    """The changes below the folder that one call made."""
    call, args, result = m[2], m[3], m[5] or ""
    if call in (
        "write",
        "pwrite64",
        "ftruncate",
        "fallocate",
        "fsync",
        "fdatasync",
        "sync_file_range",
        "fchmod",
    ):
        name = below(opened[1] if (opened := OPEN_FILE.match(args)) else "", folder)
        yield from by_descriptor(call, args, name, int(m[4])) if name is not None else ()
        return
    if call == "chdir":
        return
    if call == "openat":
        name = below(result, folder)
        yield from () if name is None or "O_CREAT" not in args else (Op(verb="create", name=name),)
        yield from (
            () if name is None or "O_TRUNC" not in args else (Op(verb="truncate", name=name, at=0),)
        )
        return
    names = [below(path, folder) for path in paths(args, cwd)]
    if not names or None in names:
        assert call not in ("copy_file_range", "sendfile", "writev") or str(folder) not in args, m[
            0
        ]
        return
    verb = VERBS[call[:2]]
    if verb == "symlink":
        yield Op(verb=verb, name=str(names[-1]), other=unescaped(STRING.findall(args)[0]).decode())
    else:
        mode = int(args.rpartition(", ")[2], 8) if verb == "chmod" else None
        yield Op(
            verb=verb, name=str(names[0]), other=str(names[-1]) if len(names) > 1 else "", at=mode
        )


def by_descriptor(call: str, args: str, name: str, result: int) -> Iterator[Op]:
    if call in ("fsync", "fdatasync"):
        yield Op(verb="sync", name=name)
    elif call == "sync_file_range":
        yield Op(verb="flush", name=name)
    elif call == "fallocate":
        yield Op(verb="write", name=name, data=bytes(int(args.rpartition(", ")[2])), at=0)
    elif call in ("ftruncate", "fchmod"):
        last = args.rpartition(", ")[2]
        yield Op(
            verb=call.removeprefix("f"), name=name, at=int(last, 8 if call == "fchmod" else 10)
        )
    else:
        at = int(args.rpartition(", ")[2]) if call == "pwrite64" else None
        yield Op(verb="write", name=name, data=unescaped(STRING.findall(args)[0])[:result], at=at)


def paths(args: str, cwd: str) -> list[str]:
    """The paths that a call names, absolute: each beside the folder that it is relative to,
    where the call says one."""
    found = re.findall(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"', args)
    return [os.path.join(at or cwd, os.fsdecode(unescaped(name))) for at, name in found]  # noqa: PTH118  # what is absolute stays as it is


def below(path: str, folder: Path) -> str | None:
    """The name below the folder, "." for itself; None for what lies elsewhere."""
    whole = Path(os.path.normpath(path))
    return str(whole.relative_to(folder)) if whole.is_relative_to(folder) else None


def unescaped(text: str) -> bytes:
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def states(start: Disk, ops: Sequence[Op]) -> Iterator[tuple[int, str, Disk]]:
    """Every state that a kill or a power cut may leave after each change, each once: how many
    changes were made, what became of contents that were not synced, and the names. The last
    kind is what a power cut leaves of which nothing but the synced had reached the disk.
    """
    disk, seen = deepcopy(start), set[str]()
    for n, op in enumerate(ops, 1):
        disk.do(op)
        for how in (WHOLE, LOST, ZEROS, TORN):
            if (digest := disk.digest(how)) not in seen:
                seen.add(digest)
                yield n, how, deepcopy(disk)


def settled(start: Disk, ops: Sequence[Op]) -> Iterator[tuple[int, Disk]]:
    """What every sync leaves at the least: the names of the last one before the next, the
    contents that are surely there."""
    disk, last = deepcopy(start), deepcopy(start)
    for n, op in enumerate(ops, 1):
        disk.do(op)
        if op.verb == "sync":
            yield n - 1, last
            last = deepcopy(disk)


def loose(start: Disk, ops: Sequence[Op], folder: str) -> Iterator[tuple[int, str, Disk]]:
    """States of a file system that keeps no order among names: each change of a name below the
    folder that no sync of its own folder has covered yet is lost alone, whatever came after
    it."""
    for lost, op in enumerate(ops):
        if op.verb not in ("create", "mkdir", "rename", "link", "unlink") or not op.name.startswith(
            folder
        ):
            continue
        place = str(Path(op.other or op.name).parent)
        until = next(
            (
                n
                for n, later in enumerate(ops)
                if n > lost and later.verb == "sync" and later.name == place
            ),
            len(ops),
        )
        disk = deepcopy(start)
        for n, each in enumerate(ops[:until]):
            if n != lost:
                disk.do(each)
            if n > lost:
                yield n + 1, WHOLE, disk
