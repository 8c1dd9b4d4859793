"""Trials of trees: their tests, checks and verify commands are run in fresh checkouts, and never twice what is known already."""

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from time import monotonic, time
from typing import TypeVar

from nightlatch.core import results as codec
from nightlatch.core.evidence import Said
from nightlatch.core.globs import matcher
from nightlatch.core.models import Cost, Feature
from nightlatch.core.proofs import dump_said, said_from
from nightlatch.core.results import Answer, Check, Results, passing
from nightlatch.core.testfiles import BYTECODE, ENVIRONMENT, SUITE_MARK, Runner, detect
from nightlatch.edge import runner
from nightlatch.edge.files import make_folder
from nightlatch.edge.git import Repo
from nightlatch.edge.runner import Hands
from nightlatch.edge.sandbox import Room
from nightlatch.edge.tracing import watch
from nightlatch.edge.trees import Entry
from nightlatch.errors import FaultError

Known = TypeVar("Known", Results, tuple[Check, ...], dict[str, Said])
MOST_AGAIN = 50
MOST_CACHED = 100
ROOM = 100_000_000  # bytes of free space
MOST_LISTED = 4
FILES = ("100644", "100755")
TICK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """How the tests of one tree are run: a runner, None where there are no tests, and the project's own Python."""

    runner: Runner | None
    python: str = ""
    files: Callable[[str], bool] = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What is needed to try out trees of one project.

    `open_room(base, tree)` gives a fresh checkout of the tree over what init.sh makes at the base. `aside` are the paths that no test
    depends on: plan, progress, findings. `planned(base)` are the features of the plan. `env_key(base)` changes when what init.sh makes
    does, `stamp()` when anything else does that results come from: settings, shared and copied files, variables. `ran` counts the runs
    of a suite.
    """

    repo: Repo
    hands: Hands
    open_room: Callable[[str, str], AbstractContextManager[Room]]
    cache: Path
    inside: str = ""
    aside: tuple[str, ...] = ()
    tests: str = ""
    gates: Callable[[str], tuple[str, ...]] = lambda _base: ()
    planned: Callable[[str], tuple[Feature, ...]] = lambda _base: ()
    env_key: Callable[[str], str] = lambda _base: ""
    stamp: Callable[[], str] = lambda: ""
    trees: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    listings: dict[str, dict[str, Entry]] = field(default_factory=dict)
    bytecode: dict[str, tuple[str, ...]] = field(default_factory=dict)
    watched: dict[str, dict[str, Entry]] = field(default_factory=dict)
    around: dict[str, Callable[[str], bool]] = field(default_factory=dict)
    suites: dict[str, Suite] = field(default_factory=dict)
    pythons: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

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
        """Every file of a tree, in order; the last few listings are kept, and a new one is the last with what differs: both save a git
        process that takes the longer the more files there are."""
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
        """A path of the repository as the project names it; outside the project it begins with two dots."""
        return os.path.relpath(path, self.inside) if self.inside else path

    def suite(self, base: str, tree: str) -> Suite:
        """How this tree's tests are run, by what its files say. Python is looked for at the base only."""
        oid = self.tree(tree)
        if oid not in self.suites:
            paths = [self.own(path) for path in self.files(oid)]
            found = self.find_runner(base, oid, paths)
            known = [found] if found and found.report != "folder" else runner.shipped()
            test_file = matcher(pattern for each in known for pattern in (*each.tests, *each.config))
            python = self.python(base)[0] if found and found.python else ""
            self.suites[oid] = Suite(runner=found, python=python, files=test_file)
        return self.suites[oid]

    def find_runner(self, base: str, tree: str, paths: Iterable[str]) -> Runner | None:
        if self.tests:
            return Runner(name="tests", report="folder", command=("sh", "-c", self.tests), tests=())
        return detect(
            runner.shipped(),
            frozenset(paths),
            lambda path: (self.repo.read(tree, self.path(path)) or b"").decode("utf-8", "replace"),
            lambda module: module in self.python(base)[1],
        )

    def python(self, base: str) -> tuple[str, tuple[str, ...]]:
        """The project's own Python, and what is there of pytest: itself and the top modules of its plugins.

        Raises FaultError where it would import the project from another checkout.
        """
        key = self.env_key(base)
        if key not in self.pythons:
            packages = {path.removesuffix("/__init__.py") for path in map(self.own, self.files(base)) if path.endswith("/__init__.py")}
            names = sorted(name for name in {path.removeprefix("src/") for path in packages} if name.isidentifier())
            with self.open_room(base, base) as room:
                python, origins, plugins = runner.probe(self.hands, room, ["pytest", *names])
                self.refuse_elsewhere(room, origins)
            self.pythons[key] = python, ("pytest", *plugins) if origins.get("pytest") else ()
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

    def results(self, base: str, tree: str, suite: Suite, *, steady: bool = False, fresh: bool = False) -> Results:
        """The suite's results on a tree. `steady`: what fails runs once more, and passes if it passes then. `fresh`: whatever is known."""
        if suite.runner is None:
            return Results(answer=Answer.GREEN)
        name = self.tests_name(base, tree, suite)
        known = None if fresh else self.recall(name, codec.results_from)
        if known:
            return known
        found = self.run(base, tree, suite)
        again = found.failing & found.ids.keys() if steady else frozenset()
        if 0 < len(again) <= MOST_AGAIN:
            found = passing(found, self.run(base, tree, suite, again).passed & again)
        self.save(name, found)
        return found

    def tests_name(self, base: str, tree: str, suite: Suite) -> str:
        return "tests-" + digest(self.key(tree), self.surrounding(base), self.inside, repr(suite.runner), suite.python)

    def surrounding(self, base: str) -> str:
        """What a result comes from beside the tree: what init.sh makes at the base, and all that lies outside the repository."""
        return digest(self.env_key(base), self.stamp())

    def run(self, base: str, tree: str, suite: Suite, only: Collection[str] = (), seconds: float = 0.0) -> Results:
        """One run of a suite, or only of these ids and files, in a fresh checkout; `seconds` limits it further than every command is."""
        if suite.runner is None:
            return Results(answer=Answer.GREEN)
        self.ran.append(tree)
        whole = self.clean(base, tree)
        with self.open_room(base, whole) as room:
            hands = replace(self.hands, timeout=min(seconds or self.hands.timeout, self.hands.timeout))
            began = time()
            found = runner.run_suite(hands, room, suite.runner, suite.python, only)
            return replace(found, rewritten=tuple(self.rewritten(base, whole, suite, room, began)))

    def test_files(self, base: str, suite: Suite) -> Mapping[str, Entry]:
        """The base's tests, helpers and configuration, as the repository names them."""
        if base not in self.watched:
            self.watched[base] = {path: entry for path, entry in self.files(base).items() if suite.files(self.own(path))}
        return self.watched[base]

    def rewritten(self, base: str, tree: str, suite: Suite, room: Room, since: float) -> Iterator[str]:
        """The test files of a tree that a run wrote to, be it the same bytes: who did that in the workspace brought along what it wrote."""
        changed = {c.path: (c.new_mode, c.new_oid) for c in self.repo.diff(self.tree(base), tree) if suite.files(self.own(c.path))}
        for path, (mode, oid) in {**self.test_files(base, suite), **changed}.items():
            place = room.tree / path
            touched = place.lstat().st_ctime if os.path.lexists(place) else since
            if mode in FILES and touched >= since - TICK:
                data = place.read_bytes() if place.is_file() and not place.is_symlink() else b""
                if touched > since + TICK or ((known := self.repo.find(oid)) and data != known[2]):
                    yield self.own(path)

    def clean(self, base: str, tree: str) -> str:
        """The tree as it is run: without committed bytecode, and with what surrounds a test runner as the base has it."""
        own = self.tree(base)
        if own not in self.bytecode:
            self.bytecode[own] = tuple(filter(matcher(BYTECODE), self.files(base)))
        changes = self.repo.diff(own, tree) if tree not in (own, base) else ()
        stale = {*self.bytecode[own], *filter(matcher(BYTECODE), (change.path for change in changes))}
        if changes and own not in self.around:
            self.around[own] = self.surroundings(base)
        back = {c.path: (c.old_mode, c.old_oid) if c.old_mode else None for c in changes if self.around[own](self.own(c.path))}
        back |= dict.fromkeys(stale)
        return self.repo.tree_with(tree, back) if back else tree

    def surroundings(self, base: str) -> Callable[[str], bool]:
        """What no candidate brings along: environments, packages beside the code, and modules that pytest would take for its plugins."""
        paths = set(map(self.own, self.files(base)))
        tops = {path.partition("/")[0].partition(".")[0] for path in paths}
        plugins = {plugin for _, modules in self.pythons.values() for plugin in modules} - tops
        kept = () if any("node_modules/" in path for path in paths) else ("**/node_modules/**",)
        return matcher((*ENVIRONMENT, *kept, *(f"{name}{end}" for name in plugins for end in ("", ".py"))))

    def checks(self, base: str, tree: str, feature: str = "", *, fresh: bool = False) -> tuple[Check, ...]:
        """The base's checks and the plan's gates on a tree. checks/10-tests as init writes it is the loop's own run of the tests."""
        gates, kept = self.gates(base), self.kept(base, tree)
        name = kept.name
        known = None if fresh else self.recall(name, codec.checks_from)
        if known is not None:
            return known
        argvs = {**{file: [f"./{file}"] for file in self.check_files(base)}, **{gate: ["sh", "-c", gate] for gate in gates}}
        found: tuple[Check, ...] = ()
        if argvs:
            with self.open_room(base, self.clean(base, tree)) as room:
                env = {"NIGHTLATCH_BASE": base, "NIGHTLATCH_FEATURE": feature}
                found = tuple(runner.run_check(self.hands, room, check, argv, env, kept) for check, argv in argvs.items())
        self.save(name, found)
        return found

    def kept(self, base: str, tree: str) -> Path:
        """Where the pictures and texts lie that the checks left on a tree."""
        return self.cache / f"checks-{digest(self.key(tree), self.surrounding(base), self.inside, *self.gates(base))}"

    def check_files(self, base: str) -> list[str]:
        """The executables of checks/, in name order, the stand-in for the tests aside."""
        folder = self.path("checks/")
        modes = {path: mode for path, (mode, _) in self.files(base).items() if path.rpartition("/")[0] + "/" == folder}
        named = sorted(path for path, mode in modes.items() if mode == "100755")
        return [self.own(path) for path in named if SUITE_MARK.encode() not in (self.repo.read(base, path) or b"").splitlines()]

    def verify(self, base: str, tree: str, feature: Feature, seconds: float = 0.0) -> Said:
        """What a feature's verify says on a tree, in a fresh checkout, and which files of the project it read there."""
        env = {"NIGHTLATCH_BASE": base, "NIGHTLATCH_FEATURE": feature.id}
        hands = replace(self.hands, timeout=min(seconds or self.hands.timeout, self.hands.timeout))
        whole = self.clean(base, tree)
        with self.open_room(base, whole) as room:
            watched, began = watch(room.tree, self.files(whole)), monotonic()
            said = runner.run_verify(hands, room, feature.verify, env)
            return replace(said, read=watched.read(), seconds=monotonic() - began)

    def proofs(self, base: str, tree: str) -> dict[str, Said]:
        """What the verify commands that ran on a tree said there, by `proof_name`."""
        return self.recall(self.proofs_name(base, tree), said_from) or {}

    def keep_proofs(self, base: str, tree: str, said: Mapping[str, Said]) -> None:
        """Keep what was found out for certain; a fault says nothing about the tree."""
        known = {name: each for name, each in said.items() if each.answer is not Answer.FAULT}
        if known:
            self.write(self.proofs_name(base, tree), dump_said({**self.proofs(base, tree), **known}))

    def proofs_name(self, base: str, tree: str) -> str:
        return "proofs-" + digest(self.key(tree), self.surrounding(base), self.inside)

    def recall(self, name: str, read: Callable[[str], Known]) -> Known | None:
        """What was found out before; a file that cannot be read is as good as none."""
        try:
            return read((self.cache / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, name: str, value: Results | tuple[Check, ...]) -> None:
        """Keep what is known for certain; a fault says nothing about the tree. Not durable: a torn file only costs another run."""
        answers = [check.answer for check in value] if isinstance(value, tuple) else [value.answer]
        if Answer.FAULT not in answers:
            self.write(name, codec.dump(value))

    def write(self, name: str, text: str) -> None:
        make_folder(self.cache)
        if shutil.disk_usage(self.cache).free < ROOM:  # on a disk that is nearly full anything may be red
            return
        old = sorted(self.cache.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for file in old[: max(len(old) - MOST_CACHED, 0)]:
            file.unlink(missing_ok=True)
            shutil.rmtree(file.with_suffix(""), ignore_errors=True)
        (self.cache / f"{name}.json").write_bytes(text.encode("utf-8", "surrogatepass"))


def proof_name(feature: Feature) -> str:
    """The name of what a feature's verify says: the feature stands in the command's environment, so it counts too."""
    return digest(feature.id, *feature.verify)


def digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What each step of a verdict costs."""

    trials: Trials
    costs: list[Cost] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, budget: float = 0.0) -> Iterator[None]:
        runs, start = len(self.trials.ran), monotonic()
        yield
        self.costs.append(Cost(step=str(name), runs=len(self.trials.ran) - runs, seconds=monotonic() - start, budget=budget))
