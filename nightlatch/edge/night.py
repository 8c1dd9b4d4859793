"""The verbs of the loop: a run opened, one decision after another, and the summary at the end."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nightlatch.core import policy
from nightlatch.core.closing import LANDS
from nightlatch.core.history import History
from nightlatch.core.models import AgentEnd, Feature, SessionEnded
from nightlatch.core.policy import Choice, Stop, Wait, Waiting
from nightlatch.core.progress import Ask, Entry, Item, RunEnd, RunStart, parse, render, run_end
from nightlatch.core.results import results_from
from nightlatch.core.text import plain
from nightlatch.core.units import next_clock
from nightlatch.edge import agents, branch, files, rooms
from nightlatch.edge.agents import Agent
from nightlatch.edge.console import Console
from nightlatch.edge.house import House, find_house, require_plan
from nightlatch.edge.journal import open_journal
from nightlatch.edge.lab import Lab
from nightlatch.edge.landing import carry, land, write_down
from nightlatch.edge.pool import Pool
from nightlatch.edge.runner import Hands
from nightlatch.edge.sandbox import Room, find_sandbox
from nightlatch.edge.session import again, already_green, brief, collect, examine, provision, work
from nightlatch.edge.settle import record, settle
from nightlatch.edge.site import Candidate, Options, Signals, Site, Started

__all__ = [
    "LANDS", "AgentEnd", "Candidate", "Choice", "Options", "SessionEnded", "Site", "Started", "Stop", "Wait", "again", "already_green",
    "brief", "carry", "close", "collect", "decide", "examine", "land", "opened", "provision", "record", "settle", "wait", "work",
]  # fmt: skip


@contextmanager
def opened(options: Options) -> Iterator[Site]:
    """The site of one run, with the lock held and the signals heard; everything it started is gone when this ends."""
    with entered(options) as site:
        site.journal.write("run.started", run=site.run, branch=site.branch, base=site.tip(), agent=site.agents[0].name)
        limits, now = site.house.config.limits, site.now()
        clock = next_clock(limits.until, datetime.now().astimezone()) if limits.until else None
        wall = now + timedelta(seconds=limits.wall) if limits.wall else None
        site.memory.until = min((moment for moment in (clock, wall) if moment), default=None)
        site.memory.start_base = site.tip()
        site.console.say("run", f"{site.run} on {site.branch}")
        site.pool.ahead(site.tip())
        yield site


@contextmanager
def entered(options: Options) -> Iterator[Site]:
    """The same without a run: for decisions that are carried out at once."""
    house = require_plan(find_house(Path.cwd(), options.flags))
    settings, signals = house.config, Signals()
    state_folder(house)
    with files.Lock(house.state / "lock"), signals.listening():
        name = branch.choose(house)
        branch.require_committed(house)
        sandbox = find_sandbox(settings.workspace.sandbox)
        hired = tuple(agents.load(agent, settings.agents) for agent in settings.agent)
        journal = open_journal(house.state / "journal.jsonl")
        pool = Pool(house=house, sandbox=sandbox, branch=name)
        console = Console()
        site = Site(
            house=house,
            branch=name,
            run=f"r-{datetime.now(UTC):%Y%m%d-%H%M%S}",
            options=options,
            agents=hired,
            sandbox=sandbox,
            journal=journal,
            pool=pool,
            lab=laboratory(house, pool),
            console=console,
            signals=signals,
            now=lambda: datetime.now(UTC),
        )
        try:
            yield site
        finally:
            console.rest()
            pool.close()
            journal.close()


def laboratory(house: House, pool: Pool) -> Lab:
    """Trees are tried out in fresh checkouts of the pool, in the same kind of sandbox as an agent's but without its network."""
    checks = house.config.checks

    @contextmanager
    def open_room(base: str, tree: str) -> Iterator[Room]:
        with pool.checkout(base, tree) as place:
            yield rooms.room(house, place, network=checks.network)

    def gates(base: str) -> tuple[str, ...]:
        plan = house.read_plan(base)
        return tuple(gate for gate in (plan.gates if plan else ()) if shutil.which(gate.split()[0]))  # what begins with no program is prose

    return Lab(
        repo=house.repo,
        hands=Hands(sandbox=pool.sandbox, timeout=house.config.limits.check),
        open_room=open_room,
        cache=house.state / "cache",
        inside=house.inside,
        aside=(house.plan, house.progress, house.path("findings"), house.path(house.config.phase_progress)),
        tests=checks.tests,
        gates=gates,
        env_key=pool.env_key,
    )


def state_folder(house: House) -> None:
    """Make .nightlatch, which ignores itself."""
    (house.state / "sessions").mkdir(parents=True, exist_ok=True)
    if not (ignore := house.state / ".gitignore").exists():
        files.replace(ignore, b"*\n")


def decide(site: Site) -> Choice | Wait | Stop:
    """The next feature by the rules, with what must hold before any agent is paid for."""
    tip = site.tip()
    plan = site.plan(tip)
    if plan is None:
        return Stop(code=2, why=f"{site.house.plan} is no longer on the branch")
    answer = policy.decide(plan, site.history(tip), budget(site, tip), site.now())
    if isinstance(answer, Choice) and (short := too_little_disk(site)):
        return Stop(code=4, why=short)
    if isinstance(answer, Choice):
        site.lab.require_green(tip, plan, accept=site.options.accept_red)
    return answer


def budget(site: Site, tip: str) -> policy.Budget:
    """What this run may use and has used, replayed from the branch and the journal."""
    limits, history, options = site.house.config.limits, site.history(tip), site.options
    held_back = [site.limited(agent) for agent in site.agents]
    own = history.run == site.run
    return policy.Budget(
        sessions=limits.sessions,
        used=site.sessions_used(tip),
        usd=limits.budget,
        spent=history.spent(site.run),
        until=site.memory.until,
        attempts=limits.attempts,
        continues=limits.continues,
        faults_allowed=limits.faults,
        faults=history.faults if own else (),
        fault=needs_the_person(history.faults if own else (), site.agents[0]) or day_is_spent(site, history),
        limited_until=min((until for until in held_back if until), default=None) if all(held_back) else None,
        only=options.feature,
        once=options.once,
        stop_asked=f"stopped by {site.signals.asked}" if site.signals.asked else "",
        stop_code=site.signals.code,
    )


def day_is_spent(site: Site, history: History) -> Stop | None:
    """The dollars of one UTC day, over all runs of it."""
    most, spent = site.house.config.limits.budget_day, history.spent_on(site.now().date())
    return Stop(code=0, why=f"the budget of the day is used up: ${spent:.2f} of ${most:.2f}") if 0 < most <= spent else None


def needs_the_person(faults: tuple[str, ...], agent: Agent) -> Stop | None:
    """A login or a credit that is missing does not come back by trying again."""
    says = {"agent.login": f"{agent.name} is not logged in", "agent.credit": f"{agent.name} has no credit left, or met its spend limit"}
    return Stop(code=4, why=f"{says[faults[-1]]}; fix: {agent.login or 'see its account'}") if faults and faults[-1] in says else None


def too_little_disk(site: Site) -> str:
    """A sentence when the disk is too full to start a session, else ""."""
    wanted = site.house.config.limits.disk
    place = os.statvfs(site.house.repo.project)
    free = place.f_bavail * place.f_frsize
    return f"only {free / 1e9:.1f} GB are free on the disk, and limits.disk wants {wanted / 1e9:.1f} GB" if free < wanted else ""


def wait(site: Site, until: Wait) -> None:
    """Sleep until a limit is over, with a sign of life, and no longer than a person lets it."""
    site.console.say("waiting", until.why)
    while (left := (until.until - site.now()).total_seconds()) > 0 and not site.signals.asked:
        site.console.alive(0, f"{until.why}; {left / 60:.0f} min left")
        site.signals.pause(min(left, 1.0))


def close(site: Site, stop: Stop) -> int:
    """The end block of the run, for the morning, as one further commit. A run that did nothing and has nothing new to say writes none."""
    tip = site.tip()
    items = parse(site.progress_text(tip))
    last = next((item for item in reversed(items) if isinstance(item, RunEnd)), None)
    block = end_block(site, tip, items, stop)
    if site.run_is_open(tip) or (stop.code and (last is None or last.details[:1] != block.details[:1])):
        tip = write_down(site, (block,), f"progress: {site.run} ended, {site.passing(tip)} pass")
    site.journal.write("run.ended", run=site.run, code=stop.code, why=stop.why)
    site.console.rest()
    print("\n".join(plain(line) for line in render((block,)).splitlines()), flush=True)
    return stop.code


def end_block(site: Site, tip: str, items: tuple[Item, ...], stop: Stop) -> RunEnd:
    start = max((n for n, item in enumerate(items) if isinstance(item, RunStart) and item.run == site.run), default=len(items))
    plan = site.plan(tip)
    waits = policy.standing(plan, site.history(tip), budget(site, tip)) if plan else ()
    return run_end(
        site.run,
        [item for item in items[start:] if isinstance(item, Entry)],
        parent=tip[:7],
        passing=site.passing(tip),
        stop=stop.why,
        branch="; ".join(filter(None, (tests_at(site, tip), unpushed(site)))),
        asks=asks(waits),
        program="python loop.py",
    )


def asks(standing: Iterable[tuple[Feature, Waiting | None]]) -> list[Ask]:
    """What a person is asked, feature by feature, with the command that answers."""
    verbs = {"blocked": ("answer", '"..."'), "held": ("approve", ""), "unproved": ("approve", ""), "worn out": ("retry", "")}
    return [
        Ask(feature=feature.id, says=f"{feature.title} {waiting.says}", verb=verbs[waiting.word][0], rest=verbs[waiting.word][1])
        for feature, waiting in standing
        if waiting and waiting.word in verbs and not feature.hold
    ]


def tests_at(site: Site, tip: str) -> str:
    """What is known of the branch's tests, without running them."""
    known = site.lab.recall(site.lab.tests_name(tip, tip, site.lab.suite(tip, tip)), results_from)
    return f"{'red' if known.failing else 'green'}, {known.summary()}" if known else "its tests were not run"


def unpushed(site: Site) -> str:
    """How many commits the branch is ahead of where it is pushed to, "" where it is pushed nowhere."""
    repo = site.house.repo
    upstream = repo.tip_of(f"{site.branch}@{{upstream}}")
    if upstream is None:
        return ""
    count = int(repo.run("rev-list", "--count", f"{upstream}..{site.ref}"))
    return f"{count} commits not pushed" if count else "all pushed"
