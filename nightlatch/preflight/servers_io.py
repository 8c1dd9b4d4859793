"""What `doctor` says of servers of this machine that tests call: a database, a browser, a
container engine."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.preflight.checks_io import ok, warn
from nightlatch.preflight.forecast import Diagnostic
from nightlatch.project.project import Project
from nightlatch.sandbox.reach import ReachableServices, listening
from nightlatch.verdict import engine_io
from nightlatch.verdict.engine_io import VerdictEngine
from nightlatch.workspace.pool import Pool

COST = (
    "what agents write may then do there whatever you may, and with a container engine that is"
    " everything"
)
# Each is a run of its own, and somebody waits for the answer.
MOST_ALONE = 10


def opened(reach: Sequence[str]) -> Iterator[Diagnostic]:
    """Yield what checks reach of this machine, and the sockets that are not there."""
    if reach:
        yield ok("sandbox", f"not contained: checks reach {', '.join(reach)}: {COST}")
    for path in reach:
        if path.startswith("/") and not Path(path).is_socket():
            fix = "start what listens there, or take it out of checks.reach in loop.toml"
            yield warn("sandbox", f"checks.reach names {path}, but no socket exists there", fix)


def unreached(
    project: Project, tip: str, pool: Pool, failing: Collection[str]
) -> Iterator[Diagnostic]:
    """Yield what fails on the branch and calls a server of this machine that checks do not reach.

    It is seen by running it: each call is written down, and none gets through to the server.
    """
    checks = project.config.checks
    # What passes needs no server, and with the network all of them are reached.
    if not failing or checks.network or not pool.sandbox.traits.network:
        return
    places = listening((project.repo.top, project.cache))
    with (
        closing(ReachableServices(addresses=places, noted=True)) as ways,
        TemporaryDirectory(prefix="nightlatch-") as folder,
    ):
        noting = engine_io.verdict_engine(project, pool, ways, cache=Path(folder))
        noting.state(tip)
        if called := set(ways.called()) - set(checks.reach):
            for names, some in grouped(calls_of(noting, tip, ways, failing), called):
                fix = (
                    f"reach = {json.dumps([*checks.reach, *some])} under [checks] in loop.toml"
                    f" opens exactly that: {COST}"
                )
                yield warn(
                    "reach",
                    f"calls {' and '.join(some)} of this machine, which checks do not reach:"
                    f" {', '.join(names)}",
                    fix,
                )


def calls_of(
    noting: VerdictEngine, tip: str, ways: ReachableServices, failing: Collection[str]
) -> dict[str, set[str]]:
    """Return what some tests call, each run alone; what cannot be run alone calls nothing that is
    known to be its own."""
    suites = noting.evaluator.suite(tip, tip)
    found: dict[str, set[str]] = {}
    for name in sorted(failing & noting.state(tip).tests.ids.keys())[:MOST_ALONE]:
        noting.evaluator.run(tip, tip, suites, [name])
        found[name] = set(ways.called())
    return found


def grouped(calls: dict[str, set[str]], called: set[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Tests with the addresses that they call, together where they call the same; what nobody
    alone called is everybody's."""
    ours = {name: places & called for name, places in calls.items()}
    for places in sorted({tuple(sorted(places)) for places in ours.values() if places}):
        yield [name for name, some in ours.items() if some == set(places)], list(places)
    if left := sorted(called.difference(*ours.values())):
        yield ["the tests and checks as a whole"], left
