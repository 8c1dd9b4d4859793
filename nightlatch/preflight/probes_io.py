"""Everything that would stop the night, looked at before it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.agents import registry_io
from nightlatch.agents.knock_io import knock
from nightlatch.agents.registry_io import Agent
from nightlatch.errors import NightlatchError
from nightlatch.model.models import AgentEnd, End
from nightlatch.notify import notifier_io
from nightlatch.preflight import missing_files_io, servers_io
from nightlatch.preflight.checks_io import before, fail, guarded, ok, warn
from nightlatch.preflight.forecast import Diagnostic, dollars, hurried
from nightlatch.preflight.forecast_io import foretold
from nightlatch.project import authorship_io
from nightlatch.project.project import Project
from nightlatch.report.status_io import ProjectStatus
from nightlatch.sandbox.base import Sandbox
from nightlatch.suite import run_io
from nightlatch.suite.causes_io import cause_of, said_why
from nightlatch.suite.results import BaselineState, CheckStatus, SuiteResult
from nightlatch.suite.suites import Suite, Suites, loose, run_by_nothing, weak
from nightlatch.util.console import Console
from nightlatch.util.text import plain
from nightlatch.verdict import engine_io, hidden_checks_io, judge_io, standalone_io
from nightlatch.verdict.base_health import refuse_red
from nightlatch.verdict.engine_io import VerdictEngine
from nightlatch.workspace import profiles
from nightlatch.workspace.pool import Pool


def examine(project: Project, console: Console) -> Iterator[Diagnostic]:
    """Yield one finding after another, the cheap ones first; the console shows what runs
    meanwhile."""
    seen, found = before(project)
    # What costs nothing comes first: nobody waits for agents to learn that git is too old.
    yield from found
    if seen.tip and seen.plan.features:
        yield from guarded("sandbox", lambda: tried_out(seen, console))
    else:
        yield from guarded("sandbox", lambda: confined(seen, profiles.sandbox_of(project)))


def notified(project: Project) -> Iterator[Diagnostic]:
    """Send a test through every channel of [notify], with what came of it."""
    # The channels are commands and addresses: a session could have landed its own.
    authorship_io.require(project)
    told = notifier_io.tested(project)
    if not told:
        yield warn(
            "notify",
            "no notifications are set up",
            "name a command, a webhook, a ping or urls under [notify] in loop.toml",
        )
    for one in told:
        says = f"{one['channel']}: {one['says']}"
        yield (
            ok("notify", says)
            if one["ok"]
            else fail("notify", says, f"correct notify.{one['channel']} in loop.toml")
        )


def tried_out(seen: ProjectStatus, console: Console) -> Iterator[Diagnostic]:
    """Yield what needs a sandbox: the agents, the tests of the branch, each feature's verify."""
    with standalone_io.opened(seen.project, console) as (pool, engine):
        yield from confined(seen, pool.sandbox)
        for name in seen.project.config.agent:
            yield from guarded("agent", lambda name=name: spoken_to(seen, pool, name))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        yield from guarded("judge", lambda: judged(seen, pool.sandbox))
        yield from guarded("base", lambda: base(seen, engine, console))
        yield from guarded(
            "reach",
            lambda: servers_io.unreached(
                seen.project, seen.tip, pool, without_success(engine.state(seen.tip))
            ),
        )
        yield from guarded("network", lambda: offline(seen, pool, engine))
        yield from guarded("forecast", lambda: foretold(seen, engine))


def confined(seen: ProjectStatus, sandbox: Sandbox) -> Iterator[Diagnostic]:
    """Yield the sandbox, and what it does not hold here."""
    wanted = seen.project.config.workspace
    if not sandbox.traits.isolates_files:
        fix = 'workspace.sandbox = "auto" in loop.toml'
        yield warn("sandbox", "none: agents can read and write everything that you can", fix)
        if (wanted.memory or wanted.processes) and not sandbox.traits.resources:
            yield warn(
                "sandbox",
                "workspace.memory and workspace.processes are not enforced without a sandbox",
                fix,
            )
        return
    yield ok("sandbox", f"{sandbox.name}, tried")
    who = "agents and checks have" if seen.project.config.checks.network else "agents have"
    yield ok(
        "sandbox",
        f"not contained: {who} the host's network, with what listens on its loopback and on"
        " abstract"
        " sockets",
    )
    yield from servers_io.opened(seen.project.config.checks.reach)
    yield from (warn("sandbox", says, fix) for says, fix in sandbox.bounds.lacks())


def spoken_to(seen: ProjectStatus, pool: Pool, name: str) -> Iterator[Diagnostic]:
    """Yield an agent's answer to one word, where it is here."""
    agent = registry_io.load(name, seen.project.config.agents)
    # The scripted one has no account and no limit that could keep it from answering.
    if name != "scripted" and registry_io.which(agent, seen.project.repo.folder, os.environ):
        end = knock(seen.project, pool, agent, seen.tip)
        yield answered(agent, end)
        yield from counted(seen, agent, end)


def counted(seen: ProjectStatus, agent: Agent, end: AgentEnd) -> Iterator[Diagnostic]:
    """Yield whether a budget of dollars can count what the agent costs."""
    set_ = dollars(seen.project.config.limits)
    # An answer that never came says nothing of its price.
    if end.end is not End.FINISHED or not set_:
        return
    if end.window.listed:
        yield warn(
            "agent",
            f"a subscription pays for {agent.name}: its dollars are list prices, and"
            f" {', '.join(set_)} stops nothing",
        )
    elif end.usage.usd is None:
        fix = "limits.tokens, limits.wall or limits.until in loop.toml"
        yield warn(
            "agent",
            f"{agent.name} reports no cost in dollars, so {', '.join(set_)} cannot count what"
            " it costs",
            fix,
        )


def judged(seen: ProjectStatus, sandbox: Sandbox) -> Iterator[Diagnostic]:
    """Yield who judges, and the checks that nobody else may see."""
    config, project = seen.project.config, seen.project
    agent = judge_io.hired(project, config.agent[0])
    if agent is None:
        says = "no judge is set: a proof test is enough, and work without one waits for you"
        yield ok("judge", says)
    elif registry_io.which(agent, project.repo.folder, os.environ) is None:
        yield warn(
            "judge",
            f"{agent.name} is set as the judge and is not installed",
            "install it, or name another under judge.agent",
        )
    else:
        when = (
            "every feature"
            if config.judge.when == "always"
            else "what no verify of the base proves"
        )
        yield ok("judge", f"{agent.name} judges {when}; {registry_io.billed(agent, os.environ)}")
    if place := hidden_checks_io.folder(project):
        count = len(hidden_checks_io.checks_in(place))
        nobody = warn("held-back", f"no executable in {place}", f"chmod +x {place}/*")
        yield ok("held-back", f"{count} held-back checks") if count else nobody
        if not sandbox.traits.isolates_files:
            yield warn(
                "held-back",
                "without a sandbox agents can read the held-back checks",
                'workspace.sandbox = "auto" in loop.toml',
            )


def answered(agent: Agent, end: AgentEnd) -> Diagnostic:
    says = f"{agent.name} {end.end}: {plain(end.says, 200)}"
    match end.end:
        case End.FINISHED:
            return ok("agent", f"{agent.name} answered in {end.seconds:.0f} s")
        case End.LIMIT:
            return warn(
                "agent",
                says,
                (
                    f"wait until {end.window.resets_at:%Y-%m-%d %H:%M %Z}"
                    if end.window.resets_at
                    else "wait, or name another agent"
                ),
            )
        case End.LOGIN:
            return fail("agent", says, agent.login or "log in to it")
    own = (
        "; its home in the sandbox is a private one: what it needs of yours goes under"
        f" agents.{agent.name}.home"
    )
    return fail("agent", says, f"try it by hand: {agent.command[0]}{own}")


def offline(seen: ProjectStatus, pool: Pool, engine: VerdictEngine) -> Iterator[Diagnostic]:
    """Yield what fails on the branch only because checks have no network: what does not pass is
    tried once more with it."""
    config, bad = seen.project.config, without_success(engine.state(seen.tip))
    # Everything is run once more, so only where something fails and the network could be why.
    if config.checks.network or not pool.sandbox.traits.network or not bad:
        return
    project = replace(
        seen.project, config=replace(config, checks=replace(config.checks, network=True))
    )
    # A cache of its own: results with the network must not be taken for those without.
    with TemporaryDirectory(prefix="nightlatch-") as folder:
        progress = engine.evaluator.progress
        online = engine_io.verdict_engine(project, pool, progress=progress, cache=Path(folder))
        if only := sorted(bad - without_success(online.state(seen.tip))):
            names = ", ".join(only[:10]) + (f" and {len(only) - 10} more" if only[10:] else "")
            fix = "checks.network = true in loop.toml, or tests that need none"
            yield warn("network", f"passes with the network and not without: {names}", fix)


def without_success(state: BaselineState) -> frozenset[str]:
    """Return the names of what is not green in a tree: ids, or the tests as a whole, and checks."""
    whole = [] if state.tests.failing or state.tests.answer is CheckStatus.GREEN else ["the tests"]
    return frozenset(
        [
            *state.tests.failing,
            *whole,
            *(c.name for c in state.checks if c.answer in (CheckStatus.RED, CheckStatus.FAULT)),
        ]
    )


def base(seen: ProjectStatus, engine: VerdictEngine, console: Console) -> Iterator[Diagnostic]:
    """Yield the branch's own tests and checks, by the rule that a run goes by."""
    state = engine.state(seen.tip)
    yield from missing_files_io.tests_without_files(seen, state, console)
    try:
        refuse_red(state, seen.plan.features, accept=False)
    except NightlatchError as error:
        raise said_why(error, state, engine.evaluator.hands.timeout) from error
    passed = sum(check.answer is CheckStatus.GREEN for check in state.checks)
    suites = engine.evaluator.suite(seen.tip, seen.tip)
    tests = state.tests.summary() if suites.every else "no tests"
    red = bool(state.tests.failing) or passed < len(state.checks)
    yield (warn if red else ok)(
        "base", f"{tests}; {passed} of {len(state.checks)} checks pass; {state.tests.seconds:.1f} s"
    )
    if found := hurried(state.tests.seconds, seen.project.config.limits.session):
        yield found
    yield from of_suites(seen, engine, suites, state)


def of_suites(
    seen: ProjectStatus, engine: VerdictEngine, suites: Suites, state: BaselineState
) -> Iterator[Diagnostic]:
    """Yield how far each suite is protected, what of them flickers, and the test files that none of
    them runs."""
    results = state.tests
    for suite in suites.every:
        yield of_suite(suite, results)
    if not suites.every:
        says = (
            "there is no test, so nothing that works today is protected; a feature is proved by its"
            " verify, or by a test that it brings"
        )
        yield warn(
            "suite", says, "write a test of what must not break: its runner is found by itself"
        )
    if results.noticed.flaky:
        more = " and more" if len(results.noticed.flaky) > 5 else ""
        names = f"{', '.join(map(plain, results.noticed.flaky[:5]))}{more}"
        says = f"passed only when run again: {names}; they cost time, and excuse no feature"
        yield warn("flaky", says, "make them pass every time, or skip them")
    if results.failing and (cause := cause_of(results.tail)):
        yield warn("suite", f"of what fails: {cause.says}", cause.fix)
    paths = [
        path
        for path in map(engine.evaluator.project_path, engine.evaluator.files(seen.tip))
        if not path.startswith("../")
    ]
    for folder, files in run_by_nothing(paths, suites.every, run_io.shipped()).items():
        yield warn("suite", loose(folder, files), "[[checks.suite]] in loop.toml")


def of_suite(suite: Suite, results: SuiteResult) -> Diagnostic:
    """Return how far one suite is protected, and what keeps it from more."""
    part = results.parts.get(suite.name)
    if part and part.absent:
        cause = cause_of(part.absent)
        says = (
            f"{suite.name} cannot be started ({plain(part.absent, 160)}): its tests are"
            " protected by declaration"
        )
        return warn("suite", says, cause.fix if cause else "make init.sh install what it needs")
    if suite.weak and not results.has_ids(suite.name):
        return warn(
            "suite", weak(suite), "command under [[checks.suite]], or checks.tests, in loop.toml"
        )
    came = f"{part.summary}; " if part else ""
    protection = suite.protection if suite.by_id else "by id"
    return ok("suite", f"{suite.name}: {came}protected {protection}")
