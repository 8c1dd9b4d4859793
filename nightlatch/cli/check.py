"""`check`: the whole verdict on a commit or on the working tree, as a session's candidate would
get it."""

import json
from pathlib import Path

import click

from nightlatch.cli import verdict_view
from nightlatch.errors import UsageError
from nightlatch.model.models import Feature, Verdict
from nightlatch.project.project import Project, find_project, require_plan, templates
from nightlatch.report import status_io
from nightlatch.util.text import plain
from nightlatch.verdict import judge_io, range_io, standalone_io

NAMELESS = Feature(id="", title="", done=False)


@click.command(epilog="Example: nightlatch check HEAD~2 --feature US-004 --json")
@click.argument("rev", required=False)
@click.option(
    "--feature",
    "name",
    metavar="F",
    default="",
    help="Also check whether this feature is done; default: the one that the commit names.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(rev: str | None, name: str, as_json: bool) -> int:
    """Give the verdict on REV against its first parent, or without REV on your working tree
    against HEAD.

    Exits with 0 for accept and hold, with 1 for reject. Nothing is landed and no file is restored;
    changes of checks, CI and prompts are reported as held.
    """
    project = require_plan(find_project(Path.cwd()))
    stands = status_io.with_commit(project).survey
    base, tree, named = subject(project, rev)
    feature = stands.find(name) if name else stands.plan.feature(named) or NAMELESS
    verdict = judged(project, base, tree, feature, rev)
    # Without a feature there is nothing that could be proved, only something that must not break.
    proved = None if feature is NAMELESS else verdict.proved
    if as_json:
        subject_of = {"feature": feature.id or None, "base": base, "judge": verdict.ran.judge}
        click.echo(
            json.dumps(
                {
                    "schema": "nightlatch/check/1",
                    **verdict_view.to_json(verdict, proved),
                    **subject_of,
                },
                indent=2,
            )
        )
    else:
        click.echo("\n".join(verdict_view.shown(verdict, proved)))
    return int(verdict_view.word(verdict) == "reject")


def subject(project: Project, rev: str | None) -> tuple[str, str, str]:
    """Return the base, the tree to judge, and the feature that a landing names."""
    commit = project.repo.tip_of(f"{rev or 'HEAD'}^{{commit}}")
    if commit is None:
        raise UsageError(
            f"commit {plain(rev or 'HEAD')} not found",
            place=str(project.repo.top),
            fix="git log --oneline",
        )
    if rev is None:
        return commit, standalone_io.working_tree(project.repo), ""
    [found] = project.repo.log(commit, 1)
    if not found.parents:
        raise UsageError(
            f"{plain(rev)} is the first commit, so it has nothing to compare with",
            fix="name a later one",
        )
    return found.parents[0], found.tree, found.trailers.get("Nightlatch-Feature", "")


def judged(project: Project, base: str, tree: str, feature: Feature, rev: str | None) -> Verdict:
    """Return the verdict on a tree. No file is restored first: a person may have meant the
    change."""
    span = range_io.Range(base=base, head=project.repo.tip_of(rev) or "") if rev else None
    with standalone_io.opened(project) as (pool, engine):
        agent = next(iter(project.config.agent), "")
        bench = judge_io.bench(
            project, agent, pool.sandbox, templates(project), project.state / "sessions" / "check"
        )
        return range_io.examined(
            project, engine, base, tree, feature, span, judge=None if feature is NAMELESS else bench
        )
