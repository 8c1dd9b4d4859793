"""Where single trees are tried out beside the loop: for `verify`, `check` and `doctor`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.edge import opening, rooms
from nightlatch.edge.console import Console
from nightlatch.edge.git import Repo
from nightlatch.edge.gitcall import printed_id
from nightlatch.edge.house import House
from nightlatch.edge.lab import VerdictEngine
from nightlatch.edge.pool import Pool
from nightlatch.edge.sidebyside import Progress


@contextmanager
def opened(house: House, console: Console | None = None) -> Iterator[tuple[Pool, VerdictEngine]]:
    """Fresh checkouts and a verdict engine that uses them, without the lock of a run; the console
    shows what runs."""
    opening.state_folder(house)
    pool = Pool(
        house=house, sandbox=rooms.sandbox_of(house), branch=house.repo.head() or "detached"
    )
    console = console or Console(hide=house.secrets.hide)
    with opening.put_away(pool, console):
        yield pool, opening.verdict_engine(house, pool, progress=Progress(show=console.alive))


def working_tree(repo: Repo) -> str:
    """The tree of what lies in the person's checkout, ignored files aside; their own index
    stays as it is."""
    with TemporaryDirectory(prefix="nightlatch-") as folder:
        index = Path(folder) / "index"
        if (repo.git_dir / "index").is_file():
            shutil.copyfile(repo.git_dir / "index", index)
        env = {"GIT_INDEX_FILE": str(index)}
        repo.as_person("add", "-A", env=env).output()
        return printed_id(repo.as_person("write-tree", env=env).output())
