"""A run from its first line in the journal to its last, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import import_module

from nightlatch.errors import DiskError, NightlatchError, PlanError
from nightlatch.journal import control_io
from nightlatch.landing import landing
from nightlatch.loop.finish import show, signed_off
from nightlatch.loop.setup import entered
from nightlatch.preflight import checks_io
from nightlatch.preflight.forecast import Level
from nightlatch.report import status_io
from nightlatch.run import keep_awake, phases_io
from nightlatch.run.context import Options, RunContext
from nightlatch.scheduler.policy import Stop
from nightlatch.util import clock, fs
from nightlatch.util.units import next_clock


@contextmanager
def opened(options: Options) -> Iterator[RunContext]:
    """The site of one run, with the lock held and the signals heard; everything it started is
    gone when this ends."""
    with entered(options, named=True) as context, keep_awake.kept():
        try:
            begin(context)
            yield context
        except BaseException as end:
            told = fs.refused(end) or end
            write_end(context, told)
            if told is end:
                raise
            raise told from end


def begin(context: RunContext) -> None:
    # by name: it imports all of this package, this module too
    import_module("nightlatch.run.preload").preload()
    # a pause or stop that was meant for the run before this one
    control_io.forget(context.project)
    unheld = [says for says, _ in context.sandbox.bounds.lacks()]
    context.journal.write(
        "run.started",
        run=context.run,
        branch=context.branch,
        base=context.tip(),
        agent=context.agents[0].name,
        sandbox=context.sandbox.name,
        unheld=unheld,
    )
    limits, now = context.project.config.limits, context.now()
    times = context.memory.times
    times.until = next_clock(limits.until, clock.local(now)) if limits.until else None
    times.wall = now + timedelta(seconds=limits.wall) if limits.wall else None
    # a verify that is green later, and was red here, was made green in this run
    context.memory.start_base = context.tip()
    context.notice_sleep()
    context.console.say("run", f"{context.run} on {context.branch}")
    for remark in (
        found
        for found in checks_io.remarks(status_io.view(context.project))
        if found.level is not Level.OK
    ):
        context.console.say(
            "doctor", f"{remark.says}; fix: {remark.fix}" if remark.fix else remark.says
        )
    take_corrected_plan(context)
    phases_io.resume(context)
    if not context.sandbox.bounds.short():  # the last words need what room there is
        context.pool.ahead(context.tip())
    context.notifier.begin()


def take_corrected_plan(context: RunContext) -> None:
    """Commit the person's plan first of all where the committed one cannot be read: theirs is
    the one that counts.

    Raises PlanError where theirs cannot be read either.
    """
    try:
        context.plan(context.tip())
    except PlanError:
        landing.finish_publishing(context)
        landing.commit_plan_edits(context)


def write_end(context: RunContext, end: BaseException) -> None:
    """What ended the run is told, whatever else is broken; where the disk is full, in the room
    that was kept for it."""
    if isinstance(end, NightlatchError):
        with suppress(NightlatchError, OSError):
            why = f"{end.problem}; fix: {end.fix}"
            if isinstance(end, DiskError):
                # room that was put by when there was some, for these last words
                (context.project.state / "ballast").unlink(missing_ok=True)
            context.journal.write("run.ended", run=context.run, code=end.exit, why=why)
            if isinstance(end, DiskError):
                # what began to land comes first, or its checkout would be left behind
                landing.finish_publishing(context)
                told, block, _ = signed_off(context, Stop(code=end.exit, why=why))
                show(context, told, block)
    with suppress(NightlatchError, OSError):
        tip = context.tip()
        context.notifier.broke(end, context.words(tip), context.passing(tip))
