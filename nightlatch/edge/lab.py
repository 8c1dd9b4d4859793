"""The laboratory: what is known of a base, and the verdict on a candidate beside it."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import basename

from nightlatch.core import results as codec
from nightlatch.core.approvals import NOTHING, Approved
from nightlatch.core.evidence import (
    Evidence,
    Said,
    Step,
    by_chance,
    chances,
    last_lines,
    new_passing,
    suspects,
)
from nightlatch.core.globs import matcher
from nightlatch.core.judge import asked, came_to
from nightlatch.core.models import Feature, Outcome, Plan, Reason, Ruling, Usage, Verdict
from nightlatch.core.objections import REMOVED
from nightlatch.core.paths import FILE
from nightlatch.core.ratchet import declared
from nightlatch.core.ratchet.moves import explained, word_for_word
from nightlatch.core.ratchet.prune import pruned
from nightlatch.core.ratchet.static import static_reasons
from nightlatch.core.redbase import refuse_red
from nightlatch.core.results import NOT_GREEN, Answer, Results, State, file_of, passing
from nightlatch.core.rules import reason
from nightlatch.core.suites import Suites, holders
from nightlatch.core.testfiles import supersedes
from nightlatch.core.verdict import base_owned, decide, hopeless, next_step
from nightlatch.core.verifies import wanting
from nightlatch.edge import asked as asking
from nightlatch.edge import (
    checkers,
    harness,
    heldback,
    integrity,
    kept,
    mutation,
    neighbours,
    strength,
    unwatched,
)
from nightlatch.edge.case import Comparison, compare, goldens_of, is_config, put_back
from nightlatch.edge.causes import said_why
from nightlatch.edge.judge import Bench, Brought, left
from nightlatch.edge.meter import StepTimer
from nightlatch.edge.trees import Entry
from nightlatch.edge.trials import MOST_AGAIN, TreeEvaluator, proof_name
from nightlatch.errors import NightlatchError

DOCUMENTS = ("**/*.md", "**/*.rst", "docs/**", "**/.gitignore")
DECLARES = re.compile(
    r"^(?:requirements[^/]*\.txt|pyproject\.toml|setup\.(?:py|cfg)|Pipfile|package\.json|Gemfile|composer\.json)$"
)
ROUNDS = 2
MORE_BASE_ROUNDS = 4
# Shares of limits.check that the steps which run things again and again may take.
SHARES = {
    Step.PROOF: 0.25,
    Step.INTEGRITY: integrity.SHARE,
    Step.WEAKER: 0.25,
    Step.KEPT: kept.SHARE,
    Step.UNWATCHED: unwatched.SHARE,
    Step.STRENGTH: strength.SHARE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictEngine(TreeEvaluator):
    """Draws verdicts from trials.

    `protected` are patterns of files that only people change, where nothing puts them back;
    `held_back` is the folder of the checks that nobody else may see. `weak_is_enough`: a verify of
    the person's own proves, however little it notices.
    """

    protected: tuple[str, ...] = ()
    held_back: Path | None = None
    most_mutants: int = 24
    weak_is_enough: bool = False

    def state(self, base: str, suites: Suites | None = None, *, fresh: bool = False) -> State:
        """All that is known about a base, found out now where it was not known, or where it is
        to be seen `fresh`.

        `suites` are asked where a candidate brings along more of them. Raises FaultError where the
        checks would see other code.
        """
        suite = suites or self.suite(base, base)
        tests = self.results(base, base, suite, steady=True, fresh=fresh)
        return State(tests=tests, checks=self.checks(base, base, fresh=fresh))

    def known(self, base: str) -> Results | None:
        """What is known of a base's tests without running them."""
        if self.hands.stop.is_set():  # not even what their suites are can be found out
            return None
        return self.recall(self.tests_name(base, self.suite(base, base)), codec.results_from)

    def require_green(
        self, base: str, plan: Plan, *, accept: bool = False, fresh: bool = False
    ) -> None:
        """Raises FaultError or RedBaseError where no agent should be paid for on this base."""
        with self.progress.whole("the branch as it is"):
            state = self.state(base, fresh=fresh)
        try:
            refuse_red(state, plan.features, accept=accept)
        except NightlatchError as error:
            raise said_why(error, state, self.hands.timeout) from error

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
        judge: Bench | None = None,
        met_before: int = 0,
        approved: Approved = NOTHING,
    ) -> Verdict:
        """The verdict on a candidate tree.

        `scope` was seen while it was built; `carried` is the tree that the session started from.
        `off` are layers that a test leaves out; `met_before` is the most criteria that a judge
        found met before; what is `approved` is not held again.
        """
        comparison, timer = (
            replace(compare(self, base, tree, feature), judge=judge),
            StepTimer(evaluator=self),
        )
        runner = comparison.suite.runner.name if comparison.suite.runner else ""
        through = harness.bent(self, comparison) if "harness" not in off else harness.Bent()
        proof = {**comparison.proof, **through.own, **dict.fromkeys(through.new)}
        comparison = replace(
            comparison,
            proof=proof,
            own_harness=through.own,
            harness={**through.shared, **through.own},
        )
        e = Evidence(
            feature=feature,
            base=State(tests=Results(answer=Answer.GREEN)),
            scope=tuple(scope),
            finished=finished,
            seen_red=seen_red,
            in_run=not self.protected,
            enough=self.weak_is_enough,
            static=(
                *static_reasons(
                    comparison.texts,
                    feature.supersedes,
                    runner,
                    self.protected,
                    checkers=(seen := checkers.watched(self, comparison)).known,
                    beside=seen.beside,
                    asked=asking.asked(self, comparison),
                    commands=asking.commands(self, comparison),
                ),
                *shared(through),
                *suites_lost(comparison),
            ),
            empty=not comparison.changes,
            bent=through.says,
            tests_changed=bool(comparison.back)
            and comparison.suite.runner is not None
            and "old" not in off,
            proof_changed=bool(comparison.proof),
            carried=self.passed_in(comparison, carried),
            off=off,
            met_before=met_before,
            approved=approved,
            whole_moves=whole_moves(self, comparison),
            wants=wanted(comparison, off)
            | self.last_wanted(judge)
            | self.kept_wanted(comparison, off),
            always=judge is not None and judge.always,
            goldens=goldens_of(comparison.texts, comparison.suite),
        )
        if hopeless(e):
            return decide(e)
        if comparison.changes and (said := self.environment(base, tree)):
            e = replace(e, static=(*e.static, *said))
            if hopeless(e):
                return decide(e)
        with timer.step("the base"):
            e = replace(e, base=self.state(base, comparison.suite))
            if "declared" not in off:
                known = e.base.tests
                static = declared.beside(
                    e.static,
                    comparison.texts,
                    feature.supersedes,
                    known.ids,
                    known.having(*NOT_GREEN),
                )
                e = replace(
                    e,
                    static=static,
                    forgotten=declared.forgotten(
                        comparison.texts, feature.supersedes, known.passed
                    ),
                )
        while step := next_step(e):
            with timer.step(step, SHARES.get(step, 0.0) * self.hands.timeout):
                e = STEPS[step](self, comparison, e)
        return replace(decide(e), costs=tuple(timer.costs))

    def kept_wanted(self, comparison: Comparison, off: frozenset[str]) -> frozenset[Step]:
        """Is there a feature that passes, and a change that could end that?"""
        asked = (
            comparison.changes
            and "kept" not in off
            and kept.passing(self, comparison.base, comparison.feature)
        )
        return frozenset({Step.KEPT} if asked else ())

    def last_wanted(self, judge: Bench | None) -> frozenset[Step]:
        """The last things to find out, as far as there is something to find them out with."""
        return frozenset(
            step for step, can in ((Step.HELD, self.held_back), (Step.JUDGE, judge)) if can
        )

    def verify_at(self, base: str, feature: Feature) -> Said:
        """What a feature's verify says at a base."""
        name = proof_name(feature)
        known = self.proofs(base)
        if name not in known:
            said = self.verify(base, base, feature)
            self.keep_proofs(base, {name: said})
            return said
        return known[name]

    def wanting(self, base: str, said: Said) -> str:
        """What a verify that is red at the base lacks there and no agent is to write: a runner,
        or a dependency of the project."""
        if said.answer is not Answer.RED:
            return ""
        own = [path for path in self.files(base) if DECLARES.search(self.own(path))]
        declared = "\n".join(
            (self.repo.read(base, path) or b"").decode("utf-8", "replace") for path in own
        )
        return wanting(said.tail, declared)

    def needless(self, base: str, start_base: str, feature: Feature) -> Verdict | None:
        """The verdict where no agent is needed: verify is green before any work, or cannot be run.

        None where work is needed.
        """
        said = self.verify_at(base, feature) if feature.verify else None
        if said is None:
            return None
        lacks = self.wanting(base, said)
        if said.answer is Answer.RED and not lacks:
            return None
        if said.answer is Answer.FAULT or lacks:
            told = (f"red for want of {lacks}",) if lacks else ()
            why, outcome = reason("verify.fault", (*told, *last_lines(said.tail))), Outcome.FAILED
        elif self.verify_at(start_base, feature).answer is Answer.RED:
            return Verdict(safe=True, proved=True, outcome=Outcome.LANDED, verify="red->green")
        else:
            why, outcome = reason("verify.already-green", feature.verify), Outcome.HELD
        return Verdict(
            safe=True, proved=None, outcome=outcome, reasons=(why,), verify=said.answer.value
        )

    def without_weakened_tests(self, base: str, tree: str, verdict: Verdict) -> str:
        """The tree that is carried on: tests that the ratchet refused are the base's again, new
        ones stay."""
        refused = [
            r
            for r in verdict.reasons
            if r.ruling is Ruling.REJECT and r.rule.startswith("ratchet.")
        ]
        ids = [line.split(" (line ", 1)[0] for r in refused for line in r.detail]
        if not ids:
            return tree
        comparison = compare(self, base, tree, Feature(id="", title="", done=False))
        told = {self.path(file_of(i)) for i in ids} & {
            self.path(text.path) for text in comparison.texts if text.test or text.declares
        }
        old: dict[str, Entry | None] = {
            path: entry
            for path, entry in put_back(comparison.changes).items()
            if entry and path in told
        }
        old |= {
            path: entry
            for path, entry in comparison.back.items()
            if entry or is_config(self, comparison.suite, path)
        }
        named = {
            path: entry
            for path, entry in old.items()
            if any(self.path(file_of(i)) == path for i in ids)
        }
        return self.repo.tree_with(
            tree, named if all(self.path(file_of(i)) in named for i in ids) else old
        )

    def passed_in(self, comparison: Comparison, tree: str) -> frozenset[str]:
        """The ids that passed in a tree, if that is known."""
        known = (
            self.recall(self.tests_name(tree, comparison.suite), codec.results_from)
            if tree
            else None
        )
        return known.passed if known else frozenset()


def suites_lost(comparison: Comparison) -> tuple[Reason, ...]:
    """What there is to say of suites that nothing would run any more, those aside that the
    feature names."""
    names = [
        name for name in comparison.lost if not supersedes(comparison.feature.supersedes, name)
    ]
    return (reason("ratchet.suite-lost", names),) if names else ()


def whole_moves(engine: VerdictEngine, comparison: Comparison) -> dict[str, str]:
    """Where each test file was that came and is, byte for byte, one that went; one of several
    that are alike is told by its name."""
    gone = [(c.old_oid, engine.own(c.path)) for c in comparison.tests if c.status == "D"]
    came = [(c.new_oid, engine.own(c.path)) for c in comparison.tests if c.status == "A"]
    alike = {new: [old for oid, old in gone if oid == blob] for blob, new in came}
    named = {
        new: [old for old in olds if basename(old) == basename(new)] or olds
        for new, olds in alike.items()
    }
    return {new: olds[0] for new, olds in named.items() if len(olds) == 1}


def carried_along(
    lost: Iterable[str], passed: Collection[str], moves: Mapping[str, str]
) -> dict[str, str]:
    """Where lost ids are whose file moved as it is, whatever its runner calls them: there is
    one of the same name in the new place."""
    places = [(old, new) for new, old in moves.items()]
    there = {
        name: [new + name.removeprefix(old) for old, new in places if file_of(name) == old]
        for name in lost
    }
    return {
        name: next(now for now in options if now in passed)
        for name, options in there.items()
        if any(now in passed for now in options)
    }


def shared(through: harness.Bent) -> tuple[Reason, ...]:
    """The objections to changes of what other commands run through, and of what runs as the
    person."""
    named = {"ratchet.harness-changed": through.shares, "ratchet.runs-outside": through.outside}
    return tuple(reason(rule, lines) for rule, lines in named.items() if lines)


def wanted(comparison: Comparison, off: frozenset[str]) -> frozenset[Step]:
    """The steps beyond the plain ones that a change calls for."""
    runner = comparison.suite.runner
    talk = matcher(DOCUMENTS)
    birds = any(one.runner.canary for one in comparison.suite.every)
    must_fail = (
        birds
        and not all(talk(c.path) for c in comparison.changes)
        and not off >= {"integrity", "expected"}
    )
    compared = bool(runner and comparison.touched) and "weaker" not in off
    strong = bool(comparison.sources) and "strength-of-proof" not in off
    hidden = bool(comparison.sources) and "unwatched" not in off
    asked = (
        (Step.UNWATCHED, hidden),
        (Step.INTEGRITY, must_fail),
        (Step.WEAKER, compared),
        (Step.STRENGTH, strong),
    )
    return frozenset(step for step, is_asked in asked if is_asked)


def _before(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    return replace(e, before=engine.verify_at(comparison.base, comparison.feature))


def _own(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    # Where there is a processor for it, what has to fail is run at the same time: it takes no
    # longer than the suite then.
    beside = (
        integrity.ahead(engine, comparison, e)
        if engine.runs_apart and Step.INTEGRITY in e.wants
        else ()
    )
    found = engine.results(comparison.base, comparison.tree, comparison.suite, beside=beside)
    lost = e.base.tests.passed - found.passed
    moved = explained(lost, found.passed, comparison.texts) if lost else {}
    whole = carried_along(lost, found.passed, e.whole_moves) if lost else {}
    e = replace(
        e,
        moved={**moved, **whole},
        intact=word_for_word(moved, comparison.texts) | whole.keys()
        if moved or whole
        else frozenset(),
    )
    e = _again(engine, comparison, replace(e, own=found), comparison.tree, found)
    if found.broken and not found.ids and e.base.tests.ids:
        # Which tests are gone no id can tell: what their files declared does, and it is what the
        # next session needs to know.
        gone = (
            r
            for r in declared.beside((), comparison.texts, comparison.feature.supersedes, ())
            if r.rule == REMOVED
        )
        e = replace(e, static=(*(r for r in e.static if r.rule != REMOVED), *gone))
    if comparison.suite.runner:
        engine.save(
            engine.tests_name(comparison.tree, comparison.suite),
            passing(found, (e.flaky | e.unsteady) & found.failing),
        )
    return e


def _old(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    tree = engine.repo.tree_with(comparison.tree, comparison.back)
    found = engine.run(comparison.base, tree, comparison.suite)
    names = comparison.feature.supersedes
    texts = {
        file: (engine.repo.read(comparison.base, engine.path(file)) or b"").decode(
            "utf-8", "replace"
        )
        for file in found.uncollected
        if names
    }
    shorter = {engine.path(file): pruned(file, text, names) for file, text in texts.items()}
    entries = {
        path: (FILE, engine.repo.write_blob(text.encode()))
        for path, text in shorter.items()
        if text
    }
    if entries:
        tree = engine.repo.tree_with(tree, entries)
        found = engine.run(comparison.base, tree, comparison.suite)
    return _again(engine, comparison, replace(e, old=found), tree, found)


def _again(
    engine: VerdictEngine, comparison: Comparison, e: Evidence, tree: str, found: Results
) -> Evidence:
    """Before any refusal only the ids in question run again, on base and candidate in turn."""
    names = suspects(e, found) - e.flaky - e.unsteady
    crashed = found.broken or found.unsound.keys() - e.base.tests.unsound.keys()
    if not 0 < len(names) <= MOST_AGAIN or crashed or found.answer is Answer.FAULT:
        return e
    known = frozenset(e.base.tests.ids) & names
    base, candidate = [], []
    for _ in range(ROUNDS):
        base += (
            [engine.run(comparison.base, comparison.base, comparison.suite, known)] if known else []
        )
        candidate.append(engine.run(comparison.base, tree, comparison.suite, names))
    flaky, unsteady = by_chance(names, base, candidate, known)
    for _ in range(MORE_BASE_ROUNDS):
        if not unsteady & known:
            break
        base.append(
            engine.run(comparison.base, comparison.base, comparison.suite, unsteady & known)
        )
        flaky, unsteady = by_chance(names, base, candidate, known)
    seen = {**e.chances, **chances(flaky, (found, *base, *candidate))}
    return replace(e, flaky=e.flaky | flaky, unsteady=e.unsteady | unsteady, chances=seen)


def _checks(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    tree = as_at_base(engine, comparison)
    found = engine.checks(comparison.base, tree, comparison.feature.id)
    passing_some = any(check.answer is Answer.GREEN for check in found)
    strict = (
        checkers.strictly(engine, comparison, tree)
        if passing_some and "own-configuration" not in e.off
        else None
    )
    return replace(e, checks=found, strict=strict)


def as_at_base(engine: VerdictEngine, comparison: Comparison) -> str:
    """The candidate with everything that commands run through as the base has it."""
    return (
        engine.repo.tree_with(comparison.tree, comparison.harness)
        if comparison.harness
        else comparison.tree
    )


def _now(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    said = engine.verify(comparison.base, comparison.tree, comparison.feature)
    if said.answer is Answer.GREEN:
        engine.keep_proofs(comparison.tree, {proof_name(comparison.feature): said})
        if "harness" not in e.off:
            e = replace(
                e,
                bent=tuple(
                    dict.fromkeys(
                        (*e.bent, *harness.bent_on_the_way(engine, comparison, said).says)
                    )
                ),
            )
    return replace(e, now=said)


def _through(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    more = harness.bent_on_the_way(engine, comparison, e.now).own if e.now else {}
    tree = engine.repo.tree_with(comparison.tree, {**comparison.own_harness, **more})
    return replace(e, through=engine.verify(comparison.base, tree, comparison.feature))


def _kept(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    return replace(e, kept=kept.reverify(engine, comparison, as_at_base(engine, comparison)))


def _owned(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    return replace(
        e,
        owned=engine.verify(
            comparison.base,
            engine.repo.tree_with(comparison.tree, comparison.proof),
            comparison.feature,
        ),
    )


def _proof(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    """The candidate's new tests over the base's source: what fails there, or cannot even be
    loaded, proves something.

    A test that the candidate's code answers in a moment may go on for ever with the base's: what is
    cut off proves nothing.
    """
    wanted = new_passing(e)
    laid = {c.path: (c.new_mode, c.new_oid) for c in comparison.tests if c.status != "D"}
    found = engine.run(
        comparison.base,
        engine.repo.tree_with(comparison.base, laid),
        comparison.suite,
        wanted,
        SHARES[Step.PROOF] * engine.hands.timeout,
    )
    if found.answer is Answer.FAULT:
        return replace(e, proof=frozenset())
    nothing_ran = bool(found.broken) and not found.ids and not found.uncollected
    idle = {name for name, part in found.parts.items() if part.broken and not part.told}
    unbuilt = {
        i
        for i in wanted
        if nothing_ran
        or (idle and any(one.name in idle for one in holders(comparison.suite.every, i)))
    }
    return replace(
        e,
        proof=frozenset(
            i
            for i in wanted
            if i in unbuilt or i in found.failing or file_of(i) in found.uncollected
        ),
    )


def _integrity(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    return replace(e, integrity=integrity.examined(engine, comparison, e))


def _unwatched(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    return replace(e, unwatched=unwatched.examine(engine, comparison, e))


def _strength(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    found = strength.examine(
        engine, comparison, e.proof or frozenset(), e.now if base_owned(e) else None
    )
    return replace(
        e, strength=replace(found, known_only=neighbours.known_only(engine, comparison, e))
    )


def _held(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    env = {"NIGHTLATCH_BASE": comparison.base, "NIGHTLATCH_FEATURE": comparison.feature.id}
    with engine.open_room(comparison.base, engine.clean(comparison.base, comparison.tree)) as room:
        return replace(
            e,
            held_back=(
                heldback.examine(engine.hands, room, engine.held_back, env)
                if engine.held_back
                else ()
            ),
        )


def _judge(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    texts, pictures = left(engine.kept(comparison.base, comparison.tree))
    green = ["tests"] if e.own and e.own.passed and e.own.answer is Answer.GREEN else []
    green += [check.name for check in e.checks or () if check.answer is Answer.GREEN]
    verify = "\n".join(comparison.feature.verify) if e.now else ""
    brought = Brought(
        feature=comparison.feature,
        asked=asked(comparison.feature, green),
        texts=comparison.texts,
        pictures=pictures,
        results={**came_to(e.own, e.checks or (), e.proof or (), verify), **texts},
    )
    judged, usage = comparison.judge.hear(brought) if comparison.judge else (None, Usage())
    return replace(e, judged=judged, usage=usage)


def _weaker(engine: VerdictEngine, comparison: Comparison, e: Evidence) -> Evidence:
    after = e.own.passed if e.own else frozenset[str]()
    seconds = SHARES[Step.WEAKER] * engine.hands.timeout
    return replace(
        e,
        weaker=mutation.compare_tests(
            engine,
            comparison,
            e.base.tests.passed,
            after,
            seconds=seconds,
            most=engine.most_mutants,
        ),
    )


STEPS: Mapping[Step, Callable[[VerdictEngine, Comparison, Evidence], Evidence]] = {
    Step.BEFORE: _before,
    Step.OWN: _own,
    Step.CHECKS: _checks,
    Step.OLD: _old,
    Step.NOW: _now,
    Step.THROUGH: _through,
    Step.OWNED: _owned,
    Step.KEPT: _kept,
    Step.PROOF: _proof,
    Step.INTEGRITY: _integrity,
    Step.WEAKER: _weaker,
    Step.UNWATCHED: _unwatched,
    Step.STRENGTH: _strength,
    Step.HELD: _held,
    Step.JUDGE: _judge,
}
