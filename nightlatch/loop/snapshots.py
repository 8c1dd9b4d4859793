"""Copies of a workspace while its agent works, so that a kill loses little of it."""

from contextlib import suppress

from nightlatch.errors import DiskError, RepoError
from nightlatch.git.repo import session_ref
from nightlatch.model.models import (
    Event,
    Kind,
)
from nightlatch.project import own_files_io
from nightlatch.record.phases import listed
from nightlatch.run import notes_io, phases_io
from nightlatch.run.context import RunContext, Started
from nightlatch.workspace import build as candidate
from nightlatch.workspace import scope

# seconds: a snapshot reads the whole workspace, and losing three minutes of an agent is bearable
SNAPSHOT = 180.0
SOON = 20.0
LARGE = 8_000  # characters of a tool's result: a test run or an install has just ended
RENDERING = 1800.0  # seconds: for somebody who looks in the night


class Snapshots:
    """Saves the workspace every few minutes, and soon after a large result of a tool, so that
    not even a lost machine costs more than that; and shows a sign of life.

    The progress file of a long phase is rendered beside its transcript: the committed one follows
    with the session's commit.
    """

    def __init__(self, *, context: RunContext, started: Started) -> None:
        self._context = context
        self._started = started
        self._began = context.now()
        self._todo = ""
        self._large = False
        # so that the first ones are due at once
        self._saved = -SOON
        self._rendered = -RENDERING

    def hear(self, event: Event) -> None:
        self._large = self._large or (event.kind is Kind.TOOL_RESULT and len(event.text) >= LARGE)
        items = event.data.get("items") if event.kind is Kind.TODO else None
        self._todo = listed(items) if isinstance(items, tuple) else self._todo

    def tick(self, elapsed: float, silence: float) -> None:
        self._context.notice_sleep()
        self._context.notifier.ping()
        self._context.console.alive(
            elapsed, f"{self._started.feature.id} agent, last output {silence:.0f}s ago"
        )
        if self._started.stage and elapsed - self._rendered >= RENDERING:
            self._rendered = elapsed
            phases_io.sketch(self._context, self._started, self._began, self._todo)
        if elapsed - self._saved >= (SOON if self._large else SNAPSHOT):
            self._saved, self._large = elapsed, False
            # a file that the agent changes under the reader: the next snapshot has it
            with suppress(RepoError, DiskError, OSError):
                notes_io.harvest(self._context, self._started)
                keep(self._context, self._started, build(self._context, self._started).tree)


def build(context: RunContext, started: Started) -> candidate.Candidate:
    allowed = tuple(map(context.project.path, started.feature.may_change))
    rules = scope.Rules(
        protected=own_files_io.guards(context.project),
        may_change=allowed,
        project=context.project.inside,
    )
    return candidate.build(
        context.project.repo, started.workspace, rules, hidden=context.project.secrets
    )


def keep(context: RunContext, started: Started, tree: str) -> None:
    """Name a session's tree, so that git keeps it."""
    repo = context.project.repo
    repo.set_ref(
        session_ref(started.id), repo.commit(tree, [started.base], f"candidate of {started.id}")
    )
