"""What becomes of an agent's files is what the person's own `git add` would make of them, and
nothing that an agent writes says how."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from nightlatch.errors import RepoError
from nightlatch.git import filters
from nightlatch.git.open import open_repo
from nightlatch.git.repo import Repo
from nightlatch.model.models import Ruling
from nightlatch.util.paths import LINK
from nightlatch.workspace import build, submodules, workspace
from nightlatch.workspace.scope import Rules
from nightlatch.workspace.workspace import Workspace
from tests.io.git.sample_repo import committed, git, write

TREES = 500 if os.environ.get("NIGHTLATCH_FULL") else 40
UPPER = "#!/bin/sh\ntr a-z A-Z\n"
LOWER = "#!/bin/sh\ntr A-Z a-z\n"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A filter of the person's: what is kept is in capitals, what is seen is not."""
    config = tmp_path / "home/.gitconfig"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    config.parent.mkdir()
    for name, text in (("clean", UPPER), ("smudge", LOWER)):
        program = tmp_path / name
        program.write_text(text)
        program.chmod(0o755)
        subprocess.run(
            ["git", "config", "--global", f"filter.caps.{name}", str(program)], check=True
        )
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
        subprocess.run(["git", "config", "--global", key, value], check=True)
    return tmp_path


def opened(folder: Path, cache: Path) -> tuple[Repo, Workspace]:
    repo = open_repo(folder)
    return repo, workspace.prepare(
        repo, cache / "ws/one", repo.tip_of("HEAD") or "", "main", sandboxed=False
    )


def landed(repo: Repo, space: Workspace) -> dict[str, tuple[str, str]]:
    return repo.files(build.build(repo, space, Rules(protected=())).tree)


def added(folder: Path, files: dict[str, bytes]) -> dict[str, tuple[str, str]]:
    """The tree that git makes of these files in the person's checkout."""
    write(folder, dict(files))
    git(folder, "add", "-A")
    tree = git(folder, "write-tree")
    git(folder, "reset", "-q", "--hard")
    return open_repo(folder).files(tree)


def test_line_ends_filters_and_keywords_are_what_git_add_makes(
    repository: Path, tools: Path
) -> None:
    rules = "* text=auto\n*.bat text eol=crlf\n*.caps filter=caps\n*.id ident\n*.raw -text\n"
    committed(repository, {".gitattributes": rules, "old.caps": b"first\n", "a.txt": "a\n"})
    repo, space = opened(repository, tools)
    assert (space.tree / "old.caps").read_bytes() == b"first\n"
    assert repo.read("HEAD", "old.caps") == b"FIRST\n"
    files = {
        "x.bat": b"a\r\nb\r\n",
        "x.txt": b"a\r\n",
        "x.raw": b"a\r\n",
        "x.caps": b"word\n",
        "x.id": b"$Id: 1 $\n",
        "a.txt": b"a\r\n",
    }
    for name, data in files.items():
        (space.tree / name).write_bytes(data)

    assert landed(repo, space) == added(repository, files)


def lay(folder: Path, files: dict[str, bytes | str], dice: random.Random) -> None:
    """Files of all modes, and links, which are texts here, over whatever lies there."""
    for name, data in files.items():
        place = folder / name
        place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, str):
            place.symlink_to(data)
        else:
            place.write_bytes(data)
            place.chmod(dice.choice((0o644, 0o755, 0o600, 0o700)))


@pytest.mark.parametrize("seed", range(TREES))
def test_trees_of_all_kinds_land_as_git_add_makes_them(
    repository: Path, tools: Path, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311  # a sample that comes again
    words = (
        "text",
        "-text",
        "text=auto",
        "eol=crlf",
        "text eol=lf",
        "ident",
        "filter=caps",
        "binary",
        "!text",
    )
    kinds = ("*", "*.txt", "*.bin", "sub/*", "sub/**", "README", "*.u")
    coding = dice.choice(("UTF-16", "UTF-16LE-BOM", "UTF-16BE", "ISO-8859-1"))
    rules = "".join(
        f"{dice.choice(kinds)} {dice.choice(words)}\n" for _ in range(dice.randrange(5))
    )
    # what hides the rules themselves is nobody's meaning
    rules += f"*.u working-tree-encoding={coding}\n" + ".gitattributes !filter\n"
    names = (
        "README",
        "a.txt",
        "b.bin",
        "sub/c.txt",
        "sub/deep/d",
        "\u00fc n.txt",
        "e.u",
        "sub/f.u",
    )
    texts = (
        b"a\nb\n",
        b"a\r\nb\r\n",
        b"a\r\nb\n",
        b"$Id$\n",
        b"$Id: x $\r\n",
        b"bin\0\r\n",
        b"",
        b"no end",
    )
    mark = "\ufeff" if coding.endswith("-BOM") else ""
    encoded = [
        f"{mark}{text}".encode(coding.removesuffix("-BOM"))
        for text in ("\u00e4b\n", "a\r\nb\r\n", "\u00fc", "$Id$\n")
    ]

    def some() -> dict[str, bytes | str]:
        chosen = [name for name in names if dice.random() < 0.6]
        linked = {name for name in chosen if dice.random() < 0.1}
        return {
            name: (
                "a.txt"
                if name in linked
                else dice.choice(encoded if name.endswith(".u") else texts)
            )
            for name in chosen
        }

    if dice.random() < 0.3:
        git(repository, "config", "core.autocrlf", dice.choice(("true", "input")))
    write(
        repository,
        {".gitattributes": rules, "sub/.gitattributes": dice.choice(("", "*.txt eol=crlf\n"))},
    )
    lay(repository, some(), dice)
    committed(repository, {})
    git(repository, "rm", "-q", "--cached", "-r", ".")
    git(repository, "reset", "-q", "--hard")
    repo, space = opened(repository, tools)
    assert landed(repo, space) == repo.files("HEAD")
    texts_in_another = [
        name
        for name, (mode, _) in repo.files("HEAD").items()
        if name.endswith(".u") and mode != LINK
    ]
    shown = {name: (repository / name).read_bytes() for name in texts_in_another}
    assert {name: (space.tree / name).read_bytes() for name in shown} == shown
    files, again = some(), dice.getstate()
    lay(space.tree, files, dice)
    dice.setstate(again)
    lay(repository, files, dice)
    git(repository, "add", "-A")

    assert landed(repo, space) == repo.files(git(repository, "write-tree"))


def test_rules_and_settings_that_an_agent_writes_run_nothing(repository: Path, tools: Path) -> None:
    committed(repository, {"a.txt": "a\n"})
    repo, space = opened(repository, tools)
    marker = tools / "ran"
    write(space.tree, {".gitattributes": "* filter=evil\n", "a.txt": "more\n", ".gitconfig": "x"})
    with (space.tree / ".git/config").open("a") as config:
        config.write(f'[filter "evil"]\n\tclean = touch {marker}\n\tsmudge = touch {marker}\n')

    assert repo.read(landed(repo, space)["a.txt"][1], "") is None
    found = repo.find(landed(repo, space)["a.txt"][1])
    assert found is not None
    assert found[2] == b"more\n"
    assert not marker.exists()


@pytest.mark.parametrize("where", ["tools/clean", "./tools/clean", "sh tools/clean"])
def test_a_filter_that_lies_in_the_project_is_never_run(
    repository: Path, tools: Path, where: str
) -> None:
    git(repository, "config", "filter.own.clean", where)
    committed(repository, {"tools/clean": "#!/bin/sh\ncat\n", "b": "b\n"})
    git(repository, "config", "filter.own.clean", "cat")
    committed(repository, {".gitattributes": "*.x filter=own\n"})
    git(repository, "config", "filter.own.clean", where)
    repo, space = opened(repository, tools)
    write(space.tree, {"new.x": "x\n"})
    with pytest.raises(RepoError) as caught:
        landed(repo, space)
    assert "a file of the project" in caught.value.problem
    with pytest.raises(RepoError):
        filters.trusted(repo, "own")


def test_a_file_that_a_required_filter_refuses_does_not_land(repository: Path, tools: Path) -> None:
    committed(repository, {".gitattributes": "*.x filter=no\n"})
    git(repository, "config", "filter.no.clean", "false")
    git(repository, "config", "filter.no.required", "true")
    repo, space = opened(repository, tools)
    write(space.tree, {"new.x": "x\n", "ok": "ok\n"})
    made = build.build(repo, space, Rules(protected=()))
    assert [change.path for change in made.changes] == ["ok"]
    assert [reason.rule for reason in made.oddities] != []


def with_submodule(folder: Path, tools: Path) -> str:
    library, inner = tools / "library", tools / "inner"
    for place, files in (
        (inner, {"deep.py": "DEEP = 1\n"}),
        (library, {"rates.py": "RATE = 20\n"}),
    ):
        place.mkdir()
        git(place, "init", "-q", "-b", "main")
        if place == library:
            git(
                place,
                "-c",
                "protocol.file.allow=always",
                "submodule",
                "--quiet",
                "add",
                str(inner),
                "inner",
            )
        committed(place, dict(files))
    git(
        folder,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(library),
        "vendor/rates",
    )
    git(
        folder,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "update",
        "--init",
        "--recursive",
    )
    return committed(folder, {"a": "a\n"})


def test_submodules_are_filled_as_deep_as_they_go_and_nothing_of_them_lands(
    repository: Path, tools: Path
) -> None:
    with_submodule(repository, tools)
    repo, space = opened(repository, tools)
    assert (space.tree / "vendor/rates/rates.py").read_text() == "RATE = 20\n"
    assert (space.tree / "vendor/rates/inner/deep.py").read_text() == "DEEP = 1\n"
    assert landed(repo, space) == repo.files("HEAD")
    (space.tree / "vendor/rates/rates.py").write_text("RATE = 0\n")
    (space.tree / "vendor/rates/new.py").write_text("x\n")
    assert landed(repo, space) == repo.files("HEAD")


def test_edits_inside_a_submodule_are_said(repository: Path, tools: Path) -> None:
    with_submodule(repository, tools)
    repo, space = opened(repository, tools)
    assert build.build(repo, space, Rules()).oddities == ()
    write(space.tree, {"vendor/rates/by-init": "made\n"})
    workspace.note_submodules(repo, space)
    assert build.build(repo, space, Rules()).oddities == ()
    deep, bytecode = "vendor/rates/inner/deep.py", "vendor/rates/__pycache__/rates.pyc"
    write(
        space.tree,
        {
            "vendor/rates/rates.py": "RATE = 0\n",
            deep: "DEEP = 2\n",
            "vendor/rates/new.py": "x\n",
            bytecode: b"\0",
        },
    )
    (space.tree / "vendor/rates/.gitmodules").unlink()
    made = build.build(repo, space, Rules())
    assert {reason.rule: (reason.ruling, reason.detail) for reason in made.oddities} == {
        "scope.in-submodule": (
            Ruling.REJECT,
            ("vendor/rates/.gitmodules", deep, "vendor/rates/rates.py"),
        ),
        "scope.new-in-submodule": (Ruling.FLAG, ("vendor/rates/new.py",)),
    }
    (space.tree / "vendor/rates/rates.py").chmod(0o755)
    write(space.tree, {"vendor/rates/rates.py": "RATE = 20\n"})
    # its mode
    assert "vendor/rates/rates.py" in str(build.build(repo, space, Rules()).oddities)


def test_a_submodule_that_moves_between_bases_moves_in_the_workspace(
    repository: Path, tools: Path
) -> None:
    old = with_submodule(repository, tools)
    library = repository / "vendor/rates"
    committed(library, {"rates.py": "RATE = 21\n", "more.py": "MORE = 1\n"})
    new = committed(repository, {"a": "b\n"})
    repo, space = opened(repository, tools)
    back = workspace.retarget(repo, space, old)
    assert (back.tree / "vendor/rates/rates.py").read_text() == "RATE = 20\n"
    assert not (back.tree / "vendor/rates/more.py").exists()
    assert (workspace.retarget(repo, back, new).tree / "vendor/rates/more.py").exists()


def test_what_the_clone_does_not_have_is_empty_and_named(repository: Path, tools: Path) -> None:
    with_submodule(repository, tools)
    clone = tools / "clone"
    git(tools, "clone", "-q", str(repository), str(clone))
    repo, space = opened(clone, tools)
    assert [*(space.tree / "vendor/rates").iterdir()] == []
    links = [(path, oid) for path, (mode, oid) in repo.files("HEAD").items() if mode == "160000"]
    assert submodules.missing(repo, links) == ["vendor/rates"]


def test_a_check_room_is_a_repository_that_knows_the_candidate(
    repository: Path, tools: Path
) -> None:
    base = committed(repository, {"a": "a\n", "gone": "g\n"})
    git(repository, "tag", "-a", "v1.0", "-m", "first")
    repo, space = opened(repository, tools)
    tree = repo.tree_with(base, {"new": ("100644", repo.write_blob(b"n\n")), "gone": None})
    workspace.lay(repo, space, tree)
    workspace.commit(repo, space, tree)
    assert git(space.tree, "ls-files").split() == ["a", "new"]
    assert git(space.tree, "status", "--porcelain") == ""
    assert git(space.tree, "rev-parse", "HEAD^", "HEAD^{tree}").split() == [base, tree]
    assert git(space.tree, "describe", "--tags").startswith("v1.0-1-g")
