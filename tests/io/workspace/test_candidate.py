"""Candidates: what a workspace holds, judged from its files alone."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nightlatch.git.repo import Repo
from nightlatch.model.models import Ruling
from nightlatch.workspace import build, workspace
from nightlatch.workspace.build import Candidate
from nightlatch.workspace.scope import TOO_LARGE, Rules
from nightlatch.workspace.workspace import Workspace
from tests.io.git.sample_repo import ODD, committed, git, workspace_of, write

AS_ANYBODY = (
    ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
    if os.geteuid() == 0 and shutil.which("setpriv")
    else ()
)
BASE: dict[str, str | bytes] = {
    "src/a.py": "1\n",
    "src/b.py": "2\n",
    "docs/x.md": "3\n",
    "run.sh": "4\n",
    ODD: "5\n",
    ".gitignore": "*.log\n/.env\ndist/\n",
    "kept.log": "tracked, and ignored\n",
    "checks/10-tests": "true\n",
}


@pytest.fixture
def prepared(repository: Path, tmp_path: Path) -> tuple[Repo, Workspace]:
    committed(repository, BASE)
    return workspace_of(repository, tmp_path)


def built(prepared: tuple[Repo, Workspace], rules: Rules | None = None) -> Candidate:
    repo, space = prepared
    return build.build(repo, space, rules or Rules())


def statuses(made: Candidate) -> dict[str, str]:
    return {change.path: change.status for change in made.changes}


def said(made: Candidate) -> dict[str, tuple[Ruling, tuple[str, ...]]]:
    return {reason.rule: (reason.ruling, reason.detail) for reason in made.oddities}


def test_a_workspace_that_nobody_changed_is_the_base(prepared: tuple[Repo, Workspace]) -> None:
    repo, space = prepared
    os.utime(space.tree / "src/a.py", (1, 1))

    made = built(prepared)

    assert (made.tree, made.changes, made.oddities) == (repo.tree_of(space.base), (), ())


def test_everything_that_an_agent_can_do_to_files_is_in_the_candidate(
    prepared: tuple[Repo, Workspace],
) -> None:
    repo, space = prepared
    tree = space.tree
    write(
        tree,
        {
            "src/a.py": "changed\n",
            "new/deep/file": "n\n",
            f"new/{ODD}": "odd\n",
            ":!magic": "m\n",
            " space": "s\n",
            "empty": "",
        },
    )
    (tree / "src/b.py").unlink()
    (tree / "run.sh").chmod(0o755)
    (tree / ODD).unlink()
    (tree / ODD).symlink_to("src/a.py")
    shutil.rmtree(tree / "docs")
    write(tree, {"docs": "a file now\n"})
    (tree / "checks/link").symlink_to("../src")

    made = built(prepared)

    assert statuses(made) == {
        "src/a.py": "M",
        "new/deep/file": "A",
        f"new/{ODD}": "A",
        ":!magic": "A",
        " space": "A",
        "empty": "A",
        "src/b.py": "D",
        "run.sh": "M",
        ODD: "T",
        "docs/x.md": "D",
        "docs": "A",
        "checks/link": "A",
    }
    assert set(made.changes) == set(repo.diff(space.base, made.tree))
    assert repo.files(made.tree)["run.sh"][0] == "100755"
    assert repo.read(made.tree, ODD) == b"src/a.py"
    assert made.oddities == ()


def test_a_folder_that_became_a_link_hides_nothing_behind_it(
    prepared: tuple[Repo, Workspace], tmp_path: Path
) -> None:
    repo, space = prepared
    (tmp_path / "outside").mkdir()
    write(tmp_path / "outside", {"a.py": "secret\n", "b.py": "secret\n"})
    shutil.rmtree(space.tree / "src")
    (space.tree / "src").symlink_to(tmp_path / "outside")

    made = built(prepared)

    assert set(repo.files(made.tree)) == set(BASE) - {"src/a.py", "src/b.py"}
    assert said(made)["scope.link-leaves-tree"] == (
        Ruling.REJECT,
        (f"src -> {tmp_path / 'outside'}",),
    )


def test_what_is_ignored_stays_out_and_what_is_tracked_stays_in(
    prepared: tuple[Repo, Workspace],
) -> None:
    _, space = prepared
    write(
        space.tree,
        {
            "a.log": "x",
            ".env": "KEY",
            "dist/x": "x",
            "sub/.env": "no rule",
            "kept.log": "changed",
            "src/a.py": "changed",
        },
    )
    write(
        space.tree,
        {".gitignore": "*.log\n/.env\ndist/\nbuilt/\nsrc/\n", "built/x": "x", "src/new.py": "x"},
    )

    assert statuses(built(prepared)) == {"kept.log": "M", ".gitignore": "M", "src/a.py": "M"}


@pytest.mark.parametrize("file", [".gitignore", "inner/.gitignore"])
def test_an_agent_cannot_take_back_what_the_base_ignores(
    prepared: tuple[Repo, Workspace], file: str
) -> None:
    _, space = prepared
    write(space.tree, {file: "!.env\n!*.log\n!dist/\n!node_modules/\n!*.pyc\n.gitignore\n"})
    write(
        space.tree,
        {
            ".env": "KEY",
            "inner/x.log": "x",
            "dist/x": "x",
            "node_modules/x": "x",
            "inner/a.pyc": "x",
            "fine": "x",
        },
    )

    assert set(statuses(built(prepared))) <= {"fine", ".gitignore"}


def test_caches_of_known_tools_stay_out(prepared: tuple[Repo, Workspace]) -> None:
    _, space = prepared
    made = (
        "__pycache__/a.cpython-311.pyc",
        "src/__pycache__/b.pyc",
        ".pytest_cache/v",
        "web/node_modules/x/y",
        ".DS_Store",
        ".venv/bin/x",
    )
    write(
        space.tree,
        dict.fromkeys((*made, ".nightlatch/journal.jsonl", ".mypy_cache/x", ".hypothesis/x"), "x"),
    )

    assert built(prepared).changes == ()


def test_what_a_tool_has_marked_as_made_by_it_stays_out_whatever_its_name(
    prepared: tuple[Repo, Workspace],
) -> None:
    _, space = prepared
    made = (
        "out/CACHEDIR.TAG",
        "out/debug/deps/a.rlib",
        "env/pyvenv.cfg",
        "env/lib/python3.11/site-packages/x.py",
        ".next/cache/x",
    )
    write(space.tree, dict.fromkeys(made, "x"))
    write(
        space.tree,
        {
            "src/CACHEDIR.TAG.md": "a text\n",
            "outer.py": "1\n",
            "build/a.py": "1\n",
            "src/a.py": "2\n",
        },
    )

    assert statuses(built(prepared)) == {
        "src/CACHEDIR.TAG.md": "A",
        "outer.py": "A",
        "build/a.py": "A",
        "src/a.py": "M",
    }


def test_what_the_person_ignores_for_themselves_stays_out(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\nexcludesFile = {tmp_path}/mine\n")
    (tmp_path / "mine").write_text(".idea/\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    with (repository / ".git/info/exclude").open("a") as exclude:
        exclude.write("scratch\n")
    prepared = workspace_of(repository, tmp_path)
    write(prepared[1].tree, {".idea/x": "x", "scratch": "x", "fine": "x"})

    assert set(statuses(built(prepared))) == {"fine"}


def test_a_candidate_depends_on_the_files_and_not_on_what_was_saved_before(
    prepared: tuple[Repo, Workspace],
) -> None:
    _, space = prepared
    write(space.tree, {"later-ignored.tmp": "x", "later-gone": "x", "src/a.py": "x"})
    assert set(statuses(built(prepared))) == {"later-ignored.tmp", "later-gone", "src/a.py"}
    write(space.tree, {".gitignore": "*.log\n/.env\ndist/\n*.tmp\n", "src/a.py": "1\n"})
    (space.tree / "later-gone").unlink()

    assert set(statuses(built(prepared))) == {".gitignore"}


def test_protected_files_come_back_in_every_form(prepared: tuple[Repo, Workspace]) -> None:
    repo, space = prepared
    shutil.rmtree(space.tree / "checks")
    (space.tree / "checks").symlink_to("src")
    write(space.tree, {"src/a.py": "work\n", "prd.json/x": "x"})

    made = built(prepared, Rules(protected=("checks/**", "prd.json")))

    assert statuses(made) == {"src/a.py": "M"}
    assert repo.read(made.tree, "checks/10-tests") == b"true\n"
    assert said(made)["scope.protected-path"] == (
        Ruling.FLAG,
        ("checks", "checks/10-tests", "prd.json/x"),
    )


def test_a_repository_inside_the_work_is_refused_and_nothing_of_it_is_taken(
    prepared: tuple[Repo, Workspace], tmp_path: Path
) -> None:
    _, space = prepared
    for name in ("new", "src/inner", "docs/x.md.d"):
        git(tmp_path, "init", "-q", str(space.tree / name))
        write(space.tree / name, {"file": "x"})
    git(
        tmp_path,
        "init",
        "-q",
        "--separate-git-dir",
        str(tmp_path / "elsewhere"),
        str(space.tree / "linked"),
    )
    write(space.tree, {"linked/file": "x", "fine": "x"})

    made = built(prepared)

    assert set(statuses(made)) == {"fine"}
    assert said(made) == {
        "scope.nested-repository": (
            Ruling.REJECT,
            ("docs/x.md.d/", "linked/", "new/", "src/inner/"),
        )
    }


def test_a_tracked_file_replaced_by_a_repository_is_refused(
    prepared: tuple[Repo, Workspace],
) -> None:
    _, space = prepared
    (space.tree / "run.sh").unlink()
    git(space.tree, "init", "-q", "run.sh")
    git(space.tree / "run.sh", "commit", "-q", "--allow-empty", "-m", "x")

    made = built(prepared)

    assert statuses(made) == {"run.sh": "D"}
    assert said(made) == {"scope.nested-repository": (Ruling.REJECT, ("run.sh",))}


def test_pipes_sockets_and_unreadable_files_do_not_stop_the_loop(
    prepared: tuple[Repo, Workspace],
) -> None:
    _, space = prepared
    (space.tree / "src/a.py").unlink()
    os.mkfifo(space.tree / "src/a.py")
    os.mkfifo(space.tree / "pipe")
    (space.tree / "run.sh").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(space.tree / "run.sh"))

    made = built(prepared)

    assert statuses(made) == {"src/a.py": "D", "run.sh": "D"}
    assert said(made) == {"scope.special-file": (Ruling.FLAG, ("run.sh", "src/a.py"))}


@pytest.mark.parametrize("name", [".gitignore", "src/.gitignore", ".gitattributes"])
def test_a_pipe_on_which_git_waits_for_ever_is_taken_away(
    prepared: tuple[Repo, Workspace], name: str
) -> None:
    repo, space = prepared
    (space.tree / name).unlink(missing_ok=True)
    os.mkfifo(space.tree / name)
    write(space.tree, {"src/a.py": "2\n", "src/new": "x"})

    made = build.build(repo, space, Rules(), patience=0.7)

    assert {path: status for path, status in statuses(made).items() if path != name} == {
        "src/a.py": "M",
        "src/new": "A",
    }


def test_an_unreadable_file_is_refused_and_the_rest_is_kept(
    prepared: tuple[Repo, Workspace],
) -> None:
    _, space = prepared
    write(space.tree, {"src/a.py": "changed\n", "secret": "x", "fine": "x"})
    (space.tree / "src/a.py").chmod(0)
    (space.tree / "secret").chmod(0)
    script = f"""
from pathlib import Path
from nightlatch.workspace.scope import Rules
from nightlatch.git import open as opening
from nightlatch.workspace import build, workspace
space = workspace.reopen(Path({str(space.folder)!r}), {space.base!r})
made = build.build(opening.open_repo(Path({str(prepared[0].top)!r})), space, Rules())
print([c.path for c in made.changes], [(r.rule, *r.detail) for r in made.oddities])
"""
    done = subprocess.run(
        [*AS_ANYBODY, sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "['fine'] [('scope.unreadable', 'secret', 'src/a.py')]"


def test_names_that_git_would_not_check_out_again_stay_out_and_the_tree_can_be_checked_out(
    prepared: tuple[Repo, Workspace], tmp_path: Path
) -> None:
    repo, space = prepared
    write(
        space.tree, {".GIT/config": "x", "src/git~1/hooks/x": "x", "src/.git./y": "x", "fine": "x"}
    )
    (space.tree / ".gitmodules").symlink_to("src")

    made = built(prepared)

    assert set(statuses(made)) == {"fine"}
    assert said(made) == {
        "scope.unnamable": (
            Ruling.FLAG,
            (".GIT/config", ".gitmodules", "src/.git./y", "src/git~1/hooks/x"),
        )
    }
    workspace.prepare(repo, tmp_path / "ws/two", repo.commit(made.tree, [space.base], "x"), "main")


def test_large_files_are_flagged_with_their_size(prepared: tuple[Repo, Workspace]) -> None:
    write(prepared[1].tree, {"big.bin": bytes(1_100_000), "small.bin": bytes(900_000)})

    assert said(built(prepared)) == {"scope.large-file": (Ruling.FLAG, ("big.bin (1.1 MB)",))}


def test_a_file_that_is_too_large_stays_out_of_the_repository_and_is_named(
    prepared: tuple[Repo, Workspace],
) -> None:
    repo, space = prepared
    write(space.tree, {"small.txt": "small", "dump.bin": "x"})
    os.truncate(space.tree / "dump.bin", 300_000_000)
    os.truncate(space.tree / "src/a.py", TOO_LARGE + 1)

    made = built(prepared)

    assert said(made) == {
        "scope.too-large": (Ruling.FLAG, ("dump.bin (300.0 MB)", "src/a.py (100.0 MB)"))
    }
    assert [change.path for change in made.changes] == ["small.txt"]
    sizes = repo.run("cat-file", "--batch-all-objects", "--batch-check=%(objectsize)").split()
    assert max(map(int, sizes)) < 10_000


def test_a_submodule_keeps_its_place_and_cannot_be_moved(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "library")
    write(tmp_path / "library", {"x": "1"})
    first = committed(tmp_path / "library", {"x": "1"})
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{first},lib")
    git(repository, "commit", "-q", "-m", "submodule")
    repo, space = workspace_of(repository, tmp_path)
    assert (space.tree / "lib").is_dir()
    assert built((repo, space)).changes == ()

    git(tmp_path, "clone", "-q", "library", str(space.tree / "lib"))
    git(space.tree / "lib", "config", "filter.x.clean", f"touch {tmp_path}/ran; cat")
    write(space.tree / "lib", {".git/info/attributes": "* filter=x\n", "x": "2"})
    assert built((repo, space)).changes == ()
    assert not (tmp_path / "ran").exists()
    git(space.tree / "lib", "status")
    assert (tmp_path / "ran").exists()

    git(space.tree / "lib", "commit", "-q", "--allow-empty", "-m", "moved")
    made = built((repo, space))
    assert (made.tree, said(made)) == (
        repo.tree_of(space.base),
        {"scope.gitlink": (Ruling.REJECT, ("lib",))},
    )

    shutil.rmtree(space.tree / "lib")
    made = built((repo, space))
    assert (made.tree, made.oddities) == (repo.tree_of(space.base), ())


def test_a_path_swapped_for_a_link_while_it_is_read_leads_nowhere(
    prepared: tuple[Repo, Workspace], tmp_path: Path
) -> None:
    """An agent that is still running swaps a folder for a link into the person's home, again
    and again, while its work is saved."""
    repo, space = prepared
    write(tmp_path / "home", {"id_rsa": "PRIVATE"})
    write(space.tree, {"d/id_rsa": "harmless"})
    swap = f"""
import os
os.chdir({str(space.tree)!r})
os.symlink({str(tmp_path / "home")!r}, "l")
print("go", flush=True)
while True:
    os.rename("d", "x"); os.rename("l", "d"); os.rename("d", "l"); os.rename("x", "d")
"""
    stolen = {repo.write_blob(b"PRIVATE")}
    with subprocess.Popen([sys.executable, "-c", swap], stdout=subprocess.PIPE) as agent:
        assert agent.stdout
        agent.stdout.readline()
        try:
            trees = {build.build(repo, space, Rules()).tree}
            while len(trees) < 2:
                trees.add(build.build(repo, space, Rules()).tree)
        finally:
            agent.kill()

    found = [repo.files(tree) for tree in trees]
    assert not stolen & {oid for files in found for _, oid in files.values()}


def test_a_thousand_new_files_are_one_candidate(prepared: tuple[Repo, Workspace]) -> None:
    repo, space = prepared
    write(space.tree, {f"many/{n % 20}/{n}": str(n) for n in range(1000)})

    made = built(prepared)

    assert len(repo.files(made.tree)) == len(BASE) + 1000
    assert repo.read(made.tree, "many/19/999") == b"999"
