"""Every budget and every breaker: a night that it ends or holds up, each with its own sentence,
and one that none of them touches."""

import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from nightlatch.record.progress import LIST_PRICE, RunEnd, parse
from tests.stories.sample_project import Project, feature, make_project, writes
from tests.stories.test_limits import told

pytestmark = pytest.mark.sandbox

MINE = 'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\nevents = "jsonl"\n'


def spends(n: int, usd: float) -> list[dict[str, object]]:
    return [writes(n), {"spend": usd}]


def shop(folder: Path, limits: str = "", features: int = 3) -> Project:
    return make_project(
        folder, [feature(n) for n in range(1, features + 1)], settings=f"[limits]\n{limits}\n"
    )


def stop(said: str) -> str:
    why = next(
        line.split(maxsplit=1)[1] for line in said.splitlines() if line.startswith("    stop")
    )
    return why.removesuffix("; fix: python loop.py doctor")


def words(project: Project) -> list[str]:
    return [entry.word for entry in project.entries()]


def killed_in_its_second_session(project: Project, script: Path) -> None:
    process = project.start("run", "--agent", "scripted", env={"NIGHTLATCH_SCRIPT": str(script)})
    assert process.stderr
    heard = (line for line in process.stderr if " session " in line)
    assert [next(heard), next(heard)]
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_no_session_is_started_that_the_dollars_of_the_run_cannot_pay_for(tmp_path: Path) -> None:
    project = shop(tmp_path, "budget = 1.0")
    said = project.night([spends(1, 0.6), spends(2, 0.4)]).stdout
    assert (
        stop(said)
        == "the budget is too small for another session: $0.40 of $1.00 is left, the last ones took"
        " $0.60 and more"
    )
    assert words(project) == ["landed"]
    said = project.night([spends(2, 0.5), spends(3, 0.5)]).stdout
    assert words(project) == ["landed"] * 3, "another run has its own dollars"


def test_a_run_that_was_killed_is_paid_for_by_the_one_that_goes_on(tmp_path: Path) -> None:
    project = shop(tmp_path, "budget = 1.0")
    killed_in_its_second_session(project, project.script([spends(1, 0.4), [{"hang": True}]]))
    said = project.night([spends(2, 0.4), spends(3, 0.4)]).stdout
    assert (
        stop(said)
        == "the budget is too small for another session: $0.20 of $1.00 is left, the last ones took"
        " $0.40 and more"
    )
    assert words(project) == ["landed", "interrupted", "landed"]
    project.night([spends(3, 0.4)])
    assert words(project)[3:] == ["landed"], "a run that ended is paid for"


def test_the_dollars_of_a_day_are_counted_over_all_its_runs(tmp_path: Path) -> None:
    project = shop(tmp_path, "budget_day = 1.0")
    project.night([spends(1, 1.2)], "--once")
    said = project.night([spends(2, 0.1)]).stdout
    assert stop(said) == "the daily budget is used up: $1.20 of $1.00"
    assert words(project) == ["landed"]
    project.fast_night([spends(2, 0.7), spends(3, 0.7)], "limits.budget_day=2", ahead=86_400)
    assert words(project) == ["landed"] * 3, "the next day is another"


def test_an_hour_that_is_paid_for_is_waited_out(tmp_path: Path) -> None:
    project = shop(tmp_path, "budget_hour = 1.0")
    said = project.fast_night([spends(1, 0.7), spends(2, 0.7), spends(3, 0.7)])
    (at, why), *_ = told(said.stderr, "waiting")
    sessions = [datetime.fromisoformat(minute) for minute, _ in told(said.stderr, "session")]
    assert why.startswith("the hourly budget is used up: $1.40 of $1.00; resuming at ")
    assert timedelta(minutes=55) < sessions[2] - datetime.fromisoformat(at) <= timedelta(hours=1)
    assert words(project) == ["landed"] * 3


def test_tokens_are_counted_over_a_kill_and_a_cost_that_nobody_tells_is_unknown(
    tmp_path: Path,
) -> None:
    limits = "[limits]\nbudget = 1.0\ntokens = 1_000\n"
    project = make_project(tmp_path, [feature(n) for n in (1, 2, 3)], settings=f"{MINE}{limits}")
    uses = '{"kind": "usage", "input": 100, "cached": 400, "output": 100}'
    project.agent(
        f"n=${{NIGHTLATCH_FEATURE#US-00}}; echo '{uses}'; echo $n > n$n.txt; echo '{{\"kind\":"
        ' "result", "ok": true}\''
    )
    project.commit("the agent")
    process = project.start("run")
    assert process.stderr
    assert any(" landed " in line for line in process.stderr)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    said = project.run("run").stdout
    assert stop(said) == "the run's number of tokens is used up: 1,200 of 1,000"
    assert words(project) == ["landed"] * 2
    assert "cost=unknown" in said
    assert "Nightlatch-Cost: unknown" in project.git("log")


def test_a_session_at_work_is_ended_at_its_cap_and_its_work_goes_on_later(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, [feature(1, verify="cat a.txt b.txt")], settings="[limits]\nbudget = 1.0\n"
    )
    half: list[dict[str, object]] = [
        {"write": "a.txt", "text": "a"},
        {"spend": 0.6},
        {"spend": 0.6},
        {"hang": True},
    ]
    said = project.night([half])
    assert stop(said.stdout) == "the budget is used up: $1.20 of $1.00"
    assert project.outcomes() == [("interrupted", "US-001", "agent.budget")]
    says = "    the agent was ended by the budget: the budget is used up: $1.20 of $1.00"
    assert says in project.git("show", "HEAD~1:progress.txt")
    project.night([[{"write": "b.txt", "text": "b"}]], "--budget", "5")
    assert project.passing() == ["US-001"]


def test_what_a_subscription_costs_is_shown_as_a_list_price_and_stops_nothing(
    tmp_path: Path,
) -> None:
    project = make_project(
        tmp_path,
        [feature(1), feature(2)],
        settings=f"{MINE}[limits]\nbudget = 1.0\nbudget_day = 1.0\n",
    )
    lines = (
        '{"kind": "limit", "status": "allowed", "plan": true}',
        '{"kind": "usage", "usd": 5}',
        '{"kind": "result", "ok": true}',
    )
    project.agent(
        "n=${NIGHTLATCH_FEATURE#US-00}; echo $n > n$n.txt\n"
        + "\n".join(f"echo '{line}'" for line in lines)
    )
    project.commit("the agent")
    project.run("run")
    assert words(project) == ["landed", "landed"]
    assert all(LIST_PRICE in entry.details and entry.usd == 5 for entry in project.entries())
    end = next(
        item for item in parse(project.git("show", "HEAD:progress.txt")) if isinstance(item, RunEnd)
    )
    assert (dict(end.fields)["cost"], dict(end.fields)["list-price"]) == ("$0.00", "$10.00")


def test_the_number_of_sessions_the_time_and_the_disk_end_a_night_each_in_its_words(
    tmp_path: Path,
) -> None:
    project = shop(tmp_path)
    assert (
        stop(project.night([[writes(1)]], "--sessions", "1").stdout)
        == "all 1 sessions of this run are used"
    )
    ends = stop(
        project.night([[writes(2), {"sleep": 1.2}]], env={"NIGHTLATCH_LIMITS_WALL": "1s"}).stdout
    )
    assert ends.endswith(", and this run has lasted for limits.wall")
    assert words(project) == ["landed"] * 2
    said = project.night([[writes(3)]], code=4, env={"NIGHTLATCH_LIMITS_DISK": "900TB"}).stdout
    assert stop(said).startswith("only ")
    assert stop(said).endswith("are free on the disk, and limits.disk wants 900000.0 GB")


def test_the_same_fault_three_times_in_a_row_ends_the_night(tmp_path: Path) -> None:
    project = shop(tmp_path, "attempts = 9")
    said = project.night([[{"crash": 3}]], code=4).stdout
    assert stop(said) == "the same fault 3 times in a row: agent.fault"
    assert [rule for _, _, rule in project.outcomes()] == ["agent.fault"] * 3


def test_the_same_refusal_three_times_in_a_row_leaves_the_feature_to_the_person(
    tmp_path: Path,
) -> None:
    project = shop(tmp_path, "attempts = 9", features=1)
    nothing: list[dict[str, object]] = [{"say": "Nothing to do."}]
    said = project.night([nothing], code=3).stdout
    assert (
        stop(said)
        == "nothing left to run: US-001 was rejected 3 times in a row by the same rule, scope.empty"
    )
    project.run("retry", "US-001")
    project.night([[writes(1)]])
    assert project.passing() == ["US-001"]


def test_a_night_in_which_nothing_comes_of_anything_is_ended(tmp_path: Path) -> None:
    project = shop(tmp_path, "attempts = 1", features=13)
    said = project.night([[{"say": "Nothing to do."}]], code=4).stdout
    assert stop(said) == "no progress: nothing came of 12 sessions in a row"


def test_no_breaker_stops_an_honest_night_of_slow_sessions(tmp_path: Path) -> None:
    limits = (
        'budget = 9.0\nbudget_day = 9.0\nbudget_hour = 9.0\ntokens = 100\nwall = "1h"\nfaults ='
        " 1\nattempts = 1\ncontinues = 1\n"
    )
    project = shop(tmp_path, f'{limits}idle = "1s"', features=2)
    slow: dict[str, object] = {"run": "while test $((n += 1)) -lt 400000; do :; done"}
    script = [[*spends(n, 1.0), slow] for n in (1, 2)]
    assert stop(project.night(script).stdout) == "every feature passes"
    assert words(project) == ["landed"] * 2
