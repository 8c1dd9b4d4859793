"""However a person says that the tests are run: the ids are there, and what is refused without
it is refused."""

import os
import shutil
from pathlib import Path

import pytest

from nightlatch.model.models import Feature, Outcome
from nightlatch.verdict.engine_io import VerdictEngine
from tests.io.verdict.world import World, world
from tests.proofs.suites.test_suites import BASE, HONEST, IDS, RUN_ONLY

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("go")), reason="node and go are needed"
)

__all__ = ["world"]
NOXFILE = (
    "import nox\n\n@nox.session\ndef tests(session):\n    session.install('pytest')\n   "
    " session.run('pytest', *session.posargs)\n"
)
MAKEFILE = (
    "test:\n\tpython3 -m pytest -q\nall: test\n\tcd web && npm test\n\t$(MAKE) -C svc check\n"
)
WAYS = {
    **BASE,
    "Makefile": MAKEFILE,
    "svc/Makefile": "check:\n\tgo test ./...\n",
    "justfile": "test:\n    uv run pytest\n",
    "tox.ini": "[testenv]\ndeps = pytest\ncommands = pytest {posargs}\n",
    "noxfile.py": NOXFILE,
    "ci.sh": '#!/bin/sh\nset -eu\ncd "$(dirname "$0")"\npytest -q\n(cd web && npm test)\n',
    "each.sh": "#!/bin/sh\nfor file in test_*.py; do pytest $file || exit 1; done\n",
    "all.sh": "#!/bin/sh\nset -eu\npytest -q\ncd web\nnpm test\n",
}
SPELLINGS = [
    "pytest -q",
    "python -m pytest -q",
    "python3 -m pytest -x",
    "py.test",
    "coverage run -m pytest",
    "sh -c 'pytest -q'",
    "env CI=1 pytest",
    "uv run pytest",
    "uv run --frozen python -m pytest",
    "poetry run pytest -q",
    "pdm run pytest",
    "pipenv run pytest",
    "hatch run pytest",
    "tox",
    "tox -e py311",
    "nox -s tests",
    "make test",
    "make -s all",
    "just test",
    "./all.sh",
    "./ci.sh",
    "pytest || true",
    "pytest && cd web && npm test",
    "cd web && npm test",
    "npm --prefix web test",
    "yarn --cwd web test",
    "pnpm -C web test",
    "bun run --cwd web test",
    "cd svc && go test ./...",
    "cd svc && go test -v -count=1 ./...",
    "make -C svc check",
]
TAMPERED = {
    "web": {"web/cart.test.mjs": None, "web/cart.mjs": None},
    "svc": {"svc/stock_test.go": None},
    "py": {"test_calc.py": None},
}


@pytest.fixture
def wrappers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small programs in the place of those that only give a command its environment."""
    folder = tmp_path / "wrappers"
    folder.mkdir()
    for name in ("uv", "poetry", "pdm", "pipenv", "hatch"):
        (folder / name).write_text(
            '#!/bin/sh\nshift\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n'
        )
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def refused(world: World, engine: VerdictEngine, base: str, how: str) -> bool:
    tree = world.repo.tree_of(world.commit({**HONEST["the top"], **TAMPERED[how]}, base))
    return (
        engine.examine(
            base, tree, Feature(id="US-1", title="Subtract", done=False), off=RUN_ONLY
        ).outcome
        is Outcome.REJECTED
    )


@pytest.mark.usefixtures("wrappers")
def test_every_spelling_has_the_ids_and_refuses_what_is_refused_without_it(world: World) -> None:
    """One engine's cache for all of them: what a spelling does not change is not run again."""
    base = world.commit(WAYS)
    for number, spelling in enumerate(SPELLINGS):
        engine = world.engine(tests=spelling)
        assert [
            suite.name for suite in engine.evaluator.suite(base, base).every if suite.weak
        ] == [], spelling
        assert set(engine.state(base).tests.passed) == IDS, spelling
        how = [*TAMPERED][number % len(TAMPERED)]
        assert refused(world, engine, base, how), (spelling, how)


def test_a_spelling_that_nobody_can_read_is_the_suite_and_says_so(world: World) -> None:
    base = world.commit(WAYS)
    engine = world.engine(tests="./each.sh")
    [suite] = engine.evaluator.suite(base, base).every
    assert (suite.name, suite.weak, suite.protection) == (
        "tests",
        "the shell's for stands in it",
        "by declaration",
    )


@pytest.mark.usefixtures("wrappers")
@pytest.mark.parametrize("spelling", ["make -s all", "uv run pytest", "cd svc && go test ./..."])
def test_honest_work_lands_however_it_is_said(world: World, spelling: str) -> None:
    base = world.commit(WAYS)
    engine = world.engine(tests=spelling)
    tree = world.repo.tree_of(world.commit(HONEST["web"], base))
    verdict = engine.examine(base, tree, Feature(id="US-1", title="Count", done=False))
    assert (verdict.outcome, verdict.reasons) == (Outcome.LANDED, ())
