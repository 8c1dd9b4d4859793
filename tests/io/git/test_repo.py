"""Git in plumbing form, on real repositories."""

import gc
import os
import select
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from nightlatch.errors import RepoError
from nightlatch.git.model import Change
from nightlatch.git.open import open_repo
from nightlatch.git.repo import Repo
from nightlatch.util.reaper import descendants

ODD = 'odd \n\udcff ü\t"name"'


def git(folder: Path, *args: str) -> str:
    return subprocess.run(
        ["git", *args], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repo(repository: Path) -> Repo:
    return open_repo(repository)


def tree_of_files(repo: Repo, files: dict[str, str]) -> str:
    empty = repo.tree_of("HEAD")
    return repo.tree_with(
        empty, {path: ("100644", repo.write_blob(text.encode())) for path, text in files.items()}
    )


def test_a_tree_is_changed_in_memory_at_any_depth(repo: Repo) -> None:
    tree = tree_of_files(repo, {"a": "1", "deep/er/still": "2", "deep/b": "3", ODD: "4"})
    blob = repo.write_blob(b"5")

    changed = repo.tree_with(
        tree, {"deep/er/still": None, "deep/c/d": ("100755", blob), "a": ("120000", blob)}
    )

    assert {path: mode for path, (mode, _) in repo.files(changed).items()} == {
        "a": "120000",
        "deep/b": "100644",
        "deep/c/d": "100755",
        ODD: "100644",
    }
    assert changed == repo.tree_of(repo.commit(changed, [], "x"))


def test_a_file_gives_way_to_a_folder_and_a_folder_to_a_file(repo: Repo) -> None:
    tree = tree_of_files(repo, {"a": "1", "b/c": "2", "b/d": "3"})
    blob = repo.write_blob(b"new")

    changed = repo.tree_with(
        tree, {"a/x": ("100644", blob), "a": None, "b": ("120000", blob), "b/c": None, "b/d": None}
    )

    assert set(repo.files(changed)) == {"a/x", "b"}


def test_a_tree_that_loses_everything_is_the_empty_tree(repo: Repo) -> None:
    tree = tree_of_files(repo, {"a/b/c": "1"})

    assert repo.tree_with(tree, {"a/b/c": None}) == repo.tree_of("HEAD")
    assert repo.tree_with(tree, {}) == tree


def test_a_difference_names_every_path_with_both_sides(repo: Repo) -> None:
    old = tree_of_files(repo, {"same": "1", "changed": "2", ODD: "3"})
    blob = repo.write_blob(b"new")
    new = repo.tree_with(old, {"changed": ("100755", blob), ODD: None, "added": ("100644", blob)})

    gone = repo.files(old)[ODD]
    was = repo.files(old)["changed"]
    assert repo.diff(old, new) == (
        Change(path="added", status="A", new_mode="100644", new_oid=blob),
        Change(
            path="changed",
            status="M",
            old_mode=was[0],
            old_oid=was[1],
            new_mode="100755",
            new_oid=blob,
        ),
        Change(path=ODD, status="D", old_mode=gone[0], old_oid=gone[1]),
    )


def test_a_branch_moves_only_from_where_it_was_seen(repo: Repo) -> None:
    old = repo.tip("main") or ""
    mine, theirs = (repo.commit(repo.tree_of(old), [old], text) for text in ("mine", "theirs"))

    assert repo.advance("refs/heads/main", theirs, old)
    assert not repo.advance("refs/heads/main", mine, old)
    assert repo.tip("main") == theirs
    assert repo.advance("refs/heads/new", mine, "")
    assert not repo.advance("refs/heads/new", theirs, "")


def test_a_branch_that_a_git_moved_before_it_was_killed_has_moved(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old, shim, git = repo.tip("main") or "", tmp_path / "bin/git", shutil.which("git")
    new = repo.commit(repo.tree_of("HEAD"), [old], "ours")
    shim.parent.mkdir()
    # The reader of its output goes after one line, so that git ends by SIGPIPE when it says that
    # the branch is moved.
    shim.write_text(
        f'#!/bin/sh\ncase "$*" in *update-ref*) {git} "$@" | head -n 1;; *) exec {git} "$@";;'
        " esac\n"
    )
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent), prepend=os.pathsep)

    assert open_repo(repo.top).advance("refs/heads/main", new, old)

    assert repo.tip("main") == new


def test_a_branch_that_cannot_move_for_another_reason_is_an_error_and_not_a_lost_race(
    repo: Repo,
) -> None:
    old = repo.tip("main") or ""
    (repo.git_dir / "refs/heads/main.lock").touch()

    with pytest.raises(RepoError, match=r"main\.lock"):
        repo.advance("refs/heads/main", repo.commit(repo.tree_of(old), [old], "x"), old)


def test_every_id_of_a_plan_has_a_ref_of_its_own(repo: Repo) -> None:
    ids = [
        "US-1",
        "us 1",
        "a/b",
        "..",
        ".",
        "@{",
        "x.lock",
        "~^:?*[\\",
        "ü",
        "\ud800",
        "%2E",
        "a" * 400,
        "a" * 401,
        "-",
    ]
    tip = repo.tip("main") or ""

    for feature in ids:
        repo.set_ref(repo.work_ref(feature), tip)

    assert len(repo.refs("refs/nightlatch/work")) == len(ids)
    repo.delete_ref(repo.work_ref("a/b"))
    repo.delete_ref(repo.work_ref("a/b"))
    assert len(repo.refs("refs/nightlatch/work")) == len(ids) - 1


def test_two_commits_merge_in_memory_and_conflicts_are_named(repo: Repo) -> None:
    start = repo.tip("main") or ""
    base = repo.commit(tree_of_files(repo, {ODD: "1\n", "b": "1\n"}), [start], "base")
    blob = {text: ("100644", repo.write_blob(text.encode())) for text in ("2\n", "3\n")}
    left = repo.commit(repo.tree_with(base, {ODD: blob["2\n"]}), [base], "left")
    right = repo.commit(repo.tree_with(base, {ODD: blob["3\n"], "b": blob["3\n"]}), [base], "right")

    merged = repo.merge(left, right)

    assert merged.conflicts == (ODD,)
    assert b"<<<<<<<" in (repo.read(merged.tree, ODD) or b"")
    assert repo.read(merged.tree, "b") == b"3\n"
    assert repo.merge(base, right).conflicts == ()


def test_what_was_taken_back_does_not_come_again_with_the_work_that_was_done_on_it(
    repo: Repo,
) -> None:
    start, blob = repo.tip("main") or "", ("100644", repo.write_blob(b"x\n"))
    base = repo.commit(repo.tree_with(start, {"taken-back": blob}), [start], "base")
    work = repo.commit(repo.tree_with(base, {"work": blob}), [base], "work")
    assert {*repo.files(repo.merge(start, work).tree)} - {*repo.files(start)} == {"work"}


def test_what_was_collected_is_missed_before_a_ref_names_it(repo: Repo) -> None:
    start = repo.tip("main") or ""
    oid = repo.write_blob(b"collected\n")
    commit = repo.commit(repo.tree_with(start, {"folder/file": ("100644", oid)}), [start], "work")
    assert repo.has_all_of(start, commit)
    assert repo.has_all_of(start, start)
    (repo.objects / oid[:2] / oid[2:]).unlink()
    assert not repo.has_all_of(start, commit)
    assert repo.write_blob(b"collected\n") == oid
    tree = (repo.find(f"{commit}:folder") or ("",))[0]
    (repo.objects / tree[:2] / tree[2:]).unlink()
    assert not repo.has_all_of(start, commit)


def test_the_log_has_trailers(repo: Repo) -> None:
    tip = repo.tip("main") or ""
    message = "subject\n\nbody\n\nNightlatch-Feature: US-1\nNightlatch-Session: r-1-s01\n"
    new = repo.commit(repo.tree_of(tip), [tip], message)

    newest, first = repo.log(new)

    assert (newest.id, newest.parents, newest.subject) == (new, (tip,), "subject")
    assert newest.trailers == {"Nightlatch-Feature": "US-1", "Nightlatch-Session": "r-1-s01"}
    assert first.id == tip
    assert repo.log(new, 1) == (newest,)


def test_a_log_that_is_begun_and_called_for_later_is_the_same_log_however_long(repo: Repo) -> None:
    tip = repo.tip("main") or ""
    new = repo.commit(
        repo.tree_of(tip), [tip], f"{'long ' * 100_000}\n\nbody\n\nNightlatch-Session: r-1-s01\n"
    )

    with repo.log_begun(new) as begun:
        assert begun() == repo.log(new)

    with repo.log_begun("nowhere") as begun, pytest.raises(RepoError, match="nowhere"):
        begun()


def test_a_file_that_is_not_there_is_none(repo: Repo) -> None:
    assert repo.read("HEAD", "prd.json") is None
    assert repo.tip("nowhere") is None


def test_a_name_with_a_line_break_is_read_like_any_other(repo: Repo) -> None:
    commit = repo.commit(
        repo.tree_with("HEAD", {"a\nb": ("100644", repo.write_blob(b"here"))}), ["HEAD"], "odd"
    )
    assert repo.read(commit, "a\nb") == b"here"
    assert repo.read(commit, "a\nc") is None


def test_what_has_no_tree_is_an_error_that_names_it(repo: Repo) -> None:
    with pytest.raises(RepoError, match="nowhere is not a tree"):
        repo.tree_of("nowhere")


def test_a_git_process_that_ends_is_started_again(repo: Repo) -> None:
    before = repo.tip_of("HEAD")
    with pytest.raises(KeyError), repo.stand("cat-file", "--batch").talking():
        raise KeyError
    assert repo.tip_of("HEAD") == before


def test_what_git_was_told_by_its_caller_does_not_reach_the_loop(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))

    repo = open_repo(repository)

    assert (repo.top, repo.git_dir) == (repository, repository / ".git")
    assert repo.tip("main")


def test_commits_are_made_by_whoever_git_says_the_person_is(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in (
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
    ):
        monkeypatch.delenv(name)
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\nname = Grace Ü\nemail = grace@example.org\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    repo = open_repo(repository)

    repo.set_ref("refs/heads/main", repo.commit(repo.tree_of("HEAD"), ["HEAD"], "x"))

    assert (
        git(repository, "log", "-1", "--format=%an %ae %cn") == "Grace Ü grace@example.org Grace Ü"
    )


def test_without_an_identity_the_error_says_what_to_type(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
    ):
        monkeypatch.delenv(name)
    git(repository, "config", "user.useConfigOnly", "true")
    repo = open_repo(repository)

    with pytest.raises(RepoError, match="are not set") as caught:
        repo.commit(repo.tree_of("HEAD"), ["HEAD"], "x")
    assert "git config --global user.name" in caught.value.fix


def killed_gits() -> None:
    gc.collect()  # those of other tests go by themselves
    for pid in descendants(os.getpid()):
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            os.kill(pid, signal.SIGKILL)
            select.select([handle], [], [])
            os.close(handle)


def test_a_standing_git_that_somebody_ended_is_followed_by_another(repository: Path) -> None:
    repo = open_repo(repository)
    one = repo.write_blob(b"one")
    killed_gits()
    assert repo.write_blob(b"one") == one


def test_one_that_is_ended_while_it_is_asked_is_an_error_of_git(repository: Path) -> None:
    with open_repo(repository).stand("cat-file", "--batch").talking() as talk:
        talk.find("HEAD")
        killed_gits()
        with pytest.raises(RepoError, match="git cat-file failed: it said nothing"):
            talk.find("HEAD")


def test_the_tree_of_an_id_is_asked_once_and_that_of_a_branch_again(repo: Repo) -> None:
    first = repo.tip_of("main") or ""
    tree = repo.tree_of(first)
    assert repo.tree_of("main") == tree
    assert repo.memory.trees.newest_first() == [(first, tree)], "kept by the id alone"
    changed = tree_of_files(repo, {"a": "1"})
    assert repo.advance("refs/heads/main", repo.commit(changed, [first], "x"), first)
    assert (repo.tree_of(first), repo.tree_of("main")) == (tree, changed)


def test_a_git_that_answers_is_made_once(repo: Repo) -> None:
    assert repo.stand("cat-file", "--batch") is repo.stand("cat-file", "--batch")


def test_trailers_are_read_as_git_reads_them(repo: Repo) -> None:
    tip = repo.tip_of("main") or ""
    text = (
        "why\n\nNightlatch-Session: not in the last paragraph\n\n"
        "Nightlatch-Supersedes: tests/a.py,\n  tests/b.py\nnightlatch-supersedes: tests/c.py\n"
        "Nightlatch-Session: s1\nNightlatch-Session: s2\nOther: x\n"
    )
    new = repo.commit(repo.tree_of(tip), [tip], text)
    (commit,) = repo.log(f"{tip}..{new}")
    assert commit.values("Supersedes") == ("tests/a.py, tests/b.py", "tests/c.py")
    assert commit.values("Session") == ("s1", "s2")
    assert (commit.trailers["Nightlatch-Session"], commit.values("Held")) == ("s2", ())
    assert [found.id for found in repo.log(new, grep="^Nightlatch-Session: ")] == [new]
