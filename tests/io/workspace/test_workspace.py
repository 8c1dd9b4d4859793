"""Workspaces: byte-exact checkouts with a .git of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from nightlatch.git.open import open_repo
from nightlatch.workspace import build, pool, workspace
from nightlatch.workspace.scope import Rules
from tests.io.git.sample_repo import ODD, committed, git, tree_after, workspace_of, write

AS_ANYBODY = (
    ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
    if os.geteuid() == 0 and shutil.which("setpriv")
    else ()
)
FILES: dict[str, str | bytes] = {
    "a.py": "1\n",
    "deep/er/b.py": "2\n",
    ODD: "odd\n",
    "crlf.txt": b"one\r\ntwo\r\n",
    ".gitignore": "*.log\n",
}


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {
        os.fspath(file.relative_to(folder)): (
            os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
        )
        for file in folder.rglob("*")
        if (file.is_symlink() or file.is_file()) and ".git" not in file.relative_to(folder).parts
    }


def test_a_workspace_holds_the_base_byte_for_byte(repository: Path, tmp_path: Path) -> None:
    (repository / "link").symlink_to("deep/er")
    write(repository, {"run.sh": "#!/bin/sh\n"})
    (repository / "run.sh").chmod(0o755)
    committed(repository, FILES)

    _, space = workspace_of(repository, tmp_path)

    assert bytes_below(space.tree) == bytes_below(repository)
    assert os.access(space.tree / "run.sh", os.X_OK)
    assert (space.tree / "link").is_symlink()
    assert space.out.is_dir()
    assert space.home.is_dir()


def test_attributes_and_line_ends_change_nothing_that_was_not_edited(
    repository: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    for name in ("clean", "smudge"):
        git(repository, "config", f"filter.spy.{name}", f"touch {ran}; cat")
    git(repository, "config", "core.autocrlf", "true")
    blobs: dict[str, str | bytes | None] = {
        "lf": "a\nb\n",
        "crlf": "a\r\nb\r\n",
        "id": "$Id$\n",
        "utf": "ü\n",
    }
    repo = open_repo(repository)
    rules = "* text eol=crlf ident\nlf filter=spy -text\nutf working-tree-encoding=UTF-16\n"
    tree = tree_after(repo, "HEAD", {**blobs, ".gitattributes": rules})
    base = repo.commit(tree, ["HEAD"], "x")

    space = workspace.prepare(repo, tmp_path / "ws/one", base, "main")

    shown = {name: (space.tree / name).read_bytes() for name in blobs}
    del blobs["utf"]
    assert shown.pop("utf").decode("utf-16") == "ü\r\n", "in its own encoding, as in a checkout"
    assert {name: text.decode() for name, text in shown.items()} == blobs
    assert build.build(repo, space, Rules()).tree == tree
    os.utime(space.tree / "lf", (1, 1))
    assert build.build(repo, space, Rules()).tree == tree
    assert ran.exists()  # the person's filter shows the files, as in their own checkout


def test_the_agents_git_is_clean_and_knows_this_branch_and_the_tags(
    repository: Path, tmp_path: Path
) -> None:
    committed(repository, FILES)
    git(repository, "branch", "secret")
    git(repository, "tag", "v1")
    git(repository, "remote", "add", "origin", "https://example.org/x.git")

    repo, space = workspace_of(repository, tmp_path)

    assert git(space.tree, "status", "--porcelain") == ""
    assert git(space.tree, "for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main",
        "refs/tags/v1",
    ]
    assert git(space.tree, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(space.tree, "remote") == ""
    assert git(space.tree, "log", "--format=%s").splitlines() == ["more", "start"]
    write(space.tree, {"a.py": "mine\n"})
    git(space.tree, "commit", "-q", "-a", "-m", "the agent's own")
    assert git(repository, "log", "-1", "--format=%s") == "more"
    assert repo.tip("main") != git(space.tree, "rev-parse", "HEAD")


def test_inside_a_sandbox_the_objects_are_borrowed_from_a_neutral_place(
    repository: Path, tmp_path: Path
) -> None:
    _, space = workspace_of(repository, tmp_path, sandboxed=True)

    alternates = (space.tree / ".git/objects/info/alternates").read_text().splitlines()

    assert alternates == [workspace.OBJECTS_INSIDE]
    assert str(repository) not in "".join(
        f.read_text(errors="replace") for f in (space.tree / ".git").rglob("*") if f.is_file()
    )


def test_a_branch_with_slashes_and_a_shallow_repository_work(
    repository: Path, tmp_path: Path
) -> None:
    for n in range(3):
        committed(repository, {"a": str(n)})
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{repository}", "shallow")
    repo = open_repo(tmp_path / "shallow")

    space = workspace.prepare(
        repo, tmp_path / "ws/one", repo.tip_of("HEAD") or "", "feature/x/y", sandboxed=False
    )

    assert git(space.tree, "symbolic-ref", "--short", "HEAD") == "feature/x/y"
    assert len(git(space.tree, "log", "--format=%s").splitlines()) == 2
    assert git(space.tree, "fsck", "--connectivity-only") == ""


def test_nothing_of_the_persons_git_folder_is_written_but_objects(
    repository: Path, tmp_path: Path
) -> None:
    committed(repository, FILES)
    open_repo(repository)

    def state() -> dict[str, tuple[int, bytes]]:
        files = (
            f for f in (repository / ".git").rglob("*") if f.is_file() and "objects" not in f.parts
        )
        return {str(f): (f.stat().st_mtime_ns, f.read_bytes()) for f in files}

    before = state()
    repo, space = workspace_of(repository, tmp_path)
    write(space.tree, {"a.py": "x\n", "new": "y\n"})
    build.build(repo, space, Rules())

    assert state() == before


def test_carried_work_lies_there_as_uncommitted_changes(repository: Path, tmp_path: Path) -> None:
    committed(repository, FILES)
    repo, space = workspace_of(repository, tmp_path)
    blob = repo.write_blob(b"x")
    carried = tree_after(
        repo, "HEAD", {"a.py": "carried\n", "new/file": "n\n", "deep/er/b.py": None, ODD: "more\n"}
    )
    carried = repo.tree_with(carried, {"deep": ("120000", blob), "tool": ("100755", blob)})

    workspace.lay(repo, space, carried)

    assert build.build(repo, space, Rules()).tree == carried
    assert (space.tree / "a.py").read_text() == "carried\n"
    assert os.access(space.tree / "tool", os.X_OK)
    assert (space.tree / "deep").is_symlink()
    assert set(git(space.tree, "ls-files", "-z", "-m", "-o").split("\0")) == {
        "a.py",
        "new/file",
        "tool",
        "deep",
        "deep/er/b.py",
        ODD,
        "",
    }


def test_what_init_left_in_the_way_of_carried_work_gives_way_and_its_links_lead_nowhere(
    repository: Path, tmp_path: Path
) -> None:
    committed(repository, FILES)
    repo, space = workspace_of(repository, tmp_path)
    (tmp_path / "outside").mkdir()
    (space.tree / "build").symlink_to(tmp_path / "outside")
    write(space.tree, {"out/deep/x": "made\n"})
    carried = tree_after(repo, "HEAD", {"build/made": "carried\n", "out": "a file now\n"})

    workspace.lay(repo, space, carried)

    assert list((tmp_path / "outside").iterdir()) == []
    assert (space.tree / "build/made").read_text() == "carried\n"
    assert (space.tree / "out").read_text() == "a file now\n"


def test_a_prepared_workspace_moves_to_a_new_base_touching_only_what_differs(
    repository: Path, tmp_path: Path
) -> None:
    committed(repository, {**FILES, "gone/x": "1\n", "kind": "file\n"})
    repo, space = workspace_of(repository, tmp_path)
    untouched = (space.tree / "deep/er/b.py").stat()
    write(space.tree, {"node_modules/made/by/init": "1\n"})
    (repository / "kind").unlink()
    (repository / "kind").symlink_to("a.py")
    shutil.rmtree(repository / "gone")
    base = committed(
        repository,
        {
            "a.py": "2\n",
            "gone": "a file\n",
            ".gitignore": "*.log\n*.tmp\n",
            "sub/.gitignore": "x\n",
        },
    )

    moved = workspace.retarget(repo, space, base)

    assert {
        k: v for k, v in bytes_below(moved.tree).items() if "node_modules" not in k
    } == bytes_below(repository)
    assert (moved.tree / "deep/er/b.py").stat().st_mtime_ns == untouched.st_mtime_ns
    assert git(moved.tree, "status", "--porcelain") == ""
    assert git(moved.tree, "rev-parse", "HEAD") == base
    assert (moved.rules / "sub/.gitignore").is_file()
    built = build.build(repo, moved, Rules())
    assert (built.tree, built.changes) == (repo.tree_of(base), ())
    write(
        moved.tree,
        {
            "a.tmp": "x",
            "b.log": "x",
            "c": "x",
            "sub/x": "x",
            ".gitignore": "",
            "sub/.gitignore": "",
        },
    )
    assert [c.path for c in build.build(repo, moved, Rules()).changes] == [
        ".gitignore",
        "sub/.gitignore",
        "c",
    ]


def test_a_workspace_is_found_again_after_a_crash(repository: Path, tmp_path: Path) -> None:
    repo, space = workspace_of(repository, tmp_path)
    write(space.tree, {"new": "x\n"})

    again = workspace.reopen(space.folder, space.base)

    assert again is not None
    assert [c.path for c in build.build(repo, again, Rules()).changes] == ["new"]
    assert workspace.reopen(tmp_path / "ws/none", space.base) is None


def test_what_is_discarded_is_gone_at_once_and_removed_later_whatever_rights_it_lost(
    repository: Path, tmp_path: Path
) -> None:
    _, space = workspace_of(repository, tmp_path / "cache")
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim").chmod(0o500)
    write(space.tree, {"locked/in/file": "x"})
    (space.tree / "locked/link").symlink_to(tmp_path / "victim")
    (space.tree / "locked/in").chmod(0)
    (space.tree / "locked").chmod(0o500)
    empty = (
        "import sys, pathlib; from nightlatch.workspace.workspace import empty_trash;"
        " empty_trash(pathlib.Path(sys.argv[1]))"
    )

    workspace.discard(space)
    assert not space.folder.exists()
    subprocess.run([*AS_ANYBODY, sys.executable, "-c", empty, tmp_path / "cache"], check=True)

    assert list((tmp_path / "cache/trash").iterdir()) == []
    assert (tmp_path / "victim").stat().st_mode & 0o777 == 0o500


def test_what_a_killed_loop_copied_of_an_environment_goes_also_when_this_process_has_its_number(
    tmp_path: Path,
) -> None:
    tree, left = tmp_path / "tree", tmp_path / f"env/key.{os.getpid()}.1-1234abcd"
    write(tree, {"made/a": "1", "kept": "2"})
    (left / "tree").mkdir(parents=True)
    for _ in range(2):  # the second time another loop was quicker
        pool.keep_made(tree, {"kept"}, tmp_path / "env/key")
        assert bytes_below(tmp_path / "env") == {"key/tree/made/a": b"1"}
    assert not left.exists()
