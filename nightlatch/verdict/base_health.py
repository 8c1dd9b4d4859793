"""When a base is too red to work on: what is said before any agent is paid for."""

from collections.abc import Iterable, Sequence

from nightlatch.errors import FaultError, NightlatchError, RedBaseError
from nightlatch.model.models import Feature
from nightlatch.suite.results import BaselineState, CheckStatus, SuiteResult, last_lines
from nightlatch.suite.runner_detection import touches

# Of a suite that was never quite green a few failures are tolerated by name: whichever is more.
RED_ALLOWED = 5
RED_SHARE = 0.02


def refuse_red(state: BaselineState, features: Iterable[Feature], *, accept: bool) -> None:
    """Raises what must be said about a base before an agent is paid for: FaultError, or
    RedBaseError unless a person accepts it."""
    todo = [f for f in features if not f.done]
    if problem := _base_fault(state):
        raise problem
    names = red_names(state, todo)
    ids = [name for name in names if name in state.tests.failing]
    too_many = len(ids) > max(RED_ALLOWED, RED_SHARE * len(state.tests.ids))
    hopeless = len(names) > len(ids) and not any(f.verify for f in todo)
    if accept or not (too_many or hopeless):
        return
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    raise RedBaseError(
        f"the branch itself is red: {shown}",
        fix="repair the branch, or accept these failures: nightlatch run --accept-red",
    )


def red_names(state: BaselineState, todo: Sequence[Feature]) -> list[str]:
    """Return what is red at a base: failing ids that no feature's verify runs, the suite where it
    has no ids, and checks."""
    unsound = {name: f"{name} ({why})" for name, why in state.tests.unsound.items()}
    tests = [unsound.get(name, name) for name in _red_tests(state.tests, todo)]
    return [*tests, *(c.name for c in state.checks if c.answer is CheckStatus.RED)]


def _red_tests(tests: SuiteResult, todo: Sequence[Feature]) -> list[str]:
    """Return the failing ids, or one name for all tests where single ones are not known."""
    if tests.by_id and not tests.broken:
        # A test that a verify runs is what its feature is to make green.
        commands = [command for f in todo for command in f.verify]
        ids = sorted(tests.failing)
        return [i for i in ids if not any(touches(command, i) for command in commands)]
    why = f" ({tests.broken})" if tests.broken else ""
    return [f"the tests{why}"] if tests.red else []


def _base_fault(state: BaselineState) -> NightlatchError | None:
    """Return the first suite or check that could not be run at all, as an error."""
    suite = [("the tests", state.tests.tail)] if state.tests.answer is CheckStatus.FAULT else []
    for name, tail in (
        *suite,
        *((c.name, c.tail) for c in state.checks if c.answer is CheckStatus.FAULT),
    ):
        said = " / ".join([told for told in last_lines(tail) if told.strip()][-2:])
        fix = "make the environment complete in init.sh, or raise limits.check"
        return FaultError(f"{name} could not be run at the base: {said}", place=name, fix=fix)
    return None
