"""Hands what is to be told to a process that tells it, and says later what did not arrive."""

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nightlatch.errors import NightlatchError
from nightlatch.notify import messages
from nightlatch.notify.messages import Notice
from nightlatch.project.config.settings import Notify
from nightlatch.project.project import Project
from nightlatch.util import outside

# seconds
PING_EVERY = 600.0


@dataclass(slots=True, kw_only=True)
class Notifier:
    """Tells of one run.

    Nothing here waits for a receiver, and nothing that one does is an error: `say` shows it, at the
    next event.
    """

    project: Project
    branch: str
    run: str
    say: Callable[[str, str], None]
    _told: set[str] = field(default_factory=set)
    _pinged: float = 0.0
    _heard: int = 0
    _sent: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _last: int = 0

    @property
    def settings(self) -> Notify:
        return self.project.config.notify

    def tell(self, *told: Notice) -> None:
        """Where the person named a channel, and a run is under way."""
        self.hear()
        about = {"project": self.project.repo.folder.name, "branch": self.branch, "run": self.run}
        if self.run and (self.settings.command or self.settings.webhook or self.settings.urls):
            self._last = self._send([messages.body(one, **about) for one in told], after=self._last)

    def needs(self, asked: Mapping[str, str]) -> None:
        """Features that wait for the person, with their questions; each once a run."""
        new = {name: question for name, question in asked.items() if name not in self._told}
        self._told |= new.keys()
        if new:
            self.tell(messages.needs_you(new, question=self.settings.question))

    def ping(self, *, now: bool = False) -> None:
        """A sign of life for the dead-man address: at the ends of sessions, and every ten
        minutes between them."""
        if (
            self.run
            and self.settings.ping
            and (now or time.monotonic() - self._pinged >= PING_EVERY)
        ):
            self._pinged = time.monotonic()
            self.hear()
            self._send([None])

    def ended(self, code: int, words: Iterable[str], passing: str, why: str = "") -> None:
        """The end of the run; `why` says in the program's own words what is wrong, where
        something is."""
        wrong = (messages.stopped(code, why),) if why else ()
        self.tell(*wrong, messages.run_ended(code, words, passing))
        self.ping(now=True)

    def broke(self, end: BaseException, words: Iterable[str], passing: str) -> None:
        """A run that an error ends.

        What the error says may hold anybody's output; what kind it is does not.
        """
        kind = end if isinstance(end, NightlatchError) else None
        code = kind.exit if kind else 130 if isinstance(end, KeyboardInterrupt) else 70
        why = (
            (type(kind).__doc__ or "").partition("\n")[0]
            if kind
            else "something unexpected happened"
        )
        self.ended(code, words, passing, "" if code > 128 else why)

    def hear(self) -> None:
        """Say what did not arrive since the last look, that of an earlier run included."""
        with suppress(OSError):
            told = self._log.read_bytes()[self._heard :]
            self._heard += len(told)
            for failed in messages.failures(read(told)):
                self.say("notify", failed)
        self._sent = [process for process in self._sent if process.poll() is None]

    def begin(self) -> None:
        self.hear()
        self._log.unlink(missing_ok=True)
        self._heard = 0
        self.ping(now=True)

    @property
    def _log(self) -> Path:
        return self.project.state / "notify.jsonl"

    def _send(self, what: Sequence[Mapping[str, object] | None], after: int = 0) -> int:
        with suppress(OSError), self._log.open("ab") as log:
            # Notices arrive in their order: each sender waits for the one before, as long as that
            # is ours.
            running = {process.pid for process in self._sent}
            self._sent.append(
                send(self.project, what, log.fileno(), after if after in running else 0)
            )
            return self._sent[-1].pid
        return 0


def send(
    project: Project, what: Sequence[Mapping[str, object] | None], out: int, after: int = 0
) -> subprocess.Popen[bytes]:
    """Start a sender; settings and notices go to its standard input, for others may read the
    arguments of a process."""
    job = {
        **asdict(project.config.notify),
        "folder": str(project.repo.folder),
        "notices": what,
        "after": after,
    }
    sender = subprocess.Popen(
        outside.own_python("nightlatch.notify.delivery"),
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=subprocess.DEVNULL,
        cwd=outside.NOWHERE,
        env=outside.environment(None, project.repo.top),
        start_new_session=True,
    )
    with suppress(OSError):
        assert sender.stdin  # noqa: S101  # asked for in the line before
        sender.stdin.write(json.dumps(job).encode())
        sender.stdin.close()
    return sender


def tested(project: Project) -> list[Mapping[str, object]]:
    """Send a test through every channel, and wait for the answers."""
    notice = Notice(event=messages.TEST, says="a test of nightlatch doctor --notify")
    what = (messages.body(notice, project=project.repo.folder.name, branch="", run=""), None)
    sender = send(project, what, subprocess.PIPE)
    assert sender.stdout  # noqa: S101  # as above
    with sender.stdout as told:
        lines = told.read()
    sender.wait()
    return read(lines)


def read(lines: bytes) -> list[Mapping[str, object]]:
    """Return what senders reported, as far as it is whole."""
    return [json.loads(line) for line in lines.split(b"\n")[:-1]]
