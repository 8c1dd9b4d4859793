"""A room in which nothing of the loop can be known: another place, another history, other
variables, another process."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

from nightlatch.sandbox.base import SandboxSpec
from nightlatch.sandbox.process.supervisor import CommandResult
from nightlatch.suite import run_io
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.run_io import CommandRunner
from nightlatch.workspace.workspace import OBJECTS_INSIDE

# Where a sandboxed room shows what it holds: words that say nothing, in a folder whose name is
# another one each time.
PLACES, TOP = Path("/srv"), "app"
LOOPS_OWN = Path(OBJECTS_INSIDE).parent
TEMPORARY = Path("/tmp")  # noqa: S108  # the room's own
BRANCH = "trunk"
# The command is the child of a shell of its own, as when a person types it, and not of what holds
# the room.
THROUGH_A_SHELL = ("sh", "-c", '"$@"; exit $?', "sh")


class Aspect(StrEnum):
    """One thing by which a command could tell that the loop runs it."""

    PLACE = "the folder that it runs in"
    HISTORY = "the repository's history"
    VARIABLES = "the variables of a check"
    FRAMEWORK = "its test framework in sight"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisguisedPlace:
    """A hidden room with a folder to hand things over; `seen` is where a process finds that
    folder."""

    hands: CommandRunner
    room: SandboxSpec
    folder: Path
    seen: str

    def run(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> CommandResult:
        """Run a command as the child of a shell, as when a person types it."""
        room = replace(self.room, env={**self.room.env, **(env or {})})
        return self.hands.run(room, [*THROUGH_A_SHELL, *argv])

    def put(self, name: str, text: str) -> str:
        """Return a file in the folder. Returns the name by which a process finds it."""
        (self.folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
        return f"{self.seen}/{name}"

    def read_back(self, name: str) -> bytes | None:
        """Return what a process wrote into a file of the folder; None where it wrote none."""
        return self.hands.report(self.folder / name)


@contextmanager
def elsewhere(
    evaluator: TreeEvaluator,
    base: str,
    tree: str,
    *,
    seconds: float,
    usual: frozenset[Aspect] = frozenset(),
) -> Iterator[DisguisedPlace]:
    """A fresh checkout of a tree in such a room, gone afterwards.

    What is named in `usual` stays as it always is.
    """
    hands = replace(evaluator.hands, timeout=min(seconds, evaluator.hands.timeout))
    whole = evaluator.clean(base, tree)
    with evaluator.open_room(base, whole) as usual_room:
        folder = Path(tempfile.mkdtemp(prefix="run"))
        try:
            room = (
                usual_room
                if Aspect.HISTORY in usual
                else without_history(evaluator, usual_room, whole)
            )
            (folder / "d").mkdir()
            place = moved(hands, room, folder) if Aspect.PLACE not in usual else room
            handed = (folder / "d", TEMPORARY / f"t{uuid4().hex[:10]}")
            wide = replace(place, writable=(*place.writable, handed))
            ready = replace(wide, env={**wide.env, "PATH": run_io.own_path(hands, wide)})
            seen = str(hands.sandbox.inside(ready, folder / "d"))
            yield DisguisedPlace(hands=hands, room=ready, folder=folder / "d", seen=seen)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def moved(hands: CommandRunner, room: SandboxSpec, folder: Path) -> SandboxSpec:
    """Return the room with its tree in another place.

    In a sandbox the old place shows it too, for reading: programs of an environment name their
    interpreter by its whole path. Without one the checkout itself is moved, where it can be.
    """
    if hands.sandbox.traits.own_paths:
        name = uuid4().hex[:10]
        at, own = PLACES / name / TOP, PLACES / f"{name}s"
        borrows(room, own)
        kept = [(real, apart(seen, LOOPS_OWN, own)) for real, seen in room.readable]
        twice = [
            (real, apart(seen, room.at, at))
            for real, seen in room.readable
            if seen.is_relative_to(room.at)
        ]
        # A folder that is shown inside of the tree is made there, which the old place for reading
        # alone would not let happen.
        return replace(room, at=at, readable=(*twice, (room.tree, room.at), *kept))
    for target in (folder / TOP, room.tree.with_name(uuid4().hex[:10])):
        # a rename from one file system to another: the second one is beside it
        with suppress(OSError):
            room.tree.rename(target)
            return replace(room, tree=target)
    return room


def apart(place: Path, old: Path, new: Path) -> Path:
    """Return a place below `old`, below `new` instead; any other as it is."""
    return new / place.relative_to(old) if place.is_relative_to(old) else place


def borrows(room: SandboxSpec, own: Path) -> None:
    """Have the checkout's .git borrow its objects from where they are shown now."""
    listed = room.tree / ".git/objects/info/alternates"
    if listed.is_file():
        places = [
            Path(line)
            for line in listed.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        ]
        text = "".join(f"{apart(place, LOOPS_OWN, own)}\n" for place in places)
        listed.write_text(text, encoding="utf-8", errors="surrogateescape")


def without_history(evaluator: TreeEvaluator, room: SandboxSpec, tree: str) -> SandboxSpec:
    """Return the checkout with a history of one commit, where it had any.

    Its .git was just made, and nothing has run in it.
    """
    own = room.tree / ".git"
    if not (own / "objects/info").is_dir():
        return room
    commit = evaluator.repo.commit(evaluator.repo.tree_of(tree), [], "first")
    for name in ("refs", "logs"):
        shutil.rmtree(own / name, ignore_errors=True)
    for name in ("shallow", "packed-refs", "ORIG_HEAD", "FETCH_HEAD"):
        (own / name).unlink(missing_ok=True)
    (own / "refs/heads").mkdir(parents=True)
    (own / "HEAD").write_text(f"ref: refs/heads/{BRANCH}\n", encoding="utf-8")
    (own / "refs/heads" / BRANCH).write_text(f"{commit}\n", encoding="utf-8")
    return room
