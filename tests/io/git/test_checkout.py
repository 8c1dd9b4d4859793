"""The person's checkout follows the branch, and nothing of theirs is lost."""

import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from nightlatch.errors import RepoError
from nightlatch.git import checkout
from nightlatch.git.locks import at_work, free_refs
from nightlatch.git.open import open_repo
from nightlatch.git.repo import Repo
from tests.io.git.sample_repo import ODD, commit_after, committed, git, write

BASE: dict[str, str | bytes] = {
    "a": "a1\n",
    "b": "b1\n",
    "c/d": "d1\n",
    ODD: "odd\n",
    "prd.json": "{}\n",
    ".gitignore": "*.log\n",
}


@pytest.fixture
def repo(repository: Path) -> Repo:
    committed(repository, BASE)
    return open_repo(repository)


def land(
    repo: Repo, files: dict[str, str | bytes | None], texts: tuple[str, ...] = ("prd.json",)
) -> tuple[str, ...]:
    """Move the branch by one commit, then the checkout."""
    old = repo.tip("main") or ""
    new = commit_after(repo, old, files)
    assert repo.advance("refs/heads/main", new, old)
    synced = checkout.sync(repo, "main", old, new, texts)
    return (*synced.stays, *synced.conflicts)


def state(repo: Repo) -> list[str]:
    return [
        line
        for line in git(
            repo.top, "-c", "core.quotePath=false", "status", "--porcelain"
        ).splitlines()
        if line
    ]


def text(repo: Repo, path: str) -> str:
    return (repo.top / path).read_text()


def test_a_clean_checkout_follows(repo: Repo) -> None:
    assert (
        land(
            repo,
            {"a": "a2\n", "c/d": None, "new/x": "x\n", ODD: "odder\n", "prd.json": '{"x": 1}\n'},
        )
        == ()
    )

    assert state(repo) == []
    assert text(repo, "a") == "a2\n"
    assert text(repo, "prd.json") == '{"x": 1}\n'
    assert not (repo.top / "c").exists()
    assert repo.tip_of(checkout.BEHIND) is None


def test_edits_and_staged_work_elsewhere_stay_exactly_as_they_are(repo: Repo) -> None:
    write(repo.top, {"b": "mine\n", "c/d": "staged\n", "untracked": "u\n", "prd.json": "edited\n"})
    git(repo.top, "add", "c/d")
    write(repo.top, {"c/d": "staged and edited\n"})
    before = state(repo)

    assert land(repo, {"a": "a2\n", "new": "n\n"}) == ()

    assert state(repo) == before
    assert git(repo.top, "show", ":c/d") == "staged"
    assert (text(repo, "b"), text(repo, "c/d"), text(repo, "a")) == (
        "mine\n",
        "staged and edited\n",
        "a2\n",
    )


@pytest.mark.parametrize("stage", [False, True])
def test_an_edited_path_is_in_conflict_until_the_person_says_which_side_counts(
    repo: Repo, stage: bool
) -> None:
    write(repo.top, {"a": "mine\n"})
    if stage:
        git(repo.top, "add", "a")

    assert land(repo, {"a": "a2\n", "b": "b2\n", "new": "n\n"}) == ("a",)
    both = "<<<<<<< landed\na2\n=======\nmine\n>>>>>>> your edit\n"
    assert (text(repo, "a"), text(repo, "b"), text(repo, "new")) == (both, "b2\n", "n\n")
    assert state(repo) == ["UU a"]
    assert git(repo.top, "show", ":3:a") == "mine"

    assert land(repo, {"b": "b3\n"}) == ()
    assert (text(repo, "a"), text(repo, "b"), state(repo)) == (both, "b3\n", ["UU a"])

    git(repo.top, "checkout", "--theirs", "a")
    assert text(repo, "a") == "mine\n"
    git(repo.top, "add", "a")
    assert land(repo, {"b": "b4\n"}) == ()
    assert (text(repo, "a"), text(repo, "b"), state(repo)) == ("mine\n", "b4\n", ["M  a"])
    assert repo.tip_of(checkout.BEHIND) is None


def test_what_is_staged_alone_stays_staged(repo: Repo) -> None:
    write(repo.top, {"a": "staged\n"})
    git(repo.top, "add", "a")
    write(repo.top, {"a": "a1\n"})

    assert land(repo, {"a": "a2\n", "b": "b2\n"}) == ("a",)

    assert (git(repo.top, "show", ":3:a"), text(repo, "a"), text(repo, "b")) == (
        "staged",
        "a2\n",
        "b2\n",
    )


def test_the_plan_is_replaced_whole_and_never_taken_away_for_a_moment(repo: Repo) -> None:
    """Git would remove the file and make another one, with rights of its own."""
    (repo.top / "prd.json").chmod(0o640)

    assert land(repo, {"prd.json": '{"x": 1}\n'}) == ()

    assert text(repo, "prd.json") == '{"x": 1}\n'
    assert (repo.top / "prd.json").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("path", ["new", "new.log"])
def test_an_untracked_or_ignored_file_in_the_way_is_kept(repo: Repo, path: str) -> None:
    write(repo.top, {path: "mine\n"})

    assert land(repo, {path: "theirs\n", "a": "a2\n"}) == (path,)

    kept = (
        "mine\n"
        if path == "new.log"
        else "<<<<<<< landed\ntheirs\n=======\nmine\n>>>>>>> your edit\n"
    )
    assert (text(repo, path), text(repo, "a")) == (kept, "a2\n")
    stages = git(repo.top, "ls-files", "-u", path).splitlines()
    assert len(stages) == (1 if path == "new.log" else 2)  # what git leaves out is never stored


def test_an_untracked_folder_in_the_way_of_a_file_is_kept(repo: Repo) -> None:
    write(repo.top, {"new/mine": "mine\n"})

    assert land(repo, {"new": "theirs\n", "a": "a2\n"}) == ("new",)

    assert (text(repo, "new/mine"), text(repo, "a")) == ("mine\n", "a2\n")


def test_an_untracked_file_in_the_way_of_a_folder_is_kept(repo: Repo) -> None:
    write(repo.top, {"new": "mine\n"})

    assert land(repo, {"new/theirs": "theirs\n", "a": "a2\n"}) == ("new/theirs",)

    assert (text(repo, "new"), text(repo, "a")) == ("mine\n", "a2\n")


def test_an_edited_file_that_a_landing_deletes_is_kept(repo: Repo) -> None:
    write(repo.top, {"c/d": "mine\n"})

    assert land(repo, {"c/d": None, "a": None}) == ("c/d",)

    assert text(repo, "c/d") == "mine\n"
    assert not (repo.top / "a").exists()


def test_what_already_is_as_the_landing_has_it_counts_as_moved(repo: Repo) -> None:
    write(repo.top, {"a": "a2\n", "new": "n\n", "prd.json": '{"x": 1}\n'})
    (repo.top / "b").unlink()

    assert land(repo, {"a": "a2\n", "new": "n\n", "prd.json": '{"x": 1}\n', "b": None}) == ()

    assert state(repo) == []


def test_what_only_has_a_new_date_is_no_edit(repo: Repo) -> None:
    os.utime(repo.top / "a", (1, 1))

    assert land(repo, {"a": "a2\n"}) == ()

    assert text(repo, "a") == "a2\n"


def test_a_locked_index_leaves_everything_behind_and_a_later_call_finishes(repo: Repo) -> None:
    lock = repo.git_dir / "index.lock"
    lock.touch()
    os.utime(lock, (1, 1))  # before the move began, so it is not of a git that died over it

    assert land(repo, {"a": "a2\n", "prd.json": '{"x": 1}\n'}) == ("a", "prd.json")
    assert text(repo, "a") == "a1\n"

    lock.unlink()
    tip = repo.tip("main") or ""
    assert checkout.sync(repo, "main", tip, tip, ("prd.json",)) == checkout.SyncResult()
    assert (text(repo, "a"), state(repo)) == ("a2\n", [])


def test_a_plan_that_was_replaced_under_a_locked_index_moves_on_with_the_next_landing(
    repo: Repo,
) -> None:
    lock = repo.git_dir / "index.lock"
    lock.touch()
    os.utime(lock, (1, 1))
    assert land(repo, {"a": "a2\n", "prd.json": '{"x": 1}\n'}) == ("a", "prd.json")
    assert text(repo, "prd.json") == '{"x": 1}\n'
    lock.unlink()

    assert land(repo, {"b": "b2\n", "prd.json": '{"x": 2}\n'}) == ()

    assert (text(repo, "a"), text(repo, "b"), text(repo, "prd.json"), state(repo)) == (
        "a2\n",
        "b2\n",
        '{"x": 2}\n',
        [],
    )


def test_an_index_that_was_moved_before_git_refused_the_files_moves_on_with_the_next_landing(
    repo: Repo,
) -> None:
    tree = repo.tree_of("main")
    assert land(repo, {"prd.json": '{"x": 1}\n'}) == ()
    repo.set_ref(checkout.BEHIND, tree)

    assert land(repo, {"b": "b2\n", "prd.json": '{"x": 2}\n'}) == ()

    assert (text(repo, "b"), text(repo, "prd.json"), state(repo)) == ("b2\n", '{"x": 2}\n', [])
    assert repo.tip_of(checkout.BEHIND) is None


def test_an_index_that_another_git_wrote_back_as_it_was_before_follows_again(repo: Repo) -> None:
    was = (repo.git_dir / "index").read_bytes()
    assert land(repo, {"a": "a2\n", "b": None, "new": "n\n", "prd.json": '{"x": 1}\n'}) == ()
    (repo.git_dir / "index").write_bytes(was)

    assert land(repo, {"a": "a3\n", "new": "n2\n", "b": "b\n", "prd.json": '{"x": 2}\n'}) == ()

    assert (text(repo, "a"), text(repo, "b"), text(repo, "prd.json"), state(repo)) == (
        "a3\n",
        "b\n",
        '{"x": 2}\n',
        [],
    )


def test_an_older_version_that_the_person_staged_over_an_edit_stays(repo: Repo) -> None:
    assert land(repo, {"a": "a2\n"}) == ()
    git(repo.top, "restore", "--staged", "--source=HEAD~1", "a")
    write(repo.top, {"a": "mine\n"})

    assert land(repo, {"a": "a3\n"}) == ("a",)

    assert git(repo.top, "show", ":3:a") == "mine"
    assert "a3\n=======\nmine\n" in text(repo, "a")


def test_a_checkout_on_another_branch_is_left_alone(repo: Repo) -> None:
    git(repo.top, "switch", "-q", "-c", "mine")

    assert land(repo, {"a": "a2\n"}) == ()

    assert (text(repo, "a"), state(repo)) == ("a1\n", [])
    git(repo.top, "switch", "-q", "main")
    assert (text(repo, "a"), state(repo)) == ("a2\n", [])


def test_a_second_call_after_a_crash_does_no_harm(repo: Repo) -> None:
    old = repo.tip("main") or ""
    land(repo, {"a": "a2\n", "new": "n\n"})
    new = repo.tip("main") or ""
    write(repo.top, {"new": "edited since\n"})

    checkout.sync(repo, "main", old, new, ("prd.json",))

    assert text(repo, "new") == "edited since\n"
    write(repo.top, {"new": "n\n"})
    assert checkout.sync(repo, "main", new, new, ("prd.json",)) == checkout.SyncResult()
    assert state(repo) == []


def test_links_and_executable_bits_follow_and_edited_ones_stay(repo: Repo) -> None:
    old = repo.tip("main") or ""
    target = repo.write_blob(b"b")
    mid = repo.commit(
        repo.tree_with(
            old, {"a": ("120000", target), "run": ("100755", target), "link": ("120000", target)}
        ),
        [old],
        "x",
    )
    repo.advance("refs/heads/main", mid, old)
    assert checkout.sync(repo, "main", old, mid) == checkout.SyncResult()
    assert (repo.top / "a").readlink() == Path("b")
    assert os.access(repo.top / "run", os.X_OK)
    (repo.top / "run").chmod(0o644)
    (repo.top / "link").unlink()
    (repo.top / "link").symlink_to("c/d")

    assert land(repo, {"run": "new\n", "link": "a file\n", "a": "a file\n"}) == ("link",)

    assert text(repo, "run") == "new\n"
    assert (repo.top / "link").readlink() == Path("c/d")
    assert text(repo, "a") == "a file\n"


def test_the_persons_own_filters_and_line_ends_hold_in_their_checkout(repository: Path) -> None:
    git(repository, "config", "core.autocrlf", "true")
    git(repository, "config", "filter.rot.clean", "tr a-z b-za")
    git(repository, "config", "filter.rot.smudge", "tr b-za a-z")
    committed(
        repository,
        {
            ".gitattributes": "*.rot -text filter=rot\n",
            "x.rot": "abc\n",
            "a": b"1\r\n",
            "prd.json": b"{\r\n}\r\n",
        },
    )
    repo = open_repo(repository)
    assert repo.read("HEAD", "x.rot") == b"bcd\n"
    assert repo.read("HEAD", "prd.json") == b"{\n}\n"

    assert land(repo, {"x.rot": "bcde\n", "a": "2\n", "prd.json": '{\n"x": 1}\n'}) == ()

    assert (repository / "x.rot").read_bytes() == b"abcd\n"
    assert (repository / "a").read_bytes() == b"2\r\n"
    assert (repository / "prd.json").read_bytes() == b'{\r\n"x": 1}\r\n'
    assert state(repo) == []


def test_no_hook_of_the_person_runs(repo: Repo, tmp_path: Path) -> None:
    for name in (
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-commit",
        "post-commit",
    ):
        hook = repo.git_dir / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)

    assert land(repo, {"a": "a2\n", "prd.json": "{ }\n"}) == ()
    checkout.take_branch(repo, "other")

    assert not (tmp_path / "ran").exists()


def test_an_edit_of_the_plan_is_seen_staged_or_not_and_with_what_it_started_from(
    repo: Repo,
) -> None:
    assert checkout.plan_edit(repo, "main", "prd.json") is None
    write(repo.top, {"prd.json": '{"mine": 1}\n'})

    edit = checkout.plan_edit(repo, "main", "prd.json")
    git(repo.top, "add", "prd.json")

    assert edit == checkout.plan_edit(repo, "main", "prd.json")
    assert edit == checkout.PersonEdit(
        data=b'{"mine": 1}\n', seen=b'{"mine": 1}\n', mode="100644", ancestor=b"{}\n"
    )


def test_an_edit_that_a_landing_overtook_started_from_the_older_plan(repo: Repo) -> None:
    write(repo.top, {"prd.json": '{"mine": 1}\n'})
    assert land(repo, {"prd.json": '{"flag": true}\n'}) == ("prd.json",)

    edit = checkout.plan_edit(repo, "main", "prd.json")

    assert edit is not None
    assert edit.ancestor == b"{}\n"
    assert checkout.put_back(repo, "prd.json", edit.seen, b'{"both": 1}\n')
    assert land(repo, {"prd.json": '{"both": 1}\n'}) == ()
    assert state(repo) == []
    assert checkout.plan_edit(repo, "main", "prd.json") is None


def test_a_plan_that_is_only_behind_is_no_edit(repo: Repo) -> None:
    old = repo.tip("main") or ""
    repo.advance("refs/heads/main", commit_after(repo, old, {"prd.json": '{"flag": true}\n'}), old)
    repo.set_ref(checkout.BEHIND, repo.tree_of(old))

    assert checkout.plan_edit(repo, "main", "prd.json") is None


def test_a_plan_on_another_branch_in_crlf_or_gone_is_told_apart(repo: Repo) -> None:
    git(repo.top, "config", "core.autocrlf", "true")
    write(repo.top, {"prd.json": b"{}\r\n"})
    assert checkout.plan_edit(repo, "main", "prd.json") is None
    write(repo.top, {"prd.json": b"{ }\r\n"})
    edit = checkout.plan_edit(repo, "main", "prd.json")
    assert edit is not None
    assert (edit.data, edit.seen) == (b"{ }\n", b"{ }\r\n")
    assert checkout.plan_edit(repo, "other", "prd.json") is None
    (repo.top / "prd.json").unlink()
    assert checkout.plan_edit(repo, "main", "prd.json") is None


def test_bytes_that_were_not_seen_are_never_overwritten(repo: Repo) -> None:
    write(repo.top, {"prd.json": "saved meanwhile\n"})

    assert not checkout.put_back(repo, "prd.json", b"{}\n", b"ours\n")

    assert text(repo, "prd.json") == "saved meanwhile\n"


def test_a_person_who_saves_the_plan_all_the_time_loses_no_save(repo: Repo) -> None:
    """Every save replaces the file, as editors do; the last bytes on disk are always the
    person's or made from them."""
    saver = f"""
import os, sys
for n in range(300):
    open({str(repo.top / "draft")!r}, "w").write('{{"save": %d}}' % n)
    os.rename({str(repo.top / "draft")!r}, {str(repo.top / "prd.json")!r})
    print(n, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", saver], stdout=subprocess.PIPE) as person:
        assert person.stdout
        person.stdout.readline()
        for n in range(15):
            land(repo, {"prd.json": f'{{"flag": {n}}}'})
        person.communicate()

    assert text(repo, "prd.json") == '{"save": 299}'


def test_only_what_git_would_leave_out_is_ignored(repo: Repo) -> None:
    write(repo.top, {"x.log": "", ":!x": ""})

    assert checkout.is_ignored(repo, "x.log")
    assert not checkout.is_ignored(repo, "prd.json")
    assert not checkout.is_ignored(repo, ":!x")


def test_the_branch_is_the_one_checked_out_or_the_wanted_one(repo: Repo) -> None:
    write(repo.top, {"untracked": "u\n"})

    assert checkout.take_branch(repo) == "main"
    assert checkout.take_branch(repo, "main") == "main"
    assert checkout.take_branch(repo, "feature/new") == "feature/new"
    assert repo.head() == "feature/new"
    assert repo.tip("feature/new") == repo.tip("main")
    assert checkout.take_branch(repo, "main") == "main"
    assert repo.head() == "main"


def test_a_switch_that_would_meet_edits_is_left_to_the_person(repo: Repo) -> None:
    git(repo.top, "branch", "night")
    write(repo.top, {"a": "mine\n"})

    with pytest.raises(RepoError, match="uncommitted edits") as caught:
        checkout.take_branch(repo, "night")

    assert caught.value.fix == "git switch night"
    assert repo.head() == "main"


def test_a_new_branch_is_made_with_edits_in_the_checkout_which_stay_as_they_are(repo: Repo) -> None:
    write(repo.top, {"a": "mine\n"})
    git(repo.top, "add", "a")
    before = git(repo.top, "status", "--porcelain")

    assert checkout.take_branch(repo, "night") == "night"

    assert (repo.head(), git(repo.top, "status", "--porcelain")) == ("night", before)
    assert repo.tip("night") == repo.tip("main")


@pytest.mark.parametrize("how", ["merge", "cherry-pick", "rebase"])
def test_nothing_starts_in_the_middle_of_a_merge(repo: Repo, how: str) -> None:
    git(repo.top, "switch", "-q", "-c", "other")
    committed(repo.top, {"a": "theirs\n"})
    git(repo.top, "switch", "-q", "main")
    committed(repo.top, {"a": "ours\n"})
    git(repo.top, how, "other", check=False)

    with pytest.raises(RepoError, match=f"a {how} is under way") as caught:
        checkout.take_branch(repo, "main")

    assert caught.value.fix == f"git {how} --continue, or git {how} --abort"


HALVES: dict[str, str | bytes | None] = {
    "a": "a2, and much more than that\n",
    "c/d": "d2\n",
    "gone": None,
    "made": "made\n",
    "new": "n\n",
    "x/y": "y, and more\n",
}


def half_moved(repo: Repo) -> tuple[str, str]:
    """The branch one commit on, and of its files what a git leaves that is killed: some moved,
    some begun, some gone; and its lock."""
    committed(repo.top, {"gone": "g\n"})
    old = repo.tip("main") or ""
    new = commit_after(repo, old, HALVES)
    assert repo.advance("refs/heads/main", new, old)
    write(
        repo.top,
        {
            "a": "a2, and",
            "b": "mine\n",
            "made": "made\n",
            "x/y": "",
            ".git/index.lock": "half an index",
        },
    )
    (repo.top / "c/d").unlink()
    return old, new


def test_what_a_killed_git_left_half_moved_is_finished_and_an_edit_stays(repo: Repo) -> None:
    old, new = half_moved(repo)

    assert checkout.sync(repo, "main", old, new, since=0.0) == checkout.SyncResult()

    assert [line.strip() for line in state(repo)] == ["M b"]
    assert {path: text(repo, path) for path in ("a", "b", "c/d", "made", "new", "x/y")} == {
        **{path: told for path, told in HALVES.items() if told},
        "b": "mine\n",
    }
    assert not (repo.top / "gone").exists()
    assert repo.tip_of(checkout.BEHIND) is None


def test_a_file_that_says_something_of_its_own_is_no_half_of_another(repo: Repo) -> None:
    old, new = half_moved(repo)
    write(repo.top, {"a": "a2, and my own"})

    assert checkout.sync(repo, "main", old, new, since=0.0).conflicts == ("a",)

    assert git(repo.top, "show", ":3:a") == "a2, and my own"


def test_half_a_file_without_a_dead_gits_lock_is_an_edit(repo: Repo) -> None:
    old, new = half_moved(repo)
    (repo.git_dir / "index.lock").unlink()

    assert "a" in checkout.sync(repo, "main", old, new, since=0.0).conflicts

    assert git(repo.top, "show", ":3:a") == "a2, and"


@pytest.mark.parametrize("why", ["older than the work", "held open", "a git is at work"])
def test_a_lock_that_may_be_anothers_stays(repo: Repo, why: str) -> None:
    old, new = half_moved(repo)
    lock, since = repo.git_dir / "index.lock", 0.0
    with ExitStack() as stack:
        if why == "older than the work":
            os.utime(lock, (1e9, 1e9))
            since = 1e9 + 60
        elif why == "held open":
            stack.enter_context(lock.open())
        else:
            # Its parent is not this process, as it would be if it were the loop's own.
            shell = ["setsid", "--fork", "git", "cat-file", "--batch"]
            pipe = subprocess.PIPE
            other = stack.enter_context(
                subprocess.Popen(shell, cwd=repo.top, stdin=pipe, stdout=pipe)
            )
            assert other.stdin
            assert other.stdout
            other.stdin.write(b"HEAD^{tree}\n")
            other.stdin.flush()
            other.stdout.readline()
        assert "a" in checkout.sync(repo, "main", old, new, since=since).stays
    assert lock.exists()
    assert text(repo, "a") == "a2, and"


def test_locks_of_refs_go_with_the_git_that_held_them(repo: Repo) -> None:
    mine, theirs = (
        repo.common_dir / f"refs/{name}.lock" for name in ("nightlatch/work/US-1", "heads/other")
    )
    write(
        repo.top,
        {
            str(path.relative_to(repo.top)): ""
            for path in (mine, theirs, repo.common_dir / "refs/heads/main.lock")
        },
    )

    free_refs(repo, "refs/heads/main")

    assert sorted((repo.common_dir / "refs").rglob("*.lock")) == [theirs]


def test_gits_of_the_loop_itself_are_nobody_elses_also_those_that_another_thread_starts_just_now(
    repo: Repo,
) -> None:
    over, words = threading.Event(), ["git", "cat-file", "--batch"]

    def busy() -> None:
        living = [subprocess.Popen(words, cwd=repo.top, stdin=subprocess.PIPE) for _ in range(3)]
        while not over.is_set():
            living.append(subprocess.Popen(words, cwd=repo.top, stdin=subprocess.PIPE))
            living.pop(0).communicate()
        for each in living:
            each.communicate()

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        assert [pid for _ in range(40) for pid in at_work(repo, [])] == []
    finally:
        over.set()
        thread.join()
    pipe = subprocess.PIPE
    with subprocess.Popen(
        ["setsid", "--fork", *words], cwd=repo.top, stdin=pipe, stdout=pipe
    ) as another:
        assert another.stdin
        assert another.stdout
        another.stdin.write(b"nothing\n")
        another.stdin.flush()
        assert another.stdout.readline() == b"nothing missing\n"
        another.wait()
        assert [*at_work(repo, [])], "control: one of another's is seen"
