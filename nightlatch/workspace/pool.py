"""Workspaces made ready while somebody else works: checked out, with what init.sh makes, handed
over by rename."""

import os
import re
import shutil
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from nightlatch.errors import FaultError, NightlatchError, RepoError
from nightlatch.model.models import Reason
from nightlatch.model.rules import reason
from nightlatch.project import packages as core_packages
from nightlatch.project.packages import Maker
from nightlatch.project.project import Project
from nightlatch.sandbox import package_stores
from nightlatch.sandbox.base import Sandbox
from nightlatch.sandbox.process import listeners, supervisor
from nightlatch.sandbox.process.supervisor import CommandResult, ended
from nightlatch.sandbox.reach import ReachableServices
from nightlatch.util import fs, manifests, outside
from nightlatch.util.globs import matcher
from nightlatch.util.paths import GITLINK, PROGRAM
from nightlatch.workspace import environment, profiles
from nightlatch.workspace import workspace as workspaces
from nightlatch.workspace.workspace import Workspace

INIT = "init.sh"
INIT_MAKER = Maker(argv=(f"./{INIT}",))
INIT_TIMEOUT = 1800.0  # seconds: a first build of large dependencies, and no more than that
FAILED = "it failed in a fresh workspace"
# A line that begins with "error", or with one word before it, as "npm ERR!" and "cargo error:" do.
ERROR = re.compile(r"^\s*(?:\w+ )?err(?:or)?\b", re.IGNORECASE | re.MULTILINE)
GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvKey:
    """What an environment depends on, as a digest, and the commands that make it; neither where
    nothing does."""

    key: str = ""
    makers: tuple[Maker, ...] = ()


@dataclass(slots=True, kw_only=True)
class Shelf:
    """The workspaces that stand ready, and how many are still to be made at which base.

    One thread prepares and others take: whatever they share is read and changed while `turn` is
    held.
    """

    ready: deque[Workspace] = field(default_factory=deque)
    missing: int = 0
    base: str = ""
    busy: bool = False
    closed: bool = False
    fault: Exception | None = None
    turn: threading.Condition = field(default_factory=threading.Condition)

    def take(self, base: str) -> Workspace | None:
        """Return a workspace that stands ready, at best at this base; None where none is being
        made.

        Raises what went wrong with the last one.
        """
        with self.turn:
            while not self.ready and (self.busy or self.missing):
                self.turn.wait()
            at_base = (workspace for workspace in self.ready if workspace.base == base)
            workspace = next(at_base, self.ready[0]) if self.ready else None
            if workspace:
                self.ready.remove(workspace)
            fault, self.fault = self.fault, None
        if fault:
            raise fault
        return workspace

    def fill(self, base: str, size: int) -> None:
        """Have so many workspaces stand ready at this base."""
        with self.turn:
            self.base = base
            self.missing = size - len(self.ready) - self.busy
            self.turn.notify_all()

    def follow(self, base: str) -> None:
        """Have what stands ready moved to this base."""
        with self.turn:
            self.base = base
            self.turn.notify_all()

    def close(self) -> None:
        """Have nothing more made."""
        with self.turn:
            self.closed = True
            self.missing = 0
            self.turn.notify_all()

    def next_job(self) -> tuple[Workspace | None, str] | None:
        """Wait for work: a workspace that is to be moved, or None for a new one, and its base;
        None once the shelf is closed."""
        with self.turn:
            self.turn.wait_for(self.is_wanted_or_closed)
            if self.closed:
                return None
            old = self.stale()
            self.busy = True
            if old:
                self.ready.remove(old)
            else:
                self.missing -= 1
            return old, self.base

    def hand_over(self, made: Workspace | None, fault: Exception | None) -> None:
        """Wake the one who waits, with a workspace or with what went wrong."""
        with self.turn:
            self.busy = False
            self.fault = fault
            # a bug ends this thread: nobody is to wait for it
            if not (made or fault):
                self.missing = 0
            if made:
                self.ready.append(made)
            self.turn.notify_all()

    def is_wanted_or_closed(self) -> bool:
        """Is there anything better to do for the thread that prepares than to tidy up?"""
        return self.closed or self.missing > 0 or self.stale() is not None

    def stale(self) -> Workspace | None:
        """Return a workspace that stands ready at another base than the newest."""
        return next((workspace for workspace in self.ready if workspace.base != self.base), None)


@dataclass(slots=True, kw_only=True)
class Pool:
    """Prepared workspaces of one project. One thread prepares, as long as the pool lives.

    A plain session uses `size` of them before the next agent works: for its suite, its checks and
    its verify, then for the next verify at the base and for the next agent. Once `stop` is set,
    nothing is prepared any more, and an init.sh that runs is ended.
    """

    project: Project
    sandbox: Sandbox
    branch: str
    size: int = 5
    ways: ReachableServices = field(init=False)
    stop: threading.Event = field(default_factory=threading.Event)
    _shelf: Shelf = field(default_factory=Shelf)
    _thread: threading.Thread | None = None
    _keys: dict[str, "EnvKey"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ways = ReachableServices(addresses=self.project.config.checks.reach)

    def take(self, base: str) -> Workspace:
        """Return a pristine workspace at `base`. Raises FaultError where init.sh fails."""
        ready = self._shelf.take(base)
        return self.renew(ready, base) if ready else self.prepare(base)

    def renew(self, workspace: Workspace, base: str) -> Workspace:
        """Return a prepared workspace moved to another base, or a new one where that would need
        another init.sh."""
        if workspace.env == self.env_key(base):
            return workspaces.retarget(self.project.repo, workspace, base)
        workspaces.discard(workspace)
        return self.prepare(base)

    @contextmanager
    def checkout(self, base: str, tree: str, *, own: bool = False) -> Iterator[Workspace]:
        """A pristine workspace that holds `tree` over what init.sh makes at `base`, or for
        `tree` where its manifests or lock files are others, or `own`; gone afterwards."""
        own = own or self.env_key(tree) != self.env_key(base)
        workspace = self.bare(base, self.env_key(tree)) if own else self.take(base)
        try:
            workspaces.lay(self.project.repo, workspace, tree)
            if own:
                self.furnish(workspace, tree, self.template(tree))
            workspaces.commit(self.project.repo, workspace, tree)
            yield workspace
        finally:
            workspaces.discard(workspace)

    def ahead(self, base: str) -> None:
        """Have workspaces at `base` prepared while the caller does something else."""
        self._shelf.fill(base, self.size)
        with self._shelf.turn:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def follow(self, base: str) -> None:
        """The branch moved: have what is prepared moved along while the caller does something
        else."""
        self._shelf.follow(base)

    def close(self) -> None:
        """Stop preparing and put what is prepared away."""
        self._shelf.close()
        if self._thread:
            self._thread.join()
        for workspace in self._shelf.ready:
            workspaces.discard(workspace)
        self.ways.close()
        workspaces.empty_trash(self.project.cache)

    def _work(self) -> None:
        """Move what is ready to the newest base, then make what is missing; an error waits for
        the one who takes next."""
        while job := self._shelf.next_job():
            old, base = job
            made: Workspace | None = None
            fault: Exception | None = None
            try:
                made = self.renew(old, base) if old else self.prepare(base)
            except (NightlatchError, OSError) as error:
                fault = error
            finally:
                self._shelf.hand_over(made, fault)
            if made and not old:  # while an agent works, and not while the next one waits
                workspaces.empty_trash(self.project.cache, stop=self._shelf.is_wanted_or_closed)

    def prepare(self, base: str) -> Workspace:
        """Check `base` out and give it what init.sh makes there, from the last time when its
        inputs are the same."""
        workspace = self.bare(base, self.env_key(base))
        # What was made for a candidate's manifests is right for the commit that it landed as; else
        # the person's shared folder is.
        if workspace.env and (INIT_MAKER in self.makers(base) or self.template(base).is_dir()):
            self.furnish(workspace, base, self.template(base))
        return workspace

    def bare(self, base: str, key: str = "") -> Workspace:
        """Check `base` out, with nothing of init.sh's yet."""
        folder = self.project.cache / "ws" / f"{fs.mark()}-{uuid4().hex[:8]}"
        traits = self.sandbox.traits
        workspace = workspaces.prepare(
            self.project.repo, folder, base, self.branch, sandboxed=traits.own_paths, env=key
        )
        if traits.isolates_files:  # else HOME is the person's own, with their settings in it
            package_stores.lend_settings(Path.home(), workspace.home)
        for name in self.copied():
            copy_into(self.project.repo.folder / name, workspace.tree / self.project.path(name))
            with (workspace.git / "info/exclude").open("a") as rules:
                rules.write(f"/{self.project.path(name)}\n")
        return workspace

    def copied(self) -> list[str]:
        """The files and folders of the project that every workspace gets a copy of; names with
        *, ? or [ stand for all that they match."""
        top, names = self.project.repo.folder, self.project.config.workspace.copy
        many = {
            name: sorted(str(found.relative_to(top)) for found in top.glob(name))
            for name in names
            if GLOB.search(name)
        }
        away = matcher(
            ("node_modules/**", "**/node_modules/**", ".venv/**", ".git/**", ".nightlatch/**")
        )
        found = [
            path
            for name in names
            for path in many.get(name, [name])
            if name not in many or not away(path)
        ]
        return [*dict.fromkeys(found)]

    def template(self, tree: str) -> Path:
        """Return what init.sh makes for a tree, kept for the next time."""
        return self.project.cache / "env" / self.env_key(tree)

    def environment(self, base: str, tree: str) -> tuple[Reason, ...]:
        """Return what there is to say of the environment that a candidate's manifests ask for;
        nothing where they are the base's."""
        if self.env_key(tree) == self.env_key(base):
            return ()
        for each, whose in ((tree, ""), (base, "already at the base: ")):  # made once, and kept
            try:
                if not self.template(each).is_dir():
                    with self.checkout(base, each, own=True):
                        pass
            except FaultError as error:
                return (
                    reason(
                        "tests.environment-failed",
                        [f"{whose}{error.place}: {error.problem.removeprefix(f'{FAILED}: ')}"],
                    ),
                )
        old, new = (self.template(each) / "tree" for each in (base, tree))
        # Where each workspace is seen at a path of its own, two environments differ by that path
        # wherever they name it.
        return tuple(environment.compared(old, new)) if self.sandbox.traits.own_paths else ()

    def env_key(self, base: str) -> str:
        """Return what init.sh depends on: itself and the tracked manifests and lock files.

        "" where there is no init.sh.

        Where nothing of that differs from the last base that was asked about, neither does the key.
        """
        if base not in self._keys:
            last, matters = [*self._keys][-1:], matcher((INIT, *manifests.ENVIRONMENT))
            try:
                same = last and not any(
                    matters(change.path.rpartition("/")[2])
                    for change in self.project.repo.diff(last[0], base)
                )
            except RepoError:  # the last tree was collected: it never landed
                same = False
            self._keys[base] = self._keys[last[0]] if same else self.key_of(base)
        return self._keys[base].key

    def makers(self, tree: str) -> tuple[Maker, ...]:
        """Return the commands that make the environment of a tree."""
        self.env_key(tree)
        return self._keys[tree].makers

    def key_of(self, base: str) -> "EnvKey":
        """Return what the environment of a tree depends on, found out from its files."""
        known = self.project.repo.files(base)
        script = self.project.path(INIT)
        if self.project.apart:
            return EnvKey()
        shares = map(self.project.path, self.project.config.workspace.share)
        has_init = known.get(script, ("", ""))[0] == PROGRAM
        makers = (
            (INIT_MAKER,)
            if has_init
            else tuple(
                core_packages.makers(
                    package_stores.shipped(),
                    shares,
                    known,
                    self.project.inside,
                    lambda program: shutil.which(program) is not None,
                )
            )
        )
        if not makers:
            return EnvKey()
        counts = matcher(manifests.ENVIRONMENT)
        inputs = sorted(
            f"{path}\0{oid}"
            for path, (_, oid) in known.items()
            if path == script or counts(path.rpartition("/")[2])
        )
        return EnvKey(
            key=sha256("\n".join(inputs).encode("utf-8", "surrogateescape")).hexdigest()[:16],
            makers=makers,
        )

    def furnish(self, workspace: Workspace, base: str, template: Path) -> None:
        """Give a workspace what init.sh makes: from the template, or by making it now."""
        if not template.is_dir():
            for maker in self.makers(base):
                self.run_maker(workspace, maker, base)
            # What init.sh put into a submodule is nothing that git tracks here.
            tracked = {
                path for path, (mode, _) in self.project.repo.files(base).items() if mode != GITLINK
            }
            keep_made(workspace.tree, tracked, template, workspace.stores)
            return
        for made in (template / "tree").iterdir() if (template / "tree").is_dir() else ():
            copy_into(made, workspace.tree / made.name)

    def run_maker(self, workspace: Workspace, maker: Maker, tree: str) -> None:
        """Have init.sh, or a package manager, make the environment.

        Raises FaultError where it fails, or becomes a server.
        """
        for shared in map(self.project.path, self.project.config.workspace.share):
            if maker.fills(shared):
                (workspace.replacing / shared).mkdir(parents=True, exist_ok=True)
        words = self.pip_words(workspace, maker, tree) if maker.lists else ()
        room = profiles.spec_for(self.project, workspace, network=True)
        room = replace(room, cwd=room.cwd if maker is INIT_MAKER else maker.cwd or ".")
        if self.sandbox.traits.own_paths:  # else packages go to the stores of the person's HOME
            room = profiles.installing(self.project, workspace, room)
        command = self.sandbox.command(room, (*maker.argv, *words))
        server = listeners.ListeningProcess()
        ran = supervisor.run(command, timeout=INIT_TIMEOUT, over=server.stays, stop=self.stop)
        if server.port is not None:
            fix = (
                "let it end: put ` &` behind what starts the server, or leave that to the check"
                " that needs one"
            )
            says = (
                f"{maker.name} started a server, which listens on port {server.port}, and does"
                " not end"
            )
            raise FaultError(says, place=maker.name, fix=fix)
        if ran.exit != 0:
            raise FaultError(
                f"{FAILED}: {self.why_failed(ran)}",
                place=maker.name,
                fix="make it succeed in a fresh clone",
            )

    def why_failed(self, ran: CommandResult) -> str:
        """Return what a maker printed of its error, or how it ended where that says more."""
        output = self.project.secrets.hide_bytes(ran.output).decode("utf-8", "replace")
        tail = from_error(output.strip())
        return ended(ran) if ran.crowded or ran.timed_out or not tail else tail

    def pip_words(self, workspace: Workspace, maker: Maker, tree: str) -> tuple[str, ...]:
        """Return what is to be installed into, and removed from, a copy of the person's
        environment, which is made here."""
        copy_into(self.project.repo.top / maker.folder, workspace.tree / maker.folder)
        read = self.project.repo.read
        before, now = (
            [(read(rev, path) or b"").decode("utf-8", "replace") for path in maker.lists]
            for rev in (workspace.base, tree)
        )
        return core_packages.pip_words(maker.lists, before, now)


def from_error(output: str) -> str:
    """Return the end of what a tool printed, from where it speaks of an error: much else may stand
    before it."""
    told = output[-2_000:]
    found = ERROR.search(told)
    return told[found.start() :][:600] if found else told[-600:]


def keep_made(tree: Path, tracked: set[str], template: Path, stores: Path | None = None) -> None:
    """Copy what is in the tree and not tracked, and the stores that are not empty, into the
    template, whole or not at all."""
    parents = {path[:cut] for path in tracked for cut in range(len(path)) if path[cut] == "/"}
    for left in template.parent.glob("*.*"):
        if fs.orphaned(left.name.partition(".")[2].partition("-")[0]):
            workspaces.unlock(left)
            shutil.rmtree(left)
    draft = template.with_name(f"{template.name}.{fs.mark()}-{uuid4().hex[:8]}")
    (draft / "tree").mkdir(parents=True)
    for made in untracked(tree, "", tracked, parents):
        copy_into(tree / made, draft / "tree" / made)
    for store in package_stores.shipped().stores:
        if stores and any((stores / store.folder).glob("*")):
            copy_into(stores / store.folder, draft / "home" / store.folder)
    os.sync()  # a power cut may cost the template, but not leave one with empty files in it
    try:
        draft.rename(template)
    except OSError:  # another process was quicker
        workspaces.unlock(draft)
        shutil.rmtree(draft)


def untracked(tree: Path, below: str, tracked: set[str], parents: set[str]) -> Iterator[str]:
    """Yield the topmost entries that git does not know."""
    with os.scandir(tree / below) as entries:
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            if path in parents and entry.is_dir(follow_symlinks=False):
                yield from untracked(tree, path, tracked, parents)
            elif path not in tracked and path != ".git":
                yield path


def copy_into(source: Path, target: Path) -> None:
    """Copy a file or folder, sharing blocks where the file system can; merges into folders that
    are there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.exists():
        argv = ["cp", "-a", "--reflink=auto", "-T", "--", str(source), str(target)]
        done = outside.asked(argv)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            fix = "correct copy under [workspace] in loop.toml, or what init.sh makes"
            failed = FaultError(
                f"this cannot be copied into a workspace: {said}", place=str(source), fix=fix
            )
            raise fs.disk_error(fs.meant(said, target.parent), target.parent) or failed
