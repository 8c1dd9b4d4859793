"""A person edits what lands: both are kept, a conflict is one that git shows, and no commit of
theirs takes back what landed."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from nightlatch.git import checkout
from nightlatch.git.checkout import SyncResult
from nightlatch.git.open import open_repo
from nightlatch.git.repo import Repo
from tests.io.git.sample_repo import commit_after, committed, git, write

NIGHTS = 200 if os.environ.get("NIGHTLATCH_FULL") else 24
LINES = [f"line {n}" for n in range(12)]
TEXT = "\n".join(LINES) + "\n"


@pytest.fixture
def repo(repository: Path) -> Repo:
    committed(
        repository,
        {
            "a.py": TEXT,
            "b.py": TEXT,
            "log": "one\n",
            "plan": "{}\n",
            ".gitattributes": "*.bin -merge\n",
            "x.bin": "x\n",
        },
    )
    return open_repo(repository)


def land(
    repo: Repo, files: dict[str, str | bytes | None], logs: tuple[str, ...] = ()
) -> SyncResult:
    old = repo.tip("main") or ""
    new = commit_after(repo, old, files)
    assert repo.advance("refs/heads/main", new, old)
    return checkout.sync(repo, "main", old, new, ("plan",), logs)


def with_line(number: int, line: str, text: str = TEXT) -> str:
    lines = text.splitlines()
    lines[number] = line
    return "\n".join(lines) + "\n"


def said(repo: Repo) -> list[str]:
    return [line for line in git(repo.top, "status", "--porcelain").splitlines() if line]


def tried(repo: Repo, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *args], cwd=repo.top, capture_output=True, text=True, check=False)


def text(repo: Repo, path: str) -> str:
    return (repo.top / path).read_text()


def tip_has(repo: Repo, path: str) -> str:
    return (repo.read("main", path) or b"").decode()


@pytest.mark.parametrize(
    "commit", [("commit", "-qam", "mine"), ("commit", "-qm", "mine", "a.py"), ("stash",)]
)
def test_an_edit_elsewhere_in_the_file_takes_in_what_landed(
    repo: Repo, commit: tuple[str, ...]
) -> None:
    write(repo.top, {"a.py": with_line(0, "my line")})
    both = with_line(0, "my line", with_line(9, "landed"))

    assert land(repo, {"a.py": with_line(9, "landed"), "new": "n\n"}) == SyncResult()

    assert text(repo, "a.py") == both
    assert git(repo.top, "diff", "--numstat").split() == ["1", "1", "a.py"]
    assert repo.tip_of(checkout.BEHIND) is None
    git(repo.top, *commit)
    assert tip_has(repo, "a.py") == (with_line(9, "landed") if commit == ("stash",) else both)
    assert said(repo) == []


def test_lines_that_both_add_at_the_same_place_both_stay(repo: Repo) -> None:
    write(repo.top, {"a.py": f"{TEXT}# mine\n"})

    assert land(repo, {"a.py": f"{TEXT}def landed():\n    pass\n"}) == SyncResult()

    assert text(repo, "a.py") == f"{TEXT}def landed():\n    pass\n# mine\n"
    git(repo.top, "commit", "-qam", "mine")
    assert tip_has(repo, "a.py") == f"{TEXT}def landed():\n    pass\n# mine\n"


def test_what_is_staged_and_what_is_not_both_take_it_in_and_stay_apart(repo: Repo) -> None:
    write(repo.top, {"a.py": with_line(0, "staged")})
    git(repo.top, "add", "a.py")
    write(repo.top, {"a.py": with_line(4, "not staged", with_line(0, "staged"))})

    assert land(repo, {"a.py": with_line(9, "landed")}) == SyncResult()

    assert git(repo.top, "show", ":a.py") + "\n" == with_line(0, "staged", with_line(9, "landed"))
    assert text(repo, "a.py") == with_line(
        4, "not staged", with_line(0, "staged", with_line(9, "landed"))
    )
    git(repo.top, "commit", "-qm", "what I staged")
    assert tip_has(repo, "a.py") == with_line(0, "staged", with_line(9, "landed"))


def test_a_commit_of_another_file_takes_nothing_back(repo: Repo) -> None:
    write(repo.top, {"a.py": with_line(9, "mine"), "other.txt": "other\n"})

    assert land(repo, {"a.py": with_line(9, "landed"), "b.py": None}).conflicts == ("a.py",)

    git(repo.top, "add", "other.txt")
    refused = tried(repo, "commit", "-qm", "other")
    assert refused.returncode != 0
    assert "unmerged" in refused.stderr + refused.stdout
    assert git(repo.top, "show", ":2:a.py") + "\n" == with_line(9, "landed")
    assert git(repo.top, "show", ":3:a.py") + "\n" == with_line(9, "mine")
    assert tried(repo, "commit", "-qam", "all").returncode == 0
    assert {"landed", "mine"} <= {*tip_has(repo, "a.py").splitlines()}


def test_a_conflict_takes_in_what_lands_afterwards(repo: Repo) -> None:
    write(repo.top, {"a.py": with_line(9, "mine")})
    assert land(repo, {"a.py": with_line(9, "landed")}).conflicts == ("a.py",)

    assert (
        land(
            repo, {"a.py": with_line(0, "later", with_line(9, "landed")), "b.py": with_line(1, "b")}
        )
        == SyncResult()
    )

    assert said(repo) == ["UU a.py"]
    assert git(repo.top, "show", ":2:a.py") + "\n" == with_line(0, "later", with_line(9, "landed"))
    assert text(repo, "a.py").splitlines()[0] == "later"
    write(repo.top, {"a.py": text(repo, "a.py").replace("line 4", "while at it")})
    assert land(repo, {"a.py": with_line(0, "latest", with_line(9, "landed"))}) == SyncResult()
    assert text(repo, "a.py").splitlines()[0] == "latest"
    assert "while at it" in text(repo, "a.py")
    git(repo.top, "checkout", "--ours", "a.py")
    git(repo.top, "add", "a.py")
    assert said(repo) == []


def test_a_log_keeps_the_lines_of_both_also_where_git_did_not_know_the_file(repo: Repo) -> None:
    write(repo.top, {"log": "one\nmine\n", "fresh.log": "head\nmine\n"})

    assert (
        land(repo, {"log": "one\nlanded\n", "fresh.log": "head\nlanded\n"}, ("log", "fresh.log"))
        == SyncResult()
    )

    assert sorted(text(repo, "log").split()) == ["landed", "mine", "one"]
    assert sorted(text(repo, "fresh.log").split()) == ["head", "landed", "mine"]
    git(repo.top, "commit", "-qam", "mine")
    assert "landed" in tip_has(repo, "log")
    assert "landed" in tip_has(repo, "fresh.log")


@pytest.mark.parametrize(
    ("path", "mine", "theirs", "status"),
    [
        ("x.bin", "mine\n", "theirs\n", "UU"),
        ("a.py", None, with_line(1, "landed"), "UD"),
        ("a.py", with_line(1, "mine"), None, "DU"),
    ],
)
def test_what_cannot_be_merged_is_a_conflict_without_marks(
    repo: Repo, path: str, mine: str | None, theirs: str | None, status: str
) -> None:
    if mine is None:
        (repo.top / path).unlink()
    else:
        write(repo.top, {path: mine})

    assert land(repo, {path: theirs}).conflicts == (path,)

    assert said(repo) == [f"{status} {path}"]
    assert not (repo.top / path).exists() if mine is None else text(repo, path) == mine
    assert tried(repo, "commit", "-qm", "mine").returncode != 0


def test_no_merge_driver_is_run(repo: Repo, tmp_path: Path) -> None:
    git(repo.top, "config", "merge.own.driver", f"touch {tmp_path}/ran; cp %B %A")
    committed(repo.top, {".gitattributes": "a.py merge=own\n"})
    write(repo.top, {"a.py": with_line(0, "mine")})

    assert land(repo, {"a.py": with_line(9, "landed")}).conflicts == ("a.py",)

    assert not (tmp_path / "ran").exists()
    assert text(repo, "a.py") == with_line(0, "mine")


def test_a_plan_that_waits_is_not_taken_back_by_a_commit_of_something_else(repo: Repo) -> None:
    write(repo.top, {"plan": "{mine}\n", "other": "o\n"})

    assert land(repo, {"plan": "{landed}\n"}).stays == ("plan",)

    git(repo.top, "add", "other")
    git(repo.top, "commit", "-qm", "other")
    assert tip_has(repo, "plan") == "{landed}\n"
    assert text(repo, "plan") == "{mine}\n"


def test_a_merge_of_the_persons_that_is_under_way_ends_with_what_landed_in_it(repo: Repo) -> None:
    git(repo.top, "switch", "-q", "-c", "side")
    committed(repo.top, {"a.py": with_line(2, "of the side"), "b.py": with_line(2, "of the side")})
    git(repo.top, "switch", "-q", "main")
    committed(repo.top, {"a.py": with_line(2, "of main")})
    assert tried(repo, "merge", "-q", "side").returncode == 1

    assert (
        land(
            repo,
            {
                "a.py": with_line(9, "landed", with_line(2, "of main")),
                "b.py": with_line(9, "landed"),
                "new": "n\n",
            },
        )
        == SyncResult()
    )

    assert said(repo) == ["UU a.py", "M  b.py"]
    git(repo.top, "checkout", "--ours", "a.py")
    git(repo.top, "add", "a.py")
    git(repo.top, "commit", "-qm", "merged")
    assert tip_has(repo, "a.py") == with_line(9, "landed", with_line(2, "of main"))
    assert tip_has(repo, "b.py") == with_line(9, "landed", with_line(2, "of the side"))
    assert tip_has(repo, "new") == "n\n"


class Night:
    """A person who does one thing after another while landings come in; what may never be lost
    is kept count of."""

    def __init__(self, repo: Repo, seed: int) -> None:
        self.repo, self.dice, self.number = (
            repo,
            random.Random(seed),  # noqa: S311  # a night that comes again
            0,
        )
        self.landed: dict[str, set[str]] = {"a.py": set(), "b.py": set()}
        self.mine: set[str] = set()
        self.did: list[str] = []

    def word(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}."

    def step(self) -> None:
        often, seldom = (
            (self.land, self.edit, self.commit),
            (self.stage, self.stash, self.pop, self.pull),
        )
        step = self.dice.choice((*often, *often, *seldom))
        self.did.append(step.__name__)
        step()
        self.check()

    def land(self) -> None:
        path, word = self.dice.choice(("a.py", "b.py")), self.word("L")
        lines = self.put(tip_has(self.repo, path).splitlines(), word)
        self.landed[path].add(word)
        assert land(self.repo, {path: "\n".join(lines) + "\n"}).stays == ()

    def put(self, lines: list[str], word: str) -> list[str]:
        """The lines with one more, sometimes in place of one that nobody counts: then both
        sides may be against each other."""
        at = self.dice.randrange(len(lines) + 1)
        gone = at < len(lines) and lines[at].startswith("line ") and self.dice.random() < 0.5
        return [*lines[:at], word, *lines[at + gone :]]

    def edit(self) -> None:
        path, word = self.dice.choice(("a.py", "b.py")), self.word("P")
        if self.conflicts():
            return
        lines = self.put(text(self.repo, path).splitlines(), word)
        write(self.repo.top, {path: "\n".join(lines) + "\n"})
        self.mine.add(word)

    def stage(self) -> None:
        if not self.conflicts():
            git(self.repo.top, "add", self.dice.choice(("a.py", "b.py")))

    def commit(self) -> None:
        """Sometimes with conflicts that git shows: then it is refused, or all of it, with its
        marks, is committed."""
        how = self.dice.choice((("-am", "all"), ("-m", "what is staged"), ("-m", "one", "a.py")))
        done = tried(self.repo, "commit", "-q", *how)
        if done.returncode and self.conflicts():
            self.resolve()

    def resolve(self) -> None:
        """Both sides' lines stay: the marks go."""
        for path in self.conflicts():
            kept = [
                line
                for line in text(self.repo, path).splitlines()
                if line[:7] not in ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
            ]
            write(self.repo.top, {path: "\n".join(kept) + "\n"})
            git(self.repo.top, "add", path)

    def stash(self) -> None:
        if not self.conflicts() and not git(self.repo.top, "stash", "list"):
            tried(self.repo, "stash")

    def pop(self) -> None:
        if git(self.repo.top, "stash", "list") and not self.conflicts():
            tried(self.repo, "stash", "pop", "-q")
            if self.conflicts():
                self.resolve()
                git(self.repo.top, "stash", "drop", "-q")

    def pull(self) -> None:
        """Somebody else's commit, of another file, on top of what was pushed last."""
        old = self.repo.tip("main") or ""
        other = commit_after(self.repo, old, {"theirs": self.word("T")})
        git(self.repo.top, "update-ref", "refs/remotes/origin/main", other)
        tried(self.repo, "merge", "-q", "--ff-only", "origin/main")

    def conflicts(self) -> list[str]:
        return git(self.repo.top, "diff", "--name-only", "--diff-filter=U").split()

    def check(self) -> None:
        """Every landed line is on the branch; every line of the person's is on the branch, in
        the index, on disk or in the stash."""
        for path, words in self.landed.items():
            assert words <= {*tip_has(self.repo, path).splitlines()}, self.did
        stashed = (
            git(self.repo.top, "stash", "show", "-p") if git(self.repo.top, "stash", "list") else ""
        )
        seen = stashed + "".join(
            tip_has(self.repo, path) + text(self.repo, path) for path in self.landed
        )
        assert {word for word in self.mine if word not in seen} == set(), self.did


@pytest.mark.parametrize("seed", range(NIGHTS))
def test_nothing_that_landed_and_nothing_of_the_persons_is_lost_in_a_night(
    repo: Repo, seed: int
) -> None:
    night = Night(repo, seed)
    for _ in range(14):
        night.step()
