"""Commits as a log of git tells them: the one reader of trailers."""

from collections.abc import Mapping
from dataclasses import dataclass

LOG = ("log", "-z", "--format=" + "%x00".join(("%H", "%T", "%P", "%s", "%(trailers:only,unfold)")))
# How the names of this program's own trailers begin, and what finds the commits of landings.
OURS = "Nightlatch-"
LANDED = "^Nightlatch-Session: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit of a log.

    `lines` are its trailers in order, `trailers` the same by name: of one that is there twice the
    last counts.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    subject: str
    lines: tuple[tuple[str, str], ...]
    trailers: Mapping[str, str]

    def values(self, name: str) -> tuple[str, ...]:
        """Return what every trailer `Nightlatch-<name>` says that is not empty.

        People write some of them, so upper and lower case count the same, as they do for git.
        """
        wanted = f"{OURS}{name}".lower()
        return tuple(value for key, value in self.lines if value and key.lower() == wanted)


def logged(printed: bytes) -> tuple[Commit, ...]:
    """Return the commits that `git log` with LOG printed."""
    words = printed.decode("utf-8", "replace").split("\0")
    columns = [words[n::5] for n in range(5)]
    return tuple(commit_of(*row) for row in zip(*columns, strict=False))


def commit_of(oid: str, tree: str, parents: str, subject: str, trailers: str) -> Commit:
    """Return one commit from the five fields of LOG."""
    parts = (line.partition(": ") for line in trailers.splitlines())
    lines = tuple((key, value) for key, _, value in parts)
    return Commit(
        id=oid,
        tree=tree,
        parents=tuple(parents.split()),
        subject=subject,
        lines=lines,
        trailers=dict(lines),
    )
