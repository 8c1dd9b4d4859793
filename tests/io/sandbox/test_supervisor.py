"""Processes are held whole: they end when they should, never later, and nothing of them stays."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from nightlatch.errors import FaultError, SandboxError
from nightlatch.sandbox.base import Sandbox, SandboxSpec, environment
from nightlatch.sandbox.find import find_sandbox
from nightlatch.sandbox.process.output import Excerpt, Lines, Transcript
from nightlatch.sandbox.process.process_tree import gone
from nightlatch.sandbox.process.supervisor import (
    TAIL,
    Command,
    CommandResult,
    ProcessExit,
    Timeouts,
    end_orphan,
    identity,
    run,
    supervise,
)
from nightlatch.util import reaper
from tests import PATIENCE
from tests.io.sandbox.clocks import Since, Talked

QUICK = Timeouts(grace=0.2, linger=0.1, drain=0.5, tick=0.02)
LONG = 600
FORKERS = {
    "a background child": f"sleep {LONG} &",
    "a child in its own session": f"setsid sleep {LONG} &",
    "a double fork": f"(setsid sh -c 'sleep {LONG} & sleep {LONG}' &)",
    "a child that no hang-up reaches": f"nohup sleep {LONG} >/dev/null 2>&1 &",
    "a child that ignores TERM": f"(trap '' TERM; setsid sleep {LONG} &)",
}


@dataclass
class Watching:
    """What a reader of the stream would say, settled beforehand or by a line."""

    tools: int = 0
    stopped: bool = False
    result: bytes = b"result"
    on_tick: Callable[[], None] = lambda: None
    lines: list[bytes] = field(default_factory=list)
    silences: list[float] = field(default_factory=list)

    def since(self, line: bytes) -> Since:
        return Since(lambda: line in self.lines)

    def open_tools(self) -> int:
        return self.tools

    def finished(self) -> bool:
        return self.result in self.lines

    def stop(self) -> bool:
        return self.stopped

    def tick(self, elapsed: float, silence: float) -> None:
        assert elapsed >= silence
        self.silences.append(silence)
        self.on_tick()


@dataclass
class Worked:
    """A clock that goes by what the processes of a place have worked."""

    place: "Place"
    seconds: float = 0.0

    def __call__(self) -> float:
        self.seconds = max(self.seconds, sum(map(cpu, self.place.survivors())))
        return self.seconds


def cpu(pid: int) -> float:
    """Seconds that a process has worked; none, where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Place:
    """A sandbox with one room in it, whose processes all carry a mark."""

    sandbox: Sandbox
    room: SandboxSpec
    mark: str

    def command(self, *argv: str) -> Command:
        return self.sandbox.command(self.room, argv)

    def run(
        self, *argv: str, timeout: float = PATIENCE, stdin: bytes = b"", keep: int = 200_000
    ) -> CommandResult:
        return run(self.command(*argv), timeout=timeout, stdin=stdin, keep=keep, drain=0.5)

    def supervise(
        self, script: str, watch: Watching | None = None, limits: Timeouts = QUICK, **more: Any
    ) -> ProcessExit:
        watch = watch or Watching()
        command = self.command("sh", "-c", script)
        return supervise(
            command,
            on_line=watch.lines.append,
            limits=limits,
            watch=watch,
            **{"transcript": None, **more},
        )

    def survivors(self) -> list[int]:
        return marked(self.mark)


def marked(mark: str) -> list[int]:
    """Every process of this machine that carries the mark in its environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def room_in(folder: Path, mark: str) -> SandboxSpec:
    for name in ("tree", "home"):
        (folder / name).mkdir()
    return SandboxSpec(
        tree=folder / "tree",
        at=folder / "project",
        home=folder / "home",
        env=environment({"MARK": mark}),
    )


@pytest.fixture(params=[pytest.param("bubblewrap", marks=pytest.mark.sandbox), "none"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    mark = uuid4().hex
    return Place(find_sandbox(request.param), room_in(tmp_path, mark), mark)


@pytest.mark.parametrize("forker", FORKERS.values(), ids=FORKERS)
def test_nothing_that_an_agent_starts_outlives_its_session(place: Place, forker: str) -> None:
    ended = place.supervise(f"{forker}\necho started")
    assert (ended.by, ended.exit, ended.tail) == ("self", 0, b"started\n")
    assert place.survivors() == []


@pytest.mark.parametrize("forker", FORKERS.values(), ids=FORKERS)
def test_nothing_outlives_a_session_that_is_cut_off(place: Place, forker: str) -> None:
    watch, script = Watching(), f"trap '' TERM\n{forker}\necho up; sleep {LONG}; sleep {LONG}"
    ended = place.supervise(
        script, watch, Timeouts(wall=0.1, grace=0.1, tick=0.02), clock=watch.since(b"up")
    )
    assert ended.by == "wall"
    assert place.survivors() == []


@pytest.mark.parametrize("forker", FORKERS.values(), ids=FORKERS)
def test_nothing_outlives_a_loop_that_is_killed(place: Place, forker: str) -> None:
    script = f"{forker}\necho started; sleep {LONG}"
    with subprocess.Popen(
        [sys.executable, "-c", LOOP, spelled(place, script)], stdout=subprocess.PIPE
    ) as loop:
        assert loop.stdout
        assert loop.stdout.readline() == b"started\n"
        handles = [os.pidfd_open(pid) for pid in place.survivors()]
        assert len(handles) >= 2
        loop.kill()
    assert gone(handles, PATIENCE)
    assert place.survivors() == []
    for handle in handles:
        os.close(handle)


LOOP = """
import json, sys
from pathlib import Path
from nightlatch.sandbox.process.supervisor import Timeouts, supervise
from nightlatch.sandbox.base import SandboxSpec
from nightlatch.sandbox.find import find_sandbox
class Watch:
    def open_tools(self): return 0
    def finished(self): return False
    def stop(self): return False
    def tick(self, elapsed, silence): pass
told = json.loads(sys.argv[1])
room = SandboxSpec(env=told["env"], **{name: Path(told[name]) for name in ("tree", "at", "home")})
command = find_sandbox(told["sandbox"]).command(room, told["argv"])
size = 0
def count(line):
    global size
    size += len(line)
    if told["echo"]:
        print(line.decode(), flush=True)
ended = supervise(command, on_line=count, transcript=None, limits=Timeouts(), watch=Watch())
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]  # ru_maxrss would also know the process that forked it
print(json.dumps({"exit": ended.exit, "size": size, "kilobytes": int(peak)}))
"""


def spelled(place: Place, script: str, echo: bool = True) -> str:
    """What another process needs to start the script as its own child."""
    room = {name: str(getattr(place.room, name)) for name in ("tree", "at", "home")}
    return json.dumps(
        {
            "sandbox": place.sandbox.name,
            "argv": ["sh", "-c", script],
            "env": dict(place.room.env),
            "echo": echo,
            **room,
        }
    )


@pytest.mark.parametrize(
    ("lines", "length"),
    [(1, 50_000_000), (200_000, 1_000)],
    ids=["one line of 50 MB", "200 MB of lines"],
)
def test_memory_stays_bounded_whatever_an_agent_prints(
    place: Place, lines: int, length: int
) -> None:
    program = f"import sys\nfor _ in range({lines}): sys.stdout.write('x' * {length} + chr(10))"
    told = spelled(place, f'exec "{sys.executable}" -c "{program}"', echo=False)
    done = subprocess.run([sys.executable, "-c", LOOP, told], stdout=subprocess.PIPE, check=True)
    came = json.loads(done.stdout)
    assert came["exit"] == 0
    assert came["kilobytes"] < 50_000
    assert came["size"] == lines * length if lines > 1 else 1_000_000 < came["size"] < 1_001_000


def test_an_agent_that_is_asked_to_end_may_still_write_down_what_it_knows(place: Place) -> None:
    watch, script = Watching(), f"trap 'echo saved; exit 7' TERM; sleep {LONG} & echo ready; wait"
    ended = place.supervise(
        script, watch, Timeouts(wall=0.1, grace=PATIENCE, tick=0.02), clock=watch.since(b"ready")
    )
    assert (ended.by, ended.exit, ended.tail) == ("wall", 7, b"ready\nsaved\n")
    assert place.survivors() == []


def test_a_silent_agent_is_ended_by_the_idle_limit(place: Place) -> None:
    watch = Watching()
    ended = place.supervise(f"sleep {LONG}", watch, Timeouts(idle=0.1, grace=PATIENCE, tick=0.02))
    assert (ended.by, ended.signal) == ("idle", signal.SIGTERM)
    assert max(watch.silences) >= 0.1
    assert place.survivors() == []


def test_an_agent_that_goes_on_talking_is_not_idle(place: Place) -> None:
    watch = Watching()
    ended = place.supervise(
        "while :; do echo; done",
        watch,
        Timeouts(idle=5, wall=20),
        clock=Talked(lambda: len(watch.lines)),
    )
    assert ended.by == "wall"


def test_a_tool_that_works_in_silence_is_not_idle(place: Place) -> None:
    limits = Timeouts(idle=0.2, wall=0.6, grace=0.1, tick=0.05)
    ended = place.supervise(
        "sh -c 'while :; do :; done'; :", Watching(tools=1), limits, clock=Worked(place)
    )
    assert ended.by == "wall"


def test_work_in_silence_is_idle_while_no_tool_is_open(place: Place) -> None:
    ended = place.supervise(
        "sh -c 'while :; do :; done'; :",
        Watching(),
        Timeouts(idle=0.2, wall=60, grace=0.1, tick=0.02),
    )
    assert ended.by == "idle"


def test_an_open_tool_that_only_waits_is_idle(place: Place) -> None:
    ended = place.supervise(
        f"sh -c 'sleep {LONG}'; :",
        Watching(tools=1),
        Timeouts(idle=0.2, wall=60, grace=0.1, tick=0.02),
    )
    assert ended.by == "idle"


def test_an_agent_that_spins_while_its_tool_waits_is_idle(place: Place) -> None:
    ended = place.supervise(
        f"sleep {LONG} & while :; do :; done",
        Watching(tools=1),
        Timeouts(idle=0.2, wall=60, grace=0.1, tick=0.02),
    )
    assert ended.by == "idle"


def test_a_tool_call_has_a_limit_of_its_own(place: Place) -> None:
    ended = place.supervise(
        "while :; do echo; done",
        Watching(tools=1),
        Timeouts(tool=0.1, wall=60, grace=0.1, tick=0.02),
    )
    assert ended.by == "tool"


def test_an_agent_that_hangs_after_its_result_is_ended(place: Place) -> None:
    ended = place.supervise(f"echo result; trap '' TERM; sleep {LONG}; sleep {LONG}")
    assert (ended.by, ended.tail) == ("result", b"result\n")
    assert place.survivors() == []


def test_an_agent_that_closed_its_output_is_waited_for_and_ended_when_idle(
    place: Place,
) -> None:
    before = time.process_time()
    watch, script = Watching(), f"echo last; exec >&- 2>&-; sleep {LONG}"
    ended = place.supervise(
        script, watch, Timeouts(idle=1, wall=60, grace=0.1, tick=0.02), clock=watch.since(b"last")
    )
    assert (ended.by, ended.tail) == ("idle", b"last\n")
    assert time.process_time() - before < 0.5, "a closed pipe is readable for ever"
    assert place.survivors() == []


def test_an_agent_that_closed_its_output_and_ends_by_itself_has_its_own_exit_code(
    place: Place,
) -> None:
    assert place.supervise("exec >&- 2>&-; test -e /proc/self && exit 3").exit == 3


def test_a_stream_that_stalls_in_the_middle_of_a_line_is_idle_and_what_came_of_the_line_is_kept(
    place: Place,
) -> None:
    watch = Watching()
    script = rf"printf 'whole\nhalf of a'; sleep {LONG}"
    ended = place.supervise(
        script,
        watch,
        Timeouts(idle=0.2, wall=60, grace=0.1, tick=0.02),
        clock=watch.since(b"whole"),
    )
    assert ended.by == "idle"
    assert watch.lines == [b"whole", b"half of a"]


def test_output_without_an_end_does_not_keep_the_wall_time_from_ending_it(place: Place) -> None:
    watch, script = Watching(), "trap '' TERM; while :; do yes; done"
    ended = place.supervise(
        script, watch, Timeouts(wall=0.3, idle=60, grace=0.1, tick=0.02), clock=watch.since(b"y")
    )
    assert (ended.by, len(ended.tail) <= TAIL) == ("wall", True)
    assert place.survivors() == []


def test_a_wrapper_that_swallows_term_is_asked_and_then_ended_with_the_agent_below_it(
    place: Place,
) -> None:
    """Its clock goes by lines: it is asked once it is up, and ended once it has said what it does with that."""
    watch, wrapper = (
        Watching(),
        f"trap 'echo swallowed' TERM; sh -c 'sleep {LONG}' & echo up; while :; do wait; done",
    )
    ended = place.supervise(
        wrapper, watch, Timeouts(wall=1, grace=1, tick=0.02), clock=lambda: len(watch.lines)
    )
    assert (ended.by, ended.tail) == ("wall", b"up\nswallowed\n")
    assert place.survivors() == []


def test_a_person_can_end_a_session(place: Place) -> None:
    assert place.supervise(f"sleep {LONG}", Watching(stopped=True)).by == "stop"
    assert place.survivors() == []


def test_an_interrupt_leaves_nothing_behind(place: Place) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.supervise(
            f"trap '' TERM; setsid sleep {LONG} & sleep {LONG}", Watching(on_tick=interrupt)
        )
    assert place.survivors() == []


def test_killing_its_own_group_does_not_reach_what_holds_the_agent(place: Place) -> None:
    assert place.supervise("trap 'echo heard' TERM; kill 0; exit 5").exit == 5


def test_a_process_that_holds_the_output_of_a_dead_one_is_not_waited_for(tmp_path: Path) -> None:
    place = Place(find_sandbox("none"), room_in(tmp_path, uuid4().hex), "")
    ran = place.run("sh", "-c", f'sleep {LONG} & echo $!; kill -9 "$PPID"; wait')
    assert (ran.exit, ran.signal) == (None, signal.SIGKILL)
    os.kill(int(ran.output), signal.SIGKILL)


def test_a_long_brief_and_a_long_answer_do_not_wait_for_each_other(
    place: Place, tmp_path: Path
) -> None:
    brief = b"".join(b"%d\n" % n for n in range(50_000))
    watch = Watching()
    place.supervise("cat", watch, stdin=brief, transcript=tmp_path / "transcript")
    assert b"\n".join(watch.lines) + b"\n" == brief
    assert (tmp_path / "transcript").read_bytes() == brief


def test_an_agent_need_not_read_its_brief(place: Place) -> None:
    assert place.supervise("exec <&-; echo enough", stdin=b"x" * 3_000_000).tail == b"enough\n"


def test_both_streams_arrive_in_whole_lines(place: Place) -> None:
    watch = Watching()
    place.supervise("for i in 1 2 3; do echo out; echo err >&2; done; printf rest", watch)
    assert sorted(watch.lines) == [b"err"] * 3 + [b"out"] * 3 + [b"rest"]


def test_an_agent_that_insists_on_a_terminal_gets_one(place: Place) -> None:
    watch = Watching()
    script = (
        r"test -t 0 && test -t 1 && stty size && printf '\033[1;31mred\033[0m\r\n' && cat && exit 4"
    )
    ended = place.supervise(script, watch, stdin=b"first\nsecond", tty=True)
    assert (ended.exit, watch.lines) == (4, [b"60 500", b"red", b"first", b"second"])
    assert place.survivors() == []


def test_a_terminal_takes_a_long_brief(place: Place) -> None:
    brief = b"".join(b"line %d\n" % n for n in range(20_000)) + b"x" * 9_000 + b"\n\nend\n"
    watch = Watching()
    place.supervise("cat", watch, stdin=brief, tty=True)
    assert b"\n".join(watch.lines) + b"\n" == brief


def test_a_terminal_takes_no_orders_from_a_brief(place: Place) -> None:
    watch = Watching()
    place.supervise("cat", watch, stdin=b"one\x03\x1a\x1c\x04\n\x04\tt\xc3\xa9\x7fo\n", tty=True)
    assert watch.lines == [b"one", b"\tt\xc3\xa9o"]


def test_nothing_outlives_a_terminal_that_is_cut_off(place: Place) -> None:
    watch, script = (
        Watching(),
        f"trap '' TERM HUP; setsid sleep {LONG} & echo up; sleep {LONG}; sleep {LONG}",
    )
    limits = Timeouts(wall=0.1, grace=0.1, tick=0.02)
    assert place.supervise(script, watch, limits, tty=True, clock=watch.since(b"up")).by == "wall"
    assert place.survivors() == []


def test_a_check_keeps_head_and_tail_of_what_it_prints(place: Place) -> None:
    ran = place.run(
        "sh", "-c", "echo first; yes | head -c 3000000; echo last >&2; exit 3", keep=2_000
    )
    assert (ran.exit, ran.signal, ran.timed_out) == (3, None, False)
    assert ran.output.startswith(b"first\n")
    assert ran.output.endswith(b"last\n")
    assert b"2998011 of 3000011 bytes left out" in ran.output
    assert len(ran.output) < 2_200


def test_a_check_that_takes_too_long_ends_with_all_it_started(place: Place) -> None:
    ran = place.run(
        "sh", "-c", f"trap '' TERM; setsid sleep {LONG} & sleep {LONG}; sleep {LONG}", timeout=0.3
    )
    assert ran.timed_out
    assert 0.3 <= ran.seconds < PATIENCE
    assert place.survivors() == []


def test_a_check_whose_time_is_over_otherwise_ends_with_all_it_started_and_its_output_is_kept(
    place: Place,
) -> None:
    begun = place.room.tree / "begun"
    script = (
        f"trap '' TERM; echo begun; setsid sleep {LONG} & touch begun; sleep {LONG}; sleep {LONG}"
    )
    ran = run(place.command("sh", "-c", script), timeout=PATIENCE, over=lambda _: begun.exists())
    assert (ran.timed_out, ran.output) == (True, b"begun\n")
    assert place.survivors() == []


@pytest.mark.parametrize(
    ("script", "code"),
    [("kill -9 $$", 137), ("kill -SEGV $$", 139), ("sh -c 'kill -ABRT $$'; exit $?", 134)],
)
def test_a_signal_is_told_by_its_number(place: Place, script: str, code: int) -> None:
    ran = place.run("sh", "-c", script)
    assert (ran.exit, ran.signal) == (code, code - 128)


@pytest.mark.parametrize("code", [0, 1, 126, 127, 144, 173, 255])
def test_an_exit_code_is_not_taken_for_a_signal(place: Place, code: int) -> None:
    ran = place.run("sh", "-c", f"exit {code}")
    assert (ran.exit, ran.signal) == (code, None)


def test_a_program_that_is_missing_or_not_executable_ends_as_in_a_shell(place: Place) -> None:
    (place.room.tree / "data").write_text("no program")
    assert place.run("no-such-program").exit == 127
    assert place.run("./data").exit == 126


def test_a_reaper_whose_loop_died_before_it_could_listen_starts_nothing(tmp_path: Path) -> None:
    argv = [sys.executable, "-I", "-S", reaper.__file__, "1", "touch", str(tmp_path / "made")]
    assert subprocess.run(argv, check=False).returncode == 128 + signal.SIGTERM
    assert not (tmp_path / "made").exists()


@pytest.mark.sandbox
def test_a_sandbox_whose_loop_died_before_it_was_up_starts_nothing(tmp_path: Path) -> None:
    command = find_sandbox("auto").command(room_in(tmp_path, ""), ["touch", "made"])
    assert (
        subprocess.run(
            command.argv,
            env=command.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        ).returncode
        == 1
    )
    assert not (tmp_path / "tree" / "made").exists()


@pytest.mark.sandbox
def test_a_sandbox_that_does_not_start_is_a_fault_and_not_a_result(tmp_path: Path) -> None:
    room = room_in(tmp_path, "")
    room.tree.rmdir()
    with pytest.raises(SandboxError, match="bwrap: Can't find source path"):
        run(find_sandbox("auto").command(room, ["true"]), timeout=PATIENCE)


def test_a_program_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match="does not start: No such file"):
        run(Command(argv=(str(tmp_path / "nothing"),), env={}, cwd="/"), timeout=PATIENCE)


def test_only_the_very_process_that_was_written_down_is_ended() -> None:
    with subprocess.Popen(
        ["sh", "-c", f"sleep {LONG} & echo $!; wait"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        child = os.pidfd_open(int(process.stdout.readline()))
        pid, start, boot = identity(process.pid).split(":")
        for other in (
            f"{pid}:{int(start) + 1}:{boot}",
            f"{pid}:{start}:{uuid4()}",
            f"{os.getppid()}:{start}:{boot}",
            "",
        ):
            assert not end_orphan(other)
        assert process.poll() is None
        assert end_orphan(f"{pid}:{start}:{boot}", grace=PATIENCE)
        assert process.wait() == -signal.SIGTERM
        assert gone([child], PATIENCE)
        assert not end_orphan(f"{pid}:{start}:{boot}")
        os.close(child)


def test_the_identity_that_a_session_tells_ends_all_of_it(place: Place) -> None:
    seen: list[str] = []
    ends: list[bool] = []
    watch = Watching(on_tick=lambda: ends.append(end_orphan(seen[0], grace=0.2)))
    command = place.command(
        "sh", "-c", f"trap '' TERM; setsid sleep {LONG} & sleep {LONG}; sleep {LONG}"
    )
    ended = supervise(
        command,
        on_line=watch.lines.append,
        transcript=None,
        limits=QUICK,
        watch=watch,
        on_start=seen.append,
    )
    assert ended.by == "self"
    assert ends[0]
    assert place.survivors() == []


def test_a_line_over_the_limit_keeps_both_ends_and_is_signed() -> None:
    line = bytes(range(97, 123)) * 10
    lines = Lines(limit=20)
    chunks = [line[:7], line[7:90], line[90:] + b"\nnext\n", b"open"]
    came = [part for chunk in chunks for part in lines.feed(chunk)] + list(lines.rest())
    assert came[0].startswith(
        b"abcdefghij [... 240 of 260 bytes left out, sha256 of all "
        + hashlib.sha256(line).hexdigest().encode()
    )
    assert came[0].endswith(b"qrstuvwxyz")
    assert came[1:] == [b"next", b"open"]


@pytest.mark.parametrize("size", range(12))
def test_an_excerpt_of_something_short_is_the_thing_itself(size: int) -> None:
    data = bytes(range(size))
    excerpt = Excerpt(10)
    for byte in data:
        excerpt.add(bytes([byte]))
    assert (excerpt.bytes() == data) == (size <= 10)


def test_a_transcript_that_is_full_says_so_and_takes_no_more(tmp_path: Path) -> None:
    record = Transcript(tmp_path / "t", limit=12)
    for line in (b"12345", b"67890", b"x", b"y"):
        record.write(line)
    assert (tmp_path / "t").read_bytes() == (
        b"12345\n67890\n[... the transcript is full: what follows was read but is not kept ...]\n"
    )


def test_a_full_disk_costs_the_transcript_and_not_the_session(place: Place) -> None:
    watch = Watching()
    ended = place.supervise("yes | head -c 100000; exit 6", watch, transcript=Path("/dev/full"))
    assert (ended.exit, len(watch.lines)) == (6, 50_000)


def test_a_session_is_timed_by_a_clock_that_cannot_jump(place: Place) -> None:
    began = time.monotonic()
    ended = place.supervise("true")
    assert 0 < ended.seconds <= time.monotonic() - began
