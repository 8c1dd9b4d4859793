"""The end of a run: what the person reads first in the morning."""

from nightlatch.core.policy import Stop
from nightlatch.core.progress import Entry, Item, RunEnd, RunStart, parse, render, run_end
from nightlatch.core.survey import survey
from nightlatch.core.text import plain
from nightlatch.edge import look
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
    limits, upstream = site.house.config.limits, look.unpushed(site.house.repo, site.branch)
    stands = survey(site.plan(tip) or look.NO_PLAN, site.history(tip), attempts=limits.attempts, continues=limits.continues)
    pushed = "" if upstream is None else f"{upstream} commits not pushed" if upstream else "all pushed"
    return run_end(
        site.run,
        [item for item in items[start:] if isinstance(item, Entry)],
        parent=tip[:7],
        passing=site.passing(tip),
        stop=stop.why,
        branch="; ".join(filter(None, (tests_at(site, tip), pushed))),
        asks=stands.asks,
        program="python loop.py",
        numbered=stands.numbered,
    )


def tests_at(site: Site, tip: str) -> str:
    """What is known of the branch's tests, without running them."""
    known = site.lab.known(tip)
    return f"{'red' if known.failing else 'green'}, {known.summary()}" if known else "its tests were not run"
