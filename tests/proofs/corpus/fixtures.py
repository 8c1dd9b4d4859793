"""Where cases are tried: a repository for each base, a workspace for each case, a naive loop,
and the verdict."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from nightlatch.git.open import open_repo
from nightlatch.git.repo import Repo
from nightlatch.model.models import Outcome, Verdict
from nightlatch.project.config.settings import Protect
from nightlatch.sandbox.base import Pairs, Sandbox, SandboxSpec, environment
from nightlatch.suite.cache_io import ResultCache
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.evaluation import Layout
from nightlatch.suite.run_io import CommandRunner
from nightlatch.verdict.engine_io import VerdictEngine
from nightlatch.workspace import build, workspace
from nightlatch.workspace.scope import Rules
from nightlatch.workspace.workspace import Workspace
from tests import PATIENCE
from tests.io.git.sample_repo import export
from tests.proofs.corpus.case import Base, Case, applied

LANDS = frozenset({Outcome.LANDED, Outcome.UNPROVED})
# as a run tries, or enough for what is always tried
MUTANTS = 24 if os.environ.get("NIGHTLATCH_FULL") else 8
CHECK = 1800.0  # as limits.check is by itself: what is not measured within a share of it is held


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One base in a repository of its own.

    `known` holds what is known of it, `installed` is the folder that it links to.
    """

    base: Base
    repo: Repo
    folder: Path
    engine: VerdictEngine
    env: Mapping[str, str]
    installed: Path | None

    def workspace(self, case: Case) -> Workspace:
        """A workspace in which somebody did what the case says."""
        head = self.repo.tip_of("HEAD") or ""
        space = workspace.prepare(
            self.repo, self.folder / "ws" / uuid4().hex, head, "main", sandboxed=False
        )
        furnish(space.tree, self.base, self.installed)
        for name, text in applied(self.base.files, case.files).items():
            put(space.tree / name, text)
        if case.shell:
            subprocess.run(
                ["sh", "-ec", case.shell],
                cwd=space.tree,
                env=self.env,
                check=True,
                timeout=PATIENCE,
            )
        return space

    def naive(self, case: Case, space: Workspace) -> subprocess.CompletedProcess[str]:
        """What a loop that believes an exit code does."""
        command = ["sh", "-c", case.command or self.base.command]
        return subprocess.run(
            command,
            cwd=space.tree,
            env=self.env,
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def verdict(self, case: Case, space: Workspace, off: frozenset[str] = frozenset()) -> Verdict:
        """The whole verdict on what the workspace holds, as a run would give it; `off` are
        layers that a control leaves out."""
        made = build.build(
            self.repo, space, Rules(protected=() if "scope" in off else Protect().paths)
        )
        with TemporaryDirectory(dir=self.folder) as name:
            cache, hidden = Path(name, "cache"), Path(name, "held-back")
            shutil.copytree(self.engine.evaluator.cache.folder, cache)
            hidden.mkdir()
            if case.held_back and "held" not in off:
                put(
                    hidden / "10-more",
                    "#!/bin/sh\n# hint: other values\nPYTHONPATH=. exec python3 -c"
                    f" '{case.held_back}'\n",
                )
            evaluator = replace(self.engine.evaluator, cache=ResultCache(cache))
            engine = replace(self.engine, evaluator=evaluator, held_back=hidden)
            return engine.examine(space.base, made.tree, case.feature, made.oddities, off=off)


def called(verdict: Verdict) -> str:
    """What a verdict comes to for this corpus."""
    if verdict.outcome in LANDS:
        return "landed"
    return "held" if verdict.outcome is Outcome.HELD else "refused"


def make(
    base: Base,
    folder: Path,
    sandbox: Sandbox,
    caches: Path,
    installed: Path | None,
    python: Path | None = None,
) -> Ground:
    """The base as the first commit of a repository."""
    top = folder / "shop"
    top.mkdir(parents=True)
    for name, text in base.files.items():
        put(top / name, text)
    for args in (
        ["init", "-q", "-b", "main"],
        ["add", "-A", "-f"],
        ["commit", "-q", "-m", "a till"],
    ):
        subprocess.run(["git", *args], cwd=top, check=True)
    return opened(base, folder, sandbox, caches, installed, python)


def opened(
    base: Base,
    folder: Path,
    sandbox: Sandbox,
    caches: Path,
    installed: Path | None,
    python: Path | None = None,
) -> Ground:
    """The same, made before. `python` holds the programs of the Python that is first on PATH."""
    repo = open_repo(folder / "shop")
    go = {
        "GOCACHE": str(caches / "go-build"),
        "GOPATH": str(caches / "go"),
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
    }
    who = {name: value for name, value in os.environ.items() if name.startswith("GIT_")}
    path = f"{python or Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**environment({"HOME": str(folder / "home")}), **go, **who, "PATH": path}
    for place in (folder / "home", folder / "known", caches / "go-build", caches / "go"):
        place.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def open_room(_base: str, tree: str) -> Iterator[SandboxSpec]:
        with TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as name:
            place, home = Path(name, "tree"), Path(name, "home")
            home.mkdir()
            export(repo, tree, place)
            furnish(place, base, installed)
            shared: Pairs = ((installed, installed),) if installed else ()
            yield SandboxSpec(
                tree=place,
                at=repo.top,
                home=home,
                env=env,
                readable=shared,
                writable=((caches, caches),),
            )

    hands, aside = (
        CommandRunner(sandbox=sandbox, timeout=CHECK),
        ("prd.json", "progress.txt", "progress", "findings"),
    )
    # one of its cases is seen by the faults after the eighth
    most = 24 if base.language == "go" else MUTANTS
    evaluator = TreeEvaluator(
        repo=repo,
        hands=hands,
        open_room=open_room,
        cache=ResultCache(folder / "known"),
        layout=Layout(aside=aside),
    )
    engine = VerdictEngine(evaluator=evaluator, most_mutants=most)
    return Ground(base=base, repo=repo, folder=folder, engine=engine, env=env, installed=installed)


def furnish(tree: Path, base: Base, installed: Path | None) -> None:
    """Links to all that is installed, in a folder that can be written to: vite keeps its own
    files there."""
    if base.link and installed and not os.path.lexists(tree / base.link):
        (tree / base.link).mkdir()
        for file in (place for place in installed.iterdir() if not place.name.startswith(".vite")):
            (tree / base.link / file.name).symlink_to(file)


def put(path: Path, text: str | None) -> None:
    """One file as a case wants it; a script is executable, and what begins with an arrow is a
    link."""
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if text.startswith("-> "):
        path.unlink(missing_ok=True)
        path.symlink_to(text.removeprefix("-> "))
        return
    path.write_text(text, encoding="utf-8")
    if text.startswith("#!"):
        path.chmod(0o755)
