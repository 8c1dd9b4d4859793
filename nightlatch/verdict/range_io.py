"""A range of commits looked at by itself: without plan or settings of the repository, and
without a byte written into it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.errors import RedBaseError, UsageError
from nightlatch.git.model import Change
from nightlatch.git.open import open_repo
from nightlatch.git.repo import Ident, Repo
from nightlatch.model.models import LANDS, Feature, Outcome, Reason, Ruling, Verdict
from nightlatch.model.rules import reason
from nightlatch.plan.file import USUAL_PLACES
from nightlatch.project.config import settings
from nightlatch.project.project import Project
from nightlatch.project.protected import CI, RECORDS
from nightlatch.suite.results import BaselineState
from nightlatch.suite.suites import weak
from nightlatch.util.globs import matcher
from nightlatch.util.memo import Memo
from nightlatch.util.paths import LINK
from nightlatch.util.text import plain
from nightlatch.verdict import standalone_io
from nightlatch.verdict.approvals import NOTHING, SUPERSEDED, Approved, names_in, path_of
from nightlatch.verdict.base_health import red_names, refuse_red
from nightlatch.verdict.engine_io import VerdictEngine
from nightlatch.verdict.judge_io import JudgeRunner
from nightlatch.workspace import scope
from nightlatch.workspace.scope import Rules, WorkspaceScan

NOBODY = Ident(name="nightlatch", email="nightlatch@localhost")
WRITTEN_BY_LOOP = (*USUAL_PLACES, *RECORDS)
is_record = matcher(WRITTEN_BY_LOOP)
# Folders of programs in an environment, whose parent is what has to be shared.
TOOLS = ("bin", "Scripts", ".bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Two commits, the older one first, as ids."""

    base: str
    head: str


@contextmanager
def opened(folder: Path, tests: str) -> Iterator[Project]:
    """A house without plan: what it writes, objects among it, lies in a folder that is gone
    when this ends; tools are the caller's."""
    repo = open_repo(folder)
    with TemporaryDirectory(prefix="nightlatch-", ignore_cleanup_errors=True) as name:
        objects = Path(name, "objects")
        (objects / "info").mkdir(parents=True)
        # New objects go to the folder and old ones are borrowed: the repository is only read.
        (objects / "info/alternates").write_bytes(os.fsencode(repo.objects) + b"\n")
        idents = dict.fromkeys(("AUTHOR", "COMMITTER"), NOBODY) | dict(repo.idents)
        env = {**repo.env, "GIT_OBJECT_DIRECTORY": str(objects)}
        config = settings.load(None, None, os.environ, {"checks.tests": tests or None})
        brought = replace(config.workspace, share=(*config.workspace.share, *tools_inside(repo)))
        memory = replace(repo.memory, servers=Memo())
        apart = replace(repo, objects=objects, idents=idents, env=env, memory=memory)
        yield Project(
            repo=apart,
            config=replace(config, workspace=brought),
            plan="",
            progress=config.progress,
            apart=Path(name),
        )


def tools_inside(repo: Repo) -> Iterator[str]:
    """Yield the caller's own tools that lie in the checkout, by PATH and as node_modules; what is
    tracked comes from the commits."""
    named = [
        Path(folder)
        for folder in os.environ.get("PATH", "").split(":")
        if Path(folder).is_relative_to(repo.top)
    ]
    prefixes = [folder.parent if folder.name in TOOLS else folder for folder in named]
    for place in dict.fromkeys((*prefixes, repo.top / "node_modules")):
        is_inside = place.is_dir() and place != repo.top
        if is_inside and repo.ask("ls-files", "--error-unmatch", "--", str(place)) is None:
            yield os.fspath(place.relative_to(repo.top))


def find(repo: Repo, text: str) -> Range:
    """Return what BASE..HEAD names; UsageError where it names nothing that can be compared."""
    old, dots, new = text.partition("..")
    # Three dots leave one with the second name, and mean something else to git.
    if not dots or new.startswith("."):
        raise no_range(text, old, new[1:])
    base, head = commit(repo, old or "HEAD"), commit(repo, new or "HEAD")
    if not repo.is_ancestor(base, head):
        end = plain(new or "HEAD")
        fix = f"take the commit where the two parted: git merge-base {plain(old)} {end}"
        raise UsageError(
            f"{plain(old)} is not an ancestor of {end}",
            place=str(repo.top),
            fix=deeper(repo) or fix,
        )
    return Range(base=base, head=head)


def no_range(text: str, old: str, new: str) -> UsageError:
    """Return the error for words that are no range of two commits."""
    end = plain(new) or "HEAD"
    parted = f"$(git merge-base {plain(old) or 'main'} {end})"
    fix = f"write two commits with two dots: nightlatch ratchet {parted}..{end}"
    return UsageError(f"{plain(text)} is not a range BASE..HEAD", fix=fix)


def commit(repo: Repo, name: str) -> str:
    """Return the id of a commit that a person names; UsageError where there is none."""
    found = repo.tip_of(f"{name}^{{commit}}")
    if found is None:
        raise UsageError(
            f"commit {plain(name)} not found",
            place=str(repo.top),
            fix=deeper(repo) or "git log --oneline",
        )
    return found


def deeper(repo: Repo) -> str:
    """Return what brings the commits that a shallow clone lacks, "" where it is none."""
    return (
        "git fetch --unshallow, in GitHub Actions fetch-depth: 0"
        if (repo.common_dir / "shallow").is_file()
        else ""
    )


def judged(project: Project, span: Range, asked: Feature) -> tuple[Verdict, list[str]]:
    """Return the verdict on a range, with the files that differ."""
    repo = project.repo
    changes = repo.diff(span.base, span.head)
    if not changes and not asked.verify:
        return Verdict(safe=True, proved=None, outcome=Outcome.UNPROVED), []
    with standalone_io.opened(project) as (_, engine):
        verdict = examined(project, engine, span.base, repo.tree_of(span.head), asked, span)
        more = tuple(of_base(engine, span.base)) if verdict.costs else ()
    return with_more(verdict, more), [change.path for change in changes]


def examined(
    project: Project,
    engine: VerdictEngine,
    base: str,
    tree: str,
    asked: Feature,
    span: Range | None,
    judge: JudgeRunner | None = None,
) -> Verdict:
    """Return the verdict on what a person changed, with what the commits of the range say of it.

    Nothing is put back: they may have meant it.
    """
    known, named = (
        (approvals(project.repo, span), superseded(project.repo, span)) if span else (NOTHING, [])
    )
    named += [name for rule in known.keys() & SUPERSEDED for name in known[rule]]
    engine = replace(engine, protected=peoples(project))
    feature = replace(asked, supersedes=(*asked.supersedes, *named))
    with engine.evaluator.progress.showing(asked.id or "the range"):
        return engine.examine(
            base,
            tree,
            feature,
            of_scope(project, project.repo.diff(base, tree)),
            approved=known,
            judge=judge,
        )


def peoples(project: Project) -> tuple[str, ...]:
    """Return the files that only people change, plan and record aside: checks, CI and prompts."""
    return (*(name for name in project.config.protect.paths if name not in WRITTEN_BY_LOOP), *CI)


def with_more(verdict: Verdict, more: tuple[Reason, ...]) -> Verdict:
    """Return the verdict with further reasons, held where one of them asks for it."""
    holds = verdict.outcome in LANDS and any(reason.ruling is Ruling.HOLD for reason in more)
    now = replace(verdict, reasons=(*verdict.reasons, *more))
    return replace(now, safe=False, proved=None, outcome=Outcome.HELD) if holds else now


def of_scope(project: Project, changes: tuple[Change, ...]) -> tuple[Reason, ...]:
    """Return what there is to say against the kinds and places of the changed files."""
    links = {
        c.path: os.fsdecode((project.repo.find(c.new_oid) or ("", "", b""))[2])
        for c in changes
        if c.new_mode == LINK
    }
    return scope.judge(
        WorkspaceScan(changes=changes, links=links), Rules(project=project.inside)
    ).reasons


def of_base(engine: VerdictEngine, base: str) -> Iterator[Reason]:
    """Yield what is to be said of a base that protects little, or of which too little is known."""
    state = engine.state(base)
    yield from too_red(state)
    blind = [
        weak(suite)
        for suite in engine.evaluator.suite(base, base).every
        if suite.weak and not state.tests.has_ids(suite.name)
    ]
    if blind:
        yield reason("tests.no-ids", blind)


def too_red(state: BaselineState) -> Iterator[Reason]:
    """Yield what is to be said of a base that protects little.

    Raises FaultError where its tests or checks cannot be run at all.
    """
    try:
        refuse_red(state, (), accept=False)
    except RedBaseError:
        yield reason("ratchet.red-base", red_names(state, ()))
    nothing = not (state.tests.ids or state.tests.uncollected)
    if nothing and state.tests.by_id and not state.tests.broken:
        yield reason("ratchet.no-tests")


def trailers(repo: Repo, span: Range, name: str) -> list[tuple[str, str]]:
    """Return (commit, value) of every trailer of this name in the range, newest commit first."""
    log = repo.log(f"{span.base}..{span.head}")
    return [(commit.id, value) for commit in log for value in commit.values(name)]


def superseded(repo: Repo, span: Range) -> list[str]:
    """Return the tests that commits of the range name as superseded."""
    return [name for _, value in trailers(repo, span, "Supersedes") for name in names_in(value)]


def approvals(repo: Repo, span: Range) -> Approved:
    """Return what commits of the range say a person approved, as far as no later commit of it went
    over the same files again."""
    found: dict[str, frozenset[str]] = {}
    for oid, value in trailers(repo, span, "Approved"):
        rule, _, names = value.partition(" ")
        # An approval is about what the person saw: a later commit to the same file undoes it.
        later = {change.path for change in repo.diff(oid, span.head)}
        own = (
            {change.path for change in repo.diff(f"{oid}^", oid) if not is_record(change.path)}
            if repo.tip_of(f"{oid}^")
            else later
        )
        paths = {name: path_of(name) for name in names_in(names)}
        stands = (
            name
            for name, path in paths.items()
            if not later & ({path} if repo.tip_of(f"{oid}:{path}") else own)
        )
        found[rule] = found.get(rule, frozenset()).union(stands)
    return found
