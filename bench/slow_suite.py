"""What the verdict takes beside a bare run of a slow suite, and what the verify commands of
earlier features add to it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from nightlatch.model.models import Feature
from nightlatch.sandbox.find import find_sandbox
from tests.proofs.corpus.case import Base, Case, Files
from tests.proofs.corpus.fixtures import Ground, make

FILES, EACH, SECONDS = 30, 10, 10.0
EARLIER = 30
SOURCE = "def one(n):\n    return n + {n}\n\n\ndef two(n):\n    return n * {n}\n"
TEST = (
    "def test_{k}():\n    time.sleep({nap})\n    assert mod_{n}.one({k}) == {one}\n    assert"
    " mod_{n}.two({k}) == {two}\n"
)
CHANGES: dict[str, Files] = {
    "no test changed": {
        "mod_7.py": "def one(n):\n    return 7 + n\n\n\ndef two(n):\n    return 7 * n\n"
    },
    "an old test changed": {
        "tests/test_7.py": [("assert mod_7.one(3) == 10", "assert 10 == mod_7.one(3)")]
    },
}


class Took(NamedTuple):
    """Seconds of the verdicts, and of the bare runs beside them."""

    verdicts: list[float]
    bare: list[float]


def project() -> Base:
    """Thirty modules with ten tests each, which take ten seconds together."""
    files = {
        "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
        ".gitignore": "__pycache__/\n",
    }
    nap = SECONDS / (FILES * EACH)
    for n in range(FILES):
        files[f"mod_{n}.py"] = SOURCE.format(n=n)
        tests = (TEST.format(n=n, k=k, one=k + n, two=k * n, nap=nap) for k in range(EACH))
        files[f"tests/test_{n}.py"] = f"import time\n\nimport mod_{n}\n\n\n" + "\n\n".join(tests)
    return Base(language="pytest", files=files, command="python -m pytest")


@contextmanager
def made() -> Iterator[Ground]:
    """The project, with all that is known of its base."""
    with TemporaryDirectory(prefix="nightlatch-bench-", ignore_cleanup_errors=True) as name:
        ground = make(
            project(), Path(name, "ground"), find_sandbox("auto"), Path(name, "caches"), None
        )
        ground.engine.state(ground.repo.tip_of("HEAD") or "")
        processors = os.cpu_count() or 1
        evaluator = replace(ground.engine.evaluator, side_by_side=processors)
        yield replace(ground, engine=replace(ground.engine, evaluator=evaluator))


def bare(ground: Ground) -> float:
    """One run of the suite by hand."""
    began = time.perf_counter()
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    subprocess.run(argv, cwd=ground.repo.top, env=ground.env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def verdict(ground: Ground, files: Files) -> float:
    case = Case(name="slow", base="", files=files)
    space = ground.workspace(case)
    began = time.perf_counter()
    ground.verdict(case, space)
    return time.perf_counter() - began


def verdicts(times: int) -> Iterator[tuple[str, Took]]:
    """Each kind of change in turn with a bare run, so that both meet the same load."""
    with made() as ground:
        for what, files in CHANGES.items():
            pairs = [(verdict(ground, files), bare(ground)) for _ in range(times)]
            yield what, Took([one for one, _ in pairs], [two for _, two in pairs])


def earlier(n: int) -> Feature:
    """A feature that passes by a command that reads one module."""
    module = n % FILES
    command = f'python3 -c "import mod_{module}; assert mod_{module}.one({n}) == {n + module}"'
    return Feature(id=f"US-{n:03}", title=f"Number {n}", done=True, verify=(command,))


def with_earlier(times: int) -> Iterator[tuple[str, Took]]:
    """The same change where thirty features pass: the first verdict, which runs all of them,
    and later ones, which know what each reads."""
    features = tuple(map(earlier, range(EARLIER)))
    change = CHANGES["no test changed"]
    with made() as ground:
        usual = ground.engine.evaluator
        commands = replace(usual.commands, planned=lambda _base: features)
        evaluator = replace(usual, commands=commands)
        many = replace(ground, engine=replace(ground.engine, evaluator=evaluator))
        first = [(verdict(many, change), verdict(ground, change)) for _ in range(times)]
        yield "all run", Took([one for one, _ in first], [two for _, two in first])
        base = ground.repo.tip_of("HEAD") or ""
        for feature in features:
            many.engine.verify_at(base, feature)
        later = [(verdict(many, change), verdict(ground, change)) for _ in range(times)]
        yield (
            "those that the change can reach",
            Took([one for one, _ in later], [two for _, two in later]),
        )
