"""Commits as a log of git tells them."""

from collections.abc import Mapping
from dataclasses import dataclass

LOG = ("log", "-z", "--format=" + "%x00".join(("%H", "%T", "%P", "%s", "%(trailers:only,unfold)")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit of a log.

    Of a trailer that is there twice the last counts; `sessions` says how many it names.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    subject: str
    trailers: Mapping[str, str]
    sessions: int = 0


def logged(printed: bytes) -> tuple[Commit, ...]:
    words = printed.decode("utf-8", "replace").split("\0")
    parts = zip(*(words[n::5] for n in range(5)), strict=False)
    return tuple(
        Commit(
            id=oid,
            tree=tree,
            parents=tuple(parents.split()),
            subject=subject,
            trailers={
                key: value
                for key, _, value in (line.partition(": ") for line in trailers.splitlines())
            },
            sessions=sum(line.startswith("Nightlatch-Session: ") for line in trailers.splitlines()),
        )
        for oid, tree, parents, subject, trailers in parts
    )
