"""Agents found, given a private home, run and read; the scripted agent is the program that is
run."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from nightlatch.agents import registry_io
from nightlatch.agents.credentials_io import lend, read_inside
from nightlatch.agents.registry_io import (
    AgentClocks,
    AgentFiles,
    AgentHooks,
    AgentInvocation,
    AgentRun,
)
from nightlatch.errors import ConfigError, FaultError
from nightlatch.model.budget import Budget, SpendCap
from nightlatch.model.models import End, Event, Kind
from nightlatch.project.config.settings import AgentSettings
from nightlatch.sandbox.base import SandboxSpec
from nightlatch.sandbox.find import find_sandbox
from nightlatch.sandbox.none import NoSandbox
from nightlatch.sandbox.process.supervisor import Timeouts
from tests import PATIENCE
from tests.io.sandbox.clocks import Since, Talked

UNCAPPED = SpendCap()
QUICK = Timeouts(wall=PATIENCE, idle=PATIENCE, tool=PATIENCE, grace=1, linger=1, tick=0.05)


class Bench:
    """A folder to work in, a home, and a script for the scripted agent."""

    def __init__(self, folder: Path, setting: str = "none") -> None:
        self.folder, self.setting, self.events = folder, setting, list[Event]()
        self.environ = {"HOME": str(folder / "me"), "PATH": os.environ["PATH"]}
        for name in ("tree", "home", "out", "me"):
            (folder / name).mkdir()
        (folder / "brief.md").write_text("Make it so.")

    def invocation(self, limits: Timeouts = QUICK) -> AgentInvocation:
        out = self.folder / "out"
        room = SandboxSpec(
            tree=self.folder / "tree",
            at=self.folder / "tree",
            home=self.folder / "home",
            cwd=".",
            env={**self.environ, "NIGHTLATCH_OUT": str(out), "NIGHTLATCH_FEATURE": "US-001"},
            writable=((out, out),),
        )
        return AgentInvocation(
            project=self.folder,
            files=AgentFiles(
                brief=self.folder / "brief.md", out=out, transcript=self.folder / "transcript"
            ),
            spec=room,
            sandbox=find_sandbox(self.setting),
            environ=self.environ,
            limits=limits,
            hooks=AgentHooks(on_event=self.events.append),
        )

    def script(
        self, script: object, limits: Timeouts = QUICK, cap: SpendCap = UNCAPPED, **env: str
    ) -> AgentRun:
        (self.folder / "script.json").write_text(json.dumps(script))
        self.environ |= {"NIGHTLATCH_SCRIPT": str(self.folder / "script.json")}
        invocation = self.invocation(limits)
        return registry_io.invoke(
            registry_io.load("scripted", {}),
            replace(
                invocation,
                cap=cap,
                spec=replace(invocation.spec, env={**invocation.spec.env, **env}),
            ),
        )

    def own(
        self,
        text: str,
        limits: Timeouts = QUICK,
        clock: Callable[[], float] = monotonic,
        **settings: object,
    ) -> AgentRun:
        program = self.folder / "mine.sh"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        given: Mapping[str, object] = {"command": (str(program),), **settings}
        agent = registry_io.load("mine", {"mine": AgentSettings(**given)})  # type: ignore[arg-type]  # settings are told by keyword
        clocks = AgentClocks(steady=clock)
        return registry_io.invoke(agent, replace(self.invocation(limits), clocks=clocks))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_scripted_agent_works_and_finishes(bench: Bench) -> None:
    write, append = {"write": "a/b.py", "text": "x = 1\n"}, {"append": "a/b.py", "text": "y = 2\n"}
    ran = bench.script([[write, append, {"run": "echo $NIGHTLATCH_FEATURE > f"}, {"say": "Hi"}]])
    assert ran.end.end is End.FINISHED
    assert ran.summary.output.words == "Hi"
    assert (bench.folder / "tree/a/b.py").read_text() == "x = 1\ny = 2\n"
    assert (bench.folder / "tree/f").read_text() == "US-001\n"
    assert [e.kind for e in bench.events][:3] == [Kind.SESSION, Kind.TOOL_CALL, Kind.TOOL_RESULT]
    assert b'"kind": "result"' in (bench.folder / "transcript").read_bytes()


@pytest.mark.sandbox
def test_the_scripted_agent_works_in_the_sandbox(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "bubblewrap")
    ran = bench.script(
        [
            [
                {"write": "a.txt", "text": "a"},
                {"run": "cat $NIGHTLATCH_BRIEF > brief"},
                {"ask": "Which colour?"},
            ]
        ]
    )
    assert (ran.end.end, ran.end.question) == (End.BLOCKED, "Which colour?")
    assert (tmp_path / "tree/brief").read_text() == "Make it so."
    assert sorted(p.name for p in (tmp_path / "tree").iterdir()) == ["a.txt", "brief"]


@pytest.mark.sandbox
@pytest.mark.parametrize("memory", [96_000_000, 0])
def test_an_agent_that_used_up_its_memory_is_told_apart_from_one_that_was_killed(
    bench: Bench, memory: int
) -> None:
    agent = registry_io.load(
        "mine",
        {
            "mine": AgentSettings(
                command=("sh", "-c", "python3 -c 'x = bytearray(200_000_000)'; kill -9 $$")
            )
        },
    )
    sandbox = find_sandbox("auto", memory)
    if memory and not sandbox.bounds.groups:
        pytest.skip("no control group can be made here")
    end = registry_io.invoke(agent, replace(bench.invocation(), sandbox=sandbox)).end
    assert (end.end, "because workspace.memory was used up" in end.says) == (
        End.FAULT,
        bool(memory),
    )


@pytest.mark.parametrize(
    ("session", "wanted"), [("r-1-s01", "one"), ("r-1-s02", "two"), ("r-1-s07", "two")]
)
def test_the_script_has_one_list_for_each_session_and_the_last_repeats(
    bench: Bench, session: str, wanted: str
) -> None:
    assert (
        bench.script(
            [[{"say": "one"}], [{"say": "two"}]], NIGHTLATCH_SESSION=session
        ).summary.output.words
        == wanted
    )


def test_a_script_can_have_lists_for_each_feature(bench: Bench) -> None:
    script = {"US-001": [[{"say": "first"}], [{"say": "second"}]], "*": [[{"say": "any"}]]}
    assert (
        bench.script(
            script, NIGHTLATCH_SESSION_NUMBER="9", NIGHTLATCH_FEATURE_SESSION="1"
        ).summary.output.words
        == "first"
    )
    assert bench.script(script, NIGHTLATCH_FEATURE="US-002").summary.output.words == "any"


@pytest.mark.parametrize(
    ("steps", "end"),
    [
        ([{"limit": "You've hit your limit · resets 3am (UTC)"}], End.LIMIT),
        ([{"limit": 4102444800}], End.LIMIT),
        ([{"crash": 3}], End.FAULT),
        ([{"crash": "KILL"}], End.FAULT),
        ([{"nonsense": 1}], End.FAULT),
        (
            [{"say": "You've hit your usage limit. Please run /login. Prompt is too long."}],
            End.FINISHED,
        ),
    ],
)
def test_each_way_of_ending_is_told_apart(
    bench: Bench, steps: list[dict[str, object]], end: End
) -> None:
    assert bench.script([steps]).end.end is end


def test_where_an_api_key_pays_claude_ends_itself_at_what_is_left(bench: Bench) -> None:
    (bench.folder / "claude").write_text("#!/bin/sh\n")
    (bench.folder / "claude").chmod(0o755)
    agent, left = (
        registry_io.load("claude", {}),
        SpendCap(purses=(Budget(what="the budget", most=20, spent=18.5),)),
    )
    bench.environ["PATH"] = f"{bench.folder}:{bench.environ['PATH']}"
    for key, cap in (("sk-ant-no-key", ["--max-budget-usd", "1.50"]), ("", [])):
        invocation = replace(
            bench.invocation(), cap=left, environ={**bench.environ, "ANTHROPIC_API_KEY": key}
        )
        argv = registry_io.argv_of(agent, invocation, registry_io.furnished(agent, invocation))
        assert argv[len(agent.command) :] == cap


def test_an_agent_is_ended_at_its_cap_and_says_so(bench: Bench) -> None:
    left = SpendCap(purses=(Budget(what="the budget", most=2, spent=1),))
    end = bench.script([[{"spend": 0.6}, {"spend": 0.6}, {"hang": True}]], cap=left).end
    assert (end.end, end.says, end.usage.usd) == (
        End.BUDGET,
        "the budget is used up: $2.20 of $2.00",
        1.2,
    )


def test_a_reset_time_comes_with_a_limit(bench: Bench) -> None:
    assert bench.script([[{"limit": 4102444800}]]).end.window.resets_at is not None
    assert bench.script([[{"limit": "usage limit reached"}]]).end.window.resets_at is None


def test_the_clocks_here_know_of_summer_time() -> None:
    code = (
        "import datetime; from nightlatch.agents.registry_io import local;"
        " print(repr(local(datetime.datetime.now())))"
    )
    environ = {**os.environ, "TZ": "Europe/Berlin"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    ).stdout
    assert "ZoneInfo(key='Europe/Berlin')" in told


def test_what_was_spent_before_a_crash_is_counted(bench: Bench) -> None:
    assert bench.script([[{"spend": 1.25}, {"spend": 2.5}, {"crash": 1}]]).end.usage.usd == 3.75


def test_an_agent_that_hangs_is_ended_as_idle(bench: Bench) -> None:
    assert bench.script([[{"hang": True}]], replace(QUICK, idle=0.3)).end.end is End.IDLE


def test_an_agent_that_ignores_being_asked_is_ended_all_the_same(bench: Bench) -> None:
    assert (
        bench.script([[{"hang": "stubborn"}]], replace(QUICK, wall=0.5, grace=0.2)).end.end
        is End.WALL
    )


def test_an_agent_that_hangs_after_its_result_has_finished(bench: Bench) -> None:
    assert (
        bench.script(
            [[{"write": "a", "text": ""}, {"hang_after": True}]], replace(QUICK, linger=0.2)
        ).end.end
        is End.FINISHED
    )


def test_an_agent_that_leaves_a_daemon_holding_its_output_ends(bench: Bench) -> None:
    ran = bench.script([[{"fork": "sleep 3000"}, {"say": "left"}]])
    assert (ran.end.end, ran.summary.output.words) == (End.FINISHED, "left")
    assert ran.end.seconds < PATIENCE


def test_an_agent_that_does_nothing_but_retry_is_ended_and_at_fault(bench: Bench) -> None:
    retrying = (
        """while :; do echo '{"kind": "retry", "text": "waiting for network"}'; sleep 0.05; done"""
    )
    ran = bench.own(
        retrying, replace(QUICK, idle=0.5), Since(lambda: bool(bench.events)), events="jsonl"
    )
    assert (ran.end.end, ran.end.says) == (End.FAULT, "waiting for network")


def test_an_agent_that_goes_on_after_a_retry_is_not_ended_for_it(bench: Bench) -> None:
    """Its clock goes by what it says: four times as long as it may only retry."""
    one = """echo '{"kind": "retry"}'; sleep 0.1; echo '{"kind": "message", "text": "on"}'; sleep 0.1;"""
    script = one * 8 + """echo '{"kind": "result", "ok": true}'"""
    ran = bench.own(
        script, replace(QUICK, idle=4), Talked(lambda: len(bench.events)), events="jsonl"
    )
    assert ran.end.end is End.FINISHED


def test_a_command_of_the_persons_own_gets_the_brief_on_standard_input(bench: Bench) -> None:
    ran = bench.own("cat; echo; echo done")
    assert (ran.end.end, ran.summary.output.words) == (End.FINISHED, "Make it so.\ndone\n")


def test_a_command_that_names_the_brief_gets_its_file_and_no_input(bench: Bench) -> None:
    program = bench.folder / "mine.sh"
    ran = bench.own('cat; cat "$1"', command=(str(program), "{brief}"))
    assert ran.summary.output.words == "Make it so.\n"


def test_an_agent_that_wants_a_terminal_gets_one(bench: Bench) -> None:
    ran = bench.own(
        'test -t 0 && test -t 1 && IFS= read -r line && echo "terminal: $line"', tty=True
    )
    assert ran.end.end is End.FINISHED
    assert "terminal: Make it so." in ran.summary.output.words


def test_a_person_who_asks_for_the_end_gets_it(bench: Bench) -> None:
    agent = registry_io.load("scripted", {})
    (bench.folder / "script.json").write_text('[[{"hang": true}]]')
    bench.environ["NIGHTLATCH_SCRIPT"] = str(bench.folder / "script.json")
    ran = registry_io.invoke(
        agent, replace(bench.invocation(), hooks=AgentHooks(stop=lambda: True))
    )
    assert ran.end.end is End.STOPPED


def test_memory_stays_bounded_with_a_line_of_fifty_megabytes(bench: Bench) -> None:
    long = f"{sys.executable} -c 'import sys; sys.stdout.write(\"x\" * 50_000_000)'; echo; echo end"
    ran = bench.own(long, events="text")
    assert ran.end.end is End.FINISHED
    assert ran.summary.output.words.endswith("end\n")
    assert sum(len(e.raw) + len(e.text) for e in bench.events) < 1_000_000


@pytest.mark.parametrize(
    "trick", ["ln -s ~/secret.txt $NIGHTLATCH_OUT/blocked.md", "mkfifo $NIGHTLATCH_OUT/blocked.md"]
)
def test_a_question_is_never_read_through_a_link_nor_waited_for_at_a_pipe(
    bench: Bench, trick: str
) -> None:
    (bench.folder / "me/secret.txt").write_text("secret\n")
    ran = bench.script([[{"run": trick}]])
    assert (ran.end.end, ran.end.question) == (End.FINISHED, "")


def lent(tmp_path: Path, text: str = '{"token": 1}') -> tuple[Path, Path]:
    home, private = tmp_path / "me", tmp_path / "private"
    (home / ".cli").mkdir(parents=True)
    private.mkdir()
    (home / ".cli/auth.json").write_text(text)
    return home / ".cli/auth.json", private / ".cli/auth.json"


def test_refreshed_credentials_come_home_and_settings_do_not(tmp_path: Path) -> None:
    own, copy = lent(tmp_path)
    (own.parent / "settings.json").write_text("{}")
    loan = lend((".cli/auth.json",), (".cli/settings.json",), tmp_path / "me", tmp_path / "private")
    copy.write_text('{"token": 2}')
    (copy.parent / "settings.json").write_text('{"hooks": 1}')
    loan.bring_back()
    assert own.read_text() == '{"token": 2}'
    assert (own.parent / "settings.json").read_text() == "{}"
    copy.write_text('{"token": 3}')
    loan.bring_back()
    assert own.read_text() == '{"token": 3}'


@pytest.mark.parametrize("left", ["", "no json", "[]"])
def test_credentials_that_no_longer_parse_stay_away(tmp_path: Path, left: str) -> None:
    own, copy = lent(tmp_path)
    loan = lend((".cli/auth.json",), (), tmp_path / "me", tmp_path / "private")
    copy.write_text(left)
    loan.bring_back()
    assert own.read_text() == '{"token": 1}'


def test_a_login_that_the_person_renewed_meanwhile_is_never_overwritten(tmp_path: Path) -> None:
    own, copy = lent(tmp_path)
    loan = lend((".cli/auth.json",), (), tmp_path / "me", tmp_path / "private")
    own.write_text('{"token": 9}')
    copy.write_text('{"token": 2}')
    loan.bring_back()
    assert own.read_text() == '{"token": 9}'


def test_credentials_are_never_brought_back_through_a_link(tmp_path: Path) -> None:
    own, copy = lent(tmp_path)
    loan = lend((".cli/auth.json",), (), tmp_path / "me", tmp_path / "private")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/auth.json").write_text('{"other": "secret"}')
    copy.unlink()
    copy.parent.rmdir()
    copy.parent.symlink_to(tmp_path / "elsewhere")
    loan.bring_back()
    assert own.read_text() == '{"token": 1}'


def test_a_link_that_an_earlier_session_left_is_not_written_through(tmp_path: Path) -> None:
    _, copy = lent(tmp_path)
    (tmp_path / "target").mkdir()
    copy.parent.symlink_to(tmp_path / "target")
    lend((".cli/auth.json",), (), tmp_path / "me", tmp_path / "private")
    assert copy.read_text() == '{"token": 1}'
    assert not list((tmp_path / "target").iterdir())


def test_folders_are_lent_whole_and_links_in_them_are_followed(tmp_path: Path) -> None:
    own, copy = lent(tmp_path)
    (own.parent / "also.json").symlink_to(own)
    (own.parent / "gone").symlink_to(tmp_path / "nothing")
    lend((), (".cli",), tmp_path / "me", tmp_path / "private")
    assert copy.with_name("also.json").read_text() == '{"token": 1}'
    assert not copy.with_name("also.json").is_symlink()
    shutil.rmtree(tmp_path / "private/.cli")
    assert read_inside(tmp_path / "private", ".cli/auth.json") is None


@pytest.mark.sandbox
@pytest.mark.parametrize("last", ["exit 0", "sleep 60"])
def test_a_refreshed_login_is_safe_at_once_and_not_only_at_the_end(
    tmp_path: Path, last: str
) -> None:
    """The old token may be worthless from then on: a loop that is killed must not take the new
    one with it."""
    bench = Bench(tmp_path, "bubblewrap")
    own = tmp_path / "me/.cli/auth.json"
    own.parent.mkdir()
    own.write_text('{"token": 1}')
    agent = replace(
        registry_io.load("mine", {"mine": AgentSettings(command=("sh", "-c", REFRESH + last))}),
        credentials=(".cli/auth.json",),
    )
    hooks = AgentHooks(stop=lambda: last != "exit 0" and "2" in own.read_text())
    seen = registry_io.invoke(agent, replace(bench.invocation(), hooks=hooks))
    assert own.read_text() == '{"token": 2}'
    assert seen.end.end is (End.FINISHED if last == "exit 0" else End.STOPPED)


REFRESH = """grep -q 1 ~/.cli/auth.json && echo '{"token": 2}' | tr -d '\\n' > ~/.cli/auth.json; """


@pytest.mark.parametrize("name", registry_io.shipped())
def test_every_shipped_agent_loads_and_says_what_it_needs(name: str) -> None:
    agent = registry_io.load(name, {})
    assert agent.shipped
    assert agent.tested
    assert not any("{model}" in word for word in agent.command)
    assert all(not path.startswith(("/", "~")) for path in (*agent.home, *agent.credentials))


def test_the_brief_never_stands_on_a_command_line() -> None:
    """Only its file's name may, for the agents that read nothing else."""
    by_file = {
        name
        for name in registry_io.shipped()
        if any("{brief}" in word for word in registry_io.load(name, {}).command)
    }
    assert by_file == {"aider", "copilot", "mini-swe-agent"}


def test_a_shipped_agent_takes_the_persons_model_arguments_and_environment() -> None:
    agent = registry_io.load(
        "claude",
        {
            "claude": AgentSettings(
                args=("--max-turns", "9"), model="opus", env={"A": "1"}, home=(".x",)
            )
        },
    )
    assert agent.command[-4:] == ("--model", "opus", "--max-turns", "9")
    assert (agent.env["A"], agent.env["DISABLE_AUTOUPDATER"], agent.home[-1]) == ("1", "1", ".x")
    assert (
        registry_io.load("claude", {"claude": AgentSettings(model="opus")}, model="haiku").model
        == "haiku"
    )


def test_an_unknown_agent_is_named_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError) as error:
        registry_io.load("cluade", {})
    assert error.value.fix == "did you mean claude?"


def test_an_unknown_dialect_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown event dialect 'yaml'"):
        registry_io.load("mine", {"mine": AgentSettings(command=("x",), events="yaml")})


def test_a_missing_program_is_a_fault_with_a_fix(tmp_path: Path) -> None:
    with pytest.raises(FaultError) as error:
        registry_io.find(registry_io.load("claude", {}), tmp_path, {"PATH": str(tmp_path)})
    assert "claude" in error.value.problem
    assert error.value.fix


def test_a_program_of_the_project_is_found_there(tmp_path: Path) -> None:
    agent = registry_io.load("mine", {"mine": AgentSettings(command=("./mine.sh",))})
    assert registry_io.which(agent, tmp_path, {}) is None
    (tmp_path / "mine.sh").write_text("#!/bin/sh\n")
    (tmp_path / "mine.sh").chmod(0o755)
    assert registry_io.which(agent, tmp_path, {}) == tmp_path / "mine.sh"


def test_who_is_billed_is_told_by_the_environment() -> None:
    claude = registry_io.load("claude", {})
    assert (
        registry_io.billed(claude, {"ANTHROPIC_API_KEY": "x"})
        == "claude is billed to the API key in ANTHROPIC_API_KEY"
    )
    assert registry_io.billed(claude, {}) == "claude is billed to the account it is logged in to"


def test_only_the_variables_that_an_agent_needs_are_passed(bench: Bench) -> None:
    bench.environ |= {"ANTHROPIC_API_KEY": "for claude", "OPENAI_API_KEY": "not for claude"}
    claude = replace(registry_io.load("claude", {}), command=("sh",))
    invocation = replace(
        bench.invocation(),
        spec=SandboxSpec(tree=bench.folder, at=bench.folder, home=bench.folder, env={}),
    )
    env = registry_io.furnished(claude, replace(invocation, sandbox=NoSandbox())).env
    assert env["ANTHROPIC_API_KEY"] == "for claude"
    assert "OPENAI_API_KEY" not in env
