"""A small repository, candidates for it, and the engine that judges them."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nightlatch.git.open import open_repo
from nightlatch.git.repo import Repo
from nightlatch.model.models import Feature, Plan, Verdict
from nightlatch.sandbox.base import SandboxSpec
from nightlatch.sandbox.none import NoSandbox
from nightlatch.suite.cache_io import ResultCache
from nightlatch.suite.run_io import CommandRunner
from nightlatch.verdict.engine_io import VerdictEngine
from tests import PATIENCE
from tests.io.git.sample_repo import export
from tests.io.verdict.engines import engine_of

CALC = "def add(a, b):\n    return a + b\n"


TESTS = (
    "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n\n\ndef test_zero():\n  "
    "  assert add(0, 0) == 0\n"
)


COUNTED = (
    "import os\n\n\ndef pytest_sessionfinish():\n    with open(os.environ['COUNT'], 'a') as out:\n "
    "       out.write('x')\n"
)


SUB = CALC + "\n\ndef sub(a, b):\n    return a - b\n"


TEST_SUB = "from calc import sub\n\n\ndef test_sub():\n    assert sub(3, 1) == 2\n"


BASE = {"calc.py": CALC, "test_calc.py": TESTS, "conftest.py": COUNTED, "prd.json": "[]\n"}


PROSE = Feature(id="US-1", title="Subtract", done=False)


PLAIN = frozenset({"integrity", "expected", "weaker"})


RUN_ONLY = frozenset({"selection", "strength", "source", "dependencies"})


Tree = Mapping[str, str | None]


@dataclass(frozen=True)
class World:
    """One repository, the verdict engine that looks at it, and how often each suite and checkout
    was started."""

    repo: Repo
    folder: Path
    rooms: list[str] = field(default_factory=list)
    python: Path = Path(sys.executable).parent

    def commit(self, files: Tree, onto: str = "HEAD") -> str:
        """A commit with these files over another's, scripts executable; None takes one away."""
        mode = {
            name: "100755" if text and text.startswith("#!") else "100644"
            for name, text in files.items()
        }
        entries = {
            name: None if text is None else (mode[name], self.repo.write_blob(text.encode()))
            for name, text in files.items()
        }
        return self.repo.commit(self.repo.tree_with(self.repo.tree_of(onto), entries), [], "state")

    def engine(self, **settings: object) -> VerdictEngine:
        known: dict[str, object] = {
            "repo": self.repo,
            "hands": CommandRunner(sandbox=NoSandbox(), timeout=PATIENCE),
            "open_room": self.open_room,
            "cache": ResultCache(self.folder / "cache"),
            "aside": ("prd.json", "progress.txt", "progress", "findings"),
            "most_mutants": 3,
        }
        return engine_of(**{**known, **settings})

    @contextmanager
    def open_room(self, _base: str, tree: str) -> Iterator[SandboxSpec]:
        """A plain checkout of the tree, gone afterwards."""
        self.rooms.append(tree)
        with TemporaryDirectory(dir=self.folder) as name:
            export(self.repo, tree, Path(name, "tree"))
            Path(name, "home").mkdir()
            yield SandboxSpec(
                tree=Path(name, "tree"), at=self.repo.top, home=Path(name, "home"), env=self.env
            )

    @property
    def env(self) -> dict[str, str]:
        own = {"PATH": f"{self.python}:{os.environ['PATH']}", "HOME": os.environ["HOME"]}
        return {**own, "COUNT": str(self.folder / "count"), "COINS": str(self.folder)}

    def suite_runs(self) -> int:
        counter = self.folder / "count"
        return len(counter.read_text()) if counter.exists() else 0

    def examine(
        self,
        base: Tree,
        candidate: Tree,
        feature: Feature = PROSE,
        *,
        finished: bool = True,
        off: frozenset[str] = frozenset(),
        persons: bool = False,
    ) -> Verdict:
        """The verdict on a candidate that is the base with some files changed, by an agent in a
        run or as a person's own commit."""
        first = self.commit(base)
        engine = self.engine(protected=("checks/**",)) if persons else self.engine()
        return engine.examine(
            first,
            self.repo.tree_of(self.commit(candidate, first)),
            feature,
            finished=finished,
            off=off,
        )


@pytest.fixture
def world(repository: Path, tmp_path: Path, slim_pytest: Path) -> World:
    folder = tmp_path / "lab"
    folder.mkdir()
    return World(repo=open_repo(repository), folder=folder, python=slim_pytest)


def rules(verdict: Verdict) -> list[str]:
    return [reason.rule for reason in verdict.reasons]


def plan_of(*features: Feature) -> Plan:
    return Plan(path="prd.json", features=features)


VERIFIED = replace(PROSE, verify=("python -c 'from calc import sub; assert sub(3, 1) == 2'",))
