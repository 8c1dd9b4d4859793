"""The end of a run: what the person reads first in the morning."""

import os
from contextlib import suppress
from pathlib import Path

from nightlatch.errors import FaultError, NightlatchError
from nightlatch.git import checkout
from nightlatch.journal import transcripts_io
from nightlatch.landing.landing import write_down
from nightlatch.loop.cleanup import prune
from nightlatch.record.progress import Item, RunEnd, parse, render
from nightlatch.report import collect_io, status_io, text
from nightlatch.report.build import build
from nightlatch.report.model import Report, on_clocks
from nightlatch.report.pending import reaching
from nightlatch.report.source import RunRecord, chosen
from nightlatch.run.context import RunContext
from nightlatch.scheduler.policy import Stop
from nightlatch.scheduler.status import survey
from nightlatch.util import clock
from nightlatch.util.command_name import loop_command
from nightlatch.util.text import plain


def close(context: RunContext, stop: Stop) -> int:
    """End the run as planned, or because something has to be seen to, and return its exit code."""
    told, block, tip = signed_off(context, stop)
    with suppress(OSError, NightlatchError):  # a full disk, say: what is old stays as it is
        transcripts_io.pack(
            context.project, context.now().timestamp() - transcripts_io.PACKED_AFTER
        )
        prune(context.project, context.now().timestamp())
        checkout.refresh(context.project.repo)
    context.journal.write("run.ended", run=context.run, code=stop.code, why=stop.why)
    if stop.code == 3:
        context.notifier.needs(context.asked(stop.waits))
    context.notifier.ended(
        stop.code, context.words(tip), context.passing(tip), fault(context, stop.code)
    )
    show(context, told, block)
    return stop.code


def signed_off(context: RunContext, stop: Stop) -> tuple[Report, RunEnd, str]:
    """Return the end block of the run, for the morning, as one further commit.

    A run that did nothing and has nothing new to say writes none.
    """
    tip = context.tip()
    items = parse(context.progress_text(tip))
    last = next((item for item in reversed(items) if isinstance(item, RunEnd)), None)
    told = report(context, tip, stop, items)
    block = text.end_block(told, context.run, code=stop.code, at=context.now())
    if context.run_is_open(tip) or (
        stop.code and (last is None or last.details[:1] != block.details[:1])
    ):
        tip = write_down(
            context,
            (*text.night(told, context.run), block),
            f"progress: {context.run} ended, {context.passing(tip)} pass",
        )
    return told, block, tip


def show(context: RunContext, told: Report, block: RunEnd) -> None:
    context.console.rest()
    context.console.result("\n".join(plain(line) for line in render((block,)).splitlines()))
    summarize(told)


def fault(context: RunContext, code: int) -> str:
    """Return what is wrong, in the program's own words, "" where the run ended as planned or waits
    for a person."""
    faults = context.history(context.tip()).faults
    return "" if code not in (4, 5) else faults[-1] if faults else FaultError.__doc__ or ""


def report(context: RunContext, tip: str, stop: Stop, items: tuple[Item, ...]) -> Report:
    """Return the report of this run as it ends now; `items` are those of progress.txt."""
    picked = chosen(items) if context.run_is_open(tip) else [RunRecord(run=context.run)]
    end = RunEnd(
        run=context.run,
        fields=(("exit", str(stop.code)),),
        details=(f"stop    {stop.why}", f"branch  {tests_at(context, tip)}"),
    )
    stands = survey(
        context.plan(tip) or status_io.NO_PLAN, context.history(tip), context.project.config.limits
    ).anew
    with collect_io.landings(
        context.project, tip, reaching(items, picked, stands.together)
    ) as landed:
        return build(
            collect_io.source(
                context.project,
                (context.branch, tip),
                stands,
                items,
                picked,
                loop_command(),
                landed,
                end,
            ),
            picked,
        )


def summarize(told: Report) -> None:
    """The same on the page of a CI job, where there is one; that it cannot be written ends
    nothing."""
    if name := os.environ.get("GITHUB_STEP_SUMMARY"):
        with suppress(OSError), Path(name).open("a", encoding="utf-8") as file:
            file.write(text.markdown(on_clocks(told, clock.zone())))


def tests_at(context: RunContext, tip: str) -> str:
    """Return what is known of the branch's tests, without running them."""
    known = context.engine.known_results(tip)
    return (
        f"{'red' if known.failing else 'green'}, {known.summary()}"
        if known
        else "its tests were not run"
    )
