"""What checks reach of this machine without its network: the addresses and sockets of [checks]
reach, and those that a test calls."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.errors import FaultError
from nightlatch.sandbox import relay
from nightlatch.sandbox.base import Pairs, SandboxSpec, shipped
from nightlatch.util import outside
from nightlatch.util.paths import INSIDE

RELAY = Path(relay.__file__)
PYTHON = (os.path.realpath(sys.executable), "-I", "-S")
LISTENS = "0A"  # the state of proc_net_tcp(5)
ACCEPTS = 0x10000  # the flag of a listening socket in /proc/net/unix
ANY_6, ONE_6 = "0" * 32, "0" * 24 + "01000000"
MOST = 100
FIX = "try it with TMPDIR=/tmp, or set checks.network = true"


@dataclass(slots=True, kw_only=True)
class ReachableServices:
    """The addresses that are open to rooms.

    With `noted`, nothing gets through: what is called is written down.

    The relay is a process of its own: what runs inside could use up handles and memory by calling,
    and the loop needs its own.
    """

    addresses: tuple[str, ...]
    noted: bool = False
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _relay: "subprocess.Popen[bytes] | None" = None
    _folder: "TemporaryDirectory[str] | None" = field(default=None, repr=False)

    def open_to(self, room: SandboxSpec) -> SandboxSpec:
        """Return the room with these ways open. Sockets that are not there now are left out."""
        if not self.addresses:
            return room
        known = (*room.readable, *self._sockets())
        room = replace(room, readable=known, network=replace(room.network, reach=self.addresses))
        ports = [address for address in self.addresses if not address.startswith("/")]
        if room.network.shared or not ports:
            return room
        place = self._serving()
        through = (
            *PYTHON,
            str(Path(INSIDE, RELAY.name)),
            "open",
            str(Path(INSIDE, place.name)),
            *ports,
            "--",
        )
        pairs = ((place, Path(INSIDE, place.name)), (RELAY, Path(INSIDE, RELAY.name)))
        network = replace(room.network, through=through)
        return replace(room, readable=(*room.readable, *pairs), network=network)

    def called(self) -> list[str]:
        """Return the addresses that were called since the last time that this was asked, each
        once."""
        log = Path(self._folder.name, "log") if self._folder else None
        if not (log and log.is_file()):
            return []
        said = log.read_text(encoding="utf-8").splitlines()
        log.unlink()
        return sorted(set(said))

    def close(self) -> None:
        """End the relay. It would end with this process as well."""
        if self._relay:
            self._relay.communicate()
        if self._folder:
            self._folder.cleanup()
        self._relay = self._folder = None

    def _sockets(self) -> Pairs:
        paths = [
            (number, Path(address))
            for number, address in enumerate(self.addresses)
            if address.startswith("/")
        ]
        if self.noted:
            traps = self._serving()
            return tuple(
                (traps.with_name(f"{traps.name}.{number}"), seen)
                for number, path in paths
                for seen in both_names(path)
            )
        return tuple(
            (path, seen) for _, path in paths if path.is_socket() for seen in both_names(path)
        )

    def _serving(self) -> Path:
        """Return the socket of a relay that serves. Raises FaultError where none starts."""
        with self._turn:
            return self._started()

    def _started(self) -> Path:
        if self._relay and self._folder and self._relay.poll() is None:
            return Path(self._folder.name, "relay")
        self.close()
        self._folder = TemporaryDirectory(prefix="nightlatch-")
        place = Path(self._folder.name, "relay")
        log = str(place.with_name("log")) if self.noted else ""
        words = [*PYTHON, str(RELAY), "serve", str(place), log, *self.addresses]
        pipe, env = subprocess.PIPE, outside.environment()
        self._relay = subprocess.Popen(
            words,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=env,
            cwd=outside.NOWHERE,
            process_group=0,
        )
        output, errors = self._relay.stdout, self._relay.stderr
        if not (output and output.read(1)):
            said = errors.read().decode("utf-8", "replace").strip()[-300:] if errors else ""
            raise FaultError(
                f"what checks.reach names cannot be opened: {said}",
                place="loop.toml [checks] reach",
                fix=FIX,
            )
        return place


def both_names(path: Path) -> tuple[Path, ...]:
    """Return every name of a socket: one below /run is known by /var/run as well, which is a link
    to it outside."""
    text = str(path)
    if text.startswith("/var/run/"):
        return path, Path(text.removeprefix("/var"))
    return (path, Path(f"/var{text}")) if text.startswith("/run/") else (path,)


def listening(hidden: Iterable[Path] = ()) -> tuple[str, ...]:
    """Return the ports of this machine's loopback and the sockets at which something listens that
    this person may call; those below `hidden` and where nothing can be mounted are left out."""
    ports = dict.fromkeys(
        address for table in ("tcp", "tcp6") for address in addresses_of(Path("/proc/net", table))
    )
    closed = [*map(Path, shipped()["system"]), *hidden]
    paths = [path for path in sockets() if not any(path.is_relative_to(place) for place in closed)]
    return (*[*ports][:MOST], *map(str, paths[:MOST]))


def addresses_of(table: Path) -> Iterator[str]:
    """Yield the addresses of the loopback of a table of /proc/net at which something listens; below
    port 1024 nothing can, inside a sandbox."""
    for line in table.read_text(encoding="ascii").splitlines()[1:] if table.is_file() else ():
        fields = line.split()
        host, _, port = fields[1].partition(":")
        if fields[3] == LISTENS and int(port, 16) >= 1024:
            yield from (f"{name}:{int(port, 16)}" for name in names_of(host))


def names_of(host: str) -> tuple[str, ...]:
    """Return the loopback's names for an address as proc_net_tcp(5) has it, in words of four bytes
    turned round; none where it is no loopback."""
    if len(host) == 8:
        number = ".".join(str(byte) for byte in reversed(bytes.fromhex(host)))
        # What listens on every address listens on the loopback too.
        if number == "0.0.0.0":  # noqa: S104  # only compared with
            return ("127.0.0.1",)
        return (number,) if number.startswith("127.") else ()
    return {ANY_6: ("127.0.0.1", "[::1]"), ONE_6: ("[::1]",)}.get(host, ())


def sockets() -> list[Path]:
    """Return the sockets in the file system at which something listens, and which this person may
    call."""
    table = Path("/proc/net/unix")
    lines = (
        table.read_text(encoding="utf-8", errors="replace").splitlines()[1:]
        if table.is_file()
        else []
    )
    each = [line.split(maxsplit=7) for line in lines]
    found = {
        Path(fields[7])
        for fields in each
        if len(fields) == 8 and fields[7].startswith("/") and int(fields[3], 16) & ACCEPTS
    }
    return sorted(path for path in found if path.is_socket() and os.access(path, os.W_OK))
