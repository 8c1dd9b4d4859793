"""The laboratory: finds out about trees by running their tests, checks and verify commands, and never twice what it knows already."""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from nightlatch.core import results as codec
from nightlatch.core.globs import matcher
from nightlatch.core.models import Feature, Outcome, Plan, Reason, Verdict
from nightlatch.core.redbase import refuse_red
from nightlatch.core.results import Answer, Check, Result, Results, State, file_of
from nightlatch.core.rules import reason
from nightlatch.core.scope import Change
from nightlatch.core.testfiles import BYTECODE, CHECKS, SUITE_MARK, Runner, detect, proof_files, supersedes
from nightlatch.core.verdict import Evidence, Said, Step, by_chance, decide, last_lines, new_passing, next_step, suspects
from nightlatch.edge import files, runner
from nightlatch.edge.git import Repo
from nightlatch.edge.runner import Hands
from nightlatch.edge.sandbox import Room
from nightlatch.errors import FaultError

Entry = tuple[str, str]
Known = TypeVar("Known", Results, tuple[Check, ...])
MOST_SUSPECTS = 50
MOST_CACHED = 100
ROUNDS = 2
MORE_BASE_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """How the tests of one tree are run: a runner, None where there are no tests, and the project's own Python."""

    runner: Runner | None
    python: str = ""
    files: Callable[[str], bool] = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One candidate beside its base, with the base's checks. `back` restores the base's tests, `proof` all that verify may rest on."""

    base: str
    tree: str
    feature: Feature
    suite: Suite
    changes: tuple[Change, ...]
    back: Mapping[str, Entry | None]
    proof: Mapping[str, Entry | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """What is needed to try out trees of one project.

    `open_room(base, tree)` gives a fresh checkout of the tree over what init.sh makes at the base. `aside` are the paths that no test
    depends on: plan, progress, findings. `env_key(base)` changes when what init.sh makes does.
    """

    repo: Repo
    hands: Hands
    open_room: Callable[[str, str], AbstractContextManager[Room]]
    cache: Path
    inside: str = ""
    aside: tuple[str, ...] = ()
    tests: str = ""
    gates: Callable[[str], tuple[str, ...]] = lambda _base: ()
    env_key: Callable[[str], str] = lambda _base: ""
    suites: dict[str, Suite] = field(default_factory=dict)
    pythons: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def key(self, tree: str) -> str:
        """The tree without what no test depends on: equal keys, equal results."""
        return self.repo.tree_with(tree, dict.fromkeys(self.aside))

    def state(self, base: str) -> State:
        """All that is known about a base, found out now where it was not known. Raises FaultError where the checks would see other code."""
        suite = self.suite(base, base)
        return State(tests=self.results(base, base, suite, steady=True), checks=self.checks(base, base))

    def require_green(self, base: str, plan: Plan, *, accept: bool = False) -> None:
        """Raises FaultError or RedBaseError where no agent should be paid for on this base."""
        refuse_red(self.state(base), plan.features, accept=accept)

    def examine(
        self, base: str, tree: str, feature: Feature, scope: Iterable[Reason] = (), *,
        finished: bool = True, seen_red: bool = False, carried: str = "",
    ) -> Verdict:  # fmt: skip
        """The verdict on a candidate tree. `scope` was seen while it was built; `carried` is the tree that the session started from."""
        case = self.case(base, tree, feature)
        e = Evidence(
            feature=feature, base=self.state(base), scope=tuple(scope), finished=finished, seen_red=seen_red, empty=not case.changes,
            tests_changed=bool(case.back) and case.suite.runner is not None, proof_changed=bool(case.proof),
            carried=self.passed_in(case, carried),
        )  # fmt: skip
        while step := next_step(e):
            e = STEPS[step](self, case, e)
        return decide(e)

    def verify_at(self, base: str, feature: Feature) -> Said:
        """What a feature's verify says at a base."""
        name = "verify-" + digest(self.key(base), self.inside, *feature.verify)
        known = self.recall(name, codec.checks_from)
        if known:
            return Said(answer=known[0].answer, tail=known[0].tail)
        said = self.verify(base, base, feature)
        if said.answer is not Answer.FAULT:
            self.save(name, (Check(name="verify", answer=said.answer, tail=said.tail),))
        return said

    def needless(self, base: str, start_base: str, feature: Feature) -> Verdict | None:
        """The verdict where no agent is needed: verify is green before any work, or cannot be run. None where work is needed."""
        said = self.verify_at(base, feature) if feature.verify else None
        if said is None or said.answer is Answer.RED:
            return None
        if said.answer is Answer.FAULT:
            why, outcome = reason("verify.fault", last_lines(said.tail)), Outcome.FAILED
        elif self.verify_at(start_base, feature).answer is Answer.RED:
            return Verdict(safe=True, proved=True, outcome=Outcome.LANDED, verify="red->green")
        else:
            why, outcome = reason("verify.already-green", feature.verify), Outcome.HELD
        return Verdict(safe=True, proved=None, outcome=outcome, reasons=(why,), verify=said.answer.value)

    def without_weakened_tests(self, base: str, tree: str, verdict: Verdict) -> str:
        """The tree that is carried on: tests that the ratchet objected to are the base's again, new ones stay."""
        ids = [line for r in verdict.reasons if r.rule.startswith("ratchet.") for line in r.detail]
        if not ids:
            return tree
        case = self.case(base, tree, Feature(id="", title="", done=False))
        old = {path: entry for path, entry in case.back.items() if entry or self.is_config(case.suite, path)}
        named = {path: entry for path, entry in old.items() if any(self.path(file_of(i)) == path for i in ids)}
        return self.repo.tree_with(tree, named if all(self.path(file_of(i)) in named for i in ids) else old)

    def path(self, name: str) -> str:
        """A path of the project as the repository names it."""
        return f"{self.inside}/{name}" if self.inside else name

    def own(self, path: str) -> str:
        """A path of the repository as the project names it; outside the project it begins with two dots."""
        return os.path.relpath(path, self.inside) if self.inside else path

    def is_config(self, suite: Suite, path: str) -> bool:
        return suite.runner is not None and matcher(suite.runner.config)(self.own(path))

    def case(self, base: str, tree: str, feature: Feature) -> Case:
        """The candidate beside its base, and what is put back where."""
        changes = self.repo.diff(self.repo.tree_of(base), tree)
        suite = self.suite(base, base)
        if suite.runner is None:
            suite = self.suite(base, tree)
        named = proof_files(feature.verify, (self.own(c.path) for c in changes))
        is_check = matcher([CHECKS])
        tests = [c for c in changes if suite.files(self.own(c.path))]
        kept = [c for c in tests if not supersedes(feature.supersedes, self.own(c.path))]
        checks = [c for c in changes if is_check(self.own(c.path))]
        proof = [*tests, *checks, *(c for c in changes if self.own(c.path) in named)]
        whole = self.repo.tree_with(tree, put_back(checks)) if checks else tree
        return Case(base=base, tree=whole, feature=feature, suite=suite, changes=changes, back=put_back(kept), proof=put_back(proof))

    def suite(self, base: str, tree: str) -> Suite:
        """How this tree's tests are run, by what its files say. Python is looked for at the base only."""
        oid = self.repo.tree_of(tree)
        if oid not in self.suites:
            paths = [self.own(path) for path in self.repo.files(oid)]
            found = self.find_runner(base, oid, paths)
            known = [found] if found and found.report != "folder" else runner.shipped()
            test_file = matcher(pattern for each in known for pattern in (*each.tests, *each.config))
            self.suites[oid] = Suite(runner=found, python=self.python(base)[0] if found and found.python else "", files=test_file)
        return self.suites[oid]

    def find_runner(self, base: str, tree: str, paths: Iterable[str]) -> Runner | None:
        if self.tests:
            return Runner(name="tests", report="folder", command=("sh", "-c", self.tests), tests=())
        return detect(
            runner.shipped(),
            frozenset(paths),
            lambda path: (self.repo.read(tree, self.path(path)) or b"").decode("utf-8", "replace"),
            lambda module: module == "pytest" and self.python(base)[1],
        )

    def python(self, base: str) -> tuple[str, bool]:
        """The project's own Python and whether it has pytest. Raises FaultError where it would import the project from another checkout."""
        key = self.env_key(base)
        if key not in self.pythons:
            packages = {path.removesuffix("/__init__.py") for path in map(self.own, self.repo.files(base)) if path.endswith("/__init__.py")}
            names = sorted(name for name in {path.removeprefix("src/") for path in packages} if name.isidentifier())
            with self.open_room(base, base) as room:
                python, origins, _ = runner.probe(self.hands, room, ["pytest", *names])
                self.refuse_elsewhere(room, origins)
            self.pythons[key] = python, bool(origins.get("pytest"))
        return self.pythons[key]

    def refuse_elsewhere(self, room: Room, origins: Mapping[str, str]) -> None:
        """The trap of an editable install in a shared environment: the tests would pass or fail on the person's checkout."""
        main, here = self.repo.top.resolve(), self.hands.sandbox.inside(room, room.tree).resolve()
        for name, origin in origins.items():
            place = Path(origin)
            strange = place.is_relative_to(main) and not place.is_relative_to(here) and "site-packages" not in place.parts
            if origin and main != here and strange:
                fix = f'set sandbox = "auto" under [workspace], or make init.sh install {name} into a .venv of its own'
                raise FaultError(f"the checks would import {name} from the main checkout, not from the candidate", place=origin, fix=fix)

    def results(self, base: str, tree: str, suite: Suite, *, steady: bool = False) -> Results:
        """The suite's results on a tree. `steady`: what fails runs once more, and passes if it passes then."""
        if suite.runner is None:
            return Results(answer=Answer.GREEN)
        name = self.tests_name(base, tree, suite)
        known = self.recall(name, codec.results_from)
        if known:
            return known
        found = self.run(base, tree, suite)
        again = found.having(Result.FAILED, Result.ERROR) if steady else frozenset()
        if 0 < len(again) <= MOST_SUSPECTS:
            found = passing(found, self.run(base, tree, suite, again).passed & again)
        self.save(name, found)
        return found

    def tests_name(self, base: str, tree: str, suite: Suite) -> str:
        return "tests-" + digest(self.key(tree), self.env_key(base), self.inside, repr(suite.runner), suite.python)

    def run(self, base: str, tree: str, suite: Suite, only: Iterable[str] = ()) -> Results:
        """One run of a suite in a fresh checkout; bytecode that somebody committed is left out, for it need not match its source."""
        if suite.runner is None:
            return Results(answer=Answer.GREEN)
        with self.open_room(base, self.clean(tree)) as room:
            return runner.run_suite(self.hands, room, suite.runner, suite.python, tuple(only))

    def clean(self, tree: str) -> str:
        stale = filter(matcher(BYTECODE), self.repo.files(tree))
        return self.repo.tree_with(tree, dict.fromkeys(stale))

    def checks(self, base: str, tree: str, feature: str = "") -> tuple[Check, ...]:
        """The base's checks and the plan's gates on a tree. checks/10-tests as init writes it is the loop's own run of the tests."""
        gates = self.gates(base)
        name = "checks-" + digest(self.key(tree), self.env_key(base), self.inside, *gates)
        known = self.recall(name, codec.checks_from)
        if known is not None:
            return known
        argvs = {**{file: [f"./{file}"] for file in self.check_files(base)}, **{gate: ["sh", "-c", gate] for gate in gates}}
        found: tuple[Check, ...] = ()
        if argvs:
            with self.open_room(base, tree) as room:
                env = {"NIGHTLATCH_BASE": base, "NIGHTLATCH_FEATURE": feature}
                found = tuple(runner.run_check(self.hands, room, name, argv, env) for name, argv in argvs.items())
        self.save(name, found)
        return found

    def check_files(self, base: str) -> list[str]:
        """The executables of checks/, in name order, the stand-in for the tests aside."""
        folder = self.path("checks/")
        modes = {path: mode for path, (mode, _) in self.repo.files(base).items() if path.rpartition("/")[0] + "/" == folder}
        named = sorted(path for path, mode in modes.items() if mode == "100755")
        return [self.own(path) for path in named if SUITE_MARK.encode() not in (self.repo.read(base, path) or b"").splitlines()]

    def verify(self, base: str, tree: str, feature: Feature) -> Said:
        env = {"NIGHTLATCH_BASE": base, "NIGHTLATCH_FEATURE": feature.id}
        with self.open_room(base, self.clean(tree)) as room:
            return runner.run_verify(self.hands, room, feature.verify, env)

    def passed_in(self, case: Case, tree: str) -> frozenset[str]:
        """The ids that passed in a tree, if that is known."""
        known = self.recall(self.tests_name(case.base, tree, case.suite), codec.results_from) if tree else None
        return known.passed if known else frozenset()

    def recall(self, name: str, read: Callable[[str], Known]) -> Known | None:
        """What was found out before; a file that cannot be read is as good as none."""
        try:
            return read((self.cache / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, name: str, value: Results | tuple[Check, ...]) -> None:
        """Keep what is known for certain; a fault says nothing about the tree."""
        answers = [check.answer for check in value] if isinstance(value, tuple) else [value.answer]
        if Answer.FAULT in answers:
            return
        self.cache.mkdir(parents=True, exist_ok=True)
        old = sorted(self.cache.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for file in old[: max(len(old) - MOST_CACHED, 0)]:
            file.unlink(missing_ok=True)
        files.replace(self.cache / f"{name}.json", codec.dump(value).encode("utf-8", "surrogatepass"))


def put_back(changes: Iterable[Change]) -> dict[str, Entry | None]:
    """What undoes these changes: the base's files, and new ones gone."""
    return {c.path: (c.old_mode, c.old_oid) if c.old_oid and c.status != "A" else None for c in changes}


def passing(found: Results, names: frozenset[str]) -> Results:
    """The results with these ids passed."""
    ids = {**found.ids, **dict.fromkeys(names, Result.PASSED)}
    better = replace(found, ids=ids)
    return replace(better, answer=Answer.RED if better.failing or better.broken or not names else Answer.GREEN) if names else found


def digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _before(lab: Lab, case: Case, e: Evidence) -> Evidence:
    return replace(e, before=lab.verify_at(case.base, case.feature))


def _own(lab: Lab, case: Case, e: Evidence) -> Evidence:
    found = lab.results(case.base, case.tree, case.suite)
    e = _again(lab, case, replace(e, own=found), case.tree, found)
    if case.suite.runner:
        lab.save(lab.tests_name(case.base, case.tree, case.suite), passing(found, (e.flaky | e.unsteady) & found.failing))
    return e


def _old(lab: Lab, case: Case, e: Evidence) -> Evidence:
    tree = lab.repo.tree_with(case.tree, case.back)
    found = lab.run(case.base, tree, case.suite)
    return _again(lab, case, replace(e, old=found), tree, found)


def _again(lab: Lab, case: Case, e: Evidence, tree: str, found: Results) -> Evidence:
    """Before any refusal only the ids in question run again, on base and candidate in turn."""
    names = suspects(e, found) - e.flaky - e.unsteady
    if not 0 < len(names) <= MOST_SUSPECTS or found.broken or found.answer is Answer.FAULT:
        return e
    known = frozenset(e.base.tests.ids) & names
    base, candidate = [], []
    for _ in range(ROUNDS):
        base += [lab.run(case.base, case.base, case.suite, known)] if known else []
        candidate.append(lab.run(case.base, tree, case.suite, names))
    flaky, unsteady = by_chance(names, base, candidate, known)
    for _ in range(MORE_BASE_ROUNDS):
        if not unsteady & known:
            break
        base.append(lab.run(case.base, case.base, case.suite, unsteady & known))
        flaky, unsteady = by_chance(names, base, candidate, known)
    return replace(e, flaky=e.flaky | flaky, unsteady=e.unsteady | unsteady)


def _checks(lab: Lab, case: Case, e: Evidence) -> Evidence:
    return replace(e, checks=lab.checks(case.base, case.tree, case.feature.id))


def _now(lab: Lab, case: Case, e: Evidence) -> Evidence:
    return replace(e, now=lab.verify(case.base, case.tree, case.feature))


def _owned(lab: Lab, case: Case, e: Evidence) -> Evidence:
    return replace(e, owned=lab.verify(case.base, lab.repo.tree_with(case.tree, case.proof), case.feature))


def _proof(lab: Lab, case: Case, e: Evidence) -> Evidence:
    """The candidate's new tests over the base's source: what fails there, or cannot even be loaded, proves something."""
    wanted = new_passing(e)
    laid = {c.path: (c.new_mode, c.new_oid) for c in case.changes if c.path in case.back and c.status != "D"}
    found = lab.run(case.base, lab.repo.tree_with(case.base, laid), case.suite, wanted)
    if found.answer is Answer.FAULT:
        return replace(e, proof=frozenset())
    nothing_ran = bool(found.broken) and not found.ids and not found.uncollected
    return replace(e, proof=frozenset(i for i in wanted if nothing_ran or i in found.failing or file_of(i) in found.uncollected))


STEPS: Mapping[Step, Callable[[Lab, Case, Evidence], Evidence]] = {
    Step.BEFORE: _before,
    Step.OWN: _own,
    Step.CHECKS: _checks,
    Step.OLD: _old,
    Step.NOW: _now,
    Step.OWNED: _owned,
    Step.PROOF: _proof,
}
