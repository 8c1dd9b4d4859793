"""Nights that meet limits: they wait and go on where they were, another agent stands in, or a
person is asked."""

import re
import signal
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.stories.sample_project import Project, Steps, feature, make_project, writes

pytestmark = pytest.mark.sandbox

WHOLE = "cat a.txt b.txt c.txt"
PART = {name: {"write": f"{name}.txt", "text": f"{name}\n"} for name in "abc"}


def in_hours(hours: float) -> int:
    """A full minute, as epoch seconds."""
    return int((datetime.now(UTC) + timedelta(hours=hours)).timestamp()) // 60 * 60


def shown(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M}"


def soon_after(minute: str, second: int) -> bool:
    """A minute of jitter, and one for a slow machine."""
    return (
        timedelta()
        <= datetime.fromisoformat(minute) - datetime.fromisoformat(shown(second))
        <= timedelta(minutes=2)
    )


def told(said: str, word: str) -> list[tuple[str, str]]:
    """(minute, text) of every line on standard error with this word."""
    lines = (line.split(maxsplit=2) for line in said.splitlines())
    return [(line[0][:16], line[2]) for line in lines if line[1:2] == [word]]


def test_two_five_hour_limits_are_waited_out_and_the_cut_feature_goes_on_where_it_was(
    tmp_path: Path,
) -> None:
    project = make_project(
        tmp_path,
        [feature(1, verify=WHOLE), feature(2)],
        settings="[limits]\nattempts = 1\ncontinues = 1\n",
    )
    first, second = in_hours(5), in_hours(10)
    script: list[Steps] = [
        [PART["a"], {"limit": first}],
        [PART["b"], {"limit": second}],
        [PART["c"]],
        [writes(2)],
    ]
    said = project.fast_night(script).stderr
    limited = ("interrupted", "US-001", "agent.limit")
    assert project.outcomes() == [
        limited,
        limited,
        ("landed", "US-001", ""),
        ("landed", "US-002", ""),
    ]
    assert all(
        map(soon_after, [minute for minute, _ in told(said, "session")][1:3], (first, second))
    )
    assert [text for _, text in told(said, "waiting")] == [
        f"every agent is limited until {shown(second).replace('T', ' ')} UTC"
        for second in (first, second)
    ]
    signs = [text for _, text in told(said, "alive") if "left" in text]
    assert 55 <= len(signs) <= 60, "a sign of life every ten minutes"
    assert re.search(r"; 4h\d\dm left$", signs[0])
    assert project.passing() == ["US-001", "US-002"]


def test_a_wait_goes_on_after_the_loop_was_killed_in_it(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1, verify="cat a.txt b.txt")])
    reset = in_hours(3)
    script = project.script([[PART["a"], {"limit": reset}], [PART["b"]]])
    process = project.start("run", "--agent", "scripted", env={"NIGHTLATCH_SCRIPT": str(script)})
    assert process.stderr
    assert any(" waiting " in line for line in process.stderr)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    said = project.fast_night(None).stderr
    assert project.outcomes() == [
        ("interrupted", "US-001", "agent.limit"),
        ("landed", "US-001", ""),
    ]
    [(minute, _)] = told(said, "session")
    assert soon_after(minute, reset)


def test_a_limit_that_lasts_longer_than_the_run_ends_it_with_75(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    reset = in_hours(5)
    until = (datetime.now() + timedelta(hours=2)).strftime("%H:%M")
    end = project.fast_night([[{"limit": reset}]], f"limits.until={until}", code=75).stdout
    assert (
        f"stop    every agent is limited until {shown(reset).replace('T', ' ')} UTC, past the end"
        " of this run at" in end
    )
    assert project.outcomes() == [("interrupted", "US-001", "agent.limit")]


def test_a_guess_grows_each_time_that_it_was_too_short_and_begins_anew_after_work(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1, verify=WHOLE), feature(2)])
    limit = {"limit": "429 Too Many Requests"}
    said = project.fast_night(
        [[limit], [limit], [PART["a"], PART["b"], PART["c"]], [limit], [writes(2)]]
    ).stderr
    starts = [datetime.fromisoformat(minute) for minute, _ in told(said, "session")]
    waited = [round((after - before).total_seconds() / 60) for before, after in pairwise(starts)]
    assert [minutes for minutes in waited if minutes > 5] == [
        pytest.approx(30, abs=2),
        pytest.approx(60, abs=2),
        pytest.approx(30, abs=2),
    ]
    assert project.passing() == ["US-001", "US-002"]


TWO = """agent = ["mine", "scripted"]
[agents.mine]
command = ["./agent.sh"]
events = "jsonl"
"""


def shop_of_two(folder: Path, *lines: str) -> Project:
    project = make_project(folder, [feature(1), feature(2)], settings=TWO)
    project.agent("\n".join(f"echo '{line}'" for line in lines))
    project.commit("the agent")
    return project


def test_above_ninety_percent_of_a_window_the_next_agent_stands_in_and_it_is_said_who_pays(
    tmp_path: Path,
) -> None:
    reset = in_hours(4)
    window = f'{{"kind": "limit", "status": "allowed", "full": 0.93, "resets_at": {reset}}}'
    project = shop_of_two(tmp_path, window, '{"kind": "result", "ok": true}')
    project.write(
        "agent.sh", (project.folder / "agent.sh").read_text() + "echo 1 > n1.txt\n", mode=0o755
    )
    project.commit("it works")
    said = project.run("run", env={"NIGHTLATCH_SCRIPT": str(project.script([[writes(2)]]))}).stderr
    assert project.passing() == ["US-001", "US-002"]
    until = shown(reset).replace("T", " ")
    assert (
        f"scripted stands in for mine, which is limited until {until} UTC; who is billed for"
        " scripted is not known" in said
    )
    assert not told(said, "waiting")


def test_a_login_that_is_missing_ends_the_night_and_names_the_agent_that_needs_it(
    tmp_path: Path,
) -> None:
    project = shop_of_two(
        tmp_path, '{"kind": "result", "ok": false, "cls": "limit", "text": "resets in 3 hours"}'
    )
    settings = TWO.replace('"scripted"]', '"other"]') + '[agents.other]\ncommand = ["./other.sh"]\n'
    project.write("loop.toml", settings)
    project.write(
        "other.sh", "#!/bin/sh\necho 'Invalid API key, please log in again'\nexit 1\n", mode=0o755
    )
    project.commit("another agent")
    end = project.run("run", code=4).stdout
    assert "stop    other is not logged in; fix: see its account" in end
    assert [rule for _, _, rule in project.outcomes()] == ["agent.limit", "agent.login"]


def test_a_program_that_leaves_with_zero_at_a_limit_is_believed_only_where_it_changed_something(
    tmp_path: Path,
) -> None:
    """aider ends every error with exit code 0."""
    settings = 'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\n'
    project = make_project(tmp_path, [feature(1), feature(2)], settings=settings)
    says = "echo 'litellm.RateLimitError: rate limit reached, try again in 3 hours'"
    project.agent(f"if test $NIGHTLATCH_FEATURE = US-001; then echo 1 > n1.txt; fi\n{says}")
    project.commit("the agent")
    project.run("run", env={"NIGHTLATCH_LIMITS_WALL": "1h"}, code=75)
    assert project.outcomes() == [
        ("landed", "US-001", ""),
        ("interrupted", "US-002", "agent.limit"),
    ]


MINE = 'agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\n'
HONEST = (
    "The rate limiter already answers 429; nothing to change.",
    "The login page shows an invalid API key error as it should.",
    "Users without credit are sent to the credit balance page.",
)


@pytest.mark.parametrize("says", HONEST)
def test_an_honest_sentence_about_limits_is_no_limit(tmp_path: Path, says: str) -> None:
    project = make_project(tmp_path, [feature(1)], settings=MINE)
    project.agent(f"echo '{says}'")
    project.commit("the agent")
    ended = project.run("run", "--once")
    assert project.outcomes() == [("rejected", "US-001", "scope.empty")]
    assert "one short call" not in ended.stderr


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize(
    "says",
    ["Usage limit reached, try again in 3 hours", "Not logged in", "Credit balance is too low"],
)
def test_words_that_read_like_a_limit_cost_one_short_call(
    tmp_path: Path, says: str, code: int
) -> None:
    """The agent answers the call: it was neither limited nor logged out."""
    project = make_project(
        tmp_path, [feature(1)], settings=f"{MINE}[limits]\nattempts = 1\nfaults = 1\n"
    )
    project.agent(
        f"case $NIGHTLATCH_FEATURE in doctor) echo ready;; *) echo '{says}'; exit {code};; esac"
    )
    project.commit("the agent")
    ended = project.run("run", code=4 if code else 3)
    assert told(ended.stderr, "agent")[0][1].endswith("one short call tells whether it is so")
    assert project.outcomes() == [
        ("failed", "US-001", "agent.fault") if code else ("rejected", "US-001", "scope.empty")
    ]


def test_words_that_read_like_a_limit_and_are_said_again_are_one(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)], settings=MINE)
    project.agent("echo 'Not logged in'; exit 1")
    project.commit("the agent")
    project.run("run", code=4)
    assert project.outcomes() == [("failed", "US-001", "agent.login")]


def test_an_agent_that_does_not_answer_the_short_call_is_taken_at_its_word(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, [feature(1)], settings=f'{MINE}[limits]\nidle = "2s"\nwall = "1h"\n'
    )
    project.agent(
        "test $NIGHTLATCH_FEATURE != doctor || sleep 1000; echo 'Usage limit reached, try again in"
        " 3 hours'; exit 1"
    )
    project.commit("the agent")
    project.run("run", code=75)
    assert project.outcomes() == [("interrupted", "US-001", "agent.limit")]
