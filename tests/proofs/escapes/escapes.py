"""The programs that try to get out of a sandbox, what each would do from inside, and how it is
seen from outside that it did.

Each is a few lines of Python or shell, started in a room as the loop makes it. `$TOP` is where the
repository is seen, `$OUTSIDE` a folder beside it, `$VICTIM` the number of a process of the
person's, `$PORT` and `$ABSTRACT` what listens on the machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.proofs.escapes.sandbox_probe import Ground

NONE, ON, OFF, LIMITS = (
    "none",
    "bubblewrap, network on",
    "bubblewrap, network off",
    "bubblewrap, network off, limits",
)
OPTIONS = (NONE, ON, OFF, LIMITS)
PTRACE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
SEIZE, EXIT_KILL = 0x4206, 1 << 20
raise SystemExit(libc.ptrace(SEIZE, int(os.environ["VICTIM"]), None, ctypes.c_void_p(EXIT_KILL)))
"""
ENVIRON = """
import glob
for name in glob.glob("/proc/[0-9]*/environ"):
    try:
        print(open(name, "rb").read())
    except OSError:
        pass
"""
CONNECT = """
import os, socket
kind, where = {}
with socket.socket(kind) as talk:
    talk.connect(where)
    talk.sendall(b"out")
"""
DAEMON = """
import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        for number in range(3):
            os.close(number)
        open("up", "w").close()
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists("up"):
    time.sleep(0.01)
"""
FORK = """
import os, time
for n in range(300):
    if not os.fork():
        time.sleep(600)
print("all forked")
"""
MEMORY = "eaten = bytearray(300_000_000); print('all eaten')"
LIFT = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
NEW_USER, NEW_MOUNTS, NEW_GROUPS = 0x10000000, 0x20000, 0x02000000
libc.unshare(NEW_USER | NEW_MOUNTS | NEW_GROUPS)
for kind, options in ((b"cgroup2", None), (b"cgroup", b"memory")):
    place = os.path.abspath(kind.decode())
    os.mkdir(place)
    libc.mount(b"none", place.encode(), kind, 0, options)
    for name in ("memory.max", "memory.memsw.limit_in_bytes", "memory.limit_in_bytes"):
        file = place + "/" + name
        try:
            if int(open(file).read()) < 1_000_000_000:  # only the limit of this command, never one that the machine has set
                open(file, "w").write("-1" if kind == b"cgroup" else "max")
        except (OSError, ValueError):
            pass
eaten = bytearray(300_000_000)
print("all eaten")
"""
NAMESPACE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
NEW_USER, NEW_MOUNTS, DETACH, REMOUNT_BIND, BIND = 0x10000000, 0x20000, 2, 32 | 4096, 4096 | 16384
objects, home, top = (os.environ[name] for name in ("OBJECTS", "HOME", "TOP"))
print("a namespace of its own:", not libc.unshare(NEW_USER | NEW_MOUNTS))
for place in (home, "/etc/ssh", objects, "/tmp", top):
    libc.umount2(place.encode(), DETACH)
for place in ("/", "/usr", objects):
    libc.mount(None, place.encode(), None, REMOUNT_BIND, None)
    libc.mount(place.encode(), b"/mnt", None, BIND, None)
for name in (os.environ["OUTSIDE"] + "/planted", objects + "/info/alternates"):
    try:
        open(name, "a").write("more")
    except OSError:
        pass
for name in (home + "/.ssh/key", "/proc/" + os.environ["VICTIM"] + "/root" + home + "/.ssh/key"):
    try:
        print(open(name).read())
    except OSError:
        pass
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """`harm` is what came of it, seen from outside; `gets_out` are the options under which it
    succeeds, which the test asks for too."""

    name: str
    does: str
    harm: Callable[[Ground, str], bool]
    gets_out: tuple[str, ...] = (NONE,)
    python: bool = False

    @property
    def argv(self) -> list[str]:
        return ["python3" if self.python else "sh", "-c", self.does]


def planted(ground: Ground, _said: str) -> bool:
    return (ground.outside / "planted").exists()


def told(word: str) -> Callable[[Ground, str], bool]:
    return lambda _ground, said: word in said


def changed(name: str) -> Callable[[Ground, str], bool]:
    """A file of the person's repository is not what it was."""
    return lambda ground, _said: ground.changed(Path(name))


def called(name: str) -> Callable[[Ground, str], bool]:
    return lambda ground, _said: ground.called(name)


UNIX = 'socket.AF_UNIX, os.environ["OUTSIDE"] + "/socket"'
ATTACKS = (
    Attack(name="write outside the workspace", does='touch "$OUTSIDE/planted"', harm=planted),
    Attack(
        name="read ~/.ssh",
        does='cat "$HOME/.ssh/key" "/proc/$VICTIM/root$HOME/.ssh/key"',
        harm=told("the person's key"),
    ),
    Attack(
        name="kill the loop",
        does='kill -9 "$VICTIM"',
        harm=lambda ground, _: ground.victim_is_dead(),
    ),
    Attack(
        name="write the journal",
        does='mkdir -p .nightlatch; echo forged >> "$TOP/.nightlatch/journal.jsonl"',
        harm=changed(".nightlatch/journal.jsonl"),
    ),
    Attack(
        name="plant a git hook",
        does='mkdir -p "$TOP/.git/hooks"; ln -s /bin/true "$TOP/.git/hooks/post-commit"',
        harm=changed(".git/hooks/post-commit"),
    ),
    Attack(
        name="change the git configuration",
        does='git config --file "$TOP/.git/config" core.fsmonitor x',
        harm=changed(".git/config"),
    ),
    Attack(
        name="write through a link", does='ln -s "$OUTSIDE" link; touch link/planted', harm=planted
    ),
    Attack(
        name="leave a daemon behind",
        does=DAEMON,
        python=True,
        harm=lambda ground, _: ground.lives_on(),
        gets_out=(),
    ),
    Attack(
        name="fork 300 processes",
        does=FORK,
        python=True,
        harm=told("all forked"),
        gets_out=(NONE, ON, OFF),
    ),
    Attack(
        name="trace the loop",
        does=PTRACE,
        python=True,
        harm=lambda ground, _: ground.victim_is_dead(),
    ),
    Attack(
        name="read the environment of the loop",
        does=ENVIRON,
        python=True,
        harm=told("only-the-loop-knows"),
    ),
    Attack(
        name="call a port of the machine's loopback",
        does=CONNECT.format('socket.AF_INET, ("127.0.0.1", int(os.environ["PORT"]))'),
        python=True,
        harm=called("port"),
        gets_out=(NONE, ON),
    ),
    Attack(
        name="call a socket by its path",
        does=CONNECT.format(UNIX),
        python=True,
        harm=called("path"),
    ),
    Attack(
        name="call an abstract socket",
        does=CONNECT.format('socket.AF_UNIX, "\\0" + os.environ["ABSTRACT"]'),
        python=True,
        harm=called("abstract"),
        gets_out=(NONE, ON),
    ),
    Attack(
        name="give the repository other objects",
        does='for o in "$TOP/.git/objects" "$OBJECTS"; do echo / > "$o/info/alternates"; done',
        harm=changed(".git/objects/info/alternates"),
    ),
    Attack(
        name="take 300 MB of memory",
        does=MEMORY,
        python=True,
        harm=told("all eaten"),
        gets_out=(NONE, ON, OFF),
    ),
    Attack(
        name="lift the limit in a namespace of control groups, then take 300 MB",
        does=LIFT,
        python=True,
        harm=told("all eaten"),
        gets_out=(NONE, ON, OFF),
    ),
    Attack(
        name="move another branch",
        does='git -C "$TOP" rev-parse HEAD > "$TOP/.git/refs/heads/other"',
        harm=changed(".git/refs/heads/other"),
    ),
    Attack(
        name="delete the repository's packs",
        does='rm -f "$TOP"/.git/objects/pack/*; rm -f "$OBJECTS"/pack/*',
        harm=lambda ground, _: ground.lost_a_pack(),
    ),
    Attack(
        name="lift the mounts in a user namespace of its own",
        does=NAMESPACE,
        python=True,
        harm=lambda ground, said: (
            planted(ground, said)
            or told("the person's key")(ground, said)
            or changed(".git/objects/info/alternates")(ground, said)
        ),
    ),
)


def table() -> str:
    """As docs/security.md shows it; the full disk has a test of its own in test_bounds.py."""
    lines = [f"| attack | {' | '.join(OPTIONS)} |", f"|---|{'---|' * len(OPTIONS)}"]
    for attack in ATTACKS:
        held = ["**gets out**" if option in attack.gets_out else "held" for option in OPTIONS]
        lines.append(f"| {attack.name} | {' | '.join(held)} |")
    return "\n".join([*lines, f"| fill the disk beyond `limits.disk` |{' held |' * len(OPTIONS)}"])
