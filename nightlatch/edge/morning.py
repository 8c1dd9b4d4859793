"""The end of a run: what the person reads first in the morning."""

import os
from contextlib import suppress
from pathlib import Path

from nightlatch.core import reportviews
from nightlatch.core.policy import Stop
from nightlatch.core.progress import RunEnd, parse, render
from nightlatch.core.report import Night, build, chosen, reaching
from nightlatch.core.reportvalues import Report, on_clocks
from nightlatch.core.survey import survey
from nightlatch.core.text import plain
from nightlatch.edge import checkout, cleaning, clocks, look, reporting, transcripts
from nightlatch.edge.landing import write_down
from nightlatch.edge.site import Site
from nightlatch.edge.spelling import loop_command
from nightlatch.errors import FaultError, NightlatchError


def close(site: Site, stop: Stop) -> int:
    """The run ends as planned, or because something has to be seen to."""
    told, block, tip = signed_off(site, stop)
    with suppress(OSError, NightlatchError):  # a full disk, say: what is old stays as it is
        transcripts.pack(site.house, site.now().timestamp() - transcripts.PACKED_AFTER)
        cleaning.prune(site.house, site.now().timestamp())
        checkout.refresh(site.house.repo)
    site.journal.write("run.ended", run=site.run, code=stop.code, why=stop.why)
    if stop.code == 3:
        site.notifier.needs(site.asked(stop.waits))
    site.notifier.ended(stop.code, site.words(tip), site.passing(tip), fault(site, stop.code))
    show(site, told, block)
    return stop.code


def signed_off(site: Site, stop: Stop) -> tuple[Report, RunEnd, str]:
    """The end block of the run, for the morning, as one further commit.

    A run that did nothing and has nothing new to say writes none.
    """
    tip = site.tip()
    items = parse(site.progress_text(tip))
    last = next((item for item in reversed(items) if isinstance(item, RunEnd)), None)
    told = report(site, tip, stop)
    block = reportviews.end_block(told, site.run, code=stop.code, at=site.now())
    if site.run_is_open(tip) or (
        stop.code and (last is None or last.details[:1] != block.details[:1])
    ):
        tip = write_down(
            site,
            (*reportviews.night(told, site.run), block),
            f"progress: {site.run} ended, {site.passing(tip)} pass",
        )
    return told, block, tip


def show(site: Site, told: Report, block: RunEnd) -> None:
    site.console.rest()
    site.console.result("\n".join(plain(line) for line in render((block,)).splitlines()))
    summarize(told)


def fault(site: Site, code: int) -> str:
    """What is wrong, in the program's own words, "" where the run ended as planned or waits for
    a person."""
    faults = site.history(site.tip()).faults
    return "" if code not in (4, 5) else faults[-1] if faults else FaultError.__doc__ or ""


def report(site: Site, tip: str, stop: Stop) -> Report:
    """The report of this run as it ends now."""
    items = parse(site.progress_text(tip))
    picked = chosen(items) if site.run_is_open(tip) else [Night(run=site.run)]
    end = RunEnd(
        run=site.run,
        fields=(("exit", str(stop.code)),),
        details=(f"stop    {stop.why}", f"branch  {tests_at(site, tip)}"),
    )
    stands = survey(
        site.plan(tip) or look.NO_PLAN, site.history(tip), site.house.config.limits
    ).anew
    with reporting.landings(site.house, tip, reaching(items, picked, stands.together)) as landed:
        return build(
            reporting.source(
                site.house, (site.branch, tip), stands, items, picked, loop_command(), landed, end
            ),
            picked,
        )


def summarize(told: Report) -> None:
    """The same on the page of a CI job, where there is one; that it cannot be written ends
    nothing."""
    if name := os.environ.get("GITHUB_STEP_SUMMARY"):
        with suppress(OSError), Path(name).open("a", encoding="utf-8") as file:
            file.write(reportviews.markdown(on_clocks(told, clocks.zone())))


def tests_at(site: Site, tip: str) -> str:
    """What is known of the branch's tests, without running them."""
    known = site.engine.known_results(tip)
    return (
        f"{'red' if known.failing else 'green'}, {known.summary()}"
        if known
        else "its tests were not run"
    )
