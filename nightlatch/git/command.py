"""One git process: what it is told so that it runs nothing of an agent's, and what becomes of
its words and its failures."""

import os
import shlex
import subprocess
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import IO

from nightlatch.errors import NightlatchError, RepoError
from nightlatch.util.fs import disk_error, meant

QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C.UTF-8",
}
PRIVATE = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ASKPASS": "true",
    "GIT_SSH_COMMAND": "false",
}
HOOKLESS = (
    "core.hooksPath=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
)
PRIVATELY = (
    *(
        *HOOKLESS,
        "core.fsmonitor=false",
        "core.attributesFile=/dev/null",
        "core.excludesFile=/dev/null",
    ),
    *(
        "core.trustctime=true",
        "core.checkStat=default",
        "core.fileMode=true",
        "core.symlinks=true",
        "core.ignoreCase=false",
    ),
    *("protocol.allow=never", "safe.bareRepository=explicit", "log.showSignature=false"),
    *("i18n.commitEncoding=UTF-8", "i18n.logOutputEncoding=UTF-8", "core.looseCompression=1"),
)
# Blobs and trees are handed to the disk as they are written. The commit and the ref above them are
# synced in full, which on a journalling file system makes everything before them durable too: two
# waits a landing, not one a file. A person's own git holds the lock of HEAD for as long as a commit
# takes: on a busy machine longer than the tenth of a second that git waits by itself.
PATIENT = "core.filesRefLockTimeout=3000"
HANDED = ("core.fsync=loose-object,reference", "core.fsyncMethod=writeout-only", PATIENT)
SYNCED = ("core.fsync=loose-object,reference", "core.fsyncMethod=fsync", PATIENT)

TOGETHER = 16_000  # bytes; a pipe holds more, so that neither side waits for the other
KINDS = {b"blob", b"tree", b"commit", b"tag"}


def apart(args: Sequence[str]) -> int | None:
    """Return the process group of a git: its own, so that neither Ctrl-C nor a terminal that closes
    ends it half-way. None, the loop's, where it may have to ask for a passphrase."""
    return None if "-S" in args else 0


class SlowError(RepoError):
    """A git command was given up after the time it was allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitCommand:
    """A git command, ready to run."""

    args: tuple[str, ...]
    settings: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path

    @property
    def argv(self) -> tuple[str, ...]:
        return (
            "git",
            "--no-pager",
            *(word for setting in self.settings for word in ("-c", setting)),
            *self.args,
        )

    def finish(
        self, stdin: bytes = b"", timeout: float | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run it to its end, whatever it says. Raises SlowError after `timeout` seconds."""
        try:
            return subprocess.run(
                self.argv,
                env=self.env,
                cwd=self.cwd,
                input=stdin,
                capture_output=True,
                timeout=timeout,
                check=False,
                process_group=apart(self.args),
            )
        except subprocess.TimeoutExpired as error:
            problem = f"git {self.args[0]} did not finish within {timeout:.0f} seconds"
            raise SlowError(
                problem, place=str(self.cwd), fix=f"see what this does: git {shlex.join(self.args)}"
            ) from error
        except FileNotFoundError as error:
            problem = "git, or the folder to run it in, was not found"
            raise RepoError(problem, place=str(error.filename), fix="git --version") from error

    @contextmanager
    def begun(self) -> Iterator[Callable[[], bytes]]:
        """Start it and go on: what is handed out waits for its end, and gives what it printed
        into memory; a pipe would hold it up."""
        with (
            os.fdopen(os.memfd_create("printed"), "w+b") as out,
            os.fdopen(os.memfd_create("said"), "w+b") as said,
            subprocess.Popen(
                self.argv,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=said,
                process_group=apart(self.args),
            ) as process,
        ):

            def printed() -> bytes:
                code = process.wait()
                _ = out.seek(0), said.seek(0)
                return self.printed(
                    subprocess.CompletedProcess(self.argv, code, out.read(), said.read())
                )

            yield printed

    def output(
        self, stdin: bytes = b"", timeout: float | None = None, accept: Collection[int] = (0,)
    ) -> bytes:
        """Return what it prints; RepoError where its exit code is not accepted."""
        return self.printed(self.finish(stdin, timeout), accept)

    def printed(
        self, done: subprocess.CompletedProcess[bytes], accept: Collection[int] = (0,)
    ) -> bytes:
        if done.returncode not in accept:
            raise self.failed(done.stderr)
        return done.stdout

    def failed(self, stderr: bytes) -> NightlatchError:
        said = stderr.decode("utf-8", "replace").strip() or "it said nothing"
        fix = f"see what this says: git {shlex.join(self.args)}"
        return disk_error(meant(said, self.cwd), self.cwd) or RepoError(
            f"git {self.args[0]} failed: {said}", place=str(self.cwd), fix=fix
        )


class GitServer:
    """A long-running git process that answers one thread at a time; a new one is started where it
    ended."""

    def __init__(self, call: GitCommand) -> None:
        self._call = call
        self._lock = RLock()
        self._talk = None
        self._ended = bool
        self._end: Callable[[], object] = bool

    _talk: "GitSession | None"
    _ended: Callable[[], object]

    @contextmanager
    def talking(self) -> Iterator["GitSession"]:
        with self._lock:
            talk = self._start() if self._talk is None or self._ended() else self._talk
            try:
                yield talk
            except BaseException:
                self._end()
                self._talk = None
                raise

    def _start(self) -> "GitSession":
        self._end()
        call, pipe = self._call, subprocess.PIPE
        process = subprocess.Popen(
            call.argv,
            env=call.env,
            cwd=call.cwd,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            process_group=0,
        )
        self._end = weakref.finalize(self, hang_up, process)
        self._ended = lambda: process.poll() is not None
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018  # asked for in the line before
        self._talk = GitSession(
            call=call, stdin=process.stdin, stdout=process.stdout, stderr=process.stderr
        )
        return self._talk


def hang_up(process: subprocess.Popen[bytes]) -> None:
    """End a process by closing its input, and wait for it."""
    with suppress(BrokenPipeError), process:
        process.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSession:
    """A long-running git process that takes requests and answers them."""

    call: GitCommand
    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def answer(self, question: bytes) -> bytes:
        """Return the first line of its answer; RepoError where it ends instead."""
        self.ask(question)
        with suppress(BrokenPipeError):
            self.stdin.flush()
        line = self.stdout.readline()
        if not line:
            raise self.call.failed(self.stderr.read())
        return line.rstrip(b"\n")

    def ask(self, question: bytes) -> None:
        with suppress(BrokenPipeError):  # that it has ended is what reading its answer finds
            self.stdin.write(question)

    def find(self, name: str) -> tuple[str, str, bytes] | None:
        """Return id, type and bytes of an object, asked of a `cat-file --batch`; None where the
        name, without a line break, names none."""
        return self._read_object(self.answer(os.fsencode(f"{name}\n")))

    def _read_object(self, line: bytes) -> tuple[str, str, bytes] | None:
        oid, _, rest = line.partition(b" ")
        kind, _, size = rest.rpartition(b" ")
        return (
            (oid.decode(), kind.decode(), self.stdout.read(int(size) + 1)[:-1])
            if size.isdigit() and kind in KINDS
            else None
        )

    def find_all(self, names: Iterable[str]) -> Iterator[tuple[str, str, bytes] | None]:
        """As `find`, for many: asked together, a pipe's worth at a time, so that nobody waits
        for each answer."""
        asked, size = 0, 0
        for name in names:
            question = os.fsencode(f"{name}\n")
            if size + len(question) > TOGETHER:
                yield from (self._read_object(self.answer(b"")) for _ in range(asked))
                asked, size = 0, 0
            self.ask(question)
            asked, size = asked + 1, size + len(question)
        yield from (self._read_object(self.answer(b"")) for _ in range(asked))

    def object(self, name: str) -> bytes:
        """Return the bytes of an object that has to be there."""
        found = self.find(name)
        if found is None:
            raise RepoError(
                f"{name} is not in the repository", place=str(self.call.cwd), fix="git fsck"
            )
        return found[2]


def words(printed: bytes) -> list[str]:
    """Return what a command with -z printed."""
    return os.fsdecode(printed).split("\0")[:-1]


def printed_id(printed: bytes) -> str:
    """Return the id that a command printed."""
    return printed.decode("ascii").strip()
