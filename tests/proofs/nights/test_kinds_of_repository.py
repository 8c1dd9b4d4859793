"""Repositories as they are: a night on each, or one clear refusal before any agent is paid for."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests import PATIENCE
from tests.stories.fixtures import (
    HONEST,
    MINE,
    agents_started,
    assert_morning,
    lay,
    plant,
    project_at,
)
from tests.stories.sample_project import TESTS, TILL, Project, feature, make_project, writes
from tests.stories.test_person_edits import has_ended

pytestmark = pytest.mark.sandbox
SHOP = {"till.py": TILL, "tests/__init__.py": "", "tests/test_till.py": TESTS}
ODD = os.fsdecode(b'odd \n\xff \xc3\xbc\t"name"')
ONE = [("landed", "US-001", "")]
TRIES = 20 if os.environ.get("NIGHTLATCH_FULL") else 5


def shop(folder: Path, agent: str = HONEST, more: str = "", **files: str) -> Project:
    return plant(folder, {**SHOP, **files}, [feature(1)], agent=agent, settings=MINE + more)


def worked(project: Project, branch: str = "main") -> None:
    """Set up, a night, and the morning after it."""
    project.run("init", "--commit")
    project.run("run")
    assert_morning(project, ONE, passing=["US-001"], branch=branch)
    assert (project.folder / "n1.txt").read_text() == "1\n"


def refused(project: Project, problem: str, fix: str) -> None:
    """Exit 2, one sentence, what to type, and nothing done."""
    before = standing(project)
    done = project.run("run", code=2)
    assert problem in done.stderr
    assert fix in done.stderr
    assert standing(project) == before


def standing(project: Project) -> tuple[str, str, int]:
    head = (project.folder / ".git/HEAD").read_text()
    return project.git("status", "--porcelain"), head, agents_started(project)


def test_a_linked_worktree_works_and_the_main_one_stays(tmp_path: Path) -> None:
    main = shop(tmp_path)
    main.git("worktree", "add", "-q", "-b", "side", "../side")
    before = main.git("rev-parse", "main")
    worked(project_at(tmp_path / "side", tmp_path), "side")
    assert main.git("rev-parse", "main") == before
    assert main.git("status", "--porcelain") == ""


def test_a_cache_that_is_named_from_here_is_found_from_everywhere(tmp_path: Path) -> None:
    project = shop(tmp_path)
    worked(replace(project, env={"NIGHTLATCH_CACHE": "../near"}))
    assert (tmp_path / "near").is_dir()


def test_a_sparse_shallow_clone_works_and_stays_sparse_while_the_agent_sees_everything(
    tmp_path: Path,
) -> None:
    origin = shop(
        tmp_path, agent=f"grep -q far far/away.txt\n{HONEST}", **{"far/away.txt": "far\n"}
    )
    origin.git("clone", "-q", "--depth", "1", f"file://{origin.folder}", "../clone")
    clone = project_at(tmp_path / "clone", tmp_path)
    clone.git("sparse-checkout", "set", "--no-cone", "/*", "!/far/")
    worked(clone)
    assert not (clone.folder / "far").exists()
    assert clone.git("ls-tree", "--name-only", "HEAD", "far/away.txt").strip() == "far/away.txt"
    assert "commits not pushed" in clone.git("show", "HEAD:progress.txt")


def test_a_submodule_stays_where_it_is(tmp_path: Path) -> None:
    library = Project(folder=tmp_path / "library")
    library.folder.mkdir()
    library.git("init", "-q", "-b", "main")
    lay(library.folder, {"x": "1\n"})
    library.commit()
    project = shop(tmp_path)
    project.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../library", "lib"
    )
    pinned = project.commit("a submodule") and project.git("rev-parse", "HEAD:lib")
    worked(project)
    assert project.git("rev-parse", "HEAD:lib") == pinned
    assert (project.folder / "lib/x").read_text() == "1\n"


def test_a_plan_below_the_folder_of_scripts_plans_the_folder_above(tmp_path: Path) -> None:
    project = shop(tmp_path)
    project.git("rm", "-q", "--cached", "loop.toml")
    project.git("mv", "-k", "prd.json", "x")
    lay(project.folder, {"scripts/ralph/prd.json": (project.folder / "x").read_bytes()})
    project.git("rm", "-q", "-f", "x")
    project.commit("where snarktank puts it")
    project.run("init", "--commit")
    project.run("run")
    assert_morning(project, ONE, passing=["US-001"], plan="scripts/ralph/prd.json")


def test_a_project_below_the_top_of_a_monorepo_works_and_changes_outside_it_are_held(
    tmp_path: Path,
) -> None:
    agent = (
        f"test -e prd.json\n{HONEST}\nif test $NIGHTLATCH_FEATURE = US-002; then echo outside >"
        " ../../outside.txt; fi"
    )
    project = project_at(tmp_path / "repo/packages/app", tmp_path)
    project.folder.mkdir(parents=True)
    project.git("init", "-q", "-b", "main", "../..")
    inner = plant(tmp_path, SHOP, [feature(1), feature(2)], agent=agent)
    for name in inner.git("ls-files").splitlines():
        (project.folder / name).parent.mkdir(exist_ok=True)
        (inner.folder / name).rename(project.folder / name)
    project.commit("one of many")
    project.run("init", "--commit")
    project.run("run", code=3)
    told = [("landed", "US-001", ""), ("held", "US-002", "scope.outside-project")]
    assert_morning(
        project,
        told,
        passing=["US-001"],
        plan="packages/app/prd.json",
        progress="packages/app/progress.txt",
    )
    names = project.git("show", "--name-only", "--format=", ":/^US-001").split()
    assert names == [f"packages/app/{name}" for name in ("n1.txt", "prd.json", "progress.txt")]
    assert not (tmp_path / "repo/outside.txt").exists()


def test_odd_names_links_programs_line_ends_and_filters_come_through_byte_for_byte(
    tmp_path: Path,
) -> None:
    agent = f"""{HONEST}
mkdir made
python3 - <<'END'
import os
os.symlink("../till.py", "made/link")
open("made/tool", "w").write("#!/bin/sh\\n")
os.chmod("made/tool", 0o755)
open({os.fsencode(ODD)!r}, "a").write("more")
open("crlf.txt", "ab").write(b"two\\r\\n")
END
grep -q '^sum ' big.bin"""
    project = shop(
        tmp_path, agent=agent, **{".gitattributes": "*.txt text=auto\n*.bin filter=big -text\n"}
    )
    store = tmp_path / "content"
    project.git("config", "filter.big.clean", f"tee {store} | sed 's/.*/sum 1/'")
    project.git("config", "filter.big.smudge", f"cat >/dev/null; cat {store}")
    project.git("config", "filter.big.required", "true")
    lay(project.folder, {ODD: "", "with space.txt": "x\n", "big.bin": "content\n"})
    (project.folder / "old-link").symlink_to("till.py")
    project.commit("odd names")
    lay(tmp_path, {"old.txt": b"one\r\n"})
    blob = project.git("hash-object", "-w", "--no-filters", str(tmp_path / "old.txt")).strip()
    project.git("update-index", "--add", "--cacheinfo", f"100644,{blob},crlf.txt")
    project.git("commit", "-q", "-m", "line ends of old")
    project.git("checkout", "-q", "--", "crlf.txt")
    worked(project)
    changed = (
        project.git("diff-tree", "-r", "-z", "--name-only", "--no-commit-id", ":/^US-001")
        .rstrip("\0")
        .split("\0")
    )
    assert set(changed) == {
        "made/link",
        "made/tool",
        ODD,
        "crlf.txt",
        "n1.txt",
        "prd.json",
        "progress.txt",
    }
    modes = {
        line.split("\t")[1]: line[:6]
        for line in project.git("ls-tree", "-r", "HEAD", "made", "old-link").splitlines()
    }
    assert modes == {"made/link": "120000", "made/tool": "100755", "old-link": "120000"}
    assert project.git("cat-file", "-s", "HEAD:crlf.txt").strip() == str(len("one\r\ntwo\r\n"))
    assert (project.folder / "crlf.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert (project.folder / "made/link").readlink() == Path("../till.py")
    assert os.access(project.folder / "made/tool", os.X_OK)
    assert (project.folder / ODD).read_text() == "more"
    assert (project.folder / "big.bin").read_text() == "content\n"


def test_a_detached_head_is_refused(tmp_path: Path) -> None:
    project = shop(tmp_path)
    project.git("switch", "-q", "--detach")
    refused(project, "HEAD is detached", "git switch")


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    project = shop(tmp_path)
    project.git("update-ref", "-d", "HEAD")
    refused(project, "the repository has no commits", "git commit")


def test_the_plans_branch_is_made_and_uncommitted_edits_are_never_switched_away(
    tmp_path: Path,
) -> None:
    project = plant(tmp_path, SHOP, [feature(1), feature(2)], branch="night/shop")
    project.run("init", "--commit")
    project.write("till.py", "# half an idea\n")
    project.run("run", "--sessions", "1")
    assert_morning(project, ONE, passing=["US-001"], branch="night/shop", loose=[" M till.py"])
    assert (project.folder / "till.py").read_text() == "# half an idea\n"
    project.git("checkout", "-q", "till.py")
    project.git("switch", "-q", "main")
    project.write("till.py", "# half an idea\n")
    refused(project, "uncommitted edits", "git switch night/shop")
    project.git("checkout", "-q", "till.py")
    project.run("run")
    assert_morning(
        project, [*ONE, ("landed", "US-002", "")], passing=["US-001", "US-002"], branch="night/shop"
    )
    assert project.subjects().count("nightlatch: set up") == 1


def test_uncommitted_work_stays_as_it_is_and_no_agent_sees_it(tmp_path: Path) -> None:
    project = shop(tmp_path, agent=f"test ! -e new.txt\ngrep -q 'return cents' till.py\n{HONEST}")
    project.run("init", "--commit")
    lay(
        project.folder,
        {"till.py": "# half an idea\n", "new.txt": "staged\n", "loose.txt": "untracked\n"},
    )
    project.git("add", "new.txt")
    project.run("run")
    assert_morning(
        project, ONE, passing=["US-001"], loose=["A  new.txt", " M till.py", "?? loose.txt"]
    )
    assert (project.folder / "till.py").read_text() == "# half an idea\n"


def test_of_two_loops_started_at_once_the_second_says_try_later(tmp_path: Path) -> None:
    project = shop(
        tmp_path,
        agent=f"read word < .meet/go\n{HONEST}",
        more='[workspace]\nshare = [".meet"]\n',
        **{".gitignore": ".meet/\n"},
    )
    (project.folder / ".meet").mkdir()
    os.mkfifo(project.folder / ".meet/go")
    go = os.open(project.folder / ".meet/go", os.O_RDWR)
    project.run("init", "--commit")
    with project.start("run") as first:
        told = any("session" in line for line in first.stderr or ())
        second = project.run("run", code=None)
        os.write(go, b"go\n")
        _, err = first.communicate(timeout=PATIENCE)
    os.close(go)
    assert told
    assert second.returncode == 75
    assert "another run is already going here" in second.stderr
    assert first.returncode == 0, err
    assert_morning(project, ONE, passing=["US-001"])


def test_of_two_loops_started_at_the_same_moment_exactly_one_runs(tmp_path: Path) -> None:
    """Twenty times with NIGHTLATCH_FULL, else five; the agent of the one that runs waits until
    the other has ended."""
    meets = "read word < .meet/go; exit 1\n"
    more = "[limits]\nfaults = 100\nattempts = 100\n[workspace]\nshare = ['.meet']\n"
    project = shop(tmp_path, agent=meets, more=more, **{".gitignore": ".meet/\n"})
    (project.folder / ".meet").mkdir()
    os.mkfifo(project.folder / ".meet/go")
    go = os.open(project.folder / ".meet/go", os.O_RDWR)
    project.run("init", "--commit")
    for times in range(1, TRIES + 1):
        both = [project.start("run", "--sessions", "1") for _ in range(2)]
        while not (over := [one for one in both if has_ended(one, 0.05)]):
            pass
        os.write(go, b"go\n")
        (second,), (first,) = over, [one for one in both if one not in over]
        _, told = second.communicate()
        assert (second.returncode, "another run is already going here" in told) == (75, True), told
        assert first.communicate(timeout=PATIENCE) is not None
        assert first.returncode == 0
        assert project.outcomes() == [("failed", "US-001", "agent.fault")] * times
    os.close(go)


def own_python(folder: Path, *paths: Path) -> None:
    """A virtual environment that sees these folders, as `pip install -e` would leave it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    context = next(folder.glob("lib/python*/site-packages"))
    (context / "editable.pth").write_text("".join(f"{path}\n" for path in paths))


def test_an_editable_install_in_a_shared_environment_sees_the_candidate_and_not_the_checkout(
    tmp_path: Path,
) -> None:
    files = {
        ".gitignore": ".venv/\n",
        "src/goods/__init__.py": "N = 0\n",
        "tests/__init__.py": "",
        "tests/test_goods.py": (
            TESTS.replace("from till import price", "import goods").replace(
                "price(40, 3), 120", "goods.N < 2, True"
            )
        ),
    }
    agent = (
        f".venv/bin/python -c 'import goods; assert goods.N < 2'\n{HONEST}\necho \"N = $n\" >"
        " src/goods/__init__.py"
    )
    verify = ".venv/bin/python -c 'import goods; assert goods.N == 1'"
    settings = MINE + '[workspace]\nshare = [".venv"]\n[limits]\nattempts = 1\n'
    project = plant(
        tmp_path, files, [feature(1, verify=verify), feature(2)], agent=agent, settings=settings
    )
    own_python(project.folder / ".venv", project.folder / "src")
    project.run("init", "--commit")
    project.run("run", code=3)
    assert_morning(
        project, [*ONE, ("rejected", "US-002", "ratchet.test-failed")], passing=["US-001"]
    )


INIT = """#!/bin/sh
set -e
echo made >> "$PWD/.env-made"
mkdir -p node_modules/.bin .venv/bin
printf '#!/bin/sh\\necho tool of %s\\n' "$(cat version.txt)" > node_modules/.bin/tool
chmod +x node_modules/.bin/tool
"""


def test_what_init_sh_makes_is_in_every_workspace_and_never_in_a_landing(tmp_path: Path) -> None:
    files = {
        "init.sh": INIT,
        "version.txt": "7",
        ".gitignore": "node_modules/\n.venv/\n.env-made\n.env.test\n",
    }
    verify = (
        "test \"$(node_modules/.bin/tool) $(cat .env.test) $(cat n1.txt)\" = 'tool of 7 secret 1'"
        " && test $(wc -l < .env-made) = 1"
    )
    agent = (
        'test "$(node_modules/.bin/tool)" = \'tool of 7\'\ntest "$(cat .env.test)" ='
        f" secret\n{HONEST}"
    )
    settings = MINE + '[workspace]\ncopy = [".env.test"]\n'
    project = plant(
        tmp_path, {**SHOP, **files}, [feature(1, verify=verify)], agent=agent, settings=settings
    )
    (project.folder / "init.sh").chmod(0o755)
    project.commit("init.sh may run")
    lay(project.folder, {".env.test": "secret\n"})
    worked(project)
    assert not (project.folder / "node_modules").exists()
    assert project.git("show", "--name-only", "--format=", ":/^US-001").split() == [
        "n1.txt",
        "prd.json",
        "progress.txt",
    ]


def test_an_init_sh_that_fails_ends_the_night_before_any_agent(tmp_path: Path) -> None:
    project = shop(tmp_path, **{"init.sh": "#!/bin/sh\necho no such package; exit 3\n"})
    (project.folder / "init.sh").chmod(0o755)
    project.commit("init.sh may run")
    project.run("init", "--commit")
    done = project.run("run", code=4)
    assert "no such package" in done.stderr
    assert "init.sh" in done.stderr
    assert agents_started(project) == 0
    assert project.git("status", "--porcelain") == ""


def library_of(project: Project, folder: Path) -> None:
    """A library with one file, as the submodule lib."""
    library = folder / "library"
    library.mkdir()
    for args in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "a"]):
        subprocess.run(["git", *args], cwd=library, check=True)
    (library / "rates.py").write_text("RATE = 20\n")
    for args in (["add", "-A"], ["commit", "-q", "-m", "rates"]):
        subprocess.run(["git", *args], cwd=library, check=True)
    project.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../library", "lib"
    )
    project.commit("a submodule")


def test_an_edit_inside_a_submodule_is_refused_with_a_sentence_and_the_next_session_is_told(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    library_of(project, tmp_path)
    wrong = {"write": "lib/rates.py", "text": "RATE = 1\n"}
    project.night([[wrong, writes(1)], [{"run": 'cp "$NIGHTLATCH_BRIEF" seen.txt'}, writes(1)]])
    assert [(word, rule) for word, _, rule in project.outcomes()] == [
        ("rejected", "scope.in-submodule"),
        ("landed", ""),
    ]
    brief = project.git("show", "HEAD:seen.txt")
    assert "lib/rates.py" in brief
    assert "Leave the files of submodules as they are" in brief
    assert (project.folder / "lib/rates.py").read_text() == "RATE = 20\n"
    assert project.git("status", "--porcelain") == ""


def test_submodules_that_init_sh_fetches_are_there_in_every_session_and_check(
    tmp_path: Path,
) -> None:
    """The clone does not have them: what doctor says to do there does help."""
    origin = make_project(
        tmp_path,
        [
            feature(n, verify=f'test "$(cat n{n}.txt)" = {n} && grep -q 20 lib/rates.py')
            for n in (1, 2)
        ],
    )
    library_of(origin, tmp_path)
    # stands for git submodule update
    fetches = "#!/bin/sh\ntest -f lib/rates.py || echo 'RATE = 20' > lib/rates.py\n"
    origin.write("init.sh", fetches, mode=0o755)
    origin.commit("init.sh fetches the library")
    origin.git("clone", "-q", str(origin.folder), str(tmp_path / "clone"))
    project = project_at(tmp_path / "clone", tmp_path)
    assert (
        "submodules that this clone does not have are empty in a workspace: lib"
        in project.run("doctor", code=None).stdout
    )
    project.night([[writes(1)], [writes(2)]])
    assert project.outcomes() == [("landed", "US-001", ""), ("landed", "US-002", "")]
    assert [*(project.folder / "lib").iterdir()] == []
    assert project.git("status", "--porcelain") == ""
