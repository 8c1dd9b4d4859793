"""What keeps a machine awake is held for as long as a run lasts; where nothing does, doctor
says so."""

import os
import time
from pathlib import Path

import pytest

from nightlatch.run import keep_awake

KEEPER = """#!/bin/sh
PATH=/usr/bin:/bin
echo "$@" >> {log}
while case "$1" in -*) true;; *) false;; esac; do shift; done
"$@"
echo over >> {log}
"""


def keeper(folder: Path, name: str, text: str = KEEPER) -> Path:
    """A program of this name that lasts as long as the command behind it, as the real ones do;
    the file beside it that it writes to."""
    log = folder / "bin/kept.log"
    log.parent.mkdir()
    log.with_name(name).write_text(text.format(log=log))
    log.with_name(name).chmod(0o755)
    return log


def test_it_is_held_inside_and_let_go_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = keeper(tmp_path, "systemd-inhibit")
    monkeypatch.setenv("PATH", str(log.parent))
    assert keep_awake.tried() == (True, "systemd-inhibit keeps the machine awake during a run")
    log.unlink()
    with keep_awake.kept():
        pass
    begun, over = log.read_text().splitlines()
    assert begun.startswith("--what=sleep:idle --mode=block")
    assert (begun.split()[-1], over) == ("cat", "over")


def test_where_none_is_there_or_it_fails_that_is_said_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    power = tmp_path / "state"
    power.write_text("freeze mem disk\n")
    nothing = "nothing keeps the machine awake during a run: "
    assert keep_awake.tried(power) == (False, f"{nothing}systemd-inhibit is not installed")
    with keep_awake.kept():
        keeper(
            tmp_path, "systemd-inhibit", "#!/bin/sh\necho 'Failed to inhibit: no bus' >&2\nexit 1\n"
        )
    assert keep_awake.tried(power) == (
        False,
        f"{nothing}systemd-inhibit: Failed to inhibit: no bus",
    )
    with keep_awake.kept():
        pass
    power.write_text("\n")
    assert keep_awake.tried(power) == (True, "this machine does not support suspend")


def test_one_that_does_not_let_go_holds_up_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = keeper(
        tmp_path,
        "systemd-inhibit",
        "#!/bin/sh\necho $$ > {log}.new\n/bin/mv {log}.new {log}\nexec /bin/sleep 60\n",
    )
    monkeypatch.setenv("PATH", str(log.parent))
    began = time.monotonic()
    with keep_awake.kept(0):
        while not log.exists():
            os.sched_yield()
    assert time.monotonic() - began < 50
    assert not Path("/proc", log.read_text().strip()).exists()
