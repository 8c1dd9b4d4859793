"""Opens single ports of the machine in a sandbox that has no network: the program at both ends.

Started as `python -I -S relay.py serve SOCKET LOG ADDRESS...` outside, it serves the sandboxes that
come to SOCKET until its standard input ends. With a LOG it forwards nothing: it writes down which
address was called. Started inside as `relay.py open SOCKET ADDRESS... -- COMMAND...`, it makes the
listening sockets, hands them out and becomes the command. A listening socket belongs to the
namespace that it was made in, whoever accepts from it, so nothing inside has to stay and forward.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

# connections and sandboxes at once: what runs inside may not take the machine's memory by calling
MOST = 500
MOST_HANDLES = 250  # one message can hand over 253
PATIENCE = 10.0  # seconds: for the machine's server to take a call, for the other end to answer


def main(role: str, place: str, *rest: str) -> None:
    if role == "serve":
        serve(place, rest[0], rest[1:])
    else:
        cut = rest.index("--")
        open_up(place, rest[:cut])
        become(rest[cut + 1 :])


def serve(place: str, log: str, addresses: tuple[str, ...]) -> None:
    """Serve until the standard input ends, which it does with the process that started this one."""
    slots = threading.BoundedSemaphore(MOST)
    gates = [
        (trap(f"{place}.{number}"), address)
        for number, address in enumerate(addresses)
        if address.startswith("/")
    ]
    for gate, address in gates:
        in_thread(slots, answer, gate, log, address, slots)
    control = trap(place)
    in_thread(slots, receive, control, log, frozenset(addresses), slots)
    os.write(1, b"\n")  # it can be called now
    while os.read(0, 1):
        pass


def trap(place: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen()
    return listener


def in_thread(slots: threading.BoundedSemaphore, work: Callable[..., None], *given: object) -> None:
    """Do this beside everything else, unless too much is done already."""
    if not slots.acquire(blocking=False):
        for one in given:
            if isinstance(one, socket.socket):
                one.close()
        return

    def run() -> None:
        with suppress(OSError, ValueError):
            work(*given)
        slots.release()

    threading.Thread(target=run, daemon=True).start()


def receive(
    control: socket.socket, log: str, allowed: frozenset[str], slots: threading.BoundedSemaphore
) -> None:
    """Take in one sandbox after another."""
    while True:
        try:
            sandbox = control.accept()[0]
        except OSError:
            # what runs inside has used up the handles of this process: the next room gets another
            # one
            os._exit(1)
        in_thread(slots, let_in, sandbox, log, allowed, slots)


def let_in(
    sandbox: socket.socket, log: str, allowed: frozenset[str], slots: threading.BoundedSemaphore
) -> None:
    """Serve the listening sockets of one sandbox until it ends: only for addresses that the
    person opened, whatever it asks for."""
    with sandbox:
        sandbox.settimeout(PATIENCE)
        said, handles, _, _ = socket.recv_fds(sandbox, 65_536, min(2 * len(allowed), MOST_HANDLES))
        listeners = [socket.socket(fileno=handle) for handle in handles]
        for name, listener in zip(said.decode().split("\n"), listeners, strict=False):
            if name in allowed:
                in_thread(slots, answer, listener, log, name, slots)
        sandbox.sendall(b"\n")
        sandbox.settimeout(None)
        with suppress(OSError):
            sandbox.recv(1)  # nothing ever comes: it ends with the last process inside
        for listener in listeners:
            with suppress(OSError), closing(listener):
                listener.shutdown(socket.SHUT_RDWR)  # wakes up who accepts from it


def answer(
    listener: socket.socket, log: str, address: str, slots: threading.BoundedSemaphore
) -> None:
    """Take the calls for one address."""
    while True:
        call = listener.accept()[0]
        if log:
            call.close()
            # pathlib would double the start-up time of this program
            with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123
                file.write(f"{address}\n")
        else:
            in_thread(slots, forward, call, address)


def forward(call: socket.socket, address: str) -> None:
    """One call, both ways, until both sides have said their last."""
    host, _, port = address.rpartition(":")
    with call, socket.create_connection((host.strip("[]"), int(port)), PATIENCE) as server:
        server.settimeout(None)
        back = threading.Thread(target=pump, args=(server, call), daemon=True)
        back.start()
        pump(call, server)
        back.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65_536):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def open_up(place: str, addresses: tuple[str, ...]) -> None:
    """Listen at these addresses on the loopback of this sandbox, and hand the sockets out."""
    made = [(address, listener) for address in addresses for listener in listening(address)][
        :MOST_HANDLES
    ]
    outside = socket.socket(socket.AF_UNIX)
    outside.settimeout(PATIENCE)
    outside.connect(place)
    socket.send_fds(
        outside,
        ["\n".join(name for name, _ in made).encode()],
        [listener.fileno() for _, listener in made],
    )
    outside.recv(1)
    hold(outside)


def listening(address: str) -> Iterator[socket.socket]:
    """Yield the sockets for one address; "localhost" has two where there is an IPv6."""
    host, _, port = address.rpartition(":")
    hosts = {"localhost": ("127.0.0.1", "::1")}.get(host, (host.strip("[]"),))
    for one in hosts:
        try:
            yield socket.create_server(
                (one, int(port)), family=socket.AF_INET6 if ":" in one else socket.AF_INET
            )
        except OSError as error:
            if one == hosts[0]:
                problem = f"{address} cannot be opened inside the sandbox: {error.strerror}"
                os.write(2, f"nightlatch: {problem}\n".encode())


def hold(outside: socket.socket) -> None:
    """Leave a process behind that has the connection for as long as anything runs in this
    sandbox, and is nobody's child there."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    outside.settimeout(None)
    for target, source in enumerate((outside.fileno(), nothing, nothing)):
        os.dup2(source, target)
    # a list of words, and no shell reads them but its own
    os.execv("/bin/sh", ("sh", "-c", "read _"))  # noqa: S606


def become(argv: tuple[str, ...]) -> None:
    try:
        os.execvp(argv[0], argv)  # noqa: S606  # an argument list: no shell is wanted
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main(*sys.argv[1:])
