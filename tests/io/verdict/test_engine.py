"""The verdict on real candidates, in small: what lands, what does not, and what is run for it.

The rest of it takes longer, and is among the proofs.
"""

from dataclasses import replace

import pytest

from nightlatch.errors import FaultError, RedBaseError
from nightlatch.model.models import Outcome, Reason, Ruling
from nightlatch.sandbox.none import NoSandbox
from nightlatch.suite.results import CheckStatus
from nightlatch.suite.run_io import CommandRunner
from tests.io.verdict.world import (
    BASE,
    CALC,
    COUNTED,
    PLAIN,
    PROSE,
    RUN_ONLY,
    SUB,
    TEST_SUB,
    TESTS,
    VERIFIED,
    World,
    plan_of,
    rules,
)
from tests.io.verdict.world import world as world  # the fixture


def test_honest_work_with_a_proof_test_lands(world: World) -> None:
    verdict = world.examine(BASE, {"calc.py": SUB, "test_sub.py": TEST_SUB})
    assert (verdict.outcome, verdict.safe, verdict.proved, verdict.reasons) == (
        Outcome.LANDED,
        True,
        True,
        (),
    )
    assert verdict.ran.tests == "3 pass, 0 fail, 0 skipped"


def test_work_without_any_proof_is_safe_and_unproved(world: World) -> None:
    verdict = world.examine(BASE, {"calc.py": SUB})
    assert (verdict.outcome, verdict.safe, verdict.proved) == (Outcome.UNPROVED, True, None)


def test_a_new_test_that_passes_on_the_base_too_proves_nothing(world: World) -> None:
    verdict = world.examine(
        BASE, {"calc.py": SUB, "test_sub.py": "def test_sub():\n    assert True\n"}
    )
    assert verdict.outcome is Outcome.UNPROVED


def test_an_agent_that_deletes_a_whole_test_file_never_lands(world: World) -> None:
    verdict = world.examine(BASE, {"calc.py": SUB, "test_sub.py": TEST_SUB, "test_calc.py": None})
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.test-removed"])
    assert verdict.reasons[0].detail == ("test_calc.py::test_add", "test_calc.py::test_zero")


def test_a_whole_file_that_skips_itself_is_seen_as_skipped(world: World) -> None:
    text = "import pytest\npytest.skip('later', allow_module_level=True)\n" + TESTS
    verdict = world.examine(BASE, {"test_calc.py": text}, off=RUN_ONLY)
    assert rules(verdict) == ["ratchet.test-skipped"]


def test_a_suite_that_leaves_early_with_exit_code_0_is_no_pass(world: World) -> None:
    verdict = world.examine(
        BASE, {"calc.py": SUB, "test_sub.py": "import os\n\n\ndef test_sub():\n    os._exit(0)\n"}
    )
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["tests.broken"])


def test_a_candidate_that_changes_nothing_is_refused_without_running_it(world: World) -> None:
    engine, first = world.engine(), world.commit(BASE)
    engine.state(first)
    started = len(world.rooms)
    verdict = engine.examine(first, world.repo.tree_of(first), PROSE)
    assert (verdict.outcome, rules(verdict), len(world.rooms)) == (
        Outcome.REJECTED,
        ["scope.empty"],
        started,
    )


def test_what_the_scope_refuses_is_never_run(world: World) -> None:
    engine, first = world.engine(), world.commit(BASE)
    engine.state(first)
    started = len(world.rooms)
    tree = world.repo.tree_of(world.commit({"calc.py": SUB}, first))
    verdict = engine.examine(first, tree, PROSE, [Reason(rule="scope.link", says="a link")])
    assert (verdict.outcome, len(world.rooms)) == (Outcome.REJECTED, started)
    held = engine.examine(
        first, tree, PROSE, [Reason(rule="scope.outside", says="outside", ruling=Ruling.HOLD)]
    )
    assert (held.outcome, held.safe, held.ran.tests) == (
        Outcome.HELD,
        False,
        "2 pass, 0 fail, 0 skipped",
    )


def test_the_proof_run_starts_only_the_new_tests(world: World) -> None:
    slow = "\n\ndef test_once():\n    open(os.environ['COUNT'] + '-full', 'a').write('x')\n"
    base = {**BASE, "test_calc.py": "import os\n" + TESTS + slow}
    world.examine(base, {"calc.py": SUB, "test_sub.py": TEST_SUB}, off=PLAIN | {"unwatched"})
    assert (world.folder / "count-full").read_text() == "xxx"
    # two of them ask the new test whether it notices faults in what it proves
    assert world.suite_runs() == 6


def test_a_new_test_that_fails_is_refused(world: World) -> None:
    verdict = world.examine(BASE, {"test_sub.py": TEST_SUB})
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["tests.failed"])
    assert verdict.reasons[0].detail == ("test_sub.py",)


def test_a_red_base_is_named_before_any_agent_is_paid_for(world: World) -> None:
    many = (
        "import pytest\n\n\n@pytest.mark.parametrize('n', range(6))\ndef test_red(n):\n    assert n"
        " < 0\n"
    )
    engine, first = world.engine(), world.commit({**BASE, "test_red.py": many})
    with pytest.raises(RedBaseError, match=r"test_red.py::test_red\[0\]") as error:
        engine.require_green(first, plan_of(PROSE))
    assert "--accept-red" in error.value.fix
    engine.require_green(first, plan_of(PROSE), accept=True)
    engine.require_green(first, plan_of(replace(PROSE, verify=("pytest test_red.py",))))
    few = world.commit({"test_red.py": many.replace("6", "5")}, first)
    engine.require_green(few, plan_of(PROSE))


def test_an_empty_suite_is_not_a_red_one(world: World) -> None:
    for files in (
        {"readme": "x"},
        {"calc.py": CALC, "conftest.py": COUNTED},
        {"calc.py": CALC, "tests/__init__.py": ""},
    ):
        first = world.commit(files)
        world.engine().require_green(first, plan_of(PROSE))
        assert world.engine().state(first).tests.answer is CheckStatus.GREEN


def test_the_first_tests_of_a_project_count_at_once(world: World) -> None:
    verdict = world.examine({"readme": "x"}, {"calc.py": SUB, "test_sub.py": TEST_SUB})
    assert (verdict.outcome, verdict.ran.tests) == (Outcome.LANDED, "1 pass, 0 fail, 0 skipped")


def test_a_verify_that_was_red_and_is_green_proves_the_feature(world: World) -> None:
    verdict = world.examine(BASE, {"calc.py": SUB}, VERIFIED)
    assert (verdict.outcome, verdict.proved, verdict.ran.verify) == (
        Outcome.LANDED,
        True,
        "red->green",
    )


def test_a_verify_that_stays_red_is_rejected_with_the_end_of_its_output(world: World) -> None:
    verdict = world.examine(
        BASE, {"calc.py": CALC + "\n\ndef sub(a, b):\n    return a + b\n"}, VERIFIED
    )
    assert (verdict.outcome, verdict.safe, verdict.proved, rules(verdict)) == (
        Outcome.REJECTED,
        True,
        False,
        ["verify.red"],
    )
    assert "AssertionError" in "\n".join(verdict.reasons[0].detail)


def test_a_missing_verify_file_is_red_and_a_missing_program_is_a_fault(world: World) -> None:
    engine, first = world.engine(), world.commit({**BASE, "plain.sh": "exit 0\n"})
    answers = {
        "pytest -q test_none.py": CheckStatus.RED,
        "./verify/us1.sh": CheckStatus.RED,
        "sh verify/us1.sh": CheckStatus.RED,
        "python verify/us1.py": CheckStatus.RED,
        "no-such-program --check": CheckStatus.FAULT,
        "./plain.sh": CheckStatus.FAULT,
        "exit 126": CheckStatus.FAULT,
        "exit 127": CheckStatus.FAULT,
        "kill -9 $$": CheckStatus.FAULT,
        "exit 1": CheckStatus.RED,
        "true": CheckStatus.GREEN,
    }
    assert {
        line: engine.verify_at(first, replace(PROSE, verify=(line,))).answer for line in answers
    } == answers
    slow = world.engine(hands=CommandRunner(sandbox=NoSandbox(), timeout=0.2))
    assert slow.verify_at(first, replace(PROSE, verify=("sleep 30",))).answer is CheckStatus.FAULT


def test_a_verify_script_that_the_candidate_wrote_itself_proves_nothing(world: World) -> None:
    feature = replace(PROSE, verify=("sh verify/us1.sh",))
    assert (
        world.examine(BASE, {"calc.py": SUB, "verify/us1.sh": "exit 0\n"}, feature).outcome
        is Outcome.UNPROVED
    )


def test_a_verify_that_is_green_before_any_work_is_held(world: World) -> None:
    feature, engine = replace(PROSE, verify=("test -f calc.py",)), world.engine()
    first = world.commit(BASE)
    held = engine.needless(first, first, feature)
    assert held is not None
    assert (held.outcome, rules(held)) == (Outcome.HELD, ["verify.already-green"])
    before = world.commit({"calc.py": None, "test_calc.py": None}, first)
    done = engine.needless(first, before, feature)
    assert done is not None
    assert (done.outcome, done.proved) == (Outcome.LANDED, True)
    assert engine.needless(before, before, feature) is None
    assert engine.needless(first, first, PROSE) is None
    assert (
        engine.examine(
            first, world.repo.tree_of(world.commit({"calc.py": SUB}, first)), feature
        ).outcome
        is Outcome.HELD
    )


def test_a_verify_that_cannot_be_run_is_a_fault_and_never_a_pass(world: World) -> None:
    verdict = world.examine(BASE, {"calc.py": SUB}, replace(PROSE, verify=("no-such-program",)))
    assert (verdict.outcome, rules(verdict)) == (Outcome.FAILED, ["verify.fault"])


def test_the_checks_of_the_base_decide_and_not_the_candidates(world: World) -> None:
    base = {
        **BASE,
        "checks/20-size": "#!/bin/sh\necho too long; test $(wc -l < calc.py) -lt 4\n",
        "checks/README.md": "no program",
    }
    verdict = world.examine(
        base, {"calc.py": SUB, "test_sub.py": TEST_SUB, "checks/20-size": "#!/bin/sh\nexit 0\n"}
    )
    assert (verdict.outcome, rules(verdict), verdict.ran.checks) == (
        Outcome.REJECTED,
        ["check.failed"],
        "0/1",
    )
    assert verdict.reasons[0].detail == ("checks/20-size\ntoo long",)


def test_checks_know_what_they_check(world: World) -> None:
    script = (
        '#!/bin/sh\ntest -d "$NIGHTLATCH_REPORTS" && test -n "$NIGHTLATCH_BASE" && echo'
        ' "$NIGHTLATCH_FEATURE" >> "$COINS/features"\n'
    )
    world.examine({**BASE, "checks/20-env": script}, {"calc.py": SUB})
    assert (world.folder / "features").read_text() == "\nUS-1\n"


def test_check_exit_codes_are_pass_skip_fault_or_fail(world: World) -> None:
    codes = {"10-ok": 0, "20-skip": 77, "30-bad": 1, "40-lost": 126, "50-lost": 127}
    checks = {f"checks/{name}": f"#!/bin/sh\nexit {code}\n" for name, code in codes.items()}
    signal = {"checks/60-dies": "#!/bin/sh\nkill -9 $$\n"}
    state = world.engine().state(world.commit({**BASE, **checks, **signal}))
    wanted = [
        CheckStatus.GREEN,
        CheckStatus.SKIP,
        CheckStatus.RED,
        CheckStatus.FAULT,
        CheckStatus.FAULT,
        CheckStatus.FAULT,
    ]
    assert [check.answer for check in state.checks] == wanted
    with pytest.raises(FaultError, match="checks/40-lost could not be run"):
        world.engine().require_green(world.commit({**BASE, **checks}), plan_of(PROSE))


def test_gates_of_the_plan_are_checks(world: World) -> None:
    first = world.commit(BASE)
    engine = world.engine(gates=lambda _base: ("grep -q add calc.py", "! grep -q sub calc.py"))
    verdict = engine.examine(
        first, world.repo.tree_of(world.commit({"calc.py": SUB}, first)), PROSE
    )
    assert (verdict.outcome, verdict.ran.checks, rules(verdict)) == (
        Outcome.REJECTED,
        "1/2",
        ["check.failed"],
    )


def test_a_fault_is_never_remembered(world: World) -> None:
    engine, first = world.engine(tests="exit 127"), world.commit(BASE)
    assert engine.state(first).tests.answer is CheckStatus.FAULT
    assert engine.known_results(first) is None
    fine = world.engine()
    assert fine.state(first).tests == fine.known_results(first)


def test_a_torn_file_of_the_cache_is_as_good_as_none(world: World) -> None:
    engine, first = world.engine(), world.commit(BASE)
    engine.state(first)
    for file in (world.folder / "cache").glob("tests-*.json"):
        file.write_text('{"answer": "green", "ids"')
    assert len(engine.state(first).tests.passed) == 2
    assert world.suite_runs() == 2
