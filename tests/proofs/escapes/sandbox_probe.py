"""A machine in small, for what tries to get out: a repository, a person's home, a process of
theirs, and what listens."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from nightlatch.git.open import open_repo
from nightlatch.project.config.settings import load
from nightlatch.project.project import Project
from nightlatch.sandbox.process.supervisor import CommandResult, run
from nightlatch.workspace import profiles, workspace
from nightlatch.workspace.workspace import OBJECTS_INSIDE, Workspace
from tests import PATIENCE
from tests.io.git.sample_repo import committed, git

WATCHED = (
    ".nightlatch/journal.jsonl",
    ".git/hooks/post-commit",
    ".git/config",
    ".git/objects/info/alternates",
    ".git/refs/heads/other",
)
PARENT = "import sys; sys.stdin.read()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """`before` is what the files of WATCHED held, None for none; `mark` a word in the
    environment of whatever is started here."""

    project: Project
    outside: Path
    victim: subprocess.Popen[bytes]
    servers: Mapping[str, socket.socket]
    before: Mapping[Path, bytes | None]
    packs: frozenset[str]
    mark: str

    @property
    def env(self) -> dict[str, str]:
        objects = (
            OBJECTS_INSIDE
            if self.project.config.workspace.sandbox != "none"
            else str(self.project.repo.objects)
        )
        return {
            "MARK": self.mark,
            "TOP": str(self.project.repo.top),
            "OUTSIDE": str(self.outside),
            "OBJECTS": objects,
            "VICTIM": str(self.victim.pid),
            "PORT": str(self.servers["port"].getsockname()[1]),
            "ABSTRACT": self.mark,
        }

    def try_it(self, argv: list[str], *, agents: bool) -> CommandResult:
        """In the room of an agent, or in that of a check, as a session makes them."""
        sandbox = profiles.sandbox_of(self.project)
        space = self.workspace(sandboxed=sandbox.traits.own_paths)
        if agents:
            room = profiles.agent_spec(
                self.project, space, sandbox, session="s", feature="f", **self.env
            )
        else:
            room = profiles.spec_for(
                self.project, space, network=self.project.config.checks.network
            )
            room = replace(room, env={**room.env, **self.env})
        return run(sandbox.command(room, argv), timeout=PATIENCE)

    def workspace(self, *, sandboxed: bool) -> Workspace:
        folder = self.project.cache / "ws" / uuid4().hex
        return workspace.prepare(
            self.project.repo,
            folder,
            self.project.repo.tip_of("HEAD") or "",
            "main",
            sandboxed=sandboxed,
        )

    def changed(self, name: Path) -> bool:
        return held(self.project.repo.top / name) != self.before[name]

    def victim_is_dead(self) -> bool:
        return self.victim.poll() is not None

    def called(self, name: str) -> bool:
        try:
            self.servers[name].accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def lives_on(self) -> bool:
        return bool(marked(self.mark))

    def lost_a_pack(self) -> bool:
        return not self.packs or not self.packs <= packs_of(self.project)


@contextmanager
def ground_in(folder: Path, settings: Mapping[str, object]) -> Iterator[Ground]:
    """Everything that the attacks aim at, in a folder of its own."""
    top, outside, home, mark = folder / "project", folder / "outside", Path.home(), uuid4().hex
    for made in (top, outside, home / ".ssh"):
        made.mkdir()
    (home / ".ssh/key").write_text("the person's key\n")
    git(top, "init", "-q", "-b", "main")
    committed(top, {"a.txt": "1\n", ".gitignore": ".nightlatch/\n"})
    git(top, "branch", "other")
    committed(top, {"a.txt": "2\n"})
    git(top, "repack", "-q", "-a", "-d")
    (top / ".nightlatch").mkdir()
    (top / ".nightlatch/journal.jsonl").write_text("true\n")
    project = Project(
        repo=open_repo(top), config=load(None, None, {}, settings), plan="", progress="progress.txt"
    )
    env = {**os.environ, "ONLY": "only-the-loop-knows"}
    with ExitStack() as stack:
        victim = stack.enter_context(
            subprocess.Popen([sys.executable, "-c", PARENT], env=env, stdin=subprocess.PIPE)
        )
        stack.callback(victim.kill)
        yield Ground(
            project=project,
            outside=outside,
            victim=victim,
            mark=mark,
            packs=packs_of(project),
            before={Path(n): held(top / n) for n in WATCHED},
            servers={
                name: stack.enter_context(server) for name, server in listening(outside, mark)
            },
        )


def listening(outside: Path, mark: str) -> Iterator[tuple[str, socket.socket]]:
    for name, kind, where in (
        ("port", socket.AF_INET, ("127.0.0.1", 0)),
        # a path of a socket is at most 107 bytes
        ("path", socket.AF_UNIX, os.path.relpath(outside / "socket")),
        ("abstract", socket.AF_UNIX, f"\0{mark}"),
    ):
        server = socket.socket(kind)
        server.bind(where)
        server.listen()
        server.setblocking(False)
        yield name, server


def held(file: Path) -> bytes | None:
    return file.read_bytes() if os.path.lexists(file) else None


def packs_of(project: Project) -> frozenset[str]:
    return frozenset(pack.name for pack in (project.repo.objects / "pack").glob("*.pack"))


def marked(mark: str) -> list[int]:
    """The processes of this machine that have the word in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found
