"""Runs the program, and between its steps a person who edits, stages, commits, stashes, pulls
and pushes: SEED=N busy_person.py ARGS.

Whatever git says is in conflict is brought together by keeping the lines of both sides, as a
careful person would. What was done is written to ../deeds, a line each.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

from nightlatch import cli
from nightlatch.git.repo import Repo
from nightlatch.journal.file_io import Journal
from tests.stories.concurrent_editor import around

EVENTS = ("session.started", "candidate.built", "session.ended", "publish.started", "publish.ended")
# While the branch has moved and the index has not yet, a commit of the whole index takes the
# landing out again: in git there is no help.
BETWEEN = ("after refs/heads/main", "before publish.ended")
SHARED = Path("shared.txt")
SLOTS = 6


class Person:
    """Somebody with a checkout, a colleague's clone in ../colleague, and habits that come again
    with the seed."""

    def __init__(self, seed: str) -> None:
        self.dice = random.Random(seed)  # noqa: S311  # habits that come again
        self.written = 0

    def act(self, point: str) -> None:
        if self.dice.random() < 0.6:
            return
        if self.dice.random() < 0.7:
            self.resolve()
        whole = (
            []
            if point in BETWEEN
            else [self.commit_all, self.commit_other, self.stash, self.pull, self.pull]
        )
        deed = self.dice.choice([self.edit, self.edit, self.stage, self.pop, self.push, *whole])
        self.note(f"{point}: {deed.__name__}")
        deed()

    def note(self, line: str) -> None:
        with Path("../deeds").open("a") as file:
            file.write(f"{line}\n")

    def git(self, *args: str, folder: str = ".") -> bool:
        done = subprocess.run(
            ["git", *args], cwd=folder, capture_output=True, text=True, check=False
        )
        self.note(
            f"  git {' '.join(args)}: {done.returncode}"
            f" {(done.stdout + done.stderr).strip()[:300]!r}"
        )
        return done.returncode == 0

    def add_line(self, place: Path, word: str) -> None:
        self.written += 1
        lines = place.read_text().splitlines()
        at = self.dice.randrange(len(lines) + 1)
        place.write_text("\n".join([*lines[:at], f"{word} {self.written}", *lines[at:]]) + "\n")
        self.note(f"  {word} {self.written}")

    def edit(self) -> None:
        self.add_line(SHARED, "mine")

    def stage(self) -> None:
        if not self.unmerged():
            self.git("add", str(SHARED))

    def commit_all(self) -> None:
        """Also in the middle of a conflict: what a hurried person would do, marks and all."""
        self.git("commit", "-qam", "mine")

    def commit_other(self) -> None:
        self.written += 1
        Path(f"other{self.written}.txt").write_text("other\n")
        self.git("add", f"other{self.written}.txt")
        self.git("commit", "-qm", "another file")

    def stash(self) -> None:
        self.git("stash", "-q")

    def pop(self) -> None:
        if not self.unmerged() and not self.git("stash", "pop", "-q") and self.unmerged():
            self.resolve()
            self.git("stash", "drop", "-q")  # git keeps one whose pop was a conflict

    def push(self) -> None:
        self.git("push", "-q", "origin", "main")

    def pull(self) -> None:
        """A colleague has pushed something meanwhile, mostly without what landed here: then
        this is a merge."""
        self.git("pull", "-q", "--no-rebase", "--no-edit", "origin", "main", folder="../colleague")
        self.add_line(
            Path("../colleague") / self.dice.choice((SHARED.name, "theirs.txt")), "theirs"
        )
        self.git("commit", "-qam", "a colleague's", folder="../colleague")
        self.git("push", "-q", "origin", "main", folder="../colleague")
        self.git("pull", "-q", "--no-rebase", "--no-edit", "origin", "main")

    def unmerged(self) -> list[str]:
        told = subprocess.run(
            ["git", "diff", "--name-only", "--diff-filter=U"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return sorted({*told.split()})

    def resolve(self) -> None:
        """Keep the lines of both sides, and end the merge that this was, if it was one."""
        for name in self.unmerged():
            Path(name).write_text(both_sides(Path(name).read_text()))
            self.git("add", name)
        if Path(".git/MERGE_HEAD").exists():
            self.git("commit", "-qm", "merged")


def both_sides(text: str) -> str:
    """A text without the marks of a conflict and what stood there before."""
    kept, old = [], False
    for line in text.splitlines():
        if line.startswith("||||||| "):
            old = True
        elif line == "=======":
            old = False
        elif not old and not line.startswith(("<<<<<<< ", ">>>>>>> ")):
            kept.append(line)
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    someone = Person(os.environ["SEED"])

    def point(name: str) -> None:
        if name.partition(" ")[2] in (*EVENTS, "refs/heads/main"):
            someone.act(name)

    Journal.write = around(lambda _journal, event, **_more: event, Journal.write, point)  # type: ignore[method-assign]  # what this is for
    Repo.advance = around(lambda _repo, ref, *_rest: ref, Repo.advance, point)  # type: ignore[method-assign]  # as above
    sys.exit(cli.main(sys.argv[1:]))
