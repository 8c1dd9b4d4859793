"""`ratchet`: any two commits, without a plan, without settings, and without a trace in the
repository."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

import nightlatch
from tests.io.cli.cli_project import Project, Told

ROOT = Path(nightlatch.__file__).parents[1]
SUITE = """bad=0
exec 3>"$NIGHTLATCH_REPORTS/r.xml"
echo '<testsuite>' >&3
while read -r name command; do
  if sh -c "$command" >/dev/null 2>&1; then echo "<testcase file='tests/list' name='$name'/>" >&3
  else echo "<testcase file='tests/list' name='$name'><failure/></testcase>" >&3; bad=1; fi
done < tests/list
echo '</testsuite>' >&3
exit $bad
"""
TESTS = ("--tests", "sh suite.sh")


@pytest.fixture
def shop(project: Project) -> Project:
    """A repository whose tests are lines of a list, each a name and a command; its own suite
    leaves JUnit XML."""
    project.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "none")
    project.write("suite.sh", SUITE)
    project.write("tests/list", "one grep -q 1 till\ntwo grep -q 2 till\n")
    project.write("till", "1 2\n")
    project.commit("the shop")
    return project


def test_work_that_weakens_nothing_is_accepted(shop: Project) -> None:
    shop.write("till", "1 2 3\n")
    shop.write("tests/list", "one grep -q 1 till\ntwo grep -q 2 till\nthree grep -q 3 till\n")
    shop.commit()
    told = shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS, "--json")
    assert (
        told.code,
        told.at("schema"),
        told.at("verdict"),
        told.at("safe"),
        told.at("proved"),
    ) == (
        0,
        "nightlatch/ratchet/1",
        "accept",
        True,
        None,
    )
    assert [told.at("base"), told.at("head")] == shop.git("rev-parse", "HEAD~", "HEAD").split()


def dropped(shop: Project) -> Told:
    shop.commit("fewer tests", **{"tests/list": "one grep -q 1 till\n"})
    return shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS, "--json")


def test_a_lost_test_is_rejected_by_its_rule_and_named(shop: Project) -> None:
    told = dropped(shop)
    assert (told.code, told.at("verdict"), told.at("reasons", 0, "rule")) == (
        1,
        "reject",
        "ratchet.test-removed",
    )
    assert told.at("reasons", 0, "detail") == ["tests/list::two"]
    text = shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS).out
    assert "reject ratchet.test-removed\n" in text
    assert "         tests/list::two\n" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_test_that_is_named_as_superseded_may_go(shop: Project) -> None:
    assert dropped(shop).code == 1
    assert (
        shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS, "--supersedes", "tests/list::two").code
        == 0
    )
    shop.git(
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "why\n\nTwo said nothing.\n\nNightlatch-Supersedes: tests/list::two, tests/old/*",
    )
    assert shop.nightlatch("ratchet", "HEAD~2..HEAD", *TESTS).code == 0
    assert shop.nightlatch("ratchet", "HEAD~2..HEAD~", *TESTS).code == 1


def test_what_a_person_approved_is_not_asked_again_until_somebody_touches_it(shop: Project) -> None:
    shop.git("checkout", "-q", "-b", "work")
    shop.write("tests/list", "one grep -q 1 till\n")
    shop.git("add", "-A")
    said = (
        "Nightlatch-Approved: ratchet.test-failed tests/list::two, and"
        " more\nNightlatch-Approved: x.y"
    )
    shop.git("commit", "-q", "-m", f"approved\n\n{said}")
    assert shop.nightlatch("ratchet", "main..work", *TESTS).code == 0
    shop.commit("more", till="1 2 3\n")
    assert shop.nightlatch("ratchet", "main..work", *TESTS).code == 0
    shop.commit("again", **{"tests/list": "one grep -q 1 till \n"})
    assert shop.nightlatch("ratchet", "main..work", *TESTS).code == 1


def test_verify_says_whether_the_work_is_proved(shop: Project) -> None:
    shop.commit(till="1 2 3\n")
    said = [
        shop.nightlatch("ratchet", "HEAD~..", *TESTS, "--json", "--verify", f"grep -q {n} till")
        for n in (3, 4, 1)
    ]
    assert [(told.code, told.at("verdict"), told.at("proved")) for told in said] == [
        (0, "accept", True),
        (1, "reject", False),
        (3, "hold", None),
    ]
    assert said[2].at("reasons", 0, "rule") == "verify.already-green"


def test_a_range_in_which_nothing_differs_weakens_nothing(shop: Project) -> None:
    shop.git("commit", "-q", "--allow-empty", "-m", "nothing")
    assert shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS).code == 0
    assert shop.nightlatch("ratchet", "HEAD..HEAD", *TESTS).code == 0


def test_a_base_that_protects_next_to_nothing_is_no_silent_pass(shop: Project) -> None:
    shop.commit(till="nothing\n", **{"tests/list": "".join(f"t{n} false\n" for n in range(9))})
    shop.commit(more="x\n")
    held = shop.nightlatch("ratchet", "HEAD~..", *TESTS, "--json")
    assert (held.code, held.at("verdict"), held.at("reasons", 0, "rule")) == (
        3,
        "hold",
        "ratchet.red-base",
    )
    none = shop.nightlatch("ratchet", "HEAD~..", "--tests", "true", "--json")
    assert (none.code, none.at("reasons", 0, "rule"), none.at("reasons", 0, "verdict")) == (
        0,
        "tests.no-ids",
        "flag",
    )
    shop.git("rm", "-q", "-r", "tests", "suite.sh")
    shop.commit()
    shop.commit(more="y\n")
    empty = shop.nightlatch("ratchet", "HEAD~..", "--json")
    assert (empty.code, empty.at("reasons", 0, "rule"), empty.at("reasons", 0, "verdict")) == (
        0,
        "ratchet.no-tests",
        "flag",
    )


def fingerprint(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if not path.is_dir())
    return sha256(
        b"\0".join(os.fsencode(f) + f.read_bytes() + oct(f.stat().st_mode).encode() for f in files)
    ).hexdigest()


def test_the_repository_and_the_checkout_keep_every_byte(shop: Project) -> None:
    shop.commit(till="1 2 3\n", **{"tests/list": "one grep -q 1 till\ntwo grep -q '2' till\n"})
    shop.write("till", "half an idea\n")
    shop.write("new", "untracked\n")
    before = fingerprint(shop.folder)
    assert shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS).code == 0
    assert fingerprint(shop.folder) == before
    assert not (shop.folder / ".nightlatch").exists()
    shop.write("new", "control")
    assert fingerprint(shop.folder) != before


def test_neither_plan_nor_settings_nor_identity_counts(shop: Project) -> None:
    shop.commit(
        **{
            "loop.toml": "not toml",
            "prd.json": "{",
            "progress.txt": "x",
            "init.sh": "#!/bin/sh\nexit 1\n",
        }
    )
    (shop.folder / "init.sh").chmod(0o755)
    shop.commit()
    shop.commit(till="1 2 4\n")
    for role in ("AUTHOR", "COMMITTER"):
        for what in ("NAME", "EMAIL"):
            shop.monkeypatch.delenv(f"GIT_{role}_{what}")
    shop.git("config", "user.useConfigOnly", "true")
    shop.monkeypatch.setenv("HOME", "/nowhere")
    assert shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS).code == 0


def test_it_works_from_a_subfolder_on_no_branch_and_over_merges(shop: Project) -> None:
    shop.git("switch", "-q", "-c", "side")
    shop.commit("side", side="1\n")
    shop.git("switch", "-q", "main")
    shop.commit("main", **{"tests/list": "one grep -q 1 till\n"})
    shop.git("merge", "-q", "--no-edit", "side")
    shop.git("checkout", "-q", "--detach")
    assert shop.nightlatch("ratchet", "HEAD^2..HEAD", *TESTS, cwd="tests").code == 1
    assert shop.nightlatch("ratchet", "HEAD^1..HEAD", *TESTS, cwd="tests").code == 0


def test_a_submodule_and_a_link_that_leaves_are_seen_without_being_followed(shop: Project) -> None:
    shop.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    shop.git("commit", "-q", "-m", "a submodule")
    told = shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS, "--json")
    assert (told.code, told.at("reasons", 0, "rule")) == (1, "scope.gitlink")
    shop.write("other", "x")
    shop.git("add", "other")
    shop.git("commit", "-q", "-m", "with a submodule in the tree")
    assert shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS).code == 0
    (shop.folder / "out").symlink_to("/etc/passwd")
    shop.git("add", "out")
    shop.git("commit", "-q", "-m", "a link")
    assert (
        shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS, "--json").at("reasons", 0, "rule")
        == "scope.link-leaves-tree"
    )


@pytest.mark.sandbox
def test_the_callers_tools_inside_the_checkout_are_seen_and_edits_of_what_is_tracked_are_not(
    shop: Project,
) -> None:
    shop.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "auto")
    for folder in ("venv", "tools"):
        shop.write(f"{folder}/bin/{folder}-answer", "#!/bin/sh\necho yes\n").chmod(0o755)
    shop.write("node_modules/dep", "")
    shop.commit(**{".gitignore": "venv\nnode_modules\n"})
    shop.commit(till="1 2 5\n")
    shop.write("tools/bin/tools-answer", "#!/bin/sh\necho edited\n")
    shop.monkeypatch.setenv(
        "PATH", f"{shop.folder}/venv/bin:{shop.folder}/tools/bin:{os.environ['PATH']}"
    )
    tests = (
        'test "$(venv-answer)" = yes && test "$(tools-answer)" = yes && test -e node_modules/dep &&'
        " ! touch venv/mine"
    )
    assert shop.nightlatch("ratchet", "HEAD~..HEAD", "--tests", tests).code == 0


def test_annotations_point_at_lines_and_no_test_can_give_commands_to_github(shop: Project) -> None:
    shop.commit(
        **{"tests/list": "one grep -q 1 till\ntwo grep -q 2 till\n::error,file=x::\rowned\n"}
    )
    shop.commit(till="1\n", **{"tests/list": "one grep -q 1 till\n"})
    summary = shop.folder.parent / "summary.md"
    shop.monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    told = shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS, "--github")
    lines = told.out.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    outside = lines[lines.index(f"::{token}::") + 1 :]
    assert len(token) == 32
    assert outside
    assert all(
        line.startswith("::error file=tests/list,line=1,title=ratchet.test-removed::")
        for line in outside
    )
    assert "tests/list::two" in summary.read_text()
    aside = shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS, "--github", "--json")
    assert aside.at("verdict") == "reject"
    assert aside.err.splitlines() == outside


def test_more_than_ten_objections_are_nine_annotations_and_a_summary(shop: Project) -> None:
    shop.commit(**{"tests/list": "".join(f"t{n} true\n" for n in range(20))})
    shop.commit(**{"tests/list": "t0 true\n"})
    lines = [
        line
        for line in shop.nightlatch("ratchet", "HEAD~..HEAD", *TESTS, "--github").out.splitlines()
        if line.startswith("::")
    ][2:]
    assert len(lines) == 10
    assert (
        lines[-1] == "::notice title=nightlatch::and 10 more: the summary of this step has them all"
    )


def crashing(shop: Project, line: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHON": sys.executable}
    return subprocess.run(
        ["sh", "-c", line], cwd=shop.folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        # no file can be written
        ("ulimit -f 0; exec $PYTHON -m nightlatch ratchet HEAD~..HEAD --tests true", 70),
        # a Python without the libraries
        ("exec $PYTHON -S -m nightlatch ratchet HEAD~..HEAD --tests true", 70),
        (
            (
                "NIGHTLATCH_LIMITS_CHECK=soon exec $PYTHON -m nightlatch ratchet HEAD~..HEAD"
                " --tests true"
            ),
            2,
        ),
        ("exec $PYTHON -m nightlatch ratchet HEAD~..HEAD --tests /no/such/program", 4),
    ],
)
def test_a_crash_is_never_a_rejection(shop: Project, line: str, code: int) -> None:
    shop.commit(till="1 2 6\n")
    done = crashing(shop, line)
    assert done.returncode == code, done.stderr
    assert "nightlatch: " in done.stderr


def test_a_crash_leaves_no_trace_in_the_repository(shop: Project) -> None:
    (shop.folder / ".nightlatch").mkdir()
    shop.commit(till="1 2 6\n")
    before = fingerprint(shop.folder)
    done = crashing(
        shop, "ulimit -f 0; exec $PYTHON -m nightlatch ratchet HEAD~..HEAD --tests true --json"
    )
    assert json.loads(done.stdout)["exit"] == 70
    assert fingerprint(shop.folder) == before


def test_a_clone_of_one_commit_says_what_it_lacks(shop: Project) -> None:
    shop.commit(till="1 2 6\n")
    shop.git("clone", "-q", "--depth", "1", f"file://{shop.folder}", "../shallow")
    for name in ("HEAD~", shop.git("rev-parse", "HEAD~")):
        told = shop.nightlatch("ratchet", f"{name}..HEAD", cwd="../shallow")
        assert (told.code, told.err.splitlines()[1]) == (
            2,
            "fix: git fetch --unshallow, in GitHub Actions fetch-depth: 0",
        )


def test_two_forms_of_one_output_are_one_too_many(shop: Project) -> None:
    told = shop.nightlatch("ratchet", "HEAD~..HEAD", "--json", "--sarif")
    assert (told.code, told.at("problem")) == (2, "--json and --sarif cannot be used together")
