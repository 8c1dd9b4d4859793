"""Give the verdict on a candidate beside its base."""

import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from posixpath import basename

from nightlatch.errors import NightlatchError
from nightlatch.git.tree_objects import Entry
from nightlatch.model.models import Feature, Outcome, Plan, RanChecks, Reason, Ruling, Verdict
from nightlatch.model.rules import reason
from nightlatch.project.discovery import plan_in_force
from nightlatch.project.own_files_io import run_outside
from nightlatch.project.project import Project
from nightlatch.ratchet.static import declared_tests
from nightlatch.ratchet.static.examine import static_reasons
from nightlatch.record.branch_io import BranchReader
from nightlatch.sandbox.base import SandboxSpec
from nightlatch.sandbox.reach import ReachableServices
from nightlatch.suite import fingerprint_io
from nightlatch.suite import results as codec
from nightlatch.suite.cache_io import ResultCache
from nightlatch.suite.causes_io import said_why
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.evaluation import Layout, ProjectCommands, Surroundings
from nightlatch.suite.parallel_io import Progress
from nightlatch.suite.results import (
    NOT_GREEN,
    BaselineState,
    CheckStatus,
    SuiteResult,
    VerifyResult,
    file_of,
    last_lines,
)
from nightlatch.suite.run_io import CommandRunner
from nightlatch.suite.runner_detection import supersedes
from nightlatch.suite.suites import Suites
from nightlatch.suite.test_command import Named
from nightlatch.suite.verify_commands import wanting
from nightlatch.util.globs import matcher
from nightlatch.verdict import asked_io as asking
from nightlatch.verdict import checkers_io, harness_io, hidden_checks_io, kept_features_io
from nightlatch.verdict.approvals import NOTHING, Approved
from nightlatch.verdict.base_health import refuse_red
from nightlatch.verdict.comparison_io import Comparison, compare, goldens_of, is_config, put_back
from nightlatch.verdict.evidence import Baseline, Context, Evidence, Runs, Step
from nightlatch.verdict.judge_io import JudgeRunner
from nightlatch.verdict.step_timer_io import StepTimer
from nightlatch.verdict.steps_io import STEPS, Examination, verify_at
from nightlatch.verdict.verdict import decide, hopeless, next_step
from nightlatch.workspace import profiles
from nightlatch.workspace.pool import Pool

# What changes in these bends no test run: no canary is sent after them.
DOCUMENTS = ("**/*.md", "**/*.rst", "docs/**", "**/.gitignore")
# Files that name a project's dependencies: a verify that lacks one of them lacks what no agent is
# to write.
DECLARES = re.compile(
    r"^(?:requirements[^/]*\.txt|pyproject\.toml|setup\.(?:py|cfg)|Pipfile|package\.json"
    r"|Gemfile|composer\.json)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How one candidate is to be examined.

    `finished`: its session ended by itself. `seen_red`: verify was red when the feature began.
    `carried` is the tree that the session started from, `off` are layers that a test leaves out,
    `met_before` is the most criteria that a judge found met; what is `approved` is not held again.
    """

    finished: bool = True
    seen_red: bool = False
    carried: str = ""
    off: frozenset[str] = frozenset()
    judge: JudgeRunner | None = None
    met_before: int = 0
    approved: Approved = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictEngine:
    """Draw verdicts from what an evaluator finds out about trees.

    `protected` are patterns of files that only people change, where nothing puts them back; they
    are empty in a run. `held_back` is the folder of the checks that nobody else may see.
    `weak_is_enough`: a verify of the person's own proves, however little it notices.
    """

    evaluator: TreeEvaluator
    protected: tuple[str, ...] = ()
    held_back: Path | None = None
    most_mutants: int = 24
    weak_is_enough: bool = False

    def state(
        self, base: str, suites: Suites | None = None, *, fresh: bool = False
    ) -> BaselineState:
        """Return all that is known about a base, found out now where it was not known.

        `fresh`: it is found out in any case. `suites` are asked where a candidate brings along more
        of them. Raises FaultError where the checks would see other code.
        """
        evaluator = self.evaluator
        suite = suites or evaluator.suite(base, base)
        tests = evaluator.results(base, base, suite, steady=True, fresh=fresh)
        return BaselineState(tests=tests, checks=evaluator.checks(base, base, fresh=fresh))

    def known_results(self, base: str) -> SuiteResult | None:
        """Return what is known of a base's tests without running them."""
        evaluator = self.evaluator
        if evaluator.hands.stop.is_set():  # not even what their suites are can be found out
            return None
        name = evaluator.tests_name(base, evaluator.suite(base, base))
        return evaluator.cache.recall(name, codec.results_from)

    def require_green(
        self, base: str, plan: Plan, *, accept: bool = False, fresh: bool = False
    ) -> None:
        """Raise FaultError or RedBaseError where no agent should be paid for on this base."""
        with self.evaluator.progress.showing("the branch as it is"):
            state = self.state(base, fresh=fresh)
        try:
            refuse_red(state, plan.features, accept=accept)
        except NightlatchError as error:
            raise said_why(error, state, self.evaluator.hands.timeout) from error

    def examine(
        self,
        base: str,
        tree: str,
        feature: Feature,
        scope: Iterable[Reason] = (),
        *,
        finished: bool = True,
        seen_red: bool = False,
        carried: str = "",
        off: frozenset[str] = frozenset(),
        judge: JudgeRunner | None = None,
        met_before: int = 0,
        approved: Approved = NOTHING,
    ) -> Verdict:
        """Return the verdict on a candidate tree.

        `scope` was found while it was built; the rest is as `Conditions` says.
        """
        conditions = Conditions(
            finished=finished,
            seen_red=seen_red,
            carried=carried,
            off=off,
            judge=judge,
            met_before=met_before,
            approved=approved,
        )
        return self.examine_under(conditions, base, tree, feature, tuple(scope))

    def examine_under(
        self,
        how: Conditions,
        base: str,
        tree: str,
        feature: Feature,
        scope: tuple[Reason, ...],
    ) -> Verdict:
        timer = StepTimer(progress=self.evaluator.progress)
        comparison = compare(self.evaluator, base, tree, feature)
        changed_harness = harness_io.HarnessChanges()
        if "harness" not in how.off:
            changed_harness = harness_io.changes_of(self.evaluator, comparison)
        comparison = with_harness(comparison, changed_harness)
        e = Evidence(
            baseline=self.baseline(comparison, changed_harness, scope, how),
            context=self.context(comparison, how),
            runs=Runs(harness_changes=changed_harness.own_lines),
        )
        # What is refused by reading alone costs no run of anything.
        if hopeless(e):
            return decide(e)
        # Without its dependencies nothing of the candidate can be run.
        if comparison.changes and (found := self.evaluator.surroundings.environment(base, tree)):
            e = replace(e, baseline=replace(e.baseline, static=(*e.baseline.static, *found)))
            if hopeless(e):
                return decide(e)
        # The base's suite takes as long as any: it runs only for what may still land.
        with timer.step("the base"):
            state = self.state(base, comparison.suite)
            e = replace(e, baseline=with_state(e.baseline, state, comparison, how.off))
        examination = Examination(
            evaluator=self.evaluator,
            comparison=comparison,
            judge=how.judge,
            held_back=self.held_back,
            most_mutants=self.most_mutants,
        )
        while step := next_step(e):
            with timer.step(step, examination.share(step)):
                e = STEPS[step](examination, e)
        return replace(decide(e), costs=tuple(timer.costs))

    def baseline(
        self,
        comparison: Comparison,
        changed_harness: harness_io.HarnessChanges,
        scope: tuple[Reason, ...],
        how: Conditions,
    ) -> Baseline:
        """Return what a candidate says to a reader, before the state of its base is known."""
        evaluator, feature = self.evaluator, comparison.feature
        runner = comparison.suite.runner
        watched = checkers_io.watched(evaluator, comparison)
        static = static_reasons(
            comparison.texts,
            feature.supersedes,
            runner.name if runner else "",
            self.protected,
            checkers=watched.known,
            beside=watched.beside,
            asked=asking.asked(evaluator, comparison),
            commands=asking.commands(evaluator, comparison),
        )
        return Baseline(
            feature=feature,
            state=BaselineState(tests=SuiteResult(answer=CheckStatus.GREEN)),
            scope=scope,
            static=(*static, *shared_changes(changed_harness), *self.lost_suites(comparison)),
            goldens=goldens_of(comparison.texts, comparison.suite),
            moved_files=moved_files(evaluator, comparison),
            carried=self.passed_in(comparison, how.carried),
            criteria_met=how.met_before,
            approved=how.approved,
        )

    def context(self, comparison: Comparison, how: Conditions) -> Context:
        has_runner = comparison.suite.runner is not None
        tests_changed = bool(comparison.restored.tests) and has_runner and "old" not in how.off
        return Context(
            empty=not comparison.changes,
            finished=how.finished,
            in_run=not self.protected,
            seen_red=how.seen_red,
            tests_changed=tests_changed,
            proof_changed=bool(comparison.restored.proof),
            wanted_steps=self.wanted_steps(comparison, how),
            weak_is_enough=self.weak_is_enough,
            always_judge=how.judge is not None and how.judge.always,
            layers_off=how.off,
        )

    def wanted_steps(self, comparison: Comparison, how: Conditions) -> frozenset[Step]:
        """Return the steps beyond the plain ones that can be taken and are called for."""
        wanted = set(steps_called_for(comparison, how.off))
        base, feature = comparison.base, comparison.feature
        can_break_others = comparison.changes and "kept" not in how.off
        if can_break_others and kept_features_io.passing(self.evaluator, base, feature):
            wanted.add(Step.KEPT)
        # These two are only there where the person has set them up.
        if self.held_back:
            wanted.add(Step.HELD)
        if how.judge:
            wanted.add(Step.JUDGE)
        return frozenset(wanted)

    def lost_suites(self, comparison: Comparison) -> tuple[Reason, ...]:
        """Return a reason for suites that nothing would run any more.

        Those that the feature names are left out.
        """
        lost = self.evaluator.lost_suites(comparison.base, comparison.tree, comparison.changes)
        names = [name for name in lost if not supersedes(comparison.feature.supersedes, name)]
        return (reason("ratchet.suite-lost", names),) if names else ()

    def passed_in(self, comparison: Comparison, tree: str) -> frozenset[str]:
        """Return the ids that passed in a tree, if that is known."""
        if not tree:
            return frozenset()
        name = self.evaluator.tests_name(tree, comparison.suite)
        known = self.evaluator.cache.recall(name, codec.results_from)
        return known.passed if known else frozenset()

    def verify_at(self, base: str, feature: Feature) -> VerifyResult:
        """Return what a feature's verify says at a base."""
        return verify_at(self.evaluator, base, feature)

    def lacking(self, base: str, result: VerifyResult) -> str:
        """Return what a verify that is red at the base lacks and no agent is to write.

        It is a runner, or a dependency of the project; "" where nothing is known to be lacking.
        """
        if result.answer is not CheckStatus.RED:
            return ""
        evaluator = self.evaluator
        paths = (p for p in evaluator.files(base) if DECLARES.search(evaluator.project_path(p)))
        texts = ((evaluator.repo.read(base, path) or b"") for path in paths)
        return wanting(result.tail, "\n".join(data.decode("utf-8", "replace") for data in texts))

    def needless(self, base: str, start_base: str, feature: Feature) -> Verdict | None:
        """Return the verdict where no agent is needed; None where work is needed.

        None is needed where verify is green before any work, or cannot be run.
        """
        if not feature.verify:
            return None
        result = self.verify_at(base, feature)
        lacks = self.lacking(base, result)
        if result.answer is CheckStatus.FAULT or lacks:
            missing = (f"red because {lacks} is missing",) if lacks else ()
            why = reason("verify.fault", (*missing, *last_lines(result.tail)))
            outcome = Outcome.FAILED
        elif result.answer is CheckStatus.RED:
            return None
        elif self.verify_at(start_base, feature).answer is CheckStatus.RED:
            # It was red when the run began: what landed meanwhile has made it pass.
            return Verdict(
                safe=True, proved=True, outcome=Outcome.LANDED, ran=RanChecks(verify="red->green")
            )
        else:
            why, outcome = reason("verify.already-green", feature.verify), Outcome.HELD
        return Verdict(
            safe=True,
            proved=None,
            outcome=outcome,
            reasons=(why,),
            ran=RanChecks(verify=result.answer.value),
        )

    def without_weakened_tests(self, base: str, tree: str, verdict: Verdict) -> str:
        """Return the tree that is carried on.

        Tests that the ratchet refused are the base's again, new ones stay.
        """
        refused = [r for r in verdict.reasons if r.ruling is Ruling.REJECT]
        weakened = [r for r in refused if r.rule.startswith("ratchet.")]
        ids = [line.split(" (line ", 1)[0] for r in weakened for line in r.detail]
        if not ids:
            return tree
        evaluator = self.evaluator
        comparison = compare(evaluator, base, tree, Feature(id="", title="", done=False))
        files = {evaluator.repo_path(file_of(i)) for i in ids}
        old = base_versions_of_tests(evaluator, comparison, files)
        named = {path: entry for path, entry in old.items() if path in files}
        # An id that names no file, as Go's do, may be in any of them: then all are put back.
        are_all_named = files <= named.keys()
        return evaluator.repo.tree_with(tree, named if are_all_named else old)


def base_versions_of_tests(
    evaluator: TreeEvaluator, comparison: Comparison, files: Collection[str]
) -> dict[str, Entry | None]:
    """Return the base's version of each test that changed; new tests stay, and are not in it.

    Code may hold tests too, as Rust's does: of that only what these files name.
    """
    texts = (text for text in comparison.texts if text.test or text.declares)
    with_tests = {evaluator.repo_path(text.path) for text in texts}
    old: dict[str, Entry | None] = {
        path: entry
        for path, entry in put_back(comparison.changes).items()
        if entry and path in files and path in with_tests
    }
    # New configuration is taken away: it can leave tests out, which no new test can.
    restored = comparison.restored.tests.items()
    return old | {
        path: entry
        for path, entry in restored
        if entry or is_config(evaluator, comparison.suite, path)
    }


def with_harness(comparison: Comparison, changed_harness: harness_io.HarnessChanges) -> Comparison:
    """Return the comparison that also knows how commands get their base's harness back."""
    # A program that the candidate brought has no version of the base's: a verify that rests on its
    # exit code is tried without it.
    proof = {
        **comparison.restored.proof,
        **changed_harness.own,
        **dict.fromkeys(changed_harness.new),
    }
    restored = replace(
        comparison.restored,
        proof=proof,
        own_harness=changed_harness.own,
        harness={**changed_harness.shared, **changed_harness.own},
    )
    return replace(comparison, restored=restored)


def with_state(
    baseline: Baseline, state: BaselineState, comparison: Comparison, off: frozenset[str]
) -> Baseline:
    """Return the baseline with its base's state, and what tests declare beside it."""
    if "declared" in off:
        return replace(baseline, state=state)
    names, tests = comparison.feature.supersedes, state.tests
    static = declared_tests.beside(
        baseline.static, comparison.texts, names, tests.ids, tests.having(*NOT_GREEN)
    )
    dropped = declared_tests.forgotten(comparison.texts, names, tests.passed)
    return replace(baseline, state=state, static=static, dropped_inputs=dropped)


def moved_files(evaluator: TreeEvaluator, comparison: Comparison) -> dict[str, str]:
    """Return where each test file was that came and is, byte for byte, one that went.

    One of several that are alike is told by its name.
    """
    tests = [(c, evaluator.project_path(c.path)) for c in comparison.tests]
    gone = [(c.old_oid, path) for c, path in tests if c.status == "D"]
    moved = {}
    for change, new in tests:
        if change.status != "A":
            continue
        alike = [old for oid, old in gone if oid == change.new_oid]
        of_same_name = [old for old in alike if basename(old) == basename(new)]
        options = of_same_name or alike
        if len(options) == 1:
            moved[new] = options[0]
    return moved


def shared_changes(changed_harness: harness_io.HarnessChanges) -> tuple[Reason, ...]:
    """Return reasons for changes of what other commands, or the person's own, run through."""
    named = {
        "ratchet.harness-changed": changed_harness.shared_lines,
        "ratchet.runs-outside": changed_harness.outside,
    }
    return tuple(reason(rule, lines) for rule, lines in named.items() if lines)


def steps_called_for(comparison: Comparison, off: frozenset[str]) -> frozenset[Step]:
    """Return the steps beyond the plain ones that a change calls for."""
    is_document = matcher(DOCUMENTS)
    has_canary = any(one.runner.canary for one in comparison.suite.every)
    may_bend = not all(is_document(c.path) for c in comparison.changes)
    has_code = bool(comparison.sources)
    called_for = {
        Step.UNWATCHED: has_code and "unwatched" not in off,
        Step.INTEGRITY: has_canary and may_bend and not off >= {"integrity", "expected"},
        Step.WEAKER: bool(comparison.suite.runner and comparison.touched) and "weaker" not in off,
        Step.STRENGTH: has_code and "strength-of-proof" not in off,
    }
    return frozenset(step for step, is_called_for in called_for.items() if is_called_for)


def verdict_engine(
    project: Project,
    pool: Pool,
    ways: ReachableServices | None = None,
    *,
    progress: Progress | None = None,
    cache: Path | None = None,
    record: BranchReader | None = None,
) -> VerdictEngine:
    """Return the engine that evaluates trees in fresh checkouts of the pool.

    The sandbox is of the same kind as an agent's, but without its network: `ways` are open in place
    of those of the pool. `progress` is told what runs. Results are kept in `cache`, else among the
    project's own. `record` is the reader of commits that the caller has already.
    """
    project_files = (project.plan, project.progress, project.path("findings"), project.sheets)
    evaluator = TreeEvaluator(
        repo=project.repo,
        hands=CommandRunner(
            sandbox=pool.sandbox,
            timeout=project.config.limits.check,
            secrets=project.secrets,
            stop=pool.stop,
        ),
        open_room=room_opener(project, pool, ways),
        cache=ResultCache(cache or project.state / "cache"),
        layout=Layout(inside=project.inside, aside=tuple(filter(None, project_files))),
        commands=project_commands(project, record or BranchReader(project)),
        surroundings=Surroundings(
            env_key=pool.env_key,
            environment=pool.environment,
            stamp=partial(fingerprint_io.stamp, project, pool.sandbox),
        ),
        side_by_side=max(os.cpu_count() or 1, 1),
        progress=progress or Progress(),
    )
    return VerdictEngine(
        evaluator=evaluator,
        held_back=hidden_checks_io.folder(project),
        weak_is_enough=project.config.land.weak_verify == "enough",
    )


def room_opener(
    project: Project, pool: Pool, ways: ReachableServices | None
) -> Callable[[str, str], AbstractContextManager[SandboxSpec]]:
    """Return what opens a room for checks, with a fresh checkout of a tree."""

    @contextmanager
    def open_room(base: str, tree: str) -> Iterator[SandboxSpec]:
        with pool.checkout(base, tree) as place:
            yield profiles.checks_spec(project, place, ways or pool.ways)

    return open_room


def project_commands(project: Project, record: BranchReader) -> ProjectCommands:
    """Return the commands of the settings, and of the plan as a base has it."""
    plan = partial(plan_in_force, project, record)

    def gates(base: str) -> tuple[str, ...]:
        of_base = plan(base)
        # What begins with no program is prose.
        return tuple(g for g in of_base.gates if shutil.which(g.split()[0])) if of_base else ()

    def planned(base: str) -> tuple[Feature, ...]:
        of_base = plan(base)
        return of_base.features if of_base else ()

    checks = project.config.checks
    return ProjectCommands(
        tests=checks.tests,
        named=tuple(Named(**one) for one in checks.suite),
        gates=gates,
        planned=planned,
        outside=tuple(run_outside(project)),
    )
