"""What decides, once more where nothing of the loop can be known.

What passes only where it is watched was made for its judge.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from posixpath import basename
from time import monotonic

from nightlatch.data import RUNNERS
from nightlatch.git.tree_objects import Entry
from nightlatch.ratchet.mutation import alone, alone_go
from nightlatch.ratchet.mutation.alone import FAILED, PASSED, Work
from nightlatch.suite import run_io, test_names
from nightlatch.suite.cache_io import digest
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.parallel_io import within
from nightlatch.suite.report_formats import read_report
from nightlatch.suite.results import CheckStatus, SuiteResult, VerifyResult, file_of
from nightlatch.suite.run_io import ReportDir
from nightlatch.suite.runner_detection import supersedes
from nightlatch.suite.suites import Suite, as_project, holders, matching
from nightlatch.util.paths import FILE
from nightlatch.verdict import integrity_io
from nightlatch.verdict.comparison_io import Comparison, text_of
from nightlatch.verdict.disguise_io import Aspect, DisguisedPlace, elsewhere
from nightlatch.verdict.evidence import Evidence, UnobservedResult, new_passing

TYPESCRIPT = (".ts", ".tsx", ".mts", ".cts")
SHARE = 0.1  # of limits.check
# New tests are all tried, up to a number that no honest feature meets; of the base's, a few that
# speak of what changed.
MOST_NEW, MOST_NEAR, NEAR_FILES = 80, 12, 3
# A verify of the suite's own runner that takes longer than this, in seconds, is not tried again:
# its tests are, one by one. Any other is, however long it takes: else code would only have to be
# slow.
LONG = 2.0
# Test files whose texts go along with a compiled probe.
MOST_TEST_FILES = 300
EVERYTHING_USUAL = frozenset(Aspect)
ASPECTS = (Aspect.PLACE, Aspect.HISTORY, Aspect.VARIABLES)  # what a verify can tell the loop by


@dataclass(frozen=True, kw_only=True)
class UnobservedRun:
    """One suite, and the ids of it that are tried: `new` ones, and some that the base has."""

    evaluator: TreeEvaluator
    comparison: Comparison
    suite: Suite
    new: tuple[str, ...]
    near: tuple[str, ...]
    seconds: float

    @cached_property
    def work(self) -> Work | None:
        """The same ids, called one by one without their framework; None where nothing here can do
        that."""
        return self.work_of((*self.new, *self.near), self.comparison.tree)

    def work_of(self, ids: Iterable[str], tree: str) -> Work | None:
        """Return these ids as work for a program that calls them one by one; None where none
        can."""
        how = alone.BY_RUNNER.get(self.suite.runner.name, "")
        name = f"q{digest(self.comparison.base, tree)[:10]}"
        own = [self.reported(one) for one in ids]
        if how == "go":
            module = self.text("go.mod", tree) or ""
            return alone_go.go_work(name, own, module, self.test_texts(tree), source_of("go"))
        if how == "python":
            return alone.python_work(name, own, lambda path: self.text(path, self.comparison.base))
        return alone.script_work(how, name, own) if how in alone.BETWEEN else None

    def reported(self, name: str) -> str:
        """Return an id as the suite's own runner reports it."""
        inner = self.suite.local(name)
        package = self.suite.module if self.suite.folder and inner.find("::") > 0 else ""
        return f"{package}/{inner}" if package else inner

    def test_texts(self, tree: str) -> dict[str, str]:
        """Return the test files of a tree by their names in the suite's folder."""
        is_test = matching(self.suite.patterns(self.suite.runner.files.tests))
        is_code = matching(self.suite.patterns(self.suite.runner.files.code))
        paths = [
            path
            for path in map(self.evaluator.project_path, self.evaluator.files(tree))
            if is_test(path) and is_code(path)
        ]
        local = [self.suite.local(path) for path in paths[:MOST_TEST_FILES]]
        return {path: self.text(path, tree) or "" for path in local}

    def text(self, path: str, tree: str) -> str | None:
        """Return the text of a file in the suite's folder, None where there is none."""
        data = self.evaluator.repo.read(tree, self.evaluator.repo_path(self.suite.named(path)))
        return None if data is None else text_of(data)

    def entries(self, files: Mapping[str, str]) -> dict[str, Entry | None]:
        """Return these files of the suite's folder, as a tree takes them."""
        paths = (
            (self.evaluator.repo_path(self.suite.named(path)), text) for path, text in files.items()
        )
        return {
            path: (FILE, self.evaluator.repo.write_blob(text.encode("utf-8", "surrogateescape")))
            for path, text in paths
        }

    def with_files(self, tree: str, files: Mapping[str, str]) -> str:
        """Return a tree with these files of the suite's folder in it."""
        return self.evaluator.repo.tree_with(tree, self.entries(files)) if files else tree

    def alone(self, work: Work, tree: str) -> dict[str, str]:
        """Return what each id comes to on a tree, called by itself in a hidden room."""
        self.evaluator.progress.runs += 1
        with elsewhere(
            self.evaluator,
            self.comparison.base,
            self.with_files(tree, work.files),
            seconds=self.seconds,
        ) as place:
            inner = within(place.room, self.suite.folder)
            desk = DisguisedPlace(
                hands=place.hands, room=inner, folder=place.folder, seen=place.seen
            )
            ran = desk.run(started(desk, work, self.suite))
            told = told_by(desk, work, ended=ran.exit == 0)
        return {self.suite.named(name): came for name, came in work.outcomes(told).items()}

    def in_clothes(self, work: Work) -> frozenset[str]:
        """Return the ids that pass when they are called in the same way, but by a test of the
        framework in the loop's usual run."""
        files, clothed = dressed(work)
        wanted = {
            self.suite.named(name): self.suite.named(other) for name, other in clothed.items()
        }
        tree = self.with_files(self.comparison.tree, files)
        found = self.evaluator.run(
            self.comparison.base,
            tree,
            self.comparison.suite,
            sorted(set(wanted.values())),
            self.seconds,
        )
        return frozenset(name for name, clothed in wanted.items() if clothed in found.passed)

    def usual(self, ids: Collection[str]) -> frozenset[str]:
        """Return those of these ids that pass once more where they are watched."""
        return self.evaluator.run(
            self.comparison.base,
            self.comparison.tree,
            self.comparison.suite,
            sorted(ids),
            self.seconds,
        ).passed & frozenset(ids)

    def plainly(
        self, ids: Collection[str], tree: str, usual: frozenset[Aspect] = frozenset()
    ) -> frozenset[str] | None:
        """Return those of these ids that pass by their framework's own command in a hidden room;
        None where it cannot be told."""
        kind = self.suite.runner
        self.evaluator.progress.runs += 1
        with elsewhere(
            self.evaluator, self.comparison.base, tree, seconds=self.seconds, usual=usual
        ) as place:
            inner = within(place.room, self.suite.folder)
            desk = replace(place, room=inner)
            argv, env = self.plain_command(desk, ids, usual)
            ran = desk.run(argv, env)
            root = str(place.hands.sandbox.inside(inner, inner.tree / inner.cwd))
            data = place.read_back("report")
        report = (
            read_report(kind.run.plain_report or kind.output.report, data, root)
            if data is not None
            else None
        )
        if report is None or ran.timed_out:
            return None
        found = as_project(self.suite, SuiteResult(answer=CheckStatus.RED, ids=report.ids))
        return found.passed & frozenset(ids)

    def plain_command(
        self, place: DisguisedPlace, ids: Iterable[str], usual: frozenset[Aspect]
    ) -> tuple[list[str], dict[str, str]]:
        """Return the framework's own command for these ids, and the variables that it gets."""
        kind = self.suite.runner
        own = [self.suite.local(one) for one in ids]
        kit = place.put("values.mjs", (RUNNERS / "nightlatch_node.mjs").read_text(encoding="utf-8"))
        desk = ReportDir(room=place.room, folder=place.folder, seen=place.seen, runners=place.seen)
        plain = run_io.arguments(kind, desk, self.suite.python, own, kind.run.plain)
        argv = [word.replace("{kit}", kit) for word in plain]
        if argv[0] == "node":
            argv = [*alone.node_words(kind.run.command), *argv[1:]]
        if kind.output.stdout:
            argv = ["sh", "-c", 'exec "$@" >"$0" 2>&1', f"{place.seen}/report", *argv]
        env = dict(kind.run.env) if Aspect.VARIABLES in usual else {}
        if kind.name == "pytest" and Aspect.FRAMEWORK not in usual:
            # A test that looks for pytest among the modules would know that it is tested.
            place.put("values.py", (RUNNERS / "alone_pytest.py").read_text(encoding="utf-8"))
            argv, env = [*argv, "-p", "values"], {**env, "PYTHONPATH": place.seen}
        return argv, env


def examine(evaluator: TreeEvaluator, comparison: Comparison, e: Evidence) -> UnobservedResult:
    """Try what decides once more in hidden rooms, where the change adds or changes code.

    Test functions are called one by one without their framework where that can be done, else by the
    framework's own command; the verify runs as it is. Whatever does not pass there runs again in
    ways that tell why, so that a test which needs its framework, or fails there at the base too, is
    held against nobody.
    """
    deadline = monotonic() + SHARE * evaluator.hands.timeout
    told = []
    for suite in comparison.suite.every:
        trial = trial_of(evaluator, comparison, e, suite, max(deadline - monotonic(), 1.0))
        if trial.new or trial.near:
            told.append(tried(trial))
    told.append(verify_again(evaluator, comparison, e, max(deadline - monotonic(), 1.0)))
    return UnobservedResult(
        only=tuple(dict.fromkeys(line for part in told for line in part.only)),
        unsure=tuple(dict.fromkeys(line for part in told for line in part.unsure)),
    )


def trial_of(
    evaluator: TreeEvaluator, comparison: Comparison, e: Evidence, suite: Suite, seconds: float
) -> UnobservedRun:
    """Return what is tried of a suite: its new tests, and some of the base's that speak of the code
    that changed."""
    mine = passing_ids(comparison, e, suite)
    chance = e.runs.flakiness.ids
    new = sorted((e.probes.proof or new_passing(e)) & mine - chance)[:MOST_NEW]
    files = files_that_speak(evaluator, comparison, e, suite) if mine else []
    known = sorted((e.base_tests.passed & mine) - chance)
    near = [
        one for one in known if any(integrity_io.is_of_file(file_of(one), path) for path in files)
    ]
    near = [one for one in near if not supersedes(comparison.feature.supersedes, one)]
    # Spread over all of them: the first ones alone may all ask the same.
    few = near[:: max(len(near) // MOST_NEAR, 1)][:MOST_NEAR]
    return UnobservedRun(
        evaluator=evaluator,
        comparison=comparison,
        suite=suite,
        new=tuple(new),
        near=tuple(few),
        seconds=seconds,
    )


def passing_ids(comparison: Comparison, e: Evidence, suite: Suite) -> frozenset[str]:
    """Return the ids of a suite that pass on the candidate; none where single tests are not
    known."""
    if e.runs.own is None or not suite.by_id or suite.name in e.base_tests.absent_suites:
        return frozenset()
    passed = e.runs.own.passed
    if comparison.suite.alone:
        return passed
    return frozenset(one for one in passed if suite in holders(comparison.suite.every, one))


def files_that_speak(
    evaluator: TreeEvaluator, comparison: Comparison, e: Evidence, suite: Suite
) -> list[str]:
    """Return a few test files of the base that name a file of code which changed."""
    stems = {basename(path).partition(".")[0] for path in comparison.sources}
    speaks = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(stems)))})\b")
    texts = integrity_io.test_texts(evaluator, comparison, suite, e)
    return [path for path, text in texts.items() if speaks.search(text)][:NEAR_FILES]


def tried(trial: UnobservedRun) -> UnobservedResult:
    """Return what comes of a suite's ids, called by themselves and, those of which nothing is known
    then, by the framework's command."""
    told = trial.alone(trial.work, trial.comparison.tree) if trial.work else {}
    failed = [one for one, came in told.items() if came == FAILED]
    known = confirmed(trial, trial.work, failed) if trial.work and failed else UnobservedResult()
    sure = {one for one, came in told.items() if came == PASSED}
    rest = [one for one in (*trial.new, *trial.near) if one not in sure]
    if known.only or not rest or not trial.suite.runner.run.plain:
        return known
    plain = by_framework(trial, rest)
    return UnobservedResult(only=plain.only, unsure=(*known.unsure, *plain.unsure))


def confirmed(trial: UnobservedRun, work: Work, failed: Sequence[str]) -> UnobservedResult:
    """Return which of these ids fail only for want of a framework around them: what fails at the
    base too, or inside of one, does not."""
    again = trial.alone(work, trial.comparison.tree)
    dressed = trial.in_clothes(work)
    steady = [one for one in failed if again.get(one) == FAILED and one in dressed]
    if not steady:
        return UnobservedResult()
    sample = trial.work_of(trial.near, trial.comparison.base) if trial.near else None
    before = trial.alone(sample, trial.comparison.base) if sample else {}
    if FAILED in before.values():
        return UnobservedResult()  # this suite cannot be called so, at the base either
    if not before and may_need_a_loader(trial, work, steady):
        return UnobservedResult()
    lines = tuple(f"{one}: it passes only inside of its test framework" for one in steady)
    # Only where a test of the base passes in this way is the way known to be a fair one.
    is_sure = PASSED in before.values()
    return UnobservedResult(only=lines) if is_sure else UnobservedResult(unsure=lines)


def may_need_a_loader(trial: UnobservedRun, work: Work, names: Sequence[str]) -> bool:
    """May these ids need something to load their files that nothing here knows of?"""
    is_typed = all(file_of(one).endswith(TYPESCRIPT) for one in names)
    return is_typed and not typed_can_be_called(trial, work, names[0])


def typed_can_be_called(trial: UnobservedRun, work: Work, name: str) -> bool:
    """Can a file with types, beside the one of this id, be called by itself at the base?"""
    if work.how != "node":
        return True
    file = replaced_name(file_of(name), f"{work.name}t")
    control = replace(
        alone.script_work(work.how, work.name, [f"{file}::part"]), files={file: alone.TYPED}
    )
    return PASSED in trial.alone(control, trial.comparison.base).values()


def by_framework(trial: UnobservedRun, ids: Collection[str]) -> UnobservedResult:
    """Return the same by the framework's own command, in another place with another history and
    other variables."""
    base, tree = trial.comparison.base, trial.comparison.tree
    failed = missing_from(ids, trial.plainly(ids, tree))
    failed = trial.usual(failed) if failed else failed
    as_usual = trial.plainly(failed, tree, EVERYTHING_USUAL) if failed else None
    if not failed or as_usual is None:
        return UnobservedResult()
    before = trial.plainly(trial.near, base) if trial.near else None
    fails_before = missing_from(trial.near, before)
    only, unsure = list[str](), list[str]()
    for one in sorted(failed - fails_before):
        if one in as_usual:
            line, is_openly_asked = what_it_needs(trial, one)
            (unsure if is_openly_asked else only).append(line)
        # Not even in a usual room: then the command itself may be unfair, unless the base's pass.
        elif before and not fails_before:
            only.append(f"{one}: it passes only as the loop runs it")
    return UnobservedResult(only=tuple(only), unsure=tuple(unsure))


def missing_from(ids: Iterable[str], passed: frozenset[str] | None) -> frozenset[str]:
    """Return those of these ids that did not pass; none where that is not known."""
    return frozenset() if passed is None else frozenset(ids) - passed


def what_it_needs(trial: UnobservedRun, one: str) -> tuple[str, bool]:
    """Return what a test passes only with, in words, and whether its own text asks for that
    openly."""
    tree = trial.comparison.tree
    why = [
        aspect
        for aspect in Aspect
        if one in (trial.plainly([one], tree, frozenset({aspect})) or ())
    ]
    line = f"{one}: it passes only with {' or '.join(why) or 'all that it usually finds'}"
    text = trial.text(trial.suite.local(file_of(one)), tree) or ""
    top = str(trial.evaluator.repo.top)
    named = any(
        alone.speaks_of(aspect, [text], top) for aspect in why if aspect is not Aspect.FRAMEWORK
    )
    # A test may have its reasons to look for its own framework while it runs.
    return line, named or why == [Aspect.FRAMEWORK]


def verify_again(
    evaluator: TreeEvaluator, comparison: Comparison, e: Evidence, seconds: float
) -> UnobservedResult:
    """Return the feature's verify in a hidden room."""
    now = e.runs.now
    if now is None or now.answer is not CheckStatus.GREEN or is_tried_by_tests(comparison, now):
        return UnobservedResult()
    in_hidden_room = partial(verify_is_green, evaluator, comparison, seconds)
    if in_hidden_room(frozenset()):
        return UnobservedResult()
    again = evaluator.verify(comparison.base, comparison.tree, comparison.feature, seconds)
    if again.answer is not CheckStatus.GREEN or not in_hidden_room(EVERYTHING_USUAL):
        return UnobservedResult()  # it comes out both ways, or not from a script
    why = [aspect for aspect in ASPECTS if in_hidden_room(frozenset({aspect}))]
    line = f"verify: it is green only with {' or '.join(why) or 'all that it usually finds'}"
    if base_speaks_of(evaluator, comparison, now, why or ASPECTS):
        return UnobservedResult()
    return UnobservedResult(only=(line,))


def is_tried_by_tests(comparison: Comparison, now: VerifyResult) -> bool:
    """Is a verify slow, and no more than the tests that are tried one by one anyway?"""
    is_slow = now.seconds > LONG and bool(comparison.suite.every)
    return is_slow and all(map(calls_a_runner, comparison.feature.verify))


def verify_is_green(
    evaluator: TreeEvaluator, comparison: Comparison, seconds: float, usual: frozenset[Aspect]
) -> bool:
    """Is the feature's verify green in a hidden room, in which this much is as usual?"""
    harness = comparison.restored.own_harness
    tree = evaluator.repo.tree_with(comparison.tree, harness) if harness else comparison.tree
    with elsewhere(evaluator, comparison.base, tree, seconds=seconds, usual=usual) as place:
        env = {
            "NIGHTLATCH_BASE": comparison.base,
            "NIGHTLATCH_FEATURE": comparison.feature.id,
            "NIGHTLATCH_REPORTS": place.seen,
        }
        env = env if Aspect.VARIABLES in usual else {}
        scripts = [
            place.put(f"c{n}", command + "\n")
            for n, command in enumerate(comparison.feature.verify)
        ]
        return all(place.run(["sh", script], env).exit == 0 for script in scripts)


def base_speaks_of(
    evaluator: TreeEvaluator, comparison: Comparison, now: VerifyResult, aspects: Iterable[Aspect]
) -> bool:
    """Do the person's command, or files of the base that it read, ask for one of these openly?"""
    texts = [
        *comparison.feature.verify,
        *harness_texts(evaluator, comparison, now.read or ()),
    ]
    top = str(evaluator.repo.top)
    return any(alone.speaks_of(aspect, texts, top) for aspect in aspects)


def calls_a_runner(command: str) -> bool:
    """Is a test runner named in this command?"""
    return any(
        " ".join(call.words) in command for kind in run_io.shipped() for call in kind.options.calls
    )


def harness_texts(
    evaluator: TreeEvaluator, comparison: Comparison, read: Collection[str]
) -> list[str]:
    """Return what the base says in files that a verify read and the candidate did not change."""
    changed = {change.path for change in comparison.changes}
    paths = [
        path
        for path in sorted(read)
        if path not in changed and path in evaluator.files(comparison.base)
    ]
    return [
        text_of(evaluator.repo.read(comparison.base, path) or b"")
        for path in paths[: 10 * MOST_NEAR]
    ]


def source_of(how: str) -> str:
    """Return what calls functions one by one, in its own language."""
    name = {"python": "alone.py", "go": "alone.go.txt"}.get(how, "alone.mjs")
    return (RUNNERS / name).read_text(encoding="utf-8")


def started(place: DisguisedPlace, work: Work, suite: Suite) -> list[str]:
    """Return the command that calls functions one by one, once all that it needs lies in the
    place's folder."""
    if work.how == "go":
        build = f"go build -o {place.seen}/app$n ./{work.name}/m$n && : >{place.seen}/built$n"
        step = f"{build} && {place.seen}/app$n {place.seen}/out$n"
        return [
            "sh",
            "-c",
            f"for n in {' '.join(map(str, range(int(work.given))))}; do {step}; done; true",
        ]
    place.put("in", work.given)
    source = source_of(work.how)
    if work.how == "python":
        return [suite.python, place.put("main.py", source)]
    node = alone.node_words(suite.runner.run.command) if work.how == "node" else ["node"]
    return [*node, place.put("main.mjs", f"{source}await main();\n")]


def told_by(place: DisguisedPlace, work: Work, *, ended: bool) -> dict[str, str]:
    """Return what was written down of each function.

    Where a process ended before it wrote anything, everything in it failed.
    """
    if work.how != "go":
        said = place.read_back("out")
        return read_told(said) if said and ended else {"*": FAILED}
    told: dict[str, str] = {}
    for n, names in enumerate(alone_go.programs(work)):
        said = place.read_back(f"out{n}")
        built = place.read_back(f"built{n}") is not None
        told |= read_told(said) if said else dict.fromkeys(names if built else (), FAILED)
    return told


def read_told(said: bytes) -> dict[str, str]:
    """Return what a process wrote; it ran code that nobody vouches for, so it may be anything."""
    try:
        data = json.loads(said)
    except ValueError:
        return {}
    return {str(name): str(came) for name, came in data.items()} if isinstance(data, dict) else {}


def dressed(work: Work) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Files by which the framework itself calls the same functions in the same way, and each id's
    name there."""
    if work.how == "go":
        return work.files, alone_go.clothed_ids(work)
    if work.how == "python":
        files = alone.python_in_clothes(work, source_of("python"))
        return files, {name: alone.clothed_id(work, name, "") for name in work.ids}
    path = replaced_name(work.ids[0].split("::", 1)[0], work.name)
    return alone.script_in_clothes(work, source_of(work.how), path), {
        name: alone.clothed_id(work, name, path) for name in work.ids
    }


def replaced_name(beside: str, name: str) -> str:
    """Return a file beside a test file that its framework takes for one too."""
    folder, _, base = beside.rpartition("/")
    shape = test_names.SHAPE.fullmatch(base)
    own = "".join((shape[1] or "", name, shape[2] or "", shape[3])) if shape else f"{name}.test.mjs"
    return f"{folder}/{own}" if folder else own
