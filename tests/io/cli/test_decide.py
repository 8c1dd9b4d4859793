"""The person's decisions: what makes sense when, recorded once, said in one line."""

import json
import subprocess
import sys

import pytest

from nightlatch.cli.decide import progress_of
from nightlatch.journal.events import encode
from nightlatch.journal.inbox_io import waiting
from nightlatch.landing.decision_rules import needless, objection
from nightlatch.model.models import Feature, Outcome
from nightlatch.project.project import find_project
from nightlatch.record.history import NEW, FeatureHistory
from nightlatch.record.progress import RunEnd, decision, parse, render
from tests.io.cli.cli_project import HOLD, RUN, START, Project, story

OPEN = Feature(id="F", title="", done=False)
DONE = Feature(id="F", title="", done=True)
ASKED = FeatureHistory(waiting=Outcome.BLOCKED, last=Outcome.BLOCKED)
HELD = FeatureHistory(waiting=Outcome.HELD, last=Outcome.HELD, held="s")
UNPROVED = FeatureHistory(waiting=Outcome.UNPROVED, last=Outcome.UNPROVED, landed="s")
LANDED = FeatureHistory(last=Outcome.LANDED, landed="s")
REJECTED = FeatureHistory(last=Outcome.REJECTED, attempts=1)


def inbox(project: Project) -> list[tuple[str, str, str]]:
    bodies = [
        json.loads(path.read_text())
        for path in sorted((project.folder / ".nightlatch/inbox").glob("*.json"))
    ]
    return [(body["verb"], body["feature"], body["text"]) for body in bodies]


@pytest.mark.parametrize(
    ("verb", "feature", "past"),
    [
        ("answer", OPEN, ASKED),
        ("approve", OPEN, HELD),
        ("approve", OPEN, UNPROVED),
        ("approve", DONE, LANDED),
        ("refuse", OPEN, HELD),
        ("refuse", OPEN, UNPROVED),
        ("done", OPEN, NEW),
        ("done", DONE, LANDED),
        ("retry", OPEN, REJECTED),
        ("retry", OPEN, ASKED),
        ("hold", OPEN, NEW),
        ("skip", OPEN, NEW),
        ("revert", DONE, LANDED),
        ("revert", OPEN, UNPROVED),
        ("answer", OPEN, FeatureHistory(decided="answer")),
        ("revert", OPEN, FeatureHistory(decided="revert")),
    ],
)
def test_a_decision_that_makes_sense_meets_no_objection(
    verb: str, feature: Feature, past: FeatureHistory
) -> None:
    assert objection(verb, feature, past) == ("", "")


@pytest.mark.parametrize(
    ("verb", "feature", "past", "says"),
    [
        ("answer", OPEN, NEW, "has asked nothing"),
        ("answer", OPEN, HELD, "has asked nothing"),
        ("approve", OPEN, NEW, "has no held or unproved work"),
        ("approve", OPEN, ASKED, "has no held or unproved work"),
        ("refuse", OPEN, REJECTED, "has no held or unproved work"),
        ("refuse", DONE, LANDED, "passes already"),
        ("hold", DONE, LANDED, "passes already"),
        ("retry", OPEN, NEW, "has not been tried yet: it runs when its turn comes"),
        ("revert", OPEN, REJECTED, "has no landing on this branch"),
        ("revert", DONE, NEW, "has no landing on this branch"),
        (
            "retry",
            Feature(id="F", title="", done=False, hold=True),
            REJECTED,
            "is held or skipped by the plan itself",
        ),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused_with_a_sentence_and_a_fix(
    verb: str, feature: Feature, past: FeatureHistory, says: str
) -> None:
    assert objection(verb, feature, past)[0] == says
    assert objection(verb, feature, past)[1]


def test_what_is_so_already_needs_no_decision() -> None:
    assert needless("done", DONE, NEW)
    assert needless("skip", OPEN, FeatureHistory(skipped=True))
    assert not needless("done", OPEN, NEW)
    assert not needless("revert", DONE, LANDED)


@pytest.fixture
def night(project: Project) -> Project:
    project.plan(story("US-001"), story("US-002"), story("US-003", passes=True))
    project.record(
        [
            project.session("US-001", "blocked", "asks Which?", number=1),
            project.session("US-002", "unproved", "nothing proves it", number=2),
            project.session("US-003", "landed", number=3),
            RunEnd(
                run=RUN, details=("DECIDE  1 US-001 asks", "DECIDE  2 US-002 has landed unproved")
            ),
        ]
    )
    return project


@pytest.mark.parametrize(
    ("args", "recorded"),
    [
        (["answer", "US-001", "the \x1b first"], ("answer", "US-001", "the \x1b first")),
        (["answer", "1", "the first"], ("answer", "US-001", "the first")),
        (["approve", "2"], ("approve", "US-002", "")),
        (["refuse", "US-002", "no tax"], ("refuse", "US-002", "no tax")),
        (["refuse", "US-002"], ("refuse", "US-002", "")),
        (["done", "US-001"], ("done", "US-001", "")),
        (["retry", "US-001", "--fresh"], ("retry", "US-001", "--fresh")),
        (["hold", "US-001"], ("hold", "US-001", "")),
        (["skip", "US-001"], ("skip", "US-001", "")),
        (["hold", "US-001", "--for-good"], ("skip", "US-001", "")),
        (["approve", "US-001"], ("done", "US-001", "")),
        (["revert", "US-003"], ("revert", "US-003", "")),
    ],
)
def test_a_decision_is_recorded_and_returns_with_one_line(
    night: Project, args: list[str], recorded: tuple[str, str, str]
) -> None:
    told = night.nightlatch(*args)
    feature = recorded[1]
    line = (
        f"{feature} The story {feature}: {recorded[0]} is recorded; the next run carries it out, or"
        " add --now\n"
    )
    assert (told.code, told.out, told.err) == (0, line, "")
    assert inbox(night) == [recorded]
    assert night.git("status", "--porcelain") == ""


def test_said_twice_it_is_recorded_once(night: Project) -> None:
    assert night.nightlatch("approve", "US-002").out == night.nightlatch("approve", "US-002").out
    assert inbox(night) == [("approve", "US-002", "")]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["answer", "US-001", "the first"], 'answer "the first"'),
        (["refuse", "US-002", "no"], 'refuse "no"'),
        (["retry", "US-001", "--fresh"], 'retry "--fresh"'),
        (["hold", "US-001"], "hold"),
        (["skip", "US-001"], "skip"),
    ],
)
def test_said_again_after_it_was_carried_out_there_is_nothing_to_do(
    night: Project, args: list[str], said: str
) -> None:
    feature, (verb, _, text) = night.feature(args[1]), said.partition(" ")
    earlier = parse((night.folder / "progress.txt").read_text())
    night.write(
        "progress.txt", render((*earlier, decision(verb, json.loads(text or '""'), feature, START)))
    )
    night.commit("decided")
    told = night.nightlatch(*args)
    assert (told.code, told.out) == (
        0,
        f"{args[1]} The story {args[1]}: already done; nothing to do\n",
    )
    assert inbox(night) == []


def test_an_answer_by_command_goes_over_an_older_one_in_the_plan(night: Project) -> None:
    night.plan(story("US-001", answer="in the plan"), story("US-002"), story("US-003", passes=True))
    night.nightlatch("answer", "US-001", "by command")
    assert [text for _, _, text in inbox(night)] == ["in the plan", "by command"]


def test_an_answer_can_be_corrected_before_anybody_read_it(night: Project) -> None:
    night.nightlatch("answer", "US-001", "the first")
    assert night.nightlatch("answer", "US-001", "the second").code == 0
    assert [text for _, _, text in inbox(night)] == ["the first", "the second"]


def test_a_decision_still_on_its_way_counts_for_the_next_one(night: Project) -> None:
    assert night.nightlatch("retry", "US-003").code == 2
    night.plan(story("US-001"), story("US-004"))
    assert night.nightlatch("retry", "US-004").code == 2
    night.nightlatch("hold", "US-004")
    assert night.nightlatch("retry", "US-004").code == 0


@pytest.mark.parametrize(
    ("first", "second", "left", "said"),
    [
        (
            "refuse US-002",
            "approve US-002",
            ("approve", "US-002", ""),
            "approve, in place of refuse, is recorded",
        ),
        (
            "approve US-002",
            "refuse US-002",
            ("refuse", "US-002", ""),
            "refuse, in place of approve, is recorded",
        ),
        (
            "done US-001",
            "refuse US-001",
            None,
            "done is taken back before it was carried out; nothing else is to be done",
        ),
        (
            "revert US-003",
            "approve US-003",
            None,
            "revert is taken back before it was carried out; nothing else is to be done",
        ),
        (
            "refuse US-002",
            "done US-002",
            ("done", "US-002", ""),
            "done, in place of refuse, is recorded",
        ),
    ],
)
def test_who_changes_their_mind_before_anybody_acted_said_only_the_second(
    night: Project, first: str, second: str, left: tuple[str, str, str] | None, said: str
) -> None:
    night.nightlatch(*first.split())
    told = night.nightlatch(*second.split())
    assert told.code == 0
    assert said in told.out
    assert inbox(night) == ([left] if left else [])


def test_what_is_so_already_is_said_and_not_recorded(night: Project) -> None:
    assert (
        night.nightlatch("done", "US-003").out
        == "US-003 The story US-003: already done; nothing to do\n"
    )
    assert not (night.folder / ".nightlatch").exists()


def test_where_a_decision_has_got_to_does_not_hang_on_one_that_came_meanwhile(
    night: Project,
) -> None:
    night.nightlatch("hold", "US-001")
    house = find_project(night.folder)
    [(_, theirs)] = waiting(house)
    assert progress_of(house, "d-mine") == "is carried out"
    assert progress_of(house, theirs.id) == "is recorded; the next run carries it out, or add --now"


def test_a_number_never_wins_over_an_id(project: Project) -> None:
    project.plan(story("US-001"), story("1"))
    project.record([project.session("US-001", "unproved", "?")])
    project.nightlatch("hold", "1")
    assert inbox(project) == [("hold", "1", "")]
    assert project.nightlatch("approve", "2").code == 2


def test_while_a_run_is_at_work_it_is_the_one_that_carries_it_out(night: Project) -> None:
    lock = night.write(".nightlatch/lock", "")
    (night.folder / ".nightlatch/journal.jsonl").write_bytes(
        encode("run.started", START, {"run": RUN})
    )
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        told = night.nightlatch("approve", "US-002", "--now").out
        holder.terminate()
    assert told.endswith(
        "approve is recorded; the running loop carries it out before its next session\n"
    )
    assert len(inbox(night)) == 1


def test_an_option_after_two_dashes_is_text(night: Project) -> None:
    night.nightlatch("answer", "US-001", "--", "--json")
    assert inbox(night) == [("answer", "US-001", "--json")]
