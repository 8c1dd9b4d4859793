"""What package managers find in a workspace: where the person's packages come from, and stores
of HOME that are the workspace's own."""

import re
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from nightlatch import data
from nightlatch.project import packages
from nightlatch.project.packages import Managers, Store
from nightlatch.util.paths import INSIDE

LOCKS = {"go.sum": packages.go_files, "Cargo.lock": packages.cargo_files}
# Go keeps these among its modules, and they are large
TOOLCHAINS = ("golang.org/toolchain@*", "cache/download/golang.org/toolchain")
PNPM_STORE = re.compile(r'"?storeDir"?: *"?(?P<path>/[^"\n]*)')
PNPM_FILES = (
    (".config/pnpm/rc", "store-dir={}\n"),
    (".config/pnpm/config.yaml", "storeDir: {}\n"),
)  # of pnpm 10 and before, and since
GIVEN = Path(INSIDE, "packages")
ARCHIVES = frozenset((".crate", ".zip"))

Pairs = tuple[tuple[Path, Path], ...]


@cache
def shipped() -> Managers:
    """Return what is known of package managers."""
    return packages.managers_of(data.table("shipped", "packages.toml"))


def lend_settings(home: Path, private: Path) -> None:
    """Copies of the person's settings that say where packages come from; a line that may hold a
    key stays out."""
    for known in shipped().settings:
        source, target = home / known.file, private / known.file
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8", errors="replace")
            target.write_text(packages.without_keys(text, known.tables), encoding="utf-8")


def own_stores(
    own: Path, locks: Iterable[Path], kept: Path, home: Path, *, linked: bool = False
) -> Pairs:
    """Stores below `own` that may be written to, and where HOME has them.

    They begin with what these lock files name, as it is found in what was kept of an environment,
    or else at the person's. `linked`: of the archives, which are large, there are links to where
    `given` shows them.
    """
    # A link of an agent's could name a lock file of the person's anywhere.
    texts = [
        (lock.name, lock.read_text(encoding="utf-8", errors="replace"))
        for lock in locks
        if lock.is_file() and not lock.is_symlink()
    ]
    for store in shipped().stores:
        target = own / store.folder
        # One that is there has been filled already.
        if not target.is_dir():
            target.mkdir(parents=True)
            fill(target, store, texts, source_of(store, kept, home), linked=linked)
    return tuple((own / store.folder, home / store.folder) for store in shipped().stores)


def fill(
    target: Path, store: Store, texts: Iterable[tuple[str, str]], source: Path, *, linked: bool
) -> None:
    """Put into a new store what these lock files name, by their names and texts."""
    patterns = {
        pattern for name, text in texts if name == store.lock for pattern in LOCKS[name](text)
    }
    files = {file for pattern in patterns for file in source.glob(pattern) if file.is_file()}
    for file in files:
        inside = file.relative_to(source)
        place = target / inside
        place.parent.mkdir(parents=True, exist_ok=True)
        if linked and file.suffix in ARCHIVES:
            place.symlink_to(GIVEN / store.folder / inside)
        else:
            shutil.copyfile(file, place)


def pnpm_store(modules: Path, own: Path, private: Path) -> Pairs:
    """Return a store of the workspace's own where pnpm had one when it filled a node_modules, and
    said so: with any other it would not go on."""
    notes = modules / ".modules.yaml"
    found = (
        PNPM_STORE.search(notes.read_text(encoding="utf-8", errors="replace"))
        if notes.is_file()
        else None
    )
    place = Path(found["path"]).parent if found else None
    if not place or len(place.parts) < 3 or place.is_relative_to(modules.parent):
        return ()
    for name, line in PNPM_FILES:
        file = private / name
        file.parent.mkdir(parents=True, exist_ok=True)
        says = line.format(place)
        if not file.is_file() or says not in file.read_text(encoding="utf-8"):
            with file.open("a", encoding="utf-8") as settings:
                settings.write(says)
    (own / "pnpm").mkdir(parents=True, exist_ok=True)
    return ((own / "pnpm", place),)


def linked_stores(kept: Path, home: Path) -> Pairs:
    """Return where a workspace sees what its own stores have links to."""
    found = (
        (source_of(store, kept, home), GIVEN / store.folder)
        for store in shipped().stores
        if store.lock
    )
    return tuple((source, seen) for source, seen in found if source.is_dir())


def source_of(store: Store, kept: Path, home: Path) -> Path:
    return next(
        (place / store.folder for place in (kept, home) if (place / store.folder).is_dir()),
        home / store.folder,
    )


def toolchains(home: Path) -> Pairs:
    """Return what of the person's stores is shown in the workspace's own."""
    modules = home / "go/pkg/mod"
    return tuple((place, place) for name in TOOLCHAINS for place in modules.glob(name))


def kept_stores(kept: Path, home: Path) -> Pairs:
    """Return the stores that were kept when an environment was made, and where HOME has them."""
    return tuple(
        (kept / store.folder, home / store.folder)
        for store in shipped().stores
        if (kept / store.folder).is_dir()
    )
