"""Which files of a repository the program itself reads, or runs as the person, here and now: no
candidate changes them."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from nightlatch.git.command import words
from nightlatch.git.repo import Repo
from nightlatch.project import own_files
from nightlatch.project.own_files import ANYWHERE, INCLUDES, LOOP, RUNS, TABLE_FILE
from nightlatch.project.project import Project
from nightlatch.safepath import interpreter_homes, is_inside


def guards(project: Project) -> tuple[str, ...]:
    """Return the patterns of everything that is put back, relative to the repository's top: what
    `House.protected` names, and what it need not."""
    folders = {project.inside, ""} | projects(project.repo)
    others = (
        pattern
        for folder in sorted(folders - {project.inside, ""})
        for pattern in own_files.of_project(folder)
    )
    loops = (f"{folder}/{LOOP}".lstrip("/") for folder in folders)
    found = (
        *project.protected(),
        *ANYWHERE,
        *loops,
        *others,
        *commanded(project),
        *configured(project.repo),
        *imported(project),
    )
    return tuple(dict.fromkeys(filter(None, found)))


def projects(repo: Repo) -> set[str]:
    """Return the folders of the repository that the person's files make projects of."""
    patterns = (*ANYWHERE, f"**/{TABLE_FILE}")
    globs = (f":(top,glob){pattern}" for pattern in patterns)
    files = words(
        repo.as_person(
            "ls-files", "-z", "--full-name", "--", *globs, env={"GIT_LITERAL_PATHSPECS": "0"}
        ).output()
    )
    tables = [
        name
        for name in files
        if name.rpartition("/")[2] == TABLE_FILE and has_table(repo.top / name)
    ]
    return own_files.projects(
        (name for name in files if name.rpartition("/")[2] != TABLE_FILE), tables
    )


def has_table(file: Path) -> bool:
    try:
        return own_files.safe_table(file.read_text(encoding="utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        return False


def commanded(project: Project) -> Iterator[str]:
    """Yield the files that the person's own commands name: what a landing or a notice runs, and
    agents that are commands of theirs."""
    config, root = project.config, project.repo.folder
    for command in (config.land.after, config.notify.command):
        yield from named(project.repo, own_files.words(command), root)
    for agent in config.agents.values():
        yield from named(project.repo, (*agent.command, *agent.args), root)


def run_outside(project: Project) -> Iterator[str]:
    """Yield the commands that run as the person, outside every sandbox: what a landing or a notice
    runs, and hooks of git that it may start."""
    commands = [
        command for command in (project.config.land.after, project.config.notify.command) if command
    ]
    yield from commands
    for folder in (
        hooks_in_tree(project.repo) if any("git" in command for command in commands) else ()
    ):
        names = sorted(
            file.name for file in (project.repo.top / folder).iterdir() if file.is_file()
        )
        yield from (
            f"./{os.path.relpath(project.repo.top / folder / name, project.repo.folder)}"
            for name in names
        )


def hooks_in_tree(repo: Repo) -> Iterator[str]:
    """Yield the folder of the repository that git takes its hooks from, where one is named."""
    told = repo.as_person(
        "config", "-z", "--show-origin", "--type=path", "--get-all", "core.hooksPath"
    ).output(accept=(0, 1))
    items = iter(words(told))
    value = next(
        (
            value
            for origin, value in reversed([*zip(items, items, strict=False)])
            if origin.startswith("file:")
        ),
        "",
    )
    folder = repo.top / value
    is_own = (
        bool(value)
        and is_inside(os.path.realpath(folder), str(repo.top))
        and not is_inside(str(folder), str(repo.git_dir))
    )
    if is_own and folder.is_dir():
        yield os.path.relpath(folder, repo.top)


def named(repo: Repo, candidates: Iterable[str], folder: Path) -> Iterator[str]:
    """Yield those of these words that are files of the repository, or would be, as git names
    them."""
    for word in filter(None, candidates):
        if "\0" in word:
            continue
        place = folder.joinpath(os.path.normpath(folder / word))
        # What is not there yet counts where it is named as a path: who makes it decides what runs.
        is_file = place.is_file() or ("/" in word and not os.path.lexists(place))
        if is_inside(str(place), str(repo.top)) and is_file:
            yield os.path.relpath(place, repo.top)


def configured(repo: Repo) -> Iterator[str]:
    """Yield the files of the repository that git reads as the person's configuration here, and the
    programs that it names."""
    items = iter(words(repo.as_person("config", "-z", "--show-origin", "--list").output()))
    for origin, item in zip(items, items, strict=False):
        key, _, value = item.partition("\n")
        yield from (
            os.path.relpath(place, repo.top)
            for place in configuration_files(repo, origin, key, value)
            if is_landable(repo, place)
        )
        if key == "core.hookspath":
            yield from (f"{folder}/**" for folder in hooks_in_tree(repo))
        if RUNS.fullmatch(key):
            yield from named(repo, own_files.words(value.removeprefix("!")), repo.top)


def configuration_files(repo: Repo, origin: str, key: str, value: str) -> Iterator[str]:
    """Yield the file that a setting stands in, and the one that it includes."""
    if not origin.startswith("file:"):
        return
    file = Path(os.path.realpath(repo.top / origin.removeprefix("file:")))
    yield str(file)
    # Also one that is not there yet: whoever lands it gives git its configuration.
    if INCLUDES.fullmatch(key):
        yield os.path.normpath(file.parent / os.path.expanduser(value))  # noqa: PTH111  # the value stays text, as git has it


def is_landable(repo: Repo, place: str) -> bool:
    """Return whether a file lies in the tree, and not in .git, where nothing lands."""
    git_dirs = (str(repo.git_dir), str(repo.common_dir))
    in_git = any(is_inside(place, git_dir) for git_dir in git_dirs)
    return is_inside(place, str(repo.top)) and not in_git


def imported(project: Project) -> Iterator[str]:
    """Yield what this Python would take from the project before the program can leave it: an
    environment inside it, what lies beside an older loop.py or in a folder of PYTHONPATH, libraries
    in a folder of LD_LIBRARY_PATH."""
    top = str(project.repo.top.resolve())
    yield from (
        f"{os.path.relpath(home, top)}/**"
        for home in interpreter_homes()
        if home != top and is_inside(home, top)
    )
    loop = project.repo.folder / LOOP
    places = (
        [project.repo.folder]
        if loop.is_file() and own_files.is_unguarded(loop.read_text(errors="replace"))
        else []
    )
    places += in_project("PYTHONPATH", top)
    loaded = {*sys.stdlib_module_names, *(name.partition(".")[0] for name in sys.modules)}
    names = {name for name in loaded if name.isidentifier() and not known_here(name, top)}
    for place in places:
        yield from own_files.shadows(below(place, top), names)
    for place in in_project("LD_LIBRARY_PATH", top):
        yield from (f"{below(place, top)}/{name}".lstrip("/") for name in ("*.so", "*.so.*"))


def below(place: Path, top: str) -> str:
    """Return a folder of the project as git names it, "" for the top."""
    inside = os.path.relpath(place.resolve(), top)
    return "" if inside == "." else inside


def known_here(name: str, top: str) -> bool:
    """Return whether this module is the project's own."""
    file = getattr(sys.modules.get(name), "__file__", None) or top
    return name in sys.modules and is_inside(os.path.realpath(file), top) and file != top


def in_project(variable: str, top: str) -> list[Path]:
    """Return the folders of such a variable that lie in the project, empty and relative ones among
    them."""
    value = os.environ.get(variable)
    given = [Path(place).absolute() for place in value.split(":")] if value else []
    return [place for place in given if is_inside(os.path.realpath(place), top)]
