"""Whole nights of the real program with real agent CLIs: what is done lands, what goes wrong is
told as what it is, no work is lost."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.proofs.agents import clis
from tests.proofs.agents.agent_cli_project import Story, doctor, night
from tests.proofs.agents.loopback import alone
from tests.proofs.agents.model_server import (
    CONTEXT,
    DROPPED,
    OVERLOAD,
    RATE_LIMIT,
    STALLED,
    usage_limit,
)

pytestmark = [pytest.mark.agents, pytest.mark.sandbox]
every_cli = pytest.mark.parametrize("name", clis.NAMES)
TELLS_DOLLARS = {"claude", "pi"}
HAS_TURN_LIMIT = {"claude", "gemini"}
TROUBLES = (
    (OVERLOAD, "failed", "agent.fault"),
    (DROPPED, "failed", "agent.fault"),
    (STALLED, "interrupted", "agent.idle"),
    (CONTEXT, "interrupted", "agent.context"),
    (None, "interrupted", "agent.turns"),
    (RATE_LIMIT, "interrupted", "agent.limit"),
)


@every_cli
def test_a_night_lands_its_work_and_tells_what_it_cost(
    name: str, programs: Path, tmp_path: Path
) -> None:
    came = alone(night, [name], tmp_path, programs, Story())
    project, entry = came.project, came.project.entries()[-1]
    assert (came.code, project.outcomes(), project.passing()) == (
        0,
        [("landed", "US-001", "")],
        ["US-001"],
    ), came.said
    told = project.git("log", "-1", "--skip=1", "--format=%(trailers:unfold)").splitlines()
    cost = "$0.01" if name in TELLS_DOLLARS else "unknown"
    assert {
        "Nightlatch-Feature: US-001",
        "Nightlatch-Verify: red->green",
        f"Nightlatch-Cost: {cost}",
    } <= set(told)
    assert entry.usd == (0.01 if name in TELLS_DOLLARS else None)
    assert project.git("show", "--format=", "--name-only", "HEAD~1").split() == [
        "n1a.txt",
        "n1b.txt",
        "prd.json",
        "progress.txt",
    ]
    assert (project.git("status", "--porcelain"), came.left) == ("", [])


@every_cli
def test_a_night_of_troubles_tells_each_and_loses_no_work(
    name: str, programs: Path, tmp_path: Path
) -> None:
    """The first session on each feature is cut off with half of the work written; the next one
    writes only the other half."""
    troubles = [
        (f"US-{n:03}", *t)
        for n, t in enumerate((t for t in TROUBLES if t[0] or name in HAS_TURN_LIMIT), 1)
    ]
    *landed, last = (feature for feature, *_ in troubles)
    first = {n: failure for n, (_, failure, *_) in enumerate(troubles, 1)}
    came = alone(
        night, [name], tmp_path, programs, Story(features=len(first), first=first, refused=True)
    )
    project, told = (
        came.project,
        [line for f, _, word, rule in troubles for line in ((word, f, rule), ("landed", f, ""))],
    )
    assert came.before == [("failed", "US-001", "agent.fault")], came.said
    assert project.outcomes()[1:] == told[:-1], came.said
    assert (came.code, project.passing()) == (75, landed), came.said
    assert project.git("show", f"refs/nightlatch/work/{last}:n{len(first)}a.txt") == "a\n"
    assert project.git("for-each-ref", "--format=%(refname)", "refs/nightlatch/work").split() == [
        f"refs/nightlatch/work/{last}"
    ]
    assert (project.git("status", "--porcelain"), came.left) == ("", [])


def test_at_a_usage_limit_the_next_agent_goes_on_and_when_all_are_used_up_the_night_ends(
    programs: Path, tmp_path: Path
) -> None:
    resets = int(time.time()) // 60 * 60 + 7200
    limit = usage_limit(resets)
    login = {"ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": f"sk-ant-oat01-{clis.DUMMY}"}
    came = alone(
        night,
        ["claude", "codex"],
        tmp_path,
        programs,
        Story(features=2, first={1: limit, 2: limit}, environ=login),
    )
    limited = "interrupted", "agent.limit"
    told = [(word, rule) for word, _, rule in came.project.outcomes()]
    assert (came.code, told) == (75, [limited, ("landed", ""), limited]), came.said
    assert came.project.passing() == ["US-001"]
    assert (
        f"every agent is limited until {datetime.fromtimestamp(resets, UTC):%Y-%m-%d %H:%M} UTC"
        in came.said
    )
    assert came.project.git("show", "refs/nightlatch/work/US-002:n2a.txt") == "a\n"


@every_cli
def test_the_doctor_has_an_agent_say_one_word(name: str, programs: Path, tmp_path: Path) -> None:
    came = alone(doctor, name, tmp_path, programs)
    assert f"ok    agent: {name} answered in" in came.said
    assert (came.code, came.left, came.project.git("status", "--porcelain")) == (
        0,
        [],
        "",
    ), came.said


def test_the_doctor_tells_of_an_agent_that_cannot_work(programs: Path, tmp_path: Path) -> None:
    came = alone(doctor, "claude", tmp_path, programs, OVERLOAD)
    assert came.code == 1
    assert "FAIL  agent: claude fault: API Error: 529 Overloaded" in came.said
