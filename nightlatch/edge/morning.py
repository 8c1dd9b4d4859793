"""The end of a run: what the person reads first in the morning."""

from collections.abc import Iterable

from nightlatch.core import policy
from nightlatch.core.models import Feature
from nightlatch.core.policy import Stop, Waiting
from nightlatch.core.progress import Ask, Entry, Item, RunEnd, RunStart, parse, render, run_end
from nightlatch.core.results import results_from
from nightlatch.core.text import plain
from nightlatch.edge.deciding import budget
from nightlatch.edge.landing import write_down
from nightlatch.edge.site import Site


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
