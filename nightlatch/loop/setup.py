"""A site opened: the house found, the lock held, the signals heard, everything that a night
needs put together."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from nightlatch.agents import registry_io
from nightlatch.journal.events import run_id
from nightlatch.journal.file_io import open_journal, store_of
from nightlatch.notify.notifier_io import Notifier
from nightlatch.project import authorship_io, branch_io
from nightlatch.project.discovery import state_folder
from nightlatch.project.project import find_project, require_plan
from nightlatch.record.branch_io import BranchReader
from nightlatch.run.context import Lane, Options, RunContext, Shared, Signals
from nightlatch.suite.parallel_io import Progress
from nightlatch.util import fs
from nightlatch.util.console import Console
from nightlatch.util.memo import Memo
from nightlatch.verdict import judge_io
from nightlatch.verdict.engine_io import verdict_engine
from nightlatch.verdict.standalone_io import put_away
from nightlatch.workspace import profiles, workspace
from nightlatch.workspace.pool import Pool


@contextmanager
def entered(options: Options, *, named: bool = False) -> Iterator[RunContext]:
    """The site with the lock held and the signals heard, for a run if it is `named`, else for
    decisions that are carried out at once."""
    project = require_plan(find_project(Path.cwd(), options.flags))
    settings, signals, now = project.config, Signals(clock=options.clock), options.clock.now
    authorship_io.require(project)
    state_folder(project)
    with fs.Lock(project.state / "lock"), signals.listening():
        name = branch_io.choose(project)
        branch_io.require_committed(project)
        sandbox = profiles.sandbox_of(project)
        hired = tuple(registry_io.load(agent, settings.agents) for agent in settings.agent)
        judge_io.hired(project, hired[0].name)
        # after everything that may refuse: a run that never began leaves no trace in the journal
        journal = open_journal(store_of(project.state).path, now)
        run = run_id(now(), journal.state.run) if named else ""
        # what an editor or a killed loop left half written beside the plan
        fs.drop_drafts((project.repo.top / project.plan).resolve().parent)
        workspace.sweep(
            project.cache, keep=journal.state.flight.folder if journal.state.flight else ""
        )
        record = BranchReader(project)
        # its gits answer while those of the loop are asked
        memory = replace(project.repo.memory, servers=Memo())
        own = replace(project, repo=replace(project.repo, memory=memory))
        pool = Pool(project=own, sandbox=sandbox, branch=name)
        console = Console(now=now, hide=project.secrets.hide)
        lane = Lane(
            agents=hired,
            sandbox=sandbox,
            pool=pool,
            engine=verdict_engine(
                project,
                pool,
                progress=Progress(show=partial(alive, console, signals)),
                record=record,
            ),
            console=console,
        )
        shared = Shared(
            project=project,
            branch=name,
            run=run,
            options=options,
            journal=journal,
            record=record,
            signals=signals,
            notifier=Notifier(project=project, branch=name, run=run, say=console.say),
            now=now,
        )
        context = RunContext(shared=shared, lane=lane)
        with put_away(pool, console):
            try:
                yield context
            finally:
                journal.close()


def alive(console: Console, signals: Signals, elapsed: float, text: str) -> None:
    """A sign of life while checks run; who has pressed Ctrl-C is told what they wait for."""
    if signals.asked and not signals.told:
        signals.told = True
        console.say(
            "stopping",
            "what was done so far goes through its checks, and is landed or carried; Ctrl-C again"
            " ends the run at once",
        )
    console.alive(elapsed, text)
