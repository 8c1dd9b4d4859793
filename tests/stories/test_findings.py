"""What sessions find out: the loop sees for itself what an agent claims, and each note is one
finding, whatever is killed when."""

import json
import os
import re
import shutil
import signal
from functools import partial
from pathlib import Path

import pytest

from nightlatch.landing import landing
from nightlatch.loop import setup
from nightlatch.model.models import Outcome, Verdict
from nightlatch.record.findings.findings import Author, Finding, State, read
from nightlatch.record.progress import Entry
from nightlatch.run import notes_io
from nightlatch.run.context import Candidate, Options
from tests import PATIENCE
from tests.stories.sample_project import (
    TILL,
    Project,
    Steps,
    feature,
    left_running,
    make_project,
    writes,
)

pytestmark = pytest.mark.sandbox
FLAKY = """n=$(cat /tmp/n 2>/dev/null || cat n 2>/dev/null || echo 0)
echo $((n + 1)) > n
test $((n % 10)) -lt 7
"""
TRIES = "[limits]\nattempts = 1\n"


def findings(project: Project, rev: str = "HEAD") -> dict[str, Finding]:
    """By claim."""
    names = project.git("ls-tree", "--name-only", rev, "findings/").split()
    found = [read(project.git("show", f"{rev}:{name}"), name) for name in names]
    assert len({each.claim for each in found}) == len(found)
    return {each.claim: each for each in found}


def note(*words: str) -> dict[str, object]:
    """One `nightlatch note` as an agent calls it."""
    return {
        "run": (
            "nightlatch note "
            + " ".join(word if word.startswith("--") else f"'{word}'" for word in words)
        )
    }


def told(project: Project, word: str) -> list[Entry]:
    return [entry for entry in project.entries() if entry.word == word]


def test_an_agent_that_writes_verified_gets_open_and_only_the_loops_run_makes_it_verified(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    claims: Steps = [
        note(
            "verified",
            "the till multiplies",
            "--evidence",
            'grep -q "cents [*] count" till.py',
            "--cite",
            "till.py:4-5",
        ),
        note("verified", "the till adds", "--evidence", 'grep -q "cents + count" till.py'),
        note("verified", "I looked into it"),
        note("rejected", "the tests are empty", "--evidence", "test -s tests/test_till.py"),
        {
            "run": (
                'echo \'{"claim": "sure", "state": "verified", "by": "loop"}\' >>'
                " $NIGHTLATCH_OUT/notes.jsonl"
            )
        },
    ]
    project.night([claims, [writes(1)]])
    found = findings(project)
    states = {claim: (each.born, each.state, each.word_of) for claim, each in found.items()}
    assert states.pop("the till multiplies") == (State.OPEN, State.VERIFIED, Author.LOOP)
    assert states.pop("the tests are empty") == (State.OPEN, State.REJECTED, Author.LOOP)
    assert set(states.values()) == {(State.OPEN, State.OPEN, Author.AGENT)}
    assert len(states) == 3
    seen = found["the till adds"].events[0]
    assert (seen.by, seen.state, seen.evidence[0].exit) == (Author.LOOP, None, 1)
    assert "kept as text" in next(
        each.remarks.why for claim, each in found.items() if "sure" in claim
    )


def test_without_a_sandbox_too_an_agent_finds_the_command(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)], settings='[workspace]\nsandbox = "none"\n')
    project.night(
        [[note("verified", "the till is there", "--evidence", "test -f till.py"), writes(1)]]
    )
    assert [each.state for each in findings(project).values()] == [State.VERIFIED]


def test_a_session_that_only_finds_out_has_advanced_and_uses_no_attempt(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)], settings=TRIES)
    claim = note(
        "verified", "the till multiplies", "--evidence", 'grep -q "cents [*] count" till.py'
    )
    project.night(
        [
            [claim],
            [
                {
                    "run": (
                        "grep -q 'verified: the till multiplies' $NIGHTLATCH_BRIEF && echo 1 >"
                        " n1.txt"
                    )
                }
            ],
        ]
    )
    assert [word for word, *_ in project.outcomes()] == ["advanced", "finding", "landed"]
    name = next(iter(findings(project).values())).id
    line = told(project, "advanced")[0]
    assert (line.tries, line.details[0]) == (1, f"findings: confirmed {name}")
    assert told(project, "landed")[0].tries == 1
    assert told(project, "finding")[0].title == "verified US-001 the till multiplies"


@pytest.mark.parametrize("second", ["verified it", "verified the till multiplies"])
def test_what_is_known_already_is_no_progress(tmp_path: Path, second: str) -> None:
    project = make_project(tmp_path, [feature(1)], settings=TRIES)
    proof = ("--evidence", 'grep -q "cents [*] count" till.py')
    project.night(
        [[note("verified", "the till multiplies", *proof)], [note(*second.split(" ", 1), *proof)]],
        code=3,
    )
    assert [word for word, *_ in project.outcomes() if word != "finding"] == [
        "advanced",
        "rejected",
    ]


def test_a_claim_that_is_not_so_is_no_progress(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)], settings=TRIES)
    project.night([[note("verified", "the till adds", "--evidence", "false")]], code=3)
    assert [word for word, *_ in project.outcomes()] == ["rejected", "finding"]


def test_three_green_runs_do_not_reject_a_failure_of_three_in_ten(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)], files={"flaky.sh": FLAKY})
    again = ("--reproduce", "sh flaky.sh", "--fails", "3/10")
    never = ("--reproduce", "true", "--fails", "3/10")
    rare = ("--reproduce", "true", "--fails", "1/100")
    claims: Steps = [
        note("verified", "it fails", *again),
        note("verified", "it never does", *never),
        note("verified", "rarely", *rare),
    ]
    project.night([claims, [writes(1)]])
    found = findings(project)
    assert {claim: (each.state, each.failure_rate) for claim, each in found.items()} == {
        "it fails": (State.VERIFIED, (1, 8)),
        "it never does": (State.REJECTED, (0, 9)),
        "rarely": (State.OPEN, (0, 60)),
    }
    assert [word for word, *_ in project.outcomes() if word != "finding"] == ["advanced", "landed"]


def test_a_failure_that_the_candidate_may_have_mended_is_ruled_out_at_the_base_only(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    broken = ("--reproduce", "test -e n1.txt")
    project.night(
        [
            [
                writes(1),
                note("verified", "n1 is missing", *broken),
                note("verified", "n1 was missing", *broken, "--base"),
            ]
        ]
    )
    states = {claim: each.state for claim, each in findings(project).items()}
    assert states == {"n1 is missing": State.OPEN, "n1 was missing": State.VERIFIED}
    assert told(project, "landed")[0].details[1].startswith("findings: confirmed N-")
    trailers = project.git(
        "log", "-1", "--skip=1", "--format=%(trailers:key=Nightlatch-Findings,valueonly)"
    )
    assert trailers.startswith("confirmed N-")


def test_an_agent_contradicts_with_evidence_and_both_remain(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    project.night(
        [
            [
                note(
                    "verified",
                    "the till multiplies",
                    "--evidence",
                    'grep -q "cents [*] count" till.py',
                )
            ]
        ],
        "--once",
    )
    [first] = findings(project).values()
    against = note(
        "challenge", first.id, "--evidence", 'grep -q "return" till.py', "it only returns"
    )
    unknown = note("challenge", "N-00000", "--evidence", "true", "no such thing")
    project.night(
        [[against, unknown, note("open", f"as {first.id} says")], [writes(1)]], "--once", code=None
    )
    found = findings(project)
    contested = found["the till multiplies"]
    assert [(event.by, event.challenge, event.state) for event in contested.events] == [
        (Author.LOOP, False, State.VERIFIED),
        (Author.AGENT, True, None),
        (Author.LOOP, False, State.OPEN),
    ]
    assert "contradicts N-00000, which is not on record: no such thing" in found
    assert any(
        f"challenged {first.id}" in detail
        for entry in told(project, "rejected")
        for detail in entry.details
    )


def test_evidence_that_cannot_be_run_is_kept_with_its_digest_and_stays_open(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    project.night(
        [
            [
                {"run": "echo 412 ms > $NIGHTLATCH_OUT/slow.log"},
                note("verified", "slow", "--file", "slow.log"),
                writes(1),
            ]
        ]
    )
    [found] = findings(project).values()
    assert (found.state, found.grounds.evidence[0].file, len(found.grounds.evidence[0].sha256)) == (
        State.OPEN,
        "slow.log",
        64,
    )
    kept = next(project.folder.glob(".nightlatch/sessions/*/slow.log"))
    assert kept.read_text() == "412 ms\n"


def test_a_million_notes_are_a_hundred_findings_and_it_is_said(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)], settings=TRIES)
    flood = {"run": 'seq 1000000 | sed \'s/.*/{"claim": "note &"}/\' > $NIGHTLATCH_OUT/notes.jsonl'}
    project.night([[flood]], code=3)
    assert len(findings(project)) == 100
    assert "more than 100 notes: the rest is left out" in told(project, "rejected")[0].details


def test_a_pipe_or_a_link_in_place_of_the_notes_holds_nobody_up(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    project.night([[{"run": "mkfifo $NIGHTLATCH_OUT/notes.jsonl"}, writes(1)]])
    assert findings(project) == {}
    assert project.passing() == ["US-001"]


AGENT = """#!/bin/sh
test -n "$(git log --oneline | grep advanced)" && exec sh -c 'echo 1 > n1.txt'
nightlatch note verified 'the till multiplies' --evidence 'grep -q "cents [*] count" till.py'
nightlatch note rejected 'the tests are empty' --evidence 'test -s tests/test_till.py && {wait}'
"""


def test_a_loop_that_is_killed_while_it_runs_the_claims_writes_each_once(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        [feature(1)],
        settings='agent = ["mine"]\n[agents.mine]\ncommand = ["./agent.sh"]\n',
    )
    project.write("agent.sh", AGENT.replace("{wait}", "sleep 4"), mode=0o755)
    project.commit("the agent")
    night = project.start("run")
    assert night.stderr
    for line in night.stderr:
        if " notes " in line:
            os.kill(night.pid, signal.SIGKILL)
            break
    night.communicate()
    kept = next(project.folder.glob(".nightlatch/sessions/*/notes.jsonl")).read_text()
    assert len(kept.splitlines()) == 2
    project.run("run")
    assert {claim: each.state for claim, each in findings(project).items()} == {
        "the till multiplies": State.VERIFIED,
        "the tests are empty": State.REJECTED,
    }
    lines = [entry.feature for entry in told(project, "finding")]
    assert sorted(lines) == sorted(each.id for each in findings(project).values())
    assert json.loads(kept.splitlines()[0])["state"] == "verified"


def test_a_stale_finding_is_fresh_again_once_its_command_was_seen_to_hold_again(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    claim = ("--evidence", 'grep -q "cents [*] count" till.py', "--cite", "till.py:4-5")
    project.night([[note("verified", "the till multiplies", *claim)]], "--once")
    [first] = findings(project).values()
    project.write("till.py", TILL.replace("return cents", "# whole cents\n    return 1 * cents"))
    project.commit("the till changed")
    assert project.run("note", "list", "--state", "stale").stdout.startswith(first.id)
    project.night(
        [[note("verified", "it still multiplies", "--cite", "till.py:4-6", *claim[:2]), writes(1)]],
        "--once",
        code=None,
    )
    assert project.run("note", "list", "--state", "stale").stdout == ""
    assert [event.by for event in findings(project)["the till multiplies"].events] == [
        Author.LOOP,
        Author.LOOP,
    ]


def test_a_person_notes_while_a_loop_is_at_work_and_the_loop_writes_it_once(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    wait = {"run": "while test ! -e $NIGHTLATCH_OUT/on; do sleep 0.1; done"}
    night = project.start(
        "run",
        "--agent",
        "scripted",
        env={"NIGHTLATCH_SCRIPT": str(project.script([[wait, writes(1)]]))},
    )
    assert night.stderr
    said = ""
    for line in night.stderr:
        if " session " in line:
            said = project.run("note", "open", "is the till slow?").stdout
            break
    for out in tmp_path.glob("cache/*/ws/*/out"):
        (out / "on").touch()
    night.communicate(timeout=PATIENCE)
    assert "the running loop carries it out" in said
    assert list(findings(project)) == ["is the till slow?"]


def test_a_flaky_test_that_a_verdict_tolerates_is_an_open_finding_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path, [feature(1)])
    monkeypatch.chdir(project.folder)
    name = "tests/test_till.py::Till::test_three_apples"
    with setup.entered(Options()) as context:
        nothing = Candidate(tree="HEAD", base=context.tip())
        for session, seen in (("s1", (2, 5)), ("s2", (1, 6))):
            verdict = Verdict(safe=True, proved=None, outcome=Outcome.LANDED, chances={name: seen})
            found = notes_io.with_chances(context, nothing, verdict, session).found
            landing.write_down(
                context,
                notes_io.entries(context, found),
                "more",
                files=partial(notes_io.record, context.project, found=found),
            )
    [flaky] = findings(project).values()
    assert (flaky.claim, flaky.state, flaky.word_of) == (
        f"{name} passes and fails by chance",
        State.OPEN,
        Author.LOOP,
    )
    assert (
        flaky.failure_rate,
        flaky.origin.session,
        [cite.path for cite in flaky.grounds.cites],
    ) == (
        (2, 5),
        "s1",
        ["tests/test_till.py"],
    )
    assert [entry.feature for entry in told(project, "finding")] == [flaky.id]


def test_what_was_harvested_is_on_record_even_where_the_workspace_is_lost(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    night = project.start(
        "run",
        "--agent",
        "scripted",
        env={"NIGHTLATCH_SCRIPT": str(project.script([[{"hang": True}]]))},
    )
    assert night.stderr
    for line in night.stderr:
        if " session " in line:
            os.kill(night.pid, signal.SIGKILL)
            break
    night.communicate()
    while left_running(project):  # what it had started dies with it, a moment later
        pass
    journal = (project.folder / ".nightlatch/journal.jsonl").read_text().splitlines()
    session = next(json.loads(line)["session"] for line in journal if "session.started" in line)
    kept = project.folder / ".nightlatch/sessions" / session / "notes.jsonl"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(
        '{"claim": "the till multiplies", "state": "verified", "evidence": "true", "cites":'
        ' ["till.py:4-5"]}'
    )
    for space in tmp_path.glob("cache/*/ws"):
        shutil.rmtree(space)
    project.night([[writes(1)]])
    [found] = findings(project).values()
    assert (found.state, found.origin.session, found.grounds.cites[0].symbol) == (
        State.OPEN,
        session,
        "price",
    )
    assert project.passing() == ["US-001"]


MULTIPLIES = ("--evidence", 'grep -q "cents [*] count" till.py', "--cite", "till.py:4-5")


def test_an_agent_settles_an_open_question_by_what_the_loop_saw_and_waits_by_its_own_word(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    project.night(
        [
            [
                note("open", "does it multiply?"),
                note("open", "is it tested?"),
                note("blocked", "no access to the log"),
            ]
        ],
        "--once",
    )
    first = findings(project)
    assert first["no access to the log"].state is State.BLOCKED
    settled = note(
        "challenge",
        first["does it multiply?"].id,
        "--state",
        "verified",
        *MULTIPLIES[:2],
        "it does",
    )
    again = note("verified", "Is it  tested?", "--evidence", "test -s tests/test_till.py")
    unseen = note(
        "challenge",
        first["no access to the log"].id,
        "--state",
        "rejected",
        "--evidence",
        "false",
        "there is",
    )
    project.night([[settled, again, unseen]], "--once")
    states = {claim: (each.state, each.word_of) for claim, each in findings(project).items()}
    assert states["does it multiply?"] == states["is it tested?"] == (State.VERIFIED, Author.LOOP)
    assert states["no access to the log"] == (State.BLOCKED, Author.AGENT)


def test_a_true_command_that_has_nothing_to_do_with_it_does_not_open_again_what_was_ruled_out(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    project.night([[note("rejected", "the till adds", *MULTIPLIES)]], "--once")
    [ruled_out] = findings(project).values()
    unrelated = note(
        "challenge", ruled_out.id, "--evidence", "grep -q price till.py", "it names a price"
    )
    project.night([[unrelated]], "--once", code=None)
    [still] = findings(project).values()
    assert (still.state, [event.why for event in still.challenges]) == (
        State.REJECTED,
        ["it names a price"],
    )
    changed = {"write": "till.py", "text": TILL.replace("cents * count", "count * cents")}
    project.night([[changed, unrelated]], "--once", code=None)
    [open_again] = findings(project).values()
    assert (open_again.state, open_again.word_of) == (State.OPEN, Author.LOOP)


def test_evidence_keeps_what_its_command_printed_and_the_files_that_it_names(
    tmp_path: Path,
) -> None:
    key = "AKIA" + "Q3EGV7M2XKJD5RTB"
    project = make_project(tmp_path, [feature(1)])
    log = {
        "run": f"seq 20000 > $NIGHTLATCH_OUT/slow.log; echo key={key} >> $NIGHTLATCH_OUT/slow.log"
    }
    claim = note(
        "verified", "it counts", "--evidence", f"seq 5000; echo key={key}", "--file", "slow.log"
    )
    project.night([[log, claim, writes(1)]])
    [found] = findings(project).values()
    printed = found.events[0].evidence[0].output
    assert printed.startswith("1\n2\n")
    assert re.search(r"\n\[\d+ bytes left out\]\n", printed)
    assert 4_000 < len(printed) < 4_100
    kept = found.grounds.evidence[1].output
    assert (kept.startswith("1\n2\n"), "bytes left out]" in kept, 16_000 < len(kept) < 16_100) == (
        True,
        True,
        True,
    )
    assert (key in printed + kept, "key=" in printed, "key=" in kept) == (False, True, True)
    shown = project.run("note", "show", found.id).stdout
    assert "#   4999\n#   5000\n" in shown


def test_in_its_sandbox_an_agent_lists_and_shows_what_is_known_and_what_it_noted(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    project.night([[note("verified", "the till multiplies", *MULTIPLIES)]], "--once")
    [first] = findings(project).values()
    seen = (
        "nightlatch note list > list.txt && nightlatch note show $(grep -o 'N-[0-9a-z]* verified'"
        " list.txt | cut -d' ' -f1) > show.txt"
    )
    project.night(
        [[note("open", "and taxes?"), {"run": f"cd tests && {seen}"}, writes(1)]], "--once"
    )
    assert (
        project.git("show", "HEAD:tests/list.txt").splitlines()[0]
        == f"{first.id} verified agent  US-001 the till multiplies"
    )
    assert f"{findings(project)['and taxes?'].id} open" in project.git(
        "show", "HEAD:tests/list.txt"
    )
    assert f'id = "{first.id}"' in project.git("show", "HEAD:tests/show.txt")


def test_notes_that_are_nearly_right_are_findings_and_one_over_many_lines_is_one(
    tmp_path: Path,
) -> None:
    notes = (
        '{"claim": "it is tested", "status": "confirmed", "evidence": [{"cmd": "test -s'
        ' tests/test_till.py"}]}'
    )
    pretty = json.dumps(
        {"claim": "it adds", "state": "rejected", "evidence": [{"command": MULTIPLIES[1]}]},
        indent=2,
    )
    project = make_project(tmp_path, [feature(1)])
    write = {"run": f"cat > $NIGHTLATCH_OUT/notes.jsonl <<'E'\n{notes}\n{pretty}\nE"}
    project.night([[write, writes(1)]])
    assert {claim: each.state for claim, each in findings(project).items()} == {
        "it is tested": State.VERIFIED,
        "it adds": State.REJECTED,
    }
