"""Where single trees are tried out beside the loop: for `verify`, `check` and `doctor`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.git.command import printed_id
from nightlatch.git.repo import Repo
from nightlatch.project import discovery
from nightlatch.project.project import Project
from nightlatch.suite.parallel_io import Progress
from nightlatch.util.console import Console
from nightlatch.verdict import engine_io
from nightlatch.verdict.engine_io import VerdictEngine
from nightlatch.workspace import profiles
from nightlatch.workspace.pool import Pool


@contextmanager
def opened(
    project: Project, console: Console | None = None
) -> Iterator[tuple[Pool, VerdictEngine]]:
    """Fresh checkouts and a verdict engine that uses them, without the lock of a run; the console
    shows what runs."""
    discovery.state_folder(project)
    pool = Pool(
        project=project,
        sandbox=profiles.sandbox_of(project),
        branch=project.repo.head() or "detached",
    )
    console = console or Console(hide=project.secrets.hide)
    with put_away(pool, console):
        yield pool, engine_io.verdict_engine(project, pool, progress=Progress(show=console.alive))


def working_tree(repo: Repo) -> str:
    """Return the tree of what lies in the person's checkout, ignored files aside; their own index
    stays as it is."""
    with TemporaryDirectory(prefix="nightlatch-") as folder:
        # A copy of the index saves reading every file again, and the person's own stays untouched.
        index = Path(folder) / "index"
        if (repo.git_dir / "index").is_file():
            shutil.copyfile(repo.git_dir / "index", index)
        env = {"GIT_INDEX_FILE": str(index)}
        repo.as_person("add", "-A", env=env).output()
        return printed_id(repo.as_person("write-tree", env=env).output())


@contextmanager
def put_away(pool: Pool, console: Console) -> Iterator[None]:
    """Take away what a pool has prepared, and the live line.

    Who is interrupted waits for no command that still runs.
    """
    try:
        yield
    except KeyboardInterrupt:
        # `close` waits for the thread that prepares, and that for the init.sh which it runs.
        pool.stop.set()
        raise
    finally:
        console.rest()
        pool.close()
