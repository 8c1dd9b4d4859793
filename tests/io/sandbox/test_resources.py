"""Memory and processes of a sandboxed command: held together where a control group can be had,
else as far as a process can be held."""

import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nightlatch.errors import SandboxError
from nightlatch.sandbox.base import SandboxSpec, environment
from nightlatch.sandbox.find import find_sandbox
from nightlatch.sandbox.process import resources
from nightlatch.sandbox.process.resources import ResourceLimits, find_bounds
from nightlatch.sandbox.process.supervisor import STARVED, CommandResult, run
from tests import PATIENCE

pytestmark = pytest.mark.sandbox
MEMORY, PROCESSES = 96_000_000, 24
FOUR_EAT = """
import os
import select
full, done, eaters, count = os.pipe(), os.pipe(), [], 0
for _ in range(4):
    pid = os.fork()
    if not pid:
        eaten = bytearray(40_000_000)
        os.write(full[1], b"x")
        os.read(done[0], 1)
        os._exit(0)
    eaters.append(os.pidfd_open(pid))
while count < 4 and full[0] in select.select([full[0], *eaters], [], [])[0]:
    count += len(os.read(full[0], 1))
print("all four" if count == 4 else "fewer")
"""
EAT = "python3 -c 'x = bytearray(200_000_000)'"
FORK = "for i in $(seq 60); do sleep 60 & done"


@pytest.fixture
def room(tmp_path: Path) -> SandboxSpec:
    for name in ("tree", "home"):
        (tmp_path / name).mkdir()
    return SandboxSpec(
        tree=tmp_path / "tree", at=tmp_path / "project", home=tmp_path / "home", env=environment({})
    )


@pytest.fixture
def held() -> ResourceLimits:
    found = find_bounds(MEMORY, PROCESSES)
    if list(found.lacks()):
        pytest.skip("no control group can be made here")
    return found


def shell(room: SandboxSpec, script: str, memory: int = 0, processes: int = 0) -> CommandResult:
    return run(
        find_sandbox("auto", memory, processes).command(room, ["sh", "-c", script]),
        timeout=PATIENCE,
    )


def groups_of(held: ResourceLimits, pid: int | None = None) -> list[Path]:
    return [
        group
        for place in held.groups.values()
        for group in place.glob(f"nightlatch-{pid or os.getpid()}-*")
    ]


@pytest.mark.usefixtures("held")
def test_memory_is_held_over_all_processes_together(room: SandboxSpec) -> None:
    """Each of them alone would fit."""
    (room.tree / "four.py").write_text(FOUR_EAT)
    four = "python3 four.py"
    assert b"all four" not in shell(room, four, MEMORY, 0).output
    assert b"all four" in shell(room, four).output, "control: without a limit they have it"
    assert (shell(room, EAT, MEMORY, 0).exit, shell(room, EAT).exit) == (137, 0)
    assert [
        shell(room, f"{script}; exit 3", MEMORY, 0).output.endswith(STARVED)
        for script in (EAT, "true")
    ] == [True, False]
    assert shell(room, EAT.replace("200", "20"), MEMORY, 0).exit == 0


@pytest.mark.usefixtures("held")
def test_processes_are_counted(room: SandboxSpec) -> None:
    assert shell(room, FORK, 0, PROCESSES).exit not in (0, None)
    assert shell(room, "for i in 1 2 3; do sleep 0.01 & done; wait", 0, PROCESSES).exit == 0
    assert shell(room, FORK).exit == 0, "control: without a limit it runs"


def test_no_group_outlives_its_command(room: SandboxSpec, held: ResourceLimits) -> None:
    where = shell(room, "cat /proc/self/cgroup; setsid sleep 60 & exit 3", MEMORY, PROCESSES)
    assert (where.exit, f"nightlatch-{os.getpid()}-" in where.output.decode()) == (3, True)
    assert groups_of(held) == []


LOOP = """
import sys
from pathlib import Path
from nightlatch.sandbox.process.supervisor import run
from nightlatch.sandbox.base import SandboxSpec, environment
from nightlatch.sandbox.find import find_sandbox
tree, home = map(Path, sys.argv[1:])
room = SandboxSpec(tree=tree, at=Path("/srv/project"), home=home, env=environment({}))
run(find_sandbox("auto", 96_000_000, 24).command(room, ["sh", "-c", "echo up > up; exec sleep 600"]), timeout=600)
"""


def test_groups_of_a_loop_that_was_killed_go_with_the_next_one(
    room: SandboxSpec, held: ResourceLimits
) -> None:
    os.mkfifo(room.tree / "up")
    loop = subprocess.Popen([sys.executable, "-c", LOOP, str(room.tree), str(room.home)])
    assert (room.tree / "up").read_text() == "up\n"
    left = groups_of(held, loop.pid)
    assert len(left) == len(held.groups)
    find_bounds(MEMORY, PROCESSES)
    assert groups_of(held, loop.pid) == left, "control: the groups of a loop that lives stay"
    inside = os.pidfd_open(int((left[0] / "in/cgroup.procs").read_text().split()[0]))
    loop.kill()
    loop.wait()
    assert select.select([inside], [], [], 60)[0], "the kernel ends the namespace"
    os.close(inside)

    find_bounds(MEMORY, PROCESSES)

    assert groups_of(held, loop.pid) == []


ALONE = """
from pathlib import Path
from nightlatch.sandbox.process.supervisor import run
from nightlatch.sandbox.base import SandboxSpec, environment
from nightlatch.sandbox.find import find_sandbox
home = Path.home()
for name in ("tree", "private"):
    (home / name).mkdir()
sandbox = find_sandbox("auto", 300_000_000, 20)
print(sandbox.bounds.groups, [says.split(":")[0] for says, _ in sandbox.bounds.lacks()])
room = SandboxSpec(tree=home / "tree", at=Path("/srv/project"), home=home / "private", env=environment({}))
for script in ("python3 -c 'x = bytearray(400_000_000)'", "python3 -c 'x = bytearray(100_000_000)'",
               "for i in $(seq 60); do sleep 60 & done", "for i in $(seq 9); do sleep 0.01 & done; wait"):
    print(run(sandbox.command(room, ["sh", "-c", script]), timeout=600).exit)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_without_a_group_each_process_is_held_and_what_that_lacks_is_said(
    as_user: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """The number of processes counts those of the sandbox, not all of the user's: thirty others
    do not matter."""
    others = [
        subprocess.Popen(["sleep", "600"], user=65534, group=65534, extra_groups=[])
        for _ in range(30)
    ]
    try:
        done = as_user(ALONE)
    finally:
        for other in others:
            other.kill()
            other.wait()
    said, *exits = done.stdout.splitlines()
    assert (
        said == "{} ['workspace.memory holds for each process, not for all of a session together']"
    ), done.stderr
    assert exits == ["1", "0", "2", "0"]


SYSTEMD = """#!/bin/sh
case "$*" in *pids.max*) echo {told}; exit;; esac
echo "$@" >> {log}
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


@pytest.mark.parametrize(
    ("told", "taken"), [("96000000 24", True), ("max max", False), ("", False)]
)
def test_systemd_starts_commands_in_a_scope_where_that_holds(
    room: SandboxSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, taken: bool
) -> None:
    """The same words as the real one; with control groups of version 1 a user's scope is made
    and limits nothing."""
    log, fake = tmp_path / "log", tmp_path / "bin" / "systemd-run"
    fake.parent.mkdir()
    fake.write_text(SYSTEMD.format(told=told, log=log))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    sandbox = find_sandbox("auto", MEMORY, PROCESSES)
    assert bool(sandbox.bounds.scope) == taken

    ran = run(
        sandbox.command(room, ["sh", "-c", "echo ${XDG_RUNTIME_DIR-none}; exit 4"]),
        timeout=PATIENCE,
    )

    assert (ran.exit, ran.output) == (4, b"none\n")
    if taken:
        words = ["--user"] if os.getuid() else []
        limits = [
            "--property=MemoryMax=96000000",
            "--property=MemorySwapMax=0",
            "--property=TasksMax=24",
        ]
        assert log.read_text().split()[: len(words) + 7] == [
            *words,
            "--scope",
            "--quiet",
            "--collect",
            *limits,
            "--",
        ]
        assert list(sandbox.bounds.lacks()) == []


def test_a_limit_that_cannot_be_set_stops_the_command(
    room: SandboxSpec, held: ResourceLimits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = find_sandbox("auto", MEMORY, 0)
    monkeypatch.setitem(sandbox.bounds.groups, "memory", tmp_path / "gone")
    with pytest.raises(
        SandboxError, match=r"memory and processes cannot be limited: .*No such file"
    ):
        run(sandbox.command(room, ["touch", "made"]), timeout=PATIENCE)
    assert not (room.tree / "made").exists()
    assert groups_of(held) == []


def test_what_is_not_limited_is_said() -> None:
    assert [says for says, _ in resources.NO_BOUNDS.lacks()] == [
        "no limit of memory and processes: a session may use what the machine has"
    ]


SMALL_DISK = """
import sys
from pathlib import Path
from nightlatch.sandbox.process.supervisor import Timeouts, run, supervise
from nightlatch.sandbox.base import SandboxSpec, environment
from nightlatch.sandbox.find import find_sandbox

class Patient:
    open_tools = lambda self: 0
    finished = stop = lambda self: False
    tick = lambda self, elapsed, silence: None

setting, folder, size = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
for name in ("tree", "home"):
    (folder / name).mkdir()
sandbox = find_sandbox(setting, disk=48_000_000, places=(folder / "a cache that is not there yet",))
room = SandboxSpec(tree=folder / "tree", at=Path("/srv/project"), home=folder / "home", env=environment({}))
nap = 600 if int(size) > 16_000_000 else 1.2  # what is to be ended has no end of its own
command = sandbox.command(room, ["sh", "-c", f"head -c {size} /dev/urandom > big; exec sleep {nap}"])
print(bool(sandbox.bounds.short()))
ran = run(command, timeout=600)
print(ran.crowded, ran.timed_out)
(folder / "tree/big").unlink()
print(supervise(command, on_line=print, transcript=None, limits=Timeouts(tick=0.1), watch=Patient()).by)
print(bool(sandbox.bounds.short()))
"""


@pytest.mark.parametrize("setting", ["none", "auto"])
@pytest.mark.parametrize(
    ("size", "wanted"),
    [("40000000", "False True False disk True"), ("10000000", "False False False self False")],
)
def test_a_command_that_fills_the_disk_is_ended(
    tmp_path: Path, setting: str, size: str, wanted: str
) -> None:
    """On a disk of 64 MB, of which 48 are to stay free: it may take half of what was free when
    it began, or all but the 48."""
    small = f'mount -t tmpfs -o size=64000000 small {tmp_path} && exec "$@"'
    inside = [sys.executable, "-c", SMALL_DISK, setting, str(tmp_path), size]
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", small, "sh", *inside],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no small disk can be had here ({done.stderr.strip()})")
    assert " ".join(done.stdout.split()) == wanted, done.stderr
