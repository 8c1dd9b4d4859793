"""The program in a process of its own, forked from this one, which has loaded it before.

It runs as it does when it is started, but for the third of a second in which Python loads it. What
is killed, signalled, or asked how it was started, is started: `Project.start`.
"""

import gc
import os
import pkgutil
import select
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NoReturn

import nightlatch.cli
from nightlatch.__main__ import main
from nightlatch.run import preload

Completed = subprocess.CompletedProcess[str]


def run(args: Sequence[str], cwd: Path, env: Mapping[str, str], patience: float) -> Completed:
    """Run `nightlatch ARGS` to its end."""
    load()
    with TemporaryFile() as out, TemporaryFile() as err:
        pid = os.fork()
        if not pid:
            become_program(args, cwd, env, out, err)
        ended = os.pidfd_open(pid)
        in_time = select.select([ended], [], [], patience)[0]
        os.close(ended)
        if not in_time:
            os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        told = [read(file) for file in (out, err)]
    if not in_time:
        raise subprocess.TimeoutExpired(args, patience, *told)
    return subprocess.CompletedProcess(args, code, *told)


@cache
def load() -> None:
    """Import everything that the program may use, once in each of pytest's workers."""
    preload.preload()
    for module in pkgutil.iter_modules(nightlatch.cli.__path__, "nightlatch.cli."):
        import_module(module.name)
    gc.freeze()


def read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="backslashreplace")


def become_program(
    args: Sequence[str], cwd: Path, env: Mapping[str, str], out: IO[bytes], err: IO[bytes]
) -> NoReturn:
    """Be what `python -m nightlatch ARGS` is, and nothing of the tests any more."""
    code = 1
    forget_parents_finalizers()
    try:
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        tempfile.tempdir = None  # looked up once in a process, and this is a new one
        for number, file in enumerate((out, err), 1):
            os.dup2(file.fileno(), number)
        sys.stdout, sys.stderr = stream(1, "strict"), stream(2, "backslashreplace")
        sys.argv[:] = ["nightlatch", *args]
        sys.orig_argv[:] = [sys.executable, "-m", *sys.argv]
        sys.unraisablehook, threading.excepthook = sys.__unraisablehook__, threading.__excepthook__
        signal.signal(signal.SIGINT, signal.default_int_handler)
        warnings.simplefilter("ignore")
        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:  # noqa: BLE001  # as Python ends, whatever it was
        traceback.print_exc()
    finally:
        # what it started ends before it does, as at the end of any Python
        weakref.finalize._exitfunc()  # type: ignore[attr-defined]  # the one way to do that early
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def forget_parents_finalizers() -> None:
    """Leave the temporary folders and the gits of the tests alone: they are the parent's."""
    for finalizer in [*weakref.finalize._registry]:  # type: ignore[attr-defined]  # no other list
        finalizer.detach()


def stream(number: int, errors: str) -> TextIOWrapper:
    raw = open(number, "wb", buffering=0 if number == 2 else -1, closefd=False)  # noqa: SIM115  # by its number, until the end
    return TextIOWrapper(raw, encoding="utf-8", errors=errors, write_through=number == 2)
