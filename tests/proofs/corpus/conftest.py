"""The bases of the corpus, made once for all workers."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from nightlatch.sandbox.find import find_sandbox
from tests.conftest import GIT_ENVIRONMENT
from tests.proofs.corpus.bases import BASES
from tests.proofs.corpus.case import Base
from tests.proofs.corpus.fixtures import Ground, make, opened
from tests.pythons import make_pytest

HERE = Path(__file__).parent
Grounds = Callable[[str], Ground]


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """One worker at a time."""
    with place.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Grounds:
    """The ground of a base by its name; its repository and what is known of it are shared."""
    top = tmp_path_factory.getbasetemp()
    shared = (top.parent if os.environ.get("PYTEST_XDIST_WORKER") else top) / "ratchet"
    shared.mkdir(exist_ok=True)
    sandbox, known, modules = find_sandbox("auto"), dict[str, Ground](), installed()
    with alone(shared / "python.lock"):
        python = (
            shared / "python/bin"
            if (shared / "python").exists()
            else make_pytest(shared / "python")
        )

    def ground(name: str) -> Ground:
        base, folder = BASES[name], shared / name
        if reason := missing(base, modules):
            pytest.skip(reason)
        if name not in known:
            with alone(shared / f"{name}.lock"):
                settings = (
                    base,
                    folder,
                    sandbox,
                    shared / "caches",
                    modules if base.link else None,
                    python,
                )
                known[name] = opened(*settings) if folder.exists() else make(*settings)
                state = known[name].engine.state(known[name].repo.tip_of("HEAD") or "")
            assert state.tests.passed, state.tests.tail
            assert not state.tests.failing, state.tests.tail
        return known[name]

    return ground


def missing(base: Base, place: Path | None) -> str:
    """Why a base cannot be tried here."""
    lacking = [program for program in base.needs.split() if shutil.which(program) is None]
    if lacking:
        return f"{' and '.join(lacking)} not installed"
    return (
        "vitest is not installed: run tests/proofs/corpus/install.sh"
        if base.link and place is None
        else ""
    )


def installed(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The node_modules that tests/proofs/corpus/install.sh made; read before any test hides the
    person's home."""
    cache = environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME', '')}/.cache"
    top = Path(environ.get("NIGHTLATCH_TEST_VITEST") or f"{cache}/nightlatch-tests/vitest")
    whole = (top / "complete").is_file() and (top / "complete").read_bytes() == (
        HERE / "package.json"
    ).read_bytes()
    return top / "node_modules" if whole else None


@pytest.fixture(scope="session", autouse=True)
def _quiet_git() -> Iterator[None]:
    """The same git as in every other test, already while the bases are made."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in GIT_ENVIRONMENT.items():
            patch.setenv(name, value)
        yield
