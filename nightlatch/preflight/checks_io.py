"""What can be told of a night without starting anything: git, plan, branch, checks, prompts,
disk, agents, limits."""

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from nightlatch.agents import registry_io
from nightlatch.errors import NightlatchError
from nightlatch.git import filters
from nightlatch.git.checkout import under_way
from nightlatch.git.repo import Repo
from nightlatch.git.tree_objects import Entry
from nightlatch.journal import read_io
from nightlatch.plan.interpretations import few
from nightlatch.preflight.forecast import Diagnostic, Level, dollars
from nightlatch.project import authorship_io, branch_io
from nightlatch.project.own_files import READERS, is_unguarded, words
from nightlatch.project.project import Project, require_plan, templates
from nightlatch.report import status_io
from nightlatch.report.status_io import ProjectStatus
from nightlatch.run import keep_awake, phases_io
from nightlatch.run.outcome import named_paths
from nightlatch.sandbox.process.resources import ResourceLimits
from nightlatch.scheduler import policy
from nightlatch.scheduler.budget import day_purse
from nightlatch.util import clock
from nightlatch.util.globs import matcher
from nightlatch.util.paths import FILE, GITLINK
from nightlatch.util.text import plain
from nightlatch.util.units import next_clock
from nightlatch.workspace import profiles, submodules

# The first whose merge-tree merges without a checkout.
OLDEST_GIT = (2, 38)


def before(project: Project) -> tuple[ProjectStatus, list[Diagnostic]]:
    """Return what a run would meet first. The view has no plan where it cannot be read."""
    found = [
        *guarded("git", lambda: git(project)),
        *guarded("settings", lambda: settled(project)),
        *guarded("plan", lambda: planned(project)),
    ]
    try:
        seen = status_io.view(project)
    # A plan that cannot be read hides nothing else: every probe is still asked.
    except NightlatchError:
        seen = status_io.view(replace(project, plan=""))
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


def remarks(seen: ProjectStatus) -> Iterator[Diagnostic]:
    """Yield what a run says of itself when it begins."""
    yield from besides(seen.project)
    for probe in (read_so, idle_checks, kinds):
        yield from probe(seen)


def guarded(topic: str, probe: Callable[[], Iterator[Diagnostic]]) -> Iterator[Diagnostic]:
    """Yield what a probe finds; an error of the house is a finding too."""
    try:
        yield from probe()
    except NightlatchError as error:
        place = f" ({error.place})" if error.place else ""
        yield Diagnostic(
            level=Level.FAIL,
            topic=topic,
            says=f"{error.problem.splitlines()[0]}{place}",
            fix=error.fix,
        )


def ok(topic: str, says: str) -> Diagnostic:
    return Diagnostic(level=Level.OK, topic=topic, says=says)


def warn(topic: str, says: str, fix: str = "") -> Diagnostic:
    return Diagnostic(level=Level.WARN, topic=topic, says=says, fix=fix)


def fail(topic: str, says: str, fix: str) -> Diagnostic:
    return Diagnostic(level=Level.FAIL, topic=topic, says=says, fix=fix)


def git(project: Project) -> Iterator[Diagnostic]:
    version = os.fsdecode(project.repo.run("version")).removeprefix("git version ").strip()
    number = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    fix = f"install git {'.'.join(map(str, OLDEST_GIT))} or newer"
    yield ok("git", version) if number >= OLDEST_GIT else fail("git", f"{version} is too old", fix)
    who = project.repo.ident("AUTHOR")
    project.repo.ident("COMMITTER")
    yield ok("identity", f"commits are by {who.name} <{who.email}>")


def settled(project: Project) -> Iterator[Diagnostic]:
    """Yield which settings and plan are in play, which others are not, and whether the person wrote
    them."""
    where = project.settings or "none: defaults"
    yield ok("settings", f"{where}; the plan is {project.plan or 'missing'}")
    yield from besides(project)
    for problem in authorship_io.problems(project):
        yield fail("settings", f"{problem.problem} ({problem.place})", problem.fix)
    for key, command in (
        ("land.after", project.config.land.after),
        ("notify.command", project.config.notify.command),
    ):
        for word in sorted(READERS.intersection(words(command))):
            says = (
                f"{key} starts {word}, which runs what project files say, with your rights;"
                " those files are guarded as far as the command line names them"
            )
            yield warn(
                "settings",
                says,
                f"call a script outside the repository, or add to protect.paths what {word} reads",
            )
    loop = project.repo.folder / "loop.py"
    if loop.is_file() and is_unguarded(loop.read_text(encoding="utf-8", errors="replace")):
        says = (
            "loop.py is from an older version, which can import files next to it; new files"
            " there are put back"
        )
        yield warn(
            "settings",
            says,
            "copy the lines about sys.path from a new loop.py: nightlatch init in an empty"
            " folder writes one",
        )


def besides(project: Project) -> Iterator[Diagnostic]:
    """Yield the plans and settings that could be meant and are not read."""
    if project.elsewhere:
        yield warn(
            "settings",
            f"not read: {', '.join(map(plain, project.elsewhere))}",
            "cd to the project that you mean",
        )


def planned(project: Project) -> Iterator[Diagnostic]:
    """Yield the plan, every reading of it that needed judgement, and whether anything can run."""
    require_plan(project)
    seen = status_io.view(project)
    if not seen.plan.features:
        yield fail("plan", f"{project.plan} has no features", "add one to it")
        return
    yield ok(
        "plan",
        f"{project.plan}: {seen.survey.passing} of {len(seen.plan.features)} pass,"
        f" {seen.survey.count()} can run",
    )
    yield from read_so(seen)
    if seen.tip and project.repo.read(seen.tip, project.plan) is None:
        yield warn("plan", f"{project.plan} is not committed yet: the first run commits it")
    answer = policy.decide(seen.plan, seen.history, budget(seen), datetime.now(UTC))
    if isinstance(answer, policy.Stop):
        fix = (
            f"take skip out of a feature in {project.plan}, or add one"
            if answer.why == policy.ALL_SKIPPED
            else "nightlatch status"
        )
        yield (
            fail("plan", answer.why, fix)
            if answer.code
            else warn("plan", f"{answer.why}: there is nothing to do")
        )


def read_so(seen: ProjectStatus) -> Iterator[Diagnostic]:
    yield from (warn("plan", f"interpreted as: {reading}") for reading in seen.plan.readings)


def budget(seen: ProjectStatus, only: str = "", *, once: bool = False) -> policy.RunLimits:
    """Return what a run that begins now may use."""
    limits, now = seen.project.config.limits, datetime.now(UTC)
    # By the clock that the person sees, who wrote "07:00".
    until = next_clock(limits.until, clock.local(now)) if limits.until else None
    day = day_purse(limits, seen.history, now)
    purses = (day,) if day.most else ()
    return policy.RunLimits(
        feature=policy.feature_limits(limits),
        budget=policy.RunBudget(sessions=limits.sessions, once=once, purses=purses, until=until),
        wishes=policy.RunWishes(only=only),
    )


def landing(seen: ProjectStatus) -> Iterator[Diagnostic]:
    """Yield whether there is a branch to land on, and a checkout that can go there."""
    repo, wanted = seen.project.repo, seen.plan.branch or seen.head
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
        yield fail("branch", "the repository has no commits", "git add -A && git commit -m start")
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
            "the checkout has uncommitted edits: agents see only those to the plan",
        )


def committed(seen: ProjectStatus) -> Iterator[Diagnostic]:
    if seen.tip:
        branch_io.require_committed(seen.project)
        yield ok("committed", "checks/, prompts/ and loop.py are committed")


def idle_checks(seen: ProjectStatus) -> Iterator[Diagnostic]:
    """Programs in checks/ that nothing will ever start."""
    repo, folder = seen.project.repo, seen.project.path("checks")
    for path, (mode, _) in (repo.files(seen.tip) if seen.tip else {}).items():
        if (
            path.rpartition("/")[0] == folder
            and mode == FILE
            and (repo.read(seen.tip, path) or b"").startswith(b"#!")
        ):
            name = shlex.quote(plain(path))
            fix = f"chmod +x {name} && git commit {name} -m checks"
            yield warn("checks", f"{plain(path)} is not executable, so it never runs", fix)


def briefed(seen: ProjectStatus) -> Iterator[Diagnostic]:
    """Yield whether the person's template renders, for the next feature and for those of which
    there is much to tell."""
    from nightlatch.prompt import brief

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
    # A template may fail only where there is much to tell.
    for feature in (*runs[:1], *long):
        brief.compose(
            brief.BriefParts(feature=feature, protected=seen.project.protected()),
            templates(seen.project),
        )
    yield ok("prompts", "the prompt template renders")


def hired(seen: ProjectStatus) -> Iterator[Diagnostic]:
    """Yield the agents that are here, and who pays for each."""
    # The first has to be there; the others stand in for it when it meets a limit.
    for number, name in enumerate(seen.project.config.agent):
        try:
            agent = registry_io.load(name, seen.project.config.agents)
            program = registry_io.find(agent, seen.project.repo.folder, os.environ)
        except NightlatchError as error:
            yield (warn if number else fail)("agent", error.problem, error.fix)
        else:
            yield ok(
                "agent",
                f"{name} is {program}; {registry_io.billed(agent, {**os.environ, **agent.env})}",
            )


def machine(seen: ProjectStatus) -> Iterator[Diagnostic]:
    disk = ResourceLimits(
        disk=seen.project.config.limits.disk, places=(seen.project.repo.folder, seen.project.cache)
    )
    short, fix = disk.short(), "make room, or lower limits.disk in loop.toml"
    yield fail("disk", short, fix) if short else ok("disk", f"{disk.free() / 1e9:.1f} GB are free")
    process = read_io.holder(seen.project)
    yield (
        warn("lock", f"a run is already going here (process {process})")
        if process is not None
        else ok("lock", "no other run is going")
    )
    stays, why = keep_awake.tried()
    yield (
        ok("awake", why)
        if stays
        else warn("awake", why, "turn suspend off for the night; docs/overnight.md says how")
    )


def kinds(seen: ProjectStatus) -> Iterator[Diagnostic]:
    """Yield what is special about the repository."""
    repo = seen.project.repo
    files = repo.files(seen.tip) if seen.tip else {}
    yield from submodule_lines(repo, files)
    own = [
        name
        for name in seen.project.config.workspace.share
        if name.rpartition("/")[2] in profiles.ENVIRONMENTS
    ]
    if own:
        says = (
            f"{', '.join(own)}: checks see it read-only; an agent gets a copy in which it may"
            " install, and what it asks for is made anew"
        )
        yield ok("repository", says)
    for name in filters_named(repo, seen.tip, files):
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


def submodule_lines(repo: Repo, files: Mapping[str, Entry]) -> Iterator[Diagnostic]:
    """Yield what becomes of submodules, and which of them this clone does not have."""
    links = [(path, oid) for path, (mode, oid) in files.items() if mode == GITLINK]
    if not links:
        return
    lacking = submodules.missing(repo, links)
    if lacking:
        says = f"submodules that this clone does not have are empty in a workspace: {few(lacking)}"
        yield warn("repository", says, "git submodule update --init --recursive")
    else:
        yield ok(
            "repository",
            f"{len(links)} submodules: their files lie in every workspace, and nothing of them"
            " lands",
        )


def filters_named(repo: Repo, tip: str, files: Iterable[str]) -> list[str]:
    """Return the filters that any .gitattributes of the tip names."""
    rules = [path for path in files if path.rpartition("/")[2] == ".gitattributes"]
    attributes = b"\n".join(repo.read(tip, path) or b"" for path in rules)
    return sorted(map(os.fsdecode, set(re.findall(rb"\bfilter=([^\s#]+)", attributes))))


def reserved(seen: ProjectStatus) -> Iterator[Diagnostic]:
    """Features whose words name files that only the person and the loop may change."""
    guarded_paths = matcher(seen.project.protected())
    for feature in seen.plan.features:
        # No session will ever be given these.
        if feature.done or feature.skip:
            continue
        allowed = matcher(tuple(map(seen.project.path, feature.may_change)))
        if paths := [
            path
            for path in named_paths(feature, seen.project.inside)
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


def own_agent(seen: ProjectStatus, name: str) -> Iterator[Diagnostic]:
    """Yield whether an agent that features name can work.

    A word that is meant for another tool stops no night.
    """
    config = seen.project.config
    whose = few(
        feature.id for feature in seen.plan.features if feature.agent == name and not feature.done
    )
    try:
        registry_io.find(
            registry_io.load(name, config.agents), seen.project.repo.folder, os.environ
        )
    except NightlatchError as error:
        says = f"{whose}: {error.problem}; {config.agent[0]} is used instead"
        yield warn("agent", says, error.fix or "name another agent in the plan")
    else:
        yield ok("agent", f"{plain(name)} is installed, for {whose}")


def signing(seen: ProjectStatus) -> Iterator[Diagnostic]:
    """Yield whether a commit can be signed without anybody there, tried with one that no branch
    has.

    An error says that it cannot.
    """
    # A passphrase that is asked for at three in the morning ends the night.
    if seen.project.config.land.sign and seen.tip:
        seen.project.repo.commit(
            seen.project.repo.tree_of(seen.tip), [seen.tip], "can this be signed?", sign=True
        )
        yield ok("sign", "a test commit was signed without asking for a passphrase")


def filtered(repo: Repo, name: str) -> Diagnostic:
    """Return what becomes of files behind a filter of git's."""
    # Without it git shows what it keeps: pointers in place of the large files.
    if not filters.is_configured(repo, name):
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


def limits(seen: ProjectStatus) -> Iterator[Diagnostic]:
    wanted = seen.project.config.limits
    most = [
        *dollars(wanted).values(),
        *([f"{wanted.tokens:,} tokens a run"] if wanted.tokens else ()),
        f"{wanted.sessions} sessions",
    ]
    none = warn(
        "limits",
        f"no budget: {wanted.sessions} sessions may cost any amount",
        "limits.budget in loop.toml, or run --budget 20",
    )
    yield ok("limits", f"at most {', '.join(most)}") if most[1:] else none


def phased(seen: ProjectStatus) -> Iterator[Diagnostic]:
    """Yield the agents that phases and features name, and progress files that nothing will ever
    finish."""
    config = seen.project.config
    named = {
        phase.agent
        for feature in seen.plan.features
        for phase in feature.phases
        if not feature.done
    }
    for name in sorted(named - {"", *config.agent}):
        registry_io.find(
            registry_io.load(name, config.agents), seen.project.repo.folder, os.environ
        )
        yield ok("phases", f"{plain(name)} is here")
    for name in sorted(
        {feature.agent for feature in seen.plan.features if not feature.done} - {"", *config.agent}
    ):
        yield from own_agent(seen, name)
    for name in (
        phases_io.unfinished(seen.project, seen.tip, seen.plan)
        if seen.tip and seen.plan.features
        else ()
    ):
        path, fix = f"{seen.project.sheets}/{name}", "or move it to the folder archived/"
        yield warn(
            "phases",
            f"{plain(path)}: its feature is done, gone or without phases",
            f"git rm {shlex.quote(plain(path))}, {fix}",
        )
