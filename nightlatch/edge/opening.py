"""A site opened: the house found, the lock held, the signals heard, everything that a night
needs put together."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from nightlatch.core import planfile
from nightlatch.core.journal import run_id
from nightlatch.core.models import Feature, Plan
from nightlatch.core.testcommand import Named
from nightlatch.edge import (
    agents,
    branch,
    byhand,
    files,
    fingerprint,
    heldback,
    judge,
    rooms,
    workspace,
)
from nightlatch.edge.console import Console
from nightlatch.edge.evaluation import Layout, ProjectCommands, Surroundings
from nightlatch.edge.house import House, find_house, require_plan
from nightlatch.edge.journal import open_journal, store_of
from nightlatch.edge.lab import VerdictEngine
from nightlatch.edge.notifier import Notifier
from nightlatch.edge.ownfiles import run_outside
from nightlatch.edge.pool import Pool
from nightlatch.edge.reach import Ways
from nightlatch.edge.resultcache import Memo, ResultCache
from nightlatch.edge.runner import Hands
from nightlatch.edge.sandbox_base import SandboxSpec
from nightlatch.edge.sidebyside import Progress
from nightlatch.edge.site import Options, Signals, Site
from nightlatch.edge.trials import TreeEvaluator
from nightlatch.errors import PlanError, RepoError


@contextmanager
def entered(options: Options, *, named: bool = False) -> Iterator[Site]:
    """The site with the lock held and the signals heard, for a run if it is `named`, else for
    decisions that are carried out at once."""
    house = require_plan(find_house(Path.cwd(), options.flags))
    settings, signals, now = house.config, Signals(clock=options.clock), options.clock.now
    byhand.require(house)
    state_folder(house)
    with files.Lock(house.state / "lock"), signals.listening():
        name = branch.choose(house)
        branch.require_committed(house)
        sandbox = rooms.sandbox_of(house)
        hired = tuple(agents.load(agent, settings.agents) for agent in settings.agent)
        judge.hired(house, hired[0].name)
        journal = open_journal(store_of(house.state).path, now)
        run = run_id(now(), journal.state.run) if named else ""
        files.drop_drafts((house.repo.top / house.plan).resolve().parent)
        workspace.sweep(
            house.cache, keep=journal.state.flight.folder if journal.state.flight else ""
        )
        # its gits answer while those of the loop are asked
        own = replace(house, repo=replace(house.repo, standing={}))
        pool = Pool(house=own, sandbox=sandbox, branch=name)
        console = Console(now=now, hide=house.secrets.hide)
        site = Site(
            house=house,
            branch=name,
            run=run,
            options=options,
            agents=hired,
            sandbox=sandbox,
            journal=journal,
            pool=pool,
            engine=verdict_engine(
                house, pool, progress=Progress(show=partial(alive, console, signals))
            ),
            console=console,
            signals=signals,
            notifier=Notifier(house=house, branch=name, run=run, say=console.say),
            now=now,
        )
        with put_away(pool, console):
            try:
                yield site
            finally:
                journal.close()


def read_plan(house: House, data: bytes) -> Plan:
    """A plan that was committed; where that one is broken and the person has corrected it
    since, the one in their checkout.

    Raises PlanError where neither can be read.
    """
    try:
        return planfile.read(data, house.plan, *house.reading)
    except PlanError:
        now = house.worktree_plan()
        if now is None or now == data:
            raise
        return planfile.read(now, house.plan, *house.reading)


def alive(console: Console, signals: Signals, elapsed: float, text: str) -> None:
    """A sign of life while checks run; who has pressed Ctrl-C is told what they wait for."""
    if signals.asked and not signals.told:
        signals.told = True
        console.say(
            "stopping",
            "what was done so far goes through its checks, and is landed or carried; Ctrl-C again"
            " ends the run at once",
        )
    console.alive(elapsed, text)


@contextmanager
def put_away(pool: Pool, console: Console) -> Iterator[None]:
    """Take away what a pool has prepared, and the live line.

    Who is interrupted waits for no command that still runs.
    """
    try:
        yield
    except KeyboardInterrupt:
        pool.stop.set()
        raise
    finally:
        console.rest()
        pool.close()


def plan_reader(house: House) -> Callable[[str], Plan | None]:
    """Return what gives the plan at a commit, None where there is none.

    It is read once for each commit and parsed once for each text: several gates of one session ask
    for the same.
    """
    by_commit, by_text = Memo[str, Plan](), Memo[str, Plan]()

    def plan(base: str) -> Plan | None:
        if known := by_commit.peek(base):
            return known
        blob = house.repo.find(f"{base}:{house.plan}") if house.plan else None
        if blob is None:
            return None
        found = by_text.get(blob[0], lambda: read_plan(house, blob[2]))
        # A name such as HEAD may mean another commit next time.
        if house.repo.is_id(base):
            by_commit.put({base: found})
        return found

    return plan


def verdict_engine(
    house: House,
    pool: Pool,
    ways: Ways | None = None,
    *,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> VerdictEngine:
    """Return the engine that evaluates trees in fresh checkouts of the pool.

    The sandbox is of the same kind as an agent's, but without its network: `ways` are open in place
    of those of the pool. `progress` is told what runs. Results are kept in `cache`, else among the
    project's own.
    """
    project_files = (house.plan, house.progress, house.path("findings"), house.sheets)
    evaluator = TreeEvaluator(
        repo=house.repo,
        hands=Hands(
            sandbox=pool.sandbox,
            timeout=house.config.limits.check,
            secrets=house.secrets,
            stop=pool.stop,
        ),
        open_room=room_opener(house, pool, ways),
        cache=ResultCache(cache or house.state / "cache"),
        layout=Layout(inside=house.inside, aside=tuple(filter(None, project_files))),
        commands=project_commands(house),
        surroundings=Surroundings(
            env_key=pool.env_key,
            environment=pool.environment,
            stamp=partial(fingerprint.stamp, house, pool.sandbox),
        ),
        side_by_side=max(os.cpu_count() or 1, 1),
        progress=progress or Progress(),
    )
    return VerdictEngine(
        evaluator=evaluator,
        held_back=heldback.folder(house),
        weak_is_enough=house.config.land.weak_verify == "enough",
    )


def room_opener(
    house: House, pool: Pool, ways: Ways | None
) -> Callable[[str, str], AbstractContextManager[SandboxSpec]]:
    """Return what opens a room for checks, with a fresh checkout of a tree."""

    @contextmanager
    def open_room(base: str, tree: str) -> Iterator[SandboxSpec]:
        with pool.checkout(base, tree) as place:
            yield rooms.checks_spec(house, place, ways or pool.ways)

    return open_room


def project_commands(house: House) -> ProjectCommands:
    """Return the commands of the settings, and of the plan as a base has it."""
    plan = plan_reader(house)

    def gates(base: str) -> tuple[str, ...]:
        of_base = plan(base)
        # What begins with no program is prose.
        return tuple(g for g in of_base.gates if shutil.which(g.split()[0])) if of_base else ()

    def planned(base: str) -> tuple[Feature, ...]:
        of_base = plan(base)
        return of_base.features if of_base else ()

    checks = house.config.checks
    return ProjectCommands(
        tests=checks.tests,
        named=tuple(Named(**one) for one in checks.suite),
        gates=gates,
        planned=planned,
        outside=tuple(run_outside(house)),
    )


def state_folder(house: House) -> None:
    """Make .nightlatch, which ignores itself.

    Raises RepoError where a file is in its place, or another user left what a run writes to.
    """
    repo = house.repo
    for place in (
        repo.project,
        house.state,
        *house.state.glob("*"),
        repo.git_dir,
        repo.objects,
        repo.common_dir / "refs",
    ):
        if (
            place.exists()
            and place.stat().st_uid != os.geteuid()
            and not os.access(place, os.R_OK | os.W_OK)
        ):
            raise files.not_yours(place)
    if house.state.exists() and not house.state.is_dir():
        raise RepoError(
            "this is a file, and a run keeps its state in a folder of that name",
            place=str(house.state),
            fix="move it away",
        )
    files.make_folder(house.state / "sessions")
    files.lay_ballast(house.state / "ballast")
    if not (ignore := house.state / ".gitignore").exists():
        files.replace(ignore, b"*\n")
