"""What passes stays passing: the verify of every feature that passes protects the base like a
test."""

from dataclasses import replace

import pytest

from nightlatch.git.model import Change
from nightlatch.model.models import Feature, Outcome
from nightlatch.suite.results import CheckStatus, dump_said, said_from
from nightlatch.verdict.comparison_io import compare
from nightlatch.verdict.engine_io import VerdictEngine
from nightlatch.verdict.kept_features_io import reverify
from nightlatch.verdict.reverification import may_reach
from tests.io.verdict.world import BASE, PROSE, SUB, TEST_SUB, World, rules
from tests.io.verdict.world import world as world  # the fixture

ADDS = Feature(
    id="US-0",
    title="Add",
    done=True,
    verify=("python3 -c 'from calc import add; assert add(1, 2) == 3'",),
)
READS = Feature(
    id="US-9",
    title="Read",
    done=True,
    verify=("python3 -c 'from words import hello; assert hello() == 1'",),
)
MORE = {**BASE, "words.py": "def hello():\n    return 1\n"}
HONEST = {"calc.py": SUB, "test_sub.py": TEST_SUB}
# Tests that let everything pass, so that only the verify of the earlier feature can tell.
UNTESTED = {**MORE, "test_calc.py": "def test_nothing():\n    pass\n"}


def lab_with(world: World, *features: Feature) -> VerdictEngine:
    return world.engine(planned=lambda _base: (*features, PROSE))


def test_a_later_session_never_breaks_what_an_earlier_feature_was_proved_by(world: World) -> None:
    engine, first = lab_with(world, ADDS), world.commit(UNTESTED)
    gone = {"calc.py": "def sub(a, b):\n    return a - b\n", "test_sub.py": TEST_SUB}
    tree = world.repo.tree_of(world.commit(gone, first))
    verdict = engine.examine(first, tree, PROSE)
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["verify.broken"])
    assert verdict.reasons[0].detail[0].startswith("US-0 Add\n")
    assert engine.examine(first, tree, PROSE, off=frozenset({"kept"})).outcome is Outcome.LANDED
    ends = replace(PROSE, supersedes=("US-0",))
    assert engine.examine(first, tree, ends).outcome is Outcome.LANDED


def test_what_was_red_at_the_base_is_not_held_against_a_candidate(world: World) -> None:
    never = replace(ADDS, verify=("false",))
    engine, first = lab_with(world, never), world.commit(MORE)
    tree = world.repo.tree_of(world.commit(HONEST, first))
    assert engine.examine(first, tree, PROSE).outcome is Outcome.LANDED


def test_what_comes_out_both_ways_is_a_remark(world: World) -> None:
    """Green at the base; on the candidate red the first time and green the second, as what
    waits for a port is."""
    coin = 'test ! -f new.py || test -f "$COINS/seen" || { touch "$COINS/seen"; false; }'
    engine, first = lab_with(world, replace(ADDS, verify=(coin,))), world.commit(MORE)
    tree = world.repo.tree_of(world.commit({**HONEST, "new.py": ""}, first))
    verdict = engine.examine(first, tree, PROSE)
    assert (verdict.outcome, rules(verdict)) == (Outcome.LANDED, ["verify.unsteady"])


def test_only_what_the_change_can_reach_runs_again(world: World) -> None:
    engine, first = lab_with(world, ADDS, READS), world.commit(MORE)
    engine.verify_at(first, ADDS)
    engine.verify_at(first, READS)
    started = len(world.rooms)
    tree = world.repo.tree_of(world.commit({"words.py": "def hello():\n    return 2 - 1\n"}, first))
    verdict = engine.examine(
        first, tree, replace(PROSE, verify=()), off=frozenset({"integrity", "expected"})
    )
    assert verdict.outcome is Outcome.UNPROVED
    # its Python, two runs of the suite, and the one verify that reads words.py
    assert len(world.rooms) - started == 4
    said = engine.evaluator.proofs(tree)
    assert sorted(each.carried for each in said.values()) == [False, True]


def test_a_verify_that_ran_is_not_run_again_at_the_commit_that_it_ran_for(world: World) -> None:
    feature = replace(PROSE, verify=("python3 -c 'from calc import sub; assert sub(3, 1) == 2'",))
    engine, first = lab_with(world, ADDS), world.commit(MORE)
    tree = world.repo.tree_of(world.commit(HONEST, first))
    assert engine.examine(first, tree, feature).outcome is Outcome.LANDED
    started = len(world.rooms)
    landed = world.commit(HONEST, first)
    assert [engine.verify_at(landed, each).answer for each in (feature, ADDS)] == [
        CheckStatus.GREEN,
        CheckStatus.GREEN,
    ]
    assert len(world.rooms) == started


def test_what_there_is_no_time_for_is_said(world: World) -> None:
    engine, first = lab_with(world, ADDS), world.commit(MORE)
    tree = world.repo.tree_of(world.commit(HONEST, first))
    usual = world.engine(planned=engine.evaluator.commands.planned).evaluator
    found = reverify(
        replace(engine.evaluator, hands=replace(usual.hands, timeout=0.0)),
        compare(usual, first, tree, PROSE),
        tree,
    )
    assert found.postponed == ("US-0",)


def test_what_a_verify_read_is_known(world: World) -> None:
    engine, first = lab_with(world), world.commit(MORE)
    said = engine.verify_at(first, READS)
    assert said.read is not None
    assert "words.py" in said.read
    assert "calc.py" not in said.read
    assert said_from(dump_said({"a": said})) == {"a": said}


@pytest.mark.parametrize(
    ("path", "old", "new", "reaches"),
    [
        ("words.py", "100644", "100644", True),
        ("calc.py", "100644", "100644", False),
        ("json.py", "", "100644", True),
        ("docs/json.py", "", "100644", False),
        ("docs/hello.txt", "", "100644", True),
        ("calc.py", "100644", "", True),
    ],
)
def test_which_changes_can_reach_a_verify(path: str, old: str, new: str, reaches: bool) -> None:
    feature = replace(READS, verify=("test ! -e docs/hello.txt && python3 -c 'import words'",))
    said = said_from(
        '{"a": {"answer": "green", "tail": "", "seconds": 1, "carried": false, "read":'
        ' ["words.py"]}}'
    )["a"]
    change = Change(
        path=path,
        status="M",
        old_mode=old,
        new_mode=new,
        old_oid="1" if old else "",
        new_oid="2" if new else "",
    )
    assert may_reach(feature, said, [change]) is reaches
    assert may_reach(feature, replace(said, read=None), [change])
