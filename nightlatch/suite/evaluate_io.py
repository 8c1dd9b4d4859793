"""Evaluate trees: run their tests, checks and verify commands in fresh checkouts.

Nothing is run twice that is known already.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from time import monotonic, time

from nightlatch.errors import FaultError
from nightlatch.git.model import Change
from nightlatch.git.repo import Repo
from nightlatch.git.tree_objects import Entry
from nightlatch.model.models import Feature
from nightlatch.sandbox.base import SandboxSpec
from nightlatch.sandbox.file_access import watch
from nightlatch.suite import results as codec
from nightlatch.suite import run_io
from nightlatch.suite.cache_io import ResultCache, TreeMemory, digest
from nightlatch.suite.evaluation import Layout, ProjectCommands, RunRequest, Surroundings
from nightlatch.suite.parallel_io import Job, Progress, T, depth, in_threads, run_one, within
from nightlatch.suite.results import (
    Check,
    CheckStatus,
    Noticed,
    SuiteResult,
    VerifyResult,
    dump_said,
    passing,
    said_from,
)
from nightlatch.suite.run_io import CommandRunner
from nightlatch.suite.run_parts import is_whole, joined, named, parts_of, results_in
from nightlatch.suite.runner_detection import SUITE_MARK
from nightlatch.suite.suite_finder import manifest_files, sign_files
from nightlatch.suite.suites import (
    Suite,
    Suites,
    as_project,
    matching,
    suites_of,
)
from nightlatch.suite.test_command import as_named
from nightlatch.util.globs import matcher
from nightlatch.util.paths import BYTECODE, ENVIRONMENT, FILES, PROGRAM

# More ids than this are no chance: they are not run again, and are held against the candidate.
MOST_AGAIN = 50
# Seconds by which a file's time may lie before the moment that was read from the clock: the kernel
# stamps files by its last tick.
TICK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEvaluator:
    """Run tests, checks and verify commands on trees of one project.

    `open_room(base, tree)` gives a fresh checkout of the tree over what init.sh makes at the base.
    `memory` and `cache` keep what was found out, `progress` says what runs now.
    """

    repo: Repo
    hands: CommandRunner
    open_room: Callable[[str, str], AbstractContextManager[SandboxSpec]]
    cache: ResultCache
    layout: Layout = field(default_factory=Layout)
    commands: ProjectCommands = field(default_factory=ProjectCommands)
    surroundings: Surroundings = field(default_factory=Surroundings)
    side_by_side: int = 1
    progress: Progress = field(default_factory=Progress)
    memory: TreeMemory = field(default_factory=TreeMemory)

    def tree(self, rev: str) -> str:
        """Return the tree of a commit."""
        return self.repo.tree_of(rev)

    def key(self, rev: str) -> str:
        """Return the tree without what no test depends on: equal keys, equal results."""
        tree = self.tree(rev)
        aside = dict.fromkeys(self.layout.aside)
        return self.memory.keys.get(tree, lambda: self.repo.tree_with(tree, aside, keep=False))

    def files(self, rev: str) -> dict[str, Entry]:
        """Return every file of a tree, in order.

        The last few listings are kept, and a new one is the last with what differs: both save a git
        process that takes the longer the more files there are.
        """
        tree = self.tree(rev)
        return self.memory.listings.get(tree, lambda: self.listed(tree))

    def listed(self, tree: str) -> dict[str, Entry]:
        """Return every file of a tree, from the newest listing where there is one."""
        known = self.memory.listings.newest_first()
        if not known:
            return self.repo.files(tree)
        old, listing = known[0]
        changes = self.repo.diff(old, tree)
        files = dict(listing)
        for change in changes:
            files.pop(change.path, None)
            if change.new_mode:
                files[change.path] = change.new_mode, change.new_oid
        return dict(sorted(files.items())) if changes else files

    def repo_path(self, name: str) -> str:
        """Return a path of the project as the repository names it."""
        inside = self.layout.inside
        return f"{inside}/{name}" if inside else name

    def project_path(self, path: str) -> str:
        """Return a path of the repository as the project names it.

        Outside the project it begins with two dots.
        """
        inside = self.layout.inside
        return os.path.relpath(path, inside) if inside else path

    def suite(self, base: str, tree: str) -> Suites:
        """Return how this tree's tests are run, by what its files say.

        Python is looked for at the base only: no candidate brings along what judges it.
        """
        oid = self.tree(tree)
        return self.memory.suites.get(
            oid, lambda: self.as_before(oid) or self.find_suites(base, oid)
        )

    def find_suites(self, base: str, oid: str) -> Suites:
        """Return the suites that the files of a tree point to."""
        inner = map(self.project_path, self.files(oid))
        paths = frozenset(path for path in inner if not path.startswith("../"))
        shipped = run_io.shipped()

        def read(path: str) -> str:
            return (self.repo.read(oid, self.repo_path(path)) or b"").decode("utf-8", "replace")

        def has_module(module: str, folder: str) -> bool:
            return module in self.python(base, folder)[1]

        tests, named = self.commands.tests, self.commands.named
        every = as_named(tests, named, shipped, paths, read, has_module)
        return suites_of([self.with_python(base, suite) for suite in every], shipped)

    def with_python(self, base: str, suite: Suite) -> Suite:
        """Return the suite with the Python of its folder, where it needs one."""
        if not suite.runner.python:
            return suite
        return replace(suite, python=self.python(base, suite.folder)[0])

    def as_before(self, oid: str) -> Suites | None:
        """Return the suites of the last tree that was asked about, where they must be the same.

        They are where nothing differs that suites are found by, which is quick on many files.
        """
        if self.commands.tests or self.commands.named:
            return None
        listings = dict(self.memory.listings.newest_first())
        known = self.memory.suites.newest_first()
        last = next(((tree, suites) for tree, suites in known if tree in listings), None)
        if last is None:
            return None
        tree, suites = last
        differing = {
            self.project_path(path) for path, _ in listings[tree].items() ^ self.files(oid).items()
        }
        is_sign = sign_files(run_io.shipped())
        return None if "init.sh" in differing or any(map(is_sign, differing)) else suites

    def suites_of_both(self, base: str, tree: str, changes: Iterable[Change]) -> Suites:
        """Return the suites of the base, then those that a candidate brings along.

        None of the base's can be lost by what the candidate changes.
        """
        of_base = self.suite(base, base)
        shipped = run_io.shipped()
        is_sign = sign_files(run_io.shipped())
        came = (self.project_path(change.path) for change in changes if change.status != "D")
        inner = (path for path in came if not path.startswith("../"))
        is_fresh = any(is_sign(path) and not of_base.code(path) for path in inner)
        if self.commands.tests or (of_base.every and not is_fresh):
            return of_base
        known = set(map(home_of, of_base.every))
        more = [one for one in self.suite(base, tree).every if home_of(one) not in known]
        return suites_of((*of_base.every, *more), shipped) if more else of_base

    def lost_suites(self, base: str, tree: str, changes: Iterable[Change]) -> list[str]:
        """Return the base's suites that nothing would run now, though their files are there."""
        of_base = self.suite(base, base)
        is_manifest = manifest_files(run_io.shipped())
        if self.commands.tests or self.commands.named:
            return []
        # Only a manifest can end a suite; without one the tree's suites need not be found at all.
        if not any(is_manifest(self.project_path(change.path)) for change in changes):
            return []
        remaining = set(map(home_of, self.suite(base, tree).every))
        gone = [one for one in of_base.every if home_of(one) not in remaining]
        paths = [self.project_path(path) for path in self.files(tree)] if gone else []

        def has_tests(one: Suite) -> bool:
            return any(map(matching(one.patterns(one.runner.files.tests)), paths))

        return [one.name for one in gone if has_tests(one)]

    def python(self, base: str, folder: str = "") -> tuple[str, tuple[str, ...]]:
        """Return the Python of the project, or of a folder in it, and what it has of pytest.

        That is pytest itself and the top modules of its plugins. Raises FaultError where it would
        import the project from another checkout.
        """
        env_key = self.surroundings.env_key(base)
        key = f"{env_key}\0{folder}" if folder else env_key
        return self.memory.pythons.get(key, lambda: self.probe_python(base, folder))

    def probe_python(self, base: str, folder: str) -> tuple[str, tuple[str, ...]]:
        """Look for the project's Python, and what it has of pytest, in a checkout of the base."""
        below = f"{folder}/" if folder else ""
        inner = (
            path for path in map(self.project_path, self.files(base)) if path.startswith(below)
        )
        paths = [path.removeprefix(below) for path in inner]
        end = "/__init__.py"
        packages = {path.removesuffix(end) for path in paths if path.endswith(end)}
        tops = {path.removeprefix("src/") for path in packages}
        modules = ["pytest", *sorted(name for name in tops if name.isidentifier())]
        with self.open_room(base, base) as room:
            inner_room = within(room, folder)
            python, origins, plugins = run_io.probe(self.hands, inner_room, modules, depth(folder))
            self.refuse_elsewhere(room, origins)
        return python, ("pytest", *plugins) if origins.get("pytest") else ()

    def refuse_elsewhere(self, room: SandboxSpec, origins: Mapping[str, str]) -> None:
        """Raise FaultError where modules of the project come from the person's checkout.

        That is the trap of an editable install in a shared environment: the tests would pass or
        fail on other code than the candidate's.
        """
        main = self.repo.top.resolve()
        here = self.hands.sandbox.inside(room, room.tree).resolve()
        for name, origin in origins.items():
            path = Path(origin)
            is_in_main = path.is_relative_to(main) and not path.is_relative_to(here)
            is_installed = "site-packages" in path.parts
            is_elsewhere = is_in_main and not is_installed
            # Inside a sandbox the checkout lies at the main one's own path: that is no trap.
            if origin and main != here and is_elsewhere:
                raise FaultError(
                    f"the checks would import {name} from the main checkout, not from the"
                    " candidate",
                    place=origin,
                    fix=f'set sandbox = "auto" under [workspace], or make init.sh install {name}'
                    " into a .venv of its own",
                )

    def results(
        self,
        base: str,
        tree: str,
        suite: Suites,
        *,
        steady: bool = False,
        fresh: bool = False,
        beside: Iterable[RunRequest] = (),
    ) -> SuiteResult:
        """Return the suites' results on a tree.

        `steady`: what fails runs once more, and passes if it passes then. `fresh`: whatever is
        known. What else is `beside` them runs at the same time, and is known when it is asked for.
        """
        if not suite.every:
            return SuiteResult(answer=CheckStatus.GREEN)
        name = self.tests_name(tree, suite)
        known = None if fresh else self.cache.recall(name, codec.results_from)
        if known:
            return known
        others = tuple(beside)
        results, *ahead = self.runs(base, suite, (RunRequest(tree=tree), *others), kept=not fresh)
        self.memory.ahead.put(dict(zip(others, ahead, strict=True)))
        # What fails once and then passes is chance: the base is known to pass it.
        again = results.failing & results.ids.keys() if steady else frozenset()
        if 0 < len(again) <= MOST_AGAIN:
            recovered = self.run(base, tree, suite, again).passed & again
            noticed = replace(results.noticed, flaky=tuple(sorted(recovered)))
            results = replace(passing(results, recovered), noticed=noticed)
        self.cache.save(name, results)
        return results

    def tests_name(self, tree: str, suite: Suites) -> str:
        """Return the name of the suites' results, by all that they depend on."""
        suites = [
            repr(one.runner) + one.python + (one.folder and f"{one.folder}\0{one.module}")
            for one in suite.every
        ]
        return f"tests-{self.digest_of(tree, *suites)}"

    def digest_of(self, tree: str, *more: str) -> str:
        """Return a digest of a tree, its surroundings and what else a result depends on."""
        return digest(self.key(tree), self.surroundings_key(tree), self.layout.inside, *more)

    def surroundings_key(self, tree: str) -> str:
        """Return a digest of what results come from beside the tree.

        It is what init.sh makes for it, and all that lies outside the repository.
        """
        stamp = self.memory.stamps.get("", self.surroundings.stamp)
        return digest(self.surroundings.env_key(tree), stamp)

    def run(
        self,
        base: str,
        tree: str,
        suite: Suites,
        only: Collection[str] = (),
        seconds: float = 0.0,
        *,
        kept: bool = False,
    ) -> SuiteResult:
        """Return one run of all suites, or of these ids and files, each in a fresh checkout.

        `seconds` limits it further than every command is. `kept`: what a suite came to on this very
        tree is not found out twice.
        """
        # A list is in the order in which it is to run: a canary comes last.
        names = tuple(only) if isinstance(only, list) else tuple(sorted(only))
        request = RunRequest(tree=tree, only=names, seconds=seconds)
        known = self.memory.ahead.take(request)
        return known or self.runs(base, suite, [request], kept=kept)[0]

    def runs(
        self, base: str, suite: Suites, requests: Sequence[RunRequest], *, kept: bool = False
    ) -> list[SuiteResult]:
        """Return what these runs come to, as many at once as the machine allows.

        Only whole ones are `kept`.
        """
        if not suite.every:
            return [SuiteResult(answer=CheckStatus.GREEN) for _ in requests]
        # Each suite of several is kept by itself: a change in one leaves the others known.
        parts = parts_of(suite, requests)
        known = {(r, one.name): self.known_part(r, suite, one) for r, one, _ in parts if kept}
        missing = [part for part in parts if not known.get((part[0], part[1].name))]
        self.progress.runs += len(requests)
        run = partial(self.run_part, Lock(), base, suite)
        jobs = [Job(name=named(*part[1:]), work=partial(run, *part)) for part in missing]
        at_once = self.side_by_side if self.runs_apart else 1
        for (request, one, _), results in zip(missing, self.at_once(jobs, at_once), strict=True):
            known[request, one.name] = results
            if kept and is_whole(request, suite):
                self.cache.save(self.part_name(request.tree, one), results)
        return [joined(suite, results_in(parts, known, request)) for request in requests]

    def known_part(self, request: RunRequest, suite: Suites, one: Suite) -> SuiteResult | None:
        """Return what one suite came to on this very tree, where all of it was run before."""
        if not is_whole(request, suite):
            return None
        return self.cache.recall(self.part_name(request.tree, one), codec.results_from)

    def at_once(self, jobs: Sequence[Job[T]], most: int = 1) -> list[T]:
        """Return what these jobs come to, so many at once; a person sees meanwhile what runs."""
        return in_threads(jobs, most=most, stop=self.hands.stop, progress=self.progress)

    @property
    def runs_apart(self) -> bool:
        """Can two runs go on at once: is there a processor for each, and a sandbox?

        Only a sandbox keeps one's files and ports from the other's.
        """
        traits = self.hands.sandbox.traits
        return self.side_by_side > 1 and traits.isolates_files and traits.network

    def part_name(self, tree: str, one: Suite) -> str:
        """Return the name of one suite's results on a tree."""
        return f"suite-{self.tests_name(tree, suites_of([one], ())).removeprefix('tests-')}"

    def run_part(
        self,
        turn: Lock,
        base: str,
        suite: Suites,
        request: RunRequest,
        one: Suite,
        names: Sequence[str],
    ) -> SuiteResult:
        """Return the results of one suite in a room of its own.

        Rooms are opened and looked through by one thread at a time; so are those run that share a
        network, in which their ports would collide.
        """
        limit = min(request.seconds or self.hands.timeout, self.hands.timeout)
        hands = replace(self.hands, timeout=limit)
        with ExitStack() as stack:
            with turn:
                clean = self.clean(base, request.tree)
                room = stack.enter_context(self.open_room(base, clean))
                since = time()
                started = monotonic()
                shared = run_one(hands, room, one, names) if room.meets_others else None
            results = shared or run_one(hands, room, one, names)
            seconds = monotonic() - started
            with turn:
                rewritten = tuple(self.rewritten(base, clean, suite, room, since))
                return replace(
                    as_project(one, results), seconds=seconds, noticed=Noticed(rewritten=rewritten)
                )

    def test_files(self, base: str, suite: Suites) -> Mapping[str, Entry]:
        """Return the base's tests, helpers and configuration, as the repository names them."""

        def find_out() -> dict[str, Entry]:
            files = self.files(base).items()
            return {path: entry for path, entry in files if suite.files(self.project_path(path))}

        return self.memory.test_files.get(base, find_out)

    def rewritten(
        self, base: str, tree: str, suite: Suites, room: SandboxSpec, since: float
    ) -> Iterator[str]:
        """Yield the test files of a tree that a run wrote to, be it the same bytes.

        Who did that in the workspace brought along what it wrote.
        """
        changed = {
            c.path: (c.new_mode, c.new_oid)
            for c in self.repo.diff(self.tree(base), tree)
            if suite.files(self.project_path(c.path))
        }
        for path, (mode, oid) in {**self.test_files(base, suite), **changed}.items():
            file = room.tree / path
            touched = file.lstat().st_ctime if os.path.lexists(file) else since
            if mode not in FILES or touched < since - TICK:
                continue
            # Within a tick of the start it may still be the checkout that wrote it: bytes decide.
            if touched > since + TICK or self.differs(file, oid):
                yield self.project_path(path)

    def differs(self, file: Path, oid: str) -> bool:
        """Return whether a file of a checkout holds other bytes than this blob."""
        data = file.read_bytes() if file.is_file() and not file.is_symlink() else b""
        known = self.repo.find(oid)
        return known is not None and data != known[2]

    def clean(self, base: str, tree: str) -> str:
        """Return the tree as it is run.

        It is without committed bytecode, which Python would run in place of the sources, and with
        what surrounds a test runner as the base has it.
        """
        own = self.tree(base)
        is_bytecode = matcher(BYTECODE)
        of_base = self.memory.bytecode.get(own, lambda: (*filter(is_bytecode, self.files(base)),))
        changes = self.repo.diff(own, tree) if tree not in (own, base) else ()
        stale = {*of_base, *filter(is_bytecode, (change.path for change in changes))}
        back: dict[str, Entry | None] = {}
        if changes:
            is_base_only = self.memory.base_only.get(own, lambda: self.base_only(base))
            restored = [c for c in changes if is_base_only(self.project_path(c.path))]
            back = {c.path: (c.old_mode, c.old_oid) if c.old_mode else None for c in restored}
        back |= dict.fromkeys(stale)
        return self.repo.tree_with(tree, back) if back else tree

    def base_only(self, base: str) -> Callable[[str], bool]:
        """Return what tells the paths that no candidate brings along.

        They are environments, packages beside the code, and modules that pytest would take for its
        plugins.
        """
        paths = set(map(self.project_path, self.files(base)))
        # Before the suites are asked for, which may look for more Pythons.
        plugins = sorted(self.plugins_outside(paths))
        has_packages = any("node_modules/" in path for path in paths)
        packages = () if has_packages else ("**/node_modules/**",)
        folders = [one.folder for one in self.suite(base, base).every if one.folder]
        at_the_top = [pattern for pattern in ENVIRONMENT if not pattern.startswith("**/")]
        inner = [f"{folder}/{pattern}" for folder in folders for pattern in at_the_top]
        modules = [f"{name}{end}" for name in plugins for end in ("", ".py")]
        return matcher((*ENVIRONMENT, *inner, *packages, *modules))

    def plugins_outside(self, paths: Iterable[str]) -> set[str]:
        """Return the modules of pytest's plugins that are not the project's own, these paths."""
        own_modules = {path.partition("/")[0].partition(".")[0] for path in paths}
        pythons = (python for _, python in self.memory.pythons.newest_first())
        return {plugin for _, modules in pythons for plugin in modules} - own_modules

    def checks(
        self, base: str, tree: str, feature: str = "", *, fresh: bool = False
    ) -> tuple[Check, ...]:
        """Return what the base's checks and the plan's gates say of a tree.

        checks/10-tests as init writes it is the loop's own run of the tests, and left out.
        """
        gates = self.commands.gates(base)
        output = self.check_output(base, tree)
        known = None if fresh else self.cache.recall(output.name, codec.checks_from)
        if known is not None:
            return known
        argvs = {file: [f"./{file}"] for file in self.check_files(base)}
        argvs |= {gate: ["sh", "-c", gate] for gate in gates}
        checks: tuple[Check, ...] = ()
        if argvs:
            with self.open_room(base, self.clean(base, tree)) as room:
                env = {"NIGHTLATCH_BASE": base, "NIGHTLATCH_FEATURE": feature}
                run = partial(run_io.run_check, self.hands, room, env=env, keep=output)
                jobs = [
                    Job(name=name, work=partial(run, name, argv)) for name, argv in argvs.items()
                ]
                checks = tuple(self.at_once(jobs))
        self.cache.save(output.name, checks)
        return checks

    def check_output(self, base: str, tree: str) -> Path:
        """Return where the pictures and texts lie that the checks left on a tree."""
        return self.cache.folder / f"checks-{self.digest_of(tree, *self.commands.gates(base))}"

    def check_files(self, base: str) -> list[str]:
        """Return the executables of checks/, in name order, without the stand-in for the tests."""
        folder = self.repo_path("checks")
        modes = {path: mode for path, (mode, _) in self.files(base).items()}
        own = (path for path in modes if path.rpartition("/")[0] == folder)
        # What init wrote there for the tests is run with its ids instead, by the suites.
        executable = sorted(path for path in own if modes[path] == PROGRAM)
        mark = SUITE_MARK.encode()
        return [
            self.project_path(path)
            for path in executable
            if mark not in (self.repo.read(base, path) or b"").splitlines()
        ]

    def verify(self, base: str, tree: str, feature: Feature, seconds: float = 0.0) -> VerifyResult:
        """Return what a feature's verify says on a tree, in a fresh checkout, and what it read."""
        env = {"NIGHTLATCH_BASE": base, "NIGHTLATCH_FEATURE": feature.id}
        hands = replace(self.hands, timeout=min(seconds or self.hands.timeout, self.hands.timeout))
        clean = self.clean(base, tree)
        # A checkout of its own: what the tests left behind cannot help it.
        with self.open_room(base, clean) as room:
            watched = watch(room.tree, self.files(clean))
            began = monotonic()
            work = partial(run_io.run_verify, hands, room, feature.verify, env)
            result = self.at_once([Job(name=f"verify {feature.id}".rstrip(), work=work)])[0]
            return replace(result, read=watched.read(), seconds=monotonic() - began)

    def proofs(self, tree: str) -> dict[str, VerifyResult]:
        """Return what the verify commands that ran on a tree said there, by `proof_name`."""
        return self.cache.recall(self.proofs_name(tree), said_from) or {}

    def keep_proofs(self, tree: str, results: Mapping[str, VerifyResult]) -> None:
        """Keep what was found out for certain; a fault says nothing about the tree."""
        sure = {name: one for name, one in results.items() if one.answer is not CheckStatus.FAULT}
        if sure:
            self.cache.write(self.proofs_name(tree), dump_said({**self.proofs(tree), **sure}))

    def proofs_name(self, tree: str) -> str:
        """Return the name of what the verify commands said on a tree."""
        return f"proofs-{self.digest_of(tree)}"


def home_of(suite: Suite) -> tuple[str, str]:
    """Return what tells a suite from others: one language has one in a folder."""
    return suite.folder, suite.runner.language


def proof_name(feature: Feature) -> str:
    """Return the name of what a feature's verify says.

    The feature stands in the command's environment, so it counts too.
    """
    return digest(feature.id, *feature.verify)
