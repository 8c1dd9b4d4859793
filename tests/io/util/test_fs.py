"""Files that are whole or not there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nightlatch.errors import BusyError
from nightlatch.util.fs import Lock, append, replace

HOLDER = """
import sys, pathlib
from nightlatch.util.fs import Lock
with Lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_replaced_file_has_the_new_bytes_and_its_old_permissions(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"old")
    file.chmod(0o750)

    replace(file, b"new")

    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o750
    assert [f.name for f in tmp_path.iterdir()] == ["a"]


def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")

    replace(tmp_path / "link", b"new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_a_file_that_cannot_be_replaced_keeps_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()

    with pytest.raises(OSError, match="directory"):
        replace(tmp_path / "a", b"new")

    assert [f.name for f in tmp_path.iterdir()] == ["a"]


def test_an_append_that_finds_too_little_room_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"one\n")
    limited = f"""
import os, resource, signal
from nightlatch.util.fs import append
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
fd = os.open({str(file)!r}, os.O_WRONLY | os.O_APPEND)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try: append(fd, b"2" * 100)
except OSError as error: print(error)
"""
    said = subprocess.run(
        [sys.executable, "-c", limited], capture_output=True, text=True, check=True
    ).stdout

    assert "only 6 of 100 bytes" in said
    assert file.read_bytes() == b"one\n"


def test_an_append_adds_all(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    append(fd, b"one\n")
    append(fd, b"two\n")
    os.close(fd)

    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_a_lock_is_held_by_one_process_and_dies_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(BusyError, match=f"process {holder.pid}"), Lock(path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()

    with Lock(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with Lock(path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with Lock(path):
            pass
    finally:
        child.kill()
        child.wait()
