"""Hold what is known about a candidate so far, and tell what became of each test id.

None is always "not looked at yet".
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from nightlatch.model.models import Feature, Reason, Usage
from nightlatch.suite.results import (
    BaselineState,
    Check,
    CheckStatus,
    Result,
    SuiteResult,
    VerifyResult,
    file_of,
    function_of,
)
from nightlatch.suite.runner_detection import supersedes
from nightlatch.verdict.approvals import Approved
from nightlatch.verdict.judge import Judged, NotMet


class Step(StrEnum):
    """One thing that can be found out about a candidate; the order is that of the cost."""

    BEFORE = "verify at the base"
    OWN = "the candidate's tests on its code"
    CHECKS = "the base's checks on the candidate"
    OLD = "the base's tests on the candidate's code"
    NOW = "verify on the candidate"
    THROUGH = "verify on the candidate, run through what the base has for it"
    OWNED = "verify on the candidate with the base's tests"
    KEPT = "the verify of other features that pass"
    PROOF = "the candidate's new tests on the base's code"
    INTEGRITY = "tests that must fail, on the candidate's code"
    WEAKER = "changed code, by the base's tests and the candidate's"
    UNWATCHED = "what decides, where nothing of the loop can be known"
    STRENGTH = "small faults in what was added, by what proves it"
    HELD = "held-back checks"
    JUDGE = "the judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityResult:
    """What passed, or never ran, though it had to fail.

    `canaries` are planted tests, `ignored` the ids whose expected values were changed, `not_run`
    names what there was no time for, `blind` why canaries cannot be recognised at the base already.
    """

    canaries: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()
    blind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MutationResult:
    """The base's tests beside the candidate's on the same mutants of the code.

    `killed` mutants died under the base's tests; `survivors` of those live on under the
    candidate's; `untried` names what there was no time for.
    """

    killed: int = 0
    survivors: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()

    @property
    def no_weaker(self) -> bool:
        """Was something measured, all of it, and nothing lost?"""
        return bool(self.killed) and not (self.survivors or self.untried)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofStrength:
    """The faults that were put into what the feature added, and whether its proof noticed one.

    `hollow`: not even that all of it does nothing was noticed. `out_of_time`: more faults were to
    be tried. `known_only` are the lines of tests whose inputs are the only ones that give anything.
    """

    tried: tuple[str, ...] = ()
    noticed: bool = False
    hollow: bool = False
    out_of_time: bool = False
    known_only: tuple[str, ...] = ()

    @property
    def weak(self) -> bool:
        """Is it known that nothing would be missed?"""
        return bool(self.tried) and not (self.noticed or self.out_of_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnobservedResult:
    """What passes only where the loop can be recognised, each with what it needs.

    Of what is `unsure` there may be an honest reason.
    """

    only: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictChecks:
    """The base's checks on the candidate with the base's configuration of their tools.

    `tools` are those that the checks start, `differences` how their configuration differs.
    """

    checks: tuple[Check, ...] = ()
    tools: frozenset[str] = frozenset()
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverified:
    """The verify of other features that passed at the base, on the candidate.

    `passing` counts those that still pass; `broken` and `unsteady` ones come with the end of what
    they printed; `postponed` were not run for want of time.
    """

    passing: int = 0
    broken: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()
    postponed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flakiness:
    """Ids that came out both ways.

    They are `flaky` on base and candidate, `unsteady` on the candidate alone.

    `failures` says of flaky ones how often each failed, and of how many runs.
    """

    flaky: frozenset[str] = frozenset()
    unsteady: frozenset[str] = frozenset()
    failures: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def ids(self) -> frozenset[str]:
        return self.flaky | self.unsteady


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedTests:
    """Where ids went that are missing; those in `intact` say the same in the new place."""

    moved_to: Mapping[str, str] = field(default_factory=dict)
    intact: frozenset[str] = frozenset()

    @property
    def changed(self) -> frozenset[str]:
        """The ids that moved and say something else now."""
        return frozenset(self.moved_to) - self.intact


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What stands before anything of the candidate runs: its base, and what its texts say.

    `scope` was found while the candidate was built, `static` by reading it. `goldens` say how files
    of expected output differ. `dropped_inputs` says of the base's ids what they no longer ask,
    `moved_files` of a file that came which identical one went. `carried` are the ids that passed in
    the work that the session started from, `criteria_met` is the most that a judge found met so
    far, `approved` what a person has answered already.
    """

    feature: Feature
    state: BaselineState
    scope: tuple[Reason, ...] = ()
    static: tuple[Reason, ...] = ()
    goldens: tuple[str, ...] = ()
    dropped_inputs: Mapping[str, str] = field(default_factory=dict)
    moved_files: Mapping[str, str] = field(default_factory=dict)
    carried: frozenset[str] = frozenset()
    criteria_met: int = 0
    approved: Approved = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Under which conditions the candidate is judged.

    `empty`: nothing differs from the base. `finished`: its session ended by itself. `in_run`: an
    agent did it, and another session can follow. `seen_red`: verify was red at the base when the
    feature began. `tests_changed`: a test or configuration file differs; `proof_changed`: a file
    that verify may rest on does. `wanted_steps` are those beyond tests, checks and verify that this
    candidate calls for and that can be taken. `weak_is_enough`: a verify of the base proves the
    feature however little it notices. `always_judge`: the judge is asked even where a verify proves
    the feature. `layers_off` are the layers that a test leaves out.
    """

    empty: bool = False
    finished: bool = True
    in_run: bool = False
    seen_red: bool = False
    tests_changed: bool = False
    proof_changed: bool = False
    wanted_steps: frozenset[Step] = frozenset()
    weak_is_enough: bool = False
    always_judge: bool = False
    layers_off: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """What tests, checks and the feature's verify came to.

    `own` are the candidate's tests on its code, `old` the base's. Verify ran at the base
    (`before`), on the candidate (`now`), there `through` the base's harness, and with all that the
    base `owned`. `harness_changes` say how that differs which verify runs through.
    """

    own: SuiteResult | None = None
    checks: tuple[Check, ...] | None = None
    old: SuiteResult | None = None
    before: VerifyResult | None = None
    now: VerifyResult | None = None
    through: VerifyResult | None = None
    owned: VerifyResult | None = None
    harness_changes: tuple[str, ...] = ()
    flakiness: Flakiness = field(default_factory=Flakiness)
    moved: MovedTests = field(default_factory=MovedTests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What was tried beyond the plain runs.

    `proof` are the new tests that fail on the base's code; `usage` is what the judge cost.
    """

    proof: frozenset[str] | None = None
    reverified: Reverified | None = None
    strict: StrictChecks | None = None
    integrity: IntegrityResult | None = None
    weaker: MutationResult | None = None
    unwatched: UnobservedResult | None = None
    strength: ProofStrength | None = None
    held_back: tuple[Reason, ...] | None = None
    judged: Judged | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known about one candidate so far."""

    baseline: Baseline
    context: Context = field(default_factory=Context)
    runs: Runs = field(default_factory=Runs)
    probes: Probes = field(default_factory=Probes)

    @property
    def feature(self) -> Feature:
        return self.baseline.feature

    @property
    def base_tests(self) -> SuiteResult:
        return self.baseline.state.tests


def new_passing(e: Evidence) -> frozenset[str]:
    """Return the ids that pass and that the base does not have."""
    own = e.runs.own
    return own.passed - frozenset(e.base_tests.ids) if own else frozenset()


def progress(e: Evidence) -> bool:
    """Return whether the candidate is nearer to done than the work that its session started from.

    It is where more ids pass of those that fail at the base, or are new and fail on the base's
    code; or where more criteria are met than ever before.
    """
    own, judged = e.runs.own, e.probes.judged
    if own is None or own.broken or own.answer is CheckStatus.FAULT:
        return False
    if isinstance(judged, NotMet) and judged.met > e.baseline.criteria_met:
        return True
    base = e.base_tests
    # An id that passes on the base's code as well says nothing about this work.
    counted = base.failing | (e.probes.proof or frozenset())
    unloadable = base.uncollected
    won = {i for i in own.passed - base.passed if i in counted or file_of(i) in unloadable}
    return len(won) > len(won & e.baseline.carried)


def slipped(e: Evidence, results: SuiteResult | None) -> Mapping[str, str]:
    """Return the ids that passed at the base and do not pass now, with the rule that each breaks.

    What the feature supersedes is left out.
    """
    base = e.base_tests
    # Without ids on both sides nothing can be compared: the run as a whole is judged then.
    if results is None or results.broken or not (results.by_id and base.by_id):
        return {}
    lost = lost_ids(base.ids, results.ids, results.uncollected)
    return {i: rule for i, rule in lost.items() if not supersedes(e.feature.supersedes, i)}


def lost_ids(
    before: Mapping[str, Result], after: Mapping[str, Result], uncollected: Iterable[str] = ()
) -> dict[str, str]:
    """Return what became of the ids that passed before and do not pass after, by rule."""
    unloadable = frozenset(uncollected)
    passed = (i for i, result in before.items() if result is Result.PASSED)
    return {
        i: _rule_of_loss(i, after, unloadable) for i in passed if after.get(i) is not Result.PASSED
    }


def _rule_of_loss(name: str, after: Mapping[str, Result], unloadable: frozenset[str]) -> str:
    """Return the rule that a test breaks which passed before and does not pass now."""
    file = file_of(name)
    match after.get(name, after.get(file)):
        case None if file not in unloadable:
            return "ratchet.test-removed"
        case Result.SKIPPED:
            return "ratchet.test-skipped"
        case _:  # a test whose file cannot be loaded fails: it is still there
            return "ratchet.test-failed"


def newly_failing(e: Evidence, results: SuiteResult) -> frozenset[str]:
    """Return what fails and did not at the base, by id or by a file that could not be loaded there.

    A file that moves as it is takes its known failures along.
    """
    base, moved_files = e.base_tests, e.baseline.moved_files
    failing, unloadable = base.failing, frozenset(base.uncollected)

    def failed_before(name: str) -> bool:
        file = file_of(name)
        old_file = moved_files.get(file, file)
        return old_file + name.removeprefix(file) in failing or old_file in unloadable

    fresh = results.failing - failing - base.passed
    return frozenset(name for name in fresh if not failed_before(name))


def suspects(e: Evidence, results: SuiteResult) -> frozenset[str]:
    """Return the ids that would be held against the candidate.

    They run again before any refusal.
    """
    failing = newly_failing(e, results) if results is e.runs.own else frozenset[str]()
    return frozenset(slipped(e, results)) | failing


def by_chance(
    names: Iterable[str],
    base: Sequence[SuiteResult],
    candidate: Sequence[SuiteResult],
    base_ids: Iterable[str],
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids that are flaky on both, and those that are unsteady on the candidate alone.

    All of `names` were run again. An id that the base itself no longer finds has a name that
    changes from run to run: flaky.
    """
    suspected, at_base = frozenset(names), frozenset(base_ids)
    # Flaky is only what came out both ways at the base too: else it is the candidate's own doing.
    wavered = {i for i in suspected & at_base if not _always_passed(i, base)}
    nameless = {i for i in wavered if all(i not in run.ids for run in (*base, *candidate))}
    recovered = {i for i in suspected if any(run.ids.get(i) is Result.PASSED for run in candidate)}
    return frozenset(recovered & wavered | nameless), frozenset(recovered - wavered)


def _always_passed(name: str, runs: Sequence[SuiteResult]) -> bool:
    return all(run.ids.get(name) is Result.PASSED for run in runs)


def chances(names: Iterable[str], runs: Sequence[SuiteResult]) -> dict[str, tuple[int, int]]:
    """Return how often each id failed, and of how many runs that had it.

    What came out one way only, such as a name of the moment, is left out.
    """
    failures = {
        name: [run.ids[name] is not Result.PASSED for run in runs if name in run.ids]
        for name in names
    }
    return {
        name: (sum(failed), len(failed))
        for name, failed in failures.items()
        if 0 < sum(failed) < len(failed)
    }


def fewer_cases(
    before: Iterable[str], after: Iterable[str], lost: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return lost ids whose whole function is gone, and lost ids of functions with fewer cases.

    A case whose name alone changed leaves as many as before, and is in neither.
    """
    if not lost:
        return [], []
    cases_before, cases_after = Counter(map(function_of, before)), Counter(map(function_of, after))
    gone, fewer = [], []
    for name in sorted(lost):
        function = function_of(name)
        if not cases_after[function]:
            gone.append(name)
        elif cases_after[function] < cases_before[function]:
            fewer.append(name)
    return gone, fewer
