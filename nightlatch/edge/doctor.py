"""Everything that would stop the night, looked at before it."""

import os
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.core.forecast import Finding, Level, forecast, overhead
from nightlatch.core.models import AgentEnd, End
from nightlatch.core.redbase import refuse_red
from nightlatch.core.results import Answer
from nightlatch.core.text import plain
from nightlatch.core.units import show_size
from nightlatch.edge import agents, awake, branch, heldback, judge, look, notifier, phases, rooms, workshop
from nightlatch.edge.agents import Agent
from nightlatch.edge.checkout import UNDER_WAY
from nightlatch.edge.house import House, require_plan
from nightlatch.edge.lab import Lab
from nightlatch.edge.look import View
from nightlatch.edge.pool import Pool
from nightlatch.edge.process import Limits
from nightlatch.edge.sandbox import Sandbox
from nightlatch.errors import NightlatchError

OLDEST_GIT = (2, 38)
WORD = "Reply with the single word: ready. Do nothing else.\n"
CALL = Limits(wall=180, idle=120)
DOLLARS = {"budget": "a run", "budget_day": "a day", "budget_hour": "an hour"}


def examine(house: House) -> Iterator[Finding]:
    """One finding after another, the cheap ones first."""
    yield from guarded("git", lambda: git(house))
    plan = list(guarded("plan", lambda: planned(house)))
    yield from plan
    if any(finding.level is Level.FAIL for finding in plan):
        return
    seen = look.view(house)
    probes = (
        *(("branch", landing), ("committed", committed), ("machine", machine), ("repository", kinds), ("limits", limits)),
        ("phases", phased),
    )
    for topic, probe in probes:
        yield from guarded(topic, lambda probe=probe: probe(seen))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    if seen.tip:
        yield from guarded("sandbox", lambda: tried_out(seen))


def guarded(topic: str, probe: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a probe finds; an error of the house is a finding too."""
    try:
        yield from probe()
    except NightlatchError as error:
        place = f" ({error.place})" if error.place else ""
        yield Finding(level=Level.FAIL, topic=topic, says=f"{error.problem.splitlines()[0]}{place}", fix=error.fix)


def ok(topic: str, says: str) -> Finding:
    return Finding(level=Level.OK, topic=topic, says=says)


def warn(topic: str, says: str, fix: str = "") -> Finding:
    return Finding(level=Level.WARN, topic=topic, says=says, fix=fix)


def fail(topic: str, says: str, fix: str) -> Finding:
    return Finding(level=Level.FAIL, topic=topic, says=says, fix=fix)


def git(house: House) -> Iterator[Finding]:
    version = os.fsdecode(house.repo.run("version")).removeprefix("git version ").strip()
    number = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    fix = f"install git {'.'.join(map(str, OLDEST_GIT))} or newer"
    yield ok("git", version) if number >= OLDEST_GIT else fail("git", f"{version} is too old", fix)
    who = house.repo.ident("AUTHOR")
    house.repo.ident("COMMITTER")
    yield ok("identity", f"commits are by {who.name} <{who.email}>")


def planned(house: House) -> Iterator[Finding]:
    """The plan, and every reading of it that needed judgement."""
    require_plan(house)
    seen = look.view(house)
    if not seen.plan.features:
        yield fail("plan", f"{house.plan} has no features", "add one to it")
        return
    yield ok("plan", f"{house.plan}: {seen.survey.passing} of {len(seen.plan.features)} pass, {seen.survey.count()} can run")
    yield from (warn("plan", f"read so: {reading}") for reading in seen.plan.readings)
    if seen.tip and house.repo.read(seen.tip, house.plan) is None:
        yield warn("plan", f"{house.plan} is not committed yet: the first run commits it")


def landing(seen: View) -> Iterator[Finding]:
    """Whether there is a branch to land on, and a checkout that can go there."""
    repo, wanted = seen.house.repo, seen.plan.branch or seen.head
    edits = bool(repo.as_person("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all").output())
    under_way = next((what for file, what in UNDER_WAY.items() if (repo.git_dir / file).exists()), None)
    if under_way:
        yield fail("branch", f"a {under_way} is under way in the checkout", f"git {under_way} --continue, or git {under_way} --abort")
    elif not seen.tip:
        yield fail("branch", "there is no commit yet to start from", "git add -A && git commit -m start")
    elif wanted is None:
        yield fail("branch", "HEAD is detached, so there is no branch to land on", "git switch main, or git switch -c night")
    elif wanted != seen.head and edits:
        yield fail("branch", f"the plan lands on {wanted}, and the checkout has edits", f"commit them, then git switch {wanted}")
    else:
        yield ok("branch", f"work lands on {wanted}")
    if wanted == seen.head and edits:
        yield warn("branch", "the checkout has uncommitted edits: agents do not see them, but for the plan's")


def committed(seen: View) -> Iterator[Finding]:
    if seen.tip:
        branch.require_committed(seen.house)
        yield ok("committed", "checks/, prompts/ and loop.py are as the branch has them")


def machine(seen: View) -> Iterator[Finding]:
    free, wanted = shutil.disk_usage(seen.house.repo.project).free, seen.house.config.limits.disk
    says = f"{free / 1e9:.1f} GB are free"
    short = fail("disk", f"{says}, limits.disk wants {show_size(wanted)}", "make room, or lower limits.disk in loop.toml")
    yield short if free < wanted else ok("disk", says)
    process = look.holder(seen.house)
    yield warn("lock", f"a run is at work here (process {process})") if process is not None else ok("lock", "no other run is at work")
    stays, why = awake.tried()
    yield ok("awake", why) if stays else warn("awake", why, "turn its sleep off for the night; docs/overnight.md says how")


def kinds(seen: View) -> Iterator[Finding]:
    """What is special about the repository."""
    repo = seen.house.repo
    files = repo.files(seen.tip) if seen.tip else {}
    attributes = [repo.read(seen.tip, path) or b"" for path in files if path.rpartition("/")[2] == ".gitattributes"]
    notes = (
        (any(mode == "160000" for mode, _ in files.values()), "submodules are empty folders in a workspace: fetch them in init.sh"),
        (any(b"filter=lfs" in text for text in attributes), "files under Git LFS are pointers in a workspace: fetch them in init.sh"),
        ((repo.git_dir / "info/sparse-checkout").is_file(), "the checkout may be sparse: workspaces are whole"),
        ((repo.common_dir / "shallow").is_file(), "the clone is shallow: history ends where it does"),
    )
    yield from (warn("repository", says) for holds, says in notes if holds)


def limits(seen: View) -> Iterator[Finding]:
    wanted = seen.house.config.limits
    money = [f"${getattr(wanted, name):.2f} {span}" for name, span in DOLLARS.items() if getattr(wanted, name)]
    most = [*money, *([f"{wanted.tokens:,} tokens a run"] if wanted.tokens else ()), f"{wanted.sessions} sessions"]
    none = warn("limits", f"no budget: {wanted.sessions} sessions may cost anything", "limits.budget in loop.toml, or run --budget 20")
    yield ok("limits", f"at most {', '.join(most)}") if most[1:] else none


def notified(house: House) -> Iterator[Finding]:
    """A test through every channel of [notify], with what came of it."""
    told = notifier.tested(house)
    if not told:
        yield warn("notify", "nobody is told of anything", "name a command, a webhook, a ping or urls under [notify] in loop.toml")
    for one in told:
        says = f"{one['channel']}: {one['says']}"
        yield ok("notify", says) if one["ok"] else fail("notify", says, f"correct notify.{one['channel']} in loop.toml")


def phased(seen: View) -> Iterator[Finding]:
    """The agents that phases name, and progress files that nothing will ever finish."""
    config, named = seen.house.config, {phase.agent for feature in seen.plan.features for phase in feature.phases if not feature.done}
    for name in sorted(named - {"", *config.agent}):
        agents.find(agents.load(name, config.agents), seen.house.repo.project, os.environ)
        yield ok("phases", f"{plain(name)} is here")
    for name in phases.unfinished(seen.house, seen.tip, seen.plan) if seen.tip else ():
        path, fix = f"{seen.house.sheets}/{name}", "or move it to the folder archived/"
        yield warn("phases", f"{plain(path)}: its feature is done, gone or without phases", f"git rm {shlex.quote(plain(path))}, {fix}")


def tried_out(seen: View) -> Iterator[Finding]:
    """What needs a sandbox: the agents, the tests of the branch, each feature's verify."""
    with workshop.opened(seen.house) as (pool, lab):
        yield from confined(seen, pool.sandbox)
        for number, agent in enumerate(seen.house.config.agent):
            yield from guarded("agent", lambda agent=agent, number=number: hired(seen, pool, agent, first=number == 0))  # type: ignore[misc]  # as above
        yield from guarded("judge", lambda: judged(seen, pool.sandbox.name))
        yield from guarded("base", lambda: base(seen, lab))
        yield from guarded("forecast", lambda: foretold(seen, lab))


def confined(seen: View, sandbox: Sandbox) -> Iterator[Finding]:
    """The sandbox, and what it does not hold here."""
    wanted = seen.house.config.workspace
    if sandbox.name == "none":
        fix = 'workspace.sandbox = "auto" in loop.toml'
        yield warn("sandbox", "none: agents may read and write whatever you may", fix)
        if wanted.memory or wanted.processes:
            yield warn("sandbox", "workspace.memory and workspace.processes are not held without a sandbox", fix)
        return
    yield ok("sandbox", f"{sandbox.name}, tried")
    who = "agents and checks have" if seen.house.config.checks.network else "agents have"
    yield ok("sandbox", f"not held: {who} the host's network, with what listens on its loopback and on abstract sockets")
    yield from (warn("sandbox", says, fix) for says, fix in sandbox.bounds.lacks())


def hired(seen: View, pool: Pool, name: str, *, first: bool) -> Iterator[Finding]:
    """An agent that is here, who pays for it, and its answer to one word."""
    agent = agents.load(name, seen.house.config.agents)
    program = agents.which(agent, seen.house.repo.project, os.environ)
    if program is None:
        says = f"{name} is not here: no program {agent.command[0]!r}"
        yield (fail if first else warn)("agent", says, "install it, or name another in loop.toml")
        return
    yield ok("agent", f"{name} is {program}; {agents.billed(agent, {**os.environ, **agent.env})}")
    if name != "scripted":
        end = call(seen, pool, agent, program)
        yield answered(agent, end)
        yield from counted(seen, agent, end)


def counted(seen: View, agent: Agent, end: AgentEnd) -> Iterator[Finding]:
    """Whether a budget of dollars can count what the agent costs."""
    limits = seen.house.config.limits
    set_ = [f"limits.{name}" for name in DOLLARS if getattr(limits, name)]
    if end.end is not End.FINISHED or not set_:
        return
    if end.listed:
        yield warn("agent", f"a subscription pays for {agent.name}: its dollars are list prices, and {', '.join(set_)} stops nothing")
    elif end.usage.usd is None:
        fix = "limits.tokens, limits.wall or limits.until in loop.toml"
        yield warn("agent", f"{agent.name} tells no dollars, so {', '.join(set_)} cannot count what it costs", fix)


def judged(seen: View, sandbox: str) -> Iterator[Finding]:
    """Who judges, and the checks that nobody else may see."""
    config, house = seen.house.config, seen.house
    agent = judge.hired(house, config.agent[0])
    if agent is None:
        yield ok("judge", "nobody judges: a proof test is enough, and what has none waits for you")
    elif agents.which(agent, house.repo.project, os.environ) is None:
        yield warn("judge", f"{agent.name} is to judge and is not here", "install it, or name another under judge.agent")
    else:
        when = "every feature" if config.judge.when == "always" else "what no verify of the base proves"
        yield ok("judge", f"{agent.name} judges {when}; {agents.billed(agent, os.environ)}")
    if place := heldback.folder(house):
        count, nobody = len(heldback.checks_in(place)), warn("held-back", f"no executable in {place}", f"chmod +x {place}/*")
        yield ok("held-back", f"{count} held-back checks") if count else nobody
        if sandbox == "none":
            yield warn("held-back", "without a sandbox agents can read the held-back checks", 'workspace.sandbox = "auto" in loop.toml')


def call(seen: View, pool: Pool, agent: Agent, program: Path) -> AgentEnd:
    """One word to the agent, on the path that a session takes, in a workspace that is thrown away."""
    with pool.checkout(seen.tip, seen.tip) as place, TemporaryDirectory(prefix="nightlatch-") as folder:
        brief = Path(folder) / "brief.md"
        brief.write_text(WORD)
        room = rooms.agents_room(seen.house, place, pool.sandbox, session="doctor", feature="doctor")
        return agents.run(agent, agents.Errand(
            program=program, brief=brief, room=room, sandbox=pool.sandbox, out=place.out, environ=os.environ, limits=CALL, transcript=None,
            secrets=seen.house.secrets,
        )).end  # fmt: skip


def answered(agent: Agent, end: AgentEnd) -> Finding:
    says = f"{agent.name} {end.end}: {plain(end.says, 200)}"
    match end.end:
        case End.FINISHED:
            return ok("agent", f"{agent.name} answered in {end.seconds:.0f} s")
        case End.LIMIT:
            return warn("agent", says, f"wait until {end.resets_at:%Y-%m-%d %H:%M %Z}" if end.resets_at else "wait, or name another agent")
        case End.LOGIN:
            return fail("agent", says, agent.login or "log in to it")
    return fail("agent", says, f"try it by hand: {agent.command[0]}")


def base(seen: View, lab: Lab) -> Iterator[Finding]:
    """The branch's own tests and checks, by the rule that a run goes by."""
    began = time.monotonic()
    state = lab.state(seen.tip)
    took = f"{time.monotonic() - began:.1f} s"
    refuse_red(state, seen.plan.features, accept=False)
    passed = sum(check.answer is Answer.GREEN for check in state.checks)
    runner = lab.suite(seen.tip, seen.tip).runner
    tests = state.tests.summary() if runner else "no tests"
    red = bool(state.tests.failing) or passed < len(state.checks)
    yield (warn if red else ok)("base", f"{tests}; {passed} of {len(state.checks)} checks pass; {took}")


def foretold(seen: View, lab: Lab) -> Iterator[Finding]:
    """Feature by feature, what will prove it."""
    runner = lab.suite(seen.tip, seen.tip).runner
    left = [feature for feature, waiting in seen.survey.left if waiting is None or waiting.word == "behind"]
    findings = []
    for feature in left:
        said = lab.verify_at(seen.tip, feature) if feature.verify else None
        findings.append(forecast(feature, said, tests=runner is not None))
        yield findings[-1]
    for feature, waiting in seen.survey.left:
        if waiting and waiting.for_person:
            yield warn(plain(feature.id, 60), waiting.says, "nightlatch status")
    if says := overhead(left, findings):
        yield warn("overhead", says)
