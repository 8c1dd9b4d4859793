"""The verdict on real candidates: small real repositories, real suites, real commands."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nightlatch.core.models import Feature, Outcome, Plan, Reason, Ruling, Verdict
from nightlatch.core.results import Answer
from nightlatch.core.verdict import Evidence
from nightlatch.edge.git import Repo, open_repo
from nightlatch.edge.lab import Lab
from nightlatch.edge.runner import Hands
from nightlatch.edge.sandbox import Room, Unconfined, find_sandbox
from nightlatch.errors import FaultError, RedBaseError

CALC = "def add(a, b):\n    return a + b\n"
TESTS = "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n"
COUNTED = "import os\nfrom pathlib import Path\n\n\ndef pytest_sessionfinish():\n    with Path(os.environ['COUNT']).open('a') as out:\n        out.write('x')\n"
SUB = CALC + "\n\ndef sub(a, b):\n    return a - b\n"
TEST_SUB = "from calc import sub\n\n\ndef test_sub():\n    assert sub(3, 1) == 2\n"
BASE = {"calc.py": CALC, "test_calc.py": TESTS, "conftest.py": COUNTED, "prd.json": "[]\n"}
PROSE = Feature(id="US-1", title="Subtract", done=False)
Tree = Mapping[str, str | None]


@dataclass(frozen=True)
class World:
    """One repository, the laboratory that looks at it, and how often each suite and checkout was started."""

    repo: Repo
    folder: Path
    rooms: list[str] = field(default_factory=list)

    def commit(self, files: Tree, onto: str = "HEAD", programs: tuple[str, ...] = ()) -> str:
        """A commit with these files over another's; None takes one away."""
        mode = {name: "100755" if name in programs or name.startswith("checks/") else "100644" for name in files}
        entries = {name: None if text is None else (mode[name], self.repo.write_blob(text.encode())) for name, text in files.items()}
        return self.repo.commit(self.repo.tree_with(self.repo.tree_of(onto), entries), [], "state")

    def lab(self, **settings: object) -> Lab:
        known: dict[str, object] = {
            "repo": self.repo, "hands": Hands(sandbox=Unconfined(), timeout=60.0), "open_room": self.open_room, "cache": self.folder / "cache",
            "aside": ("prd.json", "progress.txt", "progress", "findings"),
        }  # fmt: skip
        return Lab(**{**known, **settings})  # type: ignore[arg-type]  # a test names only what differs

    @contextmanager
    def open_room(self, _base: str, tree: str) -> Iterator[Room]:
        """A plain checkout of the tree, gone afterwards."""
        self.rooms.append(tree)
        with TemporaryDirectory(dir=self.folder) as name:
            for path, (mode, oid) in self.repo.files(tree).items():
                file = Path(name, "tree", path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(self.repo.run("cat-file", "blob", oid))
                file.chmod(0o755 if mode == "100755" else 0o644)
            Path(name, "tree").mkdir(exist_ok=True)
            Path(name, "home").mkdir()
            yield Room(tree=Path(name, "tree"), at=self.repo.top, home=Path(name, "home"), env=self.env)

    @property
    def env(self) -> dict[str, str]:
        own = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": os.environ["HOME"]}
        return {**own, "COUNT": str(self.folder / "count"), "COINS": str(self.folder)}

    def suite_runs(self) -> int:
        counter = self.folder / "count"
        return len(counter.read_text()) if counter.exists() else 0

    def examine(self, base: Tree, candidate: Tree, feature: Feature = PROSE, *, finished: bool = True) -> Verdict:
        """The verdict on a candidate that is the base with some files changed."""
        first = self.commit(base)
        return self.lab().examine(first, self.repo.tree_of(self.commit(candidate, first)), feature, finished=finished)


@pytest.fixture
def world(repository: Path, tmp_path: Path) -> World:
    folder = tmp_path / "lab"
    folder.mkdir()
    return World(repo=open_repo(repository), folder=folder)


def rules(verdict: Verdict) -> list[str]:
    return [reason.rule for reason in verdict.reasons]


def test_honest_work_with_a_proof_test_lands(world: World) -> None:
    verdict = world.examine(BASE, {"calc.py": SUB, "test_sub.py": TEST_SUB})
    assert (verdict.outcome, verdict.safe, verdict.proved, verdict.reasons) == (Outcome.LANDED, True, True, ())
    assert verdict.tests == "3 pass, 0 fail, 0 skipped"


def test_work_without_any_proof_is_safe_and_unproved(world: World) -> None:
    verdict = world.examine(BASE, {"calc.py": SUB})
    assert (verdict.outcome, verdict.safe, verdict.proved) == (Outcome.UNPROVED, True, None)


def test_a_new_test_that_passes_on_the_base_too_proves_nothing(world: World) -> None:
    verdict = world.examine(BASE, {"calc.py": SUB, "test_sub.py": "def test_sub():\n    assert True\n"})
    assert verdict.outcome is Outcome.UNPROVED


def test_an_agent_that_deletes_a_test_never_lands(world: World) -> None:
    verdict = world.examine(BASE, {"calc.py": SUB, "test_sub.py": TEST_SUB, "test_calc.py": TESTS.split("\n\n\ndef test_zero")[0] + "\n"})
    assert (verdict.outcome, rules(verdict)) == (Outcome.REJECTED, ["ratchet.test-removed"])
    assert verdict.reasons[0].detail == ("test_calc.py::test_zero",)
