"""A run from its first line in the journal to its last, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import import_module

from nightlatch.core.forecast import Level
from nightlatch.core.policy import Stop
from nightlatch.core.units import next_clock
from nightlatch.edge import awake, clocks, files, landing, look, lookout, morning, phases, wishes
from nightlatch.edge.opening import entered
from nightlatch.edge.site import Options, Site
from nightlatch.errors import DiskError, NightlatchError, PlanError


@contextmanager
def opened(options: Options) -> Iterator[Site]:
    """The site of one run, with the lock held and the signals heard; everything it started is
    gone when this ends."""
    with entered(options, named=True) as site, awake.kept():
        try:
            begin(site)
            yield site
        except BaseException as end:
            told = files.refused(end) or end
            write_end(site, told)
            if told is end:
                raise
            raise told from end


def begin(site: Site) -> None:
    # by name: it imports all of this package, this module too
    import_module("nightlatch.edge.preloaded").preload()
    wishes.forget(site.house)
    unheld = [says for says, _ in site.sandbox.bounds.lacks()]
    site.journal.write(
        "run.started",
        run=site.run,
        branch=site.branch,
        base=site.tip(),
        agent=site.agents[0].name,
        sandbox=site.sandbox.name,
        unheld=unheld,
    )
    limits, now = site.house.config.limits, site.now()
    site.memory.until = next_clock(limits.until, clocks.local(now)) if limits.until else None
    site.memory.wall = now + timedelta(seconds=limits.wall) if limits.wall else None
    site.memory.start_base = site.tip()
    site.notice_sleep()
    site.console.say("run", f"{site.run} on {site.branch}")
    for remark in (
        found for found in lookout.remarks(look.view(site.house)) if found.level is not Level.OK
    ):
        site.console.say(
            "doctor", f"{remark.says}; fix: {remark.fix}" if remark.fix else remark.says
        )
    take_corrected_plan(site)
    phases.resume(site)
    if not site.sandbox.bounds.short():  # the last words need what room there is
        site.pool.ahead(site.tip())
    site.notifier.begin()


def take_corrected_plan(site: Site) -> None:
    """Commit the person's plan first of all where the committed one cannot be read: theirs is
    the one that counts.

    Raises PlanError where theirs cannot be read either.
    """
    try:
        site.plan(site.tip())
    except PlanError:
        landing.finish_publishing(site)
        landing.commit_plan_edits(site)


def write_end(site: Site, end: BaseException) -> None:
    """What ended the run is told, whatever else is broken; where the disk is full, in the room
    that was kept for it."""
    if isinstance(end, NightlatchError):
        with suppress(NightlatchError, OSError):
            why = f"{end.problem}; fix: {end.fix}"
            if isinstance(end, DiskError):
                (site.house.state / "ballast").unlink(missing_ok=True)
            site.journal.write("run.ended", run=site.run, code=end.exit, why=why)
            if isinstance(end, DiskError):
                # what began to land comes first, or its checkout would be left behind
                landing.finish_publishing(site)
                told, block, _ = morning.signed_off(site, Stop(code=end.exit, why=why))
                morning.show(site, told, block)
    with suppress(NightlatchError, OSError):
        tip = site.tip()
        site.notifier.broke(end, site.words(tip), site.passing(tip))
