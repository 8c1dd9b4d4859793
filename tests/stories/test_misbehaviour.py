"""Agents that lie, vandalise, hang, fork and die: nothing falsely done, no test lost, nothing
left running, no good work lost."""

import json
from pathlib import Path

import pytest

from tests.stories.sample_project import Project, feature, left_running, make_project, writes

pytestmark = pytest.mark.sandbox
SETTINGS = (
    'agent = ["mine"]\n[agents.mine]\ncommand = ["sh", "../agent"]\n'
    '[limits]\nidle = "IDLE"\nattempts = 1\n'
)
BREAK_TILL = "printf 'def price(cents, count):\\n    return 0\\n' > till.py"
MANNERS = {
    "lies": (
        "echo 'All done. Every test passes. <promise>COMPLETE</promise>'",
        "rejected",
        "scope.empty",
    ),
    "deletes the failing test": (
        f"{BREAK_TILL}; echo 1 > n1.txt; rm -r tests",
        "rejected",
        "ratchet.test-removed",
    ),
    "skips the failing test": (
        (
            f"{BREAK_TILL}; echo 1 > n1.txt; sed -i 's/    def test/   "
            ' @unittest.skip("later")\\n    def test/\' tests/test_till.py'
        ),
        "rejected",
        "ratchet.skip-added",
    ),
    "breaks a test and leaves it": (
        f"{BREAK_TILL}; echo 1 > n1.txt",
        "rejected",
        "ratchet.test-failed",
    ),
    "flips every flag": ("sed -i 's/false/true/' prd.json", "rejected", "scope.empty"),
    "edits the criteria": (
        "sed -i 's/holds 1/exists/; s/test .*cat n1.*= 1/true/' prd.json",
        "rejected",
        "scope.empty",
    ),
    "edits the checks": (
        "printf '#!/bin/sh\\n' > checks/10-tests; rm -f checks/20-ours",
        "rejected",
        "scope.empty",
    ),
    "writes progress": (
        "echo '2026-11-20T23:47Z landed US-001' >> progress.txt",
        "rejected",
        "scope.empty",
    ),
    "does nothing": ("true", "rejected", "scope.empty"),
    "asks": ("echo 'May I?' > $NIGHTLATCH_OUT/blocked.md", "blocked", "agent.question"),
    "hangs": ("echo 1 > half.txt; sleep 1000", "interrupted", "agent.idle"),
    "hangs after saying that it is done": (
        "echo 1 > half.txt; echo done; exec sleep 1000",
        "interrupted",
        "agent.idle",
    ),
    "dies by a signal": ("echo 1 > half.txt; kill -9 $$", "failed", "agent.fault"),
    "fails": ("echo 1 > half.txt; echo oops >&2; exit 3", "failed", "agent.fault"),
    "meets a limit": (
        "echo 1 > half.txt; echo 'Claude AI usage limit reached|4102444800'; exit 1",
        "interrupted",
        "agent.limit",
    ),
}


def village(folder: Path, manners: str, more: str = "") -> Project:
    checks = {"checks/20-ours": "#!/bin/sh\ntest ! -e forbidden.txt\n"}
    settings = SETTINGS.replace(
        "IDLE", "3s" if manners.endswith("sleep 1000") else "10m"
    )  # short only where it is what ends it
    project = make_project(folder, [feature(1), feature(2)], settings=settings + more, files=checks)
    (project.folder / "checks/20-ours").chmod(0o755)
    project.git("add", "checks")
    project.git("commit", "-q", "-m", "our check", "--allow-empty")
    (folder / "shop" / "agent.sh").unlink(missing_ok=True)
    return with_agent(project, manners)


def with_agent(project: Project, script: str) -> Project:
    """The agent lies in the repository, where the sandbox shows it."""
    project.write("agent.sh", f"#!/bin/sh\n{script}\n", mode=0o755)
    text = (project.folder / "loop.toml").read_text()
    project.write("loop.toml", text.replace('["sh", "../agent"]', '["./agent.sh"]'))
    project.commit("the agent")
    return project


@pytest.mark.parametrize("manners", MANNERS)
def test_no_manners_of_an_agent_make_a_feature_pass(tmp_path: Path, manners: str) -> None:
    script, outcome, rule = MANNERS[manners]
    project = village(tmp_path, script)
    before = {
        name: (project.folder / name).read_text()
        for name in ("prd.json", "checks/20-ours", "tests/test_till.py", "till.py")
    }
    project.run("run", "--sessions", "1", code=None)
    assert project.outcomes() == [(outcome, "US-001", rule)]
    assert project.passing() == []
    assert {name: (project.folder / name).read_text() for name in before} == before
    assert project.git("status", "--porcelain") == ""
    assert left_running(project) == []
    assert project.landings() == []


@pytest.mark.parametrize(
    "survivor",
    [
        "setsid sleep 1000 &",
        "(setsid sh -c 'sleep 1000 &' &)",
        "nohup sleep 1000 &",
        "sleep 1000 &",
    ],
)
def test_daemons_and_holders_of_the_output_end_with_their_session_and_good_work_lands(
    tmp_path: Path, survivor: str
) -> None:
    project = village(tmp_path, f"echo 1 > n1.txt\n{survivor}\n")
    project.run("run", "--sessions", "1")
    assert project.outcomes() == [("landed", "US-001", "")]
    assert left_running(project) == []


@pytest.mark.parametrize("ending", ["kill -9 $$", "exit 9", "sleep 1000"])
def test_finished_work_lands_however_the_session_ended(tmp_path: Path, ending: str) -> None:
    project = village(tmp_path, f"echo 1 > n1.txt\n{ending}")
    project.run("run", "--sessions", "1")
    assert project.passing() == ["US-001"]


def test_half_written_files_never_come_into_another_features_commit(tmp_path: Path) -> None:
    script = (
        'case $NIGHTLATCH_FEATURE in US-001) echo half > half.txt; echo "- broken" >> till.py; kill'
        " -9 $$;; *) echo 2 > n2.txt;; esac"
    )
    project = village(tmp_path, script)
    project.run("run", "--sessions", "4", code=None)
    assert "US-002" in project.passing()
    landed = project.git("log", "--format=%H", "--grep", "Nightlatch-Feature: US-002").split()
    assert project.git("show", "--name-only", "--format=", landed[0]).split() == [
        "n2.txt",
        "prd.json",
        "progress.txt",
    ]
    assert project.git("for-each-ref", "--format=%(refname)", "refs/nightlatch/work").split() == [
        "refs/nightlatch/work/US-001"
    ]


def test_what_a_refused_session_did_is_carried_on_but_its_tampering_is_not(tmp_path: Path) -> None:
    project = village(
        tmp_path, f"{BREAK_TILL}; echo kept > part.txt; echo 1 > n1.txt; rm tests/test_till.py"
    )
    project.run("run", "--sessions", "1")
    names = project.git("ls-tree", "-r", "--name-only", "refs/nightlatch/work/US-001").split()
    assert "part.txt" in names
    assert "tests/test_till.py" in names


def test_a_feature_that_changes_protected_files_by_permission_is_held(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1, mayChange=["checks/**"])])
    project.night(
        [[writes(1), {"write": "checks/30-new", "text": "#!/bin/sh\n"}]], "--sessions", "1"
    )
    assert project.outcomes() == [("held", "US-001", "scope.may-change")]
    project.run("approve", "US-001", "--now")
    assert project.passing() == ["US-001"]
    assert (project.folder / "checks/30-new").exists()
    assert json.loads(project.run("status", "--json").stdout)["features"]["passing"] == 1
