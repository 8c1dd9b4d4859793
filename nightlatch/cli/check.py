"""`check`: the whole verdict on a commit or on the working tree, as a session's candidate would get it."""

import json
from pathlib import Path

import click

from nightlatch.cli import verdicts
from nightlatch.core.models import Feature, Outcome, Verdict
from nightlatch.core.scope import Rules
from nightlatch.core.text import plain
from nightlatch.edge import candidate, judge, look, workshop
from nightlatch.edge.house import House, find_house, require_plan
from nightlatch.edge.session import templates
from nightlatch.errors import UsageError

WORDS = {Outcome.LANDED: "accept", Outcome.UNPROVED: "accept", Outcome.HELD: "hold"}
NAMELESS = Feature(id="", title="", done=False)


@click.command(epilog="Example: nightlatch check HEAD~2 --feature US-004 --json")
@click.argument("rev", required=False)
@click.option("--feature", "name", metavar="F", default="", help="Also ask whether this one is done; else the one that the commit names.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(rev: str | None, name: str, as_json: bool) -> int:
    """Give the verdict on REV against its first parent, or without REV on your working tree against HEAD.

    Ends with 0 for accept and hold, with 1 for reject. Lands nothing.
    """
    house = require_plan(find_house(Path.cwd()))
    stands = look.with_commit(house).survey
    base, tree, named = subject(house, rev)
    feature = stands.find(name) if name else stands.plan.feature(named) or NAMELESS
    verdict = judged(house, base, tree, feature)
    word = WORDS.get(verdict.outcome, "reject")
    proved = None if feature is NAMELESS else verdict.proved
    if as_json:
        head = {"schema": "nightlatch/check/1", "verdict": word, "proved": proved}
        click.echo(json.dumps({**head, **told(verdict, base, feature)}, indent=2))
    else:
        show(word, verdict, proved)
    return int(word == "reject")


def subject(house: House, rev: str | None) -> tuple[str, str, str]:
    """The base, the tree to judge, and the feature that a landing names."""
    commit = house.repo.tip_of(f"{rev or 'HEAD'}^{{commit}}")
    if commit is None:
        raise UsageError(f"there is no commit {plain(rev or 'HEAD')}", place=str(house.repo.top), fix="git log --oneline")
    if rev is None:
        return commit, workshop.working_tree(house.repo), ""
    [found] = house.repo.log(commit, 1)
    if not found.parents:
        raise UsageError(f"{plain(rev)} is the first commit: there is nothing to compare it with", fix="name a later one")
    return found.parents[0], found.tree, found.trailers.get("Nightlatch-Feature", "")


def judged(house: House, base: str, tree: str, feature: Feature) -> Verdict:
    allowed = tuple(map(house.path, feature.may_change))
    rules = Rules(protected=house.protected(), may_change=allowed, project=house.inside)
    with workshop.opened(house) as (pool, lab):
        with pool.checkout(base, tree) as place:
            built = candidate.build(house.repo, place, rules)
        agent = next(iter(house.config.agent), "")
        bench = judge.bench(house, agent, pool.sandbox, templates(house), house.state / "sessions" / "check")
        return lab.examine(base, built.tree, feature, built.oddities, judge=None if feature is NAMELESS else bench)


def told(verdict: Verdict, base: str, feature: Feature) -> dict[str, object]:
    reasons = [{"rule": r.rule, "says": r.says, "detail": list(r.detail), "verdict": r.ruling.value} for r in verdict.reasons]
    runs = {"checks": verdict.checks, "tests": verdict.tests, "verify": verdict.verify, "costs": verdicts.costs(verdict)}
    return {"safe": verdict.safe, "reasons": reasons, "feature": feature.id or None, "base": base, "judge": verdict.judge, **runs}


def show(word: str, verdict: Verdict, proved: bool | None) -> None:
    answers = {True: "proved", False: "not proved", None: "nothing tells whether it is proved"}
    click.echo(f"{word}: {'safe' if verdict.safe else 'not safe'}, {answers[proved]}; tests {verdict.tests or 'not run'}")
    for reason in verdict.reasons:
        click.echo(f"{reason.ruling.value:<6} {reason.rule:<24} {plain(reason.says)}")
        for detail in reason.detail:
            click.echo("".join(f"    {plain(line)}\n" for line in detail.splitlines()), nl=False)
    for line in verdicts.spent(verdict):
        click.echo(line)
