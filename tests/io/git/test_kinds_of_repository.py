"""Repositories as they are: each works from a workspace to a landing, or is refused with one
sentence."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from nightlatch.errors import RepoError
from nightlatch.git import checkout
from nightlatch.git.open import open_repo
from nightlatch.workspace import build, workspace
from nightlatch.workspace.scope import Rules
from tests.io.git.sample_repo import ODD, committed, git, write


def night(folder: Path, cache: Path, branch: str = "main") -> None:
    """One session by hand: a workspace, an agent's work, a candidate, its check-out, a landing,
    and the checkout that follows."""
    repo = open_repo(folder)
    assert checkout.take_branch(repo) == branch
    base = repo.tip(branch) or ""
    space = workspace.prepare(repo, cache / "ws/one", base, branch, sandboxed=False)
    assert git(space.tree, "status", "--porcelain") == ""
    before = set(repo.files(base))
    write(space.tree, {"made/by agent": "x\n", ODD: "odd\n"})

    made = build.build(repo, space, Rules())
    assert {change.path for change in made.changes} == {"made/by agent", ODD}
    again = workspace.prepare(repo, cache / "ws/two", base, branch, sandboxed=False)
    workspace.lay(repo, again, made.tree)
    assert build.build(repo, again, Rules()).tree == made.tree

    commit = repo.commit(made.tree, [base], "landing")
    assert repo.advance(f"refs/heads/{branch}", commit, base)
    assert "made/by agent" in git(folder, "status", "--porcelain")
    assert checkout.sync(repo, branch, base, commit) == checkout.SyncResult()
    assert git(folder, "status", "--porcelain", "--ignore-submodules=dirty") == ""
    assert set(repo.files(branch)) == before | {"made/by agent", ODD}
    moved = workspace.retarget(
        repo, workspace.prepare(repo, cache / "ws/three", base, branch, sandboxed=False), commit
    )
    assert build.build(repo, moved, Rules()).changes == ()


def test_an_ordinary_repository_works(repository: Path, tmp_path: Path) -> None:
    committed(repository, {"a": "1\n", ODD + "2": "2\n", "dir with space/x": "3\n"})
    night(repository, tmp_path)


def test_a_linked_worktree_works(repository: Path, tmp_path: Path) -> None:
    committed(repository, {"a": "1\n"})
    git(repository, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    night(tmp_path / "side", tmp_path, "side")
    assert git(repository, "status", "--porcelain") == ""


def test_a_branch_that_another_worktree_has_is_refused(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    with pytest.raises(RepoError, match="side"):
        checkout.take_branch(open_repo(repository), "side")


def test_a_shallow_clone_works(repository: Path, tmp_path: Path) -> None:
    for n in range(3):
        committed(repository, {"a": f"{n}\n"})
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
    night(tmp_path / "shallow", tmp_path)


def test_a_clone_that_borrows_its_objects_works_and_says_from_where(
    repository: Path, tmp_path: Path
) -> None:
    committed(repository, {"a": "1\n"})
    git(tmp_path, "clone", "-q", "--shared", str(repository), "borrower")
    git(tmp_path, "clone", "-q", "--shared", "borrower", "second")
    lenders = open_repo(tmp_path / "second").lenders()
    assert lenders[0] == tmp_path / "borrower/.git/objects"
    assert set(lenders) == {tmp_path / "borrower/.git/objects", repository / ".git/objects"}
    night(tmp_path / "second", tmp_path)


@pytest.mark.parametrize("mode", ["--cone", "--no-cone"])
def test_a_sparse_checkout_works_and_stays_sparse_while_agents_see_everything(
    repository: Path, tmp_path: Path, mode: str
) -> None:
    committed(repository, {"made/x": "1\n", "far/y": "2\n", "top": "3\n"})
    git(repository, "sparse-checkout", "set", mode, "made" if mode == "--cone" else "/*\n!/far/")
    assert not (repository / "far").exists()
    night(repository, tmp_path)
    assert not (repository / "far").exists()
    assert (tmp_path / "ws/one/tree/far/y").exists()


def test_submodules_stay_where_they_are(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "library")
    committed(tmp_path / "library", {"x": "1"})
    git(
        repository,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(tmp_path / "library"),
        "lib",
    )
    git(repository, "commit", "-q", "-m", "submodule")
    write(repository, {"lib/x": "edited by the person\n"})
    git(repository, "config", "submodule.lib.ignore", "all")
    night(repository, tmp_path)
    assert (repository / "lib/x").read_text() == "edited by the person\n"


def test_filters_of_the_persons_configuration_show_in_a_workspace_what_they_show_in_a_checkout(
    repository: Path, tmp_path: Path
) -> None:
    """As git-lfs does: pointers in the repository, contents in the checkout."""
    store = tmp_path / "store"
    store.mkdir()
    git(repository, "config", "filter.big.clean", f"tee {store}/content | sha1sum")
    git(repository, "config", "filter.big.smudge", f"cat >/dev/null; cat {store}/content")
    git(repository, "config", "filter.big.required", "true")
    committed(repository, {".gitattributes": "*.bin filter=big -text\n", "a.bin": b"\0content"})
    assert open_repo(repository).read("HEAD", "a.bin") != b"\0content"
    night(repository, tmp_path)
    assert (repository / "a.bin").read_bytes() == b"\0content"
    assert (tmp_path / "ws/one/tree/a.bin").read_bytes() == b"\0content"


def test_line_ends_of_the_persons_configuration_stay_theirs(
    repository: Path, tmp_path: Path
) -> None:
    git(repository, "config", "core.autocrlf", "true")
    committed(repository, {"a": b"1\r\n2\r\n"})
    night(repository, tmp_path)
    assert (repository / "a").read_bytes() == b"1\r\n2\r\n"
    assert (tmp_path / "ws/one/tree/a").read_bytes() == b"1\n2\n"


def test_crlf_in_the_repository_itself_works(repository: Path, tmp_path: Path) -> None:
    committed(repository, {"a": b"1\r\n"})
    committed(repository, {".gitattributes": "* text=auto\n"})
    repo = open_repo(repository)
    space = workspace.prepare(repo, tmp_path / "ws/one", repo.tip("main") or "", "main")
    assert (space.tree / "a").read_bytes() == b"1\r\n"
    write(space.tree, {"new": b"2\r\n"})
    made = build.build(repo, space, Rules())
    assert [change.path for change in made.changes] == ["new"]
    assert repo.read(made.tree, "new") == b"2\n"  # as git add has it


def test_links_and_programs_work(repository: Path, tmp_path: Path) -> None:
    write(repository, {"dir/tool": "#!/bin/sh\n"})
    (repository / "dir/tool").chmod(0o755)
    (repository / "dangling").symlink_to("nowhere")
    (repository / "absolute").symlink_to("/etc/hostname")
    (repository / "folder").symlink_to("dir")
    committed(repository, {"a": "1\n"})
    night(repository, tmp_path)


def test_sha256_repositories_work(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", "new")
    committed(tmp_path / "new", {"a": "1\n", "d/e": "2\n"})
    night(tmp_path / "new", tmp_path)


def test_packed_refs_and_a_split_index_work(repository: Path, tmp_path: Path) -> None:
    committed(repository, {f"{n}": f"{n}\n" for n in range(30)})
    git(repository, "pack-refs", "--all")
    git(repository, "gc", "-q")
    git(repository, "config", "core.splitIndex", "true")
    git(repository, "update-index", "--split-index")
    git(repository, "config", "core.untrackedCache", "true")
    night(repository, tmp_path)


def test_a_repository_inside_a_path_of_odd_bytes_works(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"o dd\xff\xc3\xbc'\"$x")
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    committed(folder, {"a": "1\n"})
    night(folder, tmp_path)


def test_a_folder_below_the_top_and_a_submodule_as_the_project_work(
    repository: Path, tmp_path: Path
) -> None:
    committed(repository, {"app/prd.json": "{}\n"})
    assert open_repo(repository / "app").top == repository
    git(tmp_path, "init", "-q", "-b", "main", "outer")
    git(
        tmp_path / "outer",
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(repository),
        "inner",
    )
    assert open_repo(tmp_path / "outer/inner").top == tmp_path / "outer/inner"
    night(tmp_path / "outer/inner", tmp_path)


def test_two_thousand_files_work(repository: Path, tmp_path: Path) -> None:
    committed(repository, {f"p{n % 40}/f{n}": f"{n}\n" for n in range(2000)})
    night(repository, tmp_path)


def no_repository(folder: Path) -> Path:
    shutil.rmtree(folder / ".git")
    return folder


def bare(folder: Path) -> Path:
    git(folder, "clone", "-q", "--bare", ".", "../bare")
    return folder.parent / "bare"


def inside_git(folder: Path) -> Path:
    return folder / ".git/refs"


def no_commit(folder: Path) -> Path:
    git(folder.parent, "init", "-q", "-b", "main", "young")
    return folder.parent / "young"


def detached(folder: Path) -> Path:
    git(folder, "switch", "-q", "--detach")
    return folder


def partial(folder: Path) -> Path:
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(folder, "clone", "-q", "--filter=blob:none", f"file://{folder}", "../partial")
    return folder.parent / "partial"


def broken(folder: Path) -> Path:
    (folder / ".git/config").write_text("[core\n")
    return folder


def line_break(folder: Path) -> Path:
    return folder.rename(folder.parent / "a\nb")


@pytest.mark.parametrize(
    ("make", "problem", "fix"),
    [
        (no_repository, "not inside a git repository", "git init"),
        (bare, "a bare repository", "git clone"),
        (inside_git, "inside .git", "cd"),
        (no_commit, "the repository has no commits", "git commit"),
        (detached, "HEAD is detached", "git switch"),
        (
            partial,
            "a partial clone",
            "git config --unset remote.origin.partialclonefilter; git fetch --refetch",
        ),
        (broken, "bad config", "git status"),
        (line_break, "contains a newline", "rename"),
    ],
)
def test_a_repository_that_cannot_be_worked_on_is_refused_with_a_sentence(
    repository: Path, make: Callable[[Path], Path], problem: str, fix: str
) -> None:
    committed(repository, {"a": "1\n"})
    folder = make(repository)

    with pytest.raises(RepoError, match=problem) as caught:
        checkout.take_branch(open_repo(folder))

    assert fix in caught.value.fix
    assert caught.value.place
    assert caught.value.exit == 2


def test_a_repository_of_another_user_is_refused_until_the_person_trusts_it(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(repository, {"a": "1\n"})
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    for place in (repository, repository / ".git"):
        os.chown(place, 65534, 65534)

    with pytest.raises(RepoError, match="belongs to another user") as caught:
        open_repo(repository)

    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    subprocess.run(caught.value.fix, shell=True, check=True)  # noqa: S602  # the fix is a line to type
    night(repository, tmp_path)
