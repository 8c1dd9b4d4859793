"""Where everything stands in one repository: the project folder, its plan, its progress file,
its settings."""

import json
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath

from nightlatch import data
from nightlatch.errors import (
    ConfigError,
    FindingError,
    PlanError,
    PromptError,
    RepoError,
    SettingsError,
    UsageError,
)
from nightlatch.git import checkout
from nightlatch.git.command import words
from nightlatch.git.open import open_repo
from nightlatch.git.repo import Repo
from nightlatch.git.tree_objects import entries_of
from nightlatch.model.models import Plan
from nightlatch.plan import file as planfile
from nightlatch.plan.file import USUAL_PLACES, plans_elsewhere
from nightlatch.project.config import settings
from nightlatch.project.config.settings import Config
from nightlatch.record.findings.findings import Author, Finding, Origin, read
from nightlatch.record.history import History, replay
from nightlatch.record.progress import parse
from nightlatch.redaction.patterns import Secrets
from nightlatch.redaction.patterns_io import guard
from nightlatch.util.paths import FOLDER

TAGGED = ("tasks/tasks.json", "state.json")
# in environments, by their tools
MADE_BY = (
    "pyvenv.cfg",
    ".package-lock.json",
    ".modules.yaml",
    ".yarn-integrity",
    ".yarn-state.yml",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project: all paths of files are relative to the repository's top, as git names them.

    `plan` is "" where none was found. `apart`: everything is written below this folder, and init.sh
    is not run: the tools are the caller's. `settings` is the file that gives them, "" for none;
    `tag` names the list in play where a tool keeps several in the plan. `rivals` are the files in
    its folder that could be the plan as well, and `elsewhere` those with plans or settings further
    up, none of which is read.
    """

    repo: Repo
    config: Config
    plan: str
    progress: str
    apart: Path | None = None
    settings: str = ""
    rivals: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    tag: str = ""

    @property
    def state(self) -> Path:
        """The folder of the journal and the sessions; never committed."""
        return self.apart or self.repo.folder / ".nightlatch"

    @property
    def inside(self) -> str:
        """The project folder as seen from the repository's top, "" when they are the same."""
        below = os.path.relpath(self.repo.folder, self.repo.top)
        return "" if below == "." else below

    def path(self, name: str) -> str:
        """Return a path of the project as git names it."""
        return f"{self.inside}/{name}" if self.inside else name

    @property
    def reading(self) -> tuple[str, tuple[str, ...]]:
        """How the plan is read: the list in play, and the words of the person's own that say
        done."""
        return self.tag, self.config.done_words

    @property
    def sheets(self) -> str:
        """The folder of the progress files, always inside the project."""
        parts = [
            # The loop writes there: `..` would lead it out of the project.
            part
            for part in self.config.phase_progress.split("/")
            if part not in ("", ".", "..")
        ]
        return self.path("/".join(parts) or "progress")

    @property
    def texts(self) -> tuple[str, ...]:
        """The plan and the folder of progress files ("/" at its end): written by the loop and
        the person, each on what the other wrote."""
        return (self.plan, f"{self.sheets}/")

    @property
    def cache(self) -> Path:
        """The folder of this project's workspaces, outside the repository."""
        if self.apart:
            return self.apart
        root = (
            os.environ.get("NIGHTLATCH_CACHE")
            or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nightlatch"
        )
        # Two clones, and two projects of one repository, must not share workspaces.
        name = sha256(os.fsencode(f"{self.repo.common_dir}\0{self.repo.folder}")).hexdigest()[:16]
        return Path(root).absolute() / name

    @property
    def held_back(self) -> Path | None:
        """The folder of the checks that nobody else may see, if there is one."""
        named = self.config.checks.held_back
        return (self.repo.folder / Path(named).expanduser()).resolve() if named else None

    @property
    def secrets(self) -> Secrets:
        """What is hidden wherever something is written down: values of the environment and of
        the agents' own, and shapes of keys."""
        given = {
            name: value
            for agent in self.config.agents.values()
            for name, value in agent.env.items()
        }
        return guard({**given, **os.environ})

    def protected(self) -> tuple[str, ...]:
        """Return the patterns of files that only the person and the loop may change."""
        named = (*self.config.protect.paths, self.config.progress)
        state = (str(PurePosixPath(self.plan).parents[1] / TAGGED[1]),) if self.tag else ()
        return (*dict.fromkeys((*map(self.path, named), f"{self.sheets}/**")), self.plan, *state)

    def read_plan(self, rev: str) -> Plan | None:
        """Return the plan at a commit, None where there is none; PlanError where it cannot be
        read."""
        data = self.repo.read(rev, self.plan) if self.plan else None
        return None if data is None else planfile.read(data, self.plan, *self.reading)

    def progress_text(self, rev: str) -> str:
        data = self.repo.read(rev, self.progress)
        # Others write into that file too: what is no UTF-8 must come back byte for byte.
        return "" if data is None else data.decode("utf-8", "surrogateescape")

    def history(self, rev: str) -> History:
        """Return attempts and outcomes as the commit tells them."""
        return replay(parse(self.progress_text(rev)))

    def finding_path(self, name: str) -> str:
        return self.path(f"findings/{name}.toml")

    def findings(self, rev: str, known: dict[str, Finding]) -> tuple[Finding, ...]:
        """Return every finding at a commit, oldest first; a file that cannot be read stands there
        as one that says so.

        `known` keeps what was read, by blob: the next commit's costs only what is new in it.
        """
        with self.repo.stand("cat-file", "--batch").talking() as talk:
            folder = talk.find(f"{rev}:{self.path('findings')}")
            entries = (
                entries_of(folder[2], self.repo.width) if folder and folder[1] == "tree" else ()
            )
            named = {
                oid: name.removesuffix(".toml")
                for name, (mode, oid) in entries
                if name.endswith(".toml") and mode != FOLDER
            }
            # All of them asked before the first is answered: thousands of findings cost one round
            # trip.
            for found in talk.find_all(oid for oid in named if oid not in known):
                if found:
                    known[found[0]] = readable(found[2], named[found[0]])
        return tuple(
            sorted(
                (known[oid] for oid in named if oid in known),
                key=lambda finding: (finding.origin.at, finding.id),
            )
        )

    def worktree_plan(self) -> bytes | None:
        """Return the plan as it lies in the person's checkout."""
        file = self.repo.top / self.plan
        return file.read_bytes() if self.plan and file.is_file() else None

    def plan_stat(self) -> tuple[int, int] | None:
        """Return what changes when the person saves the plan."""
        try:
            found = (self.repo.top / self.plan).stat()
        except OSError:
            return None
        # Cheap enough to be asked for all night long.
        return found.st_mtime_ns, found.st_size


def readable(data: bytes, name: str) -> Finding:
    """Return the finding in a file, or in its place one that says why it cannot be read."""
    try:
        return read(data.decode("utf-8"), f"findings/{name}.toml")
    except (FindingError, UnicodeDecodeError) as error:
        return Finding(
            id=name,
            claim=f"findings/{name}.toml cannot be read: {error}",
            # The oldest of all, so that it stands behind whatever can be read.
            origin=Origin(by=Author.LOOP, at=datetime.fromtimestamp(0, UTC)),
        )


def find_project(folder: Path, flags: Mapping[str, object] | None = None) -> Project:
    """Return the project that a folder belongs to: its settings, then its plan, searched upwards to
    the repository's top.

    Raises RepoError, ConfigError, or UsageError for a plan that is named and not there.
    """
    repo = open_repo(folder)
    here = folder.resolve()
    start = folders_up(here, repo.top)
    home = next(filter(has_settings, start), None)
    near = home or repo.top
    toml, pyproject = (read_text(near / name) for name in ("loop.toml", "pyproject.toml"))
    config = settings.load(toml, pyproject, os.environ, flags or {})
    if config.plan:
        root = home or here
        plan = named_plan(root, config.plan)
    else:
        found = next(usual_plans([home] if home else start), None)
        root, plan = found or (near, repo.top)
    own = settings_in(near)
    others = other_plans(start, plan)
    # Where nobody named one, two at the usual places are a question for the person.
    rivals = [] if config.plan else at_usual_places(others, root)
    unread = [place for place in others if place not in rivals] + other_settings(start, near)
    project = Project(
        repo=replace(repo, folder=root),
        config=config,
        plan=path_of_plan(plan, repo.top),
        progress="",
        settings=os.path.relpath(own, repo.top) if own else "",
        rivals=relative(rivals, repo.top),
        elsewhere=relative(unread, repo.top),
        tag=tag_of(plan),
    )
    return replace(project, progress=project.path(config.progress))


def folders_up(folder: Path, top: Path) -> list[Path]:
    """Return a folder and those above it, up to the top of the repository."""
    return [place for place in (folder, *folder.parents) if place.is_relative_to(top)]


def relative(places: Iterable[Path], top: Path) -> tuple[str, ...]:
    return tuple(os.path.relpath(place, top) for place in places)


def path_of_plan(plan: Path, top: Path) -> str:
    """Return a plan as git names it, "" for none. Raises UsageError where it is not in the
    repository."""
    path = "" if plan == top else os.path.relpath(plan, top)
    # What lands there could not be one commit with the work.
    if path.startswith("../"):
        raise UsageError(
            f"the plan {plan} is outside the repository",
            fix="keep the plan in the repository that it plans",
        )
    return path


def other_plans(folders: list[Path], plan: Path) -> list[Path]:
    """Return the plans at the usual places of these folders, apart from the one that is read."""
    places = (place for _, place in usual_plans(folders))
    return [place for place in places if place != plan and is_plan(place)]


def at_usual_places(plans: Iterable[Path], root: Path) -> list[Path]:
    usual = {root / place for place in USUAL_PLACES}
    return [plan for plan in plans if plan in usual]


def other_settings(folders: Iterable[Path], own: Path) -> list[Path]:
    """Return the settings in other folders than the project's own, which are not read."""
    files = (folder / "loop.toml" for folder in folders if folder != own)
    return [file for file in files if file.is_file()]


def named_plan(root: Path, name: str) -> Path:
    """Return the plan that the settings name. Raises UsageError where it is not there."""
    plan = root / name
    if not plan.is_file():
        raise UsageError(
            f"the plan {name} does not exist",
            place=str(root),
            fix="correct `plan` in loop.toml",
        )
    return plan


def settings_in(folder: Path) -> Path | None:
    """Return the file with the settings of a folder, None where it has none."""
    files = (folder / name for name in ("loop.toml", "pyproject.toml"))
    return next((file for file in files if gives_settings(file)), None)


def tag_of(plan: Path) -> str:
    """Return the list in play of a plan of Task Master's, which notes it in a file of its own; ""
    where there is none."""
    if not plan.as_posix().endswith(TAGGED[0]):
        return ""
    try:
        found = json.loads((plan.parents[1] / TAGGED[1]).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    tag = found.get("currentTag") if isinstance(found, dict) else None
    return tag if isinstance(tag, str) else ""


def usual_plans(folders: list[Path]) -> Iterator[tuple[Path, Path]]:
    """(project folder, plan file) for every plan at a usual place, nearest folder first."""
    return (
        (folder, folder / place)
        for folder in folders
        for place in USUAL_PLACES
        if (folder / place).is_file()
    )


def is_plan(place: Path) -> bool:
    """Return whether this file has features. Other files are called feature_list.json too."""
    try:
        return bool(planfile.read(place.read_bytes(), place.name).features)
    except (PlanError, OSError):
        return False


def has_settings(folder: Path) -> bool:
    return settings_in(folder) is not None


def gives_settings(file: Path) -> bool:
    """Return whether this file holds settings of nightlatch: a pyproject.toml only if it has our
    table."""
    if file.name == "loop.toml":
        return file.is_file()
    text = read_text(file)
    try:
        return text is not None and "nightlatch" in tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError:
        # A broken one is its project's business, as long as nobody says that it is ours.
        return False


def read_text(path: Path) -> str | None:
    """Return the text of a file with settings, None where there is none, or none of ours."""
    data = path.read_bytes() if path.is_file() else None
    try:
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError as error:
        if path.name == "pyproject.toml" and b"nightlatch" not in error.object:
            return None
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            "file is not valid UTF-8",
            place=f"{path.name}:{line}",
            fix="save the file as UTF-8",
        ) from error


def require_plan(project: Project) -> Project:
    """Return the same project, once it is certain that it has a plan that git can store. Raises
    UsageError, SettingsError or RepoError."""
    if not project.plan:
        raise UsageError(
            "there is no plan", place=str(project.repo.folder), fix=begin_with(plans_near(project))
        )
    if project.rivals:
        problem = f"there is more than one plan: {', '.join((project.plan, *project.rivals))}"
        fix = f'name one in loop.toml, such as plan = "{project.plan}", or remove the others'
        raise SettingsError(problem, place=str(project.repo.folder), fix=fix)
    if checkout.is_ignored(project.repo, project.plan):
        raise RepoError(
            f"git ignores {project.plan}, so its changes would be lost",
            fix=f"take {project.plan} out of .gitignore",
        )
    if (project.repo.top / project.plan).is_symlink():
        raise RepoError(
            f"{project.plan} is a symbolic link, and git stores only its target",
            fix="name the file itself: plan = ... in loop.toml",
        )
    return project


def plans_near(project: Project) -> tuple[str, ...]:
    """Return files with features in them, as people and other tools call such files: each is a plan
    once the settings name it."""
    return tuple(
        path
        for path in plans_elsewhere(project_files(project))
        if is_plan(project.repo.folder / path)
    )


def project_files(project: Project) -> frozenset[str]:
    """Return the project's files that git holds or would hold, relative to the project."""
    listed = words(
        project.repo.as_person(
            "ls-files", "-co", "-z", "--exclude-standard", "--", project.inside or "."
        ).output()
    )
    above = f"{project.inside}/" if project.inside else ""
    paths = frozenset(path.removeprefix(above) for path in listed)
    made = tuple(f"{folder}/" for folder in made_environments(project))
    return frozenset(path for path in paths if not path.startswith(made)) if made else paths


def made_environments(project: Project) -> list[str]:
    """Return the environments that git neither holds nor is told to ignore: nobody's code, as the
    mark of the tool that made them says."""
    folders = [
        path.rstrip("/") for path in untracked(project, "--exclude-standard") if path.endswith("/")
    ]
    return sorted(
        folder
        for folder in folders
        if any((project.repo.folder / folder / mark).is_file() for mark in MADE_BY)
    )


def untracked(project: Project, *which: str) -> list[str]:
    """Return what git does not hold below the project; a folder of which it holds nothing ends with
    a slash. `which`: options of ls-files."""
    above = f"{project.inside}/" if project.inside else ""
    asked = ("ls-files", "-z", "--others", "--directory", *which, "--", above or ".")
    return [path.removeprefix(above) for path in words(project.repo.as_person(*asked).output())]


def begin_with(plans: tuple[str, ...]) -> str:
    """Return what to do when there is no plan yet."""
    if not plans:
        return "nightlatch init, or write a prd.json"
    others = f" (or {', '.join(plans[1:4])})" if plans[1:] else ""
    return (
        f'{plans[0]} has features: write plan = "{plans[0]}" into loop.toml{others}; or nightlatch'
        f" plan {plans[0]} writes a prd.json"
    )


def templates(project: Project) -> Callable[[str], tuple[str, str]]:
    """Templates by name: the person's in prompts/, else the shipped ones. Text and where it
    stands."""

    def find(name: str) -> tuple[str, str]:
        own = project.repo.folder / "prompts" / name
        source = own if own.is_file() else data.path("prompts", name)
        try:
            return source.read_text(encoding="utf-8"), str(source)
        except UnicodeDecodeError as error:
            raise PromptError(
                "file is not valid UTF-8", place=str(source), fix="save the file as UTF-8"
            ) from error

    return find
