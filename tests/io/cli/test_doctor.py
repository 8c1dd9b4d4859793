"""`doctor`: everything that would stop the night is found before it, each with its fix; and
what will prove each feature."""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory

import pytest

from nightlatch.model.models import Feature
from nightlatch.preflight.forecast import (
    BARE,
    NOTHING,
    ONE,
    Diagnostic,
    Level,
    ProofSources,
    bill,
    forecast,
    hurried,
    overhead,
)
from nightlatch.suite.results import CheckStatus, VerifyResult
from tests.io.cli.cli_project import Project, Told, story
from tests.io.run.test_keep_awake import keeper

PLAIN = Feature(id="F", title="", done=False)
WITH = replace(PLAIN, verify=("pytest x",))
TEST = "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): self.assertTrue({})\n"


@pytest.fixture
def ready(project: Project) -> Project:
    """A project whose night would go well, with an agent that answers."""
    project.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "none")
    project.monkeypatch.setenv("NIGHTLATCH_LIMITS_DISK", "1kB")
    project.write("test_a.py", TEST.format("True"))
    log = keeper(project.folder.parent, "systemd-inhibit")
    project.monkeypatch.setenv("PATH", f"{log.parent}:{os.environ['PATH']}")
    agent(project, 'read word; test "$word" && echo ready')
    project.plan(
        story("US-001", verify="cmp -s one test_a.py"),
        story("US-002", acceptanceCriteria=["it works"]),
    )
    project.commit("ready")
    return project


def agent(project: Project, text: str) -> None:
    project.write("agent.sh", f"#!/bin/sh\n{text}\n").chmod(0o755)
    project.write(
        "loop.toml",
        'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\nevents ='
        ' "text"\n[limits]\ntokens = 5000\n',
    )


def findings(told: Told) -> list[tuple[str, str, str]]:
    """(level, topic, says) of all that is not ok."""
    found = json.loads(told.out)["findings"]
    return [(one["level"], one["topic"], one["says"]) for one in found if one["level"] != "ok"]


def test_when_all_is_well_every_line_says_so(ready: Project) -> None:
    told = ready.nightlatch("doctor")
    lines = [line for line in told.out.splitlines() if not line.startswith("ok    ")]
    assert lines == [
        "warn  sandbox: none: agents can read and write everything that you can",
        '      fix: workspace.sandbox = "auto" in loop.toml',
        "      fix: nightlatch plan --prove",
        "nothing would stop the night",
    ]
    assert told.code == 0
    offer = (
        "ok    prove: US-002 has no verify command: an agent can propose one for each, which you"
        " read before it is written\n"
    )
    assert f"{offer}      fix: nightlatch plan --prove\n" in told.out
    assert "ok    agent: mine answered in " in told.out
    assert "ok    base: 1 pass, 0 fail, 0 skipped; 0 of 0 checks pass; " in told.out
    assert (
        "ok    US-001: its verify is red now; green will prove it; 1 to 2 suite runs\n" in told.out
    )
    assert (
        "ok    US-002: no verify: a new test that fails on today's code will prove it, else it"
        " waits for you; 2 suite runs\n" in told.out
    )
    assert (
        "ok    cost: 3 to 4 suite runs of the branch's tests for 2 features, if each lands at its"
        " first session\n" in told.out
    )
    assert ready.git("status", "--porcelain") == ""


@pytest.mark.sandbox
def test_the_sandbox_is_tried_and_the_agent_is_called_inside_it(ready: Project) -> None:
    ready.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "auto")
    agent(ready, f"ls {ready.folder.parent} >&2; test ! -e $HOME/.bashrc && echo ready")
    ready.commit()
    told = ready.nightlatch("doctor")
    assert "ok    sandbox: bubblewrap, tried\n" in told.out
    shared = (
        "agents have the host's network, with what listens on its loopback and on abstract sockets"
    )
    assert f"ok    sandbox: not contained: {shared}\n" in told.out
    assert (
        "warn  sandbox: no limit of memory and processes: a session may use what the machine has\n"
        in told.out
    )
    assert (
        '      fix: workspace.memory = "8GB" and workspace.processes = 2000 in loop.toml\n'
        in told.out
    )
    assert "ok    agent: mine answered in " in told.out


CALLS = """import socket, unittest
class A(unittest.TestCase):
    def test_calls(self): socket.create_connection(("127.0.0.1", {port}), 5).close()
    def test_stays(self): pass
"""


@pytest.mark.sandbox
def test_what_fails_only_for_want_of_the_network_is_named(ready: Project) -> None:
    ready.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "auto")
    with socket.create_server(("127.0.0.1", 0)) as server:
        ready.write("test_a.py", CALLS.format(port=server.getsockname()[1]))
        ready.write("checks/20-own", "#!/bin/sh\nexit 1\n").chmod(0o755)
        ready.commit()
        told = ready.nightlatch("doctor", "--json")
        says = "passes with the network and not without: test_a.py::A::test_calls"
        assert [one for one in findings(told) if one[1] == "network"] == [("warn", "network", says)]
        ready.monkeypatch.setenv("NIGHTLATCH_CHECKS_NETWORK", "true")
        told = ready.nightlatch("doctor", "--json")
        assert "network" not in [topic for _, topic, _ in findings(told)]
        assert "agents and checks have the host's network" in told.out


SOCKETS = """import socket, unittest
class A(unittest.TestCase):
    def test_calls(self): socket.create_connection(("127.0.0.1", {port}), 5).close()
    def test_engine(self):
        with socket.socket(socket.AF_UNIX) as call: call.connect("{path}")
    def test_fails(self): self.fail()
"""


@pytest.mark.sandbox
def test_a_server_that_a_failing_test_calls_is_named_with_the_setting_that_opens_exactly_that(
    ready: Project,
) -> None:
    ready.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "auto")
    path = str(ready.folder.parent / "engine.sock")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as engine:
        engine.bind(path)
        engine.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        ready.write("test_a.py", SOCKETS.format(port=server.getsockname()[1], path=path))
        ready.commit()
        told = ready.nightlatch("doctor", "--json")
        found = [one for one in json.loads(told.out)["findings"] if one["topic"] == "reach"]
        assert [(one["says"], one["fix"].partition(" under ")[0]) for one in found] == [
            (
                (
                    f"calls {path} of this machine, which checks do not reach:"
                    " test_a.py::A::test_engine"
                ),
                f'reach = ["{path}"]',
            ),
            (
                (
                    f"calls {address} of this machine, which checks do not reach:"
                    " test_a.py::A::test_calls"
                ),
                f'reach = ["{address}"]',
            ),
        ]
        assert "what agents write may then do there whatever you may" in found[0]["fix"]
        engine.setblocking(False)
        with pytest.raises(BlockingIOError):  # doctor has called nobody
            engine.accept()
        engine.setblocking(True)
        settings = (ready.folder / "loop.toml").read_text()
        ready.write("loop.toml", f'{settings}[checks]\nreach = ["{address}", "{path}"]\n')
        ready.commit()
        told = ready.nightlatch("doctor", "--json")
        assert "reach" not in [topic for _, topic, _ in findings(told)]
        assert (
            f"not contained: checks reach {address}, {path}: what agents write may then do there"
            " whatever you may" in told.out
        )
        assert "2 pass, 1 fail" in told.out
    Path(path).unlink()
    told = ready.nightlatch("doctor", "--json")
    assert (
        "warn",
        "sandbox",
        f"checks.reach names {path}, but no socket exists there",
    ) in findings(told)


def test_an_agent_that_fails_its_one_word_is_found(ready: Project) -> None:
    agent(ready, "echo 'cannot reach the model' >&2; exit 1")
    ready.commit()
    told = ready.nightlatch("doctor", "--json")
    assert told.code == 1
    assert [(level, topic) for level, topic, _ in findings(told)] == [
        ("warn", "sandbox"),
        ("FAIL", "agent"),
    ]


def test_limits_that_nothing_holds_are_told(ready: Project) -> None:
    more = "[limits]\ntokens = 5000\nattempts = 2\n[workspace]\nprocesses = 9\n"
    ready.write("loop.toml", f'agent = ["mine"]\n[agents.mine]\ncommand = ["nowhere"]\n{more}')
    told = ready.nightlatch("doctor", "--json")
    assert (
        "warn",
        "sandbox",
        "workspace.memory and workspace.processes are not enforced without a sandbox",
    ) in findings(told)
    assert "at most 5,000 tokens a run, 100 sessions" in told.out


def test_an_agent_whose_dollars_no_budget_can_count_is_told(ready: Project) -> None:
    settings = (ready.folder / "loop.toml").read_text()
    ready.write("loop.toml", f"{settings}budget = 20.0\nbudget_hour = 5.0\n")
    told = ready.nightlatch("doctor", "--json")
    says = (
        "mine reports no cost in dollars, so limits.budget, limits.budget_hour cannot count"
        " what it costs"
    )
    assert ("warn", "agent", says) in findings(told)
    assert "at most $20.00 a run, $5.00 an hour, 5,000 tokens a run, 100 sessions" in told.out


def test_an_agent_that_is_not_installed_is_found(ready: Project) -> None:
    ready.write(
        "loop.toml",
        'agent = ["mine", "other"]\n[agents.mine]\ncommand = ["nowhere"]\n[agents.other]\ncommand ='
        ' ["nor-here"]\n',
    )
    told = ready.nightlatch("doctor", "--json")
    assert ("FAIL", "agent", "agent mine is not installed ('nowhere' not found)") in findings(told)
    assert ("warn", "agent", "agent other is not installed ('nor-here' not found)") in findings(
        told
    )
    assert ("warn", "limits", "no budget: 100 sessions may cost any amount") in findings(told)


def test_no_plan_a_broken_one_and_an_empty_one(project: Project) -> None:
    assert "FAIL  plan: there is no plan" in project.nightlatch("doctor").out
    project.write("prd.json", "{")
    told = project.nightlatch("doctor")
    assert told.code == 1
    assert (
        "FAIL  plan: the file ends in the middle (prd.json:1:2)\n      fix: close what is open"
        in told.out
    )
    project.plan()
    assert (
        "FAIL  plan: prd.json has no features\n      fix: add one to it\n"
        in project.nightlatch("doctor").out
    )


def test_readings_that_needed_judgement_are_told(project: Project) -> None:
    project.write("prd.json", '[{"id": "A", "title": "a", "status": "maybe"}]')
    assert (
        "warn  plan: interpreted as: the words maybe are read as not done\n"
        in project.nightlatch("doctor").out
    )


@pytest.mark.parametrize(
    ("arranged", "wanted"),
    [
        (["checkout", "-q", "--detach"], "HEAD is detached, so there is no branch to land on"),
        (["update-ref", "-d", "HEAD"], "the repository has no commits"),
    ],
)
def test_a_repository_that_a_run_would_refuse_is_found(
    project: Project, arranged: list[str], wanted: str
) -> None:
    project.plan(story("US-001"))
    project.commit()
    project.git(*arranged)
    told = project.nightlatch("doctor", "--json")
    assert ("FAIL", "branch", wanted) in findings(told)


def test_what_is_not_committed_is_found(ready: Project) -> None:
    ready.write("checks/10-tests", "true")
    ready.write("test_a.py", "changed")
    told = ready.nightlatch("doctor", "--json")
    assert (
        "warn",
        "branch",
        "the checkout has uncommitted edits: agents see only those to the plan",
    ) in findings(told)
    assert [
        says.partition(" (")[0] for level, topic, says in findings(told) if topic == "committed"
    ] == ["not committed: checks/10-tests"]


def test_a_plan_that_git_does_not_know_yet_is_told(ready: Project) -> None:
    ready.git("rm", "-q", "--cached", "prd.json")
    ready.git("commit", "-q", "-m", "without the plan")
    assert ("warn", "plan", "prd.json is not committed yet: the first run commits it") in findings(
        ready.nightlatch("doctor", "--json")
    )


def test_a_red_branch_is_found(ready: Project) -> None:
    ready.write("checks/20-lint", "#!/bin/sh\nexit 1\n").chmod(0o755)
    ready.plan(story("US-001"))
    ready.commit()
    assert ("FAIL", "base", "the branch itself is red: checks/20-lint") in findings(
        ready.nightlatch("doctor", "--json")
    )


def test_known_failures_are_no_more_than_a_warning(ready: Project) -> None:
    ready.write("test_b.py", TEST.format("False"))
    ready.commit()
    told = ready.nightlatch("doctor")
    assert "warn  base: 1 pass, 1 fail, 0 skipped; " in told.out
    assert told.code == 0


def test_a_full_disk_is_found(ready: Project) -> None:
    ready.monkeypatch.setenv("NIGHTLATCH_LIMITS_DISK", "900TB")
    assert [(level, topic) for level, topic, _ in findings(ready.nightlatch("doctor", "--json"))][
        :1
    ] == [("FAIL", "disk")]


def test_a_full_disk_is_found_also_where_only_the_cache_lies_on_it(ready: Project) -> None:
    with TemporaryDirectory(dir="/dev/shm") as cache:
        free, more = disk_usage(cache).free, disk_usage(ready.folder).free
        if more < 2 * free:
            pytest.skip("no smaller file system is here")
        ready.monkeypatch.setenv("NIGHTLATCH_CACHE", cache)
        ready.monkeypatch.setenv("NIGHTLATCH_LIMITS_DISK", f"{(free + more) // 2_000_000_000}GB")
        assert ("FAIL", "disk") in [
            (level, topic) for level, topic, _ in findings(ready.nightlatch("doctor", "--json"))
        ]


def test_what_is_special_about_a_repository_is_told(ready: Project) -> None:
    ready.write(".gitattributes", "*.bin filter=lfs\n")
    ready.git(
        "update-index", "--add", "--cacheinfo", f"160000,{ready.git('rev-parse', 'HEAD')},vendor"
    )
    ready.git("add", ".gitattributes")
    ready.git("commit", "-q", "-m", "special")
    told = ready.nightlatch("doctor").out
    assert (
        "warn  repository: submodules that this clone does not have are empty in a workspace:"
        " vendor\n" in told
    )
    assert any(
        says in told
        for says in (
            "files behind the filter lfs are shown to agents",
            "git has no filter lfs here",
        )
    )


def test_features_that_wait_for_the_person_are_named(ready: Project) -> None:
    ready.record([ready.session("US-001", "blocked", "asks Which?")])
    assert ("warn", "US-001", "asks: Which?") in findings(ready.nightlatch("doctor", "--json"))


def test_one_feature_alone_is_said_to_be_less_than_a_night(ready: Project) -> None:
    ready.plan(story("US-001", verify="test -f one"))
    ready.commit()
    assert f"warn  overhead: {ONE}\n" in ready.nightlatch("doctor").out


@pytest.mark.parametrize(
    ("feature", "said", "level", "proof", "says"),
    [
        (
            WITH,
            VerifyResult(answer=CheckStatus.RED),
            Level.OK,
            "verify",
            "its verify is red now; green will prove it; 1 to 2 suite runs",
        ),
        (
            WITH,
            VerifyResult(answer=CheckStatus.GREEN),
            Level.WARN,
            "person",
            "its verify is green already",
        ),
        (
            WITH,
            VerifyResult(answer=CheckStatus.FAULT, tail="a\nx: no\n\nexit 127"),
            Level.FAIL,
            "",
            "its verify cannot be run: x: no / exit 127",
        ),
        (
            replace(PLAIN, verify=(" true ",)),
            VerifyResult(answer=CheckStatus.GREEN),
            Level.WARN,
            "person",
            "its verify ( true ) proves nothing: it is always green",
        ),
        (
            PLAIN,
            None,
            Level.OK,
            "proof test",
            (
                "no verify: a new test that fails on today's code will prove it, else it waits for"
                " you; 2 suite runs"
            ),
        ),
    ],
)
def test_what_will_prove_a_feature(
    feature: Feature, said: VerifyResult | None, level: Level, proof: str, says: str
) -> None:
    found = forecast(feature, said, ProofSources(tests=True))
    assert (found.level, found.topic, found.proof, found.says) == (level, "F", proof, says)
    assert bool(found.fix) == (level is not Level.OK)


@pytest.mark.parametrize(
    ("features", "seconds", "says"),
    [
        (
            1,
            0.0,
            (
                "1 to 2 suite runs of the branch's tests for 1 feature, if it lands at its first"
                " session"
            ),
        ),
        (
            2,
            14.0,
            (
                "2 to 4 suite runs of the branch's tests for 2 features, if each lands at its first"
                " session"
            ),
        ),
        (
            2,
            1080.4,
            (
                "2 to 4 suite runs of the branch's tests for 2 features, if each lands at its first"
                " session: about 1h12m"
            ),
        ),
    ],
)
def test_the_forecast_in_suite_runs_and_minutes(features: int, seconds: float, says: str) -> None:
    found = [
        forecast(WITH, VerifyResult(answer=CheckStatus.RED), ProofSources(tests=True))
        for _ in range(features)
    ]
    assert bill(found, seconds).removesuffix(" beside what the agents take") == says


def test_a_session_has_time_for_the_tests() -> None:
    assert hurried(675, 2700) is None
    found = hurried(676, 2700)
    assert found
    assert (found.level, found.says) == (
        Level.WARN,
        "the tests take 11m16s, and one agent has 45m for all of its work",
    )
    assert found.fix == 'session = "1h15m" under [limits] in loop.toml'


def test_a_test_that_its_agent_has_yet_to_write_proves_less_and_a_judge_has_a_say() -> None:
    outlook = ProofSources(tests=True, judge="codex")
    test = "a new test that fails on today's code will prove it, if codex finds the criteria met"
    assert (
        forecast(PLAIN, None, outlook).says
        == f"no verify: {test}, else it waits for you; 2 suite runs"
    )
    found = forecast(WITH, VerifyResult(answer=CheckStatus.RED), outlook, unwritten="test_x.py")
    assert (
        found.says
        == f"its verify runs test_x.py, which its agent has yet to write: {test}; 2 suite runs"
    )


def test_where_there_are_no_tests_yet_one_that_an_agent_brings_may_prove_it() -> None:
    bare = ProofSources(tests=False, checks=False)
    found, fine = forecast(PLAIN, None, bare), Diagnostic(level=Level.OK, topic="", says="")
    assert (found.level, found.proof, bill([found])) == (Level.WARN, "proof test", "")
    assert (
        found.says
        == "no verify, and no tests here yet: one that its agent brings can prove it, else it waits"
        " for you"
    )
    assert overhead([PLAIN, PLAIN], [found, found], bare) == NOTHING
    assert overhead([PLAIN, PLAIN], [found, fine], bare) == BARE
    assert overhead([PLAIN, PLAIN], [found, fine], ProofSources(tests=False)) == ""
    assert overhead([], [], bare) == ""


def test_every_verify_is_asked_and_a_verify_that_writes_is_not_believed_of_the_next(
    ready: Project,
) -> None:
    verifies = [
        "touch two; false",
        "cmp -s two two",
        "exit 3",
        "no-such-program",
        "cat ./test_new.py",
        'sh -c "exit 130"',
    ]
    ready.plan(*(story(f"US-{number}", verify=verify) for number, verify in enumerate(verifies)))
    ready.commit()
    told = ready.nightlatch("doctor", "--json")
    said = {
        one["topic"]: (one["level"], one["says"].partition(":")[0])
        for one in json.loads(told.out)["findings"]
    }
    red, ask = (
        ("ok", "its verify is red now; green will prove it; 1 to 2 suite runs"),
        "its verify cannot be run",
    )
    assert [said[f"US-{number}"] for number in (0, 1, 2, 3)] == [red, red, red, ("FAIL", ask)]
    assert said["US-4"] == ("ok", "its verify runs test_new.py, which its agent has yet to write")
    assert said["US-5"] == ("FAIL", ask)


def test_what_would_stop_the_night_is_found_beside_a_broken_plan(ready: Project) -> None:
    ready.write("checks/20-lint", "#!/bin/sh\n")
    ready.write("prompts/brief.md.j2", "{{ nothing }}")
    ready.commit()
    ready.write("checks/30-more", "")
    agent(ready, "exit 1")
    (ready.folder / "agent.sh").unlink()
    told = findings(ready.nightlatch("doctor", "--json"))
    assert ("FAIL", "agent", "agent mine is not installed ('./agent.sh' not found)") in told
    assert ("warn", "checks", "checks/20-lint is not executable, so it never runs") in told
    assert [topic for level, topic, _ in told if level == "FAIL"] == [
        "committed",
        "prompts",
        "agent",
    ]
    ready.write("prd.json", "{")
    told = findings(ready.nightlatch("doctor", "--json"))
    assert [topic for level, topic, _ in told if level == "FAIL"] == ["plan", "committed", "agent"]


def test_a_run_says_by_itself_how_it_read_the_plan_and_which_checks_never_run(
    ready: Project,
) -> None:
    ready.write("checks/20-lint", "#!/bin/sh\n")
    ready.write("prd.json", '[{"id": "A", "title": "a", "status": "maybe", "hold": true}]')
    ready.commit()
    said = [
        line.split(maxsplit=2)[2]
        for line in ready.nightlatch("run").err.splitlines()
        if line.split()[1] == "doctor"
    ]
    fix = "fix: chmod +x checks/20-lint && git commit checks/20-lint -m checks"
    assert "interpreted as: the words maybe are read as not done" in said
    assert said[-1] == f"checks/20-lint is not executable, so it never runs; {fix}"


def test_a_plan_with_nothing_to_run_would_stop_the_night(ready: Project) -> None:
    ready.plan(story("US-001", skip=True))
    ready.commit()
    told = ready.nightlatch("doctor", "--json")
    assert ("FAIL", "plan", "every feature is skipped: there is nothing to work on") in findings(
        told
    )
    ready.plan(story("US-001", passes=True))
    ready.commit()
    told = ready.nightlatch("doctor", "--json")
    assert ("warn", "plan", "every feature passes: there is nothing to do") in findings(told)
    assert told.code == 0


def test_it_says_who_judges_and_whether_held_back_checks_can_be_hidden(ready: Project) -> None:
    assert (
        "ok    judge: no judge is set: a proof test is enough, and work without one waits for you\n"
        in ready.nightlatch("doctor").out
    )
    held = ready.folder.parent / "held"
    held.mkdir()
    ready.monkeypatch.setenv("NIGHTLATCH_CHECKS_HELD_BACK", str(held))
    ready.monkeypatch.setenv("NIGHTLATCH_JUDGE_AGENT", "codex")
    ready.monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert findings(ready.nightlatch("doctor", "--json"))[1:] == [
        ("warn", "judge", "codex is set as the judge and is not installed"),
        ("warn", "held-back", f"no executable in {held}"),
        ("warn", "held-back", "without a sandbox agents can read the held-back checks"),
    ]
    (held / "10-a").write_text("#!/bin/sh\n")
    (held / "10-a").chmod(0o755)
    program = ready.write("tools/codex", "#!/bin/sh\n")
    program.chmod(0o755)
    ready.monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    ready.monkeypatch.setenv("NIGHTLATCH_JUDGE_WHEN", "always")
    told = ready.nightlatch("doctor").out
    assert (
        "ok    judge: codex judges every feature; codex is billed to the account it is logged in"
        " to\n" in told
    )
    assert "ok    held-back: 1 held-back checks\n" in told


def test_what_fails_comes_first_then_what_is_worth_knowing_then_the_forecast(
    ready: Project,
) -> None:
    agent(ready, "exit 1")
    ready.commit("the agent fails")
    told = ready.nightlatch("doctor")
    first = [
        line[:5].strip() for line in told.out.splitlines() if line[:4] in ("FAIL", "warn", "ok  ")
    ]
    topics = [
        line[6:].partition(":")[0]
        for line in told.out.splitlines()
        if line[:4] in ("FAIL", "warn", "ok  ")
    ]
    assert first[:2] == ["FAIL", "warn"]
    assert max(n for n, level in enumerate(first) if level == "FAIL") < min(
        n for n, level in enumerate(first) if level == "warn"
    )
    assert (
        topics.index("sandbox")
        < topics.index("US-001")
        < topics.index("cost")
        < topics.index("base")
    )
