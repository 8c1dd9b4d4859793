"""What the verdict costs beside the tests that it runs, in a project with a thousand tests, and
how often it runs them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from nightlatch.sandbox.find import find_sandbox
from nightlatch.sandbox.process import supervisor
from nightlatch.sandbox.process.supervisor import CommandResult
from tests.proofs.corpus.case import Base, Case, Files
from tests.proofs.corpus.fixtures import Ground, make

FILES, EACH = 50, 20
SOURCE = "def one(n):\n    return n + {n}\n\n\ndef two(n):\n    return n * {n}\n"
TEST = (
    "def test_{k}():\n    assert mod_{n}.one({k}) == {one}\n    assert mod_{n}.two({k}) == {two}\n"
)
CHANGES: dict[str, Files] = {
    "no test changed": {
        "mod_7.py": "def one(n):\n    return 7 + n\n\n\ndef two(n):\n    return 7 * n\n"
    },
    "a test came in": {
        "extra.py": "X = 1\n",
        "tests/test_extra.py": "from extra import X\n\n\ndef test_extra():\n    assert X == 1\n",
    },
    "an old test changed": {
        "tests/test_7.py": [("assert mod_7.one(3) == 10", "assert 10 == mod_7.one(3)")]
    },
}


class Spent(NamedTuple):
    """Seconds of one verdict: all of it, and those in which a command ran; and its runs of the
    suite by step."""

    whole: float
    commands: float
    runs: dict[str, int]


def project() -> Base:
    """Fifty modules with twenty tests each."""
    files = {
        "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
        ".gitignore": "__pycache__/\n",
    }
    for n in range(FILES):
        files[f"mod_{n}.py"] = SOURCE.format(n=n)
        tests = (TEST.format(n=n, k=k, one=k + n, two=k * n) for k in range(EACH))
        files[f"tests/test_{n}.py"] = f"import mod_{n}\n\n\n" + "\n\n".join(tests)
    return Base(language="pytest", files=files, command="python -m pytest")


@contextmanager
def clocked() -> Iterator[list[float]]:
    """The seconds of every command that runs meanwhile."""
    own: Callable[..., CommandResult] = supervisor.run
    seconds: list[float] = []

    def run(*given: Any, **named: Any) -> CommandResult:
        began = time.perf_counter()
        try:
            return own(*given, **named)
        finally:
            seconds.append(time.perf_counter() - began)

    supervisor.run = run
    try:
        yield seconds
    finally:
        supervisor.run = own


def spent(ground: Ground, files: Files) -> Spent:
    case = Case(name="thousand", base="", files=files)
    space = ground.workspace(case)
    with clocked() as seconds:
        began = time.perf_counter()
        verdict = ground.verdict(case, space)
        whole = time.perf_counter() - began
    return Spent(
        whole, sum(seconds), {str(cost.step): cost.runs for cost in verdict.costs if cost.runs}
    )


def verdicts(times: int) -> Iterator[tuple[str, list[Spent]]]:
    """What each kind of change costs, once the base is known."""
    with TemporaryDirectory(prefix="nightlatch-bench-", ignore_cleanup_errors=True) as name:
        ground = make(
            project(), Path(name, "ground"), find_sandbox("auto"), Path(name, "caches"), None
        )
        ground.engine.state(ground.repo.tip_of("HEAD") or "")
        for what, files in CHANGES.items():
            yield what, [spent(ground, files) for _ in range(times)]
