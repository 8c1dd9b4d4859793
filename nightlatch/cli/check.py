"""`check`: the whole verdict on a commit or on the working tree, as a session's candidate would
get it."""

import json
from pathlib import Path

import click

from nightlatch.cli import verdicts
from nightlatch.core.models import Feature, Verdict
from nightlatch.core.text import plain
from nightlatch.edge import judge, look, ranges, workshop
from nightlatch.edge.house import House, find_house, require_plan, templates
from nightlatch.errors import UsageError

NAMELESS = Feature(id="", title="", done=False)


@click.command(epilog="Example: nightlatch check HEAD~2 --feature US-004 --json")
@click.argument("rev", required=False)
@click.option(
    "--feature",
    "name",
    metavar="F",
    default="",
    help="Also ask whether this one is done; else the one that the commit names.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(rev: str | None, name: str, as_json: bool) -> int:
    """Give the verdict on REV against its first parent, or without REV on your working tree
    against HEAD.

    Ends with 0 for accept and hold, with 1 for reject. Lands nothing, and puts nothing back:
    changed checks, CI and prompts are held.
    """
    house = require_plan(find_house(Path.cwd()))
    stands = look.with_commit(house).survey
    base, tree, named = subject(house, rev)
    feature = stands.find(name) if name else stands.plan.feature(named) or NAMELESS
    verdict = judged(house, base, tree, feature, rev)
    proved = None if feature is NAMELESS else verdict.proved
    if as_json:
        subject_of = {"feature": feature.id or None, "base": base, "judge": verdict.judge}
        click.echo(
            json.dumps(
                {"schema": "nightlatch/check/1", **verdicts.told(verdict, proved), **subject_of},
                indent=2,
            )
        )
    else:
        click.echo("\n".join(verdicts.shown(verdict, proved)))
    return int(verdicts.word(verdict) == "reject")


def subject(house: House, rev: str | None) -> tuple[str, str, str]:
    """The base, the tree to judge, and the feature that a landing names."""
    commit = house.repo.tip_of(f"{rev or 'HEAD'}^{{commit}}")
    if commit is None:
        raise UsageError(
            f"there is no commit {plain(rev or 'HEAD')}",
            place=str(house.repo.top),
            fix="git log --oneline",
        )
    if rev is None:
        return commit, workshop.working_tree(house.repo), ""
    [found] = house.repo.log(commit, 1)
    if not found.parents:
        raise UsageError(
            f"{plain(rev)} is the first commit: there is nothing to compare it with",
            fix="name a later one",
        )
    return found.parents[0], found.tree, found.trailers.get("Nightlatch-Feature", "")


def judged(house: House, base: str, tree: str, feature: Feature, rev: str | None) -> Verdict:
    """Nothing is put back: what a person changed, they may have meant."""
    span = ranges.Range(base=base, head=house.repo.tip_of(rev) or "") if rev else None
    with workshop.opened(house) as (pool, engine):
        agent = next(iter(house.config.agent), "")
        bench = judge.bench(
            house, agent, pool.sandbox, templates(house), house.state / "sessions" / "check"
        )
        return ranges.examined(
            house, engine, base, tree, feature, span, judge=None if feature is NAMELESS else bench
        )
