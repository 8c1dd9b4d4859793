"""What checks reach of this machine without its network: what the person opened, and nothing
else."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from nightlatch.sandbox.base import NetworkAccess, Sandbox, SandboxSpec, environment
from nightlatch.sandbox.find import find_sandbox
from nightlatch.sandbox.process.supervisor import run
from nightlatch.sandbox.reach import ReachableServices, addresses_of, listening
from tests import PATIENCE

pytestmark = pytest.mark.sandbox

CALL = """
import socket, sys
family, place = (socket.AF_UNIX, sys.argv[1]) if sys.argv[1][0] == "/" else (socket.AF_INET, ("127.0.0.1", int(sys.argv[1])))
with socket.socket(family) as call:
    call.settimeout(20)
    call.connect(place)
    call.sendall(sys.argv[2].encode() * 3)
    call.shutdown(socket.SHUT_WR)
    print("".join(iter(lambda: call.recv(7).decode(), "")))
"""
# Asks the relay by its own means for an address that nobody opened.
STEALS = """
import socket, sys
own = socket.create_server(("127.0.0.1", 0))
relay = socket.socket(socket.AF_UNIX)
relay.connect("/run/nightlatch/relay")
socket.send_fds(relay, [f"127.0.0.1:{sys.argv[1]}".encode()], [own.fileno()])
relay.recv(1)
call = socket.create_connection(own.getsockname())
call.settimeout(0.5)
try:
    call.sendall(b"x")
    call.shutdown(socket.SHUT_WR)
    print("answer", call.recv(9))
except TimeoutError:
    print("nobody answers")
"""


@pytest.fixture
def sandbox() -> Sandbox:
    return find_sandbox("auto")


@pytest.fixture
def room(tmp_path: Path) -> SandboxSpec:
    for name in ("project", "tree", "private"):
        (tmp_path / name).mkdir()
    return SandboxSpec(
        tree=tmp_path / "tree",
        at=tmp_path / "project",
        home=tmp_path / "private",
        env=environment({}),
    )


@contextmanager
def loud(server: socket.socket) -> Iterator[None]:
    """A server that says in capitals what it is told."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                call = server.accept()[0]
                with call, call.makefile("rb") as told:
                    call.sendall(told.read().upper())

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)


def called(sandbox: Sandbox, room: SandboxSpec, place: object, program: str = CALL) -> str:
    ran = run(
        sandbox.command(room, [sys.executable, "-I", "-c", program, str(place), "word"]),
        timeout=PATIENCE,
    )
    return ran.output.decode().strip().splitlines()[-1]


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_a_port_that_is_opened_is_reached_and_no_other(sandbox: Sandbox, room: SandboxSpec) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as other,
        loud(server),
        loud(other),
    ):
        ways = ReachableServices(addresses=(f"127.0.0.1:{port_of(server)}",))
        opened = ways.open_to(room)
        assert called(sandbox, opened, port_of(server)) == "WORDWORDWORD"
        assert "refused" in called(sandbox, opened, port_of(other))
        assert called(sandbox, opened, port_of(other), STEALS) == "nobody answers"
        assert "refused" in called(sandbox, room, port_of(server))
        assert (
            called(
                sandbox,
                ways.open_to(replace(room, network=NetworkAccess(shared=True))),
                port_of(other),
            )
            == "WORDWORDWORD"
        )
        ways.close()


def test_a_socket_that_is_opened_is_reached_and_no_other(
    sandbox: Sandbox, room: SandboxSpec, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as engine, socket.socket(socket.AF_UNIX) as other:
        for server, name in ((engine, "engine"), (other, "other")):
            server.bind(str(tmp_path / name))
            server.listen()
        with loud(engine), loud(other):
            opened = ReachableServices(
                addresses=(str(tmp_path / "engine"), str(tmp_path / "not there"))
            ).open_to(room)
            assert called(sandbox, opened, tmp_path / "engine") == "WORDWORDWORD"
            assert "No such file" in called(sandbox, opened, tmp_path / "other")
            assert "No such file" in called(sandbox, room, tmp_path / "engine")


def test_with_a_way_open_commands_keep_their_words_and_their_codes(
    sandbox: Sandbox, room: SandboxSpec
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        loud(server),
        closing(ReachableServices(addresses=(f"localhost:{port_of(server)}",))) as ways,
    ):
        opened = ways.open_to(room)
        call = sandbox.command(
            opened, [sys.executable, "-I", "-c", CALL, str(port_of(server)), "it's"]
        )
        assert run(call, timeout=PATIENCE).output.decode().strip() == "IT'SIT'SIT'S"
        assert run(sandbox.command(opened, ["sh", "-c", "exit 7"]), timeout=PATIENCE).exit == 7
        assert run(sandbox.command(opened, ["no such program"]), timeout=PATIENCE).exit == 127
        assert (
            run(sandbox.command(opened, ["sh", "-c", "kill -9 $$"]), timeout=PATIENCE).exit == 137
        )
        assert (
            "1"
            in run(
                sandbox.command(opened, ["sh", "-c", "wait; echo $#1"]), timeout=PATIENCE
            ).output.decode()
        )


def test_what_was_handed_out_is_closed_with_the_room_and_a_relay_that_died_is_started_again(
    sandbox: Sandbox, room: SandboxSpec
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        loud(server),
        closing(ReachableServices(addresses=(f"127.0.0.1:{port_of(server)}",))) as ways,
    ):
        opened = ways.open_to(room)
        relay = ways._relay
        assert relay is not None
        # a name is all that is wanted
        before = len(os.listdir(f"/proc/{relay.pid}/fd"))  # noqa: PTH208
        for _ in range(3):
            assert called(sandbox, opened, port_of(server)) == "WORDWORDWORD"
        while len(os.listdir(f"/proc/{relay.pid}/fd")) > before:  # noqa: PTH208  # as above
            assert relay.poll() is None
        relay.kill()
        relay.wait()
        assert called(sandbox, ways.open_to(room), port_of(server)) == "WORDWORDWORD"
        last = ways._relay
    assert last is not None
    assert last.returncode == 0


def test_calls_are_noted_and_none_gets_through(
    sandbox: Sandbox, room: SandboxSpec, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "engine"))
        engine.listen()
        found = listening()
        assert {f"127.0.0.1:{port_of(server)}", str(tmp_path / "engine")} <= {*found}
        assert str(tmp_path / "engine") not in listening([tmp_path])
        mine = (f"127.0.0.1:{port_of(server)}", str(tmp_path / "engine"))
        with closing(ReachableServices(addresses=mine, noted=True)) as ways:
            opened = ways.open_to(room)
            assert "WORD" not in called(sandbox, opened, port_of(server))
            assert ways.called() == [mine[0]]
            assert "WORD" not in called(sandbox, opened, mine[1])
            assert ways.called() == [mine[1]]
            assert ways.called() == []
        server.settimeout(0)
        engine.settimeout(0)
        for one in (server, engine):
            with pytest.raises(BlockingIOError):
                one.accept()


def test_addresses_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    rows = [
        "sl local rem st",
        "0: 0100007F:1538 0:0 0A",
        "1: 00000000:1F90 0:0 0A",
        "2: 0101A8C0:1F91 0:0 0A",
        "3: 0100007F:1F92 0:0 01",
    ]
    rows += [
        "4: 0100007F:0050 0:0 0A",
        f"5: {'0' * 24}01000000:1F93 0:0 0A",
        f"6: {'0' * 32}:1F94 0:0 0A",
    ]
    table = tmp_path / "tcp"
    table.write_text("\n".join(rows))
    assert [*addresses_of(table)] == [
        "127.0.0.1:5432",
        "127.0.0.1:8080",
        "[::1]:8083",
        "127.0.0.1:8084",
        "[::1]:8084",
    ]
