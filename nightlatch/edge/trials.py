"""Trials of trees: their tests, checks and verify commands are run in fresh checkouts, and
never twice what is known already."""

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock
from time import monotonic, time
from typing import TypeVar

from nightlatch.core import results as codec
from nightlatch.core.evidence import Said
from nightlatch.core.globs import matcher
from nightlatch.core.models import Feature, Reason
from nightlatch.core.paths import FILES, PROGRAM
from nightlatch.core.proofs import dump_said, said_from
from nightlatch.core.results import Answer, Check, Results, passing
from nightlatch.core.scope import Change
from nightlatch.core.suitefinder import manifest_files, sign_files
from nightlatch.core.suites import (
    Suite,
    Suites,
    as_project,
    matching,
    shared_out,
    suites_of,
    together,
)
from nightlatch.core.testcommand import Named, as_named
from nightlatch.core.testfiles import BYTECODE, ENVIRONMENT, SUITE_MARK
from nightlatch.edge import runner
from nightlatch.edge.files import make_folder
from nightlatch.edge.git import Repo
from nightlatch.edge.runner import Hands
from nightlatch.edge.sandbox_base import SandboxSpec
from nightlatch.edge.sidebyside import Job, Progress, T, depth, in_threads, run_one, within
from nightlatch.edge.tracing import watch
from nightlatch.edge.trees import Entry
from nightlatch.errors import FaultError

Known = TypeVar("Known", Results, tuple[Check, ...], dict[str, Said])
MOST_AGAIN = 50
MOST_CACHED = 100
ROOM = 100_000_000  # bytes of free space
MOST_LISTED = 4
TICK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A run of the suites on a tree, or of some ids and files of them.

    `seconds` limits it further than every command is.
    """

    tree: str
    only: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEvaluator:
    """What is needed to try out trees of one project.

    `open_room(base, tree)` gives a fresh checkout of the tree over what init.sh makes at the base.
    `aside` are the paths that no test depends on: plan, progress, findings. `planned(base)` are the
    features of the plan, `outside` the person's own commands, which run in no sandbox.
    `environment(base, tree)` says what became of the dependencies. `env_key(base)` changes when
    what init.sh makes does, `stamp()` when anything else does that results come from: settings,
    shared and copied files, variables. `ran` counts the runs of a suite, `progress` says what runs
    now, and `early` are results of runs that nobody asked for yet.
    """

    repo: Repo
    hands: Hands
    open_room: Callable[[str, str], AbstractContextManager[SandboxSpec]]
    cache: Path
    inside: str = ""
    aside: tuple[str, ...] = ()
    tests: str = ""
    gates: Callable[[str], tuple[str, ...]] = lambda _base: ()
    planned: Callable[[str], tuple[Feature, ...]] = lambda _base: ()
    outside: tuple[str, ...] = ()
    env_key: Callable[[str], str] = lambda _base: ""
    environment: Callable[[str, str], tuple[Reason, ...]] = lambda _base, _tree: ()
    stamp: Callable[[], str] = lambda: ""
    stamps: dict[str, str] = field(default_factory=dict)
    trees: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    listings: dict[str, dict[str, Entry]] = field(default_factory=dict)
    bytecode: dict[str, tuple[str, ...]] = field(default_factory=dict)
    watched: dict[str, dict[str, Entry]] = field(default_factory=dict)
    around: dict[str, Callable[[str], bool]] = field(default_factory=dict)
    named: tuple[Named, ...] = ()
    side_by_side: int = 1
    suites: dict[str, Suites] = field(default_factory=dict)
    pythons: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    early: dict[Asked, Results] = field(default_factory=dict)

    def tree(self, rev: str) -> str:
        """The tree of a commit; what an id names never changes, so it is asked for once."""
        if rev not in self.trees:
            found = self.repo.tree_of(rev)
            ids = [name for name in (rev, found) if len(name) == len(found)]
            self.trees.update(dict.fromkeys(ids, found))
            return found
        return self.trees[rev]

    def key(self, rev: str) -> str:
        """The tree without what no test depends on: equal keys, equal results."""
        tree = self.tree(rev)
        if tree not in self.keys:
            self.keys[tree] = self.repo.tree_with(tree, dict.fromkeys(self.aside), keep=False)
        return self.keys[tree]

    def files(self, rev: str) -> dict[str, Entry]:
        """Every file of a tree, in order; the last few listings are kept, and a new one is the
        last with what differs: both save a git process that takes the longer the more files
        there are."""
        tree = self.tree(rev)
        if tree not in self.listings:
            for old in list(self.listings)[: -MOST_LISTED + 1]:
                del self.listings[old]
            last = next(reversed(self.listings), None)
            self.listings[tree] = self.changed(last, tree) if last else self.repo.files(tree)
        return self.listings[tree]

    def changed(self, old: str, new: str) -> dict[str, Entry]:
        """The listing of a tree, from that of another one."""
        found, changes = dict(self.listings[old]), self.repo.diff(old, new)
        for change in changes:
            found.pop(change.path, None)
            if change.new_mode:
                found[change.path] = change.new_mode, change.new_oid
        return dict(sorted(found.items())) if changes else found

    def path(self, name: str) -> str:
        """A path of the project as the repository names it."""
        return f"{self.inside}/{name}" if self.inside else name

    def own(self, path: str) -> str:
        """A path of the repository as the project names it; outside the project it begins with
        two dots."""
        return os.path.relpath(path, self.inside) if self.inside else path

    def suite(self, base: str, tree: str) -> Suites:
        """How this tree's tests are run, by what its files say.

        Python is looked for at the base only.
        """
        oid = self.tree(tree)
        if oid not in self.suites and (same := self.as_before(oid)):
            self.suites[oid] = same
        if oid not in self.suites:
            paths = frozenset(
                path for path in map(self.own, self.files(oid)) if not path.startswith("../")
            )
            known = runner.shipped()

            def read(path: str) -> str:
                return (self.repo.read(oid, self.path(path)) or b"").decode("utf-8", "replace")

            found = as_named(
                self.tests,
                self.named,
                known,
                paths,
                read,
                lambda module, folder: module in self.python(base, folder)[1],
            )
            every = [
                replace(one, python=self.python(base, one.folder)[0]) if one.runner.python else one
                for one in found
            ]
            self.suites[oid] = suites_of(every, known)
        return self.suites[oid]

    def as_before(self, oid: str) -> Suites | None:
        """The suites of the last tree that was asked about, where nothing differs that they
        were found by: it is quick on many files."""
        last = next((known for known in reversed(self.suites) if known in self.listings), None)
        if last is None or self.tests or self.named:
            return None
        old, new = self.listings[last], self.files(oid)
        differing = {self.own(path) for path, _ in old.items() ^ new.items()}
        tells = sign_files(runner.shipped())
        return None if "init.sh" in differing or any(map(tells, differing)) else self.suites[last]

    def both(self, base: str, tree: str, changes: Iterable[Change]) -> Suites:
        """The suites of the base, then those that a candidate brings along: none of the base's
        can be lost by what it changes."""
        had = self.suite(base, base)
        shipped, signs = runner.shipped(), sign_files(runner.shipped())
        told = (self.own(change.path) for change in changes if change.status != "D")
        fresh = any(
            signs(path) and not had.code(path) for path in told if not path.startswith("../")
        )
        if self.tests or (had.every and not fresh):
            return had
        names = {(one.folder, one.runner.language) for one in had.every}
        more = [
            one
            for one in self.suite(base, tree).every
            if (one.folder, one.runner.language) not in names
        ]
        return suites_of((*had.every, *more), shipped) if more else had

    def lost(self, base: str, tree: str, changes: Iterable[Change]) -> list[str]:
        """The suites of the base that nothing would run once this tree is the base, though its
        files are still there."""
        had, manifest = self.suite(base, base), manifest_files(runner.shipped())
        if (
            self.tests
            or self.named
            or not any(manifest(self.own(change.path)) for change in changes)
        ):
            return []
        has = {(one.folder, one.runner.language) for one in self.suite(base, tree).every}
        gone = [one for one in had.every if (one.folder, one.runner.language) not in has]
        left = [path for path in map(self.own, self.files(tree)) if gone]
        return [
            one.name
            for one in gone
            if any(matching(one.patterns(one.runner.tests))(path) for path in left)
        ]

    def python(self, base: str, folder: str = "") -> tuple[str, tuple[str, ...]]:
        """The Python of the project, or of a folder in it, and what is there of pytest: itself
        and the top modules of its plugins.

        Raises FaultError where it would import the project from another checkout.
        """
        key = f"{self.env_key(base)}\0{folder}" if folder else self.env_key(base)
        if key not in self.pythons:
            below = f"{folder}/" if folder else ""
            paths = [
                path.removeprefix(below)
                for path in map(self.own, self.files(base))
                if path.startswith(below)
            ]
            packages = {
                path.removesuffix("/__init__.py") for path in paths if path.endswith("/__init__.py")
            }
            names = sorted(
                name
                for name in {path.removeprefix("src/") for path in packages}
                if name.isidentifier()
            )
            with self.open_room(base, base) as room:
                inner = within(room, folder)
                python, origins, plugins = runner.probe(
                    self.hands, inner, ["pytest", *names], depth(folder)
                )
                self.refuse_elsewhere(room, origins)
            self.pythons[key] = python, ("pytest", *plugins) if origins.get("pytest") else ()
        return self.pythons[key]

    def refuse_elsewhere(self, room: SandboxSpec, origins: Mapping[str, str]) -> None:
        """The trap of an editable install in a shared environment: the tests would pass or fail
        on the person's checkout."""
        main, here = self.repo.top.resolve(), self.hands.sandbox.inside(room, room.tree).resolve()
        for name, origin in origins.items():
            place = Path(origin)
            strange = (
                place.is_relative_to(main)
                and not place.is_relative_to(here)
                and "site-packages" not in place.parts
            )
            if origin and main != here and strange:
                fix = (
                    f'set sandbox = "auto" under [workspace], or make init.sh install {name} into a'
                    " .venv of its own"
                )
                raise FaultError(
                    f"the checks would import {name} from the main checkout, not from the"
                    " candidate",
                    place=origin,
                    fix=fix,
                )

    def results(
        self,
        base: str,
        tree: str,
        suite: Suites,
        *,
        steady: bool = False,
        fresh: bool = False,
        beside: Iterable[Asked] = (),
    ) -> Results:
        """The suites' results on a tree.

        `steady`: what fails runs once more, and passes if it passes then. `fresh`: whatever is
        known.

        What else is `beside` them runs at the same time, and is known when it is asked for.
        """
        if not suite.every:
            return Results(answer=Answer.GREEN)
        name = self.tests_name(tree, suite)
        known = None if fresh else self.recall(name, codec.results_from)
        if known:
            return known
        others = tuple(beside)
        found, *early = self.runs(base, suite, (Asked(tree=tree), *others), kept=not fresh)
        self.early.update(zip(others, early, strict=True))
        again = found.failing & found.ids.keys() if steady else frozenset()
        if 0 < len(again) <= MOST_AGAIN:
            better = self.run(base, tree, suite, again).passed & again
            found = replace(passing(found, better), flaky=tuple(sorted(better)))
        self.save(name, found)
        return found

    def tests_name(self, tree: str, suite: Suites) -> str:
        said = [
            repr(one.runner) + one.python + (one.folder and f"{one.folder}\0{one.module}")
            for one in suite.every
        ]
        return "tests-" + digest(self.key(tree), self.surrounding(tree), self.inside, *said)

    def surrounding(self, tree: str) -> str:
        """What a result comes from beside the tree: what init.sh makes for it, and all that
        lies outside the repository."""
        if "" not in self.stamps:
            self.stamps[""] = self.stamp()
        return digest(self.env_key(tree), self.stamps[""])

    def run(
        self,
        base: str,
        tree: str,
        suite: Suites,
        only: Collection[str] = (),
        seconds: float = 0.0,
        *,
        kept: bool = False,
    ) -> Results:
        """One run of all suites, or of these ids and files in the suites that hold them, each
        in a fresh checkout.

        `seconds` limits it further than every command is. `kept`: what a suite came to on this very
        tree is not found out twice.
        """
        asked = Asked(
            tree=tree,
            only=tuple(only) if isinstance(only, list) else tuple(sorted(only)),
            seconds=seconds,
        )
        known = self.early.pop(asked, None)
        return known or self.runs(base, suite, [asked], kept=kept)[0]

    def runs(
        self, base: str, suite: Suites, every: Sequence[Asked], *, kept: bool = False
    ) -> list[Results]:
        """What these runs come to, as many at once as the machine allows; only whole ones are
        `kept`."""
        if not suite.every:
            return [Results(answer=Answer.GREEN) for _ in every]
        parts = [
            (asked, one, names) for asked in every for one, names in shares_of(suite, asked.only)
        ]
        whole = [
            (asked, one) for asked, one, _ in parts if kept and not (suite.alone or asked.only)
        ]
        recalled = (
            (pair, self.recall(self.part_name(pair[0].tree, pair[1]), codec.results_from))
            for pair in whole
        )
        known = {(asked, one.name): found for (asked, one), found in recalled if found}
        missing = [part for part in parts if (part[0], part[1].name) not in known]
        self.ran.extend(asked.tree for asked in every)
        turn = Lock()
        jobs = [
            Job(
                name=named(one, names),
                work=partial(self.run_part, turn, base, asked, suite, one, names),
            )
            for asked, one, names in missing
        ]
        for (asked, one, _), found in zip(
            missing, self.at_once(jobs, self.side_by_side if self.runs_apart else 1), strict=True
        ):
            known[asked, one.name] = found
            if (asked, one) in whole:
                self.save(self.part_name(asked.tree, one), found)
        told = [
            [(one, known[asked, one.name]) for other, one, _ in parts if other == asked]
            for asked in every
        ]
        return [each[0][1] if suite.alone else together(each) for each in told]

    def at_once(self, jobs: Sequence[Job[T]], most: int = 1) -> list[T]:
        """What these jobs come to, so many at once; a person sees meanwhile what runs."""
        return in_threads(jobs, most=most, stop=self.hands.stop, progress=self.progress)

    @property
    def runs_apart(self) -> bool:
        """Is there a processor for each of two runs, and a sandbox that keeps one's files and
        ports from the other's?"""
        traits = self.hands.sandbox.traits
        return self.side_by_side > 1 and traits.isolates_files and traits.network

    def part_name(self, tree: str, one: Suite) -> str:
        return f"suite-{self.tests_name(tree, suites_of([one], ()))[6:]}"

    def run_part(
        self, turn: Lock, base: str, asked: Asked, suite: Suites, one: Suite, names: Sequence[str]
    ) -> Results:
        """One suite in a room of its own.

        Rooms are opened and looked through by one thread at a time; so are those run that share a
        network, in which their ports would collide.
        """
        hands = replace(
            self.hands, timeout=min(asked.seconds or self.hands.timeout, self.hands.timeout)
        )
        with ExitStack() as stack:
            with turn:
                whole = self.clean(base, asked.tree)
                room, began = stack.enter_context(self.open_room(base, whole)), time()
                started = monotonic()
                shared = run_one(hands, room, one, names) if room.meets_others else None
            told = shared or run_one(hands, room, one, names)
            took = monotonic() - started
            with turn:
                return replace(
                    as_project(one, told),
                    seconds=took,
                    rewritten=tuple(self.rewritten(base, whole, suite, room, began)),
                )

    def test_files(self, base: str, suite: Suites) -> Mapping[str, Entry]:
        """The base's tests, helpers and configuration, as the repository names them."""
        if base not in self.watched:
            self.watched[base] = {
                path: entry
                for path, entry in self.files(base).items()
                if suite.files(self.own(path))
            }
        return self.watched[base]

    def rewritten(
        self, base: str, tree: str, suite: Suites, room: SandboxSpec, since: float
    ) -> Iterator[str]:
        """The test files of a tree that a run wrote to, be it the same bytes: who did that in
        the workspace brought along what it wrote."""
        changed = {
            c.path: (c.new_mode, c.new_oid)
            for c in self.repo.diff(self.tree(base), tree)
            if suite.files(self.own(c.path))
        }
        for path, (mode, oid) in {**self.test_files(base, suite), **changed}.items():
            place = room.tree / path
            touched = place.lstat().st_ctime if os.path.lexists(place) else since
            if mode in FILES and touched >= since - TICK:
                data = place.read_bytes() if place.is_file() and not place.is_symlink() else b""
                if touched > since + TICK or ((known := self.repo.find(oid)) and data != known[2]):
                    yield self.own(path)

    def clean(self, base: str, tree: str) -> str:
        """The tree as it is run: without committed bytecode, and with what surrounds a test
        runner as the base has it."""
        own = self.tree(base)
        if own not in self.bytecode:
            self.bytecode[own] = tuple(filter(matcher(BYTECODE), self.files(base)))
        changes = self.repo.diff(own, tree) if tree not in (own, base) else ()
        stale = {
            *self.bytecode[own],
            *filter(matcher(BYTECODE), (change.path for change in changes)),
        }
        if changes and own not in self.around:
            self.around[own] = self.surroundings(base)
        back = {
            c.path: (c.old_mode, c.old_oid) if c.old_mode else None
            for c in changes
            if self.around[own](self.own(c.path))
        }
        back |= dict.fromkeys(stale)
        return self.repo.tree_with(tree, back) if back else tree

    def surroundings(self, base: str) -> Callable[[str], bool]:
        """What no candidate brings along: environments, packages beside the code, and modules
        that pytest would take for its plugins."""
        paths = set(map(self.own, self.files(base)))
        tops = {path.partition("/")[0].partition(".")[0] for path in paths}
        plugins = {plugin for _, modules in self.pythons.values() for plugin in modules} - tops
        kept = () if any("node_modules/" in path for path in paths) else ("**/node_modules/**",)
        homes = [one.folder for one in self.suite(base, base).every if one.folder]
        inner = [
            f"{home}/{pattern}"
            for home in homes
            for pattern in ENVIRONMENT
            if not pattern.startswith("**/")
        ]
        return matcher(
            (
                *ENVIRONMENT,
                *inner,
                *kept,
                *(f"{name}{end}" for name in plugins for end in ("", ".py")),
            )
        )

    def checks(
        self, base: str, tree: str, feature: str = "", *, fresh: bool = False
    ) -> tuple[Check, ...]:
        """The base's checks and the plan's gates on a tree. checks/10-tests as init writes it
        is the loop's own run of the tests."""
        gates, kept = self.gates(base), self.kept(base, tree)
        name = kept.name
        known = None if fresh else self.recall(name, codec.checks_from)
        if known is not None:
            return known
        argvs = {
            **{file: [f"./{file}"] for file in self.check_files(base)},
            **{gate: ["sh", "-c", gate] for gate in gates},
        }
        found: tuple[Check, ...] = ()
        if argvs:
            with self.open_room(base, self.clean(base, tree)) as room:
                env = {"NIGHTLATCH_BASE": base, "NIGHTLATCH_FEATURE": feature}
                run = partial(runner.run_check, self.hands, room, env=env, keep=kept)
                found = tuple(
                    self.at_once(
                        [
                            Job(name=check, work=partial(run, check, argv))
                            for check, argv in argvs.items()
                        ]
                    )
                )
        self.save(name, found)
        return found

    def kept(self, base: str, tree: str) -> Path:
        """Where the pictures and texts lie that the checks left on a tree."""
        gates = self.gates(base)
        key = digest(self.key(tree), self.surrounding(tree), self.inside, *gates)
        return self.cache / f"checks-{key}"

    def check_files(self, base: str) -> list[str]:
        """The executables of checks/, in name order, the stand-in for the tests aside."""
        folder = self.path("checks/")
        modes = {
            path: mode
            for path, (mode, _) in self.files(base).items()
            if path.rpartition("/")[0] + "/" == folder
        }
        named = sorted(path for path, mode in modes.items() if mode == PROGRAM)
        return [
            self.own(path)
            for path in named
            if SUITE_MARK.encode() not in (self.repo.read(base, path) or b"").splitlines()
        ]

    def verify(self, base: str, tree: str, feature: Feature, seconds: float = 0.0) -> Said:
        """What a feature's verify says on a tree, in a fresh checkout, and which files of the
        project it read there."""
        env = {"NIGHTLATCH_BASE": base, "NIGHTLATCH_FEATURE": feature.id}
        hands = replace(self.hands, timeout=min(seconds or self.hands.timeout, self.hands.timeout))
        whole = self.clean(base, tree)
        with self.open_room(base, whole) as room:
            watched, began = watch(room.tree, self.files(whole)), monotonic()
            work = partial(runner.run_verify, hands, room, feature.verify, env)
            said = self.at_once([Job(name=f"verify {feature.id}".rstrip(), work=work)])[0]
            return replace(said, read=watched.read(), seconds=monotonic() - began)

    def proofs(self, tree: str) -> dict[str, Said]:
        """What the verify commands that ran on a tree said there, by `proof_name`."""
        return self.recall(self.proofs_name(tree), said_from) or {}

    def keep_proofs(self, tree: str, said: Mapping[str, Said]) -> None:
        """Keep what was found out for certain; a fault says nothing about the tree."""
        known = {name: each for name, each in said.items() if each.answer is not Answer.FAULT}
        if known:
            self.write(self.proofs_name(tree), dump_said({**self.proofs(tree), **known}))

    def proofs_name(self, tree: str) -> str:
        return "proofs-" + digest(self.key(tree), self.surrounding(tree), self.inside)

    def recall(self, name: str, read: Callable[[str], Known]) -> Known | None:
        """What was found out before; a file that cannot be read is as good as none."""
        try:
            return read((self.cache / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, name: str, value: Results | tuple[Check, ...]) -> None:
        """Keep what is known for certain; a fault says nothing about the tree.

        Not durable: a torn file only costs another run.
        """
        answers = [check.answer for check in value] if isinstance(value, tuple) else [value.answer]
        if Answer.FAULT not in answers:
            self.write(name, codec.dump(value))

    def write(self, name: str, text: str) -> None:
        make_folder(self.cache)
        # on a disk that is nearly full anything may be red
        if shutil.disk_usage(self.cache).free < ROOM:
            return
        old = sorted(self.cache.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for file in old[: max(len(old) - MOST_CACHED, 0)]:
            file.unlink(missing_ok=True)
            shutil.rmtree(file.with_suffix(""), ignore_errors=True)
        (self.cache / f"{name}.json").write_bytes(text.encode("utf-8", "surrogatepass"))


def shares_of(suite: Suites, names: Sequence[str]) -> list[tuple[Suite, list[str]]]:
    """Each suite that is to run, with those of these ids and files that it holds; every suite,
    and all of it, where none are named."""
    shares = shared_out(suite.every, names)
    return [
        (one, shares.get(one.name, [])) for one in suite.every if one.name in shares or not names
    ]


def named(one: Suite, names: Sequence[str]) -> str:
    return f"{one.name}, {len(names)} of its tests" if names else one.name


def proof_name(feature: Feature) -> str:
    """The name of what a feature's verify says: the feature stands in the command's
    environment, so it counts too."""
    return digest(feature.id, *feature.verify)


def digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]
