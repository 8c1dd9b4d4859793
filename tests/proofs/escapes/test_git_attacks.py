"""What an agent can plant in its workspace's .git and files: none of it runs, and none of it
hides a change.

Every attack has its control: the same thing planted, then git used naively in the workspace, does
run, hide, stop or destroy. All of it with every git that is here: the machine's, those of gits.sh,
and those that NIGHTLATCH_GITS=PATH:PATH names.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nightlatch.git import checkout
from nightlatch.git.open import open_repo
from nightlatch.git.repo import Repo
from nightlatch.workspace import build, workspace
from nightlatch.workspace.build import Candidate
from nightlatch.workspace.scope import Rules
from nightlatch.workspace.workspace import Workspace
from tests import ROOT
from tests.io.git.sample_repo import commit_after, committed, git, workspace_of, write

BASE: dict[str, str | bytes] = {"a.py": "1\n", "b.py": "2\n", "text.md": "one\ntwo\nthree\n"}
WORK: dict[str, str | bytes] = {"a.py": "changed\n", "new.py": "new\n"}
EVERYDAY = (
    "status",
    "add -A",
    "diff HEAD",
    "diff --cached",
    "commit -m x",
    "log -p -1",
    "checkout -f HEAD",
    "reset --hard",
    "gc --auto",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One workspace, a program that leaves a mark when it runs, and a folder outside that must
    stay as it is."""

    repo: Repo
    space: Workspace
    evil: Path
    mark: Path
    victim: Path

    @property
    def tree(self) -> Path:
        return self.space.tree

    @property
    def git(self) -> Path:
        return self.space.tree / ".git"

    def config(self, *settings: str) -> None:
        for setting in settings:
            name, _, value = setting.partition("=")
            git(self.tree, "config", name, value)

    def attributes(self, text: str) -> None:
        (self.git / "info/attributes").write_text(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """`plant` is what the agent does; `naive` what a careless harness then runs; `harm` what
    comes of it: runs, hides, stops, destroys."""

    name: str
    plant: Callable[[Ground], object]
    harm: str = "runs"
    naive: tuple[str, ...] = EVERYDAY


def hooks(ground: Ground, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (
        "pre-commit",
        "commit-msg",
        "post-commit",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-auto-gc",
    ):
        (folder / name).symlink_to(ground.evil)


def own_hooks_path(ground: Ground) -> None:
    hooks(ground, ground.tree / "tools")
    ground.config("core.hooksPath=tools")


def filters(ground: Ground) -> None:
    ground.config(
        f"filter.x.clean={ground.evil}", f"filter.x.smudge={ground.evil}", "filter.x.required=true"
    )
    write(ground.tree, {".gitattributes": "* filter=x\n"})
    ground.attributes("")


def filter_process(ground: Ground) -> None:
    ground.config(f"filter.x.process={ground.evil}")
    ground.attributes("* filter=x\n")


def text_conversion(ground: Ground) -> None:
    ground.config(f"diff.x.textconv={ground.evil}")
    write(ground.tree, {".gitattributes": "* diff=x\n"})


def diff_command(ground: Ground) -> None:
    ground.config(f"diff.x.command={ground.evil}")
    ground.attributes("* diff=x\n")


def other_transport(ground: Ground) -> None:
    ground.config(f"core.sshCommand={ground.evil}", "remote.origin.url=ssh://example.invalid/x")


def upload_pack(ground: Ground) -> None:
    ground.config(f"remote.origin.uploadpack={ground.evil}", f"remote.origin.url={ground.repo.top}")


def any_transport(ground: Ground) -> None:
    ground.config(f"remote.origin.url=ext::{ground.evil}", "protocol.ext.allow=always")


def alternate_refs(ground: Ground) -> None:
    ground.config(
        f"core.alternateRefsCommand={ground.evil}", f"remote.origin.url={ground.repo.top}"
    )


def included(ground: Ground) -> None:
    write(ground.tree, {"settings.txt": f"[core]\n\tfsmonitor = {ground.evil}\n"})
    ground.config("include.path=../settings.txt")


def worktree_config(ground: Ground) -> None:
    ground.config("extensions.worktreeConfig=true")
    (ground.git / "config.worktree").write_text(f"[core]\n\tfsmonitor = {ground.evil}\n")


def swapped(ground: Ground) -> None:
    ground.git.rename(ground.tree / "elsewhere")
    ground.git.write_text("gitdir: elsewhere\n")
    git(ground.tree, "config", "core.fsmonitor", str(ground.evil))
    (ground.tree / "elsewhere/info/exclude").write_text("elsewhere\n")


def link_to_elsewhere(ground: Ground) -> None:
    ground.git.rename(ground.space.home / "evil.git")
    ground.git.symlink_to(ground.space.home / "evil.git")
    git(ground.tree, "config", "core.fsmonitor", str(ground.evil))


def inner_repository(ground: Ground) -> None:
    inner = ground.tree / "inner"
    git(ground.tree, "init", "-q", str(inner))
    committed(inner, {"x": "1\n"})
    git(ground.tree, "add", "inner")
    git(inner, "config", "core.fsmonitor", str(ground.evil))


def untracked_repository(ground: Ground) -> None:
    inner = ground.tree / "inner"
    git(ground.tree, "init", "-q", str(inner))
    committed(inner, {"x": "1\n"})
    git(inner, "config", "core.fsmonitor", str(ground.evil))


def bare_repository(ground: Ground) -> None:
    inner = ground.tree / "inner"
    git(ground.tree, "init", "-q", "--bare", str(inner))
    git(inner, "config", "core.bare", "false")
    git(inner, "config", "core.worktree", "..")
    git(inner, "config", "core.fsmonitor", str(ground.evil))


def replaced(ground: Ground) -> None:
    git(
        ground.tree,
        "replace",
        git(ground.tree, "rev-parse", "HEAD:a.py"),
        git(ground.tree, "hash-object", "-w", "a.py"),
    )
    (ground.tree / "new.py").unlink()


def stale_lock(ground: Ground) -> None:
    (ground.git / "index.lock").touch()


def excluded(ground: Ground) -> None:
    (ground.git / "info/exclude").write_text("new.py\n")
    git(ground.tree, "update-index", "--assume-unchanged", "a.py")


def excludes_file(ground: Ground) -> None:
    (ground.space.home / "hidden").write_text("*\n")
    ground.config(f"core.excludesFile={ground.space.home}/hidden")
    git(ground.tree, "update-index", "--skip-worktree", "a.py")


def flagged(flag: str) -> Callable[[Ground], object]:
    def plant(ground: Ground) -> None:
        (ground.tree / "new.py").unlink()
        git(ground.tree, "update-index", flag, "a.py")

    return plant


def same_stat(ground: Ground) -> None:
    """A change of the same size, with the date set back, and an index that looks younger than
    both."""
    ground.config("core.trustctime=false", "core.checkStat=minimal")
    git(ground.tree, "checkout", "-q", "a.py")
    (ground.tree / "new.py").unlink()
    git(ground.tree, "status")
    before = (ground.tree / "a.py").stat()
    index = (ground.git / "index").read_bytes()
    (ground.tree / "a.py").write_text("9\n")
    os.utime(ground.tree / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    (ground.git / "index").write_bytes(index)
    os.utime(ground.git / "index", (before.st_mtime + 60, before.st_mtime + 60))


def elsewhere_tree(ground: Ground) -> None:
    ground.config(f"core.worktree={ground.victim}")


def merge_driver(ground: Ground) -> None:
    ground.config(f"merge.x.driver={ground.evil}")
    write(ground.tree, {".gitattributes": "* merge=x\n", "text.md": "ours\ntwo\nthree\n"})
    ground.attributes("* merge=x\n")


def rubbish_index(ground: Ground) -> None:
    (ground.git / "index").write_bytes(b"rubbish")


def no_git(ground: Ground) -> None:
    ground.git.rename(ground.space.home / "gone")


MERGE = (
    "add -A",
    "commit -m ours",
    "switch -c side HEAD~1",
    "!printf 'theirs\\ntwo\\nthree\\n' >text.md",
    "commit -a -m t",
    "merge main",
)
ATTACKS = [
    Attack(name="fsmonitor", plant=lambda g: g.config(f"core.fsmonitor={g.evil}")),
    Attack(name="hooks", plant=lambda g: hooks(g, g.git / "hooks")),
    Attack(name="hooksPath", plant=own_hooks_path),
    Attack(name="filter clean and smudge by .gitattributes", plant=filters),
    Attack(name="filter process by info/attributes", plant=filter_process),
    Attack(name="textconv", plant=text_conversion),
    Attack(name="diff driver", plant=diff_command),
    Attack(name="external diff", plant=lambda g: g.config(f"diff.external={g.evil}")),
    Attack(
        name="gpg program", plant=lambda g: g.config(f"gpg.program={g.evil}", "commit.gpgSign=true")
    ),
    Attack(
        name="log.showSignature",
        plant=lambda g: g.config(
            f"gpg.program={g.evil}", "log.showSignature=true", "commit.gpgSign=true"
        ),
    ),
    Attack(name="ssh command", plant=other_transport, naive=("fetch",)),
    Attack(name="upload-pack", plant=upload_pack, naive=("fetch",)),
    Attack(name="ext transport", plant=any_transport, naive=("fetch",)),
    Attack(name="alternate refs", plant=alternate_refs, naive=("fetch",)),
    Attack(name="include", plant=included),
    Attack(name="worktreeConfig", plant=worktree_config),
    Attack(name=".git file to another folder", plant=swapped),
    Attack(name=".git link to another folder", plant=link_to_elsewhere),
    Attack(name="repository inside with its own fsmonitor", plant=inner_repository),
    Attack(
        name="repository inside, untracked, with its own fsmonitor",
        plant=untracked_repository,
        naive=("add -A", "status"),
    ),
    Attack(
        name="bare repository inside", plant=bare_repository, naive=("!cd inner && git status",)
    ),
    Attack(name="merge driver", plant=merge_driver, naive=MERGE),
    Attack(name="alias", plant=lambda g: g.config(f"alias.lg=!{g.evil}"), naive=("lg",)),
    Attack(name="replace refs", plant=replaced, harm="hides", naive=("diff HEAD",)),
    Attack(name="assume-unchanged", plant=flagged("--assume-unchanged"), harm="hides"),
    Attack(name="skip-worktree", plant=flagged("--skip-worktree"), harm="hides"),
    Attack(name="info/exclude and assume-unchanged", plant=excluded, harm="hides"),
    Attack(name="core.excludesFile and skip-worktree", plant=excludes_file, harm="hides"),
    Attack(name="the same size and date", plant=same_stat, harm="hides"),
    Attack(name="stale index.lock", plant=stale_lock, harm="stops"),
    Attack(name="rubbish as index", plant=rubbish_index, harm="stops"),
    Attack(name="no .git at all", plant=no_git, harm="stops"),
    Attack(
        name="core.worktree",
        plant=elsewhere_tree,
        harm="destroys",
        naive=("reset --hard", "clean -ffdx"),
    ),
]
HARMS = {
    "runs": "runs the agent's program",
    "hides": "does not see a change",
    "stops": "fails",
    "destroys": "deletes files outside",
}
DOCS = ROOT / "docs/security.md"
CACHE = os.environ.get("XDG_CACHE_HOME") or f"{os.environ.get('HOME', '')}/.cache"
FETCHED = Path(os.environ.get("NIGHTLATCH_TEST_GITS") or f"{CACHE}/nightlatch-tests/gits")
NAMED = [Path(name) for name in os.environ.get("NIGHTLATCH_GITS", "").split(":") if name]
GITS = [Path(shutil.which("git") or "git"), *NAMED, *sorted(FETCHED.glob("*/bin/git"))]


def table() -> str:
    """As docs/security.md shows it."""
    lines = ["| planted | git used carelessly in the workspace | the loop |", "|---|---|---|"]
    return "\n".join(
        [*lines, *(f"| {attack.name} | {HARMS[attack.harm]} | nothing |" for attack in ATTACKS)]
    )


def version(program: Path) -> str:
    return subprocess.run(
        [program, "version"], capture_output=True, text=True, check=True
    ).stdout.split()[2]


every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])


@pytest.fixture(autouse=True, params=GITS, ids=version)
def _git(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{request.param.parent}:{os.environ['PATH']}")


@pytest.fixture
def ground(repository: Path, tmp_path: Path) -> Ground:
    committed(repository, BASE)
    repo, space = workspace_of(repository, tmp_path / "cache")
    evil, mark, victim = tmp_path / "evil.sh", tmp_path / "mark", tmp_path / "victim"
    evil.write_text(f'#!/bin/sh\necho "$0 $*" >> {mark}\nexit 1\n')
    evil.chmod(0o755)
    write(victim, {"a.py": "precious\n", "keep": "precious\n"})
    write(space.tree, WORK)
    return Ground(repo=repo, space=space, evil=evil, mark=mark, victim=victim)


def use_git_naively(ground: Ground, commands: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for command in commands:
        line = command[1:] if command.startswith("!") else f"git {command}"
        shell = ["sh", "-c", line]
        done = subprocess.run(
            shell,
            cwd=ground.tree,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        yield done.returncode, done.stdout


def take_it_all_the_way(ground: Ground) -> Candidate:
    """Everything that the loop does with a workspace, its candidate and the person's checkout."""
    repo, space = ground.repo, ground.space
    made = build.build(repo, space, Rules())
    repo.diff(space.base, made.tree)
    work = repo.commit(made.tree, [space.base], "work")
    moved = commit_after(repo, space.base, {"text.md": "theirs\ntwo\nthree\n"})
    assert repo.merge(moved, work).tree
    assert repo.advance("refs/heads/main", work, space.base)
    assert checkout.sync(repo, "main", space.base, work) == checkout.SyncResult()
    other = workspace.prepare(
        repo, space.folder.parent / "two", space.base, "main", sandboxed=False
    )
    workspace.lay(repo, other, made.tree)
    assert build.build(repo, other, Rules()).tree == made.tree
    workspace.retarget(
        repo, workspace.prepare(repo, space.folder.parent / "three", space.base, "main"), work
    )
    repo.log("main")
    workspace.discard(space)
    return made


def everything(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


@every_attack
def test_nothing_that_an_agent_plants_runs_hides_or_destroys(
    ground: Ground, attack: Attack
) -> None:
    attack.plant(ground)
    ground.mark.unlink(missing_ok=True)
    on_disk = {
        name: (ground.tree / name).read_bytes()
        for name in ("a.py", "new.py")
        if (ground.tree / name).exists()
    }

    made = take_it_all_the_way(ground)

    assert not ground.mark.exists(), ground.mark.read_text()
    assert {name: ground.repo.read(made.tree, name) for name in on_disk} == on_disk
    assert set(on_disk) <= {change.path for change in made.changes}
    assert (ground.repo.top / "a.py").read_bytes() == on_disk["a.py"]
    assert everything(ground.victim) == {"a.py": "precious\n", "keep": "precious\n"}


@every_attack
def test_control_the_same_attack_succeeds_on_a_harness_that_uses_git_naively(
    ground: Ground, attack: Attack
) -> None:
    attack.plant(ground)
    ground.mark.unlink(missing_ok=True)

    results = list(use_git_naively(ground, attack.naive))

    match attack.harm:
        case "runs":
            assert ground.mark.exists()
        case "hides":
            shown = "".join(out for _, out in results)
            assert "+changed" not in shown
            assert "+9" not in shown
            assert "+new" not in shown
        case "stops":
            assert any(code for code, _ in results)
        case "destroys":
            assert everything(ground.victim) != {"a.py": "precious\n", "keep": "precious\n"}


def test_hooks_that_the_person_keeps_in_the_tree_do_not_run_for_a_landing(ground: Ground) -> None:
    """husky: the person's own core.hooksPath names a tracked folder, and the agent edits a hook
    in it."""
    git(ground.repo.top, "config", "core.hooksPath", ".husky")
    hooks(ground, ground.tree / ".husky")
    for hook in (ground.tree / ".husky").iterdir():
        hook.unlink()
        hook.write_bytes(ground.evil.read_bytes())
        hook.chmod(0o755)

    take_it_all_the_way(ground)

    assert not ground.mark.exists()
    git(
        ground.repo.top,
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "control: the person's own commit runs it",
        check=False,
    )
    assert ground.mark.exists()


def test_attributes_can_name_only_programs_of_the_persons_own_configuration(
    ground: Ground,
) -> None:
    """The agent's .gitattributes could call a filter that the person has: protected, it never
    reaches their checkout."""
    git(ground.repo.top, "config", "filter.persons.smudge", str(ground.evil))
    write(ground.tree, {".gitattributes": "* filter=persons\n"})
    made = build.build(ground.repo, ground.space, Rules(protected=(".gitattributes",)))
    commit = ground.repo.commit(made.tree, [ground.space.base], "work")
    ground.repo.advance("refs/heads/main", commit, ground.space.base)

    assert checkout.sync(ground.repo, "main", ground.space.base, commit) == checkout.SyncResult()

    assert not ground.mark.exists()
    assert (ground.repo.top / "a.py").read_text() == "changed\n"


def test_the_page_on_security_shows_the_table_as_it_is() -> None:
    assert table() in DOCS.read_text(encoding="utf-8")


def test_the_git_that_is_asked_for_is_the_one_that_runs(repository: Path) -> None:
    asked = version(Path(shutil.which("git") or ""))
    assert (
        os.fsdecode(open_repo(repository).run("version")).split()[2]
        == git(repository, "version").split()[2]
        == asked
    )
