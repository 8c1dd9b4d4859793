"""Which suites a run needs, each with its share of the names, and what came of them together."""

from collections.abc import Iterable, Mapping, Sequence

from nightlatch.suite.evaluation import RunRequest
from nightlatch.suite.results import SuiteResult
from nightlatch.suite.suites import Suite, Suites, shared_out, together

RunPart = tuple[RunRequest, Suite, list[str]]


def is_whole(request: RunRequest, suite: Suites) -> bool:
    """Does this run one of several suites, with all its tests? Only that is kept by suite."""
    return not (suite.alone or request.only)


def parts_of(suite: Suites, requests: Iterable[RunRequest]) -> list[RunPart]:
    """Return each suite that each of these runs needs, with the names that it is to run there."""
    return [
        (request, one, names)
        for request in requests
        for one, names in shares_of(suite, request.only)
    ]


def shares_of(suite: Suites, names: Sequence[str]) -> list[tuple[Suite, list[str]]]:
    """Return each suite that is to run, with those of these ids and files that it holds.

    Where none are named it is every suite, and all of it.
    """
    shares = shared_out(suite.every, names)
    return [
        (one, shares.get(one.name, [])) for one in suite.every if one.name in shares or not names
    ]


def named(one: Suite, names: Sequence[str]) -> str:
    """Return a run of a suite as a person is told of it."""
    return f"{one.name}, {len(names)} of its tests" if names else one.name


def joined(suite: Suites, parts: Sequence[tuple[Suite, SuiteResult | None]]) -> SuiteResult:
    """Return what suites came to together; one that is alone stays as it is."""
    sure = [(one, results) for one, results in parts if results]
    return sure[0][1] if suite.alone else together(sure)


def results_in(
    parts: Iterable[RunPart],
    known: Mapping[tuple[RunRequest, str], SuiteResult | None],
    request: RunRequest,
) -> list[tuple[Suite, SuiteResult | None]]:
    """Return the suites that one of these runs needs, each with its results."""
    return [(one, known[request, one.name]) for asked, one, _ in parts if asked == request]
