"""What can be told of a night without starting anything: git, plan, branch, checks, prompts,
disk, agents, limits."""

import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from nightlatch.core import policy
from nightlatch.core.closing import named_paths
from nightlatch.core.forecast import Finding, Level, dollars
from nightlatch.core.globs import matcher
from nightlatch.core.ownfiles import READERS, is_unguarded, words
from nightlatch.core.paths import FILE, GITLINK
from nightlatch.core.planreadings import few
from nightlatch.core.spending import day_purse
from nightlatch.core.text import plain
from nightlatch.core.units import next_clock
from nightlatch.edge import (
    agents,
    awake,
    branch,
    byhand,
    clocks,
    filters,
    look,
    phases,
    rooms,
    submodules,
)
from nightlatch.edge.bounds import Bounds
from nightlatch.edge.checkout import under_way
from nightlatch.edge.git import Repo
from nightlatch.edge.house import House, require_plan, templates
from nightlatch.edge.look import View
from nightlatch.errors import NightlatchError

OLDEST_GIT = (2, 38)


def before(house: House) -> tuple[View, list[Finding]]:
    """What a run would meet first. The view has no plan where it cannot be read."""
    found = [
        *guarded("git", lambda: git(house)),
        *guarded("settings", lambda: settled(house)),
        *guarded("plan", lambda: planned(house)),
    ]
    try:
        seen = look.view(house)
    except NightlatchError:
        seen = look.view(replace(house, plan=""))
    probes = (
        ("branch", landing),
        ("committed", committed),
        ("checks", idle_checks),
        ("machine", machine),
        ("repository", kinds),
        ("sign", signing),
        ("protected", reserved),
        ("limits", limits),
        ("prompts", briefed),
        ("phases", phased),
        ("agent", hired),
    )
    for topic, probe in probes:
        found += guarded(topic, lambda probe=probe: probe(seen))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    return seen, found


def remarks(seen: View) -> Iterator[Finding]:
    """What a run says of itself when it begins."""
    yield from besides(seen.house)
    for probe in (read_so, idle_checks, kinds):
        yield from probe(seen)


def guarded(topic: str, probe: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a probe finds; an error of the house is a finding too."""
    try:
        yield from probe()
    except NightlatchError as error:
        place = f" ({error.place})" if error.place else ""
        yield Finding(
            level=Level.FAIL,
            topic=topic,
            says=f"{error.problem.splitlines()[0]}{place}",
            fix=error.fix,
        )


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


def settled(house: House) -> Iterator[Finding]:
    """Which settings and plan are in play, which others are not, and whether the person wrote
    them."""
    where = house.settings or "none: defaults"
    yield ok("settings", f"{where}; the plan is {house.plan or 'not there'}")
    yield from besides(house)
    for problem in byhand.problems(house):
        yield fail("settings", f"{problem.problem} ({problem.place})", problem.fix)
    for key, command in (
        ("land.after", house.config.land.after),
        ("notify.command", house.config.notify.command),
    ):
        for word in sorted(READERS.intersection(words(command))):
            says = (
                f"{key} starts {word}, which does as you what files of the project say: it is"
                " followed as far as words tell"
            )
            yield warn(
                "settings",
                says,
                f"call a script outside the repository, or add to protect.paths what {word} reads",
            )
    loop = house.repo.project / "loop.py"
    if loop.is_file() and is_unguarded(loop.read_text(encoding="utf-8", errors="replace")):
        says = (
            "loop.py is of an older version, which imports what lies beside it; new files there"
            " that it could import are put back"
        )
        yield warn(
            "settings",
            says,
            "take the lines about sys.path from a new one: nightlatch init in an empty folder"
            " writes it",
        )


def besides(house: House) -> Iterator[Finding]:
    """The plans and settings that could be meant and are not read."""
    if house.elsewhere:
        yield warn(
            "settings",
            f"not read: {', '.join(map(plain, house.elsewhere))}",
            "cd to the project that you mean",
        )


def planned(house: House) -> Iterator[Finding]:
    """The plan, every reading of it that needed judgement, and whether anything can run."""
    require_plan(house)
    seen = look.view(house)
    if not seen.plan.features:
        yield fail("plan", f"{house.plan} has no features", "add one to it")
        return
    yield ok(
        "plan",
        f"{house.plan}: {seen.survey.passing} of {len(seen.plan.features)} pass,"
        f" {seen.survey.count()} can run",
    )
    yield from read_so(seen)
    if seen.tip and house.repo.read(seen.tip, house.plan) is None:
        yield warn("plan", f"{house.plan} is not committed yet: the first run commits it")
    answer = policy.decide(seen.plan, seen.history, budget(seen), datetime.now(UTC))
    if isinstance(answer, policy.Stop):
        fix = (
            f"take skip out of a feature in {house.plan}, or add one"
            if answer.why == policy.ALL_SKIPPED
            else "nightlatch status"
        )
        yield (
            fail("plan", answer.why, fix)
            if answer.code
            else warn("plan", f"{answer.why}: there is nothing to do")
        )


def read_so(seen: View) -> Iterator[Finding]:
    yield from (warn("plan", f"read so: {reading}") for reading in seen.plan.readings)


def budget(seen: View, only: str = "", *, once: bool = False) -> policy.Budget:
    """What a run that begins now may use."""
    limits, now = seen.house.config.limits, datetime.now(UTC)
    until = next_clock(limits.until, clocks.local(now)) if limits.until else None
    day = day_purse(limits, seen.history, now)
    purses = (day,) if day.most else ()
    return replace(policy.budget_of(limits), purses=purses, until=until, only=only, once=once)


def landing(seen: View) -> Iterator[Finding]:
    """Whether there is a branch to land on, and a checkout that can go there."""
    repo, wanted = seen.house.repo, seen.plan.branch or seen.head
    edits = bool(
        repo.as_person(
            "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"
        ).output()
    )
    if what := under_way(repo):
        yield fail(
            "branch",
            f"a {what} is under way in the checkout",
            f"git {what} --continue, or git {what} --abort",
        )
    elif not seen.tip:
        yield fail(
            "branch", "there is no commit yet to start from", "git add -A && git commit -m start"
        )
    elif wanted is None:
        yield fail(
            "branch",
            "HEAD is detached, so there is no branch to land on",
            "git switch main, or git switch -c night",
        )
    elif wanted != seen.head and edits:
        yield fail(
            "branch",
            f"the plan lands on {wanted}, and the checkout has edits",
            f"commit them, then git switch {wanted}",
        )
    else:
        yield ok("branch", f"work lands on {wanted}")
    if wanted == seen.head and edits:
        yield warn(
            "branch",
            "the checkout has uncommitted edits: agents do not see them, but for the plan's",
        )


def committed(seen: View) -> Iterator[Finding]:
    if seen.tip:
        branch.require_committed(seen.house)
        yield ok("committed", "checks/, prompts/ and loop.py are as the branch has them")


def idle_checks(seen: View) -> Iterator[Finding]:
    """Programs in checks/ that nothing will ever start."""
    repo, folder = seen.house.repo, seen.house.path("checks")
    for path, (mode, _) in (repo.files(seen.tip) if seen.tip else {}).items():
        if (
            path.rpartition("/")[0] == folder
            and mode == FILE
            and (repo.read(seen.tip, path) or b"").startswith(b"#!")
        ):
            name = shlex.quote(plain(path))
            fix = f"chmod +x {name} && git commit {name} -m checks"
            yield warn("checks", f"{plain(path)} is not executable, so it never runs", fix)


def briefed(seen: View) -> Iterator[Finding]:
    """Whether the person's template renders, for the next feature and for those of which there
    is much to tell."""
    from nightlatch.core import brief

    runs = [
        feature
        for feature, waiting in seen.survey.left
        if waiting is None or waiting.word == "behind"
    ]
    long = (
        feature
        for feature in runs[1:]
        if sum(map(len, (feature.description, *feature.criteria, *feature.steps)))
        > brief.BUDGET // 3
    )
    for feature in (*runs[:1], *long):
        brief.compose(
            brief.BriefParts(feature=feature, protected=seen.house.protected()),
            templates(seen.house),
        )
    yield ok("prompts", "the brief renders")


def hired(seen: View) -> Iterator[Finding]:
    """The agents that are here, and who pays for each."""
    for number, name in enumerate(seen.house.config.agent):
        try:
            agent = agents.load(name, seen.house.config.agents)
            program = agents.find(agent, seen.house.repo.project, os.environ)
        except NightlatchError as error:
            yield (warn if number else fail)("agent", error.problem, error.fix)
        else:
            yield ok(
                "agent", f"{name} is {program}; {agents.billed(agent, {**os.environ, **agent.env})}"
            )


def machine(seen: View) -> Iterator[Finding]:
    disk = Bounds(
        disk=seen.house.config.limits.disk, places=(seen.house.repo.project, seen.house.cache)
    )
    short, fix = disk.short(), "make room, or lower limits.disk in loop.toml"
    yield fail("disk", short, fix) if short else ok("disk", f"{disk.free() / 1e9:.1f} GB are free")
    process = look.holder(seen.house)
    yield (
        warn("lock", f"a run is at work here (process {process})")
        if process is not None
        else ok("lock", "no other run is at work")
    )
    stays, why = awake.tried()
    yield (
        ok("awake", why)
        if stays
        else warn("awake", why, "turn its sleep off for the night; docs/overnight.md says how")
    )


def kinds(seen: View) -> Iterator[Finding]:
    """What is special about the repository."""
    repo = seen.house.repo
    files = repo.files(seen.tip) if seen.tip else {}
    links = [(path, oid) for path, (mode, oid) in files.items() if mode == GITLINK]
    if links:
        lacking = submodules.missing(repo, links)
        says = f"submodules that this clone does not have are empty in a workspace: {few(lacking)}"
        had = ok(
            "repository",
            f"{len(links)} submodules: their files lie in every workspace, and nothing of them"
            " lands",
        )
        yield (
            warn("repository", says, "git submodule update --init --recursive") if lacking else had
        )
    own = [
        name
        for name in seen.house.config.workspace.share
        if name.rpartition("/")[2] in rooms.ENVIRONMENTS
    ]
    if own:
        says = (
            f"{', '.join(own)}: checks see it read-only; an agent gets a copy in which it may"
            " install, and what it asks for is made anew"
        )
        yield ok("repository", says)
    attributes = b"\n".join(
        repo.read(seen.tip, path) or b""
        for path in files
        if path.rpartition("/")[2] == ".gitattributes"
    )
    for name in sorted(
        {os.fsdecode(found) for found in re.findall(rb"\bfilter=([^\s#]+)", attributes)}
    ):
        yield filtered(repo, name)
    notes = (
        (
            (repo.git_dir / "info/sparse-checkout").is_file(),
            "the checkout may be sparse: workspaces are whole",
        ),
        (
            (repo.common_dir / "shallow").is_file(),
            "the clone is shallow: history ends where it does",
        ),
    )
    yield from (warn("repository", says) for holds, says in notes if holds)


def reserved(seen: View) -> Iterator[Finding]:
    """Features whose words name files that only the person and the loop may change."""
    guarded_paths = matcher(seen.house.protected())
    for feature in seen.plan.features:
        if feature.done or feature.skip:
            continue
        allowed = matcher(tuple(map(seen.house.path, feature.may_change)))
        if paths := [
            path
            for path in named_paths(feature, seen.house.inside)
            if guarded_paths(path) and not allowed(path)
        ]:
            says = (
                f"{feature.id} names {few(paths)}, which is protected: a session may not change it,"
                " and the work would wait for you"
            )
            yield warn(
                "protected",
                says,
                f'"mayChange": ["{paths[0]}"] in {feature.id}; such work is held for your eyes',
            )


def own_agent(seen: View, name: str) -> Iterator[Finding]:
    """Whether an agent that features name can work.

    A word that is meant for another tool stops no night.
    """
    config = seen.house.config
    whose = few(
        feature.id for feature in seen.plan.features if feature.agent == name and not feature.done
    )
    try:
        agents.find(agents.load(name, config.agents), seen.house.repo.project, os.environ)
    except NightlatchError as error:
        says = f"{whose}: {error.problem}; {config.agent[0]} takes its place"
        yield warn("agent", says, error.fix or "name another agent in the plan")
    else:
        yield ok("agent", f"{plain(name)} is here, for {whose}")


def signing(seen: View) -> Iterator[Finding]:
    """Whether a commit can be signed without anybody there, tried with one that no branch has.

    An error says that it cannot.
    """
    if seen.house.config.land.sign and seen.tip:
        seen.house.repo.commit(
            seen.house.repo.tree_of(seen.tip), [seen.tip], "can this be signed?", sign=True
        )
        yield ok("sign", "a commit was signed, without a question")


def filtered(repo: Repo, name: str) -> Finding:
    """What becomes of files behind a filter of git's."""
    if not filters.known(repo, name):
        says = (
            f"git has no filter {name} here, so files behind it are shown, and land, as git keeps"
            " them"
        )
        return warn(
            "repository",
            says,
            "git lfs install" if name == "lfs" else f"git config filter.{name}.clean COMMAND",
        )
    filters.trusted(repo, name)
    return ok(
        "repository",
        f"files behind the filter {name} are shown to agents and kept as it makes them, as by"
        " git add",
    )


def limits(seen: View) -> Iterator[Finding]:
    wanted = seen.house.config.limits
    most = [
        *dollars(wanted).values(),
        *([f"{wanted.tokens:,} tokens a run"] if wanted.tokens else ()),
        f"{wanted.sessions} sessions",
    ]
    none = warn(
        "limits",
        f"no budget: {wanted.sessions} sessions may cost anything",
        "limits.budget in loop.toml, or run --budget 20",
    )
    yield ok("limits", f"at most {', '.join(most)}") if most[1:] else none


def phased(seen: View) -> Iterator[Finding]:
    """The agents that phases and features name, and progress files that nothing will ever
    finish."""
    config, named = (
        seen.house.config,
        {
            phase.agent
            for feature in seen.plan.features
            for phase in feature.phases
            if not feature.done
        },
    )
    for name in sorted(named - {"", *config.agent}):
        agents.find(agents.load(name, config.agents), seen.house.repo.project, os.environ)
        yield ok("phases", f"{plain(name)} is here")
    for name in sorted(
        {feature.agent for feature in seen.plan.features if not feature.done} - {"", *config.agent}
    ):
        yield from own_agent(seen, name)
    for name in (
        phases.unfinished(seen.house, seen.tip, seen.plan)
        if seen.tip and seen.plan.features
        else ()
    ):
        path, fix = f"{seen.house.sheets}/{name}", "or move it to the folder archived/"
        yield warn(
            "phases",
            f"{plain(path)}: its feature is done, gone or without phases",
            f"git rm {shlex.quote(plain(path))}, {fix}",
        )
