"""What a change of one path is, between two trees."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One path that differs between two trees.

    `status` is A, M, D or T (its type changed); the missing side has mode and id "".
    """

    path: str
    status: str
    old_mode: str = ""
    new_mode: str = ""
    old_oid: str = ""
    new_oid: str = ""


def differs(change: Change) -> bool:
    """Return whether anything is left of a change."""
    return (change.old_mode, change.old_oid) != (change.new_mode, change.new_oid)


def changed(changes: Iterable[Change]) -> str:
    """Return a digest of the paths that a landing changes.

    Moved by a rebase it has the same ones; with the person's own work in it, others.
    """
    paths = sorted(f"{change.status} {change.path}" for change in changes)
    digest = sha256("\0".join(paths).encode("utf-8", "surrogateescape")).hexdigest()
    return f"{len(paths)} {digest[:16]}"
